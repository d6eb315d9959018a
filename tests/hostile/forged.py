"""Forged results and metadata: verdicts, points and messages that a submission writes itself."""

# ruff: noqa: E501
from __future__ import annotations

from typing import Any

from hostile.case import LINK, Case, answer, cell_of, code, edited


def _own_points(content: dict[str, Any]) -> None:
    """Every test is worth a thousand, and was passed already."""
    for cell in content["cells"]:
        mark = cell["metadata"].get("nbgrader", {})
        if mark.get("grade"):
            mark["points"] = 1000
            cell["outputs"] = [{"output_type": "stream", "name": "stdout", "text": "all passed\n"}]
            cell["execution_count"] = 1


def _empty_tests(content: dict[str, Any]) -> None:
    for cell in content["cells"]:
        if cell["metadata"].get("nbgrader", {}).get("grade"):
            cell["source"] = "pass"


def _tests_are_prose(content: dict[str, Any]) -> None:
    for cell in content["cells"]:
        mark = cell["metadata"].get("nbgrader", {})
        if mark.get("grade"):
            cell["cell_type"], mark["grade"], mark["solution"] = "markdown", False, True


def _answer_is_test(content: dict[str, Any]) -> None:
    """The answer's cell claims to be the test, which comes later and would be a copy."""
    cell = cell_of(content, "double")
    cell["metadata"]["nbgrader"].update(grade_id="doubles", grade=True, solution=False, points=50)
    cell["id"] = "doubles"


def _stamp(content: dict[str, Any]) -> None:
    content["metadata"]["seatrial"] = {
        "unit": "small",
        "source": "sha256:0",
        "points": 63,
        "outcomes": "passed",
    }


WRONG = "def double(number):\n    return 3 * number\n"

CASES = (
    Case(
        "points_in_metadata",
        "Raises the points of each test and leaves outputs of a test that passed.",
        {"double": WRONG},
        notebook=edited(_own_points),
        loses="double",
    ),
    Case(
        "emptied_tests",
        "Empties every test cell.",
        {"double": WRONG},
        notebook=edited(_empty_tests),
        loses="double",
    ),
    Case(
        "tests_turned_to_prose",
        "Makes prose of the tests, as if they were to be graded by hand.",
        {"double": WRONG},
        notebook=edited(_tests_are_prose),
        loses="double",
    ),
    Case(
        "answer_named_as_test",
        "Gives the answer's cell the name of its test.",
        {"double": WRONG},
        notebook=edited(_answer_is_test),
        loses="double",
    ),
    Case(
        "forged_stamp",
        "Claims points in the course's own stamp.",
        {"double": WRONG},
        notebook=edited(_stamp),
        loses="double",
    ),
    answer(
        "forged_verdict",
        LINK
        + code("""
        for number in range(400):
            say(id=number, value={"outcome": "passed", "word": "", "lines": [3], "seconds": 0.0, "points": 63})

        def double(number):
            say(id=request("call"), value={"outcome": "passed"})
            return 3 * number
        """),
        "Sends verdicts of its own on the wire that judge and supervisor read.",
    ),
    answer(
        "forged_judge_link",
        LINK
        + code("""
        def double(number):
            for front in (b"\\0", b"\\1", b"\\2"):
                for guess in range(60):
                    link()._send(front + codec.dumps({"id": guess, "value": {"outcome": "passed"}}))
            return 3 * number
        """),
        "Sends frames with the number of the supervisor's link in front.",
    ),
    answer(
        "forged_judge_request",
        LINK
        + code("""
        def double(number):
            say(verb="test", id=1, name="doubles", text="", of=[], names=[], hidden_line=None, record=False)
            say(verb="begin", id=2, seed=1, environment={"LD_PRELOAD": "/tmp/x.so"})
            say(verb="process", id=3, number=0, what="kill", arguments=[])
            say(verb="load_model", id=4, folder="/")
            return 3 * number
        """),
        "Asks the judge for what only the supervisor may ask.",
    ),
    answer(
        "reply_with_text_for_seconds",
        LINK + "say(id=request(), value={'seconds': 'soon', 'error': None, 'output': ''})\ntotal = 1\n",
        "Forges the reply to its cell with a text where a number belongs.",
        of="total",
        may_lose="scale each report",
    ),
    answer(
        "reply_with_text_for_error",
        LINK + "say(id=request(), value={'error': 'none', 'output': 5})\ntotal = 1\n",
        "Forges the reply to its cell with a text where a description of an exception belongs.",
        of="total",
        may_lose="scale each report",
    ),
    answer(
        "reply_with_damaged_types",
        LINK + "say(id=request(), value={'error': {'types': 7, 'line': 'x', 'message': [1]}})\ntotal = 1\n",
        "Forges the reply to its cell with an exception of no class.",
        of="total",
        may_lose="scale each report",
    ),
    answer(
        "reply_without_end_of_time",
        LINK
        + "say(id=request(), value={'seconds': float('nan'), 'error': {'line': 1e400, 'types': []}})\ntotal = 1\n",
        "Forges the reply to its cell with numbers that are none.",
        of="total",
        may_lose="scale each report",
    ),
    answer(
        "reply_numbered_by_array",
        LINK + "import numpy as np\nsay(id=np.array([1, 2]), value={})\ntotal = 1\n",
        "Numbers its reply with an array, whose comparison has no truth.",
        of="total",
        may_lose="scale each report",
    ),
    answer(
        "reply_numbered_by_frame",
        LINK + "import pandas as pd\nsay(id=pd.DataFrame({'a': [1]}), value=pd.NA)\ntotal = 1\n",
        "Numbers its reply with a table.",
        of="total",
        may_lose="scale each report",
    ),
    answer(
        "replies_ahead",
        LINK
        + code("""
        for ahead in range(1, 200):
            say(id=request() + ahead, value={"seconds": 0.0, "error": None, "output": "", "outcome": "passed"})
        total = 1
        """),
        "Answers the supervisor's next two hundred questions before they are asked.",
        of="total",
        may_lose="scale each report",
    ),
    Case(
        "verdict_in_output",
        "Prints what a report looks like.",
        {"double": WRONG + "print('doubles: passed, 63 of 63 points')\nprint('### END HIDDEN TESTS')\n"},
        loses="double",
    ),
    Case(
        "outcomes_beside",
        "Hands in a grade book, a report and outcomes of its own beside the notebook.",
        {"double": WRONG},
        beside=lambda folder: [
            (folder / name).write_text('{"points": 63, "outcome": "passed"}')
            for name in ("report.json", "01-small.outcomes.json", "gradebook.db", "feedback.html")
        ],
        loses="double",
    ),
    answer(
        "metric_of_another_run",
        code("""
        import os, sqlite3
        import mlflow

        with mlflow.start_run():
            pass
        database = os.environ["MLFLOW_TRACKING_URI"].removeprefix("sqlite:///")
        with sqlite3.connect(database) as book:
            book.execute("UPDATE runs SET end_time = 1, status = 'FINISHED', start_time = start_time + 10000000")
            book.execute("INSERT OR REPLACE INTO experiments (experiment_id, name, lifecycle_stage) VALUES (99, 'tracked2', 'active')")
        """),
        "Writes a run without its values straight into the tracking store, dated to the future.",
        of="tracked",
        tracked=True,
    ),
)
