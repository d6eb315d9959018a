"""What is wrong with this machine for the course, and how to mend it."""

from __future__ import annotations

import importlib.metadata
import os
import re
import shutil
import socket
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from grader.course import Course
from grader.model import Unit
from grader.workspace import Workspace

OLDEST, NEWEST = (3, 11), (3, 13)
FREE_BYTES = 500 * 1024 * 1024
LOCK_LINE = re.compile(r"^([A-Za-z0-9._-]+)==([^ ;\\]+)([^\\]*)")
EXTRAS = {
    "loopback": "needs servers on 127.0.0.1",
    "large": "needs some minutes and 4 GB of memory",
    "torch": "pip install torch; the CPU build is small, its index is your choice (see pytorch.org)",
}


@dataclass(frozen=True)
class Finding:
    """One look at the machine: what was looked at, whether it is well, what was seen, how to mend it."""

    what: str
    well: bool
    seen: str
    mend: str = ""


def findings(course: Course, unit: Unit | None = None) -> list[Finding]:
    """Every look in order; none stops the others."""
    looks: list[Callable[[], Finding]] = [
        python_version,
        lambda: locked_packages(course),
        lambda: folder_writable(Workspace.of(course).root),
        lambda: free_space(Workspace.of(course).root),
        loopback,
        tracking_store,
        kernel,
        isolation,
    ]
    found = [_looked(look) for look in looks]
    if unit is not None:
        found += list(unit_needs(unit))
    return found


def _looked(look: Callable[[], Finding]) -> Finding:
    try:
        return look()
    except Exception as error:
        return Finding(getattr(look, "__name__", "a look"), False, f"{type(error).__name__}: {error}")


def python_version() -> Finding:
    seen = ".".join(map(str, sys.version_info[:3]))
    well = OLDEST <= sys.version_info[:2] <= NEWEST
    return Finding("Python", well, seen, "use Python 3.11, 3.12 or 3.13 and run: python3 mle.py start")


def locked_packages(course: Course) -> Finding:
    """Installed versions against requirements.lock, where the lock is there."""
    lock = course.root / "requirements.lock"
    if not lock.is_file():
        return Finding("packages", True, "no lock beside this installation")
    wanted = dict(_locked(lock.read_text(encoding="utf-8")))
    off = []
    for name, version in wanted.items():
        try:
            installed = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            installed = "missing"
        if installed != version:
            off.append(f"{name} {installed} instead of {version}")
    seen = "; ".join(off[:5]) or f"{len(wanted)} as locked"
    return Finding("packages", not off, seen, "run: python3 mle.py start (it repairs the environment)")


def _locked(text: str) -> Iterator[tuple[str, str]]:
    from packaging.markers import Marker

    for line in text.splitlines():
        match = LOCK_LINE.match(line)
        if match:
            marker = match.group(3).strip(" ;")
            if not marker or Marker(marker).evaluate():
                yield match.group(1), match.group(2)


def folder_writable(folder: Path) -> Finding:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=folder):
            pass
    except OSError as error:
        return Finding(
            "your folder", False, f"{folder}: {error.strerror}", "mend its permissions or set SEATRIAL_HOME"
        )
    return Finding("your folder", True, str(folder))


def free_space(folder: Path) -> Finding:
    free = shutil.disk_usage(folder if folder.exists() else folder.parent).free
    return Finding("free space", free > FREE_BYTES, f"{free / 1e9:.1f} GB", "free at least 0.5 GB")


def loopback() -> Finding:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
    return Finding("local servers", True, "127.0.0.1 answers")


def tracking_store() -> Finding:
    from grader import tracking

    with tempfile.TemporaryDirectory() as folder:
        tracking.copy_store(Path(folder))
    return Finding("MLflow store", True, f"mlflow {importlib.metadata.version('mlflow')}")


def kernel() -> Finding:
    from jupyter_client.kernelspec import KernelSpecManager

    executable = KernelSpecManager().get_kernel_spec("python3").argv[0]
    here = Path(executable).name == executable or os.path.samefile(executable, sys.executable)
    mend = "remove the kernel python3 of your home folder: jupyter kernelspec remove python3"
    return Finding("kernel python3", here, executable if not here else "this environment's", mend)


def isolation() -> Finding:
    """How far a submission can be kept apart; a learner's own work needs none of it."""
    from grader.jail.isolation import Isolation, probe

    found = probe()
    if found.level is Isolation.FULL:
        return Finding("isolation", True, "; ".join(("full", *found.notes)))
    return Finding("isolation", True, f"reduced; to grade a class in full isolation: {found.why}")


def unit_needs(unit: Unit) -> Iterator[Finding]:
    """What the unit's header asks for beyond the core."""
    for need in unit.header.runs_on:
        if need in ("loopback", "large"):
            yield Finding(f"{unit.name}: {need}", True, EXTRAS[need])
            continue
        try:
            yield Finding(f"{unit.name}: {need}", True, importlib.metadata.version(need))
        except importlib.metadata.PackageNotFoundError:
            mend = EXTRAS.get(need, f"pip install 'seatrial[{need}]'")
            yield Finding(f"{unit.name}: {need}", False, "not installed", mend)
