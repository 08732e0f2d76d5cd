"""The browser screen: what it shows, to whom, and what it refuses."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest

from modemagent.errors import SettingsError
from modemagent.provisioning.attempt import BayState
from modemagent.provisioning.browser.forms import event_of_form
from modemagent.provisioning.browser.listener import open_screen, screen_url
from modemagent.provisioning.browser.server import BrowserScreen
from modemagent.provisioning.events import CodeScanned, Happening, PersonActed
from modemagent.provisioning.line import LineView
from tests.chromium import Chromium
from tests.provisioning.screen.sample import BAYS, VIEW

TOKEN = "line-4-screen"


class ShownLine:
    """A bench without modules."""

    def __init__(self, view: LineView) -> None:
        self.shown = view
        self.revision = 0
        self.posted: list[Happening] = []

    def view(self) -> LineView:
        return self.shown

    def post(self, event: Happening) -> None:
        self.posted.append(event)

    def show(self, view: LineView) -> None:
        self.shown, self.revision = view, self.revision + 1


class Browser:
    """Requests to a running screen."""

    def __init__(self, bench: ShownLine, port: int, stop: asyncio.Event) -> None:
        self.bench = bench
        self.port = port
        self.stop = stop

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
            return await asyncio.wait_for(work(Browser(bench, port, stop)), 60)
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
    assert "://" not in body


def test_page_without_script_reloads_the_bays_and_not_the_forms() -> None:
    head, whole = run(lambda browser: browser.send("GET /"))
    assert "frame-ancestors 'none'" in head
    assert '<noscript><iframe src="view"' in whole
    assert "http-equiv" not in whole
    head, part = run(lambda browser: browser.send("GET /view"))
    assert "frame-ancestors 'self'" in head
    assert '<meta http-equiv="refresh" content="2">' in part
    assert part.count("<section") == len(BAYS)
    assert "<form" not in part


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


OWN = "Sec-Fetch-Site: same-origin"
SCAN = "scan=867698040000013%1D21&typed=no"


@pytest.mark.parametrize(
    ("form", "posted"),
    [
        (SCAN, CodeScanned("browser", "867698040000013\x1d21")),
        ("scan=MA-BAY-06", CodeScanned("browser", "MA-BAY-06", is_typed=True)),
        ("do=waive&bay=3&reason=agreed", PersonActed("waive", "03", "", "ANNA", "agreed")),
        ("do=waive&bay=03&step=firmware&person=MA-BADGE-EVA&reason=x%20y",
         PersonActed("waive", "03", "firmware", "EVA", "x y")),
        ("do=retest&bay=MA-BAY-05&reason=", PersonActed("retest", "05", person="ANNA")),
        ("do=retest&bay=05&reason=reseated", PersonActed("rework", "05", "", "ANNA", "reseated")),
        ("do=hold&bay=07&reason=", PersonActed("go", "07", person="ANNA")),
        ("do=sign_in&person=LEO&pin=4711", PersonActed("sign_in", person="LEO", pin="4711")),
        # the order requires no second person
        ("do=stop_lot&lot=L-1&person=LEO&reason=old&second=EVA",
         PersonActed("stop_lot", person="LEO", reason="old", lot="L-1")),
        ("scan=+", "the scan is empty"),
        ("do=waive&bay=3&reason=", None),
        ("do=waive&reason=x", "missing: bay"),
        ("do=reprint&bay=99", "bay 99 does not exist"),
        ("do=end&confirm=no", "the shift goes on"),
        ("do=format", "choose what to do"),
    ],
)  # fmt: skip
def test_form_is_an_event_of_the_bench(form: str, posted: object) -> None:
    async def work(browser: Browser) -> tuple[str, str, list[Happening]]:
        head, body = await browser.send(f"POST /act\n{OWN}", form)
        return head.split()[1], body, browser.bench.posted

    status, body, found = run(work)
    if isinstance(posted, str):
        assert (status, found) == ("400", [])
        assert f"Not done: {posted}" in body
    elif posted is not None:
        assert (status, found) == ("303", [posted])
    else:  # the bench itself states that a waiver needs a reason
        assert found == [PersonActed("waive", "03", "", "ANNA", "")]


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        (OWN, "303"),
        ("Origin: http://127.0.0.1:{port}", "303"),
        ("Sec-Fetch-Site: cross-site", "403"),
        ("Sec-Fetch-Site: same-site", "403"),  # a page of another port of this machine
        ("Origin: http://127.0.0.1:1", "403"),
        ("Origin: null", "403"),
        ("Accept: */*", "403"),
    ],
)
def test_no_other_page_can_scan_or_decide(origin: str, status: str) -> None:
    async def work(browser: Browser) -> tuple[str, int]:
        head, _ = await browser.send(f"POST /act\n{origin.format(port=browser.port)}", SCAN)
        return head.split()[1], len(browser.bench.posted)

    assert run(work) == (status, int(status == "303"))


def test_form_needs_the_host_and_the_session() -> None:
    async def work(browser: Browser) -> list[str]:
        heads = [await browser.send(f"POST /act\n{OWN}", SCAN, host="bench.example")]
        assert browser.bench.posted == []
        return [head.split()[1] for head, _ in heads]

    assert run(work) == ["421"]
    assert run(work, token=TOKEN) == ["401"]


def test_scan_that_bounces_counts_once_and_the_shift_can_end() -> None:
    async def work(browser: Browser) -> list[Happening]:
        for form in (SCAN, SCAN, "do=end&confirm=Yes"):
            await browser.send(f"POST /act\n{OWN}", form)
        await asyncio.wait_for(browser.stop.wait(), 5)
        return browser.bench.posted

    assert [type(one) for one in run(work)] == [CodeScanned, PersonActed]


def test_pin_is_accepted_on_this_machine_alone() -> None:
    form = {"do": "sign_in", "person": "LEO", "pin": "4711"}
    assert event_of_form(form, VIEW, is_near=True).pin == "4711"
    second = {"do": "go_lot", "person": "LEO", "reason": "x", "second": "MA-BADGE-EVA"}
    view = VIEW._replace(order=VIEW.order._replace(needs_second=True))
    for each in (form, {**second, "second_pin": "4711"}):
        with pytest.raises(ValueError, match="sign in at the station itself"):
            event_of_form(each, view, is_near=False)
    assert event_of_form(second, view, is_near=False).second == "EVA"


@pytest.fixture(scope="module")
def chromium() -> Iterator[Chromium]:
    found = Chromium()
    yield found
    found.close()


def test_line_is_worked_by_keyboard_alone(chromium: Chromium) -> None:
    def keys(page: Any) -> None:
        page.keyboard.insert_text("867698040000013")
        page.keyboard.press("Enter")
        page.locator("header").click()  # the field keeps the focus
        page.keyboard.insert_text("MA-BAY-03")
        page.keyboard.press("Tab")
        page.keyboard.press("F4")
        for text in ("3", "firmware", "EVA", "agreed"):
            page.keyboard.type(text)
            page.keyboard.press("Enter")
        page.locator("#decide:not([open])").wait_for()
        page.keyboard.insert_text("MA-OK")
        with page.expect_response("**/act"):
            page.keyboard.press("Enter")

    async def work(browser: Browser) -> list[Happening]:
        await asyncio.to_thread(chromium.run, lambda: visit(chromium, browser, keys))
        return browser.bench.posted

    scans = ("867698040000013", "MA-BAY-03", "MA-OK")
    first, second, last = (CodeScanned("browser", text) for text in scans)
    waiver = PersonActed("waive", "03", "firmware", "EVA", "agreed")
    assert run(work) == [first, second, waiver, last]


def test_line_is_worked_without_script(chromium: Chromium) -> None:
    def keys(page: Any) -> None:
        page.frame_locator("iframe").get_by_text("PASS", exact=True).first.wait_for()
        assert not page.locator("body > main").is_visible()
        page.keyboard.type("MA-BAY-03")
        page.keyboard.press("Enter")
        page.locator("#code:focus").wait_for()
        page.locator("summary").focus()
        page.keyboard.press("Enter")
        page.keyboard.press("Tab")
        page.keyboard.type("fail")
        for text in ("5", "", "", "broken"):
            page.keyboard.press("Tab")
            page.keyboard.type(text)
        page.keyboard.press("Enter")
        page.locator("#decide:not([open])").wait_for()

    async def work(browser: Browser) -> list[Happening]:
        seen = lambda: visit(chromium, browser, keys, java_script_enabled=False)  # noqa: E731
        await asyncio.to_thread(chromium.run, seen)
        return browser.bench.posted

    scan, act = run(work)
    assert scan == CodeScanned("browser", "MA-BAY-03", is_typed=True)
    assert act == PersonActed("fail", "05", "", "ANNA", "broken")


def visit(
    chromium: Chromium, browser: Browser, keys: Callable[[Any], None], **options: Any
) -> None:
    """Open the screen; errors of the console fail."""
    context = chromium.browser.new_context(**options)
    page, wrong = context.new_page(), []
    page.set_default_timeout(20_000)
    page.on("console", lambda one: wrong.append(one.text) if one.type == "error" else None)
    page.on("pageerror", lambda one: wrong.append(str(one)))
    try:
        page.goto(f"http://127.0.0.1:{browser.port}/")
        keys(page)
    finally:
        context.close()
    assert wrong == []


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
