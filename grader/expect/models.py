"""Checks of how an answer uses its data: what it learns from, and whether the order of rows matters."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np

from grader.expect import describe, host
from grader.expect.failure import Check, begin
from grader.expect.numbers import NotNumbers, first_gap, read_numbers
from grader.expect.sameness import first_difference

TOLERANCE = 1e-9
FEW = 20  # a whole-number column of at most so many values that come more than once is taken for categories


def fitted_only_on(
    run: Callable[[Any, Any], object],
    train: Any,
    held_out: Any,
    *,
    what: str,
    why: str,
    look_at: str,
) -> None:
    """`run(train, held_out)`, an output for the training rows, does not change with the held-out rows.

    train, held_out: an array, a frame, a Series, or a tuple of them with the same rows.
    The held-out rows are scaled, shifted and given other categories that exist; then reversed and cut to half.
    """
    check = begin("fitted_only_on", what, why, look_at)
    rows = _length("fitted_only_on", train)
    _length("fitted_only_on", held_out)
    goal = "the same output for the training rows"
    first = _output(run(copy.deepcopy(train), copy.deepcopy(held_out)))
    _one_for_each_row(check, first, rows)
    again = _output(run(copy.deepcopy(train), copy.deepcopy(held_out)))
    _same(check, again, first, "from a second call with the same rows", goal)
    for change, after in (
        (_changed, "after the held-out rows were changed"),
        (_half, "after the held-out rows were reversed and half of them left out"),
    ):
        other = _output(run(copy.deepcopy(train), _each(change, held_out)))
        _same(check, other, first, after, goal)


def same_under_permutation(
    function: Callable[[Any], object],
    rows: Any,
    *,
    aggregate: bool = False,
    what: str,
    why: str,
    look_at: str,
) -> None:
    """`function(rows)` follows its rows when they are put in another order.

    rows: an array, a frame, a Series, a list, or a tuple of them with the same rows.
    aggregate: the function gives one result for all rows, which stays the same.
    """
    check = begin("same_under_permutation", what, why, look_at)
    length = _length("same_under_permutation", rows)
    if length < 2:
        raise ValueError("expect.same_under_permutation: rows has at least two rows.")
    order = np.random.default_rng(int(host.current().seed())).permutation(length)
    if (order == np.arange(length)).all():
        order = order[::-1]
    first = _output(function(copy.deepcopy(rows)))
    other = _output(function(_each(lambda part: _take(part, order), rows)))
    if aggregate:
        if first is None:
            check.fail("None", "one result for all rows", "None")
        _same(check, other, first, "after the rows were put in another order", "the same result")
        return
    _one_for_each_row(check, first, length)
    _one_for_each_row(check, other, length)
    _same(
        check,
        other,
        _take(first, order),
        "after the rows were put in another order",
        "the output to follow its rows",
    )


def _length(word: str, data: Any) -> int:
    parts = data if type(data) is tuple else (data,)
    lengths = {len(part) if hasattr(part, "__len__") else -1 for part in parts}
    if len(lengths) != 1 or min(lengths) < 1:
        raise TypeError(
            f"expect.{word}: rows are an array, a frame, a Series or a tuple of them, of one length."
        )
    return int(lengths.pop())


def _each(change: Callable[[Any], Any], data: Any) -> Any:
    return tuple(change(part) for part in data) if type(data) is tuple else change(data)


def _take(part: Any, order: Any) -> Any:
    if hasattr(part, "iloc"):
        return part.iloc[order]
    if isinstance(part, np.ndarray) or hasattr(part, "take"):
        return part.take(order, axis=0) if isinstance(part, np.ndarray) else part.take(order)
    return type(part)(part[at] for at in order)


def _half(part: Any) -> Any:
    return _take(part, np.arange(len(part))[::-1][: max(1, len(part) // 2)])


def _changed(part: Any) -> Any:
    """The part with every value changed."""
    import pandas as pd

    if isinstance(part, pd.DataFrame):
        part = part.copy()
        for at in range(part.shape[1]):
            part.isetitem(at, _changed_column(part.iloc[:, at]))
        return part
    if isinstance(part, pd.Series):
        return _changed_column(part)
    array = np.asarray(part)
    columns = array.reshape(len(array), -1)
    changed = [np.asarray(_changed_column(pd.Series(columns[:, at]))) for at in range(columns.shape[1])]
    return np.stack(changed, axis=1).reshape(array.shape) if changed else array


def _changed_column(column: Any) -> Any:
    """Numbers scaled and shifted so that positive ones stay positive; other values swapped for those that exist."""
    import pandas as pd

    dtype = column.dtype
    kind = "O" if isinstance(dtype, pd.CategoricalDtype) else getattr(dtype, "kind", "O")
    values = [value for value in column.unique().tolist() if not _is_missing(value)]
    if kind in "mM":
        return column + pd.Timedelta(days=400)
    if kind == "f" or (kind in "iu" and (len(values) > FEW or len(values) == len(column))):
        shift = max((abs(value) for value in values if np.isfinite(value)), default=1) or 1
        return (column * 3 + shift).astype(dtype) if kind == "f" else _changed_whole(column, int(shift))
    swapped = dict(zip(values, values[1:] + values[:1], strict=True))
    return pd.Series(
        [swapped.get(value, value) for value in column.tolist()], column.index, dtype, column.name
    )


def _changed_whole(column: Any, shift: int) -> Any:
    """Whole numbers scaled and shifted, or only swapped where their type is too small for that."""
    limits = np.iinfo(getattr(column.dtype, "numpy_dtype", column.dtype))
    if shift * 4 <= int(limits.max):
        return (column * 3 + shift).astype(column.dtype)
    return column.sample(frac=1, random_state=0).set_axis(column.index)


def _is_missing(value: Any) -> bool:
    import pandas as pd

    return bool(pd.isna(value))


def _output(value: object) -> Any:
    """An output as numbers if it is made of them, else as a plain value."""
    given = describe.read(value)
    if describe.shape_of(given) is None and type(given) not in (list, tuple):
        return given
    try:
        return read_numbers(given)
    except NotNumbers:
        pass
    if describe.shape_of(given) is None:
        return given
    return given.tolist() if hasattr(given, "tolist") else given.to_numpy(dtype=object).tolist()


def _one_for_each_row(check: Check, output: Any, rows: int) -> None:
    goal = f"one output for each of {rows} rows"
    sized = type(output) in (list, tuple) or (type(output) is np.ndarray and output.ndim > 0)
    if not sized or len(output) != rows:
        check.fail(describe.describe(output), goal, describe.coarse(output))


def _same(check: Check, got: Any, expected: Any, after: str, goal: str) -> None:
    if type(got) is np.ndarray and type(expected) is np.ndarray:
        if got.shape != expected.shape:
            check.fail(f"shape {got.shape} {after}", f"shape {expected.shape}", describe.coarse(got))
        same_nan = np.isnan(got) & np.isnan(expected)
        at = first_gap(np.where(same_nan, 0, got), np.where(same_nan, 0, expected), TOLERANCE)
        if at is not None:
            left, right = describe.number_pair(got[at].item(), expected[at].item())
            check.fail(f"{left} at index {at} {after}", f"{goal}, there {right}", f"another output {after}")
        return
    if _both_close(got, expected):
        return
    found = first_difference(got, expected)
    if found is not None:
        place, left, right = found
        where = f" at {place}" if place else ""
        shown, wanted = describe.describe(left), describe.describe(right)
        check.fail(f"{shown}{where} {after}", f"{goal}, there {wanted}", f"another output {after}")


def _both_close(got: Any, expected: Any) -> bool:
    try:
        numbers = [read_numbers(value) for value in (got, expected)]
    except NotNumbers:
        return False
    return numbers[0].shape == numbers[1].shape and first_gap(numbers[0], numbers[1], TOLERANCE) is None
