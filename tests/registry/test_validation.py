"""Parsing and validation of reports: the example reports, and values that are not used."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from modemagent.registry.sightings import sighting_of
from modemagent.registry.validation import ValidReport, parse_report
from modemagent.report.message import body_digest, canonical_body
from tests.registry.conftest import EID, ICCID, IMEI, Gateway, sim

FIXTURES = sorted((Path(__file__).parents[2] / "fixtures/reports/v1").glob("*.json"))


def parsed(body: Any) -> ValidReport:
    return parse_report(json.dumps(body).encode())


def numbers(report: ValidReport) -> list[str | None]:
    """Return the numbers in the readings of places."""
    return [reading.number for _, reading in sighting_of(report, 0).place_readings()]


@pytest.mark.parametrize("path", FIXTURES, ids=lambda path: path.stem)
def test_example_report_is_valid(path: Path) -> None:
    body = json.loads(path.read_text())
    report = parsed(body)
    assert json.loads(report.body) == body
    assert report.digest == body_digest(canonical_body(body))


@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("agent_identified", 2),
        ("agent_refresh", 2),
        ("agent_sim_swapped", 2),
        ("agent_pin_required", 2),
        ("agent_heartbeat", 0),
    ],
)
def test_readings_of_an_example_report(name: str, count: int) -> None:
    body = json.loads(FIXTURES[0].with_name(f"{name}.json").read_text())
    assert len(numbers(parsed(body))) == count


def test_removed_sim_and_removed_modem_leave_the_place_empty() -> None:
    for name, expected in (("agent_sim_removed", 2), ("agent_modem_removed", 1)):
        body = json.loads(FIXTURES[0].with_name(f"{name}.json").read_text())
        found = numbers(parsed(body))
        assert (len(found), found[-1]) == (expected, None)


def test_unread_and_invalid_values_are_not_used() -> None:
    report = parsed(Gateway().report(imei="867698040000014", sims=[sim(ICCID, None, eid=EID)]))
    assert report.imei is None, "the check digit is wrong"
    assert (report.sims[0].iccid, report.sims[0].imsi, report.sims[0].eid) == (ICCID, None, EID)


def test_imei_is_derived_from_the_imeisv() -> None:
    body = Gateway().report(imei=None)
    body["modem"] |= {"imeisv": IMEI[:14] + "05", "read": {"imeisv": "ok"}}
    assert parsed(body).imei == IMEI
