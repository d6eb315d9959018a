"""Where the commands print, and how they show paths and errors."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console

from grader.errors import SeatrialError

out = Console(highlight=False, markup=False)
err = Console(stderr=True, highlight=False, markup=False, soft_wrap=True)


def shown(path: Path) -> str:
    """A path as short as it can be said from here."""
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)


def print_error(error: SeatrialError) -> None:
    err.print(f"Error: {error}")
