"""A world as a stream: every row when it arrives, late, twice or out of order as the tables say.

    for event in stream(world, "2025-02-01", speed=3600):      # an hour of the world in a second
        print(event.arrived_at, event.table, event.row)

An order arrives at its `arrived_at`, its payment with it, a chargeback when it is reported, a parcel's row when the
parcel is delivered. Days are merged one after the other, so memory does not grow with them.
"""

from __future__ import annotations

import datetime
import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tidewater import sales
from tidewater.columns import to_arrow
from tidewater.world import TABLES, World

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["STREAMED", "Event", "stream"]

# Table -> columns of arrival and of the moment it is about. A payment has those of its order.
STREAMED: dict[str, tuple[str, str]] = {
    "customers": ("signed_up_at", "signed_up_at"),
    "orders": ("arrived_at", "placed_at"),
    "payments": ("arrived_at", "placed_at"),
    "chargebacks": ("reported_at", "reported_at"),
    "deliveries": ("delivered_at", "delivered_at"),
    "events": ("arrived_at", "at"),
    "searches": ("at", "at"),
    "reviews": ("at", "at"),
    "messages": ("at", "at"),
    "ratings": ("at", "at"),
}
_ROWS_AT_ONCE = 1024
_NEVER = np.datetime64("9999-01-01", "ms")
Moment = np.datetime64 | datetime.datetime | str


@dataclass(frozen=True)
class Event:
    """One row of one table, arriving.

    arrived_at: when. at: what moment it is about, as far as its source knows; both UTC. row: the table's row as
    plain values. sequence: its place in the stream of these tables from the world's first arrival on, from 0.
    """

    table: str
    arrived_at: datetime.datetime
    at: datetime.datetime
    row: dict[str, Any]
    sequence: int


def stream(
    world: World,
    start: Moment | None = None,
    speed: float = math.inf,
    *,
    tables: Sequence[str] = ("orders", "payments", "chargebacks", "deliveries"),
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[Event]:
    """The rows of these tables in order of arrival; of two that arrive together, the table named first goes first.

    start: earlier arrivals are left out (they keep their numbers); default none. speed: seconds of the world in a
    second, infinite for as fast as possible. clock, sleep: seconds, and a pause of so many.
    The stream's time runs from `start`, or from the first arrival, and from when its first event is ready. Who
    is slower than the stream gets the next event at once.
    Raises ValueError for a speed that is not above 0 and for a table whose rows do not arrive at a moment.
    """
    if not speed > 0:
        raise ValueError(f"speed is above 0; got {speed!r}")
    for name in tables:
        if name not in STREAMED:
            world._find(name)  # raises for a name that is none
            raise ValueError(f"{name} do not arrive row by row; these tables do: {', '.join(STREAMED)}")
    return _paced(
        _events(world, tuple(dict.fromkeys(tables)), _moment(start)), _moment(start), speed, clock, sleep
    )


def _paced(
    events: Iterator[Event],
    start: datetime.datetime | None,
    speed: float,
    clock: Callable[[], float],
    sleep: Callable[[float], None],
) -> Iterator[Event]:
    if math.isinf(speed):
        yield from events
        return
    begun, first = math.nan, start
    for event in events:
        if math.isnan(begun):  # the first event is made; how long that took does not count
            begun, first = clock(), first or event.arrived_at
        assert first is not None
        wait = begun + (event.arrived_at - first).total_seconds() / speed - clock()
        if wait > 0:
            sleep(wait)
        yield event


def _events(world: World, names: tuple[str, ...], start: datetime.datetime | None) -> Iterator[Event]:
    waiting = [_Waiting(world, name) for name in names]
    sequence = 0
    for day in range(world.days):
        last = day + 1 == world.days
        due = _NEVER if last else world.start + np.timedelta64(day + 1, "D")
        parts = [one.take(day, due) for one in waiting]
        arrived = np.concatenate([part.arrived for part in parts])
        which = np.repeat(np.arange(len(parts)), [len(part.arrived) for part in parts])
        order = np.lexsort((which, arrived))
        skipped = 0 if start is None else int(np.searchsorted(arrived[order], np.datetime64(start)))
        gone = np.bincount(which[order[:skipped]], minlength=len(parts))
        rows = [part.rows(int(offset)) for part, offset in zip(parts, gone, strict=True)]
        for number, part in enumerate(which[order[skipped:]].tolist(), start=sequence + skipped):
            arrived_at, at, row = next(rows[part])
            yield Event(names[part], arrived_at, at, row, number)
        sequence += len(order)


@dataclass(frozen=True)
class _Part:
    """Rows of one table in order of arrival, with their moments; n rows."""

    table: pa.Table
    arrived: np.ndarray
    at: np.ndarray

    def __getitem__(self, rows: slice) -> _Part:
        begin, end, _ = rows.indices(len(self.arrived))
        return _Part(self.table.slice(begin, end - begin), self.arrived[rows], self.at[rows])

    def rows(self, offset: int) -> Iterator[tuple[datetime.datetime, datetime.datetime, dict[str, Any]]]:
        """Arrival, moment and row, from a row on."""
        for begin in range(offset, len(self.arrived), _ROWS_AT_ONCE):
            part = self[begin : begin + _ROWS_AT_ONCE]
            yield from zip(part.arrived.tolist(), part.at.tolist(), part.table.to_pylist(), strict=True)


class _Waiting:
    """What one table has made and what has not arrived yet."""

    def __init__(self, world: World, name: str) -> None:
        self._world, self._name = world, name
        self._left: _Part | None = None

    def take(self, day: int, due: np.datetime64) -> _Part:
        """Makes the rows of one day and gives those that arrive before `due`, with earlier days' that were left."""
        import pyarrow as pa

        new = self._made(day)
        part = self._left or new
        assert part is not None
        if new is not None:
            if self._left is not None:
                pair = (self._left, new)
                part = _Part(
                    pa.concat_tables([one.table for one in pair]),
                    np.concatenate([one.arrived for one in pair]),
                    np.concatenate([one.at for one in pair]),
                )
            order = np.argsort(part.arrived, kind="stable")
            part = _Part(part.table.take(order), part.arrived[order], part.at[order])
        if self._name == "chargebacks":
            due = min(due, self._world.end)
        cut = int(np.searchsorted(part.arrived, due))
        self._left = part[cut:]
        return part[:cut]

    def _made(self, day: int) -> _Part | None:
        """The rows that this day brings; those of a table in one piece come with the first day."""
        world, name = self._world, self._name
        arrival, moment = STREAMED[name]
        if name == "chargebacks":
            columns = sales.chargebacks_of_day(world._core, day)
            table = to_arrow({key: column for key, column in columns.items() if key != "is_true"})
        elif TABLES[name].daily is None:
            if day:
                return None
            table = world.arrow(name)
        else:
            table = world.arrow(name, day)
        times = world.arrow("orders", day) if name == "payments" else table
        return _Part(table, times[arrival].to_numpy(), times[moment].to_numpy())


def _moment(given: Moment | None) -> datetime.datetime | None:
    """A moment in UTC without a zone."""
    if given is None:
        return None
    if isinstance(given, datetime.datetime) and given.tzinfo is not None:
        return given.astimezone(datetime.UTC).replace(tzinfo=None)
    found = np.array(given, "datetime64[ms]").item()
    if not isinstance(found, datetime.datetime):
        raise ValueError(f"a stream starts at a moment; got {given!r}")
    return found
