"""From a configuration and a table of orders to a model, by nothing but these two."""

import numpy as np
import pandas as pd
from sklearn.ensemble import RandomForestClassifier


def thin_out(rows, share, rng=None):
    """All frauds of `rows`, and each honest row with the chance `share`. Given; leave it as it is.

    rng: what np.random.default_rng takes: a whole number, a Generator, a SeedSequence; None draws anew each time.
    """
    draws = np.random.default_rng(rng).random(len(rows))
    return rows[rows["is_fraud"].to_numpy(dtype=bool) | (draws < share)]


def split(config, table):
    """(train, test): the rows before config["train_until"], and those of the config["test_weeks"] weeks from then on.

    Raises ValueError that says train_until if one of them has no fraud.
    """
    cut = pd.Timestamp(config["train_until"])
    end = cut + pd.Timedelta(weeks=config["test_weeks"])
    placed_at = table["placed_at"]
    train, test = table[placed_at < cut], table[(placed_at >= cut) & (placed_at < end)]
    for rows, name in ((train, "before"), (test, "in the weeks after")):
        if not rows["is_fraud"].any():
            raise ValueError(f"train_until: no fraud {name} {cut}")
    return train, test


def features(config, table):
    """The names of the columns that the model sees, as a list.

    Raises ValueError for a name in config["leave_out"] that the table does not have.
    """
    dropped = config["leave_out"]
    for name in dropped:
        if name not in table.columns:
            raise ValueError(f"leave_out: the table has no column {name}")
    return [name for name in table.select_dtypes(["number", "bool"]) if name not in [*dropped, "is_fraud"]]


def fit(config, train):
    """A forest that was fitted on the thinned rows of `train`; both draw from config["seed"]."""
    seed = config["seed"]
    rows = thin_out(train, config["honest_share"], seed)
    forest = RandomForestClassifier(config["trees"], min_samples_leaf=config["min_leaf"], random_state=seed)
    return forest.fit(rows[features(config, train)], rows["is_fraud"])
