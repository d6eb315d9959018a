"""Pandas' part of the codec: frames and series column by column, indexes, extension arrays, scalars."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from grader.codec_arrays import (
    FRAME_WEIGHT,
    MOST_ELEMENTS,
    CodecError,
    NotPlain,
    Writer,
    write_array,
    write_objects,
)
from grader.codec_scalars import write_zone

if TYPE_CHECKING:
    import pandas as pd

_Write = Callable[[Any, Any, int], Any]
MASKED = frozenset(
    (
        "Int8",
        "Int16",
        "Int32",
        "Int64",
        "UInt8",
        "UInt16",
        "UInt32",
        "UInt64",
        "Float32",
        "Float64",
        "boolean",
    )
)


def find_writer(kind: type) -> _Write | None:
    """The writer for a pandas type, or None; nothing is a frame unless pandas is imported."""
    pandas = sys.modules.get("pandas")
    if pandas is None or not hasattr(pandas, "DataFrame"):
        return None
    if kind is type(pandas.NA):
        return lambda value, writer, depth: ["pA"]
    if kind is type(pandas.NaT):
        return lambda value, writer, depth: ["pN"]
    for base, write in (
        (pandas.DataFrame, _write_frame),
        (pandas.Series, _write_series),
        (pandas.Index, _write_index),
        (pandas.api.extensions.ExtensionArray, _write_vector),
        (pandas.Timestamp, _write_timestamp),
        (pandas.Timedelta, _write_timedelta),
        (pandas.Period, _write_period),
        (pandas.Interval, _write_interval),
    ):
        if issubclass(kind, base):
            return _guarded(write)
    return None


def _guarded(write: _Write) -> _Write:
    """A writer for which any trouble of a strange subclass or extension means: not plain."""

    def guarded(value: Any, writer: Writer, depth: int) -> Any:
        try:
            return write(value, writer, depth)
        except (NotPlain, CodecError):
            raise
        except Exception as error:
            raise NotPlain(f"a pandas value that cannot be read ({type(error).__name__})") from None

    return guarded


def _write_frame(frame: pd.DataFrame, writer: Writer, depth: int) -> list[Any]:
    import pandas as pd

    if type(frame) is not pd.DataFrame:
        frame = _without_subclass(pd.DataFrame, frame)
    kinds = set(frame.dtypes)
    axes = [_write_index(frame.columns, writer, depth + 1), _write_index(frame.index, writer, depth + 1)]
    if len(kinds) == 1 and getattr(next(iter(kinds)), "kind", "O") in "biufc" and _is_numpy(kinds.pop()):
        return ["pB", *axes, write_array(frame.to_numpy(), writer, depth)]
    columns = [_write_vector(column.array, writer, depth) for _, column in frame.items()]
    return ["pD", *axes, *columns]


def _without_subclass(base: Any, value: object) -> Any:
    """The same data as a frame or series of pandas' own class; no method of the subclass runs."""
    manager = object.__getattribute__(value, "_mgr")
    return base._from_mgr(manager, manager.axes)


def _is_numpy(dtype: object) -> bool:
    import numpy as np

    return isinstance(dtype, np.dtype)


def _write_series(series: pd.Series, writer: Writer, depth: int) -> list[Any]:
    import pandas as pd

    if type(series) is not pd.Series:
        name = object.__getattribute__(series, "_name")
        series = _without_subclass(pd.Series, series)
        series.name = name
    name = writer.node(series.name, depth + 1)
    return [
        "pS",
        name,
        _write_index(series.index, writer, depth + 1),
        _write_vector(series.array, writer, depth),
    ]


def _write_index(index: pd.Index, writer: Writer, depth: int) -> list[Any]:
    import pandas as pd

    writer.count_container(FRAME_WEIGHT)
    if type(index) is pd.RangeIndex:
        if len(index) > MOST_ELEMENTS:
            raise NotPlain("a range index of this length is not plain")
        return ["pR", writer.node(index.name, depth + 1), index.start, index.stop, index.step]
    if type(index) is pd.MultiIndex:
        names = [writer.node(name, depth + 1) for name in index.names]
        levels = [_write_index(level, writer, depth + 1) for level in index.levels]
        codes = [write_array(codes, writer, depth) for codes in index.codes]
        return ["pM", names, levels, codes]
    name = writer.node(index.name, depth + 1)
    frequency = (
        getattr(index, "freq", None) if isinstance(index, pd.DatetimeIndex | pd.TimedeltaIndex) else None
    )
    if frequency is not None:
        try:
            frequency = (
                frequency.freqstr
                if pd.tseries.frequencies.to_offset(frequency.freqstr) == frequency
                else None
            )
        except ValueError:
            frequency = None
    return ["pI", name, frequency, _write_vector(index.array, writer, depth)]


def _write_vector(vector: Any, writer: Writer, depth: int) -> list[Any]:
    """The node of one column: a numpy array or one of pandas' own extension arrays."""
    import numpy as np
    import pandas as pd

    dtype = vector.dtype
    writer.count_container(FRAME_WEIGHT)
    if isinstance(dtype, pd.StringDtype):  # before numpy's, from which texts in Python's storage derive
        return _write_texts(vector, writer, depth)
    if isinstance(vector, pd.arrays.NumpyExtensionArray):
        vector = vector.to_numpy()
        dtype = vector.dtype
    if isinstance(dtype, np.dtype):
        array = np.asarray(vector)
        if dtype.kind == "O":
            return ["pO", write_objects(array.tolist(), writer, depth)]
        return write_array(array, writer, depth)
    if isinstance(dtype, pd.CategoricalDtype):
        codes = write_array(np.asarray(vector.codes), writer, depth)
        return ["pc", int(bool(dtype.ordered)), codes, _write_index(vector.categories, writer, depth + 1)]
    if isinstance(dtype, pd.DatetimeTZDtype):
        return ["pz", dtype.unit, write_zone(dtype.tz), write_array(vector.asi8, writer, depth)]
    if str(dtype) in MASKED:
        gone = np.asarray(vector.isna())
        fill = False if str(dtype) == "boolean" else 0
        numbers = vector.to_numpy(dtype=dtype.numpy_dtype, na_value=fill)
        return ["pm", str(dtype), write_array(numbers, writer, depth), write_array(gone, writer, depth)]
    if isinstance(dtype, pd.PeriodDtype):
        return ["pp", str(dtype)[7:-1], write_array(vector.asi8, writer, depth)]
    if isinstance(dtype, pd.IntervalDtype):
        left, right = vector.left, vector.right
        return [
            "pi",
            vector.closed,
            _write_index(left, writer, depth + 1),
            _write_index(right, writer, depth + 1),
        ]
    raise NotPlain(f"a column of {dtype} is not plain")


def _write_texts(vector: Any, writer: Writer, depth: int) -> list[Any]:
    """The node of a text column: each text once and the places where it stands, if most come back."""
    import numpy as np
    import pandas as pd

    kind = [vector.dtype.storage, int(vector.dtype.na_value is pd.NA)]
    codes, distinct = vector.factorize()
    if 2 * len(distinct) <= len(vector):
        places = write_array(codes.astype(np.int32), writer, depth)
        return ["pk", *kind, writer.node(list(distinct.astype(object)), depth + 1), places]
    texts = vector.astype(object)
    missing = np.asarray(vector.isna())
    parts = [None if gone else text for text, gone in zip(texts, missing, strict=True)]
    return ["ps", *kind, writer.node(parts, depth + 1)]


def _write_timestamp(value: pd.Timestamp, writer: Writer, depth: int) -> list[Any]:
    return ["pt", value.unit, write_zone(value.tz), int(value.asm8.view("i8"))]


def _write_timedelta(value: pd.Timedelta, writer: Writer, depth: int) -> list[Any]:
    return ["pd", value.unit, int(value.asm8.view("i8"))]


def _write_period(value: pd.Period, writer: Writer, depth: int) -> list[Any]:
    return ["pP", value.freqstr, value.ordinal]


def _write_interval(value: pd.Interval, writer: Writer, depth: int) -> list[Any]:
    return ["pV", value.closed, writer.node(value.left, depth + 1), writer.node(value.right, depth + 1)]
