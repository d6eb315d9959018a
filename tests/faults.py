"""Faults at random moments: `python tests/faults.py --trials 200 --seed 1 --seconds 1500`.

Each trial grades a small class in jails, is disturbed (kill -9, SIGSTOP, a full disk, a clock that jumps, ...), gives
the same command again, and compares grade book and autograded notebooks with those of an undisturbed grading. It is
made from the seed and its own number, so that `--first N --trials 1` plays one again, up to the speed of the machine.
As root on Linux, which alone sees every process. Ends with exit code 1 if anything does not hold, with a line for each.
"""

from __future__ import annotations

import argparse
import collections
import os
import time
from concurrent.futures import ThreadPoolExecutor

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")


def main() -> int:
    """Parse, try, count."""
    from fault.trial import KINDS, Trial, ground, kind_of, timed

    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--trials", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=1500)
    parser.add_argument("--beside", type=int, default=1, help="trials at a time")
    parser.add_argument("--kind", choices=KINDS, default="", help="only this one")
    asked = parser.parse_args()
    start = time.monotonic()
    counts: dict[str, collections.Counter[str]] = collections.defaultdict(collections.Counter)
    with ground() as here, ThreadPoolExecutor(asked.beside) as pool:
        print(f"undisturbed: {here.seconds:.1f} s", flush=True)

        def attempt(number: int) -> tuple[int, Trial | None, float]:
            if time.monotonic() - start > asked.seconds:
                return number, None, 0.0
            trial, seconds = timed(here, asked.seed, number, asked.kind)
            return number, trial, seconds

        for number, trial, seconds in pool.map(attempt, range(asked.first, asked.first + asked.trials)):
            if trial is None:
                continue
            kind = asked.kind or kind_of(asked.seed, number)
            facts = {
                "missed": not trial.struck,
                "forced": trial.forced,
                "wrong": bool(trial.problems),
                "all": True,
            }
            counts[kind].update(name for name, holds in facts.items() if holds)
            said = ", ".join(name for name, holds in facts.items() if holds and name != "all")
            print(f"{number} {kind}: {trial.starts} starts, {seconds:.1f} s {said}", flush=True)
            for problem in trial.problems:
                print(f"    {problem}", flush=True)
    for kind, count in sorted(counts.items()):
        print(f"{kind}: {count['all']} trials, {count['missed']} met nothing, {count['forced']} with --force")
    wrong = sum(count["wrong"] for count in counts.values())
    total = sum(count["all"] for count in counts.values())
    load = os.getloadavg()
    print(f"{total} trials of seed {asked.seed} in {time.monotonic() - start:.0f} s at load {load[1]:.1f}.")
    print(f"{wrong} with problems.")
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
