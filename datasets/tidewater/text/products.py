"""Titles and descriptions of products, and what people type to find them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache

import numpy as np

from tidewater.text.draws import Draws, chance
from tidewater.text.grammar import Grammar, Rule, expand, load
from tidewater.text.surface import polish, slip

__all__ = ["CATEGORIES", "head_noun", "nouns", "product_descriptions", "product_titles", "search_queries"]

CATEGORIES: tuple[str, ...] = (
    "home", "garden", "kitchen", "toys", "books", "sport",
    "fashion", "beauty", "electronics", "tools", "pets", "office",
)  # fmt: skip


_DOUBLED = re.compile(r"\b(\w+) \1\b")


def _grammar() -> Grammar:
    return load("categories", "products")


@cache
def _rules(name: str) -> tuple[Rule, ...]:
    return tuple(_grammar().rule(name, category) for category in CATEGORIES)


@cache
def nouns(code: int) -> tuple[str, ...]:
    """The things that a category sells, in the singular."""
    return tuple(_grammar().words("noun", CATEGORIES[code]))


@cache
def _synonyms() -> dict[str, str]:
    return dict(entry.split("=") for entry in _grammar().words("synonym"))


def product_titles(rng: np.random.Generator, category_codes: Sequence[int] | np.ndarray) -> np.ndarray:
    """Titles as sellers write them, with a brand, a material, a size or a colour.

    category_codes: whole numbers, shape (n,), places in CATEGORIES.
    Returns an object array of n strings.
    """
    draws = Draws(rng)
    take, rules, names, brands = draws.take, _rules("title"), _rules("bookname"), _grammar().words("brand")
    titles = []
    for code in np.asarray(category_codes).tolist():
        slots = {"brand": draws.pick(brands), "noun": draws.pick(nouns(code)), "bookname": ""}
        if CATEGORIES[code] == "books":
            slots["bookname"] = expand(names[code], take, slots)
        titles.append(polish(_DOUBLED.sub(r"\1", expand(rules[code], take, slots))))
    return _array(titles)


def head_noun(title: str, code: int) -> str:
    """The thing that a title of a category names, or "item" for a title without a known one."""
    small = title.lower()
    found = [noun for noun in nouns(code) if noun in small]
    return max(found, key=len) if found else "item"


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
    take, rules, brands = draws.take, _rules("description"), _grammar().words("brand")
    trust = [_grammar().words(f"trust_{level}") for level in ("low", "mid", "high")]
    finish = (
        ("simply finished", "plain", "kept simple"),
        ("well finished", "neatly worked", "finished by hand"),
    )
    texts = []
    rows = zip(
        np.asarray(category_codes).tolist(), list(titles), np.asarray(quality, float).tolist(), strict=True
    )
    for code, title, good in rows:
        # Three sellers in five choose their words without regard to the goods.
        shade = good if draws.happens(0.4) else draws.take() / 2**32
        level = 0 if shade < 0.33 else 1 if shade < 0.67 else 2
        short, _, details = title.replace(" - ", ", ").replace(": ", ", ").partition(", ")
        slots = {
            "title_short": short,
            "details": details or "as in the picture",
            "noun": head_noun(title, code),
            "brand": next((brand for brand in brands if brand in title), "the maker"),
            "trust": draws.pick(trust[level]),
            "finish": draws.pick(finish[shade > 0.5]),
        }
        texts.append(
            polish(expand(rules[code], take, slots)).replace("The The ", "The ").replace("the The ", "The ")
        )
    return _array(texts)


_SYNONYM, _SLIP, _PLURAL = chance(0.3), chance(0.12), chance(0.15)


def search_queries(rng: np.random.Generator, category_codes: Sequence[int] | np.ndarray) -> np.ndarray:
    """Short queries in the words of people: synonyms, slips, brands, a wish instead of a name.

    category_codes: whole numbers, shape (n,), places in CATEGORIES, what the searcher wants.
    Returns an object array of n strings in small letters.
    """
    draws = Draws(rng)
    take, rules, brands, other = draws.take, _rules("query"), _grammar().words("brand"), _synonyms()
    words, kinds = _rules("word"), _rules("material")
    queries = []
    for code in np.asarray(category_codes).tolist():
        noun = draws.pick(nouns(code))
        if take() < _SYNONYM:
            noun = other.get(noun, noun)
        if take() < _PLURAL and not noun.endswith(("s", "x", "ch")):
            noun = noun[:-1] + "ies" if noun.endswith("ry") else noun + "s"
        slots = {
            "noun": noun,
            "brand": draws.pick(brands),
            "word": expand(words[code], take, {}),
            "kind": expand(kinds[code], take, {}),
        }
        text = expand(rules[code], take, slots)
        queries.append((slip(text, take) if take() < _SLIP else text).lower())
    return _array(queries)


def _array(texts: list[str]) -> np.ndarray:
    """An object array of the strings."""
    out = np.empty(len(texts), dtype=object)
    out[:] = texts
    return out
