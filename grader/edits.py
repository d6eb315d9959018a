"""Wrong and other right answers written as edits of the reference, so that only what differs is written.

    # %% wrong="closed" of="known" caught_by="boundaries" edits="reference"
    # Closed instead of open: an event at the very moment of the decision counts.
    # -     return at < moment
    # +     return at <= moment

`-` lines go, `+` lines come, `=` lines stay and say where. A line `#` ends a group; the lines of a group that go or
stay stand in the reference once, one after the other.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Sequence

from grader.header import Problems
from grader.markers import SOLUTION, without_markers
from grader.source_cells import SourceCell

_EDIT = re.compile(r"# ([-+=])(?: (.*))?")
_CONTEXT_LINES = 3


class EditError(ValueError):
    """An edit that cannot be made; the message says why."""


def with_edits(cells: Sequence[SourceCell], problems: Problems) -> list[SourceCell]:
    """The cells, each edit replaced by the whole answer that it makes."""
    references = {cell.name: without_markers(cell.text, SOLUTION) for cell in cells if cell.kind == "answer"}
    return [_whole(cell, references, problems) if "edits" in cell.attributes else cell for cell in cells]


def edited(reference: str, text: str) -> str:
    """The opening comment of `text`, then the reference with the edits made. Raises EditError."""
    opening, groups = _read(text)
    lines = reference.split("\n")
    if not groups:
        raise EditError('holds no edit; write lines "# - old" and "# + new"')
    gone: set[int] = set()
    come: dict[int, list[str]] = {}
    for group in groups:
        place = _place(lines, group)
        for sign, line in group:
            if sign == "+":
                come.setdefault(place, []).append(line)
                continue
            if sign == "-":
                gone.add(place)
            place += 1
    whole = list(opening)
    for number in range(len(lines) + 1):
        whole += come.get(number, [])
        whole += [line for line in lines[number : number + 1] if number not in gone]
    return "\n".join(whole)


def _place(lines: list[str], group: list[tuple[str, str]]) -> int:
    """Number of the line at which a group begins. Raises EditError."""
    old = [line for sign, line in group if sign != "+"]
    if not old:
        raise EditError(f'adds "{group[0][1].strip()}" nowhere; put a line "# = ..." that stays beside it')
    places = [place for place in range(len(lines) - len(old) + 1) if lines[place : place + len(old)] == old]
    if len(places) != 1:
        times = "never" if not places else f"{len(places)} times"
        raise EditError(
            f'edits "{old[0].strip()}", which stands {times} in the reference so; write it as it is'
        )
    return places[0]


def as_edits(reference: str, text: str) -> str:
    """The lines of an edit that makes `text`, an answer with its opening comment, from the reference."""
    import difflib

    opening, rest = _opening(text.split("\n"))
    while rest and not rest[0].strip():
        rest = rest[1:]
    lines = reference.split("\n")
    written = list(opening)
    matcher = difflib.SequenceMatcher(None, lines, rest, autojunk=False)
    for number, blocks in enumerate(_merged(matcher.get_opcodes())):
        written += ["#"] if number else []
        written += [f"# {sign} {line}".rstrip() for sign, line in _signed(blocks, lines, rest)]
    return "\n".join(written)


def _whole(cell: SourceCell, references: dict[str, str], problems: Problems) -> SourceCell:
    of = " ".join(cell.words("of"))
    if cell.attributes["edits"] != "reference":
        problems.at(cell, f'edits={cell.attributes["edits"]!r} is not known; write edits="reference"')
    elif of in references:  # another name is told elsewhere
        try:
            return dataclasses.replace(cell, text=edited(references[of], cell.text))
        except EditError as error:
            problems.at(cell, str(error))
    return cell


def _opening(lines: list[str]) -> tuple[list[str], list[str]]:
    """The comment that opens a cell, and the rest."""
    end = next(
        (place for place, line in enumerate(lines) if not line.startswith("#") or _EDIT.fullmatch(line)),
        len(lines),
    )
    return lines[:end], lines[end:]


def _read(text: str) -> tuple[list[str], list[list[tuple[str, str]]]]:
    opening, rest = _opening(text.split("\n"))
    groups: list[list[tuple[str, str]]] = [[]]
    for line in rest:
        found = _EDIT.fullmatch(line)
        if found:
            groups[-1].append((found.group(1), found.group(2) or ""))
        elif line.strip() in ("", "#"):
            groups.append([])
        else:
            raise EditError(f'holds "{line.strip()}", which is no edit; begin it with "# +"')
    return opening, [group for group in groups if group]


_Block = tuple[str, int, int, int, int]


def _merged(opcodes: Sequence[_Block]) -> Iterator[list[_Block]]:
    """Changes that lie close together, in groups."""
    changes = [block for block in opcodes if block[0] != "equal"]
    group: list[_Block] = []
    for block in changes:
        if group and block[1] - group[-1][2] > _CONTEXT_LINES:
            yield group
            group = []
        group.append(block)
    if group:
        yield group


def _signed(group: list[_Block], lines: list[str], rest: list[str]) -> Iterator[tuple[str, str]]:
    start, end = group[0][1], group[-1][2]
    before = after = 0
    while not _once(lines, start - before, end + after) and (before < start or end + after < len(lines)):
        if before < start and (before <= after or end + after == len(lines)):
            before += 1
        else:
            after += 1
    yield from (("=", line) for line in lines[start - before : start])
    place = start
    for _, first, last, new_first, new_last in group:
        yield from (("=", line) for line in lines[place:first])
        yield from (("-", line) for line in lines[first:last])
        yield from (("+", line) for line in rest[new_first:new_last])
        place = last
    yield from (("=", line) for line in lines[end : end + after])


def _once(lines: list[str], first: int, last: int) -> bool:
    """Whether these lines stand in this order only here; none at all stand everywhere."""
    wanted = lines[first:last]
    size = len(wanted)
    return bool(wanted) and sum(lines[p : p + size] == wanted for p in range(len(lines) - size + 1)) == 1
