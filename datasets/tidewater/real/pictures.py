"""Pictures that scikit-learn ships: handwritten digits and two photographs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tidewater.names import offer

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

PHOTOGRAPHS = {"china": "danielbuechele", "flower": "danielbuechele"}  # name, and whom the package credits


class UnknownPhotographError(ValueError):
    """No photograph has this name."""


def digits() -> pd.DataFrame:
    """One row for each digit: 1,797 rows, 64 grey values and `digit`.

    The pictures as an array: `rows.drop(columns="digit").to_numpy().reshape(-1, 8, 8)`.
    """
    import pandas as pd
    from sklearn.datasets import load_digits

    source = load_digits()
    rows = pd.DataFrame(source.data.astype("int64"), columns=source.feature_names)
    return rows.assign(digit=source.target.astype("int64"))


def photographs() -> pd.DataFrame:
    """One row for each photograph: 2 rows, 6 columns; `photograph(name)` gives the picture itself."""
    import pandas as pd

    rows = []
    for name, author in PHOTOGRAPHS.items():
        height, width, channels = photograph(name).shape
        rows.append((name, height, width, channels, author, "CC BY 2.0"))
    columns = ["name", "height_pixels", "width_pixels", "channels", "author", "licence"]
    return pd.DataFrame(rows, columns=columns).astype({"name": "str", "author": "str", "licence": "str"})


def photograph(name: str) -> NDArray[np.uint8]:
    """A photograph as an array of its own, shape (height, width, 3): red, green, blue, 0 to 255.

    name: "china" or "flower".
    Raises UnknownPhotographError for any other name.
    """
    if name not in PHOTOGRAPHS:
        raise UnknownPhotographError(f'no photograph named "{name}". {offer(name, PHOTOGRAPHS)}')
    from sklearn.datasets import load_sample_image

    picture: NDArray[np.uint8] = load_sample_image(f"{name}.jpg").copy()
    return picture
