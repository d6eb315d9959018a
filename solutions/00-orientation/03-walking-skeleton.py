# ---
# title: "Which model gave this answer? The thinnest whole fraud system"
# minutes: 60
# data: [tidewater]
# needs: [first-check]
# runs_on: [loopback]
# leaves: [scores.parquet]
# limit_seconds: 120
# sources:
#   - "Freeman, Pryce (2009), Growing Object-Oriented Software, Guided by Tests, chapter 4, First, Test a Walking Skeleton"
#   - "Zinkevich, Rules of Machine Learning, rule 4: keep the first model simple and get the infrastructure right"
#   - "MLflow 3, documentation, ML Model Registry: model versions and aliases"
#   - "FastAPI, documentation, Tutorial: Request Body; Handling Errors"
# hints:
#   - "Follow one order: from the tables into a row, from the row into the model, from the model into a version, from the
#     version into an answer. At each step ask which line would still be right tomorrow, on another week, in another process."
#   - "Gap 1: two conditions on placed_at, one on its distance from known_at; a label is whether the order's id is among the chargebacks. Gap 3:
#     the hash is of the very rows that fit was given, and what MLflow returns from log_model knows the version. Gap 4: client.get_model_version_by_alias
#     knows the version and the run; a record is one line of JSON, appended. Gap 5: whole weeks since test_start, then group."
#   - "Gap 1: orders.merge(payments, on='order_id'), kept where (placed_at >= start) & (placed_at < end) & (placed_at + RIPE <= known_at), is_fraud =
#     order_id.isin(chargebacks.order_id). Gap 3: mlflow.sklearn.log_model(model, name='model', signature=infer_signature(train_rows[FEATURES].head()),
#     registered_model_name=MODEL_NAME, pip_requirements=['scikit-learn']).registered_model_version. Gap 4: model = mlflow.sklearn.load_model(f'models:/{MODEL_NAME}/{version.version}')
#     and client.get_run(version.run_id).data.params['data_hash']; uuid.uuid4().hex. Gap 5: (placed_at - test_start) // pd.Timedelta(days=7), average_precision_score for each group."
# ---

# %% [markdown]
# # Which model gave this answer? The thinnest whole fraud system
#
# Tidewater's payments team gets a fraud score for each order from an analyst's notebook. In March a customer complains: her order was declined in
# January, with a score of 0.93. Which model said so, trained on which orders? Nobody can tell: the notebook has been run again since.
#
# You build the whole system once, as thin as it can be: from tables to a model, from the model to a registered version, from the
# version to an answer over HTTP that can be traced back. Each part is poor on purpose, none is missing. Later units replace the parts.
#
# ```text
# data/*.parquet -> orders.py -> train.py -> MLflow: run, model version, alias "live" -> service.py -> POST /score
#                   gaps 1, 2    gap 3                                                  gap 4         a chart: gap 5
# ```
#
# Three of the answers are files, since a job and a service have no notebook. Replace each `raise NotImplementedError()`, run the cell that
# writes the file, and run `mle check walking-skeleton` as often as you like. The five gaps take 45 to 60 minutes.

# %%
import grader

grader.begin("walking-skeleton")

import importlib
from pathlib import Path

import matplotlib.pyplot as plt
import mlflow
import numpy as np
import pandas as pd
from sklearn.metrics import average_precision_score

from tidewater import make_world

# %% [markdown]
# The tables: 116 days of a small world, one Parquet file each. `chargebacks` has a row for each fraud that was reported until
# 27 April 2025, which is "now" in this notebook. Times are UTC, amounts EUR (`currency` is the one that the customer paid in).

# %%
START, TEST_START = pd.Timestamp("2025-01-01"), pd.Timestamp("2025-01-29")
TEST_END, KNOWN_AT = pd.Timestamp("2025-02-26"), pd.Timestamp("2025-04-27")

Path("data").mkdir(exist_ok=True)
world = make_world(seed=0, days=116, orders_per_day=300)
for name in ("orders", "payments", "chargebacks"):
    getattr(world, name).to_parquet(f"data/{name}.parquet")
world.orders.merge(world.payments, on="order_id").head(3).T

# %% [markdown]
# ## Gaps 1 and 2: orders whose label is known, split by time
#
# A fraud is reported 5 to 60 days after its order. So an order of last week without a chargeback is not honest; nobody knows yet. An order
# is *ripe* at a moment if it was placed at least 60 days before it.
#
# **Gap 1,** `load_orders(folder, start, end, known_at)`. In: a folder with `orders.parquet`, `payments.parquet`, `chargebacks.parquet`, and three
# `pd.Timestamp`. Out: a pandas DataFrame, one row for each order that was placed at `start` or later, before `end`, and is ripe at
# `known_at`, with at least the columns `order_id`, `placed_at`, those in `FEATURES`, and `is_fraud` (True or False). Every order has one payment.
#
# **Gap 2,** `split_by_time(orders, test_start)`: `(train, test)`, the orders placed before `test_start` and those placed from `test_start` on.
#
# `data_hash` is given. It depends on the content of the rows alone: other rows, another amount or another label give another hash; the
# order of the rows, their index and further columns do not matter.


# %% answer="orders" file="orders.py"
"""Orders of Tidewater whose label is known, from a folder of tables."""

import hashlib
from pathlib import Path

import pandas as pd

RIPE = pd.Timedelta(days=60)  # after so long every fraud has been reported
NUMBERS = ["amount", "items", "attempts"]
WORDS = ["channel", "ship_country", "card_country", "auth_result"]
FEATURES = [*NUMBERS, *WORDS]


def load_orders(folder, start, end, known_at):
    """Orders placed from `start` on and before `end` that are ripe at `known_at`, with their labels.

    folder: holds orders.parquet, payments.parquet, chargebacks.parquet. start, end, known_at: pd.Timestamp, UTC.
    Returns a DataFrame with order_id, placed_at, FEATURES and is_fraud.
    """
    ### BEGIN SOLUTION
    orders, payments, chargebacks = (
        pd.read_parquet(Path(folder) / f"{name}.parquet") for name in ("orders", "payments", "chargebacks")
    )
    placed_at = orders["placed_at"]
    wanted = (placed_at >= start) & (placed_at < end) & (placed_at + RIPE <= known_at)
    rows = orders[wanted].merge(payments, on="order_id")
    rows["is_fraud"] = rows["order_id"].isin(chargebacks["order_id"])
    return rows[["order_id", "placed_at", *FEATURES, "is_fraud"]]
    ### END SOLUTION


def split_by_time(orders, test_start):
    """(train, test): orders placed before `test_start`, and those placed from `test_start` on."""
    ### BEGIN SOLUTION
    before = orders["placed_at"] < test_start
    return orders[before], orders[~before]
    ### END SOLUTION


def data_hash(orders):
    """SHA-256 of the content of these rows, as 64 characters."""
    kinds = {"order_id": "int64", "placed_at": "datetime64[ms]", "amount": "float64", "items": "int64"}
    kinds |= {"attempts": "int64", "is_fraud": "int64"} | dict.fromkeys(WORDS, "str")
    table = orders[list(kinds)].astype(kinds).sort_values("order_id")
    return hashlib.sha256(table.to_csv(index=False).encode()).hexdigest()


# %% test="ripe_orders" of="orders" points=3
import pandas as pd
from grader import expect


def load(tables, *times):
    """What load_orders makes of these tables: order ids, labels, amounts, countries of the cards."""
    import importlib.util
    import tempfile

    spec = importlib.util.spec_from_file_location("orders_checked", "orders.py")
    orders = importlib.util.module_from_spec(spec)
    with tempfile.TemporaryDirectory() as folder:
        for name, table in tables.items():
            table.to_parquet(f"{folder}/{name}.parquet")
        spec.loader.exec_module(orders)
        rows = orders.load_orders(folder, *times)
    rows = rows.sort_values("order_id").reset_index(drop=True)
    return {name: rows[name].tolist() for name in ["order_id", "placed_at", "is_fraud", *orders.FEATURES]}


def small_tables(placed_at, reported):
    """Tables of one order for each time. reported: {order id: time of its chargeback}."""
    count = len(placed_at)
    ids = range(101, 101 + count)
    orders = pd.DataFrame({"order_id": ids, "placed_at": pd.to_datetime(placed_at), "channel": "web"})
    orders = orders.assign(amount=20.5, items=[1 + n % 3 for n in range(count)], ship_country="PT")
    orders["coupon"] = [None, "SPRING"] * (count // 2) + [None] * (count % 2)  # most orders have none
    payments = pd.DataFrame(
        {"order_id": ids, "card_country": "ES", "attempts": 1, "auth_result": "challenged"}
    )
    chargebacks = {"order_id": list(reported), "reported_at": pd.to_datetime(list(reported.values()))}
    return {"orders": orders, "payments": payments[::-1], "chargebacks": pd.DataFrame(chargebacks)}


TIMES = [pd.Timestamp(text) for text in ("2025-01-10", "2025-02-10", "2025-03-20")]
PLACED = [f"2025-{day} 12:00" for day in ("01-09", "01-10", "01-12", "01-25", "01-26", "02-10", "03-15")]
reported = {103: "2025-02-20", 105: "2025-03-01", 106: "2025-03-18"}
got = expect.beside(load, small_tables(PLACED, reported), *TIMES)
expect.equal(
    got["order_id"],
    [102, 103],
    what="load_orders of 7 orders for 10 January to 10 February, known on 20 March: the ids",
    why="102 and 103 were placed in the period and 60 days or more before 20 March; 104 and 105 were not, so the frauds among "
    "them are not all known yet",
    look_at="the condition that drops what is not ripe, for reported and unreported orders alike",
)
expect.equal(
    [bool(label) for label in got["is_fraud"]],
    [False, True],
    what="load_orders of these orders: is_fraud",
    why="a ripe order is fraud if it has a chargeback, and honest if it has none",
    look_at="how an order without a row in chargebacks gets its label",
)
### BEGIN HIDDEN TESTS
rng = expect.rng()
start, end = pd.Timestamp("2025-03-01"), pd.Timestamp("2025-04-01")
known = pd.Timestamp("2025-05-20 06:00")  # ripe until 21 March, 06:00
second, day = pd.Timedelta(seconds=1), pd.Timedelta(days=1)
ripe_until = known - 60 * day
CASES = [
    ("placed one second before start", start - second, None, False, "the first condition on placed_at"),
    ("placed at start", start, None, True, "whether start itself belongs to the period"),
    ("placed 60 days to the second before known_at", ripe_until, None, True, "whether 60 days are enough"),
    ("placed one second less than 60 days before known_at", ripe_until + second, None, False, "RIPE, in full"),
    ("not ripe, with a chargeback", ripe_until + day, 40, False, "orders that are kept because their fraud is "
     "known: beside them the honest ones of these days are missing, and the share of fraud is wrong"),
    ("ripe, reported after 59 days", ripe_until - 9 * day, 59, True, "chargebacks that you leave out"),
    ("ripe, never reported", ripe_until - 9 * day, None, True, "a join that keeps frauds only"),
]  # fmt: skip
placed = [case[1] for case in CASES]
reported = {101 + n: case[1] + case[2] * day for n, case in enumerate(CASES) if case[2]}
first = expect.beside(load, small_tables(placed, reported), start, end, known)
late = expect.beside(load, small_tables([end - second, end], {}), start, end, end + 90 * day)
for n, (case, _, _, wanted, look_at) in enumerate(CASES):
    expect.equal(
        101 + n in first["order_id"],
        wanted,
        what=f"whether load_orders keeps an order that was {case}",
        why="it keeps what was placed from start on, before end, and at least 60 days before known_at",
        look_at=look_at,
    )
expect.equal(
    late["order_id"],
    [101],
    what="the ids that load_orders keeps of 101, placed one second before end, and 102, placed at end",
    why="the period ends before end, so that no order belongs to two periods",
    look_at="the last condition on placed_at",
)
expect.equal(
    len(first["order_id"]),
    len(set(first["order_id"])),
    what="the number of rows of load_orders, against the number of orders in them",
    why="each order has one row",
    look_at="the joins",
)
count = 400
times = start + pd.to_timedelta(rng.uniform(-5, 35, count), unit="D").floor("ms")
tables = small_tables(times, {})
tables["orders"]["amount"] = rng.uniform(1, 500, count).round(2)
tables["payments"]["card_country"] = rng.choice(["ES", "PT", "MX"], count)
mine = tables["orders"].merge(tables["payments"], on="order_id")
stolen = mine[rng.random(count) < 0.2]
reports = stolen["placed_at"] + pd.to_timedelta(rng.uniform(5, 60, len(stolen)), unit="D").floor("ms")
tables["chargebacks"] = pd.DataFrame({"order_id": stolen["order_id"], "reported_at": reports})
tables["chargebacks"] = tables["chargebacks"][reports <= known]
tables["orders"] = tables["orders"].sample(frac=1, random_state=int(rng.integers(2**31)))
mine["is_fraud"] = mine["order_id"].isin(stolen["order_id"])
mine = mine[(mine["placed_at"] >= start) & (mine["placed_at"] < end) & (mine["placed_at"] <= ripe_until)]
found = expect.beside(load, tables, start, end, known)
found["is_fraud"] = [bool(label) for label in found["is_fraud"]]
for name, look_at in [
    (
        "order_id",
        "the three conditions, and rows that you drop because a further column, such as coupon, is empty",
    ),
    ("is_fraud", "how chargebacks meet their orders"),
    ("placed_at", "the join of orders and payments"),
    ("amount", "the join of orders and payments"),
    ("card_country", "the join of orders and payments: the tables stand in different orders"),
]:
    expect.equal(
        found[name],
        mine[name].tolist(),
        what=f"load_orders of 400 other orders in any order: {name}, by order_id",
        why="each ripe order of the period comes once, with its own payment and label",
        look_at=look_at,
    )
### END HIDDEN TESTS

# %% test="time_split" of="orders" points=1
import pandas as pd
from grader import expect


def split(rows, test_start):
    """The ids on both sides of split_by_time, and whether the table that it was given is as before."""
    import importlib.util

    spec = importlib.util.spec_from_file_location("orders_checked", "orders.py")
    orders = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(orders)
    given = rows.copy()
    parts = orders.split_by_time(given, test_start)
    return [sorted(part["order_id"].tolist()) for part in parts], given.equals(rows)


rows = pd.DataFrame({"order_id": [4, 1, 3, 2]})
rows["placed_at"] = pd.to_datetime(
    ["2025-01-31 00:00", "2025-01-05 00:00", "2025-01-29 00:00", "2025-01-28 23:59"]
)
expect.equal(
    expect.beside(split, rows, pd.Timestamp("2025-01-29"))[0],
    [[1, 2], [3, 4]],
    what="the ids of split_by_time for four orders in any order, test_start 29 January",
    why="what was placed before 29 January trains, what was placed then or later tests",
    look_at="whether time decides, and nothing else",
)
### BEGIN HIDDEN TESTS
rng = expect.rng()
test_start = pd.Timestamp("2025-06-02 09:30")
offsets = [*rng.uniform(-20, 10, 200), 0.0, -1 / 86_400_000, 1 / 86_400_000]
rows = pd.DataFrame({"order_id": rng.permutation(203)}, index=rng.permutation(203) + 1000)
rows["placed_at"] = test_start + pd.to_timedelta(offsets, unit="D").round("ms")
before = rows["placed_at"] < test_start
wanted = [sorted(rows.loc[before, "order_id"].tolist()), sorted(rows.loc[~before, "order_id"].tolist())]
found, unchanged = expect.beside(split, rows, test_start)
for side, one, other in zip(("train", "test"), found, wanted, strict=True):
    expect.equal(
        one,
        other,
        what=f"the ids on the {side} side for 203 orders in any order, one of them placed exactly at test_start",
        why="each order is on one side, by its time alone, and test_start itself belongs to test",
        look_at="draws, shares and sorting that time has no part in, and the comparison at test_start",
    )
expect.true(
    unchanged,
    got="another order of rows, or another column",
    expected="the table as it was",
    what="the table that split_by_time was given, after the call",
    why="the caller still needs it",
    look_at="inplace=True, and columns that you add to orders",
)
### END HIDDEN TESTS

# %% [markdown]
# ## Gap 3: a model, a run, a version
#
# `train(folder, train_start, test_start, test_end, known_at)` does the whole job once: it takes the ripe orders from `train_start` to `test_end`, fits the model on those before
# `test_start`, judges it on the later ones, and writes down everything that a colleague needs in **one** MLflow run:
#
# | in the run | what |
# | --- | --- |
# | params | `train_start`, `test_start`, `test_end`, `known_at` (as `str` gives them), and `data_hash` of exactly the rows that the model was fitted on |
# | metrics | `test_average_precision` of the scores on the test orders; `test_fraud_share`, the share of fraud among them, which is what a random order of the scores would reach |
# | artefact `scores.parquet` | one row for each test order: `order_id`, `placed_at`, `amount`, `score`, `is_fraud` (`log_table` is given) |
# | model | logged with `mlflow.sklearn.log_model`, with a signature of the columns `FEATURES`, and registered as `MODEL_NAME` |
#
# Then it gives the new version the alias `live`, whose model the service will load, and returns the version's number, which MLflow counts.
# `score` is the probability of fraud, 0 to 1, the second column of `predict_proba`.
#
# `make_model()` gives an unfitted scikit-learn model that takes a DataFrame with the columns `FEATURES`. A small one is enough: one-hot for words, a scaler for
# numbers, a logistic regression. Two things it must do: cope with a word that it never saw (next week somebody pays with a card from Chile), and come out the same when it is trained twice on the same rows.
#
# Pass `pip_requirements=["scikit-learn"]` to `log_model`, else MLflow loads the model once more, in a process of its own, to find out. Other models than linear ones may need
# `serialization_format="cloudpickle"`.


# %% answer="train" file="train.py"
"""Train the fraud model, judge it on the weeks after, register it: one run in MLflow.

python train.py FOLDER TRAIN_START TEST_START TEST_END KNOWN_AT
"""

import sys
import tempfile
import warnings
from pathlib import Path

import mlflow
import pandas as pd
from mlflow.models import infer_signature
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from orders import FEATURES, NUMBERS, WORDS, data_hash, load_orders, split_by_time

MODEL_NAME = "tidewater-fraud"
warnings.filterwarnings("ignore", message="Hint: Inferred schema contains integer column")


def log_table(table, name):
    """Log a DataFrame as a Parquet file of this name into the run that is open."""
    with tempfile.TemporaryDirectory() as scratch:
        table.to_parquet(Path(scratch) / name, index=False)
        mlflow.log_artifact(Path(scratch) / name)


def make_model():
    """An unfitted scikit-learn model that takes a DataFrame with the columns FEATURES."""
    ### BEGIN SOLUTION
    columns = make_column_transformer(
        (StandardScaler(), NUMBERS), (OneHotEncoder(handle_unknown="ignore"), WORDS)
    )
    return make_pipeline(columns, LogisticRegression(max_iter=1000))
    ### END SOLUTION


def train(folder, train_start, test_start, test_end, known_at):
    """One run: fitted on ripe orders before `test_start`, judged on later ones, registered, live.

    folder: of the tables. The four times: pd.Timestamp, UTC.
    Returns the number of the new version, an int.
    """
    rows = load_orders(folder, train_start, test_end, known_at)
    train_rows, test_rows = split_by_time(rows, test_start)
    times = {"train_start": train_start, "test_start": test_start, "test_end": test_end, "known_at": known_at}
    ### BEGIN SOLUTION
    model = make_model().fit(train_rows[FEATURES], train_rows["is_fraud"])
    scores = test_rows[["order_id", "placed_at", "amount", "is_fraud"]].assign(
        score=model.predict_proba(test_rows[FEATURES])[:, 1]
    )
    with mlflow.start_run(run_name="fraud-skeleton"):
        mlflow.log_params({**times, "data_hash": data_hash(train_rows)})
        mlflow.log_metric(
            "test_average_precision", average_precision_score(scores["is_fraud"], scores["score"])
        )
        mlflow.log_metric("test_fraud_share", scores["is_fraud"].mean())
        log_table(scores, "scores.parquet")
        logged = mlflow.sklearn.log_model(
            model,
            name="model",
            signature=infer_signature(train_rows[FEATURES]),
            registered_model_name=MODEL_NAME,
            pip_requirements=["scikit-learn"],
        )
    version = int(logged.registered_model_version)
    mlflow.MlflowClient().set_registered_model_alias(MODEL_NAME, "live", version)
    return version
    ### END SOLUTION


if __name__ == "__main__":
    print("version", train(sys.argv[1], *(pd.Timestamp(text) for text in sys.argv[2:])))


# %% test="training_run" of="train" points=4
import io

import pandas as pd
from grader import expect


def run_training(folder, tables, times, probe):
    """Call train of train.py; what it returned, and what the live model says of the probe's orders."""
    import contextlib
    import io
    import sys
    from pathlib import Path

    import mlflow

    for name, table in tables.items():
        Path(folder).mkdir(exist_ok=True)
        table.to_parquet(f"{folder}/{name}.parquet")
    for name in ("orders", "train"):
        sys.modules.pop(name, None)
    sys.dont_write_bytecode = True
    import train

    news = io.StringIO()  # MLflow's, of versions
    with contextlib.redirect_stderr(news), contextlib.redirect_stdout(news):
        returned = train.train(folder, *times)
    if not len(probe):
        return {"returned": returned}
    model = mlflow.sklearn.load_model("models:/tidewater-fraud@live")
    try:
        new_word = float(model.predict_proba(probe[:1].assign(card_country="Atlantis"))[0, 1])
    except ValueError as error:
        new_word = str(error)
    return {"returned": returned, "new_word": new_word, "scores": model.predict_proba(probe)[:, 1]}


TIMES = [pd.Timestamp(text) for text in ("2025-01-01", "2025-01-29", "2025-02-26", "2025-04-27")]
facts = expect.beside(run_training, "data", {}, TIMES, [])
names = ["train_start", "test_start", "test_end", "known_at"]
run = expect.run(
    params=dict(zip(names, TIMES, strict=True)),
    what="the run of train('data', 1 January, 29 January, 26 February, 27 April)",
    why="whoever reads the score must know the weeks that it is about",
    look_at="mlflow.log_params inside mlflow.start_run()",
)
weeks = pd.read_parquet(io.BytesIO(run.artifact("scores.parquet")))["placed_at"]
expect.equal(
    [str(weeks.min().date()), str(weeks.max().date())],
    ["2025-01-29", "2025-02-25"],
    what="the first and the last day in scores.parquet",
    why="a model is judged on the weeks after those it was trained on",
    look_at="which rows you score",
)
registered = expect.registered(
    "tidewater-fraud",
    what="the registry after train('data', ...)",
    why="the service finds its model by this name",
    look_at="registered_model_name= of log_model",
)
expect.equal(
    [str(facts["returned"]), registered.alias("live").run_id],
    [str(registered.versions[-1].number), run.run_id],
    what="what train returned, and the run behind the version that is live",
    why="MLflow counts the versions, and the newest one comes from the newest run",
    look_at="where the number comes from, and what the alias was set to",
)
### BEGIN HIDDEN TESTS
import hashlib
import json

import numpy as np
import yaml
from sklearn.metrics import average_precision_score, roc_auc_score
from tidewater import make_world

WORDS = ["channel", "ship_country", "card_country", "auth_result"]
FEATURES = ["amount", "items", "attempts", *WORDS]


def content_hash(rows):
    kinds = {"order_id": "int64", "placed_at": "datetime64[ms]", "amount": "float64", "items": "int64"}
    kinds |= {"attempts": "int64", "is_fraud": "int64"} | dict.fromkeys(WORDS, "str")
    table = rows[list(kinds)].astype(kinds).sort_values("order_id")
    return hashlib.sha256(table.to_csv(index=False).encode()).hexdigest()


def newest_run():
    return expect.run(
        what="the run of train on hidden weeks",
        why="each training is one finished run",
        look_at="mlflow.start_run(), and whether everything is logged inside of one",
    )


rng = expect.rng()
world = make_world(int(rng.integers(2**60)), days=103, orders_per_day=300)
test_start = pd.Timestamp("2025-01-01") + pd.Timedelta(days=int(rng.integers(24, 28)))
hidden_times = [pd.Timestamp("2025-01-02"), test_start, test_start + pd.Timedelta(days=15)]
hidden_times.append(hidden_times[-1] + pd.Timedelta(days=60))
tables = {"orders": world.orders, "payments": world.payments, "chargebacks": world.chargebacks}
truth = world.orders.merge(world.payments, on="order_id")
truth["is_fraud"] = world.truth.orders["is_fraud"].to_numpy()
in_period = truth["placed_at"].between(hidden_times[0], hidden_times[2], inclusive="left")
rows = truth[in_period].sort_values("order_id")
old = (rows["placed_at"] < test_start).to_numpy()
trained, tested = rows[old], rows[~old]
facts = expect.beside(run_training, "check-data", tables, hidden_times, rows[FEATURES])
live_scores = np.asarray(facts["scores"], dtype=float)
run = newest_run()
expect.equal(
    {name: str(pd.Timestamp(run.params.get(name, ""))) for name in names},
    dict(zip(names, map(str, hidden_times), strict=True)),
    what="the four times in the params of the run on hidden weeks",
    why="they are those that train was called with",
    look_at="times typed in, or left out of mlflow.log_params",
)
expect.equal(
    run.params.get("data_hash"),
    content_hash(trained),
    what="data_hash in the params of the run on hidden weeks",
    why="it is the hash of the rows that the model was fitted on: ripe, placed before test_start, with their labels",
    look_at="which rows you give to data_hash: not the test's, not those before a filter, not a file's name; and "
    "whether load_orders drops or repeats rows",
)
registered = expect.registered(
    "tidewater-fraud",
    what="the registry after train on hidden weeks",
    why="the service finds its model by this name",
    look_at="registered_model_name= of log_model",
)
live = registered.alias("live")
expect.equal(
    [str(facts["returned"]), live.number, live.run_id],
    [str(live.number), registered.versions[-1].number, run.run_id],
    what="what train returned, the number of the live version, and its run, after another training",
    why="each training makes a new version, which MLflow numbers, and it comes from the run that holds its data hash",
    look_at="a number that is typed in, and an alias that stays where it was",
)
logged = pd.read_parquet(io.BytesIO(run.artifact("scores.parquet"))).sort_values("order_id")
expect.equal(
    logged["order_id"].tolist(),
    tested["order_id"].tolist(),
    what="the orders in scores.parquet of the run on hidden weeks",
    why="a model is judged on the orders of the weeks after those it was trained on, on all of them and on no others",
    look_at="which rows you score: those of split_by_time's second part",
)
for name in ("placed_at", "amount", "is_fraud"):
    expect.equal(
        logged[name].astype(tested[name].dtype).tolist(),
        tested[name].tolist(),
        what=f"{name} in scores.parquet, by order_id",
        why="the next unit goes on with this table",
        look_at="how you put the table together",
    )
expect.true(
    not set(logged["score"].astype(float)) <= {0.0, 1.0},
    got="nothing but 0 and 1",
    expected="probabilities",
    what="score in scores.parquet of the run on hidden weeks",
    why="the score is the probability of fraud, and orders are later put in its order",
    look_at="predict in place of predict_proba",
)
expect.close(
    logged["score"].astype(float).to_numpy(),
    live_scores[~old],
    tolerance=6e-5,
    what="score in scores.parquet, against what the live version says of the same orders",
    why="the model that was judged is the one that answers, and its score is the probability of fraud",
    look_at="another column than predict_proba(...)[:, 1], and a second fit before log_model",
)
# The first is of scores before any rounding.
found_by_order = average_precision_score(tested["is_fraud"], live_scores[~old])
of_the_table = average_precision_score(tested["is_fraud"], logged["score"])
measured = run.metrics.get("test_average_precision", -1.0)
expect.true(
    min(abs(measured - found_by_order), abs(measured - of_the_table)) < 1e-6,
    got=f"{measured:.6f}",
    expected=f"{found_by_order:.6f}",
    what="test_average_precision of the run on hidden weeks",
    why="it is computed from the scores and labels of the test orders",
    look_at="what goes into average_precision_score, and whether the metric is logged",
)
expect.close(
    run.metrics.get("test_fraud_share", -1.0),
    float(tested["is_fraud"].mean()),
    tolerance=1e-6,
    what="test_fraud_share of the run on hidden weeks",
    why="it is the share of frauds among the test orders, which scores in a random order would reach",
    look_at="the rows whose mean you take, and whether the metric is logged",
)
expect.true(
    isinstance(facts["new_word"], float),
    got=str(facts["new_word"]),
    expected="a score",
    what="what the live model says of an order paid with a card of a country that it never saw",
    why="next week such an order comes, and a service that fails at it answers nothing",
    look_at="what the encoder of the words does with one that is new",
)
# That share over 20 worlds, mean and standard deviation, for right answers: the reference 0.861, 0.035; the three numbers alone, in
# balanced classes, 0.771, 0.036. Wrong: one score for all orders 0.5, always; the column of the honest ones 0.139, 0.035. The bar of
# 0.55 lies 6 standard deviations below the weaker right answer.
expect.between(
    float(roc_auc_score(trained["is_fraud"], live_scores[old])),
    0.55,
    1.0,
    what="the share of pairs of a fraud and an honest training order that the live model puts in the right order",
    why="a model that has learned anything from these rows puts more than half of them in the right order",
    look_at="make_model, and which column of predict_proba is fraud",
)
signature = (yaml.safe_load(live.file("MLmodel")) or {}).get("signature") or {}
columns = {one.get("name") for one in json.loads(signature.get("inputs") or "[]")}
expect.equal(
    sorted(columns - {None}),
    sorted(FEATURES),
    what="the columns in the signature of the live version",
    why="whoever calls the model reads there what goes in",
    look_at="signature= of log_model, made from the columns FEATURES",
)
of_test = rows["order_id"][~old]
changed = dict(tables)
changed["orders"] = world.orders.assign(
    amount=world.orders["amount"].where(~world.orders["order_id"].isin(of_test), world.orders["amount"] * 3)
)
others = of_test.sample(frac=0.1, random_state=1)
reports = pd.DataFrame({"order_id": others, "reported_at": test_start + pd.Timedelta(days=30)})
kept = world.chargebacks[~world.chargebacks["order_id"].isin(of_test)]
changed["chargebacks"] = pd.concat([kept, reports])
again = expect.beside(run_training, "check-data", changed, hidden_times, rows[FEATURES])
expect.close(
    again["scores"],
    live_scores,
    tolerance=1e-6,
    what="what the live model says of the same orders, after amounts and labels of the test weeks were changed",
    why="nothing of the test weeks goes into the fit, and two trainings on the same rows give the same model",
    look_at="the rows that fit is given, and random_state where the model draws",
)
expect.equal(
    [str(again["returned"]), newest_run().params.get("data_hash")],
    [str(live.number + 1), content_hash(trained)],
    what="the version that this training returned, and its data_hash",
    why="it is a further version, of the same training rows",
    look_at="a number that is typed in, and which rows are hashed",
)
### END HIDDEN TESTS

# %% [markdown]
# Now the job runs on the notebook's data. In a terminal of its own it would be `python train.py data 2025-01-01 2025-01-29 2025-02-26 2025-04-27`;
# here we call it, so that it writes into this notebook's store. (`reload`: Python keeps an imported file even if the file has changed.)

# %%
import orders
import train

for module in (orders, train):
    importlib.reload(module)
version = train.train("data", START, TEST_START, TEST_END, KNOWN_AT)
run_id = mlflow.MlflowClient().get_model_version(train.MODEL_NAME, version).run_id
scores = pd.read_parquet(mlflow.artifacts.download_artifacts(run_id=run_id, artifact_path="scores.parquet"))
print("version", version, mlflow.get_run(run_id).data.metrics)

# %% [markdown]
# ## Gap 4: an answer that leads back
#
# `service.py` runs in a process of its own, on the port that the environment variable `PORT` names. It knows nothing of this notebook: what it
# serves comes from the tracking store.
#
# - `load_live_model()`, called once at the start: the model that the alias `live` names **at that moment**, and its *origin*, a dict with `model_name`,
#   `model_version` (a text, such as `"7"`), `run_id` of the run that made the version, and `data_hash` from that run's params. The live version is not always the newest: moving
#   the alias back is how a bad model is taken out.
# - `POST /score` with an order: answers `request_id`, `score` (float) and `model_version`. Each request gets an id of its own, also when the same order comes twice and
#   after a restart. Before it answers, it appends one line of JSON to the file `LOG`: `request_id`, `score`, and the four of the origin.
# - `GET /requests/{request_id}`: the record of this request, from the file, **as it was written**, perhaps by an earlier start of the service with another
#   version. For an id that is not there: status 404 (`raise HTTPException(status_code=404)`).
#
# Further fields in the record or the answer do no harm. Round the score to four decimals or not at all. If the record cannot be written, there is no answer: an error is
# better than a score that nobody can trace. `client.get_model_version_by_alias(MODEL_NAME, "live")` asks the registry for the version behind the alias.
# `Order` is given. FastAPI answers with 422 if a field is missing or of the wrong kind. A country that the model never saw is no error.
#
# To try it in cells of your own:
#
# ```python
# import os, subprocess, sys, httpx
# service = subprocess.Popen([sys.executable, "service.py"], env={**os.environ, "PORT": "8123"})
# # some seconds later, as MLflow takes a while to import:
# httpx.post("http://127.0.0.1:8123/score", json={"amount": 420.0, "items": 1, "attempts": 3, "channel": "web",
#     "ship_country": "PT", "card_country": "MX", "auth_result": "challenged"}).json()
# service.kill()
# ```


# %% answer="service" file="service.py"
"""POST /score: the chance that an order is fraud. GET /requests/{request_id}: which model said so."""

import json
import os
import uuid
from pathlib import Path

import mlflow
import mlflow.sklearn
import pandas as pd
import uvicorn
from fastapi import FastAPI, HTTPException
from pydantic import BaseModel, Field

MODEL_NAME = "tidewater-fraud"
LOG = Path(os.environ.get("REQUESTS_LOG", "requests.jsonl"))


class Order(BaseModel):
    """What is known of an order when it is placed. amount: EUR."""

    amount: float = Field(gt=0, lt=1_000_000)
    items: int = Field(ge=1)
    attempts: int = Field(ge=1)
    channel: str
    ship_country: str
    card_country: str
    auth_result: str


def load_live_model():
    """(model, origin): the model that the alias "live" names, and a dict of texts that says where it comes from."""
    ### BEGIN SOLUTION
    client = mlflow.MlflowClient()
    version = client.get_model_version_by_alias(MODEL_NAME, "live")
    origin = {
        "model_name": MODEL_NAME,
        "model_version": str(version.version),
        "run_id": version.run_id,
        "data_hash": client.get_run(version.run_id).data.params["data_hash"],
    }
    return mlflow.sklearn.load_model(f"models:/{MODEL_NAME}/{version.version}"), origin
    ### END SOLUTION


model, origin = load_live_model()
app = FastAPI()


@app.post("/score")
def score(order: Order):
    """The score of one order, under an id that leads back to the model."""
    table = pd.DataFrame([order.model_dump()])  # one row, the columns FEATURES
    ### BEGIN SOLUTION
    record = {
        "request_id": uuid.uuid4().hex,
        "score": float(model.predict_proba(table)[0, 1]),
        **origin,
    }
    with LOG.open("a", encoding="utf-8") as file:
        file.write(json.dumps(record) + "\n")
    return {name: record[name] for name in ("request_id", "score", "model_version")}
    ### END SOLUTION


@app.get("/requests/{request_id}")
def find_request(request_id: str):
    """The record of a request; 404 if there is none."""
    ### BEGIN SOLUTION
    lines = LOG.read_text(encoding="utf-8").splitlines() if LOG.exists() else []
    for line in lines:
        record = json.loads(line)
        if record["request_id"] == request_id:
            return record
    raise HTTPException(status_code=404, detail="no such request")
    ### END SOLUTION


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(os.environ["PORT"]))


# %% test="answer_leads_back" of="service" points=5
import httpx
from grader import expect


def prepare():
    """A copy of the store in which the live version is not the newest, and another model is newer than both.

    The versions come from train.py where it does its part, else from here. Returns what is known of the live one.
    """
    import atexit, contextlib, hashlib, io, json, os, shutil, sys, tempfile  # noqa: E401
    from pathlib import Path

    import mlflow
    import pandas as pd
    from sklearn.compose import make_column_transformer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import PowerTransformer

    from grader.store import database_of, sqlite_uri

    before = {key: os.environ.get(key, "") for key in ("MLFLOW_TRACKING_URI", "MLFLOW_EXPERIMENT_ID")}
    folder = Path(tempfile.mkdtemp(prefix="check-service-", dir=".")).resolve()
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    shutil.copyfile(database_of(before["MLFLOW_TRACKING_URI"]), folder / "mlflow.db")
    uri, client = sqlite_uri(folder / "mlflow.db"), None
    day = pd.Timedelta(days=1)

    def by_train(weeks):
        times = [
            pd.Timestamp("2025-01-01") + days * day for days in (0, 7 * weeks, 7 * weeks + 7, 7 * weeks + 67)
        ]
        return train.train("data", *times)

    def by_hand(name, weeks):
        rows = pd.read_parquet("data/orders.parquet").merge(
            pd.read_parquet("data/payments.parquet"), on="order_id"
        )
        rows = rows[rows["placed_at"] < pd.Timestamp("2025-01-01") + 7 * weeks * day]
        fraud = rows["order_id"].isin(pd.read_parquet("data/chargebacks.parquet")["order_id"])
        amount = make_column_transformer((PowerTransformer(), ["amount"]))
        model = make_pipeline(amount, LogisticRegression()).fit(rows, fraud)
        with mlflow.start_run():
            mlflow.log_param("data_hash", hashlib.sha256(f"{name} {weeks}".encode()).hexdigest())
            logged = mlflow.sklearn.log_model(
                model, name="model", registered_model_name=name, pip_requirements=["scikit-learn"]
            )
        return int(logged.registered_model_version)

    def facts_of(number):
        version = client.get_model_version("tidewater-fraud", str(number))
        model = client.get_model_version_download_uri("tidewater-fraud", str(number))
        loaded = mlflow.sklearn.load_model(model)
        new_word = {"ship_country": "Atlantis", "card_country": "Atlantis", "auth_result": "challenged"}
        loaded.predict_proba(
            pd.DataFrame([{"amount": 9.5, "items": 1, "attempts": 1, "channel": "web", **new_word}])
        )
        data_hash = client.get_run(version.run_id).data.params["data_hash"]
        number = str(number)
        return {"model_version": number, "run_id": version.run_id, "data_hash": data_hash, "model": model}

    quiet = contextlib.ExitStack()
    for stream in (contextlib.redirect_stdout, contextlib.redirect_stderr):  # MLflow's news of versions
        quiet.enter_context(stream(io.StringIO()))
    try:
        mlflow.set_tracking_uri(uri)
        client = mlflow.MlflowClient()
        where = client.create_experiment("check-service", artifact_location=folder.as_uri())
        os.environ["MLFLOW_EXPERIMENT_ID"] = where
        try:
            for name in ("orders", "train"):
                sys.modules.pop(name, None)
            sys.dont_write_bytecode = True
            import train

            older = by_train(3)
            facts = facts_of(older)
        except Exception:
            mlflow.end_run()
            older = by_hand("tidewater-fraud", 3)
            facts = facts_of(older)
        newer = by_hand("tidewater-fraud", 4)
        client.set_registered_model_alias("tidewater-late", "live", by_hand("tidewater-late", 2))
        client.set_registered_model_alias("tidewater-fraud", "live", older)
    finally:
        quiet.close()
        mlflow.set_tracking_uri(before["MLFLOW_TRACKING_URI"])
        os.environ.update(before)
    earlier = {"score": 0.5, "model_name": "tidewater-fraud", "model_version": "0"}
    earlier |= {"run_id": "a", "data_hash": "b"}
    names = ["earlier", *map(str, range(25, 55))]  # an id that counts the lines meets one of these
    lines = [json.dumps({"request_id": name, **earlier}) for name in names]
    (folder / "log.jsonl").write_text("\n".join(lines) + "\n")
    facts |= {"uri": uri, "log": str(folder / "log.jsonl")}
    return {**facts, "newer": newer, "earlier": {"request_id": "earlier", **earlier}}


def live_scores(model, orders):
    """What the model in this folder says of these orders."""
    import mlflow.sklearn
    import pandas as pd

    return mlflow.sklearn.load_model(model).predict_proba(pd.DataFrame(orders))[:, 1]


ORDER = {"amount": 420.0, "items": 1, "attempts": 3, "channel": "web", "ship_country": "PT"}
ORDER |= {"card_country": "MX", "auth_result": "challenged"}
facts = expect.beside(prepare)
origin = {
    "model_name": "tidewater-fraud",
    **{key: facts[key] for key in ("model_version", "run_id", "data_hash")},
}
surroundings = {"MLFLOW_TRACKING_URI": facts["uri"], "REQUESTS_LOG": facts["log"]}
with expect.process("service.py", port=True, env=surroundings, limit_seconds=110) as service:
    service.wait_for_port(90)
    http = httpx.Client(base_url=service.url, timeout=30, trust_env=False)
    posted = http.post("/score", json=ORDER)
    expect.equal(
        posted.status_code,
        200,
        what="the status of POST /score with an order",
        why="a good order is answered",
        look_at=f"the last line of the service: {(service.output.strip() or '-').splitlines()[-1]}",
    )
    answer = posted.json()
    expect.equal(
        sorted({"request_id", "score", "model_version"} - set(answer)),
        [],
        what="what the answer of POST /score lacks",
        why="a score without the version and an id cannot be traced to anything",
        look_at="what the function score returns",
    )
    expect.equal(
        str(answer["model_version"]),
        facts["model_version"],
        what="model_version in the answer, where live is an older version than the newest",
        why="the alias live says which version answers",
        look_at="a number that is typed in, and a lookup of the newest version in place of the alias",
    )
    expect.close(
        answer["score"],
        float(expect.beside(live_scores, facts["model"], [ORDER])[0]),
        tolerance=6e-5,
        what="score in the answer",
        why="it is the live version's probability of fraud for this order, to four decimals at least",
        look_at="which model load_live_model loads, the column of predict_proba, and how far you round",
    )
    found = http.get(f"/requests/{answer['request_id']}")
    expect.equal(
        found.status_code,
        200,
        what="the status of GET /requests/ID with the id of this answer",
        why="the id leads back",
        look_at="whether the record is in LOG before the answer is given",
    )
    record = found.json()
    expect.equal(
        {key: str(record.get(key)) for key in origin},
        origin,
        what="where GET /requests/ID leads: model, version, run and data hash",
        why="they are those of the live version in the tracking store",
        look_at="the origin that load_live_model returns, and what goes into the record",
    )
    for part in (facts["run_id"], "tidewater-fraud"):
        expect.equal(
            http.get(f"/requests/{part}").status_code,
            404,
            what="the status of GET /requests/ with the text of another field, such as the run's id, in place of a request's id",
            why="no request has that id, and a wrong record is worse than none",
            look_at="whether you compare request_id, the whole of it, or search the line for the text",
        )
    unknown = http.get("/requests/nobody")
    expect.equal(
        unknown.status_code,
        404,
        what="the status of GET /requests/nobody, an id that was never given",
        why="404 says that there is no such thing; 500 would say that the service is broken",
        look_at="what find_request does after its last line",
    )
    earlier = http.get("/requests/earlier")
    expect.equal(
        {key: earlier.json().get(key) for key in facts["earlier"]}
        if earlier.status_code == 200
        else f"status {earlier.status_code}",
        facts["earlier"],
        what="the record of a request that an earlier start of the service answered, with version 0",
        why="it was version 0 that gave this answer, and it is in the file since before this start",
        look_at="a record that is kept in memory, a file that is begun anew, or the origin of today in place of the record's",
    )
    ### BEGIN HIDDEN TESTS
    import json
    from concurrent.futures import ThreadPoolExecutor

    import numpy as np

    rng = expect.rng()
    orders = [
        {
            "amount": float(np.round(np.exp(rng.normal(4, 1)), 2)),
            "items": int(rng.integers(1, 6)),
            "attempts": int(rng.integers(1, 5)),
            "channel": str(rng.choice(["web", "app"])),
            "ship_country": str(rng.choice(["ES", "PT"])),
            "card_country": str(rng.choice(["ES", "MX", "CL", "Atlantis"])),
            "auth_result": str(rng.choice(["frictionless", "challenged"])),
        }
        for _ in range(7)
    ]
    orders += [{**orders[0], "card_country": "Atlantis"}] * 2
    with ThreadPoolExecutor(3) as clients:
        replies = list(clients.map(lambda order: http.post("/score", json=order), orders))
    expect.equal(
        [reply.status_code for reply in replies],
        [200] * 9,
        what="the status of nine other orders, some with a card of a country that no model has seen",
        why="every order is answered",
        look_at="what the service does with a word that is new",
    )
    answers = [reply.json() for reply in replies]
    expect.close(
        [one["score"] for one in answers],
        np.asarray(expect.beside(live_scores, facts["model"], orders), dtype=float),
        tolerance=6e-5,
        what="the scores of nine other orders",
        why="they are the live version's probabilities of fraud",
        look_at="which columns of the order reach the model",
    )
    expect.equal(
        len({str(one["request_id"]) for one in [answer, *answers]} - {"earlier", *map(str, range(25, 55))}),
        10,
        what="the number of new ids in ten answers, two of them to the same order, after an earlier start of the service",
        why="an id that two requests share leads back to two answers",
        look_at="what the id is made of: not the order, not the second, not the number of lines, not a counter that begins anew",
    )
    records = [http.get(f"/requests/{one['request_id']}").json() for one in answers]
    expect.equal(
        [{key: str(one.get(key)) for key in ("request_id", *origin)} for one in records],
        [{"request_id": str(one["request_id"]), **origin} for one in answers],
        what="the records of nine requests: id, model, version, run and data hash",
        why="each id leads to its own answer",
        look_at="what you look the record up by",
    )
    expect.close(
        [one.get("score") for one in records],
        [one["score"] for one in answers],
        tolerance=6e-5,
        what="score in the records of nine requests",
        why="the record holds the score that was answered",
        look_at="what you look the record up by, and what you write",
    )
    bad = [{**ORDER, "amount": "much"}, {**ORDER, "amount": -5}, {"amount": 3.5}, {}, [ORDER]]
    codes = [http.post("/score", json=body).status_code for body in bad]
    expect.equal(
        [400 <= code < 500 for code in codes],
        [True] * 5,
        what="whether orders that are no orders get a status from 400 to 499",
        why="the caller made the mistake, and learns so",
        look_at="Order in the signature of score, which FastAPI checks",
    )

    def move_alias(uri, number):
        """Another version becomes live while the service runs."""
        import mlflow

        mlflow.MlflowClient(uri).set_registered_model_alias("tidewater-fraud", "live", number)

    expect.beside(move_alias, facts["uri"], facts["newer"])
    moved = http.post("/score", json=ORDER).json()
    expect.equal(
        str(moved.get("model_version")),
        str(answer["model_version"]),
        what="model_version in an answer after the alias was moved while the service runs",
        why="the service still holds the model that it loaded at its start, so that is the version which answers",
        look_at="an alias that is looked up for each request, beside a model that was loaded once",
    )

    def block_log(path):
        """Nothing can be appended under this path any more."""
        from pathlib import Path

        Path(path).rename(f"{path}.moved")
        Path(path).mkdir()

    def read_log(path):
        from pathlib import Path

        return Path(f"{path}.moved").read_text(encoding="utf-8").splitlines()

    def ids_of_log():
        found = []
        for line in expect.beside(read_log, facts["log"]):
            try:
                found.append(str(json.loads(line)["request_id"]))
            except (ValueError, KeyError, TypeError):
                found.append("unreadable")
        return found

    expect.beside(block_log, facts["log"])
    # A connection of its own: one that was used before may just have been closed.
    try:
        without = httpx.post(f"{service.url}/score", json=ORDER, timeout=30, trust_env=False)
        answered = without.status_code < 400
    except httpx.HTTPError:  # a service that ends where it cannot write gives no answer, either
        answered = False
    expect.true(
        not answered or str(without.json().get("request_id")) in ids_of_log(),
        got="an answer whose id is in no record",
        expected="an error, or a record",
        what="what POST /score answers when nothing can be appended to the file LOG",
        why="the record is written before the answer is given, so without a record there is no answer",
        look_at="a record that is written after the answer, in a task of its own, or an error that you catch",
    )
    service.kill()
    ids = ids_of_log()
    expect.equal(
        [ids.count(str(one["request_id"])) for one in [answer, *answers]] + [ids.count("unreadable")],
        [1] * 10 + [0],
        what="how often each of ten ids stands in the log after the service was killed, and unreadable lines",
        why="one line of JSON for each request is on disk before its answer is given",
        look_at="when the line is written, and whether the file is closed or flushed",
    )
    ### END HIDDEN TESTS

# %% [markdown]
# ## Gap 5: one chart
#
# Payments asks each Monday: does it still work? `weekly_chart(scores, test_start)` draws the *average precision* of each week. In: a table as
# in `scores.parquet`, rows in any order, and the moment at which the first week begins. Week 0 is the seven days from `test_start` on, week 1 the next seven, and so on. Out:
# a matplotlib figure with one line, set of points or bars: the average precision of each week from left to right. A week without any fraud has none:
# leave it out or draw NaN; the weeks after it keep their own place or name. Title and both axes say what is shown, the vertical axis with the words "average precision".


# %% answer="weekly_chart"
def weekly_chart(scores, test_start):
    """A figure with the average precision of each week.

    scores: DataFrame with placed_at, score (0 to 1) and is_fraud, one row an order. test_start: pd.Timestamp.
    Returns a matplotlib Figure.
    """
    ### BEGIN SOLUTION
    week = (scores["placed_at"] - test_start) // pd.Timedelta(days=7)
    precision = {
        number: average_precision_score(rows["is_fraud"], rows["score"])
        for number, rows in scores.groupby(week)
        if rows["is_fraud"].any()
    }
    figure, axis = plt.subplots(layout="constrained")
    axis.plot(list(precision), list(precision.values()), "o-", color="black")
    axis.set(
        xlabel="week after training (0 is the first)", ylabel="average precision (0 to 1)", ylim=(0, None)
    )
    axis.set_title("Does the fraud model still work?")
    return figure
    ### END SOLUTION


# %% test="chart" of="weekly_chart" points=2
import numpy as np
import pandas as pd
from grader import expect


def drawn(view):
    """Every series of numbers that the first axes show from left to right, without gaps."""
    series = [np.stack([line["x"], line["y"]], axis=1) for line in view.lines]
    series += [one["xy"] for one in view.points]
    series += [np.array([[bar["x"], bar["height"]] for bar in view.bars])] if view.bars else []
    return [np.round(one[np.argsort(one[:, 0], kind="stable")], 9) for one in series if len(one)]


def heights(view):
    return [[value for value in one[:, 1].tolist() if value == value] for one in drawn(view)]


table = pd.DataFrame(
    {"score": [0.9, 0.5, 0.1, 0.9, 0.5, 0.1], "is_fraud": [True, False, False, False, True, False]}
)
days = pd.to_timedelta([0, 3, 6.9, 7, 9, 13], unit="D")
table["placed_at"] = pd.Timestamp("2025-01-29") + days
view = expect.figure(
    weekly_chart(table, pd.Timestamp("2025-01-29")),
    title="",
    x_label="",
    y_label="average precision",
    what="weekly_chart of two weeks of three orders",
    why="whoever gets the chart must see what it shows",
    look_at="the title and the labels of the axes",
)
expect.true(
    [1.0, 0.5] in heights(view),
    got=f"{heights(view)}",
    expected="1 and 0.5, from left to right",
    what="what weekly_chart draws for two weeks of three orders",
    why="in the first week the fraud has the highest score, in the second an honest order stands above it",
    look_at="the groups, and the measure of each",
)
### BEGIN HIDDEN TESTS
import re

from sklearn.metrics import average_precision_score

rng = expect.rng()
count, start = 6000, pd.Timestamp("2025-04-03")  # a Thursday
day = rng.uniform(0, 84, count)
fraud = (rng.random(count) < 0.05) & ~((day >= 14) & (day < 21))
table = pd.DataFrame({"is_fraud": fraud, "score": np.clip(rng.normal(0.2 + 0.2 * fraud, 0.15), 0.001, 0.999)})
table["placed_at"] = start + pd.to_timedelta(day, unit="D").floor("ms")
table["order_id"], table["amount"] = rng.permutation(count), rng.uniform(5, 500, count)
table.index = rng.permutation(count)
week = ((table["placed_at"] - start) // pd.Timedelta(days=7)).to_numpy()
wanted = [
    round(float(average_precision_score(table["is_fraud"][week == one], table["score"][week == one])), 9)
    for one in (0, 1, *range(3, 12))
]
with expect.unchanged(
    table,
    what="the table given to weekly_chart",
    why="the caller still needs it",
    look_at="columns that you add to it",
):
    figure = weekly_chart(table, start)
view = expect.figure(
    figure, what="weekly_chart of twelve weeks", why="it is a figure", look_at="what it returns"
)
found = heights(view)
expect.true(
    not any(len(one) == 12 for one in found if one[:2] == wanted[:2]),
    got="a value for the week without fraud",
    expected="none",
    what="the third of twelve weeks, in which there was no fraud",
    why="with nothing to find, average precision is not defined; a 0 would send somebody to look for a fault",
    look_at="weeks whose labels are all False",
)
expect.true(
    any(len(one) == 11 and np.allclose(one, wanted, atol=1e-6) for one in found),
    got=f"{found}",
    expected=f"{wanted}",
    what="what weekly_chart draws for twelve weeks that begin on a Thursday, the third without fraud",
    why="each week of seven days from test_start on has its own average precision, and time runs from left to right",
    look_at="weeks of the calendar in place of weeks from test_start, another measure, one value for all weeks so far, or "
    "weeks in the order of their texts, 0, 1, 10, 11, 2",
)
places = next(one[~np.isnan(one[:, 1]), 0] for one in drawn(view) if (one[:, 1] == one[:, 1]).sum() == 11)
steps = np.diff(places[:4])
names = [re.findall(r"[0-9]+", name) for name in view.x_ticks]
named = len(names) == 11 and all(names) and (len(names[2]) > 1 or int(names[2][0]) - int(names[0][0]) == 3)
expect.true(
    named or bool(np.isclose(steps[1], 2 * steps[0])),
    got="a place beside the second week's, under a name that it does not have",
    expected="the place or the name of the fourth week",
    what="where weekly_chart draws the fourth week, after a third one without fraud",
    why="whoever sees a bad value looks for what happened in that week",
    look_at="positions that are counted after weeks were left out",
)
### END HIDDEN TESTS

# %% [markdown]
# The chart of your own model, for the weeks after its training. Four weeks of some fifteen frauds each: the line jumps, and that is no news about the model.

# %%
print(f"a random order of the scores would reach {scores['is_fraud'].mean():.4f}")
figure = weekly_chart(scores, TEST_START)


# %% wrong="recent_as_honest" of="orders" caught_by="ripe_orders" edits="reference"
# Takes an order without a chargeback for honest, however fresh: most frauds of the last weeks are not reported yet.
# -     wanted = (placed_at >= start) & (placed_at < end) & (placed_at + RIPE <= known_at)
# +     wanted = (placed_at >= start) & (placed_at < end)


# %% wrong="reported_frauds_kept" of="orders" caught_by="ripe_orders" edits="reference"
# Keeps a fresh order if its fraud is reported: of the last weeks only frauds are left then.
# -     wanted = (placed_at >= start) & (placed_at < end) & (placed_at + RIPE <= known_at)
# +     known = (placed_at + RIPE <= known_at) | orders["order_id"].isin(chargebacks["order_id"])
# +     wanted = (placed_at >= start) & (placed_at < end) & known


# %% wrong="frauds_only" of="orders" caught_by="ripe_orders" edits="reference"
# An inner join with the chargebacks keeps frauds and drops every honest order.
# -     rows["is_fraud"] = rows["order_id"].isin(chargebacks["order_id"])
# +     rows = rows.merge(chargebacks, on="order_id")
# +     rows["is_fraud"] = True


# %% wrong="one_month" of="orders" caught_by="ripe_orders" edits="reference"
# Thirty days are too few: the mean chargeback takes 47 days, and the latest 60.
# - RIPE = pd.Timedelta(days=60)  # after so long every fraud has been reported
# + RIPE = pd.Timedelta(days=30)  # after so long every fraud has been reported


# %% wrong="end_included" of="orders" caught_by="ripe_orders" edits="reference"
# Counts the order of the last moment to this period and to the next one.
# -     wanted = (placed_at >= start) & (placed_at < end) & (placed_at + RIPE <= known_at)
# +     wanted = (placed_at >= start) & (placed_at <= end) & (placed_at + RIPE <= known_at)


# %% wrong="rows_with_gaps_dropped" of="orders" caught_by="ripe_orders" edits="reference"
# Drops every row in which anything is missing: few orders have a coupon, and most of the orders are gone.
# -     rows = orders[wanted].merge(payments, on="order_id")
# +     rows = orders[wanted].merge(payments, on="order_id").dropna()


# %% wrong="more_than_sixty_days" of="orders" caught_by="ripe_orders" edits="reference"
# Asks for more than 60 days, where 60 are enough.
# -     wanted = (placed_at >= start) & (placed_at < end) & (placed_at + RIPE <= known_at)
# +     wanted = (placed_at >= start) & (placed_at < end) & (placed_at + RIPE < known_at)


# %% wrong="days_in_place_of_moments" of="orders" caught_by="time_split" edits="reference"
# Compares days where a moment was asked for: the morning of the first test day trains or tests as a whole.
# -     before = orders["placed_at"] < test_start
# +     before = orders["placed_at"].dt.normalize() < test_start


# %% wrong="caller_s_table_sorted" of="orders" caught_by="time_split" edits="reference"
# Sorts the caller's own table: whoever goes on with it finds other rows in other places.
# -     before = orders["placed_at"] < test_start
# +     orders.sort_values("placed_at", inplace=True)
# +     before = orders["placed_at"] < test_start


# %% wrong="random_split" of="orders" caught_by="time_split" edits="reference"
# A random split trains on days after those that it is judged on, which production never can.
# -     before = orders["placed_at"] < test_start
# -     return orders[before], orders[~before]
# +     from sklearn.model_selection import train_test_split
# +
# +     return train_test_split(orders, test_size=0.5, random_state=0)


# %% wrong="share_in_order" of="orders" caught_by="time_split" edits="reference"
# Cuts by a share of the rows: the moment of the cut then moves with the number of orders, and nobody chose it.
# -     before = orders["placed_at"] < test_start
# -     return orders[before], orders[~before]
# +     orders = orders.sort_values("placed_at")
# +     cut = len(orders) // 2
# +     return orders[:cut], orders[cut:]


# %% wrong="cut_on_the_other_side" of="orders" caught_by="time_split" edits="reference"
# Puts the order of the first moment of the test weeks into training.
# -     before = orders["placed_at"] < test_start
# +     before = orders["placed_at"] <= test_start


# %% wrong="judged_on_its_own_weeks" of="train" caught_by="training_run" edits="reference"
# Judges the model on the weeks it was trained on, which it knows by heart.
# -     scores = test_rows[["order_id", "placed_at", "amount", "is_fraud"]].assign(
# -         score=model.predict_proba(test_rows[FEATURES])[:, 1]
# +     scores = train_rows[["order_id", "placed_at", "amount", "is_fraud"]].assign(
# +         score=model.predict_proba(train_rows[FEATURES])[:, 1]


# %% wrong="fitted_on_all_rows" of="train" caught_by="training_run" edits="reference"
# Fits on all rows, the test weeks among them: the split is there, and nothing comes of it.
# -     model = make_model().fit(train_rows[FEATURES], train_rows["is_fraud"])
# +     model = make_model().fit(rows[FEATURES], rows["is_fraud"])


# %% wrong="split_anew" of="train" caught_by="training_run" edits="reference"
# Splits once more at random, so that the model is judged on days that it was trained on.
# =     times = {"train_start": train_start, "test_start": test_start, "test_end": test_end, "known_at": known_at}
# +     from sklearn.model_selection import train_test_split
# +
# +     train_rows, test_rows = train_test_split(rows, random_state=0)


# %% wrong="hash_before_the_filter" of="train" caught_by="training_run" edits="reference"
# Hashes the rows before the split: nobody can tell from it what the model was fitted on.
# -         mlflow.log_params({**times, "data_hash": data_hash(train_rows)})
# +         mlflow.log_params({**times, "data_hash": data_hash(rows)})


# %% wrong="hash_of_the_name" of="train" caught_by="training_run" edits="reference"
# Hashes the folder's name, which stays the same when the data in it change.
# =
# + import hashlib
# = import sys
#
# -         mlflow.log_params({**times, "data_hash": data_hash(train_rows)})
# +         mlflow.log_params({**times, "data_hash": hashlib.sha256(str(folder).encode()).hexdigest()})


# %% wrong="version_one" of="train" caught_by="training_run" edits="reference"
# Types the version in: it is right for the first training alone, and the first model stays live for ever.
# -         logged = mlflow.sklearn.log_model(
# +         mlflow.sklearn.log_model(
#
# -     version = int(logged.registered_model_version)
# +     version = 1


# %% wrong="yes_or_no" of="train" caught_by="training_run" edits="reference"
# Writes the answers of predict, yes or no, where the probabilities belong.
# -         score=model.predict_proba(test_rows[FEATURES])[:, 1]
# +         score=model.predict(test_rows[FEATURES])


# %% wrong="fitted_again" of="train" caught_by="training_run" edits="reference"
# Fits again on all rows before it registers: the version that answers is not the one that was judged.
# -         log_table(scores, "scores.parquet")
# +         log_table(scores, "scores.parquet")
# +         model = make_model().fit(rows[FEATURES], rows["is_fraud"])


# %% wrong="word_never_seen" of="train" caught_by="training_run" edits="reference"
# Takes the words of the training weeks for all that will ever come.
# -     columns = make_column_transformer(
# -         (StandardScaler(), NUMBERS), (OneHotEncoder(handle_unknown="ignore"), WORDS)
# -     )
# +     columns = make_column_transformer((StandardScaler(), NUMBERS), (OneHotEncoder(), WORDS))


# %% wrong="newest_version" of="service" caught_by="answer_leads_back" edits="reference"
# Serves the newest version, which somebody may have taken out by moving the alias back.
# -     version = client.get_model_version_by_alias(MODEL_NAME, "live")
# +     version = max(client.search_model_versions(f"name = '{MODEL_NAME}'"), key=lambda one: int(one.version))


# %% wrong="newest_of_any_name" of="service" caught_by="answer_leads_back" edits="reference"
# Serves the newest version of any model in the store, which may be another team's.
# -     version = client.get_model_version_by_alias(MODEL_NAME, "live")
# +     version = max(client.search_model_versions(), key=lambda one: one.creation_timestamp)
#
# -     return mlflow.sklearn.load_model(f"models:/{MODEL_NAME}/{version.version}"), origin
# +     return mlflow.sklearn.load_model(f"models:/{version.name}/{version.version}"), origin


# %% wrong="version_typed_in" of="service" caught_by="answer_leads_back" edits="reference"
# Types the version into the answer: from the second version on it points to the wrong model.
# -         "model_version": str(version.version),
# +         "model_version": "1",


# %% wrong="answer_without_version" of="service" caught_by="answer_leads_back" edits="reference"
# Answers with a score alone: whoever keeps the answer cannot say which model gave it.
# -     return {name: record[name] for name in ("request_id", "score", "model_version")}
# +     return {name: record[name] for name in ("request_id", "score")}


# %% wrong="model_of_the_notebook" of="service" caught_by="answer_leads_back" edits="reference"
# Loads a file that some notebook left in the folder: on another machine, or after a clean-up, there is none.
# - import mlflow
# - import mlflow.sklearn
# + import joblib
#
# -     client = mlflow.MlflowClient()
# -     version = client.get_model_version_by_alias(MODEL_NAME, "live")
# -     origin = {
# -         "model_name": MODEL_NAME,
# -         "model_version": str(version.version),
# -         "run_id": version.run_id,
# -         "data_hash": client.get_run(version.run_id).data.params["data_hash"],
# -     }
# -     return mlflow.sklearn.load_model(f"models:/{MODEL_NAME}/{version.version}"), origin
# +     origin = {"model_name": MODEL_NAME, "model_version": "1", "run_id": "", "data_hash": ""}
# +     return joblib.load("model.joblib"), origin


# %% wrong="id_of_the_order" of="service" caught_by="answer_leads_back" edits="reference"
# Makes the id from the order: two requests with the same order share it.
# -         "request_id": uuid.uuid4().hex,
# +         "request_id": uuid.uuid5(uuid.NAMESPACE_OID, order.model_dump_json()).hex,


# %% wrong="kept_in_memory" of="service" caught_by="answer_leads_back" edits="reference"
# Keeps the records in memory: after a restart no id leads anywhere.
# = app = FastAPI()
# + records = {}
#
# =     }
# +     records[record["request_id"]] = record
# =     with LOG.open("a", encoding="utf-8") as file:
#
# -     lines = LOG.read_text(encoding="utf-8").splitlines() if LOG.exists() else []
# -     for line in lines:
# -         record = json.loads(line)
# -         if record["request_id"] == request_id:
# -             return record
# +     if request_id in records:
# +         return records[request_id]


# %% wrong="origin_of_today" of="service" caught_by="answer_leads_back" edits="reference"
# Names the model that is live today in place of the one that gave the answer.
# -             return record
# +             return {**record, **origin}


# %% wrong="written_afterwards" of="service" caught_by="answer_leads_back" edits="reference"
# Writes the record after the answer was given: what cannot be written was answered all the same.
# - from fastapi import FastAPI, HTTPException
# + from fastapi import BackgroundTasks, FastAPI, HTTPException
#
# - def score(order: Order):
# + def score(order: Order, later: BackgroundTasks):
#
# -     with LOG.open("a", encoding="utf-8") as file:
# -         file.write(json.dumps(record) + "\n")
# -     return {name: record[name] for name in ("request_id", "score", "model_version")}
# +     def write():
# +         with LOG.open("a", encoding="utf-8") as file:
# +             file.write(json.dumps(record) + "\n")
# +
# +     later.add_task(write)
# +     return {name: record[name] for name in ("request_id", "score", "model_version")}


# %% wrong="found_by_any_text" of="service" caught_by="answer_leads_back" edits="reference"
# Searches the line for the id's text: the id of a run, or a model's name, finds somebody else's request.
# -         record = json.loads(line)
# -         if record["request_id"] == request_id:
# -             return record
# +         if f'"{request_id}"' in line:
# +             return json.loads(line)


# %% wrong="version_of_the_moment" of="service" caught_by="answer_leads_back" edits="reference"
# Looks the alias up for each request, beside a model that was loaded once: after a move the answer names a model that did not give it.
# -     record = {
# +     now = mlflow.MlflowClient().get_model_version_by_alias(MODEL_NAME, "live").version
# +     record = {
#
# -         **origin,
# +         **origin,
# +         "model_version": str(now),


# %% wrong="number_of_the_line" of="service" caught_by="answer_leads_back" edits="reference"
# Takes the number of lines so far for the id: a log that was shortened or merged gives the same numbers again.
# -     record = {
# +     count = len(LOG.read_text(encoding="utf-8").splitlines()) if LOG.exists() else 0
# +     record = {
#
# -         "request_id": uuid.uuid4().hex,
# +         "request_id": str(count),


# %% wrong="unknown_id_breaks" of="service" caught_by="answer_leads_back" edits="reference"
# Lets an unknown id become an error 500, as if the service were broken.
# -     for line in lines:
# -         record = json.loads(line)
# -         if record["request_id"] == request_id:
# -             return record
# -     raise HTTPException(status_code=404, detail="no such request")
# +     records = {record["request_id"]: record for record in map(json.loads, lines)}
# +     return records[request_id]


# %% wrong="all_weeks_so_far" of="weekly_chart" caught_by="chart" edits="reference"
# Draws one value for all weeks so far: a bad week drowns in the good ones before it.
# -         number: average_precision_score(rows["is_fraud"], rows["score"])
# +         number: average_precision_score(scores["is_fraud"][week <= number], scores["score"][week <= number])


# %% wrong="weeks_of_the_calendar" of="weekly_chart" caught_by="chart" edits="reference"
# Takes the weeks of the calendar, so that the first and the last one are short.
# -     week = (scores["placed_at"] - test_start) // pd.Timedelta(days=7)
# +     week = scores["placed_at"].dt.isocalendar().week


# %% wrong="nothing_to_find_is_zero" of="weekly_chart" caught_by="chart" edits="reference"
# Draws 0 for a week without fraud, as if the model had failed in it.
# -         number: average_precision_score(rows["is_fraud"], rows["score"])
# +         number: average_precision_score(rows["is_fraud"], rows["score"]) if rows["is_fraud"].any() else 0.0
# =         for number, rows in scores.groupby(week)
# -         if rows["is_fraud"].any()


# %% wrong="weeks_as_texts" of="weekly_chart" caught_by="chart" edits="reference"
# Makes texts of the weeks' numbers: from eleven weeks on, week 10 stands before week 2.
# -         for number, rows in scores.groupby(week)
# +         for number, rows in scores.groupby(week.astype(str))


# %% wrong="counted_after_leaving_out" of="weekly_chart" caught_by="chart" edits="reference"
# Counts the places after a week was left out: every later week stands one place too early.
# -     axis.plot(list(precision), list(precision.values()), "o-", color="black")
# +     axis.plot(range(len(precision)), list(precision.values()), "o-", color="black")


# %% wrong="area_under_roc" of="weekly_chart" caught_by="chart" edits="reference"
# Draws the area under the ROC curve: with one fraud in a hundred orders it looks good for a model that finds little.
# +     from sklearn.metrics import roc_auc_score
# +
# =     week = (scores["placed_at"] - test_start) // pd.Timedelta(days=7)
# =     precision = {
# -         number: average_precision_score(rows["is_fraud"], rows["score"])
# +         number: roc_auc_score(rows["is_fraud"], rows["score"])


# %% also="in_sql" of="orders" edits="reference"
# =
# + import duckdb
# = import pandas as pd
#
# -     orders, payments, chargebacks = (
# -         pd.read_parquet(Path(folder) / f"{name}.parquet") for name in ("orders", "payments", "chargebacks")
# -     )
# -     placed_at = orders["placed_at"]
# -     wanted = (placed_at >= start) & (placed_at < end) & (placed_at + RIPE <= known_at)
# -     rows = orders[wanted].merge(payments, on="order_id")
# -     rows["is_fraud"] = rows["order_id"].isin(chargebacks["order_id"])
# -     return rows[["order_id", "placed_at", *FEATURES, "is_fraud"]]
# +     columns = ", ".join(FEATURES)
# +     files = {name: Path(folder) / f"{name}.parquet" for name in ("orders", "payments", "chargebacks")}
# +     query = f"""
# +         select order_id, placed_at, {columns}, reported.order_id is not null as is_fraud
# +         from read_parquet('{files["orders"]}') as placed
# +         join read_parquet('{files["payments"]}') as paid using (order_id)
# +         left join (select distinct order_id from read_parquet('{files["chargebacks"]}')) as reported using (order_id)
# +         where placed_at >= ? and placed_at < ? and placed_at + interval 60 day <= ?
# +     """
# +     with duckdb.connect() as connection:
# +         return connection.execute(query, [start, end, known_at]).df()


# %% also="with_an_index_and_whole_numbers" of="orders" edits="reference"
# -     orders, payments, chargebacks = (
# -         pd.read_parquet(Path(folder) / f"{name}.parquet") for name in ("orders", "payments", "chargebacks")
# +     read = {
# +         name: pd.read_parquet(Path(folder) / f"{name}.parquet")
# +         for name in ("orders", "payments", "chargebacks")
# +     }
# +     rows = read["payments"].set_index("order_id").join(read["orders"].set_index("order_id"), how="inner")
# +     rows["order_id"] = rows.index
# +     rows["is_fraud"] = (
# +         rows["order_id"].map(read["chargebacks"]["order_id"].value_counts()).fillna(0).astype("int8")
# =     )
# -     placed_at = orders["placed_at"]
# -     wanted = (placed_at >= start) & (placed_at < end) & (placed_at + RIPE <= known_at)
# -     rows = orders[wanted].merge(payments, on="order_id")
# -     rows["is_fraud"] = rows["order_id"].isin(chargebacks["order_id"])
# -     return rows[["order_id", "placed_at", *FEATURES, "is_fraud"]]
# +     for name in WORDS:
# +         rows[name] = rows[name].astype("category")
# +     last = min(end - pd.Timedelta(milliseconds=1), known_at - RIPE)
# +     rows.index.name = None
# +     return rows[rows["placed_at"].between(start, last)]
#
# -     before = orders["placed_at"] < test_start
# -     return orders[before], orders[~before]
# +     orders = orders.sort_values("placed_at", kind="stable")
# +     cut = orders["placed_at"].searchsorted(test_start)
# +     return orders.iloc[:cut], orders.iloc[cut:]


# %% also="forest" of="train" edits="reference"
# -     columns = make_column_transformer(
# -         (StandardScaler(), NUMBERS), (OneHotEncoder(handle_unknown="ignore"), WORDS)
# -     )
# -     return make_pipeline(columns, LogisticRegression(max_iter=1000))
# +     from sklearn.ensemble import RandomForestClassifier
# +     from sklearn.preprocessing import OrdinalEncoder
# +
# +     known = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
# +     columns = make_column_transformer((known, WORDS), ("passthrough", NUMBERS))
# +     return make_pipeline(columns, RandomForestClassifier(30, min_samples_leaf=5, random_state=0))
#
# =             pip_requirements=["scikit-learn"],
# +             serialization_format="cloudpickle",


# %% also="registered_afterwards" of="train"
"""Train the fraud model, judge it on the weeks after, register it: one run in MLflow.

python train.py FOLDER TRAIN_START TEST_START TEST_END KNOWN_AT
"""

import sys
import tempfile
import warnings
from pathlib import Path

import mlflow
import pandas as pd
from mlflow.models import infer_signature
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import RobustScaler

from orders import FEATURES, NUMBERS, data_hash, load_orders, split_by_time

MODEL_NAME = "tidewater-fraud"
warnings.filterwarnings("ignore", message="Hint: Inferred schema contains integer column")


def log_table(table, name):
    """Log a DataFrame as a Parquet file of this name into the run that is open."""
    with tempfile.TemporaryDirectory() as scratch:
        table.to_parquet(Path(scratch) / name, index=False)
        mlflow.log_artifact(Path(scratch) / name)


def make_model():
    numbers = ColumnTransformer([("numbers", RobustScaler(), NUMBERS)])
    return Pipeline([("numbers", numbers), ("line", LogisticRegression(class_weight="balanced"))])


def train(folder, train_start, test_start, test_end, known_at):
    rows = load_orders(folder, train_start, test_end, known_at)
    train_rows, test_rows = split_by_time(rows, test_start)
    client = mlflow.MlflowClient()
    run = mlflow.start_run()
    try:
        mlflow.log_param("data_hash", data_hash(train_rows))
        mlflow.log_param("train_start", str(train_start))
        mlflow.log_param("test_start", test_start.isoformat(sep=" "))
        mlflow.log_param("test_end", str(test_end))
        mlflow.log_param("known_at", str(known_at))
        mlflow.log_param("rows", len(train_rows))
        model = make_model()
        model.fit(train_rows[FEATURES], train_rows["is_fraud"].astype(int))
        table = test_rows.reset_index(drop=True)
        table["score"] = model.predict_proba(table[FEATURES])[:, 1].astype("float32")
        table["is_fraud"] = table["is_fraud"].astype(int)
        log_table(table.sort_values("score"), "scores.parquet")
        found = average_precision_score(table["is_fraud"], table["score"])
        mlflow.log_metrics({"test_average_precision": found, "test_fraud_share": table["is_fraud"].mean()})
        example = train_rows[FEATURES][:5]
        signature = infer_signature(example, model.predict(example))
        info = mlflow.sklearn.log_model(
            model, name="fraud", signature=signature, pip_requirements=["scikit-learn"]
        )
    finally:
        mlflow.end_run()
    registered = mlflow.register_model(info.model_uri, MODEL_NAME, tags={"run": run.info.run_id})
    client.set_registered_model_alias(MODEL_NAME, "live", registered.version)
    return int(registered.version)


if __name__ == "__main__":
    print("version", train(sys.argv[1], *(pd.Timestamp(text) for text in sys.argv[2:])))


# %% also="aliases_of_the_name" of="service" edits="reference"
# -     client = mlflow.MlflowClient()
# -     version = client.get_model_version_by_alias(MODEL_NAME, "live")
# -     origin = {
# -         "model_name": MODEL_NAME,
# -         "model_version": str(version.version),
# -         "run_id": version.run_id,
# -         "data_hash": client.get_run(version.run_id).data.params["data_hash"],
# -     }
# -     return mlflow.sklearn.load_model(f"models:/{MODEL_NAME}/{version.version}"), origin
# +     number = mlflow.MlflowClient().get_registered_model(MODEL_NAME).aliases["live"]
# +     run_id = mlflow.MlflowClient().get_model_version(MODEL_NAME, number).run_id
# +     params = mlflow.get_run(run_id).data.params
# +     origin = {"model_name": MODEL_NAME, "model_version": str(number), "run_id": run_id}
# +     origin["data_hash"] = params["data_hash"]
# +     return mlflow.sklearn.load_model(f"models:/{MODEL_NAME}/{number}"), origin
#
# + records = {}
# + for text in LOG.read_text().splitlines() if LOG.is_file() else []:
# +     records[json.loads(text)["request_id"]] = json.loads(text)
# =
# =
# = @app.post("/score")
# - def score(order: Order):
# + async def score(order: Order):
# =     """The score of one order, under an id that leads back to the model."""
# =     table = pd.DataFrame([order.model_dump()])  # one row, the columns FEATURES
# -     record = {
# -         "request_id": uuid.uuid4().hex,
# -         "score": float(model.predict_proba(table)[0, 1]),
# -         **origin,
# -     }
# -     with LOG.open("a", encoding="utf-8") as file:
# -         file.write(json.dumps(record) + "\n")
# -     return {name: record[name] for name in ("request_id", "score", "model_version")}
# +     chance = model.predict_proba(table)[:, 1].item()
# +     record = {"request_id": str(uuid.uuid4()), "score": chance, "order": order.model_dump(), **origin}
# +     records[record["request_id"]] = record
# +     print(json.dumps(record), file=LOG.open("a"), flush=True)
# +     return record
#
# -     lines = LOG.read_text(encoding="utf-8").splitlines() if LOG.exists() else []
# -     for line in lines:
# -         record = json.loads(line)
# -         if record["request_id"] == request_id:
# -             return record
# +     if request_id in records:
# +         return records[request_id]


# %% also="rounded_to_four" of="service" edits="reference"
# -         "score": float(model.predict_proba(table)[0, 1]),
# +         "score": round(float(model.predict_proba(table)[0, 1]), 4),
#
# -     with LOG.open("a", encoding="utf-8") as file:
# -         file.write(json.dumps(record) + "\n")
# +     log.write(json.dumps({**record, "amount": order.amount}) + "\n")
#
# = model, origin = load_live_model()
# + log = LOG.open("a", encoding="utf-8", buffering=1)


# %% also="ids_of_random_bytes" of="service" edits="reference"
# - import uuid
# + import secrets
#
# -     return mlflow.sklearn.load_model(f"models:/{MODEL_NAME}/{version.version}"), origin
# +     return mlflow.sklearn.load_model(version.source), origin
#
# -         "request_id": uuid.uuid4().hex,
# +         "request_id": f"req-{secrets.token_urlsafe(12)}",


# %% also="bars" of="weekly_chart"
def weekly_chart(scores, test_start):
    rows = scores.sort_values("placed_at").assign(
        days=lambda table: (table["placed_at"] - test_start).dt.days
    )
    figure = plt.figure()
    axes = figure.add_subplot()
    for number in range(int(rows["days"].max()) // 7 + 1):
        week = rows[(rows["days"] >= 7 * number) & (rows["days"] < 7 * number + 7)]
        if week["is_fraud"].sum() > 0:
            axes.bar(f"week {number}", average_precision_score(week["is_fraud"], week["score"]), color="grey")
    axes.set_title("Average precision by week")
    axes.set_xlabel("weeks since the test began")
    axes.set_ylabel("Average precision")
    return figure


# %% also="points_by_date" of="weekly_chart"
def weekly_chart(scores, test_start):
    def precision(week):
        return average_precision_score(week["is_fraud"], week["score"]) if week["is_fraud"].any() else np.nan

    weeks = scores.set_index("placed_at")[["is_fraud", "score"]].resample("7D", origin=test_start)
    by_week = pd.Series({start: precision(week) for start, week in weeks})
    figure, axis = plt.subplots()
    axis.scatter(by_week.index, by_week)
    axis.set(
        title="The fraud model, week by week", xlabel="week from (UTC)", ylabel="average precision, 0 to 1"
    )
    return figure
