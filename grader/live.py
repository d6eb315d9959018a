"""Judging the names of a live notebook: the judge is a process of its own, the kernel only answers it."""

from __future__ import annotations

import contextlib
import os
import queue
import tempfile
import time
from pathlib import Path
from typing import Any

import grader
from grader import codec, tracking, verdicts
from grader.checking import judge_modules
from grader.errors import SeatrialError
from grader.expect.host import start_of_this_process_ms
from grader.jail.children import Child, next_event, spawn
from grader.learner import object_verbs
from grader.learner_error import describe_error
from grader.model import Outcome, Report, Test, TestResult, Unit
from grader.remote import Peer, PeerGone
from grader.runner import draw_seed
from grader.services import Services
from grader.twin import into_twin
from grader.workers import JUDGE_PROGRAM, warm_frame

START_SECONDS = 60.0


class LiveRoom:
    """What services need of a run's folders, for a notebook that runs where it lies.

    store: a twin of the notebook's MLflow store, into which it logs until `close`; None if it is no file.
    """

    def __init__(self, experiment: str) -> None:
        self._stack = contextlib.ExitStack()
        self._own = self._stack.enter_context(tempfile.TemporaryDirectory(prefix="seatrial-live-"))
        self.folder = Path.cwd()
        self.store = self._stack.enter_context(into_twin(experiment, Path(self._own)))
        self.environment = {"MLFLOW_TRACKING_URI": os.environ.get("MLFLOW_TRACKING_URI", "")}

    def empty_folder(self) -> Path:
        return Path(tempfile.mkdtemp(dir=self._own))

    def close(self) -> None:
        """Point the notebook back to the learner's store and remove what the check left."""
        self._stack.close()


class LiveCheck:
    """One `%check`: every test of `unit` against `names`."""

    def __init__(self, unit: Unit, names: dict[str, Any], seed: int | None = None) -> None:
        if os.environ.get(grader.UNIT) != unit.name:
            raise SeatrialError(f"run the first cell of {unit.name}, then check again")
        self.unit, self.names = unit, names
        self.seed = draw_seed() if seed is None else seed
        self.events: queue.SimpleQueue = queue.SimpleQueue()
        self.experiment = tracking.experiment_name(unit.name)
        self.room = LiveRoom(self.experiment)
        self.children: list[Child] = []
        self.services = Services(self.room, self._new_learner)
        self.judge = spawn(JUDGE_PROGRAM, self.events)
        self.children.append(self.judge)
        self.judge.send(b"\0" + warm_frame(judge_modules(unit)))
        self.judge.send(b"\0" + codec.dumps({"verb": "begin", "id": 0, **self._facts()}))
        self.peer = self._fresh_peer()

    def _fresh_peer(self) -> Peer:
        return Peer(
            lambda frame: self.judge.send(b"\1" + frame),
            self._receive,
            verbs=object_verbs(self.names),
            describe_error=describe_error,
        )

    def _facts(self) -> dict[str, Any]:
        return {
            "seed": self.seed,
            "folder": str(self.room.folder),
            "store": str(self.room.store or ""),
            "experiment": self.experiment,
            "since_ms": start_of_this_process_ms(),
            "environment": {},
        }

    def _new_learner(self, folder: Path) -> tuple[Child, bytes]:
        child = spawn("grader.learner", self.events)
        self.children.append(child)
        place = {"environment": self.room.environment, "folder": str(folder)}
        return child, codec.dumps({"verb": "begin", "id": 0, **place})

    def run(self) -> Report:
        """Every test in order. An endless loop in the learner's code is ended by interrupting the kernel."""
        start = time.perf_counter()
        try:
            results = tuple(self._test(number, test) for number, test in enumerate(self.unit.tests, 1))
        finally:
            self.close()
        return Report(
            unit=self.unit.name,
            results=results,
            seed=self.seed,
            seconds=time.perf_counter() - start,
            own_seconds=0.0,
            notes=("judged as the notebook is now; mle check, the clean run, is the one that counts",),
        )

    def close(self) -> None:
        for child in self.children:
            child.close()
        self.room.close()

    def _test(self, number: int, test: Test) -> TestResult:
        for answer in (self.unit.answer(name) for name in test.of):
            if not self._attempted(answer.names, answer.file, answer.stub):
                reason = verdicts.untouched(answer.name)
                return verdicts.result(test, {"outcome": Outcome.NOT_ATTEMPTED.value, "reason": reason})
        names = [name for answer in self.unit.answers if answer.name in test.of for name in answer.names]
        self.peer = self._fresh_peer()
        body = {"name": test.name, "of": list(test.of), "text": test.text, "names": names}
        rest = {"hidden_line": test.hidden_line, "record": False}
        self.judge.send(b"\0" + codec.dumps({"verb": "test", "id": number, **body, **rest}))
        try:
            return verdicts.result(test, self._verdict(number))
        except PeerGone:
            return verdicts.result(test, {"outcome": Outcome.CRASHED.value, "reason": "the judge ended"})
        finally:
            self.services.end_test()

    def _attempted(self, names: tuple[str, ...], file: str | None, stub: str) -> bool:
        if file is not None:
            path = Path(file)
            return path.is_file() and path.read_text(errors="replace").strip() not in ("", stub.strip())
        return not names or any(name in self.names for name in names)

    def _verdict(self, number: int) -> dict[str, Any]:
        """Answer the judge's requests until it says how test `number` ended."""
        while True:
            frame = self._next()
            if frame[0] == 1:
                message = self.peer.loads(frame[1:])
                if isinstance(message, dict) and "verb" in message:
                    self.peer.answer(message)
                continue
            message = codec.loads(frame[1:])
            if "verb" in message:
                self.services.serve(self.judge, message)
            elif message.get("id") == number:
                return message.get("value") or {"outcome": Outcome.CRASHED.value, "reason": "no verdict"}

    def _receive(self) -> bytes:
        """The next frame for the kernel's side of a call that is under way."""
        while True:
            frame = self._next()
            if frame[0] == 1:
                return frame[1:]

    def _next(self) -> bytes:
        """The next frame of the judge's; frames between it and other processes are carried meanwhile."""
        while True:
            event = next_event(self.events, time.monotonic() + START_SECONDS)
            if event is None or (event[0] is self.judge and event[1] is None):
                raise PeerGone()
            source, data = event
            if source is not self.judge:
                link = self.services.link_of(source)
                if link is not None:
                    self.judge.send(bytes([link]) + (data or b""))
            elif data and data[0] > 1:
                child = self.services.child_of(data[0])
                if child is None or not child.alive:
                    self.judge.send(bytes([data[0]]))
                else:
                    child.send(data[1:])
            elif data:
                return data
