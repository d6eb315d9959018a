# ---
# title: "Which morning should wake the warehouse?"
# minutes: 35
# data: [tidewater]
# needs: [train-versus-production]
# sources:
#   - "Page (1954), Continuous inspection schemes, Biometrika 41, pages 100-115"
#   - "NIST/SEMATECH e-Handbook of Statistical Methods, sections 6.3.2.3 (CUSUM) and 6.3.2.4 (EWMA)"
#   - "Bifet, Gavalda (2007), Learning from time-changing data with adaptive windowing, SIAM International Conference on Data Mining"
#   - "SciPy documentation, scipy.stats: ks_2samp"
#   - "Siegmund (1985), Sequential Analysis, chapter II"
# ---

# %% [markdown]
# # Which morning should wake the warehouse?
#
# A model promises each customer a day of delivery. One of its inputs is how long a parcel lies in the warehouse. Every morning a job looks at yesterday's parcels; when it calls, somebody drives to the warehouse. Calls for nothing end with the job turned off; a slow-down that nobody sees breaks promises, at a voucher each.
#
# **After this notebook you can**
#
# 1. compare a day with days of its kind, so that what is left is chance or change;
# 2. share a budget of false alarms out among a year of looks, and find what no single day shows;
# 3. say when a change began, when it is over, and why the reference must not follow.
#
# The exercise asks for a monitor of the fraud model's orders, with many fields, sales and restarts.
#
# **A question from before.** In `train-versus-production`, twenty inputs at a level of 0.05 without correction: on how many of 100 quiet nights does the report call?
#
# <details><summary>Answer</summary>
# On 1 - 0.95^20, so on 64. That was one night. This notebook is about the year.
# </details>

# %%
import grader

grader.begin("drift")

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from scipy import stats

from tidewater import small

parcels = small.load_small("deliveries").merge(small.load_small("orders"), on="order_id")
parcels["hours"] = (parcels["shipped_at"] - parcels["placed_at"]) / pd.Timedelta(hours=1)
parcels["day"] = (parcels["placed_at"] - pd.Timestamp("2025-01-01")).dt.days

# %% [markdown]
# ## What a healthy month looks like
#
# The small world has 60 days without any incident. Ask of the figure: what would you tell somebody who was called on day 31?

# %%
median = parcels.groupby("day")["hours"].median()
figure, axis = plt.subplots(figsize=(9, 2.6), layout="constrained")
axis.plot(median.index, median, "o-", color="0.2", markersize=3)
text = axis.set(xlabel="day", ylabel="hours", title="median hours in the warehouse, by day of the order")

# %% [markdown]
# *In words: five days near 19 hours, then a peak at 43, then 26, and again, like a saw.*
#
# The warehouse rests on Sundays, so Saturday's parcels wait. Days 0 to 27 are the reference, 28 to 55 what we watch. Nothing is wrong in either.
#
# **Predict before you run.** Each of the 28 days is compared with all parcels of the reference, by Kolmogorov and Smirnov's test. On how many is p below 0.05? (a) 1 or 2 (b) about 8, the weekends (c) all 28

# %%
reference, days = parcels[parcels["day"] < 28], range(28, 56)
hours_of = {day: rows["hours"].to_numpy() for day, rows in parcels.groupby("day")}
naive = [stats.ks_2samp(reference["hours"], hours_of[day], method="asymp").pvalue for day in days]
print(sum(p < 0.05 for p in naive), "of 28 mornings call")

# %% [markdown]
# All of them. The mixture of seven kinds of day is like no day. With a thousand parcels even a Tuesday differs from it beyond doubt. The cure is to ask another question: is this Saturday like Saturdays?


# %%
def chance(day, hours):
    """The p-value of a day's hours against the days of its weekday in the reference."""
    alike = reference.loc[reference["day"] % 7 == day % 7, "hours"]
    return stats.ks_2samp(alike, hours, method="asymp").pvalue


healthy = np.array([chance(day, hours_of[day]) for day in days])
print(sum(healthy < 0.05), "of 28 mornings call; the smallest p-value is", healthy.min().round(3))

# %% [markdown]
# What is left is chance: about one p-value in twenty is below 0.05. That is what a p-value *is*, and a monitor lives on it: on healthy days the number is spread evenly from 0 to 1, for a small day as for a large one.
#
# ## A year of looks
#
# One input is watched on 365 mornings, a real model has ten. Simulated healthy years need no parcels at all, as a healthy p-value is a random number between 0 and 1.
#
# **Predict before you run.** Ten inputs, 365 mornings. On how many mornings of the year does at least one input call at a level of 0.05? At 0.05 / 10?

# %%
rng = np.random.default_rng(0)
years = rng.random((200, 365, 10))  # (years, days, inputs)
for name, level in {"0.05": 0.05, "0.05 / 10": 0.005, "2 / (365 * 10)": 2 / 3650}.items():
    mornings = (years < level).any(axis=2).sum(axis=1)
    print(f"level {name}: {mornings.mean():.1f} mornings a year, spread {mornings.std():.1f}")

# %% [markdown]
# The correction for inputs alone, right for one night, still calls on 18 mornings a year. Turn it round: say first how many false alarms a year you can bear, for all inputs together. Two, say. Shared out among 3,650 looks, each look has a level of 2 / 3650. Two a year is a **budget**, and anybody can argue about it without statistics: at 150 euros a call it is 300 euros a year.
#
# ## What the strict limit costs
#
# Let the warehouse become a little slower, by 3 % from day 35 on. Two hundred parcels a day instead of a thousand, as in a small shop.


# %%
def slowed(day, factor, parcels_a_day=200):
    """Some of a day's hours, made longer by a factor."""
    return rng.choice(hours_of[day], parcels_a_day, replace=False) * factor


slow = np.array([chance(day, slowed(day, 1.03 if day >= 35 else 1.0)) for day in days])
print("before:", slow[:7].round(2))
print("after: ", slow[7:].round(2))
print("called:", int((slow < 2 / 3650).sum()), "of 21 slow mornings")

# %% [markdown]
# **What do you see** in the second list that you would not see in any single number of it?
#
# They are small again and again. Each alone could be chance, all of them together hardly. To add them up, turn each p-value into a standard normal number, z = -Phi^-1(p): 0.5 becomes 0, 0.05 becomes 1.6, 0.001 becomes 3.1. On healthy days z has mean 0; on these it has not.

# %%
z = -stats.norm.ppf(np.clip(slow, 1e-12, 1 - 1e-12))
print("mean of z before", z[:7].mean().round(2), "and after", z[7:].mean().round(2))

# %% [markdown]
# ## Adding up, without adding up chance
#
# A plain sum of z wanders off on healthy days, too. Page's **cumulative sum** (1954) takes a little off each day and never falls below zero:
#
# S(today) = max(0, S(yesterday) + z - k)
#
# - Healthy: the mean step is -k, so S falls back to zero and stays near it.
# - After a shift of z by m: the mean step is m - k, so S climbs by that each day.
#
# Half of the shift that one wants to find is a good k; take 0.5. Ask of the figure: on which day would you call, and when did it begin?


# %%
def cusum(z, k=0.5):
    """Page's sum for each day."""
    total, sums = 0.0, []
    for step in z:
        total = max(0.0, total + step - k)
        sums.append(total)
    return np.array(sums)


figure, axes = plt.subplots(2, 1, figsize=(9, 4), sharex=True, layout="constrained")
axes[0].bar(days, z, color="0.5")
axes[1].plot(days, cusum(z), "o-", color="0.1", markersize=3)
axes[0].set(ylabel="z", title="one number a day, and their cumulative sum (slower by 3 % from day 35)")
text = axes[1].set(xlabel="day", ylabel="sum")

# %% [markdown]
# *In words: the bars are about as often above as below zero until day 34 and mostly above it from then; the lower line is near zero until day 32, lifted a little by chance until 37, and climbs from then on.*
#
# The line answers two questions. It crosses a limit: *now I am sure*. And it tells the last day on which it was zero: *that is where it began*. These are different days, and whoever looks for the cause needs the second.
#
# ### Which limit?
#
# Simulate it. For each limit: how many false alarms in a healthy year of one input, and how many days until a shift of 1.5 is found? After an alarm the sum begins anew. 400 streams of 4,000 days are 4,400 years.
#
# Rarer alarms than a simulation can count have a formula. Siegmund (1985): with k = 0.5, and b = limit + 1.166, a healthy sum needs about 2 (e^b - b - 1) days until it calls. It stands beside.


# %%
def alarms_a_year(z, limit):
    """How often the sum of each row of z is above the limit, in 365 days on average; it begins anew each time."""
    total, count = np.zeros(len(z)), 0
    for step in z.T:
        total = np.maximum(0.0, total + step - 0.5)
        count += (total > limit).sum()
        total[total > limit] = 0.0
    return 365 * count / z.size


def first_crossing(z, limit):
    """The number of days until the sum is above the limit, for each row of z."""
    return np.array([np.argmax(cusum(row) > limit) + 1 for row in z])


quiet, shifted = rng.normal(size=(400, 4000)), rng.normal(1.5, 1, size=(400, 100))
rows = []
for limit in (3, 4, 5, 6, 7):
    b, delay = limit + 1.166, first_crossing(shifted, limit)
    formula = 365 / (2 * (np.exp(b) - b - 1))
    rows.append([limit, alarms_a_year(quiet, limit), formula, delay.mean(), delay.std()])
pd.DataFrame(rows, columns=["limit", "false alarms a year", "formula", "days to find", "spread"]).round(2)

# %% [markdown]
# Each step of the limit divides the false alarms by almost three and costs one day. That is the trade, in the units of the job. Beside it, single days at a limit with as many false alarms as the sum at 6:
#
# **Predict before you run.** How many days does the single-day rule need for a shift of 1.5? (a) 7 (b) 15 (c) 30

# %%
level = stats.norm.isf(rows[3][1] / 365)
alone = np.argmax(rng.normal(1.5, 1, size=(400, 2000)) > level, axis=1) + 1
print(f"a single day above {level:.1f}: {alone.mean():.0f} days on average, spread {alone.std():.0f}")
print(f"the sum above 6: {rows[3][3]:.0f} days, spread {rows[3][4]:.0f}")

# %% [markdown]
# The sum is faster by a factor and surer by more. For a shift of 5 it is the other way round: one day says it all, while a sum may need two. Monitors keep both rules and give each half of the budget.
#
# A relative is the **exponentially weighted mean**, m(today) = 0.9 m(yesterday) + 0.1 z. It, so many small p-values out of the last so many, or windows of several lengths (ADWIN) do similar work; the budget and the simulation are the same.
#
# ## Three ways to go blind
#
# **A reference that follows.** "Compare with the last week" needs no upkeep. Let the warehouse slow down by half a per cent each day, and take 200 parcels of each day again. Compare each day with the same weekday one week before, or with the fixed reference.

# %%
creep = {day: slowed(day, 1.005 ** max(0, day - 34)) for day in range(21, 56)}
week_before = [stats.ks_2samp(creep[day - 7], creep[day], method="asymp").pvalue for day in days]
fixed = [chance(day, creep[day]) for day in days]
table = pd.DataFrame({"a week before": week_before, "fixed reference": fixed}, index=days)
table.loc[[35, 38, 41, 44, 47, 50, 53, 55]].map("{:.1g}".format)

# %% [markdown]
# On day 55 parcels lie 11 % longer than three weeks before. Against the fixed reference the number goes to zero; against a week before each day is 3.6 % slower at most, the number stays where it was, and it will say that all is well as soon as the slow-down ends. Move the reference when somebody has decided that the new state is right, and not by a calendar.
#
# **A sum that never comes down.** A glaring fault of 40 days, repaired on day 50:

# %%
fault = np.concatenate([rng.normal(size=10), np.full(40, 7.0), rng.normal(size=60)])
free = cusum(fault)
print("sum on the last bad day:", free[49].round(), "and 60 healthy days later:", free[-1].round())

# %% [markdown]
# At a step of -0.5 a day it needs more than a year, and meanwhile the next fault of this input is invisible. What is gathered while an alarm is open has to be bounded, so that health can show.
#
# **A day that says nothing.** No parcels on a public holiday, or a day that is known to be special. Not a healthy day (it would lower the sum), not a bad one: the sum waits.
#
# ## The monitor's run
#
# The 28 mornings with the slow-down of 3 %, logged with the day as *step*: a curve that a colleague can open in MLflow.

# %%
import mlflow

sums, LIMIT = cusum(z), 5.0
called = next((day for day, total in zip(days, sums, strict=True) if total > LIMIT), None)
since = (
    max(
        (day for day, total in zip(days, sums, strict=True) if total == 0 and day <= (called or 55)),
        default=27,
    )
    + 1
)
with mlflow.start_run(run_name="hours in the warehouse") as run:
    mlflow.log_params({"reference": "days 0 to 27, by weekday", "k": 0.5, "limit": LIMIT})
    mlflow.set_tags({"called": called, "since": since})
    for day, step, total in zip(days, z, sums, strict=True):
        mlflow.log_metrics({"z": float(step), "sum": float(total)}, step=day)
print("called on day", called, "for a change since day", since)

# %%
history = mlflow.MlflowClient().get_metric_history(run.info.run_id, "sum")
print([(point.step, round(point.value, 1)) for point in history[5:14]])

# %% [markdown]
# The slow-down began on day 35; chance had lifted the sum a little before. Each day is a point of its own, so that a job that runs every morning can go on with the curve, and the tags say what was done.
#
# ## In production
#
# - **At a hundred times the rows** keep counts in fixed bins for each kind of day; they are all that a test needs. And look at sizes again: with 100,000 parcels a day every day is significant, as no Tuesday is exactly like another. A monitor of p-values alone then calls for trifles; ask for a size beside it, as in `train-versus-production`.
# - **At three in the morning** the call names the input, the day since when, and the curve. One incident is one call: an alarm is *opened*, and is not raised anew each morning until it was closed.
# - **After a restart** the job must know yesterday's sums. They are a few numbers for each input; lose them, and everything that creeps begins at zero.
# - **After a year** the calendar matters more than the statistics: holidays, sales, stocktaking. Keep a list of what is known in advance.
#
# ## When this advice is wrong
#
# Days that hang together. The rule counts on it that today's chance knows nothing of yesterday's. If z carries over from day to day, by a half say, as weather and stock do:

# %%
sticky = rng.normal(size=(400, 4000))
for day in range(1, 4000):
    sticky[:, day] = 0.5 * sticky[:, day - 1] + np.sqrt(0.75) * sticky[:, day]
for name, stream in {"independent days": quiet, "days that hang together": sticky}.items():
    print(f"{name}: {alarms_a_year(stream, 6):.2f} false alarms a year")

# %% [markdown]
# Each day has the same distribution as before, and the budget is broken many times over. Simulate with blocks of your own healthy days instead of independent ones, or take the limit from a healthy year.
#
# - **A slow and honest change**, such as customers who grow older with the shop, is found as well. It is an alarm once; then somebody moves the reference.
# - **Nothing moves, and the model is wrong.** Only labels see that.
#
# ## Close
#
# You can compare like with like, spend a budget over a year, add up what creeps, and say since when.
#
# From memory:
#
# 1. Twenty inputs, a budget of four false alarms a year, single days alone: which level?
# 2. Why is the day on which the sum crosses the limit not the day to look for in the release notes?
# 3. The sum of an input stands at 4.8 with a limit of 5, and tomorrow is a public holiday without parcels. What is it the day after?
#
# <details><summary>Answers</summary>
#
# 1. 4 / (365 * 20) = 0.00055.
# 2. It is the day on which the evidence sufficed. The change began some days before, about when the sum left zero.
# 3. Still 4.8.
#
# </details>
#
# Now the exercise: `mle start drift`, then `mle check drift`.
#
# **Sources**
#
# - E. S. Page, *Continuous inspection schemes*, Biometrika 41, 1954, pages 100-115.
# - NIST/SEMATECH, *e-Handbook of Statistical Methods*: 6.3.2.3 CUSUM control charts; 6.3.2.4 EWMA control charts.
# - A. Bifet, R. Gavalda, *Learning from time-changing data with adaptive windowing*, SIAM International Conference on Data Mining, 2007.
# - SciPy documentation: `scipy.stats.ks_2samp`.
# - D. Siegmund, *Sequential Analysis: Tests and Confidence Intervals*, 1985, chapter II.
