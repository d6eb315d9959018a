"""Seatrial: a hands-on course for machine-learning engineers, and the judge of its exercises.

In a notebook: `import grader; grader.begin("first-check")`, and `%load_ext grader` for `%check`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from grader.standins import Start

UNIT = "SEATRIAL_UNIT"  # the unit of the notebook that runs in this process


def begin(unit: str) -> None:
    """Make the notebook ready: MLflow's store and experiment for `unit`, quiet loggers.

    Raises SeatrialError where the store cannot be made. See grader.tracking.begin.
    """
    import os

    from grader import tracking

    tracking.begin(unit)
    os.environ[UNIT] = unit


def start_from(unit: str) -> Start:
    """What the unit `unit` left: files (`.path(name)`), `.params`, `.metrics`, `.tags`, `.run_id`. Says whose it took.

    At home that is your own newest run, if it has all the files; a check starts from what comes with the course.
    Raises SeatrialError for a unit that leaves nothing. See grader.standins.start_from.
    """
    from grader import standins

    found = standins.start_from(unit)
    print(f"{unit}: starting from {found.origin}.")  # noqa: T201 - a line of the notebook's output
    return found


def load_ipython_extension(shell: Any) -> None:
    """Register %check, %hint and %progress; called by `%load_ext grader`."""
    from grader import magics

    magics.register(shell)
