"""Surveys that statsmodels ships."""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

_FAIR_COLUMNS = {
    "rate_marriage": "marriage_rating",
    "age": "age_years",
    "yrs_married": "years_married",
    "children": "children",
    "religious": "religious",
    "educ": "education_years",
    "occupation": "occupation",
    "occupation_husb": "husband_occupation",
    "affairs": "affairs",
}


def fair() -> pd.DataFrame:
    """One row for each married woman who answered: 6,366 rows, 9 columns."""
    import pandas as pd

    path = files("statsmodels").joinpath("datasets", "fair", "fair.csv")
    with path.open("rb") as file:
        rows = pd.read_csv(file)
    rows = rows.rename(columns=_FAIR_COLUMNS)[list(_FAIR_COLUMNS.values())]
    whole = ["marriage_rating", "religious", "education_years", "occupation", "husband_occupation"]
    rows[whole] = rows[whole].astype("int64")
    return rows
