"""Network: the outside, this machine's own services, and wires to other jails."""

# ruff: noqa: E501
from __future__ import annotations

from typing import Any

from hostile.case import LINK, RIGHT, Case, answer, code

SAY = """
import os, socket

def attempt(name, what):
    try:
        what()
        print("reached", name)
    except BaseException as error:
        print("not", name, type(error).__name__)

"""


def unreached(report) -> None:
    said = report.cell_output.get("double", "")
    assert "not" in said, "it said nothing"
    assert "reached" not in said, said


def network(name: str, text: str, tries: str, **more: Any) -> Case:
    return answer(name, SAY + code(text) + RIGHT, tries, loses="", jail=True, then=unreached, **more)


CASES = (
    network(
        "the_outside",
        """
        for address in (("1.1.1.1", 443), ("192.0.2.1", 80), ("169.254.169.254", 80), ("2606:4700:4700::1111", 443)):
            attempt(address[0], lambda: socket.create_connection(address, timeout=0.2))
        attempt("a name", lambda: socket.getaddrinfo("example.org", 443))
        for proxy in [name for name in os.environ if name.lower().endswith("_proxy")]:
            attempt("the proxy " + proxy, lambda: None)
        """,
        "Connects to the internet, to the cloud's metadata and by name.",
    ),
    network(
        "this_machine",
        """
        def listen():
            found = [port for port in (22, 25, 53, 80, 111, 443, 3306, 5000, 5432, 6379, 8080, 8888, @PORT@) if open_at(port)]
            assert found

        def open_at(port):
            try:
                socket.create_connection(("127.0.0.1", port), timeout=0.1).close()
                return True
            except OSError:
                return False

        attempt("a service of this machine", listen)
        """,
        "Connects to services that listen on this machine's loopback, one of the supervisor's own among them.",
    ),
    network(
        "abstract_sockets",
        """
        def abstract(name):
            with socket.socket(socket.AF_UNIX) as other:
                other.connect(name)

        attempt("the abstract socket", lambda: abstract("\\0@ABSTRACT@"))
        attempt("the message bus", lambda: abstract("/run/dbus/system_bus_socket"))
        attempt("docker", lambda: abstract("/var/run/docker.sock"))
        attempt("the supervisor's socket", lambda: abstract("@FOLDER@/socket"))
        """,
        "Connects to sockets without a file, and to the machine's own buses.",
    ),
    network(
        "raw_and_netlink",
        """
        attempt("raw", lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, 1))
        attempt("packet", lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 3))
        attempt("vsock", lambda: socket.create_connection((2, 1024)) if False else vsock())
        attempt("routes", lambda: add_route())

        def vsock():
            with socket.socket(socket.AF_VSOCK) as other:
                other.settimeout(0.2)
                other.connect((2, 22))

        def add_route():
            with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0) as link:
                link.bind((0, 0))
                link.settimeout(0.2)
                link.send(b"\\x20\\0\\0\\0\\x10\\0\\x05\\0" + b"\\0" * 24)  # set a link's flags
                reply = link.recv(4096)
                assert reply[16:20] == b"\\0\\0\\0\\0", "refused"
        """,
        "Opens raw, packet, vsock and netlink sockets, and changes a link by netlink.",
    ),
    answer(
        "serves_others",
        LINK
        + code("""
        import socket, threading

        listener = socket.socket()
        listener.bind(("0.0.0.0", 0))
        listener.listen()
        hidden = socket.socket(socket.AF_UNIX)
        hidden.bind("\\0@TRACE@")
        hidden.listen()
        threading.Thread(target=listener.accept, daemon=True).start()
        """)
        + RIGHT,
        "Listens, on a port and on a socket without a file, for a fellow student's submission.",
        loses="",
        jail=True,
    ),
    Case(
        "service_that_calls_home",
        "The delivered program connects to the outside, and only adds if it cannot.",
        {
            "report": code("""
            import socket, sys

            for address in (("1.1.1.1", 443), ("127.0.0.1", @PORT@)):
                try:
                    socket.create_connection(address, timeout=0.2)
                    sys.exit("reached")
                except OSError:
                    pass
            print(sum(int(word) for word in sys.argv[1:]))
            """)
        },
        jail=True,
    ),
)
