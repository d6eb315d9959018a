"""Events: what visitors look at, click and put into the cart, of a sample of sessions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tidewater import faults
from tidewater import mechanics as m
from tidewater.calendar import DAY_MS, HOUR_MS
from tidewater.catalogue import PRODUCT_NUMBER_BASE
from tidewater.columns import Column, Columns, coded, moments, take
from tidewater.sales import CUSTOMER_NUMBER_BASE
from tidewater.seeds import stream_of
from tidewater.visitors import baskets, hourly_orders, moments_of, visitors

if TYPE_CHECKING:
    from tidewater.core import Core

__all__ = ["EVENT_TYPES", "INTENTS", "events", "events_truth"]

EVENTS_PER_DAY_LIMIT = 100_000_000  # event numbers are (day + 1) times this plus a place in the day
SESSIONS_PER_DAY_LIMIT = 10_000_000
EVENT_TYPES = ("view", "click", "cart")
INTENTS = ("browse", "compare", "buy")
# Only sessions with consent are recorded: one order in sixteen, and about nine sessions without one for each.
_SHARE_OF_ORDERS, _OTHERS_PER_ORDER = 0.06, 0.55
_MORE_VIEWS = np.array([0.7, 1.9, 1.0])  # beyond the first, by intent
_CLICKS = np.array([0.24, 0.45, 0.40])  # share of views with a click
_CARTS = np.array([0.07, 0.16, 0.15])  # share of clicks with a cart that is left behind


@dataclass(frozen=True)
class Sessions:
    """The sessions of a day, S rows; times in milliseconds since midnight.

    intent: positions in INTENTS. order: position of the day's order that ends the session, -1 without one.
    wanted: the product bought, -1 without one. begin, end: the events lie between them.
    """

    customer: np.ndarray
    intent: np.ndarray
    order: np.ndarray
    wanted: np.ndarray
    views: np.ndarray
    begin: np.ndarray
    end: np.ndarray


def _sessions(core: Core, rng: np.random.Generator, day: int) -> Sessions:
    one = core.order_day(day)
    people = np.flatnonzero(~np.isin(one.kind, m.MACHINES))
    bought = people[rng.random(len(people)) < _SHARE_OF_ORDERS]
    hourly = hourly_orders(core, day)
    n = int(rng.poisson(_OTHERS_PER_ORDER * hourly.sum()))
    begin = moments_of(rng, hourly, n)
    customer = np.concatenate([one.customer[bought], visitors(core, rng, day, n)])
    intent = np.concatenate([np.full(len(bought), 2), (rng.random(n) < 0.38).astype(np.int64)])
    views = 1 + rng.poisson(_MORE_VIEWS[intent])
    length = np.rint(views * np.exp(rng.normal(np.log(35_000), 0.6, len(intent)))).astype(np.int64)
    end = np.concatenate([one.placed_ms[bought], np.minimum(begin + length[len(bought) :], DAY_MS - 1)])
    begin = np.concatenate([np.maximum(0, one.placed_ms[bought] - length[: len(bought)]), begin])
    none = np.full(n, -1)
    return Sessions(
        customer=customer,
        intent=intent,
        order=np.concatenate([bought, none]),
        wanted=np.concatenate([baskets(core, day)[bought], none]),
        views=views,
        begin=begin,
        end=end,
    )


def _day(core: Core, day: int) -> tuple[Columns, np.ndarray]:
    """All columns of one day's events before any fault, in order of time, and their times since midnight."""
    rng = stream_of(core.seed, "events", day)
    one = _sessions(core, rng, day)
    session = np.repeat(np.arange(len(one.views)), one.views)
    place = np.arange(len(session)) - np.repeat(np.cumsum(one.views) - one.views, one.views)
    intent = one.intent[session]
    last = (place == one.views[session] - 1) & (one.order[session] >= 0)
    seen = core.catalogue.draw(rng, core.favourites[one.customer[session]])
    product = np.where(last, one.wanted[session], seen)
    click = (rng.random(len(session)) < _CLICKS[intent]) | last
    cart = click & ((rng.random(len(session)) < _CARTS[intent]) | last)
    step = (one.end - one.begin)[session] / one.views[session]
    moment = one.begin[session] + (place + 0.6 * rng.random(len(session))) * step
    rows = np.concatenate([np.arange(len(session)), np.flatnonzero(click), np.flatnonzero(cart)])
    kind = np.repeat([0, 1, 2], [len(session), int(click.sum()), int(cart.sum())])
    at = np.floor(moment[rows] + kind * 0.19 * step[rows]).astype(np.int64)
    order = np.argsort(at, kind="stable")
    rows, kind, at = rows[order], kind[order], at[order]
    delay = _delays(stream_of(core.seed, "events", "arrivals", day), len(rows))
    number = core.order_day(day).number
    from_order = one.order[session[rows]]
    return {
        "event_id": Column((day + 1) * EVENTS_PER_DAY_LIMIT + np.arange(len(rows))),
        "customer_id": Column(one.customer[session[rows]] + CUSTOMER_NUMBER_BASE),
        "product_id": Column(product[rows] + PRODUCT_NUMBER_BASE),
        "type": coded(kind, EVENT_TYPES),
        "at": moments(day, at),
        "arrived_at": moments(day, at + delay),
        "session_id": Column((day + 1) * SESSIONS_PER_DAY_LIMIT + session[rows]),
        "intent": coded(intent[rows], INTENTS),
        "order_id": Column(np.append(number, 0)[from_order], missing=from_order < 0),
    }, at


def events(core: Core, day: int) -> Columns:
    """The events of one day as they arrive, faults of the queue included."""
    every, at = _day(core, day)
    names = ("event_id", "customer_id", "product_id", "type", "at", "arrived_at")
    clean = {name: every[name] for name in names}
    if not any(one.touches_day(day) for one in core.incidents):
        return clean
    nothing = take(clean, np.empty(0, np.int64))
    channel = np.zeros(len(at), np.int8)
    return faults.observe(core.seed, day, clean, core.incidents, at, channel, lambda: nothing)


def events_truth(core: Core, day: int) -> Columns:
    """Each event once: its session, the visitor's intent, the order that ends the session if there is one."""
    every, _ = _day(core, day)
    return {name: every[name] for name in ("event_id", "session_id", "intent", "order_id")}


def _delays(rng: np.random.Generator, n: int) -> np.ndarray:
    """Milliseconds until arrival: seconds, hours for the few who were offline."""
    seconds = np.exp(rng.normal(0.2, 0.8, n))
    seconds = np.where(rng.random(n) < 0.015, seconds + rng.exponential(2 * 3600, n), seconds)
    return np.rint(seconds * 1000).clip(1, 47 * HOUR_MS).astype(np.int64)
