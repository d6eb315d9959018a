"""Countries, currencies and the other short lists whose positions the generator keeps as codes."""

from __future__ import annotations

import numpy as np

# Home markets first, then countries near by, then far ones. A code is a position in COUNTRIES.
HOME = ("PT", "ES", "FR", "NL", "DE", "DK", "IE", "IT")
NEAR = ("BE", "AT", "SE", "PL", "CZ", "GB", "CH", "NO")
FAR = ("US", "BR", "IN", "NG", "ID", "VN", "TR", "MX", "ZA", "PH")
COUNTRIES = (*HOME, *NEAR, *FAR)
CURRENCIES = ("EUR", "DKK", "SEK", "PLN", "CZK", "GBP", "CHF", "NOK", "USD")
_CURRENCY_OF = {"DK": "DKK", "SE": "SEK", "PL": "PLN", "CZ": "CZK", "GB": "GBP", "CH": "CHF", "NO": "NOK"}
CURRENCY_OF_COUNTRY = np.array(
    [CURRENCIES.index(_CURRENCY_OF.get(name, "USD" if name in FAR else "EUR")) for name in COUNTRIES], np.int8
)

AGE_BANDS = ("18-24", "25-34", "35-44", "45-54", "55-64", "65+")
DEVICES = ("android", "ios", "windows", "mac", "other")
CHANNELS = ("web", "app", "partner", "phone")
SIGN_UP_CHANNELS = ("search", "friend", "advert", "partner", "store")
SEGMENTS = ("bargain", "regular", "premium", "business")
AUTH_RESULTS = ("frictionless", "challenged", "retried")
COUPONS = ("", "WELCOME", "HARBOUR10", "FREESHIP")  # the empty word is a missing one
