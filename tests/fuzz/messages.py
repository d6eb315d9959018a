"""Mutated messages of the codec: what a learner's process may send instead of a value.

`mutated(seed, index, samples)` gives message number `index` of a seed; the same numbers give the same bytes.
"""

from __future__ import annotations

import datetime
import decimal
import json
import random
import struct
import zoneinfo
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from fuzz.junk import deep, junk, places
from grader import codec

FRONT = struct.Struct("<4sI")
_TAGS = (
    "l t S F d h a O n nU nS i c s b e D H M m pB pD pS pR pM pI pO ps pk pc pz pm pp pi pt pd pP pV pA pN"
)
_DTYPES = "<f8 <f2 <i8 <u1 |b1 <M8[ns] <M8[D] <m8[us] <U3 |S4 <U0 <U999999999 <c16 |O |V8 <M8 <M8[999999999Y]"
_NAMES = "UTC Europe/Berlin posixrules D -1D 0D W-SUN 999999999999D QE-DEC ns us Int64 boolean pyarrow python both left"
TAGS = tuple(_TAGS.split())
DTYPES = tuple(_DTYPES.split())
WORDS = (*_NAMES.split(), "neither", "category", "1e999999", "NaN", "sNaN", "0x1", "f" * 5000)
SIZES = (0, 1, 2, 3, -1, 2**24, 2**25, 2**31, 2**62, 10**30, True, 1.0)


def samples() -> list[bytes]:
    """Honest messages of every kind of value."""
    days = pd.date_range("2026-03-28", periods=3, tz="Europe/Berlin")
    frame = pd.DataFrame(
        {
            "whole": [1, 2, 3],
            "text": ["a", None, "c"],
            "often": ["a", "a", "a"],
            "grade": pd.Categorical(["u", "v", None], categories=["v", "u"], ordered=True),
            "zoned": days,
            "nullable": pd.array([1, None, 2**62], dtype="Int64"),
            "yes": pd.array([True, None, False], dtype="boolean"),
            "real": pd.array([1.5, None, -0.0], dtype="Float64"),
            "string": pd.array(["a", None, "b"], dtype="string"),
            "mixed": pd.Series([None, "a", 1.5], dtype=object),
            "bins": pd.cut([1, 2, 3], 2),
            "month": pd.period_range("2026", periods=3, freq="M"),
            "wait": pd.to_timedelta([1, 2, None], unit="s"),
        }
    )
    berlin = zoneinfo.ZoneInfo("Europe/Berlin")
    values: list[Any] = [
        [1, 2.5, "a", None, True, (1, 2), {3}, frozenset((4,)), {"a": [1], 2: (3,)}, 2**70, 1j, b"bytes"],
        ["\ud800", "Zürich", decimal.Decimal("1.50"), datetime.date(2026, 1, 1), datetime.timedelta(1, 2, 3)],
        [
            datetime.datetime(2026, 10, 25, 2, 30, fold=1, tzinfo=berlin),
            datetime.time(1, 2, tzinfo=datetime.UTC),
        ],
        np.arange(6.0).reshape(2, 3),
        np.asfortranarray(np.arange(6).reshape(2, 3)),
        [np.array(["a", "bc"]), np.array([b"a"]), np.array([True]), np.array(["2026-01-01"], "M8[D]")],
        np.array([1, "a", None, (2, 3)], dtype=object),
        [
            np.float32(1.5),
            np.str_("a"),
            np.bytes_(b"a"),
            np.datetime64("2026", "Y"),
            np.bool_(True),
            np.int8(3),
        ],
        frame,
        pd.DataFrame(np.arange(6.0).reshape(2, 3)),
        frame.set_index(["whole", "text"])[["often"]],
        frame["grade"],
        frame["zoned"],
        pd.Series([1.0, 2.0], index=pd.date_range("2026", periods=2, freq="W", name="week")),
        [pd.NaT, pd.NA, pd.Timestamp("2026", tz="UTC"), pd.Timedelta("1s"), pd.Period("2026-01", "M")],
        [pd.Interval(0, 1.5, closed="left"), pd.RangeIndex(5, name="n"), pd.Index(["a", "b"])],
        {"id": 2**47, "value": {"error": None, "seconds": 0.25, "output": "text"}},
        {"id": 7, "value": [True, len], "after": {0: [1, 2, 3], "key": np.ones(3)}},
        {
            "id": 7,
            "error": {"types": ["builtins.ValueError"], "message": "m", "cell": "c", "line": 3, "code": "x"},
        },
        {"verb": "call", "id": 7, "target": len, "args": [1, frame["whole"]], "kwargs": {"key": [1]}},
    ]
    return [
        codec.dumps(value, export=lambda thing: {"mine": 1, "kind": "function", "label": "f"})
        for value in values
    ]


def mutated(seed: int, index: int, samples: Sequence[bytes]) -> bytes:
    """Message number `index` of this seed."""
    random_ = random.Random(f"{seed} {index}")
    data = random_.choice(samples)
    for _ in range(random_.choice((1, 1, 1, 2))):
        data = mutate(random_, data, samples)
    return data


def mutate(random_: random.Random, data: bytes, samples: Sequence[bytes]) -> bytes:
    """The message with one change: of its bytes, or, more often, of a part that keeps the rest in order."""
    kind = random_.random()
    if kind < 0.1 or len(data) < FRONT.size:
        return change_bytes(random_, data)
    try:
        header, buffers = taken_apart(data)
    except (ValueError, RecursionError, struct.error, IndexError, TypeError):
        return change_bytes(random_, data)
    if kind < 0.3 and buffers:
        at = random_.randrange(len(buffers))
        buffers[at] = change_bytes(random_, buffers[at])
        return put_together(header, buffers)
    if kind < 0.4:
        try:
            other, more = taken_apart(random_.choice(samples))
            _put(random_, header, other)
            return put_together(header, buffers + more)
        except (ValueError, RecursionError):
            return data
    holder = [header]
    for _ in range(random_.choice((1, 1, 1, 3))):
        _change_node(random_, holder)
    return put_together(holder[0], buffers, honest=random_.random() < 0.97)


def change_bytes(random_: random.Random, data: bytes) -> bytes:
    """Bits turned, bytes cut off, put in or written over."""
    changed = bytearray(data)
    kind = random_.randrange(5)
    at = random_.randrange(len(data) + 1)
    if kind == 0 and changed:
        for _ in range(random_.choice((1, 1, 2, 20))):
            changed[random_.randrange(len(changed))] ^= 1 << random_.randrange(8)
    elif kind == 1:
        del changed[at:]
    elif kind == 2:
        changed[at:at] = random_.randbytes(random_.choice((1, 8, 300)))
    elif kind == 3:
        changed[at : at + random_.choice((1, 4, 8))] = random_.choice((b"\xff" * 4, b"\0" * 8, b"\x7f", b""))
    else:
        changed += data
    return bytes(changed)


def taken_apart(data: bytes) -> tuple[Any, list[bytes]]:
    """The node of a message and its buffers. Raises ValueError where it is none."""
    _, length = FRONT.unpack_from(data)
    node, sizes = json.loads(data[FRONT.size : FRONT.size + length])
    buffers, at = [], FRONT.size + length
    for size in sizes:
        buffers.append(data[at : at + size])
        at += size
    return node, buffers


def put_together(node: Any, buffers: Sequence[bytes], *, honest: bool = True) -> bytes:
    """A message of these parts. honest: the lengths of its buffers are the true ones."""
    sizes = [len(raw) + (0 if honest else 1) for raw in buffers]
    header = json.dumps([node, sizes], separators=(",", ":")).encode("ascii")
    return b"".join([FRONT.pack(b"STC1", len(header)), header, *buffers])


def _put(random_: random.Random, node: Any, part: Any) -> None:
    found = places(node) if isinstance(node, (dict, list)) else []
    if found:
        holder, key = random_.choice(found)
        holder[key] = part


def _change_node(random_: random.Random, holder: list[Any]) -> None:
    """One change somewhere in a tree of nodes: a tag, a size, a dtype, a name, a part that moves or doubles."""
    container, key = random_.choice(places(holder))
    value = container[key]
    if random_.random() < 0.5:
        container[key] = _like(random_, value)
        return
    kind = random_.randrange(7)
    if kind == 0:
        container[key] = random_.choice((*TAGS, *SIZES, *DTYPES, *WORDS))
    elif kind == 1:
        container[key] = junk(random_)
    elif kind == 2 and container is not holder:
        del container[key]
    elif kind == 3 and isinstance(container, list):
        container.insert(key, json.loads(json.dumps(value)))
    elif kind == 4:
        other, place = random_.choice(places(holder))
        container[key] = json.loads(json.dumps(other[place]))
    elif isinstance(value, (list, dict)):
        container[key] = [random_.choice(("l", "t")), value] if random_.random() < 0.9 else deep(100)


def _like(random_: random.Random, value: Any) -> Any:
    """Another value of the same type."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return random_.choice((value + 1, value - 1, -value, value * 1000, *SIZES))
    if isinstance(value, float):
        return random_.choice((value * 3, -value, float("nan"), float("inf"), 5e-324))
    if isinstance(value, str) and value in TAGS:
        return random_.choice(TAGS)
    if isinstance(value, str):
        return random_.choice((*DTYPES, *WORDS, value + "x", value[1:], value * 2))
    if isinstance(value, list):
        value = list(value)
        random_.shuffle(value)
        return value if random_.random() < 0.5 else sorted(value, key=str)
    return value
