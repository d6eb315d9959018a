"""The judge of one run, seen from the supervisor: asked, and replaced once where it was lost."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from grader.jail.children import Child
from grader.model import Outcome
from grader.relay import JUDGE_LOST, Relay


class JudgeSide:
    """make: gives a fresh judge that has been told what it works on."""

    def __init__(self, relay: Relay, make: Callable[[], Child]) -> None:
        self._relay = relay
        self._make = make
        self._child: Child | None = None

    def begin(self) -> None:
        """Start a judge ahead, which imports while the first cells run."""
        self._child = self._make()

    def ask(
        self, learner: Callable[[], Child], limit_seconds: float, revive: Callable[[], None], **body: object
    ) -> dict[str, Any] | None:
        """The verdict on a test; None if the learner's side kept it from one.

        A judge that was killed or stopped by somebody is no fault of the learner's: it is replaced once.
        learner: gives the learner's process. revive: makes that one anew, as it may wait for the judge that is gone.
        """
        for again in (False, True):
            if again:
                revive()
            if self._child is None or not self._child.alive:
                self.begin()
            assert self._child is not None
            reply = self._relay.ask_judge(self._child, learner(), limit_seconds, "test", **body)
            if reply is not JUDGE_LOST:
                return reply
            self._child.kill()
        reason = f"the judge gave no verdict within {limit_seconds:.3g} s, twice"
        return {"outcome": Outcome.OUT_OF_LIMITS.value, "reason": reason}
