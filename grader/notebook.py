"""A learner's notebook, arranged to be run: today's given and test cells with the learner's answers."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from pathlib import Path

from grader.errors import NotebookError
from grader.header import WORD
from grader.matching import Match, match
from grader.model import Answer, Cell, Part, Submission, Test, Unit, WorkCell
from grader.notebook_file import FileCell, NotebookFile, read_file
from grader.untouched import answer_text, is_untouched, same_text

_MAX_NOTES = 20
_BEGIN = re.compile(r"grader\.begin\(\s*[\"']([^\"']+)[\"']")
_COURSE_MAGIC = re.compile(r"%(load_ext\s+grader|reload_ext\s+grader|check|hint|progress)\b.*")


def read_submission(path: Path, unit: Unit) -> Submission:
    """The submission in a notebook file; whatever can be repaired is, with a note.

    Raises NotebookError if the file is damaged, is of another unit, or holds two different answers
    to one question.
    """
    notebook = read_file(path)
    _check_stamp(notebook, unit, path)
    older = notebook.stamp.get("source") != unit.source_hash
    found = match(notebook, unit, path, older=older)
    _check_matched(notebook, found, unit, path)
    notes = list(found.notes)
    if older and "source" in notebook.stamp:
        what = "the course is newer than this copy"
        notes.insert(
            0, f"{what}: today's given and test cells were run with your answers; your file is unchanged"
        )
    notes += _notes_on_parts(unit, found, older)
    if len(notes) > _MAX_NOTES:
        notes[_MAX_NOTES - 1 :] = [f"{len(notes) - _MAX_NOTES + 1} more notes of this kind are left out"]
    answers = {
        answer.name: found.cells[answer.name].text for answer in unit.answers if answer.name in found.cells
    }
    untouched = {name for name, text in answers.items() if is_untouched(unit.answer(name), text, older=older)}
    return Submission(
        cells=_arranged(notebook, unit, found),
        untouched=frozenset(untouched),
        missing=frozenset(answer.name for answer in unit.answers if answer.name not in answers),
        notes=tuple(notes),
        folder=str(path.absolute().parent),
    )


def unit_of_notebook(path: Path) -> str:
    """The word of the unit that a notebook is a copy of: its stamp says so, else its first cell.

    Raises NotebookError where neither does, or where the file cannot be read as a notebook.
    """
    notebook = read_file(path)
    named = notebook.stamp.get("unit", notebook.stamp.get("lesson"))
    if isinstance(named, str) and WORD.fullmatch(named):
        return named
    begun = [_BEGIN.search(cell.text) for cell in notebook.cells if cell.kind == "code"]
    words = [found.group(1) for found in begun if found]
    if not words:
        raise NotebookError(f'{path.name} is no exercise of this course; get one with "mle start".')
    return words[0]


def submission_from(
    unit: Unit, answers: Mapping[str, str] | None = None, untouched: Collection[str] = ()
) -> Submission:
    """A submission made in memory, for the builder's own checks.

    answers: text by answer name, for a file answer the file's text; the reference where none is given.
    untouched: names of answers left as they are handed out.
    Raises KeyError for a name that is no answer of the unit.
    """
    texts = {answer.name: answer.reference for answer in unit.answers}
    for name, text in {**(answers or {}), **{name: unit.answer(name).stub for name in untouched}}.items():
        texts[unit.answer(name).name] = text
    cells = [_work_cell(part, texts.get(part.name, "")) for part in unit.parts if part.kind != "prose"]
    same = {name for name, text in texts.items() if is_untouched(unit.answer(name), text)}
    return Submission(cells=tuple(cells), untouched=frozenset(same))


def _work_cell(part: Part, text: str) -> WorkCell:
    """The cell to run for a part; a file answer is written by its first line."""
    if isinstance(part, Answer):
        return WorkCell(part.name, "answer", answer_text(part, text), part.limit_seconds)
    limit = part.limit_seconds if isinstance(part, Test) else None
    return WorkCell(part.name, part.kind, part.text, limit)


def _arranged(notebook: NotebookFile, unit: Unit, found: Match) -> tuple[WorkCell, ...]:
    """Today's cells in today's order; the learner's own cells follow the known cell that they followed."""
    index = {part.name: number for number, part in enumerate(unit.parts)}
    own: dict[int, list[FileCell]] = {}
    after = -1
    for cell in notebook.cells:
        if cell.position in found.part_at:
            after = index[found.part_at[cell.position]]
        elif cell.position in found.own and not _only_course_magics(cell.text):
            own.setdefault(after, []).append(cell)
    cells: list[WorkCell] = []
    number = 0
    for place in range(-1, len(unit.parts)):
        part = unit.parts[place] if place >= 0 else None
        if isinstance(part, Answer) and part.name in found.cells:
            cells.append(_work_cell(part, found.cells[part.name].text))
        elif isinstance(part, Test) or (isinstance(part, Cell) and part.kind == "given"):
            cells.append(_work_cell(part, ""))
        for cell in own.get(place, []):
            number += 1
            cells.append(WorkCell(f"own-{number}", "own", cell.text))
    return tuple(cells)


def _only_course_magics(text: str) -> bool:
    """True for a cell of %check and the like, which has no place in a clean run; also for an empty one."""
    return all(_COURSE_MAGIC.fullmatch(line.strip()) for line in text.split("\n") if line.strip())


def _check_stamp(notebook: NotebookFile, unit: Unit, path: Path) -> None:
    named, lesson = notebook.stamp.get("unit"), notebook.stamp.get("lesson")
    if isinstance(named, str) and named != unit.name:
        raise _another(path, named, unit)
    if isinstance(lesson, str):
        what = f"{path.name} is a lesson, not an exercise"
        raise NotebookError(f'{what}; check the exercise, "mle start {unit.name}" brings it.')


def _check_matched(notebook: NotebookFile, found: Match, unit: Unit, path: Path) -> None:
    """A notebook without a stamp must show by its cells which unit it is."""
    graded = {part.name for part in unit.parts if isinstance(part, Answer | Test)}
    if "unit" in notebook.stamp or graded & found.cells.keys():
        return
    for cell in notebook.cells:
        begun = _BEGIN.search(cell.text) if cell.kind == "code" else None
        if begun and begun.group(1) != unit.name:
            raise _another(path, begun.group(1), unit)
    what = f'{path.name} is not the exercise "{unit.name}": it holds none of its answers or tests'
    raise NotebookError(f'{what}; get a copy with "mle start {unit.name}".')


def _another(path: Path, named: str, unit: Unit) -> NotebookError:
    if len(named) > 80 or not WORD.fullmatch(named):
        return NotebookError(f'{path.name} is not the exercise "{unit.name}"; check the right file.')
    what = f'{path.name} is the exercise "{named}", not "{unit.name}"'
    return NotebookError(f'{what}; check it with "mle check {named}".')


def _notes_on_parts(unit: Unit, found: Match, older: bool) -> list[str]:
    """What the learner should know of cells that are gone or will not run as they stand."""
    notes: list[str] = []
    for part in unit.parts:
        cell = found.cells.get(part.name)
        if cell is None:
            if isinstance(part, Answer):
                what = "is new in the course" if older else "is gone: not attempted"
                how = f'"mle reset {unit.name}" brings it; your file is kept under a dated name, answers and all'
                notes.append(f'the cell of the answer "{part.name}" {what}; {how}')
        elif isinstance(part, Answer):
            if cell.kind != "code":
                notes.append(
                    f'cell {cell.position}, the answer "{part.name}", was {cell.kind}; it is run as code'
                )
        elif isinstance(part, Cell) and not older and not same_text(cell.text, part.text):
            if part.kind == "given":
                notes.append(
                    f"cell {cell.position} is given code, so your change to it is not run; {_own_place()}"
                )
            elif cell.kind == "code":
                notes.append(f"cell {cell.position} stands in place of prose and is not run; {_own_place()}")
    return notes


def _own_place() -> str:
    return "put your code in a cell of your own"
