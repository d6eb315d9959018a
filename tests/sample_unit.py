"""A small unit with a function, a file, hidden tests, wrong and other answers, for tests of the builder."""

from pathlib import Path

from grader.course import Course
from grader.model import Unit
from grader.source import read_source

SOURCE = '''\
# ---
# title: "First check: precision"
# minutes: 25
# data: [breast_cancer]
# needs: []
# runs_on: []
# sources:
#   - "Provost and Fawcett, Data Science for Business, chapter 7"
# hints:
#   - where to look
#   - which idea
#   - almost the code
# ---

# %% [markdown]
# # First check

# %%
import grader

grader.begin("first-check")

import math

# %% [markdown]
# ### Precision: share of alarms that are right

# %% answer="precision"
def precision(tp, fp):
    """Share of alarms that are right."""
    ### BEGIN SOLUTION
    return tp / (tp + fp)
    ### END SOLUTION

# %% test="precision_counts" of="precision" points=2
from grader import expect

expect.close(precision(90, 10), 0.9, what="precision(90, 10)", why="90 of 100", look_at="the division")
### BEGIN HIDDEN TESTS
rng = expect.rng()
count = int(rng.integers(1, 9))
expect.close(precision(count, 0), 1.0, what="precision(n, 0)", why="no false alarm", look_at="the division")
### END HIDDEN TESTS

# %% wrong="accuracy" of="precision" caught_by="precision_counts"
# Accuracy in disguise: it counts what
# was not flagged. A second sentence.
def precision(tp, fp):
    return 0.5

# %% also="integers" of="precision"
def precision(tp, fp):
    return 1 - fp / (tp + fp)

# %% [markdown]
# ### A service

# %% answer="service" file="service.py"
import sys


def main() -> int:
    ### BEGIN SOLUTION
    return 0
    ### END SOLUTION


if __name__ == "__main__":
    sys.exit(main())

# %% test="service_ends" of="service" points=1.5
from grader import expect

with expect.process("service.py") as service:
    expect.equal(service.wait(5), 0, what="exit code", why="all went well", look_at="main")
'''

LESSON = """\
# ---
# title: "What is a check?"
# minutes: 20
# ---

# %% [markdown]
# # What is a check?

# %% tags=["hide-input"]
# %matplotlib inline
1 + 1
"""


def write_source(root: Path, text: str = SOURCE, path: str = "00-orientation/01-first-check") -> Path:
    """Writes a source into the solutions of a course."""
    file = root / "solutions" / f"{path}.py"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(text.encode())
    return file


def write_course(root: Path) -> Course:
    """A course of one unit with its lesson, not built."""
    write_source(root)
    lesson = root / "modules" / "00-orientation" / "01-first-check.py"
    lesson.parent.mkdir(parents=True)
    lesson.write_text(LESSON, encoding="utf-8")
    (root / "exercises").mkdir()
    return Course(root)


def sample_unit(root: Path, text: str = SOURCE) -> Unit:
    return read_source(write_source(root, text))
