"""One trial: a grading, a fault in the middle of it, the same command again, and what must hold then."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fault.command import Command, Ended
from fault.school import book_of, copied, differences, half_done, write_school
from fault.targets import strike

DONE, REFUSED = 1, 2  # exit codes: one submission is damaged; an error to act on
MOST_STARTS = 4
LATE_SECONDS = 45.0  # that a fault may add to a grading, with the shortened limits of fault.command
KILL, STOP = signal.SIGKILL, signal.SIGSTOP


@dataclass
class Ground:
    """A class to copy, its undisturbed grade book, and how long the undisturbed grading took."""

    root: Path
    book: dict[str, Any]
    seconds: float


@dataclass
class Trial:
    """What became of a trial. struck: what the fault met. forced: --force was needed for the same book."""

    kind: str
    chance: random.Random
    ground: Ground
    command: Command
    problems: list[str] = field(default_factory=list)
    struck: list[str] = field(default_factory=list)
    forced: bool = False
    starts: int = 0

    @property
    def moment(self) -> float:
        """A random moment of a grading, in seconds from its start."""
        return self.chance.uniform(0, self.ground.seconds)

    @property
    def early_moment(self) -> float:
        """The same in its first half, for processes that are then waited for."""
        return self.chance.uniform(0, self.ground.seconds / 2)

    def start(self, **variables: str) -> None:
        self.starts += 1
        self.command.start("--workers", self.chance.choice("12"), **variables)

    def pause(self, seconds: float) -> None:
        """Wait for a moment of the grading, or for its end."""
        process = self.command.process
        assert process is not None
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=seconds)

    def strike(self, role: str, number: signal.Signals = KILL) -> None:
        delay = self.chance.choice((0.0, self.chance.uniform(0, 0.5), self.chance.uniform(0, 2)))
        if strike(self.command, role, number, self.chance.random(), delay):
            self.struck.append(role)

    def end(self) -> Ended:
        """The end of a run: the work was done, or there is a plain sentence, or somebody killed it."""
        ended = self.command.wait()
        if ended.code is None:
            self.problems.append("it went on too long")
        elif ended.code not in (DONE, -KILL):
            plain = ended.code == REFUSED and "Error: " in ended.text and "Traceback" not in ended.text
            if not plain:
                self.problems.append(f"it ended with {ended.code}: {ended.text[-600:]}")
        if ended.seconds > self.ground.seconds * 4 + LATE_SECONDS:
            self.problems.append(f"it took {ended.seconds:.0f} s")
        return ended


# ---- kinds: each starts the command once or more and returns the last end


def killed(role: str) -> Callable[[Trial], Ended]:
    """kill -9 of one process with this role."""

    def fault(trial: Trial) -> Ended:
        trial.start()
        trial.pause(trial.moment if role == "supervisor" else trial.early_moment)
        trial.strike(role)
        return trial.end()

    return fault


def stopped(role: str) -> Callable[[Trial], Ended]:
    """SIGSTOP: the process is there and does nothing."""

    def fault(trial: Trial) -> Ended:
        trial.start()
        trial.pause(trial.early_moment)
        trial.strike(role, STOP)
        return trial.end()

    return fault


def supervisor_again(trial: Trial) -> Ended:
    """The supervisor is killed, and killed again when it goes on."""
    for _ in range(trial.chance.choice((2, 3))):
        trial.start()
        trial.pause(trial.moment)
        trial.strike("supervisor")
        ended = trial.end()
    return ended


def several(trial: Trial) -> Ended:
    """Two to four signals at once or shortly after each other."""
    trial.start()
    trial.pause(trial.early_moment)
    roles = ("supervisor", "bubblewrap", "warm_parent", "judge", "learner")
    for role in trial.chance.choices(roles, weights=(1, 2, 2, 2, 2), k=trial.chance.choice((2, 3, 4))):
        trial.strike(role)
        trial.pause(trial.chance.choice((0.0, 0.05, 0.5)))
    return trial.end()


def stopped_and_killed(trial: Trial) -> Ended:
    """The warm parent is stopped, then its supervisor killed, so that nobody can tell it to end."""
    trial.start()
    trial.pause(trial.early_moment)
    trial.strike("warm_parent", STOP)
    trial.strike("supervisor")
    return trial.end()


def disk_full(trial: Trial) -> Ended:
    """The disk of the class fills at a random moment, but for a random rest."""
    with _filled(trial, trial.command.folder):
        return trial.end()


def temporary_full(trial: Trial) -> Ended:
    """The same with the temporary folder."""
    with _filled(trial, trial.command.temporary):
        return trial.end()


@contextlib.contextmanager
def _filled(trial: Trial, folder: Path) -> Iterator[None]:
    filler, rest = folder / "filler", trial.chance.choice((0, 0, 4096, 20_000, 80_000, 200_000))
    early = trial.chance.random() < 0.2
    if not early:
        trial.start()
        trial.pause(trial.moment)
    trial.struck += ["a folder"] * (early or trial.command.running)
    with contextlib.suppress(OSError), filler.open("wb", buffering=0) as file:
        while left := shutil.disk_usage(folder).free - rest:
            if left < 0 or not file.write(bytes(min(left, 1 << 20))):
                break
    if early:
        trial.start()
    try:
        yield
    finally:
        filler.unlink()


def closed_folder(trial: Trial) -> Ended:
    """No right to write in the class, or in one folder of it, from a random moment on."""
    names = [name for name in ("", "autograded", ".seatrial") if (trial.command.folder / name).is_dir()]
    early = trial.chance.random() < 0.3
    if not early:
        trial.start()
        trial.pause(trial.moment)
        names = [name for name in ("", "autograded", ".seatrial") if (trial.command.folder / name).is_dir()]
    place = trial.command.folder / trial.chance.choice(names)
    trial.struck += ["a folder"] * (early or trial.command.running)
    subprocess.run(["chattr", "+i", str(place)], check=True)
    try:
        if early:
            trial.start()
        return trial.end()
    finally:
        subprocess.run(["chattr", "-i", str(place)], check=True)


def clock_step(trial: Trial) -> Ended:
    """The supervisor's wall clock jumps by an hour, a day or a year, forth or back."""
    step = trial.chance.choice((3600, 86_400, 31_536_000)) * trial.chance.choice((-1, 1))
    trial.struck.append("the clock")
    trial.start(FAULT_CLOCK=f"{trial.moment} {step}")
    return trial.end()


KINDS: dict[str, tuple[Callable[[Trial], Ended], int]] = {
    "supervisor": (killed("supervisor"), 8),
    "supervisor again": (supervisor_again, 4),
    "bubblewrap": (killed("bubblewrap"), 4),
    "warm parent": (killed("warm_parent"), 5),
    "judge": (killed("judge"), 4),
    "learner": (killed("learner"), 4),
    "judge stopped": (stopped("judge"), 3),
    "warm parent stopped": (stopped("warm_parent"), 3),
    "stopped and killed": (stopped_and_killed, 2),
    "several": (several, 5),
    "disk full": (disk_full, 4),
    "temporary full": (temporary_full, 2),
    "closed folder": (closed_folder, 2),
    "clock step": (clock_step, 2),
}
NEED_DISK = {"disk full": "ml", "temporary full": "tmp"}
DISK_BYTES = 6_000_000


# ---- the trial as a whole


@contextlib.contextmanager
def ground() -> Iterator[Ground]:
    """The class and its measure, in a folder that a jail's user may pass through."""
    with tempfile.TemporaryDirectory(prefix="faults-", ignore_cleanup_errors=True) as folder:
        root = Path(folder)
        root.chmod(0o711)
        write_school(root)
        with _place(root, "undisturbed", "") as command:
            ended = command.run("--workers", "2")
            if ended.code != DONE or command.left() or half_done(command.folder):
                raise RuntimeError(f"the undisturbed grading ended with {ended.code}: {ended.text}")
            yield Ground(root, book_of(command.folder), ended.seconds)


@contextlib.contextmanager
def _place(root: Path, word: str, disk: str) -> Iterator[Command]:
    """A copy of the class with a temporary folder of its own; disk: which of both is a small file system."""
    place = root / word
    place.mkdir()
    place.chmod(0o711)
    for name in ("ml", "tmp"):
        (place / name).mkdir()
    if disk:
        size = f"size={DISK_BYTES},mode=0711"
        subprocess.run(["mount", "-t", "tmpfs", "-o", size, "seatrial-test", str(place / disk)], check=True)
    (place / "tmp").chmod(0o711)
    try:
        yield Command(root / "course", copied(root, place), place / "tmp", word)
    finally:
        if disk:
            subprocess.run(["umount", "-l", str(place / disk)], check=True)
        shutil.rmtree(place, ignore_errors=True)


def kind_of(seed: int, number: int) -> str:
    chance = random.Random(f"{seed} {number} kind")
    return chance.choices(list(KINDS), weights=[weight for _, weight in KINDS.values()])[0]


def play(ground: Ground, seed: int, number: int, kind: str = "") -> Trial:
    """The trial of a seed with this number, or with this kind of fault instead of its own."""
    kind = kind or kind_of(seed, number)
    with _place(ground.root, f"F{os.getpid()}x{seed}x{number}", NEED_DISK.get(kind, "")) as command:
        trial = Trial(kind, random.Random(f"{seed} {number}"), ground, command)
        ended = KINDS[kind][0](trial)
        while ended.code != DONE and trial.starts < MOST_STARTS:
            trial.start()
            ended = trial.end()
        if ended.code != DONE:
            trial.problems.append(f"the same command does not come to its end: {ended.code} {ended.text}")
        else:
            _look(trial)
        trial.problems += command.left()
    return trial


def _look(trial: Trial) -> None:
    """The book must be the undisturbed one; with --force where a killed process is taken for the learner's doing.

    That is a learner's process, or a second judge of the same test.
    """
    book = book_of(trial.command.folder)
    wrong = differences(book, trial.ground.book)
    if wrong and ("learner" in trial.struck or trial.struck.count("judge") > 1):
        trial.forced = True
        trial.starts += 1
        trial.command.run("--workers", "2", "--force")
        wrong = differences(book_of(trial.command.folder), trial.ground.book)
    trial.problems += wrong
    trial.problems += [f"{name} is left in the class" for name in half_done(trial.command.folder)]


def timed(ground: Ground, seed: int, number: int, kind: str = "") -> tuple[Trial, float]:
    start = time.monotonic()
    return play(ground, seed, number, kind), time.monotonic() - start
