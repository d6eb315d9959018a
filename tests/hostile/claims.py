"""What must hold of a report, of the one who comes next and of the machine, for every case."""

from __future__ import annotations

import dataclasses
import re
import time
from collections.abc import Iterator
from typing import Any

from grader.model import Report, Unit
from hostile.case import Case
from hostile.ground import LOOKING, NEIGHBOUR, Ground, descendants, settled

CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")  # but tab and new line
MOST_REPORT_CHARACTERS = 2_000_000
MOST_SECONDS = 60.0


def wrongs(ground: Ground, case: Case, student: str) -> tuple[float, list[str]]:
    """The points of a submission, and what should not have happened, in sentences."""
    before, running, lost = ground.state(), descendants(), ground.lost
    start = time.monotonic()
    report = ground.grade(case, student)
    seconds = time.monotonic() - start
    neighbour = ground.grade(LOOKING if ground.jailed else NEIGHBOUR, f"{student}-neighbour")
    found = list(wrong_points(case, ground.unit(case), report))
    if isinstance(neighbour, str) or neighbour.points != neighbour.max_points:
        found.append(f"the neighbour lost points: {shown_texts(neighbour)}")
    elif left := neighbour.cell_errors or {
        name for name, text in neighbour.cell_output.items() if text.strip()
    }:
        found.append(f"the neighbour found: {left} {neighbour.cell_output}")
    found += wrong_texts(case, report)
    known = ground.secrets_in(text_of(report))
    found += [f"the report holds the {kind}" for kind in known if not (case.knows_input and "input" in kind)]
    if ground.lost != lost:
        found.append("the worker was lost")
    elif more := settled(running):
        found.append(f"processes are left: {more}")
    after = ground.state()
    changed = [what for what in before if before[what] != after[what]]
    found += [f"{what} changed: {difference(before[what], after[what])}" for what in changed]
    if seconds > MOST_SECONDS:
        found.append(f"it took {seconds:.0f} s")
    if found:
        ground.renew()
    return points_of(report), found


def points_of(report: Report | str) -> float:
    return 0.0 if isinstance(report, str) else report.points


def wrong_points(case: Case, unit: Unit, report: Report | str) -> Iterator[str]:
    least, most = deserved(case, unit)
    if isinstance(report, str) != case.refused:
        yield f"it was {'refused' if isinstance(report, str) else 'run'}: {shown_texts(report)}"
    if not least <= points_of(report) <= most:
        yield f"{points_of(report):g} points instead of {least:g} to {most:g}: {shown_texts(report)}"


def wrong_texts(case: Case, report: Report | str) -> Iterator[str]:
    """What is wrong with what people read."""
    text = text_of(report)
    if case.told not in text:
        yield f"{case.told!r} is not said: {shown_texts(report)}"
    if len(text) > MOST_REPORT_CHARACTERS:
        yield f"a report of {len(text)} characters"
    yield from (f"control characters in {shown!r}" for shown in shown_texts(report) if CONTROL.search(shown))
    if case.then is not None:
        try:
            case.then(report)
        except AssertionError as error:
            yield f"not so: {error}"


def difference(before: Any, after: Any) -> str:
    """What is in one of two states only."""
    if isinstance(before, dict):
        before, after = set(before.items()), set(after.items())
    return f"gone {sorted(set(before) - set(after))}, new {sorted(set(after) - set(before))}"[:2000]


def deserved(case: Case, unit: Unit) -> tuple[float, float]:
    """The least and the most points that the case is to get."""
    if case.refused:
        return 0.0, 0.0
    lost = set(case.loses.split())
    less = lost | set(case.may_lose.split())
    least, most = (
        sum(test.points for test in unit.tests if not names & {test.name, *test.of}) for names in (less, lost)
    )
    return least, most


def text_of(report: Report | str) -> str:
    """Everything in a report that somebody may read; texts of the submission's own file are not in it."""
    return report if isinstance(report, str) else repr(dataclasses.asdict(report))


def shown_texts(report: Report | str) -> list[str]:
    """What is printed on terminals and in logs."""
    if isinstance(report, str):
        return [report]
    texts = [result.message for result in report.results]
    return [*texts, *report.notes, *report.cell_errors, *report.cell_errors.values(), *report.cell_output]
