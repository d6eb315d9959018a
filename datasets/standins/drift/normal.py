import numpy as np
import pandas as pd
from pandas.api.types import is_bool_dtype, is_numeric_dtype
from scipy.special import chdtrc


def learn(orders, fields, holidays):
    """What is normal for each field on each kind of day.

    orders: DataFrame of healthy orders with `day` and the fields. fields: list of names. holidays: list of Timestamps.
    Returns what chances needs; pickle can store it.
    """
    kind, normal = kinds(orders["day"], holidays), {}
    for field in fields:
        column = orders[field]
        if is_numeric_dtype(column) and not is_bool_dtype(column):
            numbers = column.to_numpy(dtype=float, na_value=np.nan)
            scale = np.unique(np.nanquantile(numbers, np.arange(1, 10) / 10))
        else:
            scale = {word: bin for bin, word in enumerate(column.dropna().unique().tolist(), start=2)}
        bins = len(scale) + 2
        counts = np.bincount(kind * bins + places(column, scale), minlength=7 * bins)
        normal[field] = scale, counts.reshape(7, bins)  # (kinds of day, bins)
    return normal


def chances(normal, orders, holidays):
    """The chance that a healthy day of this kind looks at least so unlike the reference, for each field.

    normal: from learn. orders: DataFrame, the orders of one day. holidays: list of Timestamps.
    Returns a dict, name of the field: float from 0 to 1.
    """
    if orders.empty:
        return dict.fromkeys(normal, 1.0)
    kind, found = kinds(orders["day"].iloc[:1], holidays)[0], {}
    for field, (scale, counts) in normal.items():
        column = orders[field] if field in orders else pd.Series(np.nan, orders.index)
        new = np.bincount(places(column, scale), minlength=counts.shape[1])
        found[field] = chance(counts[kind], new)
    return found


def kinds(days, holidays):
    """0 to 6 for each day, Monday to Sunday; a holiday is a Sunday."""
    return np.where(days.isin(list(holidays)), 6, days.dt.day_of_week)


def places(column, scale):
    """The bin of each value: 0 for a missing one; for words 1 if the reference never had it."""
    if isinstance(scale, dict):
        found = [scale.get(word, 1) for word in column.tolist()]
        return np.where(column.isna(), 0, found)
    numbers = column.to_numpy(dtype=float, na_value=np.nan)
    return np.where(np.isnan(numbers), 0, np.searchsorted(scale, numbers) + 1)


def chance(old, new):
    """The p-value of a chi-square test of two rows of counts; rare bins are put together."""
    table = np.array([old, new], dtype=float)  # (2, bins)
    expected = table.sum(axis=0) * (min(old.sum(), new.sum()) / table.sum())  # of the smaller side
    order = np.argsort(expected)
    rare = int(np.searchsorted(expected[order], 4.0))
    table = table[:, order]
    if rare:
        rare += expected[order][:rare].sum() < 4.0  # too few even together: with the next one
        table = np.column_stack([table[:, :rare].sum(axis=1), table[:, rare:]])
    if table.shape[1] < 2:
        return 1.0
    expected = np.outer(table.sum(axis=1), table.sum(axis=0)) / table.sum()
    return float(chdtrc(table.shape[1] - 1, ((table - expected) ** 2 / expected).sum()))
