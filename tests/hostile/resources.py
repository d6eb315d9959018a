"""Resources: memory in one and in many processes, forks, disk, shared memory, descriptors, output, CPU.

Each is bounded by itself, so that a machine without containment survives it.
"""

from __future__ import annotations

from typing import Any

from hostile.case import RIGHT, Case, answer, code


def takes(name: str, text: str, tries: str, *, loses: str = "double", **more: Any) -> Case:
    return answer(name, code(text), tries, loses=loses, jail=True, harms=True, **more)


CASES = (
    takes(
        "disk",
        """
        written = 0
        for place in (".", "/tmp", "/var/tmp"):
            try:
                with open(place + "/@TRACE@-disk", "wb", buffering=0) as file:
                    for _ in range(120):
                        written += file.write(b"x" * 10_000_000)
            except OSError as error:
                print(place, error.errno)
        print(written)
        """
        + RIGHT,
        "Writes a gigabyte into each folder.",
        loses="",
        may_lose="double total scale each report",
    ),
    takes(
        "file_with_a_hole",
        """
        try:
            with open("hole", "wb") as file:
                file.truncate(2**44)
        except (OSError, OverflowError) as error:
            print(error)
        """
        + RIGHT,
        "A file that seems to be 16 TB, for whoever copies or hashes it.",
        loses="",
    ),
    takes(
        "fork_bomb",
        """
        import os, time

        end = time.monotonic() + 8
        for _ in range(9):
            try:
                os.fork()
            except OSError:
                pass
        while time.monotonic() < end:
            time.sleep(0.1)
        """,
        "Doubles itself nine times.",
    ),
    takes(
        "forks_that_detach",
        """
        import os, time

        for _ in range(300):
            try:
                if os.fork() == 0:
                    os.setsid()
                    with open("/proc/self/comm", "w") as name:
                        name.write("@TRACE@"[:15])
                    time.sleep(30)
                    os._exit(0)
            except OSError:
                break
        """
        + RIGHT,
        "Three hundred processes in sessions of their own that go on.",
        loses="",
        may_lose="double total scale each report",
    ),
    takes(
        "threads",
        """
        import threading, time

        threads = []
        try:
            for _ in range(3000):
                threads.append(threading.Thread(target=time.sleep, args=(30,), daemon=True))
                threads[-1].start()
        except RuntimeError:
            pass
        print(len(threads))
        """
        + RIGHT,
        "Three thousand threads.",
        loses="",
        may_lose="double total scale each report",
    ),
    takes(
        "descriptors",
        """
        import os

        kept = []
        try:
            for _ in range(100_000):
                kept.append(os.open("/dev/null", os.O_RDONLY))
        except OSError:
            pass
        print(len(kept))
        """
        + RIGHT,
        "Opens descriptors until there are none.",
        loses="",
        may_lose="double total scale each report",
    ),
    takes(
        "output_in_a_cell",
        """
        import os

        for _ in range(150):
            os.write(1, b"x" * 10_000_000)
        """,
        "Prints 1.5 GB.",
        loses="",
        may_lose="double total scale each report",
    ),
    takes(
        "output_of_a_program",
        """
        import sys

        line = "x" * 1_000_000
        for _ in range(1500):
            sys.stdout.write(line)
        """,
        "The delivered program prints 1.5 GB.",
        of="report",
        loses="report",
    ),
    answer(
        "cpu_in_a_cell", "while True:\n    pass\n", "Computes for ever in a cell.", told="longer than 2 s"
    ),
    answer(
        "cpu_in_c",
        "def double(number):\n    return 3 ** (3 ** (3 ** 3)) % 7\n",
        "Computes for ever where no signal is heard, in one operation.",
        told="longer than 2 s",
    ),
    answer(
        "pattern_without_end",
        "import re\n\ntotal = bool(re.match('(a+)+$', 'a' * 60 + 'b'))\n",
        "A pattern that backtracks for ever.",
        of="total",
        told="longer than 2 s",
    ),
    takes(
        "cpu_in_many",
        """
        import os, time

        for _ in range(30):
            if os.fork() == 0:
                end = time.monotonic() + 20
                while time.monotonic() < end:
                    pass
                os._exit(0)
        """
        + RIGHT,
        "Thirty processes that compute while the others are graded.",
        loses="",
        may_lose="double total scale each report",
    ),
    Case(
        "hundreds_of_slow_cells",
        "Sixty cells of one second each: no cell is too slow, the notebook is.",
        own={"report": "import time\ntime.sleep(0.5)\n"},
        notebook=lambda text: _repeated(text, 60),
        loses="",
        may_lose="report each scale total double",
    ),
)


def _repeated(text: str, times: int) -> bytes:
    """The learner's own cell many times, before everything else."""
    import copy
    import json

    content = json.loads(text)
    own = next(cell for cell in content["cells"] if cell["id"].startswith("after-"))
    own["source"] = "import time\ntime.sleep(1)\n"
    copies = []
    for number in range(times):
        cell = copy.deepcopy(own)
        cell["id"] = f"own-{number}"
        copies.append(cell)
    content["cells"][1:1] = copies
    return json.dumps(content).encode()
