"""Customers: who they are, how long they stay, and who places an order on a given day."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tidewater import calendar, places
from tidewater.incidents import Incident
from tidewater.mechanics import Mechanics
from tidewater.seeds import stream_of

__all__ = ["PAST_DAYS", "Population", "make_population"]

PAST_DAYS = 400  # of sign-ups before the world's first day
_SIGN_UPS_PER_ORDER = 0.12
_SEGMENT_MIX = np.array([0.30, 0.48, 0.17, 0.05])
_SEGMENT_LOG_AMOUNT = np.array([-0.35, 0.0, 0.45, 0.7])
_SEGMENT_LIFE_DAYS = np.array([220.0, 330.0, 420.0, 520.0])
_CHANNEL_LIFE = np.array([1.0, 1.3, 0.6, 0.7, 1.2])
MEDIAN_LOG_AMOUNT = float(
    np.log(42.0)
)  # EUR; shifts of classes and segments bring the median of orders to 45


@dataclass(frozen=True)
class Population:
    """Columns over all customers, in order of sign-up; a customer's number is a position.

    cohort: day of sign-up + PAST_DAYS. signed_up_ms: since that midnight. life_days: until the customer leaves.
    log_amount: the customer's own mean of ln(EUR). place: cohort + share of the cohort's activity up to and
    with this customer, so that a search in it draws customers by activity. first_of_cohort: (cohorts + 1,).
    newcomers: positions of the customers that a new_market brought; newcomer_place: the same as place among
    them. newcomer_share: (cohorts,), their share of the cohort's activity.
    """

    cohort: np.ndarray
    signed_up_ms: np.ndarray
    country: np.ndarray
    age_band: np.ndarray
    device: np.ndarray
    channel: np.ndarray
    opt_in: np.ndarray
    segment: np.ndarray
    churn_hazard: np.ndarray
    life_days: np.ndarray
    activity: np.ndarray
    log_amount: np.ndarray
    place: np.ndarray
    first_of_cohort: np.ndarray
    newcomers: np.ndarray
    newcomer_place: np.ndarray
    newcomer_share: np.ndarray

    def __len__(self) -> int:
        return len(self.cohort)

    def kernels(self, day: int) -> np.ndarray:
        """(4, cohorts up to today), the chance that an order comes from a cohort.

        In four ways: from accounts of all ages, young ones, old ones, those of a new market (all 0 without one).
        """
        sizes = np.diff(self.first_of_cohort)[: day + PAST_DAYS + 1]
        age = np.arange(len(sizes) - 1, -1, -1.0)
        stay = (1 + age / 900) ** -3.0
        everyone = 0.25 + 0.8 * np.exp(-age / 25)
        everyone[-1] = 4.0
        young = np.where(age <= 5, 6 * np.exp(-age / 2), 0.01)
        old = np.where(age >= 45, 1.0, 0.002)
        new = everyone * self.newcomer_share[: len(sizes)]
        weights = np.stack([everyone, young, old, new]) * sizes * stay
        return weights / np.maximum(weights.sum(axis=1, keepdims=True), 1e-300)

    def draw(
        self, rng: np.random.Generator, cohort: np.ndarray, day: int, new: np.ndarray | None = None
    ) -> np.ndarray:
        """One customer for each given cohort, by activity among those who still stay on this day.

        new: bool, shape of cohort: draw among the new market's customers only; nowhere by default.
        """
        new = np.zeros(len(cohort), bool) if new is None else new
        customer = self._search(rng, cohort, new)
        age = day + PAST_DAYS - cohort
        for _ in range(12):
            gone = np.flatnonzero(self.life_days[customer] < age)
            if not len(gone):
                break
            customer[gone] = self._search(rng, cohort[gone], new[gone])
        return customer

    def _search(self, rng: np.random.Generator, cohort: np.ndarray, new: np.ndarray) -> np.ndarray:
        point = cohort + rng.random(len(cohort))
        found = np.searchsorted(self.place, point, side="right")
        customer = np.minimum(found, self.first_of_cohort[cohort + 1] - 1).astype(np.int64)
        if new.any():
            found = np.searchsorted(self.newcomer_place, point[new], side="right")
            customer[new] = self.newcomers[np.minimum(found, len(self.newcomers) - 1)]
        return customer


def make_population(
    seed: int, mechanics: Mechanics, incidents: tuple[Incident, ...], days: int, orders: float
) -> Population:
    """All customers who have signed up by the end of the world's last day.

    A longer world begins with the same customers. About 60 bytes of memory for each.
    """
    sizes, market = _cohorts(seed, incidents, days, orders)
    n, bounds = int(sizes.sum()), np.concatenate([[0], np.cumsum(sizes)])
    cohort = np.repeat(np.arange(len(sizes), dtype=np.int32), sizes)

    def uniform(name: str) -> np.ndarray:
        return stream_of(seed, "customers", name).random(n)

    segment = _pick(uniform("segment"), _SEGMENT_MIX)
    channel = _pick(uniform("channel"), np.array([0.34, 0.18, 0.25, 0.13, 0.10]))
    life = _SEGMENT_LIFE_DAYS[segment] * _CHANNEL_LIFE[channel]
    hazard = (1 / life) * stream_of(seed, "customers", "hazard").gamma(2.0, 0.5, n)
    life_days = 0.5 - np.log1p(-uniform("life")) / hazard
    activity = stream_of(seed, "customers", "activity").gamma(0.8, 1.0, n) + 0.02
    log_amount = MEDIAN_LOG_AMOUNT + _SEGMENT_LOG_AMOUNT[segment]
    log_amount = log_amount + 0.42 * stream_of(seed, "customers", "amount").standard_normal(n)
    country = _countries(uniform("country"), mechanics, cohort, market)
    place = _places(activity, cohort, bounds)
    coming = [places.COUNTRIES.index(one.target) for one in incidents if one.name == "new_market"]
    newcomers = np.flatnonzero(np.isin(country, coming))
    theirs = np.bincount(cohort[newcomers], activity[newcomers], len(sizes))
    return Population(
        cohort=cohort,
        signed_up_ms=(uniform("moment") * calendar.DAY_MS).astype(np.int32),
        country=country,
        age_band=_pick(uniform("age"), np.array([0.13, 0.26, 0.22, 0.18, 0.13, 0.08])),
        device=_pick(uniform("device"), np.array([0.36, 0.28, 0.22, 0.11, 0.03])),
        channel=channel,
        opt_in=uniform("opt_in") < 0.42,
        segment=segment,
        churn_hazard=hazard.astype(np.float32),
        life_days=life_days.astype(np.float32),
        activity=activity.astype(np.float32),
        log_amount=log_amount.astype(np.float32),
        place=place,
        first_of_cohort=bounds,
        newcomers=newcomers,
        newcomer_place=_newcomer_places(activity[newcomers], cohort[newcomers], theirs),
        newcomer_share=theirs / np.bincount(cohort, activity, len(sizes)),
    )


def _cohorts(seed: int, incidents: tuple[Incident, ...], days: int, orders: float) -> tuple[np.ndarray, dict]:
    """Sign-ups of each day, at least one, and the campaigns' share of them by cohort."""
    market: dict[int, dict[int, float]] = {}
    mean = np.empty(PAST_DAYS + days)
    for cohort in range(len(mean)):
        day = cohort - PAST_DAYS
        mean[cohort] = _SIGN_UPS_PER_ORDER * orders * calendar.season(day)
        shares = calendar.market_shares(incidents, day) if day >= 0 else {}
        if shares:
            market[cohort] = shares
            mean[cohort] /= max(0.1, 1 - sum(shares.values()))
    return np.maximum(1, stream_of(seed, "customers", "cohorts").poisson(mean)), market


def _countries(u: np.ndarray, mechanics: Mechanics, cohort: np.ndarray, market: dict) -> np.ndarray:
    n_home = len(places.HOME)
    country = _pick(np.minimum(u / 0.94, 0.999999), mechanics.country_mix)
    abroad = u >= 0.94  # a few live in countries near by
    country[abroad] = n_home + ((u[abroad] - 0.94) / 0.06 * len(places.NEAR)).astype(np.int8)
    first = np.searchsorted(cohort, np.arange(cohort[-1] + 2))
    for day, shares in market.items():
        rows = slice(first[day], first[day + 1])
        fine = (u[rows] * 1000) % 1.0  # the digits after the third are as random as the first
        low = 0.0
        for code, share in shares.items():
            country[rows][(fine >= low) & (fine < low + share)] = code
            low += share
    return country


def _places(activity: np.ndarray, cohort: np.ndarray, bounds: np.ndarray) -> np.ndarray:
    total = np.concatenate([[0.0], np.cumsum(activity)])
    start, end = total[bounds[:-1]], total[bounds[1:]]
    return cohort + (total[1:] - start[cohort]) / (end - start)[cohort]


def _newcomer_places(activity: np.ndarray, cohort: np.ndarray, total: np.ndarray) -> np.ndarray:
    running = np.cumsum(activity) - (np.cumsum(total) - total)[cohort]
    return cohort + running / total[cohort]


def _pick(u: np.ndarray, chances: np.ndarray) -> np.ndarray:
    """Positions drawn with these chances from uniform numbers."""
    return np.searchsorted(np.cumsum(chances)[:-1], u * chances.sum(), side="right").astype(np.int8)
