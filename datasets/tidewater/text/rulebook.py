"""The marketplace's rules and support answers: articles, their older versions, and the facts they hold.

The shipped rule book uses the first option of every parameter in `rules/parameters.yaml`; a hidden one draws another
option for each, so that it has the same structure and other facts. In a body, `{name}` is a parameter and
`[[2:words]]` marks the words that answer the article's second question.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from tidewater.text.draws import Draws

__all__ = ["Article", "Fact", "hidden_rulebook", "rulebook"]

_FOLDER = Path(__file__).parent / "rules"
_CHAPTERS = ("delivery", "returns", "payments", "sellers", "accounts")
_NAME = re.compile(r"\{(\w+)\}")
_SPAN = re.compile(r"\[\[(\d+):(.*?)\]\]", re.DOTALL)
_OWN_LINE = re.compile(r"- |\||\d+\. ")
_WEEKS = 25


@dataclass(frozen=True)
class Article:
    """One page of the rule book. `supersedes` names the older page that it replaces, or is None."""

    id: str
    title: str
    body: str
    valid_from: date
    supersedes: str | None


@dataclass(frozen=True)
class Fact:
    """A question and what the rule book says; an unanswerable one has None in the other three fields.

    span: the words of the article's body that hold the answer, letter by letter.
    """

    id: str
    article_id: str | None
    question: str
    answer: str | None
    span: str | None


def rulebook() -> tuple[tuple[Article, ...], tuple[Fact, ...]]:
    """The rule book that ships with the course."""
    return _render({name: options[0] for name, options in _parameters().items()}, timedelta(0))


def hidden_rulebook(rng: np.random.Generator) -> tuple[tuple[Article, ...], tuple[Fact, ...]]:
    """A rule book of the same structure with other numbers, periods, fees, names and dates.

    rng: its state decides; no parameter keeps the value of the shipped rule book.
    """
    draws = Draws(rng)
    values = {name: draws.pick(options[1:]) for name, options in _parameters().items()}
    return _render(values, timedelta(weeks=1 + draws.below(_WEEKS)))


@cache
def _parameters() -> dict[str, tuple[str, ...]]:
    return {name: tuple(options) for name, options in _read("parameters").items()}


@cache
def _chapters() -> tuple[dict[str, Any], ...]:
    return tuple(page for chapter in _CHAPTERS for page in _read(chapter))


@cache
def _unanswerable() -> tuple[str, ...]:
    return tuple(_read("unanswerable"))


def _read(name: str) -> Any:
    return yaml.safe_load((_FOLDER / f"{name}.yaml").read_text(encoding="utf-8"))


def _render(values: Mapping[str, str], later: timedelta) -> tuple[tuple[Article, ...], tuple[Fact, ...]]:
    """Articles and facts with the parameters filled in and the dates moved by a number of weeks."""
    articles, facts = [], []
    for page in _chapters():
        marked = _filled(_unwrapped(page["body"]), values)
        spans = {int(number): words for number, words in _SPAN.findall(marked)}
        body = _SPAN.sub(r"\2", marked)
        articles.append(
            Article(page["id"], page["title"], body, page["valid_from"] + later, page["supersedes"])
        )
        for number, fact in enumerate(page["facts"], 1):
            question, answer = _filled(fact["q"], values), _filled(fact["a"], values)
            facts.append(Fact(f"{page['id']}.{number}", page["id"], question, answer, spans[number]))
    for number, question in enumerate(_unanswerable(), 1):
        facts.append(Fact(f"unanswerable.{number}", None, question, None, None))
    return tuple(articles), tuple(facts)


def _filled(text: str, values: Mapping[str, str]) -> str:
    return _NAME.sub(lambda found: values[found[1]], text)


def _unwrapped(text: str) -> str:
    """A body whose paragraphs and list entries are one line each."""
    lines: list[str] = []
    for line in text.strip().splitlines():
        if line and lines and lines[-1] and not _OWN_LINE.match(line) and not lines[-1].startswith("|"):
            lines[-1] += " " + line.strip()
        else:
            lines.append(line)
    return "\n".join(lines)
