"""Which cell of a learner's notebook is which part of the unit."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from grader.errors import NotebookError
from grader.model import Answer, Part, Unit
from grader.names import parse, public_names
from grader.notebook_file import FileCell, NotebookFile
from grader.untouched import body_of, is_untouched, same_text, written_file

# Cells beyond these limits are not read for their meaning, so that no notebook can keep the reader busy.
_MAX_CHARACTERS = 20_000
_MAX_CELLS = 100
_MAX_NAMED = 5  # copies that a note names


@dataclass
class Match:
    """Cells of a notebook by what they are.

    cells: the cell that stands for each part that was found.
    part_at: part by position of such a cell.
    own: positions of the learner's own code cells.
    """

    cells: dict[str, FileCell] = field(default_factory=dict)
    part_at: dict[int, str] = field(default_factory=dict)
    own: set[int] = field(default_factory=set)
    notes: list[str] = field(default_factory=list)

    def take(self, part: Part, cell: FileCell) -> None:
        self.cells[part.name] = cell
        self.part_at[cell.position] = part.name
        self.own.discard(cell.position)


def match(notebook: NotebookFile, unit: Unit, path: Path, *, older: bool) -> Match:
    """Finds the parts by nbgrader's id, then by cell id, then by what a code cell plainly defines.

    Raises NotebookError if two cells answer one question differently.
    """
    found = Match()
    named = _by_id(notebook, unit)
    known = {cell.position for cells in named.values() for cell in cells}
    found.own = {
        cell.position for cell in notebook.cells if cell.kind == "code" and cell.position not in known
    }
    for part in unit.parts:
        cells = named.get(part.name, [])
        if isinstance(part, Answer):
            if cells:
                found.take(part, _one_answer(part, cells, path, found.notes, older))
        elif cells:
            _take_fixed(part, cells, found)
    for answer in unit.answers:
        _take_by_meaning(answer, notebook, found, older)
    return found


def _by_id(notebook: NotebookFile, unit: Unit) -> dict[str, list[FileCell]]:
    names = {part.name for part in unit.parts}
    named: dict[str, list[FileCell]] = {}
    for cell in notebook.cells:
        name = next((name for name in cell.ids if name in names), None)
        if name is not None:
            named.setdefault(name, []).append(cell)
    return named


def _one_answer(answer: Answer, cells: list[FileCell], path: Path, notes: list[str], older: bool) -> FileCell:
    """The one cell that answers. Copies are left out; two different answers are an error."""
    code = [cell for cell in cells if cell.kind == "code"] or cells
    if len(code) > _MAX_CELLS:
        what = f'{len(code)} cells of {path.name} are named "{answer.name}"'
        raise NotebookError(f"{what}; keep the one that you mean and delete the others.")
    touched = [cell for cell in code if not is_untouched(answer, cell.text, older=older)]
    chosen = (touched or code)[0]
    for other in touched[1:]:
        if not same_text(body_of(answer, chosen.text), body_of(answer, other.text)):
            what = f'cells {chosen.position} and {other.position} of {path.name} both answer "{answer.name}"'
            raise NotebookError(f"{what}, and differently; delete the one that you do not mean.")
    if len(code) > 1:
        copies = ", ".join(str(cell.position) for cell in code[:_MAX_NAMED])
        more = f" and {len(code) - _MAX_NAMED} more" if len(code) > _MAX_NAMED else ""
        what = f'cells {copies}{more} are copies of the answer "{answer.name}"'
        notes.append(f"{what}; cell {chosen.position} counts")
    return chosen


def _take_fixed(part: Part, cells: list[FileCell], found: Match) -> None:
    """Takes the cell of prose, given code or a test; a changed copy of it is the learner's own."""
    chosen = next((cell for cell in cells if same_text(cell.text, _text(part))), cells[0])
    found.take(part, chosen)
    for cell in cells:
        changed = not same_text(cell.text, chosen.text) and not same_text(cell.text, _text(part))
        if cell is not chosen and changed and cell.kind == "code":
            found.own.add(cell.position)
            found.notes.append(
                f'cell {cell.position} is a changed copy of "{part.name}" and is run as your own'
            )


def _text(part: Part) -> str:
    return part.stub if isinstance(part, Answer) else getattr(part, "visible", part.text)


def _take_by_meaning(answer: Answer, notebook: NotebookFile, found: Match, older: bool) -> None:
    """For an answer that is gone or untouched, takes an unnamed code cell that plainly is that answer."""
    named = found.cells.get(answer.name)
    if named is not None and not is_untouched(answer, named.text, older=older):
        return
    unnamed = [cell for cell in notebook.cells if cell.position in found.own][:_MAX_CELLS]
    cells = [cell for cell in unnamed if _means(answer, cell.text)]
    if named is not None:
        cells = [cell for cell in cells if not is_untouched(answer, cell.text, older=older)]
    if not cells:
        return
    chosen = cells[0]
    for other in cells[1:]:
        if not same_text(body_of(answer, chosen.text), body_of(answer, other.text)):
            what = f'cells {chosen.position} and {other.position} may both be the answer "{answer.name}"'
            found.notes.append(f"{what}, so neither counts; put the one that you mean into the answer's cell")
            return
    if named is not None:
        del found.part_at[named.position]
    for copy in cells:
        found.own.discard(copy.position)
    found.take(answer, chosen)
    sign = f"writes {answer.file}" if answer.file else f"defines {', '.join(answer.names)}"
    found.notes.append(f'cell {chosen.position} was taken as the answer "{answer.name}" because it {sign}')


def _means(answer: Answer, text: str) -> bool:
    """True if a cell writes the answer's file, or defines exactly the answer's names."""
    if answer.file is not None:
        return written_file(text) == answer.file
    if not answer.names or len(text) > _MAX_CHARACTERS:
        return False
    tree = parse(text)
    try:
        return tree is not None and set(public_names(tree)) == set(answer.names)
    except RecursionError:
        return False
