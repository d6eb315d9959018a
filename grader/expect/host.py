"""Whom the words of `expect` ask for what lies outside of a test: seeds, processes, runs, files."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import grader

if TYPE_CHECKING:
    from grader.store_models import RegisteredRecord
    from grader.tracking import RunRecord

FIXED_SEED = 20261121
MOST_FILE_BYTES = 64 * 2**20


class ProcessHandle(Protocol):
    """A started file; `grader.jail.processes.LocalProcess` says what each does."""

    @property
    def port(self) -> int: ...
    @property
    def url(self) -> str: ...
    @property
    def running(self) -> bool: ...
    @property
    def exit_code(self) -> int | None: ...
    @property
    def output(self) -> str: ...
    @property
    def peak_memory_bytes(self) -> int: ...
    def wait(self, seconds: float = ...) -> int | None: ...
    def wait_for_port(self, seconds: float = ...) -> object: ...
    def wait_for_file(self, name: str, seconds: float = ...) -> object: ...
    def kill(self) -> None: ...
    def close(self) -> None: ...
    def read(self, name: str) -> bytes: ...
    def write(self, name: str, data: bytes) -> None: ...
    def files(self) -> list[str]: ...


class Host(Protocol):
    """What a world offers to the words: the notebook (LocalHost) or the judge."""

    def seed(self) -> int: ...
    def start_process(
        self, arguments: Sequence[str], *, env: Mapping[str, str], port: bool, limit_seconds: float
    ) -> ProcessHandle: ...
    def read_file(self, name: str) -> bytes | None: ...
    def newest_run(self) -> RunRecord | None: ...
    def registered_models(self) -> tuple[RegisteredRecord, ...]: ...
    def load_model(self, record: RunRecord, name: str | None) -> object: ...
    def beside(self, function: Callable[..., object], arguments: Sequence[object]) -> object: ...
    def describe_figure(self, figure: object) -> dict[str, Any]: ...
    def checked(self, word: str) -> None: ...


class LocalHost:
    """The host of a test cell in a notebook, where all objects are real and processes plain subprocesses."""

    def checked(self, word: str) -> None:
        """A notebook does not note which words ran."""

    def seed(self) -> int:
        text = os.environ.get("SEATRIAL_SEED", "")
        try:
            return abs(int(text))
        except ValueError:
            return FIXED_SEED

    def start_process(
        self, arguments: Sequence[str], *, env: Mapping[str, str], port: bool, limit_seconds: float
    ) -> ProcessHandle:
        from grader.jail.folders import free_port
        from grader.jail.processes import LocalProcess

        number = free_port() if port else 0
        return LocalProcess(arguments, folder=Path.cwd(), env=env, port=number, limit_seconds=limit_seconds)

    def read_file(self, name: str) -> bytes | None:
        path = Path(name)
        if not path.is_file() or path.stat().st_size > MOST_FILE_BYTES:
            return None
        return path.read_bytes()

    def newest_run(self) -> RunRecord | None:
        from grader.store import database_of
        from grader.tracking import experiment_name, newest_run

        database = database_of(os.environ.get("MLFLOW_TRACKING_URI", ""))
        unit = os.environ.get(grader.UNIT)
        if database is None or unit is None:
            return None
        return newest_run(database, experiment_name(unit), start_of_this_process_ms())

    def registered_models(self) -> tuple[RegisteredRecord, ...]:
        from grader.store import database_of
        from grader.store_models import registered_models

        database = database_of(os.environ.get("MLFLOW_TRACKING_URI", ""))
        return () if database is None else registered_models(database)

    def load_model(self, record: RunRecord, name: str | None) -> object:
        from grader.expect.model_process import FreshModel

        models = [model for model in record.models if name in (None, model.name)]
        if not models:
            raise FileNotFoundError(f"the run has no model called {name}" if name else "the run has no model")
        return FreshModel(models[-1].folder)

    def beside(self, function: Callable[..., object], arguments: Sequence[object]) -> object:
        return function(*arguments)

    def describe_figure(self, figure: object) -> dict[str, Any]:
        from grader.expect.figures import describe_figure

        return describe_figure(figure)


def start_of_this_process_ms() -> int:
    """When this kernel was started: what began before is of another execution."""
    import psutil

    return int(psutil.Process().create_time() * 1000) - 1000


_current: Host = LocalHost()


def current() -> Host:
    """The host of the world that this test runs in."""
    return _current


def use(host: Host) -> Host:
    """Make `host` the current one; returns the one before."""
    global _current
    previous, _current = _current, host
    return previous
