"""What a notebook shows: one stream for all output, one line for a failed check or a stub."""

from __future__ import annotations

import linecache
import sys
import types
from typing import Any

STUB = ("# YOUR CODE HERE", "raise NotImplementedError()")


def join_streams() -> None:
    """Sends what goes to stderr to stdout, because nbgrader gives 0 for one warning in a graded cell.

    In a kernel this also holds for child processes and C code, and for loggers that kept the old stream.
    """
    old, new = sys.stderr, sys.stdout
    if old is new or new is None:
        return
    sys.stderr = new
    shell = _shell()
    if shell is not None and type(old).__name__ == "OutStream":
        _follow(shell, old, new)


def _follow(shell: Any, old: Any, new: Any) -> None:
    """Keeps the kernel's old stderr alive, as stdout: it also reads file descriptor 2.

    The kernel tells only sys.stdout and sys.stderr which cell they write for, and flushes only those.
    """

    def before_cell(*_: object) -> None:
        old.set_parent({"header": new.parent_header})

    def after_cell(*_: object) -> None:
        old.flush()

    old.name = "stdout"  # the stream named in the messages that it sends
    before_cell()
    shell.events.register("pre_execute", before_cell)
    shell.events.register("post_execute", after_cell)


def _shell() -> Any:
    """The running IPython shell, or None."""
    ipython = sys.modules.get("IPython")
    return ipython.get_ipython() if ipython is not None else None


def show_plain_failures() -> None:
    """In IPython, shows a failed check and an untouched stub as one line instead of a traceback.

    The cell still ends in an error, for nbgrader as for the notebook.
    """
    shell = _shell()
    if shell is not None:
        shell.set_custom_exc((AssertionError, NotImplementedError), _show)


def plain_line(error: BaseException, traceback: types.TracebackType | None) -> str | None:
    """The line that stands for this error, or None if it deserves its traceback."""
    for kind in type(error).__mro__:
        package = kind.__module__ == "grader.expect" or kind.__module__.startswith("grader.expect.")
        if kind.__name__ == "ExpectationFailed" and package:
            return str(error)
    if isinstance(error, NotImplementedError) and not error.args and traceback is not None:
        return _stub_line(traceback)
    return None


def _stub_line(traceback: types.TracebackType) -> str | None:
    """ "Not attempted: ..." if the innermost frame stands on a stub's two lines."""
    while traceback.tb_next is not None:
        traceback = traceback.tb_next
    code, line = traceback.tb_frame.f_code, traceback.tb_lineno
    lines = tuple(linecache.getline(code.co_filename, number).strip() for number in (line - 1, line))
    if lines != STUB:
        return None
    where = "this cell" if code.co_name.startswith("<") else code.co_qualname
    return f'Not attempted: {where} still says "YOUR CODE HERE".'


def _show(
    shell: Any,
    kind: type[BaseException],
    error: BaseException,
    traceback: types.TracebackType,
    tb_offset: int | None = None,
) -> None:
    """Shows the error; must not raise, since IPython would then show none and nbgrader give full marks."""
    try:
        line = plain_line(error, traceback)
        if line is not None:
            error._render_traceback_ = lambda: [line]  # type: ignore[attr-defined]  # IPython's protocol
        shell.showtraceback((kind, error, traceback), tb_offset=tb_offset, running_compiled_code=True)
    except Exception as failure:
        # An error that cannot be shown, for example because its own __str__ raises.
        shown = RuntimeError(f"a {kind.__name__} that cannot be shown ({type(failure).__name__})")
        shell.showtraceback((RuntimeError, shown, None))
