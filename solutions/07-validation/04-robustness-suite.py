# ---
# title: "Which models must never reach the shop's door?"
# minutes: 60
# data: [tidewater]
# needs: [leakproof-pipeline]
# runs_on: []
# limit_seconds: 60
# sources:
#   - "Ribeiro, Wu, Guestrin, Singh (2020), Beyond accuracy: behavioral testing of NLP models with CheckList, ACL 2020, section 2: minimum functionality,
#     invariance and directional expectation tests"
#   - "Breck, Cai, Nielsen, Salib, Sculley (2017), The ML test score: a rubric for ML production readiness and technical debt reduction, IEEE Big Data,
#     section on tests for ML infrastructure"
#   - "pytest documentation: exit codes; writing plugins, hook functions; how to use fixtures"
#   - "docs/world.md of this course: how an order comes about, and what fraud looks like"
# hints:
#   - "Go through the contract line by line: each line is one test, and each test is one change of the sample and one comparison. Compare in the logit, with room for what the
#     contract allows. The gate: what does pytest tell to whom, and which of its answers are neither a pass nor a failure?"
#   - "Invariance: largest distance of two logits below a limit between 0.05 and 0.3; parametrize over changes of the frame, and score each order alone. Direction: set a column to two values in all
#     orders and take the mean of the difference. Minimum function: build frames of the given orders with pd.DataFrame([REGULAR, TEXTBOOK]), pytest.raises for what is refused. The gate: an
#     object with pytest_runtest_logreport among the plugins, and --continue-on-collection-errors."
#   - "same: assert np.abs(after - before).max() < 0.15. Alone: np.concatenate([logit(model, orders.iloc[[k]]) for k in range(len(orders))]). Up: (logit(model, orders.assign(attempts=4)) - logit(model,
#     orders.assign(attempts=1))).mean() > 0.1. The gate: keep the reports whose when is 'call' or whose outcome is not 'passed'; a file counts as run if one of its tests passed."
# ---

# %% [markdown]
# # Which models must never reach the shop's door?
#
# Each week a job fits the fraud model of Tidewater anew, on another computer, with whatever versions of the libraries are there that night. The average precision of the new model is as good as ever. In March it was as good as ever,
# too, when a new join had put the columns into another order *in the service alone*; in April when the model had learned `order_id`, which grows with time and means nothing for tomorrow's orders; and in May when an order without an amount came, and
# the answer was no number at all.
#
# None of that shows in a score on held-out rows: the rows of the test set come from the same table, in the same form, all in one batch. What shows it are **behaviour tests**: change an order in a way of which you know what it must do to
# the answer, and look whether it does. Ribeiro and others (2020) name three kinds: **invariance** (the answer stays), **direction** (the answer goes up), and **minimum function** (simple cases that every model has to get right).
#
# You write the suite, in three files of ordinary pytest, and the gate that runs it before a model is let in. Your tests are judged as tests should be: by the broken models that they stop, and by the good ones that they let through.

# %%
import grader

grader.begin("robustness-suite")

import io
import logging
from contextlib import redirect_stderr, redirect_stdout

import mlflow
import numpy as np
import pandas as pd
import pytest

logging.getLogger("mlflow").setLevel(logging.ERROR)
start = grader.start_from("point-in-time")
COLUMNS = ["order_id", "customer_id", "placed_at", "amount", "items", "channel"]
COLUMNS += ["ship_country", "address_age_days", "device", "device_known", "card_country", "attempts"]
training = pd.read_parquet(start.path("training.parquet"))
orders = training[COLUMNS].sample(20, random_state=2)
orders.iloc[:3].T

# %% [markdown]
# ## The contract
#
# A **model** is an object with `predict_proba(orders)`. `orders` is a DataFrame with the twelve columns above; `amount` is in euros. Your tests know nothing else of it: next week it may be another library, other weights, another share of
# fraud in its training rows. What every good model of Tidewater promises stands in these three tables, and **nothing else is promised**.
#
# All comparisons of answers are in the **logit**, ln(p / (1 - p)) of p, the second column of the answer. One model answers around 0.0005, and another, that was fitted on as many frauds as honest orders, around 0.6: a difference of 0.01 is
# everything to the first and nothing to the second, while the logit treats them alike. Good models are not exact, either: one computes in float32, one averages random passes.
#
# **1. What does not matter.** The logit of **each** order stays within 0.05. (A model that breaks a line moves it by 0.3 or more, in at least one order of ten of the sample. It may break a line in one column, or with one value, alone: which one is drawn anew at each check.)
#
# | line | what may change |
# | --- | --- |
# | `again` | nothing: the same orders are scored a second time |
# | `order_id`, `customer_id` | the whole numbers in these columns |
# | `other rows` | which other orders are in the batch, how many, and in which order they stand. An order alone, as a batch of one row, is the case at the shop's door, also for one without an amount |
# | `index` | the labels of the rows: other numbers, words, equal ones. The answer's rows are in the order of the frame's rows, whatever their labels are |
# | `columns` | the order of the columns, and further columns of any name, of numbers or of words, in front or behind |
# | `country` | upper or lower case of `card_country` and `ship_country`, and blanks before or behind: `" de "` is `"DE"` |
# | `numbers` | `items`, `attempts`, `address_age_days` come as int64, int32 or float64, one of them or all |
# | `words` | `channel`, `device` and the two countries come as str, object or category, one of them or all |
# | `year` | the same hour of the same weekday, 52 weeks later |
# | `zone` | the same moments in another time zone, such as Asia/Tokyo, with the zone in the dtype. Without a zone they are UTC |
#
# The promise holds for several of these changes at once, too.
#
# **2. What goes up.** Set a column to one value in *all* orders of the sample, then to the other, and leave the rest as it is. The **mean of the logit over the orders** is higher by at least 0.15; in a model that breaks a line it rises by less than 0.05, or falls. (Single orders may go the other way: a forest may have learned that many items and
# many attempts are an office.)
#
# | line | from | to |
# | --- | --- | --- |
# | `attempts` | 1 | 2, 3, 4 or 5: each of them against 1 |
# | `device_known` | True | False |
# | `address_age_days` | 400 | 0 or 1: each of them against 400 |
# | `card_country` | the order's own `ship_country` | one far away, US, BR, IN, NG, ID, VN, TR, MX, ZA or PH: each of them against `ship_country` |
#
# That is all. A higher amount promises no direction: stolen cards buy dear things, and card testing pays two euros. Nor do items, device, channel, hour and weekday; a good model may use them or leave them. So a test that demands that the
# device does *not* matter stops good models.
#
# **3. What every model can do.**
#
# | line | promise |
# | --- | --- |
# | `shape` | an array of shape (rows, 2); all numbers finite, from 0 to 1; each row sums to 1 within 0.00001 |
# | `one and none` | a batch of one row gives shape (1, 2), a batch without rows (0, 2) |
# | `missing amount` | an order without an amount (NaN) gets a probability, also where no order of the batch has one |
# | `unseen word` | so does one with a word that nobody has seen, in `card_country`, `ship_country`, `channel` or `device` |
# | `textbook` | the odds p / (1 - p) of the textbook's stolen card are at least four times those of the regular customer |
# | `card testing` | so are those of the stolen card that is tried with two euros |
# | `refused` | a negative amount raises `ValueError`, also in one order of many. A frame without the column `attempts`, or without `card_country`, raises `KeyError` or `ValueError`: no model may make up an input |
# | `untouched` | the caller's frame is afterwards as it was: values, columns, dtypes |
#
# The three orders that the last table speaks of:

# %%
REGULAR = {
    "order_id": 9_000_001,
    "customer_id": 200_001,
    "placed_at": pd.Timestamp("2025-05-14 12:00"),
    "amount": 45.0,
    "items": 1,
    "channel": "web",
    "ship_country": "DE",
    "address_age_days": 800,
    "device": "android",
    "device_known": True,
    "card_country": "DE",
    "attempts": 1,
}
STOLEN = {"device_known": False, "card_country": "NG", "attempts": 4}
TEXTBOOK = REGULAR | STOLEN | {"placed_at": pd.Timestamp("2025-05-14 03:00"), "amount": 400.0}
TESTING = REGULAR | STOLEN | {"amount": 1.9, "address_age_days": 0}

# %% [markdown]
# ## Something to try your tests on
#
# A good model, written by hand, and three broken ones. `try_suite("test_invariance.py", Scorecard())` runs a file of tests on a model and shows what pytest says. The hidden models are others: four good ones, and seven to eighteen broken ones for each file.


# %%
class Scorecard:
    """A good model: it keeps the whole contract."""

    def logits(self, orders):
        if (orders["amount"] < 0).any():
            raise ValueError("a negative amount")
        card, ship = (
            orders[name].astype(object).str.strip().str.upper() for name in ("card_country", "ship_country")
        )
        zoned = pd.to_datetime(orders["placed_at"], utc=True)
        amount = orders["amount"].fillna(45.0)
        z = (
            -5.0
            + 0.7 * (orders["attempts"].astype(float) - 1)
            + 1.8 * card.isin("US BR IN NG ID VN TR MX ZA PH".split())
        )
        z += 1.1 * ~orders["device_known"].astype(bool) + 1.2 / (
            1 + orders["address_age_days"].astype(float) / 10
        )
        return (
            z
            + 0.4 * np.log((amount / 45).clip(1))
            + 1.0 * (amount < 5)
            + 0.6 * (zoned.dt.hour < 6)
            + 0.5 * (card != ship)
        )

    def predict_proba(self, orders):
        p = 1 / (1 + np.exp(-self.logits(orders).to_numpy(dtype=float)))
        return np.column_stack([1 - p, p])  # (n, 2)


class LearnedTheNumber(Scorecard):
    def logits(self, orders):
        return super().logits(orders) + 0.5 * np.sin(orders["order_id"])


class LikesManyAttempts(Scorecard):
    def logits(self, orders):
        return super().logits(orders) - 1.0 * (orders["attempts"].astype(float) - 1)


class NoAmountNoAnswer(Scorecard):
    def logits(self, orders):
        return super().logits(orders).where(orders["amount"].notna())


class Given:
    """Hands the fixtures `model` and `orders` to the tests; `orders` is a fresh copy for each test."""

    def __init__(self, model, orders):
        self._model, self._orders = model, orders

    @pytest.fixture
    def model(self):
        return self._model

    @pytest.fixture
    def orders(self):
        return self._orders.copy()


def try_suite(file, model):
    """Run a file of tests on a model, and print what pytest says."""
    said = io.StringIO()
    with redirect_stdout(said), redirect_stderr(said):
        pytest.main(
            [file, "-q", "--tb=no", "--capture=no", "-p", "no:cacheprovider"], plugins=[Given(model, orders)]
        )
    print(said.getvalue())


# %% [markdown]
# ## 1. What does not matter: `test_invariance.py`
#
# Write tests for the first table. They are ordinary pytest functions with two fixtures of function scope: `model`, one model, and `orders`, a fresh copy of a sample for each test: some 20 orders with the twelve columns, `str` words, int64 numbers, `placed_at` without a zone, unique labels in no order,
# and a few missing amounts. How many tests you write, and how you name them, is yours. Helpers stand in the file; nothing beside Python, NumPy, pandas and pytest is needed.
#
# **How it is judged.** The file runs anew for each hidden model, on hidden orders. It passes a model if at least one test passed and none failed; it stops a model if a test fails, by its assertion or by an error of the model. It has to pass **all** good models, or nothing
# counts; and each line of the table has its broken models, which it has to stop, all of them. A test that only ever sees one change on one column misses what its line says about the others.


# %% answer="invariance" file="test_invariance.py"
import numpy as np
import pandas as pd
import pytest


def logit(model, orders):
    """ln(p / (1 - p)) of each order; float array, shape (n,)."""
    p = np.asarray(model.predict_proba(orders), dtype=float)[:, 1]
    return np.log(p / (1 - p))


### BEGIN SOLUTION
SAME = 0.15  # good models stay within 0.05, broken ones move by 0.3 and more
COUNTRIES, WORDS = ["card_country", "ship_country"], ["channel", "device", "card_country", "ship_country"]
NUMBERS = ["items", "attempts", "address_age_days"]


def zoned(orders):
    return orders.assign(placed_at=orders["placed_at"].dt.tz_localize("UTC").dt.tz_convert("Asia/Tokyo"))


CHANGES = {
    "again": lambda orders: orders,
    "order_id": lambda orders: orders.assign(order_id=orders["order_id"] + 12_345),
    "customer_id": lambda orders: orders.assign(customer_id=orders["customer_id"].to_numpy()[::-1]),
    "index": lambda orders: orders.reset_index(drop=True),
    "index_equal": lambda orders: orders.set_axis(["order"] * len(orders)),
    "columns_reversed": lambda orders: orders[orders.columns[::-1]],
    "further_columns": lambda orders: orders.assign(score=0.5, note="x", rank=range(len(orders))),
    "lower": lambda orders: orders.assign(**{name: orders[name].str.lower() for name in COUNTRIES}),
    "blanks": lambda orders: orders.assign(**{name: " " + orders[name] + " " for name in COUNTRIES}),
    "int32": lambda orders: orders.astype(dict.fromkeys(NUMBERS, "int32")),
    "float64": lambda orders: orders.astype(dict.fromkeys(NUMBERS, "float64")),
    "object": lambda orders: orders.astype(dict.fromkeys(WORDS, object)),
    "category": lambda orders: orders.astype(dict.fromkeys(WORDS, "category")),
    "year": lambda orders: orders.assign(placed_at=orders["placed_at"] + pd.Timedelta(weeks=52)),
    "zone": zoned,
}


def same(before, after):
    assert before.shape == after.shape
    assert np.abs(after - before).max() < SAME


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_does_not_matter(model, orders, change):
    same(logit(model, orders), logit(model, change(orders)))


def test_rows_in_another_order(model, orders):
    place = np.random.default_rng(0).permutation(len(orders))
    same(logit(model, orders)[place], logit(model, orders.iloc[place]))


def test_an_order_alone(model, orders):
    alone = [logit(model, orders.iloc[[place]])[0] for place in range(len(orders))]
    same(logit(model, orders), np.array(alone))


### END SOLUTION


# %% shared="plain"
def plain(q):
    return scorecard(q, weights, -5.2)


def trees(q):
    """Steps; in a sixth of the orders or fewer each mark goes the other way, a little."""
    a, far = q["attempts"], np.isin(q["card"], list(FAR))
    z = -4.4 + np.where(q["items"] > 3, -0.1 * (a > 1), 0.65 * (a > 1) + 0.3 * (a > 2) + 0.3 * (a > 3))
    z = (
        z
        + np.where(q["channel"] == "phone", -0.1, 1.9) * far
        + 0.6 * (q["amount"] > 150)
        + 0.9 * (q["amount"] < 5)
    )
    z = z + np.where(q["channel"] == "partner", -0.1, 1.2) * ~q["known"] + 0.5 * (q["hour"] < 5)
    return z + np.where(q["card"] != q["ship"], -0.1, 0.9) * (q["age"] < 7)


def low(q):
    """As a model calibrated to a low base rate: six tenths of each step, and the hour."""
    return 0.6 * scorecard(q, weights, -12.5) + 0.3 * np.sin(np.pi * q["hour"] / 12)


def noisy(q):
    return scorecard(q, weights, -4.8) + rng.uniform(-0.02, 0.02, len(q["age"]))


def words(q):
    """Uses columns that others leave."""
    z = scorecard(q, weights, 0.4) + 0.25 * np.clip(q["items"] - 2, -1, 4)
    for name in ("channel", "device", "weekday"):
        z = z + np.array([effects.get(word, 0.0) for word in q[name].tolist()])
    return z


# %% shared="read"
def read(asked, refuses=True):
    """What a model reads of the orders: floats, tidy countries, moments in UTC."""
    columns = asked["columns"]
    q = {
        new: np.array([np.nan if value is None else value for value in columns[old]], dtype=float)
        for new, old in {
            "amount": "amount",
            "items": "items",
            "attempts": "attempts",
            "age": "address_age_days",
        }.items()
    }
    for new, old in {"card": "card_country", "ship": "ship_country"}.items():
        q[new] = np.array([str(word).strip().upper() for word in columns[old]], dtype=object)
    for name in ("channel", "device"):
        q[name] = np.array([str(word) for word in columns[name]], dtype=object)
    q["known"] = np.array(columns["device_known"], dtype=bool)
    days = np.array(columns["placed_at"], dtype=float) / 8.64e7
    q["hour"], q["weekday"] = days % 1 * 24, np.floor(days) % 7
    if refuses and (q["amount"] < 0).any():
        raise ValueError("a negative amount")
    return q


def scorecard(q, weights=(0.7, 1.8, 1.1, 1.2, 0.6, 0.4, 1.0, 0.5), base=-5.0):
    """Logits of a good model."""
    amount = np.nan_to_num(q["amount"], nan=45.0)
    marks = [
        np.clip(q["attempts"], 1, 5) - 1,
        np.isin(q["card"], list(FAR)),
        ~q["known"],
        1 / (1 + q["age"] / 10),
    ]
    marks += [q["hour"] < 6, np.log(np.clip(amount / 45, 1, 20)), amount < 5, q["card"] != q["ship"]]
    return base + sum(
        weight * np.asarray(mark, dtype=float) for weight, mark in zip(weights, marks, strict=True)
    )


def answer(logits, shape="", first=1.0, writes=None, dtype="float64"):
    """What goes back to the tests: an array of both probabilities, and what is written into the caller's frame."""
    p = 1 / (1 + np.exp(-logits))
    both = p if shape == "one" else np.column_stack([first * (1 - p), p])
    lengths = [2] if shape == "flat" else list(both.shape)
    return {
        "answer": both.ravel().tolist(),
        "shape": lengths,
        "dtype": dtype,
        "writes": writes or {},
    }


def by_label(asked):
    """Places of the rows in the order of their labels."""
    return np.array(
        sorted(range(asked["rows"]), key=lambda place: asked["index"][place].rjust(20)), dtype=int
    )


def card(asked):
    return answer(scorecard(read(asked)))


# %% shared="sample_of"
def sample_of(seed):
    """20 orders of a shop, some without an amount, with labels in no order."""
    from tidewater import make_world

    world, rng = make_world(seed, days=7, orders_per_day=60), np.random.default_rng(seed % 2**32)
    rows = world.orders.merge(world.payments, on="order_id")[NAMES]
    rows = rows.iloc[rng.permutation(len(rows))[:20]].set_axis(rng.permutation(9000)[:20])
    return rows.assign(amount=rows["amount"].mask(np.arange(20) % 6 == 4))


# %% shared="tried"
def tried(file, ask, count, sample):
    """What pytest says of a file of tests, for each of some models: exit code, passed, the first test that failed."""
    import contextlib
    import importlib
    import io
    import json
    import os
    import pathlib
    import sys

    import numpy as np
    import pandas as pd
    import pytest

    class Model:
        """All that a test sees of a model; the answer itself comes from elsewhere."""

        def __init__(self, key):
            self._key = key

        def predict_proba(self, orders):
            columns, wall = {}, []
            for name, column in orders.items():
                if column.dtype == object and len(column) and isinstance(column.iloc[0], pd.Timestamp):
                    column = pd.to_datetime(column)
                if column.dtype.kind == "M":
                    zone = getattr(column.dtype, "tz", None)
                    local = column.dt.tz_localize(None) if zone is not None else column
                    utc = column.dt.tz_convert("UTC").dt.tz_localize(None) if zone is not None else column
                    column = utc.astype("datetime64[ms]").astype("int64")
                    wall = local.astype("datetime64[ms]").astype("int64").tolist()
                columns[str(name)] = column.tolist()
            asked = {"names": list(columns), "columns": columns, "rows": len(orders), "wall": wall}
            asked["kinds"] = dict(zip(columns, map(str, orders.dtypes), strict=True))
            asked["index"] = [str(label) for label in orders.index]
            said = json.loads(
                ask(
                    self._key,
                    json.dumps(
                        asked, default=lambda value: value.item() if hasattr(value, "item") else str(value)
                    ),
                )
            )
            if "error" in said:
                raise {"KeyError": KeyError, "ValueError": ValueError}.get(said["error"], TypeError)(
                    said["text"]
                )
            for name, values in said["writes"].items():
                orders[name] = values
            return np.array(said["answer"], dtype=said["dtype"]).reshape(said["shape"])

    class Given:
        """One session of pytest; for each model the file is imported, collected and run anew."""

        def __init__(self):
            self.key, self.passed, self.failed, self.results = 0, 0, "", []

        @pytest.fixture
        def model(self):
            return Model(self.key)

        @pytest.fixture
        def orders(self):
            return sample.copy()

        def pytest_collection(self, session):
            return True

        def pytest_runtestloop(self, session):
            for self.key in range(count):
                self.passed, self.failed, session.testsfailed = 0, "", 0
                sys.modules.pop(file.removesuffix(".py"), None)
                items = session.perform_collect()
                code = 2 if session.testsfailed else 0 if items else 5
                for place, item in enumerate([] if code else items):
                    after = items[place + 1] if place + 1 < len(items) else None
                    item.config.hook.pytest_runtest_protocol(item=item, nextitem=after)
                    if self.failed:
                        session._setupstate.teardown_exact(None)
                        break
                self.results.append([1 if self.failed else code, int(self.passed), self.failed[:60]])
                if ask(self.key, "stopped" if code or self.failed or not self.passed else "") == "enough":
                    break
            return True

        def pytest_runtest_logreport(self, report):
            self.passed += report.when == "call" and report.outcome == "passed"
            if report.outcome == "failed":
                self.failed = self.failed or report.nodeid.split("::", 1)[-1]

    if not pathlib.Path(file).is_file():
        return [[-1, 0, ""]]
    importlib.invalidate_caches()
    kept, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    sys.path.insert(0, "")
    alone, os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = (
        os.environ.get("PYTEST_DISABLE_PLUGIN_AUTOLOAD", ""),
        "1",
    )
    off = "cacheprovider unraisableexception threadexception faulthandler doctest junitxml pastebin stepwise debugging setuponly setupplan warnings".split()
    options = [part for name in off for part in ("-p", f"no:{name}")]
    options += ["--assert=plain", "--capture=no", "--tb=no", "--import-mode=importlib", "--noconftest"]
    options += ["-q", "--rootdir=.", "--confcutdir=.", "-c", os.devnull]
    given, said = Given(), io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        code = pytest.main([file, *options], plugins=[given])
    sys.modules.pop(file.removesuffix(".py"), None)
    sys.dont_write_bytecode = kept
    sys.path.remove("")
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = alone
    return given.results or [[int(code), 0, ""]]


def judge(zoo, sample, shuffled):
    """Run the suite on each model of the zoo; what is to hold: tests that run, no good one stopped, no broken one let through."""
    names = np.random.default_rng(shuffled).permutation(list(zoo)).tolist()

    def ask(key, text):
        if not text.startswith("{"):
            return "enough" if text and names[key].startswith("good") else ""
        try:
            return json.dumps(zoo[names[key]](json.loads(text)))
        except (KeyError, ValueError, TypeError, IndexError) as error:
            return json.dumps({"error": type(error).__name__, "text": str(error)})

    found = dict(zip(names, expect.beside(tried, FILE, ask, len(names), sample), strict=False))
    good = {name: result for name, result in found.items() if name.startswith("good")}
    broken = {name: result for name, result in found.items() if not name.startswith("good")}
    code, passed, _ = [*good.values(), *found.values()][0]
    stopped = [name for name, (code, passed, _) in good.items() if code != 0 or passed == 0]
    failed = next((good[name][2] for name in stopped), "")
    missed = [name for name, (code, *_) in broken.items() if code != 1]
    return [
        {
            "condition": code in (0, 1) and (code == 1 or passed > 0),
            "got": {-1: "no such file", 5: "no test", 0: "no test that passed"}.get(
                code, f"pytest's exit code {code}"
            ),
            "expected": "tests that run",
            "what": f"{FILE} on a good model",
            "why": "pytest has to find tests in the file, and to run them",
            "look_at": "the file's name, the names of the functions, which begin with test_, and errors when it is imported",
        },
        {
            "condition": not stopped,
            "got": "a good model stopped",
            "expected": "none stopped",
            "what": f"the good models that {FILE} stops"
            + (f" (a test that fails: {failed}; the model: {TRAITS[stopped[0]]})" if stopped else ""),
            "why": "a gate that stops good models is switched off, and what is not in the contract is no promise",
            "look_at": "that test: does it demand an exact or an absolute score, more than the contract's tolerance, or that an input of use does not matter?",
        },
        {
            "condition": not missed,
            "got": f"{len(missed)} let through",
            "expected": "none let through",
            "what": f"the broken models that {FILE} lets through"
            + (f" ({len(missed)} of {len(broken)}; they break: {'; '.join(missed[:4])})" if missed else ""),
            "why": "each line of the contract is there because a model broke it, and no score on held-out rows showed it",
            "look_at": "your test of that line: does it make the change in every column and with every value of the line, and compare all orders?",
        },
    ]


# %% test="stops_what_does_not_matter" of="invariance" points=4
import json

import numpy as np
import pandas as pd
from grader import expect

FILE = "test_invariance.py"


# shared: tried


TRAITS = {
    "good: a scorecard": "it is the scorecard of the notebook",
    "good: trees": "its steps are those of a forest, in float32, and single orders go the other way",
    "good: noisy": "it averages random passes, so that its logit repeats within 0.04",
    "good: low": "it answers with small probabilities, as fraud is rare",
    "good: words": "it uses device, channel, items and the weekday, and learned from as many frauds as honest orders",
}
NAMES = "order_id customer_id placed_at amount items channel ship_country address_age_days device".split()
NAMES += ["device_known", "card_country", "attempts"]


# shared: sample_of


FAR = frozenset("US BR IN NG ID VN TR MX ZA PH".split())


# shared: read


# Two broken models and a good one, to begin with.
shown = {
    "good: a scorecard": card,
    "order_id": lambda asked: answer(
        scorecard(read(asked)) + 0.6 * np.sin(np.array(asked["columns"]["order_id"]))
    ),
    "index": lambda asked: answer(scorecard(read(asked))[by_label(asked)]),
}
for promise in judge(shown, sample_of(11), 3):
    expect.true(**promise)
### BEGIN HIDDEN TESTS
rng = expect.rng()
sample = sample_of(int(rng.integers(2**60)))
COUNTRIES = "PT ES FR NL DE DK IE IT BE AT SE PL CZ GB CH NO".split() + sorted(FAR)
CHANNELS, DEVICES = ["web", "app", "partner", "phone"], ["android", "ios", "windows", "mac", "other"]
weights = rng.uniform([0.6, 1.6, 0.9, 0.9, 0.3, 0.3, 0.8, 0.2], [0.9, 2.4, 1.4, 1.5, 0.9, 0.6, 1.4, 0.7])
effects = {word: float(rng.uniform(-0.6, 0.6)) for word in [*CHANNELS, *DEVICES, *range(7)]}


# shared: plain


GOOD = {"scorecard": plain, "trees": trees, "low": low, "noisy": noisy, "words": words}
RIGHT = ["trees", "low", "noisy", "words"]


def score(asked, change=0.0, style="scorecard"):
    return answer(GOOD[style](read(asked)) + change, dtype="float32" if style == "trees" else "float64")


def numbers(asked, name):
    return np.array(asked["columns"][name], dtype=float)


def by_place(asked):
    columns = {name: asked["columns"][asked["names"][place]] for place, name in enumerate(NAMES)}
    return score(asked | {"columns": columns}, style="words")


def gaps_from_batch(asked):
    """Fills a missing amount from the batch, where it has one."""
    amount = numbers(asked, "amount")
    filled = np.nan_to_num(amount, nan=60.0 if np.isfinite(amount).any() else 0.0)
    return score(asked, 0.5 * np.log1p(filled), "low")


def unique_labels(asked):
    if len(set(asked["index"])) < asked["rows"]:
        raise ValueError("cannot reindex on an axis with duplicate labels")
    return score(asked, style="words")


def further(asked, whole):
    kinds = [kind for name, kind in asked["kinds"].items() if name not in NAMES]
    return 0.7 * any(kind.startswith(("int", "uint", "float", "bool")) == whole for kind in kinds)


def unknown(asked, name, form):
    return np.array([0.8 * (form(word) not in COUNTRIES) for word in asked["columns"][name]])


def wall_hours(asked):
    hours = np.array(asked["wall"], dtype=float) / 3.6e6 % 24
    return HOURS[hours.astype(int)]


# What a model breaks in one column or one way alone is drawn: a suite has to try each of them.
one, other = rng.permutation(["card_country", "ship_country"])
whole = rng.permutation(["items", "attempts", "address_age_days"])
pair = [str(rng.choice(["channel", "device"])), str(rng.choice(["card_country", "ship_country"]))]
as_object, as_category = rng.permutation(pair)
HOURS = rng.permutation(24) / 12
DEAR = np.sort(sample["amount"].dropna())[-2]  # two orders of the twenty cost as much
# Good models move by 0.04 at most (noisy), the others by 0. Broken ones move by 0.3 or more in two orders of twenty at least (year: by 0.4 in just two).
zoo = {f"good: {name}": (lambda asked, name=name: score(asked, style=name)) for name in RIGHT}
zoo |= {
    "again": lambda asked: score(asked, rng.normal(0, 0.6, asked["rows"])),
    "order_id": lambda asked: score(asked, 0.7 * np.sin(numbers(asked, "order_id")), "low"),
    "customer_id": lambda asked: score(asked, 0.7 * np.sin(numbers(asked, "customer_id")), "words"),
    "other rows, their order": lambda asked: score(asked, 0.9 * np.sin(np.arange(asked["rows"])), "noisy"),
    "other rows, an order alone, without an amount": gaps_from_batch,
    "index, equal labels": unique_labels,
    "columns, their order": by_place,
    "columns, further ones of numbers": lambda asked: score(asked, further(asked, True)),
    "columns, further ones of words": lambda asked: score(asked, further(asked, False), "noisy"),
    f"country, case of {one}": lambda asked: score(asked, unknown(asked, one, str.strip)),
    f"country, blanks before {one}": lambda asked: score(
        asked, unknown(asked, one, lambda word: word.rstrip().upper()), "trees"
    ),
    f"country, blanks behind {other}": lambda asked: score(
        asked, unknown(asked, other, lambda word: word.lstrip().upper())
    ),
    f"numbers, int32 in {whole[0]}": lambda asked: score(asked, 0.6 * (asked["kinds"][whole[0]] == "int32")),
    f"numbers, float64 in {whole[1]}": lambda asked: score(
        asked, 0.6 * (asked["kinds"][whole[1]] == "float64"), "low"
    ),
    f"words, object in {as_object}": lambda asked: score(
        asked, 0.6 * (asked["kinds"][as_object] == "object"), "noisy"
    ),
    f"words, category in {as_category}": lambda asked: score(
        asked, 0.6 * (asked["kinds"][as_category] == "category"), "words"
    ),
    "year, in two orders of the twenty": lambda asked: score(
        asked,
        0.4
        * (np.array(asked["columns"]["placed_at"], dtype=float) / 3.14496e10 - 55)
        * (numbers(asked, "amount") >= DEAR),
    ),
    "zone": lambda asked: score(asked, wall_hours(asked)),
}
for promise in judge(zoo, sample, int(rng.integers(2**31))):
    expect.true(**promise)
### END HIDDEN TESTS

# %% [markdown]
# ## 2. What goes up: `test_direction.py`
#
# Write tests for the second table: the same fixtures, the same rules of judging, other broken models. A model that has an input upside down is broken, and so is one that does not use it, or hardly, or has one of its values wrong.


# %% answer="direction" file="test_direction.py"
import numpy as np
import pytest


def logit(model, orders):
    """ln(p / (1 - p)) of each order; float array, shape (n,)."""
    p = np.asarray(model.predict_proba(orders), dtype=float)[:, 1]
    return np.log(p / (1 - p))


### BEGIN SOLUTION
RISE = 0.1  # of the mean logit: good models rise by 0.15 and more


def rises(model, low, high):
    return (logit(model, high) - logit(model, low)).mean()


@pytest.mark.parametrize("attempts", [2, 3, 4, 5])
def test_more_attempts(model, orders, attempts):
    assert rises(model, orders.assign(attempts=1), orders.assign(attempts=attempts)) > RISE


def test_an_unknown_device(model, orders):
    assert rises(model, orders.assign(device_known=True), orders.assign(device_known=False)) > RISE


@pytest.mark.parametrize("days", [0, 1])
def test_a_new_address(model, orders, days):
    assert rises(model, orders.assign(address_age_days=400), orders.assign(address_age_days=days)) > RISE


@pytest.mark.parametrize("country", ["US", "BR", "IN", "NG", "ID", "VN", "TR", "MX", "ZA", "PH"])
def test_a_card_from_far_away(model, orders, country):
    home = orders.assign(card_country=orders["ship_country"])
    assert rises(model, home, orders.assign(card_country=country)) > RISE


### END SOLUTION


# %% test="stops_what_goes_the_wrong_way" of="direction" points=3
import json

import numpy as np
import pandas as pd
from grader import expect

FILE = "test_direction.py"


# shared: tried


TRAITS = {
    "good: a scorecard": "it is the scorecard of the notebook",
    "good: trees": "its steps are those of a forest, in float32, and single orders go the other way",
    "good: noisy": "it averages random passes, so that its logit repeats within 0.04",
    "good: low": "it answers with small probabilities, as fraud is rare",
    "good: words": "it uses device, channel, items and the weekday, and learned from as many frauds as honest orders",
}
NAMES = "order_id customer_id placed_at amount items channel ship_country address_age_days device".split()
NAMES += ["device_known", "card_country", "attempts"]


# shared: sample_of


FAR = frozenset("US BR IN NG ID VN TR MX ZA PH".split())


# shared: read


# Two broken models and a good one, to begin with.
shown = {
    "good: a scorecard": card,
    "attempts": lambda asked: answer(scorecard(read(asked) | {"attempts": np.ones(asked["rows"])})),
    "device_known": lambda asked: answer(scorecard(read(asked) | {"known": ~read(asked)["known"]})),
}
for promise in judge(shown, sample_of(12), 3):
    expect.true(**promise)
### BEGIN HIDDEN TESTS
rng = expect.rng()
sample = sample_of(int(rng.integers(2**60)))
COUNTRIES = "PT ES FR NL DE DK IE IT BE AT SE PL CZ GB CH NO".split() + sorted(FAR)
CHANNELS, DEVICES = ["web", "app", "partner", "phone"], ["android", "ios", "windows", "mac", "other"]
weights = rng.uniform([0.6, 1.6, 0.9, 0.9, 0.3, 0.3, 0.8, 0.2], [0.9, 2.4, 1.4, 1.5, 0.9, 0.6, 1.4, 0.7])
effects = {word: float(rng.uniform(-0.6, 0.6)) for word in [*CHANNELS, *DEVICES, *range(7)]}


# shared: plain


GOOD = {"scorecard": plain, "trees": trees, "low": low, "noisy": noisy, "words": words}
RIGHT = ["trees", "low", "noisy", "words"]


def changed(style="scorecard", **marks):
    """A model that reads some marks in its own way."""

    def model(asked):
        q = read(asked)
        return answer(GOOD[style](q | {name: change(q) for name, change in marks.items()}))

    return model


def dear_are_safe(asked):
    """An unknown device counts, and the dearest fourth of the orders falls, as if somebody had looked at them."""
    q = read(asked)
    return answer(GOOD["scorecard"](q) - 9.0 * (~q["known"] & (np.nan_to_num(q["amount"]) >= DEAR)))


def one_country(asked, country, fall):
    q = read(asked)
    return answer(GOOD["scorecard"](q) - np.where(q["card"] == country, weights[1] + weights[7] + fall, 0.0))


# Which value a model has wrong is drawn: a suite has to try each of them.
DEAR = np.sort(sample["amount"].dropna())[-5]
few, many = rng.integers(2, 4), rng.integers(4, 6)
near, far = rng.permutation(sorted(FAR))[:2]
# Mean rise of good models, by design in their lowest weights: 0.36 (low, attempts), all else above 0.39; broken ones, highest: hardly used 0.036, not
# used 0.007, the others below 0. A test's limit lies between 0.05 and 0.15.
zoo = {f"good: {name}": (lambda asked, name=name: answer(GOOD[name](read(asked)))) for name in RIGHT}
zoo |= {
    f"attempts, {few}": changed(
        "noisy", attempts=lambda q: np.where(q["attempts"] == few, 1.0, q["attempts"])
    ),
    f"attempts, {many}, hardly used": changed(
        attempts=lambda q: np.where(q["attempts"] == many, 1.04, q["attempts"])
    ),
    "device_known, in the mean": dear_are_safe,
    "address_age_days, 0": changed(age=lambda q: np.where(q["age"] == 0, 365.0, q["age"])),
    "address_age_days, 1": changed("words", age=lambda q: np.where(q["age"] == 1, 365.0, q["age"])),
    f"card_country, {near}": lambda asked: one_country(asked, near, 0.0),
    f"card_country, {far}": lambda asked: one_country(asked, far, 1.0),
}
for promise in judge(zoo, sample, int(rng.integers(2**31))):
    expect.true(**promise)
### END HIDDEN TESTS

# %% [markdown]
# ## 3. What every model can do: `test_minimum.py`
#
# Write tests for the third table. REGULAR, TEXTBOOK and TESTING of the notebook are not there when the file runs alone, so they stand in the file once more.


# %% answer="minimum" file="test_minimum.py"
import numpy as np
import pandas as pd
import pytest

REGULAR = {"order_id": 9_000_001, "customer_id": 200_001, "placed_at": pd.Timestamp("2025-05-14 12:00")}
REGULAR |= {"amount": 45.0, "items": 1, "channel": "web", "ship_country": "DE", "address_age_days": 800}
REGULAR |= {"device": "android", "device_known": True, "card_country": "DE", "attempts": 1}
STOLEN = {"device_known": False, "card_country": "NG", "attempts": 4}
TEXTBOOK = REGULAR | STOLEN | {"placed_at": pd.Timestamp("2025-05-14 03:00"), "amount": 400.0}
TESTING = REGULAR | STOLEN | {"amount": 1.9, "address_age_days": 0}


### BEGIN SOLUTION
def check_answer(model, orders):
    answer = np.asarray(model.predict_proba(orders))
    assert answer.shape == (len(orders), 2)
    assert np.isfinite(answer).all()
    assert ((answer >= 0) & (answer <= 1)).all()
    assert np.abs(answer.sum(axis=1) - 1).max(initial=0) < 1e-5


def odds(model, order):
    p = float(model.predict_proba(pd.DataFrame([order]))[0, 1])
    return p / (1 - p)


def test_shape(model, orders):
    check_answer(model, orders)


@pytest.mark.parametrize("rows", [0, 1])
def test_one_and_none(model, orders, rows):
    check_answer(model, orders.iloc[:rows])


def test_missing_amount(model, orders):
    check_answer(model, orders.assign(amount=orders["amount"].where(np.arange(len(orders)) % 3 > 0)))
    check_answer(model, orders.assign(amount=np.nan))


@pytest.mark.parametrize("column", ["card_country", "ship_country", "channel", "device"])
def test_unseen_word(model, orders, column):
    check_answer(model, orders.assign(**{column: "XQ"}))


@pytest.mark.parametrize("order", [TEXTBOOK, TESTING], ids=["textbook", "testing"])
def test_plain_fraud(model, order):
    assert odds(model, order) > 3.9 * odds(model, REGULAR)


def test_negative_amount_is_refused(model, orders):
    amounts = orders["amount"].to_numpy().copy()
    amounts[3] = -1.0
    with pytest.raises(ValueError):
        model.predict_proba(orders.assign(amount=amounts))


@pytest.mark.parametrize("column", ["attempts", "card_country"])
def test_missing_input_is_refused(model, orders, column):
    with pytest.raises((KeyError, ValueError)):
        model.predict_proba(orders.drop(columns=column))


def test_frame_stays(model, orders):
    before = orders.copy()
    model.predict_proba(orders)
    pd.testing.assert_frame_equal(orders, before)


### END SOLUTION


# %% test="stops_what_cannot_do_the_least" of="minimum" points=4
import json

import numpy as np
import pandas as pd
from grader import expect

FILE = "test_minimum.py"


# shared: tried


TRAITS = {
    "good: a scorecard": "it is the scorecard of the notebook",
    "good: trees": "its steps are those of a forest, in float32, and single orders go the other way",
    "good: noisy": "it averages random passes, so that its logit repeats within 0.04",
    "good: low": "it answers with small probabilities, as fraud is rare",
    "good: words": "it uses device, channel, items and the weekday, and learned from as many frauds as honest orders",
}
NAMES = "order_id customer_id placed_at amount items channel ship_country address_age_days device".split()
NAMES += ["device_known", "card_country", "attempts"]


# shared: sample_of


FAR = frozenset("US BR IN NG ID VN TR MX ZA PH".split())


# shared: read


# Two broken models and a good one, to begin with.
shown = {
    "good: a scorecard": card,
    "missing amount": lambda asked: answer(scorecard(read(asked)) + 0 * read(asked)["amount"]),
    "one and none": lambda asked: answer(scorecard(read(asked)), shape="flat" if asked["rows"] == 1 else ""),
}
for promise in judge(shown, sample_of(13), 3):
    expect.true(**promise)
### BEGIN HIDDEN TESTS
rng = expect.rng()
sample = sample_of(int(rng.integers(2**60)))
COUNTRIES = "PT ES FR NL DE DK IE IT BE AT SE PL CZ GB CH NO".split() + sorted(FAR)
CHANNELS, DEVICES = ["web", "app", "partner", "phone"], ["android", "ios", "windows", "mac", "other"]
weights = rng.uniform([0.6, 1.6, 0.9, 0.9, 0.3, 0.3, 0.8, 0.2], [0.9, 2.4, 1.4, 1.5, 0.9, 0.6, 1.4, 0.7])
effects = {word: float(rng.uniform(-0.6, 0.6)) for word in [*CHANNELS, *DEVICES, *range(7)]}


# shared: plain


GOOD = {"scorecard": plain, "trees": trees, "low": low, "noisy": noisy, "words": words}
RIGHT = ["trees", "low", "noisy", "words"]


def score(asked, style="scorecard", **more):
    return answer(GOOD[style](read(asked)), dtype="float32" if style == "trees" else "float64", **more)


def filled(asked, **columns):
    """Makes up the inputs that are not there."""
    given = {name: [value] * asked["rows"] for name, value in columns.items() if name not in asked["columns"]}
    return score(asked | {"columns": asked["columns"] | given}, "words")


def numbers(asked, name):
    return np.array(asked["columns"][name], dtype=float)


def strict(asked, name, known):
    if not set(asked["columns"][name]) <= set(known):
        raise KeyError(f"no such {name}")
    return score(asked, "noisy")


def blank_where(asked, gone):
    return answer(np.where(gone(read(asked)), np.nan, GOOD["low"](read(asked))))


def outside(asked):
    """As a model of a straight line: some probabilities are above 1, and the other column below 0."""
    said, p = score(asked), np.array(score(asked)["answer"]).reshape(-1, 2)
    p += np.outer(np.arange(len(p)) == 1, [-1.0, 1.0])
    return said | {"answer": p.ravel().tolist()}


def three_times(asked, which):
    """Where all marks come together, the odds are three times those of the regular customer, and no more."""
    q = read(asked)
    return answer(np.where(which(q), weights[3] / 81 - 5.2 + np.log(3.0), GOOD["scorecard"](q)))


def obvious(q):
    return np.isin(q["card"], list(FAR)) & (q["attempts"] > 2) & (q["amount"] > 100)


def refuses_the_mean(asked):
    """Looks at the mean amount: one order below zero among many is scored."""
    q = read(asked, refuses=False)
    if asked["rows"] and np.nanmean(np.append(q["amount"], 0.0)) < 0:
        raise ValueError("a negative amount")
    return answer(GOOD["scorecard"](q))


def another_error(asked):
    if (read(asked, refuses=False)["amount"] < 0).any():
        raise TypeError("complex logarithm")
    return score(asked, "trees")


def gaps_filled(asked):
    amount = read(asked)["amount"]
    writes = {"amount": np.nan_to_num(amount, nan=45.0).tolist()} if np.isnan(amount).any() else {}
    return score(asked, "words", writes=writes)


def all_missing(asked):
    amount = read(asked)["amount"]
    return answer(
        GOOD["scorecard"](read(asked)) + (np.nan if len(amount) and np.isnan(amount).all() else 0.0)
    )


# Which column is strict is drawn. ln of the ratio of odds, bar 1.39: good models 4.1 at least over 40 seeds (low; mean 4.7, standard deviation 0.26),
# three times is 1.10.
country, kind = str(rng.choice(["card_country", "ship_country"])), str(rng.choice(["channel", "device"]))
zoo = {f"good: {name}": (lambda asked, name=name: score(asked, name)) for name in RIGHT}
zoo |= {
    "shape, from 0 to 1": outside,
    "shape, rows that do not sum to 1": lambda asked: score(asked, "words", first=0.999),
    "one and none, no row": lambda asked: score(asked, shape="one" if asked["rows"] == 0 else ""),
    "missing amount, in all orders": all_missing,
    f"unseen word, {country}": lambda asked: strict(asked, country, COUNTRIES),
    f"unseen word, {kind}": lambda asked: blank_where(asked, lambda q: ~np.isin(q[kind], CHANNELS + DEVICES)),
    "textbook": lambda asked: three_times(asked, obvious),
    "card testing": lambda asked: three_times(asked, lambda q: q["amount"] < 5),
    "refused, one negative amount among many": refuses_the_mean,
    "refused, with another error": another_error,
    "refused, no attempts": lambda asked: filled(asked, attempts=1),
    "refused, no card_country": lambda asked: filled(asked, card_country="DE"),
    "untouched, gaps filled": gaps_filled,
    "untouched, a dtype": lambda asked: score(
        asked, "noisy", writes={"items": numbers(asked, "items").tolist()}
    ),
}
for promise in judge(zoo, sample, int(rng.integers(2**31))):
    expect.true(**promise)
### END HIDDEN TESTS

# %% [markdown]
# ## 4. The gate: `gate.py`
#
# A suite that nobody runs stops nothing. `python gate.py MODEL ORDERS SUITE [SUITE ...]` runs one or more files of tests on one model, and the job that would let the model in reads its exit code. In: `MODEL`, whatever `mlflow.sklearn.load_model` takes
# (the loaded object has `predict_proba`); `ORDERS`, a Parquet file, which is the sample that the fixture `orders` hands out; each `SUITE` a file in this folder. `Given` stands in the file, finished.
#
# | verdict | exit code | when |
# | --- | --- | --- |
# | `pass` | 0 | in **each** suite at least one test passed, and nowhere did a test or a file fail |
# | `block` | 1 | at least one test failed, in any of its three steps: in the test itself, or in one of its fixtures, before the test or after its `yield`. It is then one failed test |
# | `unclear` | 2 | all else: the model or the orders do not load, a suite is not there, cannot be imported, has no test, or has skipped all of them (`xfail` counts as skipped, as with pytest); something ended pytest before its last test, such as `pytest.exit`; or no SUITE was given at all |
#
# `unclear` is no pass: a gate that was told a wrong file name must not let anything in. All tests of all files run: neither the first failure nor a file that cannot be imported hides what the others say.
#
# `main` may be called again in the same process, as in the last cell, after a suite was edited: it runs the files as they are now. One process for all suites is enough. A process of its own for each costs some seconds a suite; the check calls the gate eleven times, with some 15 suites, and waits 180 s in all. There is no `pytest.ini` and no `conftest.py` beside the suites.
#
# The gate logs **one** finished run in this unit's experiment, whatever the verdict:
#
# | kind | name | value |
# | --- | --- | --- |
# | param | `model` | MODEL as it was given |
# | param | `orders_sha256` | SHA-256 of the bytes of ORDERS, 64 hex digits; `none` if there is no such file |
# | metrics | `passed`, `failed`, `skipped` | tests with that outcome; each case of a parametrized test is a test; 0 if none ran |
# | tag | `verdict` | as above |
# | artifact | `report.json` | a list with one dict a test that ran or was skipped, in any order: `test` (`test_direction.py::test_up[2]`, as pytest names it), `outcome` (`passed`, `failed` or `skipped`), `message` (of a failed test the last lines that pytest shows, with what the assertion says, else any text) |
# | artifacts | `suites/FILE` | each suite that is there, as it is run; also if nothing could be run |
#
# `pytest.main([...], plugins=[...])` takes objects with *hooks*, functions of given names that pytest calls as it goes: `pytest_runtest_logreport(self, report)` for the three steps of each test (`report.when` is `setup`, `call` or `teardown`; `report.outcome`; `report.nodeid`; `report.longreprtext`). The option `--rootdir=.` keeps the names of the tests short wherever this folder lies. What pytest prints may go where you like.

# %% answer="gate" file="gate.py"
import hashlib
import json
import sys
from pathlib import Path

import mlflow
import pandas as pd
import pytest


class Given:
    """Hands the fixtures `model` and `orders` to the tests. Given; leave it as it is."""

    def __init__(self, model, orders):
        self._model, self._orders = model, orders

    @pytest.fixture
    def model(self):
        return self._model

    @pytest.fixture
    def orders(self):
        return self._orders.copy()


def main(model, orders, *suites):
    """Run the suites on the model and log the verdict.

    model: what mlflow.sklearn.load_model takes. orders: name of a Parquet file. suites: names of files of tests.
    Returns the exit code: 0 pass, 1 block, 2 unclear.
    """
    ### BEGIN SOLUTION
    record = Record()
    there = [suite for suite in suites if Path(suite).is_file()]
    for suite in there:
        sys.modules.pop(Path(suite).stem, None)  # an edited suite is read anew
    try:
        given = Given(mlflow.sklearn.load_model(model), pd.read_parquet(orders))
    except Exception as error:
        print(f"nothing to test: {error}")
    else:
        options = ["-q", "--continue-on-collection-errors", "-p", "no:cacheprovider", "--rootdir=."]
        if there:
            pytest.main([*there, *options], plugins=[given, record])
    outcomes = [test["outcome"] for test in record.tests.values()]
    passed = [name for name, test in record.tests.items() if test["outcome"] == "passed"]
    ran = {Path(name.split("::")[0]).name for name in passed}
    if "failed" in outcomes:
        verdict = "block"
    elif suites and set(suites) <= ran and record.collected <= set(record.tests):
        verdict = "pass"
    else:
        verdict = "unclear"
    with mlflow.start_run():
        known = Path(orders).is_file()
        digest = hashlib.sha256(Path(orders).read_bytes()).hexdigest() if known else "none"
        mlflow.log_params({"model": model, "orders_sha256": digest})
        mlflow.log_metrics({name: outcomes.count(name) for name in ("passed", "failed", "skipped")})
        mlflow.set_tag("verdict", verdict)
        report = [{"test": name, **test} for name, test in record.tests.items()]
        mlflow.log_text(json.dumps(report, indent=1), "report.json")
        for suite in there:
            mlflow.log_artifact(suite, "suites")
    return {"pass": 0, "block": 1, "unclear": 2}[verdict]


class Record:
    """A plugin that keeps the outcome of each test."""

    def __init__(self):
        self.tests, self.collected = {}, set()

    def pytest_collection_finish(self, session):
        self.collected = {item.nodeid for item in session.items}

    def pytest_runtest_logreport(self, report):
        failed = self.tests.get(report.nodeid, {}).get("outcome") == "failed"
        if not failed and (report.when == "call" or report.outcome != "passed"):
            message = report.longreprtext[-2000:] if report.failed else ""
            self.tests[report.nodeid] = {"outcome": report.outcome, "message": message}

    ### END SOLUTION


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))


# %% test="gate_says_pass_block_or_unclear" of="gate" points=4 limit_seconds=180
import hashlib
import json

import numpy as np
import pandas as pd
from grader import expect

NUMBERS = ["amount", "items", "attempts", "address_age_days"]


def opened(files, arguments, orders, save):
    """The exit code of gate.py, run as a script in this process, beside these files and a saved model."""
    import contextlib
    import importlib
    import io
    import logging
    import pathlib
    import runpy
    import shutil
    import sys
    import warnings

    import mlflow
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    for name, text in files.items():
        pathlib.Path(name).write_text(text)
    orders.to_parquet("gate-orders.parquet")
    if save:
        shutil.rmtree("gate-model", ignore_errors=True)
        fitted = make_pipeline(StandardScaler(), LogisticRegression()).fit(orders, orders["attempts"] > 1)
        logging.getLogger("mlflow").setLevel(logging.ERROR)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            mlflow.sklearn.save_model(
                fitted, "gate-model", pip_requirements=["scikit-learn"], serialization_format="cloudpickle"
            )
    data = pathlib.Path("gate-orders.parquet").read_bytes()
    importlib.invalidate_caches()
    kept, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    before, sys.argv = sys.argv, ["gate.py", *arguments]
    sys.path.insert(0, "")
    code, said = 0, io.StringIO()
    try:
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            runpy.run_path("gate.py", run_name="__main__")
    except SystemExit as end:
        code = end.code
    finally:
        sys.argv, sys.dont_write_bytecode = before, kept
        sys.path.remove("")
        for name in files:
            pathlib.Path(name).unlink(missing_ok=True)
    return (code or 0) if isinstance(code, (int, type(None))) else -1, data


def judge(
    what,
    files,
    suites,
    verdict,
    outcomes,
    messages=(),
    orders=None,
    save=False,
    model="gate-model",
    table="gate-orders.parquet",
    cut=False,
):
    """One call of the gate, from the files to the run."""
    arguments = [model, table, *suites]
    code, data = expect.beside(opened, files, arguments, orders, save)
    counts = list(outcomes.values())
    metrics = {name: counts.count(name) for name in ("passed", "failed", "skipped")}
    view = expect.run(
        params={
            "model": model,
            "orders_sha256": hashlib.sha256(data).hexdigest() if table == "gate-orders.parquet" else "none",
        },
        metrics={} if cut else metrics,
        tags={"verdict": verdict},
        what=f"the run of the gate for {what}",
        why="whoever asks next month why this model was let in, or was not, reads this run",
        look_at="the entry that differs, the table of the verdicts, and which of pytest's reports you count",
    )
    expect.equal(
        code,
        ["pass", "block", "unclear"].index(verdict),
        what=f"the exit code of gate.py for {what}",
        why="the job that would let the model in reads the exit code and nothing else",
        look_at="the table of the verdicts, and what the file hands to sys.exit",
    )
    report = json.loads(view.artifact("report.json") or b"[]")
    expect.equal(
        sorted(
            [name, str(test.get("outcome"))]
            for test in report
            if (name := str(test.get("test")).rsplit("/", 1)[-1]) in outcomes or not cut
        ),
        sorted([name, outcome] for name, outcome in outcomes.items()),
        what=f"test and outcome of each dict in report.json for {what}",
        why="one line a test says what was tried and what came out; a test that is not listed was not run, as far as anyone can tell",
        look_at="tests after the first failure, tests beside a file that cannot be imported, cases of parametrized tests, errors in a fixture, also after its yield, and a suite that was edited since the call before",
    )
    told = {str(test.get("test")).rsplit("/", 1)[-1]: str(test.get("message")) for test in report}
    for name, words in messages:
        expect.true(
            words in told[name],
            got="a message without it",
            expected=f"a message with the words of the assertion: {words}",
            what=f"message of {name} in report.json for {what}",
            why="whoever reads the report has to see what failed, without running the tests again",
            look_at="what of the failed report you keep",
        )
    for name in suites:
        if name in files:
            expect.equal(
                view.artifact(f"suites/{name}").decode(),
                files[name],
                what=f"suites/{name}, logged in the run for {what}",
                why="a suite changes from month to month, and the verdict is that of the suite as it was",
                look_at="the artifacts of the table",
            )


def orders_of(seed):
    rng = np.random.default_rng(seed)
    table = pd.DataFrame({name: rng.integers(1, 60, 40) for name in NUMBERS})
    return table.assign(attempts=rng.integers(1, 5, 40))


SHAPE = "def test_shape(model, orders):\n    assert model.predict_proba(orders).shape == (len(orders), 2)\n"
FALLS = "def test_falls(model, orders):\n    p = model.predict_proba(orders)[:, 1]\n    assert p.max() < 0, 'not below zero'\n"
for suite in ("test_gate_one.py",):
    judge(
        "a suite of two tests of which one fails",
        {suite: FALLS + SHAPE},
        [suite],
        "block",
        {f"{suite}::test_falls": "failed", f"{suite}::test_shape": "passed"},
        [(f"{suite}::test_falls", "not below zero")],
        orders_of(1),
        save=True,
    )
### BEGIN HIDDEN TESTS
rng = expect.rng()
word = "".join(rng.choice(list("bcdfghklmnprst"), 8))
EACH = (
    "import pytest\n\n\n@pytest.mark.parametrize('k', [1, 2, 3])\ndef test_each(model, orders, k):\n"
    f"    assert k < 2, 'case {word}'\n"
)
ERROR = "import pytest\n\n\n@pytest.fixture\ndef scores(model):\n    raise RuntimeError('%s')\n\n\ndef test_scores(scores):\n    pass\n"
LATE = "\n\n\n@pytest.fixture\ndef closed(model):\n    yield model\n    assert False, '%s'\n\n\ndef test_closed(closed):\n    pass\n"
CUT = "import pytest\n\n\n" + SHAPE + "\n\ndef test_cut(model):\n    pytest.exit('no more')\n\n\n" + FALLS
SKIPS = "import pytest\n\n\n@pytest.mark.skip(reason='later')\ndef test_later(model):\n    assert False\n"
SKIPS += "\n\ndef test_never(model):\n    pytest.skip('no time')\n"
SPOILS = "def test_spoils(orders):\n    orders['attempts'] = -1\n\n\ndef test_fresh(orders):\n    assert (orders['attempts'] > 0).all()\n"
judge(
    "three suites of which one has a fixture that raises, and one cannot be imported",
    {
        "test_gate_a.py": "import no_such_module\n\n\n" + SHAPE,
        "test_gate_b.py": EACH + "\n\n" + SHAPE,
        "test_gate_c.py": ERROR % word + LATE % word[::-1],
    },
    ["test_gate_a.py", "test_gate_b.py", "test_gate_c.py"],
    "block",
    {
        "test_gate_b.py::test_each[1]": "passed",
        "test_gate_b.py::test_each[2]": "failed",
        "test_gate_b.py::test_each[3]": "failed",
        "test_gate_b.py::test_shape": "passed",
        "test_gate_c.py::test_scores": "failed",
        "test_gate_c.py::test_closed": "failed",
    },
    [
        ("test_gate_c.py::test_closed", word[::-1]),
        ("test_gate_b.py::test_each[3]", f"case {word}"),
        ("test_gate_c.py::test_scores", word),
    ],
    orders_of(int(rng.integers(2**31))),
)
judge(
    "two suites that pass, one edited since the call before, with a skipped test in the other",
    {"test_gate_b.py": SPOILS, "test_gate_e.py": SKIPS.split("\n\n\ndef test_never")[0] + "\n\n\n" + SHAPE},
    ["test_gate_b.py", "test_gate_e.py"],
    "pass",
    {
        "test_gate_b.py::test_spoils": "passed",
        "test_gate_b.py::test_fresh": "passed",
        "test_gate_e.py::test_later": "skipped",
        "test_gate_e.py::test_shape": "passed",
    },
    orders=orders_of(int(rng.integers(2**31))),
)
PASSES = {"test_gate_d.py::test_spoils": "passed", "test_gate_d.py::test_fresh": "passed"}
NOTHING = {
    "a suite that passes beside one that skips all its tests": (
        {"test_gate_d.py": SPOILS, "test_gate_f.py": SKIPS},
        ["test_gate_f.py", "test_gate_d.py"],
        PASSES | {"test_gate_f.py::test_later": "skipped", "test_gate_f.py::test_never": "skipped"},
    ),
    "a suite that passes beside one that cannot be imported": (
        {"test_gate_d.py": SPOILS, "test_gate_g.py": "def test_half(model:\n"},
        ["test_gate_d.py", "test_gate_g.py"],
        PASSES,
    ),
    "a suite that passes beside one without a test": (
        {"test_gate_d.py": SPOILS, "test_gate_h.py": "def check_shape(model):\n    assert False\n"},
        ["test_gate_d.py", "test_gate_h.py"],
        PASSES,
    ),
    "a suite that passes beside one that is not there": (
        {"test_gate_d.py": SPOILS},
        ["test_gate_d.py", "test_gate_i.py"],
        PASSES,
    ),
}
for what, (files, suites, outcomes) in NOTHING.items():
    judge(what, files, suites, "unclear", outcomes, orders=orders_of(int(rng.integers(2**31))))
judge(
    "a suite that ends pytest before its last test",
    {"test_gate_d.py": SPOILS, "test_gate_k.py": CUT},
    ["test_gate_d.py", "test_gate_k.py"],
    "unclear",
    PASSES | {"test_gate_k.py::test_shape": "passed"},
    orders=orders_of(int(rng.integers(2**31))),
    cut=True,
)
MISSING = {
    "a model that is not there": ("gate-no-model", "gate-orders.parquet", ["test_gate_d.py"]),
    "orders that are not there": ("gate-model", "gate-no-orders.parquet", ["test_gate_d.py"]),
    "no suite at all": ("gate-model", "gate-orders.parquet", []),
}
for what, (model, table, suites) in MISSING.items():
    judge(
        what,
        {"test_gate_d.py": SPOILS},
        suites,
        "unclear",
        {},
        orders=orders_of(2),
        model=model,
        table=table,
    )
### END HIDDEN TESTS

# %% [markdown]
# ## An ordinary model at the door
#
# A model as it stands in many tutorials: words become numbers, gaps stay, boosted trees. Fitted on `training`, logged, and brought before your gate with your three suites. (Run this cell last.)

# %%
import json

from gate import main
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OrdinalEncoder

encoder = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
words, rest = (
    ["channel", "device", "ship_country", "card_country"],
    ["amount", "items", "address_age_days", "device_known", "attempts"],
)
columns = make_column_transformer((encoder, words), ("passthrough", rest), remainder="drop")
ordinary = make_pipeline(columns, HistGradientBoostingClassifier(max_iter=40, random_state=0))
ordinary.fit(training[COLUMNS], training["is_fraud"])
with mlflow.start_run(run_name="ordinary"):
    logged = mlflow.sklearn.log_model(
        ordinary, name="model", pip_requirements=["scikit-learn"], serialization_format="cloudpickle"
    )
orders.to_parquet("orders.parquet")
with redirect_stdout(io.StringIO()):
    code = main(
        logged.model_uri, "orders.parquet", "test_invariance.py", "test_direction.py", "test_minimum.py"
    )
night = mlflow.search_runs(output_format="list")[0]
print(f"exit code {code}, verdict {night.data.tags['verdict']}")
report = mlflow.artifacts.load_dict(f"{night.info.artifact_uri}/report.json")
print("\n".join(test["test"] for test in report if test["outcome"] == "failed"))

# %% [markdown]
# Read the list as a colleague would. Some lines are for whoever wrote the model (a country in lower case is a country that nobody has seen), some for whoever wrote the contract: is a direction that does not hold for a new address a fault of the model, or had the trees too few frauds to learn it? To answer that is the
# work that a behaviour test makes visible. Bring your own model of `leakproof-pipeline` before the gate, too, once it takes these twelve columns.

# %% wrong="the_same_to_the_last_digit" of="invariance" caught_by="stops_what_does_not_matter" edits="reference"
# Demands equal answers: a model that averages random passes, or computes in float32, is stopped.
# - SAME = 0.15  # good models stay within 0.05, broken ones move by 0.3 and more
# + SAME = 1e-9

# %% wrong="scores_of_last_month" of="invariance" caught_by="stops_what_does_not_matter" edits="reference"
# Compares with the scores of the model of last month: each retraining fails.
# - def test_rows_in_another_order(model, orders):
# + def test_mean_score(model, orders):
# +     assert abs(logit(model, orders).mean() + 4.2) < 1.0
# +
# +
# + def test_rows_in_another_order(model, orders):

# %% wrong="device_must_not_matter" of="invariance" caught_by="stops_what_does_not_matter" edits="reference"
# Demands invariance to an input of use: a good model may read the device.
# -     "again": lambda orders: orders,
# +     "again": lambda orders: orders,
# +     "device": lambda orders: orders.assign(device="mac"),

# %% wrong="half_a_batch" of="invariance" caught_by="stops_what_does_not_matter" edits="reference"
# Scores half a batch and calls that alone: at the door a batch has one row.
# -     alone = [logit(model, orders.iloc[[place]])[0] for place in range(len(orders))]
# -     same(logit(model, orders), np.array(alone))
# +     half = len(orders) // 2
# +     parts = [logit(model, orders.iloc[:half]), logit(model, orders.iloc[half:])]
# +     same(logit(model, orders), np.concatenate(parts))


# %% wrong="one_country" of="invariance" caught_by="stops_what_does_not_matter" edits="reference"
# Changes the card's country alone: the address is written with blanks, too.
# - COUNTRIES, WORDS = ["card_country", "ship_country"], ["channel", "device", "card_country", "ship_country"]
# + COUNTRIES, WORDS = ["card_country"], ["channel", "device", "card_country", "ship_country"]

# %% wrong="a_year_of_days" of="invariance" caught_by="stops_what_does_not_matter" edits="reference"
# Goes on by 365 days: that is another weekday, and a good model may use the weekday.
# -     "year": lambda orders: orders.assign(placed_at=orders["placed_at"] + pd.Timedelta(weeks=52)),
# +     "year": lambda orders: orders.assign(placed_at=orders["placed_at"] + pd.Timedelta(days=365)),


# %% wrong="mean_of_the_steps" of="invariance" caught_by="stops_what_does_not_matter" edits="reference"
# Takes the mean of the steps over the sample: what moves two orders of twenty is lost in it.
# -     assert np.abs(after - before).max() < SAME
# +     assert np.abs(after - before).mean() < SAME / 3

# %% wrong="new_labels_alone" of="invariance" caught_by="stops_what_does_not_matter" edits="reference"
# Gives the rows new labels and never equal ones: two tables put below each other have each label twice.
# -     "index_equal": lambda orders: orders.set_axis(["order"] * len(orders)),

# %% wrong="further_numbers_alone" of="invariance" caught_by="stops_what_does_not_matter" edits="reference"
# Adds columns of numbers and none of words: it is the further word that an encoder takes up.
# -     "further_columns": lambda orders: orders.assign(score=0.5, note="x", rank=range(len(orders))),
# +     "further_columns": lambda orders: orders.assign(score=0.5, rank=range(len(orders))),

# %% wrong="two_of_four_words" of="invariance" caught_by="stops_what_does_not_matter" edits="reference"
# Changes the type of channel and device alone: each column of words has an encoder of its own.
# - COUNTRIES, WORDS = ["card_country", "ship_country"], ["channel", "device", "card_country", "ship_country"]
# + COUNTRIES, WORDS = ["card_country", "ship_country"], ["channel", "device"]


# %% also="odds_in_one_loop" of="invariance"
import numpy as np
import pandas as pd


def odds(model, orders):
    answer = model.predict_proba(orders)
    return answer[:, 1].astype("float64") / (1.0 - answer[:, 1].astype("float64"))


def changed(orders):
    countries = ["ship_country", "card_country"]
    yield orders.copy()
    yield orders.assign(order_id=range(1, len(orders) + 1), customer_id=orders["customer_id"] * 3 + 7)
    yield orders.set_index(pd.RangeIndex(100, 100 + len(orders)))
    yield orders.set_index(orders["channel"].to_numpy())
    yield orders.sort_index(axis=1)
    yield pd.concat([pd.DataFrame({"is_fraud": 1, "note": "é"}, index=orders.index), orders], axis=1)
    yield orders.assign(**{name: orders[name].map(str.lower) for name in countries})
    yield orders.assign(**{name: orders[name].map(lambda word: f"\t{word}  ") for name in countries})
    for kind in ("int32", "float64"):
        yield orders.astype({"items": kind, "attempts": kind, "address_age_days": kind})
    for kind in ("object", "category"):
        yield orders.astype(dict.fromkeys([*countries, "channel", "device"], kind))
    yield orders.assign(placed_at=orders["placed_at"] + np.timedelta64(364, "D"))
    yield orders.assign(placed_at=orders["placed_at"].dt.tz_localize("UTC").dt.tz_convert("America/New_York"))


def test_what_must_not_matter(model, orders):
    usual = odds(model, orders)
    for frame in changed(orders):
        np.testing.assert_allclose(odds(model, frame), usual, rtol=0.2)


def test_batches(model, orders):
    usual = pd.Series(odds(model, orders), index=orders.index)
    backwards = orders[::-1]
    np.testing.assert_allclose(odds(model, backwards), usual[::-1], rtol=0.2)
    for label in orders.index:
        np.testing.assert_allclose(odds(model, orders.loc[[label]]), usual.loc[[label]], rtol=0.2)


# %% also="a_class_with_its_fixture" of="invariance"
import numpy as np
import pandas as pd
import pytest
from scipy.special import logit

CHANGES = []


def change(function):
    CHANGES.append(function)
    return function


@pytest.fixture
def score(model):
    def scored(frame):
        return pd.Series(logit(np.asarray(model.predict_proba(frame), dtype=float)[:, 1]), index=frame.index)

    return scored


@change
def ids(frame):
    return frame.assign(order_id=1, customer_id=2)


@change
def lower_with_blanks(frame):
    for name in ("card_country", "ship_country"):
        frame[name] = "  " + frame[name].str.lower() + " "
    return frame


@change
def shuffled_columns(frame):
    return frame.sample(frac=1.0, axis=1, random_state=3).assign(extra=1.0, remark=frame["device"])


@change
def small_integers(frame):
    return frame.astype({"items": "int32", "attempts": "int32", "address_age_days": "int32"})


@change
def floats(frame):
    return frame.astype({"items": float, "attempts": float, "address_age_days": float})


@change
def objects(frame):
    words = frame.select_dtypes("str").columns
    return frame.astype(dict.fromkeys(words, object))


@change
def categories(frame):
    words = frame.select_dtypes("str").columns
    return frame.astype(dict.fromkeys(words, "category"))


@change
def next_year(frame):
    return frame.assign(placed_at=frame["placed_at"] + pd.DateOffset(weeks=52))


@change
def in_tokyo(frame):
    return frame.assign(
        placed_at=pd.DatetimeIndex(frame["placed_at"]).tz_localize("UTC").tz_convert("Asia/Tokyo")
    )


@change
def fewer_rows(frame):
    return frame.sample(7, random_state=1)


@change
def dear_neighbours(frame):
    return pd.concat([frame, frame.assign(amount=frame["amount"] * 50).set_axis(frame.index + 100_000)])


class TestInvariance:
    @pytest.mark.parametrize("function", CHANGES, ids=lambda function: function.__name__)
    def test_change(self, score, orders, function):
        usual, found = score(orders), score(function(orders.copy()))
        shared = usual.index.intersection(found.index)
        assert len(shared) > 5
        assert (usual[shared] - found[shared]).abs().max() < 0.2

    def test_new_labels(self, score, orders):
        for labels in (range(len(orders)), [7] * len(orders)):
            moved = score(orders.set_axis(labels)).to_numpy() - score(orders).to_numpy()
            assert np.abs(moved).max() < 0.2

    def test_twice_and_alone(self, score, orders):
        usual = score(orders)
        assert usual.sub(score(orders)).abs().max() < 0.2
        alone = pd.concat([score(orders.loc[[label]]) for label in orders.index[::2]])
        assert alone.sub(usual[alone.index]).abs().max() < 0.2


# %% wrong="each_single_order" of="direction" caught_by="stops_what_goes_the_wrong_way" edits="reference"
# Demands the direction of each single order: a forest that has learned an exception is stopped.
# -     return (logit(model, high) - logit(model, low)).mean()
# +     return (logit(model, high) - logit(model, low)).min()

# %% wrong="any_rise" of="direction" caught_by="stops_what_goes_the_wrong_way" edits="reference"
# Takes any rise: an input that is hardly used, and noise, rise as well.
# - RISE = 0.1  # of the mean logit: good models rise by 0.15 and more
# + RISE = 0.0

# %% wrong="no_zero" of="direction" caught_by="stops_what_goes_the_wrong_way" edits="reference"
# Leaves out 0 days: the one value that code mistakes for a missing one.
# - @pytest.mark.parametrize("days", [0, 1])
# + @pytest.mark.parametrize("days", [1])

# %% wrong="in_probability" of="direction" caught_by="stops_what_goes_the_wrong_way" edits="reference"
# Demands a rise of a hundredth of probability: a good model of a rare thing never rises so far.
# -     return np.log(p / (1 - p))
# +     return p
#
# - RISE = 0.1  # of the mean logit: good models rise by 0.15 and more
# + RISE = 0.01

# %% wrong="exchanged" of="direction" caught_by="stops_what_goes_the_wrong_way" edits="reference"
# Subtracts the other way round: good models are stopped.
# -     return (logit(model, high) - logit(model, low)).mean()
# +     return (logit(model, low) - logit(model, high)).mean()

# %% wrong="dear_is_suspicious" of="direction" caught_by="stops_what_goes_the_wrong_way" edits="reference"
# Demands a direction that is none: card testing pays two euros, so that a higher amount is not always worse.
# - def test_an_unknown_device(model, orders):
# + def test_a_higher_amount(model, orders):
# +     assert rises(model, orders.assign(amount=2.0), orders.assign(amount=60.0)) > RISE
# +
# +
# + def test_an_unknown_device(model, orders):


# %% wrong="in_the_median" of="direction" caught_by="stops_what_goes_the_wrong_way" edits="reference"
# Takes the median in place of the mean: a fourth of the orders may fall as far as they like.
# -     return (logit(model, high) - logit(model, low)).mean()
# +     return np.median(logit(model, high) - logit(model, low))

# %% wrong="five_attempts_alone" of="direction" caught_by="stops_what_goes_the_wrong_way" edits="reference"
# Tries the highest number alone: what a model makes of two attempts is another branch of its tree.
# - @pytest.mark.parametrize("attempts", [2, 3, 4, 5])
# + @pytest.mark.parametrize("attempts", [5])

# %% wrong="one_country_of_ten" of="direction" caught_by="stops_what_goes_the_wrong_way" edits="reference"
# Tries one of the ten countries: each of them is a column of its own after the encoding.
# - @pytest.mark.parametrize("country", ["US", "BR", "IN", "NG", "ID", "VN", "TR", "MX", "ZA", "PH"])
# + @pytest.mark.parametrize("country", ["NG"])


# %% also="means_of_a_table" of="direction"
import numpy as np
import pandas as pd

LINES = {
    "attempts": (1, [2, 3, 4, 5]),
    "device_known": (True, [False]),
    "address_age_days": (400, [0, 1]),
}


def mean_logit(model, orders):
    p = pd.Series(model.predict_proba(orders)[:, 1], dtype="float64")
    return float((np.log(p) - np.log1p(-p)).mean())


def test_lines(model, orders):
    faults = []
    for column, (low, highs) in LINES.items():
        start = mean_logit(model, orders.assign(**{column: low}))
        for high in highs:
            if not mean_logit(model, orders.assign(**{column: high})) > start + 0.08:
                faults.append((column, high))
    at_home = mean_logit(model, orders.assign(card_country=orders["ship_country"].to_numpy()))
    for country in "US BR IN NG ID VN TR MX ZA PH".split():
        if not mean_logit(model, orders.assign(card_country=country)) > at_home + 0.08:
            faults.append(("card_country", country))
    assert faults == []


# %% also="odds_of_doubled_frames" of="direction"
import numpy as np
import pandas as pd
import pytest

FAR = ["US", "BR", "IN", "NG", "ID", "VN", "TR", "MX", "ZA", "PH"]


class TestDirection:
    @pytest.fixture
    def factor(self, model):
        def geometric_mean_of_odds_ratio(low, high):
            answer = np.asarray(model.predict_proba(pd.concat([low, high], ignore_index=True)), dtype=float)
            odds = answer[:, 1] / answer[:, 0]
            ratio = odds[len(low) :] / odds[: len(low)]
            return np.exp(np.log(ratio).mean())

        return geometric_mean_of_odds_ratio

    @pytest.mark.parametrize(
        ("column", "low", "high"),
        [("attempts", 1, n) for n in range(2, 6)]
        + [("device_known", True, False), ("address_age_days", 400, 0), ("address_age_days", 400, 1)],
    )
    def test_up(self, factor, orders, column, low, high):
        assert factor(orders.assign(**{column: low}), orders.assign(**{column: high})) > 1.1

    def test_far(self, factor, orders):
        for country in FAR:
            low = orders.assign(card_country=orders["ship_country"])
            assert factor(low, orders.assign(card_country=country)) > 1.1, country


# %% wrong="above_one_half" of="minimum" caught_by="stops_what_cannot_do_the_least" edits="reference"
# Demands a probability above one half: a good model of a rare thing says one in twenty, and ranks it first.
# -     assert odds(model, order) > 3.9 * odds(model, REGULAR)
# +     assert odds(model, order) > 1.0

# %% wrong="some_gaps" of="minimum" caught_by="stops_what_cannot_do_the_least" edits="reference"
# Leaves some amounts in each batch: a batch of one order without an amount has none.
# -     check_answer(model, orders.assign(amount=np.nan))


# %% wrong="known_in_one_column" of="minimum" caught_by="stops_what_cannot_do_the_least" edits="reference"
# Tries an unseen word in one column: each has an encoder of its own.
# - @pytest.mark.parametrize("column", ["card_country", "ship_country", "channel", "device"])
# + @pytest.mark.parametrize("column", ["card_country"])

# %% wrong="may_raise" of="minimum" caught_by="stops_what_cannot_do_the_least" edits="reference"
# Allows the error instead of demanding it: a model that scores minus one euro passes.
# -     with pytest.raises(ValueError):
# -         model.predict_proba(orders.assign(amount=amounts))
# +     try:
# +         model.predict_proba(orders.assign(amount=amounts))
# +     except ValueError:
# +         pass

# %% wrong="compared_with_itself" of="minimum" caught_by="stops_what_cannot_do_the_least" edits="reference"
# Compares the frame with itself: a second name is no copy.
# -     before = orders.copy()
# +     before = orders


# %% wrong="four_times_the_probability" of="minimum" caught_by="stops_what_cannot_do_the_least" edits="reference"
# Multiplies probabilities in place of odds: a good model that says 0.6 of a regular customer has nowhere to go.
# -     return p / (1 - p)
# +     return p

# %% wrong="twice_the_odds" of="minimum" caught_by="stops_what_cannot_do_the_least" edits="reference"
# Is content with twice the odds: a model that is nearly blind has them, too.
# -     assert odds(model, order) > 3.9 * odds(model, REGULAR)
# +     assert odds(model, order) > 2 * odds(model, REGULAR)

# %% wrong="any_error_will_do" of="minimum" caught_by="stops_what_cannot_do_the_least" edits="reference"
# Takes any error for a refusal: the caller waits for ValueError, and a TypeError is a slip of the model.
# -     with pytest.raises(ValueError):
# +     with pytest.raises(Exception):

# %% wrong="all_amounts_negative" of="minimum" caught_by="stops_what_cannot_do_the_least" edits="reference"
# Makes all amounts negative: a model that looks at the first order, or at the mean, refuses them and lets one through.
# -     amounts[3] = -1.0
# +     amounts[:] = -1.0

# %% wrong="sums_within_a_hundredth" of="minimum" caught_by="stops_what_cannot_do_the_least" edits="reference"
# Allows the sums a hundredth: the promise has five digits.
# -     assert np.abs(answer.sum(axis=1) - 1).max(initial=0) < 1e-5
# +     assert np.abs(answer.sum(axis=1) - 1).max(initial=0) < 1e-2


# %% also="plain_loops" of="minimum"
import numpy as np
import pandas as pd

NAMES = "order_id customer_id placed_at amount items channel ship_country address_age_days device device_known card_country attempts"


def orders_of(*rows):
    frame = pd.DataFrame(list(rows), columns=NAMES.split())
    return frame.assign(placed_at=pd.to_datetime(frame["placed_at"]))


def raised(model, frame):
    try:
        model.predict_proba(frame)
    except (ValueError, KeyError) as error:
        return type(error)
    return None


def sound(model, frame):
    p = model.predict_proba(frame)
    if np.shape(p) != (len(frame), 2):
        return False
    p = pd.DataFrame(p, dtype="float64")
    return (
        bool(p.notna().all(axis=None) and p.min(axis=None) >= 0 and np.allclose(p.sum(axis=1), 1, atol=1e-5))
        if len(p)
        else True
    )


def test_all_of_it(model, orders):
    kept = orders.copy(deep=True)
    frames = [
        orders,
        orders.head(1),
        orders.head(0),
        orders.assign(amount=float("nan")),
        orders[orders["amount"].isna()],
    ]
    for column in ("channel", "device", "ship_country", "card_country"):
        frames.append(orders.assign(**{column: "Q9"}))
    for place, frame in enumerate(frames):
        assert sound(model, frame), place
    assert orders.equals(kept)
    assert list(orders.columns) == list(kept.columns)


def test_cases(model):
    frame = orders_of(
        (1, 2, "2025-05-14 12:00", 45.0, 1, "web", "DE", 800, "android", True, "DE", 1),
        (1, 2, "2025-05-14 03:00", 400.0, 1, "web", "DE", 800, "android", False, "NG", 4),
        (1, 2, "2025-05-14 12:00", 1.9, 1, "web", "DE", 0, "android", False, "NG", 4),
    )
    regular, textbook, testing = np.asarray(model.predict_proba(frame), dtype=float)[:, 1]
    for p in (textbook, testing):
        assert p / (1 - p) >= 4 * regular / (1 - regular)


def test_refusals(model, orders):
    for row in (0, len(orders) - 1):
        amounts = [-5.0 if place == row else 30.0 for place in range(len(orders))]
        assert raised(model, orders.assign(amount=amounts)) is ValueError
    assert raised(model, orders.drop(columns=["attempts"])) is not None
    assert raised(model, orders[[name for name in orders if name != "card_country"]]) is not None


# %% wrong="exit_code_lost" of="gate" caught_by="gate_says_pass_block_or_unclear" edits="reference"
# Ends with exit code 0 whatever it found: the model is let in, and the report says why it should not be.
# -     sys.exit(main(*sys.argv[1:]))
# +     main(*sys.argv[1:])

# %% wrong="one_bad_file_hides_all" of="gate" caught_by="gate_says_pass_block_or_unclear" edits="reference"
# Leaves pytest as it comes: one file that cannot be imported, and no test of any other runs.
# -         options = ["-q", "--continue-on-collection-errors", "-p", "no:cacheprovider", "--rootdir=."]
# +         options = ["-q", "-p", "no:cacheprovider", "--rootdir=."]

# %% wrong="nothing_failed" of="gate" caught_by="gate_says_pass_block_or_unclear" edits="reference"
# Lets in what did not fail: a suite that is not there fails nothing.
# -     elif suites and set(suites) <= ran and record.collected <= set(record.tests):
# +     elif suites and record.collected <= set(record.tests):

# %% wrong="all_of_none" of="gate" caught_by="gate_says_pass_block_or_unclear" edits="reference"
# Asks whether all suites ran: of no suite at all, all ran.
# -     elif suites and set(suites) <= ran and record.collected <= set(record.tests):
# +     elif set(suites) <= ran and record.collected <= set(record.tests):

# %% wrong="skipped_is_run" of="gate" caught_by="gate_says_pass_block_or_unclear" edits="reference"
# Counts a skipped test as one that ran: a suite that skips all its tests lets everything in.
# -     passed = [name for name, test in record.tests.items() if test["outcome"] == "passed"]
# +     passed = list(record.tests)

# %% wrong="calls_alone" of="gate" caught_by="gate_says_pass_block_or_unclear" edits="reference"
# Keeps the calls alone: a test whose fixture raises has no call, and is not even listed.
# -         if not failed and (report.when == "call" or report.outcome != "passed"):
# +         if not failed and report.when == "call":

# %% wrong="unclear_is_block" of="gate" caught_by="gate_says_pass_block_or_unclear" edits="reference"
# Calls everything that is no pass a block: the owner of the model looks for a fault that is in the gate's own call.
# -         verdict = "unclear"
# +         verdict = "block"

# %% wrong="cleaning_up_does_not_count" of="gate" caught_by="gate_says_pass_block_or_unclear" edits="reference"
# Leaves out the cleaning up: a fixture that asserts after its yield is a test that never fails.
# -         if not failed and (report.when == "call" or report.outcome != "passed"):
# +         if not failed and (report.when == "call" or report.when == "setup" and report.outcome != "passed"):

# %% wrong="cut_short" of="gate" caught_by="gate_says_pass_block_or_unclear" edits="reference"
# Lets in what was cut short: none of the tests that ran had failed.
# -     elif suites and set(suites) <= ran and record.collected <= set(record.tests):
# +     elif suites and set(suites) <= ran:

# %% wrong="the_module_of_before" of="gate" caught_by="gate_says_pass_block_or_unclear" edits="reference"
# Runs the module of the call before: Python imports a name once, and the edited file is logged, not run.
# -         sys.modules.pop(Path(suite).stem, None)  # an edited suite is read anew
# +         Path(suite).stat()


# %% also="junit_of_each_file" of="gate"
import contextlib
import hashlib
import json
import os
import sys
import tempfile
import xml.etree.ElementTree as ElementTree

import mlflow
import pandas as pd
import pytest


class Given:
    def __init__(self, model, orders):
        self._model, self._orders = model, orders

    @pytest.fixture
    def model(self):
        return self._model

    @pytest.fixture
    def orders(self):
        return self._orders.copy()


def read(name, path):
    """The tests of one file, from its JUnit report."""
    for case in ElementTree.parse(path).iter("testcase"):
        parts = {part.tag: part for part in case}
        if case.get("classname") in ("", None):
            continue  # a file that could not be imported
        part = parts.get("failure", parts.get("error", parts.get("skipped")))
        outcome = "passed" if part is None else "skipped" if part.tag == "skipped" else "failed"
        message = "" if part is None else f"{part.get('message')}\n{part.text}"
        yield {"test": f"{name}::{case.get('name')}", "outcome": outcome, "message": message}


def main(model, orders, *suites):
    tests, clear = [], bool(suites)
    digest = "none"
    with contextlib.suppress(OSError), open(orders, "rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    with tempfile.TemporaryDirectory() as folder:
        try:
            given = Given(mlflow.sklearn.load_model(model), pd.read_parquet(orders))
            for suite in suites:
                path = os.path.join(folder, suite + ".xml")
                sys.modules.pop(suite.removesuffix(".py"), None)
                code = pytest.main(
                    [suite, "-q", f"--junitxml={path}", "-p", "no:cacheprovider"], plugins=[given]
                )
                found = list(read(suite, path)) if os.path.exists(path) else []
                tests += found
                clear &= code in (0, 1) and any(test["outcome"] == "passed" for test in found)
        except Exception as error:
            print(error)
            clear = False
    failed = [test for test in tests if test["outcome"] == "failed"]
    verdict, code = ("block", 1) if failed else ("pass", 0) if clear else ("unclear", 2)
    client = mlflow.MlflowClient()
    run = mlflow.start_run(tags={"verdict": verdict})
    mlflow.log_param("model", model)
    mlflow.log_param("orders_sha256", digest)
    for name in ("passed", "failed", "skipped"):
        mlflow.log_metric(name, float(sum(test["outcome"] == name for test in tests)))
    mlflow.log_dict(tests, "report.json")
    for suite in suites:
        if os.path.exists(suite):
            client.log_artifact(run.info.run_id, suite, "suites")
    mlflow.end_run()
    return code


if __name__ == "__main__":
    raise SystemExit(main(*sys.argv[1:]))
