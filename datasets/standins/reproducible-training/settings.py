"""The configuration of the training job: eight keys, each of them checked, none of them optional."""

import json
from pathlib import Path

import pandas as pd


def read_config(path):
    """The configuration in the JSON file `path`, as a dict of the eight keys.

    Raises ValueError with the name of a key that is missing, unknown, there twice, or of a wrong value.
    """
    config = json.loads(Path(path).read_text(encoding="utf-8"), object_pairs_hook=without_twins)
    if not isinstance(config, dict):
        raise ValueError(f"{path} holds no JSON object")
    for name in [*RULES, *config]:
        if name not in RULES:
            raise ValueError(f"{path}: unknown key {name}")
        if name not in config:
            raise ValueError(f"{path}: the key {name} is missing")
        if not RULES[name](config[name]):
            raise ValueError(f"{path}: {name} cannot be {config[name]!r}")
    return config


def without_twins(pairs):
    names = [name for name, _ in pairs]
    twins = {name for name in names if names.count(name) > 1}
    if twins:
        raise ValueError(f"more than once: {', '.join(sorted(twins))}")
    return dict(pairs)


def is_moment(value):
    try:
        moment = pd.Timestamp(value) if type(value) is str and value[:4].isdigit() else pd.NaT
    except ValueError:
        return False
    return not pd.isna(moment) and moment.tz is None


def is_count(value):
    return type(value) is int and value >= 1


RULES = {
    "data": lambda value: type(value) is str and value != "",
    "train_until": is_moment,
    "test_weeks": is_count,
    "leave_out": lambda value: type(value) is list and all(type(name) is str for name in value),
    "honest_share": lambda value: type(value) in (int, float) and 0 < value <= 1,
    "trees": is_count,
    "min_leaf": is_count,
    "seed": lambda value: type(value) is int and 0 <= value < 2**32,
}
