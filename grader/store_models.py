"""Registered models and their versions, read from an MLflow sqlite file without MLflow."""

from __future__ import annotations

import os
import re
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from grader.store_snapshot import MAX_ROWS, MAX_TEXT, Folders, opened, texts


@dataclass(frozen=True)
class VersionRecord:
    """One version of a registered model.

    run_id: of the run that made it, or "". source: address of the model that was registered, as the store has it.
    folder: where that model lies, inside the store's folder, or None.
    """

    name: str
    number: int
    run_id: str
    source: str
    status: str
    tags: dict[str, str] = field(default_factory=dict)
    folder: Path | None = None


@dataclass(frozen=True)
class RegisteredRecord:
    """A registered model. versions: the oldest first. aliases: number of the version that each names."""

    name: str
    versions: tuple[VersionRecord, ...] = ()
    aliases: dict[str, int] = field(default_factory=dict)


def registered_models(database: Path, *, seen_as: Path | None = None) -> tuple[RegisteredRecord, ...]:
    """All registered models by name; () if there is no store.

    seen_as: the folder of the database as the process that wrote it saw it, where that differs.
    Raises TrackingError if the file is damaged, too large or takes too long.
    """
    if not os.path.lexists(database):
        return ()
    with opened(database) as connection:
        rows = connection.execute(f"SELECT name FROM registered_models ORDER BY name LIMIT {MAX_ROWS}")
        names = [name for (name,) in rows.fetchall() if isinstance(name, str)]
        folders = Folders(database, seen_as)
        return tuple(
            RegisteredRecord(
                name[:MAX_TEXT],
                tuple(_versions(connection, name, folders))[::-1],
                _aliases(connection, name),
            )
            for name in names
        )


def _versions(connection: sqlite3.Connection, name: str, folders: Folders) -> Iterator[VersionRecord]:
    """The newest first, so that a bound on rows leaves these."""
    rows = connection.execute(
        "SELECT version, run_id, source, storage_location, status FROM model_versions WHERE name = ?"
        f" ORDER BY version DESC LIMIT {MAX_ROWS}",
        (name,),
    ).fetchall()
    for number, run_id, source, location, status in rows:
        if not isinstance(number, int) or not isinstance(source, str):
            continue
        found = (folders.local(place) for place in (_logged(connection, source), location, source))
        yield VersionRecord(
            name=name[:MAX_TEXT],
            number=number,
            run_id=run_id[:MAX_TEXT] if isinstance(run_id, str) else "",
            source=source[:MAX_TEXT],
            status=status[:MAX_TEXT] if isinstance(status, str) else "",
            tags=texts(
                connection,
                "SELECT key, value FROM model_version_tags WHERE name = ? AND version = ?",
                (name, number),
            ),
            folder=next((folder for folder in found if folder is not None), None),
        )


def _logged(connection: sqlite3.Connection, source: str) -> object:
    """Where the logged model that `source` names lies, or None."""
    named = re.fullmatch(r"models:/(m-[0-9a-f]{1,64})", source)
    if named is None:
        return None
    row = connection.execute(
        "SELECT artifact_location FROM logged_models WHERE model_id = ?", (named.group(1),)
    ).fetchone()
    return row[0] if row else None


def _aliases(connection: sqlite3.Connection, name: str) -> dict[str, int]:
    rows = connection.execute(
        f"SELECT alias, version FROM registered_model_aliases WHERE name = ? LIMIT {MAX_ROWS}", (name,)
    )
    return {
        alias[:MAX_TEXT]: number
        for alias, number in rows
        if isinstance(alias, str) and isinstance(number, int)
    }
