"""Seatrial: a hands-on course for machine-learning engineers, and the judge of its exercises.

In a notebook: `import grader; grader.begin("first-check")`, and `%load_ext grader` for `%check`.
"""

from __future__ import annotations

from typing import Any

UNIT = "SEATRIAL_UNIT"  # the unit of the notebook that runs in this process


def begin(unit: str) -> None:
    """Make the notebook ready: MLflow's store and experiment for `unit`, quiet loggers.

    Raises SeatrialError where the store cannot be made. See grader.tracking.begin.
    """
    import os

    from grader import tracking

    tracking.begin(unit)
    os.environ[UNIT] = unit


def load_ipython_extension(shell: Any) -> None:
    """Register %check, %hint and %progress; called by `%load_ext grader`."""
    from grader import magics

    magics.register(shell)
