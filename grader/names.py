"""What a cell of Python binds and reads, without running it."""

from __future__ import annotations

import ast
import builtins
import dis
import threading
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from types import CodeType

BUILTINS = frozenset(dir(builtins))
_LOADS = {"LOAD_NAME", "LOAD_GLOBAL", "LOAD_FROM_DICT_OR_GLOBALS"}
# Two threads in ast.parse at once can raise SystemError on Python 3.11 (python/cpython issue 106905).
_parsing = threading.Lock()
_PARSE_ERRORS = (SyntaxError, ValueError, RecursionError, MemoryError)


@dataclass(frozen=True)
class Names:
    """Names of one cell at module level.

    read: names taken from outside the cell, builtins left out.
    bound: names that the cell binds, imports included.
    imported: those of them that only an import binds.
    """

    read: frozenset[str]
    bound: frozenset[str]
    imported: frozenset[str]


def parse(text: str) -> ast.Module | None:
    """The syntax tree of a cell, or None if Python cannot parse it; never raises."""
    try:
        with _parsing, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(text)
    except _PARSE_ERRORS:
        return None


def syntax_problem(text: str) -> str:
    """What the compiler says against a cell, warnings included; empty if nothing."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            compile(text, "<cell>", "exec", dont_inherit=True)
    except SyntaxError as error:
        return f"line {error.lineno}: {error.msg}"
    except _PARSE_ERRORS as error:
        return str(error) or type(error).__name__
    return ""


def public_names(tree: ast.Module) -> tuple[str, ...]:
    """Public names that definitions and assignments bind at module level, in order; imports left out."""
    names = dict.fromkeys(_bound(tree.body))
    return tuple(name for name in names if not name.startswith("_"))


def names_of(text: str) -> Names:
    """What a cell reads and binds. The text must compile."""
    with _parsing, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        code = compile(text, "<cell>", "exec", dont_inherit=True)
        tree = ast.parse(text)
    loads, stores = _traffic(code)
    imported = {
        (alias.asname or alias.name).partition(".")[0]
        for node in tree.body
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }
    assigned = set(_bound(tree.body))
    return Names(frozenset(loads - stores - BUILTINS), frozenset(stores), frozenset(imported - assigned))


def _traffic(code: CodeType) -> tuple[set[str], set[str]]:
    """Global names that a module's code loads anywhere and stores at module level."""
    loads: set[str] = set()
    stores: set[str] = set()
    for part in _codes(code):
        steps = list(dis.get_instructions(part))
        own = {step.argval for step in steps if step.opname == "STORE_NAME"}
        loaded = {step.argval for step in steps if step.opname in _LOADS}
        if part is code:
            stores |= own
        else:
            loaded -= own  # names of a class body
        stores |= {step.argval for step in steps if step.opname == "STORE_GLOBAL"}
        loads |= loaded
    return loads, stores


def _codes(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _codes(constant)


def _bound(body: list[ast.stmt]) -> Iterator[str]:
    """Names bound by definitions and assignments of a block and of the blocks in it."""
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Assign):
            for target in node.targets:
                yield from _targets(target)
        elif isinstance(node, ast.AnnAssign) and node.value is not None:
            yield from _targets(node.target)
        else:
            for block in ("body", "orelse", "finalbody"):
                yield from _bound(getattr(node, block, []))
            for inner in (*getattr(node, "handlers", []), *getattr(node, "cases", [])):
                yield from _bound(inner.body)


def _targets(target: ast.expr) -> Iterator[str]:
    if isinstance(target, ast.Name):
        yield target.id
    elif isinstance(target, ast.Tuple | ast.List):
        for element in target.elts:
            yield from _targets(element)
    elif isinstance(target, ast.Starred):
        yield from _targets(target.value)
