# ---
# title: "Which parcels go by express? A forecast that means what it says"
# minutes: 60
# data: [tidewater]
# needs: [cost-of-being-wrong, splits]
# runs_on: []
# limit_seconds: 120
# sources:
#   - "Niculescu-Mizil, Caruana (2005), Predicting good probabilities with supervised learning, ICML 2005, sections 2 to 5"
#   - "Platt (1999), Probabilistic outputs for support vector machines, Advances in Large Margin Classifiers, section 2"
#   - "scikit-learn 1.9, User Guide, Probability calibration; sklearn.frozen.FrozenEstimator"
#   - "Brown, Cai, DasGupta (2001), Interval estimation for a binomial proportion, Statistical Science 16(2), pages 101-133"
#   - "Gneiting, Raftery (2007), Strictly proper scoring rules, prediction, and estimation, Journal of the American Statistical Association 102, section 3"
# hints:
#   - "Part 1: the number of smaller forecasts is the same for all rows of a tie. Part 2: first ask which rows the model has not seen, then how many these are, then
#     which curve forecasts later ones better. Part 3: write down what both ways of sending a parcel are expected to cost, and set them equal."
#   - "Part 1: np.searchsorted of the sorted forecasts gives the number of smaller ones; then a groupby. Wilson's interval holds for small shares. Part 2: CalibratedClassifierCV of a FrozenEstimator,
#     sigmoid below some 300 rows; above, fit both on the older part and let your best choose on the newer; isotonic where the sigmoid falls, as steps never do. Part 3: p * claim against express + express_late * claim."
#   - "Part 1: bin = np.searchsorted(np.sort(p), p) * bins // len(p); best is min(forecasts, key=lambda name: brier(forecasts[name], late)). Part 2: CalibratedClassifierCV(FrozenEstimator(model),
#     method=method).fit(rows, rows['late'].to_numpy()). Part 3: thresholds = express_late + (express + per_item * items) / (call + voucher * amount);
#     log_model(..., pyfunc_predict_fn='predict_proba', code_paths=['calibrate.py', 'reliability.py'], serialization_format='cloudpickle')."
# ---

# %% [markdown]
# # Which parcels go by express? A forecast that means what it says
#
# One parcel in five or six of Tidewater comes late, and each late one costs a call and a voucher. Express is nearly always in time and costs some euros. Another team has a model that says for
# each parcel, when it is packed, how likely it is to be late. It ranks parcels quite well. Its numbers mean nothing: where it says 0.5, not even one parcel in four is late. Who multiplies such a number by euros sends
# two parcels of three by express, most of them for nothing.
#
# You may not retrain the model: it is not yours. You find out how wrong its numbers are, turn them into chances, and hand over a model on which the dispatch can decide in euros. Three files:
#
# | file | what |
# | --- | --- |
# | `reliability.py` | what was forecast, what happened, and how far chance explains the gap |
# | `calibrate.py` | from the model's scores to chances |
# | `promise.py` | from chances to the decision, and the run that a colleague goes on from |

# %%
import grader

grader.begin("calibration")

import logging

import mlflow
import numpy as np
import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from tidewater import make_world

# MLflow warns of cloudpickle each time a model is logged.
logging.getLogger("mlflow.sklearn").setLevel(logging.ERROR)

shop = make_world(seed=1, days=45, orders_per_day=140)
parcels = shop.orders.merge(shop.deliveries, on="order_id").sort_values("shipped_at", ignore_index=True)
parcels["promised_hours"] = (parcels["promised_at"] - parcels["shipped_at"]) / pd.Timedelta(hours=1)
parcels["warehouse_hours"] = (parcels["shipped_at"] - parcels["placed_at"]) / pd.Timedelta(hours=1)
parcels["weekday"] = parcels["shipped_at"].dt.day_name()
parcels["late"] = parcels["delivered_at"] > parcels["promised_at"]
parcels = parcels.drop(columns=["placed_at", "arrived_at", "promised_at", "delivered_at"])
parcels.iloc[0]

# %% [markdown]
# One row is a parcel when it is shipped; `late` became known twelve days later at most, and all of it is known here. No parcel went by express in these weeks. The model learned from the parcels shipped
# before 21 January; the last two weeks are for judging.

# %%
trained_until, judged_from = pd.Timestamp("2025-01-21"), pd.Timestamp("2025-01-31")
seen = parcels[parcels["shipped_at"] < trained_until]
judged = parcels[parcels["shipped_at"] >= judged_from]
columns = make_column_transformer(
    ("passthrough", ["items", "promised_hours", "warehouse_hours", "amount", "address_age_days"]),
    (OneHotEncoder(handle_unknown="ignore"), ["channel", "weekday"]),
)
forest = RandomForestClassifier(20, min_samples_leaf=5, class_weight="balanced", random_state=0)
model = make_pipeline(columns, forest).fit(seen, seen["late"])
score = model.predict_proba(judged)[:, 1]
print(f"mean score {score.mean():.2f}, share late {judged['late'].mean():.2f}")

# %% [markdown]
# ## 1. What was forecast, and what happened: `reliability.py`
#
# **`reliability(p, late, bins=10)`**. In: forecasts (n,) from 0 to 1 and what happened (n,), True/False or 1/0; each a list, an array or a Series with any index, row by row in the same order; n is 1 or more. Out: a DataFrame with one row for each bin that has any
# parcels, the lowest forecasts first, and the columns
#
# | column | value |
# | --- | --- |
# | `n` | parcels in the bin |
# | `forecast` | the mean of their forecasts |
# | `share` | the share of them that was late |
# | `low`, `high` | a 95 % interval for the chance behind `share`: it follows from the late ones among the bin's own `n` parcels, whatever was forecast; `0 <= low <= share <= high <= 1` |
#
# The bins have nearly equal numbers of parcels, and equal forecasts stay together: a parcel belongs to bin number `(forecasts smaller than its own) * bins // (all parcels)`, in whole numbers, counted from 0. A forest gives few different
# numbers, and whoever cuts a tie in two gets a table that depends on the order of the rows.
#
# The interval says which gaps may be chance. It has to hold where bins are small and shares near 0 as well: `share +- 1.96 * sqrt(share * (1 - share) / n)` says "0 to 0" when none of 60 parcels was late. Wilson's holds, Clopper and Pearson's, too.
# (The hidden check computes for bins of 60 parcels how often yours would cover a true chance of 0.02 to 0.5. The mean over these chances has to lie between 94 and 98 %, as Clopper and Pearson's is a little wide.)
#
# **`brier(p, late)`**: the mean of `(p - late)²`, a float.
#
# **`best(forecasts, late)`**. In: a dict from a name to its forecasts of the same parcels, and what happened. Out: the name of the forecaster that is nearest to the true chances, as far as `late` can tell. A score is *proper* if nobody can improve it by saying something else
# than the chance that they believe in: choose by a proper score. Some forecasters say exactly 0 or 1. (The checks have thousands of parcels, and the true chance of each. One forecaster is clearly nearest to these, by each proper score.)


# %% answer="reliability" file="reliability.py"
import numpy as np
import pandas as pd


def reliability(p, late, bins=10):
    """Forecast against what happened, in bins of nearly equal numbers of parcels; equal forecasts stay together.

    p: (n,), 0 to 1. late: (n,), bool or 0 and 1.
    Returns a DataFrame, one row a bin that has any, lowest forecasts first: n, forecast, share, low, high.
    """
    ### BEGIN SOLUTION
    p, late = np.asarray(p, dtype=float), np.asarray(late, dtype=float)
    place = np.searchsorted(np.sort(p), p) * bins // len(p)
    rows = pd.DataFrame({"place": place, "p": p, "late": late})
    table = rows.groupby("place").agg(n=("p", "size"), forecast=("p", "mean"), share=("late", "mean"))
    z = 1.96
    middle = (table["share"] + z**2 / (2 * table["n"])) / (1 + z**2 / table["n"])
    spread = table["share"] * (1 - table["share"]) / table["n"] + (z / (2 * table["n"])) ** 2
    half = z * np.sqrt(spread) / (1 + z**2 / table["n"])
    table["low"], table["high"] = (middle - half).clip(0, 1), (middle + half).clip(0, 1)
    return table.reset_index(drop=True)
    ### END SOLUTION


def brier(p, late):
    """The mean squared gap between forecast and what happened, a float; 0 is perfect."""
    ### BEGIN SOLUTION
    return float(np.mean((np.asarray(p, dtype=float) - np.asarray(late, dtype=float)) ** 2))
    ### END SOLUTION


def best(forecasts, late):
    """The name of the forecaster that is nearest to the true chances, as far as late can tell.

    forecasts: dict, name -> (n,), 0 to 1. late: (n,), bool or 0 and 1.
    """
    ### BEGIN SOLUTION
    return min(forecasts, key=lambda name: brier(forecasts[name], late))
    ### END SOLUTION


# %% test="table_of_bins" of="reliability" points=2
import numpy as np
import pandas as pd
from grader import expect


def tables(cases):
    """reliability of reliability.py for each case (p, late, bins), as dicts of lists."""
    import importlib
    import sys

    importlib.invalidate_caches()
    sys.dont_write_bytecode = True
    sys.path.insert(0, "")
    sys.modules.pop("reliability", None)
    from reliability import reliability

    found = []
    for p, late, bins in cases:
        table = reliability(p, late) if bins is None else reliability(p, late, bins=bins)
        names = ("n", "forecast", "share", "low", "high")
        found.append({name: [float(value) for value in table[name]] for name in names})
    return found


def wanted(p, late, bins):
    """n, forecast and share of each bin, by counting."""
    p, late = [float(value) for value in p], [float(value) for value in late]
    parts = {}
    for value, event in zip(p, late, strict=True):
        parts.setdefault(sum(other < value for other in p) * bins // len(p), []).append((value, event))
    parts = [np.array(parts[place]) for place in sorted(parts)]
    return [[len(part), *part.mean(axis=0)] for part in parts]


def judge(what, case, table):
    """One table against counting."""
    p, late, bins = case
    right = wanted(p, late, bins or 10)
    low, share, high = (np.array(table[name]) for name in ("low", "share", "high"))
    expect.equal(
        [int(n) for n in table["n"]],
        [row[0] for row in right],
        what=f"n of each bin: {what}",
        why="a parcel belongs to bin (forecasts smaller than its own) * bins // (all parcels), so that bins are nearly equal and no tie is cut",
        look_at="how you cut, ties, the number of bins, and bins without a parcel, which are no rows",
    )
    for place, name in enumerate(("forecast", "share"), start=1):
        expect.true(
            bool(np.allclose(table[name], [row[place] for row in right], rtol=0, atol=1e-9)),
            got="other values",
            expected="those that counting gives",
            what=f"{name} of each bin: {what}",
            why="each bin says what was forecast on average, and what share happened",
            look_at="the rows that belong together: position by position, whatever the index says",
        )
    expect.true(
        bool((low <= share + 1e-9).all() and (share <= high + 1e-9).all()),
        got="a share outside of its interval",
        expected="low <= share <= high in each bin",
        what=f"low and high of each bin: {what}",
        why="the interval is for the chance behind the share, whatever was forecast: a forecast outside of it is one that chance does not excuse",
        look_at="which numbers the interval is made of, and in what order",
    )


rows = [0.1, 0.2, 0.2, 0.2, 0.9, 0.4], [0, 1, 0, 0, 1, 1]
for case, table in zip([(*rows, 3)], expect.beside(tables, [(*rows, 3)]), strict=True):
    judge("six parcels in three bins, three of them with the forecast 0.2", case, table)
### BEGIN HIDDEN TESTS
rng = expect.rng()
n = int(rng.integers(300, 500))
smooth, coarse = rng.beta(1, 4, n), rng.integers(0, 9, n) / 8
events = [rng.random(n) < forecast for forecast in (smooth, coarse)]
cases = {
    "forecasts that all differ, in seven bins": (smooth, events[0], 7),
    "forecasts that all differ, bins not given": (smooth, events[0].astype(int), None),
    "nine different forecasts with ties, in six bins": (
        pd.Series(coarse, index=rng.permutation(n)),
        pd.Series(events[1], index=rng.permutation(n)),
        6,
    ),
    "nine different forecasts with ties, in fifteen bins, as lists": (
        coarse.tolist(),
        events[1].tolist(),
        15,
    ),
    "forecasts that are far too high": (0.6 + 0.4 * smooth, events[0], 5),
    "four parcels in ten bins": ([0.3, 0.0, 1.0, 0.3], [True, False, True, False], 10),
}
for (what, case), table in zip(cases.items(), expect.beside(tables, list(cases.values())), strict=True):
    judge(what, case, table)
# How often an interval covers a chance is computed, not drawn: of k late parcels in 60 for every k. Mean over chances from 0.02 to 0.5: Wilson
# 0.951, Jeffreys 0.950, Agresti and Coull 0.956, Clopper and Pearson 0.967; the formula of the text 0.927, 90 % 0.902, 99 % 0.990.
# Each forecast is a bin, and says nothing of what happened. With as many bins as parcels, parcels by bins is 1, and not the 60 of each bin.
hits = rng.permutation(61)
late = (np.arange(60) < hits[:, None]).ravel()
(ends,) = expect.beside(tables, [(np.repeat(0.6 + np.arange(61) / 200, 60), late, 61 * 60)])
expect.shape(
    np.array(ends["low"]),
    (61,),
    what="low of a table of 61 forecasts with 60 parcels each, in as many bins as parcels",
    why="each of these forecasts fills a bin, and the other bins are no rows",
    look_at="the number of bins",
)
ends = {name: np.array(values)[np.argsort(hits)] for name, values in ends.items()}
low, high = ends["low"], ends["high"]
expect.true(
    bool((low > -1e-9).all() and (high < 1 + 1e-9).all() and (low <= high).all()),
    got="others",
    expected="0 <= low <= high <= 1",
    what="low and high of bins of 60 parcels with 0 to 60 late ones",
    why="they enclose a chance, which is never below 0 or above 1, and low comes first",
    look_at="the ends for no late parcel and for none in time",
)
ways = np.cumsum(np.log(np.append(1, np.arange(60, 0, -1) / np.arange(1, 61))))
chances = np.linspace(0.02, 0.5, 97)
weights = np.exp(
    ways[:, None]
    + np.outer(np.arange(61), np.log(chances))
    + np.outer(60 - np.arange(61), np.log(1 - chances))
)
covered = (weights * ((low[:, None] <= chances) & (chances <= high[:, None]))).sum(axis=0)
expect.between(
    float(covered.mean()),
    0.94,
    0.98,
    what=f"how often the interval of a bin of 60 parcels covers the true chance, mean over chances from 0.02 to 0.5 (found {covered.mean():.3f})",
    why="an interval that is too short calls chance a fault, and one that is too long excuses every fault",
    look_at="small shares: what does yours say when none of 60 was late? And the n of each bin, which is its own",
)
### END HIDDEN TESTS

# %% test="proper_choice" of="reliability" points=2
import numpy as np
import pandas as pd
from grader import expect


def asked(cases):
    """What best of reliability.py names for each case, and the Brier score of each forecaster."""
    import importlib
    import sys

    importlib.invalidate_caches()
    sys.dont_write_bytecode = True
    sys.path.insert(0, "")
    sys.modules.pop("reliability", None)
    from reliability import best, brier

    return [
        [best(forecasts, late), [float(brier(p, late)) for p in forecasts.values()]]
        for forecasts, late in cases
    ]


def judge(what, case, right, answer):
    """One choice and the Brier scores beside it; right is the name nearest to the true chances."""
    forecasts, late = case
    name, scores = answer
    expect.close(
        scores,
        [float(np.mean((np.asarray(p) - np.asarray(late, dtype=float)) ** 2)) for p in forecasts.values()],
        tolerance=1e-9,
        what=f"brier of each forecaster: {what}",
        why="it is the mean of (p - late) squared, row by row",
        look_at="the mean, the square, and rows that were matched by an index",
    )
    expect.true(
        name == right,
        got="another name",
        expected=f"{right!r}",
        what=f"the name that best gives: {what}",
        why="a proper score is best for whoever says the true chance; the bins' gaps, ranks, hits and absolute errors are best for others, too",
        look_at="what a forecaster could say to win your score without knowing more",
    )


shown = [0.0, 0.0, 0.5, 0.5, 1.0, 1.0], [0, 0, 1, 0, 1, 1]
case = ({"knows": shown[0], "guesses": [0.5] * 6}, shown[1])
for answer in expect.beside(asked, [case]):
    judge(
        "six parcels, one forecaster who knows four of them, one who says 0.5 to all", case, "knows", answer
    )
### BEGIN HIDDEN TESTS
from scipy.stats import norm

rng = expect.rng()
n = 4000


def chance(log_odds):
    return 1 / (1 + np.exp(-log_odds))


known, unknown = rng.normal(-1.4, 1.0, n), rng.normal(0, 1.0, n)
truth = chance(known + unknown)
late = rng.random(n) < truth
normal = norm.ppf((np.arange(200) + 0.5) / 200)
by_half = chance(known[:, None] + normal).mean(axis=1)  # the true chance, given half of what can be known
# Over 20 seeds the right name leads by 8.9 standard deviations of the difference at least in Brier score (too sure), by 11.6 in log loss (timid).
cases = {
    "one who knows, and one who gives all parcels the share of late ones": (
        {"the same for all": np.full(n, late.mean()), "by parcel": truth},
        "by parcel",
    ),
    "one who knows half and says what that means, and one who ranks perfectly and says far too much": (
        {"loud": chance(known + unknown + 1.6), "half": by_half},
        "half",
    ),
    "one who knows, and one who rounds that to 0 or 1": (
        {"all or nothing": (truth > 0.5).astype(float), "by parcel": truth},
        "by parcel",
    ),
    "one who knows, one too timid and one too sure": (
        {
            "timid": late.mean() + 0.25 * (truth - late.mean()),
            "too sure": chance(2.5 * (known + unknown)),
            "by parcel": truth,
        },
        "by parcel",
    ),
}
turned = {}
for what, (forecasts, right) in cases.items():
    names = rng.permutation(list(forecasts)).tolist()
    mixed = {name: pd.Series(forecasts[name], index=rng.permutation(n)) for name in names}
    turned[what] = (mixed, pd.Series(late, index=rng.permutation(n))), right
# Fine ranks and a mean gap of 0.03 over ten bins, but every fifth parcel's chance is driven apart. Over 20 seeds: AUC 0.045 more than by steps; steps lead by
# 10.5 standard deviations of the difference in Brier score (standard deviation over seeds 0.8), by 7.0 (0.8) in log loss, by 9.8 (0.8) in the spherical score.
n = 30000
open_ended = rng.random(n) < 0.2
truth = np.where(open_ended, rng.uniform(0.1, 0.9, n), rng.uniform(0.0, 0.1, n))
apart = np.where(open_ended, 0.1 + 0.8 * chance(30 * (truth - 0.5)), truth)
steps = np.where(open_ended, np.round(truth * 5) / 5, 0.05)
what = (
    "one who ranks each parcel and drives chances apart, and one who gives few numbers that are nearly right"
)
turned[what] = ({"fine": apart, "coarse": steps}, rng.random(n) < truth), "coarse"
answers = expect.beside(asked, [case for case, _ in turned.values()])
for (what, (case, right)), answer in zip(turned.items(), answers, strict=True):
    judge(what, case, right, answer)
### END HIDDEN TESTS

# %% [markdown]
# ## 2. From scores to chances: `calibrate.py`
#
# **`calibrated(model, parcels, trained_until)`**. In: a fitted classifier whose `predict_proba(parcels)[:, 1]` is the score (it takes the table as it is and picks its columns itself); a DataFrame of parcels with `shipped_at`, `late` (bool) and the model's columns, its
# rows in any order with any index; a Timestamp. The model has learned from the parcels shipped **before** `trained_until`, and from no others. At least 50 parcels were shipped at this moment or later, ten of them late and ten in time.
#
# Out: a fitted object with `predict_proba(parcels)`, which gives floats (n, 2), the chance of being in time and of being late; they sum to 1. It takes tables without `late`, too, and scores of exactly 0 and 1. What is asked of it:
#
# 1. **It means what it says** for later parcels. The hidden checks know the true chance of each parcel and take the mean squared gap to it.
# 2. **The model stays.** Nothing is fitted again, `parcels` is as before, and the order of the parcels stays: who had a higher score does not get a lower chance. Equal chances are allowed, but not for all. (One exception: by chance the late parcels among 50 may be those with low scores.
#    A sigmoid that is fitted to them *falls*. Then give something that does not fall, near their share of late ones on average; the same for all is fine.)
# 3. **The curve fits the rows.** From 50 rows one can learn two numbers: a *sigmoid*, a logistic curve of the score, which Platt proposed. From thousands one can learn any rising curve: *isotonic* regression, steps that rise. Up to some 300 rows a choice between both is itself a gamble: take the sigmoid.
#    With more, the number of rows does not say which curve is right: fit both on one part of the unseen rows, let a proper score on the other part choose (or mix), and fit the chosen one on all of them.
#
# The hidden cases for 3: many shops with 50 unseen parcels; and shops with 1,200, in some of which the chance is a smooth curve of the score, so that steps follow noise, while in others it leaps at some score, which no sigmoid can follow. Where between 50 and 1,000 rows your choice begins is up to you.
#
# scikit-learn's `CalibratedClassifierCV` does the fitting; `FrozenEstimator(model)` tells it that the model stays. (`cv="prefit"`, which many texts show, is gone.) Its third method, `"temperature"`, has one number and cannot move the level. A class of your own is as welcome.
# Same rows, same result: fix every seed, those of folds, too. You may import from `reliability`.


# %% answer="calibrate" file="calibrate.py"
import numpy as np
import pandas as pd
from reliability import best
from sklearn.calibration import CalibratedClassifierCV
from sklearn.frozen import FrozenEstimator

FEW = 300  # rows below which a choice between curves is a gamble


def calibrated(model, parcels, trained_until):
    """The model with chances for scores, learned from parcels that it has not seen.

    model: fitted classifier; it stays as it is. parcels: DataFrame with shipped_at, late and the model's columns.
    trained_until: Timestamp; the model has learned from what was shipped before.
    Returns a fitted object with predict_proba.
    """
    ### BEGIN SOLUTION
    unseen = parcels[parcels["shipped_at"] >= trained_until].sort_values("shipped_at", kind="stable")
    if len(unseen) < FEW:
        return curve(model, unseen, "sigmoid")
    older, newer = unseen.iloc[: len(unseen) // 2], unseen.iloc[len(unseen) // 2 :]
    forecasts = {
        method: curve(model, older, method).predict_proba(newer)[:, 1] for method in ("sigmoid", "isotonic")
    }
    return curve(model, unseen, best(forecasts, newer["late"]))


def curve(model, rows, method):
    """The frozen model with a curve of this method, fitted to the rows; steps, which cannot fall, where a sigmoid would."""
    late = rows["late"].to_numpy(dtype=bool)
    made = CalibratedClassifierCV(FrozenEstimator(model), method=method).fit(rows, late)
    score, chance = (one.predict_proba(rows)[:, 1] for one in (model, made))
    return curve(model, rows, "isotonic") if chance[score.argmax()] < chance[score.argmin()] else made
    ### END SOLUTION


# %% test="unseen_rows" of="calibrate" points=3
import numpy as np
import pandas as pd
from grader import expect


def asked(parcels, trained_until, later):
    """A forest on the parcels before trained_until: its scores of the later ones before and after calibrated, the chances, and whether the table stayed."""
    import importlib
    import sys

    import numpy as np
    from sklearn.compose import make_column_transformer
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder

    importlib.invalidate_caches()
    sys.dont_write_bytecode = True
    sys.path.insert(0, "")
    for name in ("reliability", "calibrate"):
        sys.modules.pop(name, None)
    from calibrate import calibrated

    numbers = ["items", "promised_hours", "warehouse_hours", "amount", "address_age_days"]
    columns = make_column_transformer(
        ("passthrough", numbers), (OneHotEncoder(handle_unknown="ignore"), ["channel", "weekday"])
    )
    forest = RandomForestClassifier(20, min_samples_leaf=5, class_weight="balanced", random_state=0)
    seen = parcels[parcels["shipped_at"] < trained_until]
    model = make_pipeline(columns, forest).fit(seen, seen["late"])
    scores, before = model.predict_proba(later)[:, 1], parcels.copy()
    made = calibrated(model, parcels, trained_until)
    chances = np.asarray(made.predict_proba(later), dtype=float)
    kept = bool(np.allclose(model.predict_proba(later)[:, 1], scores)) and parcels.equals(before)
    return scores, chances, kept


def parcels_of(world):
    """Parcels of a world by the moment of shipping, and the true chance of each to be late."""
    table = world.orders.merge(world.deliveries, on="order_id").merge(world.truth.deliveries, on="order_id")
    table = table.sort_values("shipped_at", ignore_index=True)
    table["promised_hours"] = (table["promised_at"] - table["shipped_at"]) / pd.Timedelta(hours=1)
    table["warehouse_hours"] = (table["shipped_at"] - table["placed_at"]) / pd.Timedelta(hours=1)
    table["weekday"] = table["shipped_at"].dt.day_name()
    table["late"] = table["delivered_at"] > table["promised_at"]
    expected, hours = (table["expected_hours"] - 1.8).to_numpy(), table["promised_hours"].to_numpy()
    transit = np.outer(expected, gamma.ppf((np.arange(50) + 0.5) / 50, 9) / 9)
    lost = np.exp(-np.clip(hours[:, None] - transit, 0, None) / 120).mean(axis=1)
    truth = 0.985 * gamma.sf(9 * hours / expected, 9) + 0.015 * lost
    left = ["placed_at", "arrived_at", "promised_at", "delivered_at", "expected_hours"]
    return table.drop(columns=left), truth


def judge(what, scores, chances, kept):
    """Form and order of the chances."""
    expect.shape(
        chances,
        (len(scores), 2),
        what=f"predict_proba of what calibrated returns: {what}",
        why="each parcel has a chance of being in time and one of being late",
        look_at="what your object gives back",
    )
    expect.probability_rows(
        chances,
        what=f"predict_proba of what calibrated returns: {what}",
        why="one of the two will happen",
        look_at="missing or infinite values, and the first column",
    )
    steps = np.diff(chances[np.argsort(scores, kind="stable"), 1])
    ties = np.diff(np.sort(scores)) < 1e-12
    expect.true(
        bool((steps[~ties] > -1e-9).all() and (abs(steps[ties]) < 1e-9).all()),
        got="parcels that changed places",
        expected="the order of the scores",
        what=f"the order of the parcels by their chance of being late: {what}",
        why="the model stays, and only the meaning of its numbers changes",
        look_at="whether something fits the model again, on other rows or folds, and whether your curve can fall",
    )
    expect.true(
        kept,
        got="something changed",
        expected="both as before",
        what=f"the model's own scores and the table of parcels after calibrated: {what}",
        why="other teams use both",
        look_at="fit on the model itself, and assignments into the table",
    )


rng = np.random.default_rng(8)
shown = pd.DataFrame({"items": rng.integers(1, 9, 1200), "promised_hours": rng.integers(30, 90, 1200) * 1.0})
shown["warehouse_hours"], shown["amount"] = rng.integers(2, 40, 1200) * 1.0, rng.integers(5, 200, 1200) * 1.0
shown["address_age_days"], shown["channel"], shown["weekday"] = 30, "web", "Monday"
shown["late"] = rng.random(1200) < shown["items"] / 12
shown["shipped_at"] = pd.Timestamp("2025-01-01") + pd.to_timedelta(np.arange(1200), unit="h")
shown_result = judge(
    "800 parcels of a small shop, 400 of them seen by the model, and 400 later ones",
    *expect.beside(asked, shown[:800], shown["shipped_at"].iloc[400], shown[800:].drop(columns="late")),
)
### BEGIN HIDDEN TESTS
from scipy.stats import gamma
from tidewater import make_world

rng = expect.rng()
world = make_world(int(rng.integers(2**60)), days=44, orders_per_day=210)
table, truth = parcels_of(world)
later = (table["shipped_at"] >= "2025-01-31").to_numpy()
known = table[~later].iloc[rng.permutation((~later).sum())]
known.index = rng.permutation(len(known)) + 100
answer = expect.beside(asked, known, pd.Timestamp("2025-01-21"), table[later].drop(columns="late"))
what = "two weeks of another world, after ten days of parcels that the model had not seen, in any order"
judge(what, *answer)
gap = float(np.mean((answer[1][:, 1] - truth[later]) ** 2))
# Over 20 seeds, mean and standard deviation: isotonic 0.0061, 0.0008; the share of all 0.0124, 0.0005. Over 8 seeds in a world a tenth larger: a sigmoid where chosen
# 0.0048, 0.0003, the seen rows among the others 0.019, 0.002; the scores 0.05.
expect.between(
    gap,
    0.0,
    0.0098,
    what=f"the mean squared gap between your chances and the true ones: {what} (found {gap:.4f}, needed 0.0098)",
    why="on the parcels that the model learned from its scores look nearly perfect, and a curve that was fitted there believes them; the share of all is no forecast either",
    look_at="the rows that the curve is fitted to, and whether the scores of later parcels become chances at all",
)
### END HIDDEN TESTS

# %% test="few_rows" of="calibrate" points=2
import numpy as np
import pandas as pd
from grader import expect


def asked(shops):
    """For each shop the chances of the parcels without late, by calibrated over a model that reads the column score; a name if it raised."""
    import importlib
    import sys

    import numpy as np
    from sklearn.base import BaseEstimator, ClassifierMixin

    class Scorer(ClassifierMixin, BaseEstimator):
        def fit(self, X, y=None):
            self.classes_ = np.array([False, True])
            return self

        def predict_proba(self, X):
            score = X["score"].to_numpy(dtype=float)
            return np.column_stack([1 - score, score])

        def predict(self, X):
            return X["score"].to_numpy(dtype=float) >= 0.5

    importlib.invalidate_caches()
    sys.dont_write_bytecode = True
    sys.path.insert(0, "")
    for name in ("reliability", "calibrate"):
        sys.modules.pop(name, None)
    from calibrate import calibrated

    chances = []
    for parcels, trained_until, later in shops:
        try:
            made = calibrated(Scorer().fit(None), parcels, trained_until)
            chances.append(np.asarray(made.predict_proba(later), dtype=float)[:, 1])
        except ValueError as error:
            return type(error).__name__, str(error)[:200]
    return "", chances


def shop_of(rng, unseen, later):
    """Parcels of a shop whose model is far too loud: 80 that it has seen, and others, all shipped at the moment; then later ones and their truth."""
    n = 80 + unseen + later
    log_odds = rng.normal(-1.0, 1.0, n)
    truth = 1 / (1 + np.exp(-log_odds))
    late = rng.random(n) < truth
    while not 10 <= late[80 : 80 + unseen].sum() <= unseen - 10:
        late = rng.random(n) < truth
    score = 1 / (1 + np.exp(-1.5 * log_odds - 2.2))
    score[:80] = np.where(late[:80], 0.97, 0.03)
    moment = pd.Timestamp("2025-03-01") + pd.to_timedelta(
        np.repeat([-5, 0, 5], [80, unseen, later]), unit="D"
    )
    table = pd.DataFrame({"shipped_at": moment, "score": score, "late": late})
    order = rng.permutation(80 + unseen)
    return (
        table.iloc[order],
        pd.Timestamp("2025-03-01"),
        table.iloc[80 + unseen :].drop(columns="late"),
        truth[80 + unseen :],
    )


def judge(what, shops, most):
    """The mean squared gap to the truth over all shops."""
    error, chances = expect.beside(asked, [shop[:3] for shop in shops])
    expect.equal(
        error,
        "",
        what=f"the error of calibrated or of its predict_proba: {what}",
        why="all unseen parcels may have been shipped at the very moment trained_until, and a score may be 0 or 1",
        look_at="before or at that moment, folds that ask for more late parcels than there are, and logarithms",
    )
    gap = float(
        np.mean(
            [np.mean((found[:400] - shop[3][:400]) ** 2) for found, shop in zip(chances, shops, strict=True)]
        )
    )
    expect.true(
        gap <= most,
        got="a larger gap",
        expected=f"{most} or less",
        what=f"the mean squared gap between your chances and the true ones: {what} (found {gap:.4f}, needed {most})",
        why="fifty rows are enough for two numbers; a curve with a step for every few rows follows their chance, and the seen rows make it too sure",
        look_at="which curve few rows get, and which rows they are",
    )
    return chances


def falling(rng):
    """Fifty unseen parcels of which, by chance, those with low scores were late; and 99 scores."""
    score = rng.permutation(np.linspace(0.3, 0.7, 50))
    late = rng.random(50) < 0.9 - score
    while not (10 <= late.sum() <= 40 and np.corrcoef(score, late)[0, 1] < -0.25):
        late = rng.random(50) < 0.9 - score
    table = pd.DataFrame({"shipped_at": pd.Timestamp("2025-03-01"), "score": score, "late": late})
    return table, pd.Timestamp("2025-03-01"), pd.DataFrame({"score": np.arange(1, 100) / 100})


shown_result = judge("one shop with 200 unseen parcels", [shop_of(np.random.default_rng(2), 200, 400)], 0.02)
### BEGIN HIDDEN TESTS
rng = expect.rng()
shops = [shop_of(rng, 50, 400) for _ in range(70)]
ends = pd.DataFrame({"shipped_at": pd.Timestamp("2025-03-08"), "score": [0.0, 1.0]})
shops = [(known, moment, pd.concat([later, ends]), truth) for known, moment, later, truth in shops]
# Over 20 seeds, mean and standard deviation: a sigmoid 0.0087, 0.0008, with some penalty 0.0088, 0.0008, of the log odds 0.0066, 0.0008; isotonic 0.0175, 0.0011; the weights taken out by a
# formula 0.044, 0.002.
chances = judge("70 shops with 50 unseen parcels each", shops, 0.0125)
last = np.array([found[400:] for found in chances])
expect.between(
    last,
    -1e-9,
    1 + 1e-9,
    what="the chances of parcels with the scores 0 and 1",
    why="a forest of few trees says both",
    look_at="logarithms of 0, and values outside of the range that the curve was fitted on",
)
shops = [falling(rng) for _ in range(3)]
error, chances = expect.beside(asked, shops)
what = "50 unseen parcels of which those with low scores were late"
expect.equal(
    error,
    "",
    what=f"the error of calibrated or of its predict_proba: {what}",
    why="that happens",
    look_at="the error",
)
expect.true(
    all(bool((np.diff(found) > -1e-9).all()) for found in chances),
    got="chances that fall",
    expected="chances that do not fall as the score rises",
    what=f"the chances of rising scores: {what}",
    why="who had a higher score does not get a lower chance, and the slope of a fitted sigmoid may have either sign",
    look_at="the slope of your curve, and what you give where it is below 0",
)
expect.true(
    all(
        abs(found[29:70].mean() - shop[0]["late"].mean()) < 0.15
        for found, shop in zip(chances, shops, strict=True)
    ),
    got="another level",
    expected="the share of late ones, up to 0.15",
    what=f"the mean chance over the scores of the fifty: {what}",
    why="rows that do not tell who will be late still tell how many",
    look_at="what you give where a sigmoid would fall",
)
### END HIDDEN TESTS

# %% test="which_curve" of="calibrate" points=2
import numpy as np
import pandas as pd
from grader import expect


def asked(shops):
    """For each shop the chances of its later parcels, by calibrated over a model that reads the column score."""
    import importlib
    import sys

    import numpy as np
    from sklearn.base import BaseEstimator, ClassifierMixin

    class Scorer(ClassifierMixin, BaseEstimator):
        def fit(self, X, y=None):
            self.classes_ = np.array([False, True])
            return self

        def predict_proba(self, X):
            score = X["score"].to_numpy(dtype=float)
            return np.column_stack([1 - score, score])

        def predict(self, X):
            return X["score"].to_numpy(dtype=float) >= 0.5

    importlib.invalidate_caches()
    sys.dont_write_bytecode = True
    sys.path.insert(0, "")
    for name in ("reliability", "calibrate"):
        sys.modules.pop(name, None)
    from calibrate import calibrated

    made = [calibrated(Scorer().fit(None), parcels, trained_until) for parcels, trained_until, _ in shops]
    pairs = zip(made, shops, strict=True)
    return [np.asarray(one.predict_proba(later), dtype=float)[:, 1] for one, (_, _, later) in pairs]


def shop_of(rng, n, leaps):
    """Parcels by the hour, the first 400 seen, then n unseen, then 500 later; and the true chances. They leap at some score, or are a smooth curve of it."""
    size = n + 900
    if leaps:
        score, cut = np.floor(rng.random(size) * 50) / 50 + 0.01, rng.uniform(0.7, 0.8)
        truth = np.where(score < cut, 0.15 + 0.04 * score / cut, 0.7 + 0.08 * (score - cut) / (1 - cut))
    else:
        score = rng.uniform(0.25, 0.75, size)
        truth = 1 / (1 + np.exp(-8 * (score - 0.5) + 0.8))
    table = pd.DataFrame({"score": score, "late": rng.random(size) < truth})
    table["score"] = table["score"].where(np.arange(size) >= 400, table["late"] * 0.4 + 0.3)
    table["shipped_at"] = pd.Timestamp("2025-01-01") + pd.to_timedelta(np.arange(size), unit="h")
    return table, truth


def judge(what, shops, most, why):
    """The mean squared gap to the truth over shops."""
    found = expect.beside(
        asked,
        [
            (table[:-500], table["shipped_at"].iloc[400], table[-500:].drop(columns="late"))
            for table, _ in shops
        ],
    )
    gap = float(
        np.mean([np.mean((p - truth[-500:]) ** 2) for p, (_, truth) in zip(found, shops, strict=True)])
    )
    expect.true(
        gap <= most,
        got="a larger gap",
        expected=f"{most} or less",
        what=f"the mean squared gap between your chances and the true ones: {what} (found {gap:.4f}, needed {most})",
        why=why,
        look_at="which curves you have to choose from, which parcels decide, and whether both curves are new to these",
    )


leap = "a sigmoid has only two numbers, and cannot follow a leap, which 1,200 rows show"
shown_result = judge(
    "a leap in 1,200 unseen parcels", [shop_of(np.random.default_rng(6), 1200, True)], 0.03, leap
)
### BEGIN HIDDEN TESTS
rng = expect.rng()
# Over 20 seeds, mean and standard deviation: isotonic or a choice 0.0010, 0.0003, curves mixed by other rows 0.0011, 0.0003; a sigmoid 0.0178, 0.0008. One shop
# misjudged of the three adds 0.006 at most.
judge(
    "three shops with 1,200 unseen parcels and a leap each",
    [shop_of(rng, 1200, True) for _ in range(3)],
    0.008,
    leap,
)
# Over 20 seeds: a choice by the newer half 0.0005, 0.00013, by folds 0.0003, 0.0001, log odds or steps 0.0006, 0.00014, curves mixed 0.0004, 0.0001; isotonic 0.0019,
# 0.00013.
smooth_result = judge(
    "18 shops with 1,200 unseen parcels each, whose chance is a smooth curve of the score",
    [shop_of(rng, 1200, False) for _ in range(18)],
    0.0012,
    "where two numbers say it all, steps follow noise; 1,200 rows are enough to see that",
)
### END HIDDEN TESTS

# %% [markdown]
# ## 3. The decision and its record: `promise.py`
#
# What it costs, in EUR, for a parcel with its `amount` and `items`:
#
# | | |
# | --- | --- |
# | a late parcel | `call + voucher * amount` (the voucher is a share of the amount) |
# | sending it by express | `express + per_item * items`, whether it was needed or not |
#
# An express parcel is late as well with the chance `express_late`, whichever parcel it is. Then it costs what a late parcel costs. All five are keys of the dict `prices`, and change with the contract. Which of the two ways is cheaper is a question of euros, and the answer is a chance, a different one for each parcel. It is
# derived from prices. It is not tuned on any period.
#
# **`thresholds(parcels, prices)`**: the chance of being late above which express is cheaper on average, for each parcel, a float array (n,) in the order of the rows. (It may be above 1, and is given as it is: then express never pays.)
#
# **`release(model, parcels, trained_until, judged_from, prices)`** calibrates, judges, logs one finished run, and no other, in this unit's experiment and returns its id. `parcels` has the columns of part 2, and `amount` and `items`, in any order of rows. Three periods: before `trained_until` (seen by the model), from there until before `judged_from` (for
# calibrating), and from `judged_from` on (judged). What your `calibrated` returns for the parcels before `judged_from` is the model of the run.
#
# | kind | name | value |
# | --- | --- | --- |
# | params | `trained_until`, `judged_from`, and the five prices by their names | as given, as text |
# | metrics | `calibration_rows`, `judged_rows` | parcels of these two periods |
# | metrics | `brier_raw`, `brier` | on the judged parcels: of the scores as chances, and of your chances |
# | metric | `brier_base` | on the judged parcels: of the share of late ones of the calibration period, given to each |
# | metrics | `cost_none`, `cost_all`, `cost_raw`, `cost` | EUR per 1,000 judged parcels: express for none, for all, for those whose score is above their threshold, for those whose chance is |
# | metric | `express_share` | the share of the judged parcels that goes by express by your chances |
# | artifact | `reliability.json` | a dict with `raw` and `calibrated`: your `reliability` of both on the judged parcels in ten bins, as a list of dicts, one a bin, with its five columns |
# | model | `model` | the calibrated model, as a scikit-learn model |
#
# The costs use what happened: a parcel that does not go by express costs the late parcel's cost if it was late and else nothing; one that goes by express costs express plus `express_late` times a late parcel's cost (what would have happened to it nobody saw).
#
# A colleague loads the model on another machine, without your notebook and files: `mlflow.sklearn.load_model` gives an object with the same `predict_proba`, and `mlflow.pyfunc.load_model(...).predict(parcels)` gives the same chances, two columns. So `log_model` is told
#
# - `pyfunc_predict_fn`: which method `predict` stands for;
# - `pip_requirements`: what to install, scikit-learn among it (not given, MLflow guesses for half a minute);
# - `serialization_format="cloudpickle"` and `code_paths`, if the model has classes of your own: each file of yours that they need, so `reliability.py`, too, if `calibrate.py` imports it. For scikit-learn's own classes the lesson's `skops_trusted_types` does it as well.


# %% answer="promise" file="promise.py"
import mlflow
import numpy as np
import pandas as pd
from calibrate import calibrated
from reliability import brier, reliability


def thresholds(parcels, prices):
    """The chance of being late above which express is cheaper, (n,), for each parcel.

    parcels: DataFrame with amount (EUR) and items. prices: dict with express, per_item, call, voucher, express_late.
    """
    ### BEGIN SOLUTION
    claim, express = costs(parcels, prices)
    return prices["express_late"] + express / claim


def costs(parcels, prices):
    """EUR of each parcel, twice (n,): if it is late, and for sending it by express."""
    claim = prices["call"] + prices["voucher"] * parcels["amount"].to_numpy(dtype=float)
    return claim, prices["express"] + prices["per_item"] * parcels["items"].to_numpy(dtype=float)


def bill(by_express, parcels, prices):
    """EUR per 1,000 parcels for this decision, with what happened."""
    claim, express = costs(parcels, prices)
    late = parcels["late"].to_numpy(dtype=float)
    return 1000 * float(np.where(by_express, express + prices["express_late"] * claim, late * claim).mean())
    ### END SOLUTION


def release(model, parcels, trained_until, judged_from, prices):
    """Calibrate the model, judge it on the parcels from judged_from on, log all of it.

    model: fitted classifier. parcels: DataFrame. trained_until, judged_from: Timestamps. prices: dict.
    Returns the id of the run.
    """
    ### BEGIN SOLUTION
    past, judged = (
        parcels[at] for at in (parcels["shipped_at"] < judged_from, parcels["shipped_at"] >= judged_from)
    )
    made = calibrated(model, past, trained_until)
    unseen, late = past[past["shipped_at"] >= trained_until], judged["late"]
    forecasts = {"raw": model.predict_proba(judged)[:, 1], "calibrated": made.predict_proba(judged)[:, 1]}
    tables = {name: reliability(p, late).to_dict(orient="records") for name, p in forecasts.items()}
    limit = thresholds(judged, prices)
    by_express = forecasts["calibrated"] > limit
    metrics = {
        "calibration_rows": len(unseen),
        "judged_rows": len(judged),
        "brier_raw": brier(forecasts["raw"], late),
        "brier": brier(forecasts["calibrated"], late),
        "brier_base": brier(np.full(len(judged), unseen["late"].mean()), late),
        "cost_none": bill(False, judged, prices),
        "cost_all": bill(True, judged, prices),
        "cost_raw": bill(forecasts["raw"] > limit, judged, prices),
        "cost": bill(by_express, judged, prices),
        "express_share": by_express.mean(),
    }
    with mlflow.start_run() as run:
        mlflow.log_params(prices | {"trained_until": trained_until, "judged_from": judged_from})
        mlflow.log_metrics(metrics)
        mlflow.log_dict(tables, "reliability.json")
        mlflow.sklearn.log_model(
            made,
            name="model",
            pip_requirements=["scikit-learn", "pandas"],
            code_paths=["calibrate.py", "reliability.py"],
            pyfunc_predict_fn="predict_proba",
            serialization_format="cloudpickle",
        )
    return run.info.run_id
    ### END SOLUTION


# %% test="break_even" of="promise" points=2
import numpy as np
import pandas as pd
from grader import expect


def asked(cases):
    """thresholds of promise.py for each (parcels, prices), and whether both stayed."""
    import importlib
    import sys

    import numpy as np

    importlib.invalidate_caches()
    sys.dont_write_bytecode = True
    sys.path.insert(0, "")
    for name in ("reliability", "calibrate", "promise"):
        sys.modules.pop(name, None)
    from promise import thresholds

    found = []
    for parcels, prices in cases:
        before = parcels.copy(), dict(prices)
        limit = np.asarray(thresholds(parcels, prices), dtype=float).tolist()
        found.append((limit, parcels.equals(before[0]) and prices == before[1]))
    return found


def judge(what, case, answer):
    """Thresholds of one table."""
    (parcels, prices), (found, kept) = case, answer
    claim = prices["call"] + prices["voucher"] * parcels["amount"].to_numpy()
    express = prices["express"] + prices["per_item"] * parcels["items"].to_numpy()
    right = prices["express_late"] + express / claim
    expect.true(
        len(found) == len(right) and bool(np.allclose(found, right, rtol=0, atol=1e-9)),
        got="other values",
        expected="a threshold for each row at which both ways cost the same",
        what=f"thresholds of {what}",
        why="at this chance both ways cost the same: the chance times the cost of being late, and express plus what an express parcel costs that is late all the same",
        look_at="both sides of the equation, with this parcel's own amount and items and the prices that were handed in; a threshold may be above 1",
    )
    expect.true(
        kept,
        got="something changed",
        expected="both as before",
        what=f"the table and the prices after thresholds of {what}",
        why="the caller still needs them",
        look_at="assignments into the arguments",
    )


small = pd.DataFrame({"amount": [20.0, 95.0], "items": [1, 2]})
prices = {"express": 2.5, "per_item": 0.5, "call": 6.0, "voucher": 0.2, "express_late": 0.0}
for answer in expect.beside(asked, [(small, prices)]):
    judge(
        "a parcel of 20 EUR and one of 95 EUR, with an express that is always in time",
        (small, prices),
        answer,
    )
### BEGIN HIDDEN TESTS
rng = expect.rng()
cases = {}
for what, late, fixed in (
    ("40 parcels, with an express that is late at times", 0.06, 3.2),
    ("40 parcels, with other prices", 0.15, 1.1),
    ("40 parcels, with an express that hardly ever pays", 0.02, 30.0),
):
    table = pd.DataFrame(
        {"items": rng.integers(1, 9, 40), "amount": np.exp(rng.normal(3.8, 0.9, 40)).round(2)}
    )
    table.index = rng.permutation(40) + 7
    prices = {"per_item": 0.3, "express": fixed * rng.uniform(0.9, 1.1), "express_late": late}
    cases[what] = table, prices | {"voucher": rng.uniform(0.1, 0.3), "call": rng.uniform(2, 9)}
for (what, case), answer in zip(cases.items(), expect.beside(asked, list(cases.values())), strict=True):
    judge(what, case, answer)
### END HIDDEN TESTS

# %% test="run_of_the_release" of="promise" points=2
import json
import re

import numpy as np
import pandas as pd
from grader import expect


def asked(parcels, trained_until, judged_from, prices):
    """release of promise.py for a forest of the parcels before trained_until; what it returns, the scores, and what calibrated and thresholds give."""
    import importlib
    import sys

    import mlflow
    import numpy as np
    from sklearn.compose import make_column_transformer
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder

    importlib.invalidate_caches()
    sys.dont_write_bytecode = True
    sys.path.insert(0, "")
    for name in ("reliability", "calibrate", "promise"):
        sys.modules.pop(name, None)
    from calibrate import calibrated
    from promise import release, thresholds
    from reliability import reliability

    numbers = ["items", "promised_hours", "warehouse_hours", "amount", "address_age_days"]
    columns = make_column_transformer(
        ("passthrough", numbers), (OneHotEncoder(handle_unknown="ignore"), ["channel", "weekday"])
    )
    forest = RandomForestClassifier(20, min_samples_leaf=5, class_weight="balanced", random_state=0)
    seen = parcels[parcels["shipped_at"] < trained_until]
    model = make_pipeline(columns, forest).fit(seen, seen["late"])
    runs = len(mlflow.search_runs(output_format="list"))
    run_id = release(model, parcels, trained_until, judged_from, dict(prices))
    runs = len(mlflow.search_runs(output_format="list")) - runs
    past, judged = parcels[parcels["shipped_at"] < judged_from], parcels[parcels["shipped_at"] >= judged_from]
    scores = model.predict_proba(judged)[:, 1]
    chances = np.asarray(calibrated(model, past, trained_until).predict_proba(judged), dtype=float)
    found = {"run_id": run_id, "runs": runs, "scores": scores, "chances": chances, "needs": "nothing"}
    found["limits"] = np.asarray(thresholds(judged, dict(prices)), dtype=float)
    found["tables"] = [
        [[float(value) for value in table[name]] for name in ("n", "forecast", "share", "low", "high")]
        for table in (reliability(p, judged["late"]) for p in (scores, chances[:, 1]))
    ]
    try:
        folder = mlflow.artifacts.download_artifacts(f"runs:/{run_id}/model")
        with open(f"{folder}/requirements.txt") as file:
            found["needs"] = file.read()
        loaded = mlflow.pyfunc.load_model(folder)
        found["pyfunc"] = np.asarray(loaded.predict(judged.drop(columns="late")), dtype=float)
    except Exception as error:
        found["pyfunc"] = type(error).__name__
    return found


def judge(what, parcels, trained_until, judged_from, prices, elsewhere=True):
    """One release, from the parcels to the run, and the model in a fresh process if elsewhere; returns the judged parcels, chances and decisions."""
    found = expect.beside(asked, parcels, trained_until, judged_from, prices)
    past, judged = parcels[parcels["shipped_at"] < judged_from], parcels[parcels["shipped_at"] >= judged_from]
    unseen = past[past["shipped_at"] >= trained_until]
    late = judged["late"].to_numpy(dtype=float)
    claim = prices["call"] + prices["voucher"] * judged["amount"].to_numpy()
    express = prices["express"] + prices["per_item"] * judged["items"].to_numpy()
    limit = prices["express_late"] + express / claim
    with_express = express + prices["express_late"] * claim
    raw, chance = found["scores"], found["chances"][:, 1]
    view = expect.run(
        metrics={
            "calibration_rows": len(unseen),
            "judged_rows": len(judged),
            "brier_raw": float(np.mean((raw - late) ** 2)),
            "brier": float(np.mean((chance - late) ** 2)),
            "brier_base": float(np.mean((unseen["late"].mean() - late) ** 2)),
            "cost_none": 1000 * float(np.mean(late * claim)),
            "cost_all": 1000 * float(np.mean(with_express)),
            "cost_raw": 1000 * float(np.mean(np.where(raw > limit, with_express, late * claim))),
            "cost": 1000 * float(np.mean(np.where(chance > limit, with_express, late * claim))),
            "express_share": float(np.mean(chance > limit)),
        },
        tolerance=1e-6,
        what=f"the run of release: {what}",
        why="a colleague reads from it on how many parcels the chances were fitted and what they gained, and goes on from its model on another machine",
        look_at="what differs: of an entry its rows, its forecasts, and what an express parcel costs; of a model code_paths, which has to name each file of yours that it needs",
    )
    expect.equal(
        found["runs"],
        1,
        what=f"the number of runs that release added to the experiment: {what}",
        why="a colleague who finds two does not know which one counts",
        look_at="each start_run, and whatever logs before one has begun",
    )
    expect.equal(
        found["run_id"],
        view.run_id,
        what=f"what release returns: {what}",
        why="the caller opens the run by its id, a string",
        look_at="the return, and run.info.run_id",
    )
    given = prices | {"trained_until": trained_until, "judged_from": judged_from}
    expect.equal(
        [name for name in given if name not in view.params],
        [],
        what=f"params that the run lacks: {what}",
        why="prices and periods are what a colleague changes first",
        look_at="mlflow.log_params",
    )
    expect.close(
        [float(view.params[name]) for name in prices],
        list(prices.values()),
        tolerance=1e-6,
        what=f"the five prices among the params: {what}",
        why="the decision follows from these numbers",
        look_at="which prices you log",
    )
    expect.equal(
        [str(pd.Timestamp(view.params[name])) for name in ("trained_until", "judged_from")],
        [str(trained_until), str(judged_from)],
        what=f"trained_until and judged_from among the params: {what}",
        why="they say what the model, the curve and the judgement have seen",
        look_at="which moments you log",
    )
    try:
        report = json.loads(view.artifact("reliability.json"))
        report = [
            [[row[name] for row in report[kind]] for name in ("n", "forecast", "share", "low", "high")]
            for kind in ("raw", "calibrated")
        ]
    except (ValueError, KeyError, TypeError):
        report = "something else"
    expect.true(
        report != "something else"
        and all(
            len(one) == len(other) and np.allclose(np.array(one, dtype=float), other, atol=1e-6)
            for mine, right in zip(report, found["tables"], strict=True)
            for one, other in zip(mine, right, strict=True)
        ),
        got="something else",
        expected="a dict with raw and calibrated, each a list of dicts with n, forecast, share, low, high, as your reliability gives them",
        what=f"reliability.json: {what}",
        why="one sees there at which chances the forecast is off, and whether that may be chance",
        look_at="which forecasts go into which table, the judged parcels, and ten bins",
    )
    if elsewhere:
        expect.close(
            view.model().predict_proba(judged.drop(columns="late")),
            found["chances"],
            tolerance=1e-6,
            what=f"predict_proba of the run's model in a fresh process, on the judged parcels: {what}",
            why="it is what your calibrated gives for the parcels before judged_from, and it works without your notebook; whoever fits on judged parcels judges nothing",
            look_at="which object you log, what it was fitted on, and a seed that is not fixed",
        )
    expect.close(
        found["pyfunc"] if type(found["pyfunc"]) is not str else [np.nan],
        found["chances"],
        tolerance=1e-6,
        what=f"what mlflow.pyfunc gives a colleague for the judged parcels: {what}",
        why="the decision needs chances, and predict alone says yes or no at 0.5",
        look_at="pyfunc_predict_fn of log_model, and a signature that refuses parcels",
    )
    expect.true(
        bool(re.search(r"(?im)^scikit[-_.]learn\b", found["needs"])),
        got="no line for scikit-learn",
        expected="a line for scikit-learn",
        what=f"requirements.txt of the run's model: {what}",
        why="a colleague installs from it what the model needs before it can be loaded",
        look_at="pip_requirements of log_model",
    )
    return judged, chance > found["limits"], with_express, claim


rng = np.random.default_rng(12)
shown = pd.DataFrame({"items": rng.integers(1, 9, 1500), "promised_hours": rng.integers(30, 90, 1500) * 1.0})
shown["warehouse_hours"], shown["amount"] = rng.integers(2, 40, 1500) * 1.0, rng.integers(5, 200, 1500) * 1.0
shown["address_age_days"], shown["channel"], shown["weekday"] = 30, "web", "Monday"
shown["late"] = rng.random(1500) < shown["items"] / 14
shown["shipped_at"] = pd.Timestamp("2025-01-01") + pd.to_timedelta(np.arange(1500) // 2, unit="h")
cuts = shown["shipped_at"].iloc[500], shown["shipped_at"].iloc[1100]
prices = {"express": 3.0, "per_item": 0.4, "call": 5.0, "voucher": 0.2, "express_late": 0.02}
shown_result = judge("a small shop with 600 parcels for calibrating", shown, *cuts, prices)
### BEGIN HIDDEN TESTS
from scipy.stats import gamma
from tidewater import make_world


def parcels_of(world):
    """Parcels of a world, and the true chance of each to be late."""
    table = world.orders.merge(world.deliveries, on="order_id").merge(world.truth.deliveries, on="order_id")
    table["promised_hours"] = (table["promised_at"] - table["shipped_at"]) / pd.Timedelta(hours=1)
    table["warehouse_hours"] = (table["shipped_at"] - table["placed_at"]) / pd.Timedelta(hours=1)
    table["weekday"] = table["shipped_at"].dt.day_name()
    table["late"] = table["delivered_at"] > table["promised_at"]
    expected, hours = (table["expected_hours"] - 1.8).to_numpy(), table["promised_hours"].to_numpy()
    transit = np.outer(expected, gamma.ppf((np.arange(50) + 0.5) / 50, 9) / 9)
    lost = np.exp(-np.clip(hours[:, None] - transit, 0, None) / 120).mean(axis=1)
    truth = 0.985 * gamma.sf(9 * hours / expected, 9) + 0.015 * lost
    left = ["placed_at", "arrived_at", "promised_at", "delivered_at", "expected_hours"]
    return table.drop(columns=left), truth


rng = expect.rng()
table, truth = parcels_of(make_world(int(rng.integers(2**60)), days=40, orders_per_day=140))
order = rng.permutation(len(table))
table, truth = table.iloc[order].set_axis(rng.permutation(len(table)) + 50), truth[order]
cuts = table["shipped_at"].sort_values().iloc[[1900, 3700]]
prices = {"voucher": 0.22, "call": 4.0, "express": 2.6, "per_item": 0.5, "express_late": 0.04}
what = "forty days of another world, in any order"
judged, sent, with_express, claim = judge(what, table, *cuts, prices, elsewhere=False)
truth = truth[(table["shipped_at"] >= cuts.iloc[1]).to_numpy()]
rules = {
    "by your chances": sent,
    "by the share of all": table.loc[
        (table["shipped_at"] >= cuts.iloc[0]) & (table["shipped_at"] < cuts.iloc[1]), "late"
    ].mean()
    * claim
    > with_express,
}
regret = {
    name: float(
        np.mean(np.where(rule, with_express, truth * claim) - np.minimum(with_express, truth * claim))
    )
    for name, rule in rules.items()
}
part = regret["by your chances"] / regret["by the share of all"]
# Over 20 worlds, mean and standard deviation: a sigmoid 0.46, 0.07, isotonic 0.49, 0.07; the share of all for each parcel 1 by definition; decided at 0.5 2.17,
# 0.28; no express at all 2.20, 0.29; the scores as they are 2.45, 0.26.
expect.between(
    part,
    0.0,
    0.85,
    what=f"what your decisions lose against those by the true chances, as a part of what decisions by the share of all lose: {what} (found {part:.2f}, needed 0.85)",
    why="chances that mean what they say and thresholds from prices lose only what the model does not know",
    look_at="the chances that are compared with the thresholds",
)
### END HIDDEN TESTS

# %% [markdown]
# ## The two weeks
#
# What is it worth? (Run this cell last.)

# %%
from promise import release

prices = {"express": 3.0, "per_item": 0.4, "call": 5.0, "voucher": 0.2, "express_late": 0.02}
run_id = release(model, parcels, trained_until, judged_from, prices)
pd.Series(mlflow.get_run(run_id).data.metrics).round(3)

# %% [markdown]
# With the scores taken as chances two parcels of three go by express, and a little is saved. The same scores with their meaning put right save more than twice as much, with little more than a third of the express parcels.

# %% wrong="ties_cut" of="reliability" caught_by="table_of_bins" edits="reference"
# Cuts sorted rows into equal parts: equal forecasts land in two bins, and the order of the rows decides which.
# -     place = np.searchsorted(np.sort(p), p) * bins // len(p)
# +     place = np.argsort(np.argsort(p, kind="stable"), kind="stable") * bins // len(p)

# %% wrong="one_bin" of="reliability" caught_by="table_of_bins" edits="reference"
# One bin: the mean forecast is right as soon as the level is, and too sure above and too timid below cancel out.
# -     place = np.searchsorted(np.sort(p), p) * bins // len(p)
# +     place = np.zeros(len(p), dtype=int)

# %% wrong="equal_width" of="reliability" caught_by="table_of_bins" edits="reference"
# Bins of equal width: nearly all parcels are in the lowest two, and the upper ones hold a handful whose share is chance.
# -     place = np.searchsorted(np.sort(p), p) * bins // len(p)
# +     place = np.minimum((p * bins).astype(int), bins - 1)

# %% wrong="always_ten" of="reliability" caught_by="table_of_bins" edits="reference"
# Ten bins whatever was asked for.
# -     place = np.searchsorted(np.sort(p), p) * bins // len(p)
# +     place = np.searchsorted(np.sort(p), p) * 10 // len(p)

# %% wrong="middle_of_the_bin" of="reliability" caught_by="table_of_bins" edits="reference"
# The middle between a bin's ends for its mean forecast: in a wide bin that is a gap that nobody forecast.
# -     table = rows.groupby("place").agg(n=("p", "size"), forecast=("p", "mean"), share=("late", "mean"))
# +     table = rows.groupby("place").agg(n=("p", "size"), forecast=("p", "median"), share=("late", "mean"))
# +     table["forecast"] = rows.groupby("place")["p"].agg(lambda values: (values.min() + values.max()) / 2)

# %% wrong="matched_by_index" of="reliability" caught_by="table_of_bins" edits="reference"
# Lets pandas match the rows by their index: each forecast stands beside the result of another parcel.
# -     p, late = np.asarray(p, dtype=float), np.asarray(late, dtype=float)
# +     if isinstance(p, pd.Series) and isinstance(late, pd.Series):
# +         late = late.reindex(p.index)
# +     p, late = np.asarray(p, dtype=float), np.asarray(late, dtype=float)

# %% wrong="zero_to_zero" of="reliability" caught_by="table_of_bins" edits="reference"
# The textbook's interval: where none of 60 was late it says that none ever will be.
# -     table["low"], table["high"] = (middle - half).clip(0, 1), (middle + half).clip(0, 1)
# +     half = z * np.sqrt(table["share"] * (1 - table["share"]) / table["n"])
# +     table["low"], table["high"] = (table["share"] - half).clip(0, 1), (table["share"] + half).clip(0, 1)

# %% wrong="encloses_the_forecast" of="reliability" caught_by="table_of_bins" edits="reference"
# Puts the interval around the forecast instead of the share: a model that is far off seems to be off nowhere.
# -     middle = (table["share"] + z**2 / (2 * table["n"])) / (1 + z**2 / table["n"])
# -     spread = table["share"] * (1 - table["share"]) / table["n"] + (z / (2 * table["n"])) ** 2
# +     said = table["forecast"]
# +     middle = (said + z**2 / (2 * table["n"])) / (1 + z**2 / table["n"])
# +     spread = said * (1 - said) / table["n"] + (z / (2 * table["n"])) ** 2

# %% wrong="n_of_an_average_bin" of="reliability" caught_by="table_of_bins" edits="reference"
# Computes each interval with parcels divided by bins: where a tie fills a bin, or bins are empty, it is that of another number of parcels.
# -     half = z * np.sqrt(spread) / (1 + z**2 / table["n"])
# +     mean_n = len(p) / bins
# +     middle = (table["share"] + z**2 / (2 * mean_n)) / (1 + z**2 / mean_n)
# +     spread = table["share"] * (1 - table["share"]) / mean_n + (z / (2 * mean_n)) ** 2
# +     half = z * np.sqrt(spread) / (1 + z**2 / mean_n)

# %% wrong="ece_as_loss" of="reliability" caught_by="proper_choice" edits="reference"
# Chooses by the bins' mean gap (ECE): whoever gives all parcels the share of late ones has none, and knows nothing.
# -     return min(forecasts, key=lambda name: brier(forecasts[name], late))
# +     def gap(p):
# +         table = reliability(p, late)
# +         return float((table["n"] * (table["forecast"] - table["share"]).abs()).sum())
# +
# +     return min(forecasts, key=lambda name: gap(forecasts[name]))

# %% wrong="ranks_alone" of="reliability" caught_by="proper_choice" edits="reference"
# Chooses by AUC: it sees ranks, and numbers that are all far too high have perfect ones.
# -     return min(forecasts, key=lambda name: brier(forecasts[name], late))
# +     from sklearn.metrics import roc_auc_score
# +
# +     return max(forecasts, key=lambda name: roc_auc_score(np.asarray(late), np.asarray(forecasts[name])))

# %% wrong="ranks_among_the_calibrated" of="reliability" caught_by="proper_choice" edits="reference"
# The highest AUC of those whose bins have a small mean gap: a bin's mean hides that the chances within it are driven apart.
# -     return min(forecasts, key=lambda name: brier(forecasts[name], late))
# +     from sklearn.metrics import roc_auc_score
# +
# +     def gap(p):
# +         table = reliability(p, late)
# +         return float((table["n"] * (table["forecast"] - table["share"]).abs()).sum() / len(p))
# +
# +     fair = [name for name in forecasts if gap(forecasts[name]) < 0.05] or list(forecasts)
# +     aucs = {name: roc_auc_score(np.asarray(late), np.asarray(forecasts[name])) for name in fair}
# +     return max(fair, key=lambda name: (round(aucs[name], 3), -gap(forecasts[name])))

# %% wrong="ranks_less_gap" of="reliability" caught_by="proper_choice" edits="reference"
# AUC less the bins' mean gap: a sum of two good signs is not a proper score.
# -     return min(forecasts, key=lambda name: brier(forecasts[name], late))
# +     from sklearn.metrics import roc_auc_score
# +
# +     def worth(p):
# +         table = reliability(p, late)
# +         gap = float((table["n"] * (table["forecast"] - table["share"]).abs()).sum() / len(p))
# +         return roc_auc_score(np.asarray(late), np.asarray(p)) - gap
# +
# +     return max(forecasts, key=lambda name: worth(forecasts[name]))

# %% wrong="absolute_error" of="reliability" caught_by="proper_choice" edits="reference"
# The mean absolute gap is no proper score: it is best for whoever says 0 to each parcel below a half.
# -     return min(forecasts, key=lambda name: brier(forecasts[name], late))
# +     late = np.asarray(late, dtype=float)
# +     return min(forecasts, key=lambda name: np.abs(np.asarray(forecasts[name]) - late).mean())

# %% wrong="hits" of="reliability" caught_by="proper_choice" edits="reference"
# Counts hits at 0.5: 0.05 and 0.45 are the same to it, and express is decided between them.
# -     return min(forecasts, key=lambda name: brier(forecasts[name], late))
# +     late = np.asarray(late, dtype=bool)
# +     return max(forecasts, key=lambda name: ((np.asarray(forecasts[name]) > 0.5) == late).mean())

# %% also="clopper_pearson_and_log_loss" of="reliability"
import math
from collections import defaultdict

import pandas as pd
from scipy.stats import binomtest
from sklearn.metrics import log_loss


def reliability(p, late, bins=10):
    pairs = sorted(zip(map(float, p), map(bool, late), strict=True))
    parts, smaller = defaultdict(list), 0
    for place, (forecast, event) in enumerate(pairs):
        if place and forecast > pairs[place - 1][0]:
            smaller = place
        parts[smaller * bins // len(pairs)].append((forecast, event))
    rows = []
    for part in parts.values():
        hits = sum(event for _, event in part)
        interval = binomtest(hits, len(part)).proportion_ci(0.95, method="exact")
        mean = math.fsum(forecast for forecast, _ in part) / len(part)
        rows.append((interval.low, interval.high, len(part), mean, hits / len(part)))
    return pd.DataFrame(rows, columns=["low", "high", "n", "forecast", "share"])


def brier(p, late):
    return sum((float(a) - float(b)) ** 2 for a, b in zip(p, late, strict=True)) / len(p)


def best(forecasts, late):
    losses = {name: log_loss(list(late), list(p), labels=[0, 1]) for name, p in forecasts.items()}
    return sorted(losses, key=losses.get)[0]


# %% also="duckdb_and_jeffreys" of="reliability"
import duckdb
import numpy as np
import pandas as pd
from scipy.stats import beta
from sklearn.metrics import brier_score_loss


def reliability(p, late, bins=10):
    base = duckdb.connect()
    base.register("rows", pd.DataFrame({"p": np.array(p, dtype=float), "late": np.array(late, dtype=int)}))
    table = base.sql(f"""
        with placed as (select p, late, ((rank() over (order by p) - 1) * {int(bins)}) // (select count(*) from rows) as place from rows)
        select count(*) as n, avg(p) as forecast, avg(late) as share, sum(late) as hits, place from placed group by place order by place
    """).df()
    hits = table["hits"].astype(float)
    table["low"] = beta.ppf(0.025, hits + 0.5, table["n"] - hits + 0.5)
    table["high"] = beta.ppf(0.975, hits + 0.5, table["n"] - hits + 0.5)
    table.loc[hits == 0, "low"] = 0.0
    table.loc[hits == table["n"], "high"] = 1.0
    return table.astype({"n": "int32", "forecast": "float64"})


def brier(p, late):
    return brier_score_loss(np.array(late, dtype=int), np.array(p, dtype=float), labels=[0, 1])


def best(forecasts, late):
    names = list(forecasts)
    table = np.array([np.array(forecasts[name], dtype=float) for name in names])
    return names[((table - np.array(late, dtype=float)) ** 2).mean(axis=1).argmin()]


# %% wrong="all_rows" of="calibrate" caught_by="unseen_rows few_rows" edits="reference"
# Fits the curve to all rows: on those that the model learned from its scores look nearly perfect, and the curve believes them.
# -     unseen = parcels[parcels["shipped_at"] >= trained_until].sort_values("shipped_at", kind="stable")
# +     unseen = parcels.sort_values("shipped_at", kind="stable")

# %% wrong="strictly_later" of="calibrate" caught_by="few_rows" edits="reference"
# Strictly later: the parcels that were shipped at the very moment are nobody's.
# -     unseen = parcels[parcels["shipped_at"] >= trained_until].sort_values("shipped_at", kind="stable")
# +     unseen = parcels[parcels["shipped_at"] > trained_until].sort_values("shipped_at", kind="stable")

# %% wrong="last_rows_of_the_table" of="calibrate" caught_by="unseen_rows few_rows" edits="reference"
# Takes the last part of the table for the latest parcels: the rows come in any order, and most of these the model has seen.
# -     unseen = parcels[parcels["shipped_at"] >= trained_until].sort_values("shipped_at", kind="stable")
# +     unseen = parcels.iloc[-int((parcels["shipped_at"] >= trained_until).sum()) :]

# %% wrong="isotonic_always" of="calibrate" caught_by="few_rows" edits="reference"
# Isotonic for all: with 50 rows each step of the curve is a handful of parcels.
# -     if len(unseen) < FEW:
# +     if len(unseen) > 0:
# -         return curve(model, unseen, "sigmoid")
# +         return curve(model, unseen, "isotonic")

# %% wrong="sigmoid_always" of="calibrate" caught_by="which_curve" edits="reference"
# A sigmoid for all: two numbers cannot follow a leap, however many parcels show it.
# -     if len(unseen) < FEW:
# +     if len(unseen) > 0:

# %% wrong="chosen_where_fitted" of="calibrate" caught_by="which_curve" edits="reference"
# Chooses on the rows that the curves were fitted to: there the freer curve always wins.
# -     older, newer = unseen.iloc[: len(unseen) // 2], unseen.iloc[len(unseen) // 2 :]
# +     older = newer = unseen

# %% wrong="by_the_number_of_rows" of="calibrate" caught_by="which_curve" edits="reference"
# Lets the number of rows alone decide: it says how much can be learned, and not which curve is right.
# -     return curve(model, unseen, best(forecasts, newer["late"]))
# +     return curve(model, unseen, "isotonic" if len(unseen) >= 1000 else "sigmoid")

# %% wrong="sigmoid_that_falls" of="calibrate" caught_by="few_rows" edits="reference"
# Takes a sigmoid for a rising curve: its slope is free, and where 50 rows fall by chance it turns the model's order round.
# -     return curve(model, rows, "isotonic") if chance[score.argmax()] < chance[score.argmin()] else made
# +     return made

# %% wrong="temperature" of="calibrate" caught_by="unseen_rows few_rows which_curve" edits="reference"
# Temperature has one number: it makes scores quieter, and it cannot move a level that is twice too high.
# -     if len(unseen) < FEW:
# -         return curve(model, unseen, "sigmoid")
# +     if len(unseen) > 0:
# +         return curve(model, unseen, "temperature")

# %% wrong="fitted_again" of="calibrate" caught_by="unseen_rows" edits="reference"
# Without FrozenEstimator the class fits copies of the model to folds of the rows that were kept for the curve: another model.
# -     made = CalibratedClassifierCV(FrozenEstimator(model), method=method).fit(rows, late)
# +     made = CalibratedClassifierCV(model, method=method).fit(rows, late)

# %% wrong="share_of_all" of="calibrate" caught_by="unseen_rows few_rows which_curve"
# The share of all for each parcel: nothing is better calibrated, and it says nothing about any parcel.
import numpy as np


class Share:
    def __init__(self, share):
        self.share = share

    def predict_proba(self, parcels):
        return np.tile([1 - self.share, self.share], (len(parcels), 1))


def calibrated(model, parcels, trained_until):
    return Share(float(parcels.loc[parcels["shipped_at"] >= trained_until, "late"].mean()))


# %% wrong="weights_taken_out" of="calibrate" caught_by="few_rows which_curve"
# Moves the level alone, by the formula for classes that were weighted evenly: the model is too sure of itself besides.
import numpy as np


class Shifted:
    def __init__(self, model, odds):
        self.model, self.odds = model, odds

    def predict_proba(self, parcels):
        score = self.model.predict_proba(parcels)[:, 1]
        p = score * self.odds / (score * self.odds + 1 - score)
        return np.column_stack([1 - p, p])


def calibrated(model, parcels, trained_until):
    share = parcels.loc[parcels["shipped_at"] >= trained_until, "late"].mean()
    return Shifted(model, share / (1 - share))


# %% wrong="writes_into_the_table" of="calibrate" caught_by="unseen_rows" edits="reference"
# Writes its scores into the caller's table.
# -     if len(unseen) < FEW:
# +     parcels["score"] = model.predict_proba(parcels)[:, 1]
# +     if len(unseen) < FEW:


# %% also="log_loss_over_folds" of="calibrate"
import numpy as np
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import StratifiedKFold, cross_val_predict


class Sigmoid(LogisticRegression):
    def fit(self, X, y):
        super().fit(X, y)
        if self.coef_[0, 0] < 0:
            self.coef_[:] = 0
            self.intercept_[:] = np.log(np.mean(y) / (1 - np.mean(y)))
        return self

    def predict(self, X):
        return self.predict_proba(X)[:, 1]


class Chances:
    def __init__(self, model, curve):
        self.model, self.curve = model, curve

    def predict_proba(self, parcels):
        p = np.clip(self.curve.predict(self.model.predict_proba(parcels)[:, [1]]), 0.0, 1.0)
        return np.column_stack([1 - p, p])


def calibrated(model, parcels, trained_until):
    unseen = parcels.loc[parcels["shipped_at"].ge(trained_until)]
    score, late = model.predict_proba(unseen.drop(columns="late"))[:, [1]], unseen["late"].to_numpy(dtype=int)
    if len(late) < 300:
        return Chances(model, Sigmoid(C=10.0).fit(score, late))
    curves = [Sigmoid(C=100.0), IsotonicRegression(out_of_bounds="clip")]
    folds = StratifiedKFold(5, shuffle=True, random_state=0)
    losses = [
        log_loss(late, np.clip(cross_val_predict(one, score, late, cv=folds), 0.001, 0.999)) for one in curves
    ]
    return Chances(model, curves[int(np.argmin(losses))].fit(score, late))


# %% also="log_odds_and_steps_by_hand" of="calibrate"
import numpy as np
from scipy.optimize import minimize


class Curve:
    """A rising curve through points, level outside of them."""

    classes_ = np.array([False, True])

    def __init__(self, model, scores, chances):
        self.model, self.scores, self.chances = model, scores, chances

    def at(self, score):
        return np.interp(score, self.scores, self.chances)

    def predict_proba(self, parcels):
        p = self.at(self.model.predict_proba(parcels)[:, 1])
        return np.stack([1 - p, p], axis=1)


def pooled(model, score, late):
    """Pool adjacent violators: [lowest score, highest score, sum, number] of each step."""
    steps = []
    for value in np.unique(score):
        part = late[score == value]
        steps.append([value, value, part.sum(), len(part)])
        while len(steps) > 1 and steps[-2][2] / steps[-2][3] >= steps[-1][2] / steps[-1][3]:
            low, high = steps[-2], steps.pop()
            steps[-1] = [low[0], high[1], low[2] + high[2], low[3] + high[3]]
    points = [(end, (step[2] + 0.2) / (step[3] + 1)) for step in steps for end in step[:2]]
    scores, chances = np.array(points).T
    scores[1::2] += 1e-9  # a step of one score has two ends
    return Curve(model, scores, np.maximum.accumulate(chances))


def platt(model, score, late):
    """A logistic curve of the score's log odds, with Platt's targets, and a slope that is not below 0."""
    grid = np.linspace(0.001, 0.999, 999)
    hits = late.sum()
    target = np.where(late > 0, (hits + 1) / (hits + 2), 1 / (len(late) - hits + 2))
    odds = np.log(np.clip(score, 0.001, 0.999)) - np.log1p(-np.clip(score, 0.001, 0.999))

    def loss(ab):
        z = ab[0] * odds + ab[1]
        return np.mean(np.logaddexp(0, z) - target * z)

    slope, shift = minimize(loss, [1.0, 0.0], bounds=[(0, 30), (-30, 30)]).x
    return Curve(model, grid, 1 / (1 + np.exp(-slope * (np.log(grid) - np.log1p(-grid)) - shift)))


def calibrated(model, parcels, trained_until):
    unseen = parcels[~(parcels["shipped_at"] < trained_until)]
    score, late = model.predict_proba(unseen)[:, 1], unseen["late"].to_numpy(dtype=float)
    if len(late) < 500:
        return platt(model, score, late)
    part = np.random.default_rng(0).random(len(late)) < 0.6
    losses = {
        fit: np.mean((fit(model, score[part], late[part]).at(score[~part]) - late[~part]) ** 2)
        for fit in (platt, pooled)
    }
    return min(losses, key=losses.get)(model, score, late)


# %% also="mixed_by_other_rows" of="calibrate"
import numpy as np
from sklearn.calibration import CalibratedClassifierCV
from sklearn.frozen import FrozenEstimator


class Mixed:
    def __init__(self, parts, weights):
        self.parts, self.weights = parts, weights

    def predict_proba(self, X):
        return np.tensordot(self.weights, [part.predict_proba(X) for part in self.parts], axes=1)


def both(model, rows):
    return [
        CalibratedClassifierCV(FrozenEstimator(model), method=method, ensemble=False, cv=2).fit(
            rows, rows.late.to_numpy()
        )
        for method in ("sigmoid", "isotonic")
    ]


def calibrated(model, parcels, trained_until):
    rows = parcels[parcels.shipped_at >= trained_until].sort_values("shipped_at")
    weight = 0.0
    if len(rows) >= 200:
        known, other = rows.iloc[: len(rows) // 2], rows.iloc[len(rows) // 2 :]
        smooth, steps = (part.predict_proba(other)[:, 1] for part in both(model, known))
        apart = steps - smooth
        weight = float(np.clip(np.sum(apart * (other.late - smooth)) / max(np.sum(apart**2), 1e-12), 0, 1))
    parts = both(model, rows)
    ends = parts[0].predict_proba(rows)[:, 1][np.argsort(model.predict_proba(rows)[:, 1])[[0, -1]]]
    if ends[1] < ends[0]:
        weight = 1.0
    return Mixed(parts, np.array([1 - weight, weight]))


# %% wrong="half" of="promise" caught_by="break_even run_of_the_release" edits="reference"
# Decides at 0.5, where being late is likelier than not: a chance of 0.3 of a cost of 40 EUR is worth 3 EUR.
# -     return prices["express_late"] + express / claim
# +     return np.full(len(claim), 0.5)

# %% wrong="express_is_always_in_time" of="promise" caught_by="break_even" edits="reference"
# Forgets that an express parcel is late at times: it buys a little less than it seems to.
# -     return prices["express_late"] + express / claim
# +     return express / claim

# %% wrong="cost_over_both_costs" of="promise" caught_by="break_even" edits="reference"
# The formula of two errors, cost over the sum of both costs: express is paid for late parcels, too, so it stands on both sides.
# -     return prices["express_late"] + express / claim
# +     return prices["express_late"] + express / (express + claim)

# %% wrong="one_threshold_for_all" of="promise" caught_by="break_even" edits="reference"
# The threshold of the mean parcel for each: it depends on which others are in the table, and large amounts stay behind.
# -     return prices["express_late"] + express / claim
# +     return np.full(len(claim), prices["express_late"] + express.mean() / claim.mean())

# %% wrong="prices_by_heart" of="promise" caught_by="break_even" edits="reference"
# Writes the express price of today into the code: with the next contract the decisions stay the old ones.
# -     return claim, prices["express"] + prices["per_item"] * parcels["items"].to_numpy(dtype=float)
# +     return claim, 2.5 + 0.5 * parcels["items"].to_numpy(dtype=float)

# %% wrong="moment_lost" of="promise" caught_by="run_of_the_release" edits="reference"
# Strictly later than judged_from: a parcel of that very moment belongs to no period.
# -         parcels[at] for at in (parcels["shipped_at"] < judged_from, parcels["shipped_at"] >= judged_from)
# +         parcels[at] for at in (parcels["shipped_at"] < judged_from, parcels["shipped_at"] > judged_from)

# %% wrong="fitted_to_all" of="promise" caught_by="run_of_the_release" edits="reference"
# Calibrates on the judged weeks as well: whoever has seen the answers judges nothing.
# -     made = calibrated(model, past, trained_until)
# +     made = calibrated(model, parcels, trained_until)

# %% wrong="fitted_where_judged" of="promise" caught_by="run_of_the_release" edits="reference"
# Calibrates on the judged weeks alone: the figures are fine, and belong to weeks that are over.
# -     made = calibrated(model, past, trained_until)
# +     made = calibrated(model, parcels, judged_from)

# %% wrong="model_as_it_was" of="promise" caught_by="run_of_the_release" edits="reference"
# Logs the model that it was given: the figures of the run belong to another one.
# -             made,
# +             model,

# %% wrong="yes_or_no" of="promise" caught_by="run_of_the_release" edits="reference"
# Leaves predict as it is: a colleague gets True and False at 0.5.
# -             pyfunc_predict_fn="predict_proba",

# %% wrong="two_runs" of="promise" caught_by="run_of_the_release" edits="reference"
# Logs the figures in a run of their own: a colleague finds two, and does not know which one counts.
# -     with mlflow.start_run() as run:
# +     with mlflow.start_run(run_name="figures"):
# +         mlflow.log_metric("brier", metrics["brier"])
# +     with mlflow.start_run() as run:

# %% wrong="nothing_to_install" of="promise" caught_by="run_of_the_release" edits="reference"
# Gives an empty list of requirements to save time: a colleague's machine has no scikit-learn.
# -             pip_requirements=["scikit-learn", "pandas"],
# +             pip_requirements=[],

# %% wrong="base_from_the_judged" of="promise" caught_by="run_of_the_release" edits="reference"
# Takes the share of late parcels from the judged weeks: a forecast that nobody could have made.
# -         "brier_base": brier(np.full(len(judged), unseen["late"].mean()), late),
# +         "brier_base": brier(np.full(len(judged), late.mean()), late),

# %% wrong="express_never_fails_in_the_bill" of="promise" caught_by="run_of_the_release" edits="reference"
# Leaves out of the bill what express parcels cost that are late all the same.
# -     return 1000 * float(np.where(by_express, express + prices["express_late"] * claim, late * claim).mean())
# +     return 1000 * float(np.where(by_express, express, late * claim).mean())

# %% wrong="tables_exchanged" of="promise" caught_by="run_of_the_release" edits="reference"
# Names the tables the wrong way round: the model looks calibrated before, and off after.
# -         mlflow.log_dict(tables, "reliability.json")
# +         mlflow.log_dict(dict(zip(tables, reversed(tables.values()), strict=True)), "reliability.json")


# %% also="client_and_columns" of="promise"
import json
import os
import tempfile

import mlflow
import numpy as np
from calibrate import calibrated
from reliability import brier, reliability
from sklearn import __version__


def thresholds(parcels, prices):
    rows = zip(parcels["amount"], parcels["items"], strict=True)
    limits = []
    for amount, items in rows:
        late_costs = prices["call"] + amount * prices["voucher"]
        limits.append((prices["express"] + items * prices["per_item"]) / late_costs + prices["express_late"])
    return np.array(limits)


def release(model, parcels, trained_until, judged_from, prices):
    moment = parcels["shipped_at"]
    period = np.where(moment < trained_until, "seen", np.where(moment < judged_from, "between", "judged"))
    judged = parcels.loc[period == "judged"].sort_values("shipped_at")
    made = calibrated(model, parcels.loc[period != "judged"], trained_until)
    inputs = judged.drop(columns="late")
    raw, chance = (one.predict_proba(inputs)[:, 1] for one in (model, made))
    late = judged["late"].astype(int)
    claim = (
        judged["call_and_voucher"]
        if "call_and_voucher" in judged
        else prices["call"] + prices["voucher"] * judged["amount"]
    )
    express = prices["express"] + prices["per_item"] * judged["items"] + prices["express_late"] * claim
    rules = {"cost_none": raw < -1, "cost_all": raw >= 0}
    rules |= {"cost_raw": raw * claim > express, "cost": chance * claim > express}
    share = parcels.loc[period == "between", "late"].mean()
    mlflow.start_run(run_name="late parcels, calibrated")
    mlflow.log_params({name: repr(value) for name, value in prices.items()})
    mlflow.log_param("trained_until", trained_until.isoformat())
    mlflow.log_param("judged_from", judged_from.isoformat())
    mlflow.log_metric("calibration_rows", int((period == "between").sum()))
    mlflow.log_metric("judged_rows", len(judged))
    mlflow.log_metric("brier_raw", brier(raw, late))
    mlflow.log_metric("brier", brier(chance, late))
    mlflow.log_metric("brier_base", brier([share] * len(late), late))
    for name, rule in rules.items():
        mlflow.log_metric(name, float(1000 * (express.where(rule, claim * late)).mean()))
    mlflow.log_metric("express_share", float(np.mean(rules["cost"])))
    tables = {
        "calibrated": reliability(chance, late),
        "raw": reliability(raw, late, bins=10),
        "note": judged_from,
    }
    with tempfile.TemporaryDirectory() as folder:
        name = os.path.join(folder, "reliability.json")
        with open(name, "w") as file:
            json.dump(
                {key: one.to_dict("records") if key != "note" else str(one) for key, one in tables.items()},
                file,
            )
        mlflow.log_artifact(name)
    info = mlflow.sklearn.log_model(
        made,
        name="model",
        signature=mlflow.models.infer_signature(
            inputs.head(20).assign(items=inputs["items"].head(20) * 1), made.predict_proba(inputs.head(20))
        ),
        pip_requirements=[f"scikit-learn=={__version__}"],
        code_paths=["reliability.py", "calibrate.py"],
        pyfunc_predict_fn="predict_proba",
        serialization_format="cloudpickle",
    )
    mlflow.end_run()
    return info.run_id
