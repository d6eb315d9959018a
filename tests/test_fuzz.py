"""A short run of each fuzzer; `python tests/fuzzing.py KIND` goes on for as long as you like."""

from __future__ import annotations

import os
import time
import warnings

import pytest
from fuzz.conversations import talk
from fuzz.course import bases, light_units, units
from fuzz.decoding import check
from fuzz.judged import hurried, judge
from fuzz.messages import mutated as mutated_message
from fuzz.messages import samples
from fuzz.noise import ACCIDENTS
from fuzz.notebooks import mutated
from fuzz.reading import read
from fuzz.talk import talking_unit

SEED = 20261121
ENOUGH_SECONDS = 2.0  # a slow machine tries fewer

sockets = pytest.mark.skipif(os.name == "nt", reason="a socket is no file descriptor there")


@pytest.fixture(scope="module")
def course():
    return bases(units())


def test_mutated_notebooks_are_read_or_named(tmp_path, course):
    """A submission that its notebook bears out, or a NotebookError in one printable line, and soon."""
    start, problems, ends = time.monotonic(), [], set()
    for index in range(400):
        mutant = mutated(SEED, index, course)
        submission, wrong, _ = read(mutant, tmp_path)
        problems += [(index, mutant.steps, text) for text in wrong]
        ends.add(submission is None)
        if time.monotonic() - start > ENOUGH_SECONDS:
            break

    assert problems == []
    assert ends == {True, False}


def test_a_case_can_be_played_again(course):
    """Seed and number give the same bytes in every process."""
    honest = samples()

    assert mutated(1, 5, course) == mutated(1, 5, course)
    assert mutated_message(1, 5, honest) == mutated_message(1, 5, honest)
    assert mutated(1, 5, course).data != mutated(2, 5, course).data


@pytest.mark.filterwarnings("ignore")
def test_mutated_messages_are_read_or_refused():
    """A plain value that travels again and earns nothing, or CodecError."""
    honest = samples()
    start, problems, ends = time.monotonic(), [], set()
    for index in range(2000):
        with warnings.catch_warnings(action="ignore"):
            was_read, wrong, _ = check(mutated_message(SEED, index, honest))
        problems += [(index, text) for text in wrong]
        ends.add(was_read)
        if time.monotonic() - start > ENOUGH_SECONDS:
            break

    assert problems == []
    assert ends == {True, False}


@sockets
def test_disturbed_conversations_end_in_a_report(tmp_path):
    """The supervisor raises nothing and keeps its clock; no wrong answer earns a point."""
    unit = talking_unit(tmp_path)
    start, problems, kinds = time.monotonic(), [], set()
    for index in range(40):
        told = talk(unit, SEED, index)
        problems += [(index, told.kinds, text) for text in told.problems]
        kinds |= {*told.kinds}
        if time.monotonic() - start > ENOUGH_SECONDS:
            break

    assert problems == []
    assert kinds <= ACCIDENTS.keys()
    assert kinds


@sockets
@pytest.mark.parametrize("kind", ["deaf", "endless", "endless_questions", "large", "other_length", "cut"])
def test_one_accident_of_each_slow_kind_ends_in_a_report(tmp_path, kind):
    """A side that reads nothing, never ends, or sends half a frame costs the run its limit and no more."""
    told = talk(talking_unit(tmp_path), SEED, 1, kind, at=9)

    assert told.problems == ()
    assert kind in told.kinds


def test_mutated_notebooks_run_to_a_report(tmp_path, workers):
    """A few go through real processes: a result for each test, and no point that nobody worked for."""
    found = bases(map(hurried, light_units(tmp_path)))
    home = tmp_path / "home"
    home.mkdir()
    start, problems = time.monotonic(), []
    for index in range(8):
        mutant = mutated(SEED, index, found)
        _, wrong, _ = judge(mutant, home, workers)
        problems += [(index, mutant.steps, text) for text in wrong]
        if time.monotonic() - start > ENOUGH_SECONDS:
            break

    assert problems == []
