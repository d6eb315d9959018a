# ---
# title: "The scoring job that dies at three in the morning"
# minutes: 60
# data: [tidewater]
# needs: [leakproof-pipeline, point-in-time]
# runs_on: []
# limit_seconds: 60
# sources:
#   - "Apache Arrow, Python documentation, Reading and Writing the Apache Parquet Format: ParquetFile.iter_batches, ParquetWriter"
#   - "Python 3 documentation, os: os.replace is atomic on success, where source and destination are on the same file system"
#   - "Kleppmann (2017), Designing Data-Intensive Applications, chapter 10, Batch Processing, section The Output of Batch Workflows"
#   - "MLflow 3, documentation, ML Model Registry: aliases"
# hints:
#   - "Ask of each line of the job: if the process dies right behind it, what does a reader of the folder find, and what will the next night
#     believe? In part 1, which calls hold the whole file, or the whole answer, at once? In part 2, which faults leave the number of rows, the set of ids
#     or the first row as they should be? In part 3, which facts make an old output still the right one tonight?"
#   - "Part 1: hash first; a ParquetFile gives batches, a ParquetWriter takes them one by one; write under another name in the same folder, rename at the end,
#     remove that file if anything is raised. Part 2: count each id on both sides, look at all rows of every column, and ask what a comparison says of NaN. Part 3: a note of each day,
#     written after its file: hash, version, rows. A day is done if the note says what is true now and its file still opens with that many rows."
#   - "Part 1: for batch in pq.ParquetFile(source).iter_batches(ROWS): writer.write_table(pa.table({...}, schema=schema)); os.replace(scratch, target). Part 2:
#     collections.Counter(ids) on both sides; score.between(0, 1).all(). Part 3: version = MlflowClient().get_model_version_by_alias(MODEL, 'champion').version, once; try and except Exception
#     around each day; the manifest as JSON, written beside and renamed after each day; sys.exit(main(...)) with 1 if a day failed."
# ---

# %% [markdown]
# # The scoring job that dies at three in the morning
#
# Each night at two Tidewater scores the orders of the last weeks with its champion fraud model; at six the review team opens the riskiest ones. The job has been a
# notebook's loop so far. One night the machine was taken away at three. The morning's file had half a day twice and another day not at all, nobody saw it, and
# the team worked through the wrong list.
#
# You build the job that may die at any moment: started again, it goes on where it was, and whoever reads its folder, at any time, sees whole days only.
#
# Three parts, an hour: one day in little memory (`day.py`), an audit that tells good outputs from bad ones, and the night (`score.py`). Replace each
# `raise NotImplementedError()`, run the cell, and run `mle check batch-scoring` as often as you like.

# %%
import grader

grader.begin("batch-scoring")

import hashlib
import logging
from pathlib import Path

import mlflow
import mlflow.sklearn
import pandas as pd
import pyarrow.parquet as pq

logging.getLogger("mlflow.sklearn").setLevel(logging.ERROR)  # it warns of cloudpickle each time
start = grader.start_from("point-in-time")
training = pd.read_parquet(start.path("training.parquet"))
training["corridor"] = training["card_country"] + ">" + training["ship_country"]

# %% [markdown]
# ## The folders
#
# **IN**, the orders: one Parquet file a day, `2025-05-01.parquet`, with the columns that the model wants and `order_id`, an integer that no other order has, of the same type each day. The shop's warehouse writes
# row groups of 5,000 rows at most. A file may have no rows, or millions. Any column but `order_id` may have gaps. A day is a file with such a name that lies directly in IN; whatever else lies there is none of the job's business.
#
# **OUT**, the scores: one Parquet file a day, under the same name. One row for each order, in the sequence of the input, with at least these columns:
#
# | column | value |
# | --- | --- |
# | `order_id` | as in the input, with its type |
# | `score` | float, the model's probability of fraud: `model.predict_proba(rows)[:, 1]` |
# | `model_version` | text, the number of the registered version that gave this score |
# | `input_sha256` | text, the SHA-256 of the input file's bytes, as 64 hexadecimal digits |
#
# Readers take every file directly in OUT whose name ends with `.parquet`, at any moment, as one table. So every output, an empty one too, has the same columns and types, and
# what else you keep in OUT (a manifest, files that are not finished) has another ending.

# %%
Path("orders").mkdir(exist_ok=True)
for day, rows in training.groupby(training["placed_at"].dt.strftime("%Y-%m-%d")):
    if day >= "2025-04-29":
        rows.drop(columns="is_fraud").to_parquet(f"orders/{day}.parquet", index=False)
[path.name for path in sorted(Path("orders").iterdir())]

# %% [markdown]
# ## 1. One day, in little memory: `day.py`
#
# `score_day(source, target, model, version)`. In: the paths of a day's orders and of its output, as `str` or `Path`, a model with `predict_proba`, and the version's number as text. It writes `target` and returns the number of rows. `sha256_of` is given.
#
# - **Memory.** The machine gives the job 300 MB more than Python takes with its imports, whatever a day has: the check's file has 150,000 orders with titles of 4,000 letters, 600 MB once it is read.
#   (Measured: batch by batch 200 MB, whole 700 to 1,200 MB. "Lazy" is not enough by itself: a `pyarrow.dataset` reads ahead, and took 700 MB.) The model is asked about 1 to 5,000 rows at a time, as a pandas DataFrame with the columns of the input.
# - **Rows.** Every row is scored, whatever it lacks. The model knows what to do about gaps; the job does not fill them.
# - **Whole or not at all.** As long as the day is being scored, `target` is what it was before: not there, or the whole old file, which somebody may be reading. Then it is the whole new file. It never has a part, and never is
#   gone in between. `os.replace` does this within one folder. Between two file systems nothing does, and the machine's temporary folder is another one here.
# - **Failures.** If the file cannot be read or the model raises an exception, that comes out of `score_day`, `target` is what it was before, and nothing else is left in its folder.
# - **The hash** belongs to what was scored. The warehouse may put a corrected file in the place of `source` while you work on the old one. Then scores of the old rows must not stand beside the hash of the new ones.
#   (`score_day` may also notice it and raise: the next night tries the day again.)

# %% answer="day" file="day.py"
import hashlib
import os
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

ROWS = 5_000  # that the model is asked about at a time, at most


def sha256_of(path):
    """SHA-256 of a file's bytes, as text; reads the file in small pieces."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def score_day(source, target, model, version):
    """Score the orders of the file `source`, and put the result under `target`, whole or not at all.

    source, target: paths. model: has predict_proba. version: text, written into each row.
    Returns the number of rows. What cannot be read or scored raises, and leaves the folder as it was.
    """
    ### BEGIN SOLUTION
    target = Path(target)
    scratch = target.with_name(f"{target.name}.unfinished")
    digest, count = sha256_of(source), 0
    try:
        with pq.ParquetFile(source) as orders:
            schema = pa.schema(
                [
                    orders.schema_arrow.field("order_id"),
                    ("score", pa.float64()),
                    ("model_version", pa.string()),
                    ("input_sha256", pa.string()),
                ]
            )
            with pq.ParquetWriter(scratch, schema) as writer:
                for batch in orders.iter_batches(ROWS):
                    size = batch.num_rows
                    if size == 0:
                        continue
                    scores = model.predict_proba(batch.to_pandas())[:, 1]
                    columns = [batch.column("order_id"), pa.array(scores), [version] * size, [digest] * size]
                    writer.write_table(pa.table(columns, schema=schema))
                    count += size
        os.replace(scratch, target)
    except BaseException:
        scratch.unlink(missing_ok=True)
        raise
    return count
    ### END SOLUTION


# %% test="each_row_once" of="day" points=2
from grader import expect
from tidewater.watched import FAULTS


def scored(cases):
    """Score files with day.py. cases: (seed, rows, rows in a group, share of gaps, type of ids). Returns what came of each."""
    import importlib
    import shutil
    import sys
    import tempfile
    from pathlib import Path

    import numpy as np
    import pyarrow.parquet as pq

    from tidewater import watched

    sys.dont_write_bytecode = True
    sys.path.insert(0, "")
    sys.modules.pop("day", None)
    day = importlib.import_module("day")
    folder, found = Path(tempfile.mkdtemp(prefix="check-", dir=".")), []
    try:
        for number, (seed, rows, group, gaps, ids) in enumerate(cases):
            source, target = folder / f"{number}.in.parquet", folder / f"{number}.out.parquet"
            table = watched.orders(np.random.default_rng(seed), rows, gaps=gaps).astype({"order_id": ids})
            watched.write(source, table, group)
            try:
                count, error = day.score_day(str(source), str(target), watched.Watched(0.9), "12"), ""
            except Exception as raised:
                count, error = -1, f"{type(raised).__name__}: {raised}"
            scores = watched.read_scores(target)
            wrong = sorted(watched.faults(scores, table, 0.9, "12", day.sha256_of(source)))
            fields = {field.name: str(field.type) for field in pq.read_schema(target)} if scores else {}
            types = [fields.get(name, "") for name in watched.COLUMNS]
            found.append({"count": int(count), "error": error, "wrong": wrong, "types": types})
    finally:
        shutil.rmtree(folder)
    return found


(small,) = expect.beside(scored, [([1], 12, 5000, 0.3, "int64")])
expect.equal(
    small["error"],
    "",
    what="the error of score_day on a file of 12 orders, some without an amount",
    why="the file is as the warehouse writes it",
    look_at="what you read, and what the model is asked about",
)
for fault, (what, why, look_at) in FAULTS.items():
    expect.true(
        fault not in small["wrong"],
        got="yes",
        expected="no",
        what=f"whether the output of score_day for 12 orders {what}",
        why=why,
        look_at=look_at,
    )
expect.equal(
    small["count"],
    12,
    what="what score_day returns for a file of 12 orders",
    why="the night adds up the rows",
    look_at="the return of score_day",
)
### BEGIN HIDDEN TESTS
seed = expect.seed()
CASES = {
    "12,300 orders in row groups of 5,000": (12_300, 5_000, 0.1, "int64"),
    "5,600 orders in row groups of 700": (5_600, 700, 0.1, "int64"),
    "10,000 orders in row groups of 5,000": (10_000, 5_000, 0.1, "int64"),
    "no orders": (0, 5_000, 0.1, "int64"),
    "300 orders that all lack the amount": (300, 5_000, 1.0, "int64"),
    "one order": (1, 5_000, 0.0, "int64"),
    "40 orders whose order_id is uint64": (40, 5_000, 0.1, "uint64"),
}
found = expect.beside(scored, [([seed, n], *case) for n, case in enumerate(CASES.values())])
for (case, (rows, *_, ids)), one in zip(CASES.items(), found, strict=True):
    expect.equal(
        one["error"],
        "",
        what=f"the error of score_day on a file of {case}",
        why="a day may have no rows, or many, and any column but order_id may have gaps; the model takes 1 to 5,000 rows at a time",
        look_at="how many rows the model is asked about, and a file that has none",
    )
    for fault, (what, why, look_at) in FAULTS.items():
        expect.true(
            fault not in one["wrong"],
            got="yes",
            expected="no",
            what=f"whether the output of score_day for a file of {case} {what}",
            why=why,
            look_at=look_at,
        )
    expect.equal(
        one["count"],
        rows,
        what=f"what score_day returns for a file of {case}",
        why="it is the number of rows in the output",
        look_at="what you count",
    )
    expect.equal(
        one["types"],
        [ids, *found[0]["types"][1:]],
        what=f"the types of order_id, score, model_version and input_sha256 in the output for a file of {case}",
        why="order_id keeps its type, and readers take all outputs as one table, so that an empty one has the types of the others",
        look_at="whether the type of order_id comes from the input, and the other types are written down or guessed from the rows",
    )
### END HIDDEN TESTS

# %% test="whole_or_not_at_all" of="day" points=2
from grader import expect


def watched_while(seed, sizes):
    """What happens to the folder of day.py's target: with an old file there, without one, with failures, with a new source."""
    import errno
    import importlib
    import os
    import shutil
    import sys
    import tempfile
    from pathlib import Path

    import numpy as np

    from tidewater import watched

    folder = Path(tempfile.mkdtemp(prefix="check-", dir=".")).resolve()
    sources, out = folder / "in", folder / "out"
    seen, passed, target = [], [], out / "day.parquet"

    def look(_):
        seen.append(target.read_bytes() if target.exists() else b"")

    def guarded(name, call):
        """The function of os: it notes what lies under target before it, and other folders are another file system."""

        def guard(*places, **how):
            passed.append(target.read_bytes() if target.exists() else b"")
            source = Path(how["src"] if "src" in how else [*places, folder][0])
            if name in ("rename", "replace") and folder not in source.resolve().parents:
                raise OSError(errno.EXDEV, "Invalid cross-device link")
            return call(*places, **how)

        return guard

    calls = {name: getattr(os, name) for name in ("rename", "replace", "remove", "unlink")}
    for name, call in calls.items():
        setattr(os, name, guarded(name, call))
    sys.dont_write_bytecode = True
    sys.path.insert(0, "")
    sys.modules.pop("day", None)
    tables = [
        watched.orders(np.random.default_rng([seed, n]), size, gaps=0.0) for n, size in enumerate(sizes)
    ]
    boom = tables[0].copy()
    boom.loc[boom.index[-1], "product_title"] = "BOOM"
    try:
        day = importlib.import_module("day")
        sources.mkdir(), out.mkdir()
        for name, table in [("old", tables[0]), ("new", tables[1]), ("boom", boom)]:
            watched.write(sources / name, table)
        (sources / "cut").write_bytes((sources / "old").read_bytes()[:-100])

        def again(name):
            """score_day once more; whether it raised, and what the folder holds."""
            seen.clear(), passed.clear()
            try:
                day.score_day(sources / name, target, watched.Watched(0.9, look), "12")
                raised = False
            except Exception:
                raised = True
            return raised, {path.name: path.read_bytes() for path in out.iterdir()}

        facts = {"empty_raised": [], "empty_left": []}
        for name in ("boom", "cut"):
            raised, left = again(name)
            facts["empty_raised"].append(raised)
            facts["empty_left"].append(sorted(left))
        facts["fresh_raised"], left = again("old")
        facts["fresh_seen"], facts["fresh_left"] = set(seen) <= {b""}, sorted(left)
        before = left.get(target.name, b"")
        facts["old_raised"], facts["old_left"] = [], []
        for name in ("boom", "cut"):
            raised, left = again(name)
            facts["old_raised"].append(raised)
            facts["old_left"].append(left == {target.name: before})
        if not target.exists():
            target.write_bytes(before)
        os.link(target, folder / "reader")
        _, left = again("new")
        facts["old_seen"] = set(seen) <= {before}
        facts["old_passed"] = set(passed) <= {before, left.get(target.name, b"")}
        facts["reader"] = (folder / "reader").read_bytes() == before
        facts["replaced"] = left.get(target.name, b"") not in (b"", before)
        facts["left"] = sorted(left)

        def correct(_):
            if (sources / "corrected").exists():
                os.replace(sources / "corrected", sources / "old")

        old = watched.fraud_scores(tables[0], 0.9)
        shutil.copyfile(sources / "new", sources / "corrected")
        before = left.get(target.name, b"")
        try:
            day.score_day(sources / "old", target, watched.Watched(0.9, correct), "12")
            facts["refused_and_wrote"] = False
        except Exception:
            facts["refused_and_wrote"] = not target.exists() or target.read_bytes() != before
        scores = watched.read_scores(target) or {"score": [], "input_sha256": []}
        rows_are_old = len(scores["score"]) == len(old) and np.allclose(scores["score"], old)
        hash_is_new = day.sha256_of(sources / "old") in scores["input_sha256"]
        facts["mixed"] = bool(rows_are_old and hash_is_new)
    finally:
        for name, call in calls.items():
            setattr(os, name, call)
        shutil.rmtree(folder)
    return facts


def look_into(facts, rows):
    for name, why, look_at in [
        ("empty", "without the exception the night believes that the day is done", "what you catch"),
        ("old", "without the exception the night believes that the day is done", "what you catch"),
    ]:
        before = "nothing" if name == "empty" else "the output of another night"
        expect.equal(
            facts[f"{name}_raised"],
            [True, True],
            what=f"whether score_day raises on {rows} orders of which the model cannot score the last, and on a file that is cut off, with {before} under target",
            why=why,
            look_at=look_at,
        )
    expect.equal(
        facts["empty_left"],
        [[], []],
        what=f"the files that these two failures on {rows} orders leave in an empty folder",
        why="a part of a day is worse than no day, and nobody clears up files that are not finished",
        look_at="the name under which you write before the day is whole, and who removes it when something is raised",
    )
    expect.equal(
        facts["fresh_raised"],
        False,
        what=f"whether score_day raises on {rows} good orders, where the machine's temporary folder is another file system",
        why="a rename is possible within one file system only, and that is sure within one folder",
        look_at="the folder in which you write before the day is whole",
    )
    expect.true(
        facts["fresh_seen"],
        got="a file",
        expected="no file",
        what=f"what lies under target while the model is asked about {rows} orders",
        why="a reader takes every file with that ending, and would take half a day for the whole",
        look_at="the name of the file that you write to",
    )
    expect.equal(
        facts["fresh_left"],
        ["day.parquet"],
        what=f"the files in the folder once {rows} orders are scored",
        why="the output is all that is left",
        look_at="files that you made on the way",
    )
    expect.true(
        all(facts["old_left"]),
        got="another folder than before",
        expected="the folder as it was",
        what="the folder after a failure, with the output of another night under target",
        why="yesterday's scores are better than none",
        look_at="what happens to target before the new one is whole",
    )
    expect.true(
        facts["old_seen"],
        got="something else than the old file",
        expected="the old file, byte for byte",
        what=f"what lies under target while the model is asked about {rows} orders, with the output of another night there",
        why="at any moment a reader finds the whole old day or the whole new one",
        look_at="a target that is removed or opened first",
    )
    expect.true(
        facts["old_passed"],
        got="no file, or another one",
        expected="the whole old file or the whole new one",
        what=f"what lies under target each time that a file is renamed or removed, while {rows} orders are scored that have an old output",
        why="the machine may die, and a reader may come, between any two calls",
        look_at="an output that is removed right before the new one gets its name",
    )
    expect.true(
        facts["reader"],
        got="other bytes than those of the old file",
        expected="the bytes of the old file",
        what="what a reader gets who opened the old output before score_day, and reads on after it",
        why="a rename puts a new file in the place and leaves the old one to those who have it open; writing into it changes it under their eyes",
        look_at="how the finished output gets its name: a copy writes into the old file, and a move between file systems is a copy",
    )
    expect.true(
        facts["replaced"] and facts["left"] == ["day.parquet"],
        got="something else",
        expected="the new output alone",
        what="the folder once a day that had an output is scored again",
        why="the new output takes the old one's place",
        look_at="an output that you leave if there is one",
    )
    expect.true(
        not facts["mixed"],
        got="scores of the old rows beside the hash of the new file",
        expected="scores and hash of one file",
        what="the output of a file that was replaced by a corrected one while the model was asked",
        why="with the new hash beside it the night would never score the corrected rows",
        look_at="when you take the hash",
    )
    expect.true(
        not facts["refused_and_wrote"],
        got="something else than before",
        expected="what lay there before",
        what="what lies under target where score_day raises, since its file was replaced meanwhile",
        why="a day that fails leaves the folder as it was",
        look_at="what you do before you notice that the file was replaced",
    )


judged = look_into(expect.beside(watched_while, 3, [6_000, 40]), "6,000")
### BEGIN HIDDEN TESTS
sizes = [int(size) for size in expect.rng().integers(5_100, 9_000, 2)]
judged = look_into(expect.beside(watched_while, expect.seed(), sizes), "some thousand other")
### END HIDDEN TESTS

# %% test="bounded_memory" of="day" points=2
from grader import expect


def make_large(name, seed, times):
    """A file with so many row groups of 5,000 orders, whose titles have 4,000 letters."""
    import atexit
    import os

    import numpy as np

    from tidewater import watched

    table = watched.orders(np.random.default_rng(seed), 5_000)
    table["product_title"] = [f"{kind} " + "shoe " * 800 for kind in np.arange(5_000) % 20]
    watched.write_large(name, table, times)
    for leftover in (name, "check-large-out.parquet"):
        atexit.register(lambda path=leftover: os.path.exists(path) and os.remove(path))


def right_at_all(rows):
    """What is wrong with the output for a file of so many orders; the words of FAULTS."""
    import importlib
    import os
    import sys

    import numpy as np

    from tidewater import watched

    sys.dont_write_bytecode = True
    sys.path.insert(0, "")
    sys.modules.pop("day", None)
    day, table = importlib.import_module("day"), watched.orders(np.random.default_rng(5), rows)
    watched.write("check-in.parquet", table)
    try:
        day.score_day("check-in.parquet", "check-out.parquet", watched.Watched(0.9), "12")
        found = watched.read_scores("check-out.parquet")
        return sorted(watched.faults(found, table, 0.9, "12", day.sha256_of("check-in.parquet")))
    except Exception as error:
        return [type(error).__name__]
    finally:
        for name in ("check-in.parquet", "check-out.parquet"):
            if os.path.exists(name):
                os.remove(name)


def rows_of(name):
    import os

    import pyarrow.parquet as pq

    return pq.read_metadata(name).num_rows if os.path.exists(name) else 0


expect.equal(
    expect.beside(right_at_all, 5_600),
    [],
    what="what is wrong with the output of score_day for a file of 5,600 orders",
    why="little memory counts if the output is right: each order once, in sequence, with the model's score",
    look_at="what each_row_once says",
)
### BEGIN HIDDEN TESTS
# MB above Python with its imports, measured with this file: DuckDB's reader 100, row groups 170, batches 160 to 210; a dataset that reads
# ahead 490 to 970, batches kept 720, pandas 720 to 750, read whole 1,190.
expect.beside(make_large, "check-large-in.parquet", expect.seed(), 30)
with expect.process(
    "-m", "tidewater.watched", "check-large-in.parquet", "check-large-out.parquet"
) as scoring:
    code = scoring.wait(55)
    lines = [line.split() for line in scoring.output.splitlines()]
    grown = scoring.peak_memory_bytes
expect.equal(
    code,
    0,
    what="the exit code of a Python that calls score_day on a file of 150,000 orders",
    why="a large day is scored as a small one",
    look_at="how many rows the model is asked about at a time",
)
expect.equal(
    expect.beside(rows_of, "check-large-out.parquet"),
    150_000,
    what="the rows of the output for a file of 150,000 orders",
    why="each order is scored",
    look_at="batches that are left over",
)
baseline = next(int(line[1]) for line in lines if line[:1] == ["baseline"])
expect.true(
    (grown - baseline) / 1e6 < 300,
    got="more",
    expected="less than 300 MB",
    what="the memory that score_day takes for a file that is 600 MB once it is read, above Python with its imports",
    why="a day that is ten times as large must not need a machine that is ten times as large",
    look_at="calls that hold the whole file, lists that keep each batch, and readers that read ahead",
)
### END HIDDEN TESTS

# %% [markdown]
# ## 2. Are these outputs good? `audit`
#
# Before the job comes the check of its work, which shares no line with it. `audit(orders, scores)` takes the paths of IN and OUT, both whole enough to list. Out: a dict, for each day of IN with which something is wrong, the day
# (`"2025-05-01"`) and a list of the words that apply, in this order:
#
# | word | the output of this day |
# | --- | --- |
# | `"missing"` | is not there |
# | `"unreadable"` | cannot be read as Parquet, or lacks one of the four columns |
# | `"rows"` | does not have each `order_id` of the input exactly once (in any sequence) |
# | `"versions"` | has more than one `model_version` in its rows (which has no nulls) |
# | `"stale"` | has a row whose `input_sha256` is not that of the input file as it is now |
# | `"score"` | has a row whose score is missing (null or NaN), below 0 or above 1 |
#
# If `missing` or `unreadable` applies it stands alone. Days may have different versions, and an output may be empty if its input is. Outputs of days that IN no longer has are kept for the auditors and are not reported. Inputs can be
# read here. This runs in the morning on the days of one month: reading a day whole is fine. Nothing in the folders changes.


# %% answer="audit"
def audit(orders, scores):
    """What is wrong with the outputs of a scoring job. orders, scores: paths of IN and OUT. Returns {day: [words]}."""
    ### BEGIN SOLUTION
    found = {}
    for source in sorted(Path(orders).glob("????-??-??.parquet")):
        target = Path(scores) / source.name
        words = ["missing"] if not target.exists() else problems(source, target)
        if words:
            found[source.stem] = words
    return found


def problems(source, target):
    """The words that apply to an output that is there."""
    try:
        table = pq.read_table(target).to_pandas(ignore_metadata=True)
        ids, score, versions, hashes = (
            table[name] for name in ("order_id", "score", "model_version", "input_sha256")
        )
    except Exception:
        return ["unreadable"]
    wanted = pq.read_table(source, columns=["order_id"])["order_id"].to_pylist()
    applies = {
        "rows": sorted(ids) != sorted(wanted),
        "versions": versions.nunique() > 1,
        "stale": (hashes != hashlib.sha256(source.read_bytes()).hexdigest()).any(),
        "score": not score.between(0, 1).all(),
    }
    return [word for word, holds in applies.items() if holds]
    ### END SOLUTION


# %% test="faults_found" of="audit" points=3
from grader import expect


def make_folders(seed, cases):
    """A folder of orders and one of scores, a day for each case: (name, its day). Returns their paths, and what lies there."""
    import atexit
    import shutil
    import tempfile
    from pathlib import Path

    import numpy as np
    import pandas as pd

    from tidewater import nightly, watched

    folder = Path(tempfile.mkdtemp(prefix="check-", dir="."))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    orders, scores = folder / "in", folder / "out"
    orders.mkdir(), scores.mkdir()

    def second_place(column, value):
        def change(table):
            table[column] = table[column].astype(object)
            table.loc[table.index[1], column] = value
            return table

        return change

    def swap_two(table):
        ids = table["order_id"].tolist()
        table["order_id"] = [ids[0] + 2, ids[1] - 2, *ids[2:]]  # the sum stays
        return table

    changes = {
        "shuffled": lambda table: table.iloc[::-1],
        "lost": lambda table: table.iloc[:-1],
        "twice": lambda table: pd.concat([table, table.tail(1)]),
        "twice for another": lambda table: table.iloc[[0, 0, *range(2, len(table))]],
        "others": swap_two,
        "two versions": lambda table: table.assign(
            model_version=["4" if n == len(table) // 2 else "3" for n in range(len(table))]
        ),
        "other version": lambda table: table.assign(model_version="7"),
        "stale": lambda table: table.assign(input_sha256="0" * 64),
        "stale in one row": second_place("input_sha256", "0" * 64),
        "null": second_place("score", None),
        "nan": lambda table: table.assign(score=[np.nan, *table["score"][1:]]),
        "above": second_place("score", 1.5),
        "below": second_place("score", -0.25),
        "bounds": lambda table: table.assign(score=[0.0, 1.0, *table["score"][2:]]),
        "no order_id": lambda table: table.drop(columns="order_id"),
        "no score": lambda table: table.drop(columns="score"),
        "no model_version": lambda table: table.drop(columns="model_version"),
        "no input_sha256": lambda table: table.drop(columns="input_sha256"),
        "lost and stale and nan": lambda table: table.assign(
            score=np.nan, input_sha256="1" * 64, model_version="9"
        ).iloc[1:],
        "good": lambda table: table,
        "empty": lambda table: table,
    }
    for number, (case, day) in enumerate(cases):
        table = watched.orders(np.random.default_rng([seed, number]), 0 if case == "empty" else 30)
        place, out = orders / f"{day}.parquet", scores / f"{day}.parquet"
        if case != "no longer there":
            watched.write(place, table)
        if case == "missing":
            continue
        if case in ("cut", "no longer there"):
            out.write_bytes(place.read_bytes()[:400] if place.exists() else b"old")
            continue
        good = table[["order_id"]].assign(
            score=watched.fraud_scores(table, 0.9), model_version="3", input_sha256=nightly.sha256(place)
        )
        changed = changes[case](good)
        if case == "null":
            changed["score"] = changed["score"].astype("Float64")
        elif "score" in changed:
            changed["score"] = changed["score"].astype("float64")
        changed.to_parquet(out, index=False)
    (orders / "_SUCCESS").touch()
    (orders / "2025-06-30.parquet.part").write_bytes(b"half")
    (orders / "archive").mkdir()
    for name in ("customers.parquet", "archive/2024-06-30.parquet"):
        watched.write(orders / name, watched.orders(np.random.default_rng(seed), 3))
    (scores / "manifest.json").write_text("{}")
    return str(orders), str(scores), nightly.listing(folder)


CASES = [("good", "2025-05-01"), ("lost", "2025-05-02"), ("missing", "2025-05-03"), ("nan", "2025-05-04")]
orders, scores, _ = expect.beside(make_folders, 1, CASES)
expect.equal(
    audit(orders, scores),
    {"2025-05-02": ["rows"], "2025-05-03": ["missing"], "2025-05-04": ["score"]},
    what="audit of four days: good, one without its last order, one without an output, one with a NaN among its scores; IN has a customers.parquet and a folder archive, too",
    why="the words of the table apply, and a day is a file such as 2025-05-01.parquet directly in IN",
    look_at="the key that differs",
)
### BEGIN HIDDEN TESTS


def listed(folder):
    from tidewater import nightly

    return nightly.listing(folder)


WANTED = {
    "good": [],
    "shuffled": [],
    "empty": [],
    "other version": [],
    "bounds": [],
    "no longer there": [],
    "missing": ["missing"],
    "cut": ["unreadable"],
    "no order_id": ["unreadable"],
    "no score": ["unreadable"],
    "no model_version": ["unreadable"],
    "no input_sha256": ["unreadable"],
    "lost": ["rows"],
    "twice": ["rows"],
    "twice for another": ["rows"],
    "others": ["rows"],
    "two versions": ["versions"],
    "stale": ["stale"],
    "stale in one row": ["stale"],
    "null": ["score"],
    "nan": ["score"],
    "above": ["score"],
    "below": ["score"],
    "lost and stale and nan": ["rows", "stale", "score"],
}
SAID = {
    "empty": "has no rows, as its input",
    "other version": "has another version than the other days, in every row",
    "bounds": "has a score of 0 and one of 1",
    "no longer there": "belongs to a day that IN no longer has",
    "cut": "is cut off",
    **{
        f"no {name}": f"lacks the column {name}"
        for name in ("order_id", "score", "model_version", "input_sha256")
    },
    "twice for another": "has an order twice and another one not at all, so that the number of rows is right",
    "others": "has two ids that are not in the input, so that the number of rows and the sum of the ids are right",
    "shuffled": "has the orders in another sequence",
    "lost": "lacks one order",
    "twice": "has one order twice",
    "two versions": "has another version in one row in the middle",
    "null": "has a null among its scores",
    "nan": "has a NaN among its scores",
    "above": "has a score of 1.5",
    "below": "has a score of -0.25",
    "stale": "was made of an earlier input",
    "stale in one row": "has another input_sha256 in its second row",
    "lost and stale and nan": "lacks an order, was made of an earlier input, and has NaN for scores",
}
names = list(WANTED)
expect.rng().shuffle(names)
days = {case: f"2025-{6 + n // 28:02d}-{1 + n % 28:02d}" for n, case in enumerate(names)}
orders, scores, before = expect.beside(make_folders, expect.seed(), list(days.items()))
found = audit(orders, scores)
expect.equal(
    sorted(set(found) - set(days.values())),
    [],
    what="what audit names that is no day of IN",
    why="a day is a file such as 2025-05-01.parquet directly in IN",
    look_at="which files you take for days",
)
for case, words in WANTED.items():
    expect.equal(
        list(found.get(days[case], [])),
        words,
        what=f"the words of audit for an output that {SAID.get(case, 'is ' + case)}",
        why="these words of the table apply, in its order; a day to which none applies is not in the dict"
        if words
        else "none of the words applies",
        look_at="whether you look at all rows, at each id, and at what your comparisons say of a value that is missing",
    )
expect.equal(
    sorted(day for day, words in found.items() if not words),
    [],
    what="the days that audit returns with no word",
    why="only days with which something is wrong are in the dict",
    look_at="what you add to the dict",
)
expect.equal(
    expect.beside(listed, str(orders).rsplit("in", 1)[0]),
    before,
    what="the files of both folders after audit",
    why="an audit that mends what it finds hides it",
    look_at="what you write, rename or remove",
)
### END HIDDEN TESTS

# %% [markdown]
# ## 3. The night: `score.py`
#
# First the champion: the pipeline of `leakproof-pipeline`, fitted on the weeks before, registered as `tidewater-fraud` under the alias `champion`.

# %%
import sys
import uuid

earlier = grader.start_from("leakproof-pipeline")
code = [str(earlier.path(name)) for name in ("clock.py", "pipeline.py")]
sys.path.insert(0, str(Path(code[0]).parent))
from pipeline import fraud_pipeline

known = training[training["placed_at"] < "2025-04-29"].tail(3000)
champion = fraud_pipeline().fit(known.drop(columns="is_fraud"), known["is_fraud"])
folder = Path("champions", uuid.uuid4().hex).resolve()
how = {"pip_requirements": ["scikit-learn"], "serialization_format": "cloudpickle"}
mlflow.sklearn.save_model(champion, folder, code_paths=code, **how)

client = mlflow.MlflowClient()
if not client.search_registered_models("name = 'tidewater-fraud'"):
    client.create_registered_model("tidewater-fraud")
version = client.create_model_version("tidewater-fraud", folder.as_uri()).version
client.set_registered_model_alias("tidewater-fraud", "champion", version)

# %% [markdown]
# Write `score.py`; `python score.py IN OUT` is one night. OUT may not exist yet. It takes the model from the registry, by `mlflow.sklearn.load_model`, since only the registry knows which version the gates let through and what
# its number is; the two to three seconds that MLflow takes to load are paid once a night. The scheduler sets `MLFLOW_TRACKING_URI` and `MLFLOW_EXPERIMENT_ID`, so the job chooses neither. It may use your `day.py`.
#
# - **One version a night:** the one that has the alias `champion` when the night begins. The alias may move at any moment while it runs, also between two calls that ask for it.
# - **Days, oldest first, each on its own.** Which days are done is kept in OUT or read off it, in a form of your choice (JSON, sqlite, the outputs themselves).
# - **A day is done** if its output was made of the input *as it is now*, by the version of *this* night, and still opens (to read its metadata is enough). A done day is left alone: the model is not asked, the file is not touched. Any other day is scored anew. So these are:
#   a new day; a day whose file was corrected, even if it has the old size and the old time; all days after the champion changed, forwards or back; a day whose output was deleted, or cut off by a full disk or by the job of last year, which wrote in place. And
#   these are not: a file that was copied again with a new time and the old content; a day without orders that has its empty output (after a new champion it may get a new one or keep it; it is scored once it has orders).
# - **It may die at any moment.** Days that were done stay done; the next night goes on with the others, and removes what the dead one left unfinished, also of a day that IN has lost since. Readers see whole days all the time: from a night's first moment to its last, or its death, each
#   day in OUT is the old whole file or the new one.
# - **A bad day** (the file is cut off, the model cannot score it) does not stop the others. It is no day done, so each night tries it again; an output that it had before stays. Its name stands on stderr, and the exit code is 1. Otherwise the exit code is 0.
# - **Outputs of days that IN no longer has** stay as they are.
# - **One MLflow run a night**, also when there is nothing to do: parameters `model_name` (`tidewater-fraud`) and `model_version`; metrics `days_scored`, `days_unchanged`, `days_failed`, `rows_scored` (in this night), `seconds`
#   (wall time of the night, more than 0); and the artefact `summary.json`, an object with an entry for each day of IN: `{"2025-05-01": {"state": "scored", "rows": 143}, ...}`. `state` is `scored`, `unchanged` or `failed`;
#   `rows` is needed for the days that were scored. With bad days the run may end as it likes.
#
# The checks start the job in a new Python where they kill it, and else several times within one Python, each time with your modules read anew.


# %% answer="job" file="score.py"
"""One night: python score.py IN OUT scores the days of IN that are not done, with the champion."""

import json
import os
import re
import sys
import time
from pathlib import Path

import mlflow
import mlflow.sklearn
import pyarrow.parquet as pq

from day import score_day, sha256_of

MODEL = "tidewater-fraud"


def main(orders, scores):
    """One night. orders, scores: paths of IN and OUT. Returns the exit code."""
    ### BEGIN SOLUTION
    began = time.perf_counter()
    orders, scores = Path(orders), Path(scores)
    scores.mkdir(parents=True, exist_ok=True)
    for leftover in scores.glob("*.unfinished"):
        leftover.unlink()
    version = str(mlflow.MlflowClient().get_model_version_by_alias(MODEL, "champion").version)
    model = mlflow.sklearn.load_model(f"models:/{MODEL}/{version}")
    with mlflow.start_run(run_name="nightly-scoring"):
        summary = score_days(orders, scores, model, version)
        states = [day["state"] for day in summary.values()]
        mlflow.log_params({"model_name": MODEL, "model_version": version})
        mlflow.log_metrics({f"days_{name}": states.count(name) for name in ("scored", "unchanged", "failed")})
        mlflow.log_metric("rows_scored", sum(day.get("rows", 0) for day in summary.values()))
        mlflow.log_metric("seconds", time.perf_counter() - began)
        mlflow.log_dict(summary, "summary.json")
    return int("failed" in states)


def score_days(orders, scores, model, version):
    """Score what is not done, oldest first. Returns what became of each day."""
    manifest = scores / "manifest.json"
    notes = json.loads(manifest.read_text()) if manifest.exists() else {}
    summary = {}
    for source in sorted(orders.iterdir()):
        if not re.fullmatch(r"\d{4}-\d\d-\d\d\.parquet", source.name):
            continue
        target = scores / source.name
        try:
            now = {"input_sha256": sha256_of(source), "model_version": version}
            if is_done(target, notes.get(source.stem, {}), now):
                summary[source.stem] = {"state": "unchanged"}
                continue
            rows = score_day(source, target, model, version)
            notes[source.stem] = {**now, "rows": rows}
            write_whole(manifest, json.dumps(notes, indent=1))
            summary[source.stem] = {"state": "scored", "rows": rows}
        except Exception as error:
            print(f"{source.stem} failed: {type(error).__name__}: {error}", file=sys.stderr)
            summary[source.stem] = {"state": "failed"}
    return summary


def is_done(target, note, now):
    """Whether the note says what is true now, and the output still opens with as many rows."""
    if any(note.get(name) != value for name, value in now.items()):
        return False
    try:
        return pq.read_metadata(target).num_rows == note["rows"]
    except Exception:
        return False


def write_whole(path, text):
    """Put text under path: whole or not at all."""
    scratch = path.with_name(f"{path.name}.unfinished")
    scratch.write_text(text)
    os.replace(scratch, path)
    ### END SOLUTION


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))

# %% [markdown]
# One night over the folder `orders`, in this notebook's Python. What does `audit("orders", "scores")` say after it?

# %%
from tidewater import nightly

night = nightly.start("score.py", "orders", "scores")
print("exit code", night.exit_code, night.errors[-300:])

# %% test="first_night" of="job" points=2
import json

from grader import expect
from tidewater.watched import FAULTS


def compared():
    """The outputs in `scores` against the champion of the notebook's own store."""
    from pathlib import Path

    import mlflow
    import numpy as np
    import pandas as pd

    number = mlflow.MlflowClient().get_model_version_by_alias("tidewater-fraud", "champion").version
    model = mlflow.sklearn.load_model(f"models:/tidewater-fraud/{number}")
    facts = {"version": str(number), "rows": {}, "wrong": []}
    for source in sorted(Path("orders").glob("*.parquet")):
        rows = pd.read_parquet(source)
        facts["rows"][source.stem] = len(rows)
        target = Path("scores") / source.name
        found = pd.read_parquet(target) if target.exists() else pd.DataFrame()
        same = len(found) == len(rows) and np.allclose(
            found["score"], model.predict_proba(rows)[:, 1], atol=1e-6
        )
        facts["wrong"] += [] if same else [source.stem]
    return facts


facts = expect.beside(compared)
expect.equal(
    facts["wrong"],
    [],
    what="the days of orders whose output in scores does not have the champion's probabilities, after python score.py orders scores",
    why="each day of IN is scored by the champion",
    look_at="the error above, and what the job does with a day",
)
run = expect.run(
    params={"model_name": "tidewater-fraud", "model_version": facts["version"]},
    what="the run of the night over orders",
    why="a colleague sees which version scored",
    look_at="what the job logs",
)
expect.equal(
    sorted({"days_scored", "days_unchanged", "days_failed", "rows_scored", "seconds"} - set(run.metrics)),
    [],
    what="the metrics that the run of the night lacks",
    why="a night is judged by them in the morning",
    look_at="the names of the metrics",
)
expect.equal(
    sorted(json.loads(run.artifact("summary.json"))),
    sorted(facts["rows"]),
    what="the days in summary.json",
    why="it has an entry for each day of IN",
    look_at="what you log with mlflow.log_dict",
)
### BEGIN HIDDEN TESTS


def a_night(seed, plan):
    """A first night over good and bad days, while the alias moves. Returns what it left."""
    import atexit
    import shutil
    import tempfile

    from tidewater import nightly, watched

    folder = tempfile.mkdtemp(prefix="check-", dir=".")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    night = nightly.Night(folder)
    night.register(0.2)
    version = night.register(0.9)
    newest = night.register(0.5, champion=False)
    night.register(0.7, name="tidewater-late")
    night.out.rmdir()
    for day, (one, rows, how) in plan.items():
        night.put(day, one, rows, **how)
    whole = (night.source / "2025-07-01.parquet").read_bytes()
    (night.source / "2025-07-03.parquet").write_bytes(whole[: len(whole) // 2])
    night.put("2025-07-05", [seed, 9], 30, last_title="BOOM")
    (night.source / "2025-07-30.parquet.part").write_bytes(whole[:300])
    (night.source / "_SUCCESS").touch()

    watched.write(night.source / "customers.parquet", nightly.day_of([seed, 7], 3))
    (night.source / "archive").mkdir()
    watched.write(night.source / "archive" / "2025-06-30.parquet", nightly.day_of([seed, 8], 3))

    def move():
        night_client.set_registered_model_alias("tidewater-fraud", "champion", newest)

    with night.store() as night_client:
        watched.on_call[:] = [move]
        try:
            said = night.run(after_look_up=move)
        finally:
            watched.on_call.clear()
    said.pop("asked")
    return said | {"faulty": night.faulty(plan, 0.9, version), "version": version, "found": night.names()}


seed = expect.seed()
rows = [int(count) for count in expect.rng().integers(5_100, 6_500, 1)]
plan = {
    "2025-07-01": ([seed, 1], rows[0], {"last_title": "CALL"}),
    "2025-07-02": ([seed, 2], 0, {}),
    "2025-07-04": ([seed, 4], 300, {"gaps": 1.0}),
    "2025-07-06": ([seed, 6], 200, {}),
}
IT = "four good days, one of them without orders, and two bad ones"
said = expect.beside(a_night, seed, plan)
for fault, (what, why, look_at) in FAULTS.items():
    expect.equal(
        said["faulty"][fault],
        [],
        what=f"the good days whose output {what}, after a night over {IT}, in which the alias moves right after the job first asks for it",
        why=why,
        look_at=look_at,
    )
bad = ["2025-07-03", "2025-07-05"]
expect.equal(
    [day for day in bad if f"{day}.parquet" in said["found"]],
    [],
    what="the bad days that have an output",
    why="a day that cannot be scored has none",
    look_at="what you write for a day that fails",
)
expect.equal(
    sorted(
        {name for name in said["found"] if name.endswith(".parquet")}
        - {f"{day}.parquet" for day in [*plan, *bad]}
    ),
    [],
    what="the outputs that belong to no day of IN, which has a customers.parquet and a folder archive, too",
    why="a day is a file such as 2025-05-01.parquet directly in IN",
    look_at="which files the job takes for days",
)
expect.equal(
    said["exit_code"],
    1,
    what="the exit code of a night with two bad days",
    why="the scheduler wakes somebody by it, and by nothing else",
    look_at="what main returns when a day failed",
)
expect.equal(
    [day for day in bad if day not in said["errors"]],
    [],
    what="the bad days whose name is not on stderr",
    why="who is woken needs to know which file it is",
    look_at="what you print for a day that fails, and where to",
)
expect.equal(
    said["runs"],
    1,
    what="the number of runs of a night with two bad days",
    why="one night is one run",
    look_at="where the run begins and ends",
)
expect.equal(
    {day: said["summary"].get(day, {}).get("state", "") for day in [*plan, *bad]},
    dict.fromkeys(plan, "scored") | dict.fromkeys(bad, "failed"),
    what="the states in summary.json of a night with two bad days",
    why="each day of IN has one",
    look_at="what you note for a day without orders, and for a day that fails",
)
expect.equal(
    [said["summary"][day].get("rows") for day in plan],
    [count for _, count, _ in plan.values()],
    what="the rows in summary.json of the days that were scored",
    why="they are the rows of their outputs",
    look_at="what score_day returns",
)
wanted = {"days_scored": 4, "days_unchanged": 0, "days_failed": 2, "rows_scored": rows[0] + 500}
expect.equal(
    {name: said["metrics"].get(name) for name in wanted},
    {name: float(count) for name, count in wanted.items()},
    what="the metrics of a night with four good days and two bad ones",
    why="a bad day scores no rows, and a day without orders is a day",
    look_at="what you count",
)
expect.true(
    said["metrics"].get("seconds", 0) > 0,
    got="no time",
    expected="more than 0",
    what="the metric seconds",
    why="a night that takes longer each day runs into the morning one day",
    look_at="what you measure",
)
expect.equal(
    said["params"].get("model_version"),
    said["version"],
    what="the parameter model_version of a night in which the alias moved",
    why="it is the version that scored",
    look_at="how often you look the alias up",
)
### END HIDDEN TESTS

# %% test="only_what_changed" of="job" points=2
from grader import expect


def nights(seed, plan, small):
    """Nights one after the other, with changes between them. Returns of each: exit code, days that were scored, files that moved."""
    import atexit
    import os
    import shutil
    import tempfile

    from tidewater import nightly

    folder = tempfile.mkdtemp(prefix="check-", dir=".")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    night = nightly.Night(folder)
    first = night.register(0.9)
    day = {name: night.source / f"{name}.parquet" for name in plan}
    out = {name: night.out / f"{name}.parquet" for name in plan}
    told = []

    def a_night(plan, weight, version):
        before = night.marks()
        ids = {key: name for name, (one, n, how) in plan.items() for key in ids_of(one, n, how)}
        said = night.run()
        after = night.marks()
        told.append(
            {
                "exit_code": said["exit_code"],
                "scored": sorted({ids.get(key, "an order of no day") for key in said["asked"]}),
                "moved": sorted(name for name in {*before, *after} if before.get(name) != after.get(name)),
                "faulty": night.faulty(plan, weight, version),
                "runs": said["runs"],
                "unchanged": said.get("metrics", {}).get("days_unchanged"),
                "rows": said.get("metrics", {}).get("rows_scored"),
            }
        )

    def ids_of(one, n, how):
        return [str(key) for key in nightly.day_of(one, n, **how)["order_id"]]

    def put(name):
        one, n, how = plan[name]
        night.put(name, one, n, **how)

    for name in [name for name in plan if name != "2025-08-07"]:
        put(name)
    if small:
        a_night({name: plan[name] for name in day if day[name].exists()}, 0.9, first)
        a_night({name: plan[name] for name in day if day[name].exists()}, 0.9, first)
        return told
    whole = day["2025-08-05"].read_bytes()
    day["2025-08-05"].write_bytes(whole[:-50])
    night.out.mkdir(exist_ok=True)
    out["2025-08-06"].write_bytes(b"PAR1 and not much more")  # by the job of last year
    good = {name: plan[name] for name in plan if name not in ("2025-08-05", "2025-08-07")}
    a_night(good, 0.9, first)
    before = day["2025-08-02"].stat()
    plan["2025-08-02"] = (plan["2025-08-02"][0], plan["2025-08-02"][1], {"raised": 1})
    put("2025-08-02")
    assert day["2025-08-02"].stat().st_size == before.st_size
    os.utime(day["2025-08-02"], ns=(before.st_atime_ns, before.st_mtime_ns))
    for touched in ("2025-08-03", "2025-08-06"):
        os.utime(day[touched], ns=(1, 1))
    out["2025-08-01"].unlink()
    out["2025-08-04"].write_bytes(out["2025-08-04"].read_bytes()[:200])
    put("2025-08-07")
    a_night({name: plan[name] for name in plan if name != "2025-08-05"}, 0.9, first)
    day["2025-08-05"].write_bytes(whole)
    day["2025-08-06"].unlink()
    kept = {name: plan[name] for name in plan if name != "2025-08-06"}
    second = night.register(0.4)
    a_night(kept, 0.4, second)
    with night.store() as client:
        client.set_registered_model_alias("tidewater-fraud", "champion", first)
    kept["2025-08-03"] = plan["2025-08-03"] = (plan["2025-08-03"][0], 25, {})
    put("2025-08-03")
    a_night(kept, 0.9, first)
    return told


def judge_night(told, name, scored, moved, exit_code=0, free=()):
    from tidewater.watched import FAULTS

    expect.equal(
        told["exit_code"],
        exit_code,
        what=f"the exit code of {name}",
        why="it is 1 if a day failed, tonight too, and else 0",
        look_at="what the job notes of a day that fails, and what it returns",
    )
    for fault, (what, why, look_at) in FAULTS.items():
        expect.equal(
            told["faulty"][fault],
            [],
            what=f"the days whose output {what}, after {name}",
            why=why,
            look_at=f"{look_at}; and what makes a day count as done",
        )
    expect.equal(
        told["scored"],
        scored,
        what=f"the days whose orders the model was asked about in {name}",
        why="a day that is done is left alone, and any other is scored anew",
        look_at="what makes a day count as done: the content of its input, the version, and an output that opens",
    )
    expect.equal(
        [day for day in told["moved"] if day not in free],
        moved,
        what=f"the days whose output changed, by its bytes or its time, in {name}",
        why="the file of a day that is done is not touched, nor that of a day that IN no longer has",
        look_at="what you write, rename or delete in OUT",
    )


small = {f"2025-08-0{n}": ([1, n], 20, {}) for n in (1, 2)}
one, two = expect.beside(nights, 1, small, True)
judge_night(one, "a first night over two days", list(small), list(small))
judge_night(two, "a second night, nothing having changed", [], [])
expect.equal(
    [two["runs"], two["unchanged"], two["rows"]],
    [1, 2.0, 0.0],
    what="the number of runs of the second night, and its metrics days_unchanged and rows_scored",
    why="a night in which nothing was to do is a night, and the run says so",
    look_at="what you count, and a job that ends early",
)
### BEGIN HIDDEN TESTS
seed = expect.seed()
counts = expect.rng().integers(20, 60, 7)
plan = {f"2025-08-0{n + 1}": ([seed, n], 0 if n == 2 else int(count), {}) for n, count in enumerate(counts)}
d = list(plan)
told = expect.beside(nights, seed, plan, False)
judge_night(
    told[0],
    "a first night over days of which one is cut off, with a half file of last year's job in OUT",
    [d[0], d[1], d[3], d[5]],
    [d[0], d[1], d[2], d[3], d[5]],
    1,
)
changed = [d[0], d[1], d[3], d[6]]
judge_night(
    told[1],
    "a second night: one output deleted, one cut off, one input corrected at its old size and time, two touched, one of them without orders, a new day, one input still cut off",
    changed,
    changed,
    1,
)
rest = [name for name in d if name not in (d[2], d[5])]  # an empty output may stay
judge_night(
    told[2],
    "a third night, with a new champion, the bad input mended, and one day no longer in IN",
    rest,
    rest,
    free=[d[2]],
)
rest = [name for name in d if name != d[5]]
judged = judge_night(
    told[3],
    "a fourth night, the first champion being back, and with orders in the day that had none",
    rest,
    rest,
)
### END HIDDEN TESTS

# %% test="killed_and_resumed" of="job" points=2
import time

from grader import expect
from tidewater.watched import FAULTS


def stopped(sizes):
    """A night that is interrupted, as by Ctrl-C, while its second day is scored, and the next night."""
    import atexit
    import shutil
    import tempfile

    from tidewater import nightly, watched

    folder = tempfile.mkdtemp(prefix="check-", dir=".")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    night = nightly.Night(folder)
    version = night.register(0.9)
    plan = {
        f"2025-09-0{n}": ([2, n], size, {"last_title": "CALL"} if n == 2 else {})
        for n, size in enumerate(sizes, 1)
    }
    for day, (one, n, how) in plan.items():
        night.put(day, one, n, **how)

    def interrupt():
        raise KeyboardInterrupt

    watched.on_call[:] = [interrupt]
    try:
        night.run()
    finally:
        watched.on_call.clear()
    seen, marks = watched.rows_of(night.out), night.marks()
    said = night.run()
    same = [day for day, mark in night.marks().items() if marks.get(day) == mark]
    return {"seen": seen, "same": same, "faulty": night.faulty(plan, 0.9, version), "exit": said["exit_code"]}


facts = expect.beside(stopped, [30, 5_200, 40])
expect.equal(
    facts["seen"],
    {"2025-09-01.parquet": 30},
    what="the rows of the outputs after a night over three days that was interrupted in its second",
    why="the first day is done, and the second one is whole or not there",
    look_at="when a day's output appears",
)
expect.equal(
    [facts["exit"], facts["same"]],
    [0, ["2025-09-01"]],
    what="the exit code of the next night, and the days whose file it left alone",
    why="the first day is done, the others are not",
    look_at="when a day is noted as done",
)
for fault, (what, why, look_at) in FAULTS.items():
    expect.equal(
        facts["faulty"][fault],
        [],
        what=f"the days whose output {what}, after the interrupted night and the next one",
        why=why,
        look_at=f"{look_at}; and what the interrupted night had noted",
    )
### BEGIN HIDDEN TESTS


def first_night(seed, plan):
    """A night in one go, and then a new champion and a model that holds in the third day. Returns what to start."""
    import atexit
    import shutil
    import tempfile

    from tidewater import nightly

    folder = tempfile.mkdtemp(prefix="check-", dir=".")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    night = nightly.Night(folder)
    version = night.register(0.9)
    for day, (one, n, how) in plan.items():
        night.put(day, one, n, **how)
    said = night.run()
    names = night.names()
    second = night.register(0.4)
    (night.watch / "hold").touch()
    (night.watch / "asked.jsonl").unlink(missing_ok=True)
    return {
        "folder": folder,
        "environment": night.environment,
        "arguments": [str(night.source), str(night.out)],
        "exit_code": said["exit_code"],
        "names": names,
        "versions": [version, second],
    }


def at_this_moment(folder):
    """What a reader finds, and which files are there."""
    from tidewater import nightly, watched

    night = nightly.Night(folder)
    versions = {
        path.stem: sorted(set(watched.read_scores(path).get("model_version", ["unreadable"])))
        for path in sorted(night.out.glob("*.parquet"))
    }
    return {"versions": versions, "marks": night.marks(), "seen": night.asked()["seen"]}


def held(folder):
    from pathlib import Path

    return (Path(folder) / "watch" / "held").exists()


def next_nights(folder, plan, gone, weight, version):
    """A night that dies right before the fourth day's output gets its name, and one that goes on. gone: a day that left IN."""
    from tidewater import nightly

    night = nightly.Night(folder)
    (night.source / f"{gone}.parquet").unlink()
    (night.watch / "hold").unlink()
    ids = {
        str(key): day
        for day, (one, n, how) in plan.items()
        for key in nightly.day_of(one, n, **how)["order_id"]
    }
    cut = night.run(dies_before=f"{sorted(plan)[3]}.parquet")
    said = night.run()
    return {
        "exit_code": said["exit_code"],
        "scored": sorted({ids.get(key, "an order of no day") for key in cut["asked"] + said["asked"]}),
        "seen": cut["seen"] + said["seen"],
        "marks": night.marks(),
        "names": night.names(),
        "faulty": night.faulty({day: plan[day] for day in plan if day != gone}, weight, version),
    }


seed = expect.seed()
counts = [int(count) for count in expect.rng().integers(20, 90, 5)]
counts[2] += 10_000
plan = {
    f"2025-10-0{n + 1}": ([seed, n], count, {"last_title": "HOLD"} if n == 2 else {})
    for n, count in enumerate(counts)
}
d = list(plan)
first = expect.beside(first_night, seed, plan)
expect.equal(
    first["exit_code"],
    0,
    what="the exit code of a night over five good days",
    why="no day failed",
    look_at="what the job writes to stderr",
)
with expect.process("score.py", *first["arguments"], env=first["environment"]) as night:
    until, holds = time.monotonic() + 50, False
    while night.running and not holds and time.monotonic() < until:
        holds = expect.beside(held, first["folder"])
        time.sleep(0.05)
    while_held = expect.beside(at_this_moment, first["folder"])
    night.kill()
expect.true(
    holds,
    got=f"a process whose last line is {(night.output.strip() or '-').splitlines()[-1][:200]}",
    expected="a night that asks about the third day",
    what="python score.py in a new Python, with a new champion",
    why="all days are scored anew by the new champion, oldest first",
    look_at="what a new Python lacks that the notebook has, and what makes a day count as done",
)
killed = expect.beside(at_this_moment, first["folder"])
old, second = first["versions"]
whole = {f"{day}.parquet": count for day, count in zip(d, counts, strict=True)}
for moment, state in [("while", while_held), ("after it was killed while", killed)]:
    expect.equal(
        state["versions"],
        dict.fromkeys(d[:2], [second]) | dict.fromkeys(d[2:], [old]),
        what=f"the versions in the outputs of five days, {moment} a night with a new champion scores the last batch of the third",
        why="the first two days are the new champion's; the others are whole and the old one's until they are done",
        look_at="what happens to an output before the new one is whole, and the sequence of the days",
    )
resumed = expect.beside(next_nights, first["folder"], plan, d[2], 0.4, second)
THEN = (
    "a night that was killed in the third day, one without that day's input "
    "that died right before the fourth day's output got its name, and one more"
)
expect.equal(
    resumed["exit_code"],
    0,
    what=f"the exit code of the last of three nights: {THEN}",
    why="no day failed",
    look_at="what a killed night leaves, and how the next one reads it",
)
for fault, (what, why, look_at) in FAULTS.items():
    expect.equal(
        resumed["faulty"][fault],
        [],
        what=f"the days whose output {what}, after {THEN}",
        why=why,
        look_at=f"when a day is noted as done, and what stands under its name at that moment; and {look_at}",
    )
expect.equal(
    resumed["scored"],
    d[3:],
    what=f"the days whose orders the model was asked about after the kill, in {THEN}",
    why="the two days that were done stay done",
    look_at="when a day is noted as done: after its own output, and before the next day",
)
expect.equal(
    [day for day in d[:2] if resumed["marks"][day] != killed["marks"].get(day)],
    [],
    what="the days that were done before the kill and whose output was touched after it",
    why="what is done is left alone",
    look_at="what you write, rename or delete in OUT",
)
expect.equal(
    [seen for seen in while_held["seen"] + resumed["seen"] if seen != whole],
    [],
    what="what a reader of OUT found, other than five whole days, each time the model was asked in these nights",
    why="at any moment each day is there, whole",
    look_at="outputs that are removed before they are replaced, and files with the ending .parquet that are not outputs",
)
expect.equal(
    sorted(set(resumed["names"]) - set(first["names"])),
    [],
    what=f"the files in OUT after {THEN} that a night in one go does not leave",
    why="half files of killed nights fill the disk",
    look_at="what becomes of a file that the killed night had not finished",
)
### END HIDDEN TESTS


# %% wrong="reads_it_whole" of="day" caught_by="bounded_memory" edits="reference"
# Reads the whole file and cuts it into batches afterwards: what the model is asked is small, what Python holds is not.
# -                 for batch in orders.iter_batches(ROWS):
# +                 for batch in orders.read().to_batches(ROWS):


# %% wrong="dataset_reads_ahead" of="day" caught_by="bounded_memory" edits="reference"
# Trusts that a lazy dataset holds one batch: its scanner reads ahead while the model is asked.
# +     import pyarrow.dataset
# +
# =     target = Path(target)
#
# -                 for batch in orders.iter_batches(ROWS):
# +                 for batch in pyarrow.dataset.dataset(source).to_batches(batch_size=ROWS):


# %% wrong="other_column" of="day" caught_by="each_row_once" edits="reference"
# Takes the first column of predict_proba, the probability that an order is honest.
# -                     scores = model.predict_proba(batch.to_pandas())[:, 1]
# +                     scores = model.predict_proba(batch.to_pandas())[:, 0]


# %% wrong="drops_gaps" of="day" caught_by="each_row_once" edits="reference"
# Drops orders without an amount, as a training script does.
# -                     size = batch.num_rows
# -                     if size == 0:
# -                         continue
# -                     scores = model.predict_proba(batch.to_pandas())[:, 1]
# +                     batch = batch.filter(batch.column("amount").is_valid())
# +                     size = batch.num_rows
# +                     if size == 0:
# +                         continue
# +                     scores = model.predict_proba(batch.to_pandas())[:, 1]


# %% wrong="full_batches_only" of="day" caught_by="each_row_once" edits="reference"
# Counts how many full batches a file has, and forgets the rest in the last one.
# -                 for batch in orders.iter_batches(ROWS):
# +                 full = max(orders.metadata.num_rows // ROWS, 1)
# +                 for batch, _ in zip(orders.iter_batches(ROWS), range(full), strict=False):


# %% wrong="ids_through_floats" of="day" caught_by="each_row_once" edits="reference"
# Puts ids and scores into one array of numbers, so ids become floats, and large ones another id.
# -                     columns = [batch.column("order_id"), pa.array(scores), [version] * size, [digest] * size]
# +                     both = np.column_stack([batch.to_pandas()["order_id"], scores])
# +                     columns = [both[:, 0].astype(int), both[:, 1], [version] * size, [digest] * size]
#
# + import numpy as np
# = import pyarrow as pa


# %% wrong="ids_as_int64" of="day" caught_by="each_row_once" edits="reference"
# Writes down a type for order_id, so an input with another one gets ids that its readers cannot join.
# -                     orders.schema_arrow.field("order_id"),
# +                     ("order_id", pa.int64()),


# %% wrong="guessed_types" of="day" caught_by="each_row_once"
# Lets the rows decide the types of the output: a day without rows has columns of another type than the other days.
import hashlib
import os
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq

ROWS = 5_000


def sha256_of(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def score_day(source, target, model, version):
    digest, scratch = sha256_of(source), Path(f"{target}.unfinished")
    lists = {"order_id": [], "score": [], "model_version": [], "input_sha256": []}
    try:
        for batch in pq.ParquetFile(source).iter_batches(ROWS):
            if batch.num_rows:
                lists["order_id"] += batch.column("order_id").to_pylist()
                lists["score"] += model.predict_proba(batch.to_pandas())[:, 1].tolist()
                lists["model_version"] += [version] * batch.num_rows
                lists["input_sha256"] += [digest] * batch.num_rows
        pd.DataFrame(lists).to_parquet(scratch, index=False)
        os.replace(scratch, target)
    finally:
        scratch.unlink(missing_ok=True)
    return len(lists["score"])


# %% wrong="writes_in_place" of="day" caught_by="whole_or_not_at_all" edits="reference"
# Writes into the output itself, so a reader, or a death, finds half a day under the name of a whole one.
# -     scratch = target.with_name(f"{target.name}.unfinished")
# +     scratch = target


# %% wrong="moves_across" of="day" caught_by="whole_or_not_at_all" edits="reference"
# Writes in the machine's temporary folder and moves the file: between file systems a move is a copy into the file that somebody reads.
# + import shutil
# + import tempfile
# = from pathlib import Path
#
# -     scratch = target.with_name(f"{target.name}.unfinished")
# +     scratch = Path(tempfile.mkdtemp(), target.name)
#
# -         os.replace(scratch, target)
# +         shutil.move(scratch, target)


# %% wrong="makes_room_last" of="day" caught_by="whole_or_not_at_all" edits="reference"
# Deletes the old output right before the new one gets its name: a death between the two calls leaves no day at all.
# -         os.replace(scratch, target)
# +         target.unlink(missing_ok=True)
# +         os.replace(scratch, target)


# %% wrong="unfinished_looks_finished" of="day" caught_by="whole_or_not_at_all" edits="reference"
# Gives the unfinished file a name that ends with .parquet, so readers take it for one more day.
# -     scratch = target.with_name(f"{target.name}.unfinished")
# +     scratch = target.with_name(f"unfinished-{target.name}")
#
# -     except BaseException:
# +     except KeyboardInterrupt:


# %% wrong="swallows_the_error" of="day" caught_by="whole_or_not_at_all" edits="reference"
# Catches what went wrong and returns, so that the night takes the day for done.
# -         raise
# +         return 0


# %% wrong="hash_afterwards" of="day" caught_by="whole_or_not_at_all" edits="reference"
# Takes the hash when the scores are done: if the file was replaced meanwhile, old scores stand beside the new hash.
# -     digest, count = sha256_of(source), 0
# +     scores_of_day, count = [], 0
#
# -             with pq.ParquetWriter(scratch, schema) as writer:
# -                 for batch in orders.iter_batches(ROWS):
# -                     size = batch.num_rows
# -                     if size == 0:
# -                         continue
# -                     scores = model.predict_proba(batch.to_pandas())[:, 1]
# -                     columns = [batch.column("order_id"), pa.array(scores), [version] * size, [digest] * size]
# -                     writer.write_table(pa.table(columns, schema=schema))
# -                     count += size
# +             for batch in orders.iter_batches(ROWS):
# +                 if batch.num_rows:
# +                     scores_of_day.append((batch.column("order_id"), model.predict_proba(batch.to_pandas())[:, 1]))
# +         digest = sha256_of(source)
# +         with pq.ParquetWriter(scratch, schema) as writer:
# +             for ids, scores in scores_of_day:
# +                 size = len(ids)
# +                 columns = [ids, pa.array(scores), [version] * size, [digest] * size]
# +                 writer.write_table(pa.table(columns, schema=schema))
# +                 count += size


# %% wrong="counts_rows" of="audit" caught_by="faults_found" edits="reference"
# Compares the number of rows: an order that is there twice makes up for one that is lost.
# -         "rows": sorted(ids) != sorted(wanted),
# +         "rows": len(ids) != len(wanted),


# %% wrong="compares_sets" of="audit" caught_by="faults_found" edits="reference"
# Compares sets of ids, in which an order that is there twice stands once.
# -         "rows": sorted(ids) != sorted(wanted),
# +         "rows": set(ids) != set(wanted),


# %% wrong="compares_in_sequence" of="audit" caught_by="faults_found" edits="reference"
# Compares ids place by place, so that another sequence counts as lost orders.
# -         "rows": sorted(ids) != sorted(wanted),
# +         "rows": list(ids) != wanted,


# %% wrong="first_and_last_row" of="audit" caught_by="faults_found" edits="reference"
# Looks at the hash of the first row and of the last one, and a day that was put together has others in between.
# -         "stale": (hashes != hashlib.sha256(source.read_bytes()).hexdigest()).any(),
# +         "stale": (hashes[[*hashes.index[:1], *hashes.index[-1:]]] != hashlib.sha256(source.read_bytes()).hexdigest()).any(),


# %% wrong="only_score_can_lack" of="audit" caught_by="faults_found" edits="reference"
# Expects that an output lacks its score if anything: one that lacks another column ends the audit, and no other day is looked at.
# -         table = pq.read_table(target).to_pandas(ignore_metadata=True)
# -         ids, score, versions, hashes = (
# -             table[name] for name in ("order_id", "score", "model_version", "input_sha256")
# -         )
# -     except Exception:
# -         return ["unreadable"]
# +         table = pq.read_table(target).to_pandas(ignore_metadata=True)
# +         score = table["score"]
# +     except Exception:
# +         return ["unreadable"]
# +     ids, versions, hashes = (table[name] for name in ("order_id", "model_version", "input_sha256"))


# %% wrong="each_file_is_a_day" of="audit" caught_by="faults_found" edits="reference"
# Takes each Parquet file of IN for a day: a list of customers beside them is reported as missing each morning.
# -     for source in sorted(Path(orders).glob("????-??-??.parquet")):
# +     for source in sorted(Path(orders).glob("*.parquet")):


# %% wrong="nan_is_not_outside" of="audit" caught_by="faults_found" edits="reference"
# Looks for scores below 0 or above 1, and every comparison with NaN is False.
# -         "score": not score.between(0, 1).all(),
# +         "score": bool(((score < 0) | (score > 1)).any()),


# %% wrong="what_out_has" of="audit" caught_by="faults_found" edits="reference"
# Goes through the outputs: a day that has none is never looked at.
# -     for source in sorted(Path(orders).glob("????-??-??.parquet")):
# -         target = Path(scores) / source.name
# -         words = ["missing"] if not target.exists() else problems(source, target)
# +     for target in sorted(Path(scores).glob("????-??-??.parquet")):
# +         source = Path(orders) / target.name
# +         words = problems(source, target) if source.exists() else []


# %% wrong="a_file_is_a_day" of="job" caught_by="only_what_changed" edits="reference"
# Takes a day for done if its output is there: a corrected input, a new champion and half a file change nothing.
# -     if any(note.get(name) != value for name, value in now.items()):
# -         return False
# -     try:
# -         return pq.read_metadata(target).num_rows == note["rows"]
# -     except Exception:
# -         return False
# +     return target.exists()


# %% wrong="size_and_time" of="job" caught_by="only_what_changed" edits="reference"
# Takes size and time of the input for its content: a copy changes the time, a correction can keep both.
# -             now = {"input_sha256": sha256_of(source), "model_version": version}
# +             stat = source.stat()
# +             now = {"size": stat.st_size, "time": stat.st_mtime_ns, "model_version": version}


# %% wrong="forgets_the_version" of="job" caught_by="only_what_changed" edits="reference"
# Notes the content and not the version: after a new champion the old scores stay.
# -             now = {"input_sha256": sha256_of(source), "model_version": version}
# +             now = {"input_sha256": sha256_of(source)}


# %% wrong="empty_is_done" of="job" caught_by="only_what_changed" edits="reference"
# Takes an empty output for done, whatever its input holds now: orders that came late are never scored.
# -     if any(note.get(name) != value for name, value in now.items()):
# +     if note.get("rows") != 0 and any(note.get(name) != value for name, value in now.items()):


# %% wrong="believes_the_note" of="job" caught_by="only_what_changed" edits="reference"
# Believes the manifest and never opens the output that it speaks of.
# -     try:
#
# -         return pq.read_metadata(target).num_rows == note["rows"]
# -     except Exception:
# -         return False
# +     return target.exists()


# %% wrong="notes_bad_days_too" of="job" caught_by="only_what_changed" edits="reference"
# Notes a bad day as seen, so the next night is green and nobody mends it.
# +             if notes.get(source.stem) == {**now, "rows": -1}:
# +                 summary[source.stem] = {"state": "unchanged"}
# +                 continue
# =             rows = score_day(source, target, model, version)
#
# -             summary[source.stem] = {"state": "failed"}
# +             summary[source.stem] = {"state": "failed"}
# +             notes[source.stem] = {**now, "rows": -1}
# +             write_whole(manifest, json.dumps(notes))


# %% wrong="empties_out_first" of="job" caught_by="only_what_changed" edits="reference"
# Empties OUT and scores all again: each night costs a month, and until the morning readers find a part of it.
# -     for leftover in scores.glob("*.unfinished"):
# -         leftover.unlink()
# +     for leftover in scores.iterdir():
# +         leftover.unlink()


# %% wrong="noted_before" of="job" caught_by="killed_and_resumed" edits="reference"
# Notes the day before its output has its name: if the job dies in between, the next night takes the old output for the new one.
# -             rows = score_day(source, target, model, version)
# -             notes[source.stem] = {**now, "rows": rows}
# -             write_whole(manifest, json.dumps(notes, indent=1))
# +             fresh = scores / f"{source.stem}.unfinished"
# +             rows = score_day(source, fresh, model, version)
# +             notes[source.stem] = {**now, "rows": rows}
# +             write_whole(manifest, json.dumps(notes, indent=1))
# +             os.replace(fresh, target)


# %% wrong="noted_at_the_end" of="job" caught_by="killed_and_resumed" edits="reference"
# Writes the manifest once, when all days are done: after a death the next night begins from the first day.
# -             write_whole(manifest, json.dumps(notes, indent=1))
# =             summary[source.stem] = {"state": "scored", "rows": rows}
#
# +     write_whole(manifest, json.dumps(notes, indent=1))
# =     return summary


# %% wrong="leaves_the_dead" of="job" caught_by="killed_and_resumed" edits="reference"
# Gives each unfinished file a name of its own, and never looks for those of nights that died.
# -     for leftover in scores.glob("*.unfinished"):
# -         leftover.unlink()
#
# -             rows = score_day(source, target, model, version)
# +             scratch = scores / f"{source.stem}.{os.getpid()}-{time.time_ns()}"
# +             try:
# +                 rows = score_day(source, scratch, model, version)
# +                 os.replace(scratch, target)
# +             finally:
# +                 scratch.unlink(missing_ok=True)


# %% wrong="bad_day_ends_the_night" of="job" caught_by="first_night" edits="reference"
# Lets a bad day end the night: the days behind it wait for somebody to mend it.
# -             summary[source.stem] = {"state": "failed"}
# +             summary[source.stem] = {"state": "failed"}
# +             break


# %% wrong="bad_day_goes_unheard" of="job" caught_by="first_night" edits="reference"
# Logs a bad day and ends with 0, so the scheduler is content and nobody is woken.
# -     return int("failed" in states)
# +     return 0


# %% wrong="no_orders_no_day" of="job" caught_by="first_night" edits="reference"
# Skips a day without orders: its output is missing in the morning, as if the job had died.
# -             rows = score_day(source, target, model, version)
# +             if pq.read_metadata(source).num_rows == 0:
# +                 summary[source.stem] = {"state": "scored", "rows": 0}
# +                 continue
# +             rows = score_day(source, target, model, version)


# %% wrong="asks_twice" of="job" caught_by="first_night" edits="reference"
# Asks for the champion's number and then loads by the alias: if it moves in between, the rows name a version that did not score them.
# -     model = mlflow.sklearn.load_model(f"models:/{MODEL}/{version}")
# +     model = mlflow.sklearn.load_model(f"models:/{MODEL}@champion")


# %% also="by_row_groups" of="day" edits="reference"
# -                 for batch in orders.iter_batches(ROWS):
# -                     size = batch.num_rows
# +                 for group in range(orders.num_row_groups):
# +                     batch = orders.read_row_group(group)
# +                     size = batch.num_rows
#
# -         os.replace(scratch, target)
# +         if sha256_of(source) != digest:
# +             raise RuntimeError(f"{source} was replaced while it was scored")
# +         os.replace(scratch, target)


# %% also="duckdb" of="day"
import hashlib
import os
import tempfile
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq


def sha256_of(path):
    return hashlib.file_digest(open(path, "rb"), "sha256").hexdigest()  # noqa: SIM115


def score_day(source, target, model, version):
    digest, rows = sha256_of(source), 0
    handle, scratch = tempfile.mkstemp(dir=Path(target).parent, suffix=".part")
    os.close(handle)
    try:
        with duckdb.connect() as connection:
            connection.execute("set threads = 1")
            orders = connection.sql(f"select * from read_parquet('{source}')")
            key = orders.limit(0).to_arrow_table().schema.field("order_id").type
            types = {"order_id": key, "score": pa.float32(), "model_version": pa.string()}
            schema = pa.schema(types | {"input_sha256": pa.string(), "scored_by": pa.string()})
            with pq.ParquetWriter(scratch, schema) as writer:
                for batch in orders.to_arrow_reader(2048):
                    if batch.num_rows:
                        frame = batch.to_pandas()
                        score = model.predict_proba(frame)[:, 1].astype("float32")
                        result = frame[["order_id"]].assign(score=score, model_version=version)
                        result = result.assign(input_sha256=digest, scored_by="score.py")
                        writer.write_table(pa.Table.from_pandas(result, schema=schema, preserve_index=False))
                        rows += len(frame)
        os.replace(scratch, target)
    except BaseException:
        os.remove(scratch)
        raise
    return rows


# %% also="in_sql" of="audit"
def audit(orders, scores):
    import re

    import duckdb

    found = {}
    for source in Path(orders).iterdir():
        if not re.fullmatch(r"\d{4}-\d\d-\d\d[.]parquet", source.name):
            continue
        target = Path(scores, source.name)
        if not target.is_file():
            found[source.stem] = ["missing"]
            continue
        with duckdb.connect() as connection:
            try:
                connection.execute(
                    f"create table out as select order_id, score, model_version, input_sha256 from '{target}'"
                )
            except duckdb.Error:
                found[source.stem] = ["unreadable"]
                continue
            digest = hashlib.sha256(source.read_bytes()).hexdigest()
            lines = connection.execute(
                f"""
                select 'rows' where exists (
                    (select order_id from out except all select order_id from '{source}')
                    union all (select order_id from '{source}' except all select order_id from out))
                union all select 'versions' where (select count(distinct model_version) from out) > 1
                union all select 'stale' where exists (select 1 from out where input_sha256 is distinct from $1)
                union all select 'score' where exists (
                    select 1 from out where score is null or isnan(score) or score not between 0 and 1)
                """,
                [digest],
            ).fetchall()
        if lines:
            found[source.stem] = [word for (word,) in lines]
    return found


# %% also="notes_in_sqlite" of="job"
import contextlib
import hashlib
import logging
import sqlite3
import sys
import time
from datetime import date
from pathlib import Path

import mlflow.sklearn
import pyarrow.parquet as pq

from day import score_day

logging.basicConfig(stream=sys.stderr, format="%(levelname)s %(message)s")


def days_of(folder):
    for path in sorted(Path(folder).glob("*.parquet")):
        with contextlib.suppress(ValueError):
            date.fromisoformat(path.stem)
            yield path


def opens(path, rows):
    try:
        return pq.ParquetFile(path).scan_contents() == rows
    except Exception:
        return False


def main(source, out):
    clock = time.monotonic()
    Path(out).mkdir(exist_ok=True, parents=True)
    for path in Path(out).glob("*.unfinished"):
        path.unlink()
    champion = mlflow.MlflowClient().get_registered_model("tidewater-fraud").aliases["champion"]
    model = mlflow.sklearn.load_model(f"models:/tidewater-fraud/{champion}")
    told = {}
    with contextlib.closing(sqlite3.connect(Path(out) / "done.sqlite")) as notes, mlflow.start_run():
        notes.execute(
            "create table if not exists done (day text primary key, hash text, version text, n int)"
        )
        for path in days_of(source):
            output = Path(out) / path.name
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
            query = "select n from done where day = ? and hash = ? and version = ?"
            row = notes.execute(query, [path.stem, digest, str(champion)]).fetchone()
            if row and opens(output, row[0]):
                told[path.stem] = {"state": "unchanged", "rows": row[0]}
                continue
            try:
                rows = score_day(str(path), str(output), model, str(champion))
            except Exception as error:
                logging.exception("day %s", path.stem)
                told[path.stem] = {"state": "failed", "why": str(error)}
                continue
            with notes:
                line = [path.stem, digest, str(champion), rows]
                notes.execute("insert or replace into done values (?, ?, ?, ?)", line)
            told[path.stem] = {"state": "scored", "rows": rows}
        states = [one["state"] for one in told.values()]
        mlflow.log_params({"model_name": "tidewater-fraud", "model_version": champion, "source": source})
        mlflow.log_metrics(
            {
                "days_scored": states.count("scored"),
                "days_unchanged": states.count("unchanged"),
                "days_failed": states.count("failed"),
                "rows_scored": sum(one["rows"] for one in told.values() if one["state"] == "scored"),
                "seconds": time.monotonic() - clock,
            }
        )
        mlflow.log_dict(told, "summary.json")
    if "failed" in states:
        sys.exit(1)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])


# %% also="reads_the_outputs" of="job" edits="reference"
# -     manifest = scores / "manifest.json"
# -     notes = json.loads(manifest.read_text()) if manifest.exists() else {}
# -     summary = {}
# +     summary = {}
#
# -             if is_done(target, notes.get(source.stem, {}), now):
# +             expected = pq.read_metadata(source).num_rows
# +             if is_done(target, {"rows": expected}, now):
#
# -             notes[source.stem] = {**now, "rows": rows}
# -             write_whole(manifest, json.dumps(notes, indent=1))
# =             summary[source.stem] = {"state": "scored", "rows": rows}
#
# -     if any(note.get(name) != value for name, value in now.items()):
# -         return False
# =     try:
# -         return pq.read_metadata(target).num_rows == note["rows"]
# +         seen = pq.read_table(target, columns=list(now)).group_by(list(now)).aggregate([]).to_pylist()
# +         return pq.read_metadata(target).num_rows == note["rows"] and seen in ([], [now])
