"""Death and hang: daemons, services that stay, namespaces."""

# ruff: noqa: E501
from __future__ import annotations

from hostile.case import LINK, RIGHT, Case, answer, code

DAEMON = code("""
import os, sys, time

def detach(seconds=60):
    if os.fork():
        return
    os.setsid()
    if os.fork():
        os._exit(0)
    try:
        with open("/proc/self/comm", "w") as name:
            name.write("@TRACE@"[:15])
    except OSError:
        pass
    time.sleep(seconds)
    os._exit(0)

""")

CASES = (
    answer(
        "becomes_another_program",
        code("""
        import os, sys

        program = (
            "import struct, time; from grader import codec; import os\\n"
            "for n in range(200):\\n"
            "    frame = codec.dumps({'id': n, 'value': {'seconds': 0.0, 'error': None, 'output': 'owned'}})\\n"
            "    for fd in (4, 5):\\n"
            "        try: os.write(fd, struct.pack('>I', len(frame)) + frame)\\n"
            "        except OSError: pass\\n"
            "time.sleep(60)"
        )
        for number in range(3, 64):
            try:
                os.set_inheritable(number, True)
            except OSError:
                pass
        os.execv(sys.executable, [sys.executable, "-c", program])
        """),
        "Becomes another program, which goes on with the conversation in its way.",
        may_lose="total scale each report",
    ),
    answer(
        "detached_from_a_cell",
        DAEMON + "for _ in range(3):\n    detach()\n" + RIGHT,
        "Leaves daemons behind in sessions of their own.",
        loses="",
        jail=True,
        harms=True,
    ),
    answer(
        "detached_from_a_call",
        DAEMON + "def double(number):\n    detach()\n    return 2 * number\n",
        "Leaves a daemon behind with each call.",
        loses="",
        jail=True,
        harms=True,
    ),
    answer(
        "detached_with_the_wire",
        DAEMON
        + LINK
        + code("""
        if os.fork() == 0:
            os.setsid()
            while True:
                time.sleep(0.01)
                try:
                    say(id=request(), value={"seconds": 0.0, "error": None, "output": ""})
                except BaseException:
                    pass
        os._exit(0)
        """),
        "Goes away while a child keeps the wire open and answers in its place.",
        may_lose="total scale each report",
        jail=True,
        harms=True,
    ),
    Case(
        "service_that_forks_away",
        "The delivered program answers well and leaves daemons.",
        {"report": DAEMON + "detach()\nprint(sum(int(word) for word in sys.argv[1:]), flush=True)\n"},
        jail=True,
        harms=True,
    ),
    Case(
        "service_that_stays",
        "The delivered program answers and does not end.",
        {
            "report": "import sys, time\nprint(sum(int(w) for w in sys.argv[1:]), flush=True)\ntime.sleep(100)\n"
        },
        loses="report",
    ),
    Case(
        "service_that_stops_its_parent",
        "The delivered program stops and ends whoever started it.",
        {
            "report": "import os, signal, sys\nfor n in (19, 9):\n    os.kill(os.getppid(), n)\nprint(sum(int(w) for w in sys.argv[1:]))\n"
        },
        may_lose="report",
        jail=True,
        harms=True,
    ),
    answer(
        "namespaces_and_mounts",
        code("""
        import ctypes, os

        libc = ctypes.CDLL(None, use_errno=True)
        done = {
            "unshare": libc.unshare(0x10000000),
            "unshare mount": libc.unshare(0x00020000),
            "mount": libc.mount(b"none", b"/tmp", b"tmpfs", 0, None),
            "remount": libc.mount(b"none", b"/", None, 32 | 4096, None),
            "umount": libc.umount2(b"/proc", 2),
            "chroot": libc.chroot(b"/tmp"),
            "pivot": libc.syscall(155, b"/", b"/tmp"),
            "clone": libc.syscall(56, 0x10000000 | 17, 0, 0, 0, 0),
            "clone3": libc.syscall(435, ctypes.create_string_buffer(b"\\0\\0\\0\\x10" + b"\\0" * 84), 88),
            "setns": libc.setns(os.open("/proc/1/ns/mnt", os.O_RDONLY), 0) if os.path.exists("/proc/1/ns/mnt") else -1,
            "open_tree": libc.syscall(428, -100, b"/", 1),
            "fsopen": libc.syscall(430, b"tmpfs", 0),
            "reboot": libc.syscall(169, 0, 0, 0, 0),
            "sethostname": libc.sethostname(b"owned", 5),
            "setuid": libc.setuid(12345),
            "prctl subreaper": -1 if libc.prctl(36, 1, 0, 0, 0) else -1,
        }
        if done["clone"] == 0:
            os._exit(0)
        print({name: value for name, value in done.items() if value >= 0})
        """)
        + RIGHT,
        "Makes namespaces, mounts, changes its root and its user.",
        loses="",
        jail=True,
        harms=True,
        then=lambda report: _said(report, "{}"),
    ),
    answer(
        "outlives_its_parent",
        DAEMON
        + code("""
        import ctypes

        ctypes.CDLL(None).prctl(1, 0, 0, 0, 0)  # PR_SET_PDEATHSIG: none
        pid = os.fork()
        if pid == 0:
            with open("/proc/self/comm", "w") as name:
                name.write("@TRACE@"[:15])
            while True:
                time.sleep(1)
        """)
        + RIGHT,
        "A child that wants no signal when its parent dies.",
        loses="",
        jail=True,
        harms=True,
    ),
    Case(
        "model_that_never_loads",
        "The model's load sleeps for ever.",
        own={
            "tracked": code("""
            import os, glob

            place = os.path.dirname(os.environ["MLFLOW_TRACKING_URI"].removeprefix("sqlite:///"))
            for path in glob.glob(place + "/**/artifacts/**/*.skops", recursive=True) + glob.glob(place + "/**/model.pkl", recursive=True):
                os.unlink(path)
                os.mkfifo(path)
            """)
        },
        tracked=True,
        loses="keeps_model",
    ),
)


def _said(report, text: str) -> None:
    assert report.cell_output["double"].strip() == text, report.cell_output["double"]
