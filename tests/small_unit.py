"""A unit of three answers, for what a run does with a learner's code."""

from pathlib import Path

from small_course import unit_of

from grader.model import Unit

THREE_ANSWERS = '''\
# ---
# title: "Three answers"
# minutes: 5
# data: []
# needs: []
# runs_on: []
# limit_seconds: 20
# limit_megabytes: 400
# sources: []
# hints: ["where", "which", "how"]
# ---

# %%
import grader

grader.begin("small")

# %% [markdown]
# Double it.

# %% answer="double"
def double(number):
    """Twice the number."""
    ### BEGIN SOLUTION
    return 2 * number
    ### END SOLUTION

# %% test="doubles" of="double" points=1
from grader import expect

expect.equal(double(21), 42, what="double(21)", why="twice 21 is 42", look_at="the factor")

# %% [markdown]
# The largest.

# %% answer="largest"
def largest(numbers):
    """The largest of some numbers."""
    ### BEGIN SOLUTION
    return max(numbers)
    ### END SOLUTION

# %% test="finds_largest" of="largest" points=2
from grader import expect

expect.equal(largest([3, 8, 5]), 8, what="largest([3, 8, 5])", why="8 is the largest", look_at="max")
### BEGIN HIDDEN TESTS
secret = 1_000_000_000 + int(expect.rng().integers(900_000_000))
expect.equal(largest([secret, 4]), secret, what="largest of others", why="it is the largest", look_at="max")
### END HIDDEN TESTS

# %% [markdown]
# Shout.

# %% answer="shout"
def shout(text):
    """The text in capitals."""
    ### BEGIN SOLUTION
    return text.upper()
    ### END SOLUTION

# %% test="shouts" of="shout" points=4
from grader import expect

expect.equal(shout("ahoy"), "AHOY", what='shout("ahoy")', why="capitals are loud", look_at="upper")
'''


def hurried(folder: Path) -> Unit:
    """The unit with a limit that a test can wait for."""
    return unit_of(folder, THREE_ANSWERS.replace("limit_seconds: 20", "limit_seconds: 2"))


def body(lines: str, name: str = "double", argument: str = "number") -> str:
    """A function of these lines."""
    indented = "\n".join(f"    {line}" for line in lines.splitlines())
    return f"def {name}({argument}):\n{indented}\n"
