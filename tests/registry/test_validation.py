"""Parsing and validation of reports: the example reports, and values that are not used."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from modemagent.registry.history.readings import PlaceReading, Seen, read_place
from modemagent.registry.validation import ValidReport, parse_report
from modemagent.report.message import body_digest, canonical_body
from tests.registry.conftest import EID, ICCID, IMEI, Gateway, sim

FIXTURES = sorted((Path(__file__).parents[2] / "fixtures/reports/v1").glob("*.json"))


def parsed(body: Any) -> ValidReport:
    return parse_report(json.dumps(body).encode())


def reading(name: str) -> PlaceReading | None:
    """Return what an example report states about its place."""
    body = json.loads(FIXTURES[0].with_name(f"{name}.json").read_text())
    return read_place(parsed(body))


@pytest.mark.parametrize("path", FIXTURES, ids=lambda path: path.stem)
def test_example_report_is_valid(path: Path) -> None:
    body = json.loads(path.read_text())
    report = parsed(body)
    assert json.loads(report.body) == body
    assert report.digest == body_digest(canonical_body(body))


@pytest.mark.parametrize(
    "name", ["agent_identified", "agent_refresh", "agent_sim_swapped", "agent_pin_required"]
)
def test_modem_of_an_example_report_is_here(name: str) -> None:
    found = reading(name)
    assert found is not None
    assert found.seen is Seen.HERE
    assert [slot.slot for slot in found.slots] == [1]


def test_heartbeat_is_not_about_a_place() -> None:
    assert reading("agent_heartbeat") is None


def test_removed_sim_leaves_an_empty_slot() -> None:
    found = reading("agent_sim_removed")
    assert found is not None
    assert [slot.sim for slot in found.slots] == [None]


def test_removed_modem_leaves_the_place_empty() -> None:
    assert reading("agent_modem_removed") == PlaceReading(Seen.GONE)


def test_unread_and_invalid_values_are_not_used() -> None:
    report = parsed(Gateway().report(imei="867698040000014", sims=[sim(ICCID, None, eid=EID)]))
    assert report.imei is None, "the check digit is wrong"
    assert (report.sims[0].iccid, report.sims[0].imsi, report.sims[0].eid) == (ICCID, None, EID)


def test_imei_is_derived_from_the_imeisv() -> None:
    body = Gateway().report(imei=None)
    body["modem"] |= {"imeisv": IMEI[:14] + "05", "read": {"imeisv": "ok"}}
    assert parsed(body).imei == IMEI
