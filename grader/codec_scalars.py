"""The codec's part for builtin scalars and time zones; a subclass is read by its base's own methods."""

from __future__ import annotations

import datetime
import decimal
import re
import zoneinfo
from collections.abc import Callable
from typing import Any

from grader.codec_arrays import CodecError, NotPlain, Reader, Writer

_ZONE = re.compile(r"[A-Za-z0-9_+-]{1,40}(/[A-Za-z0-9_+-]{1,40}){0,2}")


def write_zone(zone: object) -> Any:
    """A time zone as None, a name, or an offset in whole microseconds; NotPlain for any other kind."""
    if zone is None:
        return None
    if type(zone) is datetime.timezone:
        return zone.utcoffset(None) // datetime.timedelta(microseconds=1)
    if type(zone) is zoneinfo.ZoneInfo and zone.key is not None and _ZONE.fullmatch(zone.key):
        return zone.key
    raise NotPlain("a time zone of this kind is not plain")


def read_zone(zone: Any) -> datetime.tzinfo | None:
    """The time zone that `write_zone` wrote."""
    if zone is None:
        return None
    if type(zone) is int:
        return datetime.timezone(datetime.timedelta(microseconds=zone))
    if type(zone) is not str or not _ZONE.fullmatch(zone):
        raise CodecError("not a time zone")
    return zoneinfo.ZoneInfo(zone)


def _write_int(value: int, writer: Writer, depth: int) -> Any:
    value = int.__int__(value)
    return value if -(2**63) <= value < 2**64 else ["i", hex(value)]


def _write_float(value: float, writer: Writer, depth: int) -> Any:
    return float.__float__(value)


def _write_complex(value: complex, writer: Writer, depth: int) -> Any:
    real, imag = complex.__dict__["real"], complex.__dict__["imag"]
    return ["c", real.__get__(value), imag.__get__(value)]


def _write_str(value: str, writer: Writer, depth: int) -> Any:
    text = str.__str__(value)
    if text.isascii():
        return text
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:  # surrogates, which JSON would join into one character
        writer.buffer(text.encode("utf-8", "surrogatepass"))
        return ["s"]
    return text


def _write_bytes(value: bytes, writer: Writer, depth: int) -> Any:
    writer.buffer(bytes.__getitem__(value, slice(None)))
    return ["b"]


def _write_decimal(value: decimal.Decimal, writer: Writer, depth: int) -> Any:
    return ["e", decimal.Decimal.__str__(value)]


def _fields(kind: type, value: object, names: str) -> list[Any]:
    return [kind.__dict__[name].__get__(value) for name in names.split()]


def _write_date(value: datetime.date, writer: Writer, depth: int) -> Any:
    return ["D", *_fields(datetime.date, value, "year month day")]


def _write_time(value: datetime.time, writer: Writer, depth: int) -> Any:
    zone = write_zone(datetime.time.__dict__["tzinfo"].__get__(value))
    return ["H", zone, *_fields(datetime.time, value, "hour minute second microsecond fold")]


def _write_datetime(value: datetime.datetime, writer: Writer, depth: int) -> Any:
    zone = write_zone(datetime.datetime.__dict__["tzinfo"].__get__(value))
    day = _fields(datetime.date, value, "year month day")
    return ["M", zone, *day, *_fields(datetime.datetime, value, "hour minute second microsecond fold")]


def _write_timedelta(value: datetime.timedelta, writer: Writer, depth: int) -> Any:
    return ["m", *_fields(datetime.timedelta, value, "days seconds microseconds")]


def _read_int(node: list[Any], reader: Reader, depth: int) -> int:
    return int(node[1], 16)


def _read_complex(node: list[Any], reader: Reader, depth: int) -> complex:
    if type(node[1]) is not float or type(node[2]) is not float:
        raise CodecError("a complex number without its two parts")
    return complex(node[1], node[2])


def _read_decimal(node: list[Any], reader: Reader, depth: int) -> decimal.Decimal:
    if type(node[1]) is not str:
        raise CodecError("a decimal without its digits")
    return decimal.Decimal(node[1])


def _read_time(node: list[Any], reader: Reader, depth: int) -> datetime.time:
    hour, minute, second, microsecond, fold = node[2:]
    return datetime.time(hour, minute, second, microsecond, read_zone(node[1]), fold=fold)


def _read_datetime(node: list[Any], reader: Reader, depth: int) -> datetime.datetime:
    year, month, day, hour, minute, second, microsecond, fold = node[2:]
    zone = read_zone(node[1])
    return datetime.datetime(year, month, day, hour, minute, second, microsecond, zone, fold=fold)


WRITERS: dict[type, Callable[[Any, Any, int], Any]] = {
    int: _write_int,
    float: _write_float,
    str: _write_str,
    complex: _write_complex,
    bytes: _write_bytes,
    datetime.datetime: _write_datetime,  # before date, which it derives from
    datetime.date: _write_date,
    datetime.time: _write_time,
    datetime.timedelta: _write_timedelta,
    decimal.Decimal: _write_decimal,
}
READERS: dict[Any, Callable[[list[Any], Any, int], Any]] = {
    "i": _read_int,
    "c": _read_complex,
    "s": lambda node, reader, depth: str(reader.buffer(), "utf-8", "surrogatepass"),
    "b": lambda node, reader, depth: bytes(reader.buffer()),
    "e": _read_decimal,
    "D": lambda node, reader, depth: datetime.date(*node[1:]),
    "H": _read_time,
    "M": _read_datetime,
    "m": lambda node, reader, depth: datetime.timedelta(*node[1:]),
}
