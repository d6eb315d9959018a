"""Cutting the network of one Python process, for proving that a lesson works without it."""

from __future__ import annotations

import ipaddress
import sys
from typing import Any

LOCAL_NAMES = {"localhost", "", None}
REFUSED = "this lesson runs with the network cut: it reached for {}"


def cut_network() -> None:
    """From now on, every connection or look-up beyond this machine raises ConnectionRefusedError."""
    sys.addaudithook(_refuse)


def _refuse(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "socket.getaddrinfo" and not is_local(arguments[0]):
        raise ConnectionRefusedError(REFUSED.format(arguments[0]))
    connects = event in ("socket.connect", "socket.sendto") and isinstance(arguments[1], tuple)
    if connects and not is_local(arguments[1][0]):
        raise ConnectionRefusedError(REFUSED.format(arguments[1][0]))


def is_local(host: object) -> bool:
    """Whether a host name or address means this machine."""
    if isinstance(host, bytes):
        host = host.decode("ascii", "replace")
    if host in LOCAL_NAMES:
        return True
    try:
        address = ipaddress.ip_address(str(host))
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified
