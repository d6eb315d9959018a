"""What the judge's process offers to the words of `expect`: it asks the supervisor for what runs outside."""

from __future__ import annotations

import inspect
import textwrap
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from grader.jail.folders import FolderFiles, free_port, listens, read_regular_file, wait_until
from grader.remote import Proxy

if TYPE_CHECKING:
    from grader.judge import Judge
    from grader.run_store import RunRecord
    from grader.store_models import RegisteredRecord


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
        chosen = free_port() if port else 0
        number = self._judge.supervisor.value(
            "start_process",
            arguments=list(arguments),
            env=dict(env),
            port=chosen,
            limit_seconds=limit_seconds,
        )
        name = next((part for part in arguments if part != "-m"), "the process")
        return RemoteProcess(self._judge, number, chosen, name)

    def read_file(self, name: str) -> bytes | None:
        try:
            return read_regular_file(Path(self._judge.facts["folder"]) / name)
        except FileNotFoundError:
            return None

    def newest_run(self) -> RunRecord | None:
        from grader.run_store import newest_run

        facts = self._judge.facts
        return newest_run(Path(facts["store"]), facts["experiment"], facts["since_ms"])

    def registered_models(self) -> tuple[RegisteredRecord, ...]:
        from grader.store_models import registered_models

        return registered_models(Path(self._judge.facts["store"]))

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


class RemoteProcess(FolderFiles):
    """A process that the supervisor started for a test; offers what LocalProcess offers.

    Its files and its port lie before the judge's eyes; the rest is asked of the supervisor.
    """

    def __init__(self, judge: Judge, number: int, port: int, name: str) -> None:
        super().__init__(Path(judge.facts["folder"]))
        self._judge = judge
        self._number = number
        self._name = name
        self.port = port

    def _ask(self, what: str, *arguments: object) -> Any:
        return self._judge.supervisor.value(
            "process", number=self._number, what=what, arguments=list(arguments)
        )

    def __enter__(self) -> RemoteProcess:
        return self

    def __exit__(self, *_: object) -> None:
        self._ask("close")

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

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

    def wait_for_port(self, seconds: float = 10.0) -> None:
        self._wait_until(lambda: listens(self.port), seconds, f"listened on port {self.port} of 127.0.0.1")

    def wait_for_file(self, name: str, seconds: float = 10.0) -> None:
        self._wait_until(lambda: self.has(name), seconds, f"wrote {name}")

    def _wait_until(self, ready: Callable[[], bool], seconds: float, did: str) -> None:
        wait_until(ready, lambda: self.exit_code, time.sleep, seconds, self._name, did)

    def kill(self) -> None:
        self._ask("kill")

    def close(self) -> None:
        self._ask("close")
