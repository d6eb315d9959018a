"""A unit without libraries, for tests that go through nbgrader: a function, a file, hidden data."""

from pathlib import Path

from grader.build import build
from grader.course import Course

PATH = "00-start/01-double"
SOURCE = '''\
# ---
# title: "Twice as much"
# minutes: 15
# data: []
# needs: []
# runs_on: []
# sources:
#   - "Knuth, The Art of Computer Programming, volume 1, section 1.2"
# hints:
#   - where to look
#   - which idea
#   - almost the code
# ---

# %% [markdown]
# # Twice as much

# %%
import grader

grader.begin("double")

# %% [markdown]
# Write a function that gives twice a number.

# %% answer="double"
def double(number):
    """Twice the number."""
    ### BEGIN SOLUTION
    result_of_the_sum = number + number
    return result_of_the_sum
    ### END SOLUTION

# %% test="doubles_two" of="double" points=2
from grader import expect

expect.equal(double(2), 4, what="double(2)", why="twice 2 is 4", look_at="the sum")

# %% test="doubles_any" of="double" points=1.5
from grader import expect

expect.equal(double(0), 0, what="double(0)", why="twice nothing is nothing", look_at="the sum")
### BEGIN HIDDEN TESTS
drawn_for_hidden = int(expect.rng().integers(100, 10**6))
expect.equal(double(drawn_for_hidden), 2 * drawn_for_hidden, what="double(n)", why="any n", look_at="the sum")
### END HIDDEN TESTS

# %% wrong="square" of="double" caught_by="doubles_any"
# The square of 2 is also 4. One example does not tell two functions apart.
def double(number):
    square_and_not_double = number * number
    return square_and_not_double

# %% wrong="plus_two" of="double" caught_by="doubles_any"
# Adding two is right for 2 only.
def double(number):
    return number + 2

# %% wrong="nothing" of="double" caught_by="doubles_two doubles_any"
# A function without return gives None.
def double(number):
    number * 2

# %% also="shifted" of="double"
def double(number):
    shifted_by_one_bit = number << 1
    return shifted_by_one_bit

# %% also="times" of="double"
def double(number):
    return 2 * number

# %% [markdown]
# Write a program that ends with the code 3.

# %% answer="ends" file="ends.py"
import sys

### BEGIN SOLUTION
code_of_the_program = 3
sys.exit(code_of_the_program)
### END SOLUTION

# %% test="ends_with_three" of="ends" points=1
from grader import expect

with expect.process("ends.py") as program:
    expect.equal(program.wait(20), 3, what="the exit code", why="3 was asked for", look_at="sys.exit")

# %% wrong="ends_well" of="ends" caught_by="ends_with_three"
# A program that just ends has the code 0.
code_is_left_out = True
'''


def write_class_course(root: Path) -> Course:
    """A course of this one unit, built."""
    file = root / "solutions" / f"{PATH}.py"
    file.parent.mkdir(parents=True)
    file.write_bytes(SOURCE.encode())
    for room in ("modules", "exercises"):
        (root / room).mkdir()
    course = Course(root)
    build(course)
    return course
