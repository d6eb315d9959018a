"""Mails to the support: subjects and bodies for a known topic, and the unwanted mail between them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np

from tidewater.text.draws import Draws, chance
from tidewater.text.grammar import Grammar, Rule, expand, load
from tidewater.text.reviews import WAVES, wave_of
from tidewater.text.surface import polish, roughen
from tidewater.text.things import CATEGORIES, things

__all__ = ["SPAM_KINDS", "TOPICS", "Writer", "mails"]

TOPICS: tuple[str, ...] = (
    "where_is_my_order", "refund", "damaged", "wrong_item", "account_access", "payment_declined", "invoice",
    "change_address", "cancel", "complaint", "praise", "seller_question", "voucher",
)  # fmt: skip
SPAM_KINDS: tuple[str, ...] = ("phish", "fee", "seo", "bill", "job")
_SECOND_WISH, _QUOTE, _ASIDE, _TWICE = chance(0.16), chance(0.16), chance(0.45), chance(0.35)
_SLY, _DEEP, _DRESSED = chance(0.22), chance(0.5), chance(0.5)
_STOPS = ("?", ".", "!", ".example")
_FORWARD, _WORRIED = chance(0.02), chance(0.15)


def _grammar() -> Grammar:
    return load("people", "mails", "mail_spam")


@cache
def _rules() -> dict[str, Rule]:
    return {name: _grammar().rule(name) for name in _grammar().lines}


@cache
def _things() -> tuple[str, ...]:
    return tuple(thing.noun for code in range(len(CATEGORIES)) for thing in things(code))


class _Matter(dict[str, str]):
    """Names, numbers and things of one mail, each drawn when it is first needed and the same from then on."""

    def __init__(self, draws: Draws, topic: str) -> None:
        super().__init__(topic=topic)
        self.draws = draws

    def __missing__(self, name: str) -> str:
        draws, rules = self.draws, _rules()
        if name in ("item", "other"):
            value = draws.pick(_things())
        elif name == "email":
            box = expand(rules["box"], draws.take, self)
            value = f"{self['first']}.{self['last']}@{box}.example".lower()
        elif name == "topic_subject":
            value = expand(rules[f"subject.{self['topic']}"], draws.take, self)
        else:
            value = expand(rules[name.rstrip("23")], draws.take, self)
        self[name] = value
        return value


class Writer:
    """One person who writes: a name, an address and an order that stay the same within a mail."""

    def __init__(self, draws: Draws) -> None:
        self.draws = draws
        self.slots = _Matter(draws, TOPICS[0])

    def new_person(self, topic: str) -> None:
        """Begin another mail by somebody else."""
        self.slots = _Matter(self.draws, topic)

    def write(self, name: str) -> str:
        """A text of a rule in this person's matter."""
        return expand(_rules()[name], self.draws.take, self.slots)

    def write_for(self, topic: str, name: str) -> str:
        """A text of the topic's own rule of this name, or of the rule for all topics."""
        own = f"{name}.{topic}"
        return self.write(own if own in _rules() else name)

    def message(self, core: str, *, greeting: bool = True, signed: bool = True) -> str:
        """A body round the core: greeting, core as it was typed, closing and signature."""
        parts = [self.write("greeting")] if greeting else []
        parts.append(roughen(polish(core), self.draws))
        if signed:
            parts.append(f"{self.write('closing')}\n{self.write('signature')}")
        return "\n\n".join(parts)


def mails(
    rng: np.random.Generator,
    topic_codes: Sequence[int] | np.ndarray,
    is_spam: Sequence[bool] | np.ndarray,
    *,
    era: Sequence[float] | np.ndarray | float = 0.0,
) -> tuple[np.ndarray, np.ndarray]:
    """Subjects and bodies of mails to the support.

    topic_codes: whole numbers, shape (n,), places in TOPICS; spam does not heed them.
    is_spam: booleans, shape (n,).
    era: floats, shape (n,) or one, 0 to 1: how far the tricks of spam have moved on.
    Returns two object arrays of n strings, subjects and bodies.
    """
    writer = Writer(Draws(rng))
    codes = np.asarray(topic_codes).tolist()
    eras = np.broadcast_to(np.asarray(era, float), (len(codes),)).tolist()
    subjects, bodies = np.empty(len(codes), dtype=object), np.empty(len(codes), dtype=object)
    for row, (code, spam, moment) in enumerate(zip(codes, np.asarray(is_spam).tolist(), eras, strict=True)):
        writer.new_person(TOPICS[code])
        subjects[row], bodies[row] = _spam(writer, moment) if spam else _ham(writer, TOPICS[code])
    return subjects, bodies


def _sentence(text: str) -> str:
    text = text.rstrip()
    return text if text.endswith(_STOPS) or "example/" in text[-20:] else text + "."


def _core(writer: Writer, topic: str) -> str:
    """What a customer wants, with what happened before it and words of other matters in passing."""
    draws, parts = writer.draws, [writer.write_for(topic, "context")]
    wishes = [writer.write(f"wish.{topic}")]
    if draws.take() < _TWICE:
        wishes.append(writer.write(f"wish.{topic}"))
    parts += wishes if wishes[0][:12] != wishes[-1][:12] else wishes[:1]
    if draws.take() < _ASIDE:
        parts.insert(1 + draws.below(len(parts)), writer.write("aside"))
    if draws.take() < _SECOND_WISH:
        parts.append(writer.write("bridge") + writer.write(f"wish.{draws.pick(TOPICS)}"))
    parts.append(writer.write_for(topic, "pressure"))
    return " ".join(_sentence(part) for part in parts if part)


def _ham(writer: Writer, topic: str) -> tuple[str, str]:
    draws = writer.draws
    core = _core(writer, topic)
    body = writer.message(core, greeting=not draws.happens(0.08), signed=not draws.happens(0.06))
    if draws.take() < _QUOTE:
        body += "\n\n" + polish(writer.write("quoted"))
    elif draws.take() < (_WORRIED if topic == "account_access" else _FORWARD):
        wave = draws.below(WAVES)
        body += "\n\nI also got this, is it from you?\n> " + polish(_trick(writer, "phish", wave))
    return _capital(writer.write("subject")), body


def _trick(writer: Writer, kind: str, wave: int) -> str:
    return writer.write(f"{kind}{wave}")


def _spam(writer: Writer, era: float) -> tuple[str, str]:
    draws = writer.draws
    if draws.take() < _SLY:
        if draws.take() < _DEEP:
            core = _core(writer, draws.pick(TOPICS)) + " " + _sentence(writer.write("sly_piece"))
        else:
            core = _sentence(writer.write("sly"))
        return _capital(writer.write("subject")), writer.message(core, greeting=not draws.happens(0.08))
    wave = wave_of(era, draws)
    text = _sentence(_trick(writer, draws.pick(SPAM_KINDS), wave))
    subject = _capital(writer.write(f"subject_spam{wave}" if draws.happens(0.75) else "subject"))
    if draws.take() < _DRESSED:
        return subject, writer.message(text)
    return subject, polish(text)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
