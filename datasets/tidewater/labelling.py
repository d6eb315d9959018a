"""Five opinions on each of some orders: annotators with known skill, one who guesses and one who copies."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tidewater import mechanics as m
from tidewater.columns import Column, Columns, coded
from tidewater.scales import millionths, sigmoid
from tidewater.seeds import stream_of

if TYPE_CHECKING:
    from tidewater.core import Core
    from tidewater.orders import OrderDay

__all__ = ["ANNOTATORS", "LABELS", "OPINIONS", "annotators_truth", "labels", "labels_truth"]

ANNOTATORS, OPINIONS = 8, 5  # in all, and for each order
LABELS, ROLES = ("honest", "fraud"), ("careful", "guesses", "copies")
DAYS, FRAUDS, HONEST = 30, 6, 14  # of the first 30 days, so many orders of each day
_COPIES = 0.95


def _people(seed: int) -> dict[str, np.ndarray]:
    """Log odds of a right label on frauds and on honest orders outside the blind spots; roles; who is copied."""
    rng = stream_of(seed, "annotations", "people")
    skill, bias = rng.uniform(1.2, 2.6, ANNOTATORS), rng.normal(0.0, 0.5, ANNOTATORS)
    special = rng.permutation(ANNOTATORS)
    role = np.zeros(ANNOTATORS, np.int8)
    role[special[0]], role[special[1]] = 1, 2
    skill[special[0]] = 0.0
    skill[special[1]] = 0.4
    return {"on_fraud": skill + bias, "on_honest": skill - bias, "role": role, "copied": special[2:3]}


def _sample(one: OrderDay, rng: np.random.Generator) -> np.ndarray:
    """Positions of up to 20 orders: frauds as far as there are, half of the honest ones the most suspicious."""
    fraud = rng.permutation(np.flatnonzero(one.is_fraud))[:FRAUDS]
    honest = rng.permutation(np.flatnonzero(~one.is_fraud))
    worst = honest[np.argsort(-one.p_fraud[honest], kind="stable")][: HONEST // 2]
    others = honest[~np.isin(honest, worst)][: HONEST - len(worst)]
    return rng.permutation(np.concatenate([fraud, worst, others]))


def _blind_spots(one: OrderDay, rows: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Orders that mislead all annotators alike: fraud without a mark of it, half the travellers with a far card."""
    silent = one.is_fraud & (one.p_fraud < 0.05)
    traveller = ~one.is_fraud & (one.kind == m.TRAVELLER) & (one.marks["card"] == 2)
    return (silent | traveller)[rows] & (one.is_fraud[rows] | (rng.random(len(rows)) < 0.5))


def _day(core: Core, day: int) -> dict[str, np.ndarray]:
    """Order numbers, truth, blind spots (n,); labels, seconds and who was asked (n, ANNOTATORS) of one day."""
    rng, people, one = stream_of(core.seed, "annotations", day), _people(core.seed), core.order_day(day)
    rows = _sample(one, rng)
    fraud, blind = one.is_fraud[rows], _blind_spots(one, rows, rng)
    odds = np.where(fraud[:, None], people["on_fraud"], people["on_honest"])
    odds = np.where(blind[:, None] & (people["role"] == 0), 0.3 * odds - 1.6, odds)
    right = rng.random(odds.shape) < sigmoid(odds)
    label = np.where(right, fraud[:, None], ~fraud[:, None])
    copier = int(np.flatnonzero(people["role"] == 2)[0])
    guesser = people["role"] == 1
    follows = rng.random(len(rows)) < _COPIES
    label[:, copier] = np.where(follows, label[:, people["copied"][0]], label[:, copier])
    seconds = np.exp(rng.normal(3.1, 0.5, odds.shape)) * np.where(blind, 1.5, 1.0)[:, None]
    seconds = np.where(guesser, 1.5 + seconds / 12, seconds)
    place = rng.random(odds.shape)
    place[:, copier] = place[:, people["copied"][0]]  # he sits beside the one he copies: the same orders
    asked = np.argsort(np.argsort(place, axis=1, kind="stable"), axis=1, kind="stable") < OPINIONS
    return {
        "order": one.number[rows],
        "fraud": fraud,
        "blind": blind,
        "label": label,
        "seconds": np.rint(seconds * 10) / 10,
        "asked": asked,
    }


def _all(core: Core) -> dict[str, np.ndarray]:
    parts = [_day(core, day) for day in range(min(core.days, DAYS))]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def labels(core: Core) -> Columns:
    """Five rows an order: who, which label, how many seconds it took."""
    every = _all(core)
    order, annotator = np.nonzero(every["asked"])
    return {
        "order_id": Column(every["order"][order]),
        "annotator_id": Column(annotator + 1),
        "label": coded(every["label"][order, annotator].astype(np.int8), LABELS),
        "seconds": Column(every["seconds"][order, annotator]),
    }


def labels_truth(core: Core) -> Columns:
    """One row an order: its true label, and whether it misleads everyone."""
    every = _all(core)
    return {
        "order_id": Column(every["order"]),
        "true_label": coded(every["fraud"].astype(np.int8), LABELS),
        "is_blind_spot": Column(every["blind"]),
    }


def annotators_truth(core: Core) -> Columns:
    """One row an annotator: the chance of a right label outside the blind spots, role, who is copied.

    bias: log odds towards the label fraud; the copier's chances are those of the labels he gives.
    """
    people = _people(core.seed)
    copier, copied = people["role"] == 2, people["copied"][0]
    chances = {name: sigmoid(people[name]) for name in ("on_fraud", "on_honest")}
    for chance in chances.values():
        chance[copier] = _COPIES * chance[copied] + (1 - _COPIES) * chance[copier]
    return {
        "annotator_id": Column(np.arange(ANNOTATORS) + 1),
        "role": coded(people["role"], ROLES),
        "sensitivity": Column(millionths(chances["on_fraud"])),
        "specificity": Column(millionths(chances["on_honest"])),
        "bias": Column(millionths((people["on_fraud"] - people["on_honest"]) / 2)),
        "copies": Column(np.full(ANNOTATORS, copied + 1), missing=~copier),
    }
