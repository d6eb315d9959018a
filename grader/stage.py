"""The throwaway folder of one run: the notebook's own files, and a copy of the MLflow store."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from grader import tracking
from grader.jail.folders import read_regular_file
from grader.jail.processes import Start, start_here
from grader.model import Unit

MAX_COPIED_BYTES = 64 * 1024 * 1024
LEFT_OUT = {".ipynb_checkpoints", "__pycache__", ".git", "mlruns", "mlartifacts"}


class Stage:
    """A temporary folder with `run/` (where cells run) and `store/` (MLflow), removed at the end.

    beside: folder whose files are put into `run/`, notebooks and databases left out, or None.
    files: what the first process puts into `run/`; here nothing, as it is there already.
    start, inherited: how a delivered file is started, and with which variables (None: this process's).
    start_fresh: as `start`, never in a fork of a warm process.
    """

    files: Mapping[str, bytes] = MappingProxyType({})
    inherited: Mapping[str, str] | None = None

    def __init__(self, unit: Unit, beside: str | None = None) -> None:
        self.root = Path(tempfile.mkdtemp(prefix="seatrial-"))
        self.folder = self.root / "run"
        self.folder.mkdir()
        self.uri = tracking.copy_store(self.root / "store")
        self.database = Path(self.uri.removeprefix("sqlite:///"))
        self.experiment = tracking.experiment_name(unit.name)
        self.since_ms = 0  # every run in this fresh store counts: two clocks are never compared
        self.environment = {"MLFLOW_TRACKING_URI": self.uri, "MLFLOW_EXPERIMENT_NAME": self.experiment}
        self.start: Start = start_here
        self.start_fresh: Start = start_here
        self._models = 0
        for name, data in files_beside(beside).items():
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)

    def empty_folder(self) -> Path:
        """A further empty folder of this run."""
        self._models += 1
        folder = self.root / f"model-{self._models}"
        folder.mkdir()
        return folder

    def close(self) -> None:
        """Remove everything; what a late writer leaves is tried once more."""
        for _ in range(2):
            with contextlib.suppress(OSError):
                flatten(self.root)
            shutil.rmtree(self.root, ignore_errors=True)
            if not self.root.exists():
                return


def flatten(root: Path) -> None:
    """Bring every folder below `root` right under it: a tree of thousands of levels has no path any more."""
    number = 0
    waiting = [root]
    while waiting:
        folder = waiting.pop()
        with os.scandir(folder) as entries:
            folders = [entry.path for entry in entries if entry.is_dir(follow_symlinks=False)]
        for path in folders:
            number += 1
            target = root / f".{number}"
            os.chmod(path, 0o700)
            os.rename(path, target)
            waiting.append(target)


def files_beside(folder: str | None) -> dict[str, bytes]:
    """The plain files of a learner's folder, up to a limit of 64 MB, without links and notebooks."""
    found: dict[str, bytes] = {}
    left = MAX_COPIED_BYTES
    for place, subfolders, names in os.walk(folder) if folder is not None else ():
        subfolders[:] = sorted(
            name for name in subfolders if name not in LEFT_OUT and not name.startswith(".")
        )
        for name in sorted(names):
            path = Path(place) / name
            if name.startswith(".") or path.suffix in (".ipynb", ".db", ".lock") or path.is_symlink():
                continue
            with contextlib.suppress(OSError):
                data = read_regular_file(path)
                left -= len(data)
                if left < 0:
                    return found
                found[path.relative_to(str(folder)).as_posix()] = data
    return found
