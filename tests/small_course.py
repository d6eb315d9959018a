"""The miniature course of tests/course, small units written for one test, and notebooks filled for them."""

import contextlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from grader.course import Course
from grader.filled import filled_notebook
from grader.model import Report, TestResult, Unit
from grader.notebook import read_submission
from grader.runner import World, run
from grader.source import read_source
from grader.workers import Workers, many_runs

COURSE = Course(Path(__file__).resolve().parent / "course")
ADD_UP = COURSE.root / "solutions" / "00-kinds" / "01-add-up.py"
MODULES = ("numpy", "pandas", "grader.expect", "grader.judging")


def unit_of(folder: Path, text: str, path: str = "00-kinds/01-small") -> Unit:
    """The unit with this source, written below `folder`."""
    file = folder / "solutions" / f"{path}.py"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    return read_source(file)


def copied_course(folder: Path, *units: str) -> Course:
    """A copy of the miniature course below `folder`, with only these units' files (such as "01-add-up")."""
    root = folder / "course"
    for room in ("modules", "exercises", "solutions"):
        shelf = root / room / "00-kinds"
        shelf.mkdir(parents=True)
        for file in sorted((COURSE.root / room / "00-kinds").iterdir()):
            if file.name.split(".")[0] in units:
                shutil.copy(file, shelf)
    return Course(root)


@contextlib.contextmanager
def warm_workers() -> Iterator[Workers]:
    """Processes forked from one warm parent, for the runs of a whole file."""
    with many_runs(MODULES) as make:
        workers = make()
        yield workers
        workers.close()


def notebook_of(
    folder: Path, unit: Unit, answers: Mapping[str, str] | None = None, own: Mapping[str, str] | None = None
) -> Path:
    """A learner's notebook with the reference but for `answers`.

    own: text of cells that the learner added, by the name of the cell that each follows.
    """
    content = json.loads(filled_notebook(unit, answers or {}))
    for name, text in (own or {}).items():
        place = [cell["id"] for cell in content["cells"]].index(name) + 1
        cell: dict = {"cell_type": "code", "execution_count": None, "id": f"after-{name}", "metadata": {}}
        content["cells"].insert(place, {**cell, "outputs": [], "source": text})
    path = folder / f"{Path(unit.path).name}.ipynb"
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def report_of(
    path: Path,
    unit: Unit,
    workers: Workers,
    *,
    world: World = World.JUDGE,
    seed: int | None = None,
    record: bool = False,
) -> Report:
    """What a clean run of the notebook gives."""
    return run(unit, read_submission(path, unit), workers, world=world, seed=seed, record=record)


def by_name(report: Report) -> dict[str, TestResult]:
    return {result.name: result for result in report.results}


def mle(
    *arguments: object, home: Path, course: Course = COURSE, cwd: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """The command line as a process of its own, with its folder at `home`."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("MLFLOW")}
    environment |= {"SEATRIAL_COURSE": str(course.root), "SEATRIAL_HOME": str(home), "COLUMNS": "200"}
    return subprocess.run(
        [sys.executable, "-m", "grader.cli", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=300,
        env=environment,
        cwd=cwd,
    )
