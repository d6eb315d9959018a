"""Whether an answer is still as it was handed out."""

from __future__ import annotations

import ast
import re

from grader.model import Answer, Submission, Unit
from grader.names import parse

_WRITEFILE = re.compile(r"\s*%%(?:writefile|file)\b[^\n]*(?:\n|\Z)")


def body_of(answer: Answer, text: str) -> str:
    """The text without its %%writefile line, if the answer is a file; else the text itself."""
    if answer.file is None:
        return text
    opening = _WRITEFILE.match(text)
    return text[opening.end() :] if opening else text


def answer_text(answer: Answer, text: str) -> str:
    """The text of the answer's cell; for a file answer the line that writes the file is put in front."""
    return text if answer.file is None else f"%%writefile {answer.file}\n{body_of(answer, text)}"


def texts(unit: Unit, submission: Submission) -> dict[str, str]:
    """Text of the submission's cells by name, without tests, and of the files that they deliver, by file."""
    found = {cell.name: cell.text for cell in submission.cells if cell.origin != "test"}
    for answer in unit.answers:
        if answer.file is not None and answer.name in found:
            found[answer.file] = body_of(answer, found[answer.name])
    return found


def written_file(text: str) -> str:
    """The file that a %%writefile cell writes, or nothing."""
    opening = _WRITEFILE.match(text)
    words = opening.group().split() if opening else []
    return words[-1].strip("\"'") if len(words) > 1 else ""


def is_untouched(answer: Answer, text: str, *, older: bool = False) -> bool:
    """True if the text differs from the stub only in spaces and comments, or holds nothing else.

    older: the copy may be of an older course, so docstrings are left out of the comparison.
    """
    body, stub = _bare(body_of(answer, text)), _bare(answer.stub)
    if not body or body == stub:
        return True
    if (answer.file is not None and not answer.file.endswith(".py")) or len(body) > 2 * len(stub) + 2000:
        return False
    shape = _shape(body, without_docstrings=older)
    return shape != "" and shape == _shape(stub, without_docstrings=older)


def same_text(one: str, other: str) -> bool:
    """True if two cells differ at most in spaces at line ends and around the text."""
    return [line.rstrip() for line in one.strip().split("\n")] == [
        line.rstrip() for line in other.strip().split("\n")
    ]


def _bare(text: str) -> str:
    """The text without blank lines and lines of comment."""
    lines = (line.rstrip() for line in text.split("\n"))
    return "\n".join(line for line in lines if line and not line.lstrip().startswith("#"))


def _shape(text: str, *, without_docstrings: bool) -> str:
    """The text's syntax tree as text; empty if it does not parse or is too deep to show."""
    tree = parse(text)
    if tree is None:
        return ""
    try:
        if without_docstrings:
            for node in ast.walk(tree):
                if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                    _drop_docstring(node)
        return ast.dump(tree)
    except (RecursionError, MemoryError):
        return ""


def _drop_docstring(node: ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) -> None:
    first = node.body[0] if node.body else None
    if (
        isinstance(first, ast.Expr)
        and isinstance(first.value, ast.Constant)
        and isinstance(first.value.value, str)
    ):
        del node.body[0]
