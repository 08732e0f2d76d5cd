"""Case tables of the rules about cases, the inventory, labels and recalls."""

from __future__ import annotations

from typing import Any

import pytest

from modemagent.registry.assets.case_fields import CHECKLISTS, OUTCOMES, letter
from modemagent.registry.rules.catalogue import CATALOGUE
from modemagent.registry.rules.inputs import ModemFacts, ReportMoment
from modemagent.registry.rules.inventory import LASTS_MS, label_mismatch, not_in_inventory
from modemagent.registry.rules.recalled import RecallNotice, recalled
from modemagent.registry.rules.sighted import MissingSince, SightedReport, is_sighting, sighted
from modemagent.registry.store.assets import case_sightings
from modemagent.registry.store.evaluation import inventory
from tests.registry.conftest import IMEI, OTHER_IMEI

FIRST = ReportMoment(1, 1, 1000, 2000)
FACTS = ModemFacts(FIRST, "Quectel", "EG25-G", "EG25GGBR07A05M1G", "AB0150")


def test_every_rule_has_a_row_in_the_catalogue() -> None:
    assert CATALOGUE.keys() >= (case_sightings.RULES | inventory.RULES)
    assert CATALOGUE["case.sighted"].severity == "error"


@pytest.mark.parametrize(
    ("now_ms", "is_kept", "is_known", "expected"),
    [
        (2000 + LASTS_MS, True, False, True),
        (1999 + LASTS_MS, True, False, False),
        (2000 + LASTS_MS, True, True, False),
        (2000 + LASTS_MS, False, False, False),
    ],
)
def test_modem_without_asset_is_found_after_a_day(
    now_ms: int, is_kept: bool, is_known: bool, expected: bool
) -> None:
    found = [*not_in_inventory(FIRST, now_ms, is_kept=is_kept, is_known=is_known)]
    assert bool(found) == expected
    assert all((one.rule, one.at) == ("modem.not_in_inventory", FIRST) for one in found)


@pytest.mark.parametrize(
    ("labels", "expected"),
    [([], 0), ([IMEI], 0), ([IMEI[:14]], 0), ([OTHER_IMEI[:14]], 1), ([IMEI, OTHER_IMEI], 1)],
)
def test_label_is_compared_on_14_digits(labels: list[str], expected: int) -> None:
    found = [*label_mismatch(IMEI, labels, FIRST)]
    assert [one.rule for one in found] == ["imei.label_mismatch"] * expected


@pytest.mark.parametrize(
    ("criteria", "facts", "expected"),
    [
        ({"tac": "86769804"}, None, True),
        ({"tac": "86769805"}, FACTS, False),
        ({"model": "eg25*"}, FACTS, True),
        ({"model": "EG25"}, FACTS, False),
        ({"model": "EG25*"}, None, False),
        ({"firmware": "EG25GGBR07A05*"}, FACTS, True),
        ({"firmware": "EG25GGBR07A08*"}, FACTS, False),
        ({"manufacturer": "quectel", "model": "EC*"}, FACTS, False),
        ({"serial_first": "AB0100", "serial_last": "AB0199"}, FACTS, True),
        ({"serial_first": "ab0150", "serial_last": "AB0150"}, FACTS, True),
        ({"serial_first": "AB0151", "serial_last": "AB0199"}, FACTS, False),
        ({"serial_first": "AB01000", "serial_last": "AB01999"}, FACTS, False),
        ({"serial_first": "AB0100", "serial_last": "AB0199"}, None, False),
        ({"tac": "86769804", "serial_first": "AB0100", "serial_last": "AB0199"}, FACTS, True),
        ({"tac": "86769804", "firmware": "X*"}, FACTS, False),
    ],
)
def test_notice_concerns_what_fits_all_criteria(
    criteria: dict[str, str], facts: ModemFacts | None, expected: bool
) -> None:
    notice = RecallNotice(7, "recall", **criteria)
    found = [*recalled(IMEI, facts, [notice], FIRST)]
    assert [(one.rule, one.part) for one in found] == [("recall.matched", "recall:7")] * expected


def test_warranty_notice_is_a_note() -> None:
    (found,) = recalled(IMEI, None, [RecallNotice(7, "warranty", "86769804")], FIRST)
    assert found.severity == "note"
    (found,) = recalled(IMEI, None, [RecallNotice(7, "recall", "86769804")], FIRST)
    assert found.severity is None


@pytest.mark.parametrize(
    ("since_ms", "opened_ms", "hi_ms", "received_ms", "expected"),
    [
        (5000, 9000, 10_000, 10_000, True),
        (5000, 9000, 6000, 10_000, True),  # a late report from after the theft
        (5000, 9000, 4000, 10_000, False),  # from before it
        (5000, 9000, 6000, 8000, False),  # was known when the case was opened
    ],
)
def test_report_from_before_the_loss_is_not_a_sighting(
    since_ms: int, opened_ms: int, hi_ms: int, received_ms: int, expected: bool
) -> None:
    at = ReportMoment(1, 1, hi_ms - 100, hi_ms)
    assert is_sighting(MissingSince(1, since_ms, opened_ms), at, received_ms) == expected


def test_sightings_of_a_case_are_one_finding() -> None:
    late, early = ReportMoment(2, 7, 5000, 6000), ReportMoment(1, 9, 3000, 4000)
    reports = [SightedReport(4, late), SightedReport(4, early), SightedReport(5, late)]
    first, second = sighted(reports)
    assert (first.part, first.at) == ("case:4", early)
    assert first.evidence == ((0, 1, 9), (0, 2, 7))
    assert (second.part, second.at) == ("case:5", late)


def test_each_kind_has_outcomes_and_a_checklist() -> None:
    assert CHECKLISTS.keys() == OUTCOMES.keys()
    assert all(CHECKLISTS.values())


@pytest.mark.parametrize("kind", list(OUTCOMES))
def test_letter_has_the_facts_of_the_case(kind: str) -> None:
    case: dict[str, Any] = {
        "id": "17", "kind": kind, "operator": "Example Mobile", "opened_at": "2026-11-30T09:40:00Z",
        "happened_on": "2026-11-28", "place": "Hamburg depot", "police_reference": "17/26",
        "proof": "invoice 4711",
        "things": [
            {"kind": "imei", "number": IMEI, "model": "EG25-G", "serial_number": "AB0150"},
            {"kind": "iccid", "number": "8988*", "model": None, "serial_number": None},
        ],
    }  # fmt: skip
    text = letter(case)
    for word in ("Example Mobile", "case 17", f"IMEI {IMEI} (EG25-G, serial number AB0150)",
                 "ICCID 8988*", "2026-11-28", "17/26", "invoice 4711"):  # fmt: skip
        assert word in text
