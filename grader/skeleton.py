"""The first lines of a new unit: a lesson and an exercise that say what to write where."""

from __future__ import annotations

import re
from pathlib import Path

from grader.atomic import write_whole
from grader.course import Course
from grader.errors import CourseError

SHELF = re.compile(r"\d\d-[a-z0-9]+(?:-[a-z0-9]+)*/\d\d-[a-z0-9]+(?:-[a-z0-9]+)*")

LESSON = """\
# ---
# title: "The question, in the words of the job?"
# minutes: 30
# data: []
# sources:
#   - "Author (year), title, section"
# ---

# %% [markdown]
# # The question, in the words of the job?
#
# Two sentences: who needs the answer, and what it costs to be wrong.

# %%
import grader

grader.begin("{word}")
"""

EXERCISE = '''\
# ---
# title: "The question, in another domain than the lesson's?"
# minutes: 25
# data: []
# needs: []
# runs_on: []
# sources:
#   - "Author (year), title, section"
# hints:
#   - "Where to look."
#   - "Which idea."
#   - "Almost the code."
# ---

# %% [markdown]
# # The question, in another domain than the lesson's?

# %%
import grader

grader.begin("{word}")

# %% [markdown]
# What to write: input, output, units.


# %% answer="double"
def double(number):
    """Twice the number. number: a float. Returns a float."""
    ### BEGIN SOLUTION
    return 2 * number
    ### END SOLUTION


# %% test="doubles" of="double" points=1
from grader import expect

expect.close(double(3.0), 6.0, what="double(3.0)", why="6 is twice 3", look_at="the factor")
### BEGIN HIDDEN TESTS
number = float(expect.rng().uniform(10, 20))
expect.close(double(number), number + number, what="double of another number", why="it is twice", look_at="the factor")
### END HIDDEN TESTS


# %% wrong="plus_three" of="double" caught_by="doubles"
# Adds what happened to fit the example.
def double(number):
    return number + 3


# %% also="addition" of="double"
def double(number):
    return number + number
'''


def new_unit(course: Course, path: str) -> list[Path]:
    """Write the two sources of a new unit; raises CourseError for a bad, taken or needless name."""
    if not SHELF.fullmatch(path):
        raise CourseError(
            f'"{path}" is no place for a unit; write MODULE/NN-name, for example 03-data-quality/09-units'
        )
    word = path.split("/")[1][3:]
    if word in course.words:
        raise CourseError(f'the word "{word}" names a unit already ({course.locate(word)}); choose another')
    targets = {
        course.root / "modules" / f"{path}.py": LESSON,
        course.root / "solutions" / f"{path}.py": EXERCISE,
    }
    for target in targets:
        if target.exists():
            raise CourseError(f"{target.relative_to(course.root)} exists already")
    for target, text in targets.items():
        target.parent.mkdir(parents=True, exist_ok=True)
        write_whole(target, text.replace("{word}", word))
    return list(targets)
