# ---
# title: "Could we train this very model again in half a year?"
# minutes: 60
# data: [tidewater]
# needs: [point-in-time]
# leaves: [settings.py, recipe.py, train.py, config.json]
# runs_on: [loopback]
# limit_seconds: 60
# sources:
#   - "scikit-learn, User Guide, Common pitfalls and recommended practices, section Controlling randomness"
#   - "NumPy, reference, Random sampling: Generator, default_rng, SeedSequence, Compatibility policy"
#   - "Python, documentation, Command line and environment, PYTHONHASHSEED"
#   - "MLflow 3, documentation, Model Signatures and Input Examples"
# hints:
#   - "settings.py: write down for each key what is right, and refuse everything else by name. recipe.py: which lines would come out differently in another process,
#     or if another line had drawn a number before? train.py: imagine that you have this run, the data file and nothing else."
#   - "settings.py: json.loads takes object_pairs_hook=, which sees a key that stands twice; True is an int in Python. recipe.py: each step that draws is given a number that was made from
#     the seed; the order of a set of texts is another one in each process. train.py: read the file's bytes once, and hash and parse the same bytes;
#     `with mlflow.start_run()` marks a run that breaks as failed, and without `with` it ends as finished; an error of
#     pd.read_parquet on bytes does not know the file's name."
#   - "settings.py: type(value) is int and value >= 1. recipe.py: [name for name in table.select_dtypes(['number', 'bool']) if name not in dropped]; thin_out(train, share, seed), RandomForestClassifier(...,
#     random_state=seed). train.py: hashlib.sha256(data).hexdigest(), pd.read_parquet(io.BytesIO(data)), mlflow.log_params(config), importlib.metadata.version(name),
#     mlflow.log_dict(config, 'config.json'), log_model(model, name='model', signature=infer_signature(rows, chances), input_example=rows.head(),
#     pyfunc_predict_fn='predict_proba', pip_requirements=['scikit-learn'], serialization_format='cloudpickle')."
# ---

# %% [markdown]
# # Could we train this very model again in half a year?
#
# In May the fraud model was trained in an afternoon, and it was good. In November the bank asks Tidewater why an order of June was declined, and wants to see the model trained again, with the same answer.
# The notebook is there. The seed stands in a cell that may or may not have been run, the table has been mended twice, and three libraries have had new versions. The model that comes out gives other answers.
#
# You build the job that trains: `python train.py config.json`. All that it depends on comes from the configuration and one data file, each of these is recorded, and two trainings from the same inputs agree
# **to the last digit**.
#
# ```text
# config.json -> settings.py: read_config   refuses what is not exactly right
#                recipe.py:   split, features, fit   the same model from the same inputs, in each process
# data file   -> train.py:    one run in MLflow   inputs, code, versions, measures, model
# ```
#
# The three files take about an hour. Later units go on from them. The model is a random forest on the columns that are numbers or True and False, as they are; the pipeline of `leakproof-pipeline` could take its place, and
# the job around it would stay the same.

# %%
import grader

grader.begin("reproducible-training")

import json
import shutil
from pathlib import Path

import mlflow
import pandas as pd

start = grader.start_from("point-in-time")
shutil.copy(start.path("training.parquet"), "training.parquet")
table = pd.read_parquet("training.parquet")
table.head(2).T

# %% [markdown]
# ## 1. A configuration that leaves nothing open: `settings.py`
#
# | key | value |
# | --- | --- |
# | `data` | text, not empty: the Parquet file, as seen from the folder in which the job is started |
# | `train_until` | text with a date, `2025-04-12`, or a date and a time, `2025-04-12 06:30`, UTC without a zone: orders placed **before** this moment train |
# | `test_weeks` | whole number, 1 or more: the weeks **from** this moment on in which the model is measured |
# | `leave_out` | list of texts, perhaps empty: columns that the model does not see |
# | `honest_share` | number above 0 and at most 1: the share of the honest training orders that is kept |
# | `trees`, `min_leaf` | whole numbers, 1 or more: of the forest |
# | `seed` | whole number, 0 or more, below 2**32 |

# %%
CONFIG = {
    "data": "training.parquet",
    "train_until": "2025-04-12",
    "test_weeks": 3,
    "leave_out": ["order_id", "customer_id"],
    "honest_share": 0.5,
    "trees": 25,
    "min_leaf": 5,
    "seed": 7,
}
Path("config.json").write_text(json.dumps(CONFIG, indent=1), encoding="utf-8")

# %% [markdown]
# Write `read_config(path)`. In: the path of a JSON file. Out: a dict with these eight keys, in any order, and their values **as they stand in the file**.
#
# Everything else is a `ValueError` whose message **names the key**:
#
# - a key that is missing (there are no defaults);
# - one that the table does not know (`"tress"` is a typing error, and without a complaint the job would train with another number of trees than somebody believes);
# - one that stands twice (`json` alone takes the last without a word; `object_pairs_hook=` sees both);
# - a value of another type or outside of its range. `true` is no number, `"25"`, `25.5` and `25.0` are no whole numbers, `"order_id"` is no list, `NaN` is no share, and `""` and `"now"` are no date (`pd.Timestamp` reads both: as a missing moment, and as
#   another one each day).
#
# If several keys are wrong, name one or more of them. A message that lists all eight names none.
#
# A file that is not there raises `FileNotFoundError`; text that is not a JSON object raises `ValueError` with any message.


# %% answer="settings" file="settings.py"
"""The configuration of the training job: eight keys, each of them checked, none of them optional."""

import json
from pathlib import Path

import pandas as pd


def read_config(path):
    """The configuration in the JSON file `path`, as a dict of the eight keys.

    Raises ValueError with the name of a key that is missing, unknown, there twice, or of a wrong value.
    """
    ### BEGIN SOLUTION
    config = json.loads(Path(path).read_text(encoding="utf-8"), object_pairs_hook=without_twins)
    if not isinstance(config, dict):
        raise ValueError(f"{path} holds no JSON object")
    for name in [*RULES, *config]:
        if name not in RULES:
            raise ValueError(f"{path}: unknown key {name}")
        if name not in config:
            raise ValueError(f"{path}: the key {name} is missing")
        if not RULES[name](config[name]):
            raise ValueError(f"{path}: {name} cannot be {config[name]!r}")
    return config


def without_twins(pairs):
    names = [name for name, _ in pairs]
    twins = {name for name in names if names.count(name) > 1}
    if twins:
        raise ValueError(f"more than once: {', '.join(sorted(twins))}")
    return dict(pairs)


def is_moment(value):
    try:
        moment = pd.Timestamp(value) if type(value) is str and value[:4].isdigit() else pd.NaT
    except ValueError:
        return False
    return not pd.isna(moment) and moment.tz is None


def is_count(value):
    return type(value) is int and value >= 1


RULES = {
    "data": lambda value: type(value) is str and value != "",
    "train_until": is_moment,
    "test_weeks": is_count,
    "leave_out": lambda value: type(value) is list and all(type(name) is str for name in value),
    "honest_share": lambda value: type(value) in (int, float) and 0 < value <= 1,
    "trees": is_count,
    "min_leaf": is_count,
    "seed": lambda value: type(value) is int and 0 <= value < 2**32,
}
### END SOLUTION


# %% test="nothing_left_open" of="settings" points=3
import json

from grader import expect


def asked(texts):
    """For each text of a configuration file: what read_config returns, or the kind of error and its message."""
    import importlib
    import pathlib
    import sys
    import tempfile

    importlib.invalidate_caches()
    sys.dont_write_bytecode = True
    sys.path.insert(0, "")
    sys.modules.pop("settings", None)
    from settings import read_config

    answers = []
    with tempfile.TemporaryDirectory() as folder:
        for number, text in enumerate(texts):
            path = pathlib.Path(folder) / f"{number}.json"
            if text:
                path.write_text(text, encoding="utf-8")
            try:
                answers.append(("config", read_config(str(path))))
            except Exception as error:
                kinds = [kind.__name__ for kind in type(error).__mro__]
                answers.append((kinds, str(error)))
    return answers


good = {"data": "orders.parquet", "train_until": "2025-04-12", "test_weeks": 2, "leave_out": ["order_id"]}
good |= {"honest_share": 0.25, "trees": 10, "min_leaf": 3, "seed": 11}
without_seed = {name: value for name, value in good.items() if name != "seed"}
whole, missing, unknown = expect.beside(
    asked, [json.dumps(c) for c in (good, without_seed, good | {"tress": 9})]
)
expect.equal(
    whole[1],
    good,
    what="read_config of a file in which all eight keys are right",
    why="the job works with the values of the file",
    look_at="what you return, and which values you refuse",
)
for name, answer, case in [
    ("seed", missing, "is missing"),
    ("tress", unknown, "is a ninth key, a typing error"),
]:
    expect.true(
        "ValueError" in answer[0] and name in answer[1],
        got=answer[0][0] if type(answer[0]) is list else "a configuration",
        expected=f"a ValueError that says {name}",
        what=f"read_config of a file in which {name} {case}",
        why="a default or an ignored key is an input that nobody wrote down",
        look_at="the keys of the file against the keys of the table, both ways",
    )
### BEGIN HIDDEN TESTS
rng = expect.rng()
good = {"data": f"new/{rng.integers(100)}.parquet", "train_until": "2025-04-12 06:30", "test_weeks": 1}
good |= {"leave_out": [], "honest_share": float(rng.uniform(0.1, 0.9)), "trees": int(rng.integers(2, 90))}
good |= {"min_leaf": 1, "seed": int(rng.integers(2**31))}
fine = {
    "with all honest orders, written as 1": good | {"honest_share": 1},
    "with all honest orders, written as 1.0": good | {"honest_share": 1.0},
    "with the seed 0, one tree and two columns left out": good
    | {"seed": 0, "trees": 1, "leave_out": ["a", "b"]},
    "with the largest seed": good | {"seed": 2**32 - 1},
}
answers = expect.beside(asked, [json.dumps(config) for config in fine.values()])
for (case, config), answer in zip(fine.items(), answers, strict=True):
    expect.equal(
        answer[1],
        config,
        what=f"read_config of a right file {case}",
        why="these values are in the table's range, and nothing may be changed on the way",
        look_at="the ends of the ranges, and values that you round, convert or fill in",
    )
bad = [("n_jobs", "with a key n_jobs", json.dumps(good | {"n_jobs": 2}))]
bad += [("Seed", "with a key Seed", json.dumps(good | {"Seed": 2}))]
twice = json.dumps(good)[:-1] + f', "trees": {good["trees"]}' + "}"
bad += [("trees", "in which trees stands twice", twice)]
values = {
    "data": ["", 5, None],
    "train_until": ["soon", 20250412, "2025-04-12T00:00:00Z", "", "now", "today"],
    "test_weeks": [0, "2", 1.5, 2.0, True],
    "leave_out": ["order_id", [1], None],
    "honest_share": [0, -0.5, 1.01, "0.5", True, float("nan")],
    "trees": [0, "25", 25.5, 25.0, True, None],
    "min_leaf": [0, -1, True, [5]],
    "seed": [-1, 2**32, "7", 1.5, 7.0, False, None],
}
shape = "the row of this key in the table, type and range"
looks = {"n_jobs": "keys that the table does not know", "Seed": "keys that the table does not know"}
looks |= {"in which": "object_pairs_hook= of json.loads, which alone keeps the last of two equal keys"}
looks |= {"true": "True is an int in Python", "false": "False is an int in Python"}
looks |= {
    'train_until = "': "what pd.Timestamp reads: a missing moment, a zone, the moment of now",
    "NaN": "comparisons with NaN, which are all False",
}
looks |= {"leave_out = [": "the type of what is in the list"}
alone = len(bad)
bad += [
    (name, f"without {name}", json.dumps({other: good[other] for other in good if other != name}))
    for name in good
]
bad += [
    (name, f"with {name} = {json.dumps(value)}", json.dumps(good | {name: value}))
    for name in values
    for value in values[name]
]
answers = expect.beside(asked, [text for *_, text in bad])
for (name, case, _), answer in zip(bad, answers, strict=True):
    expect.true(
        "ValueError" in answer[0] and name in answer[1],
        got="a configuration, another error, or one that does not name the key",
        expected=f"a ValueError that says {name}",
        what=f"whether read_config refuses a file {case} with a ValueError that says {name}",
        why="what is missing, unknown, doubled or out of range is refused, and whoever is called at night reads which key it is",
        look_at=next((look for part, look in looks.items() if part in case), shape),
    )
for (name, case, _), answer in list(zip(bad, answers, strict=True))[alone:]:
    expect.true(
        any(other not in answer[1] for other in good),
        got="a message that names every key",
        expected=f"a message that names {name}",
        what=f"the keys that read_config's error names for a file {case}",
        why="whoever is called at night reads there which key it is, and a message with all eight does not say it",
        look_at="lists of keys in your messages",
    )
for answer, kind, case in zip(
    expect.beside(asked, ["", "[1, 2]", "{trees: 5}"]),
    ["FileNotFoundError", "ValueError", "ValueError"],
    ["that is not there", "that holds a list", "that is not JSON"],
    strict=True,
):
    expect.true(
        kind in answer[0],
        got="another error, or none",
        expected=f"a {kind}",
        what=f"read_config of a file {case}",
        why="such a file is no configuration",
        look_at="errors that you catch, and the type of what json gives you",
    )
### END HIDDEN TESTS

# %% [markdown]
# ## 2. The same model from the same inputs: `recipe.py`
#
# Two steps of this training draw at random: honest orders are thinned out, since there are a hundred for each fraud, and the forest draws rows and columns for its trees. `thin_out` is
# given, as a colleague wrote it: without `rng` it draws anew at each call. Call it by this name, so that the tests can count.
#
# `config` is a dict as `read_config` returns it. `table` has `placed_at` (datetime), `is_fraud` (bool) and further columns.
#
# - `split(config, table)`: `(train, test)`. `train`: rows placed before `train_until`. `test`: rows placed from this moment on, during the next `test_weeks` times seven days, the end left out. All of these rows, none thinned out:
#   the test has to look like the shop. A `ValueError` that says `train_until` if either side has no fraud.
# - `features(config, table)`: a list of the columns that the model sees: those whose dtype is an int, a float or bool, without `is_fraud`, without those in `leave_out`. Their order is
#   yours, but it depends on `config` and `table` alone; `train` and `test` give the same list as `table`. A name in `leave_out` that is no column of the table is a `ValueError` that says the name.
# - `fit(config, train)`: the fitted model. It calls `thin_out` once, with the rows of `train` and `honest_share`, and fits a forest of `trees` trees with at least `min_leaf` rows in a leaf (`min_samples_leaf`) on what comes back. The
#   model has `predict_proba` for a DataFrame with the columns `features(config, train)`; missing numbers are no error.
#
# What comes out depends on the arguments and nothing else, to the last digit. The same arguments give the same chances in this process, in another one, a second time, and whatever was drawn before; a table with other values gives another model, also if
# it is as long. Another seed draws other honest orders **and** grows another forest from the same orders. The arguments stay as they are, and so does the state of numpy's global generator (`np.random.get_state()`): others draw from it.
# Leave the forest's `n_jobs` alone. We asked one forest with `n_jobs=4` for the same 3,000 chances twenty times and got 19 different arrays, apart by up to 2e-16; with one thread all twenty are equal.


# %% answer="recipe" file="recipe.py"
"""From a configuration and a table of orders to a model, by nothing but these two."""

import numpy as np
import pandas as pd
from sklearn.ensemble import RandomForestClassifier


def thin_out(rows, share, rng=None):
    """All frauds of `rows`, and each honest row with the chance `share`. Given; leave it as it is.

    rng: what np.random.default_rng takes: a whole number, a Generator, a SeedSequence; None draws anew each time.
    """
    draws = np.random.default_rng(rng).random(len(rows))
    return rows[rows["is_fraud"].to_numpy(dtype=bool) | (draws < share)]


def split(config, table):
    """(train, test): the rows before config["train_until"], and those of the config["test_weeks"] weeks from then on.

    Raises ValueError that says train_until if one of them has no fraud.
    """
    ### BEGIN SOLUTION
    cut = pd.Timestamp(config["train_until"])
    end = cut + pd.Timedelta(weeks=config["test_weeks"])
    placed_at = table["placed_at"]
    train, test = table[placed_at < cut], table[(placed_at >= cut) & (placed_at < end)]
    for rows, name in ((train, "before"), (test, "in the weeks after")):
        if not rows["is_fraud"].any():
            raise ValueError(f"train_until: no fraud {name} {cut}")
    return train, test
    ### END SOLUTION


def features(config, table):
    """The names of the columns that the model sees, as a list.

    Raises ValueError for a name in config["leave_out"] that the table does not have.
    """
    ### BEGIN SOLUTION
    dropped = config["leave_out"]
    for name in dropped:
        if name not in table.columns:
            raise ValueError(f"leave_out: the table has no column {name}")
    return [name for name in table.select_dtypes(["number", "bool"]) if name not in [*dropped, "is_fraud"]]
    ### END SOLUTION


def fit(config, train):
    """A forest that was fitted on the thinned rows of `train`; both draw from config["seed"]."""
    ### BEGIN SOLUTION
    seed = config["seed"]
    rows = thin_out(train, config["honest_share"], seed)
    forest = RandomForestClassifier(config["trees"], min_samples_leaf=config["min_leaf"], random_state=seed)
    return forest.fit(rows[features(config, train)], rows["is_fraud"])
    ### END SOLUTION


# %% shared="orders_like"
def orders_like(rng, rows):
    """Orders of 40 days from 1 March 2025 with some of the columns of the training table, by time."""
    minutes = np.sort(rng.integers(0, 40 * 1440, rows))
    table = pd.DataFrame({"order_id": rng.permutation(rows), "placed_at": pd.Timestamp("2025-03-01")})
    table["placed_at"] += pd.to_timedelta(minutes, unit="min")
    table["channel"], table["device_known"] = rng.choice(["web", "app"], rows), rng.random(rows) < 0.7
    table["amount"] = np.where(rng.random(rows) < 0.1, np.nan, np.exp(rng.normal(3.8, 0.8, rows)).round(2))
    for name in ("items", "attempts", "orders_7d", "orders_30d", "corridor_frauds", "address_age_days"):
        table[name] = rng.integers(0, 9, rows)
    return table.assign(is_fraud=rng.random(rows) < 1 / (1 + np.exp(4 - 0.5 * table["attempts"])))


# %% test="every_key_counts" of="recipe" points=3
import numpy as np
import pandas as pd
from grader import expect


# shared: orders_like


def asked(function, cases):
    """function of recipe.py for each pair of arguments, in a plain form; an error as its message."""
    import importlib
    import sys

    importlib.invalidate_caches()
    sys.dont_write_bytecode = True
    sys.path.insert(0, "")
    sys.modules.pop("recipe", None)
    import recipe

    kept, thin_out, results = [], recipe.thin_out, []

    def watched(rows, *rest, **named):
        thinned = thin_out(rows, *rest, **named)
        kept.append(sorted(thinned["order_id"].tolist()))
        return thinned

    recipe.thin_out = watched
    for config, table in cases:
        before, kept[:] = (str(config), table.copy()), []
        try:
            result = getattr(recipe, function)(config, table)
        except ValueError as error:
            results.append(f"ValueError: {error}")
            continue
        if function == "split":
            result = [sorted(part["order_id"].tolist()) for part in result]
        elif function == "features":
            result = sorted(result)
        else:
            chances = result.predict_proba(table[recipe.features(config, table)])[:, 1]
            last = (
                result[-1] if hasattr(result, "steps") else result
            )  # the forest, also at the end of a Pipeline
            trees = [tree.tree_ for tree in last.estimators_] if hasattr(last, "estimators_") else []
            leaves = [int(tree.n_node_samples[tree.children_left < 0].min()) for tree in trees]
            result = {"kept": list(kept), "chances": chances.tolist(), "leaves": leaves}
        results.append((result, (str(config), True) == (before[0], table.equals(before[1]))))
    return results


CONFIG = {"data": "x.parquet", "train_until": "2025-03-20", "test_weeks": 2, "leave_out": ["order_id"]}
CONFIG |= {"honest_share": 0.4, "trees": 8, "min_leaf": 5, "seed": 3}
table = orders_like(np.random.default_rng(1), 300)
parts, columns = (expect.beside(asked, name, [(CONFIG, table)])[0] for name in ("split", "features"))
days = table["placed_at"]
expect.equal(
    [len(part) for part in parts[0]],
    [int((days < "2025-03-20").sum()), int(((days >= "2025-03-20") & (days < "2025-04-03")).sum())],
    what="the number of rows on both sides of split, with train_until 20 March and two weeks",
    why="what was placed before 20 March trains, the 14 days from 20 March on test, and the rest is in neither",
    look_at="the three conditions on placed_at",
)
expect.equal(
    [name for name in ("order_id", "is_fraud", "channel", "placed_at") if name in columns[0]],
    [],
    what="columns in features that the model must not see",
    why="order_id stands in leave_out, is_fraud is the label, and the others are no numbers",
    look_at="how you choose the columns",
)
### BEGIN HIDDEN TESTS
rng = expect.rng()
table = orders_like(rng, 1500)
cut = pd.Timestamp("2025-03-15") + pd.Timedelta(hours=int(rng.integers(100)))
table["placed_at"] = table["placed_at"].astype("datetime64[ms]")
edges = {
    cut - pd.Timedelta("1ms"): "train",
    cut: "test",
    cut + pd.Timedelta("14D") - pd.Timedelta("1ms"): "test",
}
edges |= {cut + pd.Timedelta("14D"): "neither"}
table.loc[table.index[[200, 201, 202, 203]], "placed_at"] = pd.Series(list(edges), index=table.index[200:204])
config = CONFIG | {
    "train_until": str(cut),
    "seed": int(rng.integers(2**31)),
    "leave_out": ["items", "order_id"],
}
found = expect.beside(asked, "split", [(config, table)])[0]
for position, (moment, side) in enumerate(edges.items()):
    number = int(table["order_id"].iloc[200 + position])
    sides = [name for name, part in zip(("train", "test"), found[0], strict=True) if number in part]
    expect.equal(
        sides or ["neither"],
        [side],
        what=f"the part (train, test or neither) in which split puts an order placed {['1 ms before', 'at', '1 ms before two weeks after', 'two weeks after'][position]} train_until, which has a time of day",
        why="train_until itself is the first moment of the test, and the end of its weeks is left out",
        look_at="< against <= in the conditions on placed_at, and whether the time of day in train_until survives",
    )
late = (table["placed_at"] >= cut) & (table["placed_at"] < cut + pd.Timedelta("14D"))
expect.equal(
    found[0],
    [sorted(table["order_id"][table["placed_at"] < cut].tolist()), sorted(table["order_id"][late].tolist())],
    what="the orders on both sides of split, two weeks",
    why="each order of these weeks is there once, the honest ones too, and no other",
    look_at="rows that are thinned out or dropped before they are split, and where the test ends",
)
expect.true(
    found[1],
    got="one of them changed",
    expected="both as they were",
    what="the configuration and the table after split",
    why="the caller still needs them",
    look_at="assignments into the arguments",
)
honest = table.assign(is_fraud=table["is_fraud"] & ~late), table.assign(is_fraud=table["is_fraud"] & late)
for case, answer in zip(
    ("in the weeks of the test", "before train_until"),
    expect.beside(asked, "split", [(config, t) for t in honest]),
    strict=True,
):
    expect.true(
        type(answer) is str and "train_until" in answer,
        got="no such error",
        expected="a ValueError that says train_until",
        what=f"split of a table without a fraud {case}",
        why="nothing can be learned or measured there, and a number that comes out all the same is worse than none",
        look_at="what you check before you return",
    )
numbers = [
    "device_known",
    "amount",
    "attempts",
    "orders_7d",
    "orders_30d",
    "corridor_frauds",
    "address_age_days",
]
typo = config | {"leave_out": ["order_id", "item"]}
columns, refused = expect.beside(asked, "features", [(config, table), (typo, table)])
expect.equal(
    columns[0],
    sorted(numbers),
    what="features without items and order_id, sorted",
    why="the model sees all numbers and bools but the label and what leave_out names",
    look_at="dtypes that you forget, and leave_out",
)
expect.true(
    type(refused) is str and "item" in refused,
    got="no such error",
    expected="a ValueError that says item",
    what="features with a name in leave_out that is no column (item for items)",
    why="a column that somebody wanted to leave out would stay in without a word",
    look_at="drop(..., errors='ignore'), and differences of sets",
)
train = table[table["placed_at"] < cut]
changes = {
    "as it is": {},
    "seed": {"seed": config["seed"] + 1},
    "trees": {"trees": 9},
    "min_leaf": {"min_leaf": 20},
}
changes |= {"honest_share": {"honest_share": 0.8}, "leave_out": {"leave_out": ["attempts", "order_id"]}}
changes |= {"all": {"honest_share": 1.0}, "all, seed": {"honest_share": 1.0, "seed": config["seed"] + 1}}
answers = expect.beside(asked, "fit", [(config | change, train) for change in changes.values()])
expect.equal(
    [answer[1] for answer in answers],
    [True] * len(answers),
    what="whether the configuration and the table are as before, after each of some calls of fit",
    why="the caller logs them afterwards",
    look_at="assignments into the arguments",
)
fits = dict(zip(changes, (answer[0] for answer in answers), strict=True))
counts = [len(fit["kept"]) for fit in fits.values()]
expect.equal(
    counts,
    [1] * len(counts),
    what="how often fit calls thin_out, for each of some configurations",
    why="the orders are thinned out once in each training",
    look_at="the name thin_out, looked up in recipe.py",
)
# 400 to 600 honest rows: two draws of them are never the same.
expect.true(
    fits["as it is"]["kept"] != fits["seed"]["kept"],
    got="the same orders",
    expected="other orders",
    what="the orders that thin_out keeps with another seed in the configuration",
    why="the seed of the configuration reaches each step that draws",
    look_at="what thin_out gets as rng: a number typed in is an input that nobody can change or find",
)
expect.true(
    fits["all"]["chances"] != fits["all, seed"]["chances"],
    got="the same chances",
    expected="other chances",
    what="the chances of another seed, both with all honest orders",
    why="the seed of the configuration reaches each step that draws, the forest too",
    look_at="random_state of the forest: does it depend on config['seed']?",
)
leaves = fits["trees"]["leaves"] or [5] * 9
expect.equal(
    len(leaves),
    9,
    what="the number of trees in fit's forest with trees = 9",
    why="the configuration says how many trees there are",
    look_at="n_estimators",
)
expect.true(
    min(leaves) >= 5,
    got="a leaf with fewer rows",
    expected="at least 5 rows in each leaf",
    what="the smallest leaf in fit's forest with min_leaf = 5",
    why="min_leaf is the least number of rows in a leaf",
    look_at="min_samples_leaf, which is about leaves; min_samples_split is about nodes before they are cut",
)
for name in ("trees", "min_leaf", "honest_share", "leave_out"):
    expect.true(
        fits[name]["chances"] != fits["as it is"]["chances"],
        got="the same chances",
        expected="other chances",
        what=f"the chances with another {name} in the configuration",
        why="a key that changes nothing is recorded in vain: the number that was used stands somewhere else",
        look_at=f"where config['{name}'] is used",
    )
# With all honest orders kept, thin_out keeps every row.
expect.equal(
    len(fits["all"]["kept"][0]),
    len(train),
    what="the number of orders that thin_out keeps with honest_share 1",
    why="it is given the rows of train, all of them",
    look_at="the first two arguments of thin_out",
)
### END HIDDEN TESTS

# %% test="same_again" of="recipe" points=3
import json

import numpy as np
import pandas as pd
from grader import expect


# shared: orders_like


PROGRAM = """
import json, sys
import numpy as np, pandas as pd
sys.dont_write_bytecode = True
import recipe
config, table = json.loads(sys.argv[1]), pd.read_parquet(sys.argv[2])
train, test = recipe.split(config, table)
columns = recipe.features(config, train)
print(json.dumps(recipe.fit(config, train).predict_proba(test[columns])[:, 1].tolist()))
"""


def chances(config, *tables):
    """The chances of the first table's test rows by a model of each table, other numbers drawn in between."""
    import importlib
    import random
    import sys

    import numpy

    importlib.invalidate_caches()
    sys.dont_write_bytecode = True
    sys.path.insert(0, "")
    sys.modules.pop("recipe", None)
    import recipe

    results, same_state = [], True
    for number, table in enumerate(tables):
        numpy.random.seed(number)
        random.seed(number)
        before = numpy.random.get_state()[1:3]
        train, test = recipe.split(config, table)[0], recipe.split(config, tables[0])[1]
        columns = recipe.features(config, train)
        results.append(recipe.fit(config, train).predict_proba(test[columns])[:, 1].tolist())
        after = numpy.random.get_state()[1:3]
        same_state = same_state and after[1] == before[1] and bool((after[0] == before[0]).all())
    return [*results, same_state]


def chances_elsewhere(program, config, table):
    """The chances of the test rows in a Python of its own, whose texts have other hashes."""
    import ast
    import os
    import pathlib
    import subprocess
    import sys
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "table.parquet"
        table.to_parquet(path)
        command = [sys.executable, "-c", program, config, str(path)]
        names = [name for name in table if table[name].dtype.kind in "iufb"]
        sets = [set(names), set(names) - {"is_fraud"}, set(names) - {"order_id", "is_fraud"}]
        short = f"n = set({names}); print([list(n), list(n - {{'is_fraud'}}), list(n - {{'order_id', 'is_fraud'}})])"
        for salt in range(4711, 4811):  # the first one that gives each of these sets another order than here
            surroundings = {**os.environ, "PYTHONHASHSEED": str(salt)}
            light = [sys.executable, "-S", "-c", short]
            orders = ast.literal_eval(
                subprocess.run(light, env=surroundings, capture_output=True, text=True).stdout
            )
            if all(list(mine) != other for mine, other in zip(sets, orders, strict=True)):
                break
        ended = subprocess.run(command, env=surroundings, capture_output=True, text=True)
    return ended.stdout.strip() or ended.stderr.strip()[-200:]


CONFIG = {"data": "x.parquet", "train_until": "2025-03-25", "test_weeks": 2, "leave_out": ["order_id"]}
CONFIG |= {"honest_share": 0.5, "trees": 5, "min_leaf": 5, "seed": 3}
table = orders_like(np.random.default_rng(1), 400)
first, _ = expect.beside(chances, CONFIG, table)
expect.true(
    len(set(first)) > 1,
    got="one and the same",
    expected="chances that differ from order to order",
    what="predict_proba of fit's model on the test rows",
    why="the model has learned from the columns",
    look_at="the rows and the labels that the forest is fitted on",
)
### BEGIN HIDDEN TESTS
rng = expect.rng()
table = orders_like(rng, 800)
config = CONFIG | {"seed": int(rng.integers(2**31)), "trees": 10}
corrected = table.assign(attempts=8 - table["attempts"], items=rng.integers(0, 9, len(table)))
first, second, other, same_state = expect.beside(chances, config, table, table, corrected)
expect.true(
    first == second,
    got="other chances",
    expected="the same chances, to the last digit",
    what="the chances of two trainings in one process, from the same configuration and table",
    why="nothing but the arguments decides what comes out, whatever was drawn before",
    look_at="each step that draws: does it get a number made from config['seed'], in this call? np.random.seed reaches no "
    "Generator of numpy's, and a Generator that is kept between calls goes on where it stopped",
)
expect.true(
    other != first,
    got="the same chances",
    expected="other chances",
    what="the chances of the same test rows by a training in the same process on a corrected table: as many rows, other values in attempts and items",
    why="the model depends on the values of the table, and these are others",
    look_at="what you keep between calls, and by what it is found again",
)
expect.true(
    same_state,
    got="another state",
    expected="the same state",
    what="the state of numpy's global generator after split, features and fit",
    why="others draw from it: with np.random.seed in your function they get the same numbers after each training",
    look_at="np.random.seed, np.random.shuffle and the like, sample without random_state=, and a forest without random_state=",
)
elsewhere = expect.beside(chances_elsewhere, PROGRAM, json.dumps(config), table)
expect.true(
    elsewhere == json.dumps(first),
    got="other chances",
    expected="the same chances, to the last digit",
    what="the chances of this training in another process (PYTHONHASHSEED differs)",
    why="tomorrow's training runs in another process, and there texts have other hashes, so that a set of them has another order",
    look_at="a set that decides the order of the columns, and hash() of anything that holds a text",
)
### END HIDDEN TESTS

# %% [markdown]
# ## 3. The job: `train.py`
#
# `python train.py CONFIG`, started in a folder with the three files and the data file; `CONFIG` is the path of a configuration, whatever its name. Its environment names MLflow's store and this unit's experiment, as
# `grader.begin` did for this notebook, so the file names neither. The job trains on `split`'s first part, measures on the second, and logs **one** run:
#
# | kind | name | value |
# | --- | --- | --- |
# | params | the eight keys | the values of the configuration, each as `str` or as `json.dumps` gives it |
# | param | `data_sha256` | SHA-256 of the **bytes** of the file `data`, 64 hex digits |
# | params | `python`, `numpy`, `pandas`, `scikit-learn`, `mlflow` | the versions that run now, such as `3.11.7` |
# | metrics | `average_precision`, `base_rate` | of the test rows: `average_precision_score` of the model's chances; the share of frauds |
# | metrics | `train_rows`, `test_rows` | rows of both parts, before anything is thinned out |
# | artifacts | `config.json` | the configuration **of this run** as JSON, whatever the file's name was |
# | artifacts | `settings.py`, `recipe.py`, `train.py` | the code that ran |
# | model | `model` | the fitted model that was measured, by `mlflow.sklearn.log_model`, with a signature and an input example |
#
# Signature: inputs are the columns `features(config, train)`, and there are outputs. Input example: one to ten rows of these columns. `mlflow.pyfunc`'s `predict` gives what `predict_proba` gives for the rows of the table, one column for each class (`pyfunc_predict_fn`). Whole
# numbers and bools may be declared as floats.
# Pass `pip_requirements=["scikit-learn"]`, else MLflow loads the model once more to find out; a forest needs `serialization_format="cloudpickle"`.
#
# `main(config_file)` returns the run's id, and as a script the file prints it, alone on the last line.
#
# If anything goes wrong, also while the run is being recorded, the exit code is not 0 and **no finished run** is left; a failed one may be. The **last line** that the job writes names
#
# - the key that is missing, unknown, doubled or wrong, and `train_until` where `split` says so;
# - the configuration or the data file that is not there, and the data file that cannot be read as Parquet;
# - the column of `leave_out` that the table does not have.
#
# An exception that nobody catches gives the exit code, and its message is the last line. Does each message name what it has to?


# %% answer="train" file="train.py"
"""Train the fraud model as a configuration says, and log one run: python train.py CONFIG"""

import hashlib
import io
import logging
import platform
import sys
import warnings
from importlib.metadata import version
from pathlib import Path

import mlflow
import pandas as pd
from mlflow.models import infer_signature
from recipe import features, fit, split
from settings import read_config
from sklearn.metrics import average_precision_score

HERE = Path(__file__).parent
LIBRARIES = ["numpy", "pandas", "scikit-learn", "mlflow"]
logging.getLogger("mlflow.sklearn").setLevel(logging.ERROR)  # the warning of cloudpickle
warnings.filterwarnings("ignore", message=".*[Ii]nferred schema contains integer column.*")


def main(config_file):
    """Train by this configuration and log the run. Returns the run's id."""
    ### BEGIN SOLUTION
    config = read_config(config_file)
    data = Path(config["data"]).read_bytes()
    try:
        table = pd.read_parquet(io.BytesIO(data))
    except Exception as error:
        raise ValueError(f"{config['data']} cannot be read: {error}") from error
    train, test = split(config, table)
    inputs = test[features(config, train)]
    model = fit(config, train)
    chances = model.predict_proba(inputs)  # (rows, 2)
    with mlflow.start_run() as run:
        mlflow.log_params(config)
        mlflow.log_params({"data_sha256": hashlib.sha256(data).hexdigest()})
        mlflow.log_params({"python": platform.python_version()} | {name: version(name) for name in LIBRARIES})
        precision = average_precision_score(test["is_fraud"], chances[:, 1])
        mlflow.log_metrics({"average_precision": precision, "base_rate": test["is_fraud"].mean()})
        mlflow.log_metrics({"train_rows": len(train), "test_rows": len(test)})
        mlflow.log_dict(config, "config.json")
        for name in ("settings.py", "recipe.py", "train.py"):
            mlflow.log_artifact(HERE / name)
        mlflow.sklearn.log_model(
            model,
            name="model",
            signature=infer_signature(inputs, chances),
            input_example=inputs.head(),
            pip_requirements=["scikit-learn"],
            pyfunc_predict_fn="predict_proba",
            serialization_format="cloudpickle",
        )
    return run.info.run_id
    ### END SOLUTION


if __name__ == "__main__":
    print(main(*sys.argv[1:]))


# %% shared="ran"
def ran(arguments, files, disk_full=False):
    """train.py as a script in this process: exit code, last line, and how many runs are FINISHED more than before.

    pandas says meanwhile that it is another version; with disk_full, log_model fails.
    """
    import contextlib
    import importlib
    import importlib.metadata
    import io
    import pathlib
    import runpy
    import sys
    import traceback

    import mlflow
    import mlflow.sklearn
    import numpy
    import pandas

    def full(*_, **__):
        raise OSError("No space left on device")

    def version(distribution):
        found = distribution.metadata["Version"]
        return found + "+night" if distribution.metadata["Name"].lower() == "pandas" else found

    def finished():
        return len(mlflow.search_runs(filter_string="attributes.status = 'FINISHED'", output_format="list"))

    for name, data in files.items():
        pathlib.Path(name).parent.mkdir(exist_ok=True)
        pathlib.Path(name).write_bytes(data)
    importlib.invalidate_caches()
    sys.dont_write_bytecode = True
    for name in ("settings", "recipe"):
        sys.modules.pop(name, None)
    numpy.random.seed(5)
    before, code, said, runs = sys.argv, 0, io.StringIO(), finished()
    installed = type(importlib.metadata.distribution("pandas"))
    kept = installed.version, pandas.__version__, mlflow.sklearn.log_model
    installed.version = property(version)
    pandas.__version__ += "+night"
    mlflow.sklearn.log_model = full if disk_full else kept[2]
    sys.argv = ["train.py", *arguments]
    sys.path.insert(0, "")
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        try:
            runpy.run_path("train.py", run_name="__main__")
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else int(end.code is not None)
            print(end.code if isinstance(end.code, str) else "")
        except Exception:
            code = traceback.print_exc() or 1
        finally:
            sys.argv = before
            sys.path.remove("")
            mlflow.end_run()  # as the end of a Python process does with a run that is still open
            installed.version, pandas.__version__, mlflow.sklearn.log_model = kept
    lines = [line.strip() for line in said.getvalue().splitlines() if line.strip()]
    return code, (lines or [""])[-1], finished() - runs


# %% test="one_run_holds_all" of="train" points=4
import hashlib
import io
import json

import numpy as np
import pandas as pd
from grader import expect
from sklearn.metrics import average_precision_score


# shared: orders_like


# shared: ran


def trained(run_id, config, data):
    """What the run's model and a new fit of the recipe say of the test rows, and what is known of the model."""
    import io
    import sys
    from importlib.metadata import version
    from platform import python_version

    import mlflow
    import numpy as np
    import pandas

    sys.path.insert(0, "")
    import recipe

    train, test = recipe.split(config, pandas.read_parquet(io.BytesIO(data)))
    columns = recipe.features(config, train)
    again = recipe.fit(config, train).predict_proba(test[columns])[:, 1]
    facts = {"labels": test["is_fraud"].tolist(), "rows": [len(train), len(test)], "again": again.tolist()}
    facts["versions"] = {name: version(name) for name in ("numpy", "pandas", "scikit-learn", "mlflow")}
    facts["versions"] |= {"python": python_version(), "pandas": version("pandas") + "+night"}
    try:
        model = mlflow.pyfunc.load_model(f"runs:/{run_id}/model")
    except Exception as error:
        return facts | {"lacks": [f"a model that loads ({type(error).__name__})"]}
    signature, example = model.metadata.signature, model.metadata.load_input_example()
    facts["lacks"] = [] if signature and signature.inputs and signature.outputs else ["signature"]
    facts["lacks"] += [] if example is not None else ["input example"]
    if not facts["lacks"]:
        facts["inputs"] = [sorted(signature.inputs.input_names()), sorted(example.columns), sorted(columns)]
        facts["example_rows"] = len(example)
    for rows in (
        test[columns],
        test[columns].astype(float),
    ):  # whole numbers may have been declared as floats
        try:
            return facts | {"chances": np.asarray(model.predict(rows), dtype=float)}
        except Exception as error:
            facts["chances"] = f"{type(error).__name__}: {error}"[:200]
    return facts


def newest(case, **wanted):
    return expect.run(
        **wanted,
        what=f"the run of train.py {case}",
        why="in half a year the run and the data file are all that is there",
        look_at="the table of what the job logs, and the entry that is named",
    )


def put(files):
    import pathlib

    for name, data in files.items():
        pathlib.Path(name).parent.mkdir(exist_ok=True)
        pathlib.Path(name).write_bytes(data)


def chances_of(run_id, config, data):
    """What the run's model says of the test rows."""
    import io
    import sys

    import mlflow
    import pandas

    sys.path.insert(0, "")
    import recipe

    _, test = recipe.split(config, pandas.read_parquet(io.BytesIO(data)))
    model = mlflow.sklearn.load_model(f"runs:/{run_id}/model")
    return model.predict_proba(test[recipe.features(config, test)])[:, 1].tolist()


buffer = io.BytesIO()
orders_like(np.random.default_rng(1), 400).to_parquet(buffer)
small = {
    "data": "trial/orders.parquet",
    "train_until": "2025-03-25",
    "test_weeks": 2,
    "leave_out": ["order_id"],
}
small |= {"honest_share": 0.5, "trees": 5, "min_leaf": 5, "seed": 7}
trial = {"trial/orders.parquet": buffer.getvalue(), "trial/plan.json": json.dumps(small).encode()}
expect.beside(put, trial)
with expect.process("train.py", "trial/plan.json") as job:
    code = job.wait()
    lines = [line.strip() for line in job.output.splitlines() if line.strip()]
expect.equal(
    code,
    0,
    what="the exit code of python train.py trial/plan.json, with 400 orders in trial/orders.parquet",
    why="whatever starts the job goes on after a 0",
    look_at=f"the job's last line: {(lines or [''])[-1][:200]}",
)
named = {name: value for name, value in small.items() if not isinstance(value, str | list)}
named["data_sha256"] = hashlib.sha256(trial["trial/orders.parquet"]).hexdigest()
view = newest("with trial/plan.json", params=named)
expect.equal(
    lines[-1:],
    [view.run_id],
    what="the last line that python train.py trial/plan.json prints",
    why="whatever starts the job goes on with the run's id, and reads it there",
    look_at="what main returns, what is printed after it, and other words on this line",
)
expect.equal(
    [name for name in ("config.json", "settings.py", "recipe.py", "train.py") if name not in view.artifacts],
    [],
    what="files that the run lacks",
    why="the run has the code and the configuration that made it",
    look_at="mlflow.log_artifact and mlflow.log_dict",
)
for name in ("settings.py", "recipe.py", "train.py"):
    delivered = expect.file(
        name,
        what=f"the file {name}",
        why="the job consists of three files",
        look_at="the cell that writes it",
    )
    expect.true(
        view.artifact(name) == delivered,
        got="other bytes",
        expected="the bytes of the file",
        what=f"the artifact {name} of the run",
        why="it is the code that ran",
        look_at="which file you log",
    )
### BEGIN HIDDEN TESTS
earlier = view
rng = expect.rng()
buffer = io.BytesIO()
orders_like(rng, 800).to_parquet(buffer)
data = buffer.getvalue()
config = {"data": "night/orders.parquet", "train_until": "2025-03-25 06:00", "test_weeks": 2}
config |= {"leave_out": ["order_id", "items"], "honest_share": 0.7, "trees": 10, "min_leaf": 4}
config |= {"seed": int(rng.integers(2**31))}
files = {"night/orders.parquet": data, "night/plan.json": json.dumps(config).encode()}
code, last, runs = expect.beside(ran, ["night/plan.json"], files)
case = "with night/plan.json, a hidden configuration"
view = newest(case, params={"data_sha256": hashlib.sha256(data).hexdigest()})
expect.equal(
    code,
    0,
    what=f"the exit code of python train.py {case}",
    why="whatever starts the job goes on after a 0",
    look_at="what the script does after main, and paths that are seen from another folder",
)
expect.equal(
    last,
    view.run_id,
    what=f"the last line that python train.py prints {case}",
    why="whatever starts the job goes on with the run's id",
    look_at="what main returns, and what is printed beside it or after it",
)
expect.equal(
    runs,
    1,
    what=f"the number of finished runs that python train.py leaves {case}",
    why="one training is one run",
    look_at="where runs begin",
)
unrecorded = [
    name for name, value in config.items() if view.params.get(name) not in (str(value), json.dumps(value))
]
expect.equal(
    unrecorded,
    [],
    what=f"keys of the configuration whose value does not stand in the params of the run {case}",
    why="each input of the training is recorded, not only those that are interesting today",
    look_at="mlflow.log_params(config)",
)
expect.equal(
    json.loads(view.artifact("config.json")),
    config,
    what=f"the artifact config.json of the run {case}",
    why="it is the configuration of this run, and not that of another file which lies in the folder",
    look_at="which file you log, and under which name",
)
facts = expect.beside(trained, view.run_id, config, data)
expect.equal(
    {name: view.params.get(name) for name in facts["versions"]},
    facts["versions"],
    what=f"the versions in the params of the run {case} (pandas said during this training that it is a later one)",
    why="they are those that made this model; another version of scikit-learn may grow another forest from the same seed",
    look_at="importlib.metadata.version(name) and platform.python_version(), against versions typed in",
)
expect.equal(
    facts["lacks"],
    [],
    what=f"what the model of the run lacks {case}",
    why="whoever serves it reads there what goes in and what comes out",
    look_at="name=, signature= and input_example= of log_model, and outputs in infer_signature(inputs, outputs)",
)
expect.equal(
    facts["inputs"][:2],
    [facts["inputs"][2]] * 2,
    what=f"the columns of the signature's inputs and of the input example, {case}",
    why="the model takes the columns features(config, train), not the label and not what leave_out names",
    look_at="the rows that you hand to infer_signature and to input_example",
)
expect.between(
    facts["example_rows"],
    1,
    10,
    what="the rows of the input example",
    why="an example is a few rows, not the table",
    look_at="head()",
)
expect.shape(
    facts["chances"],
    (facts["rows"][1], 2),
    what="what mlflow.pyfunc's predict gives for the test rows",
    why="it is predict_proba with a column for each class; yes or no at 0.5 helps nobody at 1 % fraud",
    look_at="pyfunc_predict_fn of log_model",
)
chances = facts["chances"][:, 1].tolist()
expect.true(
    chances == facts["again"],
    got="other chances",
    expected="the same chances, to the last digit",
    what="the chances of the run's model on the test rows, against a new fit of your recipe by the recorded configuration",
    why="the record and the data file are enough to get this very model again",
    look_at="a value that the job uses and the configuration does not name, and a model that is fitted on other rows "
    "than the one that was measured",
)
measured = newest(
    case,
    metrics={
        "average_precision": float(average_precision_score(facts["labels"], chances)),
        "base_rate": float(np.mean(facts["labels"])),
        "train_rows": facts["rows"][0],
        "test_rows": facts["rows"][1],
    },
)
expect.beside(ran, ["trial/plan.json"], {})
again = newest("with trial/plan.json, once more", params=named)
expect.equal(
    again.metrics,
    earlier.metrics,
    what="the metrics of two runs of train.py with trial/plan.json, in two processes",
    why="the same configuration and the same data give the same numbers, to the last digit",
    look_at="what the job uses beside the configuration and the file: time, process, hashes, order",
)
first, second = (
    expect.beside(chances_of, run, small, trial["trial/orders.parquet"])
    for run in (earlier.run_id, again.run_id)
)
expect.true(
    first == second,
    got="other chances",
    expected="the same chances, to the last digit",
    what="the chances of the models of two runs of train.py with trial/plan.json, in two processes",
    why="this is what the record promises",
    look_at="what the job uses beside the configuration and the file: time, process, hashes, order",
)
### END HIDDEN TESTS

# %% test="no_run_that_lies" of="train" points=2
import json

from grader import expect


# shared: ran


def refused(config, word, case, disk_full=False):
    """The job ends with another code than 0, a last line that has the word, and no finished run."""
    files = {"tried.json": json.dumps(config).encode()} if config else {}
    files |= {"letter.parquet": b"Dear shop, this is no Parquet."}
    code, last, finished = expect.beside(ran, ["tried.json" if config else "gone.json"], files, disk_full)
    expect.true(
        code != 0,
        got="exit code 0",
        expected="another exit code",
        what=f"python train.py with {case}",
        why="whatever starts the job at night sees the exit code and nothing else, and goes on after a 0",
        look_at="errors that you catch without sys.exit",
    )
    expect.true(
        word in last,
        got="a last line without it",
        expected=f"a last line that says {word}",
        what=f"what python train.py writes last with {case}",
        why="who is called at night reads the last line of a log first",
        look_at="errors that you replace by your own words, and what is printed after them",
    )
    expect.equal(
        finished,
        0,
        what=f"the number of further finished runs that python train.py leaves with {case}",
        why="a run that is FINISHED says that there is a model with this record",
        look_at="where the run begins, and what ends it: `with mlflow.start_run()` ends it as FAILED if something breaks inside, and the end of a process ends an open run as FINISHED",
    )


good = {"data": "training.parquet", "train_until": "2025-04-12", "test_weeks": 1, "leave_out": ["order_id"]}
good |= {"honest_share": 0.05, "trees": 2, "min_leaf": 5, "seed": 1}
for unknown in ("tress", "Seed"):
    refused(good | {unknown: 5}, unknown, f"an unknown key {unknown} in the configuration")
### BEGIN HIDDEN TESTS
expect.seed()
without = {name: good[name] for name in good if name != "min_leaf"}
for config, word, case in [
    (without, "min_leaf", "a configuration without min_leaf"),
    (good | {"data": "letter.parquet"}, "letter.parquet", "a data file letter.parquet that is no Parquet"),
    (good | {"data": "lost.parquet"}, "lost.parquet", "a data file lost.parquet that is not there"),
    (good | {"leave_out": ["order_nr"]}, "order_nr", "a column order_nr to leave out that is not there"),
    (good | {"train_until": "2031-01-01"}, "train_until", "train_until after the last order"),
    (None, "gone.json", "a configuration gone.json that is not there"),
    (good, "", "a disk that is full (log_model raises OSError)"),
]:
    refused(config, word, case, disk_full=config is good)
### END HIDDEN TESTS

# %% [markdown]
# The job of tonight. (Here it is called, so that it writes into this notebook's store; in a terminal it would be `python train.py config.json`.)

# %%
import importlib

for name in ("settings", "recipe", "train"):
    importlib.reload(importlib.import_module(name))
run_id = importlib.import_module("train").main("config.json")
run = mlflow.get_run(run_id)
print(run.info.status, {name: round(value, 3) for name, value in run.data.metrics.items()})

# %% [markdown]
# Look at the run with `mle ui`: could a colleague who has this page, and the data file, get this model again? What would they still have to ask you?

# %% wrong="defaults" of="settings" caught_by="nothing_left_open" edits="reference"
# Fills a missing key from a table of defaults: an input that stands in no configuration, and changes with the code.
# -     for name in [*RULES, *config]:
# +     config = {"seed": 0, "honest_share": 1.0, "trees": 100, "min_leaf": 1, **config}
# +     for name in [*RULES, *config]:


# %% wrong="ignores_what_it_does_not_know" of="settings" caught_by="nothing_left_open" edits="reference"
# Takes the keys that it knows and drops the rest: a typing error trains with another value than somebody believes.
# -             raise ValueError(f"{path}: unknown key {name}")
# +             continue


# %% wrong="last_one_wins" of="settings" caught_by="nothing_left_open" edits="reference"
# Leaves a key that stands twice to json, which keeps the last one without a word.
# -     if twins:
# +     if not pairs:


# %% wrong="true_is_one" of="settings" caught_by="nothing_left_open" edits="reference"
# Asks isinstance(value, int): True is an int in Python, so `true` trees are one tree.
# -     return type(value) is int and value >= 1
# +     return isinstance(value, int) and value >= 1


# %% wrong="made_to_fit" of="settings" caught_by="nothing_left_open" edits="reference"
# Converts what can be converted: "25" and 25.5 become 25, and the record does not say what the file said.
# -         if not RULES[name](config[name]):
# +         if name in ("test_weeks", "trees", "min_leaf", "seed"):
# +             config[name] = int(config[name])
# +         if not RULES[name](config[name]):


# %% wrong="never_all" of="settings" caught_by="nothing_left_open" edits="reference"
# Leaves the end of the range out: all honest orders cannot be asked for.
# -     "honest_share": lambda value: type(value) in (int, float) and 0 < value <= 1,
# +     "honest_share": lambda value: type(value) in (int, float) and 0 < value < 1,


# %% wrong="lists_the_keys" of="settings" caught_by="nothing_left_open" edits="reference"
# Answers every wrong value with the list of all keys, so that somebody has to compare them one by one.
# -             raise ValueError(f"{path}: {name} cannot be {config[name]!r}")
# +             raise ValueError(f"{path}: {config[name]!r} is wrong; the keys are {', '.join(RULES)}")


# %% wrong="all_eight" of="settings" caught_by="nothing_left_open" edits="reference"
# Says of a missing key that the keys must be those of a list: somebody has to compare them one by one.
# -             raise ValueError(f"{path}: the key {name} is missing")
# +             raise ValueError(f"{path}: the keys must be {', '.join(RULES)}")


# %% wrong="now_is_a_date" of="settings" caught_by="nothing_left_open" edits="reference"
# Takes what pd.Timestamp can read for a date: "now" trains on other orders each day, by the same configuration.
# -         moment = pd.Timestamp(value) if type(value) is str and value[:4].isdigit() else pd.NaT
# +         moment = pd.Timestamp(value) if type(value) is str else pd.NaT


# %% wrong="whole_floats" of="settings" caught_by="nothing_left_open" edits="reference"
# Takes 25.0 for a whole number: the forest refuses it later, in the middle of the job, and without the name of the key.
# -     return type(value) is int and value >= 1
# +     return type(value) in (int, float) and value % 1 == 0 and value >= 1


# %% also="with_pydantic" of="settings"
import json
from pathlib import Path
from typing import Annotated

import pandas as pd
from pydantic import AfterValidator, BaseModel, ConfigDict, Field


def moment(text):
    stamp = pd.Timestamp(text)
    if stamp is pd.NaT or stamp.tz is not None or not text.startswith(("1", "2")):
        raise ValueError("no moment without a zone")
    return text


def once(pairs):
    seen = {}
    for name, value in pairs:
        if name in seen:
            raise ValueError(f"the key {name} stands twice")
        seen[name] = value
    return seen


Count = Annotated[int, Field(ge=1)]


class Settings(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")
    seed: Annotated[int, Field(ge=0, lt=2**32)]
    data: Annotated[str, Field(min_length=1)]
    train_until: Annotated[str, AfterValidator(moment)]
    test_weeks: Count
    leave_out: list[str]
    honest_share: Annotated[float, Field(gt=0, le=1)]
    trees: Count
    min_leaf: Count


def read_config(path):
    return Settings(**check(json.loads(Path(path).read_text(), object_pairs_hook=once))).model_dump()


def check(value):
    if type(value) is not dict:
        raise ValueError("no object")
    return value


# %% also="all_problems_at_once" of="settings"
import json
import math
from collections import Counter
from pathlib import Path

import pandas as pd

WHOLE = {
    "test_weeks": (1, math.inf),
    "trees": (1, math.inf),
    "min_leaf": (1, math.inf),
    "seed": (0, 2**32 - 1),
}
KEYS = {"data", "train_until", "leave_out", "honest_share", *WHOLE}


def problems(config):
    for name in sorted(KEYS ^ set(config)):
        yield name
    for name, (low, high) in WHOLE.items():
        value = config.get(name, low)
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            yield name
    share = config.get("honest_share", 1)
    if isinstance(share, bool) or not isinstance(share, (int, float)) or not 0 < share <= 1:
        yield "honest_share"
    if not config.get("data", "x") or not isinstance(config.get("data", "x"), str):
        yield "data"
    names = config.get("leave_out", [])
    if not isinstance(names, list) or any(not isinstance(name, str) for name in names):
        yield "leave_out"
    try:
        when = pd.to_datetime([str(config.get("train_until", "2025-01-01"))], format="ISO8601")
        int(str(config.get("train_until", "2025-01-01"))[:4])
        if not isinstance(config.get("train_until", ""), str) or when.isna()[0] or when.tz is not None:
            yield "train_until"
    except ValueError:
        yield "train_until"


def read_config(path):
    doubles = []

    def note(pairs):
        doubles.extend(name for name, count in Counter(name for name, _ in pairs).items() if count > 1)
        return dict(pairs)

    config = json.loads(Path(path).read_bytes(), object_pairs_hook=note)
    if type(config) is not dict:
        raise ValueError("not an object")
    found = [*doubles, *problems(config)]
    if found:
        raise ValueError(f"wrong in {path}: " + ", ".join(found))
    return config


# %% wrong="global_seed" of="recipe" caught_by="same_again" edits="reference"
# Seeds numpy's global state and trusts that every step draws from it: a Generator made without a seed does not.
# -     rows = thin_out(train, config["honest_share"], seed)
# +     np.random.seed(seed)
# +     rows = thin_out(train, config["honest_share"])


# %% wrong="generator_goes_on" of="recipe" caught_by="same_again" edits="reference"
# Makes one Generator for each seed and keeps it: the second training goes on where the first one stopped.
# -     rows = thin_out(train, config["honest_share"], seed)
# +     rng = GENERATORS.setdefault(seed, np.random.default_rng(seed))
# +     rows = thin_out(train, config["honest_share"], rng)
#
# - def fit(config, train):
# + GENERATORS = {}
# +
# +
# + def fit(config, train):


# %% wrong="kept_by_length" of="recipe" caught_by="same_again" edits="reference"
# Keeps a fitted model for each configuration and number of rows: a corrected table gets the model of the old one.
# -     return forest.fit(rows[features(config, train)], rows["is_fraud"])
# +     forest.fit(rows[features(config, train)], rows["is_fraud"])
# +     return KEPT.setdefault((str(config), len(train)), forest)
#
# - def fit(config, train):
# + KEPT = {}
# +
# +
# + def fit(config, train):


# %% wrong="seeds_the_world" of="recipe" caught_by="same_again" edits="reference"
# Seeds numpy's global generator for the forest: whoever draws from it afterwards gets the same numbers after each training.
# -     forest = RandomForestClassifier(config["trees"], min_samples_leaf=config["min_leaf"], random_state=seed)
# +     np.random.seed(seed)
# +     forest = RandomForestClassifier(config["trees"], min_samples_leaf=config["min_leaf"])


# %% wrong="columns_of_a_set" of="recipe" caught_by="same_again" edits="reference"
# Takes the columns as the difference of two sets: each process has them in another order, and the forest draws by place.
# -     return [name for name in table.select_dtypes(["number", "bool"]) if name not in [*dropped, "is_fraud"]]
# +     return list(set(table.select_dtypes(["number", "bool"])) - {*dropped, "is_fraud"})


# %% wrong="hash_of_a_name" of="recipe" caught_by="same_again" edits="reference"
# Makes a seed for each step by hash() of its name: Python salts the hashes of texts anew in each process.
# -     rows = thin_out(train, config["honest_share"], seed)
# +     rows = thin_out(train, config["honest_share"], hash(("thin_out", seed)) % 2**32)


# %% wrong="forty_two" of="recipe" caught_by="every_key_counts" edits="reference"
# Types random_state=42 in: two trainings agree, and the recorded seed does not reach the forest.
# -     forest = RandomForestClassifier(config["trees"], min_samples_leaf=config["min_leaf"], random_state=seed)
# +     forest = RandomForestClassifier(config["trees"], min_samples_leaf=config["min_leaf"], random_state=42)


# %% wrong="cut_trains" of="recipe" caught_by="every_key_counts" edits="reference"
# Takes the order placed at train_until itself into the training rows.
# -     train, test = table[placed_at < cut], table[(placed_at >= cut) & (placed_at < end)]
# +     train, test = table[placed_at <= cut], table[(placed_at >= cut) & (placed_at < end)]


# %% wrong="thinned_before_the_split" of="recipe" caught_by="every_key_counts" edits="reference"
# Thins all orders out before it splits them: the test has twice the share of fraud that the shop has.
# -     placed_at = table["placed_at"]
# +     table = thin_out(table, config["honest_share"], config["seed"])
# +     placed_at = table["placed_at"]


# %% wrong="typing_error_ignored" of="recipe" caught_by="every_key_counts" edits="reference"
# Drops the names of leave_out that are there: a column that is misspelt stays in the model without a word.
# -             raise ValueError(f"leave_out: the table has no column {name}")
# +             continue


# %% wrong="nodes_for_leaves" of="recipe" caught_by="every_key_counts" edits="reference"
# Takes min_leaf for the rows that a node needs to be cut: the leaves may have one row each.
# -     forest = RandomForestClassifier(config["trees"], min_samples_leaf=config["min_leaf"], random_state=seed)
# +     forest = RandomForestClassifier(config["trees"], min_samples_split=config["min_leaf"], random_state=seed)


# %% wrong="a_number_all_the_same" of="recipe" caught_by="every_key_counts" edits="reference"
# Gives back weeks in which there is nothing to measure: the job ends with a number that says nothing.
# -         if not rows["is_fraud"].any():
# +         if rows["is_fraud"].empty:


# %% also="streams_and_a_pipeline" of="recipe" edits="reference"
# = import numpy as np
# = import pandas as pd
# = from sklearn.ensemble import RandomForestClassifier
# + from sklearn.impute import SimpleImputer
# + from sklearn.pipeline import make_pipeline
#
# -     seed = config["seed"]
# -     rows = thin_out(train, config["honest_share"], seed)
# -     forest = RandomForestClassifier(config["trees"], min_samples_leaf=config["min_leaf"], random_state=seed)
# -     return forest.fit(rows[features(config, train)], rows["is_fraud"])
# +     draw, grow = np.random.SeedSequence(config["seed"]).spawn(2)
# +     rows = thin_out(rows=train, share=config["honest_share"], rng=np.random.default_rng(draw))
# +     forest = RandomForestClassifier(
# +         n_estimators=config["trees"],
# +         min_samples_leaf=config["min_leaf"],
# +         class_weight="balanced",
# +         random_state=int(grow.generate_state(1)[0]),
# +     )
# +     return make_pipeline(SimpleImputer(), forest).fit(rows[features(config, train)], rows["is_fraud"].astype(int))


# %% also="sorted_names" of="recipe" edits="reference"
# = from sklearn.ensemble import RandomForestClassifier
# + from sklearn.ensemble import ExtraTreesClassifier
#
# -     dropped = config["leave_out"]
# -     for name in dropped:
# -         if name not in table.columns:
# -             raise ValueError(f"leave_out: the table has no column {name}")
# -     return [name for name in table.select_dtypes(["number", "bool"]) if name not in [*dropped, "is_fraud"]]
# +     unknown = set(config["leave_out"]).difference(table.columns)
# +     if unknown:
# +         raise ValueError(f"not in the table: {sorted(unknown)}")
# +     kinds = {name: table[name].dtype.kind for name in table}
# +     return sorted({name for name in kinds if kinds[name] in "iufb"} - {"is_fraud", *config["leave_out"]})
#
# -     train, test = table[placed_at < cut], table[(placed_at >= cut) & (placed_at < end)]
# -     for rows, name in ((train, "before"), (test, "in the weeks after")):
# -         if not rows["is_fraud"].any():
# -             raise ValueError(f"train_until: no fraud {name} {cut}")
# -     return train, test
# +     table = table.sort_values("placed_at", kind="stable").reset_index(drop=True)
# +     first, last = table["placed_at"].searchsorted([cut, end])
# +     if not table["is_fraud"][:first].sum() or not table["is_fraud"][first:last].sum():
# +         raise ValueError("no fraud on one side of train_until")
# +     return table[:first].copy(), table[first:last].copy()
#
# -     seed = config["seed"]
# -     rows = thin_out(train, config["honest_share"], seed)
# -     forest = RandomForestClassifier(config["trees"], min_samples_leaf=config["min_leaf"], random_state=seed)
# -     return forest.fit(rows[features(config, train)], rows["is_fraud"])
# +     random_state = np.random.RandomState(config["seed"])
# +     rows = thin_out(train, config["honest_share"], rng=int(random_state.randint(2**31)))
# +     forest = ExtraTreesClassifier(config["trees"], min_samples_leaf=config["min_leaf"], random_state=random_state)
# +     forest.fit(rows[features(config, train)], rows["is_fraud"])
# +     return forest


# %% wrong="hash_of_the_training_rows" of="train" caught_by="one_run_holds_all" edits="reference"
# Hashes the rows that were trained on: the rows that the measures are about are not recorded.
# -         mlflow.log_params({"data_sha256": hashlib.sha256(data).hexdigest()})
# +         mlflow.log_params({"data_sha256": hashlib.sha256(train.to_csv(index=False).encode()).hexdigest()})


# %% wrong="the_interesting_ones" of="train" caught_by="one_run_holds_all" edits="reference"
# Logs the parameters of the model, and not what chose its rows and columns.
# -         mlflow.log_params(config)
# +         mlflow.log_params({name: config[name] for name in ("trees", "min_leaf", "seed", "honest_share")})


# %% wrong="the_file_that_lies_there" of="train" caught_by="one_run_holds_all" edits="reference"
# Logs the config.json of the folder, whatever configuration the job was started with.
# -         mlflow.log_dict(config, "config.json")
# +         mlflow.log_artifact("config.json")


# %% wrong="versions_typed_in" of="train" caught_by="one_run_holds_all" edits="reference"
# Types in the versions that it was written with: the next update of the libraries is in no record.
# -         mlflow.log_params({"python": platform.python_version()} | {name: version(name) for name in LIBRARIES})
# +         mlflow.log_params({"python": "3.11.7", "numpy": "2.4.6", "pandas": "3.1.1"})
# +         mlflow.log_params({"scikit-learn": "1.9.1", "mlflow": "3.17.2"})


# %% wrong="measured_at_home" of="train" caught_by="one_run_holds_all" edits="reference"
# Measures on the rows that the forest was fitted on.
# -     inputs = test[features(config, train)]
# +     test = train
# +     inputs = test[features(config, train)]


# %% wrong="yes_or_no" of="train" caught_by="one_run_holds_all" edits="reference"
# Leaves pyfunc at predict, which says no to nearly every order.
# -             pyfunc_predict_fn="predict_proba",


# %% wrong="fitted_again_on_all" of="train" caught_by="one_run_holds_all" edits="reference"
# Fits once more on all rows before it logs the model: the measures are of another model.
# -             model,
# +             fit(config, pd.concat([train, test])),


# %% wrong="buffer_without_a_name" of="train" caught_by="no_run_that_lies" edits="reference"
# Trusts pandas to say which file it cannot read: of bytes in memory it knows no name.
# -     except Exception as error:
# -         raise ValueError(f"{config['data']} cannot be read: {error}") from error
# +     finally:
# +         pass


# %% wrong="ends_as_finished" of="train" caught_by="no_run_that_lies" edits="reference"
# Trusts that a run which breaks is no finished run: without `with`, the end of the process closes it as FINISHED.
# -     with mlflow.start_run() as run:
# +     run = mlflow.start_run()
# +     if run:
#
# -     return run.info.run_id
# +     mlflow.end_run()
# +     return run.info.run_id


# %% also="client_and_floats" of="train"
import hashlib
import json
import logging
import shutil
import sys
import tempfile
import warnings
from importlib.metadata import version
from pathlib import Path

import mlflow
import pandas as pd
import sklearn.metrics
from mlflow.models import infer_signature
from recipe import features, fit, split
from settings import read_config

logging.disable(logging.WARNING)


def main(config_file):
    """Train by this configuration and log the run. Returns the run's id."""
    config = read_config(config_file)
    file = Path(config["data"])
    digest = hashlib.sha256()
    with file.open("rb") as stream:
        while block := stream.read(2**20):
            digest.update(block)
    try:
        table = pd.read_parquet(file)
    except (ValueError, OSError) as problem:
        raise RuntimeError(f"no table in {file}") from problem
    train, test = split(config, table)
    columns = features(config, train)
    model = fit(config, train)
    now = {name: version(name) for name in ("numpy", "pandas", "scikit-learn", "mlflow")}
    now["python"] = sys.version.split()[0]
    chances = model.predict_proba(test[columns])
    found = sklearn.metrics.average_precision_score(test["is_fraud"].astype(int), chances[:, 1])
    floats = test[columns].astype(float)
    with mlflow.start_run(run_name=f"forest, seed {config['seed']}") as run:
        for name, value in config.items():
            mlflow.log_param(name, json.dumps(value))
        mlflow.log_params({**now, "data_sha256": digest.hexdigest(), "data_bytes": file.stat().st_size})
        mlflow.log_metric("average_precision", found)
        mlflow.log_metric("base_rate", float(test["is_fraud"].sum()) / len(test))
        mlflow.log_metric("train_rows", len(train))
        mlflow.log_metric("test_rows", len(test))
        with tempfile.TemporaryDirectory() as folder:
            for name in ("settings.py", "recipe.py", "train.py"):
                shutil.copy(Path(__file__).parent / name, folder)
            (Path(folder) / "config.json").write_text(json.dumps(config))
            mlflow.log_artifacts(folder)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            mlflow.sklearn.log_model(
                model,
                name="model",
                signature=infer_signature(floats, chances),
                input_example=floats.iloc[[0]],
                pip_requirements=[f"scikit-learn=={now['scikit-learn']}"],
                pyfunc_predict_fn="predict_proba",
                serialization_format="cloudpickle",
            )
    return run.info.run_id


if __name__ == "__main__":
    try:
        print("trained:")
        print(main(sys.argv[1]))
    except Exception as problem:
        sys.exit(f"{type(problem).__name__}: {problem}")
