# ---
# title: "Did we know that when it mattered?"
# minutes: 40
# data: [tidewater]
# needs: [splits]
# sources:
#   - "Snodgrass (1999), Developing Time-Oriented Database Applications in SQL, Morgan Kaufmann, chapters 8 and 9"
#   - "Snodgrass (1998), Managing Temporal Data: a five-part series, TimeCenter TR-28"
#   - "DuckDB documentation, AsOf Join"
#   - "pandas 3 documentation, pandas.merge_asof"
#   - "Kaufman, Rosset, Perlich, Stitelman (2012), Leakage in data mining, ACM TKDD 6(4), article 15"
# ---

# %% [markdown]
# # Did we know that when it mattered?
#
# When a depot jams, Tidewater's parcels to that country come late for a week, and each late parcel costs 5 euros and a voucher. Express at 4 euros goes around the depot. A model shall
# choose the parcels while the customer pays; its best column, the share of late parcels on the route, promised 1,100 euros per 1,000 parcels. The live weeks brought less than two thirds of it.
#
# **After this notebook you can**
#
# 1. say for each row of a table when it happened, when you knew it, and what was known at a given moment;
# 2. build features as they were known at each decision, with both clocks and with boundaries that are stated;
# 3. prove it: change the future, and nothing may move.
#
# The exercise asks the same of fraud, where a label takes up to 67 days.
#
# **A question from before.** In `splits` validation rows lay after the training rows, with an embargo between. What does a split by time not protect you from?
#
# <details><summary>Answer</summary>
# From columns. A split keeps the model from having seen a row; it does not keep a column of that row from having seen the future.
# </details>

# %%
import grader

grader.begin("point-in-time")

import duckdb
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

# %% [markdown]
# ## Parcels, depots, two clocks
#
# The small world's 64,228 parcels.

# %%
from tidewater import small

columns = ["order_id", "placed_at", "ship_country", "items", "amount"]
quiet = small.load_small("orders")[columns].merge(small.load_small("deliveries"), on="order_id")

# %% [markdown]
# Their delays are independent of each other; real depots jam. So this lesson adds jams: on any day a jam begins in a country with chance 3 %, and for seven days each parcel that is shipped there takes 40 hours more.

# %%
START = pd.Timestamp("2025-01-01")


def with_jams(seed):
    """The parcels with jams: whether late, when that was known, when it arrived in the database."""
    country, places = pd.factorize(quiet["ship_country"])
    begins = np.random.default_rng(seed).random((len(places), 90)) < 0.03  # (countries, days)
    week = np.lib.stride_tricks.sliding_window_view(begins, 7, axis=1)  # (countries, days, 7)
    jammed = week.any(axis=2)  # did a jam begin in these seven days?
    hours = 40.0 * jammed[country, (quiet["shipped_at"] - START).dt.days]
    delivered = quiet["delivered_at"] + pd.to_timedelta(hours, unit="h").astype("timedelta64[ms]")
    known = np.minimum(delivered, quiet["promised_at"])
    arrived = known.dt.ceil("D") + pd.Timedelta(hours=6)
    return quiet.assign(late=delivered > quiet["promised_at"], known_at=known, arrived_at=arrived)


parcels = with_jams(3)
parcels[["placed_at", "promised_at", "late", "known_at", "arrived_at"]].head(3)

# %% [markdown]
# A parcel that is delivered in time is known to be in time when it is delivered; one that is not there at the promised moment is known to be late right then. That is `known_at`. The carriers send
# their scans every morning at 6: `arrived_at` is when our database had it. *Event time* and *arrival time* are the two clocks of each row. (Databases say *valid time* and *transaction time*, and call a table that
# keeps both *bitemporal*.)
#
# How long does the database wait? Ask of the figure: of parcels placed three days ago, what do we know?

# %%
wait = (parcels["arrived_at"] - parcels["placed_at"]).dt.total_seconds() / 86_400
wait.groupby(parcels["late"]).quantile([0.1, 0.5, 0.9]).unstack().round(1)

# %% [markdown]
# Days until one in ten, half and nine in ten were known. And the whole curve:

# %%
days = np.linspace(0, 9, 200)
figure, axis = plt.subplots(figsize=(7, 3.2), layout="constrained")
for late, line, label in [(False, "-", "in time"), (True, "--", "late")]:
    sorted_wait = np.sort(wait[parcels["late"] == late])
    share = np.searchsorted(sorted_wait, days) / len(sorted_wait)
    axis.plot(days, share, line, color="black", label=label)
axis.set(xlabel="days since the order was placed", ylabel="share known to the database (0 to 1)")
axis.set_title("When do we learn what became of a parcel?")
legend = axis.legend()

# %% [markdown]
# *In words: two rising curves. Of parcels in time the first are known before the second day is over, four in ten after three days; of late ones nobody hears in the first two and a half days, and two in ten are known
# by the third. After five days both curves are near 1.*
#
# So what we know of fresh parcels is not only little, it is lopsided: whoever has been heard of is in time.
#
# ## The obvious way
#
# The share of late parcels to the same country, of those placed in the last two days: fresh, since a jam is a matter of days. One window in SQL, as it stands in many a feature script.

# %%
NAIVE = """
    select order_id, avg(late::int) over (partition by ship_country order by placed_at
        range between interval 2 days preceding and current row) as late_share
    from parcels
"""

# %% [markdown]
# How well does it go with what it shall predict?

# %%
naive = duckdb.sql(NAIVE).df().set_index("order_id")["late_share"]
parcels["naive"] = parcels["order_id"].map(naive)
print(parcels[["late", "naive"]].corr().iloc[0, 1].round(2))

# %% [markdown]
# Three periods, each later than the one before, split by time as one should. The model is a logistic regression on the pieces, the promised days and the share. It is judged by average precision, and by money: express (4 euros, which
# avoids nine late arrivals in ten) for each parcel whose expected claim is worth it.

# %%
day = (parcels["placed_at"] - START).dt.days
period = {"train": day.between(8, 29), "validation": day.between(30, 43), "live": day >= 44}
TYPICAL = parcels.loc[period["train"], "late"].mean()
print({name: int(rows.sum()) for name, rows in period.items()}, "late in training:", TYPICAL.round(2))

# %% [markdown]
# What goes in: pieces, promised days, and one column with a share of late parcels. Where it is missing, the share of training stands in.


# %%
def inputs(table, column):
    """(n, 3): pieces, promised days, share of late parcels."""
    promised = (table["promised_at"] - table["shipped_at"]).dt.total_seconds() / 86_400
    return np.column_stack([table["items"], promised, table[column].fillna(TYPICAL)])


# %% [markdown]
# And what comes out, in money. The *claim* is what a late parcel costs.


# %%
def saved(p, table):
    """EUR saved per 1,000 parcels by express where 0.9 of the expected claim exceeds 4 EUR."""
    claim = 5 + 0.15 * table["amount"]
    return 1000 * np.where(0.9 * p * claim > 4, 0.9 * claim * table["late"] - 4, 0).mean()


# %% [markdown]
# One function fits on training rows and reports. `served` names the column that the live service has, if it is another than the one in the table.

# %%
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score


def measure(table, column, served=None):
    """Average precision and EUR on validation, and on live with the served column."""
    rows = {name: table[picked.to_numpy()] for name, picked in period.items()}
    model = LogisticRegression().fit(inputs(rows["train"], column), rows["train"]["late"])
    result = {}
    for name, feature in [("validation", column), ("live", served or column)]:
        p = model.predict_proba(inputs(rows[name], feature))[:, 1]
        result[f"AP {name}"] = average_precision_score(rows[name]["late"], p)
        result[f"EUR {name}"] = saved(p, rows[name])
    return result


# %% [markdown]
# First a column that is the same for all, that is, no route at all, then the naive one.

# %%
measured = {"none": measure(parcels.assign(none=TYPICAL), "none"), "naive": measure(parcels, "naive")}
pd.DataFrame(measured).T[["AP validation", "EUR validation"]].round(2)

# %% [markdown]
# From 0.37 to 0.64, and four times the money. The split is by time, no row is on both sides, and a reviewer would nod.
#
# **Predict before you run.** The service computes the same window, with the same SQL, from what its database holds when the customer pays. On the live weeks, will the model's average precision (a) stay
# above 0.60 (b) lose half of the gain (c) be no better than without the column?
#
# The next cell emulates the service: for each live parcel only rows that had arrived.

# %%
SERVED = """
    select d.order_id, avg(p.late::int) as late_share
    from parcels d join parcels p on p.ship_country = d.ship_country and p.arrived_at < d.placed_at
        and p.placed_at between d.placed_at - interval 2 days and d.placed_at
    where d.placed_at >= timestamp '2025-02-14'
    group by d.order_id
"""

# %% [markdown]
# Same model, same parcels; only the column is what the service had.

# %%
served = duckdb.sql(SERVED).df().set_index("order_id")["late_share"]
parcels["naive_served"] = parcels["order_id"].map(served)
measured["naive"] = measure(parcels, "naive", served="naive_served")
pd.DataFrame(measured).T.round(2)

# %% [markdown]
# It is (c), in average precision: 0.38, as without the column. Of the 1,142 euros that validation promised 732 come in, and most of these would have come without the column.
#
# What did the service see? For how many live parcels was anything known of those placed in the last two days, and what was the share of late ones among these?

# %%
live = parcels[period["live"]]
print("nothing known:", live["naive_served"].isna().mean().round(2))
print("mean share of late parcels, as served:", live["naive_served"].mean().round(3))
print("mean share of late parcels, in training:", parcels.loc[period["train"], "naive"].mean().round(3))

# %% [markdown]
# For three of four parcels nothing; for the others a share of zero, since whatever is known of a parcel so fresh is good news. Training had three leaks in one window:
#
# 1. **the row itself**: `current row` belongs to the window, so the label is in its own feature;
# 2. **rows of the same moment**: in a `range` window the current row's ties belong to it, too;
# 3. **rows that had not arrived**: placed before, known after.
#
# How much of the promise is each one's? Close them one after the other: SQL leaves rows out of a window with `exclude`, and the service's query closes the third.

# %%
closed = {"none closed": NAIVE, "1 closed": NAIVE.replace("current row", "current row exclude current row")}
closed["1 and 2 closed"] = NAIVE.replace("current row", "current row exclude group")
closed["all closed"] = SERVED.replace("2025-02-14", "2025-01-01")
promised = {}
for name, query in closed.items():
    share = parcels["order_id"].map(duckdb.sql(query).df().set_index("order_id")["late_share"])
    promised[name] = measure(parcels.assign(closed=share), "closed")["AP validation"]
pd.Series(promised, name="AP validation").round(3).to_frame()

# %% [markdown]
# The third leak is nearly the whole promise: 0.26 of 0.28. The row itself makes 0.02: it is one among all rows of two days. Ties make nothing here, where times are in milliseconds; with times cut to the day, as many a warehouse keeps them,
# the row's whole day would be in. And with all three closed the column is worth nothing (0.36): a window of two days by *event* time has hardly a row that anybody could know.
#
# ## The idea: draw the decision as a vertical line
#
# Eight parcels to one country. Each is a line from the moment it was placed to the moment its outcome arrived. Ask of the figure: which parcels may the decision at the dashed line use?

# %%
t = pd.Timestamp("2025-02-18 12:00")
near = parcels[(parcels["ship_country"] == "CH") & parcels["placed_at"].between(t - pd.Timedelta("8D"), t)]
figure, axis = plt.subplots(figsize=(7, 3.2), layout="constrained")
for height, parcel in enumerate(near.iloc[5 :: len(near) // 8][:8].itertuples()):
    color = "black" if parcel.arrived_at < t else "0.6"
    axis.plot([parcel.placed_at, parcel.arrived_at], [height, height], color=color)
    axis.plot(parcel.placed_at, height, "o", color=color)
    axis.plot(parcel.arrived_at, height, "x" if parcel.late else "s", color=color)
axis.axvline(t, linestyle="--", color="black")
axis.set(xlabel="day of 2025", ylabel="parcel", yticks=[])
axis.set_title("Which outcomes were known at the dashed line?")
axis.tick_params(axis="x", labelrotation=25)

# %% [markdown]
# *In words: lines from a circle (placed) to a square (arrived: in time) or a cross (arrived: late). Three end left of the dashed line: they are black and were known. Five cross it and are grey. All circles lie left
# of it, so an event-time filter takes all eight.*
#
# A row is known at $t$ if its *line ends* before $t$. That is one inequality, `arrived_at < t`. The event time still matters, for another question: which window a known row falls in.
#
# Strict or not? In the millisecond of the decision nobody can say what came first, and the row itself sits at exactly $t$. So: strictly before. Whatever a team chooses, it has to be written down, since both
# sides of the system must choose the same.
#
# ## Rows come again, are corrected, and ripen
#
# Three parcels to one country, in five rows. Parcel 7 was first scanned by mistake, and the carrier corrected it. The scan of parcel 8 was sent twice. That of parcel 9 came late.

# %%
rows = [(7, "02-16 09:00", "02-17 06:00", "in time"), (7, "02-16 09:00", "02-20 06:00", "late")]
rows += [(8, "02-17 10:00", "02-18 06:00", "late"), (8, "02-17 10:00", "02-19 06:00", "late")]
rows += [(9, "02-18 11:00", "02-21 06:00", "in time")]
scans = pd.DataFrame(rows, columns=["parcel", "happened", "arrived", "outcome"])
for clock in ("happened", "arrived"):
    scans[clock] = pd.to_datetime("2025-" + scans[clock]).dt.as_unit("ms")

# %% [markdown]
# What did the database believe on 19 February at noon? First drop what had not arrived. Then, of each parcel, keep the version that arrived last. A row that was sent twice goes by the same rule.

# %%
noon = pd.Timestamp("2025-02-19 12:00").as_unit("ms")
believed = scans[scans["arrived"] < noon].sort_values("arrived").drop_duplicates("parcel", keep="last")
believed

# %% [markdown]
# Parcel 8 counts once, and from its *first* arrival on, the 18th, whatever comes again. Parcel 7 was *in time* as far as anyone knew. Today's table, which has one row for each parcel, cannot say that any more. **Predict:** what is left of parcel 7 if the two steps change places, so that the latest version is
# taken first and the arrival asked afterwards?

# %%
today = scans.sort_values("arrived").drop_duplicates("parcel", keep="last")
today[today["arrived"] < noon]

# %% [markdown]
# Nothing: the correction of the 20th wiped out what was known on the 19th. The same happens to an as-of join on the event time. It finds the scan that *happened* last:

# %%
pd.merge_asof(pd.DataFrame({"happened": [noon]}), scans.sort_values("happened"), on="happened")

# %% [markdown]
# That scan had not arrived. Filter it away, and the decision is left with nothing, though parcel 8 was known. So the order is always: what had arrived, of that the last version, then the question.
#
# And *ripe*? At the moment of the figure, what was known of parcels of each age (in days), and what became of them?

# %%
past = parcels[parcels["placed_at"] < t]
age, known = (t - past["placed_at"]).dt.days, past["arrived_at"] < t
shares = {"known": known, "late among known": past["late"].where(known), "late in truth": past["late"]}
pd.DataFrame({name: share.astype(float).groupby(age).mean() for name, share in shares.items()}).head(8).round(
    2
)

# %% [markdown]
# Good news comes first: of the parcels of two and three days ago those that are known are late in 0.00 and 0.20 of cases, where the truth is 0.33 and 0.45. From the fifth day on both agree. A row is **ripe** when its
# outcome must be there, if nothing went wrong; here, say, seven days after the order. Whoever needs a share by event time counts ripe rows only, above and below the line. And if something did go wrong, the outcome counts from the
# later of the two moments.

# %%
ripe_at = parcels["placed_at"] + pd.Timedelta(days=7)
counts_from = np.maximum(ripe_at, parcels["arrived_at"])
print(f"ripe, and its outcome not there yet: {(parcels['arrived_at'] > ripe_at).mean():.1%} of parcels")

# %% [markdown]
# `counts_from` is a single moment for each row. That makes the next step possible: rows in the order in which they begin to count, a running sum, and one look-up for each decision.
#
# ## The right way: an as-of join
#
# Which window is honest here? Outcomes that *arrived* in the last two days: in training and in service these are the same rows. Count how many outcomes had arrived on each route, as a running sum by arrival.

# %%
RUNNING = """
    select ship_country, arrived_at, count(*) over past as known, sum(late::int) over past as late
    from parcels window past as (partition by ship_country order by arrived_at)
"""
running = duckdb.sql(RUNNING).df()

# %% [markdown]
# Each morning's file makes one step. Austria:

# %%
running[running["ship_country"] == "AT"].drop_duplicates().head(4)

# %% [markdown]
# All rows of one morning show the same sum: a window with `order by` and no frame takes in the ties. With `rows` in place of `range` the rows of one file would each show another number, in an order that nobody defined.
#
# An **as-of join** gives each decision the last row before it. In DuckDB it has equalities and one inequality, and takes the nearest match; the window is the difference of two of them.

# %%
AS_KNOWN = """
    select d.order_id,
        (now.late - coalesce(old.late, 0)) / nullif(now.known - coalesce(old.known, 0), 0) as late_share
    from parcels d
    asof left join running now on now.ship_country = d.ship_country and d.placed_at > now.arrived_at
    asof left join running old
        on old.ship_country = d.ship_country and d.placed_at - interval 2 days > old.arrived_at
"""

# %% [markdown]
# One row for each parcel, none lost and none doubled:

# %%
as_known = duckdb.sql(AS_KNOWN).df().set_index("order_id")["late_share"]
parcels["as_known"] = parcels["order_id"].map(as_known)
print("decisions:", len(as_known), " without a known outcome:", int(as_known.isna().sum()))

# %% [markdown]
# `left` keeps parcels to countries of which nothing was known, and `nullif` makes the share missing where nothing arrived in the two days, in place of 0 / 0. `d.placed_at > now.arrived_at` is strict, and no order of a sort decides anything. pandas has the same in `merge_asof`: `direction="backward"` is the default
# and right, `allow_exact_matches=True` is the default and wrong here.
#
# **Predict before you run.** On validation, will the honest column be (a) better than the naive one (b) between none and naive (c) worse than none? And on live?

# %%
measured["as_known"] = measure(parcels, "as_known")
pd.DataFrame(measured).T.round(2)

# %% [markdown]
# On validation (b), by far less than the naive promise. And live it is the best: 0.49 against 0.38, some 230 euros per 1,000 parcels more than the naive one. The honest score was not the price of honesty; it was the
# news that the dishonest one had kept back.
#
# Was it luck? Four other draws of jams.


# %%
def columns_of(parcels):
    """The parcels with the three columns: naive, as the service would see it, and as known."""
    running = duckdb.sql(RUNNING).df()  # noqa: F841
    found = {}
    for name, query in [("naive", NAIVE), ("naive_served", SERVED), ("as_known", AS_KNOWN)]:
        share = duckdb.sql(query).df().set_index("order_id")["late_share"]
        found[name] = parcels["order_id"].map(share)
    return parcels.assign(**found)


# %% [markdown]
# For each draw both columns, on validation and live.

# %%
spread = {}
for seed in (0, 1, 2, 4):
    other = columns_of(with_jams(seed))
    for name, at_service in [("naive", "naive_served"), ("as_known", None)]:
        score = measure(other, name, at_service)
        spread[name, seed] = {"validation": score["AP validation"], "live": score["AP live"]}
pd.DataFrame(spread).T.unstack().round(2)

# %% [markdown]
# In each draw the naive column promises more on validation and brings less live. How much less depends on the jams: a leak is not always dear. What is always so is that its validation score says nothing.
#
# ## Prove it: change the future
#
# Reading SQL is slow, and leaks hide in what looks right. There is a test that needs no reading. Take a moment. Change, add or delete whatever had not arrived by then; the features of decisions before it must not
# move, not in the last digit. The next cell turns each outcome that had not arrived into its opposite.
#
# **Predict before you run.** For which share of the decisions in the five days before will the naive column move: (a) a few (b) a third (c) more than two thirds?

# %%
moment = pd.Timestamp("2025-02-10 12:00")
other_future = parcels.assign(late=parcels["late"] ^ (parcels["arrived_at"] >= moment))
changed = columns_of(other_future)

# %% [markdown]
# Now the comparison, number by number.

# %%
before = parcels["placed_at"].between(moment - pd.Timedelta("5D"), moment)
for name in ("naive", "as_known"):
    moved = ~np.isclose(
        parcels.loc[before, name], changed.loc[before, name], rtol=0, atol=1e-12, equal_nan=True
    )
    print(f"{name:9} moved for {moved.mean():.1%} of {before.sum():,} decisions")

# %% [markdown]
# It is (c): nearly four in five, and none with the honest one. Put this test beside the job, on real rows, every night: it finds also the leaks that nobody has thought of, such as a table that a colleague overwrites in place.
#
# The other direction belongs to it: change a row that *was* known, and something must move. A column of zeros has no leak.

# %%
other_past = parcels.assign(late=parcels["late"] ^ (parcels["arrived_at"] < moment))
moved = (columns_of(other_past).loc[before, "as_known"] - parcels.loc[before, "as_known"]).abs() > 1e-12
print(f"as_known moved for {moved.mean():.0%}, after each outcome that was known was turned")

# %% [markdown]
# ## Write it down
#
# What does a colleague need who finds this table in a year? The rule, in words that can be checked; from when to when; how many rows, how many gaps; and the hash of the very file, since tables are built
# again and scores are compared across builds.

# %%
import hashlib
import tempfile
from pathlib import Path

file = Path(tempfile.mkdtemp()) / "parcels.parquet"
parcels[["order_id", "placed_at", "late", "as_known"]].to_parquet(file, index=False)
data_sha256 = hashlib.sha256(file.read_bytes()).hexdigest()

# %% [markdown]
# The run holds the file itself, and what it takes to judge it.

# %%
import mlflow

with mlflow.start_run(run_name="late share as known"):
    mlflow.log_params({"as_of_rule": "arrived_at < placed_at", "window": "arrived in the last 2 days"})
    mlflow.log_params({"first": str(parcels["placed_at"].min()), "last": str(parcels["placed_at"].max())})
    mlflow.log_param("data_sha256", data_sha256)
    mlflow.log_metrics({"rows": len(parcels), "missing_as_known": parcels["as_known"].isna().mean()})
    mlflow.log_metrics({key.replace(" ", "_"): value for key, value in measured["as_known"].items()})
    mlflow.log_artifact(str(file))

# %% [markdown]
# ## In production
#
# - **Keep the arrival.** Whoever loads a table writes when; nothing can be rebuilt as known from a table that is overwritten in place. A source that only offers its present state has to be copied every day, from today on.
# - **One definition, two uses.** The query that makes training rows and the one that serves a live parcel should be one text. Else they drift apart, and nobody is paged.
# - **Log what was served.** Store the feature beside the decision, and compare it with what the training job says of the same order a week later. The share that differs is the best leak monitor there is; at three in the
#   morning it also tells of a file that did not come.
# - **A feed that is late changes the feature, not the label.** When the scans come at noon in place of 6, the honest column is honest still, and poorer. Watch the age of the newest arrival of each source.
# - **At a hundred times the rows** a self-join has ten thousand times the pairs; running sums and as-of joins take one sort for each key. Build by day, and only the new day.
#
# ## When this advice is wrong
#
# - **Arrival times that are no arrival times.** A back-fill stamps ten years with the day of the back-fill: as known then means nothing known. Take the time that the row *would* have arrived, from the feed's usual delay, and say so.
# - **The decision can wait.** If a person looks at the parcel next morning, the moment of the decision is next morning. Ask when the feature is read, not when the order is placed.
# - **Analysis, not prediction.** Why were parcels late in January? For that take all that is known today.
# - **Facts that never change.** The day of the week has one clock.
#
# ## Close
#
# You can now tell what happened from what was known, build a feature as it was known, with its boundaries stated, and prove it by changing the future.
#
# From memory:
#
# 1. A table has event times alone. Which leak can you not find in it, and what do you ask the owner for?
# 2. Why was the served naive share zero, where training had nearly a half?
# 3. An as-of join on the event time, then a filter on the arrival: which row do you lose?
#
# Now the exercise: `mle start point-in-time`, then `mle check point-in-time`.
#
# **Sources**
#
# - R. T. Snodgrass, *Developing Time-Oriented Database Applications in SQL*, Morgan Kaufmann 1999: chapter 8, the tracking log (from page 219); chapter 9, transaction-time state tables (from page 253).
#   Shorter: *Managing Temporal Data*, TimeCenter TR-28, 1998, on valid time and transaction time.
# - DuckDB documentation, *AsOf Join*: equalities and an inequality, at most one match for each left row, `asof left join`.
# - pandas 3 documentation, *pandas.merge_asof*: `direction="backward"` takes the last row "less than or equal"; `allow_exact_matches`.
# - S. Kaufman, S. Rosset, C. Perlich, O. Stitelman, *Leakage in data mining: formulation, detection, and avoidance*, ACM TKDD 6(4), 2012, article 15: leakage as information on
#   the target that should not be legitimately available; how to avoid it by data management and learn-predict separation.
