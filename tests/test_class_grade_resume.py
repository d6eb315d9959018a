"""`mle class grade` ended in the middle, run again, and run for a part: what was there and what is kept."""

from __future__ import annotations

import contextlib
import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NoReturn

import pytest
from graded_class import DOUBLE, MODULE, TRIPLE, School, answered, new_school, outcomes

from grader.classroom.book import GradeBook
from grader.classroom.lock import only_grader
from grader.errors import SeatrialError
from grader.workers import Workers

pytestmark = pytest.mark.skipif(os.name == "nt", reason="nbgrader has no class tools on Windows")

GRADER = """
import sys
from pathlib import Path
sys.path[:0] = sys.argv[3:]
from graded_class import forked
from grader.classroom.grading import grade_class
from grader.classroom.summary import Options
from grader.course import Course
grade_class(Path(sys.argv[1]), Course(Path(sys.argv[2])), Options(2, isolation="none"), forked,
            progress=lambda done, total: print(done, flush=True))
"""


@pytest.fixture
def school(tmp_path: Path) -> School:
    return new_school(tmp_path)


def never(_modules: object) -> NoReturn:
    raise AssertionError("a worker is started")


@contextlib.contextmanager
def broken(_modules: Iterable[str]) -> Iterator[Callable[[], Workers]]:
    """A machine on which no worker starts: whatever is graded then comes from the cache."""

    def make() -> Workers:
        raise RuntimeError("no")

    yield make


@pytest.mark.slow
def test_killed_at_any_moment_it_ends_with_the_same_grade_book(tmp_path: Path) -> None:
    """kill -9 after each of the first submissions and at moments in between; then the same command to its end."""
    schools = [new_school(tmp_path / name) for name in ("killed", "undisturbed")]
    shutil.copy(schools[0].folder / "seatrial.json", schools[1].folder)
    for school in schools:
        for number in range(4):
            school.hand_in_both(f"student-{number}", ("reference", "square", "untouched", "nothing")[number])
        school.hand_in("student-1", TRIPLE, "{")
    chance = random.Random(7)
    for killed_after in (1, 2, 3):
        _kill_after(schools[0], killed_after, delay_seconds=chance.uniform(0, 0.3))
    schools[0].grade()
    schools[1].grade()

    assert schools[0].everything() == schools[1].everything()
    assert _files(schools[0]) == _files(schools[1])


def _kill_after(school: School, submissions: int, delay_seconds: float) -> None:
    """Starts the command and kills it, a moment after it has written some submissions."""
    tests = Path(__file__).parent
    command = [sys.executable, "-c", GRADER, str(school.folder), str(school.course.root), str(tests)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True)
    assert process.stdout is not None
    for _ in range(submissions):
        process.stdout.readline()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(timeout=delay_seconds)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    process.stdout.close()


def _files(school: School) -> dict[str, bytes]:
    root = school.folder / "autograded"
    return {
        path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()
    }


def test_a_folder_that_was_taken_away_comes_back(school: School) -> None:
    """Ended between the two renames, the old folder lies beside its place; a new one may lie there as well."""
    school.hand_in_both("ann")
    school.grade()
    place = school.folder / "autograded" / "ann" / MODULE
    place.rename(place.with_name(f".{MODULE}.seatrial-old-0123"))
    (place.parent / f".{MODULE}.seatrial-new-4567").mkdir()
    summary = school.grade(engine=never)

    assert summary.written == 0
    assert [path.name for path in place.parent.iterdir()] == [MODULE]


def test_a_result_that_was_half_stored_is_swept_up(school: School) -> None:
    """Ended between making the file and giving it its name."""
    school.hand_in_both("ann")
    half = school.folder / ".seatrial" / "cache" / "00" / "tmp123.part"
    half.parent.mkdir(parents=True)
    half.write_text('{"mark"', encoding="utf-8")
    school.grade()

    assert not half.exists()


def test_an_autograded_notebook_that_is_gone_or_changed_is_made_again(school: School) -> None:
    """From the cache, without a run; the grade book stays as it is."""
    school.hand_in_both("ann")
    school.grade()
    before, place = _files(school), school.folder / "autograded" / "ann" / MODULE
    (place / f"{DOUBLE}.ipynb").unlink()
    (place / f"{TRIPLE}.ipynb").chmod(0o644)
    (place / f"{TRIPLE}.ipynb").write_text("{}", encoding="utf-8")
    school.grade(engine=broken)

    assert _files(school) == before


def test_the_same_file_gets_the_same_result(school: School) -> None:
    """Of another student, too: it is run once."""
    school.hand_in_both("ann", "square")
    school.grade()
    school.hand_in_both("bob", "square")
    summary = school.grade(engine=broken)

    assert [one.points for one in summary.outcomes if one.student == "bob"] == [3, 3]


def test_another_file_beside_is_another_submission(school: School) -> None:
    """Files beside the notebook are part of what is graded."""
    school.hand_in_both("ann")
    school.grade()
    (school.folder / "submitted" / "ann" / MODULE / "data.txt").write_text("new", encoding="utf-8")

    assert school.grade().written == 1


@pytest.mark.parametrize("text", ["", "{", '{"mark": "no", "result": {}}', "[" * 100_000])
def test_a_damaged_cache_is_graded_again(school: School, text: str) -> None:
    """A file in the cache that does not bear its own mark counts for nothing."""
    school.hand_in("ann", DOUBLE, answered(school.units["double"], "reference"))
    school.grade(units=("double",))
    for path in (school.folder / ".seatrial" / "cache").rglob("*.json"):
        path.write_text(text, encoding="utf-8")
    shutil.rmtree(school.folder / "autograded")
    summary = school.grade(units=("double",))

    assert [one.points for one in summary.outcomes] == [4.5]


def test_points_in_the_cache_cannot_be_changed_by_hand(school: School) -> None:
    """Nor by a disk that turned a bit."""
    school.hand_in("ann", DOUBLE, answered(school.units["double"], "nothing"))
    school.grade(units=("double",))
    (path,) = (school.folder / ".seatrial" / "cache").rglob("*.json")
    path.write_text(
        path.read_text(encoding="utf-8").replace('"points": 0.0', '"points": 2.0'), encoding="utf-8"
    )
    shutil.rmtree(school.folder / "autograded")

    assert [one.points for one in school.grade(units=("double",)).outcomes] == [1]


def test_what_an_instructor_gave_is_kept(school: School) -> None:
    """Manual points, extra credit and comments outlive a new grading; nbgrader then wants a look at it."""
    school.hand_in_both("ann", "square")
    school.grade()
    with school.book() as book:
        grade = book.find_grade("doubles_any", DOUBLE, MODULE, "ann")
        grade.manual_score, grade.extra_credit = 1.0, 0.25
        book.find_comment("double", DOUBLE, MODULE, "ann").manual_comment = "nearly"
        book.db.commit()
    school.grade(force=True)

    with school.book() as book:
        grade = book.find_grade("doubles_any", DOUBLE, MODULE, "ann")
        assert (grade.manual_score, grade.extra_credit, grade.score) == (1.0, 0.25, 1.25)
        assert (grade.auto_score, grade.needs_manual_grade) == (0, True)
        assert book.find_comment("double", DOUBLE, MODULE, "ann").comment == "nearly"


def test_one_question_is_graded_again(school: School) -> None:
    """Only that test's grade is written and only its cell is new; the row of points follows."""
    school.hand_in_both("ann")
    school.grade()
    with school.book() as book:
        for name, score in (("doubles_two", 0.5), ("doubles_any", 0.25)):
            book.find_grade(name, DOUBLE, MODULE, "ann").auto_score = score
        book.db.commit()
    summary = school.grade(tests=("doubles_two",))

    assert school.scores()["ann", DOUBLE] == {"doubles_two": 2, "doubles_any": 0.25, "ends_with_three": 1}
    assert [(one.notebook, one.points) for one in summary.outcomes] == [(DOUBLE, 3.25)]
    assert school.grade(engine=never).written == 0


def test_one_question_of_what_was_never_graded_is_left(school: School) -> None:
    """A grade book with one test of a notebook would look as if all of it were graded."""
    school.hand_in_both("ann")
    summary = school.grade(tests=("doubles_two",))

    assert summary.outcomes == []
    assert "not graded as a whole yet" in summary.notes[0]


def test_one_student_is_graded_again(school: School) -> None:
    """With --force, also where nothing changed; the others are not looked at."""
    for student in ("ann", "bob"):
        school.hand_in_both(student)
    school.grade()
    summary = school.grade(students=("bob",), force=True)

    assert {one.student for one in summary.outcomes} == {"bob"}
    assert summary.written == 1


def test_a_student_removed_from_the_grade_book_is_graded_again(school: School) -> None:
    """Our own table alone does not make a submission done."""
    school.hand_in_both("ann")
    school.grade()
    with school.book() as book:
        book.remove_student("ann")
    school.grade()

    assert school.scores()["ann", DOUBLE]["doubles_two"] == 2


def test_a_new_time_of_handing_in_is_written(school: School) -> None:
    """The same files with another timestamp.txt: no new run, the new time."""
    school.hand_in_both("ann")
    school.grade()
    stamp = school.folder / "submitted" / "ann" / MODULE / "timestamp.txt"
    stamp.write_text("2026-03-01 10:00:00 UTC", encoding="utf-8")
    school.grade(engine=broken)

    with school.book() as book:
        assert book.find_submission(MODULE, "ann").timestamp.hour == 10


def test_the_second_grader_of_a_class_says_so(school: School) -> None:
    """Two at once would write over each other."""
    with only_grader(school.folder), pytest.raises(SeatrialError, match="another mle class grade"):
        school.grade()


def test_a_locked_grade_book_leaves_nothing_half_written(
    school: School, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another program holds it: a plain error, the folder as it was; afterwards the same command goes on."""
    monkeypatch.setattr("grader.classroom.book.LOCK_MILLISECONDS", 50)
    school.hand_in_both("ann")
    school.grade()
    before = _files(school)
    school.hand_in_both("ann", "square")
    with contextlib.closing(sqlite3.connect(school.folder / "gradebook.db")) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(SeatrialError, match="another program holds it"):
            school.grade()
    after = _files(school)
    school.grade(engine=broken)

    assert after == before
    assert school.scores()["ann", DOUBLE]["doubles_any"] == 0


def test_a_write_that_fails_undoes_the_folder(school: School, monkeypatch: pytest.MonkeyPatch) -> None:
    """Grade book and autograded notebooks go together."""
    school.hand_in_both("ann")

    def fail(*_: object) -> NoReturn:
        raise SeatrialError("no")

    monkeypatch.setattr(GradeBook, "_remember", fail)
    with pytest.raises(SeatrialError, match="no"):
        school.grade()

    assert _files(school) == {}
    assert school.scores() == {}


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 3 MB, where this account may mount one."""
    place = tmp_path / "disk"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=3m", "seatrial-test", str(place)]
    if shutil.which("mount") is None or subprocess.run(command, capture_output=True).returncode:
        pytest.skip("no file system can be mounted here")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def test_a_full_disk_is_a_plain_error_and_nothing_is_half_written(small_disk: Path) -> None:
    """Grade book and folders agree, and with space again the same command goes on to the end."""
    school = new_school(small_disk)
    for number in range(8):
        beside = school.hand_in(
            f"student-{number}", DOUBLE, answered(school.units["double"], "reference")
        ).parent
        (beside / "data.bin").write_bytes(bytes([number]) * 40_000)
    filler = small_disk / "filler"
    filler.write_bytes(bytes(shutil.disk_usage(small_disk).free - 250_000))
    with pytest.raises(SeatrialError, match="free space"):
        school.grade(units=("double",))
    written = {student for student, _ in school.scores()}
    there = {path.parts[0] for path in map(Path, _files(school))}
    filler.unlink()
    summary = school.grade(units=("double",))

    assert written == there
    assert 0 < summary.written == 8 - len(written)
    assert sum(one.points for one in summary.outcomes) == 8 * 4.5


def test_a_read_only_class_is_a_plain_error(small_disk: Path) -> None:
    """With what to do, and the exit code 2 that every SeatrialError has."""
    school = new_school(small_disk)
    school.hand_in_both("ann")
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)

    with pytest.raises(SeatrialError, match="mend the rights"):
        school.grade()


def test_a_damaged_grade_book_is_a_plain_error(school: School) -> None:
    """Not a traceback of the database's."""
    school.hand_in_both("ann")
    (school.folder / "gradebook.db").write_text("nonsense " * 1000, encoding="utf-8")

    with pytest.raises(SeatrialError, match="backup"):
        school.grade()


def test_nbgraders_own_notebook_is_kept(school: School) -> None:
    """What nbgrader autograded beside, for a notebook that is not ours, outlives a new grading."""
    path = school.folder / "source" / MODULE / f"{TRIPLE}.ipynb"
    path.write_text(path.read_text(encoding="utf-8").replace("Write", "Define"), encoding="utf-8")
    school.hand_in_both("ann")
    school.grade()
    other = school.folder / "autograded" / "ann" / MODULE / f"{TRIPLE}.ipynb"
    other.write_text(json.dumps({"by": "nbgrader"}), encoding="utf-8")
    school.hand_in("ann", DOUBLE, answered(school.units["double"], "square"))
    summary = school.grade()

    assert outcomes(summary)["ann", DOUBLE].points == 3
    assert json.loads(other.read_text(encoding="utf-8")) == {"by": "nbgrader"}
