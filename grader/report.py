"""A report as text for a terminal and as JSON for programs (docs/check-json.md has the schema)."""

from __future__ import annotations

from typing import Any

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from grader.model import Outcome, Report, TestResult, Unit

STYLES = {
    Outcome.PASSED: "green",
    Outcome.FAILED: "red",
    Outcome.NOT_ATTEMPTED: "dim",
    Outcome.CRASHED: "magenta",
    Outcome.OUT_OF_LIMITS: "yellow",
}
OUTPUT_LINES = 12


def as_json(report: Report) -> dict[str, Any]:
    """The report as one JSON object; seconds are wall time, the seed is a decimal string."""
    return {
        "unit": report.unit,
        "points": report.points,
        "max_points": report.max_points,
        "seconds": round(report.seconds, 3),
        "own_seconds": round(report.own_seconds, 3),
        "seed": str(report.seed),
        "notes": list(report.notes),
        "cell_errors": dict(report.cell_errors),
        "tests": [
            {
                "name": result.name,
                "of": list(result.of),
                "outcome": result.outcome.value,
                "points": result.points,
                "max_points": result.max_points,
                "message": result.message,
                "misconception": result.misconception,
            }
            for result in report.results
        ],
    }


def number(points: float) -> str:
    """Points without a needless decimal."""
    return f"{points:g}"


def test_line(result: TestResult, width: int) -> Text:
    """One line: outcome, name, points."""
    line = Text("  ")
    line.append(f"{result.outcome.value:<{outcome_width()}}  ", style=STYLES[result.outcome])
    line.append(f"{result.name:<{width}}  {number(result.points)} of {number(result.max_points)}")
    return line


def outcome_width() -> int:
    return max(len(outcome.value) for outcome in Outcome)


def test_lines(result: TestResult, width: int) -> RenderableType:
    """One test: its line, and below it what to do where it did not pass."""
    parts: list[RenderableType] = [test_line(result, width)]
    indent = (0, 0, 0, 6)
    if result.message:
        hidden = result.failure is not None and result.failure.hidden
        prefix = "Hidden check: " if hidden else ""
        parts.append(Padding(Text(prefix + first_upper(result.message, not prefix)), indent, expand=False))
    if result.misconception:
        parts.append(
            Padding(Text(f"This looks like a known trap: {result.misconception}"), indent, expand=False)
        )
    return Group(*parts)


def first_upper(text: str, wanted: bool) -> str:
    """The message as it is, but a sentence of our own opens with a capital."""
    if wanted and text[:1].islower() and text.split(" ", 1)[0] in ("write", "while", "your"):
        return text[0].upper() + text[1:]
    return text


def as_text(report: Report, unit: Unit, next_step: str) -> RenderableType:
    """The whole report for a learner. `next_step` is the last line."""
    width = max((len(result.name) for result in report.results), default=0)
    parts: list[RenderableType] = [Text(f"{unit.name}: {unit.header.title}", style="bold")]
    parts += [Text(f"Note: {note}", style="yellow") for note in report.notes]
    parts += [test_lines(result, width) for result in report.results]
    for name, error in report.cell_errors.items():
        parts.append(Text(f"Cell {name} raised {error}", style="yellow"))
    done = f"{number(report.points)} of {number(report.max_points)} points"
    parts.append(Text(f"{done} in {report.seconds:.1f} s", style="bold"))
    parts.append(Text(next_step))
    parts.append(Text(f"Hidden data came from seed {report.seed}; --seed repeats it.", style="dim"))
    return Group(*parts)
