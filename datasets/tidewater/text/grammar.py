"""Grammars: text files of rules, compiled once into lists that a short loop expands.

A file holds rules of two forms.

    == name                     each following line is one alternative
    3* often {very |}<other>    a weight in front, a choice in braces, another rule in angle brackets
    Hello <$name>               a slot, filled by the caller
    -                           the empty text

    :: name = one / two / three     a list of short alternatives in one line (continued by indented lines)

`name@variant` replaces `name` where the grammar is asked for that variant. `\\n` is a new line. `a~ ` becomes
"a " or "an " by the word that follows, see `surface.polish`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from tidewater.text.draws import Take

__all__ = ["Grammar", "GrammarError", "Rule", "Slot", "expand", "load"]

Rule = list[tuple[Any, ...]]
_FOLDER = Path(__file__).parent / "grammars"
_WEIGHT = re.compile(r"(\d+)\* ")
_NAME = re.compile(r"[a-z0-9_.]+(@[a-z0-9_]+)?")


class GrammarError(ValueError):
    """A grammar file breaks its own rules; the message names the rule."""


class Slot:
    """A place that the caller fills."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name


def expand(rule: Rule, take: Take, slots: Mapping[str, str]) -> str:
    """One text of a rule, drawn number by number."""
    stack: list[Any] = [rule]
    parts: list[str] = []
    while stack:
        node = stack.pop()
        kind = node.__class__
        if kind is str:
            parts.append(node)
        elif kind is list:
            stack.extend(node[take() % len(node)])
        else:
            parts.append(slots[node.name])
    return "".join(parts)


class Grammar:
    """Rules by name, compiled when first asked for."""

    def __init__(self, text: str) -> None:
        self.lines = _read(text)
        self._compiled: dict[tuple[str, str], Rule] = {}

    def rule(self, name: str, variant: str = "") -> Rule:
        """The compiled rule of a name, with the replacements of a variant.

        Raises GrammarError for a name without a rule.
        """
        key = (name, variant)
        if key in self._compiled:
            return self._compiled[key]
        lines = self.lines.get(f"{name}@{variant}") or self.lines.get(name)
        if not lines:
            raise GrammarError(f"no rule named {name!r} for {variant!r}")
        rule: Rule = []
        self._compiled[key] = rule
        for line in lines:
            found = _WEIGHT.match(line)
            weight = int(found[1]) if found else 1
            rule.extend([self._parts(line[found.end() if found else 0 :], variant)] * weight)
        return rule

    def words(self, name: str, variant: str = "") -> list[str]:
        """The alternatives of a rule as they are written."""
        return list(self.lines.get(f"{name}@{variant}") or self.lines.get(name) or [])

    def _parts(self, line: str, variant: str) -> tuple[Any, ...]:
        """A line as parts, last first, the order in which a stack takes them."""
        parts: list[Any] = []
        for kind, text in _tokens("" if line == "-" else line):
            if kind == "text":
                parts.append(text.replace("\\n", "\n"))
            elif kind == "slot":
                parts.append(Slot(text))
            elif kind == "rule":
                parts.append(self.rule(text, variant))
            else:
                parts.append([self._parts(option, variant) for option in _split(text)])
        return tuple(reversed(parts))


def _tokens(line: str) -> list[tuple[str, str]]:
    """A line cut into text, slots, rules and choices."""
    found: list[tuple[str, str]] = []
    start = place = 0
    while place < len(line):
        if line[place] not in "<{":
            place += 1
            continue
        if place > start:
            found.append(("text", line[start:place]))
        end = line.find(">", place) if line[place] == "<" else _closing(line, place)
        if end < 0:
            raise GrammarError(f"not closed: {line!r}")
        inner = line[place + 1 : end]
        if line[place] == "{":
            found.append(("choice", inner))
        elif inner.startswith("$"):
            found.append(("slot", inner[1:]))
        else:
            found.append(("rule", inner))
        start = place = end + 1
    if start < len(line):
        found.append(("text", line[start:]))
    return found


def _closing(line: str, place: int) -> int:
    depth = 0
    for number in range(place, len(line)):
        depth += {"{": 1, "}": -1}.get(line[number], 0)
        if depth == 0:
            return number
    return -1


def _split(text: str) -> list[str]:
    """The options of a choice; bars inside inner braces belong to the inner choice."""
    options, depth, start = [], 0, 0
    for number, letter in enumerate(text):
        depth += {"{": 1, "}": -1}.get(letter, 0)
        if letter == "|" and depth == 0:
            options.append(text[start:number])
            start = number + 1
    return [*options, text[start:]]


def _read(text: str) -> dict[str, list[str]]:
    """The lines of each rule."""
    rules: dict[str, list[str]] = {}
    listed: list[str] | None = None
    current: list[str] | None = None
    for line in text.splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        if line.startswith(("== ", ":: ")):
            name, _, rest = line[3:].partition(" = ")
            if not _NAME.fullmatch(name.strip()) or name.strip() in rules:
                raise GrammarError(f"bad or repeated name of a rule: {line!r}")
            current = rules[name.strip()] = []
            listed = current if line.startswith("::") else None
            line = rest
        if listed is not None:
            listed.extend(word.strip() for word in line.split(" / ") if word.strip())
        elif current is not None and line:
            current.append(line)
    return rules


@cache
def load(*names: str) -> Grammar:
    """The grammar of one or more files of the folder `grammars`, read once."""
    texts = [(_FOLDER / f"{name}.txt").read_text(encoding="utf-8") for name in names]
    return Grammar("\n".join(texts))
