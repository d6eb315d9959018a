"""One day of orders with their payments, and the true probability of fraud of each."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from tidewater import mechanics as m
from tidewater import places
from tidewater.calendar import HOUR_MS, DayPlan
from tidewater.mechanics import Mechanics
from tidewater.population import PAST_DAYS, Population
from tidewater.scales import millionths
from tidewater.seeds import stream_of

__all__ = ["ORDERS_PER_DAY_LIMIT", "OrderDay", "make_day"]

ORDERS_PER_DAY_LIMIT = 10_000_000  # order numbers are (day + 1) times this plus a place in the day


@dataclass(frozen=True)
class OrderDay:
    """The clean orders of one day, in order of time, as codes; n orders.

    number: order id. customer: position in the population. placed_ms: since the day's midnight, 0 to
    86,399,999. delay_ms: until arrival. cents: amount in EUR cents. marks: mark -> codes. kind: position in CLASSES.
    p_fraud: true probability given all marks, the customer's habits and the day's rates.
    """

    day: int
    number: np.ndarray
    customer: np.ndarray
    placed_ms: np.ndarray
    delay_ms: np.ndarray
    cents: np.ndarray
    marks: dict[str, np.ndarray]
    card_country: np.ndarray
    ship_country: np.ndarray
    device: np.ndarray
    address_age_days: np.ndarray
    coupon: np.ndarray
    legacy_score: np.ndarray
    kind: np.ndarray
    is_fraud: np.ndarray
    p_fraud: np.ndarray

    def __len__(self) -> int:
        return len(self.number)

    @property
    def mechanism(self) -> np.ndarray:
        """Positions in MECHANISMS: 0 for an honest order."""
        return np.where(self.is_fraud, m.MECHANISM_OF_CLASS[self.kind], 0).astype(np.int8)


def make_day(seed: int, mechanics: Mechanics, population: Population, plan: DayPlan) -> OrderDay:
    """The orders of the planned day; equal arguments give equal orders."""
    rng = stream_of(seed, "orders", plan.day)
    kernels = population.kernels(plan.day)
    if not kernels[3].any():  # nobody of the new market has signed up yet
        nobody = np.arange(len(m.CLASSES))[:, None] == m.NEWCOMER
        plan = replace(plan, rates=np.where(nobody, 0.0, plan.rates))
    n = int(rng.poisson(plan.rates.sum()))
    cell = _cells(rng, plan.rates, n)
    placed = (cell % 24) * HOUR_MS + rng.integers(0, HOUR_MS, n)
    order = np.argsort(placed, kind="stable")
    placed, cell = placed[order], cell[order]
    kind = (cell // 24).astype(np.int8)
    cohort = _draw_cohorts(rng, kernels, mechanics.kernel[kind])
    customer = population.draw(rng, cohort, plan.day, mechanics.kernel[kind] == 3)
    new = (cohort == plan.day + PAST_DAYS).astype(np.int8)
    marks = _marks(rng, mechanics, kind, new)
    log_amount = population.log_amount[customer] + mechanics.log_amount_shift[kind]
    log_amount = np.where(np.isnan(m.OWN_LOG_MEAN[kind]), log_amount, m.OWN_LOG_MEAN[kind])
    log_amount += mechanics.log_amount_sd[kind] * rng.standard_normal(n)
    cents = np.exp(log_amount) * (100 * plan.amount_factor[marks["channel"]])
    is_fraud = rng.random(n) < plan.fraud_share[kind]
    p = _true_probability(
        mechanics, plan, kernels, population, (cell % 24, cohort, customer, new), marks, log_amount
    )
    late = stream_of(seed, "arrivals", plan.day)
    extras = _extras(
        stream_of(seed, "payments", plan.day), mechanics, population, customer, marks, new, plan.day
    )
    return OrderDay(
        day=plan.day,
        number=(plan.day + 1) * ORDERS_PER_DAY_LIMIT + np.arange(n),
        customer=customer,
        placed_ms=placed,
        delay_ms=_delays(late, marks["channel"]),
        cents=np.maximum(50, np.rint(cents)).astype(np.int64),
        marks=marks,
        **extras,
        kind=kind,
        is_fraud=is_fraud,
        p_fraud=millionths(p),
    )


def _cells(rng: np.random.Generator, rates: np.ndarray, n: int) -> np.ndarray:
    """(n,), class * 24 + hour, drawn in proportion to the rates."""
    bounds = np.cumsum(rates.ravel())
    return np.searchsorted(bounds[:-1], rng.random(n) * bounds[-1], side="right")


def _draw_cohorts(rng: np.random.Generator, kernels: np.ndarray, which: np.ndarray) -> np.ndarray:
    u, cohort = rng.random(len(which)), np.empty(len(which), np.int64)
    for k in range(len(kernels)):
        rows = which == k
        cohort[rows] = np.searchsorted(np.cumsum(kernels[k])[:-1], u[rows], side="right")
    return cohort


def _marks(
    rng: np.random.Generator, mechanics: Mechanics, kind: np.ndarray, new: np.ndarray
) -> dict[str, np.ndarray]:
    """Codes of every mark, each drawn from the table of the order's class."""
    marks = {}
    row = new.astype(np.int64) * len(m.CLASSES) + kind
    for name, codes in m.MARKS.items():
        table = mechanics.tables[name].reshape(-1, codes)
        bounds = np.cumsum(table, axis=1)[:, :-1] / table.sum(axis=1, keepdims=True)
        u = rng.random(len(kind))
        code = np.zeros(len(kind), np.int8)
        for j in range(codes - 1):
            code += u >= bounds[row, j]
        marks[name] = code
    return marks


def _true_probability(
    mechanics: Mechanics,
    plan: DayPlan,
    kernels: np.ndarray,
    population: Population,
    who: tuple[np.ndarray, ...],
    marks: dict[str, np.ndarray],
    log_amount: np.ndarray,
) -> np.ndarray:
    """P(fraud | everything visible, the customer's habits): the classes' densities, weighed by their rates."""
    hour, cohort, customer, new = who
    with np.errstate(divide="ignore"):
        density = np.log(plan.rates).T[hour]  # (n, K)
        density += _who_orders(mechanics, kernels, population, cohort, customer)
        for name, codes in m.MARKS.items():
            table = mechanics.tables[name] / mechanics.tables[name].sum(axis=2, keepdims=True)
            rows = np.log(table).transpose(0, 2, 1).reshape(2 * codes, -1)  # row: new * codes + code
            density += rows[new * codes + marks[name]]
    centre = population.log_amount[customer][:, None] + mechanics.log_amount_shift
    centre = np.where(np.isnan(m.OWN_LOG_MEAN), centre, m.OWN_LOG_MEAN)
    density -= 0.5 * ((log_amount[:, None] - centre) / mechanics.log_amount_sd) ** 2 + np.log(
        mechanics.log_amount_sd
    )
    weight = np.exp(density - density.max(axis=1, keepdims=True))
    return (weight @ plan.fraud_share) / weight.sum(axis=1)


def _who_orders(
    mechanics: Mechanics,
    kernels: np.ndarray,
    population: Population,
    cohort: np.ndarray,
    customer: np.ndarray,
) -> np.ndarray:
    """(n, K), ln of how much likelier each class is than the regular one to bring just this customer."""
    ratio = np.log(kernels / kernels[0])[mechanics.kernel].T[cohort]
    among = np.isin(customer, population.newcomers)
    new = mechanics.kernel == 3
    ratio[np.ix_(~among, new)] = -np.inf
    ratio[np.ix_(among, new)] -= np.log(population.newcomer_share[cohort[among]])[:, None]
    return ratio


def _extras(
    rng: np.random.Generator,
    mechanics: Mechanics,
    population: Population,
    customer: np.ndarray,
    marks: dict[str, np.ndarray],
    new: np.ndarray,
    day: int,
) -> dict[str, np.ndarray]:
    """What follows from the marks: which country, which device, how old the address, the old engine's score."""
    n, home = len(customer), population.country[customer]
    card = _country_of(rng, mechanics, home, marks["card"])
    elsewhere = _country_of(rng, mechanics, home, np.where(rng.random(n) < 0.8, 1, 2))
    age = day + PAST_DAYS - population.cohort[customer]
    used = np.minimum((rng.random(n) ** 0.5 * np.maximum(age, 1)).astype(np.int32) + 1, np.maximum(age, 1))
    other_device = rng.integers(0, len(places.DEVICES), n)
    points = (
        40 * (marks["card"] == 2) + 15 * marks["attempts"] + 10 * (marks["address"] == 1) + 8 * marks["ship"]
    )
    score = np.rint(60 + 6 * points + rng.normal(0, 55, n)).clip(0, 999)
    return {
        "card_country": card,
        "ship_country": np.where(marks["ship"] == 1, elsewhere, home).astype(np.int8),
        "device": np.where(marks["device"] == 0, population.device[customer], other_device).astype(np.int8),
        "address_age_days": np.where((marks["address"] == 1) | (new == 1), 0, used).astype(np.int32),
        "coupon": np.where(rng.random(n) < 0.22, rng.integers(1, len(places.COUPONS), n), 0).astype(np.int8),
        "legacy_score": score.astype(np.int16),
    }


def _country_of(
    rng: np.random.Generator, mechanics: Mechanics, home: np.ndarray, relation: np.ndarray
) -> np.ndarray:
    """Country codes: the home country (relation 0), another one near by (1), a far one (2)."""
    n, n_home, n_near = len(home), len(places.HOME), len(places.NEAR)
    near = rng.integers(0, n_home + n_near - 1, n)
    near += (near >= home) & (home < n_home + n_near)
    far = n_home + n_near + np.searchsorted(np.cumsum(mechanics.far_mix)[:-1], rng.random(n), side="right")
    return np.select([relation == 0, relation == 1], [home, near], far).astype(np.int8)


def _delays(rng: np.random.Generator, channel: np.ndarray) -> np.ndarray:
    """Milliseconds until arrival: seconds for most, hours for a phone that was offline and for partners' batches."""
    n = len(channel)
    seconds = np.exp(rng.normal(0.3, 0.8, n))
    offline = (channel == 1) & (rng.random(n) < 0.02)
    seconds = np.where(offline, seconds + rng.exponential(3 * 3600, n), seconds)
    seconds = np.where(channel == 2, seconds + rng.uniform(0, 900, n), seconds)
    return np.rint(seconds * 1000).clip(1, 47 * HOUR_MS).astype(np.int64)
