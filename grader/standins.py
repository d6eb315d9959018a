"""What one unit leaves for another: the learner's own run where it is at hand, else the stand-in of the course.

datasets/standins/UNIT/standin.json   source hash, parameters, metrics and tags of the reference's run
datasets/standins/UNIT/...            its artefacts that the header names in `leaves`
"""

from __future__ import annotations

import datetime
import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from grader.errors import SeatrialError
from grader.run_store import PARENT, RunRecord, TrackingError, runs_since
from grader.store import database_of

FOLDER_VARIABLE = "SEATRIAL_STANDINS"  # where they lie in a jail
PLACE = Path("datasets") / "standins"
FACTS = "standin.json"
MAX_BYTES = 1_000_000


class StandinError(SeatrialError):
    """There is nothing to start from; the message says what to do."""


@dataclass(frozen=True)
class Start:
    """A run that another unit left.

    origin: whose run it is, as a text. run_id: "" for the stand-in. params, tags: texts; metrics: last values.
    folder: where its artefacts lie; read them and leave them as they are.
    """

    unit: str
    origin: str
    run_id: str
    params: dict[str, str]
    metrics: dict[str, float]
    tags: dict[str, str]
    folder: Path
    files: tuple[str, ...]

    def path(self, name: str) -> Path:
        """The file of this name. Raises StandinError with the names that there are."""
        if name not in self.files:
            raise StandinError(f'{self.unit} leaves no "{name}"; it leaves: {", ".join(self.files)}.')
        return self.folder / name


def standins_folder() -> Path:
    """Where the stand-ins lie: in a jail, in the course of SEATRIAL_COURSE, in this package, in this clone."""
    package = Path(__file__).resolve().parent
    if given := os.environ.get(FOLDER_VARIABLE):
        return Path(given)
    if course := os.environ.get("SEATRIAL_COURSE"):
        return Path(course) / PLACE
    return next(
        (root / PLACE for root in (package / "course", package.parent) if (root / PLACE).is_dir()),
        package.parent / PLACE,
    )


def start_from(unit: str) -> Start:
    """The newest finished run of `unit` in this notebook's store that has all that the unit leaves, else the stand-in.

    Every check works on a fresh store, and so begins with the stand-in. Raises StandinError for a unit that leaves
    nothing.
    """
    standin = read_standin(unit)
    for record in _own_runs(unit):
        folder = record.artifact_folder
        if folder is None or not all(_is_file(folder / name) for name in standin.files):
            continue
        when = datetime.datetime.fromtimestamp(record.start_time_ms / 1000).strftime("%Y-%m-%d %H:%M")
        return Start(
            unit,
            f"your run {record.name or record.run_id} of {when}",
            record.run_id,
            record.params,
            record.metrics,
            record.tags,
            folder,
            standin.files,
        )
    return standin


def read_standin(unit: str) -> Start:
    """The stand-in of a unit. Raises StandinError if there is none or it is damaged."""
    folder = standins_folder() / unit
    try:
        facts = read_facts(folder)
        files = tuple(str(name) for name in facts["files"])
        params, tags = (
            {str(key): str(value) for key, value in facts[kind].items()} for kind in ("params", "tags")
        )
        metrics = {str(key): float(value) for key, value in facts["metrics"].items()}
    except FileNotFoundError:
        known = ", ".join(sorted(path.parent.name for path in standins_folder().glob(f"*/{FACTS}")))
        what = f'no unit "{unit}" leaves anything to start from'
        raise StandinError(f"{what}; these do: {known or 'none'}.") from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        what = f"the stand-in of {unit} cannot be read ({type(error).__name__}: {error})"
        raise StandinError(f"{what}; install the course anew, or run mle build.") from error
    missing = [name for name in files if not _is_file(folder / name)]
    if missing:
        raise StandinError(
            f"the stand-in of {unit} lacks {', '.join(missing)}; install the course anew, or run mle build."
        )
    return Start(unit, "the stand-in of the course", "", params, metrics, tags, folder, files)


def read_facts(folder: Path) -> dict[str, Any]:
    """What a stand-in says of itself. Raises OSError or ValueError."""
    facts = json.loads((folder / FACTS).read_text(encoding="utf-8"))
    if not isinstance(facts, dict):
        raise ValueError(f"{FACTS} holds no object")
    return facts


def write_standin(folder: Path, source: str, leaves: tuple[str, ...], record: RunRecord) -> None:
    """Keep what a run leaves as a stand-in. Raises StandinError if the run lacks a file or one is too large.

    source: hash of the unit's source, by which a stale stand-in is known.
    """
    contents = {}
    for name in leaves:
        path = record.artifact_folder / name if record.artifact_folder is not None else None
        if path is None or not _is_file(path):
            raise StandinError(f'its run logs no artefact "{name}", which the header says it leaves')
        contents[name] = path.read_bytes()
        if len(contents[name]) > MAX_BYTES:
            raise StandinError(
                f'its artefact "{name}" has {len(contents[name]):,} bytes; leave {MAX_BYTES:,} at most'
            )
    folder.mkdir(parents=True, exist_ok=True)
    for path in folder.iterdir():
        path.unlink()
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    facts = {
        "source": source,
        "files": {name: _digest(content) for name, content in contents.items()},
        "params": record.params,
        "metrics": record.metrics,
        "tags": {key: value for key, value in record.tags.items() if not key.startswith("mlflow.")},
    }
    text = json.dumps(facts, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
    (folder / FACTS).write_text(text, encoding="utf-8")


def standin_problem(folder: Path, source: str, leaves: tuple[str, ...]) -> str:
    """What is wrong with a stand-in of a unit with this source; "" if nothing is."""
    try:
        facts = read_facts(folder)
        if facts["source"] != source or set(facts["files"]) != set(leaves):
            return "is of an older source"
        for name, digest in facts["files"].items():
            if _digest((folder / name).read_bytes()) != digest:
                return f"has another {name} than the one that was made"
    except (OSError, ValueError, KeyError, TypeError):
        return "is missing or damaged"
    stray = {path.name for path in folder.iterdir()} - {FACTS, *leaves}
    return f"has the stray file {min(stray)}" if stray else ""


def _own_runs(unit: str) -> Iterator[RunRecord]:
    """Finished runs of a unit in the notebook's own store, the newest first; none where it is another store."""
    database = database_of(os.environ.get("MLFLOW_TRACKING_URI", ""))
    if database is None:
        return
    try:
        runs = runs_since(database, unit, 0)
    except TrackingError:  # a damaged store is said by who writes to it
        return
    yield from (run for run in runs if run.status == "FINISHED" and PARENT not in run.tags)


def _is_file(path: Path) -> bool:
    return path.is_file() and not path.is_symlink()


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"
