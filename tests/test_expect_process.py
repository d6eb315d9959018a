"""Started files are reached, measured and ended, with everything that they started."""

from __future__ import annotations

import socket
import sys
import urllib.request
from pathlib import Path
from typing import Any

import psutil
import pytest

from grader import expect
from grader.expect import ExpectationFailed
from grader.jail import processes
from grader.jail.families import marked_processes
from grader.jail.processes import LocalProcess

SERVICE = """
import http.server, os

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"ok")

print("ready")
http.server.HTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
"""
FAMILY = """
import os, subprocess, sys, time
child = [sys.executable, "-c", "import time; time.sleep(60)"]
numbers = [subprocess.Popen(child).pid, subprocess.Popen(child, start_new_session=True).pid]
middle = "import subprocess, sys; print(subprocess.Popen(sys.argv[1:], start_new_session=True, stdout=2).pid)"
done = subprocess.run([sys.executable, "-c", middle, *child], stdout=subprocess.PIPE, text=True)
numbers.append(int(done.stdout))
with open("pids.part", "w") as file:
    file.write(" ".join(map(str, numbers)))
os.rename("pids.part", "pids")
time.sleep(60)
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def start(folder: Path, text: str, *args: str, **options: Any) -> LocalProcess:
    (folder / "program.py").write_text(text)
    defaults: dict[str, Any] = {"folder": folder, "env": {}, "port": False, "limit_seconds": 30}
    return LocalProcess(["program.py", *args], **{**defaults, **options})


def gone(pid: int) -> bool:
    try:
        process = psutil.Process(pid)
        process.wait(5)
    except psutil.NoSuchProcess:
        return True
    return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


def test_a_service_is_reached_at_its_port_and_ended(folder):
    """The process finds its port in PORT, and nothing listens there afterwards."""
    (folder / "service.py").write_text(SERVICE)
    with expect.process("service.py", port=True) as service:
        service.wait_for_port()
        body = urllib.request.urlopen(service.url, timeout=5).read()
        running = service.running

    assert body == b"ok"
    assert running
    assert not service.running
    assert service.output.startswith("ready\n")
    with pytest.raises(OSError), socket.create_connection(("127.0.0.1", service.port), timeout=1):
        pass


def test_the_port_stands_for_its_mark_in_arguments(folder):
    """ "{port}" in an argument is replaced."""
    with start(folder, "import sys; print(sys.argv[1:])", "--port={port}", port=True) as process:
        assert process.wait() == 0
        assert process.output.strip() == f"['--port={process.port}']"


def test_a_script_gives_its_exit_code_output_and_files(folder):
    """Files are read and written below the folder only."""
    text = "import sys; print(open('in.txt').read()); open('out.txt', 'w').write('b'); sys.exit(3)"
    (folder / "in.txt").write_text("a")
    with start(folder, text) as process:
        assert process.wait(20) == 3
        assert process.exit_code == 3
        assert process.read("out.txt") == b"b"
        process.write("more/in.txt", b"c")
        assert process.files() == ["in.txt", "more/in.txt", "out.txt", "program.py"]
        for name in ("../secret", "/etc/passwd", "."):
            with pytest.raises(ValueError, match="does not lie"):
                process.read(name)
        with pytest.raises(FileNotFoundError):
            process.read("none.txt")

    assert process.output == "a\n"


@pytest.mark.skipif(sys.platform == "win32", reason="links need a right there")
def test_links_do_not_lead_out_of_the_folder(folder, tmp_path_factory):
    """A link as a file or as a folder is not followed."""
    outside = tmp_path_factory.mktemp("outside")
    (outside / "secret").write_text("s")
    (folder / "file").symlink_to(outside / "secret")
    (folder / "sub").symlink_to(outside)
    with start(folder, "pass") as process:
        with pytest.raises(FileNotFoundError):
            process.read("file")
        with pytest.raises(ValueError, match="does not lie"):
            process.read("sub/secret")
        process.write("file", b"new")

    assert (outside / "secret").read_text() == "s"


def test_nothing_is_left_running_after_the_context(folder):
    """Children, children in a session of their own, and orphans end with it."""
    with start(folder, FAMILY) as process:
        process.wait_for_file("pids")
        pids = [int(part) for part in process.read("pids").split()]
        assert all(psutil.pid_exists(pid) for pid in pids)

    assert all(map(gone, pids))
    assert marked_processes(processes._MARK, process._mark) == []


def test_nothing_is_left_running_after_an_exception(folder):
    """An error inside of the context goes through, and the process is gone."""
    with pytest.raises(KeyError), start(folder, "import time; time.sleep(60)") as process:
        raise KeyError

    assert not process.running
    assert gone(process._process.pid)


def test_kill_and_the_limit_end_a_process(folder):
    """A process that is killed, or that outlives its limit, has a signal's exit code or 1."""
    with start(folder, "import time; time.sleep(60)") as process:
        process.kill()
        assert not process.running
    with start(folder, "import time; time.sleep(60)", limit_seconds=0.2) as slow:
        assert slow.wait(10) not in (0, None)


def test_waiting_in_vain_says_what_happened(folder):
    """Time that is over and a process that ended are told apart."""
    with start(folder, "import time; time.sleep(60)", port=True) as process:
        assert process.wait(0.01) is None
        with pytest.raises(TimeoutError, match="listened on port"):
            process.wait_for_port(0.05)
        with pytest.raises(TimeoutError, match=r"wrote out\.txt"):
            process.wait_for_file("out.txt", 0.05)
    early = start(folder, "raise SystemExit(4)", port=True)
    with early, pytest.raises(ConnectionError, match="exit code 4"):
        early.wait_for_port(20)


def test_waiting_in_vain_in_a_test_is_a_failure_with_four_parts(folder):
    """The learner reads the last line of the output; the coarse form has none of it."""
    (folder / "service.py").write_text("raise ValueError('no port')")
    with expect.process("service.py", port=True) as service:
        with pytest.raises(ExpectationFailed) as caught:
            service.wait_for_port()
        with pytest.raises(ExpectationFailed, match=r"got no file out\.txt"):
            service.read("out.txt")
    with pytest.raises(ExpectationFailed, match="got no such file"):
        expect.process("none.py")

    assert "ended with exit code 1" in str(caught.value)
    assert str(caught.value).endswith('Look at its last line, "ValueError: no port".')
    assert "ValueError" not in caught.value.got_coarse


def test_memory_is_measured_with_children(folder):
    """The peak covers what is freed again, and children."""
    child = "block = bytearray(80 << 20); print(len(block))"
    text = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}]); b = bytearray(60 << 20); del b"
    with start(folder, text) as process:
        assert process.wait() == 0

        assert 60 << 20 < process.peak_memory_bytes < 400 << 20


def test_output_is_bounded(folder):
    """Of much output the beginning and the end are kept."""
    with start(folder, "print('first'); print('x' * 3_000_000); print('last')") as process:
        process.wait()
        output = process.output

    assert len(output) < 1.1 * 2**20
    assert output.startswith("first")
    assert output.endswith("last\n")


def test_a_process_does_not_inherit_the_seed(folder, monkeypatch):
    """SEATRIAL_ variables stay behind unless they are given; others come along."""
    monkeypatch.setenv("SEATRIAL_SEED", "17")
    monkeypatch.setenv("OTHER", "kept")
    text = "import os; print(os.environ.get('SEATRIAL_SEED'), os.environ['OTHER'], os.environ['MODE'])"
    with start(folder, text, env={"MODE": "fast"}) as process:
        process.wait()

    assert process.output == "None kept fast\n"
