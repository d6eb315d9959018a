"""Pictures of a lesson: a PNG file beside the source, carried inside the built notebook as an attachment."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from pathlib import Path

MOST_BYTES = 200 * 1024
_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_SHOWN = re.compile(r"!\[(?P<says>[^\]]*)\]\((?P<name>[^()\s:/]+\.png)\)")


def pictures_of(source: Path) -> list[Path]:
    """The files beside a lesson's source that are its pictures: `04-tuning.page.png` belongs to `04-tuning.py`."""
    return sorted(source.parent.glob(f"{source.stem}.*.png"))


def attach(text: str, source: Path) -> tuple[str, dict[str, dict[str, str]]]:
    """Prose with `![what it shows](NAME.png)` turned into attachments, and these as the notebook holds them.

    Raises ValueError with what is wrong with a picture that the prose shows.
    """
    attachments = {}
    for shown in _SHOWN.finditer(text):
        name = shown["name"]
        if not shown["says"].strip():
            raise ValueError(f"shows {name} without a text that says what is seen")
        attachments[name] = {"image/png": _read(source, name)}
    return _SHOWN.sub(r"![\g<says>](attachment:\g<name>)", text), attachments


def unshown(source: Path, text: str) -> Iterator[Path]:
    """Pictures beside the source that its text does not show."""
    names = {shown["name"] for shown in _SHOWN.finditer(text)}
    yield from (path for path in pictures_of(source) if path.name not in names)


def _read(source: Path, name: str) -> str:
    path = source.with_name(name)
    if path not in pictures_of(source):
        raise ValueError(
            f"shows {name}, but no such picture lies beside it; it is called {source.stem}.*.png"
        )
    data = path.read_bytes()
    if not data.startswith(_SIGNATURE):
        raise ValueError(f"shows {name}, which is no PNG file")
    if len(data) > MOST_BYTES:
        raise ValueError(f"shows {name} of {len(data) >> 10} kB; at most {MOST_BYTES >> 10} kB")
    return base64.b64encode(data).decode("ascii")
