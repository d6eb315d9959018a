"""The check of a learner's MLflow run, and a look into it."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from grader.expect import describe, host
from grader.expect.failure import Check, ExpectationFailed, begin
from grader.expect.values import positive

if TYPE_CHECKING:
    from grader.tracking import RunRecord

MOST_ARTIFACTS = 10_000


class RunView:
    """A run: `.params`, `.metrics`, `.tags` as dicts, `.artifacts` as names, `.model()`, `.children` and more."""

    def __init__(self, record: RunRecord, check: Check) -> None:
        self.run_id = record.run_id
        self.params = dict(record.params)
        self.metrics = dict(record.metrics)
        self.tags = dict(record.tags)
        self.name = record.name
        self.status = record.status
        self._record = record
        self._check = check

    @property
    def children(self) -> tuple[RunView, ...]:
        """The runs nested directly below this one, the oldest first, finished or not."""
        return tuple(RunView(child, self._check) for child in self._record.children)

    def history(self, metric: str) -> list[tuple[int, float]]:
        """Step and value of each time that this metric was logged, in the order of steps; [] if it never was."""
        return list(self._record.history.get(metric, ()))

    @property
    def artifacts(self) -> tuple[str, ...]:
        """Names of the logged files, with "/" between folders; links are left out."""
        folder = self._record.artifact_folder
        if folder is None:
            return ()
        names: list[str] = []
        for place, folders, files in os.walk(folder):
            folders.sort()
            names += [(Path(place) / name).relative_to(folder).as_posix() for name in sorted(files)]
            if len(names) > MOST_ARTIFACTS:
                break
        return tuple(name for name in names[:MOST_ARTIFACTS] if not (Path(folder) / name).is_symlink())

    def artifact(self, name: str) -> bytes:
        """The bytes of a logged file; a check that fails if the run has none of this name."""
        from grader.jail.folders import read_regular_file

        try:
            if name not in self.artifacts:
                raise FileNotFoundError(name)
            data = read_regular_file(Path(str(self._record.artifact_folder)) / name)
        except FileNotFoundError:
            self._check.fail(f"a run without an artifact {name}", f"an artifact {name}", "a run without it")
        return data

    def model(self, name: str | None = None) -> Any:
        """The run's model, loaded in a fresh process on the learner's side, without the notebook's names."""
        goal = f"a model {name}" if name else "a model"
        try:
            model = host.current().load_model(self._record, name)
        except FileNotFoundError as error:
            self._check.fail(str(error), goal, "no such model")
        except Exception as error:
            kind = type(error).__name__
            got = f"{describe.with_article(kind)} when the model was loaded without the notebook"
            self._check.fail(got, f"{goal} that loads in a fresh process", "a model that does not load")
        return model


def run(
    *,
    params: Mapping[str, object] | None = None,
    metrics: Mapping[str, float] | None = None,
    tags: Mapping[str, object] | None = None,
    tolerance: float = 1e-9,
    what: str,
    why: str,
    look_at: str,
) -> RunView:
    """The newest run of the unit's experiment begun in this execution, which is finished and holds these values.

    params, tags: compared as texts, as MLflow stores them.
    metrics: last value of each, finite, with a gap of at most tolerance * (1 + abs(expected)).
    """
    check = begin("run", what, why, look_at)
    bound = positive("run", "tolerance", tolerance)
    record = host.current().newest_run()
    if record is None:
        _no_run(check)
    if record.status != "FINISHED":
        got = f"a run whose status is {record.status}"
        if record.status == "RUNNING":
            got += " (nothing ended it; `with mlflow.start_run():` does)"
        check.fail(got, "a run that is FINISHED", "a run that is not finished")
    for name, expected in (params or {}).items():
        _compare_text(check, "param", name, record.params, expected)
    for name, expected in (tags or {}).items():
        _compare_text(check, "tag", name, record.tags, expected)
    for name, number in (metrics or {}).items():
        _compare_metric(check, name, record.metrics, number, bound)
    return RunView(record, check)


def _no_run(check: Check) -> NoReturn:
    raise ExpectationFailed(
        check.word,
        check.what,
        "no run",
        "a run of the unit's experiment, begun in this notebook run",
        check.why,
        f"{check.look_at}, and at `with mlflow.start_run():` around what you log",
        got_coarse="no run",
    )


def _compare_text(check: Check, kind: str, name: str, found: Mapping[str, str], expected: object) -> None:
    if name not in found:
        check.fail(
            f"a run without the {kind} {name}", f"the {kind} {name}", f"a run without the {kind} {name}"
        )
    wanted, text = str(expected), found[name]
    if text != wanted:
        shown, goal = describe.describe_key(text), describe.describe_key(wanted)
        check.fail(f"{shown} in the {kind} {name}", goal, f"another text in the {kind} {name}")


def _compare_metric(
    check: Check, name: str, found: Mapping[str, float], expected: object, bound: float
) -> None:
    if type(expected) is bool or not math.isfinite(expected):  # type: ignore[arg-type]
        raise ValueError(f"expect.run: the expected metric {name} is a finite number.")
    wanted = float(expected)  # type: ignore[arg-type]
    if name not in found:
        check.fail(
            f"a run without the metric {name}", f"the metric {name}", f"a run without the metric {name}"
        )
    value = found[name]
    if not math.isfinite(value):
        shown = describe.number(value)
        check.fail(f"{shown} in the metric {name}", describe.number(wanted), f"{shown} in the metric {name}")
    if abs(value - wanted) > bound * (1 + abs(wanted)):
        left, right = describe.number_pair(value, wanted)
        check.fail(f"{left} in the metric {name}", right, f"another number in the metric {name}")
