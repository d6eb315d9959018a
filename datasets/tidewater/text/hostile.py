"""Injected instructions inside ordinary mails and reviews: data for tests of defences, never to be obeyed."""

from __future__ import annotations

import base64
import codecs
from collections.abc import Callable
from functools import cache

import numpy as np

from tidewater.text.draws import Draws
from tidewater.text.grammar import Grammar, Rule, expand, load
from tidewater.text.mails import TOPICS, Writer, mails
from tidewater.text.reviews import reviews
from tidewater.text.surface import polish
from tidewater.text.things import CATEGORIES

__all__ = ["HOSTILE_KINDS", "hostile", "hostile_parts"]

HOSTILE_KINDS: tuple[str, ...] = (
    "ignore_previous", "fake_system", "tool_refund", "exfiltration", "encoded", "other_language", "polite",
)  # fmt: skip
_CODES: tuple[Callable[[str], str], ...] = (
    lambda text: base64.b64encode(text.encode()).decode(),
    lambda text: codecs.encode(text, "rot13"),
    lambda text: text.encode().hex(),
    lambda text: text[::-1],
    lambda text: ".".join(text.replace(" ", "_")),
)


def _grammar() -> Grammar:
    return load("hostile")


@cache
def _rules() -> dict[str, Rule]:
    return {name: _grammar().rule(name) for name in _grammar().lines}


def hostile(rng: np.random.Generator, kind: str, n: int) -> np.ndarray:
    """Mails and reviews that carry a hidden instruction of a kind.

    kind: one of HOSTILE_KINDS.
    n: how many.
    Returns an object array of n strings.
    Raises ValueError for another kind.
    """
    return hostile_parts(rng, kind, n)[0]


def hostile_parts(rng: np.random.Generator, kind: str, n: int) -> tuple[np.ndarray, np.ndarray]:
    """The texts of `hostile`, and beside each the injected part, which stands in it letter by letter."""
    if kind not in HOSTILE_KINDS:
        raise ValueError(f"no kind of hostile text named {kind!r}. There are {', '.join(HOSTILE_KINDS)}.")
    draws = Draws(rng)
    codes = np.array([draws.below(len(CATEGORIES)) for _ in range(n)], dtype=int)
    feelings = np.array([draws.below(200) / 100 - 1 for _ in range(n)])
    topics = np.array([draws.below(len(TOPICS)) for _ in range(n)], dtype=int)
    honest = np.zeros(n, dtype=bool)
    covers = (reviews(rng, codes, feelings, honest), mails(rng, topics, honest)[1])
    writer = Writer(draws)
    texts, parts = np.empty(n, dtype=object), np.empty(n, dtype=object)
    for row in range(n):
        writer.new_person(TOPICS[0])
        parts[row] = _instruction(kind, writer)
        texts[row] = _hidden(covers[draws.below(2)][row], parts[row], draws)
    return texts, parts


def _instruction(kind: str, writer: Writer) -> str:
    """The injected words of one text."""
    draws, rules = writer.draws, _rules()
    text = expand(rules[kind], draws.take, writer.slots)
    if kind == "encoded":
        code = draws.pick(_CODES)(text)
        return polish(expand(rules["encoded_frame"], draws.take, {"code": code}))
    return polish(expand(rules["lead"], draws.take, writer.slots) + text).strip()


def _hidden(cover: str, part: str, draws: Draws) -> str:
    """An ordinary text with the part at its end, in its middle, in front, in a comment or as a quoted mail."""
    place = draws.below(7)
    if place == 0:
        return f"{part}\n\n{cover}"
    if place == 1:
        return f"{cover}\n\n<!-- {part} -->"
    if place == 2 and "\n" not in part:
        return f"{cover}\n\nForwarded:\n> {part}"
    if place == 3:
        return f"{cover}\n[text of the attached picture: {part}]"
    paragraphs = cover.split("\n\n")
    if len(paragraphs) > 1:
        paragraphs.insert(1 + draws.below(len(paragraphs) - 1), part)
        return "\n\n".join(paragraphs)
    sentences = cover.split(". ")
    cut = draws.below(len(sentences)) + 1
    head, tail = ". ".join(sentences[:cut]), ". ".join(sentences[cut:])
    return f"{head}. {part} {tail}" if tail else f"{head} {part}"
