"""Parsing and validation of reports: the example reports, and values that are not used."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from modemagent.errors import ReportError
from modemagent.registry.envelope import open_envelope, valid_report
from modemagent.registry.history.readings import PlaceReading, Seen, read_place
from modemagent.registry.validation import ValidReport, parse_report
from modemagent.report.message import canonical_body
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
    assert parsed(body).report_id == body["report_id"]


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


def outcome(read: Callable[[bytes], ValidReport], raw: bytes) -> object:
    try:
        return read(raw)
    except ReportError as error:
        return str(error)


def mutations(value: Any) -> Iterator[Any]:
    """Yield copies of a JSON value in which one inner value is another."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from ({**value, key: other} for other in mutations(inner))
            yield {name: other for name, other in value.items() if name != key}
    elif isinstance(value, list):
        for at, inner in enumerate(value):
            yield from ([*value[:at], other, *value[at + 1 :]] for other in mutations(inner))
    yield from (None, 7, -1, 2**63, 0.5, True, "", "ok", "absent", "\n", "x" * 300, [], {}, [7])


@pytest.mark.parametrize("path", FIXTURES, ids=lambda path: path.stem)
def test_both_parsers_agree_about_every_mutation(path: Path) -> None:
    seen = set()
    for body in mutations(json.loads(path.read_text())):
        if isinstance(body, dict):
            raw = canonical_body(body)
            expected = outcome(parse_report, raw)
            seen.add(type(expected))
            try:
                is_open = open_envelope(raw).error is None
            except ReportError:
                is_open = False
            if is_open:
                assert outcome(valid_report, raw) == expected, raw
            else:
                assert isinstance(expected, str), raw
    assert seen == {str, ValidReport}
