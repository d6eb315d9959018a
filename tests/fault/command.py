"""`mle class grade` as a process of its own, and every process and folder that belongs to it."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import psutil

PROGRAM = """
import os, runpy, sys, time
sys.modules["rfc3987_syntax"] = None  # of jsonschema, optional, a second and a half at each start
from grader import relay
from grader.jail import zygote
relay.START_SECONDS = 8.0
zygote.ANSWER_SECONDS, zygote.START_SECONDS = 5.0, 20.0
after, step = map(float, os.environ.pop("FAULT_CLOCK", "0 0").split())
if step:
    real, start = time.time, time.monotonic()
    time.time = lambda: real() + (step if time.monotonic() - start > after else 0)
sys.argv[0] = "mle"
runpy.run_module("grader.cli", run_name="__main__")
"""
GROUPS = Path("/sys/fs/cgroup")
ENDED_SECONDS = 20.0
TOO_LONG_SECONDS = 150.0


@dataclass
class Ended:
    """One run of the command. code: negative for a signal, None if it went on too long and was killed."""

    code: int | None
    text: str
    seconds: float


@dataclass
class Command:
    """The command on one class, as often as it is started.

    temporary: its TMPDIR. word: stands in the environment of every process that it starts.
    """

    course: Path
    folder: Path
    temporary: Path
    word: str
    pids: list[int] = field(default_factory=list)
    process: subprocess.Popen[str] | None = None
    began: float = 0.0

    def start(self, *arguments: str, **variables: str) -> None:
        environment = {key: value for key, value in os.environ.items() if not key.startswith("MLFLOW")}
        environment |= {
            "SEATRIAL_COURSE": str(self.course),
            "SEATRIAL_HOME": str(self.folder.parent / "home"),
            "TMPDIR": str(self.temporary),
            "TZ": f"<{self.word}>0",
            "COLUMNS": "200",
            **variables,
        }
        with contextlib.suppress(FileNotFoundError):
            self.log.unlink()
        self.began = time.monotonic()
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-c", PROGRAM, "class", "grade", str(self.folder), *arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=environment,
                start_new_session=True,
                text=True,
            )
        self.pids.append(self.process.pid)

    @property
    def log(self) -> Path:
        return self.folder.parent / "said.txt"

    @property
    def running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def wait(self) -> Ended:
        assert self.process is not None
        code: int | None
        try:
            code = self.process.wait(timeout=TOO_LONG_SECONDS)
        except subprocess.TimeoutExpired:
            code = None
            self.process.kill()
            self.process.wait()
        text = self.log.read_text(encoding="utf-8", errors="replace")
        return Ended(code, text, time.monotonic() - self.began)

    def run(self, *arguments: str) -> Ended:
        self.start(*arguments)
        return self.wait()

    # ---- what belongs to it

    def processes(self) -> list[psutil.Process]:
        """Every process with the word in its environment or command line, but the command itself."""
        found = []
        word = f"<{self.word}>".encode()
        for pid in psutil.pids():
            if pid in self.pids:
                continue
            for name in ("environ", "cmdline"):
                with contextlib.suppress(OSError, psutil.Error):
                    if word in Path(f"/proc/{pid}/{name}").read_bytes():
                        found.append(psutil.Process(pid))
                        break
        return found

    def left(self) -> list[str]:
        """Processes, folders and control groups that outlive the command."""
        deadline = time.monotonic() + ENDED_SECONDS
        while (there := self.processes()) and time.monotonic() < deadline:
            time.sleep(0.1)
        found = []
        for process in there:
            with contextlib.suppress(psutil.Error):
                found.append(f"process {process.name()} ({process.status()}) is left")
                process.kill()
        found += [f"{path.name} is left in the temporary folder" for path in self.temporary.glob("seatrial*")]
        found += [f"control group {path} is left" for path in self.groups()]
        return found

    def groups(self) -> list[Path]:
        own = Path("/proc/self/cgroup").read_text(encoding="ascii").splitlines()
        parents = {GROUPS / name / line.split(":")[2].lstrip("/") for line in own for name in _names(line)}
        return [path for parent in parents for pid in self.pids for path in parent.glob(f"seatrial-{pid}-*")]


def _names(line: str) -> list[str]:
    """Folders below /sys/fs/cgroup of one line of /proc/self/cgroup."""
    return line.split(":")[1].split(",") if line.split(":")[1] else ["", "unified"]
