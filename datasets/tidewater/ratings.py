"""Stars that customers give products: a few hidden tastes decide, and only what people choose is ever rated."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tidewater.calendar import DAY_MS, START
from tidewater.catalogue import PRODUCT_NUMBER_BASE
from tidewater.columns import Column, Columns
from tidewater.population import PAST_DAYS
from tidewater.sales import CUSTOMER_NUMBER_BASE
from tidewater.scales import millionths, sigmoid, standard
from tidewater.seeds import stream_of
from tidewater.text.products import CATEGORIES

if TYPE_CHECKING:
    from tidewater.core import Core

__all__ = ["FACTORS", "SEASON_DAYS", "rated_products_truth", "raters_truth", "ratings", "ratings_truth"]

FACTORS = 3
SEASON_DAYS = (
    60  # each season has its own panel of raters, so that a longer world begins with the same ratings
)
_LARGEST_PANEL = 5000
_FEWEST_RATINGS, _MORE_RATINGS = 15, 30  # for each rater
_MEAN_STARS, _SHARPNESS = 3.45, 3.0  # of the scale, and how firmly a taste becomes a number of stars
_POPULAR, _LIKED = 0.6, 0.55  # how demand and liking move people to rate
_CHUNK = 500  # raters at a time


@dataclass(frozen=True)
class Tastes:
    """Factors and biases, in stars: of the products (P, 3) and (P,), of one panel of raters (R, 3) and (R,).

    rater: (R,), positions of customers, ascending.
    """

    product: np.ndarray
    product_bias: np.ndarray
    rater: np.ndarray
    taste: np.ndarray
    rater_bias: np.ndarray

    def liking(self, rows: slice) -> np.ndarray:
        """(rows, P), the stars that each rater of these rows feels for each product, before rounding."""
        return (
            _MEAN_STARS
            + self.rater_bias[rows, None]
            + self.product_bias
            + (self.taste[rows, :, None] * self.product.T[None]).sum(axis=1)
        )


def expected_stars(liking: np.ndarray) -> np.ndarray:
    """Mean of the stars from 1 to 5 for a liking before rounding."""
    return 1 + _steps(liking).sum(axis=-1)


def _steps(liking: np.ndarray) -> np.ndarray:
    """(..., 4), the chances of more than 1, 2, 3 and 4 stars."""
    return sigmoid(_SHARPNESS * (np.asarray(liking)[..., None] - np.array([1.5, 2.5, 3.5, 4.5])))


def _products(core: Core) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Factors of the categories (12, 3), factors of the products (P, 3) and their biases (P,)."""
    rng, goods = stream_of(core.seed, "ratings", "products"), core.catalogue
    centre = rng.normal(0, 0.55, (len(CATEGORIES), FACTORS))
    factors = centre[goods.category] + rng.normal(0, 0.5, (len(goods), FACTORS))
    return centre, millionths(factors), millionths(0.4 * standard(goods.quality))


def _tastes(core: Core, season: int) -> Tastes:
    """The tastes of one season's panel, whose members have signed up before it begins."""
    rng, one = stream_of(core.seed, "ratings", "raters", season), core.population
    centre, products, bias = _products(core)
    first = 0 if season == 0 else PAST_DAYS + (season - 1) * SEASON_DAYS
    low, high = one.first_of_cohort[[first, PAST_DAYS + season * SEASON_DAYS]]
    wanted = int(np.clip(core.orders_per_day, min(60, high - low), _LARGEST_PANEL))
    rater = np.unique(rng.integers(low, high, 2 * wanted))
    rater = np.sort(rng.permutation(rater)[:wanted])
    taste = rng.normal(0, 0.75, (len(rater), FACTORS)) + 0.6 * centre[core.favourites[rater]]
    return Tastes(products, bias, rater, millionths(taste), millionths(rng.normal(0, 0.3, len(rater))))


def _season(core: Core, season: int) -> dict[str, np.ndarray]:
    """One season in order of time: customer, product, stars, at (ms since the start of the world), expected stars."""
    tastes, parts = _tastes(core, season), []
    pull = _POPULAR * np.log(core.catalogue.demand)
    for start in range(0, len(tastes.rater), _CHUNK):
        rng = stream_of(core.seed, "ratings", season, start)
        rows = slice(start, min(start + _CHUNK, len(tastes.rater)))
        liking = tastes.liking(rows)
        wish = pull + _LIKED * (liking - _MEAN_STARS) + rng.gumbel(size=liking.shape)
        many = _FEWEST_RATINGS + rng.poisson(_MORE_RATINGS, len(liking))
        place = np.argsort(np.argsort(-wish, axis=1, kind="stable"), axis=1, kind="stable")
        who, product = np.nonzero(place < np.minimum(many, len(core.catalogue) // 3)[:, None])
        chances = _steps(liking[who, product])
        stars = 1 + (rng.random(len(who))[:, None] < chances).sum(axis=1)
        at = season * SEASON_DAYS * DAY_MS + rng.integers(0, SEASON_DAYS * DAY_MS, len(who))
        expected = millionths(1 + chances.sum(axis=1))
        parts.append((tastes.rater[start + who], product, stars, at, expected))
    customer, product, stars, at, expected = (np.concatenate(one) for one in zip(*parts, strict=True))
    in_time = np.argsort(at, kind="stable")
    every = {"customer": customer, "product": product, "stars": stars, "at": at, "expected": expected}
    return {name: values[in_time] for name, values in every.items()}


def _seasons(core: Core) -> range:
    return range(-(-core.days // SEASON_DAYS))


def _all(core: Core) -> dict[str, np.ndarray]:
    """The ratings of all seasons before the world's end."""
    parts = [_season(core, season) for season in _seasons(core)]
    every = {name: np.concatenate([one[name] for one in parts]) for name in parts[0]}
    inside = every["at"] < core.days * DAY_MS
    return {name: values[inside] for name, values in every.items()}


def _keys(every: dict[str, np.ndarray]) -> Columns:
    return {
        "customer_id": Column(every["customer"] + CUSTOMER_NUMBER_BASE),
        "product_id": Column(every["product"] + PRODUCT_NUMBER_BASE),
    }


def ratings(core: Core) -> Columns:
    """One row a customer and product, in order of time."""
    every = _all(core)
    at = START + every["at"].astype("timedelta64[ms]")
    return {**_keys(every), "stars": Column(every["stars"]), "at": Column(at)}


def ratings_truth(core: Core) -> Columns:
    """The same rows with the mean of the stars that this customer would give this product."""
    every = _all(core)
    return {**_keys(every), "expected_stars": Column(every["expected"])}


def raters_truth(core: Core) -> Columns:
    """Bias and factors of every rater, in stars: see Tastes."""
    panels = [_tastes(core, season) for season in _seasons(core)]
    return {
        "customer_id": Column(np.concatenate([one.rater for one in panels]) + CUSTOMER_NUMBER_BASE),
        "bias": Column(np.concatenate([one.rater_bias for one in panels])),
        **_factors(np.concatenate([one.taste for one in panels])),
    }


def rated_products_truth(core: Core) -> Columns:
    """Bias and factors of every product, in stars: see Tastes."""
    _, factors, bias = _products(core)
    number = np.arange(len(core.catalogue)) + PRODUCT_NUMBER_BASE
    return {"product_id": Column(number), "bias": Column(bias), **_factors(factors)}


def _factors(values: np.ndarray) -> Columns:
    return {f"factor_{i + 1}": Column(values[:, i]) for i in range(FACTORS)}
