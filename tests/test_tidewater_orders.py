"""What the orders of Tidewater claim: determinism, habits, fraud, labels. Tolerances stand beside each claim."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from tidewater import INCIDENTS, make_world, money
from tidewater.parquet import content_hash, joined_hash
from tidewater.places import FAR, NEAR
from tidewater.seeds import stream_of
from tidewater.world import World

SEEDS = (11, 12, 13)
# Of make_world(5, 20, 200, every incident): the same on every supported Python with the locked versions.
CONTENT = "17f502d4e0fe15a697205d763b252e78dd2682ccbfd5f70c841389818d527fce"


@pytest.fixture(scope="module", params=SEEDS)
def world(request: pytest.FixtureRequest) -> World:
    """A world without incidents: 120 days, 800 orders a day, about 97,000 orders."""
    return make_world(request.param, 120, 800)


def hash_of(world: World) -> str:
    """One hash over the content of all tables."""
    return joined_hash(content_hash(world.arrow(name)) for name in world.tables)


def test_equal_arguments_give_equal_tables() -> None:
    """The content of a world with every incident is the one that was recorded, to the last cent."""
    assert hash_of(make_world(5, 20, 200, list(INCIDENTS))) == CONTENT


def test_another_seed_gives_another_world() -> None:
    """Mechanics, country mix and patterns are drawn anew for each world, also for seeds of 128 bits."""
    one, other = make_world(2**127 + 1, 3, 100), make_world(2**127 + 2, 3, 100)

    assert hash_of(one) != hash_of(other)
    assert one.truth.mechanics.tells != other.truth.mechanics.tells
    assert not np.allclose(one.truth.mechanics.country_mix, other.truth.mechanics.country_mix)


def test_a_longer_world_begins_with_the_same_days() -> None:
    """The first days do not depend on how many follow."""
    short, long = make_world(3, 5, 200), make_world(3, 9, 200)

    assert long.orders.head(len(short.orders)).equals(short.orders)
    assert long.customers.head(len(short.customers)).equals(short.customers)


def test_streams_of_different_names_are_independent() -> None:
    """Neither a name nor a day shares numbers with another; over 4,000 draws a correlation has a sd of 0.016."""
    draws = [
        stream_of(1, *path).random(4000)
        for path in (("orders", 1), ("orders", 2), ("payments", 1), ("orders",))
    ]
    correlation = np.corrcoef(draws)

    assert np.abs(correlation - np.eye(4)).max() < 0.08


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((-1,), "whole number from 0"),
        ((1.5,), "whole number from 0"),
        ((1, 0), "1 to 3660"),
        ((1, 2.5), "1 to 3660"),
        ((1, 5, 0), "between 1 and"),
        ((1, 5, float("nan")), "between 1 and"),
        ((1, 5, 100, "sale"), "list of names"),
        ((1, 5, 100, ["unit_chang"]), 'Did you mean "unit_change"'),
    ],
)
def test_bad_arguments_are_refused_at_once(arguments: tuple, message: str) -> None:
    """The error says what is allowed, before any table is made."""
    with pytest.raises(ValueError, match=message):
        make_world(*arguments)


def test_an_unknown_table_names_the_nearest() -> None:
    """`world.order` is a slip, not a riddle."""
    with pytest.raises(AttributeError, match='Did you mean "orders"'):
        _ = make_world(1, 1, 10).order


def test_a_table_that_is_changed_stays_whole_in_the_world() -> None:
    """Each access gives a copy."""
    world = make_world(1, 2, 50)
    mine = world.orders
    mine.loc[:, "amount"] = 0.0

    assert (world.orders["amount"] > 0).all()


def test_money_times_and_keys_are_tidy(world: World) -> None:
    """Cents are whole, times rise within a day's orders, arrival follows the event, keys resolve and are unique."""
    orders, payments = world.orders, world.payments

    assert np.allclose(orders["amount"] * 100, np.rint(orders["amount"] * 100), atol=1e-6)
    assert orders["placed_at"].is_monotonic_increasing
    assert (orders["arrived_at"] > orders["placed_at"]).all()
    assert orders["placed_at"].min() >= world.start
    assert orders["placed_at"].max() < world.end
    assert orders["order_id"].is_unique
    assert orders["customer_id"].isin(world.customers["customer_id"]).all()
    assert payments["order_id"].equals(orders["order_id"])
    assert world.deliveries["order_id"].equals(orders["order_id"])


def test_fraud_is_rare(world: World) -> None:
    """Near 0.8 %: 97,000 orders have a sd of 0.03 points, and mechanisms' weights are drawn within 0.65 to 1.0 %."""
    truth = world.truth.orders

    assert 0.0062 < truth["is_fraud"].mean() < 0.0104
    assert set(truth.loc[truth["is_fraud"], "mechanism"]) == {
        "stolen_card",
        "card_testing",
        "takeover",
        "friendly",
    }
    assert (truth.loc[~truth["is_fraud"], "mechanism"] == "honest").all()


def test_true_probabilities_are_calibrated(world: World) -> None:
    """In each range of p_fraud the frauds are as many as it says, within 4 sd of a sum of independent draws."""
    truth = world.truth.orders
    for _, rows in truth.groupby(pd.cut(truth["p_fraud"], [0, 0.002, 0.01, 0.05, 0.2, 0.5, 0.8, 1.0])):
        p = rows["p_fraud"]
        assert abs(rows["is_fraud"].sum() - p.sum()) < 4 * np.sqrt((p * (1 - p)).sum()) + 1


def test_chargebacks_take_weeks() -> None:
    """Every fraud is reported 5 to 60 days later, 47 on average (sd 10; some 1,500 frauds give +-0.3)."""
    world = make_world(21, 240, 800)
    truth, bills = world.truth.orders, world.chargebacks
    delay = bills.merge(world.orders, on="order_id")
    days = (delay["reported_at"] - delay["placed_at"]).dt.total_seconds() / 86_400
    early = world.orders["order_id"][world.orders["placed_at"] < world.end - np.timedelta64(61, "D")]
    frauds = truth.loc[truth["is_fraud"], "order_id"]

    assert days.between(5, 60).all()
    assert set(frauds[frauds.isin(early)]) <= set(bills["order_id"])
    assert bills["order_id"].isin(frauds).all()
    assert (bills["reported_at"] < world.end).all()
    old = delay["order_id"].isin(early)
    assert abs(days[old].mean() - 47.3) < 1.5


def test_orders_follow_the_week_and_the_day(world: World) -> None:
    """Sundays are the quietest days, Mondays and Fridays the busiest; evenings carry several times the nights."""
    placed = world.orders["placed_at"]
    by_weekday = placed.dt.weekday.value_counts(normalize=True)
    by_hour = placed.dt.hour.value_counts(normalize=True)

    assert by_weekday.idxmin() == 6
    assert by_weekday[4] > 1.1 * by_weekday[6]
    assert by_hour[[19, 20]].mean() > 6 * by_hour[[2, 3]].mean()


def test_amounts_have_a_heavy_tail(world: World) -> None:
    """The median lies near 45 EUR; one order in a hundred carries 5 to 15 % of the money, a normal tail under 4 %."""
    amount = world.orders["amount"].sort_values(ascending=False)

    assert 41 < amount.median() < 49
    assert 0.05 < amount.head(len(amount) // 100).sum() / amount.sum() < 0.15
    assert np.log(amount).skew() < 0.5


def test_customers_return(world: World) -> None:
    """Three orders in four come from somebody who has signed up at least a week before; some order very often."""
    orders = world.orders.merge(world.customers, on="customer_id")
    age = (orders["placed_at"] - orders["signed_up_at"]).dt.total_seconds() / 86_400
    counts = orders["customer_id"].value_counts()

    assert 0.80 < (age > 7).mean() < 0.95
    assert (counts > 1).mean() > 0.4
    assert counts.head(len(counts) // 10).sum() > 0.25 * counts.sum()


def test_marks_of_fraud_go_together(world: World) -> None:
    """Each mechanism shows its own marks, friendly fraud none: 100 of them give a share a sd of 4 points."""
    rows = world.orders.merge(world.payments, on="order_id").merge(world.truth.orders, on="order_id")
    marks = pd.DataFrame(
        {
            "far_card": rows["card_country"].isin(FAR),
            "attempts": rows["attempts"] > 1,
            "new_device": ~rows["device_known"],
            "fresh_address": rows["address_age_days"] == 0,
        }
    )
    share = marks.groupby(rows["mechanism"]).mean()

    assert (share.loc["honest"] < 0.2).all()
    assert share.loc["stolen_card", "far_card"] > 8 * share.loc["honest", "far_card"]
    assert share.loc["takeover", "new_device"] > 0.7
    assert share.loc["takeover", "fresh_address"] > 0.7
    assert share.loc["card_testing", "attempts"] > 0.5
    assert (abs(share.loc["friendly"] - share.loc["honest"]) < 0.2).all()


def test_far_parcels_take_longer(world: World) -> None:
    """Expected hours are the mean of the real ones, by zone within 3 %; late parcels are a minority."""
    rows = world.deliveries.merge(world.truth.deliveries, on="order_id").merge(world.orders, on="order_id")
    hours = (rows["delivered_at"] - rows["shipped_at"]).dt.total_seconds() / 3600
    zone = np.select(
        [rows["ship_country"].isin(FAR), rows["ship_country"].isin(NEAR)], ["far", "near"], "home"
    )
    by_zone = pd.DataFrame({"hours": hours, "expected": rows["expected_hours"]}).groupby(zone).mean()

    assert (
        by_zone.loc["far", "hours"] > 1.8 * by_zone.loc["near", "hours"] > 1.8 * by_zone.loc["home", "hours"]
    )
    assert (abs(by_zone["hours"] / by_zone["expected"] - 1) < 0.03).all()
    assert 0.02 < (rows["delivered_at"] > rows["promised_at"]).mean() < 0.25


def test_a_decision_is_worth_what_the_prices_say() -> None:
    """Approve, review and decline of an honest order and a fraud of 100 EUR, by hand."""
    amount, honest_fraud = np.full(2, 100.0), np.array([False, True])
    codes = {"approve": money.APPROVE, "review": money.REVIEW, "decline": money.DECLINE}
    luck = np.array([0.5, 0.5])
    worth = {name: money.earned(np.full(2, code), honest_fraud, amount, luck) for name, code in codes.items()}

    assert worth["approve"].tolist() == pytest.approx([12.0, -108.0])
    assert worth["review"].tolist() == pytest.approx([9.0, -3.0])
    assert worth["decline"].tolist() == pytest.approx([-8.0, 0.0])
    expected = money.expected(np.array([0.3]), np.array([100.0]))[0]
    assert expected[0] == pytest.approx(0.7 * 12 - 0.3 * 108)
    assert expected[1] == pytest.approx(0.7 * (0.97 * 12 - 0.03 * 8) - 0.3 * 0.08 * 108 - 3)
    assert expected[2] == pytest.approx(-0.7 * 8)


def test_reviews_of_a_day_go_to_who_gains_most() -> None:
    """Of 100 doubtful orders of one day 20 are reviewed: the dearest at equal probability; clear ones need none."""
    p, amount, day = np.full(100, 0.15), np.linspace(20, 300, 100), np.zeros(100, int)
    decision = money.decide(p, amount, day)

    assert (decision == money.REVIEW).nonzero()[0].tolist() == list(range(80, 100))
    assert (money.decide(np.full(100, 1e-6), amount, day) == money.APPROVE).all()
    assert (money.decide(np.full(100, 1 - 1e-6), amount, day) == money.DECLINE).all()
    assert money.decide(np.array([np.nan]), np.array([50.0]), np.array([0]))[0] == money.APPROVE
