"""Fixtures for tests that run notebooks: one warm parent of processes for the whole session."""

import os

import pytest
from small_course import notebook_of, report_of, unit_of, warm_workers
from small_unit import THREE_ANSWERS

from grader.model import Report, Unit
from grader.runner import World

os.environ.pop("SEATRIAL_COMMAND", None)  # the launcher's own name, which `mle.py test` hands on


@pytest.fixture(scope="session")
def workers():
    with warm_workers() as workers:
        yield workers


@pytest.fixture
def unit(tmp_path) -> Unit:
    return unit_of(tmp_path, THREE_ANSWERS)


@pytest.fixture
def judged(tmp_path, workers):
    """A function: the report on a notebook of a unit with these answers and cells of the learner's own."""

    def judge(unit: Unit, answers=None, own=None, world=World.JUDGE, seed=None, record=False) -> Report:
        path = notebook_of(tmp_path, unit, answers, own)
        return report_of(path, unit, workers, world=world, seed=seed, record=record)

    return judge
