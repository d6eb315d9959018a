"""An HTTPS server on this machine that serves one file, and misbehaves as it is told."""

import contextlib
import datetime
import hashlib
import ipaddress
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from tidewater.real.public import PUBLIC, PublicSet

CONTENT = b"".join(b"%06d,%03d\n" % (row, row * 7 % 993) for row in range(20_000))
HALF = len(CONTENT) // 2
Step = Callable[["Handler"], None]


def write_certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1 that nobody has signed but itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.UTC)
    address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(address, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    public, private = folder / "certificate.pem", folder / "key.pem"
    public.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return public, private


class Server(ThreadingHTTPServer):
    """Serves `content`; each request takes the next step of `plan`, and after the last one behaves well."""

    daemon_threads = True

    def __init__(self, content: bytes, etag: str = '"first"') -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.content = content
        self.etag = etag
        self.plan: list[Step] = []
        self.ranges: list[str | None] = []  # the Range of each request that came
        self.release = threading.Event()  # lets stalled answers end

    @property
    def address(self) -> str:
        return f"https://127.0.0.1:{self.server_address[1]}/tides.csv"

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that goes away is part of the tests."""


class Handler(BaseHTTPRequestHandler):
    """One request."""

    protocol_version = "HTTP/1.1"
    server: Server

    def do_GET(self) -> None:
        self.close_connection = True
        self.server.ranges.append(self.headers["Range"])
        step = self.server.plan.pop(0) if self.server.plan else well
        step(self)

    def log_request(self, code: object = "-", size: object = "-") -> None:
        """Quiet."""

    def head(self, status: int, length: int | None, **headers: str) -> None:
        """The head of an answer."""
        self.send_response(status)
        self.send_header("Connection", "close")
        if length is not None:
            self.send_header("Content-Length", str(length))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()


def well(handler: Handler) -> None:
    """The file, or the part of it that was asked for, if it is still the same."""
    wanted, condition = handler.headers["Range"], handler.headers["If-Range"]
    if wanted is None or condition not in (None, handler.server.etag):
        whole(handler)
    else:
        rest(handler)


def whole(handler: Handler) -> None:
    """All of it, whatever was asked for."""
    handler.head(200, len(handler.server.content), ETag=handler.server.etag)
    handler.wfile.write(handler.server.content)


def rest(handler: Handler) -> None:
    """The part that was asked for, whatever the file is now; 416 where there is none."""
    content = handler.server.content
    start = int(handler.headers["Range"].removeprefix("bytes=").removesuffix("-"))
    if start >= len(content):
        handler.head(416, 0, Content_Range=f"bytes */{len(content)}")
        return
    place = f"bytes {start}-{len(content) - 1}/{len(content)}"
    handler.head(206, len(content) - start, ETag=handler.server.etag, Content_Range=place)
    handler.wfile.write(content[start:])


def answers(status: int, **headers: str) -> Step:
    """Nothing but a status."""
    return lambda handler: handler.head(status, 0, **headers)


def broken_after(size: int) -> Step:
    """The promised length, but only the first bytes of it."""

    def step(handler: Handler) -> None:
        handler.head(200, len(handler.server.content), ETag=handler.server.etag)
        handler.wfile.write(handler.server.content[:size])

    return step


def stalled_after(size: int) -> Step:
    """The first bytes, and the others when the server is released."""

    def step(handler: Handler) -> None:
        handler.head(200, len(handler.server.content), ETag=handler.server.etag)
        handler.wfile.write(handler.server.content[:size])
        handler.wfile.flush()
        handler.server.release.wait(60)
        handler.wfile.write(handler.server.content[size:])

    return step


def unmeasured(content: bytes) -> Step:
    """These bytes, without a word on how many they are."""

    def step(handler: Handler) -> None:
        handler.head(200, None)
        handler.wfile.write(content)

    return step


def packed(handler: Handler) -> None:
    """All of it, said to be packed."""
    handler.head(200, len(handler.server.content), Content_Encoding="gzip")
    handler.wfile.write(handler.server.content)


def displaced(handler: Handler) -> None:
    """A part of the file, but not the one that was asked for."""
    place = f"bytes 0-99/{len(handler.server.content)}"
    handler.head(206, 100, ETag=handler.server.etag, Content_Range=place)
    handler.wfile.write(handler.server.content[:100])


@contextlib.contextmanager
def serving(folder: Path, environment: pytest.MonkeyPatch) -> Iterator[Server]:
    """The server, running; this process and its children trust its certificate and use no proxy."""
    public, private = write_certificate(folder)
    environment.setenv("SSL_CERT_FILE", str(public))
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        environment.delenv(name, raising=False)
    server = Server(CONTENT)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(public, private)
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.release.set()
        server.shutdown()
        server.server_close()


def tides_at(server: Server) -> PublicSet:
    """A set whose file the server has."""
    digest = hashlib.sha256(CONTENT).hexdigest()
    return replace(
        PUBLIC["adult"], name="tides", address=server.address, sha256=digest, size_bytes=len(CONTENT)
    )
