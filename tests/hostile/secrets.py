"""Secrets: solutions, hidden tests, other submissions, the grade book, variables, memory of the parent.

Each submission looks for the marks that the ground has put there, with full knowledge of where they are, prints
what it found and then earns its points honestly. No mark may be in anything that comes back.
"""

# ruff: noqa: E501
from __future__ import annotations

from hostile.case import LINK, SEARCH, Case, answer, code, search

WALK = """
import time

last = time.monotonic() + 0.8

def walk(top, most=20_000):
    left = [top]
    while left and most > 0 and time.monotonic() < last:
        place = left.pop()
        try:
            entries = list(os.scandir(place))
        except OSError:
            continue
        for entry in entries:
            most -= 1
            try:
                if entry.is_dir(follow_symlinks=False):
                    left.append(entry.path)
                elif entry.is_file() and entry.stat().st_size < 4_000_000:
                    look_into(entry.path)
            except OSError:
                pass


"""

CASES = (
    search(
        "walk_of_the_files",
        WALK
        + """
for top in ("@FOLDER@", "/tmp", "/home", "/root", "/var", "/srv", "/opt", "/mnt", "/run", "/etc", "/dev/shm", os.getcwd(), ".."):
    walk(top)
for name in os.listdir("/"):
    if name not in ("proc", "sys", "usr", "lib", "lib64", "bin", "sbin", "dev"):
        walk("/" + name)
""",
        "Walks through every file that it can see, the course and the class by their paths.",
        jail=True,
    ),
    search(
        "known_paths",
        """
for path in (
    "@FOLDER@/course/solutions/solution.py",
    "@FOLDER@/course/solutions/00-hostile/01-small.py",
    "@FOLDER@/class/submitted/other/00-hostile/01-small.ipynb",
    "@FOLDER@/class/gradebook.db",
    "/proc/@SUPERVISOR@/environ",
    "/proc/@SUPERVISOR@/cmdline",
    "/proc/@SUPERVISOR@/root/@FOLDER@/class/gradebook.db",
    "/proc/@SUPERVISOR@/cwd/solutions",
):
    look_into(path)
    for door in ("/proc/1/root", "/proc/self/root", "/proc/self/cwd/../../../../../..", "/dev/fd/0/.."):
        look_into(door + path)
""",
        "Opens the files of the course, the class and the supervisor by name, also through /proc.",
        jail=True,
    ),
    search(
        "environment_of_all",
        """
import os, subprocess

look(repr(dict(os.environb)).encode())
for pid in [name for name in os.listdir("/proc") if name.isdigit()]:
    for what in ("environ", "cmdline", "maps", "status", "mountinfo", "auxv"):
        look_into(f"/proc/{pid}/{what}")
look(subprocess.run(["env"], capture_output=True).stdout)
""",
        "Reads the variables of every process.",
        jail=True,
    ),
    answer(
        "tests_on_the_wire",
        SEARCH
        + LINK
        + code("""
        import threading

        def listen():
            while True:
                for number in range(3, 64):
                    try:
                        os.set_blocking(number, False)
                        look(os.read(number, 1_000_000))
                    except OSError:
                        pass

        threading.Thread(target=listen, daemon=True).start()

        def double(number):
            tell()
            return 2 * number
        """),
        "Reads all descriptors beside the loop that serves it.",
        may_lose="double total scale each report",
        loses="",
    ),
    Case(
        "service_that_searches",
        "The delivered program looks at its environment, its folder, its parent and the wire.",
        {
            "report": SEARCH
            + WALK
            + code("""
            import sys

            look(repr(dict(os.environ)).encode())
            for pid in ("self", str(os.getppid()), "1", "@SUPERVISOR@"):
                look_into(f"/proc/{pid}/environ")
            walk("@FOLDER@")
            walk(".")
            for number in range(3, 64):
                try:
                    look(os.read(number, 100_000))
                except OSError:
                    pass
            if found or "SEATRIAL_SEED" in os.environ:
                sys.exit(f"{sorted(found)} {os.environ.get('SEATRIAL_SEED')}")
            print(sum(int(word) for word in sys.argv[1:]))
            """)
        },
        jail=True,
    ),
    Case(
        "model_that_searches",
        "The model's load runs code, which looks for secrets and tells them by its prediction.",
        {
            "tracked": SEARCH
            + code("""
            import mlflow
            import numpy as np
            from sklearn.linear_model import LinearRegression

            class Spy:
                def __reduce__(self):
                    text = (
                        "[__import__('os').path.exists(p) for p in ('@FOLDER@/class', '@FOLDER@/course')]"
                        "+ [k for k in __import__('os').environ if 'SEED' in k or 'CANARY' in k]"
                    )
                    return (eval, (f"open('spied.txt', 'w').write(repr({text}))",))

            rows = np.arange(6.0).reshape(-1, 1)
            with mlflow.start_run():
                mlflow.log_param("shape", 6)
                mlflow.log_metric("error", 0.25)
                mlflow.log_text("two x and one", "note.txt")
                line = LinearRegression().fit(rows, 2 * rows[:, 0] + 1)
                line.spy = Spy()
                mlflow.sklearn.log_model(line, name="line", pip_requirements=[], serialization_format="cloudpickle")
            """)
        },
        tracked=True,
    ),
)
