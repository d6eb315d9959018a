"""Writing: grade book, other students, the library, late writers, locks, and files left behind."""

# ruff: noqa: E501
from __future__ import annotations

from typing import Any

from hostile.case import RIGHT, Case, answer, code


def writes(name: str, text: str, tries: str, *, loses: str = "", **more: Any) -> Case:
    """A case that tries to write and then answers well."""
    return answer(name, code(text) + RIGHT, tries, loses=loses, **more)


TRY = """
import os, sys

def attempt(what, *arguments):
    try:
        what(*arguments)
        print("could", what.__name__, arguments[0])
    except BaseException as error:
        print("could not", type(error).__name__)

def put(path, text="owned"):
    with open(path, "a") as file:
        file.write(text)

"""

CASES = (
    writes(
        "grade_book",
        TRY
        + """
import sqlite3

def enter(path):
    with sqlite3.connect(path, timeout=0.1) as book:
        book.execute("UPDATE grade SET points = 1000")

attempt(enter, "@FOLDER@/class/gradebook.db")
attempt(put, "@FOLDER@/class/gradebook.db-journal")
attempt(os.unlink, "@FOLDER@/class/gradebook.db")
""",
        "Writes points into the grade book, or removes it.",
        jail=True,
    ),
    writes(
        "other_students",
        TRY
        + """
import shutil

attempt(put, "@FOLDER@/class/submitted/other/00-hostile/01-small.ipynb")
attempt(shutil.rmtree, "@FOLDER@/class/submitted")
attempt(os.rename, "@FOLDER@/course/solutions", "@FOLDER@/course/@TRACE@")
attempt(os.symlink, "/etc", "@FOLDER@/class/@TRACE@")
""",
        "Changes and removes what another student handed in.",
        jail=True,
    ),
    writes(
        "the_library",
        TRY
        + """
import numpy
import grader

for place in {os.path.dirname(grader.__file__), os.path.dirname(os.path.dirname(numpy.__file__)), sys.prefix, os.path.dirname(sys.executable)}:
    attempt(put, place + "/@TRACE@.pth", "")
    attempt(os.mkdir, place + "/@TRACE@")
    attempt(os.chmod, place, 0o777)
""",
        "Puts a file into the package, the libraries and the environment.",
        jail=True,
    ),
    writes(
        "everywhere",
        TRY
        + """
for place in ("/", "/etc", "/usr", "/usr/lib", "/var/tmp", "/run", "/home", "/root", "/dev", "/dev/shm", "/tmp", "/proc/sys/kernel", "/sys"):
    attempt(put, place + "/@TRACE@")
for place in os.environ.get("PATH", "").split(":"):
    attempt(put, place + "/@TRACE@")
attempt(put, os.path.expanduser("~/@TRACE@"))
attempt(put, "/proc/sys/kernel/core_pattern", "")
attempt(put, "/proc/self/oom_score_adj", "1000")
""",
        "Leaves a file in every folder that a program can usually write to.",
        jail=True,
    ),
    writes(
        "for_the_next_student",
        TRY
        + """
for top, folders, names in os.walk("/"):
    folders[:] = [name for name in folders if os.path.join(top, name) not in ("/proc", "/sys", "/usr", "/root")]
    if os.access(top, os.W_OK):
        attempt(put, top + "/@TRACE@", "all answers")
for link in ("stdin", "stdout", "stderr", "fd", "null"):
    attempt(os.unlink, "/dev/" + link)
    attempt(os.symlink, "/dev/zero", "/dev/" + link)
""",
        "Leaves its answers in every folder of the jail that it can write to, and replaces devices.",
        jail=True,
        harms=True,
    ),
    writes(
        "home_files_of_tools",
        TRY
        + """
home = os.path.expanduser("~")
for name in (".ipython/profile_default/startup/@TRACE@.py", ".jupyter/@TRACE@.py", ".config/@TRACE@", ".local/lib/@TRACE@"):
    attempt(os.makedirs, os.path.dirname(f"{home}/{name}"), 0o777, True)
    attempt(put, f"{home}/{name}", "")
""",
        "Leaves start files for IPython and Jupyter.",
        jail=True,
    ),
    answer(
        "late_writer",
        code("""
        import os, subprocess, sys, time

        program = "import time\\nwhile True:\\n time.sleep(0.005)\\n for n in ('late', '@TRACE@'):\\n  try: open(n, 'a').write('x')\\n  except OSError: pass"
        subprocess.Popen([sys.executable, "-c", program, "@TRACE@"], start_new_session=True)
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                while True:
                    time.sleep(0.005)
                    try:
                        open("@TRACE@-too", "a").write("x")
                    except OSError:
                        pass
            os._exit(0)
        """)
        + RIGHT,
        "Leaves processes that go on writing when the run has ended, so that its folder cannot be removed.",
        loses="",
        jail=True,
        harms=True,
    ),
    writes(
        "deep_folders",
        """
        import os

        here = os.getcwd()
        for _ in range(1500):
            os.mkdir("d")
            os.chdir("d")
        os.chdir(here)
        """,
        "Nests 1,500 folders, deeper than what removes them can recurse.",
        own={},
    ),
    writes(
        "folders_nobody_may_open",
        """
        import os

        for name in ("a", "b"):
            os.makedirs(f"{name}/inner/@TRACE@")
            os.chmod(f"{name}/inner", 0)
            os.chmod(name, 0)
        os.chmod(".", 0o500)
        """,
        "Makes folders that cannot be opened, listed or removed.",
        may_lose="report",
    ),
    writes(
        "names_that_hurt",
        """
        import os

        for name in ("-rf", "--", "a\\nb", "\\x1b[31m", "*", "~", "$(reboot)", "x" * 255, "\\udcff\\udcfe", " "):
            with open(name, "w") as file:
                file.write("x")
            os.makedirs("folder " + name[:200], exist_ok=True)
        """,
        "Files whose names are options, escape sequences and no text.",
    ),
    writes(
        "many_files",
        """
        import os

        made = 0
        try:
            for number in range(30_000):
                os.close(os.open(f"file-{number}", os.O_CREAT | os.O_WRONLY))
                made += 1
        except OSError:
            pass
        print(made)
        """,
        "Makes thirty thousand files.",
        may_lose="report",
    ),
    writes(
        "locks",
        """
        import fcntl, os, sqlite3

        database = os.environ["MLFLOW_TRACKING_URI"].removeprefix("sqlite:///")
        book = sqlite3.connect(database, isolation_level=None)
        book.execute("PRAGMA locking_mode = EXCLUSIVE")
        book.execute("BEGIN EXCLUSIVE")
        kept = open(database, "rb+")
        fcntl.flock(kept, fcntl.LOCK_EX)
        for place in ("/tmp", "/dev/shm", "."):
            fcntl.flock(os.open(place, os.O_RDONLY), fcntl.LOCK_EX | fcntl.LOCK_NB)
        """,
        "Holds locks on the tracking store and on shared folders.",
    ),
)
