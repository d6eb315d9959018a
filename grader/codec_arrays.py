"""Numpy's part of the codec: arrays and scalars of plain kinds as a dtype, a shape and raw bytes."""

from __future__ import annotations

import datetime
import decimal
import math
import re
import sys
from types import NoneType
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import numpy as np

MOST_ELEMENTS = 2**25  # of anything whose length is written down rather than sent
FRAME_WEIGHT = 10  # what pandas builds takes as long as so many lists
_PLAIN_KINDS = frozenset("biufcMmUS")
_DTYPE = re.compile(r"[<|][biufcMmUS][0-9]{1,9}(\[[0-9]{0,9}[A-Za-zμ]{1,7}\])?")


class NotPlain(TypeError):
    """The value holds something that only its own process can use, such as a function or an estimator."""


class CodecError(ValueError):
    """The bytes are no message of this codec, or the value is too deep or too large for one."""


class Writer(Protocol):
    """What the writers of parts may ask for."""

    def node(self, value: object, depth: int) -> Any: ...
    def buffer(self, raw: bytes) -> None: ...
    def count(self, elements: int) -> None: ...
    def count_container(self, weight: int = 1) -> None: ...


class Reader(Protocol):
    """What the readers of parts may ask for."""

    def node(self, node: Any, depth: int) -> Any: ...
    def buffer(self) -> memoryview: ...
    def count(self, elements: int) -> None: ...
    def count_container(self, weight: int = 1) -> None: ...
    def count_unsent(self, size_bytes: int) -> None: ...


def write_array(array: np.ndarray, writer: Writer, depth: int) -> list[Any]:
    """The node of an array; its numbers go to a buffer.

    Raises NotPlain for masked entries, records, and objects other than plain scalars.
    """
    import numpy as np

    if type(array) is not np.ndarray:
        array = _without_subclass(array)
    if array.dtype.kind == "O":
        return ["O", list(array.shape), write_objects(array.ravel().tolist(), writer, depth)]
    if array.dtype.kind not in _PLAIN_KINDS:
        raise NotPlain(f"an array of {array.dtype} is not plain")
    dtype = array.dtype.newbyteorder("<")
    if dtype.itemsize == 0:
        dtype = np.dtype(dtype.kind + "1").newbyteorder("<")
    array = array.astype(np.dtype(dtype.str), copy=False)
    by_column = array.flags.f_contiguous and not array.flags.c_contiguous
    writer.buffer(array.tobytes(order="F" if by_column else "C"))
    node: list[Any] = ["a", dtype.str, list(array.shape)]
    if by_column:
        node.append(1)
    return node


def _without_subclass(array: np.ndarray) -> np.ndarray:
    import numpy as np

    if issubclass(type(array), np.ma.MaskedArray):
        mask = np.ma.getmaskarray(array)
        if mask.any():
            raise NotPlain("an array with masked entries is not plain")
    return np.ndarray.view(array, np.ndarray)


def write_scalar(scalar: np.generic, writer: Writer, depth: int) -> list[Any]:
    """The node of a numpy scalar, read past any method that a subclass defines."""
    import numpy as np

    if issubclass(type(scalar), np.str_):
        return ["nU", writer.node(str.__str__(scalar), depth)]
    if issubclass(type(scalar), np.bytes_):
        raw_text: bytes = scalar  # type: ignore[assignment]
        writer.buffer(bytes.__getitem__(raw_text, slice(None)))
        return ["nS"]
    dtype: np.dtype = np.generic.dtype.__get__(scalar)
    if dtype.kind not in _PLAIN_KINDS:
        raise NotPlain(f"a numpy scalar of {dtype} is not plain")
    raw = np.generic.tobytes(scalar)
    if sys.byteorder == "big":
        raw = np.frombuffer(raw, dtype).astype(dtype.newbyteorder("<")).tobytes()
    writer.buffer(raw)
    return ["n", dtype.newbyteorder("<").str]


def write_objects(values: list[Any], writer: Writer, depth: int) -> list[Any]:
    """Nodes of the entries of an object array or column: plain scalars and tuples of them."""
    writer.count(len(values))
    entries = _entry_types()
    if not all(_is_entry(value, entries) for value in values):
        raise NotPlain("an array or a column of objects may hold plain scalars only")
    return [writer.node(value, depth + 1) for value in values]


def _entry_types() -> tuple[type, ...]:
    kinds: list[type] = [NoneType, int, float, complex, str, bytes, decimal.Decimal]
    kinds += [datetime.date, datetime.time, datetime.timedelta]
    numpy, pandas = sys.modules.get("numpy"), sys.modules.get("pandas")
    if numpy is not None:
        kinds.append(numpy.generic)
    if pandas is not None and hasattr(pandas, "NA"):
        kinds += [type(pandas.NA), pandas.Period, pandas.Interval]
    return tuple(kinds)


def _is_entry(value: object, entries: tuple[type, ...]) -> bool:
    if issubclass(type(value), tuple):
        parts: tuple[object, ...] = value  # type: ignore[assignment]
        return all(_is_entry(part, entries) for part in tuple.__iter__(parts))
    return issubclass(type(value), entries)


def read_array(parts: list[Any], reader: Reader, depth: int) -> np.ndarray:
    """An array that owns its memory, from ["a", dtype, shape] or ["a", dtype, shape, 1] (by column)."""
    import numpy as np

    dtype = _dtype(parts[1])
    shape = _shape(parts[2])
    raw = reader.buffer()
    if math.prod(shape) * dtype.itemsize != len(raw):
        raise CodecError("an array's bytes do not fill its shape")
    flat = np.frombuffer(raw, dtype) if len(raw) else np.empty(math.prod(shape), dtype)
    return (
        _sound(flat)
        .reshape(shape, order="F" if len(parts) > 3 else "C")
        .astype(dtype.newbyteorder("="), order="K")
    )


def read_object_array(parts: list[Any], reader: Reader, depth: int) -> np.ndarray:
    """An object array from ["O", shape, nodes]."""
    import numpy as np

    shape = _shape(parts[1])
    nodes = _list(parts[2])
    if math.prod(shape) != len(nodes):
        raise CodecError("an array's entries do not fill its shape")
    array = np.empty(shape, object)
    array.reshape(-1)[:] = read_objects(nodes, reader, depth)
    return array


def read_objects(nodes: list[Any], reader: Reader, depth: int) -> np.ndarray:
    """A flat object array of the values behind `nodes`."""
    import numpy as np

    reader.count(len(nodes))
    array = np.empty(len(nodes), object)
    for position, node in enumerate(nodes):
        array[position] = reader.node(node, depth + 1)
    return array


def read_scalar(parts: list[Any], reader: Reader, depth: int) -> Any:
    """A numpy scalar from ["n", dtype], ["nU", text] or ["nS"]."""
    import numpy as np

    if parts[0] == "nU":
        text = reader.node(parts[1], depth + 1)
        if type(text) is not str:
            raise CodecError("a numpy text without text")
        return np.str_(text)
    if parts[0] == "nS":
        return np.bytes_(bytes(reader.buffer()))
    dtype = _dtype(parts[1])
    raw = reader.buffer()
    if len(raw) != dtype.itemsize or dtype.kind in "US":
        raise CodecError("a numpy scalar of the wrong size")
    return _sound(np.frombuffer(raw, dtype)).astype(dtype.newbyteorder("="))[0]


def _sound(flat: np.ndarray) -> np.ndarray:
    """The array without bit patterns that numpy itself never makes."""
    import numpy as np

    if flat.dtype.kind == "b":
        return flat.view(np.uint8) != 0
    if flat.dtype.kind == "U" and flat.size and flat.view("<u4").max() > 0x10FFFF:
        raise CodecError("text outside of Unicode")
    return flat


def _dtype(name: object) -> np.dtype:
    import numpy as np

    if type(name) is not str or not _DTYPE.fullmatch(name):
        raise CodecError("not a plain dtype")
    dtype = np.dtype(name)
    if dtype.itemsize == 0 or dtype.kind not in _PLAIN_KINDS:
        raise CodecError("not a plain dtype")
    return dtype


def _shape(shape: object) -> tuple[int, ...]:
    sizes = _list(shape)
    if len(sizes) > 32 or any(type(size) is not int or size < 0 for size in sizes):
        raise CodecError("not a shape")
    return tuple(sizes)


def _list(value: object) -> list[Any]:
    if type(value) is not list:
        raise CodecError("a list is missing")
    return value
