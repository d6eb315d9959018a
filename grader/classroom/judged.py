"""A notebook of a class of ours under nbgrader's own autograde: run by learner and judge, shown in nbgrader's cells."""

from __future__ import annotations

import atexit
import contextlib
import functools
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from nbformat import from_dict

from grader.checking import learner_modules, outcomes_file, run_modules
from grader.classroom.assigned import word_of
from grader.classroom.outputs import cell_outputs, test_outputs
from grader.classroom.pool import Crashed, Lease
from grader.classroom.results import CRASHED, DAMAGED, Result, result_of
from grader.classroom.work import not_graded
from grader.course import Course, find_course
from grader.errors import CourseError, NotebookError, SeatrialError
from grader.jail.isolation import Isolation
from grader.misconceptions import load_signatures, name_misconceptions
from grader.model import Answer, Submission, Test, Unit
from grader.notebook import read_submission
from grader.runner import run
from grader.untouched import same_text
from grader.workers import Workers, grading_workers

MOST_SECONDS = 3600.0


def unit_of(notebook: str, nb: Any) -> tuple[Course, Unit] | str:
    """The course's unit that nbgrader's notebook is, or why it is none.

    notebook: its name in the class. nb: as nbgrader is about to execute it, which has put the instructor's cells
    in the place of the student's; so what the student wrote has no say in this.
    """
    try:
        course = find_course()
        if not course.has_solutions:
            return "the course that is installed has no solutions; set SEATRIAL_COURSE to a clone"
        unit = course.exercise(word_of(notebook))
    except CourseError as error:
        return str(error)
    known = {part.name: part for part in unit.parts}
    for cell in nb.cells:
        facts = cell.metadata.get("nbgrader", {})
        name = facts.get("grade_id", "")
        if not name or not (facts.get("grade") or facts.get("locked")):
            continue
        part = known.get(name)
        if part is None or isinstance(part, Answer):
            return f'the course has no cell "{name}" to compare with'
        text = part.marked if isinstance(part, Test) else part.text
        points = part.points if isinstance(part, Test) else 0
        if not same_text(cell.source, text) or float(facts.get("points", 0)) != points:
            return f'the cell "{name}" is not that of the course'
    return course, unit


def modules_of(notebook: str) -> tuple[str, ...]:
    """What a unit's notebook imports, to be preloaded; none for one that the course does not know."""
    try:
        unit = find_course().exercise(word_of(notebook))
        return ("grader.tracking", "grader.expect", *learner_modules(unit))
    except SeatrialError:
        return ()


def judge(course: Course, unit: Unit, submitted: Path, folder: Path, seed: int, isolation: str) -> Result:
    """What came of a submitted notebook. folder: the files that it is run with. Never raises for what it holds."""
    try:
        submission = read_submission(submitted, unit)
    except NotebookError as error:
        return not_graded(DAMAGED, unit, str(error))
    submission = replace(submission, folder=str(folder))
    modules = run_modules(unit)
    hidden = (Path.cwd().resolve(), course.root / "solutions")
    try:
        lease = lease_of(modules, isolation, hidden)
        report = lease.run(lambda workers: run(unit, submission, workers, seed=seed), MOST_SECONDS)
    except Crashed as error:
        return not_graded(CRASHED, unit, f"{error}; it was tried twice")
    signatures = load_signatures(outcomes_file(course, unit))
    return _shown(result_of(name_misconceptions(unit, report, signatures), submission), submission)


@functools.cache
def lease_of(modules: tuple[str, ...], isolation: str, hidden: tuple[Path, ...]) -> Lease:
    """The worker with these modules, which lives as long as this process."""
    stack = contextlib.ExitStack()
    make: Callable[[], Workers] = stack.enter_context(
        grading_workers(modules, Isolation(isolation), hidden=hidden)
    )
    atexit.register(stack.close)
    lease = Lease(make)
    atexit.register(lease.drop)
    return lease


def _shown(result: Result, submission: Submission) -> Result:
    """The result with what the student's own cells showed under their text, by which nbgrader's cells are found."""
    texts = {cell.name: cell.text for cell in submission.cells if cell.origin == "own"}
    output = {texts.get(name, name): text for name, text in result.cell_output.items()}
    errors = {texts.get(name, name): text for name, text in result.cell_errors.items()}
    return replace(result, cell_output=output, cell_errors=errors)


def show(nb: Any, result: Result) -> None:
    """Put a result into nbgrader's cells so that its own rule gives the points: no output is a pass."""
    count = 0
    for cell in nb.cells:
        if cell.cell_type != "code":
            continue
        cell.outputs, cell.execution_count = [], None
        facts = cell.metadata.get("nbgrader", {})
        name = facts.get("grade_id", "") or cell.source
        if not cell.source.strip():
            continue
        count += 1
        cell.execution_count = count
        outputs = test_outputs(result, name) if facts.get("grade") else cell_outputs(result, name)
        cell.outputs = [from_dict(output) for output in outputs]


def submitted_notebook(config: Any, facts: dict[str, str]) -> Path:
    """Where nbgrader's course has the notebook as it was handed in. facts: student, assignment, notebook."""
    from nbgrader.coursedir import CourseDirectory

    course = CourseDirectory(config=config, root=os.getcwd())
    place = course.format_path(course.submitted_directory, facts["student"], facts["assignment"])
    return Path(place) / f"{facts['notebook']}.ipynb"
