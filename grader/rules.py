"""What the cells of a source owe each other: names, order, and what a test may use."""

from __future__ import annotations

import ast
from collections.abc import Iterable

from grader.header import Problems, nearest
from grader.markers import HIDDEN, SOLUTION, has_marker
from grader.model import Answer, Cell, Test, Unit
from grader.names import Names, names_of, parse, syntax_problem
from grader.source_cells import SourceCell


def check_unit(unit: Unit, cells: list[SourceCell], problems: Problems) -> None:
    """Notes every broken rule that concerns more than one cell."""
    _check_names(cells, problems)
    _check_markers_elsewhere(cells, problems)
    _check_begin(unit, cells, problems)
    _check_prose(cells, problems)
    _check_files(cells, problems)
    _check_links(unit, cells, problems)
    _check_code(unit, cells, problems)


def _check_names(cells: list[SourceCell], problems: Problems) -> None:
    seen: dict[tuple[bool, str], str] = {}
    for cell in cells:
        if cell.kind not in ("answer", "test", "wrong", "also"):
            continue
        key = (cell.kind in ("answer", "test"), cell.name)
        if key in seen:
            what = f"the name stands twice, as {seen[key]} and as {cell.kind}"
            problems.at(cell, f"{what}; choose another")
        seen.setdefault(key, cell.kind)


def _check_markers_elsewhere(cells: list[SourceCell], problems: Problems) -> None:
    for cell in cells:
        if cell.kind != "answer" and has_marker(cell.text, SOLUTION):
            problems.at(cell, "has a solution marker but is no answer cell; drop it")
        if cell.kind != "test" and has_marker(cell.text, HIDDEN):
            problems.at(cell, "has a hidden-test marker but is no test cell; drop it")


def _check_begin(unit: Unit, cells: list[SourceCell], problems: Problems) -> None:
    code = [cell for cell in cells if cell.kind in ("given", "answer", "test")]
    if not code or code[0].kind != "given":
        position = code[0].position if code else 0
        problems.add(position, f"cell {position + 1}", f"no given cell opens the code; {_opening(unit)}")
        return
    tree = parse(code[0].text)
    found = [ast.unparse(node) for node in tree.body[:2]] if tree else []
    if tree and found != ["import grader", f"grader.begin({unit.name!r})"]:
        problems.at(code[0], f"opens the code otherwise; {_opening(unit)}")


def _opening(unit: Unit) -> str:
    return f'begin with "import grader" and "grader.begin("{unit.name}")"'


def _check_prose(cells: list[SourceCell], problems: Problems) -> None:
    parts = [cell for cell in cells if cell.kind not in ("wrong", "also")]
    for before, cell in zip([None, *parts], parts, strict=False):
        if cell.kind == "answer" and (before is None or before.kind != "prose"):
            problems.at(cell, "no prose stands directly before it; say what is asked")
    if not any(cell.kind == "answer" for cell in cells):
        problems.add(len(cells), "file", 'has no answer cell; add one with # %% answer="name"')
    if not any(cell.kind == "test" for cell in cells):
        problems.add(len(cells), "file", 'has no test cell; add one with # %% test="name" of="answer"')


def _check_files(cells: list[SourceCell], problems: Problems) -> None:
    seen: set[str] = set()
    for cell in cells:
        file = cell.attributes.get("file") if cell.kind == "answer" else None
        if isinstance(file, str):
            if file in seen:
                problems.at(cell, f'delivers "{file}" again; choose another file name')
            seen.add(file)


def _check_links(unit: Unit, cells: list[SourceCell], problems: Problems) -> None:
    """Each `of` names an earlier answer, each `caught_by` a test of the same answer."""
    answers = [answer.name for answer in unit.answers]
    tests = {test.name: test for test in unit.tests}
    earlier: set[str] = set()
    for cell in cells:
        if cell.kind == "answer":
            earlier.add(cell.name)
        several = cell.kind == "test"
        if not several and len(cell.words("of")) > 1:
            problems.at(cell, "names several answers in of=; name one")
            continue
        for name in cell.words("of") if cell.kind != "answer" else ():
            if name not in answers:
                what = f'of="{name}" names no answer; use one of {", ".join(answers) or "none yet"}'
                problems.at(cell, f"{what}.{nearest(name, answers)}")
            elif name not in earlier:
                problems.at(cell, f'of="{name}" names a later answer; move this cell after it')
        for name in cell.words("caught_by"):
            if name not in tests:
                what = f'caught_by="{name}" names no test; add that test or name another'
                problems.at(cell, f"{what}.{nearest(name, tests)}")
            elif not set(cell.words("of")) <= set(tests[name].of):
                what = f'caught_by="{name}" names a test that does not test "{" ".join(cell.words("of"))}"'
                problems.at(cell, f"{what}; name one that does")


def _check_code(unit: Unit, cells: list[SourceCell], problems: Problems) -> None:
    """Tests use and define only what they may; replacements are Python."""
    known = {part.name: part for part in unit.parts}
    order: list[tuple[SourceCell, Names]] = []
    files = {answer.name: answer.file for answer in unit.answers}
    for cell in cells:
        if cell.kind in ("wrong", "also"):
            file = files.get(" ".join(cell.words("of")))
            if (file is None or file.endswith(".py")) and (wrong := syntax_problem(cell.text)):
                problems.at(cell, f"is not plain Python ({wrong}); mend it")
            continue
        part = known[cell.name]
        if (isinstance(part, Cell) and part.kind == "prose") or (isinstance(part, Answer) and part.file):
            continue
        text = part.reference if isinstance(part, Answer) else part.text
        if syntax_problem(text):
            continue
        names = names_of(text)
        if isinstance(part, Test):
            _check_test_ends(part, cell, problems)
            _check_test_uses(unit, part, cell, names, [known for _, known in order], problems)
        _check_reads(cell, names, order, problems)
        order.append((cell, names))


def _check_test_ends(test: Test, cell: SourceCell, problems: Problems) -> None:
    tree = parse(test.visible)
    if tree and all(isinstance(node, ast.Import | ast.ImportFrom) for node in tree.body):
        problems.at(
            cell,
            "checks nothing that learners see; add a check before the hidden part",
        )
    for form in dict.fromkeys((test.visible, test.text)):
        tree = parse(form)
        last = tree.body[-1] if tree and tree.body else None
        if isinstance(last, ast.Expr) and not _calls_expect(last.value):
            what = "ends on an expression, which nbgrader may take for part marks"
            problems.at(cell, f"{what}; end on a statement or an expect call")
            return


def _calls_expect(value: ast.expr) -> bool:
    called = value.func if isinstance(value, ast.Call) else None
    return (
        isinstance(called, ast.Attribute)
        and isinstance(called.value, ast.Name)
        and called.value.id == "expect"
    )


def _check_test_uses(
    unit: Unit, test: Test, cell: SourceCell, names: Names, before: Iterable[Names], problems: Problems
) -> None:
    """A test reads its own imports, builtins, `expect` and the names of its answers."""
    owners = {name: answer.name for answer in unit.answers for name in answer.names}
    allowed = {name for answer in unit.answers if answer.name in test.of for name in answer.names}
    whole = all(parse(answer.reference) for answer in unit.answers if answer.name in test.of)
    bound_before = {name for others in before for name in others.bound}
    for name in sorted(names.read - allowed):
        if name in owners:
            what = f'uses "{name}" of the answer "{owners[name]}"; name that answer in of= or drop the use'
        elif name == "expect":
            if name in bound_before:
                continue
            what = 'uses "expect" before any import of it; write "from grader import expect"'
        elif name in bound_before:
            what = f'uses "{name}" of another cell; import or define it in the test'
        elif not whole:
            continue  # the answer that may define it is broken, which is said there
        else:
            what = f'uses "{name}", which nothing defines; import or define it in the test'
        problems.at(cell, what)


def _check_reads(
    cell: SourceCell, names: Names, before: list[tuple[SourceCell, Names]], problems: Problems
) -> None:
    """No cell reads what only a test binds, or what a test has bound anew."""
    for name in sorted(names.read - {"expect"}):
        imported_elsewhere = any(name in other.bound for tested, other in before if tested.kind != "test")
        for tested, other in before:
            if tested.kind != "test" or name not in other.bound:
                continue
            if name in other.imported and imported_elsewhere:
                continue
            what = f'defines "{name}", which {cell.label} reads later; use another name in the test'
            problems.at(tested, what)
