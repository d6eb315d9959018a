"""What a command took: wall time, processor time of all that it started, and the most memory it held.

Processor time is that of a control group around the whole command where one can be made (cpuacct, as root), so
processes in jails and orphans count; elsewhere it is what the system credits to this process for the children
that ended, orphans among them.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import secrets
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

GROUPS = Path("/sys/fs/cgroup/cpuacct")
PR_SET_CHILD_SUBREAPER = 36
SAMPLE_SECONDS = 0.2
POLL_SECONDS = 0.02
END_SECONDS = 30.0


@dataclass(frozen=True)
class Used:
    """credited_seconds: processor time by wait, to compare. Bytes are shared out sizes (PSS), 0 if not asked for.

    children_bytes: without the command's own first process.
    """

    wall_seconds: float
    cpu_seconds: float
    credited_seconds: float
    peak_bytes: int
    children_bytes: int
    output: str


def run(
    command: Sequence[str], folder: Path, environment: Mapping[str, str], *, memory: bool = False
) -> Used:
    """Runs a command and whatever it starts to its end. Raises RuntimeError with its last words if it fails.

    memory: sample memory, which slows the machine a little.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    group = new_group()
    line = list(command)
    if group is not None:
        line = ["/bin/sh", "-c", 'echo $$ > "$0" && exec "$@"', str(group / "cgroup.procs"), *line]
    before, begun = credited(), time.perf_counter()
    process = subprocess.Popen(
        line, cwd=folder, env=dict(environment), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    with Sampler(process.pid, group) if memory else contextlib.nullcontext() as sampler:
        output, words = process.communicate()
    wall = time.perf_counter() - begun
    reap()
    credit = credited() - before
    cpu = credit if group is None else close_group(group)
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with {process.returncode}: {words[-3000:]}")
    peaks = (sampler.peak, sampler.children) if sampler is not None else (0, 0)
    return Used(wall, cpu, credit, *peaks, output)


def new_group() -> Path | None:
    """A control group that counts processor time, or None."""
    folder = GROUPS / f"seatrial-benchmark-{os.getpid()}-{secrets.token_hex(4)}"
    try:
        folder.mkdir()
    except OSError:
        return None
    return folder


def close_group(group: Path) -> float:
    """Processor seconds of all that ran in the group, once it is empty."""
    deadline = time.monotonic() + END_SECONDS
    while left := (group / "cgroup.procs").read_text(encoding="ascii").split():
        if time.monotonic() > deadline:
            raise RuntimeError(f"processes are left behind: {' '.join(left)}")
        reap()
        time.sleep(POLL_SECONDS)
    seconds = int((group / "cpuacct.usage").read_text(encoding="ascii")) / 1e9
    with contextlib.suppress(OSError):
        group.rmdir()
    return seconds


def credited() -> float:
    """Processor seconds of all processes below this one that have ended and were waited for."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def reap() -> None:
    """Wait for what a command left behind, so that it counts; what does not end is killed."""
    deadline = time.monotonic() + END_SECONDS
    with contextlib.suppress(ChildProcessError):
        while True:
            found, _ = os.waitpid(-1, os.WNOHANG)
            if not found:
                if time.monotonic() > deadline:
                    for child in psutil.Process().children():
                        child.send_signal(signal.SIGKILL)
                time.sleep(POLL_SECONDS)


class Sampler:
    """Looks at the memory of a command's processes while it runs."""

    def __init__(self, pid: int, group: Path | None) -> None:
        self._pid, self._group = pid, group
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self.peak = self.children = 0

    def __enter__(self) -> Sampler:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._stop.wait(SAMPLE_SECONDS):
            sizes = {pid: shared_out_bytes(pid) for pid in self._pids()}
            total = sum(sizes.values())
            self.peak = max(self.peak, total)
            self.children = max(self.children, total - sizes.get(self._pid, 0))

    def _pids(self) -> list[int]:
        if self._group is not None:
            return [int(pid) for pid in (self._group / "cgroup.procs").read_text(encoding="ascii").split()]
        with contextlib.suppress(psutil.Error):
            own = psutil.Process(self._pid)
            return [own.pid, *(child.pid for child in own.children(recursive=True))]
        return []


def shared_out_bytes(pid: int) -> int:
    """What a process holds in memory, pages that it shares divided by those who share them; 0 if it has gone."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    return 0
