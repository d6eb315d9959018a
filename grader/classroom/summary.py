"""What a run of `mle class grade` is asked for, and what it did."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from grader.classroom.assigned import Refused
from grader.classroom.results import CRASHED, DAMAGED, GRADED


@dataclass(frozen=True)
class Options:
    """What is graded, and how. units, students, tests: only these; all if empty."""

    workers: int = 1
    units: tuple[str, ...] = ()
    students: tuple[str, ...] = ()
    tests: tuple[str, ...] = ()
    force: bool = False
    isolation: str = "full"


@dataclass(frozen=True)
class Outcome:
    """One notebook of one student as the summary has it. before: it was done already and was left as it is."""

    student: str
    assignment: str
    notebook: str
    state: str
    points: float
    max_points: float
    reason: str = ""
    notes: tuple[str, ...] = ()
    seconds: float = 0.0
    before: bool = False


@dataclass
class Summary:
    """What a run of the command did. written: submissions; seconds of wall time, and of the writer alone."""

    isolation: str
    outcomes: list[Outcome] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    written: int = 0
    seconds: float = 0.0
    writer_seconds: float = 0.0

    def count(self, state: str, *, before: bool | None = None) -> int:
        return sum(one.state == state and before in (None, one.before) for one in self.outcomes)

    @property
    def all_well(self) -> bool:
        return not any(one.state in (CRASHED, DAMAGED) for one in self.outcomes)


def as_json(summary: Summary) -> dict[str, Any]:
    """The summary as one JSON object (docs/grading-a-class.md has the schema)."""
    return {
        "isolation": summary.isolation,
        "graded": summary.count(GRADED, before=False),
        "done_before": sum(one.before for one in summary.outcomes),
        "damaged": summary.count(DAMAGED),
        "crashed": summary.count(CRASHED),
        "submissions_written": summary.written,
        "seconds": round(summary.seconds, 3),
        "writer_seconds": round(summary.writer_seconds, 3),
        "notebooks": [
            {
                "student": one.student,
                "assignment": one.assignment,
                "notebook": one.notebook,
                "state": one.state,
                "points": one.points,
                "max_points": one.max_points,
                "reason": one.reason,
                "notes": list(one.notes),
                "seconds": one.seconds,
                "done_before": one.before,
            }
            for one in sorted(summary.outcomes, key=lambda one: (one.student, one.assignment, one.notebook))
        ],
        "refused": [
            {"assignment": one.assignment, "notebook": one.notebook, "reason": one.reason}
            for one in summary.refused
        ],
        "notes": list(summary.notes),
    }
