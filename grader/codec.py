"""Plain values as bytes and back: the only form in which values cross between processes.

A message is a mark, the length of a JSON header, the header, and raw buffers in the order in which the
header's nodes use them. A node is None, a bool, a number or a text as it is, or a list with a tag in front.
Nothing is unpickled, evaluated or imported by a name that stands in the message.
"""

from __future__ import annotations

import json
import struct
import sys
from collections.abc import Callable, Iterable
from types import NoneType
from typing import Any

from grader.codec_arrays import (
    CodecError,
    NotPlain,
    read_array,
    read_object_array,
    read_scalar,
    write_array,
    write_scalar,
)
from grader.codec_frames import find_writer as find_frame_writer
from grader.codec_frames_read import READERS as FRAME_READERS
from grader.codec_scalars import READERS as SCALAR_READERS
from grader.codec_scalars import WRITERS as SCALAR_WRITERS

__all__ = ["CodecError", "NotPlain", "dumps", "loads", "plain"]

MOST_BYTES = 256 * 2**20
MOST_NODES = 5_000_000
MOST_CONTAINERS = 250_000  # each costs a microsecond; lists that share their parts grow without end
MOST_DEPTH = 64
MOST_LISTS = (
    MOST_NODES  # brackets in a header, so that a header takes a few times its own size when it is read
)
MOST_COMMAS = 4 * MOST_NODES
_ALIKE = 100  # so many keys may have one hash; more of them would keep a dictionary busy for hours
_MARK = b"STC1"
_FRONT = struct.Struct("<4sI")
_AS_THEY_ARE = frozenset((NoneType, bool, float))
_TEXT = {str}
_encode = json.JSONEncoder(separators=(",", ":"), check_circular=False).encode


def dumps(value: object, *, export: Callable[[Any], dict[str, Any]] | None = None) -> bytes:
    """The value as bytes.

    export: called with everything that is not plain; returns a small JSON description to send instead.
    Raises NotPlain without `export`, and CodecError if the value is deeper than 64, larger than 256 MB, or of
    more than 250,000 containers.
    """
    writer = _Writer(export)
    node = writer.node(value, 0)
    header = _encode([node, [len(raw) for raw in writer.buffers]]).encode("ascii")
    if len(header) + writer.size_bytes > MOST_BYTES:
        raise CodecError("a value of more than 256 MB")
    return b"".join([_FRONT.pack(_MARK, len(header)), header, *writer.buffers])


def loads(data: bytes, *, resolve: Callable[[dict[str, Any]], Any] | None = None) -> Any:
    """The value behind the bytes; its arrays are writable and own their memory.

    resolve: gives the object back for a description that `export` made.
    Raises CodecError, and nothing else, for bytes that are not a message.
    """
    try:
        return _loads(data, resolve)
    except CodecError:
        raise
    except Exception as error:
        raise CodecError(f"a damaged message ({type(error).__name__})") from None


def plain(value: object) -> Any:
    """The value rebuilt from builtin types only, so that overridden methods have no say; a deep copy.

    What is not plain, also inside of containers, is kept as it is.
    """
    if type(value) in _AS_THEY_ARE or type(value) is int or type(value) is str:
        return value
    kept: list[Any] = []

    def export(thing: object) -> dict[str, Any]:
        kept.append(thing)
        return {"at": len(kept) - 1}

    return loads(dumps(value, export=export), resolve=lambda description: kept[description["at"]])


def _loads(data: bytes, resolve: Callable[[dict[str, Any]], Any] | None) -> Any:
    if len(data) > MOST_BYTES + _FRONT.size:
        raise CodecError("a message of more than 256 MB")
    mark, length = _FRONT.unpack_from(data)
    start = _FRONT.size + length
    if mark != _MARK or start > len(data):
        raise CodecError("not a message")
    raw = bytes(data[_FRONT.size : start])
    if raw.count(b"[") + raw.count(b"{") > MOST_LISTS or raw.count(b",") > MOST_COMMAS:
        raise CodecError("a header of too many parts")
    header = json.loads(raw)
    if type(header) is not list or len(header) != 2 or type(header[1]) is not list:
        raise CodecError("a header without its two parts")
    reader = _Reader(memoryview(data)[start:], header[1], resolve)
    value = reader.node(header[0], 0)
    reader.finish()
    return value


class _Writer:
    def __init__(self, export: Callable[[Any], dict[str, Any]] | None) -> None:
        self.export = export
        self.buffers: list[bytes] = []
        self.size_bytes = 0
        self.nodes = 0
        self.containers = 0

    def buffer(self, raw: bytes) -> None:
        self.size_bytes += len(raw)
        if self.size_bytes > MOST_BYTES:
            raise CodecError("a value of more than 256 MB")
        self.buffers.append(raw)

    def count(self, elements: int) -> None:
        self.nodes += elements
        if self.nodes > MOST_NODES:
            raise CodecError(f"a value of more than {MOST_NODES} parts")

    def node(self, value: Any, depth: int) -> Any:
        kind = type(value)
        if kind in _AS_THEY_ARE:
            return value
        if depth > MOST_DEPTH:
            raise CodecError(f"a value nested deeper than {MOST_DEPTH}, or one that contains itself")
        write = _WRITERS.get(kind) or _find_writer(kind)
        buffers, size_bytes = len(self.buffers), self.size_bytes
        try:
            if write is None:
                raise NotPlain(f"a value of type {type.__dict__['__name__'].__get__(kind)} is not plain")
            return write(value, self, depth)
        except NotPlain:
            if self.export is None:
                raise
            del self.buffers[buffers:]
            self.size_bytes = size_bytes
            self.count_container()
            return ["h", self.export(value)]

    def count_container(self, weight: int = 1) -> None:
        self.containers += weight
        if self.containers > MOST_CONTAINERS:
            raise CodecError(f"a value of more than {MOST_CONTAINERS} lists, dictionaries and objects")

    def many(self, tag: str, values: Iterable[Any], depth: int) -> list[Any]:
        children: list[Any] = list(values)
        self.count(len(children))
        self.count_container()
        kinds = set(map(type, children))
        if kinds <= _AS_THEY_ARE or (kinds == _TEXT and "".join(children).isascii()):
            return [tag, *children]
        depth += 1
        return [tag, *[self.node(child, depth) for child in children]]


def _write_dict(value: dict[Any, Any], writer: _Writer, depth: int) -> Any:
    pairs = list(dict.items(value))
    return writer.many("d", [part for pair in pairs for part in pair], depth)


_Write = Callable[[Any, Any, int], Any]
_BUILTIN_WRITERS: dict[type, _Write] = {
    **SCALAR_WRITERS,
    list: lambda value, writer, depth: writer.many("l", list.__iter__(value), depth),
    tuple: lambda value, writer, depth: writer.many("t", tuple.__iter__(value), depth),
    dict: _write_dict,
    set: lambda value, writer, depth: writer.many("S", set.__iter__(value), depth),
    frozenset: lambda value, writer, depth: writer.many("F", frozenset.__iter__(value), depth),
}
_WRITERS: dict[type, _Write] = dict(_BUILTIN_WRITERS)


def _find_writer(kind: type) -> _Write | None:
    """The writer for a type outside of the builtins; `issubclass` on a real type cannot be overridden."""
    numpy = sys.modules.get("numpy")
    if numpy is not None:
        if issubclass(kind, numpy.ndarray):
            return write_array
        if issubclass(kind, numpy.generic):
            return write_scalar
    frame_writer = find_frame_writer(kind)
    if frame_writer is not None:
        return frame_writer
    for base, write in _BUILTIN_WRITERS.items():
        if issubclass(kind, base):
            return write
    return None


class _Reader:
    def __init__(
        self, rest: memoryview, sizes: list[Any], resolve: Callable[[dict[str, Any]], Any] | None
    ) -> None:
        if any(type(size) is not int or size < 0 for size in sizes) or sum(sizes) != len(rest):
            raise CodecError("buffers that do not fill the message")
        self.rest = rest
        self.sizes = iter(sizes)
        self.resolve = resolve
        self.nodes = 0
        self.containers = 0
        self.unsent = 0

    def buffer(self) -> memoryview:
        size = next(self.sizes, None)
        if size is None:
            raise CodecError("a buffer is missing")
        raw, self.rest = self.rest[:size], self.rest[size:]
        return raw

    def finish(self) -> None:
        if next(self.sizes, None) is not None:
            raise CodecError("a buffer too many")

    def count(self, elements: int) -> None:
        self.nodes += elements
        if self.nodes > MOST_NODES:
            raise CodecError(f"a message of more than {MOST_NODES} parts")

    def count_container(self, weight: int = 1) -> None:
        self.containers += weight
        if self.containers > MOST_CONTAINERS:
            raise CodecError(f"a message of more than {MOST_CONTAINERS} lists and dictionaries")

    def count_unsent(self, size_bytes: int) -> None:
        """Counts what takes memory here without having been sent."""
        self.unsent += size_bytes
        if self.unsent > MOST_BYTES:
            raise CodecError("a message that unfolds to more than 256 MB")

    def node(self, node: Any, depth: int) -> Any:
        if type(node) is not list:
            if type(node) is dict:
                raise CodecError("a node of no known kind")
            return node
        if depth > MOST_DEPTH:
            raise CodecError(f"a value nested deeper than {MOST_DEPTH}")
        read = _READERS.get(node[0])
        if read is None:
            raise CodecError("a node of no known kind")
        return read(node, self, depth)

    def many(self, node: list[Any], depth: int) -> list[Any]:
        self.count(len(node))
        self.count_container()
        depth += 1
        return [self.node(child, depth) if type(child) in (list, dict) else child for child in node[1:]]


def _read_dict(node: list[Any], reader: _Reader, depth: int) -> dict[Any, Any]:
    parts = reader.many(node, depth)
    return dict(zip(_keys(parts[::2]), parts[1::2], strict=True))


def _keys(keys: list[Any]) -> list[Any]:
    """The keys of a dictionary or the entries of a set, if their hashes tell them apart."""
    if len(keys) > _ALIKE and len(set(map(hash, keys))) < len(keys) - _ALIKE:
        raise CodecError("keys that are too much alike")
    return keys


def _read_handle(node: list[Any], reader: _Reader, depth: int) -> Any:
    if reader.resolve is None or type(node[1]) is not dict:
        raise CodecError("a handle where only plain values may be")
    return reader.resolve(node[1])


_READERS: dict[Any, Callable[[list[Any], Any, int], Any]] = {
    **SCALAR_READERS,
    **FRAME_READERS,
    "l": lambda node, reader, depth: reader.many(node, depth),
    "t": lambda node, reader, depth: tuple(reader.many(node, depth)),
    "S": lambda node, reader, depth: set(_keys(reader.many(node, depth))),
    "F": lambda node, reader, depth: frozenset(_keys(reader.many(node, depth))),
    "d": _read_dict,
    "h": _read_handle,
    "a": read_array,
    "O": read_object_array,
    "n": read_scalar,
    "nU": read_scalar,
    "nS": read_scalar,
}
