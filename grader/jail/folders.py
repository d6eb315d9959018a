"""What is seen of a started process from beside it: its files and its port."""

from __future__ import annotations

import os
import socket
import stat
import time
from collections.abc import Callable
from pathlib import Path

MOST_FILE_BYTES = 64 * 2**20
MOST_FILES = 10_000


class FolderFiles:
    """Files of a folder in which a stranger may have put links and pipes."""

    def __init__(self, folder: Path) -> None:
        self._folder = Path(folder).resolve()

    def _inside(self, name: str) -> Path:
        path = Path(os.path.normpath(self._folder / name))
        if not path.is_relative_to(self._folder) or path == self._folder:
            raise ValueError(f"{name} does not lie in the folder of the process")
        if not path.parent.resolve().is_relative_to(self._folder):
            raise ValueError(f"{name} does not lie in the folder of the process")
        return path

    def read(self, name: str) -> bytes:
        """The bytes of a regular file below the folder; raises FileNotFoundError."""
        return read_regular_file(self._inside(name))

    def write(self, name: str, data: bytes) -> None:
        """Put a file below the folder, in the place of what was there."""
        path = self._inside(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_symlink() or (path.exists() and not path.is_file()):
            path.unlink()  # a link leads elsewhere, and a pipe would hold whoever writes
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_NOFOLLOW", 0)
        flags |= getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
        with os.fdopen(os.open(path, flags, 0o644), "wb") as file:
            file.write(data)

    def files(self) -> list[str]:
        """Names of the files below the folder, sorted, with "/" between folders."""
        names: list[str] = []
        for place, _, found in os.walk(self._folder):
            names += [(Path(place) / name).relative_to(self._folder).as_posix() for name in found]
            if len(names) > MOST_FILES:
                break
        return sorted(names)[:MOST_FILES]

    def has(self, name: str) -> bool:
        """Whether there is such a file."""
        return self._inside(name).is_file()


def wait_until(
    ready: Callable[[], bool],
    ended: Callable[[], int | None],
    pause: Callable[[float], object],
    seconds: float,
    name: str,
    did: str,
) -> None:
    """Return once `ready()`.

    ended: gives the exit code of the process called `name`, or None while it runs. pause: waits so many seconds.
    Raises TimeoutError after `seconds`, ConnectionError if the process ended before it `did`.
    """
    end, step = time.monotonic() + seconds, 0.005
    while True:
        code = ended()  # asked first: what it did before its end counts
        if ready():
            return
        if code is not None:
            raise ConnectionError(f"{name} ended with exit code {code} before it {did}")
        if time.monotonic() > end:
            raise TimeoutError(f"{name} has not {did} after {seconds:g} s")
        pause(step)
        step = min(step * 1.5, 0.2)


def free_port() -> int:
    """A port of 127.0.0.1 that nothing listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def listens(port: int) -> bool:
    """Whether something takes connections on this port of 127.0.0.1."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
    except OSError:
        return False


def read_regular_file(path: Path) -> bytes:
    """The bytes of a file that is no link, no pipe and at most 64 MB; raises FileNotFoundError."""
    flags = (
        os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    )
    try:
        descriptor = os.open(path, flags)
    except OSError:
        raise FileNotFoundError(f"no file {path.name}") from None
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode) or status.st_size > MOST_FILE_BYTES:
            raise FileNotFoundError(f"no file {path.name} of at most 64 MB")
        return file.read(MOST_FILE_BYTES)
