"""The one exception that checks raise, and the start that every check makes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NoReturn

from grader.expect import host


class ExpectationFailed(AssertionError):
    """A check did not hold; says what was called, what came back, what was expected and why, where to look.

    got_coarse: `got` without its content, for checks whose input is hidden.
    hidden: True if the check belongs to a test's hidden part; set by whoever ran the test.
    """

    def __init__(
        self, word: str, what: str, got: str, expected: str, why: str, look_at: str, *, got_coarse: str
    ) -> None:
        self.word = word
        self.what = what
        self.got = got
        self.got_coarse = got_coarse
        self.expected = expected
        self.why = why
        self.look_at = look_at
        self.hidden = False
        super().__init__(word, what, got, expected, why, look_at)

    def __str__(self) -> str:
        got = self.got_coarse if self.hidden else self.got
        expected = "something else" if self.hidden else self.expected
        return f"{self.what}: got {got}, expected {expected}, because {self.why}. Look at {self.look_at}."


@dataclass(frozen=True)
class Check:
    """One use of a word, with the author's three texts."""

    word: str
    what: str
    why: str
    look_at: str

    def fail(self, got: str, expected: str, coarse: str = "another value") -> NoReturn:
        """Raise ExpectationFailed."""
        raise ExpectationFailed(
            self.word,
            self.what,
            one_line(got),
            one_line(expected),
            self.why,
            self.look_at,
            got_coarse=one_line(coarse),
        )


def begin(word: str, what: str, why: str, look_at: str) -> Check:
    """Note that the word was used, and take the author's texts.

    Raises TypeError or ValueError for a text that is missing or empty.
    """
    host.current().checked(word)
    texts = []
    for name, text in (("what", what), ("why", why), ("look_at", look_at)):
        if type(text) is not str:
            raise TypeError(f"expect.{word}: {name} is a text in plain words, not {type(text).__name__}.")
        text = one_line(text).rstrip(" .")
        if not text:
            raise ValueError(f"expect.{word}: {name} is empty; say it in plain words.")
        texts.append(text)
    return Check(word, *texts)


def one_line(text: str) -> str:
    """The text with every run of white space as one space."""
    return " ".join(text.split())
