"""`mle data`, and downloads by processes of their own: killed, two at once, without room, without a network."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import faulty_server as faults
import pytest
from faulty_server import CONTENT, HALF
from tidewater import real
from tidewater.real.download import fetch
from tidewater.real.public import PublicSet

NOWHERE = "http://127.0.0.1:9"  # a proxy that is not there: no name is looked up, nothing leaves this machine

# What runs in a process of its own: argument 1 is the address, 2 the target; each step is a line of output.
CHILD = """
import sys, time
from dataclasses import replace
from pathlib import Path
from tidewater.real.download import fetch
from tidewater.real.public import PUBLIC
wanted = replace(PUBLIC["adult"], name="tides", address=sys.argv[1], sha256=sys.argv[3], size_bytes=int(sys.argv[4]))
say = lambda word: print(word, flush=True)
fetch(wanted, Path(sys.argv[2]), tell=say, progress=say)
say("whole")
"""


# `mle` as it is, but that the set "adult" is at another address.
COMMAND = """
import sys
from dataclasses import replace
from grader import cli
from tidewater.real.public import PUBLIC
address, sha256, size = sys.argv[1:4]
PUBLIC["adult"] = replace(PUBLIC["adult"], address=address, sha256=sha256, size_bytes=int(size))
cli.main(sys.argv[4:])
"""


@pytest.fixture
def server(tmp_path, monkeypatch):
    with faults.serving(tmp_path, monkeypatch) as server:
        yield server


@pytest.fixture
def tides(server):
    return faults.tides_at(server)


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "data" / "tides.csv"


def child(tides: PublicSet, target: Path, before: str = "") -> subprocess.Popen[str]:
    """A process of its own that fetches the set."""
    command = [sys.executable, "-c", before + CHILD, tides.address, str(target), tides.sha256]
    return subprocess.Popen(
        [*command, str(tides.size_bytes)], text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


def test_a_killed_download_goes_on(server, tides, target):
    """What was on the disk when the process died is not fetched again."""
    server.plan = [faults.stalled_after(HALF)]
    with child(tides, target) as process:
        assert process.stdout
        assert int(process.stdout.readline()) > 0
        process.kill()
    have = target.with_name(".tides.csv.part").stat().st_size
    fetch(tides, target)

    assert 0 < have <= HALF
    assert server.ranges == [None, f"bytes={have}-"]
    assert target.read_bytes() == CONTENT


def test_two_processes_fetch_once(server, tides, target):
    """The second waits for the first and finds the file there."""
    server.plan = [faults.stalled_after(HALF)]
    with child(tides, target) as first:
        assert first.stdout
        first.stdout.readline()
        with child(tides, target) as second:
            assert second.stdout
            assert second.stdout.readline() == "another process fetches it; waiting\n"
            server.release.set()
            assert second.stdout.read() == "whole\n"
        assert first.stdout.read().endswith("whole\n")

    assert server.ranges == [None]
    assert target.read_bytes() == CONTENT


@pytest.mark.skipif(sys.platform == "win32", reason="limits of size are POSIX")
def test_a_full_disk_is_named_and_gone_on_with(server, tides, target):
    """A write that fails half-way leaves a part that the next run completes."""
    limit = f"import resource; resource.setrlimit(resource.RLIMIT_FSIZE, ({HALF}, {HALF}))\n"
    with child(tides, target, before=limit) as process:
        _, errors = process.communicate()
    assert "FetchError: cannot keep tides in" in errors
    fetch(tides, target)

    assert target.read_bytes() == CONTENT


def mle(*arguments: str, data: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """The command in a process of its own, with its output in pipes."""
    settings = os.environ | {"SEATRIAL_DATA": str(data)} | environment
    command = [sys.executable, "-m", "grader.cli", "data", *arguments]
    return subprocess.run(command, text=True, capture_output=True, env=settings, check=False)


def test_fetch_keeps_the_file_and_says_where(server, tides, tmp_path):
    """One line with path, rows and licence, no progress bar in a pipe; the second time nobody is asked."""
    command = [sys.executable, "-c", COMMAND, tides.address, tides.sha256, str(tides.size_bytes)]
    settings = os.environ | {"SEATRIAL_DATA": str(tmp_path / "data")}
    runs = [
        subprocess.run([*command, "data", "fetch", "adult"], text=True, capture_output=True, env=settings)
        for _ in range(2)
    ]

    kept = tmp_path / "data" / "adult.csv"
    assert [run.returncode for run in runs] == [0, 0]
    assert [run.stderr for run in runs] == ["", ""]
    assert runs[0].stdout == f"fetched: {kept} (48,842 rows, CC BY 4.0)\n"
    assert runs[1].stdout.startswith("here already: ")
    assert kept.read_bytes() == CONTENT
    assert server.ranges == [None]


def test_fetch_without_a_network_is_one_line_and_exit_2(tmp_path):
    """It names what the exercise uses in its place."""
    run = mle("fetch", "sms_spam", data=tmp_path, HTTPS_PROXY=NOWHERE, https_proxy=NOWHERE)

    assert (run.returncode, run.stdout) == (2, "")
    assert re.fullmatch(
        r"Error: sms_spam is not here and there is no network \(.*\): the exercise uses .* instead\n",
        run.stderr,
    )


def test_fetch_offers_the_nearest_name(tmp_path):
    """A typing error ends with 2; a set that ships needs no fetching."""
    wrong, ships = mle("fetch", "adlt", data=tmp_path), mle("fetch", "iris", data=tmp_path)

    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert wrong.stderr == 'Error: no data set named "adlt". Did you mean "adult"?\n'
    assert (ships.returncode, ships.stdout) == (
        0,
        "iris ships with the course; there is nothing to fetch\n",
    )


def test_list_tells_what_is_here(tmp_path):
    """Every set with its state, as text and as JSON; a file with other bytes is not here."""
    (tmp_path / "adult.csv").write_text("39,State-gov\n")
    text, listed = mle("list", data=tmp_path), mle("list", "--json", data=tmp_path)
    sets = json.loads(listed.stdout)["sets"]

    assert [entry["name"] for entry in sets] == [*real.NAMES, *real.OPTIONAL]
    assert {entry["name"] for entry in sets if entry["here"]} == set(real.NAMES)
    assert {entry["name"] for entry in sets if entry["optional"]} == set(real.OPTIONAL)
    assert all(name in text.stdout for name in (*real.NAMES, *real.OPTIONAL))
    assert "mle data fetch NAME" in text.stdout
