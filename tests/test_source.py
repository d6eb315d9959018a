"""What grader.source and grader.rules accept, and what they say of the rest."""

import json
import re
from pathlib import Path

import pytest
from sample_unit import SOURCE, sample_unit, write_source

from grader.build import learner_notebook
from grader.built import unit_from_notebook
from grader.errors import SourceError
from grader.model import Answer, Cell, Test
from grader.notebook import read_submission, submission_from
from grader.parsed import unit_from_json, unit_to_json
from grader.source import opening_sentence, read_source


def problems_of(folder: Path, text: str) -> list[str]:
    with pytest.raises(SourceError) as caught:
        sample_unit(folder, text)
    return str(caught.value).splitlines()


def replaced(old: str, new: str) -> str:
    assert old in SOURCE
    return SOURCE.replace(old, new)


def test_a_source_becomes_a_unit(tmp_path):
    """Path and identity come from the file's place, cells keep their order and get fixed ids."""
    unit = sample_unit(tmp_path)

    assert (unit.path, unit.name) == ("00-orientation/01-first-check", "first-check")
    assert [part.name for part in unit.parts] == [
        "text-1", "given-1", "text-2", "precision", "precision_counts", "text-3", "service", "service_ends",
    ]  # fmt: skip
    assert [part.kind for part in unit.parts[:5]] == ["prose", "given", "prose", "answer", "test"]
    assert unit.max_points == 3.5
    assert unit.header.title == "First check: precision"
    assert unit.header.hints == ("where to look", "which idea", "almost the code")
    assert unit.header.limit_seconds == 30.0


def test_the_hash_is_of_the_file(tmp_path):
    """The hash is SHA-256 of the bytes, and Windows line ends do not change it."""
    import hashlib

    first = sample_unit(tmp_path / "a")
    second = sample_unit(tmp_path / "b", SOURCE.replace("\n", "\r\n"))

    assert first.source_hash == "sha256:" + hashlib.sha256(SOURCE.encode()).hexdigest()
    assert first == second


def test_an_answer_has_reference_stub_and_names(tmp_path):
    """The stub is nbgrader's, indented like the marker; the docstring survives."""
    answer = sample_unit(tmp_path).answer("precision")

    assert "###" not in answer.reference
    assert "return tp / (tp + fp)" in answer.reference
    assert answer.stub.endswith(
        'alarms that are right."""\n    # YOUR CODE HERE\n    raise NotImplementedError()'
    )
    assert answer.names == ("precision",)


def test_a_file_answer_is_plain_text(tmp_path):
    """The text of a delivered file has no %%writefile line and delivers no names."""
    answer = sample_unit(tmp_path).answer("service")

    assert answer.file == "service.py"
    assert answer.names == ()
    assert answer.reference.startswith("import sys\n\n\ndef main()")


def test_names_are_definitions_and_assignments(tmp_path):
    """Imports, private names and loop variables are not delivered; names in a with block are."""
    body = "import json\n_x = 1\nclass Model: pass\nfor i in []: y, (z, *rest) = 1, (2, 3)\n"
    body += "with open('f') as f: w: int = 3"
    text = replaced('def precision(tp, fp):\n    """Share', f'{body}\ndef precision(tp, fp):\n    """Share')
    answer = sample_unit(tmp_path, text).answer("precision")

    assert answer.names == ("Model", "y", "z", "rest", "w", "precision")


def test_a_test_splits_into_visible_and_hidden(tmp_path):
    """The hidden line counts in the cell without markers."""
    first, second = sample_unit(tmp_path).tests

    assert first.hidden_line == 4
    assert first.text.split("\n")[3] == "rng = expect.rng()"
    assert first.text.startswith(first.visible)
    assert "rng" not in first.visible
    assert second.hidden_line is None
    assert second.text == second.visible == second.marked


def test_the_misconception_is_the_first_sentence(tmp_path):
    """It may run over several lines of comment."""
    wrong = sample_unit(tmp_path).wrong[0]

    assert wrong.misconception == "Accuracy in disguise: it counts what was not flagged."
    assert opening_sentence("# e.g. this one counts.\nx = 1") == "e.g. this one counts."
    assert opening_sentence("# no full stop\nx = 1") == ""
    assert opening_sentence("x = 1  # Late.") == ""


def test_a_magic_in_a_comment_stays_a_comment(tmp_path):
    """Text of cells comes through as it stands."""
    unit = sample_unit(tmp_path, replaced("import math\n", "import math\n\n# %matplotlib inline\n# !ls\n"))

    assert unit.parts[1].text.endswith("# %matplotlib inline\n# !ls")


def test_a_question_may_have_its_own_limit(tmp_path):
    """An answer and a test cell may take more or less than the unit's; the others have none of their own."""
    text = replaced('answer="precision"', 'answer="precision" limit_seconds=5')
    text = text.replace('of="service" points', 'of="service" limit_seconds=60.5 points')
    unit = sample_unit(tmp_path, text)

    assert [answer.limit_seconds for answer in unit.answers] == [5.0, None]
    assert [test.limit_seconds for test in unit.tests] == [None, 60.5]
    assert type(unit.answers[0].limit_seconds) is float


def test_limits_reach_the_run_by_every_road(tmp_path):
    """Cells to run, the cache of parsed units and a built notebook without its source say the same."""
    text = replaced('answer="precision"', 'answer="precision" limit_seconds=5')
    text = text.replace('of="service" points', 'of="service" limit_seconds=60.5 points')
    unit = sample_unit(tmp_path, text.replace("# minutes: 25\n", "# minutes: 25\n# limit_run_seconds: 99\n"))
    path = tmp_path / "copy.ipynb"
    path.write_text(learner_notebook(unit), encoding="utf-8")
    built = unit_from_notebook(path)
    work = {cell.name: cell.limit_seconds for cell in read_submission(path, unit).cells}

    assert work == {
        "given-1": None,
        "precision": 5,
        "precision_counts": None,
        "service": None,
        "service_ends": 60.5,
    }
    assert submission_from(unit).cells[1].limit_seconds == 5
    assert unit_from_json(json.loads(json.dumps(unit_to_json(unit)))) == unit
    assert built.header == unit.header
    assert [answer.limit_seconds for answer in built.answers] == [5, None]
    assert [test.limit_seconds for test in built.tests] == [None, 60.5]


@pytest.mark.parametrize(
    ("lines", "limits"),
    [
        ("", (30.0, 300.0)),
        ("# limit_seconds: 2.5\n", (2.5, 25.0)),
        ("# limit_run_seconds: 31\n", (30.0, 31.0)),
        ("# limit_seconds: 400\n# limit_run_seconds: 400\n", (400.0, 400.0)),
    ],
)
def test_a_whole_run_has_a_limit(tmp_path, lines, limits):
    """Ten times a cell's, unless the header gives it."""
    header = sample_unit(tmp_path, replaced("# minutes: 25\n", f"# minutes: 25\n{lines}")).header

    assert (header.limit_seconds, header.limit_run_seconds) == limits
    assert type(header.limit_run_seconds) is float


BROKEN = [
    ("# minutes: 25\n", "", 'header: has no "minutes"; add it'),
    ("# minutes: 25\n", "# minuts: 25\n", 'header: has an unknown key "minuts". Did you mean "minutes"?'),
    ("# minutes: 25\n", "# minutes: soon\n", '"minutes" is \'soon\'; write a whole number above 0'),
    ("# minutes: 25\n", "# minutes: 25\n# minutes: 30\n", 'header: has "minutes" twice'),
    ("# minutes: 25\n", "# minutes: 25\n# limit_seconds: -1\n", '"limit_seconds" is -1; write a number'),
    ("# minutes: 25\n", "# minutes: 25\n# limit_run_seconds: .nan\n", '"limit_run_seconds" is nan; write a'),
    ("# minutes: 25\n", "# minutes: 25\n# limit_run_seconds: 0\n", '"limit_run_seconds" is 0; write a number'),
    ("# minutes: 25\n", "# minutes: 25\n# limit_run_seconds: 29\n", "29, less than the 30 s that one cell"),
    ('answer="precision"', 'answer="precision" limit_seconds=0', '"precision": limit_seconds=0 is no number'),
    ('answer="precision"', 'answer="precision" limit_seconds=-1', '"precision": limit_seconds=-1 is no number'),
    ('answer="precision"', 'answer="precision" limit_seconds=NaN', "limit_seconds=nan is no number above 0; write"),
    ('answer="precision"', 'answer="precision" limit_seconds=true', "limit_seconds=True is no number above 0"),
    ('answer="precision"', 'answer="precision" limit_seconds="5"', "limit_seconds='5' is no number above 0"),
    ('answer="precision"', f'answer="precision" limit_seconds={10**400}', "more than the 300 s that the whole run"),
    ('of="precision" points', 'of="precision" limit_seconds=1e999 points', "limit_seconds=inf is no number"),
    ('of="precision" points', 'of="precision" limit_seconds=soon points', 'cell 5: cannot read "test='),
    ('of="precision" points', 'of="precision" limit_seconds=301 points', "301 is more than the 300 s that"),
    ('also="integers"', 'also="integers" limit_seconds=5', 'has an unknown attribute "limit_seconds"; drop it'),
    ("# needs: []", "# needs: first-check", 'header: "needs" is not a list'),
    ("# needs: []", "# needs: [first-check]", "header: names its own unit"),
    ("#   - which idea\n", "", "header: has 2 hints; write three"),
    ("#   - which idea\n", "#   - idea: one\n", 'header: "hints", item 2 is not a text; put it in quotes'),
    ('"First check: precision"', "First check: precision", "header: is not valid YAML at line 2"),
    ("# ---\n# title", "# title", "header: is missing"),
    ('answer="precision"', 'anwser="precision"', 'cell 4: has the attribute "anwser"'),
    ('answer="precision"', "answer=precision", 'cell 4: cannot read "answer=precision"'),
    ('answer="precision"', 'answer="text-1"', '"text-1" is a name the builder gives'),
    ('answer="precision"', 'answer="a b"', "answer='a b' is no cell name"),
    ('answer="precision"', 'answer="service_ends"', '"service_ends": the name stands twice'),
    ('answer="precision"', 'Precision answer="precision"', 'cell 4: has the words "Precision"'),
    ("points=2", "point=2", 'has an unknown attribute "point"; drop it. Did you mean "points"?'),
    ("points=2", "points=0", '"precision_counts": points=0 is no number above 0'),
    ("points=2", "", '"precision_counts": has no points='),
    ('of="precision" points', 'of="precison" points', 'of="precison" names no answer'),
    ('of="precision" points', 'of="service precision" points', 'of="service" names a later answer'),
    ('caught_by="precision_counts"', 'caught_by="precision_count"', 'Did you mean "precision_counts"?'),
    ('caught_by="precision_counts"', 'caught_by="service_ends"', 'a test that does not test "precision"'),
    ("    ### END SOLUTION\n\n# %% test", "\n# %% test", '"precision": the solution part never ends'),
    ("    ### BEGIN SOLUTION\n    return tp", "    return tp", 'line 4: the solution part ends before'),
    ("    ### BEGIN SOLUTION\n    return", "    # BEGIN SOLUTION\n    return", 'mixes "BEGIN SOLUTION"'),
    ("### END HIDDEN TESTS\n", "### END HIDDEN TESTS\nx = 1\n", "has lines after the hidden part"),
    ("### END HIDDEN TESTS\n", "", "the hidden tests part never ends"),
    ("return tp / (tp + fp)", "return tp / (tp +", '"precision": is not plain Python (line 4'),
    ("return 0.5", "return 0.5 +", '"accuracy": is not plain Python'),
    ("return 0.5", r"return '\d'", '"accuracy": is not plain Python'),
    ("import math\n", "%matplotlib inline\n", "cell 2: is not plain Python"),
    ("# Accuracy in disguise: it counts what\n# was", "x = 1\n# was", 'opens without a comment sentence'),
    ("# %% [markdown]\n# ### A service\n", "", '"service": no prose stands directly before it'),
    ('begin("first-check")', 'begin("frist-check")', "cell 2: opens the code otherwise"),
    ("import grader\n\ngrader", "import grader, math\n\ngrader", "cell 2: opens the code otherwise"),
    ('file="service.py"', 'file="src/service.py"', "file='src/service.py' is no bare file name"),
    ("count = int(", "count = math.floor(", '"precision_counts": uses "math" of another cell'),
    ("count = int(", "count = floor(", '"precision_counts": uses "floor", which nothing defines'),
    ("import sys\n\n\ndef", "### BEGIN HIDDEN TESTS\nimport sys\n\n\ndef", "has a hidden-test marker"),
    ("return 0.5", "return 0.5\n    ### BEGIN SOLUTION", '"accuracy": has a solution marker'),
    ('also="integers"', 'also="accuracy"', '"accuracy": the name stands twice, as wrong and as also'),
    ("### BEGIN HIDDEN TESTS\nrng", "precision(1, 2)\n### BEGIN HIDDEN TESTS\nrng", "ends on an expression"),
    ("# %% [markdown]\n# # First", "x = 1\n# %% [markdown]\n# # First", "text stands before the first cell"),
    ("# %% [markdown]\n# # First", "# %% [raw]\n# # First", "cell 1: is a raw cell"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "message"), BROKEN)
def test_each_fault_is_named(tmp_path, old, new, message):
    """Each line names file and cell, says what is wrong and what to do."""
    lines = problems_of(tmp_path, replaced(old, new))

    assert any(message in line for line in lines), lines
    assert all(re.match(r"01-first-check\.py, (header|file|cell \d+|\"[\w-]+\"): ", line) for line in lines)


def test_all_problems_come_at_once_in_file_order(tmp_path):
    """One run shows everything that is to be mended."""
    text = replaced("# minutes: 25\n", "").replace("points=2", "points=-1").replace("points=1.5", "points=0")
    lines = problems_of(tmp_path, text)

    assert [line.split(", ")[1].split(":")[0] for line in lines] == [
        "header",
        '"precision_counts"',
        '"service_ends"',
    ]


def test_a_test_may_not_use_other_answers(tmp_path):
    """A name of an answer that `of` does not list is a mistake, with the answer named."""
    extra = '\n# %% test="late" of="service" points=1\nfrom grader import expect\nx = precision(1, 2)\n'
    lines = problems_of(tmp_path, SOURCE + extra)

    assert lines == [
        '01-first-check.py, "late": uses "precision" of the answer "precision"; '
        "name that answer in of= or drop the use"
    ]


def test_a_test_may_not_define_what_a_later_cell_reads(tmp_path):
    """The clean run has no names of tests, so nothing may lean on them."""
    text = replaced(
        "# %% [markdown]\n# ### A service", "# %%\ntotal = count + 1\n\n# %% [markdown]\n# ### A service"
    )
    lines = problems_of(tmp_path, text)

    assert len(lines) == 1
    assert '"precision_counts": defines "count", which cell 8 reads later' in lines[0]


def test_an_import_repeated_in_a_test_does_no_harm(tmp_path):
    """A test imports what it needs, although a given cell has imported it too."""
    text = replaced(
        "from grader import expect\n\nexpect.close",
        "import math\n\nfrom grader import expect\n\nexpect.close",
    )
    text = text.replace(
        "# %% [markdown]\n# ### A service", "# %%\nroot = math.sqrt(2)\n\n# %% [markdown]\n# ### A service"
    )

    assert sample_unit(tmp_path, text).name == "first-check"


def test_expect_may_come_from_an_earlier_cell(tmp_path):
    """Only a notebook that never imports `expect` before its use is refused."""
    later = "from grader import expect\n\nwith expect.process"

    assert sample_unit(tmp_path / "a", replaced(later, "with expect.process")).name == "first-check"
    lines = problems_of(tmp_path / "b", SOURCE.replace("from grader import expect\n", ""))
    assert any('uses "expect" before any import of it' in line for line in lines)


def test_names_inside_functions_of_a_test_are_its_own(tmp_path):
    """Arguments, comprehension variables and class bodies are not taken for global names."""
    code = (
        "class Row:\n    size = 3\n    total = size + 1\n\ndef halve(x):\n    return [y / 2 for y in x]\n\n"
    )
    text = replaced("rng = expect.rng()\n", code + "rng = expect.rng()\n")

    assert sample_unit(tmp_path, text).name == "first-check"


def test_a_test_needs_a_visible_check(tmp_path):
    """A cell whose checks are all hidden would be empty, and full marks, without solutions."""
    visible = SOURCE[SOURCE.index("expect.close(precision(90") : SOURCE.index("### BEGIN HIDDEN")]
    lines = problems_of(tmp_path, SOURCE.replace(visible, ""))

    assert any("checks nothing that learners see" in line for line in lines)


def test_a_file_that_is_not_python_is_not_parsed(tmp_path):
    """A delivered configuration file keeps its own syntax."""
    text = replaced('file="service.py"', 'file="service.cfg"').replace("import sys\n\n\n", "[main section]\n")

    assert sample_unit(tmp_path, text).answer("service").file == "service.cfg"


@pytest.mark.parametrize("name", ["first-check.py", "1-first.py", "01-First.py", "01_first.py"])
def test_the_file_name_carries_shelf_and_word(tmp_path, name):
    """Two digits and lower-case words, since the word is the identity."""
    path = tmp_path / name
    path.write_text(SOURCE, encoding="utf-8")

    with pytest.raises(SourceError, match="needs a file name such as"):
        read_source(path)


def test_an_unreadable_source_is_named(tmp_path):
    """Missing files and other encodings are source errors, not tracebacks."""
    path = tmp_path / "01-x.py"
    with pytest.raises(SourceError, match=r"01-x\.py: cannot be read"):
        read_source(path)

    path.write_bytes("# Zürich".encode("latin-1"))
    with pytest.raises(SourceError, match=r"01-x\.py: is not UTF-8 at byte 3"):
        read_source(path)


def test_an_empty_source_is_refused_in_words(tmp_path):
    """A new file lists what it lacks."""
    lines = problems_of(tmp_path, "")

    assert any("header: is missing" in line for line in lines)
    assert any("has no answer cell" in line for line in lines)


def test_parts_have_the_types_of_the_model(tmp_path):
    """Every part is one of the three kinds."""
    parts = sample_unit(tmp_path).parts

    assert {type(part) for part in parts} == {Cell, Answer, Test}
    assert write_source(tmp_path).is_file()
