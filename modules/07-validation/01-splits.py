# ---
# title: "What had the model met before it was asked?"
# minutes: 35
# data: [randhie, co2]
# needs: [first-check]
# sources:
#   - "scikit-learn 1.9, User Guide, Cross-validation: evaluating estimator performance, sections on grouped data and on
#     time series data"
#   - "Roberts et al. (2017), Cross-validation strategies for data with temporal, spatial, hierarchical, or phylogenetic
#     structure, Ecography 40(8), pages 913-929"
#   - "Lopez de Prado (2018), Advances in Financial Machine Learning, Wiley, chapter 7, sections 7.4.1 (purging) and 7.4.2
#     (embargo)"
# ---

# %% [markdown]
# # What had the model met before it was asked?
#
# An insurer opens in a new town and sets next year's premiums by a forecast of each member's spending. The forecast looks
# twice as good in validation as it turns out to be for people whom it has not met, and the budget of a year hangs on it.
#
# **After this lesson you can**
#
# 1. say what a validation row and its training rows may not share: a person, a later moment, a label that came too late;
# 2. make folds with these rules in scikit-learn, and count what they cost in rows;
# 3. choose a model by such folds, and log what a colleague needs to believe it.
#
# The exercise asks for one splitter with all three rules at once, on orders of a shop with late chargebacks.
#
# **A question from before.** `first-check` kept a test half apart. What would its score be worth if each patient had two rows, one in each half?
#
# <details><summary>Answer</summary>
# Less than it seems: a model could recognise the patient, whose diagnosis it has seen. The halves must be halves of the patients.
# </details>

# %%
import grader

grader.begin("splits")

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

# %% [markdown]
# ## People who come back
#
# RAND's health insurance experiment, 1974 to 1982: one row for each person and study year, with what the person's medical care has cost.
# The target is the logarithm of one dollar more than that.

# %%
from tidewater.real import load

FEATURES = ["age_years", "female", "family_size", "education_years", "income_dollars", "coinsurance_percent"]
FEATURES += ["limitation", "chronic_diseases", "site"]
visits = load("randhie").dropna(subset=FEATURES).reset_index(drop=True)
visits["log_dollars"] = np.log1p(visits["medical_dollars"])
visits.loc[visits["person"] == visits["person"].iloc[0], ["person", "year", *FEATURES[:5], "log_dollars"]]

# %% [markdown]
# The same person, year after year: income and education stay to the last digit, and age goes up by one. A model that can single out this income has
# found the person.
#
# We keep a quarter of the people aside for the end. They stand for the new town: nobody of them is in any row that we work with. Their years are the same as the members', so
# that nothing but the person is new.

# %%
rng = np.random.default_rng(0)
people = visits["person"].unique()
new_town = visits["person"].isin(rng.choice(people, len(people) // 4, replace=False))
early = visits["year"] <= 4
members, strangers = visits[~new_town & early], visits[new_town & early]
print(f"{len(members):,} rows of {members['person'].nunique():,} members, {len(strangers):,} of strangers")

# %% [markdown]
# ## The obvious way
#
# Two models, four shuffled folds, $R^2$ (the share of the variance that the forecast explains).

# %%
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import Ridge
from sklearn.model_selection import KFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

models = {
    "forest": RandomForestRegressor(15, max_features=0.4, min_samples_leaf=2, random_state=0),
    "ridge": make_pipeline(StandardScaler(), Ridge()),
}
X, y = members[FEATURES], members["log_dollars"]
shuffled = {
    name: cross_val_score(m, X, y, cv=KFold(4, shuffle=True, random_state=0)) for name, m in models.items()
}
for name, scores in shuffled.items():
    print(f"{name:7} {scores.mean():.3f}, standard deviation over folds {scores.std(ddof=1):.3f}")

# %% [markdown]
# The forest explains twice as much as the line, and the folds agree to the second digit. Who would not buy it?
#
# **Predict before you run.** On the strangers of the new town, in four quarters of the town so that we see a spread: will the forest reach (a) about the same (b) little more
# than half, no more than the line (c) nothing at all?

# %%
truth = {}
for name, m in models.items():
    m.fit(X, y)
    quarters = [part for _, part in strangers.groupby(strangers["person"] % 4)]
    truth[name] = np.array([m.score(part[FEATURES], part["log_dollars"]) for part in quarters])
    print(
        f"{name:7} {truth[name].mean():.3f}, standard deviation over quarters {truth[name].std(ddof=1):.3f}"
    )

# %% [markdown]
# It is (b). The line keeps what it promised, and the forest's lead is gone. The small spread over folds was no protection: all four folds were wrong in the same way.
#
# ## The idea: a fold is a question
#
# A fold asks: what would the model say about these rows, if it had met only those? In a shuffled fold nearly every person has another row in training. So its
# question was: what does *this same person* cost in *another* year? How many of the rows have met their person?

# %%
training, validation = next(KFold(4, shuffle=True, random_state=0).split(members))
met = members["person"].iloc[validation].isin(members["person"].iloc[training])
print(f"{met.mean():.0%} of the rows of the first fold")

# %% [markdown]
# `GroupKFold` keeps the rows of a person together. It needs to be told the persons, as `groups`, and then no person is on both sides.

# %%
from sklearn.model_selection import GroupKFold

grouped = {
    name: cross_val_score(m, X, y, cv=GroupKFold(4), groups=members["person"]) for name, m in models.items()
}
for name, scores in grouped.items():
    print(f"{name:7} {scores.mean():.3f}, standard deviation over folds {scores.std(ddof=1):.3f}")

# %% [markdown]
# The numbers of the new town were to be had without a new town. Ask of the figure: which estimate would you have signed?

# %%
figure, axis = plt.subplots(figsize=(6.5, 2.8), layout="constrained")
for place, name in enumerate(models):
    axis.plot(
        shuffled[name],
        np.full(4, place + 0.12),
        "o",
        color="0.6",
        label="shuffled folds" if not place else None,
    )
    axis.plot(
        grouped[name], np.full(4, place), "s", color="black", label="folds by person" if not place else None
    )
    axis.plot(
        truth[name],
        np.full(4, place - 0.14),
        "^",
        color="black",
        fillstyle="none",
        label="new town" if not place else None,
    )
axis.set(
    yticks=[0, 1], yticklabels=list(models), ylim=(-0.5, 1.5), xlim=(0, 0.35), xlabel="R² (share of variance)"
)
title = axis.set_title("Which folds ask the question of the new town?")
legend = axis.legend(loc="upper right")

# %% [markdown]
# *In words: for the forest, four grey dots near 0.28, far to the right of four black squares near 0.13 and four open triangles of the new town from 0.12 to 0.21. For the
# ridge all of them lie together near 0.14.*
#
# And the members who stay? They have a fifth year, too.

# %%
stay = visits[~new_town & (visits["year"] == 5)]
print({name: round(m.score(stay[FEATURES], stay["log_dollars"]), 3) for name, m in models.items()})

# %% [markdown]
# For people whom it has met, the forest is at least as good as the shuffled folds said: here it has met all earlier years of a person. So no fold is right in itself. The first
# question of validation is who will be asked about.
#
# And for strangers in a later year? Then both rules hold at once. The folds of people give the rows, and each side keeps its years. A list of such pairs is a `cv`, too.

# %%
year, both = members["year"].to_numpy(), []
for training, validation in GroupKFold(4).split(X, groups=members["person"]):
    both.append((training[year[training] < 3], validation[year[validation] == 3]))
scores = cross_val_score(models["forest"], X, y, cv=both)
print(f"{scores.mean():.3f}, standard deviation over folds {scores.std(ddof=1):.3f}")

# %% [markdown]
# The second rule costs rows (only years 1 and 2 train), and here the number moves by less than the spread over folds. It can change everything, as the
# next data show.
#
# ## Weeks that follow each other
#
# The other thing that rows share is time. Carbon dioxide over Hawaii, one value a week; the task is the value of the coming month.
# Two models: the mean of the three nearest weeks, and a curve of trend and season.

# %%
from sklearn.linear_model import LinearRegression
from sklearn.neighbors import KNeighborsRegressor

air = load("co2").dropna().reset_index(drop=True)
years = (air["week"] - air["week"].iloc[0]).dt.days / 365.25
turn = 2 * np.pi * years
waves = {"sine": np.sin(turn), "cosine": np.cos(turn), "sine2": np.sin(2 * turn), "cosine2": np.cos(2 * turn)}
curve = pd.DataFrame({"years": years, "squared": years**2, **waves})
air_models = {
    "three nearest weeks": (KNeighborsRegressor(3), curve[["years"]]),
    "curve": (LinearRegression(), curve),
}

# %% [markdown]
# The function below gives the mean absolute error in ppm, and its standard deviation over folds.


# %%
def error_ppm(name, cv):
    """Mean absolute error in ppm, one for each fold."""
    model, columns = air_models[name]
    return -cross_val_score(model, columns, air["co2_ppm"], cv=cv, scoring="neg_mean_absolute_error")


rows = {name: {"shuffled": error_ppm(name, KFold(5, shuffle=True, random_state=0))} for name in air_models}
pd.DataFrame(rows).map(lambda errors: f"{errors.mean():.2f} ± {errors.std(ddof=1):.2f}")

# %% [markdown]
# Three nearest weeks, and half the error of the curve.
#
# **Predict before you run.** Now folds that follow each other: train on all weeks before, judge the next four. Which model wins, and by how
# much: (a) the nearest weeks, as before (b) both about equal (c) the curve, clearly?

# %%
from sklearn.model_selection import TimeSeriesSplit

for name in air_models:
    rows[name]["in time"] = error_ppm(name, TimeSeriesSplit(36, test_size=4))
pd.DataFrame(rows).map(lambda errors: f"{errors.mean():.2f} ± {errors.std(ddof=1):.2f}")

# %% [markdown]
# It is (b), as far as 36 folds can tell. Both models met the same folds, so what counts is the difference fold by fold:

# %%
lead = rows["three nearest weeks"]["in time"] - rows["curve"]["in time"]
print(f"{lead.mean():.2f}, standard error {lead.std(ddof=1) / np.sqrt(len(lead)):.2f}")

# %% [markdown]
# Less than one standard error. A shuffled fold asks for a week between two weeks that are known. The future has no week on its other side.
#
# ## Labels that come late
#
# One thing is still too kind. The fold trains on the week right before it, as if its value were known on the day. Suppose the laboratory
# publishes 13 weeks late (our assumption; yours is in your own records). On the first day of a fold the last 13 weeks are then blank. The
# span is called *embargo*, and `TimeSeriesSplit` takes it as `gap`, in rows.
#
# **Predict before you run.** What will 13 weeks do to each model: (a) a little to both (b) three times the error for one, next to nothing for the other?

# %%
for name in air_models:
    rows[name]["in time, 13 weeks late"] = error_ppm(name, TimeSeriesSplit(36, test_size=4, gap=13))
pd.DataFrame(rows).map(lambda errors: f"{errors.mean():.2f} ± {errors.std(ddof=1):.2f}")

# %% [markdown]
# It is (b), and the order of the models has turned over. Each rule changed the answer because each changed the question, and only the last one is
# the question of the job.
#
# Ask of the figure: what trains, what is judged, and what is thrown away?

# %%
figure, axis = plt.subplots(figsize=(6.5, 2.6), layout="constrained")
for number, (training, validation) in enumerate(TimeSeriesSplit(4, test_size=20, gap=13).split(air[-140:])):
    axis.barh(number, len(training), color="0.75", label="trains" if not number else None)
    axis.barh(
        number, len(validation), left=validation[0], color="black", label="is judged" if not number else None
    )
axis.text(53.5, 0, "embargo", ha="center", va="center", fontsize=7)
axis.set(xlabel="week (of the last 140)", ylabel="fold", yticks=range(4), ylim=(3.6, -0.6))
title = axis.set_title("What may each fold learn from?")
legend = axis.legend(loc="upper right")

# %% [markdown]
# *In words: four rows, each with a grey bar from week 0, a white gap of 13 weeks, and a black bar of 20 weeks; each row's bars end 20 weeks further right. The windows
# expand: all begin at week 0.*
#
# The gap is paid in rows. In the first of these folds it costs 13 of 60 weeks.
#
# Where data are scarce, later rows may train too, if only to choose between models. **Predict before you run:** four weeks are judged, the 13 before them are left out, and
# training goes on right after them. Does the error of the nearest weeks stay at 3 ppm?

# %%
weeks, begins = np.arange(len(air)), range(len(air) - 400, len(air) - 100, 8)
for gap in (0, 13):
    sides = [(weeks[(weeks < b - 13) | (weeks >= b + 4 + gap)], weeks[b : b + 4]) for b in begins]
    errors = error_ppm("three nearest weeks", sides)
    print(f"{gap:2} weeks left out after the fold: {errors.mean():.2f} ± {errors.std(ddof=1):.2f}")

# %% [markdown]
# It does not: the weeks right after the fold give it away. So the embargo is needed a second time, after the fold. In finance the rows whose labels overlap the fold are *purged*,
# and the rows right after it are under *embargo* (Lopez de Prado, 7.4.1 and 7.4.2); here both go by the one word. Even so, such folds are no forecast of the future.
#
# ## Choose, and write it down
#
# The choice is the curve. A run that says only "0.89 ppm" could be either of two tables above, so the folds belong into it: their rule, their number,
# the score of each, and beside the honest score the one that it replaces.

# %%
late = TimeSeriesSplit(36, test_size=4, gap=13)
spans = [(air["week"].iloc[v[0]], air["week"].iloc[v[-1]], len(t)) for t, v in late.split(air)]
folds = pd.DataFrame(spans, columns=["begin", "end", "training_rows"])
for name in air_models:
    folds[name] = rows[name]["in time, 13 weeks late"]
folds.tail(3)

# %% [markdown]
# Errors of single folds go from 0.8 to 4.3 ppm for the nearest weeks. Now the run.

# %%
import mlflow

with mlflow.start_run(run_name="co2-next-month") as run:
    mlflow.log_params(
        {"chosen": "curve", "candidates": ", ".join(air_models), "gap_weeks": 13, "folds": len(folds)}
    )
    mlflow.log_metric("mae_ppm_mean", folds["curve"].mean())
    mlflow.log_metric("mae_ppm_sd", folds["curve"].std())
    mlflow.log_metric("mae_ppm_shuffled", rows["curve"]["shuffled"].mean())
    mlflow.log_text(folds.to_csv(index=False), "folds.csv")

# %% [markdown]
# Does the colleague get further with the file than with the mean? One look at the errors by year:

# %%
folds.groupby(folds["begin"].dt.year)[list(air_models)].mean().round(2)

# %% [markdown]
# The curve's error grows from year to year, from 0.64 to 1.06, which the mean of 0.89 hides. (The nearest weeks are much further off in each year, so the choice stands.) Do old
# weeks hold the curve back? A window may also *slide*, and forget what is too old; `max_train_size` does that, in rows.

# %%
for window in (None, 1040, 520):
    errors = error_ppm("curve", TimeSeriesSplit(36, test_size=4, gap=13, max_train_size=window))
    by_year = pd.Series(errors).groupby(folds["begin"].dt.year).mean().round(2).to_dict()
    print(f"{window or 'all':>4} weeks: {errors.mean():.2f} ± {errors.std(ddof=1):.2f}", by_year)

# %% [markdown]
# Twenty years halve the error, and it no longer grows; ten years gain nothing. So the oldest weeks did harm, and shorter is not always better. The window was chosen on the
# folds that judge it: before the 0.47 is promised to anyone, later weeks have to confirm it.
#
# ## In production
#
# - **Compare promise and bill.** When labels of a month have settled, put its score beside the fold scores. Outside their spread, ask which rule of the
#   folds the world has broken.
# - **Take the embargo from the records, not from memory.** Keep the moment when a label arrived beside the label. The delay that counts is a late one, such as the
#   99th per cent, not the mean.
# - **At a hundred times the rows** folds are cheap and models are not: each fold is one more training. Take fewer and longer folds; the splitter itself is two comparisons
#   and one lookup of groups.
# - **At three in the morning** a retraining job with no row older than the embargo must stop with a reason. A model fitted on nothing, or on labels of last week, is worse than last month's.
# - **The groups change.** A household moves together, a thief opens three accounts. Look again each year at what makes two rows the same case.
#
# ## When this advice is wrong
#
# - **The same people will be asked about.** Then leaving them out is too strict: for the members who stayed the shuffled number was right.
# - **`gap` counts rows.** Here a row is a week (but for 59 weeks without a value). Where orders come in crowds, rows are no measure of time.
# - **Few groups.** With five hospitals, five folds are five numbers; their spread says how little is known.
# - **Nothing drifts and nothing repeats.** Then shuffled folds answer the same question with more rows. Show it by running both.
#
# ## Close
#
# You can now say what training may not have met, make folds that keep to it, and choose and log by them.
#
# From memory:
#
# 1. All folds agree to the second digit. Why is that no evidence that their mean is right?
# 2. Which of the three rules does `GroupKFold` keep, and which does `TimeSeriesSplit` with a gap?
# 3. When is an embargo needed on both sides of a fold, and what shows it?
#
# Now the exercise: `mle start splits`, then `mle check splits`.
#
# **Sources**
#
# - scikit-learn 1.9, User Guide, *Cross-validation: evaluating estimator performance*: group iterators such as `GroupKFold`; `TimeSeriesSplit` for rows that follow each other in time.
# - D. R. Roberts and others, *Cross-validation strategies for data with temporal, spatial, hierarchical, or phylogenetic structure*, Ecography 40 (2017), 913-929.
# - M. Lopez de Prado, *Advances in Financial Machine Learning*, Wiley 2018, chapter 7: purging (7.4.1) and embargo (7.4.2).
