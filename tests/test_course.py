"""Finding the course, its units and their order; the cache; units without solutions."""

import json
import os
import stat
from pathlib import Path

import pytest
from sample_unit import SOURCE, write_course, write_source

from grader.build import build, learner_notebook
from grader.built import unit_from_notebook
from grader.course import Course, find_course
from grader.errors import CourseError, NotebookError
from grader.parsed import load_unit


def write_units(root: Path, needs: dict[str, str]) -> Course:
    """A course of units by word, each with the words that it needs; numbers follow the order given."""
    for number, (word, words) in enumerate(needs.items(), start=1):
        text = SOURCE.replace("first-check", word).replace("needs: []", f"needs: [{words}]")
        write_source(root, text, f"00-orientation/{number:02}-{word}")
    return Course(root)


@pytest.mark.parametrize(
    "name",
    ["first-check", "01-first-check", "00-orientation/01-first-check", "01-first-check.ipynb",
     "solutions/00-orientation/01-first-check.py", "exercises/00-orientation/01-first-check.ipynb"],
)  # fmt: skip
def test_a_unit_answers_to_its_names(tmp_path, name):
    """Word, stem, path, and the path of its file."""
    assert write_course(tmp_path).unit(name).name == "first-check"


def test_an_unknown_unit_offers_the_nearest(tmp_path):
    """The sentence is the one the command line shows."""
    with pytest.raises(CourseError) as caught:
        write_course(tmp_path).unit("frist-check")

    assert str(caught.value) == 'no exercise named "frist-check". Did you mean "first-check"?'


def test_a_word_of_two_units_must_be_told_apart(tmp_path):
    """The course says that the word stands twice, and asks for the path."""
    write_source(tmp_path)
    course = Course(tmp_path)
    write_source(tmp_path, SOURCE, "01-basics/04-first-check")

    with pytest.raises(CourseError, match="Write the whole path"):
        course.unit("first-check")
    assert course.unit("04-first-check").path == "01-basics/04-first-check"
    assert [line.split(":")[0] for line in course.problems()] == [
        "00-orientation/01-first-check",
        "01-basics/04-first-check",
    ]


def test_units_come_after_what_they_need(tmp_path):
    """Else they keep their place on the shelf; a need that does not exist yet is left out."""
    course = write_units(tmp_path, {"drift": "data, cost", "data": "", "alarm": "someday", "cost": "alarm"})

    assert [unit.name for unit in course.units] == ["drift", "data", "alarm", "cost"]
    assert [unit.name for unit in course.order] == ["data", "alarm", "cost", "drift"]
    assert course.graph["alarm"] == ()
    assert course.problems() == []


def test_a_circle_of_needs_is_named(tmp_path):
    """The units of the circle, in order, and only those."""
    course = write_units(tmp_path, {"start": "one", "one": "two", "two": "three", "three": "one"})

    assert course.cycle() == ("one", "two", "three", "one")
    with pytest.raises(CourseError, match="one -> two -> three -> one"):
        _ = course.order
    assert len(course.problems()) == 1


def test_the_course_is_found_from_below(tmp_path, monkeypatch):
    """From a folder in it, or by the environment variable."""
    write_course(tmp_path)
    monkeypatch.delenv("SEATRIAL_COURSE", raising=False)

    assert find_course(tmp_path / "modules" / "00-orientation").root == tmp_path.resolve()
    monkeypatch.setenv("SEATRIAL_COURSE", str(tmp_path))
    assert find_course().root == tmp_path.resolve()
    monkeypatch.setenv("SEATRIAL_COURSE", str(tmp_path / "nowhere"))
    assert find_course().root == tmp_path.resolve()


def test_no_course_is_an_error_with_advice(tmp_path):
    """The folder is named and what it lacks."""
    with pytest.raises(CourseError, match="Name a folder that holds modules/ and exercises/"):
        find_course(tmp_path)


def test_the_second_load_needs_no_parse(tmp_path):
    """The cache is JSON beside the course; a change of the source is seen."""
    source = write_source(tmp_path)
    cache = tmp_path / ".cache"
    first = load_unit(source, cache)
    stored = cache / "00-orientation--01-first-check.json"
    content = json.loads(stored.read_bytes())
    content["unit"]["header"]["title"] = "from the cache"
    stored.write_text(json.dumps(content))

    assert load_unit(source, cache).header.title == "from the cache"
    write_source(tmp_path, SOURCE + "\n# %% [markdown]\n# more\n")
    assert load_unit(source, cache).header.title == first.header.title


@pytest.mark.parametrize("damage", [b"", b"{}", b"[1]", b'{"key": 1, "unit": {}}', b"\xff", b"[" * 100_000])
def test_a_damaged_cache_is_no_error(tmp_path, damage):
    """The source is parsed again."""
    source = write_source(tmp_path)
    first = load_unit(source, tmp_path / ".cache")
    (tmp_path / ".cache" / "00-orientation--01-first-check.json").write_bytes(damage)

    assert load_unit(source, tmp_path / ".cache") == first


def test_a_cache_that_cannot_be_written_is_no_error(tmp_path):
    """A file where the folder should be stands for a course that is read only."""
    source = write_source(tmp_path)
    (tmp_path / ".cache").write_text("")

    assert load_unit(source, tmp_path / ".cache").name == "first-check"


def test_built_files_can_be_read_by_others(tmp_path):
    """Temporary files are private; what they become is not."""
    course = write_course(tmp_path)
    (path, _) = build(course)

    assert stat.S_IMODE(os.stat(path).st_mode) == 0o644


def test_without_solutions_the_notebooks_are_the_course(tmp_path):
    """Visible tests, points and hints stay; references, hidden tests and wrong answers are not there."""
    course = write_course(tmp_path)
    build(course)
    full = course.unit("first-check")
    (tmp_path / "solutions" / "00-orientation" / "01-first-check.py").unlink()
    (tmp_path / "solutions" / "00-orientation").rmdir()
    (tmp_path / "solutions").rmdir()
    bare = Course(tmp_path)
    unit = bare.unit("first-check")

    assert not bare.has_solutions
    assert unit.header == full.header
    assert (unit.path, unit.source_hash, unit.max_points) == (full.path, full.source_hash, full.max_points)
    assert [answer.reference for answer in unit.answers] == ["", ""]
    assert [(a.name, a.stub, a.names, a.file) for a in unit.answers] == [
        (a.name, a.stub, a.names, a.file) for a in full.answers
    ]
    assert [(t.name, t.of, t.text) for t in unit.tests] == [(t.name, t.of, t.visible) for t in full.tests]
    assert (unit.wrong, unit.also) == ((), ())
    assert learner_notebook(unit) == learner_notebook(full)


def test_a_notebook_of_another_make_is_no_unit(tmp_path):
    """The sentence says where the right file comes from."""
    path = tmp_path / "notes.ipynb"
    path.write_text('{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}')

    with pytest.raises(NotebookError, match=r"notes\.ipynb is not a built exercise"):
        unit_from_notebook(path)
