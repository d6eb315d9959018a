"""Watching a notebook: each save leads to a verdict, from processes that were warm before it."""

import os
import queue
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest
from small_course import COURSE, notebook_of

from grader.errors import NotebookError
from grader.filled import filled_notebook
from grader.model import Outcome, Report
from grader.watch import watch_notebook

UNIT = COURSE.unit("add-up")
PID = "import os\nprint('pid', os.getpid())"
PATIENCE_SECONDS = 120


class Watched:
    """A notebook that is watched in a thread of this process."""

    def __init__(self, folder: Path, text: str) -> None:
        self.path = folder / "01-add-up.ipynb"
        self.path.write_text(text, encoding="utf-8")
        self.told: queue.Queue[Report | Exception] = queue.Queue()
        self.stop = threading.Event()
        self.on_first = ""
        self.thread = threading.Thread(target=self._watch)

    def _watch(self) -> None:
        watch_notebook(COURSE, UNIT, self.path, self._report, self.told.put, stop=self.stop)

    def _report(self, report: Report) -> None:
        if self.on_first:
            self.path.write_text(self.on_first, encoding="utf-8")
            self.on_first = ""
        self.told.put(report)

    def next(self) -> Report:
        told = self.told.get(timeout=PATIENCE_SECONDS)
        if isinstance(told, Exception):
            raise told
        return told

    def save(self, text: str) -> None:
        """As editors do: the new file takes the place of the old."""
        other = self.path.with_name(".saving")
        other.write_text(text, encoding="utf-8")
        os.replace(other, self.path)

    def __enter__(self) -> "Watched":
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop.set()
        self.thread.join(PATIENCE_SECONDS)


def children() -> set[int]:
    return {child.pid for child in psutil.Process().children(recursive=True)}


def filled(answer: str | None = None) -> str:
    return filled_notebook(UNIT, {} if answer is None else {"add_up": answer})


def pid_in(report: Report) -> int:
    return int(report.cell_output["own-1"].split()[1])


def test_each_save_leads_to_a_verdict(tmp_path):
    """In place or by a new file; one that is damaged is told, and the next is judged."""
    with Watched(tmp_path, filled(UNIT.answer("add_up").stub)) as watched:
        first = watched.next()
        watched.save(filled())
        second = watched.next()
        watched.path.write_text("{", encoding="utf-8")
        with pytest.raises(NotebookError, match="damaged"):
            watched.next()
        watched.path.write_text(filled(UNIT.wrong[0].text), encoding="utf-8")
        third = watched.next()

    assert [result.outcome for result in first.results] == [Outcome.NOT_ATTEMPTED] * 2
    assert second.points == 3
    assert third.points == 0
    assert third.results[0].misconception == UNIT.wrong[0].misconception
    assert watched.told.empty()
    assert not watched.thread.is_alive()


def test_a_save_during_the_first_check_is_judged(tmp_path):
    """The watch for changes begins later than the first check, and no save may fall between."""
    watched = Watched(tmp_path, filled(UNIT.answer("add_up").stub))
    watched.on_first = filled()
    with watched:
        assert watched.next().points == 0
        assert watched.next().points == 3


def test_a_warm_pair_waits_for_the_next_save(tmp_path):
    """The process that runs a save's cells was there before the save; in the end none is left."""
    before = children()
    text = notebook_of(tmp_path, UNIT, own={"given-1": PID}).read_text()
    with Watched(tmp_path, text) as watched:
        used = pid_in(watched.next())
        waiting = children() - before
        while len(waiting) < 2 or used in waiting:  # started right after the verdict was told
            waiting = children() - before
        watched.save(text.replace("print(", "print('again') if 0 else print("))
        later = pid_in(watched.next())

    assert later != used
    assert later in waiting
    assert not children() - before


def test_a_pair_that_dies_is_warmed_again_before_the_next_save(tmp_path):
    """After a crash of learner code, and after a spare process was killed: another waits, nobody saved."""
    before = children()
    text = notebook_of(tmp_path, UNIT, own={"given-1": PID}).read_text()
    crash = "import os, signal\ndef add_up(amounts):\n    os.kill(os.getpid(), signal.SIGKILL)\n"
    crashing = notebook_of(tmp_path, UNIT, {"add_up": crash}).read_text()
    with Watched(tmp_path, crashing) as watched:
        first = watched.next()
        waiting = pair_beside(before)
        for pid in waiting:
            psutil.Process(pid).kill()
        waiting = pair_beside(before | waiting)
        watched.save(text)
        later = watched.next()

    assert [result.outcome for result in first.results] == [Outcome.CRASHED] * 2
    assert later.points == 3
    assert pid_in(later) in waiting
    assert not children() - before


def pair_beside(others: set[int]) -> set[int]:
    """The two processes that wait once every other one has ended."""
    end = time.monotonic() + PATIENCE_SECONDS
    seen: set[int] = set()
    while time.monotonic() < end:
        last, seen = seen, children() - others
        if len(seen) == 2 and seen == last:
            return seen
        threading.Event().wait(0.2)
    raise TimeoutError(f"no two processes wait: {seen}")


def test_a_notebook_that_is_gone_for_a_moment_is_waited_for(tmp_path):
    """Some editors delete before they write."""
    with Watched(tmp_path, filled()) as watched:
        assert watched.next().points == 3
        watched.path.unlink()
        watched.path.write_text(filled(UNIT.wrong[0].text), encoding="utf-8")
        told = [watched.told.get(timeout=PATIENCE_SECONDS)]
        while isinstance(told[-1], Exception):  # it was looked at while it was gone or half written
            told.append(watched.told.get(timeout=PATIENCE_SECONDS))

    assert isinstance(told[-1], Report)
    assert told[-1].points == 0


@pytest.mark.skipif(os.name == "nt", reason="a console's Ctrl-C cannot be sent to one process on Windows")
def test_the_command_shows_a_verdict_and_ends_with_ctrl_c(tmp_path):
    """Exit code 0, and no process of its own is left."""
    path = notebook_of(tmp_path, UNIT)
    environment = {**os.environ, "SEATRIAL_COURSE": str(COURSE.root), "SEATRIAL_HOME": str(tmp_path / "home")}
    with subprocess.Popen(
        [sys.executable, "-m", "grader.cli", "watch", str(path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    ) as watching:
        assert watching.stdout is not None
        shown: list[str] = []
        while "3 of 3 points" not in "".join(shown):
            line = watching.stdout.readline()
            assert line, "it ended before a verdict"
            shown.append(line)
        watching.send_signal(signal.SIGINT)
        rest, errors = watching.communicate(timeout=PATIENCE_SECONDS)

    assert "Watching" in shown[0]
    assert rest.rstrip().endswith("Ended.")
    assert (watching.returncode, errors) == (0, "")
