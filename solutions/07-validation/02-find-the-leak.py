# ---
# title: "Which of these pipelines has seen too much?"
# minutes: 45
# data: [diabetes, co2, breast_cancer]
# needs: []
# runs_on: []
# limit_seconds: 60
# sources:
#   - "Kaufman, Rosset, Perlich, Stitelman (2012), Leakage in data mining, ACM TKDD 6(4), article 15"
#   - "Kapoor, Narayanan (2023), Leakage and the reproducibility crisis in machine-learning-based science,
#     Patterns 4(9), article 100804, section on types of leakage"
#   - "scikit-learn 1.9, User Guide, Common pitfalls and recommended practices, section Data leakage"
#   - "Efron, Hastie, Johnstone, Tibshirani (2004), Least angle regression, Annals of Statistics 32(2): the
#     diabetes data"
# hints:
#   - "Parts 2 to 4 look at outputs only. Ask each time: which inputs was this output not allowed to see? Change
#     those, all of them and nothing else, and compare with what the same call gives when nothing was changed. In
#     part 5 look at one fold and one column at a time; in part 6 at how many rows each call is given."
#   - "Measure the noise first, with a few runs on equal input, and let all elements tell its size. Then push
#     far out on both sides, text too, and repeat: other halves of the test rows in part 2, every week but the
#     last as the cut in part 4. Part 5: a table of True and False, test rows by training rows, that each compared
#     column can only make emptier. Part 6: one call with all rows, one call for each row, and the difference
#     before any mean."
#   - "Part 1: noise = np.nan_to_num(np.abs(runs - runs.mean(axis=0))).max(), and a line at 4 * noise plus 1e-9 of the
#     element's size. Part 2: kept = rng.permutation(len(test)) < len(test) // 2; for each column pushed[column] =
#     test[column].where(kept, fresh), fresh = rng.normal(mean, 100 * sd, len(test)) or training values of a text;
#     stands_out([run[kept] for run in unchanged], pipeline(train, pushed)[kept]). Part 3: push the target of
#     all test rows, compare all. Part 4: as part 2, with known = rows[time] <= now for each now. Part 5: np.abs(values[test][:, None] - values[train][None, :]) <= tolerance * sd,
#     or both NaN. Part 6: pipeline(train, hidden.iloc[[place]])[0] for each place, then .std(ddof=1)."
# ---
# %% [markdown]
# # Which of these pipelines has seen too much?
#
# A hospital group wants to predict how far diabetes will have progressed in a year. Dozens of teams hand in
# pipelines, all with good scores on the test rows. Some of the scores will vanish on the first patient who
# comes through the door, because the pipeline used something that will not be there. Nobody has time to
# read dozens of code bases, and a good part of the code is not yours to read. You build the detectors that
# find out from the outside.
#
# A *pipeline* here is a function `pipeline(train, test)`:
#
# | | type | what |
# | --- | --- | --- |
# | in: `train`, `test` | DataFrames with the same columns, `n_train` and `n_test` rows, any index | numbers (floats, NaN where missing), text columns, and the target (floats, never NaN) |
# | out | float array, shape `(n_test,)`, finite | one prediction for each test row, in the order of `test` |
#
# The test rows come with their target, as they do in every notebook; a clean pipeline does not use it. You
# may hand in any number of test rows from 1, any finite number in a number column, and any text in a text
# column. NaN may stand only in a number column in which `train` or `test` as given has a gap. Every number
# column has a spread: none is constant.
#
# **Pipelines may be random.** Some draw random numbers at each call and set no seed. Their noise is of
# about the same size in all rows of one output. A leak that is pushed hard (say, by a hundred standard
# deviations of the column) moves at least one output more than ten times as far as their noise goes; a leak
# that is pushed gently may drown in it.
#
# Names prove nothing. A column called `future_orders` may be harmless.

# %%
import grader

grader.begin("find-the-leak")

import mlflow
import numpy as np
import pandas as pd
from pandas.api.types import is_numeric_dtype
from sklearn.datasets import load_diabetes
from sklearn.metrics import r2_score
from sklearn.model_selection import train_test_split

# %% [markdown]
# Three pipelines to play with. The target is `progression`, a number of points from 25 to 346.

# %%
patients = load_diabetes(as_frame=True, scaled=False).frame.rename(columns={"target": "progression"})
patients = patients[["age", "bmi", "bp", "s5", "progression"]]
patients["clinic"] = np.random.default_rng(0).choice(list("ABCDEFGH"), len(patients))


def mean_by_clinic(train, test):
    """Clean: the mean of the training rows of the clinic."""
    means = train.groupby("clinic")["progression"].mean()
    return test["clinic"].map(means).fillna(train["progression"].mean()).to_numpy()


def centred_line(train, test):
    """Leaks: the body mass index is centred on the mean of all rows."""
    bmi = pd.concat([train["bmi"], test["bmi"]])
    slope = np.polyfit(train["bmi"], train["progression"], 1)[0]
    return train["progression"].mean() + slope * (test["bmi"] - bmi.mean()).to_numpy()


def blurred_line(train, test):
    """Clean, but random: each body mass index is read a little off, anew at each call."""
    blurred = test["bmi"] + np.random.default_rng().normal(0, 0.5, len(test))
    return np.polyval(np.polyfit(train["bmi"], train["progression"], 1), blurred)


# %% [markdown]
# ## 1. Moved, or only noise?
#
# All detectors compare runs, so begin with the comparison. `stands_out(unchanged_runs, run)` answers: does
# `run` differ from what the same call gives anyway?
#
# In: `unchanged_runs`, a list of at least 3 float arrays of shape `(n,)`, which are outputs for one and the
# same input; `run`, one more array of shape `(n,)`, an output after something was changed. Out: `True` if
# at least one element moved, else `False`, a plain bool.
#
# Take each element's mean over the unchanged runs. All *deviations* are from that mean: how far `run` lies
# from it, and how far the unchanged runs do. The rules:
#
# - noise is of about the same size in all elements, so the *largest deviation* in the unchanged runs, over
#   all elements, tells how far it goes. Three to five runs are too few to judge each element by its own;
# - a real move is at least ten times that largest deviation; less than twice is nothing. In between you may
#   draw the line where you like, but the detectors below compare noise with noise again and again, and a line
#   just above twice will be crossed by chance;
# - an output may have 4 elements or 4,000. The longer it is, the more standard deviations its largest deviation
#   amounts to: mind that if you measure noise in standard deviations;
# - a deterministic pipeline still rounds: an element that differs by 1e-12 of its size has not moved, one that
#   differs by 1e-6 of its size has. Its size is the absolute value of its own mean, however large the other
#   elements are. An element whose mean is 0 has no size: without noise, it has moved from 0.001 on;
# - NaN may occur (features have gaps), in the same places in all unchanged runs. NaN in the same place is no
#   move; a number that became NaN is one, and so is a NaN that became a number.


# %% answer="stands_out"
def stands_out(unchanged_runs, run):
    """Whether an output differs from repeated outputs for unchanged input by more than noise.

    unchanged_runs: list of float arrays, each of shape (n,).
    run: float array, shape (n,).
    Returns True or False.
    """
    ### BEGIN SOLUTION
    runs = np.array(unchanged_runs, dtype=float)  # (repeats, n)
    if (np.isnan(runs) != np.isnan(run)).any():
        return True
    usual = runs.mean(axis=0)  # (n,)
    noise = np.nan_to_num(np.abs(runs - usual)).max()
    moved = np.nan_to_num(np.abs(run - usual))  # (n,)
    rounding = 1e-9 * np.nan_to_num(np.abs(usual))  # (n,)
    return bool((moved > 4 * noise + rounding).any())
    ### END SOLUTION


# %% test="noise_and_moves" of="stands_out" points=2
import numpy as np
from grader import expect

same = [np.array([4.0, 7.0, np.nan])] * 3
noisy = [np.array([4.0, 7.0, 5.0]), np.array([4.2, 7.1, 4.9]), np.array([3.9, 6.8, 5.1])]
expect.equal(
    [
        stands_out(same, np.array([4.0, 7.0, np.nan])),
        stands_out(same, np.array([4.0, 7.5, np.nan])),
        stands_out(noisy, np.array([4.1, 6.9, 5.2])),
        stands_out(noisy, np.array([4.1, 12.0, 5.2])),
    ],
    [False, True, False, True],
    what="stands_out for the same again, one element moved, noise again, and one element far outside it",
    why="a move counts if it is far larger than what unchanged input gives",
    look_at="the size of the noise, and the NaN that is in the same place",
)
### BEGIN HIDDEN TESTS
rng = expect.rng()
verdicts = {}


def note(case, verdict):
    verdicts.setdefault(case, []).append(verdict)


for width in [4] * 12 + [40] * 12 + [3000] * 6:
    size = float(rng.choice([0.001, 1.0, 30.0]))
    runs = rng.normal(rng.uniform(50, 200), 20, width) + rng.normal(0, size, (3 + width % 3, width))
    runs[:, rng.integers(width)] = np.nan if rng.random() < 0.3 else 7.0
    middle = runs.mean(axis=0)
    largest = np.nanmax(np.abs(runs - middle))
    place = int(rng.choice(np.flatnonzero(~np.isnan(middle))))
    within = middle + np.clip(rng.normal(0, size, width), -1.8 * largest, 1.8 * largest)
    within[place] = middle[place] + 1.8 * largest * rng.choice([-1, 1])
    beyond = middle + np.clip(rng.normal(0, size, width), -largest, largest)
    beyond[place] = middle[place] + 10.5 * largest * rng.choice([-1, 1])
    note(
        "1.8 times the largest deviation" + " in a long output" * (width == 3000),
        stands_out(list(runs), within),
    )
    note("one element 10.5 times as far", stands_out(list(runs), beyond))
for scale in (0.01, 1.0, 1e5) * 3:
    usual = scale * rng.uniform(1, 3, 40) * rng.choice([-1, 1], 40)
    step = np.zeros(40)
    step[rng.integers(40)] = 1
    gap = np.where(step == 1, np.nan, usual)
    note("rounding", stands_out([usual] * 3, usual * (1 + 9e-13 * rng.uniform(-1, 1, 40))))
    note("rounding", stands_out([gap] * 3, gap))
    note("a small exact move", stands_out([usual] * 3, usual * (1 + 2e-6 * step)))
    zero = np.where(step == 1, 0.0, usual)
    uneven = np.where(step == 1, 1e-3, usual)
    uneven[np.argmin(step)] = 1e6
    note("a small exact move", stands_out([scale * uneven] * 3, scale * uneven * (1 + 0.1 * step)))
    note("a small exact move", stands_out([zero] * 3, zero + 0.01 * step))
    for number in (usual, zero):
        note("NaN came", stands_out([number] * 3, gap))
        note("NaN went", stands_out([gap] * 3, number))
TRAPS = {
    "1.8 times the largest deviation": "what you measure the deviation from, and over how many elements at once",
    "1.8 times the largest deviation in a long output": "your measure of noise: the largest deviation grows with the "
    "number of elements, a standard deviation does not",
    "one element 10.5 times as far": "how far out your line lies, and whether an average hides one element",
    "rounding": "what you allow where the noise is zero, in proportion to the element",
    "a small exact move": "how much you allow for rounding, in proportion to the element, not to the largest one",
    "NaN came": "a comparison with NaN, which is never True, and a NaN replaced by a number that may stand there",
    "NaN went": "a comparison with NaN, which is never True, and a NaN replaced by a number that may stand there",
}
for case, found in verdicts.items():
    wanted = [case in ("one element 10.5 times as far", "a small exact move", "NaN came", "NaN went")] * len(
        found
    )
    wrong = sum(one is not two for one, two in zip(found, wanted, strict=True))
    expect.equal(
        found,
        wanted,
        what=f"stands_out on hidden outputs, case: {case} ({wrong} of {len(found)} wrong, none is allowed)",
        why="only a move far beyond the largest deviation of noise counts, and it may be one single element",
        look_at=TRAPS[case],
    )
### END HIDDEN TESTS

# %% [markdown]
# ## 2. Fitted on all rows
#
# In production a patient arrives alone. So the prediction of a test row may depend on that row and on
# `train`, and on no other test row: neither on its features nor on its target. Everything that was "fitted
# on all rows" breaks this (a scaler, an imputer, a selection of columns, a mean by clinic), and so does
# everything fitted on the test rows alone.
#
# Write `reads_other_rows(pipeline, train, test, target)`. In: a pipeline as above, its two frames, and the
# name of the target's column. Out: `True` if the prediction of some test row depends on what stands in
# *other* test rows, else `False`. The two frames that you were given must stay as they are.
#
# What you may rely on: `test` has at least 20 rows; every leak can be seen by changing values, with the number
# of rows as it was; and what a clean pipeline says of a row does not change if other test rows are left out.
# What you may not: that every row shows the leak. A leak may show only in rows with a gap, only in rows of a
# clinic with two patients, only through text, only upwards or only downwards.
#
# The hidden zoo has 16 pipelines that leak and 7 that do not, on hidden rows. You may miss one and raise one
# false alarm: an unlucky draw costs nothing, a blind spot does. One call takes a few milliseconds, and there is a
# time limit here and in all parts: 60 seconds for a test, that is for the whole zoo.


# %% answer="reads_other_rows"
def reads_other_rows(pipeline, train, test, target):
    """Whether predictions of test rows depend on other test rows.

    pipeline: function (train, test) -> float array, shape (n_test,).
    train, test: DataFrames with the same columns; they are not changed.
    target: name of the target's column.
    Returns True or False.
    """
    ### BEGIN SOLUTION
    rng = np.random.default_rng(7)
    unchanged = [pipeline(train, test) for _ in range(3)]
    for _ in range(6):
        kept = rng.permutation(len(test)) < len(test) // 2  # (n_test,)
        pushed = test.copy()
        for column in test.columns:
            if is_numeric_dtype(test[column]):
                fresh = rng.normal(train[column].mean(), 100 * train[column].std(), len(test))
            else:
                fresh = rng.choice(train[column].to_numpy(), len(test))
            pushed[column] = test[column].where(kept, fresh)
        if stands_out([run[kept] for run in unchanged], pipeline(train, pushed)[kept]):
            return True
    return False
    ### END SOLUTION


# %% test="other_rows" of="reads_other_rows" points=3
import numpy as np
import pandas as pd
from grader import expect
from sklearn.datasets import load_diabetes


def own_mean(train, test):
    return 3.0 * (test["bmi"] - test["bmi"].mean()).to_numpy()


def train_mean(train, test):
    return 3.0 * (test["bmi"] - train["bmi"].mean()).to_numpy()


def looks_at_own_target(train, test):
    return test["progression"].to_numpy() + 0.0


rows = load_diabetes(as_frame=True, scaled=False).frame.rename(columns={"target": "progression"})
rows = rows[["bmi", "bp", "progression"]]
with expect.unchanged(
    rows,
    what="the rows given to reads_other_rows",
    why="the caller scores the same rows afterwards",
    look_at="assignments into an argument; change a copy",
):
    verdicts = [
        reads_other_rows(pipeline, rows[:60], rows[60:90], "progression")
        for pipeline in (own_mean, train_mean, looks_at_own_target)
    ]
expect.equal(
    verdicts,
    [True, False, False],
    what="reads_other_rows for bmi minus the test rows' mean, bmi minus the training mean, the own target",
    why="only the first makes a row's prediction depend on other test rows",
    look_at="which rows you change and which rows you compare",
)
### BEGIN HIDDEN TESTS
rng = expect.rng()


def ridge(A, y, B, penalty=4.0):
    """Ridge regression fitted on A, y, for the rows of B; columns are centred, not scaled."""
    middle = A.mean(axis=0)
    weights = np.linalg.solve(
        (A - middle).T @ (A - middle) + penalty * np.eye(A.shape[1]), (A - middle).T @ (y - y.mean())
    )
    return y.mean() + (B - middle) @ weights


def zoo_rows(columns, text, target):
    """Training and test rows: four real measurements, one with gaps, and the clinic, Y and Z being rare."""
    real = load_diabetes(as_frame=True, scaled=False).frame
    frame = real[["bp", "bmi", "s5", "s3", "target"]].sample(82, random_state=int(rng.integers(2**31)))
    lowest = pd.unique(frame[["bmi", "s3"]].idxmin())  # the lowest values are training rows
    frame = pd.concat([frame.loc[lowest], frame.drop(index=lowest)])
    frame.columns = [*columns, target]
    frame[text] = rng.choice(list("ABCDE"), len(frame), p=[0.4, 0.3, 0.15, 0.1, 0.05])
    frame.iloc[rng.permutation(60)[:9], 2] = np.nan
    frame.iloc[[62, 67, 75], 2] = np.nan
    frame.iloc[[0, 1, 65, 78], 5] = "Z"
    frame.iloc[[2, 68, 73, 81], 5] = "Y"
    return frame.iloc[:60], frame.iloc[60:]


def other_row_zoo(columns, text, target):
    """(name, trap, pipeline) for 16 leaking and 7 clean pipelines; c is the column with gaps."""
    a, b, c, d = columns
    chance = np.random.default_rng(int(rng.integers(2**63)))

    def numbers(train, test, fitted=None, filler=None):
        """Scaled by the rows `fitted`, gaps filled by the mean of the rows `filler`; default: train."""
        A, B = train[columns].to_numpy(), test[columns].to_numpy()
        fitted, filler = (A if part is None else part[columns].to_numpy() for part in (fitted, filler))
        gaps, means, sds = np.nanmean(filler, axis=0), np.nanmean(fitted, axis=0), np.nanstd(fitted, axis=0)
        A, B = ((np.where(np.isnan(part), gaps, part) - means) / sds for part in (A, B))
        return A, train[target].to_numpy(), B

    def both(train, test):
        return pd.concat([train, test])

    def coded(train, test, counted):
        counts = counted[text].value_counts(normalize=True)
        A, y, B = numbers(train, test)
        A = np.column_stack([A, 5 * train[text].map(counts).fillna(0)])
        return ridge(A, y, np.column_stack([B, 5 * test[text].map(counts).fillna(0)]))

    def scaled(values):
        return ((values - values.mean()) / (values.std(ddof=0) + 1e-9)).to_numpy()

    def largest(train, test, counted):
        return 100 + 80 * (test[a] / counted[a].max()).to_numpy()

    def smallest(train, test, counted):
        return 100 + 4 * (test[b] - counted[b].min()).to_numpy()

    def nearest_below(train, test):
        """The step down to the next lower value of b among the test rows: 0 for the lowest."""
        values = np.sort(test[b].to_numpy())
        return 150 + (test[b].to_numpy() - values[np.maximum(np.searchsorted(values, test[b]) - 1, 0)])

    def peers(train, test, counted, number, fallback=0.0):
        means = counted.groupby(text)[number].mean()
        return 150 + 6 * (test[text].map(means).fillna(fallback)).to_numpy() / abs(train[number].mean())

    def other_peers(train, test):
        """The mean target of the clinic's other rows in train and test."""
        all_rows = both(train, test)
        sums, counts = (all_rows.groupby(text)[target].agg(way) for way in ("sum", "size"))
        means = (test[text].map(sums) - test[target]) / (test[text].map(counts) - 1)
        return means.fillna(train[target].mean()).to_numpy()

    def neighbours(train, test, others):
        A, y, B = numbers(train, test)
        if others:
            A, y = np.vstack([A, B]), np.concatenate([y, test[target]])
        gaps = ((B[:, None, :] - A[None, :, :]) ** 2).sum(axis=2)
        if others:
            gaps[np.arange(len(B)), len(train) + np.arange(len(B))] = np.inf
        return y[np.argsort(gaps, axis=1)[:, :5]].mean(axis=1)

    def mean_of_others(train, test):
        """Between the training mean and the mean target of the other test rows."""
        others = (test[target].sum() - test[target]) / max(len(test) - 1, 1)
        return (train[target].mean() + others.to_numpy()) / 2

    def high_others(train, test):
        """Counts the other test rows whose target is above the training median."""
        high = test[target] > train[target].median()
        return 100 + 5.0 * (high.sum() - high).to_numpy()

    def last_seen(train, test):
        """Gaps are filled from the row above, across the border of train and test."""
        filled = both(train, test)[columns].ffill().bfill()
        A, B = filled[: len(train)].to_numpy(), filled[len(train) :].to_numpy()
        return ridge(A, train[target].to_numpy(), B)

    def jittered(train, test, centre=None):
        """Random: a little noise on the features, as in test-time augmentation; centred on other rows if given."""
        A, y, B = numbers(train, test)
        if centre is not None:
            B = (
                B
                - (centre[columns].mean() - train[columns].mean()).to_numpy()
                / train[columns].std().to_numpy()
            )
        return ridge(A, y, B + chance.normal(0, 0.1, B.shape))

    def dithered(train, test):
        return ridge(*numbers(train, test)) + chance.normal(0, 2, len(test))

    def dithered_smallest(train, test):
        return smallest(train, test, both(train, test)) + chance.normal(0, 2, len(test))

    def share_of_clinic(train, test):
        """How large a share of the test rows comes from the same clinic."""
        return 100 + 80 * test[text].map(test[text].value_counts(normalize=True)).to_numpy()

    leaking = {
        "scaled_by_all": (
            "numbers",
            lambda train, test: ridge(*numbers(train, test, fitted=both(train, test))),
        ),
        "gaps_by_all": ("gaps", lambda train, test: ridge(*numbers(train, test, filler=both(train, test)))),
        "gaps_from_row_above": ("gaps", last_seen),
        "share_of_largest": ("side", lambda train, test: largest(train, test, both(train, test))),
        "above_smallest": ("side", lambda train, test: smallest(train, test, both(train, test))),
        "above_lowest": ("side", lambda train, test: 100 + (test[d] - both(train, test)[d].min()).to_numpy()),
        "step_to_next_lower": ("numbers", nearest_below),
        "clinic_counts_of_all": ("text", lambda train, test: coded(train, test, both(train, test))),
        "clinic_share_of_test": ("text", share_of_clinic),
        "clinic_mean_of_test": (
            "rare",
            lambda train, test: peers(train, test, test[test[text] == "Z"], a),
        ),
        "one_clinic_by_test": (
            "rare",
            lambda train, test: np.where(test[text] == "Y", other_peers(train, test), 150.0),
        ),
        "mean_target_of_others": ("target", mean_of_others),
        "high_targets_of_others": ("target", high_others),
        "neighbours_in_all": ("numbers", lambda train, test: neighbours(train, test, True)),
        "random_and_centred_on_test": ("noise", lambda train, test: jittered(train, test, centre=test)),
        "random_and_smallest": ("side", dithered_smallest),
    }
    clean = {
        "leaky_scaler": ("else", lambda train, test: ridge(*numbers(train, test))),
        "largest_of_all_rows": ("else", lambda train, test: largest(train, test, train)),
        "test_set_peers": (
            "else",
            lambda train, test: peers(train, test, train, target, train[target].mean()),
        ),
        "target_in_features": ("own", lambda train, test: 0.5 * test[target].to_numpy() + 75),
        "seen_the_future": ("random", jittered),
        "global_noise": ("random", dithered),
        "random_and_own_target": (
            "random",
            lambda train, test: jittered(train, test) + 0.1 * test[target].to_numpy(),
        ),
    }
    return [(name, *entry) for name, entry in [*leaking.items(), *clean.items()]]


TRAPS = {
    "numbers": "how far you push the numbers, and whether their mean and spread in the changed rows move at all",
    "gaps": "how often you repeat: a leak may show only in a row with a gap, and only if that row is kept",
    "rare": "how often you repeat: of a clinic with two rows, one must be kept and the other changed",
    "side": "the direction of your push: a smallest value stays if you push upwards or leave rows out",
    "text": "the text columns of the other rows: counts by clinic move only if text changes",
    "target": "the target column of the other rows, which a pipeline can read like any other column",
    "noise": "how hard you push: the noise of a random pipeline covers a gentle push",
    "random": "the noise of unchanged runs: a random pipeline moves by itself",
    "own": "which rows you compare: only those in which you changed nothing, the target included",
    "else": "what else you changed: `train` must stay, and so must the rows that you compare",
}


def most_frequent(traps):
    """What to look at for the kind of trap that caught the answer most often."""
    return TRAPS[max(traps, key=traps.count)] if traps else "nothing"


innocent = ["bp", "bmi", "s5", "s3"], "clinic", "progression"
loud = ["target_leak_free", "future_orders", "label_hint", "test_mean"], "fold", "x7"
zoos = [(names, *zoo_rows(*names), other_row_zoo(*names)) for names in (innocent, loud)]
LEAKING = 16
misses, alarms = [], []
for place in range(len(zoos[0][3])):
    names, train, test, zoo = zoos[place % 2]
    name, trap, pipeline = zoo[place]
    leaks = place < LEAKING
    pipeline.__name__ = f"clean_model_{place}" if leaks else name
    verdict = reads_other_rows(pipeline, train, test, names[2])
    expect.true(
        type(verdict) in (bool, np.bool_),
        got=f"a {type(verdict).__name__}",
        expected="True or False",
        what="reads_other_rows on a hidden pipeline",
        why="the answer is yes or no",
        look_at="what your function returns",
    )
    if bool(verdict) is not leaks:
        (misses if leaks else alarms).append(trap)
# Over 22 seeds the reference and the other right answers miss none of 16 and accuse none of 7. An answer that leaves
# out the text, or the target, misses the same 2 each time, the other wrong ones 3 and more: 1 is left to bad luck.
expect.true(
    len(misses) <= 1,
    got=f"{len(misses)} missed",
    expected="at most 1 missed",
    what=f"reads_other_rows on hidden pipelines that leak (missed {len(misses)} of {LEAKING}, 1 is allowed)",
    why="a leak may show only in some rows, through some columns, or in one direction, and noise may cover it",
    look_at=most_frequent(misses),
)
expect.true(
    len(alarms) <= 1,
    got=f"{len(alarms)} false alarms",
    expected="at most 1 false alarm",
    what=f"reads_other_rows on hidden pipelines that do not leak (accused {len(alarms)} of 7, 1 is allowed)",
    why="names, a random result and a row's own values are no proof of a leak from other rows",
    look_at=most_frequent(alarms),
)
### END HIDDEN TESTS

# %% [markdown]
# ## 3. The target in the features
#
# In production nobody knows the target yet. So no prediction may depend on the target of the test rows,
# a row's own or another's. (That the pipeline reads the target of `train` is its job.)
#
# Write `reads_target(pipeline, train, test, target)`. In: as before. Out: `True` if some prediction depends
# on the target column of `test`, else `False`. Any finite number is allowed as a target, NaN is not. The frames
# stay as they are.
#
# A hidden leak may use the targets only through their order, their mean, their spread or a threshold, or
# only in some rows. The zoo has 13 leaking pipelines and 7 clean ones, some of which read other test rows,
# which is not the question here. Again you may miss one and raise one false alarm.


# %% answer="reads_target"
def reads_target(pipeline, train, test, target):
    """Whether predictions of test rows depend on the test rows' target.

    pipeline: function (train, test) -> float array, shape (n_test,).
    train, test: DataFrames with the same columns; they are not changed.
    target: name of the target's column.
    Returns True or False.
    """
    ### BEGIN SOLUTION
    rng = np.random.default_rng(7)
    unchanged = [pipeline(train, test) for _ in range(3)]
    middle, spread = train[target].mean(), train[target].std()
    for _ in range(4):
        fresh = rng.normal(middle, 100 * spread, len(test))
        if stands_out(unchanged, pipeline(train, test.assign(**{target: fresh}))):
            return True
    return False
    ### END SOLUTION


# %% test="target_in_features" of="reads_target" points=3
import numpy as np
from grader import expect
from sklearn.datasets import load_diabetes


def line(train, test):
    return np.polyval(np.polyfit(train["bmi"], train["progression"], 1), test["bmi"])


def line_towards_target(train, test):
    return 0.9 * line(train, test) + 0.1 * test["progression"].to_numpy()


def line_from_test_bmi(train, test):
    return line(train, test) + test["bmi"].mean()


rows = load_diabetes(as_frame=True, scaled=False).frame.rename(columns={"target": "progression"})
rows = rows[["bmi", "bp", "progression"]]
with expect.unchanged(
    rows,
    what="the rows given to reads_target",
    why="the caller scores the same rows afterwards",
    look_at="assignments into an argument; change a copy",
):
    verdicts = [
        reads_target(pipeline, rows[:60], rows[60:90], "progression")
        for pipeline in (line, line_towards_target, line_from_test_bmi)
    ]
expect.equal(
    verdicts,
    [False, True, False],
    what="reads_target for a line through the training rows, a tenth of the target, the test rows' mean bmi",
    why="only the second reads a target of the test rows",
    look_at="which frame's target you change, and what else you change",
)
### BEGIN HIDDEN TESTS
import pandas as pd

rng = expect.rng()


def zoo_rows(columns, text, target):
    """Training and test rows; the last of the four columns is an honest feature very near the target."""
    real = load_diabetes(as_frame=True, scaled=False).frame
    frame = real[["bmi", "bp", "s5", "target"]].sample(80, random_state=int(rng.integers(2**31)))
    frame.insert(3, "near", frame["target"] + rng.normal(0, 8, 80))
    frame.columns = [*columns, target]
    frame[text] = rng.choice(list("ABCD"), 80, p=[0.4, 0.3, 0.2, 0.1])
    frame.iloc[rng.permutation(80)[:11], 1] = np.nan
    frame.iloc[[3, 64, 72], 1] = np.nan
    frame.iloc[[0, 1, 71, 74], 5] = "Z"
    return frame.iloc[:60], frame.iloc[60:]


def target_zoo(columns, text, target):
    """(name, trap, pipeline) for 13 leaking and 7 clean pipelines; b is the column with gaps."""
    a, b, c, near = columns
    chance = np.random.default_rng(int(rng.integers(2**63)))

    def fitted(train, test, fit_on=None, use=(a, b, c), jitter=0.0):
        """Least squares on the rows `fit_on` (default: train), gaps filled by training medians."""
        fit_on = train if fit_on is None else fit_on
        middle = train[list(use)].median()
        A, B = (part[list(use)].fillna(middle).to_numpy() for part in (fit_on, test))
        B = B + jitter * A.std(axis=0) * chance.normal(size=B.shape)
        A, B = (np.column_stack([np.ones(len(part)), part]) for part in (A, B))
        return B @ np.linalg.lstsq(A, fit_on[target].to_numpy(), rcond=None)[0]

    def both(train, test):
        return pd.concat([train, test])

    def y(test):
        return test[target].to_numpy()

    def clinic_mean(train, test, counted):
        return test[text].map(counted.groupby(text)[target].mean()).fillna(train[target].mean()).to_numpy()

    def where(mask, test, model):
        return np.where(mask, y(test), model)

    def jittered(train, test):
        """Random: a little noise on the features, as in test-time augmentation."""
        return fitted(train, test, jitter=0.1)

    def recentred(train, test):
        model = fitted(train, test)
        return model - model.mean() + y(test).mean()

    def stretched(train, test):
        model = fitted(train, test)
        return model.mean() + (model - model.mean()) / (model.std() + 1e-9) * y(test).std()

    def standardised(train, test):
        return 150 + 20 * (y(test) - y(test).mean()) / (y(test).std() + 1e-9)

    def share_above(train, test):
        return fitted(train, test) + 30 * np.mean(y(test) > train[target].median())

    leaking = {
        "blend": ("some", lambda train, test: 0.99 * fitted(train, test) + 0.01 * y(test)),
        "standardised": ("constant", standardised),
        "ranks": ("constant", lambda train, test: 50 + 10.0 * test[target].rank().to_numpy()),
        "centred": ("constant", lambda train, test: 150 + (y(test) - y(test).mean())),
        "recentred": ("shuffle", recentred),
        "stretched": ("shuffle", stretched),
        "share_above": ("shuffle", share_above),
        "clinic_means": ("some", lambda train, test: clinic_mean(train, test, both(train, test))),
        "only_gaps": ("rows", lambda train, test: where(test[b].isna(), test, fitted(train, test))),
        "only_one_clinic": ("rows", lambda train, test: where(test[text] == "Z", test, fitted(train, test))),
        "flag": ("some", lambda train, test: 100 + 80.0 * (y(test) > train[target].median())),
        "fitted_on_all": ("some", lambda train, test: fitted(train, test, fit_on=both(train, test))),
        "random_and_target": ("noise", lambda train, test: jittered(train, test) + 0.2 * y(test)),
    }
    clean = {
        "target_model": ("train", fitted),
        "reads_target": ("near", lambda train, test: test[near].to_numpy() + 0.0),
        "all_rows": (
            "rest",
            lambda train, test: fitted(train, test) + test[a].mean() - both(train, test)[c].mean(),
        ),
        "counts_of_all": (
            "rest",
            lambda train, test: 100.0 + test[text].map(both(train, test)[text].value_counts()),
        ),
        "random_label": ("random", jittered),
        "noise_of_target": (
            "random",
            lambda train, test: fitted(train, test) + chance.normal(0, 3, len(test)),
        ),
        "shuffled_target": ("random", lambda train, test: jittered(train, test) + test[c].mean()),
    }
    return [(name, *entry) for name, entry in [*leaking.items(), *clean.items()]]


TRAPS = {
    "some": "how far you push, and in how many rows: all test rows, or each in turn",
    "constant": "what you push with: the same constant added to all rows keeps every order, distance and spread",
    "shuffle": "what you push with: a shuffle keeps the mean, the spread and every share above a threshold",
    "rows": "which rows you change and compare: a leak may show in two rows only",
    "noise": "how hard you push: the noise of a random pipeline covers a gentle push",
    "train": "whose target you change: that of `train` is there to be read",
    "near": "what you judge by: a feature may honestly be near the target; push, and do not measure likeness",
    "rest": "what else you changed: only the target of `test` is under suspicion here",
    "random": "the noise of unchanged runs: a random pipeline moves by itself",
}


def most_frequent(traps):
    """What to look at for the kind of trap that caught the answer most often."""
    return TRAPS[max(traps, key=traps.count)] if traps else "nothing"


innocent = ["bmi", "bp", "s5", "visit"], "clinic", "progression"
loud = ["target_of_test", "label", "future_value", "y_copy"], "answer", "x3"
zoos = [(names, *zoo_rows(*names), target_zoo(*names)) for names in (innocent, loud)]
LEAKING = 13
misses, alarms = [], []
for place in range(len(zoos[0][3])):
    names, train, test, zoo = zoos[place % 2]
    name, trap, pipeline = zoo[place]
    leaks = place < LEAKING

    def as_array(train, test, pipeline=pipeline):
        return np.asarray(pipeline(train, test), dtype=float)

    as_array.__name__ = f"clean_model_{place}" if leaks else name
    verdict = reads_target(as_array, train, test, names[2])
    expect.true(
        type(verdict) in (bool, np.bool_),
        got=f"a {type(verdict).__name__}",
        expected="True or False",
        what="reads_target on a hidden pipeline",
        why="the answer is yes or no",
        look_at="what your function returns",
    )
    if bool(verdict) is not leaks:
        (misses if leaks else alarms).append(trap)
# Over 22 seeds the reference and the other right answer miss none of 13 and accuse none of 7. A shuffle misses the
# same 3 each time, one constant for all rows 4, and without a measure of noise 3 are accused: 1 is left to bad luck.
expect.true(
    len(misses) <= 1,
    got=f"{len(misses)} missed",
    expected="at most 1 missed",
    what=f"reads_target on hidden pipelines that read it (missed {len(misses)} of {LEAKING}, 1 is allowed)",
    why="a leak may use only the targets' order, mean, spread or a threshold, or show only in some rows",
    look_at=most_frequent(misses),
)
expect.true(
    len(alarms) <= 1,
    got=f"{len(alarms)} false alarms",
    expected="at most 1 false alarm",
    what=f"reads_target on hidden pipelines that do not read it (accused {len(alarms)} of 7, 1 is allowed)",
    why="a feature may be near the target, other columns may be read, and a random pipeline moves by itself",
    look_at=most_frequent(alarms),
)
### END HIDDEN TESTS

# %% [markdown]
# ## 4. The future
#
# A feature of week *t* may use rows of week *t* and earlier (of any site), and nothing later. Here the thing
# under suspicion is a *feature builder* `build(rows)`:
#
# | | type | what |
# | --- | --- | --- |
# | in: `rows` | DataFrame, `n` rows in **any order**, any index | a time column, number columns (NaN where missing), text columns |
# | out | float array, shape `(n,)`, may hold NaN | one value for each row, in the order of `rows` |
#
# Write `reads_future(build, rows, time)`. In: a builder, a frame, the name of the time column (dates; several
# rows may share one). Out: `True` if the value of some row depends on rows of a *later* time, else `False`.
# Rows of the same time are known together. The frame stays as it is.
#
# You may hand a builder fewer rows than you were given (one or more), any finite number in a number column,
# any text in a text column, and NaN in a number column that has a gap in some row. Leave the times as they are.
#
# Builders may be random, too. Early on few rows are known, so let all rows tell how large the noise is. Every
# leak can be seen by changing values, with the number of rows as it was; what a clean builder gives for a row
# does not change if later rows are left out. A leak may reach one week ahead or to the end; it may run through
# numbers or through text; values that are pushed to one side only may not move it; and it may begin or end
# with an old system, so that it shows only in the first two weeks or only in the last three, of 8 or of 24. The
# zoo has 16 leaking and 7 clean builders on weekly readings of carbon dioxide; again you may miss one and raise
# one false alarm.


# %% answer="reads_future"
def reads_future(build, rows, time):
    """Whether features depend on rows of a later time.

    build: function (rows) -> float array, shape (n,).
    rows: DataFrame with n rows in any order; it is not changed.
    time: name of the time column.
    Returns True or False.
    """
    ### BEGIN SOLUTION
    rng = np.random.default_rng(7)
    unchanged = [build(rows) for _ in range(3)]
    for now in sorted(rows[time].unique())[:-1]:
        known = (rows[time] <= now).to_numpy()  # (n,)
        pushed = rows.copy()
        for column in rows.columns.drop(time):
            if is_numeric_dtype(rows[column]):
                fresh = rng.normal(rows[column].mean(), 100 * rows[column].std(), len(rows))
            else:
                fresh = rng.choice(rows[column].to_numpy(), len(rows))
            pushed[column] = rows[column].where(known, fresh)
        if stands_out(unchanged, np.where(known, build(pushed), unchanged[0])):
            return True
    return False
    ### END SOLUTION


# %% test="future" of="reads_future" points=3
import numpy as np
import pandas as pd
from grader import expect


def mean_of_three_weeks(rows):
    return rows["co2"].rolling(3, min_periods=1).mean().to_numpy()


def smooth(rows):
    return rows["co2"].rolling(3, min_periods=1, center=True).mean().to_numpy()


def week_before(rows):
    return rows["co2"].shift(1).to_numpy()


weeks = pd.DataFrame(
    {
        "week": pd.date_range("1960-01-02", periods=12, freq="7D"),
        "co2": [316.1, 317.3, 317.6, 317.5, 316.4, 316.9, 317.5, 317.9, 318.3, 318.0, 318.8, 319.1],
    }
)
with expect.unchanged(
    weeks,
    what="the rows given to reads_future",
    why="the caller builds features of the same rows afterwards",
    look_at="assignments into an argument; change a copy",
):
    verdicts = [reads_future(build, weeks, "week") for build in (mean_of_three_weeks, smooth, week_before)]
expect.equal(
    verdicts,
    [False, True, False],
    what="reads_future for the mean of the last three weeks, of the weeks around, and the week before",
    why="only the centred mean uses the week after; NaN at the start is no move",
    look_at="which rows you change at each cut, and how you compare NaN",
)
### BEGIN HIDDEN TESTS
from statsmodels.datasets import co2

rng = expect.rng()


def zoo_rows(time, a, b, site, state, weeks=8):
    """Two sites, in shuffled order: real readings with gaps, a second number, and a text."""
    real = co2.load_pandas().data["co2"].interpolate()
    start = int(rng.integers(0, len(real) - 50))
    parts = []
    for number, name in enumerate(["north", "south"]):
        values = real.iloc[start + 20 * number : start + 20 * number + weeks].to_numpy().copy()
        values[rng.permutation(np.arange(2, 6))[:2]] = np.nan
        others = rng.uniform(15, 25, weeks)
        others[0], others[-1] = 12 + number, 35  # the smallest comes first, the largest last
        states = rng.permutation(["calm", "windy", "rain", "rain"] * (weeks // 4))
        dates = real.index[start : start + weeks]
        parts.append(pd.DataFrame({time: dates, a: values, b: others, site: name, state: states}))
    rows = pd.concat(parts, ignore_index=True)
    order = rng.permutation(len(rows))
    return rows.iloc[order]


def future_zoo(time, a, b, site, state):
    """(name, trap, builder) for 16 leaking and 7 clean builders."""
    chance = np.random.default_rng(int(rng.integers(2**63)))

    def by_site(rows, way, number=a):
        """way(series in time order) for each site, back in the order of the rows."""
        values = np.empty(len(rows))
        sites, times, numbers = (rows[column].to_numpy() for column in (site, time, number))
        for name in np.unique(sites.astype(str)):
            places = np.flatnonzero(sites == name)
            places = places[np.argsort(times[places], kind="stable")]
            values[places] = way(pd.Series(numbers[places]))
        return values

    def week(rows):
        """Weeks since the zoo's first, which says nothing of other rows."""
        return (rows[time] - first_day).dt.days.to_numpy() / 7

    def between(early, late):
        """A builder that looks a week ahead from week `early` to week `late`, else a week back."""

        def build(rows):
            ahead = by_site(rows, lambda s: s.shift(-1), b)
            back = by_site(rows, lambda s: s.shift(1), b)
            return np.where((week(rows) >= early) & (week(rows) <= late), ahead, back)

        return build

    def nearest(rows):
        """Gaps take the reading that is nearest in time, the later if two are as near."""
        back, ahead = by_site(rows, lambda s: s.ffill()), by_site(rows, lambda s: s.bfill())
        gone = by_site(rows, lambda s: s.isna().groupby(s.notna().cumsum()).cumsum())
        to_go = by_site(rows, lambda s: s[::-1].isna().groupby(s[::-1].notna().cumsum()).cumsum()[::-1])
        return np.where((gone < to_go) | np.isnan(ahead), back, ahead)

    def standardised(rows):
        return ((rows[a] - rows[a].mean()) / rows[a].std()).to_numpy()

    def same_week(rows):
        return rows[b].to_numpy() - rows.groupby(time)[b].transform("mean").to_numpy()

    def lowest_next(rows):
        """The lowest level of both sites a week later."""
        return rows[time].map(rows.groupby(time)[b].min().shift(-1)).to_numpy()

    def rain_ahead(weeks):
        """1 where it rains at the site that many weeks later, else 0."""
        return lambda rows: by_site(rows, lambda s: (s.shift(-weeks) == "rain").astype(float), state)

    def rainy_weeks_left(rows):
        """How many of the site's later weeks are rainy."""
        return by_site(rows, lambda s: (s[::-1] == "rain").cumsum()[::-1] - (s == "rain"), state)

    def noise(rows, size=0.5):
        return chance.normal(0, size, len(rows))

    leaking = {
        "centred": ("one week", lambda rows: by_site(rows, lambda s: s.rolling(3, 1, center=True).mean(), b)),
        "filled_back": ("gaps", lambda rows: by_site(rows, lambda s: s.bfill())),
        "nearest": ("gaps", nearest),
        "standardised": ("all", standardised),
        "row_order": ("all", lambda rows: rows[b].expanding().mean().to_numpy()),
        "last_state": ("all", lambda rows: by_site(rows, lambda s: s.ffill().iloc[-1])),
        "late": ("weeks", between(LONG - 3, LONG - 1)),
        "early": ("weeks", between(0, 1)),
        "second_week": ("weeks", between(1, 1)),
        "above_smallest": ("side", lambda rows: (rows[b] - rows[b].min()).to_numpy()),
        "positive_next": ("side", lambda rows: (lowest_next(rows) > 0).astype(float)),
        "next_up_to_ten": ("side", lambda rows: np.minimum(lowest_next(rows), 10)),
        "rain_next_week": ("text", rain_ahead(1)),
        "rain_in_two_weeks": ("text", rain_ahead(2)),
        "rainy_weeks_left": ("text", rainy_weeks_left),
        "random_and_centred": (
            "noise",
            lambda rows: by_site(rows, lambda s: s.rolling(5, 1, center=True).mean(), b) + noise(rows, 0.02),
        ),
    }
    clean = {
        "future_mean": ("order", lambda rows: by_site(rows, lambda s: s.expanding().mean())),
        "backfill": ("order", lambda rows: by_site(rows, lambda s: s.ffill())),
        "next_week": ("order", lambda rows: by_site(rows, lambda s: s.diff())),
        "max_of_all": ("order", lambda rows: by_site(rows, lambda s: s.expanding().max(), b)),
        "peers_of_all_time": ("same", same_week),
        "random_future": (
            "random",
            lambda rows: by_site(rows, lambda s: s.expanding().mean(), b) + noise(rows),
        ),
        "random_lead": ("random", lambda rows: by_site(rows, lambda s: s.shift(1)) + noise(rows, 2.0)),
    }
    return [(name, *entry) for name, entry in [*leaking.items(), *clean.items()]]


TRAPS = {
    "one week": "the row at the cut: a leak that reaches one week ahead shows nowhere else",
    "gaps": "how many cuts you try: a value that is filled from later shows only if the cut lies in its gap",
    "all": "which rows count as later: by time, not by place; and how far you push them",
    "weeks": "how many cuts you try: an old system leaks only in the first weeks or only in the last",
    "side": "the direction of your push: a smallest value or a ceiling does not move if you push upwards",
    "text": "the text columns of later rows, which a builder can read like numbers",
    "noise": "how hard you push: the noise of a random builder covers a gentle push",
    "order": "which rows count as later: by time, not by place; and NaN, which is no move where it was NaN before",
    "same": "the week at the cut: rows of the same week are known together",
    "random": "the noise of unchanged runs, taken over all rows: a random builder moves by itself",
}


def most_frequent(traps):
    """What to look at for the kind of trap that caught the answer most often."""
    return TRAPS[max(traps, key=traps.count)] if traps else "nothing"


innocent = ("week", "reading", "level", "site", "weather")
loud = ("day", "tomorrow", "future_orders", "later", "label")
LONG = 24
sets = [(names, zoo_rows(*names), zoo_rows(*names, weeks=LONG)) for names in (innocent, loud)]
LEAKING = 16
misses, alarms = [], []
for place in range(23):
    names, short, long = sets[place % 2]
    name, trap, build = future_zoo(*names)[place]
    rows = long if trap in ("weeks", "same") else short
    first_day = rows[names[0]].min()
    leaks = place < LEAKING
    build.__name__ = f"known_by_then_{place}" if leaks else name
    verdict = reads_future(build, rows, names[0])
    expect.true(
        type(verdict) in (bool, np.bool_),
        got=f"a {type(verdict).__name__}",
        expected="True or False",
        what="reads_future on a hidden builder",
        why="the answer is yes or no",
        look_at="what your function returns",
    )
    if bool(verdict) is not leaks:
        (misses if leaks else alarms).append(trap)
# Over 22 seeds the reference misses none of 16, cutting the later rows off misses the same 1 (the smallest value
# stands in the first week), and neither accuses one of 7. Each blind spot (text, one side, no cut among the first
# weeks or the last) misses the same 3.
expect.true(
    len(misses) <= 1,
    got=f"{len(misses)} missed",
    expected="at most 1 missed",
    what=f"reads_future on hidden builders that read it (missed {len(misses)} of {LEAKING}, 1 is allowed)",
    why="a leak may reach one week ahead, run through text, move only downwards, or live in a few weeks only",
    look_at=most_frequent(misses),
)
expect.true(
    len(alarms) <= 1,
    got=f"{len(alarms)} false alarms",
    expected="at most 1 false alarm",
    what=f"reads_future on hidden builders that do not read it (accused {len(alarms)} of 7, 1 is allowed)",
    why="rows come in any order, rows of the same week are known together, and a random builder moves by itself",
    look_at=most_frequent(alarms),
)
### END HIDDEN TESTS

# %% [markdown]
# ## 5. Twins across folds
#
# No perturbation finds this one: the code is clean, and the *rows* leak. A sample that was measured twice, or
# entered twice under two numbers, stands in the training fold and in the test fold, and the model only has
# to remember it.
#
# Write `twins_across(rows, folds, ignore, tolerance)`; how is up to you.
#
# In: `rows`, a DataFrame with any index, with number columns (NaN where missing) and text columns; `folds`, a
# list of pairs of integer arrays `(train, test)`, which are **positions** (0 is the first row). They need not
# hold all rows, and no position stands in both. `ignore`, names of columns that say nothing about sameness (a
# sample's number, the label); `tolerance`, a float.
#
# Two rows are *twins* if they agree in every column that is not ignored: text exactly, case and blanks
# included; numbers, each column by itself, to within `tolerance` standard deviations of the column over all of
# `rows`, whether in a fold or not, gaps left out (with n or n - 1, as you like); a gap agrees with a gap and
# with nothing else. In a column without spread, where all numbers are equal, they agree.
#
# Out: a list with one list of ints for each fold, in order: the positions, sorted, of the test rows that
# have a twin in their own training fold. Twins that stand on the same side leak nothing. No hidden difference
# lies near the tolerance: twins are at most 0.9 of it apart, others at least 4 times it in some column.


# %% answer="twins_across"
def twins_across(rows, folds, ignore, tolerance):
    """Test rows of each fold that have a twin among the fold's training rows.

    rows: DataFrame; it is not changed.
    folds: list of (train, test), integer arrays of positions.
    ignore: list of column names that are not compared.
    tolerance: float, in standard deviations of a number column.
    Returns a list of sorted lists of ints.
    """
    ### BEGIN SOLUTION
    found = []
    for train, test in folds:
        alike = np.ones((len(test), len(train)), dtype=bool)  # (n_test, n_train)
        for column in rows.columns.drop(ignore):
            values = rows[column].to_numpy()
            left, right = values[test][:, None], values[train][None, :]
            if is_numeric_dtype(rows[column]):
                near = np.abs(left - right) <= tolerance * rows[column].std()
                alike &= near | (np.isnan(left) & np.isnan(right))
            else:
                alike &= left == right
        found.append(sorted(int(position) for position in np.asarray(test)[alike.any(axis=1)]))
    return found
    ### END SOLUTION


# %% test="twins" of="twins_across" points=3
import numpy as np
import pandas as pd
from grader import expect

rows = pd.DataFrame(
    {
        "sample": [11, 12, 13, 14, 15, 16],
        "radius": [14.2, 20.1, 14.2, 11.3, 11.3, 14.2],
        "stain": ["H", "H", "H", "G", "G", "G"],
    }
)
folds = [(np.array([2, 3, 4, 5]), np.array([0, 1])), (np.array([0, 1, 2, 5]), np.array([3, 4]))]
with expect.unchanged(
    rows,
    what="the rows given to twins_across",
    why="the caller goes on with the same rows",
    look_at="assignments into an argument; change a copy",
):
    found = twins_across(rows, folds, ["sample"], 0.01)
expect.equal(
    found,
    [[0], []],
    what="twins_across for six samples in two folds",
    why="row 0 has its twin, row 2, in training; rows 3 and 4 are twins on the same side, and 5 has another stain",
    look_at="which rows are compared with which",
)
### BEGIN HIDDEN TESTS
from sklearn.datasets import load_breast_cancer

rng = expect.rng()
changes = pd.DataFrame({"change": [-2.0, -1.0, 0.0, 1.0, 2.0, np.nan, np.nan]})
expect.equal(
    twins_across(changes, [(np.array([0, 1, 3, 4, 6]), np.array([2, 5]))], [], 0.05),
    [[5]],
    what="twins_across where a row is 0, which is also the mean, and others hold a gap",
    why="a gap agrees with a gap and with nothing else, whatever a gap would be filled with",
    look_at="what stands in the place of a gap when you compare",
)
real = load_breast_cancer(as_frame=True).data
columns = ["mean radius", "mean texture", "mean smoothness", "mean concavity", "worst area"]
for tolerance in (0.02, 0.05):
    first = real[columns].sample(120, random_state=int(rng.integers(2**31))).reset_index(drop=True)
    scales = real[columns].std().to_numpy(copy=True)
    wide = int(rng.integers(5))  # the column of the outlier, which stands in no fold and widens the spread
    scales[wide] *= 6
    distances = np.abs(first.to_numpy()[:, None] - first.to_numpy()[None, :]) / scales
    distances = distances.max(axis=2)
    apart = [0]
    for place in range(1, len(first)):
        if distances[place, apart].min() > 10 * tolerance:
            apart.append(place)
    first = first.iloc[apart[:30]].reset_index(drop=True)
    n = len(first)
    first["stain"] = rng.choice(["H", "G", "P"], n)
    gaps = rng.permutation(n)[:4]
    first.loc[gaps, "mean texture"] = np.nan
    first.loc[gaps, "stain"] = ["H", "G", "P", "S"]  # so that agreeing gaps make no twins
    copies = first.iloc[np.r_[0:n, 0:n]].reset_index(drop=True)
    kinds = rng.permutation(n)
    for place, column in zip(kinds[10:12], ["mean smoothness", "mean concavity"], strict=True):
        copies.loc[n + place, column] = np.nan  # a gap on one side only
    outlier = first.iloc[:1].copy()
    outlier[columns] = first[columns].mean().to_numpy()
    outlier.iloc[0, wide] += 30 * first[columns[wide]].std()
    spread = pd.concat([copies, outlier])[columns].std()
    steps = rng.uniform(-0.3, 0.3, (2 * n, 5))
    steps[: n + n // 3] = 0  # a third of the copies is exact
    third = n // 3  # a third of the copies differs in all columns at once
    steps[-third:] = 0.8 * rng.choice([-1, 1], (third, 5))
    copies[columns] += steps * tolerance * spread.to_numpy()
    for place in kinds[:4]:  # differs in one column alone
        column = str(rng.choice(["mean radius", "mean concavity", "worst area"]))
        copies.loc[n + place, column] += 5 * tolerance * spread[column] * rng.choice([-1, 1])
    for place in kinds[4:6]:
        copies.loc[n + place, "stain"] = "another"
    for place in kinds[6:8]:
        copies.loc[n + place, "stain"] = copies.loc[n + place, "stain"].lower()
    for place in kinds[8:10]:
        copies.loc[n + place, "stain"] += " "
    partner = np.full(2 * n, -1)
    for place in kinds[12:]:
        partner[place], partner[n + place] = n + place, place
    copies.insert(0, "number", rng.permutation(2 * n) + 5000)
    copies["malignant"] = rng.integers(0, 2, 2 * n)
    copies["magnification"] = 40.0  # no spread
    order = rng.permutation(2 * n)
    new_place = np.argsort(order)
    outlier = outlier.assign(number=1, malignant=0, magnification=40.0)
    sample = pd.concat([copies.iloc[order], outlier]).set_index(pd.Index(rng.permutation(2 * n + 1)))
    partner = np.array([-1 if partner[old] < 0 else new_place[partner[old]] for old in order])
    shuffled = rng.permutation(2 * n)
    quarter = n // 2
    folds = [
        (np.setdiff1d(shuffled, part)[rng.permutation(2 * n - quarter)][3:], part)
        for part in (shuffled[:quarter], shuffled[quarter : 2 * quarter], shuffled[2 * quarter : 3 * quarter])
    ]
    wanted = [sorted(int(row) for row in test if partner[row] in train) for train, test in folds]
    found = twins_across(sample, folds, ["number", "malignant"], tolerance)
    pairs = list(zip(found, wanted, strict=False)) if isinstance(found, (list, tuple)) else []
    pairs = [
        (np.ravel(got).tolist(), want) for got, want in pairs if isinstance(got, (list, tuple, np.ndarray))
    ]
    missed = sum(want_row not in got for got, want in pairs for want_row in want)
    extra = sum(got_row not in want for got, want in pairs for got_row in got)
    right = sum(len(want) for want in wanted)
    trap = "which rows are compared, gaps on one side only, a column that differs alone, and text: exactly"
    if missed:
        trap = (
            "gaps that agree, differences across a rounding border or in several columns at once, the rows that "
            "the spread is taken over, and positions that are no index"
        )
    expect.true(
        missed + extra == 0,
        got=f"{missed} missed and {extra} too many",
        expected="none missed, none too many",
        what=f"twins_across for hidden samples (missed {missed} of {right} rows, {extra} too many; none is allowed)",
        why="a twin agrees in all compared columns within the tolerance and stands in the same fold's training rows",
        look_at=trap,
    )
    expect.equal(
        found,
        wanted,
        what="the lists of twins_across for hidden samples",
        why="each fold has its own list, in the order of the folds, and its positions are sorted",
        look_at="the shape of what you return: one sorted list of ints for each fold",
    )
### END HIDDEN TESTS

# %% [markdown]
# ## 6. The price of the leak
#
# A team whose score is about to fall will ask by how much. You can answer without its code: replay
# production. There a patient arrives alone, and without a target.
#
# Write `log_price(pipeline, rows, target, split_seeds)`. For each seed, split with
# `train_test_split(rows, test_size=0.2, random_state=seed)` and take two scores, both R² (`r2_score`) of the
# predictions for the test rows against their true target:
#
# - *batch*: the predictions of one call with all test rows, as the team reports it;
# - *replay*: each test row is handed in **alone**, with its target replaced by the mean target of the training
#   rows, so that there is nothing to read.
#
# The price of one split is batch minus replay. Log one run for all splits together and return its id:
#
# | kind | name | value |
# | --- | --- | --- |
# | param | `split_seeds` | the seeds, joined by commas: `3,4,5` |
# | param | `test_share` | `0.2` |
# | param | `target` | name of the target |
# | metric | `batch_r2_mean`, `replay_r2_mean` | means over the splits |
# | metric | `price_mean` | mean price |
# | metric | `price_sd` | standard deviation of the price over the splits, as of a sample (n - 1) |
#
# In: a pipeline that is not random, a DataFrame, the target's name, a list of at least two ints. Log what
# else you would want to know in a year.


# %% answer="log_price"
def log_price(pipeline, rows, target, split_seeds):
    """Score a pipeline as reported and as in production, on several splits, and log one run.

    pipeline: function (train, test) -> float array, shape (n_test,), not random.
    rows: DataFrame, one row for each patient.
    target: name of the target's column.
    split_seeds: list of ints, at least two.
    Returns the run's id, a string.
    """
    ### BEGIN SOLUTION
    batch, replay = [], []
    for seed in split_seeds:
        train, test = train_test_split(rows, test_size=0.2, random_state=seed)
        hidden = test.assign(**{target: train[target].mean()})
        alone = [pipeline(train, hidden.iloc[[place]])[0] for place in range(len(test))]
        batch.append(r2_score(test[target], pipeline(train, test)))
        replay.append(r2_score(test[target], alone))
    price = np.array(batch) - np.array(replay)  # (n_splits,)
    with mlflow.start_run(run_name="price-of-the-leak") as run:
        mlflow.log_params(
            {"split_seeds": ",".join(map(str, split_seeds)), "test_share": 0.2, "target": target}
        )
        mlflow.log_param("rows", len(rows))
        mlflow.log_metrics({"batch_r2_mean": np.mean(batch), "replay_r2_mean": np.mean(replay)})
        mlflow.log_metrics({"price_mean": price.mean(), "price_sd": price.std(ddof=1)})
    return run.info.run_id
    ### END SOLUTION


# %% test="price_of_the_leak" of="log_price" points=2
import numpy as np
from grader import expect
from sklearn.datasets import load_diabetes
from sklearn.metrics import r2_score
from sklearn.model_selection import train_test_split


def line(train, test):
    return np.polyval(np.polyfit(train["bmi"], train["progression"], 1), test["bmi"])


rows = load_diabetes(as_frame=True, scaled=False).frame.rename(columns={"target": "progression"})
rows = rows[["bmi", "bp", "progression"]].head(50)
scores = []
for seed in (3, 4, 5):
    train, test = train_test_split(rows, test_size=0.2, random_state=seed)
    scores.append(r2_score(test["progression"], line(train, test)))
log_price(line, rows, "progression", [3, 4, 5])
view = expect.run(
    params={"split_seeds": "3,4,5", "test_share": 0.2, "target": "progression"},
    what="the params of the run of log_price for seeds 3, 4, 5",
    why="whoever reads the price in a year must be able to make the same splits",
    look_at="the named param: its spelling, and the seeds, joined by commas without blanks",
)
view = expect.run(
    metrics={
        "batch_r2_mean": float(np.mean(scores)),
        "replay_r2_mean": float(np.mean(scores)),
        "price_mean": 0.0,
        "price_sd": 0.0,
    },
    what="the run of log_price for a clean line, seeds 3, 4, 5",
    why="a clean pipeline predicts the same for a row that comes alone",
    look_at="the named metric: the split and its seeds, which rows the call is handed, and the spelling of the name",
)
### BEGIN HIDDEN TESTS
rng = expect.rng()


def towards_target(train, test):
    return 0.7 * line(train, test) + 0.3 * test["progression"].to_numpy()


def recentred_on_others(train, test):
    return (
        line(train, test)
        - line(train, test).mean()
        + train["progression"].mean()
        + 2 * test["bp"].std(ddof=0)
    )


for pipeline in (towards_target, recentred_on_others):
    seeds = [int(seed) for seed in rng.choice(100_000, size=3, replace=False)]
    real = load_diabetes(as_frame=True, scaled=False).frame.rename(columns={"target": "progression"})
    rows = real[["bmi", "bp", "progression"]].sample(50, random_state=seeds[0])
    batch, replay = [], []
    for seed in seeds:
        train, test = train_test_split(rows, test_size=0.2, random_state=seed)
        blind = test.assign(progression=train["progression"].mean())
        alone = [float(pipeline(train, blind.iloc[[place]])[0]) for place in range(len(test))]
        batch.append(r2_score(test["progression"], pipeline(train, test)))
        replay.append(r2_score(test["progression"], alone))
    price = np.array(batch) - np.array(replay)
    log_price(pipeline, rows, "progression", seeds)
    view = expect.run(
        params={"split_seeds": ",".join(str(seed) for seed in seeds), "target": "progression"},
        metrics={"batch_r2_mean": float(np.mean(batch))},
        what="the batch score of log_price for a hidden leaking pipeline on three hidden splits",
        why="the team reports the score of one call with all test rows, their targets included",
        look_at="the splits, the order of the arguments of r2_score, and what that one call is handed",
    )
    view = expect.run(
        metrics={"replay_r2_mean": float(np.mean(replay))},
        what="the replay score of log_price for a hidden leaking pipeline on three hidden splits",
        why="at the replay each test row comes alone, and the training mean stands in the place of its target",
        look_at="how many rows each call sees, and which target stands in the row that you hand in",
    )
    view = expect.run(
        metrics={"price_mean": float(price.mean()), "price_sd": float(price.std(ddof=1))},
        what="the price of log_price for a hidden leaking pipeline on three hidden splits",
        why="the price is batch minus replay on each split, and its spread is that of a sample",
        look_at="the sign, what you average first, and the divisor of the standard deviation: n - 1, not n",
    )
### END HIDDEN TESTS

# %% [markdown]
# ## Before you go
#
# Split `patients` with `train_test_split` and ask `reads_other_rows` and `reads_target` about the three
# pipelines from the top. Then write a fourth that leaks and gets past them: what does it tell you about the
# words "no leak found"?


# %% wrong="average_of_moves" of="stands_out" caught_by="noise_and_moves"
# Compares averages over all elements: one element that moves disappears among the others.
def stands_out(unchanged_runs, run):
    runs = np.array(unchanged_runs, dtype=float)
    if (np.isnan(runs) != np.isnan(run)).any():
        return True
    usual = np.nan_to_num(runs).mean(axis=0)
    noise = np.abs(np.nan_to_num(runs) - usual).max()
    moved = np.nan_to_num(run) - usual
    return bool(abs(moved.mean()) > 4 * noise + 1e-9 * np.abs(usual).max())


# %% wrong="own_range" of="stands_out" caught_by="noise_and_moves"
# Judges each element by its own few runs: with forty elements one always lies outside its range by chance.
def stands_out(unchanged_runs, run):
    runs = np.array(unchanged_runs, dtype=float)
    if (np.isnan(runs) != np.isnan(run)).any():
        return True
    low, high = np.nan_to_num(runs.min(axis=0)), np.nan_to_num(runs.max(axis=0))
    rounding = 1e-9 * np.maximum(np.abs(low), np.abs(high))
    found = np.nan_to_num(run)
    return bool(((found < low - rounding) | (found > high + rounding)).any())


# %% wrong="four_sd" of="stands_out" caught_by="noise_and_moves"
# Four standard deviations: among thousands of elements noise alone goes nearly as far, and twice that is no move.
def stands_out(unchanged_runs, run):
    runs = np.array(unchanged_runs, dtype=float)
    if (np.isnan(runs) != np.isnan(run)).any():
        return True
    usual = runs.mean(axis=0)
    noise = np.nanstd(runs - usual) if np.isfinite(usual).any() else 0.0
    moved = np.nan_to_num(np.abs(run - usual))
    return bool((moved > 4 * noise + 1e-9 * np.nan_to_num(np.abs(usual))).any())


# %% wrong="around_the_first_run" of="stands_out" caught_by="noise_and_moves"
# Measures from the first run, in standard deviations: its own noise is added to the move, and a long output is accused.
def stands_out(unchanged_runs, run):
    first, *others = (np.asarray(each, dtype=float) for each in unchanged_runs)
    if (np.isnan(first) != np.isnan(run)).any():
        return True
    noise = np.sqrt(np.mean([np.nan_to_num(each - first) ** 2 for each in others]) / 2)
    moved = np.nan_to_num(np.abs(run - first))
    return bool((moved > 6 * noise + 1e-7 * np.nan_to_num(np.abs(first))).any())


# %% wrong="gaps_become_zero" of="stands_out" caught_by="noise_and_moves"
# Fills every NaN with 0 first: a NaN that became a 0 is then no move, nor a 0 that became NaN.
def stands_out(unchanged_runs, run):
    runs = np.nan_to_num(np.array(unchanged_runs, dtype=float))
    usual = runs.mean(axis=0)
    noise = np.abs(runs - usual).max()
    moved = np.abs(np.nan_to_num(run) - usual)
    return bool((moved > 4 * noise + 1e-9 * np.abs(usual)).any())


# %% wrong="floor_of_the_largest" of="stands_out" caught_by="noise_and_moves"
# Allows rounding in proportion to the largest element: a small element beside it may move freely.
def stands_out(unchanged_runs, run):
    runs = np.array(unchanged_runs, dtype=float)
    if (np.isnan(runs) != np.isnan(run)).any():
        return True
    usual = np.nan_to_num(runs.mean(axis=0))
    noise = np.abs(np.nan_to_num(runs) - usual).max()
    moved = np.abs(np.nan_to_num(run) - usual).max()
    return bool(moved > max(5 * noise, 1e-9 * np.abs(usual).max()))


# %% wrong="inspects_names" of="reads_other_rows" caught_by="other_rows"
# Inspects names: a column or a function that sounds like a leak is accused, and an innocent name passes.
def reads_other_rows(pipeline, train, test, target):
    names = [*map(str, train.columns), getattr(pipeline, "__name__", "")]
    return any(word in name for name in names for word in ("leak", "test", "all", "future", "own_mean"))


# %% wrong="flags_everything" of="reads_other_rows" caught_by="other_rows"
# Flags everything: it misses no leak, and nobody listens to it after a week.
def reads_other_rows(pipeline, train, test, target):
    pipeline(train, test)
    return True


# %% wrong="one_row_once" of="reads_other_rows" caught_by="other_rows"
# One repetition: it watches one row once, and a leak that shows only beside a gap or in a small clinic passes.
def reads_other_rows(pipeline, train, test, target):
    rng = np.random.default_rng(7)
    unchanged = [pipeline(train, test) for _ in range(3)]
    kept = np.arange(len(test)) == 0
    pushed = test.copy()
    for column in test.columns:
        if is_numeric_dtype(test[column]):
            fresh = rng.normal(train[column].mean(), 100 * train[column].std(), len(test))
        else:
            fresh = rng.choice(train[column].to_numpy(), len(test))
        pushed[column] = test[column].where(kept, fresh)
    return stands_out([run[kept] for run in unchanged], pipeline(train, pushed)[kept])


# %% wrong="numbers_only" of="reads_other_rows" caught_by="other_rows"
# Changes only the number features, as if nothing could leak through text or through another row's target.
def reads_other_rows(pipeline, train, test, target):
    rng = np.random.default_rng(7)
    unchanged = [pipeline(train, test) for _ in range(3)]
    for _ in range(4):
        kept = rng.permutation(len(test)) < len(test) // 2
        pushed = test.copy()
        for column in test.columns.drop(target):
            if is_numeric_dtype(test[column]):
                fresh = rng.normal(train[column].mean(), 100 * train[column].std(), len(test))
                pushed[column] = test[column].where(kept, fresh)
        if stands_out([run[kept] for run in unchanged], pipeline(train, pushed)[kept]):
            return True
    return False


# %% wrong="pushes_only_upwards" of="reads_other_rows" caught_by="other_rows"
# Pushes in one direction: what is measured from the smallest of all rows never moves.
def reads_other_rows(pipeline, train, test, target):
    rng = np.random.default_rng(7)
    unchanged = [pipeline(train, test) for _ in range(3)]
    for _ in range(4):
        kept = rng.permutation(len(test)) < len(test) // 2
        pushed = test.copy()
        for column in test.columns:
            if is_numeric_dtype(test[column]):
                fresh = train[column].max() + rng.uniform(50, 100, len(test)) * train[column].std()
            else:
                fresh = rng.choice(train[column].to_numpy(), len(test))
            pushed[column] = test[column].where(kept, fresh)
        if stands_out([run[kept] for run in unchanged], pipeline(train, pushed)[kept]):
            return True
    return False


# %% wrong="shuffles_the_target" of="reads_target" caught_by="target_in_features"
# Shuffles the target: its mean, its spread and its share above a threshold stay, and so does what uses them.
def reads_target(pipeline, train, test, target):
    rng = np.random.default_rng(7)
    unchanged = [pipeline(train, test) for _ in range(3)]
    for _ in range(4):
        fresh = rng.permutation(test[target])
        if stands_out(unchanged, pipeline(train, test.assign(**{target: fresh}))):
            return True
    return False


# %% wrong="one_constant" of="reads_target" caught_by="target_in_features"
# Adds one constant to every target: order, distances and spread stay, and so does what uses only them.
def reads_target(pipeline, train, test, target):
    unchanged = [pipeline(train, test) for _ in range(3)]
    fresh = test[target] + 100 * train[target].std()
    return stands_out(unchanged, pipeline(train, test.assign(**{target: fresh})))


# %% wrong="no_noise" of="reads_target" caught_by="target_in_features"
# Compares one run with one run: every random pipeline is accused.
def reads_target(pipeline, train, test, target):
    rng = np.random.default_rng(7)
    unchanged = [pipeline(train, test)]
    middle, spread = train[target].mean(), train[target].std()
    for _ in range(4):
        fresh = rng.normal(middle, 100 * spread, len(test))
        if stands_out(unchanged, pipeline(train, test.assign(**{target: fresh}))):
            return True
    return False


# %% wrong="one_cut" of="reads_future" caught_by="future"
# One repetition: a single cut in the middle does not see what happens only in the first or the last weeks.
def reads_future(build, rows, time):
    rng = np.random.default_rng(7)
    unchanged = [build(rows) for _ in range(3)]
    times = sorted(rows[time].unique())
    known = (rows[time] <= times[len(times) // 2]).to_numpy()
    pushed = rows.copy()
    for column in rows.columns.drop(time):
        if is_numeric_dtype(rows[column]):
            fresh = rng.normal(rows[column].mean(), 100 * rows[column].std(), len(rows))
        else:
            fresh = rng.choice(rows[column].to_numpy(), len(rows))
        pushed[column] = rows[column].where(known, fresh)
    return stands_out(unchanged, np.where(known, build(pushed), unchanged[0]))


# %% wrong="cuts_in_the_middle" of="reads_future" caught_by="future"
# Cuts at ten quantiles from 0.2 to 0.8: what happens only in the first or only in the last weeks stays unseen.
def reads_future(build, rows, time):
    rng = np.random.default_rng(7)
    unchanged = [build(rows) for _ in range(3)]
    for now in rows[time].quantile(np.linspace(0.2, 0.8, 10)):
        known = (rows[time] <= now).to_numpy()
        pushed = rows.copy()
        for column in rows.columns.drop(time):
            if is_numeric_dtype(rows[column]):
                fresh = rng.normal(rows[column].mean(), 100 * rows[column].std(), len(rows))
            else:
                fresh = rng.choice(rows[column].to_numpy(), len(rows))
            pushed[column] = rows[column].where(known, fresh)
        if stands_out(unchanged, np.where(known, build(pushed), unchanged[0])):
            return True
    return False


# %% wrong="numbers_far_up" of="reads_future" caught_by="future"
# Sets later numbers to one value far up: what runs through text, or is capped from above, does not move.
def reads_future(build, rows, time):
    unchanged = [build(rows) for _ in range(3)]
    for now in sorted(rows[time].unique())[:-1]:
        known = (rows[time] <= now).to_numpy()
        pushed = rows.copy()
        for column in rows.columns.drop(time):
            if is_numeric_dtype(rows[column]):
                far_up = rows[column].mean() + 100 * rows[column].std()
                pushed[column] = rows[column].where(known, far_up)
        if stands_out(unchanged, np.where(known, build(pushed), unchanged[0])):
            return True
    return False


# %% wrong="text_stays" of="reads_future" caught_by="future"
# Pushes numbers only: a builder that looks up next week's text is called clean.
def reads_future(build, rows, time):
    rng = np.random.default_rng(7)
    unchanged = [build(rows) for _ in range(3)]
    for now in sorted(rows[time].unique())[:-1]:
        known = (rows[time] <= now).to_numpy()
        pushed = rows.copy()
        for column in rows.columns.drop(time):
            if is_numeric_dtype(rows[column]):
                fresh = rng.normal(rows[column].mean(), 100 * rows[column].std(), len(rows))
                pushed[column] = rows[column].where(known, fresh)
        if stands_out(unchanged, np.where(known, build(pushed), unchanged[0])):
            return True
    return False


# %% wrong="place_for_time" of="reads_future" caught_by="future"
# Takes the place of a row for its time: where rows are not sorted, the past is accused of being the future.
def reads_future(build, rows, time):
    rng = np.random.default_rng(7)
    unchanged = [build(rows) for _ in range(3)]
    for now in range(len(rows) - 1):
        known = np.arange(len(rows)) <= now
        pushed = rows.copy()
        for column in rows.columns.drop(time):
            if is_numeric_dtype(rows[column]):
                fresh = rng.normal(rows[column].mean(), 100 * rows[column].std(), len(rows))
            else:
                fresh = rng.choice(rows[column].to_numpy(), len(rows))
            pushed[column] = rows[column].where(known, fresh)
        if stands_out(unchanged, np.where(known, build(pushed), unchanged[0])):
            return True
    return False


# %% wrong="rounds_first" of="twins_across" caught_by="twins"
# Rounds and compares: two values beside a rounding border are near, and come out different.
def twins_across(rows, folds, ignore, tolerance):
    values = rows.drop(columns=ignore).reset_index(drop=True)
    for column in values.select_dtypes("number"):
        values[column] = (values[column] / (tolerance * values[column].std())).round()
    keys = values.groupby(list(values.columns), dropna=False, sort=False).ngroup().to_numpy()
    return [sorted(int(p) for p in test if keys[p] in set(keys[train])) for train, test in folds]


# %% wrong="twins_anywhere" of="twins_across" caught_by="twins"
# Reports twins wherever they stand: two of them in one test fold are no leak.
def twins_across(rows, folds, ignore, tolerance):
    found = []
    for train, test in folds:
        everyone = np.concatenate([train, test])
        alike = np.ones((len(test), len(everyone)), dtype=bool)
        for column in rows.columns.drop(ignore):
            values = rows[column].to_numpy()
            left, right = values[test][:, None], values[everyone][None, :]
            if is_numeric_dtype(rows[column]):
                near = np.abs(left - right) <= tolerance * rows[column].std()
                alike &= near | (np.isnan(left) & np.isnan(right))
            else:
                alike &= left == right
        found.append(sorted(int(position) for position in np.asarray(test)[alike.sum(axis=1) > 1]))
    return found


# %% wrong="gaps_differ" of="twins_across" caught_by="twins"
# Forgets that NaN is unequal to itself: a sample with a gap never has a twin.
def twins_across(rows, folds, ignore, tolerance):
    found = []
    for train, test in folds:
        alike = np.ones((len(test), len(train)), dtype=bool)
        for column in rows.columns.drop(ignore):
            values = rows[column].to_numpy()
            left, right = values[test][:, None], values[train][None, :]
            if is_numeric_dtype(rows[column]):
                alike &= np.abs(left - right) <= tolerance * rows[column].std()
            else:
                alike &= left == right
        found.append(sorted(int(position) for position in np.asarray(test)[alike.any(axis=1)]))
    return found


# %% wrong="one_distance_for_all" of="twins_across" caught_by="twins"
# Measures one distance over all columns together: twins that differ a little in several columns are lost.
def twins_across(rows, folds, ignore, tolerance):
    compared = rows.drop(columns=ignore)
    numbers = compared.select_dtypes("number")
    z = (numbers / numbers.std().replace(0, 1)).to_numpy()
    texts = compared.drop(columns=numbers.columns).to_numpy()

    def twins(p, q):
        same = (np.isnan(z[p]) == np.isnan(z[q])).all() and (texts[p] == texts[q]).all()
        return same and np.linalg.norm(np.nan_to_num(z[p] - z[q])) <= tolerance

    return [sorted(int(p) for p in test if any(twins(p, q) for q in train)) for train, test in folds]


# %% wrong="spread_of_training_rows" of="twins_across" caught_by="twins"
# Takes the spread over the fold's training rows: what counts as the same sample changes from fold to fold.
def twins_across(rows, folds, ignore, tolerance):
    found = []
    for train, test in folds:
        alike = np.ones((len(test), len(train)), dtype=bool)
        for column in rows.columns.drop(ignore):
            values = rows[column].to_numpy()
            left, right = values[test][:, None], values[train][None, :]
            if is_numeric_dtype(rows[column]):
                near = np.abs(left - right) <= tolerance * np.nanstd(values[train])
                alike &= near | (np.isnan(left) & np.isnan(right))
            else:
                alike &= left == right
        found.append(sorted(int(position) for position in np.asarray(test)[alike.any(axis=1)]))
    return found


# %% wrong="tidied_text" of="twins_across" caught_by="twins"
# Trims text and lowers its case first, though two rows agree only where their text is exactly the same.
def twins_across(rows, folds, ignore, tolerance):
    found = []
    for train, test in folds:
        alike = np.ones((len(test), len(train)), dtype=bool)
        for column in rows.columns.drop(ignore):
            number = is_numeric_dtype(rows[column])
            values = (rows[column] if number else rows[column].str.strip().str.lower()).to_numpy()
            left, right = values[test][:, None], values[train][None, :]
            if number:
                near = np.abs(left - right) <= tolerance * rows[column].std()
                alike &= near | (np.isnan(left) & np.isnan(right))
            else:
                alike &= left == right
        found.append(sorted(int(position) for position in np.asarray(test)[alike.any(axis=1)]))
    return found


# %% wrong="population_spread" of="log_price" caught_by="price_of_the_leak"
# Divides by n: with three splits the spread comes out a fifth too small.
def log_price(pipeline, rows, target, split_seeds):
    batch, replay = [], []
    for seed in split_seeds:
        train, test = train_test_split(rows, test_size=0.2, random_state=seed)
        hidden = test.assign(**{target: train[target].mean()})
        alone = [pipeline(train, hidden.iloc[[place]])[0] for place in range(len(test))]
        batch.append(r2_score(test[target], pipeline(train, test)))
        replay.append(r2_score(test[target], alone))
    price = np.array(batch) - np.array(replay)
    with mlflow.start_run(run_name="price-of-the-leak") as run:
        mlflow.log_params(
            {"split_seeds": ",".join(map(str, split_seeds)), "test_share": 0.2, "target": target}
        )
        mlflow.log_param("rows", len(rows))
        mlflow.log_metrics({"batch_r2_mean": np.mean(batch), "replay_r2_mean": np.mean(replay)})
        mlflow.log_metrics({"price_mean": price.mean(), "price_sd": price.std()})
    return run.info.run_id


# %% wrong="replay_with_target" of="log_price" caught_by="price_of_the_leak"
# Replays each row alone but leaves its target in, so that a pipeline which reads it costs nothing.
def log_price(pipeline, rows, target, split_seeds):
    batch, replay = [], []
    for seed in split_seeds:
        train, test = train_test_split(rows, test_size=0.2, random_state=seed)
        alone = [pipeline(train, test.iloc[[place]])[0] for place in range(len(test))]
        batch.append(r2_score(test[target], pipeline(train, test)))
        replay.append(r2_score(test[target], alone))
    price = np.array(batch) - np.array(replay)
    with mlflow.start_run() as run:
        mlflow.log_params(
            {"split_seeds": ",".join(map(str, split_seeds)), "test_share": 0.2, "target": target}
        )
        mlflow.log_metrics({"batch_r2_mean": np.mean(batch), "replay_r2_mean": np.mean(replay)})
        mlflow.log_metrics({"price_mean": price.mean(), "price_sd": price.std(ddof=1)})
    return run.info.run_id


# %% wrong="replay_all_together" of="log_price" caught_by="price_of_the_leak"
# Hides the targets but replays all test rows in one call: a pipeline that reads the other rows costs nothing.
def log_price(pipeline, rows, target, split_seeds):
    batch, replay = [], []
    for seed in split_seeds:
        train, test = train_test_split(rows, test_size=0.2, random_state=seed)
        hidden = test.assign(**{target: train[target].mean()})
        batch.append(r2_score(test[target], pipeline(train, test)))
        replay.append(r2_score(test[target], pipeline(train, hidden)))
    price = np.array(batch) - np.array(replay)
    with mlflow.start_run() as run:
        mlflow.log_params(
            {"split_seeds": ",".join(map(str, split_seeds)), "test_share": 0.2, "target": target}
        )
        mlflow.log_metrics({"batch_r2_mean": np.mean(batch), "replay_r2_mean": np.mean(replay)})
        mlflow.log_metrics({"price_mean": price.mean(), "price_sd": price.std(ddof=1)})
    return run.info.run_id


# %% also="pooled_spread" of="stands_out"
def stands_out(unchanged_runs, run):
    gap = np.isnan(unchanged_runs[0])
    if (gap != np.isnan(run)).any():
        return True
    runs = np.array([each[~gap] for each in unchanged_runs])
    spread = np.sqrt(runs.var(axis=0, ddof=1).mean()) if runs.size else 0.0
    moved = np.abs(run[~gap] - runs.mean(axis=0))
    return bool((moved > 8 * spread + 1e-9 * np.abs(runs[0])).any())


# %% also="columns_in_turn" of="reads_other_rows"
def reads_other_rows(pipeline, train, test, target):
    rng = np.random.default_rng(11)
    unchanged = [np.asarray(pipeline(train, test)) for _ in range(3)]
    features = test.drop(columns=target)
    texts = features.select_dtypes(exclude="number").columns
    for columns in ([target], texts, features.columns.drop(texts)):
        for _ in range(3):
            changed = rng.random(len(test)) < 0.5
            pushed = test.copy()
            for column in columns:
                if column in texts:
                    values = rng.choice(train[column].unique(), changed.sum())
                else:
                    values = train[column].mean() + 200 * train[column].std() * rng.standard_cauchy(
                        changed.sum()
                    )
                pushed.loc[test.index[changed], column] = values
            run = np.asarray(pipeline(train, pushed))
            if stands_out([before[~changed] for before in unchanged], run[~changed]):
                return True
    return False


# %% also="fold_by_fold" of="reads_other_rows"
def reads_other_rows(pipeline, train, test, target):
    from sklearn.model_selection import KFold

    rng = np.random.default_rng(3)
    unchanged = [pipeline(train, test) for _ in range(4)]
    numbers = test.select_dtypes("number").columns
    for others, fold in KFold(5, shuffle=True, random_state=3).split(test):
        swapped = test.copy()
        drawn = train.sample(len(others), replace=True, random_state=3)
        side = rng.choice([-300.0, 300.0], (len(others), len(numbers)))
        drawn[numbers] = drawn[numbers].fillna(0) + side * train[numbers].std().to_numpy()
        swapped.iloc[others] = drawn[test.columns].to_numpy()
        swapped[numbers] = swapped[numbers].astype(float)
        if stands_out([run[fold] for run in unchanged], pipeline(train, swapped)[fold]):
            return True
    return False


# %% also="few_targets_upwards" of="reads_target"
def reads_target(pipeline, train, test, target):
    unchanged = [pipeline(train, test) for _ in range(3)]
    for places in np.array_split(np.arange(len(test)), 5):
        pushed = test.copy()
        pushed.iloc[places, test.columns.get_loc(target)] += 100 * train[target].std()
        if stands_out(unchanged, pipeline(train, pushed)):
            return True
    return False


# %% also="cuts_the_future_off" of="reads_future"
def reads_future(build, rows, time):
    unchanged = [build(rows) for _ in range(3)]
    for now in rows[time].drop_duplicates().sort_values().iloc[:-1]:
        known = (rows[time] <= now).to_numpy()
        found = np.array(unchanged[0])
        found[known] = build(rows[known])
        if stands_out(unchanged, found):
            return True
    return False


# %% also="nearest_neighbours" of="twins_across"
def twins_across(rows, folds, ignore, tolerance):
    from sklearn.neighbors import NearestNeighbors

    compared = rows.drop(columns=ignore)
    numbers = compared.select_dtypes("number")
    scaled = (numbers - numbers.mean()) / numbers.std().replace(0, 1)
    texts = compared.drop(columns=numbers.columns).apply(lambda column: column.astype("category").cat.codes)
    space = np.hstack([scaled.fillna(1e6).to_numpy(), texts.to_numpy(dtype=float)])
    found = []
    for train, test in folds:
        index = NearestNeighbors(n_neighbors=1, metric="chebyshev").fit(space[train])
        gap = index.kneighbors(space[test])[0][:, 0]
        found.append(np.sort(np.asarray(test)[gap <= tolerance]).tolist())
    return found
