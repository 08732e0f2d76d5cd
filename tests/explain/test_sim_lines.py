"""State of the SIM, attempts left, slots and functionality in the makers' own lines."""

from __future__ import annotations

import pytest

from modemagent.explain import explain

ATTEMPTS = [
    ("+CPINR: SIM PIN,3,3", "SIM PIN: 3 of 3 attempts left", ""),
    ("+CPINR: SIM PIN,1,3", "1 of 3 attempts left, the last one", "blocks the SIM card"),
    ("+CPINR: SIM PIN,0,3", "0 of 3 attempts left, blocked", "Ask the operator for the PUK"),
    ("+CPINR: SIM PUK,1,10", "the last one", "disables the SIM card for good"),
    ("+CPINR: SIM PUK,0,10", "blocked", "The SIM card is disabled for good"),
    ("+CPINR: SIM PIN2,0,3", "blocked", "fixed dialling only"),
    ('+CPINR: "PH-NET PIN",0,10', "blocked", "unlock code is blocked"),
    ('+QPINC: "SC",0,10', "PIN: 0 attempts left, blocked; PUK: 10", "for the PUK"),
    ('+QPINC: "P2",3,10', "PIN2: 3 attempts left; PUK2: 10", ""),
    # PIN, PIN2, PUK, PUK2
    ("+UPINCNT: 3,3,10,10", "PIN: 3 attempts left; PIN2: 3", ""),
    ("+UPINCNT: 0,3,10,10", "PIN: 0 attempts left, blocked", "for the PUK"),
    ("+UPINCNT: 0,3,1,10", "PUK: 1 attempt left, the last one", "next wrong PUK"),
    ("+UPINCNT: 0,0,0,0", "0 attempts left for every code", "without a SIM"),
    ("+CPINC: 1,3,10,10", "PIN: 1 attempt left", "next wrong PIN"),
    ("+EPINC: 3, 3, 10, 10", "PUK: 10", ""),
    ("+XPINCNT: 2,3,10,10", "PIN: 2 attempts left", ""),
    # PIN, PUK, PIN2, PUK2
    ("+SPIC: 3,10,0,10", "PIN2: 0 attempts left, blocked", "fixed dialling only"),
    ("+SPIC: 1", "PIN: 1 attempt left, the last one", "next wrong PIN"),
    ("%CPININFO: 3, 10, 3, 10", "PUK: 10 attempts left; PIN2: 3", ""),
    ("*EPIN: 0,10,3,10", "PIN: 0 attempts left", "for the PUK"),
    ("_OERCN: 3, 10", "PIN: 3 attempts left; PUK: 10", ""),
    # the code that is required now
    ("^SPIC: 3", "required code: 3 attempts left", ""),
    ("^SPIC: 0", "blocked", "AT+CPIN?"),
    ("^SPIC: SIM PIN", "SIM PIN", ""),
    ("#PCT: 1", "the last one", "next wrong code"),
    # Huawei: code, times, PUK, PIN, PUK2, PIN2
    ("^CPIN: SIM PIN,1,10,1,10,3", "requires its PIN; PIN: 1 attempt left", "next wrong PIN"),
    ("^CPIN: READY,,10,3,10,3", "PIN: 3 attempts left; PUK: 10", ""),
]


@pytest.mark.parametrize(("line", "words", "advice"), ATTEMPTS)
def test_attempts_left(check, line, words, advice):
    check("", line, {}, words, advice)


@pytest.mark.parametrize("line", [line for line, words, _ in ATTEMPTS if "blocked" in words])
def test_blocked_code_is_not_called_the_last_attempt(line):
    found = explain("", line)
    assert found is not None
    assert "the next wrong" not in str(found.get("remedy", ""))


@pytest.mark.parametrize(
    ("line", "words", "advice"),
    [
        ("+CPIN: EMPTY_EUICC", "the eUICC has no profile", "profile"),
        ("+CPIN: SIM CRASH", "the SIM failed", "another SIM card"),
        ("+CPIN: SIM ERROR", "the SIM failed", "read again"),
        ("+CPIN: SIM FAILURE", "the SIM failed", "read again"),
        ("+CPIN: BLOCK", "the SIM failed", "another SIM card"),
        ("+CPIN: BLOCKED", "blocked for good", "another SIM card"),
        ("+CPIN: SIM REMOVED", "the SIM was removed", "Insert"),
        ("+CPIN: SIM not inserted", "no SIM", "Reinsert"),
        ("+CPIN: ABSENT", "no SIM", "Reinsert"),
        ("+CPIN: SIM PIN", "requires its PIN", "Enter the PIN"),
        ("+CPIN: SIM BUSY", "the SIM is starting", ""),
        ("+QSIMSTAT: 0,0", "no SIM", "detection switch"),
        ("+CFUN: 5", "factory test mode: the radio is off", "IMEI"),
        ("+CFUN: 7", "offline mode: the radio is off", "Restart"),
        ("+CFUN: 0", "minimum functionality", "AT+CFUN=1"),
        ("+QSIMDET: 0,0", "detection of an inserted SIM is off", ""),
        ("+UUICC: 1", "USIM", ""),
        ("^SIND: simstatus,2,5", "the SIM is ready", ""),
        ("^SIND: simstatus,2,0", "no SIM", ""),
        ("^SIND: rssi,2,3", "rssi: 3", ""),
        ("+CIEV: simstatus,3", "simstatus is now 3: the SIM requires PIN or PUK", ""),
    ],
)
def test_states(check, line, words, advice):
    check("", line, {}, words, advice)


SLOTS = [
    ("+QUIMSLOT: 2", 2, "slot 2 is active"),
    ("!UIMS: 0", 1, "slot 1 is active"),
    ("!UIMS: 1", 2, "slot 2 is active"),
    ("!UIMS: 3,1", 2, "slot 2 is active, selected automatically"),
    ("+QDSIM: 0", 1, "slot 1 is active"),
    ("+GTDUALSIM: 1", 2, "slot 2 is active"),
    ('+GTDUALSIM : 1, "SUB2", "NO SERVICE"', 2, "slot 2 is active, no service"),
    ('+GTDUALSIM : 0,"SUB1","LTE"', 1, "slot 1 is active, lte"),
    ('+GTDUALSIM : 0,"SUB2","LTE"', None, "the number means slot 1, the name SUB2 slot 2"),
    ("+SWITCH_SLOT: SIM2 ENABLE", 2, "slot 2 is active"),
    ("^SWITCH_SLOT: SIM1 DISABLE", None, "slot 1 is not in use"),
    ("+SWITCH_SLOT: 0", 1, "slot 1 is active"),
    ("+SMSIMCFG: 1,2", 2, "slot 2 is active"),
    ("+SMSIMCFG: 1,2,0", None, "slot 2, state 0"),
    ("+SIMCROSS: 0", None, "slot 1 is active"),
    ("+SIMCROSS: 2", None, "slot 2 is active"),
    ("^SIMSLOT: 1,1,1,0", 1, "slot 1 is active, SIM inserted; SIM in slot 2"),
    ("^SIMSLOT: 0,0,0,1", 2, "slot 1 not known; slot 2 is active, no SIM"),
    ("+QUIMSLOT: (1,2)", None, "the command accepts (1,2)"),
]


@pytest.mark.parametrize(("line", "slot", "words"), SLOTS)
def test_slots_are_counted_from_one(check, line, slot, words):
    check("", line, {"slot": slot}, words)


@pytest.mark.parametrize("line", ["!UIMS: 9", "+QUIMSLOT: 0", "^SIMSLOT: 1,2,3,4", "+SIMCROSS: 7"])
def test_other_slot_numbers_are_unknown(line):
    assert explain("AT", line) is None


def test_test_form_lists_the_accepted_values(check):
    check("AT+CFUN=?", "+CFUN: (0,1,4),(0,1)", {}, "the command accepts (0,1,4)")
