"""`mle check` as a learner runs it: what it says, its exit codes, its JSON, and input that is damaged."""

import json
from pathlib import Path

import jsonschema
import pytest
import typer
from small_course import COURSE, copied_course, mle, notebook_of
from small_unit import body

from grader import cli
from grader.filled import filled_notebook
from grader.report import as_json

SCHEMA = json.loads((Path(__file__).parents[1] / "docs" / "check.schema.json").read_text(encoding="utf-8"))
UNIT = COURSE.unit("add-up")
WRONG = {wrong.name: wrong.text for wrong in UNIT.wrong}
SEED = 271828


def started(home: Path, answer: str | None = None) -> Path:
    """The learner's notebook in a fresh folder; with the reference, or with this answer."""
    path = home / "00-kinds" / "01-add-up" / "01-add-up.ipynb"
    path.parent.mkdir(parents=True)
    path.write_text(filled_notebook(UNIT, {} if answer is None else {"add_up": answer}), encoding="utf-8")
    return path


def said(text: str) -> str:
    """Text without the terminal's line breaks."""
    return " ".join(text.split())


# ---- what it says


def test_all_points_lead_to_the_next_unit(tmp_path):
    """Exit code 0, each test with its points, and the command for the next unit."""
    started(tmp_path)
    done = mle("check", "add-up", home=tmp_path)

    assert (done.returncode, done.stderr) == (0, "")
    assert "passed known_amounts 2 of 2" in said(done.stdout)
    assert "3 of 3 points in" in done.stdout
    assert "All points. Next unit: mle start tidy-file (Which row of an order counts?, 10 minutes)" in said(
        done.stdout
    )


def test_an_attempt_may_go_unrecorded(tmp_path, monkeypatch):
    """`--no-record` judges and leaves no trace among the learner's runs."""
    monkeypatch.setenv("SEATRIAL_COURSE", str(COURSE.root))
    monkeypatch.setenv("SEATRIAL_HOME", str(tmp_path))
    kept: list[str] = []
    monkeypatch.setattr(cli, "record", lambda course, found: kept.append(found.unit))
    started(tmp_path)
    for keep in (False, True):
        with pytest.raises(typer.Exit):
            cli.check("add-up", as_json=True, keep=keep)

    assert kept == ["add-up"]


def test_a_failure_says_what_to_do_and_names_a_known_misconception(tmp_path):
    """Exit code 1, the four parts, the trap, points, the hint's command."""
    started(tmp_path, WRONG["stops_at_gap"])
    done = mle("check", "add-up", home=tmp_path)
    text = said(done.stdout)

    assert (done.returncode, done.stderr) == (1, "")
    assert "failed known_amounts 0 of 2" in text
    assert "add_up([250, None, 100]): got 250, expected 350, because 250 and 100 are known." in text
    assert "Look at what you do with None." in text
    assert "known trap: A gap is not the end of the day: this stops at the first None." in text
    assert "0 of 3 points" in text
    assert "Next: known_amounts. A hint: mle hint add-up. Then: mle check add-up" in text


def test_a_hidden_failure_keeps_its_input_and_names_its_misconception(tmp_path):
    """The visible test passes; the property is told, with neither value; the same seed says the same."""
    path = started(tmp_path, WRONG["no_refunds"])
    first, again = (mle("check", path, "--seed", SEED, "--json", home=tmp_path) for _ in range(2))
    told, repeated = json.loads(first.stdout), json.loads(again.stdout)
    test = told["tests"][0]

    assert first.returncode == 1
    assert test["message"] == (
        "add_up of a list with a refund: got an int, expected the value that the rule gives, "
        "because a refund counts as well as a sale. Look at which amounts you leave out."
    )
    assert test["misconception"] == "A refund is an amount too, and this counts only sales."
    assert told["seed"] == str(SEED)
    assert {**told, "seconds": 0, "own_seconds": 0} == {**repeated, "seconds": 0, "own_seconds": 0}
    jsonschema.validate(told, SCHEMA)


def test_the_text_of_a_hidden_failure_gives_the_seed(tmp_path):
    """So that the same hidden data can be had again."""
    started(tmp_path, WRONG["no_refunds"])
    text = said(mle("check", "add-up", "--seed", SEED, home=tmp_path).stdout)

    assert "Hidden check: add_up of a list with a refund" in text
    assert f"seed {SEED}" in text
    assert "known trap: A refund is an amount too, and this counts only sales." in text


def test_an_untouched_notebook_is_not_attempted(tmp_path):
    """Straight after mle start: no points, no traceback, one sentence on what to do."""
    start = mle("start", "--no-lab", "add-up", home=tmp_path)
    done = mle("check", "add-up", home=tmp_path)

    assert start.returncode == 0
    assert "run: mle check add-up" in said(start.stdout)
    assert done.returncode == 1
    assert done.stdout.count("not attempted") == 2
    assert "Write your answer in the cell add_up" in done.stdout
    assert "0 of 3 points" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


# ---- JSON

STATES = {
    "passed": {},
    "failed": {"double": body("return 0")},
    "hidden": {"largest": body("return 8", "largest", "numbers")},
    "crashed": {"double": body("import os\nos._exit(1)"), "shout": "1 / 0\n"},
    "not attempted": {"double": body("raise NotImplementedError()")},
    "limits": {"double": body("raise MemoryError")},
}


@pytest.mark.parametrize("answers", STATES.values(), ids=STATES)
def test_every_outcome_keeps_the_schema(unit, judged, answers):
    """What a program reads is what docs/check-json.md says."""
    content = json.loads(json.dumps(as_json(judged(unit, answers))))

    jsonschema.validate(content, SCHEMA)
    assert content["points"] == sum(test["points"] for test in content["tests"])
    assert content["max_points"] == sum(test["max_points"] for test in content["tests"])


def test_the_schema_refuses_what_is_not_said(unit, judged):
    """A passed test with a message, an unknown outcome, points without passing."""
    good = as_json(judged(unit))
    for wrong in ({"message": "but"}, {"outcome": "fine"}, {"outcome": "failed"}, {"extra": 1}):
        bad = {**good, "tests": [{**good["tests"][0], **wrong}]}

        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(bad, SCHEMA)


# ---- input that is damaged


def old_format(path: Path) -> None:
    content = json.loads(path.read_text())
    cells = content.pop("cells")
    path.write_text(json.dumps({"nbformat": 3, "metadata": {}, "worksheets": [{"cells": cells}]}))


def two_answers(path: Path) -> None:
    content = json.loads(path.read_text())
    place = next(n for n, cell in enumerate(content["cells"]) if cell["id"] == "add_up")
    copy = {**content["cells"][place], "source": WRONG["no_refunds"]}
    content["cells"].insert(place, copy)
    path.write_text(json.dumps(content))


def sparse(path: Path) -> None:
    with path.open("r+b") as file:
        file.truncate(200_000_000)


DAMAGE = {
    "cut off": (lambda path: path.write_text(path.read_text()[:2000]), "is damaged"),
    "no JSON": (lambda path: path.write_text("<html>Login</html>"), "is damaged"),
    "no notebook": (lambda path: path.write_text("[1, 2]"), "no notebook"),
    "old format": (old_format, "old notebook format 3"),
    "wrong encoding": (
        lambda path: path.write_bytes(path.read_text().encode() + "ü".encode("latin-1")),
        "UTF-8",
    ),
    "empty": (lambda path: path.write_bytes(b""), "is empty"),
    "200 MB": (sparse, "200 MB, more than 20 MB"),
    "two answers": (two_answers, "add_up"),
    "another unit": (
        lambda path: path.write_text(filled_notebook(COURSE.unit("tidy-file"), {})),
        'is the exercise "tidy-file", not "add-up"',
    ),
    "a folder": (lambda path: (path.unlink(), path.mkdir()), "is a folder"),
    "gone": (lambda path: path.unlink(), "mle start add-up"),
}


@pytest.mark.parametrize(("damage", "told"), DAMAGE.values(), ids=DAMAGE)
def test_damaged_input_is_told_in_one_line(tmp_path, damage, told):
    """Exit code 2, silence on stdout, and what to do about it; never a traceback."""
    path = started(tmp_path)
    damage(path)
    done = mle("check", "add-up", "--json", home=tmp_path)

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("Error: ")
    assert told in said(done.stderr)
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["check", "ad-up"], 'no exercise named "ad-up". Did you mean "add-up"?'),
        (["check", "nowhere.ipynb"], "nowhere.ipynb does not exist"),
        (["check"], "there is no exercise in your folder yet. Run: mle start"),
        (["check", "add-up", "--seed", "many"], '"many" is no seed'),
        (["start", "--no-lab", "killed"], 'no exercise named "killed"'),
        (["hint", "addup"], 'Did you mean "add-up"?'),
    ],
    ids=["unit", "file", "nothing", "seed", "start", "hint"],
)
def test_wrong_use_is_told_in_one_line(tmp_path, arguments, told):
    """Exit code 2, with the nearest name where a name is wrong."""
    if "--seed" in arguments:
        started(tmp_path)
    done = mle(*arguments, home=tmp_path, cwd=tmp_path)

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("Error: ")
    assert told in said(done.stderr)


def test_a_deleted_answer_is_not_attempted_and_told(tmp_path):
    """Its tests run as they stand today, whatever else was deleted; the note says how to get it back."""
    path = started(tmp_path)
    content = json.loads(path.read_text())
    content["cells"] = [cell for cell in content["cells"] if cell["id"] in ("given-1", "text-1")]
    path.write_text(json.dumps(content))
    done = mle("check", path, "--json", home=tmp_path)
    told = json.loads(done.stdout)

    assert done.returncode == 1
    assert [test["outcome"] for test in told["tests"]] == ["not attempted"] * 2
    assert 'the cell of the answer "add_up" is gone' in told["notes"][0]
    jsonschema.validate(told, SCHEMA)


def test_renamed_cells_are_found_again(tmp_path):
    """A notebook whose ids and metadata were lost in another program is judged by what its cells hold."""
    path = started(tmp_path)
    content = json.loads(path.read_text())
    for number, cell in enumerate(content["cells"]):
        cell.update(id=f"cell{number}", metadata={})
    path.write_text(json.dumps(content))
    done = mle("check", path, "--json", home=tmp_path)

    assert done.returncode == 0
    assert json.loads(done.stdout)["points"] == 3


def test_a_copy_of_an_older_course_is_judged_by_todays_tests(tmp_path):
    """It says so, and the file stays as it is."""
    course = copied_course(tmp_path, "01-add-up")
    source = course.root / "solutions" / "00-kinds" / "01-add-up.py"
    path = started(tmp_path / "home")
    before = path.read_bytes()
    source.write_text(source.read_text().replace("    350,\n", "    351,\n"))
    done = mle("check", path, "--json", home=tmp_path / "home", course=course)
    told = json.loads(done.stdout)

    assert done.returncode == 1
    assert "the course is newer than this copy" in told["notes"][0]
    assert "expected 351" in told["tests"][0]["message"]
    assert path.read_bytes() == before


def test_a_notebook_of_a_file_answer_is_checked_where_it_lies(tmp_path):
    """By its path from another folder, with a file of its own beside it that is not touched."""
    unit = COURSE.unit("tidy-file")
    path = notebook_of(tmp_path, unit)
    (tmp_path / "tidy.csv").write_text("mine")
    done = mle("check", path, home=tmp_path / "home", cwd="/")

    assert done.returncode == 0
    assert "3 of 3 points" in done.stdout
    assert (tmp_path / "tidy.csv").read_text() == "mine"
    assert not (tmp_path / "tidy.py").exists()
