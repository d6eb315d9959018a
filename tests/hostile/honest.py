"""Honest work that must not be punished, though it looks strange to a grader."""

# ruff: noqa: E501
from __future__ import annotations

from pathlib import Path
from typing import Any

from hostile.case import RIGHT, Case, answer, code


def honest(name: str, text: str, tries: str, *, of: str = "double", **more: Any) -> Case:
    return answer(name, code(text), tries, of=of, loses="", **more)


def _helpers(folder: Path) -> None:
    (folder / "shapes.py").write_text("def twice(value):\n    return 2 * value\n")
    (folder / "data").mkdir()
    (folder / "data" / "numbers.csv").write_text("a,b\n1,2\n3,4\n")


def _large(folder: Path) -> None:
    (folder / "large.bin").write_bytes(b"x" * 30_000_000)


CASES = (
    Case(
        "a_large_file",
        "Reads a file of 30 MB that lies beside the notebook.",
        {"double": "assert len(open('large.bin', 'rb').read()) == 30_000_000\n" + RIGHT},
        beside=_large,
    ),
    honest(
        "warnings",
        """
        import logging, sys, warnings

        def double(number):
            warnings.warn("slow path")
            logging.warning("be careful")
            print("to stderr", file=sys.stderr)
            return 2 * number
        """,
        "Warns, logs and writes to stderr.",
    ),
    honest(
        "warnings_in_numpy",
        "import numpy as np\nnp.log(0.0)\nnp.float64(1) / 0\n" + RIGHT,
        "Divides by zero in numpy.",
    ),
    honest(
        "slow_but_allowed",
        "import time\ntime.sleep(1.2)\n" + RIGHT,
        "Takes more than half of its two seconds.",
        told="",
    ),
    honest(
        "prints_a_megabyte",
        "for _ in range(1000):\n    print('x' * 1000)\n" + RIGHT,
        "Prints a megabyte.",
        told="in all, cut",
    ),
    honest(
        "prints_in_a_call",
        "def double(number):\n    print('x' * 100_000)\n    return 2 * number\n",
        "Prints 100 kB in each call.",
    ),
    honest(
        "uses_much_memory",
        """
        import numpy as np

        kept = np.ones(12_000_000)
        del kept
        """
        + RIGHT,
        "Uses 96 MB, which is allowed, and lets go of them.",
    ),
    Case(
        "helper_files",
        "Imports a module of its own and reads a file that lie beside the notebook.",
        {
            "double": "import shapes\nimport pandas as pd\n\nassert len(pd.read_csv('data/numbers.csv')) == 2\ndouble = shapes.twice\n"
        },
        beside=_helpers,
    ),
    honest(
        "own_figures",
        """
        import matplotlib
        matplotlib.use("Agg")
        import matplotlib.pyplot as plt

        plt.plot([1, 2, 3])
        plt.title("mine")
        plt.savefig("mine.png")
        plt.show()
        """
        + RIGHT,
        "Draws, shows and saves a figure.",
    ),
    honest(
        "magics",
        """
        %matplotlib inline
        %time 1 + 1
        !echo from a shell
        import os
        """
        + RIGHT,
        "Uses magics and a shell command.",
    ),
    honest(
        "threads_and_processes",
        """
        import concurrent.futures, subprocess, sys

        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            assert list(pool.map(abs, [-1, -2])) == [1, 2]
        said = subprocess.run([sys.executable, "-c", "print(2)"], capture_output=True, text=True, check=True).stdout
        assert said == "2\\n"
        """
        + RIGHT,
        "Uses threads and a process, and ends them.",
    ),
    honest(
        "temporary_files",
        """
        import os, tempfile

        with tempfile.NamedTemporaryFile("w", delete=False) as file:
            file.write("mine")
        with open("notes.txt", "w") as file:
            file.write("mine")
        assert os.path.exists(file.name)
        """
        + RIGHT,
        "Writes temporary files and notes.",
    ),
    honest(
        "numpy_numbers",
        "import numpy as np\n\ndef double(number):\n    return np.int64(2) * number\n",
        "Returns a number of numpy's.",
    ),
    honest(
        "own_exception_inside",
        """
        def double(number):
            try:
                raise KeyError(number)
            except KeyError as error:
                return 2 * error.args[0]
        """,
        "Raises and catches inside.",
    ),
    honest(
        "redirected_output",
        """
        import contextlib, io, sys

        caught = io.StringIO()
        with contextlib.redirect_stdout(caught):
            print("hidden from the screen")
        sys.stdout = sys.__stdout__
        """
        + RIGHT,
        "Redirects its output for a while.",
    ),
    honest(
        "escape_sequences", "print('\\x1b[31mred\\x1b[0m <b>bold</b>')\n" + RIGHT, "Prints colours and HTML."
    ),
    honest(
        "asynchronous",
        "import asyncio\n\nawait asyncio.sleep(0.01)\n" + RIGHT,
        "Awaits at the top of a cell.",
    ),
    Case(
        "cells_in_between",
        "Adds cells that raise, plot and try things out.",
        own={
            "double": "1 / 0\n",
            "total": "undefined_name\n",
            "scale": "assert double(2) == 5, 'no'\n",
            "each": "import antigravity_that_is_not_there\n",
        },
    ),
    honest("another_way", "double = lambda number: number + number\n", "Solves it by a lambda.", may_lose=""),
    honest(
        "recursion",
        "def double(number):\n    return 0 if number == 0 else number << 1\n",
        "Solves it by a shift.",
    ),
    honest(
        "callable_object",
        """
        class Double:
            def __call__(self, number):
                return 2 * number

        double = Double()
        """,
        "Solves it by an object that can be called.",
    ),
    Case(
        "raises_html_and_colours",
        "An exception whose text is a page and a terminal's commands.",
        {
            "double": "def double(number):\n    raise ValueError('\\x1b[2J\\x1b]0;x\\x07<script>alert(1)</script>\\r\\x9b31m')\n"
        },
        loses="double",
        told="ValueError",
    ),
)
