# ---
# title: "Which inputs of the delivery promise moved, and which only look as if?"
# minutes: 35
# data: [tidewater]
# needs: [point-in-time, data-contract]
# sources:
#   - "Yurdakul, Naranjo (2020), Statistical properties of the population stability index, Journal of Risk Model Validation 14(4), abstract: the
#     thresholds 0.10 and 0.25 are a rule of thumb, used without reference to error rates"
#   - "Benjamini, Hochberg (1995), Controlling the false discovery rate, Journal of the Royal Statistical Society B 57, pages 289-300"
#   - "SciPy documentation, scipy.stats: ks_2samp, chi2_contingency, false_discovery_control"
#   - "Lin, Lucas, Shmueli (2013), Too big to fail: large samples and the p-value problem, Information Systems Research 24(4)"
#   - "Lopez-Paz, Oquab (2017), Revisiting classifier two-sample tests, ICLR 2017"
# ---

# %% [markdown]
# # Which inputs of the delivery promise moved, and which only look as if?
#
# A model promises each customer when the parcel comes. It learned from five weeks of parcels; since then it runs, and each night a report compares its inputs with those weeks. A report that
# calls for nothing costs an engineer's night, some 150 euros, and its readers; one that misses a wrong input costs a voucher for each late parcel.
#
# **After this notebook you can**
#
# 1. say how often a report over many inputs calls on nights on which nothing moved, and bring that down to what you chose;
# 2. put the size of a move beside its p-value, in bins that belong to training, and rank by it;
# 3. find a move that no single input shows, and log a night so that a colleague can go on from it.
#
# The exercise asks for the same in the fraud model of the orders, as a nightly job.
#
# **A question from before.** In `data-contract`, every quiet day had a p-value below 0.05 against the four weeks before. What decided there instead, and what was it compared with?
#
# <details><summary>Answer</summary>
# The size: a ratio of medians beyond a factor of four, against the same weekday. Days differ from weeks by their weekday alone, so a test that compares them finds that each night.
# </details>

# %%
import grader

grader.begin("train-versus-production")

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from scipy import stats

# %% [markdown]
# ## The parcels
#
# One row is a parcel when it is shipped: what the model sees. The world is the small one that comes with the course, in which nothing goes wrong; what goes wrong below, we plant ourselves, so that we know it.

# %%
from tidewater import small

parcels = small.load_small("deliveries").merge(small.load_small("orders"), on="order_id")
parcels["warehouse_hours"] = (parcels["shipped_at"] - parcels["placed_at"]) / pd.Timedelta(hours=1)
parcels["placed_hour"] = parcels["placed_at"].dt.hour + parcels["placed_at"].dt.minute / 60
parcels["weekday"] = parcels["shipped_at"].dt.day_name()
parcels["day"] = (parcels["shipped_at"] - pd.Timestamp("2025-01-01")).dt.days

# %% [markdown]
# Nine inputs: four numbers with many values, a count, and four words.

# %%
NUMBERS = ["amount", "warehouse_hours", "placed_hour", "address_age_days"]
WORDS = ["items", "ship_country", "channel", "device", "weekday"]
training = parcels.loc[parcels["day"].between(5, 39), NUMBERS + WORDS].reset_index(drop=True)
later = parcels.loc[parcels["day"].between(40, 53), NUMBERS + WORDS].reset_index(drop=True)
print(f"{len(training):,} parcels of five weeks, {len(later):,} of the two weeks after")
training.head(2).T

# %% [markdown]
# ## The obvious way
#
# A test for each input: Kolmogorov-Smirnov for numbers, which looks at the largest gap between the two cumulative curves; chi-square for words and small counts, which looks at the counts. A p-value below 0.05 is a
# move. (`method="asymp"` takes the formula for large samples, which is quick.)


# %%
def p_value(name, old, new):
    """Could chance alone make the two differ so much? One input, two tables."""
    if name in NUMBERS:
        return stats.ks_2samp(old[name], new[name], method="asymp").pvalue
    counts = pd.concat([old[name].value_counts(), new[name].value_counts()], axis=1)
    return stats.chi2_contingency(counts.fillna(0)).pvalue


pd.Series({name: p_value(name, training, later) for name in NUMBERS + WORDS}).round(3)

# %% [markdown]
# In a world in which nobody broke anything, `address_age_days` has "moved". Has it? Perhaps a little: customers grow older with their shop. Perhaps it is chance. To know how often chance
# does that, take nights on which *nothing can have moved*: deal the parcels of training at random into "five weeks" and "tonight".
#
# **Predict before you run.** Nine tests at 0.05. On how many of 100 such nights will at least one input have moved: (a) 5 (b) about 10 (c) more than 20?

# %%
rng = np.random.default_rng(1)
nights = []
for _ in range(100):
    order = rng.permutation(len(training))
    old, new = training.iloc[order[500:3000]], training.iloc[order[:500]]
    nights.append([p_value(name, old, new) for name in NUMBERS + WORDS])
nights = np.array(nights)  # (night, input)
print((nights < 0.05).any(axis=1).sum(), "nights of 100 with a false alarm")

# %% [markdown]
# It is (c). With nine independent tests, each right 95 times in 100, all nine are right 0.95 to the power of 9 of the time: 63 in 100. The count comes out of 100 random nights, so it has a standard deviation of
# some 5 nights. At 150 euros a night that is a considerable bill for a report about nothing.
#
# ## Idea one: count the looks
#
# | correction | what it does to the p-values | what it promises |
# | --- | --- | --- |
# | Bonferroni | times the number of looks | on quiet nights any false alarm with at most 5 %, whatever the inputs have to do with each other |
# | Holm | the smallest times m, the next times m - 1, ... | the same, and it finds a little more |
# | Benjamini-Hochberg | the k-th smallest times m / k | of what is called, at most 5 % on average is false; on a quiet night that is the same 5 % (for independent tests, and some kinds of dependent ones) |
#
# The last is in SciPy:

# %%
corrected = np.array([stats.false_discovery_control(night) for night in nights])
print((corrected < 0.05).any(axis=1).sum(), "nights of 100 with Benjamini-Hochberg")
print((nights * nights.shape[1] < 0.05).any(axis=1).sum(), "nights of 100 with Bonferroni")

# %% [markdown]
# Near the five that we asked for, within chance. Is each of the nine tests right by itself, at 500 rows a night and with all the rare countries? Chi-square trusts its formula where some five rows are expected in each cell
# (so say the notes of SciPy's `chi2_contingency`, too).

# %%
few = (training["ship_country"].value_counts(normalize=True) * 500 < 5).sum()
print(f"{few} countries with fewer than five expected rows")
pd.Series((nights < 0.05).sum(axis=0), index=NUMBERS + WORDS, name="false alarms of 100")

# %% [markdown]
# Each is within chance of 5 (a standard deviation of some 2): here the many rare countries do no harm. With fewer rows a night put them together first.
#
# A correction of one night counts the looks of that night. There is a look each night, too: with a false alarm on one night in twenty the report still
# calls once in three weeks. Say what you can afford, and choose the level by it.
#
# ### A detail that a reviewer will ask about
#
# Kolmogorov and Smirnov thought of numbers that never coincide. What does their test do with `items`, which has eight values?

# %%
false_alarms = {"items": 0, "amount": 0}
for _ in range(400):
    some = training.sample(1000, random_state=rng)
    for name in false_alarms:
        p = stats.ks_2samp(some[name].iloc[:500], some[name].iloc[500:], method="asymp").pvalue
        false_alarms[name] += int(p < 0.05)
print(false_alarms, "of 400 at level 0.05")

# %% [markdown]
# For amounts some 20 of 400, as it should be, with a standard deviation of 4. For items far fewer: with ties the test is *conservative*. It raises fewer false alarms than allowed, and pays with blindness for small moves. That is no
# error, but chi-square on the eight counts uses the data better.
#
# ## Idea two: significant is not large
#
# Plant a trifle: in one parcel of a hundred the device is a word that nobody knew, "tv". The rest is dealt at random out of training, so that nothing else can differ.

# %%
dealt = training.sample(38_000, random_state=3)
old, new = dealt.iloc[:19_000], dealt.iloc[19_000:].copy()
new["device"] = new["device"].mask(rng.random(len(new)) < 0.01, "tv")

# %% [markdown]
# **Predict before you run.** One parcel in a hundred. With how many parcels a side will the p-value be below one in a million: (a) 500 (b) 2,000 (c) 19,000 (d) never?

# %%
{rows: f"{p_value('device', old.head(rows), new.head(rows)):.1e}" for rows in (500, 2_000, 19_000)}

# %% [markdown]
# It is (c): the fault is the same one in a hundred in all three, and the p-value goes from one that no corrected test would call to certainty. It answers *is it exactly the same?*, and with enough rows the answer is no, for any two fortnights of a living shop.
#
# So ask *how much*. One measure that people understand: the **share of rows that would have to get another value** until both look alike. It is half the sum of the absolute differences of shares. Words have their shares; numbers get
# ten bins, between the deciles of training.

# %%
DECILES = {name: training[name].quantile(np.arange(0.1, 0.95, 0.1)).drop_duplicates() for name in NUMBERS}


def shares(name, rows):
    """Share of the rows in each bin of a number, or with each word."""
    cut = name in NUMBERS
    values = pd.cut(rows[name], [-np.inf, *DECILES[name], np.inf]) if cut else rows[name]
    return values.value_counts(normalize=True)


def share_moved(name, old, new):
    """0: the same shares; 1: nothing in common."""
    return float(shares(name, old).sub(shares(name, new), fill_value=0.0).abs().sum() / 2)


{rows: round(share_moved("device", old.head(rows), new.head(rows)), 3) for rows in (500, 2_000, 19_000)}

# %% [markdown]
# This does the opposite: chance is in it while rows are few, and it comes down to the true 0.01 when they are many. Two limits then: *hardly chance* **and** *large*. (The "tv" is a fault all the same. A row rule of `data-contract`
# finds it; a comparison of distributions is the wrong tool for one row in a hundred.)
#
# ### What is missing is a value, too
#
# Let the service that knows the device be down for three parcels in ten, and the clock of the warehouse as well.

# %%
down = rng.random(len(later)) < 0.3
gaps = later.assign(device=later["device"].mask(down), warehouse_hours=later["warehouse_hours"].mask(down))
for name in ("device", "warehouse_hours"):
    print(
        f"{name}: p {p_value(name, training, gaps):.3f}, share moved {share_moved(name, training, gaps):.3f}"
    )

# %% [markdown]
# Three parcels in ten have lost an input, and the report is silent. `value_counts` and `pd.cut` drop what is missing, and the p-value of a number is NaN, which is not below 0.05. Give the missing a bin of their own:


# %%
def shares(name, rows):
    """Share of the rows in each bin of a number, or with each word; what is missing has a bin of its own."""
    cut = name in NUMBERS
    values = pd.cut(rows[name], [-np.inf, *DECILES[name], np.inf]) if cut else rows[name]
    return values.astype(object).where(values.notna(), "missing").value_counts(normalize=True)


{name: round(share_moved(name, training, gaps), 3) for name in ("device", "warehouse_hours")}

# %% [markdown]
# Now it is near the 0.3 that we planted. A test needs the same: count the missing as a word, or put them below all numbers.
#
# ### Back to the two weeks
#
# Now the two weeks, with that trifle and with a fault that is none: a warehouse closes its book later, and a third of the parcels have 12 hours more.

# %%
tonight = later.copy()
tonight["device"] = tonight["device"].mask(rng.random(len(tonight)) < 0.01, "tv")
tonight["warehouse_hours"] += 12.0 * (rng.random(len(tonight)) < 0.33)
print({name: round(share_moved(name, training, tonight), 3) for name in ("warehouse_hours", "device")})

# %% [markdown]
# ## Whose bins?
#
# The ten bins above lie between deciles of **training**. What if they came from tonight?

# %%
bins = {}
for whose, rows in (("training", training), ("tonight", tonight)):
    edges = [-np.inf, *rows["warehouse_hours"].quantile(np.arange(0.1, 0.95, 0.1)), np.inf]
    for side, values in (("training", training), ("tonight", tonight)):
        cut = pd.cut(values["warehouse_hours"], edges)
        bins[f"bins of {whose}", side] = cut.value_counts(normalize=True, sort=False).to_numpy()

# %% [markdown]
# Ask of the figure: which side can you compare with the figure of tomorrow night?

# %%
figure, axes = plt.subplots(1, 2, figsize=(9, 3), sharey=True, layout="constrained")
for axis, whose in zip(axes, ("bins of training", "bins of tonight"), strict=True):
    axis.bar(np.arange(10) - 0.2, bins[whose, "training"], 0.4, color="0.75", label="training")
    axis.bar(np.arange(10) + 0.2, bins[whose, "tonight"], 0.4, color="0.2", label="tonight")
    axis.set(title=whose, xlabel="bin, lowest hours first", xticks=range(10))
axes[0].set_ylabel("share of parcels")
legend = axes[0].legend()

# %% [markdown]
# *In words: with the bins of training the grey bars are level at a tenth and the last black bar is more than twice as high; with tonight's bins the black ones are level and the grey ones fall in the bins 7 and 8.*
#
# Tonight's bins are new each night. A curve over nights, "share of parcels in bin 9", then says nothing, the same production data get another number when last week's are added, and values that
# training never had become part of the scale that they should be measured by. Decide the bins when you train, and keep them with the model.
#
# ## The index that banks use
#
# The *population stability index* weighs the same differences by a logarithm: the sum of (actual - expected) * ln(actual / expected). Convention reads below 0.1 as stable and above 0.25 as a change that needs action. The paper by Yurdakul
# and Naranjo says of these limits that they are used without reference to error rates. What does chance alone do?


# %%
def index(expected, actual):
    """Population stability index of two arrays of shares without zeros."""
    return float(((actual - expected) * np.log(actual / expected)).sum())


quiet = []
countries = training["ship_country"].value_counts(normalize=True).to_numpy()
for what, truth in (("ten bins", np.full(10, 0.1)), ("countries", countries)):
    for n, m in ((50_000, 100), (50_000, 400), (1_000, 150)):
        old, new = (rng.multinomial(rows, truth, size=500) for rows in (n, m))
        old, new = ((side + 0.5) / (side + 0.5).sum(axis=1, keepdims=True) for side in (old, new))
        values = ((new - old) * np.log(new / old)).sum(axis=1)
        moved = np.abs(new - old).sum(axis=1).mean() / 2
        rule = (len(truth) - 1) * (1 / n + 1 / m)
        quiet.append([what, n, m, values.mean(), rule, (values > 0.1).mean(), moved])
names = ["bins", "n", "m", "mean index", "(B - 1)(1/n + 1/m)", "nights above 0.1", "mean share moved"]
pd.DataFrame(quiet, columns=names).round(3)

# %% [markdown]
# With ten equal bins the index of a quiet night is about (B - 1) * (1/n + 1/m) for B bins, n rows of training and m of tonight, so 9/m where training is large. (Divided by 1/n + 1/m it is nearly a chi-square statistic with B - 1 degrees of freedom.) For
# words of which many are rare the rule says too much, as half a row changes their shares much. With 100 parcels the mean is near the famous 0.1: one quiet night in three lies above it in ten bins, and nearly every one with 26 countries. The share moved has its chance part, too (last column): with 26
# countries and 100 parcels it lies above 0.1 on average. **A fixed limit without a look at the rows is a false alarm on small nights; a p-value without a size is one on large nights.**
#
# Nor does 0.1 mean the same for an index and for a share. Two moves in 20,000 parcels a side: three in a hundred get a word that training never had; and twenty in a hundred change from one of two equal words to the other.

# %%
new_word = np.array([10_000.5, 10_000.5, 0.5]), np.array([9_700.5, 9_700.5, 600.5])
other_word = np.array([10_000, 10_000]), np.array([14_000, 6_000])
for old, new in (new_word, other_word):
    old, new = old / old.sum(), new / new.sum()
    print(f"share moved {abs(old - new).sum() / 2:.2f}, index {index(old, new):.2f}")

# %% [markdown]
# The smaller share has the larger index: a bin that training never filled weighs much in the logarithm, and the more so the more rows there are. A limit belongs to its measure; work out what the measure says of the moves that you want, and do not want, to hear of.
#
# ## What no single input shows
#
# One more fault: the warehouse's table is joined to the parcels with a shifted key. Each column keeps its distribution, to the last parcel.

# %%
joined = later.copy()
joined["warehouse_hours"] = later["warehouse_hours"].to_numpy()[rng.permutation(len(later))]
ks = stats.ks_2samp(later["warehouse_hours"], joined["warehouse_hours"])
print(f"KS distance {ks.statistic:.3f}, p = {ks.pvalue:.1f}")

# %% [markdown]
# **Predict before you run.** A classifier sees rows of training and of `joined`, and has to say which table a row is from. Its AUC on rows that it was not fitted on: (a) 0.50 (b) 0.55 (c) 0.65 or more?

# %%
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.model_selection import cross_val_score


def told_apart(old, new, columns):
    """AUC of a classifier that tells the two tables apart, on held-out rows, for each of three folds."""
    rows = pd.concat([old[columns].sample(2000, random_state=1), new[columns].sample(2000, random_state=1)])
    coded = rows.apply(lambda values: values if values.dtype.kind in "if" else pd.factorize(values)[0])
    forest = HistGradientBoostingClassifier(max_iter=40, max_leaf_nodes=8, random_state=0)
    return cross_val_score(forest, coded, np.repeat([0, 1], 2000), cv=3, scoring="roc_auc").round(3)


names = NUMBERS + WORDS
print("nothing joined wrongly:", told_apart(training, later, names))
print("joined wrongly:        ", told_apart(training, joined, names))

# %% [markdown]
# Parcels of an order that was placed at ten in the evening lie longer than those of the early afternoon; on Mondays all of the weekend's orders go out. The wrong join breaks what belongs together, and the
# classifier sees it, while each column alone is as ever. The line above it is the yardstick: 0.5 is *cannot tell*, and three folds show how far chance moves it.
#
# Why not only the classifier? It says *that*, hardly *what*, it needs both samples in one place, and it is as eager as a test when rows are many. It stands beside the single inputs, not for them.
#
# ## The report, and its record
#
# For each input the corrected p-value and the size; called is what is beyond both limits; ranked by size.
# %%
report = pd.DataFrame({"input": names})
report["p"] = stats.false_discovery_control([p_value(name, training, tonight) for name in names])
report["size"] = [share_moved(name, training, tonight) for name in names]
report["called"] = (report["p"] < 0.05) & (report["size"] >= 0.1)
report = report.set_index("input").sort_values("size", ascending=False)
print("by the p-value alone:", *report.index[report["p"] < 0.05])
report.round(4)

# %% [markdown]
# One input is called, the one that we moved. By the p-value alone all three of the line above the table would be: the "tv" and the ageing addresses, too. Now the night goes into a run that a colleague could go on from: which
# limits, how many rows, what came out.

# %%
import mlflow

with mlflow.start_run(run_name="inputs of the promise") as run:
    mlflow.log_params({"level": 0.05, "least_share": 0.1, "correction": "Benjamini-Hochberg"})
    mlflow.log_params({"training_days": "5 to 39", "production_days": "40 to 53"})
    mlflow.log_metrics({"rows_training": len(training), "rows_production": len(tonight)})
    mlflow.log_metrics({f"moved.{name}": float(report.loc[name, "size"]) for name in names})
    mlflow.log_dict(report.reset_index().to_dict(orient="list"), "inputs.json")
    mlflow.set_tag("called", ",".join(report.index[report["called"]]))

# %% [markdown]
# The metrics have the same names each night, so MLflow draws a curve of each input over the nights. That curve is often the better alarm: 0.01, 0.02, 0.01, 0.17.

# %%
stored = mlflow.get_run(run.info.run_id)
print(stored.data.tags["called"], "|", f"warehouse_hours {stored.data.metrics['moved.warehouse_hours']:.2f}")

# %% [markdown]
# ## In production
#
# - **Compare like with like.** Tonight is one weekday; training has all. Here are single nights of the two untouched weeks, each against all five weeks:

# %%
by_night = parcels[parcels["day"].between(40, 53)].groupby("day")
small_p = [p_value("warehouse_hours", training, night) < 0.001 for _, night in by_night if len(night) > 100]
print(f"{sum(small_p)} of {len(small_p)} nights have a p-value below 0.001 for warehouse_hours")

# %% [markdown]
#   Every night "moved", since no night is a week. Compare a week with weeks, or Monday with Mondays.
# - **A clock or a counter always moves.** A customer's number of orders so far, days since launch: leave them out, or compare their increments.
# - **At a hundred times the rows** counts in fixed bins are all that has to be kept: they add up over parts and days, and the report needs no raw rows.
# - **At three in the morning** the report says what moved, how far, since when, and who owns that source. It does not retrain anything by itself: a model refitted on a broken input has learned the fault.
# - **After a year** the reference is old. Move it when a new model is trained, never by itself.
#
# ## When this advice is wrong
#
# - **An input may move and do no harm.** A sale lowers amounts, and the model may be right all the same. A moved input is a question; only labels, or the money, answer it.
# - **Harm may come without any move.** Fraudsters change their pattern, and each input and all of them together keep their distribution: what changes is the answer. No report over inputs sees that.
# - **Rows are not independent.** One customer's ten parcels are not ten looks. With few large customers p-values are too small; deal customers at random instead of parcels, as in the quiet nights above.
# - **A rare group moves.** All of Denmark in days instead of hours is a small share of all parcels. Look at the groups that can fail by themselves, and count them as looks.
#
# ## Close
#
# You can say how often a report calls on quiet nights, put size beside chance, and find a join that broke.
#
# From memory:
#
# 1. Twenty inputs, level 0.05, no correction: on how many quiet nights of 100 does the report call?
# 2. PSI is 0.12 on a night of 90 rows in ten bins. What do you say?
# 3. Every column is as it was, and the classifier's AUC is 0.7. Where do you look?
#
# <details><summary>Answers</summary>
#
# 1. On 1 - 0.95^20, so on 64, if the tests are independent.
# 2. Nothing yet: chance alone brings (10 - 1)/90 = 0.1 on average. Ask for the p-value, or wait for more rows.
# 3. At what belongs together: keys and times of the joins, first those of the source that changed last.
#
# </details>
#
# Now the exercise: `mle start train-versus-production`, then `mle check train-versus-production`.
#
# **Sources**
#
# - B. Yurdakul, J. Naranjo, *Statistical properties of the population stability index*, Journal of Risk Model Validation 14(4), 2020: the abstract on the rule of thumb.
# - Y. Benjamini, Y. Hochberg, *Controlling the false discovery rate*, Journal of the Royal Statistical Society B 57, 1995, pages 289-300; in SciPy `scipy.stats.false_discovery_control`, whose notes say for which dependent tests it holds.
# - M. Lin, H. Lucas, G. Shmueli, *Too big to fail: large samples and the p-value problem*, Information Systems Research 24(4), 2013.
# - D. Lopez-Paz, M. Oquab, *Revisiting classifier two-sample tests*, ICLR 2017.
