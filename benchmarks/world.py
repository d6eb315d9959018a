"""How fast Tidewater is made, how much memory that takes, and how fast DuckDB answers from its files.

python benchmarks/world.py [--orders 1e5 1e6 1e7] [--days 365] [--rounds 3]

A year of customers, orders, payments, chargebacks and deliveries. Every row of the first table is a process of
its own, with one thread: `make` makes each day and drops it, `hold` keeps all as Arrow tables, `write` writes day
partitions of Parquet, `all` does so with every table of the world (up to 1e6 orders). Orders a second are per
second of processor time, so that other work on the machine counts little. Peak memory is that of the whole
process. The second table is DuckDB, one thread, on the files where they lie. A year of 1e7 orders takes some
minutes, 300 MB of disk and, for `hold`, some gigabytes of memory. No figure fails.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from machine import load, machine

TABLES = ("customers", "orders", "payments", "chargebacks", "deliveries")
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
ALL_TABLES_LIMIT = 1e6
TARGET_ORDERS_A_SECOND = 200_000
TARGET_PEAK_MIB = 1024
QUERIES = {
    "orders of one day, by the path": """
        select count(*), sum(amount) from orders where day = date '2025-06-01'""",
    "mean amount by channel and week": """
        select channel, date_trunc('week', placed_at) as week, avg(amount) from orders group by all""",
    "share charged back by attempts (two joins)": """
        select attempts, avg((reported_at is not null)::int) from payments join orders using (order_id)
        left join chargebacks using (order_id) group by all""",
    "median hours to deliver by country": """
        select ship_country, median(date_diff('hour', shipped_at, delivered_at))
        from orders join deliveries using (order_id) group by all""",
}


def make_days(days: int, per_day: float, _: Path) -> int:
    """Makes every day and drops it; the number of orders."""
    from tidewater import make_world, sales

    world, orders = make_world(1, days, per_day), 0
    for day in range(days):
        orders += world.arrow("orders", day).num_rows
        for name in ("payments", "deliveries"):
            world.arrow(name, day)
        sales.chargebacks_of_day(world._core, day)
    world.arrow("customers")
    return orders


def hold_tables(days: int, per_day: float, _: Path) -> int:
    """Makes the tables as a whole and holds them; the number of orders."""
    from tidewater import make_world

    world = make_world(1, days, per_day)
    tables = {name: world.arrow(name) for name in TABLES}
    return tables["orders"].num_rows


def write_days(days: int, per_day: float, folder: Path, tables: Sequence[str] | None = TABLES) -> int:
    """Writes the world; the number of orders."""
    import pyarrow.parquet as pq
    from tidewater import make_world, store

    store.write_world(make_world(1, days, per_day), folder, tables=tables)
    return sum(pq.read_metadata(path).num_rows for path in (folder / "orders").rglob("*.parquet"))


def write_all(days: int, per_day: float, folder: Path) -> int:
    """Writes the world with its events, texts and all else; the number of orders."""
    return write_days(days, per_day, folder, None)


WORK: dict[str, Callable[[int, float, Path], int]] = {
    "make": make_days,
    "hold": hold_tables,
    "all": write_all,
    "write": write_days,
}


def measure(kind: str, days: int, per_day: float, folder: Path) -> dict[str, float]:
    """One kind of work in a fresh process: orders, seconds, processor seconds, MiB at the peak."""
    command = [sys.executable, __file__, "--child", kind, str(days), str(per_day), str(folder)]
    environment = {**os.environ, **ONE_THREAD}
    result = subprocess.run(command, check=True, env=environment, stdout=subprocess.PIPE, text=True)
    return json.loads(result.stdout)


def child(kind: str, days: int, per_day: float, folder: Path) -> None:
    """What `measure` starts: does the work and prints what it took, with the imports."""
    import pyarrow

    pyarrow.set_cpu_count(1)
    begun = time.perf_counter()
    orders = WORK[kind](days, per_day, folder)
    seconds = time.perf_counter() - begun
    usage = resource.getrusage(resource.RUSAGE_SELF)
    unit = 1024**2 if sys.platform == "darwin" else 1024
    figures = {
        "orders": orders,
        "seconds": seconds,
        "cpu_seconds": usage.ru_utime + usage.ru_stime,
        "peak_mib": usage.ru_maxrss / unit,
    }
    sys.stdout.write(json.dumps(figures))


def query_seconds(folder: Path, rounds: int) -> dict[str, float]:
    """Median seconds of each query, in one connection with one thread."""
    import duckdb
    from tidewater import store

    found = {}
    with duckdb.connect(config={"threads": 1}) as connection:
        for name in TABLES:
            files = f"read_parquet('{store.glob_of(folder, name)}', hive_partitioning = {name == 'orders'})"
            connection.execute(f"create view {name} as from {files}")
        for what, query in QUERIES.items():
            seconds = []
            for _ in range(rounds):
                begun = time.perf_counter()
                connection.execute(query).fetchall()
                seconds.append(time.perf_counter() - begun)
            found[what] = statistics.median(seconds)
    return found


def megabytes(folder: Path) -> float:
    """Size of all files, in MB."""
    return sum(path.stat().st_size for path in folder.rglob("*.parquet")) / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--orders", type=float, nargs="+", default=[1e5, 1e6, 1e7])
    parser.add_argument("--days", type=int, default=365)
    parser.add_argument("--rounds", type=int, default=3, help="of each query")
    parser.add_argument("--child", nargs=4, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        kind, days, per_day, folder = options.child
        child(kind, int(days), float(per_day), Path(folder))
        return
    print(f"{machine()}; {platform.platform()}; Python {platform.python_version()}")
    before = load()
    head = f"{'orders':>11}  {'work':6}{'seconds':>9}{'processor s':>13}{'orders/s/core':>15}{'peak MiB':>10}{'MB':>8}"
    print(head, flush=True)
    queries: dict[str, list[float]] = {}
    for size in options.orders:
        with tempfile.TemporaryDirectory(prefix="seatrial-benchmark-") as place:
            folder = Path(place) / "world"
            for kind in WORK:
                if kind == "all" and size > ALL_TABLES_LIMIT:
                    continue
                found = measure(kind, options.days, size / options.days, folder / kind)
                speed = found["orders"] / found["cpu_seconds"]
                row = f"{found['orders']:>11,.0f}  {kind:6}{found['seconds']:>9.1f}{found['cpu_seconds']:>13.1f}"
                size_mb = f"{megabytes(folder / kind):>8.1f}" if kind in ("write", "all") else ""
                print(f"{row}{speed:>15,.0f}{found['peak_mib']:>10.0f}{size_mb}", flush=True)
            for what, seconds in query_seconds(folder / "write", options.rounds).items():
                queries.setdefault(what, []).append(seconds)
    print(f"targets: {TARGET_ORDERS_A_SECOND:,} orders/s/core to make, {TARGET_PEAK_MIB} MiB at 1e7 orders\n")
    print(f"{'DuckDB in place, seconds (median)':<46}" + "".join(f"{size:>10.0e}" for size in options.orders))
    for what, row_seconds in queries.items():
        print(f"{what:<46}" + "".join(f"{seconds:>10.3f}" for seconds in row_seconds))
    print(f"load average before {before}, after {load()}")


if __name__ == "__main__":
    main()
