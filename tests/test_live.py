"""%check, %hint and %progress in a real kernel, one for the whole file."""

import json
import os
import threading
from pathlib import Path
from typing import Any

import pytest
from jupyter_client.manager import start_new_kernel
from small_course import COURSE

UNIT = COURSE.unit("add-up")
REFERENCE = UNIT.answer("add_up").reference
WRONG = {wrong.name: wrong.text for wrong in UNIT.wrong}
BEGIN = 'import grader\n\ngrader.begin("add-up")'
PATIENCE_SECONDS = 180


class Kernel:
    """A kernel in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "tmp").mkdir()
        environment = {
            key: value for key, value in os.environ.items() if not key.startswith(("MLFLOW", "SEATRIAL"))
        }
        environment |= {
            "SEATRIAL_COURSE": str(COURSE.root),
            "SEATRIAL_HOME": str(folder / "home"),
            "TMPDIR": str(folder / "tmp"),
        }
        self._manager, self._client = start_new_kernel(
            kernel_name="python3", env=environment, cwd=str(folder), startup_timeout=PATIENCE_SECONDS
        )

    def run(self, code: str, on_text: Any = None) -> str:
        """Everything that a cell shows, a traceback included."""
        shown: list[str] = []

        def note(message: dict) -> None:
            content = message["content"]
            text = content.get("text", "") + content.get("data", {}).get("text/plain", "")
            text += "\n".join(content.get("traceback", []))
            shown.append(text)
            if on_text is not None and text:
                on_text(text)

        self._client.execute_interactive(code, output_hook=note, timeout=PATIENCE_SECONDS, allow_stdin=False)
        return "".join(shown)

    def check(self, code: str = "", options: str = "") -> dict:
        """The report of %check after running `code`."""
        return json.loads(self.run(f"{code}\n\n%check --json {options}").splitlines()[-1])

    def interrupt(self) -> None:
        self._manager.interrupt_kernel()

    def close(self) -> None:
        self._client.stop_channels()
        self._manager.shutdown_kernel(now=True)


@pytest.fixture(scope="module")
def fresh(tmp_path_factory):
    kernel = Kernel(tmp_path_factory.mktemp("kernel"))
    kernel.run("%load_ext grader")
    yield kernel
    kernel.close()


@pytest.fixture
def kernel(fresh):
    """The kernel with the unit begun and no answer in it."""
    fresh.run(f"%reset -f\n{BEGIN}")
    return fresh


def outcomes(report: dict) -> list[str]:
    return [test["outcome"] for test in report["tests"]]


def test_a_notebook_that_was_not_begun_is_told(fresh):
    """Before its first cell there is nothing to judge; one line, no traceback."""
    fresh.run("import os\nos.environ.pop('SEATRIAL_UNIT', None)")

    assert fresh.run("%check").strip() == "Error: run the notebook's first cell, or name a unit"
    assert fresh.run("%check add-up").strip() == "Error: run the first cell of add-up, then check again"


def test_names_are_judged_as_they_are_now(kernel):
    """Nothing yet, then the reference, then a wrong answer in its place."""
    assert outcomes(kernel.check()) == ["not attempted"] * 2
    assert outcomes(kernel.check(REFERENCE)) == ["passed"] * 2

    report = kernel.check(WRONG["no_refunds"])

    assert outcomes(report) == ["failed", "passed"]
    assert report["tests"][0]["misconception"].startswith("A refund is an amount too")
    assert "the clean run" in report["notes"][0]


def test_a_stub_is_not_attempted(kernel):
    """As it was handed out, its function is there and raises."""
    assert outcomes(kernel.check(UNIT.answer("add_up").stub)) == ["not attempted"] * 2


def test_the_text_says_what_to_do(kernel):
    """The same report as the command's, for a reader."""
    text = " ".join(kernel.run(f"{WRONG['stops_at_gap']}\n\n%check").split())

    assert "got 250, expected 350, because 250 and 100 are known" in text
    assert "0 of 3 points" in text
    assert "Next: known_amounts. A hint: %hint. Then: %check" in text
    assert "mle check, the clean run, is the one that counts" in text


def test_a_seed_repeats_the_hidden_data(kernel):
    """What the function saw is the same twice, and another with another seed."""
    spy = (
        "seen = []\ndef add_up(amounts):\n    seen.append(list(amounts))\n"
        "    return 350 if len(amounts) == 3 else 0\n"
    )
    kernel.check(spy, "--seed 5")
    first = kernel.run("print(seen[1])")
    kernel.check("seen.clear()", "--seed 5")
    again = kernel.run("print(seen[1])")
    kernel.check("seen.clear()", "--seed 6")

    assert first == again != kernel.run("print(seen[1])")


def test_arguments_that_are_changed_are_seen(kernel):
    """As in the clean run, although the list lives in another process."""
    assert outcomes(kernel.check(WRONG["removes_gaps"])) == ["passed", "failed"]


def test_what_the_notebook_patches_does_not_judge(kernel):
    """The judge is another process; the kernel's own names and words have no say."""
    patch = (
        "import grader.expect\nkept = grader.expect.equal\n"
        "grader.expect.equal = lambda *_, **__: None\n"
        "class Any(int):\n    __eq__ = lambda *_: True\n    __hash__ = int.__hash__\n"
        "def add_up(amounts): return Any(1)\n"
    )
    report = kernel.check(patch)
    kernel.run("grader.expect.equal = kept")

    assert outcomes(report) == ["failed"] * 2


def test_code_that_raises_is_a_failure_with_its_line(kernel):
    """And the kernel lives on."""
    report = kernel.check("def add_up(amounts):\n    return amounts['all']\n")

    assert outcomes(report) == ["failed"] * 2
    assert "TypeError" in report["tests"][0]["message"]
    assert outcomes(kernel.check(REFERENCE)) == ["passed"] * 2


def test_an_interrupt_ends_an_endless_loop(kernel):
    """The kernel's own interrupt, as in a notebook; the verdict comes and the kernel lives on."""
    loop = "def add_up(amounts):\n    print('looping', flush=True)\n    while True: pass\n"
    told = []

    def interrupt(text: str) -> None:
        if "looping" in text:
            threading.Thread(target=kernel.interrupt).start()

    told.append(kernel.run(f"{loop}\n%check --json", interrupt))
    report = json.loads(told[0].splitlines()[-1])

    assert outcomes(report) == ["failed"] * 2
    assert "KeyboardInterrupt" in report["tests"][0]["message"]
    assert outcomes(kernel.check(REFERENCE)) == ["passed"] * 2


def test_no_hidden_code_and_nothing_else_stays_in_the_kernel(kernel):
    """Neither names nor modules nor sources hold the hidden test; no process, no folder is left."""
    kernel.run(f"{REFERENCE}\nbefore = set(globals())")
    kernel.check()
    names = kernel.run("print(set(globals()) - before - {'before'})").strip()
    modules = kernel.run("import sys\nprint('grader.judging' in sys.modules)").strip()
    hidden = "import linecache\nprint(any('a refund ' 'counts' in str(entry) for entry in linecache.cache.values()))"
    processes = kernel.run("import psutil\nprint(psutil.Process().children())").strip()

    assert {name for name in eval(names) if not name.startswith("_")} == set()
    assert modules == "False"
    assert kernel.run(hidden).strip() == "False"
    assert processes == "[]"
    assert not list((kernel.folder / "tmp").glob("seatrial-live-*"))


def test_a_file_answer_is_judged_where_it_lies(kernel):
    """A script written by its cell, started by the supervisor in the notebook's folder."""
    unit = COURSE.unit("tidy-file")
    kernel.run('grader.begin("tidy-file")')
    before = kernel.check()
    kernel.run(f"%%writefile tidy.py\n{unit.answer('tidy').reference}")

    assert outcomes(before) == ["not attempted"] * 2
    assert outcomes(kernel.check()) == ["passed"] * 2
    assert (kernel.folder / "tidy.py").is_file()


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("%check --sed 5", "Error: %check [--json] [--seed N] [UNIT]:"),
        ("%check --seed many", "Error: %check [--json] [--seed N] [UNIT]:"),
        ('%check "', "Error: %check [--json] [--seed N] [UNIT]:"),
        ("%check ad-up", 'Error: no exercise named "ad-up". Did you mean "add-up"?'),
        ("%hint ad-up", 'Error: no exercise named "ad-up". Did you mean "add-up"?'),
    ],
)
def test_wrong_use_is_one_line(kernel, line, told):
    """No traceback in the notebook."""
    shown = kernel.run(line).strip()

    assert shown.startswith(told)
    assert len(shown.splitlines()) == 1


def test_hints_and_progress(kernel):
    """The next hint of the unit that was begun; the way through the course."""
    first, second = kernel.run("%hint"), kernel.run("%hint")

    assert first == f"Hint 1 of 3: {UNIT.header.hints[0]}\n"
    assert second == f"Hint 2 of 3: {UNIT.header.hints[1]}\n"
    assert "add-up" in kernel.run("%progress")
