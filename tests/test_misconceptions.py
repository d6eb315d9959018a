"""A misconception is named only where exactly one wrong answer fails in just this way."""

import dataclasses

import pytest
from small_course import COURSE, notebook_of, report_of
from small_unit import body

from grader.checking import outcomes_file
from grader.misconceptions import dump_signatures, load_signatures, name_misconceptions, signature
from grader.model import Report, Unit

UNIT = COURSE.unit("add-up")
STORED = load_signatures(outcomes_file(COURSE, UNIT))


@pytest.fixture
def named(tmp_path, workers):
    """A function: the misconceptions named for an answer to add_up, by test."""

    def name(answer: str, unit: Unit = UNIT, stored=STORED) -> dict[str, str]:
        report = report_of(notebook_of(tmp_path, unit, {"add_up": answer}), unit, workers)
        found = name_misconceptions(unit, report, stored)
        return {result.name: result.misconception for result in found.results if result.misconception}

    return name


def add_up(lines: str) -> str:
    return body(lines, "add_up", "amounts")


@pytest.mark.parametrize("wrong", UNIT.wrong, ids=[wrong.name for wrong in UNIT.wrong])
def test_each_wrong_answer_is_known_again(named, wrong):
    """On the tests that are meant to catch it, with its sentence, whatever the hidden data are."""
    assert named(wrong.text) == dict.fromkeys(wrong.caught_by, wrong.misconception)


@pytest.mark.parametrize(
    "lines",
    [
        "return sum(amount for amount in amounts if amount is not None)",
        "return 0",
        "return 251",
        "return sum(amounts)",
        "raise NotImplementedError()",
        "import os\nos._exit(1)",
    ],
    ids=["right", "zero", "other", "raises", "stub", "dies"],
)
def test_what_fails_otherwise_is_not_named(named, lines):
    """Neither a right answer, nor one that fails in another way, is told what it does not think."""
    assert named(add_up(lines)) == {}


def test_the_same_idea_in_other_words_is_named(named):
    """What counts is how it fails, not how it is written."""
    lines = "total = 0\nfor amount in amounts:\n    if amount and amount > 0: total += amount\nreturn total"

    assert named(add_up(lines)) == {"known_amounts": "A refund is an amount too, and this counts only sales."}


def test_two_that_fail_alike_name_nothing(named):
    """A learner is not told one of two."""
    twin = dataclasses.replace(UNIT.wrong[1], name="twin", misconception="Another.")
    unit = dataclasses.replace(UNIT, wrong=(*UNIT.wrong, twin))

    assert named(twin.text, unit, {**STORED, "twin": STORED[UNIT.wrong[1].name]}) == {}


def test_nothing_stored_names_nothing(named, tmp_path):
    """A missing or damaged file of outcomes is as good as none."""
    damaged = tmp_path / "damaged.json"

    assert load_signatures(tmp_path / "missing.json") == {}
    for text in ("", "[]", "{}", '{"wrong": 3}', "\x00"):
        damaged.write_text(text)
        assert load_signatures(damaged) == {}
    assert named(UNIT.wrong[0].text, stored={}) == {}


def test_signatures_are_kept_as_text_and_read_back(tmp_path, workers):
    """Sorted, so that the file changes only when an outcome does; without anything of hidden data."""
    wrong = UNIT.wrong[1]
    reports: list[Report] = [
        report_of(notebook_of(tmp_path, UNIT, {"add_up": wrong.text}), UNIT, workers) for _ in range(2)
    ]
    texts = [dump_signatures(UNIT, {wrong.name: signature(r.results, "add_up")}, {}) for r in reports]
    path = tmp_path / "outcomes.json"
    path.write_text(texts[0])

    assert reports[0].seed != reports[1].seed
    assert texts[0] == texts[1]
    assert load_signatures(path) == {wrong.name: STORED[wrong.name]}
