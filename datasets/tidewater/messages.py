"""Mails to the support: about orders of some days ago, above all late ones, and unwanted mail between them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tidewater import injections, outcomes
from tidewater import mechanics as m
from tidewater.calendar import DAY_MS
from tidewater.columns import Column, Columns, coded, moments
from tidewater.opinions import era_of
from tidewater.sales import CUSTOMER_NUMBER_BASE
from tidewater.seeds import stream_of
from tidewater.text.mails import TOPICS, mails
from tidewater.visitors import baskets, hourly_orders, moments_of, visitors

if TYPE_CHECKING:
    from tidewater.core import Core

__all__ = ["messages", "messages_truth"]

WAIT_DAYS = 5  # between an order and the mail about it
MESSAGES_PER_DAY_LIMIT = 1_000_000
_SHARE, _SPAM_SHARE = 0.027, 0.12  # honest mails, of orders; spam, of mails
# Share of orders that bring a mail: without and with a parcel that is late and not yet there.
_SHARE_IN_TIME, _SHARE_LATE = 0.0195, 0.22
_MIX = {
    "where_is_my_order": 0.10,
    "refund": 0.16,
    "damaged": 0.12,
    "wrong_item": 0.08,
    "account_access": 0.09,
    "payment_declined": 0.06,
    "invoice": 0.09,
    "change_address": 0.05,
    "cancel": 0.05,
    "complaint": 0.07,
    "praise": 0.04,
    "seller_question": 0.05,
    "voucher": 0.04,
}
_TOPIC_WORDS = ("", *TOPICS)  # the empty word is the topic of spam


@dataclass(frozen=True)
class Mails:
    """The mails of one day without their words, in order of time. topic: positions in TOPICS, of spam 0."""

    at: np.ndarray
    customer: np.ndarray
    topic: np.ndarray
    spam: np.ndarray


def _mails(core: Core, day: int) -> Mails:
    rng = stream_of(core.seed, "messages", day)
    hourly = hourly_orders(core, day)
    customer, topic, at = _writers(core, rng, day, hourly)
    n_spam = int(rng.poisson(_SHARE * hourly.sum() * _SPAM_SHARE / (1 - _SPAM_SHARE)))
    at = np.concatenate([at, rng.integers(0, DAY_MS, n_spam)])
    rows = np.argsort(at, kind="stable")
    return Mails(
        at=at[rows],
        customer=np.concatenate([customer, visitors(core, rng, day, n_spam)])[rows],
        topic=np.concatenate([topic, np.zeros(n_spam, np.int64)])[rows],
        spam=np.repeat([False, True], [len(topic), n_spam])[rows],
    )


def _writers(
    core: Core, rng: np.random.Generator, day: int, hourly: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Customer, topic and time of the honest mails; in the first days from orders before the world began."""
    if day < WAIT_DAYS:
        n = int(rng.poisson(_SHARE * hourly.sum()))
        customer = visitors(core, rng, day, n)
        return customer, _topics(rng, np.full(n, 0.6)), moments_of(rng, hourly, n)
    one = core.order_day(day - WAIT_DAYS)
    times = outcomes.deliveries_of(core.seed, one, core.incidents)
    at = moments_of(rng, hourly, len(one))
    now = WAIT_DAYS * DAY_MS + at
    waits = (times["promised_ms"] < now) & (times["delivered_ms"] > now)
    share = np.where(waits, _SHARE_LATE, _SHARE_IN_TIME)
    picked = np.flatnonzero(~np.isin(one.kind, m.MACHINES) & (rng.random(len(one)) < share))
    topic = _topics(rng, core.catalogue.quality[baskets(core, day - WAIT_DAYS)[picked]])
    asks = waits[picked] & (rng.random(len(picked)) < 0.85)
    return one.customer[picked], np.where(asks, TOPICS.index("where_is_my_order"), topic), at[picked]


def _topics(rng: np.random.Generator, quality: np.ndarray) -> np.ndarray:
    """(n,), positions in TOPICS; poor goods bring complaints, good ones now and then thanks."""
    weight = np.tile([_MIX[name] for name in TOPICS], (len(quality), 1))
    for name in ("damaged", "complaint", "refund"):
        weight[:, TOPICS.index(name)] *= 2.2 * (1 - quality)
    weight[:, TOPICS.index("praise")] *= 2 * quality
    bounds = np.cumsum(weight, axis=1)
    return (rng.random(len(quality))[:, None] * bounds[:, -1:] >= bounds[:, :-1]).sum(axis=1)


def messages(core: Core, day: int) -> Columns:
    """The mails of one day."""
    one = _mails(core, day)
    rng = stream_of(core.seed, "messages", "text", day)
    subjects, bodies = mails(rng, one.topic, one.spam, era=era_of(day))
    return {
        "message_id": Column((day + 1) * MESSAGES_PER_DAY_LIMIT + np.arange(len(one.at))),
        "customer_id": Column(one.customer + CUSTOMER_NUMBER_BASE),
        "subject": Column(subjects),
        "body": Column(injections.injected(core, "messages", day, one.at, bodies)),
        "at": moments(day, one.at),
    }


def messages_truth(core: Core, day: int) -> Columns:
    """Spam or not, the topic (spam has none), the kind of instruction that a mail carries."""
    one = _mails(core, day)
    kind = injections.kinds_of(core, "messages", day, one.at)
    return {
        "message_id": Column((day + 1) * MESSAGES_PER_DAY_LIMIT + np.arange(len(one.at))),
        "is_spam": Column(one.spam),
        "topic": coded(np.where(one.spam, 0, one.topic + 1), _TOPIC_WORDS),
        "is_hostile": Column(kind > 0),
        "hostile_kind": coded(kind, injections.KINDS),
    }
