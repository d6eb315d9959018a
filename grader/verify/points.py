"""The points of the proof that follow from reports: each takes what was run and yields problems."""

from __future__ import annotations

import ast
import difflib
import io
import tokenize
from collections.abc import Iterator

from grader import expect
from grader.model import Outcome, Report, Test, TestResult, Unit
from grader.verify.problems import Problem
from grader.verify.variants import STUB, Kind, Variant, caught_by

REFERENCE_SECONDS = 10.0
NEAR_MISS_TOKENS = 4
NO_CHECKS = {"beside", "host", "process", "rng", "seed"}
CHECKS = {name for name in expect.__all__ if name.islower()} - NO_CHECKS
MIN_WRONG = 3
MIN_ALSO = 2


class Proof:
    """Finds problems of one unit; `places` orders them as the file does."""

    def __init__(self, unit: Unit) -> None:
        self.unit = unit
        names = [part.name for part in unit.parts]
        names += [wrong.name for wrong in unit.wrong] + [also.name for also in unit.also]
        self._places = {name: place for place, name in enumerate(names)}

    def problem(self, point: int, name: str, text: str) -> Problem:
        where = f'"{name}": ' if name else ""
        return Problem(self.unit.path, self._places.get(name, -1), point, where + text)

    # ---- 2: the reference

    def reference(self, report: Report) -> Iterator[Problem]:
        for result in report.results:
            if result.outcome is not Outcome.PASSED:
                yield self.problem(
                    2, result.name, f"the reference does not pass (seed {report.seed}): {result.message}"
                )
        for name, error in report.cell_errors.items():
            yield self.problem(2, name, f"the cell raises with the reference: {error}")

    def in_time(self, reports: list[Report]) -> Iterator[Problem]:
        """The quickest of several runs counts, since the machine may be busy."""
        seconds = min(report.own_seconds for report in reports)
        if seconds > REFERENCE_SECONDS:
            yield self.problem(
                2, "", f"the reference takes {seconds:.1f} s, more than {REFERENCE_SECONDS:g} s"
            )

    def silent(self, report: Report) -> Iterator[Problem]:
        for result in report.results:
            if result.output.strip():
                first = result.output.strip().splitlines()[0]
                yield self.problem(2, result.name, f'the test prints "{first[:80]}"; a test is silent')
        for name, output in report.cell_output.items():
            if "Warning" in output:
                line = next(line for line in output.splitlines() if "Warning" in line)
                yield self.problem(
                    2, name, f'a warning with the reference: "{line.strip()[:120]}"; mend its cause'
                )

    # ---- 3, 4: answers without thought

    def untouched(self, report: Report) -> Iterator[Problem]:
        for result in report.results:
            if result.points:
                yield self.problem(
                    3, result.name, f"an untouched notebook earns {result.points:g} points here"
                )
            elif result.outcome is not Outcome.NOT_ATTEMPTED:
                yield self.problem(3, result.name, f'an untouched notebook is "{result.outcome.value}" here')

    def lazy(self, variant: Variant, report: Report) -> Iterator[Problem]:
        for result in report.results:
            if result.points:
                yield self.problem(
                    3 if variant.name == STUB else 4,
                    result.name,
                    f'the lazy answer "{variant.name}" for {variant.of} earns {result.points:g} points; '
                    "test a case that it gets wrong",
                )

    # ---- 5, 6: wrong and other right answers

    def wrong(self, variant: Variant, report: Report) -> Iterator[Problem]:
        wrong = next(wrong for wrong in self.unit.wrong if wrong.name == variant.name)
        results = {result.name: result for result in report.results}
        for test in wrong.caught_by:
            result = results[test]
            if result.outcome is Outcome.PASSED:
                yield self.problem(5, wrong.name, f'this wrong answer passes "{test}", which must catch it')
            elif result.outcome is Outcome.FAILED and not well_formed(result):
                yield self.problem(
                    5, wrong.name, f'fails "{test}" without a message of four parts: {result.message}'
                )
            elif result.outcome is Outcome.NOT_ATTEMPTED:
                yield self.problem(5, wrong.name, f'counts as not attempted in "{test}"')

    def wrong_together(self, reports: dict[str, Report]) -> Iterator[Problem]:
        """Counts, and what the wrong answers must show as a set. reports: by name, in the judge."""
        if len(self.unit.wrong) < MIN_WRONG:
            yield self.problem(
                5, "", f"{len(self.unit.wrong)} wrong answers; at least {MIN_WRONG} are needed"
            )
        caught = {test for wrong in self.unit.wrong for test in wrong.caught_by}
        for test in self.unit.tests:
            if test.name not in caught:
                yield self.problem(5, test.name, "no wrong answer names this test; add one or drop it")
        if self.unit.wrong and not any(only_hidden_fails(report) for report in reports.values()):
            yield self.problem(
                5, "", "no wrong answer passes the visible tests and fails a hidden one; add one"
            )
        if self.unit.wrong and not any(self.near_miss(wrong.name) for wrong in self.unit.wrong):
            yield self.problem(
                5,
                "",
                f"no wrong answer is a near miss (at most {NEAR_MISS_TOKENS} tokens from a right one); add one",
            )

    def near_miss(self, name: str) -> bool:
        wrong = next(wrong for wrong in self.unit.wrong if wrong.name == name)
        right = [self.unit.answer(wrong.of).reference]
        right += [also.text for also in self.unit.also if also.of == wrong.of]
        return any(token_distance(wrong.text, text) <= NEAR_MISS_TOKENS for text in right)

    def also(self, variant: Variant, report: Report) -> Iterator[Problem]:
        for result in report.results:
            if result.outcome is not Outcome.PASSED:
                yield self.problem(
                    6,
                    variant.name,
                    f'this right answer is refused by "{result.name}" (seed {report.seed}): {result.message}',
                )

    def also_together(self) -> Iterator[Problem]:
        if len(self.unit.also) < MIN_ALSO:
            yield self.problem(
                6, "", f"{len(self.unit.also)} other right answers; at least {MIN_ALSO} are needed"
            )

    # ---- 8: both worlds

    def same_worlds(self, variant: Variant, judge: Report, notebook: Report) -> Iterator[Problem]:
        """Of a wrong answer in the tests that must catch it, which are those that it meets beside the notebook."""
        beside = {result.name: result for result in notebook.results}
        met = caught_by(self.unit, variant) if variant.kind is Kind.WRONG else {r.name for r in judge.results}
        for result in judge.results:
            if result.name not in met:
                continue
            other = beside[result.name]
            if result.outcome is not other.outcome:
                yield self.problem(
                    8,
                    result.name,
                    f'{variant.kind.value} answer "{variant.name}" is "{result.outcome.value}" in the judge and '
                    f'"{other.outcome.value}" in the notebook: {result.message or other.message}',
                )

    def executed(self, report: Report, world: str) -> Iterator[Problem]:
        results = {result.name: result for result in report.results}
        for test in self.unit.tests:
            if test.name not in results:
                yield self.problem(8, test.name, f"the test did not run in the {world}")
                continue
            calls = check_calls(test)
            if not calls:
                yield self.problem(8, test.name, "the test checks nothing; use a word of expect or drop it")
            lines = results[test.name].checked_lines
            for word, first, last in calls:
                if results[test.name].outcome is Outcome.PASSED and not any(
                    first <= n <= last for n in lines
                ):
                    part = "hidden part" if test.hidden_line and first >= test.hidden_line else "visible part"
                    yield self.problem(
                        8, test.name, f"expect.{word} on line {first} ({part}) never runs in the {world}"
                    )


def well_formed(result: TestResult) -> bool:
    """Whether the failure has all four parts and a word of expect, or a call that raised."""
    failure = result.failure
    if failure is None or not failure.word:
        return False
    return all((failure.what, failure.got, failure.expected, failure.why, failure.look_at))


def only_hidden_fails(report: Report) -> bool:
    """Whether every test passes in its visible part and at least one fails in its hidden part."""
    failed = [result for result in report.results if result.outcome is not Outcome.PASSED]
    return bool(failed) and all(result.failure is not None and result.failure.hidden for result in failed)


def check_calls(test: Test) -> list[tuple[str, int, int]]:
    """Each `expect` word that checks, in the test's cell: its name, first and last line."""
    return [
        (node.func.attr, node.lineno, node.end_lineno or node.lineno)
        for node in ast.walk(ast.parse(test.text))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id == "expect"
        and node.func.attr in CHECKS
    ]


def token_distance(one: str, other: str) -> int:
    """How many tokens differ between two pieces of code; comments, docstrings and layout aside."""
    first, second = tokens(one), tokens(other)
    matcher = difflib.SequenceMatcher(None, first, second, autojunk=False)
    return sum(
        max(a_end - a_start, b_end - b_start)
        for tag, a_start, a_end, b_start, b_end in matcher.get_opcodes()
        if tag != "equal"
    )


def tokens(text: str) -> list[str]:
    """The tokens of the code that matter."""
    code = ast.unparse(_without_docstrings(ast.parse(text)))
    skipped = (tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER)
    return [t.string for t in tokenize.generate_tokens(io.StringIO(code).readline) if t.type not in skipped]


def _without_docstrings(tree: ast.Module) -> ast.Module:
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Module)):
            first = node.body[0] if node.body else None
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
                node.body = node.body[1:] or [ast.Pass()]
    return tree
