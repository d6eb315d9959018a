"""A year holds every incident, at times that nobody can guess."""

from __future__ import annotations

import itertools
from collections import Counter

import pytest
from tidewater import INCIDENTS, Incident
from tidewater.incidents import UnknownIncidentError, schedule
from tidewater.years import HARMFUL, TIMES_A_YEAR, year_of_incidents

FIRST_DAY, DAYS = 150, 365


@pytest.fixture(params=range(20))
def year(request: pytest.FixtureRequest) -> tuple[Incident, ...]:
    return year_of_incidents(request.param, FIRST_DAY)


def test_it_holds_every_kind_and_the_twin_of_each(year: tuple[Incident, ...]) -> None:
    """Once, or as often as TIMES_A_YEAR says."""
    counts = Counter(one.name for one in year)

    assert counts == {name: TIMES_A_YEAR.get(name, 1) for name in INCIDENTS}
    assert all(INCIDENTS[name].twin in counts for name in HARMFUL if INCIDENTS[name].twin)


def test_two_of_a_kind_never_overlap(year: tuple[Incident, ...]) -> None:
    """Two changes of unit at a time would multiply."""
    for name in TIMES_A_YEAR:
        dated = sorted((one.start_day, one.end_day) for one in year if one.name == name)
        assert all(first[1] < second[0] for first, second in itertools.pairwise(dated))


def test_it_lies_within_the_year(year: tuple[Incident, ...]) -> None:
    """What lasts begins in the first third; what passes is over before the end."""
    for one in year:
        assert one.start_day >= FIRST_DAY
        if INCIDENTS[one.name].days[1] == 0:
            assert one.start_day < FIRST_DAY + DAYS / 3 + 1
        else:
            assert one.end_day <= FIRST_DAY + DAYS


def test_sizes_lie_in_the_stated_ranges(year: tuple[Incident, ...]) -> None:
    """Also lengths and targets."""
    for one in year:
        kind = INCIDENTS[one.name]
        assert kind.size[0] <= one.size <= kind.size[1]
        assert kind.days[1] == 0 or kind.days[0] - 0.5 <= one.days <= kind.days[1] + 0.5
        assert one.target in (kind.targets or ("",))


def test_a_long_weekend_begins_on_a_saturday(year: tuple[Incident, ...]) -> None:
    """The world begins on a Wednesday."""
    (start,) = (one.start_day for one in year if one.name == "weekend")

    assert start % 7 == 3


def test_dates_differ_from_year_to_year() -> None:
    """No kind has the same start in more than a few of 20 years."""
    years = [year_of_incidents(seed, FIRST_DAY) for seed in range(20)]
    for name in INCIDENTS:
        starts = {one.start_day for year in years for one in year if one.name == name}
        assert len(starts) > 10 * TIMES_A_YEAR.get(name, 1)


def test_what_is_given_is_kept_and_the_rest_is_drawn() -> None:
    """Adding another incident changes none."""
    given = Incident("null_burst", 3.25, size=0.5, target="gateway")
    (alone,) = schedule(1, 60, [given])
    together = schedule(1, 60, ["sale", given, "holiday"])

    assert (alone.start_day, alone.size, alone.target) == (3.25, 0.5, "gateway")
    assert 0.3 <= alone.days <= 0.6
    assert alone in together


@pytest.mark.parametrize(
    ("wrong", "error", "message"),
    [
        ("holyday", UnknownIncidentError, 'Did you mean "holiday"'),
        ("xyz", UnknownIncidentError, "There are new_market"),
        (Incident("sale", 1.0, target="fax"), ValueError, "it hits one of web, app"),
        (Incident("holiday", 1.0, target="web"), ValueError, "it hits one of no target"),
    ],
)
def test_slips_are_named(wrong: str | Incident, error: type[Exception], message: str) -> None:
    """The error offers what there is."""
    with pytest.raises(error, match=message):
        schedule(1, 60, [wrong])
