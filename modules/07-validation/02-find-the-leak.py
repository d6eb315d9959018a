# ---
# title: "The score is 0.86. What did it see to get there?"
# minutes: 40
# data: [randhie, sunspots]
# sources:
#   - "Kaufman, Rosset, Perlich, Stitelman (2012), Leakage in data mining, ACM TKDD 6(4), article 15"
#   - "Hastie, Tibshirani, Friedman (2009), The Elements of Statistical Learning, 2nd edition, section 7.10.2"
#   - "Kapoor, Narayanan (2023), Leakage and the reproducibility crisis in machine-learning-based science,
#     Patterns 4(9), article 100804"
#   - "scikit-learn 1.9, User Guide, Common pitfalls and recommended practices, section Data leakage"
# ---
# %% [markdown]
# # The score is 0.86. What did it see to get there?
#
# A health insurer wants nurses to call, among its new members, the 1,000 who are most likely to see a doctor five
# times or more in a year. A call costs 40 dollars, and one that reaches such a member saves 70. A model ranks the
# members very well on the test rows, and if the ranking is an illusion, every round of calls loses money.
#
# (The members are real, from the RAND health insurance experiment of the 1970s. The nurse line and its
# prices are ours.)
#
# **After this lesson you can**
#
# 1. tell a leaking pipeline from a clean one without reading its code, by changing what it must not see:
#    other test rows, the target, the future; and tell a real move from the noise of a random pipeline;
# 2. find rows that stand on both sides of a split, which no change of inputs can find;
# 3. put a price on a leak, in score and in money, and log it.
#
# The exercise asks for exactly these three, on other data, against a zoo of pipelines that hide their leaks.

# %% [markdown]
# **A question from an earlier unit.** Of 1,000 members that a model flags, 660 are what we look for. In all,
# 4,000 members are. Which number is the precision, which the recall, and which one decides whether a call
# pays?
#
# <details><summary>Answer</summary>
# Precision is 660 of 1,000: 0.66. Recall is 660 of 4,000: 0.165. The number of calls is fixed, so precision
# decides: a call earns 70 times the precision, minus 40. It pays above 40/70 = 0.57.
# </details>

# %%
import grader

grader.begin("find-the-leak")

# %% [markdown]
# ## Look at the data
#
# One row is one member in one year: `mdvis` is the number of visits to a doctor in that year; the other nine
# columns describe the insurance plan (`lncoins`, `idp`, `lpi`, `fmde`) and the member's health when the
# experiment began. Read the first rows from top to bottom. What makes you suspicious?

# %%
from statsmodels.datasets import randhie

members = randhie.load_pandas().data  # (20190, 10)
features = members.columns.drop("mdvis")
members.iloc[60:70]

# %% [markdown]
# There is no member number, but the same values stand in row after row, with only the visits changing. Let
# us count how many neighbouring rows are equal in all nine columns.

# %%
changed = (members[features] != members[features].shift()).any(axis=1)
run_lengths = changed.cumsum().value_counts()
run_lengths.value_counts().head(5).rename_axis("equal rows in a row").rename("how often").to_frame()

# %% [markdown]
# Runs of 3 and of 5 are by far the most frequent. Families were enrolled for three or for five years
# (Manning and others 1987), so one person fills three or five rows. Keep that in mind; the first pipeline
# did not.
#
# ## The obvious way
#
# Members with an equal profile (all nine columns) should behave alike. So give the model a strong feature:
# the share of heavy years, five visits or more, among all rows with the same profile. Then five-fold cross-
# validation of a scaled logistic regression. The measure is the area under the ROC curve (AUC): the chance that a
# random heavy year is ranked above a random other one; 0.5 is guessing.

# %%
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import KFold, cross_val_predict, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

heavy = (members["mdvis"] >= 5).astype(int)  # (20190,), 20 % are 1
profile = members.groupby(list(features), sort=False).ngroup()
with_rate = members[features].assign(profile_rate=heavy.groupby(profile).transform("mean"))
classifier = LogisticRegression(solver="newton-cholesky")  # quick for many rows and few columns
model = make_pipeline(StandardScaler(), classifier)
folds = KFold(5, shuffle=True, random_state=0)
naive_auc = cross_val_score(model, with_rate, heavy, cv=folds, scoring="roc_auc")
print(f"AUC {naive_auc.mean():.3f}, from {naive_auc.min():.3f} to {naive_auc.max():.3f} over the folds")

# %% [markdown]
# 0.86, steady over the folds, and every prediction was made for a row that the model had not been fitted on.
# What does it promise the nurses?

# %%
import numpy as np


def dollars(chance, calls=1000):
    """What the calls earn: the members with the highest chance are called."""
    called = np.argsort(-chance)[:calls]
    return 70 * heavy.to_numpy()[called].sum() - 40 * calls


naive_chance = cross_val_predict(model, with_rate, heavy, cv=folds, method="predict_proba")[:, 1]
print(f"promised: {dollars(naive_chance):,} dollars for 1,000 calls")

# %% [markdown]
# Many projects are approved on such a page.
#
# **Predict before you run.** The next cell makes one change: the feature is computed by scikit-learn's
# `TargetEncoder` *inside* the pipeline, so in each fold from the training rows alone. Where does the AUC go?
#
# (a) it stays at 0.86, the rows are the same &nbsp; (b) to about 0.83 &nbsp; (c) below 0.75

# %%
from sklearn.compose import make_column_transformer
from sklearn.preprocessing import TargetEncoder

X = members[features].assign(profile=profile)
encoder = make_column_transformer((TargetEncoder(), ["profile"]), remainder=StandardScaler())
inside = make_pipeline(encoder, classifier)
inside_auc = cross_val_score(inside, X, heavy, cv=folds, scoring="roc_auc")
print(f"AUC {inside_auc.mean():.3f}, from {inside_auc.min():.3f} to {inside_auc.max():.3f} over the folds")

# %% [markdown]
# It is (c). The lost 0.13 was never there: in the first version the feature of each test row was an average
# that held the test row's own answer. Three rows is the median size of a profile, and in a profile of three a third
# of the feature was the answer.
#
# Is it this one shuffle of the rows? Four others, both ways:

# %%
import matplotlib.pyplot as plt

seeds = range(1, 5)
scores = {
    name: [
        cross_val_score(
            pipeline, data, heavy, cv=KFold(5, shuffle=True, random_state=seed), scoring="roc_auc"
        ).mean()
        for seed in seeds
    ]
    for name, pipeline, data in [
        ("rate from all rows", model, with_rate),
        ("rate inside the folds", inside, X),
    ]
}
figure, axis = plt.subplots(figsize=(7, 2.2), layout="constrained")
for height, (name, marker) in enumerate(zip(scores, "os")):
    axis.plot(scores[name], [height] * len(seeds), marker, color="black", fillstyle="none", markersize=9)
axis.set(yticks=[0, 1], yticklabels=list(scores), ylim=(-0.6, 1.6), xlim=(0.7, 0.9))
axis.set(xlabel="AUC (no unit), mean of five folds", title="Does the gap survive other shuffles?")
axis.grid(axis="x", color="0.9")

# %% [markdown]
# *In words: two tight groups of four marks. The rate from all rows lies at 0.86, the rate inside the folds
# at 0.73. Neither group spreads further than the width of one mark; the gap is more than twenty times as wide.*
#
# A leak is not noise. More folds, more seeds and a tighter interval only make us surer of a wrong number.
#
# ## How could we have known, without reading the code?
#
# **Predict before you run.** We shuffle the answers, so that nothing can be learned, and do the naive thing
# again from the start. Which AUC does it report?
#
# (a) about 0.5 &nbsp; (b) about 0.6 &nbsp; (c) above 0.7

# %%
shuffled = heavy.sample(frac=1, random_state=0).set_axis(heavy.index)
leaky_data = members[features].assign(profile_rate=shuffled.groupby(profile).transform("mean"))
for name, pipeline, data in [("rate from all rows", model, leaky_data), ("rate inside the folds", inside, X)]:
    auc = cross_val_score(pipeline, data, shuffled, cv=folds, scoring="roc_auc").mean()
    print(f"{name:22} AUC on shuffled answers: {auc:.3f}")

# %% [markdown]
# It is (c): 0.75 on pure noise. Hastie, Tibshirani and Friedman (section 7.10.2) show the same with two classes
# and noise: choose the 100 best of 5,000 noise columns on all rows, then cross-validate, and the measured error is 3 %
# where the true one is 50 %.
#
# The shuffle tells that *something* leaks. To find out what, ask a finer question.
#
# ## The idea: change what it must not see
#
# Call the pipeline a function `f`. A prediction for a test row is allowed to depend on some inputs and not on
# others. If we change **only forbidden inputs**, then
#
# $$\text{the output moves} \;\Rightarrow\; \text{the pipeline has seen them.}$$
#
# Nobody has to open the code, and no name of a column matters. Each family of leaks has its own forbidden
# inputs:

# %%
figure, axes = plt.subplots(1, 3, figsize=(9, 3.3), layout="constrained")
pushed = np.zeros((3, 10, 5))
pushed[0, [5, 7, 8], :], pushed[1, 5:, 4], pushed[2, 7:, :] = 1, 1, 1
titles = ["fitted on all rows:\nchange other test rows", "target in the features:\nchange the test target"]
watched = [[6, 9], [5, 6, 7, 8, 9], range(7)]
for axis, cells, rows, title in zip(axes, pushed, watched, [*titles, "the future:\nchange later rows"]):
    axis.pcolormesh(cells, cmap="gray_r", vmin=0, vmax=1.6, edgecolors="0.6", linewidth=0.8)
    for row in rows:
        axis.annotate("=", (5.25, row + 0.5), va="center", fontsize=12, annotation_clip=False)
    axis.set(title=title, xticks=[2, 4.5], xticklabels=["features", "target"], yticks=[], xlim=(0, 5))
    axis.invert_yaxis()
for axis in axes[:2]:
    axis.axhline(5, color="black", linewidth=2)
    axis.set(yticks=[2.5, 7.5], yticklabels=["train", "test"])
axes[2].set(yticks=[0.5, 9.5], yticklabels=["early", "late"])
title = figure.suptitle("Dark: what we change. An equals sign: the output of this row must stay.")

# %% [markdown]
# *In words: three tables of ten rows, four feature columns and a target column. Left: five rows are training
# rows, five are test rows; three test rows are dark, and the outputs of the two others must stay. Middle: the target
# of all test rows is dark, and the outputs of all test rows must stay. Right: rows in order of time; the last three
# are dark, and the outputs of the first seven must stay.*
#
# ## By hand, on our two pipelines
#
# Each pipeline becomes a function of training rows and test rows that returns a chance for each test row.
# Both get the answers of the test rows, as in a notebook where everything lies in one table.

# %%
import pandas as pd
from sklearn.model_selection import train_test_split

table = X.assign(heavy=heavy)
train, test = train_test_split(table, test_size=0.2, random_state=0)  # (16152, 11), (4038, 11)


def rate_from_all_rows(train, test):
    rates = pd.concat([train, test]).groupby("profile")["heavy"].mean()
    A, B = (part[features].assign(rate=part["profile"].map(rates)) for part in (train, test))
    return model.fit(A, train["heavy"]).predict_proba(B)[:, 1]


def rate_inside(train, test):
    columns = train.columns.drop("heavy")
    return inside.fit(train[columns], train["heavy"]).predict_proba(test[columns])[:, 1]


# %% [markdown]
# Now the push. First the family "target in the features": turn every answer of the test rows round, and see
# how far the chances move.
#
# **Predict before you run.** By how much does the clean pipeline, `rate_inside`, move?
#
# (a) not at all, to the ninth decimal &nbsp; (b) a little &nbsp; (c) as much as the other

# %%
turned = test.assign(heavy=1 - test["heavy"])
before = {pipeline: pipeline(train, test) for pipeline in (rate_from_all_rows, rate_inside)}
for pipeline in before:
    move = np.abs(pipeline(train, turned) - before[pipeline])
    print(f"{pipeline.__name__:20} largest move: {move.max():.3f}")

# %% [markdown]
# (b), and that is a trap. Have we caught it? Ask first what it does when *nothing* is changed.

# %%
for pipeline in before:
    moves = [np.abs(pipeline(train, test) - before[pipeline]).max() for _ in range(3)]
    print(f"{pipeline.__name__:20} largest move, nothing changed:", np.round(moves, 3))

# %% [markdown]
# It moves about as far by itself. `TargetEncoder` cuts the training rows into folds at random while it is fitted, and
# we gave it no `random_state`. So the rule is not "does the output move?" but "does it move further than it does
# anyway?". The noise must be measured before anybody is accused, and a leak must be pushed hard enough to
# rise above it. Here the verdicts are clear: 0.96 against 0, and a few hundredths against a few hundredths.
#
# Does the leaking pipeline read only a row's *own* answer? Keep half of the test rows as they are, turn the
# answers of the other half, and watch the kept ones.

# %%
kept = np.random.default_rng(0).permutation(len(test)) < len(test) // 2  # (4038,)
others_turned = test.assign(heavy=test["heavy"].where(kept, 1 - test["heavy"]))
for pipeline in before:
    move = np.abs(pipeline(train, others_turned) - before[pipeline])[kept]
    print(f"{pipeline.__name__:20} kept rows, largest move: {move.max():.3f}   middle: {np.median(move):.3f}")

# %% [markdown]
# It reads other rows as well; the clean one moves no more than noise does. And notice the gap between the largest
# move and the middle one: a few rows show the leak loudly, most hardly. A check that looks at one row once may happen
# to look at a quiet one. Other leaks show only beside a missing value, or in a group of two. Repeat, with other
# halves.
#
# ## What you push with decides what you can see
#
# A scaler fitted on all rows knows the others only through their mean and standard deviation. Four ways to change the
# other half, and what they do to what such a pipeline could have kept:

# %%
rng = np.random.default_rng(0)
chronic = test["disea"]
mixed = chronic.copy()
mixed[~kept] = rng.permutation(chronic[~kept])
changes = {
    "unchanged": chronic,
    "others shuffled": mixed,
    "others plus 50": chronic.where(kept, chronic + 50),
    "others far out, both sides": chronic.where(kept, rng.normal(0, 100 * chronic.std(), len(test))),
}
pd.DataFrame(
    {name: [v.mean(), v.std(), v.min()] for name, v in changes.items()}, ["mean", "sd", "smallest"]
).T

# %% [markdown]
# A shuffle changes none of the three, so it finds no scaler that uses them. A constant that is added to the others
# leaves the smallest value where it was, as long as a row that we keep holds it: here a kept row has 0. (Added to
# *all* test rows, a constant also leaves every rank and every standardised value among the test rows as it was.)
# Fresh values far out on both sides move all three. The price: such values are no members any more, so look only at
# *whether* something moved.
#
# ## The future
#
# In the third family nothing looks wrong in the code: one argument decides. The yearly number of sunspots, 1700 to
# 2008; we want to know this year's number from a smoothed curve of the years before.

# %%
from statsmodels.datasets import sunspots

years = sunspots.load_pandas().data.set_index("YEAR")["SUNACTIVITY"]  # (309,)
curves = {
    "centred": lambda s: s.rolling(3, center=True, min_periods=1).mean(),
    "trailing": lambda s: s.shift(1).rolling(3, min_periods=1).mean(),
}
pd.Series(
    {name: curve(years).corr(years) ** 2 for name, curve in curves.items()}, name="R² with this year"
).round(2)

# %% [markdown]
# The centred curve looks far better, for it holds this year's own number (the target, our second family) and next
# year's. For the future, push everything after the last year that we know, and watch the years up to it, for three
# such cuts.

# %%
for last_known in (1750, 1850, 1950):
    pushed = years.where(years.index <= last_known, rng.normal(0, 5000, len(years)))
    for name, curve in curves.items():
        move = (curve(pushed) - curve(years)).loc[:last_known].abs()
        print(f"up to {last_known}, {name:8} moved years:", [int(year) for year in move[move > 1e-9].index])

# %% [markdown]
# Of all the years up to the cut, one moves: the last. The centred mean reaches one year ahead, so each cut
# shows it in one place. A builder that was repaired in 1900 would show nothing at a later cut. Cut often.
#
# ## What no push can find
#
# When we turned the answers of the test rows, all of them or half, the encoder inside the pipeline moved about as
# far as it does anyway. Its AUC is 0.73 and it promises this:

# %%
inside_chance = cross_val_predict(inside, X, heavy, cv=folds, method="predict_proba")[:, 1]
print(f"promised: {dollars(inside_chance):,} dollars for 1,000 calls")

# %% [markdown]
# Less, but a gain. Now remember the rows at the top: one person fills three or five of them.
#
# **Predict before you run.** What share of the test rows has a twin, a row with the same nine values, among
# its training rows?
#
# (a) about a fifth &nbsp; (b) about a half &nbsp; (c) nearly all

# %%
twins = [profile.iloc[held_out].isin(profile.iloc[fitted]).mean() for fitted, held_out in folds.split(X)]
print("share of test rows with a twin in training, by fold:", np.round(twins, 3))

# %% [markdown]
# It is (c). Much of what the model knows is what the same people did in other years. For *new* members, whom the
# nurses want to call, there is nothing to look up. A split that keeps equal profiles on one side asks the right
# question:

# %%
from sklearn.model_selection import GroupKFold

by_profile = GroupKFold(5, shuffle=True, random_state=0)
honest_auc = cross_val_score(inside, X, heavy, groups=profile, cv=by_profile, scoring="roc_auc")
honest_chance = cross_val_predict(inside, X, heavy, groups=profile, cv=by_profile, method="predict_proba")[
    :, 1
]
print(f"AUC {honest_auc.mean():.3f}, from {honest_auc.min():.3f} to {honest_auc.max():.3f} over the folds")
print(f"expected: {dollars(honest_chance):,} dollars for 1,000 calls")

# %% [markdown]
# 0.86, 0.73, 0.66. The calls lose money. And mind which question found which leak: the push finds what the *code*
# has seen and is blind to twins. The grouped split finds twins and is blind to the first leak:

# %%
both_wrong = cross_val_score(model, with_rate, heavy, groups=profile, cv=by_profile, scoring="roc_auc")
print(f"rate from all rows, grouped folds: AUC {both_wrong.mean():.3f}")

# %% [markdown]
# ## Write it down
#
# Three runs side by side, each with what a colleague must know to believe or to doubt the score: how the
# feature was made, how the rows were split, what moved when forbidden inputs were changed.

# %%
import mlflow

rows = [
    ("all rows", "random", naive_auc, naive_chance, "yes"),
    ("inside folds", "random", inside_auc, inside_chance, "no"),
    ("inside folds", "by profile", honest_auc, honest_chance, "no"),
]
for rate, split, auc, chance, moved in rows:
    with mlflow.start_run(run_name=f"rate {rate}, split {split}"):
        mlflow.log_params({"data": "randhie", "target": "mdvis >= 5", "rate_from": rate, "split": split})
        mlflow.log_params({"folds": 5, "split_seed": 0, "calls": 1000})
        mlflow.set_tag("moved_with_test_target", moved)
        mlflow.log_metrics({"cv_auc_mean": auc.mean(), "cv_auc_sd": auc.std(ddof=1)})
        mlflow.log_metrics({"cv_dollars": dollars(chance), "cv_auc_price": auc.mean() - honest_auc.mean()})

# %%
found = mlflow.search_runs(order_by=["metrics.cv_auc_mean DESC"])
shown = [
    "params.rate_from",
    "params.split",
    "metrics.cv_auc_mean",
    "metrics.cv_auc_price",
    "metrics.cv_dollars",
]
found[["tags.moved_with_test_target", *shown]].head(3).round(3)

# %% [markdown]
# `cv_auc_price` is what the leak was worth: the score as reported minus the score as it would be in production. The
# highest AUC on this page belongs to the most expensive mistake, so nobody should sort runs by score alone.
#
# ## In production
#
# - **Replay before release.** Hand the rows to the pipeline one at a time, in order of arrival and without
#   their target, and compare with the scores of the batch. Equal to the ninth decimal, or somebody explains. On 20,000
#   rows that takes a minute or two; on a hundred times as many, take 2,000 rows drawn from all weeks and all small
#   groups.
# - **After release, watch the gap** between the score that the training run logged and the score on rows whose target
#   has come in since. A leak shows at full size with the first targets that come in (here after a year, so replay
#   before). Drift mostly comes later and grows.
# - **A feature store keeps two times for each value**: when it was true and when it was known. Training rows are joined
#   on the second. Keep one job that rebuilds last month's features today and compares them with those that were served;
#   what differs was filled in afterwards.
# - **Retraining opens closed leaks.** A nurse's call changes the visits, and last year's score is in the log as a
#   column. Run the pushes on every new training set, as a test that blocks the release.
# - **At three in the morning**: a score that jumps up overnight is an incident, as much as one that falls.
#
# ## When this advice is wrong
#
# - **The leak is in the data, not in the code.** A column that was filled in after the diagnosis passes every push,
#   because the pipeline reads nothing but its own row. Only the people who collect the data can say when a value is
#   known. Kaufman and others ask for that at the source: each value gets a *legitimacy tag*, most often a time, and a
#   model may read only what its tag allows.
# - **Some dependence is wanted.** Ranking a whole day's list, or removing a plate effect from a batch of samples, reads
#   other rows on purpose. Then the unit that arrives together is the batch: keep it whole and push other batches.
# - **Near twins have no sharp border.** Two photographs of one mole, two visits of one family: which tolerance makes
#   them twins is knowledge of the field. If in doubt, split by the larger group and report both scores.
# - **Not every split must be grouped.** If the nurses call *existing* members whose past years we know, the random
#   split is nearer to the job than the grouped one, and a split by year is right. First say who will be scored.
# - **A push that finds nothing proves little.** It shows that these changes, at these rows, moved nothing.
#
# How common is all this? Kapoor and Narayanan found 17 fields in which leakage had affected 294 papers. Steps fitted
# on all rows, features that would not be there, the future, and duplicates are all on their list of types.
#
# ## Close
#
# You can now tell a leaking pipeline from a clean one by changing what it must not see, and tell its move from noise;
# find rows that stand on both sides of a split; and price a leak and log it. The exercise asks for the same on other
# data, and hides its leaks better.
#
# From memory:
#
# 1. Why does shuffling the other test rows not find a scaler that was fitted on all rows? What does?
# 2. A pipeline's output moves a little after a push. What do you do before you accuse it?
# 3. Which leak on this page does no push find, and which one does no grouped split find?
#
# **Sources**
#
# - S. Kaufman, S. Rosset, C. Perlich, O. Stitelman, *Leakage in Data Mining: Formulation, Detection, and Avoidance*,
#   ACM Transactions on Knowledge Discovery from Data 6(4), article 15, 2012: legitimacy tags.
# - T. Hastie, R. Tibshirani, J. Friedman, *The Elements of Statistical Learning*, 2nd edition, 2009, section 7.10.2,
#   *The Wrong and Right Way to Do Cross-validation*: the noise columns. The same in real gene studies: C. Ambroise,
#   G. McLachlan, PNAS 99(10), 2002, pages 6562-6566.
# - S. Kapoor, A. Narayanan, *Leakage and the reproducibility crisis in machine-learning-based science*, Patterns 4(9),
#   article 100804, 2023: the counts and the types of leakage.
# - scikit-learn 1.9, User Guide, *Common pitfalls and recommended practices*, section *Data leakage*: pipelines.
# - W. Manning and others, *Health Insurance and the Demand for Medical Care*, American Economic Review 77(3), 1987,
#   pages 251-277: the experiment.
