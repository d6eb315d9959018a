"""A unit whose answers nobody guesses, and a learner's and a judge's process that are threads of this one.

The conversation is real: the supervisor's `run`, `Child` and `Channel`, the judge and `Peer` on both sides; only the
processes are missing, which makes a run take some ten milliseconds.
"""

from __future__ import annotations

import contextlib
import os
import queue
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from small_course import unit_of

from grader.expect import host
from grader.jail.channel import Channel, ChannelClosed
from grader.jail.children import Child
from grader.judge import Judge
from grader.learner import object_verbs
from grader.learner_error import describe_error
from grader.model import Unit
from grader.remote import Peer, PeerGone
from grader.workers import Here

NOBODY = 2**30  # no system has a process of this number
HEAD = """\
# ---
# title: "Conversation"
# minutes: 5
# data: []
# needs: []
# runs_on: []
# limit_seconds: 1
# limit_run_seconds: 4
# sources: []
# hints: ["where", "which", "how"]
# ---

# %%
import grader

grader.begin("small")
"""
CELL = """
# %% [markdown]
# {name}

# %% answer="{name}"
{start}
    ### BEGIN SOLUTION
    {body}
    ### END SOLUTION

# %% test="tests_{name}" of="{name}" points=1
from grader import expect

SAID = {{"what": "{name}", "why": "that is the rule", "look_at": "the rule"}}
{visible}
### BEGIN HIDDEN TESTS
rng = expect.rng()
number = int(rng.integers(2**40, 2**59))
{hidden}
### END HIDDEN TESTS
"""
P = 2**61 - 1
# name: (start, right, wrong, visible, hidden)
ANSWERS = {
    "mix": (
        "def mix(number):",
        f"return number * 6364136223846793005 % {P}",
        "return 123456789",
        f"expect.equal(mix(3), 3 * 6364136223846793005 % {P}, **SAID)",
        f"expect.equal(mix(number), number * 6364136223846793005 % {P}, **SAID)",
    ),
    "scale": (
        "def scale(values):",
        "return values * 0.7182818284590452",
        "return values * 0",
        "import numpy as np\nexpect.close(scale(np.ones(3)), np.ones(3) * 0.7182818284590452, **SAID)",
        "import numpy as np\nx = rng.random((2, 20_000)) + 1\nexpect.close(scale(x), x * 0.7182818284590452, **SAID)",
    ),
    "total": (
        "def total(frame):",
        "return frame.assign(total=frame['a'] * frame['b'])",
        "return frame",
        "import pandas as pd\nf = pd.DataFrame({'a': [3.25], 'b': [1.75]})\n"
        "expect.same_frame(total(f), f.assign(total=f['a'] * f['b']), **SAID)",
        "f = pd.DataFrame({'a': rng.random(4), 'b': rng.random(4), 'c': list('wxyz')})\n"
        "expect.same_frame(total(f), f.assign(total=f['a'] * f['b']), **SAID)",
    ),
    "push": (
        "def push(numbers):",
        f"numbers.append(sum(numbers) * 2862933555777941757 % {P})",
        "numbers.append(0)",
        f"n = [1, 2]\npush(n)\nexpect.equal(n, [1, 2, 3 * 2862933555777941757 % {P}], **SAID)",
        f"n = [number, 5]\npush(n)\nexpect.equal(n, [number, 5, (number + 5) * 2862933555777941757 % {P}], **SAID)",
    ),
    "Meter": (
        "class Meter:",
        f"def __init__(self, start): self.start, self.read = start, [start]\n    def add(self, n):\n"
        f"        self.read.append((self.start * 3202034522624059733 + n) % {P})\n        return self\n"
        "    def __len__(self): return len(self.read)\n    def __getitem__(self, at): return self.read[at]",
        "def __init__(self, start): self.read = [0]\n    def add(self, n):\n        return self\n"
        "    def __len__(self): return 1\n    def __getitem__(self, at): return 7",
        f"m = Meter(2).add(5)\nexpect.equal(m[1], (2 * 3202034522624059733 + 5) % {P}, **SAID)",
        f"m = Meter(number)\nm.add(1)\nm.add(9)\nexpect.equal(len(m), 3, **SAID)\n"
        f"expect.equal(m.read[2], (number * 3202034522624059733 + 9) % {P}, **SAID)",
    ),
    "apply": (
        "def apply(function, number):",
        "return function(function(number) + 11)",
        "return number",
        "expect.equal(apply(lambda n: n * 900719925474081, 3), (3 * 900719925474081 + 11) * 900719925474081, **SAID)",
        "def grow(n):\n    return n * number % 1000000007\nexpect.equal(apply(grow, 5), grow(grow(5) + 11), **SAID)",
    ),
    "refuse": (
        "def refuse(number):",
        f"if number < 0: raise ValueError('negative')\n    return number * 3935559000370003845 % {P}",
        "return 0",
        "expect.raises(ValueError, lambda: refuse(-1), **SAID)\n"
        f"expect.equal(refuse(4), 4 * 3935559000370003845 % {P}, **SAID)",
        f"expect.equal(refuse(number), number * 3935559000370003845 % {P}, **SAID)\n"
        "expect.raises(ValueError, refuse, -number, **SAID)",
    ),
}


def talking_unit(folder: Path) -> Unit:
    """The unit, with one answer and one test for each kind of thing that crosses."""
    cells = [
        CELL.format(name=name, start=start, body=right, visible=visible, hidden=hidden)
        for name, (start, right, _, visible, hidden) in ANSWERS.items()
    ]
    return unit_of(folder, HEAD + "".join(cells))


def wrong_answer(name: str) -> str:
    """The cell of an answer that is wrong for every input."""
    return f"{ANSWERS[name][0]}\n    {ANSWERS[name][2]}\n"


class Learner:
    """The learner's side as a thread: runs cells, and lends and answers like the real one."""

    def __init__(self, channel: Any) -> None:
        self._channel = channel
        self.names: dict[str, Any] = {"__name__": "learner"}
        verbs = {"begin": lambda _: None, "cell": self._cell, **object_verbs(self.names)}
        self.peer = Peer(channel.send, self._receive, verbs=verbs, describe_error=describe_error)

    def _receive(self) -> bytes:
        try:
            frame: bytes = self._channel.receive()
        except ChannelClosed as error:
            raise PeerGone from error
        return frame

    def _cell(self, message: dict[str, Any]) -> dict[str, Any]:
        if not message["text"].startswith("import grader"):  # which needs no tracking here
            exec(message["text"], self.names)
        return {"error": None, "seconds": 0.001, "output": "said\n"}

    def serve(self) -> None:
        """Answer until the other side has gone."""
        while True:
            message = self.peer.loads(self._receive())
            if isinstance(message, dict) and "verb" in message:
                self.peer.answer(message)


class Threads(Here):
    """Workers that are threads. disturb: gives the learner's side of a channel as its learner shall see it."""

    def __init__(self, disturb: Callable[[Channel, socket.socket], Any]) -> None:
        self.events: queue.SimpleQueue = queue.SimpleQueue()
        self._disturb = disturb
        self._sockets: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._host = host.current()

    def learner(self) -> Child:
        return self._start(lambda channel, end: Learner(self._disturb(channel, end)).serve())

    def judge(self) -> Child:
        return self._start(lambda channel, _: Judge(channel).serve())

    def _start(self, serve: Callable[[Channel, socket.socket], None]) -> Child:
        ours, theirs = socket.socketpair()
        self._sockets += [ours, theirs]
        inner = Channel(os.dup(theirs.fileno()), os.dup(theirs.fileno()))

        def live() -> None:
            try:
                with contextlib.suppress(PeerGone, ChannelClosed, Exception):
                    serve(inner, theirs)
            finally:
                hang_up(theirs)
                inner.close()

        thread = threading.Thread(target=live, daemon=True)
        thread.start()
        self._threads.append(thread)
        channel = Channel(os.dup(ours.fileno()), os.dup(ours.fileno()))
        return Child(channel, NOBODY, lambda: -9, self.events, end=lambda _: hang_up(ours))

    def end(self, close: Callable[[], None]) -> None:
        close()

    def hang_up(self) -> None:
        """End every connection, which frees whoever waits for one."""
        for end in list(self._sockets):
            hang_up(end)

    def close(self) -> None:
        """End every thread; raises TimeoutError if one goes on."""
        self.hang_up()
        for end in self._sockets:
            end.close()
        for thread in self._threads:
            thread.join(timeout=5)
        host.use(self._host)
        if any(thread.is_alive() for thread in self._threads):
            raise TimeoutError("a thread of a conversation does not end")


def hang_up(end: socket.socket) -> None:
    """End a connection for both sides, also for one that waits for it."""
    with contextlib.suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
