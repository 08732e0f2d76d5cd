"""Responses to ``AT+CPIN?``: a lock of the module is never taken for a code of the SIM."""

from __future__ import annotations

import pytest

from modemagent.at.pin_state import Lock
from modemagent.at.results import parse_final
from modemagent.at.steps import Response
from modemagent.dialects.parsers import parse_value
from modemagent.identity.snapshot import SimState
from modemagent.modem.sim_state import PendingState, state_of, state_of_refusal

KINDS = {
    "NET": "network",
    "NETSUB": "network_subset",
    "SP": "service_provider",
    "CORP": "corporate",
    "SIM": "sim",
    "FSIM": "first_sim",
}
LOCKS = [
    *((f"PH-{word} {code}", kind, code) for word, kind in KINDS.items() for code in ("PIN", "PUK")),
    ("PH_NET PIN", "network", "PIN"),
    ("PH-NETWORK PIN", "network", "PIN"),
    ("PH-NET1 PUK", "network", "PUK"),
    ("PH-SIMLOCK", "sim", "PIN"),
    ("PH_SIMLOCK PIN", "sim", "PIN"),
    ("ph-netsub puk", "network_subset", "PUK"),
    ('"PH-SP PIN"', "service_provider", "PIN"),
    ("PH-NET-PIN", "network", "PIN"),
    ("PH-XY PUK", None, "PUK"),
]
REFUSALS = [
    ("5", "sim", "pin"),
    ("6", "first_sim", "pin"),
    ("7", "first_sim", "puk"),
    ("40", "network", "pin"),
    ("41", "network", "puk"),
    ("42", "network_subset", "pin"),
    ("43", "network_subset", "puk"),
    ("44", "service_provider", "pin"),
    ("45", "service_provider", "puk"),
    ("46", "corporate", "pin"),
    ("47", "corporate", "puk"),
    ("PH-SIM PIN required", "sim", "pin"),
    ("PH-FSIM PUK required", "first_sim", "puk"),
    ("network personalization PIN required", "network", "pin"),
    ("Network subset personalisation PUK required", "network_subset", "puk"),
    ("PH-NET PIN required", "network", "pin"),
    ("PH_CORP PUK", "corporate", "puk"),
]


@pytest.mark.parametrize(("word", "kind", "code"), LOCKS)
def test_codes_of_a_module_lock(word: str, kind: str | None, code: str) -> None:
    found = parse_value("sim_state", f"+CPIN: {word}", command="AT+CPIN?")
    assert found.value is not None
    assert state_of(found.value) == Lock(kind, code.lower())


@pytest.mark.parametrize(("reason", "kind", "code"), REFUSALS)
def test_errors_of_a_module_lock(reason: str, kind: str, code: str) -> None:
    final = parse_final(f"+CME ERROR: {reason}")
    assert state_of_refusal(Response("AT+CPIN?", (), final)) == Lock(kind, code)


@pytest.mark.parametrize(
    ("line", "state"),
    [
        ("+CPIN: SIM PIN", SimState.PIN_REQUIRED),
        ('+CPIN: "sim puk"', SimState.PUK_REQUIRED),
        ("+CPIN: SIM PIN2", SimState.READY),
        ("+CPIN: SIM PUK2", SimState.READY),
        ("+CPIN: READY 0", SimState.READY),
        ("+CPIN: PUK", SimState.PUK_REQUIRED),
        ("+CPIN: EMPTY_EUICC", SimState.NO_PROFILE),
        ('+CPIN: "SIM REMOVED"', SimState.ABSENT),
        ("+CPIN: SIM REMOVED 0", SimState.ABSENT),
        ("+CPIN: SIM REMOVED,1", SimState.ABSENT),
        ("+CPIN: SIM not inserted", SimState.ABSENT),
        ("+CPIN: NO SIM", SimState.ABSENT),
        ("+CPIN: NO SIM CARD", SimState.ABSENT),
        ("+CPIN: NOT_INSERTED", SimState.ABSENT),
        ("+CPIN: NOT AVAILABLE", SimState.ABSENT),
        ("+CPIN: SIM DROP", SimState.ABSENT),
        ("+CPIN: NOT READY", PendingState.BUSY),
        ("+CPIN: SIM NOT READY", PendingState.BUSY),
        ("+CPIN: SIM BUSY", PendingState.BUSY),
        ("+CPIN: SIM FAILURE", PendingState.OFF_OR_FAILED),
        ("+CPIN: SIM ERROR", PendingState.OFF_OR_FAILED),
        ("+CPIN: SIM CRASH", PendingState.OFF_OR_FAILED),
        ("+CPIN: SIM WRONG", SimState.FAILURE),
        ("+CPIN: BLOCK", PendingState.BLOCKED),
        ("+CPIN: SIM PUK BLOCKED", PendingState.BLOCKED),
        ("+CPIN: UNKNOWN", PendingState.UNKNOWN),
        ("+CME ERROR: 262", PendingState.BLOCKED),
        ("+CME ERROR: SIM removed", SimState.ABSENT),
        ("+CME ERROR: SIM crash", PendingState.OFF_OR_FAILED),
        ("+CME ERROR: (U)SIM blocked", PendingState.BLOCKED),
        ("SIM ERROR", PendingState.OFF_OR_FAILED),
        ("ERROR: SIM NOT INSERTED", SimState.ABSENT),
        ("ERROR", PendingState.REFUSED),
        ("+CME ERROR: 11", SimState.PIN_REQUIRED),
        ("+CME ERROR: SIM PUK required", SimState.PUK_REQUIRED),
        ("+CME ERROR: 17", SimState.READY),
        ("+CME ERROR: SIM PUK2 required", SimState.READY),
        ("+CME ERROR: out of milk", PendingState.UNKNOWN),
    ],
)
def test_codes_of_the_sim(line: str, state: SimState | PendingState) -> None:
    final = parse_final(line)
    if final is not None:
        assert state_of_refusal(Response("AT+CPIN?", (), final)) is state
    else:
        assert state_of(parse_value("sim_state", line, command="AT+CPIN?").value or "") is state
