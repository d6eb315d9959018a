"""A registry to try delivered functions on: a store of its own, and a note of every move of every alias.

    from tidewater.trials import trial

    good = {"predict": "answer(chance(orders))", "trained_until": "2025-05-04 23:10"}
    trial([good, good], [("promote", rows, 0.02)], {"champion": 1})

Nothing of it reaches the store that the notebook writes to.
"""

from __future__ import annotations

import atexit
import contextlib
import importlib
import itertools
import os
import shutil
import sqlite3
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tidewater.scorecards import put_version

WATCH = """
CREATE TABLE watched (name TEXT, alias TEXT, version INTEGER);
CREATE TRIGGER put AFTER INSERT ON registered_model_aliases
BEGIN INSERT INTO watched VALUES (NEW.name, NEW.alias, NEW.version); END;
CREATE TRIGGER moved AFTER UPDATE ON registered_model_aliases
BEGIN INSERT INTO watched VALUES (NEW.name, NEW.alias, NEW.version); END;
CREATE TRIGGER gone AFTER DELETE ON registered_model_aliases
BEGIN INSERT INTO watched VALUES (OLD.name, OLD.alias, NULL); END;
"""
_count = itertools.count(1)
_stores: dict[int, Path] = {}


def trial(
    versions: Sequence[Mapping[str, Any]],
    steps: Sequence[Sequence[Any]],
    aliases: Mapping[str, int] | None = None,
    module: str = "promote",
) -> list[dict[str, Any]]:
    """Register versions under a new name in the trial store, then call functions of a delivered file in turn.

    versions: arguments of `put_version`; in `predict` the word NAME stands for the model's name. With `report` in place
    of `predict` the version has no model: `examine` of gates.py then gives this report, and first does what `meanwhile`
    says, if it is there: {alias: number}, moves of a colleague. steps: the name of a function and its arguments after
    the model's name; or "put" and the arguments of a further version.
    Returns for each step what came back, the error's kind and text if it raised, the aliases, the numbers and tags
    of the versions, and the moves of aliases in this step, in their order: (alias, number), or None for one that
    was taken away.
    """
    name = f"trial-{next(_count)}"
    reports: dict[int, Mapping[str, Any]] = {}
    with _trial_store() as database:
        for number, version in enumerate(versions, 1):
            if number > 1 and "report" in version and "metrics" not in version:
                _copy(database, name, number, version.get("tags", {}))
                reports[number] = version
            else:
                _put(name, version, reports)
        with _opened(database) as connection:
            rows = [(alias, number, name) for alias, number in (aliases or {}).items()]
            connection.executemany(
                "INSERT INTO registered_model_aliases (alias, version, name) VALUES (?, ?, ?)", rows
            )
        for own in ("clock", "pipeline", "gates", "promote"):
            sys.modules.pop(own, None)
        _take_reports(reports)
        delivered = importlib.import_module(module)
        return [_step(delivered, name, database, step, reports) for step in steps]


def _take_reports(reports: Mapping[int, Mapping[str, Any]]) -> None:
    """Give the reports of versions that have one in place of what gates.py says."""
    gates: Any = importlib.import_module("gates")
    written = gates.examine

    def examine(name: str, version: Any, rows: Any) -> Any:
        found = reports.get(int(version))
        if found is None:
            return written(name, version, rows)
        for alias, number in found.get("meanwhile", {}).items():
            _client().set_registered_model_alias(name, alias, str(number))
        return dict(found["report"])

    gates.examine = examine


def _step(
    delivered: Any,
    name: str,
    database: Path,
    step: Sequence[Any],
    reports: dict[int, Mapping[str, Any]],
) -> dict[str, Any]:
    before = len(_moves(database, name))
    returned, error, message = None, "", ""
    if step[0] == "put":
        _put(name, step[1], reports)
    else:
        try:
            returned = getattr(delivered, step[0])(name, *step[1:])
        except NotImplementedError:
            raise
        except Exception as problem:
            error, message = type(problem).__name__, str(problem)
            kinds = [kind.__name__ for kind in type(problem).__mro__]
            error = next(
                (kind for kind in ("LookupError", "RuntimeError", "ValueError") if kind in kinds), error
            )
    return {
        "returned": returned,
        "error": error,
        "message": message,
        "moves": _moves(database, name)[before:],
        **_state(database, name),
    }


def _state(database: Path, name: str) -> dict[str, Any]:
    """Aliases, the tags of each version that is not deleted, and how many runs of the store are deleted."""
    with _opened(database) as connection:
        aliases = connection.execute(
            "SELECT alias, version FROM registered_model_aliases WHERE name = ?", (name,)
        ).fetchall()
        numbers = connection.execute(
            "SELECT version FROM model_versions WHERE name = ? AND current_stage != 'Deleted_Internal'",
            (name,),
        ).fetchall()
        tags: dict[int, dict[str, str]] = {number: {} for (number,) in numbers}
        for number, key, value in connection.execute(
            "SELECT version, key, value FROM model_version_tags WHERE name = ?", (name,)
        ):
            if number in tags:
                tags[number][key] = value
        (runs,) = connection.execute("SELECT count(*) FROM runs WHERE lifecycle_stage = 'deleted'").fetchone()
    return {"aliases": dict(aliases), "tags": tags, "deleted_runs": runs}


def _copy(database: Path, name: str, number: int, tags: Mapping[str, str]) -> None:
    """Register version 1 once more, under this number: ten times as fast as by MLflow."""
    with _opened(database) as connection:
        columns = [row[1] for row in connection.execute("PRAGMA table_info(model_versions)")]
        picked = ", ".join("?" if column == "version" else column for column in columns)
        connection.execute(
            f"INSERT INTO model_versions ({', '.join(columns)})"
            f" SELECT {picked} FROM model_versions WHERE name = ? AND version = 1",
            (number, name),
        )
        connection.executemany(
            "INSERT INTO model_version_tags (name, version, key, value) VALUES (?, ?, ?, ?)",
            [(name, number, key, value) for key, value in tags.items()],
        )


def _put(name: str, version: Mapping[str, Any], reports: dict[int, Mapping[str, Any]]) -> None:
    known = {key: value for key, value in version.items() if key not in ("report", "meanwhile")}
    predict = known.pop("predict", "answer(chance(orders))").replace("NAME", repr(name))
    number = put_version(name, predict, **{"trained_until": None, **known})
    if "report" in version:
        reports[number] = version


def _client() -> Any:
    import mlflow

    return mlflow.MlflowClient()


@contextlib.contextmanager
def _opened(database: Path) -> Iterator[sqlite3.Connection]:
    """A transaction on the store, then closed."""
    with contextlib.closing(sqlite3.connect(database, timeout=20)) as connection, connection:
        yield connection


def _moves(database: Path, name: str) -> list[tuple[str, int | None]]:
    with _opened(database) as connection:
        rows = connection.execute("SELECT alias, version FROM watched WHERE name = ? ORDER BY rowid", (name,))
        return [(alias, number) for alias, number in rows]


def _database() -> Path:
    """The trial store of this process, made on first use."""
    from grader.store import copy_template, put_experiment

    process = os.getpid()
    if process not in _stores:
        folder = Path(tempfile.mkdtemp(prefix="seatrial-trial-"))
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        _stores[process] = copy_template(folder / "mlflow.db")
        put_experiment(_stores[process], "trial", own=True)
        with contextlib.closing(sqlite3.connect(_stores[process])) as connection:
            connection.executescript(WATCH)
    return _stores[process]


@contextlib.contextmanager
def _trial_store() -> Iterator[Path]:
    """MLflow points at the trial store, and delivered files are found, inside; afterwards all is as before."""
    import mlflow

    from grader.store import put_experiment, sqlite_uri

    database = _database()
    variables = {name: os.environ.get(name) for name in ("MLFLOW_TRACKING_URI", "MLFLOW_EXPERIMENT_ID")}
    tracking, no_bytecode, path = mlflow.get_tracking_uri(), sys.dont_write_bytecode, list(sys.path)
    os.environ["MLFLOW_TRACKING_URI"] = sqlite_uri(database)
    os.environ["MLFLOW_EXPERIMENT_ID"] = put_experiment(database, "trial", own=True)
    mlflow.set_tracking_uri(sqlite_uri(database))
    sys.dont_write_bytecode = True
    sys.path.insert(0, os.getcwd())
    try:
        yield database
    finally:
        sys.dont_write_bytecode = no_bytecode
        sys.path[:] = path
        mlflow.set_tracking_uri(tracking)
        for name, value in variables.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
