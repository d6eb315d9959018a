"""The proof of a unit: each of its points fails on a unit in which just that is wrong."""

import json
import shutil
from pathlib import Path

import nbformat
import pytest
from small_course import ADD_UP, COURSE, copied_course, mle, report_of

from grader.build import lesson_notebook
from grader.course import Course
from grader.filled import filled_notebook
from grader.verify import verify
from grader.verify.cache import changed_or_sampled
from grader.verify.doors import _compare, canary_problems, through_command
from grader.verify.lessons import lesson_problems
from grader.verify.points import token_distance
from grader.verify.seeds import repeat, seed_problems
from grader.verify.unit import prove_unit

PATH = "00-kinds/01-add-up"
REFERENCE = "    return sum(amount for amount in amounts if amount is not None)\n    ### END SOLUTION"
VISIBLE = 'expect.equal(\n    add_up([250, None, 100]),\n    350,\n    what="add_up([250, None, 100])",'
HIDDEN_END = "### END HIDDEN TESTS"
TEXTS = 'what="add_up", why="it is so", look_at="the sum"'
FAR = """add_up(amounts):
    import itertools
    return sum(itertools.takewhile(lambda amount: amount is not None, amounts))


"""
NO_REFUNDS = "    return sum(amount for amount in amounts if amount is not None and amount > 0)\n"


def rewritten(folder: Path, *replacements: tuple[str, str]) -> Course:
    """A course of the unit add-up with these pieces of its source replaced, built anew."""
    course = copied_course(folder, "01-add-up")
    source = course.root / "solutions" / f"{PATH}.py"
    text = source.read_text(encoding="utf-8")
    for old, new in replacements:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    source.write_text(text, encoding="utf-8")
    return course


def problems_of(course: Course) -> list[str]:
    """What is wrong with the unit, but for stored outcomes, which no rewritten unit has anew."""
    found = prove_unit(course, course.unit("add-up"), 2, every_door=False)
    return [str(problem) for problem in found if "stored outcome" not in problem.text]


def found(problems: list[str], point: int, *words: str) -> bool:
    """Whether one of the problems is of this point and says all of this."""
    return any(line.endswith(f"[{point}]") and all(word in line for word in words) for line in problems)


def cell(name: str) -> str:
    """The text of a cell of the unit's source, from its line to the next cell."""
    text = ADD_UP.read_text(encoding="utf-8")
    start = text.index(f'="{name}"')
    start = text.rindex("# %%", 0, start)
    return text[start : text.index("# %%", start + 4)]


# ---- green


@pytest.mark.parametrize("name", ["add-up", "tidy-file", "killed-job", "small-service"])
def test_the_miniature_course_is_proven(name):
    """A function, a file, a job and a service, with nothing to say against them."""
    assert prove_unit(COURSE, COURSE.unit(name), 2, every_door=False) == []


@pytest.mark.slow
def test_the_logged_run_is_proven():
    """A run in MLflow with a model that loads again in a fresh process."""
    assert prove_unit(COURSE, COURSE.unit("logged-run"), 2, every_door=False) == []


def test_the_command_proves_through_every_door_and_remembers(tmp_path):
    """Exit code 0, totals on one line, a line a step on stderr; the second time from memory."""
    course = copied_course(tmp_path, "01-add-up")
    first = mle("verify", home=tmp_path, course=course)
    second = mle("verify", "add-up", home=tmp_path, course=course)

    steps = ["add-up: lesson", "add-up: answers in both worlds", "add-up: canary through every door"]
    assert (first.returncode, first.stderr.splitlines()) == (0, steps)
    assert (first.stdout, second.stderr) == (second.stdout, "add-up: proven before\n")
    assert " ".join(first.stdout.split()) == (
        "proven: 1 units, 3 of 3 wrong answers caught, 2 of 2 other right answers accepted, "
        "0 points for untouched notebooks"
    )
    assert [mark.name.startswith("add-up-") for mark in (course.root / ".cache" / "proven").iterdir()] == [
        True
    ]


def test_what_did_not_change_need_not_be_proven_again(tmp_path):
    """--changed proves a unit whose text has no green proof on record, and a sample; the note goes with the course."""
    course = copied_course(tmp_path, "01-add-up", "02-tidy-file")
    unit = course.unit("tidy-file")

    assert changed_or_sampled(course, unit)
    assert mle("verify", "tidy-file", home=tmp_path, course=course).returncode == 0
    assert not changed_or_sampled(course, unit)
    second = mle("verify", "--changed", home=tmp_path, course=course)
    assert "proven: 1 units, 3 of 3" in " ".join(second.stdout.split())
    assert "not proven again: tidy-file" in second.stdout
    (course.root / "exercises" / f"{unit.path}.ipynb").write_text("{}")
    assert changed_or_sampled(course, unit)


def test_what_is_proven_takes_no_core_from_the_rest(tmp_path, monkeypatch):
    """One open unit of two gets every job; two share them."""
    course = copied_course(tmp_path, "01-add-up", "02-tidy-file")
    given: list[int] = []

    def prove(course, unit, jobs, tell, **how):
        given.append(jobs)
        return []

    monkeypatch.setattr("grader.verify._prove", prove)
    for proven in ({"add-up"}, set()):
        monkeypatch.setattr(
            "grader.verify.cache.is_proven", lambda course, unit, known=proven: unit.name in known
        )
        verify(course, jobs=2)

    assert given == [2, 1, 1]


# ---- red, as a command


def test_the_command_gives_one_line_a_problem_in_file_order(tmp_path):
    """Exit code 1; the course first, then the unit from top to bottom."""
    course = rewritten(
        tmp_path,
        ("[12, 0],", "[total, 0],"),
        (NO_REFUNDS, "    return sum(amounts)\n"),
        ("    return sum(amount or 0 for amount in amounts)\n", "    return len(amounts)\n"),
    )
    done = mle("verify", home=tmp_path, course=course)
    lines = [line for line in done.stderr.splitlines() if not line.startswith("add-up: ")]
    order = ["differs from a fresh build", '"list_stays"', '"no_refunds"', '"gap_is_nothing"', "problems"]
    places = [next(n for n, line in enumerate(lines) if word in line) for word in order]

    assert done.returncode == 1
    assert done.stdout == ""
    assert places == sorted(places)
    assert lines[-1] == f"{len(lines) - 1} problems"
    assert all(line.startswith(("course: ", f"{PATH}: ")) for line in lines[:-1])


def test_a_source_that_cannot_be_read_is_one_line_a_fault(tmp_path):
    """1: a header without a field, with four hints; a name that stands twice; of all sources at once."""
    course = rewritten(
        tmp_path,
        ("# minutes: 5\n", ""),
        ("# ---\n\n# %% [markdown]\n# # What", '#   - "four"\n# ---\n\n# %% [markdown]\n# # What'),
        ('# %% test="list_stays"', '# %% test="known_amounts"'),
    )
    other = course.root / "solutions" / "00-kinds" / "02-other.py"
    other.write_text("# %%\n1\n")
    done = mle("verify", home=tmp_path, course=course)

    assert done.returncode == 1
    for words in ('has no "minutes"', "has 4 hints", "the name stands twice", "02-other.py, header"):
        assert len([line for line in done.stderr.splitlines() if words in line]) == 1, words
    assert "Traceback" not in done.stderr


# ---- 1 and 9: the folders


def test_stray_files_cycles_and_edited_notebooks_are_found(tmp_path):
    """1 and 9: what concerns the course and not the proof of a unit."""
    course = copied_course(tmp_path, "01-add-up", "02-tidy-file")
    (course.root / "exercises" / "00-kinds" / "notes.txt").write_text("mine")
    source = course.root / "solutions" / f"{PATH}.py"
    source.write_text(source.read_text().replace("needs: []", "needs: [tidy-file]"))
    edited = course.root / "exercises" / "00-kinds" / "02-tidy-file.ipynb"
    edited.write_text(edited.read_text().replace("python tidy.py", "python3 tidy.py", 1))
    problems = [str(problem) for problem in verify(course, [])]

    assert found(problems, 9, "exercises/00-kinds/notes.txt", "stray")
    assert found(problems, 1, "circle", "add-up -> tidy-file -> add-up")
    assert found(problems, 9, "exercises/00-kinds/02-tidy-file.ipynb", "differs from a fresh build")
    assert found(problems, 9, "exercises/00-kinds/01-add-up.ipynb", "differs from a fresh build")


# ---- 2 to 8: one unit

MORE = {
    "2: a wrong reference": (
        [(REFERENCE, f"{NO_REFUNDS}    ### END SOLUTION")],
        [(2, '"known_amounts"', "the reference does not pass", "refund")],
    ),
    "2: a given cell that raises": (
        [('grader.begin("add-up")', 'grader.begin("add-up")\n1 / 0')],
        [(2, '"given-1"', "ZeroDivisionError")],
    ),
    "2: warnings": (
        [
            (
                'grader.begin("add-up")',
                'grader.begin("add-up")\nimport warnings\nwarnings.warn("old", UserWarning)',
            )
        ],
        [(2, '"given-1"', "a warning with the reference", "old")],
    ),
    "2: a test that prints": (
        [("    total = add_up(amounts)", "    total = add_up(amounts)\nprint(total)")],
        [(2, '"list_stays"', 'prints "12"')],
    ),
    "3: a stub that earns": (
        [
            (
                cell("list_stays").split("\n", 1)[1],
                f"from grader import expect\n\nexpect.equal(12, 12, {TEXTS})\n\n",
            )
        ],
        [(3, '"list_stays"', "as it is handed out", "earns 1 points"), (4, '"list_stays"', "return None")],
    ),
    "4: a constant": (
        [("    [total, add_up([None])],", "    total,"), ("    [12, 0],", "    12,")],
        [(4, '"list_stays"', "what add_up returned in the visible test")],
    ),
    "5: a wrong answer that passes its test": (
        [
            (
                'wrong="no_refunds" of="add_up" caught_by="known_amounts"',
                'wrong="no_refunds" of="add_up" caught_by="list_stays"',
            ),
        ],
        [(5, '"no_refunds"', 'passes "list_stays"')],
    ),
    "5: a test that no wrong answer names": (
        [
            (
                'wrong="removes_gaps" of="add_up" caught_by="list_stays"',
                'wrong="removes_gaps" of="add_up" caught_by="known_amounts"',
            ),
        ],
        [(5, '"list_stays"', "no wrong answer names this test")],
    ),
    "5: no near miss": (
        [
            (
                NO_REFUNDS,
                "    kept = [a for a in amounts if a and a > 0]\n    return sum(kept) + len([]) * 2\n",
            ),
            (cell("stops_at_gap").partition("def ")[2], FAR),
        ],
        [(5, "near miss")],
    ),
    "5: no wrong answer that passes the visible tests": (
        [(VISIBLE, VISIBLE.replace("100]),\n    350", "-100]),\n    150"))],
        [(5, "no wrong answer passes the visible tests")],
    ),
    "5: a failure without four parts": (
        [(VISIBLE, f"assert add_up([250, None, 100]) == 350\n{VISIBLE}")],
        [(5, '"stops_at_gap"', "without a message of four parts")],
    ),
    "5: two wrong answers": ([(cell("stops_at_gap"), "")], [(5, "2 wrong answers; at least 3")]),
    "6: one other right answer": ([(cell("loop"), "")], [(6, "1 other right answers; at least 2")]),
    "6: a right answer that is refused": (
        [("    return sum(amount or 0 for amount in amounts)\n", "    return sum(amounts or [0]) / 1\n")],
        [(6, '"gap_is_nothing"', 'refused by "known_amounts"')],
    ),
    "8: a hidden check that never runs": (
        [(HIDDEN_END, f"if False:\n    expect.equal(add_up([1]), 2, {TEXTS})\n{HIDDEN_END}")],
        [
            (8, '"known_amounts"', "expect.equal on line", "(hidden part) never runs in the judge"),
            (8, '"known_amounts"', "(hidden part) never runs in the notebook"),
        ],
    ),
    "8: an emptied test": (
        [(cell("list_stays").split("\n", 1)[1], "amounts = add_up([])\n\n")],
        [(8, '"list_stays"', "checks nothing"), (4, '"list_stays"'), (5, '"removes_gaps"', "passes")],
    ),
    "8: a test that sees another world": (
        [
            (
                HIDDEN_END,
                f'kind = type(add_up).__name__ == "Proxy"\n'
                f'expect.true(kind, got="real", expected="a proxy", {TEXTS})\n{HIDDEN_END}',
            )
        ],
        [(8, '"known_amounts"', 'reference answer "reference" is "passed" in the judge', "notebook")],
    ),
}


@pytest.mark.parametrize(("replacements", "expected"), MORE.values(), ids=MORE)
def test_each_point_is_proven(tmp_path, replacements, expected):
    """One fault in a unit that is right otherwise is told with its place and its point."""
    problems = problems_of(rewritten(tmp_path, *replacements))

    for point, *words in expected:
        assert found(problems, point, *words), problems


def test_a_near_miss_is_counted_in_tokens():
    """Comments, docstrings and layout aside."""
    right = 'def f(a):\n    """Text."""\n    return a + 1  # one\n'

    assert token_distance(right, "def f(a): return a + 1") == 0
    assert token_distance(right, "def f(a):\n    return a - 1\n") == 1
    assert token_distance(right, "def f(a):\n    return a\n") == 2


def test_stored_outcomes_are_those_that_are_seen(tmp_path):
    """5: a file edited by hand is told for the wrong answer that it misrepresents, and the advice mends it."""
    course = copied_course(tmp_path, "01-add-up")
    stored = course.root / "solutions" / f"{PATH}.outcomes.json"
    content = json.loads(stored.read_text())
    content["wrong"]["no_refunds"]["list_stays"] = ["failed", "equal", 1, ""]
    stored.write_text(json.dumps(content))
    problems = [str(problem) for problem in prove_unit(course, course.unit("add-up"), 2, every_door=False)]

    assert problems == [f'{PATH}: "no_refunds": its stored outcome is stale; run: mle build add-up [5]']

    done = mle("build", "add-up", home=tmp_path, course=course)

    assert done.returncode == 0
    assert "01-add-up.outcomes.json" in done.stdout
    assert json.loads(stored.read_text())["wrong"]["no_refunds"]["list_stays"] == ["passed"]


# ---- many seeds

PLUS_ONE = "    return sum(a or 0 for a in amounts) + (1 in amounts)\n"


def test_seeds_are_counted_for_each_test_and_answer(tmp_path):
    """Right answers pass each time, wrong ones never where they must fail; one line a test and answer, exit 0."""
    done = mle("verify", "add-up", "--seeds", "4", home=tmp_path)
    lines = " ".join(done.stdout.split())

    assert (done.returncode, done.stderr) == (0, "")
    assert "add-up: known_amounts: right answer reference passes 4 of 4 " in lines
    assert "add-up: known_amounts: right answer loop passes 4 of 4 " in lines
    assert "add-up: known_amounts: wrong answer no_refunds passes 0 of 4 (must fail)" in lines
    assert "add-up: known_amounts: wrong answer stops_at_gap passes 0 of 3 (must fail)" in lines  # in sight
    assert "add-up: list_stays: wrong answer removes_gaps passes 0 of 3 (must fail)" in lines
    assert "add-up: list_stays: wrong answer no_refunds" not in lines  # this test need not catch it


def test_a_bar_that_holds_by_luck_is_found(tmp_path):
    """A right answer that fails with some seeds and a wrong one that passes with some end in 1, with a seed each."""
    lucky = "refund = -amounts[0] // 2 - 1 if expect.seed() % 3 else 1"
    course = rewritten(
        tmp_path,
        ("refund = -amounts[0] // 2 - 1", lucky),
        (
            "    return sum(amount or 0 for amount in amounts)\n",
            "    return sum(a or 0 for a in amounts) + (1 in amounts)\n",
        ),
    )
    unit = course.unit("add-up")
    problems = [str(problem) for problem in seed_problems(unit, repeat(unit, 3))]

    assert found(problems, 5, '"no_refunds"', 'passes "known_amounts" with 1 of 3 seeds, first 3')
    assert found(problems, 6, '"gap_is_nothing"', 'refused by "known_amounts" with 1 of 3 seeds, first 3')
    assert len(problems) == 2


# ---- 7: doors


@pytest.fixture
def seen(tmp_path, workers):
    """The canary of add-up as the judge sees it, and its unit."""
    unit = COURSE.unit("add-up")
    path = tmp_path / "01-add-up.ipynb"
    path.write_text(filled_notebook(unit, {unit.wrong[0].of: unit.wrong[0].text}))
    return unit, path, report_of(path, unit, workers)


def test_a_door_that_judges_the_reference_is_found(seen, monkeypatch):
    """7: one that gives the canary all points, and one that gives no verdict."""
    unit, _, report = seen

    def reference(course, unit, path):
        path.write_text(filled_notebook(unit, {}))
        return through_command(course, unit, path)

    def silent(course, unit, path, kernel):
        raise ValueError("no verdict in the notebook")

    monkeypatch.setattr("grader.verify.doors.through_command", reference)
    monkeypatch.setattr("grader.verify.doors.through_kernel", silent)
    problems = [text for _, text in canary_problems(COURSE, unit, report)]

    assert problems == [
        'the door mle check gives points for "known_amounts"; it does not judge this code',
        'the door mle check gives 1 points for "list_stays" instead of 0',
        "the door %check gave no verdict: no verdict in the notebook",
    ]


def test_a_door_that_leaves_a_test_out_is_found(seen):
    """7: as well as one that gives other points."""
    unit, _, report = seen
    expected = {result.name: result.points for result in report.results}

    assert list(_compare(unit.wrong[0], "door", {"known_amounts": 0.0}, expected)) == [
        ("stops_at_gap", 'the door door does not run the test "list_stays"')
    ]


# ---- 11: lessons


def lesson(folder: Path, code: str) -> list[str]:
    """Problems of a lesson with this code in its last cell."""
    source = folder / "modules" / "00-kinds" / "01-add-up.py"
    source.parent.mkdir(parents=True)
    shutil.copy(COURSE.root / "modules" / f"{PATH}.py", source)
    source.write_text(source.read_text() + f"\n# %%\n{code}\n")
    built = source.with_suffix(".ipynb")
    built.write_text(lesson_notebook(source))
    nbformat.read(built, as_version=4)
    return list(lesson_problems(built))


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("sum([1, None])", "a cell raises TypeError"),
        ("import urllib.request\nurllib.request.urlopen('http://192.0.2.1/', timeout=5)", "network cut"),
        ("import warnings\nwarnings.warn('slow path')", "cell code-3 prints a warning"),
    ],
    ids=["raises", "network", "warns"],
)
def test_a_lesson_that_does_not_run_by_itself_is_found(tmp_path, code, told):
    """11: an exception, the network, a warning."""
    (problem,) = lesson(tmp_path, code)

    assert told in problem


def test_a_lesson_that_runs_is_proven():
    """11: from top to bottom, without a word."""
    assert list(lesson_problems(COURSE.root / "modules" / f"{PATH}.ipynb")) == []
