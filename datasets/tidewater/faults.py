"""Faults of the upstream sources, laid over the clean columns of a day."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tidewater.calendar import DAY_MS, HOUR_MS
from tidewater.columns import Column, Columns, take
from tidewater.incident_kinds import RENAMES, SOURCES
from tidewater.incidents import Incident
from tidewater.places import CHANNELS
from tidewater.seeds import stream_of

__all__ = ["observe"]


def observe(
    seed: int,
    day: int,
    clean: Columns,
    incidents: tuple[Incident, ...],
    placed_ms: np.ndarray,
    channel: np.ndarray,
    last_week: Callable[[], Columns],
) -> Columns:
    """The columns as they arrive: the clean ones after every fault that was active.

    clean: columns of orders or payments of one day, n rows. placed_ms, channel: (n,), true time since midnight and
    channel code. last_week: gives the clean columns of a week earlier.
    """
    columns = dict(clean)
    for one in incidents:
        moment = day + placed_ms / DAY_MS
        now = (moment >= one.start_day) & (moment < one.end_day)
        if not now.any():
            continue
        rng = stream_of(seed, "incidents", one.name, day)
        if one.name in ("null_burst", "stale_feature"):
            _source_fault(columns, one, now, rng, last_week)
        elif one.name == "optional_field" and "coupon" in columns:
            columns["coupon"] = columns["coupon"].without(now & (rng.random(len(now)) < one.size))
        elif one.name in ("unit_change", "clock_skew"):
            _channel_fault(columns, one, now & (channel == CHANNELS.index(one.target)))
        elif one.name == "reordering" and "arrived_at" in columns:
            late = np.where(now, rng.integers(0, int(one.size * 60_000), len(now)), 0)
            columns["arrived_at"] = Column(columns["arrived_at"].values + late.astype("timedelta64[ms]"))
    for one in incidents:  # a source fails under whatever name its field has that day
        if one.name == "renamed_field":
            _rename(columns, one, day + placed_ms / DAY_MS)
    for one in incidents:  # last, so that a second delivery repeats what was first delivered
        if one.name == "duplicate_events":
            columns = _redeliver(seed, day, columns, one, placed_ms)
    return columns


def _source_fault(
    columns: Columns,
    one: Incident,
    now: np.ndarray,
    rng: np.random.Generator,
    last_week: Callable[[], Columns],
) -> None:
    """All columns of the source go missing in the same rows, or hold what they held a week ago."""
    hit = now & (rng.random(len(now)) < one.size)
    names = [name for name in SOURCES[one.target] if name in columns]
    if not names:
        return
    if one.name == "null_burst":
        for name in names:
            columns[name] = columns[name].without(hit)
        return
    before = last_week()
    n_before = len(before[names[0]])
    if n_before:
        old = take({name: before[name] for name in names}, rng.integers(0, n_before, len(now)))
        for name in names:
            columns[name] = columns[name].over(old[name], hit)


def _rename(columns: Columns, one: Incident, moment: np.ndarray) -> None:
    """The field under its old name outside the incident, under the new one in it; both columns on every day."""
    if one.target not in columns:
        return
    now = (moment >= one.start_day) & (moment < one.end_day)
    old = columns[one.target]
    columns[RENAMES[one.target]] = old.without(~now)
    columns[one.target] = old.without(now)


def _channel_fault(columns: Columns, one: Incident, hit: np.ndarray) -> None:
    if one.name == "unit_change" and "amount" in columns:
        amount = columns["amount"].values
        columns["amount"] = Column(np.where(hit, np.rint(amount * one.size * 100) / 100, amount))
    elif one.name == "clock_skew" and "placed_at" in columns:
        shift = np.where(hit, round(one.size) * HOUR_MS, 0).astype("timedelta64[ms]")
        columns["placed_at"] = Column(columns["placed_at"].values + shift)


def _redeliver(seed: int, day: int, columns: Columns, one: Incident, placed_ms: np.ndarray) -> Columns:
    """The columns with some rows once more at the end; an `arrived_at` is later, all else is equal."""
    rng = stream_of(seed, "incidents", one.name, day)
    moment = day + placed_ms / DAY_MS
    now = (moment >= one.start_day) & (moment < one.end_day)
    again = np.flatnonzero(now & (rng.random(len(now)) < one.size))
    delay = np.rint(rng.exponential(0.15, len(again)).clip(0.001, 1) * DAY_MS)
    if not len(again):
        return columns
    out = take(columns, np.concatenate([np.arange(len(now)), again]))
    if "arrived_at" in out:
        moments = out["arrived_at"].values.copy()
        moments[len(now) :] += delay.astype("timedelta64[ms]")
        out["arrived_at"] = Column(moments)
    return out
