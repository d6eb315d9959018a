"""Orders day by day: the rhythm, and changes planted to the day."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from tidewater.daybook import FIELDS, Change, daybook

START = pd.Timestamp("2025-01-06")


def day(book: pd.DataFrame, number: int) -> pd.DataFrame:
    return book[book["day"] == START + pd.Timedelta(days=number)]


def test_equal_arguments_give_equal_rows():
    """A judge and a lesson that ask for the same days get the same rows."""
    one, other = (daybook(3, 9, 60, holidays=[2]) for _ in range(2))

    pd.testing.assert_frame_equal(one, other)
    assert list(one.columns) == ["day", "release", "order_id", *FIELDS]


def test_a_holiday_is_like_a_sunday():
    """More orders come by the app on Sundays and on holidays than on other days."""
    book = daybook(3, 28, 400, holidays=[9])
    app = [(day(book, number)["channel"] == "app").mean() for number in (8, 9, 13)]

    assert app[0] + 0.15 < min(app[1], app[2])


@pytest.mark.parametrize(
    ("change", "hit"),
    [
        (Change("factor", "amount", 5, 2, 100.0), lambda rows: rows["amount"].median() > 500),
        (Change("missing", "items", 5, 2, 0.5), lambda rows: rows["items"].isna().mean() > 0.3),
        (Change("word", "device", 5, 2, 0.5, word="tv"), lambda rows: (rows["device"] == "tv").mean() > 0.3),
        (Change("narrow", "amount", 5, 2, 0.01), lambda rows: rows["amount"].std() < 15),
        (Change("add", "score", 5, 2, 1.0), lambda rows: rows["score"].min() >= 1.0),
    ],
)
def test_a_change_touches_its_days_alone(change, hit):
    """The day before the first and the day after the last are as they were."""
    book = daybook(4, 9, 80, changes=[change])

    assert [bool(hit(day(book, number))) for number in (4, 5, 6, 7)] == [False, True, True, False]


def test_a_creeping_change_grows():
    """The share of a new word goes up day by day until it has its size."""
    book = daybook(5, 14, 600, changes=[Change("word", "device", 2, 12, 0.8, word="tv", creep=8)])
    shares = [(day(book, number)["device"] == "tv").mean() for number in (1, 3, 6, 12)]

    assert shares[0] == 0.0
    assert np.all(np.diff(shares) > 0.1)


def test_an_unknown_kind_is_an_error():
    """A judge that misspells a change must not plant nothing."""
    with pytest.raises(ValueError, match="no change of the kind"):
        daybook(3, 7, 30, changes=[Change("sideways", "amount", 1, 1, 2.0)])
