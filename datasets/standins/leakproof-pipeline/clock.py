import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin


class Clock(TransformerMixin, BaseEstimator):
    """A column of moments as points on two circles, that of the day and that of the week."""

    def fit(self, X, y=None):
        """Nothing to learn. X: DataFrame with one column. Returns self."""
        return self

    def transform(self, X):
        """X: DataFrame with one column of moments. Returns a float array, shape (n, 4), without NaN."""
        moment = pd.to_datetime(X.iloc[:, 0], utc=True, format="ISO8601")
        seconds = moment.dt.hour * 3600 + moment.dt.minute * 60 + moment.dt.second
        day = 2 * np.pi * seconds / 86_400
        week = (2 * np.pi * moment.dt.day_of_week + day) / 7
        circles = np.stack([np.sin(day), np.cos(day), np.sin(week), np.cos(week)], axis=1)  # (n, 4)
        return np.nan_to_num(circles)
