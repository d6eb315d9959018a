"""The ways to grade a class that are compared, each a command of its own."""

from __future__ import annotations

import json
import random
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import measured
from grading_class import School, Scores, differences, points_of

from grader.store import copy_store

HERE = Path(__file__).resolve().parent
MEMORY_STUDENTS = 4
OURS, OURS_2, NBGRADER, PLUGIN, KERNELS, OTTER, FLOOR = (
    "ours",
    "ours-2",
    "nbgrader",
    "plug-in",
    "kernels",
    "otter",
    "floor",
)


@dataclass(frozen=True)
class Way:
    """python: what runs it. alone: without any setting of ours. book: its points are in the grade book."""

    name: str
    title: str
    arguments: tuple[str, ...]
    python: str = sys.executable
    alone: bool = False
    book: bool = False


@dataclass
class Taken:
    """One round of one way. one: the same with a single student. cell_seconds: of the cells alone, each."""

    many: measured.Used
    one: measured.Used
    students: int
    run_seconds: float = 0.0
    cell_seconds: float = 0.0

    @property
    def each_wall(self) -> float:
        """Seconds that one more submission takes."""
        more = self.students - 1
        return (self.many.wall_seconds - self.one.wall_seconds) / more if more else self.many.wall_seconds

    @property
    def each_cpu(self) -> float:
        more = self.students - 1
        return (self.many.cpu_seconds - self.one.cpu_seconds) / more if more else self.many.cpu_seconds

    @property
    def warm_up(self) -> float:
        """Seconds beyond all submissions: start, imports, jails, end."""
        return max(0.0, self.one.wall_seconds - self.each_wall)


def all_ways(otter: str = "") -> dict[str, Way]:
    """Every way by its name. otter: a Python with otter-grader, or ""."""
    grade = ("-m", "grader.cli", "class", "grade", "CLASS", "--force", "--json", "--workers")
    autograde = ("-m", "nbgrader", "autograde", "MODULE")
    found = [
        Way(OURS, "mle class grade --workers 1", (*grade, "1"), book=True),
        Way(OURS_2, "mle class grade --workers 2", (*grade, "2"), book=True),
        Way(NBGRADER, "nbgrader autograde", autograde, alone=True, book=True),
        Way(PLUGIN, "nbgrader autograde, our plug-in", autograde, book=True),
        Way(KERNELS, "a fresh kernel each (nbclient)", (str(HERE / "fresh_kernels.py"), "CLASS")),
        Way(FLOOR, "warm exec, no isolation: floor", (str(HERE / "warm_exec.py"), "CLASS")),
    ]
    if otter:
        found.insert(5, Way(OTTER, "otter run", (str(HERE / "otter_run.py"), "CLASS"), python=otter))
    return {way.name: way for way in found}


def run_way(school: School, way: Way, count: int, *, memory: bool = False) -> tuple[measured.Used, Scores]:
    """A fresh copy of the class with that many students, graded in this way."""
    with tempfile.TemporaryDirectory(prefix="seatrial-benchmark-") as temporary:
        copy = school.copy(Path(temporary) / "class", count)
        environment = copy.environment
        if way.alone:
            copy.as_nbgrader_has_it()
        if way.alone or not way.book:
            environment["SEATRIAL_SEED"] = str(copy.seed)
        if way.name == OTTER:  # its environment need not have MLflow, which makes stores
            environment["MLFLOW_TRACKING_URI"] = copy_store(Path(temporary))
            environment["PYTHONPATH"] = str(HERE.parent)
        places = {"CLASS": str(copy.folder), "MODULE": copy.module}
        command = [way.python, *(places.get(word, word) for word in way.arguments)]
        used = measured.run(command, copy.folder, environment, memory=memory)
        if way.book:
            return used, copy.scores()
        return used, points_of(copy.unit, json.loads(used.output)["passed"])


def rounds(school: School, ways: Sequence[Way], count: int, seed: int) -> Iterator[tuple[str, Taken]]:
    """Each way in each round, in an order of the seed. Raises AssertionError where two give different points."""
    known: Scores = {}
    for number in range(count):
        order = random.Random(f"{seed} {number}").sample(list(ways), len(ways))
        for way in order:
            one, _ = run_way(school, way, 1)
            many, scores = run_way(school, way, len(school.students))
            known = known or scores
            assert scores, f"{way.name}: no points at all"
            assert not (other := differences(known, scores)), f"{way.name}: {other}"
            yield way.name, taken(way, many, one, len(school.students))


def taken(way: Way, many: measured.Used, one: measured.Used, students: int) -> Taken:
    """With what the command itself says of its runs."""
    found = Taken(many, one, students)
    if way.name in (OURS, OURS_2):
        found.run_seconds = sum(one["seconds"] for one in json.loads(many.output)["notebooks"]) / students
    elif way.name == FLOOR:
        said = json.loads(many.output)
        found.run_seconds = sum(said["seconds"]) / students
        found.cell_seconds = sum(said["cell_seconds"]) / students
    return found


def memory_of(school: School, way: Way) -> measured.Used:
    """A further run with few students that is not timed, for its memory."""
    used, _ = run_way(school, way, min(MEMORY_STUDENTS, len(school.students)), memory=True)
    return used
