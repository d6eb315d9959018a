"""`mle class grade` against nbgrader itself: same scores, and nbgrader's own commands work on what it leaves."""

from __future__ import annotations

import csv
import datetime
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import nbformat
import pytest
import typer
from graded_class import DOUBLE, MODULE, TRIPLE, School, answered, forked, new_school
from nbgrader.nbgraderformat import MetadataValidator
from typer.testing import CliRunner, Result

from grader import cli_class
from grader.classroom.course import make_class
from grader.classroom.grading import grade_class
from grader.classroom.summary import Options
from grader.errors import SeatrialError
from grader.jail.isolation import Isolation, probe

pytestmark = pytest.mark.skipif(os.name == "nt", reason="nbgrader has no class tools on Windows")

KINDS = ("untouched", "square", "shifted")
OWN: dict = {"cell_type": "code", "execution_count": None, "metadata": {}, "outputs": []}
PLAIN = """
from nbgrader.converters.autograde import Autograde
steps = Autograde.class_traits()["autograde_preprocessors"].default()
c.Autograde.autograde_preprocessors = [f"{step.__module__}.{step.__qualname__}" for step in steps]
"""
OWN_CELLS = ("print('from my own cell')", "1 / 0")


@pytest.fixture
def school(tmp_path: Path) -> School:
    return new_school(tmp_path)


def with_own_cells(text: str) -> str:
    """A notebook with two cells of the learner's own at its end: one prints, one raises."""
    content = json.loads(text)
    for number, source in enumerate(OWN_CELLS):
        content["cells"].append({**OWN, "id": f"mine-{number}", "source": source})
    content["cells"].append({"cell_type": "markdown", "id": "words", "metadata": {}, "source": "My *words*"})
    return json.dumps(content)


@pytest.fixture(scope="module")
def graded(tmp_path_factory: pytest.TempPathFactory) -> School:
    """Three kinds of students who hand in one notebook of two; a file beside, a time; graded by us."""
    school = new_school(tmp_path_factory.mktemp("graded"))
    for kind in KINDS:
        school.hand_in(kind, DOUBLE, answered(school.units["double"], kind))
    school.hand_in("square", DOUBLE, with_own_cells(answered(school.units["double"], "square")))
    folder = school.folder / "submitted" / "square" / MODULE
    (folder / "notes.txt").write_text("mine", encoding="utf-8")
    (folder / "timestamp.txt").write_text("2026-03-01 10:00:00 UTC", encoding="utf-8")
    school.grade(workers=2)
    return school


@pytest.fixture(scope="module")
def twin(graded: School, tmp_path_factory: pytest.TempPathFactory) -> School:
    """The same submissions, graded by nbgrader's own autograde with its own way to run notebooks."""
    school = new_school(tmp_path_factory.mktemp("twin"))
    shutil.copy(graded.folder / "seatrial.json", school.folder)
    shutil.copytree(graded.folder / "submitted", school.folder / "submitted")
    with (school.folder / "nbgrader_config.py").open("a", encoding="utf-8") as config:
        config.write(PLAIN)
    school.nbgrader("autograde", MODULE)
    return school


@pytest.mark.slow
def test_the_grade_book_is_that_of_nbgrader(graded: School, twin: School) -> None:
    """Scores, times, comments and what needs a look: the same rows as after `nbgrader autograde`."""
    ours, theirs = graded.everything(), twin.everything()
    missing = [row for row in ours["comments"] if row[1] == TRIPLE]
    ours["comments"] = [row for row in ours["comments"] if row[1] == DOUBLE]
    theirs["comments"] = [row for row in theirs["comments"] if row[1] == DOUBLE]

    assert ours == theirs
    assert len(ours["grades"]) == 2 * 3 * len(KINDS)
    assert all("there is no 02-triple.ipynb" in row[-1] for row in missing)  # where nbgrader says nothing


@pytest.mark.slow
def test_the_autograded_notebooks_have_the_cells_of_nbgrader(graded: School, twin: School) -> None:
    """Same cells in the same order, with the same texts and the same metadata of nbgrader's."""
    for kind in KINDS:
        ours, theirs = (school.autograded(kind)["cells"] for school in (graded, twin))
        for cell in (*ours, *theirs):
            cell["source"] = "".join(cell["source"])
        keys = [
            [(one["cell_type"], one["source"], graded_part(one)) for one in cells] for cells in (ours, theirs)
        ]

        assert keys[0] == keys[1], kind


def graded_part(cell: dict) -> dict:
    """nbgrader's metadata of a cell; the cell's type stands there only where nbgrader handed the notebook out."""
    return {
        name: value for name, value in cell["metadata"].get("nbgrader", {}).items() if name != "cell_type"
    }


@pytest.mark.slow
def test_files_have_nbgraders_rights(graded: School, twin: School) -> None:
    """The same files, with the same rights; what a notebook's own cells wrote stays in its run."""

    def found(school: School) -> dict[str, int]:
        root = school.folder / "autograded"
        return {
            path.relative_to(root).as_posix(): path.stat().st_mode
            for path in root.rglob("*")
            if path.is_file()
        }

    reasons = {f"{kind}/{MODULE}/{TRIPLE}.ipynb" for kind in KINDS}  # of the notebooks that are missing
    ours = {name: mode for name, mode in found(graded).items() if name not in reasons}

    theirs = {name: mode for name, mode in found(twin).items() if not name.endswith("/ends.py")}

    assert ours == theirs


def test_an_autograded_notebook_is_valid(graded: School) -> None:
    """For nbformat, and for nbgrader's own metadata."""
    for kind in KINDS:
        notebook = nbformat.from_dict(graded.autograded(kind))
        nbformat.validate(notebook)
        MetadataValidator().validate_nb(notebook)


def test_an_autograded_notebook_shows_what_happened(graded: School) -> None:
    """What own cells printed and raised, and for a failed test our sentence."""
    cells = graded.autograded("square")["cells"]
    outputs = {cell["id"]: cell["outputs"] for cell in cells if cell["cell_type"] == "code"}
    printed, raised = (cell["outputs"] for cell in cells if "".join(cell["source"]) in OWN_CELLS)
    failed, passed = outputs["doubles_any"], outputs["doubles_two"]

    assert "".join(printed[0]["text"]) == "from my own cell\n"
    assert raised[0]["ename"] == "ZeroDivisionError"
    assert failed[0]["ename"] == "ExpectationFailed"
    assert "because any n" in failed[0]["evalue"]
    assert passed == []


@pytest.mark.slow
def test_feedback_and_export_work_afterwards(graded: School) -> None:
    """nbgrader's own commands, with nothing in between."""
    graded.nbgrader("generate_feedback", MODULE)
    graded.nbgrader("export")
    page = (graded.folder / "feedback" / "square" / MODULE / f"{DOUBLE}.html").read_text(encoding="utf-8")
    with (graded.folder / "grades.csv").open(encoding="utf-8") as file:
        scores = {row["student_id"]: float(row["score"]) for row in csv.DictReader(file)}

    assert "because any n" in page
    assert "from my own cell" in page
    assert scores == {"shifted": 4.5, "untouched": 0, "square": 3}


def test_what_is_done_is_left_as_it_is(graded: School) -> None:
    """The second time nothing is written and no worker is started."""
    summary = graded.grade(engine=no_engine)

    assert summary.written == 0
    assert len(summary.outcomes) == 2 * len(KINDS)
    assert all(one.before for one in summary.outcomes)


def no_engine(_modules: object) -> NoReturn:
    raise AssertionError("a worker is started")


@pytest.mark.slow
def test_an_assignment_that_nbgrader_does_not_know_is_generated(school: School) -> None:
    """`mle class init`, submissions, `mle class grade`: nothing else is needed, and it is said.

    Here the class groups its units into an assignment of its own.
    """
    (school.folder / "gradebook.db").unlink()
    shutil.rmtree(school.folder / "release")
    school.hand_in_both("ann")
    for folder in (school.folder / "source", school.folder / "submitted" / "ann"):
        (folder / MODULE).rename(folder / "week-1")
    said: list[str] = []
    options = Options(isolation="none")
    summary = grade_class(school.folder, school.course, options, forked, said.append)

    assert [line for line in said if "nbgrader generate_assignment week-1" in line]
    assert (school.folder / "release" / "week-1" / f"{DOUBLE}.ipynb").is_file()
    assert [(one.assignment, one.points) for one in summary.outcomes] == [("week-1", 4.5)] * 2


def test_a_notebook_that_the_instructor_edited_is_nbgraders(school: School) -> None:
    """It is named with the command that grades it; the other one is graded."""
    path = school.folder / "source" / MODULE / f"{TRIPLE}.ipynb"
    path.write_text(
        path.read_text(encoding="utf-8").replace("Write a function", "Define a function"), encoding="utf-8"
    )
    school.hand_in_both("ann")
    summary = school.grade()

    assert [(one.notebook, "nbgrader autograde" in one.reason) for one in summary.refused] == [(TRIPLE, True)]
    assert [one.notebook for one in summary.outcomes] == [DOUBLE]


def test_a_notebook_that_is_no_unit_is_nbgraders(school: School) -> None:
    """The same for a notebook of the instructor's own; where nothing else is there, that is an error."""
    source = school.folder / "source" / MODULE
    (source / f"{DOUBLE}.ipynb").rename(source / "quiz.ipynb")
    (source / f"{TRIPLE}.ipynb").unlink()

    with pytest.raises(SeatrialError, match="nbgrader autograde 00-start --notebook=quiz"):
        school.grade()


def test_a_class_older_than_its_course_is_not_graded_by_halves(school: School) -> None:
    """Source and grade book have to be brought up to date first, and which command does it is said."""
    file = school.course.files[f"{MODULE}/{DOUBLE}"]
    file.write_text(file.read_text(encoding="utf-8").replace("points=2", "points=3"), encoding="utf-8")
    school.hand_in_both("ann")
    first = school.grade()
    make_class(school.folder, [school.units["double"]])
    second = school.grade()

    assert "the course is newer" in first.refused[0].reason
    assert "generate_assignment 00-start --force" in second.refused[0].reason
    assert [one.notebook for one in second.outcomes] == [TRIPLE]


def test_an_edited_layout_of_the_source_is_no_edit(school: School) -> None:
    """A notebook that was opened and saved, with other spaces in its file, is still the unit."""
    path = school.folder / "source" / MODULE / f"{DOUBLE}.ipynb"
    path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8"))), encoding="utf-8")
    school.hand_in_both("ann")

    assert school.grade().refused == []


@pytest.mark.parametrize(
    ("option", "name", "near"),
    [("units", "doubel", "double"), ("students", "anne", "ann"), ("tests", "doubles_tow", "doubles_two")],
)
def test_an_unknown_name_gets_the_nearest(school: School, option: str, name: str, near: str) -> None:
    """Of a unit, a student, a test."""
    school.hand_in_both("ann")

    with pytest.raises(SeatrialError, match=f'Did you mean "{near}"'):
        school.grade(**{option: (name,)})


def test_one_unit_is_graded_and_the_other_left(school: School) -> None:
    """The other notebook has no scores yet, and the next run grades it."""
    school.hand_in_both("ann")
    school.grade(units=("triple",))
    before = school.scores()
    school.grade()

    assert before["ann", DOUBLE]["doubles_two"] is None
    assert before["ann", TRIPLE]["triples_two"] == 2
    assert school.scores()["ann", DOUBLE]["doubles_two"] == 2
    assert (school.folder / "autograded" / "ann" / MODULE / f"{TRIPLE}.ipynb").is_file()


def test_late_work_is_penalised_as_the_class_says(school: School) -> None:
    """nbgrader's plug-in for late submissions decides, within its bounds."""
    with (school.folder / "nbgrader_config.py").open("a", encoding="utf-8") as config:
        config.write('c.LateSubmissionPlugin.penalty_method = "zero"\n')
    with school.book() as book:
        book.update_or_create_assignment(MODULE, duedate="2026-03-01 09:00:00 UTC")
    for student, hour in (("late", 10), ("early", 8)):
        school.hand_in_both(student)
        stamp = school.folder / "submitted" / student / MODULE / "timestamp.txt"
        stamp.write_text(f"2026-03-01 {hour:02d}:00:00 UTC", encoding="utf-8")
    school.grade()

    with school.book() as book:
        late, early = (book.find_submission(MODULE, student) for student in ("late", "early"))
        assert late.timestamp == datetime.datetime(2026, 3, 1, 10)
        assert (late.late_submission_penalty, early.late_submission_penalty) == (9, 0)


def test_files_of_the_instructor_replace_those_of_the_student(school: School) -> None:
    """As nbgrader does it, before the notebook runs."""
    school.hand_in_both("ann")
    submitted = school.folder / "submitted" / "ann" / MODULE
    for folder, text in ((submitted, "forged"), (school.folder / "source" / MODULE, "true")):
        (folder / "data.csv").write_text(text, encoding="utf-8")
    school.grade()

    assert (school.folder / "autograded" / "ann" / MODULE / "data.csv").read_text(encoding="utf-8") == "true"


@pytest.fixture
def command(school: School, monkeypatch: pytest.MonkeyPatch) -> Callable:
    """`mle class grade` of the school's class, without a jail."""
    monkeypatch.setenv("SEATRIAL_COURSE", str(school.course.root))

    def run(*arguments: str) -> Result:
        app = typer.Typer()
        cli_class.register(app)
        return CliRunner().invoke(
            app, ["class", "grade", str(school.folder), "--isolation", "reduced", *arguments]
        )

    return run


def test_the_command_ends_with_a_table(school: School, command: Callable) -> None:
    """Exit code 0 where all is well; how many, how long, and which isolation."""
    school.hand_in_both("ann")
    result = command()

    assert result.exit_code == 0, result.output
    assert "graded" in result.output
    assert "reduced" in result.output


def test_json_is_one_object_and_damage_is_exit_1(school: School, command: Callable) -> None:
    """With the keys that docs/grading-a-class.md lists."""
    school.hand_in_both("ann")
    school.hand_in("ann", DOUBLE, "{")
    result = command("--json")
    found = json.loads(result.stdout)
    documented = (Path(__file__).parent.parent / "docs" / "grading-a-class.md").read_text(encoding="utf-8")

    assert result.exit_code == 1
    assert (found["graded"], found["damaged"], found["crashed"]) == (1, 1, 0)
    assert [key for key in (*found, *found["notebooks"][0]) if f"`{key}`" not in documented] == []


@pytest.mark.skipif(probe().level is not Isolation.FULL, reason="this machine has no full isolation")
def test_it_grades_in_the_jail(school: School, monkeypatch: pytest.MonkeyPatch) -> None:
    """The default: full isolation, the same scores."""
    monkeypatch.setenv("SEATRIAL_COURSE", str(school.course.root))
    school.hand_in_both("ann")
    school.hand_in_both("bob", "square")
    app = typer.Typer()
    cli_class.register(app)
    result = CliRunner().invoke(app, ["class", "grade", str(school.folder), "--json"])
    found = json.loads(result.stdout)

    assert result.exit_code == 0, result.output
    assert found["isolation"] == "full"
    assert [one["points"] for one in found["notebooks"]] == [4.5, 4.5, 3, 3]
