"""The commands about data: what sets there are, fetching the optional ones, making a world."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated

import typer

from grader import cli_world
from grader.cli_text import err, out, shown, spoken
from grader.errors import SeatrialError

data_app = typer.Typer(help="The data of the course.", no_args_is_help=True)

SetName = Annotated[str, typer.Argument(metavar="NAME", help="An optional set, for example adult.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object (docs/data.md).")]


def register(app: typer.Typer) -> None:
    """Add the commands to `mle` under `data`."""
    app.add_typer(data_app, name="data")


@data_app.callback()
def data_commands() -> None:
    """The data of the course."""


@data_app.command(name="list")
def list_sets(as_json: Json = False) -> None:
    """The real data sets, and which of the optional ones are here."""
    from tidewater import real
    from tidewater.real.public import PUBLIC

    here = {name: each.is_whole(each.path) for name, each in PUBLIC.items()}
    if as_json:
        sets = [
            {"name": name, "about": about, "optional": name in here, "here": here.get(name, True)}
            for name, about in real.ABOUT.items()
        ]
        sys.stdout.write(json.dumps({"sets": sets}) + "\n")
        return
    for name, about in real.ABOUT.items():
        state = "ships" if name not in here else "here" if here[name] else "to fetch"
        out.print(f"{name:15}{state:10}{about}", soft_wrap=True)
    if not all(here.values()):
        out.print(spoken("To download an optional set once: mle data fetch NAME"), soft_wrap=True)


@data_app.command()
def fetch(name: SetName) -> None:
    """Download an optional public set once; it is checked and kept in your cache folder."""
    from tidewater import real
    from tidewater.real.public import PUBLIC

    try:
        real.check_name(name)
    except real.UnknownDataError as error:
        raise SeatrialError(str(error)) from error
    if name not in PUBLIC:
        out.print(f"{name} ships with the course; there is nothing to fetch", soft_wrap=True)
        return
    from tidewater.real import download

    wanted = PUBLIC[name]
    target = wanted.path
    word = "here already" if wanted.is_whole(target) else "fetched"
    try:
        with progress_bar(name, wanted.size_bytes) as progress:
            download.fetch(wanted, target, tell=tell, progress=progress)
    except download.FetchError as error:
        raise SeatrialError(str(error)) from error
    out.print(f"{word}: {shown(target)} ({wanted.rows:,} rows, {wanted.licence})", soft_wrap=True)


data_app.command()(cli_world.make)


def tell(sentence: str) -> None:
    """What takes another try is of interest to who waits at a terminal."""
    if err.is_terminal:
        err.print(sentence)


@contextmanager
def progress_bar(name: str, size_bytes: int) -> Iterator[Callable[[int], None]]:
    """A function that shows how many bytes are here; on a terminal only."""
    if not err.is_terminal:
        yield lambda _: None
        return
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn

    with Progress(
        TextColumn("{task.description}"), BarColumn(), DownloadColumn(), console=err, transient=True
    ) as bar:
        task = bar.add_task(name, total=size_bytes)
        yield lambda position: bar.update(task, completed=position)
