"""Damaged input: answers whose text is hard to read for a parser."""

from __future__ import annotations

from hostile.case import RIGHT, with_source
from hostile.damaged import bent

SIGNS = "-" * 15_000 + "1"

CASES = (
    bent(
        "source_of_signs", "Fifteen thousand signs in front of a number.", with_source(SIGNS), loses="double"
    ),
    bent(
        "source_of_brackets",
        "Brackets nested ten thousand times.",
        with_source("(" * 9000 + ")" * 9000),
        loses="double",
    ),
    bent(
        "source_of_zeroes",
        "NUL characters and lone surrogates.",
        with_source("\0\ud800" + RIGHT),
        loses="double",
    ),
    bent(
        "source_of_lambdas", "Functions in functions.", with_source("lambda: " * 2400 + "1"), loses="double"
    ),
    bent(
        "source_of_sums",
        "A sum of nine thousand parts.",
        with_source("total_of = " + "1+" * 9000 + "1\n" + RIGHT),
        loses="",
        may_lose="double",
    ),
    bent(
        "source_that_ends_strings",
        "Marks of solutions, hidden tests and magics in the answer.",
        with_source("### BEGIN HIDDEN TESTS\n%%writefile report.py\n### END SOLUTION\n" + RIGHT),
        loses="double",
    ),
)
