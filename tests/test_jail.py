"""The jail: learner code works in it as anywhere, sees nothing of this machine, and leaves nothing behind."""

import contextlib
import json
import os
import queue
import signal
import socket
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import cast

import psutil
import pytest
from small_course import COURSE, MODULES, by_name, notebook_of, report_of
from small_unit import THREE_ANSWERS, body, unit_of

from grader.errors import WorkerLost
from grader.jail import cgroups, isolation
from grader.jail.isolation import Isolation, IsolationMissing, probe, require
from grader.jailed import JailedWorkers
from grader.model import Outcome
from grader.notebook import submission_from
from grader.runner import run
from grader.workers import grading_workers

FULL = probe().level is Isolation.FULL
pytestmark = pytest.mark.skipif(not FULL, reason=f"no full isolation on this machine: {probe().why}")
UNITS = ["add-up", "tidy-file", "killed-job", "small-service", "logged-run"]


@contextlib.contextmanager
def jails() -> Iterator[Callable[[], JailedWorkers]]:
    """A function that makes a worker with a jail of its own."""
    with grading_workers(MODULES) as make:
        yield cast(Callable[[], JailedWorkers], make)


@pytest.fixture(scope="module")
def jailed():
    with grading_workers([*MODULES, "mlflow", "sklearn.linear_model"]) as make:
        yield make()


@pytest.fixture
def said(tmp_path, jailed, unit):
    """A function: what a learner's cell prints in the jail; the unit's answers are right and earn all points."""

    def said(code: str) -> str:
        path = notebook_of(tmp_path, unit, own={"double": code})
        report = report_of(path, unit, jailed)
        assert report.cell_errors == {}
        assert report.points == report.max_points
        return report.cell_output.get("own-1", "")

    return said


@pytest.fixture
def judged_in_jail(tmp_path, jailed):
    def judge(unit, answers=None, own=None, seed=None):
        return report_of(notebook_of(tmp_path, unit, answers, own), unit, jailed, seed=seed)

    return judge


def left(jailed) -> list[psutil.Process]:
    """Processes below the warm parent that still run when all that were killed have had time to end."""
    deadline = time.monotonic() + 10
    running = [psutil.Process(jailed.jail.pid)]
    while running and time.monotonic() < deadline:
        time.sleep(0.02)
        running = []
        for child in psutil.Process(jailed.jail.pid).children(recursive=True):
            with contextlib.suppress(psutil.NoSuchProcess):
                running += [child] if child.status() != psutil.STATUS_ZOMBIE else []
    return running


# ---- work that must not be punished


@pytest.mark.parametrize("name", UNITS)
def test_every_kind_of_answer_is_judged_in_the_jail(jailed, name):
    """Functions, files, killed jobs, services and runs: the right answer earns all, a wrong one what it deserves."""
    unit = COURSE.exercise(name)

    assert run(unit, submission_from(unit), jailed).points == unit.max_points
    for wrong in unit.wrong[:2]:
        report = run(unit, submission_from(unit, {wrong.of: wrong.text}), jailed)
        failed = {result.name for result in report.results if result.outcome is not Outcome.PASSED}
        assert failed & set(wrong.caught_by)


def test_an_untouched_notebook_earns_nothing(jailed):
    for name in UNITS:
        unit = COURSE.exercise(name)
        untouched = [answer.name for answer in unit.answers]
        assert run(unit, submission_from(unit, untouched=untouched), jailed).points == 0


def test_files_beside_the_notebook_are_there(tmp_path, said):
    """Also in folders below; what is no plain file stays outside."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "rows.csv").write_text("1,2\n")
    (tmp_path / "helper.py").write_text("answer = 42\n")
    (tmp_path / "link").symlink_to("/etc/passwd")

    text = said(
        "import os, helper\nprint(helper.answer, open('data/rows.csv').read(), os.path.exists('link'))"
    )

    assert text == "42 1,2\n False\n"


def test_a_cell_can_print_a_megabyte_and_write_files(said):
    assert "bytes in all" in said("print('x' * 10**6)\nopen('/tmp/big', 'wb').write(bytes(50_000_000))\n")


def test_processes_and_threads_of_the_learner_work(said):
    code = (
        "import subprocess, sys, threading, multiprocessing.shared_memory as shared\n"
        "print(subprocess.run([sys.executable, '-c', 'print(6 * 7)'], capture_output=True, text=True).stdout)\n"
        "thread = threading.Thread(target=print, args=('thread',)); thread.start(); thread.join()\n"
        "block = shared.SharedMemory(create=True, size=100); block.close(); block.unlink()\n"
    )
    assert said(code).split() == ["42", "thread"]


# ---- walls


def test_nothing_of_this_machine_can_be_seen(said, tmp_path, monkeypatch):
    """Neither files nor variables nor processes, of the course only the package that notebooks import."""
    monkeypatch.setenv("SEATRIAL_CANARY", "variable of the supervisor")
    root = str(Path(__file__).parent.parent)
    text = said(
        "import os, sys, grader\n"
        f"for path in ({str(tmp_path)!r}, '/home', '/var', '/etc/shadow', '/run', {root!r} + '/solutions',"
        f" {root!r} + '/tests', {root!r} + '/.git'):\n"
        "    print(path, os.path.exists(path))\n"
        "print(sorted(int(p) for p in os.listdir('/proc') if p.isdigit()), os.getpid())\n"
        "print([name for name in os.environ if 'SEATRIAL' in name], os.environ.get('HOME'))\n"
    )
    lines = text.splitlines()
    below_home = str(root).startswith("/home")
    assert [line for line in lines if line.endswith("True") and not below_home] == []
    assert "[1] 1" in text
    assert lines[-1].endswith("/tmp")
    assert "CANARY" not in text
    assert "SEATRIAL_SEED" not in text


def test_there_is_no_network_but_a_private_loopback(said):
    """A server of this machine's own on 127.0.0.1 is not reached, nor anything else."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        text = said(
            "import socket\n"
            f"for place in (('127.0.0.1', {server.getsockname()[1]}), ('192.0.2.1', 80), ('10.0.0.1', 22)):\n"
            "    try:\n"
            "        socket.create_connection(place, timeout=2)\n"
            "        print('reached', place)\n"
            "    except OSError as error:\n"
            "        print(type(error).__name__)\n"
            "own = socket.create_server(('127.0.0.1', 0))\n"
            "socket.create_connection(own.getsockname(), timeout=2)\n"
            "print('own loopback works')\n"
        )
    assert text.split("\n")[0] == "ConnectionRefusedError"
    assert "reached" not in text
    assert "own loopback works" in text


def test_there_are_no_rights_and_dangerous_calls_are_refused(said):
    text = said(
        "import ctypes, os\n"
        "libc = ctypes.CDLL(None, use_errno=True)\n"
        "print([line.split()[1] for line in open('/proc/self/status') if line.startswith(('CapEff', 'CapBnd'))])\n"
        "for name, arguments in {'unshare': (0x10000000,), 'mount': (b'none', b'/tmp', b'tmpfs', 0, None),\n"
        "        'umount2': (b'/tmp', 2), 'ptrace': (0, 1, 0, 0), 'setns': (0, 0), 'chroot': (b'/tmp',),\n"
        "        'syscall': (425, 1, 0), 'keyctl': (0, 0)}.items():\n"
        "    call = getattr(libc, name, None)\n"
        "    if call is not None:\n"
        "        print(name, call(*arguments), ctypes.get_errno())\n"
    )
    lines = text.splitlines()
    assert set(json.loads(lines[0].replace("'", '"'))) == {"0000000000000000"}
    assert len(lines) >= 7
    assert all(line.split()[1:] == ["-1", "1"] for line in lines[1:])


def test_the_library_and_the_system_cannot_be_written(said):
    text = said(
        "import grader, os, sys\n"
        "for path in (grader.__file__, sys.executable, '/usr/bin/env', '/etc/passwd', '/new', '/dev/new',\n"
        "        '/proc/sys/net/core/somaxconn', '/proc/sys/net/ipv4/tcp_syncookies', '/proc/sys/kernel/shmmax'):\n"
        "    try:\n"
        "        open(path, 'ab').close()\n"
        "        print('written', path)\n"
        "    except OSError as error:\n"
        "        print(error.errno)\n"
    )
    assert set(text.split()) <= {"13", "30", "26"}


def test_two_jails_do_not_see_each_other(tmp_path, unit):
    """Neither processes nor sockets without a name in the file system."""
    with jails() as make:
        one, other = make(), make()
        one.jail.wait_ready()
        events: queue.SimpleQueue = queue.SimpleQueue()
        one.stage(unit, None)
        child = one.jail.fork("grader.learner", events)
        code = (
            "import os, socket\nprint([p for p in os.listdir('/proc') if p.isdigit()])\n"
            "print(open('/proc/net/unix').read().count('@'))"
        )
        path = notebook_of(tmp_path, unit, own={"double": code})
        assert report_of(path, unit, other).cell_output["own-1"] == "['1']\n0\n"
        assert child.alive
        child.close()


# ---- bounds


def test_the_memory_of_a_whole_tree_is_bounded(judged_in_jail, unit):
    """Each process alone stays below the limit of 400 MB."""
    lines = (
        "import subprocess, sys\n"
        "hold = 'import time; kept = bytearray(b\"x\") * 200_000_000; time.sleep(60)'\n"
        "kept = [subprocess.Popen([sys.executable, '-c', hold]) for _ in range(4)]\n"
        "kept[0].wait()\nfor child in kept: child.wait()"
    )
    results = by_name(judged_in_jail(unit, {"largest": body(lines, "largest", "numbers")}))

    assert results["finds_largest"].outcome is not Outcome.PASSED
    assert results["doubles"].points == 1
    assert results["shouts"].points == 4


def test_one_process_that_takes_too_much_is_out_of_memory(judged_in_jail, unit):
    lines = "kept = []\nwhile True: kept.append(bytearray(b'x' * 5_000_000))"
    results = by_name(judged_in_jail(unit, {"largest": body(lines, "largest", "numbers")}))

    assert results["finds_largest"].outcome is Outcome.OUT_OF_LIMITS


def test_the_disk_is_bounded_and_empty_for_the_next(said, unit):
    """Files count as memory of the tree as well, so the unit gets more than the disk."""
    object.__setattr__(unit.header, "limit_megabytes", 2000)
    text = said(
        "try:\n"
        "    for number in range(100):\n"
        "        with open(f'/tmp/{number}', 'wb') as file:\n"
        "            file.write(bytes(50_000_000))\n"
        "except OSError as error:\n"
        "    print(error.errno, number)\n"
        "import glob, os\n"
        "for path in glob.glob('/tmp/[0-9]*'):\n"
        "    os.remove(path)\n"
        "open('/tmp/left', 'w').close(); open('left', 'w').close(); open('/dev/shm/left', 'w').close()\n"
    )
    assert text.split()[0] == "28"
    assert int(text.split()[1]) < 12
    assert "left" not in said("import os\nprint(os.listdir('/tmp'), os.listdir('.'), os.listdir('/dev/shm'))")


def test_a_fork_bomb_is_bounded(judged_in_jail, unit, jailed):
    """It runs into the limit of processes; nothing of it is left, and the next submission is well."""
    lines = "import os\nwhile True:\n    try:\n        os.fork()\n    except OSError:\n        pass"
    small = unit_of(Path(tempfile.mkdtemp()), THREE_ANSWERS.replace("limit_seconds: 20", "limit_seconds: 2"))
    report = judged_in_jail(small, {"largest": body(lines, "largest", "numbers")})

    assert by_name(report)["finds_largest"].outcome is not Outcome.PASSED
    assert left(jailed) == []
    assert judged_in_jail(unit).points == unit.max_points


# ---- ends


def test_nothing_is_left_of_a_submission(judged_in_jail, unit, jailed):
    """Processes that detached themselves are gone, and the seat with them."""
    code = (
        "import os, subprocess, sys\n"
        "if os.fork() == 0:\n"
        "    os.setsid()\n"
        "    if os.fork() == 0:\n"
        "        import signal, time\n"
        "        signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "        time.sleep(600)\n"
        "    os._exit(0)\n"
        "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'], start_new_session=True)\n"
    )
    assert judged_in_jail(unit, own={"double": code}).points == unit.max_points
    assert left(jailed) == []


def test_a_closed_worker_leaves_no_process_folder_or_group(unit):
    with jails() as make:
        workers = make()
        run(unit, submission_from(unit), workers)
        pid, folder = workers.jail.pid, workers.jail.folder
        group = workers.jail.group_folder
        assert folder.is_dir()
    assert not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    assert not folder.exists()
    assert group is None or not group.exists()


def test_a_worker_that_is_killed_is_no_learners_fault(unit):
    """The run says so by its exception; a new worker gives the points."""
    with jails() as make:
        workers = make()
        workers.jail.wait_ready()
        os.kill(workers.jail.pid, signal.SIGKILL)
        with pytest.raises(WorkerLost):
            run(unit, submission_from(unit), workers)
        workers.close()
        assert run(unit, submission_from(unit), make()).points == unit.max_points


def test_what_a_killed_supervisor_left_is_removed_by_the_next(unit):
    """Its jails end with it; folders and groups are found by the number of the process that made them."""
    gone = 2**22 - 3
    assert not psutil.pid_exists(gone)
    folder = Path(tempfile.gettempdir()) / f"seatrial-jail-{gone}-test"
    folder.mkdir()
    with jails() as make:
        make()
    assert not folder.exists()


# ---- the probe


def test_what_is_missing_is_named_with_its_command(monkeypatch):
    monkeypatch.setattr(isolation.bubblewrap, "executable", lambda: None)
    monkeypatch.setattr(isolation.seccomp, "library", lambda: None)
    found = isolation.probe.__wrapped__()

    assert found.level is Isolation.REDUCED
    assert "apt install bubblewrap" in found.why
    assert "apt install libseccomp2" in found.why
    monkeypatch.setattr(isolation, "probe", lambda: found)
    with pytest.raises(IsolationMissing, match="--isolation reduced"):
        require(Isolation.FULL)
    assert require(Isolation.REDUCED) is Isolation.REDUCED


def test_a_group_of_processes_is_killed_as_one_bound_says():
    group = cgroups.make_group()
    if group is None:
        pytest.skip("no control group can be made here")
    with contextlib.closing(group):
        group.limit(50, 20)
        child = os.fork()
        if child == 0:
            while not group.has(os.getpid()):
                time.sleep(0.001)
            kept = bytearray(b"x") * 200_000_000
            os._exit(len(kept) % 2)
        group.add(child)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
        assert group.killed()
        group.limit(50, 20)
        assert not group.killed()
