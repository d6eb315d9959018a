import datetime
import math
import numbers

import numpy as np
import pandas as pd
import pandera.pandas as pa


def split(day, contract):
    """Part the rows of a day into those that keep the contract and those that break a rule.

    day: DataFrame, unique row labels; it stays as it is. contract: dict with "columns", from names to rules.
    Returns (accepted, quarantine): DataFrames; quarantine has one more column, reason, of texts such as
    "amount:range, channel:allowed".
    """
    cells = day.reset_index(drop=True).reindex(columns=list(contract["columns"])).astype(object)
    reasons = [set() for _ in range(len(day))]
    try:
        schema_of(contract).validate(cells, lazy=True)
    except pa.errors.SchemaErrors as broken:
        for case in broken.failure_cases.itertuples():
            rule = "null" if case.check == "not_nullable" else case.check
            reasons[case.index].add(rule if ":" in rule else f"{case.column}:{rule}")
    broken_rows = np.array([bool(found) for found in reasons], dtype=bool)
    quarantine = day[broken_rows].assign(reason=[", ".join(sorted(found)) for found in reasons if found])
    return day[~broken_rows], quarantine


def is_number(value):
    return (
        isinstance(value, numbers.Real) and not isinstance(value, (bool, np.bool_)) and math.isfinite(value)
    )


KINDS = {
    "whole": lambda value: is_number(value) and float(value).is_integer(),
    "number": is_number,
    "text": lambda value: isinstance(value, str),
    "flag": lambda value: isinstance(value, (bool, np.bool_)),
    "time": lambda value: isinstance(value, datetime.datetime),
}


def column_of(rule):
    """The Pandera column of one entry of the contract."""
    fits = KINDS[rule["type"]]
    low, high = rule.get("min", -math.inf), rule.get("max", math.inf)
    checks = [pa.Check(lambda cells: cells.map(fits).astype(bool), name="type")]

    def check(name, passes):  # of the cells of the right type
        checks.append(pa.Check(lambda cells: ~cells.map(fits).astype(bool) | passes(cells), name=name))

    if "min" in rule or "max" in rule:
        check("range", lambda cells: cells.map(lambda value: not fits(value) or low <= value <= high))
    if "allowed" in rule:
        check("allowed", lambda cells: cells.isin(rule["allowed"]))
    if rule.get("unique"):
        check("unique", lambda cells: ~cells.where(cells.map(fits).astype(bool)).duplicated())
    return pa.Column(checks=checks, nullable=rule.get("null", False))


def schema_of(contract):
    columns = contract["columns"]
    later = {name: rule["not_after"] for name, rule in columns.items() if "not_after" in rule}
    order = [
        pa.Check(lambda t, a=a, b=b: ~(moments(t[a]) > moments(t[b])), name=f"{a}:not_after")
        for a, b in later.items()
    ]
    return pa.DataFrameSchema({name: column_of(rule) for name, rule in columns.items()}, checks=order)


def moments(cells):
    return pd.to_datetime(cells.where(cells.map(KINDS["time"]).astype(bool)))

