"""Series in time that statsmodels ships: air, sun, sea, river and economy."""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

_MACRODATA_COLUMNS = {
    "realgdp": "gdp_billion_2005_dollars",
    "realcons": "consumption_billion_2005_dollars",
    "realinv": "investment_billion_2005_dollars",
    "realgovt": "federal_spending_billion_2005_dollars",
    "realdpi": "disposable_income_billion_2005_dollars",
    "cpi": "consumer_price_index",
    "m1": "m1_billion_dollars",
    "tbilrate": "treasury_bill_percent",
    "unemp": "unemployment_percent",
    "pop": "population_millions",
    "infl": "inflation_percent",
    "realint": "real_interest_percent",
}
_LONGLEY_COLUMNS = {
    "YEAR": "year",
    "TOTEMP": "employed_thousands",
    "GNPDEFL": "price_index",
    "GNP": "gnp_million_dollars",
    "UNEMP": "unemployed_thousands",
    "ARMED": "armed_forces_thousands",
    "POP": "population_thousands",
}


def co2() -> pd.DataFrame:
    """One row for each week of 1958 to 2001: 2,284 rows, 2 columns; weeks without a value are missing."""
    import pandas as pd

    rows = _table("co2")
    week = pd.to_datetime(rows["date"].astype("str"), format="%Y%m%d")
    return pd.DataFrame({"week": week, "co2_ppm": rows["co2"]})


def sunspots() -> pd.DataFrame:
    """One row for each year of 1700 to 2008: 309 rows, 2 columns."""
    return _table("sunspots").rename(columns={"YEAR": "year", "SUNACTIVITY": "sunspot_number"})


def macrodata() -> pd.DataFrame:
    """One row for each quarter of 1959 to 2009: 203 rows, 13 columns.

    The file has 0 for inflation and real interest in its first row, where there is no earlier price: missing.
    """
    import pandas as pd

    rows = _table("macrodata")
    first_month = 3 * rows["quarter"] - 2
    quarter = pd.to_datetime(pd.DataFrame({"year": rows["year"], "month": first_month, "day": 1}))
    rows.loc[0, ["infl", "realint"]] = float("nan")
    tidy = rows[list(_MACRODATA_COLUMNS)].rename(columns=_MACRODATA_COLUMNS)
    tidy.insert(0, "quarter", quarter)
    return tidy


def elnino() -> pd.DataFrame:
    """One row for each month of 1950 to 2010: 732 rows, 2 columns."""
    import pandas as pd

    rows = _table("elnino")
    months = [f"{year}-{month:02}-01" for year in rows["YEAR"] for month in range(1, 13)]
    degrees = rows.drop(columns="YEAR").to_numpy(dtype="float64").ravel()
    return pd.DataFrame({"month": pd.to_datetime(months), "sea_celsius": degrees})


def nile() -> pd.DataFrame:
    """One row for each year of 1871 to 1970: 100 rows, 2 columns."""
    return _table("nile").rename(columns={"volume": "flow_100_million_cubic_metres"})


def longley() -> pd.DataFrame:
    """One row for each year of 1947 to 1962: 16 rows, 7 columns."""
    return _table("longley").rename(columns=_LONGLEY_COLUMNS)[list(_LONGLEY_COLUMNS.values())]


def _table(name: str) -> pd.DataFrame:
    """The file of a set, read without `import statsmodels.datasets`, which loads every set's module."""
    import pandas as pd

    with files("statsmodels").joinpath("datasets", name, f"{name}.csv").open("rb") as file:
        return pd.read_csv(file)
