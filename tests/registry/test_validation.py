"""Parsing and validation of reports: the example reports, and values that are not used."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from modemagent.errors import ReportError
from modemagent.registry.envelope import Parts, open_envelope, open_parts
from modemagent.registry.history.readings import PlaceReading, Seen, read_place
from modemagent.registry.received import ReportOutline
from modemagent.registry.validation import ValidReport, valid_report
from modemagent.report.message import canonical_body
from tests.registry.conftest import EID, ICCID, IMEI, Body, Gateway, sim

FIXTURES = sorted((Path(__file__).parents[2] / "fixtures/reports/v1").glob("*.json"))


def parsed(body: Any) -> ValidReport:
    return valid_report(json.dumps(body).encode())


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


@pytest.mark.parametrize(
    ("modem", "slot", "expected"),
    [
        ({}, {}, True),
        ({"imei": IMEI[:-1] + "9"}, {}, False),
        ({"imei": IMEI[:-1] + "0"}, {}, False),
        ({"imei": None}, {}, False),
        ({"imeisv": IMEI[:14] + "05"}, {}, True),
        ({"imeisv": "8676980400000205"}, {}, False),
        ({"meid": "A0000012345678"}, {}, False),
        ({}, {"iccid": "8988303000000000011"}, False),
        ({}, {"eid": EID}, True),
        ({}, {"eid": EID[:-1] + "8"}, False),
    ],
)
def test_report_is_plain_if_no_rule_finds_fault_with_its_numbers(
    modem: Body, slot: Body, expected: bool
) -> None:
    body = Gateway().report()
    for part, values in ((body["modem"], modem), (body["sims"][0], slot)):
        part |= values
        part["read"] |= dict.fromkeys(values, "ok")
    assert parsed(body).is_plain is expected
    if values := {**modem, **slot}:
        for part in (body["modem"], body["sims"][0]):
            part["read"] |= {key: "failed" for key in values if key in part["read"]}
        assert parsed(body).is_plain, "no value is used that was not read"


def outcome(raw: bytes) -> object:
    try:
        return valid_report(raw)
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


@pytest.mark.parametrize("path", FIXTURES[::2], ids=lambda path: path.stem)
def test_both_decoders_agree_about_every_mutation(path: Path) -> None:
    seen = set()
    for body in mutations(json.loads(path.read_text())):
        if isinstance(body, dict):
            raw = canonical_body(body)
            found = outcome(raw)
            seen.add(type(found))
            half_a_pair = canonical_body({**body, "zz": "\ud800"})  # only one of them decodes it
            assert outcome(half_a_pair) == found, raw
            try:
                is_open = open_envelope(raw).error is None
            except ReportError:
                is_open = False
            assert is_open or isinstance(found, str), raw
    assert seen == {str, ValidReport}


@pytest.mark.parametrize("path", FIXTURES[::8], ids=lambda path: path.stem)
def test_reports_that_are_alike_have_the_same_parts(path: Path) -> None:
    example = json.loads(path.read_text())
    usual = {key: example[key] for key in example if key in ReportOutline.__struct_fields__}
    found: dict[int, set[Parts | None]] = defaultdict(set)
    for body in mutations(usual):
        for extra in ({}, {"sequence": 7, "report_id": "other", "uptime_ms": 1}):
            if isinstance(body, dict):
                try:
                    one = open_envelope(canonical_body({**body, **extra}))
                except ReportError:
                    continue
                if one.likeness:
                    assert one.parts is None
                    whole, alone = open_parts(one.raw, one), open_parts(one.raw)
                    assert (whole.digest, whole.wall_ms) == (alone.digest, alone.wall_ms)
                    assert whole.device_id == one.device_id or whole.error
                    found[one.likeness].add(whole.parts)
    assert all(len(parts) == 1 for parts in found.values())
    assert len(found) > 100 or not example.get("modem"), "heartbeats are decoded as a whole"


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({"network": {"registration": "denied"}}, True),
        ({"network": {"registration": "home"}}, False),
        ({"problems": [{"code": "imei.check_digit", "severity": "error"}]}, True),
        ({"problems": [{"code": "imsi.shared_mcc", "severity": "note"}]}, False),
    ],
)
def test_problems_and_denials_are_noteworthy(more: Body, expected: bool) -> None:
    raw = canonical_body(Gateway(extra=more).report("identified"))
    parts = open_parts(raw).parts
    assert parts is not None
    assert parts.noteworthy is expected


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("modem", [], "modem"),
        ("sims", [{"slot": "one"}], "sims.slot"),
        ("sims", [{"iccid": 8988}], "sims.iccid"),
        ("sims", [{"state": "\n"}], "sims.state"),
        ("modem", {"read": {"imei": 1}}, "modem.read.imei"),
        ("modem", {"model": "x" * 257}, "modem.model"),
        ("observed_at", "2026-02-30T00:00:00Z", "observed_at"),
        ("observed_at", "0001-01-01T00:00:00+23:59", "observed_at"),
        ("schema", 2, "schema"),
        ("reason", "curious", "reason"),
        ("sequence", 1 << 40, "sequence"),
        ("heartbeat_s", 0, "heartbeat_s"),
        ("reader", "\x7f", "reader"),
        ("port", {"path": ""}, "port.path"),
    ],
)
def test_error_names_the_key(key: str, value: object, expected: str) -> None:
    with pytest.raises(ReportError) as raised:
        parsed({**Gateway().report(), key: value})
    assert raised.value.key == expected
    assert expected in raised.value.message


def test_values_without_effect_may_be_anything() -> None:
    body = Gateway().report()
    expected = parsed(body)
    body["network"] = {"mcc": 262, "registration": [1 << 80]}
    body["problems"] = [{"code": 7, "field": {}}, {"code": "imsi.shared_mcc"}]
    body["sims"][0]["active"] = 1 << 80
    assert parsed(body) == expected
    assert open_envelope(canonical_body(body)).error is None
