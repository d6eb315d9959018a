"""The first code of a child process: take the pipes, then run the module that was asked for."""

from __future__ import annotations

import importlib
import sys

from grader.jail.channel import take_standard_pipes


def start() -> None:
    """Run `main(channel)` of the module named on the command line."""
    channel = take_standard_pipes()
    importlib.import_module(sys.argv[1]).main(channel)


if __name__ == "__main__":
    start()
