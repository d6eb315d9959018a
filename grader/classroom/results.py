"""What grading one notebook gave, and the cache that gives the same submission the same result."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import os
import tempfile
from dataclasses import asdict, dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from grader.model import Outcome, Report, Submission

GRADED, DAMAGED, CRASHED = "graded", "damaged", "crashed"
_NOT_ENGINE = (
    "cli",
    "watch",
    "lab",
    "doctor",
    "progress",
    "skeleton",
    "attempts",
    "workspace",
    "report",
    "magics",
)
_MAX_CACHED_BYTES = 50_000_000


@dataclass(frozen=True)
class TestGrade:
    """One test: what it earned, how it ended, and what a reader is told."""

    __test__ = False

    name: str
    points: float
    max_points: float
    outcome: str
    message: str = ""
    failed_check: bool = False


@dataclass(frozen=True)
class Result:
    """One notebook. `reason`: why it is not graded, or "".

    untouched: answers that are as they were handed out, or missing.
    cell_output, cell_errors: what cells printed and raised, by name.
    """

    state: str
    tests: tuple[TestGrade, ...] = ()
    reason: str = ""
    untouched: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    cell_output: dict[str, str] = field(default_factory=dict)
    cell_errors: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def points(self) -> float:
        return sum(test.points for test in self.tests)


def result_of(report: Report, submission: Submission) -> Result:
    """A report as a result: messages as learners read them, with the name of a known trap behind."""
    tests = []
    for result in report.results:
        message = result.message
        if result.failure is not None and result.failure.hidden and result.outcome is Outcome.FAILED:
            message = f"Hidden check: {message}"
        if result.misconception:
            message += f" This looks like a known trap: {result.misconception}"
        tests.append(
            TestGrade(
                result.name,
                result.points,
                result.max_points,
                result.outcome.value,
                message,
                result.failure is not None,
            )
        )
    return Result(
        GRADED,
        tuple(tests),
        untouched=tuple(sorted(submission.untouched | submission.missing)),
        notes=report.notes,
        cell_output=dict(report.cell_output),
        cell_errors=dict(report.cell_errors),
        seconds=round(report.seconds, 3),
    )


@functools.cache
def engine_version() -> str:
    """Version of the package with a hash of the code that decides points."""
    folder = Path(__file__).parent.parent
    files = [*folder.glob("*.py"), *(folder / "expect").rglob("*.py"), *(folder / "jail").rglob("*.py")]
    digest = hashlib.sha256()
    for path in sorted(files):
        if not path.name.startswith(_NOT_ENGINE):
            digest.update(path.read_bytes())
    try:
        return f"{version('seatrial')} {digest.hexdigest()}"
    except PackageNotFoundError:
        return digest.hexdigest()


def key_of(*parts: str) -> str:
    """One name for everything that a result depends on."""
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


class Cache:
    """Results by key in a folder; a file that is damaged counts as none."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def read(self, key: str) -> Result | None:
        try:
            path = self._path(key)
            if path.stat().st_size > _MAX_CACHED_BYTES:
                return None
            stored = json.loads(path.read_bytes())
            if stored["mark"] != _mark(key, stored["result"]):
                return None
            return _from_json(stored["result"])
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            return None

    def keep(self, key: str, result: Result, *, over: bool = False) -> Result:
        """Stores a result and returns it, or the one that is there already: whoever comes first counts.

        over: the new one replaces it. Raises OSError if it cannot be written.
        """
        path, body = self._path(key), asdict(result)
        text = json.dumps({"mark": _mark(key, body), "result": body})
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, suffix=".part")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(text)
            if over:
                path.unlink(missing_ok=True)
            try:
                os.link(name, path)
            except FileExistsError:
                if (first := self.read(key)) is not None:
                    return first
                os.replace(name, path)
            except OSError:  # a file system without links
                os.replace(name, path)
        finally:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(name)
        return result

    def _path(self, key: str) -> Path:
        return self._folder / key[:2] / f"{key[2:]}.json"


def _mark(key: str, body: Any) -> str:
    return hashlib.sha256(f"{key} {json.dumps(body, sort_keys=True)}".encode()).hexdigest()


def _from_json(body: dict[str, Any]) -> Result:
    tests = tuple(TestGrade(**test) for test in body["tests"])
    tuples = {name: tuple(body[name]) for name in ("untouched", "notes")}
    return Result(**{**body, **tuples, "tests": tests})
