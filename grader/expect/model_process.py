"""A logged model in a fresh Python process: it loads without the notebook or not at all."""

from __future__ import annotations

import atexit
import os
import struct
import subprocess
import sys
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

from grader import codec

_FRONT = struct.Struct("<Q")
_PROGRAM = """
import os, struct, sys
out = os.fdopen(os.dup(1), "wb")
quiet = os.open(os.devnull, os.O_WRONLY)
os.dup2(quiet, 1)
os.dup2(quiet, 2)
from grader import codec

def answer(message):
    data = codec.dumps(message)
    out.write(struct.pack("<Q", len(data)) + data)
    out.flush()

try:
    import mlflow.pyfunc, mlflow.sklearn
    try:
        model = mlflow.sklearn.load_model(sys.argv[1])
    except mlflow.exceptions.MlflowException:
        model = mlflow.pyfunc.load_model(sys.argv[1])
    answer({"value": None})
except BaseException as error:
    answer({"error": f"{type(error).__name__}: {error}"})
    sys.exit()
while front := sys.stdin.buffer.read(8):
    asked = codec.loads(sys.stdin.buffer.read(struct.unpack("<Q", front)[0]))
    try:
        value = getattr(model, asked["name"])
        if asked["call"]:
            value = value(*asked["args"], **asked["kwargs"])
        try:
            answer({"value": value})
        except codec.NotPlain:
            answer({"callable": callable(value)})
    except BaseException as error:
        answer({"error": f"{type(error).__name__}: {error}"})
"""


class ModelError(RuntimeError):
    """The model did not load, or one of its methods raised; the message says what."""


class FreshModel:
    """Stands for the model: its public methods take and return plain values, its plain attributes are read."""

    def __init__(self, folder: Path) -> None:
        root = Path(codec.__file__).parent.parent
        paths = [str(root), *filter(None, [os.environ.get("PYTHONPATH")])]
        self._process = subprocess.Popen(
            [sys.executable, "-c", _PROGRAM, str(folder)],
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        )
        self._end = weakref.finalize(self, _end, self._process)
        atexit.register(self._end)
        self._answer()

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        reply = self._ask(name, False, (), {})
        if "value" in reply:
            return reply["value"]
        if not reply.get("callable"):
            raise ModelError(f"{name} of the model is no plain value")
        return self._method(name)

    def _method(self, name: str) -> Callable[..., Any]:
        def call(*args: object, **kwargs: object) -> Any:
            reply = self._ask(name, True, args, kwargs)
            if "value" not in reply:
                raise ModelError(f"{name}(...) of the model returned no plain value")
            return reply["value"]

        return call

    def _ask(
        self, name: str, call: bool, args: tuple[object, ...], kwargs: dict[str, object]
    ) -> dict[str, Any]:
        data = codec.dumps({"name": name, "call": call, "args": list(args), "kwargs": kwargs})
        assert self._process.stdin is not None
        self._process.stdin.write(_FRONT.pack(len(data)) + data)
        self._process.stdin.flush()
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        front = self._process.stdout.read(_FRONT.size)
        if len(front) < _FRONT.size:
            raise ModelError("the process of the model ended")
        reply: dict[str, Any] = codec.loads(self._process.stdout.read(_FRONT.unpack(front)[0]))
        if "error" in reply:
            raise ModelError(reply["error"])
        return reply


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()
    process.wait()
