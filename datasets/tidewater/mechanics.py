"""How orders come about: classes of behaviour, each with its own habits, drawn anew for every world.

An order belongs to one class. The class gives the chance of every visible mark (hour, channel, card, address,
device, attempts, items, amount ...), so that the true probability of fraud, given all marks, is a quotient of
known densities. Fraud patterns are classes of which a share `fraud_share` is fraud, the rest honest people
with the same habits.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tidewater.places import CHANNELS
from tidewater.seeds import stream_of

__all__ = ["CLASSES", "MARKS", "MECHANISMS", "N_PATTERNS", "Mechanics", "draw_mechanics"]

N_PATTERNS = 4
PATTERNS = tuple(f"pattern_{i}" for i in range(N_PATTERNS))
CLASSES = ("regular", "gift", "traveller", "bulk", *PATTERNS, "testing", "takeover", "bots", "newcomer")
REGULAR, GIFT, TRAVELLER, BULK, FIRST_PATTERN = 0, 1, 2, 3, 4
TESTING, TAKEOVER = 4 + N_PATTERNS, 5 + N_PATTERNS
BOTS, NEWCOMER = 6 + N_PATTERNS, 7 + N_PATTERNS  # these two come with a fraud_burst and a new_market alone
MACHINES = (TESTING, BOTS)  # orders behind which nobody browses, writes or waits
# What the truth calls the origin of an order; a code is a position here.
MECHANISMS = ("honest", "stolen_card", "card_testing", "takeover", "friendly")
MECHANISM_OF_CLASS = np.array([4, 4, 4, 4, *[1] * N_PATTERNS, 2, 3, 2, 4], np.int8)

# Marks and the number of their codes. "_new" tables hold for accounts on the day of their sign-up.
MARKS = {"channel": 4, "card": 3, "ship": 2, "device": 2, "address": 2, "attempts": 5, "items": 8, "auth": 3}
HONEST = {
    "channel": (0.50, 0.38, 0.08, 0.04),
    "card": (0.955, 0.037, 0.008),  # of the home country, of one near by, of a far one
    "ship": (0.95, 0.05),  # to the home country, elsewhere
    "device": (0.93, 0.07),  # seen before, new
    "address": (0.93, 0.07),  # used before, fresh
    "attempts": (0.925, 0.055, 0.012, 0.005, 0.003),
    "items": (0.34, 0.31, 0.18, 0.09, 0.04, 0.02, 0.01, 0.01),
    "auth": (0.90, 0.08, 0.02),
}
# A tell replaces the honest table of one mark. Patterns pick three to five of them.
TELLS: dict[str, dict[str, tuple[float, ...]]] = {
    "far_card": {"card": (0.12, 0.10, 0.78)},
    "near_card": {"card": (0.15, 0.78, 0.07)},
    "new_device": {"device": (0.10, 0.90)},
    "fresh_address": {"address": (0.10, 0.90)},
    "attempts": {"attempts": (0.22, 0.27, 0.24, 0.15, 0.12)},
    "elsewhere": {"ship": (0.25, 0.75)},
    "partner": {"channel": (0.15, 0.15, 0.66, 0.04)},
    "app": {"channel": (0.08, 0.88, 0.03, 0.01)},
    "many_items": {"items": (0.04, 0.06, 0.10, 0.18, 0.22, 0.18, 0.12, 0.10)},
    "challenged": {"auth": (0.30, 0.45, 0.25)},
}
HOURS = np.array(
    [3, 2, 1, 1, 1, 2, 5, 9, 12, 13, 14, 15, 16, 14, 13, 13, 14, 16, 19, 22, 23, 19, 12, 6], float
)
NIGHT = np.array([14, 15, 16, 16, 14, 11, 7, 4, 3, 3, 3, 3, 3, 3, 3, 3, 3, 4, 4, 5, 6, 7, 9, 12], float)


@dataclass(frozen=True)
class Mechanics:
    """The habits of every class of one world; K classes in the order of CLASSES.

    weight: (K,), share of orders. hours: (K, 24), rows sum to 1. tables: mark -> (2, K, codes), first for
    accounts with a past, then for those on their first day. log_amount_shift: (K,), added to the customer's
    mean of ln(EUR). log_amount_sd: (K,). kernel: (K,), which accounts order: 0 all, 1 young ones, 2 old ones,
    3 those of a new market. fraud_share: (K,), at the start of the world; moved_share: (K,), after all fraud
    has moved to other patterns; `drift_a_year` of that way happens in a year by itself.
    country_mix: over HOME. far_mix: over FAR. tells: per pattern the names of its tells.
    """

    weight: np.ndarray
    hours: np.ndarray
    tables: dict[str, np.ndarray]
    log_amount_shift: np.ndarray
    log_amount_sd: np.ndarray
    kernel: np.ndarray
    fraud_share: np.ndarray
    moved_share: np.ndarray
    drift_a_year: float
    country_mix: np.ndarray
    far_mix: np.ndarray
    tells: tuple[tuple[str, ...], ...]


# ln(EUR) of card testing, which does not depend on the customer; NaN where the customer's own mean counts.
OWN_LOG_MEAN = np.full(len(CLASSES), np.nan)
OWN_LOG_MEAN[[TESTING, BOTS]] = np.log([2.4, 9.0])
FRIENDLY_SHARE = 0.0012
_ON, _OFF = 0.93, 0.06


def draw_mechanics(seed: int) -> Mechanics:
    """The mechanics of the world with this seed."""
    rng = stream_of(seed, "mechanics")
    k = len(CLASSES)
    weight = np.zeros(k)
    weight[GIFT], weight[TRAVELLER], weight[BULK] = rng.uniform([0.03, 0.02, 0.008], [0.045, 0.03, 0.013])
    weight[FIRST_PATTERN:TESTING] = rng.uniform(0.0019, 0.0027, N_PATTERNS)
    weight[TESTING], weight[TAKEOVER] = rng.uniform(0.0009, 0.0013), rng.uniform(0.0012, 0.0017)
    weight[REGULAR] = 1 - weight.sum()
    tables = {mark: np.tile(np.array(HONEST[mark]), (2, k, 1)) for mark in MARKS}
    tables["device"][1], tables["address"][1] = (0.06, 0.94), (0.04, 0.96)
    _honest_classes(tables)
    tells = _pattern_tells(rng)
    shift, sd, kernel = np.zeros(k), np.full(k, 0.62), np.zeros(k, np.int8)
    shift[[GIFT, TRAVELLER, BULK, TAKEOVER]], sd[BULK] = (0.15, 0.35, 1.5, 0.7), 0.9
    hours = np.tile(HOURS / HOURS.sum(), (k, 1))
    hours[TRAVELLER] = 0.5 * hours[TRAVELLER] + 0.5 * NIGHT / NIGHT.sum()
    for i, names in enumerate(tells):
        _apply_tells(tables, FIRST_PATTERN + i, names)
        shift[FIRST_PATTERN + i] = rng.uniform(0.9, 1.3) if "high" in names else rng.uniform(0.2, 0.5)
        kernel[FIRST_PATTERN + i] = int("young" in names)
        if "night" in names:
            hours[FIRST_PATTERN + i] = 0.2 * hours[0] + 0.8 * NIGHT / NIGHT.sum()
    hours[TAKEOVER] = 0.3 * hours[REGULAR] + 0.7 * NIGHT / NIGHT.sum()
    _apply_tells(tables, TAKEOVER, ("new_device", "fresh_address", "elsewhere"))
    _apply_tells(tables, TESTING, ("far_card", "new_device", "attempts"))
    tables["items"][:, [TESTING, BOTS]] = (0.97, 0.03, 0, 0, 0, 0, 0, 0)
    tables["device"][0, BOTS] = (0.5, 0.5)
    # Honest, with cards of other countries, new devices and banks that ask more often.
    tables["card"][:, NEWCOMER], tables["device"][0, NEWCOMER] = (0.03, 0.02, 0.95), (0.05, 0.95)
    tables["attempts"][:, NEWCOMER] = (0.10, 0.30, 0.30, 0.18, 0.12)
    kernel[NEWCOMER], shift[NEWCOMER] = 3, 1.1
    kernel[TAKEOVER], kernel[TESTING], sd[[TESTING, BOTS]] = 2, 1, 0.35
    share = np.full(k, FRIENDLY_SHARE)
    on, off = [0, 1], [2, 3]
    share[FIRST_PATTERN:TESTING], share[TESTING], share[TAKEOVER] = _OFF, 1.0, 0.9
    share[BOTS], share[NEWCOMER] = 1.0, 0.004
    moved = share.copy()
    share[[FIRST_PATTERN + i for i in on]], moved[[FIRST_PATTERN + i for i in off]] = _ON, _ON
    return Mechanics(
        *(weight, hours, tables, shift, sd, kernel, share, moved, float(rng.uniform(0.5, 0.7))),
        *(rng.dirichlet(np.array([8, 9, 10, 7, 9, 4, 4, 6.0]) * 4), rng.dirichlet(np.full(10, 4.0)), tells),
    )


def _honest_classes(tables: dict[str, np.ndarray]) -> None:
    """Honest people who look suspicious at a first glance, each in one or two marks."""
    _apply_tells(tables, GIFT, ("fresh_address",))
    tables["ship"][:, GIFT] = (0.45, 0.55)
    _apply_tells(tables, TRAVELLER, ("new_device",))
    tables["card"][:, TRAVELLER] = (0.45, 0.20, 0.35)
    tables["attempts"][:, TRAVELLER] = (0.70, 0.18, 0.08, 0.03, 0.01)
    _apply_tells(tables, BULK, ("many_items",))


def _pattern_tells(rng: np.random.Generator) -> tuple[tuple[str, ...], ...]:
    """The first pattern is the textbook's stolen card; the others draw their tells."""
    first = ("far_card", "attempts", "high", "new_device", "night")
    groups = [
        ("near_card", "challenged", "high"),
        ("partner", "app", "night"),
        ("fresh_address", "elsewhere", "young"),
    ]
    others = []
    for i in range(1, N_PATTERNS):
        picks = [group[int(rng.integers(len(group)))] for group in groups]
        extra = ("many_items", "new_device", "attempts")[i - 1]
        others.append((*picks, extra))
    return (first, *others)


def _apply_tells(tables: dict[str, np.ndarray], k: int, names: tuple[str, ...]) -> None:
    for name in names:
        for mark, chances in TELLS.get(name, {}).items():
            new_account_too = mark not in ("device", "address")
            tables[mark][0, k] = chances
            if new_account_too:
                tables[mark][1, k] = chances


assert len(CHANNELS) == MARKS["channel"]
