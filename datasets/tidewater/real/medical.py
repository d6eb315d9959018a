"""The RAND health insurance experiment, from statsmodels; breast cancer and diabetes, from scikit-learn."""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

_RANDHIE_COLUMNS = {
    "zper": "person",
    "year": "year",
    "site": "site",
    "xage": "age_years",
    "female": "female",
    "num": "family_size",
    "educdec": "education_years",
    "income": "income_dollars",
    "coins": "coinsurance_percent",
    "idp": "deductible_plan",
    "hlthg": "health_good",
    "hlthf": "health_fair",
    "hlthp": "health_poor",
    "physlm": "limitation",
    "disea": "chronic_diseases",
    "ghindx": "general_health",
    "mdvis": "visits",
    "meddol": "medical_dollars",
}
_DIABETES_COLUMNS = {
    "age": "age_years",
    "sex": "sex_code",
    "bmi": "body_mass_index",
    "bp": "blood_pressure",
    "s1": "total_cholesterol",
    "s2": "ldl",
    "s3": "hdl",
    "s4": "cholesterol_ratio",
    "s5": "log_triglycerides",
    "s6": "glucose",
}
_RANDHIE_ORDER = [
    *("person", "year", "site", "age_years", "female", "family_size", "education_years", "income_dollars"),
    *("plan", "coinsurance_percent", "health", "limitation", "chronic_diseases", "general_health"),
    *("visits", "medical_dollars"),
]


def randhie() -> pd.DataFrame:
    """One row for each person and study year: 20,190 rows, 16 columns.

    Read from the larger of the two files that statsmodels ships, which also has person, age and sex, and
    without `import statsmodels.datasets`, which would load every set's module.
    """
    import numpy as np
    import pandas as pd

    path = files("statsmodels").joinpath("datasets", "randhie", "src", "randhie.csv")
    with path.open("rb") as file:
        rows = pd.read_csv(file, usecols=list(_RANDHIE_COLUMNS)).rename(columns=_RANDHIE_COLUMNS)
    worse = [rows[f"health_{word}"] == 1 for word in ("poor", "fair", "good")]
    rows["health"] = pd.Series(np.select(worse, ["poor", "fair", "good"], default="excellent"), dtype="str")
    kinds = [rows["deductible_plan"] == 1, rows["coinsurance_percent"] == 0]
    rows["plan"] = pd.Series(np.select(kinds, ["deductible", "free"], default="shared"), dtype="str")
    whole = ["person", "year", "site", "family_size", "coinsurance_percent", "visits"]
    rows[whole] = rows[whole].astype("int64")
    rows["female"] = rows["female"] == 1
    return rows[_RANDHIE_ORDER]


def breast_cancer() -> pd.DataFrame:
    """One row for each sample: 569 rows, 30 measurements of cell nuclei and `diagnosis`."""
    import numpy as np
    import pandas as pd
    from sklearn.datasets import load_breast_cancer

    source = load_breast_cancer()
    rows = pd.DataFrame(source.data, columns=[name.replace(" ", "_") for name in source.feature_names])
    diagnosis = np.where(source.target == 0, "malignant", "benign")
    return rows.assign(diagnosis=pd.Series(diagnosis, dtype="str"))


def diabetes() -> pd.DataFrame:
    """One row for each patient: 442 rows, 10 measurements as they were taken, unscaled, and `progression`."""
    import pandas as pd
    from sklearn.datasets import load_diabetes

    source = load_diabetes(scaled=False)
    rows = pd.DataFrame(source.data, columns=source.feature_names).rename(columns=_DIABETES_COLUMNS)
    rows["progression"] = source.target
    whole = ["age_years", "sex_code", "total_cholesterol", "glucose", "progression"]
    rows[whole] = rows[whole].astype("int64")
    return rows
