"""The learner's process: runs the notebook's cells and answers the judge's requests.

Everything in here is in reach of learner code, so nothing in here decides a mark.
"""

from __future__ import annotations

import ast
import contextlib
import importlib
import inspect
import linecache
import os
import sys
import time
import types
from collections.abc import Callable, Iterator
from typing import Any

from grader.jail.channel import Channel, ChannelClosed
from grader.learner_error import BESIDE, describe_error
from grader.remote import Peer, PeerGone

OUTPUT_LIMIT_BYTES = 64 * 1024
WRITEFILE = "%%writefile"
FIRST_USE = {
    "sklearn": ("narwhals._pandas_like.dataframe", "narwhals._pandas_like.namespace"),
    "pyarrow": ("pyarrow.pandas_compat",),
}


class Transcript:
    """Everything that this process prints, at any level, kept in one unnamed file."""

    def __init__(self) -> None:
        import tempfile

        folder = os.environ.pop("SEATRIAL_OUTPUT", None)  # in a jail it has a place of its own
        self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115  (open as long as the process lives)
        self._descriptor = self._file.fileno()
        for descriptor in (1, 2):
            os.dup2(self._descriptor, descriptor)
        sys.stdout = os.fdopen(1, "w", encoding="utf-8", errors="replace", buffering=1, closefd=False)
        sys.stderr = os.fdopen(2, "w", encoding="utf-8", errors="replace", buffering=1, closefd=False)

    def take(self) -> str:
        """What was printed since the last call, cut at a limit."""
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(Exception):
                stream.flush()
        size = os.lseek(self._descriptor, 0, os.SEEK_END)
        if not size:
            return ""
        data = os.pread(self._descriptor, OUTPUT_LIMIT_BYTES, 0) if hasattr(os, "pread") else self._read()
        os.ftruncate(self._descriptor, 0)
        os.lseek(self._descriptor, 0, os.SEEK_SET)
        text = data.decode("utf-8", "replace")
        return text if size <= OUTPUT_LIMIT_BYTES else f"{text}\n[{size} bytes in all, cut here]"

    def _read(self) -> bytes:
        os.lseek(self._descriptor, 0, os.SEEK_SET)
        return os.read(self._descriptor, OUTPUT_LIMIT_BYTES)


class Notebook:
    """The names of one notebook, and the execution of its cells."""

    def __init__(self) -> None:
        self.module = types.ModuleType("__main__")
        self.names = self.module.__dict__
        self.names["display"] = display
        self._shell: Any = None

    def run(self, name: str, text: str) -> None:
        """Execute one cell; raises what the cell raises."""
        if text.lstrip().startswith(WRITEFILE):
            write_file(text.lstrip())
            return
        file = f"<{name}>"
        linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
        try:
            tree = ast.parse(text, file)
        except SyntaxError:
            if not wants_shell(text):
                raise
            self._run_in_shell(text)
            return
        if any(isinstance(node, ast.Name) and node.id == "get_ipython" for node in ast.walk(tree)):
            self._ready_shell()
        code = compile(tree, file, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)
        if code.co_flags & inspect.CO_COROUTINE:
            import asyncio

            asyncio.run(eval(code, self.names))
        else:
            exec(code, self.names)

    def _ready_shell(self) -> Any:
        if self._shell is None:
            from IPython.core.interactiveshell import InteractiveShell

            class Shell(InteractiveShell):
                def enable_gui(self, gui: object = None) -> None:
                    """For %matplotlib: no window can open here, figures are kept as they are."""

            self._shell = Shell.instance(user_ns=self.names, user_module=self.module)
            self._shell.history_manager.enabled = False
        return self._shell

    def _run_in_shell(self, text: str) -> None:
        result = self._ready_shell().run_cell(text, store_history=False)
        result.raise_error()


def wants_shell(text: str) -> bool:
    """Whether a cell that is no Python has a line of IPython's own syntax."""
    lines = [line.strip() for line in text.splitlines()]
    return any(line.startswith(("%", "!", "?")) or line.endswith("?") or "= !" in line for line in lines)


def write_file(text: str) -> None:
    """Do what IPython's `%%writefile [-a] NAME` does."""
    first, _, body = text.partition("\n")
    words = first.split()[1:]
    append = bool(words) and words[0] in ("-a", "--append")
    words = words[1:] if append else words
    if len(words) != 1:
        raise ValueError(f"{WRITEFILE} takes one file name")
    with open(os.path.expanduser(words[0].strip("\"'")), "a" if append else "w", encoding="utf-8") as file:
        file.write(body if body.endswith("\n") or not body else body + "\n")


def display(*values: object, **_: object) -> None:
    """Print, where a notebook would show."""
    for value in values:
        print(value)


class Learner:
    """Answers the supervisor ("warm", "begin", "cell", "check") and the judge (objects by name)."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self.transcript = Transcript()
        self.notebook = Notebook()
        self.peer = Peer(
            channel.send,
            self._receive,
            verbs={
                "warm": self._warm,
                "begin": self._begin,
                "cell": self._cell,
                "check": self._check,
                **object_verbs(self.notebook.names),
            },
            describe_error=describe_error,
        )

    def _receive(self) -> bytes:
        try:
            return self._channel.receive()
        except ChannelClosed as error:
            raise PeerGone() from error

    def serve(self) -> None:
        """Answer until the other side closes."""
        while True:
            message = self.peer.loads(self._receive())
            if isinstance(message, dict) and "verb" in message:
                self.peer.answer(message)

    def _warm(self, message: dict) -> None:
        for module in message["modules"]:
            with contextlib.suppress(Exception):
                importlib.import_module(module)
        if not message["hurried"]:
            warm()
        self.transcript.take()

    def _begin(self, message: dict) -> None:
        os.environ.update(message["environment"])
        os.makedirs(message["folder"], exist_ok=True)
        os.chdir(message["folder"])
        for name, data in message.get("files", {}).items():
            os.makedirs(os.path.dirname(name) or ".", exist_ok=True)
            with open(name, "wb") as file:
                file.write(data)
        sys.path[:0] = [""]
        sys.modules["__main__"] = self.notebook.module

    def _cell(self, message: dict) -> dict:
        start = time.perf_counter()
        error = None
        self.transcript.take()  # what a test's calls printed may show their input
        try:
            with keep_figures_quiet():
                self.notebook.run(message["name"], message["text"])
        except PeerGone:
            raise
        except BaseException as raised:
            error = describe_error(raised)
        return {
            "error": error,
            "seconds": time.perf_counter() - start,
            "output": self.transcript.take(),
        }

    def _check(self, message: dict) -> dict:
        """Run a test's cell in here, beside the real objects, as a notebook does."""
        from grader.judging import judge_cell

        verdict = judge_cell(
            message["name"],
            message["text"],
            self.notebook.names,
            None,
            message["hidden_line"],
            message["cells"],
        )
        return {**verdict, "output": self.transcript.take()}


def object_verbs(names: dict) -> dict[str, Callable[[dict], object]]:
    """What a judge may ask of a notebook's `names`: an object, its own function run here, a figure."""

    def name(message: dict) -> list:
        wanted = message["name"]
        return [True, names[wanted]] if wanted in names else [False, None]

    return {"name": name, "beside": run_beside, "figure": describe_a_figure}


def run_beside(message: dict) -> object:
    """Run the author's function, given as text, on real objects."""
    names: dict = {"__name__": "beside"}
    linecache.cache[BESIDE] = (1, None, message["text"].splitlines(keepends=True), BESIDE)
    exec(compile(message["text"], BESIDE, "exec", dont_inherit=True), names)
    return names[message["name"]](*message["args"])


def describe_a_figure(message: dict) -> object:
    """A figure as plain values."""
    from grader.expect.figures import describe_figure

    return describe_figure(message["figure"])


@contextlib.contextmanager
def keep_figures_quiet() -> Iterator[None]:
    """Let `plt.show()` do nothing, as no window can open here."""
    pyplot = sys.modules.get("matplotlib.pyplot")
    if pyplot is None:
        yield
        return
    shown, pyplot.show = pyplot.show, lambda *args, **kwargs: None  # type: ignore[attr-defined]
    try:
        yield
    finally:
        pyplot.show = shown  # type: ignore[attr-defined]


def warm() -> None:
    """Import what the first cell and the first use of a library that is here would: MLflow's first run takes 0.8 s."""
    from grader import tracking

    for library, modules in FIRST_USE.items():
        for module in modules if library in sys.modules else ():
            with contextlib.suppress(Exception):
                importlib.import_module(module)
    if "mlflow" in sys.modules:
        with contextlib.suppress(Exception):
            tracking.warm()


def main(channel: Channel) -> None:
    """Serve until the other side has gone; then end at once, without waiting for threads."""
    with contextlib.suppress(PeerGone):
        Learner(channel).serve()
    os._exit(0)
