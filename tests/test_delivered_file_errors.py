"""What is said where a file that an answer delivers raises."""

import pytest
from small_course import by_name, notebook_of, report_of, unit_of

from grader.model import Outcome
from grader.runner import World

A_FILE = '''\
# ---
# title: "A file"
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
# `half(number)` in a file.

# %% answer="halves" file="halves.py"
def half(number):
    """Half of a number."""
    ### BEGIN SOLUTION
    return number / 2
    ### END SOLUTION

# %% test="seen" of="halves" points=1
from grader import expect

def half_of(number):
    """Half of a number, by the file."""
    import sys

    sys.modules.pop("halves", None)
    import halves

    return halves.half(number)

expect.equal(expect.beside(half_of, 4), 2.0, what="half(4)", why="2 and 2 are 4", look_at="half")
# %% test="hidden" of="halves" points=1
from grader import expect

def half_of(number):
    """Half of a number, by the file."""
    import sys

    sys.modules.pop("halves", None)
    import halves

    return halves.half(number)

expect.equal(expect.beside(half_of, 4), 2.0, what="half(4)", why="2 and 2 are 4", look_at="half")
### BEGIN HIDDEN TESTS
expect.equal(expect.beside(half_of, 4321), 2160.5, what="half of a number", why="it is half", look_at="half")
### END HIDDEN TESTS
'''
RAISES = """def half(number):
    digits = [2, 1, 0, 0, 2]
    return digits[number]
"""
UNREADABLE = """def half(number):
    digits = [2, 1]
      return digits[number]
"""


@pytest.mark.parametrize("world", World)
def test_the_line_of_the_file_is_named(tmp_path, workers, world):
    """Its number in the file and its text; of hidden input nothing but these."""
    unit = unit_of(tmp_path, A_FILE)
    report = report_of(notebook_of(tmp_path, unit, {"halves": RAISES}), unit, workers, world=world)
    results = by_name(report)

    assert results["seen"].outcome is Outcome.PASSED
    message = results["hidden"].message
    assert results["hidden"].outcome is Outcome.FAILED
    assert 'line 3 of your file halves.py, "return digits[number]"' in message
    assert "IndexError" in message
    assert "4321" not in message
    assert "mend that first" not in message


GONE = """import json
import os
import shutil


def half(number):
    shutil.rmtree(os.getcwd())
    return json.loads("no number")
"""


@pytest.mark.parametrize("world", World)
def test_code_that_removed_its_folder_is_told_its_own_error(tmp_path, workers, world):
    """Where there is no folder any more, no file in it is named, and the exception is still the learner's."""
    unit = unit_of(tmp_path, A_FILE)
    report = report_of(notebook_of(tmp_path, unit, {"halves": GONE}), unit, workers, world=world)
    result = by_name(report)["seen"]

    assert result.outcome is Outcome.FAILED
    assert "JSONDecodeError" in result.message


def test_a_line_that_is_not_in_the_file_is_not_told(tmp_path, workers):
    """A file that says it raised elsewhere, in a text that holds the input, is pointed at nowhere."""
    lies = """def half(number):
    if number == 4:
        return 2.0
    source = "\\n" * 70 + f"raise ValueError({number})"
    exec(compile(source, __file__, "exec"), {})
"""
    unit = unit_of(tmp_path, A_FILE)
    report = report_of(notebook_of(tmp_path, unit, {"halves": lies}), unit, workers)
    message = by_name(report)["hidden"].message

    assert "4321" not in message
    assert "what your code calls" in message


@pytest.mark.parametrize("world", World)
def test_a_file_that_python_cannot_read_is_no_result(tmp_path, workers, world):
    """The message asks for code that can be read, at the line of the file, without the folder it lay in."""
    unit = unit_of(tmp_path, A_FILE)
    report = report_of(notebook_of(tmp_path, unit, {"halves": UNREADABLE}), unit, workers, world=world)
    message = by_name(report)["seen"].message

    assert "IndentationError" in message
    assert "expected code that Python can read, because before that none of it runs." in message
    assert "line 3 of your file halves.py" in message
    assert str(tmp_path) not in message
    assert "/halves.py" not in message
