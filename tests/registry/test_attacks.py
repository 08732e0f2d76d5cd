"""Misuse of the API by raw connections: memory stays bounded, other clients are answered.

The registry is the real process, with shorter deadlines than in production.
"""

from __future__ import annotations

import contextlib
import gzip
import http.client
import json
import re
import sys
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.conftest import call_in_process
from tests.registry.attacker import RawClient, head, responses_to_wrong_tokens, rss_kib
from tests.registry.conftest import IMEI, Client, Gateway, Registry

MOST_GROWTH_KIB = 24 * 1024
_SHORT_DEADLINES = """
from modemagent.registry.api import connection
connection.HEAD_WITHIN_S = 2.0
connection.BODY_STALLED_AFTER_S = 2.0
connection.WRITE_STALLED_AFTER_S = 2.0
from modemagent.__main__ import main
main()
"""


class Target:
    """A registry under attack, with an honest gateway and an honest reader."""

    def __init__(self, registry: Registry) -> None:
        self.registry = registry
        self.port = registry.port
        self.gateway = Gateway()
        self.sender = registry.client("--scope", "gateway", "--gateway-id", "gw-1")
        self.reader = registry.client("--scope", "read", "--full-ids")

    def assert_serves(self) -> None:
        """Check that an honest gateway and an honest reader are answered."""
        assert self.sender.post(self.gateway.report()) == ["accepted"]
        assert self.reader.get(f"modems/{IMEI}")["gateway_id"] == "gw-1"

    @property
    def rss_kib(self) -> int:
        assert self.registry.process is not None
        return rss_kib(self.registry.process.pid)


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    command = (sys.executable, "-c", _SHORT_DEADLINES)
    registry = Registry(tmp_path_factory.mktemp("registry"), command=command)
    registry.start()
    found = Target(registry)
    for _ in range(100):
        found.assert_serves()
    yield found
    found.assert_serves()
    _, errors = registry.stop()
    assert errors == "", "attacks do not fill the log"


@pytest.fixture
def bounded(target: Target) -> Iterator[Target]:
    """The target, whose memory must not grow by 24 MiB, and which must serve after the attack."""
    before = target.rss_kib
    yield target
    target.assert_serves()
    assert target.rss_kib - before < MOST_GROWTH_KIB


def test_body_without_a_token_is_not_read(bounded: Target) -> None:
    clients: list[RawClient] = []
    kinds = (
        head("POST", "/api/v1/reports", None, "Transfer-Encoding: chunked"),
        head("POST", "/api/v1/reports", "mma_x", f"Content-Length: {2**40}"),
        head("POST", "/healthz", None, f"Content-Length: {2**40}"),
        head("POST", "/nothing", None, "Transfer-Encoding: chunked"),
    )
    for number in range(20):
        clients.append(RawClient(bounded.port))  # closed if it sent its head late
        clients[-1].send(kinds[number % len(kinds)])
        bounded.assert_serves()
    statuses = {client.response().status for client in clients}
    assert statuses <= {401, 404, 405, 429}
    piece = b"10000\r\n" + bytes(0x10000) + b"\r\n"
    for client in clients:
        with client:
            assert client.flood(piece, 32 << 20) < 32 << 20


def test_gzip_is_one_member_of_limited_ratio(bounded: Target) -> None:
    good = gzip.compress(b'{"reports": []}')
    bodies = {
        "members": (good + good, 400),
        "byte": (good + b"\0", 400),
        "tail": (good + bytes(1 << 20), 400),
        "short": (good[:-1], 400),
        "checksum": (good[:-8] + bytes(8), 400),
        "zlib": (zlib.compress(b'{"reports": []}'), 400),
        "ratio": (gzip.compress(bytes(7 << 20)), 413),
        "bomb": (gzip.compress(bytes(64 << 20)), 413),
        "good": (good, 422),
    }
    headers = {"Content-Encoding": "gzip"}
    for name, (body, status) in bodies.items():
        response = bounded.sender.request("POST", "/api/v1/reports", body, **headers)
        assert response.status == status, (name, response.raw)


def test_half_sent_heads_are_closed(bounded: Target) -> None:
    clients = [RawClient(bounded.port) for _ in range(300)]
    for number, client in enumerate(clients):
        client.flood(b"GET /healthz HTTP/1.1\r\nHost: a\r\nX-Padding: " + b"a" * 4096, 4096)
        if number % 100 == 99:
            bounded.assert_serves()
    assert sum(client.is_closed() for client in clients) >= 200, "one address has a share"
    kept = [client for client in clients if client.socket.fileno() >= 0 and not client.is_closed()]
    assert {client.response().status for client in kept[-5:]} == {408}
    for client in clients:
        client.socket.close()


def test_heads_of_any_size_are_limited(bounded: Target) -> None:
    for data in (
        b"GET /" + b"a" * (1 << 20),
        head("GET", "/healthz", None, "X-Padding: " + "a" * (1 << 20)),
        head("GET", "/healthz", None, *(f"X-{number}: a" for number in range(1000))),
    ):
        with RawClient(bounded.port) as client:
            client.flood(data, 1)
            assert client.response().status in (400, 414, 431)


def test_slow_body_is_ended(bounded: Target) -> None:
    with RawClient(bounded.port) as client:
        client.send(head("POST", "/api/v1/reports", bounded.sender.token, "Content-Length: 100"))
        client.send(b"{")
        assert client.response().status == 408


def test_lookups_of_a_masked_reader_are_limited(bounded: Target) -> None:
    masked = bounded.registry.client("--scope", "read")
    paths = [f"/api/v1/lookup?id=86769899{number:07d}" for number in range(40)]
    paths += [f"/api/v1/modems/86769899{number:07d}" for number in range(40)]
    found = [masked.request("GET", path) for path in paths]
    statuses = [response.status for response in found]
    assert statuses[:60] == [200] * 40 + [404] * 20
    assert set(statuses[60:]) == {429}
    assert 1 <= int(found[-1].headers["Retry-After"]) <= 61
    for path in paths:
        assert bounded.reader.request("GET", path).status in (200, 404)


@contextlib.contextmanager
def streaming(
    port: int, token: str | None
) -> Iterator[tuple[http.client.HTTPConnection, http.client.HTTPResponse]]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    headers = {"Authorization": f"Bearer {token}"}
    connection.request("GET", "/api/v1/events/stream", headers=headers)
    response = connection.getresponse()
    try:
        yield connection, response
    finally:
        response.close()
        connection.close()


def test_stream_of_a_revoked_token_ends(bounded: Target) -> None:
    database = bounded.registry.where
    token = bounded.registry.token("--scope", "read")
    with streaming(bounded.port, token) as (_, response):
        assert response.readline() == b": modemagent registry\n"
        listed = call_in_process("registry", "token", "list", "--json", *database).stdout
        number = json.loads(listed)["tokens"][-1]["number"]
        call_in_process("registry", "token", "revoke", str(number), *database)
        assert response.read().strip() == b""
    assert Client(bounded.port, token).request("GET", "/api/v1/events").status == 401


def test_streams_of_one_token_are_limited(bounded: Target) -> None:
    token = bounded.registry.token("--scope", "read")
    with contextlib.ExitStack() as stack:
        statuses = [
            stack.enter_context(streaming(bounded.port, token))[1].status for _ in range(100)
        ]
        bounded.assert_serves()
    assert statuses.count(200) == 8
    assert statuses.count(429) == 92


_CHUNKED = b"Transfer-Encoding: chunked\r\n"
_POST = b"POST /healthz HTTP/1.1\r\nHost: a\r\n"
_SECOND = b"GET /readyz HTTP/1.1\r\nHost: a\r\n\r\n"


@pytest.mark.parametrize(
    "request_head",
    [
        _POST + b"Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc",
        _POST + b"Content-Length: 3\r\n" + _CHUNKED + b"\r\n0\r\n\r\n",
        _POST + _CHUNKED + b"Content-Length: 3\r\n\r\n0\r\n\r\n",
        _POST + b"Content-Length: +3\r\n\r\nabc",
        _POST + b"Content-Length: 3, 3\r\n\r\nabc",
        _POST + b"Content-Length : 3\r\n\r\nabc",
        _POST + b"X: a\r\n b\r\n\r\n",
        _POST + b"Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n",
        _POST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        _POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        _POST + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
        _POST + _CHUNKED + _CHUNKED + b"\r\n0\r\n\r\n",
        _POST + _CHUNKED + b"\r\nzz\r\nabc\r\n0\r\n\r\n",
        _POST + _CHUNKED + b"\r\n3\r\nabcd\r\n0\r\n\r\n",
        _POST + _CHUNKED + b"\r\n3\nabc\n0\n\n",
        _POST + _CHUNKED + b"\r\nfffffffffffffffff\r\n",
        _POST.replace(b"\r", b"") + b"\n",
        _POST + b"X: a\rb\r\n\r\n",
        _POST + b"X: a\0b\r\n\r\n",
        _POST + b"Host: b\r\n\r\n",
        b"POST /healthz HTTP/1.1\r\n\r\n",
        b"POST /healthz HTTP/1.0\r\n" + _CHUNKED + b"\r\n0\r\n\r\n",
        b"GET /healthz\r\n\r\n",
        b"GET /healthz HTTP/2.0\r\nHost: a\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n",
    ],
    ids=lambda data: repr(data)[2:].replace("POST /healthz HTTP/1.1\\r\\nHost: a\\r\\n", "")[:40],
)
def test_ambiguous_request_ends_the_connection(target: Target, request_head: bytes) -> None:
    with RawClient(target.port) as client:
        client.flood(request_head + _SECOND, 1)
        client.socket.shutdown(1)
        received = client.rest()
    statuses = re.findall(rb"HTTP/1.1 ([0-9]{3})", received)
    assert statuses in ([b"400"], [b"405", b"400"], [b"501"], [b"505"], [])
    assert b'"status": "ok"' not in received, "the second request is not answered"


def test_field_behind_a_body_is_not_a_header(target: Target) -> None:
    with RawClient(target.port) as client:
        start = head("POST", "/api/v1/reports", None, "Transfer-Encoding: chunked")
        trailer = f"Authorization: Bearer {target.sender.token}"
        client.send(start + f"2\r\n{{}}\r\n0\r\n{trailer}\r\n\r\n".encode())
        assert client.response().status == 401


def test_pipelined_requests_are_answered_in_order(bounded: Target) -> None:
    with RawClient(bounded.port) as client:
        client.send(head("GET", "/healthz") + head("GET", "/readyz") + head("GET", "/nothing"))
        assert [client.response().status for _ in range(3)] == [200, 200, 404]
    with RawClient(bounded.port) as client:
        client.flood(head("GET", "/healthz") * 5000, 1)
        assert client.rest().count(b"HTTP/1.1 200") < 100, "a few requests at a time"


def test_wrong_tokens_are_limited_by_address(bounded: Target) -> None:
    found = responses_to_wrong_tokens(bounded.port)
    assert (found[0].status, found[-1].status) == (401, 429)
    assert b"retry-after: " in found[-1].head
    bounded.assert_serves()


def test_repeated_authorization_is_rejected(target: Target) -> None:
    with RawClient(target.port) as client:
        line = f"Authorization: Bearer {target.reader.token}"
        client.send(head("GET", "/api/v1/modems", target.reader.token, line))
        assert client.response().status == 400


def test_slow_readers_are_dropped(bounded: Target) -> None:
    request = head("GET", "/openapi.json")
    clients = [RawClient(bounded.port, receive_buffer=1024) for _ in range(40)]
    for client in clients:
        client.flood(request * 8, 1)
    bounded.assert_serves()
    for client in clients:
        with client:
            wait_until_closed(client, request)


def wait_until_closed(client: RawClient, request: bytes) -> None:
    """Send requests without reading a response, until the server closes the connection."""
    client.socket.settimeout(1)
    while True:
        try:
            client.send(request)
        except TimeoutError:
            continue
        except OSError:
            return


@pytest.mark.parametrize(
    "path",
    ["gateways/gw%2F1", "gateways/gw%5c1", "gateways/%00", "../x", "..", "modems?site=%00"],
)
def test_ambiguous_paths_are_rejected(target: Target, path: str) -> None:
    response = target.reader.request("GET", f"/api/v1/{path}")
    assert (response.status, response.json["code"]) == (400, "query" if "?" in path else "path")


Enroll = Callable[[str], int]


@pytest.fixture
def enroll(target: Target) -> Enroll:
    client = target.registry.client("--scope", "enroll")

    def call(gateway_id: str) -> int:
        body = json.dumps({"gateway_id": gateway_id}).encode()
        headers = {"Content-Type": "application/json"}
        return client.request("POST", "/api/v1/enroll", body, **headers).status

    return call


def test_gateway_id_has_no_slash(enroll: Enroll) -> None:
    assert [enroll(one) for one in ("gw/1", "gw\\1", "gw\n1", "")] == [422] * 4


def test_deep_json_is_rejected(target: Target) -> None:
    headers = {"Content-Type": "application/json"}
    client = target.registry.client("--scope", "enroll")
    body = b'{"gateway_id": ' + b"[" * 20_000 + b"]" * 20_000 + b"}"
    response = client.request("POST", "/api/v1/enroll", body, **headers)
    assert (response.status, response.json["code"]) == (400, "deep_json")
    large = client.request("POST", "/api/v1/enroll", b" " * 70_000, **headers)
    assert large.status == 413
    deep: object = 1
    for _ in range(100):
        deep = [deep]
    assert target.sender.post({**target.gateway.report(), "deep": deep}) == ["rejected"]
    text = "[" * 100
    assert target.sender.post({**target.gateway.report(), "text": text}) == ["accepted"]


def test_event_ids_cannot_be_computed(tmp_path: Path) -> None:
    """The same reports give other ids in another registry: an id reveals no identifier."""
    found = []
    for name in ("one", "two"):
        registry = Registry(tmp_path / name)
        registry.start()
        client = registry.client("--scope", "gateway", "--gateway-id", "gw-1")
        client.post(Gateway().report("identified"))
        events = registry.client("--scope", "read").get("events")["events"]
        found.append([event["id"] for event in events])
        registry.stop()
    assert len(found[0]) == len(found[1]) == 2
    assert not {*found[0]} & {*found[1]}


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b'{"reports": [' + b"{}," * 2_000_000 + b"{}]}", 422),
        (b'{"reports": [["\\n"' + b",{}" * 2_000_000 + b"]]}", 200),
        (b'{"reports": ["\\ud800"' + b",[{}" + b",{}" * 2_000_000 + b"]]}", 400),
        (b'{"reports": ["\\ud800"' + b",[{}" + b",{}" * 50_000 + b"]]}", 200),
        (b'{"reports": [' + b"[" * 4_000_000, 400),
    ],
    ids=["many", "wide", "malformed", "small", "deep"],
)
def test_json_takes_little_memory(bounded: Target, body: bytes, status: int) -> None:
    response = bounded.sender.request("POST", "/api/v1/reports", body)
    assert response.status == status
    if status == 200:
        assert {result["status"] for result in response.json["results"]} == {"rejected"}


def test_malformed_bodies_are_freed(bounded: Target) -> None:
    for _ in range(20):
        response = bounded.sender.request("POST", "/api/v1/reports", b"x" * (4 << 20))
        assert response.status == 400
