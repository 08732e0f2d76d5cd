"""Several worker processes on one PostgreSQL database."""

from __future__ import annotations

import http.client
import json
import os
import random
import re
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.conftest import call_in_process
from tests.registry.conftest import (
    ICCID,
    IMEI,
    OTHER_ICCID,
    Client,
    Gateway,
    PostgresServer,
    Registry,
    sim,
)


@pytest.fixture
def fleet(tmp_path: Path, postgres: PostgresServer) -> Iterator[Registry]:
    """A registry with three worker processes."""
    found = Registry(tmp_path, "--workers", "3", database=postgres.new_database())
    found.start()
    yield found
    if found.process is not None and found.process.poll() is None:
        found.stop(signal.SIGTERM)


def children(registry: Registry) -> list[int]:
    assert registry.process is not None
    pid = registry.process.pid
    return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_reports_to_several_workers_give_one_history(fleet: Registry) -> None:
    gateways = [
        Gateway(f"gw-{number}", started=f"2026-03-{number + 1:02d}T12:") for number in range(6)
    ]
    batches = []
    for number, gateway in enumerate(gateways):
        # one modem and one SIM travel through all gateways
        reports = [gateway.report("identified", sims=[sim(ICCID)]) for _ in range(3)]
        reports.append(gateway.report("removed"))
        other = f"86769804000{number:03d}"
        reports.append(gateway.report("identified", imei=None, sims=[sim(OTHER_ICCID)], note=other))
        batches += [(gateway.gateway_id, [report]) for report in reports * 2]
    random.Random(3).shuffle(batches)
    clients = {
        one.gateway_id: fleet.client("--scope", "gateway", "--gateway-id", one.gateway_id)
        for one in gateways
    }
    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(lambda one: clients[one[0]].post(*one[1])[0], batches))
    assert sorted(statuses) == ["accepted"] * 30 + ["duplicate"] * 30
    reader = fleet.client("--scope", "read", "--full-ids")
    places = reader.get(f"modems/{IMEI}/timeline")["places"]
    assert [(one["gateway_id"], one["cause"]) for one in places] == [
        (f"gw-{number}", "removed") for number in range(6)
    ]
    events = reader.get("events?limit=1000")["events"]
    moves = [one for one in events if one["type"] == "modem.moved" and not one["withdrawn"]]
    assert sorted(one["data"]["new"]["gateway_id"] for one in moves) == [
        f"gw-{number}" for number in range(1, 6)
    ]
    (pairing,) = reader.get(f"sims/{ICCID}/timeline")["pairings"]
    assert pairing["opened_by"] == "gw-0/stream-1/1"
    assert reader.get("findings?severity=error")["findings"] == []


def test_event_of_one_worker_reaches_streams_of_all(fleet: Registry) -> None:
    reader = fleet.client("--scope", "read", "--full-ids")
    streams = []
    for _ in range(6):
        connection = http.client.HTTPConnection("127.0.0.1", fleet.port, timeout=60)
        headers = {"Authorization": f"Bearer {reader.token}"}
        connection.request("GET", "/api/v1/events/stream?after=0", headers=headers)
        streams.append((connection, connection.getresponse()))
    client = fleet.client("--scope", "gateway", "--gateway-id", "gw-1")
    assert client.post(Gateway().report("identified")) == ["accepted"]
    for connection, response in streams:
        while not (line := response.readline()).startswith(b"data: "):
            assert line
        assert json.loads(line[6:])["type"] == "modem.first_seen"
        response.close()
        connection.close()


def test_worker_that_died_is_replaced(fleet: Registry) -> None:
    before = children(fleet)
    assert len(before) == 3
    os.kill(before[0], signal.SIGKILL)
    while before[0] in (now := children(fleet)) or len(now) < 3:
        pass
    client = fleet.client("--scope", "gateway", "--gateway-id", "gw-1")
    gateway = Gateway()
    assert [client.post(gateway.report())[0] for _ in range(6)] == ["accepted"] * 6
    assert fleet.stop()[0] == 0


def test_several_workers_need_postgresql(tmp_path: Path) -> None:
    done = call_in_process("registry", "serve", "--workers", "2", "--state-dir", str(tmp_path))
    assert (done.returncode, done.stdout) == (2, "")
    assert "SQLite has one writer" in done.stderr


def test_secret_file_makes_the_same_references(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("s" * 40)
    refs = []
    for number in range(2):
        registry = Registry(tmp_path / str(number), "--secret-file", str(secret))
        registry.start()
        client: Client = registry.client("--scope", "gateway", "--gateway-id", "gw-1")
        client.post(Gateway().report("identified"))
        reader = registry.client("--scope", "read", "--full-ids")
        (modem,) = reader.get("modems")["modems"]
        refs.append(modem["ref"])
        assert reader.get(f"modems/{modem['ref']}")["imei"] == IMEI
        registry.stop()
    assert refs[0] == refs[1]
    secret.write_text("short")
    done = call_in_process(
        "registry", "serve", "--secret-file", str(secret), "--state-dir", str(tmp_path)
    )
    assert done.returncode == 2


def test_metrics_are_the_sums_of_all_workers(fleet: Registry) -> None:
    gateway = Gateway()
    client = fleet.client("--scope", "gateway", "--gateway-id", "gw-1")
    reader = fleet.client("--scope", "read")

    def shown(line: str) -> list[str]:
        pages = [reader.request("GET", "/metrics").raw.decode() for _ in range(6)]
        return [re.findall(f"^modemagent_registry_{line} (.+)$", one, re.M) for one in pages]

    for _ in range(12):
        client.post(gateway.report())
    accepted = r'reports_received_total{status="accepted"}'
    assert shown(accepted) == [["12.0"]] * 6
    before = children(fleet)
    for pid in before:
        os.kill(pid, signal.SIGKILL)
    while len(now := children(fleet)) < 3 or {*now} & {*before}:
        pass
    assert shown(accepted) == [["12.0"]] * 6
    client.post(gateway.report())
    assert shown(accepted) == [["13.0"]] * 6
    posted = r'requests_total{route="/api/v1/reports",status="200"}'
    assert shown(posted) == [["13.0"]] * 6
    assert shown("pending_batches") == [["0.0"]] * 6
    assert len(shown("database_bytes")[0]) == 1
