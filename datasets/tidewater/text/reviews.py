"""Reviews of products: what honest customers write for a known sentiment, and what spammers write."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache

import numpy as np

from tidewater.text.draws import Draws, chance
from tidewater.text.grammar import Grammar, Rule, expand, load
from tidewater.text.surface import polish, roughen
from tidewater.text.things import Item, head_noun, things

__all__ = ["THEMES", "WAVES", "reviews", "reviews_and_themes", "wave_of"]

WAVES = 4
THEMES: tuple[str, ...] = ("quality", "look", "use", "size", "price", "delivery", "service")
_MARK = re.compile(r"\[([+-])(\w+)\]")
_LONG, _CODA, _IRONY, _THEME = chance(0.1), chance(0.08), chance(0.08), chance(0.03)
_HONEST_FACE = chance(0.12)
_SHAPES = tuple(f"{side}.{shape}" for side in ("up", "down") for shape in ("shape", "mixed", "weak"))
_TRICKS = tuple(f"{trick}{wave}" for wave in range(WAVES) for trick in ("shill", "links", "attack"))


def _grammar() -> Grammar:
    return load("reviews", "review_spam")


@cache
def _rules() -> dict[str, Rule]:
    names = (
        *_SHAPES,
        "up.more",
        "down.more",
        *_TRICKS,
        "irony.shape",
        "opener",
        "coda",
        "theme.note",
        "copy",
    )
    return {name: _grammar().rule(name) for name in names}


def wave_of(era: float, draws: Draws) -> int:
    """The wave of tricks of one spam text: near era 0 always the first, near 1 the last, between them a mixture."""
    place = min(max(era, 0.0), 1.0) * (WAVES - 1)
    return min(int(place) + draws.happens(place - int(place)), WAVES - 1)


def reviews(
    rng: np.random.Generator,
    category_codes: Sequence[int] | np.ndarray,
    sentiment: Sequence[float] | np.ndarray,
    is_spam: Sequence[bool] | np.ndarray,
    *,
    era: Sequence[float] | np.ndarray | float = 0.0,
    titles: Sequence[str] | np.ndarray | None = None,
) -> np.ndarray:
    """Texts of reviews.

    category_codes: whole numbers, shape (n,), places in CATEGORIES.
    sentiment: floats, shape (n,), the truth, -1 is the worst and 1 the best; spam hardly heeds it.
    is_spam: booleans, shape (n,).
    era: floats, shape (n,) or one, 0 to 1: how far the tricks of spam have moved on.
    titles: titles of the products, shape (n,); without them a thing of the category is drawn.
    Returns an object array of n strings.
    """
    return reviews_and_themes(rng, category_codes, sentiment, is_spam, era=era, titles=titles)[0]


def reviews_and_themes(
    rng: np.random.Generator,
    category_codes: Sequence[int] | np.ndarray,
    sentiment: Sequence[float] | np.ndarray,
    is_spam: Sequence[bool] | np.ndarray,
    *,
    era: Sequence[float] | np.ndarray | float = 0.0,
    titles: Sequence[str] | np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """The texts of `reviews`, and which themes each speaks of.

    Takes the arguments of `reviews`.
    Returns an object array of n strings, and an int8 array of shape (n, len(THEMES)): 1 where a theme is praised,
    -1 where it is blamed, 0 where it is not touched (or only in the words of others).
    """
    draws = Draws(rng)
    codes = np.asarray(category_codes).tolist()
    eras = np.broadcast_to(np.asarray(era, float), (len(codes),)).tolist()
    names = list(titles) if titles is not None else [""] * len(codes)
    brands = load("products").words("brand")
    feelings, spams = np.asarray(sentiment, float).tolist(), np.asarray(is_spam).tolist()
    texts, themes = np.empty(len(codes), dtype=object), np.zeros((len(codes), len(THEMES)), dtype=np.int8)
    for row, (code, feeling, spam, moment, title) in enumerate(
        zip(codes, feelings, spams, eras, names, strict=True)
    ):
        thing = (head_noun(title, code) if title else None) or draws.pick(things(code))
        slots = Item(thing, draws, {"item": thing.noun, "brand": draws.pick(brands)})
        text = _spam(feeling, moment, draws, slots) if spam else _honest(feeling, draws, slots)
        for sign, theme in _MARK.findall(text):
            themes[row, THEMES.index(theme)] = 1 if sign == "+" else -1
        text = polish(_MARK.sub("", text))
        texts[row] = roughen(text, draws) if not spam or draws.take() & 1 else text
    return texts, themes


def _honest(feeling: float, draws: Draws, slots: Item) -> str:
    """A review by a customer: the nearer the feeling is to 0, the more mixed and the fainter are the words."""
    take, rules = draws.take, _rules()
    side = "up" if feeling >= 0 else "down"
    strength = abs(feeling)
    dice = take() / 2**32
    if feeling < -0.3 and take() < _IRONY:
        name = "irony.shape"
    elif dice < 0.36 - 0.4 * strength:
        name = f"{side}.weak"
    elif dice < 0.55 - 0.45 * strength:
        name = f"{side}.mixed"
    else:
        name = f"{side}.shape"
    text = expand(rules[name], take, slots)
    if take() < _LONG:
        text += " " + expand(rules[f"{side}.more"], take, slots)
    if take() < _CODA:
        text += " " + expand(rules["coda"], take, slots)
    if take() < _THEME:
        text += " " + expand(rules["theme.note"], take, slots)
    return text


def _spam(feeling: float, era: float, draws: Draws, slots: Item) -> str:
    """A review for pay; some look like honest ones, some are copies of three texts with small changes."""
    take, rules = draws.take, _rules()
    if take() < _HONEST_FACE:
        return _honest(0.9 if feeling >= 0 else -0.9, draws, slots)
    wave = wave_of(era, draws)
    dice = take() % 20
    if dice < 4:
        text = expand(rules["copy"], take, slots)
    elif feeling < -0.2 and dice < 14:
        text = expand(rules[f"attack{wave}"], take, slots)
    else:
        text = expand(rules[f"shill{wave}" if dice < 13 else f"links{wave}"], take, slots)
    return text
