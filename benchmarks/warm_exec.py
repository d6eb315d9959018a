"""The floor: notebooks of a class run in one warm process, one after the other, with no isolation at all.

`python benchmarks/warm_exec.py CLASS` with SEATRIAL_COURSE and SEATRIAL_SEED set. Prints one JSON object.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import sys
import tempfile
import time
from pathlib import Path

from grader.checking import judge_modules, learner_modules
from grader.classroom.record import read_record
from grader.course import find_course
from grader.judging import judge_cell
from grader.learner import Notebook, warm
from grader.model import Submission, Unit
from grader.notebook import read_submission
from grader.store import copy_store


def main() -> None:
    folder, course = Path(sys.argv[1]), find_course()
    record = read_record(folder)
    assert record is not None
    (path,) = record.written
    unit = course.exercise(path)
    for module in (*learner_modules(unit), *judge_modules(unit)):
        with contextlib.suppress(ImportError):
            importlib.import_module(module)
    warm()
    passed, seconds, cells = {}, [], []
    for submitted in sorted(folder.glob(f"submitted/*/{path}.ipynb")):
        begun = time.perf_counter()
        submission = read_submission(submitted, unit)
        with tempfile.TemporaryDirectory(prefix="seatrial-") as room, contextlib.chdir(room):
            os.environ["MLFLOW_TRACKING_URI"] = copy_store(Path(room))
            own = time.perf_counter()
            passed[submitted.parent.parent.name] = run(unit, submission)
            cells.append(time.perf_counter() - own)
            forget()
        seconds.append(time.perf_counter() - begun)
    print(json.dumps({"passed": passed, "seconds": seconds, "cell_seconds": cells}))


def run(unit: Unit, submission: Submission) -> dict[str, bool]:
    """Which tests pass, with the real objects in one namespace."""
    tests = {test.name: test for test in unit.tests}
    notebook = Notebook()
    sys.modules["__main__"] = notebook.module
    passed = {}
    with open(os.devnull, "w", encoding="utf-8") as nowhere, contextlib.redirect_stdout(nowhere):
        for cell in submission.cells:
            if cell.origin == "test":
                test = tests[cell.name]
                verdict = judge_cell(test.name, test.text, notebook.names, None, test.hidden_line)
                passed[cell.name] = verdict["outcome"] == "passed"
            else:
                with contextlib.suppress(Exception):
                    notebook.run(cell.name, cell.text)
    return passed


def forget() -> None:
    """What a notebook may leave open for the next one."""
    if "mlflow" in sys.modules:
        sys.modules["mlflow"].end_run()
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")


if __name__ == "__main__":
    main()
