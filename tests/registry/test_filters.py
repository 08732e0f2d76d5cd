"""Filters of lists."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.conftest import call_in_process
from tests.registry.conftest import (
    ICCID,
    IMEI,
    OTHER_ICCID,
    OTHER_IMEI,
    Client,
    Gateway,
    Registry,
    sim,
)
from tests.registry.history.wire import imei


@pytest.fixture
def fleet(registry: Registry, gateway_client: Callable[[str], Client]) -> Registry:
    """Two gateways with a modem each; a third modem was removed, and a disk was copied."""
    one, two = Gateway("gw-1"), Gateway("gw-2", started="2026-03-02T12:")
    gone = one.report("identified", "867698040000039", [sim("8988303000000000036")])
    gateway_client("gw-1").post(
        gone, one.report("removed", "867698040000039"), one.report("identified", IMEI, [sim(ICCID)])
    )
    report = two.report("identified", OTHER_IMEI, [sim(OTHER_ICCID, "901288000000002")])
    gateway_client("gw-2").post(report, {**report, "uptime_ms": 7})
    return registry


def listed(client: Client, path: str, key: str) -> list[Any]:
    return [one[key] for one in client.get(path)[path.partition("?")[0]]]


def test_modems_and_sims_of_a_gateway(fleet: Registry, reader: Client) -> None:
    assert len(listed(reader, "modems", "imei")) == 3
    assert listed(reader, "modems?gateway=gw-1", "imei") == [IMEI]
    assert listed(reader, "modems?gateway=gw-2", "imei") == [OTHER_IMEI]
    assert listed(reader, "sims?gateway=gw-1", "iccid") == [ICCID]
    assert listed(reader, "sims?gateway=gw-2", "iccid") == [OTHER_ICCID]
    ref = reader.get("gateways/gw-2")["ref"]
    assert listed(reader, f"modems?gateway={ref}", "imei") == [OTHER_IMEI]
    assert listed(reader, "modems?gateway=gw-3", "imei") == []
    assert listed(reader, f"modems?tac={IMEI[:8]}&gateway=gw-1", "imei") == [IMEI]
    assert listed(reader, "modems?model=none", "imei") == []
    assert listed(reader, f"sims?issuer={ICCID[:6]}&gateway=gw-1", "iccid") == [ICCID]
    assert listed(reader, "sims?site=nowhere", "iccid") == []
    assert listed(reader, "gateways?site=nowhere", "gateway_id") == []
    assert listed(reader, "findings?site=nowhere", "type") == []
    assert reader.request("GET", f"/api/v1/modems?tac={IMEI[:9]}").status == 422
    for name, count in (("modems", 1), ("sims", 1), ("findings", 0)):
        done = call_in_process("registry", name, "--gateway", "gw-1", "--json", *fleet.where)
        assert len(json.loads(done.stdout)[name]) == count


def test_modems_of_a_gateway_are_paged(
    registry: Registry, gateway_client: Callable[[str], Client], reader: Client
) -> None:
    gateway = Gateway()
    for number in range(5):
        gateway.port = f"usb:1-{number + 1}:1.2"
        report = gateway.report("identified", imei(str(number)), [])
        gateway_client("gw-1").post(report)
    everything = listed(reader, "modems", "imei")
    assert len(everything) == 5
    found, after = [], ""
    while after is not None:
        page = reader.get(f"modems?gateway=gw-1&limit=2{after and f'&after={after}'}")
        assert len(page["modems"]) <= 2
        found += [one["imei"] for one in page["modems"]]
        after = page["next"]
    assert found == everything


def test_findings_by_severity_and_gateway(fleet: Registry, reader: Client) -> None:
    assert "gateway.identity_forked" in listed(reader, "findings", "type")
    assert listed(reader, "findings?severity=error", "type") == ["gateway.identity_forked"]
    assert listed(reader, "findings?severity=error&gateway=gw-2", "type") != []
    assert listed(reader, "findings?severity=note", "type") == []
    assert listed(reader, "findings?type=gateway.identity_forked", "type") != []
    assert listed(reader, "findings?type=sim.swapped&severity=error", "type") == []
    done = call_in_process("registry", "findings", "--type", "gateway.identity_forked", "--json",
                           *fleet.where)  # fmt: skip
    assert len(json.loads(done.stdout)["findings"]) == 1
    assert listed(reader, "findings?gateway=gw-1", "type") == []
    assert reader.request("GET", "/api/v1/findings?severity=bad").status == 422
