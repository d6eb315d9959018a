"""The whole proof of one unit."""

from __future__ import annotations

from collections.abc import Callable

from grader import misconceptions
from grader.checking import outcomes_file
from grader.course import Course
from grader.misconceptions import Signature
from grader.model import Report, Unit
from grader.runner import World
from grader.verify import doors
from grader.verify.bench import Bench, Trial, both_worlds, judge_only
from grader.verify.kernel import Kernel
from grader.verify.points import Proof
from grader.verify.problems import Problem
from grader.verify.reference import reference_facts
from grader.verify.variants import Kind, Variant, canary, lazy, written


class Results:
    """Reports of a unit's written variants in both worlds, and of its lazy ones in the judge."""

    def __init__(self, unit: Unit, jobs: int) -> None:
        self.unit = unit
        self.variants = written(unit)
        with Bench(unit, jobs) as bench:
            reference = Variant(Kind.REFERENCE, "reference")
            (self.recorded,) = bench.run([Trial(reference, World.JUDGE, record=True)])
            if self.recorded.points < self.recorded.max_points:
                return
            reports = bench.run(both_worlds(self.variants))
            self.lazies = lazy(unit, self.recorded)
            self.lazy_reports = bench.run(judge_only(self.lazies))
            self.canary = bench.run(
                [Trial(canary(wrong), World.JUDGE, fresh=True) for wrong in unit.wrong[:1]]
            )
        self.judge = dict(zip(self._keys(), reports[0::2], strict=True))
        self.notebook = dict(zip(self._keys(), reports[1::2], strict=True))

    def _keys(self) -> list[tuple[Kind, str]]:
        return [(variant.kind, variant.name) for variant in self.variants]

    def references(self) -> list[Report]:
        key = (Kind.REFERENCE, "reference")
        return [self.recorded, self.judge[key], self.notebook[key]]

    def wrong_reports(self) -> dict[str, Report]:
        return {name: report for (kind, name), report in self.judge.items() if kind is Kind.WRONG}

    def signatures(self) -> dict[str, Signature]:
        """How each wrong answer fails, for naming misconceptions."""
        of = {wrong.name: wrong.of for wrong in self.unit.wrong}
        return {
            name: misconceptions.signature(report.results, of[name])
            for name, report in self.wrong_reports().items()
        }


def prove_unit(
    course: Course,
    unit: Unit,
    jobs: int,
    progress: Callable[[str], None] = lambda step: None,
    *,
    every_door: bool = True,
    kernel: Kernel | None = None,
) -> list[Problem]:
    """Points 2 to 8 for one unit, all problems at once, in file order.

    every_door: also run the canary through the command line and a real kernel (point 7): `kernel`, if given.
    """
    proof = Proof(unit)
    progress("answers in both worlds")
    results = Results(unit, jobs)
    problems = list(proof.reference(results.recorded))
    if problems:
        return sorted(problems)  # everything else would repeat it
    problems += proof.in_time(results.references())
    for variant in results.variants:
        key = (variant.kind, variant.name)
        judge, notebook = results.judge[key], results.notebook[key]
        problems += _written(proof, variant, judge)
        problems += proof.same_worlds(variant, judge, notebook)
        if variant.kind is Kind.REFERENCE:
            problems += proof.silent(notebook)
            problems += proof.executed(judge, "judge")
            problems += proof.executed(notebook, "notebook")
    for variant, report in zip(results.lazies, results.lazy_reports, strict=True):
        problems += proof.lazy(variant, report)
    problems += proof.wrong_together(results.wrong_reports())
    problems += proof.also_together()
    problems += _stored_signatures(course, proof, results)
    if every_door and unit.wrong:
        progress("canary through every door")
        found = doors.canary_problems(course, unit, results.canary[0], kernel)
        problems += [proof.problem(7, name, text) for name, text in found]
    return sorted(problems)


def _written(proof: Proof, variant: Variant, report: Report) -> list[Problem]:
    judged = {
        Kind.REFERENCE: lambda: proof.reference(report),
        Kind.UNTOUCHED: lambda: proof.untouched(report),
        Kind.WRONG: lambda: proof.wrong(variant, report),
        Kind.ALSO: lambda: proof.also(variant, report),
    }
    return list(judged[variant.kind]())


def _stored_signatures(course: Course, proof: Proof, results: Results) -> list[Problem]:
    """The stored outcomes of the wrong answers are those that were just seen."""
    stored = misconceptions.load_signatures(outcomes_file(course, results.unit))
    return [
        proof.problem(5, name, f"its stored outcome is stale; run: mle build {results.unit.name}")
        for name, seen in results.signatures().items()
        if stored.get(name) != seen
    ]


def write_signatures(course: Course, unit: Unit, jobs: int) -> bool:
    """Run the reference and the wrong answers and store how these fail; True if the file changed."""
    reference = reference_facts(course, unit)
    wrong = [variant for variant in written(unit) if variant.kind is Kind.WRONG]
    with Bench(unit, jobs) as bench:
        reports = bench.run([Trial(variant, World.JUDGE, seed=1) for variant in wrong])
    signatures = {
        variant.name: misconceptions.signature(report.results, variant.of)
        for variant, report in zip(wrong, reports, strict=True)
    }
    from grader.atomic import write_if_changed

    return write_if_changed(
        outcomes_file(course, unit), misconceptions.dump_signatures(unit, signatures, reference)
    )
