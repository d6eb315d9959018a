"""Cells of percent-format Python, with what their header lines say."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from grader.header import Problems, nearest

ATTRIBUTES = {
    "answer": ("answer", "file", "limit_seconds"),
    "test": ("test", "of", "points", "limit_seconds"),
    "wrong": ("wrong", "of", "caught_by", "edits"),
    "also": ("also", "of", "edits"),
    "shared": ("shared",),
}
_REQUIRED = {"test": ("of", "points"), "wrong": ("of", "caught_by"), "also": ("of",)}
_OF_JUPYTEXT = {"lines_to_next_cell", "lines_to_end_of_cell_marker", "cell_marker"}
_IDENTIFIER = re.compile(r"[A-Za-z0-9_-]{1,64}")
_RESERVED = re.compile(r"(text|given|own)-\d+")


@dataclass(frozen=True)
class SourceCell:
    """A cell as jupytext reads it. kind: "prose", "given" or a key of ATTRIBUTES."""

    position: int
    kind: str
    name: str
    text: str
    attributes: dict[str, Any] = field(default_factory=dict)

    @property
    def label(self) -> str:
        named = self.kind in ATTRIBUTES and self.name
        return f'"{self.name}"' if named else f"cell {self.position + 1}"

    def words(self, attribute: str) -> tuple[str, ...]:
        """The words of an attribute that may name several things."""
        value = self.attributes.get(attribute, "")
        return tuple(value.split()) if isinstance(value, str) else ()


def typed_cells(body: str, problems: Problems) -> list[SourceCell]:
    """Cells of an exercise with kind and name; prose and given cells get fixed ids, text-1, given-1, ..."""
    cells = [_typed(cell, problems) for cell in percent_cells(body, problems)]
    _number_cells(cells)
    return cells


def percent_cells(body: str, problems: Problems, *, magics: bool = False) -> list[SourceCell]:
    """Cells of percent-format text as jupytext sees them, with their header lines checked.

    magics: True if a commented line such as "# %matplotlib inline" stands for a magic.
    """
    import jupytext

    first = next((line for line in body.split("\n") if line.strip()), "")
    if not first.startswith("# %%"):
        problems.add(0, "cell 1", 'text stands before the first cell; begin with a line "# %% [markdown]"')
    form = {"extension": ".py", "format_name": "percent", "comment_magics": magics}
    cells = []
    for position, cell in enumerate(jupytext.reads(body.lstrip("\n"), fmt=form).cells):
        metadata = {key: value for key, value in cell.metadata.items() if key not in _OF_JUPYTEXT}
        kind = {"markdown": "prose", "code": "given"}.get(cell.cell_type, cell.cell_type)
        where = f"cell {position + 1}"
        if "incorrectly_encoded_metadata" in metadata:
            stray = metadata.pop("incorrectly_encoded_metadata")
            problems.add(position, where, f'cannot read "{stray}" in the cell line; write key="value"')
        if "title" in metadata:
            stray = metadata.pop("title")
            problems.add(position, where, f'has the words "{stray}" in the cell line; write key="value"')
        if kind not in ("prose", "given"):
            problems.add(position, where, f"is a {kind} cell; use code or [markdown]")
        if not cell.source.strip():
            problems.add(position, where, "is empty; drop it")
        cells.append(SourceCell(position, kind, "", cell.source, metadata))
    return cells


def _typed(cell: SourceCell, problems: Problems) -> SourceCell:
    """The cell with the kind and name that its attributes give it."""
    kinds = [kind for kind in ATTRIBUTES if kind in cell.attributes]
    where = f"cell {cell.position + 1}"
    if len(kinds) > 1:
        problems.add(cell.position, where, f"is {' and '.join(kinds)} at once; keep one")
    if not kinds or cell.kind != "given":
        known = sorted({name for names in ATTRIBUTES.values() for name in names})
        for key in cell.attributes:
            what = f'has the attribute "{key}" but is {cell.kind}; drop it or name the kind of cell'
            problems.add(cell.position, where, f"{what}.{nearest(key, known)}")
        return cell
    kind = kinds[0]
    name = cell.attributes[kind]
    if not isinstance(name, str) or not _IDENTIFIER.fullmatch(name):
        problems.add(
            cell.position, where, f"{kind}={name!r} is no cell name; use letters, digits, - and _, at most 64"
        )
        name = str(name)
    elif _RESERVED.fullmatch(name):
        problems.add(cell.position, where, f'"{name}" is a name the builder gives; choose another')
    typed = SourceCell(cell.position, kind, name, cell.text, cell.attributes)
    for key in cell.attributes:
        if key not in ATTRIBUTES[kind] and key not in kinds:
            what = f'has an unknown attribute "{key}"'
            problems.add(cell.position, typed.label, f"{what}; drop it.{nearest(key, ATTRIBUTES[kind])}")
    for key in _REQUIRED.get(kind, ()):
        if key not in cell.attributes:
            problems.add(cell.position, typed.label, f"has no {key}=; add it to the cell line")
    for key in ("of", "caught_by"):
        if key in cell.attributes and not typed.words(key):
            problems.add(cell.position, typed.label, f'has an empty {key}=; write {key}="name"')
    return typed


def _number_cells(cells: list[SourceCell]) -> None:
    """Gives prose and given cells their fixed ids text-1, given-1, ... in place."""
    counts = {"prose": 0, "given": 0}
    for index, cell in enumerate(cells):
        if cell.kind not in ATTRIBUTES:
            kind = "prose" if cell.kind == "prose" else "given"
            counts[kind] += 1
            name = f"{'text' if kind == 'prose' else kind}-{counts[kind]}"
            cells[index] = SourceCell(cell.position, kind, name, cell.text)
