"""A lesson without an exercise: a unit that is started, built and proven, and that nothing can check."""

import json
import shutil
from pathlib import Path

import pytest
from small_course import copied_course, mle

from grader.build import build, check_built
from grader.classroom.course import chosen_units
from grader.course import Course
from grader.errors import CourseError, SourceError
from grader.progress import next_unit_line, progress_lines, unit_to_take
from grader.verify import verify
from grader.workspace import Workspace

SHELF = "00-kinds/00-look-around"
SOURCE = """\
# ---
# title: "What lies here?"
# minutes: 5
# exercise: none
# needs: [someday]
# ---

# %% [markdown]
# # What lies here?

# %%
import grader

grader.begin("look-around")
"""


def write_lesson(course: Course, text: str = SOURCE) -> Path:
    """The source of the lesson, on the first place of the shelf."""
    path = course.root / "modules" / f"{SHELF}.py"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.fixture
def course(tmp_path) -> Course:
    """A course of that lesson and one unit with an exercise, built."""
    found = copied_course(tmp_path, "01-add-up")
    write_lesson(found)
    build(found)
    return Course(found.root)


def test_it_is_a_unit_without_points(course):
    """It has its place in the order and its names; it asks for nothing."""
    unit = course.unit("look-around")

    assert [found.name for found in course.order] == ["look-around", "add-up"]
    assert (unit.path, unit.header.title, unit.header.minutes) == (SHELF, "What lies here?", 5)
    assert unit.header.needs == ("someday",)
    assert (unit.has_exercise, unit.max_points) == (False, 0)
    assert list(course.files) == ["00-kinds/01-add-up"]


def test_without_solutions_its_notebook_says_the_same(course):
    """As an installed course has it."""
    full = course.unit("look-around")
    shutil.rmtree(course.root / "solutions")
    bare = Course(course.root)

    assert bare.words == course.words
    assert bare.unit("look-around") == full


def test_only_its_lesson_is_built(course):
    """There is no notebook among the exercises, and none is missed."""
    assert (course.root / "modules" / f"{SHELF}.ipynb").is_file()
    assert not (course.root / "exercises" / f"{SHELF}.ipynb").exists()
    assert check_built(course) == []


def test_a_lesson_that_lost_its_exercise_is_named(course):
    """Whoever means it so, says it in the header; until then it is no unit."""
    write_lesson(course, SOURCE.replace("# exercise: none\n", ""))
    build(Course(course.root))

    assert check_built(course) == [
        f"modules/{SHELF}.py: has no exercise; add solutions/{SHELF}.py, "
        'or write "exercise: none" in its header'
    ]
    assert Course(course.root).words == ("add-up",)


def test_an_exercise_that_the_lesson_denies_is_named(course):
    """One of the two is wrong; the exercise counts until that is settled."""
    source = course.root / "modules" / "00-kinds" / "01-add-up.py"
    source.write_text(source.read_text().replace("# minutes", "# exercise: none\n# minutes", 1))
    build(Course(course.root))

    assert check_built(course) == [
        'modules/00-kinds/01-add-up.py: says "exercise: none", but solutions/00-kinds/01-add-up.py is there; '
        "drop the line or that file"
    ]
    assert Course(course.root).unit("add-up").has_exercise


def test_the_header_takes_no_other_word(course):
    """`exercise: later` is a mistake, and the course still loads."""
    write_lesson(course, SOURCE.replace("none", "later"))

    with pytest.raises(SourceError, match="\"exercise\" is 'later'; write none, or drop the line"):
        build(Course(course.root))
    assert Course(course.root).words == ("add-up",)


def test_it_is_proven_by_running(course):
    """Point 11 alone: from top to bottom, without a warning."""
    told: list[tuple[str, str]] = []
    sound = verify(course, [course.unit("look-around")], progress=lambda *step: told.append(step))
    write_lesson(course, SOURCE + "\n# %%\nsum([1, None])\n")
    build(Course(course.root))
    (problem,) = verify(Course(course.root), [Course(course.root).unit("look-around")])

    assert sound == []
    assert told == [("look-around", "lesson")]
    assert "lesson: a cell raises TypeError" in str(problem)
    assert str(problem).endswith("[11]")


def test_start_brings_the_lesson_and_next_goes_on(course, tmp_path):
    """It is the first unit until it is started; then it counts as done, since nothing else can be seen of it."""
    workspace = Workspace(tmp_path / "home")
    before = progress_lines(course, workspace)
    started = mle("start", "--no-lab", home=workspace.root, course=course)
    after = progress_lines(course, workspace)

    assert before[0] == "look-around  lesson  not started"
    assert unit_to_take(course, Workspace(tmp_path / "new")) == course.unit("look-around")
    assert [path.name for path in workspace.folder(course.unit("look-around")).iterdir()] == ["lesson.ipynb"]
    assert "see what is next: mle next" in " ".join(started.stdout.split())
    assert after[0] == "look-around  lesson  opened"
    assert after[-1] == "1 of 2 units complete"
    assert "mle start add-up" in next_unit_line(course, workspace)


def test_what_needs_an_exercise_says_that_there_is_none(course, tmp_path):
    """One sentence and exit code 2, by name and by file, also after the start."""
    home = tmp_path / "home"
    mle("start", "--no-lab", "look-around", home=home, course=course)
    lesson = str(Workspace(home).lesson(course.unit("look-around")))
    commands = [["check", "look-around"], ["check", lesson], ["watch", "look-around"]]
    commands += [[verb, "look-around"] for verb in ("hint", "solution", "reset")]
    for command in commands:
        done = mle(*command, home=home, course=course)
        said = " ".join(done.stderr.split())

        assert done.returncode == 2, command
        assert "look-around is a lesson without an exercise, so there is nothing to check" in said, command


def test_commands_for_authors_take_it(course, tmp_path):
    """Build, its check, and verify, by name and for the whole course; progress for programs says it is opened."""
    home = tmp_path / "home"
    built = mle("build", "look-around", home=home, course=course)
    checked = mle("build", "--check", home=home, course=course)
    proven = mle("verify", "look-around", home=home, course=course)
    rows = json.loads(mle("progress", "--json", home=home, course=course).stdout)["units"]

    assert (built.returncode, checked.returncode, proven.returncode) == (0, 0, 0)
    assert proven.stdout == "proven: 1 lesson without an exercise, by running\n"
    assert rows[0] == {"unit": "look-around", "points": 0, "max_points": 0, "attempts": 0, "opened": False}


def test_a_class_is_made_of_exercises(course, tmp_path):
    """The lesson is left out, and whoever names it hears why."""
    assert [unit.name for unit in chosen_units(course, tmp_path / "class")] == ["add-up"]
    with pytest.raises(CourseError, match="a lesson without an exercise"):
        chosen_units(course, tmp_path / "class", ["look-around"])
