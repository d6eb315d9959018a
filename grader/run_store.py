"""Runs, read from an MLflow sqlite file without MLflow and without trust in the file."""

from __future__ import annotations

import math
import os
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from grader.store_snapshot import MAX_ROWS, MAX_TEXT, Folders, TrackingError, opened, texts

__all__ = ["PARENT", "ModelRecord", "RunRecord", "TrackingError", "newest_run", "runs_since"]

PARENT = "mlflow.parentRunId"
MOST_LEVELS = 5  # of nested runs below the newest one
READY = 2  # mlflow.entities.LoggedModelStatus.READY


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
    children: the runs nested below it, the oldest first; newest_run alone fills this and `history`.
    history: all values of each metric with their steps, in the order of steps and then of time.
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
    children: tuple[RunRecord, ...] = ()
    history: dict[str, tuple[tuple[int, float], ...]] = field(default_factory=dict)


def newest_run(
    database: Path, experiment: str, since_ms: int, *, seen_as: Path | None = None
) -> RunRecord | None:
    """The run of `experiment` that was begun last, not before `since_ms`, with its children; or None.

    Of nested runs the outermost counts, as a learner's search over parameters is one run with children.
    seen_as: the folder of the database as the process that wrote the runs saw it, where that differs.
    Raises TrackingError if the file is damaged, too large or takes too long.
    """
    if not os.path.lexists(database):
        return None
    with opened(database) as connection:
        runs = tuple(_read_runs(connection, experiment, since_ms, MAX_ROWS, Folders(database, seen_as)))
        newest = next((run for run in runs if PARENT not in run.tags), None)
        below: dict[str, list[RunRecord]] = {}
        for run in reversed(runs):
            if PARENT in run.tags:
                below.setdefault(run.tags[PARENT], []).append(run)
        return newest and _with_children(connection, newest, below, MOST_LEVELS)


def runs_since(
    database: Path, experiment: str, since_ms: int, *, limit: int = MAX_ROWS, seen_as: Path | None = None
) -> tuple[RunRecord, ...]:
    """Runs of `experiment` begun at `since_ms` or later, the newest first; () if there is no store."""
    if not os.path.lexists(database):
        return ()
    with opened(database) as connection:
        return tuple(_read_runs(connection, experiment, since_ms, limit, Folders(database, seen_as)))


def _read_runs(
    connection: sqlite3.Connection, experiment: str, since_ms: int, limit: int, folders: Folders
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


def _with_children(
    connection: sqlite3.Connection, run: RunRecord, below: dict[str, list[RunRecord]], levels: int
) -> RunRecord:
    """The run with its histories and, so many levels deep, with the runs that name it as their parent.

    Each run is taken out of `below` once: a file that repeats an id makes no more work than it has rows.
    """
    children = below.pop(run.run_id, []) if levels else []
    nested = tuple(_with_children(connection, child, below, levels - 1) for child in children)
    return replace(run, children=nested, history=_history(connection, run.run_id))


def _history(connection: sqlite3.Connection, run_id: str) -> dict[str, tuple[tuple[int, float], ...]]:
    rows = connection.execute(
        "SELECT key, step, value, is_nan FROM metrics WHERE run_uuid = ?"
        f" ORDER BY step, timestamp LIMIT {MAX_ROWS}",
        (run_id,),
    )
    history: dict[str, list[tuple[int, float]]] = {}
    for key, step, value, is_nan in rows:
        if isinstance(key, str) and isinstance(step, int) and isinstance(value, int | float):
            history.setdefault(key[:MAX_TEXT], []).append((step, math.nan if is_nan else float(value)))
    return {key: tuple(values) for key, values in history.items()}


def _texts(connection: sqlite3.Connection, table: str, run_id: str) -> dict[str, str]:
    return texts(connection, f"SELECT key, value FROM {table} WHERE run_uuid = ?", (run_id,))


def _metrics(connection: sqlite3.Connection, run_id: str) -> dict[str, float]:
    rows = connection.execute(
        f"SELECT key, value, is_nan FROM latest_metrics WHERE run_uuid = ? LIMIT {MAX_ROWS}", (run_id,)
    )
    return {
        key[:MAX_TEXT]: math.nan if is_nan else float(value)
        for key, value, is_nan in rows
        if isinstance(key, str) and isinstance(value, int | float)
    }


def _models(connection: sqlite3.Connection, run_id: str, folders: Folders) -> tuple[ModelRecord, ...]:
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
