"""Tracking stores on disk: the migrated template, copies of it, experiments in them. No MLflow here.

Creating MLflow's tables takes seconds and writes to stderr; copying a file takes neither. So the tables
are made once per MLflow version, in a process of its own, and every store begins as a copy.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from urllib.parse import unquote

from grader.run_store import TrackingError

DATABASE = "mlflow.db"
ARTIFACTS = "mlartifacts"
BUSY_SECONDS = 20.0


def sqlite_uri(database: Path) -> str:
    """The address under which MLflow opens this file."""
    return "sqlite:///" + database.resolve().as_posix().replace("%", "%25").replace("?", "%3F")


def database_of(uri: str) -> Path | None:
    """The file behind a sqlite address, or None for any other store."""
    if not uri.startswith("sqlite:///"):
        return None
    path = uri.removeprefix("sqlite:///").partition("?")[0]
    return None if path in ("", ":memory:") else Path(unquote(path)).resolve()


def cache_folder() -> Path:
    """SEATRIAL_CACHE, else the user's cache folder of this system."""
    if given := os.environ.get("SEATRIAL_CACHE"):
        return Path(given)
    if sys.platform == "win32":
        return (
            Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local") / "seatrial" / "Cache"
        )
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "seatrial"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "seatrial"


def make_template(path: Path) -> None:
    """Makes an empty migrated store at `path`, which holds no path of this machine; takes seconds.

    Safe when several processes do it at once: the file appears complete or not at all.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".template-", dir=path.parent) as folder:
        fresh = Path(folder).resolve() / DATABASE
        _migrate(fresh)
        with _open(fresh) as connection:
            _put_experiment(connection, 0, "Default", ARTIFACTS)
        with contextlib.closing(sqlite3.connect(fresh)) as connection:
            connection.execute("VACUUM")
        os.replace(fresh, path)


def template() -> Path:
    """The template for the installed MLflow, made on first use."""
    path = cache_folder() / f"mlflow-{importlib.metadata.version('mlflow')}.db"
    if not path.is_file():
        try:
            make_template(path)
        except OSError as error:
            raise TrackingError(
                f"The template of the tracking store cannot be written to {path.parent}: {error.strerror}. "
                "Set SEATRIAL_CACHE to a folder that can be written."
            ) from error
    return path


def copy_store(folder: Path) -> str:
    """Puts a fresh store into `folder` unless it holds one; returns its address for MLflow."""
    return sqlite_uri(copy_template(folder / DATABASE))


def copy_template(database: Path, opened_at: Path | None = None) -> Path:
    """Makes `database` from the template unless it exists; artifacts will lie beside it.

    opened_at: the path under which the file will be opened, where that is another.
    """
    database = database.resolve()
    if database.is_file() and database.stat().st_size:
        return database
    try:
        database.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".store-", dir=database.parent) as folder:
            fresh = Path(folder) / DATABASE
            shutil.copyfile(template(), fresh)
            with _open(fresh, durable=False) as connection:
                _put_experiment(connection, 0, "Default", _artifacts(opened_at or database, "Default"))
            _move_if_absent(fresh, database)
    except (OSError, sqlite3.Error) as error:
        raise TrackingError(
            f"The tracking store {database} cannot be made: {error}. Free space there, or set TMPDIR."
        ) from error
    return database


def put_experiment(database: Path, name: str, *, own: bool) -> str:
    """The id of the experiment called `name`, which is created, or restored if it was deleted.

    own: the store is ours, so a location from before the folder was moved is mended.
    """
    location = _artifacts(database, name)
    try:
        with _open(database) as connection:
            row = _find_experiment(connection, name)
            if row is None:
                _put_experiment(connection, None, name, location)
                row = _find_experiment(connection, name)
            elif row[2] != "active" or (own and row[1] != location):
                connection.execute(
                    "UPDATE experiments SET lifecycle_stage = 'active', artifact_location = ?"
                    " WHERE experiment_id = ?",
                    (location if own else row[1], row[0]),
                )
    except sqlite3.Error as error:
        raise TrackingError(
            f"The tracking store {database} cannot be used: {error}. "
            "Rename it and run this again; a new one is made."
        ) from error
    assert row is not None
    return str(row[0])


def bring_up_to_date(database: Path) -> None:
    """Migrates a store that an older MLflow made, keeping a dated copy; if that fails it stays as it was."""
    revision = _revision(database)
    if revision is None or revision == _revision(template()):
        return
    kept = database.with_name(f"{database.stem}-{datetime.now():%Y%m%d-%H%M%S}{database.suffix}")
    with (
        contextlib.closing(sqlite3.connect(database, timeout=BUSY_SECONDS)) as connection,
        contextlib.closing(sqlite3.connect(kept)) as copy,
    ):
        connection.backup(copy)
    try:
        _migrate(database)
    except TrackingError:
        os.replace(kept, database)
        raise


def _migrate(database: Path) -> None:
    """Runs `mlflow db upgrade` in a process of its own; an empty file gets all tables."""
    environment = {**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true", "PYTHONIOENCODING": "utf-8"}
    for name in ("MLFLOW_TRACKING_URI", "MLFLOW_EXPERIMENT_ID", "MLFLOW_EXPERIMENT_NAME", "MLFLOW_RUN_ID"):
        environment.pop(name, None)
    done = subprocess.run(
        [sys.executable, "-m", "mlflow", "db", "upgrade", sqlite_uri(database)],
        cwd=database.parent,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
    )
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise TrackingError(f"MLflow cannot prepare the tracking store {database}: {last}")


def _revision(database: Path) -> str | None:
    """The version of the tables, or None if the file is no MLflow store."""
    try:
        with _open(database) as connection:
            row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    except sqlite3.Error:
        return None
    return str(row[0]) if row else None


@contextlib.contextmanager
def _open(database: Path, *, durable: bool = True) -> Iterator[sqlite3.Connection]:
    """A transaction on `database`, then closed. durable=False: nobody else knows the file yet."""
    with contextlib.closing(sqlite3.connect(database, timeout=BUSY_SECONDS)) as connection:
        if not durable:
            connection.execute("PRAGMA synchronous = OFF")
        with connection:
            yield connection


def _find_experiment(connection: sqlite3.Connection, name: str) -> tuple[int, str, str] | None:
    found: tuple[int, str, str] | None = connection.execute(
        "SELECT experiment_id, artifact_location, lifecycle_stage FROM experiments"
        " WHERE name = ? AND workspace = 'default'",
        (name,),
    ).fetchone()
    return found


def _put_experiment(connection: sqlite3.Connection, number: int | None, name: str, location: str) -> None:
    """Inserts an experiment; one that is there under the same number or name keeps its number."""
    now = int(time.time() * 1000)
    connection.execute(
        "INSERT INTO experiments (experiment_id, name, artifact_location, lifecycle_stage, creation_time,"
        " last_update_time) VALUES (?, ?, ?, 'active', ?, ?)"
        " ON CONFLICT DO UPDATE SET artifact_location = excluded.artifact_location",
        (number, name, location, now, now),
    )


def _artifacts(database: Path, experiment: str) -> str:
    return (database.resolve().parent / ARTIFACTS / experiment).as_uri()


def _move_if_absent(fresh: Path, target: Path) -> None:
    """Gives `fresh` the name `target` in one step, unless another process was first."""
    if target.is_file() and target.stat().st_size == 0:
        target.unlink()
    try:
        os.link(fresh, target)
    except FileExistsError:
        pass
    except OSError:  # a file system without links
        if not target.exists():
            os.replace(fresh, target)
