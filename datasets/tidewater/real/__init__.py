"""Real data sets with tidy column names, read from the installed packages; no network is needed.

`load(name)` gives a new pandas DataFrame. Source, licence, units and known flaws of each set stand in
`datasets/datasheets/<name>.md`.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable
from typing import TYPE_CHECKING

from tidewater.real import medical, surveys

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["NAMES", "UnknownDataError", "load"]

_READERS: dict[str, Callable[[], pd.DataFrame]] = {
    "breast_cancer": medical.breast_cancer,
    "fair": surveys.fair,
    "randhie": medical.randhie,
}
NAMES = tuple(_READERS)


class UnknownDataError(ValueError):
    """No data set has this name; the message offers the nearest one."""


def load(name: str) -> pd.DataFrame:
    """A data set by its name, as a table of its own that the caller may change.

    name: one of NAMES.
    Raises UnknownDataError for any other name.
    """
    if name in _READERS:
        return _READERS[name]()
    close = difflib.get_close_matches(str(name), NAMES, n=1)
    offer = f'Did you mean "{close[0]}"?' if close else f"There are {', '.join(NAMES)}."
    raise UnknownDataError(f'no data set named "{name}". {offer}')
