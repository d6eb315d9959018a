"""Each incident of Tidewater does what its row of KINDS says, there and then, and nothing else."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import chi2_contingency
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import average_precision_score
from tidewater import INCIDENTS, Incident, World, make_world
from tidewater.incident_kinds import RENAMES, SOURCES
from tidewater.incident_plots import PICTURES, page, plot
from tidewater.incident_quantities import VIEWS
from tidewater.incidents import UnknownIncidentError
from tidewater.orders import ORDERS_PER_DAY_LIMIT
from tidewater.parquet import content_hash
from tidewater.world import TABLES, TRUTH

DOCS = Path(__file__).parent.parent / "docs"
DAY = np.timedelta64(1, "D")
# Tables that follow the orders, in the world and in its truth.
FOLLOW = {
    *("orders", "payments", "chargebacks", "deliveries", "events", "searches", "reviews", "messages"),
    *("truth orders", "truth chargebacks", "truth deliveries", "truth events", "truth searches"),
    *("truth reviews", "truth messages", "annotations", "truth annotations"),
}
PEOPLE = {"customers", "truth customers"}
# What each kind may change; a kind that is not here changes no table.
MOVES: dict[str, set[str]] = {
    "new_market": FOLLOW | PEOPLE,
    "new_fraud_pattern": {
        "chargebacks",
        "truth chargebacks",
        "truth orders",
        "annotations",
        "truth annotations",
    },
    "fraud_burst": FOLLOW,
    "unit_change": {"orders"},
    "renamed_field": {"orders"},
    "null_burst": {"orders", "payments"},
    "stale_feature": {"orders", "payments"},
    "duplicate_events": {"orders", "payments", "events"},
    "clock_skew": {"orders"},
    "late_labels": {"chargebacks", "truth chargebacks"},
    "poisoned_labels": {"chargebacks", "truth chargebacks"},
    "hostile_text": {"messages", "reviews", "truth messages", "truth reviews"},
    "price_inflation": {"orders", "truth orders"},
    "traffic_spike": FOLLOW,
    "holiday": FOLLOW,
    "weekend": FOLLOW,
    "sale": {"orders", "truth orders"},
    "home_campaign": FOLLOW | PEOPLE,
    "optional_field": {"orders"},
    "reordering": {"orders", "events"},
}


def pair(
    name: str,
    seed: int = 5,
    days: int = 50,
    orders: float = 1000,
    start_day: float = 20.0,
    target: str = "",
) -> tuple[Incident, World, World]:
    """The incident as scheduled, the world with it and the same world without any."""
    world = make_world(seed, days, orders, [Incident(name, start_day, target=target)])
    return world.truth.incidents[0], world, make_world(seed, days, orders)


def inside(one: Incident, world: World, times: pd.Series) -> np.ndarray:
    """(n,), whether the true moments lie in the incident."""
    moment = ((times - world.start) / DAY).to_numpy()
    return (moment >= one.start_day) & (moment < one.end_day)


def near_share(hits: int, n: int, share: float) -> bool:
    """Whether a count fits a share, within four and a half standard errors: once in 150,000 by chance."""
    return abs(hits - n * share) <= 4.5 * np.sqrt(n * share * (1 - share)) + 1


def same(first: pd.DataFrame, second: pd.DataFrame, but: tuple[str, ...] = ()) -> bool:
    """Whether two tables are equal in all columns but some."""
    return first.drop(columns=[*but], errors="ignore").equals(second.drop(columns=[*but], errors="ignore"))


def test_the_page_is_made_from_the_table() -> None:
    """docs/incidents.md is what `python -m tidewater.incident_plots docs` writes, a picture for each kind."""
    pictures = sorted((DOCS / PICTURES).iterdir())

    assert (DOCS / "incidents.md").read_text(encoding="utf-8") == page()
    assert [one.stem for one in pictures] == sorted(INCIDENTS)
    assert sum(one.stat().st_size for one in pictures) < 1_500_000


@pytest.mark.parametrize("name", ["unit_change", "nan_weights"])
def test_a_picture_names_what_it_shows(name) -> None:
    """Title, labelled axes, the span of the incident; a twin beside it on the same scale."""
    panels, kind = plot(name).axes, INCIDENTS[name]

    assert len(panels) == (2 if kind.twin else 1)
    assert len({panel.get_ylim() for panel in panels}) == 1
    for panel, shown in zip(panels, (name, kind.twin), strict=False):
        assert f"({shown};" in panel.get_title()
        assert "since it begins" in panel.get_xlabel()
        assert "incident" in panel.get_legend_handles_labels()[1]
    assert panels[0].get_ylabel()


def test_every_kind_has_a_view() -> None:
    """A new kind needs a picture, and an unknown name is answered with the nearest."""
    assert set(VIEWS) == set(INCIDENTS)
    with pytest.raises(UnknownIncidentError, match='"null_burst"'):
        plot("nul_burst")


def hashes(world: World, names: set[str]) -> dict[str, str]:
    """The content of tables of the world and, named "truth ...", of its truth."""
    stores = {name: world.truth if name.startswith("truth ") else world for name in names}
    return {name: content_hash(one.arrow(name.removeprefix("truth "))) for name, one in stores.items()}


@pytest.fixture(scope="module")
def calm() -> tuple[World, dict[str, str]]:
    """A small world without incidents, with the content of all its tables."""
    world = make_world(3, 15, 120)
    return world, hashes(world, {*TABLES, *(f"truth {name}" for name in TRUTH)})


@pytest.mark.parametrize("name", INCIDENTS)
def test_an_incident_changes_its_tables_and_days_only(name, calm) -> None:
    """Other tables stay, bit by bit; those of the kind stay on all days before and, where it ends, after it.

    A kind that no table shows changes none. One that moves the number of orders draws all orders of its days
    anew, so whole days are compared. Texts follow an order for days and customers stay, so what comes after
    is compared only for tables of the order itself. No chargeback of the incident comes before this world's
    end, so that late ones do not show here.
    """
    before, content = calm
    forever = INCIDENTS[name].days[1] == 0
    one = Incident(name, 6.25, days=np.inf if forever else 4.5)
    world, moves = make_world(3, 15, 120, [one]), MOVES.get(name, set())
    found = hashes(world, set(content))
    changed = {table for table in content if found[table] != content[table]}
    spans = [(0, 6)] if forever or name in ("home_campaign", "new_market") else [(0, 6), (11, 15)]

    assert changed <= moves
    assert bool(changed) == INCIDENTS[name].in_tables or name == "late_labels"
    for table in sorted(changed & {"orders", "payments", "deliveries", "events", "searches"}):
        for day in [day for span in spans for day in range(*span)]:
            now, then = (made.arrow(table, day).to_pandas() for made in (world, before))
            new = [column for column in now if column not in then]
            assert now[new].isna().all(axis=None)
            assert same(now, then, tuple(new)), f"{table}, day {day}"


@pytest.mark.parametrize("source", INCIDENTS["null_burst"].targets)
def test_a_null_burst_empties_a_source_row_by_row(source) -> None:
    """The stated share of rows loses all columns of the source together, in its hours only."""
    one, world, before = pair("null_burst", orders=8000, days=24, target=source)
    name = "payments" if source == "gateway" else "orders"
    table, clean = world.table(name), before.table(name)
    now = inside(one, before, before.orders.placed_at)
    empty = table[list(SOURCES[source])].isna()
    hit = empty.any(axis=1).to_numpy()

    assert same(table, clean, SOURCES[source])
    assert empty.all(axis=1).to_numpy()[hit].all()
    assert not hit[~now].any()
    for column in SOURCES[source]:
        assert table.loc[~hit, column].astype(clean[column].dtype).equals(clean.loc[~hit, column])
    assert near_share(hit.sum(), now.sum(), one.size)


def test_cents_come_from_one_channel_only() -> None:
    """Every amount of the channel is the stated factor too large, no other one is changed."""
    one, world, before = pair("unit_change")
    orders, clean = world.orders, before.orders
    now = inside(one, before, clean.placed_at) & (clean.channel == one.target).to_numpy()
    factor = np.where(now, one.size, 1.0)

    assert now.sum() > 3000
    assert same(orders, clean, ("amount",))
    np.testing.assert_allclose(orders.amount, clean.amount * factor, atol=0.005)


@pytest.mark.parametrize("old", INCIDENTS["renamed_field"].targets)
def test_a_renamed_field_moves_with_its_values(old) -> None:
    """While it lasts the values stand under the new name and the old one is null; else it is the other way round."""
    one, world, before = pair("renamed_field", target=old, days=60)
    orders, clean = world.orders, before.orders
    now = inside(one, before, clean.placed_at)
    new = RENAMES[old]

    assert now.any()
    assert same(orders, clean, (old, new))
    assert orders[old].isna().to_numpy().tolist() == now.tolist()
    assert orders[new].notna().to_numpy().tolist() == now.tolist()
    assert orders[old].where(~now, orders[new]).astype(clean[old].dtype).equals(clean[old])


@pytest.mark.parametrize("source", INCIDENTS["stale_feature"].targets)
def test_a_stale_source_answers_with_last_weeks_orders(source) -> None:
    """Its columns come together from one row of the same day a week earlier, and no longer depend on the order.

    The mix of values is last week's: chi-square tests of five days and all columns, with correction.
    """
    _, world, before = pair("stale_feature", target=source, days=40)
    name, columns = ("payments" if source == "gateway" else "orders"), list(SOURCES[source])
    table, clean = world.table(name), before.table(name)
    day = clean.order_id // ORDERS_PER_DAY_LIMIT - 1
    where = {"gateway": "card_country", "address_service": "ship_country", "device_service": "device"}[source]
    account = before.customers.set_index("customer_id").loc[before.orders.customer_id]
    own = account.device.to_numpy() if where == "device" else account.country.to_numpy()
    p_values = []
    for today in range(21, 26):
        now, past = table.loc[day == today, columns], clean.loc[day == today - 7, columns]
        assert set(now.itertuples(index=False)) <= set(past.itertuples(index=False))
        for column in columns:
            joined = pd.concat([now[column], past[column]])
            groups = pd.qcut(joined, 6, labels=False, duplicates="drop") if joined.nunique() > 30 else joined
            counts = pd.crosstab(groups, np.repeat([0, 1], [len(now), len(past)]))
            p_values.append(chi2_contingency(counts[counts.sum(axis=1) >= 10]).pvalue)
        mine = pd.Series(own[day == today])
        agree = (now[where].to_numpy() == mine).mean()
        chance = (now[where].value_counts(normalize=True) * mine.value_counts(normalize=True)).sum()
        assert abs(agree - chance) < 4.5 * np.sqrt(chance * (1 - chance) / len(now))
        assert (clean.loc[day == today, where].to_numpy() == mine).mean() > 0.8

    assert min(p_values) > 1e-4 / len(p_values)
    assert same(table, clean, tuple(columns))


def test_a_second_delivery_repeats_the_first() -> None:
    """The stated share of rows comes twice, alike but for a later arrival, by a day at most; payments with orders."""
    one, world, before = pair("duplicate_events", days=60)
    for name, key, at in (("orders", "order_id", "placed_at"), ("events", "event_id", "at")):
        table, clean = world.table(name), before.table(name)
        again, first = table[table[key].duplicated()], table[~table[key].duplicated()].reset_index(drop=True)
        origin = clean.set_index(key).loc[again[key]].reset_index()[list(clean)]
        later = (again.arrived_at.to_numpy() - origin.arrived_at.to_numpy()) / DAY

        assert first.equals(clean)
        assert same(again.reset_index(drop=True), origin, ("arrived_at",))
        assert inside(one, before, again[at]).all()
        assert 0 < later.min() <= later.max() <= 1
        assert near_share(len(again), int(inside(one, before, clean[at]).sum()), one.size)

    assert world.payments.order_id.tolist() == world.orders.order_id.tolist()


def test_a_skewed_clock_shifts_one_channel() -> None:
    """Its orders carry a time that is a whole number of hours later, the size rounded; no other column changes."""
    one, world, before = pair("clock_skew", days=60)
    orders, clean = world.orders, before.orders
    now = inside(one, before, clean.placed_at) & (clean.channel == one.target).to_numpy()
    hours = (orders.placed_at - clean.placed_at) / np.timedelta64(1, "h")

    assert now.sum() > 3000
    assert same(orders, clean, ("placed_at",))
    assert hours.to_numpy().tolist() == np.where(now, round(one.size), 0).tolist()


def test_late_labels_double_their_delay() -> None:
    """Chargebacks of orders from its days take the stated factor longer, all others exactly as long as before."""
    one, world, before = pair("late_labels", days=200)
    placed = before.orders.set_index("order_id").placed_at
    both = before.chargebacks.merge(world.chargebacks, on="order_id", suffixes=("", "_late"))
    start = placed[both.order_id].to_numpy()
    now = inside(one, before, pd.Series(start))
    delay, late = (
        (both.reported_at.to_numpy() - start) / DAY,
        (both.reported_at_late.to_numpy() - start) / DAY,
    )

    assert now.sum() > 150
    assert (~now).sum() > 150
    np.testing.assert_allclose(late, delay * np.where(now, one.size, 1.0), atol=1e-7)
    assert 40 < delay.mean() < 50


def test_a_partner_reports_good_orders() -> None:
    """The stated share of its channel's honest orders is reported within two weeks; everything else is as before."""
    one, world, before = pair("poisoned_labels", days=90, orders=2000)
    truth = world.truth.chargebacks
    false = world.chargebacks[~truth.is_true]
    orders = before.orders.merge(before.truth.orders, on="order_id")
    honest = orders[inside(one, before, orders.placed_at) & (orders.channel == one.target) & ~orders.is_fraud]
    waited = false.reported_at.to_numpy() - honest.set_index("order_id").placed_at[false.order_id].to_numpy()

    assert near_share(len(false), len(honest), one.size)
    assert np.max(waited / DAY) < 14
    assert same(world.chargebacks[truth.is_true].reset_index(drop=True), before.chargebacks)


def test_a_burst_is_the_stated_number_of_frauds() -> None:
    """Bots place the stated share of a day's orders in its hours, all of them fraud, small and of few items.

    Orders are drawn by whole hours, so the first and the last hour count as a whole.
    """
    one, world, _ = pair("fraud_burst", orders=8000, days=24, start_day=20.4)
    orders = world.orders.merge(world.truth.orders, on="order_id")
    bots = orders[orders.behaviour == "bots"]
    expected = one.size * 8000

    assert abs(len(bots) - expected) < 4.5 * np.sqrt(expected)
    assert bots.is_fraud.all()
    hour = ((bots.placed_at - world.start) // np.timedelta64(1, "h")).to_numpy()
    assert hour.min() >= np.floor(one.start_day * 24)
    assert hour.max() < np.ceil(one.end_day * 24)
    assert bots.amount_x.median() < 0.5 * orders.amount_x.median()
    assert (bots["items"] <= 2).all()


@pytest.mark.parametrize(
    ("name", "start"), [("traffic_spike", 4 + 11 / 24), ("holiday", 4.0), ("weekend", 3.0)]
)
def test_volume_grows_by_the_stated_factor(name, start) -> None:
    """Orders in its time against the same time of the world without it, within counting error.

    A holiday has twice as many gifts again on top, some 4 % of orders, which its factor leaves out.
    """
    one, world, before = pair(name, orders=10_000, days=15, start_day=start)
    n, usual = (int(inside(one, made, made.orders.placed_at).sum()) for made in (world, before))
    if name == "holiday":
        truth = world.truth.orders
        gifts = inside(one, world, world.orders.placed_at) & (truth.behaviour == "gift")
        n -= round(gifts.sum() * 2 / 3)

    assert abs(n / usual / one.size - 1) < 4.5 * np.sqrt(1 / n + 1 / usual)


def test_amounts_change_by_the_stated_factor() -> None:
    """A sale touches one channel; inflation grows day by day; both leave all else as it is.

    Amounts are whole cents, at least 0.50 EUR, and so those above 20 EUR are compared, within half a cent twice.
    """
    for name, days in (("sale", 30), ("price_inflation", 50)):
        one, world, before = pair(name, days=days)
        orders, clean = world.orders, before.orders
        day = (clean.order_id // ORDERS_PER_DAY_LIMIT - 1).to_numpy()
        factor = (1 + one.size) ** (np.maximum(day - one.start_day, 0) / 365)
        if name == "sale":
            now = inside(one, before, clean.placed_at) & (clean.channel == one.target).to_numpy()
            factor = np.where(now, one.size, 1.0)
        rows = (clean.amount > 20).to_numpy()

        assert len(np.unique(factor)) > 1
        assert same(orders, clean, ("amount",))
        np.testing.assert_allclose(orders.amount[rows], clean.amount[rows] * factor[rows], atol=0.011)


@pytest.mark.parametrize("name", ["new_market", "home_campaign"])
def test_a_campaign_brings_the_stated_share(name) -> None:
    """At full growth the stated share of sign-ups lives in the country beyond those before; new ones order at once.

    Orders of a new market's class are the stated share of a mean day's; a campaign at home brings more orders in all.
    """
    one, world, before = pair(name, days=48, orders=5000, start_day=10.0)
    grown = (24, int(min(48, one.end_day)))

    def joined(made: World) -> pd.Series:
        day = (made.customers.signed_up_at - made.start) / DAY
        return made.customers.country[(day >= grown[0]) & (day < grown[1])] == one.target

    now, then = joined(world), joined(before)
    expected = then.mean() + one.size * (1 - then.mean())
    error = np.sqrt(expected * (1 - expected) / len(now) + then.var() / len(then))
    assert abs(now.mean() - expected) < 4.5 * error

    day = world.truth.orders.order_id // ORDERS_PER_DAY_LIMIT - 1
    during = (day >= grown[0]) & (day < grown[1])
    if name == "new_market":
        new = during & (world.truth.orders.behaviour == "newcomer")
        expected_orders = one.size * 5000 * (grown[1] - grown[0])
        assert abs(new.sum() - expected_orders) < 4.5 * np.sqrt(expected_orders)
    else:
        day = before.truth.orders.order_id // ORDERS_PER_DAY_LIMIT - 1
        usual = int(((day >= grown[0]) & (day < grown[1])).sum())
        assert abs(during.sum() / usual / (1 + one.size) - 1) < 4.5 * np.sqrt(2 / usual)


def test_coupons_go_and_messages_wait_as_stated() -> None:
    """The stated share of coupons is gone; reordering adds a delay between zero and the stated minutes, evenly."""
    one, world, before = pair("optional_field")
    had = before.orders.coupon.notna().to_numpy() & inside(one, before, before.orders.placed_at)
    gone = before.orders.coupon.notna() & world.orders.coupon.isna()
    assert same(world.orders, before.orders, ("coupon",))
    assert not gone[~had].any()
    assert near_share(int(gone.sum()), int(had.sum()), one.size)

    one, world, before = pair("reordering")
    for name, at in (("orders", "placed_at"), ("events", "at")):
        table, clean = world.table(name), before.table(name)
        now = inside(one, before, clean[at])
        minutes = ((table.arrived_at - clean.arrived_at) / np.timedelta64(1, "m")).to_numpy()
        assert same(table, clean, ("arrived_at",))
        assert (minutes[~now] == 0).all()
        assert 0 <= minutes.min() <= minutes.max() < one.size
        assert abs(minutes[now].mean() - one.size / 2) < 4.5 * one.size / np.sqrt(12 * now.sum())


def test_the_stated_share_of_texts_is_hostile() -> None:
    """Mails and reviews of its days carry an instruction in that share; others, and all other columns, stay."""
    one, world, before = pair("hostile_text", days=60, orders=1500)
    for name, text in (("messages", "body"), ("reviews", "text")):
        table, clean, hostile = world.table(name), before.table(name), world.truth.table(name).is_hostile
        now = inside(one, before, clean["at"])
        assert same(table, clean, (text,))
        assert ((table[text] != clean[text]) == hostile).all()
        assert not hostile[~now].any()
        assert near_share(int(hostile.sum()), int(now.sum()), one.size)


def fraud_rows(world: World) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Features (n, 11) of all orders as a team would take them, fraud or not (n,), day (n,)."""
    orders = world.orders.merge(world.payments, on="order_id").merge(
        world.customers[["customer_id", "country", "signed_up_at"]], on="customer_id"
    )
    truth = world.truth.orders
    columns = [
        np.log(orders.amount),
        orders.placed_at.dt.hour,
        orders["items"],
        orders.attempts,
        orders.card_country == orders.country,
        orders.ship_country == orders.country,
        orders.device_known,
        np.log1p(orders.address_age_days),
        (orders.placed_at - orders.signed_up_at) / DAY,
        orders.channel.map(["web", "app", "partner", "phone"].index),
        orders.auth_result.map(["frictionless", "challenged", "retried"].index),
    ]
    day = (truth.order_id // ORDERS_PER_DAY_LIMIT - 1).to_numpy()
    return np.column_stack(columns).astype(float), truth.is_fraud.to_numpy(), day


def test_fraud_moves_out_of_sight() -> None:
    """All that orders and payments show stays, bit by bit; which orders are fraud changes, and an old model pays.

    Three worlds; in each, a model of the first 60 days ranks four later spells of a week with and without the
    incident, which differ in their labels alone. PR-AUC falls by more than three standard errors of the
    mean difference, and by a twentieth at least; the number of frauds stays within counting error.
    """
    falls = []
    for seed in (1, 2, 3):
        _, world, before = pair("new_fraud_pattern", seed, days=88, orders=1500, start_day=60.0)
        seen = {"orders", "payments"}
        assert hashes(world, seen) == hashes(before, seen)
        features, fraud, day = fraud_rows(world)
        old = before.truth.orders.is_fraud.to_numpy()
        assert (fraud == old)[day < 60].all()
        n, usual = int(fraud[day >= 60].sum()), int(old[day >= 60].sum())
        assert abs(n - usual) < 4.5 * np.sqrt(n + usual)
        rows = (day < 60) & (fraud | (np.arange(len(day)) % 8 == 0))
        model = HistGradientBoostingClassifier(max_iter=40, max_leaf_nodes=10, random_state=0)
        model.fit(features[rows], fraud[rows], sample_weight=np.where(fraud, 1.0, 8.0)[rows])
        score = model.predict_proba(features[day >= 60])[:, 1]
        for week in range(4):
            part = (day[day >= 60] - 60) // 7 == week
            quality = [average_precision_score(label[day >= 60][part], score[part]) for label in (old, fraud)]
            falls.append((quality[0] - quality[1]) / quality[0])

    assert np.mean(falls) > 3 * np.std(falls, ddof=1) / np.sqrt(len(falls))
    assert np.mean(falls) > 0.05


@pytest.mark.parametrize("source_fault", ["null_burst", "stale_feature"])
def test_a_renamed_field_shares_the_faults_of_its_source(source_fault) -> None:
    """A source that fails while its field has another name fails under that name; the old one stays null."""
    fault = Incident(source_fault, 8.0, days=1, target="address_service")
    renamed = Incident("renamed_field", 4.0, days=10, target="address_age_days")
    both, alone = make_world(5, 16, 500, [renamed, fault]).orders, make_world(5, 16, 500, [fault]).orders
    now = both.order_id // ORDERS_PER_DAY_LIMIT - 1
    now = (now >= 4) & (now < 14)

    assert both.address_age_days[now].isna().all()
    assert both.address_days[now].astype(object).equals(alone.address_age_days[now].astype(object))
