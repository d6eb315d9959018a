"""What no check may ever accept, and what no object may do to one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from grader import expect
from grader.expect import ExpectationFailed

SAY: dict[str, Any] = {"what": "f(x)", "why": "it is so", "look_at": "the code"}
SHAPES = hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4)
NUMBERS = st.floats(-1e6, 1e6)
ARRAYS = hnp.arrays(np.float64, SHAPES, elements=NUMBERS)


def rejects(word: Any, *args: Any, **kwargs: Any) -> str:
    text, coarse, other = "", "", ""
    try:
        word(*args, **kwargs, **SAY)
    except ExpectationFailed as failed:
        text, coarse = str(failed), failed.got_coarse
    except BaseException as error:  # caught here, as pytest would show hostile arguments
        other = f"{type(error).__name__} from expect.{word.__name__}"
    args = kwargs = None  # type: ignore[assignment]
    assert not other
    assert text.startswith("f(x): got ")
    assert text.endswith(" because it is so. Look at the code.")
    assert coarse
    return text


@settings(deadline=None)
@given(ARRAYS, st.data())
def test_close_never_accepts_another_shape(array, data):
    """No broadcasting: (n,), (n, 1), a scalar and everything else are different things."""
    shape = data.draw(SHAPES)
    assume(shape != array.shape)

    rejects(expect.close, np.ones(shape), np.ones(array.shape))
    if array.size == 1:
        rejects(expect.close, array[np.newaxis], array)


@settings(deadline=None)
@given(ARRAYS.filter(lambda array: array.size > 0), st.sampled_from([np.nan, np.inf, -np.inf]), st.data())
def test_close_never_accepts_a_number_that_is_not_finite(array, bad, data):
    """NaN is never close; an infinity is close to the same infinity alone."""
    broken = array.copy()
    at = data.draw(st.integers(0, array.size - 1))
    broken.reshape(-1)[at] = bad

    rejects(expect.close, broken, array)
    if np.isinf(bad):
        expect.close(broken, broken, **SAY)
        rejects(expect.close, array, broken)
        rejects(expect.close, -broken, broken)


@settings(deadline=None)
@given(ARRAYS)
def test_close_accepts_every_honest_form(array):
    """Lists, arrays, Series and frames of the same numbers."""
    expect.close(array.tolist(), array, **SAY) if array.shape[1:] == () or array.size else None
    expect.close(np.array(array, order="F"), array, **SAY)
    expect.close(array.astype(np.longdouble), array, **SAY)
    expect.close(array.astype(np.float32), array, tolerance=1e-6, **SAY)
    if array.ndim == 1:
        expect.close(pd.Series(array), array, **SAY)
        expect.close(tuple(array), array, **SAY)
    if array.ndim == 2:
        expect.close(pd.DataFrame(array), array, **SAY)


@settings(deadline=None)
@given(NUMBERS, st.floats(1e-6, 10))
def test_close_rejects_a_gap_above_the_tolerance(number, gap):
    """The bound is tolerance * (1 + abs(expected))."""
    expect.close(number + 0.5 * gap * (1 + abs(number)), number, tolerance=gap, **SAY)
    rejects(expect.close, number + 2 * gap * (1 + abs(number)), number, tolerance=gap)


@settings(deadline=None)
@given(
    st.one_of(
        st.none(),
        st.booleans(),
        st.text(max_size=5),
        st.binary(max_size=5),
        st.dictionaries(st.integers(), st.integers(), max_size=2),
        st.sets(st.integers(), max_size=2),
        st.lists(st.booleans(), min_size=1, max_size=3),
        st.lists(st.text(), min_size=1, max_size=3),
        st.dates(),
        st.timedeltas(),
        st.decimals(),
        st.builds(lambda number: np.array(number, dtype=object), st.integers()),
        st.builds(np.datetime64, st.dates()),
        st.builds(lambda text: np.array([text]), st.text(max_size=3)),
    )
)
def test_close_never_accepts_what_is_no_number(value):
    """bool, text, None, containers, times, decimals and object arrays."""
    for expected in (0, 1, 1.0, np.ones(1), np.zeros((2, 2))):
        rejects(expect.close, value, expected)
        rejects(expect.close, [value], [expected])


class Forger:
    """Says yes to everything."""

    def __eq__(self, other: object) -> bool:
        return True

    def __ne__(self, other: object) -> bool:
        return False

    __hash__ = None  # type: ignore[assignment]
    __lt__ = __le__ = __gt__ = __ge__ = __eq__

    def __float__(self) -> float:
        return 1.0

    def __int__(self) -> int:
        return 1

    def __bool__(self) -> bool:
        return True

    def __array__(self, *args: Any, **kwargs: Any) -> Any:
        return np.ones(2)

    def __array_ufunc__(self, *args: Any, **kwargs: Any) -> Any:
        return np.True_

    def __array_function__(self, *args: Any, **kwargs: Any) -> Any:
        return np.True_

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return self

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self

    def __sub__(self, other: object) -> float:
        return 0.0

    def __abs__(self) -> float:
        return 0.0

    __rsub__ = __sub__
    __class__ = property(lambda self: np.ndarray)


def _forged(base: type) -> type:
    """A subclass of `base` with every lie that the base lets one tell."""
    body = {
        name: lie
        for name, lie in vars(Forger).items()
        if name not in ("__dict__", "__weakref__", "__module__")
    }
    body.pop("__getattr__")
    body.pop("__class__")
    if base is pd.DataFrame or base is pd.Series:
        body.pop("__array__")
    return type("Forged", (base,), body)


FORGERIES: list[Any] = [
    Forger(),
    _forged(float)(7.5),
    _forged(int)(7),
    _forged(str)("seven"),
    _forged(list)([7.5]),
    _forged(tuple)([7.5]),
    _forged(dict)(a=7.5),
    _forged(bytes)(b"seven"),
    np.array([7.5, 8.5]).view(_forged(np.ndarray)),
    _forged(np.float64)(7.5),
    _forged(pd.DataFrame)({"a": [7.5, 8.5]}),
    _forged(pd.Series)([7.5, 8.5]),
    _forged(Exception)("x"),
    Forger,
]


@pytest.mark.parametrize("forgery", FORGERIES, ids=lambda forgery: type(forgery).__mro__[1].__name__)
def test_no_lie_about_equality_is_believed(forgery):
    """Whatever a subclass overrides, it is judged by the content of its base."""
    numbers: list[Any] = [1, 1.0, [1.0], [1.0, 1.0], np.ones(2), np.ones((2, 1))]
    for expected in numbers:
        rejects(expect.close, forgery, expected)
        rejects(expect.close, [forgery], [expected])
    values: list[Any] = [1, "one", [1.0], (1,), {"a": 1}, None, np.ones(2), pd.DataFrame({"a": [1.0, 1.0]})]
    for expected in values:
        rejects(expect.equal, forgery, expected)
        rejects(expect.equal, {"a": [forgery]}, {"a": [expected]})
    rejects(expect.same_frame, forgery, pd.DataFrame({"a": [1.0, 1.0]}))
    rejects(expect.between, forgery, 0, 1)
    rejects(expect.probability_rows, forgery)
    rejects(expect.true, forgery, got="x", expected="y")
    rejects(expect.shape, forgery, (9,))
    rejects(expect.figure, forgery)
    rejects(expect.fitted_only_on, lambda train, held_out: forgery, np.ones((3, 1)), np.ones((3, 1)))


@pytest.mark.parametrize("base", [float, int, str, list, dict])
def test_an_honest_subclass_counts_as_its_base(base):
    """What is right stays right in a subclass."""
    value = type("Own", (base,), {})()

    expect.equal(value, base(), **SAY)


ERRORS = [RuntimeError, SystemExit, KeyboardInterrupt, RecursionError, NotImplementedError, MemoryError]


METHODS = """
    repr str len iter eq ne lt gt hash bool float int index array array_ufunc array_function
    array_interface getitem contains format sizeof reduce reduce_ex instancecheck call abs sub
    rsub bytes complex dir array_struct array_priority copy deepcopy
"""


def _hostile(error: type[BaseException], bases: tuple[type, ...] = (object,)) -> type:
    """A class of which every use raises."""

    def explode(*args: Any, **kwargs: Any) -> Any:
        raise error("hostile")

    body: dict[str, Any] = {f"__{name}__": explode for name in METHODS.split()}
    body["__getattr__"] = explode
    body["__class__"] = property(explode)
    return type("Hostile", bases, body)


@pytest.mark.parametrize("error", ERRORS)
@pytest.mark.parametrize("base", [object, float, str, list, dict, tuple, Exception])
def test_a_hostile_object_ends_in_a_failure(error, base):
    """An object that raises wherever it is touched never gets its exception out of a check."""
    thing = _hostile(error, (base,))()
    for value in (thing, [thing], {"a": thing}, (1, [thing])):
        rejects(expect.close, value, 7)
        rejects(expect.equal, value, 7)
        rejects(expect.shape, value, (3,))
        if base is object:
            rejects(expect.finite, value)
        rejects(expect.same_frame, value, pd.DataFrame({"a": [1]}))
        rejects(expect.true, value, got=value, expected="y")
        rejects(expect.figure, value)
    frame = pd.DataFrame({"a": pd.Series([thing, thing], dtype=object)})
    rejects(expect.same_frame, frame, pd.DataFrame({"a": [1, 2]}))
    rejects(expect.equal, frame, pd.DataFrame({"a": [1, 2]}))
    rejects(expect.close, frame, [[1], [2]])
    if base is object:
        things = np.empty(2, dtype=object)
        things[0] = thing
        rejects(expect.equal, things, np.array([1, None], dtype=object))


def test_endless_and_deep_values_end_in_a_failure():
    """A list that contains itself, and one that is too deep, are no value."""
    endless: list[Any] = []
    endless.append(endless)
    deep: Any = 1
    for _ in range(10_000):
        deep = [deep]
    for value in (endless, deep):
        rejects(expect.close, value, 1)
        rejects(expect.equal, value, [1])
        rejects(expect.equal, value, 1)
        rejects(expect.same_frame, value, pd.DataFrame({"a": [1]}))


TEXTS = st.text(min_size=1, max_size=30).filter(lambda text: text.split() and text.strip(" .\n\t\r"))


@settings(deadline=None)
@given(TEXTS, TEXTS, TEXTS)
def test_every_message_is_one_sentence_and_one_hint(what, why, look_at):
    """One line, four parts, one full stop at the end whatever the author ended with."""
    with pytest.raises(ExpectationFailed) as caught:
        expect.equal(1, 2, what=what, why=why, look_at=look_at)
    text = str(caught.value)

    assert "\n" not in text
    assert text.endswith(".")
    assert not text.endswith("..")
    assert ": got 1, expected 2, because " in text
    assert ". Look at " in text
