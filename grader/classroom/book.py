"""nbgrader's grade book, through nbgrader's own models: one transaction a submission."""

from __future__ import annotations

import contextlib
import datetime
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from grader.classroom.entries import BookNotebook, Entry, Place, Row, book_notebook
from grader.classroom.results import GRADED, Result
from grader.classroom.settings import ClassSettings
from grader.errors import SeatrialError

NO_RESPONSE = "No response."  # nbgrader's own words, which formgrader looks for
LOCK_MILLISECONDS = 15_000


class GradeBook:
    """The grade book of one class; every method raises SeatrialError with what to do where it cannot be used."""

    def __init__(self, settings: ClassSettings) -> None:
        self._settings = settings
        self._assignments: dict[str, dict[str, BookNotebook] | None] = {}
        with self._said():
            self._open()

    def _open(self) -> None:
        from nbgrader.api import Gradebook
        from sqlalchemy import Column, Float, MetaData, String, Table, Text, event

        try:
            self._book = Gradebook(self._settings.book_url, self._settings.course_id)
        except ModuleNotFoundError as error:
            what = f"the grade book {self._settings.book_shown} needs the package {error.name}"
            raise SeatrialError(f"{what}; install it beside nbgrader") from error
        if self._book.engine.dialect.name == "sqlite":
            event.listen(self._book.engine, "connect", _wait_for_locks)
            self._book.engine.dispose()
        names = [
            Column(name, String(160), primary_key=True) for name in ("student", "assignment", "notebook")
        ]
        texts = [Column("key", String(64)), Column("state", String(16)), Column("mark", String(64))]
        numbers = [Column(name, Float()) for name in ("points", "max_points", "seconds")]
        self._graded = Table(
            "seatrial_graded", MetaData(), *names, *texts, *numbers, Column("reason", Text())
        )
        self._graded.create(self._book.engine, checkfirst=True)
        self._session: Any = self._book.db

    def close(self) -> None:
        with contextlib.suppress(Exception):
            self._session.rollback()
        self._book.close()

    def forget(self, assignment: str) -> None:
        """Look an assignment up anew, after nbgrader's own commands."""
        self._assignments.pop(assignment, None)
        self._session.rollback()

    def assignment(self, name: str) -> Mapping[str, BookNotebook] | None:
        """The notebooks of an assignment by name, or None if nbgrader has not generated it."""
        if name not in self._assignments:
            with self._said():
                self._assignments[name] = self._read_assignment(name)
        return self._assignments[name]

    def _read_assignment(self, name: str) -> dict[str, BookNotebook] | None:
        from nbgrader.api import MissingEntry

        try:
            assignment = self._book.find_assignment(name)
        except MissingEntry:
            return None
        found = {notebook.name: book_notebook(notebook) for notebook in assignment.notebooks}
        self._session.rollback()
        return found

    def rows(self) -> dict[Place, Row]:
        """What was graded before, as far as nbgrader still has every grade of it."""
        from sqlalchemy import select

        whole = self._whole()
        with self._said():
            found = {}
            for row in self._session.execute(select(self._graded)).mappings():
                place = (row["student"], row["assignment"], row["notebook"])
                values = {name: row[name] for name in Row.__dataclass_fields__}
                if place in whole:
                    found[place] = Row(**values)
            self._session.rollback()
            return found

    def _whole(self) -> set[Place]:
        """Notebooks of submissions in which no test lacks a score."""
        from nbgrader.api import Assignment, Grade, Notebook, SubmittedAssignment, SubmittedNotebook
        from sqlalchemy import func, select

        query = (
            select(SubmittedAssignment.student_id, Assignment.name, Notebook.name)
            .join(SubmittedNotebook, SubmittedNotebook.assignment_id == SubmittedAssignment.id)
            .join(Assignment, Assignment.id == SubmittedAssignment.assignment_id)
            .join(Notebook, Notebook.id == SubmittedNotebook.notebook_id)
            .join(Grade, Grade.notebook_id == SubmittedNotebook.id)
            .group_by(SubmittedAssignment.student_id, Assignment.name, Notebook.name)
            .having(func.count(Grade.id) == func.count(Grade.auto_score))
        )
        with self._said():
            return {
                (student, assignment, notebook)
                for student, assignment, notebook in self._session.execute(query)
            }

    def students(self) -> set[str]:
        from nbgrader.api import Student
        from sqlalchemy import select

        with self._said():
            return set(self._session.execute(select(Student.id)).scalars())

    def write(
        self, student: str, assignment: str, timestamp: datetime.datetime | None, entries: Sequence[Entry]
    ) -> dict[str, float]:
        """Everything of one submission, in one transaction: all of it is there afterwards, or none.

        Returns the points by notebook, as the tests have them; what an instructor gave does not count here.
        """
        with self._said():
            submission_id = self._submission(student, assignment, timestamp)
            book = self.assignment(assignment) or {}
            ids = self._notebooks(submission_id, book.values())
            points = {}
            for entry in entries:
                known = book[entry.notebook]
                points[entry.notebook] = self._write_notebook(ids[known.id], known, entry)
            for entry in entries:
                self._assign_penalty(student, submission_id, ids[book[entry.notebook].id])
                row = replace(entry.row, points=points[entry.notebook])
                self._remember((student, assignment, entry.notebook), row)
            self._session.commit()
            self._session.expunge_all()
            return points

    def note(self, place: Place, row: Row) -> None:
        """Remember a row only, for what nbgrader's own tables cannot hold."""
        with self._said():
            self._remember(place, row)
            self._session.commit()

    def _submission(self, student: str, assignment: str, timestamp: datetime.datetime | None) -> str:
        """The submission's id; student and submission are made where they are not there."""
        from nbgrader.api import Assignment, Student, SubmittedAssignment, new_uuid
        from sqlalchemy import insert, select, update

        run = self._session.execute
        if run(select(Student.id).where(Student.id == student)).first() is None:
            run(insert(Student.__table__).values(id=student))
        of = run(select(Assignment.id).where(Assignment.name == assignment)).scalar_one()
        table = SubmittedAssignment.__table__
        there = run(
            select(table.c.id).where(table.c.assignment_id == of, table.c.student_id == student)
        ).scalar()
        if there is None:
            there = new_uuid()
            run(insert(table).values(id=there, assignment_id=of, student_id=student))
        if timestamp is not None:
            run(update(table).where(table.c.id == there).values(timestamp=timestamp))
        return str(there)

    def _notebooks(self, submission_id: str, known: Iterable[BookNotebook]) -> dict[str, str]:
        """Ids of the submission's notebooks by id of the notebook; what is missing is made as nbgrader makes it."""
        from nbgrader.api import Comment, Grade, SubmittedNotebook, new_uuid
        from sqlalchemy import insert, select

        table, run = SubmittedNotebook.__table__, self._session.execute
        query = select(table.c.notebook_id, table.c.id).where(table.c.assignment_id == submission_id)
        found = {row.notebook_id: row.id for row in run(query)}
        for notebook in known:
            if notebook.id in found:
                continue
            one = found[notebook.id] = new_uuid()
            run(insert(table).values(id=one, notebook_id=notebook.id, assignment_id=submission_id))
            for model, kind, names in (
                (Grade, "grade", notebook.grades),
                (Comment, "solution", notebook.solutions),
            ):
                rows = [
                    {"notebook_id": one, "cell_id": notebook.cell_ids[f"{kind} {name}"]} for name in names
                ]
                if rows:
                    run(insert(model.__table__), rows)
        return found

    def _write_notebook(self, one: str, known: BookNotebook, entry: Entry) -> float:
        """Grades, and comments unless only some tests are wanted; returns the points of the whole notebook."""
        from nbgrader.api import Comment, Grade
        from sqlalchemy import bindparam, func, select, update

        grade, comment, run = Grade.__table__, Comment.__table__, self._session.execute
        same = (grade.c.notebook_id == one, grade.c.cell_id == bindparam("cell"))
        values = {"auto_score": bindparam("points"), "needs_manual_grade": grade.c.manual_score.isnot(None)}
        rows = [
            {"cell": known.cell_ids[f"grade {test.name}"], "points": test.points}
            for test in entry.result.tests
            if entry.only is None or test.name in entry.only
        ]
        run(update(grade).where(*same).values(**values), rows)
        if entry.only is not None:
            total = func.coalesce(func.sum(grade.c.auto_score), 0.0)
            return float(run(select(total).where(grade.c.notebook_id == one)).scalar_one())
        same = (comment.c.notebook_id == one, comment.c.cell_id == bindparam("cell"))
        rows = [
            {"cell": known.cell_ids[f"solution {name}"], "said": _comment(name, entry.result)}
            for name in known.solutions
        ]
        if rows:
            run(update(comment).where(*same).values(auto_comment=bindparam("said")), rows)
        return entry.result.points

    def _assign_penalty(self, student: str, submission_id: str, one: str) -> None:
        """What the class's plug-in for late submissions says, within nbgrader's bounds."""
        from nbgrader.api import SubmittedAssignment, SubmittedNotebook

        submission = self._session.get(SubmittedAssignment, submission_id)
        notebook = self._session.get(SubmittedNotebook, one)
        notebook.late_submission_penalty = None
        seconds = submission.total_seconds_late
        if seconds > 0:
            late = self._settings.late
            try:
                penalty = late.plugin_inst.late_submission_penalty(student, notebook.score, seconds)
                if penalty is not None:
                    notebook.late_submission_penalty = min(max(penalty, 0), notebook.score)
            except Exception as error:
                what = f"the plug-in for late submissions failed ({type(error).__name__}: {error})"
                raise SeatrialError(f"{what}; mend c.AssignLatePenalties in nbgrader_config.py") from error

    def _remember(self, place: Place, row: Row) -> None:
        from sqlalchemy import delete, insert

        table, names = self._graded, dict(zip(("student", "assignment", "notebook"), place, strict=True))
        there = [getattr(table.c, name) == value for name, value in names.items()]
        self._session.execute(delete(table).where(*there))
        self._session.execute(insert(table).values(**names, **row.__dict__))

    @contextlib.contextmanager
    def _said(self) -> Iterator[None]:
        """Turns what a database may answer into a sentence that says what to do; nothing stays half written."""
        from sqlalchemy.exc import SQLAlchemyError

        try:
            yield
        except SQLAlchemyError as error:
            self._undo()
            raise SeatrialError(
                _sentence(str(getattr(error, "orig", "") or error), self._settings)
            ) from error
        except BaseException:
            self._undo()
            raise

    def _undo(self) -> None:
        if hasattr(self, "_session"):
            with contextlib.suppress(Exception):
                self._session.rollback()


def _comment(answer: str, result: Result) -> str | None:
    if result.state != GRADED:
        return result.reason
    return NO_RESPONSE if answer in result.untouched else None


def _wait_for_locks(connection: Any, _record: Any) -> None:
    connection.execute(f"PRAGMA busy_timeout = {LOCK_MILLISECONDS}")


def _sentence(reason: str, settings: ClassSettings) -> str:
    first = reason.strip().split("\n")[0]
    what = f"the grade book {settings.book_shown} cannot be used ({first})"
    if "locked" in reason:
        return f"{what}: another program holds it; close it and run the same command again"
    if "readonly" in reason or "unable to open" in reason:
        return f"{what}: mend the rights of the file and of its folder, and run the same command again"
    if "full" in reason or "disk I/O" in reason:
        return f"{what}: free space and run the same command again"
    if "no such column" in reason or "no such table" in reason:
        return f"{what}: it may be of an older nbgrader; back it up and run: nbgrader db upgrade"
    if "not a database" in reason or "malformed" in reason:
        return f"{what}: bring it back from a backup, or move it away to grade everything anew"
    return f"{what}: mend that and run the same command again"
