"""Columns on their way from the generator to a table: codes and a mask of missing values, then Arrow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from tidewater.calendar import START

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Column", "Columns", "coded", "moments", "take", "to_arrow"]


@dataclass(frozen=True)
class Column:
    """Values of one column, shape (n,); for words the values are positions in `words`.

    missing: bool, shape (n,), or None where nothing is missing.
    """

    values: np.ndarray
    words: tuple[str, ...] | None = None
    missing: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.values)

    def without(self, rows: np.ndarray) -> Column:
        """The same column with a missing value in the rows of this mask."""
        return replace(self, missing=rows if self.missing is None else self.missing | rows)

    def over(self, other: Column, rows: np.ndarray) -> Column:
        """The same column with `other`'s values in the rows of this mask."""
        missing = None
        if self.missing is not None or other.missing is not None:
            missing = np.where(rows, _mask(other), _mask(self))
        return replace(self, values=np.where(rows, other.values, self.values), missing=missing)


Columns = dict[str, Column]


def coded(codes: np.ndarray, words: Sequence[str]) -> Column:
    """A column of words; code 0 of a list that begins with the empty word is a missing value."""
    return Column(codes, tuple(words), codes == 0 if words and words[0] == "" else None)


def moments(day: int, milliseconds: np.ndarray) -> Column:
    """A column of UTC times: milliseconds since midnight of a day of the world."""
    return Column(START + np.timedelta64(day, "D") + milliseconds.astype("timedelta64[ms]"))


def take(columns: Columns, rows: np.ndarray) -> Columns:
    """The columns at these positions, in this order."""
    return {
        name: replace(
            one, values=one.values[rows], missing=None if one.missing is None else one.missing[rows]
        )
        for name, one in columns.items()
    }


def to_arrow(columns: Mapping[str, Column]) -> pa.Table:
    """An Arrow table: int64, double, bool, string and timestamp[ms] columns, missing values as nulls."""
    import pyarrow as pa

    return pa.table({name: _arrow(one) for name, one in columns.items()})


def _mask(column: Column) -> np.ndarray:
    return np.zeros(len(column), bool) if column.missing is None else column.missing


def _arrow(column: Column) -> pa.Array:
    import pyarrow as pa

    if column.words is not None:
        codes = pa.array(column.values.astype(np.int32), mask=column.missing)
        return pa.DictionaryArray.from_arrays(codes, pa.array(column.words, pa.string())).cast(pa.string())
    if column.values.dtype == object:
        return pa.array(column.values, pa.string(), mask=column.missing)
    values = column.values
    if values.dtype.kind in "iu":
        values = values.astype(np.int64)
    elif values.dtype.kind == "f":
        values = values.astype(np.float64)
    return pa.array(values, mask=column.missing)
