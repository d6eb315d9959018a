"""A unit as JSON, and the cache that spares a check the slow parse of its source."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import hashlib
import json
from pathlib import Path
from typing import Any

from grader.atomic import write_whole
from grader.model import Also, Answer, Cell, Header, Part, Test, Unit, Wrong
from grader.source import read_source, read_text, shelf

_FORMAT = 1
_KINDS: dict[str, type[Cell] | type[Answer] | type[Test]] = {
    "prose": Cell,
    "given": Cell,
    "answer": Answer,
    "test": Test,
}
_READERS = (
    "source.py",
    "source_cells.py",
    "edits.py",
    "rules.py",
    "header.py",
    "markers.py",
    "names.py",
    "parsed.py",
    "model.py",
)


def load_unit(path: Path, cache: Path | None = None) -> Unit:
    """The unit of a source, from the cache folder if that holds this very text.

    cache: folder for parsed units; one that cannot be read or written does no harm.
    Raises SourceError like `read_source`.
    """
    if cache is None:
        return read_source(path)
    _, source_hash = read_text(path)
    unit_path, _ = shelf(path)
    key = f"{_readers_hash()} {source_hash} {unit_path}"
    stored = cache / f"{unit_path.replace('/', '--')}.json"
    unit = _stored_unit(stored, key)
    if unit is None:
        unit = read_source(path)
        with contextlib.suppress(OSError):  # a read-only course is parsed each time
            write_whole(stored, json.dumps({"key": key, "unit": unit_to_json(unit)}))
    return unit


def _stored_unit(path: Path, key: str) -> Unit | None:
    try:
        stored = json.loads(path.read_bytes())
        return unit_from_json(stored["unit"]) if stored["key"] == key else None
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None


@functools.cache
def _readers_hash() -> str:
    """Hash of the code that reads sources, so that a change of it empties the cache."""
    folder = Path(__file__).parent
    digest = hashlib.sha256(str(_FORMAT).encode())
    for name in _READERS:
        digest.update((folder / name).read_bytes())
    return digest.hexdigest()


def unit_to_json(unit: Unit) -> dict[str, Any]:
    """The unit as plain JSON values."""
    plain = dataclasses.asdict(unit)
    for part, stored in zip(unit.parts, plain["parts"], strict=True):
        stored["kind"] = part.kind
    return plain


def unit_from_json(stored: dict[str, Any]) -> Unit:
    """The unit that `unit_to_json` wrote. Raises KeyError or TypeError for anything else."""
    header = Header(**_tuples(stored["header"]))
    return Unit(
        path=stored["path"],
        name=stored["name"],
        header=header,
        parts=tuple(_part(part) for part in stored["parts"]),
        wrong=tuple(Wrong(**_tuples(wrong)) for wrong in stored["wrong"]),
        also=tuple(Also(**also) for also in stored["also"]),
        source_hash=stored["source_hash"],
    )


def _part(stored: dict[str, Any]) -> Part:
    maker = _KINDS[stored["kind"]]
    values = _tuples(stored)
    if maker is not Cell:
        del values["kind"]
    return maker(**values)


def _tuples(values: dict[str, Any]) -> dict[str, Any]:
    return {key: tuple(value) if isinstance(value, list) else value for key, value in values.items()}
