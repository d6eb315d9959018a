"""What the judge's process offers to the words of `expect`: it asks the supervisor for what runs outside."""

from __future__ import annotations

import inspect
import os
import stat
import textwrap
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from grader.remote import Proxy

if TYPE_CHECKING:
    from grader.judge import Judge
    from grader.run_store import RunRecord

MAX_FILE_BYTES = 64 * 1024 * 1024


class JudgeHost:
    """The host of a test that runs in the judge's process."""

    def __init__(self, judge: Judge) -> None:
        self._judge = judge

    def checked(self, word: str) -> None:
        """Lines are noted by the recorder around this host."""

    def seed(self) -> int:
        return int(self._judge.facts["seed"])

    def start_process(
        self, arguments: Sequence[str], *, env: Mapping[str, str], port: bool, limit_seconds: float
    ) -> RemoteProcess:
        number = self._judge.supervisor.value(
            "start_process", arguments=list(arguments), env=dict(env), port=port, limit_seconds=limit_seconds
        )
        return RemoteProcess(self._judge, number)

    def read_file(self, name: str) -> bytes | None:
        return read_plain_file(Path(self._judge.facts["folder"]) / name)

    def newest_run(self) -> RunRecord | None:
        from grader.run_store import newest_run

        facts = self._judge.facts
        return newest_run(Path(facts["store"]), facts["experiment"], facts["since_ms"])

    def load_model(self, record: RunRecord, name: str | None) -> object:
        models = [model for model in record.models if name in (None, model.name)]
        if not models:
            raise FileNotFoundError(f"the run has no model called {name}" if name else "the run has no model")
        link = self._judge.supervisor.value("load_model", folder=str(models[-1].folder))
        found, value = self._judge.peer(link).value("name", name="model")
        if not found:
            raise FileNotFoundError("the model did not load")
        return value

    def beside(self, function: Callable[..., object], arguments: Sequence[object]) -> object:
        text = textwrap.dedent(inspect.getsource(function))
        return self._judge.learner.value("beside", text=text, name=function.__name__, args=list(arguments))

    def describe_figure(self, figure: object) -> dict[str, Any]:
        if isinstance(figure, Proxy):
            description = self._judge.learner.value("figure", figure=figure)
            return description if isinstance(description, dict) else {}
        from grader.expect.figures import describe_figure

        return describe_figure(figure)


class RemoteProcess:
    """A process that the supervisor started for a test; offers what LocalProcess offers."""

    def __init__(self, judge: Judge, number: int) -> None:
        self._judge = judge
        self._number = number

    def _ask(self, what: str, *arguments: object) -> Any:
        return self._judge.supervisor.value(
            "process", number=self._number, what=what, arguments=list(arguments)
        )

    def __enter__(self) -> RemoteProcess:
        return self

    def __exit__(self, *_: object) -> None:
        self._ask("close")

    @property
    def port(self) -> int:
        return int(self._ask("port"))

    @property
    def url(self) -> str:
        return str(self._ask("url"))

    @property
    def running(self) -> bool:
        return bool(self._ask("running"))

    @property
    def exit_code(self) -> int | None:
        return self._ask("exit_code")

    @property
    def output(self) -> str:
        return str(self._ask("output"))

    @property
    def peak_memory_bytes(self) -> int:
        return int(self._ask("peak_memory_bytes"))

    def wait(self, *seconds: float) -> int | None:
        return self._ask("wait", *seconds)

    def wait_for_port(self, *seconds: float) -> object:
        return self._ask("wait_for_port", *seconds)

    def wait_for_file(self, name: str, *seconds: float) -> object:
        return self._ask("wait_for_file", name, *seconds)

    def kill(self) -> None:
        self._ask("kill")

    def close(self) -> None:
        self._ask("close")

    def read(self, name: str) -> bytes:
        return self._ask("read", name)

    def write(self, name: str, data: bytes) -> None:
        self._ask("write", name, data)

    def files(self) -> list[str]:
        return list(self._ask("files"))


def read_plain_file(path: Path) -> bytes | None:
    """The bytes of a regular file that is no link and within the limit, or None."""
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
    except OSError:
        return None
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode) or status.st_size > MAX_FILE_BYTES:
            return None
        return file.read(MAX_FILE_BYTES)
