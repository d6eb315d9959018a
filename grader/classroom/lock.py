"""One grader at a time on one class."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from grader.errors import SeatrialError

PRIVATE = ".seatrial"


@contextlib.contextmanager
def only_grader(folder: Path) -> Iterator[Path]:
    """Holds the class's lock and gives its private folder. Raises SeatrialError if another grader holds it.

    The lock goes with the process that holds it, however that ends.
    """
    private = folder / PRIVATE
    private.mkdir(mode=0o700, exist_ok=True)
    handle = os.open(private / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        if not _locked(handle):
            what = f"another mle class grade is at work on {folder}"
            raise SeatrialError(f"{what}; wait for its end, then run the same command again")
        yield private
    finally:
        os.close(handle)


def _locked(handle: int) -> bool:
    try:
        import fcntl
    except ImportError:  # Windows
        import msvcrt

        try:
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]
        except OSError:
            return False
        return True
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
