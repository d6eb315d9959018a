"""One real kernel for a unit's proof: its lesson runs in it first, then, from clean, its canary."""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path
from typing import Any

import psutil

from grader.course import Course

CUT_NETWORK = "--IPKernelApp.exec_lines=import grader.offline; grader.offline.cut_network()"
QUIET_KERNEL = "--IPKernelApp.log_level=40"
FORGET = """
import os, sys
if "mlflow" in sys.modules:
    sys.modules["mlflow"].end_run()
for variable in [name for name in os.environ if name.startswith(("MLFLOW_", "SEATRIAL_"))]:
    del os.environ[variable]
os.environ.update({variables})
os.chdir({folder})
get_ipython().run_line_magic("reset", "-f")
"""


class Kernel:
    """A kernel that reaches nothing but this machine; started by the first notebook, ended by `close`.

    Its imports are most of what a short notebook costs, so notebooks may share it.
    """

    def __init__(self, course: Course | None = None) -> None:
        self._variables = {} if course is None else {"SEATRIAL_COURSE": str(course.root)}
        self._manager: Any = None

    def __enter__(self) -> Kernel:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def run(self, notebook: Any, folder: Path, *, limit_seconds: float, allow_errors: bool = False) -> None:
        """Execute the cells of `notebook` in place, in `folder`, with no name of the notebook before.

        limit_seconds: for each cell. Raises what nbclient raises; the kernel is then ended.
        """
        if self._manager is not None:
            self._execute(_notebook_of(self._forget(folder)), folder, limit_seconds, False)
        self._execute(notebook, folder, limit_seconds, allow_errors)

    def _forget(self, folder: Path) -> str:
        variables = {
            name: text for name, text in os.environ.items() if name.startswith(("MLFLOW_", "SEATRIAL_"))
        }
        return FORGET.format(
            variables=json.dumps(variables | self._variables), folder=json.dumps(str(folder))
        )

    def _execute(self, notebook: Any, folder: Path, limit_seconds: float, allow_errors: bool) -> None:
        from nbclient import NotebookClient

        client = NotebookClient(
            notebook,
            km=self._manager,
            timeout=limit_seconds,
            allow_errors=allow_errors,
            kernel_name="python3",
            extra_arguments=[CUT_NETWORK, QUIET_KERNEL],
            resources={"metadata": {"path": str(folder)}},
        )
        try:
            client.execute(cleanup_kc=False, env={**os.environ, **self._variables})
        except BaseException:
            self._manager = client.km
            self.close()
            raise
        finally:
            if client.kc is not None:
                client.kc.stop_channels()
        self._manager = client.km

    def cpu_seconds(self) -> float:
        """Processor time so far of the kernel and of what it started; 0 if it does not run."""
        total = 0.0
        with contextlib.suppress(psutil.Error, AttributeError):
            kernel = psutil.Process(self._manager.provisioner.pid)
            for process in [kernel, *kernel.children(recursive=True)]:
                total += sum(process.cpu_times()[:4])
        return total

    def close(self) -> None:
        """End the kernel and what it started."""
        from nbclient.util import run_sync

        manager, self._manager = self._manager, None
        if manager is not None and manager.has_kernel:
            run_sync(manager.shutdown_kernel)(now=True)


def _notebook_of(code: str) -> Any:
    import nbformat

    return nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)])
