"""Secrets: the inputs of hidden tests and their seed, which a submission sees or guesses and must not get told back."""

from __future__ import annotations

from hostile.case import LINK, RIGHT, answer, code
from hostile.units import SEED


def no_seed(report) -> None:
    assert str(SEED) not in repr(report.cell_output)


CASES = (
    answer(
        "seed_in_the_environment",
        code("""
        import os
        import numpy as np

        seed = os.environ.get("SEATRIAL_SEED")
        print("seed", seed)
        """)
        + RIGHT,
        "Reads the seed of the hidden data from its environment.",
        loses="",
        then=no_seed,
    ),
    answer(
        "prints_the_hidden_input",
        "def double(number):\n    print('asked for', number, 2 * number)\n    return 2 * number\n",
        "Prints what the hidden test gives it, to read it in the output.",
        loses="",
    ),
    answer(
        "keeps_the_hidden_input",
        code("""
        asked = []

        def double(number):
            asked.append(number)
            return 2 * number
        """),
        "Keeps what the hidden test gives it, and prints it in a later cell.",
        loses="",
        own={"total": "print('\\n'.join(str(n) for n in asked))\n"},
        knows_input=True,
    ),
    answer(
        "input_as_exception_class",
        code("""
        def double(number):
            if number > 100:
                raise type(str(number), (Exception,), {"__module__": "builtins"})(number)
            return 2 * number
        """),
        "Raises an exception whose class is named after the hidden input.",
        loses="doubles_any",
    ),
    answer(
        "input_as_line_of_code",
        code("""
        import linecache

        def double(number):
            if number > 100:
                text = f"raise ValueError() # {number}"
                linecache.cache["<double>"] = (1, None, [text], "<double>")
                exec(compile(text, "<double>", "exec"))
            return 2 * number
        """),
        "Raises from a line of code that holds the hidden input.",
        loses="doubles_any",
    ),
    answer(
        "input_as_cell_name",
        code("""
        import linecache

        def double(number):
            if number > 100:
                linecache.cache[f"<{number}>"] = (1, None, ["raise ValueError()"], f"<{number}>")
                exec(compile("\\n" * (number % 1000) + "raise ValueError()", f"<{number}>", "exec"))
            return 2 * number
        """),
        "Raises from a cell that is named after the hidden input.",
        loses="doubles_any",
    ),
    answer(
        "input_as_wrong_value",
        "def double(number):\n    return 2 * number if number < 100 else {str(number): [number]}\n",
        "Returns the hidden input, so that the message shows it.",
        loses="doubles_any",
    ),
    answer(
        "input_as_forged_error",
        LINK
        + code("""
        def double(number):
            if number > 100:
                where = {"cell": str(number), "line": number, "code": str(number), "message": str(number)}
                say(id=request("call"), error={"types": [f"builtins.{number}", f"x.{number}"], **where})
            return 2 * number
        """),
        "Forges the report of an exception that is made of the hidden input.",
        loses="doubles_any",
        may_lose="total scale each report",
    ),
)
