import numpy as np
from scipy.optimize import brentq
from scipy.special import ndtri

ALLOWANCE = 0.5  # taken off each day: half of the shift that is looked for, in standard deviations
CLEAR = 4.0  # an open alarm's sum is held below this, so that it can come down


class Alarms:
    """When to call, for which field, since when.

    fields: list of names. per_year: false alarms in 365 days over all fields together.
    """

    def __init__(self, fields, per_year):
        rate = per_year / 365 / len(fields) / 2  # a day and field; half for single days, half for sums
        self.at_once = rate
        self.limit = brentq(lambda b: 2 * (np.exp(b) - b - 1) - 1 / rate, 0.01, 50) - 1.166  # Siegmund
        self.sums = dict.fromkeys(fields, 0.0)
        self.first = dict.fromkeys(fields)
        self.open = {}

    def see(self, day, chances):
        """The alarms of this day: dicts with field, day, since, the smallest chance first."""
        raised = []
        for field in self.sums:
            p = chances.get(field)
            if p is None:
                continue
            if self.sums[field] == 0:
                self.first[field] = day
            z = -ndtri(min(max(p, 1e-15), 1 - 1e-9))
            self.sums[field] = max(0.0, self.sums[field] + z - ALLOWANCE)
            if field in self.open:
                self.sums[field] = min(self.sums[field], CLEAR)
                if self.sums[field] == 0:
                    del self.open[field]
            elif p < self.at_once or self.sums[field] > self.limit:
                self.open[field] = self.first[field]
                raised.append((p, field))
        return [{"field": field, "day": day, "since": self.open[field]} for _, field in sorted(raised)]

    def rebase(self, field):
        """Close the alarm of this field and forget what was gathered."""
        self.sums[field] = 0.0
        self.open.pop(field, None)
