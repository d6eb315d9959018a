"""A warm parent that forks children with the libraries already imported (POSIX only).

It runs no learner code and reads no cell: its orders are "fork" with two descriptors, and "wait".
"""

from __future__ import annotations

import gc
import importlib
import os
import queue
import random
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterable

from grader.jail.channel import Channel
from grader.jail.children import Child, child_environment

ORDER = struct.Struct(">cI")
RUNNING = 256  # no exit code and no signal has this number
WAIT_SECONDS = 5.0


class Zygote:
    """Starts `python -m grader.jail.zygote MODULES...` and forks children from it.

    modules: libraries to import once. Children run `main(channel)` of the module named in `fork`.
    """

    def __init__(self, modules: Iterable[str], programs: Iterable[str]) -> None:
        ours, theirs = socket.socketpair()
        self._socket = ours
        self._lock = threading.Lock()
        self.programs = tuple(programs)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "grader.jail.zygote", str(theirs.fileno()), *self.programs, *modules],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                env=child_environment(),
                start_new_session=True,
            )

    def fork(self, program: str, events: queue.SimpleQueue) -> Child:
        """A new child that runs `program`; as quick as a fork."""
        to_child_read, to_child_write = os.pipe()
        from_child_read, from_child_write = os.pipe()
        with self._lock:
            socket.send_fds(
                self._socket,
                [ORDER.pack(b"f", self.programs.index(program))],
                [to_child_read, from_child_write],
            )
            (pid,) = struct.unpack(">I", self._read(4))
        os.close(to_child_read)
        os.close(from_child_write)
        return Child(Channel(from_child_read, to_child_write), pid, lambda: self._wait(pid), events)

    def _wait(self, pid: int) -> int | None:
        deadline = time.monotonic() + WAIT_SECONDS
        while time.monotonic() < deadline:
            with self._lock:
                try:
                    self._socket.sendall(ORDER.pack(b"w", pid))
                    (status,) = struct.unpack(">i", self._read(4))
                except OSError:
                    return None
            if status != RUNNING:
                return int(status)
            time.sleep(0.002)
        return None

    def _read(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            more = self._socket.recv(size - len(data))
            if not more:
                raise ConnectionError("the warm process has gone")
            data += more
        return data

    def close(self) -> None:
        """End the warm parent; its children end with their own channels."""
        self._socket.close()
        self._process.kill()
        self._process.wait()


def serve(orders: socket.socket, programs: tuple[str, ...]) -> None:
    """Fork and wait as ordered, until the other side closes."""
    ended: dict[int, int] = {}
    while True:
        data, descriptors, _, _ = socket.recv_fds(orders, ORDER.size, 2)
        if not data:
            return
        verb, number = ORDER.unpack(data)
        if verb == b"w":
            orders.sendall(struct.pack(">i", exit_code(number, ended)))
            continue
        pid = os.fork()
        if pid == 0:
            orders.close()
            os.setsid()
            become(programs[number], *descriptors)
        for descriptor in descriptors:
            os.close(descriptor)
        orders.sendall(struct.pack(">I", pid))


def exit_code(pid: int, ended: dict[int, int]) -> int:
    """How a child ended, also when asked again; RUNNING while it has not. `ended` keeps what is known."""
    if pid not in ended:
        found, status = os.waitpid(pid, os.WNOHANG)
        if not found:
            return RUNNING
        ended[pid] = os.waitstatus_to_exitcode(status)
    return ended[pid]


def become(program: str, read_fd: int, write_fd: int) -> None:
    """In a new child: fresh random state, then the program; never returns."""
    status = 1
    try:
        random.seed()
        if "numpy" in sys.modules:
            sys.modules["numpy"].random.seed()
        importlib.import_module(program).main(Channel(read_fd, write_fd))
        status = 0
    finally:
        os._exit(status)


def main() -> None:
    """`python -m grader.jail.zygote FD PROGRAM PROGRAM MODULE...`"""
    orders = socket.socket(fileno=int(sys.argv[1]))
    os.set_inheritable(orders.fileno(), False)
    programs = tuple(name for name in sys.argv[2:] if name.startswith("grader."))
    for name in sys.argv[2:]:
        try:
            importlib.import_module(name)
        except ImportError:
            continue  # the cell that needs it will say so
    for program in programs:
        getattr(sys.modules[program], "warm", int)()
    gc.collect()
    gc.freeze()
    serve(orders, programs)


if __name__ == "__main__":
    main()
