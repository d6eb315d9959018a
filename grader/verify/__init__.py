"""`mle verify`: the proof that every exercise earns what it should, and nothing else."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor

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

    jobs: how many runs there are at a time. Several units are proven side by side, since a lesson and a kernel use one
    core alone. progress: called with a unit and a step, from several threads.
    Raises SourceError where a source cannot be read. The points are those of docs/adding-an-exercise.md.
    """
    problems = [Problem("course", -1, 1, text) for text in course.problems()]
    problems += [Problem("course", -1, 9, text) for text in check_built(course)]
    open_units = []
    for unit in course.units if units is None else units:
        if use_cache and not with_nbgrader and cache.is_proven(course, unit):
            progress(unit.name, "proven before")
        else:
            open_units.append(unit)
    side_by_side = 1 if with_nbgrader else max(1, min(jobs, len(open_units)))

    def proved(unit: Unit) -> list[Problem]:
        tell = functools.partial(progress, unit.name)
        found = _prove(
            course, unit, jobs // side_by_side, tell, every_door=every_door, with_nbgrader=with_nbgrader
        )
        if not found:
            cache.note(course, unit)  # before what is remembered, which rests on that file, too
            cache.remember(course, unit)
        return found

    with ThreadPoolExecutor(side_by_side) as pool:
        for found in pool.map(proved, open_units):
            problems += found
    return problems


def _prove(
    course: Course,
    unit: Unit,
    jobs: int,
    tell: Callable[[str], None],
    *,
    every_door: bool,
    with_nbgrader: bool,
) -> list[Problem]:
    with Kernel(course) as kernel:
        tell("lesson")
        found = _lesson(course, unit, kernel)
        if unit.has_exercise:
            found = prove_unit(course, unit, jobs, tell, every_door=every_door, kernel=kernel) + found
    if with_nbgrader and unit.has_exercise:
        from grader.verify.agreement import nbgrader_problems

        tell("nbgrader")
        found += nbgrader_problems(course, unit)
    return found


def _lesson(course: Course, unit: Unit, kernel: Kernel) -> list[Problem]:
    lesson = course.lesson(unit.path)
    if lesson is None:
        return []
    return [Problem(unit.path, -1, 11, f"lesson: {text}") for text in lesson_problems(lesson, kernel)]
