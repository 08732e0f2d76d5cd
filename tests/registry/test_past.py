"""Where a modem or SIM was at a time, and what was known at a time."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from urllib.parse import quote

import pytest

from tests.registry.conftest import ICCID, IMEI, OTHER_ICCID, Client, Gateway, Registry, sim

Clients = Callable[[str], Client]


def at(text: str) -> str:
    return f"as_of=2026-03-01T{text}Z"


@pytest.fixture
def reported(gateway_client: Clients) -> None:
    """Four readings that agree, a missing number, two readings, and a modem elsewhere later."""
    here, there = Gateway("gw-1"), Gateway("gw-2", started="2026-03-01T15:")
    reports = [here.report("identified" if number == 0 else "refresh") for number in range(7)]
    gateway_client("gw-1").post(*reports[:4], *reports[5:])
    gateway_client("gw-2").post(there.report("identified", sims=[sim(OTHER_ICCID)]))


@pytest.mark.parametrize(
    ("moment", "certainty", "gateway_id", "agreeing"),
    [
        ("12:00:02.500", "certain", "gw-1", 2),
        ("12:00:04.500", "probable", "gw-1", 0),
        ("13:00:00", "unknown", "gw-1", 0),
        ("15:00:02", "unknown", "gw-2", 0),
    ],
)
def test_certainty_follows_from_the_readings_on_both_sides(
    reported: None, reader: Client, moment: str, certainty: str, gateway_id: str, agreeing: int
) -> None:
    past = reader.get(f"modems/{IMEI}?{at(moment)}")["past"]
    (state,) = past["states"]
    assert (state["certainty"], state["gateway_id"]) == (certainty, gateway_id)
    assert state["agreeing"] == agreeing
    assert gateway_id in past["sentence"]
    if certainty == "certain":
        assert state["before"]["report"] == "gw-1/stream-1/1"
        assert state["after"]["report"] == "gw-1/stream-1/4"


def test_nothing_is_known_before_the_first_reading(reported: None, reader: Client) -> None:
    past = reader.get(f"modems/{IMEI}?{at('11:00:00')}")["past"]
    assert past["states"] == []
    assert "first reading is of 2026-03-01T12:00:01.000Z" in past["sentence"]


def test_sim_and_gateway_have_a_past(reported: None, reader: Client, registry: Registry) -> None:
    (state,) = reader.get(f"sims/{ICCID}?{at('12:00:03.500')}")["past"]["states"]
    assert (state["certainty"], state["imei"], state["slot"]) == ("certain", IMEI, 1)
    (state,) = reader.get(f"gateways/gw-1?{at('12:00:03.500')}")["past"]
    assert (state["imei"], state["certainty"]) == (IMEI, "certain")
    assert reader.get(f"gateways/gw-2?{at('12:00:03.500')}")["past"] == []
    masked = registry.client("--scope", "read")
    assert IMEI not in str(masked.get(f"sims/{ICCID}?{at('12:00:03.500')}"))


def test_known_at_ignores_what_was_reported_later(gateway_client: Clients, reader: Client) -> None:
    here, there = Gateway("gw-1"), Gateway("gw-2", started="2026-03-01T15:")
    gateway_client("gw-1").post(here.report("identified"))
    time.sleep(0.01)
    between = quote(datetime.now(UTC).isoformat())
    time.sleep(0.01)
    gateway_client("gw-2").post(there.report("identified"))
    now = reader.get(f"modems/{IMEI}")
    then = reader.get(f"modems/{IMEI}?known_at={between}")
    assert (now["gateway_id"], then["gateway_id"]) == ("gw-2", "gw-1")
    places = reader.get(f"modems/{IMEI}/timeline?known_at={between}")["places"]
    assert [(one["gateway_id"], one["cause"]) for one in places] == [("gw-1", None)]
    past = reader.get(f"modems/{IMEI}?{at('16:00:00')}&known_at={between}")["past"]
    assert [one["gateway_id"] for one in past["states"]] == ["gw-1"]


def test_lists_have_no_past(reader: Client) -> None:
    for path in ("modems", "sims", "gateways", "pairings", "findings", "events"):
        response = reader.request("GET", f"/api/v1/{path}?{at('12:00:00')}")
        assert (response.status, response.json["code"]) == (400, "no_past"), path
