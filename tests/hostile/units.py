"""The two units that are attacked: one with every kind of answer, one with an MLflow run and its model.

Points are powers of two, so that a sum tells which tests gave it. HIDDEN stands in the hidden tests' text, in no
value that crosses; `drawn` is a hidden input that crosses as an argument and must not come back in a message.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from grader.model import Unit
from grader.source import read_source

SMALL_PATH = "00-hostile/01-small"
TRACKED_PATH = "00-hostile/02-tracked"
SEED = 20_261_121

HEAD = """\
# ---
# title: "{title}"
# minutes: 5
# data: []
# needs: []
# runs_on: []
# limit_seconds: {seconds}
# limit_run_seconds: {run_seconds}
# limit_megabytes: {megabytes}
# sources: []
# hints: ["where", "which", "how"]
# ---

# %%
import grader

grader.begin("{word}")
"""

SMALL = '''
import numpy as np

# %% [markdown]
# Double it.

# %% answer="double"
def double(number):
    """Twice the number."""
    ### BEGIN SOLUTION
    return 2 * number
    ### END SOLUTION

# %% test="doubles" of="double" points=1
from grader import expect

expect.equal(double(21), 42, what="double(21)", why="twice 21 is 42", look_at="the factor")

# %% test="doubles_any" of="double" points=2
from grader import expect

expect.equal(double(4), 8, what="double(4)", why="twice 4 is 8", look_at="the factor")
### BEGIN HIDDEN TESTS
# HIDDEN
drawn = 1_000_000_000 + int(expect.rng().integers(900_000_000))
expect.equal(double(drawn), 2 * drawn, what="double(n)", why="it is twice the number", look_at="the factor")
### END HIDDEN TESTS

# %% [markdown]
# The sum of the whole numbers below 1000 that 3 or 5 divides.

# %% answer="total"
### BEGIN SOLUTION
total = sum(number for number in range(1000) if number % 3 == 0 or number % 5 == 0)
### END SOLUTION

# %% test="is_total" of="total" points=4
from grader import expect

expect.between(total, 1, 10**6, what="total", why="it is a sum of small numbers", look_at="the range")
### BEGIN HIDDEN TESTS
# HIDDEN
expect.close(total, 233168, what="total", why="each number counts once", look_at="the multiples of 15")
### END HIDDEN TESTS

# %% [markdown]
# A scaler.

# %% answer="scale"
class Scale:
    """Columns with mean 0 and deviation 1."""

    ### BEGIN SOLUTION
    def fit(self, rows):
        self.mean, self.deviation = rows.mean(axis=0), rows.std(axis=0)
        return self

    def transform(self, rows):
        return (rows - self.mean) / self.deviation
    ### END SOLUTION

# %% test="scales" of="scale" points=8
import numpy as np

from grader import expect

simple = np.array([[1.0, 2.0], [3.0, 6.0]])
expect.close(
    Scale().fit(simple).transform(simple), np.array([[-1.0, -1.0], [1.0, 1.0]]),
    what="the simple rows", why="they lie one deviation from their mean", look_at="the axis",
)
### BEGIN HIDDEN TESTS
# HIDDEN
rows = expect.rng().normal(size=(20, 3))
with expect.unchanged(rows, what="rows", why="the caller goes on with them", look_at="what you assign to"):
    scaled = Scale().fit(rows).transform(rows)
wanted = (rows - rows.mean(axis=0)) / rows.std(axis=0)
expect.close(scaled, wanted, tolerance=1e-6, what="other rows", why="it is the rule", look_at="the axis")
### END HIDDEN TESTS

# %% [markdown]
# Call a function on each of some values.

# %% answer="each"
def each(function, values):
    """What the function gives for each value."""
    ### BEGIN SOLUTION
    return [function(value) for value in values]
    ### END SOLUTION

# %% test="calls_each" of="each" points=16
from grader import expect

expect.equal(each(abs, [-1, 2]), [1, 2], what="each(abs, [-1, 2])", why="abs gives 1, 2", look_at="the calls")
### BEGIN HIDDEN TESTS
# HIDDEN
import functools

start = int(expect.rng().integers(10**6))
seen = []


def keep(word, value):
    return value


def note(value):
    seen.append(value)
    return 3 * value + start


values = [start, start + 5, start - 9]
got = each(functools.partial(keep, "partial HIDDEN"), values)
expect.equal(got, values, what="each", why="any function", look_at="the calls")
got = each(note, values)
expect.equal(got, [3 * value + start for value in values], what="each", why="any function", look_at="the calls")
expect.equal(seen, values, what="the calls", why="each value is asked for once", look_at="the loop")
### END HIDDEN TESTS

# %% [markdown]
# A program that prints the sum of its arguments.

# %% answer="report" file="report.py"
import sys

### BEGIN SOLUTION
print(sum(int(word) for word in sys.argv[1:]))
### END SOLUTION

# %% test="reports" of="report" points=32 limit_seconds=6
from grader import expect

with expect.process("report.py", "19", "23") as program:
    expect.equal(program.wait(2.5), 0, what="the exit code", why="all went well", look_at="the end")
    expect.equal(program.output.strip(), "42", what="the output", why="19 and 23 is 42", look_at="print")
### BEGIN HIDDEN TESTS
# HIDDEN
first, second = (int(number) for number in expect.rng().integers(10**6, size=2))
with expect.process("report.py", str(first), str(second)) as program:
    expect.equal(program.wait(2.5), 0, what="the exit code", why="all went well", look_at="the end")
    said = program.output.strip()
    program.write("next.txt", b"more")
    expect.equal(program.read("next.txt"), b"more", what="next.txt", why="it was written", look_at="the folder")
expect.equal(said, str(first + second), what="the output", why="it is the sum", look_at="print")
### END HIDDEN TESTS
'''

TRACKED = """
import mlflow
import numpy as np
from sklearn.linear_model import LinearRegression

# %% [markdown]
# Log a fitted line.

# %% answer="tracked"
### BEGIN SOLUTION
rows = np.arange(6.0).reshape(-1, 1)
with mlflow.start_run():
    mlflow.log_param("shape", rows.shape[0])
    mlflow.log_metric("error", 0.25)
    mlflow.log_text("two x and one", "note.txt")
    line = LinearRegression().fit(rows, 2 * rows[:, 0] + 1)
    mlflow.sklearn.log_model(line, name="line", pip_requirements=["scikit-learn"])
### END SOLUTION

# %% test="logs" of="tracked" points=1
from grader import expect

run = expect.run(params={"shape": 6}, metrics={"error": 0.25}, what="the run", why="it was asked for", look_at="log")
### BEGIN HIDDEN TESTS
# HIDDEN
note = run.artifact("note.txt")
expect.equal(note, b"two x and one", what="note.txt", why="it was asked for", look_at="log_text")
### END HIDDEN TESTS

# %% test="keeps_model" of="tracked" points=2 limit_seconds=5
import numpy as np

from grader import expect

run = expect.run(what="the run", why="it holds the model", look_at="log_model")
### BEGIN HIDDEN TESTS
# HIDDEN
drawn = 1_000_000_000 + int(expect.rng().integers(900_000_000))
rows = np.array([[2.0], [float(drawn)]])
expect.close(
    run.model().predict(rows), 2 * rows[:, 0] + 1, tolerance=1e-6,
    what="predict", why="the line is 2 x + 1", look_at="what was fitted",
)
### END HIDDEN TESTS
"""


def drawn() -> int:
    """The hidden input of the tests of `double` and of the model."""
    return 1_000_000_000 + int(np.random.default_rng(SEED).integers(900_000_000))


def write_unit(root: Path, path: str, hidden: str) -> Unit:
    """One of the two units, written below `root` with `hidden` in the text of its hidden tests."""
    small = path == SMALL_PATH
    head = HEAD.format(
        title="Small" if small else "Tracked",
        seconds=2 if small else 12,
        run_seconds=12 if small else 60,
        megabytes=300 if small else 900,
        word=path.rpartition("-")[2],
    )
    text = head + (SMALL if small else TRACKED)
    file = root / "solutions" / f"{path}.py"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(
        text.replace("HIDDEN\n", f"{hidden}\nmark_of_hidden = {hidden!r}\n").replace(
            "partial HIDDEN", hidden
        ),
        encoding="utf-8",
    )
    return read_source(file)
