"""The surface of a text: articles, capitals, and the slips of people who type."""

from __future__ import annotations

import re

from tidewater.text.draws import Draws, Take, chance

__all__ = ["polish", "roughen", "slip"]

_ARTICLE = re.compile(r"\b([Aa])~ (\w+)")
_START = re.compile(r"(?:^|(?<=\n)|(?<=[.!?] )|(?<=\n> ))(?!https?:|www\.)[a-z]")
_WORD = re.compile(r"[A-Za-z']+")
_VOWEL_SOUND = ("hour", "honest", "heir")
_CONSONANT_SOUND = ("one", "once", "use", "usual", "uni", "euro", "unit")
_KNOWN_SLIPS = {
    "received": "recieved", "definitely": "definately", "separate": "seperate", "because": "becuase",
    "their": "thier", "really": "realy", "quality": "qualty", "delivery": "delivary", "which": "wich",
    "address": "adress", "believe": "beleive", "disappointed": "dissapointed", "recommend": "recomend",
    "until": "untill", "beautiful": "beatiful", "comfortable": "confortable", "customer": "costumer",
    "immediately": "immediatly", "necessary": "neccessary", "successful": "succesful", "doesn't": "doesnt",
    "don't": "dont", "didn't": "didnt", "can't": "cant", "won't": "wont", "isn't": "isnt", "again": "agian",
    "payment": "paymant", "account": "acount", "package": "pakage", "parcel": "parcle", "invoice": "invoce",
    "refund": "refound", "wrong": "worng", "broken": "brocken", "with": "wiht", "the": "teh", "and": "adn",
    "happened": "happend", "weird": "wierd", "tomorrow": "tommorow", "than": "then", "you're": "your",
}  # fmt: skip
# A slip must not make a coarse word out of a shirt or a country.
_COARSE = (
    "shit",
    "cunt",
    "fuck",
    "slut",
    "dick",
    "cock",
    "wank",
    "tits",
    "fag",
    "piss",
    "nigg",
    "bitch",
    "whore",
)
_NEIGHBOURS = dict(zip("qwertyuiopasdfghjklzxcvbnm", "wertyuioopsdfghjklkxcvbnmn", strict=True))


def polish(text: str) -> str:
    """A text with "a" or "an" where the grammar left it open, and a capital after each full stop."""
    if "~" in text:
        text = _ARTICLE.sub(_article, text)
    return _START.sub(_upper, text)


def _upper(found: re.Match[str]) -> str:
    return found[0].upper()


def _article(found: re.Match[str]) -> str:
    word = found[2].lower()
    vowel = word[0] in "aeiou" and not word.startswith(_CONSONANT_SOUND)
    return f"{found[1]}n {found[2]}" if vowel or word.startswith(_VOWEL_SOUND) else f"{found[1]} {found[2]}"


_LOWER, _STOPLESS, _LOUD = chance(0.07), chance(0.16), chance(0.20)
_SLIPS = chance(0.24)


def roughen(text: str, draws: Draws) -> str:
    """A text as some people type it: all in small letters, without the last stop, with "!!", with slips."""
    take = draws.take
    habit = take()
    if habit < _LOWER:
        text = text.lower()
    elif habit < _STOPLESS:
        text = text.rstrip(".")
    elif habit < _LOUD and "/" not in text[text.rfind(" ") :]:
        text = text.rstrip(".!") + ("!!" if habit & 1 else "!!!")
    if take() < _SLIPS:
        for _ in range(1 + take() % 3):
            text = slip(text, take)
    return text


def slip(text: str, take: Take) -> str:
    """A text with one word mistyped: a usual misspelling, two letters swapped, one lost, doubled or a key beside."""
    words = list(_WORD.finditer(text))
    if not words:
        return text
    found = words[take() % len(words)]
    word = found[0]
    known = _KNOWN_SLIPS.get(word)
    before, after = text[: found.start()][-1:], text[found.end() : found.end() + 3]
    part_of_address = (
        (before != "" and before in "/@.-")
        or after.startswith(("/", "@", "://"))
        or (after[:1] == "." and after[1:2].isalpha())
    )
    if part_of_address or (known is None and (len(word) < 4 or word.isupper())):
        return text
    changed = known or _mistyped(word, take)
    if any(coarse in changed.lower() for coarse in _COARSE):
        return text
    return text[: found.start()] + changed + text[found.end() :]


def _mistyped(word: str, take: Take) -> str:
    place = 1 + take() % (len(word) - 2)
    kind = take() % 4
    if kind == 0:
        return word[:place] + word[place + 1] + word[place] + word[place + 2 :]
    if kind == 1:
        return word[:place] + word[place + 1 :]
    if kind == 2:
        return word[:place] + word[place] + word[place:]
    return word[:place] + _NEIGHBOURS.get(word[place], word[place]) + word[place + 1 :]
