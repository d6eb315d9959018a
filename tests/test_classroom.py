"""Making a class: what is written, what is left alone, what is refused, and what never reaches a student."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import typer
from class_unit import PATH, write_class_course
from typer.testing import CliRunner

from grader import cli_class
from grader.build import learner_notebook, nbgrader_source
from grader.classroom.agreement import compare, release_differences
from grader.classroom.course import Made, chosen_units, make_class
from grader.classroom.graded import GradedCell
from grader.classroom.record import read_record
from grader.course import Course, find_course
from grader.errors import CourseError, SeatrialError
from grader.filled import filled_notebook
from grader.model import Outcome, Report, TestResult, Unit
from grader.notebook import read_submission

LONG = 20


@pytest.fixture
def course(tmp_path: Path) -> Course:
    return write_class_course(tmp_path / "course")


@pytest.fixture
def unit(course: Course) -> Unit:
    return course.unit("double")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "my class"


def secret_lines(unit: Unit) -> set[str]:
    """Lines of solutions, hidden tests, wrong and other answers that neither cells nor hints show."""
    shown = ["".join(cell["source"]) for cell in json.loads(learner_notebook(unit))["cells"]]
    visible = "\n".join([*shown, *unit.header.hints])
    texts = [answer.reference for answer in unit.answers]
    texts += [test.text for test in unit.tests]
    texts += [wrong.text for wrong in unit.wrong] + [also.text for also in unit.also]
    lines = {line.strip().lstrip("# ") for text in texts for line in text.split("\n")}
    return {line for line in lines if len(line) > LONG and line not in visible}


def leaks(folder: Path, unit: Unit, files: str = "*") -> Iterator[str]:
    """Each place in the files of a folder where a secret line stands, as it is or as JSON writes it."""
    secrets = secret_lines(unit)
    assert secrets
    for path in folder.rglob(files):
        text = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
        for line in secrets:
            if (
                line in text
                or json.dumps(line)[1:-1] in text
                or json.dumps(line, ensure_ascii=False)[1:-1] in text
            ):
                yield f"{path.relative_to(folder)}: {line}"


def test_a_class_holds_what_nbgrader_needs(folder: Path, unit: Unit) -> None:
    """Settings, a page for the instructor, and the unit's notebook as source: module is assignment."""
    made = make_class(folder, [unit])

    source = folder / "source" / f"{PATH}.ipynb"
    assert source.read_text(encoding="utf-8") == nbgrader_source(unit)
    assert 'course_id = "my-class"' in (folder / "nbgrader_config.py").read_text(encoding="utf-8")
    assert set(made.created) == {
        "seatrial.json",
        "nbgrader_config.py",
        "README.md",
        ".gitignore",
        f"source/{PATH}.ipynb",
    }


def test_no_absolute_path_is_written(folder: Path, unit: Unit, tmp_path: Path) -> None:
    """A class can be moved to another machine."""
    make_class(folder, [unit])
    files = [path for path in folder.rglob("*") if path.is_file()]

    assert [path.name for path in files if str(tmp_path) in path.read_text(encoding="utf-8")] == []


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such rights")
def test_the_secret_is_the_owners(folder: Path, unit: Unit) -> None:
    """Other people on the machine cannot read the seed of the hidden data."""
    make_class(folder, [unit])

    assert (folder / "seatrial.json").stat().st_mode & 0o777 == 0o600


def test_making_a_class_again_changes_nothing(folder: Path, unit: Unit) -> None:
    """The second time everything is there; above all the secret stays."""
    make_class(folder, [unit])
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    made = make_class(folder, [unit])

    assert made == Made()
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


def test_what_is_missing_comes_back(folder: Path, unit: Unit) -> None:
    """A deleted notebook or page is written again, and nothing else is touched."""
    make_class(folder, [unit])
    (folder / "README.md").unlink()
    (folder / "source" / f"{PATH}.ipynb").unlink()

    assert make_class(folder, [unit]).created == ["README.md", f"source/{PATH}.ipynb"]


def test_a_notebook_that_nobody_edited_is_updated(folder: Path, unit: Unit) -> None:
    """What was written for an older course gives way to today's."""
    make_class(folder, [older(unit)])
    made = make_class(folder, [unit])

    assert made.updated == [f"source/{PATH}.ipynb"]
    assert (folder / made.updated[0]).read_text(encoding="utf-8") == nbgrader_source(unit)


def test_an_edited_notebook_is_kept(folder: Path, unit: Unit) -> None:
    """The instructor's changes are never overwritten, however often the command runs."""
    make_class(folder, [older(unit)])
    path = folder / "source" / f"{PATH}.ipynb"
    path.write_text(
        path.read_text(encoding="utf-8").replace("Twice as much", "Our own title"), encoding="utf-8"
    )
    edited = path.read_bytes()
    made = [make_class(folder, [unit]) for _ in range(2)]

    assert [one.edited for one in made] == [[f"source/{PATH}.ipynb"]] * 2
    assert path.read_bytes() == edited


def older(unit: Unit) -> Unit:
    """The unit as an older course had it."""
    return replace(unit, source_hash="sha256:older")


def test_a_foreign_folder_is_refused(folder: Path, unit: Unit) -> None:
    """Files of somebody else's are not mixed with a class."""
    folder.mkdir()
    (folder / "thesis.txt").write_text("mine", encoding="utf-8")

    with pytest.raises(SeatrialError, match="not empty and is no class"):
        make_class(folder, [unit])
    assert [path.name for path in folder.iterdir()] == ["thesis.txt"]


def test_a_file_is_refused(folder: Path, unit: Unit) -> None:
    """A class is a folder."""
    folder.write_text("", encoding="utf-8")

    with pytest.raises(SeatrialError, match="is a file"):
        make_class(folder, [unit])


def test_a_learners_workspace_is_refused(folder: Path, unit: Unit) -> None:
    """Below it, students' runs would go to the learner's own store."""
    folder.mkdir()
    (folder / ".seatrial").touch()

    with pytest.raises(SeatrialError, match="learner's runs"):
        make_class(folder / "class", [unit])


@pytest.mark.parametrize(
    "text", ["", "[]", '{"secret": "zz", "written": {}}', '{"secret": "aa", "written": {}}']
)
def test_a_damaged_record_is_not_replaced(folder: Path, unit: Unit, text: str) -> None:
    """A new secret would change the hidden data of every re-grade."""
    make_class(folder, [unit])
    (folder / "seatrial.json").write_text(text, encoding="utf-8")

    with pytest.raises(SeatrialError, match="backup"):
        make_class(folder, [unit])
    assert (folder / "seatrial.json").read_text(encoding="utf-8") == text


def test_the_seed_depends_on_class_and_unit_alone(tmp_path: Path, unit: Unit) -> None:
    """So every student and every re-grade gets the same hidden data, and no other class has them."""
    for name in ("one", "two"):
        make_class(tmp_path / name, [unit])
    one, again, two = (read_record(tmp_path / name) for name in ("one", "one", "two"))

    assert one is not None
    assert again is not None
    assert two is not None
    assert one.seed("double") == again.seed("double")
    assert len({one.seed("double"), one.seed("other"), two.seed("double")}) == 3
    assert 0 <= one.seed("double") < 2**128


def test_units_are_chosen_by_name_and_module(course: Course, folder: Path) -> None:
    """By a unit's word, by its module's folder, or all of them."""
    for units, modules in ((["double"], []), ([], ["00-start"]), ([], [])):
        assert [unit.path for unit in chosen_units(course, folder, units, modules)] == [PATH]


def test_a_class_that_is_there_keeps_to_its_units(folder: Path) -> None:
    """Bringing it up to date adds no unit that was not asked for."""
    kinds = Course(Path(__file__).parent / "course")
    make_class(folder, [kinds.unit("add-up")])

    assert [unit.name for unit in chosen_units(kinds, folder)] == ["add-up"]
    assert [unit.name for unit in chosen_units(kinds, folder, ["tidy-file"])] == ["tidy-file"]


def test_an_unknown_name_gets_the_nearest(course: Course, folder: Path) -> None:
    """A slip of the hand is answered with the name that was meant."""
    with pytest.raises(CourseError, match='Did you mean "double"'):
        chosen_units(course, folder, ["doubel"])
    with pytest.raises(CourseError, match='Did you mean "00-start"'):
        chosen_units(course, folder, [], ["00-strat"])


def test_a_course_without_solutions_makes_no_class(tmp_path: Path) -> None:
    """What learners install holds no hidden tests to grade with."""
    (tmp_path / "exercises").mkdir()

    with pytest.raises(CourseError, match="clone"):
        chosen_units(Course(tmp_path), tmp_path / "class")


def test_the_command_says_what_it_made(course: Course, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`mle class init DIR --units double` names each file and the command that follows."""
    monkeypatch.setenv("SEATRIAL_COURSE", str(course.root))
    app = typer.Typer()
    cli_class.register(app)
    result = CliRunner().invoke(app, ["class", "init", str(folder), "--units", "double"])

    assert result.exit_code == 0, result.output
    assert "01-double.ipynb" in result.output
    assert "nbgrader generate_assignment 00-start" in result.output


def test_nothing_secret_stands_in_the_exercises() -> None:
    """No built exercise holds a line of its solution, its hidden tests, or a wrong answer to it."""
    course = find_course(Path(__file__).parent.parent)
    units = [unit for unit in course.units if unit.has_exercise]
    found = [leak for unit in units for leak in leaks(course.root / "exercises", unit, f"{unit.path}.ipynb")]

    assert units
    assert found == []


def test_the_search_for_leaks_finds_them(folder: Path, unit: Unit) -> None:
    """In `source/` every kind of secret that stands there is found."""
    make_class(folder, [unit])
    found = "\n".join(leaks(folder, unit))

    assert "result_of_the_sum" in found
    assert "drawn_for_hidden" in found
    assert not any(leaks(folder.parent / "course" / "exercises", unit))


def test_a_filled_notebook_is_read_as_it_was_filled(course: Course, unit: Unit, tmp_path: Path) -> None:
    """Answers stand in their cells, a file behind the line that writes it; the others are the reference."""
    path = tmp_path / "01-double.ipynb"
    path.write_text(filled_notebook(unit, {"ends": "print(1)\n"}), encoding="utf-8")
    submission = read_submission(path, unit)
    texts = {cell.name: cell.text for cell in submission.cells}

    assert texts["ends"] == "%%writefile ends.py\nprint(1)\n"
    assert texts["double"] == unit.answer("double").reference
    assert not submission.untouched


def test_different_points_are_a_problem() -> None:
    """The sentence names the test, both verdicts, and what nbgrader saw."""
    result = TestResult("t", ("a",), Outcome.PASSED, 2, 2)
    report = Report("double", (result,), seed=1, seconds=0, own_seconds=0)

    assert list(compare("x", {"t": GradedCell(2, 2)}, report)) == []
    assert list(compare("x", {"t": GradedCell(0, 2, "text on stderr: slow")}, report)) == [
        ("x", '"t": nbgrader gives 0 of 2 (text on stderr: slow), a check gives 2 of 2 (passed)')
    ]
    assert "no points for the test" in next(compare("x", {}, report))[1]
    assert "did not grade" in next(compare("x", "the kernel died", report))[1]
    assert "does not run" in str(list(compare("x", {"t": GradedCell(2, 2), "u": GradedCell(0, 1)}, report)))


def test_another_release_is_a_problem(unit: Unit) -> None:
    """What nbgrader hands out is what `mle build` hands out, cell by cell."""
    built = learner_notebook(unit)

    assert list(release_differences(unit, built)) == []
    assert len(list(release_differences(unit, built.replace("Twice as much", "Other")))) == 1
