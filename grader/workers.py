"""Where the two processes of a run come from: fresh, kept warm, or forked from a warm parent."""

from __future__ import annotations

import contextlib
import os
import queue
import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from grader import codec
from grader.errors import WorkerLost
from grader.jail.children import Child, MemoryWatch, close_all, spawn
from grader.jail.isolation import Isolation, require
from grader.jail.zygote import Zygote
from grader.model import Unit
from grader.stage import Stage

if TYPE_CHECKING:
    from grader.seat import Seat

LEARNER_PROGRAM = "grader.learner"
JUDGE_PROGRAM = "grader.judge"
WARM_REPLY = 0
MOST_SPARES = 6  # started for one save: a machine on which they die is not to be busy with starting them


class Workers(Protocol):
    """Gives a process for each role; frames of all of them arrive in `events`."""

    events: queue.SimpleQueue

    def learner(self) -> Child: ...

    def judge(self) -> Child: ...

    def stage(self, unit: Unit, beside: str | None) -> Stage | Seat: ...

    def watch(self, megabytes: int, because: str) -> Watch: ...

    def check(self) -> None: ...

    def end(self, close: Callable[[], None]) -> None: ...

    def close(self) -> None: ...


class Watch(Protocol):
    """Holds the memory of children, each with all that it starts, within a bound."""

    def add(self, child: Child) -> None: ...

    def add_process(self, pid: int) -> None: ...

    def stop(self) -> None: ...


class Here:
    """What workers without a jail have in common: this machine's files, and memory that is watched."""

    def stage(self, unit: Unit, beside: str | None) -> Stage:
        """A folder for one run."""
        return Stage(unit, beside)

    def watch(self, megabytes: int, because: str) -> Watch:
        """A watch over one run's children."""
        return MemoryWatch(megabytes * 2**20, because)

    def check(self) -> None:
        """Raises WorkerLost where what happened was no learner's doing."""


def warm_frame(modules: Iterable[str], *, hurried: bool = True) -> bytes:
    """The order to import `modules` now, so that no cell waits for them later.

    hurried: a run waits already, so nothing is imported that it may not need.
    """
    return codec.dumps({"verb": "warm", "id": WARM_REPLY, "modules": list(modules), "hurried": hurried})


class SpareWorkers(Here):
    """Fresh processes on every system; one of each is started ahead and imports while it waits.

    The first pair is wanted at once. Later ones wait for a save and import more: what a first MLflow run needs.
    learner_modules, judge_modules: what each imports ahead.
    """

    def __init__(self, learner_modules: Iterable[str], judge_modules: Iterable[str]) -> None:
        self.events: queue.SimpleQueue = queue.SimpleQueue()
        self._modules = {LEARNER_PROGRAM: tuple(learner_modules), JUDGE_PROGRAM: tuple(judge_modules)}
        self._spare: dict[str, Child] = {}
        self._all: list[Child] = []
        self._ending: list[threading.Thread] = []
        self._started = 0
        for program in self._modules:
            self._start(program, hurried=True)

    def prepare(self) -> None:
        """Start what is missing or has died; returns at once, the imports go on beside."""
        for program in self._modules:
            if self._started < MOST_SPARES and not self._waits(program):
                self._start(program, hurried=False)

    def _waits(self, program: str) -> bool:
        return program in self._spare and self._spare[program].alive

    def _start(self, program: str, *, hurried: bool) -> None:
        if program in self._spare:
            self.end(self._spare.pop(program).close)  # it died while it waited
        child = spawn(program, self.events)
        order = warm_frame(self._modules[program], hurried=hurried)
        child.send(order if program == LEARNER_PROGRAM else b"\0" + order)
        self._spare[program] = child
        self._started += 1
        self._all = [other for other in self._all if other.alive] + [child]

    def _take(self, program: str) -> Child:
        if not self._waits(program):
            self._start(program, hurried=True)
        self._started = 0
        return self._spare.pop(program)

    def learner(self) -> Child:
        return self._take(LEARNER_PROGRAM)

    def judge(self) -> Child:
        return self._take(JUDGE_PROGRAM)

    def end(self, close: Callable[[], None]) -> None:
        """End a run with `close` beside what comes next: its verdict waits for no process to die."""
        self._ending = [thread for thread in self._ending if thread.is_alive()]
        self._ending.append(threading.Thread(target=close))
        self._ending[-1].start()

    def close(self) -> None:
        for thread in self._ending:
            thread.join()
        close_all(self._all)


class ForkedWorkers(Here):
    """Forks of one warm parent; for the author's many runs on systems that can fork.

    warm_files: run delivered files in forks, too, in place of a Python of their own.
    """

    warm_files = False

    def __init__(self, zygote: Zygote) -> None:
        self.events: queue.SimpleQueue = queue.SimpleQueue()
        self._zygote = zygote

    def stage(self, unit: Unit, beside: str | None) -> Stage:
        stage = super().stage(unit, beside)
        if self.warm_files:
            stage.start = self._zygote.start_warm
        return stage

    def learner(self) -> Child:
        return self._zygote.fork(LEARNER_PROGRAM, self.events)

    def judge(self) -> Child:
        return self._zygote.fork(JUDGE_PROGRAM, self.events)

    def end(self, close: Callable[[], None]) -> None:
        """End a run with `close` now; the next of many is to find the machine free."""
        close()

    def check(self) -> None:
        if not self._zygote.alive:
            raise WorkerLost("the warm process has gone")

    def close(self) -> None:
        """The warm parent is shared and goes with who started it."""


class OwnForkedWorkers(ForkedWorkers):
    """Forks of a warm parent that is this worker's own and goes with it."""

    def __init__(self, modules: Iterable[str]) -> None:
        super().__init__(Zygote(modules, (LEARNER_PROGRAM, JUDGE_PROGRAM)))

    def close(self) -> None:
        self._zygote.close()


@contextlib.contextmanager
def many_runs(modules: Iterable[str]) -> Iterator[Callable[[], Workers]]:
    """Gives a function that makes workers for one thread: forked where the system can, else fresh."""
    modules = list(modules)
    if not hasattr(os, "fork"):
        yield lambda: SpareWorkers(modules, modules)
        return
    zygote = Zygote(modules, (LEARNER_PROGRAM, JUDGE_PROGRAM))
    try:
        yield lambda: ForkedWorkers(zygote)
    finally:
        zygote.close()


@contextlib.contextmanager
def grading_workers(
    modules: Iterable[str],
    isolation: Isolation = Isolation.FULL,
    *,
    hidden: Iterable[Path] = (),
) -> Iterator[Callable[[], Workers]]:
    """Gives a function that makes one worker for one thread: with a jail and a warm parent of its own.

    hidden: folders that no jail may show. Raises IsolationMissing if FULL cannot be had; REDUCED has a warm parent
    without a jail, where the system can fork.
    """
    modules, hidden = list(modules), list(hidden)
    with contextlib.ExitStack() as stack:
        if require(isolation) is Isolation.FULL:
            from grader.jailed import JailedWorkers, store_for_jails

            store = stack.enter_context(store_for_jails())

        def made() -> Workers:
            workers: Workers
            if isolation is Isolation.FULL:
                workers = JailedWorkers(modules, (LEARNER_PROGRAM, JUDGE_PROGRAM), store, hidden)
            elif hasattr(os, "fork"):
                workers = OwnForkedWorkers(modules)
            else:
                workers = SpareWorkers(modules, modules)
            stack.callback(workers.close)
            return workers

        yield made
