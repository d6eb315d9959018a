# ---
# title: "Which version may answer from Monday on, and how do we get the old one back?"
# minutes: 60
# data: [tidewater]
# needs: [walking-skeleton, point-in-time, leakproof-pipeline]
# leaves: [gates.py, promote.py]
# runs_on: []
# limit_seconds: 60
# sources:
#   - "MLflow 3, documentation, ML Model Registry: model versions, aliases, tags"
#   - "Breck, Cai, Nielsen, Salib, Sculley (2017), The ML test score: a rubric for ML production readiness and technical debt
#     reduction, IEEE Big Data, section on tests for ML infrastructure: models are validated before they serve, and can be rolled back"
#   - "scikit-learn 1.9, documentation, average_precision_score"
# hints:
#   - "Part 1: for each gate ask what it says when its number is NaN, when the number is missing, and when it cannot be computed at all. Part 2: do all the
#     looking first and all the moving last; what has to be true of the aliases between two moves? Part 3: what does a run hold of a job that broke off?"
#   - "Part 1: write each gate as something that has to be True for a pass, inside a try whose except is a failed gate. Part 2: numbers of versions
#     are whole numbers; a sort key of two parts settles ties; look at the champion's alias again before the first move, and move `previous` before `champion`. Part 3: everything inside one `with mlflow.start_run()`."
#   - "Part 1: pd.Timestamp(run.data.params['trained_until']) < rows['placed_at'].min(); mlflow.models.get_model_info(uri).signature.inputs.required_input_names(); p.shape == (len(rows), 2) and
#     np.isfinite(p).all(); min over three calls of time.perf_counter(). Part 2: client.get_registered_model(name).aliases.get('champion'); sorted(good, key=lambda n: (-score[n], n));
#     client.set_model_version_tag(name, str(taken_out), 'rolled_back', ...). Part 3: mlflow.log_params before promote is called, the rest after it."
# ---

# %% [markdown]
# # Which version may answer from Monday on, and how do we get the old one back?
#
# Each week a job trains the fraud model of Tidewater and registers the result. The shop's service loads whatever version the alias `champion` names, at each start. In spring the job
# gave the alias to the newest version, since it had the best score. That score was of rows the model had been trained on; for two days it let through nearly every stolen card. Then somebody deleted the bad version in order to get rid of it, and with it the proof
# of what had gone wrong; the alias was moved to "the number before", which had never been good enough to serve.
#
# You write what stands between a registered version and the shop's door: **gates**, the **promotion**, the **rollback**, and the **record** of each Monday. About an hour. Parts 1 and 2 are files. Run `mle check registry` as often as you like.

# %%
import grader

grader.begin("registry")

import importlib
import logging
import shutil
import sys

import mlflow
import numpy as np
import pandas as pd
from mlflow.models import infer_signature
from sklearn.metrics import average_precision_score

from tidewater.scorecards import put_version, some_orders
from tidewater.trials import trial

logging.getLogger("mlflow").setLevel(logging.ERROR)
orders = pd.read_parquet(grader.start_from("point-in-time").path("training.parquet"))
orders["corridor"] = orders["card_country"] + ">" + orders["ship_country"]
pipeline_files = grader.start_from("leakproof-pipeline")
for name in ("clock.py", "pipeline.py"):
    shutil.copy(pipeline_files.path(name), name)

# %% [markdown]
# ## Versions, rows, and what a version promises
#
# A version in the registry is an MLflow model of any library. So load it with `mlflow.pyfunc.load_model(f"models:/{name}/{number}")`. Its `predict` gets the columns that the shop's service sends (`sent` below makes them)
# and gives what `predict_proba` gives: an array of shape `(rows, 2)`, whose second column is the chance of fraud.
#
# **rows** are the orders that everything is judged on: a DataFrame like `training.parquet`, with `corridor`, `placed_at` (UTC, without a zone) and the label `is_fraud` (True and False, or 1 and 0). It has at least one fraud; its rows are in no order, its index may be anything.
#
# `tidewater.scorecards` makes small versions by hand, to try your functions on: `put_version(name, predict, trained_until=...)` registers one in a few milliseconds. `predict` is an expression of `orders`; `chance(orders)` is the true chance, and
# `chance(orders, ["attempts"])` a poorer one. `trial(versions, steps)` does the same in a store of its own and calls functions of your file on it, with the model's name as the first argument; it tells what came back, the aliases, and each move of an alias.
# (Both in `datasets/tidewater/`; the tests use them, too.)

# %%
rows = some_orders(np.random.default_rng(7), 600, "2025-05-05", days=14)
GOOD = {"predict": "answer(chance(orders))", "trained_until": "2025-05-04 23:10:00"}
FAIR = {
    "predict": "answer(chance(orders, ['attempts', 'device_known']))",
    "trained_until": "2025-04-20 21:00:00",
}
NO_NUMBER = {"predict": "answer(chance(orders) * np.nan)", "trained_until": "2025-05-04 23:10:00"}
rows.iloc[0]

# %% [markdown]
# ## 1. The gates of one version: `gates.py`
#
# Write `examine(name, version, rows)`. In: the registered model's name, the number of a version (int), and rows. Out: a dict with
#
# - `failed`: None if the version passes all gates of this table, else the name of a gate that it fails (any one, if it fails several);
# - `average_precision` of its chances on the rows, as scikit-learn's `average_precision_score` computes it, a float;
# - `seconds`: the *shortest* of at least three calls of `predict` on the rows, without loading, a float. (The first call of many models is slow, once, and a busy computer makes any call slow.)
#
# The two numbers count only where `failed` is None; else they may be anything.
#
# | gate | the version passes if |
# | --- | --- |
# | `trained_before` | the param `trained_until` of its run is a moment (ISO 8601, UTC: a date **and** a time, a blank or a `T` between them) and lies before the first order of rows. It is when the last training order was placed: the same moment is too late. A date alone is no moment, since nobody knows which orders of that day were used. One with an offset, such as `+02:00`, fails or is converted, as you like |
# | `signature` | it has a signature, and each input that the signature requires is among the columns that the service sends. (`rows` has more columns than that, the label for one.) |
# | `answers` | it loads, and `predict(sent(rows))` gives an array of shape `(rows, 2)`, whose numbers, in **both** columns, are all finite and from 0 to 1 |
# | `ranks` | its average precision is at least twice the share of fraud in rows, which is what a constant reaches |
#
# A gate that cannot be looked at is a failed gate: no run, no param, a text that is no moment, an exception in loading or predicting. No exception leaves `examine`, whatever the version is, and it changes neither rows nor the registry.
# (What is said of nothing here, such as a list in place of an array, may pass or fail.)


# %% answer="gates" file="gates.py"
"""The gates that one version of a registered model has to pass, whatever the others are."""

import functools
import time

import mlflow
import numpy as np
import pandas as pd
from sklearn.metrics import average_precision_score

NUMBERS = ["amount", "items", "attempts", "address_age_days", "device_known", "orders_7d", "orders_30d"]
NUMBERS += ["hours_since_last", "mean_amount_30d", "customer_chargebacks", "corridor_ripe", "corridor_frauds"]
WORDS = ["channel", "device", "ship_country", "card_country", "product_category", "corridor", "product_title"]
SENT = [*NUMBERS, *WORDS, "placed_at"]


def sent(rows):
    """The columns that the shop's service sends of these orders, in the form in which it sends them."""
    return rows[SENT].astype(dict.fromkeys(NUMBERS, "float64"))


def examine(name, version, rows):
    """The gates of one version of the registered model `name`, on rows.

    version: its number, an int. rows: DataFrame with the columns SENT and is_fraud; it is not changed.
    Returns a dict: failed (None, or the name of a gate), average_precision, seconds.
    """
    ### BEGIN SOLUTION
    report = {"failed": None, "average_precision": None, "seconds": None}
    client, inputs = mlflow.MlflowClient(), sent(rows)

    @functools.cache
    def model():
        return mlflow.pyfunc.load_model(f"models:/{name}/{version}")

    def trained_before():
        run = client.get_run(client.get_model_version(name, str(version)).run_id)
        text = run.data.params["trained_until"]
        return ":" in text and pd.Timestamp(text) < rows["placed_at"].min()

    def signature():
        return set(model().metadata.signature.inputs.required_input_names()) <= set(SENT)

    def answers():
        predict, seconds = model().predict, []
        for _ in range(3):
            began = time.perf_counter()
            chances = predict(inputs)
            seconds.append(time.perf_counter() - began)
        chances = np.asarray(chances, dtype=float)
        if chances.shape != (len(rows), 2) or not ((chances >= 0) & (chances <= 1)).all():
            return False
        report["seconds"] = min(seconds)
        report["average_precision"] = float(average_precision_score(rows["is_fraud"], chances[:, 1]))
        return True

    def ranks():
        return report["average_precision"] >= 2 * rows["is_fraud"].mean()

    for gate in (trained_before, signature, answers, ranks):
        try:
            passed = gate()
        except Exception:
            passed = False
        if not passed:
            return report | {"failed": gate.__name__}
    return report
    ### END SOLUTION


# %% test="poisoned" of="gates" points=4
import numpy as np
from grader import expect

from tidewater.scorecards import some_orders


def examined(versions, rows):
    """What examine says of each of these versions: the gate that failed, or the error."""
    from tidewater.trials import trial

    steps = [("examine", number, rows) for number in range(1, len(versions) + 1)]
    found = trial(versions, steps, module="gates")
    return [step["error"] or (step["returned"] or {}).get("failed", "no key failed") for step in found]


rows = some_orders(np.random.default_rng(7), 600, "2025-05-05", days=14)
whole = {"predict": "answer(chance(orders))", "trained_until": "2025-05-04 23:10:00"}
versions = [
    whole,
    whole | {"predict": "answer(chance(orders) * np.nan)"},
    whole | {"trained_until": "2025-05-10 12:00:00"},
]
expect.equal(
    expect.beside(examined, versions, rows),
    [None, "answers", "trained_before"],
    what="failed, for a good version, one that answers NaN, and one that was trained on the first days of the rows",
    why="the first passes all four gates; NaN is no chance; and what was trained on, proves nothing",
    look_at="the gates answers and trained_before",
)
### BEGIN HIDDEN TESTS
rows = some_orders(expect.rng(), 400, "2025-05-05 09:30:00", days=14)
rows = rows.sort_values("is_fraud", ascending=False, kind="stable").set_axis(["order"] * 400)
whole = {"predict": "answer(chance(orders))", "trained_until": "2025-05-04 23:10:00"}
ANY, TIME, SIGNED = ["answers", "signature"], ["trained_before"], ["signature", "answers"]
FILE = "def predict(orders):\n    return answer(chance(orders))\n"
CASES = [
    ("a good version", {}, [None]),
    ("one trained until the very moment of the first order", {"trained_until": "2025-05-05 09:30:00"}, TIME),
    ("one trained until a second before the first order", {"trained_until": "2025-05-05 09:29:59"}, [None]),
    ("one trained until 8:00 of the day whose first order came at 9:30, written with a T", {"trained_until": "2025-05-05T08:00:00"}, [None]),
    ("one trained until 11:10 UTC of that day, written as 2025-05-04T23:10:00-12:00", {"trained_until": "2025-05-04T23:10:00-12:00"}, TIME),
    ("one whose trained_until is the day of the first order, without a time", {"trained_until": "2025-05-05"}, TIME),
    ("one whose run has no trained_until", {"trained_until": None}, TIME),
    ("one whose trained_until is NaT", {"trained_until": "NaT"}, TIME),
    ("one whose trained_until is 'last week'", {"trained_until": "last week"}, TIME),
    ("one without a signature", {"signature": False}, ["signature"]),
    ("one that requires a column that the service does not send", {"requires": ["attempts", "legacy_risk_score"]}, SIGNED),
    ("one that requires the label", {"requires": ["attempts", "is_fraud"]}, SIGNED),
    ("one that answers NaN to one order", {"predict": "answer(np.where(np.arange(len(orders)) == 3, np.nan, chance(orders)))"}, ANY),
    ("one that answers NaN where the amount is missing", {"predict": "answer(chance(orders) + 0 * orders['amount'].to_numpy())"}, ANY),
    ("one whose chances reach 1.3", {"predict": "answer(1.3 * chance(orders))"}, ANY),
    ("one whose chances of no fraud, the first column, are 7", {"predict": "answer(chance(orders)) + [7, 0]"}, ANY),
    ("one that gives one chance for each order, not two", {"predict": "chance(orders)"}, ANY),
    ("one that gives a row less", {"predict": "answer(chance(orders))[1:]"}, ANY),
    ("one that fails at predict", {"predict": "answer(chance(orders, ['hour']))"}, ANY),
    ("one that does not load", {"predict": "import a_library_that_is_not_here\n\n\n" + FILE}, ANY),
    ("one that answers with the share of fraud to all", {"predict": "answer(np.full(len(orders), 0.11))"}, ["ranks"]),
    ("one with the classes swapped", {"predict": "answer(1 - chance(orders))"}, ["ranks"]),
]  # fmt: skip
for start in (0, 11):
    some = [whole | changes for _, changes, _ in CASES[start : start + 11]]
    for (what, _, right), got in zip(CASES[start:], expect.beside(examined, some, rows)):
        expect.true(
            got in right,
            got=f"failed is {got!r}",
            expected=" or ".join(repr(gate) for gate in right),
            what=f"examine of {what}",
            why="the table of the gates says so, and a gate that cannot be looked at has failed",
            look_at=f"the gate {right[0]}" if right[0] else "gates that refuse more than the table says",
        )
### END HIDDEN TESTS

# %% test="measured" of="gates" points=2
import numpy as np
from grader import expect
from sklearn.metrics import average_precision_score

from tidewater.scorecards import chance, some_orders


def measured(versions, rows):
    """What examine says of each of these versions; whether the rows are as before; tags and moves of aliases."""
    from tidewater.trials import trial

    before = rows.copy(deep=True)
    calls = [("examine", number, rows) for number in range(1, len(versions) + 1)]
    steps = trial(versions, calls, module="gates")
    found = [step["returned"] or {"failed": step["error"]} for step in steps]
    numbers = [[one.get(key) for key in ("failed", "average_precision", "seconds")] for one in found]
    return numbers, rows.equals(before), list(steps[-1]["tags"].values()), [step["moves"] for step in steps]


rows = some_orders(np.random.default_rng(8), 600, "2025-05-05", days=14)
whole = {"predict": "answer(chance(orders))", "trained_until": "2025-05-04 23:10:00"}
((failed, precision, seconds),), *_ = expect.beside(measured, [whole], rows)
expect.close(
    precision,
    average_precision_score(rows["is_fraud"], chance(rows)),
    tolerance=1e-6,
    what="average_precision of a good version",
    why="it is the average precision of the second column on these rows",
    look_at="what goes into average_precision_score",
)
### BEGIN HIDDEN TESTS
FIRST = 1.0  # seconds of the first two calls
BAR = 0.3  # one call takes 0.0024 in the median, 0.047 at most in 1,000 at load 5; median of three calls 1.0, their mean 0.67
rows = some_orders(expect.rng(), 400, "2025-05-05 09:30:00", days=14)
rows = rows.sort_values("is_fraud", ascending=False, kind="stable")
wait = f"CALLS = []\n\n\ndef predict(orders):\n    CALLS.append(1)\n    time.sleep({FIRST} * (len(CALLS) <= 2))\n    return answer(chance(orders))\n"
versions = [
    whole | {"predict": "answer(chance(orders).round(1))"},
    whole | {"predict": "time.sleep(0.05) or answer(chance(orders))"},
    whole | {"predict": wait, "metrics": {"average_precision": 0.99}},
]
(rounded, slow, late), untouched, tags, moves = expect.beside(
    measured, versions, rows.assign(is_fraud=rows["is_fraud"].astype(int))
)
expect.close(
    rounded[1],
    average_precision_score(rows["is_fraud"], chance(rows).round(1)),
    tolerance=1e-6,
    what="average_precision of a version whose chances are rounded to tenths, on rows with the frauds first",
    why="orders with equal chances are one step of the curve: which of them stands first in the table must not matter",
    look_at="a ranking of your own, whose ties fall in the order of the rows",
)
expect.close(
    late[1],
    average_precision_score(rows["is_fraud"], chance(rows)),
    tolerance=1e-6,
    what="average_precision of a version whose run holds another value of that name",
    why="what a run holds was measured on other rows",
    look_at="metrics that are read from the run",
)
expect.true(
    slow[2] >= 0.05,
    got="less than that",
    expected="0.05 s or more",
    what="seconds of a version that takes 0.05 s for each call of predict",
    why="no call is shorter",
    look_at="what lies between your two looks at the clock",
)
expect.true(
    late[2] < BAR,
    got=f"more than {BAR} s",
    expected="what its third call takes, some 0.003 s",
    what="seconds of a version whose first two calls take 1 s each, and all others some 0.003 s",
    why="the shortest of three calls is asked for: what is slow once, or on a busy computer, is not the model",
    look_at="how many calls you time, and which of them you report",
)
expect.true(
    untouched,
    got="other rows",
    expected="the rows as they were",
    what="the rows after examine",
    why="the next version is judged on the same ones",
    look_at="columns that you add to rows or change",
)
expect.equal(
    [tags, moves],
    [[{}] * 3, [[]] * 3],
    what="the tags of the versions and the moves of aliases after examine",
    why="examine looks, and promote moves",
    look_at="what you write into the registry",
)
### END HIDDEN TESTS

# %% [markdown]
# ## 2. Champion, challenger, previous: `promote.py`
#
# Three aliases of the registered model mean something to others:
#
# - `champion`: the version that answers the shop. Whoever reads it, at whatever moment, must find a version that passed the gates. Once there is one, there is always one.
# - `challenger`: the version that scores each order beside it, unseen by customers. It has passed the gates, too.
# - `previous`: the version that a rollback restores. (A model without a champion has no `previous`.)
#
# **`promote(name, rows, margin)`** decides on one Monday. `margin` is a float, 0 or more.
#
# 1. *Candidates* are the versions with a higher number than the champion's; if there is no champion, all versions. A version that has a tag `rolled_back`, whatever its value, is no candidate: it has been in the shop.
# 2. The champion and each candidate go through `examine` of your `gates.py` on **these** rows; `promote` knows nothing else of a version. (Most checks of this part put a function that gives reports of their own in the place of `gates.examine`, so call it by name, as `examine(name, number, rows)`.) A candidate also fails the gate `fast` if its `seconds` are more than 10 times those of the champion. (Without a champion there is no such gate.)
# 3. Of the candidates that passed, the one with the highest average precision wins; of equal ones the lowest number. It becomes champion if its average precision is higher than the champion's by **more than** `margin`; if there is no champion, always.
#    The best of the others that passed (by the same order, whatever the margin) becomes `challenger`. If nobody is left for that, there is no alias `challenger` afterwards.
# 4. If the champion changes, the old one becomes `previous`, and **before** the new one becomes champion: whoever rolls back at that very moment must not land on a version from last year. If the champion stays, `previous` stays.
#
# It returns the decision as a dict. All numbers of versions are ints:
#
# | key | what |
# | --- | --- |
# | `before`, `after` | the champion's number before and after, or None |
# | `challenger` | its number afterwards, or None |
# | `failed` | {number: gate} for each candidate that did not become champion. Who passed all gates and did not become champion has failed `better` |
# | `average_precision` | {number: float} for the champion from before and each candidate that passed all gates |
#
# `promote` raises `RuntimeError`, and moves no alias, if the old champion itself fails a gate of part 1 on these rows (then nobody can say what better means, and somebody has to look), or if it finds, after the gates and before its first move, that `champion` is no longer
# where it was at the start: a colleague has moved it, and the comparison is void.
#
# **`rollback(name)`** takes the champion out: it moves `champion` to the version that `previous` names, puts a tag `rolled_back` (with any text) on the version that was taken out, and **after** the move it removes the alias `previous`: who is out must not come back by a second
# rollback, and if the first breaks off in the middle, the way back is still there. It leaves `challenger` alone and returns the number of the version that is champion now. If there is no `previous`, or if `previous` names the champion itself, it raises `LookupError` and changes nothing.
#
# Neither deletes a version, a run or a tag, or changes a tag that is there, but for `rolled_back`. You may put further tags on candidates, and nothing on other versions but `rolled_back`.

# %% answer="promote" file="promote.py"
"""Which version is the champion: promotion behind gates, and the way back."""

import mlflow
from gates import examine

SLOWER = 10  # times as slow as the champion


def promote(name, rows, margin):
    """Put the candidates of the model `name` through the gates on rows, and move the aliases.

    margin: how much more average precision the best candidate needs, a float, 0 or more.
    Returns the decision: a dict with before, after, challenger, failed, average_precision.
    Raises RuntimeError, and moves nothing, if the champion fails a gate or was moved by somebody else.
    """
    ### BEGIN SOLUTION
    client = mlflow.MlflowClient()
    before = alias(client, name, "champion")
    versions = client.search_model_versions(f"name = '{name}'")
    new = {int(version.version) for version in versions if "rolled_back" not in version.tags}
    reports = {number: examine(name, number, rows) for number in sorted(new) if number > (before or 0)}
    failed = {number: report["failed"] for number, report in reports.items() if report["failed"]}
    precision = {number: report["average_precision"] for number, report in reports.items()}
    if before is not None:
        champion = examine(name, before, rows)
        if champion["failed"]:
            raise RuntimeError(f"{name}: champion {before} fails the gate {champion['failed']}.")
        precision[before] = champion["average_precision"]
        for number in reports.keys() - failed.keys():
            if reports[number]["seconds"] > SLOWER * champion["seconds"]:
                failed[number] = "fast"
    passed = sorted(reports.keys() - failed.keys(), key=lambda number: (-precision[number], number))
    after = before
    if passed and (before is None or precision[passed[0]] - precision[before] > margin):
        after = passed[0]
    others = [number for number in passed if number != after]
    challenger = others[0] if others else None

    if alias(client, name, "champion") != before:
        raise RuntimeError(f"{name}: somebody has moved the champion from version {before}.")
    if after != before:
        if before is not None:
            client.set_registered_model_alias(name, "previous", str(before))
        client.set_registered_model_alias(name, "champion", str(after))
    if challenger is not None:
        client.set_registered_model_alias(name, "challenger", str(challenger))
    elif alias(client, name, "challenger") is not None:
        client.delete_registered_model_alias(name, "challenger")
    failed |= dict.fromkeys(others, "better")
    precision = {number: value for number, value in precision.items() if number == before or number in passed}
    return {
        "before": before,
        "after": after,
        "challenger": challenger,
        "failed": failed,
        "average_precision": precision,
    }


def alias(client, name, alias):
    """The number that an alias of the model names, or None."""
    number = client.get_registered_model(name).aliases.get(alias)
    return None if number is None else int(number)
    ### END SOLUTION


def rollback(name):
    """Make the version that `previous` names the champion again, for good.

    Returns its number. Raises LookupError, and changes nothing, if there is nothing to go back to.
    """
    ### BEGIN SOLUTION
    client = mlflow.MlflowClient()
    previous, champion = alias(client, name, "previous"), alias(client, name, "champion")
    if previous is None or previous == champion:
        raise LookupError(f"{name}: no previous champion to go back to.")
    client.set_model_version_tag(name, str(champion), "rolled_back", "true")
    client.set_registered_model_alias(name, "champion", str(previous))
    client.delete_registered_model_alias(name, "previous")
    return previous
    ### END SOLUTION


# %% test="decides" of="promote" points=3
import numpy as np
from grader import expect
from sklearn.metrics import average_precision_score

from tidewater.scorecards import chance, some_orders


def tried(versions, steps, aliases):
    from tidewater.trials import trial

    return trial(versions, steps, aliases)


def judge(step, what, aliases, look_at, failed, before):
    """No error, aliases after a step, and what its decision says."""
    expect.equal(
        step["error"],
        "",
        what=f"the error that promote raised: {what}",
        why="nothing stands in the way of a decision",
        look_at=look_at,
    )
    expect.equal(
        step["aliases"],
        aliases,
        what=f"the aliases after promote: {what}",
        why="the four rules give these",
        look_at=look_at,
    )
    said = step["returned"] if isinstance(step["returned"], dict) else {}
    expect.equal(
        [said.get(key, "no such key") for key in ("before", "after", "challenger")],
        [before, aliases.get("champion"), aliases.get("challenger")],
        what=f"before, after and challenger in the decision of promote: {what}",
        why="a colleague reads there what happened",
        look_at="these keys; numbers are ints, and who is not there is None",
    )
    expect.equal(
        said.get("failed", "no such key"),
        failed,
        what=f"failed in the decision of promote: {what}",
        why="each candidate that did not become champion has a gate that says why",
        look_at="this key; numbers are ints, and who passed all gates and did not win has failed better",
    )
    passed = [number for number, gate in failed.items() if gate == "better"]
    expect.equal(
        sorted(dict(said.get("average_precision", {}))),
        sorted({before, aliases.get("champion"), *passed} - {None}),
        what=f"the versions whose average_precision is in the decision of promote: {what}",
        why="these were compared: the champion from before, and each candidate that passed all gates, fast for one",
        look_at="the key average_precision",
    )


rows = some_orders(np.random.default_rng(7), 600, "2025-05-05", days=14)
best = {"predict": "answer(chance(orders))", "trained_until": "2025-05-04 23:10:00"}
fair = best | {"predict": "answer(chance(orders, ['attempts', 'device_known']))"}
silent = best | {"predict": "answer(chance(orders) * np.nan)"}
for step in expect.beside(tried, [fair, best, silent], [("promote", rows, 0.02)], {"champion": 1}):
    judge(
        step,
        "a fair champion 1, a better version 2, and a version 3 that answers NaN",
        {"champion": 2, "previous": 1},
        "which versions are candidates, and who wins among those that passed",
        {3: "answers"},
        1,
    )
### BEGIN HIDDEN TESTS
LITTLE = rows.iloc[:40]


def good(precision, seconds=0.01, **more):
    return {"report": {"failed": None, "average_precision": precision, "seconds": seconds}, **more}


def bad(gate, precision=None, **more):
    return {"report": {"failed": gate, "average_precision": precision, "seconds": None}, **more}


ROLLED = {"tags": {"rolled_back": ""}}
LOW, HIGH = {"metrics": {"average_precision": 0.1}}, {"metrics": {"average_precision": 0.9}}
CASES = [
    ("no champion yet; 1 ranks worse than chance, 2 is fair, 3 was trained on the rows, 4 is better and takes twenty times as long as 2",
     [bad("ranks", 0.05), good(0.4), bad("trained_before", 0.9), good(0.6, 0.2)], {}, 0.02, {"champion": 4, "challenger": 2},
     {1: "ranks", 2: "better", 3: "trained_before"}, "the first champion: it passes the gates of part 1, and there is nobody to be faster or better than"),
    ("no champion yet, and no version passes", [bad("ranks", 0.05), bad("answers")], {}, 0.0, {}, {1: "ranks", 2: "answers"},
     "what you do if nobody is left: nobody becomes champion by default"),
    ("champion 1, 2 answers NaN, 3 is better, 4 is better still and takes exactly 10 times as long as 1, 5 is worse, 6 was trained on the rows, and 7 is the best and takes 10.5 times as long",
     [good(0.4, 1 / 128), bad("answers", float("nan")), good(0.5), good(0.75, 10 / 128), good(0.3), bad("trained_before", 0.99), good(0.9, 10.5 / 128)],
     {"champion": 1, "challenger": 2}, 0.02, {"champion": 4, "previous": 1, "challenger": 3},
     {2: "answers", 3: "better", 5: "better", 6: "trained_before", 7: "fast"}, "the end of the loop over candidates, the gate fast, and the order of those that passed"),
    ("2 is better than the champion, by exactly the margin", [good(0.5), good(0.75)], {"champion": 1}, 0.25,
     {"champion": 1, "challenger": 2}, {2: "better"}, "what margin is compared with: a difference, not a share, and more than it is asked for"),
    ("champion 8, and 9 and 10 are better and equal", [good(0.9)] * 7 + [good(0.5), good(0.6), good(0.6)], {"champion": 8}, 0.02,
     {"champion": 9, "previous": 8, "challenger": 10}, {10: "better"}, "numbers of versions that are compared or sorted as texts, and ties"),
    ("2 is worse than the champion, but the runs' own metrics say the opposite", [good(0.8, **LOW), good(0.5, **HIGH)], {"champion": 1}, 0.02,
     {"champion": 1, "challenger": 2}, {2: "better"}, "whether both numbers are measured now, on the same rows"),
    ("2 is the champion, 1 is better than it, 3 as well; 4 is the best, and was rolled back", [good(0.7), good(0.5), good(0.6), good(0.9, **ROLLED)],
     {"champion": 2, "previous": 1}, 0.02, {"champion": 3, "previous": 2}, {}, "which versions are candidates: a tag rolled_back counts whatever its value, the empty text too"),
    ("the champion 2 is the newest, and challenger too", [good(0.5), good(0.4)], {"champion": 2, "challenger": 2, "previous": 1}, 0.02,
     {"champion": 2, "previous": 1}, {}, "a champion that is compared with itself, and aliases that stay from before"),
]  # fmt: skip
for what, versions, aliases, margin, right, failed, look_at in CASES:
    (step,) = expect.beside(tried, versions, [("promote", LITTLE, margin)], aliases)
    judge(step, what, right, look_at, failed, aliases.get("champion"))
steps = [("promote", LITTLE, 0.02), ("put", good(0.4)), ("promote", LITTLE, 0.02)]
*_, step = expect.beside(tried, [good(0.5), good(0.8)], steps, {"champion": 1})
judge(step, "a second time, a week later, with a worse version 3", {"champion": 2, "previous": 1, "challenger": 3},
      "previous, which stays while the champion stays", {3: "better"}, 2)  # fmt: skip
# The same once more with models, on hidden rows. Over 250 seeds: fair has 4.2 times the share of fraud (standard deviation
# 0.5, at least 3.2; the gate asks for 2); best has 0.31 more average precision (0.04, at least 0.20) than fair.
rows = some_orders(expect.rng(), 600, "2025-05-05 09:30:00", days=14)
swapped = best | {"predict": "answer(1 - chance(orders))"}
leaky = best | {"trained_until": "2025-05-12 00:00:00"}
(step,) = expect.beside(tried, [swapped, fair, best, leaky], [("promote", rows, 0.02)], {"champion": 2})
judge(step, "a fair champion 2, a better version 3, and 4 was trained on the rows", {"champion": 3, "previous": 2},
      "what you hand to examine", {4: "trained_before"}, 2)  # fmt: skip
expect.close(
    [dict(step["returned"]["average_precision"]).get(number, -1.0) for number in (2, 3)],
    [
        average_precision_score(rows["is_fraud"], p)
        for p in (chance(rows, ["attempts", "device_known"]), chance(rows))
    ],
    tolerance=1e-6,
    what="average_precision in the decision, of the old champion 2 and the new one 3",
    why="they are what the two were compared by",
    look_at="the key average_precision",
)
### END HIDDEN TESTS

# %% test="never_a_moment" of="promote" points=2
import numpy as np
from grader import expect

from tidewater.scorecards import some_orders


def tried(versions, steps, aliases):
    from tidewater.trials import trial

    return trial(versions, steps, aliases)


def good(precision, **more):
    return {"report": {"failed": None, "average_precision": precision, "seconds": 0.01}, **more}


def bad(gate, precision=None, **more):
    return {"report": {"failed": gate, "average_precision": precision, "seconds": None}, **more}


rows = some_orders(np.random.default_rng(7), 40, "2025-05-05", days=14)
(step,) = expect.beside(
    tried, [good(0.5), good(0.8), bad("answers")], [("promote", rows, 0.02)], {"champion": 1}
)
expect.equal(
    [number for alias, number in step["moves"] if alias == "champion"],
    [2],
    what="the moves of champion in promote, with a better version 2 and a version 3 that answers NaN",
    why="the shop may read the alias at any moment, so it moves once, to the one that won",
    look_at="moves before the gates, and moves that are taken back",
)
### BEGIN HIDDEN TESTS
TAGS = [{"team": "payments", "approved": "no"}, {"team": "risk"}, {"ticket": "118"}, {}, {"approved": "yes"}]
versions = [good(0.4), good(0.5), bad("trained_before", 0.99), good(0.7), bad("answers")]
versions = [one | {"tags": tags} for one, tags in zip(versions, TAGS, strict=True)]
(step,) = expect.beside(
    tried, versions, [("promote", rows, 0.02)], {"champion": 1, "challenger": 3, "previous": 5}
)
moves = [tuple(move) for move in step["moves"]]
expect.equal(
    [number for alias, number in moves if alias == "champion"],
    [4],
    what="the moves of champion, with five versions of which two pass and are better",
    why="the shop may read the alias at any moment, so it moves once, from one good version to the next",
    look_at="moves inside the loop over candidates, and an alias that is removed before it is set",
)
expect.true(
    {number for alias, number in moves if alias == "challenger"} <= {None, 2, 4},
    got="another version, too",
    expected="a version that passed the gates, or none",
    what="the moves of challenger, with five versions of which two pass",
    why="whoever is challenger scores each order of the shop, so it has passed the gates before",
    look_at="a challenger that is named before it is examined",
)
expect.true(
    ("previous", 1) in moves and moves.index(("previous", 1)) < moves.index(("champion", 4)),
    got="previous after champion",
    expected="previous before champion",
    what="the order of the moves in promote",
    why="a rollback at the moment between the two goes to where previous is then",
    look_at="the order in which you set the two",
)
expect.equal(
    [{key: step["tags"].get(number, {}).get(key) for key in tags} for number, tags in enumerate(TAGS, 1)],
    TAGS,
    what="the tags that the five versions had before promote",
    why="nothing of the registry's memory is deleted or changed",
    look_at="what you write besides aliases, and versions that you delete",
)
expect.equal(
    step["tags"].get(1),
    TAGS[0],
    what="all tags of the old champion after promote",
    why="its record belongs to those who approved it; a candidate may get tags, the old champion none",
    look_at="set_model_version_tag on other versions than candidates",
)
CASES = [
    ("a colleague makes 2 the champion while 3, the best, is examined", [good(0.4), good(0.5), good(0.8, meanwhile={"champion": 2})],
     {"champion": 1, "previous": 2}, {("champion", 2)}, "whether you look at the alias again between the gates and the first move"),
    ("a colleague makes 1 the first champion while 2 is examined", [good(0.4), good(0.8, meanwhile={"champion": 1})],
     {}, {("champion", 1)}, "the second look at the alias where there was none at first"),
    ("a colleague makes 2 the champion while 3 is examined, and nobody is better by the margin",
     [good(0.8), good(0.5), good(0.8, meanwhile={"champion": 2})], {"champion": 1}, {("champion", 2)}, "the second look at the alias, also where champion would stay"),
    ("the champion 1 answers NaN, 2 is good", [bad("answers", float("nan")), good(0.5)], {"champion": 1}, set(),
     "comparisons with a number that is not there: is everybody better than NaN, or nobody?"),
]  # fmt: skip
for what, versions, aliases, right, look_at in CASES:
    (step,) = expect.beside(tried, versions, [("promote", rows, 0.02)], aliases)
    expect.equal(
        sorted({str(tuple(move)) for move in step["moves"]} - {str(move) for move in right}),
        [],
        what=f"the aliases that promote moved itself: {what}",
        why="the comparison is void, so nothing may follow from it",
        look_at=look_at,
    )
    expect.equal(
        step["error"] or "none",
        "RuntimeError",
        what=f"the error that promote raised: {what}",
        why="somebody has to hear of it",
        look_at=look_at,
    )
### END HIDDEN TESTS

# %% test="way_back" of="promote" points=2
import numpy as np
from grader import expect

from tidewater.scorecards import some_orders


def tried(versions, steps, aliases):
    from tidewater.trials import trial

    return trial(versions, steps, aliases)


def back_to(step, what, returned, error, aliases, versions, look_at):
    """What rollback did: its error, what it returned, the aliases, and the versions that are there."""
    for kind, got, right, why in [
        ("error of", step["error"] or "none", error or "none", "LookupError, and only that, says that there is no way back"),
        ("aliases after", step["aliases"], aliases, "the version from before answers the shop again, or nothing changes"),
        ("versions after", sorted(map(int, step["tags"])), versions, "the bad one is still there for whoever has to find out what went wrong"),
        ("value returned by", step["returned"], returned, "whoever calls it reads who is champion now"),
    ]:  # fmt: skip
        expect.equal(got, right, what=f"the {kind} rollback, {what}", why=why, look_at=look_at)


def good(precision, **more):
    return {"report": {"failed": None, "average_precision": precision, "seconds": 0.01}, **more}


for step in expect.beside(tried, [good(0.4), good(0.5)], [("rollback",)], {"champion": 2, "previous": 1}):
    back_to(step, "from champion 2 and previous 1", 1, "", {"champion": 1}, [1, 2],
            "what you move, what you remove, and what you return")  # fmt: skip
### BEGIN HIDDEN TESTS
rows = some_orders(expect.rng(), 40, "2025-05-05 09:30:00", days=14)
swapped = {"report": {"failed": "ranks", "average_precision": 0.05, "seconds": 0.01}}
week, back = ("promote", rows, 0.02), ("rollback",)
fair, top = good(0.4, tags={"team": "risk"}), good(0.8, tags={"ticket": "118"})
steps = [week, ("put", swapped), ("put", top), week, back, back, week, ("put", good(0.5)), week, back]
_, _, _, up, down, again, next_week, _, later, last = expect.beside(tried, [fair], steps, {})
expect.equal(
    up["aliases"],
    {"champion": 3, "previous": 1},
    what="the aliases after promote puts version 3 over champion 1; version 2 did not pass",
    why="a rollback reads there where to go",
    look_at="previous in promote",
)
back_to(down, "from champion 3 to 1, with a version 2 between them that never passed", 1, "", {"champion": 1}, [1, 2, 3],
        "where you take the number of the version to go back to from, and what you delete")  # fmt: skip
expect.equal(
    [tuple(move) for move in down["moves"]],
    [("champion", 1), ("previous", None)],
    what="the moves of aliases in this rollback, in their order",
    why="the shop always finds a champion, and a rollback that breaks off in the middle can be called again",
    look_at="an alias that is removed before it is set, and when previous goes",
)
tags = {number: dict(tags) for number, tags in down["tags"].items()}
expect.equal(
    [
        "rolled_back" in tags.get(3, {}),
        tags.get(3, {}).get("ticket"),
        tags.get(1, {}).get("team"),
        "rolled_back" in tags.get(1, {}),
        "rolled_back" in tags.get(2, {}),
    ],
    [True, "118", "risk", False, False],
    what="the tags after this rollback: rolled_back and ticket of version 3, team and rolled_back of version 1, rolled_back of version 2",
    why="the version that was taken out, and only that one, carries rolled_back; the other tags stay",
    look_at="set_model_version_tag: which version, and whether it is there at all",
)
expect.equal(
    down["deleted_runs"],
    0,
    what="the number of deleted runs after this rollback",
    why="the run of a bad version says on what it was trained",
    look_at="what you delete",
)
back_to(again, "called a second time", None, "LookupError", {"champion": 1}, [1, 2, 3],
        "the alias previous after a rollback, and rollback without it")  # fmt: skip
expect.equal(
    again["moves"],
    [],
    what="the moves of aliases in this second rollback",
    why="the bad one must not come back by an impatient second click, not for a moment",
    look_at="what you do before you know where to go",
)
expect.equal(
    next_week["aliases"],
    {"champion": 1},
    what="the aliases after promote on the Monday after the rollback",
    why="version 3 was taken out of the shop and still has the best number; that number is what did not show the fault",
    look_at="the candidates of promote, and what tells it that a version was rolled back",
)
expect.equal(
    later["aliases"],
    {"champion": 4, "previous": 1},
    what="the aliases after a later promotion of version 4 over champion 1",
    why="the next promotion can be rolled back like the first",
    look_at="whatever remains of an earlier rollback",
)
back_to(last, "after this later promotion", 1, "", {"champion": 1}, [1, 2, 3, 4],
        "whatever remains of an earlier rollback")  # fmt: skip
for what, aliases in [
    ("a champion and no previous", {"champion": 2}),
    ("previous on the champion itself", {"champion": 2, "previous": 2}),
]:
    (step,) = expect.beside(tried, [fair, fair], [back], aliases)
    back_to(
        step, f"with {what}", None, "LookupError", aliases, [1, 2], "what you do before you know where to go"
    )
    expect.equal(
        [dict(step["tags"].get(number, {})) for number in (1, 2)],
        [{"team": "risk"}] * 2,
        what=f"the tags of both versions after rollback, with {what}",
        why="nobody was taken out",
        look_at="what you do before you know where to go",
    )
(step,) = expect.beside(tried, [fair, swapped, fair], [back], {"champion": 3, "previous": 1, "challenger": 2})
expect.equal(
    step["aliases"],
    {"champion": 1, "challenger": 2},
    what="the aliases after rollback from champion 3 to previous 1, with a challenger 2",
    why="rollback leaves challenger alone",
    look_at="other aliases than champion and previous",
)
### END HIDDEN TESTS

# %% [markdown]
# Before part 3: your two files as modules, and a name for rows.

# %%
import hashlib

for module in ("clock", "pipeline", "gates", "promote"):
    sys.modules.pop(module, None)  # Python keeps a file that it has imported, even if the file has changed
import gates
import promote


def rows_hash(rows):
    """SHA-256 of the content of rows, whatever their order and index are."""
    table = rows.sort_values("order_id")[["order_id", "is_fraud", *gates.SENT]].astype({"is_fraud": "int64"})
    return hashlib.sha256(table.to_csv(index=False).encode()).hexdigest()


# %% [markdown]
# ## 3. The record of a Monday
#
# In July somebody asks why version 3 was refused on 5 May. The aliases have forgotten it. So each Monday leaves one MLflow run, also the Monday on which nothing moved, and the one that broke off.
#
# Write `monday(name, rows, margin)`: it calls `promote` and returns its decision. It leaves **one** run in the current experiment that holds, as MLflow's texts:
#
# | in the run | what |
# | --- | --- |
# | params | `model` (the name), `margin`, `rows` (their count), `rows_from` and `rows_until` (the first and the last `placed_at`, as `str` gives them), `rows_sha256` (`rows_hash` is given); and `champion_before` and `champion_after`: number or `None` |
# | metrics | `average_precision.N` for each version N of the decision's `average_precision` |
# | artefacts | `gates.py` and `promote.py` of the current folder: the code that decided |
# | tags | `failed.N` for each version N of the decision's `failed`: the gate |
#
# If `promote` raises, the caller gets the same exception, and the run stays: with the status `FAILED`, and with `model`, `margin` and the four params about rows, which were known before.


# %% answer="monday"
def monday(name, rows, margin):
    """One Monday of the model `name`: promote, and one run that says who was compared, on which rows, and who failed where.

    rows, margin: as for promote. Returns the decision of promote; raises what promote raises.
    """
    ### BEGIN SOLUTION
    with mlflow.start_run(run_name=f"monday-{name}"):
        mlflow.log_params(
            {"model": name, "margin": margin, "rows": len(rows), "rows_sha256": rows_hash(rows)}
        )
        mlflow.log_params({"rows_from": rows["placed_at"].min(), "rows_until": rows["placed_at"].max()})
        mlflow.log_artifact("gates.py")
        mlflow.log_artifact("promote.py")
        decision = promote.promote(name, rows, margin)
        mlflow.log_params({"champion_before": decision["before"], "champion_after": decision["after"]})
        precision = decision["average_precision"].items()
        mlflow.log_metrics({f"average_precision.{number}": value for number, value in precision})
        mlflow.set_tags({f"failed.{n}": gate for n, gate in decision["failed"].items()})
    return decision
    ### END SOLUTION


# %% [markdown]
# Now two versions of the real thing, in this notebook's store: a scorecard by hand, and your pipeline trained on everything there is, "since more data is better". The rows are the weeks from 14 April on: 26 frauds among 2,856 orders. What does your Monday say? Once you are
# through: register the pipeline once more, trained on `orders[orders["placed_at"] < "2025-04-14"]`, and call `monday` again.

# %%
import pipeline

weeks = orders[orders["placed_at"] >= "2025-04-14"]


def fit_and_register(name, training):
    """One version of `name` from the learner's own pipeline, with what its gates ask for. Returns its number."""
    model = pipeline.fraud_pipeline().fit(gates.sent(training), training["is_fraud"])
    with mlflow.start_run(run_name="fraud-pipeline") as run:
        mlflow.log_param("trained_until", training["placed_at"].max())
        logged = mlflow.sklearn.log_model(
            model,
            name="model",
            signature=infer_signature(gates.sent(training).head(50)),
            pip_requirements=["scikit-learn"],
            code_paths=["clock.py", "pipeline.py"],
            pyfunc_predict_fn="predict_proba",
            serialization_format="cloudpickle",
        )
    version = mlflow.MlflowClient().create_model_version(name, logged.model_uri, run.info.run_id)
    return int(version.version)


put_version("tidewater-fraud", GOOD["predict"], trained_until="2025-04-13 23:59:59")
fit_and_register("tidewater-fraud", orders)
monday("tidewater-fraud", weeks, margin=0.02)

# %% [markdown]
# `mle ui` shows it in MLflow's page: the run under *Experiments*, `registry`; the versions with their aliases under *Models*, `tidewater-fraud`. In part 1 and 2 a gate was a test; here you see what it is for.

# %% test="recorded" of="monday" points=2
import hashlib

import numpy as np
from grader import expect
from sklearn.metrics import average_precision_score

from tidewater.scorecards import NUMBERS, WORDS, chance, some_orders


def put(name, predicts, champion):
    """Versions of a model in the notebook's own store; the first may be champion."""
    import mlflow

    from tidewater.scorecards import put_version

    for predict in predicts:
        put_version(name, predict, trained_until="2025-05-04 23:10:00")
    if champion:
        mlflow.MlflowClient().set_registered_model_alias(name, "champion", "1")


def rows_params(rows):
    table = rows.sort_values("order_id")[["order_id", "is_fraud", *NUMBERS, *WORDS, "placed_at"]]
    text = table.astype({"is_fraud": "int64"}).to_csv(index=False)
    params = {"rows": len(rows), "rows_from": rows["placed_at"].min(), "rows_until": rows["placed_at"].max()}
    return params | {"rows_sha256": hashlib.sha256(text.encode()).hexdigest()}


BEST, FAIR = "answer(chance(orders))", "answer(chance(orders, ['attempts', 'device_known']))"
SILENT = "answer(chance(orders) * np.nan)"
run = expect.run(
    params={"model": "tidewater-fraud", "margin": 0.02},
    what="the run of monday('tidewater-fraud', weeks, margin=0.02)",
    why="whoever asks in July why a version was refused finds it there",
    look_at="mlflow.start_run in monday, and its params",
)
expect.true(
    "trained_before" in run.tags.values(),
    got="no such tag",
    expected="a tag failed.N with the gate trained_before",
    what="the tags of this run",
    why="the version that was trained on everything there is has seen the weeks it is judged on",
    look_at="failed in the decision",
)
### BEGIN HIDDEN TESTS
rows = some_orders(expect.rng(), 600, "2025-05-05 09:30:00", days=14)
name = f"door-{expect.seed() % 10**6}"
precision = {"fair": average_precision_score(rows["is_fraud"], chance(rows, ["attempts", "device_known"]))}
precision["best"] = average_precision_score(rows["is_fraud"], chance(rows))
what = "the run of the first Monday: no champion yet, version 1 is good, and version 2 answers NaN"
expect.beside(put, name, [BEST, SILENT], False)
decision = monday(name, rows, 0.0475)
expect.equal(
    {key: decision[key] for key in ("before", "after", "challenger", "failed")},
    {"before": None, "after": 1, "challenger": None, "failed": {2: "answers"}},
    what="the decision that monday returned without a champion, with a good version 1, and a version 2 that answers NaN",
    why="it is promote's",
    look_at="what monday returns",
)


def judged(run, precision, failed):
    """The metrics and tags of a Monday's run are these and no others of their names."""
    for number, value in precision.items():
        expect.close(
            run.metrics.get(f"average_precision.{number}", -1.0),
            value,
            tolerance=1e-6,
            what=f"average_precision.{number} in {what}",
            why="it is what the decision rests on",
            look_at="the metrics: the champion's, too",
        )
    expect.equal(
        {key: gate for key, gate in run.tags.items() if key.startswith("failed.")},
        failed,
        what=f"the tags failed.N of {what}",
        why="each candidate that did not become champion has its gate",
        look_at="the tags",
    )


run = expect.run(
    params={"model": name, "margin": 0.0475, "champion_before": "None", "champion_after": 1}
    | rows_params(rows),
    what=f"the params of {what}",
    why="it says who was compared, on which rows",
    look_at="the params of the table",
)
judged(run, {1: precision["best"]}, {"failed.2": "answers"})
for file in ("gates.py", "promote.py"):
    run = expect.run(
        params={"model": name},
        what=f"the artefact {file} of {what}",
        why="rules change, and a decision is read beside the rules of its day",
        look_at="mlflow.log_artifact, for both files",
    )
    expect.equal(
        run.artifact(file),
        expect.file(file, what=file, why="parts 1 and 2 deliver it", look_at="the cell that writes it"),
        what=f"the artefact {file} of {what}",
        why="rules change, and a decision is read beside the rules of its day",
        look_at="mlflow.log_artifact: which file, and into which folder of the run",
    )
what = "the run of the Monday after, on which the champion stayed, with a fair version 3"
expect.beside(put, name, [FAIR], False)
monday(name, rows, 0.0475)
run = expect.run(
    params={"model": name, "margin": 0.0475, "champion_before": 1, "champion_after": 1} | rows_params(rows),
    what=f"the params of {what}",
    why="that a version was refused is a decision, too",
    look_at="when you open the run",
)
judged(run, {1: precision["best"], 3: precision["fair"]}, {"failed.2": "answers", "failed.3": "better"})
models = expect.registered(
    name, what="the registry after two Mondays", why="monday calls promote", look_at="promote in monday"
)
expect.equal(
    models.aliases,
    {"champion": 1, "challenger": 3},
    what="the aliases after two Mondays, with a good version 1, version 2 that answers NaN, and a fair version 3",
    why="monday calls promote, once",
    look_at="promote in monday",
)


def newest(name):
    """Number of the runs that are about this model, status and params of the newest."""
    import os

    import mlflow

    runs = mlflow.MlflowClient().search_runs(
        [os.environ["MLFLOW_EXPERIMENT_ID"]], f"params.model = '{name}'", max_results=5
    )
    return [len(runs), runs[0].info.status, dict(runs[0].data.params)] if runs else [0, "no run", {}]


def broken_off(monday, name, rows):
    """Whether the exception that promote.promote raises is the one that leaves monday; also if monday calls another."""
    import promote

    problem, calls, written = KeyError("corridor"), [], promote.promote

    def breaks_off(*_, **__):
        calls.append(1)
        raise problem

    promote.promote = breaks_off
    try:
        monday(name, rows, 0.0475)
    except Exception as caught:
        return not calls or caught is problem
    finally:
        promote.promote = written
    return not calls


expect.beside(put, name + "-broken", [SILENT], True)
expect.raises(
    RuntimeError,
    monday,
    name + "-broken",
    rows,
    0.0475,
    what="monday with a champion that answers NaN",
    why="the caller, which is the scheduler, has to hear of it",
    look_at="an except that keeps the exception",
)
count, status, params = expect.beside(newest, name + "-broken")
known = {key: str(value) for key, value in rows_params(rows).items()}
known |= {"model": name + "-broken", "margin": "0.0475"}
for part, got, right, look_at in [
    ("number of runs", count, 1, "whether the run is begun before promote is called, and once"),
    ("status of the run", status, "FAILED", "what ends the run if promote raises"),
    (
        "params of the run",
        {key: params.get(key) for key in known},
        known,
        "what is logged before promote is called",
    ),
]:
    expect.equal(
        got,
        right,
        what=f"the {part} of a Monday whose champion answers NaN",
        why="the Mondays that broke off are those that somebody asks about",
        look_at=look_at,
    )
expect.true(
    expect.beside(broken_off, monday, name, rows),
    got="another exception, or none",
    expected="the KeyError of promote itself",
    what="what monday raises where promote raises a KeyError",
    why="the scheduler and whoever mends it read there what happened",
    look_at="an except that makes another exception, or catches some kinds only",
)
### END HIDDEN TESTS


# %% wrong="exception_passes" of="gates" caught_by="poisoned" edits="reference"
# Takes a gate that could not be looked at for one that was passed.
# -             passed = False
# +             passed = True


# %% wrong="the_same_moment" of="gates" caught_by="poisoned" edits="reference"
# Lets a version through that was trained until the very moment of the first order: that order may be in both.
# -         return ":" in text and pd.Timestamp(text) < rows["placed_at"].min()
# +         return ":" in text and pd.Timestamp(text) <= rows["placed_at"].min()


# %% wrong="not_later_is_before" of="gates" caught_by="poisoned" edits="reference"
# Asks whether the moment is too late: for NaT every comparison is False, so no moment at all passes.
# -         return ":" in text and pd.Timestamp(text) < rows["placed_at"].min()
# +         return not (text.isdigit() or len(text) == 10 or pd.Timestamp(text) >= rows["placed_at"].min())


# %% wrong="the_day_at_midnight" of="gates" caught_by="poisoned" edits="reference"
# Reads a day without a time as its midnight: the orders of that day may have been used, all of them.
# -         return ":" in text and pd.Timestamp(text) < rows["placed_at"].min()
# +         return pd.Timestamp(text) < rows["placed_at"].min()


# %% wrong="offset_dropped" of="gates" caught_by="poisoned" edits="reference"
# Drops the offset of a moment in place of reckoning with it: 23:10 twelve hours behind UTC is the next morning.
# -         return ":" in text and pd.Timestamp(text) < rows["placed_at"].min()
# +         return ":" in text and pd.Timestamp(text).tz_localize(None) < rows["placed_at"].min()


# %% wrong="unread_signature" of="gates" caught_by="poisoned" edits="reference"
# Ignores the signature: a model without one takes whatever it gets, until the columns change.
# -         return set(model().metadata.signature.inputs.required_input_names()) <= set(SENT)
# +         return True


# %% wrong="columns_of_the_table" of="gates" caught_by="poisoned" edits="reference"
# Hands the whole table to the model: one that needs the label or the number of the order works here and nowhere else.
# -     client, inputs = mlflow.MlflowClient(), sent(rows)
# +     client, inputs = mlflow.MlflowClient(), rows.astype(dict.fromkeys(NUMBERS, "float64"))
# +     inputs["is_fraud"], inputs["order_id"] = inputs["is_fraud"].astype(float), inputs["order_id"].astype(float)
#
# -         return set(model().metadata.signature.inputs.required_input_names()) <= set(SENT)
# +         return set(model().metadata.signature.inputs.required_input_names()) <= set(inputs)


# %% wrong="second_column_alone" of="gates" caught_by="poisoned" edits="reference"
# Looks at the chances of fraud alone: the other column reaches the shop, too.
# -         if chances.shape != (len(rows), 2) or not ((chances >= 0) & (chances <= 1)).all():
# +         if chances.shape != (len(rows), 2) or not ((chances[:, 1] >= 0) & (chances[:, 1] <= 1)).all():


# %% wrong="constant_is_enough" of="gates" caught_by="poisoned" edits="reference"
# Asks for the share of fraud itself, which a constant reaches.
# -         return report["average_precision"] >= 2 * rows["is_fraud"].mean()
# +         return report["average_precision"] >= rows["is_fraud"].mean()


# %% wrong="ties_by_place" of="gates" caught_by="measured" edits="reference"
# Ranks by a sort of its own: orders with equal chances stand as the table has them, and here the frauds come first.
# -         report["average_precision"] = float(average_precision_score(rows["is_fraud"], chances[:, 1]))
# +         hits = rows["is_fraud"].to_numpy(dtype=float)[np.argsort(-chances[:, 1], kind="stable")]
# +         share = np.cumsum(hits) / np.arange(1, len(hits) + 1)
# +         report["average_precision"] = float((share * hits).sum() / hits.sum())


# %% wrong="median_of_the_calls" of="gates" caught_by="measured" edits="reference"
# Takes the median of the calls: two slow ones, on a busy computer, make a fast model slow.
# -         report["seconds"] = min(seconds)
# +         report["seconds"] = sorted(seconds)[1]


# %% wrong="written_beside" of="gates" caught_by="measured" edits="reference"
# Writes the chances into the caller's table.
# -         report["seconds"] = min(seconds)
# +         report["seconds"] = min(seconds)
# +         rows["chance"] = chances[:, 1]


# %% also="with_model_info" of="gates"
"""The gates that one version has to pass, as a list of questions."""

from time import perf_counter

import mlflow
import numpy as np
import pandas as pd
from mlflow.models import get_model_info
from sklearn.metrics import precision_recall_curve

NUMBERS = ["amount", "items", "attempts", "address_age_days", "device_known", "orders_7d", "orders_30d"]
NUMBERS += ["hours_since_last", "mean_amount_30d", "customer_chargebacks", "corridor_ripe", "corridor_frauds"]
WORDS = ["channel", "device", "ship_country", "card_country", "product_category", "corridor", "product_title"]
SENT = [*NUMBERS, *WORDS, "placed_at"]


def sent(rows):
    return rows[SENT].astype(dict.fromkeys(NUMBERS, "float64"))


def first_failure(name, version, rows, numbers):
    registered = mlflow.MlflowClient().get_model_version(name, version)
    try:
        text = mlflow.get_run(registered.run_id).data.params["trained_until"]
        moment = pd.to_datetime(text, format="ISO8601")
        on_time = text[10:] != "" and bool((rows["placed_at"] > moment).all())
    except Exception:
        on_time = False
    if not on_time:
        return "trained_before"
    uri = f"models:/{name}/{version}"
    try:
        signature = get_model_info(uri).signature
        needed = [column.name for column in signature.inputs.inputs if column.required]
    except Exception:
        return "signature"
    if any(column not in SENT for column in needed):
        return "signature"
    try:
        loaded = mlflow.pyfunc.load_model(uri)
        calls = []
        for _ in range(4):
            start = perf_counter()
            p = loaded.predict(sent(rows.reset_index(drop=True)))
            calls.append(perf_counter() - start)
        p = np.array(p, dtype="float64")
        low, high = p.min(), p.max()
    except Exception:
        return "answers"
    if p.ndim != 2 or p.shape[0] != len(rows) or p.shape[1] != 2 or np.isnan(p).any() or low < 0 or high > 1:
        return "answers"
    precision, recall, _ = precision_recall_curve(rows["is_fraud"].astype(int), p[:, 1])
    numbers |= {
        "average_precision": -np.sum(np.diff(recall) * precision[:-1]),
        "seconds": np.float64(min(calls)),
    }
    return None if numbers["average_precision"] >= 2 * np.mean(rows["is_fraud"]) else "ranks"


def examine(name, version, rows):
    numbers = {"average_precision": float("nan"), "seconds": float("nan"), "version": version}
    return {"failed": first_failure(name, str(version), rows, numbers), **numbers}


# %% also="loaded_by_its_source" of="gates" edits="reference"
# -         return mlflow.pyfunc.load_model(f"models:/{name}/{version}")
# +         return mlflow.pyfunc.load_model(client.get_model_version_download_uri(name, version))
#
# -         text = run.data.params["trained_until"]
# -         return ":" in text and pd.Timestamp(text) < rows["placed_at"].min()
# +         moment = pd.Timestamp(run.data.params["trained_until"])
# +         if len(run.data.params["trained_until"]) <= len("2025-05-04"):
# +             return False
# +         moment = moment.tz_convert("UTC").tz_localize(None) if moment.tzinfo else moment
# +         return moment < rows["placed_at"].min()
#
# -         for _ in range(3):
# +         predict(inputs)
# +         for _ in range(5):
#
# -         if chances.shape != (len(rows), 2) or not ((chances >= 0) & (chances <= 1)).all():
# +         if chances.shape != (len(rows), 2) or not chances.min() >= 0 or not chances.max() <= 1:


# %% wrong="tried_in_the_shop" of="promote" caught_by="never_a_moment" edits="reference"
# Moves the alias to each candidate while it is examined, and back: for seconds the shop is answered by a model that nobody has looked at.
# -     reports = {number: examine(name, number, rows) for number in sorted(new) if number > (before or 0)}
# +     reports = {}
# +     for number in sorted(new):
# +         if number > (before or 0):
# +             client.set_registered_model_alias(name, "champion", str(number))
# +             reports[number] = examine(name, number, rows)
# +             client.delete_registered_model_alias(name, "champion")
# +             if before:
# +                 client.set_registered_model_alias(name, "champion", str(before))


# %% wrong="stops_at_the_first_failure" of="promote" caught_by="decides" edits="reference"
# Ends the loop at the first version that fails: the good ones behind it are never looked at.
# -     reports = {number: examine(name, number, rows) for number in sorted(new) if number > (before or 0)}
# +     reports = {}
# +     for number in sorted(new):
# +         if number > (before or 0):
# +             reports[number] = examine(name, number, rows)
# +             if reports[number]["failed"]:
# +                 break


# %% wrong="tie_promotes" of="promote" caught_by="decides" edits="reference"
# Lets a tie promote.
# -     if passed and (before is None or precision[passed[0]] - precision[before] > margin):
# +     if passed and (before is None or precision[passed[0]] - precision[before] >= margin):


# %% wrong="numbers_as_texts" of="promote" caught_by="decides" edits="reference"
# Compares the numbers of versions as texts: "10" comes before "8".
# -     reports = {number: examine(name, number, rows) for number in sorted(new) if number > (before or 0)}
# +     reports = {number: examine(name, number, rows) for number in sorted(new) if str(number) > str(before or 0)}


# %% wrong="at_ten_times" of="promote" caught_by="decides" edits="reference"
# Fails who takes exactly ten times as long, not only who takes longer.
# -             if reports[number]["seconds"] > SLOWER * champion["seconds"]:
# +             if reports[number]["seconds"] >= SLOWER * champion["seconds"]:


# %% wrong="slow_ones_listed" of="promote" caught_by="decides" edits="reference"
# Lists whoever passed the gates of part 1 among the compared, also who was too slow to be compared.
# -     precision = {number: value for number, value in precision.items() if number == before or number in passed}
# +     slow = {number for number, gate in failed.items() if gate == "fast"}
# +     compared = {before, *passed, *slow}
# +     precision = {number: value for number, value in precision.items() if number in compared}


# %% wrong="back_on_monday" of="promote" caught_by="decides way_back" edits="reference"
# Forgets what was rolled back: the next Monday puts the bad version back into the shop.
# -     new = {int(version.version) for version in versions if "rolled_back" not in version.tags}
# +     new = {int(version.version) for version in versions}


# %% wrong="previous_each_week" of="promote" caught_by="decides" edits="reference"
# Writes previous each week: after a week without a change it names the champion itself.
# -     if after != before:
# -         if before is not None:
# -             client.set_registered_model_alias(name, "previous", str(before))
# -         client.set_registered_model_alias(name, "champion", str(after))
# +     if before is not None:
# +         client.set_registered_model_alias(name, "previous", str(before))
# +     if after != before:
# +         client.set_registered_model_alias(name, "champion", str(after))


# %% wrong="previous_afterwards" of="promote" caught_by="never_a_moment" edits="reference"
# Moves champion first and previous afterwards: a rollback between the two lands on a version from before.
# -         if before is not None:
# -             client.set_registered_model_alias(name, "previous", str(before))
# -         client.set_registered_model_alias(name, "champion", str(after))
# +         client.set_registered_model_alias(name, "champion", str(after))
# +         if before is not None:
# +             client.set_registered_model_alias(name, "previous", str(before))


# %% wrong="looked_once" of="promote" caught_by="never_a_moment" edits="reference"
# Looks at the alias once, at the start: what a colleague did meanwhile is undone without a word.
# -     if alias(client, name, "champion") != before:
# -         raise RuntimeError(f"{name}: somebody has moved the champion from version {before}.")


# %% wrong="broken_champion_is_zero" of="promote" caught_by="never_a_moment" edits="reference"
# Counts a champion that cannot be judged as 0: everybody is better, and nobody hears that the shop is without answers.
# -         if champion["failed"]:
# -             raise RuntimeError(f"{name}: champion {before} fails the gate {champion['failed']}.")
# -         precision[before] = champion["average_precision"]
# +         precision[before] = 0.0 if champion["failed"] else champion["average_precision"]
#
# -             if reports[number]["seconds"] > SLOWER * champion["seconds"]:
# +             if reports[number]["seconds"] > SLOWER * (champion["seconds"] or 1.0):


# %% wrong="rollback_deletes" of="promote" caught_by="way_back" edits="reference"
# Deletes the version that was taken out, and with it what could say why.
# -     client.delete_registered_model_alias(name, "previous")
# +     client.delete_registered_model_alias(name, "previous")
# +     client.delete_model_version(name, str(champion))


# %% wrong="the_number_before" of="promote" caught_by="way_back" edits="reference"
# Goes back to the number before, which may never have been good enough.
# -     client.set_registered_model_alias(name, "champion", str(previous))
# +     previous = champion - 1
# +     client.set_registered_model_alias(name, "champion", str(previous))


# %% wrong="there_and_back" of="promote" caught_by="way_back" edits="reference"
# Exchanges the two: a second, impatient rollback puts the bad version back into the shop.
# -     client.delete_registered_model_alias(name, "previous")
# +     client.set_registered_model_alias(name, "previous", str(champion))


# %% wrong="way_back_closed_first" of="promote" caught_by="way_back" edits="reference"
# Removes previous before it moves champion: a rollback that breaks off in between has lost where to go.
# -     client.set_registered_model_alias(name, "champion", str(previous))
# -     client.delete_registered_model_alias(name, "previous")
# +     client.delete_registered_model_alias(name, "previous")
# +     client.set_registered_model_alias(name, "champion", str(previous))


# %% wrong="removed_before_set" of="promote" caught_by="way_back" edits="reference"
# Takes the alias away before it sets it again: for a moment the shop finds no champion.
# -     client.set_registered_model_alias(name, "champion", str(previous))
# +     client.delete_registered_model_alias(name, "champion")
# +     client.set_registered_model_alias(name, "champion", str(previous))


# %% also="tags_beside_aliases" of="promote" edits="reference"
# -     failed |= dict.fromkeys(others, "better")
# +     failed |= dict.fromkeys(others, "better")
# +     for number in reports:
# +         client.set_model_version_tag(name, str(number), "gate", failed.get(number, "all passed"))
#
# -         "before": before,
# +         "model": name,
# +         "margin": margin,
# +         "before": before,


# %% also="aliases_one_by_one" of="promote"
"""Promotion and rollback, with MLflow's own look-up of aliases."""

import gates
import mlflow
from mlflow.exceptions import MlflowException


class NothingToRestore(LookupError):
    pass


def named(name, alias):
    try:
        return int(mlflow.MlflowClient().get_model_version_by_alias(name, alias).version)
    except MlflowException:
        return None


def promote(name, rows, margin):
    client = mlflow.MlflowClient()
    old = named(name, "champion")
    bar = None if old is None else gates.examine(name, old, rows)
    if bar is not None and bar["failed"] is not None:
        raise RuntimeError(f"champion {old} of {name} fails {bar['failed']}")
    failed, precision = {}, {} if bar is None else {old: bar["average_precision"]}
    for found in client.search_model_versions(f"name='{name}'", order_by=["version_number DESC"]):
        number = int(found.version)
        if "rolled_back" in found.tags or (old is not None and number <= old):
            continue
        report = gates.examine(name, number, rows)
        failed[number] = report["failed"] or "better"
        if report["failed"] is None and bar is not None and report["seconds"] / bar["seconds"] > 10:
            failed[number] = "fast"
        if failed[number] == "better":
            precision[number] = report["average_precision"]
    ranking = sorted([(-value, number) for number, value in precision.items() if number != old])
    new = old
    if ranking and (bar is None or -ranking[0][0] - bar["average_precision"] > margin):
        new = ranking.pop(0)[1]
        del failed[new]
    if named(name, "champion") != old:
        raise RuntimeError(f"somebody moved the champion of {name}")
    second = ranking[0][1] if ranking else None
    if second is None:
        client.delete_registered_model_alias(name, "challenger")
    else:
        client.set_registered_model_alias(name, "challenger", second)
    if new != old and old is not None:
        client.set_registered_model_alias(name, "previous", old)
    if new != old:
        client.set_registered_model_alias(name, "champion", new)
    decision = {"before": old, "after": new, "challenger": second, "failed": failed}
    return {**decision, "average_precision": precision}


def rollback(name):
    back, out = named(name, "previous"), named(name, "champion")
    if back in (None, out):
        raise NothingToRestore(f"{name} has no previous champion")
    client = mlflow.MlflowClient()
    client.set_registered_model_alias(name, "champion", back)
    client.delete_registered_model_alias(name, "previous")
    client.set_model_version_tag(name, str(out), "rolled_back", f"{back} is back")
    return back


# %% wrong="run_after_the_fact" of="monday" caught_by="recorded" edits="reference"
# Opens the run when all is over: a Monday that breaks off leaves nothing.
# +     decision = promote.promote(name, rows, margin)
# =     with mlflow.start_run(run_name=f"monday-{name}"):
#
# -         decision = promote.promote(name, rows, margin)


# %% wrong="only_changes" of="monday" caught_by="recorded" edits="reference"
# Writes down only the Mondays on which something moved: why a version was refused stands nowhere.
# +     decision = promote.promote(name, rows, margin)
# +     if decision["before"] == decision["after"]:
# +         return decision
# =     with mlflow.start_run(run_name=f"monday-{name}"):
#
# -         decision = promote.promote(name, rows, margin)


# %% wrong="the_winner_alone" of="monday" caught_by="recorded" edits="reference"
# Writes down the winner's number alone: nobody can see what it was compared with.
# -         mlflow.log_metrics({f"average_precision.{number}": value for number, value in precision})
# +         if decision["after"]:
# +             after = decision["after"]
# +             mlflow.log_metric(f"average_precision.{after}", decision["average_precision"][after])


# %% wrong="another_exception" of="monday" caught_by="recorded" edits="reference"
# Makes an exception of its own of what promote raises: the caller does not see what it was.
# -         decision = promote.promote(name, rows, margin)
# +         try:
# +             decision = promote.promote(name, rows, margin)
# +         except Exception as problem:
# +             raise RuntimeError(f"{name}: {problem}") from problem


# %% also="by_the_client" of="monday"
def monday(name, rows, margin):
    import os

    client = mlflow.MlflowClient()
    run = client.create_run(os.environ["MLFLOW_EXPERIMENT_ID"], run_name="monday").info.run_id
    first, last = rows["placed_at"].agg(["min", "max"])
    facts = {"model": name, "margin": margin, "rows": rows.shape[0], "rows_from": first, "rows_until": last}
    for key, value in (facts | {"rows_sha256": rows_hash(rows), "librarian": "none"}).items():
        client.log_param(run, key, value)
    for file in ("promote.py", "gates.py"):
        client.log_artifact(run, file)
    try:
        decision = promote.promote(name, rows, margin)
    except BaseException:
        client.set_terminated(run, "FAILED")
        raise
    for key in ("before", "after"):
        client.log_param(run, f"champion_{key}", str(decision[key]))
    for number, value in decision["average_precision"].items():
        client.log_metric(run, f"average_precision.{number}", value)
    for number, gate in decision["failed"].items():
        client.set_tag(run, f"failed.{number}", gate)
    client.set_terminated(run)
    return decision


# %% also="with_a_file" of="monday" edits="reference"
# -         decision = promote.promote(name, rows, margin)
# +         decision = promote.promote(name, rows, margin)
# +         mlflow.log_dict({key: str(value) for key, value in decision.items()}, "decision.json")
