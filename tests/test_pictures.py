"""Pictures of a lesson lie beside its source and travel inside the notebook."""

import base64
import json
from pathlib import Path

import nbformat
import pytest
from sample_unit import LESSON, write_course

from grader.build import build, check_built, lesson_notebook
from grader.course import Course
from grader.errors import SourceError

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNk+A8AAQUBAScY42YAAAAASUVORK5CYII="
)
NAME = "01-first-check.page.png"


@pytest.fixture
def lesson(tmp_path: Path) -> Path:
    """A course whose lesson shows one picture."""
    write_course(tmp_path)
    path = tmp_path / "modules" / "00-orientation" / "01-first-check.py"
    path.with_name(NAME).write_bytes(PNG)
    shows(path, f"![The page of all runs]({NAME})")
    return path


def shows(lesson: Path, line: str) -> None:
    """Adds a cell of prose to the lesson."""
    text = LESSON.rstrip("\n") + f"\n\n# %% [markdown]\n# {line}\n"
    lesson.write_text(text, encoding="utf-8")


def test_the_notebook_holds_the_picture(lesson, tmp_path):
    """As nbformat's attachment, so that it is seen wherever the notebook goes; the file is no stray one."""
    text = lesson_notebook(lesson)
    cell = json.loads(text)["cells"][-1]

    nbformat.validate(nbformat.reads(text, as_version=4))
    assert "".join(cell["source"]) == f"![The page of all runs](attachment:{NAME})"
    assert base64.b64decode(cell["attachments"][NAME]["image/png"]) == PNG
    build(Course(tmp_path))
    assert not [line for line in check_built(Course(tmp_path)) if "png" in line]


def test_a_new_picture_makes_the_notebook_stale(lesson, tmp_path):
    """The bytes are part of the notebook, so a picture that was taken anew is noticed."""
    build(Course(tmp_path))
    lesson.with_name(NAME).write_bytes(PNG + b"x")

    assert any("differs from a fresh build" in line for line in check_built(Course(tmp_path)))


def test_a_picture_that_no_cell_shows_is_stray(lesson, tmp_path):
    """Also where another one is shown."""
    lesson.with_name("01-first-check.old.png").write_bytes(PNG)
    build(Course(tmp_path))

    assert any("01-first-check.old.png: is a stray file" in line for line in check_built(Course(tmp_path)))


@pytest.mark.parametrize(
    ("line", "data", "message"),
    [
        (f"![]({NAME})", PNG, f"shows {NAME} without a text that says what is seen"),
        ("![A page](01-first-check.gone.png)", PNG, "no such picture lies beside it"),
        ("![A page](other.png)", PNG, "it is called 01-first-check.*.png"),
        (f"![A page]({NAME})", b"GIF89a", "which is no PNG file"),
        (f"![A page]({NAME})", PNG + bytes(300_000), "kB; at most 200 kB"),
    ],
)
def test_faults_of_a_picture_are_named(lesson, line, data, message):
    """With the cell that shows it."""
    shows(lesson, line)
    lesson.with_name(NAME).write_bytes(data)

    with pytest.raises(SourceError, match="cell 3") as caught:
        lesson_notebook(lesson)
    assert message in str(caught.value)
    assert not [problem for problem in check_built(Course(lesson.parents[2])) if "stray" in problem]
