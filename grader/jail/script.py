"""Runs a Python file or module in a process that was forked from a warm parent, as `python FILE ARGUMENTS` would."""

from __future__ import annotations

import atexit
import io
import os
import runpy
import sys
import threading
import traceback
import types
from collections.abc import Mapping, Sequence


def run(arguments: Sequence[str], environment: Mapping[str, str], folder: str, output: int) -> int:
    """Become the program; returns its exit code when it has ended, its threads and exit handlers with it.

    arguments: a file and its arguments, or "-m" and a module. output: descriptor for what it writes to stdout and
    stderr. Nothing else that is open here stays open.
    """
    take_streams(output)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.stdin = io.TextIOWrapper(io.FileIO(0, closefd=False))
    sys.stdout, sys.stderr = _unbuffered(1), _unbuffered(2)
    code = _exit_code(list(arguments))
    threading._shutdown()  # type: ignore[attr-defined]  # as an interpreter ends: threads first, then exit handlers
    atexit._run_exitfuncs()
    return code


def take_streams(output: int) -> None:
    """An empty stdin, stdout and stderr to `output`, and no other descriptor."""
    null = os.open(os.devnull, os.O_RDONLY)
    for descriptor, target in ((null, 0), (output, 1), (output, 2)):
        os.dup2(descriptor, target)
    os.closerange(3, 65536)


def _unbuffered(descriptor: int) -> io.TextIOWrapper:
    raw = io.FileIO(descriptor, "w", closefd=False)
    return io.TextIOWrapper(raw, "utf-8", "backslashreplace", write_through=True)


def _exit_code(arguments: list[str]) -> int:
    try:
        if arguments[0] == "-m":
            sys.argv, sys.path[0] = arguments[1:], os.getcwd()
            runpy.run_module(arguments[1], run_name="__main__", alter_sys=True)
        else:
            path = os.path.abspath(arguments[0])
            sys.argv, sys.path[0] = arguments, os.path.dirname(path)
            main = types.ModuleType("__main__")
            main.__file__ = path
            sys.modules["__main__"] = main
            with io.open_code(path) as file:
                exec(compile(file.read(), path, "exec"), main.__dict__)  # noqa: S102
    except SystemExit as end:
        if end.code is None or isinstance(end.code, int):
            return (end.code or 0) & 0xFF
        sys.stderr.write(f"{end.code}\n")
        return 1
    except BaseException:
        traceback.print_exc()
        return 1
    return 0
