"""Folds for rows with a time, a customer and a label that settles late."""

import numpy as np
import pandas as pd


class GroupedTimeSplit:
    """Cross-validation folds that follow each other in time, for customers that training has not met.

    n_splits: number of folds. time: name of the datetime column of X. embargo: pd.Timedelta, age that a row must
    exceed for its label to be settled. start: pd.Timestamp, when validation begins. both_sides: train on rows
    after the fold, too, from more than embargo after its last row.
    """

    def __init__(self, n_splits=5, *, time, embargo, start, both_sides=False):
        self.n_splits = n_splits
        self.time = time
        self.embargo = embargo
        self.start = start
        self.both_sides = both_sides

    def get_n_splits(self, X=None, y=None, groups=None):
        """The number of folds."""
        return self.n_splits

    def split(self, X, y=None, groups=None):
        """Pairs of int arrays (training, validation), positions in X.

        X: DataFrame with the column `time`, n rows in any order. groups: customers, shape (n,).
        Raises ValueError if groups or a time is missing, if there are too few moments, if a fold has no training row.
        """
        if groups is None:
            raise ValueError("groups is None: pass the customer of each row")
        when, who = X[self.time].reset_index(drop=True), pd.Series(np.asarray(groups))
        if when.isna().any():
            raise ValueError(f"{when.isna().sum()} rows have no time in the column {self.time}")
        moments = when[when >= self.start].drop_duplicates().sort_values()
        if len(moments) < self.n_splits:
            raise ValueError(f"{len(moments)} moments from start on are too few for {self.n_splits} folds")
        for part in np.array_split(np.arange(len(moments)), self.n_splits):
            first, last = moments.iloc[part[0]], moments.iloc[part[-1]]
            inside = when.between(first, last)
            may = when + self.embargo < first
            if self.both_sides:
                may |= when > last + self.embargo
            may &= ~who.isin(who[inside])
            if not may.any():
                raise ValueError(f"the fold that begins at {first} has no training row")
            yield np.flatnonzero(may), np.flatnonzero(inside)
