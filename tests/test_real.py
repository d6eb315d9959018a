"""Real data sets: rows, columns and values are those of their sources, and the datasheets say so."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tidewater import real

SHEETS = Path(__file__).parent.parent / "datasets" / "datasheets"
SHAPES = {"breast_cancer": (569, 31), "fair": (6366, 9), "randhie": (20190, 16)}


@pytest.mark.parametrize("name", real.NAMES)
def test_a_set_has_its_rows_and_columns(name: str) -> None:
    """Each set has the stated shape, tidy unique names, and rows numbered from 0."""
    rows = real.load(name)

    assert rows.shape == SHAPES[name]
    assert rows.columns.is_unique
    assert all(column.isidentifier() and column == column.lower() for column in rows.columns)
    assert rows.index.equals(pd.RangeIndex(len(rows)))


@pytest.mark.parametrize("name", real.NAMES)
def test_the_datasheet_knows_rows_and_columns(name: str) -> None:
    """A datasheet names the rows, the source, the licence, the flaws, and each column but thirty measurements."""
    sheet = (SHEETS / f"{name}.md").read_text(encoding="utf-8")
    rows = real.load(name)

    assert f"{len(rows):,} rows" in sheet
    assert all(part in sheet for part in ("**Source.**", "**Licence.**", "**Known flaws.**"))
    columns = ["diagnosis"] if name == "breast_cancer" else list(rows.columns)
    assert [column for column in columns if f"`{column}`" not in sheet] == []


def test_a_loaded_table_belongs_to_the_caller() -> None:
    """Changing one table leaves the next one as it was."""
    first = real.load("fair")
    first["affairs"] = -1.0

    assert real.load("fair")["affairs"].min() == 0


def test_an_unknown_name_offers_the_nearest() -> None:
    """A typing error is answered with the name that was probably meant, a guess with all names."""
    with pytest.raises(real.UnknownDataError, match=r'no data set named "randhi"\. Did you mean "randhie"\?'):
        real.load("randhi")
    with pytest.raises(ValueError, match="There are breast_cancer, fair, randhie"):
        real.load("titanic")


def test_randhie_is_the_file_that_statsmodels_publishes() -> None:
    """The columns that statsmodels' own table has agree with it, row by row."""
    from statsmodels.datasets import randhie

    rows, published = real.load("randhie"), randhie.load_pandas().data

    assert np.array_equal(rows["visits"], published["mdvis"])
    assert np.allclose(rows["coinsurance_percent"], np.expm1(published["lncoins"]), atol=1e-3)
    assert np.array_equal(rows["plan"] == "deductible", published["idp"] == 1)
    for word in ("good", "fair", "poor"):
        assert np.array_equal(rows["health"] == word, published[f"hlth{word[0]}"] == 1)


def test_randhie_has_the_flaws_that_its_datasheet_tells() -> None:
    """Missing values, repeated people, and site means in place of counts are as described."""
    rows = real.load("randhie")
    filled = rows["chronic_diseases"].round(5).isin([13.73189, 11.84267, 9.96733, 10.57626])

    assert rows["person"].nunique() == 5912
    assert rows.isna().sum()[lambda blanks: blanks > 0].to_dict() == {
        "education_years": 4,
        "general_health": 5223,
    }
    assert int(filled.sum()) == 8001
    assert rows[filled].groupby("site")["chronic_diseases"].nunique().max() == 1
    assert int((~rows["limitation"].isin([0, 1])).sum()) == 1052


def test_breast_cancer_names_its_classes() -> None:
    """The words stand for scikit-learn's codes, 0 for malignant."""
    assert real.load("breast_cancer")["diagnosis"].value_counts().to_dict() == {
        "benign": 357,
        "malignant": 212,
    }


def test_loading_is_light() -> None:
    """Neither the import nor a survey brings in scikit-learn or statsmodels' collection of sets."""
    code = (
        "import sys; from tidewater.real import load; assert 'pandas' not in sys.modules; load('randhie');"
        "print([name for name in ('sklearn', 'scipy', 'statsmodels.datasets') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"
