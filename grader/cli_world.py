"""`mle data make`: a world of any seed and size, on disk."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from grader.cli_text import err, out, shown
from grader.errors import SeatrialError

if TYPE_CHECKING:
    from tidewater import World


class Format(StrEnum):
    """What `mle data make` writes."""

    PARQUET = "parquet"
    DUCKDB = "duckdb"


Folder = Annotated[Path | None, typer.Argument(help="A new folder, or one that this command began.")]
SeedNumber = Annotated[
    int, typer.Option("--seed", min=0, help="A whole number from 0; another seed, another world.")
]
Days = Annotated[int, typer.Option("--days", help="Length in days, 1 to 3660.")]
PerDay = Annotated[float, typer.Option("--orders-per-day", help="Mean over a year, 1 to 5,000,000.")]
Incidents = Annotated[
    list[str] | None, typer.Option("--incident", help="What shall happen; may be repeated.")
]
Names = Annotated[list[str] | None, typer.Option("--table", help="Only this table; may be repeated.")]
Kind = Annotated[Format, typer.Option("--format", help="duckdb: one file besides the Parquet files.")]
Small = Annotated[
    bool, typer.Option("--small", help="Make the files of the shipped world anew, in the clone.")
]


def make(
    folder: Folder = None,
    seed: SeedNumber = 0,
    days: Days = 60,
    orders_per_day: PerDay = 1000,
    incident: Incidents = None,
    table: Names = None,
    kind: Kind = Format.PARQUET,
    small: Small = False,
) -> None:
    """Make a Tidewater world; run it again to go on after a break."""
    if (folder is None) != small:
        raise SeatrialError("name the folder for the world: mle data make FOLDER")
    if folder is None:
        from tidewater.small import FOLDER, write_small

        about = write_small()
        out.print(f"made: {shown(FOLDER)} ({len(about['tables'])} tables)", soft_wrap=True)
        return
    from tidewater import make_world
    from tidewater.store import StoreError
    from tidewater.world import UnknownTableError

    try:
        world = make_world(seed, days, orders_per_day, incident or ())
    except ValueError as error:
        raise SeatrialError(str(error)) from error
    try:
        write(world, folder, table, kind)
    except (StoreError, UnknownTableError) as error:
        raise SeatrialError(str(error)) from error
    except OSError as error:
        raise SeatrialError(f"cannot write to {shown(folder)}: {error.strerror or error}") from error
    except KeyboardInterrupt:
        err.print("Stopped; the same command goes on from here.")
        raise typer.Exit(130) from None


def write(world: World, folder: Path, tables: list[str] | None, kind: Format) -> None:
    """Writes the world and says what is there."""
    from tidewater import store

    with day_bar(folder.name, world.days) as progress:
        about = store.write_world(world, folder, progress, tables)
    names = about["tables"]
    out.print(f"made: {shown(folder)} ({len(names)} tables, {world.days} days)", soft_wrap=True)
    if kind is Format.DUCKDB:
        path = store.write_database(folder)
        out.print(f"made: {shown(path)}", soft_wrap=True)


@contextmanager
def day_bar(name: str, days: int) -> Iterator[Callable[[int, int], None]]:
    """A function that shows how many days are made; on a terminal only."""
    if not err.is_terminal:
        yield lambda _done, _days: None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("days"),
        TimeRemainingColumn(),
        console=err,
        transient=True,
    ) as bar:
        task = bar.add_task(name, total=days)
        yield lambda done, _days: bar.update(task, completed=done)
