"""The program of the probe: says from inside whether the walls stand."""

from __future__ import annotations

import os

from grader.jail.channel import Channel


def main(channel: Channel) -> None:
    """Take the path of a file of the machine's, send "well", or what is wrong."""
    canary = channel.receive().decode()
    channel.send((", ".join(leaks(canary)) or "well").encode())


def leaks(canary: str) -> list[str]:
    """Sentences on walls that do not stand. canary: path of a file that is not to be seen."""
    found = ["files of this machine can be seen"] if os.path.exists(canary) else []
    with open("/proc/self/status", encoding="ascii") as lines:
        status = dict(line.split(":\t", 1) for line in lines if ":\t" in line)
    if int(status["CapEff"], 16) or int(status["CapBnd"], 16):
        found.append("a process has capabilities")
    if status["Seccomp"].strip() != "2" or status["NoNewPrivs"].strip() != "1":
        found.append("system calls are not filtered")
    if [name for name in os.listdir("/proc") if name.isdigit()] != [str(os.getpid())]:
        found.append("other processes can be seen")
    with open("/proc/net/dev", encoding="ascii") as devices:
        names = {line.split(":")[0].strip() for line in devices if ":" in line}
    if names - {"lo"}:
        found.append(f"there is a network interface {sorted(names - {'lo'})[0]}")
    try:
        with open("/usr/.seatrial", "w", encoding="ascii"):
            found.append("the system can be written")
    except OSError:
        pass
    return found
