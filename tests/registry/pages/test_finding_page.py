"""Decisions by forms: with reason and revision, refused if the finding has changed."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from modemagent.registry.pages.finding_acts import undo_of
from modemagent.registry.store.people.people import PersonRole
from tests.registry.conftest import ICCID, OTHER_ICCID
from tests.registry.pages.conftest import Browser, Story

UNTIL = "2100-01-01 12:00"


@pytest.fixture
def operator(story: Story, request: pytest.FixtureRequest) -> Browser:
    name = request.node.name.replace("_", "-").partition("[")[0][:60]
    return story.person(name, PersonRole.OPERATOR, full_ids=True)


def revision_of(page: str) -> str:
    found = re.search(r'name="revision" value="(\d+)"', page)
    assert found
    return found[1]


def test_page_shows_both_sims_and_the_answers(story: Story, operator: Browser) -> None:
    page = operator.get(story.finding(operator, "SIM swapped")).text
    assert "Was this planned?" in page
    assert page.index(ICCID) < page.index(OTHER_ICCID)
    assert f"+QCCID: {OTHER_ICCID}" in page
    text = " ".join(re.sub(r"<[^>]+>", " ", page).split())
    assert "Speaks for planned work allowed now by the policy meters (mode " in text
    assert "Speaks against no work was announced for that time" in text
    assert "Not known no policy applied then" in text  # it was added later
    assert "report gw-1/stream-1/2" in re.sub(r"<[^>]+>", "", page)


def test_page_leads_to_the_case_and_names_who_decided(story: Story, operator: Browser) -> None:
    page = operator.get(story.finding(operator, "SIM swapped"))
    assert re.search(r'<dt>case</dt><dd><a href="/cases/K\d+"', page.text)
    assert "Open a case" not in page.text
    path = story.finding(operator, "IMEI prohibited")
    form = {"revision": revision_of(operator.get(path).text), "reason": "sold to us"}
    operator.post(f"{path}/resolve", form)
    decided = operator.get(path).text
    assert "resolved this: sold to us" in re.sub(r"<[^>]+>", "", decided)
    assert "Decide again" in decided


def test_decision_is_made_once_per_revision(story: Story, operator: Browser) -> None:
    path = story.finding(operator, "SIM swapped")
    form = {"revision": revision_of(operator.get(path).text), "reason": "crew <b>North</b>"}
    made = operator.post(f"{path}/acknowledge", form | {"until": UNTIL})
    assert (made.status, made.headers["Location"]) == (303, f"{path}#decided")
    page = operator.get(path).text
    assert "crew &lt;b&gt;North&lt;/b&gt;" in page
    assert "acknowledged" in page

    late = operator.post(f"{path}/resolve", form)
    assert late.status == 409
    assert "Nothing was decided" in late.text
    assert "<del>undecided</del>" in late.text
    assert "<ins>acknowledged</ins>" in late.text
    assert '<details id="resolve" open>' in late.text
    assert "crew &lt;b&gt;North" in late.text  # the reason is kept
    assert "resolved</b>" not in operator.get(path).text
    assert "SIM swapped" in operator.get("/findings?state=acknowledged").text


def test_swap_is_authorised_once_and_withdrawn(story: Story, operator: Browser) -> None:
    path = story.finding(operator, "SIM swapped")
    page = operator.get(path)
    if "Withdraw" in page.text:  # what another test has decided
        form = {"revision": revision_of(page.text), "reason": "not yet"}
        operator.post(f"{path}/withdraw", form)
    page = operator.get(path)
    assert re.search(r"What this will change.*meters</a> takes this SIM as the l", page.text)
    form = {"revision": revision_of(page.text), "reason": "one visit", "once": "1", "ticket": "T-7"}
    assert operator.post(f"{path}/authorise", form).status == 303
    page = operator.get(path)
    text = re.sub(r"<[^>]+>", " ", page.text)
    assert "once, until another SIM is read in the slot" in text
    assert "one visit (ticket T-7)" in text
    form = {"revision": revision_of(page.text), "undo": "1"}
    other = story.person("cannot-undo", PersonRole.OPERATOR)
    assert ">Undo<" not in other.get(path).text
    assert "withdraw it with a reason" in other.post(f"{path}/withdraw", form).text
    assert operator.post(f"{path}/withdraw", form).status == 303
    text = re.sub(r"<[^>]+>", " ", operator.get(path).text)
    assert "withdrew the decision" in text
    assert "Undo" not in text
    assert re.search(r"once, until another SIM is read in the slot; ended\s+\d+ \w+ 20", text)
    assert "Was this planned?" in text


@pytest.mark.parametrize(("minutes", "is_offered"), [(0, True), (14.9, True), (15, False)])
def test_undo_is_offered_for_15_minutes(minutes: float, is_offered: bool) -> None:
    made = {"action": "resolve", "actor": "person:ann", "reason": "x", "until": None,
            "assignee": None, "time": "2026-03-01T12:00:00.000Z"}  # fmt: skip
    later = {**made, "action": "changed", "actor": "registry"}
    links: Any = SimpleNamespace(text=str)
    now = datetime(2026, 3, 1, 12, tzinfo=UTC) + timedelta(minutes=minutes)
    undo = undo_of({"history": [made, later]}, "person:ann", links, now)
    assert (undo is not None) is is_offered


def test_chosen_swaps_are_authorised_once(story: Story, operator: Browser) -> None:
    path = story.finding(operator, "SIM swapped")
    finding = path.rpartition("/")[2]
    chosen = {"finding": [finding], "which": "ticked", "severity": "any"}
    selection = operator.post("/selections", chosen).headers["Location"]
    assert 'name="once"' in operator.get(selection).text
    form = {"acts": "0", "reason": "a crew is there", "once": "1"}
    assert operator.post(f"{selection}/authorise", form).status == 303
    page = operator.get(path)
    assert "once, until another SIM is read in the slot" in re.sub(r"<[^>]+>", " ", page.text)
    form = {"revision": revision_of(page.text), "reason": "no crew"}
    assert operator.post(f"{path}/withdraw", form).status == 303


@pytest.mark.parametrize(
    ("action", "changed"),
    [
        ("acknowledge", {"reason": " "}),
        ("acknowledge", {"until": "soon"}),
        ("acknowledge", {"until": "2020-01-01 12:00"}),
        ("resolve", {"revision": "many"}),
        ("assign", {"assignee": ""}),
        ("resolve", {"reason": "x" * 2001}),
    ],
)
def test_incomplete_form_decides_nothing(
    story: Story, operator: Browser, action: str, changed: dict[str, str]
) -> None:
    path = story.finding(operator, "SIM swapped")
    before = revision_of(operator.get(path).text)
    form = {"revision": before, "reason": "why", "until": UNTIL}
    answer = operator.post(f"{path}/{action}", form | changed)
    assert answer.status == 422
    assert 'role="alert"' in answer.text
    assert revision_of(operator.get(path).text) == before


@pytest.mark.parametrize("role", [PersonRole.VIEWER, PersonRole.AUDITOR])
def test_only_operators_decide(story: Story, role: PersonRole) -> None:
    browser = story.person(f"no-decision-{role}", role)
    path = story.finding(browser, "SIM swapped")
    page = browser.get(path).text
    assert "To decide needs the role operator" in page
    assert '<form action="/findings/' not in page
    answer = browser.post(f"{path}/resolve", {"revision": "1", "reason": "x"})
    assert answer.status == 403
    assert "decide about findings" in answer.text


def test_filters_are_the_address(story: Story, operator: Browser) -> None:
    page = operator.get("/findings?state=all&rule=sim.swapped").text
    assert "rule: SIM swapped" in page
    assert len(re.findall(r"<tr data-row", page)) == 1
    assert "Nothing matches" in operator.get("/findings?rule=sim.cloned").text
