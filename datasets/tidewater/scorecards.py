"""Fraud models by hand, as versions in MLflow's registry: made and loaded in milliseconds, and easily spoilt.

    from tidewater.scorecards import put_version, some_orders

    rows = some_orders(np.random.default_rng(0), 600, "2025-05-05", days=14)
    number = put_version("door", "answer(chance(orders))", trained_until="2025-05-04 23:10")

A version is an ordinary MLflow model (pyfunc). What it predicts is one Python expression or a whole file.
"""

from __future__ import annotations

import functools
import json
import os
import runpy
import tempfile
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

NUMBERS = ["amount", "items", "attempts", "address_age_days", "device_known", "orders_7d", "orders_30d"]
NUMBERS += ["hours_since_last", "mean_amount_30d", "customer_chargebacks", "corridor_ripe", "corridor_frauds"]
WORDS = ["channel", "device", "ship_country", "card_country", "product_category", "corridor", "product_title"]
MARKS = ("attempts", "device_known", "address_age_days", "card_country")
COUNTRIES = ["DE", "FR", "ES", "PT", "US", "BR", "NG"]
HEAD = "import time\nimport numpy as np\nfrom tidewater.scorecards import answer, chance\n\n\n"


def chance(orders: pd.DataFrame, marks: Collection[str] = MARKS) -> np.ndarray:
    """The chance of fraud of each order, from these of its marks; float array, shape (n,)."""
    signs = {
        "attempts": 2.6 * (orders["attempts"].to_numpy(dtype=float) - 1),
        "device_known": 3.6 * (1 - orders["device_known"].to_numpy(dtype=float)),
        "address_age_days": 4.0 / (1 + orders["address_age_days"].to_numpy(dtype=float) / 20),
        "card_country": 4.0 * (orders["card_country"].astype(str) != orders["ship_country"].astype(str)),
    }
    logit = -8.5 + sum(np.asarray(signs[mark], dtype=float) for mark in marks)
    return np.asarray(1 / (1 + np.exp(-logit)))


def answer(chances: np.ndarray) -> np.ndarray:
    """What predict_proba gives for these chances of fraud; shape (n, 2)."""
    return np.column_stack([1 - chances, chances])


def some_orders(rng: np.random.Generator, rows: int, since: str, days: float) -> pd.DataFrame:
    """Orders drawn at random, with their labels, in the form of `point-in-time`'s training.parquet and with corridors.

    since: the first moment, UTC. About one in eight is fraud, by `chance`. The rows are in no order.
    """
    table = pd.DataFrame({"order_id": rng.permutation(rows) + 700_000})
    table["customer_id"] = rng.integers(1, rows, rows)
    seconds = np.floor(rng.uniform(0, days * 86_400, rows))
    seconds[0] = 0
    table["placed_at"] = (pd.Timestamp(since) + pd.to_timedelta(seconds, unit="s")).astype("datetime64[ms]")
    for name in NUMBERS:
        table[name] = rng.poisson(2.0, rows)
    table["amount"] = np.where(rng.random(rows) < 0.07, np.nan, np.exp(rng.normal(4, 1, rows)).round(2))
    table["attempts"] = 1 + rng.poisson(0.5, rows)
    table["device_known"] = rng.random(rows) < 0.7
    table["address_age_days"] = np.floor(rng.exponential(200, rows)).astype("int64")
    for name in WORDS:
        table[name] = rng.choice(["one", "two", "three"], rows)
    table["ship_country"] = rng.choice(COUNTRIES, rows)
    abroad = rng.random(rows) < 0.25
    table["card_country"] = np.where(abroad, rng.choice(COUNTRIES, rows), table["ship_country"])
    table["corridor"] = table["card_country"] + ">" + table["ship_country"]
    table["is_fraud"] = rng.random(rows) < chance(table)
    return table.iloc[rng.permutation(rows)]


def put_version(
    name: str,
    predict: str,
    *,
    trained_until: str | None,
    requires: Collection[str] = ("attempts",),
    signature: bool = True,
    kinds: Mapping[str, str] | None = None,
    metrics: Mapping[str, float] | None = None,
    tags: Mapping[str, str] | None = None,
) -> int:
    """Register one more version of the model `name`, with a run; returns its number. Equal ones share run and files.

    predict: an expression of `orders`, or a Python file with a function predict(orders).
    trained_until: parameter of its run, or None for a run without it. requires: inputs that its signature demands;
    all other columns of an order are optional. kinds: other types in the signature. metrics: of its run. tags: of the
    version.
    """
    import mlflow

    client = mlflow.MlflowClient()
    folder = files_of(predict, requires=requires, signature=signature, kinds=kinds)
    run_id = _run(client, name, trained_until, tuple((metrics or {}).items()))
    if (client.tracking_uri, name) not in _known:
        if not client.search_registered_models(f"name = '{name}'"):
            client.create_registered_model(name)
        _known.add((client.tracking_uri, name))
    return int(client.create_model_version(name, str(folder), run_id, tags=dict(tags or {})).version)


def files_of(
    predict: str,
    *,
    requires: Collection[str] = ("attempts",),
    signature: bool = True,
    kinds: Mapping[str, str] | None = None,
) -> Path:
    """The folder of this model's files, beside the store that MLflow points at; arguments as for put_version."""
    import mlflow

    text = predict if "def predict" in predict else f"def predict(orders):\n    return {predict}\n"
    schema = json.dumps([sorted(requires), sorted((kinds or {}).items())]) if signature else ""
    return _folder(mlflow.get_tracking_uri(), HEAD + text, schema)


_known: set[tuple[str, str]] = set()


@functools.cache
def _folder(uri: str, text: str, schema: str) -> Path:
    """A folder with this model, which all versions of the same text and signature share."""
    import mlflow
    from mlflow.models import Model

    folder = Path(tempfile.mkdtemp(dir=_artifacts(uri)))
    (folder / "model.py").write_text(text, encoding="utf-8")
    model = Model(signature=_signature(schema) if schema else None)
    mlflow.pyfunc.add_to_model(model, loader_module="tidewater.scorecards", data="model.py")
    model.save(str(folder / "MLmodel"))
    return folder


def _run(client: Any, name: str, trained_until: str | None, metrics: tuple[tuple[str, float], ...]) -> str:
    """A finished run with these values; versions that are equal in them share one."""
    experiment = os.environ.get("MLFLOW_EXPERIMENT_ID") or "0"
    key = (client.tracking_uri, experiment, trained_until, metrics)
    if key not in _runs:
        run_id = client.create_run(experiment, run_name=name).info.run_id
        if trained_until is not None:
            client.log_param(run_id, "trained_until", trained_until)
        for metric, value in metrics:
            client.log_metric(run_id, metric, value)
        client.set_terminated(run_id)
        _runs[key] = str(run_id)
    return _runs[key]


_runs: dict[tuple[object, ...], str] = {}


def _artifacts(uri: str) -> Path:
    """A folder beside the store's file, so that it goes where the store goes."""
    from grader.store import database_of

    database = database_of(uri)
    folder = Path(tempfile.gettempdir() if database is None else database.parent) / "scorecards"
    folder.mkdir(exist_ok=True)
    return folder


def _signature(schema: str) -> Any:
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, Schema

    requires, kinds = json.loads(schema)
    types = dict.fromkeys(NUMBERS, "double") | dict.fromkeys(WORDS, "string") | {"placed_at": "datetime"}
    types |= {column: "double" for column in requires if column not in types} | dict(kinds)
    return ModelSignature(
        Schema([ColSpec(kind, column, required=column in requires) for column, kind in types.items()])
    )


class Scorecard:
    """What MLflow loads: an object with predict(orders)."""

    def __init__(self, predict: Callable[[pd.DataFrame], object]) -> None:
        self.predict = predict


def _load_pyfunc(path: str) -> Scorecard:
    """MLflow calls this with the path of model.py."""
    return Scorecard(runpy.run_path(path)["predict"])
