"""What a case is, and the few lines of code that many submissions share."""

from __future__ import annotations

import json
import os
import textwrap
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from grader.model import Report

TRACE = f"hostile{os.getpid()}trace"  # in the name of whatever a submission leaves behind


@dataclass(frozen=True)
class Case:
    """A submission and what it deserves.

    tries: one sentence on what it tries.
    answers: text by answer name; the reference for the others.
    own: text of the learner's own cells, by the name of the cell that each follows.
    beside: writes further files into the folder of the submission.
    notebook: makes the file's bytes from the notebook that would be handed in; for damaged input.
    loses: names of the answers or tests that earn nothing, with a space between; all others earn everything.
    may_lose: names of those for which the submission has only itself to thank if they are lost as well.
    refused: the file is no notebook of the unit: a row with a reason, and no points.
    told: what some message, output or note has to say.
    then: a further claim on the report; it asserts.
    knows_input: a later cell of its own prints the hidden input, which only a new seed makes worthless.
    jail: contained only in the jail, so not run without.
    tracked: the unit with the MLflow run is attacked.
    harms: on a machine without containment it would do harm there, so plain nbgrader is spared it.
    """

    name: str
    tries: str
    answers: Mapping[str, str] = field(default_factory=dict)
    own: Mapping[str, str] = field(default_factory=dict)
    beside: Callable[[Path], None] | None = None
    notebook: Callable[[str], bytes] | None = None
    loses: str = ""
    may_lose: str = ""
    refused: bool = False
    told: str = ""
    then: Callable[[Report], None] | None = None
    knows_input: bool = False
    jail: bool = False
    tracked: bool = False
    harms: bool = False


def answer(
    name: str, text: str, tries: str, *, of: str = "double", loses: str | None = None, **more: Any
) -> Case:
    """A case that lies in one answer, which earns nothing by it."""
    lost = of if loses is None else loses
    return Case(name, tries, answers={of: code(text)}, loses=lost, **more)


def code(text: str) -> str:
    """Indented text as a cell; RIGHT may follow it as it is."""
    text, right = (text.removesuffix(RIGHT), RIGHT) if text.endswith(RIGHT) else (text, "")
    return textwrap.dedent(text).strip("\n") + "\n" + right


def edited(change: Callable[[dict[str, Any]], object]) -> Callable[[str], bytes]:
    """The notebook as JSON, changed in place by `change`."""

    def edit(notebook: str) -> bytes:
        content = json.loads(notebook)
        change(content)
        return json.dumps(content).encode()

    return edit


def cell_of(content: dict[str, Any], name: str) -> dict[str, Any]:
    """The notebook's cell with this id."""
    return next(cell for cell in content["cells"] if cell.get("id") == name)


def with_source(text: object) -> Callable[[dict[str, Any]], None]:
    """A change that puts `text` into the cell of the answer `double`."""

    def change(content: dict[str, Any]) -> None:
        cell_of(content, "double")["source"] = text

    return change


def search(name: str, text: str, tries: str, **more: Any) -> Case:
    """A case that looks for marks, tells what it found, and answers well."""
    return answer(name, SEARCH + code(text) + "\ntell()\n" + RIGHT, tries, loses="", **more)


# Finds the link to the supervisor and the number of the request that is being answered.
LINK = """
import gc, os, sys

from grader import codec


def link():
    return next(thing for thing in gc.get_objects() if type(thing).__name__ == "Peer")


def request(verb="cell"):
    frame = sys._getframe()
    while frame:
        message = frame.f_locals.get("message")
        if isinstance(message, dict) and message.get("verb") == verb:
            return message["id"]
        frame = frame.f_back


def say(**body):
    link()._send(codec.dumps(body))


"""

# Looks for marks in bytes. The pattern is put together, so that the submission does not find itself.
SEARCH = """
import os, re

MARK = re.compile(b"MARKED" + rb"-[a-z]+-[0-9a-f]{16}")
found = set()


def look(data):
    found.update(mark.decode() for mark in MARK.findall(data))


def look_into(path, most=4_000_000):
    try:
        with open(path, "rb", buffering=0) as file:
            look(file.read(most))
    except OSError:
        pass


def tell():
    print("found:", *sorted(found))


"""
# What a learner would have written, with which a search goes on to earn its points.
RIGHT = "\ndef double(number):\n    return 2 * number\n"
