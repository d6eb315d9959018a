"""The words that tests are written in: `from grader import expect`.

Each check takes `what` was called, `why` the expected holds, and what to `look_at` next. A check that does not
hold raises ExpectationFailed with these. Values are made plain first, so a learner's own `==` has no say.
"""

from __future__ import annotations

from grader.expect import host
from grader.expect.failure import ExpectationFailed
from grader.expect.figures import FigureView, figure
from grader.expect.frames import same_frame
from grader.expect.models import fitted_only_on, same_under_permutation
from grader.expect.outside import beside, file, rng, seed
from grader.expect.process import Process, process
from grader.expect.registry import RegisteredView, VersionView, registered
from grader.expect.runs import RunView, run
from grader.expect.values import (
    between,
    close,
    equal,
    finite,
    probability_rows,
    raises,
    shape,
    true,
    unchanged,
)

__all__ = [
    "ExpectationFailed",
    "FigureView",
    "Process",
    "RegisteredView",
    "RunView",
    "VersionView",
    "beside",
    "between",
    "close",
    "equal",
    "figure",
    "file",
    "finite",
    "fitted_only_on",
    "host",
    "probability_rows",
    "process",
    "raises",
    "registered",
    "rng",
    "run",
    "same_frame",
    "same_under_permutation",
    "seed",
    "shape",
    "true",
    "unchanged",
]
