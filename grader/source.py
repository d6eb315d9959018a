"""Reads the source of an exercise: percent-format Python with a YAML header."""

from __future__ import annotations

import hashlib
import math
import re
from pathlib import Path

from grader.edits import with_edits
from grader.errors import SourceError
from grader.header import WORD, Problems, exercise_header, split_header
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
from grader.model import Also, Answer, Cell, Header, Part, Test, Unit, Wrong
from grader.names import parse, public_names, syntax_problem
from grader.rules import check_unit
from grader.shared import with_shared
from grader.source_cells import SourceCell, typed_cells

_BARE_FILE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
_FILE_NAME = re.compile(r"\d\d-(" + WORD.pattern + ")")


def read_source(path: Path) -> Unit:
    """The exercise in a file. Raises SourceError with one line for each problem, in file order."""
    text, source_hash = read_text(path)
    problems = Problems(path.name)
    unit_path, name = shelf(path)
    if not _FILE_NAME.fullmatch(path.stem):
        problems.header('needs a file name such as "01-first-check.py": two digits and lower-case words')
    values, body = split_header(text, problems)
    header = exercise_header(values, name, problems)
    cells = with_shared(with_edits(typed_cells(body, problems), problems), problems)
    parts = tuple(_part(cell, header, problems) for cell in cells if cell.kind not in ("wrong", "also"))
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


def _part(cell: SourceCell, header: Header, problems: Problems) -> Part:
    if cell.kind == "answer":
        return _answer(cell, header, problems)
    if cell.kind == "test":
        return _test(cell, header, problems)
    if cell.kind == "given" and (wrong := syntax_problem(cell.text)):
        problems.at(cell, f"is not plain Python ({wrong}); mend it")
    return Cell(cell.name, cell.kind, cell.text)


def _answer(cell: SourceCell, header: Header, problems: Problems) -> Answer:
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
    if python and (wrong := syntax_problem(cell.text)):
        problems.at(cell, f"is not plain Python ({wrong}); mend it")
    elif python and (wrong := syntax_problem(stub)):
        problems.at(
            cell,
            f"is not Python without its solution ({wrong}); move the markers",
        )
    tree = parse(reference)
    names = public_names(tree) if tree and file is None else ()
    limit = _limit_seconds(cell, header, problems)
    return Answer(cell.name, reference, stub, cell.text, names, file, limit)


def _test(cell: SourceCell, header: Header, problems: Problems) -> Test:
    text, visible = without_markers(cell.text, HIDDEN), without_hidden(cell.text)
    if wrong := marker_problem(cell.text, HIDDEN):
        problems.at(cell, wrong)
    elif cell.text.count(f"BEGIN {HIDDEN}") > 1:
        problems.at(cell, "has several hidden parts; join them into one at the end")
    elif has_marker(cell.text, HIDDEN) and not cell.text.rstrip().endswith(f"### END {HIDDEN}"):
        problems.at(cell, "has lines after the hidden part; move them before it")
    for form in dict.fromkeys((cell.text, visible)):
        if wrong := syntax_problem(form):
            problems.at(cell, f"is not plain Python ({wrong}); mend it")
            break
    points = cell.attributes.get("points", 1)
    if isinstance(points, bool) or not isinstance(points, int | float) or not 0 < points < float("inf"):
        problems.at(cell, f"points={points!r} is no number above 0; write points=1")
        points = 0
    hidden, limit = first_hidden_line(cell.text), _limit_seconds(cell, header, problems)
    return Test(cell.name, cell.words("of"), float(points), text, visible, cell.text, hidden, limit)


def _limit_seconds(cell: SourceCell, header: Header, problems: Problems) -> float | None:
    """The cell's own limit, or None; a wrong one is noted."""
    if "limit_seconds" not in cell.attributes:
        return None
    limit = cell.attributes["limit_seconds"]
    what = f"limit_seconds={limit!r}"
    if isinstance(limit, bool) or not isinstance(limit, int | float) or not 0 < limit < math.inf:
        problems.at(cell, f"{what} is no number above 0; write limit_seconds=5")
        return None
    if limit > header.limit_run_seconds:
        what += f" is more than the {header.limit_run_seconds:g} s that the whole run may take"
        problems.at(cell, f"{what}; lower it, or raise limit_run_seconds in the header")
        return None
    return float(limit)


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
