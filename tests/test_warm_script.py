"""A file that runs in a fork of a warm parent does what it does as `python FILE`."""

import os
import sys
import time

import pytest

from grader.jail.folders import free_port
from grader.jail.processes import LocalProcess, start_here
from grader.jail.zygote import Zygote

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")

SAYS = """
import os, sys, __main__
import helper
print(sys.argv[1:], __name__, __file__ == sys.argv[0], helper.HERE, os.environ["COLOUR"], sys.stdin.read() == "")
print(__main__.SEEN if hasattr(__main__, "SEEN") else "no SEEN", "SEATRIAL_HOME" in os.environ)
SEEN = "seen"
print(__main__.SEEN, os.path.basename(os.getcwd()), "to stderr", file=sys.stderr)
"""
ENDS = {
    "falls off its end": "print('done')",
    "exits with 3": "raise SystemExit(3)",
    "exits with True": "import sys; sys.exit(True)",
    "exits with 257": "import sys; sys.exit(257)",
    "exits with a text": "import sys; sys.exit('no data')",
    "raises": "print('before', flush=True); 1 / 0",
    "does not parse": "def (",
    "ends at once": "import os; os._exit(7)",
    "is killed": "import os, signal; os.kill(os.getpid(), signal.SIGKILL)",
    "has an exit handler": "import atexit; atexit.register(print, 'last'); raise SystemExit(2)",
    "has a thread": "import threading, time\n"
    "threading.Thread(target=lambda: (time.sleep(0.2), print('thread'))).start()\nprint('main')",
    "starts a Python": "import subprocess, sys\nprint(subprocess.run([sys.executable, '-c', 'print(40 + 2)'], "
    "capture_output=True, text=True).stdout)",
    "keeps a class": "import pickle\nclass Kept: pass\nprint(type(pickle.loads(pickle.dumps(Kept()))) is Kept)",
    "uses a pool": "import multiprocessing\n\ndef twice(n): return 2 * n\n\nif __name__ == '__main__':\n"
    "    with multiprocessing.get_context('spawn').Pool(1) as pool: print(pool.map(twice, [1, 2]))",
}


@pytest.fixture(scope="module")
def zygote():
    parent = Zygote(["json", "numpy"], [])
    yield parent
    parent.close()


def both(zygote, folder, arguments, **more):
    """(exit code, output) of a Python of its own, and of a fork."""
    found = []
    for start in (start_here, zygote.start_warm):
        with LocalProcess(
            arguments, folder=folder, env={"COLOUR": "red"}, port=0, limit_seconds=60, start=start, **more
        ) as process:
            code = process.wait()
            found.append((code, process.output))
    return found


def test_it_has_its_arguments_folder_variables_and_helpers(zygote, tmp_path):
    (tmp_path / "says.py").write_text(SAYS)
    (tmp_path / "helper.py").write_text("HERE = 'helped'\n")
    for arguments in (["says.py", "a", "b c"], ["-m", "helper"]):
        fresh, warm = both(zygote, tmp_path, arguments)
        assert warm == fresh
        assert fresh[0] == 0
    assert "helped" in both(zygote, tmp_path, ["says.py"])[1][1]


@pytest.mark.parametrize("how", ENDS)
def test_it_ends_as_it_would(zygote, tmp_path, how):
    (tmp_path / "job.py").write_text(ENDS[how])
    fresh, warm = both(zygote, tmp_path, ["job.py"])
    assert warm[0] == fresh[0]
    if how in ("raises", "does not parse"):  # above the file's own lines a fork shows its own
        assert warm[1].splitlines()[-1] == fresh[1].splitlines()[-1]
        assert "Traceback" in warm[1] or how == "does not parse"
    else:
        assert warm[1] == fresh[1]


def test_two_forks_draw_different_numbers(zygote, tmp_path):
    (tmp_path / "draw.py").write_text("import random, numpy\nprint(random.random(), numpy.random.rand())\n")
    first, second = (both(zygote, tmp_path, ["draw.py"])[1] for _ in range(2))
    assert first[0] == 0
    assert not set(first[1].split()) & set(second[1].split())


def test_what_the_warm_parent_has_imported_is_not_imported_again(zygote, tmp_path):
    (tmp_path / "job.py").write_text("import sys\nprint('numpy' in sys.modules)\n")
    fresh, warm = both(zygote, tmp_path, ["job.py"], inherited={"PATH": os.path.dirname(sys.executable)})
    assert (fresh[1], warm[1]) == ("False\n", "True\n")


def test_a_service_is_reached_and_killed_with_what_it_started(zygote, tmp_path):
    (tmp_path / "service.py").write_text(
        "import http.server, os, subprocess, sys\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
        "print(child.pid, flush=True)\n"
        "http.server.HTTPServer(('127.0.0.1', int(os.environ['PORT'])), "
        "http.server.SimpleHTTPRequestHandler).serve_forever()\n"
    )
    with LocalProcess(
        ["service.py"],
        folder=tmp_path,
        env={},
        port=free_port(),
        limit_seconds=60,
        start=zygote.start_warm,
    ) as process:
        process.wait_for_port()
        child = int(process.output)
        assert process.running
        process.kill()
        assert process.exit_code == -9
    with pytest.raises(ProcessLookupError):
        for _ in range(200):
            os.kill(child, 0)
            time.sleep(0.02)
