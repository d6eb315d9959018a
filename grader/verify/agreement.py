"""Point 10 of the proof: nbgrader's own generate_assignment and autograde give the points that a check gives."""

from __future__ import annotations

from collections.abc import Sequence

from grader.classroom.agreement import disagreements
from grader.course import Course
from grader.model import Unit
from grader.verify.points import Proof
from grader.verify.problems import Problem
from grader.verify.variants import Kind, Variant, written


def nbgrader_problems(
    course: Course,  # as the other points have it
    unit: Unit,
    variants: Sequence[Variant] | None = None,
    jobs: int = 2,
) -> list[Problem]:
    """Where nbgrader and a check differ over these variants, or over all that the source holds.

    Slow: some six seconds a variant. `course` is where the unit comes from.
    """
    proof = Proof(unit)
    chosen = written(unit) if variants is None else variants
    students = [(v.name, None if v.kind is Kind.UNTOUCHED else v.answers) for v in chosen]
    found = list(disagreements(unit, students, jobs))
    return sorted(proof.problem(10, name, text) for name, text in found)
