"""Tampering with what crosses: values that are deep, huge or strange, and the functions that the judge lends."""

from __future__ import annotations

from hostile.case import LINK, Case, answer, code

CASES = (
    answer(
        "parts_of_a_partial",
        code("""
        told = []

        def each(function, values):
            for name in ("args", "keywords", "func", "maximum", "mro", "real"):
                try:
                    told.append(getattr(function, name))
                except BaseException as error:
                    told.append(type(error).__name__)
            try:
                told.append(function[0])
            except BaseException as error:
                told.append(type(error).__name__)
            return [function(value) for value in values]
        """),
        "Reads the arguments that the judge has bound to a function that it lends.",
        of="each",
        own={"report": "print(told)\n"},
        loses="",
    ),
    answer(
        "private_names",
        code("""
        def each(function, values):
            for name in ("__globals__", "__code__", "__closure__", "__self__", "__class__", "_peer", "func"):
                try:
                    print(getattr(function, name))
                except BaseException as error:
                    print(type(error).__name__)
            try:
                print(function.__globals__["start"], function.seen)
            except BaseException as error:
                print(type(error).__name__)
            return [0 for value in values]
        """),
        "Reads the globals of a function that the judge has lent.",
        of="each",
    ),
    answer(
        "calls_back_without_end",
        code("""
        def each(function, values):
            while True:
                for value in values:
                    function(value)
        """),
        "Calls the judge's function again and again.",
        of="each",
        told="longer than",
    ),
    answer(
        "calls_back_into_itself",
        code("""
        def each(function, values):
            class Deep:
                def __mul__(self, other): return function(self)
                def __rmul__(self, other): return function(self)
                def __call__(self, *a): return function(self)
            return [function(Deep()) for value in values]
        """),
        "Hands the judge's function an object whose arithmetic calls it again.",
        of="each",
    ),
    answer(
        "changes_what_it_got",
        LINK
        + code("""
        def each(function, values):
            number = request("call")
            say(id=number, value=[], after={0: [1], 1: [2], 2: [3], "values": 4, "self": 5, -1: {"a": 1}})
            return []
        """),
        "Writes arguments back that were never there.",
        of="each",
        may_lose="report",
    ),
    answer(
        "equal_after_the_write",
        code("""
        def each(function, values):
            values.clear()
            return []
        """),
        "Empties the judge's list, so that the right answer would be empty too.",
        of="each",
    ),
    answer(
        "returns_deep",
        "def double(number):\n    deep = []\n    for _ in range(5000):\n        deep = [deep]\n    return deep\n",
        "Returns a list nested five thousand times.",
    ),
    answer(
        "returns_itself",
        "def double(number):\n    own = [number]\n    own.append(own)\n    return {1: own}\n",
        "Returns a list that contains itself.",
    ),
    answer("returns_huge", "def double(number):\n    return 'x' * 270_000_000\n", "Returns 270 MB of text."),
    answer(
        "returns_huge_number",
        "def double(number):\n    return 10 ** 1_000_000\n",
        "Returns a number of a million digits.",
    ),
    answer(
        "returns_decimal_of_no_size",
        "import decimal\n\ntotal = decimal.Decimal('1e999999999')\n",
        "A decimal that would need a gigabyte as a whole number.",
        of="total",
    ),
    answer(
        "returns_surrogates",
        "def double(number):\n    return '\\ud800\\udfff' + chr(0) + '\\U0010ffff'\n",
        "Returns text that no encoding takes.",
    ),
    answer(
        "returns_strange_scalars",
        code("""
        import numpy as np

        def double(number):
            return np.longdouble(number) * 2 if number == 21 else np.array(2 * number).view("V8")[()]
        """),
        "Returns numpy scalars of other kinds.",
        loses="doubles_any",
    ),
    answer(
        "names_that_are_code",
        code("""
        def named(rows): raise ValueError
        named.__name__ = named.__qualname__ = "{0.__class__}%n%s\\x1b[31m" + "A" * 5000

        class Scale:
            def fit(self, rows): return self
            transform = staticmethod(named)
        """),
        "Functions with names full of format fields and escape sequences.",
        of="scale",
    ),
    Case(
        "wide_output",
        "Many small cells that print at once.",
        own={"double": "import os\nos.write(1, b'\\x1b]0;x\\x07' * 30_000)\n"},
    ),
)
