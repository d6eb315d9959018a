"""Which process of a grading is which, seen from outside."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from pathlib import Path

import psutil

from fault.command import Command

ROLES = ("bubblewrap", "warm_parent", "judge", "learner")
LOOK_SECONDS = 0.003
_JUDGE_TMP = "size=262144k"  # a judge has temporary files of its own


def find(command: Command, role: str) -> list[int]:
    """Processes with this role now."""
    found: list[int] = []
    assert command.process is not None
    with contextlib.suppress(psutil.Error):
        for process in psutil.Process(command.process.pid).children(recursive=True):
            with contextlib.suppress(psutil.Error, OSError):
                if _role(process) == role:
                    found.append(process.pid)
    return found


def _role(process: psutil.Process) -> str:
    if process.name() == "bwrap":
        return "bubblewrap"
    line = process.cmdline()
    if "grader.jail.warm_parent" not in line:
        return ""
    parent = process.parent()
    if parent is None or parent.name() == "bwrap" or "launch.py" in " ".join(parent.cmdline()):
        return "warm_parent"
    return _side(process.pid)


def _side(pid: int) -> str:
    """Judge or learner, by the file systems that a child has made for itself; "" before that."""
    mounts = Path(f"/proc/{pid}/mountinfo").read_text(encoding="utf-8").splitlines()
    temporary = [line for line in mounts if line.split()[4] == "/tmp"]
    if not any(line.split()[4] == "/seatrial" for line in mounts) or not temporary:
        return ""
    if _JUDGE_TMP in temporary[-1]:
        return "judge"
    return "learner" if len(temporary) > 1 else ""


def strike(
    command: Command, role: str, number: signal.Signals, which: float, delay_seconds: float = 0.0
) -> bool:
    """Send the signal to one process with the role, some time after there is one; False if the command ended first.

    which: 0 to 1, chooses among several.
    """
    if role != "supervisor" and _waited(command, role):
        time.sleep(delay_seconds)
    while command.running:
        if role == "supervisor":
            found = [command.pids[-1]]
        else:
            found = find(command, role)
        if found:
            with contextlib.suppress(ProcessLookupError):
                os.kill(found[int(which * len(found))], number)
                return True
        time.sleep(LOOK_SECONDS)
    return False


def _waited(command: Command, role: str) -> bool:
    while command.running:
        if find(command, role):
            return True
        time.sleep(LOOK_SECONDS)
    return False
