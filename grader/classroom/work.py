"""What one thread does with one submission: read, run or look up, and build its autograded folder."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path

from grader.classroom.assigned import Assigned
from grader.classroom.autograded import autograded_text, with_tests_replaced
from grader.classroom.entries import Entry, Row
from grader.classroom.placing import close_folder, keep_others, new_folder
from grader.classroom.pool import Crashed, Lease
from grader.classroom.results import (
    CRASHED,
    DAMAGED,
    Cache,
    Result,
    TestGrade,
    engine_version,
    key_of,
    result_of,
)
from grader.classroom.settings import ClassSettings
from grader.classroom.submitted import MAX_BYTES, Beside, Damaged, Handed, beside, notebook_mark, read_bytes
from grader.errors import NotebookError
from grader.misconceptions import name_misconceptions
from grader.model import Outcome, Submission, Unit
from grader.notebook import read_submission
from grader.runner import run

SPARE_SECONDS = 120.0  # beyond twice what a run may take a worker is taken to hang
TWICE = 2


@dataclass(frozen=True)
class Planned:
    """One notebook of a submission that is to be graded. row: what is known of it from before."""

    given: Assigned
    row: Row | None = None
    only: frozenset[str] | None = None


@dataclass(frozen=True)
class Task:
    """One submission. crash: why it is not run once more, or ""."""

    handed: Handed
    planned: tuple[Planned, ...]
    stamp: str
    force: bool = False
    crash: str = ""


@dataclass(frozen=True)
class Finished:
    """A submission as it is to be written: its folder, ready to be put in place, and its entries."""

    folder: Path
    entries: tuple[Entry, ...]
    left_out: tuple[str, ...]


class Bench:
    """What every thread needs to work on a submission of this class."""

    def __init__(self, settings: ClassSettings, cache: Cache, isolation: str) -> None:
        self._settings, self._cache, self._isolation = settings, cache, isolation

    def key(self, given: Assigned, handed: Handed, mark: str) -> str:
        """Name of everything that a result depends on. mark: of the files beside."""
        submitted = handed.damage or notebook_mark(handed.folder / f"{given.notebook}.ipynb")
        course = (given.unit.source_hash, str(given.seed), given.book.kernelspec)
        return key_of(submitted, mark, *course, engine_version(), self._isolation)

    def grade(self, task: Task, lease: Lease) -> Finished:
        """Grades one submission. Raises OSError and SeatrialError only where the machine is at fault."""
        handed, settings = task.handed, self._settings
        new = new_folder(settings, handed.student, handed.assignment)
        files = Beside() if handed.damage else beside(settings, handed, new)
        names = {planned.given.notebook for planned in task.planned}
        keep_others(settings, handed.student, handed.assignment, new, names)
        entries = tuple(self._notebook(task, planned, new, files.mark, lease) for planned in task.planned)
        close_folder(settings, new)
        return Finished(new, entries, tuple(files.left_out))

    def _notebook(self, task: Task, planned: Planned, new: Path, mark: str, lease: Lease) -> Entry:
        given, path = planned.given, new / f"{planned.given.notebook}.ipynb"
        key = self.key(given, task.handed, mark)
        submission: Submission | None = None
        try:
            if task.crash:
                raise Crashed(task.crash)
            submission = self._read(task.handed, given, path)
            result = self._result(key, task, planned, submission, lease)
        except Damaged as error:
            result = not_graded(DAMAGED, given.unit, str(error))
        except Crashed as error:
            result = not_graded(CRASHED, given.unit, f"{error}; it was tried twice")
        handed = (path, submission) if submission is not None else None
        text = autograded_text(given, result, handed, self._settings.most_lines)
        row_key = key_of(key, task.stamp)
        if planned.only is not None and planned.row is not None:
            before = self._settings.autograded / task.handed.student / task.handed.assignment / path.name
            text = with_tests_replaced(before.read_text(encoding="utf-8"), text, planned.only)
            row_key = planned.row.key
        path.unlink(missing_ok=True)
        path.write_text(text, encoding="utf-8", newline="\n")
        row = Row(
            key=row_key,
            state=result.state,
            points=result.points,
            max_points=given.unit.max_points,
            reason=result.reason,
            mark=hashlib.sha256(text.encode()).hexdigest(),
            seconds=result.seconds,
        )
        return Entry(given.notebook, result, row, planned.only)

    def _read(self, handed: Handed, given: Assigned, path: Path) -> Submission:
        """The submission, from a copy of its bytes at `path`. Raises Damaged for whatever is wrong with it."""
        if handed.damage:
            raise Damaged(handed.damage)
        data = read_bytes(handed.folder / path.name, MAX_BYTES)
        if len(data) > MAX_BYTES:
            raise Damaged(
                f"{path.name} is larger than {MAX_BYTES / 1e6:.0f} MB; clear its outputs and save it"
            )
        path.write_bytes(data)
        try:
            return read_submission(path, given.unit)
        except NotebookError as error:
            raise Damaged(str(error)) from error
        except Exception as error:  # whatever else a hostile file may bring about
            raise Damaged(f"{path.name} cannot be read as a notebook ({type(error).__name__})") from error

    def _result(self, key: str, task: Task, planned: Planned, submission: Submission, lease: Lease) -> Result:
        fresh = task.force or planned.only is not None
        if not fresh and (stored := self._cache.read(key)) is not None:
            return stored
        given = planned.given
        report = lease.run(
            lambda workers: run(given.unit, submission, workers, seed=given.seed),
            SPARE_SECONDS + TWICE * given.unit.header.limit_run_seconds,
        )
        result = result_of(name_misconceptions(given.unit, report, dict(given.signatures)), submission)
        if planned.only is not None:
            return result
        return self._cache.keep(key, result, over=task.force)


def not_graded(state: str, unit: Unit, reason: str) -> Result:
    """No point in any test, for one reason."""
    reason = "".join(
        char if char.isprintable() else " " for char in reason.encode("utf-8", "replace").decode()
    )
    tests = tuple(
        TestGrade(test.name, 0.0, test.points, Outcome.CRASHED.value, reason) for test in unit.tests
    )
    return Result(state, tests, reason)


def crashed(task: Task, reason: str) -> Task:
    """The same task, to be written down as crashed without being run."""
    return replace(task, crash=reason)
