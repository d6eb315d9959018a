"""What each kind of dirt does to one cell: which cells it can hit, and what they become."""

from __future__ import annotations

import datetime
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

__all__ = ["CELL_KINDS", "CellKind", "is_missing", "sort_of"]

SENTINEL_NUMBER, SENTINEL_TEXT = -999, "N/A"
_FORMATS = ("%Y-%m-%d %H:%M:%S", "%d.%m.%Y %H:%M:%S", "%m/%d/%Y %I:%M:%S %p")
_BLANKS = (" ", "  ", "\t", "\u00a0")
_CATEGORIES = 50  # a text column of at most so many words is one of categories
Spoil = Callable[[Any, np.random.Generator], Any]


def is_missing(value: object) -> bool:
    """None, NaN, NaT or NA."""
    return (
        value is None or value is pd.NA or value is pd.NaT or (isinstance(value, float) and math.isnan(value))
    )


def sort_of(value: object) -> str:
    """number, text, time, flag; "" for everything else, an infinite number or a missing value."""
    if is_missing(value):
        return ""
    if isinstance(value, (bool, np.bool_)):
        return "flag"
    if isinstance(value, (int, float, np.integer, np.floating)):
        return "number" if math.isfinite(value) else ""
    if isinstance(value, str):
        return "text"
    return "time" if isinstance(value, datetime.datetime) and 1 <= value.year <= 9999 else ""


@dataclass(frozen=True)
class CellKind:
    """One kind of dirt in cells.

    sorts: of the cells that it can hit. spoil: what a cell becomes. fits: which of these cells it can hit.
    missing_too: whether it also hits missing values, in columns of these sorts. column_fits: which columns it
    takes if none are named, by their cells.
    """

    what: str
    sorts: tuple[str, ...]
    spoil: Spoil
    fits: Callable[[Any], bool] = lambda _: True
    missing_too: bool = False
    column_fits: Callable[[np.ndarray], bool] = lambda _: True


def _wrong_type(value: Any, _: np.random.Generator) -> Any:
    sort = sort_of(value)
    if sort == "flag":
        return "yes" if value else "no"
    if sort == "time":
        zero = pd.Timestamp(0, tz=value.tzinfo)
        return (pd.Timestamp(value) - zero) // pd.Timedelta(milliseconds=1)
    return _digits(value)


def _digits(value: Any) -> str:
    return repr(float(value)) if isinstance(value, (float, np.floating)) else str(int(value))


def _grouped(value: Any, _: np.random.Generator) -> str:
    return f"{float(value):,}" if isinstance(value, (float, np.floating)) else f"{int(value):,}"


def _formatted(value: Any, rng: np.random.Generator) -> str:
    return value.strftime(_FORMATS[int(rng.integers(len(_FORMATS)))])


def _sentinel(value: Any, _: np.random.Generator) -> Any:
    sort = sort_of(value)
    if sort == "time":
        return pd.Timestamp(0, tz=value.tzinfo)
    if sort == "text":
        return SENTINEL_TEXT
    return float(SENTINEL_NUMBER) if isinstance(value, (float, np.floating)) else SENTINEL_NUMBER


def _times(value: Any, factor: float) -> Any:
    """The number times the factor, without the noise of binary fractions; whole numbers stay whole where they can."""
    if isinstance(value, (float, np.floating)):
        return float(f"{float(value) * factor:.12g}")
    return int(value) * int(factor) if factor >= 1 else int(value) // round(1 / factor)


def _slipped(value: Any, rng: np.random.Generator) -> Any:
    return _times(value, 10.0 if rng.random() < 0.5 else 0.1)


def _is_moderate(value: Any) -> bool:
    return 0 < abs(value) < 1e15


def _is_not_ascii(value: str) -> bool:
    try:
        return not value.isascii() and value.encode("utf-8") != b""
    except UnicodeEncodeError:  # half of a surrogate pair
        return False


def _has_fractions(cells: np.ndarray) -> bool:
    return any(isinstance(value, (float, np.floating)) and sort_of(value) for value in cells)


def _has_few_words(cells: np.ndarray) -> bool:
    return len({value for value in cells if isinstance(value, str)}) <= _CATEGORIES


CELL_KINDS: dict[str, CellKind] = {
    "wrong_types": CellKind(
        "numbers as text, yes and no for true and false, milliseconds since 1970 for times",
        ("number", "flag", "time"),
        _wrong_type,
    ),
    "decimal_comma": CellKind(
        "12,5 for 12.5, as text",
        ("number",),
        lambda value, _: _digits(value).replace(".", ","),
        lambda value: "." in _digits(value),
    ),
    "thousands_separators": CellKind(
        "1,234.5 for 1234.5, as text", ("number",), _grouped, lambda value: 1000 <= abs(value) < 1e15
    ),
    "date_formats": CellKind(
        "times as text in three formats: 2025-03-31 17:05:00, 31.03.2025 17:05:00, 03/31/2025 05:05:00 PM",
        ("time",),
        _formatted,
    ),
    "sentinels": CellKind(
        '-999, "N/A" or 1970-01-01 for a value or for a missing one',
        ("number", "text", "time"),
        _sentinel,
        missing_too=True,
    ),
    "unit_change": CellKind(
        "100 times the number, as cents for euros; by default in columns with fractions",
        ("number",),
        lambda value, _: _times(value, 100.0),
        _is_moderate,
        column_fits=_has_fractions,
    ),
    "slipped_point": CellKind(
        "10 times the number or a tenth of it, as a typing error; by default in columns with fractions",
        ("number",),
        _slipped,
        _is_moderate,
        column_fits=_has_fractions,
    ),
    "mojibake": CellKind(
        "UTF-8 read as Latin-1",
        ("text",),
        lambda value, _: value.encode("utf-8").decode("latin-1"),
        _is_not_ascii,
    ),
    "trailing_blanks": CellKind(
        "blanks, a tab or a no-break space behind the text",
        ("text",),
        lambda value, rng: value + _BLANKS[int(rng.integers(len(_BLANKS)))],
    ),
    "new_category": CellKind(
        f"a word that the column never had; by default in columns of at most {_CATEGORIES} words",
        ("text",),
        lambda value, _: f"new {value}",
        column_fits=_has_few_words,
    ),
}
