"""From what a run saw to what a report says: endings of processes, errors of cells, results of tests."""

from __future__ import annotations

import re
from typing import Any

from grader.jail.children import Child
from grader.model import Failure, Outcome, Test, TestResult

TIME = "it took longer than {:.3g} s"
MOST_NAME, MOST_TEXT, MOST_OUTPUT = 200, 2000, 2**17
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
WHOLE_TIME = "the whole notebook took longer than {:g} s"
MEMORY = "it used more than {} MB"


def printable(text: str) -> str:
    """The text without what a terminal would obey: control characters other than tabs and ends of lines."""
    return _CONTROL.sub("\ufffd", text)


def cell_reply(value: object, limit_seconds: float) -> dict[str, Any] | None:
    """What a learner's process says of a cell, rebuilt from what is plausible in it; None if nothing is.

    "seconds": at most `limit_seconds`. "output": text. "error": None, or a dict of "types", "message", "cell",
    "line" and "code".
    """
    if type(value) is not dict or type(value.get("output")) is not str:
        return None
    seconds = value.get("seconds")
    plausible = type(seconds) is float and 0 <= seconds <= limit_seconds
    error = value.get("error")
    if error is not None:
        if type(error) is not dict or type(error.get("types")) is not list:
            return None
        line = error.get("line", 0)
        error = {
            "types": [str(name)[:MOST_NAME] for name in error["types"][:20] if type(name) is str],
            "line": line if type(line) is int and 0 <= line < 10**6 else 0,
            **{
                key: printable(error[key])[:MOST_TEXT]
                for key in ("message", "cell", "code")
                if type(error.get(key)) is str
            },
        }
    output = printable(value["output"][:MOST_OUTPUT])
    return {"seconds": seconds if plausible else 0.0, "output": output, "error": error}


def ending(child: Child) -> tuple[Outcome, str]:
    """Why a learner's process is gone, as an outcome and in words."""
    reason = child.ending()
    limited = reason.startswith(("it took", "it used"))
    return (Outcome.OUT_OF_LIMITS if limited else Outcome.CRASHED), reason


def untouched(answer: str) -> str:
    """What to do about an answer that is as it was handed out."""
    return f"write your answer in the cell {answer}"


def cell_error(error: dict[str, Any]) -> str:
    """One line for an exception that a cell raised."""
    types = error.get("types") or ["an exception"]
    place = f", at line {error['line']}: {error['code']}" if error.get("line") else ""
    message = str(error.get("message", ""))
    return f"{str(types[0]).rpartition('.')[2]}{f': {message}' if message else ''}{place}"


def with_cell_errors(test: Test, verdict: dict[str, Any], errors: dict[str, dict]) -> dict[str, Any]:
    """A verdict that names the answer's own error where that is why the test could not pass."""
    if verdict.get("outcome") == Outcome.PASSED.value:
        return verdict
    for name in test.of:
        if name not in errors:
            continue
        text = f"your cell {name} raised {cell_error(errors[name])}"
        types = errors[name].get("types") or []
        if "builtins.MemoryError" in types:
            return {**verdict, "outcome": Outcome.OUT_OF_LIMITS.value, "reason": text}
        if verdict.get("word") in ("name", "file", "run"):
            return {**verdict, "outcome": Outcome.CRASHED.value, "reason": text}
        return {**verdict, "cell_error": text}
    return verdict


def result(test: Test, verdict: dict[str, Any]) -> TestResult:
    """The result of one test, with the message that the learner reads."""
    outcome = Outcome(verdict.get("outcome", Outcome.CRASHED.value))
    failure = None
    if verdict.get("what"):
        parts = {
            key: printable(str(verdict.get(key, "")))
            for key in ("word", "what", "got", "expected", "why", "look_at")
        }
        failure = Failure(**parts, line=int(verdict.get("line", 0)), hidden=bool(verdict.get("hidden")))
    message = ""
    if outcome is not Outcome.PASSED:
        message = str(verdict.get("reason") or (failure or ""))
        if outcome is Outcome.NOT_ATTEMPTED and failure is not None and not verdict.get("reason"):
            message = f"{failure.what} still raises NotImplementedError; {untouched(', '.join(test.of))}"
        cell = str(verdict.get("cell", ""))
        if cell and cell not in test.of and not cell.endswith(".py"):
            message += f" This test calls {cell} too, so mend that first."
        if verdict.get("cell_error"):
            message += f" Before that, {verdict['cell_error']}."
    return TestResult(
        name=test.name,
        of=test.of,
        outcome=outcome,
        points=test.points if outcome is Outcome.PASSED else 0.0,
        max_points=test.points,
        message=printable(message),
        failure=failure,
        checked_lines=tuple(verdict.get("lines", ())),
        beside=int(verdict.get("beside", 0)),
        output=str(verdict.get("output", "")),
        seen=tuple((str(name), bytes(value)) for name, value in verdict.get("seen", ())),
    )
