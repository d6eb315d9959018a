"""Products and their sellers: a few of both have most of the trade."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from tidewater import places
from tidewater.columns import Column, Columns, coded
from tidewater.scales import millionths
from tidewater.seeds import stream_of
from tidewater.text.products import CATEGORIES, head_noun, product_descriptions, product_titles

if TYPE_CHECKING:
    from tidewater.core import Core

__all__ = [
    "EUR_RATES",
    "PRODUCT_NUMBER_BASE",
    "SELLER_NUMBER_BASE",
    "Catalogue",
    "make_catalogue",
    "products",
    "products_truth",
    "sellers_truth",
]

PRODUCT_NUMBER_BASE, SELLER_NUMBER_BASE = 20_001, 501  # numbers of the first product and the first seller
FEWEST, MOST = 60, 5000
EUR_RATES = (1.0, 7.46, 11.2, 4.3, 25.0, 0.85, 0.95, 11.6, 1.1)  # units of each of CURRENCIES for one EUR
_SELLER_CURRENCIES = ("EUR", "DKK", "PLN", "GBP")
_SELLER_MIX = np.array([0.86, 0.05, 0.04, 0.05])
_MEDIAN_EUR = np.array([32, 28, 24, 18, 13, 35, 38, 17, 85, 40, 16, 21.0])  # in the order of CATEGORIES
_LOYALTY = 0.5  # share of draws that stay within the customer's favourite category


@dataclass(frozen=True)
class Catalogue:
    """All products, in the order of their numbers; P products, S sellers.

    seller: (P,), positions. category: (P,), positions in CATEGORIES. price: (P,), whole cents of the currency.
    price_eur: (P,), the same in EUR cents. currency: (P,), positions in CURRENCIES. quality: (P,), 0 to 1.
    demand: (P,), shares of the trade, sum 1. seller_quality: (S,), 0 to 1, the mean of a seller's products.
    """

    seed: int
    seller: np.ndarray
    category: np.ndarray
    price: np.ndarray
    price_eur: np.ndarray
    currency: np.ndarray
    quality: np.ndarray
    demand: np.ndarray
    seller_quality: np.ndarray

    def __len__(self) -> int:
        return len(self.seller)

    @cached_property
    def titles(self) -> np.ndarray:
        """(P,), object array of strings."""
        return product_titles(stream_of(self.seed, "products", "titles"), self.category)

    @cached_property
    def descriptions(self) -> np.ndarray:
        """(P,), object array of strings."""
        rng = stream_of(self.seed, "products", "descriptions")
        return product_descriptions(rng, self.category, self.titles, self.quality)

    @cached_property
    def things(self) -> np.ndarray:
        """(P,), object array: the thing that each title names."""
        rows = zip(self.titles.tolist(), self.category.tolist(), strict=True)
        return np.array([head_noun(title, code) for title, code in rows], dtype=object)

    @cached_property
    def category_share(self) -> np.ndarray:
        """(12,), share of the trade of each category."""
        return np.bincount(self.category, self.demand, len(CATEGORIES))

    @cached_property
    def _shelves(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Products in order of category, their cumulative demand, and where each category begins in it."""
        order = np.argsort(self.category, kind="stable")
        filled = np.cumsum(self.demand[order])
        return order, filled, np.concatenate([[0.0], np.cumsum(self.category_share)])

    def draw(self, rng: np.random.Generator, favourite: np.ndarray) -> np.ndarray:
        """One product for each favourite category, by demand: half from that category, half from all.

        Where favourites are as frequent as the categories' shares, the draws have exactly the shares of demand.
        """
        order, filled, edges = self._shelves
        wide = rng.random(len(favourite)) >= _LOYALTY
        u = rng.random(len(favourite))
        low, high = edges[favourite], edges[np.asarray(favourite) + 1]
        place = np.where(wide, u * filled[-1], low + u * (high - low))
        return order[np.searchsorted(filled[:-1], place, side="right")]


def make_catalogue(seed: int, orders_per_day: float) -> Catalogue:
    """The catalogue of a world: 400 products at 1,000 orders a day, growing with the root of the orders."""
    n = int(np.clip(np.rint(400 * (orders_per_day / 1000) ** 0.5), FEWEST, MOST))
    rng = stream_of(seed, "products")
    shares = rng.dirichlet(np.full(len(CATEGORIES), 12.0))
    category = np.arange(n) % len(CATEGORIES)  # the first of each category, so that none is empty
    later = slice(len(CATEGORIES), n)
    category[later] = np.searchsorted(np.cumsum(shares)[:-1], rng.random(n - len(CATEGORIES)), side="right")
    category = rng.permutation(category)
    n_sellers = max(8, n // 9)
    weight = np.arange(1, n_sellers + 1) ** -0.9
    seller = np.searchsorted(np.cumsum(weight / weight.sum())[:-1], rng.random(n), side="right")
    seller_quality = rng.beta(7.0, 4.0, n_sellers)
    quality = np.clip(seller_quality[seller] + rng.normal(0, 0.13, n), 0.02, 0.98)
    score = rng.standard_normal(n) + 1.5 * quality
    rank = np.empty(n)
    rank[np.argsort(-score, kind="stable")] = np.arange(1, n + 1)
    demand = rank ** -rng.uniform(0.85, 1.1)
    mix = np.cumsum(_SELLER_MIX)[:-1]
    codes = np.array([places.CURRENCIES.index(name) for name in _SELLER_CURRENCIES])
    currency = codes[np.searchsorted(mix, rng.random(n_sellers), side="right")][seller]
    log_price = np.log(_MEDIAN_EUR)[category] + 0.55 * rng.standard_normal(n) + 0.5 * (quality - 0.6)
    whole = np.maximum(2, np.rint(np.exp(log_price) * np.array(EUR_RATES)[currency]))
    price = (whole * 100).astype(np.int64) - np.array([0, 1, 10, 50])[rng.integers(0, 4, n)]
    return Catalogue(
        seed=seed,
        seller=seller,
        category=category,
        price=price,
        price_eur=np.rint(price / np.array(EUR_RATES)[currency]).astype(np.int64),
        currency=currency,
        quality=millionths(quality),
        demand=demand / demand.sum(),
        seller_quality=millionths(seller_quality),
    )


def products(core: Core) -> Columns:
    """One row a product; the price is in the seller's currency."""
    one = core.catalogue
    return {
        "product_id": Column(np.arange(len(one)) + PRODUCT_NUMBER_BASE),
        "seller_id": Column(one.seller + SELLER_NUMBER_BASE),
        "category": coded(one.category, CATEGORIES),
        "price": Column(one.price / 100),
        "currency": coded(one.currency, places.CURRENCIES),
        "title": Column(one.titles),
        "description": Column(one.descriptions),
    }


def products_truth(core: Core) -> Columns:
    """Quality from 0 to 1, share of the trade, price in EUR."""
    one = core.catalogue
    return {
        "product_id": Column(np.arange(len(one)) + PRODUCT_NUMBER_BASE),
        "quality": Column(one.quality),
        "demand_share": Column(millionths(one.demand)),
        "price_eur": Column(one.price_eur / 100),
    }


def sellers_truth(core: Core) -> Columns:
    """Mean quality of the goods that a seller would list in the long run, from 0 to 1."""
    one = core.catalogue
    return {
        "seller_id": Column(np.arange(len(one.seller_quality)) + SELLER_NUMBER_BASE),
        "quality": Column(one.seller_quality),
    }
