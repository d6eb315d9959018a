"""The commented YAML at the top of a source, and the list of problems that reading collects."""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Collection, Mapping
from typing import Any, Protocol

from grader.errors import SourceError
from grader.model import Header

WORD = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_LISTS = ("data", "needs", "runs_on", "sources", "hints")
_REQUIRED = ("title", "minutes", *_LISTS)
_OPTIONAL_LISTS = ("leaves",)
_FILE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}")
_NUMBERS = ("limit_seconds", "limit_run_seconds", "limit_megabytes")
_LESSON_REQUIRED = ("title", "minutes")
_LESSON_LISTS = ("data", "needs", "runs_on", "sources")
_NO_EXERCISE = "none"
_RUN_TIMES = 10  # a whole run may take so many times what one cell may


class Labelled(Protocol):
    """A cell that a problem can point at."""

    @property
    def position(self) -> int: ...

    @property
    def label(self) -> str: ...


class Problems:
    """Problems of one source, kept in file order."""

    def __init__(self, file: str) -> None:
        self.file = file
        self._found: list[tuple[int, str]] = []

    def add(self, position: int, where: str, text: str) -> None:
        """Notes a problem. position: cell number from 0, or -1 for the header."""
        self._found.append((position, f"{self.file}, {where}: {text}"))

    def at(self, cell: Labelled, text: str) -> None:
        self.add(cell.position, cell.label, text)

    def header(self, text: str) -> None:
        self.add(-1, "header", text)

    def __bool__(self) -> bool:
        return bool(self._found)

    def raise_any(self) -> None:
        """Raises one SourceError with a line for each problem, if there is one."""
        if self._found:
            found = sorted(self._found, key=lambda problem: problem[0])
            raise SourceError("\n".join(dict.fromkeys(line for _, line in found)))


def nearest(word: str, known: Collection[str]) -> str:
    """A question that offers the nearest known word, with a space before it, or nothing."""
    close = difflib.get_close_matches(word, list(known), n=1)
    return f' Did you mean "{close[0]}"?' if close else ""


def split_header(text: str, problems: Problems) -> tuple[dict[str, Any], str]:
    """The header's mapping and the rest of a source; problems are noted, never raised."""
    lines = text.split("\n")
    ends = [number for number, line in enumerate(lines) if line.rstrip() == "# ---"]
    if not ends or ends[0] != 0 or len(ends) < 2:
        problems.header('is missing; begin the file with commented YAML between two lines "# ---"')
        return {}, text
    block = lines[1 : ends[1]]
    for number, line in enumerate(block, start=2):
        if line.strip() and not line.startswith("#"):
            problems.header(f'line {number} is not a comment; begin it with "# "')
            return {}, "\n".join(lines[ends[1] + 1 :])
    yaml_text = "\n".join(line.removeprefix("#").removeprefix(" ") for line in block)
    return _load(yaml_text, problems), "\n".join(lines[ends[1] + 1 :])


def _load(yaml_text: str, problems: Problems) -> dict[str, Any]:
    import yaml

    try:
        node = yaml.compose(yaml_text, Loader=yaml.SafeLoader)
        loaded = yaml.safe_load(yaml_text)
    except (yaml.YAMLError, ValueError) as error:
        mark = getattr(error, "problem_mark", None)
        line = f" at line {mark.line + 2}" if mark else ""
        reason = getattr(error, "problem", None) or str(error)
        problems.header(f"is not valid YAML{line} ({reason}); put text that holds a colon in quotes")
        return {}
    if not isinstance(loaded, dict) or not isinstance(node, yaml.MappingNode):
        problems.header('holds no "key: value" lines; write title, minutes and the other keys')
        return {}
    keys = [str(key.value) for key, _ in node.value]
    for key in sorted({key for key in keys if keys.count(key) > 1}):
        problems.header(f'has "{key}" twice; keep one')
    return {str(key): value for key, value in loaded.items()}


def exercise_header(values: Mapping[str, Any], unit_name: str, problems: Problems) -> Header:
    """The typed header of an exercise; a wrong value is noted and replaced by an empty one."""
    if values:
        _check_keys(values, _REQUIRED, (*_REQUIRED, *_OPTIONAL_LISTS, *_NUMBERS), problems)
    lists = {key: _texts(values, key, problems) for key in (*_LISTS, *_OPTIONAL_LISTS)}
    if "hints" in values and len(lists["hints"]) != 3:
        problems.header(
            f"has {len(lists['hints'])} hints; write three: where to look, which idea, almost the code"
        )
    for need in lists["needs"]:
        if not WORD.fullmatch(need):
            problems.header(f'needs "{need}", which is no unit\'s word; write it like "first-check"')
        elif need == unit_name:
            problems.header("names its own unit in needs; drop it")
    for name in lists["leaves"]:
        if not _FILE.fullmatch(name):
            problems.header(
                f'leaves "{name}", which is no plain file name; log the file at the top of the run'
            )
    hints = (*lists["hints"], "", "", "")[:3]
    limit_seconds, limit_run_seconds = _limits(values, problems)
    return Header(
        title=_text(values, "title", problems),
        minutes=int(_number(values, "minutes", 0, problems)),
        data=lists["data"],
        needs=lists["needs"],
        runs_on=lists["runs_on"],
        sources=lists["sources"],
        hints=(hints[0], hints[1], hints[2]),
        limit_seconds=limit_seconds,
        limit_megabytes=int(_number(values, "limit_megabytes", 2048, problems)),
        limit_run_seconds=limit_run_seconds,
        leaves=lists["leaves"],
    )


def _limits(values: Mapping[str, Any], problems: Problems) -> tuple[float, float]:
    """Wall time of a cell and of a whole run."""
    one = _number(values, "limit_seconds", 30.0, problems)
    whole = _number(values, "limit_run_seconds", run_seconds(one), problems)
    if whole < one:
        what = f'"limit_run_seconds" is {whole:g}, less than the {one:g} s that one cell may take'
        problems.header(f"{what}; raise it, or drop it for {_RUN_TIMES} times as much as one cell")
    return one, whole


def run_seconds(limit_seconds: float) -> float:
    """Wall time of a whole run where the header gives only that of a cell."""
    return _RUN_TIMES * limit_seconds


def lesson_header(values: Mapping[str, Any], problems: Problems) -> dict[str, Any]:
    """The checked header of a lesson: title, minutes and, where given, the lists and `exercise: none`."""
    if values:
        known = (*_LESSON_REQUIRED, *_LESSON_LISTS, "limit_seconds", "exercise")
        _check_keys(values, _LESSON_REQUIRED, known, problems)
    header: dict[str, Any] = {
        "title": _text(values, "title", problems),
        "minutes": int(_number(values, "minutes", 0, problems)),
    }
    header |= {key: list(_texts(values, key, problems)) for key in _LESSON_LISTS if key in values}
    if "limit_seconds" in values:
        header["limit_seconds"] = _number(values, "limit_seconds", 30.0, problems)
    if "exercise" in values:
        header["exercise"] = _NO_EXERCISE
        if values["exercise"] != _NO_EXERCISE:
            problems.header(f'"exercise" is {values["exercise"]!r}; write none, or drop the line')
    return header


def _check_keys(
    values: Mapping[str, Any], required: Collection[str], known: Collection[str], problems: Problems
) -> None:
    for key in required:
        if key not in values:
            problems.header(f'has no "{key}"; add it')
    for key in values:
        if key not in known:
            problems.header(f'has an unknown key "{key}".{nearest(key, known)}')


def _text(values: Mapping[str, Any], key: str, problems: Problems) -> str:
    value = values.get(key, "")
    if key in values and (not isinstance(value, str) or not value.strip()):
        problems.header(f'"{key}" is not a text; write it in quotes')
        return ""
    return str(value).strip()


def _texts(values: Mapping[str, Any], key: str, problems: Problems) -> tuple[str, ...]:
    value = values.get(key, [])
    if not isinstance(value, list):
        problems.header(f'"{key}" is not a list; write [] if there is nothing to name')
        return ()
    for number, item in enumerate(value, start=1):
        if not isinstance(item, str) or not item.strip():
            problems.header(f'"{key}", item {number} is not a text; put it in quotes')
    return tuple(str(item).strip() for item in value)


def _number(values: Mapping[str, Any], key: str, default: float, problems: Problems) -> float:
    value = values.get(key, default)
    whole = key not in ("limit_seconds", "limit_run_seconds")
    fits = isinstance(value, int) or (isinstance(value, float) and not whole and math.isfinite(value))
    if isinstance(value, bool) or not fits or (key in values and value <= 0):
        kind = "whole number" if whole else "number"
        problems.header(f'"{key}" is {value!r}; write a {kind} above 0')
        return default
    return float(value) if not whole else value
