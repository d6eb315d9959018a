"""The datasheet of the small world says what its tables hold."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd
import pytest
from tidewater import small

SHEET = (Path(__file__).parent.parent / "datasets" / "datasheets" / "tidewater.md").read_text(
    encoding="utf-8"
)
SECTIONS = {part.split("\n")[0]: part for part in re.split(r"^## ", SHEET, flags=re.MULTILINE)[1:]}


def key_of(section: str) -> list[str]:
    """The columns that together are the table's key: the one that says so, and those named beside it."""
    ((first, others),) = re.findall(r"^\| `(\w+)` \|.*\| key(.*) \|$", section, re.MULTILINE)
    return [first, *re.findall(r"`(\w+)`", others)]


def test_it_has_each_table_and_no_other() -> None:
    """A new table needs its section."""
    assert set(SECTIONS) == set(small.NAMES)
    assert all(part in SHEET for part in ("**Source.**", "**Licence.**", "**Known flaws.**"))


@pytest.mark.parametrize("name", small.NAMES)
def test_its_rows_and_columns_are_those_of_the_table(name: str) -> None:
    """Each column once, in the table's order, with the number of rows."""
    rows = small.load_small(name)
    section = SECTIONS[name]

    assert re.findall(r"([\d,]+) rows", section)[0] == f"{len(rows):,}"
    assert re.findall(r"^\| `(\w+)`", section, re.MULTILINE) == list(rows.columns)


@pytest.mark.parametrize("name", small.NAMES)
def test_its_keys_identify_a_row(name: str) -> None:
    """What the sheet calls the key never stands twice."""
    assert not small.load_small(name).duplicated(key_of(SECTIONS[name])).any()


def test_its_keys_resolve() -> None:
    """Where the sheet names another table for a column, every value is found there."""
    for name, section in SECTIONS.items():
        for column, other in re.findall(r"^\| `(\w+)` \|.*?(?:\| |; )(\w+) \|$", section, re.MULTILINE):
            if other in SECTIONS:
                assert small.load_small(name)[column].isin(small.load_small(other)[column]).all(), (
                    name,
                    column,
                )


def test_its_flaws_are_counted() -> None:
    """The numbers of the last section."""
    orders, customers = small.load_small("orders"), small.load_small("customers")
    both = orders.merge(customers, on="customer_id")
    early = both[both["placed_at"] < both["signed_up_at"]]
    last = orders["placed_at"].max()
    rules = small.load_small("rulebook")
    missing = {name: small.load_small(name).isna().any() for name in small.NAMES}

    assert f"- {len(early):,} orders are placed" in SHEET
    assert (early["placed_at"].dt.date == early["signed_up_at"].dt.date).all()
    assert f"{(small.load_small('deliveries')['delivered_at'] > last).sum():,} parcels" in SHEET
    assert f"{(rules['valid_from'] > last).sum()} of its {len(rules)} articles" in SHEET
    assert f"missing for {rules['supersedes'].isna().sum()} " in SHEET
    assert f"each of {small.load_small('annotations')['order_id'].nunique()} orders" in SHEET
    assert pd.concat(missing)[lambda found: found].index.tolist() == [
        ("orders", "coupon"),
        ("rulebook", "supersedes"),
    ]
