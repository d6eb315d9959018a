"""How long a learner waits: for the first verdict, and after each save, beside a fresh kernel.

python benchmarks/first_minutes.py [--unit first-check] [--rounds 5] [--clone]

Each round does in turn what is compared: a save under `mle watch`, an `mle check`, and a run of the same
notebook in a fresh kernel (nbclient). --clone first clones this repository and starts there, as a newcomer
does; that takes minutes and uses the package registry. No figure fails: read them on an idle machine.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import platform
import queue
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import psutil
from machine import load, machine

from grader import report
from grader.course import Course, find_course
from grader.filled import filled_notebook
from grader.jail.children import ONE_THREAD, child_environment, kill_tree
from grader.model import Report, Unit
from grader.progress import next_step
from grader.watch import watch_notebook
from grader.workspace import Workspace

ROOT = Path(__file__).resolve().parent.parent
REST_SECONDS = 3
SAVE = "mle watch, save to verdict"
RUN = "mle watch, the run alone"
CHECK = "mle check, start to verdict"
KERNEL = "fresh kernel, start to last cell (nbclient)"
BEYOND = ", beyond the cells' own time"
TARGETS = {SAVE + BEYOND: 0.3, RUN + BEYOND: 0.3, CHECK + BEYOND: 4.0}
Figures = dict[str, list[float]]


class Watching:
    """`mle watch` on a notebook, in a thread; its verdicts arrive in `verdicts` with their moment."""

    def __init__(self, course: Course, unit: Unit, path: Path) -> None:
        self.course, self.unit, self.path = course, unit, path
        self.text = path.read_text(encoding="utf-8")
        self.verdicts: queue.SimpleQueue[tuple[float, Report]] = queue.SimpleQueue()
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self._watch)
        self.thread.start()
        self.verdicts.get()

    def _watch(self) -> None:
        def tell(error: Exception) -> None:
            raise error

        watch_notebook(self.course, self.unit, self.path, self._show, tell, stop=self.stop)

    def _show(self, found: Report) -> None:
        from rich.console import Console

        step = next_step(self.course, Workspace.of(self.course), self.unit, found)
        Console(file=io.StringIO(), width=100).print(report.as_text(found, self.unit, step))
        self.verdicts.put((time.perf_counter(), found))

    def save(self) -> tuple[float, Report]:
        """Save as JupyterLab does, once nothing is at work here; seconds until the verdict, and the report."""
        rest()
        begun = time.perf_counter()
        self.path.write_text(self.text, encoding="utf-8")
        ended, found = self.verdicts.get()
        return ended - begun, found

    def close(self) -> None:
        self.stop.set()
        self.thread.join()


def rest() -> None:
    """Return when no process below this one has worked for some seconds, as between two saves of a learner."""
    before, quiet = -1.0, 0
    while quiet < REST_SECONDS:
        now = busy_seconds()
        quiet = quiet + 1 if abs(now - before) < 0.01 else 0
        before = now
        time.sleep(1)


def busy_seconds() -> float:
    """Processor time of every process below this one."""
    total = 0.0
    for process in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.Error):
            times = process.cpu_times()
            total += times.user + times.system
    return total


def check_once(command: list[str], environment: dict[str, str], folder: Path) -> tuple[float, dict]:
    """Seconds from the start of `mle check --json` to its verdict, and the verdict."""
    begun = time.perf_counter()
    process = subprocess.Popen(command, env=environment, cwd=folder, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    line = process.stdout.readline()
    seconds = time.perf_counter() - begun
    process.stdout.close()
    process.wait()
    return seconds, json.loads(line)


def kernel_once(path: Path) -> tuple[float, float]:
    """Seconds of a run in a fresh kernel with its start and end, and of the cells alone."""
    import nbformat
    from nbclient import NotebookClient

    notebook = nbformat.read(path, as_version=4)
    begun = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        client = NotebookClient(notebook, timeout=300, resources={"metadata": {"path": folder}})
        client.execute(env=child_environment())
    seconds = time.perf_counter() - begun
    return seconds, sum(cell_seconds(cell) for cell in notebook.cells if cell.cell_type == "code")


def cell_seconds(cell: dict) -> float:
    """What the kernel took for a cell, by its own messages."""
    from datetime import datetime

    moments = cell["metadata"]["execution"]
    begun, ended = moments["iopub.status.busy"], moments["iopub.status.idle"]
    return (datetime.fromisoformat(ended) - datetime.fromisoformat(begun)).total_seconds()


def rounds(course: Course, unit: Unit, path: Path, count: int) -> Figures:
    """Every figure of every round, by its name."""
    figures: Figures = {}

    def note(name: str, seconds: float, own: float) -> None:
        figures.setdefault(name, []).append(seconds)
        figures.setdefault(name + BEYOND, []).append(seconds - own)

    command = [sys.executable, "-m", "grader.cli", "check", unit.name, "--json"]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    watching = Watching(course, unit, path)
    try:
        for _ in range(count):
            seconds, found = watching.save()
            assert found.points == found.max_points, [result.message for result in found.results]
            note(SAVE, seconds, found.own_seconds)
            note(RUN, found.seconds, found.own_seconds)
            rest()
            seconds, verdict = check_once(command, environment, ROOT)
            note(CHECK, seconds, verdict["own_seconds"])
            rest()
            note(KERNEL, *kernel_once(path))
    finally:
        watching.close()
    return figures


def newcomer() -> Iterator[tuple[str, float]]:
    """From a fresh clone, with an empty home, to the first lesson and the first verdict."""
    with tempfile.TemporaryDirectory(prefix="seatrial-newcomer-") as name:
        folder, clone = Path(name), Path(name) / "clone"
        environment = empty_home(folder / "home")
        begun = time.perf_counter()
        subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True, env=environment)
        yield "fresh clone: git clone", time.perf_counter() - begun
        start = [python3(), "mle.py", "start"]
        subprocess.run([*start, "--no-lab"], cwd=clone, env=environment, check=True)
        yield "fresh clone: until the first lesson lies in work/", time.perf_counter() - begun
        opened = time.perf_counter()
        with lab_page(start, clone, environment, folder):
            yield "fresh clone: JupyterLab, start to lesson page", time.perf_counter() - opened
            yield "fresh clone: until the first lesson is open", time.perf_counter() - begun
            check = [python3(), "mle.py", "check", "--json"]
            seconds, _ = check_once(check, {**environment, "PYTHONUNBUFFERED": "1"}, clone)
            yield "fresh clone: first mle check, start to verdict", seconds
            yield "fresh clone: until the first verdict", time.perf_counter() - begun


def python3() -> str:
    """The Python that a newcomer calls, from outside of this environment."""
    return os.path.realpath(getattr(sys, "_base_executable", None) or sys.executable)


def empty_home(home: Path) -> dict[str, str]:
    """The environment of somebody who has never run this course, but for settings of the package registry."""
    home.mkdir(parents=True)
    dropped = ("SEATRIAL_", "XDG_", "VIRTUAL_ENV", "PYTHONPATH", "UV_CACHE_DIR", "PIP_CACHE_DIR", "MLFLOW_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(dropped)}
    settings = {
        "PIP_CONFIG_FILE": Path.home() / ".config" / "pip" / "pip.conf",
        "UV_CONFIG_FILE": Path.home() / ".config" / "uv" / "uv.toml",
    }
    for name, file in settings.items():
        if file.is_file():
            kept.setdefault(name, str(file))
    return {**kept, "HOME": str(home)}


@contextlib.contextmanager
def lab_page(command: list[str], clone: Path, environment: dict[str, str], folder: Path) -> Iterator[None]:
    """JupyterLab as `mle start` opens it, once it has served the page; a script stands for the browser."""
    told, browser = folder / "told", folder / "browser"
    browser.write_text(f'#!/bin/sh\nprintf "%s" "$1" > "{told}.part" && mv "{told}.part" "{told}"\n')
    browser.chmod(0o755)
    process = subprocess.Popen(
        command,
        cwd=clone,
        env={**environment, "BROWSER": f"{browser} %s"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        while not told.exists():
            assert process.poll() is None, "JupyterLab ended"
            time.sleep(0.05)
        redirect = Path(told.read_text().removeprefix("file://")).read_text()
        found = re.search(r'url=([^"]+)"', redirect)
        assert found
        with urllib.request.urlopen(found.group(1).replace("&amp;", "&")) as page:
            page.read()
        yield
    finally:
        kill_tree(process.pid)
        process.wait()


def print_table(figures: Figures) -> None:
    print(f"{'seconds':<66}{'min':>7}{'median':>8}{'max':>7}{'target':>8}  reached")
    for name, values in figures.items():
        middle, target = statistics.median(values), TARGETS.get(name)
        row = f"{name:<66}{min(values):>7.2f}{middle:>8.2f}{max(values):>7.2f}"
        print(row if target is None else f"{row}{target:>8.1f}  {'yes' if middle <= target else 'no'}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--unit", default="first-check")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--clone", action="store_true", help="also a fresh clone, which takes minutes")
    options = parser.parse_args()
    print(f"{machine()}; {platform.platform()}; Python {platform.python_version()}")
    before = load()
    figures: Figures = {name: [seconds] for name, seconds in newcomer()} if options.clone else {}
    os.environ.update(ONE_THREAD)
    course = find_course(ROOT)
    unit = course.unit(options.unit)
    with tempfile.TemporaryDirectory(prefix="seatrial-benchmark-") as home:
        os.environ["SEATRIAL_HOME"] = home
        workspace = Workspace.of(course)
        workspace.start(course, unit)
        path = workspace.exercise(unit)
        path.write_text(filled_notebook(unit, {}), encoding="utf-8")
        figures.update(rounds(course, unit, path, options.rounds))
        rest()
    print_table(figures)
    print(f"{unit.name}, {options.rounds} rounds; load average before {before}, after {load()}")


if __name__ == "__main__":
    main()
