"""A learner's further commands: the way through the course, MLflow's page, the state of the machine."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from typing import Annotated

import typer

from grader.cli_text import out, shown, spoken
from grader.course import find_course
from grader.workspace import Workspace

Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]


def register(app: typer.Typer) -> None:
    """Add the commands to `mle`."""
    app.command(name="next")(next_unit)
    app.command()(progress)
    app.command()(ui)
    app.command()(doctor)


def next_unit() -> None:
    """The unit to take now."""
    from grader.progress import next_unit_line

    course = find_course()
    out.print(spoken(next_unit_line(course, Workspace.of(course))))


def progress(as_json: Json = False) -> None:
    """Points and attempts so far, unit by unit."""
    from grader.progress import progress_lines, progress_of

    course = find_course()
    workspace = Workspace.of(course)
    if as_json:
        rows = [asdict(row) for row in progress_of(course, workspace)]
        sys.stdout.write(json.dumps({"units": rows}, ensure_ascii=False) + "\n")
        return
    for line in progress_lines(course, workspace):
        out.print(line)


def ui(port: Annotated[int, typer.Option(help="Port on 127.0.0.1.")] = 5000) -> None:
    """MLflow's page over your runs and attempts; Ctrl-C ends it."""
    from grader.lab import run_mlflow_page

    workspace = Workspace.of(find_course())
    out.print(
        f"MLflow over {shown(workspace.root)}: http://127.0.0.1:{port} (some seconds to start; Ctrl-C ends)"
    )
    raise typer.Exit(run_mlflow_page(workspace, port))


def doctor(
    unit: Annotated[str | None, typer.Argument(help="Also look at what this unit needs.")] = None,
    as_json: Json = False,
) -> None:
    """What is wrong with this machine, and how to mend it."""
    from grader.doctor import findings

    course = find_course()
    found = findings(course, course.unit(unit) if unit else None)
    if as_json:
        sys.stdout.write(json.dumps({"findings": [asdict(finding) for finding in found]}) + "\n")
    else:
        for finding in found:
            out.print(f"{'ok     ' if finding.well else 'MEND   '}{finding.what}: {finding.seen}")
            if not finding.well:
                out.print(f"       {finding.mend}")
    raise typer.Exit(0 if all(finding.well for finding in found) else 1)
