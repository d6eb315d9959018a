"""A started Python file that can be waited for, measured and killed with everything it started."""

from __future__ import annotations

import atexit
import contextlib
import os
import secrets
import subprocess
import sys
import tempfile
import threading
import time
import types
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

import psutil

from grader.jail.children import kill_tree
from grader.jail.families import highest_bytes, marked_processes
from grader.jail.folders import FolderFiles, listens, wait_until

POLL_SECONDS = 0.02
MOST_OUTPUT_BYTES = 2**20
MOST_OUTPUT_ON_DISK_BYTES = 64 * 2**20
_MARK = "SEATRIAL_PROCESS"


class Started(Protocol):
    """A process as the system sees it; `wait` returns its exit code, negative for a signal."""

    pid: int

    def wait(self) -> int: ...


Start = Callable[[Sequence[str], Mapping[str, str], str, int], Started]


def start_here(
    command: Sequence[str], environment: Mapping[str, str], folder: str, output: int
) -> subprocess.Popen:
    """Start a process of this system. output: descriptor for what it writes to stdout and stderr."""
    return subprocess.Popen(
        command,
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        start_new_session=os.name != "nt",
        creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
    )


class LocalProcess(FolderFiles):
    """`python ARGUMENTS` in `folder`; a context manager that leaves nothing running.

    arguments: a file and its arguments, or "-m" and a module; "{port}" stands for the port.
    env: added to this process's own environment, from which SEATRIAL_* is left out.
    port: a free port of 127.0.0.1, which the process reads from PORT, or 0.
    limit_seconds: after so long the process is killed.
    inherited: environment to use instead of this process's own. start: how it is started.
    """

    def __init__(
        self,
        arguments: Sequence[str],
        *,
        folder: Path,
        env: Mapping[str, str],
        port: int,
        limit_seconds: float,
        inherited: Mapping[str, str] | None = None,
        start: Start = start_here,
    ) -> None:
        super().__init__(folder)
        self._port = port
        self._limit_seconds = limit_seconds
        self._mark = secrets.token_hex(16)
        self._done = threading.Event()
        self._closed = False
        self._exit_code: int | None = None
        self._peak_bytes = 0
        self._seen: dict[int, psutil.Process] = {}
        self._output = tempfile.TemporaryFile()  # noqa: SIM115 (closed in close)
        self.name = next((part for part in arguments if part != "-m"), "the process")
        command = [sys.executable, *(part.replace("{port}", str(self._port)) for part in arguments)]
        self._started = time.monotonic()
        try:
            environment = self._environment(env, inherited)
            self._process = start(command, environment, str(self._folder), self._output.fileno())
        except BaseException:
            self._output.close()
            raise
        atexit.register(self.close)
        threading.Thread(target=self._reap, daemon=True).start()
        self._watcher = threading.Thread(target=self._watch, daemon=True)
        self._watcher.start()

    def _environment(self, env: Mapping[str, str], inherited: Mapping[str, str] | None) -> dict[str, str]:
        base = os.environ if inherited is None else inherited
        merged = {key: value for key, value in base.items() if not key.startswith("SEATRIAL_")}
        merged |= {"PYTHONUNBUFFERED": "1", "PYTHONIOENCODING": "utf-8", **env, _MARK: self._mark}
        if self._port:
            merged["PORT"] = str(self._port)
        return merged

    def __enter__(self) -> LocalProcess:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: types.TracebackType | None
    ) -> None:
        self.close()

    # ---- while it runs

    def _reap(self) -> None:
        self._exit_code = self._process.wait()
        self._done.set()

    def _watch(self) -> None:
        """Measure, and end the process when its time or its output is too much."""
        while True:
            self._sample()
            if self._done.wait(POLL_SECONDS):
                return
            too_long = time.monotonic() - self._started > self._limit_seconds
            if too_long or os.fstat(self._output.fileno()).st_size > MOST_OUTPUT_ON_DISK_BYTES:
                self._kill_all()

    def _sample(self) -> None:
        total = 0
        with contextlib.suppress(psutil.Error):
            root = psutil.Process(self._process.pid)
            for process in [root, *root.children(recursive=True)]:
                self._seen.setdefault(process.pid, process)
                with contextlib.suppress(psutil.Error, OSError):
                    total += process.memory_info().rss
                    self._peak_bytes = max(self._peak_bytes, highest_bytes(process))
        self._peak_bytes = max(self._peak_bytes, total)

    @property
    def port(self) -> int:
        """The port that the process was given, or 0."""
        return self._port

    @property
    def url(self) -> str:
        """Address of the process's service, without a slash at the end."""
        return f"http://127.0.0.1:{self._port}"

    @property
    def running(self) -> bool:
        return not self._done.is_set()

    @property
    def exit_code(self) -> int | None:
        """The exit code, negative for a signal, or None while the process runs."""
        return self._exit_code if self._done.is_set() else None

    @property
    def peak_memory_bytes(self) -> int:
        """The most resident memory seen, of the process and what it started together, in bytes."""
        return self._peak_bytes

    @property
    def output(self) -> str:
        """What the process wrote to stdout and stderr; of more than 1 MB, the beginning and the end."""
        if self._closed:
            return self._last_output
        return self._read_output()

    def _read_output(self) -> str:
        size = os.fstat(self._output.fileno()).st_size
        if size <= MOST_OUTPUT_BYTES:
            return self._slice(0, size)
        half = MOST_OUTPUT_BYTES // 2
        return f"{self._slice(0, half)}\n... {size - 2 * half} bytes ...\n{self._slice(size - half, half)}"

    def _slice(self, start: int, size: int) -> str:
        with os.fdopen(os.dup(self._output.fileno()), "rb", buffering=0) as file:
            if hasattr(os, "pread"):
                data = os.pread(file.fileno(), size, start)
            else:  # Windows, where the child's handle has a place of its own
                file.seek(start)
                data = file.read(size)
        return data.decode("utf-8", "replace").replace("\r\n", "\n")

    def wait(self, seconds: float | None = None) -> int | None:
        """The exit code, or None if the process still runs after `seconds` (default: its limit)."""
        self._done.wait(self._limit_seconds + 1 if seconds is None else seconds)
        return self.exit_code

    def wait_for_port(self, seconds: float = 10.0) -> None:
        """Return when the port takes connections.

        Raises TimeoutError after `seconds`, ConnectionError if the process ended before.
        """
        self._wait_until(lambda: listens(self._port), seconds, f"listened on port {self._port} of 127.0.0.1")

    def wait_for_file(self, name: str, seconds: float = 10.0) -> None:
        """Return when the file is there; raises TimeoutError or ConnectionError as `wait_for_port` does."""
        self._wait_until(lambda: self.has(name), seconds, f"wrote {name}")

    def _wait_until(self, ready: Callable[[], bool], seconds: float, did: str) -> None:
        wait_until(ready, lambda: self.exit_code, self._done.wait, seconds, self.name, did)

    # ---- its end

    def kill(self) -> None:
        """End the process and everything it started, now."""
        self._kill_all()
        self._done.wait(5)

    def close(self) -> None:
        """Kill what still runs, and let go of the output file; `output` and `exit_code` stay readable."""
        if self._closed:
            return
        self.kill()
        self._watcher.join(5)
        self._last_output = self._read_output()
        self._closed = True
        self._output.close()
        atexit.unregister(self.close)

    def _kill_all(self) -> None:
        if not self._done.is_set():
            self._sample()
            kill_tree(self._process.pid)
        for process in list(self._seen.values()):
            with contextlib.suppress(psutil.Error):
                process.kill()
        for process in marked_processes(_MARK, self._mark):
            with contextlib.suppress(psutil.Error):
                process.kill()
