"""The state of the SIM by the response to ``AT+CPIN?``.

Module locks, which are not a state of the SIM, are in :mod:`modemagent.at.sim_locks`.

Sources: 3GPP TS 27.007 clauses 8.3 (codes) and 9.2 (CME errors); the makers' own forms are from
the traces simcom-sim868, wavecom-multiband, quectel-eg25-g, zte-mf627 and nordic-nrf9160.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

from modemagent.at.sim_locks import CME_LOCKS, Lock, lock_of
from modemagent.at.steps import Response
from modemagent.identity.snapshot import SimState


class PendingState(Enum):
    """A response that does not settle the state by itself."""

    BUSY = "read again in a second"
    OFF_OR_FAILED = "AT+CFUN? decides"
    REFUSED = "a bare ERROR: starting, absent, or not reported"
    UNKNOWN = "the SIM may work all the same"


_CODES: Mapping[str, SimState | PendingState] = {
    "READY": SimState.READY,
    "SIM PIN": SimState.PIN_REQUIRED,
    "SIM PUK": SimState.PUK_REQUIRED,
    # PIN2 is for fixed dialling only; the numbers can be read.
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


def state_of(code: str) -> SimState | Lock | PendingState:
    """Return the state that a ``+CPIN`` code names.

    >>> state_of("SIM PIN").value, state_of("PH-NET PIN")
    ('pin_required', Lock(kind='network', code='pin'))
    """
    return lock_of(code) or _CODES.get(code, PendingState.UNKNOWN)


def state_of_refusal(response: Response) -> SimState | Lock | PendingState:
    """Return the state that a final result other than OK, or its absence, stands for."""
    final = response.final
    if final is None:
        return PendingState.UNKNOWN
    if final.kind == "cme":
        if final.code is None:  # the maker's own text
            return lock_of(final.text.partition(":")[2]) or PendingState.UNKNOWN
        return CME_LOCKS.get(final.code) or _CME.get(final.code, PendingState.UNKNOWN)
    return PendingState.REFUSED if final.kind == "error" else PendingState.UNKNOWN
