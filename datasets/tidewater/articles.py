"""The rule book as tables: its articles, and the facts that each of them holds."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

from tidewater.columns import Column, Columns
from tidewater.seeds import stream_of
from tidewater.text.rulebook import Article, Fact, hidden_rulebook
from tidewater.text.rulebook import rulebook as shipped_rulebook

if TYPE_CHECKING:
    from tidewater.core import Core

__all__ = ["facts", "rulebook"]


def _book(core: Core) -> tuple[tuple[Article, ...], tuple[Fact, ...]]:
    """The shipped world has the shipped rule book, every other one a rule book of its own."""
    return shipped_rulebook() if core.is_shipped else hidden_rulebook(stream_of(core.seed, "rulebook"))


def rulebook(core: Core) -> Columns:
    """One row an article; an article that `supersedes` another one holds from its date on."""
    pages, _ = _book(core)
    return {
        "article_id": _words(page.id for page in pages),
        "title": _words(page.title for page in pages),
        "body": _words(page.body for page in pages),
        "valid_from": Column(np.array([page.valid_from for page in pages], "datetime64[ms]")),
        "supersedes": _words(page.supersedes for page in pages),
    }


def facts(core: Core) -> Columns:
    """One row a question; one that no article answers has neither article nor answer nor span."""
    _, known = _book(core)
    return {
        "fact_id": _words(fact.id for fact in known),
        "article_id": _words(fact.article_id for fact in known),
        "question": _words(fact.question for fact in known),
        "answer": _words(fact.answer for fact in known),
        "span": _words(fact.span for fact in known),
    }


def _words(texts: Iterable[str | None]) -> Column:
    values = np.array(list(texts), dtype=object)
    return Column(values, missing=np.array([text is None for text in values], bool))
