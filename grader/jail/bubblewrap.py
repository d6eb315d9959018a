"""The command that starts a jail: what a process sees in there, and nothing else.

The list of folders is an allow-list: the system's programs and libraries, this Python with its packages, the
package `grader`, the data. All of it is read-only.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from grader.jail import inside
from grader.jail.children import child_environment

SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
SYSTEM_FILES = ("/etc/alternatives", "/etc/ld.so.cache", "/etc/localtime", "/etc/mime.types", "/etc/fonts")
PASSED_ON = (
    "LANG",
    "LC_ALL",
    "TZ",
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "MPLBACKEND",
    "PYTHONDONTWRITEBYTECODE",
    "PYTHONUNBUFFERED",
)
OF_LIBRARIES = (
    "MLFLOW_DISABLE_TELEMETRY",
    "DO_NOT_TRACK",
    "GIT_PYTHON_REFRESH",
    "PYTHONIOENCODING",
    "PYTHONUTF8",
    "JE_ARROW_MALLOC_CONF",
)
OWN_FILES = {
    "/etc/passwd": "learner:x:0:0:learner:/tmp:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n",
    "/etc/group": "learner:x:0:\nnogroup:x:65534:\n",
    "/etc/hosts": "127.0.0.1 localhost seatrial\n",
    "/etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files\n",
}
TEMPORARY_BYTES = 64 * 2**20  # of the warm parent itself


@dataclass
class View:
    """What a jail holds: places of this machine that can be read inside, by their path inside.

    readable: path inside -> path here. writable: the same, for SHARED alone. hidden: folders that are empty
    inside though they lie in a readable one.
    """

    readable: dict[str, str] = field(default_factory=dict)
    writable: dict[str, str] = field(default_factory=dict)
    links: dict[str, str] = field(default_factory=dict)
    hidden: tuple[str, ...] = ()


def executable() -> str | None:
    """Where bubblewrap is, or None."""
    return shutil.which("bwrap")


def view(files: Mapping[str, Path], hidden: Iterable[Path] = (), shared: Path | None = None) -> View:
    """The allow-list of this Python's jails; files: path inside -> file here."""
    found = View()
    for path in SYSTEM:
        if os.path.islink(path):
            found.links[path] = os.readlink(path)
        elif os.path.isdir(path):
            found.readable[path] = path
    for path in (*SYSTEM_FILES, *python_folders()):
        if os.path.exists(path) and not any(Path(path).is_relative_to(known) for known in found.readable):
            found.readable[path] = path
    found.readable.update({inner: str(outer) for inner, outer in files.items()})
    if shared is not None:
        found.writable[inside.SHARED] = str(shared)
    found.hidden = tuple(
        str(path)
        for path in map(Path, hidden)
        if path.is_dir() and any(path.is_relative_to(known) for known in found.readable)
    )
    return found


def python_folders() -> list[str]:
    """This interpreter, its packages, and where `grader` and `tidewater` lie, outermost first."""
    folders = {sys.prefix, sys.base_prefix, sys.exec_prefix, sys.base_exec_prefix}
    folders.add(str(Path(os.path.realpath(sys.executable)).parent))
    for package in ("grader", "tidewater"):
        spec = importlib.util.find_spec(package)
        folders.update(spec.submodule_search_locations or () if spec else ())
    return sorted(folders, key=lambda folder: (len(Path(folder).parts), folder))


def environment(extra: Mapping[str, str]) -> dict[str, str]:
    """The variables inside: nothing of the person's who grades."""
    source = child_environment()
    chosen = {name: source[name] for name in (*PASSED_ON, *OF_LIBRARIES) if name in source}
    path = os.pathsep.join((str(Path(sys.executable).parent), "/usr/local/bin", "/usr/bin", "/bin"))
    packages = [
        str(Path(folder).parent)
        for folder in python_folders()
        if Path(folder).name in ("grader", "tidewater")
    ]
    chosen |= {
        "PATH": path,
        "HOME": "/tmp",
        "TMPDIR": "/tmp",
        "SEATRIAL_OUTPUT": inside.OUTPUT,
        "PYTHONPATH": os.pathsep.join(packages),
    }
    chosen |= {"LANG": chosen.get("LANG", "C.UTF-8"), **extra}
    return chosen


def arguments(bwrap: str, seen: View, variables: Mapping[str, str], command: list[str]) -> list[str]:
    """The whole command line of bubblewrap."""
    line = [bwrap, "--unshare-user", "--unshare-ipc", "--unshare-pid", "--unshare-net", "--unshare-uts"]
    line += ["--unshare-cgroup-try", "--uid", "0", "--gid", "0", "--hostname", "seatrial", "--as-pid-1"]
    line += ["--cap-drop", "ALL", "--cap-add", "CAP_SYS_ADMIN", "--cap-add", "CAP_SETPCAP"]
    line += ["--size", str(TEMPORARY_BYTES), "--tmpfs", "/tmp"]
    for inner, target in seen.links.items():
        line += ["--symlink", target, inner]
    for inner, outer in seen.readable.items():
        line += ["--ro-bind", outer, inner]
    for folder in seen.hidden:
        line += ["--tmpfs", folder, "--remount-ro", folder]
    line += ["--proc", "/proc", "--dev", "/dev", "--remount-ro", "/dev"]
    for folder in (inside.SEAT, inside.WORK, inside.OUTPUT):
        line += ["--dir", folder]
    for inner, outer in seen.writable.items():
        line += ["--bind", outer, inner]
    line += ["--remount-ro", "/", "--chdir", "/", "--clearenv"]
    for name, value in variables.items():
        line += ["--setenv", name, value]
    return [*line, *command]
