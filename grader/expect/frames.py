"""The check of whole tables."""

from __future__ import annotations

import math
from typing import Any

from grader.expect import describe
from grader.expect.failure import Check, begin
from grader.expect.sameness import entries, first_difference, vector_kind
from grader.expect.values import positive


def same_frame(
    got: object,
    expected: object,
    *,
    check_order: bool = True,
    check_index: bool = False,
    tolerance: float = 1e-9,
    what: str,
    why: str,
    look_at: str,
) -> None:
    """A DataFrame (or Series) with the same columns and entries; numbers to within tolerance * (1 + abs(expected)).

    check_order: rows and columns stand in the same order; without it rows are matched by their entries.
    check_index: the index has the same entries too.
    A missing value equals a missing value. 1 equals 1.0, categories equal their texts, True does not equal 1.
    """
    import pandas as pd

    check = begin("same_frame", what, why, look_at)
    bound = positive("same_frame", "tolerance", tolerance)
    wanted, given = describe.read(expected), describe.read(got)
    kind = type(wanted)
    if kind is not pd.DataFrame and kind is not pd.Series:
        raise TypeError("expect.same_frame: expected is a DataFrame or a Series.")
    if given is got:
        shown = f"{describe.describe(given)} with entries that are no plain values"
        check.fail(
            shown if type(given) is kind else describe.describe(given), f"a {kind.__name__}", "no plain table"
        )
    if type(given) is not kind:
        check.fail(
            describe.describe(given), f"a {kind.__name__} of shape {wanted.shape}", describe.coarse(given)
        )
    if kind is pd.Series:
        given, wanted = given.to_frame("values"), wanted.to_frame("values")
    _compare_columns(check, given, wanted, check_order)
    if len(given) != len(wanted):
        check.fail(f"{len(given)} rows", f"{len(wanted)} rows", "another number of rows")
    columns = _columns(given, wanted, check_order)
    if check_index:
        columns.append(("the index", given.index, wanted.index))
    orders = (range(len(given)), range(len(wanted)))
    if not check_order:
        orders = _matched(columns, len(wanted))  # type: ignore[assignment]
    for name, left, right in columns:
        _compare_column(check, name, left, right, orders, bound)


def _compare_columns(check: Check, given: Any, wanted: Any, check_order: bool) -> None:
    names, goal = entries(given.columns), entries(wanted.columns)
    for name in goal:
        if _count(names, name) < _count(goal, name):
            check.fail(f"no column {describe.describe_key(name)}", "that column", "a column less")
    for name in names:
        if _count(names, name) > _count(goal, name):
            check.fail(f"a column {describe.describe_key(name)}", "no such column", "a column more")
    if check_order and first_difference(names, goal) is not None:
        shown, wanted_order = (f"columns in the order {describe.describe(side)}" for side in (names, goal))
        check.fail(shown, wanted_order, "columns in another order")


def _count(names: list[Any], name: Any) -> int:
    return sum(first_difference(other, name) is None for other in names)


def _columns(given: Any, wanted: Any, check_order: bool) -> list[tuple[str, Any, Any]]:
    """(name, column got, column expected), matched by place, or by name and occurrence."""
    names, goal = entries(given.columns), entries(wanted.columns)
    free = list(range(len(names)))
    pairs = []
    for position, name in enumerate(goal):
        at = position
        if not check_order:
            at = next(place for place in free if first_difference(names[place], name) is None)
            free.remove(at)
        shown = f"column {describe.describe_key(name)}"
        pairs.append((shown, given.iloc[:, at], wanted.iloc[:, position]))
    return pairs


def _matched(columns: list[tuple[str, Any, Any]], rows: int) -> tuple[list[int], list[int]]:
    """Both orders of rows in which equal tables show equal rows: exact columns decide first, then numbers."""
    ordered = sorted(columns, key=lambda column: vector_kind(column[2]) == "number")
    keys = []
    for side in (1, 2):
        sides = [[_sort_key(value) for value in entries(column[side])] for column in ordered]
        keys.append([tuple(column[row] for column in sides) for row in range(rows)])
    return tuple(sorted(range(rows), key=side.__getitem__) for side in keys)  # type: ignore[return-value]


def _sort_key(value: Any) -> tuple[int, float, str]:
    if type(value) in (int, float):
        if math.isnan(value):
            return 0, 0.0, ""
        return 1, float(f"{value:.9g}"), ""
    return 2, 0.0, f"{type(value).__name__} {describe.describe(value)} {value if type(value) is str else ''}"


def _compare_column(check: Check, name: str, left: Any, right: Any, orders: Any, bound: float) -> None:
    kinds = vector_kind(left), vector_kind(right)
    mine, goal = entries(left), entries(right)
    if kinds[0] != kinds[1] and not _only_missing(mine) and not _only_missing(goal):
        check.fail(f"{name} with dtype {left.dtype}", f"dtype {right.dtype}", "a column of another dtype")
    for row, (at, to) in enumerate(zip(*orders, strict=True)):
        got, expected = mine[at], goal[to]
        if kinds[1] == "number" and _close(got, expected, bound):
            continue
        if first_difference(got, expected) is not None:
            shown, wanted = describe.describe(got), describe.describe(expected)
            if shown == wanted:
                shown, wanted = repr(got), repr(expected)
            check.fail(f"{shown} in {name}, row {row}", wanted, describe.coarse(got))


def _only_missing(values: list[Any]) -> bool:
    return all(type(value) is float and math.isnan(value) for value in values)


def _close(got: Any, expected: Any, bound: float) -> bool:
    numbers = (int, float)
    if type(got) not in numbers or type(expected) not in numbers or not math.isfinite(got):
        return False
    return math.isfinite(expected) and abs(got - expected) <= bound * (1 + abs(expected))
