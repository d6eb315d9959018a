"""Naming the misconception behind a failure, by comparing it with how each wrong answer fails."""

from __future__ import annotations

import dataclasses
import json
import re
from pathlib import Path
from typing import Any

from grader.model import Outcome, Report, TestResult, Unit, Wrong

ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")  # of an object in memory; another one in each run
Signature = dict[str, list[Any]]


def signature(results: tuple[TestResult, ...], answer: str) -> Signature:
    """How the tests of `answer` ended: outcome, failed word, its line, and what came back if visible."""
    return {result.name: mark(result) for result in results if answer in result.of}


def mark(result: TestResult) -> list[Any]:
    """One test's end, as far as it does not depend on hidden data."""
    failure = result.failure
    if result.outcome is Outcome.PASSED or failure is None:
        return [result.outcome.value]
    seen = ADDRESS.sub("", failure.got)  # of a hidden check only the kind of thing
    return [result.outcome.value, failure.word, failure.line, seen]


def dump_signatures(unit: Unit, signatures: dict[str, Signature], reference: dict[str, Any]) -> str:
    """The text of a unit's `.outcomes.json`. reference: see grader.verify.reference."""
    body = {"source": unit.source_hash, "wrong": signatures, "reference": reference}
    return json.dumps(body, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def load_signatures(path: Path) -> dict[str, Signature]:
    """Signatures by name of the wrong answer; empty where the file is missing or not readable."""
    try:
        return dict(json.loads(path.read_text(encoding="utf-8"))["wrong"])
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def name_misconceptions(unit: Unit, report: Report, signatures: dict[str, Signature]) -> Report:
    """The report with a misconception on each failed test that exactly one wrong answer fails likewise."""
    named: dict[str, str] = {}
    for answer in unit.answers:
        own = signature(report.results, answer.name)
        fits = [
            wrong for wrong in unit.wrong if wrong.of == answer.name and signatures.get(wrong.name) == own
        ]
        if len(fits) == 1:
            named.update(dict.fromkeys(tests_to_name(fits[0], report), fits[0].misconception))
    results = tuple(
        dataclasses.replace(result, misconception=named.get(result.name, "")) for result in report.results
    )
    return dataclasses.replace(report, results=results)


def tests_to_name(wrong: Wrong, report: Report) -> list[str]:
    """Failed tests of the wrong answer's cell that it is meant to be caught by."""
    return [
        result.name
        for result in report.results
        if result.name in wrong.caught_by and result.outcome is not Outcome.PASSED
    ]


def stored_source(path: Path) -> str:
    """Hash of the source that the stored signatures belong to, or ""."""
    try:
        return str(json.loads(path.read_text(encoding="utf-8"))["source"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""
