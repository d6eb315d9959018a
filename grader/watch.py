"""Check a notebook on each save, with processes that are warm before the save."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from grader.checking import check, spare_workers
from grader.course import Course
from grader.errors import SeatrialError
from grader.model import Report, Unit
from grader.notebook import read_submission

SETTLE_MS = 20


def saves(path: Path, stop: threading.Event | None = None) -> Iterator[None]:
    """One item at once, then one for each time that the file changes, until `stop` is set."""
    from watchfiles import watch

    yield
    for changes in watch(path.parent, debounce=200, step=SETTLE_MS, stop_event=stop, recursive=False):
        if any(Path(changed).name == path.name for _, changed in changes) and path.exists():
            yield


def watch_notebook(
    course: Course,
    unit: Unit,
    path: Path,
    on_report: Callable[[Report], None],
    on_error: Callable[[SeatrialError], None],
    *,
    seed: int | None = None,
    stop: threading.Event | None = None,
) -> None:
    """Report on `path` now and after each save; a damaged save is told and waited out.

    The next pair of processes starts as soon as a verdict is shown.
    """
    workers = spare_workers(unit)
    try:
        for _ in saves(path, stop):
            try:
                submission = read_submission(path, unit)
            except SeatrialError as error:
                on_error(error)
                continue
            on_report(check(course, unit, submission, workers, seed=seed))
            workers.prepare()
    finally:
        workers.close()
