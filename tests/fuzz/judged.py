"""Mutated notebooks through the whole run: always a report, with a result for each test and no point for nothing."""

from __future__ import annotations

import dataclasses
import time
import traceback
from pathlib import Path

from fuzz.notebooks import Mutant
from fuzz.reading import FILE
from grader.errors import NotebookError
from grader.model import Outcome, Unit
from grader.notebook import read_submission
from grader.runner import run
from grader.workers import Workers

LIMIT_SECONDS, LIMIT_RUN_SECONDS, SLACK_SECONDS = 3.0, 12.0, 15.0


def hurried(unit: Unit) -> Unit:
    """The unit with limits that a fuzzer can wait for."""
    header = dataclasses.replace(
        unit.header, limit_seconds=LIMIT_SECONDS, limit_run_seconds=LIMIT_RUN_SECONDS, limit_megabytes=1024
    )
    return dataclasses.replace(unit, header=header)


def judge(mutant: Mutant, folder: Path, workers: Workers) -> tuple[bool, list[str], float]:
    """Whether the notebook could be run; what is wrong with its report; the time that was taken."""
    path = folder / FILE
    path.write_bytes(mutant.data)
    unit = mutant.base.unit
    start = time.perf_counter()
    try:
        submission = read_submission(path, unit)
    except NotebookError:
        return False, [], time.perf_counter() - start
    try:
        report = run(unit, submission, workers, seed=1)
    except Exception as error:
        trace = "".join(traceback.format_exception(error)[-4:])
        return True, [f"raised {type(error).__name__}: {trace}"], time.perf_counter() - start
    seconds = time.perf_counter() - start
    found = []
    if [result.name for result in report.results] != [test.name for test in unit.tests]:
        found.append("not one result for each test")
    for result in report.results:
        unwritten = [name for name in result.of if name not in mutant.base.touched]
        if result.points and (result.outcome is not Outcome.PASSED or unwritten):
            found.append(f"{result.name} earned {result.points}, and nobody wrote {unwritten}")
        if result.outcome is not Outcome.PASSED and not result.message:
            found.append(f"{result.name} says nothing")
    if not mutant.steps and report.points < sum(
        t.points for t in unit.tests if {*t.of} <= mutant.base.touched
    ):
        found.append("an unchanged notebook lost points")
    if seconds > unit.header.limit_run_seconds + SLACK_SECONDS:
        found.append(f"took {seconds:.1f} s")
    return True, found, seconds
