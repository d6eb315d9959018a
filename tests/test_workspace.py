"""The learner's folder: copies are made once, and nothing that a learner wrote is ever lost."""

import datetime
import json
from pathlib import Path

import pytest
from small_course import COURSE, mle

from grader.errors import WorkspaceError
from grader.workspace import Workspace, free_name

UNIT = COURSE.unit("add-up")


@pytest.fixture
def workspace(tmp_path) -> Workspace:
    return Workspace(tmp_path / "home")


def test_start_copies_lesson_and_exercise_once(workspace):
    """A second start leaves what the learner wrote."""
    first = workspace.start(COURSE, UNIT)
    workspace.exercise(UNIT).write_text("mine")
    second = workspace.start(COURSE, UNIT)

    assert first == [workspace.lesson(UNIT), workspace.exercise(UNIT)]
    assert second == []
    assert workspace.exercise(UNIT).read_text() == "mine"
    assert workspace.exercise(UNIT).name == "01-add-up.ipynb"


def test_a_unit_without_a_lesson_starts_with_its_exercise(workspace):
    """Most units of the miniature course have none."""
    unit = COURSE.unit("tidy-file")

    assert workspace.start(COURSE, unit) == [workspace.exercise(unit)]


def test_reset_keeps_every_copy(workspace, monkeypatch):
    """Twice in one second, and also where a copy of that name lies already."""

    class Stopped(datetime.datetime):
        @classmethod
        def now(cls, tz=None):
            return cls(2026, 3, 1, 12, 30, 5)

    monkeypatch.setattr("grader.workspace.datetime.datetime", Stopped)
    workspace.start(COURSE, UNIT)
    fresh = workspace.exercise(UNIT).read_bytes()
    kept = []
    for number in range(3):
        workspace.exercise(UNIT).write_text(f"mine {number}")
        kept.append(workspace.reset(COURSE, UNIT))

    assert [path.name for path in kept if path] == [
        "01-add-up.2026-03-01T12-30-05.ipynb",
        "01-add-up.2026-03-01T12-30-05-2.ipynb",
        "01-add-up.2026-03-01T12-30-05-3.ipynb",
    ]
    assert [path.read_text() for path in kept if path] == ["mine 0", "mine 1", "mine 2"]
    assert workspace.exercise(UNIT).read_bytes() == fresh


def test_reset_of_a_damaged_notebook_keeps_it_too(tmp_path):
    """As a command; the kept copy is named, and is no exercise that a later check would take."""
    mle("start", "--no-lab", "add-up", home=tmp_path)
    path = Workspace(tmp_path).exercise(UNIT)
    path.write_bytes(b"\xff{")
    done = mle("reset", "add-up", home=tmp_path)
    (kept,) = list(path.parent.glob("01-add-up.*.ipynb"))

    assert done.returncode == 0
    assert kept.name in "".join(done.stdout.split())
    assert kept.read_bytes() == b"\xff{"
    assert json.loads(path.read_text())["metadata"]["seatrial"]["unit"] == "add-up"


def test_reset_without_a_copy_starts(workspace):
    """Nothing is kept where nothing was."""
    assert workspace.reset(COURSE, UNIT) is None
    assert workspace.exercise(UNIT).is_file()


def test_a_free_name_is_never_taken(tmp_path):
    """Each call avoids what is there."""
    path = tmp_path / "a.ipynb"
    names = []
    for _ in range(5):
        found = free_name(path)
        found.touch()
        names.append(found)

    assert len(set(names)) == 5


def test_hints_are_given_one_by_one(workspace):
    """The last one again after the third; a damaged list of taken hints begins anew."""
    taken = [workspace.take_hint(UNIT) for _ in range(4)]
    (workspace.root / "hints.json").write_text("{broken")

    assert [number for number, _ in taken] == [1, 2, 3, 3]
    assert [text for _, text in taken[:3]] == list(UNIT.header.hints)
    assert workspace.take_hint(UNIT)[0] == 1


@pytest.mark.parametrize("text", ['{"add-up": "many"}', '{"add-up": null}', "[]", '{"add-up": -7}'])
def test_a_strange_list_of_hints_does_no_harm(workspace, text):
    """It may have been edited, or written by a later version."""
    workspace.root.mkdir()
    (workspace.root / "hints.json").write_text(text)

    assert workspace.take_hint(UNIT)[0] == 1


def test_a_folder_that_cannot_be_written_is_told(tmp_path):
    """A file stands in its place, which stops root as well; nothing is overwritten."""
    home = tmp_path / "home"
    home.write_text("a file")
    workspace = Workspace(home)

    for action in (workspace.start, workspace.reset):
        with pytest.raises(WorkspaceError, match=r"cannot write in .*SEATRIAL_HOME"):
            action(COURSE, UNIT)
    with pytest.raises(WorkspaceError, match="cannot write"):
        workspace.take_hint(UNIT)
    assert home.read_text() == "a file"


@pytest.mark.parametrize(
    "arguments", [["start", "--no-lab", "add-up"], ["hint", "add-up"], ["reset", "add-up"]]
)
def test_commands_say_that_they_cannot_write(tmp_path, arguments):
    """Exit code 2 and one line."""
    home = tmp_path / "home"
    home.write_text("a file")
    done = mle(*arguments, home=home)

    assert (done.returncode, done.stdout) == (2, "")
    assert "cannot write in" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_the_folder_is_the_learners_choice(monkeypatch, tmp_path):
    """SEATRIAL_HOME, else work/ of a clone, else a folder in the home."""
    from grader.course import Course

    monkeypatch.setenv("SEATRIAL_HOME", str(tmp_path / "mine"))
    chosen = Workspace.of(COURSE).root
    monkeypatch.delenv("SEATRIAL_HOME")
    clone = Course(Path(__file__).parents[1])

    assert chosen == tmp_path / "mine"
    assert Workspace.of(clone).root == clone.root / "work"
    assert Workspace.of(COURSE).root == Path.home() / "seatrial"
