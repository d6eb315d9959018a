# ---
# title: "Which reader may sort tonight's letters?"
# minutes: 35
# data: [digits]
# needs: [walking-skeleton, leakproof-pipeline]
# sources:
#   - "MLflow 3, documentation, ML Model Registry: versions, aliases, tags"
#   - "Breck, Cai, Nielsen, Salib, Sculley (2017), The ML test score: a rubric for ML production readiness and technical debt reduction, IEEE Big Data,
#     section Tests for ML infrastructure: Infra 4 (model quality is validated before serving), Infra 6 (canary), Infra 7 (rolled back quickly and safely)"
#   - "Efron, Tibshirani (1993), An Introduction to the Bootstrap, Chapman and Hall, chapter 13: percentile intervals"
# ---

# %% [markdown]
# # Which reader may sort tonight's letters?
#
# A sorting office reads the digits of post codes from photographs. Some 200,000 digits come each night; we assume that each one that is read wrongly costs 0.60 EUR, since the letter takes a second van. Several people
# train readers, each is registered, and at ten in the evening the machine loads the one that the registry calls `champion`. Whoever moves this word decides what happens all night.
#
# **After this notebook you can**
#
# 1. put gates before an alias that fail when they cannot be computed, and that compare on the same fresh rows;
# 2. move aliases so that a reader finds a good version at every moment, and leave a record of each decision;
# 3. go back to the version that served before, without deleting anything.
#
# The exercise asks for the same of the fraud model.
#
# **A question from before.** In `walking-skeleton`, each answer carried the *number* of the version and not the word `live`. Why?
#
# <details><summary>Answer</summary>
# The word moves. After the next move, a record that says `live` leads to a model that did not give the answer.
# </details>

# %%
import grader

grader.begin("registry")

import logging

import matplotlib.pyplot as plt
import mlflow
import numpy as np
import pandas as pd

logging.getLogger("mlflow").setLevel(logging.ERROR)  # a hint for each pickled model

# %% [markdown]
# ## The digits, and three readers
#
# 1,797 photographs of handwritten digits, 8 x 8 grey values each. We take the file's order for the order in which they came, and play two weeks: rows 1,400 to 1,599 are last week's, and the 197 behind them come this week. Nobody has these yet.

# %%
from tidewater.real import load

digits = load("digits")
X, y = digits.drop(columns="digit").to_numpy(dtype=float), digits["digit"].to_numpy()
last_week, this_week = slice(1400, 1600), slice(1600, 1797)
X.shape, X[last_week].shape, X[this_week].shape

# %% [markdown]
# A colleague who registers a reader fits it, measures the share of wrong digits, and logs that as `error`, with the rows that were used. It is one function for all; the rows are everybody's own choice.


# %%
client = mlflow.MlflowClient()
client.create_registered_model("postcodes")


def register(author, model, train, judge):
    """Fit on some rows, log the error on others, register."""
    model.fit(X[train], y[train])
    with mlflow.start_run(run_name=author) as run:
        mlflow.log_params({"trained_until": train.stop, "judged_from": judge.start})
        mlflow.log_metric("error", np.mean(model.predict(X[judge]) != y[judge]))
        logged = mlflow.sklearn.log_model(
            model,
            name="model",
            pip_requirements=["scikit-learn"],
            serialization_format="cloudpickle",
        )
    client.create_model_version("postcodes", logged.model_uri, run.info.run_id)


# %% [markdown]
# Anna's reader has served since spring. Ben took all photographs up to today, "since more data is better". Carla kept the newest ones apart.

# %%
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

line = make_pipeline(StandardScaler(), LogisticRegression(max_iter=500))
register("Anna", line, slice(0, 600), slice(600, 800))
register("Ben", DecisionTreeClassifier(random_state=0), slice(0, 1600), last_week)
register("Carla", KNeighborsClassifier(1), slice(0, 1200), last_week)

# %% [markdown]
# Each call made a *version*; MLflow counts them. (`registered_model_name=` of `log_model` does the same in one step, and prints a line.) An **alias** is a word that names one version, and can be moved. Anna's version is the champion.

# %%
client.set_registered_model_alias("postcodes", "champion", 1)
client.get_model_version_by_alias("postcodes", "champion").version

# %% [markdown]
# ## The obvious way
#
# The office's script takes the version whose run has the lowest error.

# %%
versions = client.search_model_versions("name = 'postcodes'")
runs = {int(version.version): client.get_run(version.run_id) for version in versions}
as_logged = pd.Series({number: run.data.metrics["error"] for number, run in runs.items()}).sort_index()
as_logged

# %% [markdown]
# Version 2 makes no error at all, so the script would make it champion.
#
# **Predict before you run.** This week 197 further digits come, and each is checked by hand. Who reads them best: (a) version 1 (b) version 2 (c) version 3? And who worst?


# %%
def wrong(number, rows):
    """Which of these digits a version reads wrongly; bool array, shape (rows,)."""
    model = mlflow.sklearn.load_model(f"models:/postcodes/{number}")
    return model.predict(X[rows]) != y[rows]


this_weeks = pd.Series({number: wrong(number, this_week).mean() for number in (1, 2, 3)})
this_weeks.round(3)

# %% [markdown]
# It is (c), and the script's choice is by far the worst: it reads one digit of five wrongly, where Anna's reads one of ten. In money, by the assumption at the top:

# %%
round(200_000 * 0.60 * (this_weeks[2] - this_weeks[1]))

# %% [markdown]
# euros more a night. Ask of the figure: whose logged number can be believed?

# %%
figure, axis = plt.subplots(figsize=(6.5, 2.6), layout="constrained")
for number in (1, 2, 3):
    axis.plot([as_logged[number], this_weeks[number]], [number, number], color="0.7", zorder=0)
axis.scatter(as_logged, as_logged.index, marker="o", facecolor="white", edgecolor="black", label="as logged")
axis.scatter(
    this_weeks, this_weeks.index, marker="s", color="black", label="this week, all on the same digits"
)
axis.set(yticks=[1, 2, 3], yticklabels=["1 Anna", "2 Ben", "3 Carla"], ylim=(3.6, 0.4))
axis.set(xlabel="share of digits read wrongly", xlim=(-0.02, 0.3), title="What was logged, and what came")
legend = axis.legend()

# %% [markdown]
# *In words: Anna's two marks lie close together near 0.1, Carla's at 0.04 and 0.07. Ben's logged mark stands at 0, and the one of this week at 0.2, to the right of all others.*
#
# Only versions 1 and 3 were measured on digits that they had not seen, and these two on *different* ones. A number in a run says how the model did on the rows of that run, and no two of these runs have to share a row.
#
# ## The idea: same rows, now, and later than all training
#
# So a decision measures again: champion and candidate, on the same rows, which came after either was trained. The runs are asked for one thing only: until when the version was trained. First a gate, then a comparison.


# %%
def trained_before(number, rows):
    return int(runs[number].data.params["trained_until"]) <= rows.start


{number: trained_before(number, last_week) for number in (1, 2, 3)}

# %% [markdown]
# (`trained_until` is the stop of a slice here: the first row that was *not* used. So equal is early enough. Where it is the last moment that *was* used, equal is too late. Write down which of the two you mean.)
#
# Version 2 is out on last week's digits, before anybody looks at its error. On the remaining two, the same 200 digits:

# %%
last_weeks = pd.DataFrame({number: wrong(number, last_week) for number in (1, 3)})
last_weeks.mean()

# %% [markdown]
# Is a gap of 6.5 points on 200 digits a difference, or luck? Draw 200 digits from these 200, with repeats, and take the difference again; do so 2,000 times (the *bootstrap*, Efron and Tibshirani). The pairs stay together, since both read the same pictures.

# %%
rng = np.random.default_rng(0)
gap = (last_weeks[1].astype(float) - last_weeks[3]).to_numpy()  # (200,)
gaps = rng.choice(gap, size=(2000, 200)).mean(axis=1)
np.quantile(gaps, [0.025, 0.975]).round(3)

# %% [markdown]
# The 95 % interval lies above 0, so luck with these 200 digits alone hardly explains the gap; its lower end is 2.5 points. A **margin** is that question as a rule that is fixed before anybody has seen the numbers: change only if the gain is larger than what luck gives on so many rows, and worth the risk of a change.
#
# ## A gate that cannot say no
#
# Dora is next. She scales each pixel by hand: minus its mean, divided by its standard deviation. Her reader compares a digit with the mean picture of each class, and makes chances of the ten distances. As her error she takes one minus the mean chance of the true digit.

# %%
train = slice(0, 1200)
with np.errstate(invalid="ignore"):
    scaled = (X - X[train].mean(axis=0)) / X[train].std(axis=0)
pictures = np.array([scaled[train][y[train] == digit].mean(axis=0) for digit in range(10)])
distance = np.linalg.norm(scaled[last_week][:, None] - pictures, axis=2)  # (200, 10)
chance = np.exp(-distance) / np.exp(-distance).sum(axis=1, keepdims=True)
dora = 1 - chance[np.arange(200), y[last_week]].mean()
dora

# %% [markdown]
# **Predict before you run.** The gate's line is `if error > limit: refuse`. Is Dora's version (a) refused (b) let through (c) stopped by an exception?

# %%
refused = dora > 0.10
"refused" if refused else "let through"

# %% [markdown]
# It is (b). The pixels in the corners are white in all training pictures: 0 by 0 is NaN, and every comparison with NaN is False, also `dora <= 0.10`. So write a gate as what has to be *true* for a pass:

# %%
passed = dora <= 0.10
"let through" if passed else "refused"

# %% [markdown]
# The same holds for what cannot be computed at all. A version whose file does not load raises an exception; whoever wraps the gate in `try` has to say what the `except` means. There is one safe answer: a gate that could not be looked at has failed.
#
# ## When does the word move?
#
# The office's second script knows gates. It makes the candidate champion, measures "what is live now", and moves the alias back if the numbers are bad. Its author says that in the end the alias is always right.
#
# **Predict before you run.** The machines may start at any moment. `machine_starts` stands for one that starts in the middle. Which version does it load, and until when?


# %%
def machine_starts():
    return client.get_model_version_by_alias("postcodes", "champion").version


client.set_registered_model_alias("postcodes", "champion", 2)
loaded = machine_starts()
if not trained_before(2, last_week):
    client.set_registered_model_alias("postcodes", "champion", 1)
print("in the end:", machine_starts(), " the machine that started in between:", loaded)

# %% [markdown]
# It reads with version 2, until somebody restarts it: a reader looks an alias up once and keeps what it loaded. So all looking comes first, and then one move. MLflow's `set_registered_model_alias` replaces the old target; there is no need to remove the alias before, and between the two calls nobody would serve.
#
# ## The right way
#
# One Monday in a run: what was compared, on which rows, what came out. Then a last look at the alias, since a colleague may have moved it in the meantime, and the moves. `previous` remembers who served, and it is set first: at every moment somebody may have to go back.

# %%
margin = 0.02
with mlflow.start_run(run_name="monday"):
    error = last_weeks.mean()
    mlflow.log_params({"champion": 1, "candidates": "2, 3", "rows": "1400 to 1599", "margin": margin})
    mlflow.log_metrics({"error.1": error[1], "error.3": error[3]})
    mlflow.set_tag("refused.2", "trained_before")
    if int(machine_starts()) != 1:
        raise RuntimeError("somebody has moved the champion; the comparison is void")
    if error[3] < error[1] - margin:
        client.set_registered_model_alias("postcodes", "previous", 1)
        client.set_registered_model_alias("postcodes", "champion", 3)
{alias: int(number) for alias, number in client.get_registered_model("postcodes").aliases.items()}

# %% [markdown]
# Under *Models*, `postcodes`, MLflow's page (`mle ui`) now shows both aliases beside their versions, and under *Experiments* the run of this Monday: why version 2 was refused stands there, whatever becomes of the aliases.
#
# And if the Monday breaks off? All of it stands inside the `with`, so MLflow ends the run as failed, what was logged before stays, and the exception goes on to whoever called.

# %%
try:
    with mlflow.start_run(run_name="broken monday") as run:
        mlflow.log_param("champion", 1)
        raise RuntimeError("the champion cannot be measured")
except RuntimeError as problem:
    print("the caller hears:", problem)
broken = client.get_run(run.info.run_id)
broken.info.status, broken.data.params

# %% [markdown]
# ## The way back
#
# Suppose that on Tuesday the new champion turns out to need ten times the memory. Back to the one before. Which number is that?
#
# **Predict before you run.** (a) the champion's number minus 1 (b) the version with the second lowest error (c) neither.

# %%
before = client.get_model_version_by_alias("postcodes", "previous").version
print("champion minus 1:", 3 - 1, "  second lowest error as logged:", as_logged.sort_values().index[1])
print("served before:", before)

# %% [markdown]
# It is (c). Version 2 lies between them and never passed; version 3 is the one that we take out; numbers count registrations, not services. Only what was written down at the move knows who served. Once we are back, `previous` goes: it names the champion itself now, and a second, impatient
# call has to find that there is nothing to go back to. It goes *after* the move, so that a way back that broke off can be called again.

# %%
client.set_registered_model_alias("postcodes", "champion", before)
client.delete_registered_model_alias("postcodes", "previous")
client.get_registered_model("postcodes").aliases

# %% [markdown]
# And version 3? Somebody proposes to delete it, so that nobody takes it by mistake. Let us do that to version 2, which nobody misses.

# %%
client.set_registered_model_alias("postcodes", "suspect", 2)
client.delete_model_version("postcodes", 2)
try:
    client.get_model_version("postcodes", 2)
except mlflow.MlflowException as problem:
    print(problem)
print(sorted(client.get_registered_model("postcodes").aliases))

# %% [markdown]
# The version is gone, and so is the alias that named it, without a word. A record of last week that says `postcodes/2` now leads nowhere. A *tag* does the same work and keeps the proof:

# %%
client.set_model_version_tag("postcodes", "3", "out_of_service", "2025-05-06: ten times the memory")
client.get_model_version("postcodes", "3").tags

# %% [markdown]
# Whoever looks for candidates next Monday has to read that tag. Else version 3, whose error is still the lowest, is back. A script sets the tag *before* it moves the alias: if it breaks off in between, the worst is a tag too many.

# %%
left = client.search_model_versions("name = 'postcodes'")
[int(version.version) for version in left if "out_of_service" not in version.tags]

# %% [markdown]
# ## In production
#
# - **Two scripts at once.** MLflow has no "move the alias if it is still on 1". Look at the alias once more just before the move and stop if it is elsewhere; what is left is a window of milliseconds. Where that is too much, let one job alone move aliases, one at a time.
# - **At three in the morning** somebody who has never seen the model has to go back with one command. It must not need the training rows, the gates or a decision, and it must say so if there is nothing to go back to. Breck and others ask for both: "model quality is validated before attempting to serve it" (Infra 4), and models can be "quickly and safely rolled back" (Infra 7).
# - **A machine keeps what it loaded.** After a rollback the alias is right and the machines are not. Let each answer carry its version's number, and watch that the old one disappears.
# - **At a hundred times the rows** measure on a sample of fixed size, the same for all, and write down how it was drawn. Loading each candidate is what takes the time; it grows with the number of versions, so candidates are those since the last decision.
# - **After a year** there are hundreds of versions. Delete files of those that never served by a rule with a date; keep whatever was ever champion, with its run.
#
# ## When this advice is wrong
#
# - **Labels come late.** Then "fresh rows" are two months old. Gates on them still stop the broken; whether the better one is better today shows only beside the champion, on live traffic, which is what a challenger is for (Breck and others: a canary, Infra 6).
# - **The champion is broken.** If it cannot be measured, nothing is better or worse than it. A rule that promotes anybody then, or nobody for weeks, is worse than a page to somebody.
# - **One model, one user, no night shift.** A file and a date in a table are enough. The registry is for those who were not there when it was trained.
#
# ## Close
#
# You can now put gates before an alias that say no when in doubt, compare on the same fresh rows, move aliases so that a reader always finds a good version, and go back to the one that served before.
#
# From memory:
#
# 1. Ben's logged error was 0. Name two things that were wrong with comparing it to Anna's.
# 2. Why is `if error > limit: refuse` not the same as `if not error <= limit: refuse`?
# 3. A script deletes the alias and sets it again. Who notices, and when?
#
# Now the exercise: `mle start registry`, then `mle check registry`.
#
# **Sources**
#
# - MLflow 3, documentation, *ML Model Registry*: versions, aliases and tags.
# - E. Breck, S. Cai, E. Nielsen, M. Salib, D. Sculley, *The ML test score: a rubric for ML production readiness and technical debt reduction*, IEEE Big Data 2017, section on tests for ML infrastructure: Infra 4, model quality is validated before attempting to serve it; Infra 6, canary; Infra 7, models can be rolled back quickly and safely.
# - B. Efron, R. Tibshirani, *An Introduction to the Bootstrap*, Chapman and Hall 1993, chapter 13: confidence intervals from percentiles.
