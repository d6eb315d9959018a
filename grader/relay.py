"""The clock and the wires of one run: asks the learner or the judge, and carries what they say to each other."""

from __future__ import annotations

import queue
import time
from typing import Any

from grader import codec, verdicts
from grader.jail.children import Child, next_event
from grader.model import Outcome
from grader.services import LOADED, Services

SUPERVISOR, LEARNER = 0, 1
START_SECONDS = 120.0
GRACE_SECONDS = 3.0
NO_MESSAGE = "it sent what no notebook sends"
MOST_REPLY_BYTES = 2**20
JUDGE_LOST = {"judge_lost": True}  # it was killed or stands still, and nobody of the learner's side was asked
NO_VERDICT = {"outcome": Outcome.CRASHED.value, "reason": "the judge gave no verdict"}


def to_judge(link: int, frame: bytes = b"") -> bytes:
    """A frame for the judge, with its link in front; an empty frame says that the other side has gone."""
    return bytes([link]) + frame


class Relay:
    """Waits for replies within a limit each; who holds a reply back is killed."""

    def __init__(self, events: queue.SimpleQueue, services: Services) -> None:
        self._events = events
        self._services = services
        self._number = 0
        self._asked: set[Child] = set()
        self._beginning: dict[Child, tuple[int, bytes]] = {}

    def frame(self, verb: str, **body: object) -> bytes:
        """A numbered request as bytes."""
        self._number += 1
        return codec.dumps({"verb": verb, "id": self._number, **body})

    def begin(self, child: Child, link: bytes = b"", **facts: object) -> None:
        """Tell a new process what it works on; it begins while others go on.

        link: what stands in front of each frame of this child.
        """
        child.send(link + self.frame("begin", **facts))
        self._beginning[child] = (self._number, link)

    def wait_begun(self, child: Child) -> bool:
        """Return when the imports of `child` are done: they are no cell's time. False if it never began."""
        deadline, ends = time.monotonic() + START_SECONDS, []
        while child in self._beginning and child.alive and (event := next_event(self._events, deadline)):
            if not self._has_begun(*event) and event[1] is None:
                ends.append(event)
        for event in ends:
            self._events.put(event)
        return self._beginning.pop(child, None) is None

    def ask_learner(
        self, learner: Child, limit_seconds: float, verb: str, **body: object
    ) -> dict[str, Any] | None:
        """The learner's reply, or None if its process has ended or was ended by a limit."""
        self.wait_begun(learner)
        learner.send(self.frame(verb, **body))
        number = self._number
        deadline = time.monotonic() + limit_seconds
        while True:
            event = self._next(deadline)
            if event is None:
                learner.kill(verdicts.TIME.format(limit_seconds))
                deadline = time.monotonic() + GRACE_SECONDS
            elif event[0] is learner and event[1] is None:
                return None
            elif event[0] is learner and not learner.killed_because:
                reply = read_reply(event[1] or b"")
                if reply is not None and reply["id"] == number:
                    return reply
                learner.kill(NO_MESSAGE)

    def ask_judge(
        self, judge: Child, learner: Child, limit_seconds: float, verb: str, **body: object
    ) -> dict[str, Any] | None:
        """The judge's verdict; None if the learner's side kept it from one in time, which ends both processes."""
        if not self.wait_begun(judge):
            return JUDGE_LOST
        judge.send(to_judge(SUPERVISOR, self.frame(verb, **body)))
        number = self._number
        deadline = time.monotonic() + limit_seconds
        overtime = False
        self._asked.clear()
        while True:
            event = self._next(deadline)
            if event is None or overtime:
                waits = bool(self._asked or self._services.waiting)
                if event is None and not learner.alive:
                    judge.kill()
                    return None
                if waits:
                    learner.kill(verdicts.TIME.format(limit_seconds))
                    self._services.kill(verdicts.TIME.format(limit_seconds))
                elif event is None and overtime:
                    return JUDGE_LOST
            if event is None:  # the judge may be about to answer the learner's code and to wait for it again
                overtime = True
                deadline = time.monotonic() + GRACE_SECONDS
                continue
            source, data = event
            if source is not judge:
                self._carry_to_judge(judge, learner, source, data)
            elif data is None:
                return JUDGE_LOST if learner.alive else None
            else:
                message = self._from_judge(judge, learner, data)
                if message is not None and message.get("id") == number:
                    return message.get("value") or NO_VERDICT

    def _from_judge(self, judge: Child, learner: Child, data: bytes) -> dict[str, Any] | None:
        """Pass a frame of the judge's on; a reply to the supervisor is returned instead."""
        link, frame = data[0], data[1:]
        if link == SUPERVISOR:
            message = codec.loads(frame)
            assert isinstance(message, dict)
            if "verb" not in message:
                return message
            self._services.serve(judge, message)
            return None
        child = learner if link == LEARNER else self._services.child_of(link)
        if child is None or not child.alive:
            judge.send(to_judge(link))
        else:
            self._asked.add(child)
            child.send(frame)
        return None

    def _carry_to_judge(self, judge: Child, learner: Child, source: Child, data: bytes | None) -> None:
        """The two sides speak in turn: who speaks without being asked is ended."""
        link = LEARNER if source is learner else self._services.link_of(source)
        if link is None:
            return
        if data is None:
            judge.send(to_judge(link))
        elif source in self._services.starting:
            if (read_reply(data) or {}).get("id") == LOADED:
                self._services.starting.discard(source)
        elif not data or source not in self._asked:
            source.kill(NO_MESSAGE)
        else:
            self._asked.discard(source)
            judge.send(to_judge(link, data))

    def _next(self, deadline: float) -> tuple[Child, bytes | None] | None:
        """The next event, or None once the time is over, however much is waiting."""
        while time.monotonic() < deadline:
            event = next_event(self._events, deadline)
            if event is None or not self._has_begun(*event):
                return event
        return None

    def _has_begun(self, child: Child, frame: bytes | None) -> bool:
        """Whether this frame only says that `child` has begun."""
        number, link = self._beginning.get(child, (0, b""))
        if not number or frame is None or (read_reply(frame[len(link) :]) or {}).get("id") != number:
            return False
        del self._beginning[child]
        return True


def read_reply(frame: bytes) -> dict[str, Any] | None:
    """A learner's reply as plain values, or None if it is none."""
    if len(frame) > MOST_REPLY_BYTES:
        return None
    try:
        message = codec.loads(frame)
    except codec.CodecError:
        return None
    return message if type(message) is dict and type(message.get("id")) is int else None
