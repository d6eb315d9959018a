"""Grades what a class handed in: plans, hands out to the pool, writes. One writer, one transaction a submission."""

from __future__ import annotations

import contextlib
import datetime
import hashlib
import itertools
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from grader.checking import run_modules
from grader.classroom.assigned import Assigned, assigned, sourced
from grader.classroom.book import GradeBook
from grader.classroom.early import Engine
from grader.classroom.entries import Place, Row, is_done
from grader.classroom.lock import only_grader
from grader.classroom.placing import Placed, sweep
from grader.classroom.pool import Lease, Pool, Stuck
from grader.classroom.record import FILE, ClassRecord, read_record
from grader.classroom.results import DAMAGED, GRADED, Cache, key_of
from grader.classroom.settings import ClassSettings, read_settings
from grader.classroom.submitted import (
    STAMP,
    Damaged,
    Handed,
    beside,
    handed_in,
    name_problem,
    read_bytes,
    shown_name,
    unknown_assignments,
)
from grader.classroom.summary import Options, Outcome, Summary
from grader.classroom.work import Bench, Finished, Planned, Task, crashed
from grader.course import Course
from grader.errors import SeatrialError
from grader.header import nearest

MAX_STAMP_BYTES = 1000


def grade_class(
    folder: Path,
    course: Course,
    options: Options,
    engine: Engine,
    say: Callable[[str], None] = lambda _: None,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> Summary:
    """Grades a class and returns what was done. Raises SeatrialError where nothing more can be graded."""
    folder = folder.resolve()
    start = time.perf_counter()
    record = read_record(folder)
    if record is None:
        raise SeatrialError(
            f"{folder} has no {FILE}, so it is no class made here; make one: mle class init DIR"
        )
    if not course.has_solutions:
        raise SeatrialError(f"{course.root} has no solutions; set SEATRIAL_COURSE to a clone of the course")
    try:
        settings = read_settings(folder)
        with only_grader(folder) as private, contextlib.closing(GradeBook(settings)) as book:
            sweep(settings, private / "cache")
            cache = Cache(private / "cache")
            grading = _Grading(settings, course, options, book, Bench(settings, cache, options.isolation))
            grading.prepare(record, say)
            try:
                grading.go(engine, progress)
            finally:
                sweep(settings, private / "cache")
    except OSError as error:
        place = f" at {error.filename}" if error.filename else ""
        what = f"cannot write in {folder} ({error.strerror or error}{place})"
        raise SeatrialError(
            f"{what}; free space or mend the rights, and run the same command again"
        ) from error
    grading.summary.seconds = time.perf_counter() - start
    return grading.summary


class _Grading:
    """One run of the command."""

    def __init__(
        self, settings: ClassSettings, course: Course, options: Options, book: GradeBook, bench: Bench
    ) -> None:
        self.settings, self.course, self.options = settings, course, options
        self.book, self.bench = book, bench
        self.summary = Summary(options.isolation)
        self.ours: dict[str, list[Assigned]] = {}
        self.rows: dict[Place, Row] = {}
        self.known_students: set[str] | None = None
        self.finished = 0
        self.handed: list[Handed] = []

    def prepare(self, record: ClassRecord, say: Callable[[str], None]) -> None:
        """Finds the units and the submissions; raises SeatrialError for names that are unknown."""
        settings, options = self.settings, self.options
        found, self.summary.refused = sourced(settings, record, self.course, options.units)
        assignments = sorted({path.parent.name for path in settings.source.glob("*/*.ipynb")})
        wanted = {one.assignment for one in found}
        handed = [one for one in handed_in(settings, assignments) if one.assignment in wanted]
        self._check_students({one.student for one in handed})
        self.handed = [one for one in handed if not options.students or one.student in options.students]
        needed = {one.assignment for one in self.handed}
        ours, refused = assigned(
            [one for one in found if one.assignment in needed], settings, record, self.course, self.book, say
        )
        self.summary.refused += refused
        self._check_tests([test.name for one in found for test in one.unit.tests])
        for one in ours:
            self.ours.setdefault(one.assignment, []).append(one)
        if self.summary.refused and not found:
            lines = [f"{one.assignment}/{one.notebook}: {one.reason}" for one in self.summary.refused]
            raise SeatrialError("\n".join(["nothing here is graded by this command", *lines]))
        self.summary.notes += [
            f"submitted/*/{shown_name(name)}: no assignment of this class has this name"
            for name in unknown_assignments(settings, assignments)
        ]
        self.rows = self.book.rows()
        if not settings.create_students:
            self.known_students = self.book.students()

    def _check_students(self, there: set[str]) -> None:
        for name in self.options.students:
            if name not in there:
                what = f'no submission of a student "{shown_name(name)}" in {self.settings.submitted}'
                raise SeatrialError(f"{what}.{nearest(name, sorted(there))}")

    def _check_tests(self, there: list[str]) -> None:
        for name in self.options.tests:
            if name not in there:
                raise SeatrialError(f'no test "{name}" in the units that are graded.{nearest(name, there)}')

    def go(self, engine: Engine, progress: Callable[[int, int], None]) -> None:
        """Everything that is not done yet; nothing is started if all of it is."""
        tasks = self._tasks(lambda: progress(self.finished, len(self.handed)))
        first = next(tasks, None)
        if first is None:
            return
        modules = run_modules(*(one.unit for listed in self.ours.values() for one in listed))
        count = max(1, min(self.options.workers, len(self.handed)))
        with engine(modules) as make, Pool[Task, Finished](make, self.bench.grade, count) as pool:
            for task, came in pool.results(itertools.chain([first], tasks)):
                start = time.perf_counter()
                if isinstance(came, Stuck):
                    came = self.bench.grade(crashed(task, came.reason), Lease(make))
                self._write(task, came)
                self.summary.writer_seconds += time.perf_counter() - start
                self.finished += 1
                progress(self.finished, len(self.handed))

    def _tasks(self, told: Callable[[], None]) -> Iterator[Task]:
        for handed in self.handed:
            task = self._task(handed)
            if task is None:
                self.finished += 1
                told()
            else:
                yield task

    def _task(self, handed: Handed) -> Task | None:
        """What is to be done for one submission, or None; what is done is noted."""
        if problem := self._unbookable(handed):
            self._note_only(handed, problem)
            return None
        stamp = _stamp(handed)
        known = [
            (given, self.rows.get((handed.student, handed.assignment, given.notebook)))
            for given in self.ours.get(handed.assignment, [])
        ]
        anyway = self.options.force or self.options.tests or handed.damage
        compared = any(row for _, row in known) and not anyway
        mark = beside(self.settings, handed).mark if compared else ""  # reads every file beside the notebooks
        planned: list[Planned] = []
        for given, row in known:
            if self.options.tests:
                planned += self._planned_tests(handed, given, row)
            elif self.options.force or not self._is_done(handed, given, row, mark, stamp):
                planned.append(Planned(given, row))
            elif row is not None:
                self._tell(handed, given.notebook, row, before=True)
        return Task(handed, tuple(planned), stamp, self.options.force) if planned else None

    def _is_done(self, handed: Handed, given: Assigned, row: Row | None, mark: str, stamp: str) -> bool:
        if row is None:
            return False
        key = key_of(self.bench.key(given, handed, mark), stamp)
        return is_done(row, key) and self._is_in_place(handed, given, row)

    def _is_in_place(self, handed: Handed, given: Assigned, row: Row) -> bool:
        """Whether the autograded notebook is the one that the grade book speaks of."""
        path = self.settings.autograded / handed.student / handed.assignment / f"{given.notebook}.ipynb"
        try:
            return hashlib.sha256(path.read_bytes()).hexdigest() == row.mark
        except OSError:
            return False

    def _planned_tests(self, handed: Handed, given: Assigned, row: Row | None) -> Iterator[Planned]:
        """The notebook with the tests that are graded anew, if it was graded and has any of them."""
        names = frozenset(self.options.tests) & {test.name for test in given.unit.tests}
        if not names:
            return
        if row is None or row.state != GRADED or not self._is_in_place(handed, given, row):
            where = f"{shown_name(handed.student)}/{handed.assignment}/{given.notebook}"
            self.summary.notes.append(f"{where} is not graded as a whole yet, so no single test of it was")
            return
        yield Planned(given, row, names)

    def _unbookable(self, handed: Handed) -> str:
        if problem := name_problem(handed.student):
            return problem
        if self.known_students is not None and handed.student not in self.known_students:
            return "no such student in the grade book; add one: nbgrader db student add NAME"
        return ""

    def _note_only(self, handed: Handed, reason: str) -> None:
        for given in self.ours.get(handed.assignment, []):
            row = Row("", DAMAGED, 0.0, given.unit.max_points, reason, "")
            self.book.note((shown_name(handed.student), handed.assignment, given.notebook), row)
            self._tell(handed, given.notebook, row)

    def _write(self, task: Task, finished: Finished) -> None:
        """Puts the folder in place and writes the grade book; if that fails the folder goes back."""
        handed = task.handed
        timestamp, problem = _parsed(task.stamp)
        notes = (*finished.left_out, *([problem] if problem else []))
        placed = Placed(finished.folder, self.settings.autograded / handed.student / handed.assignment)
        try:
            points = self.book.write(handed.student, handed.assignment, timestamp, finished.entries)
        except BaseException:
            placed.undo()
            raise
        placed.finish()
        self.summary.written += 1
        for entry in finished.entries:
            row = replace(entry.row, points=points[entry.notebook])
            self._tell(handed, entry.notebook, row, (*entry.result.notes, *notes))

    def _tell(
        self, handed: Handed, notebook: str, row: Row, notes: tuple[str, ...] = (), before: bool = False
    ) -> None:
        numbers = (row.points, row.max_points)
        name = shown_name(handed.student)
        self.summary.outcomes.append(
            Outcome(
                name, handed.assignment, notebook, row.state, *numbers, row.reason, notes, row.seconds, before
            )
        )


def _stamp(handed: Handed) -> str:
    """The text of a submission's timestamp.txt, or nothing."""
    if handed.damage:
        return ""
    try:
        return read_bytes(handed.folder / STAMP, MAX_STAMP_BYTES).decode("utf-8", "replace").strip()
    except Damaged:
        return ""


def _parsed(stamp: str) -> tuple[datetime.datetime | None, str]:
    """The time as nbgrader has it (UTC), or what is wrong with the text."""
    from nbgrader.utils import parse_utc

    if not stamp:
        return None, ""
    try:
        return parse_utc(stamp), ""
    except Exception:  # the parser raises this and that
        return None, f"{STAMP} holds no time, so the submission has none"
