"""Titles and descriptions of products, and what people type to find them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache

import numpy as np

from tidewater.text.draws import Draws, chance
from tidewater.text.grammar import Grammar, Rule, expand, load
from tidewater.text.surface import polish, slip
from tidewater.text.things import CATEGORIES, Item, Thing, head_noun, things

__all__ = ["product_descriptions", "product_titles", "search_queries"]

_DOUBLED = re.compile(r"\b(\w+) \1\b", re.IGNORECASE)
_UNKNOWN = Thing("item", {"parts": ("the details", "the edges")})
_FINISH = (("plain", "kept simple", "of the usual kind"), ("neatly worked", "well made", "done with care"))
_SYNONYM, _SLIP, _PLURAL = chance(0.3), chance(0.12), chance(0.15)


def _grammar() -> Grammar:
    return load("products")


@cache
def _rules(name: str) -> tuple[Rule, ...]:
    return tuple(_grammar().rule(name, category) for category in CATEGORIES)


@cache
def _synonyms() -> dict[str, str]:
    return dict(entry.split("=") for entry in _grammar().words("synonym"))


def product_titles(rng: np.random.Generator, category_codes: Sequence[int] | np.ndarray) -> np.ndarray:
    """Titles as sellers write them, with a brand, a material, a size or a colour.

    category_codes: whole numbers, shape (n,), places in CATEGORIES.
    Returns an object array of n strings.
    """
    draws = Draws(rng)
    rules, brands = _rules("title"), _grammar().words("brand")
    titles = []
    for code in np.asarray(category_codes).tolist():
        thing = draws.pick(things(code))
        slots = Item(thing, draws, {"brand": draws.pick(brands), "noun": thing.noun})
        titles.append(polish(_DOUBLED.sub(r"\1", expand(rules[code], draws.take, slots))))
    return _array(titles)


def product_descriptions(
    rng: np.random.Generator,
    category_codes: Sequence[int] | np.ndarray,
    titles: Sequence[str] | np.ndarray,
    quality: Sequence[float] | np.ndarray,
) -> np.ndarray:
    """What a seller says about each product; quality shades a word here and there and gives little away.

    category_codes: whole numbers, shape (n,), places in CATEGORIES.
    titles: strings, shape (n,), as `product_titles` makes them.
    quality: floats, shape (n,), 0 is poor and 1 excellent.
    Returns an object array of n strings.
    """
    draws = Draws(rng)
    rules = _rules("description")
    texts = []
    rows = zip(
        np.asarray(category_codes).tolist(), list(titles), np.asarray(quality, float).tolist(), strict=True
    )
    for code, title, good in rows:
        text = polish(expand(rules[code], draws.take, _description_slots(draws, code, title, good)))
        texts.append(re.sub(r"\b([Tt]he) (?:The|A) ", r"\1 ", text))
    return _array(texts)


def _description_slots(draws: Draws, code: int, title: str, quality: float) -> Item:
    """The title taken apart, and words of praise. Three sellers in five praise without regard to the goods."""
    shade = quality if draws.happens(0.4) else draws.take() / 2**32
    level = "low" if shade < 0.33 else "mid" if shade < 0.67 else "high"
    short, _, details = title.replace(" - ", ", ").replace(": ", ", ").partition(", ")
    thing = head_noun(title, code) or _UNKNOWN
    own = {
        "title_short": short,
        "details": details or "as in the picture",
        "noun": thing.noun,
        "brand": next((brand for brand in _grammar().words("brand") if brand in title), "The maker"),
        "trust": draws.pick(_grammar().words(f"trust_{level}")),
        "finish": draws.pick(_FINISH[shade > 0.5]),
    }
    return Item(thing, draws, own)


def search_queries(rng: np.random.Generator, category_codes: Sequence[int] | np.ndarray) -> np.ndarray:
    """Short queries in the words of people: synonyms, slips, brands, a wish instead of a name.

    category_codes: whole numbers, shape (n,), places in CATEGORIES, what the searcher wants.
    Returns an object array of n strings in small letters.
    """
    draws = Draws(rng)
    take, rules, brands, other = draws.take, _rules("query"), _grammar().words("brand"), _synonyms()
    words = _rules("word")
    queries = []
    for code in np.asarray(category_codes).tolist():
        thing = draws.pick(things(code))
        noun = thing.noun
        if take() < _SYNONYM:
            noun = other.get(noun, noun)
        if take() < _PLURAL and not noun.endswith(("s", "x", "ch")):
            noun = noun[:-1] + "ies" if noun.endswith("ry") else noun + "s"
        slots = Item(
            thing, draws, {"noun": noun, "brand": draws.pick(brands), "word": expand(words[code], take, {})}
        )
        text = expand(rules[code], take, slots)
        queries.append((slip(text, take) if take() < _SLIP else text).lower())
    return _array(queries)


def _array(texts: list[str]) -> np.ndarray:
    """An object array of the strings."""
    out = np.empty(len(texts), dtype=object)
    out[:] = texts
    return out
