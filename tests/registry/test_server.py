"""The registry as people and gateways meet it: a process, spoken to over HTTP."""

from __future__ import annotations

import gzip
import http.client
import json
import random
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.registry.conftest import (
    EID,
    ICCID,
    IMEI,
    OTHER_ICCID,
    OTHER_IMEI,
    Client,
    Gateway,
    Registry,
    no_sim,
    sim,
)

Clients = Callable[[str], Client]


def test_a_swap_is_told_once_with_both_pairs(gateway_client: Clients, reader: Client) -> None:
    gateway, client = Gateway(), gateway_client("gw-1")
    first, second = gateway.report("identified"), gateway.report("sim_changed", sims=[no_sim()])
    third = gateway.report("sim_changed", sims=[sim(OTHER_ICCID, "901288000000002")])
    assert client.post(first, second, third) == ["accepted"] * 3
    assert client.post(third, first, second) == ["duplicate"] * 3
    assert client.post(gateway.report("refresh", sims=[sim(OTHER_ICCID)])) == ["accepted"]
    assert reader.event_types() == [
        "modem.first_seen",
        "sim.first_seen",
        "sim.removed",
        "sim.first_seen",
        "sim.swapped",
        "sim.imsi_switched",
    ]
    swap = next(e for e in reader.get("events")["events"] if e["type"] == "sim.swapped")
    assert swap["specversion"] == "1.0"
    assert swap["subject"] == f"imei:{IMEI}"
    assert swap["source"] == "/gateways/gw-1"
    assert swap["time"] == third["observed_at"]
    assert swap["data"]["previous"]["iccid"] == ICCID
    assert swap["data"]["new"]["iccid"] == OTHER_ICCID
    assert swap["data"]["new"]["imsi"] == "901288000000002"
    assert swap["data"]["report"] == "gw-1/stream-1/3"


def test_the_same_card_back_is_no_swap(gateway_client: Clients, reader: Client) -> None:
    gateway, client = Gateway(), gateway_client("gw-1")
    client.post(
        gateway.report("identified"),
        gateway.report("sim_changed", sims=[no_sim()]),
        gateway.report("sim_changed"),
    )
    assert reader.event_types() == ["modem.first_seen", "sim.first_seen", "sim.removed"]
    pairings = reader.get(f"sims/{ICCID}/timeline")["pairings"]
    assert [(one["cause"], one["closed_by"]) for one in pairings] == [
        ("removed", "gw-1/stream-1/2"),
        (None, None),
    ]


@pytest.mark.parametrize("state", ["pin_required", "locked", "busy", "failure", "off", "unknown"])
def test_a_card_that_can_not_be_read_changes_nothing(
    gateway_client: Clients, reader: Client, state: str
) -> None:
    gateway, client = Gateway(), gateway_client("gw-1")
    client.post(
        gateway.report("identified"),
        gateway.report("sim_changed", sims=[sim(None, None, state=state)]),
        gateway.report("refresh", imei=None, sims=[]),
    )
    assert reader.event_types() == ["modem.first_seen", "sim.first_seen"]
    (pairing,) = reader.get(f"sims/{ICCID}/timeline")["pairings"]
    assert pairing["closed_at"] is None
    slots = reader.get(f"modems/{IMEI}")["sims"]
    assert [(slot["state"], slot["iccid"]) for slot in slots] == [(state, ICCID)]


def test_a_replug_at_the_same_port(gateway_client: Clients, reader: Client) -> None:
    gateway, client = Gateway(), gateway_client("gw-1")
    client.post(gateway.report("identified"), gateway.report("removed"))
    assert reader.get("gateways/gw-1")["modems"] == []
    client.post(gateway.report("identified", port={"path": "/dev/ttyUSB5", "id": "usb:1-2:1.3"}))
    assert reader.event_types() == ["modem.first_seen", "sim.first_seen", "modem.removed"]
    assert [one["imei"] for one in reader.get("gateways/gw-1")["modems"]] == [IMEI]
    places = reader.get(f"modems/{IMEI}/timeline")["places"]
    assert [one["cause"] for one in places] == ["removed", None]


def test_another_modem_and_a_modem_elsewhere(gateway_client: Clients, reader: Client) -> None:
    here, there = Gateway("gw-1"), Gateway("gw-2", started="2026-03-01T15:")
    gateway_client("gw-1").post(
        here.report("identified"), here.report("modem_changed", imei=OTHER_IMEI, sims=[no_sim()])
    )
    gateway_client("gw-2").post(there.report("identified"))
    assert reader.event_types()[2:] == ["modem.first_seen", "modem.swapped", "modem.moved"]
    swapped, moved = reader.get("events")["events"][-2:]
    assert swapped["data"]["previous"]["imei"] == IMEI
    assert swapped["data"]["new"]["imei"] == OTHER_IMEI
    assert swapped["data"]["tac_changed"] is False
    assert moved["data"]["previous"]["gateway_id"] == "gw-1"
    assert moved["data"]["new"]["gateway_id"] == "gw-2"
    assert [m["imei"] for m in reader.get("gateways/gw-1")["modems"]] == [OTHER_IMEI]
    assert [m["imei"] for m in reader.get("gateways/gw-2")["modems"]] == [IMEI]


def test_profiles_subscriptions_and_cards_that_travel(
    gateway_client: Clients, reader: Client
) -> None:
    here, there = Gateway("gw-1"), Gateway("gw-2", started="2026-03-01T15:")
    gateway_client("gw-1").post(
        here.report("identified", sims=[sim(eid=EID)]),
        here.report("sim_changed", sims=[sim(OTHER_ICCID, eid=EID)]),
        here.report("sim_changed", sims=[sim(OTHER_ICCID, "901288000000009", eid=EID)]),
    )
    gateway_client("gw-2").post(
        there.report("identified", imei=OTHER_IMEI, sims=[sim(OTHER_ICCID, "901288000000009")])
    )
    assert [one for one in reader.event_types() if "first_seen" not in one] == [
        "sim.profile_switched",
        "sim.imsi_switched",
        "sim.moved",
    ]
    card = reader.get(f"sims/{OTHER_ICCID}")
    assert (card["imei"], card["gateway_id"]) == (OTHER_IMEI, "gw-2")
    for wanted in (OTHER_ICCID, OTHER_ICCID + "4", "901288000000009", EID):
        matches = reader.get(f"lookup?id={wanted}")["matches"]
        assert OTHER_ICCID in [match["sim"] for match in matches], wanted


def test_reports_in_any_order_and_again_tell_the_same(
    gateway_client: Clients, reader: Client
) -> None:
    gateway, client = Gateway(), gateway_client("gw-1")
    reports = [
        gateway.report("identified"),
        gateway.report("sim_changed", sims=[no_sim()]),
        gateway.report("sim_changed", sims=[sim(OTHER_ICCID)]),
        gateway.report("removed"),
        gateway.report("identified", imei=OTHER_IMEI, sims=[sim()]),
    ]
    for report in random.Random(5).sample(reports * 3, 15):
        client.post(report, packed=True)
    told = [(e["type"], e["data"]["report"]) for e in reader.get("events")["events"]]
    assert sorted(told) == [
        ("modem.first_seen", "gw-1/stream-1/1"),
        ("modem.first_seen", "gw-1/stream-1/5"),
        ("modem.removed", "gw-1/stream-1/4"),
        ("modem.swapped", "gw-1/stream-1/5"),
        ("sim.first_seen", "gw-1/stream-1/1"),
        ("sim.first_seen", "gw-1/stream-1/3"),
        ("sim.moved", "gw-1/stream-1/5"),
        ("sim.removed", "gw-1/stream-1/2"),
        ("sim.swapped", "gw-1/stream-1/3"),
    ]


def test_one_bad_report_never_fails_its_neighbours(gateway_client: Clients, reader: Client) -> None:
    gateway, client = Gateway(), gateway_client("gw-1")
    good = gateway.report("identified")
    other = gateway.report()
    bad: list[Any] = [
        None,
        7,
        {},
        {**other, "sequence": "2"},
        {**other, "schema": 2},
        {**other, "uptime_ms": -1},
        {**other, "observed_at": "yesterday"},
        {**other, "modem": []},
        {**other, "sims": [{"slot": "one"}]},
        {**other, "sims": [{**sim(), "iccid": 8988}]},
        {**other, "gateway_id": "gw-2"},
        {**other, "stream_id": "\ud800"},
    ]
    assert client.post(*bad, good) == ["rejected"] * len(bad) + ["accepted"]
    assert client.post({**good, "uptime_ms": 5}) == ["conflict"]
    assert client.post({**other, "newer_agents_say": ["more"]}) == ["accepted"]
    again = dict(reversed(good.items()))
    assert client.post(again) == ["duplicate"], "the order of keys is no difference"
    assert reader.get("gateways/gw-1")["reports"] == 2


def test_a_key_twice_is_rejected(gateway_client: Clients) -> None:
    client = gateway_client("gw-1")
    text = json.dumps(Gateway().report())
    doubled = text.replace('"sequence": 1', '"sequence": 1, "sequence": 2')
    body = f'{{"reports": [{doubled}, {text}]}}'.encode()
    results = client.ask("POST", "/api/v1/reports", body).json["results"]
    assert [result["status"] for result in results] == ["rejected", "accepted"]
    assert "sequence" in results[0]["problem"]["detail"]
    for name in ("reports", "\\u0072eports"):
        body = f'{{"reports": [{text}], "{name}": [{text}]}}'.encode()
        assert client.ask("POST", "/api/v1/reports", body).status == 422


@pytest.fixture(scope="module")
def long_lived(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """One registry for many requests, none of which leaves anything in it."""
    registry = Registry(tmp_path_factory.mktemp("registry"))
    registry.start()
    yield registry.client("--scope", "gateway", "--gateway-id", "gw-1")
    registry.stop()


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"", {}, 400),
        (b"{", {}, 400),
        (b"\xff", {}, 400),
        (b"[" * 100_000, {}, 422),
        (b'{"reports": ' + b"[" * 100_000, {}, 400),
        (b'{"reports": ["\\ud800"', {}, 400),
        (b"[]", {}, 422),
        (b'{"reports": []}', {}, 422),
        (b'{"reports": ' + json.dumps([{}] * 1001).encode() + b"}", {}, 422),
        (b"not gzip", {"Content-Encoding": "gzip"}, 400),
        (gzip.compress(b"{}", mtime=0)[:-4], {"Content-Encoding": "gzip"}, 400),
        (gzip.compress(b" " * (17 << 20), mtime=0), {"Content-Encoding": "gzip"}, 413),
        (b" " * (17 << 20), {}, 413),
        (b"{}", {"Content-Encoding": "br"}, 415),
    ],
    ids=lambda value: repr(value)[:24],
)
def test_a_body_that_can_not_be_read(
    long_lived: Client, body: bytes, headers: dict[str, str], status: int
) -> None:
    try:
        answer = long_lived.ask("POST", "/api/v1/reports", body, **headers)
    except (BrokenPipeError, ConnectionResetError):
        assert status == 413  # refused before the whole body was sent
        return
    assert answer.status == status
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json["status"] == status


def test_every_error_is_a_problem_document(registry: Registry, reader: Client) -> None:
    nobody = Client(registry.port, None)
    wrong = Client(registry.port, "mma_wrong")
    gateway = registry.client("--scope", "gateway", "--gateway-id", "gw-1")
    cases = [
        (nobody, "GET", "/api/v1/modems", 401),
        (wrong, "GET", "/api/v1/modems", 401),
        (wrong, "POST", "/api/v1/reports", 401),
        (wrong, "POST", "/api/v1/enroll", 401),
        (gateway, "GET", "/api/v1/modems", 403),
        (gateway, "GET", "/api/v1/events/stream", 403),
        (reader, "POST", "/api/v1/reports", 403),
        (reader, "GET", f"/api/v1/modems/{IMEI}", 404),
        (reader, "GET", f"/api/v1/sims/{ICCID}/timeline", 404),
        (reader, "GET", "/api/v1/gateways/gw-9", 404),
        (reader, "GET", "/nothing", 404),
        (reader, "DELETE", "/api/v1/modems", 405),
        (reader, "GET", "/api/v1/reports", 405),
        (reader, "GET", "/api/v1/modems?limit=0", 422),
        (reader, "GET", "/api/v1/events?order=sideways", 422),
        (reader, "GET", "/api/v1/events?after=x", 422),
        (reader, "GET", "/api/v1/lookup", 422),
    ]
    for client, method, path, status in cases:
        answer = client.ask(method, path, b"{}" if method == "POST" else None)
        assert answer.status == status, path
        assert answer.headers["Content-Type"] == "application/problem+json", path
        assert answer.json["status"] == status
        assert {"type", "title", "detail", "code"} <= answer.json.keys()
    assert "Bearer" in nobody.ask("GET", "/api/v1/modems").headers["WWW-Authenticate"]


def test_numbers_are_masked_without_full_ids(registry: Registry, gateway_client: Clients) -> None:
    gateway = Gateway()
    client = gateway_client("gw-1")
    client.post(gateway.report("identified", sims=[sim(eid=EID)]))
    masked = registry.client("--scope", "read")
    paths = (
        "modems",
        f"modems/{IMEI}",
        f"modems/{IMEI}/timeline",
        "sims",
        f"sims/{ICCID}",
        f"sims/{ICCID}/timeline",
        "gateways/gw-1",
        "events",
        f"lookup?id={IMEI}",
        "lookup?id=901288000000001",
        "lookup?id=gw-1",
    )
    for path in paths:
        text = json.dumps(masked.get(path))
        for number in (IMEI, ICCID, EID, "901288000000001"):
            assert number not in text, path
        assert "gw-1" in text
    full = registry.client("--scope", "operate", "--full-ids")
    assert full.get(f"modems/{IMEI}")["imei"] == IMEI


def test_pages(gateway_client: Clients, reader: Client) -> None:
    gateway, client = Gateway(), gateway_client("gw-1")
    numbers = ["8988303000000000010", "8988303000000000028", "8988303000000000036"]
    client.post(*(gateway.report(sims=[sim(number)]) for number in numbers))
    seen: list[str] = []
    after = ""
    while True:
        page = reader.get(f"sims?limit=1{after}")
        seen += [one["iccid"] for one in page["sims"]]
        if page["next"] is None:
            break
        after = f"&after={page['next']}"
    assert seen == numbers
    everything = [one["id"] for one in reader.get("events")["events"]]
    backwards: list[str] = []
    after = ""
    while True:
        page = reader.get(f"events?limit=2&order=desc{after}")
        backwards += [one["id"] for one in page["events"]]
        if page["next"] is None:
            break
        after = f"&after={page['next']}"
    assert backwards == everything[::-1]
    assert len(set(everything)) == len(everything)


def test_enrolment_gives_each_gateway_its_own_token(registry: Registry) -> None:
    fleet = registry.client("--scope", "enroll")

    def enroll(gateway_id: str) -> tuple[int, dict[str, Any]]:
        body = json.dumps({"gateway_id": gateway_id}).encode()
        answer = fleet.ask("POST", "/api/v1/enroll", body, **{"Content-Type": "application/json"})
        return answer.status, answer.json

    status, lost = enroll("gw-1")
    assert status == 200
    status, kept = enroll("gw-1")
    assert status == 200, "a token that never arrived does not lock a gateway out"
    assert Client(registry.port, lost["token"]).ask("POST", "/api/v1/reports").status == 401
    gateway = Client(registry.port, kept["token"])
    assert gateway.post(Gateway("gw-1").report()) == ["accepted"]
    assert gateway.post(Gateway("gw-2").report()) == ["rejected"]
    status, refused = enroll("gw-1")
    assert (status, refused["code"]) == (409, "enrolled")


def test_what_was_acknowledged_survives_a_kill(
    registry: Registry, reader: Client, gateway_client: Clients
) -> None:
    gateway, client = Gateway(), gateway_client("gw-1")
    first = gateway.report("identified")
    assert client.post(first) == ["accepted"]
    registry.stop(signal.SIGKILL)
    registry.start()
    client.port = reader.port = registry.port
    assert client.post(first, gateway.report()) == ["duplicate", "accepted"]
    assert reader.event_types() == ["modem.first_seen", "sim.first_seen"]


def test_events_are_streamed_and_resumed(
    registry: Registry, reader: Client, gateway_client: Clients
) -> None:
    gateway, client = Gateway(), gateway_client("gw-1")
    client.post(gateway.report("identified"))
    connection = http.client.HTTPConnection("127.0.0.1", registry.port, timeout=20)
    headers = {"Authorization": f"Bearer {reader.token}", "Last-Event-ID": "1"}
    connection.request("GET", "/api/v1/events/stream", headers=headers)
    answer = connection.getresponse()
    assert answer.getheader("Content-Type", "").startswith("text/event-stream")

    def next_event() -> dict[str, Any]:
        while not (line := answer.readline()).startswith(b"data: "):
            assert line
        found: dict[str, Any] = json.loads(line[6:])
        return found

    assert next_event()["type"] == "sim.first_seen"
    client.post(gateway.report("removed"))
    assert next_event()["type"] == "modem.removed"
    status, said = registry.stop()
    answer.close()
    assert (status, said) == (0, ""), "an open stream does not hold the process up"
    connection.close()


def test_probes_need_no_token_and_the_api_describes_itself(registry: Registry) -> None:
    nobody = Client(registry.port, None)
    assert nobody.ask("GET", "/healthz").json == {"status": "ok"}
    assert nobody.ask("GET", "/readyz").json == {"status": "ok"}
    metrics = nobody.ask("GET", "/metrics")
    assert metrics.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    assert b"modemagent_registry_modems 0\n" in metrics.raw
    described = nobody.ask("GET", "/openapi.json").json
    assert "/api/v1/reports" in described["paths"]
    assert "/api/v1/modems/{imei}/timeline" in described["paths"]
    for operations in described["paths"].values():
        for operation in operations.values():
            for status, response in operation["responses"].items():
                if status >= "4":
                    assert list(response["content"]) == ["application/problem+json"]


def test_the_database_is_its_owners_alone(registry: Registry) -> None:
    assert (registry.state_dir / "registry.db").stat().st_mode & 0o077 == 0
    assert registry.state_dir.stat().st_mode & 0o077 == 0


def test_no_token_is_kept_in_the_clear(registry: Registry) -> None:
    secret = registry.token("--scope", "admin")
    assert registry.stop()[0] == 0
    for path in Path(registry.state_dir).iterdir():
        assert secret.encode() not in path.read_bytes()
