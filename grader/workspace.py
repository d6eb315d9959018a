"""The learner's folder: copies of lessons and exercises, hints taken. Never overwrites what a learner wrote."""

from __future__ import annotations

import datetime
import json
import os
import shutil
from pathlib import Path

from grader.course import Course
from grader.errors import WorkspaceError
from grader.model import Unit

MARKER = ".seatrial"


class Workspace:
    """`work/` of a clone, or `SEATRIAL_HOME`, or `~/seatrial`."""

    def __init__(self, root: Path) -> None:
        self.root = root

    @classmethod
    def of(cls, course: Course) -> Workspace:
        """The workspace that belongs to `course`."""
        if os.environ.get("SEATRIAL_HOME"):
            return cls(Path(os.environ["SEATRIAL_HOME"]).expanduser())
        if (course.root / "mle.py").is_file():
            return cls(course.root / "work")
        return cls(Path.home() / "seatrial")

    @property
    def database(self) -> Path:
        """The learner's MLflow store."""
        return self.root / "mlflow.db"

    def folder(self, unit: Unit) -> Path:
        return self.root / unit.path

    def exercise(self, unit: Unit) -> Path:
        """The learner's copy of the exercise; keeps its stem, which is its name in a grade book."""
        return self.folder(unit) / f"{Path(unit.path).name}.ipynb"

    def lesson(self, unit: Unit) -> Path:
        return self.folder(unit) / "lesson.ipynb"

    def start(self, course: Course, unit: Unit) -> list[Path]:
        """Copy what is not there yet; returns the copies made. Raises WorkspaceError if it cannot write."""
        made = []
        pairs = [
            (course.root / "modules" / f"{unit.path}.ipynb", self.lesson(unit)),
            (course.root / "exercises" / f"{unit.path}.ipynb", self.exercise(unit)),
        ]
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            (self.root / MARKER).touch()
            for source, target in pairs:
                if source.is_file() and not target.exists():
                    target.parent.mkdir(parents=True, exist_ok=True)
                    shutil.copyfile(source, target)
                    made.append(target)
        except OSError as error:
            raise cannot_write(self.root, error) from error
        return made

    def reset(self, course: Course, unit: Unit) -> Path | None:
        """A fresh exercise; the old copy is kept under a dated name, which is returned."""
        target, kept = self.exercise(unit), None
        try:
            if target.exists():
                kept = free_name(target)
                target.rename(kept)
        except OSError as error:
            raise cannot_write(self.root, error) from error
        self.start(course, unit)
        return kept

    def take_hint(self, unit: Unit) -> tuple[int, str]:
        """The next hint's number, from 1, and its text; after the last, the last again."""
        path = self.root / "hints.json"
        taken = read_counts(path)
        number = min(taken.get(unit.name, 0) + 1, len(unit.header.hints))
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps({**taken, unit.name: number}), encoding="utf-8")
        except OSError as error:
            raise cannot_write(self.root, error) from error
        return number, unit.header.hints[number - 1]

    def next_hint(self, unit: Unit) -> str:
        """The next hint as a line to read."""
        number, text = self.take_hint(unit)
        last = ", the last" if number == len(unit.header.hints) else ""
        return f"Hint {number} of {len(unit.header.hints)}{last}: {text}"


def read_counts(path: Path) -> dict[str, int]:
    """Hints taken by unit; what is damaged counts as none."""
    try:
        taken = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    if not isinstance(taken, dict):
        return {}
    return {unit: count for unit, count in taken.items() if type(count) is int and count > 0}


def cannot_write(folder: Path, error: OSError) -> WorkspaceError:
    """The error for a folder that cannot be written, with what to do."""
    return WorkspaceError(
        f"cannot write in {folder} ({error.strerror or error}); "
        "free space or mend its permissions, or set SEATRIAL_HOME to a folder of yours"
    )


def free_name(path: Path) -> Path:
    """A name beside `path` with today's date and time that nothing has yet."""
    moment = datetime.datetime.now().strftime("%Y-%m-%dT%H-%M-%S")
    candidate = path.with_name(f"{path.stem}.{moment}{path.suffix}")
    count = 1
    while candidate.exists():
        count += 1
        candidate = path.with_name(f"{path.stem}.{moment}-{count}{path.suffix}")
    return candidate
