"""What goes into the grade book and comes out of it, as plain values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from grader.classroom.results import CRASHED, Result

Place = tuple[str, str, str]  # student, assignment, notebook


@dataclass(frozen=True)
class BookCell:
    """A cell as nbgrader keeps it: what its autograde would put in place of a locked one."""

    name: str
    cell_type: str
    source: str
    checksum: str


@dataclass(frozen=True)
class BookNotebook:
    """A notebook of an assignment. grades: most points by test; solutions: names of answers."""

    id: str
    name: str
    kernelspec: str
    cells: Mapping[str, BookCell]
    grades: Mapping[str, float]
    solutions: frozenset[str]
    cell_ids: Mapping[str, str]


@dataclass(frozen=True)
class Row:
    """What is remembered of one graded notebook, in a table of our own beside nbgrader's.

    key: name of everything that the result depends on. mark: hash of the autograded notebook.
    """

    key: str
    state: str
    points: float
    max_points: float
    reason: str
    mark: str
    seconds: float = 0.0


@dataclass(frozen=True)
class Entry:
    """One notebook to write. only: the tests whose grades are written, or None for all."""

    notebook: str
    result: Result
    row: Row
    only: frozenset[str] | None = None


def is_done(row: Row | None, key: str) -> bool:
    """Whether a row stands for this very work; what crashed is tried again."""
    return row is not None and row.key == key and row.state != CRASHED


def book_notebook(notebook: Any) -> BookNotebook:
    """A notebook of nbgrader's models as plain values."""
    cells = {
        cell.name: BookCell(cell.name, cell.cell_type, cell.source or "", cell.checksum or "")
        for cell in notebook.source_cells
    }
    ids = {f"grade {cell.name}": cell.id for cell in notebook.grade_cells}
    ids |= {f"solution {cell.name}": cell.id for cell in notebook.solution_cells}
    return BookNotebook(
        notebook.id,
        notebook.name,
        notebook.kernelspec or "",
        cells,
        {cell.name: cell.max_score for cell in notebook.grade_cells},
        frozenset(cell.name for cell in notebook.solution_cells),
        ids,
    )
