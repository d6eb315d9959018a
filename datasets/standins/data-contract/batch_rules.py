from numbers import Real

import pandas as pd


def learn(days):
    """What is usual, from days that were looked at.

    days: list of DataFrames, the accepted rows of one day each.
    Returns a dict that JSON can store.
    """
    rows = pd.concat(days)
    columns = [name for name in rows.columns if name not in LEFT_OUT]
    return {
        "amount": {name: float(level) for name, level in rows.groupby("channel")["amount"].median().items()},
        "shares": {name: shares_of(rows[name]) for name in columns},
    }


def alarms(day, reference):
    """The batch rules that a day breaks.

    day: DataFrame, accepted rows of one day. reference: what learn returned, after a way through JSON; it stays as it is.
    Returns a list of texts "column:rule".
    """
    found = []
    amounts = day.groupby("channel", observed=True)["amount"]
    ratio = amounts.median() / pd.Series(reference["amount"], dtype=float)
    ratio = ratio[amounts.size().reindex(ratio.index, fill_value=0) >= FEW]
    if ((ratio > FACTOR) | (ratio < 1 / FACTOR)).any():
        found.append("amount:level")
    for name, known in reference["shares"].items():
        if name not in day:
            continue
        shares = shares_of(day[name])
        common = max(shares, key=shares.get)
        if shares[common] - known.get(common, 0.0) > MORE:
            found.append(f"{name}:share")
    return found


FACTOR = 4.0  # a sale takes a channel to 0.6 of its level; a wrong unit is a factor of ten or more
MORE = 0.4  # of the rows: how much commoner than in the reference a value may be
FEW = 20
LEFT_OUT = {"order_id", "customer_id", "placed_at", "arrived_at", "amount", "message_id"}


def shares_of(cells):
    """From each value, as text, to its share of the rows; 3 and 3.0 are one value, and so are all empty cells."""
    shares = {}
    for value, share in cells.value_counts(normalize=True, dropna=False).items():
        shares[text_of(value)] = shares.get(text_of(value), 0.0) + float(share)
    return shares


def text_of(value):
    if pd.isna(value):
        return ""
    return str(float(value)) if isinstance(value, Real) else str(value)

