"""Limits and errors of ``registry --url`` with a faulty registry or another server."""

from __future__ import annotations

import json
import subprocess
import threading
import zlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from modemagent.errors import RegistryError, RegistryRefused, RegistryUnreachable
from modemagent.registry_client.client import LIMITS, Budget, HttpSource, entries
from tests.registry.conftest import modemagent

Respond = Callable[["Request"], None]
GATEWAY = {"gateway_id": "gw-1", "agent_version": "0.1.0", "reports": 1, "last_seen": None}
FIELDS = tuple(GATEWAY)


class Request(BaseHTTPRequestHandler):
    server: BadRegistry
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.server.respond(self)

    @property
    def after(self) -> str:
        return parse_qs(urlsplit(self.path).query).get("after", [""])[0]

    def reply(self, body: bytes, status: int = 200, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


class BadRegistry(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Request)
        self.respond: Respond = lambda request: request.reply(b"{}")

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def respond_with(self, document: Any, status: int = 200) -> None:
        body = document if isinstance(document, bytes) else json.dumps(document).encode()
        self.respond = lambda request: request.reply(body, status)

    def handle_error(self, *_: object) -> None:
        pass


@pytest.fixture
def bad() -> Iterator[BadRegistry]:
    server = BadRegistry()
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def gateways(source: HttpSource) -> list[dict[str, Any]]:
    return list(entries(source, "gateways", most=None, fields=FIELDS))


def test_pages_are_followed_to_the_last(bad: BadRegistry) -> None:
    following = {"": "a", "a": "b", "b": None}

    def respond(request: Request) -> None:
        page = {"gateways": [GATEWAY], "next": following[request.after]}
        request.reply(json.dumps(page).encode())

    bad.respond = respond
    assert gateways(HttpSource(bad.url, "t")) == [GATEWAY] * 3


@pytest.mark.parametrize("cursors", ["a", "ab", "abc"])
def test_repeated_cursor_ends_the_listing(bad: BadRegistry, cursors: str) -> None:
    def respond(request: Request) -> None:
        after = cursors[(cursors.find(request.after or cursors[-1]) + 1) % len(cursors)]
        request.reply(json.dumps({"gateways": [GATEWAY], "next": after}).encode())

    bad.respond = respond
    with pytest.raises(RegistryRefused, match="same cursor") as error:
        gateways(HttpSource(bad.url, "t"))
    assert error.value.hint


@pytest.mark.parametrize(
    ("budget", "words"),
    [
        (Budget(requests=3), "more than 3 pages"),
        (Budget(body_bytes=100), "sent more than 0 MiB"),
        (Budget(total_s=0.05), r"within 0\.05 s"),
    ],
)
def test_endless_pages_end(bad: BadRegistry, budget: Budget, words: str) -> None:
    def respond(request: Request) -> None:
        following = str(int(request.after or 0) + 1)
        request.reply(json.dumps({"gateways": [GATEWAY], "next": following}).encode())

    bad.respond = respond
    with pytest.raises(RegistryUnreachable, match=words) as error:
        gateways(HttpSource(bad.url, "t", budget=budget))
    assert "--limit" in error.value.hint


@pytest.mark.parametrize(
    "page",
    [
        b"<html>",
        b"",
        b"[" * 100_000,
        b"\xff",
        [],
        "gateways",
        {},
        {"gateways": None},
        {"gateways": {"0": GATEWAY}},
        {"gateways": [1], "next": None},
        {"gateways": [{"gateway_id": "gw-1"}], "next": None},
        {"gateways": [GATEWAY], "next": 7},
        {"gateways": [GATEWAY], "next": ""},
        {"gateways": [GATEWAY], "next": "x" * 300},
    ],
    ids=lambda page: str(page)[:40],
)
def test_malformed_page_is_an_error_with_a_hint(bad: BadRegistry, page: Any) -> None:
    bad.respond_with(page)
    with pytest.raises(RegistryRefused, match=r"malformed|not a modemagent registry") as error:
        gateways(HttpSource(bad.url, "t"))
    assert error.value.hint


@pytest.mark.parametrize("status", [302, 404, 500])
def test_error_names_the_status_of_a_foreign_server(bad: BadRegistry, status: int) -> None:
    bad.respond_with(b"<html>", status)
    with pytest.raises(RegistryRefused, match=f"HTTP {status}"):
        gateways(HttpSource(bad.url, "t"))


def test_gzip_bomb_is_refused(bad: BadRegistry) -> None:
    body = zlib.compress(bytes(20 * 2**20), wbits=31)
    bad.respond = lambda request: request.reply(body, Content_Encoding="gzip")
    with pytest.raises(RegistryUnreachable, match="larger than 16384 KiB"):
        gateways(HttpSource(bad.url, "t"))


@pytest.mark.parametrize(
    "start", [b"HTTP/1.1 ", b"HTTP/1.1 200 OK\r\nA: ", b"HTTP/1.1 200 OK\r\n\r\n"]
)
def test_dripping_server_ends_at_the_deadline(bad: BadRegistry, start: bytes) -> None:
    stopped = threading.Event()

    def respond(request: Request) -> None:
        request.wfile.write(start)
        while not stopped.wait(0.01):
            request.wfile.write(b" ")

    bad.respond = respond
    try:
        with pytest.raises(RegistryUnreachable, match=r"no complete response within 0\.3 s"):
            gateways(HttpSource(bad.url, "t", limits=replace(LIMITS, total_s=0.3)))
    finally:
        stopped.set()


@pytest.mark.parametrize("token", ["two words", "two\nlines", "schlüssel"])
def test_invalid_token_is_not_sent(bad: BadRegistry, token: str) -> None:
    with pytest.raises(RegistryError, match="one token"):
        HttpSource(bad.url, token)


@pytest.mark.parametrize(
    ("words", "document"),
    [
        (("modems",), {"modems": [{"imei": "867698040000013"}], "next": None}),
        (("lookup", "867698040000013"), {"matches": "many"}),
        (("events", "--json"), {"events": [[]], "next": None}),
    ],
)
def test_malformed_response_exits_with_6_and_a_hint(
    bad: BadRegistry, tmp_path: Path, words: tuple[str, ...], document: object
) -> None:
    bad.respond_with(document)
    (tmp_path / "token").write_text("mma_x\n")
    done = subprocess.run(
        modemagent("registry", *words, "--url", bad.url, "--token-file", str(tmp_path / "token")),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 6
    output = done.stdout + done.stderr
    assert "malformed" in output and "Check the URL" in output and "Traceback" not in output


def test_events_with_unexpected_data_are_listed(bad: BadRegistry, tmp_path: Path) -> None:
    event = {"time": "2026-03-01T12:00:00.000Z", "type": ["x"], "subject": "s", "data": [1]}
    other = event | {"type": "sim.swapped", "data": {"previous": 1, "new": {}}}
    bad.respond_with({"events": [event, other], "next": None})
    (tmp_path / "token").write_text("mma_x\n")
    done = subprocess.run(
        modemagent("registry", "events", "--url", bad.url, "--token-file", str(tmp_path / "token")),
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count("\n") == 3
