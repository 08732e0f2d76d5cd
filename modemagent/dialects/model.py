"""What a dialect is: rows that say which command reads what, and when they apply."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

IDENTITY_TIMEOUT_S = 3.0
SIM_TIMEOUT_S = 10.0

#: What a ladder can be asked for, and how long one attempt may take unless its row says more.
WANTS: Mapping[str, float] = {
    "manufacturer": IDENTITY_TIMEOUT_S,
    "model": IDENTITY_TIMEOUT_S,
    "firmware": IDENTITY_TIMEOUT_S,
    "imei": IDENTITY_TIMEOUT_S,
    "imeisv": IDENTITY_TIMEOUT_S,
    "serial_number": IDENTITY_TIMEOUT_S,
    "sim_state": 5.0,  # no card is read for it; some modules never close this answer
    "iccid": SIM_TIMEOUT_S,
    "imsi": SIM_TIMEOUT_S,
    "eid": SIM_TIMEOUT_S,
}


class Attempt(NamedTuple):
    """One rung: a command, how its answer looks, and who says so.

    :param command: the complete line, which must be on the allow-list
    :param prefix: what the information line begins with, as ``+QCCID``; "" when it is bare.
        The command's own name and the usual names of the wanted number are accepted as well
    :param shape: the reader in :mod:`modemagent.dialects.shapes` that takes the value out
    :param source: manual and section, or the trace it was seen in
    :param timeout_s: seconds until the attempt is given up; None for the usual of its want
    :param at_hand: read it only from an answer that another want has already brought
    """

    command: str
    prefix: str
    shape: str
    source: str
    timeout_s: float | None = None
    at_hand: bool = False


class Dialect(NamedTuple):
    """What one family of modules answers to.

    A want that is not in ``ladders`` is read as the generic dialect reads it; a want whose
    ladder is empty can not be read over AT here and is not asked for. A ladder is complete: to
    go on as generic does it ends with ``*GENERIC[want]``. Vendors compose, they never inherit.

    :param sim_urcs: regular expressions of unsolicited lines that mean: read the SIM anew
    :param sim_wait_s: seconds a starting SIM is waited for
    """

    name: str
    ladders: Mapping[str, tuple[Attempt, ...]]
    sim_urcs: tuple[str, ...] = ()
    sim_wait_s: float = 20.0

    def ladder(self, want: str) -> tuple[Attempt, ...]:
        """Return the attempts for a want, or () when this dialect knows no way to read it."""
        return self.ladders.get(want, ())


def first(*attempts: Attempt, then: tuple[Attempt, ...]) -> tuple[Attempt, ...]:
    """Return a ladder that begins with ``attempts`` and goes on with the rest of another."""
    commands = {attempt.command for attempt in attempts}
    return (*attempts, *(rung for rung in then if rung.command not in commands))
