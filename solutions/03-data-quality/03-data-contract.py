# ---
# title: "May this day of orders reach the fraud model?"
# minutes: 60
# data: [tidewater]
# needs: [walking-skeleton]
# leaves: [contract.py, row_rules.py, batch_rules.py]
# runs_on: []
# limit_seconds: 60
# sources:
#   - "Pandera 0.35, documentation: DataFrame Schemas; Validating with Checks; Lazy Validation"
#   - "Breck, Polyzotis, Roy, Whang, Zinkevich (2019), Data Validation for Machine Learning, MLSys 2019: validation of one batch against a schema, and between batches"
#   - "Semantic Versioning 2.0.0, points 6 to 8"
#   - "docs/world.md and docs/incidents.md of this course: the price of unit_change, and what happens at Tidewater"
# hints:
#   - "Part 1: one rule, one column, all cells, and nobody stops at the first fault. Part 2: what does a fault move tenfold that a
#     sale and a Monday leave nearly where it was? And look at what JSON does to the keys of a dict. Part 3: which rows passed the old
#     contract and fail the new one? Part 4: where do the good rows of a stopped day go? Part 5: count again before you log."
#   - "Part 1: validate(lazy=True) raises SchemaErrors, and its failure_cases has column, check and index; reset the index first. Check
#     cells one by one: a dtype says what a column is stored as, not what is in it. Part 2: a median of each channel against the reference's,
#     as a ratio; and the share of the day's most common value against the share that this value has in the reference. Part 3: a
#     function narrower(old_rule, new_rule). Part 4: split, then alarms on what was accepted, then the limit on the quarantine."
#   - "Part 1: day.reset_index(drop=True).reindex(columns=list(contract['columns'])).astype(object) gives the cells; pa.Check(lambda cells:
#     cells.map(fits).astype(bool), name='type'); in the other checks let pass what is not of the type. Part 2: ratio = day.groupby('channel')['amount']
#     .median() / pd.Series(reference['amount']), alarm above 4 or below 1/4; shares = day[column].astype(str).value_counts(normalize=True).
#     Part 3: set(old['allowed']) - set(new['allowed']). Part 4: accepted.assign(reason=', '.join(found)). Part 5: hashlib.sha256 of
#     the bytes of each file, then of the lines. And rows in has to be accepted + quarantined."
# ---

# %% [markdown]
# # May this day of orders reach the fraud model?
#
# Each night the shop's systems hand Tidewater's orders and payments to the fraud model: one file a day, one row an order. In spring a
# release made the app send cents where it had sent euros, and nobody noticed for 17 days. By
# [docs/world.md](../../docs/world.md) such a fault costs some 10,000 euros (5.6 % of 183,378, at 1,000 orders a day): about 600 for each day that it passes. A day that is stopped
# for nothing costs 150, for the engineer who is called at night, and the model goes without that day. You build the gate.
#
# Between producer and model stands a **contract**: what each column means, agreed by both, with a version. It is data, not code:

# %%
import grader

grader.begin("data-contract")

import hashlib
import json
from pathlib import Path

import mlflow
import pandas as pd
import pandera.pandas as pa

from tidewater import make_world

CONTRACT = {
    "version": "1.0.0",
    "owner": "payments",
    "columns": {
        "order_id": {"type": "whole", "min": 1, "unique": True},
        "customer_id": {"type": "whole", "min": 1},
        "placed_at": {"type": "time", "not_after": "arrived_at", "about": "UTC"},
        "arrived_at": {"type": "time", "about": "UTC"},
        "amount": {"type": "number", "min": 0.01, "about": "EUR; no upper bound: a bulk order is no fault"},
        "currency": {
            "type": "text",
            "allowed": ["EUR", "DKK", "SEK", "PLN", "CZK", "GBP", "CHF", "NOK", "USD"],
        },
        "items": {"type": "whole", "min": 1, "max": 50},
        "channel": {"type": "text", "allowed": ["web", "app", "partner", "phone"]},
        "coupon": {"type": "text", "null": True},
        "ship_country": {"type": "text"},
        "address_age_days": {"type": "whole", "min": 0},
        "device": {"type": "text", "allowed": ["android", "ios", "windows", "mac", "other"]},
        "device_known": {"type": "flag"},
        "card_country": {"type": "text"},
        "attempts": {"type": "whole", "min": 1, "max": 9},
        "auth_result": {"type": "text", "allowed": ["frictionless", "challenged", "retried"]},
    },
}
written = Path("contract.json").write_text(json.dumps(CONTRACT, indent=1))

# %% [markdown]
# Data to play with: 12 days of the feed, which somebody has looked at and found in order. `message_id` is the number of the queue's
# message: each row has its own, also a row that was delivered twice. The contract does not name it.


# %%
def feed(world):
    """The orders of a world with their payments: a list of DataFrames, one a day."""
    rows = pd.concat([world.orders, world.payments.drop(columns=["order_id", "legacy_risk_score"])], axis=1)
    rows["message_id"] = range(len(rows))
    return [day for _, day in rows.groupby(rows["order_id"] // 10_000_000)]


days = feed(make_world(seed=0, days=12, orders_per_day=400))
days[0].head(3).T

# %% [markdown]
# The gate and its record are three files and two functions. Pandera is at hand (`pa`); plain pandas, NumPy or DuckDB do as well.
#
# ## 1. Row rules: `row_rules.py`
#
# A *row rule* looks at one row (or, for `unique`, at the rows before it). It sends single rows into *quarantine*, with the reason, and lets the others go on.
#
# `split(day, contract)`. In: `day`, a DataFrame whose row labels are unique but need not begin at 0, as when it was cut from a longer one; `contract`, a dict
# like `CONTRACT`, with any columns. Out: two DataFrames, `accepted` and `quarantine`, the rows of each in any order: each row of the day is in exactly one of them, with all its
# columns, their dtypes and its values as they came, and the rows of `quarantine` have one more column, `reason`. `day` itself stays as it was.
#
# | rule | broken by a cell that |
# | --- | --- |
# | `null` | is empty (None, NaN, NaT, NA), where the column does not say `"null": True`. In a column that is not there, every cell is empty |
# | `type` | is not of the `type`: `whole` and `number` are finite numbers (3.0 is whole; True and "3" are no numbers), `text` is a str, `flag` True or False, `time` a datetime (a Timestamp is one; there are no time zones) |
# | `range` | lies below `min` or above `max` |
# | `allowed` | is not in the list `allowed` |
# | `unique` | stood in an earlier row of this column, whether that row is accepted or not. Cells of the wrong type do not count: after True, 1 is the first |
# | `not_after` | is later than the moment in the column that `not_after` names; beside an empty cell, or one that is no moment, nothing is broken |
#
# Each column has a `type`; another rule that is not written is not asked. An empty cell breaks `null` or nothing, a cell of the wrong type breaks `type` alone. `reason` names *every* rule that the row breaks, as `column:rule`, with ", "
# between them in any order: `amount:range, channel:allowed`.
#
# Whole numbers arrive as int64, int32, Int64, or float64 (if one row of the column is empty, pandas makes floats of all); texts as str, object or category; times in ms or
# ns. Columns come in any order, and new ones appear. All that is harmless. Changing values is not: what arrived as "12,50" goes into quarantine as "12,50".


# %% answer="rows" file="row_rules.py"
import datetime
import math
import numbers

import numpy as np
import pandas as pd
import pandera.pandas as pa


def split(day, contract):
    """Part the rows of a day into those that keep the contract and those that break a rule.

    day: DataFrame, unique row labels; it stays as it is. contract: dict with "columns", from names to rules.
    Returns (accepted, quarantine): DataFrames; quarantine has one more column, reason, of texts such as
    "amount:range, channel:allowed".
    """
    ### BEGIN SOLUTION
    cells = day.reset_index(drop=True).reindex(columns=list(contract["columns"])).astype(object)
    reasons = [set() for _ in range(len(day))]
    try:
        schema_of(contract).validate(cells, lazy=True)
    except pa.errors.SchemaErrors as broken:
        for case in broken.failure_cases.itertuples():
            rule = "null" if case.check == "not_nullable" else case.check
            reasons[case.index].add(rule if ":" in rule else f"{case.column}:{rule}")
    broken_rows = np.array([bool(found) for found in reasons], dtype=bool)
    quarantine = day[broken_rows].assign(reason=[", ".join(sorted(found)) for found in reasons if found])
    return day[~broken_rows], quarantine


def is_number(value):
    return (
        isinstance(value, numbers.Real) and not isinstance(value, (bool, np.bool_)) and math.isfinite(value)
    )


KINDS = {
    "whole": lambda value: is_number(value) and float(value).is_integer(),
    "number": is_number,
    "text": lambda value: isinstance(value, str),
    "flag": lambda value: isinstance(value, (bool, np.bool_)),
    "time": lambda value: isinstance(value, datetime.datetime),
}


def column_of(rule):
    """The Pandera column of one entry of the contract."""
    fits = KINDS[rule["type"]]
    low, high = rule.get("min", -math.inf), rule.get("max", math.inf)
    checks = [pa.Check(lambda cells: cells.map(fits).astype(bool), name="type")]

    def check(name, passes):  # of the cells of the right type
        checks.append(pa.Check(lambda cells: ~cells.map(fits).astype(bool) | passes(cells), name=name))

    if "min" in rule or "max" in rule:
        check("range", lambda cells: cells.map(lambda value: not fits(value) or low <= value <= high))
    if "allowed" in rule:
        check("allowed", lambda cells: cells.isin(rule["allowed"]))
    if rule.get("unique"):
        check("unique", lambda cells: ~cells.where(cells.map(fits).astype(bool)).duplicated())
    return pa.Column(checks=checks, nullable=rule.get("null", False))


def schema_of(contract):
    columns = contract["columns"]
    later = {name: rule["not_after"] for name, rule in columns.items() if "not_after" in rule}
    order = [
        pa.Check(lambda t, a=a, b=b: ~(moments(t[a]) > moments(t[b])), name=f"{a}:not_after")
        for a, b in later.items()
    ]
    return pa.DataFrameSchema({name: column_of(rule) for name, rule in columns.items()}, checks=order)


def moments(cells):
    return pd.to_datetime(cells.where(cells.map(KINDS["time"]).astype(bool)))


### END SOLUTION


# %% test="row_reasons" of="rows" points=2
import datetime
import math

import numpy as np
import pandas as pd
from grader import expect


def split_each(days, contract):
    """What split of row_rules.py gives for each day, and whether it left the day as it was."""
    import importlib
    import sys

    importlib.invalidate_caches()
    sys.dont_write_bytecode = True
    sys.path.insert(0, "")
    sys.modules.pop("row_rules", None)
    from row_rules import split

    results = []
    for day in days:
        before = day.copy(deep=True)
        accepted, quarantine = split(day, contract)
        results.append((accepted, quarantine, day.equals(before)))
    return results


def verdicts(result):
    """From message_id to the set of reasons; a row that is in both parts or twice in one is named by its number alone."""
    accepted, quarantine, _ = result
    if "message_id" not in accepted or not {"message_id", "reason"} <= set(quarantine):
        return "a part without message_id, or a quarantine without reason"
    found = [(int(number), set()) for number in accepted["message_id"]]
    for number, reason in zip(quarantine["message_id"], quarantine["reason"].astype(str), strict=True):
        found.append((int(number), {part.strip() for part in reason.split(",") if part.strip()} or {"none"}))
    if len(dict(found)) < len(found):
        return "a row more than once"
    return dict(found)


contract = {
    "version": "1.0.0",
    "columns": {
        "amount": {"type": "number", "min": 0.01},
        "channel": {"type": "text", "allowed": ["web", "app"]},
        "order": {"type": "whole", "unique": True},
        "coupon": {"type": "text", "null": True},
    },
}
small = pd.DataFrame(
    {
        "message_id": range(7),
        "amount": [12.5, "12,50", -3.0, None, 7.0, 8.0, 90000.0],
        "channel": ["web", "app", "kiosk", "app", "web", "app", "web"],
        "order": [1, 2, 3, 4, 1, 5, 6],
        "coupon": [None, "HARBOUR10", None, None, None, None, "x"],
    }
)
expect.equal(
    {
        number: sorted(reasons)
        for number, reasons in verdicts(expect.beside(split_each, [small], contract)[0]).items()
    },
    {
        0: [],
        1: ["amount:type"],
        2: ["amount:range", "channel:allowed"],
        3: ["amount:null"],
        4: ["order:unique"],
        5: [],
        6: [],
    },
    what="the reasons of seven rows: in order, text as amount, negative from a kiosk, no amount, an order again, in order, dear",
    why="good rows go on, and each row in quarantine names every rule that it breaks",
    look_at="the first row whose reasons differ",
)
### BEGIN HIDDEN TESTS
from tidewater import Incident, make_world
from tidewater.dirt import corrupt

rng = expect.rng()


def is_empty(value):
    return (
        value is None or value is pd.NA or value is pd.NaT or (isinstance(value, float) and math.isnan(value))
    )


def is_of(value, kind):
    if kind in ("text", "flag", "time"):
        return isinstance(value, {"text": str, "flag": (bool, np.bool_), "time": datetime.datetime}[kind])
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, float, np.integer, np.floating)):
        return False
    return math.isfinite(value) and (kind == "number" or float(value) == int(value))


def judged(day, contract):
    """From message_id to the set of reasons, cell by cell."""
    found = {int(number): set() for number in day["message_id"]}
    for name, rule in contract["columns"].items():
        cells = list(day[name].astype(object)) if name in day else [None] * len(day)
        others = list(day[rule["not_after"]].astype(object)) if "not_after" in rule else cells
        seen = set()
        for number, value, other in zip(day["message_id"], cells, others, strict=True):
            reasons = found[int(number)]
            if is_empty(value):
                reasons |= set() if rule.get("null") else {f"{name}:null"}
            elif not is_of(value, rule["type"]):
                reasons.add(f"{name}:type")
            else:
                if ("min" in rule and value < rule["min"]) or ("max" in rule and value > rule["max"]):
                    reasons.add(f"{name}:range")
                if "allowed" in rule and value not in rule["allowed"]:
                    reasons.add(f"{name}:allowed")
                if rule.get("unique") and value in seen:
                    reasons.add(f"{name}:unique")
                if "not_after" in rule and is_of(other, "time") and value > other:
                    reasons.add(f"{name}:not_after")
                seen.add(value)
    return found


def at_stake(numbers, wanted, found):
    """The rule that most of these rows have too much or too little, in words."""
    rules = [rule for number in numbers for rule in sorted(wanted[number] ^ found[number])]
    known = [
        rule
        for rule in rules
        if rule.partition(":")[0] in rows.columns or rule in set().union(*wanted.values())
    ]
    return max(known, key=known.count) if known else "reasons that are no column:rule"


agreed = {
    "version": "1.0.0",
    "columns": {
        "order_id": {"type": "whole", "min": 1, "unique": True},
        "placed_at": {"type": "time", "not_after": "arrived_at"},
        "arrived_at": {"type": "time"},
        "amount": {"type": "number", "min": 0.01},
        "currency": {
            "type": "text",
            "allowed": ["EUR", "DKK", "SEK", "PLN", "CZK", "GBP", "CHF", "NOK", "USD"],
        },
        "items": {"type": "whole", "min": 1, "max": 50},
        "channel": {"type": "text", "allowed": ["web", "app", "partner", "phone"]},
        "coupon": {"type": "text", "null": True},
        "address_age_days": {"type": "whole", "min": 0},
        "device_known": {"type": "flag"},
        "card_country": {"type": "text"},
    },
}
other = {
    "version": "4.2.0",
    "columns": {
        "customer_id": {"type": "whole", "null": True},
        "items": {"type": "number", "min": 2, "max": 4},
        "device": {"type": "text", "allowed": ["mac", "ios"], "null": True},
        "voucher": {"type": "text", "null": True},
    },
}
world = make_world(
    int(rng.integers(2**60)),
    days=6,
    orders_per_day=70,
    incidents=[
        Incident("duplicate_events", 1.0, days=1.0, size=0.2),
        Incident("clock_skew", 1.0, days=1.0, target="app"),
        Incident("null_burst", 3.2, days=0.7, size=0.5, target="device_service"),
        Incident("renamed_field", 4.0, days=1.0, target="address_age_days"),
    ],
)
rows = pd.concat([world.orders, world.payments.drop(columns="order_id")], axis=1)
rows["message_id"] = rng.permutation(len(rows)) + 7
parts = [part for _, part in rows.groupby(rows["order_id"] // 10_000_000)]
dirty = parts[0]
for kind, columns in {
    "wrong_types": ["items", "device_known", "placed_at"],
    "decimal_comma": ["amount"],
    "sentinels": ["address_age_days", "currency"],
    "trailing_blanks": ["channel"],
    "swapped_columns": ["currency", "coupon"],
}.items():
    dirty, _ = corrupt(dirty, kind, int(rng.integers(2**31)), share=0.06, columns=columns)
dirty = dirty.astype(object)
for column in ("order_id", "amount", "card_country", "arrived_at", "items"):
    dirty.loc[rng.choice(dirty.index, 5, replace=False), column] = None
lowest = parts[5].astype({"items": float})
for column, values in {
    "amount": [0.01, 0.0, 25000.0, -1.0],
    "items": [1, 50, 51, 2.5],
    "address_age_days": [0, -1, 3, 0],
    "order_id": [0, 7, 0, 7],  # the rows 0 and 1 break rules of their own, and are the first all the same
    "placed_at": lowest["arrived_at"].iloc[:4].tolist(),
}.items():
    lowest.loc[lowest.index[:4], column] = values
odd = parts[5].astype({"items": object, "device_known": object, "card_country": object, "order_id": object})
for column, values in {
    "items": [True, "3", 3.0],
    "device_known": ["yes", 1, "no"],
    "amount": [float("inf"), 1.0, -float("inf")],
    "card_country": [7, "?", False],
}.items():
    odd.loc[odd.index[:3], column] = values
odd.loc[odd.index[3:5], "order_id"] = [True, 1]
cases = {
    "texts, commas, sentinels, blanks, swapped and empty cells, several in one row": (dirty, agreed),
    "a queue that delivers twice and a clock in another time zone": (parts[1], agreed),
    "a service that fails for hours": (parts[3], agreed),
    "a field that arrives under another name": (parts[4].drop(columns="address_age_days"), agreed),
    "values on the bounds and beside them, equal moments, orders again after a bad row": (lowest, agreed),
    "True, 3 as a text, 1 as a flag, infinite amounts, and an order 1 after an order True": (odd, agreed),
    "another contract": (parts[2], other),
}
for name, (day, rules) in cases.items():
    result = expect.beside(split_each, [day], rules)[0]
    wanted, found = judged(day, rules), verdicts(result)
    expect.true(
        isinstance(found, dict) and set(found) == set(wanted),
        got=found if isinstance(found, str) else f"{len(found)} rows in both parts together",
        expected=f"{len(wanted)} rows, each once",
        what=f"the rows of the two parts of a day with {name}",
        why="rows in = accepted + quarantined: a row that is nowhere is lost, and nobody knows",
        look_at="what drops, filters or repeats rows on the way, and row labels taken for positions",
    )
    moved = [number for number in wanted if bool(found[number]) != bool(wanted[number])]
    expect.equal(
        len(moved),
        0,
        what=f"rows that split puts into the wrong part, about {at_stake(moved, wanted, found)}, on a day with {name}",
        why="a row that breaks a rule is quarantined, and no other row is",
        look_at="that rule, for cells of that sort",
    )
    other_reasons = [number for number in wanted if found[number] != wanted[number]]
    expect.equal(
        len(other_reasons),
        0,
        what=f"rows that split quarantines for other reasons, about {at_stake(other_reasons, wanted, found)}, on a day with {name}",
        why="whoever repairs the feed needs each broken rule as column:rule, and no other",
        look_at="that rule, for rows that break several and for cells of the wrong type, which break no other rule",
    )
    expect.true(
        result[2],
        got="another day than before",
        expected="the day as it was",
        what="the day given to split",
        why="the caller still needs what was delivered",
        look_at="assignments into an argument",
    )
### END HIDDEN TESTS

# %% [markdown]
# The same rows in another dress must get the same verdicts, and nothing may be changed on the way.

# %% test="same_rows_other_dress" of="rows" points=2
import numpy as np
import pandas as pd
from grader import expect


def split_each(days, contract):
    """What split of row_rules.py gives for each day, and the columns whose dtype it changed."""
    import importlib
    import sys

    importlib.invalidate_caches()
    sys.dont_write_bytecode = True
    sys.path.insert(0, "")
    sys.modules.pop("row_rules", None)
    from row_rules import split

    results = []
    for day in days:
        parts = split(day, contract)
        filled = [part for part in parts if len(part)]
        changed = [
            name for name in day if any(name in p and p[name].dtype != day[name].dtype for p in filled)
        ]
        results.append((*parts, changed))
    return results


contract = {
    "version": "1.0.0",
    "columns": {"items": {"type": "whole", "min": 1}, "channel": {"type": "text", "allowed": ["web", "app"]}},
}
plain = pd.DataFrame({"message_id": [4, 5, 6], "items": [1, 0, 3], "channel": ["web", "app", "kiosk"]})
for dress, day in {
    "int32 and category": plain.astype({"items": "int32", "channel": "category"}),
    "other columns first": plain[["channel", "items", "message_id"]].assign(new="?"),
    "rows 900 to 902": plain.set_axis([900, 901, 902]),
}.items():
    accepted, quarantine, _ = expect.beside(split_each, [day], contract)[0]
    expect.equal(
        [sorted(int(number) for number in part["message_id"]) for part in (accepted, quarantine)],
        [[4], [5, 6]],
        what=f"the messages that split accepts and quarantines of three rows, dress: {dress}",
        why="order of columns, width of a type, a new column and row labels change no row",
        look_at="what you compare: the cells, or the way in which they are stored",
    )
    expect.equal(
        sorted(map(str, accepted.columns)),
        sorted(map(str, day.columns)),
        what=f"the columns of the accepted rows, dress: {dress}",
        why="a column that the contract does not name passes through",
        look_at="what selects or adds columns",
    )
### BEGIN HIDDEN TESTS
from tidewater import make_world

rng = expect.rng()
agreed = {
    "version": "1.0.0",
    "columns": {
        "order_id": {"type": "whole", "min": 1, "unique": True},
        "placed_at": {"type": "time", "not_after": "arrived_at"},
        "arrived_at": {"type": "time"},
        "amount": {"type": "number", "min": 0.01},
        "items": {"type": "whole", "min": 1, "max": 50},
        "channel": {"type": "text", "allowed": ["web", "app", "partner", "phone"]},
        "coupon": {"type": "text", "null": True},
        "device_known": {"type": "flag"},
        "attempts": {"type": "whole", "min": 1, "max": 9},
    },
}
world = make_world(int(rng.integers(2**60)), days=1, orders_per_day=90)
base = pd.concat([world.orders, world.payments.drop(columns="order_id")], axis=1)
base["message_id"] = rng.permutation(len(base)) + 100
bad = {}
spots = iter(rng.permutation(len(base)).tolist())
for column, value, rule in [
    ("amount", -5.0, "range"),
    ("items", 51, "range"),
    ("channel", "kiosk", "allowed"),
    ("attempts", 0, "range"),
    ("placed_at", base["arrived_at"].max() + pd.Timedelta(hours=8), "not_after"),
]:
    for _ in range(3):
        spot = next(spots)
        base.loc[base.index[spot], column] = value
        bad[int(base["message_id"].iloc[spot])] = f"{column}:{rule}"
gap = base.copy()
spot = next(spots)
gap["attempts"] = gap["attempts"].astype(float)
gap.loc[gap.index[spot], "attempts"] = np.nan
dresses = {
    "columns and rows in another order": base[rng.permutation(base.columns).tolist()].sample(
        frac=1, random_state=int(rng.integers(2**31))
    ),
    "labels of a longer table, narrow numbers, times in nanoseconds": base.astype(
        {"items": "int8", "attempts": "int32", "amount": "float32"}
        | dict.fromkeys(["placed_at", "arrived_at"], "datetime64[ns]")
    ).set_axis(np.arange(len(base)) * 3 + 5000),
    "nullable types, texts as row labels": base.astype(
        {"items": "Int64", "device_known": "boolean", "coupon": "string"}
    ).set_axis([f"r{number}" for number in base["message_id"]]),
    "plain objects": base.astype(
        {"items": object, "channel": object, "device_known": object, "amount": object}
    ),
    "one empty cell that made floats of whole numbers": gap,
    "categories, two new columns, no coupon column": base.assign(loyalty=None, basket="b")
    .drop(columns="coupon")
    .astype({"channel": "category", "device": "category"}),
    "no rows": base.iloc[:0],
    "no good rows": base[base["message_id"].isin(list(bad))],
    "no bad rows": base[~base["message_id"].isin(list(bad))],
}


accepted, quarantine, _ = expect.beside(split_each, [gap], agreed)[0]
expect.equal(
    len(quarantine),
    len(bad) + 1,
    what="rows that split quarantines of a day with one empty cell, which made floats of the whole numbers in attempts",
    why="3.0 is the whole number 3, stored in another way; one row is empty there, and no other is broken by it",
    look_at="how you tell a whole number: by its value or by its storage",
)


def plain_cell(value):
    """A cell without the way in which it is stored."""
    if value is None or value is pd.NA or value != value:
        return "nothing"
    if isinstance(value, (bool, np.bool_, str)):
        return repr(value if isinstance(value, str) else bool(value))
    return str(value) if isinstance(value, pd.Timestamp) else repr(round(float(value), 6))


for dress, day in dresses.items():
    expected = {number: reason for number, reason in bad.items() if number in set(day["message_id"])}
    if day is gap:
        expected[int(gap["message_id"].iloc[spot])] = "attempts:null"
    accepted, quarantine, other_dtypes = expect.beside(split_each, [day], agreed)[0]
    expect.equal(
        [
            sorted(set(day.columns) - set(accepted.columns)),
            sorted(set(quarantine.columns) ^ {*day.columns, "reason"}),
        ],
        [[], []],
        what=f"the columns that the two parts lack or have too much, dress: {dress}",
        why="all columns stay, and the quarantine has a reason, also where it is empty",
        look_at="what selects columns, and days on which one part has no rows",
    )
    reasons = {
        int(number): str(reason)
        for number, reason in zip(quarantine["message_id"], quarantine["reason"], strict=True)
    }
    differ = sorted(set(reasons.items()) ^ set(expected.items()))
    about = sorted(
        {column for column in day.columns for _, reason in differ if reason.startswith(f"{column}:")}
    )
    expect.equal(
        [len(accepted), len(differ)],
        [len(day) - len(expected), 0],
        what=f"rows accepted by split, and reasons that differ (columns: {', '.join(about) or 'none'}), dress: {dress}",
        why="the same rows get the same verdicts however they are stored",
        look_at="comparisons of dtypes, positions of columns, row labels used as positions, equal labels in another order",
    )
    whole = pd.concat([accepted, quarantine]).set_index("message_id").loc[day["message_id"].tolist()]
    changed = [
        column
        for column in day.columns
        if column != "message_id"
        and [plain_cell(v) for v in whole[column].astype(object)]
        != [plain_cell(v) for v in day[column].astype(object)]
    ]
    expect.equal(
        changed,
        [],
        what=f"values that split changed in {', '.join(sorted(changed)[:3]) or 'no column'}, dress: {dress}",
        why="a gate passes rows on as they came; repairing them is another step, with its own record",
        look_at="conversions whose result you hand on",
    )
    expect.equal(
        other_dtypes,
        [],
        what=f"dtypes that split changed in {', '.join(sorted(other_dtypes)[:3]) or 'no column'}, dress: {dress}",
        why="rows go on as they came, and the next step may know a column by its dtype",
        look_at="convert_dtypes, astype, and frames that are made anew from rows",
    )
### END HIDDEN TESTS

# %% [markdown]
# ## 2. Batch rules: `batch_rules.py`
#
# 4,500 euros may be a dear order or 45 euros in cents: no row says which. A *batch rule* looks at all rows of a day and compares with a *reference*, which was learned
# from days that somebody had looked at.
#
# `learn(days)`. In: a list of 10 or more DataFrames, the accepted rows of one day each. Out: the reference, a dict. It is stored as JSON between the
# nights: `alarms` gets `json.loads(json.dumps(reference))`.
#
# `alarms(day, reference)`. In: the accepted rows of one day, 250 or more, stored in any of the ways of part 1, and the reference, which stays as it was. Out: a list of texts `column:rule`, with the column that is at fault and a word
# of yours for the rule; empty for a day in order. `channel` and `amount` are always there, and no amount is empty. Any other column may be gone, and new ones may come: neither is a fault.
#
# Two kinds of fault have to be found **on each day** that they last, not on the first alone:
#
# - *another unit*: the amounts of one channel, with 30 orders or more that day, arrive multiplied or divided by ten or more (column `amount`);
# - *a default instead of an answer*: a service that is down gives one and the same value for all orders of the day, without an exception. An empty cell counts as a value like any other. Look
#   at all columns of the reference but `order_id`, `customer_id`, `message_id`, `placed_at`, `arrived_at` and `amount`. In such a fault at most half of all orders in the reference's days, taken together,
#   had that value; a value that they never had counts, too.
#
# All else is business as usual and needs no call at night: weekends, a holiday with twice the orders, a sale that takes a channel to 0.6 of its amounts, a
# coupon that hardly anyone gets any more, a campaign, slow inflation, an hour with five times the load, a single order of 30,000 euros. Of 36 such days at most one
# may raise an alarm.


# %% answer="batches" file="batch_rules.py"
from numbers import Real

import pandas as pd


def learn(days):
    """What is usual, from days that were looked at.

    days: list of DataFrames, the accepted rows of one day each.
    Returns a dict that JSON can store.
    """
    ### BEGIN SOLUTION
    rows = pd.concat(days)
    columns = [name for name in rows.columns if name not in LEFT_OUT]
    return {
        "amount": {name: float(level) for name, level in rows.groupby("channel")["amount"].median().items()},
        "shares": {name: shares_of(rows[name]) for name in columns},
    }
    ### END SOLUTION


def alarms(day, reference):
    """The batch rules that a day breaks.

    day: DataFrame, accepted rows of one day. reference: what learn returned, after a way through JSON; it stays as it is.
    Returns a list of texts "column:rule".
    """
    ### BEGIN SOLUTION
    found = []
    amounts = day.groupby("channel", observed=True)["amount"]
    ratio = amounts.median() / pd.Series(reference["amount"], dtype=float)
    ratio = ratio[amounts.size().reindex(ratio.index, fill_value=0) >= FEW]
    if ((ratio > FACTOR) | (ratio < 1 / FACTOR)).any():
        found.append("amount:level")
    for name, known in reference["shares"].items():
        if name not in day:
            continue
        shares = shares_of(day[name])
        common = max(shares, key=shares.get)
        if shares[common] - known.get(common, 0.0) > MORE:
            found.append(f"{name}:share")
    return found


FACTOR = 4.0  # a sale takes a channel to 0.6 of its level; a wrong unit is a factor of ten or more
MORE = 0.4  # of the rows: how much commoner than in the reference a value may be
FEW = 20
LEFT_OUT = {"order_id", "customer_id", "placed_at", "arrived_at", "amount", "message_id"}


def shares_of(cells):
    """From each value, as text, to its share of the rows; 3 and 3.0 are one value, and so are all empty cells."""
    shares = {}
    for value, share in cells.value_counts(normalize=True, dropna=False).items():
        shares[text_of(value)] = shares.get(text_of(value), 0.0) + float(share)
    return shares


def text_of(value):
    if pd.isna(value):
        return ""
    return str(float(value)) if isinstance(value, Real) else str(value)


### END SOLUTION


# %% test="faults_and_quiet_days" of="batches" points=3
import json

import pandas as pd
from grader import expect
from tidewater import Incident, make_world


def alarms_of(history, days):
    """What batch_rules.py learns from history, as JSON, what it says of each day, and the reference afterwards."""
    import importlib
    import json
    import sys

    importlib.invalidate_caches()
    sys.dont_write_bytecode = True
    sys.path.insert(0, "")
    sys.modules.pop("batch_rules", None)
    from batch_rules import alarms, learn

    text = json.dumps(learn(history))
    reference = json.loads(text)
    found = [[str(alarm) for alarm in alarms(day, reference)] for day in days]
    return found, json.dumps(reference) == json.dumps(json.loads(text))


def feed(world):
    rows = pd.concat([world.orders, world.payments.drop(columns=["order_id", "legacy_risk_score"])], axis=1)
    rows["message_id"] = range(len(rows))
    return [day for _, day in rows.groupby(rows["order_id"] // 10_000_000)]


def in_other_unit(day, channel, factor):
    """The day with the amounts of one channel multiplied."""
    return day.assign(
        amount=day["amount"].where(day["channel"] != channel, (day["amount"] * factor).round(2))
    )


seen = feed(make_world(seed=1, days=12, orders_per_day=420))
got, kept = expect.beside(
    alarms_of, seen[:10], [seen[10], in_other_unit(seen[11], "app", 100), seen[11].assign(device_known=False)]
)
expect.equal(
    [sorted({alarm.partition(":")[0] for alarm in one}) for one in got],
    [[], ["amount"], ["device_known"]],
    what="the columns that alarms names for a day in order, a day on which the app sends cents, a day without a known device",
    why="the reference says what is usual, and each of the two faults moves one column far from it",
    look_at="the level of amounts in each channel, and the share of the day's most common value",
)
### BEGIN HIDDEN TESTS
# Over 20 worlds, in natural logarithms: the largest distance of a channel's median from its reference on 36 harmless days 0.60,
# sd 0.04, at most 0.74 (factors 1.8 and 2.1); the smallest under a fault 2.08, sd 0.11, at least 1.82 (8.0 and 6.2). A limit of 4
# (1.39) lies 18 and 6 sd away. A value was at most 0.21, sd 0.007, commoner than in the reference (the empty coupon), a default at
# least 0.85, sd 0.006; a limit of 0.4 lies 27 sd away. With just 30 orders in cents the distance is 4.62, sd 0.16, at least 4.30. False alarms: medians 0 in every world, means 9 (each day with a dear order).
rng = expect.rng()
world_seed = int(rng.integers(2**60))
usual = [
    Incident("price_inflation", 0.0),
    Incident("home_campaign", 12.0),
    Incident("sale", 13.0, size=0.6, target="app"),
    Incident("traffic_spike", 19.5),
    Incident("holiday", 22.0),
    Incident("weekend", 31.0),
    Incident("optional_field", 33.0),
    Incident("reordering", 38.0),
    Incident("sale", 41.0, size=0.62, target="web"),
]
days = feed(make_world(world_seed, days=46, orders_per_day=450, incidents=usual))
history, later = days[:10], days[10:]
quiet = []
for place, day in enumerate(later):
    if place % 4 == 1:  # one order of a reseller, every fourth day
        dear = day.copy()
        channel = ("phone", "partner")[place % 8 // 4]
        dear.loc[dear.index[dear["channel"] == channel][:1], "amount"] = float(rng.integers(25000, 31000))
        day = dear
    if place % 6 == 2:  # after an empty cell in quarantine, whole numbers are floats; a file brings None
        day = day.astype({"items": "int32", "attempts": float, "address_age_days": float, "coupon": object})
        day["coupon"] = day["coupon"].where(day["coupon"].notna(), None)
    if place % 6 == 5:
        day = day.astype({"channel": "category", "device_known": object, "coupon": "category"})
    if place % 6 == 0:
        day = day.assign(loyalty="gold").drop(columns=["coupon", "device"])
    quiet.append(day)
faults = {}
LEVELS = (
    "the level of each channel by itself, upwards and downwards, and how many orders of a channel you ask for"
)
SHARES = "the share of the day's most common value, empty cells too, against the share of that value in the reference"
usual_days = [day for place, day in enumerate(later) if 9 <= place < 30]  # no sale in these
for channel, factor in [
    ("web", 100),
    ("app", 0.01),
    ("partner", 10),
    ("app", 10),
    ("partner", 0.1),
    ("web", 0.1),
]:
    enough = [day for day in usual_days if (day["channel"] == channel).sum() >= 30]
    first = int(rng.integers(0, len(enough) - 1))
    name = f"amounts of the channel {channel} {'multiplied' if factor > 1 else 'divided'} by {max(factor, round(1 / factor)):g}"
    faults[name] = (
        "amount",
        [in_other_unit(day, channel, factor) for day in enough[first : first + 1 + (factor > 10)]],
        LEVELS,
    )
enough = [day for day in usual_days if (day["channel"] == "partner").sum() >= 30][-2:]
few = [day.drop(index=day.index[day["channel"] == "partner"][30:]) for day in enough]
faults["amounts in cents in a channel with just 30 orders"] = (
    "amount",
    [in_other_unit(day, "partner", 100) for day in few],
    LEVELS,
)
for column, value in {
    "device_known": False,
    "device": "other",
    "address_age_days": 0,
    "auth_result": "challenged",
    "card_country": "IE",
    "items": 6,
    "channel": "phone",
    "ship_country": None,
}.items():
    first = int(rng.integers(0, 33))
    name = f"{'an empty cell' if value is None else 'one value'} for every order in {column}"
    faults[name] = (
        column,
        [day.assign(**{column: value}) for day in later[first : first + 1 + (value is False)]],
        SHARES,
    )
sent = quiet + [day for _, spoilt, _ in faults.values() for day in spoilt]
found, kept = expect.beside(alarms_of, history, sent)
false = sum(bool(one) for one in found[: len(quiet)])
named = sorted(
    {alarm.partition(":")[0] for one in found[: len(quiet)] for alarm in one} & {*history[0], "loyalty"}
)
rest = iter(found[len(quiet) :])
for name, (column, spoilt, look_at) in faults.items():
    hits = [column in {alarm.partition(":")[0].strip() for alarm in next(rest)} for _ in spoilt]
    expect.equal(
        sum(hits),
        len(hits),
        what=f"the days on which alarms names {column}, of {len(hits)} in another world with {name}",
        why="each such day spoils what the model learns and decides, the second as much as the first",
        look_at="what the first day changes for the second" if hits[0] and not all(hits) else look_at,
    )
expect.between(
    false,
    0,
    1,
    what=f"harmless days with an alarm, of {len(quiet)} (columns named: {', '.join(named) or 'none'})",
    why="a false alarm costs 150 euros and the trust in the next one",
    look_at="what a sale, a holiday, one dear order, a new column, a column that is gone do there; 3 that arrives as 3.0; keys that JSON made texts",
)
expect.true(
    kept,
    got="another reference than before",
    expected="the reference as it was",
    what="the reference after alarms has looked at all days",
    why="a reference that takes in the days that it judges learns the fault as the new usual",
    look_at="assignments into the reference",
)
### END HIDDEN TESTS

# %% [markdown]
# ## 3. A contract that may change: `next_version`
#
# The producer proposes a changed contract. Which number does it get? By Semantic Versioning a version is `MAJOR.MINOR.PATCH`; a step in one number sets those to its right to 0.
#
# | step | when |
# | --- | --- |
# | major | some row that passed the old contract may fail the new one, or a column of the old one is gone (also one that was renamed) |
# | minor | no such thing, but the rules or the columns differ: something more is allowed, an optional column came |
# | patch | rules and columns say the same, some other text differs (`owner`, `about`, ...) |
# | none | nothing differs but perhaps `version`: the number stays |
#
# In: `old` and `new`, dicts like `CONTRACT`. The rules of a column are those of part 1: `type`, `null`, `min`, `max`, `allowed`, `unique`, `not_after`. A rule that is
# not written is not asked (`type` is always written), and for `null` and `unique` nothing written means False. `allowed` has no order, and an empty list allows nothing; 1 and 1.0 are one bound; each whole number is a number. A new
# column is optional if it says `"null": True`, whatever its other rules: it is empty in every row that passed before. Look at each rule by itself, not at what several of them say together. `new["version"]` may say anything. Out: the
# version that `new` deserves, a str, counted from `old["version"]`.


# %% answer="next_version"
def next_version(old, new):
    """The version of a changed contract, by what the change does to rows that passed before.

    old, new: dicts with "version" (a text such as "1.4.2"), "columns" and perhaps other texts; not changed.
    Returns a str.
    """

    ### BEGIN SOLUTION
    def rules_of(contract):
        """From each column to all its rules, with what an unwritten rule means."""
        return {
            name: {
                "type": rule["type"],
                "null": rule.get("null", False),
                "min": rule.get("min", float("-inf")),
                "max": rule.get("max", float("inf")),
                "allowed": set(rule["allowed"]) if "allowed" in rule else None,
                "unique": rule.get("unique", False),
                "not_after": rule.get("not_after"),
            }
            for name, rule in contract["columns"].items()
        }

    def narrower(one, other):
        """Whether something that passed `one` may fail `other`."""
        return (
            (other["type"] != one["type"] and (one["type"], other["type"]) != ("whole", "number"))
            or (one["null"] and not other["null"])
            or other["min"] > one["min"]
            or other["max"] < one["max"]
            or (
                other["allowed"] is not None
                and (one["allowed"] is None or bool(one["allowed"] - other["allowed"]))
            )
            or (other["unique"] and not one["unique"])
            or (other["not_after"] is not None and other["not_after"] != one["not_after"])
        )

    before, after = rules_of(old), rules_of(new)
    gone = before.keys() - after.keys()
    narrowed = [name for name in before.keys() & after.keys() if narrower(before[name], after[name])]
    demanded = [name for name in after.keys() - before.keys() if not after[name]["null"]]
    major, minor, patch = (int(part) for part in old["version"].split("."))
    if gone or narrowed or demanded:
        return f"{major + 1}.0.0"
    if before != after:
        return f"{major}.{minor + 1}.0"
    if {**old, "version": None} != {**new, "version": None}:
        return f"{major}.{minor}.{patch + 1}"
    return old["version"]
    ### END SOLUTION


# %% test="steps" of="next_version" points=3
import copy

from grader import expect

base = {
    "version": "1.9.3",
    "owner": "payments",
    "columns": {
        "amount": {"type": "number", "min": 0.01},
        "channel": {"type": "text", "allowed": ["web", "app"]},
        "coupon": {"type": "text", "null": True},
    },
}


def changed(column=None, **rules):
    """The base with a column of other rules, or without it; a rule that is None is not written."""
    new = copy.deepcopy(base)
    if column:
        rule = {**new["columns"].get(column, {}), **rules}
        new["columns"][column] = {name: value for name, value in rule.items() if value is not None}
    return new


renamed = copy.deepcopy(base)
renamed["columns"]["money"] = renamed["columns"].pop("amount")
expect.equal(
    {
        "same": next_version(base, copy.deepcopy(base)),
        "text": next_version(base, changed("amount", about="EUR")),
        "new optional column": next_version(base, changed("basket", type="text", null=True)),
        "renamed": next_version(base, renamed),
        "one channel less": next_version(base, changed("channel", allowed=["web"])),
    },
    {
        "same": "1.9.3",
        "text": "1.9.4",
        "new optional column": "1.10.0",
        "renamed": "2.0.0",
        "one channel less": "2.0.0",
    },
    what="next_version for five changes of a contract 1.9.3",
    why="who reads the feed with the old contract in mind must see from the number whether it still holds",
    look_at="the change whose number differs, and the numbers to the right of the one that steps",
)
### BEGIN HIDDEN TESTS
rng = expect.rng()


def case(old_rule, new_rule, step):
    return ({"column": old_rule} if old_rule else {}, {"column": new_rule} if new_rule else {}, step)


whole, number, text = {"type": "whole"}, {"type": "number"}, {"type": "text"}
low, high = sorted(rng.choice(90, 2, replace=False).tolist())
more = {
    "a whole number that may be any number": (whole, number),
    "a lower minimum": (number | {"min": high}, number | {"min": low}),
    "a higher maximum": (number | {"max": low}, number | {"max": high}),
    "no minimum any more": (number | {"min": low}, number),
    "no maximum any more": (whole | {"max": low}, whole),
    "a further allowed value": (text | {"allowed": ["b", "a"]}, text | {"allowed": ["a", "c", "b"]}),
    "no list any more": (text | {"allowed": ["a"]}, text),
    "an empty list that went": (text | {"allowed": []}, text),
    "a first value in an empty list": (text | {"allowed": []}, text | {"allowed": ["a"]}),
    "cells that may be empty from now on": (text, text | {"null": True}),
    "a column that need not be unique any more": (whole | {"unique": True}, whole),
    "a moment that may be later from now on": ({"type": "time", "not_after": "sent"}, {"type": "time"}),
}
cases = {name: case(one, other, "minor") for name, (one, other) in more.items()}
cases |= {f"the way back from: {name}": case(other, one, "major") for name, (one, other) in more.items()}
cases |= {
    "a new column that must be there": case(None, whole | {"null": False}, "major"),
    "a new optional column with rules": case(None, text | {"null": True, "allowed": ["a"]}, "minor"),
    "a column that is gone": case(text, None, "major"),
    "an optional column that is gone": case(text | {"null": True}, None, "major"),
    "a flag that becomes a text": case({"type": "flag"}, text, "major"),
    "a wider range that ends earlier": case(
        number | {"min": 5, "max": 90}, number | {"min": 0, "max": 89}, "major"
    ),
    "one value for another": case(text | {"allowed": ["a", "b"]}, text | {"allowed": ["a", "c"]}, "major"),
    "another moment that bounds": case(
        {"type": "time", "not_after": "a"}, {"type": "time", "not_after": "b"}, "major"
    ),
    "a minimum of 0 where there was none": case(number, number | {"min": 0}, "major"),
    "a maximum of 0 that went": case(number | {"max": 0}, number, "minor"),
    "a list in another order": case(
        text | {"allowed": ["a", "b"]}, text | {"allowed": ["b", "a"]}, "none or patch"
    ),
    "null and unique written out as False": case(
        whole, whole | {"null": False, "unique": False}, "none or patch"
    ),
    "a minimum of 1 that is written 1.0": case(
        whole | {"min": 1, "max": 9}, whole | {"min": 1.0, "max": 9.0}, "none or patch"
    ),
    "another owner": case(whole, whole, "owner"),
    "an owner that is no longer written": case(whole, whole, "no owner"),
    "a note that went": case(whole | {"about": "since May"}, whole, "patch"),
    "a note at a column": case(whole, whole | {"about": "since May"}, "patch"),
    "nothing but the version written": case(whole, whole, "none"),
}
kept = {"steady": {"type": "number", "min": 0, "null": False}, "note": {"type": "text", "null": True}}
for name, (before, after, step) in cases.items():
    start = [int(part) for part in rng.integers(0, 13, 3)]
    old = {"version": ".".join(map(str, start)), "owner": "payments", "columns": {**kept, **before}}
    new = {
        "version": "0.0.7",
        "owner": "orders" if step == "owner" else "payments",
        "columns": {**after, **kept},
    }
    if step == "no owner":
        del new["owner"]
    ways = {
        f"{start[0] + 1}.0.0": "major",
        f"{start[0]}.{start[1] + 1}.0": "minor",
        f"{start[0]}.{start[1]}.{start[2] + 1}": "patch",
        old["version"]: "none",
    }
    said = ways.get(str(next_version(copy.deepcopy(old), copy.deepcopy(new))), "no step by one")
    wanted = {"owner": "patch", "no owner": "patch"}.get(step, step)
    expect.equal(
        wanted if said in wanted.split(" or ") else said,
        wanted,
        what=f"the step of next_version (yours: {said}) after a change: {name}",
        why="the step says what the change does to rows that passed before",
        look_at="rows that passed the old contract, and whether the new one still takes all of them",
    )
both = {"version": "3.4.5", "columns": {**kept, "a": text, "b": whole | {"min": 3}}}
mixed = {"version": "3.4.5", "columns": {**kept, "a": text | {"null": True}, "b": whole | {"min": 4}}}
expect.equal(
    next_version(both, mixed),
    "4.0.0",
    what="the version after one column became wider and another narrower",
    why="the gravest change decides",
    look_at="which change you return first",
)
### END HIDDEN TESTS

# %% [markdown]
# ## 4. The nightly job: `contract.py`
#
# `python contract.py CONTRACT REFERENCE INBOX OUTBOX`. In: the contract and the reference, JSON files, and a folder with one Parquet file for each day, such as `2025-03-01.parquet`, at least one. Days may differ in
# their columns; none is called `day` or `reason`. Out: three files in the folder OUTBOX, which is made if it is not there:
#
# - `accepted.parquet`: the rows for the model, with the columns of the feed and no other, the values as they came;
# - `quarantine.parquet`: the others, with the columns of the feed and two more, `day` (`2025-03-01`) and `reason`;
# - `report.json`: `contract_version`, `rows_in`, `rows_accepted`, `rows_quarantined`, `reasons` (from each reason to the number of rows that have it), and `days`: from each day to a dict with its
#   own `rows_in`, `rows_accepted`, `rows_quarantined` and `alarms`, a list.
#
# For each day: split it by `row_rules.split`; ask `batch_rules.alarms` about the accepted rows, if there are any; and add the alarm `rows:quarantined` if *more than 2 %* of the day's rows went into
# quarantine. (Single bad rows are daily bread. If there are many, the rest is no fair sample any more.) **A day with an alarm is stopped**: none of its rows are accepted. Its good rows go
# into quarantine, too, with the day's alarms, joined by ", ", as reason; its bad rows keep their own. The other days go on. A file without rows is a day without alarms. Exit code: 0 if no day was stopped, 1 if some day was.
#
# So always `rows_in = rows_accepted + rows_quarantined`. One trap of files: a Parquet column has one type, and of two days one may bring numbers in a column and the
# other texts. In `quarantine.parquet` any column may be text; in `accepted.parquet` only a column that brings both and that the contract does not name. Empty cells stay empty, and
# "12,50" stays "12,50". The order of rows is free.


# %% answer="job" file="contract.py"
import json
import sys
from pathlib import Path

import pandas as pd
from batch_rules import alarms
from pandas.api.types import is_object_dtype
from row_rules import split

MAX_QUARANTINED = 0.02  # of a day's rows


def main(contract_file, reference_file, inbox, outbox):
    """Check each day of the inbox, write accepted.parquet, quarantine.parquet and report.json.

    All four: names of files and folders.
    Returns the exit code: 0, or 1 if a day was stopped.
    """
    ### BEGIN SOLUTION
    contract = json.loads(Path(contract_file).read_text())
    reference = json.loads(Path(reference_file).read_text())
    good, bad, days = [], [], {}
    for file in sorted(Path(inbox).glob("*.parquet")):
        day = pd.read_parquet(file)
        accepted, quarantine = split(day, contract)
        found = list(alarms(accepted, reference)) if len(accepted) else []
        if len(quarantine) / max(len(day), 1) > MAX_QUARANTINED:
            found.append("rows:quarantined")
        if found:
            held = accepted.assign(reason=", ".join(found))
            accepted, quarantine = accepted.iloc[:0], pd.concat([quarantine, held])
        good.append(accepted)
        bad.append(quarantine.assign(day=file.stem))
        counts = {"rows_in": len(day), "rows_accepted": len(accepted), "rows_quarantined": len(quarantine)}
        days[file.stem] = {**counts, "alarms": found}
    quarantine = pd.concat(bad)
    reasons = quarantine["reason"].str.split(", ").explode().value_counts()
    totals = {
        name: sum(day[name] for day in days.values())
        for name in ("rows_in", "rows_accepted", "rows_quarantined")
    }
    report = {"contract_version": contract["version"], **totals}
    report |= {"reasons": {name: int(count) for name, count in reasons.items()}, "days": days}
    folder = Path(outbox)
    folder.mkdir(parents=True, exist_ok=True)
    of_one_type(pd.concat(good)).to_parquet(folder / "accepted.parquet")
    of_one_type(quarantine).to_parquet(folder / "quarantine.parquet")
    (folder / "report.json").write_text(json.dumps(report, indent=1))
    return int(any(day["alarms"] for day in days.values()))


def of_one_type(rows):
    """The rows with each column of several types, such as numbers and texts, as text; empty cells stay empty."""
    for name in rows.columns:
        if is_object_dtype(rows[name]) and rows[name].dropna().map(type).nunique() > 1:
            rows[name] = rows[name].map(str, na_action="ignore")
    return rows
    ### END SOLUTION


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))


# %% test="nights" of="job" points=3
import io
import json
import re

import numpy as np
import pandas as pd
from grader import expect
from tidewater import make_world

AGREED = {
    "version": "1.2.0",
    "columns": {
        "order_id": {"type": "whole", "min": 1, "unique": True},
        "placed_at": {"type": "time", "not_after": "arrived_at"},
        "arrived_at": {"type": "time"},
        "amount": {"type": "number", "min": 0.01},
        "channel": {"type": "text", "allowed": ["web", "app", "partner", "phone"]},
        "device_known": {"type": "flag"},
        "attempts": {"type": "whole", "min": 1, "max": 9},
    },
}


def feed(world):
    rows = pd.concat([world.orders, world.payments.drop(columns=["order_id", "legacy_risk_score"])], axis=1)
    rows["message_id"] = range(len(rows))
    return [day for _, day in rows.groupby(rows["order_id"] // 10_000_000)]


def spoilt(day, rows, column, value):
    """The day with a value in one column of some rows, by position."""
    day = day.copy()
    day.loc[day.index[rows], column] = value
    return day


def put(folder, contract, history, files):
    """A night's input in this folder; the reference is what batch_rules.py learns from history."""
    import importlib
    import json
    import pathlib
    import shutil
    import sys

    importlib.invalidate_caches()
    sys.dont_write_bytecode = True
    sys.path.insert(0, "")
    sys.modules.pop("batch_rules", None)
    from batch_rules import learn

    shutil.rmtree(folder, ignore_errors=True)
    (pathlib.Path(folder) / "inbox").mkdir(parents=True)
    (pathlib.Path(folder) / "contract.json").write_text(json.dumps(contract))
    (pathlib.Path(folder) / "reference.json").write_text(json.dumps(learn(history)))
    for name, data in files.items():
        (pathlib.Path(folder) / "inbox" / name).write_bytes(data)


def script(names):
    """The exit code of contract.py, run as a script in this process."""
    import importlib
    import runpy
    import sys

    importlib.invalidate_caches()
    sys.dont_write_bytecode = True
    for name in ("batch_rules", "row_rules"):
        sys.modules.pop(name, None)
    before, sys.argv = sys.argv, ["contract.py", *names]
    try:
        runpy.run_path("contract.py", run_name="__main__")
    except SystemExit as end:
        return end.code or 0
    finally:
        sys.argv = before
    return 0


def written(nights):
    """The files of these days, as bytes."""
    files = {}
    for name, (_, day, _, _) in nights.items():
        buffer = io.BytesIO()
        day.to_parquet(buffer, index=False)
        files[f"{name}.parquet"] = buffer.getvalue()
    return files


def same(kept, came, as_text):
    """Whether a written cell says what came: the same value, or its text where that is allowed."""
    if pd.isna(came) or pd.isna(kept):
        return bool(pd.isna(came) and pd.isna(kept))
    if isinstance(came, str) or not isinstance(kept, str):
        return isinstance(kept, str) == isinstance(came, str) and bool(kept == came)
    if isinstance(came, (bool, np.bool_)):
        return as_text and kept.lower() == str(bool(came)).lower()
    try:
        return as_text and (pd.Timestamp(kept) if isinstance(came, pd.Timestamp) else float(kept)) == came
    except ValueError:
        return False


def columns_off(table, nights, more=()):
    """The columns of a written table that it lacks, has too much, or in which a cell is not what came."""
    feed_columns = {name for _, day, _, _ in nights.values() for name in day.columns}
    off = sorted(feed_columns.union(more) - set(table.columns))
    off += ["one too many"] * bool(set(table.columns) - feed_columns.union(more))
    table = table.set_index("message_id")
    for _, day, _, _ in nights.values():
        day = day[day["message_id"].isin(table.index)].set_index("message_id")
        kept = table.loc[day.index]
        for name in sorted(feed_columns & set(table.columns) - {*off}):
            cells = day[name] if name in day else pd.Series(None, index=day.index, dtype=object)
            as_text = bool(more) or name == "loyalty"  # not in the contract, with numbers and texts
            pairs = zip(kept[name].astype(object), cells.astype(object), strict=True)
            if not all(same(one, other, as_text) for one, other in pairs):
                off.append(name)
    return sorted(set(off))


def checks(nights, version, code, report, accepted, held):
    """Pairs of what came and what is right, with the words for it.

    nights: from a day to what it is, its rows, {message: reasons} of its bad rows, its alarms (one of a batch rule as its column).
    report, accepted, held: the bytes of the three files.
    """
    report = json.loads(report)
    accepted, held = (pd.read_parquet(io.BytesIO(data)) for data in (accepted, held))
    for file, table, more in (("accepted", accepted, ()), ("quarantine", held, ("day", "reason"))):
        yield (
            sorted({"message_id", *more} - set(table.columns)),
            [],
            f"the columns message_id, day and reason that {file}.parquet lacks",
            "all columns of the feed stay, and the quarantine says the day and the reason of each row",
            "what selects columns before you write",
        )
    accepted, held = (
        table.assign(message_id=[int(float(number)) for number in table["message_id"]])
        for table in (accepted, held)
    )
    reasons = [
        "|".join([str(int(number)), str(day), *sorted({part.strip() for part in str(reason).split(",")})])
        for number, day, reason in zip(held["message_id"], held["day"], held["reason"], strict=True)
    ]
    passed = accepted["message_id"].tolist()
    counts, days = {}, {}
    for name, (what, day, bad, stops) in nights.items():
        said = report.get("days", {}).get(name, {}).get("alarms", [])
        numbers = [int(number) for number in day["message_id"]]
        good = set() if stops else set(numbers) - set(bad)
        yield (
            sorted({alarm if alarm == "rows:quarantined" else alarm.partition(":")[0] for alarm in said}),
            sorted(stops),
            f"report.json, the alarms (of batch rules the column) of {what}",
            "a day stops for its own faults: more than 2 % of its rows in quarantine, or a batch rule",
            "what you count, over which rows, and days on which no row was accepted",
        )
        yield (
            sorted(set(passed) & set(numbers)) == sorted(good),
            True,
            f"whether accepted.parquet holds just the {len(good)} rows that it should of {what}",
            "one bad row costs one row, one stopped day costs that day",
            "rows of stopped days, and good rows beside bad ones",
        )
        lines = [
            "|".join([str(number), name, *sorted(set(bad.get(number, said)))])
            for number in numbers
            if number not in good
        ]
        yield (
            sorted(line for line in reasons if int(line.partition("|")[0]) in set(numbers)) == sorted(lines),
            True,
            f"whether quarantine.parquet holds, with day and reasons, just the {len(lines)} rows that it should of {what}",
            "rows in = accepted + quarantined, and a row that is held says why",
            "the good rows of stopped days, the own reasons of bad ones, and the name of the day",
        )
        for line in lines:
            for reason in line.split("|")[2:]:
                counts[reason] = counts.get(reason, 0) + 1
        days[name] = {"rows_in": len(day), "rows_accepted": len(good), "rows_quarantined": len(lines)}
    yield (
        [len(passed), len(reasons)],
        [sum(day[key] for day in days.values()) for key in ("rows_accepted", "rows_quarantined")],
        "the number of rows of accepted.parquet and of quarantine.parquet",
        "each row of the inbox is in one of the two, once",
        "rows that are written twice, or that no day brought",
    )
    for file, table, more in (("accepted", accepted, ()), ("quarantine", held, ("day", "reason"))):
        off = columns_off(table, nights, more)
        yield (
            off,
            [],
            f"columns of {file}.parquet that are gone, too many, or hold other values than came ({', '.join(off[:3]) or 'none'})",
            "the gate lets rows through or holds them; it repairs nothing and takes nothing away",
            "what you convert before you write, and columns that only some days have",
        )
    wanted = {"contract_version": version, "reasons": counts}
    wanted |= {
        key: sum(day[key] for day in days.values())
        for key in ("rows_in", "rows_accepted", "rows_quarantined")
    }
    said = report.get("days", {})
    yield (
        {name: report.get(name) for name in wanted}
        | {"days": {d: {k: said.get(d, {}).get(k) for k in days[d]} for d in days}},
        wanted | {"days": days},
        "report.json, but for the alarms",
        "the report is what people read, so it says what the two files hold, by which contract, and adds up for each day",
        "where the entry that differs comes from",
    )
    yield (
        code,
        int(any(stops for *_, stops in nights.values())),
        "the exit code of contract.py",
        "whatever starts the job stops the pipeline by its exit code",
        "what the file hands to sys.exit",
    )


OUTPUT = ("report.json", "accepted.parquet", "quarantine.parquet")
known = feed(make_world(seed=2, days=13, orders_per_day=420))
second = spoilt(known[11], [3], "channel", "kiosk")
third = spoilt(known[12], [0, 9], "attempts", None)
third["amount"] = third["amount"].where(third["channel"] != "app", (third["amount"] * 100).round(2))
names = [int(number) for number in third["message_id"].iloc[[0, 9]]]
shown = {
    "2025-01-15": ("a day in order", known[10], {}, []),
    "2025-01-16": (
        "a day with one order from a kiosk",
        second,
        {int(second["message_id"].iloc[3]): ["channel:allowed"]},
        [],
    ),
    "2025-01-17": (
        "a day with cents and two empty cells",
        third,
        dict.fromkeys(names, ["attempts:null"]),
        ["amount"],
    ),
}
expect.beside(put, "night-shown", AGREED, known[:10], written(shown))
code = expect.beside(
    script, [f"night-shown/{part}" for part in ("contract.json", "reference.json", "inbox", "outbox")]
)
data = [
    expect.file(
        f"night-shown/outbox/{name}",
        what=f"{name} after contract.py has run over three days",
        why="the job leaves three files in the folder that it was given",
        look_at="where you write, and what stops the job before",
    )
    for name in OUTPUT
]
for got, wanted, what, why, look_at in checks(shown, "1.2.0", code, *data):
    expect.equal(got, wanted, what=what, why=why, look_at=look_at)
### BEGIN HIDDEN TESTS
rng = expect.rng()
days = feed(make_world(int(rng.integers(2**60)), days=16, orders_per_day=480))
history, later = days[:10], [day.iloc[:300] for day in days[10:]]


def some(day, count):
    return sorted(rng.choice(len(day), count, replace=False).tolist())


at_limit = later[0]
rows = some(at_limit, 6)
at_limit = spoilt(at_limit, rows, "attempts", 0)
mixed = at_limit.iloc[rng.permutation(len(at_limit))]
mixed = mixed[rng.permutation(mixed.columns).tolist()].astype({"attempts": "int32"}).assign(loyalty="gold")
beyond, twice = later[1], later[2]
rows = some(beyond, 7)
beyond = spoilt(spoilt(beyond, rows, "channel", "shop"), rows[:2], "amount", -1.0)
beyond_bad = {int(number): ["channel:allowed"] for number in beyond["message_id"].iloc[rows]}
beyond_bad |= {
    int(number): ["amount:range", "channel:allowed"] for number in beyond["message_id"].iloc[rows[:2]]
}
again = twice.iloc[some(twice, 5)].assign(message_id=lambda part: part["message_id"] + 10_000_000)
twice = pd.concat([twice, again])
texts = later[3].assign(amount=later[3]["amount"].map("{:.2f}".format).str.replace(".", ",", regex=False))
stuck = later[5].assign(device_known=False)
version = f"{rng.integers(2, 9)}.{rng.integers(1, 30)}.{rng.integers(1, 30)}"
planned = {
    "2025-06-30": (
        "a day with bad rows up to the limit, columns in another order and a new one",
        mixed,
        {int(number): ["attempts:range"] for number in mixed["message_id"][mixed["attempts"] == 0]},
        [],
    ),
    "2025-07-01": ("a day with one bad row more than the limit", beyond, beyond_bad, ["rows:quarantined"]),
    "2025-07-02": (
        "a day with orders that came twice",
        twice,
        {int(number): ["order_id:unique"] for number in again["message_id"]},
        [],
    ),
    "2025-07-03": (
        'a day with all amounts as texts such as "12,50"',
        texts,
        {int(number): ["amount:type"] for number in texts["message_id"]},
        ["rows:quarantined"],
    ),
    "2025-07-04": (
        "a day in order, with numbers in a column that held texts on another day",
        later[4].assign(loyalty=3),
        {},
        [],
    ),
    "2025-07-05": ("a day on which no device is known", stuck, {}, ["device_known"]),
    "2025-07-06": ("a day without rows", later[4].iloc[:0], {}, []),
}
narrow = {**AGREED, "version": version}
expect.beside(put, "night-hidden", narrow, history, written(planned))
names = [f"night-hidden/{part}" for part in ("contract.json", "reference.json", "inbox", "outbox")]
with expect.process("contract.py", *names) as job:
    code = job.wait()
    last = (job.output.strip().splitlines() or [""])[-1]
    ended = re.match(r"[\w.]*(Error|Exception|Interrupt)\b", last)
    there = set(job.files())
    expect.equal(
        [name for name in OUTPUT if f"night-hidden/outbox/{name}" not in there],
        [],
        what=f"files that contract.py did not write ({ended[0] if ended else f'it ended with exit code {code}'}) for {len(planned)} days: "
        + "; ".join(what for what, *_ in planned.values()),
        why="the night's other days have to go on",
        look_at="the days of this list on which that can happen; run contract.py on such a day",
    )
    data = [job.read(f"night-hidden/outbox/{name}") for name in OUTPUT]
for got, wanted, what, why, look_at in checks(planned, version, code, *data):
    expect.equal(got, wanted, what=what, why=why, look_at=look_at)
### END HIDDEN TESTS

# %% [markdown]
# ## 5. The record of a night: `log_night`
#
# In three months somebody asks why a model was trained without 4 July. The night's run in MLflow says it.
#
# `log_night(contract_file, inbox, outbox)`. In: names of the contract's file and of the two folders, after the job has run. **Count again first**: `rows_in` of the report has to be the
# number of rows of the files in the inbox, `rows_accepted` and `rows_quarantined` those of the two Parquet files, the contract's version that of the report, and `rows_in = rows_accepted + rows_quarantined`. If not, raise
# `ValueError` and log nothing: a record that nobody checked is worse than none. (If a file cannot be read, its error may stand, and nothing is logged either.) Else log
# one finished run in this unit's experiment:
#
# | kind | name | value |
# | --- | --- | --- |
# | params | `contract_version`, `stopped_days` | from the report; the days with an alarm, sorted by their names, joined by commas (`""` if there are none) |
# | param | `data_sha256` | the SHA-256, as 64 hex digits, of the text that `sha256sum *.parquet` prints in the inbox: for each file, in order of names, one line with the SHA-256 of its bytes, two blanks, the file's name |
# | metrics | `rows_in`, `rows_accepted`, `rows_quarantined` | of the night |
# | metrics | `quarantined.COLUMN.RULE` | for each entry of `reasons`, such as `quarantined.amount.type` |
# | artifacts | the contract's file, `report.json`, `contract.py`, `row_rules.py`, `batch_rules.py` | with the inbox and the reference, the night can be run again |
#
# Return the run's id.


# %% answer="log_night"
def log_night(contract_file, inbox, outbox):
    """Count a night's rows again and log the night in a run.

    All three: names of a file and two folders.
    Returns the id of the run.
    Raises ValueError if the report does not fit the files.
    """
    ### BEGIN SOLUTION
    report = json.loads((Path(outbox) / "report.json").read_text())
    files = sorted(Path(inbox).glob("*.parquet"))
    counted = {
        "rows_in": sum(len(pd.read_parquet(file)) for file in files),
        "rows_accepted": len(pd.read_parquet(Path(outbox) / "accepted.parquet")),
        "rows_quarantined": len(pd.read_parquet(Path(outbox) / "quarantine.parquet")),
        "contract_version": json.loads(Path(contract_file).read_text())["version"],
    }
    for name, value in counted.items():
        if report[name] != value:
            raise ValueError(f"the report says {name} = {report[name]}, the files say {value}")
    if report["rows_in"] != report["rows_accepted"] + report["rows_quarantined"]:
        raise ValueError("a row of the inbox is neither accepted nor in quarantine")
    lines = [f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.name}\n" for file in files]
    stopped = sorted(name for name, day in report["days"].items() if day["alarms"])
    with mlflow.start_run() as run:
        mlflow.log_param("contract_version", report["contract_version"])
        mlflow.log_param("stopped_days", ",".join(stopped))
        mlflow.log_param("data_sha256", hashlib.sha256("".join(lines).encode()).hexdigest())
        mlflow.log_metrics({name: report[name] for name in ("rows_in", "rows_accepted", "rows_quarantined")})
        mlflow.log_metrics(
            {f"quarantined.{reason.replace(':', '.')}": count for reason, count in report["reasons"].items()}
        )
        for name in (contract_file, f"{outbox}/report.json", "contract.py", "row_rules.py", "batch_rules.py"):
            mlflow.log_artifact(name)
    return run.info.run_id
    ### END SOLUTION


# %% test="run_of_the_night" of="log_night" points=2
import hashlib
import io
import json

import pandas as pd
from grader import expect


def put(folder, files):
    """Files in this folder, which held none before."""
    import pathlib
    import shutil

    shutil.rmtree(folder, ignore_errors=True)
    for name, data in files.items():
        path = pathlib.Path(folder) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def parquet(rows, **columns):
    buffer = io.BytesIO()
    pd.DataFrame({"message_id": range(rows), **columns}).to_parquet(buffer)
    return buffer.getvalue()


def night(version, days, stopped, reasons, bad):
    """The files of a night. days: from a day to its number of rows; bad: the number of bad rows in days that went on."""
    total, held = sum(days.values()), bad + sum(days[name] for name in stopped)
    report = {
        "contract_version": version,
        "rows_in": total,
        "rows_accepted": total - held,
        "rows_quarantined": held,
    }
    report |= {
        "reasons": reasons,
        "days": {day: {"alarms": ["amount:level"] * (day in stopped)} for day in days},
    }
    return {
        f"inbox/{day}.parquet": parquet(rows, amount=[7.5 * rows] * rows) for day, rows in days.items()
    } | {
        "outbox/accepted.parquet": parquet(total - held),
        "outbox/quarantine.parquet": parquet(held, reason=["?"] * held),
        "outbox/report.json": json.dumps(report).encode(),
        "agreed.json": json.dumps({"version": version, "columns": {}}).encode(),
    }


def fingerprint(files):
    lines = [
        f"{hashlib.sha256(data).hexdigest()}  {name.removeprefix('inbox/')}\n"
        for name, data in sorted(files.items())
        if name.startswith("inbox/")
    ]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


files = night(
    "1.3.0", {"2025-03-01": 6, "2025-03-02": 4}, ["2025-03-02"], {"amount:level": 4, "channel:null": 1}, 1
)
expect.beside(put, "night-log", files)
run_id = log_night("night-log/agreed.json", "night-log/inbox", "night-log/outbox")
view = expect.run(
    params={"contract_version": "1.3.0", "stopped_days": "2025-03-02", "data_sha256": fingerprint(files)},
    metrics={
        "rows_in": 10,
        "rows_accepted": 5,
        "rows_quarantined": 5,
        "quarantined.amount.level": 4,
        "quarantined.channel.null": 1,
    },
    what="the run of a night with ten rows on two days, of which one was stopped",
    why="a colleague has to find what came in, what was held, why, and by which contract",
    look_at="the entry that differs, and the table above",
)
expect.equal(
    run_id,
    view.run_id,
    what="what log_night returns",
    why="the caller needs the id of the run that was logged",
    look_at="run.info.run_id",
)
### BEGIN HIDDEN TESTS
rng = expect.rng()
days = {
    f"2025-0{month}-{day:02}": int(rng.integers(3, 20)) for month, day in [(9, 30), (9, 3), (8, 2), (8, 11)]
}
stopped = ["2025-09-03", "2025-08-11"]
reasons = {
    "amount:type": int(rng.integers(3, 9)),
    "rows:quarantined": int(rng.integers(20, 40)),
    "items:range": 2,
}
version = f"{rng.integers(2, 9)}.{rng.integers(1, 30)}.0"
files = night(version, days, stopped, reasons, 2)
expect.beside(put, "night-log", files)
run_id = log_night("night-log/agreed.json", "night-log/inbox", "night-log/outbox")
total, held = sum(days.values()), 2 + sum(days[name] for name in stopped)
view = expect.run(
    params={
        "contract_version": version,
        "stopped_days": ",".join(sorted(stopped)),
        "data_sha256": fingerprint(files),
    },
    metrics={"rows_in": total, "rows_accepted": total - held, "rows_quarantined": held}
    | {f"quarantined.{reason.replace(':', '.')}": count for reason, count in reasons.items()},
    what="the run of another night, with four days",
    why="all of it can be counted again from the files of the night",
    look_at="the entry that differs, and the table above",
)
for name, data in {"report.json": files["outbox/report.json"], "agreed.json": files["agreed.json"]}.items():
    expect.equal(
        view.artifact(name) == data,
        True,
        what=f"whether {name} in the run is the file of that night",
        why="the next night writes over the files in the folder",
        look_at="which file you log",
    )
expect.equal(
    sorted({"contract.py", "row_rules.py", "batch_rules.py"} - set(view.artifacts)),
    [],
    what="the files of the gate that the run lacks",
    why="next year's gate has other rules, and the night was judged by these",
    look_at="mlflow.log_artifact for each file, at the top level",
)
report = json.loads(files["outbox/report.json"])
first = f"inbox/{min(days)}.parquet"
nights = {
    "whose report says one accepted row too many": {"rows_accepted": total - held + 1},
    "whose report says one row more than came in": {"rows_in": total + 1},
    "whose report hides a row that came in": {"rows_in": total - 1, "rows_accepted": total - held - 1},
    "whose report lost a row of the quarantine": {"rows_quarantined": held - 1},
    "whose report names another version": {"contract_version": "0.9.0"},
}
nights = {
    what: {"outbox/report.json": json.dumps({**report, **said}).encode()} for what, said in nights.items()
}
nights |= {
    "with a file in the inbox that came after the report": {"inbox/2025-12-24.parquet": parquet(2)},
    "with a file in the inbox that has other rows by now": {first: parquet(days[min(days)] + 1)},
    "whose accepted.parquet lacks a row": {"outbox/accepted.parquet": parquet(total - held - 1)},
    "whose job lost a row and says so": {
        "outbox/accepted.parquet": parquet(total - held - 1),
        "outbox/report.json": json.dumps({**report, "rows_accepted": total - held - 1}).encode(),
    },
}
for what, other in nights.items():
    expect.beside(put, "night-log", {**files, **other})
    expect.raises(
        ValueError,
        lambda: log_night("night-log/agreed.json", "night-log/inbox", "night-log/outbox"),
        what=f"log_night of a night {what}",
        why="the record is what people trust later, so it is counted again before it is kept",
        look_at="which of the numbers you count in the files, and in which files",
    )
expect.equal(
    expect.run(
        params={"contract_version": version},
        what="the newest run after nine nights that were refused",
        why="a night that does not add up leaves no run",
        look_at="whether you count before you start the run",
    ).run_id,
    run_id,
    what="the newest run after nine nights that were refused",
    why="a night that does not add up leaves no run",
    look_at="whether you count before you start the run",
)
### END HIDDEN TESTS

# %% wrong="whole_day" of="rows" caught_by="row_reasons" edits="reference"
# All or nothing: one bad row sends a whole day of good ones into quarantine.
# =             reasons[case.index].add(rule if ":" in rule else f"{case.column}:{rule}")
# +     if any(reasons):
# +         reasons = [found or {"day:broken"} for found in reasons]

# %% wrong="accepts_all" of="rows" caught_by="row_reasons"
# A schema of names alone: it validates on every day, since nothing can break it.
import pandera.pandas as pa


def split(day, contract):
    schema = pa.DataFrameSchema(
        {name: pa.Column(nullable=True, required=False) for name in contract["columns"]}
    )
    accepted = schema.validate(day, lazy=True)
    return accepted, day.iloc[:0].assign(reason="")


# %% wrong="first_reason" of="rows" caught_by="row_reasons" edits="reference"
# Stops at the first broken rule: whoever repairs the feed comes back once for each of the others.
# -     quarantine = day[broken_rows].assign(reason=[", ".join(sorted(found)) for found in reasons if found])
# +     quarantine = day[broken_rows].assign(reason=[sorted(found)[0] for found in reasons if found])

# %% wrong="no_column_in_reason" of="rows" caught_by="row_reasons" edits="reference"
# Says which rule was broken and not where: nobody can repair a range without its column.
# -             reasons[case.index].add(rule if ":" in rule else f"{case.column}:{rule}")
# +             reasons[case.index].add(rule)

# %% wrong="text_becomes_empty" of="rows" caught_by="row_reasons" edits="reference"
# errors='coerce' makes an empty cell of a text: the reason is wrong, and what the producer sent cannot be seen.
# =     reasons = [set() for _ in range(len(day))]
# +     for name, rule in contract["columns"].items():
# +         if rule["type"] in ("whole", "number"):
# +             cells[name] = pd.to_numeric(cells[name], errors="coerce")

# %% wrong="empty_is_fine" of="rows" caught_by="row_reasons" edits="reference"
# Null allowed everywhere: a service that fails for hours goes through as if it had answered.
# -     return pa.Column(checks=checks, nullable=rule.get("null", False))
# +     return pa.Column(checks=checks, nullable=True)

# %% wrong="both_of_a_pair" of="rows" caught_by="row_reasons" edits="reference"
# keep=False throws the first delivery away with the second: the order is lost.
# -         check("unique", lambda cells: ~cells.where(cells.map(fits).astype(bool)).duplicated())
# +         check("unique", lambda cells: ~cells.where(cells.map(fits).astype(bool)).duplicated(keep=False))

# %% wrong="drops_duplicates" of="rows" caught_by="row_reasons" edits="reference"
# drop_duplicates before the rules: the second rows are nowhere, and rows in is no longer accepted + quarantined.
# =     """
# +     for name, rule in contract["columns"].items():
# +         if rule.get("unique") and name in day:
# +             day = day[day[name].isna() | ~day[name].duplicated()]

# %% wrong="bad_are_forgotten" of="rows" caught_by="row_reasons" edits="reference"
# Remembers the cells that pass: of two equal orders with a bad value the second is no repeat for it.
# -         check("unique", lambda cells: ~cells.where(cells.map(fits).astype(bool)).duplicated())
# +         in_range = lambda cells: cells.map(lambda one: fits(one) and low <= one <= high).astype(bool)
# +         check("unique", lambda cells: ~cells[in_range(cells)].duplicated().reindex(cells.index, fill_value=False))

# %% wrong="types_remembered" of="rows" caught_by="row_reasons" edits="reference"
# Python takes True for 1 in a set, too: a cell of the wrong type makes a good one a repeat.
# -         check("unique", lambda cells: ~cells.where(cells.map(fits).astype(bool)).duplicated())
# +         check("unique", lambda cells: ~cells.duplicated())

# %% wrong="equal_is_later" of="rows" caught_by="row_reasons" edits="reference"
# An order that arrives in the very moment in which it was placed is not late: equal is not later.
# -         pa.Check(lambda t, a=a, b=b: ~(moments(t[a]) > moments(t[b])), name=f"{a}:not_after")
# +         pa.Check(lambda t, a=a, b=b: ~(moments(t[a]) >= moments(t[b])), name=f"{a}:not_after")

# %% wrong="lowest_left_out" of="rows" caught_by="row_reasons" edits="reference"
# A value on the bound is inside of it: min is the lowest value that is allowed.
# -         check("range", lambda cells: cells.map(lambda value: not fits(value) or low <= value <= high))
# +         check("range", lambda cells: cells.map(lambda value: not fits(value) or low < value <= high))

# %% wrong="true_is_one" of="rows" caught_by="row_reasons" edits="reference"
# In Python True is an int: a flag that slipped into a column of numbers passes as 1.
# -     return (
# -         isinstance(value, numbers.Real) and not isinstance(value, (bool, np.bool_)) and math.isfinite(value)
# -     )
# +     return isinstance(value, numbers.Real) and math.isfinite(value)

# %% wrong="absent_is_fine" of="rows" caught_by="row_reasons" edits="reference"
# Checks the columns that are there: the one that was renamed is not, and nobody misses it.
# =     """
# +     here = {name: rule for name, rule in contract["columns"].items() if name in day}
# +     contract = {**contract, "columns": here}

# %% wrong="dtype_as_type" of="rows" caught_by="same_rows_other_dress" edits="reference"
# Compares the dtype of the column with int64 and the like: int32 or a category is another storage, not another feed.
# =     reasons = [set() for _ in range(len(day))]
# +     stored = {
# +         "whole": "int64 float64",
# +         "number": "float64",
# +         "flag": "bool",
# +         "text": "str",
# +         "time": "datetime64[ms]",
# +     }
# +     for name, rule in contract["columns"].items():
# +         if name in day and str(day[name].dtype) not in stored[rule["type"]] + " object":
# +             cells[name] = [()] * len(day)  # of no type

# %% wrong="labels_as_positions" of="rows" caught_by="same_rows_other_dress" edits="reference"
# Takes row labels for positions: right on a table that begins at 0, and another row elsewhere.
# -     return day[~broken_rows], quarantine
# +     return day[~day.index.isin(np.flatnonzero(broken_rows))], quarantine

# %% wrong="columns_by_place" of="rows" caught_by="same_rows_other_dress" edits="reference"
# Takes columns by their place: with the same columns in another order each rule looks at its neighbour.
# +     known = [name for name in day if name in contract["columns"]]
# =     cells = day.reset_index(drop=True).reindex(columns=list(contract["columns"])).astype(object)
# =     reasons = [set() for _ in range(len(day))]
# +     for name, place in zip(contract["columns"], known):
# +         cells[name] = day[place].astype(object).to_numpy()

# %% wrong="known_columns_only" of="rows" caught_by="same_rows_other_dress" edits="reference"
# strict='filter' by hand: a column that the contract does not name is thrown away, with everything in it.
# =     """
# +     day = day[[name for name in day if name in contract["columns"] or name == "message_id"]]

# %% wrong="refuses_new_columns" of="rows" caught_by="same_rows_other_dress" edits="reference"
# strict=True: the day on which an optional column comes is refused from the first to the last row.
# =             reasons[case.index].add(rule if ":" in rule else f"{case.column}:{rule}")
# +     for name in set(day) - set(contract["columns"]) - {"message_id"}:
# +         for found in reasons:
# +             found.add(f"{name}:unknown")

# %% wrong="whole_by_storage" of="rows" caught_by="same_rows_other_dress" edits="reference"
# Whole numbers as floats are refused: one empty cell makes pandas store the column as floats, and all rows of the day go.
# -     "whole": lambda value: is_number(value) and float(value).is_integer(),
# +     "whole": lambda value: is_number(value) and isinstance(value, numbers.Integral),

# %% wrong="hands_on_converted" of="rows" caught_by="same_rows_other_dress" edits="reference"
# Converts for the check and hands the converted rows on: what the producer sent cannot be seen any more.
# =     """
# +     optional = [name for name, rule in contract["columns"].items() if rule.get("null") and name in day]
# +     day = day.assign(**{name: day[name].astype(object).fillna("") for name in optional})

# %% wrong="best_dtypes" of="rows" caught_by="same_rows_other_dress" edits="reference"
# The rows go on with other dtypes than they came with, here by convert_dtypes: the next step meets other columns than were sent.
# -     return day[~broken_rows], quarantine
# +     return day[~broken_rows].convert_dtypes(), quarantine

# %% also="by_labels" of="rows" edits="reference"
# Row labels are unique, so they name rows; and nobody asked for an order.
# -     return day[~broken_rows], quarantine
# +     return day.drop(index=quarantine.index), quarantine.iloc[::-1]

# %% also="cell_by_cell" of="rows"
import math
from datetime import datetime

import numpy as np
import pandas as pd


def is_of(value, kind):
    if kind in ("text", "flag", "time"):
        return isinstance(value, {"text": str, "flag": (bool, np.bool_), "time": datetime}[kind])
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, float, np.integer, np.floating)):
        return False
    return math.isfinite(value) and (kind == "number" or float(value).is_integer())


def broken(value, other, rule, seen):
    if pd.isna(value):
        return [] if rule.get("null") else ["null"]
    if not is_of(value, rule["type"]):
        return ["type"]
    found = []
    if ("min" in rule and value < rule["min"]) or ("max" in rule and value > rule["max"]):
        found.append("range")
    if "allowed" in rule and value not in rule["allowed"]:
        found.append("allowed")
    if rule.get("unique") and value in seen:
        found.append("unique")
    if "not_after" in rule and is_of(other, "time") and value > other:
        found.append("not_after")
    seen.add(value)
    return found


def split(day, contract):
    reasons = [[] for _ in range(len(day))]
    for name, rule in contract["columns"].items():
        cells = list(day[name].astype(object)) if name in day else [None] * len(day)
        others = list(day[rule["not_after"]].astype(object)) if "not_after" in rule else cells
        seen = set()
        for row, (value, other) in enumerate(zip(cells, others, strict=True)):
            reasons[row] += [f"{name}:{one}" for one in broken(value, other, rule, seen)]
    bad = np.array([len(found) > 0 for found in reasons], dtype=bool)
    quarantine = day[bad].copy()
    quarantine["reason"] = [", ".join(found) for found in reasons if found]
    return day[~bad], quarantine


# %% also="masks_of_columns" of="rows"
import numpy as np
import pandas as pd


def right_type(cells, kind):
    """Mask of the cells of this type, by their storage where that settles it, else cell by cell."""
    if kind == "text":
        return cells.map(lambda value: isinstance(value, str)).to_numpy(dtype=bool)
    flags = cells.map(lambda value: isinstance(value, (bool, np.bool_))).to_numpy(dtype=bool)
    if kind == "flag":
        return flags
    if kind == "time":
        return cells.map(lambda value: isinstance(value, pd.Timestamp)).to_numpy(dtype=bool)
    words = cells.map(lambda value: isinstance(value, (str, pd.Timestamp))).to_numpy(dtype=bool)
    values = numbers(cells.where(~(flags | words)))
    return np.isfinite(values) & ((kind == "number") | (np.floor(values) == values))


def numbers(cells):
    return pd.to_numeric(cells, errors="coerce").to_numpy(dtype=float)


def masks(day, contract):
    """Pairs of column:rule and the mask of rows that break it."""
    for name, rule in contract["columns"].items():
        cells = day[name].astype(object) if name in day else pd.Series(None, index=day.index, dtype=object)
        empty = cells.isna().to_numpy()
        if not rule.get("null"):
            yield f"{name}:null", empty
        good = ~empty & right_type(cells.where(~empty, None), rule["type"])
        yield f"{name}:type", ~empty & ~good
        if "min" in rule or "max" in rule:
            values = numbers(cells.where(good))
            with np.errstate(invalid="ignore"):
                outside = (values < rule.get("min", -np.inf)) | (values > rule.get("max", np.inf))
            yield f"{name}:range", good & outside
        if "allowed" in rule:
            yield f"{name}:allowed", good & ~cells.isin(rule["allowed"]).to_numpy()
        if rule.get("unique"):
            again = np.zeros(len(day), dtype=bool)
            again[good] = cells[good].duplicated().to_numpy()
            yield f"{name}:unique", again
        if "not_after" in rule:
            other = day[rule["not_after"]].astype(object)
            other = pd.to_datetime(other.where(right_type(other, "time")))
            yield f"{name}:not_after", (pd.to_datetime(cells.where(good)) > other).to_numpy()


def split(day, contract):
    found = dict(masks(day, contract))
    bad = np.logical_or.reduce([*found.values(), np.zeros(len(day), dtype=bool)])
    names = np.array(list(found))
    table = np.column_stack(list(found.values()))[bad]
    reasons = [", ".join(names[line]) for line in table]
    return day.loc[~bad], day.loc[bad].assign(reason=pd.Series(reasons, day.index[bad], dtype=object))


# %% also="small_schemas" of="rows"
import pandas as pd
import pandera.pandas as pa
from datetime import datetime
from numbers import Real

import numpy as np


def real(value):
    return isinstance(value, Real) and not isinstance(value, (bool, np.bool_)) and abs(value) < float("inf")


TYPES = {
    "text": lambda value: isinstance(value, str),
    "flag": lambda value: isinstance(value, (bool, np.bool_)),
    "time": lambda value: isinstance(value, datetime),
    "number": real,
    "whole": lambda value: real(value) and value % 1 == 0,
}


def cases(series, schema):
    try:
        schema.validate(series, lazy=True)
    except pa.errors.SchemaErrors as error:
        return error.failure_cases["index"].tolist()
    return []


def split(day, contract):
    """One small schema for each rule, over the cells that the rules before it let through."""
    day_cells = day.reset_index(drop=True).astype(object)
    why = {}
    for name, rule in contract["columns"].items():
        cells = day_cells[name] if name in day_cells else pd.Series([None] * len(day), dtype=object)
        if not rule.get("null"):
            for row in cases(cells, pa.SeriesSchema(nullable=False)):
                why.setdefault(row, set()).add(f"{name}:null")
        cells = cells.dropna()
        wrong = cases(cells, pa.SeriesSchema(checks=pa.Check(TYPES[rule["type"]], element_wise=True)))
        for row in wrong:
            why.setdefault(row, set()).add(f"{name}:type")
        cells = cells.drop(index=wrong)
        checks = {}
        if "min" in rule:
            checks["range"] = [pa.Check(lambda value, low=rule["min"]: value >= low, element_wise=True)]
        if "max" in rule:
            checks.setdefault("range", []).append(
                pa.Check(lambda value, high=rule["max"]: value <= high, element_wise=True)
            )
        if "allowed" in rule:
            checks["allowed"] = [pa.Check.isin(rule["allowed"])]
        for kind, of_kind in checks.items():
            for row in cases(cells, pa.SeriesSchema(checks=of_kind)):
                why.setdefault(row, set()).add(f"{name}:{kind}")
        if rule.get("unique"):
            for row in cells.index[cells.duplicated()]:
                why.setdefault(row, set()).add(f"{name}:unique")
        if "not_after" in rule:
            for row, value in cells.items():
                other = day_cells.at[row, rule["not_after"]]
                if isinstance(other, datetime) and not pd.isna(other) and value > other:
                    why.setdefault(row, set()).add(f"{name}:not_after")
    rows = sorted(why)
    rest = [row for row in range(len(day)) if row not in why]
    reasons = pd.Series([",".join(sorted(why[row])) for row in rows], dtype=object).to_numpy()
    return day.iloc[rest], day.iloc[rows].assign(reason=reasons)


# %% wrong="means" of="batches" caught_by="faults_and_quiet_days" edits="reference"
# A mean follows its dearest order: one honest reseller moves it further than a sale does.
# -         "amount": {name: float(level) for name, level in rows.groupby("channel")["amount"].median().items()},
# +         "amount": {name: float(level) for name, level in rows.groupby("channel")["amount"].mean().items()},
#
# -     ratio = amounts.median() / pd.Series(reference["amount"], dtype=float)
# +     ratio = amounts.mean() / pd.Series(reference["amount"], dtype=float)

# %% wrong="all_channels_in_one" of="batches" caught_by="faults_and_quiet_days" edits="reference"
# One median for all channels: a channel with few of the orders can send cents for weeks.
# -         "amount": {name: float(level) for name, level in rows.groupby("channel")["amount"].median().items()},
# +         "amount": {name: float(level) for name, level in [("all", rows["amount"].median())]},
#
# -     amounts = day.groupby("channel", observed=True)["amount"]
# -     ratio = amounts.median() / pd.Series(reference["amount"], dtype=float)
# -     ratio = ratio[amounts.size().reindex(ratio.index, fill_value=0) >= FEW]
# -     if ((ratio > FACTOR) | (ratio < 1 / FACTOR)).any():
# +     ratio = day["amount"].median() / reference["amount"]["all"]
# +     if ratio > FACTOR or ratio < 1 / FACTOR:

# %% wrong="upwards_only" of="batches" caught_by="faults_and_quiet_days" edits="reference"
# Looks for amounts that are too high: a unit can change the other way, and then every fraud looks harmless.
# -     if ((ratio > FACTOR) | (ratio < 1 / FACTOR)).any():
# +     if (ratio > FACTOR).any():

# %% wrong="bound_on_amount" of="batches" caught_by="faults_and_quiet_days" edits="reference"
# A bound on single amounts, learned from the largest one seen: a dear honest order breaks it, and most orders in cents do not.
# -         "amount": {name: float(level) for name, level in rows.groupby("channel")["amount"].median().items()},
# +         "amount": {name: float(level) for name, level in rows.groupby("channel")["amount"].max().items()},
#
# -     amounts = day.groupby("channel", observed=True)["amount"]
# -     ratio = amounts.median() / pd.Series(reference["amount"], dtype=float)
# -     ratio = ratio[amounts.size().reindex(ratio.index, fill_value=0) >= FEW]
# -     if ((ratio > FACTOR) | (ratio < 1 / FACTOR)).any():
# +     if day["amount"].max() > 2 * max(reference["amount"].values()):

# %% wrong="keys_through_json" of="batches" caught_by="faults_and_quiet_days" edits="reference"
# JSON turns the keys True and 3 into texts: looked up as they were, every value seems new each day.
# -     return str(float(value)) if isinstance(value, Real) else str(value)
# +     return float(value) if isinstance(value, Real) else value

# %% wrong="learns_each_day" of="batches" caught_by="faults_and_quiet_days" edits="reference"
# Moves the reference to the newest day, to follow the season: from the second day on the fault is the usual.
# =             found.append(f"{name}:share")
# +     reference.update(learn([day]))

# %% wrong="significant" of="batches" caught_by="faults_and_quiet_days"
# A small p-value says that days differ, and in an honest shop they do: sales and holidays raise the alarm.
import numpy as np
import pandas as pd
from scipy.stats import chi2_contingency, ks_2samp

LEFT_OUT = {"order_id", "customer_id", "placed_at", "arrived_at", "amount", "message_id"}


def learn(days):
    rows = pd.concat(days)
    counts = {
        name: rows[name].map(str).value_counts().to_dict() for name in rows.columns if name not in LEFT_OUT
    }
    return {
        "amount": {name: list(map(float, part)) for name, part in rows.groupby("channel")["amount"]},
        "counts": counts,
    }


def alarms(day, reference):
    found = []
    for name, part in day.groupby("channel", observed=True)["amount"]:
        if ks_2samp(part, reference["amount"].get(name, part)).pvalue < 0.001:
            found.append("amount:drift")
    for name, known in reference["counts"].items():
        if name not in day:
            continue
        table = pd.DataFrame({"day": day[name].map(str).value_counts(), "known": pd.Series(known)}).fillna(0)
        if chi2_contingency(table.to_numpy()).pvalue < 0.001:
            found.append(f"{name}:drift")
    return sorted(set(found))


# %% wrong="number_of_rows" of="batches" caught_by="faults_and_quiet_days" edits="reference"
# Stops days with unusually many or few orders: that is every weekend and every holiday.
# =     return {
# +         "rows": len(rows) / len(days),
#
# =     found = []
# +     if abs(len(day) / reference["rows"] - 1) > 0.3:
# +         found.append("rows:count")

# %% wrong="forty_orders" of="batches" caught_by="faults_and_quiet_days" edits="reference"
# Asks for more orders than the smallest channel has: that channel is never looked at.
# - FEW = 20
# + FEW = 40

# %% wrong="empty_is_no_value" of="batches" caught_by="faults_and_quiet_days" edits="reference"
# Leaves empty cells out of the count: a service that answers with nothing at all has no most common value.
# -         if name not in day:
# +         if name not in day or day[name].isna().all():

# %% wrong="new_column_is_a_fault" of="batches" caught_by="faults_and_quiet_days" edits="reference"
# Looks at the columns of the day: of a new one the reference knows no value, and the day is stopped for it.
# -     for name, known in reference["shares"].items():
# -         if name not in day:
# -             continue
# +     for name in [name for name in day.columns if name not in LEFT_OUT]:
# +         known = reference["shares"].get(name, {})

# %% wrong="amounts_alone" of="batches" caught_by="faults_and_quiet_days" edits="reference"
# Watches the column that once broke: a service that answers with its default is seen by nobody.
# -     for name, known in reference["shares"].items():
# -         if name not in day:
# -             continue
# -         shares = shares_of(day[name])
# -         common = max(shares, key=shares.get)
# -         if shares[common] - known.get(common, 0.0) > MORE:
# -             found.append(f"{name}:share")

# %% also="in_sql" of="batches"
import duckdb
import numpy as np
import pandas as pd

WORDS = ["channel", "coupon", "ship_country", "device", "card_country", "auth_result", "currency"]
NUMBERS = ["items", "address_age_days", "device_known", "attempts"]


def levels(rows):
    connection = duckdb.connect()
    connection.register("amounts", rows[["amount"]].assign(channel=rows["channel"].astype(str)))
    text = "select channel, median(ln(amount)), count(*) from amounts group by channel"
    return {channel: (level, count) for channel, level, count in connection.execute(text).fetchall()}


def commonest(rows):
    for column in [column for column in WORDS + NUMBERS if column in rows]:
        cells = (
            rows[column].to_numpy(dtype=float)
            if column in NUMBERS
            else rows[column].astype(object).fillna("")
        )
        values, counts = np.unique(np.asarray(cells).astype(str), return_counts=True)
        yield column, dict(zip(values.tolist(), (counts / len(rows)).tolist()))


def learn(days):
    rows = pd.concat(days)
    return {
        "level": {name: level for name, (level, _) in levels(rows).items()},
        "share": dict(commonest(rows)),
    }


def alarms(day, reference):
    found = [
        f"amount:unit_of_{name}"
        for name, (level, count) in levels(day).items()
        if count >= 25 and abs(level - reference["level"].get(name, level)) > 1.5
    ]
    for column, shares in commonest(day):
        known = reference["share"].get(column, shares)
        if any(share > known.get(value, 0) + 0.3 for value, share in shares.items()):
            found.append(f"{column}:default")
    return found


# %% also="middle_and_distance" of="batches"
import numpy as np
import pandas as pd

NOT_WORDS = ["order_id", "customer_id", "placed_at", "arrived_at", "amount", "message_id"]


def middle(amounts):
    """Mean of the logarithms without the outer tenths."""
    ordered = np.sort(np.log(amounts.to_numpy(dtype=float)))
    cut = len(ordered) // 10
    return float(ordered[cut : len(ordered) - cut].mean())


def word(value):
    return "none" if pd.isna(value) else format(value, "g") if isinstance(value, (int, float)) else str(value)


def learn(days):
    rows = pd.concat(days)
    reference = {"middle": {}, "most": {}}
    for channel in rows["channel"].unique():
        reference["middle"][channel] = middle(rows.loc[rows["channel"] == channel, "amount"])
    for column in rows.columns.difference(NOT_WORDS):
        reference["most"][column] = [float(rows[column].map(word).value_counts(normalize=True).max()), ""]
        reference["most"][column][1] = rows[column].map(word).mode()[0]
    return reference


def alarms(day, reference):
    found = set()
    for channel, part in day.groupby("channel", observed=True):
        usual = reference["middle"].get(channel)
        if usual is not None and len(part) >= 25 and abs(middle(part["amount"]) - usual) > np.log(4.5):
            found.add("amount:unit")
    for column, (share, value) in reference["most"].items():
        if column not in day:
            continue
        now = day[column].map(word).value_counts(normalize=True)
        same = now.index[0] == value
        if now.iloc[0] - (share if same else 0) > (0.3 if same else 0.8):
            found.add(f"{column}:same")
    return sorted(found)


# %% wrong="never_moves" of="next_version" caught_by="steps"
# The version never moves: whoever reads it learns nothing from it.
def next_version(old, new):
    return old["version"]


# %% wrong="as_proposed" of="next_version" caught_by="steps"
# Takes the number that the producer wrote: whether the change breaks anything was not asked.
def next_version(old, new):
    if new["version"] != old["version"] or new == old:
        return new["version"]
    major, minor, patch = map(int, old["version"].split("."))
    return f"{major}.{minor}.{patch + 1}"


# %% wrong="names_alone" of="next_version" caught_by="steps" edits="reference"
# Compares the names of columns: a rule that became narrower breaks rows just as a lost column does.
# -     narrowed = [name for name in before.keys() & after.keys() if narrower(before[name], after[name])]
# =     demanded = [name for name in after.keys() - before.keys() if not after[name]["null"]]
# =     major, minor, patch = (int(part) for part in old["version"].split("."))
# -     if gone or narrowed or demanded:
# +     if gone or demanded:

# %% wrong="every_rule_is_major" of="next_version" caught_by="steps" edits="reference"
# Every other rule is a break: who must migrate for each further channel soon reads no version.
# -     narrowed = [name for name in before.keys() & after.keys() if narrower(before[name], after[name])]
# +     narrowed = [name for name in before.keys() & after.keys() if before[name] != after[name]]

# %% wrong="keeps_numbers_on_the_right" of="next_version" caught_by="steps" edits="reference"
# A step sets the numbers to its right to 0: 1.9.3 is followed by 2.0.0, not by 2.9.3.
# -         return f"{major + 1}.0.0"
# +         return f"{major + 1}.{minor}.{patch}"
# =     if before != after:
# -         return f"{major}.{minor + 1}.0"
# +         return f"{major}.{minor + 1}.{patch}"

# %% wrong="demanded_column_is_minor" of="next_version" caught_by="steps" edits="reference"
# A new column that must be there is taken for an addition: no old row has it, so every old row fails.
# -     demanded = [name for name in after.keys() - before.keys() if not after[name]["null"]]
# =     major, minor, patch = (int(part) for part in old["version"].split("."))
# -     if gone or narrowed or demanded:
# +     if gone or narrowed:

# %% wrong="zero_is_no_bound" of="next_version" caught_by="steps" edits="reference"
# Reads a bound of 0 as no bound, since 0 is false in Python.
# -                 "min": rule.get("min", float("-inf")),
# -                 "max": rule.get("max", float("inf")),
# +                 "min": rule.get("min") or float("-inf"),
# +                 "max": rule.get("max") or float("inf"),

# %% wrong="empty_list_is_no_list" of="next_version" caught_by="steps" edits="reference"
# Reads an empty list as none: a contract that allows nothing looks like one that allows everything.
# -                 "allowed": set(rule["allowed"]) if "allowed" in rule else None,
# +                 "allowed": set(rule["allowed"]) if rule.get("allowed") else None,

# %% wrong="bounds_as_texts" of="next_version" caught_by="steps" edits="reference"
# Compares rules as they are written: 1 and 1.0 are one bound.
# -     if before != after:
# +     if str(before) != str(after):

# %% wrong="new_texts_alone" of="next_version" caught_by="steps" edits="reference"
# Looks at the texts that the new contract has: one that went is in the old contract alone.
# -     if {**old, "version": None} != {**new, "version": None}:
# +     def texts(contract):
# +         return {("", name, str(text)) for name, text in contract.items() if name not in ("version", "columns")} | {
# +             (column, name, str(rule[name])) for column, rule in contract["columns"].items() for name in rule
# +         }
# +
# +     if texts(new) - texts(old):

# %% wrong="only_more_counts" of="next_version" caught_by="steps" edits="reference"
# Only a list that lost values is looked at by its length: one value for another leaves it as long as it was.
# -                 and (one["allowed"] is None or bool(one["allowed"] - other["allowed"]))
# +                 and (one["allowed"] is None or len(other["allowed"]) < len(one["allowed"]))

# %% wrong="wrong_way_round" of="next_version" caught_by="steps" edits="reference"
# Asks whether new rows pass the old contract: that is the other direction, and the history is not asked.
# -     narrowed = [name for name in before.keys() & after.keys() if narrower(before[name], after[name])]
# +     narrowed = [name for name in before.keys() & after.keys() if narrower(after[name], before[name])]

# %% wrong="null_is_harmless" of="next_version" caught_by="steps" edits="reference"
# Leaves null out: cells that may no longer be empty break rows that passed.
# -             or (one["null"] and not other["null"])


# %% also="rules_as_tests" of="next_version"
def next_version(old, new):
    import math

    def passes(rule, probe):
        kind, value = probe
        if kind == "type":
            return value == rule["type"] or (value, rule["type"]) == ("whole", "number")
        if kind == "null":
            return bool(rule.get("null"))
        if kind == "least":
            return value >= rule.get("min", -math.inf)
        if kind == "most":
            return value <= rule.get("max", math.inf)
        if kind == "word":
            return "allowed" not in rule or value in rule["allowed"]
        if kind == "again":
            return not rule.get("unique")
        return rule.get("not_after") in (None, value)

    def probes(rule):
        """Things that pass this rule, enough to notice each way of narrowing it."""
        yield "type", rule["type"]
        yield "least", rule.get("min", -math.inf)
        yield "most", rule.get("max", math.inf)
        yield from (("word", value) for value in rule.get("allowed", [object()]))
        yield "later", rule.get("not_after", object())
        if rule.get("null"):
            yield "null", None
        if not rule.get("unique"):
            yield "again", None

    def takes_all(old_columns, new_columns):
        for name, rule in new_columns.items():
            if name not in old_columns:
                if not rule.get("null"):
                    return False
            elif not all(passes(rule, probe) for probe in probes(old_columns[name])):
                return False
        return set(old_columns) <= set(new_columns)

    numbers = list(map(int, old["version"].split(".")))
    if not takes_all(old["columns"], new["columns"]):
        step = 0
    elif not takes_all(new["columns"], old["columns"]) or set(old["columns"]) != set(new["columns"]):
        step = 1
    elif {k: v for k, v in old.items() if k != "version"} != {k: v for k, v in new.items() if k != "version"}:
        step = 2
    else:
        return old["version"]
    return ".".join(map(str, numbers[:step] + [numbers[step] + 1] + [0] * (2 - step)))


# %% also="rule_by_rule" of="next_version"
def next_version(old, new):
    MAJOR, MINOR, PATCH, NONE = range(4)

    def step_of(rule, before, after):
        if before == after:
            return NONE
        if rule == "type":
            return MINOR if (before, after) == ("whole", "number") else MAJOR
        if rule == "null":
            return MINOR if after else MAJOR if before else NONE
        if rule == "unique":
            return MAJOR if after else MINOR if before else NONE
        if rule == "min":
            return MAJOR if before is None or (after is not None and after > before) else MINOR
        if rule == "max":
            return MAJOR if before is None or (after is not None and after < before) else MINOR
        if rule == "allowed" and before is not None and after is not None:
            return MAJOR if set(before) - set(after) else MINOR if set(after) - set(before) else PATCH
        if rule in ("allowed", "not_after"):
            return MINOR if after is None else MAJOR
        return PATCH

    steps = [NONE]
    for name in [*old["columns"], *new["columns"]]:
        before, after = old["columns"].get(name), new["columns"].get(name)
        if after is None:
            steps.append(MAJOR)
        elif before is None:
            steps.append(MINOR if after.get("null") else MAJOR)
        else:
            steps += [
                step_of(rule, before.get(rule), after.get(rule)) for rule in before.keys() | after.keys()
            ]
    texts = [
        {key: value for key, value in one.items() if key not in ("version", "columns")} for one in (old, new)
    ]
    steps.append(PATCH if texts[0] != texts[1] else NONE)
    numbers = [int(part) for part in old["version"].split(".")] + [0]
    numbers[min(steps)] += 1
    return ".".join(str(0 if place > min(steps) else number) for place, number in enumerate(numbers[:3]))


# %% wrong="stopped_rows_vanish" of="job" caught_by="nights" edits="reference"
# The rows of a stopped day are left out of both files: rows in is more than accepted + quarantined.
# -             held = accepted.assign(reason=", ".join(found))
# -             accepted, quarantine = accepted.iloc[:0], pd.concat([quarantine, held])
# +             accepted = accepted.iloc[:0]

# %% wrong="alarm_without_stop" of="job" caught_by="nights" edits="reference"
# Writes the alarm into the report and lets the rows pass: the model learns from the day all the same.
# -         if found:
# -             held = accepted.assign(reason=", ".join(found))
# -             accepted, quarantine = accepted.iloc[:0], pd.concat([quarantine, held])

# %% wrong="limit_included" of="job" caught_by="nights" edits="reference"
# At 2 % the day still goes: the limit is the last share that is allowed.
# -         if len(quarantine) / max(len(day), 1) > MAX_QUARANTINED:
# +         if len(quarantine) / max(len(day), 1) >= MAX_QUARANTINED:

# %% wrong="exit_code_lost" of="job" caught_by="nights" edits="reference"
# A stopped day ends with exit code 0: whatever started the job takes it for a good night.
# -     sys.exit(main(*sys.argv[1:]))
# +     main(*sys.argv[1:])

# %% wrong="reference_from_tonight" of="job" caught_by="nights" edits="reference"
# Learns what is usual from the days that it judges: a night of cents is usual in cents.
# - from batch_rules import alarms
# + from batch_rules import alarms, learn
#
# -     reference = json.loads(Path(reference_file).read_text())
# +     reference = learn([pd.read_parquet(file) for file in sorted(Path(inbox).glob("*.parquet"))[-1:]])

# %% wrong="empty_day_divides" of="job" caught_by="nights" edits="reference"
# Divides by the rows of the day: a file without rows ends the job, and no day of that night gets through.
# -         if len(quarantine) / max(len(day), 1) > MAX_QUARANTINED:
# +         if len(quarantine) / len(day) > MAX_QUARANTINED:

# %% wrong="accepted_as_text" of="job" caught_by="nights" edits="reference"
# Writes all as text, so that no types can clash: the model gets "12.5", and an empty cell is the word nan.
# -     of_one_type(pd.concat(good)).to_parquet(folder / "accepted.parquet")
# +     pd.concat(good).astype(str).to_parquet(folder / "accepted.parquet")

# %% wrong="messages_alone" of="job" caught_by="nights" edits="reference"
# Keeps the numbers of the good rows: the model has nothing to learn from.
# -     of_one_type(pd.concat(good)).to_parquet(folder / "accepted.parquet")
# +     pd.concat(good)[["message_id"]].to_parquet(folder / "accepted.parquet")

# %% wrong="marked_for_the_model" of="job" caught_by="nights" edits="reference"
# Writes the day into the accepted rows, too: a column that no producer sent and no contract knows.
# -         good.append(accepted)
# +         good.append(accepted.assign(day=file.stem))

# %% wrong="numbers_by_force" of="job" caught_by="nights" edits="reference"
# Makes numbers of a column with texts: "12,50" becomes an empty cell in the very file that shows what was sent.
# -             rows[name] = rows[name].map(str, na_action="ignore")
# +             rows[name] = pd.to_numeric(rows[name], errors="coerce")

# %% wrong="mixed_ends_the_night" of="job" caught_by="nights" edits="reference"
# Takes care of the quarantine alone: a column that the contract does not name may bring numbers and texts in good rows, too.
# -     of_one_type(pd.concat(good)).to_parquet(folder / "accepted.parquet")
# +     pd.concat(good).to_parquet(folder / "accepted.parquet")

# %% also="totals_last" of="job"
import argparse
import collections
import json
import pathlib

import batch_rules
import pandas as pd
import row_rules


class Gate:
    """Judges one day at a time and keeps what it found."""

    def __init__(self, contract, reference):
        self.contract, self.reference = contract, reference
        self.parts = {"accepted": [], "quarantine": []}
        self.days, self.reasons = {}, collections.Counter()

    def pass_day(self, name, day):
        good, bad = row_rules.split(day, self.contract)
        alarms = list(batch_rules.alarms(good, self.reference)) if not good.empty else []
        if 100 * len(bad) > 2 * len(day):
            alarms.append("rows:quarantined")
        bad = bad.assign(day=name)
        if alarms:
            bad = pd.concat([good.assign(reason=", ".join(alarms), day=name), bad])
            good = good.head(0)
        self.parts["accepted"].append(good)
        self.parts["quarantine"].append(
            bad.astype(object).where(bad.notna(), None).map(lambda v: None if v is None else str(v))
        )
        for reason in bad["reason"]:
            self.reasons.update(set(reason.replace(" ", "").split(",")))
        self.days[name] = {
            "alarms": alarms,
            "rows_in": len(day),
            "rows_accepted": len(good),
            "rows_quarantined": len(bad),
        }

    def report(self):
        totals = collections.Counter()
        for day in self.days.values():
            totals.update({key: value for key, value in day.items() if key != "alarms"})
        names = ("rows_in", "rows_accepted", "rows_quarantined")
        return {
            "contract_version": self.contract["version"],
            "days": self.days,
            "reasons": dict(self.reasons),
            **{name: totals[name] for name in names},
        }


parser = argparse.ArgumentParser()
for name in ("contract", "reference", "inbox", "outbox"):
    parser.add_argument(name, type=pathlib.Path)
given = parser.parse_args()
gate = Gate(json.loads(given.contract.read_bytes()), json.loads(given.reference.read_bytes()))
for path in sorted(given.inbox.iterdir()):
    if path.suffix == ".parquet":
        gate.pass_day(path.stem, pd.read_parquet(path))
given.outbox.mkdir(exist_ok=True, parents=True)
for name, frames in gate.parts.items():
    table = pd.concat(frames, ignore_index=True)
    for column in table.columns.difference(list(gate.contract["columns"])):
        if pd.api.types.infer_dtype(table[column], skipna=True).startswith("mixed"):
            table[column] = table[column].astype("string")
    table.to_parquet(given.outbox / f"{name}.parquet", index=False)
(given.outbox / "report.json").write_text(json.dumps(gate.report()))
if any(day["alarms"] for day in gate.days.values()):
    raise SystemExit(1)


# %% wrong="trusts_the_report" of="log_night" caught_by="run_of_the_night" edits="reference"
# Copies the report: a row that got lost on the way stays lost, now with a record that says all is well.
# -     counted = {
# -         "rows_in": sum(len(pd.read_parquet(file)) for file in files),
# -         "rows_accepted": len(pd.read_parquet(Path(outbox) / "accepted.parquet")),
# -         "rows_quarantined": len(pd.read_parquet(Path(outbox) / "quarantine.parquet")),
# -         "contract_version": json.loads(Path(contract_file).read_text())["version"],
# -     }
# -     for name, value in counted.items():
# -         if report[name] != value:
# -             raise ValueError(f"the report says {name} = {report[name]}, the files say {value}")

# %% wrong="inbox_by_its_parts" of="log_night" caught_by="run_of_the_night" edits="reference"
# Takes accepted + quarantined for what came in: a file that nobody read is missed by nobody.
# -         "rows_in": sum(len(pd.read_parquet(file)) for file in files),
# =         "rows_accepted": len(pd.read_parquet(Path(outbox) / "accepted.parquet")),
# =         "rows_quarantined": len(pd.read_parquet(Path(outbox) / "quarantine.parquet")),
# =         "contract_version": json.loads(Path(contract_file).read_text())["version"],
# =     }
# +     counted["rows_in"] = counted["rows_accepted"] + counted["rows_quarantined"]

# %% wrong="honest_about_the_loss" of="log_night" caught_by="run_of_the_night" edits="reference"
# Each number fits its file, and together they do not add up: a row was lost on the way, and the record says so to nobody.
# -     if report["rows_in"] != report["rows_accepted"] + report["rows_quarantined"]:
# -         raise ValueError("a row of the inbox is neither accepted nor in quarantine")

# %% wrong="days_as_reported" of="log_night" caught_by="run_of_the_night" edits="reference"
# Takes the stopped days in the order of the report: who looks for them later compares texts.
# -     stopped = sorted(name for name, day in report["days"].items() if day["alarms"])
# +     stopped = [name for name, day in report["days"].items() if day["alarms"]]

# %% wrong="names_as_hash" of="log_night" caught_by="run_of_the_night" edits="reference"
# Hashes the names of the files: other rows under the same names have the same hash.
# -     lines = [f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.name}\n" for file in files]
# +     lines = [f"{hashlib.sha256(file.name.encode()).hexdigest()}  {file.name}\n" for file in files]

# %% wrong="run_before_the_count" of="log_night" caught_by="run_of_the_night" edits="reference"
# Starts the run before it counts: each refused night leaves a failed run behind.
# -     for name, value in counted.items():
# -         if report[name] != value:
# -             raise ValueError(f"the report says {name} = {report[name]}, the files say {value}")
# =     if report["rows_in"] != report["rows_accepted"] + report["rows_quarantined"]:
# =         raise ValueError("a row of the inbox is neither accepted nor in quarantine")
# =     lines = [f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.name}\n" for file in files]
# =     stopped = sorted(name for name, day in report["days"].items() if day["alarms"])
# =     with mlflow.start_run() as run:
# +         for name, value in counted.items():
# +             if report[name] != value:
# +                 raise ValueError(f"the report says {name} = {report[name]}, the files say {value}")

# %% wrong="gate_left_out" of="log_night" caught_by="run_of_the_night" edits="reference"
# Logs the report and not the gate: next year's rules are others, and this night cannot be run again.
# -         for name in (contract_file, f"{outbox}/report.json", "contract.py", "row_rules.py", "batch_rules.py"):
# +         for name in (contract_file, f"{outbox}/report.json"):

# %% wrong="last_stopped_day" of="log_night" caught_by="run_of_the_night" edits="reference"
# Keeps one stopped day of several: the loop writes over what it found before.
# -     stopped = sorted(name for name, day in report["days"].items() if day["alarms"])
# +     stopped = [name for name, day in report["days"].items() if day["alarms"]][-1:]


# %% also="client_and_duckdb" of="log_night"
def log_night(contract_file, inbox, outbox):
    import duckdb

    def rows(pattern):
        return duckdb.sql(f"select count(*) from read_parquet('{pattern}', union_by_name = true)").fetchall()[
            0
        ][0]

    with open(f"{outbox}/report.json") as file:
        report = json.load(file)
    with open(contract_file) as file:
        version = json.load(file)["version"]
    kinds = {"rows_in": f"{inbox}/*.parquet"}
    kinds |= {
        "rows_accepted": f"{outbox}/accepted.parquet",
        "rows_quarantined": f"{outbox}/quarantine.parquet",
    }
    numbers = {name: rows(pattern) for name, pattern in kinds.items()}
    same = version == report["contract_version"] and all(
        report[name] == number for name, number in numbers.items()
    )
    if not same or numbers["rows_in"] != numbers["rows_accepted"] + numbers["rows_quarantined"]:
        raise ValueError("the report is not about these files")
    whole = hashlib.sha256()
    for path in sorted(Path(inbox).iterdir()):
        whole.update(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n".encode())
    mlflow.start_run(run_name=f"night of {len(report['days'])} days")
    try:
        stopped = ",".join(day for day in sorted(report["days"]) if report["days"][day]["alarms"])
        mlflow.log_params(
            {
                "contract_version": version,
                "data_sha256": whole.hexdigest(),
                "stopped_days": stopped,
                "inbox": inbox,
            }
        )
        for reason, count in report["reasons"].items():
            numbers["quarantined." + ".".join(reason.split(":"))] = count
        mlflow.log_metrics(numbers)
        for name in [
            contract_file,
            Path(outbox) / "report.json",
            *(f"{n}.py" for n in ("contract", "row_rules", "batch_rules")),
        ]:
            mlflow.log_artifact(str(name))
        return mlflow.active_run().info.run_id
    finally:
        mlflow.end_run()
