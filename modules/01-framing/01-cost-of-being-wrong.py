# ---
# title: "Which parcels deserve four euros?"
# minutes: 35
# data: [tidewater]
# needs: [walking-skeleton]
# sources:
#   - "Elkan (2001), The Foundations of Cost-Sensitive Learning, IJCAI 2001, sections 1 and 3"
#   - "Niculescu-Mizil, Caruana (2005), Predicting Good Probabilities with Supervised Learning, ICML 2005"
#   - "scikit-learn 1.9, User Guide, Probability calibration; Tuning the decision threshold for class prediction"
# ---

# %% [markdown]
# # Which parcels deserve four euros?
#
# At Tidewater one parcel in five or six comes late, and late parcels cost some 2,700 euros per 1,000 orders in calls and
# vouchers. Express costs 4 euros a parcel: sent to everybody it costs more than it saves, sent by the model's default
# threshold it saves almost nothing, and sent to the right parcels, with the right mail to others, it saves more than a quarter. How much of
# that needs a model?
#
# **After this notebook you can**
#
# 1. write what each decision is expected to cost, for an order of its own amount;
# 2. tell a score from a probability, and turn one into the other with past labels;
# 3. choose a rule on one period, report it on a later one, and log what a colleague needs to defend it.
#
# The exercise asks the same of fraud, where honest customers get hurt and a desk has limited time.
#
# **A question from before.** `first-check` chose a threshold by F-beta. What does beta stand for, and when may you drop it?
#
# <details><summary>Answer</summary>
# For how much recall matters against precision, where nobody will state a price. With prices you count in euros.
# Here there are prices.
# </details>

# %%
import grader

grader.begin("cost-of-being-wrong")

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

# %% [markdown]
# ## The parcels
#
# 60 days of orders of the small world. A parcel is *late* if it is delivered after the promised moment; what we know when it
# is packed is its number of items, the channel, the weekday and how many hours were promised.

# %%
from tidewater import small

parcels = small.load_small("orders").merge(small.load_small("deliveries"), on="order_id")
parcels["day"] = (parcels["placed_at"] - pd.Timestamp("2025-01-01")).dt.days
parcels["weekday"] = parcels["shipped_at"].dt.day_name()
parcels["promised_hours"] = (parcels["promised_at"] - parcels["shipped_at"]).dt.total_seconds() / 3600
parcels["late"] = parcels["delivered_at"] > parcels["promised_at"]
parcels.groupby("items")["late"].agg(["size", "mean"]).round(2).T

# %% [markdown]
# Orders of seven items are late four times as often as those of one. The order of time decides what may be used for what: four periods, each later than the
# one before. (A parcel that is not there at the promised moment *is* late, so each label is known at most twelve days after the order. On
# 1 March nearly a quarter of the last period would still be unknown; we look back from the middle of March. Fraud labels need sixty days.)
# Nobody was warned or sent express in these 60 days, so the labels say what parcels do on their own.

# %%
FEATURES = ["items", "promised_hours", "channel", "weekday"]
edges = {"train": (0, 20), "calibrate": (20, 32), "validation": (32, 44), "test": (44, 60)}
period = {name: parcels[parcels["day"].between(first, last - 1)] for name, (first, last) in edges.items()}
pd.DataFrame({name: {"parcels": len(p), "late": p["late"].mean()} for name, p in period.items()}).round(3)

# %% [markdown]
# ## The obvious way
#
# A logistic regression, as a careful person writes it. Late parcels are the smaller class, so `class_weight="balanced"`: each late parcel
# counts for more, as if half of all parcels were late. Decide by `predict`, that is at 0.5.

# %%
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

columns = make_column_transformer(
    (StandardScaler(), ["items", "promised_hours"]),
    (OneHotEncoder(handle_unknown="ignore"), ["channel", "weekday"]),
)
model = make_pipeline(columns, LogisticRegression(class_weight="balanced", max_iter=1000))
model.fit(period["train"][FEATURES], period["train"]["late"])
validation = period["validation"]
flagged = model.predict(validation[FEATURES])
print(f"recall {flagged[validation['late']].mean():.2f}, flagged {flagged.mean():.2f}")

# %% [markdown]
# It finds six late parcels in ten, on rows it has not seen. It looks like progress: without the weights the same model flags 3 % of the parcels.
#
# ## The prices
#
# Three decisions for a parcel of amount $a$. (These prices are this lesson's own; those of fraud are in `tidewater.money`.)
#
# | decision | at once | if the parcel would be late on its own |
# | --- | --- | --- |
# | leave | 0 | a call, 5 euros, and a voucher of 15 % of $a$: together the *claim* |
# | warn by mail | 0.50, since some write back | 60 % of the claim: who was warned complains less |
# | express | 4.00 | 10 % of the claim: one in ten is late all the same |

# %%
LEAVE, WARN, EXPRESS = 0, 1, 2
AT_ONCE, SHARE_OF_CLAIM = np.array([0.0, 0.5, 4.0]), np.array([1.0, 0.6, 0.1])


def expected_costs(p_late, amount):
    """(n, 3), EUR: leave, warn, express. p_late: (n,), 0 to 1. amount: (n,), EUR."""
    claim = 5 + 0.15 * np.asarray(amount, dtype=float)
    return AT_ONCE + np.outer(p_late * claim, SHARE_OF_CLAIM)


expected_costs(np.array([0.2, 0.2]), np.array([45.0, 500.0])).round(2)

# %% [markdown]
# The same chance, 20 %, and two different answers: the parcel of 45 euros gets a mail (1.91), the one of 500 euros express (5.60). No
# threshold on the probability can say both.
#
# **Predict before you run.** Express for what the model flags, and nothing else, compared with leaving everything alone: does it
# save (a) about half of the 2,700 euros per 1,000 parcels (b) about a quarter (c) next to nothing?


# %%
def euros_per_1000(decision, table):
    """What the decisions have cost, per 1,000 parcels: the same formula, with what is now known as probability."""
    costs = expected_costs(table["late"].to_numpy(dtype=float), table["amount"])
    return 1000 * costs[np.arange(len(table)), decision].mean()


for name, decision in [
    ("leave all", np.full(len(flagged), LEAVE)),
    ("express for all", np.full(len(flagged), EXPRESS)),
    ("express if flagged", np.where(flagged, EXPRESS, LEAVE)),
]:
    print(f"{name:20} {euros_per_1000(decision, validation):6,.0f} EUR per 1,000 parcels")

# %% [markdown]
# It is (c). Six late parcels in ten are found, and the money is gone on the way: four euros for each of the many flagged parcels, most of
# them cheap and on time.
#
# ## The idea: the threshold is in euros
#
# Let $c = p\,(5 + 0.15\,a)$, the expected claim. Then
#
# $$\text{leave: } c \qquad \text{warn: } 0.5 + 0.6\,c \qquad \text{express: } 4 + 0.1\,c$$
#
# Warning beats leaving if $0.4\,c > 0.5$, so from $c = 1.25$ euros; express beats warning if $0.5\,c > 3.5$, so from $c = 7$ euros. As
# thresholds on $p$ these are curves that fall with the amount. Ask of the figure: where would 0.5 lie?

# %%
amounts = np.geomspace(5, 2000, 200)
figure, axis = plt.subplots(figsize=(7, 3.4), layout="constrained")
for claim, line, label in [(1.25, "--", "warn from here"), (7.0, "-", "express from here")]:
    axis.plot(amounts, np.minimum(claim / (5 + 0.15 * amounts), 1), line, color="black", label=label)
axis.axhline(0.5, color="0.6", linewidth=1)
axis.annotate("0.5", (1500, 0.52), color="0.4")
axis.set(
    xscale="log", xlabel="amount (EUR, log scale)", ylabel="chance of being late (0 to 1)", ylim=(0, 1.02)
)
axis.set_title("From which chance on does a parcel deserve more?")
legend = axis.legend()

# %% [markdown]
# *In words: both curves fall from left to right. Below 13 euros express never pays; at 45 euros it pays from 60 %, at 500 euros from 9 %; a
# warning from 11 % at 45 euros and below 2 % at 500 euros. The level line at 0.5 crosses the express curve once, near 60 euros.*
#
# So take for each parcel the cheapest of its three costs: `argmin` along the row, with no threshold in sight.
#
# **Predict before you run.** With the model's `predict_proba` as $p$, will the rule (a) save a quarter or more (b) save something, less than it
# could (c) lose?

# %%
score = model.predict_proba(validation[FEATURES])[:, 1]
by_score = expected_costs(score, validation["amount"]).argmin(axis=1)
print(f"{euros_per_1000(by_score, validation):,.0f} EUR per 1,000 parcels")
print(
    "promised by its own numbers:",
    round(1000 * expected_costs(score, validation["amount"]).min(axis=1).mean()),
)
print("left, warned, express:", np.bincount(by_score, minlength=3))

# %% [markdown]
# It is (b), and something is odd: no parcel at all is left alone, and by its own numbers the rule would cost far more than it did. A
# rule that does not know its own cost decides by wrong numbers.
#
# ## A score is not a probability
#
# A model is *calibrated* if of all parcels to which it gives 40 % four in ten are late. Ask of the figure: does it?

# %%
from sklearn.calibration import calibration_curve
from sklearn.metrics import roc_auc_score

print(f"AUC {roc_auc_score(validation['late'], score):.2f}")
figure, axis = plt.subplots(figsize=(5, 3.6), layout="constrained")
share, mean_score = calibration_curve(validation["late"], score, n_bins=10, strategy="quantile")
axis.plot([0, 1], [0, 1], color="0.7", linewidth=1)
axis.plot(mean_score, share, "o", color="black", label="balanced model")
axis.set(xlabel="mean score of the bin (0 to 1)", ylabel="share late (0 to 1)", xlim=(0, 1), ylim=(0, 1))
title = axis.set_title("Are four in ten late where the score is 0.4?")
legend = axis.legend()

# %% [markdown]
# *In words: ten points, all far below the diagonal. Where the mean score is 0.4 about one parcel in seven is late; at 0.77 about four in ten.*
#
# That is what the weights did: the model learned a world in which half of all parcels are late. Its ranking is fair (AUC 0.70: of a late parcel
# and one in time the late one has the higher score seven times in ten); its numbers answer another question.
#
# Whoever owns the model drops the weights: no more is needed here.

# %%
unweighted = make_pipeline(columns, LogisticRegression(max_iter=1000))
unweighted.fit(period["train"][FEATURES], period["train"]["late"])
p_unweighted = unweighted.predict_proba(validation[FEATURES])[:, 1]
by_unweighted = expected_costs(p_unweighted, validation["amount"]).argmin(axis=1)
print(f"{euros_per_1000(by_unweighted, validation):,.0f} EUR per 1,000 parcels without the weights")

# %% [markdown]
# Often the model is another team's, or no logistic regression. Then past labels tell what its numbers mean; take them from a period that it was
# not fitted on. From here on the model is such a one. `CalibratedClassifierCV` with `method="sigmoid"` fits a logistic curve from the model's
# log-odds to what happened, two numbers in all. `FrozenEstimator` says that the model itself stays.

# %%
from sklearn.calibration import CalibratedClassifierCV
from sklearn.frozen import FrozenEstimator

calibrated = CalibratedClassifierCV(FrozenEstimator(model), method="sigmoid", ensemble=False)
calibrated.fit(period["calibrate"][FEATURES], period["calibrate"]["late"])
p_late = calibrated.predict_proba(validation[FEATURES])[:, 1]
share, mean_p = calibration_curve(validation["late"], p_late, n_bins=10, strategy="quantile")
axis.plot(mean_p, share, "s", color="0.5", fillstyle="none", label="calibrated")
legend = axis.legend()
by_probability = expected_costs(p_late, validation["amount"]).argmin(axis=1)
print(f"{euros_per_1000(by_probability, validation):,.0f} EUR per 1,000 parcels")
print(
    "promised by its own numbers:",
    round(1000 * expected_costs(p_late, validation["amount"]).min(axis=1).mean()),
)
print("left, warned, express:", np.bincount(by_probability, minlength=3))
figure

# %% [markdown]
# *In words: the open squares lie on the diagonal, from 0.1 to 0.4.*
#
# Only the meaning of the numbers changed, and that was worth more than 400 euros per 1,000 parcels, about as much as dropping the weights. And the
# rule's promise is now within 20 euros of what it cost: a check that you can make on each period, in production too.
#
# What the class did is to fit one straight line to the log-odds $\log(s / (1 - s))$ of the score $s$, as a logistic regression on that one number
# would. It keeps the line as two numbers, with the sign turned.

# %%
sigmoid = calibrated.calibrated_classifiers_[0].calibrators[0]
print(f"slope: {-sigmoid.a_:.2f}, shift: {-sigmoid.b_:.2f}")

# %% [markdown]
# The shift takes the weights out: -1.5 is the log-odds of 19 %, the share of late parcels in training. The slope of 0.88 says that the model is, if
# anything, a little too sure of itself.
#
# ## Choose on one period, report on another
#
# Is the amount worth the trouble? A simpler rule would use one claim for all, that of the mean parcel. And is the model? A mail to everybody needs
# none, nor does a rule that takes the training period's share of late parcels as the chance of each. There are always several rules on the table, so choose
# by rules of your own: the *validation* period chooses, the *test* period reports, once. A rule that is chosen on the period that
# reports it looks better than it is, the more so the more rules were tried.
#
# **Predict before you run.** Of what the best rule saves over leaving all alone, how much does a rule without a model save: (a) nothing
# (b) half (c) more than three quarters?


# %%
def decide(rule, table):
    """The decision for each parcel by the rule of this name."""
    raw, p = (m.predict_proba(table[FEATURES])[:, 1] for m in (model, calibrated))
    mean_amount = np.full(len(table), period["train"]["amount"].mean())
    mean_late = np.full(len(table), period["train"]["late"].mean())
    return {
        "leave all": np.full(len(table), LEAVE),
        "warn all": np.full(len(table), WARN),
        "no model, own amount": expected_costs(mean_late, table["amount"]).argmin(axis=1),
        "0.5": np.where(raw >= 0.5, EXPRESS, LEAVE),
        "raw score, own amount": expected_costs(raw, table["amount"]).argmin(axis=1),
        "calibrated, mean amount": expected_costs(p, mean_amount).argmin(axis=1),
        "calibrated, own amount": expected_costs(p, table["amount"]).argmin(axis=1),
    }[rule]


RULES = ["leave all", "warn all", "no model, own amount", "0.5"]
RULES += ["raw score, own amount", "calibrated, mean amount", "calibrated, own amount"]
on_validation = {rule: euros_per_1000(decide(rule, validation), validation) for rule in RULES}
chosen = min(on_validation, key=on_validation.get)
pd.Series(on_validation).round()

# %% [markdown]
# It is (c). With the wrong meaning of its numbers the model did worse than a mail to everybody; with the right one it beats the best rule without a model
# by about 100 euros. Most of the saving is the mail, and that needs no model.
#
# The choice is made. Now the test period, with an interval: days differ (weekends, weather), so we draw its 16 days with replacement, 2,000 times, and
# look at the saving of the chosen rule over leaving all alone, at that over the best rule without a model, and at promise against bill.

# %%
test = period["test"]
rows = np.arange(len(test))
costs = expected_costs(test["late"].to_numpy(dtype=float), test["amount"])
paid = pd.DataFrame({rule: costs[rows, decide(rule, test)] for rule in RULES})
p_test = calibrated.predict_proba(test[FEATURES])[:, 1]
paid["promised"] = expected_costs(p_test, test["amount"]).min(axis=1)
days = paid.groupby(test["day"].to_numpy()).agg(["sum", "size"])
draws = np.random.default_rng(0).integers(0, len(days), (2000, len(days)))
parcels_a_day = days[(chosen, "size")].to_numpy()
for other in ["leave all", "no model, own amount", "promised"]:
    gap = (days[(other, "sum")] - days[(chosen, "sum")]).to_numpy()
    drawn = 1000 * gap[draws].sum(axis=1) / parcels_a_day[draws].sum(axis=1)
    low, high = np.quantile(drawn, [0.025, 0.975])
    found = 1000 * gap.sum() / parcels_a_day.sum()
    print(f"{other} minus chosen: {found:.0f} EUR per 1,000 parcels, 95 % interval {low:.0f} to {high:.0f}")

# %% [markdown]
# Both savings lie above zero, and so does the last line: on test the rule promised to cost 67 euros more than it did, beyond what the difference
# between days explains. That is small beside the savings; something has moved since days 20 to 31, and a new calibration is due.
#
# The intervals know that days differ. They hold fixed the model, the calibration, the prices and the choice, and they do not know next summer. The *regret* of the choice is what it cost beyond the
# candidate that turned out cheapest on test; it is 0 by construction for whoever chooses there.
#
# ## Write it down
#
# What would a colleague need to defend or change this rule? The prices, since they *are* the rule's parameters: when the voucher goes to 10 % nothing has to
# be fitted again. What the alternatives cost. Which period chose, which reported. And the model with its calibration, as one object. (MLflow stores
# scikit-learn models in a format that loads known types alone; the two classes of the calibration have to be named as trusted.)
#
# The *signature* says which columns of which types go in, and `pyfunc_predict_fn` that chances come out. MLflow's hint about whole numbers with gaps is
# not for us: `items` has none.

# %%
import warnings

import mlflow
import sklearn

warnings.filterwarnings("ignore", message="Hint: Inferred schema contains integer column")
signature = mlflow.models.infer_signature(test[FEATURES], calibrated.predict_proba(test[FEATURES]))
signature.inputs

# %% [markdown]
# Now the run, with the days and columns by name, so that nobody has to guess what day 44 was.

# %%
on_test = 1000 * paid[RULES].mean()
with mlflow.start_run(run_name="late-parcels") as run:
    mlflow.log_params({"rule": chosen, "candidates": " | ".join(RULES), "call": 5, "voucher": 0.15})
    mlflow.log_params({"warn": 0.5, "warned_claim": 0.6, "express": 4, "express_claim": 0.1})
    mlflow.log_params({"day_0": "2025-01-01", "features": ",".join(FEATURES)})
    mlflow.log_params({f"days_{name}": f"{first} to {last - 1}" for name, (first, last) in edges.items()})
    mlflow.log_metric("validation_eur_per_1000", on_validation[chosen])
    mlflow.log_metric("test_eur_per_1000", on_test[chosen])
    mlflow.log_metric("test_regret_eur_per_1000", on_test[chosen] - on_test.min())
    mlflow.log_dict(on_validation, "validation_costs.json")
    mlflow.sklearn.log_model(
        calibrated,
        name="model",
        signature=signature,
        pyfunc_predict_fn="predict_proba",
        pip_requirements=[f"scikit-learn=={sklearn.__version__}"],
        skops_trusted_types=[
            f"sklearn.calibration.{name}" for name in ("_CalibratedClassifier", "_SigmoidCalibration")
        ],
    )

# %% [markdown]
# The test is whether somebody can go on from the record alone. The voucher falls to 10 %: the same model, the same parcels, one other price, and
# all else from the run. (`mle ui` shows the run's page, with the file of the alternatives under *Artifacts*.)

# %%
record = mlflow.get_run(run.info.run_id).data.params
again = mlflow.pyfunc.load_model(f"runs:/{run.info.run_id}/model")
p_again = again.predict(test[record["features"].split(",")])[:, 1]
claim = p_again * (float(record["call"]) + 0.10 * test["amount"].to_numpy())
at_once = np.array([0.0, float(record["warn"]), float(record["express"])])
share_of_claim = np.array([1.0, float(record["warned_claim"]), float(record["express_claim"])])
cheaper = (at_once + np.outer(claim, share_of_claim)).argmin(axis=1)
print("left, warned, express at 15 %:", np.bincount(decide(chosen, test), minlength=3))
print("left, warned, express at 10 %:", np.bincount(cheaper, minlength=3))

# %% [markdown]
# ## In production
#
# - **Watch promise against bill, weekly.** The rule's own expected cost and what the claims cost should agree within their noise; on the test period they
#   were 67 euros apart, more than noise. The gap opens when calibration goes, often before any ranking measure moves: a strike makes all parcels later and leaves their order as it is.
# - **Keep a rule without a model in the report.** It says what the model is worth: here about 100 euros per 1,000 parcels, not 700.
# - **Recalibrate more often than you retrain.** Two numbers can be fitted anew each week from a few hundred late parcels.
# - **Decisions change the labels.** A parcel sent by express is on time *because* of it. Keep the labels of parcels that were left alone apart, and leave a
#   small random share of all alone on purpose, or the next calibration learns that risky parcels are safe.
# - **Prices have owners and dates.** Keep them in one file, log them with each run, and ask each quarter.
# - **At a hundred times the parcels** the rule is still one `argmin` a row. What runs short is the express van: then the places go to the parcels that
#   save most by one, not to the latest. The exercise has such a limit.
#
# ## When this advice is wrong
#
# - **Nobody knows the prices to a factor of two.** Move each price by this factor and see which decisions flip. If few do, go on; else buy better prices
#   before a better model.
# - **Costs do not add up.** Ten late parcels of one customer lose the customer. The cost then belongs to the customer and not to the order.
# - **The mean is not what you fear.** Expected cost is indifferent between a sure loss of 1,000 and one chance in a thousand of a million.
# - **Few labels.** Isotonic regression can bend where the sigmoid cannot, and with a few hundred labels it overfits (Niculescu-Mizil and
#   Caruana: more prone to overfitting, and worse than the sigmoid where data are scarce).
# - **A decision that must treat people alike.** "Large orders get better service" is a policy, and somebody should have decided it.
#
# ## Close
#
# You can now write a cost for each decision and order, turn a score into a probability with past labels, and choose on one period and report
# on another, in a run that says by which prices.
#
# From memory:
#
# 1. Two orders have the same chance. Why may the best decisions differ, and which quantity has the fixed threshold?
# 2. A rule's expected cost is twice its bill. What do you look at first?
# 3. Why is the regret of a rule that was chosen on the test period worth nothing?
#
# Now the exercise: `mle start cost-of-being-wrong`, then `mle check cost-of-being-wrong`.
#
# **Sources**
#
# - C. Elkan, *The Foundations of Cost-Sensitive Learning*, IJCAI 2001. Section 1: costs that differ by example, one baseline for all of them, the
#   decision of least expected cost. Section 3: what another share of a class in training does to probabilities.
# - A. Niculescu-Mizil, R. Caruana, *Predicting Good Probabilities with Supervised Learning*, ICML 2005: sigmoid and isotonic calibration, and how
#   much data each needs.
# - scikit-learn 1.9, User Guide, *Probability calibration* and *Tuning the decision threshold for class prediction*.
