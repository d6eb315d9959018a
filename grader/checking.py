"""Checking a learner's notebook against its unit: read it, run it, name what went wrong."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable
from pathlib import Path

from grader import misconceptions
from grader.course import Course
from grader.model import Cell, Report, Submission, TestResult, Unit
from grader.names import parse
from grader.runner import World, run
from grader.workers import SpareWorkers, Workers

ALWAYS_TESTED = ("grader.expect",)


def imports_of(texts: Iterable[str]) -> tuple[str, ...]:
    """Modules that pieces of code import, in order and without repeats; code that does not parse has none."""
    found: dict[str, None] = {}
    for text in texts:
        for node in ast.walk(parse(text) or ast.Module([], [])):
            if isinstance(node, ast.Import):
                found.update({name.name: None for name in node.names})
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                found[node.module] = None
    return tuple(found)


def learner_modules(unit: Unit) -> tuple[str, ...]:
    """What the unit's given cells and answers import, for a process that waits for them."""
    texts = [part.text for part in unit.parts if isinstance(part, Cell) and part.kind == "given"]
    return imports_of(texts + [answer.reference for answer in unit.answers if answer.file is None])


def file_modules(unit: Unit) -> tuple[str, ...]:
    """What the files import that the unit delivers, without these files themselves."""
    files = {answer.file: answer.reference for answer in unit.answers if answer.file is not None}
    return tuple(name for name in imports_of(files.values()) if f"{name}.py" not in files)


def judge_modules(unit: Unit) -> tuple[str, ...]:
    """What the unit's tests import."""
    return ALWAYS_TESTED + imports_of(test.text for test in unit.tests)


def run_modules(*units: Unit) -> tuple[str, ...]:
    """What runs of these units import on either side, for one warm parent of both."""
    return tuple(
        dict.fromkeys(name for unit in units for name in (*learner_modules(unit), *judge_modules(unit)))
    )


def spare_workers(unit: Unit) -> SpareWorkers:
    """Fresh processes that import ahead what `unit` needs."""
    return SpareWorkers(learner_modules(unit), judge_modules(unit))


def check(
    course: Course,
    unit: Unit,
    submission: Submission,
    workers: Workers,
    *,
    seed: int | None = None,
    on_result: Callable[[TestResult], None] | None = None,
) -> Report:
    """The report of one clean run, with misconceptions named where just one fits."""
    report = run(unit, submission, workers, seed=seed, world=World.JUDGE, on_result=on_result)
    signatures = misconceptions.load_signatures(outcomes_file(course, unit))
    return misconceptions.name_misconceptions(unit, report, signatures)


def outcomes_file(course: Course, unit: Unit) -> Path:
    """Where the stored signatures of the unit's wrong answers stand, beside its source."""
    return course.root / "solutions" / f"{unit.path}.outcomes.json"
