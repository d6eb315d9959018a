"""grader/edits.py: answers written as edits of the reference."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_course import unit_of
from small_unit import THREE_ANSWERS

from grader.edits import EditError, as_edits, edited
from grader.errors import SourceError

REFERENCE = """\
def known(moments, moment):
    found = []
    for other in moments:
        if other < moment:
            found.append(other)
    return found"""
CLOSED = """\
# Closed instead of open: what happens at the very moment counts.
# -         if other < moment:
# +         if other <= moment:"""


def test_lines_go_and_come():
    """The opening comment stays in front, the rest is the reference."""
    whole = edited(REFERENCE, CLOSED)

    assert whole.split("\n")[0] == "# Closed instead of open: what happens at the very moment counts."
    assert whole.split("\n", 1)[1] == REFERENCE.replace("<", "<=")


def test_groups_are_found_in_the_reference_as_it_is():
    """Whatever the group before did; `=` says where, an empty line is an edit like any other."""
    first = "# -     found = []\n# +     found = set()\n# +"
    text = f"{first}\n#\n# =             found.append(other)\n# +     # sorted\n# -     return found"
    whole = edited(REFERENCE, text)

    assert whole == REFERENCE.replace("[]", "set()\n").replace("    return found", "    # sorted")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("# Nothing.", "holds no edit"),
        ("# + x = 1", 'adds "x = 1" nowhere'),
        ("# -     return lost", 'edits "return lost", which stands never'),
        ("# - return found", "which stands never"),
        ("# -     return found\nreturn 1", 'holds "return 1", which is no edit'),
    ],
)
def test_an_edit_that_cannot_be_made_says_why(text, message):
    """No edit, no place, a line that is not there, other indentation, a line of code."""
    with pytest.raises(EditError, match=message):
        edited(REFERENCE, text)


def test_a_line_that_stands_twice_is_no_place():
    """The author adds what stays beside it."""
    twice = "a\nx\nb\nx"

    with pytest.raises(EditError, match='edits "x", which stands 2 times'):
        edited(twice, "# - x\n# + y")
    assert edited(twice, "# = b\n# - x\n# + y") == "a\nx\nb\ny"


LINES = st.lists(st.sampled_from(["a", "b", "", "    c", "# d", "+ e", "x = 1"]), min_size=1, max_size=12)


@given(LINES, LINES)
def test_what_is_written_as_edits_reads_back(old, new):
    """Or cannot be written so, where every line goes or a place stands twice."""
    reference, answer = "\n".join(["first", *old, "last"]), "\n".join(["first", *new, "last"])
    if reference == answer:
        return

    assert edited(reference, as_edits(reference, f"# Why.\n{answer}")) == f"# Why.\n{answer}"


CELL = """
# %% wrong="adds" of="double" caught_by="doubles"{more}
# Adds two instead of doubling it.
# -     return 2 * number
# +     return 2 + number
"""


def test_a_source_holds_them(tmp_path):
    """The unit has the whole answer; a wrong edit is a problem of its cell."""
    unit = unit_of(tmp_path, THREE_ANSWERS + CELL.format(more=' edits="reference"'))
    (wrong,) = unit.wrong

    assert wrong.misconception == "Adds two instead of doubling it."
    assert wrong.text.endswith("    return 2 + number")
    assert "def double(number):" in wrong.text
    with pytest.raises(SourceError, match=r'edits=.solution. is not known; write edits="reference"'):
        unit_of(tmp_path, THREE_ANSWERS + CELL.format(more=' edits="solution"'))
    with pytest.raises(SourceError, match=r'edits "return 3 . number", which stands never'):
        text = CELL.format(more=' edits="reference"').replace("return 2 * number", "return 3 * number")
        unit_of(tmp_path, THREE_ANSWERS + text)
