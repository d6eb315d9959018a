"""A few trials of tests/faults.py, and clocks that differ."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import sys
import time
from collections.abc import Iterator

import pytest
from small_course import COURSE

from grader.jail.isolation import Isolation, probe
from grader.run_store import newest_run
from grader.stage import Stage
from grader.store import put_experiment

if os.name != "nt":
    from fault.trial import Ground, ground, play

as_root = pytest.mark.skipif(
    not sys.platform.startswith("linux") or os.geteuid() != 0, reason="only root sees every process"
)
SEED = 20261121
SHORT = ("supervisor again", "judge")


@pytest.fixture(scope="module")
def graded() -> Iterator[Ground]:
    if probe().level is not Isolation.FULL:
        pytest.skip("no jail can be made here")
    with ground() as here:
        yield here


@as_root
@pytest.mark.slow
@pytest.mark.parametrize("kind", SHORT)
def test_the_same_command_ends_with_the_undisturbed_grade_book(graded: Ground, kind: str) -> None:
    """After kill -9 at some moment; no process, no folder of a jail and no control group is left."""
    trial = play(graded, SEED, SHORT.index(kind), kind)

    assert trial.problems == []


def test_runs_are_counted_by_the_store_and_not_by_two_clocks() -> None:
    """The store of a run is fresh, so one that was logged by a clock an hour behind counts as well."""
    unit = COURSE.unit("logged-run")
    stage = Stage(unit)
    try:
        number = put_experiment(stage.database, stage.experiment, own=True)
        row = ("r", number, "FINISHED", int(time.time() * 1000) - 3_600_000, "active", "")
        names = "run_uuid, experiment_id, status, start_time, lifecycle_stage, artifact_uri"
        with contextlib.closing(sqlite3.connect(stage.database)) as connection, connection:
            connection.execute(f"INSERT INTO runs ({names}) VALUES (?, ?, ?, ?, ?, ?)", row)
        found = newest_run(stage.database, stage.experiment, stage.since_ms)
    finally:
        stage.close()

    assert found is not None
    assert found.run_id == "r"
