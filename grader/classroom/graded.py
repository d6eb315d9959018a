"""nbgrader's own commands over a class, and the points that they gave, read from its grade book."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from grader.errors import SeatrialError
from grader.model import Unit

_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_SHOWN_CHARACTERS = 200


@dataclass(frozen=True)
class GradedCell:
    """What nbgrader gave for one test cell. `reason`: what the executed cell shows, or ""."""

    points: float
    max_points: float
    reason: str = ""


def nbgrader(folder: Path, *arguments: str, limit_seconds: float = 600) -> str:
    """Runs `nbgrader ARGUMENTS` in a class's folder and returns its log.

    Raises SeatrialError with the end of the log if the command fails. Settings of the person who runs it
    (Jupyter's and IPython's) have no say.
    """
    private = folder / ".nbgrader"
    private.mkdir(exist_ok=True)
    environment = {**os.environ, "JUPYTER_CONFIG_DIR": str(private), "IPYTHONDIR": str(private)}
    command = [sys.executable, "-m", "nbgrader", *arguments]
    try:
        done = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, timeout=limit_seconds
        )
    except subprocess.TimeoutExpired as error:
        raise SeatrialError(f"nbgrader {arguments[0]} took more than {limit_seconds:g} s") from error
    log = _COLOUR.sub("", done.stderr)
    if done.returncode:
        raise SeatrialError(f"nbgrader {arguments[0]} failed: {log.strip()[-1500:]}")
    return log


def graded_cells(folder: Path, unit: Unit, student: str) -> dict[str, GradedCell]:
    """What the grade book of a class holds for a student's notebook, by test; empty if it was not graded."""
    from nbgrader.api import Gradebook, MissingEntry

    module, notebook = unit.path.split("/")
    reasons = _reasons(folder / "autograded" / student / module / f"{notebook}.ipynb")
    with Gradebook(f"sqlite:///{folder / 'gradebook.db'}") as book:
        try:
            grades = book.find_submission_notebook(notebook, module, student).grades
        except MissingEntry:
            return {}
        return {
            grade.name: GradedCell(grade.auto_score, grade.max_score, reasons.get(grade.name, ""))
            for grade in grades
            if grade.auto_score is not None
        }


def _reasons(executed: Path) -> dict[str, str]:
    """What each graded cell of an executed notebook shows that may have cost its points."""
    if not executed.is_file():
        return {}
    cells = json.loads(executed.read_text(encoding="utf-8"))["cells"]
    return {
        cell["metadata"]["nbgrader"]["grade_id"]: _reason(cell["outputs"])
        for cell in cells
        if cell["cell_type"] == "code" and cell["metadata"].get("nbgrader", {}).get("grade")
    }


def _reason(outputs: list[dict[str, Any]]) -> str:
    """The first output by which nbgrader decides: an error, text on stderr, a last value."""
    for output in outputs:
        if output["output_type"] == "error":
            return _short(f"{output['ename']}: {output['evalue']}")
        if output["output_type"] == "stream" and output["name"] == "stderr":
            return _short(f"text on stderr: {''.join(output['text'])}")
        if output["output_type"] == "execute_result":
            return _short(f"the last value: {''.join(output['data'].get('text/plain', ''))}")
    return ""


def _short(text: str) -> str:
    text = " ".join(_COLOUR.sub("", text).split())
    return text if len(text) <= _SHOWN_CHARACTERS else text[:_SHOWN_CHARACTERS] + "..."
