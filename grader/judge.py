"""The judge's process: holds the tests, asks the learner's process, says how each test ended."""

from __future__ import annotations

import ast
import builtins
import contextlib
import os
import sys
from typing import Any

from grader import codec
from grader.jail.channel import Channel, ChannelClosed
from grader.judging import judge_cell, lines_in
from grader.model import Outcome
from grader.remote import Peer, PeerGone, ProtocolError

SUPERVISOR = 0
LEARNER = 1


class Links:
    """Several conversations over one channel: each frame opens with the number of its link."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel

    def send(self, link: int, frame: bytes) -> None:
        self._channel.send(bytes([link]) + frame)

    def receive(self, link: int) -> bytes:
        """The next frame of `link`. An empty frame says that the other side has gone."""
        while True:
            try:
                frame = self._channel.receive()
            except ChannelClosed as error:
                raise PeerGone() from error
            if frame and frame[0] == link:
                if len(frame) == 1:
                    raise PeerGone()
                return frame[1:]


class Judge:
    """Answers the supervisor's "warm", "begin" and "test"."""

    def __init__(self, channel: Channel) -> None:
        self.links = Links(channel)
        self.supervisor = self.peer(
            SUPERVISOR, {"warm": self._warm, "begin": self._begin, "test": self._test}
        )
        self.learner = self.peer(LEARNER)
        self.facts: dict[str, Any] = {}

    def peer(self, link: int, verbs: dict | None = None) -> Peer:
        """A conversation over link number `link`."""
        return Peer(
            lambda frame: self.links.send(link, frame),
            lambda: self.links.receive(link),
            verbs=verbs,
            lends_only_functions=True,
        )

    def serve(self) -> None:
        """Answer until the supervisor has gone."""
        while True:
            message = self.supervisor.loads(self.links.receive(SUPERVISOR))
            if isinstance(message, dict) and "verb" in message:
                self.supervisor.answer(message)

    def _warm(self, message: dict) -> None:
        import importlib

        import grader.expect  # noqa: F401

        for module in message["modules"]:
            with contextlib.suppress(Exception):
                importlib.import_module(module)

    def _begin(self, message: dict) -> None:
        from grader import judge_host
        from grader.expect import host

        self.facts = message
        os.environ.update(message["environment"])
        host.use(judge_host.JudgeHost(self))

    def _test(self, message: dict) -> dict:
        """One test; a fresh conversation with the learner, so that nothing of the last one lingers."""
        self.learner = self.peer(LEARNER)
        names: dict[str, Any] = {"__name__": "test"}
        seen = Seen(message["name"], message["hidden_line"])
        if message["record"]:
            self.learner.on_value = seen
        try:
            for name in names_read(message["text"]) & set(message["names"]):
                found, value = self.learner.value("name", name=name)
                if not found:
                    return {**missing(name, message["of"]), "waited": self.learner.waited_seconds}
                names[name] = value
                if hasattr(value, "_label"):
                    object.__setattr__(value, "_label", name)
            verdict = judge_cell(
                message["name"],
                message["text"],
                names,
                self.learner,
                message["hidden_line"],
                self.facts.get("cells", {}),
            )
        except PeerGone:
            return {"outcome": Outcome.CRASHED.value, "gone": True}
        except (ProtocolError, TypeError, ValueError) as error:
            reason = f"its answers could not be read ({error})"
            return {"outcome": Outcome.CRASHED.value, "reason": reason, "unreadable": True}
        return {**verdict, "waited": self.learner.waited_seconds, "seen": seen.values}


class Seen:
    """Collects what learner code returned to the visible part of a test: [function, value as bytes]."""

    def __init__(self, test: str, hidden_line: int | None) -> None:
        self._file = f"<test {test}>"
        self._hidden_line = hidden_line or sys.maxsize
        self.values: list[list[object]] = []

    def __call__(self, called: str, value: object) -> None:
        if max(lines_in(self._file)) >= self._hidden_line:
            return
        with contextlib.suppress(codec.NotPlain):
            self.values.append([called.partition("(")[0], codec.dumps(value)])


def warm() -> None:
    """Import what the first test would wait for."""
    import grader.expect
    import grader.judge_host
    import grader.run_store
    import grader.store_models  # noqa: F401


def names_read(text: str) -> set[str]:
    """Every name that the cell reads and that is no builtin."""
    names = {node.id for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Name)}
    return {name for name in names if not hasattr(builtins, name)}


def missing(name: str, of: list) -> dict[str, Any]:
    """The verdict where the notebook has no such name."""
    return {
        "outcome": Outcome.FAILED.value,
        "word": "name",
        "what": name,
        "got": "no such name in your notebook",
        "expected": f"that your cell {', '.join(of)} defines it",
        "why": "the test asks for it by name",
        "look_at": "the spelling, and whether the cell ran to its end",
    }


def main(channel: Channel) -> None:
    """Serve until the supervisor has gone."""
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in (1, 2):
        os.dup2(null, descriptor)
    with contextlib.suppress(PeerGone):
        Judge(channel).serve()
    os._exit(0)
