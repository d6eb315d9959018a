"""The solution and hidden-test markers of nbgrader, read the way nbgrader reads them."""

from __future__ import annotations

import re

STUB_LINES = ("# YOUR CODE HERE", "raise NotImplementedError()")
SOLUTION = "SOLUTION"
HIDDEN = "HIDDEN TESTS"


def marker_problem(text: str, kind: str) -> str:
    """What is wrong with the markers of one kind in a cell; empty if they are balanced and well written."""
    inside = False
    for number, line in enumerate(text.split("\n"), start=1):
        for edge in ("BEGIN", "END"):
            word = f"{edge} {kind}"
            if word not in line:
                continue
            if line.strip() != f"### {word}":
                return f'line {number} mixes "{word}" with other text; write the line "### {word}" alone'
            if inside == (edge == "BEGIN"):
                wrong = "begins a second time" if inside else "ends before it begins"
                return f"line {number}: the {kind.lower()} part {wrong}; balance BEGIN and END"
            inside = edge == "BEGIN"
    return f'the {kind.lower()} part never ends; write "### END {kind}" after it' if inside else ""


def has_marker(text: str, kind: str) -> bool:
    """True if a line of the text would be taken for a marker of this kind."""
    return f"BEGIN {kind}" in text or f"END {kind}" in text


def without_markers(text: str, kind: str) -> str:
    """The text with what the markers enclose, without the marker lines."""
    return "\n".join(line for line in text.split("\n") if not has_marker(line, kind))


def without_solution(text: str) -> str:
    """The text with each solution replaced by the stub, indented like its marker."""
    lines: list[str] = []
    for line, inside in _lines(text, SOLUTION):
        if f"BEGIN {SOLUTION}" in line:
            indent = re.match(r"\s*", line)
            lines += [(indent.group() if indent else "") + stub for stub in STUB_LINES]
        elif not inside:
            lines.append(line)
    return "\n".join(lines)


def without_hidden(text: str) -> str:
    """The text without the hidden tests."""
    return "\n".join(line for line, inside in _lines(text, HIDDEN) if not inside)


def first_hidden_line(text: str) -> int | None:
    """Number, from 1, of the first hidden line once the markers are gone; None without one."""
    for number, line in enumerate(text.split("\n"), start=1):
        if f"BEGIN {HIDDEN}" in line:
            return number
    return None


def _lines(text: str, kind: str) -> list[tuple[str, bool]]:
    """Each line, and whether it belongs to a marked part, markers included."""
    marked: list[tuple[str, bool]] = []
    inside = False
    for line in text.split("\n"):
        if f"BEGIN {kind}" in line:
            inside = True
        marked.append((line, inside))
        if f"END {kind}" in line:
            inside = False
    return marked
