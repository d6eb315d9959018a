"""What was proven before need not be proven again while unit, package and lock are the same."""

from __future__ import annotations

import hashlib
import platform
from pathlib import Path

from grader.course import Course
from grader.model import Unit


def proof_key(course: Course, unit: Unit) -> str:
    """A hash over everything that a proof of `unit` rests on."""
    digest = hashlib.sha256(platform.python_version().encode())
    package = Path(__file__).resolve().parents[1]
    files = sorted(package.rglob("*.py"))
    files += [course.root / "requirements.lock", course.root / "modules" / f"{unit.path}.py"]
    files += [course.root / folder / f"{unit.path}.ipynb" for folder in ("modules", "exercises")]
    files += sorted((course.root / "datasets").rglob("*.py"))
    files += sorted((course.root / "datasets").rglob("world.json"))  # has the hash of every shipped table
    files += sorted(
        (course.root / "datasets" / "standins").rglob("standin.json")
    )  # has the hash of each file
    files += [course.root / "solutions" / f"{unit.path}{ending}" for ending in (".py", ".outcomes.json")]
    for file in files:
        digest.update(str(file.name).encode())
        digest.update(file.read_bytes() if file.is_file() else b"-")
    return digest.hexdigest()


def is_proven(course: Course, unit: Unit) -> bool:
    return _mark(course, unit).is_file()


def remember(course: Course, unit: Unit) -> None:
    """Note that the unit was proven as it stands; a folder that cannot be written only forgets."""
    mark = _mark(course, unit)
    try:
        mark.parent.mkdir(parents=True, exist_ok=True)
        mark.touch()
    except OSError:
        return


def _mark(course: Course, unit: Unit) -> Path:
    return course.root / ".cache" / "proven" / f"{unit.name}-{proof_key(course, unit)[:32]}"
