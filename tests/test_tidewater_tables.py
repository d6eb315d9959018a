"""Products, events, searches, reviews, mails and the rule book of Tidewater: what each claims to be."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from tidewater import Incident, World, make_world
from tidewater.parquet import content_hash
from tidewater.text.products import CATEGORIES
from tidewater.text.rulebook import rulebook
from tidewater.world import TABLES, TRUTH

DAY = np.timedelta64(1, "D")


@pytest.fixture(scope="module")
def world() -> World:
    """A month of a world of ordinary size; its tables are made once."""
    return make_world(17, days=30, orders_per_day=1000)


def hashes(world: World) -> dict[str, str]:
    """The content of every table and every table of the truth."""
    found = {name: content_hash(world.arrow(name)) for name in TABLES}
    return found | {f"truth {name}": content_hash(world.truth.arrow(name)) for name in TRUTH}


@pytest.fixture(scope="module")
def calm() -> dict[str, str]:
    """The tables of a small world without incidents."""
    return hashes(make_world(6, 12, 80))


def test_every_key_resolves(world) -> None:
    """Customers, products, sellers and orders that a table names are in their own table."""
    known = {
        "customer_id": world.customers.customer_id,
        "product_id": world.products.product_id,
        "order_id": world.orders.order_id,
        "seller_id": world.truth.sellers.seller_id,
    }
    for store in (world, world.truth):
        for name in TABLES if store is world else TRUTH:
            table = store.table(name)
            for key in set(known) & set(table.columns):
                assert table[key].dropna().isin(known[key]).all(), f"{name}.{key}"


def test_every_row_has_its_truth(world) -> None:
    """Truth stands beside each table, row by row."""
    keys = {
        "products": ["product_id"],
        "events": ["event_id"],
        "searches": ["query_id", "position"],
        "reviews": ["review_id"],
        "messages": ["message_id"],
        "ratings": ["customer_id", "product_id"],
        "promotions": ["campaign_id", "customer_id"],
    }
    for name, key in keys.items():
        table, truth = world.table(name)[key], world.truth.table(name)[key]
        assert not table.duplicated().any(), name
        pd.testing.assert_frame_equal(table, truth)


def test_times_lie_in_the_world_and_in_order(world) -> None:
    """Each table by day is in order of time, and no row happens before the start or after the end."""
    for name in ("events", "searches", "reviews", "messages", "ratings"):
        at = world.table(name)["at"]
        assert at.is_monotonic_increasing, name
        assert at.min() >= world.start, name
        assert at.max() < world.end, name


def test_demand_follows_zipf(world) -> None:
    """Log share falls with log rank, by an exponent that every world draws between 0.85 and 1.1."""
    for one in (world, make_world(18, 1), make_world(2**100, 1, 30_000)):
        share = np.sort(one.truth.products.demand_share)[::-1]
        slope = np.polyfit(np.log(np.arange(1, len(share) + 1)), np.log(share), 1)[0]

        assert -1.15 < slope < -0.8  # 0.05 for the rounding of the smallest shares
        assert share.sum() == pytest.approx(1, abs=len(share) * 5e-7)


def test_few_sellers_have_most_products(world) -> None:
    """A tenth of the sellers lists more than a quarter of the goods; every category has some; prices are skewed."""
    goods = world.products
    listed = goods.seller_id.value_counts()

    assert len(goods) == 400
    assert listed.head(len(world.truth.sellers) // 10).sum() > 0.25 * len(goods)
    assert set(goods.category) == set(CATEGORIES)
    assert abs(np.log(world.truth.products.price_eur).skew()) < 0.6 < world.truth.products.price_eur.skew()


def test_events_form_a_funnel(world) -> None:
    """Who puts a product into the cart has clicked it, who clicks has seen it; about two events an order."""
    events = world.events.merge(world.truth.events, on="event_id")
    count = events.groupby(["session_id", "product_id", "type"]).size().unstack(fill_value=0)

    assert (count.view >= count.click).all()
    assert (count.click >= count.cart).all()
    assert count.view.sum() > 2 * count.click.sum() > 4 * count.cart.sum()
    assert 1.6 < len(events) / len(world.orders) < 2.4
    assert (events.arrived_at > events["at"]).all()


def test_sessions_that_end_in_an_order_fit_the_order(world) -> None:
    """The same customer, before the order, on its day, with a product in the cart; most sessions end without one."""
    events = world.events.merge(world.truth.events, on="event_id")
    bought = events[events.order_id.notna()].merge(
        world.orders[["order_id", "customer_id", "placed_at"]], on="order_id"
    )
    sessions = events.groupby("session_id").intent.first()

    assert (bought.customer_id_x == bought.customer_id_y).all()
    assert (bought["at"] <= bought.placed_at).all()
    assert (bought["at"].dt.date == bought.placed_at.dt.date).all()
    assert bought.groupby("order_id").type.agg(lambda kinds: "cart" in set(kinds)).all()
    assert 0.05 < (sessions == "buy").mean() < 0.15


def test_visitors_look_at_what_is_in_demand(world) -> None:
    """Views have the shares of demand: with 40,000 of them the correlation misses 1 by noise alone."""
    truth = world.truth.products.set_index("product_id")
    views = world.events[world.events.type == "view"].product_id.value_counts(normalize=True)

    assert np.corrcoef(views.reindex(truth.index, fill_value=0), truth.demand_share)[0, 1] > 0.99


def test_clicks_fall_with_position_at_equal_relevance(world) -> None:
    """Position bias: the same relevance earns fewer clicks further down, as much as the truth says."""
    rows = world.searches.merge(world.truth.searches, on=["query_id", "position"])
    for relevance in (1, 2):
        same = rows[rows.relevance == relevance]
        top, bottom = same[same.position <= 2], same[same.position > 5]
        assert top.clicked.mean() > 1.5 * bottom.clicked.mean()
    noise = np.sqrt((rows.p_clicked * (1 - rows.p_clicked)).sum())

    assert abs(rows.clicked.sum() - rows.p_clicked.sum()) < 4 * noise
    assert (rows.groupby("query_id").product_id.nunique() == 10).all()
    assert rows.p_examined[rows.position == 1].eq(1).all()


def test_pages_favour_relevance_unless_they_are_shuffled(world) -> None:
    """The ranker is better than chance; a shuffled page has no order, up to four standard errors."""
    rows = world.searches.merge(world.truth.searches, on=["query_id", "position"])
    shuffled, ranked = rows[rows.shuffled], rows[~rows.shuffled]

    assert ranked.position.corr(ranked.relevance) < -0.2
    assert abs(shuffled.position.corr(shuffled.relevance)) < 4 / np.sqrt(len(shuffled))
    assert 0.05 < len(shuffled) / len(rows) < 0.15


def test_a_query_finds_the_thing_it_names(world) -> None:
    """Products whose title holds the query are more relevant than others; other categories are least."""
    rows = world.searches.merge(world.truth.searches, on=["query_id", "position"]).merge(
        world.products, on="product_id"
    )
    last = rows["query"].str.split().str[-1]
    named = [word in title.lower() for word, title in zip(last, rows.title, strict=True)]

    assert rows[named].relevance.mean() > rows[~np.array(named)].relevance.mean() + 0.7
    assert rows[rows.category != rows.wanted].relevance.mean() < 0.8


def test_only_customers_with_an_order_buy_from_a_search(world) -> None:
    """A purchase follows a click, once a query, by somebody who orders on that day."""
    rows = world.searches[world.searches.bought]
    orders = set(zip(world.orders.customer_id, world.orders.placed_at.dt.date, strict=True))

    assert len(rows) > 10
    assert rows.clicked.all()
    assert not rows.query_id.duplicated().any()
    assert all(pair in orders for pair in zip(rows.customer_id, rows["at"].dt.date, strict=True))


def test_stars_speak_with_the_sentiment(world) -> None:
    """Honest stars follow the sentiment, the sentiment the quality; 4 % of orders, 8 % spam within 4 errors."""
    rows = world.reviews.merge(world.truth.reviews, on="review_id")
    honest = rows[~rows.is_spam].merge(world.truth.products, on="product_id")

    assert honest.stars.corr(honest.sentiment) > 0.8
    assert honest.sentiment.corr(honest.quality) > 0.3
    assert set(rows.stars) == {1, 2, 3, 4, 5}
    assert abs(rows.is_spam.mean() - 0.08) < 4 * np.sqrt(0.08 * 0.92 / len(rows))
    assert 0.03 < len(rows) / len(world.orders) < 0.055
    assert not rows.is_hostile.any()


def test_spam_clusters_on_few_products(world) -> None:
    """Spam is paid for: it names a twelfth of the products at most, and its stars are extreme."""
    rows = world.reviews.merge(world.truth.reviews, on="review_id")
    spam = rows[rows.is_spam]

    assert spam.product_id.nunique() <= len(world.products) / 12
    assert spam.stars.isin([1, 2, 4, 5]).all()
    assert spam.stars.isin([1, 5]).mean() > 0.7


def test_a_late_parcel_brings_its_question(world) -> None:
    """Who waits for a parcel of five days ago beyond its promise mostly asks for it, others seldom."""
    mails = world.messages.merge(world.truth.messages, on="message_id")
    honest = mails[~mails.is_spam & (mails["at"] >= world.start + 5 * DAY)]
    orders = world.orders[["order_id", "customer_id", "placed_at"]].merge(world.deliveries, on="order_id")
    orders["day"] = orders.placed_at.dt.floor("D") + 5 * DAY
    rows = honest.assign(day=honest["at"].dt.floor("D")).merge(orders, on=["customer_id", "day"])
    waits = (rows.promised_at < rows["at"]) & (rows.delivered_at > rows["at"])

    assert rows.message_id.nunique() == len(honest)
    assert (rows.topic == "where_is_my_order")[waits].mean() > 0.7
    assert (rows.topic == "where_is_my_order")[~waits].mean() < 0.25
    assert abs(mails.is_spam.mean() - 0.12) < 4 * np.sqrt(0.12 * 0.88 / len(mails))
    assert mails.topic.isna().equals(mails.is_spam)


def test_hostile_texts_come_with_their_incident() -> None:
    """As many as the incident's size says, and no other text changes."""
    plain = make_world(5, days=12, orders_per_day=1000)
    attacked = make_world(5, 12, 1000, [Incident("hostile_text", 2, days=9, size=0.2)])
    for name, text in (("reviews", "text"), ("messages", "body")):
        before, after, truth = plain.table(name), attacked.table(name), attacked.truth.table(name)
        inside = (after["at"] >= plain.start + 2 * DAY) & (after["at"] < plain.start + 11 * DAY)

        assert (before[text] != after[text]).equals(truth.is_hostile)
        assert truth.hostile_kind.notna().equals(truth.is_hostile)
        assert not truth.is_hostile[~inside].any()
        assert abs(truth.is_hostile[inside].mean() - 0.2) < 4 * np.sqrt(0.2 * 0.8 / inside.sum())


def test_only_the_shipped_world_has_the_shipped_rules() -> None:
    """Seed 0 has the rule book that everybody may read, another seed its own; spans stand in the bodies."""
    shipped, hidden = make_world(0, 1, 10), make_world(2**127, 1, 10)

    assert list(shipped.rulebook.body) == [page.body for page in rulebook()[0]]
    assert list(hidden.rulebook.article_id) == list(shipped.rulebook.article_id)
    assert (hidden.rulebook.body != shipped.rulebook.body).mean() > 0.5
    for one in (shipped, hidden):
        facts = one.truth.facts.dropna(subset="article_id").merge(one.rulebook, on="article_id")
        assert all(span in body for span, body in zip(facts.span, facts.body, strict=True))
        assert one.truth.facts.article_id.isna().any()


def test_the_same_arguments_give_the_same_tables() -> None:
    """Whatever was asked for before: the second world makes its tables in the opposite order."""
    one, other = (make_world(2**120 + 5, 12, 60, ["hostile_text", "duplicate_events"]) for _ in range(2))
    for day in (11, 3):
        other.arrow("reviews", day)
    other.truth.arrow("ratings")

    assert hashes(one) == hashes(other)


def test_a_longer_world_begins_with_the_same_days() -> None:
    """Tables by day are equal day by day, the others begin with the same rows."""
    short, long = make_world(8, 30, 40), make_world(8, 62, 40)
    for name, table in TABLES.items():
        if table.daily is not None:
            for day in (0, 7, 29):
                assert content_hash(short.arrow(name, day)) == content_hash(long.arrow(name, day)), name
        elif name != "chargebacks":
            first = long.arrow(name).slice(0, short.arrow(name).num_rows)
            assert content_hash(first) == content_hash(short.arrow(name)), name


@pytest.mark.parametrize(
    ("incident", "tables"),
    [
        (Incident("hostile_text", 2, days=9, size=0.5), {"reviews", "messages"}),
        (Incident("duplicate_events", 2, days=9, size=0.2), {"orders", "payments", "events"}),
        (Incident("reordering", 2, days=9), {"orders", "events"}),
        (Incident("null_burst", 2, days=2), {"orders", "payments"}),
        (Incident("unit_change", 2, days=4), {"orders"}),
        (Incident("new_fraud_pattern", 2), {"chargebacks", "annotations", "orders"}),
    ],
    ids=lambda value: value.name if isinstance(value, Incident) else "",
)
def test_an_incident_changes_only_its_tables(calm, incident, tables) -> None:
    """Every other table, and every other table of the truth, keeps its content."""
    struck = hashes(make_world(6, 12, 80, [incident]))
    changed = {name.removeprefix("truth ") for name in struck if calm[name] != struck[name]}

    assert changed
    assert changed <= tables


def test_a_spike_of_traffic_is_in_the_events() -> None:
    """Five times the load for an hour, in events as in orders; some 400 events before, so 3 to 8 is wide enough."""
    plain, struck = (
        make_world(9, 4, 4000, incidents) for incidents in ((), [Incident("traffic_spike", 2.5, days=1 / 24)])
    )
    hour = [
        world.events["at"].dt.floor("h") == world.start + 60 * np.timedelta64(1, "h")
        for world in (plain, struck)
    ]

    assert 3 < hour[1].sum() / hour[0].sum() < 8
