"""People, tokens and webhooks, which only an administrator sees and changes."""

from __future__ import annotations

import hashlib
import json
import re
import time

import pytest

from modemagent.registry.calls.audit import AuditCalls
from modemagent.registry.calls.rechecks import RecheckCalls
from modemagent.registry.calls.webhooks import WebhookCalls
from modemagent.registry.pages import system
from modemagent.registry.rules.catalogue import CATALOGUE
from modemagent.registry.store.database import backup, jobs
from modemagent.registry.store.database.jobs import TimerKind
from modemagent.registry.store.database.system_state import TABLES_OF
from modemagent.registry.store.intake.recorder import Recorder
from modemagent.registry.store.people import tokens
from modemagent.registry.store.people.people import PersonRole
from modemagent.registry.store.people.tokens import Scope
from modemagent.registry.store.tables import people_tables
from tests.registry.conftest import IMEI, OTHER_IMEI
from tests.registry.pages.conftest import PASSWORD, Browser, Story


@pytest.fixture(scope="module")
def admin(story: Story) -> Browser:
    return story.person("owner", PersonRole.ADMIN)


def row_of(page: str, text: str) -> str:
    """Return the words of the row of a table that contains a text."""
    rows = [row for row in re.findall(r"<tr data-row.*?</tr>", page, re.DOTALL) if text in row]
    assert rows, text
    return " ".join(re.sub(r"<[^>]+>", " ", rows[0]).split())


def test_person_is_invited_and_revoked(story: Story, admin: Browser) -> None:
    refused = admin.post("/admin/people", {"name": "Not A Name", "role": "viewer"})
    assert (refused.status, 'role="alert"' in refused.text) == (422, True)
    page = admin.post("/admin/people", {"name": "Fred", "role": "operator", "full_ids": "1"}).text
    link = re.search(r"http://\S+(/welcome/[^<\s]+)", page)
    assert link is not None
    assert "invited" in row_of(page, "fred")
    typed = {"password": PASSWORD, "again": PASSWORD}
    cookie = story.browser().post(link[1], typed).headers["Set-Cookie"]
    fred = Browser(admin.port, cookie.partition("=")[2].partition(";")[0])
    assert fred.get("/findings").status == 200
    assert "operator full identifiers active" in row_of(admin.get("/admin/people").text, "fred")
    assert admin.post("/admin/people/fred/revoke").status == 303
    assert "revoked" in row_of(admin.get("/admin/people").text, "fred")
    assert fred.get("/findings").headers["Location"].startswith("/sign-in")
    admin.post("/admin/people/owner/revoke")  # not the own account
    assert "active" in row_of(admin.get("/admin/people").text, "owner")
    assert admin.post("/admin/people/stranger/revoke").status == 404


def test_token_is_revoked(story: Story, admin: Browser) -> None:
    tokens.create(story.database, Scope.READ)
    number = tokens.all_tokens(story.database)[-1].number
    assert "read active never" in row_of(admin.get("/admin/tokens").text, f"token {number}<")
    assert admin.post(f"/admin/tokens/T{number}/revoke").status == 303
    assert "read revoked" in row_of(admin.get("/admin/tokens").text, f"token {number}<")
    assert "gw-1" in admin.get("/admin/tokens?of=gateways").text


def test_token_is_made_and_shown_once(story: Story, admin: Browser) -> None:
    form = {"scope": "read", "expires": "2099-01-31", "full_ids": "1"}
    page = admin.post("/admin/tokens", form).text
    secret = re.search(r'data-copy="token">(mma_[\w-]{43})<', page)
    assert secret is not None
    found = tokens.find(story.database, hashlib.sha256(secret[1].encode()).digest())
    assert found is not None
    assert (found.scope, found.full_ids, found.expires_ms) == ("read", True, 4_073_500_800_000)
    assert secret[1] not in admin.get("/admin/tokens").text
    assert admin.post("/admin/tokens", {"scope": "gateway", "gateway": "gw-77"}).status == 200
    assert "gw-77 gateway active" in row_of(admin.get("/admin/tokens?of=gateways").text, "gw-77")
    before = len(tokens.all_tokens(story.database))
    wrong = ({"scope": "gateway"}, {"scope": "read", "gateway": "gw-1"}, {"scope": "all"},
             {"scope": "enroll", "full_ids": "1"}, {"scope": "read", "expires": "2026-01-01"},
             {"scope": "gateway", "gateway": "a/b"})  # fmt: skip
    assert {admin.post("/admin/tokens", one).status for one in wrong} == {422}
    with story.database.writing() as connection:
        own = people_tables.session.c.hash == hashlib.sha256(str(admin.cookie).encode()).digest()
        connection.execute(people_tables.session.update().where(own).values(proved_ms=0))
    question = admin.post("/admin/tokens", form).text
    assert "You are about to make a token" in question
    assert 'href="/admin/tokens">Cancel' in question
    assert "data-copy" not in question
    assert len(tokens.all_tokens(story.database)) == before
    assert "data-copy" in admin.post("/admin/tokens", {**form, "proof": PASSWORD}).text


def test_message_to_a_webhook_is_sent_again(story: Story, admin: Browser) -> None:
    given = {"name": "tickets", "url": "https://127.0.0.1:9/", "state": "disabled"}
    key = WebhookCalls(story.database, "person:owner").add(given)["id"]
    page = admin.get("/admin/webhooks").text
    assert "tickets https://127.0.0.1:9/ disabled 0 0 0 never everything" in row_of(page, "tickets")
    path = f"/admin/webhooks/W{key}"
    assert admin.post(f"{path}/test").status == 303
    page = admin.get(path).text
    assert "waiting 0" in row_of(page, 'id="m')
    assert "No message in this state" in admin.get(f"{path}?state=dead").text
    assert admin.post(f"{path}/again", {"message": "0"}).status == 404
    assert admin.get("/admin/webhooks/W0").status == 404


def words_of(page: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", page).split())


def test_system_page_names_what_fails(story: Story, admin: Browser) -> None:
    page = words_of(admin.get("/admin/system").text)
    assert "Ready reports are accepted" in page
    assert "never backed up" in page
    assert "Audit intact the newest of" in page
    assert "Retention checks 90 days, all else without limit." in page
    assert "SQLite has one file for all kinds" in page
    Recorder(story.database).run(lambda batch: jobs.note_failure(batch, "retention", "KeyError"))
    backup.note_backup(story.database)
    page = words_of(admin.get("/admin/system").text)
    assert "older than its limit every 1 h failing KeyError failed" in page
    assert re.search(r"Backup backed up \S+ \S+ \d+ [0-9:]+ UTC \d s ago", page)


def test_rules_are_tried_and_evaluated(story: Story, admin: Browser) -> None:
    page = admin.get("/admin/rules").text
    row = row_of(page, "imei.prohibited")
    assert re.search(r"IMEI prohibited imei.prohibited .* error none [0-9]+ ", row)
    assert "/findings?rule=imei.prohibited&amp;severity=any" in page
    assert all(f">{rule}<" in page for rule in CATALOGUE)
    assert admin.post("/admin/rules/dry-run", {"brake": "all"}).status == 422
    story.wait_for_rechecks()
    trial = admin.post("/admin/rules/dry-run", {"brake": "100"}).headers["Location"]
    written = admin.post("/admin/rules/check", {"brake": "2.5"}).headers["Location"]
    story.wait_for_rechecks()
    assert "only counted" in admin.get(trial).text
    assert "<h1>Dry run</h1>" in admin.get(trial).text
    assert "<h1>Re-check</h1>" in admin.get(written).text
    run = RecheckCalls(story.database, "").run(written.rpartition("R")[2])
    assert run is not None
    assert (run["scope"], run["dry_run"], run["max_match_ratio"]) == ("rules", False, 0.025)
    assert f'"{written}"' in admin.get("/admin/rules").text


def test_tac_table_is_imported_and_searched(admin: Browser) -> None:
    content = "".join(f"{35_204_800 + at},Maker {at},Model {at}\n" for at in range(60))
    form = {"target": "tacs", "source": f"list of {IMEI}", "force": "on"}
    trial = admin.upload("/imports", form, "file", f"tac,maker,model\n{content}".encode())
    assert (trial.status, "60</b> new" in trial.text) == (200, True)
    assert "Table of TACs: 0 before, 60 after." in trial.text
    one = admin.upload("/imports", form, "file", b"tac,maker,model\n35204800,Maker,Model\n")
    assert "1</b> line<" in one.text
    done = admin.post("/imports/apply", {**form, "content": trial.field("content")})
    page = admin.get("/admin/tac")
    assert "60 records , changed" in words_of(page.text)
    assert f'"{done.headers["Location"]}"' in page.text
    (older,) = [one for one in page.links if "after=" in one]
    assert "Maker 59" in row_of(admin.get(older).text, "35204859")
    found = admin.get("/admin/tac?prefix=3520484").text
    assert re.findall(r'class="number">(\d+)<', found) == [f"3520484{at}" for at in range(10)]
    assert "shipped with modemagent" in row_of(admin.get("/admin/tac?prefix=86532606").text, "EG25")
    assert admin.get("/admin/tac?prefix=352048400").status == 400
    assert admin.post(f"{done.headers['Location']}/undo").status == 303
    assert "The table is empty" in admin.get("/admin/tac").text


def export_of(browser: Browser, form: dict[str, str]) -> str:
    """Request an export, and return its key when it is ready."""
    answer = browser.post("/exports", form)
    assert answer.status == 303, answer.text
    key = answer.headers["Location"].removeprefix("/exports#")
    deadline = time.monotonic() + 60
    while " ready " not in row_of(browser.get("/exports").text, f'id="{key}"'):
        assert time.monotonic() < deadline, "the export is not ready"
        time.sleep(0.1)
    return key


def test_export_is_fetched_by_those_who_may_see_it(story: Story, admin: Browser) -> None:
    masked = story.person("taker", PersonRole.VIEWER)
    key = export_of(masked, {"what": "modems", "format": "csv", "gateway": "gw-1"})
    file = masked.get(f"/exports/{key}/file")
    assert f'filename="modems-{key}.csv"' in file.headers["Content-Disposition"]
    header, row = file.text.splitlines()
    assert header.startswith("imei,")
    assert row.startswith("867698*****0013,")
    assert "modems gateway gw-1 ready" in row_of(masked.get("/exports").text, f'id="{key}"')
    whole = export_of(admin, {"what": "findings", "format": "jsonl"})
    lines = [json.loads(line) for line in admin.get(f"/exports/{whole}/file").text.splitlines()]
    assert any(IMEI in json.dumps(one) for one in lines)
    assert {"sim.swapped", "imei.prohibited"} <= {one["type"] for one in lines}
    page = masked.get("/exports")
    assert "identifiers in full" in row_of(page.text, f'id="{whole}"')
    assert f"/exports/{whole}/file" not in page.links
    assert masked.get(f"/exports/{whole}/file").status == 403
    assert masked.post("/exports", {"what": "audit", "format": "csv"}).status == 403
    wrong = {"what": "modems", "format": "csv", "severity": "error"}
    refused = masked.post("/exports", wrong)
    assert (refused.status, "Not a filter of modems: Severity." in refused.text) == (422, True)
    refused = masked.post("/exports", {"what": "modems", "format": "csv", "gateway": IMEI})
    assert (refused.status, "No gateway has this id." in refused.text) == (422, True)
    tac = {"what": "findings", "format": "jsonl", "tac": OTHER_IMEI[:8], "severity": "error"}
    some = admin.get(f"/exports/{export_of(admin, tac)}/file").text
    found = [json.loads(one) for one in some.splitlines()]
    assert "imei.prohibited" in {one["type"] for one in found}
    assert {one["severity"] for one in found} == {"error"}
    assert masked.post("/exports", {**tac, "tac": OTHER_IMEI}).status == 422
    AuditCalls(story.database).chain()
    fetched = admin.get(f"/audit?kind=export.fetch&object=export:{whole[1:]}").text
    assert "fetched an export with numbers in full" in row_of(fetched, "owner")
    assert masked.get("/exports/E0/file").status == 404


def test_second_time_zone_is_shown_beside_utc(story: Story, admin: Browser) -> None:
    browser = story.person("traveller", PersonRole.VIEWER)
    there = re.compile(r'UTC</time> <small class="nowrap">(\d+ \w{3} )?[0-9:]{8} JST[,<]')
    assert not there.search(browser.get("/me").text)
    assert browser.post("/me/preferences", {"zone": "Asia/Tokyo"}).status == 303
    for path in ("/me", "/findings?state=all&severity=any"):
        assert there.search(browser.get(path).text), path
    assert "JST" not in browser.get("/findings/csv?state=all&severity=any").text
    refused = browser.post("/me/preferences", {"zone": "Mars/Olympus"})
    assert (refused.status, refused.field("zone")) == (422, "Mars/Olympus")
    assert not there.search(admin.get("/me").text)
    assert browser.post("/me/preferences", {"zone": "Etc/UTC"}).status == 303
    assert not re.search(r"UTC</time> <small[^>]*>[0-9:]{8} UTC", browser.get("/me").text)
    assert browser.post("/me/preferences", {"zone": ""}).status == 303
    assert not there.search(browser.get("/me").text)


def test_all_background_work_has_words(story: Story) -> None:
    assert set(system.TIMERS) | {kind for _, kind in system.QUEUES.values()} == {*TimerKind, None}
    named = [one for names in TABLES_OF.values() for one in names]
    with story.database.reading() as connection:
        query = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
        assert sorted(named) == sorted(connection.exec_driver_sql(query).scalars())


@pytest.mark.parametrize("page", ["people", "tokens", "webhooks", "rules", "system", "tac"])
def test_pages_are_for_administrators(story: Story, page: str) -> None:
    auditor = story.person("examiner", PersonRole.AUDITOR)
    answer = auditor.get(f"/admin/{page}")
    assert (answer.status, "administer the registry" in answer.text) == (403, True)
    assert f"/admin/{page}" not in auditor.get("/").links
