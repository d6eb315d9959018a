"""The nouns of the course: units, cells, submissions, outcomes, reports."""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass, field

_START = re.compile(r"^(?!\s*#).*\bgrader\.start_from\(\s*[\"']([^\"']+)[\"']", re.MULTILINE)


@dataclass(frozen=True)
class Header:
    """What stands at the top of an exercise's source.

    needs: identities of the units whose promises this one uses.
    runs_on: what the machine must have beyond the core: "loopback", "large" or an extra's name.
    limit_seconds: wall time for each cell and each test that has no limit of its own.
    limit_megabytes: memory of the learner's processes together.
    limit_run_seconds: wall time of a whole run.
    leaves: artefacts of the reference's run that other units start from.
    """

    title: str
    minutes: int
    data: tuple[str, ...]
    needs: tuple[str, ...]
    runs_on: tuple[str, ...]
    sources: tuple[str, ...]
    hints: tuple[str, str, str]
    limit_seconds: float = 30.0
    limit_megabytes: int = 2048
    limit_run_seconds: float = 300.0
    leaves: tuple[str, ...] = ()


@dataclass(frozen=True)
class Cell:
    """One cell that learners see: prose or given code. `name` is the cell's fixed id."""

    name: str
    kind: str  # "prose" or "given"
    text: str


@dataclass(frozen=True)
class Answer:
    """One cell that the learner writes.

    reference: the cell with its solution and without markers; for a file answer, the file's text.
    stub: what the learner is handed out; for a file answer, the file's text.
    marked: the cell as in the source, with the solution markers.
    names: public top-level Python names that the reference binds, in order; empty for a file answer.
    file: name of the delivered file, or None.
    limit_seconds: wall time of this cell, or None for the unit's.
    """

    name: str
    reference: str
    stub: str
    marked: str
    names: tuple[str, ...]
    file: str | None = None
    limit_seconds: float | None = None

    kind = "answer"


@dataclass(frozen=True)
class Test:
    """One cell that checks answers. `visible` and `hidden` together, in this order, are the cell.

    text: the whole cell with its hidden part, without markers.
    marked: the cell as in the source, with the hidden markers.
    hidden_line: first line (from 1) of `text` that belongs to the hidden part, or None.
    limit_seconds: wall time of this test, or None for the unit's.
    """

    name: str
    of: tuple[str, ...]
    points: float
    text: str
    visible: str
    marked: str
    hidden_line: int | None
    limit_seconds: float | None = None

    __test__ = False  # not a pytest class
    kind = "test"


@dataclass(frozen=True)
class Wrong:
    """An answer that looks right and must fail; `misconception` is its opening sentence."""

    name: str
    of: str
    caught_by: tuple[str, ...]
    misconception: str
    text: str


@dataclass(frozen=True)
class Also:
    """Another right answer; earns every point."""

    name: str
    of: str
    text: str


Part = Cell | Answer | Test


@dataclass(frozen=True)
class Unit:
    """One exercise, read from its source, or a lesson without an exercise, which has no parts.

    path: shelf, for example "00-orientation/01-first-check".
    name: identity, for example "first-check".
    parts: cells in notebook order; wrong and also answers stand apart.
    source_hash: "sha256:..." of the source file's bytes.
    """

    path: str
    name: str
    header: Header
    parts: tuple[Part, ...]
    wrong: tuple[Wrong, ...]
    also: tuple[Also, ...]
    source_hash: str

    @property
    def answers(self) -> tuple[Answer, ...]:
        return tuple(part for part in self.parts if isinstance(part, Answer))

    @property
    def tests(self) -> tuple[Test, ...]:
        return tuple(part for part in self.parts if isinstance(part, Test))

    @property
    def has_exercise(self) -> bool:
        return bool(self.parts)

    @property
    def starts_from(self) -> tuple[str, ...]:
        """Words of the units whose files the given cells go on with."""
        given = [part.text for part in self.parts if isinstance(part, Cell) and part.kind == "given"]
        return tuple(dict.fromkeys(word for text in given for word in _START.findall(text)))

    @property
    def max_points(self) -> float:
        return sum(test.points for test in self.tests)

    @property
    def longest_limit_seconds(self) -> float:
        """The most that any cell or test of the unit may take."""
        own = [answer.limit_seconds for answer in self.answers] + [test.limit_seconds for test in self.tests]
        return max([self.header.limit_seconds, *(limit for limit in own if limit is not None)])

    def answer(self, name: str) -> Answer:
        """The answer called `name`; raises KeyError if there is none."""
        for answer in self.answers:
            if answer.name == name:
                return answer
        raise KeyError(name)


@dataclass(frozen=True)
class WorkCell:
    """A code cell to execute. `origin` is "given", "answer", "test" or "own" (added by the learner).

    limit_seconds: wall time of this cell, or None for the unit's.
    """

    name: str
    origin: str
    text: str
    limit_seconds: float | None = None


@dataclass(frozen=True)
class Submission:
    """What a learner handed in, arranged to be run.

    cells: code cells in execution order, tests included; text of given and test cells is today's.
    untouched: names of the answers that are as they were handed out.
    missing: names of the answers whose cell is gone.
    notes: what the reader should know, for example that the course is newer than the copy.
    folder: folder of the notebook, whose other files are put beside the run, or None.
    """

    cells: tuple[WorkCell, ...]
    untouched: frozenset[str] = frozenset()
    missing: frozenset[str] = frozenset()
    notes: tuple[str, ...] = ()
    folder: str | None = None


class Outcome(enum.StrEnum):
    """How a test ended. Only PASSED earns its points."""

    PASSED = "passed"
    FAILED = "failed"
    NOT_ATTEMPTED = "not attempted"
    CRASHED = "crashed"
    OUT_OF_LIMITS = "out of time or memory"


@dataclass(frozen=True)
class Failure:
    """The four parts of a message, and where it was raised.

    word: the `expect` word that failed, or "call" if learner code raised, or "" otherwise.
    line: line in the test's cell, from 1, or 0 where there is none.
    hidden: True if the failing line belongs to the hidden part.
    """

    word: str
    what: str
    got: str
    expected: str
    why: str
    look_at: str
    line: int = 0
    hidden: bool = False

    def __str__(self) -> str:
        return (
            f"{self.what}: got {self.got}, expected {self.expected}, because {self.why}. "
            f"Look at {self.look_at}."
        )


@dataclass(frozen=True)
class TestResult:
    """One test's end. `message` is for the learner; empty when passed.

    checked_lines: lines of the cell on which an `expect` word ran.
    beside: how often the author's own function ran in the learner's process.
    output: what the test's cell printed, where it ran in the notebook.
    seen: (function, value by the codec) that came back to the visible part, if recorded.
    misconception: the sentence of the one wrong answer that fails in just this way, or "".
    """

    __test__ = False

    name: str
    of: tuple[str, ...]
    outcome: Outcome
    points: float
    max_points: float
    message: str = ""
    failure: Failure | None = None
    misconception: str = ""
    checked_lines: tuple[int, ...] = ()
    beside: int = 0
    output: str = ""
    seen: tuple[tuple[str, bytes], ...] = ()


@dataclass(frozen=True)
class Report:
    """The outcome of one clean run of a unit.

    seed: seed of the hidden data, for a replay.
    seconds: wall time of the whole run; own_seconds: of it, the learner's own cells.
    cell_output: what each cell printed, by cell name, cut at a limit.
    cell_errors: cells that raised, by cell name, with a short traceback.
    """

    unit: str
    results: tuple[TestResult, ...]
    seed: int
    seconds: float
    own_seconds: float
    notes: tuple[str, ...] = ()
    cell_output: dict[str, str] = field(default_factory=dict)
    cell_errors: dict[str, str] = field(default_factory=dict)

    @property
    def points(self) -> float:
        return sum(result.points for result in self.results)

    @property
    def max_points(self) -> float:
        return sum(result.max_points for result in self.results)
