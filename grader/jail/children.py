"""Child processes with a channel each: started, watched, killed with everything they started.

Knows nothing about notebooks. A child is a module with a `main(channel)`, run by `python -m grader.jail.start`.
"""

from __future__ import annotations

import contextlib
import os
import queue
import secrets
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping

import psutil

from grader.jail.channel import Channel, ChannelClosed, ChannelDamaged
from grader.jail.families import marked_processes, tree_bytes

ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
POLL_SECONDS = 0.05
MARK = "SEATRIAL_CHILD"
MOST_WAITING_FRAMES = 4


class Child:
    """A running child and its channel.

    events: where frames of this child arrive, as (child, frame), and (child, None) when it has gone.
    mark: value of MARK in its environment, by which what left its family is found; "" where it has none.
    end: kills a process and all that it started.
    """

    def __init__(
        self,
        channel: Channel,
        pid: int,
        wait: Callable[[], int | None],
        events: queue.SimpleQueue,
        mark: str = "",
        end: Callable[[int], None] | None = None,
    ) -> None:
        self._mark = mark
        self._end = end or kill_tree
        self._room = threading.Semaphore(MOST_WAITING_FRAMES)
        self.explain: Callable[[], str] = str
        self.channel = channel
        self.pid = pid
        self.events = events
        self.killed_because = ""
        self._wait = wait
        self._status: int | None = None
        self._dead = threading.Event()
        self._outbox: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._writer: threading.Thread | None = None
        threading.Thread(target=self._read, daemon=True).start()

    def _write(self) -> None:
        """Send what is waiting: one that does not read holds this thread, not the run's clock."""
        with contextlib.suppress(ChannelClosed):
            while (frame := self._outbox.get()) is not None:
                self.channel.send(frame)

    def _read(self) -> None:
        try:
            while True:
                frame = self.channel.receive()
                self._room.acquire()  # one that sends without end waits for us
                self.events.put((self, frame))
        except ChannelDamaged:
            self.kill("it damaged its connection")
        except ChannelClosed:
            pass
        self._dead.set()
        self.events.put((self, None))

    def taken(self) -> None:
        """A frame was taken from `events`, so the next may come."""
        self._room.release()

    def send(self, frame: bytes) -> None:
        """Send one frame, without waiting; a child that has gone is noticed by its event, not here."""
        if self._writer is None and self.channel.takes(frame):
            with contextlib.suppress(ChannelClosed):
                self.channel.send(frame)
            return
        if self._writer is None:
            self._writer = threading.Thread(target=self._write, daemon=True)
            self._writer.start()
        self._outbox.put(frame)

    @property
    def alive(self) -> bool:
        return not self._dead.is_set()

    def kill(self, because: str = "") -> None:
        """End the child and everything it started; `because` is kept for the report."""
        if because and not self.killed_because and self.alive:
            self.killed_because = because
        if self._status is None:  # once it is known, its number may be another's
            self._end(self.pid)
            self._status = self._wait()

    def strike(self) -> None:
        """Send the deadly signal and do not wait."""
        if self._status is None:
            self._end(self.pid)

    def close(self) -> None:
        """Kill, also what left the family, and let go of the pipes.

        A process that is not found may still hold the other end; then reading goes on, and nobody waits for it.
        """
        self._room.release(MOST_WAITING_FRAMES)
        self._outbox.put(None)
        self.kill()
        for process in marked_processes(MARK, self._mark) if self._mark else ():
            with contextlib.suppress(psutil.Error):
                process.kill()
        self.channel.close(reader=self._dead.wait(timeout=2))

    def ending(self) -> str:
        """How it ended, in words: the reason it was killed, its signal, or its exit code."""
        if self.killed_because:
            return self.killed_because
        if self._status is None:
            self._status = self._wait()
        if self._status is None:
            return "it ended"
        if self._status < 0 and (reason := self.explain()):
            return reason
        if self._status < 0:
            return f"it was ended by signal {signal_name(-self._status)}"
        return f"it ended itself with exit code {self._status}"


def signal_name(number: int) -> str:
    """The name of a signal, SIGSEGV for example, or its number."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return str(number)


def child_environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """This process's environment with one thread for the numeric libraries and a silent MLflow."""
    environment = dict(os.environ)
    environment.update(ONE_THREAD)
    environment.update(
        JE_ARROW_MALLOC_CONF="background_thread:false",  # a fork would lose the thread and keep its locks
        MPLBACKEND="Agg",
        MLFLOW_DISABLE_TELEMETRY="true",
        DO_NOT_TRACK="true",
        GIT_PYTHON_REFRESH="quiet",
        PYTHONIOENCODING="utf-8",
        PYTHONUTF8="1",
    )
    environment.update(extra or {})
    return environment


def spawn(module: str, events: queue.SimpleQueue, environment: Mapping[str, str] | None = None) -> Child:
    """Start a fresh Python that runs `module.main(channel)`."""
    mark = secrets.token_hex(16)
    process = subprocess.Popen(
        [sys.executable, "-m", "grader.jail.start", module],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=child_environment({**(environment or {}), MARK: mark}),
        **_own_group(),
    )
    assert process.stdin is not None
    assert process.stdout is not None
    channel = Channel(os.dup(process.stdout.fileno()), os.dup(process.stdin.fileno()))
    process.stdout.close()
    process.stdin.close()

    def wait() -> int | None:
        try:
            return process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            return None

    return Child(channel, process.pid, wait, events, mark)


def _own_group() -> dict:
    if os.name == "nt":
        return {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}  # type: ignore[attr-defined]
    return {"start_new_session": True}


def kill_tree(pid: int) -> None:
    """Kill a process, its group and everything below it; what is gone already is no error."""
    try:
        root = psutil.Process(pid)
        tree = [root, *root.children(recursive=True)]
    except psutil.NoSuchProcess:
        tree = []
    if os.name != "nt":
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if os.getpgid(pid) == pid:
                os.killpg(pid, signal.SIGKILL)
    for process in tree:
        with contextlib.suppress(psutil.Error):
            process.kill()


class MemoryWatch:
    """Kills a child whose tree of processes outgrows `limit_bytes`, looking every 50 ms.

    shared_bytes: what each child has in common with the warm parent that it was forked from.
    """

    def __init__(self, limit_bytes: int, because: str, shared_bytes: int = 0) -> None:
        self._limit_bytes = limit_bytes + shared_bytes
        self._because = because
        self._children: list[Child] = []
        self._pids: list[int] = []
        self._stop = threading.Event()
        threading.Thread(target=self._watch, daemon=True).start()

    def add(self, child: Child) -> None:
        self._children.append(child)

    def add_process(self, pid: int) -> None:
        """Watch a started file as well."""
        self._pids.append(pid)

    def stop(self) -> None:
        self._stop.set()

    def _watch(self) -> None:
        while not self._stop.wait(POLL_SECONDS):
            for child in self._children:
                if child.alive and tree_bytes(child.pid) > self._limit_bytes:
                    child.kill(self._because)
            for pid in self._pids:
                if tree_bytes(pid) > self._limit_bytes:
                    kill_tree(pid)


def next_event(events: queue.SimpleQueue, deadline: float) -> tuple[Child, bytes | None] | None:
    """The next (child, frame), or None when the monotonic `deadline` has passed."""
    try:
        event: tuple[Child, bytes | None] = events.get(timeout=max(0.0, deadline - time.monotonic()))
    except queue.Empty:
        return None
    if event[1] is not None:
        event[0].taken()
    return event


def close_all(children: Iterable[Child]) -> None:
    """Kill every child, all at once and not one after the other's end, then let go of their pipes."""
    children = list(children)
    for child in children:
        child.strike()
    for child in children:
        child.close()
