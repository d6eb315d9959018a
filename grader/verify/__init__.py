"""`mle verify`: the proof that every exercise earns what it should, and nothing else."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable

from grader.build import check_built
from grader.course import Course
from grader.model import Unit
from grader.verify import cache
from grader.verify.kernel import Kernel
from grader.verify.lessons import lesson_problems
from grader.verify.problems import Problem
from grader.verify.unit import prove_unit

__all__ = ["Problem", "verify"]


def verify(
    course: Course,
    units: Iterable[Unit] | None = None,
    *,
    jobs: int = 2,
    use_cache: bool = True,
    every_door: bool = True,
    with_nbgrader: bool = False,
    progress: Callable[[str, str], None] = lambda unit, step: None,
) -> list[Problem]:
    """Every problem of the course and of `units` (all if None), in file order; empty if all is proven.

    Raises SourceError where a source cannot be read. The points are those of docs/adding-an-exercise.md.
    """
    problems = [Problem("course", -1, 1, text) for text in course.problems()]
    problems += [Problem("course", -1, 9, text) for text in check_built(course)]
    for unit in course.units if units is None else units:
        if use_cache and not with_nbgrader and cache.is_proven(course, unit):
            progress(unit.name, "proven before")
            continue
        tell = functools.partial(progress, unit.name)
        with Kernel(course) as kernel:
            progress(unit.name, "lesson")
            found = _lesson(course, unit, kernel)
            if unit.has_exercise:
                found = prove_unit(course, unit, jobs, tell, every_door=every_door, kernel=kernel) + found
        if with_nbgrader and unit.has_exercise:
            from grader.verify.agreement import nbgrader_problems

            progress(unit.name, "nbgrader")
            found += nbgrader_problems(course, unit)
        problems += found
        if not found:
            cache.note(course, unit)  # before what is remembered, which rests on that file, too
            cache.remember(course, unit)
    return problems


def _lesson(course: Course, unit: Unit, kernel: Kernel) -> list[Problem]:
    lesson = course.lesson(unit.path)
    if lesson is None:
        return []
    return [Problem(unit.path, -1, 11, f"lesson: {text}") for text in lesson_problems(lesson, kernel)]
