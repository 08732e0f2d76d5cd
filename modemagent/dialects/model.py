"""What a dialect is: rows that say which command reads what, and when they apply."""

from __future__ import annotations

import re
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
    "mnc_length": SIM_TIMEOUT_S,
    "eid": SIM_TIMEOUT_S,
    "slot": IDENTITY_TIMEOUT_S,  # which slot is in use, perhaps what is in the others
    "slot_count": IDENTITY_TIMEOUT_S,
}


class Attempt(NamedTuple):
    """One rung: a command, how its answer looks, and who says so.

    :param command: the complete line, which must be on the allow-list
    :param prefix: what the information line begins with, as ``+QCCID``; "" when it is bare.
        The command's own name and the usual names of the wanted number are accepted as well
    :param shape: the reader in :mod:`modemagent.dialects.parsers` that takes the value out
    :param source: manual and section, or the trace it was seen in
    :param timeout_s: seconds until the attempt is given up; None for the usual of its want
    :param at_hand: read it only from an answer that another want has already brought
    :param models: pattern searched for in "model firmware", case ignored, when only some families
        of the maker answer this command; "" for all of them
    """

    command: str
    prefix: str
    shape: str
    source: str
    timeout_s: float | None = None
    at_hand: bool = False
    models: str = ""

    def applies(self, kind: str) -> bool:
        """Tell whether this rung is for a modem that calls itself so.

        :param kind: model and firmware with a blank between
        """
        return not self.models or re.search(self.models, kind, re.IGNORECASE) is not None


class JoinedQuery(NamedTuple):
    """Commands that this dialect's firmware takes in one line (ITU-T V.250 clause 5.2.1).

    The line is made of the first rung of each want that applies. One refused command ends the
    whole line, so only rungs that these modems do not refuse belong together.

    :param wants: in the order of the line
    :param source: manual and section, or the trace it was seen in
    :param models: as in :class:`Attempt`
    """

    wants: tuple[str, ...]
    source: str
    models: str = ""


class Dialect(NamedTuple):
    """What one family of modules answers to.

    A want that is not in ``ladders`` is read as the generic dialect reads it; a want whose
    ladder is empty can not be read over AT here and is not asked for. A ladder is complete: to
    go on as generic does it ends with ``*GENERIC[want]``. Vendors compose, they never inherit.

    :param sim_urcs: regular expressions of unsolicited lines that mean: read the SIM anew
    :param sim_wait_s: seconds a starting SIM is waited for
    :param joins: wants whose commands go out in one line; all others go one by one
    """

    name: str
    ladders: Mapping[str, tuple[Attempt, ...]]
    sim_urcs: tuple[str, ...] = ()
    sim_wait_s: float = 20.0
    joins: tuple[JoinedQuery, ...] = ()

    def ladder(self, want: str, kind: str | None = None) -> tuple[Attempt, ...]:
        """Return the attempts for a want, or () when this dialect knows no way to read it.

        :param kind: model and firmware with a blank between; None for every row there is
        """
        ladder = self.ladders.get(want, ())
        if kind is None:
            return ladder
        return tuple(attempt for attempt in ladder if attempt.applies(kind))


def then_generic(*attempts: Attempt, then: tuple[Attempt, ...]) -> tuple[Attempt, ...]:
    """Return a ladder that begins with ``attempts`` and goes on with the rest of another."""
    commands = {attempt.command for attempt in attempts}
    return (*attempts, *(rung for rung in then if rung.command not in commands))
