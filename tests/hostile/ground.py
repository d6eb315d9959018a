"""The ground on which the cases run: workers, what is guarded, and what must hold after each."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import secrets
import socket
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import psutil
from small_course import notebook_of

import grader
from grader.errors import NotebookError, WorkerLost
from grader.model import Report, Unit
from grader.notebook import read_submission
from grader.runner import run
from grader.workers import Workers, many_runs
from hostile.case import TRACE, Case
from hostile.units import SEED, SMALL_PATH, TRACKED_PATH, drawn, write_unit

MODULES = (
    "numpy",
    "pandas",
    "mlflow",
    "mlflow.sklearn",
    "sklearn.linear_model",
    "grader.expect",
    "grader.judging",
)
KINDS = ("hidden", "solution", "other", "grades", "environment", "memory")
ABSTRACT = f"hostile-{os.getpid()}"
COMM = TRACE[:15]  # what a process that named itself after TRACE is called
NEIGHBOUR = Case("neighbour", "An honest submission that is graded right after.")
LOOK = """
import os

here = {"/proc", "/sys", "/usr", "/lib", "/bin", "/sbin", "/lib64", "/work", "/root", "/home", "/var"}
for top, folders, names in os.walk("/"):
    folders[:] = [name for name in folders if os.path.join(top, name) not in here]
    for name in [*folders, *names]:
        if "TRA" + "CE" in name:
            print("left behind:", os.path.join(top, name))
with open("/proc/net/unix") as sockets:
    print(*[line for line in sockets if "TRA" + "CE" in line])
for link in ("stdin", "stdout", "stderr", "fd"):
    assert os.readlink("/dev/" + link).startswith("/proc/self/fd"), "/dev is another"
"""
# In a jail the neighbour also looks for what was left behind.
LOOKING = Case(
    "looking",
    NEIGHBOUR.tries,
    own={"double": LOOK.replace('"TRA" + "CE"', f'"{TRACE[:-1]}" + "{TRACE[-1]}"')},
)


class Ground:
    """A course and a class that must stay as they are, and one worker for all cases."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.marks = {kind: f"MARKED-{kind}-{secrets.token_hex(8)}" for kind in KINDS}
        self.in_memory = [self.marks["memory"], self.marks["memory"].encode() * 50]
        self.temporary = folder / "tmp"
        self.temporary.mkdir()
        self.temporary.chmod(0o711)
        self.handed_in = folder / "handed-in"
        self.units: dict[str, Unit] = {}
        self.lost = 0
        self._lay_out()
        self._stack = contextlib.ExitStack()
        self._other: Workers | None = None
        self._listening: list[socket.socket] = []
        self._make: Callable[[], Workers] | None = None
        self.jailed = False
        self.workers: Workers | None = None

    def _lay_out(self) -> None:
        course, cohort = self.folder / "course", self.folder / "class"
        for path in (SMALL_PATH, TRACKED_PATH):
            self.units[path] = write_unit(course, path, self.marks["hidden"])
        (course / "solutions" / "solution.py").write_text(self.marks["solution"])
        other = cohort / "submitted" / "other" / "00-hostile"
        other.mkdir(parents=True)
        (other / "01-small.ipynb").write_text(self.marks["other"])
        with contextlib.closing(sqlite3.connect(cohort / "gradebook.db")) as book, book:
            book.execute("CREATE TABLE grade (student TEXT, points REAL, note TEXT)")
            book.execute("INSERT INTO grade VALUES ('other', 1, ?)", (self.marks["grades"],))

    def __enter__(self) -> Ground:
        self._previous = tempfile.tempdir, dict(os.environ)
        tempfile.tempdir = str(self.temporary)
        os.environ["TMPDIR"] = str(self.temporary)
        os.environ["SEATRIAL_CANARY"] = self.marks["environment"]
        self._listen()
        self.jailed, maker = open_workers()
        self._make = self._stack.enter_context(maker)
        self.workers = self._new_workers()
        return self

    def _new_workers(self) -> Workers:
        assert self._make is not None
        return self._make()

    def __exit__(self, *_: object) -> None:
        if self.workers is not None:
            self.workers.close()
        self._stack.close()
        for listener in self._listening:
            listener.close()
        tempfile.tempdir = self._previous[0]
        os.environ.clear()
        os.environ.update(self._previous[1])

    def _listen(self) -> None:
        """A service of the supervisor's on loopback, one at a file, and one at a name without a file."""
        places = ((socket.AF_INET, ("127.0.0.1", 0)), (socket.AF_UNIX, str(self.folder / "socket")))
        for family, address in (*places, (socket.AF_UNIX, f"\0{ABSTRACT}")):
            listener = socket.socket(family)
            listener.bind(address)
            listener.listen()
            self._listening.append(listener)

    def renew(self) -> None:
        """Another worker, so that what one case did to it is not held against the next."""
        assert self.workers is not None
        with contextlib.suppress(Exception):
            self.workers.close()
        self.workers = self._new_workers()
        self.grade(NEIGHBOUR, f"renewed-{secrets.token_hex(4)}")

    def other_worker(self) -> Workers:
        """A second worker, for who is graded at the same time."""
        if self._other is None:
            self._other = self._new_workers()
            self.grade_neighbour(self._other)
        return self._other

    def grade_neighbour(self, workers: Workers) -> Report:
        """The reference, on these workers."""
        path = self.handed_in / "neighbour-beside"
        unit = self.units[SMALL_PATH]
        if not path.is_dir():
            self.hand_in(NEIGHBOUR, path.name)
        return run(unit, read_submission(next(path.iterdir()), unit), workers, seed=SEED)

    def warm_up(self) -> None:
        """Each unit once: what is loaded then stays, and is nobody's trace."""
        self.grade(NEIGHBOUR, "first")  # may wait for the imports of its worker
        for tracked in (False, True):
            report = self.grade(Case("honest", "The reference.", tracked=tracked), f"honest-{tracked}")
            assert not isinstance(report, str), report
            assert report.points == report.max_points, [result.message for result in report.results]

    # ---- grading

    def unit(self, case: Case) -> Unit:
        return self.units[TRACKED_PATH if case.tracked else SMALL_PATH]

    def hand_in(self, case: Case, student: str) -> Path:
        """The submission as a file, in a folder of its own."""
        unit = self.unit(case)
        folder = self.handed_in / student
        folder.mkdir(parents=True)
        known = {"@FOLDER@": str(self.folder), "@SUPERVISOR@": str(os.getpid()), "@TRACE@": TRACE}
        known["@ABSTRACT@"], known["@PORT@"] = ABSTRACT, str(self._listening[0].getsockname()[1])

        def filled(texts: Mapping[str, str]) -> Mapping[str, str]:
            for mark, text in known.items():
                texts = {name: whole.replace(mark, text) for name, whole in texts.items()}
            return texts

        path = notebook_of(folder, unit, filled(case.answers), filled(case.own))
        if case.notebook is not None:
            data = case.notebook(path.read_text(encoding="utf-8"))
            if path.is_file():
                path.write_bytes(data)
        if case.beside is not None:
            case.beside(folder)
        return path

    def grade(self, case: Case, student: str) -> Report | str:
        """The report, or why the file was refused. A worker that was lost is replaced once."""
        unit = self.unit(case)
        try:
            submission = read_submission(self.hand_in(case, student), unit)
        except NotebookError as error:
            return str(error)
        for last in (False, True):
            assert self.workers is not None
            try:
                return run(unit, submission, self.workers, seed=SEED)
            except WorkerLost as error:
                self.lost += 1
                self.renew()
                if last:
                    return f"crashed: {error}"
        raise AssertionError("not reached")

    # ---- what must hold

    def state(self) -> dict[str, object]:
        """Everything that a submission must not change; two states are compared."""
        guarded = {}
        for room in ("course", "class"):
            for path in sorted((self.folder / room).rglob("*")):
                content = path.read_bytes() if path.is_file() else b""
                guarded[str(path)] = (path.lstat().st_mode, hashlib.sha256(content).hexdigest())
        return {
            "guarded files": guarded,
            "temporary files": sorted(os.listdir(self.temporary)),
            "traces": sorted(traces(self.folder)),
            "processes": sorted(marked()),
        }

    def secrets_in(self, text: str) -> list[str]:
        """Marks, and the hidden input, that a text holds."""
        known = {**self.marks, "hidden input": str(drawn()), "twice the hidden input": str(2 * drawn())}
        return [kind for kind, mark in known.items() if mark in text]


def open_workers() -> tuple[bool, contextlib.AbstractContextManager[Callable[[], Workers]]]:
    """Whether they are jailed, and what gives workers."""
    with contextlib.suppress(ImportError):
        from grader.jail.isolation import Isolation, probe
        from grader.workers import grading_workers

        if probe().level is Isolation.FULL:
            return True, grading_workers(MODULES, Isolation.FULL)
    return False, many_runs(MODULES)


def traces(folder: Path) -> Iterator[str]:
    """Files and sockets with TRACE in their name, wherever a submission might have put them."""
    package = Path(grader.__file__).parent
    libraries = Path(psutil.__file__).parents[1]
    places = [
        Path("/tmp"),
        Path("/var/tmp"),
        Path("/dev/shm"),
        Path("/run"),
        Path.home(),
        Path.cwd(),
        Path("/"),
    ]
    for place in [
        *places,
        package,
        package / "jail",
        libraries,
        Path(sys.prefix),
        Path(sys.executable).parent,
    ]:
        with contextlib.suppress(OSError):
            yield from (str(place / name) for name in os.listdir(place) if TRACE in name)
    for top, folders, names in os.walk(folder):
        if Path(top) == folder:
            folders[:] = [name for name in folders if name != "handed-in"]
        yield from (str(Path(top) / name) for name in [*folders, *names] if TRACE in name)
    with contextlib.suppress(OSError):
        yield from re.findall(rf"@\S*{TRACE}\S*", Path("/proc/net/unix").read_text())


def marked() -> Iterator[str]:
    """Processes that a submission started: they are named after TRACE, or have it in their arguments."""
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            named = process.name().startswith(COMM) or any(TRACE in part for part in process.cmdline())
            if named and process.status() != psutil.STATUS_ZOMBIE:
                yield f"{process.pid} {process.name()}"


def descendants() -> set[tuple[int, float]]:
    """Everything that runs below this process, by pid and start."""
    found = set()
    for process in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.Error):
            if process.status() != psutil.STATUS_ZOMBIE:
                found.add((process.pid, process.create_time()))
    return found


def settled(before: set[tuple[int, float]], seconds: float = 3.0) -> set[tuple[int, float]]:
    """What runs that did not run before, once it had time to end."""
    end = time.monotonic() + seconds
    while True:
        more = descendants() - before
        if not more or time.monotonic() > end:
            return more
        time.sleep(0.02)
