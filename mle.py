#!/usr/bin/env python3
"""Start Seatrial: make its environment on first use, then hand the command on to `mle`.

python3 mle.py COMMAND ...   what `mle COMMAND ...` does, with its exit code
python3 mle.py test          all checks of this repository; with arguments: pytest with these arguments
python3 mle.py lint          of these only style and types

The environment is `.venv` beside this file, or the folder that SEATRIAL_ENV names. Only the standard library
is used here, in words that an older Python can still read, so that it can say which Python is needed.
"""

import hashlib
import os
import sys
import time

OLDEST, NEWEST = (3, 11), (3, 13)
ROOM_BYTES = 2 * 1024**3
ROOT = os.path.dirname(os.path.abspath(__file__))
STAMP = "seatrial-stamp.txt"
MLE = ("-P", "-c", "import sys; sys.argv[0] = 'mle'; from grader.cli import main; sys.exit(main())")
CHECKS = ("-P", "-m", "grader.cli_checks")
QUIET = "PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1 PIP_PROGRESS_BAR=off PIP_USER=0 UV_NO_PROGRESS=1"
ELSEWHERE = "Set SEATRIAL_ENV to a folder of your own."
CAUSES = {  # words in an installer's output; what they mean for the reader
    "No space left|not enough space": "The disk is full. Free about 2 GB. " + ELSEWHERE,
    "Read-only file system|Permission denied|Access is denied": "The folder cannot be written. " + ELSEWHERE,
    "DO NOT MATCH THE HASHES|Hash mismatch": "The package registry gave other files than requirements.lock "
    "names; nothing was taken from it.",
    "(from versions: none)|establish a new connection|name resolution|error sending request|dns error"
    "|Failed to fetch|Connection refused|Network is unreachable|ProxyError|timed out|certificate verify": "The "
    "package registry does not answer. Look at the network, the proxy, and pip's or uv's settings.",
}


class Problem(Exception):
    """What is missing and how to mend it, in a sentence or two for the reader."""


class StepFailed(Exception):
    """An installation step ended badly; its argument is what it printed."""


def tell(text: str, end: str = "\n") -> None:
    print(text, end=end, file=sys.stderr, flush=True)


def python_problem(version: "tuple[int, int]") -> "str | None":
    """Why this Python cannot carry the environment, or None."""
    if OLDEST <= version <= NEWEST:
        return None
    import shutil

    age = "old" if version < OLDEST else "new"
    needed = "Python 3.11, 3.12 or 3.13 is needed; this is %d.%d, too %s." % (*version, age)
    for name in ("python3.13", "python3.12", "python3.11"):
        if shutil.which(name):
            return "%s Try: %s mle.py start" % (needed, name)
    return needed + " Install one of them, or uv, which brings its own."


def env_python(env: str) -> str:
    """The environment's interpreter."""
    return os.path.join(env, *(("Scripts", "python.exe") if os.name == "nt" else ("bin", "python")))


def read_facts(path: str, separator: str) -> "dict[str, str]":
    """A file of lines "name, separator, fact"; empty if it cannot be read."""
    try:
        with open(path, encoding="utf-8") as file:
            parts = [line.partition(separator) for line in file]
    except (OSError, UnicodeDecodeError):
        return {}
    return {name.strip(): fact.strip() for name, _, fact in parts}


def write_stamp(env: str, facts: "dict[str, str]") -> None:
    with open(os.path.join(env, STAMP), "w", encoding="utf-8") as file:
        file.writelines("%s %s\n" % fact for fact in facts.items())


def wanted_stamp(env: str, version: "tuple[int, int]") -> "dict[str, str]":
    """What the stamp of a finished environment says. A Python that does not fit leaves the choice to uv."""
    prints = []
    for name in ("requirements.lock", "pyproject.toml"):
        with open(os.path.join(ROOT, name), "rb") as file:
            prints.append(hashlib.sha256(file.read()).hexdigest())
    machine = os.uname().machine if hasattr(os, "uname") else os.environ.get("PROCESSOR_ARCHITECTURE", "")
    return {
        "python": "fitting" if python_problem(version) else "%d.%d" % version,
        "platform": sys.platform + " " + machine,
        "place": os.path.realpath(env),
        "lock": prints[0],
        "project": prints[1] + " " + os.path.realpath(ROOT),
    }


def needs_install(env: str, wanted: "dict[str, str]") -> str:
    """What is to be done: "make", "rebuild", "repair", "project" (only the course itself) or nothing, ""."""
    if not os.path.isdir(env) or not os.listdir(env):
        return "make"
    found = read_facts(os.path.join(env, STAMP), " ")
    made_by = read_facts(os.path.join(env, "pyvenv.cfg"), "=")
    numbers = (made_by.get("version") or made_by.get("version_info", "")).split(".")[:2]
    if not os.path.exists(env_python(env)) or [number.isdigit() for number in numbers] != [True, True]:
        return "rebuild"
    version = (int(numbers[0]), int(numbers[1]))
    fits = OLDEST <= version <= NEWEST and wanted["python"] in ("fitting", "%d.%d" % version)
    if not fits or any(found.get(key, wanted[key]) != wanted[key] for key in ("platform", "place")):
        return "rebuild"
    if found.get("lock") != wanted["lock"]:
        return "repair"
    return "" if found.get("project") == wanted["project"] else "project"


def site_packages(env: str, name: str) -> "list[str]":
    """What lies under this name in the environment's packages."""
    import glob

    places = (("lib", "python3.*", "site-packages", name), ("Lib", "site-packages", name))
    return glob.glob(os.path.join(env, *places[0])) or glob.glob(os.path.join(env, *places[1]))


def broken_packages(env: str) -> "list[str]":
    """Records of packages that an interrupted installation left with files missing or cut short."""
    import csv

    broken = []
    for folder in site_packages(env, "*.dist-info"):
        try:
            os.stat(os.path.join(folder, "INSTALLER"))
            with open(os.path.join(folder, "RECORD"), encoding="utf-8", newline="") as file:
                for name, digest, size in csv.reader(file):
                    if digest and size and os.stat(os.path.join(folder, "..", name)).st_size != int(size):
                        raise ValueError(name)
        except (OSError, ValueError):
            broken.append(folder)
    return broken


def check_room(env: str) -> None:
    """Raises Problem if a new environment would not fit on the disk."""
    import shutil

    free = shutil.disk_usage(env).free
    if free < ROOM_BYTES:
        needed = "About 2 GB are needed in %s; %.1f GB are free. " % (env, free / 1024**3)
        raise Problem(needed + "Set SEATRIAL_ENV to a folder on another disk.")


def explain(output: str) -> "str | None":
    """The cause outside of the course that an installer's output tells of, or None."""
    output = output.lower()
    found = [cause for signs, cause in CAUSES.items() if any(s in output for s in signs.lower().split("|"))]
    return found[0] if found else None


def step(title: str, command: "list[str]", held: "list[int]") -> None:
    """Run one installation step, which keeps `held` open: the lock outlives a killed launcher. Raises StepFailed."""
    import subprocess
    import tempfile

    moving, begun = sys.stderr.isatty(), time.monotonic()
    if not moving:
        tell(title + " ...")
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as output:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env={**os.environ, **dict(pair.split("=") for pair in QUIET.split())},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            pass_fds=held if os.name == "posix" else (),
        )
        try:
            while process.poll() is None:
                time.sleep(0.05)
                if moving:
                    tell("\r\033[K%s: %d s" % (title, time.monotonic() - begun), end="")
        except BaseException:
            process.terminate()
            process.wait()
            raise
        finally:
            if moving:
                tell("\r\033[K", end="")
        if process.returncode:
            output.seek(0)
            raise StepFailed(output.read())


def make(env: str, uv: "str | None", fitting: bool, held: "list[int]") -> None:
    """A new environment without packages in an emptied folder. Raises Problem if Python cannot make one."""
    import importlib.util

    base = getattr(sys, "_base_executable", None) or sys.executable
    if uv:
        python = base if fitting else ">=%d.%d,<%d.%d" % (*OLDEST, NEWEST[0], NEWEST[1] + 1)
        command = [uv, "venv", "--no-project", "--allow-existing", "--python", python, env]
    elif importlib.util.find_spec("venv") and importlib.util.find_spec("ensurepip"):
        command = [base, "-m", "venv", env]
    else:
        raise Problem("This Python has no venv module. On Debian and Ubuntu: apt install python3-venv")
    step("Making the environment", command, held)


def fill(env: str, action: str, uv: "str | None", held: "list[int]") -> None:
    """Install what requirements.lock names, then the course itself from this folder, without a network."""
    import shutil

    python = env_python(env)
    pip = [uv, "pip", "install", "--python", python] if uv else [python, "-m", "pip", "install"]
    if action != "project":
        for folder in broken_packages(env):
            shutil.rmtree(folder)
        if not uv and not site_packages(env, "pip"):
            step("Adding pip", [python, "-m", "ensurepip"], held)
        locked = ["--compile-bytecode"] if uv else []
        locked += ["--require-hashes", "-r", "requirements.lock"]
        step("Installing the packages, which may take some minutes", [*pip, *locked], held)
    local = ["--offline" if uv else "--no-index", "--no-deps", "--no-build-isolation", "-e", ROOT]
    step("Adding the course", [*pip, *local], held)


def carry_out(env: str, action: str, wanted: "dict[str, str]", uv: "str | None", held: "list[int]") -> None:
    """One attempt. The stamp says "unfinished" until the last step is done, and whose folder this is."""
    import shutil

    write_stamp(env, {key: wanted[key] for key in ("platform", "place")})
    if action in ("make", "rebuild"):
        for entry in list(os.scandir(env)):
            if entry.is_dir(follow_symlinks=False):
                shutil.rmtree(entry.path)
            elif entry.name != STAMP:
                os.unlink(entry.path)
        check_room(env)
        make(env, uv, wanted["python"] != "fitting", held)
    fill(env, action, uv, held)
    write_stamp(env, wanted)


def install(env: str, action: str, wanted: "dict[str, str]", held: "list[int]") -> None:
    """Bring the environment up to date; where that fails for no known cause, rebuild it with pip."""
    import shutil

    uv, begun = shutil.which("uv"), time.monotonic()
    problem = python_problem(sys.version_info[:2])
    if problem and not uv:
        raise Problem(problem)
    os.makedirs(env, exist_ok=True)
    if not os.access(env, os.W_OK):
        raise Problem("%s cannot be written. %s" % (env, ELSEWHERE))
    if action == "rebuild" and not {STAMP, "pyvenv.cfg"} & set(os.listdir(env)):
        raise Problem("%s is not an environment, so it is left alone. Move it, or set SEATRIAL_ENV." % env)
    try:
        try:
            carry_out(env, action, wanted, uv, held)
        except StepFailed as failure:
            other = uv if problem else None
            if explain(str(failure)) or (action in ("make", "rebuild") and other == uv):
                raise
            carry_out(env, "rebuild", wanted, other, held)
    except StepFailed as failure:
        cause = explain(str(failure)) or "The installation failed."
        last = ["  " + line[:200] for line in str(failure).splitlines() if not line.startswith("Ignoring ")]
        raise Problem("\n".join([cause, "The installer's last words:", *last[-6:]])) from failure
    tell("The environment is ready (%d s)." % (time.monotonic() - begun))


def try_lock(descriptor: int) -> bool:
    """Take the lock on an open file if nobody holds it."""
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    except (BlockingIOError, PermissionError):
        return False
    except OSError:
        return True  # a file system without locks: go on without


def ready(env: str) -> None:
    """Return when the environment is up to date; only one start at a time works on it. Raises Problem."""
    wanted = wanted_stamp(env, sys.version_info[:2])
    if not needs_install(env, wanted):
        return
    try:
        os.makedirs(os.path.dirname(env), exist_ok=True)
        with open(env + ".lock", "a") as lock:
            if not try_lock(lock.fileno()):
                tell("Another start is installing; waiting for it.")
                while not try_lock(lock.fileno()):
                    time.sleep(0.5)
            action = needs_install(env, wanted)
            if action:
                install(env, action, wanted, [lock.fileno()])
    except OSError as error:
        told = (error.filename or env, error.strerror, explain(str(error)) or ELSEWHERE)
        raise Problem("%s cannot be written (%s). %s" % told) from error


def main(arguments: "list[str]") -> int:
    chosen = os.path.expanduser(os.environ.get("SEATRIAL_ENV", ""))
    env = os.path.abspath(chosen or os.path.join(ROOT, ".venv"))
    try:
        ready(env)
    except Problem as problem:
        tell("Error: %s" % problem)
        return 2
    except KeyboardInterrupt:
        tell("Interrupted. The next start carries on.")
        return 130
    # What `mle` tells the reader to type is what works from here.
    os.environ.setdefault("SEATRIAL_COMMAND", "py mle.py" if os.name == "nt" else "python3 mle.py")
    command = [env_python(env), *(CHECKS if arguments[:1] in (["test"], ["lint"]) else MLE), *arguments]
    if os.name != "nt":
        os.execv(command[0], command)
    import subprocess

    process = subprocess.Popen(command)
    while True:
        try:
            return process.wait()
        except KeyboardInterrupt:
            continue  # Ctrl-C is the child's to answer


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
