"""Code that several tests of a unit hold, written once in its source.

    # %% shared="zoo"
    def zoo(rng): ...

    # %% test="first" of="answer" points=2
    # shared: zoo

The text of the shared cell takes the place of the line, in the visible or in the hidden part. The built notebook has it
in each test, since a test defines no name that a later cell reads.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence

from grader.header import Problems, nearest
from grader.markers import HIDDEN, has_marker
from grader.names import syntax_problem
from grader.source_cells import SourceCell

_LINE = re.compile(r"^# shared: (.*)$", re.MULTILINE)


def with_shared(cells: Sequence[SourceCell], problems: Problems) -> list[SourceCell]:
    """The cells without the shared ones, whose text stands where tests name them."""
    texts: dict[str, str] = {}
    used: set[str] = set()
    kept = []
    for cell in cells:
        if cell.kind == "shared":
            _check(cell, texts, problems)
            texts[cell.name] = cell.text.strip("\n")
        elif cell.kind == "test" and _LINE.search(cell.text):
            used.update(name.strip() for name in _LINE.findall(cell.text))
            kept.append(_filled(cell, texts, problems))
        else:
            kept.append(cell)
    for cell in cells:
        if cell.kind == "shared" and cell.name not in used:
            problems.at(cell, f'is used by no test; write "# shared: {cell.name}" in one or drop it')
    return kept


def _check(cell: SourceCell, texts: dict[str, str], problems: Problems) -> None:
    if cell.name in texts:
        problems.at(cell, "is shared twice; rename one")
    if has_marker(cell.text, HIDDEN):
        problems.at(cell, "has a hidden part; the tests say what is hidden, so drop its markers")
    elif wrong := syntax_problem(cell.text):
        problems.at(cell, f"is not plain Python ({wrong}); mend it")


def _filled(cell: SourceCell, texts: dict[str, str], problems: Problems) -> SourceCell:
    def text_of(line: re.Match[str]) -> str:
        name = line.group(1).strip()
        if name not in texts:
            problems.at(cell, f'shares "{name}", which no earlier cell holds.{nearest(name, list(texts))}')
        return texts.get(name, "")

    return dataclasses.replace(cell, text=_LINE.sub(text_of, cell.text))
