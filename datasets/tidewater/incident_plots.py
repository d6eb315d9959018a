"""Pictures of the incidents, and the page about them: `python -m tidewater.incident_plots docs`.

plot("unit_change")      # a matplotlib Figure: before, during and after, the harmless twin beside it
"""

from __future__ import annotations

import argparse
import math
import textwrap
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MultipleLocator, NullFormatter, StrMethodFormatter
from matplotlib.transforms import ScaledTranslation

from tidewater.incident_kinds import KINDS, Kind
from tidewater.incident_quantities import DAY, HOUR, VIEWS, Lines, View
from tidewater.incidents import Incident, kind_of
from tidewater.world import make_world

__all__ = ["page", "plot", "table", "write"]

PAGE, PICTURES = "incidents.md", "pictures/incidents"
_UNIT = {HOUR: "hours", DAY: "days"}
_TICKS = {HOUR: 12, DAY: 7}
_COLOURS = ("#1f5fa8", "#d1660a", "#3a8f4d", "#7a4fa3")
_HEAD = """# Incidents

What can happen in Tidewater, made from the table `KINDS` in `datasets/tidewater/incident_kinds.py` by
`python -m tidewater.incident_plots docs`; a test says when that is due. `make_world(seed, incidents=["sale"])` draws
start, size, length and target from the seed; `Incident("sale", start_day=20.0, size=0.65, days=4, target="app")`
sets what is given. `world.truth.incidents` lists what was drawn. A size or length is drawn evenly between the two
numbers of its cell.

"""
_BETWEEN = """
Each picture shows what the incident touches, from before it begins until it is over or the picture ends; the
incident is shaded. Where a harmless incident looks alike, it stands on the right, on the same scale.
"""


def plot(name: str, seed: int = 1) -> Figure:
    """What an incident does to the quantity it touches; beside it, on the same scale, its harmless twin.

    name: of KINDS. seed: of the worlds that are made for the picture, with one incident each.
    Raises UnknownIncidentError for a name that is not in KINDS.
    """
    twin = kind_of(name).twin
    view = VIEWS[name]
    shown = [name, twin] if twin else [name]
    figure = Figure(figsize=(9.2 if twin else 5.4, 3.2), layout="constrained")
    panels = figure.subplots(1, len(shown), sharey=True, squeeze=False)[0]
    for panel, one in zip(panels, shown, strict=True):
        _draw(panel, *_measured(one, view, seed), view)
        harm = "harmless" if one == twin or KINDS[one].harms == "no" else f"harms: {KINDS[one].harms}"
        panel.set_title(f"{_wrapped(KINDS[one].what)}\n({one}; {harm})", fontsize=9)
    panels[0].set_ylabel(view.y_label, fontsize=9)
    if view.from_zero:
        panels[0].set_ylim(bottom=0)
    for panel in panels[1:]:
        panel.tick_params(labelleft=True)
    return figure


def _measured(name: str, view: View, seed: int) -> tuple[Incident, Lines]:
    """The incident of a world with nothing else, and its lines."""
    start = view.start_day
    if name == "weekend":  # the world's first day is a Wednesday
        start += (3 - start) % 7
    target = view.target if view.target in KINDS[name].targets else ""
    world = make_world(seed, view.days, view.orders_per_day, [Incident(name, start, target=target)])
    one = world.truth.incidents[0]
    return one, view.measure(world, one, view.step)


def _draw(panel: Axes, one: Incident, lines: Lines, view: View) -> None:
    first = math.floor(one.start_day / view.step + 1e-9)
    steps = slice(max(0, first - view.before), first + view.after)
    for number, (label, line) in enumerate(lines.items()):
        values = line[steps]
        edges = np.arange(len(values) + 1) + steps.start - one.start_day / view.step
        width = 1.4 + 1.1 * (len(lines) - 1 - number)  # lines that coincide show as nested ones
        panel.stairs(values, edges, baseline=None, label=label, lw=width, color=_COLOURS[number])
    end = min(one.days / view.step, edges[-1])
    panel.axvspan(0, end, color="#fbe9c0", lw=0, label="incident", zorder=0)
    panel.set_xlim(edges[0], edges[-1])
    panel.set_xlabel(f"{_UNIT.get(view.step, 'weeks')} since it begins", fontsize=9)
    panel.tick_params(labelsize=8)
    panel.spines[["top", "right"]].set_visible(False)
    panel.xaxis.set_major_locator(MultipleLocator(_TICKS.get(view.step, 2 if len(values) < 40 else 4)))
    if view.log:
        panel.set_yscale("log")
        panel.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        panel.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
        panel.yaxis.set_minor_formatter(NullFormatter())
    below = panel.transAxes + ScaledTranslation(0, -32 / 72, panel.figure.dpi_scale_trans)
    columns = 1 if max(map(len, lines)) > 40 else 3
    panel.legend(
        fontsize=7,
        frameon=False,
        loc="upper left",
        bbox_to_anchor=(0, 0),
        bbox_transform=below,
        ncols=columns,
    )


def _wrapped(text: str, width: int = 56) -> str:
    """A sentence with a capital, on as many lines as it needs."""
    return textwrap.fill(text[0].upper() + text[1:], width)


def table() -> str:
    """The table of all kinds in Markdown, one line a kind."""
    head = ("name", "family", "touches", "size", "length", "onset", "harms", "harmless twin")
    rows = [head, ("---",) * len(head)]
    for name, kind in KINDS.items():
        rows.append(
            (
                f"`{name}`",
                kind.family,
                kind.touches,
                f"{_between(*kind.size)}: {kind.size_is}",
                _length(*kind.days),
                kind.onset,
                kind.harms,
                f"`{kind.twin}`" if kind.twin else "",
            )
        )
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def _length(low: float, high: float) -> str:
    """Days as a reader takes them: hours below two days, "to the end" where there is none."""
    if high == 0:
        return "to the end"
    if high >= 2:
        return f"{_between(low, high)} days"
    return f"{_between(24 * low, 24 * high)} {'hour' if 24 * high == 1 else 'hours'}"


def _between(low: float, high: float) -> str:
    return f"{low:.3g}" if low == high else f"{low:.3g} to {high:.3g}"


def page() -> str:
    """The page: the table, then a picture of each kind."""
    parts = [_HEAD, table(), _BETWEEN]
    parts += [
        f"\n## {name}\n\n{_caption(kind)}\n\n![{name}]({PICTURES}/{name}.png)\n"
        for name, kind in KINDS.items()
    ]
    return "".join(parts)


def _caption(kind: Kind) -> str:
    where = (
        ""
        if kind.in_tables
        else " No table shows it; the picture shows what the service's operator would see."
    )
    return f"{kind.what[0].upper()}{kind.what[1:]}.{where}"


def write(folder: Path) -> None:
    """Makes the page and all pictures anew below this folder, about a minute of processor time at most."""
    pictures = folder / PICTURES
    pictures.mkdir(parents=True, exist_ok=True)
    (folder / PAGE).write_text(page(), encoding="utf-8")
    for name in KINDS:
        plot(name).savefig(
            pictures / f"{name}.png", dpi=100, bbox_inches="tight", metadata={"Software": None}
        )


def main() -> None:
    """The command `python -m tidewater.incident_plots FOLDER`."""
    parser = argparse.ArgumentParser(description="Makes incidents.md and its pictures anew.")
    parser.add_argument("folder", type=Path, help="where incidents.md goes: docs")
    write(parser.parse_args().folder)


if __name__ == "__main__":
    main()
