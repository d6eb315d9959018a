"""The answers that a unit is proven with: its own, the untouched ones, and lazy ones made by machine."""

from __future__ import annotations

import ast
import enum
from collections.abc import Iterator
from dataclasses import dataclass, field

from grader.model import Answer, Report, Submission, Unit, Wrong
from grader.notebook import submission_from

STUB = "as it is handed out"
MAX_CONSTANTS = 3
MAX_CONSTANT_BYTES = 64 * 1024


class Kind(enum.Enum):
    """What a variant is meant to show."""

    REFERENCE = "reference"
    UNTOUCHED = "untouched"
    LAZY = "lazy"
    WRONG = "wrong"
    ALSO = "also"


@dataclass(frozen=True)
class Variant:
    """One set of answers. `of` is the answer that differs from the reference, or ""."""

    kind: Kind
    name: str
    of: str = ""
    answers: dict[str, str] = field(default_factory=dict)

    def submission(self, unit: Unit, *, caught: bool = False) -> Submission:
        """The variant as a notebook to run: all tests, or those that look at the answer that differs.

        caught: of a wrong answer, only the tests that must catch it.
        """
        if self.kind is Kind.UNTOUCHED:
            return submission_from(unit, {}, untouched=frozenset(answer.name for answer in unit.answers))
        whole = submission_from(unit, self.answers)
        tests = {test.name for test in unit.tests if not self.of or self.of in test.of}
        if caught and self.kind is Kind.WRONG:
            tests &= caught_by(unit, self)
        cells = [cell for cell in whole.cells if cell.origin != "test" or cell.name in tests]
        while self.of and cells[-1].origin != "test":  # no test is left that these could change
            cells.pop()
        untouched = frozenset() if self.kind is Kind.LAZY else whole.untouched  # a lazy answer is run
        return Submission(cells=tuple(cells), untouched=untouched, missing=whole.missing)


def written(unit: Unit) -> list[Variant]:
    """The variants that the source itself holds, the untouched notebook among them."""
    found = [Variant(Kind.REFERENCE, "reference"), Variant(Kind.UNTOUCHED, "untouched")]
    found += [Variant(Kind.WRONG, wrong.name, wrong.of, {wrong.of: wrong.text}) for wrong in unit.wrong]
    found += [Variant(Kind.ALSO, also.name, also.of, {also.of: also.text}) for also in unit.also]
    return found


def caught_by(unit: Unit, variant: Variant) -> set[str]:
    """Names of the tests that must catch a wrong answer."""
    return {name for wrong in unit.wrong if wrong.name == variant.name for name in wrong.caught_by}


def canary(wrong: Wrong) -> Variant:
    """The wrong answer with every test of the unit, not only those that look at it."""
    return Variant(Kind.WRONG, wrong.name, "", {wrong.of: wrong.text})


def lazy(unit: Unit, reference: Report) -> list[Variant]:
    """Answers that no thought went into, for each answer of the unit.

    reference: a recorded run of the reference, for the constants that the visible tests show.
    """
    return [
        Variant(Kind.LAZY, name, answer.name, {answer.name: text})
        for answer in unit.answers
        for name, text in dict(_lazy_texts(answer, reference)).items()
    ]


def _lazy_texts(answer: Answer, reference: Report) -> Iterator[tuple[str, str]]:
    yield STUB, answer.stub
    if answer.file is not None:
        yield "an empty file", "\n"
        yield "a file that ends at once", "raise SystemExit(0)\n"
        return
    expressions = {
        "None": "None",
        "0": "0",
        "1": "1",
        "the first argument": "",
        "an empty frame": "__import__('pandas').DataFrame()",
    }
    expressions.update(_constants(answer, reference))
    for label, expression in expressions.items():
        text = lazy_text(answer.reference, expression)
        if text is not None:
            yield f"return {label}", text
    if not answer.names:
        yield "nothing", "pass\n"


def _constants(answer: Answer, reference: Report) -> dict[str, str]:
    """What the visible tests showed, as expressions that give it back."""
    found: dict[str, str] = {}
    seen = [
        (name, data) for result in reference.results for name, data in result.seen if name in answer.names
    ]
    for name, data in seen:
        if data not in found.values() and len(data) <= MAX_CONSTANT_BYTES and len(found) < MAX_CONSTANTS:
            label = f"what {name} returned in the visible test ({len(found) + 1})"
            found[label] = f"__import__('grader.codec', fromlist=['loads']).loads({data!r})"
    return found


def lazy_text(reference: str, expression: str) -> str | None:
    """The reference with every body replaced by `return EXPRESSION`; None if there is nothing to replace.

    An empty expression means the first argument that is not self.
    """
    tree = ast.parse(reference)
    changed = False
    for node in tree.body:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            changed = _make_lazy(node, expression) or changed
        elif isinstance(node, ast.ClassDef):
            for method in node.body:
                if isinstance(method, ast.FunctionDef) and not method.name.startswith("__"):
                    changed = _make_lazy(method, expression) or changed
        elif isinstance(node, (ast.Assign, ast.AnnAssign)) and expression and node.value is not None:
            node.value = ast.parse(expression, mode="eval").body
            changed = True
    return ast.unparse(ast.fix_missing_locations(tree)) + "\n" if changed else None


def _make_lazy(function: ast.FunctionDef | ast.AsyncFunctionDef, expression: str) -> bool:
    if not expression:
        arguments = [
            a.arg for a in function.args.posonlyargs + function.args.args if a.arg not in ("self", "cls")
        ]
        if not arguments:
            return False
        expression = arguments[0]
    function.body = [ast.Return(ast.parse(expression, mode="eval").body)]
    return True
