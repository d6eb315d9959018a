"""Repeats: every written answer with many seeds of hidden data, since one lucky seed proves no bar."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from grader.model import Outcome, Report, Unit
from grader.runner import World
from grader.verify.bench import Bench, Trial
from grader.verify.points import Proof
from grader.verify.problems import Problem
from grader.verify.variants import Kind, Variant, written

FEW_SEEDS = 3  # for a wrong answer that fails in the visible part, which no seed changes
POINTS = {Kind.REFERENCE: 2, Kind.WRONG: 5, Kind.ALSO: 6}


@dataclass(frozen=True)
class Passes:
    """How often one answer passed one test.

    must: whether it has to pass each time; a wrong answer never may, and only tests that must catch it are run.
    failing_seeds: seeds with which it did not pass; passing_seeds: with which it did.
    """

    test: str
    variant: Variant
    must: bool
    passing_seeds: tuple[int, ...]
    failing_seeds: tuple[int, ...]

    @property
    def kind(self) -> str:
        return "wrong" if self.variant.kind is Kind.WRONG else "right"

    @property
    def runs(self) -> int:
        return len(self.passing_seeds) + len(self.failing_seeds)

    def __str__(self) -> str:
        mark = "" if self.must else " (must fail)"
        share = f"{len(self.passing_seeds)} of {self.runs}"
        return f"{self.test}: {self.kind} answer {self.variant.name} passes {share}{mark}"


def repeat(
    unit: Unit, seeds: int, jobs: int = 2, progress: Callable[[str], object] = lambda step: None
) -> list[Passes]:
    """Passes of every written answer in every test of it, with hidden data of the seeds 1 to `seeds`.

    In the judge alone; by test in the order of the file. A wrong answer that fails in the visible part of each
    test that must catch it runs three times only.
    """
    variants = [variant for variant in written(unit) if variant.kind in POINTS]
    reports: dict[str, list[Report]] = {}
    with Bench(unit, jobs) as bench:
        for variant in variants:
            progress(f"{unit.name}: {seeds} seeds, {variant.name}")
            trials = [Trial(variant, World.JUDGE, seed, caught=True) for seed in range(1, seeds + 1)]
            found = bench.run(trials[:FEW_SEEDS])
            if not all(_fails_in_sight(variant, report) for report in found):
                found += bench.run(trials[FEW_SEEDS:])
            reports[_key(variant)] = found
    return list(_counted(unit, variants, reports))


def _fails_in_sight(variant: Variant, report: Report) -> bool:
    """Whether a wrong answer fails the visible part of each test that must catch it."""
    failures = [result.failure for result in report.results]
    return variant.kind is Kind.WRONG and all(one is not None and not one.hidden for one in failures)


def _key(variant: Variant) -> str:
    return f"{variant.kind.value} {variant.name}"


def _counted(unit: Unit, variants: Sequence[Variant], reports: dict[str, list[Report]]) -> Iterator[Passes]:
    for test in unit.tests:
        for variant in variants:
            passed: dict[bool, list[int]] = {True: [], False: []}
            for seed, report in enumerate(reports[_key(variant)], start=1):
                for result in report.results:
                    if result.name == test.name:
                        passed[result.outcome is Outcome.PASSED].append(seed)
            if not passed[True] and not passed[False]:
                continue  # a test that says nothing of this answer
            must = variant.kind is not Kind.WRONG
            yield Passes(test.name, variant, must, tuple(passed[True]), tuple(passed[False]))


def seed_problems(unit: Unit, passes: Sequence[Passes]) -> list[Problem]:
    """Right answers that were ever refused, and wrong ones that ever passed what must catch them; in file order."""
    proof = Proof(unit)
    found = []
    for one in passes:
        against = one.failing_seeds if one.must else one.passing_seeds
        if not against:
            continue
        what = "right answer is refused by" if one.must else "wrong answer passes"
        text = (
            f'this {what} "{one.test}" with {len(against)} of {one.runs} seeds, first {against[0]}; '
            "widen the gap between right and wrong (more data, another bar)"
        )
        found.append(proof.problem(POINTS[one.variant.kind], one.variant.name, text))
    return sorted(found)
