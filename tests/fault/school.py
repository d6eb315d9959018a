"""A small class in a folder of its own, and what a grading leaves in it."""

from __future__ import annotations

import contextlib
import hashlib
import shutil
import sqlite3
from pathlib import Path
from typing import Any

from small_course import COURSE

from grader.build import build
from grader.classroom.course import make_class
from grader.classroom.graded import nbgrader
from grader.course import Course
from grader.filled import filled_notebook
from grader.model import Unit

MODULE, NOTEBOOK = "00-kinds", "01-add-up"
LIMIT_SECONDS = 2
DIES = "import os\n\ndef add_up(amounts):\n    os.kill(os.getpid(), 9)\n"
HANGS = "def add_up(amounts):\n    while len(amounts) == 5:\n        pass\n    return sum(filter(None, amounts))\n"
BOOK = {
    "grades": """SELECT student_id, n.name, b.name, auto_score, manual_score, extra_credit, needs_manual_grade
        FROM grade JOIN submitted_notebook s ON s.id = grade.notebook_id
        JOIN submitted_assignment a ON a.id = s.assignment_id JOIN notebook n ON n.id = s.notebook_id
        JOIN base_cell b ON b.id = cell_id""",
    "comments": """SELECT student_id, n.name, b.name, auto_comment, manual_comment
        FROM comment JOIN submitted_notebook s ON s.id = comment.notebook_id
        JOIN submitted_assignment a ON a.id = s.assignment_id JOIN notebook n ON n.id = s.notebook_id
        JOIN base_cell b ON b.id = cell_id""",
    "submissions": """SELECT student_id, assignment.name, timestamp FROM submitted_assignment
        JOIN assignment ON assignment.id = assignment_id""",
    "ours": """SELECT student, assignment, notebook, state, points, max_points, reason, mark
        FROM seatrial_graded""",
}


def write_school(root: Path) -> None:
    """The course, and a class with eight submissions, below `root`."""
    course = _course(root / "course")
    unit = course.unit("add-up")
    make_class(root / "ml", [unit])
    nbgrader(root / "ml", "generate_assignment", MODULE)
    for student, text in _handed_in(course, unit).items():
        path = root / "ml" / "submitted" / student / MODULE / f"{NOTEBOOK}.ipynb"
        path.parent.mkdir(parents=True)
        path.write_text(text, encoding="utf-8")


def _course(root: Path) -> Course:
    source = COURSE.root / "solutions" / MODULE / f"{NOTEBOOK}.py"
    text = source.read_text(encoding="utf-8")
    target = root / "solutions" / MODULE / source.name
    target.parent.mkdir(parents=True)
    target.write_text(text.replace("limit_seconds: 5", f"limit_seconds: {LIMIT_SECONDS}"), encoding="utf-8")
    for room in ("modules", "exercises"):
        (root / room).mkdir()
    build(Course(root))
    return Course(root)


def _handed_in(course: Course, unit: Unit) -> dict[str, str]:
    """Right, wrong, untouched, damaged, one that ends its process and one without end."""
    texts = {wrong.name: wrong.text for wrong in unit.wrong} | {also.name: also.text for also in unit.also}
    return {
        "ann": filled_notebook(unit, {}),
        "ben": filled_notebook(unit, {"add_up": texts["no_refunds"]}),
        "cho": filled_notebook(unit, {"add_up": texts["removes_gaps"]}),
        "dee": (course.root / "exercises" / MODULE / f"{NOTEBOOK}.ipynb").read_text(encoding="utf-8"),
        "eli": '{"cells": [',
        "fay": filled_notebook(unit, {"add_up": DIES}),
        "gus": filled_notebook(unit, {"add_up": HANGS}),
        "hal": filled_notebook(unit, {"add_up": texts["loop"]}),
    }


def copied(template: Path, place: Path) -> Path:
    """A copy of the class, ungraded; returns its folder."""
    shutil.copytree(template / "ml", place / "ml", dirs_exist_ok=True)
    return place / "ml"


def book_of(folder: Path) -> dict[str, Any]:
    """The grade book without times and without names made by chance, and the autograded files by hash."""
    found: dict[str, Any] = {}
    with contextlib.closing(sqlite3.connect(folder / "gradebook.db")) as connection:
        for name, query in BOOK.items():
            found[name] = sorted(connection.execute(query).fetchall(), key=str)
        found["sound"] = connection.execute("PRAGMA integrity_check").fetchall()
    root = folder / "autograded"
    found["files"] = {
        path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }
    return found


def half_done(folder: Path) -> list[str]:
    """What a grader that was ended may leave and a later one takes away."""
    names = [path for path in (folder / "autograded").rglob(".*") if ".seatrial-" in path.name]
    names += (folder / ".seatrial").rglob("*.part")
    names += folder.glob("gradebook.db-*")
    return [str(path.relative_to(folder)) for path in names]


def differences(book: dict[str, Any], wanted: dict[str, Any]) -> list[str]:
    """A line for each part of the book that is not as it should be."""
    found = []
    for part, want in wanted.items():
        got = book[part]
        if got != want:
            left = got.items() if isinstance(got, dict) else got
            right = want.items() if isinstance(want, dict) else want
            more = [one for one in left if one not in right][:3]
            less = [one for one in right if one not in left][:3]
            found.append(f"{part}: {more} instead of {less}")
    return found
