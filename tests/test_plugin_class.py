"""The nbgrader plug-in in a class of ours: units by learner and judge, what the instructor edited in a kernel."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from class_unit import PATH, write_class_course
from plugin_course import command

from grader.classroom.agreement import compare, reports
from grader.classroom.course import make_class
from grader.classroom.graded import graded_cells
from grader.classroom.record import read_record
from grader.filled import filled_notebook
from grader.jail.isolation import Isolation, probe
from grader.model import Unit

pytestmark = pytest.mark.slow
MODULE, NOTEBOOK = PATH.split("/")
BEST = "full" if probe().level is Isolation.FULL else "reduced"
CONFIG = f'\nc.ClassExecute.isolation = "{BEST}"\n'
FORGE = """
import sys
class Equal(int):
    def __eq__(self, other): return True
    def __ne__(self, other): return False
def double(number):
    for frame in sys._current_frames().values():
        frame.f_globals["expect"] = __import__("unittest.mock").mock.MagicMock()
    return Equal()
"""
LOOK = (
    'import os\nprint("seed" if "SEATRIAL_SEED" in os.environ else "no seed")\nprint("printed by a student")'
)


@dataclass(frozen=True)
class School:
    unit: Unit
    folder: Path
    log: str

    def cells(self, student: str) -> list[dict[str, Any]]:
        path = self.folder / "autograded" / student / f"{PATH}.ipynb"
        return json.loads(path.read_text(encoding="utf-8"))["cells"]

    def points(self) -> dict[str, float]:
        students = sorted(path.name for path in (self.folder / "submitted").iterdir())
        graded = {name: graded_cells(self.folder, self.unit, name) for name in students}
        return {name: sum(cell.points for cell in cells.values()) for name, cells in graded.items()}


def answers(unit: Unit) -> dict[str, dict[str, str] | None]:
    wrong = {wrong.name: {wrong.of: wrong.text} for wrong in unit.wrong}
    return {
        "reference": {},
        "untouched": None,
        "square": wrong["square"],
        "ends_well": wrong["ends_well"],
        "forger": {"double": FORGE},
        "broken": {"double": "1 / 0"},
    }


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Unit, Path]:
    """A class with what its students handed in, not yet graded."""
    root = tmp_path_factory.mktemp("school")
    course = write_class_course(root / "course")
    unit = course.unit("double")
    folder = root / "ml"
    make_class(folder, [unit])
    with (folder / "nbgrader_config.py").open("a", encoding="utf-8") as file:
        file.write(CONFIG)
    command(folder, "generate_assignment", MODULE)
    release = (folder / "release" / f"{PATH}.ipynb").read_text(encoding="utf-8")
    for name, given in answers(unit).items():
        content = json.loads(release if given is None else filled_notebook(unit, given, release))
        look: dict[str, Any] = {
            "cell_type": "code",
            "execution_count": None,
            "id": "own",
            "metadata": {},
            "outputs": [],
        }
        content["cells"].append({**look, "source": LOOK})
        path = folder / "submitted" / name / f"{PATH}.ipynb"
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps(content), encoding="utf-8")
    return unit, folder


@pytest.fixture(scope="module")
def school(made: tuple[Unit, Path], tmp_path_factory: pytest.TempPathFactory) -> School:
    """Graded by nbgrader's own command, with the course at hand."""
    unit, folder = made
    copy = Path(shutil.copytree(folder, tmp_path_factory.mktemp("graded") / "ml"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SEATRIAL_COURSE", str(folder.parent / "course"))
        damaged = copy / "submitted" / "damaged" / f"{PATH}.ipynb"
        damaged.parent.mkdir(parents=True)
        content = json.loads((copy / "submitted" / "square" / f"{PATH}.ipynb").read_text(encoding="utf-8"))
        content["metadata"]["seatrial"]["unit"] = "another"
        damaged.write_text(json.dumps(content), encoding="utf-8")
        return School(unit, copy, command(copy, "autograde", MODULE))


def test_nbgrader_books_the_points_of_a_check(school: School) -> None:
    """Test by test, hidden data included."""
    record = read_record(school.folder)
    assert record is not None
    checked = reports(school.unit, list(answers(school.unit).items()), record.seed("double"))
    found = [
        line
        for name in checked
        for line in compare(name, graded_cells(school.folder, school.unit, name), checked[name])
    ]

    assert found == []
    assert "in a kernel" not in school.log


def test_tests_stand_in_a_process_of_their_own(school: School) -> None:
    """An answer that takes hold of the test's names and lies about equality earns what it deserves."""
    points = school.points()

    assert points["reference"] == 4.5
    assert points["forger"] == points["broken"] == 1
    assert points["untouched"] == 0


def test_cells_show_what_happened(school: School) -> None:
    """Text on stdout, a failed test as an error with our message, a passed one without output, counts in order."""
    cells = school.cells("square")
    graded = {cell["metadata"].get("nbgrader", {}).get("grade_id"): cell for cell in cells}
    (error,) = graded["doubles_any"]["outputs"]
    counts = [cell["execution_count"] for cell in cells if cell["cell_type"] == "code" and cell["source"]]

    assert graded["doubles_two"]["outputs"] == []
    assert "because any n" in error["evalue"]
    assert cells[-1]["outputs"] == [
        {"name": "stdout", "output_type": "stream", "text": ["no seed\n", "printed by a student\n"]}
    ]
    assert counts == list(range(1, len(counts) + 1))
    (raised,) = next(cell for cell in school.cells("broken") if cell["source"] == ["1 / 0"])["outputs"]
    assert raised["ename"] == "ZeroDivisionError"


def test_what_cannot_be_read_gets_no_point_and_a_reason(school: School) -> None:
    """A notebook that says it is another unit's: the reason stands in every test."""
    graded = [cell for cell in school.cells("damaged") if cell["metadata"].get("nbgrader", {}).get("grade")]

    assert school.points()["damaged"] == 0
    assert {cell["outputs"][0]["evalue"] for cell in graded} == {
        '01-double.ipynb is the exercise "another", not "double"; check it with "mle check another".'
    }


def test_an_edited_source_runs_in_a_kernel(made: tuple[Unit, Path], tmp_path: Path) -> None:
    """With the class's seed, as nbgrader has it, and the log says so."""
    unit, folder = made
    copy = Path(shutil.copytree(folder, tmp_path / "ml"))
    for name in answers(unit):
        if name not in ("reference", "square"):
            shutil.rmtree(copy / "submitted" / name)
    source = copy / "source" / f"{PATH}.ipynb"
    text = source.read_text(encoding="utf-8").replace("twice nothing is nothing", "nought is nought")
    source.write_text(text, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SEATRIAL_COURSE", str(folder.parent / "course"))
        command(copy, "generate_assignment", MODULE, "--force")
        school = School(unit, copy, command(copy, "autograde", MODULE))

    assert 'the cell "doubles_any" is not that of the course' in school.log
    assert school.points() == {"reference": 4.5, "square": 3}
    assert "".join(school.cells("square")[-1]["outputs"][0]["text"]).startswith("seed\n")
