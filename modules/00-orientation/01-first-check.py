# ---
# title: "The model is right 96 times in 100. Can we use it?"
# minutes: 35
# data: [digits]
# sources:
#   - "scikit-learn 1.9, User Guide, Metrics and scoring, section Precision, recall and F-measures"
#   - "scikit-learn 1.9, User Guide, Tuning the decision threshold for class prediction"
#   - "van Rijsbergen (1979), Information Retrieval, 2nd edition, chapter 7"
# ---

# %% [markdown]
# # The model is right 96 times in 100. Can we use it?
#
# A freight terminal scans handwritten loading notes. A digit in one box gives the hazard class of the
# pallet, and class 8 means corrosive. The terminal wants to know by Friday whether a model may read that
# box: a missed 8 is stowed beside goods it can eat through, and costs 60 euros to unload and stow again; a
# false alarm costs 2 euros for a clerk who looks at the note.
#
# (The digits below are real handwriting. The terminal and its prices are ours, so that errors have a price.
# Looking at a note that is an 8 is work that has to be done in any case, so it costs nothing extra.)
#
# **After this lesson you can**
#
# 1. compute precision, recall and F-beta from the four counts behind them, also where a count is zero;
# 2. choose a threshold by its errors on the class that you care about, whichever way the data code it;
# 3. log a run to MLflow that a colleague can find, and whose numbers a colleague can reproduce.
#
# The exercise asks for exactly these three, on medical data. How the course works: read and run this page
# cell by cell (Shift+Enter), answer the questions before you unfold them, then do the exercise. The end of
# this page says how to have it checked.

# %% [markdown]
# **A question first.** Every later lesson asks one from an earlier unit. This is the first unit, so this
# one asks from life: a smoke detector has never raised a false alarm in ten years. Is it a good one?
#
# <details><summary>Answer</summary>
# Nobody can tell. A detector without a battery has the same record. You need to know what it did when there
# <em>was</em> smoke. Two kinds of error need two numbers.
# </details>
#
# The first code cell of every notebook here says which unit the runs belong to. It picks the place where
# MLflow keeps them; from then on you use MLflow's own functions and nothing of ours.

# %%
import grader

grader.begin("first-check")

# %% [markdown]
# ## Look at the data
#
# 1,797 digits, each an image of 8 by 8 pixels with ink from 0 to 16. Ask of the figure: could you mistake
# any of these for one another?

# %%
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits

digits = load_digits()
is_eight = digits.target == 8  # (1797,), True where the box says class 8
figure, axes = plt.subplots(2, 8, figsize=(8, 2.6), layout="constrained")
figure.suptitle("Which could be mistaken? Top: class 8. Bottom: class 1, 3 or 9.")
others = np.isin(digits.target, [1, 3, 9])
shown = np.concatenate([np.flatnonzero(is_eight)[20:28], np.flatnonzero(others)[60:68]])
for axis, row in zip(axes.flat, shown):
    axis.imshow(digits.images[row], cmap="gray_r")
    axis.set_title(f"class {digits.target[row]}", fontsize=9)
    axis.set_axis_off()
print(f"{is_eight.sum()} of {len(is_eight)} notes are class 8: {is_eight.mean():.1%}")

# %% [markdown]
# *In words: sixteen coarse grey images. The eights differ much among themselves: in some the loops are
# open, in others they have filled with ink and leave one thick stroke, much like the ones below. The threes
# share the right half of an eight.*
#
# The printed share should make you suspicious before any model is fitted: nine notes in ten are not an 8.
#
# ## The obvious way
#
# Half of the notes to learn from, half to test on, the share of eights kept equal in both. A scaled
# logistic regression, and the score that `score` gives: accuracy, the share of right answers.

# %%
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

X_train, X_test, y_train, y_test = train_test_split(
    digits.data, is_eight, test_size=0.5, stratify=is_eight, random_state=0
)
model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)).fit(X_train, y_train)
print(f"accuracy on {len(y_test)} test notes: {model.score(X_test, y_test):.1%}")

# %% [markdown]
# 95.9 %, on notes that the model has not seen. Many a report ends here.
#
# **Predict before you run.** The test half holds 87 notes of class 8. How many of them does this model
# miss?
#
# (a) about 4, since it is wrong 4 times in 100 &nbsp; (b) about 9 &nbsp; (c) about 25
#
# Choose one, then run the next cell.

# %%
import pandas as pd

flagged = model.predict(X_test)
pd.crosstab(
    pd.Series(y_test, name="really class 8"), pd.Series(flagged, name="flagged as class 8"), margins=True
)

# %% [markdown]
# It is (c). Read the row *True*: 62 of 87 are flagged, 25 go through to the wrong bay. The model is wrong
# in 37 of 899 cases, and 25 of those 37 errors are the expensive kind. Accuracy adds both kinds and divides
# by everything, and 812 easy notes of other classes fill that sum.
#
# ## What would no model at all score?

# %%
from sklearn.dummy import DummyClassifier

never = DummyClassifier(strategy="constant", constant=False).fit(X_train, y_train)
print(f"accuracy of never saying 8: {never.score(X_test, y_test):.1%}")

# %% [markdown]
# A program of one line that misses every corrosive pallet is right 90.3 % of the time. On this scale our
# model stands six points above no model. Now the same thing in euros for 1,000 notes.


# %%
def euros_per_1000(flagged, y):
    missed = np.sum(y & ~flagged)
    false_alarms = np.sum(~y & flagged)
    return 1000 * (60 * missed + 2 * false_alarms) / len(y)


for name, decision in [
    ("never say 8", never.predict(X_test)),
    ("the 95.9 % model", flagged),
    ("no model, clerks look at all", np.ones_like(y_test)),
]:
    print(f"{name:30} {euros_per_1000(decision, y_test):6.0f} euros")

# %% [markdown]
# The model with the good score saves the terminal about 110 euros in 1,800 against clerks who look at every
# note. That is hardly worth installing, and accuracy did not say so.
#
# ## The idea: two questions, two numbers
#
# Call class 8 the *positive* class: positive is what we look for, whether it is good or bad. Each note is
# then one of four things:
#
# | | flagged | not flagged |
# | --- | --- | --- |
# | **really 8** | true positive (tp), 62 | false negative (fn), 25: a miss |
# | **another class** | false positive (fp), 12: a false alarm | true negative (tn), 800 |
#
# - **Recall** asks along the row: of the notes that are an 8, which share did we flag? 62 of 87.
# - **Precision** asks down the column: of the notes that we flagged, which share is an 8? 62 of 74.
#
# The true negatives, the 800 easy notes, are in neither, and so cannot hide the misses. Which class is
# positive is for you to say: scikit-learn takes the label 1 or `True` unless `pos_label` names another, and
# the coding of a data set need not share its opinion.

# %%
from sklearn.metrics import precision_score, recall_score

print(f"precision {precision_score(y_test, flagged):.3f}   recall {recall_score(y_test, flagged):.3f}")

# %% [markdown]
# This classifier flags where its probability passes a *threshold*, and 0.5 is only a default. What happens
# to the two numbers when we move it? The test half must stay unseen until the end, so we look at training
# notes. A model knows the notes that it was fitted on too well; therefore each note gets its probability
# from a model that was fitted on the other four fifths of the training half. That is *cross-validation*,
# here with five parts (`cv=5`).

# %%
from sklearn.metrics import precision_recall_curve
from sklearn.model_selection import cross_val_predict

chance_of_eight = cross_val_predict(model, X_train, y_train, cv=5, method="predict_proba")[:, 1]
precisions, recalls, thresholds = precision_recall_curve(y_train, chance_of_eight)
figure, axis = plt.subplots(figsize=(7, 3.6), layout="constrained")
axis.plot(thresholds, recalls[:-1], color="black", label="recall: share of the eights that is flagged")
axis.plot(thresholds, precisions[:-1], "--", color="0.45", label="precision: share of the flags that is an 8")
axis.axvline(0.5, color="0.8", linewidth=1)
axis.set(xscale="log", xlim=(0.001, 1), ylim=(0, 1.02))
axis.set(xlabel="threshold on the probability of an 8 (log scale)", ylabel="precision, recall (0 to 1)")
axis.set_title("Which threshold misses few eights, and at what price?")
legend = axis.legend(loc="lower center")

# %% [markdown]
# *In words: from left to right, as the threshold rises from 0.001 to 1, the solid line (recall) falls from
# 0.98 to near 0, slowly at first, and the dashed line (precision) climbs from 0.18 to 1 with small jumps.
# They cross near 0.33. At the default of 0.5, the thin vertical line, precision is 0.9 and recall 0.7.*
#
# One is bought with the other. So a choice must say how much more one of them matters. **F-beta** says it
# in one number: the weighted harmonic mean of precision $P$ and recall $R$,
#
# $$\frac{1}{F_\beta} = \frac{1}{1+\beta^2}\cdot\frac{1}{P} + \frac{\beta^2}{1+\beta^2}\cdot\frac{1}{R}.$$
#
# Beta 1 treats both alike, a beta above 1 favours recall, one below 1 precision. Why the square? Put the
# counts in: F-beta sets the sum $\beta^2 \cdot$ misses + false alarms against the notes that were found. With
# beta 3 a miss weighs as much in it as nine false alarms.

# %%
from sklearn.metrics import fbeta_score

for threshold in (0.5, 0.05):
    scores = [fbeta_score(y_train, chance_of_eight >= threshold, beta=beta) for beta in (0.5, 1, 3)]
    print(f"threshold {threshold:4}:  F0.5 {scores[0]:.2f}   F1 {scores[1]:.2f}   F3 {scores[2]:.2f}")

# %% [markdown]
# Same model, same notes: F0.5 and F1 prefer the high threshold, F3 the low one. So a beta is a decision
# about the job and belongs in the record, and "the F-score" without a beta says little.
#
# ### When there is nothing to divide by
#
# Somebody sets `C=0.001` in the nightly job: a thousandth of the default, so the model may hardly react to
# its input. Nothing fails, and the accuracy is the 90.3 % that we have met.

# %%
stiff = make_pipeline(StandardScaler(), LogisticRegression(C=0.001)).fit(X_train, y_train)
silent = stiff.predict(X_test)
print(f"accuracy {stiff.score(X_test, y_test):.3f}, notes flagged: {silent.sum()}")
print("precision, told to say so:", precision_score(y_test, silent, zero_division=np.nan))
print("precision, told to say 0: ", precision_score(y_test, silent, zero_division=0.0))

# %% [markdown]
# No note was flagged, so precision is 0 divided by 0: it has no value. scikit-learn's default is 0 with an
# `UndefinedMetricWarning`; `zero_division` lets you choose 0, 1 or NaN. A NaN is honest, but NumPy's mean
# becomes NaN with it, and pandas leaves it out in silence; a 0 keeps the run in the ranking, at the bottom.
# Choose one, write it down, and log the number of flagged notes as well: it is never undefined.
#
# ## The right way
#
# Suppose that nobody at the terminal will put a price on a miss yet. They agree only that recall counts
# three times as much as precision: beta 3. scikit-learn tries the thresholds that we list and keeps the one
# with the best F3, by cross-validation on the training half. The euros judge the choice afterwards.

# %%
from sklearn.metrics import make_scorer
from sklearn.model_selection import TunedThresholdClassifierCV

f3 = make_scorer(fbeta_score, beta=3, zero_division=0.0)
candidates = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5]
tuned = TunedThresholdClassifierCV(model, scoring=f3, cv=5, thresholds=candidates).fit(X_train, y_train)
print(f"flag an 8 where its probability is at least {tuned.best_threshold_}")

# %% [markdown]
# **Predict before you run.** On the test half the cost falls a lot. What does accuracy do?
#
# (a) it rises &nbsp; (b) it falls, and stays above that of never saying 8 &nbsp; (c) it falls below that

# %%
alarms = tuned.predict(X_test)
pd.DataFrame(
    {
        name: {
            "accuracy": np.mean(decision == y_test),
            "precision": precision_score(y_test, decision),
            "recall": recall_score(y_test, decision),
            "F3": fbeta_score(y_test, decision, beta=3),
            "euros per 1,000 notes": euros_per_1000(decision, y_test),
        }
        for name, decision in [("threshold 0.5", flagged), ("tuned threshold", alarms)]
    }
).round(3)

# %% [markdown]
# It is (c): 87 %, three points *below* the program that never says 8. And the terminal pays about 445 euros
# instead of 1,695. A team that watches accuracy would have thrown this version away.
#
# ## Write it down: the first run
#
# A *run* is MLflow's record of one piece of work. Ask of it what a colleague would ask in three months:
# which data, which split, which model, which threshold, measured on what, positive meaning what? What you
# chose is a *param*, what you measured a *metric*, what helps to find or read the run a *tag*. The name of a
# metric says on which rows it was measured.
#
# `FixedThresholdClassifier` joins the fitted model and its threshold in one object, without the search that
# found it, so whoever loads the model cannot forget the threshold.

# %%
import mlflow
import sklearn
from sklearn.model_selection import FixedThresholdClassifier

reader = FixedThresholdClassifier(tuned.estimator_, threshold=tuned.best_threshold_)
with mlflow.start_run(run_name="hazard-class-reader") as run:
    mlflow.log_params({"data": "digits", "split_seed": 0, "test_size": 0.5, "model": "LogisticRegression"})
    mlflow.log_params({"threshold": tuned.best_threshold_, "threshold_chosen_by": "F3, 5 folds of train"})
    mlflow.log_param("zero_division", 0.0)
    mlflow.set_tag("positive_class", "8")
    mlflow.log_metrics(
        {
            "test_precision": precision_score(y_test, alarms, zero_division=0.0),
            "test_recall": recall_score(y_test, alarms, zero_division=0.0),
            "test_f3": fbeta_score(y_test, alarms, beta=3, zero_division=0.0),
            "test_flagged": alarms.sum(),
            "test_euros_per_1000": euros_per_1000(alarms, y_test),
        }
    )
    requirements = [f"scikit-learn=={sklearn.__version__}"]
    mlflow.sklearn.log_model(reader, name="model", pip_requirements=requirements)
print(run.info.run_name, mlflow.get_run(run.info.run_id).info.status)

# %% [markdown]
# Three things keep this run worth having. `start_run` stands in a `with` block, so the run is closed, and
# marked FAILED, also if a line inside raises. The version of scikit-learn is written down with the model. And
# nobody called `mlflow.set_experiment`: the experiment is the one that the first cell chose. A run that is
# logged elsewhere is complete, correct, and lost to everyone who looks here.
#
# Three months later. You remember that it was about digits and that recall mattered.

# %%
found = mlflow.search_runs(
    filter_string="params.data = 'digits' and metrics.test_recall > 0.9", order_by=["start_time DESC"]
)
found[["run_id", "params.threshold", "params.split_seed", "metrics.test_recall"]].head(3)

# %% [markdown]
# (`mle ui` opens MLflow's own page over the same runs, for looking and comparing.)
#
# Can a colleague continue from here? The test is to do it with nothing but the record: load the model, redo
# the split from its logged seed, and compare the metric.

# %%
record = found.iloc[0]
again = mlflow.sklearn.load_model(f"runs:/{record['run_id']}/model")
_, X_again, _, y_again = train_test_split(
    digits.data, is_eight, test_size=0.5, stratify=is_eight, random_state=int(record["params.split_seed"])
)
print("recall then:", record["metrics.test_recall"])
print("recall now: ", recall_score(y_again, again.predict(X_again)))

# %% [markdown]
# ## How sure are we?
#
# Recall rests on the 87 eights of the test half, not on its 899 notes: one miss more moves it by a whole
# point, so its third decimal is noise. And chance decided which notes fell into the training half, so also
# which model and which threshold we got. Do everything again on five splits.

# %%
rows = []
for seed in range(5):
    train_X, test_X, train_y, test_y = train_test_split(
        digits.data, is_eight, test_size=0.5, stratify=is_eight, random_state=seed
    )
    tuned.fit(train_X, train_y)
    for rule, decision in [
        ("0.5", tuned.estimator_.predict(test_X)),
        ("tuned", tuned.predict(test_X)),
    ]:
        rows.append((rule, recall_score(test_y, decision), euros_per_1000(decision, test_y)))
splits = pd.DataFrame(rows, columns=["threshold", "recall", "euros"])
splits.groupby("threshold").agg(["min", "mean", "max"]).round(2)

# %% [markdown]
# A mean can hide a split on which the saving is gone. Ask of the figure: is there one?

# %%
figure, axis = plt.subplots(figsize=(7, 2.6), layout="constrained")
axis.set(yticks=[0, 1], yticklabels=["threshold 0.5", "tuned threshold"], ylim=(-0.5, 1.5), xlim=(0, 2200))
axis.set(xlabel="cost (euros per 1,000 notes)", title="Does the saving survive another split?")
axis.axvline(1806, color="0.6", linestyle=":")
axis.annotate("clerks look at all", (1830, 0.5), rotation=90, ha="left", va="center", color="0.35")
for height, (rule, marker, shade) in enumerate([("0.5", "s", "0.55"), ("tuned", "o", "black")]):
    euros = splits.loc[splits["threshold"] == rule, "euros"]
    axis.plot(euros, np.full(len(euros), height), marker, color=shade, fillstyle="none")

# %% [markdown]
# *In words: five squares for the threshold of 0.5 lie between about 1,620 and 1,700 euros, close to the
# dotted line for clerks who look at everything, at 1,806. Five circles for the tuned threshold lie between
# about 380 and 715. The two groups do not touch.*
#
# The saving survives. Our first split was a kind one: it cost 445 euros, the mean of the five is about 580,
# and a promise to the terminal should quote the mean and the worst.
#
# ## In production
#
# At this terminal one note in ten is an 8. Another terminal of the firm, with one in a hundred, wants the
# model too. Recall asks only about eights, so it may stay. Precision asks about flags, and with fewer eights
# more of the flags are false. By how much?

# %%
false_alarm_rate = np.mean(alarms[~y_test])
recall_here = np.mean(alarms[y_test])
for share in (0.10, 0.01):
    right, wrong = share * recall_here, (1 - share) * false_alarm_rate
    print(f"{share:4.0%} eights: {1000 * (right + wrong):.0f} flags, precision {right / (right + wrong):.2f}")

# %% [markdown]
# The model has not changed, and one flag in fifteen is right there. So at three in the morning, and after a
# year:
#
# - **Watch the share of flagged notes, daily.** It needs no labels, and it often moves on the day on which a
#   pen, a scanner or the freight changes. Zero flags in a day is an alarm of its own: that was `C=0.001`.
# - **Buy labels for recall.** Clerks see only flagged notes, so misses do not report themselves. Have 500
#   *unflagged* notes read each week. At one 8 in a hundred about one unflagged note in 2,500 is a miss: that
#   finds one miss in five weeks, and a recall can be stated after a year.
# - **At a hundred times the volume** chance matters little, and the clerks' hours become the limit: fix the
#   number of flags a day and report the recall that it buys.
# - **Never compare precision between sites** without the share of positives beside it.
#
# ## When this advice is wrong
#
# - **You know the prices.** Then minimise the cost itself; F-beta is a stand-in for prices that nobody will
#   state. The unit `cost-of-being-wrong` does this, order by order.
# - **The errors you leave out matter.** No F-beta counts true negatives. Where "correctly left alone" has a
#   value (a wanted message, a traveller), report the false-alarm rate too.
# - **Both classes are common and cost the same.** Then accuracy is a fair summary.
# - **The rows are not independent.** These digits come from 13 writers, and the set does not say who wrote
#   which. A random split puts the same hand on both sides, so a new writer will probably do worse than the
#   numbers on this page.

# %% [markdown]
# ## Now the exercise
#
# `mle start first-check`, in a terminal, puts the exercise, `01-first-check.ipynb`, beside this lesson, if it is
# not there yet. Open it, write each answer where it says `raise NotImplementedError()`, and save. Then
# `mle check first-check` runs the whole notebook afresh and tells you the points. Inside the notebook, after
# `%load_ext grader`, `%check` looks at what you have defined so far. The clean run is the one that counts.
# Each test ends in one of these ways:
#
# | outcome | what it means | what to do |
# | --- | --- | --- |
# | passed | visible and hidden checks hold; full points for this test | go on |
# | failed | a value was not the expected one; the message has four parts: what was called, what came back, what was expected and why, where to look | start at "Look at" |
# | not attempted | the answer is as it was handed out | nothing is wrong yet |
# | crashed | your code raised an exception | read its last line |
# | out of time or memory | a cell or test went over its limit | look for a loop that grows |
#
# Hidden checks use data drawn anew at each check, so an answer that only fits the shown example fails
# there. Stuck? `mle hint first-check` gives one of three hints at a time. Every check is itself logged to
# MLflow.
#
# ## Close
#
# You can now compute precision, recall and F-beta from counts, also where a count is zero; choose a threshold
# by its errors on the class that you care about, whichever way the data code it; and log a run that a
# colleague can find and reproduce.
#
# From memory:
#
# 1. Which of the four counts is in neither precision nor recall, and why does that help with a rare class?
# 2. A model flags nothing. Which of its measures are 0, which is undefined, and what do you log?
# 3. A colleague reports "F-score 0.8". Which two things must you ask before you compare it with yours?
#
# **Sources**
#
# - scikit-learn 1.9, User Guide, *Metrics and scoring*, section *Precision, recall and F-measures*:
#   definitions, `pos_label`, `zero_division`. And *Tuning the decision threshold for class prediction*.
# - C. J. van Rijsbergen, *Information Retrieval*, 2nd edition, 1979, chapter 7: the measure E = 1 - F, and
#   beta as the importance of recall against that of precision.
# - E. Alpaydin, C. Kaynak, *Optical Recognition of Handwritten Digits*, UCI Machine Learning Repository,
#   1998: the digits; scikit-learn ships the 1,797 of its test set.
