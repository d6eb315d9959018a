"""Damaged and hostile submissions: each leaves a row with a reason, and the batch goes on."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import nbformat
import pytest
from graded_class import DOUBLE, MODULE, School, answered, new_school, outcomes

from grader.classroom import work

pytestmark = pytest.mark.skipif(os.name == "nt", reason="nbgrader has no class tools on Windows")

SECRET = "what only the instructor knows"


@pytest.fixture
def school(tmp_path: Path) -> School:
    return new_school(tmp_path)


def notebook(school: School, kind: str = "reference") -> str:
    return answered(school.units["double"], kind)


def a_text(text: str) -> Callable[[School, Path], None]:
    def make(_school: School, path: Path) -> None:
        path.write_text(text, encoding="utf-8")

    return make


def a_link(school: School, path: Path) -> None:
    outside = school.folder / "outside.ipynb"
    outside.write_text(notebook(school), encoding="utf-8")
    path.symlink_to(outside)


def a_broken_link(_school: School, path: Path) -> None:
    path.symlink_to("nowhere")


def a_folder(_school: School, path: Path) -> None:
    path.mkdir()


def a_pipe(_school: School, path: Path) -> None:
    os.mkfifo(path)


def a_huge_file(_school: School, path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(300_000_000)


def bytes_of_no_encoding(_school: School, path: Path) -> None:
    path.write_bytes(b'{"cells": "\xff\xfe\x00"}')


def another_unit(school: School, path: Path) -> None:
    path.write_text(answered(school.units["triple"], "reference"), encoding="utf-8")


def two_answers(school: School, path: Path) -> None:
    content = json.loads(notebook(school))
    place = next(cell for cell in content["cells"] if cell["id"] == "double")
    content["cells"].append({**place, "source": "def double(number):\n    return 7"})
    path.write_text(json.dumps(content), encoding="utf-8")


def nothing(_school: School, _path: Path) -> None:
    pass


DAMAGES: dict[str, tuple[Callable[[School, Path], None], str]] = {
    "empty": (a_text(""), "is empty"),
    "cut off": (a_text('{"cells": ['), "is damaged"),
    "no notebook": (a_text("[1, 2]"), "no notebook"),
    "deep": (a_text("[" * 200_000), "nested too deeply"),
    "old format": (a_text('{"nbformat": 3, "worksheets": []}'), "old notebook format"),
    "encoding": (bytes_of_no_encoding, "is not UTF-8"),
    "link": (a_link, "is a link"),
    "broken link": (a_broken_link, "is a link"),
    "folder": (a_folder, "is a folder"),
    "pipe": (a_pipe, "is a device or a pipe"),
    "huge": (a_huge_file, "is larger than 20 MB"),
    "another unit": (another_unit, 'is the exercise "triple"'),
    "two answers": (two_answers, "differently"),
    "missing": (nothing, "there is no 01-double.ipynb"),
}


@pytest.fixture(scope="module")
def damaged(tmp_path_factory: pytest.TempPathFactory) -> tuple[School, dict]:
    """One student with each damage, and an honest one at either end."""
    school = new_school(tmp_path_factory.mktemp("damaged"))
    for student in ("a first", "z last", *DAMAGES):
        path = school.folder / "submitted" / student / MODULE / f"{DOUBLE}.ipynb"
        path.parent.mkdir(parents=True)
        make = (
            DAMAGES[student][0]
            if student in DAMAGES
            else lambda school, path: path.write_text(notebook(school))
        )
        make(school, path)
    summary = school.grade(workers=2, units=("double",))
    return school, outcomes(summary)


@pytest.mark.parametrize("student", DAMAGES)
def test_damage_is_a_row_with_a_reason(damaged: tuple[School, dict], student: str) -> None:
    """No points, the reason in the row, in the grade book's comment and in the autograded notebook."""
    school, rows = damaged
    row, expected = rows[student, DOUBLE], DAMAGES[student][1]
    with school.book() as book:
        comment = book.find_comment("double", DOUBLE, MODULE, student).comment
        grades = [
            (grade.auto_score, grade.needs_manual_grade)
            for grade in book.find_submission_notebook(DOUBLE, MODULE, student).grades
        ]
    shown = school.autograded(student)
    nbformat.validate(nbformat.from_dict(shown))

    assert (row.state, row.points) == ("damaged", 0)
    assert expected in row.reason
    assert comment == row.reason
    assert grades == [(0, False)] * 3
    assert "could not be graded" in "".join(shown["cells"][0]["source"])


def test_the_others_are_graded(damaged: tuple[School, dict]) -> None:
    """Before and after the damaged ones."""
    _, rows = damaged

    assert [rows[student, DOUBLE].points for student in ("a first", "z last")] == [4.5, 4.5]


@pytest.mark.slow
def test_feedback_shows_the_reason(damaged: tuple[School, dict]) -> None:
    """nbgrader makes a page of it as of any other."""
    school, _ = damaged
    school.nbgrader("generate_feedback", MODULE, "--student=empty")
    page = (school.folder / "feedback" / "empty" / MODULE / f"{DOUBLE}.html").read_text(encoding="utf-8")

    assert "could not be graded" in page


def test_what_is_damaged_is_mended_by_a_new_submission(school: School) -> None:
    """And is not graded again before that."""
    school.hand_in("ann", DOUBLE, "{")
    first, second = (school.grade(units=("double",)) for _ in range(2))
    school.hand_in("ann", DOUBLE, notebook(school))
    third = school.grade(units=("double",))

    assert (first.written, second.written, second.all_well) == (1, 0, False)
    assert [one.points for one in third.outcomes] == [4.5]
    with school.book() as book:
        assert book.find_comment("double", DOUBLE, MODULE, "ann").comment is None


def test_links_beside_the_notebook_are_not_followed(school: School) -> None:
    """Neither a file nor a folder outside reaches a run or an autograded folder; the row says what was left out."""
    (school.folder / "secret").mkdir()
    (school.folder / "secret" / "secret.txt").write_text(SECRET, encoding="utf-8")
    beside = school.hand_in("ann", DOUBLE, notebook(school)).parent
    (beside / "one.txt").symlink_to(school.folder / "secret" / "secret.txt")
    (beside / "all").symlink_to(school.folder / "secret")
    summary = school.grade(units=("double",))
    copied = [path.name for path in (school.folder / "autograded").rglob("*") if path.is_file()]

    assert copied == [f"{DOUBLE}.ipynb"]
    assert [one.points for one in summary.outcomes] == [4.5]
    assert set(summary.outcomes[0].notes) == {"one.txt is a link", "all is a link"}


def test_a_students_folder_that_is_a_link_is_damaged(school: School) -> None:
    """A link to another student's folder would hand in that one's work."""
    school.hand_in("ann", DOUBLE, notebook(school))
    (school.folder / "submitted" / "bob").symlink_to(school.folder / "submitted" / "ann")
    (school.folder / "submitted" / "cid").mkdir()
    (school.folder / "submitted" / "cid" / MODULE).symlink_to(school.folder / "submitted" / "ann" / MODULE)
    rows = outcomes(school.grade(units=("double",)))

    assert {student: row.points for (student, _), row in rows.items()} == {"ann": 4.5, "bob": 0, "cid": 0}
    assert "is a link" in rows["bob", DOUBLE].reason
    assert "is a link" in rows["cid", DOUBLE].reason


@pytest.mark.parametrize(
    "name",
    ["a\nb", "x" * 200, "\x1b[31mred", " ann", b"\xff\xfe".decode("utf-8", "surrogateescape")],
    ids=range(5),
)
def test_a_name_that_the_grade_book_does_not_take_is_said(school: School, name: str) -> None:
    """The row says what to do, in one harmless line, and the others are graded."""
    school.hand_in(name, DOUBLE, notebook(school))
    school.hand_in("bob", DOUBLE, notebook(school))
    rows = {row.points: row for row in school.grade(units=("double",)).outcomes}

    assert rows[4.5].student == "bob"
    assert "rename it" in rows[0].reason
    assert rows[0].student.isprintable()
    assert len(rows[0].student) <= 128


@pytest.mark.parametrize(
    "name", ["o'brien; DROP TABLE grade;--", "100% [a-z]*", "Zoë", "<script>"], ids=range(4)
)
def test_a_strange_name_is_a_name(school: School, name: str) -> None:
    """What a database, a pattern or a page might misread."""
    school.hand_in(name, DOUBLE, notebook(school))
    school.grade(units=("double",))

    assert school.scores()[name, DOUBLE]["doubles_two"] == 2
    assert school.autograded(name)["cells"]


def test_files_of_no_use_are_left_out(school: School) -> None:
    """A pipe, a folder called like a notebook, a file where the instructor has a folder: the notebook is graded."""
    beside = school.hand_in("ann", DOUBLE, notebook(school)).parent
    os.mkfifo(beside / "pipe")
    (beside / "02-triple.ipynb").mkdir()
    (beside / "02-triple.ipynb" / "deep.txt").write_text("x", encoding="utf-8")
    (beside / "data").write_text("a file", encoding="utf-8")
    (school.folder / "source" / MODULE / "data").mkdir()
    (school.folder / "source" / MODULE / "data" / "true.csv").write_text("1", encoding="utf-8")
    (beside / "timestamp.txt").write_text("yesterday, honestly", encoding="utf-8")
    summary = school.grade()
    place = school.folder / "autograded" / "ann" / MODULE

    assert outcomes(summary)["ann", DOUBLE].points == 4.5
    assert (place / "data" / "true.csv").read_text(encoding="utf-8") == "1"
    assert "pipe is a device or a pipe" in outcomes(summary)["ann", DOUBLE].notes
    assert "timestamp.txt holds no time, so the submission has none" in outcomes(summary)["ann", DOUBLE].notes


@pytest.mark.parametrize(
    "metadata", [[], {"nbgrader": 7}, {"nbgrader": {"grade": True, "points": 99, "grade_id": 3}}]
)
def test_forged_metadata_is_not_read(school: School, metadata: object) -> None:
    """Cells that claim to be tests worth 99 points are the learner's own."""
    content = json.loads(notebook(school, "nothing"))
    cell: dict = {"cell_type": "code", "execution_count": None, "id": "x", "outputs": [], "source": "1"}
    content["cells"] += [{**cell, "metadata": metadata}, {**cell, "id": "doubles_any", "metadata": metadata}]
    school.hand_in("ann", DOUBLE, json.dumps(content))
    summary = school.grade(units=("double",))
    nbformat.validate(nbformat.from_dict(school.autograded("ann")))

    assert [one.points for one in summary.outcomes] == [1]


def test_text_of_a_reason_is_no_markup(school: School) -> None:
    """Names of files come from students; in a page they are text."""
    school.hand_in("ann", DOUBLE, '{"cells": [{"cell_type": "<img src=x onerror=alert(1)>"}], "nbformat": 4}')
    school.grade(units=("double",))

    assert "<img" not in "".join(school.autograded("ann")["cells"][0]["source"])


@pytest.mark.parametrize("text", [r"\ud800", r"\x00", r"\x1b[31m", r"\u2028", r"</script>"], ids=range(5))
def test_no_letter_that_code_prints_or_returns_does_harm(school: School, text: str) -> None:
    """Half characters, control characters: the notebook is graded, valid and written."""
    content = json.loads(notebook(school))
    place = next(number for number, cell in enumerate(content["cells"]) if cell["id"] == "double")
    source = f"print({text!r})\nprint('{text}')\ndef double(number):\n    raise ValueError('{text}')"
    content["cells"][place]["source"] = source
    content["cells"].append(
        {**content["cells"][place], "id": "own", "metadata": {}, "source": f"1 / 0  # {text}"}
    )
    school.hand_in("ann", DOUBLE, json.dumps(content))
    summary = school.grade(units=("double",))
    nbformat.validate(nbformat.from_dict(school.autograded("ann")))

    assert [(one.state, one.points) for one in summary.outcomes] == [("graded", 1)]


def test_a_notebook_that_kills_the_writer_of_notebooks_is_crashed(
    school: School, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever goes wrong in our own code for one submission costs that one, with the reason, and no other."""
    right = work.autograded_text

    def wrong(given: object, result: object, handed: object, *rest: object) -> str:
        if handed is not None and "fragile" in handed[0].read_text(encoding="utf-8"):  # type: ignore[index]
            raise IndexError("a slip of ours")
        return right(given, result, handed, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(work, "autograded_text", wrong)
    school.hand_in("ann", DOUBLE, notebook(school).replace("number + number", "2 * number  # fragile"))
    school.hand_in("bob", DOUBLE, notebook(school))
    rows = outcomes(school.grade(units=("double",)))

    assert (rows["ann", DOUBLE].state, rows["bob", DOUBLE].points) == ("crashed", 4.5)
    assert "IndexError: a slip of ours" in rows["ann", DOUBLE].reason
