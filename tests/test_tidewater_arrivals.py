"""A world as a stream: the tables' rows, each once, when they arrive."""

from __future__ import annotations

import datetime
import itertools
import math
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pytest
from tidewater import Incident, make_world
from tidewater.arrivals import STREAMED, stream

SALES = ("orders", "payments", "chargebacks", "deliveries")


@pytest.fixture(scope="module")
def world():
    """Twenty days in which orders come late, twice, out of order and with a wrong clock."""
    names = ["duplicate_events", "reordering", "clock_skew", "null_burst"]
    return make_world(
        3, 20, 60, [*(Incident(name, 3, days=9) for name in names), Incident("poisoned_labels", 1)]
    )


@pytest.fixture(scope="module")
def events(world):
    """Everything that arrives."""
    return list(stream(world, tables=tuple(STREAMED)))


@pytest.mark.parametrize("name", STREAMED)
def test_replaying_gives_the_table(name, world, events) -> None:
    """Every row of the table once, and no other; rows that arrive twice come twice."""
    schema = world.arrow(name).schema
    found = pa.Table.from_pylist([event.row for event in events if event.table == name], schema=schema)
    expected = world.arrow(name)
    arrival = expected if name != "payments" else world.arrow("orders")
    order = np.argsort(arrival[STREAMED[name][0]].to_numpy(), kind="stable")

    assert found.equals(expected.take(order))


def test_they_come_in_order_of_arrival(events) -> None:
    """Not in order of what they are about: some are late, some are out of order."""
    arrived = [event.arrived_at for event in events]
    orders = [event for event in events if event.table == "orders"]

    assert arrived == sorted(arrived)
    assert [event.at for event in orders] != sorted(event.at for event in orders)
    assert all(event.arrived_at == event.row["arrived_at"] for event in orders)
    assert all(event.at == event.row["placed_at"] for event in orders)


def test_a_row_is_plain(events) -> None:
    """Numbers, text, times and None, so that it can be sent anywhere."""
    types = {type(value) for event in events for value in event.row.values()}

    assert types <= {int, float, str, bool, datetime.datetime, type(None)}


def test_a_payment_travels_with_its_order(world) -> None:
    """Also the second time."""
    pairs = itertools.groupby(stream(world, tables=("orders", "payments")), lambda event: event.arrived_at)
    arrivals = [sorted((event.table, event.row["order_id"]) for event in group) for _, group in pairs]

    assert all(
        [number for table, number in group if table == "orders"]
        == [number for table, number in group if table == "payments"]
        for group in arrivals
    )


def test_a_delivery_tells_nothing_before_its_time(events) -> None:
    """The row holds when the parcel came, so it cannot be known earlier; the same with a chargeback."""
    assert all(e.arrived_at == e.row["delivered_at"] for e in events if e.table == "deliveries")
    assert all(e.arrived_at == e.row["reported_at"] for e in events if e.table == "chargebacks")


@pytest.mark.parametrize(
    "start",
    [
        "2025-01-09T13:00",
        np.datetime64("2025-01-09T13:00"),
        datetime.datetime(2025, 1, 9, 13),
        datetime.datetime(2025, 1, 9, 14, tzinfo=datetime.timezone(datetime.timedelta(hours=1))),
    ],
)
def test_a_start_in_the_middle_leaves_out_what_came_before(start, world) -> None:
    """The rest is the same, numbers included; orders placed before and arriving after are there."""
    whole = list(stream(world))
    rest = list(stream(world, start))

    assert rest == [event for event in whole if event.arrived_at >= datetime.datetime(2025, 1, 9, 13)]
    assert [event.sequence for event in whole] == list(range(len(whole)))
    assert any(event.at < datetime.datetime(2025, 1, 9, 13) for event in rest)


class Clock:
    """A clock that only a pause or the test moves."""

    def __init__(self) -> None:
        self.now, self.pauses = 50.0, list[float]()

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds


def test_the_speed_is_kept(world) -> None:
    """Each event comes when its time has passed at this speed, not before and not after."""
    clock, begin = Clock(), datetime.datetime(2025, 1, 6)
    for event in itertools.islice(stream(world, begin, 3600, clock=clock, sleep=clock.sleep), 300):
        assert clock.now - 50 == pytest.approx((event.arrived_at - begin).total_seconds() / 3600)

    assert min(clock.pauses) > 0


def test_who_is_slow_waits_for_nothing(world) -> None:
    """After a long pause of the reader, what has arrived meanwhile comes at once."""
    clock = Clock()
    events = stream(world, world.start, 3600, clock=clock, sleep=clock.sleep)
    next(events)
    clock.now, clock.pauses = 50 + 24.0, []
    rest = list(itertools.islice(events, 300))
    late = [event.arrived_at for event in rest if event.arrived_at > datetime.datetime(2025, 1, 2)]
    pause = late[0] - datetime.datetime(2025, 1, 2)

    assert 50 < len(late) < 250
    assert clock.pauses[0] == pytest.approx(pause.total_seconds() / 3600)
    assert len(clock.pauses) == len(set(late))


def test_as_fast_as_possible_asks_no_clock(world) -> None:
    """An infinite speed neither waits nor looks."""

    def never(*_: object) -> float:
        raise AssertionError

    assert len(list(stream(world, speed=math.inf, clock=never, sleep=never))) > 1000  # type: ignore[arg-type]


@pytest.mark.parametrize("speed", [0, -1, math.nan])
def test_a_speed_is_above_zero(speed, world) -> None:
    """Said when it is asked for, not with the first event."""
    with pytest.raises(ValueError, match="above 0"):
        stream(world, speed=speed)
    with pytest.raises(ValueError, match="NaT"):
        stream(world, "NaT")


def test_a_table_without_arrivals_is_refused(world) -> None:
    """With those that stream; an unknown one with the nearest name."""
    with pytest.raises(ValueError, match="products do not arrive row by row; these tables do: customers"):
        stream(world, tables=("products",))
    with pytest.raises(AttributeError, match='Did you mean "orders"'):
        stream(world, tables=("order",))


def test_memory_is_flat_in_days() -> None:
    """What waits are parcels on their way and labels to come, not days."""
    code = (
        "import resource, sys; from tidewater import make_world; from tidewater.arrivals import stream\n"
        "for event in stream(make_world(1, int(sys.argv[1]), 3000)): pass\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)\n"
    )
    peaks = []
    for days in (10, 40):
        command = [sys.executable, "-c", code, str(days)]
        peaks.append(int(subprocess.run(command, check=True, capture_output=True, text=True).stdout))

    assert peaks[1] - peaks[0] < 40
