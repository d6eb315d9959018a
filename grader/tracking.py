"""Where a notebook's runs go. The only module that imports MLflow, and only to write an attempt."""

from __future__ import annotations

import atexit
import contextlib
import functools
import importlib
import logging
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from grader.kernel import join_streams, show_plain_failures
from grader.run_store import ModelRecord, RunRecord, TrackingError, newest_run, runs_since
from grader.store import (
    DATABASE,
    bring_up_to_date,
    copy_store,
    copy_template,
    database_of,
    make_template,
    put_experiment,
    sqlite_uri,
    template,
)

__all__ = [
    "ModelRecord",
    "RunRecord",
    "TrackingError",
    "begin",
    "copy_store",
    "copy_template",
    "experiment_name",
    "log_run",
    "make_template",
    "newest_run",
    "quiet",
    "runs_since",
    "template",
    "warm",
    "workspace_folder",
]

MARK = ".seatrial"
QUIET = {
    "GIT_PYTHON_REFRESH": "quiet",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_LOGGING_LEVEL": "WARNING",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
}


def begin(unit: str) -> None:
    """Readies a notebook: one output stream, plain failures, quiet tracking into the unit's experiment.

    unit: the unit's word, for example "first-check".
    The store is MLFLOW_TRACKING_URI if set, else the workspace's if the current folder lies in one, else
    a temporary one that goes with the process. Sets environment variables; MLflow itself is not imported.
    """
    name = experiment_name(unit)
    join_streams()
    show_plain_failures()
    quiet()
    uri, database, own = _choose_store()
    for variable in ("MLFLOW_EXPERIMENT_ID", "MLFLOW_EXPERIMENT_NAME", "MLFLOW_RUN_ID"):
        os.environ.pop(variable, None)
    os.environ["MLFLOW_TRACKING_URI"] = uri
    if database is None:
        os.environ["MLFLOW_EXPERIMENT_NAME"] = name
    else:
        os.environ["MLFLOW_EXPERIMENT_ID"] = put_experiment(database, name, own=own)
    if "mlflow" in sys.modules:
        _tell_mlflow(uri, name)


def experiment_name(unit: str) -> str:
    """The experiment of a unit: its word, also when given its path "00-orientation/01-first-check"."""
    name = re.sub(r"^\d\d-", "", unit.replace("\\", "/").rsplit("/", 1)[-1])
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}", name):
        raise TrackingError(f"{unit!r} is not the name of a unit: letters, digits and hyphens.")
    return name


def workspace_folder(folder: Path) -> Path | None:
    """The `work` folder that `folder` lies in, or None: it carries a mark, or is SEATRIAL_HOME's."""
    folder = folder.resolve()
    home = os.environ.get("SEATRIAL_HOME")
    homes = {Path(home).resolve(), Path(home).resolve() / "work"} if home else set()
    for candidate in (folder, *folder.parents):
        if (candidate / MARK).is_file() or (candidate in homes and candidate.name == "work"):
            return candidate
    return None


def quiet() -> None:
    """Turns telemetry off and keeps MLflow's news from the learner; its warnings stay."""
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
    os.environ["DO_NOT_TRACK"] = "true"
    for variable, value in QUIET.items():
        os.environ.setdefault(variable, value)
    for logger in ("mlflow", "alembic", "git"):
        logging.getLogger(logger).setLevel(logging.WARNING)


def warm() -> None:
    """Imports and does once what the first run of a process needs (4 s), for a process that waits for work.

    Leaves no store open and no thread running, so that a copy of this process may be made.
    """
    quiet()
    store = "mlflow.store.tracking.sqlalchemy_store"
    for module in ("git", "IPython", "mlflow.sklearn", "mlflow.pyfunc", "skops.io", store):
        importlib.import_module(module)
    importlib.import_module("sqlalchemy.dialects.sqlite")
    importlib.import_module("sqlalchemy.orm").configure_mappers()
    for module in ("alembic.command", "mlflow.store.tracking.sqlalchemy_workspace_store"):
        with contextlib.suppress(ImportError):  # not in every version
            importlib.import_module(module)
    with contextlib.suppress(ImportError, AttributeError):
        # The scan of installed packages that the first log_model makes and keeps.
        requirements = importlib.import_module("mlflow.utils.requirements_utils")
        requirements.warn_dependency_requirement_mismatches(["scikit-learn"])
    with contextlib.suppress(Exception):
        _try_a_run()


def _try_a_run() -> None:
    """One run into a store that is thrown away: its statements are compiled, its migrations counted for good."""
    from mlflow.entities import Metric, Param, RunTag
    from mlflow.store.db import utils
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore
    from mlflow.tracking import MlflowClient
    from mlflow.tracking._tracking_service.utils import _tracking_store_registry as registry

    if not hasattr(utils._get_latest_schema_revision, "cache_info"):
        # What the installed MLflow migrates to does not change while it runs; to find out takes 70 ms a store.
        utils._get_latest_schema_revision = functools.cache(utils._get_latest_schema_revision)
    with tempfile.TemporaryDirectory(prefix="seatrial-") as folder:
        uri = copy_store(Path(folder))
        client = MlflowClient(tracking_uri=uri)
        run = client.create_run("0", tags={"warm": "up"})
        client.log_param(run.info.run_id, "warm", 1)
        client.log_metric(run.info.run_id, "warm", 1.0)
        client.set_tag(run.info.run_id, "warm", "up")
        client.log_batch(
            run.info.run_id, [Metric("more", 1.0, 0, 0)], [Param("more", "1")], [RunTag("more", "1")]
        )
        client.set_terminated(run.info.run_id)
        client.get_run(run.info.run_id)
        registry._get_store_with_resolved_uri.cache_clear()
        engine = SqlAlchemyStore._engine_map.pop(uri, None)
        if engine is not None:
            engine.dispose()


def log_run(
    database: Path,
    experiment: str,
    *,
    name: str,
    params: Mapping[str, str],
    metrics: Mapping[str, float],
    tags: Mapping[str, str],
    start_time_ms: int,
    end_time_ms: int,
) -> str:
    """Writes one finished run with MLflow into a store that is made if absent; returns the run's id."""
    quiet()
    from mlflow import MlflowClient
    from mlflow.entities import Metric, Param, RunTag

    number = put_experiment(copy_template(database), experiment, own=True)
    client = MlflowClient(tracking_uri=sqlite_uri(database))
    run_id: str = client.create_run(number, start_time=start_time_ms, run_name=name).info.run_id
    client.log_batch(
        run_id,
        metrics=[Metric(key, value, end_time_ms, 0) for key, value in metrics.items()],
        params=[Param(key, value) for key, value in params.items()],
        tags=[RunTag(key, value) for key, value in tags.items()],
    )
    client.set_terminated(run_id, end_time=end_time_ms)
    return run_id


def _choose_store() -> tuple[str, Path | None, bool]:
    """Address, file if it is sqlite, and whether the store is ours."""
    if given := os.environ.get("MLFLOW_TRACKING_URI"):
        database = database_of(given)
        if database is not None:
            copy_template(database)
        return given, database, False
    work = workspace_folder(Path.cwd())
    folder = _temporary_folder() if work is None else work
    database = copy_template(folder / DATABASE)
    if work is not None:
        bring_up_to_date(database)
    return sqlite_uri(database), database, True


def _temporary_folder() -> Path:
    """A folder that is removed when this very process ends, not when a fork of it does."""
    folder, owner = Path(tempfile.mkdtemp(prefix="seatrial-")), os.getpid()

    def remove() -> None:
        if os.getpid() == owner:
            shutil.rmtree(folder, ignore_errors=True)

    atexit.register(remove)
    return folder


def _tell_mlflow(uri: str, name: str) -> None:
    """Where MLflow was imported before and holds an address or experiment of its own, replaces them."""
    import mlflow
    from mlflow.tracking import fluent

    if mlflow.get_tracking_uri() != uri:
        mlflow.set_tracking_uri(uri)
    if getattr(fluent, "_active_experiment_id", None) is not None:
        mlflow.set_experiment(name)
