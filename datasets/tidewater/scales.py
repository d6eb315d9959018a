"""Rounding that keeps tables equal from machine to machine, and the two curves that the tables share."""

from __future__ import annotations

import numpy as np

__all__ = ["cents", "millionths", "sigmoid", "standard"]


def millionths(values: np.ndarray) -> np.ndarray:
    """Floats rounded to 1e-6, as every probability of the truth is."""
    return np.rint(np.asarray(values, float) * 1e6) / 1e6


def cents(values: np.ndarray) -> np.ndarray:
    """Amounts in EUR as whole cents, int64."""
    return np.rint(np.asarray(values, float) * 100).astype(np.int64)


def sigmoid(values: np.ndarray) -> np.ndarray:
    """Log odds as a probability."""
    return 1 / (1 + np.exp(-np.asarray(values, float)))


def standard(values: np.ndarray) -> np.ndarray:
    """The values less their mean, in units of their spread; zeros where there is no spread."""
    centred = np.asarray(values, float) - np.mean(values)
    return centred / (centred.std() or 1.0)
