"""Mutated notebooks: what editors, merges, cut downloads and ill will make of a learner's file.

`mutated(source, index, bases)` gives notebook number `index` of a seed; the same numbers give the same bytes.
"""

from __future__ import annotations

import contextlib
import copy
import json
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from fuzz.junk import TEXTS, deep, junk, places
from grader.filled import filled_notebook
from grader.model import Unit

MARKERS = (
    "### BEGIN SOLUTION",
    "### END SOLUTION",
    "### BEGIN HIDDEN TESTS",
    "### END HIDDEN TESTS",
    "# YOUR CODE HERE",
    "# %% answer=",
)
MAGICS = (
    "%%writefile service.py",
    "%%writefile",
    "%%writefile -a ../x y",
    "%%time",
    "%%bash",
    "%%capture out",
    "%matplotlib inline",
    "%timeit -n1 -r1 1",
    "%check",
    "%load_ext grader",
    "%no_such_magic",
    "!true",
    "?",
    "len?",
    "x = !true",
    "get_ipython()",
)
CODES = (
    "(" * 5000,
    "[" * 199,
    "-" * 50_000 + "1",
    "a" + ".a" * 50_000,
    "1" + "+1" * 50_000,
    "'" * 3,
    "\\",
    "\0",
    "def f(:",
    "if 1:\n\tpass\n        pass",
    "raise NotImplementedError()",
    "pass",
    "x = 1\n" * 20_000,
    "# comment\n" * 20_000,
    "return",
    "await x",
    "f'{'",
)
# An earlier step has taken away what a step works on.
TAKEN_AWAY = (KeyError, IndexError, TypeError, AttributeError, ValueError, RecursionError)


@dataclass(frozen=True)
class Base:
    """A notebook before the damage. touched: names of its answers that hold the reference."""

    unit: Unit
    text: str
    touched: frozenset[str]


@dataclass(frozen=True)
class Mutant:
    """A damaged notebook. steps: names of what was done, in order; gentle: no code was changed or named anew."""

    base: Base
    data: bytes
    steps: tuple[str, ...]

    @property
    def gentle(self) -> bool:
        return set(self.steps) <= GENTLE


def bases_of(units: Sequence[Unit]) -> list[Base]:
    """The notebook of each unit with every answer filled in, with none, and with each answer alone."""
    bases = []
    for unit in units:
        names = [answer.name for answer in unit.answers]
        for kept in ({*names}, set[str](), *({name} for name in names)):
            stubs = {name: unit.answer(name).stub for name in names if name not in kept}
            bases.append(Base(unit, filled_notebook(unit, stubs), frozenset(kept)))
    return bases


def mutated(seed: int, index: int, bases: Sequence[Base]) -> Mutant:
    """Notebook number `index` of this seed."""
    random_ = random.Random(f"{seed} {index}")
    base = random_.choice(bases)
    notebook = json.loads(base.text)
    steps: list[str] = []
    structural = list(STRUCTURAL)
    if random_.random() < 0.3:
        structural = [step for step in structural if step.__name__ in GENTLE]
    for _ in range(random_.choice((0, 1, 1, 2, 3, 6))):
        step = random_.choice(structural)
        with contextlib.suppress(*TAKEN_AWAY):
            step(random_, notebook)
        steps.append(step.__name__)
    text = json.dumps(notebook, indent=random_.choice((None, 1)), ensure_ascii=random_.random() < 0.5)
    data = text.encode("utf-8", "surrogatepass")
    if random_.random() < (0.1 if steps else 1.0) or random_.random() < 0.2:
        change = random_.choice(BYTES)
        data = change(random_, data)
        steps.append(change.__name__)
    return Mutant(base, data, tuple(steps))


def _cells(notebook: Any) -> list[Any]:
    cells = notebook["cells"]
    if not isinstance(cells, list):
        raise TypeError
    return cells


def _cell(random_: random.Random, notebook: Any) -> dict[str, Any]:
    cell: dict[str, Any] = random_.choice(_cells(notebook))
    return cell


# ---- gentle: the answers stay what they are


def move_cell(random_: random.Random, notebook: Any) -> None:
    cells = _cells(notebook)
    cells.insert(random_.randrange(len(cells)), cells.pop(random_.randrange(len(cells))))


def copy_cell(random_: random.Random, notebook: Any) -> None:
    cells = _cells(notebook)
    for _ in range(random_.choice((1, 1, 2, 300))):
        cells.insert(random_.randrange(len(cells)), copy.deepcopy(random_.choice(cells)))


def drop_cell(random_: random.Random, notebook: Any) -> None:
    _cells(notebook).remove(_cell(random_, notebook))


def own_cell(random_: random.Random, notebook: Any) -> None:
    source = random_.choice((*MAGICS, *CODES, "x = 1", ""))
    cell: dict[str, Any] = {
        "cell_type": random_.choice(("code", "markdown", "raw")),
        "metadata": {},
        "source": source,
    }
    _cells(notebook).insert(random_.randrange(len(_cells(notebook)) + 1), cell)


def own_cells(random_: random.Random, notebook: Any) -> None:
    for _ in range(random_.choice((10, 300))):
        own_cell(random_, notebook)


def list_source(random_: random.Random, notebook: Any) -> None:
    for cell in _cells(notebook):
        cell["source"] = cell["source"].splitlines(keepends=True)


def windows_lines(random_: random.Random, notebook: Any) -> None:
    for cell in _cells(notebook):
        cell["source"] = cell["source"].replace("\n", random_.choice(("\r\n", "\r")))


def outputs(random_: random.Random, notebook: Any) -> None:
    _cell(random_, notebook)["outputs"] = junk(random_, large=True)


def execution_count(random_: random.Random, notebook: Any) -> None:
    _cell(random_, notebook)["execution_count"] = junk(random_)


def attachments(random_: random.Random, notebook: Any) -> None:
    _cell(random_, notebook)["attachments"] = junk(random_, large=True)


def extra_key(random_: random.Random, notebook: Any) -> None:
    random_.choice((notebook, _cell(random_, notebook)))[random_.choice(TEXTS)] = junk(random_, large=True)


def cell_id_gone(random_: random.Random, notebook: Any) -> None:
    for cell in _cells(notebook):
        cell.pop("id", None)


def nbgrader_gone(random_: random.Random, notebook: Any) -> None:
    for cell in _cells(notebook):
        cell["metadata"].pop("nbgrader", None)


def seatrial_gone(random_: random.Random, notebook: Any) -> None:
    for cell in _cells(notebook):
        cell["metadata"].pop("seatrial", None)


def stamp_changed(random_: random.Random, notebook: Any) -> None:
    notebook["metadata"]["seatrial"][random_.choice(("unit", "source", "path", "lesson"))] = junk(random_)


def metadata_gone(random_: random.Random, notebook: Any) -> None:
    notebook["metadata"] = random_.choice(({}, {"seatrial": {}}, {"kernelspec": {"name": "ir"}}))


def format_minor(random_: random.Random, notebook: Any) -> None:
    notebook["nbformat_minor"] = junk(random_)


def nbformat(random_: random.Random, notebook: Any) -> None:
    notebook["nbformat"] = random_.choice(
        (2, 3, 5, "4", 4.0, True, 0, -1, 10**4299, None, [4], junk(random_))
    )


def old_format(random_: random.Random, notebook: Any) -> None:
    """Format 3 kept its cells in worksheets and their text in `input`."""
    cells = [{**cell, "input": cell["source"]} for cell in notebook.pop("cells")]
    notebook.update(nbformat=3, nbformat_minor=0, worksheets=[{"cells": cells}])


# ---- rough: code, names and types change


def any_value(random_: random.Random, notebook: Any) -> None:
    holder, key = random_.choice(places(notebook))
    holder[key] = junk(random_, large=True)


def any_drop(random_: random.Random, notebook: Any) -> None:
    holder, key = random_.choice(places(notebook))
    del holder[key]


def any_swap(random_: random.Random, notebook: Any) -> None:
    """Two values change places; a value that comes to lie in itself is copied."""
    (one, first), (other, second) = random_.choices(places(notebook), k=2)
    one[first], other[second] = copy.deepcopy(other[second]), copy.deepcopy(one[first])


def any_double(random_: random.Random, notebook: Any) -> None:
    holder, key = random_.choice([place for place in places(notebook) if isinstance(place[0], list)])
    holder.insert(random_.randrange(len(holder) + 1), copy.deepcopy(holder[key]))


def cell_type(random_: random.Random, notebook: Any) -> None:
    kinds = ("code", "markdown", "raw", "heading", "Code", None, 1)
    _cell(random_, notebook)["cell_type"] = random_.choice(kinds)


def rename(random_: random.Random, notebook: Any) -> None:
    names = [cell.get("id", "x") for cell in _cells(notebook)] + list(TEXTS)
    cell = _cell(random_, notebook)
    name = random_.choice((random_.choice(names), junk(random_)))
    if random_.random() < 0.6:
        cell["id"] = name
    if random_.random() < 0.6:
        cell["metadata"]["nbgrader"]["grade_id"] = name
    if random_.random() < 0.2:
        cell["metadata"]["id"] = name


def all_one_name(random_: random.Random, notebook: Any) -> None:
    name = _cell(random_, notebook)["id"]
    for cell in _cells(notebook):
        cell["id"] = cell["metadata"]["nbgrader"]["grade_id"] = name


def swap_sources(random_: random.Random, notebook: Any) -> None:
    one, other = _cell(random_, notebook), _cell(random_, notebook)
    one["source"], other["source"] = other["source"], one["source"]


def merge_cells(random_: random.Random, notebook: Any) -> None:
    cells = _cells(notebook)
    at = random_.randrange(len(cells) - 1)
    cells[at]["source"] += "\n" + cells.pop(at + 1)["source"]


def merge_all(random_: random.Random, notebook: Any) -> None:
    codes = [cell for cell in _cells(notebook) if cell["cell_type"] == "code"]
    notebook["cells"] = [{**codes[0], "source": "\n".join(cell["source"] for cell in codes)}]


def split_cell(random_: random.Random, notebook: Any) -> None:
    cells = _cells(notebook)
    at = random_.randrange(len(cells))
    lines = cells[at]["source"].split("\n")
    cut = random_.randrange(len(lines) + 1)
    second = copy.deepcopy(cells[at])
    cells[at]["source"], second["source"] = "\n".join(lines[:cut]), "\n".join(lines[cut:])
    if random_.random() < 0.5:
        second.update(id="split", metadata={})
    cells.insert(at + 1, second)


def insert_line(random_: random.Random, notebook: Any) -> None:
    cell = _cell(random_, notebook)
    lines = cell["source"].split("\n")
    at = random_.choice((0, random_.randrange(len(lines) + 1)))
    indent = random_.choice(("", "    "))
    lines.insert(at, indent + random_.choice((*MARKERS, *MAGICS, *CODES, *TEXTS)))
    cell["source"] = "\n".join(lines)


def replace_code(random_: random.Random, notebook: Any) -> None:
    _cell(random_, notebook)["source"] = random_.choice((*CODES, *MAGICS, *TEXTS))


def drop_line(random_: random.Random, notebook: Any) -> None:
    cell = _cell(random_, notebook)
    lines = cell["source"].split("\n")
    del lines[random_.randrange(len(lines))]
    cell["source"] = "\n".join(lines)


def change_character(random_: random.Random, notebook: Any) -> None:
    cell = _cell(random_, notebook)
    at = random_.randrange(len(cell["source"]))
    new = random_.choice((*"()[]{}:'\"\\#%!?\t\n =", *TEXTS))
    cell["source"] = cell["source"][:at] + new + cell["source"][at + 1 :]


def list_of_junk(random_: random.Random, notebook: Any) -> None:
    cell = _cell(random_, notebook)
    lines: list[Any] = cell["source"].splitlines(keepends=True)
    lines.insert(random_.randrange(len(lines) + 1), junk(random_))
    cell["source"] = lines


# ---- bytes


def truncate(random_: random.Random, data: bytes) -> bytes:
    return data[: random_.randrange(len(data) + 1)]


def flip_bits(random_: random.Random, data: bytes) -> bytes:
    changed = bytearray(data)
    for _ in range(random_.choice((1, 1, 1, 2, 10, 100))):
        changed[random_.randrange(len(changed))] ^= 1 << random_.randrange(8)
    return bytes(changed)


def overwrite(random_: random.Random, data: bytes) -> bytes:
    at, length = random_.randrange(len(data)), random_.choice((1, 4, 512, 4096))
    filler = random_.choice((b"\0" * length, b" " * length, random_.randbytes(length), b""))
    return data[:at] + filler + data[at + length :]


def insert_text(random_: random.Random, data: bytes) -> bytes:
    at = random_.randrange(len(data) + 1)
    pieces = [
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b"1" * 5000,
        b",",
        b"}",
        b"]",
        b'"',
        b"\\",
        b"NaN",
        b"\\ud800",
    ]
    return (
        data[:at] + random_.choice([*pieces, b"\xff\xfe", b"\0", b"//", b"\xc3", b"\xed\xa0\x80"]) + data[at:]
    )


def other_encoding(random_: random.Random, data: bytes) -> bytes:
    names = (
        "utf-16",
        "utf-16-le",
        "utf-16-be",
        "utf-32",
        "utf-32-be",
        "utf-8-sig",
        "latin-1",
        "cp1252",
        "utf-7",
    )
    return data.decode("utf-8", "replace").encode(random_.choice(names), "replace")


def duplicate_keys(random_: random.Random, data: bytes) -> bytes:
    key = random_.choice((b'"cells"', b'"metadata"', b'"source"', b'"nbformat"', b'"grade_id"'))
    return data.replace(key, key + random_.choice((b": [], ", b": {}, ", b": null, ", b": 4, ")) + key)


def doubled(random_: random.Random, data: bytes) -> bytes:
    return data + random_.choice((b"", b"\n", b",")) + data


def merge_conflict(random_: random.Random, data: bytes) -> bytes:
    lines = data.split(b"\n")
    at = random_.randrange(len(lines) + 1)
    return b"\n".join(
        [*lines[:at], b"<<<<<<< HEAD", *lines[at : at + 3], b"=======", b">>>>>>> x", *lines[at:]]
    )


def nested_document(random_: random.Random, data: bytes) -> bytes:
    levels = json.dumps(deep(random_.choice((1, 50, 900)))).encode()
    return levels.replace(b"1", data, 1)


def packed(random_: random.Random, data: bytes) -> bytes:
    import gzip

    return gzip.compress(data)


_Step = Callable[[random.Random, Any], None]
GENTLE_STEPS: tuple[_Step, ...] = (
    move_cell, copy_cell, drop_cell, own_cell, own_cells, list_source, windows_lines, outputs, execution_count,
    attachments, extra_key, cell_id_gone, nbgrader_gone, seatrial_gone, stamp_changed, metadata_gone, format_minor,
    nbformat, old_format,
)  # fmt: skip
ROUGH_STEPS: tuple[_Step, ...] = (
    any_value, any_drop, any_swap, any_double, cell_type, rename, all_one_name, swap_sources, merge_cells, merge_all,
    split_cell, insert_line, replace_code, drop_line, change_character, list_of_junk,
)  # fmt: skip
STRUCTURAL = (*GENTLE_STEPS, *ROUGH_STEPS)
BYTES: tuple[Callable[[random.Random, bytes], bytes], ...] = (
    truncate, flip_bits, overwrite, insert_text, other_encoding, duplicate_keys, doubled, merge_conflict,
    nested_document, packed,
)  # fmt: skip
GENTLE = frozenset(step.__name__ for step in GENTLE_STEPS) | {
    "truncate",
    "other_encoding",
    "doubled",
    "packed",
}
