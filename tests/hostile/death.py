"""Death and hang: processes that end, stop, ignore signals, detach or never answer."""

from __future__ import annotations

from hostile.case import RIGHT, answer, code

CASES = (
    answer(
        "exit_in_a_cell",
        "import os\nos._exit(0)\n",
        "Ends the process in a cell, as if all were well.",
        told="exit code 0",
    ),
    answer(
        "exit_in_a_call",
        "def double(number):\n    import os\n    os._exit(0)\n",
        "Ends the process in a call.",
        told="exit code 0",
    ),
    answer("sys_exit", "import sys\nsys.exit(0)\n", "Leaves by SystemExit.", told="SystemExit"),
    answer(
        "segfault",
        "def double(number):\n    import ctypes\n    ctypes.string_at(0)\n",
        "Reads address 0.",
        told="SIGSEGV",
    ),
    answer("abort", "import os\nos.abort()\n", "Aborts, for which a core file would be written."),
    answer(
        "stack_overflow",
        code("""
        import sys

        sys.setrecursionlimit(10**9)

        def double(number):
            return double(number) + [double][0](number)
        """),
        "Recurses until the C stack is full.",
    ),
    answer(
        "kills_all",
        code("""
        import os, signal

        for target in (os.getppid(), -1, 0):
            try:
                os.kill(target, signal.SIGKILL)
            except OSError as error:
                print(target, error.errno)
        """)
        + RIGHT,
        "Kills its parent and every process that it may.",
        loses="",
        may_lose="double",
        jail=True,
        harms=True,
    ),
    answer(
        "kills_the_supervisor",
        code("""
        import os, signal

        for target in (int("@SUPERVISOR@"), *[int(name) for name in os.listdir("/proc") if name.isdigit()]):
            for number in (signal.SIGSTOP, signal.SIGTERM):
                if target != os.getpid():
                    try:
                        os.kill(target, number)
                        print("could", target)
                    except OSError as error:
                        print(error.errno)
        """)
        + RIGHT,
        "Stops and ends the supervisor and everything in /proc.",
        loses="",
        may_lose="double",
        jail=True,
        harms=True,
    ),
    answer(
        "stops_itself",
        "import os, signal\nos.kill(os.getpid(), signal.SIGSTOP)\n" + RIGHT,
        "Stops itself, so that it neither answers nor ends.",
        loses="",
        may_lose="double",
    ),
    answer(
        "ignores_signals",
        code("""
        import signal, time

        for number in set(signal.Signals) - {signal.SIGKILL, signal.SIGSTOP}:
            try:
                signal.signal(number, signal.SIG_IGN)
            except OSError:
                pass
        signal.pthread_sigmask(signal.SIG_BLOCK, set(signal.Signals))
        while True:
            time.sleep(1)
        """),
        "Ignores and blocks every signal and never ends.",
        told="longer than 2 s",
    ),
    answer(
        "sleeps_in_a_call",
        "import time\n\ndef double(number):\n    time.sleep(1000)\n",
        "Sleeps in a call.",
        told="longer than 2 s",
    ),
    answer(
        "waits_for_input",
        "number = input()\n" + RIGHT,
        "Asks for input, which nobody gives.",
        loses="",
        may_lose="double",
    ),
    answer(
        "swallows_all",
        code("""
        def double(number):
            while True:
                try:
                    return swallowed
                except BaseException:
                    pass
        """),
        "Catches everything, its own end included.",
        told="longer than 2 s",
    ),
    answer(
        "closes_the_wire",
        "import os\nos.closerange(3, 65536)\nimport time\ntime.sleep(60)\n",
        "Closes every descriptor and stays.",
    ),
    answer(
        "closes_the_output",
        "import os\nfor number in (0, 1, 2):\n    os.close(number)\n" + RIGHT,
        "Closes its output.",
        loses="",
        may_lose="double",
    ),
)
