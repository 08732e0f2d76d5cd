"""Every page for every role, by following links: masking, headers, addresses without numbers."""

from __future__ import annotations

import csv
import hashlib
import json
import re
from collections import Counter
from datetime import UTC, datetime

import pytest

from modemagent.registry.pages import timeline
from modemagent.registry.pages.links import Links
from modemagent.registry.pages.viewer import Viewer
from modemagent.registry.store.fleet import reader
from modemagent.registry.store.people import sessions
from modemagent.registry.store.people.people import PersonRole
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

_MOST_OF_A_SHAPE = 4
_EXPECTED = {
    "", "findings", "modems", "sims", "gateways", "reports", "me", "static", "check", "cases",
    "policies", "windows", "lists", "imports", "assets", "orders", "deadlines", "live", "rechecks",
    "bench", "exports",
}  # fmt: skip
_OF_ADMINISTRATORS = {
    f"/admin/{one}" for one in ("people", "tokens", "webhooks", "rules", "system", "tac")
}


def shape_of(path: str) -> str:
    """Return an address with its references replaced, and its parameters without values."""
    plain = re.sub(r"[^/]*[0-9][^/?]*", "*", path.partition("?")[0])
    return f"{plain}?{re.sub('=[^&]*', '', path.partition('?')[2])}"


def crawl(browser: Browser) -> dict[str, Answer]:
    """Return the pages that links lead to, some of each shape."""
    waiting, found = ["/", "/lookup", "/findings?state=all&severity=any"], {}
    shapes: Counter[str] = Counter()
    while waiting:
        path = waiting.pop()
        shape = shape_of(path)
        if path not in found and shapes[shape] < _MOST_OF_A_SHAPE:
            shapes[shape] += 1
            found[path] = browser.get(path)
            waiting += sorted(found[path].pages)
    return found


@pytest.mark.parametrize("role", list(PersonRole))
def test_every_page_of_a_role(story: Story, role: PersonRole) -> None:
    found = crawl(story.person(f"crawler-{role}", role))
    sections = {path.strip("/").partition("/")[0].partition("?")[0] for path in found}
    assert sections >= _EXPECTED
    assert ("audit" in sections) == (role in (PersonRole.AUDITOR, PersonRole.ADMIN))
    assert ("retention" in sections) == (role is PersonRole.ADMIN)
    opened = {path for path in found if re.fullmatch(r"/admin/[a-z]+", path)}
    assert opened == (_OF_ADMINISTRATORS if role is PersonRole.ADMIN else set())
    deleted = {path for path, answer in found.items() if "was deleted by" in answer.text}
    assert {found[path].status for path in deleted} <= {410}
    wrong = {path: found[path].status for path in found.keys() - deleted}
    wrong = {path: status for path, status in wrong.items() if status != 200}
    assert wrong == {}
    whole = "".join(f"{answer.text}{answer.headers}" for answer in found.values())
    addresses = "\n".join({*found, *(link for one in found.values() for link in one.links)})
    check_numbers(whole, addresses, is_masked=role in (PersonRole.VIEWER, PersonRole.OPERATOR))
    for path, answer in found.items():
        check_headers(path, answer)
    pages = "".join(one.text for one in found.values() if is_page(one))
    assert HOSTILE not in pages
    assert FORMULA not in pages
    assert "&lt;script&gt;alert(1)" in pages
    assert len(re.findall(r"<script(?! type=\"module\")", pages)) == 0


def is_page(answer: Answer) -> bool:
    """Return True for HTML; files are saved by browsers, not shown."""
    is_html = answer.headers["Content-Type"].startswith("text/html")
    is_asset = "immutable" in answer.headers["Cache-Control"]
    assert is_html or is_asset or "attachment" in answer.headers["Content-Disposition"]
    return is_html


def check_numbers(whole: str, addresses: str, *, is_masked: bool) -> None:
    digits = re.sub(r"</span><span>", "", whole)
    for number in NUMBERS:
        assert number[:14] not in addresses
        assert not is_masked or number[:14] not in digits, number
    assert NUMBER_LIKE_GATEWAY not in addresses
    shown = ("867698*****0013",) if is_masked else (IMEI, OTHER_ICCID)
    assert all(one in digits for one in shown)


def check_headers(path: str, answer: Answer) -> None:
    headers = answer.headers
    for name in ("Content-Security-Policy", "Cache-Control", "X-Content-Type-Options"):
        assert len(headers.get_all(name)) == 1, (path, name)
    if path.startswith("/static/"):
        assert "immutable" in headers["Cache-Control"]
        return
    assert headers["Cache-Control"] == "no-store"
    assert headers.get_all("Referrer-Policy") == ["same-origin"]
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
    policy = headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; script-src 'self';")
    assert "require-trusted-types-for 'script'" in policy
    assert "unsafe" not in policy


def test_api_keeps_its_own_headers(story: Story) -> None:
    answer = story.browser().get("/api/v1/modems")
    assert answer.status == 401
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'; frame")
    assert answer.headers.get_all("Referrer-Policy") == ["no-referrer"]
    assert story.browser().get("/nothing").headers["Content-Type"] == "application/problem+json"
    page = story.browser().get("/nothing", Accept="text/html")
    assert (page.status, page.headers["Content-Type"]) == (404, "text/html; charset=utf-8")


def test_last_digits_lead_to_candidates(story: Story) -> None:
    masked = story.person("caller", PersonRole.VIEWER)
    page = masked.post("/lookup", {"id": IMEI[-4:]})
    assert (page.status, "1 number ends with these digits" in page.text) == (200, True)
    assert any(re.fullmatch(r"/modems/[0-9A-Z]{12}", one) for one in page.links)
    page = masked.post("/lookup", {"id": IMEI[-6:]}).text
    assert "Your account sees only the last four digits" in page
    assert "ends with these digits" not in page
    assert "<h2>Not searched</h2>" in page
    assert "has the length of none" not in page
    person = story.person("caller-2", PersonRole.VIEWER, full_ids=True)
    assert IMEI in re.sub(r"</?span[^>]*>", "", person.post("/lookup", {"id": IMEI[-6:]}).text)


def test_numbers_in_addresses_lead_to_references(story: Story) -> None:
    browser = story.person("links", PersonRole.VIEWER)
    for path in (f"/modems/{IMEI}", f"/sims/{ICCID}", f"/gateways/{NUMBER_LIKE_GATEWAY}"):
        answer = browser.get(path)
        assert answer.status == 303
        assert re.fullmatch(r"/(modems|sims|gateways)/[0-9A-Z]{12}", answer.headers["Location"])


def test_lookup_of_one_match_leads_to_its_page(story: Story) -> None:
    browser = story.person("finder", PersonRole.VIEWER)
    for number in (IMEI, IMEI[:14], OTHER_ICCID, "gw-1", f"IMEI: {IMEI}", f"ICCID={ICCID}"):
        answer = browser.post("/lookup", {"id": number})
        assert answer.status == 303, number
        assert browser.get(answer.headers["Location"]).status == 200


def test_unknown_number_is_explained(story: Story) -> None:
    browser = story.person("explained", PersonRole.VIEWER)
    answer = browser.post("/lookup", {"id": "867698040000055"})
    assert answer.status == 200
    assert "Never reported here" in answer.text
    assert "the check digit would be" in answer.text
    assert "/lists/" not in answer.text
    clerk = story.person("watchful", PersonRole.OPERATOR)
    page = clerk.post("/lookup", {"id": "867698040000104"}).text
    assert re.search(r'action="/lists/tracked/put".*value="867698040000104"', page)
    assert 'value="867698040000055"' in answer.text  # the person has typed it
    assert "by a spreadsheet.</" in browser.post("/lookup", {"id": "8.67698E+14"}).text
    for text in ("IMEI: 86769804000005", "G" * 19):  # as long as an ICCID
        assert browser.post("/lookup", {"id": text}).status == 200, text


def test_modem_page_shows_the_answers_of_the_modem(story: Story) -> None:
    browser = story.person("evidence", PersonRole.VIEWER, full_ids=True)
    page = browser.get(browser.get(f"/modems/{IMEI}").headers["Location"]).text
    assert "SIM swapped" in page
    assert f"+QCCID: {OTHER_ICCID}" in page
    assert "AT+QCCID" in page
    other = browser.get(browser.get(f"/modems/{OTHER_IMEI}").headers["Location"]).text
    assert "not read" in other


def test_evidence_sheet_and_its_json_agree(story: Story) -> None:
    browser = story.person("witness", PersonRole.AUDITOR)
    path = browser.get(f"/modems/{IMEI}").headers["Location"]
    page = browser.get(f"{path}/sheet?as_of=2026-03-01T12:00:01.500Z")
    (link,) = [one for one in page.links if "form=json" in one]
    browser.get("/audit/csv")
    page, found = page.text, browser.get(link).text
    assert hashlib.sha256(found.encode()).hexdigest() in page
    document = json.loads(found)
    assert document["state"]["imei"] == IMEI
    (swap,) = [one for one in document["timeline"]["events"] if one["type"] == "sim.swapped"]
    reports = {one["key"]: one for one in document["reports"]}
    report = reports[swap["data"]["report"]]
    body = json.dumps(report["report"], sort_keys=True, separators=(",", ":")).encode()
    assert report["sha256"] == hashlib.sha256(body).hexdigest()
    assert report["sha256"] in page
    assert f"SIM swapped {ICCID} to {OTHER_ICCID} in slot 1" in page
    shown = next(one for one in browser.get(path).links if one.startswith("/reports/"))
    assert "SHA-256 of the body" in browser.get(shown).text
    assert browser.get("/sims/000000000000/sheet").status == 404


def test_past_place_is_one_sentence(story: Story) -> None:
    browser = story.person("past", PersonRole.VIEWER, full_ids=True)
    path = browser.get(f"/sims/{ICCID}").headers["Location"]
    page = browser.get(f"{path}?as_of=2026-03-01T12:00:01.500Z")
    text = " ".join(re.sub(r"<[^>]+>", "", page.text).split())
    assert f"12:00:01 UTC last known in gw-1 usb:1-2, in modem {IMEI}, slot 1." in text
    assert any(one.startswith("/reports/") for one in page.links)
    then = browser.get(f"{path}?as_of=2026-03-01T12:00:01.500Z&known_at=2026-03-02").text
    text = " ".join(re.sub(r"<[^>]+>", " ", then).split())
    assert "As known at 2 Mar 2026 00:00:00 UTC At 1 Mar 2026 12:00:01 UTC : not known." in text
    current = browser.get(f"/sims/{OTHER_ICCID}").headers["Location"]
    future = browser.get(f"{current}?as_of=2100-01-01").text
    assert "none after: this time has not come yet." in future
    assert "No report of its place had been received." in text
    assert (
        "first reading is of 1 Mar 2026 12:00:01 UTC."
        in browser.get(f"{path}?as_of=2020-01-01").text
    )
    assert re.search(r"What changed the answer: .*, in report gw-1/stream-1/1 , known ", text)
    two = browser.get(f"{path}?as_of=2026-03-01T12:00:01.500Z&and_at=2026-03-01T12:00:05Z").text
    assert re.search(r"Between them.*SIM swapped", two, re.DOTALL)
    assert browser.get(f"{path}?as_of=yesterday").status == 400


def test_gateway_states_clock_boots_and_streams(story: Story) -> None:
    browser = story.person("dispatcher", PersonRole.VIEWER, full_ids=True)
    page = browser.get(browser.get("/gateways/gw-1").headers["Location"]).text
    text = " ".join(re.sub(r"<[^>]+>", " ", page).split())
    assert "clock right at the last report, synchronized boots 1, the last began 1 Mar" in text
    assert "conflicts none" in text
    assert "stream stream-1 up to 3 " in text
    assert f"<title>{IMEI} from 1 Mar 2026 12:00:01 UTC, still there</title>" in page


def test_timeline_has_files_and_pages(story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    masked, full = (
        story.person(f"historian-{on}", PersonRole.VIEWER, full_ids=on) for on in (False, True)
    )
    path = full.get(f"/modems/{IMEI}").headers["Location"]
    answer = full.get(f"{path}/timeline?form=csv&show=change")
    assert answer.headers["Content-Disposition"].endswith(f'timeline-{path[8:]}.csv"')
    rows = list(csv.DictReader(answer.text.splitlines()))
    assert {one["kind"] for one in rows} == {"change"}
    (swap,) = [one for one in rows if one["what"] == "SIM swapped"]
    assert (swap["before"], swap["after"]) == (ICCID, OTHER_ICCID)
    assert ICCID not in masked.get(f"{path}/timeline?form=json").text
    findings = json.loads(full.get(f"{path}/timeline?form=json&show=finding").text)["entries"]
    assert 0 < len(findings) < len(rows)

    clerk = story.person("annalist", PersonRole.OPERATOR)
    text = f"seen with {ICCID} <b>"
    assert clerk.post(f"{path}/note", {"text": text}).headers["Location"] == f"{path}#timeline"
    assert clerk.post(f"{path}/note", {"text": " "}).status == 422
    assert full.post(f"{path}/note", {"text": text}).status == 403
    notes = json.loads(full.get(f"{path}/timeline?form=json&show=person").text)["entries"]
    assert ("annalist", text) in [(one["who"], one["note"]) for one in notes]
    assert "annalist: <b>note</b>" in clerk.get(f"{path}?show=person").text
    assert ICCID not in clerk.get(f"{path}?show=person").text

    monkeypatch.setattr(timeline, "MOST", 1)
    found, before, now = [], None, datetime.now(UTC)
    with story.database.reading() as connection:
        person, _ = sessions.person_of(connection, str(full.cookie)) or (None, None)
        assert person
        links = Links(connection, Viewer(person))
        unit = {"history": reader.modem_timeline(connection, IMEI) or {}, "findings": []}
        every = timeline.every_entry(connection, links, now, **unit)
        while before is not None or not found:
            wanted = timeline.wanted_events(before)
            unit["history"] = cut = reader.modem_timeline(connection, IMEI, **wanted) or {}
            assert len(cut["pairings"]) + cut.get("earlier", 0) == 2
            part = timeline.entries(connection, links, now, **unit, before=before)
            found += part.entries
            before = part.older and timeline.Cursor.of(str(part.older))
    assert [(one.time, one.title) for one in found] == [(one.time, one.title) for one in every]
    assert len(found) > 3


def test_masked_people_cannot_try_numbers_without_end(story: Story) -> None:
    browser = story.person("prober", PersonRole.VIEWER)
    paths = ("/modems/35204860{:06d}", "/sims/894902000000{:06d}")
    tried = [browser.get(paths[n % 2].format(n)).status for n in range(60)]
    assert set(tried) == {404}
    assert browser.get("/modems/35204860000099").status == 429
    assert browser.post("/lookup", {"id": "1"}).status == 429
    assert browser.get("/modems").status == 200
