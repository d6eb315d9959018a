"""What was proven before need not be proven again while unit, package and lock are the same.

In a clone, the note "proven" beside a unit's stored outcomes says for which text of the unit its proof was green: so
`mle verify --changed` finds what changed since, and proves a sample of the rest, as the package may have changed.
"""

from __future__ import annotations

import hashlib
import json
import platform
from pathlib import Path

from grader.atomic import write_if_changed
from grader.checking import outcomes_file
from grader.course import Course
from grader.model import Unit

SAMPLE = (
    "first-check",
    "cost-of-being-wrong",
    "add-up",
)  # functions, and a judged run; the last is of the tests
NOTE = "proven"


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


def changed_or_sampled(course: Course, unit: Unit) -> bool:
    """Whether the unit has no note of this very text, or is of the sample that is proven always."""
    return (
        unit.name in SAMPLE
        or not unit.has_exercise
        or _noted(course, unit).get(NOTE) != text_key(course, unit)
    )


def text_key(course: Course, unit: Unit) -> str:
    """A hash of the unit's sources and notebooks."""
    digest = hashlib.sha256()
    places = [("modules", ".py"), ("modules", ".ipynb"), ("solutions", ".py"), ("exercises", ".ipynb")]
    for folder, ending in places:
        file = course.root / folder / f"{unit.path}{ending}"
        digest.update(file.read_bytes() if file.is_file() else b"-")
        digest.update(b"\0")
    return f"sha256:{digest.hexdigest()}"


def note(course: Course, unit: Unit) -> None:
    """Write beside the stored outcomes that this text of the unit is proven, where they can be written."""
    stored = _noted(course, unit)
    if not stored:
        return
    text = json.dumps(stored | {NOTE: text_key(course, unit)}, indent=1, sort_keys=True, ensure_ascii=False)
    try:
        write_if_changed(outcomes_file(course, unit), text + "\n")
    except OSError:
        return


def _noted(course: Course, unit: Unit) -> dict[str, object]:
    try:
        stored = json.loads(outcomes_file(course, unit).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return stored if isinstance(stored, dict) else {}


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
