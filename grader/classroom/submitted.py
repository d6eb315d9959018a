"""What students handed in: found, read without following a link, copied, and known by its content."""

from __future__ import annotations

import contextlib
import errno
import fnmatch
import hashlib
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO

from grader.classroom.settings import ClassSettings
from grader.errors import SeatrialError
from grader.notebook_file import MAX_BYTES

MAX_FILES = 5000
MAX_DEPTH = 20
MAX_LEFT_OUT = 20  # names of files that a reader is told
MAX_NAME = 128  # characters that nbgrader's grade book has for a student's name
STAMP = "timestamp.txt"
_PIECE = 1 << 20
_DISK = {
    errno.ENOSPC,
    errno.EDQUOT,
    errno.EROFS,
    errno.EIO,
    errno.EMFILE,
    errno.ENFILE,
    errno.EACCES,
    errno.EPERM,
}


class Damaged(SeatrialError):
    """What was handed in cannot be read; the message is for instructor and student."""


@dataclass(frozen=True)
class Handed:
    """One student's folder for one assignment. `damage`: why it is not read, or ""."""

    student: str
    assignment: str
    folder: Path
    damage: str = ""


@dataclass
class Beside:
    """Files beside the notebooks: hash of their names and contents, and what was left out, for a reader."""

    mark: str = ""
    left_out: list[str] = field(default_factory=list)


def shown_name(name: str) -> str:
    """A folder's name, which somebody else chose, as one harmless line."""
    clean = "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in name)
    return clean if len(clean) <= MAX_NAME else clean[: MAX_NAME - 3] + "..."


def name_problem(name: str) -> str:
    """Why a folder's name cannot stand as a student's in the grade book, or ""."""
    if len(name) > MAX_NAME:
        return f"the folder's name is longer than {MAX_NAME} letters; rename it"
    if not all(char.isprintable() for char in name) or name != name.strip():
        return "the folder's name holds letters that the grade book does not take; rename it"
    return ""


def handed_in(settings: ClassSettings, assignments: list[str]) -> Iterator[Handed]:
    """Every folder of a student and an assignment below `submitted/`, by name.

    A student's folder that is a link stands for each assignment, as damaged.
    """
    try:
        students = sorted(os.listdir(settings.submitted))
    except FileNotFoundError:
        return
    for student in students:
        folder = settings.submitted / student
        if student.startswith(".") or student in settings.excluded_students:
            continue
        kind = _kind(folder)
        if kind not in ("a folder", "a link"):
            continue
        for assignment in assignments:
            place = folder / assignment
            if kind == "a link":
                yield Handed(
                    student, assignment, place, "the student's folder is a link; put the folder there"
                )
            elif (found := _kind(place)) == "a folder":
                yield Handed(student, assignment, place, name_problem(student))
            elif found != "nothing":
                yield Handed(student, assignment, place, f"{assignment} is {found}, not a folder")


def unknown_assignments(settings: ClassSettings, assignments: list[str]) -> list[str]:
    """Names of folders below students' that are no assignment of the class."""
    found: set[str] = set()
    with contextlib.suppress(OSError):
        for student in os.listdir(settings.submitted):
            if not student.startswith(".") and _kind(settings.submitted / student) == "a folder":
                names = os.listdir(settings.submitted / student)
                found |= {name for name in names if not name.startswith(".")}
    return sorted(found - set(assignments))


def read_bytes(path: Path, most: int) -> bytes:
    """The content of an ordinary file, at most `most` bytes and one more. Follows no link. Raises Damaged."""
    with _opened(path) as file:
        return file.read(most + 1)


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    """An ordinary file, opened without following a link and without waiting. Raises Damaged."""
    kind, name = _kind(path), shown_name(path.name)
    if kind != "a file":
        missing = f"there is no {name}" if kind == "nothing" else f"{name} is {kind}, not a file"
        raise Damaged(f"{missing}; it has to be handed in again")
    try:
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
    except OSError as error:
        raise Damaged(f"{name} cannot be read ({error.strerror or error}); check its rights") from error
    with os.fdopen(handle, "rb") as file:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise Damaged(f"{name} is not an ordinary file")
        yield file


def notebook_mark(path: Path) -> str:
    """Hash of a handed-in notebook, or of what stands in its place; reads no more than a notebook may hold."""
    try:
        data = read_bytes(path, MAX_BYTES)
    except Damaged as error:
        return hashlib.sha256(f"damaged: {error}".encode(errors="replace")).hexdigest()
    size = path.stat().st_size if len(data) > MAX_BYTES else len(data)
    return hashlib.sha256(b"%d\0" % size + data).hexdigest()


def beside(settings: ClassSettings, handed: Handed, target: Path | None = None) -> Beside:
    """The files beside the notebooks as nbgrader takes them: the student's, with the instructor's on top.

    target: an empty folder to copy them to, or None. Links, notebooks and what settings leave out are not taken.
    """
    found = Beside()
    digest = hashlib.sha256()
    left = settings.most_folder_bytes
    for name, path in sorted(_taken(settings, handed, found).items()):
        label = os.fsencode(name)
        own = hashlib.sha256(b"%d\0" % len(label) + label)
        try:
            with _opened(path) as file:
                size = os.fstat(file.fileno()).st_size
                if size > min(settings.most_file_bytes, left):
                    raise Damaged(f"{shown_name(name)} is too large")
                left -= _copied(file, size, own, target / name if target is not None else None)
        except Damaged as error:
            found.left_out.append(str(error))
            continue
        if name != STAMP:
            digest.update(own.digest())
    found.mark = digest.hexdigest()
    if (more := len(found.left_out) - MAX_LEFT_OUT) > 0:
        found.left_out[MAX_LEFT_OUT:] = [f"and {more} more are left out"]
    return found


def _copied(file: BinaryIO, size: int, digest: Any, place: Path | None) -> int:
    """Hashes and copies a file piece by piece, up to its size when it was opened; returns the bytes."""
    copy: BinaryIO | None = None
    done = 0
    try:
        if place is not None:
            place.parent.mkdir(parents=True, exist_ok=True)
            copy = place.open("wb")
        while piece := file.read(min(_PIECE, size - done)):
            digest.update(piece)
            done += len(piece)
            if copy is not None:
                copy.write(piece)
    except OSError as error:
        if is_disk_trouble(error):
            raise
        raise Damaged(
            f"{shown_name(os.path.basename(file.name))} cannot be copied ({error.strerror})"
        ) from error
    finally:
        if copy is not None:
            copy.close()
    return done


def is_disk_trouble(error: OSError) -> bool:
    """Whether the machine is at fault, and not the one file."""
    return error.errno in _DISK


def _taken(settings: ClassSettings, handed: Handed, found: Beside) -> dict[str, Path]:
    """Files by relative name; where student and instructor have one of a name, the instructor's counts."""
    kept = set(settings.kept_files.get(handed.assignment, ()))
    taken = dict(_files(handed.folder, settings, found))
    for name, path in _files(settings.source / handed.assignment, settings, Beside()):
        if name in kept and name in taken:
            continue
        parents = {parent.as_posix() for parent in PurePosixPath(name).parents}
        for other in [other for other in taken if other in parents or other.startswith(f"{name}/")]:
            del taken[other]  # a file where the instructor has a folder, or the other way round
        taken[name] = path
    return taken


def _files(folder: Path, settings: ClassSettings, found: Beside) -> Iterator[tuple[str, Path]]:
    """Relative name and path of each ordinary file, notebooks left out; notes what it leaves out."""
    seen = 0
    for place, folders, names in os.walk(folder):
        inside = Path(place).relative_to(folder)
        seen += len(folders)
        links = [name for name in folders if os.path.islink(os.path.join(place, name))]
        if len(inside.parts) >= MAX_DEPTH:
            folders.clear()
        folders[:] = sorted(name for name in folders if name not in links and not _ignored(name, settings))
        if seen > MAX_FILES:
            folders.clear()
        for name in sorted([*names, *links]):
            path = Path(place) / name
            if _ignored(name, settings):
                continue
            seen += 1
            if seen > MAX_FILES:
                found.left_out.append(f"all but the first {MAX_FILES} files")
                return
            kind = _kind(path)
            if kind == "a file":
                yield (inside / name).as_posix(), path
            else:
                found.left_out.append(f"{shown_name(name)} is {kind}")


def _ignored(name: str, settings: ClassSettings) -> bool:
    return any(fnmatch.fnmatch(name, pattern) for pattern in (*settings.ignored, "*.ipynb"))


def _kind(path: Path) -> str:
    """What stands at a path, in words; links are not followed."""
    try:
        mode = path.lstat().st_mode
    except OSError as error:
        return "nothing" if isinstance(error, FileNotFoundError) else "not to be read"
    if stat.S_ISLNK(mode):
        return "a link"
    if stat.S_ISDIR(mode):
        return "a folder"
    return "a file" if stat.S_ISREG(mode) else "a device or a pipe"
