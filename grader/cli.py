"""The command line: parse, call, show. Only here is anything printed or an exit code set."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from grader.cli_text import out, print_error, shown, spoken
from grader.course import Course, find_course
from grader.errors import SeatrialError, WorkspaceError
from grader.model import Report, Unit
from grader.workspace import Workspace

app = typer.Typer(
    help="Seatrial: learn machine-learning engineering by doing it.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

UnitOrFile = Annotated[
    str | None, typer.Argument(help="A unit's name, or a notebook. Default: the last one saved.")
]
UnitName = Annotated[str, typer.Argument(help="A unit's name, for example first-check.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object (docs/check-json.md).")]
Seed = Annotated[str | None, typer.Option(help="Repeat the hidden data of an earlier check.")]

KeepAttempt = Annotated[
    bool, typer.Option("--record/--no-record", help="Keep the attempt among your runs, or only judge.")
]


@app.command()
def start(
    unit: Annotated[str | None, typer.Argument(help="A unit's name. Default: the first.")] = None,
    lab: Annotated[bool, typer.Option("--lab/--no-lab", help="Open JupyterLab, or only copy.")] = True,
) -> None:
    """Copy a lesson and its exercise to your folder and open JupyterLab on them."""
    course = find_course()
    chosen = course.unit(unit) if unit else first_unit(course)
    workspace = Workspace.of(course)
    made = workspace.start(course, chosen)
    for path in made:
        out.print(f"copied  {shown(path)}")
    if not made:
        out.print(f"your copies are there: {shown(workspace.folder(chosen))}")
    if not lab:
        then = f"run: mle check {chosen.name}" if chosen.has_exercise else "see what is next: mle next"
        out.print(spoken(f"Open {shown(workspace.lesson(chosen))}, then {then}"))
        return
    from grader.lab import open_lab

    raise typer.Exit(open_lab(workspace, chosen))


@app.command()
def check(
    target: UnitOrFile = None, seed: Seed = None, as_json: Json = False, keep: KeepAttempt = True
) -> None:
    """Run your notebook from clean, judge every test, and say what to do next."""
    from grader import checking, report
    from grader.notebook import read_submission

    course, unit, path = chosen_notebook(target)
    workers = checking.spare_workers(unit)
    try:
        submission = read_submission(path, unit)
        found = checking.check(course, unit, submission, workers, seed=seed_number(seed))
        if as_json:
            sys.stdout.write(json.dumps(report.as_json(found), ensure_ascii=False) + "\n")
        else:
            show_report(course, unit, found)
    finally:
        workers.close()
    if keep:
        record(course, found)
    raise typer.Exit(0 if found.points >= found.max_points else 1)


@app.command()
def watch(target: UnitOrFile = None, seed: Seed = None) -> None:
    """Check on each save of the notebook; Ctrl-C ends it."""
    from grader.watch import watch_notebook

    course, unit, path = chosen_notebook(target)

    def show(found: Report) -> None:
        out.print("-" * 60)
        show_report(course, unit, found)
        record(course, found)

    out.print(f"Watching {shown(path)}. Save it to check it; Ctrl-C ends.")
    try:
        watch_notebook(course, unit, path, show, print_error, seed=seed_number(seed))
    except KeyboardInterrupt:
        out.print("Ended.")


@app.command()
def hint(unit: UnitName) -> None:
    """The next of a unit's three hints."""
    course = find_course()
    out.print(Workspace.of(course).next_hint(course.exercise(unit)))


@app.command()
def solution(unit: UnitName) -> None:
    """The solution, other right answers, and the common wrong ways."""
    from grader.solution import solution_text

    out.print(solution_text(find_course().exercise(unit)))


@app.command()
def reset(unit: UnitName) -> None:
    """A fresh copy of the exercise; yours is kept under a dated name."""
    course = find_course()
    workspace = Workspace.of(course)
    chosen = course.exercise(unit)
    kept = workspace.reset(course, chosen)
    if kept:
        out.print(f"kept    {shown(kept)}")
    out.print(f"fresh   {shown(workspace.exercise(chosen))}")


def first_unit(course: Course) -> Unit:
    """The first unit of the course's order."""
    if not course.order:
        raise SeatrialError(f"no exercise in {course.root}; is this the right folder?")
    return course.order[0]


def chosen_notebook(target: str | None) -> tuple[Course, Unit, Path]:
    """Course, unit and file that `target` means: a unit's name, a notebook, or None for the last saved."""
    from grader.notebook import unit_of_notebook

    course = find_course()
    workspace = Workspace.of(course)
    if target is None:
        path = last_saved(workspace)
        return course, course.exercise(unit_of_notebook(path)), path
    if target.endswith(".ipynb"):
        path = Path(target)
        return course, course.exercise(unit_of_notebook(path)), path
    unit = course.exercise(target)
    path = workspace.exercise(unit)
    if not path.exists():
        raise SeatrialError(f"{shown(path)} is not there yet. Run: mle start {unit.name}")
    return course, unit, path


def last_saved(workspace: Workspace) -> Path:
    """The exercise that was saved last."""
    found = [path for path in workspace.root.glob("*/*/*.ipynb") if path.stem == path.parent.name]
    if not found:
        raise WorkspaceError("there is no exercise in your folder yet. Run: mle start")
    return max(found, key=lambda path: path.stat().st_mtime)


def seed_number(text: str | None) -> int | None:
    """The seed as a number; raises SeatrialError if it is none."""
    if text is None:
        return None
    if not text.isdecimal():
        raise SeatrialError(f'"{text}" is no seed; give the number that an earlier check printed')
    return int(text)


def show_report(course: Course, unit: Unit, found: Report) -> None:
    """A report for a reader, with what to do next."""
    from grader.progress import next_step
    from grader.report import as_text

    out.print(as_text(found, unit, spoken(next_step(course, Workspace.of(course), unit, found))))


def record(course: Course, found: Report) -> None:
    """Keep the attempt in the learner's MLflow store; runs beside, after the verdict is shown."""
    from grader.attempts import record_attempt

    record_attempt(found, Workspace.of(course).database)


def main(arguments: list[str] | None = None) -> Any:
    """Entry point of `mle`; wrong use and damaged input end with 2, work that falls short with 1."""
    from grader import cli_author, cli_class, cli_data, cli_learner

    cli_learner.register(app)
    cli_author.register(app)
    cli_class.register(app)
    cli_data.register(app)
    try:
        return app(args=arguments, prog_name="mle")
    except SeatrialError as error:
        print_error(error)
        raise SystemExit(2) from error


if __name__ == "__main__":
    main()
