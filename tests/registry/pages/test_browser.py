"""Pages in Chromium: accessibility, reflow, keys, without script, no errors, no other hosts."""

from __future__ import annotations

import importlib.resources
import re
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest

from modemagent.registry.store.people.people import PersonRole
from tests.chromium import Chromium
from tests.registry.conftest import IMEI, OTHER_ICCID, Gateway, Registry
from tests.registry.history.wire import imei
from tests.registry.pages.conftest import BENCH, Browser, Story, bench_report

axe = pytest.importorskip("axe_playwright_python", reason="the extra browser is missing")

T = TypeVar("T")
_FOUND = (
    ".then(r => r.violations.map(v => v.id + ': ' + v.nodes.map("
    "n => n.html.slice(0, 150)).join(' | ')))"
)
#: Contrast takes longer than all other rules together, and depends on the style sheet alone.
_AXE = (
    "axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa',"
    " 'best-practice'], rules: {'color-contrast': {enabled: false}}, preload: false,"
    f" resultTypes: ['violations']}}){_FOUND}"
)
_AXE_COLORS = (
    f"axe.run(document, {{runOnly: {{type: 'rule', values: ['color-contrast']}}}}){_FOUND}"
)
_WIDER = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
_OPERATION_MS = 60_000  # limit of one operation of a page, such as opening it
_COLORED = 6  # pages whose contrast is tested, in light and in dark


class Pages(Chromium):
    """A browser that visits pages of the registry."""

    def visit(self, person: Browser, body: Callable[[Any, str], T], **options: Any) -> T:
        """Return the result of a function that gets a page and the address of the registry.

        Errors of the console and requests to other hosts fail.
        """
        base = f"http://127.0.0.1:{person.port}"

        def work() -> T:
            context = self.browser.new_context(**options)
            cookie = {"name": "registry", "value": person.cookie or "", "url": base}
            context.add_cookies([cookie])
            page = context.new_page()
            page.set_default_timeout(_OPERATION_MS)
            wrong: list[str] = []
            page.on("console", lambda one: wrong.append(one.text) if one.type == "error" else None)
            page.on("pageerror", lambda one: wrong.append(str(one)))
            page.on(
                "request",
                lambda one: None if one.url.startswith(base) else wrong.append(one.url),
            )
            try:
                result = body(page, base)
                stored = page.evaluate("localStorage.length + sessionStorage.length")
                assert (wrong, stored, len(context.cookies())) == ([], 0, 1)
                return result
            finally:
                context.close()

        return self.run(work)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Pages]:
    found = Pages()
    yield found
    found.close()


@pytest.fixture(scope="module")
def paths(story: Story) -> list[str]:
    """Every kind of page."""
    story.stopped("tac", "tacs", 1)  # a re-check of another test may have taken over the first one
    browser = story.person("guide", PersonRole.VIEWER)
    finding = story.finding(browser, "SIM swapped")
    report = next(one for one in browser.get(finding).links if one.startswith("/reports/"))
    units = [
        browser.get(one).headers["Location"]
        for one in (f"/modems/{IMEI}", f"/sims/{OTHER_ICCID}", "/gateways/gw-1")
    ]
    lists = [
        "/", "/findings?state=all&severity=any", "/modems", "/sims", "/gateways", "/lookup", "/me",
    ]  # fmt: skip
    others = [
        "/check", "/cases", "/cases/new", "/policies", "/policies/new", "/windows", "/lists",
        "/lists/prohibited", "/imports", "/assets", "/assets/new", "/orders", "/deadlines",
        "/audit", "/retention", "/live", "/rechecks?state=stopped",
        "/bench", "/admin/people", "/admin/tokens", "/admin/webhooks",
        "/admin/rules", "/admin/tac", "/admin/system", "/exports",
    ]  # fmt: skip
    clerk = story.person("guide-2", PersonRole.OPERATOR)
    linked = set().union(*(clerk.get(one).pages for one in others))
    objects = [
        min(one for one in linked if re.fullmatch(pattern, one))
        for pattern in (r"/check/C\d+", r"/cases/K\d+", r"/policies/P\d+", r"/imports/I\d+",
                        r"/assets/A\d+", r"/orders/O\d+", r"/rechecks/R\d+", r"/bench/\w+")
    ]  # fmt: skip
    objects[2] += "?dry-run=1"
    answers = [f"{units[0]}?as_of=2020-01-01&and_at=2100-01-01", f"{units[0]}/sheet",
               f"{objects[0]}/sheet"]  # fmt: skip
    return [*lists, finding, report, *units, *others, *objects, *answers]


@pytest.mark.timeout(900)  # thirty pages, each with a limit of its own
def test_pages_are_accessible_and_fit_a_phone(
    story: Story, chromium: Pages, paths: list[str]
) -> None:
    person = story.person("axe", PersonRole.ADMIN)
    source = importlib.resources.files("axe_playwright_python").joinpath("axe.min.js").read_text()
    colored = paths[:: -(-len(paths) // _COLORED)]

    def body(page: Any, base: str) -> dict[str, list[str]]:
        found = {}
        for path in paths:
            page.set_viewport_size({"width": 320, "height": 640})
            page.goto(base + path, wait_until="domcontentloaded")
            wide = page.evaluate(_WIDER)
            page.set_viewport_size({"width": 1280, "height": 800})  # shows what phones do not
            page.evaluate(source)
            found[path] = page.evaluate(_AXE) + ([f"{wide} px too wide"] if wide > 0 else [])
            for scheme in ("dark", "light") if path in colored else ():
                page.emulate_media(color_scheme=scheme)
                found[path] += page.evaluate(_AXE_COLORS)
        return {path: wrong for path, wrong in found.items() if wrong}

    assert chromium.visit(person, body, color_scheme="light") == {}


def test_answer_is_in_the_first_screen(story: Story, chromium: Pages, paths: list[str]) -> None:
    person = story.person("hurried", PersonRole.OPERATOR)
    wanted = {"/": "Nothing waits|warning", paths[7]: "Was this planned?", paths[9]: "in gw-1"}
    acts = "[...document.querySelectorAll('.acts > *')].map(e => e.getBoundingClientRect().bottom)"

    def body(page: Any, base: str) -> list[str]:
        missing = []
        for path, texts in wanted.items():
            page.goto(base + path)
            shown = page.evaluate(
                "[...document.querySelectorAll('main *')].filter(e => !e.children.length ||"
                " e.tagName === 'P' || e.tagName === 'SPAN').filter(e =>"
                " e.getBoundingClientRect().bottom <= innerHeight).map(e => e.innerText).join(' ')"
            )
            if not any(text in shown for text in texts.split("|")):
                missing.append(path)
        page.goto(base + paths[7])
        bottoms = page.evaluate(acts)
        height = page.viewport_size["height"]
        return missing + [f"act ends at {one}" for one in bottoms if one > height]

    for width, height in ((1280, 800), (390, 844)):
        viewport = {"width": width, "height": height}
        assert chromium.visit(person, body, viewport=viewport) == []


def test_finding_is_decided_without_script(story: Story, chromium: Pages) -> None:
    person = story.person("plain", PersonRole.OPERATOR)

    def body(page: Any, base: str) -> str:
        page.goto(base + "/findings?state=all&severity=any")
        page.get_by_role("link", name="SIM swapped").first.click()
        page.get_by_text("Assign…").click()
        assigned = page.locator("form[action$=assign]")
        assigned.locator("textarea").fill("is at the site")
        assigned.locator("[name=assignee]").fill("ben")
        assigned.locator("button").click()
        return str(page.locator("#decisions").inner_text())

    shown = chromium.visit(person, body, java_script_enabled=False)
    assert "plain assigned to ben" in shown
    assert "is at the site" in shown


def test_change_that_stops_is_confirmed_or_undone(tmp_path: Path, chromium: Pages) -> None:
    registry = Registry(tmp_path)
    registry.start()
    story = Story(registry)
    person = story.person("brake", PersonRole.OPERATOR)
    gateway = Gateway()
    registry.client("--scope", "gateway", "--gateway-id", gateway.gateway_id).post(
        *(
            gateway.report("identified", imei(str(number)), [],
                           port={"path": "/dev/ttyUSB2", "id": f"usb:1-{number}:1.2"})
            for number in range(12)
        )
    )  # fmt: skip
    story.wait_for_rechecks()

    def stopped_after_import(page: Any, base: str, target: str) -> str:
        page.goto(base + "/imports")
        page.locator("[name=target]").last.select_option(target)
        page.locator("[name=pasted]").fill(f"tac\n{imei('0')[:8]}\n")
        page.get_by_role("button", name="Dry run").click()
        page.get_by_role("button", name="Import", exact=True).click()
        page.wait_for_url("**/imports/I*")
        story.wait_for_rechecks()
        page.goto(base + "/rechecks?state=stopped")
        page.get_by_role("link", name=re.compile(r"^R\d+$")).click()
        assert "It would make 12 new findings" in page.locator("main").inner_text()
        return str(page.url)

    def body(page: Any, base: str) -> tuple[str, str]:
        first = stopped_after_import(page, base, "prohibited")
        page.get_by_text("Confirm…").click()
        page.get_by_role("button", name="Make 12 findings").click()
        story.wait_for_rechecks()
        second = stopped_after_import(page, base, "tracked")
        page.get_by_text("Undo the change…").click()
        page.get_by_role("button", name="Undo the change").click()
        page.wait_for_url("**/imports/I*")
        story.wait_for_rechecks()
        page.goto(first)
        confirmed = page.locator("main").inner_text()
        page.goto(second)
        return confirmed, page.locator("main").inner_text()

    try:
        confirmed, undone = chromium.visit(person, body)
        reader = registry.client("--scope", "read")
        types = [one["type"] for one in reader.get("findings")["findings"]]
    finally:
        story.database.close()
        registry.stop(signal.SIGKILL)
    assert re.search(r"Confirmed .* by brake\.", confirmed)
    assert "Replaced by R" in undone
    assert types == ["imei.prohibited"] * 12


def test_number_and_finding_are_reached_by_keys_alone(
    story: Story, chromium: Pages, paths: list[str]
) -> None:
    person = story.person("typist", PersonRole.OPERATOR, full_ids=True)

    def body(page: Any, base: str) -> str:
        page.goto(base + "/")
        page.keyboard.press("/")
        page.keyboard.type(IMEI)
        page.keyboard.press("Enter")
        page.wait_for_url("**/modems/*")
        assert page.locator("h1 .number").inner_text().replace("\n", "") == IMEI
        page.keyboard.press("g")
        page.keyboard.press("f")
        page.wait_for_url("**/findings")
        page.goto(base + "/findings?state=all&severity=any")
        page.keyboard.press("j")
        page.keyboard.press("Enter")
        page.wait_for_url("**/findings/*")
        assert page.evaluate("document.activeElement.tagName") == "BODY"
        page.goto(base + paths[7])
        page.keyboard.press("d")
        return str(page.evaluate("document.activeElement.closest('details').id"))

    assert chromium.visit(person, body) == "authorise"


def test_new_events_are_counted_and_shown_on_request(story: Story, chromium: Pages) -> None:
    person = story.person("watcher", PersonRole.VIEWER)
    gateway = Gateway("gw-live")
    client = story.registry.client("--scope", "gateway", "--gateway-id", "gw-live")

    def body(page: Any, base: str) -> str:
        page.goto(base + "/live")
        page.get_by_text(re.compile("nothing new yet|new since")).wait_for()
        before = page.locator(".events > li").count()
        client.post(gateway.report("identified", imei="867698040000047", sims=[]))
        shown = page.get_by_role("link", name=re.compile(r"Show \d+ new"))
        shown.wait_for()
        assert page.locator(".events > li").count() == before
        assert "gw-live" not in page.locator(".events").inner_text()
        shown.click()
        page.get_by_text("gw-live").first.wait_for()
        return str(page.locator(".events").inner_text())

    assert "gw-live" in chromium.visit(person, body)


def test_bay_changes_while_the_page_is_open(story: Story, chromium: Pages) -> None:
    person = story.person("bench-watcher", PersonRole.VIEWER)
    bench = Gateway(BENCH, sequence=100)
    client = story.registry.client("--scope", "gateway", "--gateway-id", BENCH)

    def body(page: Any, base: str) -> str:
        page.goto(f"{base}/bench/{BENCH}")
        page.get_by_text("Live", exact=True).wait_for()
        page.locator(".bays a").first.focus()
        client.post(bench_report(bench, "05", "ended", "867698040002035", verdict="pass"))
        page.locator(".bays li", has_text="..2035").wait_for()
        return str(page.evaluate("document.activeElement.textContent"))

    assert chromium.visit(person, body) == "..2001"  # the focus stays


def test_selected_number_is_copied_without_spaces(story: Story, chromium: Pages) -> None:
    person = story.person("copier", PersonRole.VIEWER, full_ids=True)
    path = person.get(f"/modems/{IMEI}").headers["Location"]

    def body(page: Any, base: str) -> str:
        page.goto(base + path)
        return str(
            page.evaluate(
                "(getSelection().selectAllChildren(document.querySelector('h1 .number')),"
                " getSelection().toString())"
            )
        )

    assert chromium.visit(person, body) == IMEI
