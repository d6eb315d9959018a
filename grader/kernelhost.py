"""The kernel of one notebook: ipykernel itself, in a child of a warm parent instead of a fresh interpreter.

Learner code runs in here, so nothing in here decides a mark. What asks for cells is nbgrader's own client.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import tempfile
import threading
import warnings
from pathlib import Path
from typing import Any

import ipykernel_launcher
import zmq
from ipykernel.heartbeat import Heartbeat
from ipykernel.iostream import IOPubThread
from ipykernel.kernelapp import IPKernelApp
from zmq.eventloop.zmqstream import ZMQStream

from grader import codec
from grader.jail import inside
from grader.jail.channel import Channel
from grader.kernelroom import end_with, listen, make_room, variables

SEALS_ITSELF = True  # gives up its rights once its sockets are open
INLINE = "module://matplotlib_inline.backend_inline"
AHEAD = (
    "IPython.core.completerlib",
    "IPython.core.debugger",
    "IPython.core.magics",
    "IPython.core.magics.execution",
    "IPython.core.magics.namespace",
    "IPython.extensions.storemagic",
    "http.client",
    "ipykernel.debugger",
    "ipykernel.ipkernel",
    "ipykernel.zmqshell",
    "pexpect",
    "psutil",
    "pydoc",
    "pygments.formatters.html",
    "pygments.formatters.terminal256",
    "pygments.lexers.python",
    "pygments.styles.default",
    "sqlite3",
    "stack_data",
    "tornado.platform.asyncio",
    "tornado.queues",
)


class AdoptedHeartbeat(Heartbeat):
    """A heartbeat on a socket that listens already."""

    adopted = -1

    def _try_bind_socket(self) -> Any:
        self.socket.setsockopt(zmq.USE_FD, self.adopted)
        return super()._try_bind_socket()


class FileIOPub(IOPubThread):
    """Hears what forked processes print through a file, where libzmq would have to look for network cards."""

    def _setup_pipe_in(self) -> None:
        self._pipe_uuid = os.urandom(16)
        self._pipe_place = f"ipc://{os.environ['HOME']}/iopub"
        pipe = self.socket.context.socket(zmq.PULL)
        pipe.linger = 0
        pipe.bind(self._pipe_place)
        self._pipe_in = ZMQStream(pipe, self.io_loop)
        self._pipe_in.on_recv(self._handle_pipe_msg)

    def _setup_pipe_out(self) -> tuple[Any, Any]:
        context: Any = zmq.Context()
        pipe = context.socket(zmq.PUSH)
        pipe.linger = 3000
        pipe.connect(self._pipe_place)
        return context, pipe


class WarmKernel(IPKernelApp):
    """ipykernel's application on sockets that were opened before it gave up its rights.

    listening: descriptor of the listening socket by port; a port is the end of a socket's file name.
    """

    listening: dict[int, int]

    def _try_bind_socket(self, s: Any, port: int) -> int:
        s.setsockopt(zmq.USE_FD, self.listening[port])
        return super()._try_bind_socket(s, port)

    def init_heartbeat(self) -> None:
        self.heartbeat = AdoptedHeartbeat(zmq.Context(), (self.transport, self.ip, self.hb_port))
        self.heartbeat.adopted = self.listening[self.hb_port]
        self.heartbeat.start()

    def init_iopub(self, context: Any) -> None:
        self.iopub_socket = context.socket(zmq.XPUB)
        self.iopub_socket.linger = 1000
        self.iopub_port = self._bind_socket(self.iopub_socket, self.iopub_port)
        self.configure_tornado_logger()
        self.iopub_thread = FileIOPub(self.iopub_socket, pipe=True, session=self.session)
        self.iopub_thread.start()
        self.iopub_socket = self.iopub_thread.background_socket

    def init_poller(self) -> None:
        """The channel says when the other side has gone, not the number of a parent."""


def warm() -> None:
    """Import what every kernel imports when it starts; makes no socket, no thread and no event loop."""
    for module in AHEAD:
        with contextlib.suppress(Exception), warnings.catch_warnings():
            __import__(module)


def main(channel: Channel) -> None:
    """Serve the kernel that the first frame describes until it ends or the other side has gone."""
    order = codec.loads(channel.receive())
    assert isinstance(order, dict)
    room, work = make_room(order)
    listening = listen(order)
    inside.seal()
    arguments = take_place(room, work, order)
    app = WarmKernel.instance()
    app.listening = {port: taken.detach() for port, taken in listening.items()}
    app.initialize(arguments)
    channel.send(b"ready")
    threading.Thread(target=end_with, args=(channel,), daemon=True).start()
    app.start()


def take_place(room: Path, work: Path, order: dict) -> list[str]:
    """Make this process look like a fresh `python -m ipykernel_launcher`; gives its arguments."""
    packages = [place for place in os.environ.get("PYTHONPATH", "").split(os.pathsep) if place in sys.path]
    os.environ.clear()
    os.environ.update(variables(order, room))
    tempfile.tempdir = None
    start = os.getcwd()
    os.chdir(work)
    sys.path[:] = [place for place in sys.path if place not in ("", start, *packages)] + packages
    file = room / "home" / f"kernel-{order['id']}.json"
    file.write_text(json.dumps(order["connection"]), encoding="utf-8")
    arguments = ["-f", str(file), *order["arguments"]]
    sys.argv = [str(ipykernel_launcher.__file__), *arguments]
    if "matplotlib" in sys.modules:
        set_backend(sys.modules["matplotlib"])
    return arguments


def set_backend(matplotlib: Any) -> None:
    """The backend that matplotlib would have found when the notebook imported it."""
    backend = os.environ.get("MPLBACKEND") or INLINE
    for settings in (matplotlib.rcParams, matplotlib.rcParamsOrig):
        dict.__setitem__(settings, "backend", backend)
