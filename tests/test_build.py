"""Built notebooks: nbgrader's own steps give the same cells, and a second build the same bytes."""

import json
import os
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from sample_unit import LESSON, SOURCE, sample_unit, write_course, write_source

from grader.build import build, check_built, learner_notebook, lesson_notebook, nbgrader_source
from grader.course import Course
from grader.errors import SourceError
from grader.parsed import unit_from_json, unit_to_json

TRICKY = SOURCE.replace(
    "    ### BEGIN SOLUTION\n    return tp / (tp + fp)\n    ### END SOLUTION\n",
    "    ### BEGIN SOLUTION\n    whole = tp + fp\n    ### END SOLUTION\n    # keep this line Zürich\n"
    "    if tp:\n        ### BEGIN SOLUTION\n        return tp / whole\n        ### END SOLUTION\n",
).replace("\n### BEGIN HIDDEN", "\n\n### BEGIN HIDDEN")


def cleared(text: str) -> nbformat.NotebookNode:
    """The notebook after nbgrader's own ClearSolutions and ClearHiddenTests."""
    from nbgrader.preprocessors import ClearHiddenTests, ClearSolutions

    notebook = nbformat.reads(text, as_version=4)
    for step in (ClearSolutions(), ClearHiddenTests()):
        notebook, _ = step.preprocess(notebook, {})
    return notebook


@pytest.mark.parametrize("source", [SOURCE, TRICKY], ids=["plain", "tricky"])
def test_nbgrader_clears_to_the_learners_notebook(tmp_path, source):
    """Cell for cell, metadata included."""
    unit = sample_unit(tmp_path, source)
    ours = nbformat.reads(learner_notebook(unit), as_version=4)
    theirs = cleared(nbgrader_source(unit))

    assert len(ours.cells) == len(theirs.cells) == len(unit.parts)
    for mine, other in zip(ours.cells, theirs.cells, strict=True):
        assert mine == other
    assert ours == theirs


def test_nbgrader_accepts_the_metadata(tmp_path):
    """Its validator takes both notebooks, and its reader finds points, solutions and locks."""
    from nbgrader import utils
    from nbgrader.nbgraderformat import MetadataValidator

    unit = sample_unit(tmp_path)
    for text in (learner_notebook(unit), nbgrader_source(unit)):
        notebook = nbformat.reads(text, as_version=4)
        nbformat.validate(notebook)
        MetadataValidator().validate_nb(notebook)
        cells = {cell.id: cell for cell in notebook.cells}

        assert [name for name, cell in cells.items() if utils.is_solution(cell)] == ["precision", "service"]
        assert [name for name, cell in cells.items() if utils.is_grade(cell)] == [
            "precision_counts",
            "service_ends",
        ]
        assert utils.is_locked(cells["given-1"])
        assert utils.is_locked(cells["text-1"])
        assert utils.is_locked(cells["precision_counts"])
        assert not utils.is_locked(cells["precision"])
        assert cells["precision_counts"].metadata.nbgrader.points == 2


def test_nbgraders_lock_step_changes_nothing(tmp_path):
    """Cells are already protected the way a release protects them."""
    from nbgrader.preprocessors import LockCells

    before = nbformat.reads(learner_notebook(sample_unit(tmp_path)), as_version=4)
    after, _ = LockCells().preprocess(nbformat.from_dict(json.loads(json.dumps(before))), {})

    assert after == before


def test_the_learner_gets_no_solution_and_no_hidden_test(tmp_path):
    """Nor a wrong or another right answer, in text or metadata."""
    text = learner_notebook(sample_unit(tmp_path))

    for secret in ("tp / (tp + fp)", "rng", "no false alarm", "Accuracy", "return 0.5", "SOLUTION", "HIDDEN"):
        assert secret not in text


def test_notebooks_have_no_traces_of_a_run(tmp_path):
    """Fixed ids and kernel, no outputs, no counts, one newline at the end."""
    unit = sample_unit(tmp_path)
    text = learner_notebook(unit)
    notebook = json.loads(text)

    assert [cell["id"] for cell in notebook["cells"]] == [part.name for part in unit.parts]
    assert notebook["metadata"]["kernelspec"]["name"] == "python3"
    assert notebook["metadata"]["seatrial"]["source"] == unit.source_hash
    assert (notebook["nbformat"], notebook["nbformat_minor"]) == (4, 5)
    assert all(cell["outputs"] == [] for cell in notebook["cells"] if cell["cell_type"] == "code")
    assert all(cell.get("execution_count") is None for cell in notebook["cells"])
    assert text == json.dumps(notebook, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def test_a_file_answer_becomes_a_writefile_cell(tmp_path):
    """The first line writes the file; the rest is the stub of the file."""
    unit = sample_unit(tmp_path)
    cell = next(c for c in json.loads(learner_notebook(unit))["cells"] if c["id"] == "service")

    assert "".join(cell["source"]) == "%%writefile service.py\n" + unit.answer("service").stub


def test_a_second_process_builds_the_same_bytes(tmp_path):
    """Neither hash seed nor cache nor clock leaves a mark."""
    course = write_course(tmp_path)
    command = (
        "import sys; from pathlib import Path; from grader.source import read_source;"
        "from grader.build import learner_notebook; "
        "sys.stdout.buffer.write(learner_notebook(read_source(Path(sys.argv[1]))).encode())"
    )
    source = tmp_path / "solutions" / "00-orientation" / "01-first-check.py"
    environment = {**os.environ, "PYTHONHASHSEED": "7", "PYTHONPATH": str(Path(__file__).parents[1])}
    other = subprocess.run(
        [sys.executable, "-c", command, str(source)], capture_output=True, check=True, env=environment
    )

    assert other.stdout == learner_notebook(course.unit("first-check")).encode()


def test_the_cached_unit_builds_the_same_bytes(tmp_path):
    """JSON keeps every field of a unit."""
    unit = sample_unit(tmp_path)
    again = unit_from_json(json.loads(json.dumps(unit_to_json(unit))))

    assert again == unit
    assert learner_notebook(again) == learner_notebook(unit)


def test_build_writes_only_what_changed(tmp_path):
    """A second build touches nothing; a change of one source rebuilds its notebook."""
    course = write_course(tmp_path)
    written = build(course)

    assert [path.relative_to(tmp_path).as_posix() for path in written] == [
        "modules/00-orientation/01-first-check.ipynb",
        "exercises/00-orientation/01-first-check.ipynb",
    ]
    assert build(course) == []
    assert check_built(course) == []
    assert not list(tmp_path.rglob("*.part"))

    write_source(tmp_path, SOURCE.replace("points=2", "points=3"))
    assert check_built(Course(tmp_path)) == [
        "exercises/00-orientation/01-first-check.ipynb: differs from a fresh build; run mle build"
    ]
    assert [path.name for path in build(Course(tmp_path))] == ["01-first-check.ipynb"]


def test_build_can_be_limited_to_units(tmp_path):
    """Only the lesson and the exercise of the units named are built."""
    write_course(tmp_path)
    write_source(tmp_path, SOURCE.replace("first-check", "second"), "00-orientation/02-second")
    build(Course(tmp_path), ["second"])

    assert [path.name for path in tmp_path.rglob("*.ipynb")] == ["02-second.ipynb"]


def test_check_names_stale_missing_and_stray_files(tmp_path):
    """One line each; outcomes beside their source and editors' folders are no strays."""
    course = write_course(tmp_path)
    build(course)
    shelf = tmp_path / "solutions" / "00-orientation"
    (shelf / "01-first-check.outcomes.json").write_text("{}")
    (shelf / "02-gone.outcomes.json").write_text("{}")
    (shelf / "__pycache__").mkdir()
    (shelf / "__pycache__" / "x.pyc").write_bytes(b"")
    (tmp_path / "exercises" / "mlflow.db").write_bytes(b"")
    (tmp_path / "modules" / "00-orientation" / "01-first-check.ipynb").unlink()

    assert check_built(course) == [
        "modules/00-orientation/01-first-check.ipynb: is missing; run mle build",
        "solutions/00-orientation/02-gone.outcomes.json: is a stray file; move or delete it",
        "exercises/mlflow.db: is a stray file; move or delete it",
    ]  # fmt: skip


def test_one_broken_source_does_not_stop_the_others(tmp_path):
    """Everything sound is built, then every problem is told."""
    write_course(tmp_path)
    write_source(tmp_path, "x = 1\n", "00-orientation/02-broken")

    with pytest.raises(SourceError, match=r"02-broken\.py, header: is missing"):
        build(Course(tmp_path))
    assert (tmp_path / "exercises" / "00-orientation" / "01-first-check.ipynb").is_file()
    assert any("02-broken.py" in line for line in check_built(Course(tmp_path)))


def test_a_lesson_has_fixed_ids_tags_and_stamp(tmp_path):
    """Magics stand as comments in the source and as magics in the notebook."""
    write_course(tmp_path)
    path = tmp_path / "modules" / "00-orientation" / "01-first-check.py"
    notebook = json.loads(lesson_notebook(path))

    assert [cell["id"] for cell in notebook["cells"]] == ["text-1", "code-1"]
    assert notebook["cells"][1]["metadata"] == {"tags": ["hide-input"]}
    assert "".join(notebook["cells"][1]["source"]) == "%matplotlib inline\n1 + 1"
    stamp = notebook["metadata"]["seatrial"]
    assert (stamp["lesson"], stamp["title"], stamp["minutes"]) == ("first-check", "What is a check?", 20)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("# minutes: 20\n", "", 'header: has no "minutes"'),
        ("# minutes: 20\n", "# minutes: 20\n# sorces: []\n", 'unknown key "sorces". Did you mean "sources"?'),
        ("tags=", "tag=", 'cell 2: has the attribute "tag"'),
        ("# %% tags=[", "# %% tags[", "cell 2: "),
    ],
)
def test_faults_of_a_lesson_are_named(tmp_path, old, new, message):
    """Header and cell lines are checked as in an exercise."""
    path = tmp_path / "01-first-check.py"
    path.write_text(LESSON.replace(old, new), encoding="utf-8")

    with pytest.raises(SourceError) as caught:
        lesson_notebook(path)
    assert message in str(caught.value)
