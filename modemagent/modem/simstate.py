"""What the answer to ``AT+CPIN?`` says about the card, as a table.

Locks of the module, which are no state of the card, are read by :mod:`modemagent.at.locks`.

Sources: 3GPP TS 27.007 clause 8.3 (codes) and 9.2 (CME errors); the maker's forms are from the
traces of simcom-sim868, wavecom-multiband, quectel-eg25-g, zte-mf627 and nordic-nrf9160.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

from modemagent.at.locks import CME_LOCKS, Lock, lock_of
from modemagent.at.plan import Answer
from modemagent.identity.snapshot import SimState


class Hint(Enum):
    """Answers that do not settle the state by themselves."""

    BUSY = "ask again in a second"
    OFF_OR_FAILED = "AT+CFUN? tells which"
    REFUSED = "a bare ERROR: starting, absent, or simply not told"
    UNKNOWN = "the card may be fine all the same"


_WORDS: Mapping[str, SimState | Hint] = {
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
    "NOT READY": Hint.BUSY,
    "BUSY": Hint.BUSY,
    "SIM BUSY": Hint.BUSY,
    "SIM FAILURE": SimState.FAILURE,
}

_CME: Mapping[int, SimState | Hint] = {
    10: SimState.ABSENT,
    11: SimState.PIN_REQUIRED,
    12: SimState.PUK_REQUIRED,
    13: Hint.OFF_OR_FAILED,
    14: Hint.BUSY,
    15: SimState.FAILURE,
    17: SimState.READY,
    18: SimState.READY,
    515: Hint.BUSY,
}


def word_state(word: str) -> SimState | Lock | Hint:
    """Translate what stands behind ``+CPIN:``.

    >>> word_state("SIM PIN").value, word_state("PH-NET PIN")
    ('pin_required', Lock(kind='network', code='pin'))
    """
    return lock_of(word) or _WORDS.get(word, Hint.UNKNOWN)


def refusal_state(answer: Answer) -> SimState | Lock | Hint:
    """Translate a final result other than OK, or its absence."""
    final = answer.final
    if final is None:
        return Hint.UNKNOWN
    if final.kind == "cme":
        if final.code is None:  # a maker's own text
            return lock_of(final.text.partition(":")[2]) or Hint.UNKNOWN
        return CME_LOCKS.get(final.code) or _CME.get(final.code, Hint.UNKNOWN)
    return Hint.REFUSED if final.kind == "error" else Hint.UNKNOWN
