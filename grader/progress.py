"""How far a learner has come, read from the attempts in their MLflow store, and what is next."""

from __future__ import annotations

from dataclasses import dataclass

from grader.attempts import attempts
from grader.course import Course
from grader.model import Outcome, Report, Unit
from grader.workspace import Workspace


@dataclass(frozen=True)
class UnitProgress:
    """One unit: best points so far, how often it was checked, whether its lesson lies in the learner's folder."""

    unit: str
    points: float
    max_points: float
    attempts: int
    opened: bool

    @property
    def complete(self) -> bool:
        """All points; without an exercise there are none, and `mle start` is all that can be seen."""
        if self.max_points == 0:
            return self.opened
        return self.attempts > 0 and self.points >= self.max_points

    def __str__(self) -> str:
        if self.max_points == 0:
            return f"lesson  {'opened' if self.opened else 'not started'}"
        return f"{self.points:g} of {self.max_points:g}  {told(self.attempts)}"


def progress_of(course: Course, workspace: Workspace) -> list[UnitProgress]:
    """Every unit in course order."""
    made = attempts(workspace.database)
    return [
        UnitProgress(
            unit=unit.name,
            points=max((attempt.points for attempt in made if attempt.unit == unit.name), default=0.0),
            max_points=unit.max_points,
            attempts=sum(attempt.unit == unit.name for attempt in made),
            opened=workspace.lesson(unit).exists(),
        )
        for unit in course.order
    ]


def progress_lines(course: Course, workspace: Workspace) -> list[str]:
    """One line a unit, then the total."""
    rows = progress_of(course, workspace)
    width = max((len(row.unit) for row in rows), default=0)
    lines = [f"{row.unit:<{width}}  {row}" for row in rows]
    return [*lines, f"{sum(row.complete for row in rows)} of {len(rows)} units complete"]


def told(count: int) -> str:
    """A number of attempts in words."""
    if count == 0:
        return "not started"
    return f"{count} attempt{'' if count == 1 else 's'}"


def unit_to_take(course: Course, workspace: Workspace, done: str = "") -> Unit | None:
    """The first unit in course order that is not complete, or None. `done`: a unit completed just now."""
    complete = {row.unit for row in progress_of(course, workspace) if row.complete} | {done}
    return next((unit for unit in course.order if unit.name not in complete), None)


def next_unit_line(course: Course, workspace: Workspace, done: str = "") -> str:
    """One sentence: the unit to take now, after `done` was completed just now."""
    unit = unit_to_take(course, workspace, done)
    if unit is None:
        return "Every unit is complete."
    return f"Next unit: mle start {unit.name} ({unit.header.title}, {unit.header.minutes} minutes)"


def next_step(
    course: Course, workspace: Workspace, unit: Unit, report: Report, *, in_notebook: bool = False
) -> str:
    """One sentence after a check: the next unit if all is earned, else the hint and what to try again."""
    if report.points >= report.max_points:
        return f"All points. {next_unit_line(course, workspace, unit.name)}"
    left = next(result.name for result in report.results if result.outcome is not Outcome.PASSED)
    if in_notebook:
        return f"Next: {left}. A hint: %hint. Then: %check"
    return f"Next: {left}. A hint: mle hint {unit.name}. Then: mle check {unit.name}"
