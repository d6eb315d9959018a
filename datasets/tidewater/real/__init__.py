"""Real data sets with tidy column names: `load(name)` gives a new pandas DataFrame.

Those in NAMES are read from the installed packages and need no network; those in OPTIONAL have to be downloaded
once, with `mle data fetch NAME`. Source, licence, units and known flaws of each set stand in
`datasets/datasheets/<name>.md`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from tidewater.names import offer
from tidewater.real import medical, pictures, series, specimens, surveys
from tidewater.real.pictures import UnknownPhotographError, photograph
from tidewater.real.public import PUBLIC, NotFetchedError

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "ABOUT",
    "NAMES",
    "OPTIONAL",
    "NotFetchedError",
    "UnknownDataError",
    "UnknownPhotographError",
    "load",
    "photograph",
]


class _Shipped(NamedTuple):
    about: str
    read: Callable[[], pd.DataFrame]


_SHIPPED = {
    "breast_cancer": _Shipped("cells of breast masses, malignant and benign", medical.breast_cancer),
    "co2": _Shipped("carbon dioxide in the air over Hawaii, by week", series.co2),
    "diabetes": _Shipped("measurements of diabetes patients, and the disease a year later", medical.diabetes),
    "digits": _Shipped("handwritten digits, 8 x 8 grey values", pictures.digits),
    "elnino": _Shipped("temperature of the eastern Pacific, by month", series.elnino),
    "fair": _Shipped("a survey of married women, 1974", surveys.fair),
    "iris": _Shipped("sepals and petals of three species", specimens.iris),
    "longley": _Shipped("the US economy 1947 to 1962, nearly collinear", series.longley),
    "macrodata": _Shipped("the US economy 1959 to 2009, by quarter", series.macrodata),
    "nile": _Shipped("the flow of the Nile, by year", series.nile),
    "photographs": _Shipped("two photographs; the pictures by photograph(name)", pictures.photographs),
    "randhie": _Shipped("the RAND health insurance experiment", medical.randhie),
    "sunspots": _Shipped("sunspot numbers, by year", series.sunspots),
    "wine": _Shipped("chemistry of wines of three cultivars", specimens.wine),
}
NAMES = tuple(_SHIPPED)
OPTIONAL = tuple(PUBLIC)
ABOUT = {name: each.about for name, each in (_SHIPPED | PUBLIC).items()}


class UnknownDataError(ValueError):
    """No data set has this name; the message offers the nearest one."""


_read: dict[
    str, pd.DataFrame
] = {}  # what this process has read; a copy of it is made only where it is written to


def load(name: str) -> pd.DataFrame:
    """A data set by its name, as a table of its own that the caller may change.

    name: one of NAMES, or one of OPTIONAL that was fetched before.
    Raises UnknownDataError for any other name, NotFetchedError for an optional set that is not here.
    """
    check_name(name)
    if name in PUBLIC:
        return PUBLIC[name].load()
    if name in _read:
        return _read[name].copy(deep=False)
    rows = _SHIPPED[name].read()
    if "object" not in rows.dtypes.astype(str).to_numpy():  # cells that are objects would be shared
        _read[name] = rows
    return rows.copy(deep=False)


def check_name(name: str) -> None:
    """Raises UnknownDataError, which offers the nearest name, unless there is a set of this name."""
    known = (*NAMES, *OPTIONAL)
    if name not in known:
        raise UnknownDataError(f'no data set named "{name}". {offer(name, known)}')
