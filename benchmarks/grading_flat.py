"""Whether a long batch stays flat: memory of the supervisor and time, hundred by hundred."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
from grading_class import School, make_school

KINDS = 20  # different notebooks; the others are copies
STEP = 100
POLL_SECONDS = 0.05
LINEAR = 0.05


@dataclass(frozen=True)
class Mark:
    """How far the command was. rss_bytes: of the supervisor alone."""

    done: int
    seconds: float
    rss_bytes: int


def print_flat(folder: Path, unit: str, students: int) -> None:
    """Grades that many submissions with one worker and prints a row for each hundred."""
    school = make_school(folder, unit, min(KINDS, students), seed=1)
    multiply(school, students)
    print(f"\n{unit}, {students} submissions, mle class grade --workers 1, full isolation")
    print(f"{'done':>6}{'seconds':>10}{'of these':>10}{'supervisor MB':>15}")
    marks = [Mark(0, 0.0, 0)]
    for mark in graded(school, students):
        print(
            f"{mark.done:>6}{mark.seconds:>10.1f}{mark.seconds - marks[-1].seconds:>10.2f}"
            f"{mark.rss_bytes / 1e6:>15.1f}",
            flush=True,
        )
        marks.append(mark)
    if len(marks) > 5:
        print_line(marks)


def multiply(school: School, students: int) -> None:
    """Copies of what is handed in, under other names."""
    submitted = school.folder / "submitted"
    for number in range(len(school.students), students):
        shutil.copytree(
            submitted / school.students[number % len(school.students)], submitted / f"student-{number:04d}"
        )


def graded(school: School, students: int) -> Iterator[Mark]:
    """A mark whenever another hundred is written."""
    command = [sys.executable, "-m", "grader.cli", "class", "grade", str(school.folder)]
    begun = time.perf_counter()
    with tempfile.TemporaryFile() as words:
        process = subprocess.Popen(
            [*command, "--workers", "1", "--force"],
            env=school.environment,
            stdout=subprocess.DEVNULL,
            stderr=words,
        )
        watched = psutil.Process(process.pid)
        target, rss = STEP, 0
        while process.poll() is None:
            done = count(school.folder / "autograded")
            if process.poll() is None and done < students:
                rss = watched.memory_info().rss
            if done >= target:
                yield Mark(done, time.perf_counter() - begun, rss)
                target = done - done % STEP + STEP
            time.sleep(POLL_SECONDS)
        words.seek(0)
        assert process.returncode == 0, words.read()[-3000:]
    assert len(school.scores()) == students * len(school.unit.tests)


def count(folder: Path) -> int:
    """Students whose submission is in place."""
    return sum(not name.startswith(".") for name in os.listdir(folder)) if folder.is_dir() else 0


def print_line(marks: list[Mark]) -> None:
    """The second half of the time against the first, without the first fifth, which holds the warm-up."""
    rest = marks[len(marks) // 5 :]
    middle = len(rest) // 2
    first = (rest[middle].seconds - rest[0].seconds) / (rest[middle].done - rest[0].done)
    second = (rest[-1].seconds - rest[middle].seconds) / (rest[-1].done - rest[middle].done)
    verdict = "yes" if abs(second / first - 1) <= LINEAR else "no"
    print(f"seconds each: {first:.4f}, then {second:.4f}: {second / first - 1:+.1%}; within 5 %: {verdict}")
    grown = (rest[-1].rss_bytes - rest[0].rss_bytes) / 1e6
    print(f"supervisor's memory from {rest[0].done} to {rest[-1].done}: {grown:+.1f} MB")
