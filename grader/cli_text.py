"""Where the commands print, and how they show paths and errors."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

from rich.console import Console

from grader.errors import SeatrialError

COMMAND = "SEATRIAL_COMMAND"  # how the reader calls `mle`, where it is not on the path
VERBS = "start|check|watch|hint|solution|next|progress|reset|ui|doctor|new|build|verify|class|data"

FILE_WIDTH = 1000  # in a file or a pipe no line is broken, so that commands can be copied
out = Console(highlight=False, markup=False, width=None if sys.stdout.isatty() else FILE_WIDTH)
err = Console(stderr=True, highlight=False, markup=False, soft_wrap=True)


def spoken(text: str) -> str:
    """The text with every `mle VERB` as the reader has to type it."""
    return re.sub(rf"\bmle (?=(?:{VERBS})\b)", os.environ.get(COMMAND, "mle") + " ", text)


def shown(path: Path) -> str:
    """A path as short as it can be said from here."""
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)


def print_error(error: SeatrialError) -> None:
    err.print(spoken(f"Error: {error}"))
