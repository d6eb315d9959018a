"""Which notebook of a class is which unit of the course, and which ones are not ours to grade."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from grader import misconceptions
from grader.build import nbgrader_source
from grader.checking import outcomes_file
from grader.classroom.book import GradeBook
from grader.classroom.entries import BookNotebook
from grader.classroom.graded import nbgrader
from grader.classroom.record import ClassRecord, mark_of
from grader.classroom.settings import ClassSettings
from grader.course import Course
from grader.errors import CourseError, SeatrialError
from grader.header import nearest
from grader.misconceptions import Signature
from grader.model import Answer, Test, Unit


@dataclass(frozen=True)
class Assigned:
    """A notebook of an assignment that is a unit of the course."""

    assignment: str
    notebook: str
    unit: Unit
    seed: int
    book: BookNotebook
    signatures: Mapping[str, Signature]


@dataclass(frozen=True)
class Refused:
    """A notebook of `source/` that this command does not grade, with a sentence that says who does."""

    assignment: str
    notebook: str
    reason: str


@dataclass(frozen=True)
class Sourced:
    """A notebook of `source/` and the unit that it is."""

    assignment: str
    notebook: str
    unit: Unit


def sourced(
    settings: ClassSettings, record: ClassRecord, course: Course, words: Collection[str] = ()
) -> tuple[list[Sourced], list[Refused]]:
    """The notebooks of `source/` by assignment and name.

    words: units to keep to, all if there are none. Raises CourseError with the nearest name for one that is unknown.
    """
    files = sorted(path for path in settings.source.glob("*/*.ipynb") if not path.name.startswith("."))
    known = {word_of(path.stem): path for path in files}
    for word in words:
        if word not in known and word_of(word.rpartition("/")[2]) not in known:
            raise CourseError(f'no unit "{word}" in {settings.source}.{nearest(word, list(known))}')
    wanted = {word_of(word.rpartition("/")[2]) for word in words}
    ours, refused = [], []
    for path in files:
        if wanted and word_of(path.stem) not in wanted:
            continue
        assignment = path.parent.name
        try:
            unit = course.exercise(_unit_path(course, assignment, path.stem))
        except CourseError:
            how = f"grade it with: nbgrader autograde {assignment} --notebook={path.stem}"
            refused.append(Refused(assignment, path.stem, f"no unit of the course has this name; {how}"))
            continue
        if reason := _difference(path, unit, record, assignment):
            refused.append(Refused(assignment, path.stem, reason))
        else:
            ours.append(Sourced(assignment, path.stem, unit))
    return ours, refused


def word_of(stem: str) -> str:
    """The identity in a notebook's name: "first-check" of "01-first-check"."""
    return re.sub(r"^\d\d-", "", stem)


def assigned(
    found: Collection[Sourced],
    settings: ClassSettings,
    record: ClassRecord,
    course: Course,
    book: GradeBook,
    say: Callable[[str], None],
) -> tuple[list[Assigned], list[Refused]]:
    """The notebooks with what the grade book has of them; an assignment that it lacks is generated, and said."""
    ours, refused = [], []
    for one in found:
        if book.assignment(one.assignment) is None:
            _generate(one.assignment, settings, book, say)
        known = (book.assignment(one.assignment) or {}).get(one.notebook)
        if known is None or not _same_cells(known, one.unit):
            what = "the grade book has it otherwise than source/"
            how = f"run: nbgrader generate_assignment {one.assignment} --force"
            refused.append(Refused(one.assignment, one.notebook, f"{what}; {how}"))
            continue
        signatures = misconceptions.load_signatures(outcomes_file(course, one.unit))
        seed = record.seed(one.unit.name)
        ours.append(Assigned(one.assignment, one.notebook, one.unit, seed, known, signatures))
    return ours, refused


def _unit_path(course: Course, assignment: str, stem: str) -> str:
    path = f"{assignment}/{stem}"
    return path if path in course.files else word_of(stem)


def _difference(path: Path, unit: Unit, record: ClassRecord, assignment: str) -> str:
    """Why a source notebook is not the unit as it stands in the course, or ""."""
    by_hand = f"grade it with: nbgrader autograde {assignment} --notebook={path.stem}"
    try:
        data = path.read_bytes()
        if list(_cells(json.loads(data))) == list(_cells(json.loads(nbgrader_source(unit)))):
            return ""
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return f"its notebook in source/ cannot be read; delete it and run mle class init, or {by_hand}"
    if record.written.get(f"{assignment}/{path.stem}") == mark_of(data):
        update = f"mle class init DIR, then nbgrader generate_assignment {assignment} --force"
        return f"the course is newer than this class; run {update}, or {by_hand}"
    return f"you edited its notebook in source/; {by_hand}"


def _cells(notebook: Any) -> Iterator[tuple[str, str, str, float]]:
    for cell in notebook["cells"]:
        graded = cell["metadata"].get("nbgrader", {})
        text = "".join(cell["source"]).rstrip()
        yield str(graded.get("grade_id", "")), cell["cell_type"], text, float(graded.get("points", 0))


def _generate(assignment: str, settings: ClassSettings, book: GradeBook, say: Callable[[str], None]) -> None:
    """nbgrader's own generate_assignment, which fills the grade book."""
    say(f"{assignment} is not in the grade book yet: nbgrader generate_assignment {assignment}")
    book.forget(assignment)
    force = ["--force"] if (settings.release / assignment).exists() else []
    nbgrader(settings.folder, "generate_assignment", assignment, *force)
    book.forget(assignment)
    if book.assignment(assignment) is None:
        raise SeatrialError(f"nbgrader generate_assignment {assignment} left no assignment in the grade book")


def _same_cells(known: BookNotebook, unit: Unit) -> bool:
    """Whether nbgrader would put today's cells in place, and count the same points."""
    points = {test.name: test.points for test in unit.tests}
    if dict(known.grades) != points or known.solutions != {answer.name for answer in unit.answers}:
        return False
    for part in unit.parts:
        cell = known.cells.get(part.name)
        if cell is None:
            return False
        text = part.marked if isinstance(part, Test) else getattr(part, "text", None)
        if not isinstance(part, Answer) and cell.source.rstrip() != str(text).rstrip():
            return False
    return True
