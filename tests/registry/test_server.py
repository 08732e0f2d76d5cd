"""The registry as a process, through its HTTP API."""

from __future__ import annotations

import gzip
import http.client
import json
import random
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
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


def test_swap_is_one_event_with_both_identities(gateway_client: Clients, reader: Client) -> None:
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


def test_reinserted_sim_is_not_a_swap(gateway_client: Clients, reader: Client) -> None:
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
def test_unread_sim_changes_nothing(gateway_client: Clients, reader: Client, state: str) -> None:
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


def test_modem_plugged_into_the_same_port_again(gateway_client: Clients, reader: Client) -> None:
    gateway, client = Gateway(), gateway_client("gw-1")
    client.post(gateway.report("identified"), gateway.report("removed"))
    assert reader.get("gateways/gw-1")["modems"] == []
    client.post(gateway.report("identified", port={"path": "/dev/ttyUSB5", "id": "usb:1-2:1.3"}))
    assert reader.event_types() == ["modem.first_seen", "sim.first_seen", "modem.removed"]
    assert [one["imei"] for one in reader.get("gateways/gw-1")["modems"]] == [IMEI]
    places = reader.get(f"modems/{IMEI}/timeline")["places"]
    assert [one["cause"] for one in places] == ["removed", None]


def test_modem_swapped_and_modem_moved(gateway_client: Clients, reader: Client) -> None:
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


def test_profile_switch_imsi_switch_and_moved_sim(gateway_client: Clients, reader: Client) -> None:
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
    moved = reader.get(f"sims/{OTHER_ICCID}")
    assert (moved["imei"], moved["gateway_id"]) == (OTHER_IMEI, "gw-2")
    for wanted in (OTHER_ICCID, OTHER_ICCID + "4", "901288000000009", EID):
        matches = reader.get(f"lookup?id={wanted}")["matches"]
        assert OTHER_ICCID in [match["sim"] for match in matches], wanted


def test_shuffled_and_repeated_reports_give_the_same_events(
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
    found = [(e["type"], e["data"]["report"]) for e in reader.get("events")["events"]]
    assert sorted(found) == [
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


def test_invalid_report_does_not_affect_the_batch(gateway_client: Clients, reader: Client) -> None:
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
    assert client.post({**other, "key_of_a_newer_agent": ["more"]}) == ["accepted"]
    again = dict(reversed(good.items()))
    assert client.post(again) == ["duplicate"], "the order of keys does not matter"
    assert reader.get("gateways/gw-1")["reports"] == 2


def test_duplicate_key_is_rejected(gateway_client: Clients) -> None:
    client = gateway_client("gw-1")
    text = json.dumps(Gateway().report())
    duplicate = text.replace('"sequence": 1', '"sequence": 1, "sequence": 2')
    body = f'{{"reports": [{duplicate}, {text}]}}'.encode()
    results = client.request("POST", "/api/v1/reports", body).json["results"]
    assert [result["status"] for result in results] == ["rejected", "accepted"]
    assert "sequence" in results[0]["problem"]["detail"]
    for name in ("reports", "\\u0072eports"):
        body = f'{{"reports": [{text}], "{name}": [{text}]}}'.encode()
        assert client.request("POST", "/api/v1/reports", body).status == 422


@pytest.fixture(scope="module")
def long_lived(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """A registry for many requests, none of which stores anything."""
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
def test_unreadable_body_is_a_problem_document(
    long_lived: Client, body: bytes, headers: dict[str, str], status: int
) -> None:
    try:
        response = long_lived.request("POST", "/api/v1/reports", body, **headers)
    except (BrokenPipeError, ConnectionResetError):
        assert status == 413  # rejected before the whole body was sent
        return
    assert response.status == status
    assert response.headers["Content-Type"] == "application/problem+json"
    assert response.json["status"] == status


def test_every_error_is_a_problem_document(registry: Registry, reader: Client) -> None:
    anonymous = Client(registry.port, None)
    unknown = Client(registry.port, "mma_wrong")
    gateway = registry.client("--scope", "gateway", "--gateway-id", "gw-1")
    cases = [
        (anonymous, "GET", "/api/v1/modems", 401),
        (unknown, "GET", "/api/v1/modems", 401),
        (unknown, "POST", "/api/v1/reports", 401),
        (unknown, "POST", "/api/v1/enroll", 401),
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
        response = client.request(method, path, b"{}" if method == "POST" else None)
        assert response.status == status, path
        assert response.headers["Content-Type"] == "application/problem+json", path
        assert response.json["status"] == status
        assert {"type", "title", "detail", "code"} <= response.json.keys()
    assert "Bearer" in anonymous.request("GET", "/api/v1/modems").headers["WWW-Authenticate"]


def test_identifiers_are_masked_without_full_ids(
    registry: Registry, gateway_client: Clients
) -> None:
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


def test_cursors_lead_through_all_pages(gateway_client: Clients, reader: Client) -> None:
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


def test_enrollment_creates_a_token_for_each_gateway(registry: Registry) -> None:
    fleet = registry.client("--scope", "enroll")

    def enroll(gateway_id: str) -> tuple[int, dict[str, Any]]:
        body = json.dumps({"gateway_id": gateway_id}).encode()
        response = fleet.request(
            "POST", "/api/v1/enroll", body, **{"Content-Type": "application/json"}
        )
        return response.status, response.json

    status, lost = enroll("gw-1")
    assert status == 200
    status, kept = enroll("gw-1")
    assert status == 200, "a lost token does not lock a gateway out"
    assert Client(registry.port, lost["token"]).request("POST", "/api/v1/reports").status == 401
    gateway = Client(registry.port, kept["token"])
    assert gateway.post(Gateway("gw-1").report()) == ["accepted"]
    assert gateway.post(Gateway("gw-2").report()) == ["rejected"]
    status, problem = enroll("gw-1")
    assert (status, problem["code"]) == (409, "enrolled")


def test_acknowledged_reports_survive_a_kill(
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


def test_event_stream_resumes_and_ends_with_the_process(
    registry: Registry, reader: Client, gateway_client: Clients
) -> None:
    gateway, client = Gateway(), gateway_client("gw-1")
    client.post(gateway.report("identified"))
    connection = http.client.HTTPConnection("127.0.0.1", registry.port, timeout=60)
    headers = {"Authorization": f"Bearer {reader.token}", "Last-Event-ID": "1"}
    connection.request("GET", "/api/v1/events/stream", headers=headers)
    response = connection.getresponse()
    assert response.getheader("Content-Type", "").startswith("text/event-stream")

    def next_event() -> dict[str, Any]:
        while not (line := response.readline()).startswith(b"data: "):
            assert line
        found: dict[str, Any] = json.loads(line[6:])
        return found

    assert next_event()["type"] == "sim.first_seen"
    client.post(gateway.report("removed"))
    assert next_event()["type"] == "modem.removed"
    status, errors = registry.stop()
    response.close()
    assert (status, errors) == (0, ""), "an open stream does not delay the shutdown"
    connection.close()


def test_probes_and_openapi_need_no_token(registry: Registry, reader: Client) -> None:
    anonymous = Client(registry.port, None)
    assert anonymous.request("GET", "/healthz").json == {"status": "ok"}
    checks = {"database": "ok", "disk": "ok", "queue": "ok"}
    assert anonymous.request("GET", "/readyz").json == {"status": "ok", "checks": checks}
    assert anonymous.request("POST", "/api/v1/reports").status == 401
    assert anonymous.request("GET", f"/{IMEI}").status == 404
    assert anonymous.request("GET", "/metrics").status == 401
    metrics = reader.request("GET", "/metrics")
    assert metrics.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    assert b"modemagent_registry_modems 0.0\n" in metrics.raw
    assert b'modemagent_registry_requests_total{route="/readyz",status="200"} 1.0' in metrics.raw
    assert b'requests_total{route="unmatched",status="401"} 2.0' in metrics.raw
    assert b'requests_total{route="unmatched",status="404"} 1.0' in metrics.raw
    assert b'registry_refused_total{reason="unauthorized"} 2.0' in metrics.raw
    assert b"_created" not in metrics.raw
    assert IMEI.encode() not in metrics.raw
    described = anonymous.request("GET", "/openapi.json").json
    assert "/api/v1/reports" in described["paths"]
    assert "/api/v1/modems/{imei}/timeline" in described["paths"]
    for operations in described["paths"].values():
        for operation in operations.values():
            for status, response in operation["responses"].items():
                if status >= "4":
                    assert list(response["content"]) == ["application/problem+json"]


def test_only_the_owner_can_read_the_database(tmp_path: Path) -> None:
    registry = Registry(tmp_path / "state")
    registry.start()
    assert (registry.state_dir / "registry.db").stat().st_mode & 0o077 == 0
    assert registry.state_dir.stat().st_mode & 0o077 == 0
    registry.stop()


def test_tokens_are_not_stored_in_plain_text(registry: Registry) -> None:
    secret = registry.token("--scope", "admin")
    assert registry.stop()[0] == 0
    if registry.is_sqlite:
        stored = b"".join(path.read_bytes() for path in registry.state_dir.iterdir())
    else:
        with psycopg.connect(registry.database) as connection:
            stored = repr(connection.execute("SELECT * FROM token").fetchall()).encode()
    assert secret.encode() not in stored


def test_stored_text_that_utf_8_does_not_have_is_returned(
    gateway_client: Clients, reader: Client
) -> None:
    sender = gateway_client("gw-1")
    body = Gateway().report("identified", note="\ud800")
    assert sender.post(body) == ["accepted"]
    assert sender.post({**body, "note": "\udfff"}) == ["conflict"]
    found = reader.get("reports/gw-1/stream-1/1")
    assert found["report"]["note"] == "\ud800"
    assert [one["report"]["note"] for one in found["conflicts"]] == ["\udfff"]
