"""A check logs into a twin of the learner's store."""

from __future__ import annotations

import os
from pathlib import Path

import mlflow
import pytest

from grader import tracking
from grader.run_store import newest_run, runs_since
from grader.store import sqlite_uri
from grader.tracking import copy_store
from grader.twin import into_twin

UNIT = "twin-unit"


@pytest.fixture
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A learner's store with one run that has an artifact."""
    uri = copy_store(tmp_path / "work")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    tracking.begin(UNIT)
    mlflow.set_tracking_uri(uri)
    with mlflow.start_run():
        mlflow.log_metric("recall", 0.5)
        mlflow.log_text("kept", "note.txt")
    return tmp_path / "work" / "mlflow.db"


def test_what_a_check_logs_stays_out_of_the_learners_runs(database: Path, tmp_path: Path) -> None:
    """Inside, the learner's run is there with its artifact and a new run joins it; outside, nothing is new."""
    (tmp_path / "check").mkdir()
    with into_twin(UNIT, tmp_path / "check") as twin:
        assert twin is not None
        own = newest_run(twin, UNIT, 0)
        with mlflow.start_run():
            mlflow.log_metric("recall", 0.9)
            mlflow.log_text("hidden", "note.txt")
        inside = runs_since(twin, UNIT, 0)

    outside = runs_since(database, UNIT, 0)
    assert own is not None
    assert own.artifact_folder is not None
    assert (own.artifact_folder / "note.txt").read_text() == "kept"
    assert [run.metrics["recall"] for run in inside] == [0.9, 0.5]
    assert [run.metrics["recall"] for run in outside] == [0.5]
    assert len(list((database.parent / "mlartifacts").rglob("note.txt"))) == 1


def test_the_notebook_logs_into_its_own_store_again(database: Path, tmp_path: Path) -> None:
    """After the check, also after one that fails, runs land where they did before."""
    (tmp_path / "check").mkdir()
    with pytest.raises(ZeroDivisionError), into_twin(UNIT, tmp_path / "check"):
        raise ZeroDivisionError

    assert os.environ["MLFLOW_TRACKING_URI"] == sqlite_uri(database)
    with mlflow.start_run():
        mlflow.log_metric("recall", 0.7)
    assert [run.metrics["recall"] for run in runs_since(database, UNIT, 0)] == [0.7, 0.5]


def test_a_store_that_is_no_file_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """There is nothing to copy, and the address stays."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")

    with into_twin(UNIT, tmp_path) as twin:
        assert twin is None
        assert os.environ["MLFLOW_TRACKING_URI"] == "http://127.0.0.1:9"
