"""Deadline of a whole exchange: real sockets, and a peer that sends slowly in each phase."""

from __future__ import annotations

import contextlib
import socket
import ssl
import subprocess
import threading
import time
import tracemalloc
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from itertools import chain, repeat
from pathlib import Path

import pytest
import urllib3

from modemagent.http_exchange import ExchangeError, HttpClient, Limits

LIMITS = Limits(connect_s=20, idle_s=20, total_s=0.4, body_bytes=100_000)
# The peer closes long after the deadline, so that a client that hangs fails instead of waiting.
PEER_ENDS_S = 15
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
HEAD = b"HTTP/1.1 200 OK\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
GZIP = HEAD + b"Content-Encoding: gzip\r\nConnection: close\r\n\r\n"

Script = Callable[[socket.socket], None]


def drip(pieces: Iterable[bytes], pause_s: float = 0.01) -> Script:
    def script(peer: socket.socket) -> None:
        ends = time.monotonic() + PEER_ENDS_S
        for piece in pieces:
            peer.sendall(piece)
            if time.monotonic() > ends:
                return
            time.sleep(pause_s)  # a slow peer, not a test that waits

    return script


def request_then(script: Script) -> Script:
    def whole(peer: socket.socket) -> None:
        seen = b""
        while b"\r\n\r\n" not in seen:
            seen += peer.recv(65536)
        script(peer)

    return whole


def respond(whole: bytes) -> Script:
    return request_then(lambda peer: peer.sendall(whole))


@contextlib.contextmanager
def served(*scripts: Script, tls: ssl.SSLContext | None = None) -> Iterator[int]:
    """Serve one connection after the other, each by its script; yield the port."""

    def serve() -> None:
        for script in scripts:
            with contextlib.suppress(OSError):
                peer, _ = listener.accept()
                peer.settimeout(PEER_ENDS_S)
                with tls.wrap_socket(peer, server_side=True) if tls else peer as spoken:
                    script(spoken)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(PEER_ENDS_S)
        threading.Thread(target=serve, daemon=True).start()
        yield listener.getsockname()[1]


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("tls")
    key, made = folder / "key", folder / "pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
         "-nodes", "-subj", "/CN=peer", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "2",
         "-keyout", key, "-out", made],
        check=True, capture_output=True,
    )  # fmt: skip
    return made, key


@pytest.fixture
def server_tls(certificate: tuple[Path, Path]) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    return context


@pytest.fixture
def client_tls(certificate: tuple[Path, Path]) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(certificate[0]))


def request_body(client: HttpClient, url: str, body: bytes | None = None) -> bytes:
    return client.request("POST", url, headers={}, body=body).body


# created for each test, since a peer consumes its pieces
PHASES: dict[str, Callable[[], Script]] = {
    "status line": lambda: drip(chain([b"HTTP/1.1 200 "], repeat(b"O"))),
    "a header": lambda: drip(chain([HEAD, b"A: "], repeat(b"b"))),
    "many headers": lambda: drip(chain([HEAD], repeat(b"A: b\r\n", 90), repeat(b"C"))),
    "interim responses": lambda: drip(repeat(b"HTTP/1.1 100 Continue\r\n\r\n")),
    "interim responses at full speed": lambda: drip(
        repeat(b"HTTP/1.1 100 Continue\r\n\r\n" * 999), 0
    ),
    "body of a known length": lambda: drip(
        chain([HEAD, b"Content-Length: 9999\r\n\r\n"], repeat(b" "))
    ),
    "body until the connection ends": lambda: drip(chain([HEAD, b"\r\n"], repeat(b" "))),
    "chunks": lambda: drip(chain([CHUNKED], repeat(b"1\r\n \r\n"))),
    "size of a chunk": lambda: drip(chain([CHUNKED], repeat(b"0"))),
    "trailers": lambda: drip(chain([CHUNKED, b"0\r\n"], repeat(b"A: b\r\n"))),
}


@pytest.mark.parametrize("secure", [False, True], ids=["http", "https"])
@pytest.mark.parametrize("phase", PHASES)
def test_dripping_response_ends_at_the_deadline(
    phase: str, secure: bool, server_tls: ssl.SSLContext, client_tls: ssl.SSLContext
) -> None:
    with (
        served(request_then(PHASES[phase]()), tls=server_tls if secure else None) as port,
        contextlib.closing(HttpClient(LIMITS, tls=client_tls)) as client,
        pytest.raises(ExchangeError, match=r"no complete response within 0\.4 s"),
    ):
        request_body(client, f"{'https' if secure else 'http'}://127.0.0.1:{port}/")


def test_dripping_tls_handshake_ends_at_the_deadline(client_tls: ssl.SSLContext) -> None:
    handshake = drip(chain([b"\x16\x03\x03\x3f\xff"], repeat(b"\x02")))
    with (
        served(handshake) as port,
        contextlib.closing(HttpClient(LIMITS, tls=client_tls)) as client,
        pytest.raises(ExchangeError, match="no complete response"),
    ):
        request_body(client, f"https://127.0.0.1:{port}/")


def test_dripping_tls_record_ends_at_the_deadline(
    server_tls: ssl.SSLContext, client_tls: ssl.SSLContext
) -> None:
    """Send one record in many small pieces, all within one call of OpenSSL."""

    def script(peer: socket.socket) -> None:
        arriving, leaving = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = server_tls.wrap_bio(arriving, leaving, server_side=True)
        for step in (tls.do_handshake, tls.read):
            while True:
                try:
                    step()
                    break
                except ssl.SSLWantReadError:
                    peer.sendall(leaving.read())
                    arriving.write(peer.recv(65536))
        peer.sendall(leaving.read())
        tls.write(HEAD + b"A: " + b"b" * 9000)
        record = leaving.read()
        drip(record[at : at + 1] for at in range(len(record)))(peer)

    with (
        served(script) as port,
        contextlib.closing(HttpClient(LIMITS, tls=client_tls)) as client,
        pytest.raises(ExchangeError, match="no complete response"),
    ):
        request_body(client, f"https://127.0.0.1:{port}/")


def test_dripping_proxy_ends_at_the_deadline(client_tls: ssl.SSLContext) -> None:
    tunnel = request_then(
        drip(chain([b"HTTP/1.1 200 Connection established\r\nA: "], repeat(b"b")))
    )
    with served(tunnel) as port:
        client = HttpClient(LIMITS, tls=client_tls, proxy=f"http://127.0.0.1:{port}")
        with (
            contextlib.closing(client),
            pytest.raises(ExchangeError, match="no complete response"),
        ):
            request_body(client, "https://registry.example/")


@pytest.mark.parametrize("secure", [False, True], ids=["http", "https"])
def test_slow_reader_ends_at_the_deadline(
    secure: bool, server_tls: ssl.SSLContext, client_tls: ssl.SSLContext
) -> None:
    def sip(peer: socket.socket) -> None:
        ends = time.monotonic() + PEER_ENDS_S
        while time.monotonic() < ends and peer.recv(512):
            time.sleep(0.01)  # a slow peer, not a test that waits

    with (
        served(sip, tls=server_tls if secure else None) as port,
        contextlib.closing(HttpClient(LIMITS, tls=client_tls)) as client,
        pytest.raises(ExchangeError, match="no complete response"),
    ):
        request_body(
            client, f"{'https' if secure else 'http'}://127.0.0.1:{port}/", bytes(32_000_000)
        )


def test_connecting_ends_at_the_deadline() -> None:
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(3):  # fills the backlog, so that further connections wait
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listener.getsockname())
        client = stack.enter_context(contextlib.closing(HttpClient(LIMITS)))
        with pytest.raises(ExchangeError, match="no complete response"):
            request_body(client, f"http://127.0.0.1:{listener.getsockname()[1]}/")


def test_silent_peer_ends_at_the_idle_limit() -> None:
    limits = replace(LIMITS, idle_s=0.1, total_s=20)
    with (
        socket.create_server(("127.0.0.1", 0)) as silent,
        contextlib.closing(HttpClient(limits)) as client,
        pytest.raises(urllib3.exceptions.ReadTimeoutError),
    ):
        request_body(client, f"http://127.0.0.1:{silent.getsockname()[1]}/")


def test_connection_is_kept_between_requests() -> None:
    def script(peer: socket.socket) -> None:
        respond(OK)(peer)
        respond(OK)(peer)

    with served(script) as port, contextlib.closing(HttpClient(LIMITS)) as client:
        assert [request_body(client, f"http://127.0.0.1:{port}/") for _ in range(2)] == [
            b"{}",
            b"{}",
        ]


# -- size


def bomb(mebibytes: int) -> bytes:
    """Return a gzip stream of zeros that is a thousandth of their size."""
    packer = zlib.compressobj(9, wbits=16 + zlib.MAX_WBITS)
    first = packer.compress(bytes(2**20)) + packer.flush(zlib.Z_FULL_FLUSH)
    block = packer.compress(bytes(2**20)) + packer.flush(zlib.Z_FULL_FLUSH)
    return first + block * (mebibytes - 1)


def test_gzip_bomb_takes_no_memory() -> None:
    packed = bomb(1400)
    assert 1_000_000 < len(packed) < 2_000_000
    limits = replace(LIMITS, total_s=20, body_bytes=2 * 2**20)
    with served(respond(GZIP + packed)) as port, contextlib.closing(HttpClient(limits)) as client:
        tracemalloc.start()
        try:
            with pytest.raises(ExchangeError, match="larger than 2048 KiB"):
                request_body(client, f"http://127.0.0.1:{port}/")
            assert tracemalloc.get_traced_memory()[1] < 16 * 2**20
        finally:
            tracemalloc.stop()


@pytest.mark.parametrize(
    ("response", "words"),
    [
        (HEAD + b"Content-Length: 100001\r\n\r\n", "larger than 97 KiB"),
        (HEAD + b"\r\n" + b" " * 100_001, "larger than 97 KiB"),
        (CHUNKED + b"fffff\r\n" + b" " * 0xFFFFF, "larger than 97 KiB"),
        (GZIP + zlib.compress(b"{}", wbits=31)[:-9], "is incomplete"),
        (GZIP + b"{}", "cannot be decompressed"),
        (HEAD + b"Content-Encoding: br\r\n\r\n{}", "content encoding"),
    ],
)
def test_bad_body_is_an_error_that_names_the_cause(response: bytes, words: str) -> None:
    limits = replace(LIMITS, total_s=20)
    with (
        served(respond(response)) as port,
        contextlib.closing(HttpClient(limits)) as client,
        pytest.raises(ExchangeError, match=words),
    ):
        request_body(client, f"http://127.0.0.1:{port}/")


@pytest.mark.parametrize(
    "response",
    [
        GZIP + zlib.compress(b'{"a": 1}', wbits=31),
        CHUNKED + b'4\r\n{"a"\r\n4\r\n: 1}\r\n0\r\nTrailer: x\r\n\r\n',
        b"HTTP/1.1 100 Continue\r\n\r\n" + HEAD + b'Content-Length: 8\r\n\r\n{"a": 1}',
        HEAD + b'\r\n{"a": 1}',
    ],
)
def test_body_is_complete_with_any_framing(response: bytes) -> None:
    with (
        served(respond(response)) as port,
        contextlib.closing(HttpClient(replace(LIMITS, total_s=20))) as client,
    ):
        assert request_body(client, f"http://127.0.0.1:{port}/") == b'{"a": 1}'


@pytest.mark.parametrize(
    "response",
    [b"nothing of HTTP\r\n\r\n", HEAD + b"A: b\r\n" * 999 + b"\r\n", b"HTTP/1.1 200" * 9999],
)
def test_incomplete_or_foreign_response_is_an_error(response: bytes) -> None:
    with (
        served(respond(response)) as port,
        contextlib.closing(HttpClient(replace(LIMITS, total_s=20))) as client,
        pytest.raises((ExchangeError, urllib3.exceptions.HTTPError)),
    ):
        request_body(client, f"http://127.0.0.1:{port}/")
