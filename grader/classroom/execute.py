"""nbgrader's step that executes a student's notebook, with the class's seed in the kernel's environment."""

from __future__ import annotations

import contextlib
import os
import re
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from nbgrader.converters.autograde import Autograde
from nbgrader.preprocessors import Execute

from grader.classroom.record import FILE, read_record
from grader.errors import SeatrialError


class ClassExecute(Execute):
    """Execute as nbgrader has it; hidden tests draw the same data for every student and every re-grade.

    Takes the secret from `seatrial.json` in the course's root, which is the current folder while nbgrader
    converts. Runs do not go to the instructor's tracking store.
    """

    def preprocess(self, nb: Any, resources: Any = None, km: Any = None) -> Any:
        record = read_record(Path.cwd())
        if record is None:
            raise SeatrialError(
                f"no {FILE} in {Path.cwd()}; bring it back from a backup: it holds the secret."
            )
        word = re.sub(r"^\d\d-", "", resources["nbgrader"]["notebook"])
        with _environment(SEATRIAL_SEED=str(record.seed(word)), MLFLOW_TRACKING_URI=None):
            return super().preprocess(nb, resources, km)


def autograde_steps() -> list[str]:
    """nbgrader's own list of steps, by their full names, with ClassExecute in the place of Execute."""
    steps = Autograde.class_traits()["autograde_preprocessors"].default()
    classes = [ClassExecute if step is Execute else step for step in steps]
    return [f"{step.__module__}.{step.__qualname__}" for step in classes]


def find_own_commands() -> None:
    """Lets nbgrader find `alembic`, which it calls by name for a new grade book, where nothing is activated."""
    own, path = sysconfig.get_path("scripts"), os.environ.get("PATH", "")
    if own not in path.split(os.pathsep):
        os.environ["PATH"] = own + os.pathsep + path


@contextlib.contextmanager
def _environment(**values: str | None) -> Iterator[None]:
    """Sets environment variables, or removes those that are None, and puts everything back."""
    before = {name: os.environ.get(name) for name in values}
    _set(values)
    try:
        yield
    finally:
        _set(before)


def _set(values: dict[str, str | None]) -> None:
    for name, value in values.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
