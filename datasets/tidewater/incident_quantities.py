"""What each incident moves, as numbers over time: one line or more for each kind, before, during and after it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd

from tidewater.incident_kinds import RENAMES, SOURCES
from tidewater.incidents import Incident
from tidewater.money import PRICES
from tidewater.orders import ORDERS_PER_DAY_LIMIT
from tidewater.places import CHANNELS, COUNTRIES
from tidewater.world import World

__all__ = ["VIEWS", "Lines", "View"]

HOUR, DAY, WEEK = 1 / 24, 1.0, 7.0  # lengths of a step, in days
Lines = dict[str, np.ndarray]  # name of a line -> one value for each step of the world


@dataclass(frozen=True)
class View:
    """How one kind is looked at.

    measure: world, the incident in it, length of a step in days -> lines. y_label: with the unit. step: in days.
    days, orders_per_day, start_day: of the world that is made for it. before, after: steps shown on both sides
    of its beginning. target: the one hit, "" for a drawn one. log, from_zero: the y axis.
    """

    measure: Callable[[World, Incident, float], Lines]
    y_label: str
    step: float = DAY
    days: int = 63
    orders_per_day: float = 1000
    start_day: float = 14
    before: int = 14
    after: int = 42
    target: str = ""
    log: bool = False
    from_zero: bool = False


def _ordered(world: World) -> pd.DataFrame:
    """Orders as observed, with `day`: their true day (order numbers tell it), and `moment`: days, as observed."""
    orders = world.orders
    orders["day"] = orders.order_id // ORDERS_PER_DAY_LIMIT - 1
    orders["moment"] = _days(world, orders.placed_at)
    return orders


def _days(world: World, times: pd.Series) -> np.ndarray:
    """Times as days since the world's first midnight."""
    return ((times - world.start) / np.timedelta64(1, "D")).to_numpy()


def _steps(world: World, moment: np.ndarray, values: np.ndarray, step: float, how: str) -> np.ndarray:
    """One figure (mean, sum, median ...) of the values for each step of the world; NaN where there are none."""
    place = np.floor(np.asarray(moment, float) / step + 1e-9).astype(int)
    groups = pd.Series(np.asarray(values)).groupby(place)
    return groups.agg(how).reindex(range(round(world.days / step))).to_numpy(float)


def _rise(world: World, one: Incident, line: np.ndarray, step: float) -> np.ndarray:
    """The line less its mean before the incident."""
    return line - np.nanmean(line[: int(one.start_day / step)])


def _volume(world: World, one: Incident, step: float) -> Lines:
    orders = _ordered(world)
    return {"orders": np.nan_to_num(_steps(world, orders.moment, orders.moment, step, "count"))}


def _load(world: World, one: Incident, step: float) -> Lines:
    orders, week = _volume(world, one, step)["orders"], round(WEEK / step)
    return {"orders": orders, "a week earlier": np.append(np.full(week, np.nan), orders[:-week])}


def _countries(world: World, one: Incident, step: float) -> Lines:
    customers, orders = world.customers, _ordered(world)
    theirs = (customers.country == one.target).to_numpy()
    of_order = theirs[customers.customer_id.searchsorted(orders.customer_id)]
    joined = _days(world, customers.signed_up_at)
    lines = {
        "of new sign-ups": _steps(world, joined[joined >= 0], theirs[joined >= 0], step, "mean"),
        "of orders": _steps(world, orders.moment, of_order, step, "mean"),
    }
    return {name: 100 * _rise(world, one, line, step) for name, line in lines.items()}


def _patterns(world: World, one: Incident, step: float) -> Lines:
    orders, truth = _ordered(world), world.truth.orders
    fresh = _steps(world, orders.moment, orders.address_age_days == 0, step, "mean")
    stolen = truth.is_fraud & truth.behaviour.str.startswith("pattern")
    day = (truth.order_id // ORDERS_PER_DAY_LIMIT - 1)[stolen]
    moved = truth.behaviour[stolen].isin(["pattern_2", "pattern_3"])
    return {
        "orders to a fresh address, of all orders: in the tables at once": 100 * fresh,
        "fraud of patterns 2 and 3, of all pattern fraud: known weeks later": 100
        * _steps(world, day, moved, step, "mean"),
    }


def _amounts(world: World, one: Incident, step: float) -> Lines:
    orders = _ordered(world)
    rows = orders.channel == one.target
    return {
        f'channel "{one.target}"': _steps(world, orders.day[rows], orders.amount[rows], step, "median"),
        "other channels": _steps(world, orders.day[~rows], orders.amount[~rows], step, "median"),
    }


def _prices(world: World, one: Incident, step: float) -> Lines:
    orders = _ordered(world)
    return {"all orders": _steps(world, orders.moment, orders.amount, step, "median")}


def _nulls(world: World, one: Incident, step: float, *, rise: bool) -> Lines:
    orders = _ordered(world)
    names: tuple[str, ...] = ("coupon",)
    table = orders
    if one.name == "renamed_field":
        names = (one.target, RENAMES[one.target])
    elif one.name == "null_burst":
        names = SOURCES[one.target]
        table = world.payments if one.target == "gateway" else orders
    lines = {name: 100 * _steps(world, orders.moment, table[name].isna(), step, "mean") for name in names}
    return {name: _rise(world, one, line, step) for name, line in lines.items()} if rise else lines


def _agreement(world: World, one: Incident, step: float) -> Lines:
    orders, customers = _ordered(world), world.customers
    card = world.payments.card_country
    home = customers.country.to_numpy()[customers.customer_id.searchsorted(orders.customer_id)]
    most = card.mode()[0]
    return {
        "card of the customer's own country": 100 * _steps(world, orders.day, card == home, step, "mean"),
        f"card of the country {most}": 100 * _steps(world, orders.day, card == most, step, "mean"),
    }


def _twice(world: World, one: Incident, step: float) -> Lines:
    lines = {}
    for name, key, at in (("orders", "order_id", "placed_at"), ("events", "event_id", "at")):
        table = world.table(name)
        share = _steps(world, _days(world, table[at]), table[key].duplicated(), step, "mean")
        lines[name] = 100 * share / (1 - share)
    return lines


def _delay(world: World, one: Incident, step: float) -> Lines:
    orders = _ordered(world)
    hours = (orders.arrived_at - orders.placed_at) / np.timedelta64(1, "h")
    rows = {name: orders.channel == name for name in CHANNELS}
    return {name: _steps(world, orders.day[at], hours[at], step, "median") for name, at in rows.items()}


def _waiting(world: World, one: Incident, step: float) -> Lines:
    orders = _ordered(world)
    minutes = ((orders.arrived_at - orders.placed_at) / np.timedelta64(1, "m")).groupby(orders.day)
    return {f"{share:.0%} arrive within": minutes.quantile(share).to_numpy() for share in (0.5, 0.8, 0.9)}


def _labels(world: World, one: Incident, step: float) -> Lines:
    bills = world.chargebacks
    placed = world.truth.orders.order_id.searchsorted(bills.order_id)
    moment = _days(world, world.orders.placed_at.iloc[placed])
    days = _days(world, bills.reported_at) - moment
    return {"mean delay": _steps(world, moment, days, step, "mean")}


def _poison(world: World, one: Incident, step: float) -> Lines:
    orders, bills = _ordered(world), world.truth.chargebacks.set_index("order_id").is_true
    rows = orders[orders.channel == one.target]
    reported = rows.order_id.isin(bills.index)
    true = rows.order_id.isin(bills.index[bills])
    return {
        "charged back": 100 * _steps(world, rows.moment, reported, step, "mean"),
        "charged back and truly fraud": 100 * _steps(world, rows.moment, true, step, "mean"),
    }


def _during(world: World, one: Incident) -> np.ndarray:
    """(days,), whether the day lies in the incident."""
    return np.array([one.touches_day(day) for day in range(world.days)])


def _served_amount(world: World, one: Incident, step: float) -> Lines:
    orders = _ordered(world)
    logged = np.log(orders.amount)
    served = np.where(_during(world, one)[orders.day], np.log10(orders.amount), logged)
    return {
        "logged for training: natural logarithm": _steps(world, orders.day, logged, step, "median"),
        "served": _steps(world, orders.day, served, step, "median"),
    }


def _served_code(world: World, one: Incident, step: float) -> Lines:
    orders = _ordered(world)
    logged = orders.ship_country.map(COUNTRIES.index)
    served = logged + _during(world, one)[orders.day]
    return {
        "logged for training: counted from 0": _steps(world, orders.day, logged, step, "mean"),
        "served": _steps(world, orders.day, served, step, "mean"),
    }


def _answers(world: World, one: Incident, step: float) -> Lines:
    return {"answers of the new model without a number": np.where(_during(world, one), 100.0, 0.0)}


def _bill(world: World, one: Incident, step: float) -> Lines:
    price = np.where(_during(world, one), PRICES.lookup * one.size, PRICES.lookup)
    return {"bill": _volume(world, one, step)["orders"] * price}


def _texts(world: World, one: Incident, step: float) -> Lines:
    lines = {}
    for name in ("messages", "reviews"):
        moment = _days(world, world.table(name)["at"])
        lines[name] = 100 * _steps(world, moment, world.truth.table(name).is_hostile, step, "mean")
    return lines


_CAMPAIGN = View(
    _countries, "customers of the country,\npercentage points above before", WEEK, 133, 1500, 42, 6, 13
)
_LOAD = View(_load, "orders an hour", HOUR, 16, 1500, 11 + 9 / 24, 48, 60, from_zero=True)
_AMOUNT = View(_amounts, "median amount, EUR, logarithmic", log=True)
_ORDERS = View(_volume, "orders a day", days=59, start_day=24, before=24, after=35, from_zero=True)
_OPTIONAL = View(partial(_nulls, rise=False), "missing values, % of rows")
VIEWS: dict[str, View] = {
    "new_market": _CAMPAIGN,
    "new_fraud_pattern": View(_patterns, "%", WEEK, 112, 2500, 56, 8, 8),
    "fraud_burst": _LOAD,
    "unit_change": _AMOUNT,
    "renamed_field": _OPTIONAL,
    "null_burst": View(
        partial(_nulls, rise=True),
        "missing values, % of rows\nabove the hours before",
        *(HOUR, 8, 5000, 4 + 9 / 24, 36, 48, "gateway"),
    ),
    "stale_feature": View(_agreement, "% of orders", target="gateway"),
    "duplicate_events": View(_twice, "rows delivered twice, %"),
    "clock_skew": View(_delay, "median hours from\nplaced_at to arrived_at"),
    "late_labels": View(_labels, "mean days from order\nto chargeback", WEEK, 308, 800, 84, 8, 18),
    "poisoned_labels": View(_poison, "% of the partner's orders", WEEK, 203, 1000, 56, 6, 12),
    "code_skew": View(_served_amount, "median of the feature log_amount"),
    "library_upgrade": View(_served_code, "mean number that stands\nfor ship_country"),
    "nan_weights": View(_answers, "% of answers", orders_per_day=10),
    "cost_explosion": View(_bill, "bill of the lookup, EUR a day"),
    "hostile_text": View(_texts, "texts with an instruction, %", WEEK, 98, 1500, 28, 4, 10),
    "price_inflation": View(_prices, "median amount, EUR", WEEK, 378, 1000, 84, 12, 40),
    "traffic_spike": _LOAD,
    "holiday": _ORDERS,
    "weekend": _ORDERS,
    "sale": _AMOUNT,
    "home_campaign": _CAMPAIGN,
    "optional_field": _OPTIONAL,
    "reordering": View(_waiting, "minutes from placed_at\nto arrived_at"),
}
