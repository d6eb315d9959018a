# ---
# title: "What did we know when the order came in?"
# minutes: 60
# data: [tidewater]
# needs: [splits]
# leaves: [training.parquet]
# runs_on: []
# sources:
#   - "DuckDB documentation, AsOf Join (inequality on one time column, the nearest earlier row)"
#   - "pandas 3 documentation, merge_asof (direction, allow_exact_matches)"
#   - "Snodgrass (1999), Developing Time-Oriented Database Applications in SQL, Morgan Kaufmann, chapters 8 (tracking log)
#     and 9 (transaction-time state tables)"
#   - "Kaufman, Rosset, Perlich, Stitelman (2012), Leakage in data mining, ACM TKDD 6(4), article 15: learn-predict separation"
# hints:
#   - "Write for one decision, on paper, which rows of the table the database held at that moment. Only then count. Each part has
#     two clocks: when it happened decides which window it falls in, when it arrived decides whether it is seen at all."
#   - "Parts 1 and 2: join each decision with its candidates first, keep the pairs that were known, of each order the version that arrived last, and
#     aggregate by decision; begin again from the decisions with a left join. Where nothing has a window, ask from which moment on a row
#     counts: the later of its clocks; then one as-of join on a running count is enough. Part 3: three cases, in this order: charged, ripe, neither. Part 4:
#     the first version of each order is the decision."
#   - "Part 1: pairs = decisions.merge(orders, on='customer_id', suffixes=('', '_past')); keep placed_at_past < placed_at and arrived_at < placed_at; sort by arrived_at and
#     drop_duplicates(['order_id', 'order_id_past'], keep='last'); then groupby('order_id') and reindex(decisions['order_id']). Part 2: the same on card_country and
#     ship_country with placed_at_past < placed_at - RIPE, and a column charged that is True if the first arrival of a chargeback is before placed_at. Part 3:
#     np.select([charged, ripe], [1.0, 0.0], np.nan). Part 4: orders.sort_values('arrived_at').drop_duplicates('order_id'), and round the mean
#     before you write the file."
# ---

# %% [markdown]
# # What did we know when the order came in?
#
# The first fraud model of Tidewater had a fine table to learn from. Somebody had joined the warehouse on a Monday in July: for each order of the spring,
# how many frauds had come on its *corridor* (this country of the card, this country of delivery). The average precision was 0.34 on orders
# that the model had not been fitted on. In the live weeks it was 0.13, no more than without that column (the last cell measures all three). Nothing was wrong with the split. The column of an
# order of April held what the bank reported in June, on the order itself as well.
#
# You build the table again: each feature **as it was known at the moment of the decision**.
#
# ## Two clocks
#
# | table | what happened, and when | when our database had it |
# | --- | --- | --- |
# | `orders` | an order is placed, `placed_at` | `arrived_at`: seconds later; from partner shops in a file, next morning; sometimes later |
# | `chargebacks` | the bank says that the order was fraud, `reported_at` | `arrived_at`: in the bank's weekly file |
#
# All times are UTC without a zone mark, in milliseconds. **The decision on an order is made at its `placed_at`**, while the customer waits. Call that moment
# `t`. The rules, for the whole notebook:
#
# 1. **A row is known at `t` if it arrived strictly before `t`.** What arrives in the very millisecond of the decision does not count: nobody can say which was first.
# 2. **An order arrives in versions.** The same `order_id` may come again later, with a corrected `amount`, or quite the same once more because a queue
#    sent it twice. It is *one* order. Its amount at `t` is that of the version that arrived last before `t`.
# 3. **A window of 7 days** is `t - 7 days <= placed_at < t`: a whole week of hours, closed at its beginning, open at its end. 30 days likewise. (The end takes care of itself: what
#    arrived before `t` was placed before `t`.)
# 4. **An order is ripe at `t` if `placed_at < t - 67 days`** (strictly). Banks report up to 60 days after the order, and their file takes up to 7 more. An
#    order that is ripe, with no chargeback known, counts as honest. Once in a while a file is late all the same; a chargeback counts from its arrival on, and from its *first* arrival
#    if the bank sends its file again.
#
# You may rely on: nothing arrives before it happened; every version of an order arrives within 30 days; versions differ in `arrived_at` and `amount` alone; two
# different versions of an order never arrive at the same moment; an amount that is missing may be filled by a later version, and a known one never gets lost again; a chargeback arrives after its order.
# Not on the order of rows, nor on the index (each label stands there once), nor on an order having one row.

# %%
import grader

grader.begin("point-in-time")

import hashlib

import duckdb
import mlflow
import numpy as np
import pandas as pd

from tidewater import make_world

RIPE = pd.Timedelta(days=67)
AS_OF = "arrived_at < placed_at of the decision"

# %% [markdown]
# A table to play with. Customer 1 has three orders in five rows, and wants to place order 14 on 20 March at noon. Which of these rows did the database hold then?

# %%
orders = pd.DataFrame(
    [
        [11, 1, "DE", "DE", "2025-03-10 12:00", "2025-03-10 12:01", 20.0],
        [11, 1, "DE", "DE", "2025-03-10 12:00", "2025-03-12 09:00", 10.0],  # corrected: one piece came back
        [12, 1, "DE", "FR", "2025-03-18 12:00", "2025-03-18 12:01", 40.0],
        [12, 1, "DE", "FR", "2025-03-18 12:00", "2025-03-21 12:01", 15.0],  # corrected, after the decision
        [13, 1, "DE", "DE", "2025-03-19 23:00", "2025-03-21 05:00", 500.0],  # from a partner shop
    ],
    columns=["order_id", "customer_id", "card_country", "ship_country", "placed_at", "arrived_at", "amount"],
).astype({"placed_at": "datetime64[ms]", "arrived_at": "datetime64[ms]"})
orders

# %% [markdown]
# ## 1. The customer's earlier orders
#
# Write `order_history(decisions, orders)`.
#
# In: `decisions`, a DataFrame with one row for each order to decide on, with `order_id` (each once), `customer_id`, `placed_at` (this is `t`), its own `amount`, and perhaps more columns;
# `orders`, all rows that we hold today, so also much that was not yet known at `t`. A live decision's own order is not in `orders` yet; a past one's is.
#
# Out: a DataFrame with one row for each decision, `order_id` and
#
# | column | value |
# | --- | --- |
# | `orders_7d`, `orders_30d` | number of orders of the same customer in the window, of those known at `t`; 0 if there are none |
# | `hours_since_last` | hours from the latest `placed_at` among all orders of the customer that are known at `t` (no window), as a float: no whole hours, nor minutes; missing if there are none |
# | `mean_amount_30d` | mean amount at `t`, EUR, of the orders that `orders_30d` counts; those without an amount left out; missing if none is left. Not rounded to cents; 6 decimals or more |
#
# Use what you like: DuckDB (`duckdb.sql` sees DataFrames by their variable's name), pandas, NumPy. The order of rows and of columns is yours, and integers may be floats. The
# two frames stay as they were. (If you turn a frame round with `[::-1]` before DuckDB reads it, add `.copy()`: DuckDB 2.0.0 stops at the reversed view with `std::bad_cast`.)


# %% answer="order_history"
def order_history(decisions, orders):
    """What was known of each customer's earlier orders when each decision was made.

    decisions: DataFrame with order_id, customer_id, placed_at (the moment of the decision).
    orders: DataFrame with order_id, customer_id, placed_at, arrived_at, amount (EUR, may be missing); all versions.
    Returns a DataFrame, one row for each decision: order_id, orders_7d, orders_30d, hours_since_last, mean_amount_30d.
    """
    ### BEGIN SOLUTION
    return duckdb.sql("""
        with known as (  -- each decision with each earlier order, in the version that had arrived last
            select d.order_id as decision, o.order_id, d.placed_at - o.placed_at as age,
                   arg_max(o.amount, o.arrived_at) as amount
            from decisions d join orders o
                on o.customer_id = d.customer_id and o.placed_at < d.placed_at and o.arrived_at < d.placed_at
            group by all
        )
        select d.order_id,
               count(k.order_id) filter (k.age <= interval 7 day) as orders_7d,
               count(k.order_id) filter (k.age <= interval 30 day) as orders_30d,
               epoch(min(k.age)) / 3600 as hours_since_last,
               avg(k.amount) filter (k.age <= interval 30 day) as mean_amount_30d
        from decisions d left join known k on k.decision = d.order_id
        group by d.order_id
    """).df()
    ### END SOLUTION


# %% test="windows" of="order_history" points=3
import numpy as np
import pandas as pd
from grader import expect

COLUMNS = ["orders_7d", "orders_30d", "hours_since_last", "mean_amount_30d"]
FIELDS = ["order_id", "customer_id", "placed_at", "arrived_at", "amount"]


def table(rows, columns):
    frame = pd.DataFrame(rows, columns=columns)
    return frame.astype({name: "datetime64[ms]" for name in columns if name.endswith("_at")})


def numbers(got, asked):
    """The columns as floats, one row for each asked order, whatever their order and dtypes were."""
    expect.true(
        isinstance(got, pd.DataFrame) and {"order_id", *COLUMNS} <= set(got.columns),
        got=f"columns {sorted(map(str, got.columns))}"
        if isinstance(got, pd.DataFrame)
        else type(got).__name__,
        expected="a DataFrame with these five columns",
        what="order_history",
        why="the model reads its features by name",
        look_at="what you return (a DuckDB relation becomes a frame by .df()), and the table of columns",
    )
    rows, goal = got["order_id"].tolist(), asked.tolist()
    expect.true(
        sorted(rows) == sorted(goal),
        got="other orders, or some of them twice",
        expected="each order of `decisions` once",
        what=f"column order_id of order_history ({len(set(goal) - set(rows))} decisions missing, {len(rows)} rows for {len(goal)})",
        why="each decision has one row, also that of a customer without any history",
        look_at="a join or a groupby that drops decisions or makes more of them",
    )
    got = got.set_index("order_id").loc[goal, COLUMNS]
    return (
        got.apply(pd.to_numeric, errors="coerce").astype("Float64").astype("float64").reset_index(drop=True)
    )


past = table(
    [
        [11, 1, "2025-03-10 12:00", "2025-03-10 12:01", 20.0],
        [11, 1, "2025-03-10 12:00", "2025-03-12 09:00", 10.0],
        [12, 1, "2025-03-18 12:00", "2025-03-18 12:01", 40.0],
        [13, 1, "2025-03-19 23:00", "2025-03-21 05:00", 500.0],
    ],
    FIELDS,
)
asked = table([[14, 1, "2025-03-20 12:00"], [15, 2, "2025-03-20 12:00"]], FIELDS[:3]).assign(amount=99.0)
expect.same_frame(
    numbers(order_history(asked, past), asked["order_id"]),
    pd.DataFrame([[1, 2, 48, 25], [0, 0, np.nan, np.nan]], columns=COLUMNS).astype(float),
    tolerance=1e-6,
    what="order_history of order 14, noon of 20 March, with orders of 10, 18 and 19 March, and of a new customer",
    why="the order of 19 March arrived on the 21st, and that of 10 March was known with its corrected 10 EUR",
    look_at="arrived_at of each row, and the version of each order that had arrived last",
)
### BEGIN HIDDEN TESTS
rng = expect.rng()
MS = 1 / 3_600_000  # of an hour
LATE = "arrived_at: an order that had not arrived was not known, however early it was placed"
MOMENT = "< and <= at the moment of the decision: both clocks lie strictly before it"
WINDOW = "the beginning of the window: exactly 7 (30) days before belongs to it, a millisecond more does not"
VERSION = "which version of an order you take: the last one that had arrived, of each order for each decision"
TWICE = "how often an order counts that came twice: once"
SIMPLE = {
    "orders_7d": "the row in which each value stands: it belongs to its order_id",
    "orders_30d": "the row in which each value stands: it belongs to its order_id",
    "hours_since_last": "the unit: hours as a float, not cut to whole hours, minutes or seconds",
    "mean_amount_30d": "the mean itself, in EUR: not rounded to cents",
}
# name: (what to look at, rows as order, hours from the decision to placed_at and to arrived_at, amount)
CASES = {
    "one order, 20.6 hours ago": (SIMPLE, [(1, -20.6180339, -20.5, 30.0)]),
    "three amounts whose mean has no end": (
        SIMPLE,
        [(k, -k - 0.123456, -k, 10.0 + k // 3) for k in (1, 2, 3)],
    ),
    "an order that arrives after the decision": (LATE, [(1, -90, -89, 30.0), (2, -20, 3, 70.0)]),
    "only an order that arrives after the decision": (LATE, [(1, -20, 3, 70.0)]),
    "the latest order has not arrived, an earlier one has": (
        "the order of the two steps: first what had arrived, then the latest of that",
        [(1, -200, -199, 30.0), (2, -5, 2, 70.0)],
    ),
    "an order that arrives in the millisecond of the decision": (
        MOMENT,
        [(1, -90, -89, 30.0), (2, -20, 0, 70.0)],
    ),
    "an order that arrives one millisecond before": (MOMENT, [(1, -20, -MS, 70.0)]),
    "an order placed in the millisecond of the decision": (MOMENT, [(1, -90, -89, 30.0), (2, 0, 0, 70.0)]),
    "an order placed later": (
        "the direction of time: nothing that lies after the decision may fill a gap",
        [(1, -900, -899, 30.0), (2, 4, 5, 70.0), (2, 4, 6, 80.0)],
    ),
    "only an order placed later": (
        "the direction of time: nothing that lies after the decision may fill a gap",
        [(1, 4, 5, 70.0)],
    ),
    "exactly 7 days": (WINDOW, [(1, -168, -167, 30.0)]),
    "7 days and a millisecond": (WINDOW, [(1, -168 - MS, -167, 30.0)]),
    "exactly 30 days": (WINDOW, [(1, -720, -719, 30.0)]),
    "30 days and a millisecond": (WINDOW, [(1, -720 - MS, -719, 30.0)]),
    "the same day a week ago, earlier than this hour": (
        "the unit of the window: 7 times 24 hours, no calendar days",
        [(1, -179.5, -179, 30.0)],
    ),
    "exactly a week, in which clocks go forward": (
        "the clock: UTC throughout. Local time has a day of 23 hours in spring",
        [(1, -168, -167, 30.0)],
    ),
    "eight orders in a week": (
        "what a window is: hours, not a number of rows",
        [(k, -10 * k, 1 - 10 * k, 10.0 * k) for k in range(1, 9)],
    ),
    "orders of months ago": (
        "what a window is: hours, not a number of rows",
        [(k, -1000 * k, 1 - 1000 * k, 10.0 * k) for k in range(1, 4)],
    ),
    "two orders in the same millisecond": (
        "ties: both orders count",
        [(1, -30, -29, 20.0), (2, -30, -29, 70.0)],
    ),
    "a row twice": (TWICE, [(1, -30, -29, 20.0), (1, -30, -29, 20.0), (2, -300, -299, 50.0)]),
    "an order that arrives again, unchanged": (
        TWICE,
        [(1, -30, -29, 20.0), (1, -30, -20, 20.0), (2, -300, -299, 50.0)],
    ),
    "an amount that is corrected before the decision": (VERSION, [(1, -30, -29, 20.0), (1, -30, -20, 12.0)]),
    "an amount that is corrected after the decision": (VERSION, [(1, -30, -29, 20.0), (1, -30, 8, 12.0)]),
    "an amount that is corrected in the millisecond of the decision": (
        MOMENT,
        [(1, -30, -29, 20.0), (1, -30, 0, 12.0)],
    ),
    "corrected once before and once after": (
        VERSION,
        [(1, -30, -29, 20.0), (1, -30, -20, 12.0), (1, -30, 9, 5.0)],
    ),
    "an amount that is still missing": (
        "missing amounts: they do not count as 0, and the order counts all the same",
        [(1, -30, -29, np.nan), (1, -30, 6, 33.0), (2, -40, -39, 50.0)],
    ),
    "an amount that was missing at first": (VERSION, [(1, -30, -29, np.nan), (1, -30, -6, 33.0)]),
    "no amount at all": (
        "missing amounts: they do not count as 0, and the order counts all the same",
        [(1, -30, -29, np.nan)],
    ),
    "no history": ("customers without history: counts of 0, the rest missing", []),
}


def agree(got, wanted, case, look_at, why):
    """Each column in turn, so that the message names the column and how it is off."""
    for name in wanted.columns:
        left, right = got[name].to_numpy(dtype=float), wanted[name].to_numpy(dtype=float)
        off = ~np.isclose(left, right, rtol=1e-6, atol=1e-6, equal_nan=True)
        kinds = {
            "missing": np.isnan(left) & off,
            "not missing": np.isnan(right) & off,
            "too high": (left > right) & off,
            "too low": (left < right) & off,
        }
        how = ", ".join(f"{kind} in {rows.sum()}" for kind, rows in kinds.items() if rows.any())
        expect.true(
            not off.any(),
            got=f"values that are off: {how}",
            expected="the values that the four rules give",
            what=f"column {name} of order_history ({how or 'right'}, of {len(off)} rows), {case}",
            why=why,
            look_at=look_at[name] if isinstance(look_at, dict) else look_at,
        )


def slow(t, customer, versions):
    """The features of one decision, by reading row after row, in the order of arrival."""
    known = {}
    for row in versions:
        if row.customer_id == customer and row.placed_at < t and row.arrived_at < t:
            known[row.order_id] = row
    recent = [row for row in known.values() if row.placed_at >= t - pd.Timedelta(days=30)]
    week = [row for row in recent if row.placed_at >= t - pd.Timedelta(days=7)]
    amounts = [row.amount for row in recent if row.amount == row.amount]
    last = max((row.placed_at for row in known.values()), default=None)
    return [
        len(week),
        len(recent),
        np.nan if last is None else (t - last) / pd.Timedelta(hours=1),
        np.mean(amounts) if amounts else np.nan,
    ]


def expected(asked, rows):
    versions = list(rows.sort_values("arrived_at").itertuples())
    found = [slow(d.placed_at, d.customer_id, versions) for d in asked.itertuples()]
    return pd.DataFrame(found, columns=COLUMNS).astype(float)


def shuffled(frame):
    frame = frame.iloc[rng.permutation(len(frame))]
    return frame.set_axis(rng.permutation(5 * len(frame))[: len(frame)], axis=0)


rows, asked, bought = [], [], int(rng.integers(1000, 9000))
for place, (_, entries) in enumerate(CASES.values()):
    minute = pd.Timedelta(minutes=int(rng.integers(1440)))
    t = pd.Timestamp("2025-06-01 12:00") + pd.Timedelta(days=int(rng.integers(60)))
    t = t if "same day" in list(CASES)[place] else t + minute
    t = pd.Timestamp("2025-04-02 12:00") if "clocks" in list(CASES)[place] else t
    for order, happened, came, amount in entries:
        moments = [(t + pd.Timedelta(milliseconds=round(3_600_000 * h))) for h in (happened, came)]
        rows.append([bought + 20 * place + order, 500 + place, *moments, amount])
    asked.append([bought + 20 * place, 500 + place, t])
    if place % 2:  # a past decision: its own order has arrived since
        rows.append([*asked[-1], t + pd.Timedelta(seconds=2), 99.0])
orders, asked = table(rows, FIELDS), table(asked, FIELDS[:3]).assign(amount=99.0)
wanted = expected(asked, orders)
mixed, mixed_asked = shuffled(orders), shuffled(asked)
with expect.unchanged(
    mixed,
    mixed_asked,
    what="the frames given to order_history",
    why="part 2 reads the same frames afterwards",
    look_at="assignments into an argument; work on a copy",
):
    got = order_history(mixed_asked, mixed)
got = numbers(got, asked["order_id"])
for place, (name, (look_at, _)) in enumerate(CASES.items()):
    agree(
        got[place : place + 1],
        wanted[place : place + 1],
        f"hidden case: {name}",
        look_at,
        "only rows that arrived strictly before the decision were known, each order once, in its latest known version",
    )
for _ in range(2):  # half a day is the grid of all times, so that boundaries are met often
    half_days = rng.integers(0, 90, 70)
    orders = pd.DataFrame({"order_id": np.arange(70) + bought, "customer_id": rng.integers(1, 5, 70)})
    orders["placed_at"] = pd.Timestamp("2025-02-01") + pd.to_timedelta(12 * half_days, unit="h")
    orders["arrived_at"] = orders["placed_at"] + pd.to_timedelta(
        rng.choice([0, 12, 24, 96, 200], 70), unit="h"
    )
    orders["amount"] = rng.uniform(5, 200, 70).round(2)
    again = orders[rng.random(70) < 0.4]
    later = again["arrived_at"] + pd.to_timedelta(rng.choice([12, 48, 300], len(again)), unit="h")
    again = again.assign(arrived_at=later, amount=(again["amount"] * 0.5).round(2))
    orders["amount"] = orders["amount"].mask(orders["order_id"].isin(again["order_id"][::3]))
    orders = table(pd.concat([orders, again, orders[:9]]).to_numpy(), FIELDS).astype(
        {"order_id": "int64", "customer_id": "int64", "amount": "float64"}
    )
    asked = orders[:70].drop(columns="arrived_at").sample(40, random_state=int(rng.integers(2**31)))
    agree(
        numbers(order_history(asked, shuffled(orders)), asked["order_id"]),
        expected(asked, orders),
        "40 hidden decisions, with 70 orders in many versions on a grid of half days",
        "this column's rule, and both clocks of each row that it uses",
        "it must agree with a slow reading of the four rules, row after row",
    )
### END HIDDEN TESTS

# %% [markdown]
# **The test of a colleague who cannot read your code.** Change, add and delete whatever the database could not have held at `t`: nothing in the row of that decision may move.
# Change one row that it did hold: something must. That is the next test; try it yourself first.


# %% test="no_future" of="order_history" points=2
import numpy as np
import pandas as pd
from grader import expect

COLUMNS = ["orders_7d", "orders_30d", "hours_since_last", "mean_amount_30d"]
FIELDS = ["order_id", "customer_id", "placed_at", "arrived_at", "amount"]


def numbers(got, ids):
    """The columns as floats, one row for each asked order."""
    rows, goal = got["order_id"].tolist(), list(ids)
    expect.true(
        sorted(rows) == sorted(goal),
        got="other orders, or some of them twice",
        expected="each order of `decisions` once",
        what=f"column order_id of order_history ({len(set(goal) - set(rows))} decisions missing, {len(rows)} rows for {len(goal)})",
        why="each decision has one row, also that of a customer without any history",
        look_at="a join or a groupby that drops decisions or makes more of them",
    )
    got = got.set_index("order_id").loc[goal, COLUMNS].reset_index(drop=True)
    return got.apply(pd.to_numeric, errors="coerce").astype("Float64").astype("float64")


def table(rows):
    return pd.DataFrame(rows, columns=FIELDS).astype(
        {"placed_at": "datetime64[ms]", "arrived_at": "datetime64[ms]"}
    )


past = [[11, 1, "2025-03-18 12:00", "2025-03-18 12:01", 40.0]]
future = [
    [11, 1, "2025-03-18 12:00", "2025-03-25 12:00", 4.0],
    [12, 1, "2025-03-19 12:00", "2025-03-20 12:01", 90.0],
]
asked = table([[14, 1, "2025-03-20 12:00", "2025-03-20 12:00", 99.0]]).drop(columns="arrived_at")
expect.same_frame(
    numbers(order_history(asked, table(past + future)), [14]),
    numbers(order_history(asked, table(past)), [14]),
    tolerance=1e-6,
    what="order_history of a decision of 20 March, noon, after two rows were added that arrived later",
    why="the database did not hold them at that moment",
    look_at="arrived_at of each row that you use",
)
expect.close(
    numbers(order_history(asked, table([[*past[0][:4], 80.0]])), [14])["mean_amount_30d"].to_numpy(),
    [80.0],
    what="mean_amount_30d, after the amount of the only known order was changed from 40 to 80",
    why="it was known, so it counts",
    look_at="whether your features come from the rows at all",
)
### BEGIN HIDDEN TESTS


def agree(got, wanted, case, look_at, why):
    """Each column in turn, so that the message names the column that moved."""
    for name in wanted.columns:
        left, right = got[name].to_numpy(dtype=float), wanted[name].to_numpy(dtype=float)
        off = ~np.isclose(left, right, rtol=1e-6, atol=1e-6, equal_nan=True)
        expect.true(
            not off.any(),
            got=f"other values in {off.sum()} of {len(off)} rows",
            expected="the values that the same rows gave before",
            what=f"column {name} of order_history (moved in {off.sum()} of {len(off)} rows), {case}",
            why=why,
            look_at=look_at,
        )


rng = expect.rng()
size = 1000  # orders in 45 days
orders = pd.DataFrame({"order_id": np.arange(size) + 5000, "customer_id": rng.integers(20, 220, size)})
placed = np.sort(rng.integers(0, 45 * 86_400_000, size))
orders["placed_at"] = pd.Timestamp("2025-02-01").as_unit("ms") + pd.to_timedelta(placed, unit="ms")
orders["arrived_at"] = orders["placed_at"] + pd.to_timedelta(rng.integers(1000, 9000, size), unit="ms")
orders["amount"] = rng.uniform(5, 200, size).round(2)
late = rng.random(len(orders)) < 0.25  # a quarter comes in the file of next morning
orders["arrived_at"] = orders["arrived_at"].mask(
    late, orders["placed_at"].dt.ceil("D") + pd.Timedelta(hours=5)
)
again = orders[rng.random(len(orders)) < 0.2]
delay = pd.to_timedelta(rng.integers(3_600_000, 400 * 3_600_000, len(again)), unit="ms")
again = again.assign(arrived_at=again["arrived_at"] + delay, amount=(again["amount"] * 0.6).round(2))
orders = table(pd.concat([orders, again]).to_numpy()).astype(
    {"order_id": "int64", "customer_id": "int64", "amount": "float64"}
)
first = orders.drop_duplicates("order_id")
active = first["customer_id"].map(first["customer_id"].value_counts())
late_orders = first[(active > 3) & (first["placed_at"] > first["placed_at"].quantile(0.6))]
decisions = late_orders.sample(60, random_state=int(rng.integers(2**31))).sort_values("placed_at")
newcomer = decisions[:1].assign(order_id=1, customer_id=1)  # no history, and an order in the future
decisions = pd.concat([newcomer, decisions])
cut = decisions["placed_at"].iloc[30]
later = newcomer.assign(
    order_id=2, placed_at=cut + pd.Timedelta(days=1), arrived_at=cut + pd.Timedelta(days=2)
)
orders = pd.concat([orders, table(later.to_numpy()).astype(orders.dtypes)], ignore_index=True)
ids = decisions["order_id"].tolist()
before = numbers(order_history(decisions.drop(columns="arrived_at"), orders), ids)


def is_future(t):
    return (orders["placed_at"] >= t) | (orders["arrived_at"] >= t)


early, moved = decisions[:30], orders[is_future(cut)]
for name, changed in {
    "deleted": orders[~is_future(cut)],
    "changed": orders.assign(amount=orders["amount"].mask(is_future(cut), 9999.0)),
    "given to other customers": orders.assign(
        customer_id=orders["customer_id"].mask(is_future(cut), decisions["customer_id"].iloc[0])
    ),
    "added once more": pd.concat([orders, moved.assign(order_id=moved["order_id"] + 7)]),
    "put first, and everything shuffled": pd.concat([moved, orders[~is_future(cut)]]).sample(
        frac=1, random_state=3
    ),
}.items():
    agree(
        numbers(order_history(early.drop(columns="arrived_at"), changed), ids[:30]),
        before[:30],
        f"decisions before a moment, with all rows that arrived or happened from then on {name}",
        "each join: both clocks of the row, against the moment of the decision",
        "the database did not hold them when these decisions were made",
    )
for place in range(0, 60, 12):  # each decision has a future of its own
    one = decisions[place : place + 1]
    held = orders[~is_future(one["placed_at"].iloc[0])]
    agree(
        numbers(order_history(one.drop(columns="arrived_at"), held), ids[place : place + 1]),
        before[place : place + 1],
        "one decision, with nothing but the rows that had arrived by then",
        "rows that are used for a decision of the past and will not be there for a live one",
        "that is what the live service will have, and training must give the model the same",
    )
whole = before["orders_7d"].sum(), before["orders_30d"].sum()
known = orders.merge(decisions[["customer_id", "placed_at"]], on="customer_id", suffixes=("", "_of_decision"))
known = known[known["arrived_at"] < known["placed_at_of_decision"]]
doubled = orders.assign(
    amount=orders["amount"] * np.where(orders["order_id"].isin(known["order_id"]), 2.0, 1.0)
)
agree(
    numbers(order_history(decisions.drop(columns="arrived_at"), doubled), ids)[["mean_amount_30d"]],
    2 * before[["mean_amount_30d"]],
    "against twice its value, after all amounts that were known at some decision were doubled",
    "whether a known order can be missing from your mean",
    "what was known must count",
)
expect.true(
    bool(whole[0] > 0 and whole[1] > whole[0]),
    got=f"sums {whole[0]:g} and {whole[1]:g}",
    expected="orders in both windows, more in the longer one",
    what="orders_7d and orders_30d of 60 decisions on customers with four orders or more",
    why="a feature that never moves cannot leak, and cannot help",
    look_at="whether the counts come from the rows",
)
### END HIDDEN TESTS

# %% [markdown]
# ## 2. What the chargebacks had told
#
# Write `risk_history(decisions, orders, chargebacks)`.
#
# In: `decisions` and `orders` as before, both with `card_country` and `ship_country`; `chargebacks` with `order_id`, `reported_at`, `arrived_at`. A file
# may be sent twice, at once or weeks later, so one order's chargeback may be there twice; its first arrival counts. Out: a DataFrame with one row for each decision, `order_id` and
#
# | column | value: number of |
# | --- | --- |
# | `customer_chargebacks` | orders of the same customer whose chargeback is known at `t`, ripe or not |
# | `corridor_ripe` | orders of the same corridor (`card_country` **and** `ship_country`) that are ripe at `t` |
# | `corridor_frauds` | those among the ripe ones whose chargeback is known at `t` |
#
# All are 0 where there is nothing. Why not count all frauds of the corridor that are known, over all its orders? Because fresh orders have had no time to be reported:
# the share would be too low, and lowest where business grows. And why not over the orders whose label is known? Because of fresh orders only the frauds
# have a label.


# %% answer="risk_history"
def risk_history(decisions, orders, chargebacks):
    """What was known of frauds, of the customer and of the corridor, when each decision was made.

    decisions: DataFrame with order_id, customer_id, card_country, ship_country, placed_at (the moment of the decision).
    orders: DataFrame with these columns and arrived_at; all versions.
    chargebacks: DataFrame with order_id, reported_at, arrived_at; perhaps some twice.
    Returns a DataFrame, one row for each decision: order_id, customer_chargebacks, corridor_ripe, corridor_frauds.
    """
    ### BEGIN SOLUTION
    return duckdb.sql(f"""
        with known as (
            select order_id, customer_id, card_country, ship_country, placed_at, min(arrived_at) as known_from
            from orders group by all
        ),
        charged as (select order_id, min(arrived_at) as charged_from from chargebacks group by all),
        facts as (  -- from when on an order counts as ripe
            select *, greatest(known_from, placed_at + interval {RIPE.days} day) as ripe_from
            from known left join charged using (order_id)
        ),
        steps as (
            select card_country, ship_country, ripe_from as moment, 1 as ripe, 0 as fraud from facts
            union all
            select card_country, ship_country, greatest(ripe_from, charged_from), 0, 1
            from facts where charged_from is not null
        ),
        corridors as (  -- running counts; rows of one moment share their sum
            select card_country, ship_country, moment, sum(ripe) over past as ripe, sum(fraud) over past as frauds
            from steps window past as (partition by card_country, ship_country order by moment)
        ),
        customers as (
            select customer_id, greatest(known_from, charged_from) as moment,
                   count(*) over (partition by customer_id order by moment) as charged
            from facts where charged_from is not null
        )
        select d.order_id, coalesce(u.charged, 0) as customer_chargebacks,
               coalesce(c.ripe, 0)::bigint as corridor_ripe, coalesce(c.frauds, 0)::bigint as corridor_frauds
        from decisions d
        asof left join corridors c
            on c.card_country = d.card_country and c.ship_country = d.ship_country and d.placed_at > c.moment
        asof left join customers u on u.customer_id = d.customer_id and d.placed_at > u.moment
    """).df()
    ### END SOLUTION


# %% test="chargebacks_by_then" of="risk_history" points=4
import numpy as np
import pandas as pd
from grader import expect

COLUMNS = ["customer_chargebacks", "corridor_ripe", "corridor_frauds"]
FIELDS = ["order_id", "customer_id", "card_country", "ship_country", "placed_at", "arrived_at"]
REPORTS = ["order_id", "reported_at", "arrived_at"]


def table(rows, columns):
    frame = pd.DataFrame(rows, columns=columns)
    kinds = {name: "datetime64[ms]" if name.endswith("_at") else "int64" for name in columns}
    return frame.astype({name: "str" if name.endswith("country") else kinds[name] for name in columns})


def numbers(got, asked):
    """The columns as floats, one row for each asked order, whatever their order and dtypes were."""
    expect.true(
        isinstance(got, pd.DataFrame) and {"order_id", *COLUMNS} <= set(got.columns),
        got=f"columns {sorted(map(str, got.columns))}"
        if isinstance(got, pd.DataFrame)
        else type(got).__name__,
        expected="a DataFrame with these four columns",
        what="risk_history",
        why="the model reads its features by name",
        look_at="what you return (a DuckDB relation becomes a frame by .df()), and the table of columns",
    )
    rows, goal = got["order_id"].tolist(), asked.tolist()
    expect.true(
        sorted(rows) == sorted(goal),
        got="other orders, or some of them twice",
        expected="each order of `decisions` once",
        what=f"column order_id of risk_history ({len(set(goal) - set(rows))} decisions missing, {len(rows)} rows for {len(goal)})",
        why="each decision has one row, also on a corridor that is new",
        look_at="a join or a groupby that drops decisions or makes more of them",
    )
    got = got.set_index("order_id").loc[goal, COLUMNS]
    return (
        got.apply(pd.to_numeric, errors="coerce").astype("Float64").astype("float64").reset_index(drop=True)
    )


past = table(
    [
        [11, 1, "DE", "DE", "2025-01-02", "2025-01-02 00:01"],
        [12, 2, "DE", "DE", "2025-01-05", "2025-01-05 00:01"],
        [13, 1, "DE", "FR", "2025-02-20", "2025-02-20 00:01"],
        [14, 3, "DE", "DE", "2025-03-01", "2025-03-01 00:01"],
    ],
    FIELDS,
)
files = table(
    [[12, "2025-02-18", "2025-02-24 06:00"], [13, "2025-03-27", "2025-03-31 06:00"]],
    REPORTS,
)
asked = past.drop(columns="arrived_at").assign(placed_at=pd.Timestamp("2025-04-01").as_unit("ms"))
asked = asked[:3].assign(order_id=[21, 22, 23])
expect.same_frame(
    numbers(risk_history(asked, past, files), asked["order_id"]),
    pd.DataFrame([[1, 2, 1], [1, 2, 1], [1, 0, 0]], columns=COLUMNS).astype(float),
    what="risk_history of three orders of 1 April",
    why="two orders from DE to DE are ripe and one of them was charged back; the order from DE to FR was charged back, and is not ripe",
    look_at="rule 4, and which counts are of the customer and which of the corridor",
)
### BEGIN HIDDEN TESTS
rng = expect.rng()
MS = 1 / 86_400_000  # of a day
RIPENESS = "rule 4: an order is ripe if it was placed strictly before t - 67 days"
FRESH = "the orders that the corridor counts: ripe ones only, above and below the line, whatever is known of others"
FILE = "the chargeback's arrival: what the bank had reported and our database did not hold was not known"
MOMENT = "< and <= at the moment of the decision"
TWICE = "how often an order counts: a version or a chargeback that came twice makes no second order"
AGAIN = "which arrival counts of a chargeback that came twice: the first"
OWN = "the order itself: its own chargeback is what the model shall predict"
ALL = "the last join: a decision without a chargeback, or without a history, has zeros"
# name: (what to look at, orders as customer, corridor, days to placed_at, days to the arrival of the chargeback or None)
CASES = {
    "one honest order that is ripe, in two versions": (
        "what the corridor counts: each ripe order once, in whatever number of versions",
        [(1, 0, -80, None)],
    ),
    "63 days": ("rule 4: 60 days for the report, 7 for the file", [(1, 0, -63, None)]),
    "exactly 67 days": (RIPENESS, [(1, 0, -67, None)]),
    "67 days and a millisecond": (RIPENESS, [(1, 0, -67 - MS, None)]),
    "fresh orders, none charged back": (FRESH, [(1, 0, -k, None) for k in (3, 20, 50)] + [(1, 0, -90, -40)]),
    "a fraud reported early": (FRESH, [(1, 0, -40, -5), (1, 0, -80, None)]),
    "a fraud that is ripe": (FRESH, [(1, 0, -90, -30), (1, 0, -80, None)]),
    "reported before, arrived after": (FILE, [(0, 0, -50, 2), (0, 0, -75, 2.5), (1, 0, -80, None)]),
    "a file that arrives in the millisecond of the decision": (MOMENT, [(0, 0, -50, 0), (1, 0, -75, 0)]),
    "a file that arrives a millisecond before": (MOMENT, [(0, 0, -50, -MS), (1, 0, -75, -MS)]),
    "the order itself is a fraud": (OWN, [(0, 0, 0, 40), (1, 0, -80, None)]),
    "a later order of the customer is a fraud": (OWN, [(0, 0, 3, 40), (0, 0, 2, 50), (0, 0, -3, 30)]),
    "another card, the same country of delivery": (
        "the corridor: both countries",
        [(1, 1, -80, -30), (1, 0, -90, None)],
    ),
    "the same card, another country of delivery": (
        "the corridor: both countries",
        [(1, 2, -80, -30), (1, 0, -90, None)],
    ),
    "the customer's fraud on another corridor": (
        "which count is of the customer and which of the corridor",
        [(0, 2, -80, -30)],
    ),
    "a chargeback that is there twice": (TWICE, [(0, 0, -80, -30), (0, 0, -80, -20)]),
    "a chargeback that arrives again after the decision": (AGAIN, [(0, 0, -80, -30), (0, 0, -80, 5)]),
    "three frauds in one file": (
        "ties: all rows of one moment count",
        [(0, 0, -80, -30), (1, 0, -81, -30), (0, 0, -82, -30)],
    ),
    "three orders that ripen in one millisecond": (
        "ties: all rows of one moment count",
        [(k, 0, -67.5, None) for k in (0, 1, 2)],
    ),
    "no history": (ALL, []),
    "a new corridor of an old customer": (ALL, [(0, 2, -80, None)]),
}


def agree(got, wanted, case, look_at, why):
    """Each column in turn, so that the message names the column and how it is off."""
    for name in wanted.columns:
        left, right = got[name].to_numpy(dtype=float), wanted[name].to_numpy(dtype=float)
        off = ~np.isclose(left, right, rtol=1e-6, atol=1e-6, equal_nan=True)
        kinds = {
            "missing": np.isnan(left) & off,
            "not missing": np.isnan(right) & off,
            "too high": (left > right) & off,
            "too low": (left < right) & off,
        }
        how = ", ".join(f"{kind} in {rows.sum()}" for kind, rows in kinds.items() if rows.any())
        expect.true(
            not off.any(),
            got=f"values that are off: {how}",
            expected="the values that the four rules give",
            what=f"column {name} of risk_history ({how or 'right'}, of {len(off)} rows), {case}",
            why=why,
            look_at=look_at[name] if isinstance(look_at, dict) else look_at,
        )


def slow(d, once, charged):
    """The counts of one decision, by reading order after order. charged: order to first arrival."""
    t = d.placed_at
    known = [order for order in once if order.placed_at < t and order.arrived_at < t]
    fraud = {order.order_id for order in known if order.order_id in charged and charged[order.order_id] < t}
    mine = [order.order_id for order in known if order.customer_id == d.customer_id]
    lane = (d.card_country, d.ship_country)
    ripe = [
        order.order_id
        for order in known
        if (order.card_country, order.ship_country) == lane and order.placed_at < t - pd.Timedelta(days=67)
    ]
    return [sum(o in fraud for o in mine), len(ripe), sum(o in fraud for o in ripe)]


def expected(asked, rows, files):
    once = list(rows.sort_values("arrived_at").drop_duplicates("order_id").itertuples())
    charged = files.groupby("order_id")["arrived_at"].min().to_dict()
    return pd.DataFrame([slow(d, once, charged) for d in asked.itertuples()], columns=COLUMNS).astype(float)


def shuffled(frame):
    frame = frame.iloc[rng.permutation(len(frame))]
    return frame.set_axis(rng.permutation(5 * len(frame))[: len(frame)], axis=0)


rows, reports, asked, bought = [], [], [], int(rng.integers(1000, 9000))
for place, (name, (_, entries)) in enumerate(CASES.items()):
    t = pd.Timestamp("2025-06-01") + pd.Timedelta(minutes=int(rng.integers(90_000)))
    lanes = [(f"A{place}", f"S{place}"), (f"B{place}", f"S{place}"), (f"A{place}", f"R{place}")]
    number = bought + 20 * place
    for k, (customer, lane, days, charged) in enumerate(entries, start=1):
        moment = t + pd.Timedelta(milliseconds=round(86_400_000 * days))
        number_k = number if days == 0 else number + (1 if name.startswith("a chargeback that") else k)
        for delay in (2, 9000):  # seconds; each order has two versions
            arrived = moment + pd.Timedelta(seconds=delay)
            rows.append([number_k, 500 + 5 * place + customer, *lanes[lane], moment, arrived])
        if charged is not None:
            came = t + pd.Timedelta(milliseconds=round(86_400_000 * charged))
            reports.append([number_k, came - pd.Timedelta(days=4), came])
    asked.append([number, 500 + 5 * place, *lanes[0], t])
orders, files, asked = table(rows, FIELDS), table(reports, REPORTS), table(asked, FIELDS[:5])
wanted = expected(asked, orders, files)
mixed = shuffled(asked), shuffled(orders), shuffled(files)
with expect.unchanged(
    *mixed,
    what="the frames given to risk_history",
    why="the next part reads the same frames",
    look_at="assignments into an argument; work on a copy",
):
    got = risk_history(*mixed)
got = numbers(got, asked["order_id"])
for place, (name, (look_at, _)) in enumerate(CASES.items()):
    agree(
        got[place : place + 1],
        wanted[place : place + 1],
        f"hidden case: {name}",
        look_at,
        "a chargeback counts from its first arrival on, a corridor's order when it is ripe, and each order once",
    )
for _ in range(2):  # days are the grid of all times, so that boundaries are met often
    size = 160
    orders = pd.DataFrame({"order_id": np.arange(size) + bought, "customer_id": rng.integers(1, 9, size)})
    orders["card_country"] = rng.choice(["DE", "FR", "US"], size)
    orders["ship_country"] = rng.choice(["DE", "FR"], size)
    orders["placed_at"] = pd.Timestamp("2025-02-01") + pd.to_timedelta(rng.integers(0, 150, size), unit="D")
    delay = rng.choice([0, 1, 2], size)
    orders["arrived_at"] = orders["placed_at"] + pd.to_timedelta(delay, unit="D")
    fraud = orders[rng.random(size) < 0.4]
    files = fraud[["order_id", "placed_at"]].assign(
        wait=rng.integers(5, 67, len(fraud)) + 20 * (rng.random(len(fraud)) < 0.1)
    )
    files["arrived_at"] = files["placed_at"] + pd.to_timedelta(files["wait"], unit="D")
    files["reported_at"] = files["arrived_at"] - pd.Timedelta(days=2)
    again = files[:9].assign(arrived_at=files["arrived_at"][:9] + pd.to_timedelta([0, 20, 40] * 3, unit="D"))
    files = table(pd.concat([files, again])[REPORTS].to_numpy(), REPORTS)
    orders = table(pd.concat([orders, orders[:9]])[FIELDS].to_numpy(), FIELDS)
    asked = orders[:size].drop(columns="arrived_at").sample(50, random_state=int(rng.integers(2**31)))
    agree(
        numbers(risk_history(asked, shuffled(orders), shuffled(files)), asked["order_id"]),
        expected(asked, orders, files),
        "50 hidden decisions, with 160 orders and many chargebacks on a grid of days",
        "this column's rule, and the arrival of each row that it uses, of both tables",
        "it must agree with a slow reading of the four rules, row after row",
    )
    t = asked["placed_at"].median()
    early = asked[asked["placed_at"] <= t]
    agree(
        numbers(
            risk_history(early, orders[orders["arrived_at"] < t], files[files["arrived_at"] < t]),
            early["order_id"],
        ),
        expected(early, orders, files),
        "the earlier of these decisions, with all rows deleted that arrived after them",
        "rows that are used for a decision of the past and will not be there for a live one",
        "the live service will have nothing else, and training must give the model the same",
    )
### END HIDDEN TESTS

# %% [markdown]
# ## 3. What we know of the labels
#
# Write `known_labels(orders, chargebacks, at)`: the state of all labels at one moment `at` (a `pd.Timestamp`).
#
# Out: a DataFrame with one row for each order that is known at `at` (rule 1), with `order_id` and `is_fraud`: 1 if its chargeback is known at `at`, ripe or not; else 0 if the
# order is ripe at `at`; else missing. True and False are as good as 1 and 0.


# %% answer="known_labels"
def known_labels(orders, chargebacks, at):
    """The labels as known at one moment.

    orders: DataFrame with order_id, placed_at, arrived_at; all versions.
    chargebacks: DataFrame with order_id, reported_at, arrived_at; perhaps some twice.
    at: pd.Timestamp, UTC without a zone.
    Returns a DataFrame, one row for each order known at `at`: order_id, is_fraud (1, 0 or missing).
    """
    ### BEGIN SOLUTION
    known = orders[orders["arrived_at"] < at].drop_duplicates("order_id")
    charged = known["order_id"].isin(chargebacks.loc[chargebacks["arrived_at"] < at, "order_id"])
    ripe = known["placed_at"] < at - RIPE
    label = np.select([charged, ripe], [1.0, 0.0], np.nan)
    return pd.DataFrame({"order_id": known["order_id"].to_numpy(), "is_fraud": label})
    ### END SOLUTION


# %% test="labels" of="known_labels" points=2
import numpy as np
import pandas as pd
from grader import expect


def table(rows, columns):
    frame = pd.DataFrame(rows, columns=columns)
    return frame.astype({name: "datetime64[ms]" for name in columns if name.endswith("_at")})


def labels(got):
    """A frame of order_id and is_fraud as float, sorted."""
    expect.true(
        isinstance(got, pd.DataFrame) and {"order_id", "is_fraud"} <= set(got.columns),
        got=f"columns {sorted(map(str, got.columns))}"
        if isinstance(got, pd.DataFrame)
        else type(got).__name__,
        expected="a DataFrame with order_id and is_fraud",
        what="known_labels",
        why="the next step joins on order_id",
        look_at="what you return",
    )
    values = [
        float(v) if v in (0, 1) else np.nan
        for v in got["is_fraud"].astype(object).where(got["is_fraud"].notna(), None)
    ]
    order = got["order_id"].to_numpy(dtype=float)
    return pd.DataFrame({"order_id": order, "is_fraud": values}).sort_values("order_id", ignore_index=True)


ORDERS, FILES = ["order_id", "placed_at", "arrived_at"], ["order_id", "reported_at", "arrived_at"]
past = table(
    [
        [1, "2025-01-02", "2025-01-02 00:01"],
        [2, "2025-01-03", "2025-01-03 00:01"],
        [3, "2025-03-20", "2025-03-20 00:01"],
        [4, "2025-03-31", "2025-04-02 05:00"],
    ],
    ORDERS,
)
files = table([[2, "2025-02-20", "2025-02-24 06:00"]], FILES)
expect.same_frame(
    labels(known_labels(past, files, pd.Timestamp("2025-04-01"))),
    pd.DataFrame({"order_id": [1.0, 2.0, 3.0], "is_fraud": [0.0, 1.0, np.nan]}),
    what="known_labels on 1 April, of two orders of January, one of 20 March and one that arrived on 2 April",
    why="nobody can say yet of the order of 20 March; the one of 31 March was not there",
    look_at="the three cases of a label, and arrived_at of the orders",
)
### BEGIN HIDDEN TESTS
rng = expect.rng()
at = pd.Timestamp("2025-05-01") + pd.Timedelta(minutes=int(rng.integers(90_000)))
MS = 1 / 86_400_000
FRESH = "orders that are not ripe: without a chargeback nothing is known of them, neither fraud nor honest"
FILE = "the chargeback's own arrival: reported is not known, and `at` is a moment in the past"
# name: (what to look at, days from `at` to placed_at, to the order's arrival, to the chargeback's arrival or None)
CASES = {
    "fresh, nothing heard": (FRESH, -30, -29, None),
    "fresh, charged back": ("chargebacks of fresh orders: what has arrived is known", -30, -29, -3),
    "ripe, nothing heard": ("ripe orders without a chargeback: they count as honest", -90, -89, None),
    "ripe, charged back": (FILE, -90, -89, -40),
    "fresh, reported but not arrived": (FILE, -40, -39, 1),
    "ripe, its file is late": (FILE, -80, -79, 1),
    "exactly 67 days": ("rule 4: strictly before at - 67 days", -67, -66, None),
    "67 days and a millisecond": ("rule 4: strictly before at - 67 days", -67 - MS, -66, None),
    "63 days": ("rule 4: 60 days for the report, 7 for the file", -63, -62, None),
    "the file arrives in this millisecond": (FILE, -50, -49, 0),
    "the file arrived a millisecond ago": (FILE, -50, -49, -MS),
    "charged back, and the file is sent again after this moment": (
        "which arrival counts of a chargeback that came twice: the first",
        -50,
        -49,
        -3,
    ),
}
ABSENT = {
    "order placed later": (2, 3),
    "order not arrived": (-1, 1),
    "order arrives in this millisecond": (-1, 0),
}
rows, reports, wanted = [], [], []
for place, (name, (_, placed, arrived, charged)) in enumerate(CASES.items()):
    for delay in (0, 1, 1):  # versions, one of them twice
        rows.append([100 + place, placed, arrived + delay * min(1, -arrived / 2)])
    if charged is not None:
        reports += [[100 + place, charged - 4, charged]] * (1 + place % 2)
        reports += [[100 + place, charged - 4, charged + 9]] * ("sent again" in name)
    label = 1.0 if charged is not None and charged < 0 else (0.0 if placed < -67 else np.nan)
    wanted.append([100.0 + place, label])
rows += [[300 + place, *days] for place, days in enumerate(ABSENT.values())]


def moments(rows, columns):
    frame = pd.DataFrame(rows, columns=columns)
    for name in columns[1:]:
        frame[name] = at + pd.to_timedelta((frame[name] * 86_400_000).round().astype("int64"), unit="ms")
    frame = table(frame.to_numpy(), columns).astype({"order_id": "int64"})
    frame = frame.iloc[rng.permutation(len(frame))]
    return frame.set_axis(rng.permutation(5 * len(frame))[: len(frame)], axis=0)


orders, files = moments(rows, ORDERS), moments(reports, FILES)
with expect.unchanged(
    orders,
    files,
    what="the frames given to known_labels",
    why="the next part reads the same frames",
    look_at="assignments into an argument; work on a copy",
):
    got = known_labels(orders, files, at)
got = labels(got)
known = {row[0] for row in wanted}
for fault, found, look_at in [
    (
        "an order that is not in the result",
        known - set(got["order_id"]),
        "filters and joins that drop an order: each one that had arrived has a row, with a label or without",
    ),
    (
        "an order that had not arrived",
        set(got["order_id"]) - known,
        "arrived_at of the orders: `at` is a moment in the past, and strictly before it counts",
    ),
    (
        "an order in two rows",
        set(got["order_id"][got["order_id"].duplicated()]),
        "orders in several versions, and chargebacks that came twice",
    ),
]:
    expect.true(
        not found,
        got=fault,
        expected="none",
        what=f"column order_id of known_labels ({len(found)} times {fault}), 15 hidden orders",
        why="each order that had arrived before `at` has one row, and no other order has one",
        look_at=look_at,
    )
said = {0.0: "0", 1.0: "1"}
for place, (name, (look_at, *_)) in enumerate(CASES.items()):
    label = said.get(got["is_fraud"].iloc[place], "missing")
    expect.true(
        label == said.get(wanted[place][1], "missing"),
        got=label,
        expected="what is known of this order at that moment",
        what=f"column is_fraud of known_labels ({label} here), hidden case: {name}",
        why="a label is known when its chargeback has arrived, or when the order is ripe",
        look_at=look_at,
    )
### END HIDDEN TESTS

# %% [markdown]
# ## 4. The training table, and the run that proves it
#
# Write `build_training(orders, chargebacks, since, at, file)`: what a job will do every week. The table is built as of the moment `at`. Both frames may hold rows that arrived at `at` or later,
# as when a table of April is built again in June: none of these counts.
#
# **Rows.** One for each order that was placed at `since` or later and is ripe at `at`; there is at least one. Ripe ones only: among fresh orders only frauds have labels, and a model would learn that
# fresh orders are frauds. Sorted by `placed_at`, and by `order_id` where two orders were placed in the same millisecond.
#
# **Columns.** All columns of `orders` but `arrived_at`, with the values of the order's *first* version, the one that arrived first: that is what stood in the basket when the model was asked. Then
# the seven features of parts 1 and 2, each as known at this order's own `placed_at`, from all orders and files, not only from those of the table's rows. And `is_fraud`, True or False, as known at `at`.
#
# **The run.** Write the table to the Parquet file named by `file` (in the current folder), and log one finished run in this unit's experiment:
#
# | kind | name | value |
# | --- | --- | --- |
# | artifact | the name `file` | the Parquet file (`mlflow.log_artifact`) |
# | params | `since`, `at` | `.isoformat()` of both |
# | param | `ripe_days` | 67, from `RIPE` |
# | param | `as_of_rule` | `AS_OF` |
# | param | `data_sha256` | SHA-256 of the Parquet file's bytes, in hexadecimal |
# | metrics | `rows`, `frauds` | numbers of rows, and of True in `is_fraud` |
# | metrics | `missing_amount`, `missing_hours_since_last`, `missing_mean_amount_30d` | share of the table's rows in which the column is missing, 0 to 1 |
#
# **The same rows in another order give the same file**, byte for byte, or the hash says nothing. So sort the table, and round `mean_amount_30d` to 6 decimals before you write it: the last digit
# of a mean depends on the order in which the amounts were added up.
#
# Returns the table, as it stands in the file.


# %% answer="build_training"
def build_training(orders, chargebacks, since, at, file):
    """Build the training table as of `at`, write it, and log the run.

    orders: DataFrame, all versions: order_id, customer_id, placed_at, arrived_at, card_country, ship_country, amount and more columns.
    chargebacks: DataFrame with order_id, reported_at, arrived_at.
    since, at: pd.Timestamp. file: name of the Parquet file, such as "training.parquet".
    Returns the table as a DataFrame.
    """
    ### BEGIN SOLUTION
    first = orders.sort_values("arrived_at", kind="stable").drop_duplicates("order_id")
    first = first[
        (first["arrived_at"] < at) & (first["placed_at"] >= since) & (first["placed_at"] < at - RIPE)
    ]
    decisions = first.drop(columns="arrived_at").sort_values(["placed_at", "order_id"], ignore_index=True)
    training = decisions
    for features in [
        order_history(decisions, orders),
        risk_history(decisions, orders, chargebacks),
        known_labels(orders, chargebacks, at),
    ]:
        training = training.merge(features, on="order_id", how="left", validate="one_to_one")
    training["mean_amount_30d"] = training["mean_amount_30d"].round(6)
    training["is_fraud"] = training["is_fraud"] == 1
    training.to_parquet(file, index=False)
    with open(file, "rb") as content:
        data_sha256 = hashlib.sha256(content.read()).hexdigest()
    rule = {"since": since.isoformat(), "at": at.isoformat(), "ripe_days": RIPE.days, "as_of_rule": AS_OF}
    counts = {"rows": len(training), "frauds": int(training["is_fraud"].sum())}
    gaps = training[["amount", "hours_since_last", "mean_amount_30d"]].isna().mean()
    with mlflow.start_run(run_name="training table"):
        mlflow.log_params({**rule, "data_sha256": data_sha256})
        mlflow.log_metrics({**counts, **gaps.add_prefix("missing_")})
        mlflow.log_artifact(file)
    return training
    ### END SOLUTION


# %% test="training_run" of="build_training" points=4
import hashlib
import io

import numpy as np
import pandas as pd
from grader import expect

AS_OF = "arrived_at < placed_at of the decision"
RAW = ["order_id", "customer_id", "card_country", "ship_country", "placed_at", "arrived_at", "amount"]


def table(rows, columns):
    frame = pd.DataFrame(rows, columns=columns)
    return frame.astype({name: "datetime64[ms]" for name in columns if name.endswith("_at")})


past = table(
    [
        [1, 7, "DE", "DE", "2025-01-10", "2025-01-10 00:01", 30.0],
        [2, 7, "DE", "DE", "2025-01-12", "2025-01-12 00:01", np.nan],
        [2, 7, "DE", "DE", "2025-01-12", "2025-01-13 00:01", 50.0],
        [3, 8, "DE", "FR", "2025-01-20", "2025-01-20 00:01", 90.0],
        [4, 8, "DE", "FR", "2025-03-01", "2025-03-01 00:01", 60.0],
    ],
    RAW,
)
files = table(
    [[3, "2025-03-05", "2025-03-10 06:00"], [4, "2025-03-25", "2025-03-31 06:00"]],
    ["order_id", "reported_at", "arrived_at"],
)
since, at = pd.Timestamp("2025-01-12"), pd.Timestamp("2025-04-01")
built = build_training(past, files, since, at, "tiny.parquet")
view = expect.run(
    params={
        "since": "2025-01-12T00:00:00",
        "at": "2025-04-01T00:00:00",
        "ripe_days": 67,
        "as_of_rule": AS_OF,
    },
    metrics={
        "rows": 2,
        "frauds": 1,
        "missing_amount": 0.5,
        "missing_hours_since_last": 0.5,
        "missing_mean_amount_30d": 0.5,
    },
    what="the run of build_training, 1 April, of four orders of which 2 and 3 are ripe and not before `since`",
    why="order 2 came without an amount, with order 1 known before it; order 3 was charged back; order 4 is not ripe",
    look_at="the rows of the table, that column in them, and the names in the list of part 4",
)
expect.equal(
    view.params.get("data_sha256"),
    hashlib.sha256(view.artifact("tiny.parquet")).hexdigest(),
    what="the param data_sha256",
    why="whoever finds the file must be able to tell that it is this one",
    look_at="the moment at which you hash: the bytes of the file as it was logged",
)
expect.shape(
    built,
    (2, None),
    what="what build_training returned",
    why="it returns the table, with one row for order 2 and one for order 3",
    look_at="the last line of your function",
)
### BEGIN HIDDEN TESTS
FEATURES = ["orders_7d", "orders_30d", "hours_since_last", "mean_amount_30d"]
FEATURES += ["customer_chargebacks", "corridor_ripe", "corridor_frauds"]
rng = expect.rng()
size = 2200  # orders in 165 days
orders = pd.DataFrame({"order_id": np.arange(size) + int(rng.integers(5000, 9000))})
orders["customer_id"] = np.where(rng.random(size) < 0.3, rng.integers(1, 7, size), rng.integers(7, 900, size))
orders["card_country"] = rng.choice(["DE", "FR", "US"], size, p=[0.6, 0.3, 0.1])
orders["ship_country"] = rng.choice(["DE", "FR"], size)
placed = np.sort(rng.integers(0, 165 * 86_400_000, size))
placed[1::6] = placed[: size - 1 : 6]  # pairs that were placed in the same millisecond
orders["placed_at"] = pd.Timestamp("2025-01-01").as_unit("ms") + pd.to_timedelta(placed, unit="ms")
orders["arrived_at"] = orders["placed_at"] + pd.to_timedelta(rng.integers(1000, 9000, size), unit="ms")
orders["amount"] = rng.uniform(5, 200, size).round(2)
orders["channel"] = rng.choice(["web", "app", "partner"], size)
orders["device_known"] = rng.random(size) < 0.7
late = rng.random(len(orders)) < 0.3
orders["arrived_at"] = orders["arrived_at"].mask(
    late, orders["placed_at"].dt.ceil("D") + pd.Timedelta(hours=5)
)
again = orders[rng.random(len(orders)) < 0.25]
delay = pd.to_timedelta(rng.integers(3_600_000, 600 * 3_600_000, len(again)), unit="ms")
again = again.assign(arrived_at=again["arrived_at"] + delay, amount=(again["amount"] * 0.6).round(2))
orders["amount"] = orders["amount"].mask(orders["order_id"].isin(again["order_id"][::3]))
fraud = orders[["order_id", "placed_at"]][rng.random(len(orders)) < 0.25]
days = rng.uniform(5, 60, len(fraud)), rng.uniform(0, 7, len(fraud))
files = fraud.assign(reported_at=fraud["placed_at"] + pd.to_timedelta(days[0], unit="D").as_unit("ms"))
files["arrived_at"] = files["reported_at"] + pd.to_timedelta(days[1], unit="D").as_unit("ms")
too_late = pd.to_timedelta(40.0 * (rng.random(len(files)) < 0.4), unit="D").as_unit("ms")
files = files.assign(arrived_at=files["arrived_at"] + too_late).drop(columns="placed_at")
resent = files[rng.random(len(files)) < 0.2]
resent = resent.assign(arrived_at=resent["arrived_at"] + pd.Timedelta(days=40))
files = pd.concat([files, resent]).astype({"arrived_at": "datetime64[ms]"})
orders = pd.concat([orders, again, orders[:20]]).astype({"arrived_at": "datetime64[ms]"})
opened = pd.Timestamp("2025-01-01")
at = opened + pd.Timedelta(days=158, minutes=int(rng.integers(1440)))
since = opened + pd.Timedelta(days=75, minutes=int(rng.integers(1440)))
DAY = 86_400_000


def shuffled():
    """Both frames with their rows in another order."""
    frames = [frame.sample(frac=1, random_state=int(rng.integers(2**31))) for frame in (orders, files)]
    return [frame.reset_index(drop=True) for frame in frames]


def clock(moments):
    return ((moments - opened) // pd.Timedelta(milliseconds=1)).tolist()


versions = sorted(
    zip(
        clock(orders["arrived_at"]),
        clock(orders["placed_at"]),
        orders["order_id"].tolist(),
        orders["customer_id"].tolist(),
        (orders["card_country"] + orders["ship_country"]).tolist(),
        orders["amount"].tolist(),
        strict=True,
    )
)
charged = {}
for order, came in zip(files["order_id"].tolist(), clock(files["arrived_at"]), strict=True):
    charged[order] = min(came, charged.get(order, came))
by_customer, by_corridor, first = {}, {}, {}
for version in versions:
    by_customer.setdefault(version[3], []).append(version)
    if version[2] not in first:
        first[version[2]] = version
        by_corridor.setdefault(version[4], []).append(version)
wanted = []
now = int((at - opened) / pd.Timedelta(milliseconds=1))
begin = int((since - opened) / pd.Timedelta(milliseconds=1))
for _, t, order, customer, corridor, amount in sorted(first.values(), key=lambda v: (v[1], v[2])):
    if not begin <= t < now - 67 * DAY:
        continue
    known = {v[2]: v for v in by_customer[customer] if v[0] < t and v[1] < t}
    recent = [v for v in known.values() if v[1] >= t - 30 * DAY]
    amounts = [v[5] for v in recent if v[5] == v[5]]
    ripe = [v for v in by_corridor[corridor] if v[0] < t and v[1] < t - 67 * DAY]
    wanted.append(
        [
            order,
            amount,
            sum(v[1] >= t - 7 * DAY for v in recent),
            len(recent),
            (t - max(v[1] for v in known.values())) / 3_600_000 if known else np.nan,
            np.mean(amounts) if amounts else np.nan,
            sum(charged.get(v[2], now) < t for v in known.values()),
            len(ripe),
            sum(charged.get(v[2], now) < t for v in ripe),
            charged.get(order, now) < now,
        ]
    )
wanted = pd.DataFrame(wanted, columns=["order_id", "amount", *FEATURES, "is_fraud"]).astype(float)
given = shuffled()
with expect.unchanged(
    *given,
    what="the frames given to build_training",
    why="the next job of the night reads them too",
    look_at="assignments into an argument; work on a copy",
):
    build_training(*given, since, at, "spring.parquet")
HIDDEN = "the run of build_training for 165 hidden days of 2,200 orders"
view = expect.run(
    params={"since": since.isoformat(), "at": at.isoformat(), "ripe_days": 67, "as_of_rule": AS_OF},
    what=HIDDEN,
    why="it must say by which rule the table came about",
    look_at="the arguments of this call, and the names in the list of part 4",
)
content = view.artifact("spring.parquet")
sha256 = hashlib.sha256(content).hexdigest()
expect.equal(
    view.params.get("data_sha256"),
    sha256,
    what="the param data_sha256",
    why="whoever finds the file must be able to tell that it is this one",
    look_at="the moment at which you hash: the bytes of the file as it was logged",
)
got = pd.read_parquet(io.BytesIO(content))
got = got if "order_id" in got.columns else got.reset_index()
columns = [name for name in [*RAW, "channel", "device_known"] if name != "arrived_at"]
lacking = sorted({*columns, *FEATURES, "is_fraud"} - set(got.columns))
expect.true(
    not lacking,
    got=f"a file without {lacking}",
    expected="all columns",
    what=f"the columns of the Parquet file (without {', '.join(lacking)})",
    why="the pipeline of the next unit reads all of them",
    look_at="what you drop or rename on the way",
)
rows, goal = got["order_id"].astype("int64").tolist(), wanted["order_id"].astype("int64").tolist()
expect.true(
    sorted(rows) == sorted(goal),
    got=f"{len(rows)} rows",
    expected=f"{len(goal)} rows",
    what=f"the rows of the Parquet file ({len(set(goal) - set(rows))} orders too few, {len(set(rows) - set(goal))} "
    f"too many, {len(rows) - len(set(rows))} doubled)",
    why="each order that is ripe at `at` and was placed at `since` or later has one row, with and without history",
    look_at="the filter on ripeness, and joins and filters that drop or double rows",
)
expect.true(
    rows == goal,
    got="another order of rows",
    expected="sorted by placed_at, then order_id",
    what="the order of rows in the Parquet file",
    why="the same rows must give the same file, also where two orders were placed in the same millisecond",
    look_at="what you sort by, and whether a later step mixes the rows again",
)
raw = orders.drop_duplicates("order_id").set_index("order_id").loc[rows]
numeric = got[["amount", *FEATURES, "is_fraud"]].apply(pd.to_numeric, errors="coerce").astype("Float64")
numeric = numeric.astype("float64")
HISTORY = "what you hand to order_history: all orders, and each decision at its own placed_at"
RISK = "what you hand to risk_history: all orders and files, and each decision at its own placed_at"
FACT = "columns that come from another row, or that a join has replaced"
looks = dict.fromkeys(columns[1:-1], FACT) | dict.fromkeys(FEATURES[:4], HISTORY)
looks |= dict.fromkeys(FEATURES[4:], RISK)
looks["amount"] = (
    "which version gives the row: of each order the one that arrived first, wherever it stands in the frame"
)
looks["mean_amount_30d"] += "; and that you round to 6 decimals, not to cents"
looks["is_fraud"] = "the label: what had arrived when the table was built, at `at`, and nothing else"
for name, look_at in looks.items():
    if name in wanted:
        left, right = numeric[name].to_numpy(), wanted[name].to_numpy()
        off = ~np.isclose(left, right, rtol=1e-6, atol=1e-6, equal_nan=True)
    elif name == "placed_at":
        off = pd.to_datetime(got[name]).to_numpy("datetime64[ms]") != raw[name].to_numpy("datetime64[ms]")
    else:
        off = got[name].astype("str").to_numpy() != raw[name].astype("str").to_numpy()
    expect.true(
        not off.any(),
        got=f"other values in {off.sum()} rows",
        expected="the values that the rules give",
        what=f"column {name} of the Parquet file (off in {off.sum()} of {len(off)} rows)",
        why="each row shows what was known when this order was placed, and the label that was known when the table was built",
        look_at=look_at,
    )
shares = {f"missing_{name}": wanted[name].isna().mean() for name in ["amount", *FEATURES[2:4]]}
expect.run(
    metrics={"rows": len(wanted), "frauds": int(wanted["is_fraud"].sum()), **shares},
    what=HIDDEN,
    why="its numbers can be counted again in the file, which is right",
    look_at="what you count, and in which frame: the table that you wrote",
)
build_training(*shuffled(), since, at, "again.parquet")
view = expect.run(
    what="the run of build_training for the same rows in another order",
    why="each call logs a run",
    look_at="`with mlflow.start_run():` around what you log",
)
expect.equal(
    hashlib.sha256(view.artifact("again.parquet")).hexdigest() == sha256,
    True,
    what="the Parquet file of the same rows in another order, compared byte for byte",
    why="a hash says nothing if the same input gives another file each time",
    look_at="what stands in the file and hangs on the order of the input: the last digits of mean_amount_30d, or an index",
)
### END HIDDEN TESTS

# %% [markdown]
# ## All of it on Tidewater, and what the leak costs
#
# Half a year of orders; some 9,000 of them are ripe and not before March. An order of Tidewater names no product, so this notebook gives each one a main product (thieves
# like what sells again easily).
#
# The cells from here on run with your functions. **Run them last:** the run that they log is where later units start from.

# %%
market = make_world(seed=1, days=190, orders_per_day=155)
thief = market.truth.orders["is_fraud"].to_numpy()
baskets = market.orders.merge(market.payments, on="order_id")
baskets = baskets.drop(columns=["currency", "coupon", "auth_result", "legacy_risk_score"])
draw, products = np.random.default_rng(1), market.products
easy = products["category"].isin(["electronics", "fashion", "beauty"]).map({True: 4.0, False: 1.0})
bought = draw.integers(len(products), size=len(baskets))
bought[thief] = draw.choice(len(products), thief.sum(), p=easy / easy.sum())
baskets["product_category"] = products["category"].to_numpy()[bought]
baskets["product_title"] = products["title"].to_numpy()[bought]

# %% [markdown]
# Then the way of the rows into the database. Partner shops send one file, at 5 in the morning. Half of their orders come without an amount, as do 3 % of the others; the amount follows a
# day or two later. Another 3 % are corrected within 20 days. The bank's file comes on Mondays at 6.

# %%
partner, hour = baskets["channel"] == "partner", pd.Timedelta(hours=1)
baskets["arrived_at"] = baskets["arrived_at"].mask(partner, baskets["placed_at"].dt.ceil("D") + 5 * hour)
blank = draw.random(len(baskets)) < np.where(partner, 0.5, 0.03)
cut = ~blank & (draw.random(len(baskets)) < 0.03)
filled = baskets[blank].assign(
    arrived_at=lambda rows: rows["arrived_at"] + draw.integers(1, 48, len(rows)) * hour
)
lower = baskets[cut].assign(
    arrived_at=lambda rows: rows["arrived_at"] + draw.integers(48, 480, len(rows)) * hour,
    amount=lambda rows: (0.6 * rows["amount"]).round(2),
)
baskets["amount"] = baskets["amount"].mask(blank)
arrivals = pd.concat([baskets, filled, lower]).sort_values("arrived_at", ignore_index=True)
monday, week = pd.Timestamp("2025-01-06 06:00"), pd.Timedelta(weeks=1)
bank_files = market.chargebacks
bank_files = bank_files.assign(
    arrived_at=monday + np.ceil((bank_files["reported_at"] - monday) / week) * week
)
arrivals["arrived_at"] = arrivals["arrived_at"].astype("datetime64[ms]")
bank_files["arrived_at"] = bank_files["arrived_at"].astype("datetime64[ms]")

# %% [markdown]
# The table as the job builds it on 10 July. Which of these gaps would the live service see, too?

# %%
march, july = pd.Timestamp("2025-03-02"), pd.Timestamp("2025-07-10")
training = build_training(arrivals, bank_files, march, july, "training.parquet")
training.isna().mean().loc[lambda share: share > 0].round(3)

# %% [markdown]
# And the price of the leak. *Snapshot* is what the first model had: ripe orders and frauds of each corridor, counted once on 10 July and joined to every order, also to those that it was
# counted from. *As known* are your counts. The same simple model learns with each from orders before 16 April; *validation* are the later ripe ones, *live* are the orders after these, which were
# not ripe on 10 July. *Without* has neither column. We look back from autumn, when all is known.
#
# You see one world, that of seed 1, and frauds are few. Over the worlds of seeds 1 to 8 the means on validation and live are: without 0.17 and 0.12, snapshot 0.43 and 0.11, as known 0.24 and 0.15;
# the standard deviations over worlds are about 0.11 on validation and 0.03 live.

# %%
lane = ["card_country", "ship_country"]
once = arrivals.drop_duplicates("order_id")
every = once[once["placed_at"] >= march].drop(columns="arrived_at")
risk = risk_history(every, arrivals, bank_files)[["order_id", "corridor_ripe", "corridor_frauds"]]
every = every.merge(risk, on="order_id")
known = once.merge(known_labels(arrivals, bank_files, july)[["order_id", "is_fraud"]], on="order_id")
known = known[known["placed_at"] < july - RIPE].groupby(lane)["is_fraud"].agg(["size", "sum"])
snapshot = known.reindex(pd.MultiIndex.from_frame(every[lane])).fillna(0).to_numpy(dtype=float)
as_known = every[["corridor_ripe", "corridor_frauds"]].to_numpy(dtype=float)

# %%
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

answer = every["order_id"].isin(market.truth.orders["order_id"][thief]).to_numpy()
simple = every[["attempts", "address_age_days", "device_known"]].assign(
    log_amount=np.log(every["amount"].fillna(45))
)
learn, live = every["placed_at"] < pd.Timestamp("2025-04-16"), every["placed_at"] >= july - RIPE
corridors, precision = {"without": None, "snapshot": snapshot.T, "as known": as_known.T}, {}
for name, counts in corridors.items():
    X = simple.to_numpy(dtype=float)
    if counts is not None:
        ripe, frauds = counts
        X = np.column_stack([X, frauds / (ripe + 5), np.log1p(ripe)])
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(X[learn], answer[learn])
    p = model.predict_proba(X)[:, 1]
    parts = {"validation": ~learn & ~live, "live": live}
    precision[name] = {part: average_precision_score(answer[rows], p[rows]) for part, rows in parts.items()}
pd.DataFrame(precision).T.round(2)


# %% wrong="event_time_only" of="order_history" caught_by="windows no_future" edits="reference"
# Joins on the event's time alone: an order of yesterday that arrives tomorrow is counted today.
# -                 on o.customer_id = d.customer_id and o.placed_at < d.placed_at and o.arrived_at < d.placed_at
# +                 on o.customer_id = d.customer_id and o.placed_at < d.placed_at


# %% wrong="closed_at_the_moment" of="order_history" caught_by="windows" edits="reference"
# Closed where it must be open: what arrives in the millisecond of the decision, the order itself too, counts as known.
# -                 on o.customer_id = d.customer_id and o.placed_at < d.placed_at and o.arrived_at < d.placed_at
# +                 on o.customer_id = d.customer_id and o.placed_at <= d.placed_at and o.arrived_at <= d.placed_at


# %% wrong="arrival_closed" of="order_history" caught_by="windows" edits="reference"
# A message that arrives in the millisecond of the decision is taken as known: one sign too many.
# -                 on o.customer_id = d.customer_id and o.placed_at < d.placed_at and o.arrived_at < d.placed_at
# +                 on o.customer_id = d.customer_id and o.placed_at < d.placed_at and o.arrived_at <= d.placed_at


# %% wrong="open_at_the_beginning" of="order_history" caught_by="windows" edits="reference"
# Open where it must be closed: an order exactly 7 days before falls out of its window.
# -                count(k.order_id) filter (k.age <= interval 7 day) as orders_7d,
# +                count(k.order_id) filter (k.age < interval 7 day) as orders_7d,


# %% wrong="inner_join" of="order_history" caught_by="windows" edits="reference"
# An inner join drops each customer without history, and with them the first orders of thieves.
# -         from decisions d left join known k on k.decision = d.order_id
# +         from decisions d join known k on k.decision = d.order_id


# %% wrong="counts_versions" of="order_history" caught_by="windows" edits="reference"
# Counts rows in place of orders: an order that a queue sends twice counts twice.
# -                    arg_max(o.amount, o.arrived_at) as amount
# +                    o.amount
# =             from decisions d join orders o
# =                 on o.customer_id = d.customer_id and o.placed_at < d.placed_at and o.arrived_at < d.placed_at
# -             group by all


# %% wrong="latest_version" of="order_history" caught_by="windows no_future"
# Takes the warehouse's latest version of each order for all decisions: amounts corrected later flow back, and an order vanishes until its correction.
def order_history(decisions, orders):
    latest = orders.sort_values("arrived_at").drop_duplicates("order_id", keep="last")  # noqa: F841
    return duckdb.sql("""
        with known as (
            select d.order_id as decision, o.order_id, d.placed_at - o.placed_at as age, o.amount
            from decisions d join latest o
                on o.customer_id = d.customer_id and o.placed_at < d.placed_at and o.arrived_at < d.placed_at
        )
        select d.order_id,
               count(k.order_id) filter (k.age <= interval 7 day) as orders_7d,
               count(k.order_id) filter (k.age <= interval 30 day) as orders_30d,
               epoch(min(k.age)) / 3600 as hours_since_last,
               avg(k.amount) filter (k.age <= interval 30 day) as mean_amount_30d
        from decisions d left join known k on k.decision = d.order_id
        group by d.order_id
    """).df()


# %% wrong="latest_amount" of="order_history" caught_by="windows no_future" edits="reference"
# Knows in time that there is an order, and takes its amount from the latest version, which came after the decision.
# -                    arg_max(o.amount, o.arrived_at) as amount
# +                    (select arg_max(v.amount, v.arrived_at) from orders v where v.order_id = o.order_id) as amount


# %% wrong="first_version" of="order_history" caught_by="windows" edits="reference"
# Keeps the first version of each order for ever: corrections that were known at the decision are lost.
# -                    arg_max(o.amount, o.arrived_at) as amount
# +                    arg_min(o.amount, o.arrived_at) as amount


# %% wrong="calendar_days" of="order_history" caught_by="windows"
# Counts from midnight a week ago: the window is up to a day too long, and how much depends on the hour.
def order_history(decisions, orders):
    return duckdb.sql("""
        with known as (  -- each decision with each earlier order, in the version that had arrived last
            select d.order_id as decision, o.order_id, d.placed_at - o.placed_at as age,
                   date_trunc('day', d.placed_at) - date_trunc('day', o.placed_at) as days,
                   arg_max(o.amount, o.arrived_at) as amount
            from decisions d join orders o
                on o.customer_id = d.customer_id and o.placed_at < d.placed_at and o.arrived_at < d.placed_at
            group by all
        )
        select d.order_id,
               count(k.order_id) filter (k.days <= interval 7 day) as orders_7d,
               count(k.order_id) filter (k.days <= interval 30 day) as orders_30d,
               epoch(min(k.age)) / 3600 as hours_since_last,
               avg(k.amount) filter (k.days <= interval 30 day) as mean_amount_30d
        from decisions d left join known k on k.decision = d.order_id
        group by d.order_id
    """).df()


# %% wrong="local_clock" of="order_history" caught_by="windows"
# Turns UTC into local time: the week in which clocks go forward has an hour less, and what lay at its border falls out.
def order_history(decisions, orders):
    def local(times):
        return times.dt.tz_localize("UTC").dt.tz_convert("Europe/Berlin").dt.tz_localize(None)

    decisions = decisions[["order_id", "customer_id", "placed_at"]].assign(
        placed_at=local(decisions["placed_at"])
    )
    orders = orders.assign(placed_at=local(orders["placed_at"]), arrived_at=local(orders["arrived_at"]))
    pairs = decisions[["order_id", "customer_id", "placed_at"]].merge(
        orders[["order_id", "customer_id", "placed_at", "arrived_at", "amount"]],
        on="customer_id",
        suffixes=("", "_past"),
    )
    pairs = pairs[(pairs["placed_at_past"] < pairs["placed_at"]) & (pairs["arrived_at"] < pairs["placed_at"])]
    known = pairs.sort_values("arrived_at").drop_duplicates(["order_id", "order_id_past"], keep="last")

    age = known["placed_at"] - known["placed_at_past"]
    week, month = known[age <= pd.Timedelta(days=7)], known[age <= pd.Timedelta(days=30)]
    result = decisions[["order_id"]].set_index("order_id")
    result["orders_7d"] = week.groupby("order_id").size()
    result["orders_30d"] = month.groupby("order_id").size()
    result["hours_since_last"] = (age / pd.Timedelta(hours=1)).groupby(known["order_id"]).min()
    result["mean_amount_30d"] = month.groupby("order_id")["amount"].mean()
    result[["orders_7d", "orders_30d"]] = result[["orders_7d", "orders_30d"]].fillna(0)
    return result.reset_index()


# %% wrong="hours_cut_to_minutes" of="order_history" caught_by="windows" edits="reference"
# Counts whole minutes and divides by 60: the seconds are cut off.
# -                epoch(min(k.age)) / 3600 as hours_since_last,
# +                floor(epoch(min(k.age)) / 60) / 60 as hours_since_last,


# %% wrong="missing_as_zero" of="order_history" caught_by="windows" edits="reference"
# A missing amount becomes 0 EUR and pulls the mean down.
# -                    arg_max(o.amount, o.arrived_at) as amount
# +                    arg_max(coalesce(o.amount, 0), o.arrived_at) as amount
#
# -                avg(k.amount) filter (k.age <= interval 30 day) as mean_amount_30d
# +                avg(coalesce(k.amount, 0)) filter (k.age <= interval 30 day) as mean_amount_30d


# %% wrong="window_by_rows" of="order_history" caught_by="windows"
# A window of rows: the last 7 and 30 orders, however long ago they are.
def order_history(decisions, orders):
    pairs = decisions[["order_id", "customer_id", "placed_at"]].merge(
        orders[["order_id", "customer_id", "placed_at", "arrived_at", "amount"]],
        on="customer_id",
        suffixes=("", "_past"),
    )
    pairs = pairs[(pairs["placed_at_past"] < pairs["placed_at"]) & (pairs["arrived_at"] < pairs["placed_at"])]
    known = pairs.sort_values("arrived_at").drop_duplicates(["order_id", "order_id_past"], keep="last")

    known = known.sort_values("placed_at_past", ascending=False)
    last = known.groupby("order_id")
    result = decisions[["order_id"]].set_index("order_id")
    result["orders_7d"] = known[last.cumcount() < 7].groupby("order_id").size()
    result["orders_30d"] = known[last.cumcount() < 30].groupby("order_id").size()
    hours = (known["placed_at"] - known["placed_at_past"]).dt.total_seconds() / 3600
    result["hours_since_last"] = hours.groupby(known["order_id"]).min()
    result["mean_amount_30d"] = known[last.cumcount() < 30].groupby("order_id")["amount"].mean()
    result[["orders_7d", "orders_30d"]] = result[["orders_7d", "orders_30d"]].fillna(0)
    return result.reset_index()


# %% wrong="fills_backward" of="order_history" caught_by="windows"
# Fills a customer's gaps from the next row: the mean of a decision without history comes from a later one.
def order_history(decisions, orders):
    pairs = decisions[["order_id", "customer_id", "placed_at"]].merge(
        orders[["order_id", "customer_id", "placed_at", "arrived_at", "amount"]],
        on="customer_id",
        suffixes=("", "_past"),
    )
    pairs = pairs[(pairs["placed_at_past"] < pairs["placed_at"]) & (pairs["arrived_at"] < pairs["placed_at"])]
    known = pairs.sort_values("arrived_at").drop_duplicates(["order_id", "order_id_past"], keep="last")

    age = known["placed_at"] - known["placed_at_past"]
    week, month = known[age <= pd.Timedelta(days=7)], known[age <= pd.Timedelta(days=30)]
    result = decisions[["order_id"]].set_index("order_id")
    result["orders_7d"] = week.groupby("order_id").size()
    result["orders_30d"] = month.groupby("order_id").size()
    result["hours_since_last"] = (age / pd.Timedelta(hours=1)).groupby(known["order_id"]).min()
    result["mean_amount_30d"] = month.groupby("order_id")["amount"].mean()
    result[["orders_7d", "orders_30d"]] = result[["orders_7d", "orders_30d"]].fillna(0)

    result = result.reset_index().merge(decisions[["order_id", "customer_id", "placed_at"]], on="order_id")
    result = result.sort_values("placed_at")
    gaps = ["hours_since_last", "mean_amount_30d"]
    result[gaps] = result.groupby("customer_id")[gaps].bfill()
    later = orders.sort_values("placed_at").groupby("customer_id")["amount"].first()
    result["mean_amount_30d"] = result["mean_amount_30d"].fillna(result["customer_id"].map(later))
    return result


# %% wrong="as_of_then_arrived" of="order_history" caught_by="windows no_future"
# Finds the latest order by event time first and drops it if it had not arrived: the earlier one that was known is lost.
def order_history(decisions, orders):
    pairs = decisions[["order_id", "customer_id", "placed_at"]].merge(
        orders[["order_id", "customer_id", "placed_at", "arrived_at", "amount"]],
        on="customer_id",
        suffixes=("", "_past"),
    )
    pairs = pairs[(pairs["placed_at_past"] < pairs["placed_at"]) & (pairs["arrived_at"] < pairs["placed_at"])]
    known = pairs.sort_values("arrived_at").drop_duplicates(["order_id", "order_id_past"], keep="last")

    age = known["placed_at"] - known["placed_at_past"]
    week, month = known[age <= pd.Timedelta(days=7)], known[age <= pd.Timedelta(days=30)]
    result = decisions[["order_id"]].set_index("order_id")
    result["orders_7d"] = week.groupby("order_id").size()
    result["orders_30d"] = month.groupby("order_id").size()
    result["hours_since_last"] = (age / pd.Timedelta(hours=1)).groupby(known["order_id"]).min()
    result["mean_amount_30d"] = month.groupby("order_id")["amount"].mean()
    result[["orders_7d", "orders_30d"]] = result[["orders_7d", "orders_30d"]].fillna(0)

    left = decisions[["order_id", "customer_id", "placed_at"]].sort_values("placed_at")
    right = orders.sort_values(["placed_at", "arrived_at"], ascending=[True, False])
    right = right[["customer_id", "placed_at", "arrived_at"]].assign(last=right["placed_at"])
    near = pd.merge_asof(left, right, on="placed_at", by="customer_id", allow_exact_matches=False)
    hours = (near["placed_at"] - near["last"]) / pd.Timedelta(hours=1)
    result["hours_since_last"] = hours.where(near["arrived_at"] < near["placed_at"]).set_axis(
        near["order_id"]
    )
    return result.reset_index()


# %% wrong="counts_itself" of="order_history" caught_by="windows no_future"
# A rolling window on the orders themselves counts the order that is being decided, and knows no arrival.
def order_history(decisions, orders):
    once = orders.sort_values("arrived_at").drop_duplicates("order_id")
    asked = decisions[~decisions["order_id"].isin(once["order_id"])]
    once = pd.concat([once, asked]).sort_values(["customer_id", "placed_at"])
    rolled = once.set_index("placed_at").groupby("customer_id")
    once["orders_7d"] = rolled["order_id"].rolling("7D").count().to_numpy()
    once["orders_30d"] = rolled["order_id"].rolling("30D").count().to_numpy()
    once["mean_amount_30d"] = rolled["amount"].rolling("30D").mean().to_numpy()
    once["hours_since_last"] = once.groupby("customer_id")["placed_at"].diff().dt.total_seconds() / 3600
    columns = ["order_id", "orders_7d", "orders_30d", "hours_since_last", "mean_amount_30d"]
    return decisions[["order_id"]].merge(once[columns], on="order_id")


# %% wrong="sorted_and_pasted" of="order_history" caught_by="windows no_future"
# Pastes columns of a sorted table beside the unsorted decisions: right numbers in the wrong rows.
def order_history(decisions, orders):
    pairs = decisions[["order_id", "customer_id", "placed_at"]].merge(
        orders[["order_id", "customer_id", "placed_at", "arrived_at", "amount"]],
        on="customer_id",
        suffixes=("", "_past"),
    )
    pairs = pairs[(pairs["placed_at_past"] < pairs["placed_at"]) & (pairs["arrived_at"] < pairs["placed_at"])]
    known = pairs.sort_values("arrived_at").drop_duplicates(["order_id", "order_id_past"], keep="last")

    age = known["placed_at"] - known["placed_at_past"]
    week, month = known[age <= pd.Timedelta(days=7)], known[age <= pd.Timedelta(days=30)]
    result = decisions[["order_id"]].set_index("order_id")
    result["orders_7d"] = week.groupby("order_id").size()
    result["orders_30d"] = month.groupby("order_id").size()
    result["hours_since_last"] = (age / pd.Timedelta(hours=1)).groupby(known["order_id"]).min()
    result["mean_amount_30d"] = month.groupby("order_id")["amount"].mean()
    result[["orders_7d", "orders_30d"]] = result[["orders_7d", "orders_30d"]].fillna(0)

    result = result.loc[decisions.sort_values(["customer_id", "placed_at"])["order_id"]]
    return result.assign(order_id=decisions["order_id"].to_numpy())


# %% wrong="reported_is_known" of="risk_history" caught_by="chargebacks_by_then"
# Takes reported_at for the moment of knowing: the bank knew, and our database got the file days later.
def risk_history(decisions, orders, chargebacks):
    once = orders.sort_values("arrived_at").drop_duplicates("order_id")
    charged = chargebacks.groupby("order_id", as_index=False)["reported_at"].min()
    once = once.drop(columns="arrived_at").merge(
        charged.rename(columns={"reported_at": "charged_at"}), how="left"
    )
    past = once.rename(columns={"placed_at": "placed_past", "order_id": "order_past"})
    keys = ["order_id", "customer_id", "card_country", "ship_country", "placed_at"]
    mine = decisions[keys].merge(past[["customer_id", "placed_past", "charged_at"]], on="customer_id")
    lane = decisions[keys].merge(
        past[["card_country", "ship_country", "placed_past", "charged_at"]],
        on=["card_country", "ship_country"],
    )
    result = decisions[["order_id"]].set_index("order_id")
    ripe = lane[lane["placed_past"] < lane["placed_at"] - RIPE]
    result["customer_chargebacks"] = (mine["charged_at"] < mine["placed_at"]).groupby(mine["order_id"]).sum()
    result["corridor_ripe"] = ripe.groupby("order_id").size()
    result["corridor_frauds"] = (ripe["charged_at"] < ripe["placed_at"]).groupby(ripe["order_id"]).sum()
    return result.fillna(0).astype(int).reset_index()


# %% wrong="label_in_the_feature" of="risk_history" caught_by="chargebacks_by_then"
# Counts the customer's chargebacks without asking when they came, that of the order itself included.
def risk_history(decisions, orders, chargebacks):
    once = orders.sort_values("arrived_at").drop_duplicates("order_id")
    charged = chargebacks.groupby("order_id", as_index=False)["arrived_at"].min()
    once = once.drop(columns="arrived_at").merge(
        charged.rename(columns={"arrived_at": "charged_at"}), how="left"
    )
    past = once.rename(columns={"placed_at": "placed_past", "order_id": "order_past"})
    keys = ["order_id", "customer_id", "card_country", "ship_country", "placed_at"]
    mine = decisions[keys].merge(past[["customer_id", "placed_past", "charged_at"]], on="customer_id")
    lane = decisions[keys].merge(
        past[["card_country", "ship_country", "placed_past", "charged_at"]],
        on=["card_country", "ship_country"],
    )
    result = decisions[["order_id"]].set_index("order_id")
    ripe = lane[lane["placed_past"] < lane["placed_at"] - RIPE]
    result["customer_chargebacks"] = (
        (mine["charged_at"].notna() & (mine["placed_past"] <= mine["placed_at"]))
        .groupby(mine["order_id"])
        .sum()
    )
    result["corridor_ripe"] = ripe.groupby("order_id").size()
    result["corridor_frauds"] = (ripe["charged_at"] < ripe["placed_at"]).groupby(ripe["order_id"]).sum()
    return result.fillna(0).astype(int).reset_index()


# %% wrong="snapshot_for_all" of="risk_history" caught_by="chargebacks_by_then"
# Counts with all chargebacks of the snapshot: placed before the decision, reported whenever.
def risk_history(decisions, orders, chargebacks):
    once = orders.sort_values("arrived_at").drop_duplicates("order_id")
    charged = chargebacks.groupby("order_id", as_index=False)["arrived_at"].min()
    once = once.drop(columns="arrived_at").merge(
        charged.rename(columns={"arrived_at": "charged_at"}), how="left"
    )
    past = once.rename(columns={"placed_at": "placed_past", "order_id": "order_past"})
    keys = ["order_id", "customer_id", "card_country", "ship_country", "placed_at"]
    mine = decisions[keys].merge(past[["customer_id", "placed_past", "charged_at"]], on="customer_id")
    lane = decisions[keys].merge(
        past[["card_country", "ship_country", "placed_past", "charged_at"]],
        on=["card_country", "ship_country"],
    )
    result = decisions[["order_id"]].set_index("order_id")
    ripe = lane[lane["placed_past"] < lane["placed_at"] - RIPE]
    result["customer_chargebacks"] = (
        (mine["charged_at"].notna() & (mine["placed_past"] < mine["placed_at"]))
        .groupby(mine["order_id"])
        .sum()
    )
    result["corridor_ripe"] = ripe.groupby("order_id").size()
    result["corridor_frauds"] = ripe["charged_at"].notna().groupby(ripe["order_id"]).sum()
    return result.fillna(0).astype(int).reset_index()


# %% wrong="unripe_as_honest" of="risk_history" caught_by="chargebacks_by_then"
# Takes fresh orders without a chargeback as honest: the share of frauds comes out too low.
def risk_history(decisions, orders, chargebacks):
    once = orders.sort_values("arrived_at").drop_duplicates("order_id")
    charged = chargebacks.groupby("order_id", as_index=False)["arrived_at"].min()
    once = once.drop(columns="arrived_at").merge(
        charged.rename(columns={"arrived_at": "charged_at"}), how="left"
    )
    past = once.rename(columns={"placed_at": "placed_past", "order_id": "order_past"})
    keys = ["order_id", "customer_id", "card_country", "ship_country", "placed_at"]
    mine = decisions[keys].merge(past[["customer_id", "placed_past", "charged_at"]], on="customer_id")
    lane = decisions[keys].merge(
        past[["card_country", "ship_country", "placed_past", "charged_at"]],
        on=["card_country", "ship_country"],
    )
    result = decisions[["order_id"]].set_index("order_id")
    ripe = lane[lane["placed_past"] < lane["placed_at"]]
    result["customer_chargebacks"] = (mine["charged_at"] < mine["placed_at"]).groupby(mine["order_id"]).sum()
    result["corridor_ripe"] = ripe.groupby("order_id").size()
    result["corridor_frauds"] = (ripe["charged_at"] < ripe["placed_at"]).groupby(ripe["order_id"]).sum()
    return result.fillna(0).astype(int).reset_index()


# %% wrong="early_frauds_too" of="risk_history" caught_by="chargebacks_by_then"
# Counts the early chargebacks of fresh orders above the line, and ripe orders below: the share comes out too high.
def risk_history(decisions, orders, chargebacks):
    once = orders.sort_values("arrived_at").drop_duplicates("order_id")
    charged = chargebacks.groupby("order_id", as_index=False)["arrived_at"].min()
    once = once.drop(columns="arrived_at").merge(
        charged.rename(columns={"arrived_at": "charged_at"}), how="left"
    )
    past = once.rename(columns={"placed_at": "placed_past", "order_id": "order_past"})
    keys = ["order_id", "customer_id", "card_country", "ship_country", "placed_at"]
    mine = decisions[keys].merge(past[["customer_id", "placed_past", "charged_at"]], on="customer_id")
    lane = decisions[keys].merge(
        past[["card_country", "ship_country", "placed_past", "charged_at"]],
        on=["card_country", "ship_country"],
    )
    result = decisions[["order_id"]].set_index("order_id")
    ripe = lane[lane["placed_past"] < lane["placed_at"] - RIPE]
    result["customer_chargebacks"] = (mine["charged_at"] < mine["placed_at"]).groupby(mine["order_id"]).sum()
    result["corridor_ripe"] = ripe.groupby("order_id").size()
    result["corridor_frauds"] = (lane["charged_at"] < lane["placed_at"]).groupby(lane["order_id"]).sum()
    return result.fillna(0).astype(int).reset_index()


# %% wrong="ripe_at_60_days" of="risk_history" caught_by="chargebacks_by_then"
# Takes the bank's 60 days and forgets the file, which takes up to a week more.
def risk_history(decisions, orders, chargebacks):
    once = orders.sort_values("arrived_at").drop_duplicates("order_id")
    charged = chargebacks.groupby("order_id", as_index=False)["arrived_at"].min()
    once = once.drop(columns="arrived_at").merge(
        charged.rename(columns={"arrived_at": "charged_at"}), how="left"
    )
    past = once.rename(columns={"placed_at": "placed_past", "order_id": "order_past"})
    keys = ["order_id", "customer_id", "card_country", "ship_country", "placed_at"]
    mine = decisions[keys].merge(past[["customer_id", "placed_past", "charged_at"]], on="customer_id")
    lane = decisions[keys].merge(
        past[["card_country", "ship_country", "placed_past", "charged_at"]],
        on=["card_country", "ship_country"],
    )
    result = decisions[["order_id"]].set_index("order_id")
    ripe = lane[lane["placed_past"] < lane["placed_at"] - pd.Timedelta(days=60)]
    result["customer_chargebacks"] = (mine["charged_at"] < mine["placed_at"]).groupby(mine["order_id"]).sum()
    result["corridor_ripe"] = ripe.groupby("order_id").size()
    result["corridor_frauds"] = (ripe["charged_at"] < ripe["placed_at"]).groupby(ripe["order_id"]).sum()
    return result.fillna(0).astype(int).reset_index()


# %% wrong="ripe_closed" of="risk_history" caught_by="chargebacks_by_then" edits="reference"
# An order is taken as ripe after exactly 67 days: one sign too many.
# -             on c.card_country = d.card_country and c.ship_country = d.ship_country and d.placed_at > c.moment
# +             on c.card_country = d.card_country and c.ship_country = d.ship_country and d.placed_at >= c.moment


# %% wrong="file_in_the_same_millisecond" of="risk_history" caught_by="chargebacks_by_then"
# A chargeback that arrives in the millisecond of the decision is taken as known.
def risk_history(decisions, orders, chargebacks):
    once = orders.sort_values("arrived_at").drop_duplicates("order_id")
    charged = chargebacks.groupby("order_id", as_index=False)["arrived_at"].min()
    once = once.drop(columns="arrived_at").merge(
        charged.rename(columns={"arrived_at": "charged_at"}), how="left"
    )
    past = once.rename(columns={"placed_at": "placed_past", "order_id": "order_past"})
    keys = ["order_id", "customer_id", "card_country", "ship_country", "placed_at"]
    mine = decisions[keys].merge(past[["customer_id", "placed_past", "charged_at"]], on="customer_id")
    lane = decisions[keys].merge(
        past[["card_country", "ship_country", "placed_past", "charged_at"]],
        on=["card_country", "ship_country"],
    )
    result = decisions[["order_id"]].set_index("order_id")
    ripe = lane[lane["placed_past"] < lane["placed_at"] - RIPE]
    result["customer_chargebacks"] = (mine["charged_at"] <= mine["placed_at"]).groupby(mine["order_id"]).sum()
    result["corridor_ripe"] = ripe.groupby("order_id").size()
    result["corridor_frauds"] = (ripe["charged_at"] < ripe["placed_at"]).groupby(ripe["order_id"]).sum()
    return result.fillna(0).astype(int).reset_index()


# %% wrong="file_sent_twice" of="risk_history" caught_by="chargebacks_by_then"
# Joins all rows of the chargebacks: a file that was sent twice makes two frauds, and two orders, of one.
def risk_history(decisions, orders, chargebacks):
    once = orders.sort_values("arrived_at").drop_duplicates("order_id")
    charged = chargebacks[["order_id", "arrived_at"]]
    once = once.drop(columns="arrived_at").merge(
        charged.rename(columns={"arrived_at": "charged_at"}), how="left"
    )
    past = once.rename(columns={"placed_at": "placed_past", "order_id": "order_past"})
    keys = ["order_id", "customer_id", "card_country", "ship_country", "placed_at"]
    mine = decisions[keys].merge(past[["customer_id", "placed_past", "charged_at"]], on="customer_id")
    lane = decisions[keys].merge(
        past[["card_country", "ship_country", "placed_past", "charged_at"]],
        on=["card_country", "ship_country"],
    )
    result = decisions[["order_id"]].set_index("order_id")
    ripe = lane[lane["placed_past"] < lane["placed_at"] - RIPE]
    result["customer_chargebacks"] = (mine["charged_at"] < mine["placed_at"]).groupby(mine["order_id"]).sum()
    result["corridor_ripe"] = ripe.groupby("order_id").size()
    result["corridor_frauds"] = (ripe["charged_at"] < ripe["placed_at"]).groupby(ripe["order_id"]).sum()
    return result.fillna(0).astype(int).reset_index()


# %% wrong="last_arrival_of_a_file" of="risk_history" caught_by="chargebacks_by_then" edits="reference"
# Takes the last arrival of a file that was sent twice: a fraud that was known is forgotten until the file comes again.
# -         charged as (select order_id, min(arrived_at) as charged_from from chargebacks group by all),
# +         charged as (select order_id, max(arrived_at) as charged_from from chargebacks group by all),


# %% wrong="versions_as_orders" of="risk_history" caught_by="chargebacks_by_then"
# Counts each version of an order as an order of the corridor.
def risk_history(decisions, orders, chargebacks):
    once = orders.sort_values("arrived_at")
    charged = chargebacks.groupby("order_id", as_index=False)["arrived_at"].min()
    once = once.drop(columns="arrived_at").merge(
        charged.rename(columns={"arrived_at": "charged_at"}), how="left"
    )
    past = once.rename(columns={"placed_at": "placed_past", "order_id": "order_past"})
    keys = ["order_id", "customer_id", "card_country", "ship_country", "placed_at"]
    mine = decisions[keys].merge(past[["customer_id", "placed_past", "charged_at"]], on="customer_id")
    lane = decisions[keys].merge(
        past[["card_country", "ship_country", "placed_past", "charged_at"]],
        on=["card_country", "ship_country"],
    )
    result = decisions[["order_id"]].set_index("order_id")
    ripe = lane[lane["placed_past"] < lane["placed_at"] - RIPE]
    result["customer_chargebacks"] = (mine["charged_at"] < mine["placed_at"]).groupby(mine["order_id"]).sum()
    result["corridor_ripe"] = ripe.groupby("order_id").size()
    result["corridor_frauds"] = (ripe["charged_at"] < ripe["placed_at"]).groupby(ripe["order_id"]).sum()
    return result.fillna(0).astype(int).reset_index()


# %% wrong="by_ship_country" of="risk_history" caught_by="chargebacks_by_then"
# Counts by the country of delivery alone: the far card, which is the sign, is lost in the crowd.
def risk_history(decisions, orders, chargebacks):
    once = orders.sort_values("arrived_at").drop_duplicates("order_id")
    charged = chargebacks.groupby("order_id", as_index=False)["arrived_at"].min()
    once = once.drop(columns="arrived_at").merge(
        charged.rename(columns={"arrived_at": "charged_at"}), how="left"
    )
    past = once.rename(columns={"placed_at": "placed_past", "order_id": "order_past"})
    keys = ["order_id", "customer_id", "card_country", "ship_country", "placed_at"]
    mine = decisions[keys].merge(past[["customer_id", "placed_past", "charged_at"]], on="customer_id")
    lane = decisions[keys].merge(past[["ship_country", "placed_past", "charged_at"]], on="ship_country")
    result = decisions[["order_id"]].set_index("order_id")
    ripe = lane[lane["placed_past"] < lane["placed_at"] - RIPE]
    result["customer_chargebacks"] = (mine["charged_at"] < mine["placed_at"]).groupby(mine["order_id"]).sum()
    result["corridor_ripe"] = ripe.groupby("order_id").size()
    result["corridor_frauds"] = (ripe["charged_at"] < ripe["placed_at"]).groupby(ripe["order_id"]).sum()
    return result.fillna(0).astype(int).reset_index()


# %% wrong="new_corridors_dropped" of="risk_history" caught_by="chargebacks_by_then"
# An inner join at the end: decisions on a corridor without ripe orders are missing.
def risk_history(decisions, orders, chargebacks):
    once = orders.sort_values("arrived_at").drop_duplicates("order_id")
    charged = chargebacks.groupby("order_id", as_index=False)["arrived_at"].min()
    once = once.drop(columns="arrived_at").merge(
        charged.rename(columns={"arrived_at": "charged_at"}), how="left"
    )
    past = once.rename(columns={"placed_at": "placed_past", "order_id": "order_past"})
    keys = ["order_id", "customer_id", "card_country", "ship_country", "placed_at"]
    mine = decisions[keys].merge(past[["customer_id", "placed_past", "charged_at"]], on="customer_id")
    lane = decisions[keys].merge(
        past[["card_country", "ship_country", "placed_past", "charged_at"]],
        on=["card_country", "ship_country"],
    )
    result = decisions[["order_id"]].set_index("order_id")
    ripe = lane[lane["placed_past"] < lane["placed_at"] - RIPE]
    result["customer_chargebacks"] = (mine["charged_at"] < mine["placed_at"]).groupby(mine["order_id"]).sum()
    result["corridor_ripe"] = ripe.groupby("order_id").size()
    result["corridor_frauds"] = (ripe["charged_at"] < ripe["placed_at"]).groupby(ripe["order_id"]).sum()
    return result.dropna().astype(int).reset_index()


# %% wrong="greatest_skips_null" of="risk_history" caught_by="chargebacks_by_then"
# The later of two moments skips a missing one, in DuckDB's greatest as here: an order without a chargeback turns into a fraud once it is ripe.
def risk_history(decisions, orders, chargebacks):
    once = orders.sort_values("arrived_at").drop_duplicates("order_id")
    charged = chargebacks.groupby("order_id", as_index=False)["arrived_at"].min()
    once = once.drop(columns="arrived_at").merge(
        charged.rename(columns={"arrived_at": "charged_at"}), how="left"
    )
    past = once.rename(columns={"placed_at": "placed_past", "order_id": "order_past"})
    keys = ["order_id", "customer_id", "card_country", "ship_country", "placed_at"]
    mine = decisions[keys].merge(past[["customer_id", "placed_past", "charged_at"]], on="customer_id")
    lane = decisions[keys].merge(
        past[["card_country", "ship_country", "placed_past", "charged_at"]],
        on=["card_country", "ship_country"],
    )
    result = decisions[["order_id"]].set_index("order_id")
    ripe = lane[lane["placed_past"] < lane["placed_at"] - RIPE]
    result["customer_chargebacks"] = (mine["charged_at"] < mine["placed_at"]).groupby(mine["order_id"]).sum()
    result["corridor_ripe"] = ripe.groupby("order_id").size()
    result["corridor_frauds"] = (
        (ripe[["placed_past", "charged_at"]].max(axis=1) < ripe["placed_at"]).groupby(ripe["order_id"]).sum()
    )
    return result.fillna(0).astype(int).reset_index()


# %% wrong="unripe_honest" of="known_labels" caught_by="labels" edits="reference"
# No chargeback yet is taken as honest: most frauds of the last two months get the wrong label.
# -     label = np.select([charged, ripe], [1.0, 0.0], np.nan)
# +     label = np.select([charged, ripe], [1.0, 0.0], 0.0)


# %% wrong="label_when_reported" of="known_labels" caught_by="labels" edits="reference"
# The bank's report is taken for our knowledge: the file arrived later.
# -     charged = known["order_id"].isin(chargebacks.loc[chargebacks["arrived_at"] < at, "order_id"])
# +     charged = known["order_id"].isin(chargebacks.loc[chargebacks["reported_at"] < at, "order_id"])


# %% wrong="label_of_the_last_file" of="known_labels" caught_by="labels" edits="reference"
# Takes the last arrival of a file that was sent twice: a chargeback that was known is forgotten.
# -     charged = known["order_id"].isin(chargebacks.loc[chargebacks["arrived_at"] < at, "order_id"])
# +     last = chargebacks.groupby("order_id")["arrived_at"].max()
# +     charged = known["order_id"].isin(last[last < at].index)


# %% wrong="label_of_the_future" of="known_labels" caught_by="labels" edits="reference"
# Uses all chargebacks that the table holds, whatever moment was asked about.
# -     charged = known["order_id"].isin(chargebacks.loc[chargebacks["arrived_at"] < at, "order_id"])
# +     charged = known["order_id"].isin(chargebacks["order_id"])


# %% wrong="frauds_only_when_ripe" of="known_labels" caught_by="labels" edits="reference"
# Throws away the chargeback of a fresh order, which has arrived and is known.
# -     label = np.select([charged, ripe], [1.0, 0.0], np.nan)
# +     label = np.select([charged & ripe, ripe], [1.0, 0.0], np.nan)


# %% wrong="honest_before_charged" of="known_labels" caught_by="labels" edits="reference"
# Asks for ripeness first: each ripe order is honest, also the one that was charged back.
# -     label = np.select([charged, ripe], [1.0, 0.0], np.nan)
# +     label = np.select([ripe, charged], [0.0, 1.0], np.nan)


# %% wrong="label_ripe_closed" of="known_labels" caught_by="labels" edits="reference"
# An order of exactly 67 days is taken as ripe: one sign too many.
# -     ripe = known["placed_at"] < at - RIPE
# +     ripe = known["placed_at"] <= at - RIPE


# %% wrong="orders_of_tomorrow" of="known_labels" caught_by="labels" edits="reference"
# Lists orders that had not arrived: nobody could have labelled them.
# -     known = orders[orders["arrived_at"] < at].drop_duplicates("order_id")
# +     known = orders[orders["placed_at"] < at].drop_duplicates("order_id")


# %% wrong="orders_of_this_millisecond" of="known_labels" caught_by="labels" edits="reference"
# Lists an order that arrives in the very millisecond of `at`: one sign too many.
# -     known = orders[orders["arrived_at"] < at].drop_duplicates("order_id")
# +     known = orders[orders["arrived_at"] <= at].drop_duplicates("order_id")


# %% wrong="label_per_version" of="known_labels" caught_by="labels" edits="reference"
# A row for each version: an order that came twice would be learned twice.
# -     known = orders[orders["arrived_at"] < at].drop_duplicates("order_id")
# +     known = orders[orders["arrived_at"] < at]


# %% wrong="as_of_the_build" of="build_training" caught_by="training_run" edits="reference"
# Takes the latest snapshot for all rows: each feature as known when the table was built.
# -         order_history(decisions, orders),
# -         risk_history(decisions, orders, chargebacks),
# +         order_history(decisions.assign(placed_at=at), orders),
# +         risk_history(decisions.assign(placed_at=at), orders, chargebacks),


# %% wrong="known_is_enough" of="build_training" caught_by="training_run" edits="reference"
# Keeps each order whose label is known: of the fresh orders these are the frauds alone.
# -     first = first[
# -         (first["arrived_at"] < at) & (first["placed_at"] >= since) & (first["placed_at"] < at - RIPE)
# -     ]
# +     first = first[(first["arrived_at"] < at) & (first["placed_at"] >= since)]
#
# =         training = training.merge(features, on="order_id", how="left", validate="one_to_one")
# +     training = training.dropna(subset="is_fraud")


# %% wrong="missing_is_honest" of="build_training" caught_by="training_run" edits="reference"
# Keeps all orders: one without a label becomes honest when it is turned into True or False.
# -     first = first[
# -         (first["arrived_at"] < at) & (first["placed_at"] >= since) & (first["placed_at"] < at - RIPE)
# -     ]
# +     first = first[(first["arrived_at"] < at) & (first["placed_at"] >= since)]


# %% wrong="last_version_as_row" of="build_training" caught_by="training_run" edits="reference"
# Takes the order's last version as its row: the amount that was filled in later was not in the basket.
# -     first = orders.sort_values("arrived_at", kind="stable").drop_duplicates("order_id")
# +     first = orders.sort_values("arrived_at", kind="stable").drop_duplicates("order_id", keep="last")


# %% wrong="label_of_today" of="build_training" caught_by="training_run" edits="reference"
# Takes the labels of the day on which the code runs: a table of April is another one in May, and no run can be repeated.
# -         known_labels(orders, chargebacks, at),
# +         known_labels(orders, chargebacks, chargebacks["arrived_at"].max() + RIPE),


# %% wrong="ripe_orders_as_history" of="build_training" caught_by="training_run" edits="reference"
# Counts the history among the rows of the table alone, in their first versions.
# -         order_history(decisions, orders),
# +         order_history(decisions, first),


# %% wrong="complete_rows_only" of="build_training" caught_by="training_run" edits="reference"
# Drops rows with a gap: new customers, who are half of the frauds, leave the table.
# =         training = training.merge(features, on="order_id", how="left", validate="one_to_one")
# +     training = training.dropna()


# %% wrong="hash_of_the_frame" of="build_training" caught_by="training_run" edits="reference"
# Hashes the frame's values: nobody who has the file can check that.
# -     with open(file, "rb") as content:
# -         data_sha256 = hashlib.sha256(content.read()).hexdigest()
# +     data_sha256 = hashlib.sha256(training.to_csv().encode()).hexdigest()


# %% wrong="no_artifact" of="build_training" caught_by="training_run" edits="reference"
# Logs numbers about a table that stays on this machine.
# -         mlflow.log_artifact(file)


# %% wrong="sorted_by_moment_alone" of="build_training" caught_by="training_run" edits="reference"
# Sorts by placed_at alone: two orders of the same millisecond stand as they came, and the file is another one each time.
# -     decisions = first.drop(columns="arrived_at").sort_values(["placed_at", "order_id"], ignore_index=True)
# +     decisions = first.drop(columns="arrived_at").sort_values("placed_at", ignore_index=True)


# %% wrong="mean_not_rounded" of="build_training" caught_by="training_run" edits="reference"
# Writes the mean as it was added up: its last digit depends on the order of rows, and so does the hash.
# -     training["mean_amount_30d"] = training["mean_amount_30d"].round(6)


# %% wrong="index_in_the_file" of="build_training" caught_by="training_run" edits="reference"
# Writes the index of the input along: rows that stood in another order give another file.
# -     decisions = first.drop(columns="arrived_at").sort_values(["placed_at", "order_id"], ignore_index=True)
# +     decisions = first.drop(columns="arrived_at").sort_values(["placed_at", "order_id"])
#
# -     training.to_parquet(file, index=False)
# +     training.set_index(decisions.index).to_parquet(file)


# %% wrong="first_row_as_version" of="build_training" caught_by="training_run" edits="reference"
# Takes the first row of each order in the frame for its first version: rows stand in any order.
# -     first = orders.sort_values("arrived_at", kind="stable").drop_duplicates("order_id")
# +     first = orders.drop_duplicates("order_id")


# %% wrong="label_by_report" of="build_training" caught_by="training_run" edits="reference"
# Labels by what the bank had reported: its file had not come.
# -         known_labels(orders, chargebacks, at),
# +         known_labels(orders, chargebacks.assign(arrived_at=chargebacks["reported_at"]), at),


# %% wrong="risk_of_the_rows" of="build_training" caught_by="training_run" edits="reference"
# Counts the risk among the rows of the table alone: the orders before `since` are ripe first of all.
# -         risk_history(decisions, orders, chargebacks),
# +         risk_history(decisions, first, chargebacks),


# %% wrong="rows_as_they_came" of="build_training" caught_by="training_run" edits="reference"
# Leaves rows in the order of arrival: a split by position then learns from the future.
# -     decisions = first.drop(columns="arrived_at").sort_values(["placed_at", "order_id"], ignore_index=True)
# +     decisions = first.drop(columns="arrived_at")


# %% also="pandas_merge" of="order_history"
def order_history(decisions, orders):
    pairs = decisions[["order_id", "customer_id", "placed_at"]].merge(
        orders[["order_id", "customer_id", "placed_at", "arrived_at", "amount"]],
        on="customer_id",
        suffixes=("", "_past"),
    )
    pairs = pairs[(pairs["placed_at_past"] < pairs["placed_at"]) & (pairs["arrived_at"] < pairs["placed_at"])]
    known = pairs.sort_values("arrived_at").drop_duplicates(["order_id", "order_id_past"], keep="last")
    age = known["placed_at"] - known["placed_at_past"]
    week, month = known[age <= pd.Timedelta(days=7)], known[age <= pd.Timedelta(days=30)]
    result = decisions[["order_id"]].set_index("order_id")
    result["orders_7d"] = week.groupby("order_id").size()
    result["orders_30d"] = month.groupby("order_id").size()
    result["hours_since_last"] = (age / pd.Timedelta(hours=1)).groupby(known["order_id"]).min()
    result["mean_amount_30d"] = month.groupby("order_id")["amount"].mean()
    result[["orders_7d", "orders_30d"]] = result[["orders_7d", "orders_30d"]].fillna(0)
    return result.reset_index()


# %% also="sql_window" of="order_history"
def order_history(decisions, orders):
    database = duckdb.connect()
    database.register("asked", decisions)
    database.register("versions", orders)
    return database.execute("""
        with known as (
            select d.order_id as decision, d.placed_at as t, o.*
            from asked d join versions o using (customer_id)
            where o.placed_at < d.placed_at and o.arrived_at < d.placed_at
            qualify row_number() over (partition by d.order_id, o.order_id order by o.arrived_at desc) = 1
        )
        select asked.order_id,
               coalesce(sum((known.placed_at >= t - interval 7 day)::int), 0)::int as orders_7d,
               coalesce(sum((known.placed_at >= t - interval 30 day)::int), 0)::int as orders_30d,
               date_diff('millisecond', max(known.placed_at), any_value(t)) / 3600000.0 as hours_since_last,
               avg(case when known.placed_at >= t - interval 30 day then known.amount end) as mean_amount_30d
        from asked left join known on known.decision = asked.order_id
        group by asked.order_id order by asked.order_id
    """).fetchdf()


# %% also="one_decision_at_a_time" of="order_history"
def order_history(decisions, orders):
    of_customer = dict(list(orders.groupby("customer_id")))
    rows = []
    for one in decisions.itertuples(index=False):
        t, past = one.placed_at, of_customer.get(one.customer_id, orders[:0])
        past = past[(past["arrived_at"] < t) & (past["placed_at"] < t)]
        past = past.sort_values("arrived_at").groupby("order_id").last()  # skips missing amounts
        month = past[past["placed_at"] >= t - pd.Timedelta("30D")]
        week = past[past["placed_at"] >= t - pd.Timedelta("7D")]
        since_last = (t - past["placed_at"].max()).total_seconds() / 3600 if len(past) else None
        rows.append((one.order_id, len(week), len(month), since_last, month["amount"].mean()))
    names = ["order_id", "orders_7d", "orders_30d", "hours_since_last", "mean_amount_30d"]
    return pd.DataFrame(rows, columns=names).astype({"hours_since_last": object, "orders_7d": "Int32"})


# %% also="as_of_in_pandas" of="order_history"
def order_history(decisions, orders):
    def by_arrival(
        moment,
    ):  # the latest order of each customer among those that have arrived, as of each arrival
        steps = orders[["customer_id", "placed_at", "arrived_at"]].sort_values("arrived_at")
        steps = steps.assign(last=steps.groupby("customer_id")["placed_at"].cummax()).drop(
            columns="placed_at"
        )
        left = decisions[["order_id", "customer_id", "placed_at"]].sort_values("placed_at")
        steps = steps.rename(columns={"arrived_at": "placed_at"})
        return pd.merge_asof(left, steps, on="placed_at", by="customer_id", allow_exact_matches=moment)

    found = by_arrival(False)
    found["hours_since_last"] = (found["placed_at"] - found["last"]).dt.total_seconds() / 3600
    events = orders.sort_values("arrived_at").drop_duplicates(["order_id", "arrived_at"])
    until = events.groupby("order_id")["arrived_at"].shift(-1).fillna(pd.Timestamp("2200-01-01"))
    events = events.assign(until=until)  # each version with the moments between which it was the known one
    pairs = found.merge(events, on="customer_id", suffixes=("", "_past"))
    pairs = pairs[(pairs["arrived_at"] < pairs["placed_at"]) & (pairs["placed_at"] <= pairs["until"])]
    for days in (7, 30):
        inside = pairs["placed_at_past"] + pd.Timedelta(days=days) >= pairs["placed_at"]
        count = pairs[inside].groupby("order_id").size()
        found[f"orders_{days}d"] = found["order_id"].map(count).fillna(0).astype("int32")
        mean = pairs[inside].groupby("order_id")["amount"].mean()
        found["mean_amount_30d"] = found["order_id"].map(mean)
    return found


# %% also="merge_and_sum" of="risk_history"
def risk_history(decisions, orders, chargebacks):
    once = orders.sort_values("arrived_at").drop_duplicates("order_id")
    charged = chargebacks.groupby("order_id", as_index=False)["arrived_at"].min()
    once = once.drop(columns="arrived_at").merge(
        charged.rename(columns={"arrived_at": "charged_at"}), how="left"
    )
    past = once.rename(columns={"placed_at": "placed_past", "order_id": "order_past"})
    keys = ["order_id", "customer_id", "card_country", "ship_country", "placed_at"]
    mine = decisions[keys].merge(past[["customer_id", "placed_past", "charged_at"]], on="customer_id")
    lane = decisions[keys].merge(
        past[["card_country", "ship_country", "placed_past", "charged_at"]],
        on=["card_country", "ship_country"],
    )
    result = decisions[["order_id"]].set_index("order_id")
    ripe = lane[lane["placed_past"] < lane["placed_at"] - RIPE]
    result["customer_chargebacks"] = (mine["charged_at"] < mine["placed_at"]).groupby(mine["order_id"]).sum()
    result["corridor_ripe"] = ripe.groupby("order_id").size()
    result["corridor_frauds"] = (ripe["charged_at"] < ripe["placed_at"]).groupby(ripe["order_id"]).sum()
    return result.fillna(0).astype(int).reset_index()


# %% also="searchsorted" of="risk_history"
def risk_history(decisions, orders, chargebacks):
    once = orders.drop_duplicates("order_id").set_index("order_id")
    file = chargebacks.groupby("order_id")["arrived_at"].min().astype("datetime64[ms]")
    once["charged_at"] = file.reindex(once.index)
    once["ripe_at"] = once["placed_at"] + RIPE
    fraud = once[once["charged_at"].notna()]
    fraud = fraud.assign(both=fraud[["charged_at", "ripe_at"]].max(axis=1))

    def counted(table, keys, moment):
        moments = {key: np.sort(part[moment].to_numpy()) for key, part in table.groupby(keys)}
        none = np.array([], dtype="datetime64[ms]")
        wanted = decisions[keys].itertuples(index=False, name=None)
        return [
            int(np.searchsorted(moments.get(key, none), np.datetime64(t, "ms"), side="left"))
            for key, t in zip(wanted, decisions["placed_at"])
        ]

    corridor = ["card_country", "ship_country"]
    return pd.DataFrame(
        {
            "corridor_frauds": counted(fraud, corridor, "both"),
            "corridor_ripe": counted(once, corridor, "ripe_at"),
            "customer_chargebacks": counted(fraud, ["customer_id"], "charged_at"),
            "order_id": decisions["order_id"].to_numpy(),
        }
    )


# %% also="sql_joins" of="risk_history"
def risk_history(decisions, orders, chargebacks):
    chargebacks = chargebacks[["order_id", "arrived_at"]]  # noqa: F841
    return (
        duckdb.sql("""
        select d.order_id,
            (select count(distinct o.order_id) from orders o join chargebacks c using (order_id)
             where o.customer_id = d.customer_id and c.arrived_at < d.placed_at) as customer_chargebacks,
            (select count(distinct o.order_id) from orders o
             where o.card_country = d.card_country and o.ship_country = d.ship_country
               and o.placed_at < d.placed_at - interval 67 day) as corridor_ripe,
            (select count(distinct o.order_id) from orders o join chargebacks c using (order_id)
             where o.card_country = d.card_country and o.ship_country = d.ship_country
               and o.placed_at < d.placed_at - interval 67 day
               and c.arrived_at < d.placed_at) as corridor_frauds
        from decisions d
    """)
        .df()
        .set_index("order_id", drop=False)
        .rename_axis(None)
    )


# %% also="labels_in_sql" of="known_labels"
def known_labels(orders, chargebacks, at):
    return duckdb.sql(f"""
        with heard as (select distinct order_id from chargebacks where arrived_at < timestamp '{at}')
        select o.order_id,
               case when bool_or(h.order_id is not null) then true
                    when min(o.placed_at) < timestamp '{at}' - interval 67 day then false end as is_fraud
        from orders o left join heard h using (order_id)
        where o.arrived_at < timestamp '{at}'
        group by o.order_id
    """).df()


# %% also="nullable_labels" of="known_labels"
def known_labels(orders, chargebacks, at):
    placed = {}
    for row in orders.itertuples():
        if row.arrived_at < at:
            placed[row.order_id] = row.placed_at
    heard = {row.order_id for row in chargebacks.itertuples() if row.arrived_at < at}
    label = {
        order: True if order in heard else (False if when < at - RIPE else None)
        for order, when in placed.items()
    }
    return pd.DataFrame(
        {"is_fraud": pd.array(list(label.values()), dtype="boolean"), "order_id": list(label)}
    )


# %% also="job_in_sql" of="build_training"
def build_training(orders, chargebacks, since, at, file):
    from pathlib import Path

    orders = orders.copy()
    decisions = orders.loc[orders.groupby("order_id")["arrived_at"].idxmin()].drop(columns="arrived_at")
    newest = at - RIPE  # noqa: F841
    decisions = decisions.query("@since <= placed_at and placed_at < @newest").reset_index(drop=True)
    history = order_history(decisions, orders)  # noqa: F841
    risk = risk_history(decisions, orders, chargebacks)  # noqa: F841
    labels = known_labels(orders, chargebacks, at).astype({"is_fraud": "boolean"})  # noqa: F841
    duckdb.sql(f"""
        copy (
            select d.*, h.* exclude (order_id, mean_amount_30d), round(h.mean_amount_30d, 6) as mean_amount_30d,
                   r.* exclude (order_id), l.is_fraud
            from decisions d join history h using (order_id) join risk r using (order_id) join labels l using (order_id)
            order by d.placed_at, d.order_id
        ) to '{file}' (format parquet)
    """)
    training = pd.read_parquet(file)
    gaps = training[["amount", "hours_since_last", "mean_amount_30d"]].isna().mean()
    with mlflow.start_run():
        mlflow.log_artifact(str(Path(file)))
        mlflow.log_params(
            {
                "as_of_rule": AS_OF,
                "at": at.isoformat(),
                "data_sha256": hashlib.sha256(Path(file).read_bytes()).hexdigest(),
                "orders_in": len(orders),
                "ripe_days": str(RIPE.days),
                "since": since.isoformat(),
            }
        )
        mlflow.log_metrics({f"missing_{name}": share for name, share in gaps.items()})
        mlflow.log_metrics({"rows": len(training), "frauds": training["is_fraud"].sum()})
    return training


# %% also="label_as_number" of="build_training"
def build_training(orders, chargebacks, since, at, file):
    first = orders.sort_values("arrived_at", kind="stable").drop_duplicates("order_id")
    first = first[
        (first["arrived_at"] < at) & (first["placed_at"] >= since) & (first["placed_at"] < at - RIPE)
    ]
    decisions = first.drop(columns="arrived_at").sort_values(["placed_at", "order_id"], ignore_index=True)
    training = decisions
    for features in [
        order_history(decisions, orders),
        risk_history(decisions, orders, chargebacks),
        known_labels(orders, chargebacks, at),
    ]:
        training = training.merge(features, on="order_id", how="left", validate="one_to_one")
    training["mean_amount_30d"] = training["mean_amount_30d"].astype("float64").round(6)
    training = training.astype({"is_fraud": "int8", "amount": "float64"}).set_index("order_id")
    training.to_parquet(file, index=True)
    with open(file, "rb") as content:
        data_sha256 = hashlib.sha256(content.read()).hexdigest()
    rule = {"since": since.isoformat(), "at": at.isoformat(), "ripe_days": RIPE.days, "as_of_rule": AS_OF}
    counts = {"rows": len(training), "frauds": int(training["is_fraud"].sum())}
    gaps = training[["amount", "hours_since_last", "mean_amount_30d"]].isna().mean()
    with mlflow.start_run(run_name="training table"):
        mlflow.log_params({**rule, "data_sha256": data_sha256})
        mlflow.log_metrics({**counts, **gaps.add_prefix("missing_")})
        mlflow.log_artifact(file)
    return training
