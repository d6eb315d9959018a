"""One kernel for a lesson and a canary: nothing of the first notebook reaches the second."""

from pathlib import Path

import nbformat
import pytest
from nbclient.exceptions import CellExecutionError
from small_course import COURSE

from grader.verify.kernel import Kernel
from grader.verify.variants import Kind, Variant


def notebook(*cells: str) -> nbformat.NotebookNode:
    return nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(text) for text in cells])


def shown(run: nbformat.NotebookNode) -> str:
    return run.cells[-1].outputs[0]["text"]


def test_a_second_notebook_finds_a_clean_kernel(tmp_path, monkeypatch):
    """Names, folder and the tracking store of the first are gone; the process is the same, the network still cut."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    (tmp_path / "second").mkdir()
    first = notebook("import os\nsecret = 1\nos.environ['MLFLOW_TRACKING_URI'] = 'mine'\nprint(os.getpid())")
    second = notebook(
        "import os\nprint([os.getpid(), 'secret' in globals(), os.getcwd(), os.environ['SEATRIAL_COURSE'],"
        " 'MLFLOW_TRACKING_URI' in os.environ])"
    )
    third = notebook("import socket\nsocket.create_connection(('192.0.2.1', 80), timeout=5)")
    with Kernel(COURSE) as kernel:
        kernel.run(first, tmp_path, limit_seconds=60)
        kernel.run(second, tmp_path / "second", limit_seconds=60)
        pid, named, folder, course, store = eval(shown(second))

        assert pid == int(shown(first))
        assert (named, Path(folder), course, store) == (False, tmp_path / "second", str(COURSE.root), False)
        assert kernel.cpu_seconds() > 0
        with pytest.raises(CellExecutionError, match="network cut"):
            kernel.run(third, tmp_path, limit_seconds=60)
        assert kernel.cpu_seconds() == 0


def test_a_variant_runs_no_cell_that_no_test_of_it_can_see():
    """A wrong answer goes as far as the last test that looks at it; the reference goes to the end."""
    unit = COURSE.unit("add-up")
    whole = Variant(Kind.REFERENCE, "reference").submission(unit).cells
    answer = unit.answers[0]
    part = Variant(Kind.WRONG, "wrong", answer.name, {answer.name: "x = 1\n"}).submission(unit).cells

    assert part[-1].origin == "test"
    assert [cell.name for cell in part if cell.origin == "test"] == [test.name for test in unit.tests]
    assert len(whole) >= len(part)
