"""All checks of this repository, one after the other: `python3 mle.py test` and `python3 mle.py lint`."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

MLE = ("-P", "-c", "import sys; sys.argv[0] = 'mle'; from grader.cli import main; sys.exit(main())")
LINT = (("-m", "ruff", "check", "."), ("-m", "ruff", "format", "--check", "."), ("-m", "mypy"))
PYTEST = ("-m", "pytest", "-n", "2")
BROWSER = ("-m", "pytest", "-m", "browser")  # by itself: two JupyterLabs at a time get into each other's way
COURSE = ((*MLE, "build", "--check"), (*MLE, "verify", "--changed"))
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
INTERRUPTED = (130, -2)


def commands(arguments: Sequence[str]) -> tuple[tuple[str, ...], ...]:
    """What "lint", "test" and "test PYTEST-ARGUMENTS" run with this interpreter."""
    if list(arguments[:1]) == ["lint"]:
        return LINT
    if len(arguments) > 1:
        return ((*PYTEST, *arguments[1:]),)
    return (*LINT, (*PYTEST, "-m", "not browser"), BROWSER, *COURSE)


def check(chosen: Iterable[Sequence[str]]) -> int:
    """Run every command in the clone, also after a failure, and sum up; 0 if all went well, else 1."""
    os.chdir(Path(__file__).parent.parent)
    failed = []
    for command in chosen:
        name = " ".join(command).replace(" ".join(MLE), "mle").replace("-m ", "")
        print(f"== {name}", flush=True)
        begun = time.monotonic()
        code = run(command)
        print(f"== {name}: {'failed' if code else 'passed'} ({time.monotonic() - begun:.0f} s)", flush=True)
        if code:
            failed.append(name)
        if code in INTERRUPTED:
            break
    print(f"Failed: {', '.join(failed)}" if failed else "All checks passed.")
    return 1 if failed else 0


def run(command: Sequence[str]) -> int:
    """The exit code of this interpreter with `command`, on one thread; Ctrl-C is the child's to answer."""
    process = subprocess.Popen([sys.executable, *command], env={**os.environ, **ONE_THREAD})
    while True:
        try:
            return process.wait()
        except KeyboardInterrupt:
            continue


if __name__ == "__main__":
    sys.exit(check(commands(sys.argv[1:])))
