# ---
# title: "Which version answered, and did anyone get a wrong answer while it changed?"
# minutes: 60
# data: [tidewater]
# needs: [walking-skeleton, point-in-time, leakproof-pipeline]
# leaves: [contract.py, service.py]
# runs_on: [loopback]
# limit_seconds: 120
# sources:
#   - "FastAPI, documentation, Tutorial: Handling Errors, section Override request validation exceptions; Concurrency and async / await"
#   - "Pydantic, documentation, Strict Mode; Configuration, extra"
#   - "Kubernetes, documentation, Configure Liveness, Readiness and Startup Probes"
#   - "RFC 9110, HTTP Semantics, sections 15.5.21 (422) and 15.6.4 (503)"
#   - "MLflow 3, documentation, ML Model Registry: model versions, aliases and tags"
# hints:
#   - "Step 1: say in one class what an order is, and let nothing be converted that the table does not name. Look at what the framework's own refusal holds before you send
#     it on. Step 3: ask of each request which of your variables it reads, how often, and what a reload may have done in between."
#   - "Step 1: a pydantic model with extra='forbid', strict=True and allow_inf_nan=False; a validator for the moment; the old field is a field like any other. An exception
#     handler for RequestValidationError makes the answer from loc and msg. Step 3: the model, its number and its thresholds are one object, read once for each request and
#     replaced by one assignment when all of it is there. The first load runs beside the server. Plain def handlers run in threads of their own. Step 2: a thread for each client."
#   - "Step 1: Field(ge=1, le=10**9), float | None without a default for amount, with = None for what may be left out; datetime.fromisoformat in an AfterValidator. Step 3: a frozen
#     dataclass Champion; threading.Thread(target=load, daemon=True).start() in the lifespan; champion = app.state.champion at the top of score; in reload: try: app.state.champion
#     = load_champion() except Exception as error: JSONResponse({'model_version': ..., 'error': str(error)}, status_code=503). Step 2: ThreadPoolExecutor(clients),
#     one httpx.Client in each thread, time.perf_counter() around each post, np.quantile(seconds, 0.99) * 1000."
# ---

# %% [markdown]
# # Which version answered, and did anyone get a wrong answer while it changed?
#
# Tidewater's checkout asks the fraud model about each order while the customer waits. It sends the order over HTTP and gets a probability and a decision. The
# service is asked by four kinds of clients, the oldest of them written in 2024, and a new version of the model comes every few weeks, at noon, since nobody is there at night.
#
# Three things went wrong last year. A partner shop sent `"attempts": "12"`, the service took it for a number, and one day it sent `"12,5"` and every order was an error.
# A client spelt an optional field wrongly; the service ignored it, and scored for five weeks as if the customer had never ordered. And on each change of the model some
# hundred orders got an error, or a probability of one version under the name of another.
#
# You deliver the service in three steps that are scored apart: what it takes and refuses, how its times are measured, and how it starts and changes its model. Run `mle check online-api` as often as you like.

# %%
import grader

grader.begin("online-api")

import contextlib
import logging
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import mlflow
import mlflow.sklearn
import numpy as np
import pandas as pd

# %% [markdown]
# ## Step 1: the contract
#
# `POST /score` takes one order, a JSON object with these fields:
#
# | field | JSON | null | may be left out |
# | --- | --- | --- | --- |
# | `order_id` | whole number, 1 to 10^9 | | |
# | `placed_at` | text: date and time in ISO 8601, with a zone or without (then UTC), years 2000 to 2099 as written | | |
# | `channel`, `device`, `ship_country`, `card_country`, `product_category`, `product_title` | any text | | |
# | `amount` | number, 0 to 10^6 | yes | |
# | `items`, `attempts` | whole number, 1 to 10^9 | | |
# | `address_age_days`, `orders_7d`, `orders_30d`, `customer_chargebacks`, `corridor_ripe`, `corridor_frauds` | whole number, 0 to 10^9 | | |
# | `hours_since_last`, `mean_amount_30d` | number, 0 to 10^6 | yes | yes, means null |
# | `device_known` | true or false | yes | yes, means null |
# | `legacy_risk_score` | any JSON value | yes | yes; it is ignored |
#
# The last three lines are what the clients of 2024 rely on. They never send `device_known`, and they still send `legacy_risk_score`, which no model uses any more. They
# cannot be changed, so for them the contract may not get narrower.
#
# Write `contract.py` with `add_score(app, answer)`. It adds `POST /score` to `app`, a FastAPI app. Neither the model nor its loading is its concern.
#
# - **A good order** is handed to `answer`, a plain function, as a dict: every field of the table, what was left out as `None`, and nothing else but perhaps `legacy_risk_score`. Values are as they came;
#   `placed_at` may be the text or a `datetime` of the same moment. The dict that `answer` returns is the JSON of the answer, with status 200. If `answer` raises `fastapi.HTTPException`, the
#   answer has its status; what other exceptions do is not judged. `answer` may take seconds; other requests to the app go on meanwhile.
# - A country, a channel or any other word that nobody has seen is a good order. New words come every week.
# - **A bad order** gets status 422 and `{"detail": {field: reason, ...}}`: each bad field by its name with a reason in words, and no field that is fine. Bad is a field that the table does not have, one that is left out
#   and may not be, and a value that is not of its line. Nothing is converted: `"12"` is no number, `true` is no number, 1 is neither true nor false, and a number is no moment. Not judged: `2.0` for a whole
#   number, a date without a time, a key that stands twice, and a `NaN` or half a character inside `legacy_risk_score`.
# - **Whatever else comes**, bytes that are no JSON, a list, `NaN` or `Infinity` (which Python's parser reads, though JSON has neither), a text that UTF-8 cannot hold (`"\ud800"`, half of a character), gets a status from 400 to 499, with any body. To a client's mistake status 500 is never right: it wakes somebody at
#   night for a client's mistake.
#
# How you do it is yours: a pydantic model, checks by hand, `def` or `async def`. To try it in a cell of your own:
#
# ```python
# from fastapi import FastAPI
# import contract  # after a change: importlib.reload(contract)
#
# app = FastAPI()
# contract.add_score(app, lambda order: {"got": order})
# async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://here") as http:
#     print((await http.post("/score", json=EXAMPLE)).text)
# ```

# %%
EXAMPLE = {"order_id": 7, "placed_at": "2025-05-05T23:10:00+02:00", "channel": "web", "device": "android"}
EXAMPLE |= {"ship_country": "PT", "card_country": "MX", "product_category": "games", "amount": 420.5}
EXAMPLE |= {"product_title": "Wooden puzzle, 500 pieces", "items": 1, "attempts": 3, "address_age_days": 0}
EXAMPLE |= {"orders_7d": 0, "orders_30d": 1, "customer_chargebacks": 0, "corridor_ripe": 12}
EXAMPLE |= {"corridor_frauds": 2, "hours_since_last": None, "mean_amount_30d": 35.0, "device_known": False}

# %% [markdown]
# Your contract:


# %% answer="contract" file="contract.py"
"""The contract of POST /score: what an order is, and what everybody else is told."""

### BEGIN SOLUTION
from datetime import datetime
from typing import Annotated, Any

from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import AfterValidator, BaseModel, ConfigDict, Field


def check_moment(text):
    """`text` if it is a moment of the years 2000 to 2099; ValueError else."""
    if not 2000 <= datetime.fromisoformat(text).year <= 2099:
        raise ValueError("a year from 2000 to 2099 is needed")
    return text


def check_text(text):
    """`text` if it can be written as UTF-8; UnicodeEncodeError, which is a ValueError, else."""
    text.encode()
    return text


Text = Annotated[str, AfterValidator(check_text)]
Positive = Annotated[int, Field(ge=1, le=10**9)]
Count = Annotated[int, Field(ge=0, le=10**9)]
Number = Annotated[float, Field(ge=0, le=10**6)]


class Order(BaseModel):
    """Nothing is converted, nothing unknown gets through."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)

    order_id: Positive
    placed_at: Annotated[str, AfterValidator(check_moment)]
    channel: Text
    device: Text
    ship_country: Text
    card_country: Text
    product_category: Text
    product_title: Text
    amount: Number | None
    items: Positive
    attempts: Positive
    address_age_days: Count
    orders_7d: Count
    orders_30d: Count
    customer_chargebacks: Count
    corridor_ripe: Count
    corridor_frauds: Count
    hours_since_last: Number | None = None
    mean_amount_30d: Number | None = None
    device_known: bool | None = None
    legacy_risk_score: Any = None


def refuse(request, error):
    """Status 422 with a reason for each bad field. What was sent is not repeated: it may be no JSON."""
    problems = {}
    for problem in error.errors():
        field = str(problem["loc"][1]) if len(problem["loc"]) > 1 else "body"
        problems[field.encode("ascii", "backslashreplace").decode()] = problem["msg"]
    return JSONResponse({"detail": problems}, status_code=422)


### END SOLUTION


def add_score(app, answer):
    """Add POST /score to `app`: a good order goes to `answer`, a bad one gets 422 and {"detail": {field: reason}}.

    app: a FastAPI app. answer: a function from the order, a dict, to the answer, a dict; it may take seconds.
    """
    ### BEGIN SOLUTION
    app.add_exception_handler(RequestValidationError, refuse)

    @app.post("/score")
    def score(order: Order):
        return answer(order.model_dump())

    ### END SOLUTION


# %% test="good_orders" of="contract" points=2
from grader import expect

ORDER = {"order_id": 7, "placed_at": "2025-05-05T23:10:00+02:00", "channel": "web", "device": "android"}
ORDER |= {"ship_country": "PT", "card_country": "MX", "product_category": "games", "amount": 420.5}
ORDER |= {"product_title": "Wooden puzzle, 500 pieces", "items": 1, "attempts": 3, "address_age_days": 0}
ORDER |= {"orders_7d": 0, "orders_30d": 1, "customer_chargebacks": 0, "corridor_ripe": 12}
ORDER |= {"corridor_frauds": 2, "hours_since_last": None, "mean_amount_30d": 35.0, "device_known": False}


def exchange(bodies):
    """For each body: the status, the fields that detail names, and the order that `answer` got, if any."""
    import asyncio, importlib, json, sys, threading  # noqa: E401
    from datetime import datetime, timezone

    import httpx
    from fastapi import FastAPI

    importlib.invalidate_caches()
    sys.dont_write_bytecode = True
    sys.path.insert(0, "")
    sys.modules.pop("contract", None)
    app, got, found = FastAPI(), [], []

    def answer(order):
        moment = order["placed_at"]
        moment = datetime.fromisoformat(moment) if isinstance(moment, str) else moment
        zoned = moment.astimezone(timezone.utc) if moment.tzinfo else moment
        got.append({**order, "placed_at": zoned.replace(tzinfo=None).isoformat()})
        return {"order_id": order["order_id"], "probability": 1 / 3}

    async def send(http, body):
        text = body if isinstance(body, (str, bytes)) else json.dumps(body)
        reply = await http.post("/score", content=text, headers={"content-type": "application/json"})
        try:
            said = reply.json()
            fields = sorted(
                name for name, reason in said["detail"].items() if isinstance(reason, str) and reason.strip()
            )
        except (ValueError, KeyError, TypeError, AttributeError):
            fields = ["no detail of the form {field: reason}"] if reply.status_code == 422 else []
        found.append([reply.status_code, fields, got.pop() if got else None])
        if reply.status_code == 200:
            found[-1].append(said)

    async def send_all():
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://service") as http:
            for body in bodies:
                await send(http, body)

    importlib.import_module("contract").add_score(app, answer)
    thread = threading.Thread(target=lambda: asyncio.run(send_all()))
    thread.start()
    thread.join()
    return found


def handed(found):
    """What `answer` got of a good order, without legacy_risk_score; the status where it got none."""
    if found[0] != 200 or not isinstance(found[2], dict):
        return f"status {found[0]}, nothing handed to answer"
    return {name: value for name, value in found[2].items() if name != "legacy_risk_score"}


(found,) = expect.beside(exchange, [ORDER])
expect.equal(
    handed(found),
    {**ORDER, "placed_at": "2025-05-05T21:10:00"},
    what="what add_score hands to answer of a good order, placed_at in UTC",
    why="it keeps the contract, so every field arrives as it came",
    look_at="the route that add_score adds to app, and how it calls answer",
)
expect.equal(
    found[3],
    {"order_id": 7, "probability": 1 / 3},
    what="the JSON of the answer to a good order, where answer returned order_id and probability",
    why="what answer returns is sent, and nothing is rounded",
    look_at="what the route returns",
)
### BEGIN HIDDEN TESTS
rng = expect.rng()


def drawn(**changes):
    counts = {name: int(rng.integers(0, 9)) for name in ("address_age_days", "orders_7d", "orders_30d")}
    counts |= {"customer_chargebacks": int(rng.integers(0, 2)), "corridor_ripe": int(rng.integers(5, 60))}
    counts |= {"corridor_frauds": int(rng.integers(0, 3)), "items": int(rng.integers(1, 6))}
    counts |= {"attempts": int(rng.integers(1, 5)), "order_id": int(rng.integers(1, 10**9))}
    numbers = {name: float(rng.uniform(1, 500)) for name in ("amount", "hours_since_last", "mean_amount_30d")}
    moment = f"2025-05-{rng.integers(10, 29)}T{rng.integers(10, 24)}:{rng.integers(10, 60)}:00"
    words = {"channel": "app", "device": "ios", "ship_country": "ES", "card_country": "PT"}
    words |= {"product_category": "books", "product_title": "A book of maps", "placed_at": moment}
    return {**words, **counts, **numbers, "device_known": bool(rng.integers(2)), **changes}


def without(order, *names):
    return {name: value for name, value in order.items() if name not in names}


YOUNG = ("hours_since_last", "mean_amount_30d", "device_known")
old = drawn(hours_since_last=None, mean_amount_30d=None, device_known=None)
past = {**without(old, *YOUNG)}
utc = drawn(placed_at="2025-05-13T20:00:00")
CASES = [  # what, the order as it is sent, the same order in full
    ("with all fields", drawn(), None),
    ("whose amount is null", drawn(amount=None), None),
    ("whose nullable fields are all null", {**old, "amount": None}, None),
    ("without hours_since_last", without({**old, "mean_amount_30d": 3.5}, "hours_since_last"), {**old, "mean_amount_30d": 3.5}),
    ("without the three fields that may be left out", past, old),
    ("of a client of 2024: legacy_risk_score is a number", {**past, "legacy_risk_score": 12}, old),
    ("of a client of 2024: legacy_risk_score is a text", {**past, "legacy_risk_score": "high"}, old),
    ("of a client of 2024: legacy_risk_score is null", {**past, "legacy_risk_score": None}, old),
    ("of a client of 2024: legacy_risk_score is an object", {**past, "legacy_risk_score": {"v": [1, None]}}, old),
    ("with countries that nobody has seen", drawn(ship_country="Atlantis", card_country="Lyonesse"), None),
    ("with a channel, a device and a category that nobody has seen", drawn(channel="fridge", device="watch", product_category="tides"), None),
    ("with empty, blank and foreign texts", drawn(product_title="", device=" ", product_category="\u672c"), None),
    ("with numbers written as text in its words", drawn(product_title="12", channel="3.5", device="true"), None),
    ("whose amount is a whole number", drawn(amount=20), None),
    ("whose numbers are 0", drawn(amount=0, hours_since_last=0, mean_amount_30d=0.0), None),
    ("at the lower ends", drawn(order_id=1, items=1, attempts=1, orders_7d=0, corridor_ripe=0), None),
    ("at the upper ends", drawn(order_id=10**9, amount=1_000_000, items=10**9, orders_30d=10**9), None),
    ("whose moment has a zone and a fraction", {**utc, "placed_at": "2025-05-14T01:30:00.250+05:30"}, {**utc, "placed_at": "2025-05-13T20:00:00.250000"}),
    ("whose moment has a Z", {**utc, "placed_at": "2025-05-13T20:00:00Z"}, utc),
    ("whose moment has a blank and no seconds", {**utc, "placed_at": "2025-05-13 20:00"}, utc),
    ("of the first year", {**utc, "placed_at": "2000-01-01T00:00:00"}, {**utc, "placed_at": "2000-01-01T00:00:00"}),
]  # fmt: skip
for (case, sent, full), found in zip(
    CASES, expect.beside(exchange, [sent for _, sent, _ in CASES]), strict=True
):
    got, wanted = handed(found), full or sent
    expect.equal(
        got,
        wanted,
        what=f"what add_score hands to answer of an order {case}, placed_at in UTC",
        why="it keeps the contract, so every field arrives as it came, and what was left out as None",
        look_at="the line of the table that this order needs",
    )


def at_the_same_time(orders):
    """Two orders and a look at /other, while `answer` still works on the first: who had to wait, and whose answers came."""
    import asyncio, importlib, sys, threading  # noqa: E401

    import httpx
    from fastapi import FastAPI

    importlib.invalidate_caches()
    sys.path.insert(0, "")
    sys.modules.pop("contract", None)
    app, inside, release, notes = FastAPI(), threading.Event(), threading.Event(), {}

    @app.get("/other")
    async def other():
        return {}

    def answer(order):
        if order["order_id"] == orders[0]["order_id"]:
            inside.set()
            notes["waited"] = not release.wait(4)
        return {"order_id": order["order_id"]}

    async def meet():
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://service") as http:
            first = asyncio.create_task(http.post("/score", json=orders[0]))
            while not inside.is_set() and not first.done():
                await asyncio.sleep(0.01)
            await http.get("/other")
            second = await http.post("/score", json=orders[1])
            release.set()
            notes["ids"] = [reply.json().get("order_id") for reply in (await first, second)]

    importlib.import_module("contract").add_score(app, answer)
    thread = threading.Thread(target=lambda: asyncio.run(meet()))
    thread.start()
    thread.join()
    return notes


pair = [drawn(), drawn()]
notes = expect.beside(at_the_same_time, pair)
expect.equal(
    notes.get("waited"),
    False,
    what="whether GET /other and a second order had to wait while answer worked on a first order",
    why="answer may take seconds, and nobody else may wait for it",
    look_at="a call of answer inside async def, which holds the whole loop up, and a lock around it",
)
expect.equal(
    notes.get("ids"),
    [order["order_id"] for order in pair],
    what="the order_id of the answers to two orders that were worked on at the same time",
    why="each client gets the answer to its own order",
    look_at="a place outside of the function that two requests share",
)
### END HIDDEN TESTS

# %% test="bad_orders" of="contract" points=4
from grader import expect

ORDER = {"order_id": 7, "placed_at": "2025-05-05T23:10:00+02:00", "channel": "web", "device": "android"}
ORDER |= {"ship_country": "PT", "card_country": "MX", "product_category": "games", "amount": 420.5}
ORDER |= {"product_title": "Wooden puzzle, 500 pieces", "items": 1, "attempts": 3, "address_age_days": 0}
ORDER |= {"orders_7d": 0, "orders_30d": 1, "customer_chargebacks": 0, "corridor_ripe": 12}
ORDER |= {"corridor_frauds": 2, "hours_since_last": None, "mean_amount_30d": 35.0, "device_known": False}


def exchange(bodies):
    """For each body: the status, the fields that detail names, and the order that `answer` got, if any."""
    import asyncio, importlib, json, sys, threading  # noqa: E401
    from datetime import datetime, timezone

    import httpx
    from fastapi import FastAPI

    importlib.invalidate_caches()
    sys.dont_write_bytecode = True
    sys.path.insert(0, "")
    sys.modules.pop("contract", None)
    app, got, found = FastAPI(), [], []

    def answer(order):
        moment = order["placed_at"]
        moment = datetime.fromisoformat(moment) if isinstance(moment, str) else moment
        zoned = moment.astimezone(timezone.utc) if moment.tzinfo else moment
        got.append({**order, "placed_at": zoned.replace(tzinfo=None).isoformat()})
        return {"order_id": order["order_id"], "probability": 1 / 3}

    async def send(http, body):
        text = body if isinstance(body, (str, bytes)) else json.dumps(body)
        reply = await http.post("/score", content=text, headers={"content-type": "application/json"})
        try:
            said = reply.json()
            fields = sorted(
                name for name, reason in said["detail"].items() if isinstance(reason, str) and reason.strip()
            )
        except (ValueError, KeyError, TypeError, AttributeError):
            fields = ["no detail of the form {field: reason}"] if reply.status_code == 422 else []
        found.append([reply.status_code, fields, got.pop() if got else None])
        if reply.status_code == 200:
            found[-1].append(said)

    async def send_all():
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://service") as http:
            for body in bodies:
                await send(http, body)

    importlib.import_module("contract").add_score(app, answer)
    thread = threading.Thread(target=lambda: asyncio.run(send_all()))
    thread.start()
    thread.join()
    return found


(found,) = expect.beside(exchange, [{**ORDER, "cupon": "SPRING", "amount": -1}])
expect.equal(
    found[:2],
    [422, ["amount", "cupon"]],
    what='status and fields of detail for an order with "amount": -1 and a field "cupon"',
    why="an amount is 0 or more, no field is called cupon, and the client learns both at once",
    look_at="what is allowed in the order, and what turns the framework's errors into {field: reason}",
)
### BEGIN HIDDEN TESTS
import json

rng = expect.rng()
whole = str(rng.choice(["orders_7d", "customer_chargebacks", "corridor_ripe"]))
word = str(rng.choice(["ship_country", "product_category", "channel"]))
positive = str(rng.choice(["items", "attempts"]))
CASES = [  # the field's kind, the field, what it is, the value
    ("amount", "amount", "a number as text", "12.5"),
    ("amount", "amount", "negative", -0.01),
    ("amount", "amount", "above its upper end", 1_000_001),
    ("amount", "amount", "true", True),
    ("amount", "amount", "a list", [3.5]),
    ("hours_since_last", "hours_since_last", "negative", -1),
    ("mean_amount_30d", "mean_amount_30d", "a number as text", "35"),
    ("a field that is 1 or more", positive, "0", 0),
    ("a field that is 1 or more", positive, "a number as text", "2"),
    ("a field that is 1 or more", positive, "true", True),
    ("a field that is 1 or more", positive, "2.5", 2.5),
    ("a field that is 1 or more", positive, "null", None),
    ("a count", whole, "negative", -1),
    ("a count", whole, "a number as text", "0"),
    ("a count", whole, "false", False),
    ("a count", whole, "of thirty digits", 10**30),
    ("a count", whole, "0.5", 0.5),
    ("a field that is 1 or more", positive, "above its upper end", 10**9 + 1),
    ("mean_amount_30d", "mean_amount_30d", "above its upper end", 1_000_000.5),
    ("order_id", "order_id", "a number as text", "12"),
    ("order_id", "order_id", "0", 0),
    ("device_known", "device_known", "1", 1),
    ("device_known", "device_known", "yes as text", "yes"),
    ("a word", word, "null", None),
    ("a word", word, "a number", 12),
    ("a word", word, "an object", {"name": "PT"}),
    ("placed_at", "placed_at", "seconds since 1970", 1746478800),
    ("placed_at", "placed_at", "seconds since 1970 as text", "1746478800"),
    ("placed_at", "placed_at", "the word yesterday", "yesterday"),
    ("placed_at", "placed_at", "the word now", "now"),
    ("placed_at", "placed_at", "empty", ""),
    ("placed_at", "placed_at", "30 February", "2025-02-30T10:00:00"),
    ("placed_at", "placed_at", "in another form than ISO 8601", "05/31/2025 17:05"),
    ("placed_at", "placed_at", "of the year 9999", "9999-12-31T23:59:00"),
    ("placed_at", "placed_at", "of the year 1970", "1970-01-01T00:00:00"),
    ("placed_at", "placed_at", "in the year 1999", "1999-12-31T23:59:59"),
    ("placed_at", "placed_at", "in the year 2100", "2100-01-01T00:00:00"),
    ("placed_at", "placed_at", "null", None),
    ("a field that the table does not have", "hour_since_last", "sent", 3.5),
    ("a field that the table does not have", "model_uri", "sent", "models:/fraud-api/1"),
]  # fmt: skip
found = expect.beside(exchange, [{**ORDER, field: value} for _, field, _, value in CASES])
for (kind, field, case, _), one in zip(CASES, found, strict=True):
    expect.true(
        one[0] != 200,
        got="status 200",
        expected="status 422",
        what=f"whether an order where {kind} is {case} is refused",
        why="it is not of its line in the table",
        look_at="the table, and whether something is converted or let through on its way",
    )
    expect.equal(
        one[:2],
        [422, [field]],
        what=f"status and fields of detail of the refusal where {kind} is {case}",
        why="it is 422, and it names this field and nothing else",
        look_at="an exception that no check expects (status 500), and what makes {field: reason} of the errors",
    )
NEEDED = [
    ("amount", "amount"),
    ("placed_at", "placed_at"),
    ("order_id", "order_id"),
    ("a field that is 1 or more", positive),
    ("a count", whole),
    ("a word", word),
]
found = expect.beside(
    exchange, [{name: ORDER[name] for name in ORDER if name != field} for _, field in NEEDED]
)
for (kind, field), one in zip(NEEDED, found, strict=True):
    expect.true(
        one[0] != 200,
        got="status 200",
        expected="status 422",
        what=f"whether an order where {kind} is left out is refused",
        why="only the last three lines of the table may be left out; amount may be null, but it has to be there",
        look_at="a default that a field should not have",
    )
    expect.equal(
        one[:2],
        [422, [field]],
        what=f"status and fields of detail of the refusal where {kind} is left out",
        why="only the last three lines of the table may be left out; amount may be null, but it has to be there",
        look_at="a default that a field should not have",
    )
many = {**ORDER, "amount": "much", "items": 0, "device_known": 0, "cupon": "SPRING"}
(found,) = expect.beside(exchange, [{name: many[name] for name in many if name != word}])
expect.equal(
    found[:2],
    [422, sorted(["amount", "items", "device_known", "cupon", word])],
    what="status and fields of detail of an order with five bad fields",
    why="the client learns all of them at once",
    look_at="a check that stops at the first problem",
)
text = json.dumps(ORDER)
BODIES = {
    "whose amount is NaN": text.replace("420.5", "NaN"),
    "whose amount is Infinity": text.replace("420.5", "Infinity"),
    "whose amount is 1e999": text.replace("420.5", "1e999"),
    "whose mean_amount_30d is NaN": text.replace("35.0", "NaN"),
    "whose title is half of a character, \\ud800": text.replace("Wooden", "\\ud800"),
    "that is cut off": text[:-9],
    "that is empty": "",
    "that is a list of orders": f"[{text}]",
    "that is a text": '"order"',
    "that is null": "null",
    "that is no UTF-8": b'{"amount": "\xff\xfe"}',
    "that is ten thousand brackets": "[" * 10_000,
}
found = expect.beside(exchange, [*BODIES.values(), ORDER])
for case, one in zip(BODIES, found[:-1], strict=True):
    expect.true(
        one[0] != 200,
        got="status 200",
        expected="a status from 400 to 499",
        what=f"whether a body {case} is refused",
        why="it is no order, so answer must not get it",
        look_at="what the parser lets through, and what a text may hold",
    )
    expect.true(
        400 <= one[0] <= 499,
        got=f"status {one[0]}",
        expected="a status from 400 to 499",
        what=f"the status of POST /score with a body {case}",
        why="it is the client's mistake, and 500 says that the service is broken",
        look_at="an exception that nobody catches, and whether the refusal itself can be written as JSON",
    )
expect.equal(
    found[-1][0],
    200,
    what="the status of POST /score with a good order after all the bad ones",
    why="a bad order leaves nothing behind",
    look_at="what a failed request leaves behind",
)
### END HIDDEN TESTS

# %% [markdown]
# ## Step 2: how long it takes
#
# Before customers are sent to a service, somebody writes down what it does under load. The tool comes first; step 3 builds what it measures. `load_test(url, orders, clients)` sends each order of the list once, by `POST {url}/score`, from `clients` clients at the same time.
# A client sends its next order when the last one was answered, and keeps its connection for all of them. An order that is refused or gets no answer (the connection breaks) is counted, and the test goes on. An answer may take up to 30 seconds.
#
# It logs **one** run to MLflow, which is finished when the function returns:
#
# | in the run | what |
# | --- | --- |
# | parameters `requests`, `clients` | number of orders sent, and of clients |
# | metric `errors` | orders without an answer, or with any other status than 200, 201 too |
# | metrics `p50_ms`, `p99_ms` | quantiles 0.5 and 0.99 (linear, as `np.quantile` gives them) of the milliseconds from sending an order to its answer, over the orders with status 200 alone. A refusal is quick and says nothing about the model |
# | artifact `requests.json` | a list with one object for each order, in the order of the list: `order_id`, `status` as it came (0 without an answer), `ms` (not rounded; without an answer, until the connection broke) |
#
# The time of an order begins when a client takes it up, not when the test begins. There is always one order at least that gets 200.


# %% answer="load_test"
def load_test(url, orders, clients):
    """Send each order once from `clients` clients at the same time, and log what came of it as a run.

    url: address of a service, without a slash at its end. orders: list of dicts. clients: int, 1 or more.
    """
    ### BEGIN SOLUTION
    local, opened = threading.local(), []

    def send(order):
        if not hasattr(local, "http"):
            local.http = httpx.Client(timeout=30, trust_env=False)
            opened.append(local.http)
        begin = time.perf_counter()
        try:
            status = local.http.post(f"{url}/score", json=order).status_code
        except httpx.HTTPError:
            status = 0
        return {"order_id": order["order_id"], "status": status, "ms": 1000 * (time.perf_counter() - begin)}

    with ThreadPoolExecutor(clients) as pool:
        requests = list(pool.map(send, orders))
    for http in opened:
        http.close()
    good = [request["ms"] for request in requests if request["status"] == 200]
    with mlflow.start_run(run_name="load test"):
        mlflow.log_params({"requests": len(requests), "clients": clients})
        mlflow.log_metric("errors", len(requests) - len(good))
        mlflow.log_metrics({"p50_ms": np.quantile(good, 0.5), "p99_ms": np.quantile(good, 0.99)})
        mlflow.log_dict(requests, "requests.json")
    ### END SOLUTION


# %% test="load_report" of="load_test" points=2
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
from grader import expect


def served(plans, clients):
    """What a server sees of load_test.

    plans: {order id: (seconds until the answer, status; 0 for no answer)}. The first answers wait until as many clients have asked.
    """
    seen = {"connections": 0, "most": 0, "now": 0, "ids": []}
    lock, all_there = threading.Lock(), threading.Event()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def setup(self):
            super().setup()
            with lock:
                seen["connections"] += 1

        def do_POST(self):
            order = json.loads(self.rfile.read(int(self.headers["content-length"])))["order_id"]
            with lock:
                seen["ids"].append(order)
                seen["now"] += 1
                seen["most"] = max(seen["most"], seen["now"])
                if seen["most"] >= clients:
                    all_there.set()
            all_there.wait(2)
            seconds, status = plans[order]
            time.sleep(seconds)
            with lock:
                seen["now"] -= 1
            if status:
                self.send_response_only(status)
                self.send_header("content-length", "2")
                self.end_headers()
                self.wfile.write(b"{}")
            else:
                self.close_connection = True

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.handle_error = lambda request, address: None  # a client that went away is no news
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        load_test(f"http://127.0.0.1:{server.server_address[1]}", [{"order_id": n} for n in plans], clients)
    finally:
        server.shutdown()
        server.server_close()
    return seen


def runs():
    """How many runs there are."""
    import mlflow

    return len(mlflow.search_runs(search_all_experiments=True, output_format="list"))


def requests_of(run):
    """[order_id, status] of each object in requests.json, and milliseconds by order id."""
    try:
        requests = json.loads(run.artifact("requests.json"))
        return [[one["order_id"], one["status"]] for one in requests], {
            one["order_id"]: float(one["ms"]) for one in requests
        }
    except (KeyError, TypeError, ValueError):
        return "another form", {}


shown = {11: (0.05, 200), 12: (0.05, 200), 13: (0.02, 200), 14: (0.0, 503), 15: (0.02, 200)}
seen = served(shown, 2)
expect.equal(
    [sorted(seen["ids"]), seen["most"]],
    [sorted(shown), 2],
    what="the orders that a server got of load_test with 5 orders and 2 clients, and how many it had at the same time at most",
    why="each order is sent once, and two clients ask at the same time",
    look_at="a loop that waits for each answer before it sends the next order",
)
run = expect.run(
    params={"requests": len(shown), "clients": 2},
    metrics={"errors": sum(status != 200 for _, status in shown.values())},
    what="the run of load_test with 5 orders and 2 clients, one order refused with 503",
    why="it says how much was asked, by how many, and how often in vain: another status than 200, or no answer",
    look_at="what is logged, and what one order without an answer does to the rest",
)
found, ms = requests_of(run)
expect.equal(
    found,
    [[number, status] for number, (_, status) in shown.items()],
    what="order_id and status in requests.json",
    why="there is one object for each order, in the order of the list, with status 0 where no answer came",
    look_at="the order in which answers come, and what is noted of an order without an answer",
)
good = [ms[number] for number, (_, status) in shown.items() if status == 200]
logged = [run.metrics.get("p50_ms", -1.0), run.metrics.get("p99_ms", -1.0)]
expect.true(
    bool(np.allclose(logged, np.quantile(good, [0.5, 0.99]), rtol=1e-6, atol=1e-6)),
    got="other numbers",
    expected="the two quantiles",
    what="p50_ms and p99_ms of the run, against requests.json",
    why="they are quantiles of the milliseconds of the orders that got 200; one order got 503 at once",
    look_at="the unit, which orders count, and the quantile",
)
### BEGIN HIDDEN TESTS
rng = expect.rng()
clients = int(rng.integers(4, 7))
ids = [int(number) for number in rng.permutation(np.arange(100, 140))[:30]]
plans = {number: (0.03 + 0.05 * float(rng.random()), 200) for number in ids[:22]}
plans |= {ids[22]: (0.0, 0), ids[23]: (0.0, 422), ids[24]: (0.0, 201)}
plans |= dict.fromkeys(ids[25:], (0.0, 200))
runs_before = expect.beside(runs)
seen = served(plans, clients)
expect.equal(
    expect.beside(runs) - runs_before,
    1,
    what="the number of runs that one call of load_test logs",
    why="a test under load is one run, with all its numbers in it",
    look_at="each place that starts a run, or logs after the run has ended",
)
expect.equal(
    [sorted(seen["ids"]), seen["most"]],
    [sorted(ids), clients],
    what="the orders that a server got of load_test, and how many it had at the same time at most",
    why="each order is sent once, also after one that got no answer, by as many clients at the same time as asked for",
    look_at="the number of clients, orders that are sent again, and orders that are left out after an error",
)
expect.true(
    seen["connections"] <= clients + 3,
    got="many more connections than clients",
    expected="a connection for each client, and one more after an order without an answer",
    what="the connections that load_test opened for 30 orders",
    why="a client keeps its connection; a new one for each order measures the handshake, too",
    look_at="a client that is made for each order",
)
run = expect.run(
    params={"requests": len(plans), "clients": clients},
    metrics={"errors": sum(status != 200 for _, status in plans.values())},
    what="the run of load_test with 30 orders, of which one gets 422, one 201 and one no answer",
    why="it says how much was asked, by how many, and how often in vain: another status than 200, or no answer",
    look_at="what is logged, and what one order without an answer does to the rest",
)
found, ms = requests_of(run)
expect.equal(
    found,
    [[number, status] for number, (_, status) in plans.items()],
    what="order_id and status in requests.json",
    why="there is one object for each order, in the order of the list, with status 0 where no answer came",
    look_at="the order in which answers come, and what is noted of an order without an answer",
)
good = [ms[number] for number, (_, status) in plans.items() if status == 200]
logged = [run.metrics.get("p50_ms", -1.0), run.metrics.get("p99_ms", -1.0)]
expect.true(
    bool(np.allclose(logged, np.quantile(good, [0.5, 0.99]), rtol=1e-6, atol=1e-6)),
    got="other numbers",
    expected="the two quantiles",
    what="p50_ms and p99_ms of the run, against requests.json",
    why="they are quantiles of the milliseconds of the orders that got 200",
    look_at="the unit, which orders count, and the quantile",
)
expect.true(
    all(ms[number] >= 1000 * seconds for number, (seconds, status) in plans.items() if status == 200),
    got="less than the server took",
    expected="at least what the server took",
    what="ms of orders whose server waits before it answers",
    why="the time runs from sending an order to its answer, in milliseconds",
    look_at="the unit, and where the clock is read",
)
expect.true(
    any(value % 1 > 1e-6 for value in ms.values()),
    got="whole numbers",
    expected="milliseconds with their fractions",
    what="ms in requests.json",
    why="they are not rounded, since the service's own part may be a few milliseconds",
    look_at="what is done with the time before it is noted",
)
# The last five are answered at once: some ms. From the start of the test they take 22 * 55 ms / 6 clients = 200 ms at least.
expect.true(
    min(ms[number] for number in ids[25:]) < 100,
    got="what all orders before it took, too",
    expected="a few milliseconds",
    what="ms of the last orders, which are answered at once",
    why="the time of an order begins when a client takes it up; a queue in the test is not the service's",
    look_at="where the clock is read first",
)
### END HIDDEN TESTS

# %% [markdown]
# ## Step 3: the service
#
# The model is the pipeline of `leakproof-pipeline`. Here it is fitted twice, on some of the orders of March and on some of March and April, and registered as two versions
# of `fraud-api`. A version carries its two **thresholds** as tags: from which probability on an order is reviewed, and from which it is declined. The alias `champion` names the
# version that answers, and that is not the newest one.

# %%
logging.getLogger("mlflow").setLevel(logging.ERROR)
parts = grader.start_from("leakproof-pipeline")
rows = grader.start_from("point-in-time")
for name in ("clock.py", "pipeline.py"):
    shutil.copyfile(parts.path(name), name)
sys.path.insert(0, "")
from pipeline import fraud_pipeline

orders = pd.read_parquet(rows.path("training.parquet"))
orders["corridor"] = orders["card_country"] + ">" + orders["ship_country"]
orders = orders[orders["is_fraud"] | (orders["order_id"] % 60 == 0)]

# %% [markdown]
# Both versions, and the alias.

# %%
client, versions = mlflow.MlflowClient(), []
for until, review_from, decline_from in [("2025-04-01", "0.15", "0.6"), ("2025-05-05", "0.2", "0.7")]:
    known = orders[orders["placed_at"] < until]
    with mlflow.start_run(run_name=f"until {until}"):
        logged = mlflow.sklearn.log_model(
            fraud_pipeline().fit(known.drop(columns="is_fraud"), known["is_fraud"]),
            name="model",
            registered_model_name="fraud-api",
            pip_requirements=["scikit-learn", "pandas"],
            code_paths=["clock.py", "pipeline.py"],
            serialization_format="cloudpickle",
        )
    versions.append(logged.registered_model_version)
    client.set_model_version_tag("fraud-api", versions[-1], "review_from", review_from)
    client.set_model_version_tag("fraud-api", versions[-1], "decline_from", decline_from)
client.set_registered_model_alias("fraud-api", "champion", versions[0])
print("versions", versions, "champion", versions[0])

# %% [markdown]
# `service.py` runs in a process of its own, with the tracking store in `MLFLOW_TRACKING_URI` and its port in `PORT`, and takes `add_score` from `contract.py`. It serves the version of `fraud-api` that
# the alias `champion` names, loaded by `mlflow.sklearn.load_model`.
#
# | request | answer |
# | --- | --- |
# | `GET /health` | 200 as soon as the process listens, whatever the model does. It says that the process need not be restarted |
# | `GET /ready` | 503 as long as no version is loaded, then 200 with `model_version`. It says that requests may be sent here |
# | `POST /score` | for a good order 503 as long as no version is loaded, then 200 with `order_id`, `probability`, `decision`, `model_version` |
# | `POST /reload` | loads the version that the alias names now. 200 with `model_version` when that one answers; 503 with `model_version` (of the version that goes on answering; null if there is none) and `error`, a text, if it could not be loaded |
#
# - `probability` is what the model's own `predict_proba` says for this order, not rounded. The model wants a DataFrame with the columns `COLUMNS`; `corridor` is `card_country + ">" + ship_country`; a null is `None` or `NaN`;
#   `placed_at` is a text, as it came, or a moment. `decision` is `"decline"` if the probability is `decline_from` or more, else `"review"` if it is `review_from` or more, else
#   `"approve"`, by the thresholds of the version that answers. `model_version` is its number. Further fields do no harm.
# - The service listens **before** it loads: a large model takes minutes. The first load begins by itself. If it fails, the process lives on, and `POST /reload` tries again.
# - A version is loaded once, not for each request. Then the service needs neither the store nor the model's files, until the next reload. A request takes about what the model takes: under four clients p99 stays below 60 times
#   the median of the bare `predict_proba`, in a check where a load takes 120 times that median on purpose. No client chooses what is loaded; the alias alone does.
# - While a version is being loaded, and while six orders are being scored (some take seconds), everything else is answered as before. No client sends a reload while a load is under way.
# - Each answer is of **one** version: probability, thresholds and number belong together, also in a request that began before the change. The old version answers until the new one can.
# - A version whose files do not load, or that lacks one of its thresholds, cannot be loaded. After that nothing has changed.
#
# `serving` is for trying:
#
# ```python
# with serving() as url:
#     print(httpx.get(f"{url}/health").status_code, httpx.post(f"{url}/score", json=EXAMPLE).json())
# ```


# %%
@contextlib.contextmanager
def serving(file="service.py"):
    """The address of a service that runs in a process of its own until the end of the with block."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    service = subprocess.Popen([sys.executable, file], env={**os.environ, "PORT": str(port)})
    try:
        with httpx.Client(trust_env=False) as http:
            while service.poll() is None:
                with contextlib.suppress(httpx.TransportError):
                    if http.get(f"{url}/ready").status_code != 503:
                        break
                time.sleep(0.1)
        yield url
    finally:
        service.kill()
        service.wait()


# %% [markdown]
# Your service:


# %% answer="service" file="service.py"
"""The fraud model of Tidewater behind HTTP: POST /score, POST /reload, GET /ready, GET /health."""

import os

import uvicorn

MODEL, ALIAS = "fraud-api", "champion"
NUMBERS = ["amount", "items", "attempts", "address_age_days", "device_known", "orders_7d", "orders_30d"]
NUMBERS += ["hours_since_last", "mean_amount_30d", "customer_chargebacks", "corridor_ripe", "corridor_frauds"]
WORDS = ["channel", "device", "ship_country", "card_country", "product_category", "product_title"]
COLUMNS = [*NUMBERS, *WORDS, "corridor", "placed_at"]

### BEGIN SOLUTION
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


### END SOLUTION

if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(os.environ["PORT"]), log_level="warning")


# %% test="readiness" of="service" points=3
import httpx
from grader import expect

ORDER = {"order_id": 7, "placed_at": "2025-05-05T23:10:00+02:00", "channel": "web", "device": "android"}
ORDER |= {"ship_country": "PT", "card_country": "MX", "product_category": "games", "amount": 420.5}
ORDER |= {"product_title": "Wooden puzzle, 500 pieces", "items": 1, "attempts": 3, "address_age_days": 0}
ORDER |= {"orders_7d": 0, "orders_30d": 1, "customer_chargebacks": 0, "corridor_ripe": 12}
ORDER |= {"corridor_frauds": 2, "hours_since_last": None, "mean_amount_30d": 35.0, "device_known": False}


def store_without_champion():
    """(address of a copy of the store in which no alias is set, the newest version of fraud-api)."""
    import atexit
    import os
    import shutil
    import tempfile
    from pathlib import Path

    import mlflow

    from grader.store import database_of, sqlite_uri

    folder = Path(tempfile.mkdtemp(prefix="check-", dir=".")).resolve()
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    shutil.copyfile(database_of(os.environ["MLFLOW_TRACKING_URI"]), folder / "mlflow.db")
    client = mlflow.MlflowClient(sqlite_uri(folder / "mlflow.db"))
    client.delete_registered_model_alias("fraud-api", "champion")
    numbers = [int(version.version) for version in client.search_model_versions("name = 'fraud-api'")]
    return sqlite_uri(folder / "mlflow.db"), max(numbers)


def set_champion(store, number):
    import mlflow

    mlflow.MlflowClient(store).set_registered_model_alias("fraud-api", "champion", number)


def newest_says(number, orders):
    """What this version says of these orders."""
    import mlflow.sklearn
    import pandas as pd

    rows = pd.DataFrame(orders)
    rows["corridor"] = rows["card_country"] + ">" + rows["ship_country"]
    model = mlflow.sklearn.load_model(f"models:/fraud-api/{number}")
    return model.predict_proba(rows)[:, 1]


def status(method, path, **body):
    """Status of the answer; 0 if none comes."""
    try:
        return http.request(method, path, **body).status_code
    except httpx.HTTPError:
        return 0


store, newest = expect.beside(store_without_champion)
with expect.process(
    "service.py", port=True, env={"MLFLOW_TRACKING_URI": store}, limit_seconds=110
) as service:
    service.wait_for_port(90)
    http = httpx.Client(base_url=service.url, timeout=30, trust_env=False, verify=False)
    expect.equal(
        [status("GET", "/health"), status("GET", "/ready"), status("POST", "/score", json=ORDER)],
        [200, 503, 503],
        what="the statuses of GET /health, GET /ready and POST /score in a store where no version is the champion",
        why="the process is alive and need not be restarted; it has no model, so no request may be sent to it",
        look_at="what health and ready ask, and what score does without a model",
    )
    ### BEGIN HIDDEN TESTS
    failed = http.post("/reload")
    expect.equal(
        failed.status_code,
        503,
        what="the status of POST /reload where no version is the champion",
        why="nothing was loaded, and a machine that deploys reads the status, not the text",
        look_at="an exception that nobody catches, and a 200 with an error inside",
    )
    said = failed.json()
    expect.true(
        "model_version" in said
        and said["model_version"] is None
        and type(said.get("error")) is str
        and said["error"].strip() != "",
        got="an answer of another form",
        expected="model_version null, and error, a text",
        what="the answer of POST /reload where no version is the champion",
        why="it says which version goes on answering, none here, and what went wrong",
        look_at="what reload returns when the load fails",
    )
    expect.equal(
        [status("GET", "/health"), status("GET", "/ready"), status("POST", "/score", json=ORDER)],
        [200, 503, 503],
        what="the statuses of GET /health, GET /ready and POST /score after a reload that failed, still without a version",
        why="the process lives on, and there is still no model",
        look_at="what a failed load leaves behind",
    )
    expect.beside(set_champion, store, newest)
    done = http.post("/reload")
    expect.equal(
        [done.status_code, str(done.json().get("model_version"))],
        [200, str(newest)],
        what="status and model_version of POST /reload after the newest version became the champion",
        why="a reload tries again, whatever went wrong before",
        look_at="where the first load fails, and what POST /reload then does",
    )
    ready = http.get("/ready")
    expect.equal(
        [ready.status_code, str(ready.json().get("model_version"))],
        [200, str(newest)],
        what="status and model_version of GET /ready after that",
        why="now there is a version that answers",
        look_at="what ready looks at",
    )
    rng = expect.rng()

    def drawn(**changes):
        numbers = {name: float(rng.uniform(1, 500)) for name in ("amount", "hours_since_last")}
        counts = {name: int(rng.integers(1, 9)) for name in ("items", "attempts", "orders_30d", "order_id")}
        return {**ORDER, **numbers, **counts, "device_known": bool(rng.integers(2)), **changes}

    CASES = [
        ("with all fields", drawn()),
        ("whose amount is null", drawn(amount=None)),
        ("whose nullable fields are all null", drawn(amount=None, hours_since_last=None, mean_amount_30d=None, device_known=None)),
        ("with countries, a channel and a category that nobody has seen", drawn(ship_country="Atlantis", card_country="Lyonesse", channel="fridge", product_category="tides")),
        ("between two countries whose corridor is frequent", drawn(ship_country="ES", card_country="PT")),
        ("whose moment has a zone of another day", drawn(placed_at="2025-05-05T01:30:00+09:00")),
        ("whose moment has a fraction of a second and no zone", drawn(placed_at="2025-05-04T16:30:00.250")),
    ]  # fmt: skip
    expected = expect.beside(newest_says, newest, [order for _, order in CASES])
    for (case, order), probability in zip(CASES, expected, strict=True):
        reply = http.post("/score", json=order)
        expect.equal(
            reply.status_code,
            200,
            what=f"the status of POST /score with an order {case}",
            why="it keeps the contract, and the model takes it",
            look_at="what of the order reaches the model, and how",
        )
        found = reply.json()
        expect.close(
            found.get("probability"),
            float(probability),
            what=f"probability of an order {case}",
            why="it is what the model's own predict_proba says, not rounded",
            look_at="the column of predict_proba, corridor and the order of its countries, nulls, the moment",
        )
        expect.equal(
            [found.get("order_id"), str(found.get("model_version"))],
            [order["order_id"], str(newest)],
            what=f"order_id and model_version of an order {case}",
            why="the answer is of this order, and says which version gave it",
            look_at="whose id you answer, and where the number comes from",
        )
    ### END HIDDEN TESTS

# %% test="hot_change" of="service" points=4
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import numpy as np
from grader import expect

ORDER = {"order_id": 7, "placed_at": "2025-05-05T23:10:00+02:00", "channel": "web", "device": "android"}
ORDER |= {"ship_country": "PT", "card_country": "MX", "product_category": "games", "amount": 420.5}
ORDER |= {"product_title": "Wooden puzzle, 500 pieces", "items": 1, "attempts": 3, "address_age_days": 0}
ORDER |= {"orders_7d": 0, "orders_30d": 1, "customer_chargebacks": 0, "corridor_ripe": 12}
ORDER |= {"corridor_frauds": 2, "hours_since_last": None, "mean_amount_30d": 35.0, "device_known": False}


def store_of_small_models(plans, order):
    """A copy of the store with a version of fraud-api for each plan; the first one is the champion.

    plans: {name: {"shift": float, "waits": bool, "seconds": of predict_proba, "loads": times as long, "tags": dict, "files": "good" or "broken"}}.
    A version says (amount + shift) % 64 / 64 where corridor is right. One that waits loads when the file go-NAME is there.
    The title "hold" is scored when the file release is there.
    Returns the store's address, the folder's name, {name: number}, and the median seconds of predict_proba by name.
    """
    import atexit
    import os
    import shutil
    import tempfile
    import time
    from pathlib import Path

    import cloudpickle
    import mlflow
    import pandas as pd
    import yaml

    from grader.store import database_of, sqlite_uri

    folder = Path(tempfile.mkdtemp(prefix="check-", dir=".")).resolve()
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    shutil.copyfile(database_of(os.environ["MLFLOW_TRACKING_URI"]), folder / "mlflow.db")
    client = mlflow.MlflowClient(sqlite_uri(folder / "mlflow.db"))
    row = pd.DataFrame([{**order, "corridor": f"{order['card_country']}>{order['ship_country']}"}])
    given = client.get_model_version_by_alias("fraud-api", "champion").version
    real = Path(mlflow.artifacts.download_artifacts(f"models:/fraud-api/{given}"))

    class Small:
        def __init__(self, name, shift, waits, seconds):
            self.name, self.shift, self.waits, self.folder = name, shift, waits, str(folder)
            self.seconds = seconds

        def wait(self, begun, until):
            import time
            from pathlib import Path

            (Path(self.folder) / begun).touch()
            ends = time.monotonic() + 12
            while not (Path(self.folder) / until).exists():
                if time.monotonic() > ends:
                    (Path(self.folder) / f"{begun}-in-vain").touch()
                    raise TimeoutError(f"waited 12 s for {until}")
                time.sleep(0.02)

        def __setstate__(self, state):
            import time

            self.__dict__.update(state)
            if self.waits:
                self.wait(f"loading-{self.name}", f"go-{self.name}")
            time.sleep(self.seconds[0])

        def predict_proba(self, rows):
            import time

            import numpy

            time.sleep(self.seconds[1])
            if "hold" in list(rows["product_title"]):
                self.wait(f"held-{float(rows['amount'].iloc[0]):.0f}", "release")
            corridor = rows["card_country"].astype(str) + ">" + rows["ship_country"].astype(str)
            wrong = (rows["corridor"].astype(str) != corridor).to_numpy()
            chance = (rows["amount"].astype(float).to_numpy() + self.shift + 3 * wrong) % 64 / 64
            return numpy.column_stack([1 - chance, chance])

    numbers, bare = {}, {}
    for name, plan in plans.items():
        small, times = Small(name, plan["shift"], plan["waits"], (0, plan["seconds"])), []
        for _ in range(15):
            begin = time.perf_counter()
            small.predict_proba(row)
            times.append(time.perf_counter() - begin)
        bare[name] = sorted(times)[7]
        small.seconds = (plan["loads"] * bare[name], plan["seconds"])
        shutil.copytree(real, folder / name)
        conf = yaml.safe_load((folder / name / "MLmodel").read_text())
        path = folder / name / conf["flavors"]["sklearn"]["pickled_model"]
        path.write_bytes(cloudpickle.dumps(small))
        if plan["files"] == "broken":
            path.write_bytes(b"half a file")
        version = client.create_model_version("fraud-api", (folder / name).as_uri(), tags=plan["tags"])
        numbers[name] = int(version.version)
    client.set_registered_model_alias("fraud-api", "champion", numbers[next(iter(plans))])
    return sqlite_uri(folder / "mlflow.db"), folder.name, numbers, bare


rng = expect.rng()
review, decline = int(rng.integers(8, 20)), int(rng.integers(40, 56))
shift = int(rng.integers(20, 44))
one, two = (
    {"review_from": str(review / 64), "decline_from": str(decline / 64)},
    {"review_from": str((review + 9) / 64), "decline_from": str((decline - 7) / 64)},
)
plans = {
    "first": {"shift": 0, "waits": True, "seconds": 0.0, "loads": 0, "tags": one, "files": "good"},
    "second": {"shift": shift, "waits": True, "seconds": 0.005, "loads": 120, "tags": two, "files": "good"},
    "bare": {
        "shift": 7,
        "waits": False,
        "seconds": 0.0,
        "loads": 0,
        "tags": {"review_from": "0.5"},
        "files": "good",
    },
    "broken": {"shift": 9, "waits": False, "seconds": 0.0, "loads": 0, "tags": one, "files": "broken"},
}
store, folder, numbers, bare = expect.beside(store_of_small_models, plans, ORDER)
PARTS = ["status", "order_id", "probability", "decision", "model_version"]


def answer_of(name, order):
    """What the version `name` answers to this order."""
    chance = (order["amount"] + plans[name]["shift"]) % 64 / 64
    tags = {key: float(value) for key, value in plans[name]["tags"].items()}
    decision = (
        "decline"
        if chance >= tags["decline_from"]
        else "review"
        if chance >= tags["review_from"]
        else "approve"
    )
    return [200, order["order_id"], chance, decision, str(numbers[name])]


def ask(order):
    """Status, order_id, probability, decision and version of POST /score; [0] if nothing came within 10 s."""
    try:
        reply = http.post("/score", json=order)
    except httpx.HTTPError:
        return [0]
    if reply.status_code != 200:
        return [reply.status_code]
    answer = reply.json()
    return [
        200,
        *(answer.get(key) for key in ("order_id", "probability", "decision")),
        str(answer.get("model_version")),
    ]


def same(found, wanted, what, **words):
    """Check an answer part by part."""
    for part, got, expected in zip(PARTS, found, wanted, strict=False):
        expect.equal(got, expected, what=f"{part} of {what}", **words)


def status(path, method="GET"):
    try:
        return http.request(method, path).status_code
    except httpx.HTTPError:
        return 0


def there(name, seconds=30):
    """Whether the file `name` comes into the folder of the small models."""
    ends = time.monotonic() + seconds
    while f"{folder}/{name}" not in service.files():
        if time.monotonic() > ends:
            return False
        time.sleep(0.05)
    return True


with expect.process(
    "service.py", port=True, env={"MLFLOW_TRACKING_URI": store}, limit_seconds=110
) as service:
    service.wait_for_port(60)
    http = httpx.Client(base_url=service.url, timeout=10, trust_env=False, verify=False)
    began = there("loading-first")
    expect.equal(
        [began, status("/health"), status("/ready"), there("loading-first-in-vain", 0)],
        [True, 200, 503, False],
        what="whether the first load begins by itself, the statuses of GET /health and GET /ready while it lasts, and whether it "
        "was over before they came",
        why="the process lives, listens and loads, and has nothing to answer with yet",
        look_at="where the first load is started, and whether it holds the server up",
    )
    ### BEGIN HIDDEN TESTS
    import json

    def move_champion(store, number):
        import mlflow

        mlflow.MlflowClient(store).set_registered_model_alias("fraud-api", "champion", number)

    def remove_files(folder, name):
        import shutil

        shutil.rmtree(f"{folder}/{name}")

    pool, slow = ThreadPoolExecutor(4), ThreadPoolExecutor(6)
    expect.equal(
        ask(ORDER),
        [503],
        what="the status of POST /score during the first load",
        why="no version is loaded yet",
        look_at="what score does without a model",
    )
    service.write(f"{folder}/go-first", b"")
    ends = time.monotonic() + 30
    while status("/ready") == 503 and time.monotonic() < ends:
        time.sleep(0.05)
    edges = [review, review - 1, decline, decline - 1]
    edges += [(edge - shift) % 64 for edge in (review + 9, review + 8, decline - 7, decline - 8)]
    orders = [{**ORDER, "order_id": 100 + n, "amount": edge} for n, edge in enumerate(edges)]
    held = [{**ORDER, "order_id": 300 + n, "amount": decline + n, "product_title": "hold"} for n in range(6)]

    def ask_all():
        """The answers to all orders, from four clients at a time."""
        return list(pool.map(ask, orders))

    for order, answer in zip(orders, ask_all(), strict=True):
        same(
            answer,
            answer_of("first", order),
            what="orders on and beside the thresholds of their version",
            why="the first load is done, and a threshold itself is reached",
            look_at="the row that the model gets, corridor in it; thresholds or a version that are typed in; > in place of >=",
        )

    waiting = [slow.submit(ask, order) for order in held]
    expect.true(
        all(there(f"held-{order['amount']}", 6) for order in held),
        got="a model that was not asked for each of them",
        expected="six orders that are being scored at the same time",
        what="predict_proba of the version while six orders are posted that take long",
        why="each order is scored by the model, and none waits for another",
        look_at="a lock or a small pool around the scoring, slow work inside async def, answers that are kept",
    )
    expect.equal(
        [status("/health"), *(ask(order) for order in orders[:2])],
        [200, *(answer_of("first", order) for order in orders[:2])],
        what="GET /health and two orders while six orders are being scored for seconds",
        why="whoever asks whether the process lives must not wait for somebody's order, nor does the next customer",
        look_at="slow work inside async def, a lock around the scoring, and one worker for all requests",
    )
    expect.beside(move_champion, store, numbers["second"])
    for order in orders[:3]:
        same(
            ask(order),
            answer_of("first", order),
            what="the answer after the alias moved and before POST /reload",
            why="the version that answers changes on POST /reload; its probability and its number belong together",
            look_at="an alias or a model that is looked up for each request",
        )
    reloading = ThreadPoolExecutor(1).submit(http.post, "/reload", timeout=60)
    began = there("loading-second")
    expect.equal(
        [began, status("/health"), status("/ready"), reloading.done()],
        [True, 200, 200, False],
        what="whether POST /reload loads the version of the alias, the statuses of GET /health and GET /ready while it loads, "
        "and whether the reload was answered before it was done",
        why="the old version goes on, so the service stays ready, and the reload is answered when the new one does",
        look_at="an async def that loads, a model that is dropped before the next one is there, a load that nobody waits for",
    )
    for order, answer in zip(orders, ask_all(), strict=True):
        same(
            answer,
            answer_of("first", order),
            what="an answer, of four clients at a time, while the next version is being loaded",
            why="the old version answers until the new one can, with its own number, probability and thresholds",
            look_at="what is assigned before the load is done",
        )
    service.write(f"{folder}/go-second", b"")
    reply = reloading.result()
    expect.equal(
        [reply.status_code, str(reply.json().get("model_version"))],
        [200, str(numbers["second"])],
        what="status and model_version of POST /reload when the load is done",
        why="now the new version answers",
        look_at="what reload returns",
    )
    for order, answer in zip(orders, ask_all(), strict=True):
        same(
            answer,
            answer_of("second", order),
            what="an answer after the reload",
            why="probability, thresholds and number are those of the new version, from the first answer on",
            look_at="what of the old version is kept",
        )
    service.write(f"{folder}/release", b"")
    for order, answer in zip(held, waiting, strict=True):
        same(
            answer.result(),
            answer_of("first", order),
            what="the answer to an order that was being scored by the old version while the new one came",
            why="probability, thresholds and number of one answer are of one version, and the order_id is its own",
            look_at="variables that score reads a second time after predict_proba, and a place that requests share",
        )

    def seconds_of(order):
        begin = time.perf_counter()
        ask(order)
        return time.perf_counter() - begin

    # A load takes 120 times the bare predict_proba, on any machine. A slow moment of the machine passes: the best of three counts.
    ratio = np.inf
    for _ in range(3):
        with ThreadPoolExecutor(4) as four:
            times = list(four.map(seconds_of, (orders * 8)[:60]))
        ratio = min(ratio, np.quantile(times, 0.99) / bare["second"])
        if ratio < 60 or np.median(times) > 60 * bare["second"]:
            break
    expect.true(
        bool(ratio < 60),
        got="60 times as long or longer",
        expected="below 60 times",
        what="p99 of 60 orders from four clients, against the median of the bare predict_proba in the same run",
        why="a version is loaded once; a load for each order takes longer by far",
        look_at="what a request does beside predict_proba: a load, a query of the store, a wait for its turn",
    )
    for name, case in (("bare", "lacks a threshold"), ("broken", "has files that do not load")):
        expect.beside(move_champion, store, numbers[name])
        reply = http.post("/reload", timeout=60)
        said = reply.json() if reply.status_code == 503 else {}
        expect.equal(
            [reply.status_code, str(said.get("model_version")), type(said.get("error")) is str],
            [503, str(numbers["second"]), True],
            what=f"POST /reload where the version of the alias {case}: status, model_version, whether error is a text",
            why="it could not be loaded, and the answer says which version goes on",
            look_at="a 200 with an error inside, and an exception that nobody catches",
        )
        expect.equal(
            [status("/ready"), *(ask(order) for order in orders[:3])],
            [200, *(answer_of("second", order) for order in orders[:3])],
            what=f"GET /ready and three orders after a reload to a version that {case}",
            why="nothing has changed: model, thresholds and number are those from before",
            look_at="parts that are assigned one by one while the load can still fail",
        )
    expect.beside(remove_files, folder, "second")
    for order, answer in zip(orders, ask_all(), strict=True):
        same(
            answer,
            answer_of("second", order),
            what="an answer after the files of the version that answers were removed",
            why="it was loaded once; a request needs neither store nor files",
            look_at="a model that is loaded for each request",
        )
    expect.beside(move_champion, store, numbers["first"])
    wish = {"model_uri": f"models:/fraud-api/{numbers['bare']}", "version": str(numbers["bare"])}
    wish |= {"name": "fraud-api", "alias": "other", "model_version": str(numbers["bare"])}
    reply = http.post("/reload", params=wish, json=wish, timeout=60)
    expect.true(
        400 <= reply.status_code < 500
        or (reply.status_code == 200 and str(reply.json().get("model_version")) == str(numbers["first"])),
        got=f"status {reply.status_code}, another version or none",
        expected="the version of the alias, or a refusal",
        what="POST /reload with a version and a model_uri in query and body, after the alias moved",
        why="whoever can name a file to load can run code in the service; the alias alone says what is loaded",
        look_at="parameters of reload",
    )
    ### END HIDDEN TESTS

# %% [markdown]
# Measure your own service, in a cell of your own, and read the run in `mle ui`:
#
# ```python
# with serving() as url:
#     load_test(url, [{**EXAMPLE, "order_id": number} for number in range(1, 201)], clients=4)
# ```
#
# The two files go into a run, from which `instrument` goes on.

# %%
with mlflow.start_run(run_name="service"):
    mlflow.log_param("model", "models:/fraud-api@champion")
    mlflow.log_artifact("contract.py")
    mlflow.log_artifact("service.py")


# %% wrong="null_is_an_error" of="contract" caught_by="good_orders" edits="reference"
# Compares the amount without asking whether there is one: a null is status 500.
# -     amount: Number | None
# +     amount: float | None
#
# -         return answer(order.model_dump())
# +         if order.amount < 0 or order.amount > 10**6:
# +             return JSONResponse({"detail": {"amount": "0 to 1,000,000 is needed"}}, status_code=422)
# +         return answer(order.model_dump())


# %% wrong="unknown_is_ignored" of="contract" caught_by="bad_orders" edits="reference"
# Lets fields through that nobody knows: an optional field that is spelt wrongly is missing, and nobody is told.
# -     model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)
# +     model_config = ConfigDict(extra="ignore", strict=True, allow_inf_nan=False)


# %% wrong="old_field_refused" of="contract" caught_by="good_orders" edits="reference"
# Refuses the field that no model uses any more: the clients of 2024 still send it.
# -     legacy_risk_score: Any = None


# %% wrong="new_field_demanded" of="contract" caught_by="good_orders" edits="reference"
# Demands a field that came later: clients that were written before it are refused.
# -     device_known: bool | None = None
# +     device_known: bool | None


# %% wrong="converted" of="contract" caught_by="bad_orders" edits="reference"
# Converts what looks like a number: a text counts as a number until it has a comma, and true counts as 1.
# -     model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)
# +     model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


# %% wrong="true_is_one" of="contract" caught_by="bad_orders" edits="reference"
# Asks isinstance(value, int), which True is, too.
# - Positive = Annotated[int, Field(ge=1, le=10**9)]
# +
# + def check_whole(value):
# +     if not isinstance(value, int) or not 1 <= value <= 10**9:
# +         raise ValueError("a whole number, 1 to 10^9, is needed")
# +     return value
# +
# +
# + Positive = Annotated[Any, AfterValidator(check_whole)]


# %% wrong="amount_may_be_missing" of="contract" caught_by="bad_orders" edits="reference"
# Takes "may be null" for "may be left out": a client that lost the field is served for weeks as if the amount were unknown.
# -     amount: Number | None
# +     amount: Number | None = None


# %% wrong="nan_gets_in" of="contract" caught_by="bad_orders" edits="reference"
# Refuses what is below or above the bounds: NaN is neither.
# - Number = Annotated[float, Field(ge=0, le=10**6)]
# +
# + def check_number(value):
# +     if value < 0 or value > 10**6:
# +         raise ValueError("0 to 10^6 is needed")
# +     return value
# +
# +
# + Number = Annotated[float, Field(allow_inf_nan=True), AfterValidator(check_number)]


# %% wrong="refusal_repeats_the_body" of="contract" caught_by="bad_orders" edits="reference"
# Sends back what came in: where that was NaN, the refusal cannot be written as JSON, and the status is 500.
# -     return JSONResponse({"detail": problems}, status_code=422)
# +     return JSONResponse({"detail": problems, "got": error.body}, status_code=422)


# %% wrong="countries_of_today" of="contract" caught_by="good_orders" edits="reference"
# Takes only codes of two letters for a country: the first order with another word is refused.
# -     ship_country: Text
# -     card_country: Text
# +     ship_country: Annotated[Text, Field(pattern="^[A-Z]{2}$")]
# +     card_country: Annotated[Text, Field(pattern="^[A-Z]{2}$")]


# %% wrong="half_a_character" of="contract" caught_by="bad_orders" edits="reference"
# Takes every str for text: half of a character gets in and breaks whatever writes it later.
# -     text.encode()
# -     return text
# +     return text


# %% wrong="seconds_are_a_moment" of="contract" caught_by="bad_orders" edits="reference"
# Lets the library guess the moment: a number counts as seconds since 1970.
# - def check_moment(text):
# -     """`text` if it is a moment of the years 2000 to 2099; ValueError else."""
# -     if not 2000 <= datetime.fromisoformat(text).year <= 2099:
# -         raise ValueError("a year from 2000 to 2099 is needed")
# -     return text
# + def check_moment(moment):
# +     if not 2000 <= moment.year <= 2099:
# +         raise ValueError("a year from 2000 to 2099 is needed")
# +     return moment
#
# -     placed_at: Annotated[str, AfterValidator(check_moment)]
# +     placed_at: Annotated[datetime, Field(strict=False), AfterValidator(check_moment)]


# %% wrong="zone_demanded" of="contract" caught_by="good_orders" edits="reference"
# Demands a zone of each moment: the clients that send UTC without one are refused.
# -     if not 2000 <= datetime.fromisoformat(text).year <= 2099:
# +     moment = datetime.fromisoformat(text)
# +     if moment.tzinfo is None or not 2000 <= moment.year <= 2099:


# %% wrong="blocks_the_loop" of="contract" caught_by="good_orders" edits="reference"
# Does slow work inside async def: the one loop that answers everybody stands still meanwhile.
# -     def score(order: Order):
# +     async def score(order: Order):


# %% wrong="one_place_for_all" of="contract" caught_by="good_orders" edits="reference"
# Keeps the order in a place that all requests share: two at the same time, and one client gets the other's answer.
# -     @app.post("/score")
# -     def score(order: Order):
# -         return answer(order.model_dump())
# +     said = {}
# +
# +     @app.post("/score")
# +     def score(order: Order):
# +         said.update(order_id=order.order_id)
# +         said.update({**answer(order.model_dump()), "order_id": said["order_id"]})
# +         return dict(said)


# %% wrong="loads_before_it_listens" of="service" caught_by="hot_change" edits="reference"
# Loads before it listens: nobody can tell a service that loads from one that is dead.
# -     threading.Thread(target=change, daemon=True).start()
# -     yield
# +     change()
# +     yield


# %% wrong="ready_at_once" of="service" caught_by="readiness" edits="reference"
# Is ready as soon as it listens: requests are sent to a service without a model.
# - @app.get("/ready")
# - def ready():
# -     champion = app.state.champion
# -     if champion is None:
# -         raise HTTPException(503, "no version is loaded")
# -     return {"model_version": champion.version}
# + @app.get("/ready")
# + def ready():
# +     champion = app.state.champion
# +     return {"model_version": champion.version if champion else None}


# %% wrong="loads_per_request" of="service" caught_by="hot_change" edits="reference"
# Loads the model for each request: the answers are right, and every order waits for a load.
# -     probability = float(champion.model.predict_proba(pd.DataFrame([row])[COLUMNS])[0, 1])
# +     model = mlflow.sklearn.load_model(f"models:/{MODEL}/{champion.version}")
# +     probability = float(model.predict_proba(pd.DataFrame([row])[COLUMNS])[0, 1])


# %% wrong="two_at_a_time" of="service" caught_by="hot_change" edits="reference"
# Lets two orders be scored at a time: two slow ones, and every other customer waits.
# - loading = threading.Lock()
# + loading, slots = threading.Lock(), threading.Semaphore(2)
#
# -     probability = float(champion.model.predict_proba(pd.DataFrame([row])[COLUMNS])[0, 1])
# +     with slots:
# +         probability = float(champion.model.predict_proba(pd.DataFrame([row])[COLUMNS])[0, 1])


# %% wrong="number_read_afterwards" of="service" caught_by="hot_change" edits="reference"
# Reads the number after the scoring: an order that was being scored during the change gets one version's probability under the other's number.
# -     return {**said, "model_version": champion.version}
# +     return {**said, "model_version": app.state.champion.version}


# %% wrong="part_by_part" of="service" caught_by="hot_change" edits="reference"
# Replaces a version part by part: while the model loads, or where it fails, the old model answers under the new number.
# - @dataclass(frozen=True)
# + @dataclass
#
# -             champion = load_champion()
# +             found = mlflow.MlflowClient().get_model_version_by_alias(MODEL, ALIAS)
# +             champion = app.state.champion or load_champion()
# +             champion.version = int(found.version)
# +             champion.model = mlflow.sklearn.load_model(f"models:/{MODEL}/{found.version}")
# +             champion.review_from = float(found.tags["review_from"])
# +             champion.decline_from = float(found.tags["decline_from"])


# %% wrong="reload_blocks_the_loop" of="service" caught_by="hot_change" edits="reference"
# Loads inside async def: while a version is being loaded, nobody is answered.
# - def reload():
# + async def reload():


# %% wrong="rounded" of="service" caught_by="readiness" edits="reference"
# Rounds the probability: what the service says is no longer what the model says, and no two places agree any more.
# -     said = {"order_id": order["order_id"], "probability": probability, "decision": decision}
# +     said = {"order_id": order["order_id"], "probability": round(probability, 6), "decision": decision}


# %% wrong="caller_names_the_version" of="service" caught_by="hot_change" edits="reference"
# Lets the caller of /reload name what is loaded: whoever reaches the port chooses the file that runs.
# - def load_champion():
# + def load_champion(version=None):
# =     """The version that the alias names now; any exception if it cannot be loaded."""
# -     found = mlflow.MlflowClient().get_model_version_by_alias(MODEL, ALIAS)
# +     client = mlflow.MlflowClient()
# +     if version is None:
# +         found = client.get_model_version_by_alias(MODEL, ALIAS)
# +     else:
# +         found = client.get_model_version(MODEL, version)
#
# - def change():
# + def change(version=None):
#
# -             champion = load_champion()
# +             champion = load_champion(version)
#
# - def reload():
# -     problem, champion = change(), app.state.champion
# + def reload(version: str | None = None):
# +     problem, champion = change(version), app.state.champion


# %% wrong="one_after_the_other" of="load_test" caught_by="load_report" edits="reference"
# Sends one order after the other: the service was never asked by two at the same time.
# -     with ThreadPoolExecutor(clients) as pool:
# -         requests = list(pool.map(send, orders))
# +     requests = [send(order) for order in orders]


# %% wrong="connection_for_each" of="load_test" caught_by="load_report" edits="reference"
# Opens a connection for each order: the handshake is measured, too.
# -             status = local.http.post(f"{url}/score", json=order).status_code
# +             with httpx.Client(timeout=30, trust_env=False) as http:
# +                 status = http.post(f"{url}/score", json=order).status_code


# %% wrong="refusals_are_quick" of="load_test" caught_by="load_report" edits="reference"
# Counts refusals among the times: the more orders fail, the faster the service looks.
# -     good = [request["ms"] for request in requests if request["status"] == 200]
# +     good = [request["ms"] for request in requests if request["status"]]
#
# -         mlflow.log_metric("errors", len(requests) - len(good))
# +         mlflow.log_metric("errors", sum(request["status"] != 200 for request in requests))


# %% wrong="two_runs" of="load_test" caught_by="load_report" edits="reference"
# Logs the errors in a run of their own, too: whoever compares runs counts the test twice.
# -     with mlflow.start_run(run_name="load test"):
# +     with mlflow.start_run(run_name="errors"):
# +         mlflow.log_metric("errors", len(requests) - len(good))
# +     with mlflow.start_run(run_name="load test"):


# %% wrong="whole_tens" of="load_test" caught_by="load_report" edits="reference"
# Rounds the times to 10 ms: what the service adds to the model is lost.
# -         return {"order_id": order["order_id"], "status": status, "ms": 1000 * (time.perf_counter() - begin)}
# +         return {
# +             "order_id": order["order_id"],
# +             "status": status,
# +             "ms": round(1000 * (time.perf_counter() - begin) + 5, -1),
# +         }


# %% wrong="any_success" of="load_test" caught_by="load_report" edits="reference"
# Counts every 2xx as 200: an order that was put aside, 201, counts as answered.
# -             status = local.http.post(f"{url}/score", json=order).status_code
# +             reply = local.http.post(f"{url}/score", json=order)
# +             status = 200 if reply.is_success else reply.status_code


# %% wrong="the_queue_counts" of="load_test" caught_by="load_report" edits="reference"
# Reads the clock once, at the start of the test: each order's time holds that of all orders before it.
# -     local, opened = threading.local(), []
# +     local, opened, begin = threading.local(), [], time.perf_counter()
#
# -         begin = time.perf_counter()
# -         try:
# +         try:


# %% wrong="no_answer_forgotten" of="load_test" caught_by="load_report" edits="reference"
# Leaves out orders that got no answer: the worst failures are in no number.
# -         requests = list(pool.map(send, orders))
# +         requests = [request for request in pool.map(send, orders) if request["status"]]


# %% also="checked_by_hand" of="contract"
"""The contract of POST /score, checked by hand."""

import json
import re
from datetime import datetime

from fastapi.responses import JSONResponse
from starlette.concurrency import run_in_threadpool

WORDS = "channel device ship_country card_country product_category product_title".split()
COUNTS = "address_age_days orders_7d orders_30d customer_chargebacks corridor_ripe corridor_frauds".split()
LEFT_OUT = ["hours_since_last", "mean_amount_30d", "device_known", "legacy_risk_score"]


def number(low, high, kinds=(int, float)):
    return lambda value: type(value) in kinds and low <= value <= high


def moment(value):
    if type(value) is not str or not re.match(r"20\d\d-\d\d-\d\d[T ]", value):
        return False
    try:
        return bool(datetime.fromisoformat(value))
    except ValueError:
        return False


def text(value):
    return type(value) is str and not any("\ud800" <= letter <= "\udfff" for letter in value)


def or_null(rule):
    return lambda value: value is None or rule(value)


RULES = {name: number(1, 10**9, (int,)) for name in ("order_id", "items", "attempts")}
RULES |= {name: number(0, 10**9, (int,)) for name in COUNTS} | dict.fromkeys(WORDS, text)
RULES |= dict.fromkeys(("amount", "hours_since_last", "mean_amount_30d"), or_null(number(0, 10**6)))
RULES |= {"placed_at": moment, "device_known": or_null(lambda value: type(value) is bool)}
RULES |= {"legacy_risk_score": lambda value: True}


def add_score(app, answer):
    async def score(request):
        try:
            order = json.loads(await request.body())
        except (ValueError, RecursionError):
            return JSONResponse({"detail": "no JSON"}, 400)
        if type(order) is not dict:
            return JSONResponse({"detail": "no order"}, 400)
        problems = {ascii(name)[1:-1]: "there is no such field" for name in order if name not in RULES}
        for name, rule in RULES.items():
            if name not in order and name not in LEFT_OUT:
                problems[name] = "is needed"
            elif name in order and not rule(order[name]):
                problems[name] = "is not of its line in the table"
        if problems:
            return JSONResponse({"detail": problems}, 422)
        full = {name: order.get(name) for name in RULES if name != "legacy_risk_score"}
        return JSONResponse(await run_in_threadpool(answer, full))

    app.add_route("/score", score, methods=["POST"])


# %% also="moments_as_datetime" of="contract" edits="reference"
# - from datetime import datetime
# + import asyncio
# + from datetime import datetime, timezone
#
# -     if not 2000 <= datetime.fromisoformat(text).year <= 2099:
# -         raise ValueError("a year from 2000 to 2099 is needed")
# -     return text
# +     moment = datetime.fromisoformat(text)
# +     moment = moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)
# +     if moment.year not in range(2000, 2100):
# +         raise ValueError("not in this century")
# +     return moment.astimezone(timezone.utc)
#
# -     placed_at: Annotated[str, AfterValidator(check_moment)]
# +     placed_at: Annotated[Text, AfterValidator(check_moment)]
#
# -     legacy_risk_score: Any = None
# +     legacy_risk_score: object = Field(default=None, exclude=True)
#
# -     def score(order: Order):
# -         return answer(order.model_dump())
# +     async def score(order: Order) -> dict:
# +         return await asyncio.to_thread(answer, order.model_dump())


# %% also="read_by_pydantic_alone" of="contract" edits="reference"
# - from fastapi.exceptions import RequestValidationError
# = from fastapi.responses import JSONResponse
# - from pydantic import AfterValidator, BaseModel, ConfigDict, Field
# + from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
# + from fastapi import Depends, Request
#
# -         field = str(problem["loc"][1]) if len(problem["loc"]) > 1 else "body"
# +         field = str(problem["loc"][0]) if problem["loc"] else "body"
#
# -     app.add_exception_handler(RequestValidationError, refuse)
# +     app.add_exception_handler(ValidationError, refuse)
# +
# +     async def read(request: Request):
# +         return Order.model_validate_json(await request.body())
#
# -     def score(order: Order):
# +     def score(order: Order = Depends(read)):


# %% also="all_async" of="service" edits="reference"
# - import threading
# + import asyncio
#
# - loading = threading.Lock()
# + loading = asyncio.Lock()
#
# - def change():
# + async def change():
#
# -     with loading:
# -         try:
# -             champion = load_champion()
# +     async with loading:
# +         try:
# +             champion = await asyncio.to_thread(load_champion)
#
# -     threading.Thread(target=change, daemon=True).start()
# -     yield
# +     first = asyncio.create_task(change())
# +     yield
# +     first.cancel()
#
# - def reload():
# -     problem, champion = change(), app.state.champion
# + async def reload():
# +     problem, champion = await change(), app.state.champion
#
# - def ready():
# + async def ready():


# %% also="a_global_tuple" of="service"
"""The fraud model of Tidewater behind HTTP, with the version in one tuple."""

import datetime
import os
import threading

import contract
import fastapi
import mlflow.sklearn
import pandas as pd
import uvicorn

app = fastapi.FastAPI()
now = None  # (model, version, {threshold: value}), replaced as a whole


def load():
    global now
    name = mlflow.MlflowClient().get_registered_model("fraud-api").aliases["champion"]
    version = mlflow.MlflowClient().get_model_version("fraud-api", name)
    limits = {float(version.tags["review_from"]): "review", float(version.tags["decline_from"]): "decline"}
    now = mlflow.sklearn.load_model("models:/fraud-api@champion"), str(name), limits


def answer(order):
    if not now:
        raise fastapi.HTTPException(status_code=503)
    model, version, limits = now
    table = pd.Series(order).to_frame().T
    table["corridor"] = table["card_country"].str.cat(table["ship_country"], sep=">")
    table["placed_at"] = pd.to_datetime(table["placed_at"], utc=True, format="ISO8601")
    chance = model.predict_proba(table)[:, 1].item()
    decision = "approve"
    for limit in sorted(limits):
        decision = limits[limit] if chance >= limit else decision
    return {
        "order_id": order["order_id"],
        "probability": chance,
        "decision": decision,
        "model_version": version,
    } | {"answered_at": datetime.datetime.now().isoformat()}


@app.post("/reload")
def reload(response: fastapi.Response):
    try:
        load()
        return {"model_version": now[1]}
    except Exception as error:
        response.status_code = 503
        return {"model_version": now[1] if now else None, "error": repr(error)}


@app.get("/ready")
def ready(response: fastapi.Response):
    response.status_code = 200 if now else 503
    return {"model_version": now and now[1]}


@app.get("/health")
def health():
    return "alive"


contract.add_score(app, answer)
if __name__ == "__main__":
    threading.Thread(target=load, daemon=True).start()
    uvicorn.run(app, port=int(os.environ["PORT"]))


# %% also="a_queue_for_all" of="load_test"
def load_test(url, orders, clients):
    import json
    import queue
    import tempfile

    waiting, done = queue.Queue(), [None] * len(orders)
    for place in enumerate(orders):
        waiting.put(place)

    def client():
        with httpx.Client(base_url=url, timeout=60) as http:
            while True:
                try:
                    place, order = waiting.get_nowait()
                except queue.Empty:
                    return
                begin = time.monotonic_ns()
                try:
                    status = http.post("/score", json=order).status_code
                except httpx.TransportError:
                    status = 0
                ms = (time.monotonic_ns() - begin) / 1e6
                done[place] = {"ms": ms, "status": status, "order_id": order["order_id"], "client": 0}

    threads = [threading.Thread(target=client) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    table = pd.DataFrame(done)
    ms = table["ms"][table["status"] == 200]
    with mlflow.start_run(), tempfile.TemporaryDirectory() as folder:
        mlflow.log_params({"clients": clients, "requests": len(table), "url": "loopback"})
        mlflow.log_metrics({"p50_ms": ms.median(), "p99_ms": ms.quantile(0.99), "mean_ms": ms.mean()})
        mlflow.log_metric("errors", int((table["status"] != 200).sum()))
        path = f"{folder}/requests.json"
        with open(path, "w") as file:
            json.dump(done, file)
        mlflow.log_artifact(path)


# %% also="asynchronous_clients" of="load_test"
def load_test(url, orders, clients):
    import asyncio

    async def send_all():
        turns, results = iter(enumerate(orders)), [None] * len(orders)

        async def client():
            async with httpx.AsyncClient(timeout=60, trust_env=False) as http:
                for place, order in turns:
                    begin = time.perf_counter()
                    try:
                        reply = await http.post(f"{url}/score", json=order)
                        status = reply.status_code
                    except httpx.HTTPError:
                        status = 0
                    ms = 1e3 * (time.perf_counter() - begin)
                    results[place] = {"order_id": order["order_id"], "status": status, "ms": ms}

        await asyncio.gather(*(client() for _ in range(clients)))
        return results

    with ThreadPoolExecutor(1) as pool:  # a notebook has a loop of its own in this thread
        results = pool.submit(asyncio.run, send_all()).result()
    good = np.array([result["ms"] for result in results if result["status"] == 200])
    with mlflow.start_run():
        mlflow.log_params({"requests": len(orders), "clients": clients})
        mlflow.log_metrics({"errors": len(orders) - good.size})
        mlflow.log_metrics({f"p{q}_ms": float(np.percentile(good, q)) for q in (50, 99)})
        mlflow.log_dict(results, "requests.json")
