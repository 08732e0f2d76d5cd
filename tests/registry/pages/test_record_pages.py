"""Deadlines and the audit: filters, files, masking, and the verification of the chain."""

from __future__ import annotations

import contextlib
import csv
import http.client
import re
import time
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import update

from modemagent.registry.calls.audit import AuditCalls
from modemagent.registry.calls.retention import RetentionCalls
from modemagent.registry.store.people.people import PersonRole
from modemagent.registry.store.tables.privacy_tables import audit
from tests.registry.pages.conftest import NUMBER_LIKE_GATEWAY, Browser, Story

ABROAD = NUMBER_LIKE_GATEWAY.removeprefix("gw-")


@pytest.fixture(scope="module")
def auditor(story: Story) -> Browser:
    return story.person("inspector", PersonRole.AUDITOR)


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(text.splitlines()))


def test_deadlines_are_filtered_and_masked(story: Story, auditor: Browser) -> None:
    viewer = story.person("planner", PersonRole.VIEWER)
    due = datetime.now(UTC).date() + timedelta(days=60)
    (row,) = rows(viewer.get("/deadlines/csv").text)
    assert (row["imei"], row["country"], row["rule"]) == ("867698*****0039", "UZ", "uz-local-sim")
    assert abs((datetime.fromisoformat(row["due_on"]).date() - due).days) <= 1
    (full,) = rows(auditor.get("/deadlines/csv?numbers=text").text)
    assert full["imei"] == f'="{ABROAD}"'
    page = viewer.get("/deadlines?country=uz").text
    assert "867698*****0039" in page
    assert ABROAD not in page
    assert "country: UZ" in page
    hidden = (
        "country=TR",
        f"due_before={due - timedelta(days=5)}",
        "site=Lyon",
        "modem=0123456789AB",
    )
    assert all("No deadline matches" in viewer.get(f"/deadlines?{one}").text for one in hidden)
    assert viewer.get("/deadlines?due_before=soon").status == 400
    modem = viewer.get(viewer.get(f"/modems/{ABROAD}").headers["Location"])
    assert any(one.startswith("/deadlines?modem=") for one in modem.links)


def test_stream_of_a_page_has_no_numbers(story: Story) -> None:
    viewer = story.person("follower", PersonRole.VIEWER)
    assert Browser(viewer.port).get("/live/stream").status == 303
    headers = {"Cookie": f"registry={viewer.cookie}", "Last-Event-ID": "0"}
    with contextlib.closing(
        http.client.HTTPConnection("127.0.0.1", viewer.port, timeout=60)
    ) as connection:
        connection.request("GET", "/live/stream", None, headers)
        response = connection.getresponse()
        assert response.headers["Content-Type"] == "text/event-stream"
        lines = [response.readline().decode() for _ in range(12)]
    assert 'data: "Modem first seen"\n' in lines
    assert not re.search("[0-9]{6}", "".join(lines))
    deadline = time.monotonic() + 120  # the registry adds a case to the log within a second
    page = viewer.get("/live").text
    while not re.search(r"Case opened</b>\s*<a[^>]* href=\"/cases/K", page):
        assert time.monotonic() < deadline
        time.sleep(0.2)
        page = viewer.get("/live").text
    assert re.search(r'data-stream="/live/stream" data-after="[0-9]+"', page)
    assert "data-stream" not in viewer.get("/live?after=2").text


def test_acts_are_filtered(story: Story, auditor: Browser) -> None:
    story.person("newcomer", PersonRole.OPERATOR).post("/me/preferences", {"theme": "dark"})
    AuditCalls(story.database).chain()
    page = auditor.get("/audit?actor=person:newcomer&kind=person.preferences").text
    assert page.count("<tr data-row>") == 1
    assert "changed preferences" in page
    assert "/cases/K" in auditor.get("/audit?kind=case.open").text
    found = rows(auditor.get("/audit/csv?object=person:newcomer").text)
    assert {one["kind"] for one in found} == {"person.invite", "person.accept"}
    assert "No act matches" in auditor.get("/audit?to=2020-01-01").text
    assert auditor.get("/audit?from=soon").status == 400


def test_retention_states_limits_and_runs(story: Story, auditor: Browser) -> None:
    admin = story.person("keeper", PersonRole.ADMIN)
    RetentionCalls(story.database, "person:keeper").set_retention("cases", 730)
    text = " ".join(re.sub(r"<[^>]+>", " ", admin.get("/retention").text).split())
    assert re.search(r"The last run began .* ago , and deleted nothing", text)
    assert re.search(r"The next run: [^.]* UTC in ", text)
    assert re.search(r"checks Checks [^.]*\. 90 days 0 never as installed", text)
    assert re.search(r"cases Cases [^.]*\. 730 days 0 never set by keeper ", text)
    refused = auditor.get("/retention")
    assert (refused.status, "see how long data is kept" in refused.text) == (403, True)


def test_chain_is_verified(story: Story, auditor: Browser) -> None:
    head = str(AuditCalls(story.database).head())
    assert (
        "and the chain has the head that you entered"
        in auditor.post("/audit/verify", {"head": head}).text
    )
    assert "differs from the head" in auditor.post("/audit/verify", {"head": f"1:{'0' * 64}"}).text
    assert "A head is POSITION:HASH" in auditor.post("/audit/verify", {"head": "1"}).text
    with story.database.writing() as connection:
        first = update(audit).where(audit.c.position == 1)
        connection.execute(first.values(actor="person:nobody"))
    assert "Entry 1 was changed." in auditor.post("/audit/verify").text
