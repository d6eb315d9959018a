"""Attempts: each check of a unit as a run of the experiment "attempts".

`python -m grader.attempts DATABASE` writes one attempt, given as JSON on standard input.
"""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import time
import traceback
from dataclasses import asdict, dataclass, field
from pathlib import Path

from grader.model import Report
from grader.run_store import RunRecord, TrackingError, runs_since
from grader.store import database_of

EXPERIMENT = "attempts"
LOG = "attempts.log"
MAX_TEXT = 1000
_recorders: list[subprocess.Popen[bytes]] = []


@dataclass(frozen=True)
class Attempt:
    """One check of a unit.

    time_ms: when the check ended, milliseconds since 1970. seconds: how long it took.
    outcomes, misconceptions: by the name of the test; a misconception only where one was named.
    """

    unit: str
    time_ms: int
    points: float
    max_points: float
    seconds: float
    outcomes: dict[str, str] = field(default_factory=dict)
    misconceptions: dict[str, str] = field(default_factory=dict)


def attempt_of(report: Report) -> Attempt:
    """What is kept of a report that ends now."""
    return Attempt(
        unit=report.unit,
        time_ms=int(time.time() * 1000),
        points=float(report.points),
        max_points=float(report.max_points),
        seconds=float(report.seconds),
        outcomes={result.name: str(result.outcome.value) for result in report.results},
        misconceptions={
            result.name: result.misconception[:MAX_TEXT] for result in report.results if result.misconception
        },
    )


def record_attempt(report: Report, database: Path) -> subprocess.Popen[bytes]:
    """Has the attempt written by a process of its own; returns at once, nobody need wait for it.

    What goes wrong there is written to attempts.log beside the database.
    """
    _recorders[:] = [recorder for recorder in _recorders if recorder.poll() is None]
    environment = dict(os.environ)
    for name in ("MLFLOW_TRACKING_URI", "MLFLOW_EXPERIMENT_ID", "MLFLOW_EXPERIMENT_NAME", "MLFLOW_RUN_ID"):
        environment.pop(name, None)
    # Unlike a session of its own, a new process group is all that Windows has.
    flags = getattr(subprocess, "DETACHED_PROCESS", 0) | getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0)
    recorder = subprocess.Popen(
        [sys.executable, "-m", "grader.attempts", str(database.resolve())],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=environment,
        start_new_session=True,
        creationflags=flags,
    )
    assert recorder.stdin is not None
    with recorder.stdin as pipe:
        pipe.write(json.dumps(asdict(attempt_of(report))).encode())
    _recorders.append(recorder)
    return recorder


def log_attempt(report: Report | Attempt, database: Path | str) -> str:
    """Writes an attempt with MLflow, now and here (2 s in a cold process); returns the run's id."""
    from grader.tracking import log_run

    attempt = attempt_of(report) if isinstance(report, Report) else report
    return log_run(
        _file(database),
        EXPERIMENT,
        name=attempt.unit,
        params={"unit": attempt.unit},
        metrics={
            "points": attempt.points,
            "max_points": attempt.max_points,
            "seconds": attempt.seconds,
        },
        tags={
            **{f"outcome.{test}": outcome for test, outcome in attempt.outcomes.items()},
            **{f"misconception.{test}": text for test, text in attempt.misconceptions.items()},
        },
        start_time_ms=attempt.time_ms - int(attempt.seconds * 1000),
        end_time_ms=attempt.time_ms,
    )


def attempts(database: Path | str, *, since_ms: int = 0) -> tuple[Attempt, ...]:
    """Attempts begun at `since_ms` or later, the oldest first (the last 1,000); reads without MLflow."""
    runs = runs_since(_file(database), EXPERIMENT, since_ms)
    return tuple(_attempt(run) for run in reversed(runs) if "unit" in run.params)


def _attempt(run: RunRecord) -> Attempt:
    def tagged(kind: str) -> dict[str, str]:
        prefix = f"{kind}."
        return {key.removeprefix(prefix): text for key, text in run.tags.items() if key.startswith(prefix)}

    seconds = run.metrics.get("seconds", 0.0)
    return Attempt(
        unit=run.params["unit"],
        time_ms=run.start_time_ms + (int(seconds * 1000) if math.isfinite(seconds) else 0),
        points=run.metrics.get("points", 0.0),
        max_points=run.metrics.get("max_points", 0.0),
        seconds=seconds,
        outcomes=tagged("outcome"),
        misconceptions=tagged("misconception"),
    )


def _file(database: Path | str) -> Path:
    """The sqlite file, given as a path or as its address."""
    if isinstance(database, Path):
        return database
    found = database_of(database)
    if found is None:
        raise TrackingError(f"Attempts are kept in a sqlite store, not in {database}.")
    return found


def _write_from_stdin(database: Path) -> None:
    """The recording process: polite to whoever waits for a verdict, and silent."""
    if hasattr(os, "nice"):
        os.nice(10)
    try:
        log_attempt(Attempt(**json.loads(sys.stdin.buffer.read())), database)
    except Exception:
        with open(database.parent / LOG, "a", encoding="utf-8") as log:
            log.write(traceback.format_exc())


if __name__ == "__main__":
    _write_from_stdin(Path(sys.argv[1]))
