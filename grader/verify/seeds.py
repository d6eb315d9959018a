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

    must: True where it has to pass each time, False where never, None where it may do as it likes.
    failing_seeds: seeds with which it did not pass; passing_seeds: with which it did.
    """

    test: str
    variant: Variant
    must: bool | None
    passing_seeds: tuple[int, ...]
    failing_seeds: tuple[int, ...]

    @property
    def kind(self) -> str:
        return "wrong" if self.variant.kind is Kind.WRONG else "right"

    @property
    def runs(self) -> int:
        return len(self.passing_seeds) + len(self.failing_seeds)

    def __str__(self) -> str:
        mark = " (must fail)" if self.must is False else ""
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
            trials = [Trial(variant, World.JUDGE, seed=seed) for seed in range(1, seeds + 1)]
            found = bench.run(trials[:FEW_SEEDS])
            if not all(_fails_in_sight(unit, variant, report) for report in found):
                found += bench.run(trials[FEW_SEEDS:])
            reports[_key(variant)] = found
    return list(_counted(unit, variants, reports))


def _fails_in_sight(unit: Unit, variant: Variant, report: Report) -> bool:
    """Whether a wrong answer fails the visible part of each test that must catch it."""
    caught_by = {name for wrong in unit.wrong if wrong.name == variant.name for name in wrong.caught_by}
    failures = [result.failure for result in report.results if result.name in caught_by]
    return variant.kind is Kind.WRONG and all(one is not None and not one.hidden for one in failures)


def _key(variant: Variant) -> str:
    return f"{variant.kind.value} {variant.name}"


def _counted(unit: Unit, variants: Sequence[Variant], reports: dict[str, list[Report]]) -> Iterator[Passes]:
    caught_by = {wrong.name: wrong.caught_by for wrong in unit.wrong}
    for test in unit.tests:
        for variant in variants:
            passed: dict[bool, list[int]] = {True: [], False: []}
            for seed, report in enumerate(reports[_key(variant)], start=1):
                for result in report.results:
                    if result.name == test.name:
                        passed[result.outcome is Outcome.PASSED].append(seed)
            if not passed[True] and not passed[False]:
                continue  # a test that does not look at this answer
            must: bool | None = True
            if variant.kind is Kind.WRONG:
                must = False if test.name in caught_by[variant.name] else None
            yield Passes(test.name, variant, must, tuple(passed[True]), tuple(passed[False]))


def seed_problems(unit: Unit, passes: Sequence[Passes]) -> list[Problem]:
    """Right answers that were ever refused, and wrong ones that ever passed what must catch them; in file order."""
    proof = Proof(unit)
    found = []
    for one in passes:
        against = one.failing_seeds if one.must else one.passing_seeds
        if one.must is None or not against:
            continue
        what = "right answer is refused by" if one.must else "wrong answer passes"
        text = (
            f'this {what} "{one.test}" with {len(against)} of {one.runs} seeds, first {against[0]}; '
            "widen the gap between right and wrong (more data, another bar)"
        )
        found.append(proof.problem(POINTS[one.variant.kind], one.variant.name, text))
    return sorted(found)
