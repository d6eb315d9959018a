"""The instructor's commands: a class with nbgrader."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from grader.course import find_course

class_app = typer.Typer(help="Hand units out to a class and grade them with nbgrader.", no_args_is_help=True)

Names = Annotated[list[str] | None, typer.Option(help="Unit names, separated by commas.")]
Modules = Annotated[list[str] | None, typer.Option(help="Module folders, separated by commas.")]


def register(app: typer.Typer) -> None:
    """Add the commands to `mle` under `class`."""
    from grader import cli_class_grade

    class_app.command(name="grade")(cli_class_grade.grade)
    app.add_typer(class_app, name="class")


@class_app.callback()
def class_commands() -> None:
    """Hand units out to a class and grade them with nbgrader."""


@class_app.command()
def init(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="A new folder, or a class to bring up to date.")
    ],
    units: Names = None,
    modules: Modules = None,
) -> None:
    """Make an nbgrader course from units, or bring one up to date.

    Without --units and --modules: from all units, or those that the class has already.
    """
    from grader.classroom.course import chosen_units, make_class
    from grader.cli_text import out, shown

    chosen = chosen_units(find_course(), folder, separated(units), separated(modules))
    made = make_class(folder, chosen)
    for word, names in (("created", made.created), ("updated", made.updated)):
        for name in names:
            out.print(f"{word}  {shown((folder / name).absolute())}", soft_wrap=True)
    for name in made.edited:
        out.print(
            f"kept     {shown((folder / name).absolute())}: you edited it, so it was not updated",
            soft_wrap=True,
        )
    if not (made.created or made.updated):
        out.print("nothing to add or update")
    if made.updated:
        out.print("Updated notebooks reach students after: nbgrader generate_assignment --force ASSIGNMENT")
    assignments = sorted({unit.path.split("/")[0] for unit in chosen})
    out.print(
        f"Next, in {shown(folder.absolute())}: nbgrader generate_assignment {assignments[0]}", soft_wrap=True
    )


def separated(values: list[str] | None) -> list[str]:
    """The names in options that may come several times and may each hold several, separated by commas."""
    return [name.strip() for value in values or [] for name in value.split(",") if name.strip()]
