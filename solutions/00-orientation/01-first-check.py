# ---
# title: "Which cancers would this model miss?"
# minutes: 30
# data: [breast_cancer]
# needs: []
# runs_on: []
# sources:
#   - "scikit-learn 1.9, User Guide, Metrics and scoring, section Precision, recall and F-measures"
#   - "scikit-learn 1.9, API reference, precision_recall_fscore_support: pos_label, zero_division, Notes"
#   - "van Rijsbergen (1979), Information Retrieval, 2nd edition, chapter 7, the measure E"
#   - "Street, Wolberg, Mangasarian (1993), Nuclear feature extraction for breast tumor diagnosis, Proceedings
#     of SPIE 1905, pages 861-870"
# hints:
#   - "Write down for each measure which patients stand in its denominator, and when there are none of them.
#     For the threshold, ask what a threshold does to the four counts. For the run, look up which number
#     scikit-learn gives to malignant in this set."
#   - "Put 1 in place of a zero denominator before you divide, and zero_division in its place afterwards: that
#     works for ints and for arrays. Written in counts, F-beta has one denominator of its own. Each threshold
#     flags its own patients, and so has its own counts and its own F-beta. In the run, the column of
#     predict_proba is the place of the class in classes_."
#   - "total = np.asarray(tp) + fp, then np.where(total == 0, zero_division, tp / np.where(total == 0, 1,
#     total))[()]. F-beta is (1 + b2) * tp over (1 + b2) * tp + b2 * fn + fp, with b2 = beta ** 2. Collect
#     f_beta(tp, fp, fn, beta) of count_outcomes(malignant, chance >= threshold, True) in a list scores, then
#     thresholds[np.argmax(scores)]. In the run, flagged = predict_proba(X_test)[:, 0] >= threshold, then
#     params, metrics and tag inside one with mlflow.start_run()."
# ---

# %% [markdown]
# # Which cancers would this model miss?
#
# A cytology laboratory reads fine-needle aspirates of breast masses. A model gives each sample a
# probability of being malignant, and a flagged patient has a biopsy. A missed cancer is found months later.
# A false alarm is a biopsy that was not needed. You build the measures that tell the two apart, choose a
# threshold by them, and log the first run.
#
# The data are real: 569 samples from one hospital (University of Wisconsin), 212 of them malignant, each
# described by 30 measurements of cell nuclei. These are masses that a doctor had already found, 37 % of
# them malignant, so none of the numbers below holds for screening healthy women.
#
# Positive means *malignant* throughout: it is what we look for. The four outcomes of a sample:
#
# | | flagged as malignant | passed as benign |
# | --- | --- | --- |
# | is malignant | true positive, `tp` | false negative, `fn` |
# | is benign | false positive, `fp` | true negative, `tn` |
#
# Write each answer in place of `raise NotImplementedError()`, and run `mle check first-check` as often as
# you like.

# %%
import grader

grader.begin("first-check")

import mlflow
import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

# %% [markdown]
# ## 1. Precision and recall from counts
#
# *Precision*: of the patients we flagged, the share that is malignant.
#
# In: counts, either ints or NumPy integer arrays of one shape (one element for each hospital, say). Out: a
# float for ints; for arrays floats in the same shape, element by element.
#
# Where the denominator is 0 the measure is undefined. There, and only there, the value is `zero_division`,
# which is 0 unless the caller says otherwise; callers use 0, 1 and NaN. scikit-learn has the same switch;
# unlike scikit-learn and a plain division in NumPy, do not warn.


# %% answer="precision"
def precision(tp, fp, zero_division=0.0):
    """Share of the flagged patients that is malignant.

    tp, fp: ints, or integer arrays of one shape; numbers of patients.
    zero_division: the value where nobody was flagged.
    Returns a float, or floats in that shape, between 0 and 1.
    """
    ### BEGIN SOLUTION
    flagged = np.asarray(tp) + np.asarray(fp)
    nobody = flagged == 0
    return np.where(nobody, zero_division, tp / np.where(nobody, 1, flagged))[()]
    ### END SOLUTION


# %% [markdown]
# *Recall*: of the malignant patients, the share that we flagged. In, out, zero cases and warnings (none): as
# for precision.


# %% answer="recall"
def recall(tp, fn, zero_division=0.0):
    """Share of the malignant patients that was flagged.

    tp, fn: ints, or integer arrays of one shape; numbers of patients.
    zero_division: the value where nobody is malignant.
    Returns a float, or floats in that shape, between 0 and 1.
    """
    ### BEGIN SOLUTION
    malignant = np.asarray(tp) + np.asarray(fn)
    nobody = malignant == 0
    return np.where(nobody, zero_division, tp / np.where(nobody, 1, malignant))[()]
    ### END SOLUTION


# %% test="rates" of="precision recall" points=2
import numpy as np
from grader import expect

expect.close(
    precision(90, 10),
    0.9,
    what="precision(90, 10)",
    why="90 of the 100 flagged patients are malignant",
    look_at="which patients are in the denominator, or at the return if you got None",
)
expect.close(
    recall(90, 30),
    0.75,
    what="recall(90, 30)",
    why="90 of the 120 malignant patients were flagged",
    look_at="which patients are in the denominator, or at the return if you got None",
)
expect.close(
    precision(np.array([3, 0, 5]), np.array([1, 4, 0])),
    np.array([0.75, 0.0, 1.0]),
    what="precision of the arrays [3, 0, 5] and [1, 4, 0]",
    why="arrays are answered element by element",
    look_at="what your code does with an array",
)
### BEGIN HIDDEN TESTS
rng = expect.rng()
hits = rng.integers(1, 200, size=(4, 3))
others = rng.integers(1, 200, size=(4, 3))
shares = np.array([[float(h) / float(h + o) for h, o in zip(*rows)] for rows in zip(hits, others)])
for name, function in [("precision", precision), ("recall", recall)]:
    expect.close(
        [function(int(h), int(o)) for h, o in zip(hits[0], others[0])],
        shares[0],
        what=f"{name} of other ints",
        why="the measure is one count divided by a sum of two, with all its digits",
        look_at="the denominator, and whatever rounds",
    )
    values = function(hits, others)
    expect.equal(
        list(np.shape(values)),
        [4, 3],
        what=f"the shape of {name} of two arrays of shape (4, 3)",
        why="there is one answer for each pair of counts, in its place",
        look_at="what your code does with an array that has rows",
    )
    expect.close(
        values,
        shares,
        what=f"{name} of two arrays of shape (4, 3)",
        why="each element is its own pair of counts, as if it stood alone",
        look_at="what one element takes from the others",
    )
### END HIDDEN TESTS

# %% [markdown]
# The zero cases happen on real days: a threshold that is too high flags nobody, and a small clinic has a
# week without a cancer.

# %% test="zero_divisions" of="precision recall" points=2
import numpy as np
from grader import expect

expect.close(
    [precision(0, 0), precision(0, 0, zero_division=1.0), precision(6, 2)],
    [0.0, 1.0, 0.75],
    what="precision of (0, 0), of (0, 0) with zero_division=1.0, and of (6, 2)",
    why="with nobody flagged the value is zero_division, 0 by default",
    look_at="the case that both counts are 0",
)
expect.close(
    [recall(0, 0), recall(0, 0, zero_division=1.0), recall(6, 2)],
    [0.0, 1.0, 0.75],
    what="recall of (0, 0), of (0, 0) with zero_division=1.0, and of (6, 2)",
    why="with nobody malignant the value is zero_division, 0 by default",
    look_at="the case that both counts are 0",
)


def warnings_of(function, *counts):
    import warnings

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        function(*counts)
    return [str(w.message) for w in caught if issubclass(w.category, (RuntimeWarning, UserWarning))]


two = np.array([0, 3]), np.array([0, 1])
for name, function in [("precision", precision), ("recall", recall)]:
    expect.close(
        function(*two),
        [0.0, 0.75],
        what=f"{name} of the arrays [0, 3] and [0, 1]",
        why="zero_division stands where both counts are 0, and only there",
        look_at="what a zero denominator does in an array: NumPy raises no ZeroDivisionError",
    )
    expect.equal(
        np.isnan(function(*two, zero_division=np.nan)).tolist(),
        [True, False],
        what=f"where {name} of the arrays [0, 3] and [0, 1] with zero_division=NaN is NaN",
        why="zero_division takes the place of an undefined share and has no part in any other",
        look_at="whether you choose zero_division or calculate with it",
    )
    expect.equal(
        expect.beside(warnings_of, function, *two),
        [],
        what=f"the warnings of {name} of the arrays [0, 3] and [0, 1]",
        why="a week without a case is nothing to warn of, and the next warning would go unread",
        look_at="the elements that you divide; np.where works out both of its sides before it chooses",
    )
### BEGIN HIDDEN TESTS
rng = expect.rng()
hits = rng.integers(1, 50, size=12)
others = 3 * hits
order = rng.permutation(12)
hits[order[:6]] = 0
others[order[3:9]] = 0  # three pairs (0, n), three (0, 0), three (n, 0), three (n, 3n)
for undefined in (0.0, 1.0):
    shares = [undefined if h + o == 0 else float(h) / float(h + o) for h, o in zip(hits, others)]
    for name, function in [("precision", precision), ("recall", recall)]:
        with expect.unchanged(
            hits,
            others,
            what=f"the arrays given to {name}",
            why="the caller still needs the counts",
            look_at="assignments into an argument",
        ):
            result = function(hits, others, zero_division=undefined)
        expect.close(
            result,
            np.array(shares),
            what=f"{name} of arrays in which some pairs are (0, 0), with zero_division={undefined}",
            why="zero_division stands only where the denominator is 0, and 0 out of 5 is a true 0",
            look_at="which elements you replace",
        )
### END HIDDEN TESTS

# %% [markdown]
# ## 2. One number out of two: F-beta
#
# The lesson gives F-beta as a weighted harmonic mean of precision $P$ and recall $R$:
#
# $$\frac{1}{F_\beta} = \frac{1}{1+\beta^2}\cdot\frac{1}{P} + \frac{\beta^2}{1+\beta^2}\cdot\frac{1}{R}$$
#
# Write it from the counts. With `beta` above 1 a miss weighs more than a false alarm.
#
# In, out and warnings (none): as before; `beta` is one float above 0. F-beta is undefined only where `tp`, `fp` and `fn` are
# all 0, and is `zero_division` there. A model that finds no cancer and makes errors has earned an F-beta of
# 0, whatever `zero_division` is.


# %% answer="f_beta"
def f_beta(tp, fp, fn, beta=1.0, zero_division=0.0):
    """Weighted harmonic mean of precision and recall; 1 is perfect.

    tp, fp, fn: ints, or integer arrays of one shape; numbers of patients.
    beta: float above 0; how much more recall counts than precision.
    zero_division: the value where tp, fp and fn are all 0.
    Returns a float, or floats in that shape, between 0 and 1.
    """
    ### BEGIN SOLUTION
    found = (1 + beta**2) * np.asarray(tp)
    total = found + beta**2 * np.asarray(fn) + np.asarray(fp)
    nothing = total == 0
    return np.where(nothing, zero_division, found / np.where(nothing, 1, total))[()]
    ### END SOLUTION


# %% test="f_beta_weights_recall" of="f_beta" points=1
import numpy as np
from grader import expect

expect.close(
    f_beta(90, 10, 30),
    9 / 11,
    what="f_beta(90, 10, 30)",
    why="precision is 0.9, recall is 0.75, and with beta 1 the harmonic mean is 0.818",
    look_at="the formula for beta 1, or at the return if you got None",
)
expect.close(
    f_beta(90, 10, 30, beta=2.0),
    45 / 58,
    what="f_beta(90, 10, 30, beta=2.0)",
    why="with beta 2 the mean moves towards the recall of 0.75, to 0.776",
    look_at="which of the two beta multiplies, and how",
)
### BEGIN HIDDEN TESTS
from sklearn.metrics import fbeta_score

rng = expect.rng()
counts = rng.integers(1, 60, size=(3, 8))  # rows: tp, fp, fn
for beta in (0.5, 2.0, float(rng.uniform(2.5, 6.0))):
    wanted = []
    for tp, fp, fn in counts.T:
        actual = np.repeat([1, 0, 1], [tp, fp, fn])
        flagged = np.repeat([1, 1, 0], [tp, fp, fn])
        wanted.append(float(fbeta_score(actual, flagged, beta=beta)))
    expect.close(
        f_beta(counts[0], counts[1], counts[2], beta=beta),
        np.array(wanted),
        what=f"f_beta of arrays with beta {beta:.3g}",
        why="scikit-learn gives this for labels with the same counts",
        look_at="where beta stands in the formula, and its square",
    )
### END HIDDEN TESTS

# %% test="f_beta_undefined" of="f_beta" points=1
import numpy as np
from grader import expect

expect.close(
    [f_beta(0, 0, 0), f_beta(0, 0, 0, zero_division=1.0), f_beta(4, 2, 2, beta=2.0)],
    [0.0, 1.0, 2 / 3],
    what="f_beta of (0, 0, 0), of the same with zero_division=1.0, and of (4, 2, 2)",
    why="with nobody malignant and nobody flagged the value is zero_division, 0 by default",
    look_at="the case that all three counts are 0",
)
### BEGIN HIDDEN TESTS
rng = expect.rng()
errors = rng.integers(1, 40, size=3)
tp = np.array([0, 0, 0, 0, 7])
fp = np.array([errors[0], 0, errors[1], 0, 0])
fn = np.array([0, errors[2], errors[0], 0, 0])
for undefined in (0.0, 1.0):
    expect.close(
        f_beta(tp, fp, fn, beta=2.0, zero_division=undefined),
        np.array([0.0, 0.0, 0.0, undefined, 1.0]),
        what=f"f_beta with no true positive, with zero_division={undefined}",
        why="a model that only makes errors has earned 0; zero_division is for the case without any count",
        look_at="the values that you take for undefined",
    )
expect.equal(
    np.isnan(f_beta(tp, fp, fn, beta=2.0, zero_division=np.nan)).tolist(),
    [False, False, False, True, False],
    what="where f_beta with zero_division=NaN is NaN",
    why="zero_division takes the place of an undefined F-beta and has no part in any other",
    look_at="whether you choose zero_division or calculate with it",
)


def warnings_of(function, *counts):
    import warnings

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        function(*counts)
    return [str(w.message) for w in caught if issubclass(w.category, (RuntimeWarning, UserWarning))]


expect.equal(
    expect.beside(warnings_of, f_beta, tp, fp, fn),
    [],
    what="the warnings of f_beta of arrays in which some counts are 0",
    why="a week without a case is nothing to warn of, and the next warning would go unread",
    look_at="the elements that you divide; np.where works out both of its sides before it chooses",
)
### END HIDDEN TESTS

# %% [markdown]
# ## 3. Count the outcomes
#
# In: two arrays of labels of one length, and the label that counts as positive; every other label is
# negative, and there may be several. Labels may be numbers or strings. Out: the tuple `(tp, fp, fn, tn)`, in
# this order. An outcome that does not occur counts 0.
#
# Mind the data: scikit-learn codes this set as 0 = malignant, 1 = benign, while most tools take 1 for the
# positive class unless they are told.


# %% answer="count_outcomes"
def count_outcomes(actual, predicted, positive):
    """Numbers of true positives, false positives, false negatives, true negatives.

    actual, predicted: arrays of labels, shape (n,).
    positive: the label that counts as positive.
    Returns four ints as a tuple (tp, fp, fn, tn) that sum to n.
    """
    ### BEGIN SOLUTION
    is_positive = np.asarray(actual) == positive  # (n,)
    flagged = np.asarray(predicted) == positive  # (n,)
    tp = int(np.sum(is_positive & flagged))
    fp = int(np.sum(~is_positive & flagged))
    fn = int(np.sum(is_positive & ~flagged))
    return tp, fp, fn, len(is_positive) - tp - fp - fn
    ### END SOLUTION


# %% test="outcomes" of="count_outcomes" points=1
import numpy as np
from grader import expect

expect.close(
    count_outcomes(np.array([0, 0, 0, 1, 1, 1, 1]), np.array([0, 1, 1, 0, 1, 1, 1]), positive=0),
    [1, 1, 2, 3],
    what="count_outcomes([0, 0, 0, 1, 1, 1, 1], [0, 1, 1, 0, 1, 1, 1], positive=0)",
    why="0 is the positive label here: one of three is found, two are missed, one other is flagged",
    look_at="the comparison with positive, or at the return if you got None",
)
expect.close(
    count_outcomes(np.array([1, 0, 1]), np.array([1, 1, 1]), positive=0),
    [0, 0, 1, 2],
    what="count_outcomes([1, 0, 1], [1, 1, 1], positive=0)",
    why="nobody is flagged: one is missed, two are rightly passed, and the other two counts are 0",
    look_at="what your code does with an outcome that does not occur",
)
### BEGIN HIDDEN TESTS
rng = expect.rng()
for positive, negative in ((0, 1), (1, 0), ("malignant", "benign")):
    counts = rng.choice(np.arange(1, 90), size=4, replace=False)  # tp, fp, fn, tn, all different
    order = rng.permutation(counts.sum())
    actual = np.repeat([positive, negative, positive, negative], counts)[order]
    predicted = np.repeat([positive, positive, negative, negative], counts)[order]
    expect.close(
        count_outcomes(actual, predicted, positive=positive),
        counts,
        what=f"count_outcomes with positive={positive!r}",
        why="each sample belongs to one of four outcomes, in the order (tp, fp, fn, tn)",
        look_at="which label you compare with, and the order of fp and fn",
    )
for positive, others in (("malignant", ["benign", "unclear"]), (2, [0, 1, 3])):
    actual, predicted = rng.choice(np.array([positive, *others]), size=(2, 300))
    ill, flagged = actual == positive, predicted == positive
    counts = [np.sum(ill & flagged), np.sum(~ill & flagged), np.sum(ill & ~flagged), np.sum(~ill & ~flagged)]
    found = count_outcomes(actual, predicted, positive=positive)
    expect.close(
        found[:3],
        counts[:3],
        what=f"tp, fp and fn of count_outcomes with positive={positive!r} and {len(others)} other labels",
        why="every label other than positive is negative, so each of them is counted",
        look_at="what becomes of a second negative label",
    )
    expect.close(
        found[3],
        counts[3],
        what=f"tn of count_outcomes with positive={positive!r} and {len(others)} other labels",
        why="every label other than positive is negative, so one of them for another is a true negative",
        look_at="pairs of two negative labels that differ",
    )
    expect.close(
        count_outcomes(actual, np.full(300, positive), positive=positive),
        [np.sum(ill), np.sum(~ill), 0, 0],
        what="count_outcomes where everybody is flagged",
        why="an outcome that does not occur counts 0",
        look_at="what your code does with an outcome that does not occur",
    )
### END HIDDEN TESTS

# %% [markdown]
# ## 4. Choose the threshold
#
# A patient is flagged where the chance of being malignant is at least the threshold. Of the thresholds that
# the laboratory would accept, which has the highest F-beta?
#
# In: `malignant`, a bool array; `chance`, a float array of the same length; `thresholds`, a float array in any
# order; `beta`, a float above 0. At least one patient is malignant. A threshold may flag nobody: its F-beta
# is 0. Out: one of `thresholds`, as a float; where several are best, any of them, so also where every F-beta
# is 0.
#
# (On real patients, take `chance` from models that were not fitted on them, and choose before you look at the
# test half: in the lesson, cross-validation did both.)


# %% answer="choose_threshold"
def choose_threshold(malignant, chance, thresholds, beta):
    """The threshold with the highest F-beta.

    malignant: bool array, shape (n,), True where the patient is malignant.
    chance: float array, shape (n,), predicted probability of malignant.
    thresholds: float array, shape (k,), the ones to choose from.
    beta: float above 0; how much more recall counts than precision.
    Returns a float, one of thresholds.
    """
    ### BEGIN SOLUTION
    scores = []
    for threshold in thresholds:
        tp, fp, fn, tn = count_outcomes(malignant, chance >= threshold, positive=True)
        scores.append(f_beta(tp, fp, fn, beta=beta))
    return float(thresholds[np.argmax(scores)])
    ### END SOLUTION


# %% test="threshold_follows_beta" of="choose_threshold" points=2
import numpy as np
from grader import expect

sick = np.array([True, True, True, False, False, False, False, False])
scores = np.array([0.9, 0.6, 0.2, 0.7, 0.4, 0.3, 0.1, 0.1])
choice = choose_threshold(sick, scores, np.array([0.15, 0.5, 0.8]), beta=2.0)
expect.between(
    choice,
    0.15,
    0.8,
    what="choose_threshold for eight patients, with beta=2.0",
    why="the answer is one of the thresholds 0.15, 0.5 and 0.8",
    look_at="what you return: a threshold, neither its place nor its F-beta",
)
expect.close(
    choice,
    0.15,
    what="choose_threshold for eight patients, with beta=2.0",
    why="F2 is 0.83 at 0.15, 0.67 at 0.5 and 0.38 at 0.8",
    look_at="the patients that each threshold flags",
)
expect.close(
    choose_threshold(sick, scores, np.array([0.15, 0.5, 0.8]), beta=0.5),
    0.8,
    what="choose_threshold for the same eight patients, with beta=0.5",
    why="F0.5 is 0.56 at 0.15, 0.67 at 0.5 and 0.71 at 0.8",
    look_at="what your choice does with beta",
)
expect.close(
    choose_threshold(sick, scores, np.array([0.95]), beta=2.0),
    0.95,
    what="choose_threshold for the same eight patients, with 0.95 as the only threshold",
    why="it flags nobody, and with an F-beta of 0 it is still the best of those given",
    look_at="the threshold and the F-beta that your search starts from",
)
### BEGIN HIDDEN TESTS
rng = expect.rng()
grid = np.arange(1, 22) / 20  # 0.05 to 1.05; chances lie on the same grid, so "at least" is tested
for beta in (0.4, 4.0):
    for _ in range(100):  # until one threshold is alone at the top, and neither F1 nor accuracy picks it
        sick = rng.random(200) < 0.37
        scores = np.clip(np.rint(rng.normal(np.where(sick, 12, 7), 3.5)), 1, 19) / 20
        flags = scores >= grid[:, None]  # (21, 200)
        tp, flagged = np.sum(flags & sick, axis=1), np.sum(flags, axis=1)
        f = (1 + beta**2) * tp / (beta**2 * np.sum(sick) + flagged)
        even = np.argmax(2 * tp / (np.sum(sick) + flagged))
        accurate = np.argmax(np.sum(flags == sick, axis=1))
        if np.sort(f)[-1] - np.sort(f)[-2] > 1e-6 and np.argmax(f) not in (even, accurate):
            break
    expect.close(
        choose_threshold(sick, scores, rng.permutation(grid), beta=beta),
        grid[np.argmax(f)],
        what=f"choose_threshold for 200 other patients, with beta={beta}",
        why="no other of the thresholds has as high an F-beta",
        look_at="patients whose chance equals the threshold, the order of thresholds, and beta",
    )
for side in (-1, 1):  # the best of four lies on this side of the best of all, with another one nearer
    for _ in range(1000):
        sick = rng.random(200) < 0.37
        scores = np.clip(np.rint(rng.normal(np.where(sick, 12, 7), 3.5)), 1, 19) / 20
        flags = scores >= grid[:, None]
        f = 5 * np.sum(flags & sick, axis=1) / (4 * np.sum(sick) + np.sum(flags, axis=1))
        four = rng.choice(19, size=4, replace=False)  # places in grid
        best = four[np.argmax(f[four])]
        peaks = grid[f > f.max() - 1e-9]
        away = side * (grid[best] - peaks)
        nearest = np.abs(grid[four][:, None] - peaks).min(axis=0)
        if np.sort(f[four])[-1] - np.sort(f[four])[-2] > 1e-3 and np.all(away > nearest + 0.01):
            break
    expect.close(
        choose_threshold(sick, scores, grid[four], beta=2.0),
        grid[best],
        what="choose_threshold for 200 patients and four thresholds at uneven distances, with beta=2.0",
        why="of the thresholds that may be used no other has as high an F-beta",
        look_at="whether you compare the thresholds given, or take one that lies next to a better one",
    )
### END HIDDEN TESTS

# %% [markdown]
# ## 5. The first run
#
# Two given functions fix what everyone shares: the halves and the model. Logistic regression is enough
# here; the point is the record.

# %%
MALIGNANT, BENIGN = 0, 1  # scikit-learn's coding of this set


def halves(split_seed):
    """Training and test rows, stratified: X_train, X_test, y_train, y_test."""
    X, y = load_breast_cancer(return_X_y=True)
    return train_test_split(X, y, test_size=0.5, stratify=y, random_state=split_seed)


def new_model():
    """Scaled logistic regression, not fitted yet."""
    return make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))


# %% [markdown]
# Write `log_check`, which fits a new model on the training half and flags a patient of the test half where
# the predicted probability of *malignant* is at least `threshold`. It logs one MLflow run, into the
# experiment that `grader.begin` has already chosen, and returns the run's id.
#
# | kind | name | value |
# | --- | --- | --- |
# | param | `data` | `breast_cancer` |
# | param | `split_seed`, `threshold` | as given |
# | metric | `test_precision`, `test_recall` | on the test half, malignant positive |
# | metric | `test_f2` | F-beta with beta 2 |
# | metric | `test_missed_per_1000` | cancers missed per 1,000 patients of the test half |
# | metric | `test_needless_per_1000` | benign patients flagged per 1,000 patients of the test half |
# | tag | `positive_class` | `malignant` |
#
# An undefined measure is logged as 0: a threshold above 1 flags nobody, and its run must still be there to
# compare. A threshold of 1 may flag somebody, as a probability can round to exactly 1. Log anything else that you would want to find here in a year. You may use your own functions from
# above or scikit-learn's.
#
# Beta 2 says that this laboratory minds a miss more than a needless biopsy. That is a choice for it to make
# and to write down, not a fact of statistics.


# %% answer="log_check"
def log_check(split_seed, threshold):
    """Fit on the training half, measure on the test half, log one run.

    split_seed: int, given to halves.
    threshold: float; a patient is flagged where P(malignant) >= threshold.
    Returns the run's id, a string.
    """
    ### BEGIN SOLUTION
    X_train, X_test, y_train, y_test = halves(split_seed)
    model = new_model().fit(X_train, y_train)
    column = list(model.classes_).index(MALIGNANT)
    flagged = model.predict_proba(X_test)[:, column] >= threshold  # (n_test,)
    predicted = np.where(flagged, MALIGNANT, BENIGN)
    tp, fp, fn, tn = count_outcomes(y_test, predicted, positive=MALIGNANT)
    with mlflow.start_run() as run:
        mlflow.log_params({"data": "breast_cancer", "split_seed": split_seed, "threshold": threshold})
        mlflow.log_param("model", "StandardScaler, LogisticRegression(max_iter=1000)")
        mlflow.set_tag("positive_class", "malignant")
        mlflow.log_metrics(
            {
                "test_precision": precision(tp, fp),
                "test_recall": recall(tp, fn),
                "test_f2": f_beta(tp, fp, fn, beta=2.0),
                "test_missed_per_1000": 1000 * fn / len(y_test),
                "test_needless_per_1000": 1000 * fp / len(y_test),
            }
        )
    return run.info.run_id
    ### END SOLUTION


# %% test="run_has_metrics" of="log_check" points=2
import numpy as np
from grader import expect

run_id = log_check(split_seed=0, threshold=0.5)
view = expect.run(
    params={"data": "breast_cancer", "split_seed": 0, "threshold": 0.5},
    tags={"positive_class": "malignant"},
    what="the run of log_check(split_seed=0, threshold=0.5)",
    why="this is what somebody looks for who wants to find the run",
    look_at="the table's params and tag, and any call that sets the experiment",
)
expect.equal(
    run_id,
    view.run_id,
    what="what log_check(split_seed=0, threshold=0.5) returns",
    why="the caller opens the run by its id, a string",
    look_at="the return, and run.info.run_id",
)
names = ["test_missed_per_1000", "test_needless_per_1000", "test_precision", "test_recall", "test_f2"]
expect.equal(
    [name for name in names if name not in view.metrics],
    [],
    what="metrics of the table that the run of log_check(split_seed=0, threshold=0.5) does not have",
    why="somebody who compares runs looks for these names",
    look_at="the spelling of the names, and whether log_metrics gets them all",
)
patients = np.array([view.metrics[name] for name in names[:2]]) * 285 / 1000
expect.true(
    np.all(np.abs(patients - np.rint(patients)) < 1e-6),
    got=f"{patients[0]:.6g} and {patients[1]:.6g} patients",
    expected="whole patients",
    what="the metrics per 1,000, taken back to the 285 patients of the test half",
    why="both count patients among all patients of the test half, malignant or benign",
    look_at="the number that you divide by",
)
expect.run(
    metrics={"test_missed_per_1000": 1000 * 2 / 285, "test_needless_per_1000": 1000 * 4 / 285},
    what="the run of log_check(split_seed=0, threshold=0.5)",
    why="2 of 106 malignant patients lie below 0.5, and 4 of 179 benign ones do not",
    look_at="the half that you fit on, the class whose probability you compare, and what you count",
)
expect.run(
    metrics={
        "test_precision": 104 / 108,
        "test_recall": 104 / 106,
        "test_f2": 5 * 104 / (5 * 104 + 4 * 2 + 4),
    },
    what="the run of log_check(split_seed=0, threshold=0.5)",
    why="104 patients are rightly flagged, 4 needlessly, and 2 are missed",
    look_at="the class that each measure takes as positive, and beta in F2",
)
### BEGIN HIDDEN TESTS
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import fbeta_score, precision_score, recall_score
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

low, seed = 0.03, int(expect.rng().integers(1, 1_000_000))
X, y = load_breast_cancer(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.5, stratify=y, random_state=seed)
model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)).fit(X_train, y_train)
malignant = model.predict_proba(X_test)[:, 0]
near = np.sort(malignant[(malignant > low) & (malignant < 3 * low)])
edges = np.concatenate([[low], near, [3 * low]])
gap = int(np.argmax(np.diff(edges)))
threshold = float(edges[gap] + edges[gap + 1]) / 2  # far from every score, so rounding decides nothing
predicted = np.where(malignant >= threshold, 0, 1)
run_id = log_check(split_seed=seed, threshold=threshold)
view = expect.run(
    params={"data": "breast_cancer", "split_seed": seed, "threshold": threshold},
    tags={"positive_class": "malignant"},
    what="the run of log_check with another split and a low threshold",
    why="the params say how the run was made",
    look_at="the values that you log as split_seed and threshold",
)
expect.equal(
    run_id,
    view.run_id,
    what="what log_check returns with another split",
    why="the caller opens the run by its id, and each run has its own",
    look_at="the return, and run.info.run_id",
)
expect.run(
    metrics={
        "test_missed_per_1000": 1000 * float(np.mean((y_test == 0) & (predicted == 1))),
        "test_needless_per_1000": 1000 * float(np.mean((y_test == 1) & (predicted == 0))),
        "test_precision": float(precision_score(y_test, predicted, pos_label=0)),
        "test_recall": float(recall_score(y_test, predicted, pos_label=0)),
        "test_f2": float(fbeta_score(y_test, predicted, beta=2.0, pos_label=0)),
    },
    what="the run of log_check with another split and a low threshold",
    why="the measures follow the split and the threshold that were asked for",
    look_at="where your code uses split_seed and threshold",
)
### END HIDDEN TESTS

# %% test="run_without_alarms" of="log_check" points=1
from grader import expect

log_check(split_seed=0, threshold=1.5)
view = expect.run(
    params={"threshold": 1.5},
    metrics={"test_precision": 0.0, "test_recall": 0.0, "test_f2": 0.0},
    what="the run of log_check(split_seed=0, threshold=1.5)",
    why="nobody is flagged: recall and F2 are 0, and precision is undefined and logged as 0",
    look_at="what your measures give, and what you log, where nobody is flagged",
)
expect.run(
    metrics={"test_missed_per_1000": 1000 * 106 / 285, "test_needless_per_1000": 0.0},
    what="the run of log_check(split_seed=0, threshold=1.5)",
    why="nobody is flagged, so all 106 malignant patients of the 285 are missed",
    look_at="whom you count as missed, and the number that you divide by",
)
log_check(split_seed=5, threshold=1.0)
view = expect.run(
    params={"split_seed": 5, "threshold": 1.0},
    metrics={"test_missed_per_1000": 1000 * 104 / 285, "test_needless_per_1000": 0.0, "test_precision": 1.0},
    what="the run of log_check(split_seed=5, threshold=1.0)",
    why="two malignant patients have a probability of exactly 1.0, and whoever reaches the threshold is flagged",
    look_at="the comparison with threshold, which includes it",
)
### BEGIN HIDDEN TESTS
import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

seed = int(expect.rng().integers(1, 1_000_000))
X, y = load_breast_cancer(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.5, stratify=y, random_state=seed)
model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)).fit(X_train, y_train)
malignant = model.predict_proba(X_test)[:, 0]
middle = np.sort(malignant[(malignant > 0.4) & (malignant < 0.99)])
edges = np.concatenate([[0.4], middle, [0.99]])
gap = int(np.argmax(np.diff(edges)))
few_alarms = float(edges[gap] + edges[gap + 1]) / 2  # far from every score, so rounding decides nothing
missed = float(np.mean((y_test == 0) & (malignant < few_alarms)))
log_check(split_seed=seed, threshold=few_alarms)
view = expect.run(
    params={"split_seed": seed, "threshold": few_alarms},
    metrics={
        "test_recall": 1 - missed / float(np.mean(y_test == 0)),
        "test_missed_per_1000": 1000 * missed,
        "test_needless_per_1000": 1000 * float(np.mean((y_test == 1) & (malignant >= few_alarms))),
    },
    what="the run of log_check with another split and a high threshold",
    why="a run is logged in full whether it raises many alarms, few or none",
    look_at="what your code does where few patients are flagged",
)
### END HIDDEN TESTS

# %% [markdown]
# ## Before you go
#
# Look at your own runs with the next cell: lower the threshold and watch what each missed cancer less costs
# in needless biopsies. 106 malignant samples in a test half are few: one miss more moves recall by almost
# 0.01, and with the splits 0 to 9 the recall at 0.5 lies anywhere between 0.92 and 0.98. Try some: a run
# takes a second or less.

# %%
shown = ["split_seed", "threshold", "test_recall", "test_missed_per_1000", "test_needless_per_1000"]
found = mlflow.search_runs(filter_string="params.data = 'breast_cancer'", order_by=["start_time DESC"])
found.reindex(columns=[f"{'metrics' if 'test' in name else 'params'}.{name}" for name in shown]).head()


# %% wrong="whole_division" of="precision" caught_by="rates"
# Rounds down: // divides to whole numbers, so every share below 1 becomes 0.
def precision(tp, fp, zero_division=0.0):
    flagged = np.asarray(tp) + np.asarray(fp)
    nobody = flagged == 0
    return np.where(nobody, zero_division, tp // np.where(nobody, 1, flagged))[()]


# %% wrong="nan_on_no_positives" of="precision" caught_by="zero_divisions"
# NaN on no positives: hides the warning of the division and passes the NaN on to the dashboard.
def precision(tp, fp, zero_division=0.0):
    with np.errstate(invalid="ignore"):
        return np.asarray(tp) / np.asarray(np.asarray(tp) + fp, dtype=float)


# %% wrong="repaired_afterwards" of="precision" caught_by="zero_divisions"
# Divides by 0 first and mends the result afterwards: the numbers are right, and every empty hospital warns.
def precision(tp, fp, zero_division=0.0):
    if np.ndim(tp) == 0:
        return tp / (tp + fp) if tp + fp else zero_division
    return np.where(tp + fp > 0, tp / (tp + fp), zero_division)


# %% wrong="tiny_denominator" of="recall" caught_by="zero_divisions"
# Adds a tiny number instead of asking for the zero case: with zero_division=NaN every hospital becomes NaN.
def recall(tp, fn, zero_division=0.0):
    return (tp + 1e-12 * zero_division) / (tp + fn + 1e-12)


# %% wrong="odds" of="recall" caught_by="rates"
# Found against missed instead of found among all: odds, which pass 1 as soon as more are found than missed.
def recall(tp, fn, zero_division=0.0):
    missed = np.asarray(fn)
    return np.where(missed == 0, zero_division, np.asarray(tp) / np.where(missed == 0, 1, missed))[()]


# %% wrong="beta_on_precision" of="f_beta" caught_by="f_beta_weights_recall"
# Beta applied to precision instead of recall: a false alarm weighs more than a miss.
def f_beta(tp, fp, fn, beta=1.0, zero_division=0.0):
    found = (1 + beta**2) * np.asarray(tp)
    total = found + np.asarray(fn) + beta**2 * np.asarray(fp)
    nothing = total == 0
    return np.where(nothing, zero_division, found / np.where(nothing, 1, total))[()]


# %% wrong="beta_not_squared" of="f_beta" caught_by="f_beta_weights_recall"
# Forgets the square: beta itself stands where the formula has beta squared.
def f_beta(tp, fp, fn, beta=1.0, zero_division=0.0):
    found = (1 + beta) * np.asarray(tp)
    total = found + beta * np.asarray(fn) + np.asarray(fp)
    nothing = total == 0
    return np.where(nothing, zero_division, found / np.where(nothing, 1, total))[()]


# %% wrong="no_find_is_undefined" of="f_beta" caught_by="f_beta_undefined"
# Takes F-beta for undefined where precision and recall are 0: a model that is always wrong can then score 1.
def f_beta(tp, fp, fn, beta=1.0, zero_division=0.0):
    tp, fp, fn = np.asarray(tp), np.asarray(fp), np.asarray(fn)
    p = tp / np.maximum(tp + fp, 1)
    r = tp / np.maximum(tp + fn, 1)
    below = beta**2 * p + r
    return np.where(below == 0, zero_division, (1 + beta**2) * p * r / np.where(below == 0, 1, below))[()]


# %% wrong="one_is_positive" of="count_outcomes" caught_by="outcomes"
# Takes 1 for the positive class out of habit, although 1 is benign here.
def count_outcomes(actual, predicted, positive):
    is_positive, flagged = np.asarray(actual) == 1, np.asarray(predicted) == 1
    tp = int(np.sum(is_positive & flagged))
    fp = int(np.sum(~is_positive & flagged))
    fn = int(np.sum(is_positive & ~flagged))
    return tp, fp, fn, len(is_positive) - tp - fp - fn


# %% wrong="two_errors_swapped" of="count_outcomes" caught_by="outcomes"
# Swaps the two errors: a miss is booked as a false alarm, which no total reveals.
def count_outcomes(actual, predicted, positive):
    is_positive = np.asarray(actual) == positive
    flagged = np.asarray(predicted) == positive
    tp = int(np.sum(is_positive & flagged))
    fp = int(np.sum(is_positive & ~flagged))
    fn = int(np.sum(~is_positive & flagged))
    return tp, fp, fn, len(is_positive) - tp - fp - fn


# %% wrong="third_label_lost" of="count_outcomes" caught_by="outcomes"
# Counts a true negative only where the two labels agree: of three labels, one negative for another is lost.
def count_outcomes(actual, predicted, positive):
    pairs = list(zip(actual, predicted))
    tp = sum(a == positive and p == positive for a, p in pairs)
    fp = sum(a != positive and p == positive for a, p in pairs)
    fn = sum(a == positive and p != positive for a, p in pairs)
    return tp, fp, fn, sum(a != positive and a == p for a, p in pairs)


# %% wrong="nearest_to_the_best" of="choose_threshold" caught_by="threshold_follows_beta"
# Finds the best of all thresholds and takes the nearest that may be used, which need not be the best of those.
def choose_threshold(malignant, chance, thresholds, beta):
    from sklearn.metrics import precision_recall_curve

    p, r, every = precision_recall_curve(malignant, chance)
    scores = (1 + beta**2) * p * r / np.maximum(beta**2 * p + r, 1e-12)
    return float(thresholds[np.argmin(np.abs(thresholds - every[np.argmax(scores[:-1])]))])


# %% wrong="beta_left_at_one" of="choose_threshold" caught_by="threshold_follows_beta"
# Leaves beta at its default of 1: F1 picks the threshold, whatever the laboratory said.
def choose_threshold(malignant, chance, thresholds, beta):
    scores = []
    for threshold in thresholds:
        tp, fp, fn, tn = count_outcomes(malignant, chance >= threshold, positive=True)
        scores.append(f_beta(tp, fp, fn))
    return float(thresholds[np.argmax(scores)])


# %% wrong="above_the_threshold" of="choose_threshold" caught_by="threshold_follows_beta"
# Flags above the threshold instead of from it on: whoever stands exactly on it is passed as benign.
def choose_threshold(malignant, chance, thresholds, beta):
    scores = []
    for threshold in thresholds:
        tp, fp, fn, tn = count_outcomes(malignant, chance > threshold, positive=True)
        scores.append(f_beta(tp, fp, fn, beta=beta))
    return float(thresholds[np.argmax(scores)])


# %% wrong="accuracy_in_disguise" of="log_check" caught_by="run_has_metrics"
# Accuracy in disguise: micro-averaged over both classes, precision, recall and F-beta all equal accuracy.
def log_check(split_seed, threshold):
    from sklearn.metrics import precision_recall_fscore_support

    X_train, X_test, y_train, y_test = halves(split_seed)
    model = new_model().fit(X_train, y_train)
    predicted = np.where(model.predict_proba(X_test)[:, MALIGNANT] >= threshold, MALIGNANT, BENIGN)
    p, r, f2, _ = precision_recall_fscore_support(y_test, predicted, beta=2.0, average="micro")
    tp, fp, fn, tn = count_outcomes(y_test, predicted, positive=MALIGNANT)
    with mlflow.start_run() as run:
        mlflow.log_params({"data": "breast_cancer", "split_seed": split_seed, "threshold": threshold})
        mlflow.set_tag("positive_class", "malignant")
        mlflow.log_metrics({"test_precision": p, "test_recall": r, "test_f2": f2})
        mlflow.log_metrics({"test_missed_per_1000": 1000 * fn / len(y_test)})
        mlflow.log_metrics({"test_needless_per_1000": 1000 * fp / len(y_test)})
    return run.info.run_id


# %% wrong="benign_is_positive" of="log_check" caught_by="run_has_metrics"
# Leaves pos_label at its default of 1, which is benign here: the recall it logs is not that of the cancers.
def log_check(split_seed, threshold):
    from sklearn.metrics import fbeta_score, precision_score, recall_score

    X_train, X_test, y_train, y_test = halves(split_seed)
    model = new_model().fit(X_train, y_train)
    predicted = np.where(model.predict_proba(X_test)[:, MALIGNANT] >= threshold, MALIGNANT, BENIGN)
    tp, fp, fn, tn = count_outcomes(y_test, predicted, positive=MALIGNANT)
    with mlflow.start_run() as run:
        mlflow.log_params({"data": "breast_cancer", "split_seed": split_seed, "threshold": threshold})
        mlflow.set_tag("positive_class", "malignant")
        mlflow.log_metrics(
            {
                "test_precision": precision_score(y_test, predicted, zero_division=0.0),
                "test_recall": recall_score(y_test, predicted, zero_division=0.0),
                "test_f2": fbeta_score(y_test, predicted, beta=2.0, zero_division=0.0),
                "test_missed_per_1000": 1000 * fn / len(y_test),
                "test_needless_per_1000": 1000 * fp / len(y_test),
            }
        )
    return run.info.run_id


# %% wrong="other_experiment" of="log_check" caught_by="run_has_metrics run_without_alarms"
# Logs the run outside the experiment: it is complete, and nobody who looks at this unit's runs will find it.
def log_check(split_seed, threshold):
    X_train, X_test, y_train, y_test = halves(split_seed)
    model = new_model().fit(X_train, y_train)
    predicted = np.where(model.predict_proba(X_test)[:, MALIGNANT] >= threshold, MALIGNANT, BENIGN)
    tp, fp, fn, tn = count_outcomes(y_test, predicted, positive=MALIGNANT)
    mlflow.set_experiment("my-trials")
    with mlflow.start_run() as run:
        mlflow.log_params({"data": "breast_cancer", "split_seed": split_seed, "threshold": threshold})
        mlflow.set_tag("positive_class", "malignant")
        mlflow.log_metrics(
            {
                "test_precision": precision(tp, fp),
                "test_recall": recall(tp, fn),
                "test_f2": f_beta(tp, fp, fn, beta=2.0),
                "test_missed_per_1000": 1000 * fn / len(y_test),
                "test_needless_per_1000": 1000 * fp / len(y_test),
            }
        )
    return run.info.run_id


# %% wrong="training_half" of="log_check" caught_by="run_has_metrics"
# Measures on the rows the model was fitted on and calls it test.
def log_check(split_seed, threshold):
    X_train, X_test, y_train, y_test = halves(split_seed)
    model = new_model().fit(X_train, y_train)
    predicted = np.where(model.predict_proba(X_train)[:, MALIGNANT] >= threshold, MALIGNANT, BENIGN)
    tp, fp, fn, tn = count_outcomes(y_train, predicted, positive=MALIGNANT)
    with mlflow.start_run() as run:
        mlflow.log_params({"data": "breast_cancer", "split_seed": split_seed, "threshold": threshold})
        mlflow.set_tag("positive_class", "malignant")
        mlflow.log_metrics(
            {
                "test_precision": precision(tp, fp),
                "test_recall": recall(tp, fn),
                "test_f2": f_beta(tp, fp, fn, beta=2.0),
                "test_missed_per_1000": 1000 * fn / len(y_train),
                "test_needless_per_1000": 1000 * fp / len(y_train),
            }
        )
    return run.info.run_id


# %% wrong="predict_decides" of="log_check" caught_by="run_has_metrics run_without_alarms"
# Logs the threshold and never uses it: predict always cuts at 0.5.
def log_check(split_seed, threshold):
    X_train, X_test, y_train, y_test = halves(split_seed)
    predicted = new_model().fit(X_train, y_train).predict(X_test)
    tp, fp, fn, tn = count_outcomes(y_test, predicted, positive=MALIGNANT)
    with mlflow.start_run() as run:
        mlflow.log_params({"data": "breast_cancer", "split_seed": split_seed, "threshold": threshold})
        mlflow.set_tag("positive_class", "malignant")
        mlflow.log_metrics(
            {
                "test_precision": precision(tp, fp),
                "test_recall": recall(tp, fn),
                "test_f2": f_beta(tp, fp, fn, beta=2.0),
                "test_missed_per_1000": 1000 * fn / len(y_test),
                "test_needless_per_1000": 1000 * fp / len(y_test),
            }
        )
    return run.info.run_id


# %% wrong="undefined_not_logged" of="log_check" caught_by="run_without_alarms"
# Leaves an undefined measure out of the run: the worst run of all is the one that no comparison shows.
def log_check(split_seed, threshold):
    X_train, X_test, y_train, y_test = halves(split_seed)
    model = new_model().fit(X_train, y_train)
    predicted = np.where(model.predict_proba(X_test)[:, MALIGNANT] >= threshold, MALIGNANT, BENIGN)
    tp, fp, fn, tn = count_outcomes(y_test, predicted, positive=MALIGNANT)
    metrics = {
        "test_precision": precision(tp, fp, zero_division=float("nan")),
        "test_recall": recall(tp, fn),
        "test_f2": f_beta(tp, fp, fn, beta=2.0),
        "test_missed_per_1000": 1000 * fn / len(y_test),
        "test_needless_per_1000": 1000 * fp / len(y_test),
    }
    with mlflow.start_run() as run:
        mlflow.log_params({"data": "breast_cancer", "split_seed": split_seed, "threshold": threshold})
        mlflow.set_tag("positive_class", "malignant")
        mlflow.log_metrics({name: value for name, value in metrics.items() if np.isfinite(value)})
    return run.info.run_id


# %% also="divide_where" of="precision"
def precision(tp, fp, zero_division=0.0):
    tp, flagged = np.broadcast_arrays(np.asarray(tp), np.asarray(tp) + fp)
    shares = np.full(flagged.shape, zero_division, dtype=float)
    np.divide(tp, flagged, out=shares, where=flagged > 0)
    return shares if shares.shape else float(shares)


# %% also="one_pair_at_a_time" of="recall"
def recall(tp, fn, zero_division=0.0):
    if isinstance(tp, np.ndarray):
        pairs = zip(tp.ravel().tolist(), fn.ravel().tolist())
        return np.array([recall(t, f, zero_division) for t, f in pairs]).reshape(tp.shape)
    try:
        return tp / (tp + fn)
    except ZeroDivisionError:
        return zero_division


# %% also="from_precision_and_recall" of="f_beta"
def f_beta(tp, fp, fn, beta=1.0, zero_division=0.0):
    tp, fp, fn = np.asarray(tp), np.asarray(fp), np.asarray(fn)
    p = tp / np.maximum(tp + fp, 1)
    r = tp / np.maximum(tp + fn, 1)
    mean = (1 + beta**2) * p * r / np.where(tp == 0, 1, beta**2 * p + r)
    return np.where(tp + fp + fn == 0, zero_division, mean)[()]


# %% also="numbered_outcomes" of="count_outcomes"
def count_outcomes(actual, predicted, positive):
    is_positive, flagged = np.asarray(actual) == positive, np.asarray(predicted) == positive
    tn, fp, fn, tp = np.bincount(2 * is_positive + flagged, minlength=4)
    return tp, fp, fn, tn


# %% also="keep_the_best" of="choose_threshold"
def choose_threshold(malignant, chance, thresholds, beta):
    from sklearn.metrics import fbeta_score

    def score(threshold):
        return fbeta_score(malignant, chance >= threshold, beta=beta, zero_division=0.0)

    return max(thresholds.tolist(), key=score)


# %% also="all_at_once" of="choose_threshold"
def choose_threshold(malignant, chance, thresholds, beta):
    flags = chance[None, :] >= thresholds[:, None]
    tp = (flags & malignant).sum(axis=1)
    return thresholds[f_beta(tp, flags.sum(axis=1) - tp, malignant.sum() - tp, beta).argmax()]


# %% also="fixed_threshold" of="log_check"
def log_check(split_seed, threshold):
    from sklearn.metrics import precision_recall_fscore_support
    from sklearn.model_selection import FixedThresholdClassifier

    X_train, X_test, y_train, y_test = halves(split_seed)
    reader = FixedThresholdClassifier(new_model(), threshold=threshold, pos_label=MALIGNANT)
    predicted = reader.fit(X_train, y_train).predict(X_test)
    p, r, f2, _ = precision_recall_fscore_support(
        y_test, predicted, beta=2.0, average="binary", pos_label=MALIGNANT, zero_division=0.0
    )
    with mlflow.start_run(run_name="first-check", tags={"positive_class": "malignant"}) as run:
        mlflow.log_param("data", "breast_cancer")
        mlflow.log_param("split_seed", split_seed)
        mlflow.log_param("threshold", threshold)
        mlflow.log_metric("test_precision", p)
        mlflow.log_metric("test_recall", r)
        mlflow.log_metric("test_f2", f2)
        mlflow.log_metric("test_missed_per_1000", 1000 * np.mean(y_test < predicted))
        mlflow.log_metric("test_needless_per_1000", 1000 * np.mean(y_test > predicted))
    return run.info.run_id


# %% also="client" of="log_check"
def log_check(split_seed, threshold):
    X_train, X_test, y_train, y_test = halves(split_seed)
    benign = new_model().fit(X_train, y_train).predict_proba(X_test)[:, BENIGN]
    predicted = np.where(1 - benign >= threshold, MALIGNANT, BENIGN)
    tp, fp, fn, tn = count_outcomes(y_test, predicted, MALIGNANT)
    run = mlflow.start_run(description="Malignant is the positive class.")
    client = mlflow.MlflowClient()
    for name, value in {"data": "breast_cancer", "split_seed": split_seed, "threshold": threshold}.items():
        client.log_param(run.info.run_id, name, value)
    client.set_tag(run.info.run_id, "positive_class", "malignant")
    client.log_metric(run.info.run_id, "test_precision", float(precision(tp, fp)))
    client.log_metric(run.info.run_id, "test_recall", float(recall(tp, fn)))
    client.log_metric(run.info.run_id, "test_f2", float(f_beta(tp, fp, fn, beta=2)))
    client.log_metric(run.info.run_id, "test_missed_per_1000", fn / len(y_test) * 1000)
    client.log_metric(run.info.run_id, "test_needless_per_1000", fp / len(y_test) * 1000)
    mlflow.end_run()
    return run.info.run_id
