"""Two processes that call each other's objects over frames of the restricted codec.

A `Peer` holds what this side has lent (by number) and makes a `Proxy` for what the other side lent.
Values cross as copies; after a call, what the callee changed in the arguments is written back.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Mapping
from typing import Any

from grader import codec
from grader.learner_error import learner_error, plain_error

MAX_DEPTH = 40


class PeerGone(BaseException):
    """The other process has ended; no test may catch this by accident."""


class ProtocolError(Exception):
    """The other side sent what this side cannot take."""


_NAMED = ("function", "method", "type", "builtin_function_or_method")  # kinds that go by a name


class Proxy:
    """Stands for an object of the other process: call it, read public attributes, index it."""

    __slots__ = ("_kind", "_label", "_number", "_peer")
    __iter__ = None  # proxies are not iterated: the values would be asked for one by one
    _peer: Peer
    _number: int
    _kind: str
    _label: str

    def __init__(self, peer: Peer, number: int, kind: str, label: str) -> None:
        object.__setattr__(self, "_peer", peer)
        object.__setattr__(self, "_number", number)
        object.__setattr__(self, "_kind", kind)
        object.__setattr__(self, "_label", label)

    def __call__(self, *args: object, **kwargs: object) -> object:
        return self._peer.call(self, args, kwargs)

    def __getattr__(self, name: str) -> object:
        if name in ("__name__", "__qualname__") and self._kind in _NAMED:
            return self._label
        if name.startswith("_"):
            raise AttributeError(name)
        return self._peer.ask("get", {"target": self, "name": name}, f"{self._label}.{name}")["value"]

    def __setattr__(self, name: str, value: object) -> None:
        raise TypeError("a test reads a learner's object and does not change it")

    def __getitem__(self, key: object) -> object:
        return self._peer.ask("item", {"target": self, "key": key}, f"{self._label}[{key!r}]")["value"]

    def __len__(self) -> int:
        length = self._peer.ask("len", {"target": self}, f"len({self._label})")["value"]
        if type(length) is not int or length < 0:
            raise ProtocolError("a length came back that is no length")
        return length

    def __bool__(self) -> bool:
        return True

    def __repr__(self) -> str:
        return f"a {self._kind}"

    def __reduce__(self) -> str:
        raise TypeError("a learner's object cannot be copied into the judge")


class Peer:
    """One end of the conversation.

    send, receive: frames out and in; `receive` raises PeerGone at the end.
    serve_extra: further verbs this side answers, by name; each takes the message and returns a value.
    describe_error: how this side reports an exception of its own code.
    may_lend: False on a side whose objects must stay its own, but for plain functions.
    """

    def __init__(
        self,
        send: Callable[[bytes], None],
        receive: Callable[[], bytes],
        *,
        verbs: Mapping[str, Callable[[dict], object]] | None = None,
        describe_error: Callable[[BaseException], dict] | None = None,
        lends_only_functions: bool = False,
    ) -> None:
        self._send = send
        self._receive = receive
        self._verbs = dict(verbs or {})
        self._describe_error = describe_error or plain_error
        self._lends_only_functions = lends_only_functions
        self._lent: dict[int, object] = {}
        self._numbers: dict[int, int] = {}
        self._next_request = secrets.randbits(48)  # no stale answer fits a new question
        self._depth = 0
        self.waited_seconds = 0.0
        self.last_call = ""
        self.last_value: object = None
        self.on_value: Callable[[str, object], None] | None = None

    # ---- what crosses

    def _export(self, value: object) -> dict:
        if isinstance(value, Proxy) and value._peer is self:
            return {"yours": value._number}
        if self._lends_only_functions and not callable(value):
            raise codec.NotPlain(f"a {type(value).__name__} does not cross to the learner's process")
        number = self._numbers.get(id(value))
        if number is None:
            number = len(self._lent) + 1
            self._lent[number] = value
            self._numbers[id(value)] = number
        label = getattr(value, "__name__", "") or type(value).__name__
        return {"mine": number, "kind": type(value).__name__[:80], "label": str(label)[:80]}

    def _resolve(self, description: dict) -> object:
        number = description.get("yours")
        if type(number) is int:
            if number not in self._lent:
                raise ProtocolError("the other side names an object that was never lent")
            return self._lent[number]
        number = description.get("mine")
        kind, label = description.get("kind"), description.get("label")
        if type(number) is not int or type(kind) is not str or type(label) is not str:
            raise ProtocolError("the description of an object is damaged")
        return Proxy(self, number, kind[:80], label[:80])

    def dumps(self, value: object) -> bytes:
        return codec.dumps(value, export=self._export)

    def loads(self, frame: bytes) -> object:
        return codec.loads(frame, resolve=self._resolve)

    # ---- asking

    def ask(self, verb: str, body: dict, called: str = "") -> dict:
        """Ask the other side and wait, answering what it asks meanwhile."""
        self._next_request += 1
        number = self._next_request
        start = time.perf_counter()
        self._send(self.dumps({"verb": verb, "id": number, **body}))
        reply = self._wait_for(number)
        if self._depth == 0:
            self.waited_seconds += time.perf_counter() - start
        if "error" in reply:
            report = reply["error"] if isinstance(reply["error"], dict) else {}
            try:
                error = learner_error(report)
            except Exception as damage:
                raise ProtocolError("the description of an exception is damaged") from damage
            error.called = called
            raise error
        if "value" not in reply:
            raise ProtocolError("an answer came back without a value")
        self.last_call, self.last_value = called, reply["value"]
        if self.on_value is not None and verb == "call":
            self.on_value(called, reply["value"])
        return reply

    def _wait_for(self, number: int) -> dict:
        while True:
            try:
                message = self.loads(self._receive())
            except codec.CodecError as error:
                raise ProtocolError(str(error)) from error
            if not isinstance(message, dict):
                raise ProtocolError("a message is no dictionary")
            if "verb" in message:
                self.answer(message)
            elif message.get("id") == number:
                return message

    def call(self, target: Proxy, args: tuple, kwargs: dict) -> object:
        """Call what `target` stands for; arguments that were changed there are changed here."""
        called = f"{target._label}({describe_arguments(args, kwargs)})"
        body = {"target": target, "args": list(args), "kwargs": dict(kwargs)}
        reply = self.ask("call", body, called)
        try:
            for key, after in (reply.get("after") or {}).items():
                write_back(kwargs[key] if isinstance(key, str) else args[key], after)
        except Exception as error:
            raise ProtocolError("the changed arguments that came back do not fit") from error
        return reply["value"]

    def value(self, verb: str, **body: object) -> Any:
        """The value of a request that has no arguments to write back."""
        return self.ask(verb, body)["value"]

    # ---- answering

    def answer(self, message: dict) -> None:
        """Answer one request of the other side."""
        number = message.get("id")
        number = number if type(number) is int else None
        self._depth += 1
        try:
            if self._depth > MAX_DEPTH:
                raise RecursionError("the two processes call each other too deeply")
            reply = self._do(message)
            frame = self.dumps({"id": number, **reply})
        except PeerGone:
            raise
        except BaseException as error:  # learner code may raise anything, SystemExit too
            frame = self.dumps({"id": number, "error": self._describe_error(error)})
        finally:
            self._depth -= 1
        self._send(frame)

    def _do(self, message: dict) -> dict:
        verb = message["verb"]
        if verb == "call":
            return self._do_call(message)
        if self._lends_only_functions and verb in ("get", "item", "len"):
            raise ProtocolError("what was lent can be called, and no more")
        if verb == "get":
            return {"value": getattr(self._own(message["target"]), public(message["name"]))}
        if verb == "item":
            return {"value": self._own(message["target"])[message["key"]]}
        if verb == "len":
            return {"value": len(self._own(message["target"]))}
        if verb in self._verbs:
            return {"value": self._verbs[verb](message)}
        raise ProtocolError(f"no such request: {str(verb)[:40]}")

    def _own(self, target: object) -> Any:
        if isinstance(target, Proxy):
            raise ProtocolError("the request names an object of the side that asks")
        return target

    def _do_call(self, message: dict) -> dict:
        function = self._own(message["target"])
        args, kwargs = message["args"], message["kwargs"]
        places = {**dict(enumerate(args)), **kwargs}
        before = {key: self.dumps(value) for key, value in places.items() if changeable(value)}
        value = function(*args, **kwargs)
        after = {key: places[key] for key, frame in before.items() if self.dumps(places[key]) != frame}
        return {"value": value, "after": after}


def public(name: object) -> str:
    """`name`, if it is the name of a public attribute."""
    if type(name) is not str or name.startswith("_"):
        raise ProtocolError("only public attributes can be asked for")
    return name


def changeable(value: object) -> bool:
    """Whether a callee can change `value` in place so that the caller would see it."""
    frames = ("ndarray", "DataFrame", "Series")
    return isinstance(value, (list, dict, set, bytearray)) or type(value).__name__ in frames


def write_back(original: Any, after: Any) -> None:
    """Make `original` equal to `after` in place; TypeError for another kind, ValueError for an array's other size."""
    kind: Any = next((base for base in (list, dict, set) if issubclass(type(original), base)), type(original))
    if not changeable(original) or type(after) is not kind:
        raise TypeError(f"a {type(after).__name__} does not take the place of a {kind.__name__}")
    if kind is list:
        original[:] = after
    elif kind in (dict, set):
        original.clear()
        original.update(after)
    elif kind.__name__ == "ndarray":
        if original.size != after.size:
            raise ValueError("an array came back with another number of elements")
        original.resize(after.shape, refcheck=False)  # as many elements as before, so no memory is moved
        original[...] = after
    else:
        original._update_inplace(after)


def describe_arguments(args: tuple, kwargs: dict, limit: int = 60) -> str:
    """Arguments as a reader would type them, cut short."""
    named = [f"{key}={describe(value)}" for key, value in kwargs.items()]
    text = ", ".join([*map(describe, args), *named])
    return text if len(text) <= limit else text[: limit - 3] + "..."


def describe(value: object) -> str:
    """A short text for one value: small values as they are, large ones by type and shape."""
    try:
        shape = getattr(value, "shape", None)
        if type(shape) is tuple and shape:
            return f"{type(value).__name__} of shape {shape}"
        text = repr(value)
    except Exception:  # a number of 5,000 digits, for example
        return f"a {type(value).__name__}"
    return text if len(text) <= 40 else text[:37] + "..."
