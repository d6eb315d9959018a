"""A plain monitor of Tidewater's tables is quiet on what is benign and finds harmful faults within a day or two.

The monitor is what a careful team writes in an afternoon. Each morning it looks at the orders that arrived on the
day before, against the world's first three weeks, with thresholds that are the same for all worlds.
"""

from __future__ import annotations

from itertools import product

import numpy as np
import pandas as pd
import pytest
from scipy.stats import chi2
from tidewater import INCIDENTS, Incident, World, make_world

HISTORY = 21  # days, without incidents, that the monitor knows
SEEDS = range(100, 108)
BENIGN = tuple(name for name, kind in INCIDENTS.items() if kind.family == "benign")
HARMFUL = (
    *("unit_change", "renamed_field", "null_burst", "stale_feature"),
    *("duplicate_events", "clock_skew", "fraud_burst"),
)
# Fixed thresholds, with what each of them has to let pass.
OPTIONAL = ("coupon",)  # the schema calls it optional: what is missing there is nobody's fault
NULL_SHARE = 0.003  # of a day's rows; all other fields are required and have no nulls in a good world
AMOUNT_FACTOR = 2.0  # a channel's median against that of the same weekday; a sale goes down to 0.6 of it
ENOUGH = 50  # orders of a channel on a usual day; the median of fewer is too loose for a verdict by the day
VOLUME_FACTOR = (
    3.0  # a day's orders against the same weekday's; a holiday nearly doubles them, a rush comes on top
)
STABILITY = 0.1  # population stability index of a column; below it a mix is called stable by custom
CHANCE = 1e-6  # of as large a shift by chance alone; some 1,000 tests a world make this 0.001 a world
SMALL_RISE = 0.05  # share of orders of one item below 15 EUR; a sale of one channel adds some 0.02
TWICE_SHARE = 0.005  # of rows whose order number came before
EARLY_SHARE = 0.001  # of rows that arrive before they were placed
WAIT_MINUTES = (
    20.0  # that 90 % of a day's orders arrive in; the queue promises ten, and partners send batches
)
AGREE_FALL = 0.15  # share of orders that agree with the customer's account; gifts of a holiday cost some 0.04
MIX = ("channel", "items", "device", "country", "ship_country", "card_country", "attempts", "auth_result")
AGREE = {"card_country": "country", "ship_country": "country", "device": "own_device"}


def arrivals(world: World) -> pd.DataFrame:
    """Orders with payments and the customer's account, in order of arrival, one row a delivery; `day` of arrival."""
    orders = pd.concat([world.orders, world.payments.drop(columns="order_id")], axis=1)
    account = world.customers.set_index("customer_id").loc[orders.customer_id]
    orders["country"], orders["own_device"] = account.country.to_numpy(), account.device.to_numpy()
    orders["day"] = (orders.arrived_at - world.start) // np.timedelta64(1, "D")
    return orders[orders.day < world.days].sort_values("arrived_at", kind="stable")


def figures(rows: pd.DataFrame) -> pd.DataFrame:
    """What the monitor looks at but for the mixes, one row a day."""
    minutes = (rows.arrived_at - rows.placed_at) / np.timedelta64(1, "m")
    marks = pd.DataFrame({"day": rows.day})
    required = [name for name in rows.columns if name not in OPTIONAL]
    for name in [name for name in required if rows.loc[rows.day < HISTORY, name].notna().all()]:
        marks[f"null {name}"] = rows[name].isna()
    for name, own in AGREE.items():
        marks[f"agree {name}"] = (rows[name] == rows[own]).astype(float).where(rows[name].notna())
    marks["small"] = (rows.amount < 15) & (rows["items"] == 1)
    marks["twice"] = rows.order_id.duplicated()
    marks["early"] = minutes < 0
    by_day = marks.groupby("day").mean()
    by_day["orders"] = np.log(rows.groupby("day").size())
    by_day["wait"] = minutes.groupby(rows.day).quantile(0.9)
    medians = np.log(rows.groupby(["day", "channel"]).amount.median().unstack())
    sizes = rows[rows.day < HISTORY].channel.value_counts() / HISTORY
    medians = medians[sizes.index[sizes >= ENOUGH]]
    return by_day.join(medians.add_prefix("amount "))


def mixes(rows: pd.DataFrame) -> set[tuple[int, str]]:
    """Days and columns whose mix of values has shifted: by enough to matter, and by more than chance explains.

    Values rarer than 2 % of the history are taken together. A test alone would cry at every holiday, since with so many
    orders the smallest change is significant; an index alone would cry at small worlds.
    """
    found = set()
    for name in MIX:
        value = rows[name].astype(object).where(rows[name].notna(), "missing")
        usual = value[rows.day < HISTORY].value_counts(normalize=True)
        table = pd.crosstab(rows.day, value.where(value.isin(usual.index[usual > 0.02]), "rest"))
        counts = table.to_numpy(float)
        n, total = counts.sum(axis=1, keepdims=True), counts[:HISTORY].sum()
        share, base = counts / n, counts[:HISTORY].sum(axis=0) / total
        near = 0.5 / n  # an empty cell counts as half an order
        index = ((share - base) * np.log((share + near) / (base + near))).sum(axis=1)
        distance = ((share - base) ** 2 / np.maximum(base, 1e-3)).sum(axis=1) / (1 / n[:, 0] + 1 / total)
        alarm = (index > STABILITY) & (chi2.sf(distance, counts.shape[1] - 1) < CHANCE)
        found |= {(int(day), f"mix {name}") for day in table.index[alarm]}
    return found


def alarms(world: World) -> dict[int, set[str]]:
    """Day -> what the monitor complains about on the morning after it; only days after the history."""
    rows = arrivals(world)
    table = figures(rows)
    past, weekday = table[:HISTORY], table.index % 7
    usual = past.groupby(past.index % 7).median().loc[weekday].set_index(table.index)
    found = mixes(rows)

    def complain(name: str, when: pd.Series) -> None:
        found.update((int(day), name) for day in table.index[when])

    for name in table:
        if name.startswith("null "):
            complain(name, table[name] > NULL_SHARE)
        elif name.startswith("agree "):
            complain(name, table[name] < past[name].median() - AGREE_FALL)
        elif name.startswith("amount "):
            gap = (table[name] - usual[name]).abs()
            noise = (
                1.5 * (past[name] - past[name].median()).abs().median()
            )  # robust standard deviation of a day
            complain(name, gap > max(np.log(AMOUNT_FACTOR), 6 * noise))
    complain("small", table.small > past.small.median() + SMALL_RISE)
    complain("twice", table.twice > TWICE_SHARE)
    complain("early", table.early > EARLY_SHARE)
    complain("wait", table.wait > WAIT_MINUTES)
    complain("orders", (table.orders - usual.orders).abs() > np.log(VOLUME_FACTOR))
    return {day: {what for then, what in found if then == day} for day, _ in found if day >= HISTORY}


def benign_patterns(seed: int, days: int) -> list[Incident]:
    """One of each benign kind, at times that differ from world to world; a weekend begins on a Saturday."""
    rng = np.random.default_rng(seed)
    starts = {name: float(rng.integers(HISTORY, days - 45)) for name in BENIGN}
    starts["weekend"] += (3 - starts["weekend"]) % 7  # the world's first day is a Wednesday
    starts["traffic_spike"] += int(rng.integers(24)) / 24
    return [Incident(name, start) for name, start in starts.items()]


@pytest.mark.parametrize("seed", SEEDS)
def test_benign_patterns_leave_the_monitor_quiet(seed) -> None:
    """Not one alarm in four months that hold a holiday, a long weekend, a sale, a campaign at home, a coupon that is no
    longer asked for, messages out of order, a rush of an hour and prices that grow.

    A sale needs a word. No column tells a discount from a fault: coupons do not name it. What tells them apart is size
    alone. A shop hardly sells below half the price, and cents for euros are a factor of 100; a band from half to double
    lies between. A monitor with a narrow band has to know the calendar of sales.
    """
    world = make_world(seed, 120, 800, benign_patterns(seed, 120))

    assert {one.name for one in world.truth.incidents} == set(BENIGN)
    assert alarms(world) == {}


@pytest.mark.parametrize(("name", "seed"), product(HARMFUL, SEEDS))
def test_harmful_faults_are_found(name, seed) -> None:
    """Quiet until the day on which the fault begins; an alarm for that day or the next, which an outage that begins
    shortly before midnight needs."""
    hours = seed % 24 if 0 < INCIDENTS[name].days[1] < 1 else 0
    world = make_world(seed, HISTORY + 6, 600, [Incident(name, HISTORY + 3 + hours / 24)])
    found = alarms(world)

    assert found
    assert HISTORY + 3 <= min(found) <= HISTORY + 4
