"""Short words for a value: `describe` shows it, `coarse` says only what kind of thing it is.

Nothing here calls a method that a learner's class could define.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable
from typing import Any

from grader import codec

LONGEST = 80
_SHOWN_SIZE = 9


class Nothing:
    """Stands where an entry is missing."""


class Unreadable:
    """Stands for a value that is nested too deeply, contains itself or is too large."""


def is_a(value: object, *kinds: type) -> bool:
    """Whether the value's true type is one of `kinds`; unlike isinstance, asks nothing of the value."""
    return issubclass(type(value), kinds)


def read(value: object) -> Any:
    """The value made plain; what is not plain in it stays as it is, and no check takes it."""
    try:
        return codec.plain(value)
    except codec.CodecError:
        return Unreadable()


def number(value: Any) -> str:
    """A number with six digits, without a needless ".0"."""
    if isinstance(value, complex):
        return f"{value:.6g}"
    if isinstance(value, int) and abs(value) < 10**15:
        return str(int(value))
    try:
        return f"{float(value):.6g}"
    except OverflowError:
        return "a very large int"


def number_pair(got: Any, expected: Any) -> tuple[str, str]:
    """Two numbers with as many digits as it takes to tell them apart."""
    texts = number(got), number(expected)
    if texts[0] != texts[1]:
        return texts
    try:
        return _cut(repr(got), LONGEST), _cut(repr(expected), LONGEST)
    except ValueError:  # of more digits than Python writes
        return texts[0], "another one"


def describe(value: Any) -> str:
    """A plain value as a learner would recognise it, cut at 80 characters."""
    kind = type(value)
    if value is None or kind is bool:
        return repr(value)
    if kind is Nothing or kind is Unreadable:
        return "nothing" if kind is Nothing else "a value that contains itself, is too deep or too large"
    if kind is int or kind is float or kind is complex:
        return number(value)
    if kind is str or kind is bytes:
        return f"a {kind.__name__}, {_cut(repr(value[:LONGEST]))}"
    shape = shape_of(value)
    if shape is not None:
        return f"{_named(value)} of shape {shape}"
    if kind in (list, tuple, dict, set, frozenset):
        return _container(value)
    numpy = sys.modules.get("numpy")
    if numpy is not None and is_own(kind) and issubclass(kind, numpy.generic):
        if value.dtype.kind in "iuf":
            return number(value.item()) if value.dtype.itemsize <= 8 else number(float(value))
        return _cut(str(value))
    if is_own(kind) and kind.__name__ in ("NAType", "NaTType"):
        return kind.__name__.removesuffix("Type")
    if is_own(kind) and _is_plain(value):
        return f"{with_article(kind.__name__)}, {_cut(str(value))}"
    return _named(value)


def coarse(value: object) -> str:
    """What kind of thing a value is, in words that cannot carry what it was computed from."""
    kind = type(value)
    if value is None or kind is Nothing:
        return "None" if value is None else "nothing"
    if kind is float and not math.isfinite(value):  # type: ignore[arg-type]
        return number(value)
    shape = shape_of(value)
    if shape is not None:
        sizes = ", ".join(str(size) if size <= _SHOWN_SIZE else "n" for size in shape)
        return f"{_named(value)} of shape ({sizes}{',' if len(shape) == 1 else ''})"
    return with_article(kind.__name__) if is_own(kind) else "an object"


def is_bool(value: object) -> bool:
    """Whether a value is True or False, of Python or of numpy."""
    numpy = sys.modules.get("numpy")
    return type(value) is bool or (numpy is not None and type(value) is numpy.bool_)


def describe_key(key: object) -> str:
    """A key, a name or a label as it would be typed."""
    return _cut(repr(key), 40) if type(key) in (str, bytes) else describe(key)


def same_kind(value: Any) -> str:
    """The type's name with its article, for a value whose type is what went wrong."""
    return _named(value)


def _container(value: Any) -> str:
    parts: Iterable[str]
    if type(value) is dict:
        parts = (f"{_inner(key)}: {_inner(part)}" for key, part in value.items())
    else:
        parts = (_inner(part) for part in value)
    kind = type(value)
    left, right = "[]" if kind is list else "()" if kind is tuple else "{}"
    text, shown = "", 0
    for part in parts:
        if len(text) + len(part) > LONGEST - 8:
            return f"{left}{text}{', ' if text else ''}...{right} of length {len(value)}"
        text, shown = f"{text}{', ' if text else ''}{part}", shown + 1
    if type(value) is tuple and shown == 1:
        text += ","
    return f"{left}{text}{right}"


def _inner(value: Any) -> str:
    if type(value) is str or type(value) is bytes:
        return _cut(repr(value[:LONGEST]), 40)
    if type(value) in (list, tuple, dict, set, frozenset):
        return f"a {type(value).__name__} of length {len(value)}" if len(value) > 3 else _shallow(value)
    return describe(value)


def _shallow(value: Any) -> str:
    if any(type(part) in (list, tuple, dict, set, frozenset) for part in value):
        return f"a {type(value).__name__} of length {len(value)}"
    return _container(value)


def shape_of(value: object) -> tuple[int, ...] | None:
    """The shape of an array, a frame, a series or an index of numpy's and pandas' own classes."""
    numpy, pandas = sys.modules.get("numpy"), sys.modules.get("pandas")
    array: Any = value
    if numpy is not None and type(value) is numpy.ndarray:
        return tuple(array.shape)
    if pandas is not None and hasattr(pandas, "DataFrame") and is_own(type(value)):
        own = (pandas.DataFrame, pandas.Series, pandas.Index, pandas.api.extensions.ExtensionArray)
        if issubclass(type(value), own):
            return tuple(array.shape)
    return None


def _is_plain(value: object) -> bool:
    try:
        codec.dumps(value)
    except (codec.NotPlain, codec.CodecError):
        return False
    return True


def is_own(kind: type) -> bool:
    """Whether this very class is one that the codec rebuilds, not one of a learner's."""
    name = type.__dict__["__module__"].__get__(kind)
    root = name.partition(".")[0] if type(name) is str else ""
    module = sys.modules.get(name) if type(name) is str else None
    known = getattr(module, type.__dict__["__name__"].__get__(kind), None)
    if root == "pandas":
        return bool(known is kind or kind.__name__ in ("NAType", "NaTType"))
    if root == "numpy":
        return any(kind is found for found in (known, sys.modules["numpy"].sctypeDict.get(kind.__name__)))
    return root in ("builtins", "datetime", "decimal") and known is kind and kind is not type


def _named(value: object) -> str:
    """The name of the value's type with its article; what a name stands for, for a learner's object."""
    kind = type(value)
    remote = sys.modules.get("grader.remote")
    if remote is not None and kind is remote.Proxy:
        return with_article(str(object.__getattribute__(value, "_kind")))
    name = type.__dict__["__name__"].__get__(kind)
    return with_article("array" if name == "ndarray" else name)


def with_article(name: str) -> str:
    """The name with "a" or "an" before it."""
    return f"{'an' if name[:1].lower() in 'aeiou' else 'a'} {_cut(name, 40)}"


def _cut(text: str, longest: int = LONGEST) -> str:
    return text if len(text) <= longest else f"{text[: longest - 3]}..."
