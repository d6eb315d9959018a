"""The tables around an order: customers, orders, payments, chargebacks, deliveries, and their truth."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tidewater import faults, mechanics, outcomes, places
from tidewater.calendar import DAY_MS, START
from tidewater.columns import Column, Columns, coded, moments, take
from tidewater.core import Core
from tidewater.orders import OrderDay
from tidewater.population import PAST_DAYS
from tidewater.scales import millionths

__all__ = ["CUSTOMER_NUMBER_BASE"]

CUSTOMER_NUMBER_BASE = 100_001  # number of the first customer


def customers(core: Core) -> Columns:
    """One row a customer who has signed up before the world's end."""
    one = core.population
    day = one.cohort.astype(np.int64) - PAST_DAYS
    return {
        "customer_id": Column(np.arange(len(one)) + CUSTOMER_NUMBER_BASE),
        "signed_up_at": moments(0, day * DAY_MS + one.signed_up_ms),
        "country": coded(one.country, places.COUNTRIES),
        "age_band": coded(one.age_band, places.AGE_BANDS),
        "device": coded(one.device, places.DEVICES),
        "channel": coded(one.channel, places.SIGN_UP_CHANNELS),
        "marketing_opt_in": Column(one.opt_in),
    }


def customers_truth(core: Core) -> Columns:
    """Segment, chance to leave on a day, mean of ln(EUR) of the customer's orders."""
    one = core.population
    return {
        "customer_id": Column(np.arange(len(one)) + CUSTOMER_NUMBER_BASE),
        "segment": coded(one.segment, places.SEGMENTS),
        "churn_hazard": Column(millionths(one.churn_hazard)),
        "log_amount": Column(millionths(one.log_amount)),
    }


def orders(core: Core, day: int) -> Columns:
    """The orders of one day as they arrive, faults included."""
    return _observed(core, day, clean_orders)


def payments(core: Core, day: int) -> Columns:
    """The payments of one day as they arrive, faults included."""
    return _observed(core, day, clean_payments)


def clean_orders(one: OrderDay) -> Columns:
    """The orders of one day before any fault."""
    currency = places.CURRENCY_OF_COUNTRY[one.ship_country]
    return {
        "order_id": Column(one.number),
        "customer_id": Column(one.customer + CUSTOMER_NUMBER_BASE),
        "placed_at": moments(one.day, one.placed_ms),
        "arrived_at": moments(one.day, one.placed_ms + one.delay_ms),
        "amount": Column(one.cents / 100),
        "currency": coded(currency, places.CURRENCIES),
        "items": Column(one.marks["items"].astype(np.int64) + 1),
        "channel": coded(one.marks["channel"], places.CHANNELS),
        "coupon": coded(one.coupon, places.COUPONS),
        "ship_country": coded(one.ship_country, places.COUNTRIES),
        "address_age_days": Column(one.address_age_days),
        "device": coded(one.device, places.DEVICES),
        "device_known": Column(one.marks["device"] == 0),
    }


def clean_payments(one: OrderDay) -> Columns:
    """The payments of one day before any fault."""
    return {
        "order_id": Column(one.number),
        "card_country": coded(one.card_country, places.COUNTRIES),
        "attempts": Column(one.marks["attempts"].astype(np.int64) + 1),
        "auth_result": coded(one.marks["auth"], places.AUTH_RESULTS),
        "legacy_risk_score": Column(one.legacy_score),
    }


def chargebacks(core: Core) -> Columns:
    """All chargebacks reported before the world's end, in order of their report."""
    return _without(_chargebacks(core), "is_true")


def chargebacks_truth(core: Core) -> Columns:
    """The same rows with `is_true`: False where a partner reported a good order."""
    return _only(_chargebacks(core), ("order_id", "is_true"))


def chargebacks_of_day(core: Core, day: int) -> Columns:
    """The chargebacks that the orders of one day bring, also those after the world's end, with their truth."""
    one = core.order_day(day)
    rows = outcomes.chargebacks_of(core.seed, one, core.incidents)
    return {
        "order_id": Column(one.number[rows["row"]]),
        "reported_at": moments(day, rows["reported_ms"]),
        "is_true": Column(rows["true"]),
    }


def orders_truth(core: Core, day: int) -> Columns:
    """Fraud or not, its mechanism, and the true probability given everything visible."""
    one = core.order_day(day)
    return {
        "order_id": Column(one.number),
        "is_fraud": Column(one.is_fraud),
        "p_fraud": Column(one.p_fraud),
        "mechanism": coded(one.mechanism, mechanics.MECHANISMS),
        "behaviour": coded(one.kind, mechanics.CLASSES),
        "amount": Column(one.cents / 100),
    }


def deliveries(core: Core, day: int) -> Columns:
    """The parcels of one day's orders."""
    return _without(_deliveries(core, day), "expected_hours")


def deliveries_truth(core: Core, day: int) -> Columns:
    """Expected hours between shipping and delivery."""
    return _only(_deliveries(core, day), ("order_id", "expected_hours"))


def _observed(core: Core, day: int, make: Callable[[OrderDay], Columns]) -> Columns:
    one = core.order_day(day)
    if not any(incident.touches_day(day) or incident.name == "renamed_field" for incident in core.incidents):
        return make(one)
    return faults.observe(
        core.seed,
        day,
        make(one),
        core.incidents,
        one.placed_ms,
        one.marks["channel"],
        lambda: make(core.order_day(max(0, day - 7))),
    )


def _chargebacks(core: Core) -> Columns:
    parts = [chargebacks_of_day(core, day) for day in range(core.days)]
    joined = {name: Column(np.concatenate([part[name].values for part in parts])) for name in parts[0]}
    moment = joined["reported_at"].values
    rows = np.argsort(moment, kind="stable")
    return take(joined, rows[moment[rows] < START + np.timedelta64(core.days, "D")])


def _deliveries(core: Core, day: int) -> Columns:
    one = core.order_day(day)
    times = outcomes.deliveries_of(core.seed, one, core.incidents)
    return {
        "order_id": Column(one.number),
        "shipped_at": moments(day, times["shipped_ms"]),
        "promised_at": moments(day, times["promised_ms"]),
        "delivered_at": moments(day, times["delivered_ms"]),
        "expected_hours": Column(times["expected_hours"]),
    }


def _without(columns: Columns, name: str) -> Columns:
    return {key: one for key, one in columns.items() if key != name}


def _only(columns: Columns, names: tuple[str, ...]) -> Columns:
    return {name: columns[name] for name in names}
