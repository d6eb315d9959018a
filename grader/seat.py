"""The stage of a run in a jail. Linux only."""

from __future__ import annotations

from pathlib import Path

from grader import tracking
from grader.jail import inside
from grader.jail.jail import Jail
from grader.model import Unit
from grader.stage import files_beside
from grader.store import DATABASE

PREPARED_STORE = "/etc/seatrial-store.db"


class Seat:
    """A stage in a jail: its files are in memory, seen by the processes of the jail alone.

    jail: the warm parent, which makes the seat and takes it away again.
    """

    folder = Path(inside.RUN)
    database = Path(inside.STORE) / DATABASE

    def __init__(self, jail: Jail, unit: Unit, beside: str | None = None) -> None:
        self._jail = jail
        self.experiment = tracking.experiment_name(unit.name)
        self.since_ms = 0  # every run in this fresh store counts: two clocks are never compared
        uri = f"sqlite:///{self.database}"
        self.environment = {"MLFLOW_TRACKING_URI": uri, "MLFLOW_EXPERIMENT_NAME": self.experiment}
        self.files = files_beside(beside)
        self.start = self.start_fresh = jail.start
        self.inherited = jail.environment
        self._models = 0
        header = unit.header
        seconds = int(header.limit_run_seconds) + 1
        jail.begin_task(
            inside.TaskLimits(megabytes=header.limit_megabytes, cpu_seconds=seconds),
            [(PREPARED_STORE, f"store/{DATABASE}")],
        )

    def empty_folder(self) -> Path:
        """A further folder of this run, which its process makes."""
        self._models += 1
        return Path(inside.WORK) / f"model-{self._models}"

    def close(self) -> None:
        """The files go when the next task begins, or with the jail."""


def prepared_store(folder: Path) -> Path:
    """A fresh store in `folder` that is to be opened at the place that it has in a jail."""
    return tracking.copy_template(folder / DATABASE, opened_at=Path(inside.STORE) / DATABASE)
