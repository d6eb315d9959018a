"""What `mle class init` remembers of a class: its secret, and the notebooks as it wrote them."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import secrets
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from grader.errors import SeatrialError

FILE = "seatrial.json"


@dataclass
class ClassRecord:
    """The content of a class's `seatrial.json`.

    secret: 64 hexadecimal digits; whoever knows them knows the hidden data of every unit.
    written: hash of each source notebook as it was last written, by unit path.
    """

    secret: str
    written: dict[str, str] = field(default_factory=dict)

    def seed(self, unit: str) -> int:
        """Seed of the hidden data of a unit, by its word: the same for every student and every re-grade."""
        digest = hmac.new(bytes.fromhex(self.secret), unit.encode(), hashlib.sha256).digest()
        return int.from_bytes(digest[:16], "big")


def new_record() -> ClassRecord:
    return ClassRecord(secrets.token_hex(32))


def read_record(folder: Path) -> ClassRecord | None:
    """The record of the class in a folder, or None if there is none. Raises SeatrialError if it is damaged."""
    path = folder / FILE
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        secret, written = content["secret"], content["written"]
        if len(bytes.fromhex(secret)) < 16:
            raise ValueError("the secret is too short")
        return ClassRecord(secret, {str(name): str(mark) for name, mark in written.items()})
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        what = f"{path} cannot be read as the record of a class ({type(error).__name__}: {error})"
        raise SeatrialError(f"{what}; bring it back from a backup: re-grades need its secret.") from error


def write_record(folder: Path, record: ClassRecord) -> None:
    """Puts the record in place in one step, readable by its owner only."""
    handle, name = tempfile.mkstemp(dir=folder, prefix=f".{FILE}.", suffix=".part")  # mode 600
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
            json.dump({"secret": record.secret, "written": record.written}, file, indent=1, sort_keys=True)
            file.write("\n")
        os.replace(name, folder / FILE)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def mark_of(data: bytes) -> str:
    """How a written notebook is recognised later."""
    return "sha256:" + hashlib.sha256(data).hexdigest()
