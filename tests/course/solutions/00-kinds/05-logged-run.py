# ---
# title: "Could a colleague use this run?"
# minutes: 15
# data: []
# needs: [add-up]
# runs_on: []
# limit_seconds: 30
# sources:
#   - "MLflow 3 documentation, MLflow Tracking, Log Metrics, Parameters, and Models"
# hints:
#   - "Look at which rows the model may see, and at the unit of the error."
#   - "The root of the mean squared error has the unit of y."
#   - "with mlflow.start_run(): log_param, log_metric, then mlflow.sklearn.log_model(model, name='model')"
# ---

# %% [markdown]
# # Could a colleague use this run?
#
# A unit that delivers a run in MLflow with a model that loads again.

# %%
import grader

grader.begin("logged-run")

import mlflow
import mlflow.sklearn
import numpy as np
from sklearn.linear_model import LinearRegression

# %% [markdown]
# In: `X`, float array of shape (n, k); `y`, float array of shape (n,). Fit a linear regression on all rows but the
# last ten. Log one run: the number of rows it was fitted on as parameter `rows`, the root mean squared error on
# the last ten as metric `rmse`, and the model as `model`. Out: nothing.


# %% answer="fit_and_log"
def fit_and_log(X, y):
    """One run with parameter, metric and model.

    X: float array, shape (n, k). y: float array, shape (n,).
    """
    ### BEGIN SOLUTION
    model = LinearRegression().fit(X[:-10], y[:-10])
    rmse = np.mean((model.predict(X[-10:]) - y[-10:]) ** 2) ** 0.5
    with mlflow.start_run():
        mlflow.log_param("rows", len(X) - 10)
        mlflow.log_metric("rmse", rmse)
        mlflow.sklearn.log_model(model, name="model", pip_requirements=["scikit-learn"])
    ### END SOLUTION


# %% test="the_run" of="fit_and_log" points=2
import numpy as np
from grader import expect

X = np.column_stack([np.arange(40.0), np.arange(40.0) ** 2])
fit_and_log(X, X @ [3.0, 0.5] + 7.0)
run = expect.run(
    params={"rows": 30},
    metrics={"rmse": 0.0},
    tolerance=1e-6,
    what="the run of fit_and_log on 40 rows without noise",
    why="30 rows are left for fitting, and rows on a plane are met exactly",
    look_at="the rows that you fit on, and what you log",
)
expect.close(
    run.model().predict([[1.0, 1.0], [2.0, 4.0]]),
    [10.5, 15.0],
    tolerance=1e-6,
    what="predict of the logged model, loaded again",
    why="the plane is 3 x + 0.5 x squared + 7",
    look_at="the model that you log",
)
### BEGIN HIDDEN TESTS
rng = expect.rng()
X = rng.normal(size=(60, 2))
y = X @ [1.0, -2.0] + rng.normal(scale=2.0, size=60)
fit_and_log(X, y)
table = np.column_stack([X, np.ones(60)])
weights = np.linalg.lstsq(table[:-10], y[:-10])[0]
expect.run(
    params={"rows": 50},
    metrics={"rmse": float(np.sqrt(np.mean((table[-10:] @ weights - y[-10:]) ** 2)))},
    tolerance=1e-6,
    what="the run of fit_and_log on rows with noise",
    why="the error is taken on rows that the model has not seen, in the unit of y",
    look_at="which rows you fit on, and the formula of the error",
)
### END HIDDEN TESTS


# %% wrong="not_the_root" of="fit_and_log" caught_by="the_run"
# The mean squared error is in squared units, and its root is asked for.
def fit_and_log(X, y):
    model = LinearRegression().fit(X[:-10], y[:-10])
    rmse = np.mean((model.predict(X[-10:]) - y[-10:]) ** 2)
    with mlflow.start_run():
        mlflow.log_param("rows", len(X) - 10)
        mlflow.log_metric("rmse", rmse)
        mlflow.sklearn.log_model(model, name="model", pip_requirements=["scikit-learn"])


# %% wrong="seen_rows" of="fit_and_log" caught_by="the_run"
# An error on rows that the model was fitted on flatters it.
def fit_and_log(X, y):
    model = LinearRegression().fit(X, y)
    rmse = np.mean((model.predict(X[-10:]) - y[-10:]) ** 2) ** 0.5
    with mlflow.start_run():
        mlflow.log_param("rows", len(X) - 10)
        mlflow.log_metric("rmse", rmse)
        mlflow.sklearn.log_model(model, name="model", pip_requirements=["scikit-learn"])


# %% wrong="no_model" of="fit_and_log" caught_by="the_run"
# A number without its model cannot be used by a colleague.
def fit_and_log(X, y):
    model = LinearRegression().fit(X[:-10], y[:-10])
    rmse = np.mean((model.predict(X[-10:]) - y[-10:]) ** 2) ** 0.5
    with mlflow.start_run():
        mlflow.log_params({"rows": len(X) - 10})
        mlflow.log_metric("rmse", rmse)


# %% also="pipeline" of="fit_and_log"
def fit_and_log(X, y):
    from sklearn.metrics import root_mean_squared_error
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    model = make_pipeline(StandardScaler(), LinearRegression()).fit(X[:-10], y[:-10])
    with mlflow.start_run(run_name="pipeline"):
        mlflow.log_params({"rows": X[:-10].shape[0]})
        mlflow.log_metric("rmse", root_mean_squared_error(y[-10:], model.predict(X[-10:])))
        mlflow.sklearn.log_model(model, name="model", pip_requirements=["scikit-learn"])


# %% also="logs_after_the_run" of="fit_and_log"
def fit_and_log(X, y):
    seen = len(X) - 10
    model = LinearRegression()
    model.fit(X[:seen], y[:seen])
    run = mlflow.start_run()
    mlflow.sklearn.log_model(model, name="model", pip_requirements=["scikit-learn"])
    mlflow.end_run()
    with mlflow.start_run(run_id=run.info.run_id):
        mlflow.log_metrics({"rmse": float(np.linalg.norm(model.predict(X[seen:]) - y[seen:]) / np.sqrt(10))})
        mlflow.log_param("rows", seen)
