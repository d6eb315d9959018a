"""Workers in a jail: where the processes of a run come from when what they run is not trusted. Linux only."""

from __future__ import annotations

import contextlib
import os
import queue
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from grader.errors import WorkerLost
from grader.jail.cgroups import GroupWatch
from grader.jail.children import Child, MemoryWatch
from grader.jail.jail import FOLDER, Jail
from grader.model import Unit
from grader.seat import PREPARED_STORE, Seat, prepared_store
from grader.standins import FOLDER_VARIABLE, standins_folder

STANDINS = "/etc/seatrial-standins"


class JailedWorkers:
    """One jail with a warm parent; one run at a time.

    programs: of the learner and of the judge. store: the file made by `prepared_store`.
    hidden: folders that the jail may not show.
    """

    def __init__(
        self, modules: Iterable[str], programs: tuple[str, str], store: Path, hidden: Iterable[Path]
    ) -> None:
        self._learner, self._judge = programs
        self._ending: threading.Thread | None = None
        self.events: queue.SimpleQueue = queue.SimpleQueue()
        files, variables = {PREPARED_STORE: store}, {}
        if (standins := standins_folder()).is_dir():
            files[STANDINS], variables[FOLDER_VARIABLE] = standins, STANDINS
        self.jail = Jail(modules, programs, files=files, hidden=hidden, variables=variables)

    def learner(self) -> Child:
        return self.jail.fork(self._learner, self.events)

    def judge(self) -> Child:
        return self.jail.fork(self._judge, self.events, apart=True)

    def stage(self, unit: Unit, beside: str | None) -> Seat:
        """A seat in the jail for one run."""
        return Seat(self.jail, unit, beside)

    def watch(self, megabytes: int, because: str) -> MemoryWatch | GroupWatch:
        """A bound over the learner's side together where the system lets us, else a watch."""
        return self.jail.watch(megabytes, because)

    def check(self) -> None:
        """Raises WorkerLost if the jail has gone."""
        if not self.jail.alive:
            raise WorkerLost("the jail has gone")

    def end(self, close: Callable[[], None]) -> None:
        """End a run, whose processes are struck already, with `close` beside what comes next."""
        self._join()
        self._ending = threading.Thread(target=close)
        self._ending.start()

    def _join(self) -> None:
        if self._ending is not None:
            self._ending.join()
            self._ending = None

    def close(self) -> None:
        self._join()
        self.jail.close()


@contextlib.contextmanager
def store_for_jails() -> Iterator[Path]:
    """The file of a fresh tracking store, which each run gets a copy of."""
    with tempfile.TemporaryDirectory(prefix=f"{FOLDER}{os.getpid()}-") as folder:
        yield prepared_store(Path(folder))
