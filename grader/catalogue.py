"""The page of all units: docs/units.md, made from the sources and what was stored when they were built."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from grader.course import Course
from grader.model import Unit

PAGE = Path("docs") / "units.md"
HEAD = """\
# The units

Made by `mle build` from the sources, in the order of `mle next`. *Wrong* counts the wrong answers that `mle verify`
proves to be caught, *right* the other right answers that it proves to earn every point. *Seconds* is the wall time of
one run of the reference with all tests, where the source was last built. *Starts from* names units whose files it goes
on with.

| unit | minutes | points | wrong | right | seconds | starts from | leaves |
| --- | ---: | ---: | ---: | ---: | ---: | --- | --- |
"""
KINDS = ("parameters", "metrics", "tags", "artefacts", "models")
TRACKS = """
## What each exercise tracks in MLflow

What the newest run of the reference holds. Every check is tracked beside it, as a run of the experiment `attempts`.

"""


def units_page(course: Course) -> str:
    """The whole page. Raises SourceError if a source is broken."""
    units = [unit for unit in course.order if unit.has_exercise]
    lessons = [unit for unit in course.order if not unit.has_exercise]
    page = HEAD + "".join(_row(course, unit) for unit in units) + _totals(units)
    if lessons:
        named = ", ".join(f"`{unit.name}` ({unit.header.minutes} minutes)" for unit in lessons)
        page += f"\nLessons without an exercise: {named}.\n"
    return page + TRACKS + "".join(_tracks(course, unit) for unit in units)


def page_problem(course: Course) -> str:
    """What is wrong with the page as it stands, or "". A course without a folder docs/ has none."""
    path = course.root / PAGE
    if not path.parent.is_dir() or not course.has_solutions:
        return ""
    if not path.is_file():
        return f"{PAGE.as_posix()}: is missing; run mle build"
    stale = path.read_text(encoding="utf-8") != units_page(course)
    return f"{PAGE.as_posix()}: is not what the sources say; run mle build" if stale else ""


def facts_of(course: Course, unit: Unit) -> dict[str, Any]:
    """What was stored of the reference's run; empty where nothing was."""
    try:
        file = course.root / "solutions" / f"{unit.path}.outcomes.json"
        facts = json.loads(file.read_text(encoding="utf-8"))["reference"]
    except (OSError, ValueError, KeyError, TypeError):
        return {}
    return facts if isinstance(facts, dict) else {}


def _row(course: Course, unit: Unit) -> str:
    header = unit.header
    cells = (
        f"{unit.path.partition('/')[0]} `{unit.name}`: {header.title}",
        f"{header.minutes}",
        f"{unit.max_points:g}",
        f"{len(unit.wrong)}",
        f"{len(unit.also)}",
        f"{facts_of(course, unit).get('seconds', '')}",
        ", ".join(f"`{name}`" for name in unit.starts_from),
        ", ".join(f"`{name}`" for name in header.leaves),
    )
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |\n"


def _totals(units: list[Unit]) -> str:
    minutes, points = sum(unit.header.minutes for unit in units), sum(unit.max_points for unit in units)
    wrong, also = sum(len(unit.wrong) for unit in units), sum(len(unit.also) for unit in units)
    return f"| {len(units)} units | {minutes} | {points:g} | {wrong} | {also} | | | |\n"


def _tracks(course: Course, unit: Unit) -> str:
    tracks = facts_of(course, unit).get("tracks", {})
    kinds = [f"{kind} {', '.join(f'`{name}`' for name in tracks[kind])}" for kind in KINDS if kind in tracks]
    return f"- `{unit.name}`: {'; '.join(kinds) or 'no run'}\n"
