"""A notebook file read with suspicion: nothing in it is believed before it is checked."""

from __future__ import annotations

import codecs
import json
import os
import re
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from grader.errors import NotebookError

MAX_BYTES = 20_000_000
MAX_CELLS = 5_000
_NEWEST_FORMAT = 99  # what is more is no number of a format
_CONVERT = "jupyter nbconvert --to notebook --inplace"
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


@dataclass(frozen=True)
class FileCell:
    """One cell as it stands in the file.

    position: place in the notebook, from 1.
    ids: names that may tell which cell it is, best first.
    """

    position: int
    kind: str  # "code", "markdown" or "raw"
    text: str
    ids: tuple[str, ...]
    metadata: dict[str, Any]


@dataclass(frozen=True)
class NotebookFile:
    """Cells of a notebook and the stamp that `mle build` left in it, if any."""

    cells: tuple[FileCell, ...]
    stamp: dict[str, Any]


def read_file(path: Path) -> NotebookFile:
    """Reads a notebook of format 4. Raises NotebookError, naming the file, for anything else."""
    content = _json(_text(_bytes(path), path), path)
    if not isinstance(content, dict):
        raise NotebookError(
            f"{path.name} is JSON but no notebook; hand in the .ipynb file that you worked in."
        )
    version = content.get("nbformat")
    if not isinstance(version, int) or isinstance(version, bool) or not 0 < version <= _NEWEST_FORMAT:
        raise NotebookError(
            f"{path.name} is JSON but no notebook; hand in the .ipynb file that you worked in."
        )
    if version < 4:
        how = f'open and save it in JupyterLab, or run "{_CONVERT} {path.name}"'
        raise NotebookError(f"{path.name} is in the old notebook format {version}; {how}.")
    if version > 4:
        raise NotebookError(
            f"{path.name} is in notebook format {version}; save it as format 4 and check again."
        )
    cells = content.get("cells")
    if not isinstance(cells, list):
        raise NotebookError(f"{path.name} has no list of cells; {_again()}.")
    if len(cells) > MAX_CELLS:
        what = f"{path.name} has {len(cells)} cells, more than {MAX_CELLS}"
        raise NotebookError(f"{what}; delete those that you do not need.")
    metadata = _mapping(content.get("metadata"))
    read = tuple(_cell(cell, position, path) for position, cell in enumerate(cells, start=1))
    return NotebookFile(read, _mapping(metadata.get("seatrial")))


def _again() -> str:
    return 'open and save it in JupyterLab, or get a new copy with "mle reset", which keeps the old one'


def _bytes(path: Path) -> bytes:
    try:
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            raise NotebookError(f"{path.name} is a folder; name the .ipynb file in it.")
        if not stat.S_ISREG(status.st_mode):
            raise NotebookError(f"{path.name} is not an ordinary file; name an .ipynb file.")
        if status.st_size > MAX_BYTES:
            raise _too_large(path, status.st_size)
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except FileNotFoundError as error:
        raise NotebookError(
            f'{path} does not exist; check the path, or get a copy with "mle start".'
        ) from error
    except (OSError, ValueError) as error:
        reason = os.strerror(error.errno) if isinstance(error, OSError) and error.errno else str(error)
        raise NotebookError(
            f"{path.name} cannot be read ({reason}); check the path and its rights."
        ) from error
    if len(data) > MAX_BYTES:
        raise _too_large(path, len(data))
    return data


def _too_large(path: Path, size_bytes: int) -> NotebookError:
    megabytes = f"{size_bytes / 1e6:.0f} MB"
    how = "clear its outputs (Edit, Clear Outputs of All Cells) and save it"
    return NotebookError(f"{path.name} is {megabytes}, more than {MAX_BYTES / 1e6:.0f} MB; {how}.")


def _text(data: bytes, path: Path) -> str:
    if not data.strip():
        raise NotebookError(f"{path.name} is empty; {_again()}.")
    encoding = next((name for mark, name in _MARKS if data.startswith(mark)), "utf-8")
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        shown = encoding.removesuffix("-sig").upper()
        where = f"is not {shown} text (byte {error.start})"
        raise NotebookError(f"{path.name} {where}; save it as UTF-8 in JupyterLab.") from error


def _json(text: str, path: Path) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        last = text.count("\n", 0, len(text.rstrip())) + 1
        cut = " and seems cut off" if error.lineno >= last else ""
        what = f"{path.name} is damaged: line {error.lineno} is not JSON ({error.msg}){cut}"
        raise NotebookError(f'{what}; get a new copy with "mle reset", which keeps the old one.') from error
    except RecursionError as error:
        raise NotebookError(f"{path.name} is nested too deeply to be a notebook; {_again()}.") from error
    except ValueError as error:
        raise NotebookError(f"{path.name} is damaged ({error}); {_again()}.") from error


def _cell(cell: Any, position: int, path: Path) -> FileCell:
    where = f"{path.name}, cell {position}"
    if not isinstance(cell, dict):
        raise NotebookError(f"{where} is not a notebook cell; {_again()}.")
    kind = cell.get("cell_type")
    if kind not in ("code", "markdown", "raw"):
        raise NotebookError(f"{where} is of no known type; {_again()}.")
    text = cell.get("source")
    if isinstance(text, list) and all(isinstance(line, str) for line in text):
        text = "".join(text)
    if not isinstance(text, str):
        raise NotebookError(f"{where} has no text; {_again()}.")
    metadata = _mapping(cell.get("metadata"))
    named = (_mapping(metadata.get("nbgrader")).get("grade_id"), cell.get("id"), metadata.get("id"))
    ids = tuple(dict.fromkeys(name for name in named if isinstance(name, str) and name))
    text = _LONE_SURROGATE.sub("\ufffd", text.replace("\r\n", "\n").replace("\r", "\n"))
    return FileCell(position, kind, text, ids, metadata)


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
