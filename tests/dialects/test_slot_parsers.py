"""Slot lines of the makers, as the sources show them."""

from __future__ import annotations

import pytest

from modemagent.dialects.parsers import parse_value
from modemagent.dialects.slot_parsers import SLOT_PARSERS
from modemagent.modem.slots import slots_of

CASES = [
    # Quectel: trace quectel-rm500u-cnv; the 5G manual's example has another label
    ("slot_number", "AT+QUIMSLOT?", "+QUIMSLOT: 1", "unknown*"),
    ("slot_number", "AT+QUIMSLOT?", "+QUIMSLOT: 2", "unknown,unknown*"),
    ("slot_number", "AT+QUIMSLOT?", "+QUSIMSLOT: 1", "unknown*"),
    ("slot_number", "AT+QUIMSLOT?", "+QUIMSLOT: (1,2)", None),
    ("slot_number", "AT+QUIMSLOT?", "+QUIMSLOT: 0", None),
    ("slot_count", "AT+QUIMSLOT=?", "+QUIMSLOT: (1,2)", "2"),
    ("slot_count", "AT+QUIMSLOT=?", "+QUIMSLOT: (1-2)", "2"),
    ("slot_count", "AT+QUIMSLOT=?", "+QUIMSLOT: (1)", "1"),
    ("slot_count", "AT+QUIMSLOT=?", "+QUIMSLOT: 1", None),
    ("slot_count", "AT+QUIMSLOT=?", "+QUIMSLOT: (1-4000000000)", None),
    # Quectel EC800, EG915, EM06: host software and its tests
    ("slot_index_of_two", "AT+QDSIM?", "+QDSIM: 0", "unknown*,unknown"),
    ("slot_index_of_two", "AT+QDSIM?", "+QDSIM: 1", "unknown,unknown*"),
    ("slot_index_of_two", "AT+QDSIM?", "+QDSIM: 2", None),
    # Luat: 780E SIM guide; host software shows a second field
    ("slot_index_of_two", "AT+SIMCROSS?", "+SIMCROSS:1", "unknown,unknown*"),
    ("slot_index_of_two", "AT+SIMCROSS?", "+SIMCROSS: 0,1", "unknown*,unknown"),
    # Fibocom: trace fibocom-fm350-gl; FM160 notes
    ("slot_index_of_two", "AT+GTDUALSIM?", '+GTDUALSIM : 0, "SUB1", "L"', "unknown*,unknown"),
    ("slot_index_of_two", "AT+GTDUALSIM?", '+GTDUALSIM: 1,"SUB2","LTE"', "unknown,unknown*"),
    ("slot_index_of_two", "AT+GTDUALSIM?", '+GTDUALSIM: 0,"SUB1","NO SERVICE"', "unknown*,unknown"),
    ("slot_index_of_two", "AT+GTDUALSIM?", '+GTDUALSIM: 0,"SUB2","LTE"', None),
    # Sierra: trace sierra-em7455b; 3 chooses by itself and tells what it chose
    ("slot_uims", "AT!UIMS?", "!UIMS: 0", "unknown*,unknown"),
    ("slot_uims", "AT!UIMS?", "!UIMS: 1", "unknown,unknown*"),
    ("slot_uims", "AT!UIMS?", "!UIMS: 3,1", "unknown,unknown*"),
    ("slot_uims", "AT!UIMS?", "!UIMS: 3", None),
    # MeiG: trace meig-slm770a in both states; SRM810 shows the slot not in use as empty
    ("slot_pairs", "AT^SIMSLOT?", "^SIMSLOT: 1,1,1,0", "present*,present"),
    ("slot_pairs", "AT^SIMSLOT?", "^SIMSLOT: 1,0,1,1", "present,present*"),
    ("slot_pairs", "AT^SIMSLOT?", "^SIMSLOT: 1,1,0,0", "present*,unknown"),
    ("slot_pairs", "AT^SIMSLOT?", "^SIMSLOT: 0,0,1,1", "unknown,present*"),
    ("slot_pairs", "AT^SIMSLOT?", "^SIMSLOT: 1,0,0,1", "present,absent*"),
    ("slot_pairs", "AT^SIMSLOT?", "^SIMSLOT: 1,1,1,1", None),
    ("slot_pairs", "AT^SIMSLOT?", "^SIMSLOT: 1,2", None),
    # SIMCom: QModem; with three fields (SIM8380) their meaning is not known
    ("slot_second_field", "AT+SMSIMCFG?", "+SMSIMCFG: 1,1", "unknown*,unknown"),
    ("slot_second_field", "AT+SMSIMCFG?", "+SMSIMCFG: 1,2", "unknown,unknown*"),
    ("slot_second_field", "AT+SMSIMCFG?", "+SMSIMCFG: 1,2,0", None),
    # Neoway and Telit: QModem
    ("slot_number", "AT+SIMCROSS?", "+SIMCROSS: 1,0", "unknown*"),
    ("slot_third_index", "AT#QSS?", "#QSS: 2,3,1", "unknown,unknown*"),
    ("slot_third_index", "AT#QSS?", "#QSS: 2,3", None),
    ("slot_third_index", "AT#QSS?", "#QSS: 2,3,", None),
    # Foxconn: T99W175 command notes
    ("slot_enabled", "AT^SWITCH_SLOT?", "SIM1 ENABLE", "unknown*,unknown"),
    ("slot_enabled", "AT^SWITCH_SLOT?", "SIM2 ENABLE", "unknown,unknown*"),
    ("slot_enabled", "AT^SWITCH_SLOT?", "SIM2 DISABLE", None),
]


@pytest.mark.parametrize(("shape", "command", "line", "expected"), CASES)
def test_parsed_values(shape: str, command: str, line: str, expected: str | None) -> None:
    assert parse_value(shape, line, command=command).value == expected


def test_every_parser_has_valid_and_invalid_cases() -> None:
    assert {shape for shape, *_, expected in CASES if expected} == set(SLOT_PARSERS)
    assert {shape for shape, *_, expected in CASES if expected is None} == set(SLOT_PARSERS)


@pytest.mark.parametrize(
    "said", sorted({said for shape, *_, said in CASES if said and shape != "slot_count"})
)
def test_slot_texts_are_valid_for_slots_of(said: str) -> None:
    slots = slots_of(said)
    assert len(slots) == said.count(",") + 1
    assert [slot.active for slot in slots].count(True) == 1


@pytest.mark.parametrize("shape", sorted(SLOT_PARSERS))
def test_other_lines_have_no_slots(shape: str) -> None:
    for line in ("+CSQ: 1,1", "+CPIN: READY", "+CREG: 0,1", "", "OK", '+CGREG: 0,1,"1","1"'):
        assert parse_value(shape, line, command="AT+X?").value is None, line
