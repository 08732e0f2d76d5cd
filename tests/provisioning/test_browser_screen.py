"""The browser screen: what it shows, to whom, and what it refuses."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from modemagent.errors import SettingsError
from modemagent.provisioning.attempt import BayState
from modemagent.provisioning.browser.server import BrowserScreen, open_screen, screen_url
from modemagent.provisioning.line import LineView
from tests.provisioning.screen.sample import BAYS, VIEW

TOKEN = "line-4-screen"


class ShownLine:
    """A bench without modules."""

    def __init__(self, view: LineView) -> None:
        self.shown = view
        self.revision = 0

    def view(self) -> LineView:
        return self.shown

    def show(self, view: LineView) -> None:
        self.shown, self.revision = view, self.revision + 1


class Browser:
    """Requests to a running screen."""

    def __init__(self, bench: ShownLine, port: int) -> None:
        self.bench = bench
        self.port = port

    async def send(self, head: str, body: str = "", host: str = "127.0.0.1") -> tuple[str, str]:
        """Return head and body of a response."""
        reader, writer = await self.open(head, body, host)
        text = (await reader.read()).decode()
        writer.close()
        answered, _, content = text.partition("\r\n\r\n")
        return answered, content

    async def open(
        self, head: str, body: str = "", host: str = "127.0.0.1"
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        first, *more = head.split("\n")
        lines = [f"{first} HTTP/1.1", f"Host: {host}:{self.port}", *more]
        lines += [f"Content-Length: {len(body)}"] if body else []
        writer.write("\r\n".join((*lines, "", body)).encode())
        return reader, writer


def run(work: Callable[[Browser], Awaitable[Any]], view: LineView = VIEW, token: str = "") -> Any:
    """Run a screen during some work, and return the result of the work."""

    async def both() -> Any:
        listener, bench, stop = open_screen("127.0.0.1:0", token), ShownLine(view), asyncio.Event()
        port = int(screen_url(listener).rpartition(":")[2].strip("/"))
        serving = asyncio.create_task(BrowserScreen(bench, listener, token).run(stop))
        await asyncio.sleep(0)
        try:
            return await asyncio.wait_for(work(Browser(bench, port)), 10)
        finally:
            stop.set()
            await serving

    return asyncio.run(both())


def test_page_has_each_verdict_as_word_and_loads_nothing_foreign() -> None:
    hostile = BAYS[0]._replace(model='<script>alert(1)</script>"', reason="<b>", label="")
    view = VIEW._replace(bays=(hostile, *BAYS[1:]))
    head, body = run(lambda browser: browser.send("GET /"), view)
    assert head.startswith("HTTP/1.1 200 OK")
    assert "default-src 'none'; script-src 'self'" in head
    for word in ("PASS", "FAIL", "HOLD", "SCAN", "WAIVED", "DONE"):
        assert f'<p class="word">{word}</p>' in body
    assert body.count("<section") == len(BAYS)
    assert "<script>alert" not in body
    assert "&lt;script&gt;alert" in body
    assert '<noscript><meta http-equiv="refresh" content="2"></noscript>' in body
    assert "://" not in body


def test_changed_tile_is_sent_alone() -> None:
    async def work(browser: Browser) -> tuple[dict[str, Any], dict[str, Any]]:
        reader, writer = await browser.open("GET /events")
        await reader.readuntil(b"retry: 1000\n\n")
        first = json.loads((await reader.readline()).removeprefix(b"data: "))
        failed = BAYS[3]._replace(state=BayState.FAIL)
        browser.bench.show(VIEW._replace(bays=(*BAYS[:3], failed, *BAYS[4:])))
        changes: dict[str, Any] = {}
        while not changes:
            line = await reader.readline()
            changes = json.loads(line.removeprefix(b"data: "))["changes"] if line.strip() else {}
        writer.close()
        return first, changes

    first, changes = run(work)
    assert len(first["changes"]) == len(BAYS) + 4
    assert list(changes) == ["bay-3"]
    assert ">FAIL<" in changes["bay-3"]


@pytest.mark.parametrize(
    ("head", "host", "status"),
    [
        ("GET /", "bench.example", "421"),  # a page of another site that resolves to 127.0.0.1
        ("GET /events", "bench.example", "421"),
        ("GET /journal.jsonl", "127.0.0.1", "404"),
        ("POST /", "localhost", "405"),
        ("HEAD /", "localhost", "200"),
    ],
)
def test_request_is_answered_by_its_host_and_method(head, host, status) -> None:
    answered, body = run(lambda browser: browser.send(head, host=host))
    assert answered.split()[1] == status
    assert "PASS" not in body


def test_browser_elsewhere_needs_the_token_once() -> None:
    async def work(browser: Browser) -> None:
        head, body = await browser.send("GET /", host="192.0.2.7")
        assert "401" in head
        assert 'action="sign-in"' in body
        # with no-referrer, browsers send the form with the origin "null", which is refused
        assert "Referrer-Policy: same-origin" in head
        assert "PASS" not in body
        form = f"token={TOKEN}"
        foreign = await browser.send("POST /sign-in\nOrigin: http://evil.example", form)
        assert "403" in foreign[0]
        head, _ = await browser.send("POST /sign-in", form, host="192.0.2.7")
        cookie = head.partition("Set-Cookie: ")[2].partition(";")[0]
        assert "HttpOnly; SameSite=Strict" in head
        assert TOKEN not in head
        _, body = await browser.send(f"GET /\nCookie: {cookie}", host="192.0.2.7")
        assert "PASS" in body
        answers = [await browser.send("POST /sign-in", "token=wrong") for _ in range(6)]
        assert [head.split()[1] for head, _ in answers] == ["401"] * 5 + ["429"]
        assert "429" in (await browser.send("POST /sign-in", form))[0]

    run(work, token=TOKEN)


@pytest.mark.parametrize(
    ("address", "token", "message"),
    [
        ("0.0.0.0:0", "", "not loopback"),
        ("8471", "", "not HOST:PORT"),
        ("127.0.0.1:0", "1234", "needs 8 characters"),
        ("198.51.100.1:8471", TOKEN, "cannot listen on 198.51.100.1:8471"),
    ],
)
def test_address_that_cannot_be_used_is_refused(address, token, message) -> None:
    with pytest.raises(SettingsError, match=message):
        open_screen(address, token)
