"""A student's autograded folder: built beside its place, put there in one step, swept up after a sudden end."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
from pathlib import Path

from grader.classroom.settings import ClassSettings
from grader.classroom.submitted import read_bytes

_NEW, _OLD = ".seatrial-new-", ".seatrial-old-"


def new_folder(settings: ClassSettings, student: str, assignment: str) -> Path:
    """An empty folder beside the place of a student's autograded assignment."""
    parent = settings.autograded / student
    parent.mkdir(parents=True, exist_ok=True)
    folder = parent / f".{assignment}{_NEW}{secrets.token_hex(8)}"
    folder.mkdir()
    return folder


def keep_others(settings: ClassSettings, student: str, assignment: str, new: Path, names: set[str]) -> None:
    """Copies the autograded notebooks that are not made anew: done before, or by nbgrader itself."""
    place = settings.autograded / student / assignment
    for path in sorted(place.glob("*.ipynb")):
        if path.stem not in names and path.is_file() and not path.is_symlink():
            (new / path.name).write_bytes(read_bytes(path, 1 << 30))


def close_folder(settings: ClassSettings, new: Path) -> None:
    """Gives every file and folder the rights that nbgrader gives."""
    for place, _, names in os.walk(new):
        for name in names:
            os.chmod(os.path.join(place, name), settings.mode)
        if settings.group_shared:
            with contextlib.suppress(PermissionError):
                os.chmod(place, (os.stat(place).st_mode | 0o2770) & 0o2777)


class Placed:
    """A new folder in the place of the old one, until `finish` or `undo`."""

    def __init__(self, new: Path, place: Path) -> None:
        self._new, self._place = new, place
        self._old: Path | None = None
        if os.path.lexists(place):
            self._old = place.with_name(f".{place.name}{_OLD}{secrets.token_hex(8)}")
            os.rename(place, self._old)
        try:
            os.rename(new, place)
        except OSError:
            self._back()
            raise

    def finish(self) -> None:
        if self._old is not None:
            remove(self._old)

    def undo(self) -> None:
        """As it was before; the new folder is removed."""
        os.rename(self._place, self._new)
        self._back()
        remove(self._new)

    def _back(self) -> None:
        if self._old is not None:
            os.rename(self._old, self._place)


def remove(path: Path) -> None:
    """Removes a file, a link or a folder with everything in it."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def sweep(settings: ClassSettings, cache: Path) -> None:
    """Puts back or removes what a run left that was ended in the middle; cache: the folder of kept results."""
    for path in cache.glob("*/*.part"):
        path.unlink(missing_ok=True)
    if not settings.autograded.is_dir():
        return
    for student in settings.autograded.iterdir():
        if student.is_symlink() or not student.is_dir():
            continue
        for path in sorted(student.glob(".*")):
            name, found, _ = path.name.partition(_OLD)
            place = student / name.removeprefix(".")
            if found and not os.path.lexists(place):
                os.rename(path, place)
            elif found or _NEW in path.name:
                remove(path)
