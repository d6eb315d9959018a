"""`make_world`: a marketplace with tables that are made when they are first asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tidewater import (
    articles,
    behaviour,
    campaigns,
    catalogue,
    labelling,
    messages,
    opinions,
    ratings,
    sales,
    searching,
)
from tidewater.calendar import START
from tidewater.columns import Columns, to_arrow
from tidewater.core import Core
from tidewater.incidents import Incident, schedule
from tidewater.mechanics import Mechanics
from tidewater.names import offer
from tidewater.seeds import stream_of

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

__all__ = ["TABLES", "TRUTH", "Table", "Truth", "UnknownTableError", "World", "make_world"]


class UnknownTableError(AttributeError):
    """No table of the world has this name; the message offers the nearest one."""


@dataclass(frozen=True)
class Table:
    """How one table is made: in one piece from the core, or day by day."""

    grain: str
    whole: Callable[[Core], Columns] | None = None
    daily: Callable[[Core, int], Columns] | None = None


TABLES: dict[str, Table] = {
    "customers": Table("customer", whole=sales.customers),
    "orders": Table("order", daily=sales.orders),
    "payments": Table("order", daily=sales.payments),
    "chargebacks": Table("order", whole=sales.chargebacks),
    "deliveries": Table("order", daily=sales.deliveries),
    "products": Table("product", whole=catalogue.products),
    "events": Table("view, click or cart", daily=behaviour.events),
    "searches": Table("query x shown product", daily=searching.searches),
    "reviews": Table("review", daily=opinions.reviews),
    "messages": Table("support mail", daily=messages.messages),
    "ratings": Table("customer x product", whole=ratings.ratings),
    "promotions": Table("customer x campaign", whole=campaigns.promotions),
    "annotations": Table("order x annotator", whole=labelling.labels),
    "rulebook": Table("article", whole=articles.rulebook),
}
TRUTH: dict[str, Table] = {
    "customers": Table("customer", whole=sales.customers_truth),
    "orders": Table("order", daily=sales.orders_truth),
    "chargebacks": Table("order", whole=sales.chargebacks_truth),
    "deliveries": Table("order", daily=sales.deliveries_truth),
    "products": Table("product", whole=catalogue.products_truth),
    "sellers": Table("seller", whole=catalogue.sellers_truth),
    "events": Table("event", daily=behaviour.events_truth),
    "searches": Table("query x shown product", daily=searching.searches_truth),
    "reviews": Table("review", daily=opinions.reviews_truth),
    "messages": Table("support mail", daily=messages.messages_truth),
    "ratings": Table("customer x product", whole=ratings.ratings_truth),
    "rating_customers": Table("customer", whole=ratings.raters_truth),
    "rating_products": Table("product", whole=ratings.rated_products_truth),
    "promotions": Table("customer x campaign", whole=campaigns.promotions_truth),
    "annotations": Table("order", whole=labelling.labels_truth),
    "annotators": Table("annotator", whole=labelling.annotators_truth),
    "facts": Table("question", whole=articles.facts),
}


class _Tables:
    """Tables as attributes: pandas DataFrames, made once and kept; each access gives the caller a copy."""

    def __init__(self, core: Core, tables: dict[str, Table]) -> None:
        self._core, self._tables, self._made = core, tables, dict[str, "pd.DataFrame"]()

    def __getattr__(self, name: str) -> pd.DataFrame:
        if name.startswith("_"):
            raise AttributeError(name)
        return self.table(name)

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self._tables]

    def table(self, name: str) -> pd.DataFrame:
        """The whole table. Raises UnknownTableError for a name that is none."""
        if name not in self._made:
            self._made[name] = self.arrow(name).to_pandas()
        return self._made[name].copy(deep=False)  # copy on write keeps the kept one as it is

    def arrow(self, name: str, day: int | None = None) -> pa.Table:
        """The whole table, or the rows of one day, as an Arrow table that is not kept.

        Raises UnknownTableError for a name that is none, ValueError for a day outside the world or a table
        that has no days.
        """
        import pyarrow as pa

        table = self._find(name)
        if table.whole is not None:
            if day is not None:
                raise ValueError(f"{name} is one piece: it has no days")
            return to_arrow(table.whole(self._core))
        if day is not None:
            return to_arrow(self._day(table, day))
        return pa.concat_tables([to_arrow(self._day(table, day)) for day in range(self._core.days)])

    def _day(self, table: Table, day: int) -> Columns:
        if not 0 <= day < self._core.days:
            raise ValueError(f"day {day} lies outside the world; its days are 0 to {self._core.days - 1}")
        assert table.daily is not None
        return table.daily(self._core, day)

    def _find(self, name: str) -> Table:
        if name in self._tables:
            return self._tables[name]
        raise UnknownTableError(f'no table named "{name}". {offer(name, self._tables)}')


class Truth(_Tables):
    """What only judges, authors and lessons about the shipped world may use."""

    def __init__(self, core: Core) -> None:
        super().__init__(core, TRUTH)

    @property
    def mechanics(self) -> Mechanics:
        """The habits of every class of orders."""
        return self._core.mechanics

    @property
    def incidents(self) -> tuple[Incident, ...]:
        """What happens, when, and how much."""
        return self._core.incidents


class World(_Tables):
    """A simulated marketplace; `world.orders` and the like are pandas DataFrames, all times UTC without a zone.

    days: number of days. start, end: first moment and first moment after it, datetime64. truth: see Truth.
    """

    def __init__(self, core: Core) -> None:
        super().__init__(core, TABLES)
        self.truth = Truth(core)

    @property
    def days(self) -> int:
        """Number of days."""
        return self._core.days

    @property
    def start(self) -> np.datetime64:
        """The first moment."""
        return START

    @property
    def end(self) -> np.datetime64:
        """The first moment after the last day."""
        return START + np.timedelta64(self.days, "D")

    @property
    def tables(self) -> tuple[str, ...]:
        """The names of the tables."""
        return tuple(self._tables)

    def by_day(self, name: str) -> Iterator[pa.Table]:
        """One Arrow table a day, one in memory at a time."""
        return (self.arrow(name, day) for day in range(self.days))

    def __repr__(self) -> str:
        return (
            f"World({self.days} days, {self._core.orders_per_day:g} orders a day, {len(self._tables)} tables)"
        )


def make_world(
    seed: int, days: int = 60, orders_per_day: float = 1000, incidents: Iterable[str | Incident] = ()
) -> World:
    """A marketplace that is a pure function of its arguments.

    seed: whole number from 0; hidden worlds use 128 bits. days: 1 to 3660. orders_per_day: mean over a year
    without incidents, 1 to 5,000,000. incidents: names of KINDS, or Incident for a known start and size.
    Raises ValueError for a value outside these ranges, UnknownIncidentError for an unknown name.
    """
    stream_of(seed)  # refuses what is no seed
    if isinstance(days, bool) or int(days) != days or not 1 <= days <= 3660:
        raise ValueError(f"days is a whole number from 1 to 3660; got {days!r}")
    if not 1 <= orders_per_day <= 5_000_000:
        raise ValueError(f"orders_per_day lies between 1 and 5,000,000; got {orders_per_day!r}")
    if isinstance(incidents, (str, Incident)):
        raise ValueError(f"incidents is a list of names; write [{incidents!r}]")
    return World(Core(seed, int(days), float(orders_per_day), schedule(seed, int(days), incidents)))
