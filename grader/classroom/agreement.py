"""Whether nbgrader's own commands give the same points as a check, test by test."""

from __future__ import annotations

import functools
import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from grader.build import learner_notebook
from grader.checking import run_modules
from grader.classroom.course import make_class
from grader.classroom.graded import GradedCell, graded_cells, nbgrader
from grader.classroom.record import read_record
from grader.errors import SeatrialError
from grader.filled import filled_notebook
from grader.model import Report, Submission, Unit
from grader.notebook import submission_from
from grader.runner import run
from grader.workers import many_runs

Answers = Mapping[str, str] | None  # text by answer name, the reference for the others; None: as handed out
SECONDS_FOR_A_STUDENT = 300
AS_NBGRADER = """
# Tests beside the answers, as nbgrader has them; the author's own answers need no jail.
c.ClassExecute.judged = False
c.ClassExecute.isolation = "reduced"
"""


def disagreements(
    unit: Unit, students: Sequence[tuple[str, Answers]], jobs: int = 2
) -> Iterator[tuple[str, str]]:
    """(student, what differs) for each test that nbgrader and a check judge differently.

    students: name and answers of each. A class in a temporary folder goes through nbgrader's own
    generate_assignment and autograde; `jobs` autogrades at a time, each with a grade book of its own.
    """
    with tempfile.TemporaryDirectory(prefix="seatrial-class-") as temporary:
        folder = Path(temporary) / "class"
        make_class(folder, [unit])
        with (folder / "nbgrader_config.py").open("a", encoding="utf-8") as config:
            config.write(AS_NBGRADER)
        try:
            nbgrader(folder, "generate_assignment", unit.path.split("/")[0])
        except SeatrialError as error:
            yield "", str(error)
            return
        release = (folder / "release" / f"{unit.path}.ipynb").read_text(encoding="utf-8")
        yield from (("", text) for text in release_differences(unit, release))
        record = read_record(folder)
        assert record is not None
        groups = [students[start::jobs] for start in range(min(jobs, len(students)))]
        classes = [shutil.copytree(folder, folder.with_name(f"class-{n}")) for n in range(len(groups))]
        with ThreadPoolExecutor(jobs) as pool:
            graded = list(pool.map(functools.partial(_autograde, unit, release), classes, groups))
        seed = record.seed(unit.name)
    checked = reports(unit, students, seed)
    for name, _ in students:
        yield from compare(name, next(cells[name] for cells in graded if name in cells), checked[name])


def compare(name: str, graded: Mapping[str, GradedCell] | str, report: Report) -> Iterator[tuple[str, str]]:
    """(name, sentence) for each difference. graded: nbgrader's points by test, or why there are none."""
    if isinstance(graded, str):
        yield name, f"nbgrader did not grade it: {graded}"
        return
    for result in report.results:
        cell = graded.get(result.name)
        if cell is None:
            yield name, f'nbgrader has no points for the test "{result.name}", so its cell is not graded'
        elif (cell.points, cell.max_points) != (result.points, result.max_points):
            theirs = f"{cell.points:g} of {cell.max_points:g}{f' ({cell.reason})' if cell.reason else ''}"
            ours = f"{result.points:g} of {result.max_points:g} ({result.message or result.outcome.value})"
            yield name, f'"{result.name}": nbgrader gives {theirs}, a check gives {ours}'
    for extra in graded.keys() - {result.name for result in report.results}:
        yield name, f'nbgrader grades "{extra}", which a check does not run'


def release_differences(unit: Unit, release: str) -> Iterator[str]:
    """Sentences on cells that nbgrader hands out otherwise than `mle build` does."""
    theirs, ours = ([*map(_shown, json.loads(text)["cells"])] for text in (release, learner_notebook(unit)))
    if len(theirs) != len(ours):
        yield f"nbgrader hands out {len(theirs)} cells, mle build {len(ours)}"
    for cell, built in zip(theirs, ours, strict=False):
        if cell != built:
            yield f'nbgrader hands out the cell "{built[0]}" otherwise than mle build'


def _shown(cell: dict) -> tuple[str, str, str]:
    return cell["metadata"]["nbgrader"]["grade_id"], cell["cell_type"], "".join(cell["source"]).rstrip()


def _autograde(
    unit: Unit, release: str, folder: Path, students: Sequence[tuple[str, Answers]]
) -> dict[str, dict[str, GradedCell] | str]:
    """What nbgrader's own autograde gives for each student, in a class folder of their own."""
    module = unit.path.split("/")[0]
    ids = {f"student-{number}": name for number, (name, _) in enumerate(students)}
    for student, (_, answers) in zip(ids, students, strict=True):
        path = folder / "submitted" / student / f"{unit.path}.ipynb"
        path.parent.mkdir(parents=True)
        text = release if answers is None else filled_notebook(unit, answers, release)
        path.write_text(text, encoding="utf-8")
    wrong = ""
    try:
        nbgrader(folder, "autograde", module, limit_seconds=SECONDS_FOR_A_STUDENT * len(students))
    except SeatrialError as error:
        wrong = str(error)
    return {
        name: graded_cells(folder, unit, student) or wrong or "it has no grades"
        for student, name in ids.items()
    }


def reports(unit: Unit, students: Sequence[tuple[str, Answers]], seed: int) -> dict[str, Report]:
    """Our own verdict on each student, with the hidden data that the class has."""
    modules = run_modules(unit)
    with many_runs(modules) as make_workers:
        workers = make_workers()
        try:
            return {
                name: run(unit, _submission(unit, answers), workers, seed=seed) for name, answers in students
            }
        finally:
            workers.close()


def _submission(unit: Unit, answers: Answers) -> Submission:
    if answers is None:
        return submission_from(unit, untouched=[answer.name for answer in unit.answers])
    return submission_from(unit, answers)
