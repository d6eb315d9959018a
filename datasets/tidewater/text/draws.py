"""Whole numbers for choices: an endless stream whose bits are the same on every Python and NumPy."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from typing import TypeVar

import numpy as np

__all__ = ["Draws", "Take", "chance", "key_of"]

Take = Callable[[], int]
T = TypeVar("T")
_BLOCK = 8192
_SHIFT = np.uint64(32)
_WHOLE = 2**32


def key_of(rng: np.random.Generator) -> list[int]:
    """Four raw words of a generator, which moves on by the same amount whatever is made from them."""
    return [int(word) for word in np.atleast_1d(rng.bit_generator.random_raw(4))]


class Draws:
    """Whole numbers of 32 bits, one at a time, from a generator of its own.

    NumPy promises the raw bits of a bit generator and not the methods of `Generator`, so only raw bits are used.
    """

    def __init__(self, rng: np.random.Generator) -> None:
        self._bits = np.random.PCG64(np.random.SeedSequence(key_of(rng)))
        self.take: Take = chain.from_iterable(self._blocks()).__next__

    def _blocks(self) -> Iterator[list[int]]:
        while True:
            yield (np.asarray(self._bits.random_raw(_BLOCK)) >> _SHIFT).tolist()

    def below(self, n: int) -> int:
        """A whole number from 0 to n - 1."""
        return self.take() % n

    def pick(self, options: Sequence[T]) -> T:
        """One of the options, each as likely as the others."""
        return options[self.take() % len(options)]

    def happens(self, probability: float) -> bool:
        """True with this probability."""
        return self.take() < probability * _WHOLE


def chance(probability: float) -> int:
    """The number that a draw lies below with this probability; for loops that compare many draws."""
    return int(probability * _WHOLE)
