"""%check, %hint and %progress for a notebook."""

from __future__ import annotations

import argparse
import json
import os
import shlex
import sys
from typing import Any, NoReturn

import grader
from grader import checking, misconceptions, report
from grader.course import Course, find_course
from grader.errors import SeatrialError
from grader.live import LiveCheck
from grader.model import Unit
from grader.workspace import Workspace

USAGE = "%check [--json] [--seed N] [UNIT]"


def register(shell: Any) -> None:
    """Make the magics known to an IPython shell."""

    def magic_check(line: str) -> None:
        """%check [--json] [--seed N] [UNIT]: judge the notebook as it is now."""
        guarded(check_here, line, shell.user_ns)

    def magic_hint(line: str) -> None:
        """%hint [UNIT]: the next of three hints."""
        guarded(show_hint, line)

    def magic_progress(line: str) -> None:
        """%progress: units and points so far."""
        guarded(show_progress)

    shell.register_magic_function(magic_check, "line", "check")
    shell.register_magic_function(magic_hint, "line", "hint")
    shell.register_magic_function(magic_progress, "line", "progress")


def guarded(action: Any, *arguments: Any) -> None:
    """Say what is wrong in one line instead of a traceback."""
    try:
        action(*arguments)
    except SeatrialError as error:
        sys.stdout.write(f"Error: {error}\n")


def chosen(name: str | None) -> tuple[Course, Unit]:
    """The unit that is named, or the one whose first cell ran here."""
    course = find_course()
    name = name or os.environ.get(grader.UNIT)
    if not name:
        raise SeatrialError("run the notebook's first cell, or name a unit")
    return course, course.exercise(name)


class Options(argparse.ArgumentParser):
    """A parser that leaves the kernel alone when a line is wrong."""

    def error(self, message: str) -> NoReturn:
        raise SeatrialError(f"{USAGE}: {message}")


def check_here(line: str, names: dict[str, Any]) -> None:
    parser = Options(prog="%check", add_help=False)
    parser.add_argument("unit", nargs="?")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--seed", type=int)
    try:
        options = parser.parse_args(shlex.split(line))
    except ValueError as error:
        raise SeatrialError(f"{USAGE}: {error}") from error
    course, unit = chosen(options.unit)
    found = LiveCheck(unit, names, options.seed).run()
    signatures = misconceptions.load_signatures(checking.outcomes_file(course, unit))
    found = misconceptions.name_misconceptions(unit, found, signatures)
    if options.json:
        sys.stdout.write(json.dumps(report.as_json(found), ensure_ascii=False) + "\n")
        return
    from rich.console import Console

    from grader.progress import next_step

    following = next_step(course, Workspace.of(course), unit, found, in_notebook=True)
    Console(file=sys.stdout, width=100, highlight=False).print(report.as_text(found, unit, following))


def show_hint(line: str) -> None:
    course, unit = chosen(line.strip() or None)
    sys.stdout.write(Workspace.of(course).next_hint(unit) + "\n")


def show_progress() -> None:
    from grader.progress import progress_lines

    course = find_course()
    sys.stdout.write("\n".join(progress_lines(course, Workspace.of(course))) + "\n")
