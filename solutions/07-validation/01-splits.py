# ---
# title: "How good will the model be on customers and weeks it has never met?"
# minutes: 60
# data: [tidewater]
# needs: [walking-skeleton]
# leaves: [splits.py]
# runs_on: []
# sources:
#   - "scikit-learn 1.9, User Guide, Cross-validation: evaluating estimator performance, sections on grouped data and on
#     time series data"
#   - "Lopez de Prado (2018), Advances in Financial Machine Learning, Wiley, chapter 7, Cross-Validation in Finance
#     (purging and embargo)"
#   - "Roberts et al. (2017), Cross-validation strategies for data with temporal, spatial, hierarchical, or phylogenetic
#     structure, Ecography 40(8), pages 913-929"
# hints:
#   - "Part 1: draw five rows on a line of time, with a fold and its start. For each other row ask three questions: was it placed
#     before the start, was its label known by then, and is its customer in the fold? Part 2 asks the same questions of other
#     people's folds. Part 3: which of the two numbers resembles the day on which the model goes live?"
#   - "Part 1: cut the different moments from start on, not the rows, into n_splits pieces; a fold is all rows whose time lies between
#     the first and the last moment of its piece, both included. Compare times with times and never with places. Part 2:
#     .iloc or arrays, since folds hold positions. Part 3: cross_val_score takes your splitter as cv and the customers as groups."
#   - "when = X[self.time].reset_index(drop=True); moments = np.sort of the different ones, those from start on; for piece in
#     np.array_split(moments, n_splits): inside = when.between(piece[0], piece[-1]); may = when + embargo < piece[0], for both_sides also
#     when > piece[-1] + embargo; may &= ~groups.isin(groups[inside]); yield np.flatnonzero(may), np.flatnonzero(inside)."
# ---

# %% [markdown]
# # How good will the model be on customers and weeks it has never met?
#
# The shop's fraud model has an AUC of 0.98 in five-fold cross-validation. (AUC: of one fraud and one honest order, how often does the
# fraud get the higher score?) In its first months it reached 0.6. Nothing had broken. The number was wrong, since its
# folds had let the model meet what it was asked about: the same thieves, the same weeks, labels that no one had yet.
#
# You write the splitter that lets none of this through, check with it what others hand in, and choose a model by it.
#
# Three facts about these orders decide what a fold may look like:
#
# - **Time.** The model is trained, and then used on orders that come later.
# - **Labels are late.** Fraud becomes known by a chargeback, up to and including 60 days after the order. So a label is settled only when the
#   order is *older* than 60 days; at exactly 60 days a chargeback may be coming in. This span is the *embargo*.
# - **Customers.** Regular customers go another way, past this model. It decides about customers that it has not met, so it must be measured on such.
#
# The three parts take about an hour. Run `mle check splits` as often as you like. They need no orders but those that you make up; at the end your splitter meets orders
# of the shop, and you see what it changes.

# %%
import grader

grader.begin("splits")

import mlflow
import numpy as np
import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import KFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from tidewater import make_world

# %% [markdown]
# ## 1. The splitter
#
# Deliver `splits.py` with a class `GroupedTimeSplit` that scikit-learn takes as `cv`:
#
# ```python
# cv = GroupedTimeSplit(5, time="placed_at", embargo=pd.Timedelta(days=60), start=pd.Timestamp("2025-03-27"))
# cross_val_score(model, orders, orders["is_fraud"], groups=orders["customer_id"], cv=cv)
# ```
#
# | | type | what |
# | --- | --- | --- |
# | `n_splits` | int from 1 | number of folds |
# | `time` | name of a column of `X` | when each row was placed: datetimes, with or without a time zone, to any unit |
# | `embargo` | `pd.Timedelta` from 0 | a label is settled when its row is older than this |
# | `start` | `pd.Timestamp`, with the zone of `X[time]` | when validation begins |
# | `both_sides` | bool, default False | see below |
#
# `split(X, y=None, groups=None)` takes a DataFrame `X` of n rows in any order and with any index, and the customers as `groups`, array or Series
# of shape `(n,)`, in the order of the rows. It gives `n_splits` pairs of int arrays (training, validation), as a generator or a list. Both hold *positions* from 0 to n - 1, in any
# order. `get_n_splits(X=None, y=None, groups=None)` gives the number of folds. No customer is missing. `X` stays as it is, and no call leaves
# anything behind for the next one, which may come with another table.
#
# **Validation.** The folds follow each other in time, the earliest first. Together they are all rows placed at `start` or later, the very last included, each in exactly one
# fold. Rows of one moment share a fold, and no fold is empty. Cut by rows, by moments or by calendar days, as you like. Where orders come evenly, no fold has more rows than twice
# an equal share of them plus one day; where they come in crowds the sizes are free.
#
# **Training.** Call the moment of a fold's earliest row its *begin*, and the moment `begin - embargo` its *cut*. A training row is placed before the
# cut, and so before the fold; at exactly the cut the label is not settled. No customer of the fold is in its training rows: such rows leave the training, not the fold.
#
# **Waste nothing.** Each row that may train does, with two exceptions that you are free to make. If you cut at midnights, rows less than a day from the cut may be lost, and
# likewise those that could just begin to train after a fold (below). And the window may *slide* instead of expanding: rows may be left out that lie further before the cut than the
# table's earliest row lies before the cut of the first fold. Both are spans of time, not numbers of rows.
#
# **`both_sides=True`** is for choosing where frauds are rare: rows *after* a fold train, too. But the features of a later order hold history, such as the fraud seen at this address
# in the last 60 days, and so labels of the fold. So a row after the fold trains only if it is placed more than `embargo` after the fold's last row, and not by a customer
# of the fold. What trains before the fold stays as it was; where nothing does, the rows after it are enough.
#
# **Refuse.** `split` raises ValueError, with a sentence that says why, if `groups` is None, if a time is missing, if there are fewer different moments (or days, if you cut by
# days) from `start` on than folds, or if a fold has no training row. A generator may raise when it gets there.

# %% answer="splits" file="splits.py"
"""Folds for rows with a time, a customer and a label that settles late."""

import numpy as np
import pandas as pd


class GroupedTimeSplit:
    """Cross-validation folds that follow each other in time, for customers that training has not met.

    n_splits: number of folds. time: name of the datetime column of X. embargo: pd.Timedelta, age that a row must
    exceed for its label to be settled. start: pd.Timestamp, when validation begins. both_sides: train on rows
    after the fold, too, from more than embargo after its last row.
    """

    def __init__(self, n_splits=5, *, time, embargo, start, both_sides=False):
        self.n_splits = n_splits
        self.time = time
        self.embargo = embargo
        self.start = start
        self.both_sides = both_sides

    def get_n_splits(self, X=None, y=None, groups=None):
        """The number of folds."""
        ### BEGIN SOLUTION
        return self.n_splits
        ### END SOLUTION

    def split(self, X, y=None, groups=None):
        """Pairs of int arrays (training, validation), positions in X.

        X: DataFrame with the column `time`, n rows in any order. groups: customers, shape (n,).
        Raises ValueError if groups or a time is missing, if there are too few moments, if a fold has no training row.
        """
        ### BEGIN SOLUTION
        if groups is None:
            raise ValueError("groups is None: pass the customer of each row")
        when, who = X[self.time].reset_index(drop=True), pd.Series(np.asarray(groups))
        if when.isna().any():
            raise ValueError(f"{when.isna().sum()} rows have no time in the column {self.time}")
        moments = when[when >= self.start].drop_duplicates().sort_values()
        if len(moments) < self.n_splits:
            raise ValueError(f"{len(moments)} moments from start on are too few for {self.n_splits} folds")
        for part in np.array_split(np.arange(len(moments)), self.n_splits):
            first, last = moments.iloc[part[0]], moments.iloc[part[-1]]
            inside = when.between(first, last)
            may = when + self.embargo < first
            if self.both_sides:
                may |= when > last + self.embargo
            may &= ~who.isin(who[inside])
            if not may.any():
                raise ValueError(f"the fold that begins at {first} has no training row")
            yield np.flatnonzero(may), np.flatnonzero(inside)
        ### END SOLUTION


# %% shared="folds_of"
def folds_of(table, groups, n_splits, arguments):
    """Lists of (training, validation) of the delivered splitter, get_n_splits, and whether the table is as before.

    What it raised comes back as text, with # for each number.
    """
    import importlib.util
    import re

    import numpy as np

    spec = importlib.util.spec_from_file_location("splits_as_delivered", "splits.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    before = table.copy()
    try:
        splitter = module.GroupedTimeSplit(n_splits, time="placed_at", **arguments)
        pairs = [(training, validation) for training, validation in splitter.split(table, groups=groups)]
        folds = [[np.asarray(part).tolist() for part in pair] for pair in pairs]
        return [folds, splitter.get_n_splits(), table.equals(before)]
    except NotImplementedError:
        raise
    except Exception as error:
        return re.sub(r"\d+", "#", f"{type(error).__name__}: {error}")[:200]


# %% test="validation_folds" of="splits" points=2
import numpy as np
import pandas as pd
from grader import expect


# shared: folds_of


days = [40, 3, 43, 1, 70, 2, 62]
small = pd.DataFrame({"placed_at": pd.Timestamp("2025-01-01") + pd.to_timedelta(days, unit="D")})
found = expect.beside(
    folds_of,
    small,
    list("hacadbb"),
    2,
    {"embargo": pd.Timedelta(days=10), "start": pd.Timestamp("2025-02-05")},
)
expect.true(
    type(found) is list,
    got=found if type(found) is str else "folds",
    expected="folds",
    what="split of seven rows into two folds",
    why="the arguments are as the text allows, so that folds can be made",
    look_at="what your code raised, if it raised, or which case you refuse",
)
found, number, unchanged = found
expect.true(
    unchanged,
    got="a changed table",
    expected="X as it was before",
    what="X after split",
    why="the table is the caller's, and a column more would be a feature more",
    look_at="where you assign to X",
)
expect.equal(
    [sorted(validation) for _, validation in found],
    [[0, 2], [4, 6]],
    what="the validation folds of two splits from day 35 on, for rows of the days 40, 3, 43, 1, 70, 2, 62",
    why="the rows of the days 40 and 43 come first, then those of 62 and 70, all as positions",
    look_at="what you sort by, and the last row",
)
expect.equal(number, 2, what="get_n_splits()", why="there are two folds", look_at="what it returns")
### BEGIN HIDDEN TESTS
rng = expect.rng()
begin = pd.Timestamp("2025-01-01")


def hidden_tables():
    """(what is special, times, even): times of some 400 rows over 200 days, in no order."""
    span = 200 * 86_400
    even = pd.Series(begin + pd.to_timedelta(rng.integers(0, span, 400), unit="s"))
    yield "rows in any order, an index of its own", even, True
    yield "many orders in one second", pd.Series(rng.choice(even[:90], 400)), False
    gaps = even[~even.between("2025-05-01", "2025-05-31")]
    yield "30 days without an order", gaps.reset_index(drop=True), False
    yield "days without hours", even.dt.floor("D"), True
    yield (
        "times in a zone, to the millisecond",
        even.dt.tz_localize("UTC").dt.tz_convert("Asia/Tokyo").dt.as_unit("ms"),
        True,
    )
    # One hour of the clock comes twice in the night to 26 October 2025.
    night = pd.Timestamp("2025-10-26 01:30", tz="UTC")
    minutes = [np.arange(-60, 62, 2), rng.integers(62, 30_000, 180), -rng.integers(60_000, 200_000, 150)]
    times = pd.Series(night + pd.to_timedelta(rng.permutation(np.concatenate(minutes)), unit="min"))
    yield "an hour that the clock shows twice", times.dt.tz_convert("Europe/Berlin"), False


for number, (special, times, even) in enumerate(hidden_tables()):
    for n_splits in ((1, 3), (2, 7))[number % 2]:
        start = times.sort_values().iloc[int(0.55 * len(times))]
        if "twice" in special:  # the second 02:30 of that night
            start = pd.Timestamp("2025-10-26 01:30", tz="UTC").tz_convert("Europe/Berlin")
        frame = pd.DataFrame({"placed_at": times.to_numpy() if times.dt.tz is None else times})
        frame["amount"] = rng.uniform(1, 99, len(times))
        frame.index = rng.permutation(10 * len(times))[: len(times)] + 5
        who = rng.permutation(len(times))
        arguments = {"embargo": pd.Timedelta(days=20), "start": start}
        case = f"{n_splits} folds, {special}"
        found = expect.beside(folds_of, frame, who, n_splits, arguments)
        expect.true(
            type(found) is list,
            got="an exception",
            expected="folds",
            what=f"split, {case}: {found if type(found) is str else 'folds'}",
            why="the arguments are as the text allows, so that folds can be made",
            look_at="what your code raised, if it raised, or which case you refuse",
        )
        found, given_number, _ = found
        expect.equal(
            [len(found), given_number],
            [n_splits, n_splits],
            what=f"the number of folds given, and get_n_splits(): {case}",
            why="n_splits is the number of validation folds",
            look_at="the last fold",
        )
        given = [place for _, validation in found for place in validation]
        expect.true(
            all(type(place) is int and 0 <= place < len(times) for place in given),
            got="something else",
            expected="whole numbers from 0 to n - 1",
            what=f"the validation folds: {case}",
            why="scikit-learn takes positions, and the index of the table is another thing",
            look_at="whether you return labels of the index",
        )
        expect.equal(
            len(given),
            len(set(given)),
            what=f"the rows in all validation folds, and the different ones: {case}",
            why="each row is judged once",
            look_at="the boundary between two folds",
        )
        wanted = np.flatnonzero(times >= start).tolist()
        expect.equal(
            sorted(given),
            wanted,
            what=f"the rows of all validation folds: {case}",
            why="they are all rows placed at start or later, the last one included, whoever placed them",
            look_at="the first and the last row, and whether rows leave a fold instead of the training",
        )
        expect.true(
            all(validation for _, validation in found),
            got="an empty fold",
            expected="folds with rows",
            what=f"the validation folds: {case}",
            why="there are more different moments than folds",
            look_at="what you cut: the moments that occur, or a line of time with gaps",
        )
        spans = [(times[validation].min(), times[validation].max()) for _, validation in found]
        expect.true(
            all(before[1] < after[0] for before, after in zip(spans, spans[1:], strict=False)),
            got="folds that overlap in time or share a moment",
            expected="each fold later than the one before",
            what=f"the spans of the folds: {case}",
            why="folds follow each other in time, and rows of one moment share a fold",
            look_at="what you sort by, and rows of one moment at a boundary",
        )
        if even:
            share, busiest = len(wanted) / n_splits, times.dt.floor("D").value_counts().max()
            expect.true(
                max(len(validation) for _, validation in found) <= 2 * share + busiest,
                got="a fold with more than twice its share",
                expected="folds of about equal size",
                what=f"the sizes of the folds: {case}",
                why="orders come evenly, so folds are of about equal size",
                look_at="where you cut",
            )
few = pd.DataFrame({"placed_at": begin + pd.to_timedelta([0, 1, 2, 100, 100, 130, 160], unit="D")})
arguments = {"embargo": pd.Timedelta(days=20), "start": few["placed_at"][3]}
found = expect.beside(folds_of, few, list("abcdefg"), 3, arguments)
expect.true(
    type(found) is list and [sorted(validation) for _, validation in found[0]] == [[3, 4], [5], [6]],
    got="other folds",
    expected="a fold for each moment",
    what="split, as many moments from start on as folds" + (f": {found}" if type(found) is str else ""),
    why="only fewer moments than folds are too few",
    look_at="how you compare the number of moments with n_splits",
)
### END HIDDEN TESTS

# %% test="training_rows" of="splits" points=3
import numpy as np
import pandas as pd
from grader import expect


# shared: folds_of


days = [40, 3, 43, 1, 70, 2, 62]
small = pd.DataFrame({"placed_at": pd.Timestamp("2025-01-01") + pd.to_timedelta(days, unit="D")})
found = expect.beside(
    folds_of,
    small,
    list("hacadbb"),
    2,
    {"embargo": pd.Timedelta(days=10), "start": pd.Timestamp("2025-02-05")},
)
expect.true(
    type(found) is list,
    got=found if type(found) is str else "folds",
    expected="folds",
    what="split of seven rows into two folds",
    why="the arguments are as the text allows, so that folds can be made",
    look_at="what your code raised, if it raised, or which case you refuse",
)
found = found[0]
expect.equal(
    [sorted(found[0][0]), sorted(set(found[1][0]) - {1, 3})],
    [[1, 3, 5], [0, 2]],
    what="the training rows, days 40, 3, 43, 1, 70, 2, 62, customers h, a, c, a, d, b, b, embargo 10 days; in the second fold "
    "without the days 1 and 3, which a sliding window may leave out",
    why="the second fold, from day 62, is of the customers b and d, so that day 2, of b, leaves its training",
    look_at="the customers of each fold, and the moment from which you count the embargo",
)
### BEGIN HIDDEN TESTS
rng = expect.rng()
DAY = pd.Timedelta(days=1)


def hidden_tables():
    """(what is special, times, customers, embargo) of some 500 rows, in no order."""
    begin, n = pd.Timestamp("2025-01-01"), 500
    even = pd.Series(begin + pd.to_timedelta(rng.integers(0, 260 * 86_400, n), unit="s"))
    few = rng.integers(0, 120, n)
    yield "customers that come back", even, few, 30 * DAY
    uneven = np.minimum(rng.geometric(0.02, n), 200) * 7 + 10**6
    yield "few customers with many orders, many with one", even, uneven, 45 * DAY
    one = pd.Series(np.where(rng.random(n) < 0.5, "x", [f"c{k}" for k in rng.integers(0, 300, n)]))
    one[even < begin + 40 * DAY] = "early"
    yield "one customer with half of the orders, customers with names", even, one.tolist(), 25 * DAY
    burst = even.where(rng.random(n) < 0.4, begin + pd.to_timedelta(rng.integers(150, 156, n), unit="D"))
    yield "more than half of the rows within six days", burst, np.arange(n), 30 * DAY
    yield (
        "30 days without an order",
        even.where(~even.between("2025-05-10", "2025-06-09"), begin + 10 * DAY),
        few,
        20 * DAY,
    )
    yield "no embargo", even, few, 0 * DAY
    yield "an embargo of hours", even.dt.floor("h"), np.arange(n), pd.Timedelta(hours=60)
    yield "days without hours", even.dt.floor("D"), few, 40 * DAY
    # In the night to 30 March 2025 the clock in Berlin jumps an hour ahead: a span of 20 days has an hour less of clock.
    spring = pd.Timestamp("2025-03-31 09:00", tz="Europe/Berlin").tz_convert("UTC")
    steps = pd.to_timedelta(np.concatenate([[0], rng.integers(0, 40 * 1440, 200)]), unit="min")
    back = pd.to_timedelta(np.concatenate([np.arange(1, 60), rng.integers(60, 40 * 1440, 240)]), unit="min")
    local = pd.Series((spring + steps).append(spring - 20 * DAY + pd.Timedelta(minutes=30) - back))
    yield "a clock that jumps", local.dt.tz_convert("Europe/Berlin"), np.arange(n), 20 * DAY


for number, (special, times, customers, embargo) in enumerate(hidden_tables()):
    for n_splits in ((3,), (1, 6))[number % 2]:
        start = times.sort_values().iloc[int(0.6 * len(times))]
        customers = pd.Series(customers)
        if special == "a clock that jumps":
            start = pd.Timestamp("2025-03-31 09:00", tz="Europe/Berlin")
        # Rows just at the embargo, a second more, a second less, by customers of their own.
        edge = [start - embargo + pd.Timedelta(seconds=step) for step in (-1, 0, 0, 1)] + [start]
        when = pd.concat([times, pd.Series(edge).astype(times.dtype)], ignore_index=True)
        own = [f"edge{step}" for step in range(5)] if isinstance(customers[0], str) else range(-5, 0)
        who = pd.concat([customers, pd.Series(own)], ignore_index=True)
        mixed = rng.permutation(len(when))
        when, who = when.iloc[mixed].reset_index(drop=True), who.iloc[mixed].reset_index(drop=True)
        frame = pd.DataFrame({"placed_at": when})
        frame.index = rng.permutation(len(when)) + 1000
        arguments = {"embargo": embargo, "start": start}
        case = f"{n_splits} folds, {special}"
        groups = who.to_numpy() if number % 3 else who.set_axis(rng.permutation(frame.index))
        if not number % 3:
            case += ", groups a Series with another index"
        found = expect.beside(folds_of, frame, groups, n_splits, arguments)
        expect.true(
            type(found) is list,
            got="an exception",
            expected="folds",
            what=f"split, {case}: {found if type(found) is str else 'folds'}",
            why="the arguments are as the text allows, so that folds can be made",
            look_at="what your code raised, if it raised, or which case you refuse",
        )
        found = found[0]
        expect.equal(
            [len(found), min(len(validation) for _, validation in found) > 0],
            [n_splits, True],
            what=f"the number of folds, and whether each has rows: {case}",
            why="without a fold nothing can be said about its training",
            look_at="the test of the validation folds",
        )
        reach = None
        moment = (when if when.dt.tz is None else when.dt.tz_convert("UTC").dt.tz_localize(None)).to_numpy()
        buyer, span, day = pd.factorize(who)[0], embargo.to_timedelta64(), DAY.to_timedelta64()
        for training, validation in found:
            expect.true(
                all(type(place) is int and 0 <= place < len(when) for place in [*training, *validation])
                and len(set(training)) == len(training),
                got="something else",
                expected="different whole numbers from 0 to n - 1",
                what=f"the training rows of a fold: {case}",
                why="scikit-learn takes positions, and a row trains once",
                look_at="whether you return labels of the index",
            )
            training, validation = np.array(training, dtype=int), np.array(validation, dtype=int)
            first = moment[validation].min()
            expect.true(
                bool((moment[training] < first).all()),
                got="a training row from the fold's time or later",
                expected="training rows before the fold",
                what=f"the training rows of a fold: {case}",
                why="the model is trained before it is used",
                look_at="what you compare: times, or places in the table",
            )
            shared = np.isin(buyer[training], buyer[validation])
            expect.equal(
                int(shared.sum()),
                0,
                what=f"customers of a fold that are in its training rows: {case}",
                why="the model will meet customers that it does not know",
                look_at="by what you take rows out of the training",
            )
            expect.true(
                bool((moment[training] + span < first).all()),
                got="a training row whose label was not settled",
                expected="training rows older than the embargo",
                what=f"the training rows of a fold: {case}",
                why="at exactly the embargo a chargeback may be coming in, and an hour of the clock is not always an hour",
                look_at="the sign at the cut, its unit, and the moment from which you count",
            )
            cut = first - span
            reach = cut - moment.min() if reach is None else reach
            may = (moment < cut) & ~np.isin(buyer, buyer[validation])
            oldest = moment[training].min() if len(training) else cut
            must = may & (moment < cut - day) & ((moment >= cut - reach + day) | (moment > oldest))
            expect.equal(
                int(must.sum() - must[training].sum()),
                0,
                what=f"rows that may train, must train and do not: {case}",
                why="only a day at the cut may be lost, and what a window of the first fold's length leaves behind",
                look_at="rows of customers that are not in this fold, and the length of your window",
            )
### END HIDDEN TESTS

# %% test="training_after_the_fold" of="splits" points=2
import numpy as np
import pandas as pd
from grader import expect


# shared: folds_of


days = [1, 2, 40, 43, 52, 61]
small = pd.DataFrame({"placed_at": pd.Timestamp("2025-01-01") + pd.to_timedelta(days, unit="D")})
arguments = {"embargo": pd.Timedelta(days=10), "start": pd.Timestamp("2025-02-05"), "both_sides": True}
found = expect.beside(folds_of, small, list("abcbef"), 2, arguments)
expect.true(
    type(found) is list,
    got=found if type(found) is str else "folds",
    expected="folds",
    what="split of six rows into two folds, both_sides=True",
    why="the arguments are as the text allows, so that folds can be made",
    look_at="what your code raised, if it raised, or which case you refuse",
)
found = found[0]
expect.equal(
    [sorted(found[0][0]), sorted(set(found[1][0]) - {0, 1})],
    [[0, 5], [2]],
    what="the training rows with both_sides=True, days 1, 2, 40, 43, 52, 61, customers a, b, c, b, e, f, two folds, embargo 10 days; "
    "in the second fold without the days 1 and 2",
    why="the first fold ends on day 43, so that of the later days 61 trains and 52 does not; the second has day 52 and cuts at day 42",
    look_at="rows after the fold, and how far after it they begin",
)
### BEGIN HIDDEN TESTS
rng = expect.rng()
DAY = pd.Timedelta(days=1)
begin, n = pd.Timestamp("2025-01-01", tz="UTC"), 600
for n_splits, embargo in ((4, 12 * DAY), (3, 12 * DAY), (3, 0 * DAY), (4, pd.Timedelta(hours=90))):
    hours = rng.integers(0, 200 * 24, n)
    if not embargo % DAY:  # whole days: some row is exactly embargo after the fold
        hours = hours // 24 * 24
    times = pd.Series(begin + pd.to_timedelta(hours, unit="h"))
    who = pd.Series(rng.integers(0, 300, n))
    frame = pd.DataFrame({"placed_at": times})
    frame.index = rng.permutation(n) + 1000
    arguments = {"embargo": embargo, "start": times.sort_values().iloc[int(0.4 * n)]}
    case = f"{n_splits} folds, embargo {embargo}, both_sides=True"
    past = expect.beside(folds_of, frame, who, n_splits, arguments)
    both = expect.beside(folds_of, frame, who, n_splits, {**arguments, "both_sides": True})
    expect.true(
        type(past) is list,
        got="an exception",
        expected="folds",
        what=f"split, {case.replace('True', 'False')}: {past if type(past) is str else 'folds'}",
        why="the arguments are as the text allows, so that folds can be made",
        look_at="what your code raised, if it raised, or which case you refuse",
    )
    expect.true(
        type(both) is list,
        got="an exception",
        expected="folds",
        what=f"split, {case}: {both if type(both) is str else 'folds'}",
        why="the arguments are as the text allows, so that folds can be made",
        look_at="what your code raised, if it raised, or which case you refuse",
    )
    past, both = past[0], both[0]
    expect.equal(
        [[sorted(validation) for _, validation in folds] for folds in (both, both)],
        [[sorted(validation) for _, validation in folds] for folds in (past, past)],
        what=f"the validation folds: {case}",
        why="they are the same as without both_sides",
        look_at="what both_sides changes",
    )
    for (before, validation), (training, _) in zip(past, both, strict=True):
        first, last = times[validation].min(), times[validation].max()
        place = np.array(training, dtype=int)
        earlier = sorted(place[(times[place] < first).to_numpy()].tolist())
        expect.equal(
            earlier,
            sorted(before),
            what=f"the training rows before a fold: {case}",
            why="rows after the fold come in addition",
            look_at="what you do with the rows before it",
        )
        later = place[(times[place] >= first).to_numpy()]
        expect.true(
            bool((times[later] > last + embargo).all()),
            got="a row of the fold, or one too near after it",
            expected="rows more than the embargo after its last row",
            what=f"the training rows after a fold: {case}",
            why="the history in a row's features reaches back over the embargo, into the fold",
            look_at="the second side: the embargo holds after the fold's last row, too",
        )
        expect.equal(
            len(set(who[later]) & set(who[validation])),
            0,
            what=f"customers of a fold that are in its training rows after it: {case}",
            why="a customer of the fold is known, whenever the other order was placed",
            look_at="the rows that you take customers out of",
        )
        must = (times > last + embargo + DAY) & ~who.isin(who[validation])
        expect.equal(
            len(set(np.flatnonzero(must)) - set(training)),
            0,
            what=f"rows after a fold that may train and do not: {case}",
            why="only a day at the cut may be lost",
            look_at="how far after the fold you begin, and where you end",
        )
rows = pd.DataFrame(
    {"placed_at": begin + pd.to_timedelta([*range(10), *range(40, 50), *range(60, 70)], unit="D")}
)
who = ["x"] * 10 + ["x", "y"] * 5 + ["z"] * 10
arguments = {"embargo": 5 * DAY, "start": begin + 40 * DAY, "both_sides": True}
found = expect.beside(folds_of, rows, who, 2, arguments)
expect.true(
    type(found) is list and sorted(found[0][0][0]) == list(range(20, 30)),
    got="other rows",
    expected="the rows after it",
    what="the training rows of a fold whose customers placed all rows before it, both_sides=True"
    + (f": {found}" if type(found) is str else ""),
    why="rows after the fold are training rows, too",
    look_at="when you refuse",
)
slides = 0 not in found[0][1][0]  # such a window is empty where nothing lies before the first fold
found = expect.beside(folds_of, rows[10:], who[10:], 2, arguments)
expect.true(
    slides or type(found) is list and sorted(found[0][0][0]) == list(range(10, 20)),
    got="other rows",
    expected="the rows after it",
    what="the training rows of a fold with no row before it, both_sides=True"
    + (f": {found}" if type(found) is str else ""),
    why="rows after the fold are enough to train on",
    look_at="when you refuse",
)
### END HIDDEN TESTS

# %% test="refusals" of="splits" points=1
import pandas as pd
from grader import expect


def reason(table, groups, n_splits, arguments):
    """The sentence of the ValueError that the delivered splitter raises, or "" and what happened instead."""
    import importlib.util
    import re

    spec = importlib.util.spec_from_file_location("splits_as_delivered", "splits.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    try:
        splitter = module.GroupedTimeSplit(n_splits, time="placed_at", **arguments)
        for _ in splitter.split(table, groups=groups):
            pass
    except NotImplementedError:
        raise
    except Exception as error:
        found = re.sub(r"\d+", "#", f"{type(error).__name__}: {error}")[:200]
        return [isinstance(error, ValueError) and len(str(error).split()) >= 3, found]
    return [False, "no exception"]


days = pd.DataFrame({"placed_at": pd.Timestamp("2025-01-01") + pd.to_timedelta(range(40), unit="D")})
usual = {"embargo": pd.Timedelta(days=10), "start": pd.Timestamp("2025-01-21")}
refused, found = expect.beside(reason, days, None, 3, usual)
expect.true(
    refused,
    got=found,
    expected="a ValueError with a sentence",
    what="split(orders) without groups",
    why="without customers nobody can tell who is known, and a silent answer would be wrong",
    look_at="what you do first",
)
### BEGIN HIDDEN TESTS
people = list(range(40))
late = days.assign(placed_at=days["placed_at"].where(days.index != 33))
early = days.assign(placed_at=days["placed_at"].where(days.index != 3))
own = {**usual, "embargo": pd.Timedelta(days=19)}
later = [0] * 20 + list(range(1, 19)) + [0, 0]
MISSING = {
    "a time missing among the late rows": (late, people, 3, usual),
    "a time missing among the early rows": (early, people, 3, usual),
}
FEW = {
    "4 moments from start on and 5 folds": (days[:24], people[:24], 5, usual),
    "50 rows of one moment and 2 folds": (days.loc[[0] * 50 + [39] * 50], list(range(100)), 2, usual),
    "no row from start on": (days[:15], people[:15], 1, usual),
}
EMPTY = {
    "no row older than the embargo": (days, people, 3, {**usual, "embargo": pd.Timedelta(days=30)}),
    "training rows of the fold's customers only": (days, [0] * 40, 1, usual),
    "a later fold without training rows": (days, later, 2, own),
}


def say(case, found):
    """The words of a check."""
    return {
        "got": "no refusal",
        "expected": "a ValueError with a sentence",
        "what": f"split of a table with {case}, which gave {found}",
        "why": "a ValueError of at least three words has to say why; else a wrong number is reported later",
        "look_at": "what you check before you give a fold",
    }


for case, arguments in MISSING.items():
    refused, found = expect.beside(reason, *arguments)
    expect.true(refused, **say(case, found))
for case, arguments in FEW.items():
    refused, found = expect.beside(reason, *arguments)
    expect.true(refused, **say(case, found))
for case, arguments in EMPTY.items():
    refused, found = expect.beside(reason, *arguments)
    expect.true(refused, **say(case, found))
### END HIDDEN TESTS


# %% shared="ring_shop"
def ring_shop(days, rings, honest):
    """Orders of honest customers and of rings; a ring is 12 orders in 12 days, 3 accounts, one address and phone."""
    regular = np.repeat(np.arange(honest), rng.integers(1, 8, honest))
    ring = np.repeat(np.arange(rings), 12)
    who = np.concatenate([regular, 10**6 + 3 * ring + rng.integers(0, 3, len(ring))])
    start = rng.uniform(0, days, rings)[ring] + rng.uniform(0, 12, len(ring))
    day = np.concatenate([rng.uniform(0, days, len(regular)), start])
    fraud = np.arange(len(who)) >= len(regular)
    home = np.concatenate(
        [rng.uniform(0, 1000, (honest, 4))[regular], rng.uniform(0, 1000, (rings, 4))[ring]]
    )
    shop = pd.DataFrame(home + rng.normal(0, 0.2, home.shape), columns=["x", "y", "phone", "device"])
    shop["mark"], shop["is_fraud"], shop["customer_id"] = rng.normal(0.7 * fraud, 1), fraud, who
    shop["placed_at"] = pd.Timestamp("2025-01-01") + pd.to_timedelta((day * 86_400).astype(int), unit="s")
    shop = shop[day < days]
    return shop.sample(frac=1, random_state=int(rng.integers(2**31)))


# %% test="inside_scikit_learn" of="splits" points=2
import numpy as np
import pandas as pd
from grader import expect


def scores_of(table, groups, arguments, features, search):
    """AUC by fold of cross_val_score with the delivered splitter, and, if asked for, what GridSearchCV makes of it."""
    import importlib.util
    import re

    from sklearn.compose import make_column_transformer
    from sklearn.model_selection import GridSearchCV, cross_val_score
    from sklearn.pipeline import make_pipeline
    from sklearn.tree import DecisionTreeClassifier

    spec = importlib.util.spec_from_file_location("splits_as_delivered", "splits.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    tree = DecisionTreeClassifier(min_samples_leaf=2, random_state=0)
    model = make_pipeline(make_column_transformer(("passthrough", features)), tree)
    y = table["is_fraud"]
    try:
        cv = module.GroupedTimeSplit(4, time="placed_at", **arguments)
        found = cross_val_score(model, table, y, groups=groups, cv=cv, scoring="roc_auc").tolist()
        if not search:
            return [found, 0, []]
        depths = {"decisiontreeclassifier__max_depth": [2]}
        grid = GridSearchCV(model, depths, cv=cv, scoring="roc_auc", refit=False)
        grid.fit(table, y, groups=groups)
        return [found, grid.n_splits_, grid.cv_results_["mean_test_score"].tolist()]
    except NotImplementedError:
        raise
    except Exception as error:
        return re.sub(r"\d+", "#", f"{type(error).__name__}: {error}")[:200]


rng = np.random.default_rng(5)
table = pd.DataFrame({"placed_at": pd.Timestamp("2025-01-01") + pd.to_timedelta(np.arange(300), unit="D")})
table["a"] = rng.normal(0, 1, 300)
table["is_fraud"] = table["a"] + rng.normal(0, 1, 300) > 0.5
arguments = {"embargo": pd.Timedelta(days=60), "start": pd.Timestamp("2025-06-01")}
found = expect.beside(scores_of, table, np.arange(300), arguments, ["a"], True)
expect.true(
    type(found) is list,
    got=found if type(found) is str else "scores",
    expected="scores",
    what="cross_val_score and GridSearchCV with four splits",
    why="scikit-learn takes the splitter as cv",
    look_at="what it raised",
)
by_fold, seen, means = found
expect.equal(
    [len(by_fold), seen],
    [4, 4],
    what="the number of scores of cross_val_score, and of folds in GridSearchCV, for four splits",
    why="scikit-learn asks get_n_splits and then uses what split gives",
    look_at="how many folds split gives, and the answer of get_n_splits",
)
expect.between(
    [*by_fold, *means],
    0.0,
    1.0,
    what="the AUC by fold, and the mean AUC of GridSearchCV",
    why="each fold has rows to train on and rows to judge",
    look_at="what split gives for each fold",
)
### BEGIN HIDDEN TESTS
rng = expect.rng()
DAY = pd.Timedelta(days=1)


def both_tables(one, other, arguments):
    """Whether one object of the delivered splitter gives the folds that a new one gives: of two tables, then of the first."""
    import importlib.util

    import numpy as np

    spec = importlib.util.spec_from_file_location("splits_as_delivered", "splits.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)

    def folds(splitter, table):
        pairs = splitter.split(table, groups=table["customer_id"])
        return [[sorted(np.asarray(part).tolist()) for part in pair] for pair in pairs]

    def fresh():
        return module.GroupedTimeSplit(2, time="placed_at", **arguments)

    kept = fresh()
    return all(folds(kept, table) == folds(fresh(), table) for table in (one, other, one))


# shared: ring_shop


def later_truth(shop, now, features):
    """AUC on orders after now of a tree that has learned from labels settled by then, for customers it has not met."""
    from sklearn.metrics import roc_auc_score
    from sklearn.tree import DecisionTreeClassifier

    later = shop[shop["placed_at"] >= now]
    known = shop[(shop["placed_at"] + 60 * DAY < now) & ~shop["customer_id"].isin(later["customer_id"])]
    tree = DecisionTreeClassifier(min_samples_leaf=2, random_state=0).fit(known[features], known["is_fraud"])
    return roc_auc_score(later["is_fraud"], tree.predict_proba(later[features])[:, 1])


FEATURES = ["mark", "x", "y", "phone", "device"]
shop = ring_shop(250, 260, 1000)
now = pd.Timestamp("2025-01-01") + 210 * DAY
past = shop[shop["placed_at"] < now]
arguments = {"embargo": 60 * DAY, "start": pd.Timestamp("2025-01-01") + 130 * DAY}
expect.true(
    expect.beside(both_tables, past[::3], past[1::3], arguments),
    got="the folds of another table",
    expected="the folds of the table that was passed",
    what="split of one object, called with a table, with another one, and with the first again",
    why="a splitter is used for many tables, and what it keeps from one is wrong for the next",
    look_at="what you keep in self",
)
found = expect.beside(scores_of, past, past["customer_id"].to_numpy(), arguments, FEATURES, False)
expect.true(
    type(found) is list,
    got="an exception",
    expected="scores",
    what=f"cross_val_score on a hidden shop: {found if type(found) is str else 'scores'}",
    why="each fold has settled rows of other customers to train on",
    look_at="what it raised",
)
by_fold = found[0]
truth = later_truth(shop, now, FEATURES)
# Over 20 seeds, mean and standard deviation: right -0.002, 0.026; shuffled folds 0.304, 0.031, folds grouped by customer alone
# 0.208, 0.033. The bar of 0.15 lies 5.7 standard deviations from the right ones and 5.0 from the shuffled ones.
expect.between(
    float(np.mean(by_fold) - truth),
    -0.15,
    0.15,
    what="the mean AUC by your folds minus the AUC in a later period, of a tree that knows addresses",
    why="honest folds ask what that period asks, and shuffled ones are too high by 0.3",
    look_at="what a training row has in common with the rows of its fold: customer, ring, week",
)
### END HIDDEN TESTS

# %% [markdown]
# ## 2. What is in these folds?
#
# Folds come from everywhere. Write `fold_report(folds, times, groups, embargo)`, which says of any folds what they let through.
#
# In: `folds`, a list of pairs of int arrays (training, validation), positions; `times`, a Series of datetimes without a zone, shape `(n,)`, and `groups`, an array or Series of
# shape `(n,)`, both in any order and with any index, nothing missing; `embargo`, a `pd.Timedelta`. No fold is empty on either side. Out: a DataFrame with one row for each fold, in their order, and at least these columns:
#
# | column | value |
# | --- | --- |
# | `begin`, `end` | first and last moment of the validation rows |
# | `training_rows`, `validation_rows` | how many there are |
# | `unsettled_rows` | training rows that are not placed more than `embargo` before `begin` (so later ones count, too) |
# | `known_customers_rows` | training rows whose customer is in the validation rows |
# | `purged_share` | of all rows placed before `begin`, the share that does not train (0 if there are none) |


# %% answer="fold_report"
def fold_report(folds, times, groups, embargo):
    """What each fold trains on, and what of it a fold may not see.

    folds: list of pairs of int arrays (training, validation), positions. times: Series of datetimes, shape (n,).
    groups: customers, shape (n,). embargo: pd.Timedelta.
    Returns a DataFrame, one row for each fold.
    """
    ### BEGIN SOLUTION
    when, who = pd.Series(times).reset_index(drop=True), pd.Series(np.asarray(groups))
    rows = []
    for training, validation in folds:
        begin, old = when.iloc[validation].min(), when.iloc[training]
        before = (when < begin).sum()
        rows.append(
            {
                "begin": begin,
                "end": when.iloc[validation].max(),
                "training_rows": len(training),
                "validation_rows": len(validation),
                "unsettled_rows": int((old + embargo >= begin).sum()),
                "known_customers_rows": int(who.iloc[training].isin(who.iloc[validation]).sum()),
                "purged_share": 1 - (old < begin).sum() / before if before else 0.0,
            }
        )
    return pd.DataFrame(rows)
    ### END SOLUTION


# %% test="report_of_folds" of="fold_report" points=2
import numpy as np
import pandas as pd
from grader import expect

days = pd.Series(pd.Timestamp("2025-01-01") + pd.to_timedelta([0, 31, 5, 20, 40, 15], unit="D"))
folds = [(np.array([0, 2, 5]), np.array([3, 1])), (np.array([0, 2, 5, 3]), np.array([4]))]
report = fold_report(folds, days, list("aabbbc"), pd.Timedelta(days=15))
counts = ["training_rows", "validation_rows", "unsettled_rows", "known_customers_rows"]
needed = {"begin", "end", "purged_share", *counts}
expect.true(
    isinstance(report, pd.DataFrame) and needed <= set(report.columns) and len(report) == 2,
    got="another kind of table",
    expected="a DataFrame of two rows with " + ", ".join(sorted(needed)),
    what="fold_report of two folds",
    why="there is one row for each fold, and a column for each value",
    look_at="the table of columns, and what you return",
)


def words(name):
    """The words of a check of a column of counts."""
    return {
        "what": f"the column {name} of fold_report, rows of the days 0, 31, 5, 20, 40, 15, customers a, a, b, b, b, c, embargo 15 days, "
        "folds (0, 2, 5 | 3, 1) and (0, 2, 5, 3 | 4)",
        "why": "the first fold begins on day 20, so that day 15 is not settled, nor is day 5, exactly 15 days old; in the second fold two training "
        "rows are of its one customer b",
        "look_at": "the moment from which you count back, and rows or customers",
    }


found = {name: [int(count) for count in report[name]] for name in counts}
expect.equal(found["training_rows"], [3, 4], **words("training_rows"))
expect.equal(found["validation_rows"], [2, 1], **words("validation_rows"))
expect.equal(found["unsettled_rows"], [2, 0], **words("unsettled_rows"))
expect.equal(found["known_customers_rows"], [2, 2], **words("known_customers_rows"))
expect.close(
    report["purged_share"].to_numpy(),
    [0, 0.2],
    what="the column purged_share of fold_report for these folds",
    why="all three rows before day 20 train, and four of the five before day 40",
    look_at="what you divide by",
)
### BEGIN HIDDEN TESTS
from sklearn.model_selection import GroupKFold, KFold, TimeSeriesSplit

rng = expect.rng()
DAY = pd.Timedelta(days=1)
n = 160
for kind in ("shuffled", "grouped", "in time", "of your kind", "one fold, nothing before it"):
    hours = np.sort(rng.integers(0, 90 * 24, n)) if kind == "in time" else rng.integers(0, 90 * 24, n)
    when = pd.Series(pd.Timestamp("2025-03-01") + pd.to_timedelta(hours, unit="h"))
    who = rng.integers(0, 60, n)
    embargo = pd.Timedelta(hours=int(rng.integers(0, 20) * 12))
    folds = {
        "shuffled": lambda: KFold(4, shuffle=True, random_state=int(rng.integers(2**31))).split(when),
        "grouped": lambda: GroupKFold(3).split(when, groups=who),
        "in time": lambda: TimeSeriesSplit(5).split(when),
    }.get(kind, lambda: [])()
    folds = [(np.array(training), np.array(validation)) for training, validation in folds]
    late = np.flatnonzero(hours >= 1500)  # of 2160
    if kind == "of your kind":
        for part in np.array_split(late[np.argsort(hours[late], kind="stable")], 3):
            may = (when + embargo < when[part].min()) & ~np.isin(who, who[part])
            folds.append((np.flatnonzero(may), rng.permutation(part)))
    if kind == "one fold, nothing before it":
        folds = [(late, np.flatnonzero(hours < 1500))]
    labels = pd.Index(rng.permutation(5 * n)[:n])
    wanted = []
    for training, validation in folds:
        begin = when[validation].min()
        unsettled = sum(when[place] + embargo >= begin for place in training)
        known = sum(who[place] in set(who[validation]) for place in training)
        before = [place for place in range(n) if when[place] < begin]
        share = len(set(before) - set(training.tolist())) / len(before) if before else 0.0
        wanted.append(
            [begin, when[validation].max(), len(training), len(validation), unsettled, known, share]
        )
    names = ["begin", "end", "training_rows", "validation_rows", "unsettled_rows", "known_customers_rows"]
    report = fold_report(folds, when.set_axis(labels), pd.Series(who, labels), embargo)
    expect.equal(
        len(report),
        len(folds),
        what=f"the number of rows of fold_report, folds {kind}",
        why="there is one row for each fold",
        look_at="what you return",
    )
    given, off = {name: report[name].tolist() for name in [*names, "purged_share"]}, {}
    for place, name in enumerate([*names, "purged_share"]):
        true = [row[place] for row in wanted]
        found = [pd.Timestamp(value) if place < 2 else float(value) for value in given[name]]
        off[name] = [
            at for at in range(len(true)) if not abs(found[at] - true[at]) <= (0 * DAY if place < 2 else 1e-9)
        ]

    def say(name):
        """The words of a check."""
        which = ", ".join(str(at) for at in off[name])
        moved = off[name] and sorted(map(str, given[name])) == sorted(
            str(row[[*names, "purged_share"].index(name)]) for row in wanted
        )
        return {
            "got": "another value",
            "expected": "the column of the table",
            "what": f"the column {name} of fold_report, folds {kind}, rows {which}"
            + (" (the values are right, their order is not)" if moved else ""),
            "why": "a report must say of any folds what they let through, in the order in which the folds came",
            "look_at": "the row of this column in the text",
        }

    expect.true(not off["begin"], **say("begin"))
    expect.true(not off["end"], **say("end"))
    expect.true(not off["training_rows"], **say("training_rows"))
    expect.true(not off["validation_rows"], **say("validation_rows"))
    expect.true(not off["unsettled_rows"], **say("unsettled_rows"))
    expect.true(not off["known_customers_rows"], **say("known_customers_rows"))
    expect.true(not off["purged_share"], **say("purged_share"))
### END HIDDEN TESTS

# %% [markdown]
# From here on your splitter is used as a colleague would use it. (`reload` takes the newest `splits.py`.)

# %%
import importlib

import splits

splits = importlib.reload(splits)

# %% [markdown]
# ## 3. Choose by it, and write down why
#
# Write `log_choice(candidates, orders, n_splits, embargo, start)`. In: `candidates`, a dict from names to unfitted models; `orders`, a DataFrame with `placed_at`, `customer_id`, `is_fraud` and
# the features, in any order and with any index. Each model takes the whole table as its X and picks its columns itself, as a pipeline with `make_column_transformer` does. Each fold holds frauds and honest orders. Out: the name of
# the chosen model: the one with the highest mean AUC (`scoring="roc_auc"`) over the folds of `splits.GroupedTimeSplit(n_splits, ...)`. The candidates stay unfitted and `orders` as it is: whoever
# calls may go on with them.
#
# Beside each honest score belongs the one that it replaces: the mean AUC over `KFold(5, shuffle=True, random_state=0)`, on the rows in the order in which they came. Log one finished run:
#
# | kind | name | value |
# | --- | --- | --- |
# | params | `chosen`, `candidates` | the name; all names, sorted, joined by commas |
# | params | `n_splits`, `embargo_days`, `start` | as given; the embargo in days, a whole number; `start.isoformat()` |
# | metric | `NAME_honest_mean`, `NAME_honest_sd` | for each candidate NAME: mean of the AUC over the folds, and its standard deviation with n - 1 |
# | metric | `NAME_shuffled_mean` | for each candidate: the mean over the shuffled folds |
# | metric | `purged_share` | mean over the folds of the column of part 2 |
# | artifact | `folds.json` | a JSON list with one object for each fold: `begin` and `end` as ISO text, `training_rows`, `validation_rows`, and `scores`, an object from each name to its AUC in this fold |
# | artifact | `splits.py` | the file itself (`mlflow.log_artifact`): whoever reads the number can make the folds again |


# %% answer="log_choice"
def log_choice(candidates, orders, n_splits, embargo, start):
    """Choose the model with the highest mean AUC over honest folds, and log what speaks for it.

    candidates: dict from name to an unfitted classifier that takes the table. orders: DataFrame with placed_at,
    customer_id, is_fraud (bool) and features. n_splits: int. embargo: pd.Timedelta, whole days. start: pd.Timestamp.
    Returns the name of the chosen model.
    """
    ### BEGIN SOLUTION
    y, who = orders["is_fraud"], orders["customer_id"]
    cv = splits.GroupedTimeSplit(n_splits, time="placed_at", embargo=embargo, start=start)
    shuffle = KFold(5, shuffle=True, random_state=0)
    honest, shuffled = {}, {}
    for name, model in candidates.items():
        honest[name] = cross_val_score(model, orders, y, groups=who, cv=cv, scoring="roc_auc")
        shuffled[name] = cross_val_score(model, orders, y, cv=shuffle, scoring="roc_auc")
    chosen = max(honest, key=lambda name: honest[name].mean())
    report = fold_report(list(cv.split(orders, groups=who)), orders["placed_at"], who, embargo)
    folds = [
        {
            "begin": fold.begin.isoformat(),
            "end": fold.end.isoformat(),
            "training_rows": int(fold.training_rows),
            "validation_rows": int(fold.validation_rows),
            "scores": {name: float(honest[name][fold.Index]) for name in candidates},
        }
        for fold in report.itertuples()
    ]
    with mlflow.start_run():
        mlflow.log_params(
            {"chosen": chosen, "candidates": ",".join(sorted(candidates)), "n_splits": n_splits}
        )
        mlflow.log_params({"embargo_days": embargo.days, "start": start.isoformat()})
        metrics = {"purged_share": report["purged_share"].mean()}
        for name in candidates:
            metrics |= {
                f"{name}_honest_mean": honest[name].mean(),
                f"{name}_honest_sd": honest[name].std(ddof=1),
                f"{name}_shuffled_mean": shuffled[name].mean(),
            }
        mlflow.log_metrics(metrics)
        mlflow.log_dict(folds, "folds.json")
        mlflow.log_artifact("splits.py")
    return chosen
    ### END SOLUTION


# %% test="run_of_the_choice" of="log_choice" points=3
import numpy as np
import pandas as pd
from grader import expect


def choose(log_choice, table, columns, given, n_splits, embargo, start):
    """[what log_choice returns, candidates that it fitted, whether the table is as before], or what it raised, as text.

    The candidates are "line", "tree", and for each name in `given` a model whose forecast is that column.
    """
    import re

    from sklearn.base import BaseEstimator, ClassifierMixin
    from sklearn.compose import make_column_transformer
    from sklearn.exceptions import NotFittedError
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.tree import DecisionTreeClassifier
    from sklearn.utils.validation import check_is_fitted

    class Given(ClassifierMixin, BaseEstimator):
        def __init__(self, column=""):
            self.column = column

        def fit(self, X, y):
            self.classes_ = np.array([False, True])
            return self

        def predict_proba(self, X):
            return np.column_stack([1 - X[self.column], X[self.column]])

        def predict(self, X):
            return self.predict_proba(X)[:, 1] > 0.5

    def on(features, model):
        return make_pipeline(make_column_transformer(("passthrough", features)), model)

    def is_fitted(model):
        try:
            check_is_fitted(model)
        except NotFittedError:
            return False
        return True

    import numpy as np

    tree = DecisionTreeClassifier(min_samples_leaf=2, random_state=0)
    models = {"tree": on(columns, tree), "line": on(columns[:1], LogisticRegression())}
    models |= {name: Given(column) for name, column in given.items()}
    before = table.copy()
    try:
        name = log_choice(models, table, n_splits, embargo, start)
    except NotImplementedError:
        raise
    except Exception as error:
        return re.sub(r"\d+", "#", f"{type(error).__name__}: {error}")[:200]
    return [name, [key for key, model in models.items() if is_fitted(model)], table.equals(before)]


rng = np.random.default_rng(5)
table = pd.DataFrame({"placed_at": pd.Timestamp("2025-01-01") + pd.to_timedelta(np.arange(300), unit="D")})
table["mark"], table["place"], table["customer_id"] = (
    rng.normal(0, 1, 300),
    rng.uniform(0, 1, 300),
    range(300),
)
table["is_fraud"] = table["mark"] + rng.normal(0, 1, 300) > 0.5
start, embargo = pd.Timestamp("2025-06-01"), pd.Timedelta(days=60)
found = expect.beside(choose, log_choice, table, ["mark", "place"], {}, 3, embargo, start)
expect.true(
    type(found) is list,
    got=found if type(found) is str else "a name",
    expected="a name",
    what="log_choice for two candidates",
    why="the arguments are as the text says",
    look_at="what your code raised",
)
expect.equal(
    found[0],
    "line",
    what="log_choice for a line on the one feature that matters, and a tree on two",
    why="the line has the higher AUC in every fold",
    look_at="what you return",
)
expect.equal(
    found[1:],
    [[], True],
    what="the candidates that are fitted after log_choice, and whether orders is as it was",
    why="both are the caller's",
    look_at="what you fit (a clone is yours), and where you assign to orders",
)
run = expect.run(
    params={
        "chosen": "line",
        "candidates": "line,tree",
        "n_splits": 3,
        "embargo_days": 60,
        "start": "2025-06-01T00:00:00",
    },
    what="the params of the run of log_choice for this table",
    why="a colleague takes a finished run, and makes the same folds again from it",
    look_at="the table of what to log, and where the run ends",
)
expect.true(
    {"folds.json", "splits.py"} <= set(run.artifacts),
    got="a run without one of them",
    expected="the artifacts folds.json and splits.py",
    what="the artifacts of the run",
    why="a mean over folds says little to who cannot see the folds",
    look_at="mlflow.log_dict and mlflow.log_artifact",
)
### BEGIN HIDDEN TESTS
import json

rng = expect.rng()
DAY = pd.Timedelta(days=1)


def recomputed(table, columns, given, n_splits, embargo, start):
    """By model the AUC by fold of the delivered splitter and by shuffled fold; the folds; the line on blocks of rows."""
    import importlib.util

    import numpy as np
    from scipy.stats import rankdata
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import KFold
    from sklearn.tree import DecisionTreeClassifier

    spec = importlib.util.spec_from_file_location("splits_as_delivered", "splits.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    cv = module.GroupedTimeSplit(n_splits, time="placed_at", embargo=embargo, start=start)
    pairs = cv.split(table, groups=table["customer_id"])
    folds = [[np.asarray(part).tolist() for part in pair] for pair in pairs]
    y = table["is_fraud"].to_numpy()
    tree = DecisionTreeClassifier(min_samples_leaf=2, random_state=0)
    models = {"tree": (tree, table[columns]), "line": (LogisticRegression(), table[columns[:1]])}

    def auc(fraud, score):
        bad = fraud.sum()
        return float((rankdata(score)[fraud].sum() - bad * (bad + 1) / 2) / (bad * (len(fraud) - bad)))

    def by_fold(name, folds):
        if name in given:
            column = table[given[name]].to_numpy()
            return [auc(y[judged], column[judged]) for _, judged in folds]
        model, X = models[name]
        found = []
        for training, judged in folds:
            fitted = model.fit(X.iloc[training].to_numpy(), y[training])
            chance = fitted.predict_proba(X.iloc[judged].to_numpy())[:, 1]
            found.append(auc(y[judged], chance))
        return found

    shuffled = list(KFold(5, shuffle=True, random_state=0).split(table))
    scores = {name: [by_fold(name, folds), by_fold(name, shuffled)] for name in [*models, *given]}
    return [scores, folds, float(np.mean(by_fold("line", list(KFold(5).split(table)))))]


# shared: ring_shop


# Columns that put a known share of a fold's frauds above all its honest orders, and the others below: that share is the AUC.
SHARES = {
    "mean": (0.87, 0.75, 0.93),
    "median": (0.93, 0.93, 0.5),
    "first": (1.0, 0.6, 0.6),
    "last": (0.6, 0.6, 0.98),
}
FEATURES = ["mark", "x", "y", "phone", "device"]
shop = ring_shop(220, 60, 330)
embargo, start = int(rng.integers(45, 61)) * DAY, pd.Timestamp("2025-05-15")
rank = shop["placed_at"].where(shop["placed_at"] >= start).rank(method="dense")
third = np.ceil(rank * 3 / rank.max()).fillna(0).astype(int)  # 0 before start
number = shop[shop["is_fraud"]].sort_values("placed_at").groupby(third).cumcount()
for column, shares in SHARES.items():
    share = third.map(dict(enumerate((0.5, *shares))))[number.index]
    shop[column] = 0.5
    shop.loc[number.index, column] = np.floor((number + 1) * share + 1e-9) - np.floor(number * share + 1e-9)
names = dict(zip(SHARES, rng.permutation(["ash", "birch", "cedar", "elm"]).tolist(), strict=True))
given = {name: column for column, name in names.items()}
arguments = [shop, FEATURES, given, 3, embargo, start]
scores, folds, blocks = expect.beside(recomputed, *arguments)
when = shop["placed_at"].reset_index(drop=True)
found = expect.beside(choose, log_choice, *arguments)
expect.true(
    type(found) is list,
    got="an exception",
    expected="a name",
    what=f"log_choice for a hidden shop: {found if type(found) is str else 'a name'}",
    why="the arguments are as the text says",
    look_at="what your code raised",
)


def say(who):
    """The words of a check."""
    return {
        "got": "this candidate",
        "expected": "the one with the highest mean",
        "what": f"log_choice for a hidden shop of six candidates, which chose {who}",
        "why": "the choice is by the highest mean AUC over the honest folds",
        "look_at": "by what you choose",
    }


# The four columns have their AUC by construction. Lead over the column "mean", over 20 seeds, mean and standard deviation: by the mean of
# honest folds the next best -0.063, 0.003; by shuffled folds the tree 0.283, 0.034; by the median "median" 0.058, 0.006; in the first
# fold "first" 0.137, 0.004; in the last "last" 0.049, 0.004. The nearest of these is 8 standard deviations from a tie.
expect.true(found[0] != "tree", **say("the tree, first by shuffled folds and among the last by honest ones"))
expect.true(found[0] != names["median"], **say("the candidate with the highest median over the folds"))
expect.true(found[0] != names["first"], **say("the candidate that has the best fold of all, the first one"))
expect.true(found[0] != names["last"], **say("the candidate that is best in the last fold"))
expect.true(found[0] == names["mean"], **say("another candidate"))
spans = [(when[validation].min(), when[validation].max()) for _, validation in folds]
purged = [
    1 - np.sum(when[training] < begin) / np.sum(when < begin)
    for (training, _), (begin, _) in zip(folds, spans, strict=True)
]
run = expect.run(
    params={"chosen": names["mean"], "candidates": ",".join(sorted(scores)), "n_splits": 3}
    | {"embargo_days": embargo.days, "start": start.isoformat()},
    what="the params of the run of log_choice for a hidden shop",
    why="a colleague takes a finished run, and makes the same folds again from it",
    look_at="the table of what to log, and where the run ends",
)
expect.true(
    abs(run.metrics.get("line_shuffled_mean", 0) - blocks) > 1e-9,
    got="a mean over blocks of rows",
    expected="a mean over shuffled folds",
    what="the metric line_shuffled_mean of a hidden shop, which is the mean over blocks of rows",
    why="KFold without shuffle takes the rows as they happen to lie",
    look_at="the arguments of KFold",
)
expect.run(
    metrics={
        **{f"{one}_honest_mean": float(np.mean(scores[one][0])) for one in scores},
        **{f"{one}_honest_sd": float(np.std(scores[one][0], ddof=1)) for one in scores},
        **{f"{one}_shuffled_mean": float(np.mean(scores[one][1])) for one in scores},
        "purged_share": float(np.mean(purged)),
    },
    tolerance=1e-6,
    what="the metrics of the run of log_choice for a hidden shop, against the same scores computed again with your splits.py",
    why="both means with their spread belong to the run, over these folds and on the rows in the order given",
    look_at="the folds and the groups of each score, the order of the rows, n - 1 in the standard deviation, which share is purged",
)
expect.equal(
    run.artifact("splits.py"),
    expect.file(
        "splits.py",
        what="splits.py",
        why="it is delivered",
        look_at="the cell that writes it",
    ),
    what="the artifact splits.py",
    why="it is the file that made these folds",
    look_at="mlflow.log_artifact",
)
try:
    logged = json.loads(run.artifact("folds.json"))
except ValueError:
    logged = "no JSON"
KEYS = ("begin", "end", "training_rows", "validation_rows")
expect.true(
    type(logged) is list
    and len(logged) == 3
    and all(type(fold) is dict and {*KEYS, "scores"} <= set(fold) for fold in logged),
    got="another JSON",
    expected="a list of three objects",
    what="folds.json for a hidden shop",
    why="it is a list with one object for each fold, each with begin, end, training_rows, validation_rows and scores",
    look_at="what you give to mlflow.log_dict",
)
wanted = [
    [begin.isoformat(), end.isoformat(), len(training), len(validation)]
    for (begin, end), (training, validation) in zip(spans, folds, strict=True)
]
for place, key in enumerate(KEYS[:2]):
    expect.equal(
        [str(fold[key])[:19].replace(" ", "T") for fold in logged],
        [row[place][:19] for row in wanted],
        what=f"{key} of the folds in folds.json, hidden shop",
        why="a reader must see which weeks stand behind each score",
        look_at="the report of part 2, the order of the folds, and ISO text with the time of day",
    )
for place, key in enumerate(KEYS[2:], start=2):
    expect.close(
        [fold[key] for fold in logged],
        [row[place] for row in wanted],
        what=f"{key} of the folds in folds.json, hidden shop",
        why="a reader must see how many rows stand behind each score",
        look_at="the report of part 2, and the order of the folds",
    )
for one in scores:
    expect.close(
        [fold["scores"].get(one) for fold in logged],
        scores[one][0],
        tolerance=1e-6,
        what=f"the scores of one candidate ({one}) in folds.json, hidden shop",
        why="one bad week hides in a mean",
        look_at="the order of folds and scores, and the name of the candidate as key",
    )
### END HIDDEN TESTS

# %% [markdown]
# ## What it was for
#
# Now orders of the shop. Tidewater's own thieves strike once and are gone. Here, as in many shops, each works on: 2 to 8 orders within two
# weeks, from three accounts, to one address, which is then given up. `ship_x` and `ship_y` say where a parcel goes, in km. The table ends long
# ago: all its labels are settled.

# %%
MARKS, PLACE = ["amount", "items", "address_age_days", "device_known"], ["ship_x", "ship_y"]
world, rng = make_world(seed=0, days=150, orders_per_day=80), np.random.default_rng(0)
table = world.orders[["placed_at", "customer_id", *MARKS]].assign(is_fraud=world.truth.orders["is_fraud"])
honest = table[~table["is_fraud"] & (table["customer_id"] % 3 == 0)]
ring = table[table["is_fraud"]]
ring = ring.loc[ring.index.repeat(rng.integers(2, 9, len(ring)))]
thief = ring.groupby(level=0).ngroup()
ring["customer_id"] = 900_000 + 3 * thief + rng.integers(0, 3, len(ring))
ring["placed_at"] += pd.to_timedelta(rng.integers(0, 14 * 24 * 60, len(ring)), unit="min")
orders = pd.concat([honest, ring], ignore_index=True)
house = pd.factorize(np.concatenate([honest["customer_id"], -1 - thief]))[0]
orders[PLACE] = rng.uniform(0, 1000, (house.max() + 1, 2))[house] + rng.normal(0, 0.3, (len(orders), 2))
orders = orders[orders["placed_at"] < world.end].sort_values("placed_at", ignore_index=True)
print(
    f"{len(orders):,} orders, {orders['customer_id'].nunique():,} customers, {orders['is_fraud'].mean():.0%} fraud"
)
orders.tail(3)

# %% [markdown]
# Two models for it. One reads the marks of an order, the other its place as well. By the usual cross-validation the choice is clear:

# %%
candidates = {
    "marks": make_pipeline(
        make_column_transformer((StandardScaler(), MARKS)), LogisticRegression(max_iter=1000)
    ),
    "marks_and_place": make_pipeline(
        make_column_transformer(("passthrough", MARKS + PLACE)), DecisionTreeClassifier(random_state=0)
    ),
}
for name, model in candidates.items():
    folds = KFold(5, shuffle=True, random_state=0)
    print(name, cross_val_score(model, orders, orders["is_fraud"], cv=folds, scoring="roc_auc").round(2))

# %% [markdown]
# The shuffled folds give 0.98 to the model that knows places. **Predict before you run:** what will your folds give it, and what the other?

# %%
late_by, judged_from, buyers = pd.Timedelta(days=60), pd.Timestamp("2025-03-27"), orders["customer_id"]
cv = splits.GroupedTimeSplit(5, time="placed_at", embargo=late_by, start=judged_from)
for name, model in candidates.items():
    print(
        name,
        cross_val_score(model, orders, orders["is_fraud"], groups=buyers, cv=cv, scoring="roc_auc").round(2),
    )

# %% [markdown]
# The marks keep about what they had, the places do not: from 0.98 the model falls to 0.6 or so, not far from a coin. It had learned addresses of thieves, and a thief gives his
# address up before its label is settled. (Folds cut by days instead of moments give slightly other numbers.) What do these folds hold, and what do the shuffled ones let through?

# %%
shuffled = list(KFold(5, shuffle=True, random_state=0).split(orders))
honest = list(cv.split(orders, groups=buyers))
pd.concat(
    {
        name: fold_report(folds, orders["placed_at"], buyers, late_by)
        for name, folds in (("shuffled", shuffled), ("yours", honest))
    }
)

# %% [markdown]
# Nearly every training row of the shuffled folds is unsettled, since their validation rows begin on the first day. Yours let nothing through, and `purged_share` says what that costs.
#
# Last, the choice, and the run that stays: it is the newest of your experiment, and `splits.py` lies in it, from where others take it.

# %%
print(log_choice(candidates, orders, 5, late_by, judged_from))
run = mlflow.last_active_run()
pd.Series(run.data.metrics).round(2)


# %% wrong="shuffles_time" of="splits" caught_by="validation_folds training_rows"
# Shuffles the late rows into folds: each fold is spread over all weeks, and none comes before another.
import numpy as np
import pandas as pd
from sklearn.model_selection import KFold


class GroupedTimeSplit:
    def __init__(self, n_splits=5, *, time, embargo, start, both_sides=False):
        self.n_splits, self.time, self.embargo = n_splits, time, embargo
        self.start, self.both_sides = start, both_sides

    def get_n_splits(self, X=None, y=None, groups=None):
        return self.n_splits

    def split(self, X, y=None, groups=None):
        if groups is None:
            raise ValueError("the customers are missing: pass groups")
        when, who = X[self.time].reset_index(drop=True), pd.Series(np.asarray(groups))
        late = np.flatnonzero(when >= self.start)
        if when.isna().any() or len(late) < max(self.n_splits, 2):
            raise ValueError("a time is missing, or there are too few rows")
        for _, part in KFold(max(self.n_splits, 2), shuffle=True, random_state=0).split(late):
            may = (when + self.embargo < self.start) & ~who.isin(who[late[part]])
            if not may.any():
                raise ValueError("a fold has no training row")
            yield np.flatnonzero(may), late[part]


# %% wrong="groups_alone" of="splits" caught_by="validation_folds training_rows"
# Deals the late rows out by customer and forgets the weeks: the folds lie on top of each other, and fresh labels train.
import numpy as np
import pandas as pd
from sklearn.model_selection import GroupKFold


class GroupedTimeSplit:
    def __init__(self, n_splits=5, *, time, embargo, start, both_sides=False):
        self.n_splits, self.time, self.embargo = n_splits, time, embargo
        self.start, self.both_sides = start, both_sides

    def get_n_splits(self, X=None, y=None, groups=None):
        return self.n_splits

    def split(self, X, y=None, groups=None):
        if groups is None:
            raise ValueError("the customers are missing: pass groups")
        when, who = X[self.time].reset_index(drop=True), pd.Series(np.asarray(groups))
        late, early = np.flatnonzero(when >= self.start), np.flatnonzero(when < self.start)
        deal = GroupKFold(max(self.n_splits, 2), shuffle=True, random_state=0)
        parts = [late[part] for _, part in deal.split(late, groups=who[late])]
        return [(early[~who[early].isin(who[part])], part) for part in parts[: self.n_splits]]


# %% wrong="embargo_in_rows" of="splits" caught_by="training_rows"
# Counts the embargo in rows: 60 rows are an afternoon in December and a month in August.
import numpy as np
import pandas as pd


class GroupedTimeSplit:
    def __init__(self, n_splits=5, *, time, embargo, start, both_sides=False):
        self.n_splits, self.time, self.embargo = n_splits, time, embargo
        self.start, self.both_sides = start, both_sides

    def get_n_splits(self, X=None, y=None, groups=None):
        return self.n_splits

    def split(self, X, y=None, groups=None):
        if groups is None:
            raise ValueError("the customers are missing: pass groups")
        when, who = X[self.time].reset_index(drop=True), pd.Series(np.asarray(groups))
        moments = when[when >= self.start].drop_duplicates().sort_values()
        if when.isna().any() or len(moments) < self.n_splits:
            raise ValueError("a time is missing, or there are too few moments")
        for part in np.array_split(np.arange(len(moments)), self.n_splits):
            inside = when.between(moments.iloc[part[0]], moments.iloc[part[-1]])
            before = when[when < moments.iloc[part[0]]].sort_values().index
            kept = before[: max(len(before) - self.embargo.days, 0)]
            kept = kept[~who[kept].isin(who[inside])]
            if not len(kept):
                raise ValueError("a fold has no training row")
            yield kept.to_numpy(), np.flatnonzero(inside)


# %% wrong="closed_at_the_cut" of="splits" caught_by="training_rows" edits="reference"
# Takes the row that is exactly as old as the embargo, whose chargeback may be coming in.
# -             may = when + self.embargo < first
# +             may = when + self.embargo <= first


# %% wrong="wall_clock" of="splits" caught_by="validation_folds training_rows" edits="reference"
# Drops the time zone and keeps the clock on the wall, on which one hour of the year is missing and one comes twice.
# -         when, who = X[self.time].reset_index(drop=True), pd.Series(np.asarray(groups))
# +         when, who = X[self.time].reset_index(drop=True).dt.tz_localize(None), pd.Series(np.asarray(groups))
#
# -         moments = when[when >= self.start].drop_duplicates().sort_values()
# +         moments = when[when >= self.start.tz_localize(None)].drop_duplicates().sort_values()


# %% wrong="place_for_time" of="splits" caught_by="validation_folds training_rows" edits="reference"
# Takes the order of the rows for the order of time, as TimeSeriesSplit does.
# -         when, who = X[self.time].reset_index(drop=True), pd.Series(np.asarray(groups))
# +         when, who = X[self.time].sort_values().reset_index(drop=True), pd.Series(np.asarray(groups))


# %% wrong="cuts_a_moment" of="splits" caught_by="validation_folds" edits="reference"
# Cuts the sorted rows: two orders of one second, perhaps of one thief, come into two folds.
# -         moments = when[when >= self.start].drop_duplicates().sort_values()
# +         moments = when[when >= self.start].sort_values(kind="stable")
#
# -             inside = when.between(first, last)
# +             inside = pd.Series(np.isin(np.arange(len(when)), moments.index[part]))


# %% wrong="one_moment_short" of="splits" caught_by="validation_folds" edits="reference"
# Refuses as many moments as folds, which are enough.
# -         if len(moments) < self.n_splits:
# +         if len(moments) <= self.n_splits:


# %% wrong="writes_into_the_table" of="splits" caught_by="validation_folds" edits="reference"
# Writes a column of its own into the caller's table, where it becomes a feature of the next model.
# =         if when.isna().any():
# =             raise ValueError(f"{when.isna().sum()} rows have no time in the column {self.time}")
# +         X["placed_day"] = X[self.time].dt.floor("D")


# %% wrong="folds_kept" of="splits" caught_by="inside_scikit_learn" edits="reference"
# Keeps the folds of the first table for each table that follows.
# -     def split(self, X, y=None, groups=None):
# +     def split(self, X, y=None, groups=None):
# +         if not hasattr(self, "folds"):
# +             self.folds = list(self._folds(X, groups))
# +         return self.folds
# +
# +     def _folds(self, X, groups):


# %% wrong="last_fold_forgotten" of="splits" caught_by="validation_folds inside_scikit_learn" edits="reference"
# Cuts n_splits pieces and keeps the first as training, as many loops do: one fold is missing.
# -         for part in np.array_split(np.arange(len(moments)), self.n_splits):
# +         for part in np.array_split(np.arange(len(moments)), self.n_splits)[1:]:


# %% wrong="last_row_forgotten" of="splits" caught_by="validation_folds" edits="reference"
# Ends each fold before its last moment, as a half-open span does, and leaves that moment to nobody.
# -             inside = when.between(first, last)
# +             inside = when.between(first, last, inclusive="left" if first < last else "both")


# %% wrong="start_left_out" of="splits" caught_by="validation_folds" edits="reference"
# Begins after start: the row placed at this very moment is in no fold.
# -         moments = when[when >= self.start].drop_duplicates().sort_values()
# +         moments = when[when > self.start].drop_duplicates().sort_values()


# %% wrong="labels_for_positions" of="splits" caught_by="validation_folds training_rows" edits="reference"
# Gives labels of the index, which scikit-learn takes for positions: other rows, or an IndexError.
# -             yield np.flatnonzero(may), np.flatnonzero(inside)
# +             yield X.index[may].to_numpy(), X.index[inside].to_numpy()


# %% wrong="leaves_the_fold" of="splits" caught_by="validation_folds training_rows" edits="reference"
# Takes known customers out of the fold and not out of the training: the orders that are asked about change with the past.
# -             may &= ~who.isin(who[inside])
# +             inside &= ~who.isin(who[may])


# %% wrong="customers_forgotten" of="splits" caught_by="training_rows" edits="reference"
# Keeps weeks apart and forgets the customers: the training rows hold older orders of those in the fold.
# -         when, who = X[self.time].reset_index(drop=True), pd.Series(np.asarray(groups))
# +         when = X[self.time].reset_index(drop=True)
#
# -             may &= ~who.isin(who[inside])


# %% wrong="customers_of_all_folds" of="splits" caught_by="training_rows" edits="reference"
# Takes out the customers of every fold for each fold: training rows are lost that no rule forbids.
# -             may &= ~who.isin(who[inside])
# +             may &= ~who.isin(who[when >= self.start])


# %% wrong="one_cut_for_all" of="splits" caught_by="training_rows" edits="reference"
# Cuts once, at start, for all folds: the last fold is asked of a model that has not been trained for months.
# -             may = when + self.embargo < first
# +             may = when + self.embargo < self.start


# %% wrong="short_window" of="splits" caught_by="training_rows" edits="reference"
# Slides a window as long as the embargo and loses most of the training rows that the first fold would have.
# -             may = when + self.embargo < first
# +             may = (when + self.embargo < first) & (when + 2 * self.embargo >= first)


# %% wrong="one_side" of="splits" caught_by="training_after_the_fold" edits="reference"
# Keeps the embargo before the fold and forgets it after: the history in the next day's features is the fold's.
# -                 may |= when > last + self.embargo
# +                 may |= when > last


# %% wrong="closed_after_the_fold" of="splits" caught_by="training_after_the_fold" edits="reference"
# Takes the row that is exactly the embargo after the fold: its history reaches the fold's last row.
# -                 may |= when > last + self.embargo
# +                 may |= when >= last + self.embargo


# %% wrong="embargo_from_the_begin" of="splits" caught_by="training_after_the_fold" edits="reference"
# Counts the second embargo from the fold's first row: a long fold then trains on rows of itself.
# -                 may |= when > last + self.embargo
# +                 may |= when > first + self.embargo


# %% wrong="known_after_the_fold" of="splits" caught_by="training_after_the_fold" edits="reference"
# Takes customers out before the fold only, though an order placed after it tells as much about them.
# =             may = when + self.embargo < first
# +             may &= ~who.isin(who[inside])
#
# -             may &= ~who.isin(who[inside])


# %% wrong="later_rows_only" of="splits" caught_by="training_after_the_fold" edits="reference"
# Replaces the rows before the fold by those after it, where they were to come in addition.
# -                 may |= when > last + self.embargo
# +                 may = when > last + self.embargo


# %% wrong="needs_a_past" of="splits" caught_by="training_after_the_fold" edits="reference"
# Refuses a fold with nothing before it, though with both_sides the rows after it train.
# =             may = when + self.embargo < first
# +             if not may.any():
# +                 raise ValueError(f"no row before the fold that begins at {first} is settled")


# %% wrong="empty_training" of="splits" caught_by="refusals" edits="reference"
# Gives a fold without training rows, and leaves it to the model to fall over, or not.
# -             if not may.any():
# -                 raise ValueError(f"the fold that begins at {first} has no training row")


# %% wrong="lost_times" of="splits" caught_by="refusals" edits="reference"
# Lets rows without a time fall out of every comparison: nobody hears that they are not judged.
# -         if when.isna().any():
# -             raise ValueError(f"{when.isna().sum()} rows have no time in the column {self.time}")


# %% wrong="everyone_a_stranger" of="splits" caught_by="refusals" edits="reference"
# Takes each row for a customer of its own if groups are missing: a leak by default.
# -             raise ValueError("groups is None: pass the customer of each row")
# +             groups = np.arange(len(X))


# %% wrong="fewer_folds" of="splits" caught_by="refusals" edits="reference"
# Gives fewer folds if there are too few moments, without a word.
# -             raise ValueError(f"{len(moments)} moments from start on are too few for {self.n_splits} folds")
# +             self.n_splits = max(len(moments), 1)
# +         if not len(moments):
# +             return


# %% also="sliding_numpy" of="splits"
import numpy as np


class GroupedTimeSplit:
    # A sliding window, in whole numbers of nanoseconds, as a list.
    def __init__(self, n_splits=5, *, time, embargo, start, both_sides=False):
        self.n_splits, self.time, self.embargo = n_splits, time, embargo
        self.start, self.both_sides = start, both_sides

    def get_n_splits(self, X=None, y=None, groups=None):
        return self.n_splits

    def split(self, X, y=None, groups=None):
        import pandas as pd

        if groups is None:
            raise ValueError("who placed each row? groups is None")
        column = X[self.time]
        if column.isna().any():
            raise ValueError("some times are missing")
        if column.dt.tz is not None:
            column = column.dt.tz_convert("UTC").dt.tz_localize(None)
        t = column.to_numpy().astype("datetime64[ns]").astype(np.int64)
        start = pd.Timestamp(self.start)
        start = (start.tz_convert("UTC").tz_localize(None) if start.tz else start).as_unit("ns").value
        embargo, who = pd.Timedelta(self.embargo).as_unit("ns").value, np.asarray(groups)
        order = np.argsort(t, kind="stable")
        order = order[t[order] >= start]
        new = np.flatnonzero(np.diff(t[order], prepend=start - 1) > 0)  # where a moment begins
        if len(new) < self.n_splits:
            raise ValueError(f"only {len(new)} moments for {self.n_splits} folds")
        edges = [order[piece[0] :] for piece in np.array_split(new, self.n_splits)]
        folds, length = [], None
        for number, rest in enumerate(edges):
            end = len(rest) - len(edges[number + 1]) if number + 1 < self.n_splits else len(rest)
            inside = rest[:end]
            cut = t[inside].min() - embargo
            length = cut - t.min() if length is None else length
            may = (t < cut) & (t >= cut - length)
            if self.both_sides:
                may |= t - embargo > t[inside].max()
            may &= ~np.isin(who, np.unique(who[inside]))
            if not may.any():
                raise ValueError("no training rows are left for a fold")
            folds.append((np.flatnonzero(may), inside))
        return folds


# %% also="days_by_time_series_split" of="splits"
import numpy as np
import pandas as pd
from sklearn.model_selection import TimeSeriesSplit


class GroupedTimeSplit:
    # scikit-learn's own splitter, on calendar days instead of rows.
    def __init__(self, n_splits=5, *, time, embargo, start, both_sides=False):
        self.n_splits, self.time, self.embargo = n_splits, time, embargo
        self.start, self.both_sides = start, both_sides

    def get_n_splits(self, X=None, y=None, groups=None):
        return self.n_splits

    def split(self, X, y=None, groups=None):
        if groups is None:
            raise ValueError("groups (the customers) are needed")
        t = pd.DatetimeIndex(X[self.time])
        if t.hasnans:
            raise ValueError("the time of a row is missing")
        groups, day = pd.Index(groups), t.floor("D", ambiguous=False, nonexistent="shift_forward")
        late = t >= self.start
        days = day[late].unique().sort_values()
        if len(days) < self.n_splits:
            raise ValueError("there are fewer days than folds")
        cuts = [0, len(days)]
        if self.n_splits > 1:
            size = len(days) // self.n_splits
            line = np.arange(len(days) + 1)  # one day before, since TimeSeriesSplit begins with training
            tests = [test[0] - 1 for _, test in TimeSeriesSplit(self.n_splits, test_size=size).split(line)]
            cuts = [0, *tests[1:], len(days)]
        for begin, end in zip(cuts[:-1], cuts[1:]):
            inside = late & day.isin(days[begin:end])
            first = max(days[begin], self.start)
            train = t < first - self.embargo
            if self.both_sides:
                train |= t > t[inside].max() + self.embargo
            train &= ~groups.isin(groups[inside])
            if train.sum() == 0:
                raise ValueError("all rows before a fold are too young or of its customers")
            yield np.where(train)[0], np.where(inside)[0]


# %% also="row_by_row" of="splits"
class GroupedTimeSplit:
    # Plain Python, with the settled age of each row and sets of customers.
    def __init__(self, n_splits=5, *, time, embargo, start, both_sides=False):
        self.n_splits, self.time, self.embargo = n_splits, time, embargo
        self.start, self.both_sides = start, both_sides

    def get_n_splits(self, X=None, y=None, groups=None):
        return self.n_splits

    def split(self, X, y=None, groups=None):
        if groups is None:
            raise ValueError("I need the customer of each row as groups")
        times, customers = list(X[self.time]), list(groups)
        if any(one != one for one in times):
            raise ValueError("a row has no time of its own")
        moments = sorted({one for one in times if one >= self.start})
        if len(moments) < self.n_splits:
            raise ValueError("not enough different moments for so many folds")
        number = {one: place * self.n_splits // len(moments) for place, one in enumerate(moments)}
        for fold in range(self.n_splits):
            inside = [row for row, one in enumerate(times) if number.get(one) == fold]
            first, last = min(times[row] for row in inside), max(times[row] for row in inside)
            known = {customers[row] for row in inside}
            train = []
            for row, one in enumerate(times):
                settled = first - one > self.embargo
                after = self.both_sides and one - last > self.embargo
                if (settled or after) and customers[row] not in known:
                    train.append(row)
            if not train:
                raise ValueError("nothing is left to train on")
            yield train, inside


# %% also="base_class" of="splits"
import numpy as np
import pandas as pd
from sklearn.model_selection import BaseCrossValidator


class GroupedTimeSplit(BaseCrossValidator):
    # scikit-learn's base class gives the training mask; folds are cut by quantiles of the rank of each moment.
    def __init__(self, n_splits=5, *, time, embargo, start, both_sides=False):
        self.n_splits, self.time, self.embargo = n_splits, time, embargo
        self.start, self.both_sides = start, both_sides

    def get_n_splits(self, X=None, y=None, groups=None):
        return self.n_splits

    def _fold_of(self, when):
        rank = when.where(when >= self.start).rank(method="dense")  # 1 to the number of moments
        if not rank.max() >= self.n_splits:
            raise ValueError("fewer moments than folds")
        return np.ceil(rank * self.n_splits / rank.max())  # 1 to n_splits, NaN before start

    def split(self, X, y=None, groups=None):
        if groups is None:
            raise ValueError("The 'groups' parameter should not be None.")
        rows = pd.DataFrame({"t": X[self.time].array, "who": np.asarray(groups)})
        if rows["t"].isna().any():
            raise ValueError("Missing times in the time column")
        rows["fold"] = self._fold_of(rows["t"])
        for number in range(1, self.n_splits + 1):
            fold = rows[rows["fold"] == number]
            train = rows[rows["t"].add(self.embargo) < fold["t"].min()]
            if self.both_sides:
                train = pd.concat([train, rows[rows["t"].sub(self.embargo) > fold["t"].max()]])
            train = train[~train["who"].isin(fold["who"].unique())]
            if train.empty:
                raise ValueError(f"Fold {number} cannot be trained: no rows left")
            yield train.index.to_numpy(), fold.index.to_numpy()


# %% also="month_of_duckdb" of="splits"
import duckdb
import numpy as np
import pandas as pd

MEMORY = duckdb.connect(config={"threads": 1})


class GroupedTimeSplit:
    # The rules as SQL, on the seconds since 1970 as exact whole microseconds.
    def __init__(self, n_splits=5, *, time, embargo, start, both_sides=False):
        self.n_splits, self.time, self.embargo = n_splits, time, embargo
        self.start, self.both_sides = start, both_sides

    def get_n_splits(self, X=None, y=None, groups=None):
        return self.n_splits

    def split(self, X, y=None, groups=None):
        if groups is None:
            raise ValueError("groups has to name the customers")
        t, start = pd.to_datetime(X[self.time], utc=True), pd.to_datetime(self.start, utc=True)
        if t.isna().any():
            raise ValueError("rows without a time cannot be split")
        epoch, tick = pd.Timestamp(0, tz="UTC"), pd.Timedelta(microseconds=1)
        rows = pd.DataFrame(
            {"t": ((t - epoch) // tick).to_numpy(), "who": pd.factorize(np.asarray(groups))[0]}
        )
        rows["place"] = np.arange(len(rows))
        first, embargo = int((start - epoch) // tick), int(self.embargo // tick)
        with MEMORY.cursor() as db:
            db.register("rows", rows)
            db.execute(
                "create temp table moments as select t, ntile(?) over (order by t) fold "
                "from (select distinct t from rows where t >= ?)",
                [self.n_splits, first],
            )
            if db.execute("select count(*) from moments").fetchone()[0] < self.n_splits:
                raise ValueError("too few moments to cut into folds")
            db.execute(
                "create temp table late as select place, who, t, fold from rows join moments using (t)"
            )
            for number in range(1, self.n_splits + 1):
                fold = db.execute("select place, t from late where fold = ? order by place", [number]).df()
                train = db.execute(
                    "select place from rows where (t < ? or (? and t > ?)) "
                    "and who not in (select who from late where fold = ?) order by place",
                    [int(fold["t"].min()) - embargo, self.both_sides, int(fold["t"].max()) + embargo, number],
                ).df()
                if train.empty:
                    raise ValueError("after the rules no training row is left")
                yield train["place"].to_numpy(), fold["place"].to_numpy()


# %% wrong="labels_in_a_report" of="fold_report" caught_by="report_of_folds" edits="reference"
# Looks rows up by label, though folds hold positions: in a table that was filtered these are other rows.
# -     when, who = pd.Series(times).reset_index(drop=True), pd.Series(np.asarray(groups))
# +     when, who = pd.Series(times), pd.Series(np.asarray(groups), index=pd.Series(times).index)
#
# -         begin, old = when.iloc[validation].min(), when.iloc[training]
# +         begin, old = when.loc[validation].min(), when.loc[training]
#
# -                 "end": when.iloc[validation].max(),
# +                 "end": when.loc[validation].max(),
#
# -                 "known_customers_rows": int(who.iloc[training].isin(who.iloc[validation]).sum()),
# +                 "known_customers_rows": int(who.loc[training].isin(who.loc[validation]).sum()),


# %% wrong="settled_at_the_embargo" of="fold_report" caught_by="report_of_folds" edits="reference"
# Takes the row that is exactly as old as the embargo for settled.
# -                 "unsettled_rows": int((old + embargo >= begin).sum()),
# +                 "unsettled_rows": int((old + embargo > begin).sum()),


# %% wrong="later_rows_settled" of="fold_report" caught_by="report_of_folds" edits="reference"
# Takes a row long after the fold for settled, since it is far away: its label came later still.
# -                 "unsettled_rows": int((old + embargo >= begin).sum()),
# +                 "unsettled_rows": int(((old - begin).abs() <= embargo).sum()),


# %% wrong="customers_not_rows" of="fold_report" caught_by="report_of_folds" edits="reference"
# Counts the customers that both sides share, and not the rows that they bring into training.
# -                 "known_customers_rows": int(who.iloc[training].isin(who.iloc[validation]).sum()),
# +                 "known_customers_rows": len(set(who.iloc[training]) & set(who.iloc[validation])),


# %% wrong="embargo_from_the_end" of="fold_report" caught_by="report_of_folds" edits="reference"
# Counts back from the end of the fold: a row may be settled then, and was not when the fold began.
# -                 "unsettled_rows": int((old + embargo >= begin).sum()),
# +                 "unsettled_rows": int((old + embargo >= when.iloc[validation].max()).sum()),


# %% wrong="share_of_all_rows" of="fold_report" caught_by="report_of_folds" edits="reference"
# Divides what does not train by all rows, those of the fold and after it included.
# -                 "purged_share": 1 - (old < begin).sum() / before if before else 0.0,
# +                 "purged_share": (before - (old < begin).sum()) / len(when),


# %% also="plain_loops" of="fold_report"
def fold_report(folds, times, groups, embargo):
    t, who = np.asarray(times).astype("datetime64[ns]"), np.asarray(groups)
    report = {}
    for number, (training, validation) in enumerate(folds):
        begin, end = t[validation].min(), t[validation].max()
        before = set(np.flatnonzero(t < begin))
        known = set(who[validation])
        report[number] = {
            "fold": number,
            "purged_share": len(before - set(training)) / max(len(before), 1),
            "known_customers_rows": sum(who[row] in known for row in training),
            "unsettled_rows": np.count_nonzero(begin - t[training] <= embargo.to_timedelta64()),
            "validation_rows": validation.size,
            "training_rows": training.size,
            "end": end,
            "begin": begin,
        }
    return pd.DataFrame.from_dict(report, orient="index")


# %% wrong="chosen_by_shuffled" of="log_choice" caught_by="run_of_the_choice" edits="reference"
# Logs the honest scores and chooses by the shuffled ones: the tree that knows addresses wins.
# -     chosen = max(honest, key=lambda name: honest[name].mean())
# +     chosen = max(shuffled, key=lambda name: shuffled[name].mean())


# %% wrong="median_of_the_folds" of="log_choice" caught_by="run_of_the_choice" edits="reference"
# Chooses by the median of the folds, which does not see a fold that went badly wrong.
# -     chosen = max(honest, key=lambda name: honest[name].mean())
# +     chosen = max(honest, key=lambda name: np.median(honest[name]))


# %% wrong="last_fold_only" of="log_choice" caught_by="run_of_the_choice" edits="reference"
# Chooses by the last fold alone, as if the newest weeks were the only ones.
# -     chosen = max(honest, key=lambda name: honest[name].mean())
# +     chosen = max(honest, key=lambda name: honest[name][-1])


# %% wrong="fits_the_candidates" of="log_choice" caught_by="run_of_the_choice" edits="reference"
# Fits the caller's models on all orders, those of the folds included: their next score is no score.
# =         shuffled[name] = cross_val_score(model, orders, y, cv=shuffle, scoring="roc_auc")
# +         model.fit(orders, y)


# %% wrong="spread_with_n" of="log_choice" caught_by="run_of_the_choice" edits="reference"
# Divides by n: with three folds the spread comes out a fifth too small.
# -                 f"{name}_honest_sd": honest[name].std(ddof=1),
# +                 f"{name}_honest_sd": honest[name].std(),


# %% wrong="folds_in_row_order" of="log_choice" caught_by="run_of_the_choice" edits="reference"
# Shuffles nothing, and calls that the shuffled score: the folds are blocks of rows as they happen to lie.
# -     shuffle = KFold(5, shuffle=True, random_state=0)
# +     shuffle = KFold(5)


# %% wrong="no_embargo" of="log_choice" caught_by="run_of_the_choice" edits="reference"
# Uses the splitter with an embargo of 0: labels train that nobody had yet.
# -     cv = splits.GroupedTimeSplit(n_splits, time="placed_at", embargo=embargo, start=start)
# +     cv = splits.GroupedTimeSplit(n_splits, time="placed_at", embargo=0 * embargo, start=start)


# %% wrong="rows_as_groups" of="log_choice" caught_by="run_of_the_choice" edits="reference"
# Passes each row as a customer of its own, so that the splitter has nobody to keep apart.
# -     y, who = orders["is_fraud"], orders["customer_id"]
# +     y, who = orders["is_fraud"], np.arange(len(orders))


# %% wrong="first_candidate" of="log_choice" caught_by="run_of_the_choice" edits="reference"
# Without key= max compares the names: the last of the alphabet wins.
# -     chosen = max(honest, key=lambda name: honest[name].mean())
# +     chosen = max(honest)


# %% also="cross_validate_both" of="log_choice"
def log_choice(candidates, orders, n_splits, embargo, start):
    import json

    from sklearn.base import clone
    from sklearn.metrics import roc_auc_score
    from splits import GroupedTimeSplit

    orders = orders.reset_index(drop=True)
    ways = {
        "honest": list(
            GroupedTimeSplit(n_splits, time="placed_at", embargo=embargo, start=start).split(
                orders, groups=orders["customer_id"]
            )
        ),
        "shuffled": list(KFold(5, shuffle=True, random_state=0).split(orders)),
    }
    scores = {}
    for name, model in candidates.items():
        for way, folds in ways.items():
            for train, test in folds:
                fitted = clone(model).fit(orders.iloc[train], orders["is_fraud"].iloc[train])
                p = fitted.predict_proba(orders.iloc[test])[:, 1]
                scores.setdefault((name, way), []).append(
                    float(roc_auc_score(orders["is_fraud"].iloc[test], p))
                )
    best = sorted(candidates, key=lambda name: np.mean(scores[name, "honest"]))[-1]
    report = fold_report(ways["honest"], orders["placed_at"], orders["customer_id"], embargo)
    with mlflow.start_run(run_name="honest folds") as run:
        mlflow.log_param("chosen", best)
        mlflow.log_param("candidates", ",".join(sorted(candidates)))
        mlflow.log_params({"n_splits": n_splits, "start": start.isoformat()})
        mlflow.log_param("embargo_days", int(embargo.total_seconds() // 86_400))
        for (name, way), found in scores.items():
            mlflow.log_metric(f"{name}_{way}_mean", float(np.mean(found)))
            mlflow.log_metric(f"{name}_{way}_sd", float(pd.Series(found).std()))
        mlflow.log_metric("purged_share", float(report["purged_share"].mean()))
        described = json.loads(report.to_json(orient="records", date_format="iso"))
        for number, fold in enumerate(described):
            fold["scores"] = {name: scores[name, "honest"][number] for name in candidates}
        mlflow.log_dict(described, "folds.json")
        mlflow.log_artifact("splits.py")
    assert run.info.run_id
    return best
