"""JupyterLab and MLflow's page on the learner's folder."""

from __future__ import annotations

import subprocess
import sys

from grader.jail.children import child_environment
from grader.model import Unit
from grader.workspace import Workspace


def lab_command(workspace: Workspace, unit: Unit) -> list[str]:
    """The command that opens the unit's lesson in JupyterLab, with its news prompt off."""
    lesson = workspace.lesson(unit)
    opened = lesson if lesson.exists() else workspace.exercise(unit)
    return [
        sys.executable,
        "-m",
        "jupyterlab",
        f"--ServerApp.root_dir={workspace.root}",
        "--LabApp.news_url=",
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
        f"--LabApp.default_url=/lab/tree/{opened.relative_to(workspace.root).as_posix()}",
    ]


def run_mlflow_page(workspace: Workspace, port: int) -> int:
    """Serve MLflow's page on 127.0.0.1 until it is stopped; returns its exit code.

    One worker, since the default of four takes 15 s to start.
    """
    from grader.store import copy_template, sqlite_uri

    database = copy_template(workspace.database)
    command = [sys.executable, "-m", "mlflow", "server", "--backend-store-uri", sqlite_uri(database)]
    command += ["--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    try:
        return subprocess.call(command, env=child_environment())
    except KeyboardInterrupt:
        return 0


def open_lab(workspace: Workspace, unit: Unit) -> int:
    """Run JupyterLab until it is stopped; returns its exit code."""
    try:
        return subprocess.call(lab_command(workspace, unit), env=child_environment())
    except KeyboardInterrupt:
        return 0
