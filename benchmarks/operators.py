"""Simple operators of Tidewater's fraud service, for `world_money.py`: what each decides, what it earns.

They handle the tables as a hurried team would: a missing number becomes 0, a missing word is an error of the
service and the order is refused; nobody watches the inputs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from sklearn.ensemble import HistGradientBoostingClassifier
from tidewater import Incident, make_world, money
from tidewater.orders import ORDERS_PER_DAY_LIMIT
from tidewater.places import AUTH_RESULTS, CHANNELS, COUNTRIES, DEVICES
from tidewater.sales import CUSTOMER_NUMBER_BASE
from tidewater.seeds import stream_of

HISTORY_DAYS, YEAR_DAYS, MONTH_DAYS = 150, 365, 30
RIPE_DAYS, WINDOW_DAYS = 60, 60
_CODES = {
    **dict.fromkeys(("card_country", "ship_country", "country"), COUNTRIES),
    "device": DEVICES,
    "channel": CHANNELS,
    "auth_result": AUTH_RESULTS,
}
CATEGORICAL = tuple(_CODES)
_THIN = 8.0


@dataclass(frozen=True)
class Year:
    """A world with its history, one row an order, n rows in order of time."""

    features: np.ndarray  # (n, d), as logged
    served: np.ndarray  # (n, d), as the running service computes them
    day: np.ndarray
    amount: np.ndarray  # EUR as observed
    true_amount: np.ndarray
    is_fraud: np.ndarray
    p_fraud: np.ndarray
    reported_day: np.ndarray  # inf where no chargeback comes
    twice: np.ndarray  # deliveries beyond the first
    luck: np.ndarray
    messages_obeyed: float  # EUR that mails would talk an assistant into
    incidents: tuple[Incident, ...]


def make_year(seed: int, orders_per_day: float, incidents: Sequence[Incident]) -> Year:
    """The world of this seed with these incidents; a history without any comes before the year."""
    world = make_world(seed, HISTORY_DAYS + YEAR_DAYS, orders_per_day, incidents)
    truth, bills = world.truth.arrow("orders"), world.arrow("chargebacks")
    number = truth["order_id"].to_numpy()
    day = number // ORDERS_PER_DAY_LIMIT - 1
    orders, payments = (
        world.arrow("orders"),
        world.arrow("payments"),
    )  # the same rows, second deliveries included
    arrived = orders["order_id"].to_numpy()
    _, first, times = np.unique(arrived, return_index=True, return_counts=True)
    features = _features(orders.take(first), payments.take(first), world.arrow("customers"))
    reported = np.full(len(number), np.inf)
    moment = (bills["reported_at"].to_numpy() - world.start) / np.timedelta64(1, "D")
    reported[np.searchsorted(number, bills["order_id"].to_numpy())] = moment
    return Year(
        features=features,
        served=_served(features, day, incidents),
        day=day,
        amount=orders["amount"].to_numpy()[first],
        true_amount=truth["amount"].to_numpy(),
        is_fraud=truth["is_fraud"].to_numpy(),
        p_fraud=truth["p_fraud"].to_numpy(),
        reported_day=reported,
        twice=times - 1,
        luck=stream_of(seed, "luck").random(len(number)),
        messages_obeyed=_obeyed(incidents, orders_per_day),
        incidents=tuple(incidents),
    )


def _features(orders: pa.Table, payments: pa.Table, customers: pa.Table) -> np.ndarray:
    """(n, d), numbers with missing values as 0, then the codes of CATEGORICAL, -1 where missing."""
    who = orders["customer_id"].to_numpy() - CUSTOMER_NUMBER_BASE
    words = {
        "card_country": payments["card_country"],
        "ship_country": orders["ship_country"],
        "country": customers["country"],
        "device": orders["device"],
        "channel": orders["channel"],
        "auth_result": payments["auth_result"],
    }
    code = {name: _codes(column, _CODES[name]) for name, column in words.items()}
    code["country"] = code["country"][who]
    placed, joined = orders["placed_at"].to_numpy(), customers["signed_up_at"].to_numpy()[who]
    age_days = np.maximum((placed - joined) / np.timedelta64(1, "D"), 0)
    numbers = [
        np.log(orders["amount"].to_numpy()),
        (placed - placed.astype("datetime64[D]")) / np.timedelta64(1, "h"),
        _filled(orders["items"]),
        _filled(payments["attempts"]),
        np.log1p(_filled(orders["address_age_days"])),
        _filled(orders["device_known"]),
        np.log1p(age_days),
        _filled(payments["legacy_risk_score"]),
        code["card_country"] == code["country"],
        code["ship_country"] == code["country"],
    ]
    return np.column_stack(
        [np.asarray(one, float) for one in (*numbers, *[code[name] for name in CATEGORICAL])]
    )


def _codes(column: pa.ChunkedArray, words: Sequence[str]) -> np.ndarray:
    return pc.index_in(column, value_set=pa.array(words)).fill_null(-1).to_numpy()


def _filled(column: pa.ChunkedArray) -> np.ndarray:
    return column.cast(pa.float64()).fill_null(0.0).to_numpy()


def _served(features: np.ndarray, day: np.ndarray, incidents: Sequence[Incident]) -> np.ndarray:
    """The features with the faults of the service's own code."""
    out = features.copy()
    for one in incidents:
        now = (day >= one.start_day) & (day < one.end_day)
        if one.name == "code_skew":  # the logarithm to base 10 where training took the natural one
            out[now, 0] /= np.log(10.0)
        elif one.name == "library_upgrade":  # the encoder now counts from 1 where it counted from 0
            first = features.shape[1] - len(CATEGORICAL)
            out[now, first:] += 1
    return out


def _obeyed(incidents: Sequence[Incident], orders_per_day: float) -> float:
    mails = 0.03 * orders_per_day
    return (
        sum(mails * one.size * one.days for one in incidents if one.name == "hostile_text")
        * money.PRICES.obeyed
    )


@dataclass(frozen=True)
class Model:
    """A boosting model and the categories it has seen; unseen ones are missing to it."""

    model: Any
    seen: list[np.ndarray]

    def probability(self, features: np.ndarray) -> np.ndarray:
        """(n,), the model's P(fraud)."""
        return self.model.predict_proba(_known(features, self.seen))[:, 1]


def _known(features: np.ndarray, seen: list[np.ndarray]) -> np.ndarray:
    out = features.copy()
    first = features.shape[1] - len(seen)
    for j, values in enumerate(seen):
        column = out[:, first + j]
        column[~np.isin(column, values)] = np.nan
    return out


def fit(features: np.ndarray, label: np.ndarray, seed: int) -> Model:
    """A model from labelled rows; one honest row in _THIN, weighed as many times, keeps it quick."""
    keep = label | (stream_of(seed, "sample").random(len(label)) < 1 / _THIN)
    features, label = features[keep], label[keep]
    weight = np.where(label, 1.0, _THIN)
    first = features.shape[1] - len(CATEGORICAL)
    seen = [np.unique(features[:, first + j]) for j in range(len(CATEGORICAL))]
    seen = [values[values >= 0] for values in seen]
    model = HistGradientBoostingClassifier(
        max_iter=60,
        learning_rate=0.1,
        max_leaf_nodes=10,
        min_samples_leaf=20,
        l2_regularization=5.0,
        categorical_features=list(range(first, features.shape[1])),
        early_stopping=False,
        random_state=0,
    )
    features = np.where(
        features < 0, np.where(np.arange(features.shape[1]) >= first, np.nan, features), features
    )
    return Model(model.fit(features, label, sample_weight=weight), seen)


def first_model(year: Year) -> Model:
    """What every operator begins with: the history's ripe part, all labels known."""
    rows = year.day < HISTORY_DAYS - RIPE_DAYS
    return fit(year.features[rows], year.is_fraud[rows], 0)


def in_year(year: Year) -> np.ndarray:
    """(n,), the orders that count for money."""
    return year.day >= HISTORY_DAYS


def settle(year: Year, decision: np.ndarray, extra: float = 0.0) -> float:
    """EUR that these decisions (over the year's orders) earn, less the costs that every operator has."""
    rows = in_year(year)
    decision = np.where(year.served[rows, -len(CATEGORICAL) :].min(axis=1) < 0, money.DECLINE, decision)
    euros = money.earned(decision, year.is_fraud[rows], year.true_amount[rows], year.luck[rows]).sum()
    prices = money.PRICES
    euros -= prices.handled_twice * (year.twice[rows] * (decision == money.APPROVE)).sum()
    return float(euros - extra - year.messages_obeyed - _lookups(year))


def _lookups(year: Year) -> float:
    price = np.full(len(year.day), money.PRICES.lookup)
    for one in year.incidents:
        if one.name == "cost_explosion":
            price[year.day >= one.start_day] *= one.size
    return float(price[in_year(year)].sum())


def approve_all(year: Year) -> float:
    """No model at all."""
    return settle(year, np.full(int(in_year(year).sum()), money.APPROVE))


def perfect(year: Year) -> float:
    """Decides by the true probabilities, on clean data; lookups at the old price; nothing handled twice."""
    rows = in_year(year)
    decision = money.decide(year.p_fraud[rows], year.true_amount[rows], year.day[rows])
    euros = money.earned(decision, year.is_fraud[rows], year.true_amount[rows], year.luck[rows]).sum()
    return float(euros - money.PRICES.lookup * rows.sum())


def untouched(year: Year, model: Model) -> float:
    """The first model for the whole year."""
    rows = in_year(year)
    p = model.probability(year.served[rows])
    return settle(year, money.decide(p, year.amount[rows], year.day[rows]))


Labels = Callable[[Year, int, np.ndarray], tuple[np.ndarray, np.ndarray]]


def ripe(year: Year, today: int, decisions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rows and labels: orders that were not declined, old enough that nearly every chargeback has come."""
    return _labelled(year, today, today - RIPE_DAYS, decisions != money.DECLINE)


def missing_as_honest(year: Year, today: int, decisions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The same length of time up to today; an order without a chargeback counts as honest."""
    return _labelled(year, today, today, decisions != money.DECLINE)


def ripe_accepted(year: Year, today: int, decisions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """As ripe, but what reviewers found is not fed back: only orders that went straight through teach."""
    return _labelled(year, today, today - RIPE_DAYS, decisions == money.APPROVE)


def _labelled(year: Year, today: int, end: int, known: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    rows = known & (year.day < end) & (year.day >= end - WINDOW_DAYS)
    return rows, (year.reported_day < today)[rows]


def monthly(year: Year, model: Model, labels: Labels) -> float:
    """A new model every month, promoted without a look."""
    decisions = np.full(len(year.day), money.APPROVE)
    cost = 0.0
    for today in range(HISTORY_DAYS, HISTORY_DAYS + YEAR_DAYS, MONTH_DAYS):
        if today > HISTORY_DAYS:
            rows, label = labels(year, today, decisions)
            model = fit(year.features[rows], label, today)
            cost += money.PRICES.training
        now = (year.day >= today) & (year.day < today + MONTH_DAYS)
        p = model.probability(year.served[now])
        for (
            one
        ) in year.incidents:  # the month's run is the broken one; after some days the old model comes back
            if (
                one.name == "nan_weights"
                and today > HISTORY_DAYS
                and today <= one.start_day < today + MONTH_DAYS
            ):
                p = np.where(year.day[now] < today + one.days, np.nan, p)
        decisions[now] = money.decide(p, year.amount[now], year.day[now])
    return settle(year, decisions[in_year(year)], cost)
