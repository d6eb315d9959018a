"""A class of two small units, made once a process and copied for each test, and what its students hand in."""

from __future__ import annotations

import atexit
import contextlib
import functools
import json
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from class_unit import SOURCE
from nbgrader.api import Gradebook

from grader.build import build, learner_notebook
from grader.classroom.course import make_class
from grader.classroom.early import Engine
from grader.classroom.graded import nbgrader
from grader.classroom.grading import grade_class
from grader.classroom.summary import Options, Outcome, Summary
from grader.course import Course
from grader.filled import filled_notebook
from grader.model import Unit
from grader.workers import Workers, many_runs

MODULE = "00-start"
DOUBLE, TRIPLE = "01-double", "02-triple"
Scores = dict[tuple[str, str], dict[str, float | None]]


@dataclass(frozen=True)
class School:
    """A class and its course."""

    folder: Path
    course: Course

    @property
    def units(self) -> dict[str, Unit]:
        return {name: self.course.unit(name) for name in ("double", "triple")}

    def hand_in(self, student: str, notebook: str, text: str | bytes) -> Path:
        """Puts a notebook into a student's submission."""
        path = self.folder / "submitted" / student / MODULE / f"{notebook}.ipynb"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    def hand_in_both(self, student: str, kind: str = "reference") -> None:
        """Both notebooks: the reference, untouched, or with a wrong or other right answer's name."""
        for notebook, unit in ((DOUBLE, self.units["double"]), (TRIPLE, self.units["triple"])):
            self.hand_in(student, notebook, answered(unit, kind))

    def grade(self, engine: Engine | None = None, **options: Any) -> Summary:
        """`mle class grade` without a jail."""
        return grade_class(self.folder, self.course, Options(isolation="none", **options), engine or forked)

    def nbgrader(self, *arguments: str) -> str:
        return nbgrader(self.folder, *arguments)

    @contextlib.contextmanager
    def book(self) -> Iterator[Gradebook]:
        with Gradebook(f"sqlite:///{self.folder / 'gradebook.db'}", "ml") as book:
            yield book

    def autograded(self, student: str, notebook: str = DOUBLE) -> dict[str, Any]:
        path = self.folder / "autograded" / student / MODULE / f"{notebook}.ipynb"
        return json.loads(path.read_text(encoding="utf-8"))

    def scores(self) -> Scores:
        """Score of each test by student and notebook, as the grade book has them."""
        with self.book() as book:
            return {
                (submission.student.id, notebook.name): {
                    grade.name: grade.auto_score for grade in notebook.grades
                }
                for submission in book.assignment_submissions(MODULE)
                for notebook in submission.notebooks
            }

    def everything(self) -> dict[str, list[tuple]]:
        """The rows of the grade book that an instructor can see, without names made by chance and without times."""
        with self.book() as book:
            found: dict[str, list[tuple]] = {"grades": [], "comments": [], "submissions": []}
            for submission in book.assignment_submissions(MODULE):
                student = submission.student.id
                found["submissions"].append((student, submission.timestamp, submission.score))
                for notebook in submission.notebooks:
                    found["grades"] += [
                        (
                            student,
                            notebook.name,
                            one.name,
                            one.auto_score,
                            one.manual_score,
                            one.needs_manual_grade,
                        )
                        for one in notebook.grades
                    ]
                    found["comments"] += [
                        (student, notebook.name, one.name, one.auto_comment) for one in notebook.comments
                    ]
            return {name: sorted(rows, key=str) for name, rows in found.items()}


def answered(unit: Unit, kind: str) -> str:
    """A unit's notebook as a student of this kind hands it in."""
    if kind == "untouched":
        return learner_notebook(unit)
    texts = {wrong.name: {wrong.of: wrong.text} for wrong in unit.wrong}
    texts |= {also.name: {also.of: also.text} for also in unit.also}
    return filled_notebook(unit, texts.get(kind, {}))


def outcomes(summary: Summary) -> dict[tuple[str, str], Outcome]:
    return {(one.student, one.notebook): one for one in summary.outcomes}


@contextlib.contextmanager
def forked(_modules: Iterable[str]) -> Iterator[Callable[[], Workers]]:
    """Workers of one warm parent for the whole process, without a jail."""
    yield _parent()


@functools.cache
def _parent() -> Callable[[], Workers]:
    stack = contextlib.ExitStack()
    atexit.register(stack.close)
    return stack.enter_context(many_runs(("grader.expect", "grader.judging")))


@functools.cache
def _template() -> Path:
    """The class, generated by nbgrader, once a process."""
    root = Path(tempfile.mkdtemp(prefix="seatrial-class-"))
    atexit.register(shutil.rmtree, root, ignore_errors=True)
    folder = root / "course" / "solutions" / MODULE
    folder.mkdir(parents=True)
    (folder / f"{DOUBLE}.py").write_bytes(SOURCE.encode())
    (folder / f"{TRIPLE}.py").write_bytes(SOURCE.replace("double", "triple").encode())
    for room in ("modules", "exercises"):
        (root / "course" / room).mkdir()
    course = Course(root / "course")
    build(course)
    make_class(root / "ml", [course.unit("double"), course.unit("triple")])
    nbgrader(root / "ml", "generate_assignment", MODULE)
    return root


def new_school(folder: Path) -> School:
    """A copy of the class, with nothing handed in."""
    shutil.copytree(_template(), folder / "school")
    return School(folder / "school" / "ml", Course(folder / "school" / "course"))
