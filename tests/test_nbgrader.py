"""nbgrader's own commands and its page, end to end, over a class of one unit and three students."""

from __future__ import annotations

import csv
import itertools
import json
import os
import socket
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from class_unit import PATH, write_class_course
from test_classroom import leaks

from grader.classroom.agreement import compare, release_differences, reports
from grader.classroom.course import make_class
from grader.classroom.graded import graded_cells
from grader.classroom.record import read_record
from grader.course import Course
from grader.filled import filled_notebook
from grader.jail.isolation import probe
from grader.model import Unit
from grader.verify.agreement import nbgrader_problems
from grader.verify.variants import Kind, Variant

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.name == "nt", reason="nbgrader has no exchange on Windows"),
]

MODULE, NOTEBOOK = PATH.split("/")
STUDENTS: list[tuple[str, dict[str, str] | None]] = [
    ("reference", {}),
    ("untouched", None),
    ("square", {}),
]
SHOW_SEED: dict[str, Any] = {
    "cell_type": "code",
    "execution_count": None,
    "id": "own",
    "metadata": {},
    "outputs": [],
    "source": 'import os\nprint("seed", os.environ["SEATRIAL_SEED"], os.environ["MLFLOW_TRACKING_URI"])',
}
CHAIN = """
import json, os, sys
from nbgrader.apps import NbGraderApp
for folder, *arguments in json.loads(sys.argv[1]):
    os.chdir(folder)
    try:
        NbGraderApp.launch_instance(arguments)
    except SystemExit as end:
        if end.code:
            sys.exit(f"{arguments}: {end.code}")
    for kind in NbGraderApp.instance()._walk_mro() if NbGraderApp.initialized() else ():
        kind.clear_instance()
"""


@dataclass(frozen=True)
class School:
    """A class that went through nbgrader, and what it needs to be asked again."""

    unit: Unit
    folder: Path
    student: Path
    exchange: Path
    environment: dict[str, str]

    def command(self, folder: Path, *arguments: str) -> None:
        """The command as an instructor types it."""
        self._run(folder, [sys.executable, "-m", "nbgrader", *arguments])

    def commands(self, *lines: tuple[Path, str]) -> None:
        """Several quick commands, one after the other, with nbgrader imported once."""
        listed = json.dumps([[str(folder), *line.split()] for folder, line in lines])
        self._run(self.folder, [sys.executable, "-c", CHAIN, listed])

    def _run(self, folder: Path, command: list[str]) -> None:
        done = subprocess.run(command, cwd=folder, env=self.environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr[-3000:]


@pytest.fixture(scope="module")
def school(tmp_path_factory: pytest.TempPathFactory) -> School:
    """Made, released, fetched, submitted, collected, autograded, and given back."""
    root = tmp_path_factory.mktemp("school")
    unit = write_class_course(root / "course").unit("double")
    make_class(root / "ml", [unit])
    environment = {
        **os.environ,
        "JUPYTER_CONFIG_DIR": str(root / "config"),
        "JUPYTER_DATA_DIR": str(root / "data"),
        "JUPYTER_RUNTIME_DIR": str(root / "runtime"),
        "IPYTHONDIR": str(root / "ipython"),
        "MLFLOW_TRACKING_URI": "sqlite:///never.db",
    }
    school = School(unit, root / "ml", root / "student", root / "exchange", environment)
    school.exchange.mkdir(mode=0o777)
    school.student.mkdir()
    exchange = f"c.Exchange.root = {str(school.exchange)!r}\n"
    with (school.folder / "nbgrader_config.py").open("a", encoding="utf-8") as config:
        config.write(exchange + f'c.ClassExecute.isolation = "{probe().level}"\n')
    (school.student / "nbgrader_config.py").write_text(
        f'c = get_config()\nc.CourseDirectory.course_id = "ml"\n{exchange}', encoding="utf-8"
    )
    school.command(school.folder, "generate_assignment", MODULE)
    work_of_students(school)
    school.commands(
        (school.folder, f"release_assignment {MODULE}"),
        (school.student, f"fetch_assignment {MODULE}"),
        *((school.student / name, f"submit {MODULE} --student={name}") for name, _ in STUDENTS),
        (school.folder, f"collect {MODULE}"),
    )
    school.command(school.folder, "autograde", MODULE)
    school.commands(
        (school.folder, f"generate_feedback {MODULE}"),
        (school.folder, f"release_feedback {MODULE}"),
        (school.student / "square", f"fetch_feedback {MODULE} --student=square"),
        (school.folder, "export"),
    )
    return school


def students(unit: Unit) -> list[tuple[str, dict[str, str] | None]]:
    texts = {wrong.name: {wrong.of: wrong.text} for wrong in unit.wrong}
    return [(name, answers if answers is None else texts.get(name, {})) for name, answers in STUDENTS]


def work_of_students(school: School) -> None:
    """Each student fills what was released, in a folder of their own, with a store beside it."""
    release = (school.folder / "release" / f"{PATH}.ipynb").read_text(encoding="utf-8")
    config = (school.student / "nbgrader_config.py").read_text(encoding="utf-8")
    for name, answers in students(school.unit):
        folder = school.student / name
        (folder / MODULE).mkdir(parents=True)
        content = json.loads(release if answers is None else filled_notebook(school.unit, answers, release))
        content["cells"].append(SHOW_SEED)
        (folder / MODULE / f"{NOTEBOOK}.ipynb").write_text(json.dumps(content), encoding="utf-8")
        (folder / MODULE / "mlflow.db").write_text("a store of the student's", encoding="utf-8")
        cache = f"c.Exchange.cache = {str(folder / 'cache')!r}\n"
        (folder / "nbgrader_config.py").write_text(config + cache, encoding="utf-8")


def test_nbgrader_hands_out_the_built_exercise(school: School) -> None:
    """Its release has the cells of `exercises/`: stubs for solutions, no hidden tests."""
    release = (school.folder / "release" / f"{PATH}.ipynb").read_text(encoding="utf-8")

    assert list(release_differences(school.unit, release)) == []


def test_nothing_secret_reaches_a_student_before_grading(school: School) -> None:
    """Neither the release folder, nor the exchange's, nor what was fetched holds a secret line."""
    fetched = school.student / MODULE
    outbound = school.exchange / "ml" / "outbound"

    for folder in (school.folder / "release", outbound, fetched):
        assert list(folder.rglob("*.ipynb"))
        assert list(leaks(folder, school.unit)) == []


def test_stores_are_not_copied(school: School) -> None:
    """A learner's MLflow store beside the notebook is neither collected nor autograded."""
    assert list(school.folder.rglob("mlflow.db")) == []


def test_nbgrader_gives_the_points_of_a_check(school: School) -> None:
    """For right, untouched, wrong and other right answers, test by test, hidden data included."""
    record = read_record(school.folder)
    assert record is not None
    checked = reports(school.unit, students(school.unit), record.seed("double"))
    cells = {name: graded_cells(school.folder, school.unit, name) for name in checked}
    found = [line for name in checked for line in compare(name, cells[name], checked[name])]
    points = {name: sum(cell.points for cell in graded.values()) for name, graded in cells.items()}

    assert found == []
    assert points == {"reference": 4.5, "untouched": 0, "square": 3}


def test_every_student_gets_the_seed_of_the_class(school: School) -> None:
    """The kernel's environment holds the unit's seed, and not the instructor's tracking store."""
    record = read_record(school.folder)
    assert record is not None
    shown = set()
    for name, _ in STUDENTS:
        executed = school.folder / "autograded" / name / f"{PATH}.ipynb"
        output = json.loads(executed.read_text(encoding="utf-8"))["cells"][-1]["outputs"][0]
        shown.add("".join(output["text"]))

    assert {line.split()[1] for line in shown} == {str(record.seed("double"))}
    assert not any("never.db" in line for line in shown)


def test_feedback_reaches_the_student(school: School) -> None:
    """Pages with scores are made, released and fetched; nbgrader shows hidden tests there."""
    made = school.folder / "feedback" / "square" / MODULE / f"{NOTEBOOK}.html"
    fetched = list((school.student / "square" / MODULE / "feedback").rglob("*.html"))
    page = made.read_text(encoding="utf-8")

    assert "because any n" in page
    assert "drawn_for_hidden" in page
    assert [path.name for path in fetched] == [f"{NOTEBOOK}.html"]


def test_export_lists_every_score(school: School) -> None:
    """One line a student and assignment."""
    with (school.folder / "grades.csv").open(encoding="utf-8") as file:
        scores = {row["student_id"]: float(row["score"]) for row in csv.DictReader(file)}

    assert scores == {"reference": 4.5, "untouched": 0, "square": 3}


@dataclass(frozen=True)
class Server:
    """A running Jupyter server in the class's folder."""

    address: str

    def page(self, path: str) -> str:
        with urllib.request.urlopen(f"{self.address}{path}?token=secret", timeout=60) as answer:
            return answer.read().decode()

    def data(self, path: str) -> Any:
        return json.loads(self.page(f"/formgrader/api/{path}"))


@pytest.fixture(scope="module")
def server(school: School) -> Iterator[Server]:
    """Jupyter as an instructor starts it in the class's folder; ready when its log says so."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = ["--no-browser", "--allow-root", "--ServerApp.ip=127.0.0.1", "--ServerApp.port_retries=0"]
    options += [f"--ServerApp.port={port}", "--IdentityProvider.token=secret"]
    process = subprocess.Popen(
        [sys.executable, "-m", "jupyter", "server", *options],
        cwd=school.folder,
        env=school.environment,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stderr is not None
        log = itertools.takewhile(lambda line: "is running at:" not in line, process.stderr)
        assert list(log)
        assert process.poll() is None
        threading.Thread(target=process.stderr.read, daemon=True).start()  # or it would stop at a full pipe
        while process.poll() is None:  # it listens a moment after it says so
            with socket.socket() as client:
                if client.connect_ex(("127.0.0.1", port)) == 0:
                    break
        yield Server(f"http://127.0.0.1:{port}")
    finally:
        process.kill()
        process.wait()


def test_formgrader_lists_the_assignment(server: Server) -> None:
    """With its points and the number of submissions."""
    (assignment,) = server.data("assignments")

    assert assignment["name"] == MODULE
    assert assignment["num_submissions"] == len(STUDENTS)
    assert assignment["max_score"] == 4.5
    assert "formgrader" in server.page("/formgrader/manage_assignments").lower()


def test_formgrader_shows_the_scores(server: Server) -> None:
    """For every student, in the list and on the page of a submission."""
    submissions = {one["student"]: one for one in server.data(f"submissions/{MODULE}")}
    notebooks = {one["student"]: one for one in server.data(f"submitted_notebooks/{MODULE}/{NOTEBOOK}")}
    page = server.page(f"/formgrader/submissions/{notebooks['square']['id']}/")

    assert {name: one["score"] for name, one in submissions.items()} == {
        "reference": 4.5,
        "untouched": 0,
        "square": 3,
    }
    assert "square_and_not_double" in page


def test_a_test_that_nbgrader_judges_otherwise_is_a_problem(school: School) -> None:
    """nbgrader takes a last value as part marks; a check does not, so the author is told."""
    ends_on_number = replace(school.unit.tests[0], text=school.unit.tests[0].text + "\n0")
    ends_on_number = replace(ends_on_number, marked=ends_on_number.text, visible=ends_on_number.text)
    parts = tuple(ends_on_number if part.name == ends_on_number.name else part for part in school.unit.parts)
    reference = Variant(Kind.REFERENCE, "reference")
    problems = nbgrader_problems(Course(school.folder), replace(school.unit, parts=parts), [reference])

    assert [problem.point for problem in problems] == [10]
    assert "nbgrader gives 0 of 2 (the last value: 0), a check gives 2 of 2" in problems[0].text
