"""A warm parent that forks children with the libraries already imported (POSIX only), seen from outside.

It runs no learner code and reads no cell: its orders are "fork", "execute", "run" and "wait", and in a jail the
beginning and the end of a task. `grader.jail.warm_parent` is the program itself.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence

from grader.errors import WorkerLost
from grader.jail.channel import Channel
from grader.jail.children import Child, child_environment

ORDER = struct.Struct(">cIII")  # verb, number of the child, index of the program, bytes of the body
REPLY = struct.Struct(">i")
FORK, EXECUTE, RUN, WAIT, BEGIN, END = b"f", b"x", b"r", b"w", b"b", b"e"
RUNNING = 256  # no exit code and no signal has this number
WAIT_SECONDS = 5.0
START_SECONDS = 120.0
ANSWER_SECONDS = 30.0
POLL_SECONDS = 0.002
PROGRAM_POLL_SECONDS = 0.01
PROGRAM = "grader.jail.warm_parent"


class Executed:
    """A program that runs beside a warm parent's children."""

    def __init__(self, zygote: Zygote, number: int, pid: int) -> None:
        self._zygote, self._number, self.pid = zygote, number, pid

    def wait(self) -> int:
        """The exit code; a warm parent that has gone has killed it."""
        try:
            while (code := self._zygote.exit_code(self._number)) is None:
                time.sleep(PROGRAM_POLL_SECONDS)
        except WorkerLost:
            return -int(signal.SIGKILL)
        return code


class Zygote:
    """Starts a warm parent and forks children from it.

    modules: libraries to import once. Children run `main(channel)` of the module named in `fork`, which is one of
    `programs`. Raises WorkerLost, also later, where the warm parent has gone.
    """

    def __init__(self, modules: Iterable[str], programs: Iterable[str]) -> None:
        self._socket, theirs = socket.socketpair()
        self._lock = threading.Lock()
        self._children = 0
        self.programs = tuple(programs)
        with theirs:
            self._process = self._start(theirs, [*self.programs, *modules])
        self._ready = False

    def _start(self, theirs: socket.socket, names: Sequence[str]) -> subprocess.Popen:
        return subprocess.Popen(
            [sys.executable, "-m", PROGRAM, str(theirs.fileno()), *names],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=[theirs.fileno()],
            env=child_environment(),
            start_new_session=True,
        )

    def wait_ready(self) -> None:
        """Return when all is imported; the first fork waits for it anyway."""
        with self._lock:
            self._wait_ready()

    def _wait_ready(self) -> None:
        if not self._ready:
            self._socket.settimeout(START_SECONDS)
            self._answer()
            self._socket.settimeout(ANSWER_SECONDS)
            self._ready = True

    def fork(self, program: str, events: queue.SimpleQueue, *, apart: bool = False) -> Child:
        """A new child that runs `program`; as quick as a fork. apart: in a jail, with temporary files of its own."""
        to_child_read, to_child_write = os.pipe()
        from_child_read, from_child_write = os.pipe()
        try:
            index = self.programs.index(program)
            number, pid = self._new_child(FORK, index, b"\1" * apart, [to_child_read, from_child_write])
        except BaseException:
            os.close(to_child_write)
            os.close(from_child_read)
            raise
        finally:
            os.close(to_child_read)
            os.close(from_child_write)
        channel = Channel(from_child_read, to_child_write)
        return Child(channel, pid, lambda: self.wait(number), events, end=self.end_child)

    end_child: Callable[[int], None] | None = None

    def start(
        self, command: Sequence[str], environment: Mapping[str, str], folder: str, output: int
    ) -> Executed:
        """Start a program of its own beside the children; as `grader.jail.processes.Start`."""
        return self._program(EXECUTE, command, environment, folder, output)

    def start_warm(
        self, command: Sequence[str], environment: Mapping[str, str], folder: str, output: int
    ) -> Executed:
        """As `start`, but of Python, whose file then runs in a fork: what it imports is there, nothing is exec'd."""
        return self._program(RUN, command, environment, folder, output)

    def _program(
        self, verb: bytes, command: Sequence[str], environment: Mapping[str, str], folder: str, output: int
    ) -> Executed:
        body = {"arguments": list(command), "environment": dict(environment), "folder": folder}
        return Executed(self, *self._new_child(verb, 0, json.dumps(body).encode(), [output]))

    def _new_child(self, verb: bytes, index: int, body: bytes, descriptors: list[int]) -> tuple[int, int]:
        with self._lock:
            self._children += 1
            pid = self._order(verb, self._children, index, body, descriptors)
            return self._children, pid

    def order(self, verb: bytes, body: object = None) -> None:
        """BEGIN or END of a task."""
        with self._lock:
            self._order(verb, 0, 0, json.dumps(body).encode())

    def wait(self, number: int) -> int | None:
        """The exit code of a child that is ending, negative for a signal; None if it does not end."""
        deadline = time.monotonic() + WAIT_SECONDS
        with contextlib.suppress(WorkerLost):
            while time.monotonic() < deadline:
                if (code := self.exit_code(number)) is not None:
                    return code
                time.sleep(POLL_SECONDS)
        return None

    def exit_code(self, number: int) -> int | None:
        """The exit code of a child, or None while it runs."""
        with self._lock:
            status = self._order(WAIT, number, 0)
        return None if status == RUNNING else status

    def _order(
        self, verb: bytes, number: int, index: int, body: bytes = b"", descriptors: Sequence[int] = ()
    ) -> int:
        """Give an order and return its answer; a negative answer to anything but WAIT is an error number."""
        self._wait_ready()
        try:
            order = ORDER.pack(verb, number, index, len(body)) + body
            sent = socket.send_fds(self._socket, [order], list(descriptors)) if descriptors else 0
            self._socket.sendall(order[sent:])
        except OSError as error:
            raise WorkerLost("the warm process has gone") from error
        answer, pid = self._answer()
        if verb != WAIT and answer < 0:
            raise WorkerLost(f"the warm process could not do it: {os.strerror(-answer)}")
        return pid if verb in (FORK, EXECUTE, RUN) and pid else answer

    def _answer(self) -> tuple[int, int]:
        """One answer, and the pid of its sender where the system tells it, else 0."""
        data = b""
        try:
            while len(data) < REPLY.size:
                more = self._socket.recv(REPLY.size - len(data))
                if not more:
                    raise WorkerLost(f"the warm process has gone{self._last_words()}")
                data += more
        except OSError as error:
            raise WorkerLost(f"the warm process does not answer ({error})") from error
        return REPLY.unpack(data)[0], 0

    def _last_words(self) -> str:
        return ""

    @property
    def pid(self) -> int:
        """The warm parent's process."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether the warm parent runs."""
        return self._process.poll() is None

    def close(self) -> None:
        """End the warm parent; its children end with their own channels."""
        self._socket.close()
        self._process.kill()
        self._process.wait()
