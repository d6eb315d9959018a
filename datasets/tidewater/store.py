"""A world on disk: Parquet in day partitions, written day by day, gone on with after a break.

    FOLDER/world.json                            arguments, format, content hash of every table
    FOLDER/orders/day=2025-01-01/part-0.parquet  a daily table; its `day` is in the path
    FOLDER/customers/part-0.parquet              a table in one piece

A file appears whole or not at all, and names the hash of its content; a finished one is kept by the next run.
"""

from __future__ import annotations

import json
import math
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from tidewater import parquet, sales
from tidewater.calendar import START
from tidewater.columns import Columns, to_arrow
from tidewater.core import Core
from tidewater.database import make_database
from tidewater.real.locking import locked
from tidewater.world import TABLES, World

__all__ = [
    "FORMAT",
    "NAME",
    "StoreError",
    "description",
    "glob_of",
    "read_description",
    "write_database",
    "write_description",
    "write_world",
]

FORMAT = 1  # of the folder; another number means other paths or another meaning of a hash
NAME = "world.json"
DATABASE = "tidewater.duckdb"
FILE = "part-0.parquet"
_LOCK, _PIECES = ".lock", ".pieces"
_OWN = {NAME, f".{NAME}.part", _LOCK, _PIECES}
# Tables in one piece that are made from a small piece of every day.
_GATHERED: dict[str, Callable[[Core, int], Columns]] = {"chargebacks": sales.chargebacks_of_day}


class StoreError(ValueError):
    """The folder cannot take this world, or holds none; the message says why."""


def write_world(
    world: World,
    folder: Path | str,
    progress: Callable[[int, int], None] | None = None,
    tables: Sequence[str] | None = None,
) -> dict[str, Any]:
    """Writes the world's tables to the folder and returns what `world.json` says about them.

    progress: called with the number of finished days and of all days. tables: names, default all.
    A day of orders is made once for all tables; memory does not grow with the days, but with the customers.
    Killed at any moment, the same call goes on where the last one was and ends with the same files.
    Raises StoreError if the folder holds anything else, or another process is writing there.
    """
    folder, names = Path(folder), _chosen(world, tables)
    tell = progress or _silent
    about = description(world, names)
    with _only_writer(folder):
        if _begin(folder, about):
            tell(world.days, world.days)
        else:
            _check_generator(world, folder, names)
            hashes = _write_days(world, folder, names, tell)
            for name in names:
                if name not in hashes:
                    hashes[name] = _keep(folder / name / FILE, partial(world.arrow, name))
            done = about | {"complete": True, "tables": {name: hashes[name] for name in names}}
            write_description(folder, done)
        shutil.rmtree(folder / _PIECES, ignore_errors=True)
        return read_description(folder)


def description(world: World, names: Iterable[str]) -> dict[str, Any]:
    """What identifies a world on disk: format, arguments, tables; not yet the hashes."""
    core = world._core
    return {
        "format": FORMAT,
        "seed": core.seed,
        "days": core.days,
        "orders_per_day": core.orders_per_day,
        "incidents": [
            {key: _plain(value) for key, value in asdict(incident).items()} for incident in core.incidents
        ],
        "tables": dict.fromkeys(names, ""),
        "complete": False,
    }


def read_description(folder: Path | str) -> dict[str, Any]:
    """What `world.json` says. Raises StoreError where there is none, or not one of this format."""
    path = Path(folder) / NAME
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise StoreError(f"{folder} holds no world: there is no {NAME}") from None
    except (OSError, ValueError) as error:
        raise StoreError(f"{path} cannot be read: {error}") from error
    if not isinstance(found, dict) or found.get("format") != FORMAT:
        raise StoreError(
            f"{path} is of another format than {FORMAT}; write the world again to another folder"
        )
    return found


def write_database(folder: Path | str) -> Path:
    """One DuckDB file beside the Parquet files of a finished world, with all its tables; kept if it is there."""
    folder = Path(folder)
    about = read_description(folder)
    if not about["complete"]:
        raise StoreError(f"the world in {folder} is not finished; write it to its end first")
    target = folder / DATABASE
    with _only_writer(folder):
        if not target.exists():
            make_database(target, {name: glob_of(folder, name) for name in about["tables"]})
    return target


def glob_of(folder: Path | str, name: str) -> str:
    """The files of one table, as DuckDB's read_parquet takes them (with hive_partitioning for `day`)."""
    place = Path(folder) / name
    return str(place / "*" / FILE if TABLES[name].daily is not None else place / FILE)


def _chosen(world: World, tables: Sequence[str] | None) -> tuple[str, ...]:
    if tables is None:
        return world.tables
    for name in tables:
        world._find(name)
    return tuple(name for name in world.tables if name in tables)


@contextmanager
def _only_writer(folder: Path) -> Iterator[None]:
    def busy() -> None:
        raise StoreError(f"another process is writing to {folder}")

    try:
        folder.mkdir(parents=True, exist_ok=True)
        foreign = sorted(entry.name for entry in folder.iterdir() if entry.name not in _OWN)
    except (FileExistsError, NotADirectoryError):
        raise StoreError(f"{folder} is a file; name a folder") from None
    if foreign and not (folder / NAME).exists():
        raise StoreError(f'{folder} holds other files ("{foreign[0]}"); name a new or an empty folder')
    with locked(folder / _LOCK, busy):
        yield


def _begin(folder: Path, about: dict[str, Any]) -> bool:
    """Writes down which world this folder is for; True if it holds the whole of it already."""
    if not (folder / NAME).exists():
        write_description(folder, about)
        return False
    found = read_description(folder)
    for key, value in about.items():
        here = found.get(key)
        same = list(here) == list(value) if key == "tables" and here else here == value
        if key != "complete" and not same:
            words = f"{key.replace('_', ' ')}: {_short(here, key)}, not {_short(value, key)}"
            raise StoreError(f"{folder} holds another world ({words}); name another folder")
    missing = [name for name in about["tables"] if not _all_there(folder, name, about["days"])]
    return bool(found.get("complete")) and not missing


def _all_there(folder: Path, name: str, days: int) -> bool:
    """Whether the files of a table can be opened."""
    if TABLES[name].daily is None:
        return parquet.stored_hash(folder / name / FILE) is not None
    return all(parquet.stored_hash(_day_path(folder, name, day)) is not None for day in range(days))


def _check_generator(world: World, folder: Path, names: tuple[str, ...]) -> None:
    """What was begun must be gone on with by the same generator: the last finished day is made once more."""
    for name in names:
        if TABLES[name].daily is None:
            continue
        done = [day for day in range(world.days) if _day_path(folder, name, day).exists()]
        kept = parquet.stored_hash(_day_path(folder, name, done[-1])) if done else None
        if kept and kept != parquet.content_hash(world.arrow(name, done[-1])):
            raise StoreError(
                f"{folder} was begun by another version of the generator ({name} differ on day {done[-1]}). "
                "Delete the folder, or name another one"
            )


def _write_days(
    world: World, folder: Path, names: tuple[str, ...], tell: Callable[[int, int], None]
) -> dict[str, str]:
    """All daily tables, one day of all of them after the other; returns the hash of each table."""
    daily = [name for name in names if TABLES[name].daily is not None]
    gathered = [
        name for name in names if name in _GATHERED and parquet.stored_hash(folder / name / FILE) is None
    ]
    hashes: dict[str, list[str]] = {name: [] for name in daily}
    tell(0, world.days)
    for day in range(world.days):
        for name in daily:
            path = _day_path(folder, name, day)
            hashes[name].append(_keep(path, partial(world.arrow, name, day)))
        for name in gathered:
            path = folder / _PIECES / name / f"{day:04}.parquet"
            _keep(path, partial(_piece, world, name, day))
        tell(day + 1, world.days)
    joined = {name: parquet.joined_hash(found) for name, found in hashes.items()}
    for name in names:
        if name in _GATHERED:
            joined[name] = _keep(folder / name / FILE, partial(_gather, world, folder / _PIECES / name))
    return joined


def _piece(world: World, name: str, day: int) -> Any:
    """What one day brings to a gathered table."""
    return to_arrow(_GATHERED[name](world._core, day))


def _gather(world: World, pieces: Path) -> Any:
    """The table of all days' chargebacks, equal to the one that the world gives."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.concat_tables([pq.ParquetFile(path).read() for path in sorted(pieces.glob("*.parquet"))])
    moment = table["reported_at"].to_numpy()
    rows = np.argsort(moment, kind="stable")
    return table.take(rows[moment[rows] < world.end]).drop_columns("is_true").replace_schema_metadata(None)


def _keep(path: Path, make: Callable[[], Any]) -> str:
    """The content hash of the file, which is written if it is not there."""
    return parquet.stored_hash(path) or parquet.write_table(make(), path)


def _day_path(folder: Path, name: str, day: int) -> Path:
    date = START.astype("datetime64[D]") + np.timedelta64(day, "D")
    return folder / name / f"day={date}" / FILE


def write_description(folder: Path, content: dict[str, Any]) -> None:
    """Writes `world.json` in one step."""
    part = folder / f".{NAME}.part"
    part.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    os.replace(part, folder / NAME)


def _plain(value: Any) -> Any:
    """A value that JSON knows: an incident without an end has null days."""
    return None if isinstance(value, float) and math.isinf(value) else value


def _short(value: Any, key: str) -> str:
    if key == "incidents":
        return ", ".join(f"{one['name']} on day {one['start_day']:g}" for one in value or ()) or "none"
    return ", ".join(value) if key == "tables" else str(value)


def _silent(_done: int, _days: int) -> None:
    """Says nothing."""
