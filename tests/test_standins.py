"""grader/standins.py: a unit goes on with what another left, at home the learner's own, in a check a stand-in."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from two_units import GOER, LEAVER, two_units

import grader
from grader import tracking
from grader.build import build, check_built
from grader.catalogue import PAGE, units_page
from grader.checking import run_modules
from grader.course import Course
from grader.errors import SourceError
from grader.jail.isolation import Isolation, probe
from grader.model import Report
from grader.notebook import submission_from
from grader.runner import run
from grader.standins import PLACE, StandinError, read_standin, start_from
from grader.verify.reference import reference_facts
from grader.workers import grading_workers

FULL = probe().level is Isolation.FULL


@pytest.fixture
def course(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Course:
    """The two units, with the stand-in that the first leaves."""
    course = two_units(tmp_path / "course")
    monkeypatch.setenv("SEATRIAL_COURSE", str(course.root))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    reference_facts(course, course.unit("leaver"))
    return course


def reported(course: Course, level: Isolation) -> Report:
    unit = course.unit("goer")
    with grading_workers(run_modules(unit), level) as make:
        return run(unit, submission_from(unit, {}), make(), seed=1)


def test_the_stand_in_is_made_from_the_reference(course):
    """Its files, parameters, metrics and tags, without MLflow's own; and no place of this machine."""
    start = read_standin("leaver")
    facts = json.loads((start.folder / "standin.json").read_text())

    assert start.path("note.txt").read_text() == "from the run"
    assert (start.params, start.metrics, start.tags) == ({"letters": "12"}, {"words": 3.0}, {"kind": "note"})
    assert start.run_id == ""
    assert facts["source"] == course.unit("leaver").source_hash
    assert str(course.root) not in json.dumps(facts)


@pytest.mark.parametrize(
    "level",
    [
        Isolation.REDUCED,
        pytest.param(Isolation.FULL, marks=pytest.mark.skipif(not FULL, reason=str(probe().why))),
    ],
)
def test_a_check_goes_on_with_the_stand_in(course, level):
    """Also in the jail, which shows the folder of stand-ins and nothing else of the course."""
    report = reported(course, level)

    assert report.points == report.max_points
    assert "leaver: starting from the stand-in of the course." in report.cell_output["given-1"]


def test_at_home_the_newest_run_with_all_files_is_taken(course, tmp_path):
    """Not one that failed, that lacks a file, or that is older; and the notebook says which."""
    home = tmp_path / "work"
    home.mkdir()
    (home / tracking.MARK).touch()
    code = """
import grader
grader.begin("leaver")
import mlflow
def leave(name, text, file="note.txt"):
    with mlflow.start_run(run_name=name):
        mlflow.log_param("letters", len(text))
        mlflow.log_text(text, file)
leave("older", "the older note")
leave("mine", "my note")
leave("other", "no note", "other.txt")
try:
    with mlflow.start_run(run_name="broken"):
        mlflow.log_text("half a note", "note.txt")
        raise ValueError
except ValueError:
    pass
grader.begin("goer")
start = grader.start_from("leaver")
print(start.path("note.txt").read_text(), start.params, len(start.run_id))
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=home,
        capture_output=True,
        text=True,
        env=dict(os.environ),
        timeout=200,
    )

    lines = done.stdout.splitlines()
    assert done.stderr == ""
    assert lines[-2].startswith("leaver: starting from your run mine of 20")
    assert lines[-1] == "my note {'letters': '7'} 32"


def test_a_damaged_store_is_left_to_who_writes_to_it(course, tmp_path, monkeypatch):
    """What a unit starts from does not fail for it."""
    (tmp_path / "mlflow.db").write_bytes(b"no database")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path / 'mlflow.db'}")

    assert start_from("leaver").origin == "the stand-in of the course"


def test_wrong_names_are_told_with_what_there_is(course, capsys):
    """A unit that leaves nothing, and a file that is not left."""
    with pytest.raises(StandinError, match='no unit "goer" leaves anything to start from; these do: leaver'):
        grader.start_from("goer")
    start = grader.start_from("leaver")
    with pytest.raises(StandinError, match=r'leaver leaves no "model"; it leaves: note\.txt\.'):
        start.path("model")

    assert capsys.readouterr().out == "leaver: starting from the stand-in of the course.\n"


@pytest.mark.parametrize(
    ("facts", "message"),
    [
        ("[]", r"cannot be read \(ValueError: standin.json holds no object\)"),
        ("{", "cannot be read"),
        ('{"files": {"note.txt": ""}}', "cannot be read"),
        ('{"files": {"gone.txt": ""}, "params": {}, "metrics": {}, "tags": {}}', r"lacks gone\.txt"),
    ],
)
def test_a_damaged_stand_in_says_what_to_do(course, facts, message):
    """A file that is no JSON, has no keys, or names a file that is not there."""
    (course.root / PLACE / "leaver" / "standin.json").write_text(facts)

    with pytest.raises(StandinError, match=message) as caught:
        start_from("leaver")
    assert "mle build" in str(caught.value)


def test_a_stale_missing_or_stray_stand_in_is_a_problem(course):
    """A changed source, a changed file, no folder, a file too many, a folder of no unit."""
    build(course)
    folder = course.root / PLACE / "leaver"
    shown = "datasets/standins/leaver"
    assert check_built(course) == []

    (folder / "more.txt").write_text("")
    assert check_built(course) == [f"{shown}: has the stray file more.txt; run mle build leaver"]
    (folder / "more.txt").unlink()
    (folder / "note.txt").write_text("another")
    assert check_built(course) == [
        f"{shown}: has another note.txt than the one that was made; run mle build leaver"
    ]
    (folder / "note.txt").unlink()
    assert check_built(course) == [f"{shown}: is missing or damaged; run mle build leaver"]
    two_units(course.root, leaver=LEAVER.replace("Log a note.", "Log the note."))
    changed = Course(course.root)
    build(changed)
    assert check_built(changed) == [f"{shown}: is of an older source; run mle build leaver"]
    folder.rename(folder.with_name("gone"))
    assert check_built(changed) == [
        f"{shown}: is missing or damaged; run mle build leaver",
        "datasets/standins/gone: is the stand-in of no unit that leaves something; delete it",
    ]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"note.txt")', '"other.txt")', 'its run logs no artefact "note.txt"'),
        ("log_text(text,", 'log_text("x" * 1_000_001,', "leave 1,000,000 at most"),
        ('"letters", len(text)', '"letters", 0', "the reference earns 0 of 2 points"),
    ],
)
def test_a_reference_that_leaves_something_else_is_refused(tmp_path, old, new, message):
    """A file of another name, a large one, and a reference that is wrong."""
    course = two_units(tmp_path, leaver=LEAVER.replace(old, new, 1))

    with pytest.raises(SourceError, match=message):
        reference_facts(course, course.unit("leaver"))


@pytest.mark.parametrize(
    ("leaver", "goer", "problem"),
    [
        (
            LEAVER,
            GOER.replace("[leaver]", "[]"),
            'starts from "leaver" and does not need it; add it to needs',
        ),
        (LEAVER.replace("# leaves: [note.txt]\n", ""), GOER, 'starts from "leaver", which leaves nothing'),
        (
            LEAVER,
            GOER.replace('from("leaver")', 'from("other")'),
            'starts from "other", which leaves nothing',
        ),
        (LEAVER, GOER, ""),
    ],
)
def test_the_graph_has_what_units_start_from(tmp_path, leaver, goer, problem):
    """A unit starts only from one that it needs and that leaves something."""
    found = two_units(tmp_path, leaver, goer).problems()

    assert [problem in line for line in found] == ([True] if problem else [])


@pytest.mark.parametrize("name", ["a/b.txt", "..", "-x", "a b"])
def test_only_plain_names_are_left(tmp_path, name):
    """A file at the top of the run."""
    with pytest.raises(SourceError, match="is no plain file name"):
        two_units(tmp_path, leaver=LEAVER.replace("[note.txt]", f'["{name}"]')).unit("leaver")


def test_the_page_of_units_says_what_sources_and_runs_hold(course):
    """Points, counts, what a unit starts from and leaves, and what its run tracks; a stale page is a problem."""
    (course.root / "docs").mkdir()
    build(course)
    facts = reference_facts(course, course.unit("leaver"))
    stored = {"source": course.unit("leaver").source_hash, "wrong": {}, "reference": facts}
    (course.root / "solutions" / "00-two" / "01-leaver.outcomes.json").write_text(json.dumps(stored))
    page = units_page(course)

    assert check_built(course) == ["docs/units.md: is missing; run mle build"]
    assert f"| 00-two `leaver`: Leave a note | 5 | 2 | 0 | 0 | {facts['seconds']} |  | `note.txt` |" in page
    assert "| 00-two `goer`: Go on | 5 | 1 | 0 | 0 |  | `leaver` |  |" in page
    assert "| 2 units | 10 | 3 | 0 | 0 | | | |" in page
    assert (
        "- `leaver`: parameters `letters`; metrics `words`; tags `kind`; artefacts `note.txt`\n"
        "- `goer`: no run\n" in page
    )
    (course.root / PAGE).write_text(page)
    assert check_built(course) == []
    (course.root / PAGE).write_text(page + "\n")
    assert check_built(course) == ["docs/units.md: is not what the sources say; run mle build"]
