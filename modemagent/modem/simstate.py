"""What the answer to ``AT+CPIN?`` says about the card, as a table.

Sources: 3GPP TS 27.007 clause 8.3 (codes) and 9.2 (CME errors); the maker's forms are from the
traces of simcom-sim868, wavecom-multiband, quectel-eg25-g, zte-mf627 and nordic-nrf9160.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

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
    "PH-SIM PIN": SimState.PIN_REQUIRED,
    "PH-FSIM PIN": SimState.PIN_REQUIRED,
    "PH-NET PIN": SimState.PIN_REQUIRED,
    "PH-NETSUB PIN": SimState.PIN_REQUIRED,
    "PH-SP PIN": SimState.PIN_REQUIRED,
    "PH-CORP PIN": SimState.PIN_REQUIRED,
    "PH-SIM PUK": SimState.PUK_REQUIRED,
    "PH-FSIM PUK": SimState.PUK_REQUIRED,
    "PH-NET PUK": SimState.PUK_REQUIRED,
    "PH-NETSUB PUK": SimState.PUK_REQUIRED,
    "PH-SP PUK": SimState.PUK_REQUIRED,
    "PH-CORP PUK": SimState.PUK_REQUIRED,
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
    5: SimState.PIN_REQUIRED,
    6: SimState.PIN_REQUIRED,
    7: SimState.PUK_REQUIRED,
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


def word_state(word: str) -> SimState | Hint:
    """Translate what stands behind ``+CPIN:``.

    >>> word_state("SIM PIN").value
    'pin_required'
    """
    return _WORDS.get(word, Hint.UNKNOWN)


def refusal_state(answer: Answer) -> SimState | Hint:
    """Translate a final result other than OK, or its absence."""
    final = answer.final
    if final is None:
        return Hint.UNKNOWN
    if final.kind == "cme":
        return _CME.get(final.code, Hint.UNKNOWN) if final.code is not None else Hint.UNKNOWN
    return Hint.REFUSED if final.kind == "error" else Hint.UNKNOWN
