"""A lesson without an exercise: `exercise: none` in its header makes it a unit with nothing to answer."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from grader.errors import NotebookError, SourceError
from grader.header import Problems, lesson_header, split_header
from grader.model import Header, Unit
from grader.notebook_file import read_file
from grader.source import read_text, shelf

_STAMP = {"lesson", "path", "source"}  # what a built notebook says besides its header


def stands_alone(path: Path) -> bool:
    """Whether a lesson's source or built notebook says `exercise: none`; False if it cannot be read."""
    try:
        return _said(path)[0].get("exercise") == "none"
    except (SourceError, NotebookError):
        return False


def lesson_unit(path: Path) -> Unit:
    """The unit of a lesson without an exercise: it has no parts, no hints and no points.

    path: the lesson's source, or its built notebook. Raises SourceError or NotebookError if it is damaged.
    """
    values, source_hash = _said(path)
    problems = Problems(path.name)
    header = lesson_header({key: value for key, value in values.items() if key not in _STAMP}, problems)
    problems.raise_any()
    unit_path, name = shelf(path)
    typed = Header(
        title=header["title"],
        minutes=header["minutes"],
        data=tuple(header.get("data", ())),
        needs=tuple(header.get("needs", ())),
        runs_on=tuple(header.get("runs_on", ())),
        sources=tuple(header.get("sources", ())),
        hints=("", "", ""),
    )
    return Unit(unit_path, name, typed, (), (), (), source_hash)


def _said(path: Path) -> tuple[Mapping[str, Any], str]:
    """What a lesson says of itself, and the hash of its source."""
    if path.suffix == ".ipynb":
        stamp = read_file(path).stamp
        return stamp, str(stamp.get("source", ""))
    text, source_hash = read_text(path)
    problems = Problems(path.name)
    values, _ = split_header(text, problems)
    problems.raise_any()
    return values, source_hash
