"""Watching a modem that has been identified: is it still the same, is the card?

Two commands a poll: the card's state and the card's number. A change is never concluded here;
it only says that a fresh identification is due.
"""

from __future__ import annotations

from modemagent.at.locks import Lock
from modemagent.at.steps import Plan
from modemagent.dialects.catalogue import choose
from modemagent.identity.iccid import Iccid
from modemagent.identity.imsi import Imsi
from modemagent.identity.snapshot import ReadState, SimState, Snapshot
from modemagent.modem.at_client import AtClient, Desynchronized
from modemagent.modem.sim import says_sim_changed
from modemagent.modem.sim_state import refusal_state, word_state

#: States in which the numbers can be read, or a card may appear or open at any time.
_SETTLED = (SimState.READY, SimState.LOCKED, SimState.UNKNOWN)


def poll(snapshot: Snapshot, *, number: str = "iccid") -> Plan[bool]:
    """Ask for the card's state and one of its numbers; True when all has to be read anew.

    Another card shows in either number, another subscription on the same card in the IMSI alone:
    ask for them in turn and nothing stays unseen for more than two polls.

    :param snapshot: the last reading of this port
    :param number: ``iccid`` or ``imsi``; the other one where this one was never read
    :raises NoAnswer: from the plan, when the modem no longer answers
    """
    talk = AtClient(snapshot.port)
    known = snapshot.active_sim
    modem = snapshot.modem
    dialect = choose(modem.manufacturer, modem.model, modem.firmware)
    kind = f"{modem.model or ''} {modem.firmware or ''}"
    if known is None:
        return True
    try:
        (state_row, *_) = dialect.ladder("sim_state", kind)
        reading, answer = yield from talk.read("sim_state", state_row)
        state = word_state(reading.values[0]) if reading.sure else refusal_state(answer)
        if isinstance(state, SimState) and state is not known.state:
            return True
        if isinstance(state, Lock) and (SimState.LOCKED, *state) != (
            known.state, known.lock, known.lock_code,
        ):  # fmt: skip
            return True
        read_before = [
            name
            for name in (number, "iccid", "imsi")
            if known.state in _SETTLED and known.read.get(name) is ReadState.OK
        ]
        if not read_before:
            # Nothing readable before; a state that has not changed promises nothing new,
            # unless it was never told.
            return known.state in (SimState.BUSY, SimState.FAILURE)
        wanted = read_before[0]
        for rung in dialect.ladder(wanted, kind):
            reading, answer = yield from talk.read(wanted, rung)
            if reading.sure:
                break
    except Desynchronized:
        return True
    if not reading.sure:
        return True  # a card that answered before and does not now
    if wanted == "imsi":
        return Imsi.check(reading.values[0]).normalized != known.imsi
    iccid = Iccid.check(reading.values[0]).normalized
    return not (iccid and known.iccid and iccid.same_sim(known.iccid))


def sim_urc(line: str, snapshot: Snapshot) -> bool:
    """Tell whether an unsolicited line of this modem means: read the SIM anew."""
    modem = snapshot.modem
    return says_sim_changed(line, choose(modem.manufacturer, modem.model, modem.firmware))
