"""The world that ships: small, what the generator makes, and one DuckDB file of it."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from tidewater import parquet, small, store
from tidewater.world import UnknownTableError

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def world():
    """The shipped world from the generator."""
    return small.make_small()


def test_the_small_world_is_what_the_generator_makes(world) -> None:
    """If this fails after a change to the generator: `mle data make --small`, and commit its files."""
    about = store.read_description(small.FOLDER)
    stale = [
        name for name in world.tables if about["tables"].get(name) != parquet.content_hash(world.arrow(name))
    ]

    assert stale == []
    assert set(small.NAMES) == set(world.tables)


def test_the_small_world_is_small() -> None:
    """Under 5 MB, so that a clone and a wheel stay light."""
    assert sum(path.stat().st_size for path in small.FOLDER.iterdir()) < 5_000_000


def test_shipped_files_hold_what_they_say() -> None:
    """Each file's content has the hash that world.json and the file itself name."""
    about = store.read_description(small.FOLDER)
    for name in small.NAMES:
        path = small.FOLDER / f"{name}.parquet"
        assert parquet.content_hash(pq.read_table(path)) == about["tables"][name] == parquet.stored_hash(path)


def test_a_small_table_equals_the_generated_one(world) -> None:
    """Types and missing values, too; each call gives a table of its own."""
    found = small.load_small("orders")
    found["amount"] = 0.0

    pd.testing.assert_frame_equal(small.load_small("orders"), world.orders)
    assert small.load_small("orders").attrs == {}
    with pytest.raises(UnknownTableError, match='Did you mean "orders"'):
        small.load_small("order")


def test_the_database_is_made_once(tmp_path, monkeypatch) -> None:
    """Two processes at once get one whole file; nobody may write to it."""
    monkeypatch.setenv("SEATRIAL_DATA", str(tmp_path))
    code = "from tidewater import small; print(small.database())"
    started = [
        subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) for _ in range(2)
    ]
    paths = {process.communicate()[0].strip() for process in started}
    path = small.database()
    with duckdb.connect(str(path), read_only=True) as connection:
        names = {row[0] for row in connection.sql("show tables").fetchall()}
        orders = connection.sql("from orders").df()

    assert paths == {str(path)}
    assert path.parent == tmp_path
    assert names == set(small.NAMES)
    assert np.array_equal(orders["order_id"], small.load_small("orders")["order_id"])
    assert not path.stat().st_mode & 0o222
    assert [each for each in os.listdir(tmp_path) if each != ".tidewater.lock"] == [path.name]


def test_the_wheel_holds_the_small_world(tmp_path) -> None:
    """A class's students install the wheel and have the data."""
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    names = zipfile.ZipFile(next(tmp_path.glob("*.whl"))).namelist()

    assert {f"tidewater/small/{path.name}" for path in small.FOLDER.iterdir()} <= set(names)
