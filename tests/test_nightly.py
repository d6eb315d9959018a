"""Nights of the scoring job that batch-scoring makes: files of orders, the watched model, a start in this Python."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from tidewater import nightly, watched


def test_ids_are_no_floats_and_differ_between_days():
    """An id that goes through a float becomes another one, and two days of a plan share none."""
    one, two = (nightly.day_of([7, day], 300)["order_id"] for day in (1, 2))

    assert not set(one) & set(two)
    assert all(int(float(key)) != key for key in one)


def test_a_file_keeps_its_size_when_a_number_changes(tmp_path: Path):
    """A corrected day is as large as the day that it replaces."""
    for name, raised in [("before", 0), ("after", 1)]:
        watched.write(tmp_path / name, nightly.day_of([7, 1], 50, raised=raised))

    assert (tmp_path / "before").stat().st_size == (tmp_path / "after").stat().st_size
    assert (tmp_path / "before").read_bytes() != (tmp_path / "after").read_bytes()


def test_a_large_file_is_small_on_disk(tmp_path: Path):
    """Titles that repeat are stored once, and come back as text."""
    table = watched.orders(np.random.default_rng(1), 100).assign(product_title="shoe " * 1000)
    watched.write_large(tmp_path / "large.parquet", table, 30)
    file = pq.ParquetFile(tmp_path / "large.parquet")

    assert (file.metadata.num_rows, file.num_row_groups) == (3000, 30)
    assert (tmp_path / "large.parquet").stat().st_size < 500_000
    assert str(file.schema_arrow.field("product_title").type) == "string"


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (lambda table: table, set()),
        (lambda table: table.iloc[1:], {"rows"}),
        (lambda table: table.iloc[::-1], {"order"}),
        (lambda table: table.assign(score=0.5), {"score"}),
        (lambda table: table.assign(model_version="4"), {"version"}),
        (lambda table: table.assign(input_sha256="b"), {"hash"}),
        (lambda table: table.drop(columns="score"), {"file"}),
    ],
)
def test_faults_of_an_output_are_named(tmp_path: Path, change, fault: set[str]):
    """Each fault has one word, and a good output has none."""
    orders = watched.orders(np.random.default_rng(1), 40)
    score = watched.fraud_scores(orders, 0.9)
    good = orders[["order_id"]].assign(score=score, model_version="3", input_sha256="a")
    change(good).to_parquet(tmp_path / "day.parquet", index=False)

    assert watched.faults(watched.read_scores(tmp_path / "day.parquet"), orders, 0.9, "3", "a") == fault


def test_the_watched_model_notes_what_it_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Ids, and the files that a reader finds meanwhile."""
    monkeypatch.setenv("NIGHT_WATCH", str(tmp_path))
    monkeypatch.setenv("NIGHT_OUT", str(tmp_path))
    orders = watched.orders(np.random.default_rng(1), 3)
    watched.write(tmp_path / "day.parquet", orders)
    (tmp_path / "half.parquet").write_bytes(b"PAR1")
    watched.Watched(0.9).predict_proba(orders)
    note = json.loads((tmp_path / "asked.jsonl").read_text())

    assert note["ids"] == [str(key) for key in orders["order_id"]]
    assert note["seen"] == {"day.parquet": 3, "half.parquet": -1}


@pytest.mark.parametrize("rows", [0, 5001])
def test_the_watched_model_refuses_too_few_and_too_many_rows(rows: int):
    """It is asked about 1 to 5,000 rows."""
    with pytest.raises(ValueError, match=f"asked about {rows} rows"):
        watched.Watched(0.9).predict_proba(pd.DataFrame({"amount": [1.0] * rows}))


@pytest.mark.parametrize(
    ("text", "code", "errors"),
    [
        ("import sys; print(sys.argv[1], file=sys.stderr)", 0, "IN"),
        ("raise SystemExit('bad day')", 1, "bad day"),
        ("raise SystemExit(3)", 3, ""),
        ("1 / 0", 1, "ZeroDivisionError"),
        ("raise KeyboardInterrupt", 130, ""),
        ("import logging; logging.error('first'); logging.error('second')", 0, "second"),
    ],
)
def test_a_start_gives_exit_code_and_errors(tmp_path: Path, text: str, code: int, errors: str):
    """As `python job.py IN` would, in this Python, and a second time as the first."""
    (tmp_path / "job.py").write_text(text)
    for _ in range(2):
        ended = nightly.start(str(tmp_path / "job.py"), "IN")

        assert ended.exit_code == code
        assert errors in ended.errors


def test_after_a_power_cut_nothing_is_renamed_or_removed(tmp_path: Path):
    """The file that was about to get its name has it not, what else lies there stays, and later all is as before."""
    for name in ("one.part", "two.part", "three.part"):
        (tmp_path / name).touch()
    with nightly.power_cut("two"):
        (tmp_path / "one.part").replace(tmp_path / "one")
        for call in (
            lambda: os.replace(tmp_path / "two.part", tmp_path / "two"),
            (tmp_path / "three.part").unlink,
        ):
            with pytest.raises(nightly.PowerCut):
                call()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one", "three.part", "two.part"]

    (tmp_path / "two.part").replace(tmp_path / "two")

    assert (tmp_path / "two").exists()


def test_an_alias_moves_behind_the_first_look_up(monkeypatch: pytest.MonkeyPatch):
    """The first one that asks gets the old version, and each later one the new one."""
    import mlflow

    versions = ["1"]
    monkeypatch.setattr(
        mlflow.MlflowClient, "get_model_version_by_alias", lambda client, name, alias: versions[-1]
    )
    with nightly.after_first_look_up(lambda: versions.append("2")):
        look_up: Any = mlflow.MlflowClient.get_model_version_by_alias
        got = [look_up(None, "m", "champion") for _ in range(3)]

    assert got == ["1", "2", "2"]
    assert versions == ["1", "2"]
