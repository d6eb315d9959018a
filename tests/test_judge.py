"""The judge and the learner's process: nothing that learner code does decides a mark."""

import json

import numpy as np
import psutil
import pytest
from small_course import by_name, notebook_of, report_of, unit_of
from small_unit import body, hurried

from grader.checking import spare_workers
from grader.codec import loads
from grader.model import Outcome
from grader.report import as_json
from grader.runner import World

LIES = {
    "equal to all": "class Any:\n    __eq__ = lambda *_: True\n    __ne__ = lambda *_: False\nreturn Any()",
    "an int equal to all": "class Any(int):\n    __eq__ = lambda *_: True\n    __hash__ = int.__hash__\nreturn Any(1)",
    "an array equal to all": "import numpy\nclass Any(numpy.ndarray):\n    __eq__ = lambda *_: True\n"
    "return numpy.zeros(()).view(Any)",
    "patched builtins": "import builtins\nbuiltins.isinstance = builtins.issubclass = lambda *_: True\n"
    "builtins.abs = lambda *_: 0\nreturn 1",
    "patched libraries": "import numpy, sys\nnumpy.array_equal = numpy.allclose = lambda *_, **__: True\n"
    "for name in list(sys.modules):\n    if name.startswith('grader.expect'):\n"
    "        for word in ('equal', 'close', 'compare_exactly'):\n"
    "            setattr(sys.modules[name], word, lambda *_, **__: None)\nreturn 1",
}


@pytest.mark.parametrize("lines", LIES.values(), ids=LIES)
def test_lies_change_nothing_in_the_judge(unit, judged, lines):
    """Values are rebuilt and compared where no learner code runs."""
    report = judged(unit, {"double": body(lines)})

    assert by_name(report)["doubles"].outcome in (Outcome.FAILED, Outcome.CRASHED)
    assert report.points == 6


def every_descriptor(data: str) -> str:
    return f"import os\nfor fd in range(3, 64):\n    try: os.write(fd, {data})\n    except OSError: pass\nreturn 1"


FORGED = (
    "b''.join(len(f).to_bytes(4, 'big') + f for n in range(200) for f in "
    "[__import__('grader.codec', fromlist=['dumps']).dumps({'id': n, 'value': "
    "{'outcome': 'passed', 'value': {'outcome': 'passed'}}})])"
)
NOISE = {
    "garbage": "b'\\xff' * 4000",
    "an empty frame": "bytes(4)",
    "a frame that is no message": "b'\\0\\0\\0\\3abc'",
    "many frames that are no message": "b'\\0\\0\\0\\3abc' * 500",
    "half a frame": "b'\\0\\0\\1\\0'",
    "forged replies": FORGED,
    "a request with no sense": "(lambda f: len(f).to_bytes(4, 'big') + f)"
    "(__import__('grader.codec', fromlist=['dumps']).dumps({'verb': 'start_process', 'id': 1}))",
}


@pytest.mark.parametrize("place", ["call", "cell"])
@pytest.mark.parametrize("data", NOISE.values(), ids=NOISE)
def test_what_is_written_to_the_wires_earns_nothing(tmp_path, judged, data, place):
    """A wrong answer stays without points, and the other answers keep theirs."""
    text = body(every_descriptor(data))
    if place == "cell":
        text = f"{text}\ndouble(1)\n"
    report = judged(hurried(tmp_path), {"double": text})

    assert by_name(report)["doubles"].outcome is not Outcome.PASSED
    assert by_name(report)["finds_largest"].points == 2
    assert by_name(report)["shouts"].points == 4


def test_threads_that_go_on_do_no_harm(unit, judged):
    """A busy thread of the learner's neither holds the run nor changes it."""
    text = body("return 2 * number") + (
        "\nimport threading, time\ndef busy():\n    while True: time.sleep(0.001)\n"
        "for _ in range(4): threading.Thread(target=busy).start()\n"
    )
    report = judged(unit, {"double": text})

    assert report.points == 7


def test_a_flood_of_output_is_cut(unit, judged):
    """10 MB printed in a cell and in a call."""
    text = body("print('x' * 10_000_000)\nreturn 2 * number") + "\ndouble(1)\n"
    report = judged(unit, {"double": text})

    assert report.points == 7
    assert len(report.cell_output["double"]) < 100_000
    assert "10000001 bytes in all, cut here" in report.cell_output["double"]


@pytest.mark.parametrize(
    "lines",
    [
        "return numbers",
        "return [str(number) for number in numbers]",
        "return repr(numbers)",
        "raise ValueError(str(numbers))",
        "print(numbers)\nreturn min(numbers)",
        "raise type(str(numbers), (Exception,), {})()",
        "return type(str(numbers), (), {})()",
        "assert not numbers, numbers",
    ],
)
def test_a_hidden_input_is_not_told(unit, judged, lines):
    """Whatever the learner's code does with it, the report does not hold it."""
    text = body(f"if numbers == [3, 8, 5]: return 8\n{lines}", "largest", "numbers")
    seed = 7
    report = judged(unit, {"largest": text}, seed=seed)
    secret = str(1_000_000_000 + int(np.random.default_rng(seed).integers(900_000_000)))
    result = by_name(report)["finds_largest"]

    assert result.outcome is Outcome.FAILED
    assert result.failure is not None
    assert result.failure.hidden
    assert secret not in json.dumps(as_json(report))
    assert secret not in str(result.failure)
    assert "because it is the largest" in result.message or "on hidden input" in result.message


OBJECTS = """\
# ---
# title: "Objects"
# minutes: 5
# data: []
# needs: []
# runs_on: []
# sources: []
# hints: ["where", "which", "how"]
# ---

# %%
import grader

grader.begin("small")

# %% [markdown]
# Functions.

# %% answer="functions"
def each(function, values):
    ### BEGIN SOLUTION
    return [function(value) for value in values]
    ### END SOLUTION

def invert(table):
    import numpy as np

    return np.linalg.inv(table)

def adder(step):
    return lambda value: value + step

def name_of(function):
    return function.__name__

class Counter:
    def __init__(self):
        self.count = 0

    def add(self, function=None):
        self.count += 1 if function is None else function(self.count)
        return self

# %% test="callbacks" of="functions" points=1
import numpy as np
from grader import expect

seen = []

def note(value):
    seen.append(value)
    return value * 10

texts = dict(what="each(note, [1, 2])", why="it is called for each", look_at="the call")
expect.equal(each(note, [1, 2]), [10, 20], **texts)
expect.equal(seen, [1, 2], **texts)
expect.equal([name_of(note), name_of(adder), adder.__name__], ["note", "adder", "adder"], **texts)
expect.equal(each(adder(5), [1, 2]), [6, 7], **texts)
counter = Counter()
expect.equal(counter.add().add(lambda count: each(note, [count])[0]).count, 11, **texts)
with expect.unchanged(seen, **texts):
    expect.raises(ZeroDivisionError, lambda: each(lambda value: value / 0, [1]), **texts)
expect.raises(np.linalg.LinAlgError, lambda: invert([[0.0]]), **texts)

# %% [markdown]
# Arguments.

# %% answer="arguments"
import numpy as np
import pandas as pd

def double_in_place(values):
    ### BEGIN SOLUTION
    values *= 2
    ### END SOLUTION

def fill(values, key, value):
    values[key] = value

# %% test="changed_arguments" of="arguments" points=1
import numpy as np
import pandas as pd
from grader import expect

texts = dict(what="the argument", why="it is changed in place", look_at="the assignment")
array, numbers = np.arange(3), [1, 2]
double_in_place(array)
double_in_place(numbers)
expect.equal(array, np.array([0, 2, 4]), **texts)
expect.equal(numbers, [1, 2, 1, 2], **texts)
table, frame, series = {}, pd.DataFrame({"a": [1, 2]}), pd.Series([1.0, 2.0], name="s")
fill(table, "key", [1])
fill(frame, "b", [3, 4])
fill(series, 0, 9.0)
expect.equal(table, {"key": [1]}, **texts)
expect.same_frame(frame, pd.DataFrame({"a": [1, 2], "b": [3, 4]}), **texts)
expect.close(series, [9.0, 2.0], **texts)
"""


@pytest.mark.parametrize("world", World)
def test_functions_and_changes_cross_both_ways(tmp_path, judged, world):
    """Functions as arguments and as results, methods, exceptions, and what a call changes in its arguments."""
    report = judged(unit_of(tmp_path, OBJECTS), world=world)

    assert [(result.outcome, result.message) for result in report.results] == [(Outcome.PASSED, "")] * 2


HELPED = """\
# ---
# title: "Helped"
# minutes: 5
# data: []
# needs: []
# runs_on: []
# sources: []
# hints: ["where", "which", "how"]
# ---

# %%
import grader

grader.begin("small")

# %% [markdown]
# A function.

# %% answer="same"
def same(number):
    ### BEGIN SOLUTION
    return number
    ### END SOLUTION

# %% test="helped" of="same" points=1
from grader import expect

def judge(number):
    got = same(number)
    expect.equal(got, number, what=f"same({number})", why="it is the same", look_at="the return")

for number in (2,):
    judge(number)
### BEGIN HIDDEN TESTS
for number in (987_654_321,):
    judge(number)
### END HIDDEN TESTS
"""


@pytest.mark.parametrize("world", World)
@pytest.mark.parametrize("lines", ["return min(number, 9)", "return 1 / min(0, 9 - number)"])
def test_a_helper_of_the_visible_part_keeps_hidden_input(tmp_path, judged, world, lines):
    """What the hidden part calls is hidden, wherever the check stands; so are the values kept for lazy answers."""
    unit = unit_of(tmp_path, HELPED)
    hidden = judged(unit, {"same": body(f"if number == 2: return 2\n{lines}", "same")}, world=world)
    seen = judged(unit, {"same": body("return 3", "same")}, world=world)

    failure = hidden.results[0].failure
    assert failure is not None
    assert failure.hidden
    assert "987" not in failure.got + failure.expected
    assert [result.failure.hidden for result in seen.results if result.failure] == [False]


def test_hidden_calls_of_a_visible_helper_are_not_recorded(tmp_path, judged):
    """A recorded run keeps what came back in the visible part alone."""
    report = judged(unit_of(tmp_path, HELPED), {}, record=True)

    assert [(name, loads(data)) for name, data in report.results[0].seen] == [("same", 2)]


ANSWERS = {
    "right": "return 2 * number",
    "wrong": "return 3 * number",
    "wrong type": "return str(2 * number)",
    "nothing": "pass",
    "a bool": "return True",
    "a function": "return lambda: 42",
    "an object": "return object()",
    "a generator": "yield 2 * number",
    "raises": "raise ValueError(number)",
    "stub": "raise NotImplementedError()",
    "deep": "return double(number)",
    "exits": "raise SystemExit(3)",
    "dies": "import os\nos._exit(3)",
    "interrupts": "raise KeyboardInterrupt",
    "own exception": "class Odd(Exception):\n    def __str__(self): raise Odd\nraise Odd",
    "numpy": "import numpy\nreturn numpy.int64(2 * number)",
    "nan": "return float('nan')",
    "huge": "return 10 ** 5000",
    "recursive value": "kept = []\nkept.append(kept)\nreturn kept",
    "no such name": "return undefined",
}


@pytest.mark.parametrize("lines", ANSWERS.values(), ids=ANSWERS)
def test_both_worlds_agree(unit, judged, lines):
    """The judge and the notebook come to the same outcome."""
    judge = judged(unit, {"double": body(lines)}, world=World.JUDGE)
    notebook = judged(unit, {"double": body(lines)}, world=World.NOTEBOOK)

    assert [r.outcome for r in judge.results] == [r.outcome for r in notebook.results]
    assert judge.points == notebook.points


def test_a_process_that_left_its_family_is_ended(unit, tmp_path):
    """A learner's code that daemonizes leaves nothing behind in a check's fresh processes."""
    note = tmp_path / "pid"
    lines = (
        "import os, time\n"
        "if os.fork() == 0:\n"
        "    os.setsid()\n"
        "    if os.fork() == 0:\n"
        f"        open({str(note)!r}, 'w').write(str(os.getpid()))\n"
        "        time.sleep(600)\n"
        "    os._exit(0)\n"
        "while not (os.path.exists({note!r}) and open({note!r}).read()):\n"
        "    time.sleep(0.01)\n"
        "return 2 * number"
    ).replace("{note!r}", repr(str(note)))
    path = notebook_of(tmp_path, unit, {"double": body(lines)})
    workers = spare_workers(unit)
    try:
        report_of(path, unit, workers)
    finally:
        workers.close()

    left = [process for process in psutil.process_iter() if process.pid == int(note.read_text())]
    assert all(process.status() == psutil.STATUS_ZOMBIE for process in left)
