"""The table of incidents: what each one touches, how large it is, when it begins, whether it harms."""

from __future__ import annotations

from dataclasses import dataclass

from tidewater.places import CHANNELS, FAR

__all__ = ["CACHED_SOURCES", "FAILING_SOURCES", "FOREVER", "KINDS", "RENAMES", "SOURCES", "Kind"]

# Columns that each upstream source fills: a fault of a source hits its fields together.
SOURCES: dict[str, tuple[str, ...]] = {
    "gateway": ("card_country", "attempts", "auth_result", "legacy_risk_score"),
    "device_service": ("device", "device_known"),
    "address_service": ("ship_country", "address_age_days"),
    "clock": ("placed_at",),
    "queue": ("order_id", "customer_id", "channel", "items", "coupon", "arrived_at"),
    "currency_table": ("amount", "currency"),
}
FAILING_SOURCES = ("gateway", "device_service", "address_service")
CACHED_SOURCES = ("gateway", "address_service")
RENAMES = {"device_known": "known_device", "address_age_days": "address_days"}


@dataclass(frozen=True)
class Kind:
    """One row of the table of incidents.

    family: who has to notice it: market, fraud, source, label, code, money, text or benign.
    touches: the tables, columns or the part of a service that changes.
    size, days: lowest and highest value that `schedule` draws; days = 0 means until the end of the world.
    size_is: what the size counts, with its unit. harms: "yes", "no" or for whom.
    twin: the harmless incident that looks like it, if there is one.
    """

    family: str
    touches: str
    what: str
    size: tuple[float, float]
    size_is: str
    days: tuple[float, float]
    harms: str
    onset: str = "sudden"
    targets: tuple[str, ...] = ()
    twin: str | None = None
    in_tables: bool = True


FOREVER = (0.0, 0.0)
KINDS: dict[str, Kind] = {
    "new_market": Kind(
        family="market",
        touches="customers.country, orders, payments",
        what="a campaign brings customers of a far country that training hardly saw",
        size=(0.004, 0.006),
        size_is="share of new sign-ups, and orders of theirs as a share of a day's, at full growth",
        days=FOREVER,
        harms="yes",
        onset="over 14 days",
        targets=FAR,
        twin="home_campaign",
    ),
    "new_fraud_pattern": Kind(
        family="fraud",
        touches="chargebacks",
        what="fraud moves to another pattern; all columns keep their distribution",
        size=(0.25, 0.35),
        size_is="share of pattern fraud that moves",
        days=FOREVER,
        harms="yes",
        twin="holiday",
    ),
    "fraud_burst": Kind(
        family="fraud",
        touches="orders, payments, chargebacks, deliveries, annotations",
        what="bots test stolen cards with small orders; each looks harmless, their number does not",
        size=(0.25, 0.35),
        size_is="orders of the burst, as a share of a day's",
        days=(0.2, 0.35),
        harms="yes",
        twin="traffic_spike",
    ),
    "unit_change": Kind(
        family="source",
        touches="orders.amount",
        what="one channel sends cents where it sent euros",
        size=(100.0, 100.0),
        size_is="factor",
        days=(14, 20),
        harms="yes",
        targets=CHANNELS[:2],
        twin="sale",
    ),
    "renamed_field": Kind(
        family="source",
        touches="orders: device_known or address_age_days",
        what="a field changes its name; the old one arrives null",
        size=(1.0, 1.0),
        size_is="share of rows",
        days=(20, 28),
        harms="yes",
        targets=tuple(RENAMES),
        twin="optional_field",
    ),
    "null_burst": Kind(
        family="source",
        touches="all columns of one source",
        what="an upstream service fails for hours",
        size=(0.3, 0.3),
        size_is="share of rows that arrive null",
        days=(0.3, 0.6),
        harms="yes",
        targets=FAILING_SOURCES,
        twin="optional_field",
    ),
    "stale_feature": Kind(
        family="source",
        touches="all columns of one source",
        what="a source answers from last week's cache",
        size=(1.0, 1.0),
        size_is="share of rows",
        days=(35, 50),
        harms="yes",
        targets=CACHED_SOURCES,
    ),
    "duplicate_events": Kind(
        family="source",
        touches="orders, payments, events: rows",
        what="a queue delivers messages again, up to a day later",
        size=(0.05, 0.05),
        size_is="share of rows delivered twice",
        days=(20, 30),
        harms="yes",
    ),
    "clock_skew": Kind(
        family="source",
        touches="orders.placed_at",
        what="one channel's clock stands in another time zone",
        size=(7.0, 10.0),
        size_is="hours added",
        days=(25, 35),
        harms="yes",
        targets=CHANNELS[:2],
    ),
    "late_labels": Kind(
        family="label",
        touches="chargebacks.reported_at",
        what="chargebacks take longer",
        size=(2.0, 2.0),
        size_is="factor on the delay",
        days=(50, 70),
        harms="yes, for whoever trusts fresh labels",
    ),
    "poisoned_labels": Kind(
        family="label",
        touches="chargebacks",
        what="a reporting partner marks good orders of its channel as fraud",
        size=(0.12, 0.18),
        size_is="share of the channel's honest orders",
        days=(30, 45),
        harms="yes",
        targets=CHANNELS[2:3],
    ),
    "code_skew": Kind(
        family="code",
        touches="the service",
        what="serving computes one feature differently from training",
        size=(1.0, 1.0),
        size_is="share of answers",
        days=(20, 30),
        harms="yes",
        in_tables=False,
    ),
    "library_upgrade": Kind(
        family="code",
        touches="the service",
        what="an encoder's default changes with a version: categories get other numbers",
        size=(1.0, 1.0),
        size_is="share of answers",
        days=(20, 28),
        harms="yes",
        in_tables=False,
    ),
    "nan_weights": Kind(
        family="code",
        touches="one retraining run",
        what="a training run ends with a broken model",
        size=(1.0, 1.0),
        size_is="runs",
        days=(12, 12),
        harms="yes, for whoever promotes blindly",
        in_tables=False,
    ),
    "cost_explosion": Kind(
        family="money",
        touches="the bill of one feature's lookup",
        what="a lookup becomes dearer",
        size=(20.0, 20.0),
        size_is="factor on the price",
        days=FOREVER,
        harms="in money only",
        in_tables=False,
    ),
    "hostile_text": Kind(
        family="text",
        touches="messages.body, reviews.text",
        what="texts carry instructions for language models",
        size=(0.04, 0.08),
        size_is="share of texts",
        days=(20, 40),
        harms="yes, for language units",
    ),
    "price_inflation": Kind(
        family="benign",
        touches="orders.amount",
        what="all amounts grow slowly",
        size=(0.06, 0.1),
        size_is="growth a year",
        days=FOREVER,
        harms="slowly",
        onset="over the year",
    ),
    "traffic_spike": Kind(
        family="benign",
        touches="orders, payments, events, searches: rates",
        what="five times the load for an hour",
        size=(5.0, 5.0),
        size_is="factor on the hour's orders",
        days=(1 / 24, 1 / 24),
        harms="only for whoever is slow",
    ),
    "holiday": Kind(
        family="benign",
        touches="orders, payments, deliveries (slower), events, searches",
        what="more orders, more gifts to other addresses, larger amounts; back every year",
        size=(1.6, 1.9),
        size_is="factor on orders; gifts grow three times as much",
        days=(6, 9),
        harms="no",
    ),
    "weekend": Kind(
        family="benign",
        touches="orders, payments, deliveries, events, searches",
        what="the end of the week: a deeper dip than usual, back to normal on Monday",
        size=(0.7, 0.8),
        size_is="factor on orders",
        days=(2, 2),
        harms="no",
    ),
    "sale": Kind(
        family="benign",
        touches="orders.amount",
        what="one channel sells at a discount",
        size=(0.6, 0.7),
        size_is="factor on amounts",
        days=(3, 5),
        harms="no",
        targets=CHANNELS[:2],
    ),
    "home_campaign": Kind(
        family="benign",
        touches="customers, orders",
        what="a campaign brings customers of a country that is well known",
        size=(0.05, 0.08),
        size_is="share of new sign-ups, and growth of all orders, at full growth",
        days=(30, 45),
        harms="no",
        onset="over 14 days",
        targets=("PT", "ES", "FR", "NL"),
    ),
    "optional_field": Kind(
        family="benign",
        touches="orders.coupon",
        what="a shop page no longer asks for the coupon",
        size=(0.9, 0.9),
        size_is="share of coupons that are gone",
        days=(10, 20),
        harms="no",
    ),
    "reordering": Kind(
        family="benign",
        touches="orders, events: arrived_at",
        what="messages arrive out of order, up to ten minutes later than otherwise",
        size=(10.0, 10.0),
        size_is="minutes at most",
        days=(5, 10),
        harms="no",
    ),
}
