"""What a notebook's cells may hold, in the process that runs them without a kernel."""

import pytest
from small_unit import body

from grader.runner import World

CELLS = {
    "writefile": ("%%writefile note.txt\n21", "int(open('note.txt').read())"),
    "shell command": ("!echo 21 > note.txt", "int(open('note.txt').read())"),
    "captured command": ("words = !echo 21", "int(words[0])"),
    "magic": ("%matplotlib inline\nvalue = 21", "value"),
    "capture": ("%%capture\nvalue = 21", "value"),
    "await": ("import asyncio\nvalue = await asyncio.sleep(0, 21)", "value"),
    "display": ("value = 21\ndisplay(value)\nvalue", "value"),
    "get_ipython": ("get_ipython().run_line_magic('time', 'value = 21')\nvalue = 21", "value"),
    "plot": ("import matplotlib.pyplot as plt\nplt.plot([1]); plt.show()\nvalue = 21", "value"),
    "dataclass": (
        "from dataclasses import dataclass\n@dataclass\nclass V:\n    n: int\nvalue = V(21).n",
        "value",
    ),
}


@pytest.mark.parametrize("world", World)
@pytest.mark.parametrize(("own", "expression"), CELLS.values(), ids=CELLS)
def test_notebook_cells_run_as_in_a_notebook(unit, judged, own, expression, world):
    """What IPython offers, without starting a kernel."""
    report = judged(unit, {"double": body(f"return 2 * ({expression})")}, own={"given-1": own}, world=world)

    assert report.cell_errors == {}
    assert report.points == 7


def test_files_beside_the_notebook_are_there_and_stay_as_they_are(tmp_path, unit, judged):
    """A run works on copies."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "note.txt").write_text("21")
    text = body(
        "from pathlib import Path\nnote = Path('data/note.txt')\nvalue = int(note.read_text())\n"
        "note.write_text('0')\nreturn 2 * value"
    )

    assert judged(unit, {"double": text}).points == 7
    assert (tmp_path / "data" / "note.txt").read_text() == "21"
