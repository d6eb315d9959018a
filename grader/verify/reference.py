"""One run of the reference: what the page of units says of it, and the stand-in that other units start from."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from grader.catalogue import KINDS
from grader.checking import run_modules
from grader.course import Course
from grader.errors import SourceError
from grader.model import Unit
from grader.notebook import submission_from
from grader.run_store import RunRecord, newest_run
from grader.runner import Run, run
from grader.standins import PLACE, StandinError, write_standin
from grader.workers import many_runs

SEED = 1


def reference_facts(course: Course, unit: Unit) -> dict[str, Any]:
    """Seconds of the reference and the names of what its newest run holds; writes the stand-in if it leaves one.

    Raises SourceError if the reference does not earn every point or does not leave what the header says.
    """
    found: dict[str, list[str]] = {}

    def look(job: Run) -> None:
        record = newest_run(Path(job.stage.database), job.stage.experiment, 0)
        found.update(tracked(record) if record is not None else {})
        if unit.header.leaves:
            none = RunRecord("", "", 0)
            folder = course.root / PLACE / unit.name
            write_standin(folder, unit.source_hash, unit.header.leaves, record or none)

    with many_runs(run_modules(unit)) as make_workers:
        workers = make_workers()
        try:
            report = run(unit, submission_from(unit, {}), workers, seed=SEED, on_end=look)
        except StandinError as error:
            raise SourceError(f"{unit.path}.py: {error}") from error
        finally:
            workers.close()
    if report.points < report.max_points:
        what = f"the reference earns {report.points:g} of {report.max_points:g} points"
        raise SourceError(f"{unit.path}.py: {what}; run mle verify {unit.name}")
    return {"seconds": round(report.seconds, 1), "tracks": found}


def tracked(record: RunRecord) -> dict[str, list[str]]:
    """Names of what a run holds, by kind; MLflow's own tags are left out."""
    folder = record.artifact_folder
    tags = [tag for tag in record.tags if not tag.startswith("mlflow.")]
    artefacts = [path.name for path in folder.iterdir()] if folder is not None else []
    models = [model.name for model in record.models]
    found = (record.params, record.metrics, tags, artefacts, models)
    names: dict[str, Iterable[str]] = dict(zip(KINDS, found, strict=True))
    return {kind: sorted(set(some)) for kind, some in names.items() if some}
