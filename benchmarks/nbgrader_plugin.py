"""Seconds of one light notebook under `nbgrader autograde`, with and without the plug-in, same scores.

`python benchmarks/nbgrader_plugin.py [--students 7] [--rounds 2] [--isolation full]`. Each side grades one
student and then the given number; what a further student costs is the difference. Rounds are interleaved.
CPU is that of nbgrader and of every process that it left behind. Linux.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "tests"))

import nbformat  # noqa: E402
from plugin_course import ASSIGNMENT, CONFIG, command, scores, source_notebook, with_plugin  # noqa: E402

PR_SET_CHILD_SUBREAPER = 36
CELLS = [
    ("import numpy as np\nimport pandas as pd", 0),
    ("def double(x):\n    return 2 * x", 0),
    ("assert double(2) == 4", 1),
    ("def mean(values):\n    return float(np.mean(values))", 0),
    ("assert mean([1, 2, 3]) == 2", 1),
    ("def tidy(frame):\n    return frame.dropna().reset_index(drop=True)", 0),
    ("frame = pd.DataFrame({'a': [1.0, None, 3.0]})\nassert list(tidy(frame)['a']) == [1, 3]", 1),
    ("def share(frame):\n    return frame['a'] / frame['a'].sum()", 0),
    ("assert abs(share(tidy(frame)).sum() - 1) < 1e-9", 1),
    ("def words(text):\n    return sorted(set(text.lower().split()))", 0),
    ("assert words('B a b') == ['a', 'b']", 1),
    ("0.5", 1),
]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--students", type=int, default=7)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--isolation", default="full")
    chosen = parser.parse_args()
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    figures: dict[str, list[tuple[float, float, float, float]]] = {"nbgrader": [], "plug-in": []}
    for _ in range(chosen.rounds):
        found = {}
        for side, kept in figures.items():
            isolation = chosen.isolation if side == "plug-in" else ""
            one, _ = graded(1, isolation)
            many, found[side] = graded(chosen.students, isolation)
            more = chosen.students - 1
            kept.append((*many, (many[0] - one[0]) / more, (many[1] - one[1]) / more))
        assert found["nbgrader"] == found["plug-in"]
    names = (f"wall of {chosen.students}", f"CPU of {chosen.students}", "wall of one more", "CPU of one more")
    print(f"{'seconds':18}{'nbgrader':>10}{'plug-in':>10}{'ratio':>8}")
    for column, name in enumerate(names):
        plain, ours = (statistics.median(row[column] for row in rows) for rows in figures.values())
        print(f"{name:18}{plain:10.2f}{ours:10.2f}{plain / ours:8.1f}")


def graded(students: int, isolation: str) -> tuple[tuple[float, float], dict]:
    """(wall, CPU) of autograding that many students, and their scores. isolation: "" for nbgrader alone."""
    with tempfile.TemporaryDirectory(prefix="seatrial-bench-") as temporary:
        folder = Path(temporary) / "course"
        (folder / "source" / ASSIGNMENT).mkdir(parents=True)
        nbformat.write(source_notebook(CELLS), folder / "source" / ASSIGNMENT / "light.ipynb")
        (folder / "source" / "header.ipynb").write_text(
            nbformat.writes(source_notebook([])), encoding="utf-8"
        )
        (folder / "nbgrader_config.py").write_text(CONFIG, encoding="utf-8")
        command(folder, "generate_assignment", ASSIGNMENT)
        for number in range(students):
            shutil.copytree(folder / "release" / ASSIGNMENT, folder / "submitted" / f"s{number}" / ASSIGNMENT)
        if isolation:
            with_plugin(folder, isolation)
        reap()
        before, start = cpu_seconds(), time.perf_counter()
        subprocess.run(
            [sys.executable, "-m", "nbgrader", "autograde", ASSIGNMENT],
            cwd=folder,
            env={**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
            check=True,
            capture_output=True,
        )
        wall = time.perf_counter() - start
        reap()
        return (wall, cpu_seconds() - before), scores(folder)


def cpu_seconds() -> float:
    """Of all processes that have ended below this one."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def reap() -> None:
    """Wait for what nbgrader left behind, so that it counts."""
    with contextlib.suppress(ChildProcessError):
        while True:
            os.waitpid(-1, 0)


if __name__ == "__main__":
    main()
