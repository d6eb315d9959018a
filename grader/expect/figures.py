"""What a figure shows, as plain values, and the check of its labels and scales."""

from __future__ import annotations

import re
import sys
from typing import Any

from grader.expect import describe, host
from grader.expect.failure import Check, begin

MOST_THINGS = 1000
MOST_POINTS = 100_000


def describe_figure(figure: object) -> dict[str, Any]:
    """{"axes": [...]} for a matplotlib Figure or Axes, or an object with one; {} for anything else.

    Each of the axes: title, x_label, y_label, x_scale, y_scale, x_limits, y_limits, x_ticks, y_ticks (texts),
    lines, bars, points, images, texts, legend.
    """
    module = sys.modules.get("matplotlib.figure")
    if module is None:
        return {}
    artist = _artist(figure)
    if artist is None:
        return {}
    title = ""
    if describe.is_a(artist, module.FigureBase):
        axes = list(artist.axes)
        title = str(artist.get_suptitle())
        artist.canvas.draw() if hasattr(artist, "canvas") else None
    else:
        axes = [artist]
    return {"title": title, "axes": [_axes(each) for each in axes[:MOST_THINGS]]}


def _artist(figure: Any) -> Any:
    """The Figure or Axes behind `figure`: itself, in a list or an array, or in `.figure_`, `.figure` or `.ax_`."""
    kinds = (sys.modules["matplotlib.figure"].FigureBase, sys.modules["matplotlib.axes"].Axes)
    if describe.is_a(figure, *kinds):
        return figure
    if type(figure) in (list, tuple) or describe.shape_of(figure) is not None:
        found = [part for part in getattr(figure, "flat", figure) if describe.is_a(part, *kinds)]
        return next((part.figure if len(found) > 1 else part for part in found), None)
    try:
        fields = object.__getattribute__(figure, "__dict__")
    except AttributeError:
        return None
    inner = [dict.get(fields, name) for name in ("figure_", "figure", "ax_")] if type(fields) is dict else []
    return next((part for part in inner if describe.is_a(part, *kinds)), None)


def _axes(axes: Any) -> dict[str, Any]:
    legend = axes.get_legend()
    return {
        "title": axes.get_title() or axes.get_title("left") or axes.get_title("right"),
        "x_label": axes.get_xlabel(),
        "y_label": axes.get_ylabel(),
        "x_scale": axes.get_xscale(),
        "y_scale": axes.get_yscale(),
        "x_limits": _floats(axes.get_xlim()),
        "y_limits": _floats(axes.get_ylim()),
        "x_ticks": [text.get_text() for text in axes.get_xticklabels()],
        "y_ticks": [text.get_text() for text in axes.get_yticklabels()],
        "lines": [_line(line) for line in axes.lines[:MOST_THINGS]],
        "bars": [_bar(patch) for patch in axes.patches[:MOST_THINGS] if hasattr(patch, "get_height")],
        "points": [_points(points) for points in axes.collections[:MOST_THINGS]],
        "images": [_floats_of(image.get_array()) for image in axes.images[:20]],
        "texts": [text.get_text() for text in axes.texts[:MOST_THINGS]],
        "legend": [] if legend is None else [text.get_text() for text in legend.get_texts()],
    }


def _line(line: Any) -> dict[str, Any]:
    label = str(line.get_label())
    return {
        "label": "" if label.startswith("_") else label,
        "x": _floats_of(line.get_xdata(orig=False)),
        "y": _floats_of(line.get_ydata(orig=False)),
    }


def _bar(patch: Any) -> dict[str, float]:
    return {
        "x": float(patch.get_x()),
        "width": float(patch.get_width()),
        "height": float(patch.get_height()),
        "bottom": float(patch.get_y()),
    }


def _points(collection: Any) -> dict[str, Any]:
    label = str(collection.get_label())
    offsets = _floats_of(collection.get_offsets())
    return {"label": "" if label.startswith("_") else label, "xy": offsets}


def _floats(values: Any) -> list[float]:
    return [float(value) for value in values]


def _floats_of(values: Any) -> Any:
    """An array of floats with NaN where something is masked or no number; at most 100,000 rows."""
    import numpy as np

    try:
        filled = np.ma.filled(np.ma.asarray(values).astype(float), np.nan)
    except (TypeError, ValueError):
        return np.full(np.shape(values), np.nan)
    return np.array(filled)[:MOST_POINTS]


class FigureView:
    """The drawn content of a figure. Its properties speak of the first axes; `.axes` has a view of each."""

    def __init__(self, description: dict[str, Any], at: int = 0) -> None:
        self._description = description
        self._at = at

    @property
    def _one(self) -> dict[str, Any]:
        one: dict[str, Any] = self._description["axes"][self._at]
        return one

    @property
    def axes(self) -> list[FigureView]:
        return [FigureView(self._description, at) for at in range(len(self._description["axes"]))]

    @property
    def title(self) -> str:
        """The title of the axes, else that of the whole figure."""
        return str(self._one["title"] or self._description.get("title", ""))

    @property
    def x_label(self) -> str:
        return str(self._one["x_label"])

    @property
    def y_label(self) -> str:
        return str(self._one["y_label"])

    @property
    def x_scale(self) -> str:
        """ "linear", "log", ..."""
        return str(self._one["x_scale"])

    @property
    def y_scale(self) -> str:
        """ "linear", "log", ..."""
        return str(self._one["y_scale"])

    @property
    def x_limits(self) -> list[float]:
        return list(self._one["x_limits"])

    @property
    def y_limits(self) -> list[float]:
        return list(self._one["y_limits"])

    @property
    def x_ticks(self) -> list[str]:
        """Texts of the ticks."""
        return list(self._one["x_ticks"])

    @property
    def y_ticks(self) -> list[str]:
        """Texts of the ticks."""
        return list(self._one["y_ticks"])

    @property
    def lines(self) -> list[dict[str, Any]]:
        """Each with label, x and y (arrays of floats)."""
        return list(self._one["lines"])

    @property
    def bars(self) -> list[dict[str, float]]:
        """Each with x (left edge), width, height and bottom."""
        return list(self._one["bars"])

    @property
    def points(self) -> list[dict[str, Any]]:
        """Each scatter with label and xy, an array of shape (n, 2)."""
        return list(self._one["points"])

    @property
    def images(self) -> list[Any]:
        return list(self._one["images"])

    @property
    def texts(self) -> list[str]:
        return list(self._one["texts"])

    @property
    def legend(self) -> list[str]:
        """Labels in the legend, or none."""
        return list(self._one["legend"])


def figure(
    fig: object,
    *,
    title: str | None = None,
    x_label: str | None = None,
    y_label: str | None = None,
    x_scale: str | None = None,
    y_scale: str | None = None,
    what: str,
    why: str,
    look_at: str,
) -> FigureView:
    """A matplotlib figure with something drawn, and these texts on its first axes.

    title, x_label, y_label: contain this text, in upper or lower case; "" asks for any text that is not empty.
    x_scale, y_scale: "linear", "log", ...
    """
    check = begin("figure", what, why, look_at)
    description = describe.read(host.current().describe_figure(fig))
    if not _is_description(description):
        given = describe.read(fig)
        check.fail(describe.describe(given), "a matplotlib figure", describe.coarse(given))
    if not description["axes"]:
        check.fail("a figure without axes", "a figure with something drawn", "an empty figure")
    view = FigureView(description)
    if not any(part for each in view.axes for part in (each.lines, each.bars, each.points, each.images)):
        check.fail("a figure with nothing drawn", "a figure with something drawn", "an empty figure")
    for name, wanted in (("title", title), ("x_label", x_label), ("y_label", y_label)):
        _check_text(check, name, getattr(view, name), wanted)
    for name, wanted in (("x_scale", x_scale), ("y_scale", y_scale)):
        found = getattr(view, name)
        if wanted is not None and found != wanted:
            check.fail(
                f"{describe.describe_key(found)} as {name}", describe.describe_key(wanted), f"another {name}"
            )
    return view


def _check_text(check: Check, name: str, found: str, wanted: str | None) -> None:
    if wanted is None:
        return
    if not found.strip():
        goal = f"one that says {describe.describe_key(wanted)}" if wanted else "one that says what is shown"
        check.fail(f"no {name}", goal, f"no {name}")
    if _simple(wanted) not in _simple(found):
        shown = f"{describe.describe_key(found)} as {name}"
        check.fail(shown, f"one that says {describe.describe_key(wanted)}", f"another {name}")


def _simple(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip().casefold()


_LISTS = (
    "x_limits",
    "y_limits",
    "x_ticks",
    "y_ticks",
    "lines",
    "bars",
    "points",
    "images",
    "texts",
    "legend",
)
_TEXTS = ("title", "x_label", "y_label", "x_scale", "y_scale")


def _is_description(description: Any) -> bool:
    """Whether this has the form that `describe_figure` gives, wherever it came from."""
    if type(description) is not dict or type(description.get("axes")) is not list:
        return False
    return all(
        type(axes) is dict
        and all(type(axes.get(name)) is list for name in _LISTS)
        and all(type(axes.get(name)) is str for name in _TEXTS)
        for axes in description["axes"]
    )
