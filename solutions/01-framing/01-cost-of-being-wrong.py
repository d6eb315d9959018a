# ---
# title: "Approve, review or decline: what will this order cost?"
# minutes: 60
# data: [tidewater]
# needs: [walking-skeleton]
# runs_on: []
# sources:
#   - "Elkan (2001), The Foundations of Cost-Sensitive Learning, IJCAI 2001, sections 1 and 3"
#   - "Correa Bahnsen, Aouada, Stojanovic, Ottersten (2016), Feature engineering strategies for credit card fraud
#     detection, Expert Systems with Applications 51, pages 134-142 (a cost that depends on each amount)"
#   - "scikit-learn 1.9, User Guide, Probability calibration"
# hints:
#   - "Part 1: write the six euros first, for an honest order and for a fraud, before any probability. Part 2: what a
#     score means is in the past labels, nowhere else. Part 3: first the best decision without the desk, then who gets
#     its places. Part 4: which period may choose, and which may only report?"
#   - "Part 1: each column is p times the cost if fraud plus (1 - p) times the cost if honest. Part 2: what
#     would you fit the curve on, the score or its log-odds? Plot both against the share of fraud; or fit an isotonic regression. Part 3: what an order gains by a review is the cheaper
#     of approve and decline minus review; the places of a day go to the largest gains above 0. Part 4: with
#     labels in place of probabilities expected_costs gives what decisions have cost."
#   - "lost = PRICES.loss * amount + PRICES.fee, away = PRICES.margin * amount + PRICES.declined_honest; the columns are p * lost, PRICES.review
#     + p * (1 - PRICES.review_finds) * lost + (1 - p) * PRICES.review_refuses * away, and (1 - p) * away. calibrate:
#     LogisticRegression(C=1e6).fit(log_odds(past_score)[:, None], past_fraud).predict_proba(...)[:, 1]. decide:
#     place = pd.Series(-gain).groupby(day).rank(method='first') is each order's place within its day, from 1. log_rule: the cost of a rule is
#     expected_costs(table['is_fraud'].astype(float), table['amount'])[np.arange(n), rule(table)].mean(); min over
#     validation, log inside mlflow.start_run()."
# ---

# %% [markdown]
# # Approve, review or decline: what will this order cost?
#
# A model gives each order at Tidewater a score between 0 and 1, and the shop declines what has 0.5 or more. The head of
# payments finds that declined customers complain, while frauds of 800 euros pass. You replace the 0.5: for each
# order work out in euros what approving, reviewing and declining are expected to cost, and take the cheapest.
#
# Prices (`tidewater.money.PRICES`; `a` is the order's amount in EUR):
#
# | decision | an honest order brings | a fraud brings |
# | --- | --- | --- |
# | approve | the margin, + 0.12 a | - (0.88 a + 20): the goods and the bank's fee |
# | decline | - 8: some customers never come back | 0 |
# | review | costs 3; with 3 % chance the order is refused, else approved | costs 3; with 92 % chance it is refused, else approved |
#
# A refused order is a declined one. The desk has time for 20 reviews a day.
#
# The four parts take 45 to 60 minutes. Write each answer in place of `raise NotImplementedError()`, and run `mle check cost-of-being-wrong` as often as you like.

# %%
import grader

grader.begin("cost-of-being-wrong")

import mlflow
import numpy as np
import pandas as pd
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression

from tidewater import make_world
from tidewater.money import APPROVE, DECLINE, PRICES, REVIEW

# %% [markdown]
# First the system that you built in `walking-skeleton`: the scores of its test weeks, and what 0.5 does with them.

# %%
start = grader.start_from("walking-skeleton")
weeks = pd.read_parquet(start.path("scores.parquet"))
declined = weeks["score"] >= 0.5
passed = weeks[weeks["is_fraud"].astype(bool) & ~declined]
lost = (PRICES.loss * passed["amount"] + PRICES.fee).sum()
print(
    f"0.5 declines {declined.sum()} of {len(weeks):,} orders; {len(passed)} frauds pass and cost {lost:,.0f} EUR"
)

# %% [markdown]
# A score of 0.5 from a model of rare fraud is nearly never reached. And some 70 frauds are too few to choose a rule on one period and to report it on
# another. So here is more.
#
# Data to play with: some 19,700 orders of 30 days, in the order of time. In these 30 days the shop approved every order, as a trial, to
# learn what the score means: a declined order has no chargeback, and nobody ever hears whether it was fraud. All are *ripe*: old enough
# that every fraud among them has been reported. `amount` is in EUR.
#
# `score` stands for the output of another team's model. That team trained it on a sample with as many frauds as
# honest orders, as many do with rare classes. (To keep the notebook quick, the score is made here from the true
# probability, with noise, and behaves as such a model's score would.)

# %%
orders = make_world(seed=0, days=30, orders_per_day=600).truth.orders[["amount", "p_fraud", "is_fraud"]]
noise = np.random.default_rng(0).normal(0, 1, len(orders))
p_true = orders.pop("p_fraud").clip(1e-6, 1 - 1e-6)
odds = 120 * p_true / (1 - p_true) * np.exp(noise)
orders["score"] = (odds / (1 + odds)).round(6).clip(1e-6, 1 - 1e-6)
orders["day"] = np.arange(len(orders)) * 30 // len(orders)
groups = orders.groupby(pd.cut(orders["score"], [0, 0.2, 0.5, 0.8, 0.95, 1]), observed=True)
groups.agg(orders=("is_fraud", "size"), mean_score=("score", "mean"), share_fraud=("is_fraud", "mean")).round(
    3
)

# %% [markdown]
# ## 1. What each decision is expected to cost
#
# The *cost* of a decision is what it leaves on the table: what the best of the three decisions would have brought if we had
# known whether the order is fraud, minus what this decision brings. So approving an honest order costs 0, declining a fraud
# costs 0, and a margin that is not earned is a cost. (Once it is known, the best of the three is to approve or to decline: a review
# always costs something.)
#
# In: `p_fraud`, floats from 0 to 1, and `amount`, EUR, both arrays of shape `(n,)`. Out: floats, shape `(n, 3)`, EUR: the expected
# cost of approving, reviewing and declining each order, in this order (`APPROVE`, `REVIEW`, `DECLINE` are 0, 1, 2). Use
# `PRICES`, not numbers: `margin`, `loss`, `fee`, `declined_honest`, `review`, `review_finds`, `review_refuses`.
#
# (`tidewater.money` has functions that answer related questions. Write yours first; then compare.)


# %% answer="expected_costs"
def expected_costs(p_fraud, amount):
    """Expected cost of each decision for each order, against the best decision if all were known.

    p_fraud: float array, shape (n,), chance of fraud, 0 to 1.
    amount: float array, shape (n,), EUR.
    Returns a float array, shape (n, 3), EUR: approve, review, decline.
    """
    ### BEGIN SOLUTION
    p, a = np.asarray(p_fraud, dtype=float), np.asarray(amount, dtype=float)
    lost = PRICES.loss * a + PRICES.fee  # a fraud that is approved
    away = PRICES.margin * a + PRICES.declined_honest  # an honest order that is declined
    missed = p * (1 - PRICES.review_finds) * lost
    refused = (1 - p) * PRICES.review_refuses * away
    return np.stack([p * lost, PRICES.review + missed + refused, (1 - p) * away], axis=1)
    ### END SOLUTION


# %% test="costs" of="expected_costs" points=2
import numpy as np
from grader import expect

expect.close(
    expected_costs(np.array([0.0, 1.0]), np.array([100.0, 100.0])),
    [[0.0, 3.6, 20.0], [108.0, 11.64, 0.0]],
    what="expected_costs of an order of 100 EUR that is surely honest, and of one that is surely fraud",
    why="100 EUR are 12 of margin or 88 of loss; the fee is 20, an annoyed customer 8, a review 3",
    look_at="what each decision brings in the table of prices, and what the best one would have brought",
)
### BEGIN HIDDEN TESTS
from tidewater.money import PRICES

rng = expect.rng()
chance = np.concatenate([rng.uniform(0, 1, 40), rng.uniform(0, 0.01, 40), [0.0, 1.0, 0.5]])
euros = np.concatenate([np.exp(rng.normal(3.8, 1, 80)), [1.0, 4000.0, 0.5]])
wanted = []
for p, a in zip(chance, euros, strict=True):
    lost, away = PRICES.loss * a + PRICES.fee, PRICES.margin * a + PRICES.declined_honest
    review = PRICES.review + p * (1 - PRICES.review_finds) * lost
    wanted.append([p * lost, review + (1 - p) * PRICES.review_refuses * away, (1 - p) * away])
with expect.unchanged(
    chance,
    euros,
    what="the arrays given to expected_costs",
    why="the caller still needs them",
    look_at="assignments into an argument",
):
    got = expected_costs(chance, euros)
expect.shape(
    got,
    (83, 3),
    what="expected_costs of 83 orders",
    why="each order has one row, with approve, review and decline",
    look_at="the axis on which you put the three costs together",
)
for place, name in enumerate(["approving", "reviewing", "declining"]):
    expect.close(
        np.asarray(got)[:, place],
        np.array(wanted)[:, place],
        what=f"the expected cost of {name} for 83 other orders",
        why="it is p times the cost if the order is fraud, plus 1 - p times the cost if it is honest, with its own amount",
        look_at="the two cases of this decision, each for an order of its own amount",
    )
### END HIDDEN TESTS

# %% [markdown]
# ## 2. From score to probability
#
# The costs need a probability, and the table above says that the score is none: of the orders with a score between 0.5 and 0.8 some
# 1 % are fraud. A score is *calibrated* if among all orders with the score 0.3 three in ten are fraud.
#
# Learn what a score means from a ripe past period in which every order was approved, and say what the scores of new orders mean.
#
# In: `past_score`, floats, and `past_fraud`, True or False, both of shape `(m,)`, with some 20,000 orders and 150
# frauds or more in the hidden checks; `score`, floats of shape `(n,)`, of new orders. Scores lie from 0.000001 to 0.999999. Out: floats, shape `(n,)`, the
# probability of fraud of each new order. What an order gets does not depend on which other new orders are asked about.
#
# You may rely on: a higher score means more fraud. Not on *how* the score was distorted: hidden checks also bring
# models that were not trained on a balanced sample, and ones that are too sure of themselves, or not sure enough. And 150 frauds are
# few: they can carry a curve with few free numbers, or a monotone one that pools neighbours.
#
# The check is in euros: for orders of a later period of another world it takes, by your probabilities and the costs of part 1,
# the cheapest decision for each order. Your cost may exceed that of the best use of the score by up to 6 % of the cost of approving all.
# And the sum of your probabilities must fit the number of frauds to expect.


# %% answer="calibrate"
def calibrate(past_score, past_fraud, score):
    """Probabilities of fraud for new orders, from what scores meant in the past.

    past_score: float array, shape (m,), between 0 and 1. past_fraud: bool array, shape (m,).
    score: float array, shape (n,), between 0 and 1.
    Returns a float array, shape (n,), 0 to 1.
    """

    ### BEGIN SOLUTION
    def log_odds(s):
        return (np.log(s) - np.log1p(-s))[:, None]  # (n, 1)

    model = LogisticRegression(C=1e6).fit(log_odds(past_score), past_fraud)
    return model.predict_proba(log_odds(score))[:, 1]
    ### END SOLUTION


# %% test="worth_of_probabilities" of="calibrate" points=3
import numpy as np
from grader import expect

past = np.repeat([0.2, 0.9], [5000, 200])
fraud = np.concatenate([np.arange(5000) % 500 == 0, np.arange(200) % 20 == 0])
low, high = calibrate(past, fraud, np.array([0.2, 0.9]))
expect.between(
    float(low),
    0.0004,
    0.01,
    what="the probability for score 0.2, where 10 of 5,000 past orders with this score were fraud",
    why="a score means what happened to orders that had it: about 0.002",
    look_at="whether the labels of the past have a say in your answer",
)
expect.between(
    float(high),
    0.02,
    0.12,
    what="the probability for score 0.9, where 10 of 200 past orders with this score were fraud",
    why="a score means what happened to orders that had it: about 0.05",
    look_at="whether the two scores get different answers, each from its own past orders",
)
### BEGIN HIDDEN TESTS
from sklearn.isotonic import IsotonicRegression
from tidewater import make_world
from tidewater.money import PRICES

# Extra cost over the best increasing map of the score (isotonic on the true probabilities), as a share of the cost of
# approving all, mean and standard deviation over 20 worlds, for the three models below. Right, the same in all three: logistic
# on log-odds 0.002, 0.002; isotonic 0.007, 0.004; twenty bins of equally many frauds 0.011, 0.007. Wrong, in the model that
# shows it best: a shift of the log-odds alone 0.233, 0.037 in the third (0.002 and 0.029 in the others); ten bins of equally many
# orders 0.166, 0.017; logistic on the score itself 0.173, 0.017 in the second; one factor 0.37, 0.03 in the first; undoing a balanced
# sample 0.38, 0.03 in the second. The bar of 0.06 lies 4.6 standard deviations or more from each of these answers.
# Half of each probability costs 0.042, 0.006 and passes this bar, so the sum counts too: probabilities over true ones, right
# 0.995, 0.068, half 0.497, 0.032. Double the right ones are 1.78, 0.12 and cost 0.027, 0.011: not listed, since a few would pass.
rng = expect.rng()
hidden = make_world(int(rng.integers(2**60)), days=30, orders_per_day=1400).truth.orders
p, amount = hidden["p_fraud"].to_numpy(), hidden["amount"].to_numpy()
label = hidden["is_fraud"].to_numpy()
cut = len(p) // 2
lost, away = PRICES.loss * amount + PRICES.fee, PRICES.margin * amount + PRICES.declined_honest


def price(chance):
    """Columns of costs for orders after the cut."""
    review = PRICES.review + chance * (1 - PRICES.review_finds) * lost[cut:]
    review = review + (1 - chance) * PRICES.review_refuses * away[cut:]
    return np.stack([chance * lost[cut:], review, (1 - chance) * away[cut:]], axis=1)


def paid(chance):
    """True expected EUR of deciding by these probabilities."""
    return float(price(p[cut:])[np.arange(len(p) - cut), price(chance).argmin(axis=1)].sum())


heard = np.log(np.clip(p, 1e-6, 1 - 1e-6) / (1 - np.clip(p, 1e-6, 1 - 1e-6))) + rng.normal(0, 1, len(p))
for name, slope, shift in [
    ("was trained on a sample with far too many frauds", 1.0, 6.0),
    ("is too sure of itself, on both sides", 1.6, 0.0),
    ("is not sure enough of itself", 0.2, 0.0),
]:
    score = np.clip(np.round(1 / (1 + np.exp(-(slope * heard + shift))), 6), 1e-6, 1 - 1e-6)
    best = paid(IsotonicRegression(out_of_bounds="clip").fit(score, p).predict(score[cut:]))
    expect.between(
        calibrate(score[:cut], label[:cut], np.array([0.000001, 0.999999])),
        0.0,
        1.0,
        what="the probabilities for the scores 0.000001 and 0.999999, which the past period may not hold",
        why="a new order may have a lower or a higher score than all past ones, and still needs a decision",
        look_at="what your calibration returns outside of the scores that it was fitted on",
    )
    found = np.asarray(calibrate(score[:cut], label[:cut], score[cut:]))
    expect.shape(
        found,
        (len(p) - cut,),
        what="calibrate for the scores of a later period",
        why="each new order has one probability",
        look_at="which of the arguments gives your answer its length",
    )
    expect.between(
        found,
        0.0,
        1.0,
        what="the probabilities for the scores of a later period",
        why="probabilities lie between 0 and 1",
        look_at="what you return for very low and very high scores",
    )
    expect.between(
        (paid(found) - best) / float(price(p[cut:])[:, 0].sum()),
        -1.0,
        0.06,
        what=f"the extra cost of decisions by your probabilities, as a share of the cost of approving all, for a model that {name}",
        why="right probabilities cost hardly more than the best use of this score",
        look_at="the shape of your curve: one with few free numbers in the log-odds of the score, or one that only rises",
    )
    expect.between(
        float(found.sum() / p[cut:].sum()),
        0.72,
        1.4,
        what=f"the frauds that your probabilities expect in a later period, over those to expect, for a model that {name}",
        why="the probabilities of all orders together say how many frauds will come",
        look_at="the sum of your probabilities for the past scores, and the number of past frauds",
    )
    some = np.sort(rng.permutation(len(p) - cut)[:60])
    expect.close(
        calibrate(score[:cut], label[:cut], score[cut:][some]),
        found[some],
        what="the probabilities of 60 of these orders, asked about without the others",
        why="in production an order comes alone, and its probability must be the same then",
        look_at="whatever you compute from the new scores: means, ranks, bins",
    )
### END HIDDEN TESTS

# %% [markdown]
# ## 3. The cheapest decision, with 20 reviews a day
#
# In: `p_fraud` (calibrated) and `amount` as in part 1, `day`, whole numbers of shape `(n,)` in any order, and `reviews_per_day`. Out: ints, shape
# `(n,)`, `APPROVE`, `REVIEW` or `DECLINE` for each order, so that the expected cost of all orders together is as low as it can be with
# at most `reviews_per_day` reviews on each day.
#
# You may look at all orders of a day before you decide. Not every day needs all its reviews. Where the limit does not bind, each order
# gets its cheapest decision.
#
# The checks compare the expected cost, by the true probabilities of another world, with the lowest one that is possible. Decisions may cost 1 %
# more (3 % where the limit binds), so an exact rule passes, and so does a table with thresholds for eight bands of amount or more (equally wide on
# a log scale, from 1 to 4,000 EUR).


# %% answer="decide"
def decide(p_fraud, amount, day, reviews_per_day=20):
    """The decision for each order that makes the expected cost of all lowest.

    p_fraud, amount: float arrays, shape (n,), chance of fraud and EUR.
    day: int array, shape (n,), in any order; orders of one day share its reviews.
    reviews_per_day: int, at most so many reviews on each day.
    Returns an int array, shape (n,): APPROVE, REVIEW or DECLINE.
    """
    ### BEGIN SOLUTION
    approve, review, decline = expected_costs(p_fraud, amount).T
    decision = np.where(approve <= decline, APPROVE, DECLINE)
    gain = np.minimum(approve, decline) - review  # of a review, EUR
    ranked = pd.DataFrame({"day": day, "gain": gain}).sort_values("gain", ascending=False)
    place = ranked.groupby("day").cumcount().sort_index().to_numpy()
    decision[(gain > 0) & (place < reviews_per_day)] = REVIEW
    return decision
    ### END SOLUTION


# %% test="each_order" of="decide" points=3
import numpy as np
from grader import expect

chance, euros = np.array([0.03, 0.03, 0.2, 0.9]), np.array([45.0, 500.0, 45.0, 45.0])
expect.equal(
    np.asarray(decide(chance, euros, np.zeros(4, dtype=int))).tolist(),
    [0, 1, 1, 2],
    what="decide for (3 %, 45 EUR), (3 %, 500 EUR), (20 %, 45 EUR) and (90 %, 45 EUR), all on one day",
    why="their costs are (1.79, 3.53, 13.0), (13.8, 6.08, 66.0), (11.9, 4.28, 10.7) and (53.6, 7.33, 1.34)",
    look_at="how the amount and the price of a review enter your rule",
)
### BEGIN HIDDEN TESTS
from tidewater import make_world
from tidewater.money import PRICES

rng = expect.rng()
hidden = make_world(int(rng.integers(2**60)), days=20, orders_per_day=500).truth.orders
whole = hidden["p_fraud"].to_numpy(), hidden["amount"].to_numpy()
doubtful = np.exp(rng.uniform(np.log(0.003), np.log(0.9), 4000)), rng.choice(whole[1], 4000)
# Extra cost over 20 worlds, mean and standard deviation, of the world's orders and of doubtful ones: exact 0; eight bands
# 0.003, 0.001 and 0.003, 0.001. Wrong: one amount for all 0.037, 0.012 and 0.032, 0.005; never declining 0.061, 0.014 and
# 0.090, 0.005; no review 0.46, 0.06 and 0.67, 0.02; 0.5 0.86, 0.10 and 1.53, 0.04. The bar is 0.01.
# A rule that leaves out review_refuses costs about as much as the bar (0.009, 0.003 and 0.003, 0.000): it is tolerated, not listed as wrong.
for name, (p, amount) in {
    "of another world": whole,
    "that all look suspicious to some degree": doubtful,
}.items():
    lost, away = PRICES.loss * amount + PRICES.fee, PRICES.margin * amount + PRICES.declined_honest
    review = PRICES.review + p * (1 - PRICES.review_finds) * lost
    costs = np.stack([p * lost, review + (1 - p) * PRICES.review_refuses * away, (1 - p) * away], axis=1)
    day = rng.integers(0, 20, len(p))
    decision = np.asarray(decide(p, amount, day, reviews_per_day=len(p)))
    expect.equal(
        sorted({str(value) for value in decision.ravel()} - {"0", "1", "2"}) + list(decision.shape),
        [len(p)],
        what="the decisions that are none of 0, 1, 2, and the shape",
        why="each order has one decision, as an int",
        look_at="what you return",
    )
    lowest = costs.min(axis=1).sum()
    expect.between(
        float(costs[np.arange(len(p)), decision].sum() / lowest - 1),
        -1e-9,
        0.01,
        what=f"the extra cost of your decisions for orders {name}, as a share of the lowest possible cost",
        why="each order has a cheapest decision, by its own probability and amount",
        look_at="orders where your rule and the smallest of the three expected costs disagree",
    )
### END HIDDEN TESTS

# %% [markdown]
# Now the limit. Somebody must go without a review: who, and what becomes of them?

# %% test="desk" of="decide" points=3
import numpy as np
from grader import expect

chance, euros = np.array([0.06, 0.3, 0.04, 0.3]), np.array([900.0, 30.0, 60.0, 300.0])
expect.equal(
    np.asarray(decide(chance, euros, np.array([4, 4, 4, 4]), reviews_per_day=1)).tolist(),
    [1, 2, 0, 2],
    what="decide for (6 %, 900 EUR), (30 %, 30 EUR), (4 %, 60 EUR) and (30 %, 300 EUR), one day and one review",
    why="a review saves 38.55, 3.76, -0.76 and 20.06 EUR against the cheaper of approve and decline",
    look_at="what an order loses if it gets no review, and the cheaper decision that is left to it",
)
### BEGIN HIDDEN TESTS
from tidewater import make_world
from tidewater.money import PRICES

rng = expect.rng()
amount = rng.choice(
    make_world(int(rng.integers(2**60)), days=5, orders_per_day=500).truth.orders["amount"].to_numpy(), 4000
)
p = np.exp(rng.uniform(np.log(0.003), np.log(0.9), 4000))
day = rng.integers(0, 20, 4000)
day = np.where(day == 3, 5, day) * 7 + 100  # one day is empty, one has twice the orders
limit = int(rng.integers(18, 23))
decision = np.asarray(decide(p, amount, day, reviews_per_day=limit)).astype(int)
expect.true(
    int(np.bincount(day[decision == 1], minlength=1).max()) <= limit,
    got="more than reviews_per_day",
    expected="at most reviews_per_day on each day",
    what="the most reviews on one day",
    why="the desk has no more time on that day",
    look_at="whether you count for each day, and the first order that gets no place",
)
# Extra cost over 20 worlds, mean and standard deviation: exact 0; eight bands 0.009, 0.001. Wrong: largest p times amount first
# 0.067, 0.005; largest gain against approving 0.090, 0.006; first come 0.18, 0.01; riskiest first 0.23, 0.01. The bar is 0.03.
lost, away = PRICES.loss * amount + PRICES.fee, PRICES.margin * amount + PRICES.declined_honest
review = PRICES.review + p * (1 - PRICES.review_finds) * lost
costs = np.stack([p * lost, review + (1 - p) * PRICES.review_refuses * away, (1 - p) * away], axis=1)
gain = np.minimum(costs[:, 0], costs[:, 2]) - costs[:, 1]
lowest = float(np.minimum(costs[:, 0], costs[:, 2]).sum())
for one in np.unique(day):
    best = np.sort(gain[day == one])[::-1][:limit]
    lowest -= float(best[best > 0].sum())
expect.between(
    float(costs[np.arange(len(p)), decision].sum()) / lowest - 1,
    -1e-9,
    0.03,
    what="the extra cost of your decisions where the desk is short, as a share of the lowest possible cost",
    why="a place at the desk is worth what it saves against the next best decision, and only that",
    look_at="by what you rank orders for a review, and what you do with those that get none",
)
### END HIDDEN TESTS

# %% [markdown]
# ## 4. Choose, report, write down
#
# Several rules are on the table: yours, the old 0.5, one from the head of payments. Choose the one that costs least on a *validation* period, and
# report what it costs on a later *test* period, in a run that a colleague can defend in three months.
#
# In: `validation` and `test`, DataFrames with one row for each order (ripe, and approved as a trial, so that its label is known) and the columns `p_fraud` (somebody's estimate, perhaps a bad one), `amount`,
# `is_fraud` (True or False, known by now), cut out of a longer table, whose index they keep; `rules`, a dict from names to functions, each of which takes such a table and returns a decision (0, 1, 2) for each row. Out: the
# name of the chosen rule.
#
# The *realised* cost of a decision is that of part 1 with what is now known in place of the probability: 1 where the order was fraud, 0 where it was
# honest. (What a review would have found stays an expectation.) All costs here are means over orders, in EUR per order: the periods differ in length.
#
# Log one finished run in this unit's experiment:
#
# | kind | name | value |
# | --- | --- | --- |
# | param | `rule` | name of the rule with the lowest realised cost on validation |
# | param | `candidates` | all names, sorted, joined by commas |
# | params | `margin`, `loss`, `fee`, `declined_honest`, `review`, `review_finds`, `review_refuses` | the prices in force, from `PRICES`: they are parameters of the rule |
# | metric | `validation_cost` | its realised cost on validation, EUR per order |
# | metric | `test_cost` | its realised cost on test, EUR per order |
# | metric | `test_regret` | `test_cost` minus the lowest cost that any candidate has on test, EUR per order |
# | artifact | `validation_costs.json` | a JSON object from each candidate's name to its realised cost on validation (`mlflow.log_dict`) |


# %% answer="log_rule"
def log_rule(validation, test, rules):
    """Choose a rule on validation, report it on test, and log both in a run.

    validation, test: DataFrames with p_fraud, amount (EUR), is_fraud (bool); one row for each order.
    rules: dict from name to a function (table) -> int array, one decision for each row.
    Returns the name of the chosen rule.
    """

    ### BEGIN SOLUTION
    def realised(table):
        costs = expected_costs(table["is_fraud"].to_numpy(dtype=float), table["amount"].to_numpy())
        rows = np.arange(len(table))
        return {name: float(costs[rows, np.asarray(rule(table))].mean()) for name, rule in rules.items()}

    on_validation, on_test = realised(validation), realised(test)
    chosen = min(on_validation, key=on_validation.get)
    prices = ["margin", "loss", "fee", "declined_honest", "review", "review_finds", "review_refuses"]
    with mlflow.start_run():
        mlflow.log_params({"rule": chosen, "candidates": ",".join(sorted(rules))})
        mlflow.log_params({name: getattr(PRICES, name) for name in prices})
        mlflow.log_metrics(
            {
                "validation_cost": on_validation[chosen],
                "test_cost": on_test[chosen],
                "test_regret": on_test[chosen] - min(on_test.values()),
            }
        )
        mlflow.log_dict(on_validation, "validation_costs.json")
    return chosen
    ### END SOLUTION


# %% test="run_of_the_choice" of="log_rule" points=4
import numpy as np
import pandas as pd
from grader import expect

old = pd.DataFrame(
    {
        "p_fraud": [0.1, 0.6, 0.2, 0.7],
        "amount": [100.0, 50.0, 20.0, 200.0],
        "is_fraud": [False, False, False, True],
    }
)
new = pd.DataFrame({"p_fraud": [0.1, 0.6], "amount": [100.0, 50.0], "is_fraud": [False, False]})
simple = {
    "half": lambda table: np.where(table["p_fraud"] >= 0.5, 2, 0),
    "approve": lambda table: np.zeros(len(table), dtype=int),
}
name = log_rule(old, new, simple)
expect.equal(
    name,
    "half",
    what='log_rule for four orders, of which "half" declines an honest one of 50 EUR and a fraud of 200 EUR',
    why="that costs 14 EUR, and approving all costs the 196 EUR of the fraud",
    look_at="the period by which you choose, and the labels by which you count",
)
expect.run(
    params={"rule": "half", "candidates": "approve,half", "fee": 20.0, "review_finds": 0.92},
    metrics={"validation_cost": 3.5, "test_cost": 7.0, "test_regret": 7.0},
    what="the run of log_rule for these four orders and two later ones",
    why="14 EUR over 4 orders and 14 EUR over 2 orders; approving both later ones would have cost nothing",
    look_at="means over orders, what the regret is measured against, and the costs of part 1",
)
### BEGIN HIDDEN TESTS
import json

from tidewater.money import PRICES

rng = expect.rng()


def realised(table, rule):
    """EUR per order that the rule has cost."""
    fraud, amount, decision = table["is_fraud"].to_numpy(), table["amount"].to_numpy(), rule(table)
    lost, away = PRICES.loss * amount + PRICES.fee, PRICES.margin * amount + PRICES.declined_honest
    review = PRICES.review + np.where(fraud, (1 - PRICES.review_finds) * lost, PRICES.review_refuses * away)
    return float(np.select([decision == 0, decision == 1], [fraud * lost, review], ~fraud * away).mean())


def drawn(rows, worse):
    """A period in which the chance of fraud is `worse` times the odds of the estimate."""
    p = np.exp(rng.uniform(np.log(0.003), np.log(0.9), rows))
    odds = worse * p / (1 - p)
    return pd.DataFrame(
        {
            "p_fraud": p,
            "amount": np.exp(rng.normal(3.8, 0.9, rows)),
            "is_fraud": rng.random(rows) < odds / (1 + odds),
        }
    )


def cut_at(review, decline):
    return lambda table: np.where(table["p_fraud"] >= decline, 2, np.where(table["p_fraud"] >= review, 1, 0))


# On validation 0.25 costs least in 60 draws of 60, and 0.016 or 0.004 on test. Neutral names in a random order; the first and the last
# name, in the dict and in the alphabet, are never the answer.
cuts = zip(rng.permutation(list("bcdef")).tolist(), [0.004, 0.016, 0.06, 0.25, 0.85], strict=True)
named = {f"rule-{letter}": cut_at(review, 3 * review) for letter, review in cuts}
rules = {
    "zero-tolerance": lambda table: np.full(len(table), 2),
    **{key: named[key] for key in rng.permutation(list(named)).tolist()},
    "approve": lambda table: np.zeros(len(table), int),
}
tables = drawn(1500, 0.15), drawn(900, 8.0)  # validation milder, test worse than the estimate
tables[1].index += 1500  # as rows of one longer table have it
on_validation, on_test = ({key: realised(table, rule) for key, rule in rules.items()} for table in tables)
chosen = min(on_validation, key=on_validation.get)
got = log_rule(*tables, rules)
expect.equal(
    got,
    chosen,
    what="the rule that log_rule chooses among seven",
    why="the validation period alone may choose, by euros that its labels say were lost",
    look_at="the period, the labels (not the estimate p_fraud), and euros instead of the number of right decisions",
)
view = expect.run(
    params={
        "rule": chosen,
        "candidates": ",".join(sorted(rules)),
        "margin": PRICES.margin,
        "loss": PRICES.loss,
        "fee": PRICES.fee,
        "declined_honest": PRICES.declined_honest,
        "review": PRICES.review,
        "review_finds": PRICES.review_finds,
        "review_refuses": PRICES.review_refuses,
    },
    metrics={
        "validation_cost": on_validation[chosen],
        "test_cost": on_test[chosen],
        "test_regret": on_test[chosen] - min(on_test.values()),
    },
    what="the run of log_rule for 1,500 orders and 900 later ones",
    why="whoever reads it must find the rule, its prices, and what it cost on which period, recomputable from the tables",
    look_at="the names in the table, means over orders, and what the regret is measured against",
)
written = json.loads(view.artifact("validation_costs.json"))
expect.equal(
    sorted(written),
    sorted(rules),
    what="the names in validation_costs.json",
    why="the next reader asks what the alternatives were",
    look_at="what you give to mlflow.log_dict",
)
expect.close(
    [float(written[key]) for key in sorted(rules)],
    [on_validation[key] for key in sorted(rules)],
    tolerance=1e-6,
    what="the costs in validation_costs.json",
    why="they are the realised costs of each candidate on validation, EUR per order",
    look_at="which period and which labels they come from",
)
### END HIDDEN TESTS

# %% [markdown]
# ## All of it on one table
#
# When everything passes, put the parts together on `orders`: calibrate on days 0 to 9, choose on days 10 to 19, report on days 20 to
# 29, among approving all, the old 0.5, yours with the raw score, and yours with calibrated probabilities. Then look at the run with `mle ui`: would you
# defend it in three months? (Ten days hold some 50 frauds. How sure is the choice?)


# %% wrong="margin_is_no_cost" of="expected_costs" caught_by="costs"
# A margin that is not earned is a cost too, and this counts only what has to be paid when an honest order is declined.
def expected_costs(p_fraud, amount):
    lost = PRICES.loss * amount + PRICES.fee
    away = PRICES.declined_honest + 0 * amount
    review = PRICES.review + p_fraud * (1 - PRICES.review_finds) * lost
    review = review + (1 - p_fraud) * PRICES.review_refuses * away
    return np.stack([p_fraud * lost, review, (1 - p_fraud) * away], axis=1)


# %% wrong="margin_lost_in_a_fraud" of="expected_costs" caught_by="costs"
# A fraud never had a margin to lose: this adds the margin of an honest order to what an approved fraud costs.
def expected_costs(p_fraud, amount):
    lost = (PRICES.loss + PRICES.margin) * amount + PRICES.fee
    away = PRICES.margin * amount + PRICES.declined_honest
    review = PRICES.review + p_fraud * (1 - PRICES.review_finds) * lost
    review = review + (1 - p_fraud) * PRICES.review_refuses * away
    return np.stack([p_fraud * lost, review, (1 - p_fraud) * away], axis=1)


# %% wrong="review_knows_all" of="expected_costs" caught_by="costs"
# A review is no oracle: it misses frauds and refuses honest orders, and this takes its 3 euros for its whole cost.
def expected_costs(p_fraud, amount):
    lost = PRICES.loss * amount + PRICES.fee
    away = PRICES.margin * amount + PRICES.declined_honest
    return np.stack([p_fraud * lost, PRICES.review + 0 * p_fraud, (1 - p_fraud) * away], axis=1)


# %% wrong="fee_in_shares" of="expected_costs" caught_by="costs"
# The bank's fee is 20 euros a fraud whatever the amount, and this forgets it.
def expected_costs(p_fraud, amount):
    p, a = np.asarray(p_fraud, dtype=float), np.asarray(amount, dtype=float)
    lost = PRICES.loss * a
    away = PRICES.margin * a + PRICES.declined_honest
    missed = p * (1 - PRICES.review_finds) * lost
    refused = (1 - p) * PRICES.review_refuses * away
    return np.stack([p * lost, PRICES.review + missed + refused, (1 - p) * away], axis=1)


# %% wrong="one_amount_for_all" of="expected_costs" caught_by="costs"
# One cost for all amounts: an order of 9 euros and one of 900 do not cost what the average order costs.
def expected_costs(p_fraud, amount):
    typical = np.full(len(amount), np.mean(amount))
    lost = PRICES.loss * typical + PRICES.fee
    away = PRICES.margin * typical + PRICES.declined_honest
    review = PRICES.review + p_fraud * (1 - PRICES.review_finds) * lost
    review = review + (1 - p_fraud) * PRICES.review_refuses * away
    return np.stack([p_fraud * lost, review, (1 - p_fraud) * away], axis=1)


# %% wrong="gains_for_costs" of="expected_costs" caught_by="costs"
# Signs turned around are no cost: minus what a decision brings still lacks what the best decision would have brought.
def expected_costs(p_fraud, amount):
    from tidewater.money import expected

    return -expected(p_fraud, amount)


# %% wrong="score_as_it_is" of="calibrate" caught_by="worth_of_probabilities"
# Uses the predicted number uncalibrated: between 0 and 1 is not yet a probability.
def calibrate(past_score, past_fraud, score):
    return np.asarray(score, dtype=float)


# %% wrong="right_on_average" of="calibrate" caught_by="worth_of_probabilities"
# Right on average is not calibrated: one factor for all scores makes the mean fit and the high scores far too small.
def calibrate(past_score, past_fraud, score):
    return np.clip(score * np.mean(past_fraud) / np.mean(past_score), 0, 1)


# %% wrong="knows_the_cure" of="calibrate" caught_by="worth_of_probabilities"
# Undoes a balanced sample without a look whether that is what distorted the score: other models have other faults.
def calibrate(past_score, past_fraud, score):
    share = np.mean(past_fraud)
    odds = score / (1 - score) * share / (1 - share)
    return odds / (1 + odds)


# %% wrong="shift_alone" of="calibrate" caught_by="worth_of_probabilities"
# Moves all log-odds by one number until the share of fraud is right, but a model can also be too sure of itself, or not sure enough.
def calibrate(past_score, past_fraud, score):
    from scipy.optimize import brentq
    from scipy.special import expit, logit

    def too_many(shift):
        return expit(logit(past_score) + shift).mean() - np.mean(past_fraud)

    return expit(logit(score) + brentq(too_many, -30, 30))


# %% wrong="discount_for_caution" of="calibrate" caught_by="worth_of_probabilities"
# A discount for caution is a bias: with half of each probability an order is stopped only at twice the chance that it should be.
def calibrate(past_score, past_fraud, score):
    def log_odds(s):
        return (np.log(s) - np.log1p(-s))[:, None]

    model = LogisticRegression(C=1e6).fit(log_odds(past_score), past_fraud)
    return model.predict_proba(log_odds(score))[:, 1] / 2


# %% wrong="balanced_again" of="calibrate" caught_by="worth_of_probabilities"
# class_weight="balanced" tells the calibrator that half of all orders are fraud: it brings back what it is there to remove.
def calibrate(past_score, past_fraud, score):
    def log_odds(s):
        return (np.log(s) - np.log1p(-s))[:, None]

    model = LogisticRegression(C=1e6, class_weight="balanced").fit(log_odds(past_score), past_fraud)
    return model.predict_proba(log_odds(score))[:, 1]


# %% wrong="ten_equal_bins" of="calibrate" caught_by="worth_of_probabilities"
# Ten bins with equally many orders put the worst tenth into one bin, and all fraud that is worth a decision lies inside of it.
def calibrate(past_score, past_fraud, score):
    edges = np.quantile(past_score, np.linspace(0, 1, 11)[1:-1])
    share = pd.Series(past_fraud).groupby(np.searchsorted(edges, past_score)).mean()
    return share.reindex(range(10)).ffill().to_numpy()[np.searchsorted(edges, score)]


# %% wrong="logistic_on_the_score" of="calibrate" caught_by="worth_of_probabilities"
# A logistic curve is straight in log-odds and not in the score: pressed against 0 and 1 the scores that matter can hardly be told apart.
def calibrate(past_score, past_fraud, score):
    model = LogisticRegression(C=1e6).fit(np.reshape(past_score, (-1, 1)), past_fraud)
    return model.predict_proba(np.reshape(score, (-1, 1)))[:, 1]


# %% wrong="only_scores_of_the_past" of="calibrate" caught_by="worth_of_probabilities"
# A score beyond those of the past gets no probability at all here: isotonic regression returns NaN there unless told to clip.
def calibrate(past_score, past_fraud, score):
    model = IsotonicRegression(y_min=0, y_max=1).fit(past_score, past_fraud)
    return model.predict(score)


# %% wrong="ranked_in_the_batch" of="calibrate" caught_by="worth_of_probabilities"
# Reads a new score by its rank among the other new ones: alone in its batch each order is the most suspicious.
def calibrate(past_score, past_fraud, score):
    rank = pd.Series(score).rank(pct=True).to_numpy()
    alike = np.quantile(past_score, rank)
    return IsotonicRegression(out_of_bounds="clip").fit(past_score, past_fraud).predict(alike)


# %% wrong="half" of="decide" caught_by="each_order desk"
# 0.5 is the cheapest threshold only where both errors cost the same, and here a fraud costs several times a declined customer.
def decide(p_fraud, amount, day, reviews_per_day=20):
    return np.where(p_fraud >= 0.5, DECLINE, APPROVE)


# %% wrong="best_accuracy" of="decide" caught_by="each_order desk"
# The decision that is most often right counts errors and not euros: with rare fraud it approves nearly everything.
def decide(p_fraud, amount, day, reviews_per_day=20):
    cuts = np.unique(np.round(p_fraud, 2))
    right = [np.where(p_fraud >= cut, p_fraud, 1 - p_fraud).sum() for cut in cuts]
    return np.where(p_fraud >= cuts[np.argmax(right)], DECLINE, APPROVE)


# %% wrong="one_cost_for_all_amounts" of="decide" caught_by="each_order desk"
# One break-even for all amounts: at 3 % an order of 500 euros is worth a review and one of 45 is not.
def decide(p_fraud, amount, day, reviews_per_day=20):
    typical = np.full(len(amount), 65.0)  # the mean order, EUR
    approve, review, decline = expected_costs(p_fraud, typical).T
    decision = np.where(approve <= decline, APPROVE, DECLINE)
    gain = np.minimum(approve, decline) - review
    ranked = pd.DataFrame({"day": day, "gain": gain}).sort_values("gain", ascending=False)
    place = ranked.groupby("day").cumcount().sort_index().to_numpy()
    decision[(gain > 0) & (place < reviews_per_day)] = REVIEW
    return decision


# %% wrong="reviews_the_unsure" of="decide" caught_by="each_order desk"
# Reviews what the model is unsure about: a review is worth most where a mistake is dear, not where the probability is near 0.5.
def decide(p_fraud, amount, day, reviews_per_day=20):
    unsure = np.where((p_fraud > 0.2) & (p_fraud < 0.8), np.abs(p_fraud - 0.5), np.inf)
    place = pd.Series(unsure).groupby(np.asarray(day)).rank(method="first").to_numpy()
    decision = np.where(p_fraud >= 0.8, DECLINE, APPROVE)
    decision[(unsure < np.inf) & (place <= reviews_per_day)] = REVIEW
    return decision


# %% wrong="no_third_way" of="decide" caught_by="each_order desk"
# Compares two decisions of three: for many orders a review is cheaper than both.
def decide(p_fraud, amount, day, reviews_per_day=20):
    approve, review, decline = expected_costs(p_fraud, amount).T
    return np.where(approve <= decline, APPROVE, DECLINE)


# %% wrong="never_declines" of="decide" caught_by="each_order desk"
# Sends every suspicious order to the desk: one that is nearly surely fraud is declined more cheaply without it.
def decide(p_fraud, amount, day, reviews_per_day=20):
    approve, review, decline = expected_costs(p_fraud, amount).T
    decision = np.full(len(approve), APPROVE)
    gain = approve - review
    ranked = pd.DataFrame({"day": day, "gain": gain}).sort_values("gain", ascending=False)
    place = ranked.groupby("day").cumcount().sort_index().to_numpy()
    decision[(gain > 0) & (place < reviews_per_day)] = REVIEW
    return decision


# %% wrong="riskiest_first" of="decide" caught_by="desk"
# The highest probability does not gain most by a review: at 90 % declining is nearly as good and needs no desk.
def decide(p_fraud, amount, day, reviews_per_day=20):
    approve, review, decline = expected_costs(p_fraud, amount).T
    decision = np.where(approve <= decline, APPROVE, DECLINE)
    gain = np.minimum(approve, decline) - review
    ranked = pd.DataFrame({"day": day, "p": np.where(gain > 0, p_fraud, -1.0)}).sort_values(
        "p", ascending=False
    )
    place = ranked.groupby("day").cumcount().sort_index().to_numpy()
    decision[(gain > 0) & (place < reviews_per_day)] = REVIEW
    return decision


# %% wrong="largest_loss_first" of="decide" caught_by="desk"
# The largest p times amount need not gain most by a review: where declining is cheap too, little is saved.
def decide(p_fraud, amount, day, reviews_per_day=20):
    approve, review, decline = expected_costs(p_fraud, amount).T
    decision = np.where(approve <= decline, APPROVE, DECLINE)
    gain = np.minimum(approve, decline) - review
    at_stake = np.where(gain > 0, p_fraud * amount, -1.0)
    place = pd.Series(-at_stake).groupby(np.asarray(day)).rank(method="first").to_numpy()
    decision[(gain > 0) & (place <= reviews_per_day)] = REVIEW
    return decision


# %% wrong="gain_against_approving" of="decide" caught_by="desk"
# An order without a review is not always approved: the gain counts against the cheaper of the other two decisions.
def decide(p_fraud, amount, day, reviews_per_day=20):
    approve, review, decline = expected_costs(p_fraud, amount).T
    decision = np.where(approve <= decline, APPROVE, DECLINE)
    wanted = np.minimum(approve, decline) > review
    ranked = pd.DataFrame({"day": day, "gain": np.where(wanted, approve - review, -np.inf)})
    ranked = ranked.sort_values("gain", ascending=False)
    place = ranked.groupby("day").cumcount().sort_index().to_numpy()
    decision[wanted & (place < reviews_per_day)] = REVIEW
    return decision


# %% wrong="first_come" of="decide" caught_by="desk"
# First come, first served fills the desk with small orders while a large one waits behind them.
def decide(p_fraud, amount, day, reviews_per_day=20):
    approve, review, decline = expected_costs(p_fraud, amount).T
    decision = np.where(approve <= decline, APPROVE, DECLINE)
    gain = np.minimum(approve, decline) - review
    place = pd.Series(gain > 0).groupby(np.asarray(day)).cumsum().to_numpy()
    decision[(gain > 0) & (place <= reviews_per_day)] = REVIEW
    return decision


# %% wrong="no_place_so_approved" of="decide" caught_by="desk"
# Approves what found no place at the desk, although for many of these declining is cheaper.
def decide(p_fraud, amount, day, reviews_per_day=20):
    approve, review, decline = expected_costs(p_fraud, amount).T
    gain = np.minimum(approve, decline) - review
    decision = np.where((approve <= decline) | (gain > 0), APPROVE, DECLINE)
    ranked = pd.DataFrame({"day": day, "gain": gain}).sort_values("gain", ascending=False)
    place = ranked.groupby("day").cumcount().sort_index().to_numpy()
    decision[(gain > 0) & (place < reviews_per_day)] = REVIEW
    return decision


# %% wrong="one_place_too_many" of="decide" caught_by="desk"
# Places counted from 0 end before the limit: this gives the desk one review a day more than it has time for.
def decide(p_fraud, amount, day, reviews_per_day=20):
    approve, review, decline = expected_costs(p_fraud, amount).T
    decision = np.where(approve <= decline, APPROVE, DECLINE)
    gain = np.minimum(approve, decline) - review  # of a review, EUR
    ranked = pd.DataFrame({"day": day, "gain": gain}).sort_values("gain", ascending=False)
    place = ranked.groupby("day").cumcount().sort_index().to_numpy()
    decision[(gain > 0) & (place <= reviews_per_day)] = REVIEW
    return decision


# %% wrong="limit_of_the_period" of="decide" caught_by="desk"
# Counts the reviews of all days together: a busy day then takes the time that a quiet day had.
def decide(p_fraud, amount, day, reviews_per_day=20):
    approve, review, decline = expected_costs(p_fraud, amount).T
    decision = np.where(approve <= decline, APPROVE, DECLINE)
    gain = np.minimum(approve, decline) - review
    best = np.argsort(-gain)[: reviews_per_day * len(np.unique(day))]
    decision[best[gain[best] > 0]] = REVIEW
    return decision


# %% wrong="chosen_on_test" of="log_rule" caught_by="run_of_the_choice"
# Chooses on the test period, which then reports how well it was fitted: the regret is 0 by construction.
def log_rule(validation, test, rules):
    def realised(table):
        costs = expected_costs(table["is_fraud"].to_numpy(dtype=float), table["amount"].to_numpy())
        rows = np.arange(len(table))
        return {name: float(costs[rows, np.asarray(rule(table))].mean()) for name, rule in rules.items()}

    on_validation, on_test = realised(validation), realised(test)
    chosen = min(on_test, key=on_test.get)
    prices = ["margin", "loss", "fee", "declined_honest", "review", "review_finds", "review_refuses"]
    with mlflow.start_run():
        mlflow.log_params({"rule": chosen, "candidates": ",".join(sorted(rules))})
        mlflow.log_params({name: getattr(PRICES, name) for name in prices})
        mlflow.log_metrics(
            {
                "validation_cost": on_validation[chosen],
                "test_cost": on_test[chosen],
                "test_regret": on_test[chosen] - min(on_test.values()),
            }
        )
        mlflow.log_dict(on_validation, "validation_costs.json")
    return chosen


# %% wrong="forgot_the_key" of="log_rule" caught_by="run_of_the_choice"
# Without key= max compares the names and not the costs: the last of the alphabet wins.
def log_rule(validation, test, rules):
    def realised(table):
        costs = expected_costs(table["is_fraud"].to_numpy(dtype=float), table["amount"].to_numpy())
        rows = np.arange(len(table))
        return {name: float(costs[rows, np.asarray(rule(table))].mean()) for name, rule in rules.items()}

    on_validation, on_test = realised(validation), realised(test)
    gain = {name: -cost for name, cost in on_validation.items()}
    chosen = max(gain)
    prices = ["margin", "loss", "fee", "declined_honest", "review", "review_finds", "review_refuses"]
    with mlflow.start_run():
        mlflow.log_params({"rule": chosen, "candidates": ",".join(sorted(rules))})
        mlflow.log_params({name: getattr(PRICES, name) for name in prices})
        mlflow.log_metrics(
            {
                "validation_cost": on_validation[chosen],
                "test_cost": on_test[chosen],
                "test_regret": on_test[chosen] - min(on_test.values()),
            }
        )
        mlflow.log_dict(on_validation, "validation_costs.json")
    return chosen


# %% wrong="most_accurate" of="log_rule" caught_by="run_of_the_choice"
# Chooses the rule that is right most often: a fraud of 900 euros weighs as much as a declined customer there.
def log_rule(validation, test, rules):
    def realised(table):
        costs = expected_costs(table["is_fraud"].to_numpy(dtype=float), table["amount"].to_numpy())
        rows = np.arange(len(table))
        return {name: float(costs[rows, np.asarray(rule(table))].mean()) for name, rule in rules.items()}

    def accuracy(name):
        return float(np.mean((np.asarray(rules[name](validation)) > 0) == validation["is_fraud"].to_numpy()))

    on_validation, on_test = realised(validation), realised(test)
    chosen = max(rules, key=accuracy)
    prices = ["margin", "loss", "fee", "declined_honest", "review", "review_finds", "review_refuses"]
    with mlflow.start_run():
        mlflow.log_params({"rule": chosen, "candidates": ",".join(sorted(rules))})
        mlflow.log_params({name: getattr(PRICES, name) for name in prices})
        mlflow.log_metrics(
            {
                "validation_cost": on_validation[chosen],
                "test_cost": on_test[chosen],
                "test_regret": on_test[chosen] - min(on_test.values()),
            }
        )
        mlflow.log_dict(on_validation, "validation_costs.json")
    return chosen


# %% wrong="believes_the_estimate" of="log_rule" caught_by="run_of_the_choice"
# Judges the rules by the probabilities that they decide by: what is wrong with the probabilities can never show.
def log_rule(validation, test, rules):
    def realised(table):
        costs = expected_costs(table["p_fraud"].to_numpy(dtype=float), table["amount"].to_numpy())
        rows = np.arange(len(table))
        return {name: float(costs[rows, np.asarray(rule(table))].mean()) for name, rule in rules.items()}

    on_validation, on_test = realised(validation), realised(test)
    chosen = min(on_validation, key=on_validation.get)
    prices = ["margin", "loss", "fee", "declined_honest", "review", "review_finds", "review_refuses"]
    with mlflow.start_run():
        mlflow.log_params({"rule": chosen, "candidates": ",".join(sorted(rules))})
        mlflow.log_params({name: getattr(PRICES, name) for name in prices})
        mlflow.log_metrics(
            {
                "validation_cost": on_validation[chosen],
                "test_cost": on_test[chosen],
                "test_regret": on_test[chosen] - min(on_test.values()),
            }
        )
        mlflow.log_dict(on_validation, "validation_costs.json")
    return chosen


# %% wrong="regret_against_validation" of="log_rule" caught_by="run_of_the_choice"
# Takes for regret how much worse test went than validation: a harder month is no mistake of the choice.
def log_rule(validation, test, rules):
    def realised(table):
        costs = expected_costs(table["is_fraud"].to_numpy(dtype=float), table["amount"].to_numpy())
        rows = np.arange(len(table))
        return {name: float(costs[rows, np.asarray(rule(table))].mean()) for name, rule in rules.items()}

    on_validation, on_test = realised(validation), realised(test)
    chosen = min(on_validation, key=on_validation.get)
    prices = ["margin", "loss", "fee", "declined_honest", "review", "review_finds", "review_refuses"]
    with mlflow.start_run():
        mlflow.log_params({"rule": chosen, "candidates": ",".join(sorted(rules))})
        mlflow.log_params({name: getattr(PRICES, name) for name in prices})
        mlflow.log_metrics(
            {
                "validation_cost": on_validation[chosen],
                "test_cost": on_test[chosen],
                "test_regret": on_test[chosen] - on_validation[chosen],
            }
        )
        mlflow.log_dict(on_validation, "validation_costs.json")
    return chosen


# %% wrong="costs_of_another_period" of="log_rule" caught_by="run_of_the_choice"
# Files the test costs under the name of the validation costs, so that nobody can see why this rule was chosen.
def log_rule(validation, test, rules):
    def realised(table):
        costs = expected_costs(table["is_fraud"].to_numpy(dtype=float), table["amount"].to_numpy())
        rows = np.arange(len(table))
        return {name: float(costs[rows, np.asarray(rule(table))].mean()) for name, rule in rules.items()}

    on_validation, on_test = realised(validation), realised(test)
    chosen = min(on_validation, key=on_validation.get)
    prices = ["margin", "loss", "fee", "declined_honest", "review", "review_finds", "review_refuses"]
    with mlflow.start_run():
        mlflow.log_params({"rule": chosen, "candidates": ",".join(sorted(rules))})
        mlflow.log_params({name: getattr(PRICES, name) for name in prices})
        mlflow.log_metrics(
            {
                "validation_cost": on_validation[chosen],
                "test_cost": on_test[chosen],
                "test_regret": on_test[chosen] - min(on_test.values()),
            }
        )
        mlflow.log_dict(on_test, "validation_costs.json")
    return chosen


# %% wrong="sums_of_unequal_periods" of="log_rule" caught_by="run_of_the_choice"
# Sums over periods of different length cannot be compared: twice the orders cost twice as much.
def log_rule(validation, test, rules):
    def realised(table):
        costs = expected_costs(table["is_fraud"].to_numpy(dtype=float), table["amount"].to_numpy())
        rows = np.arange(len(table))
        return {name: float(costs[rows, np.asarray(rule(table))].sum()) for name, rule in rules.items()}

    on_validation, on_test = realised(validation), realised(test)
    chosen = min(on_validation, key=on_validation.get)
    prices = ["margin", "loss", "fee", "declined_honest", "review", "review_finds", "review_refuses"]
    with mlflow.start_run():
        mlflow.log_params({"rule": chosen, "candidates": ",".join(sorted(rules))})
        mlflow.log_params({name: getattr(PRICES, name) for name in prices})
        mlflow.log_metrics(
            {
                "validation_cost": on_validation[chosen],
                "test_cost": on_test[chosen],
                "test_regret": on_test[chosen] - min(on_test.values()),
            }
        )
        mlflow.log_dict(on_validation, "validation_costs.json")
    return chosen


# %% also="one_order_at_a_time" of="expected_costs"
def expected_costs(p_fraud, amount):
    rows = []
    for p, a in zip(p_fraud, amount):
        if_fraud = [PRICES.loss * a + PRICES.fee, 0.0, 0.0]
        if_honest = [0.0, 0.0, PRICES.margin * a + PRICES.declined_honest]
        if_fraud[1] = PRICES.review + (1 - PRICES.review_finds) * if_fraud[0]
        if_honest[1] = PRICES.review + PRICES.review_refuses * if_honest[2]
        rows.append([p * fraud + (1 - p) * honest for fraud, honest in zip(if_fraud, if_honest)])
    return np.array(rows)


# %% also="from_what_decisions_bring" of="expected_costs"
def expected_costs(p_fraud, amount):
    from tidewater.money import expected

    best = (1 - p_fraud) * PRICES.margin * amount  # approve the honest, decline the frauds
    return best[:, None] - expected(p_fraud, amount)


# %% also="isotonic" of="calibrate"
def calibrate(past_score, past_fraud, score):
    model = IsotonicRegression(y_min=0, y_max=1, out_of_bounds="clip").fit(past_score, past_fraud)
    return model.predict(score)


# %% also="bins_of_frauds" of="calibrate"
def calibrate(past_score, past_fraud, score):
    # Twenty bins with equally many frauds, not equally many orders.
    edges = np.unique(np.quantile(past_score[past_fraud], np.linspace(0, 1, 21)[:-1]))
    place = np.searchsorted(edges, past_score, side="right")
    orders = np.bincount(place, minlength=len(edges) + 1)
    frauds = np.bincount(place, weights=past_fraud, minlength=len(edges) + 1)
    return (frauds / np.maximum(orders, 1))[np.searchsorted(edges, score, side="right")]


# %% also="regularised" of="calibrate"
def calibrate(past_score, past_fraud, score):
    from scipy.special import logit
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    model = make_pipeline(StandardScaler(), LogisticRegression())
    model.fit(logit(past_score).reshape(-1, 1), past_fraud)
    return model.predict_proba(logit(score).reshape(-1, 1))[:, 1]


# %% also="day_by_day" of="decide"
def decide(p_fraud, amount, day, reviews_per_day=20):
    costs = expected_costs(p_fraud, amount)
    decision = [APPROVE if approve < decline else DECLINE for approve, _, decline in costs]
    for one in set(day.tolist()):
        gains = {}
        for row in np.flatnonzero(day == one):
            gain = min(costs[row][0], costs[row][2]) - costs[row][1]
            if gain > 0:
                gains[row] = gain
        for row in sorted(gains, key=gains.get, reverse=True)[:reviews_per_day]:
            decision[row] = REVIEW
    return np.array(decision)


# %% also="bands_of_amount" of="decide"
def decide(p_fraud, amount, day, reviews_per_day=20):
    edges = np.geomspace(1, 4000, 9)  # eight bands, each with thresholds of its own
    middle = np.sqrt(edges[:-1] * edges[1:])
    band = np.clip(np.searchsorted(edges, amount, side="right") - 1, 0, 7)
    grid = np.linspace(0, 1, 2001)
    decision, gain = np.zeros(len(p_fraud), dtype=int), np.zeros(len(p_fraud))
    for one in range(8):
        approve, review, decline = expected_costs(grid, np.full(len(grid), middle[one])).T
        decline_from = grid[np.argmax(decline < approve)]
        saves = np.minimum(approve, decline) - review
        rows = band == one
        decision[rows] = np.where(p_fraud[rows] >= decline_from, DECLINE, APPROVE)
        gain[rows] = np.interp(p_fraud[rows], grid, saves)
    place = pd.Series(-gain).groupby(np.asarray(day)).rank(method="first").to_numpy()
    decision[(gain > 0) & (place <= reviews_per_day)] = REVIEW
    return decision


# %% also="course_library" of="decide"
def decide(p_fraud, amount, day, reviews_per_day=20):
    import dataclasses

    from tidewater import money

    return money.decide(p_fraud, amount, day, dataclasses.replace(PRICES, reviews_per_day=reviews_per_day))


# %% also="table_of_costs" of="log_rule"
def log_rule(validation, test, rules):
    import dataclasses

    def cost(table, rule):
        table = table.reset_index(drop=True)
        each = expected_costs(table["is_fraud"].astype(float), table["amount"])
        picked = [each[row, decision] for row, decision in enumerate(rule(table))]
        return float(np.mean(picked))

    costs = pd.DataFrame(
        {
            name: {"validation": cost(validation, rule), "test": cost(test, rule)}
            for name, rule in rules.items()
        }
    )
    best = costs.loc["validation"].idxmin()
    with mlflow.start_run(run_name="choice of a rule") as run:
        for name, value in dataclasses.asdict(PRICES).items():
            mlflow.log_param(name, value)
        mlflow.log_param("rule", best)
        mlflow.log_param("candidates", ",".join(sorted(costs.columns)))
        mlflow.log_metric("validation_cost", costs.at["validation", best])
        mlflow.log_metric("test_cost", costs.at["test", best])
        mlflow.log_metric("test_regret", costs.at["test", best] - costs.loc["test"].min())
        mlflow.log_dict(costs.loc["validation"].to_dict(), "validation_costs.json")
    assert run.info.run_id
    return best
