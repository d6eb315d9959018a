"""How far this machine can keep learner code apart, found by a real try, and how to mend what is missing."""

from __future__ import annotations

import enum
import functools
import queue
import sys
import tempfile
from dataclasses import dataclass

from grader.errors import SeatrialError, WorkerLost
from grader.jail import bubblewrap, cgroups, seccomp

TRIAL = "grader.jail.trial"
INSTALL = "apt install {0}   (Fedora: dnf install {0}; Arch: pacman -S {0})"


class Isolation(enum.StrEnum):
    """FULL: the jail. REDUCED: processes of their own and limits, but the files and the network of this machine."""

    FULL = "full"
    REDUCED = "reduced"


@dataclass(frozen=True)
class Probe:
    """What was found. problems: (what is wrong, how to mend it); notes: what is weaker than it could be."""

    level: Isolation
    problems: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def why(self) -> str:
        return "; ".join(f"{what}: {mend}" for what, mend in self.problems)


class IsolationMissing(SeatrialError):
    """Full isolation was asked for and cannot be had."""


@functools.cache
def probe() -> Probe:
    """Makes a jail, runs a process in it, and looks around from inside; takes some 0.2 s, once."""
    if not sys.platform.startswith("linux"):
        what = f"full isolation needs Linux, this is {sys.platform}"
        return Probe(Isolation.REDUCED, ((what, "grade in a Linux machine, container or virtual machine"),))
    problems = []
    if bubblewrap.executable() is None:
        problems.append(("bubblewrap is not installed", INSTALL.format("bubblewrap")))
    if seccomp.library() is None:
        problems.append(("libseccomp is not installed", INSTALL.format("libseccomp2")))
    if not problems:
        problems = _tried()
    if problems:
        return Probe(Isolation.REDUCED, tuple(problems))
    group = cgroups.make_group()
    if group is not None:
        group.close()
        return Probe(Isolation.FULL)
    note = "no control group to be had: the memory of a whole tree is watched every 50 ms instead of bounded"
    return Probe(Isolation.FULL, notes=(note,))


def _tried() -> list[tuple[str, str]]:
    from grader.jail.jail import Jail

    try:
        jail = Jail([], (TRIAL,))
        try:
            events: queue.SimpleQueue = queue.SimpleQueue()
            child = jail.fork(TRIAL, events)
            with tempfile.NamedTemporaryFile(prefix="seatrial-canary-") as canary:
                child.send(canary.name.encode())
                frame = events.get(timeout=30)[1]
            child.close()
        finally:
            jail.close()
    except (WorkerLost, OSError, queue.Empty) as error:
        return [(f"a jail cannot be made here ({error})", _mend(str(error)))]
    seen = (frame or b"it said nothing").decode("utf-8", "replace")
    return [] if seen == "well" else [(f"the jail leaks: {seen}", "tell the developers, with this line")]


def _mend(error: str) -> str:
    """What to do about bubblewrap's own words."""
    if "uid map" in error or "No permissions to create" in error or "Operation not permitted" in error:
        return (
            "allow user namespaces: on Ubuntu 24.04 sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0 "
            "(or an AppArmor profile for bwrap), on old Debian kernel.unprivileged_userns_clone=1; in Docker "
            "--security-opt seccomp=unconfined --security-opt apparmor=unconfined"
        )
    if "proc" in error:
        return "in a container /proc is masked: docker run --security-opt systempaths=unconfined"
    return "run as an ordinary user or as root of a machine where bubblewrap works: bwrap --ro-bind / / true"


def require(wanted: Isolation) -> Isolation:
    """The level that will be had; raises IsolationMissing if `wanted` is FULL and this machine cannot."""
    if wanted is Isolation.FULL:
        found = probe()
        if found.level is not Isolation.FULL:
            raise IsolationMissing(
                f"Full isolation cannot be had here: {found.why}. "
                "Grade elsewhere, or with --isolation reduced if you trust the submissions."
            )
    return wanted
