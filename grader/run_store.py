"""Runs, read from an MLflow sqlite file without MLflow and without trust in the file.

The file belongs to a learner. It is copied as bytes and read with every door of SQLite shut: no
functions, no views, no triggers, no writing, bounded text, bounded rows, bounded time.
"""

from __future__ import annotations

import contextlib
import math
import os
import re
import sqlite3
import stat
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlsplit

from grader.errors import SeatrialError

MAX_BYTES = 512 * 1024 * 1024
PARENT = "mlflow.parentRunId"
MAX_ROWS = 1000
MAX_TEXT = 8000
SECONDS = 5.0
READY = 2  # mlflow.entities.LoggedModelStatus.READY


class TrackingError(SeatrialError):
    """A tracking store cannot be made or read; the message says what to do."""


@dataclass(frozen=True)
class ModelRecord:
    """A logged model that is ready. `folder` lies inside the store's folder and exists."""

    model_id: str
    name: str
    folder: Path


@dataclass(frozen=True)
class RunRecord:
    """One run as the store holds it.

    status: "RUNNING", "FINISHED", "FAILED", "KILLED" or "SCHEDULED".
    start_time_ms: milliseconds since 1970, by the clock of the process that made the run.
    metrics: the last value of each.
    artifact_folder: existing folder inside the store's folder, or None.
    """

    run_id: str
    status: str
    start_time_ms: int
    params: dict[str, str] = field(default_factory=dict)
    metrics: dict[str, float] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    artifact_folder: Path | None = None
    models: tuple[ModelRecord, ...] = ()
    name: str = ""


def newest_run(
    database: Path, experiment: str, since_ms: int, *, seen_as: Path | None = None
) -> RunRecord | None:
    """The run of `experiment` that was begun last, not before `since_ms`, or None.

    Of nested runs the outermost counts, as a learner's search over parameters is one run with children.
    seen_as: the folder of the database as the process that wrote the runs saw it, where that differs.
    Raises TrackingError if the file is damaged, too large or takes too long.
    """
    runs = runs_since(database, experiment, since_ms, seen_as=seen_as)
    return next((run for run in runs if PARENT not in run.tags), None)


def runs_since(
    database: Path, experiment: str, since_ms: int, *, limit: int = MAX_ROWS, seen_as: Path | None = None
) -> tuple[RunRecord, ...]:
    """Runs of `experiment` begun at `since_ms` or later, the newest first; () if there is no store."""
    if not os.path.lexists(database):
        return ()
    try:
        with _snapshot(database) as connection:
            return tuple(_read_runs(connection, experiment, since_ms, limit, _Folders(database, seen_as)))
    except (sqlite3.Error, sqlite3.Warning, ValueError, OverflowError, RecursionError, MemoryError) as error:
        raise TrackingError(
            f"The tracking store {database.name} cannot be read ({type(error).__name__}). "
            "Rename it and run the notebook again from the top; a new one is made."
        ) from error


class _Folders:
    """Turns the locations in a store into folders below the store, or into None."""

    def __init__(self, database: Path, seen_as: Path | None) -> None:
        self.root = database.parent.resolve()
        names = [database.parent, self.root] if seen_as is None else [seen_as]
        self.names = [Path(os.path.abspath(name)) for name in names]

    def local(self, location: object) -> Path | None:
        """The existing folder that `location` names, if it lies inside the store's folder."""
        path = _local_path(location)
        if path is None:
            return None
        for name in self.names:
            if path.is_relative_to(name):
                folder = (self.root / path.relative_to(name)).resolve()
                inside = folder != self.root and folder.is_relative_to(self.root)
                return folder if inside and folder.is_dir() else None
        return None


def _local_path(location: object) -> Path | None:
    """An absolute path without "..", from a path or a file address; None for anything else."""
    if not isinstance(location, str) or len(location) > 4096:
        return None
    if location.startswith("file:"):
        parts = urlsplit(location)
        if parts.netloc not in ("", "localhost") or parts.query or parts.fragment:
            return None
        location = unquote(parts.path)
        if os.name == "nt":
            location = location.removeprefix("/")
    elif re.match(r"[A-Za-z][A-Za-z0-9+.-]+:", location):
        return None
    if "\0" in location or not os.path.isabs(location):
        return None
    return Path(os.path.normpath(location))


@contextlib.contextmanager
def _snapshot(database: Path) -> Iterator[sqlite3.Connection]:
    """A hardened connection to a private copy of the file as it is now."""
    with tempfile.TemporaryDirectory(prefix="seatrial-", ignore_cleanup_errors=True) as folder:
        copy = Path(folder) / "store.db"
        _copy_file(database, copy)
        wal = Path(f"{database}-wal")
        if os.path.lexists(wal):
            _copy_file(wal, Path(f"{copy}-wal"))
        connection = sqlite3.connect(copy, isolation_level=None)
        try:
            _harden(connection)
            yield connection
        finally:
            connection.close()


def _copy_file(source: Path, target: Path) -> None:
    """Copies a regular file of bounded size; never follows a link and never waits for a pipe."""
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    flags |= getattr(os, "O_BINARY", 0)
    try:
        descriptor = os.open(source, flags)
        with open(descriptor, "rb") as reader, open(target, "wb") as writer:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise TrackingError(f"The tracking store {source.name} is not a file.")
            remaining = status.st_size
            if remaining > MAX_BYTES:
                raise TrackingError(f"The tracking store {source.name} is larger than {MAX_BYTES >> 20} MB.")
            while remaining > 0 and (block := reader.read(min(remaining, 1 << 20))):
                writer.write(block)
                remaining -= len(block)
    except OSError as error:
        raise TrackingError(
            f"The tracking store {source.name} cannot be opened: {error.strerror}."
        ) from error


def _harden(connection: sqlite3.Connection) -> None:
    """Shuts what SQLite would do on behalf of the file, and sets the bounds."""
    bounds = {
        sqlite3.SQLITE_LIMIT_LENGTH: 1_000_000,
        sqlite3.SQLITE_LIMIT_SQL_LENGTH: 100_000,
        sqlite3.SQLITE_LIMIT_COLUMN: 200,
        sqlite3.SQLITE_LIMIT_EXPR_DEPTH: 100,
        sqlite3.SQLITE_LIMIT_ATTACHED: 0,
        sqlite3.SQLITE_LIMIT_TRIGGER_DEPTH: 1,
        sqlite3.SQLITE_LIMIT_WORKER_THREADS: 0,
    }
    for bound, value in bounds.items():
        connection.setlimit(bound, value)
    connection.text_factory = lambda raw: raw.decode("utf-8", "replace")
    end = time.monotonic() + SECONDS
    connection.set_progress_handler(lambda: int(time.monotonic() > end), 1000)
    for pragma in ("trusted_schema = OFF", "query_only = ON", "cell_size_check = ON", "mmap_size = 0"):
        connection.execute(f"PRAGMA {pragma}")
    connection.set_authorizer(_authorize)


def _authorize(action: int, *where: str | None) -> int:
    """Allows SELECT on plain tables; denies functions, views, triggers, pragmas and writing.

    where: table, column, schema, and the view or trigger through which the table is read.
    """
    if action in (sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ) and where[3] is None:
        return sqlite3.SQLITE_OK
    return sqlite3.SQLITE_DENY


def _read_runs(
    connection: sqlite3.Connection, experiment: str, since_ms: int, limit: int, folders: _Folders
) -> Iterator[RunRecord]:
    runs = connection.execute(
        "SELECT run_uuid, name, status, start_time, artifact_uri FROM runs WHERE lifecycle_stage = 'active'"
        " AND start_time >= ? AND experiment_id IN"
        " (SELECT experiment_id FROM experiments WHERE name = ? AND lifecycle_stage = 'active')"
        " ORDER BY start_time DESC, rowid DESC LIMIT ?",
        (since_ms, experiment, min(limit, MAX_ROWS)),
    ).fetchall()
    for run_id, name, status, start_time_ms, artifact_uri in runs:
        if not (isinstance(run_id, str) and isinstance(status, str) and isinstance(start_time_ms, int)):
            continue
        yield RunRecord(
            run_id=run_id[:MAX_TEXT],
            status=status[:MAX_TEXT],
            start_time_ms=start_time_ms,
            params=_texts(connection, "params", run_id),
            metrics=_metrics(connection, run_id),
            tags=_texts(connection, "tags", run_id),
            artifact_folder=folders.local(artifact_uri),
            models=_models(connection, run_id, folders),
            name=name[:MAX_TEXT] if isinstance(name, str) else "",
        )


def _texts(connection: sqlite3.Connection, table: str, run_id: str) -> dict[str, str]:
    """Keys and values of one run that are text, cut at MAX_TEXT."""
    rows = connection.execute(
        f"SELECT key, value FROM {table} WHERE run_uuid = ? LIMIT {MAX_ROWS}",
        (run_id,),
    )
    return {
        key[:MAX_TEXT]: value[:MAX_TEXT]
        for key, value in rows
        if isinstance(key, str) and isinstance(value, str)
    }


def _metrics(connection: sqlite3.Connection, run_id: str) -> dict[str, float]:
    rows = connection.execute(
        f"SELECT key, value, is_nan FROM latest_metrics WHERE run_uuid = ? LIMIT {MAX_ROWS}", (run_id,)
    )
    return {
        key[:MAX_TEXT]: math.nan if is_nan else float(value)
        for key, value, is_nan in rows
        if isinstance(key, str) and isinstance(value, int | float)
    }


def _models(connection: sqlite3.Connection, run_id: str, folders: _Folders) -> tuple[ModelRecord, ...]:
    """Ready models that the run made, the newest first."""
    rows = connection.execute(
        "SELECT model_id, name, artifact_location FROM logged_models"
        f" WHERE source_run_id = ? AND lifecycle_stage = 'active' AND status = {READY}"
        f" ORDER BY creation_timestamp_ms DESC, rowid DESC LIMIT {MAX_ROWS}",
        (run_id,),
    )
    models = []
    for model_id, name, location in rows:
        folder = folders.local(location)
        if isinstance(model_id, str) and isinstance(name, str) and folder is not None:
            models.append(ModelRecord(model_id[:MAX_TEXT], name[:MAX_TEXT], folder))
    return tuple(models)
