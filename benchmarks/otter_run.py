"""Notebooks of a class by `otter run`, with the unit's tests as Otter's test files.

`PYTHON benchmarks/otter_run.py CLASS` with SEATRIAL_COURSE, SEATRIAL_SEED and MLFLOW_TRACKING_URI set, where
PYTHON has otter-grader and what the unit imports. Prints one JSON object.
"""

from __future__ import annotations

import json
import sys
import tempfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from nbformat.v4 import new_code_cell, new_notebook, writes  # noqa: E402

from grader.classroom.record import read_record  # noqa: E402
from grader.course import find_course  # noqa: E402
from grader.model import Test, Unit  # noqa: E402
from grader.notebook import read_submission  # noqa: E402

KERNEL = {"name": "python3", "display_name": "Python 3", "language": "python"}
TEST_FILE = """
from otter.test_files import test_case

OK_FORMAT = False
name = {name!r}
points = {points!r}


@test_case(points={points!r})
def check(env):
    exec(compile({text!r}, {name!r}, "exec"), env)
"""


def main() -> None:
    from otter.api import grade_submission

    folder = Path(sys.argv[1])
    record = read_record(folder)
    assert record is not None
    (path,) = record.written
    unit = find_course().exercise(path)
    passed = {}
    with tempfile.TemporaryDirectory(prefix="seatrial-") as room:
        tests = write_tests(unit, Path(room) / "autograder.zip")
        for submitted in sorted(folder.glob(f"submitted/*/{path}.ipynb")):
            notebook = Path(room) / "notebook.ipynb"
            cells = [cell for cell in read_submission(submitted, unit).cells if cell.origin != "test"]
            made = new_notebook(cells=[new_code_cell(cell.text) for cell in cells])
            made.metadata["kernelspec"] = KERNEL
            notebook.write_text(writes(made), encoding="utf-8")
            results = grade_submission(str(notebook), str(tests), quiet=True)
            passed[submitted.parent.parent.name] = {
                test.name: results.get_score(test.name) == test.points for test in unit.tests
            }
    print(json.dumps({"passed": passed}))


def write_tests(unit: Unit, path: Path) -> Path:
    """What `otter run` takes: settings, and a file for each test."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("otter_config.json", json.dumps({"lang": "python"}))
        for test in unit.tests:
            archive.writestr(f"tests/{test.name}.py", test_file(test))
    return path


def test_file(test: Test) -> str:
    return TEST_FILE.format(name=test.name, points=test.points, text=test.text)


if __name__ == "__main__":
    main()
