"""Commands for authors: build and verify."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from grader.cli_text import err, out
from grader.course import Course, find_course
from grader.errors import SourceError
from grader.model import Unit

if TYPE_CHECKING:
    from rich.status import Status

UnitNames = Annotated[list[str] | None, typer.Argument(help="Units' names. Default: all.")]
Jobs = Annotated[int, typer.Option(help="How many runs at a time.")]


def register(app: typer.Typer) -> None:
    """Add the author's commands to `mle`."""
    app.command()(new)
    app.command()(build)
    app.command()(verify)


def new(
    place: Annotated[str, typer.Argument(metavar="MODULE/NN-name", help="The new unit's place.")],
) -> None:
    """The first lines of a new unit: a lesson and an exercise."""
    from grader.skeleton import new_unit

    course = find_course()
    for path in new_unit(course, place):
        out.print(f"wrote   {path.relative_to(course.root)}")
    out.print(f"Next: edit both, then: mle build {place[place.index('/') + 4 :]}")


def build(
    units: UnitNames = None,
    check: Annotated[bool, typer.Option("--check", help="Only say what is not up to date.")] = False,
    jobs: Jobs = 2,
) -> None:
    """Write the notebooks of lessons and exercises from their sources, and how each wrong answer fails."""
    from grader.atomic import write_if_changed
    from grader.build import build as build_notebooks
    from grader.build import check_built
    from grader.catalogue import PAGE, units_page

    course = find_course()
    if check:
        problems = check_built(course)
        tell(problems)
        raise typer.Exit(1 if problems else 0)
    for path in build_notebooks(course, units):
        out.print(f"built   {path.relative_to(course.root)}")
    chosen = {unit.name for unit in chosen_units(course, units)}
    for unit in (
        unit for unit in course.order if unit.name in chosen
    ):  # a later one may start from an earlier one
        store_outcomes(course, unit, jobs, always=bool(units))
    if (course.root / PAGE).parent.is_dir() and write_if_changed(course.root / PAGE, units_page(course)):
        out.print(f"wrote   {PAGE.as_posix()}")


def store_outcomes(course: Course, unit: Unit, jobs: int, *, always: bool) -> None:
    """Run a unit's wrong answers again if its source changed, or always, and store how they fail."""
    from grader.checking import outcomes_file
    from grader.misconceptions import stored_source
    from grader.standins import PLACE, standin_problem
    from grader.verify.unit import write_signatures

    path = outcomes_file(course, unit)
    if not unit.has_exercise:
        return
    leaves = unit.header.leaves
    stale = leaves and standin_problem(course.root / PLACE / unit.name, unit.source_hash, leaves)
    anew = always or stale or stored_source(path) != unit.source_hash
    if anew and write_signatures(course, unit, jobs):
        out.print(f"stored  {path.relative_to(course.root)}")


def verify(
    units: UnitNames = None,
    jobs: Jobs = 2,
    nbgrader: Annotated[
        bool, typer.Option("--nbgrader", help="Compare with nbgrader's own autograde.")
    ] = False,
    cache: Annotated[bool, typer.Option(help="Skip what was proven as it stands.")] = True,
    changed: Annotated[
        bool,
        typer.Option("--changed", help="Only what changed since it was proven, and a sample of the rest."),
    ] = False,
    seeds: Annotated[
        int, typer.Option(min=0, help="Instead: run every answer with so many seeds of hidden data.")
    ] = 0,
) -> None:
    """Prove that each exercise earns what it should and nothing else."""
    from grader.build import check_built
    from grader.verify import verify as prove
    from grader.verify.cache import changed_or_sampled

    course = find_course()
    try:
        chosen = chosen_units(course, units)
    except SourceError as error:
        refuse(check_built(course) if units is None else str(error).splitlines())
    skipped = []
    if changed:
        skipped = [unit for unit in chosen if not changed_or_sampled(course, unit)]
        chosen = [unit for unit in chosen if unit not in skipped]
    if seeds:
        repeat_with_seeds(chosen, seeds, jobs)
        return
    with err.status("verify") as status:
        problems = prove(
            course,
            chosen,
            jobs=jobs,
            use_cache=cache,
            with_nbgrader=nbgrader,
            progress=lambda unit, step: show_step(status, f"{unit}: {step}"),
        )
    if problems:
        refuse([str(problem) for problem in problems])
    for line in proven_lines(chosen):
        out.print(line)
    if skipped:
        out.print(f"not proven again: {', '.join(unit.name for unit in skipped)}")


def show_step(status: Status, step: str) -> None:
    """Show a step: in place on a terminal, as a line elsewhere, since a proof takes minutes."""
    status.update(step)
    if not err.is_terminal:
        err.print(step)


def repeat_with_seeds(units: list[Unit], seeds: int, jobs: int) -> None:
    """Show how often each answer passes each test; end with 1 if a right one ever fails or a wrong one gets by."""
    from grader.verify.seeds import repeat, seed_problems

    problems = []
    for unit in (unit for unit in units if unit.has_exercise):
        with err.status(unit.name) as status:
            passes = repeat(unit, seeds, jobs, status.update)
        for one in passes:
            out.print(f"{unit.name}: {one}")
        problems += [str(problem) for problem in seed_problems(unit, passes)]
    if problems:
        refuse(problems)


def proven_lines(units: list[Unit]) -> list[str]:
    """What was proven: of the units with an exercise, and of the lessons without one, if there are any."""
    exercises = [unit for unit in units if unit.has_exercise]
    lessons = len(units) - len(exercises)
    wrong = sum(len(unit.wrong) for unit in exercises)
    also = sum(len(unit.also) for unit in exercises)
    lines = []
    if exercises or not lessons:
        lines.append(
            f"proven: {len(exercises)} units, {wrong} of {wrong} wrong answers caught, "
            f"{also} of {also} other right answers accepted, 0 points for untouched notebooks"
        )
    if lessons:
        lines.append(f"proven: {lessons} lesson{'' if lessons == 1 else 's'} without an exercise, by running")
    return lines


def chosen_units(course: Course, names: list[str] | None) -> list[Unit]:
    """The units that are named, or all."""
    return [course.unit(name) for name in names] if names else list(course.units)


def refuse(problems: list[str]) -> NoReturn:
    """Show what is wrong, one line each, and end with 1."""
    tell(problems)
    err.print(f"{len(problems)} problem{'' if len(problems) == 1 else 's'}")
    raise typer.Exit(1)


def tell(problems: list[str]) -> None:
    for problem in problems:
        err.print(problem)
