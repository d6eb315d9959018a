"""The notebook that formgrader, feedback and students see: submitted answers, today's tests, what came of them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from grader.build import KERNEL, cell_metadata, unit_stamp
from grader.classroom.assigned import Assigned
from grader.classroom.outputs import cell_outputs, test_outputs
from grader.classroom.results import Result
from grader.matching import Match, match
from grader.model import Answer, Part, Submission, Test
from grader.notebook_file import FileCell, NotebookFile, read_file
from grader.untouched import answer_text


def autograded_text(
    given: Assigned, result: Result, handed: tuple[Path, Submission] | None, most_lines: int = -1
) -> str:
    """The autograded notebook as nbformat writes it.

    handed: the submitted notebook's file and what was read from it; None where it cannot be read: then the
    cells are those that were handed out, below the reason.
    """
    writer = _Writer(given, result, most_lines)
    if result.reason:
        writer.loose("markdown", f"**This notebook could not be graded.** {_plain(result.reason)}", "reason")
    if handed is None:
        for part in given.unit.parts:
            writer.part(part, part.stub if isinstance(part, Answer) else "")
    else:
        path, submission = handed
        file = read_file(path)
        older = file.stamp.get("source") != given.unit.source_hash
        writer.submitted(file, match(file, given.unit, path, older=older), submission)
    content = {
        "cells": writer.cells,
        "metadata": {
            "kernelspec": _kernel(given.book.kernelspec),
            "language_info": {"name": "python"},
            "seatrial": unit_stamp(given.unit),
        },
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    return _text(content)


def with_tests_replaced(text: str, fresh: str, names: frozenset[str]) -> str:
    """An autograded notebook with the cells of some tests as a fresh one has them.

    Raises ValueError if the text is no notebook with these tests.
    """
    content, other = json.loads(text), json.loads(fresh)
    new = {_test_name(cell): cell for cell in other["cells"]}
    old = {_test_name(cell) for cell in content["cells"]}
    if not names <= old:
        raise ValueError("the tests are not in the notebook")
    content["cells"] = [
        new[_test_name(cell)] if _test_name(cell) in names else cell for cell in content["cells"]
    ]
    return _text(content)


@dataclass
class _Writer:
    given: Assigned
    result: Result
    most_lines: int
    cells: list[dict[str, Any]] = field(default_factory=list)
    count: int = 0
    lines_left: int = 0

    def submitted(self, file: NotebookFile, found: Match, submission: Submission) -> None:
        """Today's parts in today's order, each followed by the learner's own cells, as they were run."""
        index = {part.name: number for number, part in enumerate(self.given.unit.parts)}
        behind: dict[int, list[FileCell]] = {}
        after = -1
        for cell in file.cells:
            if cell.position in found.part_at:
                after = index[found.part_at[cell.position]]
            else:
                behind.setdefault(after, []).append(cell)
        own = [cell for cell in submission.cells if cell.origin == "own"]
        for place in range(-1, len(self.given.unit.parts)):
            part = self.given.unit.parts[place] if place >= 0 else None
            if isinstance(part, Answer):
                if part.name in found.cells:
                    self.part(part, found.cells[part.name].text)
            elif part is not None:
                self.part(part, "")
            for cell in behind.get(place, []):
                name = ""
                if cell.position in found.own and own and own[0].text == cell.text:
                    name = own.pop(0).name
                self.loose(cell.kind, cell.text, f"submitted-{cell.position}", name)

    def part(self, part: Part, text: str) -> None:
        """A cell of the unit, with nbgrader's metadata. text: of an answer; others are as the grade book has them."""
        known = self.given.book.cells[part.name]
        text = answer_text(part, text) if isinstance(part, Answer) else known.source
        metadata = cell_metadata(part)
        metadata["nbgrader"] |= {"cell_type": known.cell_type, "checksum": known.checksum}
        outputs = test_outputs(self.result, part.name) if isinstance(part, Test) else self._outputs(part.name)
        self._add(part.name, known.cell_type, text, metadata, outputs)

    def loose(self, kind: str, text: str, cell_id: str, name: str = "") -> None:
        """A cell that nbgrader does not know. name: as the run called it, where it ran."""
        taken = {cell["id"] for cell in self.cells} | {part.name for part in self.given.unit.parts}
        while cell_id in taken:
            cell_id += "-x"
        self._add(cell_id, kind, text, {}, self._outputs(name) if name else [])

    def _outputs(self, name: str) -> list[dict[str, Any]]:
        return cell_outputs(self.result, name, self.most_lines)

    def _add(self, cell_id: str, kind: str, text: str, metadata: dict[str, Any], outputs: list[dict]) -> None:
        cell: dict[str, Any] = {"cell_type": kind, "id": cell_id, "metadata": metadata, "source": text}
        if kind == "code":
            ran = not self.result.reason
            self.count += ran
            cell |= {"execution_count": self.count if ran else None, "outputs": outputs}
        self.cells.append(cell)


def _test_name(cell: dict[str, Any]) -> str:
    graded = cell["metadata"].get("nbgrader", {})
    return str(graded.get("grade_id", "")) if graded.get("grade") else ""


def _kernel(text: str) -> dict[str, Any]:
    """The kernel that the grade book has for the notebook, as nbgrader puts it in place of the submitted one."""
    try:
        kernel = json.loads(text)
    except ValueError:
        return KERNEL
    return kernel if isinstance(kernel, dict) and "name" in kernel and "display_name" in kernel else KERNEL


def _plain(reason: str) -> str:
    """A reason as one line of markdown in which nothing is markup."""
    return "".join(f"\\{char}" if char in "\\`*_{}[]<>#|$" else char for char in " ".join(reason.split()))


def _text(content: dict[str, Any]) -> str:
    """JSON as nbformat writes it, texts as lists of lines."""
    cells = [_split(cell) for cell in content["cells"]]
    text = json.dumps({**content, "cells": cells}, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
    return text.encode("utf-8", "replace").decode()  # half characters that a learner's code may print


def _split(cell: dict[str, Any]) -> dict[str, Any]:
    cell = {**cell, "source": _lines(cell["source"])}
    if "outputs" in cell:
        cell["outputs"] = [
            {**output, "text": _lines(output["text"])} if "text" in output else output
            for output in cell["outputs"]
        ]
    return cell


def _lines(text: str | list[str]) -> list[str]:
    return list(_pieces(text)) if isinstance(text, str) else text


def _pieces(text: str) -> Iterator[str]:
    yield from text.splitlines(keepends=True)
