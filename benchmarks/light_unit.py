"""A unit as light as a usual homework: three libraries, six short questions, cells that take a few milliseconds.

The units of the tests import no library, those of the course fit models; this one stands between.
"""

from pathlib import Path

from grader.build import build
from grader.course import Course

WORD = "six-questions"
SOURCE = """\
# ---
# title: "Six short questions"
# minutes: 20
# data: []
# needs: []
# runs_on: []
# sources:
#   - "pandas User Guide, Group by: split-apply-combine"
# hints:
#   - "Read each sentence once more."
#   - "Each is one call, or two."
#   - "groupby, dropna, mean, and the order of the columns"
# ---

# %% [markdown]
# # Six short questions

# %%
import grader

grader.begin("six-questions")

import numpy as np
import pandas as pd
from sklearn.linear_model import LinearRegression

# %% [markdown]
# The mean of an array, without the values that are missing.

# %% answer="mean_of_known"
def mean_of_known(values):
    ### BEGIN SOLUTION
    return float(np.nanmean(values))
    ### END SOLUTION

# %% test="mean" of="mean_of_known" points=1
import numpy as np
from grader import expect

expect.close(mean_of_known(np.array([1.0, np.nan, 3.0])), 2.0, what="the mean", why="1 and 3", look_at="NaN")
### BEGIN HIDDEN TESTS
values = expect.rng().normal(size=50)
expect.close(mean_of_known(values), values.sum() / 50, what="the mean", why="none is missing", look_at="NaN")
### END HIDDEN TESTS

# %% [markdown]
# The array moved and stretched to mean 0 and standard deviation 1, of the population.

# %% answer="standard"
def standard(values):
    ### BEGIN SOLUTION
    return (values - values.mean()) / values.std()
    ### END SOLUTION

# %% test="standardised" of="standard" points=1
import numpy as np
from grader import expect

expect.close(standard(np.array([1.0, 3.0])), [-1.0, 1.0], what="standard", why="2 is the mean", look_at="std")
### BEGIN HIDDEN TESTS
values = expect.rng().normal(5, 2, size=40)
expect.close(standard(values).std(), 1.0, what="the deviation", why="it is 1", look_at="std")
### END HIDDEN TESTS

# %% [markdown]
# The rows of a table that are complete, with a fresh index.

# %% answer="complete"
def complete(table):
    ### BEGIN SOLUTION
    return table.dropna().reset_index(drop=True)
    ### END SOLUTION

# %% test="complete_rows" of="complete" points=1
import pandas as pd
from grader import expect

table = pd.DataFrame({"a": [1.0, None, 3.0], "b": ["x", "y", None]})
with expect.unchanged(table, what="the table", why="it is the caller's", look_at="inplace"):
    found = complete(table)
expect.same_frame(
    found, pd.DataFrame({"a": [1.0], "b": ["x"]}), check_index=True, what="complete", why="one row is", look_at="dropna"
)

# %% [markdown]
# The mean of column `value` by column `group`, as a dict.

# %% answer="means"
def means(table):
    ### BEGIN SOLUTION
    return table.groupby("group")["value"].mean().to_dict()
    ### END SOLUTION

# %% test="means_by_group" of="means" points=2
import pandas as pd
from grader import expect

table = pd.DataFrame({"group": ["a", "b", "a"], "value": [1.0, 5.0, 3.0]})
expect.equal(means(table), {"a": 2.0, "b": 5.0}, what="means", why="1 and 3 are of a", look_at="groupby")

# %% [markdown]
# The number of different words in a text; case does not matter.

# %% answer="words"
def words(text):
    ### BEGIN SOLUTION
    return len(set(text.lower().split()))
    ### END SOLUTION

# %% test="different_words" of="words" points=1
from grader import expect

expect.equal(words("B a b c A"), 3, what="words", why="a, b and c", look_at="the case")
expect.equal(words(""), 0, what="words of nothing", why="there are none", look_at="split")

# %% [markdown]
# A fitted regression of y on the columns of X.

# %% answer="fitted"
def fitted(X, y):
    ### BEGIN SOLUTION
    return LinearRegression().fit(X, y)
    ### END SOLUTION

# %% test="slopes" of="fitted" points=2
import numpy as np
from grader import expect

X = expect.rng().normal(size=(30, 2))
model = fitted(X, X @ [2.0, -1.0] + 3.0)
plane = X[:3] @ [2.0, -1.0] + 3.0
expect.close(model.predict(X[:3]), plane, tolerance=1e-6, what="predict", why="a plane", look_at="fit")

# %% wrong="counts_missing" of="mean_of_known" caught_by="mean"
# A missing value is not zero.
def mean_of_known(values):
    return float(np.nan_to_num(values).mean())

# %% wrong="sample" of="standard" caught_by="standardised"
# The deviation of a sample divides by one less.
def standard(values):
    return (values - values.mean()) / values.std(ddof=1)

# %% wrong="keeps_index" of="complete" caught_by="complete_rows"
# Rows that are left out leave gaps in the index, and here the last rows go: the first only.
def complete(table):
    return table.dropna(subset=["a"]).reset_index(drop=True)

# %% wrong="sums" of="means" caught_by="means_by_group"
# A sum grows with the size of its group.
def means(table):
    return table.groupby("group")["value"].sum().to_dict()

# %% wrong="case" of="words" caught_by="different_words"
# A capital letter makes no other word.
def words(text):
    return len(set(text.split()))

# %% wrong="through_zero" of="fitted" caught_by="slopes"
# Without an intercept the plane goes through zero.
def fitted(X, y):
    return LinearRegression(fit_intercept=False).fit(X, y)

# %% also="by_mask" of="complete"
def complete(table):
    return table[table.notna().all(axis=1)].reset_index(drop=True)

# %% also="loop" of="means"
def means(table):
    return {name: float(rows["value"].mean()) for name, rows in table.groupby("group")}
"""


def light_course(root: Path) -> Course:
    """A course of this one unit, below `root`."""
    file = root / "solutions" / "00-light" / f"01-{WORD}.py"
    if not file.is_file():
        file.parent.mkdir(parents=True)
        file.write_text(SOURCE, encoding="utf-8")
        for room in ("modules", "exercises"):
            (root / room).mkdir()
        build(Course(root))
    return Course(root)
