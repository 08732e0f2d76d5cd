"""SIM slot states and the default behaviour of a modem in each, for lines no transcript holds."""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import StrEnum

from modemagent.at.transcript import Unsolicited
from modemagent.simulator.script import urc_text


class SlotState(StrEnum):
    """The state of the simulated SIM slot."""

    READY = "ready"
    ABSENT = "absent"
    PIN = "pin"
    PUK = "puk"
    FAILURE = "failure"
    BUSY = "busy"
    OFF = "off"


#: +CME ERROR number and text for a SIM that is not ready (3GPP TS 27.007 clause 9.2).
SIM_ERRORS = {
    SlotState.ABSENT: (10, "SIM not inserted"),
    SlotState.PIN: (11, "SIM PIN required"),
    SlotState.PUK: (12, "SIM PUK required"),
    SlotState.FAILURE: (13, "SIM failure"),
    SlotState.OFF: (13, "SIM failure"),
    SlotState.BUSY: (14, "SIM busy"),
}

#: Conditions that end by themselves: how often each recorded response is given before the normal
#: one. ``booting`` is not among them: its responses are given once each, in the recorded order.
PASSING = {
    "seconds after CFUN=1": 2,
    "sim not up yet": 2,
    "initialising": 2,
    "sim busy after unlock": 3,
}
#: Conditions in which every command gets the recorded response.
FOR_ALL_COMMANDS = frozenset(("initialising", "port 02 (DIAG)", "wrong baud rate"))
BOOTING = "booting"

_SLOT_STATES: Sequence[tuple[re.Pattern[str], SlotState]] = (
    (re.compile(r"^no sim\b", re.I), SlotState.ABSENT),
    (re.compile(r"\bpuk\b", re.I), SlotState.PUK),
    (re.compile(r"\bpin\b", re.I), SlotState.PIN),
    (re.compile(r"^(sim )?busy\b", re.I), SlotState.BUSY),
    (re.compile(r"^(sim )?failure\b", re.I), SlotState.FAILURE),
    (re.compile(r"\bCFUN=0\b", re.I), SlotState.OFF),
)

_READS_ICCID = re.compile(r"AT[+^#%!$*](\w*ICCID|\w*CCID|SCID)\b", re.I)
_NEEDS_SIM = re.compile(
    r"AT[+^#%!$*](CIMI|CRSM|CSIM|CCHO|CGLA|CCHC|QESIM|CPB[RWS]|CNUM|CSCA|CPMS|CMG[LRSW]|CPOL)\b",
    re.I,
)

_SIM_REMOVED = re.compile(
    r"NOT READY|NOT INSERTED|simstatus,0|SCKS ?: ?0|#QSS: 0|WIND: 0|XSIM: 0|QSIMSTAT ?: ?\d,0"
    r"|SIM: Removed|SIM DROP|SIMST: ?255|UUSIMSTAT: ?0",
)
_SIM_INSERTED = re.compile(
    r"CPIN: READY|QUSIM: 1|simstatus,[15]|SCKS ?: ?1|#QSS: [13]|WIND: 1|XSIM: 1"
    r"|QSIMSTAT ?: ?\d,1|SIM: Inserted|SIM READY|SIMST: ?1|UUSIMSTAT: ?6|EMRDY: 1",
)
#: How a transcript describes a line whose text matches none of the patterns above.
_WHEN_REMOVED = re.compile(r"^\w+ (pulled|removed)", re.I)
_WHEN_INSERTED = re.compile(r"^\w+ inserted", re.I)
_AT_BOOT = re.compile(r"boot|power-up|after RDY|has been read|initialis|seconds later", re.I)
_NOT_THIS_BOOT = re.compile(r"without |airplane|factory|TOBY|SIMconfig", re.I)


def slot_state_of(condition: str) -> SlotState:
    """Return the slot state that a condition of a transcript means.

    >>> slot_state_of("no sim, CMEE=2"), slot_state_of("other firmware")
    (<SlotState.ABSENT: 'absent'>, <SlotState.READY: 'ready'>)
    """
    for pattern, state in _SLOT_STATES:
        if pattern.search(condition):
            return state
    return SlotState.READY


def sim_response(key: str, state: SlotState, cmee: int) -> str | None:
    """Return the response that the state of the slot causes, None if the state has no effect.

    The ICCID of a locked SIM stays readable, as on most modules.
    """
    if state is SlotState.READY:
        return None
    is_locked = state in (SlotState.PIN, SlotState.PUK)
    if key == "AT+CPIN?" and is_locked:
        return f"+CPIN: SIM {state.value.upper()}\r\n\r\nOK"
    if (
        key != "AT+CPIN?"
        and not _NEEDS_SIM.match(key)
        and not (_READS_ICCID.match(key) and not is_locked)
    ):
        return None
    number, text = SIM_ERRORS[state]
    return ("ERROR", f"+CME ERROR: {number}", f"+CME ERROR: {text}")[cmee]


def sim_urcs(urcs: Sequence[Unsolicited], *, present: bool) -> list[Unsolicited]:
    """Return the URCs of this module for a SIM inserted or removed, each wording once."""
    text, when = (_SIM_INSERTED, _WHEN_INSERTED) if present else (_SIM_REMOVED, _WHEN_REMOVED)
    matching = [u for u in urcs if text.search(urc_text(u))]
    matching = matching or [u for u in urcs if when.search(u.when)]
    found = {urc_text(u).replace(" ", ""): u for u in reversed(matching)}
    return [u for u in urcs if u in found.values()]


def boot_urcs(urcs: Sequence[Unsolicited]) -> list[Unsolicited]:
    """Return the URCs of this module during start-up, in the recorded order."""
    return [u for u in urcs if _AT_BOOT.search(u.when) and not _NOT_THIS_BOOT.search(u.when)]
