"""One clean run of a notebook: how each test ends, and what is left behind."""

import tempfile
import time

import psutil
import pytest
from small_course import by_name, notebook_of, report_of
from small_unit import THREE_ANSWERS, body, hurried, unit_of

from grader.checking import spare_workers
from grader.model import Outcome
from grader.workers import SpareWorkers


def test_the_reference_earns_all_points_in_silence(unit, judged):
    """Nothing is said where nothing is to be done."""
    report = judged(unit)

    assert [result.outcome for result in report.results] == [Outcome.PASSED] * 3
    assert [result.message for result in report.results] == ["", "", ""]
    assert report.points == report.max_points == 7
    assert report.cell_errors == {}


def test_a_wrong_answer_fails_with_four_parts(unit, judged):
    """What was called, what came back, what was expected and why, where to look."""
    result = by_name(judged(unit, {"double": body("return 3 * number")}))["doubles"]

    assert result.outcome is Outcome.FAILED
    assert result.message == "double(21): got 63, expected 42, because twice 21 is 42. Look at the factor."
    assert result.points == 0


def test_an_answer_that_raises_fails_and_says_where(unit, judged):
    """The exception, its text, and the learner's own line."""
    result = by_name(judged(unit, {"double": body("return {}[number]")}))["doubles"]

    assert result.outcome is Outcome.FAILED
    for part in ("double(21)", "KeyError (21)", "line 2 of your cell double", "return {}[number]"):
        assert part in result.message


def test_a_stub_is_not_attempted(unit, judged):
    """Untouched, or with the stub's exception still in it; neither is a crash or an error of the cell."""
    kept = body('print("I began")\nraise NotImplementedError()', "shout", "text")
    report = judged(unit, {"double": unit.answer("double").stub, "shout": kept})
    results = by_name(report)

    assert results["doubles"].outcome is Outcome.NOT_ATTEMPTED
    assert results["doubles"].message == "write your answer in the cell double"
    assert results["shouts"].outcome is Outcome.NOT_ATTEMPTED
    assert "shout" in results["shouts"].message
    assert report.cell_errors == {}
    assert report.points == 2


CRASHES = {
    "exit": ("import os\nos._exit(3)", "exit code 3"),
    "segfault": ("import ctypes\nctypes.string_at(0)", "signal SIGSEGV"),
    "killed by itself": ("import os\nos.kill(os.getpid(), 9)", "signal SIGKILL"),
}


@pytest.mark.parametrize(("lines", "told"), CRASHES.values(), ids=CRASHES)
def test_a_process_that_dies_in_a_call_is_a_crash(unit, judged, lines, told):
    """Earlier points stay, later answers still earn theirs, and the message says how it ended."""
    results = by_name(judged(unit, {"largest": body(lines, "largest", "numbers")}))

    assert results["finds_largest"].outcome is Outcome.CRASHED
    assert told in results["finds_largest"].message
    assert "while this test called your code" in results["finds_largest"].message
    assert results["doubles"].points == 1
    assert results["shouts"].points == 4


@pytest.mark.parametrize(("lines", "told"), CRASHES.values(), ids=CRASHES)
def test_a_process_that_dies_in_a_cell_is_a_crash(unit, judged, lines, told):
    """The cell is named; all other cells are run again without it."""
    results = by_name(judged(unit, {"largest": f"{lines}\n"}))

    assert results["finds_largest"].outcome is Outcome.CRASHED
    assert told in results["finds_largest"].message
    assert "while your cell largest ran" in results["finds_largest"].message
    assert results["doubles"].points == 1
    assert results["shouts"].points == 4


@pytest.mark.parametrize(
    ("line", "told"), [("raise ValueError('no idea')", "ValueError: no idea"), ("exit()", "SystemExit")]
)
def test_a_cell_that_raises_before_its_answer_is_a_crash(unit, judged, line, told):
    """The test says so, instead of missing a name."""
    text = f"import sys\nexit = sys.exit\n{line}\n" + body("return 2 * number")
    report = judged(unit, {"double": text})
    result = by_name(report)["doubles"]

    assert result.outcome is Outcome.CRASHED
    assert f"your cell double raised {told}" in result.message
    assert told in report.cell_errors["double"]
    assert report.points == 6


def test_an_exit_in_a_call_is_a_failure(unit, judged):
    """sys.exit is an exception of the learner's code, and no end of the run."""
    report = judged(unit, {"double": body("import sys\nsys.exit(0)")})

    assert by_name(report)["doubles"].outcome is Outcome.FAILED
    assert "SystemExit" in by_name(report)["doubles"].message
    assert report.points == 6


def test_a_syntax_error_is_told_with_its_line(unit, judged):
    """As a crash of the cell, and the rest is judged."""
    report = judged(unit, {"double": "def double(number)\n    return 2 * number\n"})

    assert by_name(report)["doubles"].outcome is Outcome.CRASHED
    assert "SyntaxError" in by_name(report)["doubles"].message
    assert report.points == 6


@pytest.mark.parametrize("place", ["call", "cell"])
def test_an_endless_loop_is_out_of_time(tmp_path, judged, place):
    """In a call or in a cell; the rest is judged all the same."""
    lines = "while True: pass"
    text = body(lines, "largest", "numbers") if place == "call" else lines
    start = time.monotonic()
    results = by_name(judged(hurried(tmp_path), {"largest": text}))

    assert results["finds_largest"].outcome is Outcome.OUT_OF_LIMITS
    assert "longer than 2 s" in results["finds_largest"].message
    assert results["doubles"].points == 1
    assert results["shouts"].points == 4
    assert time.monotonic() - start < 30


@pytest.mark.parametrize("place", ["call", "cell"])
def test_endless_memory_is_out_of_memory(unit, judged, place):
    """The whole family of processes is measured, and the machine goes on."""
    lines = "kept = []\nwhile True: kept.append(bytearray(b'x' * 5_000_000))"
    text = body(lines, "largest", "numbers") if place == "call" else lines
    results = by_name(judged(unit, {"largest": text}))

    assert results["finds_largest"].outcome is Outcome.OUT_OF_LIMITS
    assert "more than 400 MB" in results["finds_largest"].message
    assert results["shouts"].points == 4


def test_a_memory_error_is_out_of_memory(unit, judged):
    """One that Python raises itself counts as well."""
    results = by_name(judged(unit, {"double": body("return bytearray(2**62)")}))

    assert results["doubles"].outcome is Outcome.OUT_OF_LIMITS


def test_a_notebook_that_always_dies_ends(unit, judged):
    """An own cell that kills every process costs the run no endless repair."""
    report = judged(unit, own={"double": "import os\nos._exit(1)"})

    assert len(report.results) == 3
    assert by_name(report)["doubles"].outcome is Outcome.PASSED


def test_the_same_seed_gives_the_same_report(unit, judged):
    """And a new seed is drawn where none is given."""
    text = body("return numbers[0] if numbers[0] % 2 else 0", "largest", "numbers")
    first, again = (judged(unit, {"largest": text}, seed=11) for _ in range(2))

    assert first.results == again.results
    assert judged(unit).seed != judged(unit).seed


def test_nothing_is_left_after_a_run(unit, tmp_path, monkeypatch):
    """No process, no temporary folder: with fresh processes, a crash, and a child that left its group."""
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    monkeypatch.setenv("TMPDIR", str(temporary))
    before = set(psutil.Process().children(recursive=True))
    text = body("return 2 * number") + (
        "\nimport subprocess, sys\nsleeper = [sys.executable, '-c', 'import time; time.sleep(600)']\n"
        "pids = [subprocess.Popen(sleeper, start_new_session=new).pid for new in (True, False)]\n"
        "print(*pids)\n"
    )
    path = notebook_of(
        tmp_path, unit, {"double": text, "shout": body("import os\nos._exit(1)", "shout", "t")}
    )
    workers = spare_workers(unit)
    try:
        report = report_of(path, unit, workers)
    finally:
        workers.close()
    pids = [int(word) for word in report.cell_output["double"].split()]

    assert report.points == 3
    assert len(pids) == 2
    assert not [pid for pid in pids if psutil.pid_exists(pid) and alive(pid)]
    assert not [child for child in psutil.Process().children(recursive=True) if child not in before]
    assert list(temporary.iterdir()) == []


def alive(pid: int) -> bool:
    """Whether the process runs; one that only waits to be collected does not."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_fresh_processes_give_the_same_report(unit, tmp_path, workers):
    """With nothing but what every system has: no fork."""
    path = notebook_of(tmp_path, unit, {"double": body("return 3 * number")})
    spare = spare_workers(unit)
    try:
        fresh = report_of(path, unit, spare, seed=5)
        second = report_of(path, unit, spare, seed=5)
    finally:
        spare.close()

    assert fresh.results == second.results == report_of(path, unit, workers, seed=5).results


def test_annotations_of_a_cell_are_objects(unit, judged):
    """No setting of our own modules reaches the learner's code: annotations are no strings."""
    inner = "def inner(x: int) -> int:\n    return 2 * x"
    lines = f"{inner}\nassert inner.__annotations__['x'] is int\nreturn inner(number)"

    assert by_name(judged(unit, {"double": body(lines)}))["doubles"].outcome is Outcome.PASSED


def test_a_slow_start_is_no_time_of_a_cell(tmp_path, monkeypatch):
    """On a slow machine the imports of a process may take longer than a cell may; that fails nothing."""
    (tmp_path / "slow_import.py").write_text("import time\ntime.sleep(2.5)\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    unit = hurried(tmp_path)
    workers = SpareWorkers(["slow_import"], ["slow_import"])
    try:
        report = report_of(notebook_of(tmp_path, unit), unit, workers)
    finally:
        workers.close()

    assert unit.header.limit_seconds == 2
    assert report.points == report.max_points
    assert report.own_seconds < 2


def test_only_pairs_that_wait_import_what_a_first_run_of_mlflow_needs(tmp_path, monkeypatch):
    """The first check of a session has somebody waiting for it; the next pair has time until a save."""
    (tmp_path / "mlflow.py").touch()  # instead of MLflow itself, which takes seconds
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    unit = hurried(tmp_path)
    looks = "import sys\nprint('git' in sys.modules)\n" + body("return 2 * number")
    path = notebook_of(tmp_path, unit, {"double": looks})
    workers = SpareWorkers(["mlflow"], [])
    try:
        first = report_of(path, unit, workers)
        workers.prepare()
        second = report_of(path, unit, workers)
    finally:
        workers.close()

    assert first.cell_output["double"] == "False\n"
    assert second.cell_output["double"] == "True\n"


def test_a_question_may_have_a_limit_of_its_own(tmp_path, judged):
    """Its test ends sooner than the unit's limit; all other points stay."""
    text = THREE_ANSWERS.replace(
        '# %% test="finds_largest" of="largest"', '# %% test="finds_largest" of="largest" limit_seconds=1'
    )
    result = judged(
        unit_of(tmp_path, text), {"largest": body("import time\ntime.sleep(15)", "largest", "numbers")}
    )

    assert by_name(result)["finds_largest"].outcome is Outcome.OUT_OF_LIMITS
    assert "longer than 1 s" in by_name(result)["finds_largest"].message
    assert result.points == 5


def test_a_whole_run_has_a_limit_and_earned_points_stay(tmp_path, judged):
    """Cells that are each within their limit do not add up beyond the run's."""
    text = THREE_ANSWERS.replace("limit_seconds: 20", "limit_seconds: 2\n# limit_run_seconds: 4")
    slow = "import time\ntime.sleep(1.5)\nreturn text.upper()"
    report = judged(
        unit_of(tmp_path, text),
        {
            "largest": body("import time\ntime.sleep(9)", "largest", "numbers"),
            "shout": body(slow, "shout", "text"),
        },
        own={"largest": "import time\ntime.sleep(1.5)"},
    )
    results = by_name(report)

    assert results["doubles"].points == 1
    assert results["shouts"].outcome is Outcome.OUT_OF_LIMITS
    assert "the whole notebook took longer than 4 s" in results["shouts"].message
