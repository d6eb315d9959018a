"""Reviews of products, weeks after the orders they speak of, and the unwanted ones between them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tidewater import injections, outcomes
from tidewater import mechanics as m
from tidewater.calendar import DAY_MS
from tidewater.catalogue import PRODUCT_NUMBER_BASE
from tidewater.columns import Column, Columns, coded, moments
from tidewater.sales import CUSTOMER_NUMBER_BASE
from tidewater.scales import millionths
from tidewater.seeds import stream_of
from tidewater.text.reviews import reviews as review_texts
from tidewater.visitors import YOUNG, baskets, hourly_orders, moments_of, visitors

if TYPE_CHECKING:
    from tidewater.core import Core

__all__ = ["WAIT_DAYS", "era_of", "reviews", "reviews_truth"]

WAIT_DAYS = 8  # between an order and its review; the core keeps so many days
REVIEWS_PER_DAY_LIMIT = 1_000_000
_SHARE, _SPAM_SHARE = 0.04, 0.08  # of orders, of reviews
_PAID_SHARE, _PRAISE = 0.08, 0.75  # of products that spam writes about, of spam that praises
_ERA_DAYS = 365.0  # after which the tricks of spam have changed wholly


@dataclass(frozen=True)
class Opinions:
    """The reviews of one day without their words, in order of time; positions of products and customers."""

    at: np.ndarray
    customer: np.ndarray
    product: np.ndarray
    sentiment: np.ndarray
    stars: np.ndarray
    spam: np.ndarray


def era_of(day: int) -> float:
    """How far the tricks of spam have moved on, 0 to 1."""
    return min(1.0, day / _ERA_DAYS)


def _opinions(core: Core, day: int) -> Opinions:
    rng = stream_of(core.seed, "reviews", day)
    customer, product, late = _buyers(core, rng, day)
    n = len(customer)
    mood = 2.4 * (core.catalogue.quality[product] - 0.48) - 0.9 * late + 0.5 * rng.standard_normal(n)
    sentiment = np.tanh(mood)
    speaks = rng.random(n) < 0.45 + 0.55 * np.abs(sentiment)  # who feels much, writes more often
    stars = np.rint(3.3 + 2.1 * sentiment + 0.5 * rng.standard_normal(n)).clip(1, 5)
    hourly = hourly_orders(core, day)
    n_spam = int(rng.poisson(_SHARE * hourly.sum() * _SPAM_SHARE / (1 - _SPAM_SHARE)))
    praises = rng.random(n_spam) < _PRAISE
    paid = stream_of(core.seed, "reviews", "paid").permutation(len(core.catalogue))
    half = max(1, int(len(paid) * _PAID_SHARE / 2))
    target = np.where(
        praises, paid[:half][rng.integers(0, half, n_spam)], paid[-half:][rng.integers(0, half, n_spam)]
    )
    exact = rng.random(n_spam) < 0.85
    at = moments_of(rng, hourly, int(speaks.sum()) + n_spam)
    rows = np.argsort(at, kind="stable")

    def joined(honest: np.ndarray, spam: np.ndarray) -> np.ndarray:
        return np.concatenate([honest[speaks], spam])[rows]

    return Opinions(
        at=at[rows],
        customer=joined(customer, visitors(core, rng, day, n_spam, YOUNG)),
        product=joined(product, target),
        sentiment=joined(millionths(sentiment), np.where(praises, 0.9, -0.9)),
        stars=joined(stars, np.where(praises, 4 + exact, 2 - exact)).astype(np.int64),
        spam=joined(np.zeros(n, bool), np.ones(n_spam, bool)),
    )


def _buyers(core: Core, rng: np.random.Generator, day: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Customer, product, and whether the parcel was late, of those who might write on this day.

    The first days take customers who bought before the world began.
    """
    share = _SHARE / 0.75  # a quarter of them has nothing to say
    if day < WAIT_DAYS:
        customer = visitors(core, rng, day, int(rng.poisson(share * hourly_orders(core, day).sum())))
        product = core.catalogue.draw(rng, core.favourites[customer])
        return customer, product, rng.random(len(customer)) < 0.06
    one = core.order_day(day - WAIT_DAYS)
    times = outcomes.deliveries_of(core.seed, one, core.incidents)
    rows = ~np.isin(one.kind, m.MACHINES) & (times["delivered_ms"] < WAIT_DAYS * DAY_MS)
    picked = np.flatnonzero(rows & (rng.random(len(one)) < share))
    late = (times["delivered_ms"] > times["promised_ms"])[picked]
    return one.customer[picked], baskets(core, day - WAIT_DAYS)[picked], late


def reviews(core: Core, day: int) -> Columns:
    """The reviews of one day."""
    one = _opinions(core, day)
    category = core.catalogue.category[one.product]
    rng = stream_of(core.seed, "reviews", "text", day)
    titles = core.catalogue.titles[one.product]
    texts = review_texts(rng, category, one.sentiment, one.spam, era=era_of(day), titles=titles)
    return {
        "review_id": Column((day + 1) * REVIEWS_PER_DAY_LIMIT + np.arange(len(one.at))),
        "product_id": Column(one.product + PRODUCT_NUMBER_BASE),
        "customer_id": Column(one.customer + CUSTOMER_NUMBER_BASE),
        "stars": Column(one.stars),
        "text": Column(injections.injected(core, "reviews", day, one.at, texts)),
        "at": moments(day, one.at),
    }


def reviews_truth(core: Core, day: int) -> Columns:
    """Spam or not, sentiment from -1 to 1 (of spam, the one it feigns), the kind of instruction it carries."""
    one = _opinions(core, day)
    kind = injections.kinds_of(core, "reviews", day, one.at)
    return {
        "review_id": Column((day + 1) * REVIEWS_PER_DAY_LIMIT + np.arange(len(one.at))),
        "is_spam": Column(one.spam),
        "sentiment": Column(one.sentiment),
        "is_hostile": Column(kind > 0),
        "hostile_kind": coded(kind, injections.KINDS),
    }
