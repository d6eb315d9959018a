"""An nbgrader course that knows nothing of this one: nbgrader's own, and notebooks that use all of IPython."""

from __future__ import annotations

import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import nbformat
import nbgrader
from nbformat.v4 import new_code_cell, new_notebook

GUIDE = Path(nbgrader.__file__).parent / "docs" / "source" / "user_guide"
ASSIGNMENT = "ps1"
CONFIG = """
c = get_config()
c.CourseDirectory.course_id = "course101"
c.IncludeHeaderFooter.header = "source/header.ipynb"
"""
PLUGIN = """
from grader.classroom.execute import autograde_steps

c.Autograde.autograde_preprocessors = autograde_steps()
c.ClassExecute.isolation = {isolation!r}
"""
BESIDE = {
    "data.csv": "a,b\n1,2\n3,4\n",
    "helper.py": "def twice(x):\n    return 2 * x\n",
    "inner/words.txt": "one two\n",
    "script.py": "print('from a script', __name__)\nleft = 5\n",
}
# Source of a cell; with points for one that is graded.
KINDS: list[tuple[str, float]] = [
    ("import matplotlib.pyplot as plt\nplt.plot([1, 2, 4])", 1),
    ("%matplotlib inline\nplt.plot([4, 2, 1]);", 1),
    ("fig, ax = plt.subplots()\nax.set_title('a title')\nfig", 2),
    ("plt.rcParams['backend'], plt.rcParams['figure.figsize']", 0),
    ("%load_ext autoreload\n%autoreload 2\nimport helper\nassert helper.twice(2) == 4", 1),
    ("import pandas as pd\nframe = pd.read_csv('data.csv')\ndisplay(frame)\nframe.describe()", 1),
    ("open('inner/words.txt').read().split()", 2),
    ("!echo hello", 1),
    ("said = !echo one; echo two\nsaid", 0),
    ("len?", 1),
    ("who str", 0),
    ("from IPython.display import HTML, Markdown, display\ndisplay(HTML('<b>x</b>'))\nMarkdown('**y**')", 1),
    ("answer = input('name? ')", 1),
    ("import warnings\nwarnings.warn('slow path')", 2),
    ("import sys\nprint('to stderr', file=sys.stderr)", 2),
    ("import numpy as np\nnp.array([1.0]) / np.array([0.0])", 2),
    ("1 / 0", 1),
    ("def f(n):\n    return f(n - 1) if n else frame['no column']\n\nf(3)", 1),
    ("1.5", 4),
    ("0", 4),
    ("'two'", 4),
    ("True", 4),
    ("None", 4),
    ("np.float64(2.5)", 4),
    ("float('nan')", 4),
    ("assert said == ['one', 'two'], 'not said'", 3),
    ("%timeit -n 1 -r 1 -q pass\n%time pass", 1),
    ("%%capture kept\nprint('caught')", 1),
    ("kept.stdout", 0),
    ("%%bash\necho from bash\necho aside >&2", 1),
    ("%%writefile made.txt\nwritten here", 1),
    ("%run script.py\nleft", 0),
    (
        "import os, time\nraw = os.system('echo raw')\ntime.sleep(0.5)  # the kernel reads it in a thread\n"
        "os.environ['NBGRADER_EXECUTION'], raw, sorted(os.listdir('inner'))",
        0,
    ),
    ("%env SOME_WORD=said\nos.environ['SOME_WORD']", 0),
    ("import asyncio\nawait asyncio.sleep(0, 'awaited')", 0),
    ("for i in range(3):\n    print(f'\\r{i} of 2', end='')", 0),
    ("from IPython.display import clear_output\nprint('gone')\nclear_output()\nprint('stays')", 0),
    ("shown = display('first', display_id='d')\nshown.update('second')", 0),
    ("import logging\nlogging.warning('logged')", 2),
    ("sys.exit('stop')", 1),
    ("raise KeyboardInterrupt", 1),
    ("import threading\nt = threading.Thread(target=print, args=('from a thread',))\nt.start()\nt.join()", 0),
    (
        "import multiprocessing\nwith multiprocessing.get_context('fork').Pool(2) as p:\n    print(p.map(abs, [-1]))",
        1,
    ),
    (
        "from sklearn.linear_model import LinearRegression\nLinearRegression().fit([[1], [2]], [1, 2]).coef_",
        0,
    ),
    ("import pandas as pd\npd.Series([1, 2]).plot(title='by pandas')", 0),
    ("import ipywidgets\nipywidgets.IntSlider(value=3)", 1),
    ("out = ipywidgets.Output()\nwith out:\n    print('in the widget')\nout", 0),
    ("__name__, In[-1], Out.get(19), _19", 0),
    ("%history -n 1", 0),
    ("sys.flags[:11], sys.path[0] or sys.path[3], sys.argv[0], sys.executable, sys.stdin.__class__", 0),
    ("def answer():\n    return 42\n\nprint(answer)\nanswer", 0),
    ("if :", 1),
    ("# nothing but words", 1),
]


def graded_cell(source: str, number: int, points: float) -> Any:
    cell = new_code_cell(source, id=f"cell-{number}")
    cell.metadata["nbgrader"] = {
        "schema_version": 3,
        "grade": bool(points),
        "solution": False,
        "locked": bool(points),
        "task": False,
        "grade_id": f"cell-{number}",
        **({"points": points} if points else {}),
    }
    return cell


def source_notebook(cells: list[tuple[str, float]], kernel: str = "python3") -> Any:
    """A notebook of these cells, as an instructor has it in `source/`."""
    made = [graded_cell(source, number, points) for number, (source, points) in enumerate(cells)]
    spec = {"name": kernel, "display_name": kernel, "language": "python"}
    return new_notebook(cells=made, metadata={"kernelspec": spec})


def make_course(folder: Path) -> Path:
    """nbgrader's documentation course with its two students, and a third notebook in the assignment."""
    shutil.copytree(GUIDE / "source", folder / "source")
    shutil.copytree(GUIDE / "submitted", folder / "submitted")
    source = folder / "source" / ASSIGNMENT
    for name, text in BESIDE.items():
        (source / name).parent.mkdir(exist_ok=True)
        (source / name).write_text(text, encoding="utf-8")
    nbformat.write(source_notebook(KINDS), source / "kinds.ipynb")
    (folder / "nbgrader_config.py").write_text(CONFIG, encoding="utf-8")
    command(folder, "generate_assignment", ASSIGNMENT)
    shutil.copytree(folder / "release" / ASSIGNMENT, folder / "submitted" / "untouched" / ASSIGNMENT)
    return folder


def command(folder: Path, *arguments: str) -> str:
    """nbgrader's command as an instructor types it; gives its log."""
    private = folder / ".private"
    private.mkdir(exist_ok=True)
    environment = {name: value for name, value in os.environ.items() if name != "PYTEST_CURRENT_TEST"}
    environment |= {"JUPYTER_CONFIG_DIR": str(private), "IPYTHONDIR": str(private)}
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"
    line = [sys.executable, "-m", "nbgrader", *arguments]
    done = subprocess.run(line, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stderr


def with_plugin(folder: Path, isolation: str) -> Path:
    """The course in `folder`, with the plug-in switched on by its one line."""
    with (folder / "nbgrader_config.py").open("a", encoding="utf-8") as file:
        file.write(PLUGIN.format(isolation=isolation))
    return folder


def scores(folder: Path) -> dict[tuple[str, str, str], Any]:
    """Every automatic score of a grade book, by student, notebook and cell."""
    query = """
        select sa.student_id, nb.name, bc.name, g.auto_score, g.needs_manual_grade
        from grade g join submitted_notebook sn on g.notebook_id = sn.id
        join notebook nb on sn.notebook_id = nb.id
        join submitted_assignment sa on sn.assignment_id = sa.id
        join base_cell bc on g.cell_id = bc.id
    """
    with sqlite3.connect(folder / "gradebook.db") as book:
        rows = list(book.execute(query))
    book.close()
    return {(student, notebook, cell): (score, manual) for student, notebook, cell, score, manual in rows}


def outputs(folder: Path) -> dict[tuple[str, str, int], Any]:
    """What each autograded cell shows, by student, notebook and cell, without what differs in any two runs."""
    found = {}
    for path in sorted((folder / "autograded").glob("*/*/*.ipynb")):
        content = json.loads(path.read_text(encoding="utf-8"))
        for number, cell in enumerate(content["cells"]):
            if cell["cell_type"] == "code":
                shown = [plain_output(output) for output in joined(cell["outputs"])]
                found[path.parent.parent.name, path.stem, number] = (cell["execution_count"], shown)
        found[path.parent.parent.name, path.stem, -1] = plain_metadata(content["metadata"])
    return found


def joined(outputs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The outputs with pieces of one stream that follow each other as one: a kernel cuts them by the clock."""
    found: list[dict[str, Any]] = []
    for output in outputs:
        if found and output["output_type"] == "stream" and output.get("name") == found[-1].get("name"):
            text = "".join([*found[-1]["text"], *output["text"]])
            found[-1] = {**found[-1], "text": text.splitlines(keepends=True)}
        else:
            found.append(output)
    return found


def plain_metadata(metadata: dict[str, Any]) -> tuple[str, list[str]]:
    """A notebook's metadata, and the states of its widgets, whose names are random."""
    widgets = metadata.pop("widgets", {}).get("application/vnd.jupyter.widget-state+json", {})
    states = [json.dumps(state, sort_keys=True) for state in widgets.get("state", {}).values()]
    return json.dumps(metadata, sort_keys=True), sorted(map(plain_text, states))


def plain_output(output: Any) -> Any:
    if isinstance(output, dict):
        return {key: plain_output(value) for key, value in output.items()}
    if isinstance(output, list):
        return [plain_output(value) for value in output]
    return plain_text(output) if isinstance(output, str) else output


def plain_text(text: str) -> str:
    """Without addresses, numbers of processes, times, random names of widgets. Pictures stay as they are."""
    if len(text) > 1000 and " " not in text:
        return text
    text = re.sub(r"[\w/.-]{0,200}/ipykernel_\d+/\d+\.py", "CELL.py", text)
    text = re.sub(r"0x[0-9a-f]{6,}", "0x", text)
    text = re.sub(r"(?<![0-9a-z])(IPY_MODEL_)?[0-9a-f]{32}\b", "ID", text)
    text = re.sub(r"(CPU times|Wall time): .*", "TIME", text)
    return re.sub(r"\b\d+\.\d+ (s|ms|µs|ns)\b", "TIME", text)
