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


def test_line(result: TestResult, widths: tuple[int, int]) -> Text:
    """One line: outcome, name, points."""
    line = Text("  ")
    line.append(f"{result.outcome.value:<{widths[0]}}  ", style=STYLES[result.outcome])
    line.append(f"{result.name:<{widths[1]}}  {number(result.points)} of {number(result.max_points)}")
    return line


def column_widths(results: tuple[TestResult, ...]) -> tuple[int, int]:
    """Letters of the longest outcome and of the longest name that occur."""
    outcomes = (len(result.outcome.value) for result in results)
    return max(outcomes, default=0), max((len(result.name) for result in results), default=0)


def test_lines(result: TestResult, widths: tuple[int, int]) -> RenderableType:
    """One test: its line, and below it what to do where it did not pass."""
    parts: list[RenderableType] = [test_line(result, widths)]
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


def cell_title(name: str) -> str:
    """A cell as the learner knows it; cells of their own have no name in the notebook."""
    return f"Your own cell number {name.removeprefix('own-')}" if name.startswith("own-") else f"Cell {name}"


def as_text(report: Report, unit: Unit, next_step: str) -> RenderableType:
    """The whole report for a learner. `next_step` is the last line."""
    widths = column_widths(report.results)
    parts: list[RenderableType] = [Text(f"{unit.name}: {unit.header.title}", style="bold")]
    parts += [Text(f"Note: {note}", style="yellow") for note in report.notes]
    parts += [test_lines(result, widths) for result in report.results]
    for name, error in report.cell_errors.items():
        parts.append(Text(f"{cell_title(name)} raised {error}", style="yellow"))
    done = f"{number(report.points)} of {number(report.max_points)} points"
    parts.append(Text(f"{done} in {report.seconds:.1f} s", style="bold"))
    parts.append(Text(next_step))
    if any(result.failure is not None and result.failure.hidden for result in report.results):
        parts.append(Text(f"The hidden data again: --seed {report.seed}", style="dim"))
    return Group(*parts)
