"""The gates that one version of a registered model has to pass, whatever the others are."""

import functools
import time

import mlflow
import numpy as np
import pandas as pd
from sklearn.metrics import average_precision_score

NUMBERS = ["amount", "items", "attempts", "address_age_days", "device_known", "orders_7d", "orders_30d"]
NUMBERS += ["hours_since_last", "mean_amount_30d", "customer_chargebacks", "corridor_ripe", "corridor_frauds"]
WORDS = ["channel", "device", "ship_country", "card_country", "product_category", "corridor", "product_title"]
SENT = [*NUMBERS, *WORDS, "placed_at"]


def sent(rows):
    """The columns that the shop's service sends of these orders, in the form in which it sends them."""
    return rows[SENT].astype(dict.fromkeys(NUMBERS, "float64"))


def examine(name, version, rows):
    """The gates of one version of the registered model `name`, on rows.

    version: its number, an int. rows: DataFrame with the columns SENT and is_fraud; it is not changed.
    Returns a dict: failed (None, or the name of a gate), average_precision, seconds.
    """
    report = {"failed": None, "average_precision": None, "seconds": None}
    client, inputs = mlflow.MlflowClient(), sent(rows)

    @functools.cache
    def model():
        return mlflow.pyfunc.load_model(f"models:/{name}/{version}")

    def trained_before():
        run = client.get_run(client.get_model_version(name, str(version)).run_id)
        text = run.data.params["trained_until"]
        return ":" in text and pd.Timestamp(text) < rows["placed_at"].min()

    def signature():
        return set(model().metadata.signature.inputs.required_input_names()) <= set(SENT)

    def answers():
        predict, seconds = model().predict, []
        for _ in range(3):
            began = time.perf_counter()
            chances = predict(inputs)
            seconds.append(time.perf_counter() - began)
        chances = np.asarray(chances, dtype=float)
        if chances.shape != (len(rows), 2) or not ((chances >= 0) & (chances <= 1)).all():
            return False
        report["seconds"] = min(seconds)
        report["average_precision"] = float(average_precision_score(rows["is_fraud"], chances[:, 1]))
        return True

    def ranks():
        return report["average_precision"] >= 2 * rows["is_fraud"].mean()

    for gate in (trained_before, signature, answers, ranks):
        try:
            passed = gate()
        except Exception:
            passed = False
        if not passed:
            return report | {"failed": gate.__name__}
    return report
