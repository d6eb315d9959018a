"""Reading numbers: what counts as a number or as an array of numbers, and nothing else."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from grader.expect import describe


class NotNumbers(Exception):
    """The value is no number and no array of numbers; `shown` and `coarse` say what it is instead."""

    def __init__(self, shown: str, coarse: str) -> None:
        super().__init__(shown)
        self.shown = shown
        self.coarse = coarse


def read_numbers(value: object) -> np.ndarray:
    """A float or complex array with the numbers of `value`, which may be any type.

    Takes ints and floats of Python and numpy, arrays, Series, Index and DataFrame of them, and nested lists and
    tuples. Raises NotNumbers for everything else: bool, text, None, objects, missing values, ragged lists.
    """
    return _numbers(describe.read(value))


def _numbers(value: Any) -> np.ndarray:
    kind = type(value)
    if kind is int or kind is float or kind is complex:
        return _one(value)
    if kind is np.ndarray:
        return _array(value, value)
    if kind is list or kind is tuple:
        return _sequence(value)
    if issubclass(kind, np.generic) and describe.is_own(kind):
        return _array(np.asarray(value), value)
    pandas = sys.modules.get("pandas")
    if pandas is not None and hasattr(pandas, "DataFrame"):
        if kind is pandas.DataFrame:
            return _frame(value)
        own = (pandas.Series, pandas.Index, pandas.api.extensions.ExtensionArray)
        if issubclass(kind, own) and describe.is_own(kind):
            return _vector(value, describe.describe(value))
    raise NotNumbers(describe.describe(value), describe.coarse(value))


def _one(value: Any) -> np.ndarray:
    try:
        return np.asarray(value if type(value) is complex else float(value))
    except OverflowError:
        raise NotNumbers("a very large int", "an int") from None


def _array(array: np.ndarray, shown: Any) -> np.ndarray:
    kind = array.dtype.kind
    if kind not in "iufc":
        what = describe.describe(shown)
        if array.ndim:
            what += f" and dtype {array.dtype}"
        raise NotNumbers(what, describe.coarse(shown))
    return array.astype(np.complex128 if kind == "c" else np.float64)


def _sequence(value: Any) -> np.ndarray:
    if {float}.issuperset(map(type, value)):
        return np.array(value, dtype=np.float64)
    parts = []
    for position, part in enumerate(value):
        try:
            parts.append(_numbers(part))
        except NotNumbers as error:
            raise NotNumbers(f"{error.shown} at index {position}", error.coarse) from None
    for position, part in enumerate(parts):
        if part.shape != parts[0].shape:
            shown = f"rows of shapes {parts[0].shape} and, at index {position}, {part.shape}"
            raise NotNumbers(shown, "rows of different shapes")
    return np.stack(parts)


def _frame(frame: Any) -> np.ndarray:
    shown = [f"column {describe.describe_key(name)}" for name in frame.columns]
    columns = [_vector(frame.iloc[:, at], name) for at, name in enumerate(shown)]
    return np.stack(columns, axis=1) if columns else np.empty(frame.shape)


def _vector(vector: Any, shown: str) -> np.ndarray:
    import pandas as pd

    dtype = vector.dtype
    if not isinstance(dtype, np.dtype) and not describe.is_own(type(dtype)):
        raise NotNumbers(f"{shown} of another library's dtype", "an object")
    if getattr(dtype, "kind", "O") not in "iufc" or isinstance(dtype, pd.CategoricalDtype):
        raise NotNumbers(f"{shown} with dtype {dtype}", describe.coarse(vector))
    if not isinstance(dtype, np.dtype):
        missing = np.flatnonzero(np.asarray(pd.isna(vector)))
        if missing.size:
            raise NotNumbers(f"a missing value at index {missing[0]}", "a missing value")
        return vector.to_numpy(dtype=np.float64)
    array = np.asarray(vector)
    return array.astype(np.complex128 if array.dtype.kind == "c" else np.float64)


def first_gap(got: np.ndarray, expected: np.ndarray, tolerance: float) -> tuple[int, ...] | None:
    """Index of the first number that is not close, or None; both arrays have one shape.

    A number is close if it is finite and its gap is at most tolerance * (1 + abs(expected)), or if both are
    the same infinity.
    """
    with np.errstate(all="ignore"):
        near = np.abs(got - expected) <= tolerance * (1 + np.abs(expected))
        good = np.where(np.isfinite(expected), near & np.isfinite(got), got == expected)
    wrong = np.argwhere(~good)
    return tuple(int(at) for at in wrong[0]) if len(wrong) else None
