"""What all tables of one world share: its arguments, its mechanics, its customers, its days of orders."""

from __future__ import annotations

from collections import OrderedDict
from functools import cached_property

import numpy as np

from tidewater import calendar, catalogue, mechanics, orders, population, visitors
from tidewater.incidents import Incident

__all__ = ["SHIPPED_SEED", "Core"]

SHIPPED_SEED = 0
_DAYS_KEPT = 9  # a week and the day itself, for a source that answers with last week's values


class Core:
    """The generator's state; everything in it is a function of the four arguments.

    seed: whole number from 0. days: length in days. orders_per_day: mean over a year without incidents.
    incidents: dated ones, as `schedule` gives them.
    """

    def __init__(self, seed: int, days: int, orders_per_day: float, incidents: tuple[Incident, ...]) -> None:
        self.seed, self.days, self.orders_per_day, self.incidents = seed, days, orders_per_day, incidents
        self._kept: OrderedDict[int, orders.OrderDay] = OrderedDict()

    @cached_property
    def mechanics(self) -> mechanics.Mechanics:
        """The habits of every class of orders."""
        return mechanics.draw_mechanics(self.seed)

    @cached_property
    def population(self) -> population.Population:
        """All customers."""
        return population.make_population(
            self.seed, self.mechanics, self.incidents, self.days, self.orders_per_day
        )

    @cached_property
    def catalogue(self) -> catalogue.Catalogue:
        """All products."""
        return catalogue.make_catalogue(self.seed, self.orders_per_day)

    @cached_property
    def favourites(self) -> np.ndarray:
        """(customers,), the favourite category of each customer."""
        return visitors.draw_favourites(self.seed, len(self.population), self.catalogue.category_share)

    @property
    def is_shipped(self) -> bool:
        """Whether this is the world that ships with the course; all others are hidden ones."""
        return self.seed == SHIPPED_SEED

    def plan(self, day: int) -> calendar.DayPlan:
        """The rates of one day."""
        return calendar.plan_day(self.seed, self.mechanics, self.incidents, day, self.orders_per_day)

    def order_day(self, day: int) -> orders.OrderDay:
        """The clean orders of one day, 0 to days - 1; the last few are kept."""
        if day not in self._kept:
            self._kept[day] = orders.make_day(self.seed, self.mechanics, self.population, self.plan(day))
            while len(self._kept) > _DAYS_KEPT:
                self._kept.popitem(last=False)
        self._kept.move_to_end(day)
        return self._kept[day]
