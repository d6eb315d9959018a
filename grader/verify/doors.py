"""A wrong answer through every door by which a learner's work is judged: none may give it full points."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from grader.course import Course
from grader.filled import filled_notebook
from grader.model import Report, Unit, Wrong
from grader.verify.kernel import Kernel

DOOR_SECONDS = 120
MARK = "seatrial-check:"


def canary_problems(
    course: Course, unit: Unit, judged: Report, kernel: Kernel | None = None
) -> Iterator[tuple[str, str]]:
    """(wrong answer, what is wrong) for each door that judges the canary as if it were the reference.

    judged: the report of the unit's first wrong answer, all tests, in the judge.
    kernel: for %check; None for one of its own.
    """
    canary = unit.wrong[0]
    expected = {result.name: result.points for result in judged.results}
    with tempfile.TemporaryDirectory(prefix="seatrial-door-", ignore_cleanup_errors=True) as folder:
        path = Path(folder) / f"{Path(unit.path).name}.ipynb"
        path.write_text(filled_notebook(unit, {canary.of: canary.text}), encoding="utf-8")
        doors = (("mle check", through_command, ()), ("%check", through_kernel, (kernel,)))
        for door, judge, more in doors:
            try:
                tests = judge(course, unit, path, *more)
            except (ValueError, KeyError, subprocess.SubprocessError, RuntimeError) as error:
                yield canary.name, f"the door {door} gave no verdict: {error}"
                continue
            yield from _compare(canary, door, tests, expected)


def _compare(
    canary: Wrong, door: str, tests: dict[str, float], expected: dict[str, float]
) -> Iterator[tuple[str, str]]:
    for name, points in expected.items():
        if name not in tests:
            yield canary.name, f'the door {door} does not run the test "{name}"'
        elif name in canary.caught_by and tests[name]:
            yield canary.name, f'the door {door} gives points for "{name}"; it does not judge this code'
        elif tests[name] != points:
            yield (
                canary.name,
                f'the door {door} gives {tests[name]:g} points for "{name}" instead of {points:g}',
            )


def through_command(course: Course, unit: Unit, path: Path) -> dict[str, float]:
    """Points by test that `mle check FILE --json` gives."""
    done = subprocess.run(
        [sys.executable, "-m", "grader.cli", "check", str(path), "--json", "--no-record"],
        capture_output=True,
        text=True,
        timeout=DOOR_SECONDS,
        env={**os.environ, "SEATRIAL_COURSE": str(course.root), "SEATRIAL_HOME": str(path.parent / "home")},
    )
    if done.returncode not in (0, 1):
        raise ValueError(done.stderr.strip()[-300:])
    return _points(done.stdout)


def through_kernel(course: Course, unit: Unit, path: Path, kernel: Kernel | None = None) -> dict[str, float]:
    """Points by test that `%check` gives in a real kernel that ran the notebook."""
    if kernel is None:
        with Kernel(course) as own:
            return through_kernel(course, unit, path, own)
    import nbformat

    notebook = nbformat.read(path, as_version=4)
    check = nbformat.v4.new_code_cell(
        f'get_ipython().run_line_magic("load_ext", "grader")\nprint("{MARK}", end="")\n'
        f'get_ipython().run_line_magic("check", "--json {unit.name}")'
    )
    notebook.cells.append(check)
    kernel.run(notebook, path.parent, limit_seconds=DOOR_SECONDS, allow_errors=True)
    text = "".join(output.get("text", "") for output in notebook.cells[-1].outputs)
    if MARK not in text:
        errors = [output.get("evalue", "") for output in notebook.cells[-1].outputs]
        raise ValueError(f"no verdict in the notebook {errors}")
    return _points(text.partition(MARK)[2])


def _points(text: str) -> dict[str, float]:
    return {test["name"]: float(test["points"]) for test in json.loads(text)["tests"]}
