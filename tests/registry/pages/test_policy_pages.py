"""Policies: first what would change, then the change; modes, history, announced work."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest

from modemagent.registry.store.people.people import PersonRole
from modemagent.registry.store.policies import policies
from tests.registry.conftest import ICCID, IMEI, OTHER_ICCID
from tests.registry.pages.conftest import Browser, Story


@pytest.fixture(scope="module")
def operator(story: Story) -> Browser:
    return story.person("policy-maker", PersonRole.OPERATOR, full_ids=True)


@pytest.fixture(scope="module")
def path(operator: Browser) -> str:
    form = {"name": "depot", "mode": "observe", "imeis": IMEI, "iccids": ICCID, "reason": "why"}
    seen = operator.post("/policies/new", form)
    assert seen.status == 200
    assert "<b>1 of 1 modem would differ</b>" in seen.text
    assert f"<ins>{ICCID}</ins>" in seen.text
    assert "depot" not in operator.get("/policies").text  # nothing is stored before it was seen
    made = operator.post("/policies/new", {**form, "seen": "yes"})
    assert made.status == 303
    return str(made.headers["Location"].partition("#")[0])


def test_dry_run_names_the_modems_that_differ(operator: Browser, path: str) -> None:
    page = operator.get(f"{path}?dry-run=1").text
    assert "1 of 1 modem would differ" in page
    assert OTHER_ICCID in page
    assert "1 of 1 modem would differ" not in operator.get(path).text


def test_mode_is_changed_and_the_revision_restored(operator: Browser, path: str) -> None:
    form = {"revision": operator.get(path).field("revision"), "mode": "learn", "reason": "trial"}
    assert operator.post(f"{path}/apply", form).status == 303
    assert operator.post(f"{path}/apply", form).status == 409
    page = operator.get(path)
    assert "trial" in page.text
    back = {"revision": page.field("revision"), "to": form["revision"], "reason": "too early"}
    assert operator.post(f"{path}/revert", back).status == 303
    assert re.search(r"too early.*?trial", operator.get(path).text, re.DOTALL)
    assert operator.post(f"{path}/revert", {**back, "to": "99"}).status == 404


def test_change_shows_the_difference_first(operator: Browser, path: str) -> None:
    form = operator.get(f"{path}/edit")
    assert f">{ICCID}</textarea>" in form.text
    given = {"name": "depot", "mode": "observe", "imeis": IMEI, "iccids": OTHER_ICCID,
             "reason": "new SIM", "revision": form.field("revision")}  # fmt: skip
    seen = operator.post(f"{path}/edit", given)
    assert f"<del>- {ICCID}</del> <ins>+ {OTHER_ICCID}</ins>" in seen.text
    assert operator.post(f"{path}/edit", {**given, "iccids": "89x"}).status == 422
    refused = operator.post(f"{path}/edit", {**given, "pairs": IMEI})
    assert refused.status == 422
    assert f"{IMEI}&#39; is not an IMEI and one other number" in refused.text
    assert operator.post(f"{path}/edit", {**given, "seen": "yes"}).status == 303
    stale = operator.post(f"{path}/edit", {**given, "seen": "yes"})
    assert stale.status == 409


def test_change_that_waits_is_confirmed_or_undone(
    story: Story, operator: Browser, path: str
) -> None:
    policy, form = operator.get(path), {"mode": "learn", "reason": "all of them"}
    revision = policy.field("revision")
    operator.post(f"{path}/apply", {**form, "revision": revision})
    with story.database.reading() as connection:
        last = policies.versions(connection, int(path.partition("P")[2]))[-1]
    story.stopped("tac", "tacs", 1)  # a re-check of another test may have taken over the first one
    waiting = story.stopped("policy", "depot", last.made_ms)
    viewer = story.person("onlooker", PersonRole.VIEWER)
    assert re.search(r"changes wait for confirmation</a>", viewer.get("/").text)
    assert waiting in operator.get("/rechecks?state=stopped").text
    page = operator.get(waiting).text
    assert "A change waits for your confirmation" in page
    assert "It would make 412 new findings" in page
    assert f"in revision {revision}" in page
    assert viewer.post(f"{waiting}/undo").status == 403
    undone = operator.post(f"{waiting}/undo", {"reason": "by mistake"})
    assert undone.headers["Location"] == f"{path}#history"
    assert "by mistake" in operator.get(path).text
    story.wait_for_rechecks()
    over = operator.get(waiting).text
    assert "replaced by a later one" in over
    later = re.search(r'Replaced by <a href="(/rechecks/R\d+)"', over)
    assert later
    assert waiting in operator.get(later[1]).links
    for act in ("confirm", "undo"):
        assert operator.post(f"{waiting}/{act}", {"reason": "again"}).status == 409
    other = story.stopped("tac", "tacs", 2)
    assert "undo it where it was made" in operator.get(other).text
    assert operator.post(f"{other}/confirm").headers["Location"] == other
    assert "Confirmed" in operator.get(other).text


def test_equal_covers_conflict(operator: Browser, path: str) -> None:
    form = {"name": "second", "mode": "observe", "imeis": IMEI, "reason": "x", "seen": "yes"}
    answer = operator.post("/policies/new", form)
    assert answer.status == 422
    assert "The policy depot has the same imei" in answer.text


def test_pairs_are_written_for_the_operator(operator: Browser, path: str) -> None:
    assert operator.get(f"{path}/pairs").text.splitlines()[0] == "iccid,imei"
    assert operator.get(f"{path}/pairs?form=1nce").text.startswith("iccid,imei,imei_lock")


def test_masked_people_see_counts_and_do_not_edit(story: Story, path: str) -> None:
    masked = story.person("masked-maker", PersonRole.OPERATOR)
    page = masked.get(f"{path}?dry-run=1").text
    assert "1 IMEI" in page
    assert IMEI not in page
    assert masked.get(f"{path}/edit").status == 403


def test_policy_is_deleted(story: Story, operator: Browser) -> None:
    form = {"name": "short", "mode": "observe", "site": "Lyon", "reason": "x", "seen": "yes"}
    path = operator.post("/policies/new", form).headers["Location"].partition("#")[0]
    assert operator.post(f"{path}/delete", {"revision": "1", "reason": "over"}).status == 303
    gone = operator.get(path)
    assert gone.status == 410
    number = path.partition("P")[2]
    assert f"The policy P{number}, short, was deleted by policy-maker at " in gone.text
    assert "An auditor can see what was done with it" in gone.text
    record = f"/audit?object=policy%3A{number}"
    assert record in story.person("policy-auditor", PersonRole.AUDITOR).get(path).links
    assert operator.post(f"{path}/apply", {"revision": "1", "mode": "learn"}).status == 410
    assert operator.get("/policies/P999999999999").status == 404


def test_work_is_announced_and_ended(operator: Browser) -> None:
    form = {"name": "crew", "gateways": "gw-1, gw-2", "from": "", "to": "2026-02-30"}
    assert operator.post("/windows", form).status == 422
    made = operator.post("/windows", {**form, "to": "2099-01-01"})
    assert made.status == 422  # longer than a year
    end = f"{datetime.now(UTC) + timedelta(hours=2):%Y-%m-%d %H:%M}"
    made = operator.post("/windows", {**form, "to": end})
    key = made.headers["Location"].partition("#")[2]
    row = operator.get("/windows").text.partition(f'id="{key}"')[2].partition("</tr>")[0]
    assert ">now<" in row
    assert "gw-2" in row
    assert operator.post(f"/windows/{key}/end").status == 303
    row = operator.get("/windows").text.partition(f'id="{key}"')[2].partition("</tr>")[0]
    assert ">over<" in row
