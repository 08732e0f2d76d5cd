"""Case tables of the rules: what a history must and must not show."""

from __future__ import annotations

import pytest

from modemagent.identity.checkdigits import luhn_digit
from modemagent.registry.rules.altered import altered
from modemagent.registry.rules.catalogue import CATALOGUE, OF_PLACES, OF_UNITS, severity_of
from modemagent.registry.rules.changes import changes
from modemagent.registry.rules.churn import churn
from modemagent.registry.rules.denied import denied, is_denied
from modemagent.registry.rules.firmware import firmware
from modemagent.registry.rules.flapping import flapping
from modemagent.registry.rules.inputs import (
    ModemFacts,
    PairChange,
    PairState,
    ReportMoment,
    RuleFinding,
    StayNumbers,
    UnitHistory,
)
from modemagent.registry.rules.numbers import numbers
from modemagent.registry.rules.silent import silent_since
from modemagent.registry.rules.values import values

HOUR = 3_600_000
IMEI = "867698040000013"
ICCID = "8988303000000000010"
NOW = 1_800_000_000_000


def checked(digits: str) -> str:
    return digits + luhn_digit(digits)


def at(hours: float, sequence: int = 1) -> ReportMoment:
    date = NOW + round(hours * HOUR)
    return ReportMoment(1, sequence, date, date)


def swap(hours: float, old: int, new: int, slot: int = 1, kind: str = "sim.swapped") -> PairChange:
    return PairChange(kind, at(hours), PairState(1, 1, slot, old), PairState(1, 1, slot, new))


def removal(hours: float, slot: int = 1) -> PairChange:
    return PairChange("sim.removed", at(hours), PairState(1, 1, slot, 1), PairState(1, 1))


def unit(*changed: PairChange, number: str = IMEI, **values: object) -> UnitHistory:
    kind = "imei" if len(number) == 15 else "iccid"
    return UnitHistory(kind, number, changes=changed)._replace(**values)  # type: ignore[arg-type]


def brief(found: list[RuleFinding]) -> list[tuple[str, str, bool]]:
    return [(one.rule, one.part, one.is_late) for one in found]


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ([], []),
        ([PairChange("modem.first_seen", at(0)), PairChange("modem.removed", at(1))], []),
        ([swap(1, 1, 2)], [("sim.swapped", "1", False)]),
        ([swap(1, 1, 2), swap(2, 1, 2, slot=2)],
         [("sim.swapped", "1", False), ("sim.swapped", "2", False)]),
        ([swap(1, 1, 2), swap(2, 2, 1)], [("sim.swapped", "1", True), ("sim.swapped", "1", False)]),
        ([swap(1, 1, 2), removal(2)], [("sim.swapped", "1", True)]),
        ([swap(1, 1, 2), removal(2, slot=2)], [("sim.swapped", "1", False)]),
        ([swap(1, 1, 2), swap(2, 2, 2, kind="sim.imsi_switched")],
         [("sim.swapped", "1", False), ("sim.imsi_switched", "1", False)]),
        ([swap(1, 1, 2, kind="sim.profile_switched"), swap(2, 2, 3)],
         [("sim.profile_switched", "1", True), ("sim.swapped", "1", False)]),
        ([PairChange("modem.moved", at(1)), PairChange("modem.removed", at(2))],
         [("modem.moved", "", False)]),
        ([PairChange("modem.moved", at(1)), PairChange("modem.moved", at(2))],
         [("modem.moved", "", True), ("modem.moved", "", False)]),
        ([PairChange("modem.swapped", at(1)), PairChange("modem.moved", at(2))],
         [("modem.swapped", "", True), ("modem.moved", "", False)]),
        ([PairChange("sim.moved", at(1))], [("sim.moved", "", False)]),
    ],
)  # fmt: skip
def test_changes(changed: list[PairChange], expected: list[tuple[str, str, bool]]) -> None:
    assert brief([*changes(unit(*changed))]) == expected


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ([swap(1, 1, 2), swap(2, 2, 3)], []),
        ([swap(1, 1, 2), swap(2, 2, 3), swap(3, 3, 4)], [3]),
        ([swap(1, 1, 2), swap(2, 2, 3), swap(3, 3, 4), swap(4, 4, 5)], [3]),
        ([swap(1, 1, 2), swap(2, 2, 3), swap(26, 3, 4)], []),
        ([swap(1, 1, 2), swap(2, 2, 3), swap(25, 3, 4)], [25]),
        ([swap(1, 1, 2), swap(2, 2, 1), swap(3, 1, 2), swap(4, 2, 1)], []),
        ([swap(1, 1, 2), swap(2, 2, 3, slot=2), swap(3, 2, 4)], []),
        ([swap(1, 1, 2, kind="sim.profile_switched"), swap(2, 2, 3), swap(3, 3, 4)], [3]),
        ([swap(1, 1, 2), swap(2, 2, 3), swap(3, 3, 4),
          swap(101, 4, 5), swap(102, 5, 6), swap(103, 6, 7)], [3, 103]),
    ],
)  # fmt: skip
def test_churn(changed: list[PairChange], expected: list[int]) -> None:
    found = [*churn(unit(*changed))]
    assert [(one.at.hi_ms - NOW) / HOUR for one in found] == expected
    assert {one.part for one in found} <= {"1"}


def fact(hours: float, firmware: str = "A", **values: str) -> ModemFacts:
    return ModemFacts(at(hours), "Quectel", "EG25-G", firmware)._replace(**values)


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ([fact(1)], []),
        ([fact(1), fact(2, "B")], [(2, False)]),
        ([fact(1), fact(2, "B"), fact(3, "A")], [(2, True), (3, False)]),
        ([fact(1), fact(2, ""), fact(3, "A")], []),
        ([fact(1, ""), fact(2, "A")], []),
        # ModemManager names maker, model and firmware differently
        ([fact(1), fact(2, "1 [Nov 2025]", manufacturer="QUALCOMM INCORPORATED"), fact(3)], []),
        ([fact(1, imeisv="8676980400000101"), fact(2, imeisv="8676980400000102")], [(2, False)]),
        ([fact(1, imeisv="8676980400000101"), fact(2), fact(3, imeisv="8676980400000101")], []),
    ],
)
def test_firmware(facts: list[ModemFacts], expected: list[tuple[int, bool]]) -> None:
    found = [*firmware(unit(facts=tuple(facts)))]
    assert [((one.at.hi_ms - NOW) / HOUR, one.is_late) for one in found] == expected


def test_firmware_of_a_shared_imei_is_not_compared() -> None:
    assert [*firmware(unit(facts=(fact(1), fact(2, "B")), is_shared=True))] == []


@pytest.mark.parametrize(
    ("before", "now", "eids", "imeis", "travels", "expected"),
    [
        ("S1", "S1", (None, None), 2, False, True),
        ("S1", "S1", (None, None), 3, False, False),  # a filler
        ("S1", "S2", (None, None), 2, False, False),
        (None, None, (None, None), 0, False, False),
        (None, None, (7, 7), 0, False, True),
        ("S1", "S2", (7, 7), 2, False, False),
        (None, None, (7, 7), 0, True, False),
        (None, None, (7, 8), 0, False, False),
    ],
)
def test_altered(
    before: str | None,
    now: str | None,
    eids: tuple[int | None, int | None],
    imeis: int,
    travels: bool,
    expected: bool,
) -> None:
    old, new = (PairState(1, number, eid=eid) for number, eid in enumerate(eids, 1))
    history = unit(
        PairChange("modem.swapped", at(1), old, new),
        facts=(fact(1)._replace(serial_number=now),),
    )
    earlier = (fact(0)._replace(serial_number=before),)
    found = [*altered(history, lambda _: earlier, lambda _: imeis, lambda _: travels)]
    assert brief(found) == ([("imei.altered", "", False)] if expected else [])
    assert {one.grade for one in found} <= {"possible" if eids[0] else None}


def test_other_model_with_the_serial_number_is_not_altered() -> None:
    change = PairChange("modem.swapped", at(1), PairState(1, 1), PairState(1, 2))
    history = unit(change, facts=(fact(1, serial_number="S1", model="EC25"),))
    earlier = (fact(0, serial_number="S1"),)
    assert [*altered(history, lambda _: earlier, lambda _: 2, lambda _: False)] == []


FIRST = PairChange("modem.first_seen", at(0))


@pytest.mark.parametrize(
    ("history", "expected"),
    [
        (unit(FIRST), []),
        (unit(number=IMEI), []),
        (unit(FIRST, number=checked("00440012345678")), [("imei.test_tac", "")]),
        (unit(FIRST, number=ICCID), []),
        (unit(FIRST, number="8988303000000000011"), [("iccid.luhn", "")]),
        (unit(FIRST, number=ICCID, numbers=(StayNumbers(at(0), "001010000000001"),)),
         [("imsi.test_network", "imsi")]),
        (unit(FIRST, number=ICCID, numbers=(StayNumbers(at(0), "001010000000001"),
                                           StayNumbers(at(1), "901288000000001"))), []),
        (unit(FIRST, number=ICCID,
              numbers=(StayNumbers(at(0), None, "89049032123451234512345678901235"),)),
         [("eid.test_value", "eid")]),
        (unit(FIRST, facts=(fact(0, imeisv="8676980400000101"),)), []),
        (unit(FIRST, facts=(fact(0, imeisv="8676980400000199"),)),
         [("imeisv.svn_reserved", "imeisv")]),
        (unit(FIRST, facts=(fact(0, imeisv="8676980400000201"),)),
         [("cross.imei_imeisv_differ", "imeisv")]),
        (unit(FIRST, facts=(fact(0, meid="A0000012345678"),)), []),
        (unit(FIRST, number=checked("99000086247185"), facts=(fact(0, meid="A0000012345678"),)),
         [("cross.meid_imei_differ", "meid")]),
    ],
)  # fmt: skip
def test_numbers(history: UnitHistory, expected: list[tuple[str, str]]) -> None:
    assert [(one.rule, one.part) for one in numbers(history)] == expected


def read(kind: str, text: str, state: str = "ok") -> dict[str, object]:
    return {kind: text, "read": {kind.removesuffix("_raw"): state}}


@pytest.mark.parametrize(
    ("report", "expected"),
    [
        ({}, []),
        ({"modem": read("imei", IMEI)}, []),
        ({"modem": read("imei", "867698040000014")}, [("imei.check_digit", "imei")]),
        ({"modem": read("imei_raw", "867698040000014")}, [("imei.check_digit", "imei")]),
        ({"modem": read("imei", "867698040000014", "failed")}, []),
        ({"modem": {"imei_raw": 5, "read": {"imei": "ok"}}}, []),
        ({"modem": read("imei", "867698040000014"), "reason": "removed"}, []),
        ({"modem": read("imei", "867698040000010")}, [("imei.spare_digit", "imei")]),
        ({"modem": read("imei", "86769804000001")}, []),  # a note
        ({"modem": read("imei", "000000000000000")}, [("imei.placeholder", "imei")]),
        ({"sims": [{"slot": 2, **read("iccid", "1234567890123456789")}]},
         [("iccid.non_telecom_mii", "2:iccid")]),
        ({"sims": [read("iccid", "8988303000000000011")]}, []),  # about the SIM, not the place
        ({"sims": [read("eid", "89044000000000000000000000000038")]},
         [("eid.check_digits", "1:eid")]),
    ],
)  # fmt: skip
def test_values(report: dict[str, object], expected: list[tuple[str, str]]) -> None:
    assert [(one.rule, one.part) for one in values(report, at(0))] == expected


@pytest.mark.parametrize(
    ("registration", "reason", "expected"),
    [
        ("denied", "refresh", True),
        ("denied", "removed", False),
        ("searching", "refresh", False),
        (None, "refresh", False),
    ],
)
def test_denial_of_a_report(registration: str | None, reason: str, expected: bool) -> None:
    network = {"registration": registration} if registration else None
    assert is_denied({"reason": reason, "network": network}) is expected


def test_network_of_an_unexpected_type_is_not_a_denial() -> None:
    assert not is_denied({"reason": "refresh", "network": ["denied"]})


@pytest.mark.parametrize(("hours", "expected"), [(0, 0), (23.9, 0), (24, 1), (200, 1)])
def test_denied(hours: float, expected: int) -> None:
    assert len([*denied(at(0), at(hours).hi_ms)]) == expected


@pytest.mark.parametrize(
    ("heartbeat_ms", "up_since", "expected"),
    [(HOUR, -1, 3), (HOUR, 2, 5), (None, -1, 72), (0, -1, 72)],
)
def test_silent_since(heartbeat_ms: int | None, up_since: int, expected: int) -> None:
    since = silent_since(NOW, heartbeat_ms, NOW + up_since * HOUR)
    assert (since - NOW) / HOUR == expected


@pytest.mark.parametrize(
    ("drops", "expected"),
    [((0, 4), []), ((5, 0), ["usb:1"]), ((9, 5), ["usb:1", "usb:2"])],
)
def test_flapping(drops: tuple[int, int], expected: list[str]) -> None:
    ports = [
        {"port_id": f"usb:{number}", "state": "watching", "drops": count}
        for number, count in enumerate(drops, 1)
    ]
    assert [one.part for one in flapping({"modems": ports}, at(0))] == expected
    assert [*flapping({}, at(0))] == []


def test_every_rule_is_in_the_catalogue() -> None:
    assert CATALOGUE.keys() >= OF_UNITS | OF_PLACES
    for name, row in CATALOGUE.items():
        assert row.severity in ("error", "warning", "note"), name
        assert row.sentence.endswith(".") and row.remedy.endswith("."), name


@pytest.mark.parametrize(
    ("rule", "grade", "severity"),
    [
        ("imei.duplicate", "certain", "error"),
        ("imei.duplicate", "possible", "warning"),
        ("modem.moved", None, "note"),
        ("iccid.luhn", None, "warning"),
        ("imei.check_digit", None, "error"),
    ],
)
def test_severity(rule: str, grade: str | None, severity: str) -> None:
    assert severity_of(rule, grade) == severity
