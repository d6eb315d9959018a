"""A learner's side of a channel on which messages are damaged, lost, doubled, late, early, or never end."""

from __future__ import annotations

import contextlib
import random
import socket
import struct
from typing import Any

from fuzz.junk import TEXTS, junk
from fuzz.messages import mutate, put_together, samples, taken_apart
from grader import codec
from grader.jail.channel import Channel, ChannelClosed
from grader.remote import PeerGone

SAMPLES = samples()
VERBS = (
    "call",
    "get",
    "item",
    "len",
    "name",
    "beside",
    "figure",
    "test",
    "begin",
    "warm",
    "process",
    "load_model",
    "",
)
MOST_ENDLESS = 200_000


class Noise:
    """What replaces a channel: its frame number `at` and those that follow by chance meet with an accident.

    kinds: what happened, in order.
    """

    def __init__(
        self, random_: random.Random, channel: Channel, end: socket.socket, at: int, often: float
    ) -> None:
        self._random = random_
        self._channel = channel
        self._end = end
        self._at = at
        self._often = often
        self._count = 0
        self._sent: list[bytes] = [b""]
        self._held: list[bytes] = []
        self.only = ""
        self.kinds: list[str] = []

    def receive(self) -> bytes:
        return self._channel.receive()

    def send(self, frame: bytes) -> None:
        """Send a frame, or what becomes of it."""
        self._count += 1
        chosen = self._count == self._at or (self._count > self._at and self._random.random() < self._often)
        chosen = chosen and self._count > 1  # until it says that it has begun, no learner's code has run
        for held in self._held:
            self._channel.send(held)
        self._held.clear()
        if not chosen:
            self._sent.append(frame)
            self._channel.send(frame)
            return
        kind = self.only or self._random.choices(list(ACCIDENTS), list(ACCIDENTS.values()))[0]
        self.kinds.append(kind)
        getattr(self, kind)(frame)

    # ---- accidents

    def mutated(self, frame: bytes) -> None:
        self._channel.send(mutate(self._random, frame, SAMPLES))

    def part(self, frame: bytes) -> None:
        """One value of the reply is another."""
        self._change(frame, lambda parts, key: junk(self._random, large=True))

    def other_number(self, frame: bytes) -> None:
        number = self._random.choice((0, 1, -1, 2**48, 2**70, True, 0.5, None, "1", [1]))
        self._change(frame, lambda parts, key: number if key == "id" else parts[key])

    def odd_error(self, frame: bytes) -> None:
        """An exception with a damaged, a long or an ugly description."""
        header, _ = taken_apart(frame)
        choose = self._random.choice
        text = choose((*TEXTS, "x" * 10**6, "\x1b]0;t\x07\x1b[2J\x1b[31m", "\u202egnp", "a\n\n\rb"))
        kinds = (
            ["builtins.ValueError"],
            ["builtins.NotImplementedError"],
            ["builtins.MemoryError"],
            ["m.E" + text],
        )
        report: dict[str, Any] = {"types": choose((*kinds, [text] * 1000)), "message": text}
        report |= {
            "cell": choose(("mix", text)),
            "line": choose((1, 0, -5, 10**5000)),
            "code": choose(("x = 1", text)),
        }
        report |= {choose(("types", "message", "cell", "line", "code", "x")): junk(self._random, large=True)}
        number = header[header.index("id") + 1] if isinstance(header, list) and "id" in header else 1
        try:
            self._channel.send(codec.dumps({"id": number, "error": choose((report, report, text, [report]))}))
        except codec.CodecError:
            self._channel.send(frame)

    def other_value(self, frame: bytes) -> None:
        """A well-formed value of another kind."""
        node, buffers = taken_apart(self._random.choice(SAMPLES))
        header, _ = taken_apart(frame)
        if isinstance(header, list) and "value" in header:
            header[header.index("value") + 1] = node
            self._channel.send(put_together(header, buffers))
        else:
            self._channel.send(frame)

    def a_request(self, frame: bytes) -> None:
        """A request of its own instead of, before or after the reply."""
        request = self._request()
        self._channel.send(self._random.choice((request, request + b"", frame)))
        if self._random.random() < 0.6:
            self._channel.send(request)
            self._channel.send(frame)

    def doubled(self, frame: bytes) -> None:
        for _ in range(self._random.choice((2, 2, 3, 40))):
            self._channel.send(frame)

    def late(self, frame: bytes) -> None:
        self._held.append(frame)

    def swapped(self, frame: bytes) -> None:
        """An earlier frame in its place, as it was or under today's number."""
        earlier = self._random.choice(self._sent)
        with contextlib.suppress(ValueError, IndexError, struct.error, TypeError):
            header, buffers = taken_apart(earlier)
            new, _ = taken_apart(frame)
            if self._random.random() < 0.7:
                header[header.index("id") + 1] = new[new.index("id") + 1]
            earlier = put_together(header, buffers)
        self._channel.send(earlier)

    def empty(self, frame: bytes) -> None:
        self._channel.send(b"")

    def lost(self, frame: bytes) -> None:
        """Nothing is sent, so that the time runs out."""

    def cut(self, frame: bytes) -> None:
        self._raw(struct.pack(">I", len(frame)) + frame[: self._random.randrange(len(frame) + 1)])
        if self._random.random() < 0.8:
            raise PeerGone

    def other_length(self, frame: bytes) -> None:
        length = self._random.choice((0, 1, len(frame) - 1, len(frame) + 1, 2**20, 2**29 + 1, 2**32 - 1))
        self._raw(struct.pack(">I", length) + frame)

    def noise(self, frame: bytes) -> None:
        self._raw(self._random.randbytes(self._random.choice((1, 3, 4, 100, 70_000))))

    def gone(self, frame: bytes) -> None:
        raise PeerGone

    def deaf(self, frame: bytes) -> None:
        """It answers, and reads nothing any more."""
        self._channel.send(frame)
        self._wait_for_the_end()

    def endless(self, frame: bytes) -> None:
        """It sends one thing until somebody ends it."""
        thing = self._random.choice((frame, self._request(), b"", b"x", codec.dumps({"id": 1, "value": 2})))
        for _ in range(MOST_ENDLESS):
            self._channel.send(thing)

    def endless_questions(self, frame: bytes) -> None:
        """It asks, waits for each answer, and asks again, and never replies."""
        for _ in range(MOST_ENDLESS):
            self._channel.send(self._request())
            self._channel.receive()

    def large(self, frame: bytes) -> None:
        self._channel.send(frame + bytes(self._random.choice((2**20, 2**24))))

    # ---- means

    def _request(self) -> bytes:
        verb = self._random.choice((self._random.choice(VERBS), junk(self._random)))
        target = {"yours": self._random.choice((1, 1, 2, 0, -1, 10**6))}
        body: dict[str, Any] = {"verb": verb, "id": self._random.choice((1, 2**47, "x", None))}
        body |= {"name": self._random.choice(("__globals__", "__call__", "x", *TEXTS))}
        body |= {"args": [junk(self._random)], "kwargs": {}, "key": 1, "target": codec}
        with contextlib.suppress(codec.CodecError):
            return codec.dumps(body, export=lambda _: target)
        return codec.dumps({"verb": "len", "id": 1})

    def _change(self, frame: bytes, change: Any) -> None:
        header, buffers = taken_apart(frame)
        if not isinstance(header, list) or header[0] != "d":
            self._channel.send(frame)
            return
        parts = dict(zip(header[1::2], header[2::2], strict=True))
        at = self._random.choice([*parts, "id", "value", "error", "after"])
        parts = {
            key: change(parts, key) if key == at else value for key, value in {at: None, **parts}.items()
        }
        self._channel.send(put_together(["d", *(part for pair in parts.items() for part in pair)], buffers))

    def _raw(self, data: bytes) -> None:
        try:
            self._end.sendall(data)
        except OSError as error:
            raise ChannelClosed("the other side has gone") from error

    def _wait_for_the_end(self) -> None:
        """Until the connection ends, without reading from it."""
        import select

        poll = select.poll()
        poll.register(self._end, select.POLLHUP | select.POLLERR)
        poll.poll(60_000)
        raise PeerGone


# How often each comes, beside the others; what costs the whole of a limit comes seldom.
ACCIDENTS: dict[str, float] = {
    "mutated": 40, "part": 15, "other_number": 6, "other_value": 10, "odd_error": 10, "a_request": 10, "doubled": 5,
    "late": 2, "swapped": 6, "empty": 3, "lost": 0.5, "cut": 3, "other_length": 4, "noise": 4, "gone": 3, "deaf": 0.5,
    "endless": 1, "endless_questions": 0.5, "large": 1,
}  # fmt: skip
