"""Fetching the optional sets, from a real server that fails in every way that servers do."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import faulty_server as faults
import pytest
from faulty_server import CONTENT, HALF
from tidewater.real.download import FetchError, OfflineError, Patience, fetch
from tidewater.real.public import PUBLIC, PublicSet

OTHER = CONTENT.replace(b"7", b"8")
QUICK = Patience(read_seconds=5.0)


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


def got(tides: PublicSet, target: Path, patience: Patience = QUICK) -> tuple[list[float], list[str]]:
    """Fetches, without waiting; returns the pauses that it would have made, and what it told."""
    pauses: list[float] = []
    told: list[str] = []
    fetch(tides, target, patience=patience, pause=pauses.append, tell=told.append)
    return pauses, told


def begun(target: Path, content: bytes, etag: str | None = '"first"') -> None:
    """As if an earlier run had come so far."""
    target.parent.mkdir(parents=True)
    target.with_name(".tides.csv.part").write_bytes(content)
    if etag:
        target.with_name(".tides.csv.etag").write_text(etag)


def leftovers(target: Path) -> set[str]:
    """Files beside the target but the lock."""
    return {path.name for path in target.parent.iterdir()} - {target.name, ".tides.csv.lock"}


def test_a_file_is_fetched_once(server, tides, target):
    """Whole, with nothing beside it; the second time nobody is asked."""
    got(tides, target)
    got(tides, target)

    assert target.read_bytes() == CONTENT
    assert leftovers(target) == set()
    assert server.ranges == [None]


def test_a_broken_connection_is_gone_on_with(server, tides, target):
    """The next attempt asks for the rest only, after a pause, and says so."""
    server.plan = [faults.broken_after(HALF)]
    pauses, told = got(tides, target)

    assert target.read_bytes() == CONTENT
    assert server.ranges == [None, f"bytes={HALF}-"]
    assert pauses == [QUICK.first_pause_seconds]
    assert "attempt 2 of 5" in told[0]


def test_a_body_that_ends_early_without_a_length_is_gone_on_with(server, tides, target):
    """The known size tells that bytes are missing, where the protocol does not."""
    server.plan = [faults.unmeasured(CONTENT[:HALF])]
    got(tides, target)

    assert target.read_bytes() == CONTENT
    assert server.ranges == [None, f"bytes={HALF}-"]


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_server_in_trouble_is_asked_again(server, tides, target, status):
    """Errors that pass do; pauses double."""
    server.plan = [faults.answers(status)] * 2
    pauses, _ = got(tides, target)

    assert target.read_bytes() == CONTENT
    assert pauses == [0.5, 1.0]


def test_attempts_are_bounded_and_keep_what_came(server, tides, target):
    """After the last one the reason is named, and the next run goes on."""
    server.plan = [faults.broken_after(HALF), *[faults.answers(500)] * 4]
    with pytest.raises(FetchError, match="answered 500; gave up after 5 attempts"):
        got(tides, target)
    assert not target.exists()
    got(tides, target)

    assert target.read_bytes() == CONTENT
    assert server.ranges[-1] == f"bytes={HALF}-"
    assert len(server.ranges) == 6


@pytest.mark.parametrize("status", [403, 404, 410])
def test_a_plain_no_is_not_asked_twice(server, tides, target, status):
    """A file that is gone does not come back within seconds."""
    server.plan = [faults.answers(status)]
    with pytest.raises(FetchError, match=f"answered {status}"):
        got(tides, target)

    assert len(server.ranges) == 1


def test_a_wrong_file_of_the_right_size_is_refused(server, tides, target):
    """The hash decides, and nothing is kept of it."""
    server.content = OTHER
    with pytest.raises(FetchError, match="not the one this course knows"):
        got(tides, target)

    assert len(OTHER) == len(CONTENT)
    assert not target.exists()
    assert leftovers(target) == set()


@pytest.mark.parametrize("content", [CONTENT + b"x", CONTENT[:-1]], ids=["longer", "shorter"])
def test_a_file_of_another_size_is_refused_at_its_head(server, tides, target, content):
    """Its length is known before its first byte."""
    server.content = content
    with pytest.raises(FetchError, match="not the one this course knows"):
        got(tides, target)

    assert len(server.ranges) == 1


def test_an_endless_file_is_cut_off(server, tides, target):
    """Without a length, no more is written than the known size."""
    server.plan = [faults.unmeasured(CONTENT * 50)]
    positions: list[int] = []
    with pytest.raises(FetchError, match="not the one this course knows"):
        fetch(tides, target, progress=positions.append)

    assert max(positions) <= len(CONTENT)
    assert leftovers(target) == set()


def test_a_packed_answer_is_refused(server, tides, target):
    """Plain bytes were asked for; a packed body cannot be resumed or measured."""
    server.plan = [faults.packed]
    with pytest.raises(FetchError, match="not the one this course knows"):
        got(tides, target)


def test_a_server_that_ignores_range_sends_all_again(server, tides, target):
    """A 200 starts at byte 0, whatever was asked for."""
    begun(target, CONTENT[:HALF])
    server.plan = [faults.whole]
    got(tides, target)

    assert target.read_bytes() == CONTENT
    assert server.ranges == [f"bytes={HALF}-"]


def test_a_file_that_changed_meanwhile_is_begun_again(server, tides, target):
    """If-Range with the tag of the earlier answer makes the server send the new file whole."""
    begun(target, OTHER[:HALF], etag='"older"')
    got(tides, target)

    assert target.read_bytes() == CONTENT
    assert server.ranges == [f"bytes={HALF}-"]


def test_pieces_that_do_not_fit_are_begun_again(server, tides, target):
    """A server that takes no notice of If-Range is found out by the hash."""
    begun(target, OTHER[:HALF], etag=None)
    _, told = got(tides, target)

    assert target.read_bytes() == CONTENT
    assert server.ranges == [f"bytes={HALF}-", None]
    assert "do not make the file" in told[0]


@pytest.mark.parametrize(
    ("size", "asked"), [(HALF, [f"bytes={HALF}-"]), (len(CONTENT), []), (len(CONTENT) + 9, [None])]
)
def test_any_part_left_by_an_earlier_run_leads_to_the_file(server, tides, target, size, asked):
    """Right bytes are used, a whole file needs no request, and one that is too long is thrown away."""
    begun(target, (CONTENT + b"too much, too long")[:size], etag=None)
    got(tides, target)

    assert target.read_bytes() == CONTENT
    assert server.ranges == asked


@pytest.mark.parametrize("step", [faults.answers(416), faults.displaced], ids=["416", "another part"])
def test_a_server_without_the_rest_is_asked_for_all(server, tides, target, step):
    """Whether it has no such part or sends another one, what came before goes."""
    begun(target, CONTENT[:HALF])
    server.plan = [step]
    got(tides, target)

    assert target.read_bytes() == CONTENT
    assert server.ranges == [f"bytes={HALF}-", None]


def test_a_redirect_is_followed_to_https_only(server, tides, target):
    """The same server over https is fine; http is not even asked."""
    server.plan = [faults.answers(302, Location=server.address)]
    got(tides, target)
    assert target.read_bytes() == CONTENT

    target.unlink()
    server.plan = [faults.answers(301, Location=server.address.replace("https", "http"))]
    with pytest.raises(FetchError, match=r"http://.* is not https; it was not asked"):
        got(tides, target)
    assert len(server.ranges) == 3


def test_redirects_are_bounded(server, tides, target):
    """A circle ends."""
    server.plan = [faults.answers(302, Location=server.address)] * 9
    with pytest.raises(FetchError, match="redirects more than 5 times"):
        got(tides, target)


def test_an_address_without_https_is_refused(tides, target):
    """The table cannot get it wrong either."""
    with pytest.raises(FetchError, match="is not https"):
        got(replace(tides, address=tides.address.replace("https", "http")), target)

    assert all(each.address.startswith("https://") for each in PUBLIC.values())


def test_a_stalled_server_is_given_up_on_and_gone_on_with(server, tides, target):
    """Silence longer than the limit ends the attempt, not the download."""
    server.plan = [faults.stalled_after(HALF)]
    pauses, _ = got(tides, target, Patience(read_seconds=0.2))

    assert target.read_bytes() == CONTENT
    assert len(pauses) == 1


def test_a_slow_server_is_given_up_on_in_the_end(server, tides, target):
    """The whole has a limit too; what came is kept and gone on with."""
    with pytest.raises(FetchError, match=r"too slow, .* They are kept"):
        got(tides, target, Patience(total_seconds=0.0))
    got(tides, target)

    assert target.read_bytes() == CONTENT
    assert server.ranges[1] is not None


def test_an_unknown_certificate_is_not_trusted(server, tides, target, monkeypatch):
    """That does not pass by trying again."""
    monkeypatch.delenv("SSL_CERT_FILE")
    with pytest.raises(FetchError, match=r"certificate of 127.0.0.1 is not trusted"):
        got(tides, target)

    assert server.ranges == []


def test_offline_says_what_the_exercise_uses_instead(server, tides, target):
    """Where nothing can be reached, after few attempts, with the stand-in that ships."""
    server.server_close()
    pauses: list[float] = []
    with pytest.raises(OfflineError, match=r'no network .*: the exercise uses load\("randhie"\) instead'):
        fetch(tides, target, pause=pauses.append)

    assert pauses == [0.5, 1.0]


def test_a_folder_that_cannot_be_written_is_named(server, tides, tmp_path):
    """With the setting that chooses another."""
    (tmp_path / "file").touch()
    with pytest.raises(FetchError, match=r"cannot keep tides in .*Set SEATRIAL_DATA"):
        got(tides, tmp_path / "file" / "tides.csv")
