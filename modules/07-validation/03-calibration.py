# ---
# title: "The model says 90 %. May we take its word?"
# minutes: 40
# data: [randhie]
# needs: [cost-of-being-wrong, splits]
# sources:
#   - "Niculescu-Mizil, Caruana (2005), Predicting good probabilities with supervised learning, ICML 2005, sections 2 to 5"
#   - "Murphy (1973), A new vector partition of the probability score, Journal of Applied Meteorology 12, pages 595-600"
#   - "Gneiting, Raftery (2007), Strictly proper scoring rules, prediction, and estimation, Journal of the American Statistical Association 102, section 3"
#   - "Elkan (2001), The foundations of cost-sensitive learning, IJCAI 2001, section 1"
#   - "scikit-learn 1.9, User Guide, Probability calibration"
# ---

# %% [markdown]
# # The model says 90 %. May we take its word?
#
# A health insurer offers a care plan for the coming year to members who will see a doctor five times or more. A place costs 60 dollars, and it saves 150 if the member is such a one. A model gives each member a chance, and whoever takes a
# wrong chance for a right one pays 60 dollars a time. (The members are real, from the RAND health insurance experiment of the 1970s. The plan and its prices are ours.)
#
# **After this notebook you can**
#
# 1. read a reliability table with its noise, and say why its mean gap is no goal to choose models by;
# 2. turn scores into chances with rows that the model has not seen, and choose between a sigmoid and isotonic regression by how many there are;
# 3. derive the threshold from prices, and hand over a calibrated model that a colleague can go on from.
#
# The exercise asks for these three, for parcels that may be late.
#
# **A question from before.** In `cost-of-being-wrong` a model that was fitted with `class_weight="balanced"` ranked parcels well and lost money. Why?
#
# <details><summary>Answer</summary>
# The weights made it learn a world in which half of all parcels are late. Its ranks were fine; its numbers were chances in that world, and were multiplied by euros of this one.
# </details>

# %%
import grader

grader.begin("calibration")

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

# %% [markdown]
# ## The members
#
# One row is a member in a year of the experiment. What we know is known when they join, and `frequent` is what happened in that year.

# %%
from tidewater.real import load

members = load("randhie").fillna(0)  # two columns have gaps; how they should be filled is another lesson
FEATURES = ["age_years", "female", "family_size", "education_years", "income_dollars"]
FEATURES += ["coinsurance_percent", "limitation", "chronic_diseases", "general_health"]
members["frequent"] = members["visits"] >= 5
members.groupby("year")["frequent"].agg(["size", "mean"]).round(3).T

# %% [markdown]
# One in five. The order of time decides who teaches whom: the model learns from the years 1 and 2, year 3 is put aside, and the years 4 and 5 judge. (The same people come again from year to year, as
# they do at a real insurer, who wants to know about these. So rows are not independent, and the intervals and standard errors below are a little too narrow.)

# %%
train, fresh, later = (members[members["year"].isin(years)] for years in ([1, 2], [3], [4, 5]))
print(f"{len(train):,} to learn from, {len(fresh):,} put aside, {len(later):,} to judge")

# %% [markdown]
# ## The obvious way
#
# Three models, written as one writes them: naive Bayes, a forest, and boosting.

# %%
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.metrics import roc_auc_score
from sklearn.naive_bayes import GaussianNB

models = {
    "naive Bayes": GaussianNB(),
    "forest": RandomForestClassifier(40, random_state=0),
    "boosting": HistGradientBoostingClassifier(random_state=0),
}
scores = {}
for name, model in models.items():
    model.fit(train[FEATURES], train["frequent"])
    scores[name] = model.predict_proba(later[FEATURES])[:, 1]
    print(f"{name:12} AUC {roc_auc_score(later['frequent'], scores[name]):.2f}")

# %% [markdown]
# Each ranks better than chance, on years that it has not seen. All three give numbers between 0 and 1 that scikit-learn calls `predict_proba`.
#
# **Predict before you run.** Of the members of whom naive Bayes is 90 % sure or more, how many turned out to be frequent: (a) nine in ten (b) seven in ten (c) fewer than six in ten?

# %%
sure = scores["naive Bayes"] >= 0.9
print(f"{sure.sum()} members, {later['frequent'][sure].mean():.2f} of them frequent")

# %% [markdown]
# It is (c). Naive Bayes takes its inputs for independent. Chronic diseases, limitations and a low score of health often come together, and each time it counts the same bad news as another proof. Niculescu-Mizil and Caruana (section 4) see the same push towards 0 and 1.
#
# ## What was said, and what happened
#
# A **reliability table** puts members with similar scores into a bin: the mean score, and the share that was frequent. Bins of equal numbers of members have equal noise, so cut by ranks. The noise belongs in the table: each bin below has some 340 members (`n`), and between `low` and `high` a share near 0.2 has 0.04 of room either way.

# %%
from statsmodels.stats.proportion import proportion_confint


def table_of(score, happened, bins=10):
    """Mean score and share in bins of equal numbers, with Wilson's 95 % interval of the share."""
    rows = pd.DataFrame({"score": np.asarray(score), "share": np.asarray(happened, dtype=float)})
    table = rows.groupby(pd.qcut(rows["score"], bins, duplicates="drop"), observed=True)
    table = table.agg(n=("score", "size"), score=("score", "mean"), share=("share", "mean"))
    low, high = proportion_confint(table["share"] * table["n"], table["n"], method="wilson")
    return table.assign(low=low, high=high).reset_index(drop=True)


table_of(scores["naive Bayes"], later["frequent"]).round(2).T

# %% [markdown]
# Ask of the figure: which gaps between the points and the diagonal can be chance?

# %%
figure, axes = plt.subplots(1, 3, figsize=(9, 3.2), sharey=True, layout="constrained")
for axis, (name, score) in zip(axes, scores.items(), strict=True):
    table = table_of(score, later["frequent"])
    reach = [table["share"] - table["low"], table["high"] - table["share"]]
    axis.plot([0, 1], [0, 1], color="0.7", linewidth=1)
    axis.errorbar(table["score"], table["share"], yerr=reach, fmt="o", color="black", markersize=4)
    axis.set(title=name, xlabel="mean score of the bin", xlim=(0, 1), ylim=(0, 1))
label = axes[0].set_ylabel("share that was frequent")

# %% [markdown]
# *In words: three panels, ten points each with a vertical bar for the interval, and the diagonal. Naive Bayes: the eight lowest points lie on or above the diagonal, the ninth a little below it, and the last, near 0.80, far below it at 0.38. Forest: the lowest points lie above the diagonal and the highest below. Boosting: all points near the
# diagonal.*
#
# Three shapes, three causes. Naive Bayes counts the same evidence twice. Boosting was fitted by log loss, which is best for whoever says the chance (more on that below), in small steps. The forest's number is a share of trees, each of which has learned its rows by heart.
#
# ## One number for it?
#
# The mean gap between score and share over the bins, weighted by members, is called *expected calibration error*, ECE. It is on many dashboards. To the three we add a fourth forecaster, who says the share of the years 4 and 5 to everybody.
#
# **Predict before you run.** Which of the four has the lowest ECE: (a) boosting (b) the forest (c) the one who says the same to everybody?


# %%
def ece(score, happened, bins=10):
    """Mean gap of the bins, weighted by their members."""
    table = table_of(score, happened, bins) if len(np.unique(score)) > 1 else None
    if table is None:
        return abs(score[0] - np.mean(happened))
    return np.average((table["score"] - table["share"]).abs(), weights=table["n"])


happened = later["frequent"].to_numpy(dtype=float)
forecasts = scores | {"the same to all": np.full(len(later), happened.mean())}
print(f"naive Bayes, all members in one bin: {ece(scores['naive Bayes'], happened, bins=1):.3f}")
pd.Series({name: ece(score, happened) for name, score in forecasts.items()}).round(4)

# %% [markdown]
# It is (c): no gap at all, and no knowledge. With all members in a single bin naive Bayes, too, has a gap of 0.01 only: its mean score is 0.22, and the share is 0.21. Too sure above and too timid below cancel out. **Calibration is a condition, not a goal.** Whoever chooses models by ECE, or trains by it, buys the forecaster who says
# nothing.
#
# The goal is a **proper score**: one that you cannot improve by saying something else than the chance that you believe in. The Brier score, the mean of (score - result)², is one, log loss another (Gneiting and Raftery, section 3). Take a member whose true chance is 0.3, and let a forecaster say something else.

# %%
said, truth = np.linspace(0.01, 0.99, 99), 0.3
losses = {
    "Brier": truth * (1 - said) ** 2 + (1 - truth) * said**2,
    "log loss": -truth * np.log(said) - (1 - truth) * np.log(1 - said),
    "absolute error": truth * (1 - said) + (1 - truth) * said,
}
print({name: f"best to say {said[loss.argmin()]:.2f}" for name, loss in losses.items()})

# %% [markdown]
# The two proper ones are best at 0.30. The absolute error pays you for saying 0, or as near as you can get.
#
# Murphy (1973) takes the Brier score apart, for forecasts in bins:
#
# Brier = gap - resolution + uncertainty
#
# *Gap* is the mean of (score - share)² over the bins, *resolution* that of (share - share of all)², and *uncertainty* is what the data themselves have. (For scores that differ inside a bin a small rest remains.)

# %%
from sklearn.metrics import brier_score_loss

parts = {}
for name, score in scores.items():
    table, overall = table_of(score, happened), happened.mean()
    parts[name] = {
        "gap": np.average((table["score"] - table["share"]) ** 2, weights=table["n"]),
        "resolution": np.average((table["share"] - overall) ** 2, weights=table["n"]),
        "Brier": brier_score_loss(happened, score),
    }
parts["the same to all"] = {"gap": 0.0, "resolution": 0.0, "Brier": happened.mean() * (1 - happened.mean())}
pd.DataFrame(parts).T.round(4)

# %% [markdown]
# So naive Bayes is worse than the one who knows nothing, in spite of its ranks, and its gap says why. The gap is what calibration can take away. The resolution it cannot give: that is the model's.
#
# ## From scores to chances
#
# Calibration learns a curve from score to chance, which should rise. **From which rows?** The years 1 and 2 are at hand, 11,213 rows, twice as many as year 3.
#
# **Predict before you run.** The forest, isotonic regression, judged on the years 4 and 5, where the raw scores have a Brier score near 0.15. The curve from the rows of training: (a) better than the curve from year 3 (b) a little worse (c) worse than doing nothing?

# %%
from sklearn.calibration import CalibratedClassifierCV
from sklearn.frozen import FrozenEstimator


def with_curve(model, rows, method):
    """The model, which stays as it is, with a curve from scores to chances."""
    curve = CalibratedClassifierCV(FrozenEstimator(model), method=method)
    return curve.fit(rows[FEATURES], rows["frequent"])


print("raw scores          ", round(brier_score_loss(happened, scores["forest"]), 3))
for rows, name in ((train, "rows of training"), (fresh, "year 3")):
    chance = with_curve(models["forest"], rows, "isotonic").predict_proba(later[FEATURES])[:, 1]
    print(f"{name:20} {brier_score_loss(happened, chance):.3f}")

# %% [markdown]
# It is (c), and worse than saying the same to all. On the rows that it was grown from, the forest is nearly always right: a score of 0.6 there means "frequent", so the curve makes certainty out of 0.6. On later members the forest is not nearly always right. **The rows of the curve have to be new to the model,** and in time they lie between
# training and judgement. (`FrozenEstimator` keeps `CalibratedClassifierCV` from fitting copies of the model by cross-validation, which would be the way without rows put aside.)
#
# **Which curve?** A *sigmoid* is a logistic curve of the score: two numbers. *Isotonic* regression takes any steps that rise: as many numbers as the rows can pay for. `CalibratedClassifierCV` has both; written out they are `IsotonicRegression` and, but for a detail, `LogisticRegression` of the score with hardly any penalty. (The detail is Platt's: it fits not to 0 and 1, but to numbers a little inside, which counts where rows are few.) Here they are for naive Bayes, from fewer and more members of year 3, twenty draws of each size.

# %%
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression

rng = np.random.default_rng(0)
known, result = models["naive Bayes"].predict_proba(fresh[FEATURES])[:, [1]], fresh["frequent"].to_numpy()
new, sizes, drawn = scores["naive Bayes"][:, None], [50, 100, 200, 500, 1000, 2000, 5000], []
for size in sizes:
    for _ in range(20):
        rows = rng.choice(len(known), size, replace=False)
        sigmoid = LogisticRegression(C=100).fit(known[rows], result[rows]).predict_proba(new)[:, 1]
        steps = IsotonicRegression(out_of_bounds="clip").fit(known[rows], result[rows]).predict(new)
        drawn.append((size, brier_score_loss(happened, sigmoid), brier_score_loss(happened, steps)))
drawn = pd.DataFrame(drawn, columns=["rows", "sigmoid", "isotonic"]).groupby("rows").agg(["mean", "std"])
drawn.round(4)

# %% [markdown]
# Ask of the figure: from how many rows on would you take which?

# %%
figure, axis = plt.subplots(figsize=(6.5, 3.4), layout="constrained")
for name, style in (("sigmoid", "o-"), ("isotonic", "s--")):
    axis.errorbar(
        sizes, drawn[name, "mean"], yerr=drawn[name, "std"], fmt=style, color="black", capsize=3, label=name
    )
axis.axhline(happened.mean() * (1 - happened.mean()), color="0.6", linewidth=1)
axis.annotate("the same to all", (1800, 0.1658), color="0.4")
axis.set(xscale="log", xlabel="rows for the curve (log scale)", ylabel="Brier score, years 4 and 5")
axis.set_title("From how many rows does the freer curve pay?")
legend = axis.legend()

# %% [markdown]
# *In words: two falling curves with bars for the spread. Isotonic begins well above the grey line of "the same to all" at 50 rows, the sigmoid just below it; they cross between 500 and 1,000 rows, and at 5,000 isotonic is a little lower.* (Draws of 5,000 out of 5,548 have nearly all rows in common, so their small spread says little.)
#
# With 50 rows isotonic regression is worse than knowing nothing; from about a thousand on it wins here. scikit-learn's guide gives the same limit: not with far fewer than 1,000 rows. But where it lies depends on the shape: if the gap were logistic, two numbers would do for any number of rows.
#
# So with a few hundred rows or more, let rows decide: fit both curves on one half, compare them by a proper score on the other half, and fit the better one on all. Here 1,000 rows of year 3 are drawn twenty times. And how often does a sigmoid from 50 rows fall, so that the better score gets the worse chance?


# %%
def curves(score, happened):
    """Both curves, fitted to these rows, as functions of the score."""
    logistic = LogisticRegression(C=100).fit(score, happened)
    steps = IsotonicRegression(out_of_bounds="clip").fit(score, happened)
    return {"sigmoid": lambda new: logistic.predict_proba(new)[:, 1], "isotonic": steps.predict}


def better(made, score, happened):
    """The name of the curve with the lower Brier score on these rows."""
    return min(made, key=lambda name: brier_score_loss(happened, made[name](score)))


chosen = {"the rows of the fit": [], "the other half": []}
for _ in range(20):
    rows = rng.choice(len(known), 1000, replace=False)
    half, other = rows[:500], rows[500:]
    on_half = curves(known[half], result[half])
    chosen["the rows of the fit"].append(better(on_half, known[half], result[half]))
    chosen["the other half"].append(better(on_half, known[other], result[other]))
for judge, names in chosen.items():
    print(f"by {judge}: isotonic in {names.count('isotonic')} of 20 draws")

draws = [rng.choice(len(known), 50, replace=False) for _ in range(100)]
slopes = [LogisticRegression(C=100).fit(known[rows], result[rows]).coef_[0, 0] for rows in draws]
print(f"slope below 0 in {sum(slope < 0 for slope in slopes)} of 100 draws of 50 rows")

# %% [markdown]
# On the rows that they were fitted to the freer curve always looks better, so that is no choice at all. Other rows are undecided at this size, and so is the figure: the curves cross just there.
#
# And a sigmoid is not made to rise. Its slope has the sign of the rows that it was given, and 50 rows of a model that ranks only so well have the wrong one now and then. Look at it. A curve that falls is worse than the same chance for all.
#
# ## The decision
#
# A place costs 60 dollars and saves 150 with chance $p$. It pays if $150\,p > 60$, so from $p = 60/150 = 0.4$ on. No tuning: the threshold is arithmetic on prices (Elkan, section 1). It is right for chances, and for nothing else.
#
# **Predict before you run.** Naive Bayes, a place for all above 0.4, in dollars per 1,000 members, raw and calibrated: (a) raw earns a little less (b) raw loses (c) no difference, as the order of members is the same?

# %%
calibrated = with_curve(models["naive Bayes"], fresh, "isotonic")
chance = calibrated.predict_proba(later[FEATURES])[:, 1]


def earned(offered, saves=150, costs=60):
    """Dollars per 1,000 members."""
    return 1000 * float(np.mean(np.where(offered, saves * happened - costs, 0)))


for name, p in (("raw scores", scores["naive Bayes"]), ("chances", chance)):
    print(f"{name:11} {np.mean(p > 0.4):.2f} get a place, {earned(p > 0.4):6,.0f} dollars per 1,000 members")

# %% [markdown]
# "But I could have tuned the threshold of the raw score." You could, on year 3, and it would do about as well, for this price. Prices change, and differ from member to member. The chance stays, and each price has its threshold; the tuned number has to be found anew for each, and each time in noise.

# %%
rows = []
grid = np.quantile(known, np.linspace(0, 1, 200))
for costs in (30, 45, 60, 75):
    tuned = max(grid, key=lambda cut: np.where(known[:, 0] > cut, 150 * result - costs, 0).mean())
    raw, cut, by_chance = (new[:, 0] > costs / 150, new[:, 0] > tuned, chance > costs / 150)
    gap = (by_chance.astype(float) - raw) * (150 * happened - costs)  # dollars of each member
    rows.append([costs, *(earned(rule, costs=costs) for rule in (raw, cut, by_chance))])
    rows[-1].append(1000 * gap.std() / np.sqrt(len(gap)))
names = ["cost of a place", "raw", "tuned on year 3", "chances", "s.e. of chances minus raw"]
pd.DataFrame(rows, columns=names).round(0)

# %% [markdown]
# Tuned and calibrated are about equal in each line, as they should be. The raw scores lose where they are far off, from 0.4 up, by several standard errors. Near 0.2 and 0.3 naive Bayes crosses the diagonal, and there the raw scores do no harm: the differences are
# within two standard errors. A wrong number is harmless until somebody needs another threshold.
#
# ## The record
#
# A colleague needs the calibrated model as one object, what the curve was fitted on, and both scores beside that of the one who knows nothing. The model of the run is loaded again at once, to see that it gives chances. (MLflow stores scikit-learn models in a format that loads known types alone, so the type that holds the curve has to be named as trusted.)

# %%
import mlflow
import sklearn

with mlflow.start_run(run_name="frequent members") as run:
    mlflow.log_params({"model_years": "1, 2", "curve_years": "3", "judged_years": "4, 5"})
    mlflow.log_params({"method": "isotonic", "costs": 60, "saves": 150, "features": ",".join(FEATURES)})
    mlflow.log_metrics(
        {"curve_rows": len(fresh), "judged_rows": len(later), "earned_per_1000": earned(chance > 0.4)}
    )
    mlflow.log_metric("brier_raw", brier_score_loss(happened, scores["naive Bayes"]))
    mlflow.log_metric("brier", brier_score_loss(happened, chance))
    mlflow.log_metric("brier_same_to_all", happened.mean() * (1 - happened.mean()))
    mlflow.log_dict(table_of(chance, happened).to_dict(orient="list"), "reliability.json")
    mlflow.sklearn.log_model(
        calibrated,
        name="model",
        signature=mlflow.models.infer_signature(later[FEATURES].astype(float), chance),
        pip_requirements=[f"scikit-learn=={sklearn.__version__}"],
        pyfunc_predict_fn="predict_proba",
        skops_trusted_types=["sklearn.calibration._CalibratedClassifier"],
    )

# %% [markdown]
# `pyfunc_predict_fn` says that `predict` gives chances; without it a colleague gets yes or no at 0.5, a threshold that nobody chose.

# %%
again = mlflow.pyfunc.load_model(f"runs:/{run.info.run_id}/model")
print(np.allclose(again.predict(later[FEATURES].astype(float))[:, 1], chance))

# %% [markdown]
# ## In production
#
# - **Watch said against happened.** Mean chance minus share, per week, with its interval: one number that needs only results, and no bins. It opens when the level moves, which no measure of ranks can see.
# - **The curve is cheap.** It can be fitted anew each month, when the model cannot. Its rows have to be new to the model and their results known: late results look like "no" until they come.
# - **At a hundred times the rows** nothing changes: a curve is a table of steps, and a look-up is one `np.interp`.
# - **At three in the morning** a new version of the model comes with the old curve. The curve belongs to one version; log them as one object, as above, and this cannot happen.
# - **After a year** the plan has changed those who got it: they see a doctor less *because* of it. Keep a small random part without a place, or the curve learns that sick members are well.
#
# ## When this advice is wrong
#
# - **Right on the whole, wrong in each group.** Here is the calibrated chance against what happened, by plan of insurance:

# %%
groups = (
    later.assign(chance=chance)
    .groupby("plan")
    .agg(n=("chance", "size"), said=("chance", "mean"), share=("frequent", "mean"))
)
groups.round(3)

# %% [markdown]
#   Whoever pays nothing for a visit goes more often than said. One curve for all cannot mend that, since members with equal scores get equal chances; a model that ranks these members better can.
# - **The order is all that is used.** For "the 1,000 riskiest members" ranks suffice, and calibration changes nothing.
# - **The base rate will jump.** A curve from year 3 says what year 3 was like. After an epidemic all of its chances are off together.
# - **It was calibrated before.** Boosting had hardly a gap, so there is hardly anything to win. Look at the table first.
#
# ## Close
#
# You can read a reliability table with its noise, fit a curve from the right rows, and derive the threshold from prices.
#
# From memory:
#
# 1. A dashboard shows ECE of four models. Which of them might know nothing, and what do you ask for beside it?
# 2. You have 80 new rows. Which curve, and why not the other?
# 3. The calibration on training rows looks perfect. What does it do to later scores, and why?
#
# Now the exercise: `mle start calibration`, then `mle check calibration`.
#
# **Sources**
#
# - A. Niculescu-Mizil, R. Caruana, *Predicting good probabilities with supervised learning*, ICML 2005: section 4 on what each family does to its scores, section 5 on how many rows each curve needs.
# - A. Murphy, *A new vector partition of the probability score*, Journal of Applied Meteorology 12, 1973, pages 595-600.
# - T. Gneiting, A. Raftery, *Strictly proper scoring rules, prediction, and estimation*, Journal of the American Statistical Association 102, 2007, section 3.
# - C. Elkan, *The foundations of cost-sensitive learning*, IJCAI 2001, section 1.
# - scikit-learn 1.9, User Guide, *Probability calibration*.
