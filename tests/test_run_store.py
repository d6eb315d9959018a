"""Stores as files, read without MLflow and without trust: grader/run_store.py, store_models.py and store.py."""

from __future__ import annotations

import contextlib
import math
import os
import random
import sqlite3
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path

import pytest

from grader import store
from grader.run_store import TrackingError, newest_run, runs_since
from grader.store_models import registered_models

TABLES = """
CREATE TABLE experiments (experiment_id INTEGER PRIMARY KEY, name TEXT, lifecycle_stage TEXT);
CREATE TABLE runs (run_uuid TEXT, name TEXT, status TEXT, start_time BIGINT, lifecycle_stage TEXT,
    artifact_uri TEXT, experiment_id INTEGER);
CREATE TABLE params (key TEXT, value TEXT, run_uuid TEXT);
CREATE TABLE tags (key TEXT, value TEXT, run_uuid TEXT);
CREATE TABLE latest_metrics (key TEXT, value FLOAT, is_nan BOOLEAN, run_uuid TEXT);
CREATE TABLE metrics (key TEXT, value FLOAT, is_nan BOOLEAN, timestamp BIGINT, step BIGINT, run_uuid TEXT);
CREATE TABLE logged_models (model_id TEXT, name TEXT, artifact_location TEXT, source_run_id TEXT,
    lifecycle_stage TEXT, status INTEGER, creation_timestamp_ms BIGINT);
INSERT INTO experiments VALUES (1, 'first-check', 'active');
INSERT INTO runs VALUES ('r1', 'one', 'FINISHED', 100, 'active', '', 1);
"""


def write(database: Path, *statements: str) -> None:
    with contextlib.closing(sqlite3.connect(database)) as connection:
        connection.executescript(";".join(statements))


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """A file with MLflow's table and column names, one experiment and one run."""
    path = tmp_path / "mlflow.db"
    write(path, TABLES)
    return path


def model_folder(database: Path, location: str) -> Path | None:
    """Where the reader looks for a model that claims to lie at `location`."""
    with contextlib.closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("DELETE FROM logged_models")
        row = ("m-1", "model", location, "r1", "active", 2, 1)
        connection.execute("INSERT INTO logged_models VALUES (?, ?, ?, ?, ?, ?, ?)", row)
    run = newest_run(database, "first-check", 0)
    assert run is not None
    return run.models[0].folder if run.models else None


def test_only_runs_begun_since_then_count(database):
    """The newest active run of the experiment is taken, and none from before this execution."""
    write(
        database,
        "INSERT INTO runs VALUES ('r2', 'two', 'RUNNING', 200, 'active', '', 1)",
        "INSERT INTO runs VALUES ('r3', 'gone', 'FINISHED', 300, 'deleted', '', 1)",
        "INSERT INTO runs VALUES ('r4', 'elsewhere', 'FINISHED', 400, 'active', '', 7)",
    )
    newest = newest_run(database, "first-check", 0)

    assert newest is not None
    assert newest.run_id == "r2"
    assert newest_run(database, "first-check", 201) is None
    assert newest_run(database, "other-unit", 0) is None
    assert [run.run_id for run in runs_since(database, "first-check", 0)] == ["r2", "r1"]


def test_nested_runs_come_with_their_parent(database):
    """The oldest first, some levels deep; runs that name each other as parents belong to nobody and stop nothing."""
    parents = {"c1": "r1", "c2": "r1", "g1": "c1", "a": "b", "b": "a", "self": "self"}
    write(
        database,
        *(
            f"INSERT INTO runs VALUES ('{name}', '{name}', 'FINISHED', {when}, 'active', '', 1)"
            for when, name in enumerate(parents, 200)
        ),
        *(
            f"INSERT INTO tags VALUES ('mlflow.parentRunId', '{parent}', '{name}')"
            for name, parent in parents.items()
        ),
        "INSERT INTO metrics VALUES ('auc', 0.7, 0, 12, 2, 'c1'), ('auc', 0.5, 0, 13, 1, 'c1')",
        "INSERT INTO metrics VALUES ('auc', 0, 1, 14, 3, 'c1'), ('auc', 'high', 0, 15, 4, 'c1')",
    )
    run = newest_run(database, "first-check", 0)

    assert run is not None
    assert run.run_id == "r1"
    assert [child.run_id for child in run.children] == ["c1", "c2"]
    assert [child.run_id for child in run.children[0].children] == ["g1"]
    steps = run.children[0].history["auc"]
    assert steps[:2] == ((1, 0.5), (2, 0.7))
    assert [step for step, value in steps if math.isnan(value)] == [3]
    assert run.children[1].history == {}


def test_rows_that_repeat_an_id_are_read_once(database):
    """200 rows of one id under 200 of another, four levels deep, would be more than a thousand million runs."""
    levels = ["r1", "a", "b", "c", "d"]
    write(
        database,
        *(
            f"INSERT INTO runs VALUES ('{name}', '{name}', 'FINISHED', 200, 'active', '', 1)"
            for name in levels[1:]
            for _ in range(200)
        ),
        *(
            f"INSERT INTO tags VALUES ('mlflow.parentRunId', '{parent}', '{name}')"
            for parent, name in pairwise(levels)
        ),
    )
    run = newest_run(database, "first-check", 0)

    assert run is not None
    assert [child.run_id for child in run.children] == ["a"] * 200
    assert [len(child.children) for child in run.children] == [200] + [0] * 199


def test_no_store_is_no_run(tmp_path):
    """Before anything was tracked there is no file, which is no error."""
    assert newest_run(tmp_path / "mlflow.db", "first-check", 0) is None


def test_values_are_numbers_and_bounded_text(database):
    """What has another type in the file is left out; long text is cut; nan comes back."""
    write(
        database,
        "INSERT INTO params VALUES ('a', '1', 'r1'), ('b', x'00ff', 'r1'), (x'00', 'x', 'r1')",
        "INSERT INTO tags VALUES ('long', printf('%.*c', 100000, 'x'), 'r1')",
        "INSERT INTO latest_metrics VALUES ('auc', 0.5, 0, 'r1'), ('n', 0, 1, 'r1'), ('t', 'high', 0, 'r1')",
    )
    run = newest_run(database, "first-check", 0)

    assert run is not None
    assert run.params == {"a": "1"}
    assert len(run.tags["long"]) == 8000
    assert run.metrics["auc"] == 0.5
    assert math.isnan(run.metrics["n"])
    assert set(run.metrics) == {"auc", "n"}


def test_a_model_inside_the_store_is_found_by_path_and_by_file_address(database):
    """MLflow writes either form; both name the same folder."""
    folder = database.parent / "mlartifacts" / "a b" / "m-1"
    folder.mkdir(parents=True)

    assert model_folder(database, str(folder)) == folder.resolve()
    assert model_folder(database, folder.as_uri()) == folder.resolve()


def test_a_model_outside_the_store_is_not_taken(database, tmp_path_factory):
    """No path out of the store's folder, no link out of it and no other machine is followed."""
    outside = tmp_path_factory.mktemp("outside")
    inside = database.parent / "link"
    inside.symlink_to(outside)
    locations = [
        str(outside),
        outside.as_uri(),
        str(inside),
        f"{database.parent}/x/../../{outside.name}",
        f"{database.parent}/%2e%2e/{outside.name}",
        str(database.parent),
        "mlartifacts/m-1",
        "",
        "s3://bucket/model",
        "https://example.org/model",
        f"file://elsewhere{outside}",
        f"file:{database.parent}/a\0b",
        "file:///%00",
        "file://[",
    ]

    assert [model_folder(database, location) for location in locations[:-1]] == [None] * (len(locations) - 1)
    with pytest.raises(TrackingError):
        model_folder(database, locations[-1])


def test_a_store_that_another_process_saw_elsewhere_is_mapped(database):
    """Runs made inside a jail name its paths; the reader looks beside its own file."""
    folder = database.parent / "mlartifacts" / "r1"
    folder.mkdir(parents=True)
    write(database, "UPDATE runs SET artifact_uri = 'file:///run/mlartifacts/r1'")
    run = newest_run(database, "first-check", 0, seen_as=Path("/run"))

    assert run is not None
    assert run.artifact_folder == folder.resolve()


def test_what_is_not_in_the_main_file_yet_is_read_too(database):
    """A store in write-ahead mode keeps its newest rows in a second file, which is copied as well."""
    with contextlib.closing(sqlite3.connect(database)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("INSERT INTO runs VALUES ('r2', 'two', 'FINISHED', 200, 'active', '', 1)")
        connection.commit()
        run = newest_run(database, "first-check", 0)

    assert run is not None
    assert run.run_id == "r2"


@pytest.mark.parametrize(
    "table",
    [
        "CREATE VIEW runs AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)"
        " SELECT 'r', 'r', 'FINISHED', i AS start_time, 'active' AS lifecycle_stage, '', 1 FROM n",
        "CREATE VIEW runs AS SELECT load_extension('x') AS run_uuid",
        "CREATE TABLE runs (run_uuid TEXT PRIMARY KEY) WITHOUT ROWID",
        "CREATE TABLE other (x)",
        "CREATE TABLE runs (run_uuid TEXT, name TEXT AS (hex(zeroblob(400000000))), status TEXT,"
        " start_time BIGINT, lifecycle_stage TEXT, artifact_uri TEXT, experiment_id INTEGER);"
        "INSERT INTO runs (run_uuid, status, start_time, lifecycle_stage, experiment_id)"
        " VALUES ('r', 'FINISHED', 1, 'active', 1)",
    ],
)
def test_a_hostile_schema_is_refused(database, table):
    """Endless views, functions and missing tables end in a sentence, at once."""
    write(database, "DROP TABLE runs", table)
    before = time.monotonic()

    with pytest.raises(TrackingError, match="cannot be read"):
        newest_run(database, "first-check", 0)
    assert time.monotonic() - before < 5


def test_damage_anywhere_ends_in_a_sentence(database):
    """Bytes overwritten at any place give a run, no run or TrackingError, never anything else."""
    good = database.read_bytes()
    noise = random.Random(20261121)
    for start in range(0, len(good), 512):
        database.write_bytes(good[:start] + noise.randbytes(64) + good[start + 64 :])
        with contextlib.suppress(TrackingError):
            newest_run(database, "first-check", 0)
    for text in (b"", b"not a database" * 500, good[: len(good) // 2]):
        database.write_bytes(text)
        with pytest.raises(TrackingError):
            newest_run(database, "first-check", 0)


@pytest.mark.skipif(sys.platform == "win32", reason="needs pipes and links in the file system")
def test_what_is_no_file_is_not_opened(tmp_path):
    """A named pipe would be waited for for ever, a link could lead anywhere."""
    pipe, link, folder = tmp_path / "pipe", tmp_path / "link", tmp_path / "folder"
    os.mkfifo(pipe)
    link.symlink_to("/etc/hosts")
    folder.mkdir()

    for path in (pipe, link, folder):
        with pytest.raises(TrackingError):
            newest_run(path, "first-check", 0)


def test_a_file_that_is_too_large_is_not_read(tmp_path):
    """A sparse file costs its maker nothing and would fill our disk."""
    path = tmp_path / "mlflow.db"
    with open(path, "wb") as file:
        file.truncate(1 << 40)

    with pytest.raises(TrackingError, match="larger than"):
        newest_run(path, "first-check", 0)


def test_reading_leaves_the_folder_as_it_was(database):
    """Neither journal nor index appears beside a learner's store."""
    before = database.read_bytes()
    newest_run(database, "first-check", 0)

    assert [path.name for path in database.parent.iterdir()] == ["mlflow.db"]
    assert database.read_bytes() == before


def test_reading_needs_no_mlflow():
    """The judge's side reads runs in milliseconds, without MLflow's imports."""
    code = "import sys, grader.run_store, grader.store; sys.exit('mlflow' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_sqlite_address_names_its_file(tmp_path):
    """Addresses go to files and back; other stores have no file."""
    path = tmp_path / "mlflow.db"

    assert store.database_of(store.sqlite_uri(path)) == path.resolve()
    assert store.database_of("sqlite:///:memory:") is None
    assert store.database_of("http://127.0.0.1:5000") is None


REGISTRY = """
CREATE TABLE registered_models (name TEXT);
CREATE TABLE model_versions (name TEXT, version INTEGER, run_id TEXT, source TEXT, storage_location TEXT,
    status TEXT);
CREATE TABLE model_version_tags (key TEXT, value TEXT, name TEXT, version INTEGER);
CREATE TABLE registered_model_aliases (alias TEXT, version INTEGER, name TEXT);
INSERT INTO registered_models VALUES ('fraud'), ('late'), (x'00');
INSERT INTO model_versions VALUES ('fraud', 10, 'r2', 'models:/m-0a', NULL, 'READY');
INSERT INTO model_versions VALUES ('fraud', 9, 'r1', 'models:/m-0b', NULL, 'READY');
INSERT INTO model_versions VALUES ('fraud', 'x', 'r1', 'models:/m-0b', NULL, 'READY');
INSERT INTO model_version_tags VALUES ('data', 'week 5', 'fraud', 9), ('data', x'00', 'fraud', 10);
INSERT INTO registered_model_aliases VALUES ('live', 9, 'fraud'), ('next', 'x', 'fraud'), ('live', 1, 'late');
INSERT INTO logged_models VALUES ('m-0a', 'model', '', 'r2', 'active', 2, 1);
"""


def test_versions_come_by_number_with_their_runs_and_aliases(database):
    """Nine stands before ten; what has another type in the file is left out."""
    write(database, REGISTRY)
    fraud, late = registered_models(database)

    assert [(one.number, one.run_id, one.tags) for one in fraud.versions] == [
        (9, "r1", {"data": "week 5"}),
        (10, "r2", {}),
    ]
    assert fraud.aliases == {"live": 9}
    assert (late.name, late.versions, late.aliases) == ("late", (), {"live": 1})


def test_a_version_leads_to_its_model_inside_the_store_alone(database, tmp_path_factory):
    """By the logged model that it names, or by a location; never out of the store's folder."""
    write(database, REGISTRY)
    inside, outside = database.parent / "models" / "m-0a", tmp_path_factory.mktemp("outside")
    inside.mkdir(parents=True)

    def folder() -> Path | None:
        return registered_models(database)[0].versions[1].folder

    assert folder() is None
    for place, found in [(inside, inside.resolve()), (outside, None)]:
        write(database, f"UPDATE logged_models SET artifact_location = '{place.as_uri()}'")
        assert folder() == found
    for column in ("storage_location", "source"):
        write(database, f"UPDATE model_versions SET {column} = '{inside}'")
        assert folder() == inside.resolve()
        write(database, f"UPDATE model_versions SET {column} = '{outside}'")
        assert folder() is None


def test_a_registry_that_is_missing_or_damaged_ends_in_a_sentence(database, tmp_path):
    """No store has no models; a store without the tables cannot be read."""
    assert registered_models(tmp_path / "none" / "mlflow.db") == ()
    with pytest.raises(TrackingError, match="cannot be read"):
        registered_models(database)
