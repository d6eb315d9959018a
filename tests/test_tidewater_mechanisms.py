"""Ratings, promotions and annotations of Tidewater: their hidden mechanisms can be found, or cannot, as claimed."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from tidewater import World, make_world
from tidewater.campaigns import DESIGNS
from tidewater.labelling import OPINIONS


@pytest.fixture(scope="module")
def world() -> World:
    """Sixty days of a world of ordinary size."""
    return make_world(23, days=60, orders_per_day=1000)


@pytest.fixture(scope="module")
def campaigns(world) -> dict[str, pd.DataFrame]:
    """Promotions beside their truth, by the campaign's design."""
    rows = world.promotions.merge(world.truth.promotions, on=["campaign_id", "customer_id"])
    return dict(tuple(rows.groupby("design")))


@pytest.fixture(scope="module")
def opinions(world) -> pd.DataFrame:
    """Annotations beside their truth, with `right`."""
    rows = world.annotations.merge(world.truth.annotations, on="order_id")
    return rows.assign(right=rows.label == rows.true_label)


def difference(rows: pd.DataFrame, weights: pd.Series | None = None) -> tuple[float, float]:
    """Offered less not offered, EUR, and its standard error; rows may carry weights."""
    means, variances = [], []
    for side in (True, False):
        spent = rows.spent_after[rows.offered == side]
        weight = np.ones(len(spent)) if weights is None else weights[rows.offered == side].to_numpy()
        share = weight / weight.sum()
        means.append((share * spent).sum())
        variances.append((share**2 * (spent - means[-1]) ** 2).sum())
    return means[0] - means[1], float(np.sqrt(sum(variances)))


def within_strata(rows: pd.DataFrame) -> tuple[float, float]:
    """The difference adjusted for spending before and consent to advertising, and its standard error.

    A stratum's spread is that of all its rows, for one side may have only one.
    """
    stratum = pd.qcut(rows.spent_before.rank(method="first"), 25, labels=False) * 2 + rows.marketing_opt_in
    share, gap, variance = [], [], []
    for _, part in rows.groupby(stratum):
        offered = part.offered.sum()
        share.append(len(part) / len(rows))
        gap.append(difference(part)[0])
        variance.append(part.spent_after.var() * (1 / offered + 1 / (len(part) - offered)))
    return float(np.dot(share, gap)), float(np.sqrt(np.dot(np.square(share), variance)))


def test_stars_come_from_the_expected_stars(world) -> None:
    """Mean stars meet their expectation within four standard errors, also in tenths of the expectation."""
    stars, expected = world.ratings.stars, world.truth.ratings.expected_stars
    for _, rows in stars.groupby(pd.qcut(expected, 10, labels=False)):
        error = rows.std() / np.sqrt(len(rows))
        assert abs(rows.mean() - expected[rows.index].mean()) < 4 * error


def test_few_factors_explain_ratings_better_than_means(world) -> None:
    """Three factors of the gaps, filled in by repeated SVD, remove a fifth of the error that means leave on a
    held-out fifth; the noise of single stars bounds every method from below."""
    ratings, expected = world.ratings, world.truth.ratings.expected_stars.to_numpy()
    customer, n_customers = pd.factorize(ratings.customer_id)[0], ratings.customer_id.nunique()
    product, n_products = pd.factorize(ratings.product_id)[0], ratings.product_id.nunique()
    stars, held = ratings.stars.to_numpy(float), np.random.default_rng(0).random(len(ratings)) < 0.2
    mean, of_customer, of_product = stars[~held].mean(), np.zeros(n_customers), np.zeros(n_products)
    for _ in range(8):
        for place, other, bias, others in (
            (product, customer, of_product, of_customer),
            (customer, product, of_customer, of_product),
        ):
            rest = (stars - mean - others[other])[~held]
            count = np.bincount(place[~held], minlength=len(bias))
            bias[:] = np.bincount(place[~held], rest, len(bias)) / (count + 3)
    means = mean + of_customer[customer] + of_product[product]
    seen, gaps = np.zeros((n_customers, n_products), bool), np.zeros((n_customers, n_products))
    seen[customer[~held], product[~held]], gaps[customer[~held], product[~held]] = (
        True,
        (stars - means)[~held],
    )
    filled = gaps
    for _ in range(15):
        _, axes = np.linalg.eigh(filled.T @ filled)
        low_rank = 0.95 * filled @ axes[:, -3:] @ axes[:, -3:].T
        filled = np.where(seen, gaps, low_rank)
    error = {
        name: np.mean((stars - found)[held] ** 2)
        for name, found in (
            ("best", expected),
            ("factors", means + low_rank[customer, product]),
            ("means", means),
        )
    }

    assert error["best"] < error["factors"] < 0.8 * error["means"]


def test_ratings_are_not_missing_at_random(world) -> None:
    """What is rated is liked and popular: more than a star's quarter above the mean of all pairs."""
    rater, goods = world.truth.rating_customers, world.truth.rating_products
    factors = ["factor_1", "factor_2", "factor_3"]
    liking = rater[factors].to_numpy() @ goods[factors].to_numpy().T
    liking += rater.bias.to_numpy()[:, None] + goods.bias.to_numpy()
    row = pd.Index(rater.customer_id).get_indexer(world.ratings.customer_id)
    column = pd.Index(goods.product_id).get_indexer(world.ratings.product_id)
    count = world.ratings.product_id.value_counts()
    demand = world.truth.products.set_index("product_id").demand_share

    assert liking[row, column].mean() > liking.mean() + 0.25
    assert np.log(count).corr(np.log(demand)) > 0.6
    assert world.truth.ratings.expected_stars.corr(pd.Series(liking[row, column]), method="spearman") > 0.999


def test_a_coin_gives_the_right_effect(campaigns) -> None:
    """Where offers were drawn by lot, the plain difference meets the mean effect within four standard errors."""
    rows = campaigns["randomised"]
    found, error = difference(rows)

    assert rows.propensity.eq(0.5).all()
    assert abs(found - rows.effect.mean()) < 4 * error


def test_offers_by_activity_mislead_until_activity_is_held(campaigns, world) -> None:
    """Active customers got the offer and spend more anyway; strata of the recorded past repair it."""
    rows = campaigns["by_activity"].merge(
        world.customers[["customer_id", "marketing_opt_in"]], on="customer_id"
    )
    naive, error = difference(rows)
    adjusted, adjusted_error = within_strata(rows)
    weighted, weighted_error = difference(
        rows, pd.Series(np.where(rows.offered, 1 / rows.propensity, 1 / (1 - rows.propensity)))
    )

    assert naive - rows.effect.mean() > 4 * error
    assert abs(adjusted - rows.effect.mean()) < 4 * adjusted_error
    assert abs(weighted - rows.effect.mean()) < 4 * weighted_error


def test_a_hidden_cause_cannot_be_adjusted_away(campaigns, world) -> None:
    """In one campaign the offers follow plans that no table knows: strata of the past leave a bias."""
    rows = campaigns["hidden"].merge(world.customers[["customer_id", "marketing_opt_in"]], on="customer_id")
    adjusted, error = within_strata(rows)

    assert adjusted - rows.effect.mean() > 4 * error


def test_effects_differ_between_customers(campaigns) -> None:
    """Some are won, some lost, sure buyers redeem and buy no more; the record shows one outcome of the two."""
    rows = pd.concat(campaigns.values())
    by_group = rows.groupby("group").effect.mean()

    assert set(campaigns) == set(DESIGNS)
    assert by_group["persuadable"] > 10
    assert by_group["do_not_disturb"] < -5
    assert by_group["sure_buyer"] == by_group["lost_cause"] == 0
    assert (rows.effect < 0).mean() > 0.02
    assert (rows.redeemed & (rows.group == "sure_buyer")).sum() > (
        rows.redeemed & (rows.effect > 0)
    ).sum() / 2
    assert not (rows.redeemed & ~rows.offered).any()
    assert rows.spent_after.equals(rows.spent_if_offered.where(rows.offered, rows.spent_if_not))


def test_annotators_are_as_good_as_the_truth_says(opinions, world) -> None:
    """Shares of right labels outside the blind spots lie within 4.5 standard errors of each annotator's skill."""
    plain = opinions[~opinions.is_blind_spot]
    for one in world.truth.annotators.itertuples():
        for label, skill in (("fraud", one.sensitivity), ("honest", one.specificity)):
            rows = plain[(plain.annotator_id == one.annotator_id) & (plain.true_label == label)]
            assert abs(rows.right.mean() - skill) < 4.5 * np.sqrt(skill * (1 - skill) / len(rows))


def test_one_annotator_guesses_and_one_copies(opinions, world) -> None:
    """The one is fast and right half the time, the other agrees with whom he copies even where both are wrong."""
    people = world.truth.annotators.set_index("annotator_id")
    guesser, copier = (int(people.index[people.role == role][0]) for role in ("guesses", "copies"))
    label = opinions.pivot_table(index="order_id", columns="annotator_id", values="label", aggfunc="first")
    both = label[[copier, int(people.copies[copier])]].dropna()
    seconds = opinions.groupby("annotator_id").seconds.median()
    guesses = opinions[opinions.annotator_id == guesser]

    assert len(both) > 200
    assert (both.iloc[:, 0] == both.iloc[:, 1]).mean() > 0.9
    assert seconds.idxmin() == guesser
    assert seconds[guesser] < seconds.drop(guesser).min() / 2
    assert guesses.right.mean() < opinions[opinions.annotator_id != guesser].right.mean()


def test_annotations_are_enriched_with_fraud(opinions, world) -> None:
    """Some 600 orders with five opinions each; a quarter is fraud, where the world has less than a hundredth."""
    orders = world.truth.annotations

    assert 540 <= len(orders) <= 600
    assert opinions.groupby("order_id").annotator_id.nunique().eq(OPINIONS).all()
    assert 0.2 < (orders.true_label == "fraud").mean() < 0.32
    truth = orders.merge(world.truth.orders, on="order_id")
    assert (truth.true_label == "fraud").equals(truth.is_fraud)


def test_blind_spots_mislead_everyone_together(opinions, world) -> None:
    """There careful annotators are wrong more often than right, so that more of them help nothing."""
    careful = world.truth.annotators.query("role == 'careful'").annotator_id
    rows = opinions[opinions.annotator_id.isin(careful)]
    majority = (
        rows.groupby(["order_id", "is_blind_spot"]).right.mean().gt(0.5).groupby("is_blind_spot").mean()
    )

    assert 0.05 < world.truth.annotations.is_blind_spot.mean() < 0.25
    assert majority[True] < 0.35 < 0.85 < majority[False]
