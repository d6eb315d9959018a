"""Writing dirt into a table and noting what was there; what all kinds of dirt share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from tidewater.dirt_kinds import is_missing, sort_of

__all__ = ["DirtError", "Record", "change", "objects_of", "same", "with_values", "without_ids"]

Record = tuple[Any, Any, Any, Any]  # row, column, clean, dirty


class DirtError(ValueError):
    """There is no such kind of dirt, or the table cannot take it; the message says why."""


def change(
    dirty: pd.DataFrame, records: list[Record], name: str, rows: np.ndarray, values: Sequence[Any]
) -> None:
    """Writes the values to the cells that they change and notes both; a column of another type becomes objects."""
    before = objects_of(dirty[name])
    dtype = dirty[name].dtype
    fitted = [_fitted(value, dtype) for value in values]
    changed = [at for at in range(len(rows)) if not same(before[rows[at]], fitted[at])]
    if not changed:
        return
    positions, fitted = rows[changed], [fitted[at] for at in changed]
    if not _holds(dtype, fitted):
        dirty[name] = pd.Series(before, dirty.index, dtype=object)
        records.append((None, name, dtype, np.dtype(object)))
    dirty[name] = with_values(dirty[name], positions, fitted)
    labels = dirty.index[positions]
    records.extend(
        (label, name, before[row], value) for label, row, value in zip(labels, positions, fitted, strict=True)
    )


def _fitted(value: Any, dtype: Any) -> Any:
    """A number as the column's kind of number, where that is a float."""
    if getattr(dtype, "kind", "") == "f" and sort_of(value) == "number":
        with np.errstate(over="ignore"):
            return float(np.dtype(f"f{dtype.itemsize}").type(value))
    return value


def _holds(dtype: Any, values: Sequence[Any]) -> bool:
    """Whether a column of this type can hold the values as they are."""
    if isinstance(dtype, pd.CategoricalDtype):
        return all(is_missing(value) or value in dtype.categories for value in values)
    try:
        kept = objects_of(pd.Series(list(values), dtype=dtype))
    except (TypeError, ValueError, OverflowError):
        return False
    return all(same(one, other) for one, other in zip(kept, values, strict=True))


def with_values(column: pd.Series, positions: np.ndarray, values: Sequence[Any]) -> pd.Series:
    cells = objects_of(column)
    for position, value in zip(positions, values, strict=True):
        cells[position] = value
    return pd.Series(cells, column.index, dtype=column.dtype)


def objects_of(column: pd.Series) -> np.ndarray:
    """The cells as Python objects, shape (n,), in an array of their own."""
    return np.array(column.astype(object), dtype=object, copy=True)


def same(one: Any, other: Any) -> bool:
    if is_missing(one) or is_missing(other):
        return is_missing(one) and is_missing(other)
    return type(one) is type(other) and bool(one == other)


def without_ids(table: pd.DataFrame) -> list[str]:
    """The columns that are no ids."""
    return [name for name in table.columns if name != "id" and not name.endswith("_id")]
