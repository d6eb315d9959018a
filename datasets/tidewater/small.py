"""The world that ships with the course: seed 0, 60 days, 1,000 orders a day, no incidents.

load_small("orders")                 a table, from Parquet
duckdb.connect(database(), read_only=True)    all tables, in one file in the user's cache folder
"""

from __future__ import annotations

import hashlib
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tidewater import parquet, store
from tidewater.database import make_database
from tidewater.names import offer
from tidewater.real.locking import locked
from tidewater.real.public import data_folder
from tidewater.world import TABLES, UnknownTableError, World, make_world

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["FOLDER", "NAMES", "database", "load_small", "make_small", "world_tables", "write_small"]

FOLDER = Path(__file__).parent / "small"
NAMES = tuple(name for name in TABLES if (FOLDER / f"{name}.parquet").exists())
_SEED, _DAYS, _ORDERS_PER_DAY = 0, 60, 1000.0
_PAUSE_SECONDS, _PATIENCE_SECONDS = 0.05, 120.0


def load_small(name: str) -> pd.DataFrame:
    """One table of the shipped world, equal to the one that the generator makes.

    Raises UnknownTableError for a name that is not in NAMES.
    """
    import pyarrow.parquet as pq

    if name not in NAMES:
        raise UnknownTableError(f'the small world has no table named "{name}". {offer(name, NAMES)}')
    return pq.ParquetFile(_path(name)).read().replace_schema_metadata(None).to_pandas()


def world_tables() -> dict[str, pd.DataFrame]:
    """Every table of the shipped world by its name."""
    return {name: load_small(name) for name in NAMES}


def make_small() -> World:
    """The shipped world from the generator; its `truth` is there, too."""
    return make_world(_SEED, _DAYS, _ORDERS_PER_DAY)


def write_small(folder: Path = FOLDER) -> dict[str, Any]:
    """Makes the shipped files anew, one a table, and returns what `world.json` says about them."""
    world = make_small()
    folder.mkdir(parents=True, exist_ok=True)
    hashes = {}
    for name in world.tables:
        path = folder / f"{name}.parquet"
        hashes[name] = parquet.write_table(world.arrow(name), path, parquet.SMALLEST_LEVEL)
    about = store.description(world, world.tables) | {"complete": True, "tables": hashes}
    store.write_description(folder, about)
    return about


def database() -> Path:
    """The path of one DuckDB file with every table of the shipped world; open it with `read_only=True`.

    It is made on first use, in the folder that SEATRIAL_DATA names or the user's cache folder, and again when the
    shipped files or DuckDB change. Nobody may write to it.
    Raises OSError if the folder cannot be written.
    """
    import duckdb

    shipped = (FOLDER / store.NAME).read_bytes() + "\n".join(NAMES).encode() + duckdb.__version__.encode()
    folder = data_folder()
    target = folder / f"tidewater-{hashlib.sha256(shipped).hexdigest()[:16]}.duckdb"
    if target.exists():
        return target
    folder.mkdir(parents=True, exist_ok=True)
    deadline = time.monotonic() + _PATIENCE_SECONDS

    def wait() -> None:
        if time.monotonic() > deadline:
            raise TimeoutError(f"another process has been making {target} for too long")
        time.sleep(_PAUSE_SECONDS)

    with locked(folder / ".tidewater.lock", wait):
        if not target.exists():
            whole = make_database(target.with_suffix(".new"), {name: str(_path(name)) for name in NAMES})
            whole.chmod(0o444)
            os.replace(whole, target)
    return target


def _path(name: str) -> Path:
    return FOLDER / f"{name}.parquet"
