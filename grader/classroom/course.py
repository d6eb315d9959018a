"""Makes a class: a folder in which nbgrader's own commands work, with source notebooks from the units."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from grader.atomic import write_whole
from grader.build import nbgrader_source
from grader.classroom.record import FILE, ClassRecord, mark_of, new_record, read_record, write_record
from grader.classroom.texts import GITIGNORE, README, config_text, course_id_of
from grader.course import Course
from grader.errors import CourseError, SeatrialError
from grader.header import nearest
from grader.model import Unit
from grader.tracking import workspace_folder


@dataclass
class Made:
    """What `make_class` did; paths relative to the class's folder, in order.

    edited: source notebooks that the instructor changed, which were left alone.
    """

    created: list[str] = field(default_factory=list)
    updated: list[str] = field(default_factory=list)
    edited: list[str] = field(default_factory=list)


def chosen_units(
    course: Course, folder: Path, units: Sequence[str] = (), modules: Sequence[str] = ()
) -> tuple[Unit, ...]:
    """The units with these names and in these modules, sorted by path.

    If none is named: those that the class in `folder` has, and for a new class every unit.
    modules: names of folders, for example "00-orientation". Raises CourseError with the nearest name, or where
    the course has no solutions.
    """
    if not course.has_solutions:
        raise CourseError(
            f"{course.root} has no solutions, so no class can be made from it. "
            "Set SEATRIAL_COURSE to a clone of the course."
        )
    wanted = {course.exercise(unit).path for unit in units}
    known = sorted({path.split("/")[0] for path in course.files})
    for module in (name.replace("\\", "/").strip("/") for name in modules):
        if module not in known:
            raise CourseError(f'no module named "{module}".{nearest(module, known)}')
        wanted |= {path for path in course.files if path.split("/")[0] == module}
    if not units and not modules:
        record = read_record(folder)
        wanted = set(record.written if record else ()) & set(course.files) or set(course.files)
    if not wanted:
        raise CourseError(f"no exercise in {course.root}; is this the right folder?")
    return tuple(course.load(course.files[path]) for path in sorted(wanted))


def make_class(folder: Path, units: Iterable[Unit]) -> Made:
    """Writes a class, or adds what is missing to one and updates the notebooks that nobody edited.

    Raises SeatrialError if the folder holds something else or cannot be written.
    """
    folder, units = folder.absolute(), tuple(units)
    record = _record_of(folder)
    made = Made()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if record is None:
            record = new_record()
            write_record(folder, record)
            made.created.append(FILE)
        name = course_id_of(folder.resolve().name)
        limit = max((unit.longest_limit_seconds for unit in units), default=30.0)
        _add(folder, "nbgrader_config.py", config_text(name, limit), made)
        _add(folder, "README.md", README.format(course_id=name), made)
        _add(folder, ".gitignore", GITIGNORE, made)
        for unit in units:
            _write_source(folder, unit, record, made)
        write_record(folder, record)
    except OSError as error:
        what = f"cannot write in {folder} ({error.strerror or error})"
        raise SeatrialError(f"{what}; free space, mend its permissions, or name another folder.") from error
    return made


def _record_of(folder: Path) -> ClassRecord | None:
    """The record of a class that is there, or None for a folder that is new or empty."""
    if folder.exists() and not folder.is_dir():
        raise SeatrialError(f"{folder} is a file; name a folder for the class.")
    work = workspace_folder(folder)
    if work is not None:
        what = f"{folder} lies in {work}, where a learner's runs are kept"
        raise SeatrialError(f"{what}; name a folder elsewhere.")
    record = read_record(folder)
    if record is None and folder.is_dir() and any(folder.iterdir()):
        raise SeatrialError(f"{folder} is not empty and is no class made here; name a new folder.")
    return record


def _add(folder: Path, name: str, text: str, made: Made) -> None:
    if not (folder / name).exists():
        write_whole(folder / name, text)
        made.created.append(name)


def _write_source(folder: Path, unit: Unit, record: ClassRecord, made: Made) -> None:
    """Writes one source notebook unless it is there as it should be, or was edited."""
    name = f"source/{unit.path}.ipynb"
    path, text = folder / name, nbgrader_source(unit)
    fresh = mark_of(text.encode())
    there = mark_of(path.read_bytes()) if path.exists() else None
    if there is None:
        made.created.append(name)
    elif there == fresh:
        record.written[unit.path] = fresh
        return
    elif there == record.written.get(unit.path):
        made.updated.append(name)
    else:
        made.edited.append(name)
        return
    write_whole(path, text)
    record.written[unit.path] = fresh
