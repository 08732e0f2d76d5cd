"""Checks of many numbers over HTTP: at once, by the job, again, as CSV, masked; on both engines."""

from __future__ import annotations

import csv
import io
import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.registry.conftest import (
    ICCID,
    IMEI,
    OTHER_ICCID,
    OTHER_IMEI,
    Client,
    Gateway,
    HttpResponse,
    Registry,
    sim,
)
from tests.registry.history.wire import imei

UNKNOWN = "357999000000002"


@pytest.fixture
def operator(registry: Registry) -> Client:
    return registry.client("--scope", "operate", "--full-ids")


def send(client: Client, method: str, path: str, body: Any = None) -> HttpResponse:
    content = body.encode() if isinstance(body, str) else json.dumps(body).encode()
    kind = "text/csv" if isinstance(body, str) else "application/json"
    return client.request(method, f"/api/v1/{path}", content, **{"Content-Type": kind})


def check(client: Client, *numbers: str, **more: Any) -> Any:
    response = send(client, "POST", "checks", {"numbers": numbers, **more})
    assert response.status in (200, 202), response.raw
    return response.json


def put(client: Client, name: str, **entry: str) -> None:
    assert send(client, "PUT", f"lists/{name}/entries", entry).status == 200


def test_check_answers_everything_about_a_number(
    operator: Client, gateway_client: Callable[[str], Client]
) -> None:
    gateway_client("gw-1").post(Gateway().report("identified"))
    put(operator, "prohibited", kind="iccid", value=ICCID, reason="lost", source="operator")
    put(operator, "permitted", kind="tac", value="86769804")
    put(operator, "tracked", kind="imei", value=IMEI, valid_to="2026-01-01")
    assert (
        send(
            operator, "POST", "imports?target=tacs", "tac,manufacturer,model\n86769804,Maker,X1\n"
        ).status
        == 200
    )
    found = check(operator, IMEI, ICCID, "901288000000001", UNKNOWN, IMEI[:14], "867698040000014")
    assert (found["state"], found["total"], found["next"]) == ("done", 6, None)
    modem, card, imsi, unknown, repeated, invalid = found["results"]
    assert (modem["valid"], modem["status"], modem["known"], modem["individuals"]) == (
        True, "permitted", True, 1,
    )  # fmt: skip
    assert modem["model"] == {
        "tac": "86769804", "manufacturer": "Maker", "model": "X1", "basis": "C",
    }  # fmt: skip
    place = modem["last_place"]
    assert (place["gateway_id"], place["port"], place["present"]) == ("gw-1", "usb:1-2", True)
    assert operator.get(f"modems/{modem['ref']}")["imei"] == IMEI
    assert (card["status"], card["hits"][0]["reason"]) == ("prohibited", "lost")
    assert card["last_place"]["imei"] == IMEI
    assert (imsi["kind"], imsi["known"], imsi["ref"]) == ("imsi", True, card["ref"])
    assert (unknown["valid"], unknown["known"], unknown["last_place"]) == (True, False, None)
    assert (repeated["repeats"], repeated["normalized"]) == (1, IMEI)
    assert (invalid["valid"], invalid["codes"]) == (False, ["imei.check_digit"])


def test_range_is_checked(operator: Client) -> None:
    limits = {"first": "86769804000000", "last": "86769804000999"}
    put(operator, "tracked", kind="range", value="86769804000500", last="86769804000599")
    found = send(operator, "POST", "checks", {"range": limits}).json
    assert len(found["results"]) == 1000
    assert sum(one["status"] == "tracked" for one in found["results"]) == 100
    for body in ({"range": limits, "numbers": [IMEI]}, {}, {"range": {**limits, "last": UNKNOWN}}):
        assert send(operator, "POST", "checks", body).status == 422


def test_check_again_shows_what_changed(
    operator: Client, gateway_client: Callable[[str], Client]
) -> None:
    first = check(operator, IMEI, OTHER_IMEI, UNKNOWN)
    assert first["changes"] is None
    same = send(operator, "POST", f"checks/{first['id']}/again").json
    assert (same["changes"], same["previous"]) == ([], first["id"])
    put(operator, "prohibited", kind="imei", value=OTHER_IMEI)
    gateway_client("gw-1").post(Gateway().report("identified"))
    again = send(operator, "POST", f"checks/{first['id']}/again").json
    assert [(one["position"], sorted(one["changes"])) for one in again["changes"]] == [
        (1, ["individuals", "known", "place"]),
        (2, ["hits", "status"]),
    ]
    assert again["changes"][1]["changes"]["status"] == [None, "prohibited"]
    assert operator.get(f"checks/{again['id']}")["changes"] == again["changes"]
    assert [one["id"] for one in operator.get("checks")["checks"]] == [
        again["id"], same["id"], first["id"],
    ]  # fmt: skip
    assert send(operator, "POST", "checks/999999999/again").status == 404


def test_more_numbers_are_checked_by_the_job(operator: Client) -> None:
    numbers = [imei(str(one)) for one in range(1200)]
    put(operator, "prohibited", kind="imei", value=numbers[1100])
    started = send(operator, "POST", "checks", {"numbers": numbers})
    assert (started.status, started.json["state"]) == (202, "waiting")
    path = f"checks/{started.json['id']}"
    while operator.get(f"{path}?limit=1")["state"] != "done":
        time.sleep(0.2)
    page = operator.get(path)
    assert len(page["results"]) == 1000
    rest = operator.get(f"{path}?after={page['next']}")
    assert (len(rest["results"]), rest["next"]) == (200, None)
    results = [*page["results"], *rest["results"]]
    assert [one["position"] for one in results] == list(range(1, 1201))
    assert [one["input"] for one in results] == numbers
    assert [one["position"] for one in results if one["status"]] == [1101]
    text = operator.request("GET", f"/api/v1/{path}?format=csv").raw.decode()
    rows = list(csv.DictReader(io.StringIO(text)))
    assert len(rows) == 1200 and rows[1100]["status"] == "prohibited"


def test_masked_reader_gets_no_full_number(
    registry: Registry, operator: Client, gateway_client: Callable[[str], Client]
) -> None:
    gateway_client("gw-1").post(Gateway().report(sims=[sim(OTHER_ICCID)]))
    put(operator, "prohibited", kind="iccid", value=OTHER_ICCID, reason=f"with {UNKNOWN}")
    numbers = (IMEI, OTHER_ICCID, "901288000000001", "x867698040000014")
    mine = check(operator, *numbers)
    reader = registry.client("--scope", "read")
    path = f"/api/v1/checks/{mine['id']}"
    shown = [
        reader.request("GET", path).raw,
        reader.request("GET", f"{path}?format=csv").raw,
        send(reader, "POST", f"checks/{mine['id']}/again").raw,
        json.dumps(check(reader, *numbers)).encode(),
    ]
    for text in shown:
        assert b"prohibited" in text
        assert not any(
            one[:14].encode() in text for one in (IMEI, OTHER_ICCID, UNKNOWN, "901288000000001")
        )
        assert b"867698040000014" not in text
    limits = {"first": "86769804000000", "last": "86769804000099"}
    for body in ({"numbers": [IMEI] * 61}, {"range": limits}):
        refused = send(reader, "POST", "checks", body)
        assert (refused.status, refused.json["code"]) == (403, "too_many_numbers")
    while send(reader, "POST", "checks", {"numbers": [IMEI] * 20}).status == 200:
        pass
    limited = send(reader, "POST", "checks", {"numbers": [IMEI]})
    assert (limited.status, limited.json["code"]) == (429, "lookups")
