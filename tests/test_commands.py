"""The learner's and the author's smaller commands, each as a real process."""

import json
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest
from small_course import COURSE, copied_course, mle

from grader import attempts
from grader.course import Course
from grader.doctor import Finding, findings, unit_needs
from grader.model import Outcome, Report, TestResult
from grader.progress import next_step, next_unit_line, progress_of, unit_to_take
from grader.skeleton import new_unit
from grader.solution import solution_text
from grader.source import read_source
from grader.workspace import Workspace

UI_SECONDS = 120


def attempt(points: float) -> Report:
    """A report on add-up with these points of 3."""
    result = TestResult("known_amounts", ("add_up",), Outcome.PASSED, points, 3.0)
    return Report("add-up", (result,), seed=1, seconds=0.5, own_seconds=0.1)


@pytest.fixture(scope="module")
def practised(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A workspace in which add-up was checked twice, the second time worse."""
    workspace = Workspace(tmp_path_factory.mktemp("work"))
    for points in (3.0, 1.0):
        attempts.log_attempt(attempt(points), workspace.database)
    return workspace


def test_progress_keeps_the_best_of_all_attempts(practised):
    """Best points, number of attempts, in course order; what was not begun counts nothing."""
    rows = progress_of(COURSE, practised)

    assert [row.unit for row in rows] == [unit.name for unit in COURSE.order]
    assert (rows[0].points, rows[0].attempts, rows[0].complete) == (3.0, 2, True)
    assert (rows[1].points, rows[1].attempts, rows[1].complete) == (0.0, 0, False)


def test_next_is_the_first_unit_that_is_not_complete(practised, tmp_path):
    """The complete one is passed over; with nothing done it is the first."""
    taken = unit_to_take(COURSE, practised)
    first = unit_to_take(COURSE, Workspace(tmp_path))

    assert taken is not None
    assert first is not None
    assert (taken.name, first.name) == ("tidy-file", "add-up")


def test_progress_and_next_as_commands(practised):
    """Lines for people, JSON for programs, the command for the next unit."""
    lines = mle("progress", home=practised.root).stdout.splitlines()
    data = json.loads(mle("progress", "--json", home=practised.root).stdout)
    following = mle("next", home=practised.root).stdout

    assert lines[0].split() == ["add-up", "3", "of", "3", "2", "attempts"]
    assert lines[-1] == f"1 of {len(COURSE.order)} units complete"
    assert data["units"][0] == {
        "unit": "add-up",
        "points": 3.0,
        "max_points": 3,
        "attempts": 2,
        "opened": False,
    }
    assert following == f"{next_unit_line(COURSE, practised)}\n"
    assert "mle start tidy-file" in following


def test_what_is_next_is_the_same_after_a_check(practised, tmp_path):
    """Full marks lead where `mle next` leads: to the first unit that is not complete, not just the one after."""
    done = Report("tidy-file", (), seed=1, seconds=0.5, own_seconds=0.1)
    order = [unit.name for unit in COURSE.order]
    after_both = next_step(COURSE, practised, COURSE.unit("tidy-file"), done)
    first_left_out = next_step(COURSE, Workspace(tmp_path), COURSE.unit("tidy-file"), done)

    assert after_both == f"All points. {next_unit_line(COURSE, practised, 'tidy-file')}"
    assert f"mle start {order[2]} " in after_both
    assert f"mle start {order[0]} " in first_left_out


def test_hints_come_one_by_one_and_the_last_is_named(tmp_path):
    """Three hints, each told once; a fourth call repeats the last."""
    told = [mle("hint", "add-up", home=tmp_path).stdout for _ in range(4)]
    hints = COURSE.unit("add-up").header.hints

    for number, hint in enumerate(hints, 1):
        assert f"Hint {number} of 3" in told[number - 1]
        assert hint in told[number - 1]
    assert told[2] == told[3]
    assert "the last" in told[2]


def test_the_solution_shows_right_and_wrong_ways():
    """Reference, other right answers, wrong answers with their misconceptions."""
    unit = COURSE.unit("add-up")
    text = solution_text(unit)

    assert unit.answers[0].reference.strip() in text
    for also in unit.also:
        assert also.text.strip() in text
    for wrong in unit.wrong:
        assert wrong.misconception in text


def test_doctor_finds_this_environment_well(tmp_path, monkeypatch):
    """Every look is well on a machine on which these tests run."""
    monkeypatch.setenv("SEATRIAL_HOME", str(tmp_path))

    assert [finding for finding in findings(COURSE) if not finding.well] == []


def test_doctor_says_how_to_mend_a_folder_that_is_a_file(tmp_path):
    """Exit code 1, the finding and what to do; the other looks still come."""
    blocked = tmp_path / "work"
    blocked.write_text("not a folder")
    done = mle("doctor", home=blocked)

    assert done.returncode == 1
    assert "MEND   your folder" in done.stdout
    assert "SEATRIAL_HOME" in done.stdout
    assert "ok     local servers" in done.stdout


def test_doctor_names_what_a_unit_lacks():
    """An extra that is not installed is named with the command that installs it."""
    unit = COURSE.unit("add-up")
    header = type(unit.header)(**{**vars(unit.header), "runs_on": ("loopback", "no-such-extra")})
    found = list(unit_needs(type(unit)(**{**vars(unit), "header": header})))

    assert found[0].well
    assert found[1] == Finding(
        "add-up: no-such-extra", False, "not installed", "pip install 'seatrial[no-such-extra]'"
    )


def test_a_new_unit_is_readable_at_once(tmp_path):
    """Both sources are written where they belong, and the exercise follows the format."""
    course = copied_course(tmp_path, "01-add-up")
    written = new_unit(course, "03-data-quality/09-duplicate-rows")
    unit = read_source(course.root / "solutions" / "03-data-quality" / "09-duplicate-rows.py")

    assert [path.relative_to(course.root).parts[0] for path in written] == ["modules", "solutions"]
    assert unit.name == "duplicate-rows"


@pytest.mark.parametrize(
    ("place", "told"),
    [
        ("duplicate-rows", "write MODULE/NN-name"),
        ("../03-x/01-y", "write MODULE/NN-name"),
        ("00-kinds/09-add-up", "names a unit already"),
    ],
)
def test_a_bad_place_for_a_new_unit_is_refused(tmp_path, place, told):
    """Exit code 2, and nothing is written."""
    course = copied_course(tmp_path, "01-add-up")
    before = sorted(course.root.rglob("*.py"))
    done = mle("new", place, home=tmp_path / "home", course=course)

    assert done.returncode == 2
    assert told in done.stderr
    assert sorted(course.root.rglob("*.py")) == before


def test_a_course_without_units_is_named(tmp_path):
    """`mle start` in an empty course says where it looked."""
    for room in ("modules", "exercises", "solutions"):
        (tmp_path / "course" / room).mkdir(parents=True)
    done = mle("start", "--no-lab", home=tmp_path / "home", course=Course(tmp_path / "course"))

    assert done.returncode == 2
    assert "no exercise in" in done.stderr


def test_mlflow_page_opens_over_the_learners_runs(practised):
    """`mle ui` serves MLflow's page and its API on 127.0.0.1, with the attempts in it."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-m", "grader.cli", "ui", "--port", str(port)],
        env=environment(practised.root),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        page = wait_for(f"http://127.0.0.1:{port}/", process)
        body = json.dumps({"max_results": 10}).encode()
        request = urllib.request.Request(
            f"http://127.0.0.1:{port}/api/2.0/mlflow/experiments/search",
            data=body,
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            names = [experiment["name"] for experiment in json.load(answer)["experiments"]]
    finally:
        stop_group(process)

    assert "MLflow" in page
    assert "attempts" in names


def environment(home: Path) -> dict[str, str]:
    import os

    return {**os.environ, "SEATRIAL_COURSE": str(COURSE.root), "SEATRIAL_HOME": str(home)}


def wait_for(url: str, process: subprocess.Popen) -> str:
    """The page at `url` as soon as it answers; generous, only against hanging."""
    deadline = time.monotonic() + UI_SECONDS
    while True:
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                return answer.read().decode()
        except OSError:
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.2)


def stop_group(process: subprocess.Popen) -> None:
    import os

    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
