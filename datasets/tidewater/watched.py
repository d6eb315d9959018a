"""Orders of a scoring job, and a model that notes what it is asked.

The checks of the exercise `batch-scoring` use both. `python -m tidewater.watched SOURCE TARGET` scores one file with
the `day.py` of the current folder, so that its memory can be measured: it prints the bytes that Python and the
imports take, and then what score_day returns.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

MOST_ROWS = 5_000  # that a model is asked about at once, and that a row group has at most
on_call: list[Callable[[], object]] = []  # what a row with the title CALL does, in this process


def orders(rng: np.random.Generator, count: int, *, gaps: float = 0.1, title: str = "shoe") -> pd.DataFrame:
    """Orders in the sequence in which they were placed, not in that of their ids. gaps: share without an amount."""
    import numpy as np
    import pandas as pd

    table = {
        "order_id": 2**53
        + 1
        + 2 * rng.permutation(np.arange(4 * count))[:count],  # odd: no float64 holds them
        "placed_at": pd.Timestamp("2025-05-04") + pd.to_timedelta(np.arange(count), unit="s"),
        "channel": rng.choice(["web", "app", "partner", "phone"], count),
        "amount": np.where(rng.random(count) < gaps, np.nan, np.exp(rng.normal(3.8, 0.8, count)).round(2)),
        "items": rng.integers(1, 8, count),
        "attempts": rng.integers(1, 5, count),
        "product_title": np.full(count, title, dtype=object),
    }
    return pd.DataFrame(table)


def write(path: str | os.PathLike[str], table: pd.DataFrame, rows: int = MOST_ROWS) -> None:
    """A Parquet file with `rows` rows in each row group, whose size does not depend on the values of numbers."""
    table.to_parquet(path, index=False, row_group_size=max(rows, 1), compression="none", use_dictionary=False)


def write_large(path: str | os.PathLike[str], table: pd.DataFrame, times: int) -> None:
    """`table` so many times, one row group each. Titles that repeat are kept once, so the file is small on disk."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    block = pa.Table.from_pandas(table, preserve_index=False)
    place = block.schema.get_field_index("product_title")
    words = block.column(place).cast(pa.string()).combine_chunks().dictionary_encode()
    block = block.set_column(place, "product_title", words)
    with pq.ParquetWriter(path, block.schema, store_schema=False) as writer:
        for _ in range(times):
            writer.write_table(block)


def fraud_scores(table: pd.DataFrame, weight: float) -> np.ndarray:
    """What the model `Watched(weight)` says of these orders; a missing amount counts as much as 500 EUR."""
    import numpy as np

    amount = np.log1p(table["amount"].fillna(500.0).to_numpy(dtype=float))
    rest = 0.4 * table["attempts"].to_numpy(dtype=float) - 0.1 * table["items"].to_numpy(dtype=float)
    partner = (table["channel"] == "partner").to_numpy() - 0.001 * table["product_title"].str.len().to_numpy()
    return 1.0 / (1.0 + np.exp(4.0 - weight * amount - rest - partner.astype(float)))


class Watched:
    """A model that notes in the folder NIGHT_WATCH what it is asked, and what a reader of NIGHT_OUT sees meanwhile.

    look: called with each table that it is asked about. A row with the title BOOM is an error. At a row with the
    title HOLD it makes a file `held` and waits as long as there is a file `hold`.
    """

    def __init__(self, weight: float, look: Callable[[pd.DataFrame], object] | None = None) -> None:
        self.weight = weight
        self.look = look
        self.classes_ = [False, True]

    def predict(self, table: pd.DataFrame) -> np.ndarray:
        return self.predict_proba(table)[:, 1] >= 0.5

    def predict_proba(self, table: pd.DataFrame) -> np.ndarray:
        """Chances of honest and of fraud, shape (n, 2)."""
        import numpy as np

        if not 0 < len(table) <= MOST_ROWS:
            raise ValueError(f"asked about {len(table)} rows at once, not about 1 to {MOST_ROWS}")
        if self.look is not None:
            self.look(table)
        titles = set(table["product_title"].unique())
        if "BOOM" in titles:
            raise RuntimeError("the model cannot score an order with the title BOOM")
        if "CALL" in titles:
            for call in on_call:
                call()
        if watch := os.environ.get("NIGHT_WATCH"):
            self._note(Path(watch), table, "HOLD" in titles)
        chance = fraud_scores(table, self.weight)
        return np.stack([1.0 - chance, chance], axis=1)

    def _note(self, watch: Path, table: pd.DataFrame, hold: bool) -> None:
        seen = rows_of(Path(os.environ["NIGHT_OUT"]))
        line = {"ids": [str(key) for key in table["order_id"]], "seen": seen, "weight": self.weight}
        with (watch / "asked.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
        if hold and (watch / "hold").exists():
            (watch / "held").touch()
            until = time.monotonic() + 60
            while (watch / "hold").exists() and time.monotonic() < until:
                time.sleep(0.02)


def rows_of(folder: Path) -> dict[str, int]:
    """What a reader sees in a folder: for each file that ends with .parquet its rows, or -1 if it cannot be read."""
    import pyarrow.parquet as pq

    found = {}
    for path in sorted(folder.glob("*.parquet")):
        try:
            found[path.name] = pq.read_metadata(path).num_rows
        except Exception:
            found[path.name] = -1
    return found


COLUMNS = ("order_id", "score", "model_version", "input_sha256")


def read_scores(path: Path) -> dict[str, list]:
    """The columns of an output, ids and words as texts; an empty dict if it cannot be read or lacks one of them."""
    import pandas as pd

    try:
        table = pd.read_parquet(path)
    except Exception:
        return {}
    if not set(COLUMNS) <= set(table.columns):
        return {}
    return {name: [(float if name == "score" else str)(value) for value in table[name]] for name in COLUMNS}


def faults(
    found: dict[str, list] | None, table: pd.DataFrame, weight: float, version: str, digest: str
) -> set[str]:
    """What is wrong with an output of `table` by the model Watched(weight): words from FAULTS."""
    import numpy as np

    if not found:
        return {"file"}
    ids = [str(key) for key in table["order_id"]]
    if sorted(found["order_id"]) != sorted(ids):
        return {"rows"}
    if found["order_id"] != ids:
        return {"order"}
    right = {
        "score": bool(np.allclose(found["score"], fraud_scores(table, weight), rtol=0, atol=1e-6)),
        "version": set(found["model_version"]) <= {version},
        "hash": set(found["input_sha256"]) <= {digest},
    }
    return {name for name, holds in right.items() if not holds}


FAULTS = {
    "file": (
        "is not there, cannot be read, or lacks one of the four columns",
        "each day that can be scored has an output that a reader can open",
        "where the output is written, its name and its columns, also where there is nothing to score",
    ),
    "rows": (
        "does not have each order of its input exactly once, under the order_id of the input",
        "each order is scored once, whatever it lacks",
        "batches that are left over, rows that are dropped, ids that went through floats, rows that are appended",
    ),
    "order": (
        "has the orders in another sequence than the input",
        "a reader lays scores and orders side by side",
        "sorting, and batches that come back in another order",
    ),
    "version": (
        "has another model_version than that of the champion when the night began",
        "one night has one version, in each row",
        "where the version comes from, and outputs of an earlier version that were left",
    ),
    "score": (
        "has a score that is not the probability of fraud of its order, by the model whose version stands beside it",
        "score is model.predict_proba(rows)[:, 1] for the rows as they are in the file",
        "the column of predict_proba, what you fill in for missing values, and which version gave the scores",
    ),
    "hash": (
        "has another input_sha256 than the file that was scored",
        "the hash says which input these scores belong to",
        "what you hash, and when",
    ),
}


def main() -> None:
    """Score one file with the day.py of the current folder."""
    import pandas  # noqa: F401 - so that the baseline has it, wherever day.py imports it
    import psutil
    from day import score_day

    print(f"baseline {psutil.Process().memory_info().rss}", flush=True)  # noqa: T201 - what the check reads
    print("rows", score_day(sys.argv[1], sys.argv[2], Watched(0.5), "1"))  # noqa: T201


if __name__ == "__main__":
    main()
