"""The pool: one task at a time per worker, a second try on a fresh one, and no wait for what hangs."""

from __future__ import annotations

import errno
import threading
from collections.abc import Callable
from typing import Any, NoReturn

import pytest

from grader.classroom import pool as pools
from grader.classroom.pool import Crashed, Lease, NoWorker, Pool, Stuck
from grader.errors import SeatrialError, WorkerLost


class Worker:
    """Stands for a jail: counts the runs, and hangs until it is closed where it is told to."""

    def __init__(self, made: list[Worker]) -> None:
        self.closed = threading.Event()
        self.runs = 0
        self.busy = threading.Lock()
        made.append(self)

    def close(self) -> None:
        self.closed.set()


@pytest.fixture
def made() -> list[Worker]:
    return []


@pytest.fixture
def make(made: list[Worker]) -> Callable[[], Any]:
    return lambda: Worker(made)


def test_every_task_gets_its_result(make: Callable, made: list[Worker]) -> None:
    """Each once, by three threads with a worker each, and no worker does two at a time."""

    def work(task: int, lease: Lease) -> int:
        def run(worker: Any) -> int:
            with worker.busy:
                return task * task

        return lease.run(run, 60)

    with Pool[int, int](make, work, 3) as pool:
        found = dict(pool.results(iter(range(200))))

    assert found == {number: number * number for number in range(200)}
    assert len(made) <= 3
    assert all(worker.closed.is_set() for worker in made)


def test_tasks_are_taken_as_they_are_needed(make: Callable) -> None:
    """At most two a thread ahead of what was read, so that memory does not grow with the class."""
    taken: list[int] = []

    def tasks():
        for number in range(100):
            taken.append(number)
            yield number

    with Pool[int, int](make, lambda task, _lease: task, 2) as pool:
        for count, _ in enumerate(pool.results(tasks())):
            assert len(taken) - count <= 2 * 2 + 1


def test_a_lost_worker_is_replaced_and_the_run_tried_once_more(make: Callable, made: list[Worker]) -> None:
    """The second try is on a fresh one."""

    def run(worker: Any) -> str:
        if worker is made[0]:
            raise WorkerLost("it has gone")
        return "done"

    assert Lease(make).run(run, 60) == "done"
    assert made[0].closed.is_set()
    assert len(made) == 2


def test_what_fails_twice_crashed_with_the_reason(make: Callable, made: list[Worker]) -> None:
    """Whatever it raised; the next run gets a fresh worker."""

    def run(_worker: object) -> NoReturn:
        raise ZeroDivisionError("oh")

    lease = Lease(make)
    with pytest.raises(Crashed, match="ZeroDivisionError: oh"):
        lease.run(run, 60)
    lease.run(lambda _worker: None, 60)

    assert len(made) == 3


def test_a_full_disk_is_no_crash(make: Callable) -> None:
    """It is the machine's fault, so nothing is graded any more."""

    def run(_worker: object) -> NoReturn:
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        Lease(make).run(run, 60)


def test_a_worn_worker_is_replaced(make: Callable, made: list[Worker]) -> None:
    """After a number of runs, so that nothing that it piles up stays."""
    lease = Lease(make, recycle_after=2)
    for _ in range(5):
        lease.run(lambda _worker: None, 60)

    assert [worker.closed.is_set() for worker in made] == [True, True, False]


def test_no_worker_is_an_error_of_the_machine() -> None:
    """Two tries, then the command ends and says what to ask."""

    def none() -> NoReturn:
        raise RuntimeError("no jail")

    with pytest.raises(NoWorker, match=r"no jail.*mle doctor"):
        Lease(none).run(lambda _worker: None, 60)


def test_no_room_for_a_worker_says_so() -> None:
    """A full temporary folder is no fault of the jail's."""

    def none() -> NoReturn:
        raise OSError(errno.ENOSPC, "No space left on device", "/tmp/seatrial-jail-1")

    with pytest.raises(NoWorker, match=r"/tmp/seatrial-jail-1.*free space there"):
        Lease(none).run(lambda _worker: None, 60)


def test_a_worker_that_hangs_is_killed(
    make: Callable, made: list[Worker], monkeypatch: pytest.MonkeyPatch
) -> None:
    """From outside; the run then ends and is tried on a fresh one."""
    monkeypatch.setattr(pools, "POLL_SECONDS", 0.01)

    def work(_task: int, lease: Lease) -> str:
        def run(worker: Any) -> str:
            if len(made) == 1:
                worker.closed.wait()
                raise WorkerLost("it was killed")
            return "done"

        return lease.run(run, 0.05)

    with Pool[int, str](make, work, 1) as pool:
        assert list(pool.results(iter([1]))) == [(1, "done")]


def test_a_thread_that_goes_on_hanging_is_given_up(make: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its task is tried once more on a new one, then it is stuck, and the others are done."""
    monkeypatch.setattr(pools, "POLL_SECONDS", 0.01)
    monkeypatch.setattr(pools, "GRACE_SECONDS", 0.05)
    forever, tries = threading.Event(), []

    def work(task: str, lease: Lease) -> str:
        def run(_worker: object) -> str:
            if task == "bad":
                tries.append(task)
                forever.wait()
            return task

        return lease.run(run, 0.05)

    try:
        with Pool[str, str](make, work, 1) as pool:
            found = dict(pool.results(iter(["bad", "good"])))
    finally:
        forever.set()

    assert found == {"bad": Stuck("it hung, and could not be ended"), "good": "good"}
    assert tries == ["bad", "bad"]


def test_an_error_to_act_on_ends_the_work(make: Callable) -> None:
    """Everything else is one task's misfortune."""

    def work(task: int, _lease: Lease) -> int:
        if task == 1:
            raise ValueError("one")
        if task == 2:
            raise SeatrialError("two")
        return task

    with Pool[int, int](make, work, 1) as pool:
        results = pool.results(iter([0, 1, 2]))

        assert [next(results), next(results)] == [(0, 0), (1, Stuck("ValueError: one"))]
        with pytest.raises(SeatrialError, match="two"):
            next(results)
