"""A year of business with every incident in it, each harmful one beside a harmless one that looks alike."""

from __future__ import annotations

import numpy as np

from tidewater.incident_kinds import KINDS
from tidewater.incidents import Incident, natural_start, schedule
from tidewater.seeds import stream_of

__all__ = ["HARMFUL", "TIMES_A_YEAR", "year_of_incidents"]

HARMFUL = tuple(name for name, kind in KINDS.items() if kind.harms.startswith(("yes", "in money")))
# How often a kind comes in a year; what is not named comes once.
TIMES_A_YEAR = {"null_burst": 6, "unit_change": 2, "clock_skew": 2}


def year_of_incidents(seed: int, first_day: int, days: int = 365) -> tuple[Incident, ...]:
    """All incidents of a year that begins on `first_day` of the world, with dates nobody can guess.

    Those that last until the end of the world begin in the first third. A kind that comes k times comes once in
    each k-th part of the year, so that two of one kind never overlap; different kinds may.
    """
    out: list[Incident] = []
    for name, kind in KINDS.items():
        rng, times = stream_of(seed, "year", name), TIMES_A_YEAR.get(name, 1)
        part = days / times
        longest = min(kind.days[1], part / 2)
        for turn in range(times):
            early, late = (0.12, 0.33) if kind.days[1] == 0 else (0.03, 0.97 - longest / part)
            start = first_day + part * (turn + rng.uniform(early, late))
            drawn = Incident(name, natural_start(name, start))
            out += schedule(int(rng.integers(np.iinfo(np.int64).max)), first_day + days, [drawn])
    return tuple(sorted(out, key=lambda one: (one.start_day, one.name)))
