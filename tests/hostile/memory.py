"""Resources: memory, in one process, in many, and in none."""

from __future__ import annotations

from typing import Any

from hostile.case import RIGHT, Case, answer, code


def takes(name: str, text: str, tries: str, *, loses: str = "double", **more: Any) -> Case:
    return answer(name, code(text), tries, loses=loses, jail=True, harms=True, **more)


CASES = (
    takes(
        "memory_in_a_cell",
        """
        kept = []
        for _ in range(400):
            kept.append(bytearray(b"x" * 5_000_000))
        """,
        "Takes 2 GB in a cell.",
    ),
    takes(
        "memory_in_a_call",
        """
        def double(number):
            kept = []
            for _ in range(400):
                kept.append(bytearray(b"x" * 5_000_000))
            return 2 * number
        """,
        "Takes 2 GB in a call.",
    ),
    takes(
        "memory_at_once",
        """
        import mmap

        place = mmap.mmap(-1, 3 * 2**30)
        for start in range(0, 3 * 2**30, 4096):
            place[start] = 1
        """,
        "Maps 3 GB and writes to each page.",
    ),
    takes(
        "memory_in_many",
        """
        import os, time

        children = []
        for _ in range(10):
            pid = os.fork()
            if pid == 0:
                kept = bytearray(b"x" * 120_000_000)
                time.sleep(20)
                os._exit(0)
            children.append(pid)
        time.sleep(1.5)
        for pid in children:
            os.kill(pid, 0)
        time.sleep(5)
        """
        + RIGHT,
        "Ten processes of 120 MB, each below the limit.",
        loses="",
        may_lose="double",  # the kernel may end a child or all of them
    ),
    takes(
        "memory_of_the_orphans",
        """
        import os, time

        for _ in range(8):
            if os.fork() == 0:
                os.setsid()
                if os.fork() == 0:
                    kept = bytearray(b"x" * 120_000_000)
                    time.sleep(30)
                os._exit(0)
            os.wait()
        time.sleep(1)
        """
        + RIGHT,
        "The same with processes that have left the family.",
        loses="",
        may_lose="double",
    ),
    takes(
        "memory_without_a_name",
        """
        import os

        kept = []
        written = 0
        try:
            for number in range(20):
                kept.append(os.memfd_create(f"m{number}"))
                for _ in range(20):
                    written += os.write(kept[-1], b"x" * 10_000_000)
        except (OSError, MemoryError):
            pass
        print(written)
        """
        + RIGHT,
        "Writes up to 4 GB to memfd files, which are in no process's resident memory.",
        loses="",
        may_lose="double total scale each report",
    ),
    takes(
        "memory_in_pipes",
        """
        import fcntl, os, socket

        kept, held = [], 0
        try:
            for _ in range(400):
                reader, writer = os.pipe()
                fcntl.fcntl(writer, 1031, 1_048_576)
                os.set_blocking(writer, False)
                held += os.write(writer, b"x" * 1_048_576)
                kept += [reader, writer]
        except OSError:
            pass
        print(held)
        """
        + RIGHT,
        "Keeps memory in the buffers of pipes.",
        loses="",
    ),
    takes(
        "shared_memory",
        """
        import os

        written = 0
        try:
            with open("/dev/shm/@TRACE@", "wb", buffering=0) as file:
                for _ in range(300):
                    written += file.write(b"x" * 10_000_000)
        except OSError as error:
            print(error.errno)
        print(written)
        """
        + RIGHT,
        "Writes 3 GB to /dev/shm.",
        loses="",
        may_lose="double total scale each report",
    ),
    takes(
        "system_v_memory",
        """
        import ctypes

        libc = ctypes.CDLL(None)
        libc.shmat.restype = ctypes.c_void_p
        for key in range(20):
            number = libc.shmget(0x5EA7 + key, 100_000_000, 0o1666)
            place = libc.shmat(number, None, 0)
            if place not in (None, 2**64 - 1):
                ctypes.memset(place, 1, 100_000_000)
                libc.shmdt(ctypes.c_void_p(place))
        """
        + RIGHT,
        "Twenty segments of 100 MB of System V shared memory, let go of but not removed.",
        loses="",
        may_lose="double total scale each report",
    ),
    takes(
        "memory_of_a_program",
        """
        import sys, time

        kept = [bytearray(b"x" * 5_000_000) for _ in range(300)]
        print(sum(int(word) for word in sys.argv[1:]))
        """,
        "The delivered program takes 1.5 GB.",
        of="report",
        loses="report",
    ),
)
