"""Reads the source of an exercise: percent-format Python with a YAML header."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from grader.errors import SourceError
from grader.header import WORD, Problems, exercise_header, nearest, split_header
from grader.markers import (
    HIDDEN,
    SOLUTION,
    first_hidden_line,
    has_marker,
    marker_problem,
    without_hidden,
    without_markers,
    without_solution,
)
from grader.model import Also, Answer, Cell, Part, Test, Unit, Wrong
from grader.names import parse, public_names, syntax_problem

ATTRIBUTES = {
    "answer": ("answer", "file"),
    "test": ("test", "of", "points"),
    "wrong": ("wrong", "of", "caught_by"),
    "also": ("also", "of"),
}
_REQUIRED = {"answer": (), "test": ("of", "points"), "wrong": ("of", "caught_by"), "also": ("of",)}
_OF_JUPYTEXT = {"lines_to_next_cell", "lines_to_end_of_cell_marker", "cell_marker"}
_IDENTIFIER = re.compile(r"[A-Za-z0-9_-]{1,64}")
_RESERVED = re.compile(r"(text|given|own)-\d+")
_BARE_FILE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
_FILE_NAME = re.compile(r"\d\d-(" + WORD.pattern + ")")


@dataclass(frozen=True)
class SourceCell:
    """A cell as jupytext reads it. kind: "prose", "given", "answer", "test", "wrong", "also"."""

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


def read_source(path: Path) -> Unit:
    """The exercise in a file. Raises SourceError with one line for each problem, in file order."""
    from grader.rules import check_unit

    text, source_hash = read_text(path)
    problems = Problems(path.name)
    unit_path, name = shelf(path)
    if not _FILE_NAME.fullmatch(path.stem):
        problems.header('needs a file name such as "01-first-check.py": two digits and lower-case words')
    values, body = split_header(text, problems)
    header = exercise_header(values, name, problems)
    cells = [_typed(cell, problems) for cell in percent_cells(body, problems)]
    _number_cells(cells)
    parts = tuple(_part(cell, problems) for cell in cells if cell.kind not in ("wrong", "also"))
    wrong = tuple(_wrong(cell, problems) for cell in cells if cell.kind == "wrong")
    also = tuple(Also(c.name, _one(c, "of"), c.text) for c in cells if c.kind == "also")
    unit = Unit(unit_path, name, header, parts, wrong, also, source_hash)
    check_unit(unit, cells, problems)
    problems.raise_any()
    return unit


def read_text(path: Path) -> tuple[str, str]:
    """The text of a source, with LF line ends, and its hash "sha256:...". Raises SourceError."""
    try:
        data = path.read_bytes().replace(b"\r\n", b"\n")
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise SourceError(f"{path.name}: is not UTF-8 at byte {error.start}; save it as UTF-8") from error
    except OSError as error:
        raise SourceError(f"{path.name}: cannot be read ({error.strerror}); check the path") from error
    return text, "sha256:" + hashlib.sha256(data).hexdigest()


def shelf(path: Path) -> tuple[str, str]:
    """Path and identity of the unit in a file: ("00-orientation/01-first-check", "first-check")."""
    stem = path.name.removesuffix(path.suffix)
    return f"{path.absolute().parent.name}/{stem}", re.sub(r"^\d\d-", "", stem)


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
    for key in _REQUIRED[kind]:
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


def _part(cell: SourceCell, problems: Problems) -> Part:
    if cell.kind == "answer":
        return _answer(cell, problems)
    if cell.kind == "test":
        return _test(cell, problems)
    if cell.kind == "given" and (wrong := syntax_problem(cell.text)):
        problems.at(cell, f"is not plain Python ({wrong}); mend it")
    return Cell(cell.name, cell.kind, cell.text)


def _answer(cell: SourceCell, problems: Problems) -> Answer:
    file = cell.attributes.get("file")
    if file is not None and (not isinstance(file, str) or not _BARE_FILE.fullmatch(file)):
        problems.at(cell, f'file={file!r} is no bare file name; write file="service.py"')
        file = str(file)
    reference = without_markers(cell.text, SOLUTION)
    stub = without_solution(cell.text)
    if wrong := marker_problem(cell.text, SOLUTION):
        problems.at(cell, wrong)
    elif not has_marker(cell.text, SOLUTION):
        problems.at(
            cell,
            'has no solution; mark it with "### BEGIN SOLUTION" and "### END SOLUTION"',
        )
    python = file is None or file.endswith(".py")
    if python and (wrong := syntax_problem(reference)):
        problems.at(cell, f"is not plain Python ({wrong}); mend it")
    elif python and (wrong := syntax_problem(stub)):
        problems.at(
            cell,
            f"is not Python without its solution ({wrong}); move the markers",
        )
    tree = parse(reference)
    names = public_names(tree) if tree and file is None else ()
    return Answer(cell.name, reference, stub, cell.text, names, file)


def _test(cell: SourceCell, problems: Problems) -> Test:
    text, visible = without_markers(cell.text, HIDDEN), without_hidden(cell.text)
    if wrong := marker_problem(cell.text, HIDDEN):
        problems.at(cell, wrong)
    elif cell.text.count(f"BEGIN {HIDDEN}") > 1:
        problems.at(cell, "has several hidden parts; join them into one at the end")
    elif has_marker(cell.text, HIDDEN) and not cell.text.rstrip().endswith(f"### END {HIDDEN}"):
        problems.at(cell, "has lines after the hidden part; move them before it")
    for form in dict.fromkeys((text, visible)):
        if wrong := syntax_problem(form):
            problems.at(cell, f"is not plain Python ({wrong}); mend it")
            break
    points = cell.attributes.get("points", 1)
    if isinstance(points, bool) or not isinstance(points, int | float) or not 0 < points < float("inf"):
        problems.at(cell, f"points={points!r} is no number above 0; write points=1")
        points = 0
    return Test(
        cell.name, cell.words("of"), float(points), text, visible, cell.text, first_hidden_line(cell.text)
    )


def _wrong(cell: SourceCell, problems: Problems) -> Wrong:
    sentence = opening_sentence(cell.text)
    if not sentence:
        problems.at(
            cell,
            "opens without a comment sentence; name the misconception, with a full stop",
        )
    return Wrong(cell.name, _one(cell, "of"), cell.words("caught_by"), sentence, cell.text)


def opening_sentence(text: str) -> str:
    """The first sentence of the comment that opens a cell, or nothing."""
    comment: list[str] = []
    for line in text.split("\n"):
        if not line.startswith("#"):
            break
        comment.append(line.lstrip("#").strip())
    match = re.match(r"(.*?\w.*?[.!?])(?=\s+[A-Z\"'`]|\s*$)", " ".join(comment))
    return match.group(1).strip() if match else ""


def _one(cell: SourceCell, attribute: str) -> str:
    return " ".join(cell.words(attribute))
