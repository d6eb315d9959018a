"""What must hold for every message that the codec reads, however damaged."""

from __future__ import annotations

import time
import traceback
from typing import Any

import numpy as np
import pandas as pd

from fuzz.reading import TooLong, bounded
from grader import codec, expect
from grader.expect import ExpectationFailed
from grader.remote import describe

MOST_SECONDS = 5.0
FRAME = pd.DataFrame({"a": [1.0, 2.0]})
SAID: dict[str, Any] = {"what": "w", "why": "y", "look_at": "l"}


class Handle:
    """What a damaged message takes for an object of this side."""


def check(data: bytes) -> tuple[bool, list[str], float]:
    """Whether the message has a value; what is wrong with it; and the time that was taken."""
    start = time.perf_counter()
    found: list[str] = []
    read = False
    try:
        with bounded(MOST_SECONDS):
            try:
                value = codec.loads(data, resolve=lambda _: Handle())
                read = True
            except codec.CodecError:
                pass
            if read:
                found = problems(value)
    except TooLong:
        found = [f"took more than {MOST_SECONDS:g} s"]
    except BaseException as error:
        trace = "".join(traceback.format_exception(error)[-4:])
        found = [f"raised {type(error).__name__}: {trace}"]
    return read, found, time.perf_counter() - start


def problems(value: Any) -> list[str]:
    """What is wrong with a value that was read: it must travel again, be described, and earn nothing."""
    found = []
    try:
        again = codec.dumps(value, export=lambda _: {})
    except codec.CodecError:
        again = b""
    if again:
        codec.loads(again, resolve=lambda _: Handle())
    if len(describe(value)) > 400:
        found.append("a long description")
    tries = {
        "equal": lambda: expect.equal(value, 918273645, **SAID),
        "close": lambda: expect.close(value, 918273645.5, **SAID),
        "same_frame": lambda: expect.same_frame(value, FRAME, **SAID),
        "array": lambda: expect.close(value, np.array([918.5, 273.5]), **SAID),
    }
    for name, word in tries.items():
        try:
            word()
        except ExpectationFailed as failure:
            if len(str(failure)) > 4000:
                found.append(f"{name}: a message of {len(str(failure))} characters")
        except Exception:
            pass  # the judge says that the next step of the test could not go on
        else:
            found.append(f"{name} held for {value!r:.200}")
    return found
