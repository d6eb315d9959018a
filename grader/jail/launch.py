"""Started by root only: gives up root for good, then becomes bubblewrap.

A jail is entered as another user, so that limits count and an escape is nobody's. That user may not be able to read
this Python (below a closed home folder, for example); so first all that the jail shows is bound to an open
place in a private mount namespace. `python launch.py JSON`, standard library only.
"""

from __future__ import annotations

import ctypes
import json
import os
import sys

CLONE_NEWNS, MS_BIND, MS_REC, MS_SLAVE, MS_NOSUID = 0x00020000, 4096, 16384, 1 << 19, 2


def main() -> None:
    """JSON: open (a folder that everybody may enter), user (number), places (list of paths), command.

    In the command "@N" stands for place N.
    """
    order = json.loads(sys.argv[1])
    libc = ctypes.CDLL(None, use_errno=True)

    def mount(source: str, target: str, kind: str | None, flags: int, options: str | None = None) -> None:
        given = [part.encode() if part is not None else None for part in (source, target, kind, options)]
        if libc.mount(*given[:3], ctypes.c_ulong(flags), given[3]) != 0:
            sys.exit(f"cannot mount {source}: {os.strerror(ctypes.get_errno())}")

    if libc.unshare(CLONE_NEWNS) != 0:
        sys.exit(f"cannot make a mount namespace: {os.strerror(ctypes.get_errno())}")
    mount("none", "/", None, MS_REC | MS_SLAVE)
    mount("tmpfs", order["open"], "tmpfs", MS_NOSUID, "mode=0755,size=1m")
    bound = {}
    for number, place in enumerate(order["places"]):
        bound[f"@{number}"] = target = f"{order['open']}/{number}"
        if os.path.isdir(place):
            os.mkdir(target)
        else:
            os.close(os.open(target, os.O_CREAT | os.O_WRONLY, 0o644))
        mount(place, target, None, MS_BIND | MS_REC)
    os.setgroups([])
    os.setresgid(order["user"], order["user"], order["user"])
    os.setresuid(order["user"], order["user"], order["user"])
    command = [bound.get(part, part) for part in order["command"]]
    os.execv(command[0], command)


if __name__ == "__main__":
    main()
