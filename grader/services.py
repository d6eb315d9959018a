"""What a test asks of the supervisor: a started process, a model in a process of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

from grader import codec
from grader.jail.children import Child
from grader.jail.processes import LocalProcess, Start, start_here

FIRST_LINK = 2
LOADED = -1  # number of the request to load the model; replies before are to "warm" and "begin"
LOAD_MODEL = """
import mlflow
import mlflow.pyfunc
import mlflow.sklearn
try:
    model = mlflow.sklearn.load_model({folder!r})
except mlflow.exceptions.MlflowException:
    model = mlflow.pyfunc.load_model({folder!r})
"""
PROCESS_VALUES = {"running", "exit_code", "output", "peak_memory_bytes"}
PROCESS_CALLS = {"wait", "kill", "close"}


class Room(Protocol):
    """Where a run's processes work: `folder`, their variables, and further empty folders for models."""

    folder: Path
    environment: dict[str, str]

    def empty_folder(self) -> Path: ...


class Services:
    """Serves one run's judge, each request in a thread of its own so that the run keeps its clock.

    start_learner: gives a fresh learner-side child, and the frame by which it begins in the folder it is given.
    start: how a delivered file is started; inherited: its variables, or None for this process's.
    """

    def __init__(
        self,
        room: Room,
        start_learner: Callable[[Path], tuple[Child, bytes]],
        start: Start = start_here,
        inherited: Mapping[str, str] | None = None,
    ) -> None:
        self._room = room
        self._start, self._inherited = start, inherited
        self._start_learner = start_learner
        self._processes: list[LocalProcess] = []
        self._links: list[Child] = []
        self.starting: set[Child] = set()  # no reply to LOADED yet: what they send is for nobody
        self.waiting: set[int] = set()  # requests that are not answered yet

    def serve(self, judge: Child, message: dict[str, Any]) -> None:
        """Answer `message` of the judge's when it is done."""
        self.waiting.add(message["id"])
        threading.Thread(target=self._serve, args=(judge, message), daemon=True).start()

    def _serve(self, judge: Child, message: dict[str, Any]) -> None:
        try:
            frame = codec.dumps({"id": message["id"], "value": self._do(message)})
        except Exception as error:
            types = [f"{kind.__module__}.{kind.__qualname__}" for kind in type(error).__mro__]
            frame = codec.dumps({"id": message["id"], "error": {"types": types, "message": str(error)}})
        self.waiting.discard(message["id"])
        judge.send(b"\0" + frame)

    def _do(self, message: dict[str, Any]) -> object:
        verb = message["verb"]
        if verb == "start_process":
            return self._start_process(message)
        if verb == "process":
            return self._process(message)
        if verb == "load_model":
            return self._load_model(message["folder"])
        raise ValueError(f"no such request: {verb}")

    def _start_process(self, message: dict[str, Any]) -> int:
        process = LocalProcess(
            message["arguments"],
            folder=self._room.folder,
            env={**self._room.environment, **message["env"]},
            port=message["port"],
            limit_seconds=message["limit_seconds"],
            inherited=self._inherited,
            start=self._start,
        )
        self._processes.append(process)
        return len(self._processes) - 1

    def _process(self, message: dict[str, Any]) -> object:
        process, what = self._processes[message["number"]], message["what"]
        if what in PROCESS_VALUES:
            return getattr(process, what)
        if what not in PROCESS_CALLS:
            raise ValueError(f"a process has no {what}")
        value = getattr(process, what)(*message["arguments"])
        return value if what == "wait" else None

    def _load_model(self, folder: str) -> int:
        child, begin = self._start_learner(self._room.empty_folder())
        self.starting.add(child)
        self._links.append(child)
        child.send(begin)
        child.send(
            codec.dumps(
                {"verb": "cell", "id": LOADED, "name": "model", "text": LOAD_MODEL.format(folder=folder)}
            )
        )
        return FIRST_LINK + len(self._links) - 1

    def child_of(self, link: int) -> Child | None:
        """The learner-side child of a link that the judge names."""
        index = link - FIRST_LINK
        return self._links[index] if 0 <= index < len(self._links) else None

    def link_of(self, child: Child) -> int | None:
        """The link under which the judge knows `child`."""
        return FIRST_LINK + self._links.index(child) if child in self._links else None

    def kill(self, because: str) -> None:
        """End what a test waits for in vain, so that it is told and can go on."""
        for child in self._links:
            child.kill(because)
        for process in self._processes:
            process.kill()

    def end_test(self) -> None:
        """Stop what the last test started."""
        for process in self._processes:
            process.close()
        for child in self._links:
            child.close()
