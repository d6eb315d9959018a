"""What a process does inside the jail: namespaces and mounts of its own, limits, and no way back.

The warm parent holds CAP_SYS_ADMIN over the jail's user namespace and nothing outside of it. Every child gives
up all capabilities before it reads its first frame. Linux only; nothing here knows about notebooks.
"""

from __future__ import annotations

import ctypes
import os
import resource
import shutil
import stat
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from grader.jail import seccomp

SEAT = "/seatrial-seat"  # the task's memory file system, as the warm parent sees it
WORK = "/seatrial"  # of it, what the learner's side and the judge see
RUN, STORE = f"{WORK}/run", f"{WORK}/store"
OUTPUT = "/seatrial-output"  # each child's own, so that a full disk does not swallow what it prints
OUTPUT_MEGABYTES = 64
SHARED = "/seatrial-wire"  # a folder of the supervisor's, for programs that listen on sockets
JUDGE_TMP_MEGABYTES = 256
MOST_DESCRIPTORS = 1024
LEARNER_GOES_FIRST, JUDGE_GOES_SECOND = 1000, 500  # when memory is short; the warm parent goes last

_CLONE_NEWNS, _CLONE_NEWIPC, _CLONE_NEWPID = 0x00020000, 0x08000000, 0x20000000
_MS_RDONLY, _MS_NOSUID, _MS_NODEV, _MS_NOEXEC = 1, 2, 4, 8
_MS_REMOUNT, _MS_BIND, _MS_REC, _MS_PRIVATE = 32, 4096, 16384, 1 << 18
_MNT_DETACH = 2
_PR_CAPBSET_DROP, _PR_SET_SECUREBITS, _PR_SET_NO_NEW_PRIVS = 24, 28, 38
_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL = 47, 4
_LAST_CAPABILITY = 63
_CAPABILITIES_VERSION_3 = 0x20080522
_NO_ROOT_LOCKED = 0b1111  # SECBIT_NOROOT, SECBIT_NO_SETUID_FIXUP, both locked

_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True)
class TaskLimits:
    """Bounds of one task, each for a process or for the task's file system.

    megabytes: of memory that a process may claim beyond the warm parent's; disk_megabytes: of all files
    together, in WORK, /tmp and /dev/shm; files: number of them; processes: with threads, of the whole jail;
    cpu_seconds: of one process.
    """

    megabytes: int = 2048
    disk_megabytes: int = 512
    files: int = 20_000
    processes: int = 256
    cpu_seconds: int = 600


class Insider:
    """The warm parent's part: makes the seat of each task and the namespaces of each child."""

    def __init__(self) -> None:
        self._own_pid_namespace = os.open("/proc/self/ns/pid", os.O_RDONLY | os.O_CLOEXEC)
        self._filter = seccomp.program()
        self.limits = TaskLimits()
        self._below_tmp = mount_points("/tmp/")
        self._claimed = 0
        self._seated = False

    def ready(self) -> None:
        """Called once all libraries are imported: what is claimed until now is nobody's fault."""
        self._claimed = _claimed_bytes()

    def begin_task(self, limits: TaskLimits, copies: Iterable[Sequence[str]] = ()) -> None:
        """A new empty file system for the next task; what the one before left is gone.

        copies: (file of the jail, its name below WORK).
        """
        self.end_task()
        self.limits = limits
        size = f"size={limits.disk_megabytes}m,nr_inodes={limits.files},mode=0755"
        _mount("tmpfs", SEAT, "tmpfs", _MS_NOSUID | _MS_NODEV, size)
        self._seated = True
        for name in ("task", "task/run", "task/store", "tmp", "shm"):
            os.mkdir(f"{SEAT}/{name}")
        for source, name in copies:
            shutil.copyfile(source, f"{SEAT}/task/{name}")

    def end_task(self) -> None:
        if self._seated:
            _check(_libc.umount2(SEAT.encode(), _MNT_DETACH), "umount")
            self._seated = False

    def before_fork(self) -> None:
        """The next child becomes the first process of a pid namespace of its own."""
        _check(_libc.setns(self._own_pid_namespace, _CLONE_NEWPID), "setns")
        _check(_libc.unshare(_CLONE_NEWPID), "unshare")

    def enter(self, *, judge: bool, keep_shared: bool) -> None:
        """In a child: mounts of its own; all that is not its own is taken away."""
        _check(_libc.unshare(_CLONE_NEWNS | _CLONE_NEWIPC), "unshare")
        _mount(None, "/", None, _MS_REC | _MS_PRIVATE)
        _mount("proc", "/proc", "proc", _MS_NOSUID | _MS_NODEV | _MS_NOEXEC)
        _mount("/proc/sys", "/proc/sys", None, _MS_BIND)  # settings of the network are the whole jail's
        flags = _MS_BIND | _MS_REMOUNT | _MS_RDONLY | _MS_NOSUID | _MS_NODEV | _MS_NOEXEC
        _mount(None, "/proc/sys", None, flags)
        if self._seated:
            _mount(f"{SEAT}/task", WORK, None, _MS_BIND)
        size = f"size={OUTPUT_MEGABYTES}m,mode=0700"
        _mount("tmpfs", OUTPUT, "tmpfs", _MS_NOSUID | _MS_NODEV, size)
        kept = [(place, os.open(place, os.O_PATH)) for place in self._below_tmp]
        if judge or not self._seated:
            size = f"size={JUDGE_TMP_MEGABYTES}m,mode=1777"
            _mount("tmpfs", "/tmp", "tmpfs", _MS_NOSUID | _MS_NODEV, size)
            _mount("tmpfs", "/dev/shm", "tmpfs", _MS_NOSUID | _MS_NODEV, size)
        else:
            _mount(f"{SEAT}/tmp", "/tmp", None, _MS_BIND)
            _mount(f"{SEAT}/shm", "/dev/shm", None, _MS_BIND)
        for place, descriptor in kept:  # this Python may lie below /tmp
            _make_target(place, descriptor)
            _mount(f"/proc/self/fd/{descriptor}", place, None, _MS_BIND | _MS_REC)
            os.close(descriptor)
        if self._seated:
            _check(_libc.umount2(SEAT.encode(), _MNT_DETACH), "umount")
        if not keep_shared:
            leave_shared()
        with open("/proc/self/oom_score_adj", "w", encoding="ascii") as score:
            score.write(str(JUDGE_GOES_SECOND if judge else LEARNER_GOES_FIRST))

    def lock(self) -> None:
        """Limits on, capabilities gone for good, dangerous system calls refused. For a single thread."""
        if threading.active_count() > 1 or len(os.listdir("/proc/self/task")) > 1:
            raise RuntimeError("a process can be locked only while it has one thread")
        limits = self.limits
        most_bytes = limits.megabytes * 2**20
        _limit(resource.RLIMIT_CORE, 0)
        _limit(resource.RLIMIT_NOFILE, MOST_DESCRIPTORS)
        _limit(resource.RLIMIT_NPROC, limits.processes)
        _limit(resource.RLIMIT_FSIZE, limits.disk_megabytes * 2**20)
        _limit(resource.RLIMIT_CPU, limits.cpu_seconds)
        _limit(resource.RLIMIT_DATA, self._claimed + most_bytes)
        _limit(resource.RLIMIT_MSGQUEUE, 0)
        _limit(resource.RLIMIT_MEMLOCK, 2**20)
        _check(_libc.prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0), "ambient capabilities")
        for capability in range(_LAST_CAPABILITY + 1):
            if _libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0) != 0:
                break  # beyond the last one that this kernel knows
        _check(_libc.prctl(_PR_SET_SECUREBITS, _NO_ROOT_LOCKED, 0, 0, 0), "securebits")
        header = (ctypes.c_uint32 * 2)(_CAPABILITIES_VERSION_3, 0)
        _check(_libc.capset(header, (ctypes.c_uint32 * 6)()), "capset")
        _check(_libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no_new_privs")
        seccomp.load(self._filter)


insider: Insider | None = None  # in a jail: set by its warm parent


def seal() -> None:
    """For a program with SEALS_ITSELF: its sockets in SHARED are bound, so take the folder and all rights away.

    Does nothing where there is no jail. Raises RuntimeError once the process has a second thread, whose
    capabilities would stay: libzmq starts one with its first socket, so bind plain sockets and give them
    to libzmq by ZMQ_USE_FD afterwards.
    """
    if insider is not None:
        leave_shared()
        insider.lock()


def mount_points(start: str) -> list[str]:
    """Places below `start` where something is mounted, outermost first."""
    with open("/proc/self/mountinfo", encoding="utf-8") as table:
        places = {line.split()[4].encode().decode("unicode_escape") for line in table}
    return sorted(place for place in places if place.startswith(start))


def _make_target(place: str, descriptor: int) -> None:
    """An empty folder or file to mount what `descriptor` is open on."""
    if stat.S_ISDIR(os.fstat(descriptor).st_mode):
        os.makedirs(place, exist_ok=True)
    elif not os.path.lexists(place):
        os.makedirs(os.path.dirname(place), exist_ok=True)
        os.close(os.open(place, os.O_CREAT | os.O_WRONLY, 0o444))


def leave_shared() -> None:
    """Take the supervisor's folder out of this process's sight."""
    if Path(SHARED).is_dir():
        _libc.umount2(SHARED.encode(), _MNT_DETACH)


def _mount(source: str | None, target: str, kind: str | None, flags: int, options: str = "") -> None:
    parts = [part.encode() if part is not None else None for part in (source, target, kind)]
    _check(_libc.mount(*parts, ctypes.c_ulong(flags), options.encode() or None), f"mount {target}")


def _check(status: int, what: str) -> None:
    if status != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def _limit(which: int, most: int) -> None:
    hard = resource.getrlimit(which)[1]
    value = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.setrlimit(which, (value, value))


def _claimed_bytes() -> int:
    """What counts towards RLIMIT_DATA of this process now."""
    with open("/proc/self/status", encoding="ascii") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmData:"))
