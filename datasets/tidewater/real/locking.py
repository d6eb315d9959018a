"""One process at a time: a lock on a file, which the system lets go when its holder ends, however it ends."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

if sys.platform == "win32":
    import msvcrt

    def _take(file: BinaryIO) -> bool:
        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True
else:
    import fcntl

    def _take(file: BinaryIO) -> bool:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


@contextmanager
def locked(path: Path, wait: Callable[[], None]) -> Iterator[None]:
    """Holds the lock file at `path`.

    wait: called between tries while another process holds the lock; it may raise to give up.
    """
    with path.open("ab") as file:
        while not _take(file):
            wait()
        yield
