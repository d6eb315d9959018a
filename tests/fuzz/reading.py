"""What must hold for every notebook that is read, however damaged."""

from __future__ import annotations

import contextlib
import signal
import time
import traceback
from collections.abc import Iterator
from pathlib import Path

from fuzz.notebooks import Mutant
from grader.errors import NotebookError
from grader.model import Answer, Cell, Submission, Test
from grader.notebook import read_submission

MOST_SECONDS = 10.0
MOST_MESSAGE = 600
FILE = "work.ipynb"


class TooLong(BaseException):
    """The reader did not come back in time."""


@contextlib.contextmanager
def bounded(seconds: float) -> Iterator[None]:
    """Raise TooLong in the body after so long, where the system has such a clock and this is the main thread."""
    if not hasattr(signal, "setitimer"):
        yield
        return

    def stop(*_: object) -> None:
        raise TooLong

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def read(mutant: Mutant, folder: Path) -> tuple[Submission | None, list[str], float]:
    """The submission, if the notebook could be read; what is wrong with how it was read; and the time taken."""
    path = folder / FILE
    path.write_bytes(mutant.data)
    start = time.perf_counter()
    try:
        with bounded(MOST_SECONDS):
            submission = read_submission(path, mutant.base.unit)
    except NotebookError as error:
        return None, _message_problems(str(error)), time.perf_counter() - start
    except TooLong:
        return None, [f"took more than {MOST_SECONDS:g} s"], MOST_SECONDS
    except BaseException as error:
        trace = "".join(traceback.format_exception(error)[-3:])
        return None, [f"raised {type(error).__name__}: {trace}"], time.perf_counter() - start
    return submission, problems(mutant, submission), time.perf_counter() - start


def _message_problems(message: str) -> list[str]:
    found = []
    if len(message) > MOST_MESSAGE:
        found.append(f"a message of {len(message)} characters: {message[:80]}")
    if not message.startswith(FILE) and FILE not in message:
        found.append(f"a message without the file: {message[:200]!r}")
    if not message.isprintable():
        found.append(f"a message with control characters: {message[:200]!r}")
    return found


def problems(mutant: Mutant, submission: Submission) -> list[str]:
    """What a submission says that its notebook and its unit do not bear out."""
    unit = mutant.base.unit
    fixed = [
        part
        for part in unit.parts
        if isinstance(part, Test) or (isinstance(part, Cell) and part.kind == "given")
    ]
    cells = [(cell.name, cell.text) for cell in submission.cells if cell.origin in ("test", "given")]
    answers = [cell.name for cell in submission.cells if cell.origin == "answer"]
    names = [answer.name for answer in unit.answers]
    found = []
    if cells != [(part.name, part.text) for part in fixed]:
        found.append("given and test cells are not today's")
    if sorted([*answers, *submission.missing]) != sorted(names):
        found.append(f"answers {answers} with {sorted(submission.missing)} missing are not those of the unit")
    if not submission.untouched <= set(answers):
        found.append("an untouched answer has no cell")
    if len({cell.name for cell in submission.cells}) != len(submission.cells):
        found.append("two cells have one name")
    if sum(map(len, submission.notes)) > 50 * MOST_MESSAGE:
        found.append(f"notes of {sum(map(len, submission.notes))} characters")
    for text in (*(cell.text for cell in submission.cells), *submission.notes):
        try:
            text.encode()
        except UnicodeEncodeError:
            found.append(f"a text that no pipe takes: {text[:60]!r}")
    if not all(note.isprintable() for note in submission.notes):
        found.append("a note with control characters")
    if mutant.gentle:
        found += _gentle_problems(mutant, submission)
    return found


def _gentle_problems(mutant: Mutant, submission: Submission) -> list[str]:
    """Where no code was changed, an answer is the reference, as handed out, or gone."""
    found = []
    texts = {cell.name: cell.text for cell in submission.cells}
    for answer in mutant.base.unit.answers:
        open_ = submission.untouched | submission.missing
        if answer.name not in mutant.base.touched and answer.name not in open_:
            found.append(f'the untouched answer "{answer.name}" counts as an attempt')
        if (
            answer.name in mutant.base.touched
            and answer.name not in open_
            and not _same(answer, texts[answer.name])
        ):
            found.append(f'the answer "{answer.name}" is not the one in the file')
    return found


def _same(answer: Answer, text: str) -> bool:
    reference = answer.reference if answer.file is None else f"%%writefile {answer.file}\n{answer.reference}"
    return text.replace("\r", "\n").strip() == reference.strip()
