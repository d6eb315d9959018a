"""Runs the variants of a unit, several at once, and keeps their reports."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from grader.checking import file_modules, run_modules
from grader.model import Report, Unit
from grader.runner import World, run
from grader.verify.variants import Kind, Variant
from grader.workers import ForkedWorkers, Workers, many_runs


@dataclass(frozen=True)
class Trial:
    """One run to make: a variant, in one world, with a seed or a fresh one (None).

    fresh: start delivered files as a learner's check does, with a Python of their own; else in forks, which saves
    the seconds of their imports.
    caught: run of a wrong answer only the tests that must catch it; what it passes costs most.
    """

    variant: Variant
    world: World
    seed: int | None = None
    record: bool = False
    fresh: bool = False
    caught: bool = False


class Bench:
    """Warm workers for one unit; `run` makes trials, `jobs` at a time, and returns reports in order."""

    def __init__(self, unit: Unit, jobs: int) -> None:
        self.unit = unit
        self._jobs = jobs
        modules = dict.fromkeys((*run_modules(unit), *file_modules(unit)))
        self._context = many_runs(modules)
        self._local = threading.local()
        self._opened: list[Workers] = []

    def __enter__(self) -> Bench:
        self._make_workers = self._context.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        for workers in self._opened:
            workers.close()
        self._context.__exit__(None, None, None)

    def run(self, trials: Iterable[Trial]) -> list[Report]:
        with ThreadPoolExecutor(self._jobs) as pool:
            return list(pool.map(self._one, trials))

    def _one(self, trial: Trial) -> Report:
        if not hasattr(self._local, "workers"):
            self._local.workers = self._make_workers()
            self._opened.append(self._local.workers)
        if isinstance(self._local.workers, ForkedWorkers):
            self._local.workers.warm_files = not trial.fresh
        return run(
            self.unit,
            trial.variant.submission(self.unit, caught=trial.caught),
            self._local.workers,
            seed=trial.seed,
            world=trial.world,
            record=trial.record,
        )


def both_worlds(variants: Iterable[Variant]) -> list[Trial]:
    """Each variant in the judge and beside the notebook, with hidden data of the same seed.

    What a right answer delivers is started fresh in the judge. Beside the notebook a wrong answer meets the tests
    that must catch it; that the others let it pass there, too, right answers show.
    """
    right = (Kind.REFERENCE, Kind.ALSO)
    trials = []
    for seed, variant in enumerate(variants, start=1):
        trials.append(Trial(variant, World.JUDGE, seed, fresh=variant.kind in right))
        trials.append(Trial(variant, World.NOTEBOOK, seed, caught=True))
    return trials


def judge_only(variants: Iterable[Variant]) -> list[Trial]:
    """Each variant in the judge alone."""
    return [Trial(variant, World.JUDGE) for variant in variants if variant.kind is not Kind.REFERENCE]
