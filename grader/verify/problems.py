"""What `mle verify` finds."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, order=True)
class Problem:
    """One line for the author: the unit, the point of the proof (1 to 11), what is wrong and what to do.

    place: position in the unit's file, so that problems come out in file order.
    """

    unit: str
    place: int
    point: int
    text: str

    def __str__(self) -> str:
        return f"{self.unit}: {self.text} [{self.point}]"
