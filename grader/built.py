"""A unit from its built notebook alone, where no solutions are at hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from grader.errors import NotebookError
from grader.header import run_seconds
from grader.model import Answer, Cell, Header, Part, Test, Unit
from grader.notebook_file import FileCell, read_file


def unit_from_notebook(path: Path) -> Unit:
    """The unit of a built notebook: visible tests only, empty references, no wrong or other answers.

    Raises NotebookError if the notebook is damaged or was not built by Seatrial.
    """
    notebook = read_file(path)
    stamp = notebook.stamp
    try:
        header = Header(
            title=str(stamp["title"]),
            minutes=int(stamp["minutes"]),
            data=_texts(stamp["data"]),
            needs=_texts(stamp["needs"]),
            runs_on=_texts(stamp["runs_on"]),
            sources=_texts(stamp["sources"]),
            hints=_hints(stamp["hints"]),
            limit_seconds=float(stamp["limit_seconds"]),
            limit_megabytes=int(stamp["limit_megabytes"]),
            limit_run_seconds=float(
                stamp.get("limit_run_seconds", run_seconds(float(stamp["limit_seconds"])))
            ),
            leaves=_texts(stamp.get("leaves", [])),
        )
        parts = tuple(_part(cell) for cell in notebook.cells)
        return Unit(
            str(stamp["path"]), str(stamp["unit"]), header, parts, (), (), source_hash=str(stamp["source"])
        )
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        what = f"{path.name} is not a built exercise ({type(error).__name__}: {error})"
        raise NotebookError(f"{what}; take the file from exercises/ or run mle build.") from error


def _part(cell: FileCell) -> Part:
    seatrial = cell.metadata["seatrial"]
    kind, name = seatrial["kind"], str(cell.metadata["nbgrader"]["grade_id"])
    limit = float(seatrial["limit_seconds"]) if "limit_seconds" in seatrial else None
    if kind == "answer":
        file = str(seatrial["file"]) if "file" in seatrial else None
        stub = cell.text.partition("\n")[2] if file is not None else cell.text
        names = _texts(seatrial["names"])
        return Answer(name, "", stub, marked=stub, names=names, file=file, limit_seconds=limit)
    if kind == "test":
        points = float(cell.metadata["nbgrader"]["points"])
        return Test(name, _texts(seatrial["of"]), points, cell.text, cell.text, cell.text, None, limit)
    if kind not in ("prose", "given"):
        raise ValueError(f"unknown kind of cell {kind!r}")
    return Cell(name, kind, cell.text)


def _hints(value: Any) -> tuple[str, str, str]:
    first, second, third = _texts(value)
    return first, second, third


def _texts(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise TypeError(f"{value!r} is not a list")
    return tuple(str(item) for item in value)
