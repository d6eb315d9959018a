"""Exceptions of learner code, told from one process to another."""

from __future__ import annotations

import builtins
import linecache
import os
import traceback
from collections.abc import Mapping
from typing import Any

MAX_TEXT, MAX_NAME, MAX_TYPES, MAX_LINE = 2000, 200, 20, 1_000_000
BESIDE = "<beside>"  # the author's own function, run on the learner's side


class LearnerError(Exception):
    """An exception that learner code raised in its own process.

    type_names: qualified names of its classes, nearest first, for example "builtins.ValueError".
    message: its text. cell, line, code: where in the learner's notebook, or "", 0, ""; of a delivered file, its name is
    the cell.
    called: what was called, for example "precision(3, 1)".
    """

    def __init__(self, report: Mapping[str, Any]) -> None:
        self.message = _text(report.get("message", ""), MAX_TEXT)
        super().__init__(self.message)
        self.type_names = tuple(_text(name, MAX_NAME) for name in list(report.get("types", ()))[:MAX_TYPES])
        self.cell = _text(report.get("cell", ""), MAX_NAME)
        self.line = int(report.get("line", 0))
        self.line = self.line if 0 <= self.line < MAX_LINE else 0
        self.code = _text(report.get("code", ""), MAX_NAME)
        self.called = ""

    @property
    def type_name(self) -> str:
        return self.type_names[0].rpartition(".")[2] if self.type_names else "an exception"


def _text(value: object, most: int) -> str:
    """The beginning of a text, without lone surrogates, which no file and no terminal takes."""
    return str(value)[:most].encode("utf-8", "replace").decode()


def learner_error(report: Mapping[str, Any]) -> LearnerError:
    """A LearnerError that is also an instance of the nearest builtin exception it names."""
    for name in LearnerError(report).type_names:
        module, _, word = name.rpartition(".")
        kind = getattr(builtins, word, None) if module == "builtins" else None
        if isinstance(kind, type) and issubclass(kind, Exception) and kind is not Exception:
            if issubclass(kind, (UnicodeError, ExceptionGroup, StopIteration, StopAsyncIteration)):
                continue
            try:
                return type(word, (LearnerError, kind), {})(report)
            except TypeError:
                continue
    return LearnerError(report)


def plain_error(error: BaseException) -> dict:
    """What the other side learns of an exception: its classes and its text."""
    types = [f"{kind.__module__}.{kind.__qualname__}" for kind in type(error).__mro__]
    try:
        text = str(error.msg if isinstance(error, SyntaxError) else error)
    except Exception:
        text = ""
    return {"types": types[:MAX_TYPES], "message": text[:MAX_TEXT]}


def describe_error(error: BaseException) -> dict:
    """Classes, text and the place in the notebook of an exception, for the other process."""
    report = plain_error(error)
    unreadable = error.filename or "" if isinstance(error, SyntaxError) else ""
    if isinstance(error, SyntaxError) and (place := place_of(unreadable)):
        return _at(report, place, error.lineno, error.text)
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if (place := place_of(frame.filename)) and frame.lineno:
            return _at(report, place, frame.lineno, frame.line)
    if isinstance(error, SyntaxError) and unreadable.startswith("<"):
        return _at(report, unreadable.strip("<>"), error.lineno, error.text)
    return report


def _at(report: dict, place: str, line: int | None, code: str | None) -> dict:
    return {**report, "cell": place, "line": line or 0, "code": (code or "").strip()[:200]}


def place_of(file: str) -> str:
    """The cell, or the delivered file beside the notebook, that a traceback's file is, or ""."""
    if is_cell(file):
        return file[1:-1]
    folder, name = os.path.split(file)
    try:
        return name if name.endswith(".py") and folder == os.getcwd() else ""
    except OSError:  # the learner's code removed the folder
        return ""


def is_cell(file: str) -> bool:
    """Whether a traceback's file is a cell that was run here."""
    return file.startswith("<") and file.endswith(">") and file != BESIDE and file in linecache.cache
