"""Measured specimens that scikit-learn ships: wines and irises."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


def wine() -> pd.DataFrame:
    """One row for each wine: 178 rows, 13 measurements and `cultivar`."""
    import pandas as pd
    from sklearn.datasets import load_wine

    source = load_wine()
    names = {"od280/od315_of_diluted_wines": "od280_od315_ratio"}
    rows = pd.DataFrame(source.data, columns=source.feature_names).rename(columns=names)
    whole = ["magnesium", "proline"]
    rows[whole] = rows[whole].astype("int64")
    return rows.assign(cultivar=source.target + 1)


def iris() -> pd.DataFrame:
    """One row for each flower: 150 rows, 4 measurements and `species`."""
    import pandas as pd
    from sklearn.datasets import load_iris

    source = load_iris()
    columns = [name.replace(" (cm)", "_cm").replace(" ", "_") for name in source.feature_names]
    species = pd.Series(source.target_names[source.target], dtype="str")
    return pd.DataFrame(source.data, columns=columns).assign(species=species)
