"""One clean run of a notebook: its cells in the learner's process, its tests in the judge's."""

from __future__ import annotations

import enum
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from grader import untouched, verdicts
from grader.jail.children import Child, close_all
from grader.jail.processes import Started
from grader.judge_side import JudgeSide
from grader.model import Outcome, Report, Submission, Test, TestResult, Unit, WorkCell
from grader.relay import NO_MESSAGE, SUPERVISOR, Relay, to_judge
from grader.services import Services
from grader.workers import Workers

MAX_RESTARTS = 6
ONE_OF_ITS_OWN = ("peak_memory_bytes", "PYTHONHASHSEED")  # a fork shares memory and hashes with its parent


class World(enum.Enum):
    """Where tests run: in a process of their own, or in the notebook beside the real objects."""

    JUDGE = "judge"
    NOTEBOOK = "notebook"


def draw_seed() -> int:
    """A seed of 128 bits for hidden data."""
    return secrets.randbits(128)


def run(
    unit: Unit,
    submission: Submission,
    workers: Workers,
    *,
    seed: int | None = None,
    world: World = World.JUDGE,
    on_result: Callable[[TestResult], None] | None = None,
    record: bool = False,
    on_end: Callable[[Run], None] = lambda run: None,
) -> Report:
    """Run `submission` once from clean and judge it.

    seed: for hidden data; drawn anew if None. record: keep what came back to the visible tests (TestResult.seen).
    on_result: called with each test's result as it is known. on_end: called when all is judged, before files go.
    """
    job = Run(unit, submission, workers, draw_seed() if seed is None else seed, world)
    job.on_result, job.record = on_result, record
    try:
        report = job.execute()
        on_end(job)
        return report
    finally:
        job.strike()
        workers.end(job.close)


class Run:
    """The state of one run. A process that dies is replaced and the cells before are run again."""

    def __init__(self, unit: Unit, submission: Submission, workers: Workers, seed: int, world: World) -> None:
        self.unit, self.submission, self.workers = unit, submission, workers
        self.seed, self.world = seed, world
        self.on_result: Callable[[TestResult], None] | None = None
        self.record = False
        self.stage = workers.stage(unit, submission.folder)
        self.deadline = 0.0  # counted from when the imports of a warm parent are done
        memory = unit.header.limit_megabytes
        self.watch = workers.watch(memory, verdicts.MEMORY.format(memory))
        self.children: list[Child] = []
        self.learner: Child | None = None
        self.services = Services(self.stage, self._new_learner, self._start_process, self.stage.inherited)
        self.relay = Relay(workers.events, self.services)
        self.judge = JudgeSide(self.relay, self._new_judge)
        self.restarts, self.own_seconds, self.fresh_files = 0, 0.0, False
        self.skipped: set[int] = set()
        self.ended: dict[str, tuple[Outcome, str]] = {}
        self.errors: dict[str, dict] = {}
        self.output: dict[str, str] = {}
        self.given_up: tuple[Outcome, str] | None = None

    def execute(self) -> Report:
        """Every cell in order; every test gets a result whatever happens."""
        start = time.perf_counter()
        tests = {test.name: test for test in self.unit.tests}
        results = []
        self._start_learner()
        if self.world is World.JUDGE and len(self.submission.untouched) < len(self.unit.answers):
            self.judge.begin()
        self.deadline = time.monotonic() + self.unit.header.limit_run_seconds
        for index, cell in enumerate(self.submission.cells):
            if cell.origin != "test":
                self._cell(index, cell)
                continue
            results.append(self._test(index, tests[cell.name]))
            if self.on_result is not None:
                self.on_result(results[-1])
        self.workers.check()
        return Report(
            unit=self.unit.name,
            results=tuple(results),
            seed=self.seed,
            seconds=time.perf_counter() - start,
            own_seconds=self.own_seconds,
            notes=self.submission.notes,
            cell_output={name: text for name, text in self.output.items() if text},
            cell_errors={
                name: verdicts.cell_error(error)
                for name, error in self.errors.items()
                if name not in self.submission.untouched
            },
        )

    def strike(self) -> None:
        """End every process, without waiting for their ends."""
        for child in self.children:
            child.strike()

    def close(self) -> None:
        """Wait for the end of every process and remove the folder."""
        self.watch.stop()
        self.services.end_test()
        close_all(self.children)
        self.stage.close()

    # ---- processes

    def _take_learner(self) -> Child:
        child = self.workers.learner()
        self.children.append(child)
        self.watch.add(child)
        return child

    def _start_learner(self) -> None:
        self.learner = self._take_learner()
        environment = dict(self.stage.environment)
        if self.world is World.NOTEBOOK:  # there the tests run beside the answers and draw from it
            environment["SEATRIAL_SEED"] = str(self.seed)
        files = {} if self.restarts else dict(self.stage.files)
        self.relay.begin(self.learner, environment=environment, folder=str(self.stage.folder), files=files)

    def _new_learner(self, folder: Path) -> tuple[Child, bytes]:
        """A further process on the learner's side, and how it begins: part of the test that wants it."""
        begin = self.relay.frame("begin", environment=self.stage.environment, folder=str(folder))
        return self._take_learner(), begin

    def _start_process(
        self, command: Sequence[str], environment: Mapping[str, str], folder: str, output: int
    ) -> Started:
        """A delivered file, within the bound of the learner's processes."""
        start = self.stage.start_fresh if self.fresh_files else self.stage.start
        process = start(command, environment, folder, output)
        self.watch.add_process(process.pid)
        return process

    def _new_judge(self) -> Child:
        child = self.workers.judge()
        self.children.append(child)
        facts = {
            "seed": self.seed,
            "folder": str(self.stage.folder),
            "store": str(self.stage.database),
            "experiment": self.stage.experiment,
            "since_ms": self.stage.since_ms,
            "environment": {},
            "cells": untouched.texts(self.unit, self.submission),
        }
        self.relay.begin(child, to_judge(SUPERVISOR), **facts)
        return child

    def _revive(self, before: int) -> None:
        """A new learner's process, with the cells before index `before` run again."""
        while self.restarts < MAX_RESTARTS:
            self.restarts += 1
            assert self.learner is not None
            self.learner.close()
            self._start_learner()
            for index, cell in enumerate(self.submission.cells[:before]):
                if cell.origin == "test" or index in self.skipped:
                    continue
                if not self._run_cell(index, cell):
                    break
            else:
                return
        self.given_up = Outcome.CRASHED, "the notebook's process ended again and again"

    # ---- cells

    def _cell(self, index: int, cell: WorkCell) -> None:
        if not self.given_up and not self._run_cell(index, cell):
            self._revive(index)

    def _run_cell(self, index: int, cell: WorkCell) -> bool:
        """Run one cell; False if the process ended, which is then noted."""
        assert self.learner is not None
        limit = self._limit(cell.limit_seconds)
        if limit <= 0:
            self._out_of_time()
            return True
        reply = self.relay.ask_learner(self.learner, limit, "cell", name=cell.name, text=cell.text)
        value = verdicts.cell_reply(reply.get("value"), limit) if reply is not None else None
        if value is None:
            self.learner.kill(NO_MESSAGE)
            self.skipped.add(index)
            self.ended[cell.name] = verdicts.ending(self.learner)
            return False
        self.own_seconds += value["seconds"]
        self.output[cell.name] = value["output"]
        if value["error"] is not None:
            self.errors[cell.name] = value["error"]
        return True

    def _limit(self, own: float | None) -> float:
        """Seconds that a cell or test may take: its own limit or the unit's, and no more than is left."""
        left = self.deadline - time.monotonic()
        return min(self.unit.header.limit_seconds if own is None else own, left)

    def _out_of_time(self) -> None:
        seconds = self.unit.header.limit_run_seconds
        self.given_up = Outcome.OUT_OF_LIMITS, verdicts.WHOLE_TIME.format(seconds)

    # ---- tests

    def _test(self, index: int, test: Test) -> TestResult:
        verdict = self._without_running(test)
        if verdict is None:
            limit = self._limit(test.limit_seconds)
            self.fresh_files = any(word in test.text for word in ONE_OF_ITS_OWN)
            judged = self.world is World.JUDGE
            reply = self._ask_judge(index, test, limit) if judged else self._ask_beside(test, limit)
            verdict = self._after_running(index, test, reply, limit)
        self.own_seconds += float(verdict.get("waited", 0.0))
        return verdicts.result(test, verdict)

    def _without_running(self, test: Test) -> dict[str, Any] | None:
        """A verdict that is known before the test runs, or None."""
        for name in test.of:
            if name in self.submission.missing or name in self.submission.untouched:
                return {"outcome": Outcome.NOT_ATTEMPTED.value, "reason": verdicts.untouched(name)}
        for name in test.of:
            if name in self.ended:
                outcome, reason = self.ended[name]
                return {"outcome": outcome.value, "reason": f"while your cell {name} ran, {reason}"}
        if not self.given_up and self._limit(test.limit_seconds) <= 0:
            self._out_of_time()
        if self.given_up:
            outcome, reason = self.given_up
            return {"outcome": outcome.value, "reason": reason}
        return None

    def _after_running(
        self, index: int, test: Test, verdict: dict[str, Any] | None, limit: float
    ) -> dict[str, Any]:
        """The verdict, with what the supervisor knows of processes that ended and cells that raised."""
        assert self.learner is not None
        self.services.end_test()
        if verdict is None or verdict.get("gone") or not self.learner.alive:
            outcome, reason = verdicts.ending(self.learner)
            if self.learner.alive:
                outcome, reason = Outcome.OUT_OF_LIMITS, verdicts.TIME.format(limit)
            self._revive(index)
            return {"outcome": outcome.value, "reason": f"while this test called your code, {reason}"}
        if verdict.get("unreadable"):  # more of the same may be on its way
            self._revive(index)
        return verdicts.with_cell_errors(test, verdict, self.errors)

    def _ask_beside(self, test: Test, limit: float) -> dict[str, Any] | None:
        assert self.learner is not None
        more = {"hidden_line": test.hidden_line, "cells": untouched.texts(self.unit, self.submission)}
        reply = self.relay.ask_learner(self.learner, limit, "check", name=test.name, text=test.text, **more)
        return reply.get("value") if reply else None

    def _ask_judge(self, index: int, test: Test, limit: float) -> dict[str, Any] | None:
        def learner() -> Child:
            assert self.learner is not None
            return self.learner

        def revive() -> None:
            self.services.end_test()
            self._revive(index)

        names = [name for answer in self.unit.answers if answer.name in test.of for name in answer.names]
        return self.judge.ask(
            learner,
            limit,
            revive,
            name=test.name,
            of=list(test.of),
            text=test.text,
            names=names,
            hidden_line=test.hidden_line,
            record=self.record,
        )
