"""Running one test's cell and saying how it ended, the same in the judge and beside the notebook."""

from __future__ import annotations

import builtins
import linecache
import sys
import time
import traceback
from collections.abc import Container, Mapping
from types import MappingProxyType
from typing import Any

from grader.expect import ExpectationFailed, host
from grader.learner_error import LearnerError, describe_error, place_of
from grader.model import Outcome
from grader.remote import Peer, PeerGone, ProtocolError, describe

MAX_SHOWN = 700  # of an exception's text; advice often stands at its end


class Recorder:
    """A host that notes on which line of the test's cell each word ran, and asks another for the rest."""

    def __init__(self, inner: host.Host, file: str) -> None:
        self._inner = inner
        self._file = file
        self.lines: list[int] = []
        self.beside_calls = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def checked(self, word: str) -> None:
        self.lines.append(lines_in(self._file)[-1])

    def beside(self, function: Any, arguments: Any) -> object:
        self.beside_calls += 1
        return self._inner.beside(function, arguments)


def lines_in(file: str) -> list[int]:
    """The lines of the running frames that belong to `file`, outermost first; [0] if there are none."""
    lines = []
    frame = sys._getframe(1)
    while frame is not None:
        if frame.f_code.co_filename == file:
            lines.append(frame.f_lineno)
        frame = frame.f_back  # type: ignore[assignment]
    return lines[::-1] or [0]


def judge_cell(
    name: str,
    text: str,
    names: dict[str, Any],
    peer: Peer | None,
    hidden_line: int | None = None,
    cells: Mapping[str, str] = MappingProxyType({}),
) -> dict[str, Any]:
    """Execute the cell of test `name` with `names` and return its verdict as plain values.

    peer: the link to the learner's process, or None where the objects are real.
    hidden_line: first line of the hidden part; what fails from there on keeps its input, also in a function of the
    visible part that the hidden part calls.
    cells: text of the notebook's cells and of the files that they deliver, by name; a failure of the hidden part
    points at these alone.
    """
    file = f"<test {name}>"
    linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
    recorder = Recorder(host.current(), file)
    previous = host.use(recorder)
    start = time.perf_counter()
    verdict: dict[str, Any] = {"outcome": Outcome.PASSED.value}
    try:
        exec(compile(text, file, "exec", dont_inherit=True), names)
    except PeerGone:
        raise
    except BaseException as error:
        lines = failing_lines(error, file)
        hidden = hidden_line is not None and max(lines) >= hidden_line
        verdict = {**failure_of(error, file, peer, hidden), "line": lines[-1], "hidden": hidden}
        if hidden:
            verdict = kept_in(verdict, cells, names)
    finally:
        host.use(previous)
    return {
        **verdict,
        "lines": sorted(set(recorder.lines)),
        "beside": recorder.beside_calls,
        "seconds": time.perf_counter() - start,
    }


def kept_in(verdict: dict[str, Any], cells: Mapping[str, str], names: Container[str]) -> dict[str, Any]:
    """A verdict of the hidden part without words that the learner's process chose, which may be its input."""
    cell, line = verdict.pop("cell", ""), verdict.pop("cell_line", 0)
    called = verdict.get("what", "").partition(",")[0].partition(".")[0].partition("[")[0]
    if verdict.get("word") in ("", "call") and called not in names:
        verdict["what"] = "your code, on hidden input"
    if verdict.get("word") == "call":
        lines = cells.get(cell, "").splitlines()
        if 1 <= line <= len(lines):
            verdict |= {"cell": cell, "look_at": place_in(cell, line, lines[line - 1].strip()[:200])}
        else:
            verdict["look_at"] = "what your code calls"
    return verdict


def place_in(cell: str, line: int, code: str) -> str:
    """Where in the learner's notebook or delivered file, in words."""
    whose = f"your file {cell}" if cell.endswith(".py") else f"your cell {cell}"
    return f'line {line} of {whose}, "{code}"'


def failing_lines(error: BaseException, file: str) -> list[int]:
    """The lines of the test's cell through which `error` came, outermost first; [0] if there are none."""
    frames = traceback.extract_tb(error.__traceback__)
    return [frame.lineno or 0 for frame in frames if frame.filename == file] or [0]


def failure_of(error: BaseException, file: str, peer: Peer | None, hidden: bool) -> dict[str, Any]:
    """Outcome and the four parts of the message for an exception that left a test's cell."""
    if isinstance(error, ExpectationFailed):
        return {
            "outcome": Outcome.FAILED.value,
            "word": error.word,
            "what": error.what,
            "got": error.got_coarse if hidden else error.got,
            "expected": "the value that the rule gives" if hidden else error.expected,
            "why": error.why,
            "look_at": error.look_at,
        }
    if isinstance(error, LearnerError):
        return raised(
            error.type_names, error.message, error.called, error.cell, error.line, error.code, hidden
        )
    if isinstance(error, ProtocolError):
        verdict = stopped(f"what came back could not be read ({error})", peer, hidden)
        return {**verdict, "unreadable": True}
    if peer is None:
        report = describe_error(error)
        if report.get("cell") and f"<{report['cell']}>" != file:
            called = f"{innermost_function(error, report['cell'])}(...)"
            return raised(
                report["types"],
                report["message"],
                called,
                report["cell"],
                report["line"],
                report["code"],
                hidden,
            )
    # The key that a test looked for is the author's; other texts may hold what the learner's code gave back.
    text = f" ({error})" if isinstance(error, KeyError) or not hidden else ""
    return stopped(f"the next step of this test raised {type(error).__name__}{text[:200]}", peer, hidden)


def innermost_function(error: BaseException, cell: str) -> str:
    """The first function of the notebook's `cell`, or delivered file, in the traceback of `error`."""
    for frame in traceback.extract_tb(error.__traceback__):
        if place_of(frame.filename) == cell:
            return frame.name
    return cell


def raised(
    types: Any, message: str, called: str, cell: str, line: int, code: str, hidden: bool
) -> dict[str, Any]:
    """The verdict where learner code raised instead of returning."""
    names = [str(name) for name in types]
    outcome = Outcome.FAILED
    if "builtins.NotImplementedError" in names:
        outcome = Outcome.NOT_ATTEMPTED
    elif "builtins.MemoryError" in names:
        outcome = Outcome.OUT_OF_LIMITS
    if hidden:  # the name of a class of the learner's own may hold the input
        names = [name for name in names if is_builtin_exception(name)]
    kind = names[0].rpartition(".")[2] if names else "an exception"
    if hidden:
        called = f"{called.partition('(')[0]}, on hidden input"
    text = f" ({message[:MAX_SHOWN]})" if message and not hidden else ""
    place = place_in(cell, line, code) if cell and code else "what your code calls"
    unreadable = "builtins.SyntaxError" in names
    return {
        "outcome": outcome.value,
        "word": "call",
        "what": called or "your code",
        "got": f"{kind}{text}",
        "expected": "code that Python can read" if unreadable else "a result",
        "why": "before that none of it runs" if unreadable else "nothing in this call asks for an exception",
        "look_at": place,
        "cell": cell,
        "cell_line": line,
    }


def is_builtin_exception(name: str) -> bool:
    """Whether a qualified name is that of an exception of Python's own."""
    module, _, word = name.rpartition(".")
    kind = getattr(builtins, word, None) if module == "builtins" else None
    return isinstance(kind, type) and issubclass(kind, BaseException)


def stopped(reason: str, peer: Peer | None, hidden: bool) -> dict[str, Any]:
    """The verdict where a test could not work with what the learner's code gave it."""
    called = peer.last_call if peer is not None else ""
    value = describe(peer.last_value) if peer is not None else "a value of another kind"
    if hidden:
        called = f"{called.partition('(')[0]}, on hidden input" if called else ""
        value = f"a value of type {type(peer.last_value).__name__}" if peer is not None else value
    return {
        "outcome": Outcome.FAILED.value,
        "word": "",
        "what": called or "your answer",
        "got": value,
        "expected": "a value that the test can go on with",
        "why": reason,
        "look_at": "the type and the shape of what you return",
    }
