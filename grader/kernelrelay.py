"""A kernel that is not ours to fork, another language's for example: started by its own command beside this process.

In a jail it has a loopback of its own and no way out. This process carries the bytes between its ports
and sockets in the folder that the other side sees; it reads none of them.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import threading
import time

from grader import codec
from grader.jail import inside
from grader.jail.channel import Channel
from grader.kernelroom import PORTS, end_with, listen, make_room, variables

SEALS_ITSELF = True  # gives up its rights once its sockets are open
CHUNK = 65536
CONNECT_SECONDS = 60


def main(channel: Channel) -> None:
    """Start the command that the first frame names, and end with it."""
    order = codec.loads(channel.receive())
    assert isinstance(order, dict)
    room, work = make_room(order)
    outer = listen(order)
    inside.seal()
    ports = dict(zip(PORTS, free_ports(len(PORTS)), strict=True))
    file = room / "home" / f"kernel-{order['id']}.json"
    inner = {**order["connection"], **ports, "transport": "tcp", "ip": "127.0.0.1"}
    file.write_text(json.dumps(inner), encoding="utf-8")
    signal.signal(signal.SIGINT, lambda *_: None)  # it is for the kernel, which is in the same group
    command = [part.replace("{connection_file}", str(file)) for part in order["command"]]
    kernel = subprocess.Popen(command, cwd=work, env=variables(order, room), stdin=subprocess.DEVNULL)
    for name, port in ports.items():
        threading.Thread(target=accept, args=(outer[PORTS[name]], port), daemon=True).start()
    threading.Thread(target=end_with, args=(channel,), daemon=True).start()
    channel.send(b"ready")
    os._exit(kernel.wait() & 0xFF)


def free_ports(count: int) -> list[int]:
    """Ports of the loopback that nothing listens on."""
    with contextlib.ExitStack() as stack:
        taken = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in taken:
            one.bind(("127.0.0.1", 0))
        return [int(one.getsockname()[1]) for one in taken]


def accept(outer: socket.socket, port: int) -> None:
    """Connect everyone who comes to a port of the kernel's."""
    while True:
        client, _ = outer.accept()
        threading.Thread(target=join, args=(client, port), daemon=True).start()


def join(client: socket.socket, port: int) -> None:
    """Carry bytes both ways until one side ends; a kernel that is starting is waited for."""
    deadline = time.monotonic() + CONNECT_SECONDS
    while True:
        try:
            kernel = socket.create_connection(("127.0.0.1", port))
            break
        except OSError:
            if time.monotonic() > deadline:
                client.close()
                return
            time.sleep(0.02)
    kernel.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    threading.Thread(target=carry, args=(client, kernel), daemon=True).start()
    carry(kernel, client)


def carry(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(CHUNK):
            target.sendall(data)
    for one in (source, target):
        with contextlib.suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)
