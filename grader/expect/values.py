"""Checks of single values: numbers, plain values, shapes, conditions, exceptions, arguments left alone."""

from __future__ import annotations

import cmath
import math
import types
from collections.abc import Callable
from typing import Any

from grader import codec
from grader.expect import describe
from grader.expect.failure import Check, ExpectationFailed, begin


def close(
    got: object, expected: object, *, tolerance: float = 1e-9, what: str, why: str, look_at: str
) -> None:
    """Numbers, or arrays of numbers of the very same shape, with gaps of at most tolerance * (1 + abs(expected)).

    Lists, tuples, Series and frames count as arrays. bool, text, NaN and missing values are never close.
    """
    check = begin("close", what, why, look_at)
    compare_numbers(check, got, expected, tolerance)


def compare_numbers(check: Check, got: object, expected: object, tolerance: float) -> None:
    """Fail `check` unless `got` is close to `expected`."""
    import numpy as np

    from grader.expect.numbers import NotNumbers, first_gap, read_numbers

    bound = positive(check.word, "tolerance", tolerance)
    try:
        wanted = read_numbers(expected)
    except NotNumbers as error:
        raise TypeError(f"expect.{check.word}: expected is numbers, not {error.shown}.") from None
    if np.isnan(wanted).any():
        raise ValueError(f"expect.{check.word}: expected holds nan, which nothing is close to.")
    goal = _goal(wanted)
    try:
        given = read_numbers(got)
    except NotNumbers as error:
        check.fail(error.shown, goal, error.coarse)
    if given.shape != wanted.shape:
        shown = f"shape {given.shape}" if given.shape else describe.number(given[()].item())
        kind = describe.coarse(given) if given.shape else "a single number"
        check.fail(shown, f"shape {wanted.shape}" if wanted.shape else goal, kind)
    if np.iscomplexobj(given) and not np.iscomplexobj(wanted):
        check.fail("complex numbers", goal, "complex numbers")
    at = first_gap(given, wanted, bound)
    if at is None:
        return
    left, right = describe.number_pair(given[at].item(), wanted[at].item())
    place = f" at index {at}" if at else ""
    check.fail(f"{left}{place}", right, off_by(given[at].item(), wanted[at].item()))


def off_by(value: complex, wanted: complex) -> str:
    """A number that is off, told by its kind and by how far, in two steps that carry no input."""
    kind = describe.coarse(value)
    if not (cmath.isfinite(value) and cmath.isfinite(wanted)):
        return kind
    share = abs(value - wanted) / abs(wanted) if wanted else 1.0
    return f"{kind} that is off by {'less than 1 %' if share < 0.01 else 'more than 1 %'}"


def _goal(wanted: Any) -> str:
    if wanted.shape:
        return f"numbers of shape {wanted.shape}"
    return describe.number(wanted[()].item())


def positive(word: str, name: str, value: object) -> float:
    """The author's number, if it is finite and not below 0."""
    if type(value) is bool or not isinstance(value, int | float) or not 0 <= value < math.inf:
        raise ValueError(f"expect.{word}: {name} is a finite number of at least 0.")
    return float(value)


def equal(got: object, expected: object, *, what: str, why: str, look_at: str) -> None:
    """Plain values, exactly. 1 is not True, a list equals a tuple, NaN at the same place is equal."""
    check = begin("equal", what, why, look_at)
    compare_exactly(check, describe.read(got), describe.read(expected))


def compare_exactly(check: Check, got: Any, expected: Any) -> None:
    """Fail `check` at the first place where two plain values differ."""
    from grader.expect.sameness import first_difference

    found = first_difference(got, expected)
    if found is not None:
        place, left, right = found
        where = f" at {place}" if place else ""
        shown, wanted = describe.describe(left), describe.describe(right)
        if shown == wanted and describe.coarse(left) != describe.coarse(right):
            shown, wanted = f"{describe.coarse(left)}, {shown}", f"{describe.coarse(right)}, {wanted}"
        check.fail(f"{shown}{where}", wanted, describe.coarse(left))


def shape(got: object, shape: tuple[int | None, ...], *, what: str, why: str, look_at: str) -> None:
    """An array, frame, Series or index of this shape; None in `shape` stands for any length."""
    check = begin("shape", what, why, look_at)
    if type(shape) is not tuple or any(size is not None and type(size) is not int for size in shape):
        raise TypeError("expect.shape: shape is a tuple of ints, with None for any length.")
    given = describe.read(got)
    found = describe.shape_of(given)
    goal = "shape " + str(shape).replace("None", "any")
    if found is None:
        check.fail(describe.describe(given), f"an array of {goal}", describe.coarse(given))
    if len(found) != len(shape) or any(
        want not in (None, size) for size, want in zip(found, shape, strict=True)
    ):
        check.fail(f"shape {found}", goal, describe.coarse(given))


def _numbers_or_fail(check: Check, got: object, goal: str) -> Any:
    import numpy as np

    from grader.expect.numbers import NotNumbers, read_numbers

    try:
        given = read_numbers(got)
    except NotNumbers as error:
        check.fail(error.shown, goal, error.coarse)
    if np.iscomplexobj(given):
        check.fail("complex numbers", goal, "complex numbers")
    for at in np.argwhere(~np.isfinite(given)):
        _fail_at(check, given, tuple(int(part) for part in at), goal)
    return given


def _fail_at(check: Check, given: Any, at: tuple[int, ...], goal: str) -> None:
    value = given[at].item()
    check.fail(f"{describe.number(value)}{f' at index {at}' if at else ''}", goal, describe.coarse(value))


def finite(got: object, *, what: str, why: str, look_at: str) -> None:
    """A number, or an array of numbers, without NaN and infinity; at least one."""
    check = begin("finite", what, why, look_at)
    if not _numbers_or_fail(check, got, "finite numbers").size:
        check.fail("no numbers", "finite numbers", "no numbers")


def between(got: object, low: float, high: float, *, what: str, why: str, look_at: str) -> None:
    """A number, or an array of at least one, each from `low` to `high`, both included."""
    import numpy as np

    check = begin("between", what, why, look_at)
    for name, value in (("low", low), ("high", high)):
        if type(value) is bool or not isinstance(value, int | float | np.number) or np.isnan(value):
            raise TypeError(f"expect.between: {name} is a number.")
    goal = f"a number from {describe.number(low)} to {describe.number(high)}"
    given = _numbers_or_fail(check, got, goal)
    if not given.size:
        check.fail("no numbers", goal, "no numbers")
    for at in np.argwhere((given < float(low)) | (given > float(high))):
        _fail_at(check, given, tuple(int(part) for part in at), goal)


def probability_rows(got: object, *, what: str, why: str, look_at: str) -> None:
    """A table of probabilities: two dimensions, each entry from 0 to 1, each row with sum 1 (to 1e-6)."""
    import numpy as np

    check = begin("probability_rows", what, why, look_at)
    goal = "rows of probabilities, each with sum 1"
    given = _numbers_or_fail(check, got, goal)
    if given.ndim != 2 or not given.size:
        check.fail(f"shape {given.shape}", f"two dimensions, {goal}", describe.coarse(given))
    for at in np.argwhere((given < -1e-9) | (given > 1 + 1e-9)):
        _fail_at(check, given, tuple(int(part) for part in at), "a probability from 0 to 1")
    sums = given.sum(axis=1)
    for row in np.flatnonzero(np.abs(sums - 1) > 1e-6):
        check.fail(f"a sum of {describe.number(sums[row].item())} in row {row}", goal, "another sum in a row")


def true(condition: object, *, got: object, expected: str, what: str, why: str, look_at: str) -> None:
    """A condition that is True itself; `got` is a text or the value to show, `expected` a text."""
    check = begin("true", what, why, look_at)
    if type(expected) is not str or not expected.strip():
        raise TypeError("expect.true: expected is a text in plain words.")
    plain_condition = describe.read(condition)
    shown = got if type(got) is str else describe.describe(describe.read(got))
    if not describe.is_bool(plain_condition):
        kind = describe.same_kind(plain_condition)
        check.fail(
            f"{kind}, which is neither True nor False", expected.rstrip(" ."), "no plain True or False"
        )
    if not plain_condition:
        check.fail(shown.rstrip(" ."), expected.rstrip(" ."))


def raises(
    error: type[BaseException] | tuple[type[BaseException], ...],
    function: Callable[..., object],
    *args: object,
    what: str,
    why: str,
    look_at: str,
) -> None:
    """`function(*args)` raises `error`. An answer that is not written yet does not count as an error."""
    check = begin("raises", what, why, look_at)
    errors = error if isinstance(error, tuple) else (error,)
    if not errors or not all(isinstance(kind, type) and issubclass(kind, BaseException) for kind in errors):
        raise TypeError("expect.raises: error is an exception class or a tuple of them.")
    goal = " or ".join(kind.__name__ for kind in errors)
    try:
        value = describe.read(function(*args))
    except (Exception, SystemExit) as raised:
        if _is_one_of(raised, errors):
            return
        if issubclass(type(raised), NotImplementedError | ExpectationFailed):
            raise
        name = type.__dict__["__name__"].__get__(type(raised))
        check.fail(f"{describe.with_article(name)}", describe.with_article(goal), "another exception")
    check.fail(f"no exception but {describe.describe(value)}", describe.with_article(goal), "no exception")


def _is_one_of(raised: BaseException, errors: tuple[type[BaseException], ...]) -> bool:
    """Whether an exception, or one of a learner's process by the names of its classes, is as expected."""
    if issubclass(type(raised), NotImplementedError) and NotImplementedError not in errors:
        return False  # what a stub raises is a RuntimeError too
    if issubclass(type(raised), errors):
        return True
    remote_names = getattr(raised, "type_names", ()) if _from_remote(raised) else ()
    return any(f"{kind.__module__}.{kind.__qualname__}" in remote_names for kind in errors)


def _from_remote(raised: BaseException) -> bool:
    return any(kind.__module__ == "grader.learner_error" for kind in type(raised).__mro__)


class unchanged:
    """Context in which plain values stay as they are: `with expect.unchanged(rows, what=...): clean(rows)`."""

    def __init__(self, *values: object, what: str, why: str, look_at: str) -> None:
        self._check = begin("unchanged", what, why, look_at)
        if not values:
            raise TypeError("expect.unchanged: give the values that stay as they are.")
        self._values = values
        try:
            self._before = [codec.dumps(value, export=_identity) for value in values]
        except codec.CodecError as error:
            raise TypeError(f"expect.unchanged: {error}.") from None

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: types.TracebackType | None
    ) -> None:
        if kind is not None:
            return
        for value, before in zip(self._values, self._before, strict=True):
            try:
                after = codec.dumps(value, export=_identity)
            except codec.CodecError:
                self._check.fail("an argument that was changed", "an argument as it was before the call")
            if after != before:
                self._fail(describe.read(value), codec.loads(before, resolve=lambda found: found))

    def _fail(self, now: Any, before: Any) -> None:
        from grader.expect.sameness import first_difference

        goal = "an argument as it was before the call"
        found = first_difference(now, before)
        if found is None:
            self._check.fail("an argument whose type or order was changed", goal, "a changed argument")
        place, left, right = found
        where = f" at {place}" if place else ""
        shown, old = describe.describe(left), describe.describe(right)
        text = f"an argument with {shown}{where} where {old} was"
        self._check.fail(text, goal, "a changed argument")


def _identity(thing: object) -> dict[str, Any]:
    return {"id": id(thing)}
