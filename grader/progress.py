"""How far a learner has come, read from the attempts in their MLflow store."""

from __future__ import annotations

from grader.attempts import attempts
from grader.course import Course
from grader.workspace import Workspace


def progress_lines(course: Course, workspace: Workspace) -> list[str]:
    """One line a unit in course order: best points so far, attempts made; then the totals."""
    best: dict[str, float] = {}
    count: dict[str, int] = {}
    for attempt in attempts(workspace.root / "mlflow.db"):
        best[attempt.unit] = max(best.get(attempt.unit, 0.0), attempt.points)
        count[attempt.unit] = count.get(attempt.unit, 0) + 1
    width = max((len(unit.name) for unit in course.order), default=0)
    lines = []
    for unit in course.order:
        tries = count.get(unit.name, 0)
        told = f"{tries} attempt{'' if tries == 1 else 's'}" if tries else "not started"
        lines.append(f"{unit.name:<{width}}  {best.get(unit.name, 0.0):g} of {unit.max_points:g}  {told}")
    done = sum(best.get(unit.name, 0.0) >= unit.max_points for unit in course.order)
    lines.append(f"{done} of {len(course.order)} units complete")
    return lines
