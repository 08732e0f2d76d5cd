"""Every page for every role, by following links: masking, headers, addresses without numbers."""

from __future__ import annotations

import re

import pytest

from modemagent.registry.store.people import PersonRole
from tests.registry.conftest import ICCID, IMEI, OTHER_ICCID, OTHER_IMEI
from tests.registry.pages.conftest import (
    FORMULA,
    HOSTILE,
    NUMBER_LIKE_GATEWAY,
    NUMBERS,
    Answer,
    Browser,
    Story,
)

_MOST_PAGES = 150
_EXPECTED = {"", "findings", "modems", "sims", "gateways", "reports", "me", "static"}


def crawl(browser: Browser) -> dict[str, Answer]:
    """Return every page that links lead to."""
    waiting, found = ["/", "/lookup", "/findings?state=all&severity=any"], {}
    while waiting:
        path = waiting.pop()
        if path in found or path in ("/sign-out", "/me/preferences", "/me/end-others"):
            continue
        if re.fullmatch(r"/findings/[^/]+/\w+", path):  # a form
            continue
        found[path] = browser.get(path)
        assert len(found) < _MOST_PAGES
        waiting += found[path].links
    return found


@pytest.fixture(
    scope="module",
    params=[*PersonRole, "viewer in full"],
    ids=lambda one: str(one).replace(" ", "-"),
)
def crawled(request: pytest.FixtureRequest, story: Story) -> tuple[str, dict[str, Answer]]:
    full_ids = request.param == "viewer in full"
    role = PersonRole.VIEWER if full_ids else request.param
    browser = story.person(str(request.param).replace(" ", "-"), role, full_ids=full_ids)
    return request.param, crawl(browser)


def test_every_page_is_shown(crawled: tuple[str, dict[str, Answer]]) -> None:
    _, found = crawled
    assert {path.strip("/").partition("/")[0].partition("?")[0] for path in found} >= _EXPECTED
    assert {answer.status for answer in found.values()} == {200}, {
        path: answer.status for path, answer in found.items() if answer.status != 200
    }


def test_masked_people_never_get_a_number(crawled: tuple[str, dict[str, Answer]]) -> None:
    role, found = crawled
    whole = "".join(f"{answer.text}{answer.headers}" for answer in found.values())
    digits = re.sub(r"</span><span>", "", whole)
    if role in (PersonRole.VIEWER, PersonRole.OPERATOR):
        for number in NUMBERS:
            assert number[:14] not in digits, number
        assert "867698*****0013" in digits
    else:
        assert IMEI in digits
        assert OTHER_ICCID in digits


def test_no_address_has_a_number(crawled: tuple[str, dict[str, Answer]]) -> None:
    _, found = crawled
    addresses = "\n".join({*found, *(link for one in found.values() for link in one.links)})
    for number in NUMBERS:
        assert number[:14] not in addresses
    assert NUMBER_LIKE_GATEWAY not in addresses


def test_pages_have_the_headers(crawled: tuple[str, dict[str, Answer]]) -> None:
    _, found = crawled
    for path, answer in found.items():
        headers = answer.headers
        for name in ("Content-Security-Policy", "Cache-Control", "X-Content-Type-Options"):
            assert len(headers.get_all(name)) == 1, (path, name)
        if path.startswith("/static/"):
            assert "immutable" in headers["Cache-Control"]
            continue
        assert headers["Cache-Control"] == "no-store"
        assert headers.get_all("Referrer-Policy") == ["same-origin"]
        assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
        policy = headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'none'; script-src 'self';")
        assert "require-trusted-types-for 'script'" in policy
        assert "unsafe" not in policy


def test_hostile_names_are_inert(crawled: tuple[str, dict[str, Answer]]) -> None:
    _, found = crawled
    whole = "".join(answer.text for answer in found.values())
    assert HOSTILE not in whole
    assert FORMULA not in whole
    assert "&lt;script&gt;alert(1)" in whole
    assert len(re.findall(r"<script(?! type=\"module\")", whole)) == 0


def test_api_keeps_its_own_headers(story: Story) -> None:
    answer = story.browser().get("/api/v1/modems")
    assert answer.status == 401
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'; frame")
    assert answer.headers.get_all("Referrer-Policy") == ["no-referrer"]
    assert story.browser().get("/nothing").headers["Content-Type"] == "application/problem+json"
    page = story.browser().get("/nothing", Accept="text/html")
    assert (page.status, page.headers["Content-Type"]) == (404, "text/html; charset=utf-8")


def test_numbers_in_addresses_lead_to_references(story: Story) -> None:
    browser = story.person("links", PersonRole.VIEWER)
    for path in (f"/modems/{IMEI}", f"/sims/{ICCID}", f"/gateways/{NUMBER_LIKE_GATEWAY}"):
        answer = browser.get(path)
        assert answer.status == 303
        assert re.fullmatch(r"/(modems|sims|gateways)/[0-9A-Z]{12}", answer.headers["Location"])


def test_lookup_of_one_match_leads_to_its_page(story: Story) -> None:
    browser = story.person("finder", PersonRole.VIEWER)
    for number in (IMEI, IMEI[:14], OTHER_ICCID, "gw-1"):
        answer = browser.post("/lookup", {"id": number})
        assert answer.status == 303, number
        assert browser.get(answer.headers["Location"]).status == 200


def test_unknown_number_is_explained(story: Story) -> None:
    browser = story.person("explained", PersonRole.VIEWER)
    answer = browser.post("/lookup", {"id": "867698040000055"})
    assert answer.status == 200
    assert "Never reported here" in answer.text
    assert "the check digit would be" in answer.text
    assert 'value="867698040000055"' in answer.text  # the person has typed it


def test_modem_page_shows_the_answers_of_the_modem(story: Story) -> None:
    browser = story.person("evidence", PersonRole.VIEWER, full_ids=True)
    page = browser.get(browser.get(f"/modems/{IMEI}").headers["Location"]).text
    assert "SIM swapped" in page
    assert f"+QCCID: {OTHER_ICCID}" in page
    assert "AT+QCCID" in page
    other = browser.get(browser.get(f"/modems/{OTHER_IMEI}").headers["Location"]).text
    assert "not read" in other


def test_past_place_is_one_sentence(story: Story) -> None:
    browser = story.person("past", PersonRole.VIEWER, full_ids=True)
    path = browser.get(f"/sims/{ICCID}").headers["Location"]
    page = browser.get(f"{path}?as_of=2026-03-01T12:00:01.500Z").text
    assert f"in slot 1 of modem {IMEI}, at usb:1-2 of gateway gw-1" in page
    assert browser.get(f"{path}?as_of=yesterday").status == 400


def test_masked_people_cannot_try_numbers_without_end(story: Story) -> None:
    browser = story.person("prober", PersonRole.VIEWER)
    paths = ("/modems/35204860{:06d}", "/sims/894902000000{:06d}")
    tried = [browser.get(paths[n % 2].format(n)).status for n in range(60)]
    assert set(tried) == {404}
    assert browser.get("/modems/35204860000099").status == 429
    assert browser.post("/lookup", {"id": "1"}).status == 429
    assert browser.get("/modems").status == 200
