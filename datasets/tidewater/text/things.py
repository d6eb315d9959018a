"""What the marketplace sells: things by category, and what belongs to each of them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from tidewater.text.draws import Draws

__all__ = ["CATEGORIES", "OWN", "Item", "Thing", "head_noun", "things"]

CATEGORIES: tuple[str, ...] = (
    "home", "garden", "kitchen", "toys", "books", "sport",
    "fashion", "beauty", "electronics", "tools", "pets", "office",
)  # fmt: skip
OWN = ("material", "part", "parts", "mishap", "joy")
# Clothes and fittings fit; a book or a cream has a size.
_FITTED = ("home", "garden", "sport", "fashion", "tools", "pets", "office")
_FITS = {
    True: ("it fits perfectly", "it fits well", "it fits at once", "it fits like a glove"),
    False: ("it has the right size", "it is as large as described", "it is just large enough"),
}
_MISFITS = {
    True: ("it does not fit", "it fits nowhere", "it hardly fits"),
    False: ("it has the wrong size", "it is not as large as described", "it is not large enough"),
}
_FILE = Path(__file__).parent / "grammars" / "things.yaml"


@dataclass(frozen=True)
class Thing:
    """A thing in the singular, and the words that go with it.

    words: a tuple for each name of OWN, and for "use", "fits" and "misfits".
    """

    noun: str
    words: dict[str, tuple[str, ...]]


class Item(dict[str, str]):
    """The slots of a text about one thing. A part, a mishap or a use is drawn anew each time it is asked for."""

    def __init__(self, thing: Thing, draws: Draws, slots: dict[str, str]) -> None:
        super().__init__(slots)
        self._words, self._draws = thing.words, draws

    def __missing__(self, name: str) -> str:
        return self._draws.pick(self._words[name])


@cache
def _categories() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(_FILE.read_text(encoding="utf-8"))
    return loaded


def _listed(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(","))


@cache
def things(code: int) -> tuple[Thing, ...]:
    """Everything that a category sells.

    code: a place in CATEGORIES.
    """
    category = _categories()[CATEGORIES[code]]
    fitted = CATEGORIES[code] in _FITTED
    shared = {"use": _listed(category["use"]), "fits": _FITS[fitted], "misfits": _MISFITS[fitted]}
    found = []
    for group in category["groups"]:
        words = {name: _listed(group[name]) for name in OWN} | shared
        found += [Thing(noun, words) for noun in _listed(group["nouns"])]
    return tuple(found)


def head_noun(title: str, code: int) -> Thing | None:
    """The thing that a title of a category names, or None for a title without a known one."""
    small = title.lower()
    found = [thing for thing in things(code) if thing.noun in small]
    return max(found, key=lambda thing: len(thing.noun)) if found else None
