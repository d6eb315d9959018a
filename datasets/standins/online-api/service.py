"""The fraud model of Tidewater behind HTTP: POST /score, POST /reload, GET /ready, GET /health."""

import os

import uvicorn

MODEL, ALIAS = "fraud-api", "champion"
NUMBERS = ["amount", "items", "attempts", "address_age_days", "device_known", "orders_7d", "orders_30d"]
NUMBERS += ["hours_since_last", "mean_amount_30d", "customer_chargebacks", "corridor_ripe", "corridor_frauds"]
WORDS = ["channel", "device", "ship_country", "card_country", "product_category", "product_title"]
COLUMNS = [*NUMBERS, *WORDS, "corridor", "placed_at"]

import threading
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import mlflow
import mlflow.sklearn
import pandas as pd
from contract import add_score
from fastapi import FastAPI, HTTPException
from fastapi.responses import JSONResponse


@dataclass(frozen=True)
class Champion:
    """A version with all that an answer of it needs."""

    model: Any
    version: int
    review_from: float
    decline_from: float


def load_champion():
    """The version that the alias names now; any exception if it cannot be loaded."""
    found = mlflow.MlflowClient().get_model_version_by_alias(MODEL, ALIAS)
    thresholds = float(found.tags["review_from"]), float(found.tags["decline_from"])
    model = mlflow.sklearn.load_model(f"models:/{MODEL}/{found.version}")
    return Champion(model, int(found.version), *thresholds)


loading = threading.Lock()


def change():
    """Put the version of the alias in place of the one that answers; None, or why that was not possible."""
    with loading:
        try:
            champion = load_champion()
        except Exception as error:
            return f"{type(error).__name__}: {error}"
        app.state.champion = champion
        return None


@asynccontextmanager
async def lifespan(app):
    threading.Thread(target=change, daemon=True).start()
    yield


app = FastAPI(lifespan=lifespan)
app.state.champion = None


def answer(order):
    """What the champion of this moment says of the order."""
    champion = app.state.champion
    if champion is None:
        raise HTTPException(503, "no version is loaded")
    row = {**order, "corridor": f"{order['card_country']}>{order['ship_country']}"}
    probability = float(champion.model.predict_proba(pd.DataFrame([row])[COLUMNS])[0, 1])
    decision = "approve"
    if probability >= champion.decline_from:
        decision = "decline"
    elif probability >= champion.review_from:
        decision = "review"
    said = {"order_id": order["order_id"], "probability": probability, "decision": decision}
    return {**said, "model_version": champion.version}


add_score(app, answer)


@app.post("/reload")
def reload():
    problem, champion = change(), app.state.champion
    version = champion.version if champion else None
    if problem:
        return JSONResponse({"model_version": version, "error": problem}, status_code=503)
    return {"model_version": version}


@app.get("/ready")
def ready():
    champion = app.state.champion
    if champion is None:
        raise HTTPException(503, "no version is loaded")
    return {"model_version": champion.version}


@app.get("/health")
async def health():
    return {"status": "alive"}



if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(os.environ["PORT"]), log_level="warning")
