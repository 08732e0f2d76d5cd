"""The state of the SIM by the response to ``AT+CPIN?``.

Module locks, which are not a state of the SIM, are in :mod:`modemagent.at.pin_state`.

Sources: 3GPP TS 27.007 clauses 8.3 (codes) and 9.2 (CME errors). The makers' own words are from
the traces simcom-sim868, wavecom-multiband, quectel-eg25-g, zte-mf627, nordic-nrf9160,
fibocom-fm350-gl and luat-air780e; BLOCK and NO SIM from drivers of MediaTek and Neoway modules;
SIM ERROR and SIM CRASH from drivers of SIM900 and SIM800; SIM PUK BLOCKED from EigenComm's
AT sources.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import Enum

from modemagent.at.pin_state import CME_LOCKS, Lock, lock_of
from modemagent.at.steps import Response
from modemagent.identity.snapshot import SimState


class PendingState(Enum):
    """A response that does not settle the state by itself."""

    BUSY = "read again in a second"
    OFF_OR_FAILED = "AT+CFUN? decides"
    BLOCKED = "failed for good: wrong PUKs have blocked the SIM"
    REFUSED = "a bare ERROR: starting, absent, or not reported"
    UNKNOWN = "the SIM may work all the same"


#: What the words of a ``+CPIN`` code or of a maker's error text stand for, without
#: :data:`_SILENT_WORDS`.
_WORDS: Mapping[str, SimState | PendingState] = {
    "READY": SimState.READY,
    # PIN2 is for fixed dialling only; the numbers can be read.
    **dict.fromkeys(("PIN2", "PUK2", "PIN 2", "PUK 2"), SimState.READY),
    **dict.fromkeys(("PIN", "PIN1"), SimState.PIN_REQUIRED),
    **dict.fromkeys(("PUK", "PUK1", "PIN BLOCKED"), SimState.PUK_REQUIRED),
    **dict.fromkeys(("EMPTY EUICC", "EMPTY PROFILE", "NO PROFILE"), SimState.NO_PROFILE),
    **dict.fromkeys(
        (
            *("NO", "NOT INSERTED", "NOT PRESENT", "NOT DETECTED", "NOT AVAILABLE"),
            *("ABSENT", "REMOVED", "DROP", "DROPPED", "OUT", "MISSING"),
        ),
        SimState.ABSENT,
    ),
    **dict.fromkeys(
        ("BUSY", "NOT READY", "INIT", "INITIALIZING", "INITIALISING", "STARTING"),
        PendingState.BUSY,
    ),
    **dict.fromkeys(
        ("FAILURE", "FAILED", "FAIL", "ERROR", "CRASH", "CRASHED", "FAULT", "INVALID"),
        PendingState.OFF_OR_FAILED,
    ),
    "WRONG": SimState.FAILURE,
    **dict.fromkeys(
        ("BLOCK", "BLOCKED", "PUK BLOCKED", "PERM BLOCKED", "PERMANENTLY BLOCKED"),
        PendingState.BLOCKED,
    ),
    "POWERED DOWN": SimState.OFF,
}
#: Words that name the SIM card, or change nothing.
_SILENT_WORDS = frozenset(("SIM", "USIM", "UIM", "UICC", "U", "CARD", "IS", "REQUIRED"))

_CME: Mapping[int, SimState | PendingState] = {
    10: SimState.ABSENT,
    11: SimState.PIN_REQUIRED,
    12: SimState.PUK_REQUIRED,
    13: PendingState.OFF_OR_FAILED,
    14: PendingState.BUSY,
    15: SimState.FAILURE,
    17: SimState.READY,
    18: SimState.READY,
    262: PendingState.BLOCKED,  # SIMCom
    515: PendingState.BUSY,
    772: SimState.OFF,  # SIMCom: powered down
}


def state_of(code: str) -> SimState | Lock | PendingState:
    """Return the state that a ``+CPIN`` code, or a maker's error text, names.

    Case, separators, and the number of a slot behind the words are ignored.

    >>> state_of("SIM PIN").value, state_of("PH-NET PIN")
    ('pin_required', Lock(kind='network', code='pin'))
    >>> state_of("SIM REMOVED 0").value, state_of("EMPTY_EUICC").value
    ('absent', 'no_profile')
    """
    lock = lock_of(code)
    if lock is not None:
        return lock
    words = [word for word in re.findall("[A-Z0-9]+", code.upper()) if word not in _SILENT_WORDS]
    found = _WORDS.get(" ".join(words))
    if found is None and words and len(words[-1]) == 1 and words[-1].isdigit():
        found = _WORDS.get(" ".join(words[:-1]))
    return found or PendingState.UNKNOWN


def state_of_refusal(response: Response) -> SimState | Lock | PendingState:
    """Return the state that a final result other than OK, or its absence, stands for."""
    final = response.final
    if final is None:
        return PendingState.UNKNOWN
    if final.kind == "cme":
        if final.code is None:  # the maker's own text
            return state_of(final.text.partition(":")[2])
        return CME_LOCKS.get(final.code) or _CME.get(final.code, PendingState.UNKNOWN)
    if final.kind != "error":
        return PendingState.UNKNOWN
    # as "SIM ERROR" and "ERROR: SIM NOT INSERTED"
    text = final.text.upper().removeprefix("ERROR:")
    named = state_of(text) if "SIM" in text else PendingState.UNKNOWN
    return PendingState.REFUSED if named is PendingState.UNKNOWN else named
