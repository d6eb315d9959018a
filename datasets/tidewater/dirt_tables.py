"""Kinds of dirt that are about rows, pairs of columns and the columns' names, not about single cells."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from tidewater.dirt_changes import DirtError, Record, change, objects_of, same, without_ids
from tidewater.dirt_kinds import sort_of

__all__ = ["TABLE_KINDS"]

_NEAR = 0.5  # share of duplicates that differ in one cell
_SPREAD_ROWS = 50  # how far behind its original a duplicate lies, at most


def _swap(
    table: pd.DataFrame, rng: np.random.Generator, share: float, columns: Sequence[str] | None
) -> tuple[pd.DataFrame, list[Record]]:
    if columns is not None and len(columns) != 2:
        raise DirtError(f"two columns can be swapped; got {len(columns)}")
    pairs = [tuple(columns)] if columns else list(itertools.combinations(without_ids(table), 2))
    if not columns:
        pairs = [pair for pair in pairs if table[pair[0]].dtype == table[pair[1]].dtype]
    for choice in rng.permutation(len(pairs)):
        one, other = pairs[choice]
        first, second = objects_of(table[one]), objects_of(table[other])
        differ = [row for row in range(len(table)) if not same(first[row], second[row])]
        if differ:
            count = max(1, round(share * len(differ)))
            rows = np.sort(rng.choice(np.array(differ, np.int64), count, replace=False))
            dirty, records = table.copy(), list[Record]()
            change(dirty, records, one, rows, [second[row] for row in rows])
            change(dirty, records, other, rows, [first[row] for row in rows])
            return dirty, records
    return table, []


def _duplicate(
    table: pd.DataFrame, rng: np.random.Generator, share: float, columns: Sequence[str] | None
) -> tuple[pd.DataFrame, list[Record]]:
    n = len(table)
    if not n:
        return table, []
    rows = np.sort(rng.choice(n, max(1, round(share * n)), replace=False))
    labels = _new_labels(table.index, rows)
    place = np.concatenate([np.arange(n), rows + 0.5 + rng.integers(0, _SPREAD_ROWS, len(rows))])
    dirty = table.iloc[np.concatenate([np.arange(n), rows])]
    dirty.index = table.index.append(pd.Index(labels, dtype=table.index.dtype)).rename(table.index.name)
    records: list[Record] = [
        (label, None, None, table.index[row]) for label, row in zip(labels, rows, strict=True)
    ]
    near = np.flatnonzero(rng.random(len(rows)) < _NEAR)
    names = list(columns or without_ids(table))
    chosen = rng.integers(0, max(1, len(names)), len(near))
    for position, name in enumerate(names):
        cells = objects_of(table[name])
        hits = [
            at for at in near[chosen == position] if sort_of(cells[rows[at]]) in ("number", "text", "time")
        ]
        if hits:
            values = [_nearly(cells[rows[at]]) for at in hits]
            change(dirty, records, name, n + np.array(hits), values)
    return dirty.iloc[np.argsort(place, kind="stable")], records


def _nearly(value: Any) -> Any:
    """A value that a second entry of the same thing could have."""
    sort = sort_of(value)
    if sort == "time":
        return pd.Timestamp(value) + pd.Timedelta(seconds=1)
    if sort == "text":
        return value.upper() if value.upper() != value else value + " "
    return value + 1


def _new_labels(index: pd.Index, rows: np.ndarray) -> list[Any]:
    if pd.api.types.is_integer_dtype(index.dtype):
        first = int(index.max()) + 1
        if first + len(rows) <= np.iinfo(getattr(index.dtype, "numpy_dtype", index.dtype)).max:
            return list(range(first, first + len(rows)))
    elif index.inferred_type == "string" and all(isinstance(label, str) for label in index):
        taken, labels = set(index), list[Any]()
        for row in rows:
            label = f"{index[row]} again"
            while label in taken:
                label += " again"
            taken.add(label)
            labels.append(label)
        return labels
    raise DirtError(
        "duplicates need row labels that are text or whole numbers; try table.reset_index(drop=True)"
    )


def _rename(
    table: pd.DataFrame, rng: np.random.Generator, _share: float, columns: Sequence[str] | None
) -> tuple[pd.DataFrame, list[Record]]:
    new_names, records = {}, list[Record]()
    taken = set(table.columns)
    if not columns and len(table.columns):
        columns = [table.columns[int(rng.integers(len(table.columns)))]]
    for old in columns or ():
        forms = [old.upper(), old.replace("_", " ").title(), old.replace("_", "-"), f"{old}_value"]
        free = [form for form in forms if form not in taken] or [f"{old}_{len(taken)}_value"]
        new = free[int(rng.integers(len(free)))]
        taken.add(new)
        new_names[old] = new
        records.append((None, new, old, new))
    return table.rename(columns=new_names), records


def _reorder(
    table: pd.DataFrame, rng: np.random.Generator, _share: float, columns: Sequence[str] | None
) -> tuple[pd.DataFrame, list[Record]]:
    names = list(table.columns)
    moved = [names.index(name) for name in columns or names]
    if len(moved) < 2:
        return table, []
    turn = moved
    while turn == moved:
        turn = [moved[place] for place in rng.permutation(len(moved))]
    new = list(names)
    for place, source in zip(moved, turn, strict=True):
        new[place] = names[source]
    return table[new], [(None, None, tuple(names), tuple(new))]


TableKind = Callable[
    [pd.DataFrame, np.random.Generator, float, Sequence[str] | None], tuple[pd.DataFrame, list[Record]]
]
TABLE_KINDS: dict[str, tuple[str, TableKind]] = {
    "duplicates": ("rows once more, some lines later; half of them with one cell that differs", _duplicate),
    "swapped_columns": ("the values of two columns exchanged in some rows; by default of one type", _swap),
    "renamed_column": ("one column, or the named ones, under another name", _rename),
    "column_order": ("the columns in another order", _reorder),
}
