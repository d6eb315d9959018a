"""A class of one unit and what its students hand in: the unit's own wrong, other right and reference answers."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from light_unit import light_course

from grader.classroom.record import read_record
from grader.course import Course
from grader.errors import CourseError
from grader.filled import filled_notebook
from grader.jail.children import child_environment
from grader.model import Unit
from grader.verify.variants import Kind, Variant, written

ROOT = Path(__file__).resolve().parent.parent
COURSES = (Course(ROOT), Course(ROOT / "tests" / "course"))
AS_NBGRADER = '\nc.Autograde.pop("autograde_preprocessors")\n'
SCORES = """
    select sa.student_id, bc.name, g.auto_score
    from grade g join submitted_notebook sn on g.notebook_id = sn.id
    join submitted_assignment sa on sn.assignment_id = sa.id
    join base_cell bc on g.cell_id = bc.id
"""
Scores = dict[tuple[str, str], float]  # points by student and test


def find_unit(name: str, folder: Path) -> tuple[Course, Unit]:
    """The unit of this course, of the miniature course of the tests, or the light one, made below `folder`."""
    for course in (*COURSES, light_course(folder / "course")):
        with contextlib.suppress(CourseError):
            return course, course.exercise(name)
    raise SystemExit(f"Error: no exercise named {name}")


@dataclass(frozen=True)
class School:
    """A class with its submissions, to be copied for each run. home: the settings of whoever runs commands."""

    folder: Path
    course: Course
    unit: Unit
    students: tuple[str, ...]
    home: Path

    @property
    def module(self) -> str:
        return self.unit.path.split("/")[0]

    @property
    def seed(self) -> int:
        """Of the hidden data."""
        record = read_record(self.folder)
        assert record is not None
        return record.seed(self.unit.name)

    @property
    def environment(self) -> dict[str, str]:
        """One thread, this course, nobody's own settings."""
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
        return child_environment(
            {
                "SEATRIAL_COURSE": str(self.course.root),
                "SEATRIAL_HOME": str(self.home),
                "JUPYTER_CONFIG_DIR": str(self.home),
                "IPYTHONDIR": str(self.home),
                "PATH": path,
            }
        )

    def submitted(self, student: str) -> Path:
        return self.folder / "submitted" / student / f"{self.unit.path}.ipynb"

    def copy(self, folder: Path, count: int) -> School:
        """The same class, as it is before anything is graded, with the first `count` students."""
        shutil.copytree(self.folder, folder, ignore=shutil.ignore_patterns("submitted"))
        for student in self.students[:count]:
            shutil.copytree(self.folder / "submitted" / student, folder / "submitted" / student)
        return School(folder, self.course, self.unit, self.students[:count], self.home)

    def call(self, *arguments: str) -> None:
        """A command of Python's, in the class's folder."""
        line = [sys.executable, *arguments]
        done = subprocess.run(
            line, cwd=self.folder, env=self.environment, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise RuntimeError(f"{' '.join(line)} ended with {done.returncode}: {done.stderr[-3000:]}")

    def as_nbgrader_has_it(self) -> None:
        """Switches the plug-in off."""
        with (self.folder / "nbgrader_config.py").open("a", encoding="utf-8") as file:
            file.write(AS_NBGRADER)

    def scores(self) -> Scores:
        """What the grade book has."""
        with contextlib.closing(sqlite3.connect(self.folder / "gradebook.db")) as book:
            return {(student, test): points for student, test, points in book.execute(SCORES)}


def make_school(folder: Path, name: str, students: int, seed: int) -> School:
    """A class of that many students. The first hands in the reference; answers of the others are drawn."""
    course, unit = find_unit(name, folder)
    home = folder / "home"
    home.mkdir(parents=True)
    ids = tuple(f"student-{number:04d}" for number in range(students))
    school = School(folder / "class", course, unit, ids, home)
    school.folder.mkdir()
    school.call("-m", "grader.cli", "class", "init", str(school.folder), "--units", unit.name)
    school.call("-m", "nbgrader", "generate_assignment", school.module)
    release = (school.folder / "release" / f"{unit.path}.ipynb").read_text(encoding="utf-8")
    for student, variant in zip(ids, drawn(unit, students, seed), strict=True):
        path = school.submitted(student)
        path.parent.mkdir(parents=True)
        path.write_text(filled_notebook(unit, variant.answers, release), encoding="utf-8")
    return school


def drawn(unit: Unit, count: int, seed: int) -> list[Variant]:
    """The reference, then variants of the source in an order of the seed, again and again."""
    variants = [variant for variant in written(unit) if variant.kind is not Kind.UNTOUCHED]
    source = random.Random(f"{unit.name} {seed}")
    found = variants[:1]
    while len(found) < count:
        found += source.sample(variants, len(variants))
    return found[:count]


def differences(first: Scores, second: Scores) -> list[str]:
    """Where two ways give different points, in words."""
    return [
        f"{student} {test}: {first.get((student, test))} and {second.get((student, test))}"
        for student, test in sorted(first.keys() | second.keys())
        if first.get((student, test)) != second.get((student, test))
    ]


def points_of(unit: Unit, passed: Mapping[str, Mapping[str, bool]]) -> Scores:
    """Points by student and test, from what passed."""
    return {
        (student, test.name): test.points if passed[student][test.name] else 0.0
        for student in passed
        for test in unit.tests
    }
