"""Incidents with a date and a size; `schedule` draws what is left open from the world's seed."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace

from tidewater.incident_kinds import FOREVER, KINDS, Kind
from tidewater.names import offer
from tidewater.seeds import stream_of

__all__ = ["Incident", "UnknownIncidentError", "kind_of", "natural_start", "schedule"]


class UnknownIncidentError(ValueError):
    """No incident has this name; the message offers the nearest one."""


@dataclass(frozen=True)
class Incident:
    """An incident at a known time with a known size.

    start_day: days since the world's first midnight, a fraction for hours. days: its length; infinite for good.
    size: see KINDS[name].size_is. target: the channel, source, country or field it hits, "" where there is none.
    What is left out, `schedule` draws.
    """

    name: str
    start_day: float
    days: float = math.nan
    size: float = math.nan
    target: str = ""

    @property
    def end_day(self) -> float:
        """The first moment after it, in days since the world's first midnight."""
        return self.start_day + self.days

    def touches_day(self, day: int) -> bool:
        """Whether some moment of this day lies in it."""
        return self.start_day < day + 1 and self.end_day > day


_FIRST_SATURDAY = 3  # the world begins on a Wednesday


def schedule(seed: int, days: int, incidents: Iterable[str | Incident]) -> tuple[Incident, ...]:
    """The incidents with every value set, in order of their start.

    A name gets a start between a tenth and eight tenths of the world; its size, length and target come from
    its row of KINDS. Each is drawn from the world's seed and the name alone: adding one changes no other.
    Raises UnknownIncidentError for a name that is not in KINDS, ValueError for a target that its kind lacks.
    """
    dated = [_filled(seed, days, one) for one in incidents]
    return tuple(sorted(dated, key=lambda one: (one.start_day, one.name)))


def _filled(seed: int, days: int, given: str | Incident) -> Incident:
    name = given.name if isinstance(given, Incident) else str(given)
    kind, rng = kind_of(name), stream_of(seed, "incidents", name)
    start = natural_start(name, rng.uniform(0.1, 0.8) * days)
    length, size = float(rng.uniform(*kind.days)), float(rng.uniform(*kind.size))
    if name == "clock_skew":
        size = float(round(size))
    if _lasts_hours(kind):
        length = round(length * 24) / 24
    else:
        length = float(round(length)) if kind.days != FOREVER else math.inf
    target = kind.targets[int(rng.integers(len(kind.targets)))] if kind.targets else ""
    if not isinstance(given, Incident):
        return Incident(name, start, length, size, target)
    if given.target and given.target not in kind.targets:
        raise ValueError(
            f'{name} cannot hit "{given.target}"; it hits one of {", ".join(kind.targets) or "no target"}'
        )
    return replace(
        given,
        days=length if math.isnan(given.days) else given.days,
        size=size if math.isnan(given.size) else given.size,
        target=given.target or target,
    )


def natural_start(name: str, day: float) -> float:
    """The moment near `day` at which a kind can begin: a full hour if it lasts hours, a midnight, a Saturday's."""
    if _lasts_hours(kind_of(name)):
        return int(day * 24) / 24
    return float(int(day) + (_FIRST_SATURDAY - int(day)) % 7 if name == "weekend" else int(day))


def _lasts_hours(kind: Kind) -> bool:
    return 0 < kind.days[1] < 2


def kind_of(name: str) -> Kind:
    """The row of KINDS. Raises UnknownIncidentError, which offers the nearest name."""
    if name in KINDS:
        return KINDS[name]
    raise UnknownIncidentError(f'no incident named "{name}". {offer(name, KINDS)}')
