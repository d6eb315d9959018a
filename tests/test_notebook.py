"""Reading what learners hand in: damage is named, what is plain is repaired, nothing else is raised."""

import copy
import json
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sample_unit import sample_unit

from grader.build import learner_notebook, lesson_notebook
from grader.errors import NotebookError
from grader.model import Submission, Unit
from grader.notebook import read_submission, submission_from
from grader.notebook_file import MAX_BYTES, MAX_CELLS
from grader.untouched import is_untouched

RIGHT = "def precision(tp, fp):\n    return tp / (tp + fp)\n"
OTHER = "def precision(tp, fp):\n    return tp\n"


@pytest.fixture(scope="module")
def unit(tmp_path_factory) -> Unit:
    return sample_unit(tmp_path_factory.mktemp("course"))


@pytest.fixture
def notebook(unit) -> dict:
    """The learner's notebook as JSON, to be changed by the test."""
    return json.loads(learner_notebook(unit))


def cell_of(notebook: dict, name: str) -> dict:
    return next(cell for cell in notebook["cells"] if cell.get("id") == name)


def own_cell(text: str, kind: str = "code") -> dict:
    return {"cell_type": kind, "id": "x1", "metadata": {}, "source": text, "outputs": []}


def saved(folder: Path, notebook: object) -> Path:
    path = folder / "01-first-check.ipynb"
    path.write_text(json.dumps(notebook), encoding="utf-8")
    return path


def texts(submission: Submission) -> dict[str, str]:
    return {cell.name: cell.text for cell in submission.cells}


def error_of(path: Path, unit: Unit) -> str:
    with pytest.raises(NotebookError) as caught:
        read_submission(path, unit)
    assert path.name in str(caught.value)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_fresh_copy_is_untouched(tmp_path, unit, notebook):
    """Nothing attempted, nothing missing, nothing to say; tests are today's whole cells."""
    submission = read_submission(saved(tmp_path, notebook), unit)

    assert submission.untouched == {"precision", "service"}
    assert (submission.missing, submission.notes) == (frozenset(), ())
    assert [(cell.name, cell.origin) for cell in submission.cells] == [
        ("given-1", "given"),
        ("precision", "answer"),
        ("precision_counts", "test"),
        ("service", "answer"),
        ("service_ends", "test"),
    ]
    assert texts(submission)["precision_counts"] == unit.tests[0].text
    assert texts(submission)["service"].startswith("%%writefile service.py\nimport sys")
    assert submission.folder == str(tmp_path)


def test_reading_equals_building_in_memory(tmp_path, unit, notebook):
    """A file with the reference in it and `submission_from` give the same cells."""
    cell_of(notebook, "precision")["source"] = unit.answer("precision").reference.splitlines(keepends=True)
    cell_of(notebook, "service")["source"] = "%%writefile service.py\n" + unit.answer("service").reference

    assert read_submission(saved(tmp_path, notebook), unit).cells == submission_from(unit).cells
    assert submission_from(unit).untouched == frozenset()


def test_answers_can_be_given_in_memory(unit):
    """The others keep the reference; those named untouched are stubs."""
    submission = submission_from(unit, {"service": "print(1)\n"}, untouched=["precision"])

    assert texts(submission)["service"] == "%%writefile service.py\nprint(1)\n"
    assert texts(submission)["precision"] == unit.answer("precision").stub
    assert submission.untouched == {"precision"}
    with pytest.raises(KeyError):
        submission_from(unit, {"precison": ""})


@pytest.mark.parametrize(
    "change",
    [
        lambda stub: stub + "\n\n\n",
        lambda stub: "",
        lambda stub: "# I do not know\n",
        lambda stub: stub.replace("# YOUR CODE HERE", "# my idea: divide"),
        lambda stub: stub.replace("    ", "  ").replace("(tp, fp)", "( tp,fp )"),
        lambda stub: stub.replace("raise NotImplementedError()", "raise NotImplementedError()  # later"),
    ],
)
def test_spaces_and_comments_do_not_touch_an_answer(unit, change):
    """So an answer that somebody looked at is still not attempted."""
    answer = unit.answer("precision")

    assert is_untouched(answer, change(answer.stub))


def test_code_touches_an_answer(unit):
    """Even code that does nothing; text that is no Python is an attempt, too."""
    for text in (RIGHT, "pass", "def precision(tp, fp):\n    return", "def precision(tp"):
        assert not is_untouched(unit.answer("precision"), text)


def test_an_older_stub_is_untouched_although_its_docstring_changed(tmp_path, unit, notebook):
    """A copy of an older course is compared without docstrings, and the reader is told."""
    cell = cell_of(notebook, "precision")
    cell["source"] = unit.answer("precision").stub.replace("Share of alarms", "Part of the alarms")
    notebook["metadata"]["seatrial"]["source"] = "sha256:old"
    cell_of(notebook, "given-1")["source"] = "import grader\n"
    submission = read_submission(saved(tmp_path, notebook), unit)

    assert "precision" in submission.untouched
    assert texts(submission)["given-1"] == unit.parts[1].text
    assert len(submission.notes) == 1
    assert "the course is newer than this copy" in submission.notes[0]


def test_given_and_test_cells_are_todays(tmp_path, unit, notebook):
    """Edited or deleted, they come back; only a change of given code is worth a note."""
    cell_of(notebook, "given-1")["source"] = "x = 1"
    cell_of(notebook, "precision_counts")["source"] = "assert True"
    notebook["cells"].remove(cell_of(notebook, "service_ends"))
    submission = read_submission(saved(tmp_path, notebook), unit)

    assert texts(submission)["given-1"] == unit.parts[1].text
    assert texts(submission)["precision_counts"] == unit.tests[0].text
    assert texts(submission)["service_ends"] == unit.tests[1].text
    assert len(submission.notes) == 1
    assert "cell 2 is given code" in submission.notes[0]


def test_a_deleted_answer_is_missing(tmp_path, unit, notebook):
    """The rest is run; the note says how the cell comes back."""
    notebook["cells"].remove(cell_of(notebook, "precision"))
    submission = read_submission(saved(tmp_path, notebook), unit)

    assert submission.missing == {"precision"}
    assert "precision" not in texts(submission)
    assert "precision_counts" in texts(submission)
    assert any("mle reset first-check" in note for note in submission.notes)


def test_own_cells_stay_after_the_cell_they_followed(tmp_path, unit, notebook):
    """Before everything, after prose, after an answer; empty cells and %check are left out."""
    cells = notebook["cells"]
    cells.insert(4, own_cell("a = 1"))
    cells.insert(3, own_cell("b = 2"))
    cells.insert(0, own_cell("c = 3"))
    cells.append(own_cell("%load_ext grader\n%check"))
    cells.append(own_cell("  \n"))
    cells.append(own_cell("plain words", "markdown"))
    submission = read_submission(saved(tmp_path, notebook), unit)

    assert [cell.text if cell.origin == "own" else cell.name for cell in submission.cells] == [
        "c = 3", "given-1", "b = 2", "precision", "a = 1", "precision_counts", "service", "service_ends",
    ]  # fmt: skip
    assert [cell.name for cell in submission.cells if cell.origin == "own"] == ["own-1", "own-2", "own-3"]


def test_a_copied_answer_counts_once(tmp_path, unit, notebook):
    """An equal copy is left out, an untouched original gives way to its copy."""
    cell = cell_of(notebook, "precision")
    extra = copy.deepcopy(cell)
    extra |= {"id": "copy", "source": RIGHT}
    notebook["cells"].append(extra)
    path = saved(tmp_path, notebook)

    assert texts(read_submission(path, unit))["precision"] == RIGHT
    cell["source"] = RIGHT + "\n"
    submission = read_submission(saved(tmp_path, notebook), unit)
    assert [cell.name for cell in submission.cells].count("precision") == 1
    assert "cells 4, 9 are copies" in submission.notes[0]


def test_two_different_answers_are_an_error(tmp_path, unit, notebook):
    """Both places are named, so that one can be deleted."""
    cell_of(notebook, "precision")["source"] = RIGHT
    notebook["cells"].append({**cell_of(notebook, "precision"), "id": "copy", "source": OTHER})
    message = error_of(saved(tmp_path, notebook), unit)

    assert "cells 4 and 9" in message
    assert '"precision"' in message


def test_a_flood_of_cells_is_refused_at_once(tmp_path, unit, notebook):
    """A notebook cannot keep the reader busy: not with cells, not with copies of one answer."""
    cell = cell_of(notebook, "precision")
    flood = [{**cell, "source": f"x = {number}"} for number in range(101)]

    assert '101 cells of 01-first-check.ipynb are named "precision"' in error_of(
        saved(tmp_path, {**notebook, "cells": flood}), unit
    )
    flood = [own_cell("x")] * (MAX_CELLS + 1)
    assert f"has {MAX_CELLS + 1} cells" in error_of(saved(tmp_path, {**notebook, "cells": flood}), unit)


def test_many_notes_are_cut(tmp_path, unit, notebook):
    """Feedback stays readable, whatever was copied."""
    notebook["cells"] += [cell_of(notebook, "precision")] * 40
    notes = read_submission(saved(tmp_path, notebook), unit).notes
    assert notes == (
        'cells 4, 9, 10, 11, 12 and 36 more are copies of the answer "precision"; cell 4 counts',
    )

    given = cell_of(notebook, "given-1")
    notebook["cells"] += [{**given, "source": f"x = {number}"} for number in range(60)]
    notes = read_submission(saved(tmp_path, notebook), unit).notes
    assert len(notes) == 20
    assert notes[-1] == "42 more notes of this kind are left out"


def test_a_changed_copy_of_given_code_is_the_learners_own(tmp_path, unit, notebook):
    """Notebook programs copy metadata with a cell, which must not swallow its new text."""
    notebook["cells"].insert(2, {**cell_of(notebook, "given-1"), "id": "copy", "source": "k = 5"})
    submission = read_submission(saved(tmp_path, notebook), unit)

    assert [cell.text for cell in submission.cells if cell.origin == "own"] == ["k = 5"]
    assert texts(submission)["given-1"] == unit.parts[1].text


@pytest.mark.parametrize("name", ["precision", "service"])
def test_an_answer_without_its_ids_is_known_by_its_meaning(tmp_path, unit, notebook, name):
    """A cell that defines just these names, or writes this file, is taken, with a note."""
    text = RIGHT if name == "precision" else "%%writefile service.py\nprint(1)\n"
    cell = cell_of(notebook, name)
    cell |= {"id": "other", "metadata": {"nbgrader": {"grade_id": "renamed"}}, "source": text}
    submission = read_submission(saved(tmp_path, notebook), unit)

    assert texts(submission)[name] == text
    assert submission.missing == frozenset()
    assert any("was taken as the answer" in note for note in submission.notes)


def test_an_answer_written_beside_its_stub_counts(tmp_path, unit, notebook):
    """A learner who leaves the stub and answers in a new cell has answered."""
    notebook["cells"].insert(4, own_cell(RIGHT))
    submission = read_submission(saved(tmp_path, notebook), unit)

    assert texts(submission)["precision"] == RIGHT
    assert submission.untouched == {"service"}
    assert not [cell for cell in submission.cells if cell.origin == "own"]


def test_two_cells_of_the_same_meaning_decide_nothing(tmp_path, unit, notebook):
    """Neither is taken; the note asks for a choice."""
    notebook["cells"] += [own_cell(RIGHT), own_cell(OTHER)]
    submission = read_submission(saved(tmp_path, notebook), unit)

    assert "precision" in submission.untouched
    assert any("cells 9 and 10" in note for note in submission.notes)


@pytest.mark.parametrize("kind", ["id only", "nbgrader only", "colab"])
def test_one_surviving_id_is_enough(tmp_path, unit, notebook, kind):
    """Programs drop cell ids, nbgrader's metadata, or move the id into the metadata."""
    cell = cell_of(notebook, "precision")
    cell["source"] = "precision = max"
    if kind == "id only":
        cell["metadata"] = {}
    else:
        del cell["id"]
        cell["metadata"] = (
            {"id": "precision"} if kind == "colab" else {"nbgrader": cell["metadata"]["nbgrader"]}
        )
    submission = read_submission(saved(tmp_path, notebook), unit)

    assert texts(submission)["precision"] == "precision = max"
    assert submission.notes == ()


def test_an_answer_turned_into_prose_is_run_as_code(tmp_path, unit, notebook):
    """One key press in Jupyter changes the type; the text is still the answer."""
    cell_of(notebook, "precision").update({"cell_type": "markdown", "source": RIGHT})
    submission = read_submission(saved(tmp_path, notebook), unit)

    assert texts(submission)["precision"] == RIGHT
    assert "was markdown" in submission.notes[0]


@pytest.mark.parametrize("first", ["", "%%writefile other.py\n", "\n%%writefile  service.py\n"])
def test_a_file_answer_always_writes_its_file(tmp_path, unit, notebook, first):
    """A lost or changed first line is put right."""
    cell_of(notebook, "service")["source"] = first + "print(1)\n"
    submission = read_submission(saved(tmp_path, notebook), unit)

    assert texts(submission)["service"] == "%%writefile service.py\nprint(1)\n"


def test_another_units_notebook_is_named(tmp_path, unit, notebook):
    """By its stamp, or without one by its first cell."""
    notebook["metadata"]["seatrial"]["unit"] = "drift-alarm"
    assert '"drift-alarm", not "first-check"' in error_of(saved(tmp_path, notebook), unit)

    notebook["metadata"] = {}
    notebook["cells"] = [own_cell('import grader\ngrader.begin("drift-alarm")')]
    assert "mle check drift-alarm" in error_of(saved(tmp_path, notebook), unit)

    notebook["cells"] = [own_cell("x = 1")]
    assert "holds none of its answers or tests" in error_of(saved(tmp_path, notebook), unit)


def test_a_hostile_name_is_not_shown(tmp_path, unit, notebook):
    """A stamp is text of the file, so it reaches no terminal unless it is a plain word."""
    notebook["metadata"]["seatrial"]["unit"] = "\x1b[2J\nx" * 50

    assert "\x1b" not in error_of(saved(tmp_path, notebook), unit)


def test_a_lesson_is_no_exercise(tmp_path, unit):
    """Both lie under the same name, so they are easily confused."""
    source = tmp_path / "01-first-check.py"
    source.write_text("# ---\n# title: x\n# minutes: 1\n# ---\n\n# %% [markdown]\n# x\n")
    path = tmp_path / "01-first-check.ipynb"
    path.write_text(lesson_notebook(source))

    assert "is a lesson" in error_of(path, unit)


DAMAGE = [
    (b"", "is empty"),
    (b" \n\n", "is empty"),
    (b"{", "line 1 is not JSON"),
    (b'{"cells": [\n\n{"cell_type": "co', "line 3 is not JSON"),
    (b"[]", "is JSON but no notebook"),
    (b"{}", "is JSON but no notebook"),
    (b'"text"', "is JSON but no notebook"),
    (b'{"nbformat": true, "cells": []}', "is JSON but no notebook"),
    (b'{"nbformat": 3, "worksheets": []}', "old notebook format 3; open and save it in JupyterLab, or run"),
    (b'{"nbformat": 5, "cells": []}', "notebook format 5"),
    (b'{"nbformat": 4}', "has no list of cells"),
    (b'{"nbformat": 4, "cells": {}}', "has no list of cells"),
    (b'{"nbformat": 4, "cells": [1]}', "cell 1 is not a notebook cell"),
    (b'{"nbformat": 4, "cells": [{"cell_type": 4}]}', "cell 1 is of no known type"),
    (b'{"nbformat": 4, "cells": [{"cell_type": "code"}]}', "cell 1 has no text"),
    (b'{"nbformat": 4, "cells": [{"cell_type": "code", "source": [1]}]}', "cell 1 has no text"),
    (b"[" * 200_000, "is nested too deeply"),
    (b'{"nbformat": ' + b"9" * 5000 + b"}", "is damaged"),
    (b'{"nbformat": 1' + b"0" * 4000 + b"}", "is JSON but no notebook"),
    (b'{"nbformat": -3}', "is JSON but no notebook"),
    (b'{"nbformat": 4, "cells": [], "x": "\xe9"}', "is not UTF-8 text (byte 35)"),
    (b"\xff\xfe{\x00}", "is not UTF-16 text"),
]


@pytest.mark.parametrize(("data", "message"), DAMAGE, ids=range(len(DAMAGE)))
def test_damage_is_named_with_a_remedy(tmp_path, unit, data, message):
    """One sentence: the file, what is wrong, what to do."""
    path = tmp_path / "01-first-check.ipynb"
    path.write_bytes(data)

    assert message in error_of(path, unit)


def test_what_is_no_file_is_named(tmp_path, unit):
    """Missing, a folder, a pipe that would block."""
    assert "does not exist" in error_of(tmp_path / "none.ipynb", unit)
    assert "is a folder" in error_of(tmp_path, unit)
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe.ipynb")
        assert "is not an ordinary file" in error_of(tmp_path / "pipe.ipynb", unit)


def test_a_huge_file_is_not_read(tmp_path, unit):
    """A sparse file of 200 MB is refused by its size alone."""
    path = tmp_path / "01-first-check.ipynb"
    with path.open("wb") as file:
        file.truncate(200_000_000)

    assert f"is 200 MB, more than {MAX_BYTES // 1_000_000} MB" in error_of(path, unit)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
def test_other_encodings_with_a_mark_are_read(tmp_path, unit, notebook, encoding):
    """Editors on Windows write them."""
    path = tmp_path / "01-first-check.ipynb"
    path.write_text(json.dumps(notebook), encoding=encoding)

    assert read_submission(path, unit).untouched == {"precision", "service"}


def test_text_that_cannot_be_encoded_is_replaced(tmp_path, unit, notebook):
    """A lone surrogate would break every pipe that the text goes through."""
    cell_of(notebook, "precision")["source"] = "x = '\ud800'"
    text = texts(read_submission(saved(tmp_path, notebook), unit))["precision"]

    assert text == "x = '\ufffd'"


@pytest.mark.parametrize(
    "text", ["(" * 5000, "x = " + "-" * 50_000 + "1", "a" + ".a" * 50_000, "1" + "+1" * 50_000, "\0", "'" * 3]
)
def test_code_that_breaks_parsers_is_only_text(tmp_path, unit, notebook, text):
    """Whatever Python makes of it happens in the learner's process."""
    notebook["cells"].append(own_cell(text))
    cell_of(notebook, "precision")["source"] = text

    assert texts(read_submission(saved(tmp_path, notebook), unit))["precision"] == text


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


def paths_in(value: object, at: tuple = ()) -> list[tuple]:
    """The way to every value in a JSON document."""
    found = [at]
    if isinstance(value, dict):
        for key, inner in value.items():
            found += paths_in(inner, (*at, key))
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            found += paths_in(inner, (*at, number))
    return found


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_any_change_is_read_or_named(tmp_path_factory, unit, data):
    """A value replaced, dropped, doubled or moved anywhere gives a submission or a NotebookError."""
    notebook = json.loads(learner_text(unit))
    for _ in range(data.draw(st.integers(1, 3))):
        way = data.draw(st.sampled_from(paths_in(notebook)))
        if not way:
            continue
        holder = notebook
        for step in way[:-1]:
            holder = holder[step]
        action = data.draw(st.sampled_from(["replace", "drop", "double", "move"]))
        if action == "replace":
            holder[way[-1]] = data.draw(JSON)
        elif action == "drop":
            del holder[way[-1]]
        elif isinstance(holder, list):
            value = holder[way[-1]] if action == "double" else holder.pop(way[-1])
            holder.insert(data.draw(st.integers(0, len(holder))), copy.deepcopy(value))
    read_or_named(tmp_path_factory.getbasetemp() / "mutated.ipynb", json.dumps(notebook).encode(), unit)


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_any_bytes_are_read_or_named(tmp_path_factory, unit, data):
    """So does a file that was cut off or overwritten in part."""
    text = learner_text(unit).encode()
    start = data.draw(st.integers(0, len(text)))
    length = data.draw(st.integers(0, 40))
    changed = text[:start] + data.draw(st.binary(max_size=20)) + text[start + length :]
    if data.draw(st.booleans()):
        changed = changed[: start + length]
    read_or_named(tmp_path_factory.getbasetemp() / "bytes.ipynb", changed, unit)


_TEXT: dict[str, str] = {}


def learner_text(unit: Unit) -> str:
    """The learner's notebook, built once."""
    return _TEXT.setdefault(unit.source_hash, learner_notebook(unit))


def read_or_named(path: Path, data: bytes, unit: Unit) -> None:
    path.write_bytes(data)
    try:
        submission = read_submission(path, unit)
    except NotebookError:
        return
    assert submission.untouched | submission.missing <= {"precision", "service"}
    for cell in submission.cells:
        cell.text.encode()
