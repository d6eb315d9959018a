"""Pandas' part of the codec, the way back: every part is checked before pandas builds on it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from grader.codec_arrays import FRAME_WEIGHT, MOST_ELEMENTS, CodecError, Reader, read_array, read_objects
from grader.codec_frames import MASKED
from grader.codec_scalars import read_zone

if TYPE_CHECKING:
    import pandas as pd

_UNITS = frozenset(("s", "ms", "us", "ns"))


def _read_frame(node: list[Any], reader: Reader, depth: int) -> pd.DataFrame:
    import pandas as pd

    columns = _read_index(node[1], reader, depth + 1)
    index = _read_index(node[2], reader, depth + 1)
    if node[0] == "pB":
        return pd.DataFrame(read_array(node[3], reader, depth), index=index, columns=columns, copy=False)
    if len(columns) != len(node) - 3:
        raise CodecError("a frame without all of its columns")
    vectors = {at: _read_vector(part, reader, depth) for at, part in enumerate(node[3:])}
    if any(len(vector) != len(index) for vector in vectors.values()):
        raise CodecError("a frame with a column of another length")
    frame = pd.DataFrame(
        {
            at: pd.Series(vector, index=index, dtype=vector.dtype, copy=False)
            for at, vector in vectors.items()
        },
        index=index,
    )
    frame.columns = columns
    return frame


def _read_series(node: list[Any], reader: Reader, depth: int) -> pd.Series:
    import pandas as pd

    name = reader.node(node[1], depth + 1)
    index = _read_index(node[2], reader, depth + 1)
    vector = _read_vector(node[3], reader, depth)
    if len(vector) != len(index):
        raise CodecError("a series without all of its values")
    return pd.Series(vector, index=index, name=name, dtype=vector.dtype, copy=False)


def _read_index(node: Any, reader: Reader, depth: int) -> pd.Index:
    import pandas as pd

    tag, first = node[0], node[1]
    reader.count_container(FRAME_WEIGHT)
    if tag == "pR":
        name = reader.node(first, depth + 1)
        if any(type(part) is not int for part in node[2:]):
            raise CodecError("a range without whole numbers")
        index = pd.RangeIndex(*node[2:], name=name)
        if len(index) > MOST_ELEMENTS:
            raise CodecError("a range index of this length")
        reader.count_unsent(8 * len(index))
        return index
    if tag == "pM":
        names = [reader.node(name, depth + 1) for name in first]
        levels = [_read_index(level, reader, depth + 1) for level in node[2]]
        codes = [read_array(part, reader, depth) for part in node[3]]
        return pd.MultiIndex(levels=levels, codes=codes, names=names)
    if tag != "pI":
        raise CodecError("not an index")
    name = reader.node(first, depth + 1)
    vector = _read_vector(node[3], reader, depth)
    if node[2] is not None:
        kind = pd.TimedeltaIndex if vector.dtype.kind == "m" else pd.DatetimeIndex
        return kind(vector, freq=node[2], name=name)
    return pd.Index(vector, dtype=vector.dtype, name=name, tupleize_cols=False)


def _read_vector(node: Any, reader: Reader, depth: int) -> Any:
    tag = node[0]
    reader.count_container(FRAME_WEIGHT)
    if tag == "a":
        array = read_array(node, reader, depth)
        if array.ndim != 1:
            raise CodecError("a column with more than one dimension")
        return array
    if tag == "pO":
        return read_objects(node[1], reader, depth)
    return _VECTORS[tag](node, reader, depth)


def _read_texts(node: list[Any], reader: Reader, depth: int) -> Any:
    import numpy as np
    import pandas as pd

    storage = {"python": "python", "pyarrow": "pyarrow"}[node[1]]
    dtype = pd.StringDtype(storage, na_value=pd.NA if node[2] else np.nan)
    texts = reader.node(node[3], depth + 1)
    if any(text is not None and type(text) is not str for text in texts):
        raise CodecError("a text column with other things than text")
    if node[0] == "ps":
        return pd.array(texts, dtype=dtype)
    places = read_array(node[4], reader, depth)
    lengths = np.array([len(text or "") for text in texts] + [0], np.int64)  # -1 is the last: no text
    if places.ndim != 1 or places.dtype != np.int32 or (places < -1).any():
        raise CodecError("a text column without places")
    reader.count_unsent(4 * int(lengths[places].sum()))
    return pd.array(texts, dtype=dtype).take(places, allow_fill=True)


def _read_categories(node: list[Any], reader: Reader, depth: int) -> Any:
    import pandas as pd

    codes = read_array(node[2], reader, depth)
    categories = _read_index(node[3], reader, depth + 1)
    return pd.Categorical.from_codes(codes, categories=categories, ordered=bool(node[1]))


def _read_zoned(node: list[Any], reader: Reader, depth: int) -> Any:
    import pandas as pd

    zone = read_zone(node[2])
    if node[1] not in _UNITS or zone is None:
        raise CodecError("not a column of times")
    return pd.array(read_array(node[3], reader, depth), dtype=pd.DatetimeTZDtype(node[1], zone))


def _read_masked(node: list[Any], reader: Reader, depth: int) -> Any:
    import pandas as pd

    if node[1] not in MASKED:
        raise CodecError("not a nullable dtype")
    numbers, gone = read_array(node[2], reader, depth), read_array(node[3], reader, depth)
    kind: Any = pd.arrays.IntegerArray
    if node[1] == "boolean":
        kind = pd.arrays.BooleanArray
    elif node[1].startswith("Float"):
        kind = pd.arrays.FloatingArray
    vector = kind(numbers, gone)
    if str(vector.dtype) != node[1] or numbers.shape != gone.shape or numbers.ndim != 1:
        raise CodecError("a nullable column that does not fit together")
    return vector


def _read_periods(node: list[Any], reader: Reader, depth: int) -> Any:
    import pandas as pd

    return pd.PeriodIndex.from_ordinals(read_array(node[2], reader, depth), freq=node[1]).array


def _read_intervals(node: list[Any], reader: Reader, depth: int) -> Any:
    import pandas as pd

    left = _read_index(node[2], reader, depth + 1)
    return pd.arrays.IntervalArray.from_arrays(left, _read_index(node[3], reader, depth + 1), closed=node[1])


def _read_timestamp(node: list[Any], reader: Reader, depth: int) -> Any:
    import numpy as np
    import pandas as pd

    if node[1] not in _UNITS or type(node[3]) is not int:
        raise CodecError("not a time")
    stamp = pd.Timestamp(np.datetime64(node[3], node[1]))
    return stamp if node[2] is None else stamp.tz_localize("UTC").tz_convert(read_zone(node[2]))


def _read_timedelta(node: list[Any], reader: Reader, depth: int) -> Any:
    import numpy as np
    import pandas as pd

    if node[1] not in _UNITS or type(node[2]) is not int:
        raise CodecError("not a length of time")
    return pd.Timedelta(np.timedelta64(node[2], node[1]))


def _read_period(node: list[Any], reader: Reader, depth: int) -> Any:
    import pandas as pd

    if type(node[1]) is not str or type(node[2]) is not int:
        raise CodecError("not a period")
    return pd.Period(ordinal=node[2], freq=node[1])


def _read_interval(node: list[Any], reader: Reader, depth: int) -> Any:
    import pandas as pd

    left, right = reader.node(node[2], depth + 1), reader.node(node[3], depth + 1)
    return pd.Interval(left, right, closed=node[1])


def _read_missing(node: list[Any], reader: Reader, depth: int) -> Any:
    import pandas as pd

    return pd.NA if node[0] == "pA" else pd.NaT


_VECTORS: dict[Any, Callable[[list[Any], Any, int], Any]] = {
    "ps": _read_texts,
    "pk": _read_texts,
    "pc": _read_categories,
    "pz": _read_zoned,
    "pm": _read_masked,
    "pp": _read_periods,
    "pi": _read_intervals,
}
READERS: dict[str, Callable[[list[Any], Any, int], Any]] = {
    "pB": _read_frame,
    "pD": _read_frame,
    "pS": _read_series,
    "pR": _read_index,
    "pM": _read_index,
    "pI": _read_index,
    "pO": _read_vector,
    **dict.fromkeys(_VECTORS, _read_vector),
    "pt": _read_timestamp,
    "pd": _read_timedelta,
    "pP": _read_period,
    "pV": _read_interval,
    "pA": _read_missing,
    "pN": _read_missing,
}
