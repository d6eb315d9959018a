"""Dirt keeps the truth: what was touched is all that differs, and undoing it gives the clean table."""

from __future__ import annotations

import datetime
import itertools
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tidewater import make_world
from tidewater.dirt import KINDS, DirtError, corrupt, undo
from tidewater.dirt_changes import objects_of, same

WORDS = ["", "a", "Lübeck", "São João", "10", "N/A", "\u20ac 5", "\ud800", "名", "a b "]
FLOATS = st.floats(width=64) | st.sampled_from([np.nan, 0.0, -999.0, 1234.5, 12.5])
TIMES = st.datetimes(datetime.datetime(1900, 1, 1), datetime.datetime(2200, 1, 1))


@st.composite
def a_column(draw, n: int) -> pd.Series:
    """n cells of one of the types that a table can have."""
    sort = draw(
        st.sampled_from(["float", "float32", "int", "Int", "bool", "text", "time", "zone", "category", "any"])
    )
    cells = {
        "float": FLOATS,
        "float32": st.floats(width=32),
        "int": st.integers(-(2**63), 2**63 - 1),
        "Int": st.none() | st.integers(-(2**40), 2**40),
        "bool": st.booleans(),
        "text": st.sampled_from([*WORDS[:7], WORDS[8], None]),
        "category": st.sampled_from(["a", "é", None]),
        "time": st.none() | TIMES,
        "zone": st.none() | TIMES,
        "any": st.one_of(st.none(), FLOATS, st.integers(), st.sampled_from(WORDS), st.booleans(), TIMES),
    }[sort]
    values = draw(st.lists(cells, min_size=n, max_size=n))
    dtype = {
        "float": "float64",
        "float32": "float32",
        "int": "int64",
        "Int": "Int64",
        "bool": "bool",
        "text": "str",
        "category": pd.CategoricalDtype(["a", "é"]),
        "time": "datetime64[ms]",
        "zone": "datetime64[us, UTC]",
        "any": object,
    }[sort]
    if sort == "zone":
        return pd.Series(pd.to_datetime(pd.Series(values, dtype="datetime64[us]"), utc=True)).astype(dtype)
    return pd.Series(values, dtype=dtype)


@st.composite
def a_table(draw) -> pd.DataFrame:
    """Up to eight rows and four columns, labelled by position, by other numbers or by words."""
    n = draw(st.integers(0, 8))
    names = draw(
        st.lists(st.sampled_from(["amount", "order_id", "a b", "Straße", "x", "X"]), max_size=4, unique=True)
    )
    labels = draw(st.sampled_from([range(n), np.arange(n)[::-1] * 3 - 5, [f"row {i}" for i in range(n)]]))
    table = pd.DataFrame({name: draw(a_column(n)) for name in names}, index=pd.RangeIndex(n))
    return table.set_axis(pd.Index(labels, dtype=None if n else "int64"), axis=0)


def in_turn(
    table: pd.DataFrame, steps: list[tuple[str, int, float]]
) -> tuple[pd.DataFrame, list[pd.DataFrame]]:
    """The table after every kind that it can take, and what each touched."""
    touched = []
    for kind, seed, share in steps:
        try:
            table, more = corrupt(table, kind, seed, share=share)
        except DirtError:
            continue
        touched.append(more)
    return table, touched


STEPS = st.lists(
    st.tuples(st.sampled_from(sorted(KINDS)), st.integers(0, 5), st.sampled_from([0.03, 0.5, 1.0])),
    max_size=4,
)


@settings(max_examples=80, deadline=None)
@given(a_table(), STEPS)
def test_undoing_gives_the_clean_table(table, steps) -> None:
    """Values, types, labels and order, after any kinds one after the other."""
    clean = table.copy()
    dirty, touched = in_turn(table, steps)
    back = undo(dirty, pd.concat(touched)) if touched else dirty

    pd.testing.assert_frame_equal(table, clean)
    pd.testing.assert_frame_equal(back, clean)


@settings(max_examples=60, deadline=None)
@given(
    a_table(), st.sampled_from(sorted(set(KINDS) - {"renamed_column", "column_order"})), st.integers(0, 99)
)
def test_what_was_touched_is_all_that_differs(table, kind, seed) -> None:
    """Each line names a cell that changed, from what to what; no other cell of an old row changed."""
    dirty, touched = in_turn(table, [(kind, seed, 0.5)])
    lines = pd.concat(touched) if touched else pd.DataFrame(columns=["row", "column", "clean", "dirty"])
    added = [row for row, column in zip(lines["row"], lines["column"], strict=True) if column is None]
    noted = {
        (row, column): (before, after)
        for row, column, before, after in lines.itertuples(index=False)
        if row is not None and column is not None and row not in added
    }
    found = {}
    for column, row in itertools.product(table.columns, table.index):
        before, after = (objects_of(one.loc[[row], column])[0] for one in (table, dirty))
        if not same(before, after):
            found[row, column] = (before, after)

    assert list(dirty.index.difference(table.index)) == sorted(added)
    assert found.keys() == noted.keys()
    assert all(same(one, other) for key in found for one, other in zip(found[key], noted[key], strict=True))


@pytest.fixture(scope="module")
def orders():
    """Three days of orders, one of them large in any world."""
    orders = make_world(2, 3, 300).orders
    orders.loc[7, "amount"] = 1234.5
    return orders


@pytest.mark.parametrize("kind", sorted(set(KINDS) - {"mojibake"}))
def test_orders_come_back(kind, orders) -> None:
    """Every kind but mojibake hits Tidewater's orders; the default share is three in a hundred."""
    dirty, touched = corrupt(orders, kind, seed=4)

    pd.testing.assert_frame_equal(undo(dirty, touched), orders)
    assert not dirty.equals(orders)
    assert corrupt(orders, kind, seed=4)[0].equals(dirty)
    assert len(touched) < 5 or not corrupt(orders, kind, seed=5)[0].equals(dirty)


def test_many_kinds_on_orders_come_back(orders) -> None:
    """A messy export: all kinds in a row, undone in one go."""
    dirty, touched = in_turn(orders, [(kind, 1, 0.03) for kind in sorted(KINDS)])

    pd.testing.assert_frame_equal(undo(dirty, pd.concat(touched)), orders)
    assert len(touched) == len(KINDS) - 1


def one_cell(kind: str, value: object) -> object:
    """What a kind makes of one value."""
    return objects_of(corrupt(pd.DataFrame({"x": [value]}), kind, 0)[0]["x"])[0]


@pytest.mark.parametrize(
    ("kind", "clean", "dirty"),
    [
        ("wrong_types", 12.5, "12.5"),
        ("wrong_types", 7, "7"),
        ("wrong_types", True, "yes"),
        ("wrong_types", pd.Timestamp("1970-01-02"), 86_400_000),
        ("decimal_comma", -12.5, "-12,5"),
        ("thousands_separators", 1234567.5, "1,234,567.5"),
        ("thousands_separators", 1000, "1,000"),
        ("sentinels", 3, -999),
        ("sentinels", "a", "N/A"),
        ("sentinels", pd.Timestamp("2025-03-01"), pd.Timestamp(0)),
        ("unit_change", 19.99, 1999.0),
        ("mojibake", "café €", "cafÃ© â\x82¬"),
    ],
)
def test_a_cell_becomes(kind, clean, dirty) -> None:
    """One value of each kind, by hand."""
    assert same(one_cell(kind, clean), dirty)


def test_dates_come_in_three_formats() -> None:
    """Told apart by dash, dot and slash; with dots the day is first, with slashes the month."""
    table = pd.DataFrame({"at": [pd.Timestamp("2025-03-31 17:05:00")] * 60})
    found = set(corrupt(table, "date_formats", 1, share=1.0)[0]["at"])

    assert found == {"2025-03-31 17:05:00", "31.03.2025 17:05:00", "03/31/2025 05:05:00 PM"}


def test_a_sentinel_can_hide_a_missing_value() -> None:
    """As real exports do; the truth then says that nothing was there."""
    table = pd.DataFrame({"x": [1.0, np.nan]})
    dirty, touched = corrupt(table, "sentinels", 0, share=1.0)

    assert list(dirty["x"]) == [-999.0, -999.0]
    assert np.isnan(touched["clean"].iloc[1])


def test_some_duplicates_are_exact_and_some_nearly(orders) -> None:
    """Both name the row that they repeat; a near one names the cell in which it differs."""
    dirty, touched = corrupt(orders, "duplicates", 3, share=0.2)
    rows = touched[touched["column"].isna()]
    near = touched[touched["column"].notna()]
    originals = orders.loc[rows["dirty"].tolist()].set_axis(rows["row"].tolist())
    equal = (dirty.loc[rows["row"].tolist()].eq(originals) | originals.isna()).all(axis=1)

    assert len(dirty) == len(orders) + round(0.2 * len(orders))
    assert set(equal.index[~equal]) == set(near["row"])
    assert 0.3 < len(near) / len(rows) < 0.7


def test_ids_are_left_alone_unless_named(orders) -> None:
    """So that rows can still be joined; whoever wants it names them."""
    touched = corrupt(orders, "wrong_types", 0)[1]
    named = corrupt(orders, "wrong_types", 0, columns=["order_id"])[1]

    assert not {"order_id", "customer_id"} & set(touched["column"])
    assert set(named["column"]) == {"order_id"}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"kind": "decimal_coma"}, 'Did you mean "decimal_comma"'),
        ({"kind": "mojibake"}, 'nothing that "mojibake" can hit'),
        ({"columns": ["amont"]}, 'Did you mean "amount"'),
        ({"columns": ["currency"]}, "can hit in currency"),
        ({"share": 0}, "share lies above 0"),
        ({"kind": "swapped_columns", "columns": ["amount"]}, "two columns"),
    ],
)
def test_what_cannot_be_done_is_said(change, message, orders) -> None:
    """An unknown name with the nearest one; a table that has nothing to hit."""
    arguments = {"kind": "decimal_comma", "seed": 1} | change
    with pytest.raises(DirtError, match=message):
        corrupt(orders, **arguments)


def test_the_page_about_the_world_names_every_kind() -> None:
    """docs/world.md says of each what it does, in the same words."""
    page = (Path(__file__).parent.parent / "docs" / "world.md").read_text(encoding="utf-8")

    assert [name for name, what in KINDS.items() if f"| `{name}` | {what} |" not in page] == []


def test_rows_need_labels_of_their_own(orders) -> None:
    """Without them, no line could name the row that it touched."""
    with pytest.raises(DirtError, match="row labels"):
        corrupt(pd.concat([orders, orders]), "sentinels", 1)
    with pytest.raises(DirtError, match="column names"):
        corrupt(pd.DataFrame({0: [1]}), "sentinels", 1)
    with pytest.raises(DirtError, match="reset_index"):
        corrupt(orders.set_index("placed_at").iloc[:20], "duplicates", 1)
