"""Fuzzing at length: `python tests/fuzzing.py notebooks --count 10000 --seed 1 --seconds 600`.

Kinds: notebooks (reading), messages (the codec), conversations (the supervisor and the judge), runs (mutated notebooks
through real processes; with --jailed in jails). Every case is made from the seed and its own number, so that
`--first N --count 1` plays one again. Ends with exit code 1 if anything does not hold, with a line for each.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import os
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")

MOST_SHOWN = 20
Case = tuple[str, list[str], float]  # what became of it, what does not hold, seconds
Try = Callable[[int], Case]


@contextlib.contextmanager
def notebooks(seed: int, jailed: bool) -> Iterator[Try]:
    """Reading a mutated notebook of any unit."""
    from fuzz.course import bases, units
    from fuzz.notebooks import mutated
    from fuzz.reading import read

    found = bases(units())
    with tempfile.TemporaryDirectory() as folder:

        def attempt(index: int) -> Case:
            submission, problems, seconds = read(mutated(seed, index, found), Path(folder))
            return "read" if submission else "refused", problems, seconds

        yield attempt


@contextlib.contextmanager
def messages(seed: int, jailed: bool) -> Iterator[Try]:
    """Reading a mutated message."""
    from fuzz.decoding import check
    from fuzz.messages import mutated, samples

    honest = samples()
    warnings.simplefilter("ignore")

    def attempt(index: int) -> Case:
        was_read, problems, seconds = check(mutated(seed, index, honest))
        return "read" if was_read else "refused", problems, seconds

    yield attempt


@contextlib.contextmanager
def conversations(seed: int, jailed: bool) -> Iterator[Try]:
    """A run whose learner's side says what no learner's process says."""
    from fuzz.conversations import talk
    from fuzz.talk import talking_unit

    with tempfile.TemporaryDirectory() as folder:
        unit = talking_unit(Path(folder))

        def attempt(index: int) -> Case:
            told = talk(unit, seed, index)
            return "disturbed" if told.kinds else "undisturbed", list(told.problems), told.seconds

        yield attempt


@contextlib.contextmanager
def runs(seed: int, jailed: bool) -> Iterator[Try]:
    """A mutated notebook in real processes."""
    from fuzz.course import bases, light_units
    from fuzz.judged import hurried, judge
    from fuzz.notebooks import mutated
    from small_course import MODULES

    from grader.workers import grading_workers, many_runs

    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        found = bases(map(hurried, light_units(Path(folder))))
        home = Path(folder, "home")
        home.mkdir()
        make = stack.enter_context(grading_workers(MODULES) if jailed else many_runs(MODULES))
        workers = make()
        stack.callback(workers.close)

        def attempt(index: int) -> Case:
            was_run, problems, seconds = judge(mutated(seed, index, found), home, workers)
            return "run" if was_run else "refused", problems, seconds

        yield attempt


KINDS = {kind.__name__: kind for kind in (notebooks, messages, conversations, runs)}


def main() -> int:
    """Parse, try, count."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("kind", choices=KINDS)
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--jailed", action="store_true")
    asked = parser.parse_args()
    ends: collections.Counter[str] = collections.Counter()
    wrong, slowest, start = 0, (0.0, 0), time.monotonic()
    with KINDS[asked.kind](asked.seed, asked.jailed) as attempt:
        for index in range(asked.first, asked.first + asked.count):
            if time.monotonic() - start > asked.seconds:
                break
            end, problems, seconds = attempt(index)
            ends[end] += 1
            slowest = max(slowest, (seconds, index))
            wrong += bool(problems)
            for problem in problems if wrong <= MOST_SHOWN else ():
                print(f"seed {asked.seed}, number {index}: {problem}", flush=True)
    told = ", ".join(f"{count} {end}" for end, count in sorted(ends.items()))
    print(
        f"{sum(ends.values())} {asked.kind} of seed {asked.seed} in {time.monotonic() - start:.0f} s: {told}."
    )
    print(f"{wrong} with problems. The slowest, number {slowest[1]}, took {slowest[0]:.2f} s.")
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
