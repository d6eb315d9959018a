"""How many orders a day has, and how incidents change volume, amounts and habits."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tidewater import mechanics as m
from tidewater.incidents import Incident
from tidewater.places import CHANNELS, COUNTRIES
from tidewater.seeds import stream_of

__all__ = ["DAY_MS", "HOUR_MS", "START", "DayPlan", "market_shares", "plan_day", "season", "weekday"]

START = np.datetime64("2025-01-01T00:00:00.000", "ms")
DAY_MS, HOUR_MS = 86_400_000, 3_600_000
_WEEK = np.array([1.05, 1.0, 0.98, 1.0, 1.08, 1.02, 0.87])  # Monday first
_RAMP_DAYS = 14.0
_BURST_CHANCE = 0.3  # of a day with card testing; then the class has its whole weight on such days


@dataclass(frozen=True)
class DayPlan:
    """What one day brings. K classes, H = 24 hours, C channels.

    rates: (K, H), expected orders. amount_factor: (C,), on amounts in EUR. fraud_share: (K,).
    """

    day: int
    rates: np.ndarray
    amount_factor: np.ndarray
    fraud_share: np.ndarray


def weekday(day: int) -> int:
    """0 for a Monday, 6 for a Sunday; the world begins on a Wednesday."""
    return (2 + day) % 7


def season(day: int) -> float:
    """The factor of the day's place in week and year on the number of orders; its mean over a year is 1."""
    return float(_WEEK[weekday(day)] * (1 + 0.12 * np.cos(2 * np.pi * (day - 340) / 365.25)))


def ramp(incident: Incident, day: int) -> float:
    """How far a gradual incident has grown on this day, 0 to 1."""
    if not incident.start_day <= day < incident.end_day:
        return 0.0
    return min(1.0, (day - incident.start_day + 1) / _RAMP_DAYS)


def market_shares(incidents: tuple[Incident, ...], day: int) -> dict[int, float]:
    """Country code -> share of the day's new sign-ups that a campaign brings."""
    growing = [one for one in incidents if one.name in ("new_market", "home_campaign")]
    shares = {COUNTRIES.index(one.target): one.size * ramp(one, day) for one in growing}
    return {country: share for country, share in shares.items() if share > 0}


def plan_day(
    seed: int, mechanics: m.Mechanics, incidents: tuple[Incident, ...], day: int, orders: float
) -> DayPlan:
    """The plan of one day; `orders` is the mean number of orders a day."""
    rng = stream_of(seed, "calendar", day)
    weight = mechanics.weight.copy()
    burst_day, burst_hour = rng.random() < _BURST_CHANCE, int(rng.integers(24))
    rates = weight[:, None] * mechanics.hours * (orders * season(day))
    rates[m.TESTING] = 0.0
    if burst_day:
        window = [burst_hour, (burst_hour + 1) % 24]
        rates[m.TESTING, window] = weight[m.TESTING] / _BURST_CHANCE * orders / 2
    factor, moved = np.ones(len(CHANNELS)), mechanics.drift_a_year * day / 365
    for one in incidents:
        if not one.touches_day(day):
            continue
        if one.name == "new_fraud_pattern":
            moved += one.size
        _change_rates(rates, one, day, orders)
        _change_amounts(factor, one, day)
    moved = min(1.0, moved)
    share = (1 - moved) * mechanics.fraud_share + moved * mechanics.moved_share
    return DayPlan(day, rates, factor, share)


def _change_rates(rates: np.ndarray, one: Incident, day: int, orders: float) -> None:
    inside = hours_inside(one, day)
    if one.name == "fraud_burst":
        rates[m.BOTS] += one.size * orders * inside / (one.days * 24)
    elif one.name == "traffic_spike":
        rates *= 1 + (one.size - 1) * inside
    elif one.name in ("holiday", "weekend"):
        rates *= 1 + (one.size - 1) * inside
        if one.name == "holiday":
            rates[m.GIFT] *= 1 + 2 * inside
    elif one.name == "home_campaign":
        rates *= 1 + one.size * ramp(one, day)
    elif one.name == "new_market":
        rates[m.NEWCOMER] += one.size * ramp(one, day) * orders * m.HOURS / m.HOURS.sum()


def _change_amounts(factor: np.ndarray, one: Incident, day: int) -> None:
    if one.name == "sale":
        factor[CHANNELS.index(one.target)] *= one.size
    elif one.name == "holiday":
        factor *= 1.1
    elif one.name == "price_inflation":
        factor *= (1 + one.size) ** max(0.0, (day - one.start_day) / 365)


def hours_inside(one: Incident, day: int) -> np.ndarray:
    """(24,), the share of each hour of the day that lies in the incident."""
    hours = day + np.arange(24) / 24
    overlap = np.minimum(hours + 1 / 24, one.end_day) - np.maximum(hours, one.start_day)
    return np.clip(overlap * 24, 0.0, 1.0)
