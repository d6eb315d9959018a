"""What good practice is worth in Tidewater: operators, their share of the gap, the price of each incident.

python benchmarks/world_money.py [--seeds 8] [--first-seed 1] [--orders 1000] [--jobs 2]

Each seed is a world with a history and a year that holds every incident. The gap is what a perfect operator earns more
than the untouched model. The price of an incident is what an operator who ignores it loses by it, beyond what the
perfect one loses: the year with all incidents against the same year without this one.
"""

from __future__ import annotations

import argparse
import os
import statistics
from concurrent.futures import ProcessPoolExecutor
from functools import partial

import operators
from machine import load, machine
from operators import Model
from tidewater import INCIDENTS, Incident, money
from tidewater.years import HARMFUL, year_of_incidents

UNTOUCHED, RIPE, HONEST, ALL = (
    "untouched",
    "monthly, ripe labels",
    "monthly, missing as honest",
    "approve all",
)
PLAY = {
    UNTOUCHED: operators.untouched,
    RIPE: partial(operators.monthly, labels=operators.ripe),
    HONEST: partial(operators.monthly, labels=operators.missing_as_honest),
    ALL: lambda year, model: operators.approve_all(year),
}
# Who ignores an incident: the untouched model, but for those that only meet an operator who retrains.
IGNORED_BY = {"late_labels": HONEST, "poisoned_labels": RIPE, "nan_weights": RIPE}
Figures = dict[str, float]


def one_world(seed: int, orders: float) -> Figures:
    """All figures of one seed; money in EUR, shares and prices as fractions of the gap."""
    incidents = year_of_incidents(seed, operators.HISTORY_DAYS)
    year = operators.make_year(seed, orders, incidents)
    model = operators.first_model(year)
    perfect, rows = operators.perfect(year), operators.in_year(year)
    earns = {name: play(year, model) for name, play in PLAY.items()}
    gap = perfect - earns[UNTOUCHED]
    margin = money.PRICES.margin * float(year.true_amount[rows & ~year.is_fraud].sum())
    figures = {"perfect operator, EUR": perfect, "gap, EUR": gap, "gap, share of the margin": gap / margin}
    figures |= {f"share: {name}": (earns[name] - earns[UNTOUCHED]) / gap for name in PLAY}
    figures["missing as honest, less ripe labels"] = (earns[HONEST] - earns[RIPE]) / gap
    for name in HARMFUL:
        who = IGNORED_BY.get(name, UNTOUCHED)
        spared = operators.make_year(seed, orders, [one for one in incidents if one.name != name])
        loss = (operators.perfect(spared) - PLAY[who](spared, model)) / gap
        figures[f"price: {name}"] = (perfect - earns[who]) / gap - loss
    for family in sorted({INCIDENTS[name].family for name in HARMFUL}):
        prices = [figures[f"price: {name}"] for name in HARMFUL if INCIDENTS[name].family == family]
        figures[f"family: {family}"] = sum(prices)
    figures["accepted orders alone, less ripe labels, new market"] = _new_market(seed, orders, model) / gap
    return figures


def _new_market(seed: int, orders: float, model: Model) -> float:
    """EUR that it costs to learn only from accepted orders when a new market, and nothing else, has come."""
    year = operators.make_year(seed, orders, [Incident("new_market", operators.HISTORY_DAYS + 60)])
    return operators.monthly(year, model, operators.ripe_accepted) - operators.monthly(
        year, model, operators.ripe
    )


def show(figures: list[Figures]) -> str:
    """A table: mean over the worlds, its standard error, lowest and highest."""
    lines = [f"{'':52}{'mean':>12}{'s.e.':>10}{'lowest':>12}{'highest':>12}"]
    for name in figures[0]:
        values = [one[name] for one in figures]
        error = statistics.stdev(values) / len(values) ** 0.5 if len(values) > 1 else float("nan")
        form = (
            "{:>12,.0f}{:>10,.0f}{:>12,.0f}{:>12,.0f}"
            if "EUR" in name
            else "{:>12.3f}{:>10.3f}{:>12.3f}{:>12.3f}"
        )
        lines.append(f"{name:52}" + form.format(statistics.mean(values), error, min(values), max(values)))
    return "\n".join(lines)


def main() -> None:
    """Plays the worlds and prints the table."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--seeds", type=int, default=8)
    options.add_argument("--first-seed", type=int, default=1)
    options.add_argument("--orders", type=float, default=1000)
    options.add_argument("--jobs", type=int, default=2)
    given = options.parse_args()
    seeds = range(given.first_seed, given.first_seed + given.seeds)
    os.environ["OMP_NUM_THREADS"] = "1"
    with ProcessPoolExecutor(given.jobs) as pool:
        figures = list(pool.map(partial(one_world, orders=given.orders), seeds))
    worlds = f"{given.seeds} worlds from seed {given.first_seed}, {given.orders:g} orders a day"
    print(f"{worlds}; {machine()}, load {load()}")
    print(show(figures))


if __name__ == "__main__":
    main()
