"""The solution of a unit as text: its answers, the other right ones, and the common wrong ways."""

from __future__ import annotations

from collections.abc import Iterator

from grader.errors import SeatrialError
from grader.model import Answer, Unit


def solution_text(unit: Unit) -> str:
    """Everything a learner may read after trying. Raises SeatrialError where solutions are not shipped."""
    if not any(answer.reference for answer in unit.answers):
        raise SeatrialError("this installation has no solutions; they are in a clone of the course")
    return "\n".join(_lines(unit))


def _lines(unit: Unit) -> Iterator[str]:
    for answer in unit.answers:
        yield from _answer(unit, answer)


def _answer(unit: Unit, answer: Answer) -> Iterator[str]:
    place = f" (file {answer.file})" if answer.file else ""
    yield from (f"# {answer.name}{place}", "", answer.reference.rstrip(), "")
    for also in (other for other in unit.also if other.of == answer.name):
        yield from (f"# also right: {also.name}", "", also.text.rstrip(), "")
    for wrong in (other for other in unit.wrong if other.of == answer.name):
        yield from (f"# wrong: {wrong.name}. {wrong.misconception}", "", wrong.text.rstrip(), "")
