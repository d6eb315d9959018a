"""A look into an MLflow sqlite file without MLflow and without trust in the file.

The file belongs to a learner. It is copied as bytes and read with every door of SQLite shut: no
functions, no views, no triggers, no writing, bounded text, bounded rows, bounded time.
"""

from __future__ import annotations

import contextlib
import os
import re
import sqlite3
import stat
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

from grader.errors import SeatrialError

MAX_BYTES = 512 * 1024 * 1024
MAX_ROWS = 1000
MAX_TEXT = 8000
SECONDS = 5.0


class TrackingError(SeatrialError):
    """A tracking store cannot be made or read; the message says what to do."""


@contextlib.contextmanager
def opened(database: Path) -> Iterator[sqlite3.Connection]:
    """A hardened connection to a private copy of the file as it is now.

    Raises TrackingError if the file is damaged, too large or takes too long, also while the copy is read.
    """
    try:
        with _snapshot(database) as connection:
            yield connection
    except (sqlite3.Error, sqlite3.Warning, ValueError, OverflowError, RecursionError, MemoryError) as error:
        raise TrackingError(
            f"The tracking store {database.name} cannot be read ({type(error).__name__}). "
            "Rename it and run the notebook again from the top; a new one is made."
        ) from error


def texts(connection: sqlite3.Connection, statement: str, values: tuple[object, ...]) -> dict[str, str]:
    """Pairs of texts that a SELECT gives, each cut at MAX_TEXT; what is no text is left out."""
    return {
        key[:MAX_TEXT]: value[:MAX_TEXT]
        for key, value in connection.execute(f"{statement} LIMIT {MAX_ROWS}", values)
        if isinstance(key, str) and isinstance(value, str)
    }


class Folders:
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
