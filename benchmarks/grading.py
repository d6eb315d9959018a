"""What it takes to grade a class: ours beside nbgrader, fresh kernels and the floor, on the same submissions.

python benchmarks/grading.py [--students 20] [--rounds 3] [--units add-up,first-check] [--ways ours,nbgrader]
python benchmarks/grading.py --flat [--students 1000]

Each way is a whole command on a fresh copy of the class, in rounds whose order is drawn; each runs with one
student and with all, so that what a further submission costs can be told from the warm-up. All that give points
must give the same, test by test. No figure fails: read them on an idle machine. Linux.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import tempfile
import time
from pathlib import Path

import grading_flat
import measured
from grading_class import make_school
from grading_table import Results, as_json, credited_share, print_figures, print_rows
from grading_ways import OTTER, Way, all_ways, memory_of, rounds
from machine import load, machine

LIGHT = "add-up"
UNITS = (LIGHT, "six-questions", "first-check", "missing-values", "find-the-leak")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--students", type=int, help="default 20; with --flat 1000")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--units", default=",".join(UNITS), help="words, separated by commas")
    parser.add_argument("--ways", default="", help="names, separated by commas; default: all")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--otter", default="", metavar="PYTHON", help="of an environment with otter-grader")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every number there")
    parser.add_argument("--no-memory", action="store_true", help="leave out the runs for memory")
    parser.add_argument(
        "--flat", action="store_true", help="many submissions of the light unit by ours alone"
    )
    return parser.parse_args()


def chosen_ways(names: str, otter: str) -> list[Way]:
    ways = all_ways(otter)
    wanted = [name for name in names.split(",") if name] or list(ways)
    if unknown := sorted(set(wanted) - set(ways) - {OTTER}):
        raise SystemExit(f"Error: no way named {', '.join(unknown)}; there are {', '.join(ways)}")
    if not otter and (OTTER in wanted or not names):
        print("otter run is left out: name a Python that has otter-grader by --otter")
    return [ways[name] for name in wanted if name in ways]


def compared(unit: str, ways: list[Way], options: argparse.Namespace) -> Results:
    """All rounds of one unit."""
    with tempfile.TemporaryDirectory(prefix="seatrial-benchmark-") as folder:
        school = make_school(Path(folder), unit, options.students or 20, options.seed)
        results = Results(unit, {}, {})
        for name, taken in rounds(school, ways, options.rounds, options.seed):
            results.rounds.setdefault(name, []).append(taken)
            used = taken.many
            told = f"{unit} {name}: {used.wall_seconds:.2f} s, CPU {used.cpu_seconds:.2f} s; load {load()}"
            print(told, file=sys.stderr, flush=True)
        if not options.no_memory:
            results.memory = {way.name: memory_of(school, way) for way in ways}
    return results


def main() -> None:
    options = arguments()
    print(
        f"{machine()}; {platform.platform()}; Python {platform.python_version()}; {time.strftime('%Y-%m-%d')}"
    )
    before = load()
    if options.flat:
        with tempfile.TemporaryDirectory(prefix="seatrial-benchmark-") as folder:
            grading_flat.print_flat(Path(folder), options.units.split(",")[0], options.students or 1000)
        print(f"load average before {before}, after {load()}")
        return
    ways = chosen_ways(options.ways, options.otter)
    found = {}
    for unit in options.units.split(","):
        found[unit] = compared(unit, ways, options)
        print_rows(found[unit], ways, options.students or 20)
        print_figures(found[unit])
        if options.json:
            options.json.write_text(json.dumps([as_json(one) for one in found.values()], indent=1) + "\n")
    counted = "by wait alone, so processes of jails may be missing"
    if measured.GROUPS.is_dir() and (share := credited_share(found)) is not None:
        counted = f"by control group; waiting for children would credit {share:.0%} of it for mle class grade"
    print(f"\nCPU is counted {counted}. {options.rounds} rounds, the same points in all ways, test by test.")
    print(f"load average before {before}, after {load()}")
    if busy(before):
        print("The machine was busy beside: compare CPU; wall times, and two workers above all, say little.")


def busy(shown: str) -> bool:
    """Whether the average of the last minute, before anything of ours ran, keeps a whole core busy."""
    return not shown[0].isdigit() or float(shown.split()[0]) > 1


if __name__ == "__main__":
    main()
