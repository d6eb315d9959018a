"""The optional sets: their table, their cache, and how their files become tables."""

from __future__ import annotations

import hashlib
import re
import sys
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from tidewater import real
from tidewater.real import public
from tidewater.real.public import PUBLIC

ROOT = Path(__file__).parent.parent

# Invented rows in the form of the real files.
SAMPLES = {
    "adult": "31,?,100,Masters,14,Widowed,?,Wife,Other,Female,0,0,7,?,<=50K\n"
    "44,Private,200,10th,6,Divorced,Sales,Unmarried,White,Male,10,20,50,United-States,>50K\n",
    "bike_sharing": "instant,dteday,season,yr,mnth,hr,holiday,weekday,workingday,weathersit,temp,atemp,hum,windspeed,"
    "casual,registered,cnt\n7,2012-12-30,1,1,12,23,0,0,0,3,0.3,0.2879,0.58,0.1642,2,5,7\n",
    "credit_g": "A12,9,A30,A410,700,A65,A71,2,A92,A101,3,A124,33,A143,A153,1,A174,2,A191,A202,2\n",
    "sms_spam": 'ham\tHe said "yes, and left\nspam\tWIN a NA prize\nham\tnull\n',
}
WHOLE_NUMBERS = {
    "adult": ["age_years", "hours_per_week"],
    "bike_sharing": ["humidity_percent", "rentals"],
    "credit_g": ["duration_months", "amount_marks"],
    "sms_spam": [],
}


@pytest.fixture(params=real.OPTIONAL)
def sample(request, tmp_path, monkeypatch) -> tuple[str, pd.DataFrame]:
    """An optional set with an invented file, loaded through the cache."""
    name = request.param
    content = SAMPLES[name].encode()
    monkeypatch.setenv("SEATRIAL_DATA", str(tmp_path))
    monkeypatch.setitem(PUBLIC, name, replace(PUBLIC[name], sha256=hashlib.sha256(content).hexdigest()))
    PUBLIC[name].path.write_bytes(content)
    return name, real.load(name)


def columns_listed(name: str) -> list[str]:
    sheet = (ROOT / "datasets" / "datasheets" / f"{name}.md").read_text(encoding="utf-8")
    return re.findall(r"^\| `([^`]+)`", sheet, re.MULTILINE)


def test_the_datasheet_lists_the_columns(sample):
    """All of them in their order, and the number of rows that the table of sets has."""
    name, rows = sample
    sheet = (ROOT / "datasets" / "datasheets" / f"{name}.md").read_text(encoding="utf-8")

    assert columns_listed(name) == list(rows.columns)
    assert f"{PUBLIC[name].rows:,} rows" in sheet
    assert f"{len(rows.columns)} columns" in sheet
    assert f"mle data fetch {name}" in sheet
    assert PUBLIC[name].licence in sheet


def test_columns_have_their_own_types(sample):
    """Numbers are numbers, words are words, nothing is an object."""
    name, rows = sample

    assert [column for column in rows if rows[column].dtype == object] == []
    assert all(rows[column].dtype == "int64" for column in WHOLE_NUMBERS[name])
    assert rows.index.equals(pd.RangeIndex(len(rows)))


@pytest.mark.parametrize("sample", ["adult"], indirect=True)
def test_a_question_mark_is_a_missing_value(sample):
    """In three columns of adult, and in nothing else."""
    blanks = sample[1].isna().sum()

    assert blanks[blanks > 0].to_dict() == {"employer": 1, "occupation": 1, "native_country": 1}


@pytest.mark.parametrize("sample", ["sms_spam"], indirect=True)
def test_a_message_is_kept_to_the_letter(sample):
    """Quotation marks do not swallow lines; "null" and "NA" are words."""
    assert sample[1]["text"].to_list() == ['He said "yes, and left', "WIN a NA prize", "null"]


@pytest.mark.parametrize("sample", ["bike_sharing"], indirect=True)
def test_an_hour_is_one_moment(sample):
    """Date and hour become one column; winter is winter, and per cent are whole."""
    row = sample[1].iloc[0]

    assert row["hour"] == pd.Timestamp("2012-12-30 23:00")
    assert (row["season"], row["weather"], row["humidity_percent"]) == ("winter", "light rain or snow", 58)


def test_a_set_that_is_not_here_names_command_and_stand_in(tmp_path, monkeypatch):
    """As the reader has to type it; a damaged file is called so."""
    monkeypatch.setenv("SEATRIAL_DATA", str(tmp_path))
    monkeypatch.setenv("SEATRIAL_COMMAND", "python3 mle.py")
    with pytest.raises(real.NotFetchedError, match=r"not on this machine.*: python3 mle.py data fetch adult"):
        real.load("adult")
    (tmp_path / "adult.csv").write_text(SAMPLES["adult"])
    with pytest.raises(real.NotFetchedError, match=r'is damaged.*: load\("randhie"\)'):
        real.load("adult")


def test_a_folder_that_is_none_holds_no_set(tmp_path, monkeypatch):
    """A wrong SEATRIAL_DATA is answered like an empty one."""
    (tmp_path / "file").touch()
    monkeypatch.setenv("SEATRIAL_DATA", str(tmp_path / "file"))

    with pytest.raises(real.NotFetchedError, match="not on this machine"):
        real.load("adult")


@pytest.mark.parametrize("name", real.OPTIONAL)
def test_a_fetched_set_is_what_its_datasheet_says(name):
    """Rows of the real file, where somebody has fetched it."""
    if not PUBLIC[name].is_whole(PUBLIC[name].path):
        pytest.skip("not fetched on this machine")
    rows = real.load(name)

    assert len(rows) == PUBLIC[name].rows
    assert PUBLIC[name].path.stat().st_size == PUBLIC[name].size_bytes
    assert columns_listed(name) == list(rows.columns)


def test_addresses_are_fixed() -> None:
    """One commit of one repository each, over https; a digest of 64 digits."""
    for each in PUBLIC.values():
        assert re.fullmatch(
            r"https://raw\.githubusercontent\.com/[\w-]+/[\w-]+/[0-9a-f]{40}/[\w./-]+", each.address
        )
        assert re.fullmatch(r"[0-9a-f]{64}", each.sha256)


def test_the_folder_is_the_users_cache_or_the_chosen_one(monkeypatch, tmp_path):
    """SEATRIAL_DATA wins; a relative XDG_CACHE_HOME does not count, as its standard has it."""
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("SEATRIAL_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert public.data_folder() == tmp_path / "cache" / "seatrial" / "data"
    monkeypatch.setenv("XDG_CACHE_HOME", "cache")
    assert public.data_folder() == tmp_path / ".cache" / "seatrial" / "data"
    monkeypatch.setenv("SEATRIAL_DATA", str(tmp_path / "mine"))
    assert public.data_folder() == tmp_path / "mine"
