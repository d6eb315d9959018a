"""What came of a cell, as a notebook shows it."""

from __future__ import annotations

from typing import Any

from grader.classroom.results import Result, TestGrade

_ENAMES = {
    "failed": "TestFailed",
    "not attempted": "NotAttempted",
    "crashed": "Crashed",
    "out of time or memory": "OutOfLimits",
}


def cell_outputs(result: Result, name: str, most_lines: int = -1) -> list[dict[str, Any]]:
    """What a cell printed, cut at so many lines where that is not negative, and the error that it raised."""
    outputs: list[dict[str, Any]] = []
    if text := result.cell_output.get(name):
        outputs.append({"name": "stdout", "output_type": "stream", "text": _cut(text, most_lines)})
    if error := result.cell_errors.get(name):
        kind, _, message = error.partition(": ")
        outputs.append(_error(kind.partition(",")[0], message or error, error))
    return outputs


def test_outputs(result: Result, name: str) -> list[dict[str, Any]]:
    """Nothing for a test that passed, as nbgrader has it, else an error with the message."""
    if result.reason:
        return [_error("NotGraded", result.reason)]
    test = next((test for test in result.tests if test.name == name), None)
    if test is None:
        return [_error("TestFailed", "this test was not run")]
    return [] if test.points >= test.max_points else [_error(_ename(test), test.message)]


def _cut(text: str, most_lines: int) -> str:
    lines = text.split("\n")
    if most_lines < 0 or len(lines) <= most_lines:
        return text
    return "\n".join([*lines[: max(0, most_lines - 1)], "... Output truncated ..."])


def _ename(test: TestGrade) -> str:
    if test.outcome == "failed" and test.failed_check:
        return "ExpectationFailed"
    return _ENAMES.get(test.outcome, "TestFailed")


def _error(name: str, message: str, shown: str = "") -> dict[str, Any]:
    traceback = (shown or f"{name}: {message}").split("\n")
    return {"ename": name, "evalue": message, "output_type": "error", "traceback": traceback}
