"""Damaged input: JSON, encodings, links, size, copies, other kernels and formats, archives."""

from __future__ import annotations

import copy
import io
import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hostile.case import Case, cell_of, edited, with_source


def bad(name: str, tries: str, notebook: Callable[[str], bytes], **more: Any) -> Case:
    """A file that is refused with a reason."""
    return Case(name, tries, notebook=notebook, refused=True, **more)


def bent(name: str, tries: str, change: Callable[[dict[str, Any]], object], **more: Any) -> Case:
    """A notebook that is strange and can be read."""
    return Case(name, tries, notebook=edited(change), **more)


def _bomb(text: str) -> bytes:
    """A small archive that unpacks to 200 MB."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("a.ipynb", "w") as inner:
        for _ in range(20):
            inner.write(b" " * 10_000_000)
    return packed.getvalue()


def _ids_twice(content: dict[str, Any]) -> None:
    for cell in content["cells"]:
        cell["id"] = "double"


def _copied(content: dict[str, Any]) -> None:
    """The answer's cell three times, as after a hasty paste."""
    cell = cell_of(content, "double")
    place = content["cells"].index(cell)
    content["cells"][place:place] = [copy.deepcopy(cell), copy.deepcopy(cell)]


def _two_answers(content: dict[str, Any]) -> None:
    cell = cell_of(content, "double")
    other = copy.deepcopy(cell)
    other["source"] = "def double(number):\n    return 3 * number\n"
    content["cells"].append(other)


def _converted(content: dict[str, Any]) -> None:
    for cell in content["cells"]:
        if cell["cell_type"] == "code":
            cell["cell_type"] = "raw"
            cell.pop("outputs", None)
            cell.pop("execution_count", None)


def _stripped(content: dict[str, Any]) -> None:
    """As some editors save: no metadata, no ids."""
    content["metadata"] = {}
    content["nbformat_minor"] = 2
    for cell in content["cells"]:
        cell["metadata"] = {}
        cell.pop("id", None)


def _strange_metadata(content: dict[str, Any]) -> None:
    content["metadata"]["seatrial"] = ["small"]
    for cell in content["cells"]:
        cell["metadata"]["nbgrader"] = {"grade_id": {"a": [1]}, "schema_version": 99, "points": float("nan")}


def _other_kernel(content: dict[str, Any]) -> None:
    content["metadata"]["kernelspec"] = {"name": "../../bin/sh", "language": "R", "display_name": "$(reboot)"}
    content["metadata"]["language_info"] = {"name": "bash", "file_extension": "/../../x"}


def _old_schema(content: dict[str, Any]) -> None:
    for cell in content["cells"]:
        mark = cell["metadata"].get("nbgrader")
        if mark:
            mark.update(schema_version=1, checksum="0" * 32)
            mark.pop("task", None)


def _many_cells(content: dict[str, Any]) -> None:
    empty: dict[str, Any] = {
        "cell_type": "code",
        "execution_count": None,
        "metadata": {},
        "outputs": [],
        "source": "",
    }
    content["cells"] += [{**empty, "id": f"x{number}"} for number in range(4_000)]


def _many_copies(content: dict[str, Any]) -> None:
    cell = cell_of(content, "double")
    content["cells"] += [copy.deepcopy(cell) for _ in range(4000)]


def _in_place_of_the_file(make: Callable[[Path], object]) -> Callable[[Path], None]:
    """Something else where the notebook should be."""

    def replace(folder: Path) -> None:
        path = folder / "01-small.ipynb"
        path.unlink()
        make(path)

    return replace


def _lots_beside(folder: Path) -> None:
    """Links, pipes, holes and depths beside the notebook."""
    (folder / "link").symlink_to("/etc")
    (folder / "loop").symlink_to(folder)
    (folder / "passwd.csv").symlink_to("/etc/passwd")
    os.mkfifo(folder / "data.csv")
    with (folder / "hole.bin").open("wb") as file:
        file.truncate(2**40)
    deep = folder
    for _ in range(60):
        deep = deep / "deeper-and-deeper"
        deep.mkdir()
    for number in range(2000):
        (folder / f"part-{number}").touch()
    (folder / "bomb.zip").write_bytes(_bomb(""))


CASES = (
    bad("empty_file", "An empty file.", lambda text: b""),
    bad("cut_off", "A notebook of which the end is missing.", lambda text: text.encode()[: len(text) // 2]),
    bad(
        "no_json",
        "Something else with the name of a notebook.",
        lambda text: b"\x7fELF" + bytes(range(256)) * 40,
    ),
    bad(
        "merge_conflict",
        "A notebook with the marks of a merge in it.",
        lambda text: b"<<<<<<< HEAD\n" + text.encode(),
    ),
    bad(
        "number_without_end",
        "A number of five thousand digits.",
        lambda text: b'{"nbformat": ' + b"9" * 5000 + b"}",
    ),
    bad(
        "deep_json", "Brackets nested a hundred thousand times.", lambda text: b"[" * 100_000 + b"]" * 100_000
    ),
    bad("cells_are_no_list", "Cells that are a number.", edited(lambda content: content.update(cells=7))),
    bad(
        "cells_of_numbers",
        "Cells that are no cells.",
        edited(lambda content: content.update(cells=[1, None, "x", []])),
    ),
    bad("source_is_a_number", "A cell whose text is a number.", edited(with_source(5))),
    bad(
        "format_3",
        "The old notebook format.",
        edited(lambda content: content.update(nbformat=3, worksheets=[])),
    ),
    bad("format_99", "A notebook format to come.", edited(lambda content: content.update(nbformat=99))),
    bad(
        "format_of_text",
        "A notebook format that is a text.",
        edited(lambda content: content.update(nbformat="4")),
    ),
    bad(
        "latin_1",
        "Text in an old encoding.",
        lambda text: text.replace("Double it", "Verdopple für mich").encode("latin-1"),
    ),
    bad("too_large", "A notebook of 25 MB.", lambda text: text.encode() + b" " * 25_000_000),
    bad("zip_bomb", "An archive with the name of a notebook, of 200 MB when unpacked.", _bomb),
    bad(
        "another_unit",
        "A notebook of another unit.",
        edited(lambda content: content["metadata"].update(seatrial={"unit": "other\x1b[31m<script>"})),
    ),
    bad(
        "too_many_cells",
        "A hundred thousand cells.",
        edited(lambda content: content["cells"].extend(content["cells"][:1] * 100_000)),
    ),
    bad("two_answers_in_one_notebook", "Two different answers to one question.", edited(_two_answers)),
    Case(
        "a_folder",
        "A folder with the name of a notebook.",
        beside=_in_place_of_the_file(Path.mkdir),
        refused=True,
    ),
    Case(
        "a_pipe", "A pipe with the name of a notebook.", beside=_in_place_of_the_file(os.mkfifo), refused=True
    ),
    Case(
        "a_link_to_zeroes",
        "A link to /dev/zero.",
        beside=_in_place_of_the_file(lambda path: path.symlink_to("/dev/zero")),
        refused=True,
    ),
    Case(
        "a_link_to_itself",
        "A link to itself.",
        beside=_in_place_of_the_file(lambda path: path.symlink_to(path)),
        refused=True,
    ),
    Case(
        "strange_files_beside",
        "Links, pipes, holes, depths and archives beside the notebook.",
        beside=_lots_beside,
    ),
    Case(
        "byte_order_mark",
        "Text with a mark of byte order.",
        notebook=lambda text: b"\xef\xbb\xbf" + text.encode(),
    ),
    bent("ids_twice", "The same id for every cell.", _ids_twice),
    bent("copied_cells", "The answer's cell three times.", _copied),
    bent("converted_cells", "Every code cell made raw.", _converted),
    bent(
        "stripped_metadata", "No metadata and no ids.", _stripped, may_lose="double total scale each report"
    ),
    bent("strange_metadata", "Metadata of other types, and a number that is none.", _strange_metadata),
    bent("old_metadata", "nbgrader's metadata of its first version.", _old_schema),
    bent("another_kernel", "A kernel whose name is a path.", _other_kernel),
    bent("four_thousand_cells", "Four thousand empty cells.", _many_cells),
    bad("four_thousand_copies", "The answer's cell four thousand times.", edited(_many_copies)),
)
