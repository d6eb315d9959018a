"""Real data sets: rows, columns and values are those of their sources, and the datasheets say so."""

from __future__ import annotations

import fnmatch
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tidewater import real

ROOT = Path(__file__).parent.parent
SHEETS = ROOT / "datasets" / "datasheets"
SHAPES = {
    "breast_cancer": (569, 31),
    "co2": (2284, 2),
    "diabetes": (442, 11),
    "digits": (1797, 65),
    "elnino": (732, 2),
    "fair": (6366, 9),
    "iris": (150, 5),
    "longley": (16, 7),
    "macrodata": (203, 13),
    "nile": (100, 2),
    "photographs": (2, 6),
    "randhie": (20190, 16),
    "sunspots": (309, 2),
    "wine": (178, 14),
}
# Columns in which values are missing, and how many.
BLANKS = {
    "co2": {"co2_ppm": 59},
    "macrodata": {"inflation_percent": 1, "real_interest_percent": 1},
    "randhie": {"education_years": 4, "general_health": 5223},
}


def listed_columns(name: str) -> list[str]:
    """The first column of a datasheet's table; "..." stands for anything."""
    sheet = (SHEETS / f"{name}.md").read_text(encoding="utf-8")
    return re.findall(r"^\| `([^`]+)`", sheet, re.MULTILINE)


@pytest.mark.parametrize("name", real.NAMES)
def test_a_set_has_its_rows_and_columns(name: str) -> None:
    """Each set has the stated shape, tidy unique names, and rows numbered from 0."""
    rows = real.load(name)

    assert rows.shape == SHAPES[name]
    assert rows.columns.is_unique
    assert all(column.isidentifier() and column == column.lower() for column in rows.columns)
    assert rows.index.equals(pd.RangeIndex(len(rows)))


@pytest.mark.parametrize("name", real.NAMES)
def test_a_set_keeps_missing_values_missing(name: str) -> None:
    """Blanks are as many as the source has, and no column is of the type object."""
    rows = real.load(name)
    blanks = rows.isna().sum()

    assert blanks[blanks > 0].to_dict() == BLANKS.get(name, {})
    assert [column for column in rows if rows[column].dtype == object] == []


@pytest.mark.parametrize("name", [*real.NAMES, *real.OPTIONAL])
def test_every_set_has_a_datasheet(name: str) -> None:
    """It tells how to load the set, its source, licence and flaws; no other sheet lies beside."""
    sheet = (SHEETS / f"{name}.md").read_text(encoding="utf-8")

    assert sheet.startswith(f"# {name}: ")
    assert f'`tidewater.real.load("{name}")`' in sheet
    assert all(part in sheet for part in ("**Source.**", "**Licence.**", "**Known flaws.**"))
    assert ("Optional" in sheet) == (name in real.OPTIONAL)


@pytest.mark.parametrize("name", real.NAMES)
def test_the_datasheet_knows_rows_and_columns(name: str) -> None:
    """Its numbers are those of the data, and it lists each column that is loaded, once, and no other."""
    sheet = (SHEETS / f"{name}.md").read_text(encoding="utf-8")
    rows = real.load(name)
    patterns = [column.replace("...", "*") for column in listed_columns(name)]
    hits = [[c for c in rows.columns if fnmatch.fnmatchcase(c, pattern)] for pattern in patterns]

    assert f"{len(rows):,} rows" in sheet
    assert f"{len(rows.columns)} columns" in sheet
    assert all(hits)
    assert sorted(column for hit in hits for column in hit) == sorted(rows.columns)


def test_the_page_on_data_lists_every_set() -> None:
    """docs/data.md has each name with its subject, and the rows of its datasheet."""
    page = (ROOT / "docs" / "data.md").read_text(encoding="utf-8")
    table = dict(re.findall(r"^\| `(\w+)` \| (.+? \| [\d,]+) \|", page, re.MULTILINE))
    sheets = {name: (SHEETS / f"{name}.md").read_text(encoding="utf-8") for name in real.ABOUT}
    rows = {name: re.findall(r"([\d,]+) rows", sheet)[0] for name, sheet in sheets.items()}

    assert table == {name: f"{about} | {rows[name]}" for name, about in real.ABOUT.items()}


def test_every_set_that_a_unit_names_has_a_datasheet() -> None:
    """The `data:` of lessons and exercises; a generated set needs a sheet no less than a real one."""
    sources = [file for room in ("modules", "solutions") for file in (ROOT / room).glob("*/*.py")]
    lists = [re.search(r"^# data: \[(.*)\]", file.read_text(encoding="utf-8"), re.M) for file in sources]
    names = {name.strip() for found in lists if found for name in found[1].split(",")} - {""}

    assert names
    assert [name for name in sorted(names) if not (SHEETS / f"{name}.md").is_file()] == []


def test_a_loaded_table_belongs_to_the_caller() -> None:
    """Changing one table leaves the next one as it was."""
    first = real.load("fair")
    first["affairs"] = -1.0

    assert real.load("fair")["affairs"].min() == 0


def test_an_unknown_name_offers_the_nearest() -> None:
    """A typing error is answered with the name that was probably meant, a guess with all names."""
    with pytest.raises(real.UnknownDataError, match=r'no data set named "randhi"\. Did you mean "randhie"\?'):
        real.load("randhi")
    with pytest.raises(real.UnknownDataError, match=r'Did you mean "adult"\?'):
        real.load("adlt")
    with pytest.raises(ValueError, match="There are breast_cancer, co2, diabetes"):
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
    assert int(filled.sum()) == 8001
    assert rows[filled].groupby("site")["chronic_diseases"].nunique().max() == 1
    assert int((~rows["limitation"].isin([0, 1])).sum()) == 1052


def test_breast_cancer_names_its_classes() -> None:
    """The words stand for scikit-learn's codes, 0 for malignant."""
    assert real.load("breast_cancer")["diagnosis"].value_counts().to_dict() == {
        "benign": 357,
        "malignant": 212,
    }


def test_diabetes_is_unscaled_and_has_a_calculated_column() -> None:
    """LDL follows from the other three by Friedewald's formula, as the datasheet tells."""
    rows = real.load("diabetes")
    triglycerides = 5 * (rows["total_cholesterol"] - rows["hdl"] - rows["ldl"])
    gap = (np.log(triglycerides) - rows["log_triglycerides"]).abs()

    assert rows["age_years"].between(19, 79).all()
    assert rows["sex_code"].value_counts().to_dict() == {1: 235, 2: 207}
    assert int((gap < 1e-4).sum()) == 438
    assert gap.max() < 0.03


def test_digits_are_pictures_with_three_pixels_that_never_change() -> None:
    """The columns fold into 8 x 8, as scikit-learn's own pictures; the constant ones are named in the sheet."""
    from sklearn.datasets import load_digits

    rows = real.load("digits")
    pixels = rows.drop(columns="digit")

    assert np.array_equal(pixels.to_numpy().reshape(-1, 8, 8), load_digits().images)
    assert list(pixels.columns[pixels.nunique() == 1]) == ["pixel_0_0", "pixel_4_0", "pixel_4_7"]


def test_wine_and_iris_name_their_classes() -> None:
    """Three cultivars, three species, and the two irises that are alike."""
    wine, iris = real.load("wine"), real.load("iris")

    assert wine["cultivar"].value_counts().to_dict() == {1: 59, 2: 71, 3: 48}
    assert iris["species"].value_counts().to_dict() == {"setosa": 50, "versicolor": 50, "virginica": 50}
    assert list(iris.index[iris.duplicated(keep=False)]) == [101, 142]


@pytest.mark.parametrize("name", ["china", "flower"])
def test_a_photograph_is_an_array_of_the_callers_own(name: str) -> None:
    """Bytes in three colours, the size that the table tells, and free to change."""
    picture = real.photograph(name)
    row = real.load("photographs").set_index("name").loc[name]

    assert picture.dtype == np.uint8
    assert picture.shape == (row["height_pixels"], row["width_pixels"], row["channels"])
    picture[:] = 0
    assert real.photograph(name).max() == 255


def test_an_unknown_photograph_offers_the_nearest() -> None:
    """Names are given without a file's ending; a wrong one is answered with the right ones."""
    with pytest.raises(real.UnknownPhotographError, match=r'"flowers"\. Did you mean "flower"\?'):
        real.photograph("flowers")
    with pytest.raises(ValueError, match="There are china, flower"):
        real.photograph("tree")


def test_co2_has_every_saturday_and_its_gaps() -> None:
    """Dates are those of the file, a week apart; the longest gap is the one that the datasheet names."""
    rows = real.load("co2").set_index("week")["co2_ppm"]
    gap = rows["1964-01-25":"1964-05-23"]

    assert rows.index.equals(pd.date_range("1958-03-29", "2001-12-29", freq="W-SAT", unit="us", name="week"))
    assert gap.isna().sum() == len(gap) == 18
    assert rows.isna().groupby(rows.index.year).sum()[[1958, 1964]].to_list() == [15, 21]


def test_macrodata_has_quarters_and_no_made_up_zero() -> None:
    """Inflation follows from the price index; where it cannot, it is missing."""
    rows = real.load("macrodata")
    index = rows["consumer_price_index"]
    inflation = 400 * np.log(index / index.shift())

    assert rows["quarter"].equals(
        pd.Series(pd.date_range("1959-01-01", "2009-07-01", freq="QS", unit="us"), name="quarter")
    )
    assert np.allclose(rows["inflation_percent"], inflation, atol=0.005001, equal_nan=True)


def test_series_agree_with_what_statsmodels_publishes() -> None:
    """Sunspots, the Nile and the sea, value by value and in the right order."""
    from statsmodels.datasets import elnino, nile, sunspots

    wide = elnino.load_pandas().data
    sea = real.load("elnino").set_index("month")["sea_celsius"]

    assert np.array_equal(real.load("sunspots")["sunspot_number"], sunspots.load_pandas().endog)
    assert np.array_equal(
        real.load("nile")["flow_100_million_cubic_metres"], nile.load_pandas().data["volume"]
    )
    assert sea["1998-03-01"] == wide.set_index("YEAR").loc[1998, "MAR"]
    assert np.array_equal(sea, wide.drop(columns="YEAR").to_numpy().ravel())


def test_longley_is_nearly_collinear() -> None:
    """The condition number is the one of the datasheet."""
    rows = real.load("longley")
    design = rows.drop(columns="employed_thousands").assign(constant=1.0)

    assert 4.8e9 < np.linalg.cond(design.to_numpy(dtype="float64")) < 4.9e9


def test_loading_is_light() -> None:
    """Neither the import nor a file brings in scikit-learn, statsmodels' collection of sets, or a network client."""
    code = (
        "import sys; from tidewater.real import load; assert 'pandas' not in sys.modules; load('randhie');"
        "load('co2'); heavy = ('sklearn', 'scipy', 'statsmodels.datasets', 'httpx');"
        "print([name for name in heavy if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"


def test_a_caller_may_change_its_table() -> None:
    """The next caller gets the set as it is, whether a cell, a column or the names were changed."""
    mine = real.load("fair")
    mine.loc[0, "children"] = 99.0
    mine["age_years"] = 0.0
    mine.columns = [name.upper() for name in mine.columns]
    mine.drop(index=mine.index[10:], inplace=True)
    again = real.load("fair")

    assert again.shape == (6366, 9)
    assert again.loc[0, "children"] != 99.0
    assert (again["age_years"] > 0).all()
