"""Words that bring something in: the seed of hidden data, a delivered file, a result from the learner's side."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from grader.expect import host
from grader.expect.describe import read
from grader.expect.failure import begin

if TYPE_CHECKING:
    import numpy as np


def seed() -> int:
    """The seed of hidden data."""
    host.current().checked("seed")
    return int(host.current().seed())


def rng() -> np.random.Generator:
    """A generator of numpy's, from the seed."""
    import numpy as np

    host.current().checked("rng")
    return np.random.default_rng(int(host.current().seed()))


def beside(function: Callable[..., object], *args: object) -> Any:
    """What the author's `function(*args)` returns when it runs on the learner's side, made plain."""
    host.current().checked("beside")
    return read(host.current().beside(function, args))


def file(name: str, *, what: str, why: str, look_at: str) -> bytes:
    """The bytes of a delivered file in the run's folder."""
    check = begin("file", what, why, look_at)
    data = host.current().read_file(name)
    if type(data) is not bytes:
        check.fail("no such file", f"a file {name}", "no such file")
    return data
