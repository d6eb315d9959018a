"""Named streams of random numbers: each table and day has its own, so that a new table changes no other."""

from __future__ import annotations

import zlib

import numpy as np

__all__ = ["stream_of"]


def stream_of(seed: int, *path: str | int) -> np.random.Generator:
    """The generator at `path` below `seed`, for example `stream_of(7, "orders", 12)`.

    seed: whole number from 0, of any size; hidden worlds use 128 bits.
    path: names and whole numbers from 0. Equal paths give equal streams, different paths independent ones.
    Raises ValueError for a negative seed.
    Source: numpy.random.SeedSequence, spawn keys.
    """
    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)) or seed < 0:
        raise ValueError(f"a world's seed is a whole number from 0; got {seed!r}")
    keys = [part if isinstance(part, int) else zlib.crc32(part.encode()) for part in path]
    sequence = np.random.SeedSequence(int(seed), spawn_key=tuple(keys))
    return np.random.Generator(np.random.PCG64(sequence))
