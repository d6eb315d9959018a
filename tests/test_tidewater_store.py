"""Worlds on disk: day by day, whole or not at all, gone on with after a kill."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tidewater import Incident, make_world, parquet, store
from tidewater.real.locking import locked
from tidewater.world import UnknownTableError

from grader import cli

ROOT = Path(__file__).parent.parent
SALES = ["customers", "orders", "payments", "chargebacks", "deliveries"]
MLE = [sys.executable, "-m", "grader.cli"]


@pytest.fixture(scope="module")
def world():
    """Eight days of a small world in which something happens."""
    return make_world(7, 8, 60, [Incident("duplicate_events", 2, days=3), Incident("null_burst", 4)])


@pytest.fixture(scope="module")
def written(world, tmp_path_factory):
    """The folder of that world."""
    folder = tmp_path_factory.mktemp("worlds") / "one"
    store.write_world(world, folder)
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    """Every file of a folder but the lock."""
    files = (path for path in folder.rglob("*") if path.is_file() and path.name != ".lock")
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def rows_of(folder: Path, name: str) -> pa.Table:
    """A table as the files of the folder hold it, the days in order."""
    paths = sorted((folder / name).rglob("*.parquet"))
    return pa.concat_tables([pq.ParquetFile(path).read().replace_schema_metadata(None) for path in paths])


def test_the_files_hold_what_the_world_gives(world, written) -> None:
    """Every table, every column, every missing value and the types."""
    different = [name for name in world.tables if not rows_of(written, name).equals(world.arrow(name))]

    assert different == []


def test_daily_tables_lie_in_day_partitions(world, written) -> None:
    """DuckDB reads the day of an order from the path and only opens the files that it needs."""
    query = f"from read_parquet('{store.glob_of(written, 'orders')}', hive_partitioning = true)"
    per_day = duckdb.connect().execute(f"select day, count(*) {query} group by day order by day").fetchall()

    assert (written / "orders" / "day=2025-01-08" / "part-0.parquet").exists()
    assert [str(day) for day, _ in per_day] == [f"2025-01-0{day}" for day in range(1, 9)]
    assert [n for _, n in per_day] == [table.num_rows for table in world.by_day("orders")]


def test_gathered_chargebacks_equal_the_table(tmp_path) -> None:
    """The pieces of the days, put in order of their report and cut at the world's end."""
    world = make_world(3, 100, 60, [Incident("poisoned_labels", 10), Incident("late_labels", 20)])
    store.write_world(world, tmp_path / "w", tables=["chargebacks"])

    assert len(world.chargebacks) > 20
    assert rows_of(tmp_path / "w", "chargebacks").equals(world.arrow("chargebacks"))


def test_the_hash_is_of_the_content(world) -> None:
    """Chunks, offsets and dictionaries do not count; a value, a missing value, a name and a type do."""
    table = world.arrow("payments", 4)
    halves = pa.concat_tables([table.slice(0, 7), table.slice(7)])
    values = pa.table({"x": [1, None]})
    others = [
        pa.table({"x": [1, 0]}),
        pa.table({"y": [1, None]}),
        pa.table({"x": [1.0, None]}),
        pa.table({"x": [None, 1]}),
    ]
    texts = [pa.table({"x": words}) for words in (["ab", "c"], ["a", "bc"], ["abc", ""], ["abc", None])]
    hashes = [parquet.content_hash(one) for one in (values, *others, *texts)]

    assert parquet.content_hash(halves) == parquet.content_hash(table)
    assert len(set(hashes)) == len(hashes)


def test_world_json_names_arguments_and_hashes(world, written) -> None:
    """What another run, or another machine, has to get again."""
    about = store.read_description(written)
    days = [parquet.content_hash(table) for table in world.by_day("orders")]

    assert (about["seed"], about["days"], about["orders_per_day"]) == (7, 8, 60)
    assert [one["name"] for one in about["incidents"]] == ["duplicate_events", "null_burst"]
    assert about["tables"]["orders"] == parquet.joined_hash(days)
    assert about["tables"]["customers"] == parquet.content_hash(world.arrow("customers"))
    assert about["complete"] is True


@pytest.mark.parametrize("kill_after_day", [0, 3, 8])
def test_a_killed_run_is_gone_on_with(kill_after_day, tmp_path, written) -> None:
    """SIGKILL between any two days: the next run keeps the finished files, and all bytes are those of one run."""
    code = (
        "import os, sys; from tidewater import Incident, make_world, store\n"
        "world = make_world(7, 8, 60, [Incident('duplicate_events', 2, days=3), Incident('null_burst', 4)])\n"
        "store.write_world(world, sys.argv[1], "
        "lambda done, days: done == int(sys.argv[2]) and os.kill(os.getpid(), 9))\n"
    )
    folder = tmp_path / "w"
    killed = subprocess.run([sys.executable, "-c", code, str(folder), str(kill_after_day)], check=False)
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("part-0.parquet")}
    done: list[int] = []
    world = make_world(7, 8, 60, [Incident("duplicate_events", 2, days=3), Incident("null_burst", 4)])
    store.write_world(world, folder, lambda day, _days: done.append(day))

    assert killed.returncode == -signal.SIGKILL
    assert contents(folder) == contents(written)
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert done == list(range(9))


def test_half_a_file_is_not_taken(world, written, tmp_path) -> None:
    """A file that lost its end, as after a power cut, and what a killed writer left behind are written again."""
    folder = tmp_path / "w"
    shutil.copytree(written, folder)
    path = folder / "orders" / "day=2025-01-05" / "part-0.parquet"
    path.write_bytes(path.read_bytes()[:1000])
    path.with_name(".part-0.parquet.part").write_bytes(b"PAR1")
    (folder / "products" / "part-0.parquet").unlink()
    store.write_world(world, folder)

    assert contents(folder) == contents(written)


def test_a_folder_with_another_world_is_refused(written) -> None:
    """With the argument that differs; nothing is written."""
    before = contents(written)
    incidents = [Incident("duplicate_events", 2, days=3), Incident("null_burst", 4)]
    for other, word in [
        (make_world(8, 8, 60, incidents), "seed: 7, not 8"),
        (make_world(7, 9, 60, incidents), "days: 8, not 9"),
        (make_world(7, 8, 60), "incidents: duplicate_events on day 2, null_burst on day 4, not none"),
    ]:
        with pytest.raises(store.StoreError, match=word):
            store.write_world(other, written)

    assert contents(written) == before


def test_a_folder_with_something_else_is_refused(world, tmp_path) -> None:
    """Nobody's files are mixed with a world's."""
    (tmp_path / "notes.txt").write_text("mine")

    with pytest.raises(store.StoreError, match=r'holds other files \("notes.txt"\)'):
        store.write_world(world, tmp_path)
    with pytest.raises(store.StoreError, match="is a file"):
        store.write_world(world, tmp_path / "notes.txt")
    with pytest.raises(UnknownTableError, match="orders"):
        store.write_world(world, tmp_path / "new", tables=["order"])
    assert not (tmp_path / "new").exists()


def test_a_second_writer_is_refused(world, written) -> None:
    """Two at once would take each other's unfinished files away."""

    def busy() -> None:
        raise AssertionError

    with locked(written / ".lock", busy), pytest.raises(store.StoreError, match="another process"):
        store.write_world(world, written)


def test_another_generator_does_not_go_on(world, written, tmp_path) -> None:
    """An unfinished folder whose last day the generator no longer makes is of another version."""
    folder = tmp_path / "w"
    shutil.copytree(written, folder)
    shutil.rmtree(folder / "orders" / "day=2025-01-08")
    parquet.write_table(world.arrow("orders", 1), folder / "orders" / "day=2025-01-07" / "part-0.parquet")

    with pytest.raises(store.StoreError, match="another version of the generator"):
        store.write_world(world, folder)


def test_memory_is_flat_in_days(tmp_path) -> None:
    """Six times the days take at most a few megabytes more, for the customers of these days."""
    code = (
        "import resource, sys; from tidewater import make_world, store\n"
        f"store.write_world(make_world(1, int(sys.argv[2]), 4000), sys.argv[1], tables={SALES})\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)\n"
    )
    peaks = []
    for days in (6, 36):
        command = [sys.executable, "-c", code, str(tmp_path / str(days)), str(days)]
        peaks.append(int(subprocess.run(command, check=True, capture_output=True, text=True).stdout))

    assert peaks[1] - peaks[0] < 40


def test_a_killed_command_goes_on(tmp_path, capsys) -> None:
    """`mle data make`, kill -9 in the middle, and again: the same files as in one go, and the DuckDB file."""
    options = ["--days", "90", "--orders-per-day", "200", "--seed", "5", "--incident", "unit_change"]
    tables = [word for name in SALES for word in ("--table", name)]
    command = [*MLE, "data", "make", str(tmp_path / "killed"), *options, *tables]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE)
    try:
        while not list((tmp_path / "killed").glob("orders/day=2025-0[2-9]*")) and process.poll() is None:
            time.sleep(0.01)
    finally:
        process.kill()
        process.communicate()
    unfinished = store.read_description(tmp_path / "killed")
    result = subprocess.run([*command, "--format", "duckdb"], cwd=ROOT, capture_output=True, text=True)
    world = make_world(5, 90, 200, ["unit_change"])
    store.write_world(world, tmp_path / "whole", tables=SALES)
    found = contents(tmp_path / "killed")
    database = found.pop("tidewater.duckdb")

    assert unfinished["complete"] is False
    assert (result.returncode, result.stderr) == (0, "")
    assert found == contents(tmp_path / "whole")
    assert database
    with duckdb.connect(str(tmp_path / "killed" / "tidewater.duckdb"), read_only=True) as connection:
        assert connection.sql("from orders").to_arrow_table().num_rows == len(world.orders)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--days", "0"], "days is a whole number from 1 to 3660"),
        (["--incident", "nul_burst"], 'Did you mean "null_burst"?'),
        (["--table", "order"], 'Did you mean "orders"?'),
        (["--seed", "-1"], "--seed"),
    ],
)
def test_wrong_use_ends_with_2(arguments, message, tmp_path, capsys) -> None:
    """The sentence says what is wrong; no folder is left."""
    with pytest.raises(SystemExit) as ended:
        cli.main(["data", "make", str(tmp_path / "w"), *arguments])

    assert ended.value.code == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "w").exists()


def test_a_foreign_folder_ends_with_2(tmp_path, capsys) -> None:
    """The files that are there stay alone."""
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(SystemExit) as ended:
        cli.main(["data", "make", str(tmp_path)])

    assert ended.value.code == 2
    assert "notes.txt" in capsys.readouterr().err
    assert os.listdir(tmp_path) == ["notes.txt"]
