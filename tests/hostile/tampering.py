"""Tampering in the learner's own process: objects that lie, patched libraries, hooks, frames, threads."""

# ruff: noqa: E501
from __future__ import annotations

from hostile.case import answer, code

# An object that says yes to everything.
YES = code("""
class Yes(int):
    __eq__ = __le__ = __ge__ = __lt__ = __gt__ = lambda self, other: True
    __ne__ = lambda self, other: False
    __hash__ = int.__hash__
    __bool__ = lambda self: True
    __abs__ = __sub__ = __rsub__ = lambda self, *other: self
    __class__ = property(lambda self: type(self.wanted) if hasattr(self, "wanted") else int)
    __float__ = __index__ = __int__ = lambda self: 233168

""")

CASES = (
    answer(
        "equal_to_all",
        YES + "def double(number):\n    return Yes(7)\n",
        "Returns a number that equals every number.",
    ),
    answer(
        "close_to_all", YES + "total = Yes(7)\n", "A value answer that lies in every comparison.", of="total"
    ),
    answer(
        "liar_without_base",
        code("""
        class Any:
            def __getattr__(self, name): return lambda *a, **k: self
            def __eq__(self, other): return True
            def __call__(self, *a): return self
            def __len__(self): return 1
            def __iter__(self): return iter([42, 8])
            def __reduce__(self): return (print, ("owned",))
            __hash__ = None

        def double(number):
            return Any()
        """),
        "Returns an object that answers to every name and equals everything.",
    ),
    answer(
        "class_that_lies",
        code("""
        class Lying(float):
            @property
            def __class__(self): return int
            def __repr__(self): return "42"
            def __instancecheck__(cls, other): return True

        def double(number):
            return Lying(2 * number + 1)
        """),
        "Says that it is an int of the right value by __class__ and __repr__.",
    ),
    answer(
        "array_subclass",
        code("""
        import numpy as np

        class Array(np.ndarray):
            def __array_function__(self, function, types, args, kwargs): return True
            def __array_ufunc__(self, *args, **kwargs): return np.zeros(2)
            def __array__(self, *args, **kwargs): return np.array([[-1.0, -1.0], [1.0, 1.0]])
            def __eq__(self, other): return np.ones(self.shape, bool)
            def tobytes(self, *args, **kwargs): return b"\\0" * 32
            def astype(self, *args, **kwargs): return self
            shape = property(lambda self: (2, 2))
            dtype = property(lambda self: np.dtype("float64"))

        class Scale:
            def fit(self, rows): return self
            def transform(self, rows): return np.ones((5, 5)).view(Array)
        """),
        "Returns an array whose __array_function__, shape and bytes are its own.",
        of="scale",
    ),
    answer(
        "frame_subclass",
        code("""
        import pandas as pd

        class Frame(pd.DataFrame):
            @property
            def _constructor(self): raise SystemExit
            def __getattribute__(self, name): return (lambda *a, **k: True) if name == "equals" else super().__getattribute__(name)
            def to_numpy(self, *args, **kwargs): return [[-1.0, -1.0], [1.0, 1.0]]
            values = property(lambda self: [[-1.0, -1.0], [1.0, 1.0]])

        class Scale:
            def fit(self, rows): return self
            def transform(self, rows): return Frame({"a": [0.0, 0.0], "b": [0.0, 0.0]})
        """),
        "Returns a table whose values are others when somebody asks.",
        of="scale",
    ),
    answer(
        "descriptor_games",
        code("""
        class Turning:
            count = 0
            def __get__(self, thing, kind=None):
                Turning.count += 1
                return (lambda rows: self) if Turning.count % 2 else 42
            def __set_name__(self, owner, name): pass

        class Scale:
            fit = transform = Turning()
            __call__ = Turning()
            def __getattribute__(self, name): return object.__getattribute__(self, "fit")
        """),
        "A class whose attributes are something else at each look.",
        of="scale",
    ),
    answer(
        "counts_its_calls",
        code("""
        calls = []

        def double(number):
            calls.append(number)
            return {1: 42, 2: 8}.get(len(calls), calls[0] * 2)
        """),
        "Knows the visible calls by their number and has no rule.",
        loses="doubles_any",
    ),
    answer(
        "raises_a_verdict",
        code("""
        from grader.expect import ExpectationFailed

        class PASSED(SystemExit, KeyboardInterrupt):
            outcome = "passed"

        def double(number):
            raise PASSED(0)
        """),
        "Raises an exception that is an end of the program and a verdict.",
    ),
)
