"""Lessons run from top to bottom in a real kernel that reaches nothing but this machine."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from grader.verify.doors import QUIET_KERNEL

LESSON_SECONDS = 30.0
CUT_NETWORK = "--IPKernelApp.exec_lines=import grader.offline; grader.offline.cut_network()"


def lesson_problems(path: Path) -> Iterator[str]:
    """What is wrong with the built lesson at `path` when it runs."""
    import nbformat
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

    notebook = nbformat.read(path, as_version=4)
    with tempfile.TemporaryDirectory(prefix="seatrial-lesson-") as folder:
        client = NotebookClient(
            notebook,
            timeout=4 * LESSON_SECONDS,
            kernel_name="python3",
            resources={"metadata": {"path": folder}},
            extra_arguments=[CUT_NETWORK, QUIET_KERNEL],
        )
        start = children_seconds()
        try:
            client.execute(env=dict(os.environ))
        except CellExecutionError as error:
            yield f"a cell raises {error.ename}: {error.evalue}"
        except (CellTimeoutError, DeadKernelError) as error:
            yield f"it does not run to its end: {type(error).__name__}"
        seconds = children_seconds() - start
    if seconds > LESSON_SECONDS:
        yield f"it takes {seconds:.0f} s of processor time, more than {LESSON_SECONDS:g} s"
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            if output.get("name") == "stderr" or "Warning:" in output.get("text", ""):
                yield f'cell {cell.id} prints a warning: "{output["text"].strip().splitlines()[0][:120]}"'


def children_seconds() -> float:
    """Processor time of the processes that this one started and that have ended; 0 on Windows."""
    times = os.times()
    return times.children_user + times.children_system
