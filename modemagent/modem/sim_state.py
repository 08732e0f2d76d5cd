"""What the answer to ``AT+CPIN?`` says about the card, as a table.

Locks of the module, which are no state of the card, are read by :mod:`modemagent.at.locks`.

Sources: 3GPP TS 27.007 clause 8.3 (codes) and 9.2 (CME errors); the maker's forms are from the
traces of simcom-sim868, wavecom-multiband, quectel-eg25-g, zte-mf627 and nordic-nrf9160.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

from modemagent.at.locks import CME_LOCKS, Lock, lock_of
from modemagent.at.steps import Response
from modemagent.identity.snapshot import SimState


class PendingState(Enum):
    """Answers that do not settle the state by themselves."""

    BUSY = "ask again in a second"
    OFF_OR_FAILED = "AT+CFUN? tells which"
    REFUSED = "a bare ERROR: starting, absent, or simply not told"
    UNKNOWN = "the card may be fine all the same"


_WORDS: Mapping[str, SimState | PendingState] = {
    "READY": SimState.READY,
    "SIM PIN": SimState.PIN_REQUIRED,
    "SIM PUK": SimState.PUK_REQUIRED,
    # PIN2 guards fixed dialling only, the numbers are readable
    "SIM PIN2": SimState.READY,
    "SIM PUK2": SimState.READY,
    "BLOCKED": SimState.FAILURE,
    "NOT INSERTED": SimState.ABSENT,
    "SIM NOT INSERTED": SimState.ABSENT,
    "NO SIM": SimState.ABSENT,
    "ABSENT": SimState.ABSENT,
    "REMOVED": SimState.ABSENT,
    "NOT READY": PendingState.BUSY,
    "BUSY": PendingState.BUSY,
    "SIM BUSY": PendingState.BUSY,
    "SIM FAILURE": SimState.FAILURE,
}

_CME: Mapping[int, SimState | PendingState] = {
    10: SimState.ABSENT,
    11: SimState.PIN_REQUIRED,
    12: SimState.PUK_REQUIRED,
    13: PendingState.OFF_OR_FAILED,
    14: PendingState.BUSY,
    15: SimState.FAILURE,
    17: SimState.READY,
    18: SimState.READY,
    515: PendingState.BUSY,
}


def word_state(word: str) -> SimState | Lock | PendingState:
    """Translate what stands behind ``+CPIN:``.

    >>> word_state("SIM PIN").value, word_state("PH-NET PIN")
    ('pin_required', Lock(kind='network', code='pin'))
    """
    return lock_of(word) or _WORDS.get(word, PendingState.UNKNOWN)


def refusal_state(answer: Response) -> SimState | Lock | PendingState:
    """Translate a final result other than OK, or its absence."""
    final = answer.final
    if final is None:
        return PendingState.UNKNOWN
    if final.kind == "cme":
        if final.code is None:  # a maker's own text
            return lock_of(final.text.partition(":")[2]) or PendingState.UNKNOWN
        return CME_LOCKS.get(final.code) or _CME.get(final.code, PendingState.UNKNOWN)
    return PendingState.REFUSED if final.kind == "error" else PendingState.UNKNOWN
