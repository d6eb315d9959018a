# ---
# title: "Which orders does the price service refuse?"
# minutes: 15
# data: []
# needs: [add-up]
# runs_on: [loopback]
# limit_seconds: 20
# sources:
#   - "FastAPI documentation, Tutorial, Body: Fields"
# hints:
#   - "Look at the type of the body, and at what a count may be."
#   - "The model of the body can carry the limit; FastAPI then answers 422 itself."
#   - "class Order(BaseModel): cents: int; count: int = Field(ge=...)"
# ---

# %% [markdown]
# # Which orders does the price service refuse?
#
# A unit that delivers a service, judged over HTTP.

# %%
import grader

grader.begin("small-service")

# %% [markdown]
# A service, `service:app` for uvicorn. `POST /price` takes `{"cents": 250, "count": 2}` as JSON, ints, and answers
# `{"total": 500}`. A count below 1 is answered with the status 422.


# %% answer="service" file="service.py"
from fastapi import FastAPI
from pydantic import BaseModel, Field

app = FastAPI()


### BEGIN SOLUTION
class Order(BaseModel):
    cents: int
    count: int = Field(ge=1)


@app.post("/price")
def price(order: Order):
    return {"total": order.cents * order.count}


### END SOLUTION


# %% test="prices" of="service" points=3
import httpx
from grader import expect

command = ("-m", "uvicorn", "service:app", "--port", "{port}", "--log-level", "warning")
with expect.process(*command, port=True) as service, httpx.Client(trust_env=False) as client:
    service.wait_for_port()
    answer = client.post(f"{service.url}/price", json={"cents": 250, "count": 2})
    expect.equal(
        answer.status_code,
        200,
        what="POST /price with 2 at 250 cents",
        why="this is a good order",
        look_at="the path, and how the order arrives",
    )
    expect.equal(
        answer.json(),
        {"total": 500},
        what="POST /price with 2 at 250 cents",
        why="twice 250 cents are 500 cents",
        look_at="the total",
    )
    answer = client.post(f"{service.url}/price", json={"cents": 250, "count": -1})
    expect.equal(
        answer.status_code,
        422,
        what="POST /price with a count of -1",
        why="nobody orders less than one",
        look_at="the limits of count",
    )
    ### BEGIN HIDDEN TESTS
    cents, count = (int(number) for number in expect.rng().integers(100, 10_000, size=2))
    answer = client.post(f"{service.url}/price", json={"cents": cents, "count": count})
    expect.equal(
        answer.json(),
        {"total": cents * count},
        what="POST /price with another order",
        why="the total is the price of one times the count",
        look_at="the total",
    )
    answer = client.post(f"{service.url}/price", json={"cents": cents, "count": 0})
    expect.equal(
        answer.status_code,
        422,
        what="POST /price at the edge of what is allowed",
        why="an order of nothing is no order",
        look_at="the limits of count",
    )
    ### END HIDDEN TESTS

# %% wrong="nothing_is_an_order" of="service" caught_by="prices"
# None of a thing is less than one of it, and this sells it.
from fastapi import FastAPI
from pydantic import BaseModel, Field

app = FastAPI()


class Order(BaseModel):
    cents: int
    count: int = Field(ge=0)


@app.post("/price")
def price(order: Order):
    return {"total": order.cents * order.count}


# %% wrong="believes_the_caller" of="service" caught_by="prices"
# A type is not a limit: this takes every int for a count.
from fastapi import FastAPI
from pydantic import BaseModel

app = FastAPI()


class Order(BaseModel):
    cents: int
    count: int


@app.post("/price")
def price(order: Order):
    return {"total": order.cents * order.count}


# %% wrong="in_the_address" of="service" caught_by="prices"
# Plain parameters are read from the address, not from the body.
from fastapi import FastAPI

app = FastAPI()


@app.post("/price")
def price(cents: int, count: int):
    return {"total": cents * count}


# %% also="refuses_itself" of="service"
from fastapi import FastAPI, HTTPException
from pydantic import BaseModel

app = FastAPI()


class Order(BaseModel):
    cents: int
    count: int


@app.post("/price")
async def price(order: Order):
    if order.count < 1:
        raise HTTPException(422, "count is less than 1")
    return {"total": order.cents * order.count}


# %% also="two_fields" of="service"
from typing import Annotated

from fastapi import Body, FastAPI

app = FastAPI()


@app.post("/price")
def price(cents: Annotated[int, Body()], count: Annotated[int, Body(gt=0)]) -> dict[str, int]:
    return {"total": sum([cents] * count)}
