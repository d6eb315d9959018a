"""`mle class grade`: what it prints and how it ends."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from grader.cli_text import err, out, shown, spoken
from grader.course import Course, find_course
from grader.jail.isolation import Isolation, require

if TYPE_CHECKING:
    from grader.classroom.early import Engine
    from grader.classroom.summary import Outcome, Summary

Several = typer.Option(help="Only this one; may be given several times.", show_default=False)
MOST_NOTES = 5  # of one notebook; --json has all of them


def grade(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The class.")] = Path("."),
    workers: Annotated[
        int | None,
        typer.Option(min=1, help="Submissions at a time. Default: one a core.", show_default=False),
    ] = None,
    unit: Annotated[list[str] | None, Several] = None,
    student: Annotated[list[str] | None, Several] = None,
    test: Annotated[list[str] | None, Several] = None,
    force: Annotated[bool, typer.Option("--force", help="Grade again what is done.")] = False,
    isolation: Annotated[
        Isolation, typer.Option(help="full: in a jail. reduced: only for people whom you trust.")
    ] = Isolation.FULL,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Grade what lies in DIR/submitted/ and write nbgrader's grade book and autograded/.

    Ended in the middle, the same command goes on where it was. What is done and unchanged is left as it is.
    """
    from grader.classroom import summary as results
    from grader.classroom.early import started_early
    from grader.classroom.grading import grade_class

    require(isolation)
    import_nbgrader_sooner()
    course = find_course()
    options = results.Options(
        workers=workers or cores(),
        units=tuple(unit or ()),
        students=tuple(student or ()),
        tests=tuple(test or ()),
        force=force,
        isolation=isolation.value,
    )
    try:
        with (
            told_progress() as progress,
            started_early(engine(folder, course, isolation), folder, course) as early,
        ):
            done = grade_class(folder, course, options, early, say, progress)
    except KeyboardInterrupt:
        say("Ended. What was graded is written; the same command goes on from here.")
        raise typer.Exit(130) from None
    if as_json:
        sys.stdout.write(json.dumps(results.as_json(done), ensure_ascii=False) + "\n")
    else:
        show(done, folder)
    raise typer.Exit(0 if done.all_well else 1)


def cores() -> int:
    """Those that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def import_nbgrader_sooner() -> None:
    """Leave out a checker of internet addresses that jsonschema would import: it compiles a grammar for 1.4 s.

    No schema of a notebook asks for it, and jsonschema does without where it is not installed.
    """
    sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]


def engine(folder: Path, course: Course, isolation: Isolation) -> Engine:
    """Workers for as many threads as are wanted; no jail shows the class or the solutions."""
    from grader.workers import grading_workers

    hidden = (folder.resolve(), course.root / "solutions")
    return lambda modules: grading_workers(modules, isolation, hidden=hidden)


def say(text: str) -> None:
    err.print(spoken(text))


@contextlib.contextmanager
def told_progress() -> Iterator[Callable[[int, int], None]]:
    """A bar with the time left where somebody watches; nothing in a log file."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    if not err.is_terminal:
        yield lambda _done, _total: None
        return
    columns = (
        TextColumn("grading"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("time left"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=err, transient=True) as bar:
        task = bar.add_task("grading", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def show(summary: Summary, folder: Path) -> None:
    """What needs a look, one line each, then the table."""
    from grader.classroom.results import GRADED

    for one in sorted(summary.outcomes, key=lambda one: (one.student, one.assignment, one.notebook)):
        where = f"{one.student}/{one.assignment}/{one.notebook}"
        if one.state != GRADED:
            out.print(f"{one.state}  {where}: {one.reason}", soft_wrap=True)
        for note in notes_of(one):
            out.print(f"note     {where}: {note}", soft_wrap=True)
    for refused in summary.refused:
        out.print(
            f"left out {refused.assignment}/{refused.notebook}: {spoken(refused.reason)}", soft_wrap=True
        )
    for note in summary.notes:
        out.print(f"note     {note}", soft_wrap=True)
    out.print(table(summary))
    if not summary.outcomes:
        out.print(
            f"Nothing is handed in: {shown(folder / 'submitted')} holds no STUDENT/ASSIGNMENT of this class."
        )


def notes_of(one: Outcome) -> list[str]:
    more = len(one.notes) - MOST_NOTES
    return [*one.notes[:MOST_NOTES], *([f"and {more} more"] if more > 0 else [])]


def table(summary: Summary) -> Table:
    """How many notebooks ended how, and what it took."""
    from grader.classroom.results import CRASHED, DAMAGED, GRADED

    made = Table(box=None, pad_edge=False, header_style="", show_header=True)
    for name in ("notebooks", "now", "before"):
        made.add_column(name, justify="left" if name == "notebooks" else "right")
    for state in (GRADED, DAMAGED, CRASHED):
        counts = (summary.count(state, before=False), summary.count(state, before=True))
        made.add_row(state, *map(str, counts))
    each = f", {summary.seconds / summary.written:.2f} s a submission" if summary.written else ""
    made.add_row("seconds", f"{summary.seconds:.1f}{each}", "")
    made.add_row("isolation", summary.isolation, "")
    return made
