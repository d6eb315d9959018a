"""Where two plain values first differ. Both are made plain before; only exact types of ours are compared."""

from __future__ import annotations

import datetime
import decimal
import sys
from typing import Any

from grader import codec
from grader.expect import describe

Difference = tuple[str, Any, Any]


def first_difference(got: Any, expected: Any, place: str = "") -> Difference | None:
    """(place, got there, expected there), or None if the values are the same.

    int, float and numpy numbers are compared by value, bool only with bool, lists with tuples, dicts without
    order, arrays and pandas values only with their kind. NaN equals NaN.
    """
    family = _family(expected)
    if family == "" or _family(got) != family:
        return place, got, expected
    return _COMPARE[family](got, expected, place)


def _family(value: Any) -> str:
    """The word for the values that may be the same as this one; "" for what is not plain."""
    kind = type(value)
    found = _FAMILIES.get(kind)
    if found is not None:
        return found
    numpy, pandas = sys.modules.get("numpy"), sys.modules.get("pandas")
    if numpy is not None and kind is numpy.ndarray:
        return "array"
    if not describe.is_own(kind):
        return ""
    if numpy is not None and issubclass(kind, numpy.generic):
        by_kind = {
            "b": "bool",
            "i": "number",
            "u": "number",
            "f": "number",
            "c": "number",
            "U": "str",
            "S": "bytes",
        }
        return by_kind.get(value.dtype.kind, "numpy time")
    if pandas is not None and hasattr(pandas, "DataFrame"):
        for base, name in (
            (pandas.DataFrame, "frame"),
            (pandas.Series, "series"),
            (pandas.Index, "index"),
            (pandas.api.extensions.ExtensionArray, "index"),
        ):
            if issubclass(kind, base):
                return name
    if kind.__name__ == "NaTType":
        return "NaTType"
    return "datetime" if issubclass(kind, datetime.datetime) else kind.__name__


def _always_the_same(got: Any, expected: Any, place: str) -> None:
    """None, NA and NaT have one value each."""


def _compare_numbers(got: Any, expected: Any, place: str) -> Difference | None:
    same = bool(got == expected) or (bool(got != got) and bool(expected != expected))
    return None if same else (place, got, expected)


def _compare_by_value(got: Any, expected: Any, place: str) -> Difference | None:
    try:
        codec.dumps([got, expected])
        same = bool(got == expected) or (bool(got != got) and bool(expected != expected))
    except (codec.NotPlain, codec.CodecError, decimal.DecimalException, TypeError):
        return place, got, expected
    return None if same else (place, got, expected)


def _compare_sequences(got: Any, expected: Any, place: str) -> Difference | None:
    for position, (left, right) in enumerate(zip(got, expected, strict=False)):
        found = first_difference(left, right, f"{place}[{position}]")
        if found is not None:
            return found
    if len(got) != len(expected):
        return place, got, expected
    return None


def _compare_dicts(got: Any, expected: Any, place: str) -> Difference | None:
    left, right = ({_typed(key): (key, value) for key, value in side.items()} for side in (got, expected))
    for typed, (key, value) in right.items():
        where = f"{place}[{describe.describe_key(key)}]"
        if typed not in left:
            return where, describe.Nothing(), value
        found = first_difference(left[typed][1], value, where)
        if found is not None:
            return found
    for typed, (key, value) in left.items():
        if typed not in right:
            return f"{place}[{describe.describe_key(key)}]", value, describe.Nothing()
    return None


def _compare_sets(got: Any, expected: Any, place: str) -> Difference | None:
    same = {_typed(value) for value in got} == {_typed(value) for value in expected}
    return None if same else (place, got, expected)


def _typed(key: Any) -> Any:
    """A key of which 1 and True are two, and NaN is one; what is not plain equals itself alone."""
    family = _family(key)
    if family == "":
        return "", id(key)
    if family == "sequence":
        return family, tuple(_typed(part) for part in key)
    if family == "set":
        return family, frozenset(_typed(part) for part in key)
    if family == "number" and key != key:
        return family, "nan"
    try:
        codec.dumps(key)
        hash(key)
    except (codec.NotPlain, codec.CodecError, TypeError):
        return "", id(key)
    return family, key


def _compare_arrays(got: Any, expected: Any, place: str) -> Difference | None:
    import numpy as np

    kinds = [
        {"i": "number", "u": "number", "f": "number", "c": "number"}.get(a.dtype.kind, a.dtype.kind)
        for a in (got, expected)
    ]
    if got.shape != expected.shape or kinds[0] != kinds[1]:
        return place, got, expected
    if kinds[0] == "O":
        for at in np.ndindex(expected.shape):
            found = first_difference(got[at], expected[at], f"{place}{list(at)}")
            if found is not None:
                return found
        return None
    with np.errstate(all="ignore"):
        same = (got == expected) | ((got != got) & (expected != expected))
    wrong = np.argwhere(~np.asarray(same))
    if not len(wrong):
        return None
    at = tuple(int(part) for part in wrong[0])
    return f"{place}{list(at) if at else ''}", got[at], expected[at]


def _compare_indexes(got: Any, expected: Any, place: str) -> Difference | None:
    if vector_kind(got) != vector_kind(expected):
        return place, got, expected
    return _compare_sequences(entries(got), entries(expected), place)


def _compare_series(got: Any, expected: Any, place: str) -> Difference | None:
    if vector_kind(got) != vector_kind(expected) or len(got) != len(expected):
        return place, got, expected
    return (
        _compare_sequences(entries(got), entries(expected), place)
        or _compare_sequences(entries(got.index), entries(expected.index), f"{place} index")
        or first_difference(got.name, expected.name, f"{place} name".strip())
    )


def _compare_frames(got: Any, expected: Any, place: str) -> Difference | None:
    if got.shape != expected.shape:
        return place, got, expected
    found = _compare_sequences(entries(got.columns), entries(expected.columns), f"{place} columns".strip())
    if found is not None:
        return found
    for at in range(expected.shape[1]):
        where = f"{place} column {describe.describe_key(expected.columns[at])}".strip()
        left, right = got.iloc[:, at], expected.iloc[:, at]
        if vector_kind(left) != vector_kind(right):
            return where, left, right
        found = _compare_sequences(entries(left), entries(right), where)
        if found is not None:
            return found
    return _compare_sequences(entries(got.index), entries(expected.index), f"{place} index".strip())


def vector_kind(vector: Any) -> str:
    """ "number", "bool", "time", "zoned time", "wait" or "other": what a column's entries are."""
    import pandas as pd

    dtype = vector.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        return vector_kind(dtype.categories)
    if isinstance(dtype, pd.DatetimeTZDtype):
        return "zoned time"
    return {
        "i": "number",
        "u": "number",
        "f": "number",
        "c": "number",
        "b": "bool",
        "M": "time",
        "m": "wait",
    }.get(getattr(dtype, "kind", "O"), "other")


def entries(vector: Any) -> list[Any]:
    """The entries of a column or index as plain scalars; every missing value of pandas' as NaN."""
    import pandas as pd

    values = vector.tolist()
    if isinstance(vector, pd.MultiIndex):
        return values
    return [float("nan") if value is None or value is pd.NA or value is pd.NaT else value for value in values]


_FAMILIES: dict[type, str] = {
    type(None): "none",
    bool: "bool",
    int: "number",
    float: "number",
    complex: "number",
    str: "str",
    bytes: "bytes",
    list: "sequence",
    tuple: "sequence",
    dict: "dict",
    set: "set",
    frozenset: "set",
}


class _Compare(dict[str, Any]):
    def __missing__(self, family: str) -> Any:
        return _compare_by_value


_COMPARE = _Compare(
    none=_always_the_same,
    NAType=_always_the_same,
    NaTType=_always_the_same,
    number=_compare_numbers,
    sequence=_compare_sequences,
    dict=_compare_dicts,
    set=_compare_sets,
    array=_compare_arrays,
    index=_compare_indexes,
    series=_compare_series,
    frame=_compare_frames,
)
