"""The throwaway folder of one run: the notebook's own files, and a copy of the MLflow store."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import time
from pathlib import Path

from grader import tracking
from grader.model import Unit

MAX_COPIED_BYTES = 64 * 1024 * 1024
LEFT_OUT = {".ipynb_checkpoints", "__pycache__", ".git", "mlruns", "mlartifacts"}


class Stage:
    """A temporary folder with `run/` (where cells run) and `store/` (MLflow), removed at the end.

    beside: folder whose files are put into `run/`, notebooks and databases left out, or None.
    """

    def __init__(self, unit: Unit, seed: int, beside: str | None = None) -> None:
        self.root = Path(tempfile.mkdtemp(prefix="seatrial-"))
        self.folder = self.root / "run"
        self.folder.mkdir()
        self.uri = tracking.copy_store(self.root / "store")
        self.database = Path(self.uri.removeprefix("sqlite:///"))
        self.experiment = tracking.experiment_name(unit.name)
        self.since_ms = int(time.time() * 1000)
        self.environment = {"MLFLOW_TRACKING_URI": self.uri, "SEATRIAL_SEED": str(seed)}
        self._models = 0
        if beside is not None:
            copy_files(Path(beside), self.folder)

    def empty_folder(self) -> Path:
        """A further empty folder of this run."""
        self._models += 1
        folder = self.root / f"model-{self._models}"
        folder.mkdir()
        return folder

    def close(self) -> None:
        """Remove everything; what a late writer leaves is tried once more."""
        shutil.rmtree(self.root, ignore_errors=True)
        if self.root.exists():
            shutil.rmtree(self.root, ignore_errors=True)


def copy_files(source: Path, target: Path) -> None:
    """Copy the plain files of a learner's folder, up to a limit of 64 MB, without links and notebooks."""
    left = MAX_COPIED_BYTES
    for folder, subfolders, names in os.walk(source):
        subfolders[:] = sorted(
            name for name in subfolders if name not in LEFT_OUT and not name.startswith(".")
        )
        for name in sorted(names):
            path = Path(folder) / name
            if name.startswith(".") or path.suffix in (".ipynb", ".db", ".lock") or path.is_symlink():
                continue
            with contextlib.suppress(OSError):
                left -= path.stat().st_size
                if left < 0:
                    return
                copied = target / path.relative_to(source)
                copied.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, copied)
