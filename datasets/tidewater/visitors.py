"""Who comes by on a day, when, and for what: shared by events, searches, reviews and messages."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tidewater import mechanics as m
from tidewater.calendar import HOUR_MS
from tidewater.seeds import stream_of

if TYPE_CHECKING:
    from tidewater.core import Core

__all__ = [
    "EVERYONE",
    "YOUNG",
    "baskets",
    "draw_favourites",
    "hourly_orders",
    "moments_of",
    "visitors",
]

EVERYONE, YOUNG = 0, 1  # rows of Population.kernels


def hourly_orders(core: Core, day: int) -> np.ndarray:
    """(24,), expected orders of each hour by people, card testing by bots left out."""
    return np.delete(core.plan(day).rates, m.MACHINES, axis=0).sum(axis=0)


def moments_of(rng: np.random.Generator, hourly: np.ndarray, n: int) -> np.ndarray:
    """(n,), milliseconds since midnight, by the busyness of the hours, int64."""
    bounds = np.cumsum(hourly)
    hour = np.searchsorted(bounds[:-1], rng.random(n) * bounds[-1], side="right")
    return hour * HOUR_MS + rng.integers(0, HOUR_MS, n)


def visitors(core: Core, rng: np.random.Generator, day: int, n: int, age: int = EVERYONE) -> np.ndarray:
    """(n,), customers by activity among those who have signed up; `age` YOUNG favours new accounts."""
    chances = np.cumsum(core.population.kernels(day)[age])
    cohort = np.searchsorted(chances[:-1], rng.random(n), side="right")
    return core.population.draw(rng, cohort, day)


def draw_favourites(seed: int, customers: int, category_share: np.ndarray) -> np.ndarray:
    """(customers,), each customer's favourite category, as frequent as the categories' shares of the trade."""
    u = stream_of(seed, "customers", "favourite").random(customers)
    return np.searchsorted(np.cumsum(category_share)[:-1], u, side="right").astype(np.int8)


def baskets(core: Core, day: int) -> np.ndarray:
    """(n orders,), the main product of each order of the day."""
    favourite = core.favourites[core.order_day(day).customer]
    return core.catalogue.draw(stream_of(core.seed, "baskets", day), favourite)
