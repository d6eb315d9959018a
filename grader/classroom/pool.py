"""Threads that each hold one worker and do one task at a time; what dies or hangs is replaced."""

from __future__ import annotations

import contextlib
import errno
import queue
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from grader.classroom.submitted import is_disk_trouble
from grader.errors import SeatrialError
from grader.workers import Workers

RECYCLE_AFTER = 200  # runs of one worker, so that nothing that it piles up stays
POLL_SECONDS = 0.5
GRACE_SECONDS = 20.0  # from the killing of a worker that hangs to giving up its thread
END_SECONDS = 5.0  # that threads have to finish what they write when everything ends
ATTEMPTS = 2

T = TypeVar("T")
R = TypeVar("R")


class Crashed(Exception):
    """A run failed on two workers, one after the other; the message is the reason."""


class NoWorker(SeatrialError):
    """No worker can be started, so nothing can be graded."""


@dataclass(frozen=True)
class Stuck:
    """A task that could not be done, not even a second time."""

    reason: str


class Lease:
    """The worker of one thread: started when it is first needed, replaced when it is lost or worn."""

    def __init__(self, make: Callable[[], Workers], recycle_after: int = RECYCLE_AFTER) -> None:
        self._make = make
        self._recycle_after = recycle_after
        self._workers: Workers | None = None
        self._runs = 0
        self._deadline = float("inf")
        self._hung = False
        self._ended = threading.Event()

    def run(self, function: Callable[[Workers], R], limit_seconds: float) -> R:
        """What the function gives with this worker, tried once more with a fresh one if anything goes wrong.

        limit_seconds: wall time after which the worker is taken to hang. Raises Crashed, or OSError as it came.
        """
        for attempt in range(1, ATTEMPTS + 1):
            workers = self._take()
            self._hung = False
            self._deadline = time.monotonic() + limit_seconds
            try:
                return function(workers)
            except OSError as error:
                self.drop()
                if is_disk_trouble(error) and attempt == ATTEMPTS:
                    raise
                reason = f"{type(error).__name__}: {error}"
            except Exception as error:
                self.drop()
                reason = (
                    str(error) if isinstance(error, SeatrialError) else f"{type(error).__name__}: {error}"
                )
            finally:
                self._deadline = float("inf")
            if self._hung:
                reason = f"it hung for more than {limit_seconds:.0f} s"
        raise Crashed(reason)

    def _take(self) -> Workers:
        if self._workers is not None and self._runs >= self._recycle_after:
            self.drop()
        if self._workers is None:
            self._workers, self._runs = self._started(), 0
        self._runs += 1
        return self._workers

    def _started(self) -> Workers:
        for attempt in range(1, ATTEMPTS + 1):
            if self._ended.is_set():
                raise NoWorker("the work has ended")
            try:
                return self._make()
            except Exception as error:
                if attempt == ATTEMPTS:
                    what = f"no worker can be started ({type(error).__name__}: {error})"
                    full = isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
                    mend = "free space there and run the same command again" if full else "run: mle doctor"
                    raise NoWorker(f"{what}; {mend}") from error
        raise AssertionError

    @property
    def seconds_late(self) -> float:
        """How long ago the run that goes on should have ended; negative or minus infinity while it may go on."""
        return time.monotonic() - self._deadline

    def kill(self) -> None:
        """Ends the worker under a run that hangs, from another thread."""
        self._hung = True
        if self._workers is not None:
            threading.Thread(target=_quietly, args=(self._workers.close,), daemon=True).start()

    def end(self) -> None:
        """Ends the worker for good, from any thread."""
        self._ended.set()
        self.drop()

    def drop(self) -> None:
        """Ends the worker; the next run starts another."""
        workers, self._workers = self._workers, None
        if workers is not None:
            _quietly(workers.close)


@dataclass
class _Order(Generic[T]):
    task: T
    attempt: int = 1


@dataclass
class _Seat(Generic[T]):
    """One thread with its worker, and what it is doing."""

    lease: Lease
    order: _Order[T] | None = None
    killed: bool = False
    given_up: threading.Event = field(default_factory=threading.Event)
    thread: threading.Thread | None = None


class Pool(Generic[T, R]):
    """N threads; use as a context, so that every worker ends."""

    def __init__(
        self,
        make: Callable[[], Workers],
        work: Callable[[T, Lease], R],
        count: int,
        recycle_after: int = RECYCLE_AFTER,
    ) -> None:
        self._make, self._work, self._recycle_after = make, work, recycle_after
        self._orders: queue.Queue[_Order[T] | None] = queue.Queue()
        self._done: queue.Queue[tuple[_Seat[T], _Order[T], R | BaseException]] = queue.Queue()
        self._count = count
        self._seats: list[_Seat[T]] = []

    def __enter__(self) -> Pool[T, R]:
        for _ in range(self._count):
            self._add_seat()
        return self

    def __exit__(self, *_: object) -> None:
        for seat in self._seats:
            seat.given_up.set()
            self._orders.put(None)
        for seat in self._seats:
            seat.lease.end()
        for seat in self._seats:
            if seat.thread is not None:
                seat.thread.join(END_SECONDS)

    def results(self, tasks: Iterator[T]) -> Iterator[tuple[T, R | Stuck]]:
        """Each task with what came of it, as they end; at most two tasks a thread are taken ahead.

        Raises SeatrialError and OSError as the work raised them.
        """
        going, more = 0, True
        while more or going:
            while more and going < 2 * self._count:
                task = next(tasks, None)
                if task is None:
                    more = False
                else:
                    self._orders.put(_Order(task))
                    going += 1
            if going:
                found = self._next()
                going -= 1
                yield found

    def _next(self) -> tuple[T, R | Stuck]:
        while True:
            try:
                seat, order, came = self._done.get(timeout=POLL_SECONDS)
            except queue.Empty:
                if (stuck := self._look()) is not None:
                    return stuck
                continue
            if seat.given_up.is_set():
                continue  # its task was given to another one meanwhile
            if isinstance(came, SeatrialError | OSError):
                raise came
            if isinstance(came, BaseException):
                return order.task, Stuck(f"{type(came).__name__}: {came}")
            return order.task, came

    def _look(self) -> tuple[T, Stuck] | None:
        """Kills what hangs; a thread that goes on hanging is given up, its task tried once more on a new one."""
        for seat in list(self._seats):
            late, order = seat.lease.seconds_late, seat.order
            if order is None or late < 0:
                seat.killed = False
            elif not seat.killed:
                seat.killed = True
                seat.lease.kill()
            elif late > GRACE_SECONDS:
                seat.given_up.set()
                self._seats.remove(seat)
                if order.attempt < ATTEMPTS:
                    self._add_seat(_Order(order.task, order.attempt + 1))
                else:
                    self._add_seat()
                    return order.task, Stuck("it hung, and could not be ended")
        return None

    def _add_seat(self, order: _Order[T] | None = None) -> None:
        seat = _Seat[T](Lease(self._make, self._recycle_after))
        self._seats.append(seat)
        seat.thread = threading.Thread(target=self._serve, args=(seat, order), daemon=True)
        seat.thread.start()

    def _serve(self, seat: _Seat[T], order: _Order[T] | None) -> None:
        while not seat.given_up.is_set():
            order = order or self._orders.get()
            if order is None:
                break
            seat.order = order
            came: R | BaseException
            try:
                came = self._work(order.task, seat.lease)
            except BaseException as error:
                came = error
            seat.order = None
            self._done.put((seat, order, came))
            order = None
        seat.lease.end()


def _quietly(function: Callable[[], None]) -> None:
    with contextlib.suppress(Exception):
        function()
