"""Cases: opened from numbers or from an object, worked on with a revision, closed once."""

from __future__ import annotations

import re

import pytest

from modemagent.registry.store.people.people import PersonRole
from tests.registry.conftest import IMEI, OTHER_IMEI, Gateway
from tests.registry.pages.conftest import Browser, Story, wait_for

LOST = "867698040000062"
SIGHTED = "867698040000153"


@pytest.fixture(scope="module")
def operator(story: Story) -> Browser:
    return story.person("case-worker", PersonRole.OPERATOR, full_ids=True)


@pytest.fixture(scope="module")
def path(operator: Browser) -> str:
    form = {"kind": "stolen", "numbers": LOST, "place": "hall 2", "text": "<b>gone</b>"}
    made = operator.post("/cases/new", form)
    assert made.status == 303, made.text
    return str(made.headers["Location"])


def test_case_shows_what_is_to_be_done(operator: Browser, path: str) -> None:
    page = operator.get(path).text
    assert "stolen, open" in page
    assert "Have the operator suspend the SIM." in page
    assert "To do: 6 left" in page
    assert "&lt;b&gt;gone" not in page or "<b>gone" not in page
    assert LOST in page
    assert path.rpartition("/")[2] in operator.get("/cases").text


def test_task_is_done_and_undone_with_its_reference(operator: Browser, path: str) -> None:
    form = {"revision": operator.get(path).field("revision"), "position": "1"}
    done = operator.post(f"{path}/task", {**form, "reference": "call 88", "at": "tasks"})
    assert done.headers["Location"] == f"{path}#tasks"
    page = operator.get(path).text
    assert "To do: 5 left" in page
    assert "call 88" in page
    stale = operator.post(f"{path}/task", {**form, "done": "no"})
    assert stale.status == 409
    assert "Nothing was changed" in stale.text
    now = {**form, "revision": operator.get(path).field("revision"), "done": "no"}
    assert operator.post(f"{path}/task", now).status == 303
    assert "To do: 6 left" in operator.get(path).text


def test_facts_and_notes_are_in_the_journal(operator: Browser, path: str) -> None:
    form = {"revision": operator.get(path).field("revision")}
    changed = operator.post(f"{path}/change", {**form, "police_reference": "LYN <4711>"})
    assert changed.status == 303
    form = {"revision": operator.get(path).field("revision")}
    assert operator.post(f"{path}/note", {**form, "text": "asked the site"}).status == 303
    page = operator.get(path).text
    assert "police_reference: LYN &lt;4711&gt;" in page
    assert page.index("asked the site") < page.index("opened the case")


def test_number_of_another_open_case_leads_to_it(operator: Browser, path: str) -> None:
    answer = operator.post("/cases/new", {"kind": "lost", "numbers": LOST})
    assert answer.status == 422
    assert f'<a href="{path}">' in answer.text


def test_number_that_is_not_usable_is_named(operator: Browser) -> None:
    answer = operator.post("/cases/new", {"kind": "lost", "numbers": f"{LOST}\n8.67698E+14"})
    assert "8.67698E+14 is not a usable IMEI or ICCID: the number was rounded" in answer.text


def test_case_is_opened_from_a_modem_without_its_number(story: Story) -> None:
    masked = story.person("masked-worker", PersonRole.OPERATOR)
    ref = masked.get(f"/modems/{OTHER_IMEI}").headers["Location"].rpartition("/")[2]
    form = masked.get(f"/cases/new?modem={ref}")
    assert f'value="{ref}"' in form.text
    made = masked.post("/cases/new", {"kind": "wrongly_listed", "modem": ref, "numbers": ""})
    path = made.headers["Location"]
    page = masked.get(path).text
    assert OTHER_IMEI not in page
    assert "Find out which list has the number" in page
    assert masked.get(f"{path}/letter").status == 403


def test_sighting_leads_to_its_alarm_and_evidence(story: Story, operator: Browser) -> None:
    form = {"kind": "stolen", "numbers": SIGHTED, "happened_on": "2026-03-01"}
    made = operator.post("/cases/new", form)
    path = made.headers["Location"]
    assert "not sighted" in operator.get(path).text
    gateway = Gateway("gw-thief")
    client = story.registry.client("--scope", "gateway", "--gateway-id", "gw-thief")
    client.post(gateway.report("identified", imei=SIGHTED, sims=[]))
    wait_for(story.registry.client("--scope", "read"), "case.sighted")
    page = operator.get(path)
    assert re.search(r'Alarm: <a href="/findings/[0-9a-f-]+">Case sighted, modem</a>', page.text)
    assert any(one.endswith("/sheet") for one in page.links)
    finding = operator.get(next(one for one in page.links if one.startswith("/findings/"))).text
    assert "Decide later…" in finding
    assert "Suppress…" not in finding


def test_letter_has_the_numbers(operator: Browser, path: str) -> None:
    answer = operator.get(f"{path}/letter")
    assert LOST in answer.text
    assert re.search(r'filename="case-K\d+-letter\.txt"', answer.headers["Content-Disposition"])


def test_case_is_closed_once(operator: Browser) -> None:
    made = operator.post("/cases/new", {"kind": "lost", "numbers": "867698040000070"})
    path = made.headers["Location"]
    form = {"revision": "1", "outcome": "delisted", "text": "found in a drawer"}
    assert operator.post(f"{path}/close", {**form, "outcome": "sold"}).status == 422
    assert operator.post(f"{path}/close", form).status == 303
    page = operator.get(path).text
    assert "closed" in page
    assert "found in a drawer" in page
    assert f"{path}/close" not in page
    assert operator.post(f"{path}/close", {**form, "revision": "2"}).status == 422
    assert path in operator.get("/cases?state=closed").text
    assert path not in operator.get("/cases").text


def test_modem_page_names_its_registers(operator: Browser) -> None:
    page = operator.get(operator.get(f"/modems/{IMEI}").headers["Location"]).text
    for text in ("tracked", ">A-1</a>", ">meters</a>", "/cases/K"):
        assert text in page
