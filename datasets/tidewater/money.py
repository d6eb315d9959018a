"""What decisions are worth: Tidewater's prices, the best decision for a probability, the money of a decision.

A learner's unit may quote these prices; the sea trial pays by them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

__all__ = ["APPROVE", "DECLINE", "PRICES", "REVIEW", "Prices", "decide", "earned", "expected"]

APPROVE, REVIEW, DECLINE = 0, 1, 2


@dataclass(frozen=True)
class Prices:
    """EUR, per order unless said.

    margin: earned on an approved honest order, as a share of its amount. loss: of an approved fraud, as a share
    of its amount; fee: the bank's, on top. declined_honest: a customer turned away. review: one review, which finds
    `review_finds` of the frauds and turns away `review_refuses` of the honest; `reviews_per_day` at most.
    handled_twice: the refund and apology for an order that was delivered twice by a queue and charged twice.
    lookup: one order's bill for the dearest feature. obeyed: an order's refund that a mail talked an assistant into.
    training, page: a training run, a page to an engineer that was not needed.
    """

    margin: float = 0.12
    loss: float = 0.88
    fee: float = 20.0
    declined_honest: float = 8.0
    review: float = 3.0
    review_finds: float = 0.92
    review_refuses: float = 0.03
    reviews_per_day: int = 20
    handled_twice: float = 4.0
    lookup: float = 0.0008
    obeyed: float = 85.0
    training: float = 150.0
    page: float = 150.0


PRICES = Prices()


def expected(p_fraud: np.ndarray, amount: np.ndarray, prices: Prices = PRICES) -> np.ndarray:
    """(n, 3), expected EUR of approving, reviewing and declining each order.

    p_fraud: (n,), 0 to 1. amount: (n,), EUR.
    """
    p, good, bad = p_fraud, prices.margin * amount, -(prices.loss * amount + prices.fee)
    refuse = prices.review_refuses
    approve = (1 - p) * good + p * bad
    review = (1 - p) * ((1 - refuse) * good - refuse * prices.declined_honest)
    review = review + p * (1 - prices.review_finds) * bad - prices.review
    return np.stack([approve, review, -(1 - p) * prices.declined_honest], axis=1)


def decide(p_fraud: np.ndarray, amount: np.ndarray, day: np.ndarray, prices: Prices = PRICES) -> np.ndarray:
    """(n,), the best decision for each order; a day's reviews go to the orders that gain most by one.

    day: (n,), whole numbers; orders of one day share its reviews. An order whose
    p_fraud is NaN is approved.
    """
    worth = expected(np.nan_to_num(p_fraud, nan=0.0), amount, prices)
    best = np.where(worth[:, 0] >= worth[:, 2], APPROVE, DECLINE)
    gain = worth[:, 1] - np.maximum(worth[:, 0], worth[:, 2])
    order = np.lexsort((-gain, day))
    first = np.flatnonzero(np.diff(day[order], prepend=day[order][:1] - 1))
    place = np.arange(len(order)) - np.repeat(first, np.diff(np.append(first, len(order))))
    chosen = order[(place < prices.reviews_per_day) & (gain[order] > 0)]
    best[chosen] = REVIEW
    return best


def earned(
    decision: np.ndarray,
    is_fraud: np.ndarray,
    amount: np.ndarray,
    luck: np.ndarray,
    prices: Prices = PRICES,
) -> np.ndarray:
    """(n,), EUR that each decision brings when the truth is known.

    decision: (n,), APPROVE, REVIEW or DECLINE. amount: (n,), the true one. luck: (n,), uniform
    numbers that settle what a review finds; equal luck makes two operators comparable.
    """
    good, bad = prices.margin * amount, -(prices.loss * amount + prices.fee)
    approve = np.where(is_fraud, bad, good)
    decline = np.where(is_fraud, 0.0, -prices.declined_honest)
    refused = np.where(is_fraud, luck < prices.review_finds, luck < prices.review_refuses)
    review = np.where(refused, decline, approve) - prices.review
    return np.select([decision == APPROVE, decision == REVIEW], [approve, review], decline)
