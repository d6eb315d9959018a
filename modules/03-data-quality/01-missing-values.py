# ---
# title: "A quarter did not answer. Can we trust the share?"
# minutes: 35
# data: [fair]
# needs: [first-check]
# sources:
#   - "van Buuren (2018), Flexible Imputation of Missing Data, 2nd edition, sections 1.2, 1.3, 2.3.2, 2.7 and 3.8"
#   - "Molenberghs, Beunckens, Sotto, Kenward (2008), Every missingness not at random model has a missingness at
#     random counterpart with equal fit, JRSS B 70(2), pages 371-388"
#   - "Josse, Chen, Prost, Varoquaux, Scornet (2024), On the consistency of supervised learning with missing
#     values, Statistical Papers"
#   - "scikit-learn 1.9, User Guide, Imputation of missing values"
# ---
# %% [markdown]
# # A quarter did not answer. Can we trust the share?
#
# A counselling service plans next year for 40,000 couples from a survey of married women. The question that
# decides the number of courses is the one that people skip: have you had an affair? One percentage point is
# 400 courses at 150 euros: too few and people wait, too many and 60,000 euros are spent on empty rooms.
#
# (The survey is real: 6,366 answers to a magazine's questionnaire of 1974, published by Ray Fair in 1978,
# all of them complete. The service and its prices are ours. We shall blank answers ourselves, so that for
# once the truth is known.)
#
# **After this lesson you can**
#
# 1. find out whether missing answers depend on what you see, and say what the data cannot tell;
# 2. fill blanks from comparable rows, learned from training rows only, mark what you filled, and measure the
#    error against a hidden truth;
# 3. give a range for what nobody can know, and the point at which it changes the decision.
#
# The exercise asks for these three, on doctor visits in a health insurance experiment.

# %% [markdown]
# **A question from before.** In `first-check` the threshold of the hazard-class reader was chosen. On which
# notes, and why not on those that gave its final score?
#
# <details><summary>Answer</summary>
# On the training half, by cross-validation. The test half stands for what comes tomorrow: whatever was chosen
# or computed with its help makes the score better than tomorrow will be. A value that fills a blank is
# computed from rows too, so it also comes from training rows alone.
# </details>

# %%
import grader

grader.begin("missing-values")

# %% [markdown]
# ## Look at the data
#
# We make some of the women silent on the one question. The chance of silence depends on how they rate their
# marriage, from 1 (very poor) to 5 (very good), and on nothing else. Remember that: it is the only place
# where you learn the rule, and in real work nobody tells you.

# %%
import numpy as np
import pandas as pd

from tidewater.real import load

women = load("fair")
women["affair"] = (women.pop("affairs") > 0).astype(float)  # 1.0 yes, 0.0 no
CHANCE = {1: 0.85, 2: 0.75, 3: 0.55, 4: 0.25, 5: 0.05}  # of silence, by marriage rating


def silence(table, rng):
    """A copy in which some answers are NaN."""
    speaks = rng.random(len(table)) >= table["marriage_rating"].map(CHANCE)
    return table.assign(affair=table["affair"].where(speaks))


survey = silence(women, np.random.default_rng(1))
survey[["marriage_rating", "age_years", "religious", "children", "affair"]].sample(5, random_state=4)

# %% [markdown]
# From here on we have `survey`, with blanks, and forget `women` until we check. Ask of the figure: are
# those who keep silent like those who speak?

# %%
import matplotlib.pyplot as plt

by_rating = survey.groupby("marriage_rating")["affair"].agg(
    silent=lambda answers: answers.isna().mean(), yes="mean"
)
figure, axes = plt.subplots(1, 2, figsize=(8, 3), sharey=True, layout="constrained")
for axis, column, title in zip(axes, by_rating, ["Who keeps silent?", "Who says yes, of those who speak?"]):
    bars = axis.bar(by_rating.index, by_rating[column], color="0.55")
    labels = axis.bar_label(bars, fmt="{:.0%}")
    axis.set(title=title, xlabel="marriage rating (1 very poor, 5 very good)", ylim=(0, 1))
axes[0].set_ylabel("share of all women (0 to 1)")
label = axes[1].set_ylabel("share of those who spoke (0 to 1)")

# %% [markdown]
# *In words: both charts fall from left to right. In very poor marriages most are silent, in very good ones
# 5 %. And of those who speak, more than half say yes at a rating of 1 to 3, and 18 % at 5.*
#
# The people we most need to hear are the ones we do not hear.
#
# ## The obvious way
#
# Drop the rows without an answer and take the share of the rest.
#
# **Predict before you run.** Compared with the share among all women, the share among those who answered
# will be
#
# (a) higher &nbsp; (b) lower &nbsp; (c) about the same, since three quarters of so many women are a large
# sample
#
# Choose, then run.

# %%
from scipy.stats import binomtest

answered = survey["affair"].dropna()
interval = binomtest(int(answered.sum()), len(answered)).proportion_ci(method="wilson")
print(f"{len(answered)} of {len(survey)} women answered, {answered.mean():.1%} of them yes")
print(f"95 % interval {interval.low:.1%} to {interval.high:.1%}")

# %% [markdown]
# A tidy result: nearly 4,800 answers, an interval of plus or minus 1.3 points. Now open the drawer.

# %%
truth = women["affair"].mean()
error = answered.mean() - truth
print(f"share among all women: {truth:.1%}")
print(f"error: {100 * error:.1f} points, {60_000 * 100 * error:,.0f} euros")

# %% [markdown]
# It is (b). The truth is far outside the interval, and the service is short of about 1,800 courses.
#
# **Predict again.** Was this seed unlucky? We let 30 other sets of women keep silent by the same rule. In
# how many of the 30 does the 95 % interval hold the truth: (a) about 28 &nbsp; (b) about 15 &nbsp; (c)
# none?

# %%
shares, hits = [], 0
for seed in range(30):
    spoken = silence(women, np.random.default_rng(seed))["affair"].dropna()
    ends = binomtest(int(spoken.sum()), len(spoken)).proportion_ci(method="wilson")
    hits += ends.low <= truth <= ends.high
    shares.append(spoken.mean())
print(f"held the truth: {hits} of 30; shares from {min(shares):.1%} to {max(shares):.1%}")

# %% [markdown]
# None. The interval knows one source of error, that a sample is small, and this error is another one: the
# rows that are left are other people. More rows do not help. With a hundred times the women the interval
# would be ten times narrower, around the same wrong number.
#
# ## The idea: three ways to be silent
#
# Write $R$ for "keeps silent", $X$ for the columns that are complete, $Y$ for the column with blanks. The
# distinction, due to Rubin (1976), is what the chance of silence depends on (van Buuren, section 1.2):
#
# | name | chance of silence | here |
# | --- | --- | --- |
# | **completely at random** (MCAR) | $P(R \mid X, Y) = P(R)$ | the post lost every fourth letter |
# | **at random** (MAR) | $P(R \mid X, Y) = P(R \mid X)$ | unhappy women skip the question, whatever their answer would be |
# | **not at random** (MNAR) | depends on $Y$ also among equal $X$ | women who would say yes skip it |
#
# ("At random" is an unlucky name: it means at random *among rows with equal* $X$. With several incomplete
# columns, $X$ is what was observed, which may differ from row to row.)

# %%
places = {"X": (0.15, 0.8), "Y": (0.85, 0.8), "R": (0.5, 0.15)}
names = {"X": "X: rating", "Y": "Y: answer", "R": "R: silence"}
pictures = [("completely at random", ""), ("at random", "X"), ("not at random", "XY")]
figure, axes = plt.subplots(1, 3, figsize=(8, 2.2), layout="constrained")
for axis, (title, causes) in zip(axes, pictures):
    axis.set(title=title, xlim=(-0.15, 1.15), ylim=(0, 1))
    axis.set_axis_off()
    for start, end in ["XY", *(cause + "R" for cause in causes)]:
        gap = 12 if end == "R" else 34
        line = {"arrowstyle": "->", "shrinkA": gap, "shrinkB": gap, "linewidth": 2 if end == "R" else 0.8}
        axis.annotate("", places[end], places[start], arrowprops=line)
    for node, place in places.items():
        text = axis.text(
            *place, names[node], ha="center", va="center", color="0.4" if node == "Y" else "black"
        )
note = figure.supxlabel("thick arrows: what silence depends on", fontsize=9)

# %% [markdown]
# *In words: three diagrams of rating, answer and silence, with a thin arrow from rating to answer in each.
# Left: no arrow leads to silence. Middle: one from the rating. Right: one from the rating and one from the
# answer itself.*
#
# Why did dropping fail, and what would mend it? Let $g$ be a group of women with equal $X$, with share
# $w_g$ of all women, share $v_g$ of those who answered, and $m_g$ the share of yes in it:
#
# $$\text{truth} = \sum_g w_g\, m_g \qquad\qquad \text{after dropping} = \sum_g v_g\, m_g^{\text{answered}}$$
#
# If silence is at random given $X$, then $m_g^{\text{answered}}$ estimates $m_g$, group by group. Only the
# weights are wrong, and we know the right ones: every woman has a rating.

# %%
pd.DataFrame(
    {
        "weight, all (w)": survey["marriage_rating"].value_counts(normalize=True),
        "weight, answered (v)": survey.dropna()["marriage_rating"].value_counts(normalize=True),
        "yes, answered": by_rating["yes"],
        "yes, all (hidden)": women.groupby("marriage_rating")["affair"].mean(),
    }
).round(3)

# %% [markdown]
# The last two columns agree up to chance (the first row rests on eight answers). The first two do not: poor
# and fair marriages, rating 1 to 3, are 23 % of the women and 12 % of the answers.
#
# ## What the data can tell
#
# That silence is *not completely* at random shows wherever it goes together with a column we see. So test
# each column, and look at the size as well: the largest difference in the share of silent women between its
# values.

# %%
from scipy.stats import chi2_contingency

is_silent = survey["affair"].isna()
rows = []
for column in ["marriage_rating", "children", "education_years", "age_years", "religious", "occupation"]:
    share = is_silent.groupby(survey[column]).mean()
    p_value = chi2_contingency(pd.crosstab(survey[column], is_silent)).pvalue
    rows.append((column, share.max() - share.min(), p_value))
pd.DataFrame(rows, columns=["column", "largest difference", "p-value"]).set_index("column").round(4)

# %% [markdown]
# Two warnings. Five of the six p-values are below 0.001 although the rule uses one column: the others go
# along with the rating. So the table refutes "completely at random"; it does not name the cause. And with
# enough rows every trifle has a small p-value, so decide by the size. (Little's test, JASA 83, 1988, pages
# 1198-1202, joins such comparisons in one p-value. It too asks about *completely* at random only.)
#
# ## What the data cannot tell
#
# Is it the middle picture or the right one? The next cell makes two complete worlds that fit our file. In the
# first, the silent women of each rating are like the speaking ones. In the second, their *odds* of yes (the
# chance of yes divided by the chance of no) are twice as high.
#
# **Decide before you run.** What that you compute from `survey` tells the worlds apart?
#
# (a) the share of yes for each rating &nbsp; (b) the table of p-values &nbsp; (c) nothing

# %%
rng = np.random.default_rng(5)
chance_of_yes = survey["marriage_rating"].map(by_rating["yes"])
for name, factor in [("like the others", 1), ("twice the odds", 2)]:
    odds = factor * chance_of_yes / (1 - chance_of_yes)
    secret = pd.Series(rng.random(len(survey)) < odds / (1 + odds), dtype=float)
    world = survey["affair"].fillna(secret)
    same_file = world.where(~is_silent).equals(survey["affair"])
    print(f"{name:16} share in that world {world.mean():.1%}, gives exactly our file: {same_file}")

# %% [markdown]
# It is (c). Both worlds, blanked where our file is blank, are our file, to the last row. So no test, no
# model and no amount of rows chooses between them; for every explanation "not at random" there is one "at
# random" that fits the observed data equally well (Molenberghs and others, 2008). What decides between 33 %
# and 36 % must come from outside: a call to a few silent women, an earlier survey, judgement. We come back
# to this at the end.
#
# What helps is to *make* the assumption weaker: the more columns in $X$ that matter for the answer and for
# silence, the less is left for $Y$ itself to explain.
#
# ## The right way
#
# Assume "at random given the columns" and say so. A model of the answer, given all other columns, is fitted
# on training rows that have an answer; it fills blanks wherever they occur. It generalises the table of
# groups, which would have too many cells for eight columns. (`C=100` asks for little shrinkage: the default
# would pull the few very unhappy women, whom we need most, towards all others.)

# %%
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

coded = ["marriage_rating", "religious", "occupation", "husband_occupation"]
counted = ["age_years", "years_married", "children", "education_years"]
columns = make_column_transformer(
    (OneHotEncoder(handle_unknown="ignore"), coded), (StandardScaler(), counted)
)
filler = make_pipeline(columns, LogisticRegression(C=100, max_iter=1000))

train, test = train_test_split(survey, test_size=0.5, random_state=0)
known = train.dropna()
filler.fit(known[coded + counted], known["affair"])
expected = pd.Series(filler.predict_proba(test[coded + counted])[:, 1], index=test.index)
print(f"answered rows of the test half:  {test['affair'].mean():.1%}")
print(f"filled test half:                {test['affair'].fillna(expected).mean():.1%}")
print(f"truth of the test half:          {women.loc[test.index, 'affair'].mean():.1%}")

# %% [markdown]
# One split proves little. So 20 times: other women keep silent, other halves, and four ways to treat
# the test half, with what the training half knows. **Predict:** where does "the mean for everybody" land,
# compared with dropping?

# %%
rows = []
for seed in range(20):
    train, test = train_test_split(
        silence(women, np.random.default_rng(seed)), test_size=0.5, random_state=seed
    )
    known, blank = train.dropna(), test["affair"].isna()
    groups = known.groupby("marriage_rating")["affair"].mean()
    model = filler.fit(known[coded + counted], known["affair"])
    fills = {
        "drop": test["affair"].mean(),  # filled with this same number, the mean would not change
        "mean for everybody": known["affair"].mean(),
        "group means": test["marriage_rating"].map(groups),
        "model": model.predict_proba(test[coded + counted])[:, 1],
    }
    actual = women.loc[test.index, "affair"].mean()
    for way, values in fills.items():
        rows.append((way, seed, 100 * (np.where(blank, values, test["affair"]).mean() - actual)))
errors = pd.DataFrame(rows, columns=["way", "seed", "error"])
errors.pivot(index="seed", columns="way", values="error").head(3).round(2)

# %% [markdown]
# These are three of the 20, in points. Ask of the figure: which ways are wrong every time, and which only by
# chance?

# %%
figure, axis = plt.subplots(figsize=(8, 2.5), layout="constrained")
ways = list(errors["way"].unique())[::-1]
for height, way in enumerate(ways):
    dots = errors.loc[errors["way"] == way, "error"]
    axis.plot(dots, np.full(20, height), "o", color="0.35", fillstyle="none", markersize=5)
axis.axvline(0, color="black", linewidth=1)
axis.set(yticks=range(len(ways)), yticklabels=ways, ylim=(-0.6, 3.6))
title = axis.set_title("How far is the filled share from the truth, over 20 repetitions?")
label = axis.set_xlabel("error of the share (percentage points; 1 point is 60,000 euros)")

# %% [markdown]
# *In words: twenty circles for each way. "Drop" and "mean for everybody" lie together around -4.7 points;
# group means and the model are scattered around zero, within about two points.*
#
# "The mean for everybody" does what dropping does (exactly so where the mean comes from the same rows; here it
# is from the training half), only it hides it: the table looks complete. The two ways
# that compare like with like have no visible bias, and a spread of about 0.8 points that remains. Group
# means do as well as the model here, since the rule uses the rating only; in a real survey you would not
# know that.
#
# ## Write it down: runs that can be compared
#
# One run for each way: its bias, its spread, and the assumption that it stands on.

# %%
import mlflow

assumes = {"drop": "completely at random", "mean for everybody": "completely at random"}
assumes |= {"group means": "at random given the rating", "model": "at random given eight columns"}
for way, found in errors.groupby("way", sort=False)["error"]:
    with mlflow.start_run(run_name=way, tags={"silence": assumes[way]}):
        mlflow.log_params({"data": "fair", "column": "affair", "way": way, "repetitions": 20})
        mlflow.log_metrics(
            {"bias_points": found.mean(), "sd_points": found.std(), "worst_points": found.abs().max()}
        )
compared = mlflow.search_runs(filter_string="params.data = 'fair' and params.repetitions = '20'")
compared = compared.set_index("params.way")
compared.columns = compared.columns.str.replace("metrics.", "")
compared[["tags.silence", "bias_points", "sd_points", "worst_points"]].sort_values("worst_points").round(2)

# %% [markdown]
# The way we choose gets a run of its own, with the fitted model, the version of scikit-learn that can load
# it, and the *training* rate of silence for each rating: next month's rates mean nothing without it.

# %%
import sklearn

train, test = train_test_split(survey, test_size=0.5, random_state=0)
known = train.dropna()
filler.fit(known[coded + counted], known["affair"])
rates = train["affair"].isna().groupby(train["marriage_rating"]).mean()
with mlflow.start_run(run_name="filler", tags={"silence": assumes["model"]}) as run:
    mlflow.log_params(
        {"data": "fair", "column": "affair", "way": "model", "silence_seed": 1, "split_seed": 0}
    )
    mlflow.log_metrics({f"train_silent_rating_{rating}": share for rating, share in rates.items()})
    requirements = [f"scikit-learn=={sklearn.__version__}"]
    mlflow.sklearn.log_model(filler, name="filler", pip_requirements=requirements)
again = mlflow.sklearn.load_model(f"runs:/{run.info.run_id}/filler")
filled = test["affair"].fillna(pd.Series(again.predict_proba(test[coded + counted])[:, 1], index=test.index))
print(f"test half, filled by the model that was loaded again: {filled.mean():.1%}")

# %% [markdown]
# ## In production
#
# Monday, three in the morning: a new form went out, with the question on its back. The share of silence
# jumps, and the nightly job still ends in green, since blanks are filled. Two things can be done with a
# night's batch of 200: fill it with what training learned, or fit on the batch. Here are 50 such nights.

# %%
known = survey.dropna()
learned = known.groupby("marriage_rating")["affair"].mean()
found, rng = [], np.random.default_rng(7)
for night in range(50):
    batch = women.sample(200, random_state=rng)
    spoken = batch["affair"].where(rng.random(200) >= 0.9)  # one in ten turned the page
    refitted = batch["marriage_rating"].map(spoken.groupby(batch["marriage_rating"]).mean())
    for source, values in [("training", batch["marriage_rating"].map(learned)), ("the batch", refitted)]:
        error = 100 * (spoken.fillna(values).mean() - batch["affair"].mean())
        found.append((source, spoken.isna().mean(), error, values[spoken.isna()].isna().sum()))
nights = pd.DataFrame(found, columns=["filled from", "silent", "error, points", "still blank"])
nights.groupby("filled from").agg(
    {"silent": "mean", "error, points": ["mean", "std"], "still blank": "mean"}
).round(2)

# %% [markdown]
# Filled from training, a night has an error with a standard deviation of 3 points. Filled from its own
# twenty answers, of nearly 9, and five women a night stay blank because nobody of their rating spoke.
#
# - **Watch the rate of blanks**, by source and by group, against the rate in the run. It needs no labels,
#   and an alarm on the filled column is a weak substitute: filling dampens every change in it.
# - **The filler is part of the model**: same version, same file, fitted on training rows, never on Monday's
#   batch. Fitted on a batch, it gives one woman other values in other company, and alone none.
# - **Mark what was filled**, in a column of 0 and 1 that comes with every batch. scikit-learn's
#   `add_indicator=True` makes this *indicator* only for columns that had blanks when it was fitted:

# %%
from sklearn.impute import MissingIndicator, SimpleImputer

complete = np.array([[1.0], [2.0], [3.0]])
later = np.array([[1.0], [np.nan]])
print(
    "fitted on complete rows:   ", SimpleImputer(add_indicator=True).fit(complete).transform(later).tolist()
)
print("fitted on rows with blanks:", SimpleImputer(add_indicator=True).fit(later).transform(later).tolist())
print("an indicator in any case:  ", MissingIndicator(features="all").fit(complete).transform(later).tolist())

# %% [markdown]
# - **At a hundred times the rows** a groupby or a linear model is still minutes; `KNNImputer` compares
#   every row with every other and is not. The error from chance shrinks tenfold; the error from a wrong
#   assumption stays, and becomes the whole error.
#
# ## Limits: when silence depends on the answer
#
# We could not rule out the second world. So we give its effect: let the silent women's odds of yes be a
# factor times those of women with equal columns, and ask where the plan breaks. The service has rooms for
# 36 %. (A factor of 1 is "at random". The exercise shifts a number of visits instead; the idea is the same.)

# %%
chance = filler.fit(known[coded + counted], known["affair"]).predict_proba(survey[coded + counted])[:, 1]
factors = np.linspace(0.5, 4, 71)
shares = [survey["affair"].fillna(pd.Series(f * chance / (1 - chance + f * chance))).mean() for f in factors]
tipping = float(np.interp(0.36, shares, factors))
figure, axis = plt.subplots(figsize=(8, 3), layout="constrained")
axis.plot(factors, shares, color="black")
axis.axhline(0.36, color="0.5", linestyle="--")
axis.plot(tipping, 0.36, "o", color="black")
axis.annotate(f"the plan breaks at {tipping:.1f}", (tipping, 0.36), (8, -14), textcoords="offset points")
axis.annotate("rooms for 36 %", (3.3, 0.363), color="0.35")
axis.set(xlabel="odds of yes of silent women, as a multiple of comparable women's (no unit)")
axis.set(ylabel="share of all women (0 to 1)", title="How different must the silent be to break the plan?")
here = (1, np.interp(1, factors, shares))
arrow = {"arrowstyle": "->"}
label = axis.annotate(
    "assumption of all the above", here, (20, -28), textcoords="offset points", arrowprops=arrow
)

# %% [markdown]
# *In words: a rising curve, from about 29 % where the silent have half the odds, through 33 % at 1, to
# about 39 % at 4. It crosses the dashed line of 36 % at about twice the odds.*
#
# That is a sentence for a meeting: "the plan holds unless silent women have about twice the odds of women
# who are like them in all else". Whether this is plausible is for people who know the field; ask for the
# range *before* they see the curve.
#
# More limits:
#
# - **The table feeds a predictor.** A constant before a flexible model is then enough if silence says nothing
#   about the target; if it does, use trees that take "missing" as a value (Josse and others, 2024), such as
#   `HistGradientBoostingClassifier`. For a *coefficient*, a constant with an indicator can be badly biased,
#   even if values are missing completely at random (van Buuren, section 1.3.7).
# - **Dropping is sometimes right.** If few rows are incomplete, completely at random, it costs only rows. And
#   if silence does not depend on the outcome given the predictors, a regression on complete rows has unbiased
#   coefficients, as long as its model is right (van Buuren, section 2.7).
# - **Filled values are not answers.** An interval that counts 6,366 women, although 4,785 spoke, is too
#   narrow, and spreads and quantiles of the filled column are wrong. *Multiple imputation* fills several
#   times with random draws and adds the disagreement to the variance (van Buuren, section 2.3.2). It is
#   honest about chance, given the assumption; about the assumption it says nothing.
# - **Someone may have filled before you.** In the RAND file of the exercise, 8,001 of 20,190 values of the
#   number of chronic diseases are one of four odd decimals, tied to the site. The file does not say why; they
#   look like site means.
# - **The largest blank is not in the file.** These are readers of one magazine who returned a form. Nothing
#   here speaks for women who did not.

# %% [markdown]
# ## Close
#
# You can now find out what silence depends on and say where the data end; fill from comparable rows,
# learned from training rows, and measure it against a truth that you hid yourself; and give the range and
# the point that tips a decision.
#
# From memory:
#
# 1. Your colleague tests all columns, finds no dependence, and writes "missing at random, so unbiased".
#    What is wrong with both halves?
# 2. Why do "drop the row" and "fill the mean of the rows that are left" give the same mean, and which of the
#    two is more dangerous?
# 3. What would you log in training so that a monitor notices the new form overnight?
#
# **Sources**
#
# - S. van Buuren, *Flexible Imputation of Missing Data*, 2nd edition, 2018, free at
#   stefvanbuuren.name/fimd: sections 1.2 (the three mechanisms), 1.3 (ad hoc ways and what they break), 2.3.2
#   (the variance of multiple imputation), 2.7 (when to drop), 3.8 (sensitivity analysis).
# - G. Molenberghs, C. Beunckens, C. Sotto, M. G. Kenward, *Every missingness not at random model has a
#   missingness at random counterpart with equal fit*, JRSS B 70(2), 2008, pages 371-388.
# - J. Josse, J. M. Chen, N. Prost, G. Varoquaux, E. Scornet, *On the consistency of supervised learning with
#   missing values*, Statistical Papers, 2024.
# - scikit-learn 1.9, User Guide, *Imputation of missing values*.
