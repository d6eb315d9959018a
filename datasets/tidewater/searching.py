"""Searches: ten products for each query, with the true relevance and how the eye moves down the list."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tidewater import mechanics as m
from tidewater.catalogue import PRODUCT_NUMBER_BASE
from tidewater.columns import Column, Columns, coded, moments
from tidewater.sales import CUSTOMER_NUMBER_BASE
from tidewater.scales import millionths
from tidewater.seeds import stream_of
from tidewater.text.products import CATEGORIES, head_noun, search_queries
from tidewater.visitors import baskets, hourly_orders, moments_of, visitors

if TYPE_CHECKING:
    from tidewater.core import Core

__all__ = ["SHOWN", "searches", "searches_truth"]

SHOWN = 10
QUERIES_PER_DAY_LIMIT = 1_000_000
_ORDERS_PER_QUERY, _SHARE_OF_BUYERS, _SHUFFLED = 20, 0.35, 0.1
_SHORTLIST = 40  # products of a category that a day's index offers
_ATTRACTS = np.array([0.02, 0.07, 0.18, 0.38, 0.62])  # click once seen, by relevance
_CONVINCES = np.array([0.02, 0.05, 0.15, 0.35, 0.55])  # purchase once clicked, by somebody who came to buy


@dataclass(frozen=True)
class Pages:
    """What one day's queries showed; Q queries, ten products each in the order of the page.

    product, relevance, clicked, bought: (Q, 10). wanted: (Q,), positions in CATEGORIES. shuffled: (Q,), pages in
    random order. seen: (10,), chance that a place of the page is looked at.
    """

    at: np.ndarray
    customer: np.ndarray
    wanted: np.ndarray
    text: np.ndarray
    shuffled: np.ndarray
    product: np.ndarray
    relevance: np.ndarray
    seen: np.ndarray
    clicked: np.ndarray
    bought: np.ndarray

    def rows(self, values: np.ndarray) -> np.ndarray:
        """(10 Q,), one value a query or one a shown product, as a column."""
        wide = values if values.ndim == 2 else np.repeat(values[:, None], SHOWN, axis=1)
        return wide.ravel()


def _pages(core: Core, day: int) -> Pages:
    rng = stream_of(core.seed, "searches", day)
    at, customer, wanted, buyer = _searchers(core, rng, day)
    text = search_queries(stream_of(core.seed, "searches", "text", day), wanted)
    n = len(at)
    product, latent = np.zeros((n, SHOWN), np.int64), np.zeros((n, SHOWN))
    for category in range(len(CATEGORIES)):
        rows = np.flatnonzero(wanted == category)
        product[rows], latent[rows] = _found(core, rng, category, text[rows])
    shuffled = rng.random(n) < _SHUFFLED
    score = 0.35 * np.log(core.catalogue.demand)[product] + 0.8 * latent + rng.standard_normal((n, SHOWN))
    score = np.where(shuffled[:, None], rng.random((n, SHOWN)), score)
    page = np.argsort(-score, axis=1, kind="stable")
    product, latent = np.take_along_axis(product, page, 1), np.take_along_axis(latent, page, 1)
    relevance = np.rint(latent).clip(0, 4).astype(np.int64)
    steepness = stream_of(core.seed, "searches", "habits").uniform(0.55, 0.9)
    seen = millionths(np.arange(1, SHOWN + 1) ** -steepness)
    clicked = rng.random((n, SHOWN)) < seen * _ATTRACTS[relevance]
    takes = clicked & (rng.random((n, SHOWN)) < _CONVINCES[relevance]) & buyer[:, None]
    bought = takes & (np.cumsum(takes, axis=1) == 1)
    return Pages(at, customer, wanted, text, shuffled, product, relevance, seen, clicked, bought)


def _searchers(
    core: Core, rng: np.random.Generator, day: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Time, customer, wanted category of each query, and whether the customer orders on this day, in order of time."""
    one, hourly = core.order_day(day), hourly_orders(core, day)
    people = np.flatnonzero(~np.isin(one.kind, m.MACHINES))
    n = int(rng.poisson(hourly.sum() / _ORDERS_PER_QUERY))
    n_buyers = min(int(rng.binomial(n, _SHARE_OF_BUYERS)), len(people))
    order = rng.permutation(people)[:n_buyers]
    before = np.rint(np.exp(rng.normal(np.log(15 * 60_000), 0.9, n_buyers))).astype(np.int64)
    others = visitors(core, rng, day, n - n_buyers)
    shares = core.catalogue.category_share
    any_one = np.searchsorted(np.cumsum(shares)[:-1], rng.random(len(others)), side="right")
    usual = rng.random(len(others)) < 0.7
    at = np.concatenate([np.maximum(0, one.placed_ms[order] - before), moments_of(rng, hourly, len(others))])
    wanted = np.concatenate(
        [
            core.catalogue.category[baskets(core, day)[order]],
            np.where(usual, core.favourites[others], any_one),
        ]
    )
    rows = np.argsort(at, kind="stable")
    customer = np.concatenate([one.customer[order], others])
    return at[rows], customer[rows], wanted[rows], (np.arange(n) < n_buyers)[rows]


def _found(
    core: Core, rng: np.random.Generator, category: int, text: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Ten different products for each query of a category, and how well each fits before rounding, both (q, 10).

    A product fits when it is of the category, better when it is the thing that the query names, and best when
    it is also good.
    """
    goods = core.catalogue
    same, popular = goods.category == category, 0.6 * np.log(goods.demand)
    reach = popular + 4.0 * same + rng.gumbel(size=len(goods))
    shelf = np.sort(np.argsort(-reach, kind="stable")[:_SHORTLIST])
    things = np.array([head_noun(one, category) for one in text.tolist()], dtype=object)
    named = (things[:, None] == goods.things[shelf]) & same[shelf]
    found = popular[shelf] + 1.2 * same[shelf] + 2.5 * named + rng.gumbel(size=(len(text), len(shelf)))
    best = np.argsort(-found, axis=1, kind="stable")[:, :SHOWN]
    fit = 0.2 + 1.3 * same[shelf] + 1.7 * named + 2.0 * same[shelf] * (goods.quality[shelf] - 0.6)
    fit = fit + 0.45 * rng.standard_normal(fit.shape)
    return shelf[best], np.take_along_axis(fit, best, 1)


def _keys(day: int, one: Pages) -> Columns:
    number = (day + 1) * QUERIES_PER_DAY_LIMIT + np.arange(len(one.at))
    place = np.tile(np.arange(1, SHOWN + 1), len(one.at))
    return {"query_id": Column(one.rows(number)), "position": Column(place)}


def searches(core: Core, day: int) -> Columns:
    """Ten rows a query; a page that is `shuffled` was shown in random order as an experiment."""
    one = _pages(core, day)
    keys = _keys(day, one)
    return {
        "query_id": keys["query_id"],
        "at": moments(day, one.rows(one.at)),
        "customer_id": Column(one.rows(one.customer) + CUSTOMER_NUMBER_BASE),
        "query": Column(one.rows(one.text)),
        "position": keys["position"],
        "product_id": Column(one.rows(one.product) + PRODUCT_NUMBER_BASE),
        "shuffled": Column(one.rows(one.shuffled)),
        "clicked": Column(one.rows(one.clicked)),
        "bought": Column(one.rows(one.bought)),
    }


def searches_truth(core: Core, day: int) -> Columns:
    """Relevance 0 to 4, wanted category, chance that the place is looked at and that the product is clicked."""
    one = _pages(core, day)
    seen = np.tile(one.seen, (len(one.at), 1))
    return {
        **_keys(day, one),
        "wanted": coded(one.rows(one.wanted), CATEGORIES),
        "relevance": Column(one.rows(one.relevance)),
        "p_examined": Column(one.rows(seen)),
        "p_clicked": Column(millionths(one.rows(seen * _ATTRACTS[one.relevance]))),
    }
