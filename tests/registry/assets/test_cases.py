"""Cases over HTTP, on both engines: tracked at once, changed, closed."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from modemagent.registry.assets.case_fields import CHECKLISTS
from tests.registry.assets.conftest import Operator
from tests.registry.conftest import ICCID, IMEI, OTHER_IMEI, Client, Gateway, Registry


def open_case(client: Operator, kind: str = "stolen", **fields: Any) -> Any:
    fields = fields or {"imeis": [IMEI]}
    return client.done("POST", "cases", {"kind": kind, **fields})


def tracked(operator: Operator) -> list[tuple[str, str, str]]:
    entries = operator.get("lists/tracked/entries")["entries"]
    return [(one["value"], one["source"], one["reason"]) for one in entries]


def test_case_is_opened_and_its_numbers_are_tracked(operator: Operator) -> None:
    asset = operator.add(tag="A-1", imei=IMEI, model="EG25-G", serial_number="S-1")
    case = open_case(
        operator, imeis=[IMEI], iccids=[ICCID], place="Hamburg", happened_on="2026-11-28",
        proof="invoice 4711", operator="Example Mobile",
    )  # fmt: skip
    assert (case["state"], case["kind"], case["revision"]) == ("open", "stolen", 1)
    modem, card = case["things"]
    assert (modem["number"], modem["asset"], modem["tracked"]) == (IMEI, asset["id"], True)
    assert (card["kind"], card["number"]) == ("iccid", ICCID)
    source = f"case {case['id']}"
    assert tracked(operator) == [(IMEI, source, "stolen"), (ICCID, source, "stolen")]
    assert [one["text"] for one in case["tasks"]] == list(CHECKLISTS["stolen"])
    (entry,) = case["journal"]
    assert (entry["action"], entry["actor"][:6]) == ("opened", "token ")
    assert operator.get(f"cases/{case['id']}") == case
    check = operator.done("POST", "checks", {"numbers": [IMEI]})
    assert check["results"][0]["status"] == "tracked"
    text = operator.text(f"cases/{case['id']}/letter")
    assert f"IMEI {IMEI} (EG25-G, serial number S-1)" in text and "invoice 4711" in text


def test_asset_is_the_thing_of_a_case(operator: Operator) -> None:
    operator.add(tag="A-1", imei=IMEI)
    operator.add(tag="L-1", category="laptop")
    case = open_case(operator, assets=["A-1"])
    assert [one["number"] for one in case["things"]] == [IMEI]
    for fields in ({"assets": ["L-1"]}, {"assets": ["A-9"]}, {}, {"imeis": ["867698040000014"]}):
        refused = operator.send("POST", "cases", {"kind": "lost", **fields})
        assert refused.status == 422, refused.raw


def test_thing_is_in_one_open_case_only(operator: Operator) -> None:
    first = open_case(operator)
    refused = operator.send("POST", "cases", {"kind": "lost", "imeis": [OTHER_IMEI, IMEI]})
    assert refused.status == 422 and f"case {first['id']}" in refused.json["detail"]
    operator.done("POST", f"cases/{first['id']}/close", {"outcome": "recovered"}, 1)
    assert open_case(operator, "lost")["id"] != first["id"]


def test_case_is_changed_with_its_journal(operator: Operator) -> None:
    case = open_case(operator)
    path = f"cases/{case['id']}"
    changed = operator.done("PATCH", path, {"assignee": "ben", "text": "called"}, 1)
    assert (changed["assignee"], changed["revision"]) == ("ben", 2)
    assert changed["journal"][-1]["text"] == "assignee: ben; called"
    done = operator.done("PUT", f"{path}/tasks/1", {"reference": "88-1"}, 2)
    task = done["tasks"][0]
    assert (task["reference"], task["done_by"][:6]) == ("88-1", "token ")
    undone = operator.done("PUT", f"{path}/tasks/1", {"done": False}, 3)
    assert undone["tasks"][0]["done_at"] is None
    assert [one["action"] for one in undone["journal"]] == [
        "opened", "changed", "task_done", "task_open",
    ]  # fmt: skip
    stale = operator.send("PATCH", path, {"assignee": "eva"}, 2)
    assert stale.status == 412
    difference = stale.json["difference"]
    assert [one["revision"] for one in difference["changes"]] == [3, 4]
    assert difference["case"]["assignee"] == "ben"
    assert operator.send("PATCH", path, {"assignee": "eva"}).status == 428
    assert operator.send("PUT", f"{path}/tasks/99", {}, 4).status == 404
    assert operator.send("PATCH", "cases/999999999", {"note": "x"}, 1).status == 404


@pytest.mark.parametrize("outcome", ["recovered", "not_stolen", "delisted"])
def test_closing_takes_the_tracked_entry_back(operator: Operator, outcome: str) -> None:
    case = open_case(operator, imeis=[IMEI, OTHER_IMEI])
    path = f"cases/{case['id']}/close"
    assert operator.send("POST", path, {"outcome": outcome}).status == 428
    assert operator.send("POST", path, {"outcome": outcome}, 9).status == 412
    closed = operator.done("POST", path, {"outcome": outcome, "text": "found"}, 1)
    assert (closed["state"], closed["outcome"]) == ("closed", outcome)
    assert closed["journal"][-1]["text"] == f"{outcome}: found"
    assert tracked(operator) == []
    assert operator.send("POST", path, {"outcome": outcome}, 2).status == 422


def test_entry_of_others_stays_on_the_list(operator: Operator) -> None:
    entry = {"kind": "imei", "value": IMEI, "reason": "police", "source": "17/26"}
    operator.done("PUT", "lists/tracked/entries", entry)
    case = open_case(operator)
    assert tracked(operator) == [(IMEI, "17/26", "police")]
    assert not case["things"][0]["tracked"]
    operator.done("POST", f"cases/{case['id']}/close", {"outcome": "recovered"}, 1)
    assert tracked(operator) == [(IMEI, "17/26", "police")]


def test_wrongly_listed_number_is_not_tracked_by_its_case(operator: Operator) -> None:
    entry = {"kind": "imei", "value": IMEI, "source": "operator"}
    operator.done("PUT", "lists/tracked/entries", entry)
    case = open_case(operator, "wrongly_listed", imeis=[IMEI, OTHER_IMEI])
    assert [one[0] for one in tracked(operator)] == [IMEI]
    path = f"cases/{case['id']}/close"
    refused = operator.send("POST", path, {"outcome": "recovered"}, 1)
    assert refused.status == 422
    operator.done("POST", path, {"outcome": "delisted"}, 1)
    assert tracked(operator) == []


def test_cases_are_filtered_and_paged(operator: Operator) -> None:
    numbers = [f"8676980400{number:04d}" for number in range(4)]
    cases = [open_case(operator, imeis=[one])["id"] for one in numbers]
    operator.done("POST", f"cases/{cases[0]}/close", {"outcome": "recovered"}, 1)
    first = operator.get("cases?limit=3")
    rest = operator.get(f"cases?limit=3&after={first['next']}")
    assert [one["id"] for one in first["cases"] + rest["cases"]] == cases[::-1]
    assert [one["id"] for one in operator.get("cases?state=closed")["cases"]] == cases[:1]


def test_reader_without_full_ids_sees_no_number(registry: Registry, operator: Operator) -> None:
    case = open_case(
        operator, imeis=[IMEI], iccids=[ICCID], proof=f"invoice of {OTHER_IMEI}",
        text=f"not {OTHER_IMEI}",
    )  # fmt: skip
    operator.done("PATCH", f"cases/{case['id']}", {"note": f"or {OTHER_IMEI}"}, 1)
    masked = Operator(registry.client("--scope", "operate"))
    path = f"cases/{case['id']}"
    texts = [masked.text(one) for one in ("cases", path, f"{path}/letter")]
    stale = masked.send("PATCH", path, {"note": "x"}, 1)
    texts.append(stale.raw.decode())
    assert "867698*****0013" in texts[2] and "898830*********0010" in texts[2]
    for text in texts:
        assert not any(one in text for one in (IMEI, OTHER_IMEI, ICCID))
    reader = Operator(registry.client("--scope", "read", "--full-ids"))
    assert reader.send("POST", "cases", {"kind": "lost", "imeis": [OTHER_IMEI]}).status == 403
    assert reader.send("POST", f"{path}/close", {"outcome": "recovered"}, 2).status == 403


def test_twenty_writers_lose_no_entry(operator: Operator) -> None:
    key = open_case(operator)["id"]

    def write(number: int) -> None:
        while True:
            revision = operator.get(f"cases/{key}")["revision"]
            done = operator.send("PATCH", f"cases/{key}", {"text": f"note {number}"}, revision)
            if done.status == 200:
                return
            assert done.status == 412, done.raw

    def open_again(_: int) -> int:
        return operator.send("POST", "cases", {"kind": "lost", "imeis": [OTHER_IMEI]}).status

    with ThreadPoolExecutor(20) as pool:
        list(pool.map(write, range(20)))
        statuses = list(pool.map(open_again, range(20)))
    case = operator.get(f"cases/{key}")
    assert case["revision"] == 21
    assert {one["text"] for one in case["journal"][1:]} == {f"note {one}" for one in range(20)}
    assert sorted(statuses) == [201, *[422] * 19]


def test_server_finds_a_sighting_by_itself(
    operator: Operator, gateway_client: Callable[[str], Client]
) -> None:
    case = open_case(operator, imeis=[IMEI], happened_on="2026-03-01")
    gateway_client("gw-1").post(Gateway().report("identified"))
    for _ in range(600):
        found = {one["type"]: one for one in operator.get("findings")["findings"]}
        if "case.sighted" in found:
            break
        time.sleep(0.1)
    assert set(found) <= {"case.sighted", "imei.tracked"}
    finding = found["case.sighted"]
    assert finding["severity"] == "error"
    whole = operator.get(f"cases/{case['id']}")
    assert (whole["state"], whole["sightings"][0]["gateway_id"]) == ("sighted", "gw-1")
    path = f"findings/{finding['id']}/suppress"
    decision = {"reason": "no", "until": "2099-01-01T00:00:00Z"}
    refused = operator.send("POST", path, decision, finding["revision"])
    assert (refused.status, refused.json["code"]) == (409, "not_suppressible")


def test_recalls_are_added_listed_and_removed(operator: Operator, registry: Registry) -> None:
    notice = {"kind": "recall", "title": "battery", "tac": "86769804", "firmware": "EG25*"}
    added = operator.done("POST", "recalls", notice)
    assert operator.get("recalls")["recalls"] == [added]
    for wrong in (
        {"kind": "recall", "title": "all"}, {"kind": "recall", "tac": "86769804"},
        {**notice, "tac": "8676"}, {**notice, "serial_first": "A1"},
        {**notice, "serial_first": "A2", "serial_last": "A1"}, {**notice, "kind": "other"},
    ):  # fmt: skip
        assert operator.send("POST", "recalls", wrong).status == 422
    reader = Operator(registry.client("--scope", "read"))
    assert reader.send("POST", "recalls", notice).status == 403
    assert json.loads(reader.text("recalls"))["recalls"][0]["title"] == "battery"
    path = f"recalls/{added['id']}"
    assert operator.send("DELETE", path).status == 204
    assert operator.send("DELETE", path).status == 404
