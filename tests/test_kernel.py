"""grader/kernel.py: what a real kernel shows, and what nbgrader makes of it."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from nbgrader.utils import determine_grade

from grader import store

PACKAGE = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def cache(tmp_path_factory) -> Path:
    """A cache folder with a template, made once for all test files (seconds)."""
    folder: Path = tmp_path_factory.getbasetemp() / "seatrial-cache"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SEATRIAL_CACHE", str(folder))
        store.template()
    return folder


CELLS = [
    "import sys; sys.path.insert(0, 'lib')\nfrom grader import tracking; tracking.begin('first-check')",
    "import sys, os, warnings, logging, subprocess\n"
    "warnings.warn('one'); print('two', file=sys.stderr); os.write(2, b'three\\n')\n"
    "logging.warning('four')\n"
    "subprocess.run([sys.executable, '-c', 'import sys; sys.stderr.write(\"five\")'])\n"
    "import mlflow\nwith mlflow.start_run(): mlflow.log_metric('auc', 1.0)",
    "def precision(tp, fp):\n    # YOUR CODE HERE\n    raise NotImplementedError()",
    "assert precision(1, 1) == 0.5",
    "# YOUR CODE HERE\nraise NotImplementedError()",
    "from grader.expect import ExpectationFailed\n"
    "raise ExpectationFailed('a: got 1, expected 2, because 3.')",
    "raise NotImplementedError('mine')",
    "assert 1 == 2, 'plain'",
    "class Odd(AssertionError):\n    def __str__(self): raise ValueError\nraise Odd",
]
EXPECT = (
    "class ExpectationFailed(AssertionError): pass\nExpectationFailed.__module__ = 'grader.expect.words'\n"
)


@pytest.fixture(scope="module")
def notebook(cache, tmp_path_factory) -> nbformat.NotebookNode:
    """The cells above, each a test cell worth one point, executed in a real kernel."""
    folder = tmp_path_factory.mktemp("notebook")
    (folder / "lib").mkdir()
    cells = [text.replace("from grader.expect import ExpectationFailed\n", EXPECT) for text in CELLS]
    meta = {
        "grade": True,
        "solution": False,
        "locked": True,
        "points": 1,
        "grade_id": "x",
        "schema_version": 3,
    }
    node = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(text, metadata={"nbgrader": meta}) for text in cells],
        metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}},
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SEATRIAL_CACHE", str(cache))
        patch.setenv("PYTHONPATH", str(PACKAGE))
        for name in ("MLFLOW_TRACKING_URI", "PYTEST_CURRENT_TEST"):
            patch.delenv(name, raising=False)
        client = NotebookClient(
            node, allow_errors=True, timeout=60, resources={"metadata": {"path": str(folder)}}
        )
        client.execute()
    return node


def shown(cell: nbformat.NotebookNode) -> str:
    return "\n".join(line for output in cell.outputs for line in output.get("traceback", []))


def test_a_kernel_writes_nothing_to_stderr(notebook):
    """Warnings, loggers, C code, child processes and MLflow's start cost no points in nbgrader."""
    first, noisy = notebook.cells[:2]
    text = "".join(output.get("text", "") for output in noisy.outputs)

    assert first.outputs == []
    assert {output.get("name") for output in noisy.outputs} == {"stdout"}, noisy.outputs
    assert all(word in text for word in ("one", "two", "three", "four", "five"))
    assert "INFO" not in text
    assert determine_grade(noisy) == (1, 1)


def test_a_stub_is_not_attempted(notebook):
    """An untouched answer shows one line, no traceback, and earns nothing."""
    called, bare = notebook.cells[3:5]

    assert shown(called) == 'Not attempted: precision still says "YOUR CODE HERE".'
    assert shown(bare) == 'Not attempted: this cell still says "YOUR CODE HERE".'
    assert [determine_grade(cell) for cell in (called, bare)] == [(0, 1), (0, 1)]


def test_a_failed_check_is_its_message(notebook):
    """The four parts of the message are all that a learner sees; nbgrader gives 0."""
    cell = notebook.cells[5]

    assert shown(cell) == "a: got 1, expected 2, because 3."
    assert [output.output_type for output in cell.outputs] == ["error"]
    assert determine_grade(cell) == (0, 1)


def test_other_errors_keep_their_traceback(notebook):
    """Only our own two are shortened, and an error that cannot be shown is an error still."""
    mine, plain, odd = notebook.cells[6:9]

    assert "mine" in shown(mine)
    assert "plain" in shown(plain)
    assert "Traceback" in shown(mine)
    assert "Traceback" in shown(plain)
    assert [determine_grade(cell) for cell in (mine, plain, odd)] == [(0, 1)] * 3
