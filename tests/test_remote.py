"""Two peers over a pair of queues: what one sends that no peer sends, the other refuses in words."""

from __future__ import annotations

import queue
from typing import Any

import numpy as np
import pandas as pd
import pytest

from grader import codec
from grader.learner_error import LearnerError
from grader.remote import Peer, ProtocolError, describe, write_back


def asked(reply: dict[str, Any], *arguments: object, **named: object) -> Any:
    """What a call gives whose reply has these parts; "after" among them."""
    frames: queue.SimpleQueue = queue.SimpleQueue()

    def send(frame: bytes) -> None:
        message = codec.loads(frame, resolve=dict)
        frames.put(codec.dumps({"id": message["id"], **reply}))

    peer = Peer(send, frames.get, lends_only_functions=True)
    target: Any = peer.loads(codec.dumps(len, export=lambda _: {"mine": 1, "kind": "function", "label": "f"}))
    return target(*arguments, **named)


def test_changes_come_back_into_the_same_objects():
    """A list, a dict, a set, an array and a frame are changed in place; an array may be folded anew."""
    numbers, mapping, words, array = [1, 2], {"a": 1}, {"x"}, np.arange(4.0)
    frame = pd.DataFrame({"a": [1, 2]})
    after = {0: [3], 1: {"b": 2}, "words": {"y"}, "array": np.ones((2, 2)), "frame": frame * 2}

    assert asked({"value": 5, "after": after}, numbers, mapping, words=words, array=array, frame=frame) == 5
    assert (numbers, mapping, words) == ([3], {"b": 2}, {"y"})
    assert array.tolist() == [[1, 1], [1, 1]]
    assert frame["a"].tolist() == [2, 4]


@pytest.mark.parametrize(
    ("original", "after"),
    [
        ([1], "text"),
        ([1], (1, 2)),
        ({"a": 1}, [("a", 2)]),
        ({1}, [1]),
        ((1, [2]), (1, [3])),
        (7, 8),
        (np.arange(3), np.arange(4)),
        (np.arange(3), [1, 2, 3]),
        (pd.DataFrame({"a": [1]}), pd.Series([1])),
        (pd.DataFrame({"a": [1]}), np.ones(1)),
        (pd.Series([1]), pd.DataFrame({"a": [1]})),
    ],
    ids=range(11),
)
def test_a_change_of_another_kind_is_refused(original, after):
    """An argument keeps its kind, and an array its memory, at which other arrays of the test may look."""
    before = codec.dumps(original)

    with pytest.raises(ProtocolError, match="do not fit"):
        asked({"value": 5, "after": {0: after}}, original)
    assert codec.dumps(original) == before


def test_a_view_of_an_argument_outlives_its_change():
    """No answer can move the memory under a view that a test still holds."""
    base = np.arange(1000.0)
    view = base[:3]

    with pytest.raises(ValueError):
        write_back(base, np.zeros(1_000_000))
    assert view.tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    "report",
    [{"line": "x"}, {"types": 5}, {"line": float("nan")}, {"types": ["builtins.ValueError"], "line": None}],
)
def test_a_damaged_exception_is_no_exception_of_the_learner(report):
    """It must not pass for the ValueError or TypeError that a test waits for."""
    with pytest.raises(ProtocolError):
        asked({"error": report})


def test_the_description_of_an_exception_is_cut():
    """No process makes a report of megabytes, and no line is no line."""
    long = "\ud800x" * 10**5
    report = {"types": [f"m.{long}"] * 100, "message": long, "cell": long, "code": long, "line": 10**5000}

    with pytest.raises(LearnerError) as caught:
        asked({"error": report})
    error = caught.value
    assert sum(map(len, (str(error), error.message, error.cell, error.code, *error.type_names))) < 10_000
    assert error.line == 0
    "".join((str(error), error.message, error.cell, error.code, *error.type_names)).encode()


@pytest.mark.parametrize("reply", [{}, {"value": 1, "after": [1]}, {"value": 1, "after": {5: [1]}}])
def test_a_reply_that_does_not_fit_is_refused(reply):
    """No value, changes of arguments that were never sent."""
    with pytest.raises(ProtocolError):
        asked(reply, [1])


def test_a_request_with_a_strange_number_is_answered():
    """Whatever stands where the number of a request should, answering it raises nothing here."""
    sent: list[bytes] = []
    peer = Peer(sent.append, lambda: b"")
    deep: Any = 1
    for _ in range(60):
        deep = [deep]
    for number in (deep, None, "x", float("nan"), True):
        peer.answer({"verb": "no such verb", "id": number})

    assert [codec.loads(frame)["id"] for frame in sent] == [None] * 5


@pytest.mark.parametrize("value", [10**5000, [10**5000], np.array([1]).view("M8")[0]], ids=range(3))
def test_everything_has_a_description(value):
    """Also what Python or numpy refuse to show."""
    assert len(describe(value)) < 100
