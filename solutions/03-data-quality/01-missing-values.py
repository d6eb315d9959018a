# ---
# title: "What did the members who did not answer do?"
# minutes: 40
# data: [randhie]
# needs: [first-check]
# runs_on: []
# limit_seconds: 60
# sources:
#   - "van Buuren (2018), Flexible Imputation of Missing Data, 2nd edition, sections 1.2, 1.3 and 3.8"
#   - "Newhouse and the Insurance Experiment Group (1993), Free for All? Lessons from the RAND Health Insurance
#     Experiment"
# hints:
#   - "Ask of each number which rows it may come from. A gap compares silent rows with answered rows; a fill value
#     comes from answered rows of the training table; a shift moves silent rows and no others."
#   - "pd.get_dummies with prefix_sep turns words into columns of 0 and 1, and one subtraction then gives all gaps.
#     In the imputer, remember groupby(by)[column].mean() in fit; in transform, take isna() first, then look the
#     remembered means up with join(..., on=by) and fill what is still empty with the overall mean."
#   - "fit: self.means_ = X.groupby(self.by)[self.column].mean(), self.overall_ = X[self.column].mean(). transform:
#     expected = X[self.by].join(self.means_.rename('expected'), on=self.by)['expected'].fillna(self.overall_), then
#     X.assign with the filled column and the indicator. Sensitivity: the mean moves by delta times the silent share."
# ---
# %% [markdown]
# # What did the members who did not answer do?
#
# A health insurer prices next year's plans by the number of doctor visits that a member makes in a year. It
# asks its members by letter, and many do not answer. For 100,000 members at 30 dollars a visit, a mean that
# is wrong by 0.3 visits is 900,000 dollars a year. You find out whether silence depends on what the insurer
# knows, fill the blanks, and say what no method can know.
#
# The data are real: the RAND Health Insurance Experiment, 20,190 person-years of 5,912 people, USA, 1974 to
# 1982. Visits were counted from claims, so none is missing there. We blank them by a rule that we know, and
# so the truth is known too. (The letter, the 30 dollars and the 100,000 members are ours.)
#
# | column | meaning |
# | --- | --- |
# | `person` | number of the person; most people have several years |
# | `age_years`, `family_size` | years; persons |
# | `health` | own rating at the start: excellent, good, fair, poor |
# | `female` | True or False |
# | `plan` | `free` care, costs `shared` with the member, or an individual `deductible` |
# | `visits` | doctor visits in the year, the column that will have blanks (NaN) |
#
# A row whose `visits` is NaN is called *silent*, any other *answered*.

# %%
import grader

grader.begin("missing-values")

import math

import mlflow
import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.model_selection import GroupShuffleSplit

from tidewater.real import load

COLUMNS = ["person", "age_years", "family_size", "health", "female", "plan", "visits"]
BY = ["health", "female", "plan"]
members = load("randhie")[COLUMNS]

# %% [markdown]
# The rule by which we blank: silence becomes more likely with worse health, for women, and with free care.
# Nothing else matters, so among rows that agree in these three columns silence *is* a coin toss. The tests
# blank by the same rule with other random numbers.


# %%
def blank(table, rng):
    """A copy in which some `visits` are NaN. rng: NumPy's Generator."""
    rank = table["health"].map({"excellent": 0, "good": 1, "fair": 2, "poor": 3})
    chance = 0.15 * rank + 0.35 * table["female"] + 0.35 * (table["plan"] == "free")
    answers = rng.random(len(table)) >= chance.clip(0, 0.85)
    return table.assign(visits=table["visits"].where(answers))


blanked = blank(members, np.random.default_rng(0))
pd.Series(
    {
        "share silent": blanked["visits"].isna().mean(),
        "mean of the answered": blanked["visits"].mean(),
        "mean of all (the truth)": members["visits"].mean(),
    }
).round(3)

# %% [markdown]
# ## 1. Does silence depend on what we see?
#
# Compare silent and answered rows in every other column. For a column of numbers (True counts as 1, False
# as 0) the *gap* is
#
# $$\frac{\text{mean over silent rows} - \text{mean over answered rows}}{\text{standard deviation over all rows}}$$
#
# A column of words gives one gap for each word, with 1 where the row has that word and 0 elsewhere, under a
# name such as `health=poor`. A gap has no unit. It measures how large a dependence is; a p-value, with
# 20,190 rows, would call every trifle significant. Where a gap cannot be computed (nobody is silent,
# everybody is, or the column has one value) it is 0.0.
#
# In: a table, the name of the column with blanks, a limit. No other column has blanks. Out: a dict with
#
# | key | value |
# | --- | --- |
# | `share_missing` | share of silent rows, 0 to 1 |
# | `gaps` | dict from name to gap |
# | `depends_on` | sorted list of the names whose gap is beyond the limit, in either direction |
# | `verdict` | `"not completely at random"` if that list has a name, else `"no sign"` |
# | `given_the_rest` | whether silence also depends on the blank value itself, among rows that agree in all other columns: `"yes"`, `"no"` or `"cannot be known"` |
#
# Think about the last one before you write it: from which rows would you compute it?


# %% answer="diagnose"
def diagnose(table, column, limit=0.1):
    """How silent rows differ from answered rows in all other columns.

    table: DataFrame; only `column` has NaN.
    column: name of the column with blanks.
    limit: gaps beyond it, up or down, count as a dependence; no unit.
    Returns a dict with share_missing, gaps, depends_on, verdict and given_the_rest.
    """
    ### BEGIN SOLUTION
    silent = table[column].isna()
    others = pd.get_dummies(table.drop(columns=column), prefix_sep="=", dtype=float).astype(float)
    gaps = ((others[silent].mean() - others[~silent].mean()) / others.std()).fillna(0.0)
    depends_on = sorted(gaps.index[gaps.abs() > limit])
    return {
        "share_missing": float(silent.mean()),
        "gaps": gaps.to_dict(),
        "depends_on": depends_on,
        "verdict": "not completely at random" if depends_on else "no sign",
        "given_the_rest": "cannot be known",
    }
    ### END SOLUTION


# %% test="gaps" of="diagnose" points=2
import numpy as np
import pandas as pd
from grader import expect

letters = pd.DataFrame(
    {
        "age_years": [30.0, 40.0, 50.0, 60.0, 70.0, 40.0],
        "answers_phone": [True, False, True, False, True, False],
        "visits": [1.0, 2.0, 0.0, np.nan, np.nan, 5.0],
    }
)
report = diagnose(letters, "visits")
# Tolerance: dividing by n or by n - 1 inside the standard deviation is a matter of taste. In six rows the two
# differ by a tenth, so this check takes both by hand; in the 20,190 rows below they differ by 0.00003.
expect.close(
    report["gaps"]["age_years"],
    1.7,
    tolerance=0.08,
    what="the gap of age_years in six rows, two of them silent",
    why="silent rows are 65 on average, answered rows 40, and the standard deviation is 14.7 (or 13.4 with n)",
    look_at="which rows each mean is over, and the order of the subtraction",
)
expect.close(
    [report["share_missing"], report["gaps"]["answers_phone"]],
    [1 / 3, 0.0],
    what="share_missing, and the gap of a column that is True in half of both kinds of rows",
    why="two of six rows are silent, and both kinds have the same share of True",
    look_at="the columns of True and False",
)
### BEGIN HIDDEN TESTS
from tidewater.real import load

rng = expect.rng()
table = load("randhie")[["age_years", "family_size", "health", "female", "plan", "visits"]].sample(
    6000, random_state=int(rng.integers(1_000_000))
)
older = table["age_years"].rank(pct=True)
table["visits"] = table["visits"].where(rng.random(len(table)) > 0.6 * older)
silent = table["visits"].isna().to_numpy()
ages = table["age_years"].to_numpy()
fair = (table["health"] == "fair").to_numpy().astype(float)
women = table["female"].to_numpy().astype(float)
wanted = [(column[silent].mean() - column[~silent].mean()) / column.std() for column in (ages, fair, women)]
with expect.unchanged(
    table,
    what="the table given to diagnose",
    why="a diagnosis looks and does not touch",
    look_at="assignments into the argument",
):
    report = diagnose(table, "visits")
expect.equal(
    sorted(report["gaps"]),
    sorted(
        ["age_years", "family_size", "female"]
        + [f"health={word}" for word in ("excellent", "fair", "good", "poor")]
        + [f"plan={word}" for word in ("deductible", "free", "shared")]
    ),
    what="the names of the gaps",
    why="a column of numbers has one gap, a column of words has one for each word, and the blank column has none",
    look_at="the names, and which columns you leave out",
)
expect.close(
    [report["gaps"][name] for name in ("age_years", "health=fair", "female")],
    wanted,
    tolerance=0.001,  # n or n - 1 in 6,000 rows is 0.0001; a wrong set of rows is 0.01 or more
    what="the gaps of age_years, health=fair and female where older members are silent more often",
    why="each is the mean over silent rows minus that over answered rows, in standard deviations of all rows",
    look_at="which rows the mean and the standard deviation are over",
)
### END HIDDEN TESTS

# %% test="verdicts" of="diagnose" points=2
import numpy as np
import pandas as pd
from grader import expect

letters = pd.DataFrame(
    {
        "age_years": [30.0, 40.0, 50.0, 60.0, 70.0, 40.0],
        "answers_phone": [True, False, True, False, True, False],
        "visits": [1.0, 2.0, 0.0, np.nan, np.nan, 5.0],
    }
)
report = diagnose(letters, "visits")
expect.equal(
    [report["depends_on"], report["verdict"], report["given_the_rest"]],
    [["age_years"], "not completely at random", "cannot be known"],
    what="depends_on, verdict and given_the_rest where the silent are 25 years older",
    why="the gap is beyond the limit, and the silent rows hold no value of their own to compare with",
    look_at="the limit, the two words for the verdict, and what would be needed for the last key",
)
### BEGIN HIDDEN TESTS
from tidewater.real import load

rng = expect.rng()
complete = load("randhie")[["age_years", "family_size", "health", "female", "plan", "visits"]]
older = complete["age_years"].rank(pct=True).to_numpy()
draw = rng.random(len(complete))
# A limit of 0.1 is seven standard deviations of a gap by chance: 1 / sqrt(20190 * 0.3 * 0.7) = 0.015.
coin = complete.assign(visits=complete["visits"].where(draw > 0.3))
young = complete.assign(visits=complete["visits"].where(draw > 0.6 * (1 - older)))
mixed = complete.assign(visits=rng.permutation(complete["visits"].to_numpy()))
by_value = mixed.assign(visits=mixed["visits"].where(draw > np.where(mixed["visits"] > 3, 0.8, 0.1)))
for name, table, verdict in [
    ("by the toss of a coin", coin, "no sign"),
    ("more often where members are young", young, "not completely at random"),
    ("by the number of visits alone, which here goes with no other column", by_value, "no sign"),
    ("never", complete, "no sign"),
]:
    report = diagnose(table, "visits")
    expect.equal(
        [report["verdict"], "age_years" in report["depends_on"], report["given_the_rest"]],
        [verdict, table is young, "cannot be known"],
        what=f"verdict, whether age_years is named, and given_the_rest, where members are silent {name}",
        why="a gap counts up or down, and what silence has to do with the unseen value no column shows",
        look_at="gaps below 0, and every case in which your function claims to know more",
    )
names = diagnose(young, "visits", limit=0.0)["depends_on"]
expect.equal(
    names,
    sorted(names),
    what="depends_on with limit 0.0",
    why="the names are sorted, so that two reports can be compared",
    look_at="the order of the list",
)
expect.between(
    len(names),
    8,
    10,
    what="the number of names in depends_on with limit 0.0",
    why="with real people no gap is exactly 0, so each is beyond the limit",
    look_at="whether your function uses limit",
)
### END HIDDEN TESTS

# %% [markdown]
# ## 2. Fill the blanks from comparable members
#
# Write `GroupImputer`, a transformer in scikit-learn's manner. `fit` learns from a training table what a
# member with these values in the columns `by` may be expected to have in `column`; `transform` returns a
# copy of a table in which
#
# - `column` has that expectation where it was NaN, and is otherwise unchanged;
# - a new last column, named like `column` with `_missing` behind it (`visits_missing`), is 1 where `column`
#   was blank and 0 elsewhere, as ints, also in a batch without a blank.
#
# The obvious expectation is the mean of the answered training rows of the same group. A model of these
# columns is as good, as long as equal rows get equal values: the tests look at the error of the estimated
# mean against the truth. Everything is learned in `fit`. A row gets the same value whether it comes alone
# or with ten thousand others, and a combination that the training table does not know (or knows only
# silent) gets some number between the smallest and the largest answered value.
#
# `fit` returns the imputer. `__init__` keeps its arguments as they came, under their own names (`self.column`,
# `self.by`), so that scikit-learn can clone it.


# %% answer="imputer"
class GroupImputer(TransformerMixin, BaseEstimator):
    """Fills one column with what comparable training rows lead one to expect, and marks what it filled.

    column: name of the column with blanks.
    by: list of names of complete columns that say which rows are comparable.
    """

    def __init__(self, column, by):
        self.column = column
        self.by = by

    def fit(self, X, y=None):
        """Learn from the answered rows of X. Returns the imputer."""
        ### BEGIN SOLUTION
        self.overall_ = X[self.column].mean()
        self.means_ = X.groupby(self.by)[self.column].mean()
        return self
        ### END SOLUTION

    def transform(self, X):
        """A copy of X with the column filled and an indicator behind the other columns."""
        ### BEGIN SOLUTION
        silent = X[self.column].isna()
        means = self.means_.rename("expected")
        expected = X[self.by].join(means, on=self.by)["expected"].fillna(self.overall_)
        filled = X[self.column].fillna(expected)
        return X.assign(**{self.column: filled, f"{self.column}_missing": silent.astype(int)})
        ### END SOLUTION


# %% test="indicator" of="imputer" points=2
import numpy as np
import pandas as pd
from grader import expect

letters = pd.DataFrame(
    {
        "health": ["good", "good", "good", "poor", "poor", "poor"],
        "visits": [1.0, 3.0, np.nan, 6.0, np.nan, 8.0],
    }
)
imputer = GroupImputer("visits", ["health"])
imputer.fit(letters)
filled = imputer.transform(letters)
expect.equal(
    [list(filled.columns), list(filled["visits_missing"])],
    [["health", "visits", "visits_missing"], [0, 0, 1, 0, 1, 0]],
    what="the columns, and visits_missing for [1, 3, NaN, 6, NaN, 8]",
    why="the indicator marks what was blank before it was filled",
    look_at="the moment at which you call isna()",
)
### BEGIN HIDDEN TESTS
from tidewater.real import load

rng = expect.rng()
complete = load("randhie")[["health", "female", "plan", "visits"]].sample(
    3000, random_state=int(rng.integers(1_000_000))
)
silent = rng.random(3000) < 0.3
table = complete.assign(visits=complete["visits"].where(~silent))
imputer = GroupImputer("visits", ["health", "female", "plan"])
with expect.unchanged(
    table,
    what="the table given to fit and transform",
    why="the caller still needs to know what was blank",
    look_at="fillna or assignments that change the argument",
):
    imputer.fit(table)
    filled = imputer.transform(table)
whole = imputer.transform(table[~silent])
expect.equal(
    filled["visits_missing"].to_numpy(),
    silent.astype(int),
    what="visits_missing of 3,000 rows",
    why="it is 1 where visits was blank and 0 elsewhere, as ints and in the order of the rows",
    look_at="the moment at which you call isna(), and the type",
)
expect.equal(
    [filled["visits"].to_numpy()[~silent], whole["visits_missing"].to_numpy()],
    [complete["visits"].to_numpy(dtype=float)[~silent], np.zeros(int((~silent).sum()), dtype=int)],
    what="visits of the answered rows, and the indicator of a batch in which everybody answered",
    why="an answer is never replaced, and the model behind needs the indicator column in every batch",
    look_at="which rows you fill, and batches without a blank",
)
expect.equal(
    list(filled.index),
    list(table.index),
    what="the index after transform",
    why="rows keep their names and their order",
    look_at="merges, which number the rows anew",
)
### END HIDDEN TESTS

# %% [markdown]
# Now the error that costs money: the mean of the filled column against the mean of the visits that we hid.

# %% test="mean_error" of="imputer" points=3
import numpy as np
from grader import expect
from tidewater.real import load

members = load("randhie")[["health", "female", "plan", "visits"]]
rank = members["health"].map({"excellent": 0, "good": 1, "fair": 2, "poor": 3})
chance = (0.15 * rank + 0.35 * members["female"] + 0.35 * (members["plan"] == "free")).clip(0, 0.85)
blanked = members.assign(
    visits=members["visits"].where(np.random.default_rng(0).random(len(members)) >= chance)
)
imputer = GroupImputer("visits", ["health", "female", "plan"])
imputer.fit(blanked)
filled = imputer.transform(blanked)["visits"]
# Tolerance: see the measurement in the hidden part, which this bar is taken from.
expect.between(
    float(filled.mean() - members["visits"].mean()),
    -0.15,
    0.15,
    what="mean of the filled visits minus the true mean, blanked by the rule above with seed 0",
    why="members who agree in the three columns differ only by the toss of a coin, so their mean is the one to fill in",
    look_at="whom you compare a silent member with",
)
### BEGIN HIDDEN TESTS
# The mean error over four blankings, measured over 40 seeds (mean, standard deviation): group means 0.004, 0.020;
# linear model -0.022, 0.016; Poisson model -0.004, 0.017. Wrong: one mean for all -0.292, 0.011; by health only
# -0.239, 0.012; group medians -0.528, 0.021. The bar of 0.15 lies seven standard deviations or more from each.
rng = expect.rng()
errors = []
for repetition in range(4):
    draw = rng.random(len(members))
    blanked = members.assign(visits=members["visits"].where(draw >= chance))
    imputer = GroupImputer("visits", ["health", "female", "plan"])
    imputer.fit(blanked)
    filled = imputer.transform(blanked)
    errors.append(filled["visits"].mean() - members["visits"].mean())
    expect.finite(
        filled["visits"],
        what="the filled visits",
        why="every blank is filled",
        look_at="rows that are still NaN after transform",
    )
expect.between(
    float(np.mean(errors)),
    -0.15,
    0.15,
    what="the error of the mean, over four other blankings by the same rule",
    why="0.15 visits are 450,000 dollars; one mean for all is wrong by twice as much",
    look_at="whom you compare a silent member with, and mean against median",
)
### END HIDDEN TESTS

# %% test="batches" of="imputer" points=3
import numpy as np
import pandas as pd
from grader import expect

train = pd.DataFrame(
    {
        "health": ["good", "good", "good", "poor", "poor", "poor", "fair"],
        "visits": [1.0, 3.0, np.nan, 6.0, np.nan, 8.0, np.nan],
    }
)
imputer = GroupImputer("visits", ["health"])
imputer.fit(train)
alone = imputer.transform(pd.DataFrame({"health": ["poor"], "visits": [np.nan]}))
unknown = imputer.transform(pd.DataFrame({"health": ["fair", "superb"], "visits": [np.nan, np.nan]}))
# Tolerance: a right model may shrink 7 towards the overall mean of 4.5, and the mean of all is 4.5 itself.
expect.between(
    float(alone["visits"].iloc[0]),
    5.0,
    8.0,
    what="the value for one silent member in poor health, alone in its batch",
    why="the answered training rows in poor health have 6 and 8 visits",
    look_at="where transform takes its numbers from",
)
expect.between(
    unknown["visits"],
    1.0,
    8.0,
    what="values for health that was only silent in training (fair) or is new (superb)",
    why="production meets values that training has not seen, and a number is needed all the same",
    look_at="what happens where no group was learned",
)
### BEGIN HIDDEN TESTS
from tidewater.real import load

rng = expect.rng()
members = load("randhie")[["health", "female", "plan", "visits"]]
rank = members["health"].map({"excellent": 0, "good": 1, "fair": 2, "poor": 3})
chance = (0.15 * rank + 0.35 * members["female"] + 0.35 * (members["plan"] == "free")).clip(0, 0.85)
blanked = members.assign(visits=members["visits"].where(rng.random(len(members)) >= chance))
order = rng.permutation(len(members))
train, test = blanked.iloc[order[:8000]], blanked.iloc[order[8000:12000]]
imputer = GroupImputer("visits", ["health", "female", "plan"])
imputer.fit(train)
together = imputer.transform(test)
part = np.sort(rng.choice(4000, size=40, replace=False))
alone = imputer.transform(test.iloc[part])
expect.close(
    alone["visits"],
    together["visits"].iloc[part],
    what="visits of 40 rows in a batch of their own, against the same rows in a batch of 4,000",
    why="a row's value comes from training, not from its neighbours in the batch",
    look_at="statistics that transform computes from the rows it is given",
)


def filled_training_rows(training_rows, later_batch):
    learner = GroupImputer("visits", ["health", "female", "plan"])
    learner.fit(training_rows)
    learner.transform(later_batch)
    return learner.transform(training_rows)["visits"]


expect.fitted_only_on(
    filled_training_rows,
    train.iloc[:3000],
    test.iloc[:1000],
    what="the filled training rows after another batch went through transform",
    why="Monday's batch must not change what was learned in training",
    look_at="attributes that transform sets",
)
gaps = np.isnan(train["visits"].to_numpy())
expect.equal(
    int(imputer.transform(train)["visits_missing"].sum()),
    int(gaps.sum()),
    what="the number of training rows marked as filled",
    why="each blank is filled and marked once",
    look_at="what transform returns for the training rows",
)
### END HIDDEN TESTS

# %% [markdown]
# A transformer earns its name inside of scikit-learn: `clone` copies it unfitted, a `Pipeline` fits it with
# the model behind it, and `GridSearchCV` sets its arguments. This test asks scikit-learn.

# %% test="estimator" of="imputer" points=1
from grader import expect


def through_scikit_learn(imputer_class):
    import pandas as pd
    from sklearn.base import clone
    from sklearn.compose import make_column_transformer
    from sklearn.linear_model import LinearRegression
    from sklearn.pipeline import make_pipeline

    rows = pd.DataFrame({"health": ["good", "poor"] * 6, "visits": [1.0, 6.0, 3.0, 8.0, None, None] * 2})
    original = imputer_class("visits", ["health"])
    copy = clone(original).set_params(by=["health"])
    columns = make_column_transformer(("passthrough", ["visits", "visits_missing"]))
    model = make_pipeline(copy, columns, LinearRegression())
    model.fit(rows, [1.0, 2.0] * 6)
    return [copy is not original, sorted(original.get_params()), model.predict(rows).shape[0]]


expect.equal(
    expect.beside(through_scikit_learn, GroupImputer),
    [True, ["by", "column"], 12],
    what="clone, get_params and a Pipeline with a GroupImputer in front",
    why="the imputer travels with the model, so that production fills as training did",
    look_at="__init__, what fit returns, and the columns of what transform returns",
)

# %% [markdown]
# ## 3. Say what cannot be known
#
# The fill values hold if silent members see a doctor as often as comparable members who answered. The file
# cannot confirm it. So state a range: suppose that a silent member makes on average up to `delta` visits
# more, or fewer, than the value that was filled in. (`delta` is a judgement, asked from people who know the
# members, before they see the result.) The plan loses money if the mean is above `limit` visits.
#
# In: the filled values, which of them were silent, `delta` and `limit`. Out: a dict with
#
# | key | value |
# | --- | --- |
# | `low`, `high` | mean visits of all members if every silent member is shifted by `-delta` or `+delta` |
# | `tipping` | the shift of the silent members, with its sign, at which the mean equals `limit`; `math.inf` where nobody is silent |
# | `decision` | `"below"` if the whole range is below `limit`, `"above"` if it is above, else `"open"` |


# %% answer="sensitivity"
def sensitivity(filled, silent, delta, limit):
    """Range of the mean when silent members differ from comparable ones by up to delta.

    filled: float array, shape (n,), visits with blanks filled.
    silent: bool array, shape (n,), True where the value was filled in.
    delta: float of at least 0, visits.
    limit: float, visits; a mean above it loses money.
    Returns a dict with low, high, tipping and decision.
    """
    ### BEGIN SOLUTION
    filled, silent = np.asarray(filled, dtype=float), np.asarray(silent, dtype=bool)
    share, mean = float(silent.mean()), float(filled.mean())
    low, high = mean - share * delta, mean + share * delta
    return {
        "low": low,
        "high": high,
        "tipping": (limit - mean) / share if share else math.inf,
        "decision": "below" if high < limit else "above" if low > limit else "open",
    }
    ### END SOLUTION


# %% test="range_of_the_mean" of="sensitivity" points=3
import math

import numpy as np
from grader import expect

filled = np.array([2.0, 4.0, 3.0, 1.0, 5.0])
silent = np.array([False, False, True, False, True])
result = sensitivity(filled, silent, delta=1.0, limit=3.2)
expect.close(
    [result["low"], result["high"], result["tipping"]],
    [2.6, 3.4, 0.5],
    what="low, high and tipping for five members with mean 3, two of them silent, delta 1.0, limit 3.2",
    why="one visit more for each silent member moves the mean by 0.4, and 0.2 is missing to the limit",
    look_at="whose values are shifted",
)
expect.equal(
    result["decision"],
    "open",
    what="the decision for a range from 2.6 to 3.4 and a limit of 3.2",
    why="the limit lies inside of the range",
    look_at="which end of the range you compare",
)
### BEGIN HIDDEN TESTS
rng = expect.rng()
for number in range(3):
    filled = rng.gamma(2.0, 1.5, size=200)
    silent = rng.random(200) < (0.15, 0.35, 0.7)[number]
    delta = float(rng.uniform(0.5, 1.5))
    ends = [float(np.where(silent, filled + shift, filled).mean()) for shift in (-delta, delta)]
    for limit, decision in (
        (ends[1] + 0.05, "below"),
        (ends[0] - 0.05, "above"),
        (ends[1] - 0.02, "open"),
        (ends[0] + 0.02, "open"),
    ):
        result = sensitivity(filled, silent, delta, limit)
        expect.close(
            [result["low"], result["high"]],
            ends,
            what="low and high for 200 members",
            why="answered members said what they said; a shift moves silent members only",
            look_at="whose values are shifted, and what you divide by",
        )
        expect.equal(
            result["decision"],
            decision,
            what="the decision where the limit is just outside or just inside of the range",
            why="a decision stands only if both ends of the range agree",
            look_at="which end of the range you compare",
        )
        expect.close(
            float(np.where(silent, filled + result["tipping"], filled).mean()),
            limit,
            what="the mean after all silent members were shifted by tipping",
            why="tipping is the shift of the silent members at which the mean equals the limit",
            look_at="the share by which you divide, and the sign",
        )
result = sensitivity(filled, np.zeros(200, dtype=bool), 1.0, float(filled.mean()) + 1.0)
expect.close(
    [result["low"], result["high"], result["tipping"]],
    [filled.mean(), filled.mean(), math.inf],
    what="low, high and tipping where nobody is silent",
    why="there is nobody to shift, so no shift reaches the limit",
    look_at="a share of 0",
)
### END HIDDEN TESTS

# %% [markdown]
# ## 4. A run that says how good the filling is
#
# The rows of one person belong to one half. This is given:


# %%
def halves(table, split_seed):
    """Training and test rows as two tables; no person is in both."""
    splitter = GroupShuffleSplit(n_splits=1, test_size=0.5, random_state=split_seed)
    train, test = next(splitter.split(table, groups=table["person"]))
    return table.iloc[train], table.iloc[test]


# %% [markdown]
# Write `log_imputation`: split, fit a `GroupImputer` by the columns `BY` on the training half, fill the
# test half, compare with the truth, and log one run into the unit's experiment.
#
# | kind | name | value |
# | --- | --- | --- |
# | param | `column`, `by`, `split_seed` | `visits`; `health,female,plan`; as given |
# | metric | `train_share_missing`, `test_share_missing` | shares of silent rows, 0 to 1; the first is what a monitor will compare with |
# | metric | `test_mean_error` | mean of the filled test visits minus their true mean |
# | metric | `test_mean_error_answered` | the same for the answered test rows alone, as if the silent ones were dropped |
# | metric | `test_rmse` | root of the mean squared error over the *silent* test rows |
#
# Errors keep their sign. Return the run's id.


# %% answer="log_imputation"
def log_imputation(blanked, truth, split_seed):
    """Fit on the training half, fill the test half, log one run against the truth.

    blanked: DataFrame with the columns of `members`, some visits NaN.
    truth: Series of the true visits with the same index.
    split_seed: int, given to halves.
    Returns the run's id, a string.
    """
    ### BEGIN SOLUTION
    train, test = halves(blanked, split_seed)
    imputer = GroupImputer("visits", BY).fit(train)
    filled = imputer.transform(test)["visits"]
    actual, silent = truth.loc[test.index], test["visits"].isna()
    with mlflow.start_run() as run:
        mlflow.log_params({"column": "visits", "by": ",".join(BY), "split_seed": split_seed})
        mlflow.log_metrics(
            {
                "train_share_missing": train["visits"].isna().mean(),
                "test_share_missing": silent.mean(),
                "test_mean_error": filled.mean() - actual.mean(),
                "test_mean_error_answered": test["visits"].mean() - actual.mean(),
                "test_rmse": np.sqrt(((filled - actual)[silent] ** 2).mean()),
            }
        )
    return run.info.run_id
    ### END SOLUTION


# %% test="run_against_truth" of="imputer log_imputation" points=3
import numpy as np
from grader import expect
from tidewater.real import load

columns = ["person", "age_years", "family_size", "health", "female", "plan", "visits"]
members = load("randhie")[columns]
rank = members["health"].map({"excellent": 0, "good": 1, "fair": 2, "poor": 3})
chance = (0.15 * rank + 0.35 * members["female"] + 0.35 * (members["plan"] == "free")).clip(0, 0.85)
blanked = members.assign(
    visits=members["visits"].where(np.random.default_rng(0).random(len(members)) >= chance)
)
log_imputation(blanked, members["visits"], split_seed=3)
view = expect.run(
    params={"column": "visits", "by": "health,female,plan", "split_seed": 3},
    metrics={
        "train_share_missing": 3789 / 10137,
        "test_share_missing": 3856 / 10053,
        "test_mean_error_answered": 15697 / 6197 - 28596 / 10053,
    },
    what="the run of log_imputation, blanked by the rule above with seed 0, split_seed=3",
    why="these follow from the halves alone, before anything is filled",
    look_at="which half each number is from, and the sign of an error",
)
### BEGIN HIDDEN TESTS
from sklearn.model_selection import GroupShuffleSplit

rng = expect.rng()
blanked = members.assign(visits=members["visits"].where(rng.random(len(members)) >= chance))
split_seed = int(rng.integers(1, 1_000_000))
splitter = GroupShuffleSplit(n_splits=1, test_size=0.5, random_state=split_seed)
train_rows, test_rows = next(splitter.split(blanked, groups=blanked["person"]))
train, test = blanked.iloc[train_rows], blanked.iloc[test_rows]
actual = members["visits"].to_numpy(dtype=float)[test_rows]
silent = np.isnan(test["visits"].to_numpy())
imputer = GroupImputer("visits", ["health", "female", "plan"])
imputer.fit(train)
filled = imputer.transform(test)
expect.shape(
    filled,
    (len(test_rows), 8),
    what="what transform returns for the test half",
    why="it has one row for each row, seven columns and the indicator",
    look_at="transform",
)
values = filled["visits"].to_numpy(dtype=float)
log_imputation(blanked, members["visits"], split_seed=split_seed)
# Tolerance: the same imputer on the same rows gives the same floats up to the order of a sum. An imputer that has
# seen the test half moves test_mean_error by 0.024 on average and by 0.002 at least in 40 seeds.
view = expect.run(
    params={"by": "health,female,plan", "split_seed": split_seed},
    metrics={
        "train_share_missing": float(np.isnan(train["visits"].to_numpy()).mean()),
        "test_share_missing": float(silent.mean()),
        "test_mean_error": float(values.mean() - actual.mean()),
        "test_mean_error_answered": float(actual[~silent].mean() - actual.mean()),
        "test_rmse": float(np.sqrt(np.mean((values - actual)[silent] ** 2))),
    },
    tolerance=1e-7,
    what="the run of log_imputation with another blanking and another split",
    why="this is what your imputer gives for the test half when it has learned from the training half only",
    look_at="which rows the imputer was fitted on, and which rows each metric is over",
)
### END HIDDEN TESTS

# %% [markdown]
# ## Before you go
#
# Two more looks. First, the error of one member's value: `test_rmse` stays above 4 visits however you fill,
# because people differ. Filling repairs the mean of many; it does not know the single member, and
# statistics that need the spread (an interval, a quantile) come out too narrow if filled values are taken
# for answers.
#
# Second, blanks for which nobody has the truth. `general_health`, an index from 0 to 100 in the same file,
# was really missing for a quarter of the rows, long before us. The cell shows for whom. Then try your
# diagnosis on it.

# %%
real = load("randhie")[["age_years", "female", "plan", "visits", "general_health"]]
ages = pd.cut(real["age_years"], [0, 5, 18, 40, 65], right=False)
real["general_health"].isna().groupby(ages).mean().rename("share of rows without a health index").round(3)


# %% wrong="only_upward" of="diagnose" caught_by="verdicts"
# Looks for gaps upward only: silent members who are younger than the others go unseen.
def diagnose(table, column, limit=0.1):
    silent = table[column].isna()
    others = pd.get_dummies(table.drop(columns=column), prefix_sep="=", dtype=float).astype(float)
    gaps = ((others[silent].mean() - others[~silent].mean()) / others.std()).fillna(0.0)
    depends_on = sorted(gaps.index[gaps > limit])
    return {
        "share_missing": float(silent.mean()),
        "gaps": gaps.to_dict(),
        "depends_on": depends_on,
        "verdict": "not completely at random" if depends_on else "no sign",
        "given_the_rest": "cannot be known",
    }


# %% wrong="no_gap_means_random" of="diagnose" caught_by="verdicts"
# Takes "no gap found" for "silence has nothing to do with the value": the columns we see say nothing about that.
def diagnose(table, column, limit=0.1):
    silent = table[column].isna()
    others = pd.get_dummies(table.drop(columns=column), prefix_sep="=", dtype=float).astype(float)
    gaps = ((others[silent].mean() - others[~silent].mean()) / others.std()).fillna(0.0)
    depends_on = sorted(gaps.index[gaps.abs() > limit])
    return {
        "share_missing": float(silent.mean()),
        "gaps": gaps.to_dict(),
        "depends_on": depends_on,
        "verdict": "not completely at random" if depends_on else "no sign",
        "given_the_rest": "cannot be known" if depends_on else "no",
    }


# %% wrong="silent_against_all" of="diagnose" caught_by="gaps"
# Compares silent rows with all rows, which the silent ones are part of: the more are silent, the smaller the gap.
def diagnose(table, column, limit=0.1):
    silent = table[column].isna()
    others = pd.get_dummies(table.drop(columns=column), prefix_sep="=", dtype=float).astype(float)
    gaps = ((others[silent].mean() - others.mean()) / others.std()).fillna(0.0)
    depends_on = sorted(gaps.index[gaps.abs() > limit])
    return {
        "share_missing": float(silent.mean()),
        "gaps": gaps.to_dict(),
        "depends_on": depends_on,
        "verdict": "not completely at random" if depends_on else "no sign",
        "given_the_rest": "cannot be known",
    }


# %% wrong="mean_for_all" of="imputer" caught_by="mean_error"
# One mean for all: the answered are the healthy ones, and every silent member is given their number.
class GroupImputer(TransformerMixin, BaseEstimator):
    def __init__(self, column, by):
        self.column = column
        self.by = by

    def fit(self, X, y=None):
        self.overall_ = X[self.column].mean()
        return self

    def transform(self, X):
        silent = X[self.column].isna()
        filled = X[self.column].fillna(self.overall_)
        return X.assign(**{self.column: filled, f"{self.column}_missing": silent.astype(int)})


# %% wrong="indicator_after_filling" of="imputer" caught_by="indicator"
# The indicator is made after filling, when nothing is blank any more: it is 0 in every row.
class GroupImputer(TransformerMixin, BaseEstimator):
    def __init__(self, column, by):
        self.column = column
        self.by = by

    def fit(self, X, y=None):
        self.overall_ = X[self.column].mean()
        self.means_ = X.groupby(self.by)[self.column].mean()
        return self

    def transform(self, X):
        means = self.means_.rename("expected")
        expected = X[self.by].join(means, on=self.by)["expected"].fillna(self.overall_)
        X = X.assign(**{self.column: X[self.column].fillna(expected)})
        silent = X[self.column].isna()
        return X.assign(**{f"{self.column}_missing": silent.astype(int)})


# %% wrong="statistics_of_the_batch" of="imputer" caught_by="batches"
# Group means of the batch at hand: a member's value then depends on who came along, and alone there is none.
class GroupImputer(TransformerMixin, BaseEstimator):
    def __init__(self, column, by):
        self.column = column
        self.by = by

    def fit(self, X, y=None):
        self.overall_ = X[self.column].mean()
        return self

    def transform(self, X):
        silent = X[self.column].isna()
        expected = X.groupby(self.by)[self.column].transform("mean").fillna(self.overall_)
        filled = X[self.column].fillna(expected)
        return X.assign(**{self.column: filled, f"{self.column}_missing": silent.astype(int)})


# %% wrong="learns_from_every_batch" of="imputer" caught_by="batches"
# Goes on learning in transform: each batch changes what was learned in training, and no run can be repeated.
class GroupImputer(TransformerMixin, BaseEstimator):
    def __init__(self, column, by):
        self.column = column
        self.by = by

    def fit(self, X, y=None):
        self.seen_ = X
        return self

    def transform(self, X):
        silent = X[self.column].isna()
        means = self.seen_.groupby(self.by)[self.column].mean().rename("expected")
        expected = X[self.by].join(means, on=self.by)["expected"].fillna(self.seen_[self.column].mean())
        self.seen_ = pd.concat([self.seen_, X])
        filled = X[self.column].fillna(expected)
        return X.assign(**{self.column: filled, f"{self.column}_missing": silent.astype(int)})


# %% wrong="unknown_group_stays_blank" of="imputer" caught_by="batches"
# Trusts that production knows only the groups of training: a new one stays NaN and stops the model behind it.
class GroupImputer(TransformerMixin, BaseEstimator):
    def __init__(self, column, by):
        self.column = column
        self.by = by

    def fit(self, X, y=None):
        self.means_ = X.groupby(self.by)[self.column].mean()
        return self

    def transform(self, X):
        silent = X[self.column].isna()
        expected = X[self.by].join(self.means_.rename("expected"), on=self.by)["expected"]
        filled = X[self.column].fillna(expected)
        return X.assign(**{self.column: filled, f"{self.column}_missing": silent.astype(int)})


# %% wrong="argument_rewritten" of="imputer" caught_by="estimator"
# Tidies an argument in __init__: scikit-learn then finds another object than it passed in, and refuses to clone.
class GroupImputer(TransformerMixin, BaseEstimator):
    def __init__(self, column, by):
        self.column = column
        self.by = list(by)

    def fit(self, X, y=None):
        self.overall_ = X[self.column].mean()
        self.means_ = X.groupby(self.by)[self.column].mean()
        return self

    def transform(self, X):
        silent = X[self.column].isna()
        means = self.means_.rename("expected")
        expected = X[self.by].join(means, on=self.by)["expected"].fillna(self.overall_)
        filled = X[self.column].fillna(expected)
        return X.assign(**{self.column: filled, f"{self.column}_missing": silent.astype(int)})


# %% wrong="shifts_everybody" of="sensitivity" caught_by="range_of_the_mean"
# Shifts everybody: members who answered said what they said, and only the silent ones are in doubt.
def sensitivity(filled, silent, delta, limit):
    filled, silent = np.asarray(filled, dtype=float), np.asarray(silent, dtype=bool)
    share, mean = float(silent.mean()), float(filled.mean())
    low, high = mean - delta, mean + delta
    return {
        "low": low,
        "high": high,
        "tipping": limit - mean if share else math.inf,
        "decision": "below" if high < limit else "above" if low > limit else "open",
    }


# %% wrong="one_end" of="sensitivity" caught_by="range_of_the_mean"
# Compares the middle with the limit: the decision is firm although one end of the range says otherwise.
def sensitivity(filled, silent, delta, limit):
    filled, silent = np.asarray(filled, dtype=float), np.asarray(silent, dtype=bool)
    share, mean = float(silent.mean()), float(filled.mean())
    low, high = mean - share * delta, mean + share * delta
    return {
        "low": low,
        "high": high,
        "tipping": (limit - mean) / share if share else math.inf,
        "decision": "below" if mean < limit else "above",
    }


# %% wrong="imputes_before_the_split" of="log_imputation" caught_by="run_against_truth"
# Imputes before the split: the imputer has learned from the test rows that are to judge it.
def log_imputation(blanked, truth, split_seed):
    complete = GroupImputer("visits", BY).fit_transform(blanked)
    train, test = halves(blanked, split_seed)
    filled = complete.loc[test.index, "visits"]
    actual, silent = truth.loc[test.index], test["visits"].isna()
    with mlflow.start_run() as run:
        mlflow.log_params({"column": "visits", "by": ",".join(BY), "split_seed": split_seed})
        mlflow.log_metrics(
            {
                "train_share_missing": train["visits"].isna().mean(),
                "test_share_missing": silent.mean(),
                "test_mean_error": filled.mean() - actual.mean(),
                "test_mean_error_answered": test["visits"].mean() - actual.mean(),
                "test_rmse": np.sqrt(((filled - actual)[silent] ** 2).mean()),
            }
        )
    return run.info.run_id


# %% wrong="fitted_on_the_test_half" of="log_imputation" caught_by="run_against_truth"
# Group statistics from the test half: fit_transform was called where transform was meant.
def log_imputation(blanked, truth, split_seed):
    train, test = halves(blanked, split_seed)
    filled = GroupImputer("visits", BY).fit_transform(test)["visits"]
    actual, silent = truth.loc[test.index], test["visits"].isna()
    with mlflow.start_run() as run:
        mlflow.log_params({"column": "visits", "by": ",".join(BY), "split_seed": split_seed})
        mlflow.log_metrics(
            {
                "train_share_missing": train["visits"].isna().mean(),
                "test_share_missing": silent.mean(),
                "test_mean_error": filled.mean() - actual.mean(),
                "test_mean_error_answered": test["visits"].mean() - actual.mean(),
                "test_rmse": np.sqrt(((filled - actual)[silent] ** 2).mean()),
            }
        )
    return run.info.run_id


# %% wrong="error_over_all_rows" of="log_imputation" caught_by="run_against_truth"
# Takes the squared error over all rows: the answered ones have error 0 and make any filling look good.
def log_imputation(blanked, truth, split_seed):
    train, test = halves(blanked, split_seed)
    imputer = GroupImputer("visits", BY).fit(train)
    filled = imputer.transform(test)["visits"]
    actual, silent = truth.loc[test.index], test["visits"].isna()
    with mlflow.start_run() as run:
        mlflow.log_params({"column": "visits", "by": ",".join(BY), "split_seed": split_seed})
        mlflow.log_metrics(
            {
                "train_share_missing": train["visits"].isna().mean(),
                "test_share_missing": silent.mean(),
                "test_mean_error": filled.mean() - actual.mean(),
                "test_mean_error_answered": test["visits"].mean() - actual.mean(),
                "test_rmse": np.sqrt(((filled - actual) ** 2).mean()),
            }
        )
    return run.info.run_id


# %% also="column_by_column" of="diagnose"
def diagnose(table, column, limit=0.1):
    silent = np.isnan(table[column].to_numpy(dtype=float))
    numbers = {}
    for name in table.columns.drop(column):
        if pd.api.types.is_numeric_dtype(table[name]):
            numbers[name] = table[name].to_numpy(dtype=float)
        else:
            for word in table[name].unique():
                numbers[f"{name}={word}"] = (table[name] == word).to_numpy(dtype=float)
    gaps = {}
    for name, values in numbers.items():
        spread = values.std()
        computable = silent.any() and not silent.all() and spread > 0
        gaps[name] = float((values[silent].mean() - values[~silent].mean()) / spread) if computable else 0.0
    depends_on = sorted(name for name, gap in gaps.items() if abs(gap) > limit)
    return {
        "share_missing": float(np.mean(silent)),
        "gaps": gaps,
        "depends_on": depends_on,
        "verdict": "not completely at random" if depends_on else "no sign",
        "given_the_rest": "cannot be known",
    }


# %% also="linear_model" of="imputer"
class GroupImputer(TransformerMixin, BaseEstimator):
    def __init__(self, column, by):
        self.column = column
        self.by = by

    def fit(self, X, y=None):
        from sklearn.linear_model import LinearRegression
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import OneHotEncoder

        answered = X[X[self.column].notna()]
        self.bounds_ = answered[self.column].min(), answered[self.column].max()
        self.model_ = make_pipeline(OneHotEncoder(handle_unknown="ignore"), LinearRegression())
        self.model_.fit(answered[self.by], answered[self.column])
        return self

    def transform(self, X):
        silent = X[self.column].isna()
        expected = pd.Series(self.model_.predict(X[self.by]), index=X.index).clip(*self.bounds_)
        filled = X[self.column].fillna(expected)
        return X.assign(**{self.column: filled, f"{self.column}_missing": silent.astype(int)})


# %% also="dictionary" of="imputer"
class GroupImputer(TransformerMixin, BaseEstimator):
    def __init__(self, column, by):
        self.column = column
        self.by = by

    def fit(self, X, y=None):
        answered = X[X[self.column].notna()]
        self.overall_ = float(np.mean(answered[self.column]))
        self.means_ = {key: float(np.mean(rows[self.column])) for key, rows in answered.groupby(self.by)}
        return self

    def transform(self, X):
        keys = zip(*(X[name] for name in self.by))
        values = [
            self.means_.get(key, self.overall_) if value != value else value
            for key, value in zip(keys, X[self.column])
        ]
        blank = [int(value != value) for value in X[self.column]]
        return X.assign(**{self.column: values, f"{self.column}_missing": blank})


# %% also="shifted_arrays" of="sensitivity"
def sensitivity(filled, silent, delta, limit):
    def mean_after(shift):
        return float(np.where(silent, filled + shift, filled).mean())

    low, high = mean_after(-delta), mean_after(delta)
    slope = mean_after(1.0) - mean_after(0.0)
    decision = "open"
    if high < limit:
        decision = "below"
    if low > limit:
        decision = "above"
    tipping = (limit - mean_after(0.0)) / slope if np.any(silent) else float("inf")
    return {"low": low, "high": high, "tipping": tipping, "decision": decision}


# %% also="scikit_learn_metrics" of="log_imputation"
def log_imputation(blanked, truth, split_seed):
    from sklearn.metrics import root_mean_squared_error

    train, test = halves(blanked, split_seed)
    result = GroupImputer("visits", BY).fit(train).transform(test)
    actual = truth.loc[test.index]
    silent = result["visits_missing"] == 1
    with mlflow.start_run(run_name="group-means") as run:
        mlflow.log_param("column", "visits")
        mlflow.log_param("by", "health,female,plan")
        mlflow.log_param("split_seed", split_seed)
        mlflow.log_param("data", "randhie")
        mlflow.log_metric("train_share_missing", float(np.mean(train["visits"].isna())))
        mlflow.log_metric("test_share_missing", float(np.mean(silent)))
        mlflow.log_metric("test_mean_error", float(np.mean(result["visits"]) - np.mean(actual)))
        mlflow.log_metric("test_mean_error_answered", float(np.mean(actual[~silent]) - np.mean(actual)))
        mlflow.log_metric("test_rmse", root_mean_squared_error(actual[silent], result["visits"][silent]))
    return run.info.run_id
