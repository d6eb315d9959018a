"""Nights of a scoring job: a start of the job in this Python, and a folder with a store of models of its own.

The exercise `batch-scoring` scores the days of a folder with a registered model. Its checks make such nights here.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import io
import json
import logging
import os
import runpy
import shutil
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pandas as pd

from tidewater.elsewhere import elsewhere
from tidewater.watched import FAULTS, Watched, faults, orders, read_scores, write

MODEL = "tidewater-fraud"


@dataclass(frozen=True)
class Ended:
    """How a start of the job ended: its exit code, and what it wrote to stderr."""

    exit_code: int
    errors: str


def start(program: str, *arguments: str) -> Ended:
    """Run `python PROGRAM ARGUMENTS` in this Python, which saves the imports of a new one."""
    errors = io.StringIO()
    with _as_if_new(program, arguments), contextlib.redirect_stderr(errors):
        try:
            runpy.run_path(program, run_name="__main__")
            code = 0
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else int(end.code is not None)
            errors.write(end.code if isinstance(end.code, str) else "")
        except KeyboardInterrupt:
            code = 130
        except Exception:
            code = 1
            traceback.print_exc(file=errors)
    return Ended(code, errors.getvalue())


@contextlib.contextmanager
def _as_if_new(program: str, arguments: tuple[str, ...]) -> Iterator[None]:
    """Modules of the current folder are read anew, and log handlers, arguments and an open run are not kept."""
    import mlflow

    here, root = Path(program).resolve().parent, logging.getLogger()
    for path in here.glob("*.py"):
        sys.modules.pop(path.stem, None)
    kept = sys.argv, list(sys.path), root.handlers, root.level, sys.dont_write_bytecode
    sys.argv, root.handlers, sys.dont_write_bytecode = [program, *arguments], [], True
    sys.path.insert(0, str(here))
    try:
        yield
    finally:
        sys.argv, sys.path[:], root.handlers, level, sys.dont_write_bytecode = kept
        root.setLevel(level)
        while mlflow.active_run():
            mlflow.end_run("FAILED")


class PowerCut(KeyboardInterrupt):
    """The machine is gone."""


@contextlib.contextmanager
def power_cut(name: str) -> Iterator[None]:
    """The machine goes away right before a file gets or loses this name, and moves or removes nothing after that."""
    gone: list[bool] = []

    def guarded(call: Callable[..., Any]) -> Callable[..., Any]:
        def guard(*places: Any, **how: Any) -> Any:
            place = how.get("dst", how.get("path", places[-1] if places else ""))
            if gone or (name and os.path.basename(os.fspath(place)) == name):
                gone.append(True)
                raise PowerCut
            return call(*places, **how)

        return guard

    calls: dict[str, Any] = {
        word: guarded(getattr(os, word)) for word in ("rename", "replace", "remove", "unlink")
    }
    with mock.patch.multiple(os, **calls):
        yield


@contextlib.contextmanager
def after_first_look_up(call: Callable[[], object]) -> Iterator[None]:
    """`call` is called once: when a version was looked up by its alias, and before the caller has it."""
    import mlflow

    plain, left = mlflow.MlflowClient.get_model_version_by_alias, [call]

    def look_up(client: Any, *arguments: Any, **how: Any) -> Any:
        found = plain(client, *arguments, **how)
        while left:
            left.pop()()
        return found

    with mock.patch.object(mlflow.MlflowClient, "get_model_version_by_alias", look_up):
        yield


class Night:
    """A folder with `in`, `out` and `watch`, and a store of its own with versions of the model.

    The store is a copy of the one in MLFLOW_TRACKING_URI. What is kept is on disk: Night(folder) goes on with it.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = Path(folder).resolve()
        self.source, self.out, self.watch = (self.folder / name for name in ("in", "out", "watch"))
        self.database = self.folder / "mlflow.db"
        if not self.database.exists():
            for place in (self.source, self.out, self.watch):
                place.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(os.environ["MLFLOW_TRACKING_URI"].removeprefix("sqlite:///"), self.database)
            with self.store() as client:
                where = client.create_experiment(
                    f"night {self.folder.name}", artifact_location=self.folder.as_uri()
                )
                (self.folder / "experiment").write_text(where)

    @property
    def environment(self) -> dict[str, str]:
        """Variables of a process that works in this night."""
        names = {"MLFLOW_TRACKING_URI": f"sqlite:///{self.database.as_posix()}"}
        if (self.folder / "experiment").exists():
            names["MLFLOW_EXPERIMENT_ID"] = (self.folder / "experiment").read_text()
        return names | {"NIGHT_WATCH": str(self.watch), "NIGHT_OUT": str(self.out)}

    @contextlib.contextmanager
    def store(self) -> Iterator[Any]:
        """A client of the night's store, to which MLflow and the environment of this process point meanwhile."""
        import mlflow

        with elsewhere(self.environment):
            yield mlflow.MlflowClient()

    def register(self, weight: float, *, name: str = MODEL, champion: bool = True) -> str:
        """A new version of the model; returns its number."""
        import mlflow

        with self.store() as client:
            with contextlib.suppress(mlflow.MlflowException):
                client.create_registered_model(name)
            place = self.folder / f"model-{weight}-{time.monotonic_ns()}"
            logging.getLogger("mlflow.sklearn").setLevel(logging.ERROR)  # it warns of cloudpickle
            mlflow.sklearn.save_model(
                Watched(weight), place, pip_requirements=["scikit-learn"], serialization_format="cloudpickle"
            )
            number = client.create_model_version(name, place.as_uri()).version
            if champion:
                client.set_registered_model_alias(name, "champion", number)
        return str(number)

    def run(
        self, program: str = "score.py", *, dies_before: str = "", after_look_up: Callable[[], object] = int
    ) -> dict[str, Any]:
        """One night: exit code, errors, ids that the model was asked about, what readers saw, and its MLflow run.

        dies_before: the name of a file before whose rename the machine goes away. after_look_up: called once, when the
        job has first looked up a version by its alias.
        """
        (self.watch / "asked.jsonl").unlink(missing_ok=True)
        since = time.time_ns() // 1_000_000
        with self.store() as client:
            with power_cut(dies_before), after_first_look_up(after_look_up):
                ended = start(program, str(self.source), str(self.out))
            runs = list(
                client.search_runs(
                    [(self.folder / "experiment").read_text()], f"attributes.start_time >= {since}"
                )
            )
        note = {"exit_code": ended.exit_code, "errors": ended.errors, "runs": len(runs)}
        return {**note, **self.asked(), **(self._of_run(runs[0]) if runs else {})}

    def _of_run(self, run: Any) -> dict[str, Any]:
        path = self.folder / run.info.run_id / "artifacts" / "summary.json"
        summary = json.loads(path.read_text()) if path.exists() else {}
        return {
            "params": dict(run.data.params),
            "metrics": dict(run.data.metrics),
            "summary": summary,
            "status": run.info.status,
        }

    def asked(self) -> dict[str, list]:
        """Ids that the model was asked about since the last start of `run`, and what readers saw at each question."""
        path = self.watch / "asked.jsonl"
        lines = (
            [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
            if path.exists()
            else []
        )
        return {
            "asked": [key for line in lines for key in line["ids"]],
            "seen": [line["seen"] for line in lines],
        }

    def marks(self) -> dict[str, str]:
        """Of each output its moment of change and its hash, by day."""
        return {path.stem: f"{path.stat().st_mtime_ns} {sha256(path)}" for path in self.out.glob("*.parquet")}

    def names(self) -> list[str]:
        """Every file of the output folder."""
        return sorted(path.relative_to(self.out).as_posix() for path in self.out.rglob("*") if path.is_file())

    def put(self, day: str, seed: list[int], rows: int, **how: Any) -> None:
        """A day of orders; `day_of(seed, rows, ...)` gives the same."""
        write(self.source / f"{day}.parquet", day_of(seed, rows, **how))

    def faulty(self, plan: Plan, weight: float, version: str) -> dict[str, list[str]]:
        """The days of each fault of FAULTS. plan: the arguments of `put` for each day that must have an output."""
        found: dict[str, list[str]] = {name: [] for name in FAULTS}
        for day, (seed, rows, how) in plan.items():
            place = self.out / f"{day}.parquet"
            digest = sha256(self.source / place.name)
            scores = read_scores(place) if place.exists() else None
            for name in faults(scores, day_of(seed, rows, **how), weight, version, digest):
                found[name].append(day)
        return found


Plan = dict[str, tuple[list[int], int, dict[str, Any]]]


def day_of(seed: list[int], rows: int, *, last_title: str = "", raised: int = 0, **how: Any) -> pd.DataFrame:
    """Orders of a day. last_title: of the last order. raised: the attempts of that many orders are one more."""
    table = _orders(tuple(seed), rows, tuple(how.items())).copy()
    if last_title:
        table.loc[table.index[-1], "product_title"] = last_title
    table.loc[table.index[:raised], "attempts"] += 1
    return table


@functools.cache
def _orders(seed: tuple[int, ...], rows: int, how: tuple[tuple[str, Any], ...]) -> pd.DataFrame:
    table = orders(np.random.default_rng(seed), rows, **dict(how))
    table["order_id"] += 10**9 * seed[-1]  # no two days of a plan have an id in common
    return table


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def listing(folder: str | os.PathLike[str]) -> list[tuple[str, str]]:
    """Every file below a folder with its hash."""
    return sorted((path.name, sha256(path)) for path in Path(folder).rglob("*") if path.is_file())
