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
LINT = (("-m", "ruff", "check", "."), ("-m", "ruff", "format", "--check", "."), ("-m", "mypy"))
PYTEST = ("-m", "pytest", "-n", "2")
BROWSER = ("-m", "pytest", "-m", "browser")  # by itself: two JupyterLabs at a time get into each other's way
COURSE = ((*MLE, "build", "--check"), (*MLE, "verify"))
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
QUIET = {
    "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    "PIP_NO_INPUT": "1",
    "PIP_PROGRESS_BAR": "off",
    "PIP_USER": "0",
    "UV_NO_PROGRESS": "1",
}
ELSEWHERE = "Set SEATRIAL_ENV to a folder of your own."
CAUSES = (  # words in an installer's output; what they mean for the reader
    (
        "No space left on device|not enough space",
        "The disk is full. Free about 2 GB, or set SEATRIAL_ENV to a folder on another disk.",
    ),
    (
        "Read-only file system|Permission denied|Access is denied",
        "The folder cannot be written. " + ELSEWHERE,
    ),
    (
        "DO NOT MATCH THE HASHES|Hash mismatch",
        "The package registry gave other files than requirements.lock names; nothing was taken from it.",
    ),
    (
        "(from versions: none)|establish a new connection|name resolution|error sending request|dns error"
        "|Failed to fetch|Connection refused|Network is unreachable|ProxyError|timed out|certificate verify",
        "The package registry does not answer. Look at the network, the proxy, and pip's or uv's settings.",
    ),
)


class Problem(Exception):
    """What is missing and how to mend it, in a sentence or two for the reader."""


class StepFailed(Exception):
    """An installation step ended badly; its argument is what it printed."""


def python_problem(version: "tuple[int, int]") -> "str | None":
    """Why this Python cannot carry the environment, or None."""
    if OLDEST <= version <= NEWEST:
        return None
    age = "old" if version < OLDEST else "new"
    needed = "Python 3.11, 3.12 or 3.13 is needed; this is %d.%d, too %s." % (*version, age)
    import shutil

    for minor in (13, 12, 11):
        if shutil.which("python3.%d" % minor):
            return needed + " Try: python3.%d mle.py start" % minor
    return needed + " Install one of them, or uv, which brings its own."


def environment() -> str:
    """The folder of the environment."""
    chosen = os.environ.get("SEATRIAL_ENV")
    return os.path.abspath(os.path.expanduser(chosen)) if chosen else os.path.join(ROOT, ".venv")


def env_python(env: str) -> str:
    """The environment's interpreter."""
    return (
        os.path.join(env, "Scripts", "python.exe") if os.name == "nt" else os.path.join(env, "bin", "python")
    )


def env_version(env: str) -> "tuple[int, int] | None":
    """The Python version that the environment says it was made by, or None if it does not say."""
    try:
        with open(os.path.join(env, "pyvenv.cfg"), encoding="utf-8") as config:
            lines = [line.partition("=") for line in config]
        found = [value.strip() for key, _, value in lines if key.strip() in ("version", "version_info")]
        return (int(found[0].split(".")[0]), int(found[0].split(".")[1]))
    except (OSError, ValueError, IndexError):
        return None


def fingerprint(name: str) -> str:
    with open(os.path.join(ROOT, name), "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


def wanted_stamp(env: str, version: "tuple[int, int]") -> "dict[str, str]":
    """What the stamp of a finished environment says. A Python that does not fit leaves the choice to uv."""
    machine = os.uname().machine if hasattr(os, "uname") else os.environ.get("PROCESSOR_ARCHITECTURE", "")
    return {
        "python": "fitting" if python_problem(version) else "%d.%d" % version,
        "platform": sys.platform + " " + machine,
        "place": os.path.realpath(env),
        "lock": fingerprint("requirements.lock"),
        "project": fingerprint("pyproject.toml") + " " + os.path.realpath(ROOT),
    }


def read_stamp(env: str) -> "dict[str, str]":
    """The stamp's facts; empty if there is none."""
    try:
        with open(os.path.join(env, STAMP), encoding="utf-8") as file:
            return {line.partition(" ")[0]: line.partition(" ")[2].rstrip("\n") for line in file}
    except (OSError, UnicodeDecodeError):
        return {}


def write_stamp(env: str, facts: "dict[str, str]") -> None:
    with open(os.path.join(env, STAMP), "w", encoding="utf-8") as file:
        file.writelines("%s %s\n" % fact for fact in facts.items())


def needs_install(env: str, wanted: "dict[str, str]") -> str:
    """What is to be done: "make", "rebuild", "repair", "project" (only the course itself) or nothing, ""."""
    if not os.path.isdir(env) or not os.listdir(env):
        return "make"
    found, version = read_stamp(env), env_version(env)
    if version is None or not os.path.exists(env_python(env)):
        return "rebuild"
    if python_problem(version) if wanted["python"] == "fitting" else wanted["python"] != "%d.%d" % version:
        return "rebuild"
    if any(found.get(key, wanted[key]) != wanted[key] for key in ("platform", "place")):
        return "rebuild"
    if found.get("lock") != wanted["lock"]:
        return "repair"
    return "" if found.get("project") == wanted["project"] else "project"


def broken_packages(env: str) -> "list[str]":
    """Records of packages that an interrupted installation left with files missing or cut short."""
    import csv
    import glob

    broken = []
    places = glob.glob(os.path.join(env, "lib", "python3.*", "site-packages", "*.dist-info"))
    for folder in places or glob.glob(os.path.join(env, "Lib", "site-packages", "*.dist-info")):
        try:
            os.stat(os.path.join(folder, "INSTALLER"))
            with open(os.path.join(folder, "RECORD"), encoding="utf-8", newline="") as file:
                for name, digest, size in csv.reader(file):
                    if digest and size and os.stat(os.path.join(folder, "..", name)).st_size != int(size):
                        raise ValueError(name)
        except (OSError, ValueError):
            broken.append(folder)
    return broken


def check_place(env: str, action: str) -> None:
    """Raises Problem if the folder cannot be written or is not ours to empty."""
    try:
        os.makedirs(env, exist_ok=True)
    except OSError as error:
        raise Problem("%s cannot be written (%s). %s" % (env, error.strerror, ELSEWHERE)) from error
    if not os.access(env, os.W_OK):
        raise Problem("%s cannot be written. %s" % (env, ELSEWHERE))
    if action == "rebuild" and not any(
        os.path.exists(os.path.join(env, name)) for name in (STAMP, "pyvenv.cfg")
    ):
        raise Problem("%s is not an environment, so it is left alone. Move it, or set SEATRIAL_ENV." % env)


def check_room(env: str) -> None:
    """Raises Problem if a new environment would not fit on the disk."""
    import shutil

    free = shutil.disk_usage(env).free
    if free < ROOM_BYTES:
        needed = "About 2 GB are needed in %s; %.1f GB are free. " % (env, free / 1024**3)
        raise Problem(needed + "Set SEATRIAL_ENV to a folder on another disk.")


def explain(output: str) -> "str | None":
    """The cause outside of the course that an installer's output tells of, or None."""
    for signs, cause in CAUSES:
        if any(sign.lower() in output.lower() for sign in signs.split("|")):
            return cause
    return None


def step(title: str, command: "list[str]", held: "list[int]", total: int = 0) -> None:
    """Run one installation step; a moving line on a terminal, one line in a log. Raises StepFailed.

    held: file descriptors that the step keeps open, so that the lock outlives a killed launcher.
    """
    import subprocess
    import threading

    moving, begun = sys.stderr.isatty(), time.monotonic()
    if not moving:
        print(title + " ...", file=sys.stderr, flush=True)
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        env={**os.environ, **QUIET},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
        pass_fds=held if os.name == "posix" else (),
    )
    lines = []  # type: list[str]
    reader = threading.Thread(target=lambda: lines.extend(process.stdout or ()), daemon=True)
    reader.start()
    try:
        while reader.is_alive():
            reader.join(0.2)
            if moving:
                seen = sum(line.startswith(("Collecting ", "Requirement already")) for line in lines)
                count = ", %d of about %d packages found" % (seen, total) if total and seen else ""
                count = ", unpacking" if any(line.startswith("Installing coll") for line in lines) else count
                print(
                    "\r\033[K%s: %d s%s" % (title, time.monotonic() - begun, count),
                    end="",
                    file=sys.stderr,
                    flush=True,
                )
        code = process.wait()
    except BaseException:
        process.terminate()
        process.wait()
        raise
    finally:
        if moving:
            print("\r\033[K", end="", file=sys.stderr, flush=True)
    if code:
        raise StepFailed("".join(lines))


def empty(env: str) -> None:
    """Take everything out of the environment but its stamp, which goes on saying whose folder this is."""
    import shutil

    for entry in list(os.scandir(env)):
        if entry.is_dir(follow_symlinks=False):
            shutil.rmtree(entry.path)
        elif entry.name != STAMP:
            os.unlink(entry.path)


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
    if action != "project":
        for folder in broken_packages(env):
            shutil.rmtree(folder)
        with open(os.path.join(ROOT, "requirements.lock"), encoding="utf-8") as file:
            total = sum("==" in line and not line.startswith((" ", "#")) for line in file)
        if uv:
            command = [uv, "pip", "install", "--python", python, "--compile-bytecode"]
        else:
            if needs_pip(env):
                step("Adding pip", [python, "-m", "ensurepip"], held)
            command = [python, "-m", "pip", "install"]
        title = "Installing about %d packages, which may take some minutes" % total
        step(title, [*command, "--require-hashes", "-r", "requirements.lock"], held, total)
    local = ["--no-deps", "--no-build-isolation", "-e", ROOT]
    if uv:
        step("Adding the course", [uv, "pip", "install", "--python", python, "--offline", *local], held)
    else:
        step("Adding the course", [python, "-m", "pip", "install", "--no-index", *local], held)


def needs_pip(env: str) -> bool:
    import glob

    places = (("lib", "python3.*", "site-packages", "pip"), ("Lib", "site-packages", "pip"))
    return not any(glob.glob(os.path.join(env, *place)) for place in places)


def carry_out(env: str, action: str, wanted: "dict[str, str]", uv: "str | None", held: "list[int]") -> None:
    """One attempt. The stamp says "unfinished" until the last step is done."""
    write_stamp(env, {key: wanted[key] for key in ("platform", "place")})
    if action in ("make", "rebuild"):
        empty(env)
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
    check_place(env, action)
    try:
        try:
            carry_out(env, action, wanted, uv, held)
        except StepFailed as failure:
            other = uv if problem else None
            if explain(str(failure)) or (action in ("make", "rebuild") and other == uv):
                raise
            carry_out(env, "rebuild", wanted, other, held)
    except StepFailed as failure:
        told = [
            line for line in str(failure).splitlines() if not line.startswith(("Ignoring ", "WARNING: Retry"))
        ]
        last = "".join("  %s\n" % line[:200] for line in told[-6:])
        cause = explain(str(failure)) or "The installation failed."
        raise Problem("%s\nThe installer's last words:\n%s" % (cause, last.rstrip())) from failure
    except OSError as error:
        raise Problem(
            "%s: %s. %s" % (error.filename or env, error.strerror, explain(str(error)) or "")
        ) from error
    print("The environment is ready (%d s)." % (time.monotonic() - begun), file=sys.stderr)


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
        lock = os.open(env + ".lock", os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise Problem("%s cannot be written (%s). %s" % (env, error.strerror, ELSEWHERE)) from error
    try:
        if not try_lock(lock):
            print("Another start is installing; waiting for it.", file=sys.stderr, flush=True)
            while not try_lock(lock):
                time.sleep(0.5)
        action = needs_install(env, wanted)
        if action:
            install(env, action, wanted, [lock])
    finally:
        os.close(lock)


def hand_on(python: str, arguments: "list[str]") -> int:
    """Become the environment's interpreter; on Windows, run it and return its exit code."""
    sys.stdout.flush()
    sys.stderr.flush()
    if os.name != "nt":
        os.execv(python, [python, *arguments])
    return run(python, arguments, {})


def run(python: str, arguments: "list[str]", variables: "dict[str, str]") -> int:
    """Run the environment's interpreter and return its exit code; Ctrl-C is the child's to answer."""
    import subprocess

    process = subprocess.Popen([python, *arguments], env={**os.environ, **variables})
    while True:
        try:
            return process.wait()
        except KeyboardInterrupt:
            continue


def check(python: str, commands: "tuple[tuple[str, ...], ...]") -> int:
    """Run every command in this folder, also after a failure, and sum up; 0 if all went well, else 1."""
    os.chdir(ROOT)
    failed = []
    for command in commands:
        name = " ".join(command).replace(" ".join(MLE), "mle").replace("-m ", "")
        print("== " + name, flush=True)
        begun = time.monotonic()
        code = run(python, list(command), ONE_THREAD)  # tests and units run side by side
        print(
            "== %s: %s (%.0f s)" % (name, "failed" if code else "passed", time.monotonic() - begun),
            flush=True,
        )
        if code:
            failed.append(name)
        if code in (130, -2):
            break
    print("Failed: " + ", ".join(failed) if failed else "All checks passed.")
    return 1 if failed else 0


def main(arguments: "list[str]") -> int:
    env = environment()
    try:
        ready(env)
    except Problem as problem:
        print("Error: %s" % problem, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("Interrupted. The next start carries on.", file=sys.stderr)
        return 130
    python = env_python(env)
    if arguments[:1] == ["lint"]:
        return check(python, LINT)
    if arguments[:1] == ["test"] and arguments[1:]:
        return check(python, ((*PYTEST, *arguments[1:]),))
    if arguments[:1] == ["test"]:
        return check(python, (*LINT, (*PYTEST, "-m", "not browser"), BROWSER, *COURSE))
    # What `mle` tells the reader to type is what works from here.
    os.environ.setdefault("SEATRIAL_COMMAND", "python3 mle.py" if os.name != "nt" else "py mle.py")
    return hand_on(python, [*MLE, *arguments])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
