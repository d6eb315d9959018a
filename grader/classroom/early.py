"""A first worker that imports its libraries while this process imports nbgrader: the two take a second or more each."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

from grader.checking import run_modules
from grader.classroom.record import read_record
from grader.course import Course
from grader.errors import SeatrialError
from grader.workers import Workers

Engine = Callable[[Iterable[str]], AbstractContextManager[Callable[[], Workers]]]


@contextlib.contextmanager
def started_early(engine: Engine, folder: Path, course: Course) -> Iterator[Engine]:
    """An engine like `engine`, whose first worker is under way already if the class seems to have new work.

    It is used where it has all the modules that are asked for; otherwise it is ended.
    """
    modules = guessed_modules(folder, course) if has_new_work(folder) else ()
    if not modules:
        yield engine
        return
    with contextlib.ExitStack() as stack:
        make = stack.enter_context(engine(modules))
        waiting: list[Workers] = []
        with contextlib.suppress(SeatrialError):  # whoever needs a worker will hear why there is none
            waiting.append(make())

        @contextlib.contextmanager
        def begun(wanted: Iterable[str]) -> Iterator[Callable[[], Workers]]:
            wanted = tuple(wanted)
            if set(wanted) <= set(modules):
                yield lambda: waiting.pop() if waiting else make()
                return
            stack.close()
            with engine(wanted) as other:
                yield other

        yield begun


def has_new_work(folder: Path) -> bool:
    """Whether something is handed in that has no autograded folder; what is changed is found later."""
    handed_in = (folder / "submitted").glob("*/*")
    return any(not (folder / "autograded" / one.parent.name / one.name).exists() for one in handed_in)


def guessed_modules(folder: Path, course: Course) -> tuple[str, ...]:
    """What the units of the class import; nothing where that cannot be told."""
    try:
        record = read_record(folder)
        units = [course.exercise(path) for path in sorted(record.written)] if record else []
    except SeatrialError:
        return ()
    return run_modules(*units)
