"""The incident `hostile_text`: instructions for language models inside reviews and mails."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tidewater.calendar import DAY_MS
from tidewater.seeds import stream_of
from tidewater.text.hostile import HOSTILE_KINDS, hostile_parts

if TYPE_CHECKING:
    from tidewater.core import Core

__all__ = ["KINDS", "injected", "kinds_of"]

KINDS = ("", *HOSTILE_KINDS)  # the empty word is a text without an instruction


def kinds_of(core: Core, table: str, day: int, at: np.ndarray) -> np.ndarray:
    """(n,), positions in KINDS of the texts of one day; `at` in milliseconds since midnight."""
    kind = np.zeros(len(at), np.int8)
    moment = day + at / DAY_MS
    for one in core.incidents:
        if one.name == "hostile_text" and one.touches_day(day):
            rng = stream_of(core.seed, "incidents", one.name, day, table)
            now = (moment >= one.start_day) & (moment < one.end_day)
            hit = now & (rng.random(len(at)) < one.size)
            kind = np.where(hit, rng.integers(1, len(KINDS), len(at)), kind).astype(np.int8)
    return kind


def injected(core: Core, table: str, day: int, at: np.ndarray, texts: np.ndarray) -> np.ndarray:
    """The texts, some with an instruction in front, in the middle or at the end."""
    kind = kinds_of(core, table, day, at)
    if not kind.any():
        return texts
    out = texts.copy()
    for code in range(1, len(KINDS)):
        rows = np.flatnonzero(kind == code)
        rng = stream_of(core.seed, "incidents", "hostile_text", day, table, KINDS[code])
        parts = hostile_parts(rng, KINDS[code], len(rows))[1]
        places = stream_of(core.seed, "incidents", "hostile_text", day, table, "places", code)
        for row, part, place in zip(rows, parts, places.integers(0, 3, len(rows)), strict=True):
            out[row] = _woven(texts[row], part, int(place))
    return out


def _woven(text: str, part: str, place: int) -> str:
    if place == 0:
        return f"{part}\n\n{text}"
    first, stop, rest = text.partition(". ")
    if place == 1 and stop:
        return f"{first}. {part} {rest}"
    return f"{text}\n\n{part}"
