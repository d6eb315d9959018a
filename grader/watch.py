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
LOOK_AGAIN_MS = 500


def saves(
    path: Path, stop: threading.Event | None = None, idle: Callable[[], object] = bool
) -> Iterator[None]:
    """One item at once, then one for each time that the file changes, until `stop` is set.

    idle: called each half second in which nothing changed.

    A change during the first item comes before the system is asked to tell, so the file's state decides.
    """
    from watchfiles import watch

    seen = state(path)
    yield
    for _ in watch(
        path.parent,
        debounce=200,
        step=SETTLE_MS,
        stop_event=stop,
        recursive=False,
        rust_timeout=LOOK_AGAIN_MS,
        yield_on_timeout=True,
    ):
        now = state(path)
        if now is not None and now != seen:
            seen = now
            yield
        else:
            idle()


def state(path: Path) -> tuple[int, ...] | None:
    """What is another after each save, or None where there is no file."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


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

    The next pair of processes starts as soon as a verdict is shown, and anew if one of it dies while it waits.
    """
    workers = spare_workers(unit)
    try:
        for _ in saves(path, stop, workers.prepare):
            try:
                submission = read_submission(path, unit)
            except SeatrialError as error:
                on_error(error)
                continue
            on_report(check(course, unit, submission, workers, seed=seed))
            workers.prepare()
    finally:
        workers.close()
