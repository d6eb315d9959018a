"""Warm parents for kernels: in a jail each, or without one; one kernel at a time."""

from __future__ import annotations

import atexit
import contextlib
import itertools
import queue
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Protocol

from grader.errors import WorkerLost
from grader.jail import inside
from grader.jail.children import Child, MemoryWatch
from grader.jail.isolation import Isolation, require
from grader.jail.zygote import Zygote

KERNEL_PROGRAM, RELAY_PROGRAM = "grader.kernelhost", "grader.kernelrelay"
MEGABYTE = 1024 * 1024
MEMORY = "it used more than {} MB of memory"
MOST_SECONDS = 24 * 3600  # of computing; nbgrader's own limits are per cell


class Seated(Protocol):
    """Where one kernel runs. room: folder for its files, as it sees it; sockets: start of their names."""

    child: Child
    room: str
    sockets: str
    sockets_inside: str

    def close(self) -> None: ...


class Parent(Protocol):
    """Starts one kernel at a time."""

    busy: bool

    def seat(self, megabytes: int) -> Seated: ...

    def close(self) -> None: ...


class PlainSeat:
    """A kernel on this machine's files, in a folder of its own."""

    def __init__(self, parent: PlainParent, megabytes: int) -> None:
        self.child = parent.zygote.fork(KERNEL_PROGRAM, queue.SimpleQueue())
        self._folder = Path(tempfile.mkdtemp(prefix="seatrial-"))
        self._parent = parent
        parent.busy = True
        self.room = str(self._folder / "room")
        self.sockets = self.sockets_inside = str(self._folder / "s")
        self._watch = MemoryWatch(megabytes * MEGABYTE, MEMORY.format(megabytes))
        self._watch.add(self.child)

    def close(self) -> None:
        """End the kernel, and its files with it."""
        self._watch.stop()
        self.child.close()
        shutil.rmtree(self._folder, ignore_errors=True)
        self._parent.busy = False


class PlainParent:
    """A warm parent without a jail."""

    def __init__(self, modules: Iterable[str]) -> None:
        self.busy = False
        self.zygote = Zygote(modules, [KERNEL_PROGRAM])

    def seat(self, megabytes: int) -> PlainSeat:
        return PlainSeat(self, megabytes)

    def close(self) -> None:
        self.zygote.close()


class JailedSeat:
    """A kernel in a jail; its files are in memory."""

    def __init__(self, parent: JailedParent, megabytes: int) -> None:
        self._parent = parent
        jail = parent.jail
        assert jail.shared is not None
        name = f"k{next(parent.numbers)}"
        self.room = inside.RUN
        self.sockets, self.sockets_inside = str(jail.shared / name), f"{inside.SHARED}/{name}"
        jail.begin_task(inside.TaskLimits(megabytes=megabytes, cpu_seconds=MOST_SECONDS))
        parent.busy = True
        self._watch = jail.watch(megabytes, MEMORY.format(megabytes))
        self.child = jail.fork(parent.program, queue.SimpleQueue())
        self._watch.add(self.child)

    def close(self) -> None:
        """End the kernel; the jail forgets its files."""
        self._watch.stop()
        self.child.close()
        with contextlib.suppress(WorkerLost):
            self._parent.jail.end_task()
        for path in Path(self.sockets).parent.glob("*"):
            with contextlib.suppress(OSError):
                path.unlink()
        self._parent.busy = False


class JailedParent:
    """A jail with a warm parent of kernels."""

    def __init__(
        self, modules: Iterable[str], program: str = KERNEL_PROGRAM, readable: Iterable[Path] = ()
    ) -> None:
        from grader.jail.jail import Jail

        self.busy = False
        self.program = program
        self.numbers = itertools.count(1)
        self.jail = Jail(
            modules, [program], files={str(path): path for path in readable}, hidden=[Path.cwd()], shared=True
        )

    def seat(self, megabytes: int) -> JailedSeat:
        return JailedSeat(self, megabytes)

    def close(self) -> None:
        self.jail.close()


class Parents:
    """The parents of one kind of an nbgrader process, which end with it. One that has gone is replaced."""

    def __init__(self, make: Callable[[], Parent]) -> None:
        self._make = make
        self._parents: list[Parent] = []
        atexit.register(self.close)

    def seat(self, megabytes: int) -> Seated:
        """A kernel in a seat of its own. Raises WorkerLost if a fresh parent cannot give it."""
        for parent in [parent for parent in self._parents if not parent.busy]:
            with contextlib.suppress(WorkerLost):
                return parent.seat(megabytes)
            self._drop(parent)
        parent = self._make()
        self._parents.append(parent)
        try:
            return parent.seat(megabytes)
        except WorkerLost:
            self._drop(parent)
            raise

    def _drop(self, parent: Parent) -> None:
        self._parents.remove(parent)
        parent.close()

    def close(self) -> None:
        while self._parents:
            self._parents.pop().close()


def warm_parents(modules: tuple[str, ...], isolation: Isolation) -> Parents:
    """For kernels of this Python. Raises IsolationMissing where FULL cannot be had."""
    if require(isolation) is Isolation.FULL:
        return Parents(lambda: JailedParent(modules))
    return Parents(lambda: PlainParent(modules))


def relays(readable: tuple[Path, ...]) -> Parents:
    """For kernels that start by their own command in a jail. readable: folders that they need."""
    require(Isolation.FULL)
    return Parents(lambda: JailedParent((), RELAY_PROGRAM, readable))


def wait_started(child: Child, seconds: float) -> bytes:
    """The first frame of a child. Raises RuntimeError, as jupyter_client does for a kernel that does not start."""
    from grader.jail.children import next_event

    event = next_event(child.events, time.monotonic() + seconds)
    if event is None or event[1] is None:
        raise RuntimeError(f"the kernel did not start: {child.ending()}")
    return event[1]
