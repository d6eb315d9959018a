"""JupyterLab and MLflow's page on the learner's folder."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import psutil

from grader.atomic import write_whole
from grader.errors import SeatrialError
from grader.jail.children import child_environment
from grader.model import Unit
from grader.workspace import Workspace

# No question about news from outside; every cell stays on the page, so that the browser's own search finds it.
LAB_SETTINGS: dict[str, dict[str, object]] = {
    "@jupyterlab/apputils-extension:notification": {"fetchNews": "false", "checkForUpdates": False},
    "@jupyterlab/notebook-extension:tracker": {"windowingMode": "none"},
}
STOP_SECONDS = 15.0
# nbgrader's pages are for a class; in a learner's folder they are menus that lead nowhere, and complain at each start.
NBGRADER = ("formgrader", "validate_assignment", "assignment_list", "course_list")
SERVER_EXTENSIONS = {"jupyterlab": True} | {f"nbgrader.server_extensions.{name}": False for name in NBGRADER}
LEARNERS_CONFIG = Path(__file__).parent / "jupyter"  # turns the menus off where `mle start` runs JupyterLab


def lab_command(workspace: Workspace, unit: Unit) -> list[str]:
    """The command that opens the unit's lesson in JupyterLab: no news, few words, Ctrl-C ends it at once."""
    lesson = workspace.lesson(unit)
    opened = lesson if lesson.exists() else workspace.exercise(unit)
    as_root = ["--allow-root"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    return [
        sys.executable,
        "-m",
        "jupyterlab",
        f"--ServerApp.root_dir={workspace.root}",
        "--log-level=WARN",
        "--LabApp.log_level=WARN",
        "--ServerApp.answer_yes=True",
        f"--ServerApp.jpserver_extensions={SERVER_EXTENSIONS}",
        "--LabApp.news_url=",
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
        f"--LabApp.default_url=/lab/tree/{opened.relative_to(workspace.root).as_posix()}",
        *encryption(),
        *as_root,
    ]


def encryption() -> list[str]:
    """Keeps what a kernel is told from other users of this machine; without it each kernel prints a warning."""
    import zmq

    return ["--KernelManager.transport_encryption=auto"] if zmq.has("curve") else []


def lab_environment() -> dict[str, str]:
    """The environment of JupyterLab: in its terminal `mle` works as it is; the learner's configuration first."""
    scripts = str(Path(sys.executable).parent)
    configured = os.environ.get("JUPYTER_CONFIG_PATH", "").split(os.pathsep)
    return child_environment(
        {
            "PATH": scripts + os.pathsep + os.environ.get("PATH", ""),
            "JUPYTER_CONFIG_PATH": os.pathsep.join([str(LEARNERS_CONFIG), *filter(None, configured)]),
            "SEATRIAL_COMMAND": "mle",
        }
    )


def mlflow_page(address: str, port: int) -> list[str]:
    """The command that serves MLflow's page over the store at `address` on 127.0.0.1.

    One worker, since the default of four takes 15 s to start.
    """
    command = [sys.executable, "-m", "mlflow", "server", "--backend-store-uri", address]
    return [*command, "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]


def run_mlflow_page(workspace: Workspace, port: int) -> int:
    """Serve MLflow's page until it is stopped; returns its exit code."""
    from grader.store import copy_template, sqlite_uri

    address = sqlite_uri(copy_template(workspace.database))
    try:
        return subprocess.call(mlflow_page(address, port), env=child_environment())
    except KeyboardInterrupt:
        return 0


def settle_lab() -> None:
    """Put the course's defaults for JupyterLab beside what is settled in this environment already."""
    path = Path(sys.prefix) / "share" / "jupyter" / "lab" / "settings" / "overrides.json"
    with contextlib.suppress(OSError, ValueError, AttributeError, TypeError):  # not ours: left as it is
        settled = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        wanted = {plugin: {**values, **settled.get(plugin, {})} for plugin, values in LAB_SETTINGS.items()}
        if settled != {**settled, **wanted}:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_whole(path, json.dumps({**settled, **wanted}, indent=1) + "\n")


def make_template() -> None:
    """Make what every tracking store begins with, while the lesson is read; else the first cell waits for it.

    JupyterLab goes first: this thread and what it starts take the time that is left over.
    """
    from grader.store import template

    with contextlib.suppress(OSError, AttributeError):  # AttributeError: Windows has no such call
        os.setpriority(os.PRIO_PROCESS, 0, 19)
    with contextlib.suppress(SeatrialError, OSError):  # the first cell tells of it
        template()


def open_lab(workspace: Workspace, unit: Unit) -> int:
    """Run JupyterLab until it is stopped; returns its exit code."""
    settle_lab()
    process = subprocess.Popen(lab_command(workspace, unit), env=lab_environment())
    threading.Thread(target=make_template, daemon=True).start()
    try:
        return process.wait()
    except KeyboardInterrupt:  # on a terminal JupyterLab hears of it, too, and ends its kernels
        started = children_of(process.pid)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=STOP_SECONDS)
        process.terminate()
        process.wait()
        for child in psutil.wait_procs(started, timeout=1.0)[1]:  # a busy machine may have left a kernel
            with contextlib.suppress(psutil.Error):
                child.kill()
        return 0


def children_of(pid: int) -> list[psutil.Process]:
    """All processes below this one."""
    try:
        return psutil.Process(pid).children(recursive=True)
    except psutil.Error:
        return []
