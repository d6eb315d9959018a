"""The contract of POST /score: what an order is, and what everybody else is told."""

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




def add_score(app, answer):
    """Add POST /score to `app`: a good order goes to `answer`, a bad one gets 422 and {"detail": {field: reason}}.

    app: a FastAPI app. answer: a function from the order, a dict, to the answer, a dict; it may take seconds.
    """
    app.add_exception_handler(RequestValidationError, refuse)

    @app.post("/score")
    def score(order: Order):
        return answer(order.model_dump())
