"""Plain values survive the way between processes; nothing else gets in."""

from __future__ import annotations

import collections
import contextlib
import datetime
import decimal
import enum
import json
import math
import struct
import subprocess
import sys
import zoneinfo
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from grader.codec import CodecError, NotPlain, dumps, loads, plain

SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.complex_numbers(),
    st.text(),
    st.text(st.characters(categories=["Cs", "Ll"])),
    st.binary(max_size=20),
    st.dates(),
    st.times(),
    st.datetimes(),
    st.timedeltas(),
    st.decimals(allow_nan=False),
)
KEYS = st.one_of(st.none(), st.booleans(), st.integers(), st.text(), st.tuples(st.integers(), st.text()))
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.lists(inner, max_size=4).map(tuple),
        st.dictionaries(KEYS, inner, max_size=4),
        st.sets(KEYS, max_size=4),
        st.frozensets(KEYS, max_size=4),
    ),
    max_leaves=12,
)
ARRAYS = hnp.arrays(
    dtype=st.one_of(
        hnp.boolean_dtypes(),
        hnp.integer_dtypes(),
        hnp.floating_dtypes(),
        hnp.complex_number_dtypes(),
        hnp.unicode_string_dtypes(max_len=4),
        hnp.byte_string_dtypes(max_len=4),
        hnp.datetime64_dtypes(),
        hnp.timedelta64_dtypes(),
    ),
    shape=hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4),
)
STORM = pd.DataFrame(
    {
        "whole": [1, 2, 3],
        "text": ["a", None, "c"],
        "grade": pd.Categorical(["u", "v", None], categories=["v", "u"], ordered=True),
        "zoned": pd.date_range("2026-03-28", periods=3, tz="Europe/Berlin"),
        "offset": pd.date_range("2026", periods=3, tz=datetime.timezone(datetime.timedelta(hours=5))),
        "nullable": pd.array([1, None, 2**62], dtype="Int64"),
        "small": pd.array([1, None, 3], dtype="UInt8"),
        "yes": pd.array([True, None, False], dtype="boolean"),
        "real": pd.array([1.5, None, -0.0], dtype="Float64"),
        "string": pd.array(["a", None, "\N{GREEK SMALL LETTER BETA}"], dtype="string"),
        "mixed": pd.Series([None, "a", 1.5], dtype=object),
        "bins": pd.cut([1, 2, 3], 2),
        "month": pd.period_range("2026", periods=3, freq="M"),
        "day": pd.date_range("2026", periods=3),
        "wait": pd.to_timedelta([1, 2, None], unit="s"),
        "float": [math.nan, -0.0, math.inf],
    }
)


def round_trip(value: object) -> Any:
    return loads(dumps(value))


def same(left: Any, right: Any) -> bool:
    """Equal in type and content; NaN equals NaN and -0.0 does not equal 0.0."""
    if type(left) is not type(right):
        return False
    if isinstance(left, float):
        return struct.pack("d", left) == struct.pack("d", right) or (left != left and right != right)
    if isinstance(left, complex):
        return same(left.real, right.real) and same(left.imag, right.imag)
    if isinstance(left, list | tuple):
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, dict):
        return same(list(left.items()), list(right.items()))
    return left == right


@settings(max_examples=200, deadline=None)
@given(VALUES)
def test_builtin_values_come_back_exactly(value):
    """Types, NaN, signed zeros, big integers, order of dicts and lone surrogates survive."""
    assert same(round_trip(value), value)


@settings(max_examples=200, deadline=None)
@given(ARRAYS, st.booleans())
def test_arrays_come_back_exactly_and_own_their_memory(array, by_column):
    """dtype, shape, memory order and every bit survive; the copy can be written to."""
    array = np.array(array, order="F" if by_column else "C")
    back = round_trip(array)

    assert back.dtype == array.dtype.newbyteorder("=")
    assert back.shape == array.shape
    assert back.tobytes() == array.astype(array.dtype.newbyteorder("=")).tobytes()
    assert back.flags.writeable
    assert back.flags.owndata
    assert back.flags.f_contiguous == array.flags.f_contiguous


@pytest.mark.parametrize(
    "value",
    [
        np.float32(1.5),
        np.float64(-0.0),
        np.int8(-3),
        np.bool_(True),
        np.str_("end\0"),
        np.bytes_(b"end\0"),
        np.datetime64("2026-01-01T12", "h"),
        np.timedelta64(3, "D"),
        np.complex64(1 + 2j),
        np.longdouble(1) / 3,
        datetime.datetime(2026, 10, 25, 2, 30, fold=1, tzinfo=zoneinfo.ZoneInfo("Europe/Berlin")),
        datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC),
        decimal.Decimal("1.50"),
        decimal.Decimal("-Infinity"),
        pd.NaT,
        pd.NA,
        pd.Timestamp("2026-10-25 00:30", tz="UTC").tz_convert("Europe/Berlin"),
        pd.Timedelta("1s"),
        pd.Period("2026-01", "M"),
        pd.Interval(0, 1.5, closed="left"),
    ],
)
def test_scalars_of_numpy_pandas_and_time_come_back(value):
    """A scalar keeps its type, its unit and its time zone."""
    back = round_trip(value)

    assert type(back) is type(value)
    assert repr(back) == repr(value)
    assert getattr(back, "dtype", None) == getattr(value, "dtype", None)


@pytest.mark.parametrize(
    "frame",
    [
        STORM,
        STORM[["whole", "nullable"]],
        STORM.set_index("grade"),
        STORM.set_index(["text", "zoned"]),
        pd.DataFrame(),
        pd.DataFrame(index=[3, 4]),
        pd.DataFrame(columns=["a", "b"]),
        pd.DataFrame(np.arange(6.0).reshape(2, 3)),
        pd.DataFrame({"a": [True, False]}),
        pd.DataFrame([[1, "a", 2.5]], columns=["x", "x", "y"]),
        pd.DataFrame([[1, 2]], columns=pd.MultiIndex.from_tuples([("a", 1), ("a", 2)], names=["q", None])),
        pd.DataFrame({1: [1], "b": [0.5], None: [2]}),
        pd.DataFrame({"a": [1, 2]}, index=pd.date_range("2026", periods=2, freq="W", name="week")),
        STORM.groupby("grade", observed=False)[["whole"]].sum(),
    ],
    ids=range(14),
)
def test_frames_come_back_exactly(frame):
    """Column by column, with index, names, duplicated names, categories and missing values."""
    back = round_trip(frame)

    pd.testing.assert_frame_equal(back, frame, check_freq=True)
    assert type(back.index) is type(frame.index)
    assert type(back.columns) is type(frame.columns)


@pytest.mark.parametrize("column", list(STORM))
def test_series_arrays_and_indexes_come_back_exactly(column):
    """Every column type also travels as a series, as an array and as an index."""
    pd.testing.assert_series_equal(round_trip(STORM[column]), STORM[column])
    pd.testing.assert_index_equal(round_trip(pd.Index(STORM[column])), pd.Index(STORM[column]))
    back = round_trip(STORM[column].array)
    pd.testing.assert_series_equal(pd.Series(back, name=column), STORM[column])


def test_text_columns_as_object_arrays_are_plain():
    """pandas 3 gives text as an object array; an array of plain scalars travels, others do not."""
    texts = STORM["text"].to_numpy()
    back = round_trip(texts)

    assert back.dtype == object
    assert back.flags.owndata
    assert same(back.tolist()[:1], ["a"])
    with pytest.raises(NotPlain):
        dumps(np.array([{}, len], dtype=object))


Pair = collections.namedtuple("Pair", "x y")


class Level(enum.IntEnum):
    HIGH = 3


class LyingFloat(float):
    def __eq__(self, other):
        raise RuntimeError("no comparison here")

    __hash__ = float.__hash__

    def __float__(self):
        return 1.0


class LyingDict(dict):
    def items(self):
        return [("a", "forged")]

    def __iter__(self):
        return iter(())


class LyingArray(np.ndarray):
    def __array__(self, *args, **kwargs):
        return np.ones(2)

    def tobytes(self, *args, **kwargs):
        return b"\0" * 16


class LyingFrame(pd.DataFrame):
    @property
    def columns(self):
        return pd.Index(["forged"])

    def __getattribute__(self, name):
        if name in ("items", "dtypes", "index"):
            raise RuntimeError("no reading here")
        return object.__getattribute__(self, name)


@pytest.mark.parametrize(
    ("value", "base"),
    [
        (Level.HIGH, 3),
        (LyingFloat(2.5), 2.5),
        (LyingDict(a=1), {"a": 1}),
        (collections.Counter("aab"), {"a": 2, "b": 1}),
        (Pair(1, 2), (1, 2)),
        (type("Text", (str,), {"__str__": lambda self: "forged"})("true"), "true"),
        ([LyingFloat(2.5)], [2.5]),
    ],
)
def test_a_subclass_travels_as_its_base(value, base):
    """Content is read by the base's own methods; what the subclass overrides never runs."""
    assert same(round_trip(value), base)
    assert same(plain(value), base)


def test_subclasses_of_arrays_and_frames_travel_as_their_base():
    """An array or a frame that forges its content is read past its own methods."""
    array = plain(np.array([2.0, 3.0]).view(LyingArray))
    frame = plain(LyingFrame({"a": [1, 2]}))

    assert type(array) is np.ndarray
    assert array.tolist() == [2.0, 3.0]
    assert type(frame) is pd.DataFrame
    assert frame.to_dict("list") == {"a": [1, 2]}


def test_masked_entries_are_not_plain():
    """A masked array travels only when nothing is masked."""
    assert round_trip(np.ma.array([1, 2])).tolist() == [1, 2]
    with pytest.raises(NotPlain):
        dumps(np.ma.array([1, 2], mask=[True, False]))


def test_what_is_not_plain_is_exported_and_resolved():
    """Functions travel as a description, also deep inside; without `export` they are refused."""
    things: list[object] = []

    def export(thing):
        things.append(thing)
        return {"handle": len(things) - 1}

    data = dumps({"a": [len, np.ones(3)]}, export=export)

    assert loads(data, resolve=lambda description: things[description["handle"]])["a"][0] is len
    with pytest.raises(CodecError):
        loads(data)
    with pytest.raises(NotPlain):
        dumps([len])


def test_plain_keeps_what_is_not_plain():
    """`plain` copies what is plain and hands on the rest."""
    inner = [1, 2]
    value = {"function": len, "numbers": inner}
    copy = plain(value)

    assert copy == value
    assert copy["numbers"] is not inner
    assert copy["function"] is len


def test_a_value_that_contains_itself_is_refused():
    """Endless nesting and an explosion of shared lists end in CodecError, not in a crash."""
    endless: list[object] = []
    endless.append(endless)
    shared: list[object] = []
    for _ in range(40):
        shared = [shared, shared]

    for value in (endless, shared):
        with pytest.raises(CodecError):
            dumps(value)


def test_a_message_of_very_many_lists_is_refused():
    """What `dumps` refuses to make, `loads` refuses to read: a quarter of a million containers."""
    header = json.dumps([["l", *[["l"]] * 250_000], []]).encode()

    with pytest.raises(CodecError, match="lists"):
        loads(struct.pack("<4sI", b"STC1", len(header)) + header)


@pytest.mark.parametrize("storage", ["python", "pyarrow"])
@pytest.mark.parametrize("missing", [pd.NA, np.nan])
@pytest.mark.parametrize(
    "texts", [[], ["a"], [None], [None, "x", "é", "x"] * 9, ["a", "b", "c", None]], ids=len
)
def test_texts_that_come_back_often_are_sent_once(storage, missing, texts):
    """A column of few different texts is short and the same afterwards, in its own kind of storage."""
    column = pd.Series(texts, dtype=pd.StringDtype(storage, na_value=missing))
    long = pd.concat([column] * 100, ignore_index=True)

    for series in (column, long):
        back = loads(dumps(series))

        pd.testing.assert_series_equal(back, series)
        assert back.dtype.storage == storage
    assert len(dumps(long)) < 300 + 4 * len(long)


@pytest.mark.parametrize(
    ("texts", "places"),
    [(["a"], [1]), (["a"], [-2]), ([], [0]), ([1], [0]), (["a" * 2**20], [0] * 100)],
    ids=["beyond", "below -1", "no texts", "a number", "too large"],
)
@pytest.mark.parametrize("storage", ["python", "pyarrow"])
def test_a_forged_text_column_is_refused(storage, texts, places):
    """Places without a text, and a short message that would become hundreds of megabytes."""
    header = json.dumps([["pk", storage, 0, ["l", *texts], ["a", "<i4", [len(places)]]], [4 * len(places)]])
    raw = struct.pack("<4sI", b"STC1", len(header)) + header.encode() + np.array(places, "<i4").tobytes()

    with pytest.raises(CodecError):
        loads(raw)


def loads_or_refuses(data: bytes) -> None:
    with contextlib.suppress(CodecError):
        loads(data)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200), st.booleans())
def test_random_bytes_raise_only_codec_error(data, with_front):
    """No sequence of bytes makes `loads` raise anything else."""
    loads_or_refuses(struct.pack("<4sI", b"STC1", len(data)) + data if with_front else data)


MESSAGES = [
    dumps(value)
    for value in (
        [1, 2.5, "text", {"a": (1, {2})}, b"bytes", 2**70, 1j],
        np.arange(6.0).reshape(2, 3),
        np.array(["ab", "c"]),
        STORM,
        STORM.set_index(["text", "zoned"])["float"],
        [pd.Timestamp("2026", tz="UTC"), pd.Period("2026", "M"), datetime.time(1), decimal.Decimal("1")],
        pd.date_range("2026", periods=3, freq="D"),
    )
]


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(MESSAGES), st.data())
@pytest.mark.filterwarnings("ignore")
def test_damaged_messages_raise_only_codec_error(message, data):
    """Changed, lost and doubled bytes of a true message never raise anything but CodecError."""
    raw = bytearray(message)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(raw) - 1))
        action = data.draw(st.sampled_from(["change", "cut", "digit"]))
        if action == "cut":
            del raw[at : at + data.draw(st.integers(1, 8))]
            raw = raw or bytearray(b"x")
        else:
            raw[at] = data.draw(st.integers(48, 57) if action == "digit" else st.integers(0, 255))
    loads_or_refuses(bytes(raw))


BUILTIN_TAGS = tuple("icsbeDHMmltSFdhaOn")
TAGS = [
    *BUILTIN_TAGS,
    "nU",
    "nS",
    "pB",
    "pD",
    "pS",
    "pR",
    "pM",
    "pI",
    "pO",
    "ps",
    "pc",
    "pz",
    "pm",
    "pp",
    "pi",
    "pt",
    "pd",
    "pP",
    "pV",
    "pA",
]
NODES = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(),
        st.sampled_from(["<f8", "|b1", "<U2", "M", "ns", "UTC"]),
    ),
    lambda inner: st.builds(
        lambda tag, parts: [tag, *parts],
        st.sampled_from(TAGS),
        st.lists(inner, max_size=5),
    ),
    max_leaves=8,
)


@settings(max_examples=400, deadline=None)
@given(NODES, st.lists(st.sampled_from([0, 1, 8, 16]), max_size=3))
@pytest.mark.filterwarnings("ignore")
def test_forged_headers_raise_only_codec_error(node, sizes):
    """A well-formed header with nonsense inside is refused as such."""
    header = json.dumps([node, sizes]).encode()
    loads_or_refuses(struct.pack("<4sI", b"STC1", len(header)) + header + b"\1" * sum(sizes))


def test_a_small_message_cannot_ask_for_much_memory():
    """Lengths that are only written down are bounded."""
    for header in (b'[["pR",null,0,1000000000000,1],[]]', b'[["a","<U0",[1000000000000]],[0]]'):
        with pytest.raises(CodecError):
            loads(struct.pack("<4sI", b"STC1", len(header)) + header)


def test_numpy_and_pandas_are_not_imported_for_builtin_values():
    """A process that sends numbers and texts does not pay for numpy."""
    code = (
        "import sys; from grader.codec import *; loads(dumps([1, {'a': 2.5}])); print('numpy' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "False"


def message(node: object, *buffers: bytes) -> bytes:
    """A message of a node and buffers, as a hostile process would write it."""
    header = json.dumps([node, [len(raw) for raw in buffers]], separators=(",", ":")).encode()
    return struct.pack("<4sI", b"STC1", len(header)) + header + b"".join(buffers)


ROWS = ["pR", None, 0, 2**25, 1]
SAME_HASH = [["i", hex((2**61 - 1) * number)] for number in range(1, 5000)]
TEXTS = ["pk", "pyarrow", 0, ["l", "x" * 1_000_000], ["a", "<i4", [60]]]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (message(["l", *[["pi", "left", ROWS, ROWS]] * 20]), "unfolds"),
        (message(["l", *[["pc", 0, ["a", "<i8", [0]], ROWS]] * 20], *[b""] * 20), "unfolds"),
        (message(["l", *[TEXTS] * 20], *[bytes(240)] * 20), "unfolds"),
        (message(["l", *[["ps", "python", 0, ["l"]]] * 50_000]), "lists and dictionaries"),
        (message(["S", *SAME_HASH]), "alike"),
        (message(["F", *SAME_HASH]), "alike"),
        (message(["d", *(part for key in SAME_HASH for part in (key, 1))]), "alike"),
        (message(["l", *[[]] * 5_000_001]), "too many parts"),
        (message(["l", *[1] * 20_000_001]), "too many parts"),
    ],
    ids=range(9),
)
def test_a_small_message_takes_little_memory_and_time(data, reason):
    """Ranges, repeated texts and brackets do not unfold to gigabytes, equal hashes do not cost hours."""
    with pytest.raises(CodecError, match=reason):
        loads(data)


def test_large_honest_values_still_travel():
    """The limits are far from what an exercise uses."""
    keys = {number: str(number) for number in range(200_000)}
    frame = pd.DataFrame({"a": np.zeros(2_000_000, np.int8), "b": ["x", "y"] * 1_000_000})
    wide = pd.DataFrame({f"c{number}": pd.array([number], "Int64") for number in range(2_000)})

    assert round_trip(keys) == keys
    assert round_trip(set(keys)) == set(keys)
    pd.testing.assert_frame_equal(round_trip(frame), frame)
    pd.testing.assert_frame_equal(round_trip(wide), wide)
