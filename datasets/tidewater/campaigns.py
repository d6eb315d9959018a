"""Promotions whose true effect on every customer is known, and labels by people whose skill is known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tidewater.calendar import HOUR_MS, START
from tidewater.columns import Column, Columns, coded, moments
from tidewater.population import PAST_DAYS
from tidewater.sales import CUSTOMER_NUMBER_BASE
from tidewater.scales import cents, millionths, sigmoid, standard
from tidewater.seeds import stream_of

if TYPE_CHECKING:
    from tidewater.core import Core

__all__ = ["DESIGNS", "GROUPS", "promotions", "promotions_truth"]

DESIGNS = ("by_activity", "randomised", "hidden")  # campaign 1, 2, 3, then again from the first
GROUPS = ("lost_cause", "persuadable", "sure_buyer", "do_not_disturb")
EVERY_DAYS, AFTER_DAYS = 15, 14  # a campaign is sent on day 15, 30, ...; spending after it counts for 14 days
_LARGEST = 20_000
_MEAN_LIFT = np.array([0.0, 30.0, 0.0, -24.0])  # EUR, for a customer of ordinary amounts
_REDEEMS = np.array([0.02, 0.42, 0.75, 0.05])


@dataclass(frozen=True)
class Campaign:
    """One campaign and its customers, n rows; money in EUR cents.

    customer: positions, ascending. sent_ms: since midnight of `day`. group: positions in GROUPS.
    propensity: chance to be offered, given everything, also what nobody records.
    spent_if_not, spent_if_offered: what the customer spends afterwards in either case.
    """

    number: int
    day: int
    customer: np.ndarray
    sent_ms: np.ndarray
    group: np.ndarray
    propensity: np.ndarray
    offered: np.ndarray
    redeemed: np.ndarray
    spent_before: np.ndarray
    spent_if_not: np.ndarray
    spent_if_offered: np.ndarray

    @property
    def design(self) -> str:
        """How the offers were given out, one of DESIGNS."""
        return DESIGNS[(self.number - 1) % len(DESIGNS)]

    @property
    def effect(self) -> np.ndarray:
        """(n,), EUR cents that the offer changes."""
        return self.spent_if_offered - self.spent_if_not


def campaigns_of(core: Core) -> list[Campaign]:
    """The campaigns whose two weeks lie within the world."""
    count = max(0, (core.days - AFTER_DAYS) // EVERY_DAYS)
    return [make_campaign(core, number) for number in range(1, count + 1)]


def make_campaign(core: Core, number: int) -> Campaign:
    """One campaign among customers who signed up at least 30 days before and have not left.

    Spending counts card payments at Tidewater and in its partners' shops, so it exceeds the table of orders.
    """
    day, rng = number * EVERY_DAYS, stream_of(core.seed, "promotions", number)
    who = _members(core, rng, day)
    one, n = core.population, len(who)
    hidden = rng.standard_normal(n)  # plans for a large purchase; no table knows them
    visits = np.sqrt(one.activity[who].astype(float))
    usual = np.exp(one.log_amount[who].astype(float))
    before = rng.poisson(0.3 + 2.0 * visits) * usual * rng.gamma(12.0, 1 / 12.0, n)
    past = standard(np.log1p(before))
    chance = {
        "by_activity": np.clip(sigmoid(-0.2 + 1.6 * past + 0.4 * one.opt_in[who]), 0.05, 0.95),
        "randomised": np.full(n, 0.5),
        "hidden": np.clip(sigmoid(-0.2 + 0.6 * past + 1.1 * hidden), 0.05, 0.95),
    }[DESIGNS[(number - 1) % len(DESIGNS)]]
    group = _groups(rng, past, one.segment[who], one.opt_in[who])
    after = rng.poisson((0.2 + 0.9 * visits) * np.exp(0.5 * hidden)) * usual * rng.gamma(12.0, 1 / 12.0, n)
    lift = _MEAN_LIFT[group] * usual / 42.0 * rng.gamma(3.0, 1 / 3.0, n)
    offered, spent = rng.random(n) < chance, cents(np.maximum(0.0, after + lift))
    return Campaign(
        number=number,
        day=day,
        customer=who,
        sent_ms=9 * HOUR_MS + rng.integers(0, 3 * HOUR_MS, n),
        group=group,
        propensity=millionths(chance),
        offered=offered,
        redeemed=offered & (spent > 0) & (rng.random(n) < _REDEEMS[group]),
        spent_before=cents(before),
        spent_if_not=cents(after),
        spent_if_offered=spent,
    )


def promotions(core: Core) -> Columns:
    """One row a customer and campaign, offered or not; spending in EUR, four weeks before, two weeks after."""
    parts = campaigns_of(core)
    after = [np.where(one.offered, one.spent_if_offered, one.spent_if_not) for one in parts]
    return {
        **_keys(parts),
        "sent_at": _joined([moments(one.day, one.sent_ms).values for one in parts], START.dtype),
        "offered": _joined([one.offered for one in parts], bool),
        "redeemed": _joined([one.redeemed for one in parts], bool),
        "spent_before": _joined([one.spent_before / 100 for one in parts], float),
        "spent_after": _joined([amount / 100 for amount in after], float),
    }


def promotions_truth(core: Core) -> Columns:
    """The chance of an offer, both outcomes and the effect of each customer, EUR; see Campaign."""
    parts = campaigns_of(core)
    group = _joined([one.group for one in parts], np.int8)
    return {
        **_keys(parts),
        "design": coded(
            _joined([np.full(len(one.group), DESIGNS.index(one.design)) for one in parts], int).values,
            DESIGNS,
        ),
        "propensity": _joined([one.propensity for one in parts], float),
        "group": coded(group.values, GROUPS),
        "spent_if_not": _joined([one.spent_if_not / 100 for one in parts], float),
        "spent_if_offered": _joined([one.spent_if_offered / 100 for one in parts], float),
        "effect": _joined([one.effect / 100 for one in parts], float),
    }


def _keys(parts: list[Campaign]) -> Columns:
    number = [np.full(len(one.customer), one.number) for one in parts]
    return {
        "campaign_id": _joined(number, np.int64),
        "customer_id": _joined([one.customer + CUSTOMER_NUMBER_BASE for one in parts], np.int64),
    }


def _joined(parts: list[np.ndarray], dtype: np.dtype | type) -> Column:
    """One column of all parts, of this type also where there is no part."""
    return Column(np.concatenate([np.empty(0, dtype), *parts]).astype(dtype))


def _members(core: Core, rng: np.random.Generator, day: int) -> np.ndarray:
    one = core.population
    oldest = int(one.first_of_cohort[day + PAST_DAYS - 30])
    wanted = int(min(_LARGEST, 4 * core.orders_per_day, oldest / 4))
    found = np.unique(rng.integers(0, oldest, 3 * wanted + 10))
    found = found[one.life_days[found] > day + PAST_DAYS - one.cohort[found]]
    return np.sort(rng.permutation(found)[:wanted])


def _groups(
    rng: np.random.Generator, past: np.ndarray, segment: np.ndarray, opt_in: np.ndarray
) -> np.ndarray:
    """(n,), how each customer answers an offer: those who spend most buy anyway, those who wished for no
    advertising mind it, bargain hunters can be won."""
    score = np.stack(
        [
            -0.9 * past,
            0.5 * (segment == 0) + 0.3 * opt_in - 0.3 * np.abs(past),
            1.3 * past - 0.4 + 0.4 * (segment == 2),
            np.where(opt_in, -1.6, -0.5),
        ]
    )
    return np.argmax(score + rng.gumbel(0, 0.8, score.shape), axis=0).astype(np.int8)
