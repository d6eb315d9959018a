"""Values that do not belong where they stand."""

from __future__ import annotations

import random
from typing import Any

SURROGATE = "\ud800"
TEXTS = (
    "",
    " ",
    "\0",
    SURROGATE,
    "\udfff\ud800",
    "\ufeff",
    "\u2028",
    "\x0c",
    "\x1b[2J",
    "a\nb",
    "Zürich",
    "\N{SAILBOAT}",
    "__class__",
    "code",
    "markdown",
    "answer",
    "{}",
    "%s {0} {name}",
    "../../etc/passwd",
    "CON",
    "nan",
    "1e999",
)
NUMBERS = (0, 1, -1, 3, 4, 5, 2**31, 2**63, -(2**63) - 1, 2**64, 10**4299, 0.5, -0.0, 4.0, 1e308)
ODD_NUMBERS = (float("nan"), float("inf"), float("-inf"))


def deep(depth: int, *, mapping: bool = False) -> Any:
    """A list or a mapping in itself, so deep."""
    value: Any = 1
    for _ in range(depth):
        value = {"a": value} if mapping else [value]
    return value


def junk(random_: random.Random, *, large: bool = False) -> Any:
    """Something of any JSON type. large: now and then something that is deep or long, too."""
    kind = random_.randrange(9 if large else 7)
    if kind == 0:
        return random_.choice((None, True, False))
    if kind == 1:
        return random_.choice(NUMBERS)
    if kind == 2:
        return random_.choice(ODD_NUMBERS)
    if kind in (3, 4):
        return random_.choice(TEXTS)
    if kind == 5:
        return [junk(random_) for _ in range(random_.randrange(4))]
    if kind == 6:
        return {random_.choice(TEXTS): junk(random_) for _ in range(random_.randrange(4))}
    if kind == 7:
        return deep(random_.choice((10, 63, 64, 65, 300, 900)), mapping=random_.random() < 0.5)
    return random_.choice(TEXTS[2:]) * random_.choice((1_000, 40_000))


def places(value: Any) -> list[tuple[Any, Any]]:
    """Every place in a JSON document, as a container and a key of it."""
    found: list[tuple[Any, Any]] = []
    waiting = [value]
    while waiting:
        holder = waiting.pop()
        keys: list[Any] = list(holder) if isinstance(holder, dict) else list(range(len(holder)))
        for key in keys:
            found.append((holder, key))
            if isinstance(holder[key], (dict, list)):
                waiting.append(holder[key])
    return found
