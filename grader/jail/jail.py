"""A warm parent in a bubblewrap jail, seen from outside."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import json
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import psutil

from grader.errors import WorkerLost
from grader.jail import bubblewrap, cgroups
from grader.jail.children import MemoryWatch, kill_tree
from grader.jail.families import highest_bytes
from grader.jail.inside import TaskLimits
from grader.jail.warm_parent import JAILED
from grader.jail.zygote import BEGIN, END, PROGRAM, REPLY, Zygote

JAIL_USER = 61700  # whom a jail that root starts runs as: no account, no files
_CREDENTIALS = struct.Struct("3i")  # pid, uid, gid of a message's sender
_SHOWN = 2000
FOLDER = "seatrial-jail-"
END_SECONDS = 10.0


def open_place(places: Sequence[str]) -> str:
    """A folder that everybody may walk into and that holds none of `places`; raises WorkerLost if there is none."""
    for candidate in ("/mnt", "/media", "/srv", "/opt", "/var/tmp"):
        if os.path.isdir(candidate) and not any(Path(place).is_relative_to(candidate) for place in places):
            return candidate
    raise WorkerLost("no folder to mount on: make an empty folder /mnt")


def remove_orphans() -> None:
    """Remove folders of jails whose supervisor was killed, and end what is still in them: stopped, it saw no end."""
    for folder in Path(tempfile.gettempdir()).glob(f"{FOLDER}*"):
        owner = folder.name.removeprefix(FOLDER).partition("-")[0]
        with contextlib.suppress(OSError):
            if owner.isdigit() and not psutil.pid_exists(int(owner)) and folder.stat().st_uid == os.geteuid():
                _end_inhabitants(folder.name)
                shutil.rmtree(folder, ignore_errors=True)


def _end_inhabitants(name: str) -> None:
    """Kill every process that has a file of the jail's folder mounted, and its bubblewrap."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            mounts = Path(f"/proc/{process.pid}/mountinfo").read_text(encoding="utf-8", errors="replace")
            if f"/{name}/" in mounts:
                process.kill()
                found.append(process)
    psutil.wait_procs(found, timeout=END_SECONDS)


class Jail(Zygote):
    """One bubblewrap and one warm parent in it, with nothing of this machine but an allow-list.

    files: path inside -> file here, to be read. hidden: folders whose content is never seen inside.
    variables: added to the environment inside. shared: make a folder that both sides can write, see `shared`.
    Raises WorkerLost with bubblewrap's own words if the jail cannot be made.
    """

    def __init__(
        self,
        modules: Iterable[str],
        programs: Iterable[str],
        *,
        files: Mapping[str, Path] | None = None,
        hidden: Iterable[Path] = (),
        variables: Mapping[str, str] | None = None,
        shared: bool = False,
    ) -> None:
        remove_orphans()
        self.folder = Path(tempfile.mkdtemp(prefix=f"{FOLDER}{os.getpid()}-"))
        self._words = self.folder / "words"
        self._hidden = tuple(hidden)
        self.environment = bubblewrap.environment(variables or {})
        self._files = {**self._own_files(), **(files or {})}
        self.shared = self._make_shared() if shared else None
        self._closed = False
        self._pid = 0
        self._group: cgroups.Group | None = None
        self._grouped = False
        try:
            super().__init__(modules, programs)
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        except BaseException:
            shutil.rmtree(self.folder, ignore_errors=True)
            raise

    def _own_files(self) -> dict[str, Path]:
        files = {}
        for name, text in bubblewrap.OWN_FILES.items():
            files[name] = self.folder / Path(name).name
            files[name].write_text(text, encoding="ascii")
        return files

    def _make_shared(self) -> Path:
        folder = self.folder / "wire"
        folder.mkdir()
        if os.geteuid() == 0:
            os.chown(folder, JAIL_USER, JAIL_USER)
        return folder

    def _start(self, theirs: socket.socket, names: Sequence[str]) -> subprocess.Popen:
        bwrap = bubblewrap.executable()
        if bwrap is None:
            raise WorkerLost("bubblewrap is not installed")
        theirs.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 0)
        seen = bubblewrap.view(self._files, self._hidden, self.shared)
        inner = [sys.executable, "-m", PROGRAM, str(theirs.fileno()), JAILED, *names]
        if os.geteuid() == 0:
            command = self._as_another_user(bwrap, seen, inner)
        else:
            command = bubblewrap.arguments(bwrap, seen, self.environment, inner)
        with self._words.open("wb") as words:
            return subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=words,
                stderr=words,
                pass_fds=[theirs.fileno()],
                env={"PATH": os.defpath},
                cwd="/",
                start_new_session=True,
            )

    def _as_another_user(self, bwrap: str, seen: bubblewrap.View, inner: list[str]) -> list[str]:
        """The command of launch.py: every place of the view gets a number there."""
        numbers = itertools.count()
        places: list[str] = []

        def numbered(paths: Mapping[str, str]) -> dict[str, str]:
            places.extend(paths.values())
            return {name: f"@{next(numbers)}" for name in paths}

        seen = dataclasses.replace(seen, readable=numbered(seen.readable), writable=numbered(seen.writable))
        line = bubblewrap.arguments(bwrap, seen, self.environment, inner)
        order = {"open": open_place(places), "user": JAIL_USER, "places": places, "command": line}
        return [sys.executable, "-I", "-S", str(Path(__file__).with_name("launch.py")), json.dumps(order)]

    def _answer(self) -> tuple[int, int]:
        """An answer, and the pid of the process that sent it as it is called out here."""
        try:
            data, extra, _, _ = self._socket.recvmsg(REPLY.size, socket.CMSG_SPACE(_CREDENTIALS.size))
        except OSError as error:
            raise WorkerLost(f"the warm process does not answer ({error})") from error
        if len(data) < REPLY.size:
            raise WorkerLost(f"the jail has gone{self._last_words()}")
        pid = next(
            (_CREDENTIALS.unpack(body)[0] for _, kind, body in extra if kind == socket.SCM_CREDENTIALS), 0
        )
        if not self._pid:
            self._pid = pid  # the first answer says that all is imported
        return REPLY.unpack(data)[0], pid

    def _last_words(self) -> str:
        with contextlib.suppress(OSError):
            text = self._words.read_text(encoding="utf-8", errors="replace").strip()
            return f": {text[-_SHOWN:]}" if text else ""
        return ""

    @staticmethod
    def end_child(pid: int) -> None:
        """Kill a child; as the first process of its namespace it takes all others along."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)

    @property
    def pid(self) -> int:
        """The warm parent, as its pid is out here; 0 before it is ready."""
        return self._pid

    def begin_task(self, limits: TaskLimits, copies: Iterable[Sequence[str]] = ()) -> None:
        """An empty file system for the children to come; copies: (file inside, name below inside.WORK)."""
        if not self._grouped:
            self._join_group()
        self.order(BEGIN, {"limits": dataclasses.asdict(limits), "copies": list(copies)})

    def _join_group(self) -> None:
        """Put the warm parent into a control group once it is ready: its own memory was claimed before."""
        self.wait_ready()
        self._group = cgroups.make_group()
        if self._group is not None:
            try:
                self._group.add(self._pid)
            except ProcessLookupError as error:
                raise WorkerLost("the jail has gone") from error
        self._grouped = True

    @property
    def group_folder(self) -> Path | None:
        """The control group of the children, or None."""
        return self._group.memory if self._group is not None else None

    def watch(self, megabytes: int, because: str) -> MemoryWatch | cgroups.GroupWatch:
        """A bound over a task's children together: the kernel's where the system lets us make a group."""
        if self._group is None:
            return MemoryWatch(megabytes * 2**20, because, shared_bytes=self.own_bytes())
        return cgroups.GroupWatch(self._group, megabytes, TaskLimits.processes, because)

    def end_task(self) -> None:
        """Let go of the task's file system."""
        self.order(END)

    def own_bytes(self) -> int:
        """What the warm parent itself holds in memory, which every child shares."""
        return highest_bytes(psutil.Process(self._pid)) if self._pid else 0

    def close(self) -> None:
        """End the jail: with its first process the kernel ends all others, and their files go with them."""
        if self._closed:
            return
        self._closed = True
        self._socket.close()
        if not self._pid:
            kill_tree(
                self._process.pid
            )  # it never answered: bubblewrap alone would leave it where it stands still
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._pid or self._process.pid, signal.SIGKILL)
        try:
            self._process.wait(timeout=END_SECONDS)  # bubblewrap ends once all in the jail have gone
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._group is not None:
            self._group.close()
        shutil.rmtree(self.folder, ignore_errors=True)
