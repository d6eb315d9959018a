"""All text of Tidewater, from grammars written for this course: no sentence is taken from elsewhere.

Every function takes a NumPy Generator first and draws only raw bits from it, so that the same state and
arguments give the same strings on every supported Python and NumPy.
"""

from tidewater.text.hostile import HOSTILE_KINDS, hostile, hostile_parts
from tidewater.text.mails import TOPICS, mails
from tidewater.text.products import product_descriptions, product_titles, search_queries
from tidewater.text.reviews import THEMES, reviews, reviews_and_themes
from tidewater.text.rulebook import Article, Fact, hidden_rulebook, rulebook
from tidewater.text.things import CATEGORIES

__all__ = [
    "CATEGORIES",
    "HOSTILE_KINDS",
    "THEMES",
    "TOPICS",
    "Article",
    "Fact",
    "hidden_rulebook",
    "hostile",
    "hostile_parts",
    "mails",
    "product_descriptions",
    "product_titles",
    "reviews",
    "reviews_and_themes",
    "rulebook",
    "search_queries",
]
