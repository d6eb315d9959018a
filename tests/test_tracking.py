"""grader/tracking.py, store.py, attempts.py: with the real MLflow."""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from grader import attempts, store, tracking
from grader.model import Outcome, Report, TestResult
from grader.run_store import TrackingError, newest_run

PACKAGE = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def cache(tmp_path_factory) -> Path:
    """A cache folder with a template, made once for all test files (seconds)."""
    folder: Path = tmp_path_factory.getbasetemp() / "seatrial-cache"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SEATRIAL_CACHE", str(folder))
        store.template()
    return folder


@pytest.fixture
def environment(cache, monkeypatch) -> dict[str, str]:
    """A process environment with that cache and no tracking of its own; also set for this process."""
    for name in list(os.environ):
        if name.startswith("MLFLOW_") or name in ("SEATRIAL_HOME", "PYTEST_CURRENT_TEST"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("SEATRIAL_CACHE", str(cache))
    monkeypatch.setenv("PYTHONPATH", str(PACKAGE))
    return dict(os.environ)


@pytest.fixture
def work(tmp_path) -> Path:
    """A workspace whose path needs care in addresses."""
    folder = tmp_path / "of a learner, 100 %25 #ü" / "work"
    folder.mkdir(parents=True)
    (folder / ".seatrial").touch()
    return folder


def run_python(code: str, folder: Path, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code], cwd=folder, env=environment, capture_output=True, encoding="utf-8"
    )


def experiments(database: Path) -> dict[str, str]:
    """Names and artifact locations."""
    with contextlib.closing(sqlite3.connect(database)) as connection:
        return dict(connection.execute("SELECT name, artifact_location FROM experiments"))


def test_the_template_holds_no_path_of_this_machine(cache):
    """One file serves every folder, and nobody learns where it was made."""
    (template,) = cache.iterdir()
    raw = template.read_bytes()

    assert experiments(template) == {"Default": "mlartifacts"}
    assert str(cache.parent).encode() not in raw
    assert str(Path.home()).encode() + b"/" not in raw


def test_copies_at_the_same_moment_make_one_store(environment, tmp_path):
    """Several notebooks may start at once; the first store stays and nothing else is left."""
    folder = tmp_path / "new"
    uris: list[str] = []
    threads = [threading.Thread(target=lambda: uris.append(tracking.copy_store(folder))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert uris == [store.sqlite_uri(folder / "mlflow.db")] * 8
    assert [path.name for path in folder.iterdir()] == ["mlflow.db"]
    assert experiments(folder / "mlflow.db")["Default"] == (folder / "mlartifacts/Default").resolve().as_uri()


RUN = """
import sys, time
start = time.perf_counter()
from grader import tracking
tracking.begin("first-check")
tracking.begin("first-check")
seconds = time.perf_counter() - start
assert "mlflow" not in sys.modules
print("to stderr", file=sys.stderr)
import warnings; warnings.warn("a warning")
import mlflow, mlflow.sklearn
from sklearn.linear_model import LogisticRegression
with mlflow.start_run():
    mlflow.log_params({"C": 1.0})
    mlflow.log_metric("auc", 0.75)
    mlflow.log_text("prose", "note.txt")
    mlflow.sklearn.log_model(LogisticRegression().fit([[0], [1]], [0, 1]), name="model",
                             pip_requirements=["scikit-learn"])
"""


def test_a_plain_run_lands_in_the_unit_s_experiment(environment, work):
    """After begin(), MLflow's own API needs no address, says nothing on stderr and keeps to the store."""
    folder = work / "00-orientation" / "first-check"
    folder.mkdir(parents=True)
    before_ms = int(time.time() * 1000)
    done = run_python(RUN, folder, environment)
    run = newest_run(work / "mlflow.db", "first-check", before_ms)

    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    assert "to stderr" in done.stdout
    assert "a warning" in done.stdout
    assert run is not None
    assert (run.status, run.params, run.metrics) == ("FINISHED", {"C": "1.0"}, {"auc": 0.75})
    assert run.artifact_folder is not None
    assert (run.artifact_folder / "note.txt").read_text() == "prose"
    (model,) = run.models
    assert model.name == "model"
    assert (model.folder / "MLmodel").is_file()
    assert model.folder.is_relative_to((work / "mlartifacts" / "first-check").resolve())
    assert list(folder.iterdir()) == []


def test_outside_a_workspace_the_store_goes_with_the_process(environment, tmp_path):
    """nbgrader runs a copy in a folder of its own, where nothing may be left; a fork removes nothing."""
    code = (
        "import os; from grader import tracking; tracking.begin('first-check');"
        "path = tracking.database_of(os.environ['MLFLOW_TRACKING_URI']); print(path);"
        "import multiprocessing, atexit\n"
        "if hasattr(os, 'fork'):\n"
        "    child = os.fork()\n"
        "    if not child: atexit._run_exitfuncs(); os._exit(0)\n"
        "    os.waitpid(child, 0)\n"
        "assert path.is_file()"
    )
    done = run_python(code, tmp_path, environment)

    assert (done.returncode, done.stderr) == (0, "")
    assert not Path(done.stdout.strip()).parent.exists()
    assert list(tmp_path.iterdir()) == []


def test_a_given_address_wins(environment, work, tmp_path):
    """MLFLOW_TRACKING_URI is taken as it stands; a sqlite file that is not there yet is made."""
    database = tmp_path / "mine" / "runs.db"
    code = "import os; from grader import tracking; tracking.begin('first-check')\n"
    code += "names = 'TRACKING_URI', 'EXPERIMENT_ID', 'EXPERIMENT_NAME'\n"
    code += "print(*(os.environ.get(f'MLFLOW_{name}') for name in names))"
    made = run_python(code, work, {**environment, "MLFLOW_TRACKING_URI": f"sqlite:///{database}"})
    remote = run_python(code, work, {**environment, "MLFLOW_TRACKING_URI": "http://127.0.0.1:1"})

    assert made.stdout.split() == [f"sqlite:///{database}", "1", "None"], made.stdout
    assert set(experiments(database)) == {"Default", "first-check"}
    assert remote.stdout.split() == ["http://127.0.0.1:1", "None", "first-check"]
    assert not (work / "mlflow.db").exists()


def test_the_workspace_is_the_marked_folder_above(tmp_path, monkeypatch):
    """A folder called work is not enough; SEATRIAL_HOME names one without a mark."""
    deep = tmp_path / "work" / "00-orientation" / "first-check"
    deep.mkdir(parents=True)
    monkeypatch.delenv("SEATRIAL_HOME", raising=False)

    assert tracking.workspace_folder(deep) is None
    monkeypatch.setenv("SEATRIAL_HOME", str(tmp_path))
    assert tracking.workspace_folder(deep) == (tmp_path / "work").resolve()
    monkeypatch.delenv("SEATRIAL_HOME")
    (tmp_path / "work" / ".seatrial").touch()
    assert tracking.workspace_folder(deep) == (tmp_path / "work").resolve()


def test_an_experiment_is_restored_and_follows_its_folder(environment, tmp_path):
    """A learner may delete it in MLflow's page or move the whole workspace."""
    old, new = tmp_path / "old", tmp_path / "new"
    database = store.database_of(tracking.copy_store(old))
    assert database is not None
    number = store.put_experiment(database, "first-check", own=True)
    with contextlib.closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("UPDATE experiments SET lifecycle_stage = 'deleted' WHERE name = 'first-check'")
    old.rename(new)
    database = new / "mlflow.db"

    assert store.put_experiment(database, "first-check", own=True) == number
    assert experiments(database)["first-check"] == (new / "mlartifacts/first-check").resolve().as_uri()
    with contextlib.closing(sqlite3.connect(database)) as connection:
        stage = connection.execute("SELECT lifecycle_stage FROM experiments WHERE name = 'first-check'")
        assert stage.fetchone() == ("active",)


def test_a_name_that_is_no_unit_is_refused():
    """The name becomes a folder, so it is a word."""
    assert tracking.experiment_name("00-orientation/01-first-check") == "first-check"
    for name in ("", "..", "a/../..", "a b", "x" * 200):
        with pytest.raises(TrackingError, match="not the name of a unit"):
            tracking.experiment_name(name)


def test_an_attempt_is_written_by_another_process_and_read_without_mlflow(environment, tmp_path):
    """A verdict does not wait for MLflow; the record holds points, outcomes and the misconception."""
    results = (
        TestResult("counts", ("precision",), Outcome.PASSED, 2, 2),
        TestResult("zero", ("precision",), Outcome.FAILED, 0, 1, misconception="Accuracy in disguise."),
    )
    report = Report("first-check", results, seed=7, seconds=0.5, own_seconds=0.1)
    database = tmp_path / "mlflow.db"
    before = time.perf_counter()
    recorder = attempts.record_attempt(report, database)
    seconds = time.perf_counter() - before
    code = recorder.wait(60)
    (attempt,) = attempts.attempts(database)

    assert (code, (tmp_path / "attempts.log").exists()) == (0, False)
    assert seconds < 1
    assert (attempt.unit, attempt.points, attempt.max_points, attempt.seconds) == ("first-check", 2, 3, 0.5)
    assert attempt.outcomes == {"counts": "passed", "zero": "failed"}
    assert attempt.misconceptions == {"zero": "Accuracy in disguise."}
    assert attempts.attempts(store.sqlite_uri(database), since_ms=attempt.time_ms) == ()
    assert json.dumps(attempt.outcomes)
