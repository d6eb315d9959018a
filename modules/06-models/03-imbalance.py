# ---
# title: "Four sick newborns in a thousand: what do the score, the sample and the threshold owe them?"
# minutes: 35
# data: []
# needs: [cost-of-being-wrong, calibration, leakproof-pipeline]
# sources:
#   - "van den Goorbergh, van Smeden, Timmerman, Van Calster (2022), The harm of class imbalance corrections for risk prediction models, Journal of
#     the American Medical Informatics Association 29(9), pages 1525-1534, abstract"
#   - "King, Zeng (2001), Logistic regression in rare events data, Political Analysis 9(2), pages 137-163"
#   - "Dal Pozzolo, Caelen, Johnson, Bontempi (2015), Calibrating probability with undersampling for unbalanced classification, IEEE Symposium Series on
#     Computational Intelligence, doi 10.1109/SSCI.2015.33, abstract"
#   - "Saito, Rehmsmeier (2015), The precision-recall plot is more informative than the ROC plot when evaluating binary classifiers on imbalanced
#     datasets, PLOS ONE 10(3), e0118432"
#   - "scikit-learn 1.9, documentation of sklearn.metrics.average_precision_score"
# ---

# %% [markdown]
# # Four sick newborns in a thousand: what do the score, the sample and the threshold owe them?
#
# A drop of blood of every newborn is tested for a rare metabolic disease. A laboratory can confirm 20 children a week; a sick child that is missed costs its family a life of care, a healthy one that is called back costs 150 euros and
# a week of fear.
#
# **After this notebook you can**
#
# 1. say what a score is worth to people who have time for 20 a week, and why accuracy and ROC AUC do not say it;
# 2. train on a sample or with weights, and put the probabilities right again;
# 3. judge a model of a rare class without fooling yourself: split first, move the threshold *or* the weights, log what a colleague needs.
#
# The exercise asks this of fraud, for any classifier and in euros.
#
# **A question from before.** In `cost-of-being-wrong`, where did the threshold of a decision come from?
#
# <details><summary>Answer</summary>
# From the costs of the two errors, for each order anew. It holds for true probabilities: with a score that is none, the best costs decide wrongly.
# </details>

# %%
import grader

grader.begin("imbalance")

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

# %% [markdown]
# ## The newborns
#
# They are simulated, so that the true probability of each child is known and each claim below can be held against it. Two substances in the blood go up with the disease; a third goes down.


# %%
def newborns(count, seed, per_mille=4.0):
    """Children of a year in weeks, with what the laboratory measures, the true risk, and who is sick."""
    rng = np.random.default_rng(seed)
    table = pd.DataFrame(rng.normal(size=(count, 3)), columns=["phe", "tyr", "citrulline"])
    log_odds = 1.6 * table["phe"] + 0.8 * table["tyr"] - 0.7 * table["citrulline"]
    odds = np.exp(log_odds) * per_mille / 5500
    table["risk"] = odds / (1 + odds)
    table["sick"] = rng.random(count) < table["risk"]
    return table.assign(week=np.arange(count) * 52 // count)


MARKS = ["phe", "tyr", "citrulline"]
past, later = newborns(60_000, seed=1), newborns(60_000, seed=2)
print(f"{len(past):,} children of last year, {past['sick'].sum()} sick: {past['sick'].mean():.2%}")

# %% [markdown]
# ## The obvious way
#
# A logistic regression, fitted on last year, judged on this year's children.
#
# **Predict before you run.** The first number is the accuracy of the model. What is the second, the accuracy of *every child is healthy*: (a) 50 % (b) some ten points less than the first (c) about the same?

# %%
from sklearn.linear_model import LogisticRegression

model = LogisticRegression().fit(past[MARKS], past["sick"])
print(f"model {(model.predict(later[MARKS]) == later['sick']).mean():.4f}", end=", ")
print(f"everyone healthy {(~later['sick']).mean():.4f}")

# %% [markdown]
# It is (c). Accuracy counts children, and nearly all of them are healthy: of 60,000 answers 272 are about the sick.
#
# So people take the ROC AUC: the chance that a sick child has a higher score than a healthy one.

# %%
from sklearn.metrics import average_precision_score, roc_auc_score

later["score"] = model.predict_proba(later[MARKS])[:, 1]
print(f"ROC AUC {roc_auc_score(later['sick'], later['score']):.3f}")

# %% [markdown]
# That looks like a model to be proud of. The laboratory does not see scores, it sees 20 children a week, those with the highest ones.
#
# **Predict before you run.** Of the 20, how many are sick on average: (a) 18 (b) 9 (c) 3 or fewer?

# %%
calls = later.sort_values("score", ascending=False).groupby("week").head(20)
print(f"{calls['sick'].sum() / 52:.1f} sick of 20 called a week: precision {calls['sick'].mean():.3f}")
print(
    f"{calls['sick'].sum()} of {later['sick'].sum()} sick found: recall {calls['sick'].mean() * 1040 / later['sick'].sum():.2f}"
)

# %% [markdown]
# It is (c), of 5.2 sick children that are born in a week. **Precision and recall at the capacity** are what the laboratory gets. They need the week: a quiet week's free places cannot be used for the next, and a week with fewer children than places has fewer looks to divide by.
#
# Where equal scores compete for the last places, `head` takes those that stand first, so the number hangs on the order of the rows. Honest is the expectation: each of them gets its share of the places that are left.

# %%
one = pd.DataFrame({"score": [0.9, 0.5, 0.5, 0.5], "sick": [False, True, False, False]})  # two places
above = one["score"].rank(method="min", ascending=False) - 1  # how many have a higher score
tied = one.groupby("score")["score"].transform("size")
one.assign(of_a_place=((2 - above) / tied).clip(0, 1))

# %% [markdown]
# Of 2 places a third goes to the sick child: precision 0.17, recall 0.33. Sorted by luck `head` says 0.5 and 1, or 0 and 0.
#
# ## What ROC AUC does not see
#
# Now a machine fault: in one healthy child of 80 all values come out high. Nothing else changes, and the model is the same.

# %%
broken = later.copy()
faulty = ~broken["sick"] & (np.random.default_rng(3).random(len(broken)) < 1 / 80)
broken.loc[faulty, MARKS] = [3.0, 3.0, -3.0]
broken["score"] = model.predict_proba(broken[MARKS])[:, 1]

# %% [markdown]
# **Predict before you run.** The table will have ROC AUC, average precision, and precision and recall at 20. Which fall to half or less: (a) all four (b) ROC AUC alone (c) all but ROC AUC?


# %%
def worth(table, score="score"):
    """ROC AUC, average precision, precision and recall for 20 children a week."""
    called = table.sort_values(score, ascending=False).groupby("week").head(20)["sick"]
    numbers = {"ROC AUC": roc_auc_score(table["sick"], table[score])}
    numbers |= {"average precision": average_precision_score(table["sick"], table[score])}
    return numbers | {"precision at 20": called.mean(), "recall at 20": called.sum() / table["sick"].sum()}


pd.DataFrame({"as it was": worth(later), "with the fault": worth(broken)}).round(3)

# %% [markdown]
# It is (c). The fault puts some 750 healthy children on top. Among 59,728 healthy ones they are little more than one per cent, and ROC AUC moves by about that much. Among the 1,040 who are called in a year they are the crowd.
#
# The reason in two lines. ROC compares **rates within a class**: caught / sick, and called in vain / *healthy*. Precision compares **counts**: caught / (caught + called in vain). With 220 healthy children to a sick one, one per cent of the
# healthy is twice as many as all of the sick.
#
# *Average precision* goes through all thresholds: it adds up precision, each time weighted by the step in recall. A score that knows nothing gets the share of the sick, not 0.5:

# %%
guess = pd.Series(
    [average_precision_score(later["sick"], np.random.default_rng(s).random(60_000)) for s in range(20)]
)
print(
    f"average precision of 20 random scores: {guess.mean():.4f} (sd {guess.std():.4f}); share of sick {later['sick'].mean():.4f}"
)

# %% [markdown]
# So an average precision means nothing without the share beside it. Here is the same model where the disease is half as frequent: every second sick child is left out, at random.

# %%
half = later[~later["sick"] | (np.random.default_rng(4).random(len(later)) < 0.5)]
pd.DataFrame({"as it was": worth(later), "half as frequent": worth(half)}).round(3)

# %% [markdown]
# ROC AUC stays, within chance; average precision and precision at 20 fall. Two clinics with one model may report the same ROC AUC and need twice the laboratory.
#
# What does the figure say to somebody who can work with one called child in ten being sick?

# %%
from sklearn.metrics import precision_recall_curve

figure, axis = plt.subplots(figsize=(7, 3.4), layout="constrained")
for table, style, name in (
    (later, "-", "4 per mille"),
    (half, "--", "2 per mille"),
    (broken, ":", "4 per mille, faulty machine"),
):
    precision, recall, _ = precision_recall_curve(table["sick"], table["score"])
    axis.step(recall[:-1], precision[:-1], where="pre", color="0.15", linestyle=style, label=name)
axis.set(
    xlabel="recall: share of the sick that is called",
    ylabel="precision",
    ylim=(0, 0.6),
    title="One model, three clinics",
)
legend = axis.legend()

# %% [markdown]
# *In words: the solid curve falls from above one half to nearly nothing, and at a precision of 0.1 has found some four in ten of the sick. The dashed one lies below it everywhere and finds a third there. The dotted one, but for one sick child at the very top, begins near zero, since the
# faulty children stand on top, and stays below 0.1.*
#
# ## Fewer healthy rows
#
# Sixty thousand healthy children take time to learn from, and many people believe that a model needs *balance*. So keep all the sick, and as many healthy ones.

# %%
rng = np.random.default_rng(5)
sick, healthy = past[past["sick"]], past[~past["sick"]]
sample = pd.concat([sick, healthy.sample(len(sick), random_state=5)])
balanced = LogisticRegression().fit(sample[MARKS], sample["sick"])
later["balanced"] = balanced.predict_proba(later[MARKS])[:, 1]

# %% [markdown]
# **Predict before you run.** Of this year's children 0.4 % are sick. What is the mean of the balanced model's probabilities: (a) 0.004 (b) about 0.02 (c) 0.15 or more?

# %%
print(
    f"share of sick {later['sick'].mean():.4f}, mean: whole {later['score'].mean():.4f}, balanced {later['balanced'].mean():.4f}"
)
pd.DataFrame({"whole": worth(later), "balanced": worth(later, "balanced")}).round(3)

# %% [markdown]
# It is (c): the balanced model announces more than fifty sick children for each one that there is. It *ranks* as well as the other, since what a draw changes is the same for every child. So what has it gained? It learned from 434 rows and not from 60,000, which is time, and
# nothing else here. That is also what van den Goorbergh and others (2022) found for logistic models: after balancing, discrimination was no better and the risk of the rare class strongly overestimated; moving the threshold gave
# the same decisions.
#
# ## Idea: the draw multiplies the odds
#
# Take all children with the same values. Say that 1 of 100 is sick, so the odds are 1 to 99. Keep the sick one and a share *s* of the healthy:
#
# | | sick | healthy | odds |
# | --- | --- | --- | --- |
# | all | 1 | 99 | 1 : 99 |
# | sample, s = 1/9 | 1 | 11 | 1 : 11, nine times as high |
# | weight of 9 for the sick | 9 | 99 | 1 : 11, the same |
#
# Whatever the values, the odds grow by 1/s, or by the weight. A logistic regression adds up log-odds, so all of it lands in **one number**, the intercept: King and Zeng (2001) subtract it there and call it *prior correction*. The slopes stay.

# %%
kept = len(sick) / len(healthy)
balanced.intercept_ += np.log(kept)
later["corrected"] = balanced.predict_proba(later[MARKS])[:, 1]
print(
    f"kept one healthy child in {1 / kept:.0f}; mean probability {later['corrected'].mean():.4f}, true mean risk {later['risk'].mean():.4f}"
)

# %% [markdown]
# Another classifier has no intercept. So do it to the odds of what it says, *q*: multiply *q / (1 - q)* by what was kept and go back to a probability. Written without a division by *1 - q* it holds for *q = 1*, too:

# %%
q = pd.Series([0.0, 0.5, 0.9, 0.99, 1.0])
pd.DataFrame({"q": q, "kept x q": kept * q, "in the odds": kept * q / (1 - q + kept * q)}).round(4)

# %% [markdown]
# 0 stays 0 and 1 stays 1: a draw makes nobody sick or healthy. A factor on *q* itself, the middle column, can bring the mean back as well, and then says of a child that is surely sick that it is nearly surely healthy.
#
# A right mean may hide two errors. So look in bins of the forecast, against the true risk, which only a simulation has, and against the share of the sick, which you have, too.

# %%
bins = pd.cut(later["corrected"], [0, 0.002, 0.01, 0.05, 0.2, 1])
later.groupby(bins, observed=True)[["corrected", "risk", "sick"]].mean().assign(
    children=bins.value_counts()
).round(4)

# %% [markdown]
# Forecast and true risk go together; what differs is noise, of 217 sick children to learn from and as many healthy ones. How much of it is the sample's fault? Ten years, each with its own sample:

# %%
rows = []
for year in range(10):
    table = newborns(60_000, seed=100 + year)
    few = pd.concat([table[table["sick"]], table[~table["sick"]].sample(frac=0.1, random_state=year)])
    fewer = pd.concat([table[table["sick"]], table[~table["sick"]].sample(frac=0.01, random_state=year)])
    weights = np.where(table["sick"], 50.0, 1.0)
    ways = {
        "whole": (table, None, 0.0),
        "sample 1/10": (few, None, -np.log(10)),
        "sample 1/100": (fewer, None, -np.log(100)),
        "weight 50": (table, weights, -np.log(50)),
    }
    for way, (learned, weight, shift) in ways.items():
        fitted = LogisticRegression().fit(learned[MARKS], learned["sick"], sample_weight=weight)
        fitted.intercept_ += shift
        p = fitted.predict_proba(later[MARKS])[:, 1]
        top = p >= np.quantile(p, 0.99)
        rows.append(
            {
                "way": way,
                "all": p.sum() / later["risk"].sum(),
                "top 1 %": p[top].sum() / later["risk"][top].sum(),
            }
        )
pd.DataFrame(rows).groupby("way").agg(["mean", "std"]).round(3)

# %% [markdown]
# Expected sick children over true ones: every way is right on average. With one healthy child in ten the spread hardly grows; it comes from the 240 sick ones, whom no way multiplies. With one in a hundred, two or three to each sick child,
# it clearly does. Weights give the spread of the whole table, at the price of the whole table.
#
# A logistic regression is a curve with four numbers. With trees that grow until their rows run out, a weight does not do the same to all children; the shift is right for the data, and not always for what a model makes of them (the exercise shows one). So the check in
# bins stays, whatever you did.
#
# ## Copies before the split
#
# The other way to balance is to copy the sick. Here each of them stands in the table fifty times, and the model is the one that shows the flaw best: the nearest neighbour.

# %%
from sklearn.model_selection import cross_val_predict
from sklearn.neighbors import KNeighborsClassifier

small = past.iloc[:10_000]
copies = pd.concat([small[~small["sick"]], *[small[small["sick"]]] * 50]).sample(frac=1.0, random_state=0)
neighbour = KNeighborsClassifier(5)
inside = cross_val_predict(neighbour, copies[MARKS], copies["sick"], cv=5, method="predict_proba")[:, 1]

# %% [markdown]
# **Predict before you run.** The cross-validated average precision on that table, and then on this year's children: (a) both about 0.2 (b) nearly 1, then about 0.1 or less (c) nearly 1, both?

# %%
from sklearn.model_selection import StratifiedGroupKFold

apart = cross_val_predict(  # all copies of a child in one fold
    neighbour,
    copies[MARKS],
    copies["sick"],
    groups=copies.index,
    cv=StratifiedGroupKFold(5),
    method="predict_proba",
)[:, 1]
fresh = neighbour.fit(copies[MARKS], copies["sick"]).predict_proba(later[MARKS])[:, 1]
print(f"cross-validated {average_precision_score(copies['sick'], inside):.3f}", end=", ")
print(f"this year {average_precision_score(later['sick'], fresh):.3f}")
print(
    f"cross-validated, all copies of a child in one fold {average_precision_score(copies['sick'], apart):.3f}"
)
print(f"share of sick: copies {copies['sick'].mean():.3f}, this year {later['sick'].mean():.4f}")

# %% [markdown]
# It is (b). A sick child has copies in each of the five folds, so the fold that is judged was learned by heart. The second line keeps all copies of a child in one fold: nothing is known by heart there. It is still far above this year's, since the judged table holds forty times the world's share of sick children. **Split first; draw, copy and weigh only what is
# learned from; judge on rows as they come.** A draw inside of `fit` does that by itself, in every fold.
#
# ## The threshold, once
#
# A missed child costs 40,000 euros in care beyond what early treatment costs, a needless call 150. Calling is cheaper where *p x 40,000 > (1 - p) x 150*, that is from p = 0.0037 on.
#
# **Predict before you run.** Four ways to decide. Which two cost most: the true threshold on the corrected probability, 0.5 on it, the true threshold on the balanced one, 0.5 on the balanced one?


# %%
def cost(called):
    """EUR a child: calls in vain, and sick children who were not called."""
    return (150 * (called & ~later["sick"]) + 40_000 * (~called & later["sick"])).mean()


line = 150 / 40_150
ways = {"corrected, from costs": later["corrected"] > line, "corrected, 0.5": later["corrected"] > 0.5}
ways |= {"balanced, from costs": later["balanced"] > line, "balanced, 0.5": later["balanced"] > 0.5}
pd.DataFrame(
    {name: {"EUR a child": cost(called), "called": called.mean()} for name, called in ways.items()}
).T.round(3)

# %% [markdown]
# 0.5 on the corrected probability calls nobody or nearly so. And the balanced model with the threshold of the costs calls nearly everybody: **weights or balance *and* a moved threshold count the costs twice.** These two are the dear ones. Balance with 0.5 is even the cheapest of the four, by a hair and by luck: balancing multiplies
# the odds by some 275, and the costs ask for 267, so both lines lie at nearly the same place. With other costs that luck is gone. Keep the probability true and the costs in the threshold; then each can change without the other.
#
# ## The record
#
# What would a colleague need to go on, or to doubt it?

# %%
import mlflow

with mlflow.start_run(run_name="newborns, balanced sample") as run:
    mlflow.log_params(
        {
            "approach": "balanced sample, intercept shifted",
            "kept_healthy": round(kept, 6),
            "call_from": round(line, 6),
        }
    )
    mlflow.log_metrics(
        {"rows": len(later), "base_rate": later["sick"].mean(), "mean_p": later["corrected"].mean()}
    )
    mlflow.log_metrics({name.replace(" ", "_"): value for name, value in worth(later, "corrected").items()})
    mlflow.log_metric("cost_per_child", cost(ways["corrected, from costs"]))

# %% [markdown]
# The base rate stands beside the mean forecast and beside the average precision; without it neither can be read.

# %%
pd.Series(mlflow.get_run(run.info.run_id).data.metrics).round(4)

# %% [markdown]
# ## In production
#
# - **The correction belongs to the model.** A model that is stored without its shift calls nearly all parents, as the table above shows. Store the pair as one object, and compare what comes back.
# - **Watch the mean forecast against the share of the sick**, by week, once the answers are known. A drift of the base rate shows there first; ranking numbers stay silent, as the half clinic showed.
# - **At a hundred times the rows** keep all of the rare and draw the rest where the data lie, with a seed and the share in the log: the share is a parameter of the model from then on.
# - **At three in the morning** the number of calls is what people feel. An alarm on "calls above capacity" needs no labels.
# - **After a year** the base rate has moved. If only that has moved, the same shift of the odds puts it right, without a training run: Saerens and others (2002) estimate the new rate from unlabelled rows.
#
# ## When this advice is wrong
#
# - **The draw was not random.** If the healthy children of the sample are those of one clinic, no shift repairs it.
# - **Nothing needs a probability.** Where 20 a week are called, whatever the score, the ranking is all, and a correction changes nothing.
# - **Too few of the rare class.** What limits the model is their number; no draw and no weight adds one. More data, or a looser label, does.
#
# ## Close
#
# You can say what a score is worth at a capacity, learn from a sample and put its odds right, and decide once, by costs.
#
# From memory:
#
# 1. A model has a ROC AUC of 0.95 at 1 in 1,000. What do you ask next?
# 2. One healthy row in twenty was kept, the model says 0.5. What is the probability?
# 3. Why is a copy before the split worse than a weight?
#
# <details><summary>Answers</summary>
# 1. How many can be called, how rare the class is where it will be used, and what precision and recall are at that capacity. 2. The odds of 1 become 1/20: p = 1/21, some 0.048. 3. Copies of one row land on both sides of the split, so the model is
# judged on rows that it knows, and the judged table is no longer as rare as the world. A weight stays in what is learned from.
# </details>
#
# Now the exercise: `mle start imbalance`, then `mle check imbalance`.
#
# **Sources**
#
# - R. van den Goorbergh, M. van Smeden, D. Timmerman, B. Van Calster, *The harm of class imbalance corrections for risk prediction models*, Journal of the American Medical Informatics Association 29(9), 2022, pages 1525-1534: the abstract has the findings quoted above.
# - G. King, L. Zeng, *Logistic regression in rare events data*, Political Analysis 9(2), 2001, pages 137-163: prior correction, and weighting beside it.
# - A. Dal Pozzolo, O. Caelen, R. Johnson, G. Bontempi, *Calibrating probability with undersampling for unbalanced classification*, IEEE Symposium Series on Computational Intelligence, 2015: ranking stays, accuracy and calibration suffer, and the inverse for any classifier.
# - M. Saerens, P. Latinne, C. Decaestecker, *Adjusting the outputs of a classifier to new a priori probabilities*, Neural Computation 14(1), 2002, pages 21-41.
# - T. Saito, M. Rehmsmeier, *The precision-recall plot is more informative than the ROC plot when evaluating binary classifiers on imbalanced datasets*, PLOS ONE 10(3), 2015, e0118432.
