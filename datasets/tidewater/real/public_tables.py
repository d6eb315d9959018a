"""How the files of the optional public sets become tables with tidy columns."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

_ADULT_COLUMNS = [
    *("age_years", "employer", "census_weight", "education", "education_level", "marital_status"),
    *(
        "occupation",
        "relationship",
        "race",
        "sex",
        "capital_gain_dollars",
        "capital_loss_dollars",
        "hours_per_week",
    ),
    *("native_country", "income"),
]
_CREDIT_COLUMNS = [
    *("checking_account", "duration_months", "credit_history", "purpose", "amount_marks", "savings"),
    *("employed_since", "instalment_code", "status_and_sex", "other_debtors", "residence_code", "property"),
    *("age_years", "other_instalments", "housing", "credits_code", "job", "dependents_code", "telephone"),
    *("foreign_worker", "risk"),
]
_BIKE_COLUMNS = {
    "temp": "temperature_scaled",
    "atemp": "feels_like_scaled",
    "windspeed": "wind_scaled",
    "casual": "casual",
    "registered": "registered",
    "cnt": "rentals",
}
_SEASONS = {1: "winter", 2: "spring", 3: "summer", 4: "autumn"}
_WEATHER = {1: "clear", 2: "mist", 3: "light rain or snow", 4: "heavy rain or snow"}


def adult(path: Path) -> pd.DataFrame:
    """One row for each person, 15 columns; a question mark in the file is a missing value."""
    import pandas as pd

    return pd.read_csv(path, header=None, names=_ADULT_COLUMNS, na_values=["?"], keep_default_na=False)


def credit_g(path: Path) -> pd.DataFrame:
    """One row for each credit, 21 columns; words stay the source's codes.

    The description that came with the codes is known to be wrong for most columns; see the datasheet.
    """
    import pandas as pd

    rows = pd.read_csv(path, header=None, names=_CREDIT_COLUMNS, keep_default_na=False)
    rows["risk"] = rows["risk"].map({1: "good", 2: "bad"}).astype("str")
    return rows


def sms_spam(path: Path) -> pd.DataFrame:
    """One row for each message, 2 columns. Quotation marks belong to the messages."""
    import csv

    import pandas as pd

    return pd.read_csv(
        path, sep="\t", header=None, names=["label", "text"], quoting=csv.QUOTE_NONE, keep_default_na=False
    )


def bike_sharing(path: Path) -> pd.DataFrame:
    """One row for each hour with a rental, 12 columns."""
    import pandas as pd

    source = pd.read_csv(path)
    hours = pd.to_datetime(source["dteday"]) + pd.to_timedelta(source["hr"], unit="h")
    rows = pd.DataFrame({"hour": hours})
    rows["season"] = source["season"].map(_SEASONS).astype("str")
    rows["holiday"] = source["holiday"] == 1
    rows["working_day"] = source["workingday"] == 1
    rows["weather"] = source["weathersit"].map(_WEATHER).astype("str")
    rows["humidity_percent"] = (source["hum"] * 100).round().astype("int64")
    return rows.join(source[list(_BIKE_COLUMNS)].rename(columns=_BIKE_COLUMNS))
