"""The units whose notebooks are mutated: all of the course, and the small ones of these tests."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from pathlib import Path

from fuzz.notebooks import Base, Mutant, bases_of, mutated
from fuzz.talk import talking_unit
from grader.course import Course
from grader.model import Unit
from grader.source import read_source

ROOT = Path(__file__).parents[2]


def units() -> list[Unit]:
    """Every exercise of the course and of the miniature course."""
    courses = [Course(ROOT), Course(ROOT / "tests" / "course")]
    return [course.load(path) for course in courses for path in sorted(course.root.glob("solutions/*/*.py"))]


def light_units(folder: Path) -> list[Unit]:
    """Units that run in a fraction of a second."""
    return [talking_unit(folder), read_source(ROOT / "tests/course/solutions/00-kinds/01-add-up.py")]


def bases(units: Iterable[Unit]) -> list[Base]:
    return bases_of(list(units))


def mutants(seed: int, bases: list[Base], first: int = 0) -> Iterator[tuple[int, Mutant]]:
    """The mutants of a seed with their numbers, without end."""
    for index in itertools.count(first):
        yield index, mutated(seed, index, bases)
