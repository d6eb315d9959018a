"""Starting a delivered file: a service, a job, a script."""

from __future__ import annotations

import types
from collections.abc import Mapping
from typing import NoReturn

from grader.expect import describe, host
from grader.expect.failure import Check


class Process:
    """A started file; a context manager that leaves nothing running.

    `.port`, `.url`, `.running`, `.exit_code`, `.output`, `.peak_memory_bytes`; `.read(name)`, `.write(name, data)`
    and `.files()` reach its folder. Waiting in vain is a check that fails.
    """

    def __init__(self, handle: host.ProcessHandle, name: str, limit_seconds: float) -> None:
        self._handle = handle
        self._name = name
        self._limit_seconds = limit_seconds

    def __enter__(self) -> Process:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: types.TracebackType | None
    ) -> None:
        self._handle.close()

    @property
    def port(self) -> int:
        """Port of 127.0.0.1 that the process finds in PORT, or 0."""
        return self._handle.port

    @property
    def url(self) -> str:
        """ "http://127.0.0.1:PORT", without a slash at the end."""
        return self._handle.url

    @property
    def running(self) -> bool:
        return self._handle.running

    @property
    def exit_code(self) -> int | None:
        """None while the process runs; negative for a signal."""
        return self._handle.exit_code

    @property
    def output(self) -> str:
        """What it wrote to stdout and stderr, at most 1 MB."""
        return self._handle.output

    @property
    def peak_memory_bytes(self) -> int:
        return self._handle.peak_memory_bytes

    def wait(self, seconds: float | None = None) -> int:
        """The exit code, once the process has ended."""
        limit = self._limit_seconds if seconds is None else seconds
        code = self._handle.wait(limit)
        if code is None:
            self._fail(
                f"a process that still runs after {limit:g} s", "one that ends", "the test waits for its end"
            )
        return code

    def wait_for_port(self, seconds: float = 10.0) -> None:
        """Return once the process takes connections on its port."""
        try:
            self._handle.wait_for_port(seconds)
        except (TimeoutError, ConnectionError):
            self._fail(
                f"no answer on its port of 127.0.0.1 {self._state(seconds)}",
                "a service that listens on the port in PORT",
                "the test talks to it there",
            )

    def wait_for_file(self, name: str, seconds: float = 10.0) -> None:
        """Return once the file `name` is there."""
        try:
            self._handle.wait_for_file(name, seconds)
        except (TimeoutError, ConnectionError):
            self._fail(f"no file {name} {self._state(seconds)}", f"a file {name}", "the process writes it")

    def kill(self) -> None:
        """End it and everything it started."""
        self._handle.kill()

    def read(self, name: str) -> bytes:
        """The bytes of a file in its folder; a file that is not there is a check that fails."""
        try:
            return self._handle.read(name)
        except FileNotFoundError:
            self._fail(f"no file {name}", f"a file {name}", "the process writes it")

    def write(self, name: str, data: bytes) -> None:
        """Put a file into its folder."""
        self._handle.write(name, data)

    def files(self) -> list[str]:
        """Names of the files in its folder, with "/" between folders."""
        return list(self._handle.files())

    def _state(self, seconds: float) -> str:
        code = self._handle.exit_code
        return f"after {seconds:g} s" if code is None else f"(it ended with exit code {code})"

    def _fail(self, got: str, expected: str, why: str) -> NoReturn:
        lines = self._handle.output.strip().splitlines()
        look_at = (
            f'its last line, "{lines[-1][: describe.LONGEST]}"'
            if lines
            else "what it does first; it wrote nothing"
        )
        check = Check("process", f"python {self._name}", why, look_at.rstrip(" ."))
        check.fail(got, expected, "a process that did not do it")


def process(
    file_or_dash_m: str,
    *args: str,
    env: Mapping[str, str] | None = None,
    port: bool = False,
    limit_seconds: float = 60.0,
) -> Process:
    """Start a delivered file, or "-m" and a module, with Python, beside the learner's files.

    args: its arguments; "{port}" stands for the port. env: added to its environment.
    port: give it a free port of 127.0.0.1, in PORT. limit_seconds: it is killed after so long.
    """
    host.current().checked("process")
    arguments = [str(part) for part in (file_or_dash_m, *args)]
    if not arguments[0]:
        raise ValueError('expect.process: name a file, or "-m" and a module.')
    name = " ".join(arguments[:2]) if arguments[0] == "-m" else arguments[0]
    if arguments[0] != "-m" and host.current().read_file(arguments[0]) is None:
        check = Check("process", f"python {name}", "the test starts it", f"the cell that writes {name}")
        check.fail("no such file", f"a file {name}", "no such file")
    handle = host.current().start_process(
        arguments, env=dict(env or {}), port=port, limit_seconds=limit_seconds
    )
    return Process(handle, name, limit_seconds)
