"""Kernels for nbgrader's own client, forked from a warm parent: the client is left as it is, only the start changes."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from queue import Empty
from typing import Any

import psutil
from jupyter_client.asynchronous.client import AsyncKernelClient
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager
from jupyter_client.provisioning import KernelProvisionerBase
from traitlets import Type

from grader import codec, tracking
from grader.classroom.parents import MEGABYTE, Parents, Seated, wait_started
from grader.errors import SeatrialError
from grader.jail.children import Child
from grader.kernelroom import PORTS

START_SECONDS = 60
HERE = ("python", "python3", f"python3.{sys.version_info.minor}")  # for jupyter_client: this very Python
LEFT_OUT = {".ipynb_checkpoints", ".git"}
PASSED_ON = ("PATH", "LANG", "LANGUAGE", "TZ")
PASSED_ON_PREFIXES = ("LC_", "NBGRADER_", "SEATRIAL_SEED")
OURS = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


class WarmProvisioner(KernelProvisionerBase):
    """One kernel of a warm parent, as jupyter_client wants to have it.

    with_store: a fresh MLflow store lies in the kernel's room, and its environment names it.
    """

    parents: Parents
    file_megabytes = 64
    memory_megabytes = 2048
    environment: Mapping[str, str] = {}
    with_store = False
    seated: Seated | None = None

    @property
    def has_process(self) -> bool:
        return self.seated is not None

    async def pre_launch(self, **kwargs: Any) -> dict[str, Any]:
        """Fork, so that it is known where the sockets will be."""
        manager: Any = self.parent
        self.folder = Path(kwargs.pop("cwd", None) or Path.cwd()).absolute()
        self.files = files_beside(self.folder, self.file_megabytes)
        self.seated = self.parents.seat(self.memory_megabytes)
        manager.transport = "ipc"
        manager.ip = self.seated.sockets
        for port, number in PORTS.items():
            setattr(manager, port, number)
        self.connection_info = manager.get_connection_info()
        return {**kwargs, "cmd": []}

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> Any:
        """Send the files, and wait until the kernel's sockets are open."""
        assert self.seated is not None
        folders, files = self.files
        variables = {**kernel_environment(), **self.environment, **self.kernel_spec.env}
        store = b""
        if self.with_store:
            place = Path(self.seated.room) / "store" / tracking.DATABASE
            variables["MLFLOW_TRACKING_URI"] = f"sqlite:///{place}"
            store = store_for(place)
        inner = {**self.connection_info, "key": self._key(), "ip": self.seated.sockets_inside}
        order = {
            "id": self.kernel_id,
            "room": self.seated.room,
            "name": self.folder.name,
            "sockets": self.seated.sockets_inside,
            "connection": inner,
            **self._command(list(kwargs.get("extra_arguments", []))),
            "environment": variables,
            "store": store,
            "folders": folders,
            "files": files,
        }
        self.seated.child.send(codec.dumps(order))
        wait_started(self.seated.child, START_SECONDS)
        return self.connection_info

    def _command(self, extra: list[str]) -> dict[str, list[str]]:
        return {"arguments": [*(own_arguments(self.kernel_spec) or []), *extra]}

    def _key(self) -> str:
        key: Any = self.connection_info["key"]
        return key.decode() if isinstance(key, bytes) else str(key)

    async def poll(self) -> int | None:
        """None while the kernel runs."""
        return None if self.seated is not None and lives(self.seated.child) else 0

    async def wait(self) -> int | None:
        while await self.poll() is None:
            await asyncio.sleep(0.01)
        await self.kill()
        return 0

    async def send_signal(self, signum: int) -> None:
        """To the kernel and what it started, as jupyter_client does it."""
        if self.seated is None or not lives(self.seated.child):
            return
        if signum == signal.SIGKILL:
            await self.kill()
            return
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.seated.child.pid, signum)

    async def kill(self, restart: bool = False) -> None:
        """End the kernel now; its clean end has nothing to give."""
        seated, self.seated = self.seated, None
        if seated is not None:
            seated.close()

    async def terminate(self, restart: bool = False) -> None:
        await self.kill(restart)

    async def cleanup(self, restart: bool = False) -> None:
        await self.kill(restart)


class RelayedProvisioner(WarmProvisioner):
    """A kernel that starts by its own command, in a jail."""

    def _command(self, extra: list[str]) -> dict[str, list[str]]:
        words = [
            word.replace("{resource_dir}", self.kernel_spec.resource_dir) for word in self.kernel_spec.argv
        ]
        return {"command": [str(command_of(self.kernel_spec)), *words[1:], *extra]}


def command_of(spec: KernelSpec) -> Path:
    """The program of a kernel. Raises SeatrialError if there is none."""
    found = shutil.which(sys.executable if spec.argv[0] in HERE else spec.argv[0])
    if found is None:
        raise SeatrialError(f'the kernel "{spec.display_name}" starts {spec.argv[0]}, which is not installed')
    return Path(os.path.abspath(found))


def folders_of(spec: KernelSpec) -> tuple[Path, ...]:
    """What a kernel's program needs to be able to read: where it is installed, and where its settings lie.

    Raises SeatrialError where that would show the course to it.
    """
    command = command_of(spec)
    folders = {Path(spec.resource_dir)} if spec.resource_dir else set()
    for place in (command, command.resolve()):
        folders.add(place.parent.parent if place.parent.name == "bin" else place.parent)
    for folder in folders:
        if Path.cwd().is_relative_to(folder) and folder != Path("/usr"):
            what = f'the kernel "{spec.display_name}" lies in {folder}, and so does the course'
            raise SeatrialError(f"{what}; a jail cannot show one without the other. Install it elsewhere.")
    system = (Path("/usr"), Path("/bin"))
    return tuple(sorted(one for one in folders if not any(one.is_relative_to(known) for known in system)))


def store_for(place: Path) -> bytes:
    """A fresh MLflow store that will lie at `place`: making one takes the kernel seconds."""
    with tempfile.TemporaryDirectory(prefix="seatrial-") as folder:
        return tracking.copy_template(Path(folder) / tracking.DATABASE, opened_at=place).read_bytes()


def lives(child: Child) -> bool:
    """Whether a kernel runs still; what it started may hold its channel open longer."""
    if not child.alive:
        return False
    try:
        return psutil.Process(child.pid).status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def kernel_environment() -> dict[str, str]:
    """What a kernel may know of this process's environment: no secret of the shell that started nbgrader."""
    passed = {
        name: value
        for name, value in os.environ.items()
        if name in PASSED_ON or name.startswith(PASSED_ON_PREFIXES)
    }
    return {**passed, **OURS}


def files_beside(folder: Path, megabytes: int) -> tuple[list[str], dict[str, tuple[int, bytes]]]:
    """Names of the folders, and mode and content of the plain files, in the folder that nbgrader runs in.

    Notebooks are left out: nbgrader puts the hidden tests into those that are to be run.
    Raises SeatrialError for more than `megabytes`.
    """
    folders: list[str] = []
    files: dict[str, tuple[int, bytes]] = {}
    left = megabytes * MEGABYTE
    for place, names, found in os.walk(folder):
        names[:] = sorted(name for name in names if name not in LEFT_OUT)
        inner = Path(place).relative_to(folder)
        folders += [(inner / name).as_posix() for name in names]
        for name in sorted(found):
            path = Path(place) / name
            if path.suffix == ".ipynb" or path.is_symlink() or not path.is_file():
                continue
            left -= path.stat().st_size
            if left < 0:
                what = f"the files in {folder} are larger than {megabytes} MB"
                raise SeatrialError(f"{what}; set c.ClassExecute.files_limit_megabytes to allow more.")
            files[(inner / name).as_posix()] = (path.stat().st_mode & 0o777, path.read_bytes())
    return folders, files


def own_arguments(spec: KernelSpec) -> list[str] | None:
    """Arguments of a kernel that is ipykernel in this very environment, without its connection file, or None."""
    command = list(spec.argv)
    if not command or not (command[0] in HERE or same_command(Path(command[0]), Path(sys.executable))):
        return None
    if any(name.startswith(("PYTHON", "LD_")) for name in spec.env):
        return None  # an interpreter that runs already would not heed them
    words = [word for word in command[1:] if word != "-Xfrozen_modules=off"]
    for module in ("ipykernel_launcher", "ipykernel"):
        if words[:4] == ["-m", module, "-f", "{connection_file}"]:
            return words[4:]
    return None


def same_command(one: Path, other: Path) -> bool:
    """Whether two paths are one interpreter of one environment; environments share what they link to."""
    try:
        return one.parent.samefile(other.parent) and one.samefile(other)
    except OSError:
        return False


class WarmKernelManager(AsyncKernelManager):
    """jupyter_client's manager, which leaves it to `start` what starts a kernel.

    start: gives a provisioner, or None for jupyter_client's own, and is set by who makes the manager.
    """

    client_factory = Type("grader.classroom.kernels.PromptClient", klass=AsyncKernelClient)
    start: Callable[..., WarmProvisioner | None]

    async def _async_pre_start_kernel(self, **kwargs: Any) -> Any:
        if self.provisioner is None and self.kernel_spec is not None:
            self.kernel_id = self.kernel_id or str(uuid.uuid4())
            self.provisioner = self.start(kernel_id=self.kernel_id, kernel_spec=self.kernel_spec, parent=self)
        if self.provisioner is None:
            own = {name: os.environ[name] for name in ("HOME",) if name in os.environ}
            kwargs["env"] = {**own, **kernel_environment(), **kwargs.get("env", {})}
        return await super()._async_pre_start_kernel(**kwargs)

    pre_start_kernel = _async_pre_start_kernel


class PromptClient(AsyncKernelClient):
    """A client that knows when it is connected, instead of waiting for a silence of 0.2 s."""

    async def wait_for_ready(self, timeout: float | None = None) -> None:
        """Return when the kernel has answered, and its answer has arrived on both channels.

        Raises RuntimeError if it does not in `timeout` seconds, or dies.
        """
        end = time.monotonic() + (float("inf") if timeout is None else timeout)
        if isinstance(getattr(self.parent, "provisioner", None), WarmProvisioner):
            await self._message(self.iopub_channel, 1.0, "iopub_welcome")
        while True:
            request = self.kernel_info()
            reply = await self._message(self.shell_channel, 1.0, "kernel_info_reply", request)
            if reply and await self._message(self.iopub_channel, 0.2, "status", request, "idle"):
                self._handle_kernel_info_reply(reply)
                return
            if not await self.is_alive():
                raise RuntimeError("Kernel died before replying to kernel_info")
            if time.monotonic() > end:
                raise RuntimeError(f"Kernel didn't respond in {timeout:g} seconds")

    async def _message(
        self, channel: Any, seconds: float, kind: str, request: str = "", state: str = ""
    ) -> dict | None:
        """The next message of a kind, of an answer to `request` and of a state if they are given, or None."""
        while True:
            try:
                message = await channel.get_msg(timeout=seconds)
            except Empty:
                return None
            fits = message["msg_type"] == kind
            fits &= not request or message["parent_header"].get("msg_id") == request
            if fits and (not state or message["content"].get("execution_state") == state):
                return message
