"""Notebooks of a class, each in a fresh kernel by nbclient alone: given cells, answers, today's tests.

`python benchmarks/fresh_kernels.py CLASS` with SEATRIAL_COURSE and SEATRIAL_SEED set. Prints one JSON object.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

from nbclient import NotebookClient
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_notebook

from grader.classroom.record import read_record
from grader.course import find_course
from grader.notebook import read_submission

KERNEL = {"name": "python3", "display_name": "Python 3", "language": "python"}


def main() -> None:
    folder = Path(sys.argv[1])
    record = read_record(folder)
    assert record is not None
    (path,) = record.written
    unit = find_course().exercise(path)
    tests = {test.name for test in unit.tests}
    passed = {}
    for submitted in sorted(folder.glob(f"submitted/*/{path}.ipynb")):
        submission = read_submission(submitted, unit)
        cells = [new_code_cell(cell.text, metadata={"name": cell.name}) for cell in submission.cells]
        notebook = new_notebook(cells=cells, metadata={"kernelspec": KERNEL})
        with tempfile.TemporaryDirectory(prefix="seatrial-") as room:
            client = NotebookClient(
                notebook, timeout=300, allow_errors=True, resources={"metadata": {"path": room}}
            )
            client.execute()
        passed[submitted.parent.parent.name] = {
            cell.metadata["name"]: not raised(cell) for cell in cells if cell.metadata["name"] in tests
        }
    print(json.dumps({"passed": passed}))


def raised(cell: NotebookNode) -> bool:
    return any(output["output_type"] == "error" for output in cell.outputs)


if __name__ == "__main__":
    main()
