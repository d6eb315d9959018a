"""Builds notebooks from sources: the learner's, nbgrader's source version, and lessons."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from grader.atomic import write_if_changed
from grader.catalogue import page_problem
from grader.course import Course
from grader.errors import SourceError
from grader.header import Problems, lesson_header, run_seconds, split_header
from grader.lesson import stands_alone
from grader.model import Answer, Part, Test, Unit
from grader.pictures import attach, pictures_of, unshown
from grader.source import read_text, shelf
from grader.source_cells import percent_cells
from grader.standins import PLACE, standin_problem

KERNEL = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
_IGNORED_FOLDERS = {"__pycache__", ".ipynb_checkpoints"}
_LESSON_ATTRIBUTES = {"tags"}


def learner_notebook(unit: Unit) -> str:
    """The notebook that learners get: stubs for solutions, no hidden tests. Same unit, same bytes."""
    return _notebook(
        [_cell(part, _handed_out(part)) for part in unit.parts],
        unit_stamp(unit),
    )


def nbgrader_source(unit: Unit) -> str:
    """The same notebook with solutions, hidden tests and their markers, for nbgrader's `source/`."""
    return _notebook(
        [_cell(part, part.marked if isinstance(part, Answer | Test) else part.text) for part in unit.parts],
        unit_stamp(unit),
    )


def unit_stamp(unit: Unit) -> dict[str, Any]:
    """What a built notebook says of its unit: enough to check it where no source is."""
    header = unit.header
    own_run = header.limit_run_seconds != run_seconds(header.limit_seconds)
    return {
        "unit": unit.name,
        "path": unit.path,
        "source": unit.source_hash,
        "title": header.title,
        "minutes": header.minutes,
        "data": list(header.data),
        "needs": list(header.needs),
        "runs_on": list(header.runs_on),
        "sources": list(header.sources),
        "hints": list(header.hints),
        "limit_seconds": header.limit_seconds,
        "limit_megabytes": header.limit_megabytes,
        **({"limit_run_seconds": header.limit_run_seconds} if own_run else {}),
        **({"leaves": list(header.leaves)} if header.leaves else {}),
    }


def lesson_notebook(path: Path) -> str:
    """The notebook of a lesson's source. Raises SourceError with one line for each problem."""
    text, source_hash = read_text(path)
    problems = Problems(path.name)
    values, body = split_header(text, problems)
    header = lesson_header(values, problems)
    cells, counts = [], {"prose": 0, "given": 0}
    for cell in percent_cells(body, problems, magics=True):
        for key in sorted(cell.attributes.keys() - _LESSON_ATTRIBUTES):
            problems.at(cell, f'has the attribute "{key}"; a lesson\'s cell takes only tags=[...]')
        kind = "prose" if cell.kind == "prose" else "given"
        counts[kind] += 1
        name = f"{'text' if kind == 'prose' else 'code'}-{counts[kind]}"
        metadata = {"tags": cell.attributes["tags"]} if "tags" in cell.attributes else {}
        cells.append(_raw_cell(name, kind == "prose", cell.text, metadata))
        if kind == "prose":
            try:
                cells[-1]["source"], attachments = attach(cell.text, path)
                cells[-1].update({"attachments": attachments} if attachments else {})
            except ValueError as error:
                problems.at(cell, str(error))
    problems.raise_any()
    unit_path, name = shelf(path)
    return _notebook(cells, {"lesson": name, "path": unit_path, "source": source_hash, **header})


def build(course: Course, units: Iterable[str] | None = None) -> list[Path]:
    """Writes the notebooks that differ from a fresh build, and returns their paths.

    units: words or paths of units; None for all. Raises SourceError with the problems of all sources.
    """
    wanted = None if units is None else {course.locate(unit) for unit in units}
    written, broken = [], []
    for source, target in _pairs(course):
        if wanted is not None and shelf(source)[0] not in wanted:
            continue
        try:
            if write_if_changed(target, _build_one(course, source)):
                written.append(target)
        except SourceError as error:
            broken.append(str(error))
    if broken:
        raise SourceError("\n".join(broken))
    return written


def check_built(course: Course) -> list[str]:
    """Problems of the three folders: stale or missing notebooks, broken or single sources, stray files."""
    problems: list[str] = []
    expected: set[Path] = set()
    for source, target in _pairs(course):
        expected |= {source, target}
        shown = target.relative_to(course.root).as_posix()
        try:
            fresh = _build_one(course, source).encode()
        except SourceError as error:
            problems += str(error).splitlines()
            expected |= set(pictures_of(source))
            continue
        if not target.is_file():
            problems.append(f"{shown}: is missing; run mle build")
        elif target.read_bytes() != fresh:
            problems.append(f"{shown}: differs from a fresh build; run mle build")
        if source.is_relative_to(course.root / "modules"):
            problems += _pairing_problems(course, source)
            expected |= set(pictures_of(source)) - set(unshown(source, read_text(source)[0]))
        else:
            expected.add(source.with_name(f"{source.stem}.outcomes.json"))
    problems += _standin_problems(course)
    for folder in ("modules", "solutions", "exercises"):
        for path in _files(course.root / folder):
            if path not in expected:
                shown = path.relative_to(course.root).as_posix()
                problems.append(f"{shown}: is a stray file; move or delete it")
    return problems or [problem for problem in [page_problem(course)] if problem]


def _pairs(course: Course) -> Iterator[tuple[Path, Path]]:
    """Each source and the notebook that is built from it, lessons first."""
    for source in sorted((course.root / "modules").glob("*/*.py")):
        yield source, source.with_suffix(".ipynb")
    for source in sorted((course.root / "solutions").glob("*/*.py")):
        relative = source.relative_to(course.root / "solutions").with_suffix(".ipynb")
        yield source, course.root / "exercises" / relative


def _standin_problems(course: Course) -> Iterator[str]:
    """A unit that leaves something has a stand-in of today's source; no other unit has one."""
    if not course.has_solutions:
        return
    folders = {path.name for path in (course.root / PLACE).glob("*")}
    for file in course.files.values():
        try:
            unit = course.load(file)
        except SourceError:  # said above
            folders.discard(shelf(file)[1])
            continue
        if unit.header.leaves:
            folders.discard(unit.name)
            problem = standin_problem(course.root / PLACE / unit.name, unit.source_hash, unit.header.leaves)
            if problem:
                yield f"{(PLACE / unit.name).as_posix()}: {problem}; run mle build {unit.name}"
    for name in sorted(folders):
        yield f"{(PLACE / name).as_posix()}: is the stand-in of no unit that leaves something; delete it"


def _pairing_problems(course: Course, lesson: Path) -> Iterator[str]:
    """A lesson has an exercise on the same shelf, or says that it has none."""
    exercise = course.root / "solutions" / lesson.relative_to(course.root / "modules")
    shown, other = (file.relative_to(course.root).as_posix() for file in (lesson, exercise))
    if stands_alone(lesson) and exercise.is_file():
        yield f'{shown}: says "exercise: none", but {other} is there; drop the line or that file'
    elif course.has_solutions and not stands_alone(lesson) and not exercise.is_file():
        yield f'{shown}: has no exercise; add {other}, or write "exercise: none" in its header'


def _build_one(course: Course, source: Path) -> str:
    if source.is_relative_to(course.root / "modules"):
        return lesson_notebook(source)
    return learner_notebook(course.load(source))


def _files(folder: Path) -> list[Path]:
    return sorted(
        path
        for path in folder.rglob("*")
        if not path.is_dir() and not _IGNORED_FOLDERS & set(path.relative_to(folder).parts)
    )


def _handed_out(part: Part) -> str:
    if isinstance(part, Answer):
        return part.stub
    return part.visible if isinstance(part, Test) else part.text


def cell_metadata(part: Part) -> dict[str, Any]:
    """What nbgrader, JupyterLab and a later reader must know of a cell of the unit."""
    graded: dict[str, Any] = {
        "grade": isinstance(part, Test),
        "grade_id": part.name,
        "locked": not isinstance(part, Answer),
        "schema_version": 3,
        "solution": isinstance(part, Answer),
        "task": False,
    }
    if isinstance(part, Test):
        graded["points"] = int(part.points) if part.points == int(part.points) else part.points
    metadata = {"deletable": False, "nbgrader": graded, "seatrial": {"kind": part.kind}}
    return metadata if isinstance(part, Answer) else {**metadata, "editable": False}


def _cell(part: Part, text: str) -> dict[str, Any]:
    """A notebook cell with the metadata that nbgrader and `unit_from_notebook` read."""
    metadata = cell_metadata(part)
    seatrial = metadata["seatrial"]
    if isinstance(part, Answer):
        seatrial["names"] = list(part.names)
        if part.file is not None:
            seatrial["file"] = part.file
            text = f"%%writefile {part.file}\n{text}"
    if isinstance(part, Answer | Test) and part.limit_seconds is not None:
        seatrial["limit_seconds"] = part.limit_seconds
    if isinstance(part, Test):
        seatrial["of"] = list(part.of)
    return _raw_cell(part.name, part.kind == "prose", text, metadata)


def _raw_cell(name: str, prose: bool, text: str, metadata: dict[str, Any]) -> dict[str, Any]:
    cell: dict[str, Any] = {"id": name, "metadata": metadata, "source": text}
    if prose:
        return {"cell_type": "markdown", **cell}
    return {"cell_type": "code", "execution_count": None, "outputs": [], **cell}


def _notebook(cells: list[dict[str, Any]], stamp: dict[str, Any]) -> str:
    """Notebook text as nbformat writes it, checked against nbformat's schema."""
    import nbformat

    content = {
        "cells": cells,
        "metadata": {"kernelspec": KERNEL, "language_info": {"name": "python"}, "seatrial": stamp},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    notebook = nbformat.from_dict(json.loads(json.dumps(content)))
    nbformat.validate(notebook)
    return str(nbformat.writes(notebook, version=4)).rstrip("\n") + "\n"
