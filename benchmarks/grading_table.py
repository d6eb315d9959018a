"""What the ways of grading took, as tables, with the figures to reach."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from grading_ways import FLOOR, NBGRADER, OURS, OURS_2, Taken, Way
from measured import Used

MEGABYTE = 1e6
LIGHT_SECONDS = 0.1  # of the cells themselves, below which a notebook counts as light
TIMES_NBGRADER = 20.0
OVERHEAD_SECONDS = 0.1
OVERHEAD_STRETCH_SECONDS = 0.05
TIMES_ONE_WORKER = 1.8
PEAK_MEGABYTES = 700.0


@dataclass
class Results:
    """Of one unit: rounds and memory by way's name."""

    unit: str
    rounds: dict[str, list[Taken]]
    memory: dict[str, Used]

    def median(self, way: str, of: Callable[[Taken], float]) -> float | None:
        """Over the rounds; None if the way was not run."""
        taken = self.rounds.get(way)
        return statistics.median(of(one) for one in taken) if taken else None

    def spread(self, way: str, of: Callable[[Taken], float]) -> str:
        values = [of(one) for one in self.rounds.get(way, [])]
        return f"{min(values):.3f} to {max(values):.3f}" if values else ""

    @property
    def cell_seconds(self) -> float | None:
        """What the cells take by themselves, each submission."""
        return self.median(FLOOR, lambda one: one.cell_seconds)

    @property
    def floor_seconds(self) -> float | None:
        """What a submission takes in the warm process with its folder and its store, by that process's clock."""
        return self.median(FLOOR, lambda one: one.run_seconds)


def wall(one: Taken) -> float:
    return one.many.wall_seconds


def cpu(one: Taken) -> float:
    return one.many.cpu_seconds


def each_wall(one: Taken) -> float:
    return one.each_wall


def each_cpu(one: Taken) -> float:
    return one.each_cpu


def ratio(above: float | None, below: float | None) -> float | None:
    return above / below if above is not None and below else None


def minus(one: float | None, other: float | None) -> float | None:
    return one - other if one is not None and other is not None else None


def cell(value: float | None, form: str) -> str:
    return "-" if value is None else format(value, form)


COLUMNS = (
    "wall s",
    "CPU s",
    "warm-up",
    "one more",
    "CPU of it",
    "over floor",
    "x wall",
    "x CPU",
    "MB",
    "MB kids",
)
WIDTHS = (9, 9, 9, 10, 11, 12, 8, 8, 7, 9)


def rows(results: Results, ways: Sequence[Way]) -> list[list[str]]:
    """A row a way."""
    found = []
    for way in ways:
        if way.name not in results.rounds:
            continue
        more, memory = results.median(way.name, each_wall), results.memory.get(way.name)
        times_wall = ratio(results.median(NBGRADER, wall), results.median(way.name, wall))
        times_cpu = ratio(results.median(NBGRADER, cpu), results.median(way.name, cpu))
        over = minus(more, results.floor_seconds) if way.name != FLOOR else None
        found.append(
            [
                way.title,
                cell(results.median(way.name, wall), ".2f"),
                cell(results.median(way.name, cpu), ".2f"),
                cell(results.median(way.name, lambda one: one.warm_up), ".2f"),
                cell(more, ".3f"),
                cell(results.median(way.name, each_cpu), ".3f"),
                cell(over, ".3f"),
                cell(times_wall, ".1f"),
                cell(times_cpu, ".1f"),
                cell(memory and memory.peak_bytes / MEGABYTE, ".0f"),
                cell(memory and memory.children_bytes / MEGABYTE, ".0f"),
            ]
        )
    return found


def print_rows(results: Results, ways: Sequence[Way], students: int) -> None:
    """The table of one unit."""
    print(
        f"\n{results.unit}, {students} submissions; median of rounds; x: times faster than nbgrader autograde"
    )
    print(f"{'':36}" + "".join(f"{name:>{width}}" for name, width in zip(COLUMNS, WIDTHS, strict=True)))
    for title, *values in rows(results, ways):
        print(f"{title:36}" + "".join(f"{text:>{width}}" for text, width in zip(values, WIDTHS, strict=True)))


def figures(results: Results) -> list[tuple[str, str, str, str]]:
    """What was to be reached, the figure, what was reached, and whether."""
    own = results.cell_seconds
    light = own is not None and own <= LIGHT_SECONDS
    ours, one = results.median(OURS, wall), results.median(OURS, each_wall)
    over = minus(one, results.floor_seconds)
    pairs = {
        "nbgrader autograde's wall time to ours, warm-up included": ratio(
            results.median(NBGRADER, wall), ours
        ),
        "nbgrader autograde's CPU time to ours, warm-up included": ratio(
            results.median(NBGRADER, cpu), results.median(OURS, cpu)
        ),
    }
    found = [_line(name, value, TIMES_NBGRADER, "at least {:.0f} x", light) for name, value in pairs.items()]
    further = {
        "the same, one more submission, wall": ratio(results.median(NBGRADER, each_wall), one),
        "the same, one more submission, CPU": ratio(
            results.median(NBGRADER, each_cpu), results.median(OURS, each_cpu)
        ),
    }
    found += [(name, "", f"{value:.1f} x", "") for name, value in further.items() if value is not None]
    if over is not None:
        words = f"at most {OVERHEAD_SECONDS} s (stretch {OVERHEAD_STRETCH_SECONDS} s)"
        found.append(
            ("beyond the floor, one more submission", words, f"{over:.3f} s", _yes(over <= OVERHEAD_SECONDS))
        )
    workers = {
        "one worker's time to two workers', one more submission": ratio(
            one, results.median(OURS_2, each_wall)
        ),
    }
    found += [
        _line(name, value, TIMES_ONE_WORKER, "at least {:.1f} x", True) for name, value in workers.items()
    ]
    whole = ratio(ours, results.median(OURS_2, wall))
    if whole is not None:
        found.append(("the same, warm-up included", "", f"{whole:.2f} x", ""))
    if memory := results.memory.get(OURS):
        peak = memory.children_bytes / MEGABYTE
        verdict = _yes(peak <= PEAK_MEGABYTES) if light else "no light notebook"
        words = f"at most {PEAK_MEGABYTES:.0f} MB"
        found.append(("most memory of one worker and its children", words, f"{peak:.0f} MB", verdict))
    return [line for line in found if line[2]]


def _line(
    name: str, value: float | None, wanted: float, words: str, asked: bool
) -> tuple[str, str, str, str]:
    if value is None:
        return name, "", "", ""
    shown = f"{value:.2f} x" if value < 10 else f"{value:.1f} x"
    return name, words.format(wanted), shown, _yes(value >= wanted) if asked else "no light notebook"


def _yes(reached: bool) -> str:
    return "yes" if reached else "no"


def print_figures(results: Results) -> None:
    """Figure to reach beside figure reached, of one unit."""
    own = results.cell_seconds
    if own is not None:
        print(
            f"the cells' own time: {own:.3f} s each ({results.spread(FLOOR, lambda one: one.cell_seconds)})"
        )
    if (run := results.median(OURS, lambda one: one.run_seconds)) is not None:
        print(f"a run by learner and judge, as the command says: {run:.3f} s each")
    nbgrader = results.median(NBGRADER, each_wall)
    if own and nbgrader is not None:
        print(f"nbgrader takes {nbgrader / own:.1f} times the cells' own time", end="")
        ours = results.median(OURS, each_wall)
        print(f", mle class grade {ours / own:.2f} times" if ours is not None else "")
    print(f"{'figure':58}{'to reach':36}{'reached':>10}")
    for name, wanted, reached, verdict in figures(results):
        print(f"{name:58}{wanted:36}{reached:>10}  {verdict}")


def as_json(results: Results) -> dict:
    """Every number of every round."""

    def plain(used: Used) -> dict[str, float]:
        return {name: value for name, value in vars(used).items() if name != "output"}

    return {
        "unit": results.unit,
        "cell_seconds": results.cell_seconds,
        "rounds": {
            way: [
                {"many": plain(one.many), "one": plain(one.one), "run_seconds": one.run_seconds}
                for one in taken
            ]
            for way, taken in results.rounds.items()
        },
        "memory": {way: plain(used) for way, used in results.memory.items()},
        "figures": [
            dict(zip(("figure", "to_reach", "reached", "verdict"), line, strict=True))
            for line in figures(results)
        ],
    }


def credited_share(all_results: Mapping[str, Results]) -> float | None:
    """What waiting for children credits of the processor time that control groups count, for our command."""
    pairs = [
        (one.many.credited_seconds, one.many.cpu_seconds)
        for results in all_results.values()
        for one in results.rounds.get(OURS, [])
    ]
    return sum(one for one, _ in pairs) / sum(all_ for _, all_ in pairs) if pairs else None
