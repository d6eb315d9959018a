"""Fetching the file of an optional public set. Only `mle data fetch` calls this; nothing else downloads.

A file is taken for a set only if size and SHA-256 are the known ones, so a wrong or changed file can do no harm.
What arrived before a break is kept beside the target and gone on with (HTTP Range); the hash judges the whole.
"""

from __future__ import annotations

import os
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import httpx

from tidewater.real.locking import locked
from tidewater.real.public import FOLDER, PublicSet

REDIRECTS = 5
LOCK_PAUSE_SECONDS = 0.2
_LATER = frozenset({408, 425, 429, 500, 502, 503, 504})
_TAG_BYTES = 256


class FetchError(RuntimeError):
    """The set was not fetched; the message says why and what to do."""


class OfflineError(FetchError):
    """No server could be reached."""


class _TryAgain(Exception):
    """This attempt failed in a way that another may not."""

    def __init__(self, reason: str, *, unreachable: bool = False) -> None:
        super().__init__(reason)
        self.unreachable = unreachable


@dataclass(frozen=True)
class Patience:
    """How often and how long a download tries."""

    attempts: int = 5
    attempts_offline: int = 3  # as long as nothing was reached at all
    first_pause_seconds: float = 0.5
    longest_pause_seconds: float = 8.0
    connect_seconds: float = 10.0
    read_seconds: float = 20.0
    total_seconds: float = 600.0

    def pause_seconds(self, attempt: int) -> float:
        """The pause before an attempt, counted from 2: it doubles each time, up to the longest."""
        return min(self.first_pause_seconds * 2 ** (attempt - 2), self.longest_pause_seconds)


def _silent(_: object) -> None:
    """Says nothing."""


def fetch(
    wanted: PublicSet,
    target: Path,
    *,
    patience: Patience | None = None,
    tell: Callable[[str], None] = _silent,
    progress: Callable[[int], None] = _silent,
    pause: Callable[[float], None] = time.sleep,
) -> Path:
    """Makes `target` the set's file, downloading what is missing; returns its path.

    tell: gets a sentence when something takes another try; progress: the number of bytes that are here.
    Raises FetchError, or OfflineError if no server could be reached.
    """
    patience = patience or Patience()
    deadline = time.monotonic() + patience.total_seconds
    told: list[str] = []

    def wait() -> None:
        if not told:
            told.append("another process fetches it; waiting")
            tell(told[0])
        if time.monotonic() > deadline:
            raise FetchError(f"{wanted.name}: another process has been fetching it for too long")
        pause(LOCK_PAUSE_SECONDS)

    try:
        if wanted.is_whole(target):
            return target
        target.parent.mkdir(parents=True, exist_ok=True)
        with locked(target.with_name(f".{target.name}.lock"), wait):
            if not wanted.is_whole(target):
                with _client(patience) as client:
                    _Download(wanted, target, client, deadline, progress).run(patience, tell, pause)
    except OSError as error:
        raise FetchError(
            f"cannot keep {wanted.name} in {target.parent}: {error.strerror or error}. "
            f"Set {FOLDER} to a folder with room that you may write to"
        ) from error
    return target


def _client(patience: Patience) -> httpx.Client:
    limits = httpx.Timeout(patience.read_seconds, connect=patience.connect_seconds)
    try:
        return httpx.Client(timeout=limits)
    except (OSError, ValueError) as error:  # files and addresses in SSL_CERT_FILE, HTTPS_PROXY and the like
        raise FetchError(f"the settings of this machine's network cannot be used: {error}") from error


class _Download:
    """One set on its way into one folder; whoever makes it holds the lock."""

    def __init__(
        self,
        wanted: PublicSet,
        target: Path,
        client: httpx.Client,
        deadline: float,
        progress: Callable[[int], None],
    ) -> None:
        self.wanted = wanted
        self.target = target
        self.client = client
        self.deadline = deadline
        self.progress = progress
        self.part = target.with_name(f".{target.name}.part")
        self.tag = target.with_name(f".{target.name}.etag")
        self.joined = self.part.exists()  # whether the part may come from more than one answer

    def run(self, patience: Patience, tell: Callable[[str], None], pause: Callable[[float], None]) -> None:
        """Tries until the file is whole and in place."""
        reached = False
        reason = ""
        for attempt in range(1, patience.attempts + 1):
            if attempt > 1:
                tell(f"{reason}; attempt {attempt} of {patience.attempts}")
                pause(patience.pause_seconds(attempt))
            try:
                self.receive()
                self.put_in_place()
                return
            except _TryAgain as error:
                reason = str(error)
                reached = reached or not error.unreachable
                if not reached and attempt >= patience.attempts_offline:
                    break
        if reached:
            raise FetchError(
                f"{self.wanted.name}: {reason}; gave up after {patience.attempts} attempts. "
                "What came is kept; run the command again to go on"
            )
        raise OfflineError(
            f"{self.wanted.name} is not here and there is no network ({reason}): "
            f"the exercise uses {self.wanted.stand_in} instead"
        )

    def receive(self) -> None:
        """Gets what is missing from the part."""
        have = self.part.stat().st_size if self.part.exists() else 0
        if have > self.wanted.size_bytes:
            self.discard()
            have = 0
        if have == self.wanted.size_bytes:
            return
        headers = {"Accept-Encoding": "identity", "User-Agent": "seatrial"}
        if have:
            headers["Range"] = f"bytes={have}-"
            if self.tag.exists():
                headers["If-Range"] = self.tag.read_text(encoding="ascii")
        try:
            response = self.answer(headers)
            try:
                self.store(response, self.first_byte(response, have))
            finally:
                response.close()
        except httpx.TransportError as error:
            raise self.broken(error) from error

    def answer(self, headers: dict[str, str]) -> httpx.Response:
        """The answer behind at most five redirects, all of them to https."""
        request = self.client.build_request("GET", self.wanted.address, headers=headers)
        for _ in range(REDIRECTS + 1):
            if request.url.scheme != "https":
                raise FetchError(f"{self.wanted.name}: {request.url} is not https; it was not asked")
            response = self.client.send(request, stream=True)
            if response.next_request is None:
                return response
            response.close()
            request = response.next_request
        raise FetchError(f"{self.wanted.name}: the server redirects more than {REDIRECTS} times")

    def first_byte(self, response: httpx.Response, have: int) -> int:
        """Where in the file the answer's bytes belong; raises unless they can be the set's."""
        status = response.status_code
        if status in _LATER:
            raise _TryAgain(f"the server answered {status}")
        if status == 416 or (status == 206 and not self.continues(response, have)):
            self.discard()
            raise _TryAgain("the server has another file than the part that is here")
        if status not in (200, 206):
            raise FetchError(f"{self.wanted.name}: {self.wanted.address} answered {status}")
        start = have if status == 206 else 0
        length = response.headers.get("Content-Length", "")
        packed = response.headers.get("Content-Encoding", "identity") != "identity"
        if packed or (length.isdecimal() and start + int(length) != self.wanted.size_bytes):
            raise self.changed()
        return start

    def continues(self, response: httpx.Response, have: int) -> bool:
        """Whether a 206 has the rest of the file that was begun."""
        size = self.wanted.size_bytes
        return response.headers.get("Content-Range") == f"bytes {have}-{size - 1}/{size}"

    def store(self, response: httpx.Response, start: int) -> None:
        """Writes the answer to the part, from byte `start` on."""
        if start == 0:
            self.discard()
            tag = response.headers.get("ETag", "")
            if tag.startswith('"') and tag.isascii() and len(tag) <= _TAG_BYTES:  # a weak one names no bytes
                self.tag.write_text(tag, encoding="ascii")
        self.joined = start > 0
        position = start
        with self.part.open("ab") as file:
            for chunk in response.iter_raw():
                position += len(chunk)
                if position > self.wanted.size_bytes:
                    raise self.changed()
                file.write(chunk)
                file.flush()
                self.progress(position)
                if time.monotonic() > self.deadline:
                    raise FetchError(
                        f"{self.wanted.name}: the server is too slow, {position:,} of "
                        f"{self.wanted.size_bytes:,} bytes came. They are kept; run the command again to go on"
                    )
        if position < self.wanted.size_bytes:
            raise _TryAgain(f"the connection ended after {position:,} of {self.wanted.size_bytes:,} bytes")

    def put_in_place(self) -> None:
        """Moves the whole part to the target in one step, if it is the set's file."""
        if self.wanted.is_whole(self.part):
            with self.part.open("rb+") as file:
                os.fsync(file.fileno())
            os.replace(self.part, self.target)
            self.tag.unlink(missing_ok=True)
            return
        if self.joined:
            self.discard()
            raise _TryAgain("the pieces that came do not make the file")
        raise self.changed()

    def discard(self) -> None:
        """Forgets what came."""
        self.tag.unlink(missing_ok=True)
        self.part.unlink(missing_ok=True)
        self.joined = False

    def changed(self) -> FetchError:
        """Forgets what came, and says why."""
        self.discard()
        return FetchError(
            f"{self.wanted.name}: the file at {self.wanted.address} is not the one this course knows "
            f"(SHA-256 {self.wanted.sha256[:12]}...); nothing of it was kept"
        )

    def broken(self, error: httpx.TransportError) -> _TryAgain | FetchError:
        """What a failure of the connection means."""
        cause: BaseException | None = error
        while cause is not None:
            if isinstance(cause, ssl.SSLCertVerificationError):
                host = httpx.URL(self.wanted.address).host
                return FetchError(f"{self.wanted.name}: the certificate of {host} is not trusted: {cause}")
            cause = cause.__cause__ or cause.__context__
        unreachable = isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.ProxyError)
        words = str(error) or type(error).__name__
        return _TryAgain(f"connection: {words}", unreachable=unreachable)
