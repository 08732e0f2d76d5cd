"""Polls of an identified modem: are the modem and its SIM still the same?

A poll is two commands: the state of the SIM and one of its numbers. A poll never concludes what
has changed; it only reports that a new identification is due.
"""

from __future__ import annotations

from modemagent.at.pin_state import Lock
from modemagent.at.steps import Plan
from modemagent.dialects.catalogue import choose
from modemagent.identity.eid import Eid
from modemagent.identity.iccid import Iccid
from modemagent.identity.imsi import Imsi
from modemagent.identity.snapshot import ReadState, SimState, Snapshot
from modemagent.modem.at_client import AtClient
from modemagent.modem.ladder import climb
from modemagent.modem.sim_events import is_sim_event
from modemagent.modem.sim_state import state_of, state_of_refusal
from modemagent.modem.sync import Desynchronized

#: States in which the numbers can be read, or may become readable at any time.
_SETTLED = (SimState.READY, SimState.LOCKED, SimState.UNKNOWN)


def poll(snapshot: Snapshot, *, number: str = "iccid") -> Plan[bool]:
    """Read the state of the SIM and one of its numbers; return True if a new reading is due.

    Another SIM changes both numbers, another subscription on the same SIM only the IMSI. If the
    numbers alternate, every change is found within two polls.

    :param snapshot: the last reading of this port
    :param number: ``iccid`` or ``imsi``; the other one is read if this one never was
    :raises NoAnswer: from the plan, if the modem no longer responds
    """
    client = AtClient(snapshot.port)
    before = snapshot.active_sim
    modem = snapshot.modem
    dialect = choose(modem.manufacturer, modem.model, modem.firmware)
    kind = f"{modem.model or ''} {modem.firmware or ''}"
    if before is None:
        return True
    try:
        state_attempt = dialect.ladder("sim_state", kind)[0]
        found, response = yield from client.read("sim_state", state_attempt)
        state = state_of(found.values[0]) if found.certain else state_of_refusal(response)
        if state is SimState.ABSENT and before.state is SimState.NO_PROFILE:
            # This modem reports an eUICC without a profile as an empty slot.
            eid = yield from climb(client, "eid", dialect.ladder("eid", kind))
            return eid.value is None or Eid.check(eid.value).normalized != before.eid
        if isinstance(state, SimState) and state is not before.state:
            return True
        if isinstance(state, Lock) and (SimState.LOCKED, *state) != (
            before.state,
            before.lock,
            before.lock_code,
        ):
            return True
        readable = [
            name
            for name in (number, "iccid", "imsi")
            if before.state in _SETTLED and before.read.get(name) is ReadState.OK
        ]
        if not readable:
            # An unchanged state promises no new number, unless the SIM was starting or failing.
            return before.state in (SimState.BUSY, SimState.FAILURE)
        field = readable[0]
        result = yield from climb(client, field, dialect.ladder(field, kind))
    except Desynchronized:
        return True
    if result.value is None:
        return True  # The SIM responded before and does not now.
    if field == "imsi":
        return Imsi.check(result.value).normalized != before.imsi
    iccid = Iccid.check(result.value).normalized
    return not (iccid and before.iccid and iccid.same_sim(before.iccid))


def sim_urc(line: str, snapshot: Snapshot) -> bool:
    """Return True if a URC of this modem requires the SIM to be read again."""
    modem = snapshot.modem
    return is_sim_event(line, choose(modem.manufacturer, modem.model, modem.firmware))
