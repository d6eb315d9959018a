"""A memory and process bound over a whole tree of processes, where the system lets us make control groups.

Version 1 where its folders can be written (root), version 2 where a part of the tree was delegated (root, or
`systemd-run --user --scope -p Delegate=yes mle class grade`). Where neither is to be had, trees are watched.
"""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path

import psutil

from grader.jail.children import Child

ROOT = Path("/sys/fs/cgroup")
OUR_LEAF = "seatrial-supervisor"


class Group:
    """A group of processes that together stay within bounds, or are killed by the kernel."""

    def __init__(self, memory: Path, pids: Path | None, *, version: int) -> None:
        self._folders = [memory] if pids is None or pids == memory else [memory, pids]
        self.memory, self._pids, self._version = memory, pids, version
        self._killed_before = 0

    def limit(self, megabytes: int, processes: int) -> None:
        """New bounds for the next task; what was killed before no longer counts."""
        size = str(megabytes * 2**20)
        if self._version == 2:
            orders = [("memory.max", size), ("memory.swap.max", "0")]
        else:  # the bound with swap may never lie below the one without
            swap = "memory.memsw.limit_in_bytes"
            orders = [(swap, "-1"), ("memory.limit_in_bytes", size), (swap, size)]
        for name, value in orders:
            try:
                (self.memory / name).write_text(value)
            except OSError:
                if "sw" not in name:  # a kernel may not count what is swapped out
                    raise
        if self._pids is not None:
            with contextlib.suppress(OSError):
                (self._pids / "pids.max").write_text(str(processes))
        self._killed_before = self._kills()

    def add(self, pid: int) -> None:
        """Put a process, and what it will start, into the group."""
        for folder in self._folders:
            (folder / "cgroup.procs").write_text(str(pid))

    def has(self, pid: int) -> bool:
        """Whether a process is in the group."""
        return str(pid) in (self.memory / "cgroup.procs").read_text(encoding="ascii").split()

    def killed(self) -> bool:
        """Whether the kernel killed one of the group's processes for its memory since `limit`."""
        return self._kills() > self._killed_before

    def _kills(self) -> int:
        name = "memory.events" if self._version == 2 else "memory.oom_control"
        with contextlib.suppress(OSError):
            for line in (self.memory / name).read_text(encoding="ascii").splitlines():
                word, _, count = line.partition(" ")
                if word == "oom_kill":
                    return int(count)
        return 0

    def close(self) -> None:
        """Remove the group, which is empty by now."""
        for folder in self._folders:
            with contextlib.suppress(OSError):
                folder.rmdir()


def make_group() -> Group | None:
    """A new group below this process's own, or None where that is not allowed."""
    for make in (_version_1, _version_2):
        with contextlib.suppress(OSError, LookupError):
            return make()
    return None


def remove_orphans(parent: Path) -> None:
    """Remove groups whose supervisor was killed; they are empty, as their jails went with it."""
    for folder in parent.glob("seatrial-*-*"):
        owner = folder.name.split("-")[1]
        if owner.isdigit() and not psutil.pid_exists(int(owner)):
            with contextlib.suppress(OSError):
                folder.rmdir()


def _name() -> str:
    return f"seatrial-{os.getpid()}-{secrets.token_hex(4)}"


def _version_1() -> Group:
    own = _own_groups()
    memory = _made(ROOT / "memory" / own["memory"].lstrip("/") / _name(), "memory.limit_in_bytes")
    pids = None
    with contextlib.suppress(OSError, LookupError):
        pids = _made(ROOT / "pids" / own["pids"].lstrip("/") / _name(), "pids.max")
    return Group(memory, pids, version=1)


def _version_2() -> Group:
    """Its processes must sit in leaves, so this process moves into one of its own first."""
    own = ROOT / _own_groups()[""].lstrip("/")
    if own.name == OUR_LEAF:
        own = own.parent
    elif "memory" not in (own / "cgroup.subtree_control").read_text(encoding="ascii").split():
        leaf = own / OUR_LEAF
        leaf.mkdir(exist_ok=True)
        (leaf / "cgroup.procs").write_text(str(os.getpid()))
        (own / "cgroup.subtree_control").write_text("+memory +pids")
    folder = _made(own / _name(), "memory.max")
    return Group(folder, folder, version=2)


def _made(folder: Path, file: str) -> Path:
    """The folder, made; raises OSError where a group has no such bound."""
    remove_orphans(folder.parent)
    folder.mkdir()
    if not os.access(folder / file, os.W_OK):
        folder.rmdir()
        raise OSError(f"no {file} in {folder}")
    return folder


def _own_groups() -> dict[str, str]:
    """This process's group by controller; "" for version 2."""
    found = {}
    for line in Path("/proc/self/cgroup").read_text(encoding="utf-8").splitlines():
        _, controllers, path = line.split(":", 2)
        found.update(dict.fromkeys(controllers.split(","), path))
    return found


class GroupWatch:
    """The kernel holds the bound; this names it as the reason when a child was killed for it.

    The warm parent is in the group, and whom it forks is born there: to move a process takes the kernel 12 ms.
    """

    def __init__(self, group: Group, megabytes: int, processes: int, because: str) -> None:
        self._group = group
        self._because = because
        group.limit(megabytes, processes)

    def add(self, child: Child) -> None:
        """Name the bound where this child is killed for it."""
        child.explain = self._reason

    def add_process(self, pid: int) -> None:
        """A started file is in the group already."""

    def _reason(self) -> str:
        return self._because if self._group.killed() else ""

    def stop(self) -> None:
        """The group stays for the next task."""
