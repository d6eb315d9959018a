"""What an error offers instead of a name that is none."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

__all__ = ["offer"]


def offer(name: object, known: Iterable[str]) -> str:
    """A question with the nearest known name, or else the list of all."""
    names = list(known)
    close = difflib.get_close_matches(str(name), names, n=1)
    return f'Did you mean "{close[0]}"?' if close else f"There are {', '.join(names)}."
