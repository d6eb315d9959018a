# ---
# title: "Who was paid twice?"
# minutes: 30
# data: [tidewater]
# needs: [leakproof-pipeline, point-in-time]
# runs_on: []
# sources:
#   - "IEEE Std 1003.1-2017 (POSIX), System Interfaces, rename(): the new name stays visible throughout and is either the old or the new file"
#   - "Python 3 documentation, os.replace: atomic if successful"
#   - "Kleppmann (2017), Designing Data-Intensive Applications, chapter 10, The Output of Batch Workflows, section Philosophy of batch process outputs"
#   - "Beauchemin (2018), Functional Data Engineering: a modern paradigm for batch data processing"
#   - "Linux manual, fsync(2), section Description"
# ---

# %% [markdown]
# # Who was paid twice?
#
# Tidewater gives five euros to each customer whose parcel came late. A nightly job writes the list of vouchers, week by week, and the bank pays what is on the list. One night the
# machine is taken away in the middle and the job is started again. Who has been paid twice, and who was forgotten?
#
# **After this notebook you can**
#
# 1. write a job that may die at any moment and be started again, and whose readers never see half a result;
# 2. say from which facts a result is *done*, so that a changed input or rule is worked on again and nothing else is;
# 3. work through a file in an amount of memory that does not grow with it.
#
# The exercise asks the same of a fraud model's scores.
#
# **A question from before.** In `leakproof-pipeline` a model was logged so that a colleague's Python could load it. Why did its classes have to be in files, and not in the notebook?
#
# <details><summary>Answer</summary>
# A process that starts fresh has none of the notebook's names. The same holds tonight: what a job knew in its variables is gone with it, and the next night knows only what lies on the disk.
# </details>

# %%
import grader

grader.begin("batch-scoring")

import pandas as pd

from tidewater import small

# %% [markdown]
# ## The vouchers
#
# Four weeks of parcels of the small world. A parcel is late if it was delivered after the promised moment.

# %%
parcels = small.load_small("deliveries").sort_values("shipped_at")
parcels["week"] = (parcels["shipped_at"] - pd.Timestamp("2025-01-01")) // pd.Timedelta(weeks=1)
late = parcels[(parcels["delivered_at"] > parcels["promised_at"]) & (parcels["week"] < 4)]
owed = late[["week", "order_id"]].assign(euros=5)
owed.groupby("week").agg(vouchers=("order_id", "size"), euros=("euros", "sum"))

# %% [markdown]
# These are what has to be paid, once each.
#
# ## A machine that may vanish
#
# We need a way to die. `step()` stands at each moment at which the machine might be taken away; we say at which of them it is. A real kill leaves Python without a word, and so no `finally` of the job may help: the
# jobs below have none.


# %%
class PowerCut(Exception):
    """The machine is gone."""


left = [0]


def step():
    """One moment of the job. The last one that is left is the end."""
    left[0] -= 1
    if left[0] == 0:
        raise PowerCut


# %% [markdown]
# ## The job that everybody writes first
#
# Take the weeks in turn, and append the vouchers to the list, 500 at a time.

# %%
import shutil
from pathlib import Path


def append(rows, path):
    rows.to_csv(path, mode="a", header=False, index=False)


def one_list(folder):
    for _, rows in owed.groupby("week"):
        for start in range(0, len(rows), 500):
            step()
            append(rows[start : start + 500], folder / "all.csv")


# %% [markdown]
# A night: an empty folder, the job, and once more if the machine went away.


# %%
def night(job, dies_at):
    """The list after a night in which the machine goes away at that step, and the job is started again."""
    folder = Path("vouchers")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    start_twice(job, folder, dies_at)
    return read(folder)


def start_twice(job, folder, dies_at):
    """The job, in which the machine goes away at that step, and the job once more if it did."""
    left[0] = dies_at
    try:
        job(folder)
    except PowerCut:
        left[0] = 0
        job(folder)


def read(folder):
    names = ["week", "order_id", "euros"]
    return pd.concat([pd.read_csv(path, names=names) for path in folder.glob("*.csv")])


# %% [markdown]
# Without a power cut it would be the list that is owed. Here the machine goes away at the sixth step.
#
# **Predict before you run.** The job is started again and runs to its end. How much does the bank pay: (a) what is owed (b) less (c) more?

# %%
paid = night(one_list, dies_at=6)
f"owed {owed['euros'].sum():,} EUR, paid {paid['euros'].sum():,} EUR"

# %% [markdown]
# It is (c): all that was written before the power cut is on the list twice. An append cannot be repeated.
#
# ## The second try: leave out what is there
#
# A file for each week, and a week that has its file is left out.


# %%
def skip_what_is_there(folder):
    for week, rows in owed.groupby("week"):
        path = folder / f"week-{week}.csv"
        if path.exists():
            continue
        for start in range(0, len(rows), 500):
            step()
            append(rows[start : start + 500], path)


# %% [markdown]
# **Predict before you run.** The same power cut at the sixth step. Now the bank pays (a) what is owed (b) less (c) more?

# %%
paid = night(skip_what_is_there, dies_at=6)
f"owed {owed['euros'].sum():,} EUR, paid {paid['euros'].sum():,} EUR"

# %% [markdown]
# It is (b), and it is worse, since nobody complains at once. A file of which a part was written is there, so its week counted as done.
#
# Both jobs are right when nothing happens. One power cut at one step is one test. There are not many steps, so let the machine vanish at each of them. These two jobs have twelve, the next one will have 16; a job that has fewer does not die.

# %%
steps = range(1, 17)


def errors(job):
    """For each step at which the machine may vanish: how many euros too many or too few are paid."""
    return [int(night(job, dies_at)["euros"].sum() - owed["euros"].sum()) for dies_at in steps]


found = pd.DataFrame({"one list": errors(one_list), "what is there": errors(skip_what_is_there)}, index=steps)
found.T

# %% [markdown]
# The first one is right only where it dies before its first line, or not at all. The second is right also where the power fails between two weeks, at one step of three: this is how it got through its tests.
#
# ## The idea: the name is given last
#
# A reader and the next night both ask the folder, "what is there?" So a name must not be there before what it stands for is whole. POSIX has one call for that: `rename` puts a file under its name in one go. Whoever looks sees
# the old file or the new one, and never a part or nothing (*POSIX, rename()*). Python's `os.replace` is that call; it is atomic if it succeeds, within one file system.
#
# ```text
# write week-2.part   write   write   write   RENAME to week-2.csv
# |--- dies here: no week-2.csv, so it is begun again ---|--- dies here: it is whole ---
# ```
#
# There is no third place on that line. And whoever has the old file open reads on in the old one:

# %%
import os

Path("list.csv").write_text("the old list")
Path("list.part").write_text("the new list")
with open("list.csv") as reader:
    os.replace("list.part", "list.csv")
    seen = reader.read()
seen, Path("list.csv").read_text()

# %% [markdown]
# The same holds for a job whose input is replaced while it reads: what it has open stays the old file, and what it opens anew is the new one.
#
# One question is left: is the file that is there still the right one? On Monday the warehouse mends three promises of week 1, on Tuesday the voucher becomes ten euros. A name like `week-1` knows nothing of that.
#
# A result depends on two things: what went in, and the rule. So let a short hash of both be part of the name.

# %%
import hashlib


def key(rows):
    """Eight letters for these vouchers: who gets one, and how much. Other vouchers, other letters."""
    return hashlib.sha256(rows.to_csv(index=False).encode()).hexdigest()[:8]


def whole_weeks(folder, owed=owed):
    for week, rows in owed.groupby("week"):
        path, part = folder / f"week-{week}.{key(rows)}.csv", folder / f"week-{week}.part"
        if path.exists():
            continue
        part.unlink(missing_ok=True)
        for start in range(0, len(rows), 500):
            step()
            append(rows[start : start + 500], part)
        step()
        os.replace(part, path)


# %% [markdown]
# **Predict before you run.** At how many of the 16 steps may the machine vanish, so that the bank pays too much or too little?

# %%
found["whole weeks"] = errors(whole_weeks)
(found != 0).sum()

# %% [markdown]
# At none: it is the third number. But equal sums could hide one customer who is paid twice and one who is forgotten, so compare the orders, too:

# %%
wanted = sorted(owed["order_id"])
all(sorted(night(whole_weeks, dies_at)["order_id"]) == wanted for dies_at in steps)

# %% [markdown]
# Ask of the figure: in which direction does each job err, and when would you have noticed?

# %%
import matplotlib.pyplot as plt

figure, axis = plt.subplots(figsize=(7, 3.2), layout="constrained")
for (name, euros), style in zip(found.items(), ["o--", "s:", "x-"], strict=True):
    axis.plot(steps, euros / 1000, style, color="black", label=name)
axis.set(xlabel="step at which the machine vanishes", ylabel="paid minus owed (1,000 EUR)")
axis.set_title("What does the bank pay after a power cut and a second start?")
legend = axis.legend()

# %% [markdown]
# *In words: the first job pays more the later it dies, up to nearly the whole list twice. The second pays some thousand euros less, or exactly what is owed where the cut falls between two weeks. The third lies on zero throughout.*
#
# ## What is worked on again
#
# The folder holds four weeks. Three parcels of week 1 turn out to have been in time.
#
# **Predict before you run.** How many files does the job write: (a) none (b) one (c) four?

# %%
folder = Path("vouchers")
before = set(folder.glob("*.csv"))
mended = owed.drop(owed.index[owed["week"] == 1][:3])
left[0] = 0
whole_weeks(folder, mended)
[path.name.split(".")[0] for path in set(folder.glob("*.csv")) - before]

# %% [markdown]
# It is (b). And with the rule changed to ten euros all four are due, without a list of what to do:

# %%
before = set(folder.glob("*.csv"))
whole_weeks(folder, mended.assign(euros=10))
len(set(folder.glob("*.csv")) - before)

# %% [markdown]
# The folder now has nine files, and the bank must know which four count. Where readers take all that is there, one file a week under a fixed name is
# better, and a note beside it says what it was made of. Now there are two things to write, and so an order.


# %%
import json


def put(path, text):
    """Text under a name, whole or not at all."""
    part = path.with_suffix(".part")
    part.write_text(text)
    step()
    os.replace(part, path)


def noted(folder, owed, note_first):
    """One file a week, and in notes.json the hash of what each was made of."""
    place = folder / "notes.json"
    notes = json.loads(place.read_text()) if place.exists() else {}
    for week, rows in owed.groupby("week"):
        path, text = folder / f"week-{week}.csv", rows.to_csv(header=False, index=False)
        if path.exists() and notes.get(str(week)) == key(rows):
            continue
        notes[str(week)] = key(rows)
        if note_first:
            put(place, json.dumps(notes))
        put(path, text)
        if not note_first:
            put(place, json.dumps(notes))


# %% [markdown]
# The folder holds four weeks at five euros. The voucher becomes ten euros, and in that night the machine goes away.
#
# **Predict before you run.** At how many of the eight steps is too little paid after a second start, if the note comes first? And if it comes last?

# %%
ten = owed.assign(euros=10)


def too_little(note_first, dies_at):
    """Euros that are missing after a night with the new rule that dies at that step, and a second start."""
    shutil.rmtree(folder)
    folder.mkdir()
    left[0] = 0
    noted(folder, owed, note_first)
    start_twice(lambda place: noted(place, ten, note_first), folder, dies_at)
    return int(ten["euros"].sum() - read(folder)["euros"].sum())


pd.DataFrame(
    {
        name: [too_little(first, n) for n in range(1, 9)]
        for name, first in [("note first", True), ("note last", False)]
    },
    index=range(1, 9),
).T

# %% [markdown]
# At four, and at none. With the note first the week whose old list is still there counts as done: its customers get five euros for good. With the note last it is
# written once more, which costs some work and no money. **First the result, then the note.**
#
# ## In little memory
#
# A week has thousands of rows here; a large shop's day has millions. A Parquet file is stored in row groups, each compressed by itself, and can be read in batches. Titles make it large: here are 60 copies of the articles of the shop.

# %%
import pyarrow as pa
import pyarrow.parquet as pq

articles = pa.table({"title": ["a fine pair of walking shoes " * 20] * 5_000})
with pq.ParquetWriter("articles.parquet", articles.schema) as writer:
    for _ in range(60):
        writer.write_table(articles)
f"{Path('articles.parquet').stat().st_size / 1e6:.1f} MB on disk"

# %% [markdown]
# **Predict before you run.** How much memory does Arrow hold for the whole table: (a) about as much as the file (b) ten times as much (c) a hundred times and more?

# %%
empty = pa.total_allocated_bytes()
whole = pq.read_table("articles.parquet")
held_whole = pa.total_allocated_bytes() - empty
del whole
held = [pa.total_allocated_bytes() - empty for _ in pq.ParquetFile("articles.parquet").iter_batches(5_000)]
f"whole {held_whole / 1e6:.0f} MB, in batches at most {max(held) / 1e6:.0f} MB"

# %% [markdown]
# It is (c): equal titles are stored once, and unpacked they are there again and again. So the size of a file says little about the memory it takes. In batches it is the memory of some batches, whatever the file has.
# What a reader holds beside them is its own affair: measure the process with its largest file, since a "lazy" call may read ahead.
#
# ## The run
#
# What a colleague asks in the morning: which rule, how much, how many, was anything left?

# %%
import mlflow

with mlflow.start_run(run_name="vouchers"):
    mlflow.log_params({"rule": "5 EUR for each late parcel", "weeks": 4})
    mlflow.log_metrics({"vouchers": len(owed), "euros": int(owed["euros"].sum())})
    mlflow.log_dict({f"week-{week}": key(rows) for week, rows in owed.groupby("week")}, "keys.json")

# %% [markdown]
# `keys.json` ties the run to its results: from a file's name to the run that made it, and from the run to the files that should be there.
#
# ## In production
#
# - **One night at a time.** Two copies of a job in one folder write into the same `.part`. A scheduler that starts no second one while the first runs is the simplest lock.
# - **A power cut is harder than a kill.** When a process dies the system still writes what the process had handed over. When the machine dies it may not: `fsync` on the file, and on its folder, before the rename counts (*fsync(2)* says that the
#   entry in the folder needs its own).
# - **Object stores have no rename.** There a whole object appears in one `PUT`, which gives the same guarantee in another way; a rename there is a copy and a delete.
# - **Watch** the number of results that are missing in the morning, rows in against rows out, and the time of a night as a share of the night. A job that needs seven of eight hours cannot be started twice.
# - **Once a quarter kill it** by hand in the middle and compare with a run in one go. What is never done does not work on the night when it is needed.
#
# ## When this advice is wrong
#
# - **What leaves the house cannot be renamed.** A voucher that was mailed is mailed. There the receiver must know a number for each voucher and refuse it the second time.
# - **Each row is its own transaction.** Where results go into a database with transactions, write rows and note in one transaction; files and names add nothing.
# - **A job of ten seconds** may begin anew each time, under one name, with one rename at its end.
# - **A hash says what changed, not whether the change is right.** An input that was broken overnight is worked on again, faithfully.
#
# ## Close
#
# You can now write a job that may die at each step, name the facts from which a result is done, and read a file in batches.
#
# From memory:
#
# 1. The second job was right at one step of three. Where did these lie, and why did that hide the fault?
# 2. A job renames its result and then writes the note. It dies between the two. What does the next night do, and is that right?
# 3. Which two things must be in the key of a result, and what goes wrong if either is left out?
#
# Now the exercise: `mle start batch-scoring`, then `mle check batch-scoring`.
#
# **Sources**
#
# - IEEE Std 1003.1-2017 (POSIX), System Interfaces, *rename()*: the new name stays visible to others throughout, and refers to the old file or the new one.
# - Python 3 documentation, *os.replace*: atomic if it succeeds; may fail between file systems.
# - M. Kleppmann, *Designing Data-Intensive Applications*, O'Reilly 2017, chapter 10, *The Output of Batch Workflows*, section *Philosophy of batch process outputs*: inputs that are not changed, outputs without side effects, and why a job may
#   then be run again.
# - M. Beauchemin, *Functional Data Engineering: a modern paradigm for batch data processing*, 2018: tasks that overwrite one partition and so can be repeated.
# - Linux manual, *fsync(2)*, section *Description*.
