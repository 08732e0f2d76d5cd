"""Health of gateways in their heartbeats."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import text

from modemagent.registry.envelope import open_envelope
from modemagent.registry.store.database.engine import Database, now_ms
from modemagent.registry.store.intake import record as record_module
from modemagent.registry.store.intake.arrivals import Arrival
from modemagent.registry.store.intake.recorder import Recorder
from modemagent.report.message import canonical_body
from tests.registry.conftest import Body, Client, Gateway


def health(outbox: int = 0, drops: int = 0) -> Body:
    modems = [{"port_id": "usb:1-2:1.2", "state": "watching", "drops": drops}]
    return {"outbox": outbox, "evicted": 0, "restarts": 0, "modems": modems}


def heartbeat(gateway: Gateway, **values: int) -> Body:
    parts = {"port": None, "modem": None, "heartbeat_s": 3600, "health": health(**values)}
    return gateway.report("heartbeat", sims=[], **parts)


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    found = Database(database_url)
    yield found
    found.close()


def bodies_after(database: Database, *reports: Body) -> list[int]:
    """Store reports; return the sequence numbers of those whose bodies were kept."""
    recorder = Recorder(database)
    for one in reports:
        recorder.record([Arrival(open_envelope(canonical_body(one)), now_ms())])
    with database.reading() as connection:
        return list(
            connection.execute(text("SELECT sequence FROM report ORDER BY sequence")).scalars()
        )


def test_unchanged_heartbeat_is_not_validated(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: bytes) -> None:
        raise AssertionError("validated")

    monkeypatch.setattr(record_module, "valid_report", fail)
    gateway = Gateway()
    reports = [heartbeat(gateway, outbox=outbox) for outbox in (0, 0, 7, 0)]
    assert bodies_after(database, *reports) == [1], "only the first of a boot is news"


def test_body_of_another_health_is_kept(database: Database) -> None:
    gateway = Gateway()
    reports = [heartbeat(gateway, drops=drops) for drops in (0, 0, 5, 5, 0)]
    assert bodies_after(database, *reports) == [1, 3, 5]


def test_unprintable_health_is_rejected() -> None:
    report = heartbeat(Gateway())
    report["health"]["modems"][0]["state"] = "a\nb"
    envelope = open_envelope(canonical_body(report))
    assert not envelope.quiet


def test_gateway_has_the_health_of_its_last_heartbeat(
    gateway_client: Callable[[str], Client], reader: Client
) -> None:
    gateway = Gateway()
    late, last = heartbeat(gateway, outbox=3), heartbeat(gateway, outbox=1, drops=2)
    client = gateway_client("gw-1")
    client.post(gateway.report("identified"))
    assert reader.get("gateways/gw-1")["health"] is None
    for one in (last, late):
        body = b'{"reports":[' + canonical_body(one) + b"]}"
        response = client.request("POST", "/api/v1/reports", body)
        assert json.loads(response.raw)["results"][0]["status"] == "accepted"
    found = reader.get("gateways/gw-1")
    assert (found["health"], found["heartbeat_s"]) == (health(outbox=1, drops=2), 3600)
