"""What must hold for every run, whatever the learner's side says: a report in time, and no point that is not earned."""

from __future__ import annotations

import random
import re
import socket
import threading
import time
import traceback
from dataclasses import dataclass

from fuzz.noise import Noise
from fuzz.talk import ANSWERS, Threads, wrong_answer
from grader.jail.channel import Channel
from grader.model import Outcome, Report, Unit
from grader.notebook import submission_from
from grader.runner import run

MOST_FRAMES = 40  # an undisturbed conversation has 26 to 45
SLACK_SECONDS = 10.0  # on a busy machine
OBEYED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


@dataclass(frozen=True)
class Talk:
    """One disturbed run. problems: what does not hold; kinds: what was done to it; report: its outcome."""

    report: Report | None
    problems: tuple[str, ...]
    kinds: tuple[str, ...]
    wrong: frozenset[str]
    seconds: float


def talk(unit: Unit, seed: int, index: int, kind: str = "", at: int = 0) -> Talk:
    """Conversation number `index` of this seed. kind, at: the only accident to have, and its frame, if given."""
    random_ = random.Random(f"{seed} {index}")
    names = list(ANSWERS)
    wrong = frozenset(random_.choice(([], names, [random_.choice(names)], random_.sample(names, 3))))
    submission = submission_from(unit, {name: wrong_answer(name) for name in wrong})
    noises: list[Noise] = []
    first, often = random_.randrange(2, MOST_FRAMES), random_.choice((0.0, 0.05, 0.3))
    first, often = (at, 0.0) if at else (first, often)

    def disturb(channel: Channel, end: socket.socket) -> Noise:
        noise = Noise(random.Random(f"{seed} {index} {len(noises)}"), channel, end, first, often)
        noise.only = kind
        noises.append(noise)
        return noise

    workers = Threads(disturb)
    problems: list[str] = []
    report = None
    rescue = threading.Timer(unit.header.limit_run_seconds + 2 * SLACK_SECONDS, workers.hang_up)
    rescue.start()
    start = time.perf_counter()
    try:
        report = run(unit, submission, workers, seed=seed)
    except Exception as error:
        problems.append(f"raised {type(error).__name__}: {''.join(traceback.format_exception(error)[-3:])}")
    seconds = time.perf_counter() - start
    rescue.cancel()
    try:
        workers.close()
    except TimeoutError as error:
        problems.append(str(error))
    if seconds > unit.header.limit_run_seconds + SLACK_SECONDS:
        problems.append(f"took {seconds:.1f} s")
    if report is not None:
        problems += _of_report(unit, report, wrong, bool([kind for noise in noises for kind in noise.kinds]))
    kinds = tuple(kind for noise in noises for kind in noise.kinds)
    return Talk(report, tuple(problems), kinds, wrong, seconds)


def _of_report(unit: Unit, report: Report, wrong: frozenset[str], disturbed: bool) -> list[str]:
    found = []
    if [result.name for result in report.results] != [test.name for test in unit.tests]:
        found.append("not one result for each test")
    for result in report.results:
        if result.points and (result.outcome is not Outcome.PASSED or set(result.of) & wrong):
            found.append(f"{result.name} earned {result.points} with a wrong answer")
        late = result.outcome is Outcome.OUT_OF_LIMITS  # a busy machine, where nothing else happened
        if not disturbed and not late and not set(result.of) & wrong and not result.points:
            found.append(f"{result.name} of a right answer failed undisturbed: {result.message}")
        if result.outcome is not Outcome.PASSED and not result.message:
            found.append(f"{result.name} says nothing")
        if len(result.message) > 5000:
            found.append(f"{result.name} says {len(result.message)} characters")
        if OBEYED.search(result.message):
            found.append(f"{result.name} says what a terminal obeys: {result.message[:300]!r}")
    if not 0 <= report.own_seconds <= unit.header.limit_run_seconds + SLACK_SECONDS:
        found.append(f"own seconds are {report.own_seconds}")
    return found
