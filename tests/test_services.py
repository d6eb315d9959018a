"""What a test asks of the supervisor: a model that loads in a process of its own."""

import pytest
from small_course import notebook_of, report_of, unit_of

from grader.checking import spare_workers
from grader.model import Outcome
from grader.runner import World

A_MODEL = '''\
# ---
# title: "A model"
# minutes: 5
# data: []
# needs: []
# runs_on: []
# sources: []
# hints: ["where", "which", "how"]
# ---

# %%
import grader

grader.begin("small")

import mlflow
from sklearn.linear_model import LinearRegression

# %% [markdown]
# Log a line.

# %% answer="fit"
def fit():
    """Log a fitted line."""
    ### BEGIN SOLUTION
    model = LinearRegression().fit([[0.0], [1.0]], [0.0, 2.0])
    with mlflow.start_run():
        mlflow.sklearn.log_model(model, name="model", pip_requirements=["scikit-learn"])
        with mlflow.start_run(nested=True):
            mlflow.log_metric("loss", 0.5, step=4)
    ### END SOLUTION

# %% test="predicts" of="fit" points=1
import numpy as np
from grader import expect

fit()
view = expect.run(what="the run", why="it was logged", look_at="start_run")
(child,) = view.children
expect.equal(child.history("loss"), [(4, 0.5)], what="the child", why="it was logged", look_at="start_run")
line = view.model()
expect.close(line.predict(np.array([[3.0]])), [6.0], what="predict", why="it is a line", look_at="fit")
expect.close(line.coef_, [2.0], what="coef_", why="it rises by 2", look_at="fit")
'''


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["fresh", "forked"])
def test_a_model_is_loaded_and_asked_in_a_process_of_its_own(tmp_path, workers, kind):
    """Also where the process was warmed first, which is one reply more before it is asked; nested runs are seen."""
    unit = unit_of(tmp_path, A_MODEL)
    used = spare_workers(unit) if kind == "fresh" else workers
    try:
        (result,) = report_of(notebook_of(tmp_path, unit), unit, used).results
    finally:
        if kind == "fresh":
            used.close()

    assert result.outcome is Outcome.PASSED, result.message


A_JOB = """\
# ---
# title: "A job"
# minutes: 5
# data: []
# needs: []
# runs_on: []
# sources: []
# hints: ["where", "which", "how"]
# ---

# %%
import grader

grader.begin("small")

# %% [markdown]
# A job that logs a run.

# %% answer="job" file="job.py"
import mlflow

### BEGIN SOLUTION
with mlflow.start_run():
    mlflow.log_metric("rows", 7.0)
### END SOLUTION

# %% test="logs" of="job" points=1
from grader import expect

with expect.process("job.py") as job:
    job.wait()
expect.run(metrics={"rows": 7.0}, what="the run of job.py", why="it was logged", look_at="start_run")
"""


@pytest.mark.slow
@pytest.mark.parametrize("world", World)
def test_a_started_file_logs_into_the_experiment_of_the_unit(tmp_path, judged, world):
    """As a file does that the learner starts beside the notebook."""
    (result,) = judged(unit_of(tmp_path, A_JOB), {}, world=world).results

    assert result.outcome is Outcome.PASSED, result.message
