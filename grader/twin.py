"""A throwaway twin of a learner's store, so that what a check logs never reaches the learner's runs."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import sys
from collections.abc import Iterator
from pathlib import Path

from grader.run_store import TrackingError
from grader.store import ARTIFACTS, BUSY_SECONDS, DATABASE, database_of, sqlite_uri

MOST_ARTIFACT_BYTES = 256 * 1024 * 1024
PLACES = (
    ("experiments", "artifact_location"),
    ("runs", "artifact_uri"),
    ("logged_models", "artifact_location"),
)


def twin_store(database: Path, experiment: str, folder: Path) -> Path:
    """A copy of `database` in `folder` whose artifacts of `experiment` lie there, too; returns its file.

    Artifacts of more than 256 MB together stay behind. Raises TrackingError if the store cannot be read.
    """
    twin = folder / DATABASE
    old, new = database.resolve().parent / ARTIFACTS, folder.resolve() / ARTIFACTS
    try:
        with (
            contextlib.closing(sqlite3.connect(database, timeout=BUSY_SECONDS)) as source,
            contextlib.closing(sqlite3.connect(twin)) as target,
        ):
            source.backup(target)
            with target:
                for table, column in PLACES:
                    target.execute(
                        f"UPDATE {table} SET {column} = replace({column}, ?, ?)", (old.as_uri(), new.as_uri())
                    )
    except sqlite3.Error as error:
        raise TrackingError(f"The tracking store {database} cannot be copied for a check: {error}") from error
    if (old / experiment).is_dir() and size_bytes(old / experiment) <= MOST_ARTIFACT_BYTES:
        shutil.copytree(old / experiment, new / experiment, dirs_exist_ok=True)
    return twin


def size_bytes(folder: Path) -> int:
    """Bytes of all files below `folder`."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


@contextlib.contextmanager
def into_twin(experiment: str, folder: Path) -> Iterator[Path | None]:
    """While the block runs, this process logs into a twin in `folder`; gives the twin's file.

    Where the notebook's store is no sqlite file there is nothing to copy: None.
    """
    before = os.environ.get("MLFLOW_TRACKING_URI", "")
    database = database_of(before)
    if database is None or not database.is_file():
        yield None
        return
    twin = twin_store(database, experiment, folder)
    point_to(sqlite_uri(twin))
    try:
        yield twin
    finally:
        point_to(before)


def point_to(uri: str) -> None:
    """Make `uri` the place where this process logs runs."""
    os.environ["MLFLOW_TRACKING_URI"] = uri
    mlflow = sys.modules.get("mlflow")
    if mlflow is not None:
        mlflow.set_tracking_uri(uri)
