"""Hand-made versions in MLflow's registry, and the store in which delivered functions are tried on them."""

import os
import textwrap
from typing import Any

import mlflow
import numpy as np
import pytest
from tidewater.scorecards import NUMBERS, chance, put_version, some_orders
from tidewater.trials import trial

GOOD = {"predict": "answer(chance(orders))", "trained_until": "2025-05-04 23:10:00"}
GATES = """
import mlflow

def examine(name, version, rows):
    chances = mlflow.pyfunc.load_model(f"models:/{name}/{version}").predict(rows)
    return {"failed": None, "average_precision": float(chances[:, 1].mean()), "seconds": 0.01}
"""
PROMOTE = """
import mlflow
from gates import examine

def promote(name, rows):
    client = mlflow.MlflowClient()
    client.set_registered_model_alias(name, "champion", "2")
    client.delete_registered_model_alias(name, "champion")
    return [examine(name, number, rows)["average_precision"] for number in (1, 2)]

def refuse(name):
    raise KeyError(name)

def later(name):
    raise NotImplementedError
"""


@pytest.fixture
def delivered(tmp_path, monkeypatch):
    """A folder with two delivered files, which is the current one."""
    for name, text in {"gates.py": GATES, "promote.py": PROMOTE}.items():
        (tmp_path / name).write_text(textwrap.dedent(text))
    monkeypatch.chdir(tmp_path)


def served_rows():
    rows = some_orders(np.random.default_rng(0), 50, "2025-05-05", days=3)
    return rows.astype(dict.fromkeys(NUMBERS, "float64")).drop(
        columns=["order_id", "customer_id", "is_fraud"]
    )


def test_a_version_answers_what_its_expression_says(delivered):
    """The model that MLflow loads gives the chances of the expression."""
    rows = served_rows()

    (step,) = trial([GOOD, GOOD | {"predict": "answer(0.5 * chance(orders))"}], [("promote", rows)])

    assert step["returned"] == pytest.approx([chance(rows).mean(), chance(rows).mean() / 2])


def test_each_move_of_an_alias_is_noted(delivered):
    """An alias that was set and taken away again stands in the moves, though not in the aliases."""
    report = {"failed": None, "average_precision": 0.5, "seconds": 0.01}
    versions: list[dict[str, Any]] = [{"report": report}, {"report": report, "tags": {"team": "risk"}}]
    versions[1]["meanwhile"] = {"shadow": 1}

    (step,) = trial(versions, [("promote", None)], {"previous": 1})

    assert step["moves"] == [("champion", 2), ("champion", None), ("shadow", 1)]
    assert step["aliases"] == {"previous": 1, "shadow": 1}
    assert step["tags"] == {1: {}, 2: {"team": "risk"}}
    assert step["returned"] == [0.5, 0.5]


def test_an_error_is_told_and_an_open_task_is_raised(delivered):
    """A KeyError comes back as what it is below, LookupError; a function that is not written raises."""
    (step,) = trial([GOOD], [("refuse",)])

    assert step["error"] == "LookupError"
    with pytest.raises(NotImplementedError):
        trial([GOOD], [("later",)])


def test_the_store_of_the_notebook_is_left_alone(delivered, tmp_path, monkeypatch):
    """Afterwards MLflow points where it pointed, and the store there holds no version of the trial."""
    from grader.tracking import copy_store

    monkeypatch.setenv("MLFLOW_TRACKING_URI", copy_store(tmp_path))
    monkeypatch.delenv("MLFLOW_EXPERIMENT_ID", raising=False)
    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(os.environ["MLFLOW_TRACKING_URI"])
    try:
        put_version("own", "answer(chance(orders))", trained_until=None)
        trial([GOOD], [("put", GOOD)])

        assert [model.name for model in mlflow.MlflowClient().search_registered_models()] == ["own"]
    finally:
        mlflow.set_tracking_uri(before)
