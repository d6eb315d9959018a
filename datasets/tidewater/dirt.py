"""Dirt over clean tables, with the truth about every cell, row and column that it touched.

    dirty, touched = corrupt(orders, "decimal_comma", seed=1)
    undo(dirty, touched)             # the clean table, exactly

Kinds may follow each other: `undo(dirtier, pd.concat([touched, touched_next]))`. Row labels stay what they were.
"""

from __future__ import annotations

import difflib
import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from tidewater.dirt_changes import DirtError, Record, change, objects_of, with_values, without_ids
from tidewater.dirt_kinds import CELL_KINDS, CellKind, is_missing, sort_of
from tidewater.dirt_tables import TABLE_KINDS
from tidewater.names import offer
from tidewater.seeds import stream_of

__all__ = ["KINDS", "DirtError", "corrupt", "undo"]


KINDS: dict[str, str] = {name: how.what for name, how in CELL_KINDS.items()} | {
    name: what for name, (what, _) in TABLE_KINDS.items()
}


def corrupt(
    table: pd.DataFrame, kind: str, seed: int, *, share: float = 0.03, columns: Sequence[str] | None = None
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The table with one kind of dirt, and what was touched; the table itself stays as it is.

    table: unique row labels, unique column names of text. kind: a name of KINDS. share: of the cells that the kind
    can hit in each column, or of rows; at least one. columns: where; default all that fit, but for ids.
    Returns (dirty, touched). touched has the columns row, column, clean, dirty, one line for
      a cell: its row label, its column, its value before and after;
      a row that was added: its label, None, None, the label of the row that it repeats;
      a column that was renamed: None, new name, old name, new name; columns in another order: None, None, tuples;
      a column whose type had to change: None, column, type before, type after.
    Raises DirtError for an unknown kind, an unknown column, or a table without anything that the kind can hit.
    """
    if kind not in KINDS:
        raise DirtError(f'no kind of dirt named "{kind}". {offer(kind, KINDS)}')
    if not 0 < share <= 1:
        raise DirtError(f"share lies above 0 and is at most 1; got {share!r}")
    _check_table(table, columns)
    rng = stream_of(seed, "dirt", kind)
    if kind in CELL_KINDS:
        dirty, records = _cells(table, kind, rng, share, columns)
    else:
        dirty, records = TABLE_KINDS[kind][1](table, rng, share, columns)
    if not records:
        where = f" in {', '.join(columns)}" if columns else ""
        raise DirtError(f'the table has nothing that "{kind}" can hit{where}: {KINDS[kind]}')
    return dirty, pd.DataFrame(records, columns=["row", "column", "clean", "dirty"], dtype=object)


def undo(dirty: pd.DataFrame, touched: pd.DataFrame) -> pd.DataFrame:
    """The clean table, from the dirty one and everything that was touched, in the order of the corruptions."""
    table = dirty.copy()
    records = list(touched.itertuples(index=False, name=None))[::-1]
    for (where, column), lines in itertools.groupby(records, _place):
        group = list(lines)
        clean = group[-1][2]
        if where == "cells":
            rows, values = [line[0] for line in group], [line[2] for line in group]
            table[column] = with_values(table[column], table.index.get_indexer(rows), values)
        elif where == "rows":
            table = table.drop(index=[line[0] for line in group])
        elif where == "order":
            table = table[list(clean)]
        elif where == "name":
            table = table.rename(columns={column: clean})
        else:
            table[column] = pd.Series(objects_of(table[column]), table.index, dtype=clean)
    return table


def _place(record: Record) -> tuple[str, Any]:
    """What a line of `touched` is about; lines about one place that follow each other are undone together."""
    row, column, clean, _ = record
    if row is not None:
        return ("rows", None) if column is None else ("cells", column)
    if column is None:
        return ("order", None)
    return ("name" if isinstance(clean, str) else "type", column)


def _check_table(table: pd.DataFrame, columns: Sequence[str] | None) -> None:
    if not table.index.is_unique or isinstance(table.index, pd.MultiIndex) or table.index.hasnans:
        raise DirtError("row labels have to be unique and not missing, so that touched rows can be named")
    if not table.columns.is_unique or not all(isinstance(name, str) for name in table.columns):
        raise DirtError("column names have to be unique and text")
    for name in columns or ():
        if name not in table.columns:
            close = difflib.get_close_matches(str(name), table.columns, n=1)
            raise DirtError(f'no column named "{name}".' + (f' Did you mean "{close[0]}"?' if close else ""))


def _cells(
    table: pd.DataFrame, kind: str, rng: np.random.Generator, share: float, columns: Sequence[str] | None
) -> tuple[pd.DataFrame, list[Record]]:
    dirty, records, how = table.copy(), list[Record](), CELL_KINDS[kind]
    for name in columns or without_ids(table):
        if not _may_hold(table[name].dtype, how.sorts):
            continue
        cells = objects_of(table[name])
        example = next((value for value in cells if sort_of(value) in how.sorts), None)
        if example is None or (not columns and not how.column_fits(cells)):
            continue
        fits = [position for position, value in enumerate(cells) if _can_hit(how, value)]
        count = min(len(fits), max(1, round(share * len(fits))))
        rows = np.sort(rng.choice(np.array(fits, np.int64), count, replace=False))
        values = [how.spoil(example if is_missing(cells[row]) else cells[row], rng) for row in rows]
        change(dirty, records, name, rows, values)
    return dirty, records


def _may_hold(dtype: Any, sorts: Sequence[str]) -> bool:
    """Whether a column of this type can have cells of these sorts: spares a look at every cell."""
    if isinstance(dtype, pd.StringDtype):
        return "text" in sorts
    sort = {"i": "number", "u": "number", "f": "number", "b": "flag", "M": "time"}.get(
        getattr(dtype, "kind", "")
    )
    return sort is None or sort in sorts


def _can_hit(how: CellKind, value: Any) -> bool:
    if is_missing(value):
        return how.missing_too
    return sort_of(value) in how.sorts and how.fits(value)
