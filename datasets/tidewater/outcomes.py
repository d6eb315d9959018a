"""What follows an order: the chargeback of a fraud, weeks later, and the parcel's way."""

from __future__ import annotations

import numpy as np

from tidewater import calendar, places
from tidewater.calendar import DAY_MS, HOUR_MS
from tidewater.incidents import Incident
from tidewater.orders import OrderDay
from tidewater.seeds import stream_of

__all__ = ["LABEL_DELAY_DAYS", "chargebacks_of", "deliveries_of"]

LABEL_DELAY_DAYS = (5.0, 60.0)  # shortest and longest; the mean lies near 47
_BETA = (4.0, 1.2)


def chargebacks_of(seed: int, day: OrderDay, incidents: tuple[Incident, ...]) -> dict[str, np.ndarray]:
    """The chargebacks that this day's orders bring, if all of them are accepted, in order of the orders.

    Returns row (position in the day), reported_ms (since the day's midnight), true (bool: the order is fraud).
    """
    rng = stream_of(seed, "chargebacks", day.day)
    low, high = LABEL_DELAY_DAYS
    n = len(day)
    usual = low + (high - low) * rng.beta(*_BETA, n)
    delay = usual.copy()
    reported = day.is_fraud.copy()
    for one in incidents:
        now = one.start_day <= day.day + day.placed_ms / DAY_MS
        now &= day.day + day.placed_ms / DAY_MS < one.end_day
        if one.name == "late_labels":
            delay = np.where(now, delay * one.size, delay)
        elif one.name == "poisoned_labels":
            channel = places.CHANNELS.index(one.target)
            pick = stream_of(seed, "incidents", one.name, day.day).random(n) < one.size
            poison = now & (day.marks["channel"] == channel) & pick & ~day.is_fraud
            delay = np.where(poison, 1 + usual / 6, delay)  # a batch of the partner, within two weeks
            reported |= poison
    row = np.flatnonzero(reported)
    moment = day.placed_ms[row] + np.rint(delay[row] * DAY_MS).astype(np.int64)
    return {"row": row, "reported_ms": moment, "true": day.is_fraud[row]}


def deliveries_of(seed: int, day: OrderDay, incidents: tuple[Incident, ...]) -> dict[str, np.ndarray]:
    """Times in milliseconds since the day's midnight: shipped, promised, delivered; and expected_hours in transit.

    Orders before 15:00 leave the same evening, others the next one; nothing leaves on a Sunday.
    """
    rng = stream_of(seed, "deliveries", day.day)
    n = len(day)
    weekday = calendar.weekday(day.day)
    wait_days = (day.placed_ms >= 15 * HOUR_MS).astype(np.int64)
    wait_days += (weekday + wait_days) % 7 == 6
    shipped = wait_days * DAY_MS + 17 * HOUR_MS + rng.integers(0, 2 * HOUR_MS, n)
    shipped = np.maximum(shipped, day.placed_ms + 30 * 60_000)
    zone = np.digitize(day.ship_country, [len(places.HOME), len(places.HOME) + len(places.NEAR)])
    base = np.array([30.0, 58.0, 150.0])[zone] + 3.0 * day.marks["items"]
    base = base * np.array([1.0, 1.0, 1.25, 1.1])[day.marks["channel"]]
    weekend = np.where((weekday + wait_days) % 7 >= 4, 22.0, 0.0)
    busy = np.prod([1.35 for one in incidents if one.name == "holiday" and one.touches_day(day.day)])
    expected = (base + weekend) * float(busy) * (1 + 0.12 * calendar.season(day.day))
    hours = expected * rng.gamma(9.0, 1 / 9.0, n)
    lost = rng.random(n) < 0.015
    hours = np.where(lost, hours + rng.exponential(120.0, n), hours)
    promised_days = np.ceil((np.array([46.0, 90.0, 210.0])[zone] + weekend) / 24)
    return {
        "shipped_ms": shipped,
        "promised_ms": (shipped // DAY_MS + promised_days.astype(np.int64) + 1) * DAY_MS,
        "delivered_ms": shipped + np.rint(hours * HOUR_MS).astype(np.int64),
        "expected_hours": np.rint((expected + 0.015 * 120.0) * 1e3) / 1e3,
    }
