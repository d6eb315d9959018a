"""What every kernel in a child process needs before it starts: its folder, its files, its listening sockets."""

from __future__ import annotations

import contextlib
import os
import socket
import tempfile
from pathlib import Path

from grader.jail.channel import Channel, ChannelClosed

PORTS = {"shell_port": 1, "iopub_port": 2, "stdin_port": 3, "hb_port": 4, "control_port": 5}


def make_room(order: dict) -> tuple[Path, Path]:
    """A home with the notebook's folder and the files that lay beside it; (room, the notebook's folder)."""
    room = Path(order["room"] or tempfile.mkdtemp())
    work = room / "work" / order["name"]
    for folder in (work, room / "home", room / "tmp"):
        folder.mkdir(parents=True, exist_ok=True)
    if order["store"]:
        (room / "store").mkdir(exist_ok=True)
        (room / "store" / "mlflow.db").write_bytes(order["store"])
    for name in order["folders"]:
        (work / name).mkdir(parents=True, exist_ok=True)
    for name, (mode, data) in order["files"].items():
        path = work / name
        path.write_bytes(data)
        path.chmod(mode)
    return room, work


def variables(order: dict, room: Path) -> dict[str, str]:
    """The kernel's environment."""
    return {**order["environment"], "HOME": str(room / "home"), "TMPDIR": str(room / "tmp")}


def listen(order: dict) -> dict[int, socket.socket]:
    """Listening sockets in the folder that both sides see, by port, which is the end of a socket's name."""
    return {port: listener(f"{order['sockets']}-{port}") for port in PORTS.values()}


def listener(path: str) -> socket.socket:
    made = socket.socket(socket.AF_UNIX)
    made.bind(path)
    made.listen(100)
    return made


def end_with(channel: Channel) -> None:
    """End this process as soon as the other side has gone."""
    with contextlib.suppress(ChannelClosed):
        while True:
            channel.receive()
    os._exit(0)
