"""Lessons run from top to bottom in a real kernel that reaches nothing but this machine."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

from grader.verify.kernel import Kernel

LESSON_SECONDS = 30.0


def lesson_problems(path: Path, kernel: Kernel | None = None) -> Iterator[str]:
    """What is wrong with the built lesson at `path` when it runs.

    kernel: one that has run nothing yet; it goes on if all is well. None: one that ends with the lesson.
    """
    if kernel is None:
        with Kernel() as own:
            yield from lesson_problems(path, own)
        return
    import nbformat
    from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

    notebook = nbformat.read(path, as_version=4)
    with tempfile.TemporaryDirectory(prefix="seatrial-lesson-", ignore_cleanup_errors=True) as folder:
        try:
            kernel.run(notebook, Path(folder), limit_seconds=4 * LESSON_SECONDS)
        except CellExecutionError as error:
            yield f"a cell raises {error.ename}: {error.evalue}"
        except (CellTimeoutError, DeadKernelError) as error:
            yield f"it does not run to its end: {type(error).__name__}"
        seconds = kernel.cpu_seconds()
    if seconds > LESSON_SECONDS:
        yield f"it takes {seconds:.0f} s of processor time, more than {LESSON_SECONDS:g} s"
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            if output.get("name") == "stderr" or "Warning:" in output.get("text", ""):
                yield f'cell {cell.id} prints a warning: "{output["text"].strip().splitlines()[0][:120]}"'
