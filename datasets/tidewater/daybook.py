"""Orders day by day, with the week's rhythm, holidays, growth and changes that are planted.

The orders of one small healthy world are dealt anew to the days, so that a year costs little and each change is known
to the day. `docs/incidents.md` shows what these changes stand for.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from tidewater.world import make_world

__all__ = ["FIELDS", "INPUTS", "Change", "daybook", "score"]

INPUTS = (
    *("amount", "items", "channel", "ship_country", "address_age_days"),
    *("device", "device_known", "card_country", "attempts", "hour"),
)
FIELDS = (*INPUTS, "score")
_WEEK = np.array([1.1, 1.0, 1.0, 1.0, 1.05, 0.85, 0.7])  # orders, Monday first
_CHANNELS = {  # weight of each channel's orders on Monday, Tuesday to Friday, Saturday, Sunday
    "web": (0.8, 1.0, 0.9, 0.8),
    "app": (0.8, 1.0, 1.7, 2.4),
    "partner": (1.0, 1.0, 0.3, 0.2),
    "phone": (7.0, 1.0, 0.3, 0.1),
}
_AMOUNT = (1.25, 1.0, 0.9, 0.6)
_RELEASE_DAYS = 14


@dataclass(frozen=True)
class Change:
    """One planted change of one field.

    kind: "factor" multiplies numbers by size, in one channel if one is named; "missing" and "word" leave a share of
    the rows, size, with nothing or with that word; "narrow" shrinks the distance to the median by size; "add" adds
    size, hours modulo 24. first: number of the first day that has it; days: how many have it. creep: days until it has
    grown to its size; 0 is at once.
    """

    kind: str
    field: str
    first: int
    days: int
    size: float
    channel: str | None = None
    word: str = "new"
    creep: int = 0

    @property
    def last(self) -> int:
        """Number of the last day that has it."""
        return self.first + self.days - 1

    def grown(self, day: int) -> float:
        """How far it has grown on a day, 0 to 1."""
        if not self.first <= day <= self.last:
            return 0.0
        return min(1.0, (day - self.first + 1) / self.creep) if self.creep else 1.0


def score(orders: pd.DataFrame) -> np.ndarray:
    """What a small fraud model says of orders, 0 to 1; a missing number is taken as a usual one."""
    amount = orders["amount"].astype(float).fillna(30.0).clip(lower=0.01)
    logit = 0.6 * np.log(amount / 30.0) + 1.2 * (orders["attempts"].astype(float).fillna(1.0) - 1.0) - 3.5
    logit += 1.5 * (orders["card_country"].astype(object) != orders["ship_country"].astype(object))
    logit += 0.8 * (orders["device_known"].astype(object).fillna(True) == False)  # noqa: E712
    logit -= 0.004 * orders["address_age_days"].astype(float).fillna(60.0)
    return np.asarray(1 / (1 + np.exp(-logit)), dtype=float).round(4)


def daybook(
    seed: int,
    days: int,
    orders_per_day: float,
    *,
    changes: Iterable[Change] = (),
    holidays: Collection[int] = (),
    growth: float = 0.0,
    start: str = "2025-01-06",
) -> pd.DataFrame:
    """One row an order, in the order of the days: day, release, order_id and FIELDS.

    Equal seeds have the same customers, channels and countries; other days or orders_per_day deal them anew.
    holidays: numbers of days, 0 the first, that are like Sundays. growth: of the orders a day, a year. start: a Monday.
    """
    rng = np.random.default_rng([seed, days, round(100 * orders_per_day)])
    pool = _pool(seed)
    weights = _weights(pool["channel"])
    number = np.arange(days)
    weekday = np.where(np.isin(number, list(holidays)), 6, number % 7)
    counts = rng.poisson(orders_per_day * _WEEK[weekday] * (1 + growth) ** (number / 365))
    kind = np.array([0, 1, 1, 1, 1, 2, 3])[weekday]
    rows = [rng.choice(len(pool), counts[day], p=weights[kind[day]]) for day in number]
    book = pool.iloc[np.concatenate(rows)].reset_index(drop=True)
    at = np.repeat(number, counts)
    book["amount"] = (book["amount"] * np.array(_AMOUNT)[kind[at]]).round(2)
    book.insert(0, "day", pd.Timestamp(start) + pd.to_timedelta(at, unit="D"))
    book.insert(1, "release", [f"1.{day // _RELEASE_DAYS}" for day in at])
    book.insert(2, "order_id", 100_000 + np.arange(len(book)))
    later = []
    for one in changes:
        if one.field == "score":
            later.append(one)
        else:
            _plant(book, one, at, rng)
    book["score"] = score(book)
    for one in later:
        _plant(book, one, at, rng)
    return book


def _pool(seed: int) -> pd.DataFrame:
    world = make_world(seed, days=8, orders_per_day=430)
    rows = pd.concat([world.orders, world.payments.drop(columns="order_id")], axis=1)
    return rows.assign(hour=rows["placed_at"].dt.hour.astype("int64"))[list(INPUTS)]


def _weights(channel: pd.Series) -> np.ndarray:
    weights = np.array(
        [
            channel.map(dict(zip(_CHANNELS, of_kind, strict=True)))
            for of_kind in zip(*_CHANNELS.values(), strict=True)
        ]
    )
    return np.asarray(weights / weights.sum(axis=1, keepdims=True))


def _plant(book: pd.DataFrame, one: Change, at: np.ndarray, rng: np.random.Generator) -> None:
    grown = np.array([one.grown(day) for day in range(at.max() + 1)])[at]
    hit = grown > 0
    if one.channel is not None:
        hit &= (book["channel"] == one.channel).to_numpy()
    values = book[one.field]
    if one.kind in ("missing", "word"):
        chosen = hit & (rng.random(len(book)) < grown * one.size)
        if one.kind == "word":
            book[one.field] = values.mask(chosen, one.word)
        else:
            book[one.field] = values.astype(float if values.dtype.kind in "if" else object).mask(chosen)
        return
    numbers = values.to_numpy(dtype=float)
    if one.kind == "factor":
        changed = numbers * one.size**grown
    elif one.kind == "narrow":
        middle = np.nanmedian(numbers[hit])
        changed = middle + (numbers - middle) * (1 - grown * (1 - one.size))
    elif one.kind == "add":
        changed = numbers + grown * one.size
        changed = changed % 24 if one.field == "hour" else changed
    else:
        raise ValueError(f"no change of the kind {one.kind!r}")
    changed = np.where(hit, changed, numbers)
    whole = values.dtype.kind == "i" and one.kind != "factor"
    book[one.field] = changed.round().astype("int64") if whole else changed.round(4)
