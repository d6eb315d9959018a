"""grader/shared.py: code that several tests hold, written once in the source."""

from __future__ import annotations

import pytest
from small_course import unit_of

from grader.errors import SourceError

SOURCE = '''\
# ---
# title: "Shared"
# minutes: 5
# data: []
# needs: []
# runs_on: []
# sources: []
# hints: ["where", "which", "how"]
# ---

# %%
import grader

grader.begin("small")

# %% [markdown]
# A function.

# %% answer="same"
def same(number):
    ### BEGIN SOLUTION
    return number
    ### END SOLUTION

# %% shared="judge"
def judge(number):
    """A backslash stays: \\n, \\1."""
    expect.equal(same(number), number, what="same", why="it is the same", look_at="the return")

# %% test="seen" of="same" points=1
from grader import expect

# shared: judge
for number in (1, 2):
    judge(number)

# %% test="kept" of="same" points=1
from grader import expect

expect.equal(same(3), 3, what="same", why="it is the same", look_at="the return")
### BEGIN HIDDEN TESTS
# shared: judge
for number in (4, 5):
    judge(number)
### END HIDDEN TESTS
'''


def test_shared_code_stands_in_each_test_that_names_it(tmp_path):
    """In the visible or the hidden part, as it was written; the shared cell itself is in no notebook."""
    unit = unit_of(tmp_path, SOURCE)
    seen, kept = unit.tests
    code = SOURCE.split('shared="judge"\n')[1].split("\n\n# %%")[0]

    assert code in seen.visible
    assert code in kept.text
    assert "def judge" not in kept.visible
    assert [part.kind for part in unit.parts] == ["given", "prose", "answer", "test", "test"]
    assert kept.hidden_line == 4


@pytest.mark.parametrize("world", ["judge", "notebook"])
def test_a_check_in_shared_code_is_judged_as_where_it_stands(tmp_path, judged, world):
    """Seen where the visible part names it, kept where the hidden part does."""
    from grader.runner import World

    unit = unit_of(tmp_path, SOURCE)
    report = judged(
        unit,
        {"same": "def same(number):\n    return min(number, 3) if number != 2 else 1\n"},
        world=World(world),
    )

    assert [result.failure.hidden for result in report.results if result.failure] == [False, True]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "# shared: judge",
            "# shared: juge",
            'shares "juge", which no earlier cell holds. Did you mean "judge"?',
        ),
        ("# shared: judge", "", '"judge": is used by no test; write "# shared: judge" in one or drop it'),
        ("def judge(number):", "def judge(number:", '"judge": is not plain Python'),
        (
            "    expect.equal(same(number)",
            "### BEGIN HIDDEN TESTS\n    expect.equal(same(number)",
            "has a hidden part",
        ),
        ('shared="judge"', 'shared="judge" points=1', 'has an unknown attribute "points"'),
        (
            '# %% test="seen"',
            '# %% shared="judge"\nnumber = 1\n\n# %% test="seen"',
            '"judge": is shared twice; rename one',
        ),
    ],
)
def test_what_is_wrong_with_shared_code_is_said(tmp_path, old, new, message):
    """An unknown name, no use, no Python, a hidden part, a stray attribute, one name for two."""
    assert old in SOURCE
    with pytest.raises(SourceError) as caught:
        unit_of(tmp_path, SOURCE.replace(old, new))

    assert message in str(caught.value)
