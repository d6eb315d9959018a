# ---
# title: "Can the auditor have the number of March again?"
# minutes: 35
# data: [randhie]
# needs: [point-in-time]
# runs_on: [loopback]
# sources:
#   - "NumPy, reference, Random sampling, Compatibility policy: the same stream from run to run, and under which conditions"
#   - "Python, documentation, Command line and environment, environment variable PYTHONHASHSEED"
#   - "scikit-learn, User Guide, Model persistence, section on security and maintainability limitations: what to keep beside a model"
#   - "Bouthillier et al. (2021), Accounting for variance in machine learning benchmarks, MLSys 2021, abstract"
#   - "scikit-learn, reference, RandomForestRegressor and DecisionTreeRegressor, parameter random_state: columns are permuted at each split"
#   - "PyTorch, documentation, Reproducibility"
# ---

# %% [markdown]
# # Can the auditor have the number of March again?
#
# In March a health insurer set money aside for the visits to doctors of the coming year: 40 dollars for each visit that a model expects. In September the auditor asks to see how the number came about, and wants to
# see it again. If it cannot be shown, the number counts as made up, and what was set aside has to be argued for line by line. (The members are real, from the RAND health insurance experiment of the 1970s. The 40 dollars are ours.)
#
# **After this notebook you can**
#
# 1. hand a seed to each step that draws, so that a training gives the same model again in any process;
# 2. record everything that a training depends on: configuration, data, code, versions;
# 3. let a job fail in such a way that no run claims a model which is not there.
#
# The exercise asks the same of the fraud model, as a job in three files.
#
# **A question from before.** In `point-in-time` the training table was built "as known at the decision". Why is a table that was read from the shop's database today another one than that of March, even if you ask for the same orders?
#
# <details><summary>Answer</summary>
# What is known about these orders has grown: chargebacks have arrived, addresses were corrected. So the same query gives other rows or other labels, and a model that learns from them is another one.
# </details>

# %%
import grader

grader.begin("reproducible-training")

import numpy as np
import pandas as pd
from sklearn.ensemble import RandomForestRegressor
from tidewater.real import load

# %% [markdown]
# ## The members
#
# One row for each member and study year. The model learns from the first two years how many visits a member makes, and the money is for the third.

# %%
members = load("randhie")
INPUTS = [
    "age_years",
    "family_size",
    "income_dollars",
    "chronic_diseases",
    "limitation",
    "coinsurance_percent",
]
past, coming = members[members["year"] <= 2], members[members["year"] == 3]
print(f"{len(past):,} rows to learn from, {len(coming):,} members in the third year")
past["visits"].describe().round(1).to_frame().T

# %% [markdown]
# Half of the rows have one visit or none, and one has 72. With such a tail it matters which rows a model happens to see.
#
# ## The notebook of March
#
# Nobody waits for all rows: 2,000 of them are drawn, and a forest of 20 trees is grown on them.


# %%
def money(rows, forest):
    """Dollars to set aside for the third year, by a forest that is fitted on these rows."""
    forest.fit(rows[INPUTS], rows["visits"])
    return 40 * forest.predict(coming[INPUTS]).sum()


forest = RandomForestRegressor(20, min_samples_leaf=10)
in_march = money(past.sample(2000), forest)
print(f"{in_march:,.2f} dollars, paid out later: {40 * coming['visits'].sum():,} dollars")

# %% [markdown]
# The number goes to the board, and it is not bad. In September somebody opens the notebook and runs it from the top.
#
# **Predict before you run.** The same code and the same rows. Is the new number (a) the same (b) within a hundred dollars of the old one (c) thousands of dollars away?

# %%
again = [money(past.sample(2000), RandomForestRegressor(20, min_samples_leaf=10)) for _ in range(4)]
print("another run minus March:", *(f"{number - in_march:+,.0f}" for number in again))

# %% [markdown]
# Thousands of dollars, mostly. (These numbers are other ones each time you run the cell; that is the point.) Nothing has changed, and nobody can say which of the numbers the board has signed.
#
# ## The first cure: one line at the top
#
# `np.random.seed` sets the state of numpy's *global* generator, from which `sample` and the forest draw when they are given nothing else.

# %%
np.random.seed(0)
first = money(past.sample(2000), RandomForestRegressor(20, min_samples_leaf=10))
np.random.seed(0)
second = money(past.sample(2000), RandomForestRegressor(20, min_samples_leaf=10))
print(f"{first:,.2f} and {second:,.2f}")

# %% [markdown]
# To the last cent. The line stays at the top of the notebook, and everybody believes in it. Two months later a colleague adds a look at ten random rows, and replaces `sample` by numpy's current way to draw.
#
# **Predict before you run.** Each change is tried alone, with the seed at the top. Which of them changes the money: (a) neither (b) the second alone (c) both?

# %%
np.random.seed(0)
past.sample(10)  # a look
print(
    f"after a look:     {money(past.sample(2000), RandomForestRegressor(20, min_samples_leaf=10)) - first:+,.0f}"
)

for _ in range(2):
    np.random.seed(0)
    drawn = np.random.default_rng().choice(len(past), 2000, replace=False)
    print(
        f"with a Generator: {money(past.iloc[drawn], RandomForestRegressor(20, min_samples_leaf=10)) - first:+,.0f}"
    )

# %% [markdown]
# Both. A look takes ten draws out of the one stream that all share, so everything behind it gets others. And `default_rng()` makes a generator of its own, which the global seed never reaches: it starts anew each time.
#
# ## The idea: the seed is an argument
#
# ```text
# one stream for all                     a stream for each step
#
# seed -> [ look | sample | forest ]     seed -+-> sample
#           ^ one draw more here               +-> forest       a look draws from
#             moves all that follow            (by argument)    its own, or nothing
# ```
#
# A step that draws is a function of its arguments, and the seed is one of them. `SeedSequence` makes as many independent seeds of one number as there are steps, so that one number in the configuration is enough.


# %%
def steps(seed):
    """One seed for the rows and one for the forest, made of one number."""
    rows, trees = np.random.SeedSequence(seed).generate_state(2)
    return int(rows), int(trees)


def reserve(config, past=past, columns=INPUTS):
    """(dollars, fitted forest), by nothing but the arguments."""
    for_rows, for_trees = steps(config["seed"])
    rows = past.sample(config["rows"], random_state=for_rows)
    forest = RandomForestRegressor(config["trees"], min_samples_leaf=config["leaf"], random_state=for_trees)
    forest.fit(rows[columns], rows["visits"])
    return 40 * forest.predict(coming[columns]).sum(), forest


CONFIG = {"seed": 3, "rows": 2000, "trees": 20, "leaf": 10}
signed, _ = reserve(CONFIG)
past.sample(10), np.random.default_rng().random(3)
print(f"{signed:,.2f} and {reserve(CONFIG)[0]:,.2f}")

# %% [markdown]
# Whatever others draw, the number stays. And the seed is no magic: it is one input among others, written where the others are.
#
# ## Another process
#
# The job of tonight is another Python than that of last night. One thing differs between them that no seed of numpy knows: Python salts the hashes of texts anew in each process (`PYTHONHASHSEED`, Python's documentation), so that a
# set of texts has another order.

# %%
import ast
import subprocess
import sys

orders = []
for night in (1, 2, 3):
    job = subprocess.run(
        [sys.executable, "-c", f"print(list(set({INPUTS})))"], capture_output=True, text=True
    )
    orders.append(ast.literal_eval(job.stdout))
    print(orders[-1])

# %% [markdown]
# **Predict before you run.** The columns of the three nights are the same, in other orders. The forest has its seed. Is the money (a) the same, since a forest does not care for the order of columns (b) another?

# %%
for order in orders:
    print(f"{reserve(CONFIG, columns=order)[0] - signed:+,.2f} dollars")

# %% [markdown]
# Another. At each node scikit-learn puts the columns into an order drawn at random, by their *places*, before it looks for the best cut (its reference says so under `random_state`), and of two equally good cuts one is taken by this order. With other columns in
# the places, other trees grow. A list that is sorted, or kept in the table's order, cures it.
#
# ## The same file?
#
# The configuration names a file. In June somebody corrects one entry in it and puts the file's date back, as a tool for copies does. How would you notice?

# %%
import hashlib
import os
import tempfile
from pathlib import Path

folder = Path(tempfile.mkdtemp())
file = folder / "members.parquet"
past.to_parquet(file)
before, digest = file.stat(), hashlib.sha256(file.read_bytes()).hexdigest()

corrected = past.assign(visits=past["visits"].mask(past.index == past["visits"].idxmax(), 7))
corrected.to_parquet(file)
os.utime(file, (before.st_atime, before.st_mtime))
print("same name, rows and date:", len(corrected) == len(past) and file.stat().st_mtime == before.st_mtime)
print("same SHA-256 of the bytes:", hashlib.sha256(file.read_bytes()).hexdigest() == digest)

# %% [markdown]
# Name, number of rows and date say nothing about content. A hash of the bytes does, at the price of one pass over the file. Does one entry of 11,000 matter?
#
# **Predict before you run.** The entry was 72 visits, and is 7 now. Does the money move by (a) nothing, since the forest hardly ever sees this row (b) it depends on the seed?

# %%
for seed in (4, 5, 6):
    config = CONFIG | {"seed": seed}
    print(f"seed {seed}: {reserve(config, past=corrected)[0] - reserve(config)[0]:+,.9f} dollars")

# %% [markdown]
# It depends on whether the row was among the 2,000 that were drawn. Where it was not, the difference is 0 to the last digit, and such a change would pass every comparison of results. Only the hash tells.
#
# ## Everything in one run
#
# So a run records the configuration (all of it, not what seems interesting), the hash of the data, the versions, the result, and the model with a signature and an example. The file's bytes are read once, and the same bytes are hashed and parsed:
# between two readings somebody could write. The list is not ours alone: scikit-learn's guide asks to keep training data, source code and
# versions beside a model that is stored.

# %%
import io
import logging
import platform
from importlib.metadata import version

import mlflow
from mlflow.models import infer_signature

logging.getLogger("mlflow.sklearn").setLevel(logging.ERROR)  # the warning of cloudpickle
past.to_parquet(file)  # the file of March again
versions = {name: version(name) for name in ("numpy", "pandas", "scikit-learn")}
data = file.read_bytes()
rows = pd.read_parquet(io.BytesIO(data))
dollars, forest = reserve(CONFIG, past=rows)

# %% [markdown]
# The run begins when there is something to record. The example is three members, and the signature says what goes in and what comes out.

# %%
with mlflow.start_run(run_name="reserve-march") as run:
    mlflow.log_params(CONFIG | versions | {"python": platform.python_version()})
    mlflow.log_param("members_sha256", hashlib.sha256(data).hexdigest())
    mlflow.log_metric("dollars", dollars)
    mlflow.sklearn.log_model(
        forest,
        name="forest",
        signature=infer_signature(coming[INPUTS].astype(float), forest.predict(coming[INPUTS])),
        input_example=coming[INPUTS].astype(float).head(3),
        pip_requirements=["scikit-learn"],
        serialization_format="cloudpickle",
    )

# %% [markdown]
# `mle ui` shows the run on MLflow's page; under *Models* stands the forest with the names and types of what goes in. Is the record complete? There is one test of that: **train again from the run and the file**, and from nothing of the notebook but the code, `reserve`.

# %%
kept = mlflow.get_run(run.info.run_id).data
config = {name: int(kept.params[name]) for name in ("seed", "rows", "trees", "leaf")}
assert hashlib.sha256(file.read_bytes()).hexdigest() == kept.params["members_sha256"]
rebuilt, _ = reserve(config, past=pd.read_parquet(file))
print(f"March {kept.metrics['dollars']:,.10f}\nnow   {rebuilt:,.10f}")

# %% [markdown]
# To the last digit. The code had to come from the notebook: it is not in this run, and in the exercise you log it, too. A number that is used and not recorded would be missing here; one that is recorded and not used would change nothing when it is changed.
# Both directions are worth a test.
#
# ## A run that lies
#
# The other side of a record: it must not claim what did not happen. A job begins a run, logs its parameters, and breaks before there is a model.
#
# **Predict before you run.** It never says `end_run`. Under which status does MLflow keep the run of the job that crashed: (a) RUNNING (b) FAILED (c) FINISHED?

# %%
crash = "import mlflow; mlflow.start_run(run_name='crash'); mlflow.log_param('seed', 3); raise ValueError('no data')"
job = subprocess.run([sys.executable, "-c", crash], capture_output=True, text=True)
found = mlflow.search_runs(filter_string="run_name = 'crash'", output_format="list")[0]
print(
    f"exit code {job.returncode}, last line {job.stderr.strip().splitlines()[-1]!r}, run {found.info.status}"
)

# %% [markdown]
# FINISHED: at the end of a process MLflow closes an open run so, whatever the reason of the end was. Inside of `with mlflow.start_run():` an exception makes the run FAILED.

# %%
try:
    with mlflow.start_run(run_name="crash-in-with") as broken:
        raise ValueError("no data")
except ValueError:
    print(mlflow.get_run(broken.info.run_id).info.status)

# %% [markdown]
# Better still, read and check everything first, and begin the run when there is something to record. The exit code and the last line were right all by themselves: an exception that nobody catches is a good message.
#
# ## What the seed does not tell
#
# The number can be had again. Is it a good number? Ask of the figure: how much of what the board signed was chance?

# %%
import matplotlib.pyplot as plt

by_seed = np.array([reserve(CONFIG | {"seed": seed})[0] for seed in range(12)])
paid = 40 * coming["visits"].sum()
figure, axis = plt.subplots(figsize=(7, 2.2), layout="constrained")
axis.plot(by_seed / 1000, np.zeros(12), "o", color="black", alpha=0.5, label="one seed each")
axis.axvline(paid / 1000, color="black", linestyle="--", label="paid out later")
axis.set(xlabel="money set aside (thousand dollars)", yticks=[], title="What do twelve seeds set aside?")
legend = axis.legend(loc="upper left")
print(f"standard deviation over 12 seeds: {by_seed.std(ddof=1):,.0f} dollars")

# %% [markdown]
# *In words: twelve grey dots, one for each seed, spread over some tens of thousands of dollars; the dashed line is what was paid out.* Each dot can be had again to the last digit, and they disagree. A seed makes a number repeatable, not right: report the spread
# over seeds beside the number, and do not search for a seed that looks good. Bouthillier and others find that the draw of the data, the start values and the choice of settings move benchmark results markedly, and that a comparison which varies
# more of them comes nearer to the ideal one.
#
# ## In production
#
# - **A hundred times the rows.** Hashing is one pass over the bytes. Keep the files, too, and let nobody write over them: a hash tells that a file is another one, and does not bring the old one back.
# - **At three in the morning.** The job reads its configuration first and refuses what it does not know, in one line that names the key. A message that does not name the file (a buffer has no name) is completed. The exit code tells the scheduler.
# - **After a year.** The libraries have new versions. numpy promises the same stream of `default_rng` only for the same build, in the same environment, on the same machine. (The older generator behind
#   `random_state=3` is frozen, and the trees that are grown with its draws are not.) So the versions in the run are what you install before you train again.
# - **Monitor.** Each week, train one old run again and compare. It is the only alarm for an input that nobody wrote down.
#
# The last digit is a matter of order, too. Sums of floats depend on the order in which they are added:

# %%
print(0.1 + 0.2 + 0.3 == 0.3 + 0.2 + 0.1, f"{0.1 + 0.2 + 0.3:.17f} {0.3 + 0.2 + 0.1:.17f}")

# %% [markdown]
# With several threads or a graphics card the order may be that in which parts get ready. PyTorch's page on reproducibility says so openly: complete agreement is not guaranteed across releases and platforms, and deterministic operations are often slower. There, agree on a tolerance, and write it down.
#
# ## When this advice is wrong
#
# - While you explore, a strict job slows you down. Be strict from the moment at which somebody else decides by the number.
# - If the data must be deleted, by law or by request, the training cannot be had again. Say so in advance: keep the model, its measures and the hash, and write down what can no longer be shown.
# - One seed for good does not belong into a comparison of two models: there the spread over seeds is the answer.
#
# ## To close
#
# You can hand a seed to each step that draws, record what a training depends on and test the record by training again, and let a job fail without a run that lies.
#
# **From memory.** 1. Why does `np.random.seed(0)` not reach `np.random.default_rng()`? 2. Which change of a file do name, rows and date not show, and when does even the result not show it? 3. How does MLflow close the run of a process that crashed, and what do you do about it?
#
# **Sources.** NumPy, *Compatibility policy* (which conditions the same stream needs). Python, *Command line and environment*, `PYTHONHASHSEED`. scikit-learn, *Model persistence*, on maintainability (what to keep beside a model). Bouthillier et al. (2021), *Accounting for variance in
# machine learning benchmarks*, abstract. PyTorch, *Reproducibility*, first paragraphs.
