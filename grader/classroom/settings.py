"""What a class's nbgrader_config.py says that matters for grading."""

from __future__ import annotations

import contextlib
import logging
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from grader.errors import SeatrialError

CONFIG = "nbgrader_config.py"


@dataclass(frozen=True)
class ClassSettings:
    """Settings of one class, with nbgrader's defaults where its file is silent.

    book_url: the grade book, for SQLAlchemy; book_shown: the same without a password.
    mode: rights of autograded files. ignored: file patterns that nbgrader does not copy.
    kept_files: by assignment, files of students that the instructor's do not replace.
    most_file_bytes, most_folder_bytes: what nbgrader copies at most beside a notebook.
    most_lines: lines of output that an autograded cell shows.
    late: nbgrader's step for late penalties.
    """

    folder: Path
    book_url: str
    book_shown: str
    course_id: str
    source: Path
    release: Path
    submitted: Path
    autograded: Path
    mode: int
    group_shared: bool
    ignored: tuple[str, ...]
    create_students: bool
    excluded_students: frozenset[str]
    most_file_bytes: int
    most_folder_bytes: int
    most_lines: int
    late: Any
    kept_files: dict[str, list[str]] = field(default_factory=dict)


def read_settings(folder: Path) -> ClassSettings:
    """The settings of the class in `folder`. Raises SeatrialError if its file cannot be used."""
    from grader.classroom.execute import find_own_commands

    folder = folder.resolve()
    find_own_commands()
    logging.getLogger("traitlets").setLevel(logging.ERROR)
    try:
        with _in_folder(folder):
            return _settings(folder, _config(folder))
    except SeatrialError:
        raise
    except Exception as error:  # the file is a program and may do anything
        what = f"{folder / CONFIG} cannot be used ({type(error).__name__}: {error})"
        raise SeatrialError(f"{what}; mend it, or delete it and run: mle class init {folder}") from error


def _config(folder: Path) -> Any:
    from traitlets.config import PyFileConfigLoader

    if not (folder / CONFIG).is_file():
        raise SeatrialError(f"{folder} has no {CONFIG}; bring it back with: mle class init {folder}")
    return PyFileConfigLoader(CONFIG, path=str(folder)).load_config()


def _settings(folder: Path, config: Any) -> ClassSettings:
    from nbgrader.converters import Autograde
    from nbgrader.coursedir import CourseDirectory
    from nbgrader.preprocessors import AssignLatePenalties, LimitOutput

    course = CourseDirectory(config=config, root=str(folder))
    if course.directory_structure != CourseDirectory.class_traits()["directory_structure"].default():
        what = f"{folder / CONFIG} sets c.CourseDirectory.directory_structure"
        raise SeatrialError(f"{what}, which only nbgrader's own commands follow; use: nbgrader autograde")
    autograde = Autograde(coursedir=course, config=config)
    late = AssignLatePenalties(config=config)
    late.init_plugin()
    url, shown = _book_url(course.db_url, folder)
    excluded = {name.strip() for name in course.student_id_exclude.split(",")} - {""}
    return ClassSettings(
        folder=folder,
        book_url=url,
        book_shown=shown,
        course_id=course.course_id,
        source=folder / course.source_directory,
        release=folder / course.release_directory,
        submitted=folder / course.submitted_directory,
        autograded=folder / course.autograded_directory,
        mode=int(str(autograde.permissions), 8),
        group_shared=course.groupshared,
        ignored=tuple(course.ignore),
        create_students=autograde.create_student,
        excluded_students=frozenset(excluded),
        most_file_bytes=1000 * course.max_file_size,
        most_folder_bytes=1000 * course.max_dir_size,
        most_lines=LimitOutput(config=config).max_lines,
        late=late,
        kept_files={name: list(files) for name, files in autograde.exclude_overwriting.items()},
    )


def _book_url(url: str, folder: Path) -> tuple[str, str]:
    """The grade book's URL, a relative SQLite file taken from the class's folder, and how to show it."""
    from sqlalchemy.engine import make_url

    made = make_url(url)
    if made.get_backend_name() == "sqlite" and made.database and made.database != ":memory:":
        made = made.set(database=str(folder / made.database))
        return made.render_as_string(hide_password=False), str(made.database)
    return made.render_as_string(hide_password=False), made.render_as_string(hide_password=True)


@contextlib.contextmanager
def _in_folder(folder: Path) -> Iterator[None]:
    """The class's folder as current folder and first place of imports, as nbgrader's commands have it."""
    sys.path.insert(0, str(folder))
    try:
        with contextlib.chdir(folder):
            yield
    finally:
        with contextlib.suppress(ValueError):
            sys.path.remove(str(folder))
