"""Finding and measuring processes that another one started, also those that left its family."""

from __future__ import annotations

import contextlib
import os
import sys
from typing import Any

import psutil


def marked_processes(variable: str, value: str) -> list[psutil.Process]:
    """Running processes that were started with this variable, also those that left their family."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.pid != os.getpid() and process.environ().get(variable) == value:
                found.append(process)
    return found


def highest_bytes(process: psutil.Process) -> int:
    """The most resident memory a process has ever had, where the system keeps it, else what it has now."""
    if sys.platform.startswith("linux"):
        with open(f"/proc/{process.pid}/status", encoding="ascii", errors="replace") as status:
            for line in status:
                if line.startswith("VmHWM:"):
                    return int(line.split()[1]) * 1024
        return 0
    memory: Any = process.memory_info()
    return int(getattr(memory, "peak_wset", memory.rss))
