"""Optional public sets: where each comes from, what its file must be, and where it is kept.

`mle data fetch NAME` brings a file here; nothing else ever does. A file counts only while its SHA-256 is the one
written here, so a set is the same on every machine.
"""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from tidewater.real import public_tables

if TYPE_CHECKING:
    import pandas as pd

FOLDER = "SEATRIAL_DATA"  # the folder for fetched files, if it shall be another
COMMAND = "SEATRIAL_COMMAND"  # how the reader calls `mle`, where it is not on the path
_RAW = "https://raw.githubusercontent.com"


class NotFetchedError(RuntimeError):
    """An optional set is not on this machine, or its file is damaged; the message says what to do."""


@dataclass(frozen=True)
class PublicSet:
    """An optional set: its address, and the only file that is taken for it."""

    name: str
    about: str
    address: str
    sha256: str
    size_bytes: int
    rows: int
    licence: str
    stand_in: str
    read: Callable[[Path], pd.DataFrame]

    @property
    def path(self) -> Path:
        """Where the file is kept."""
        return data_folder() / (self.name + PurePosixPath(self.address).suffix)

    def is_whole(self, path: Path) -> bool:
        """Whether a file can be read and is, byte for byte, the one that this set means."""
        try:
            with path.open("rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest() == self.sha256
        except OSError:
            return False

    def load(self) -> pd.DataFrame:
        """The set as a table, from the file that was fetched; raises NotFetchedError without one."""
        path = self.path
        if not self.is_whole(path):
            state = "is damaged" if os.path.exists(path) else "is optional and not on this machine"
            command = os.environ.get(COMMAND, "mle")
            raise NotFetchedError(
                f'the data set "{self.name}" {state}. To download it once: {command} data fetch {self.name}. '
                f"What is here in its place: {self.stand_in}"
            )
        return self.read(path)


PUBLIC = {
    each.name: each
    for each in (
        PublicSet(
            name="adult",
            about="incomes in the US census of 1994",
            address=f"{_RAW}/jbrownlee/Datasets/d20fcb6402ae34e653d4513b00f39257bb37ed7f/adult-all.csv",
            sha256="21e0ea2f925a00338929a8c86c27354c72ac1c79819bcca81c7d91c3d64218c2",
            size_bytes=5_277_365,
            rows=48_842,
            licence="CC BY 4.0",
            stand_in='load("randhie")',
            read=public_tables.adult,
        ),
        PublicSet(
            name="bike_sharing",
            about="bicycles rented in Washington, D.C., hour by hour",
            address=f"{_RAW}/udacity/deep-learning-v2-pytorch/c9404fc86181fc3f0906b368697268257f348535"
            "/project-bikesharing/Bike-Sharing-Dataset/hour.csv",
            sha256="e03de4ee4ef4dc376ac6e04bf829673c6269e8eba5c60fa121640fa2f829504f",
            size_bytes=1_156_736,
            rows=17_379,
            licence="CC BY 4.0",
            stand_in='load("co2")',
            read=public_tables.bike_sharing,
        ),
        PublicSet(
            name="credit_g",
            about="credits of a German bank, good and bad",
            address=f"{_RAW}/jbrownlee/Datasets/d20fcb6402ae34e653d4513b00f39257bb37ed7f/german.csv",
            sha256="ec12a88b9fc14d74ba646ea0410cf7ff4533bec2eb61652f8ad76796bbfec017",
            size_bytes=79_793,
            rows=1_000,
            licence="CC BY 4.0",
            stand_in='load("breast_cancer")',
            read=public_tables.credit_g,
        ),
        PublicSet(
            name="sms_spam",
            about="text messages, wanted and unwanted",
            address=f"{_RAW}/justmarkham/pycon-2016-tutorial/5339710562cc46c4a32a369d63f1e8751a18a54e/data/sms.tsv",
            sha256="7d039a24a6083ed9ef0f806ebad56bbb976e3aeb8de05669173bfdc4996c239d",
            size_bytes=477_907,
            rows=5_574,
            licence="CC BY 4.0",
            stand_in="Tidewater's own messages",
            read=public_tables.sms_spam,
        ),
    )
}


def data_folder() -> Path:
    """The folder of fetched files: SEATRIAL_DATA, else `seatrial` in the user's cache folder."""
    if chosen := os.environ.get(FOLDER):
        return Path(chosen).expanduser().absolute()
    if sys.platform == "win32":
        cache = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        cache = Path.home() / "Library" / "Caches"
    else:
        cache = Path(os.environ.get("XDG_CACHE_HOME", ""))
        if not cache.is_absolute():
            cache = Path.home() / ".cache"
    return cache / "seatrial" / "data"
