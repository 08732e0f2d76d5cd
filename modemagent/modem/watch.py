"""Watching a modem that has been identified: is it still the same, is the card?

Two commands a poll: the card's state and the card's number. A change is never concluded here;
it only says that a fresh identification is due.
"""

from __future__ import annotations

from modemagent.at.plan import Plan
from modemagent.dialects.catalogue import choose
from modemagent.identity.iccid import same_card
from modemagent.identity.snapshot import ReadState, SimState, Snapshot
from modemagent.identity.validation import validate
from modemagent.modem.conversation import Conversation, OutOfStep
from modemagent.modem.sim import says_sim_changed
from modemagent.modem.simstate import refusal_state, word_state

#: States in which a card may appear or open at any time: the number is asked for as well.
_SETTLED = (SimState.READY, SimState.UNKNOWN)


def poll(snapshot: Snapshot) -> Plan[bool]:
    """Ask for the card's state and number; True when the reading has to be made anew.

    :param snapshot: the last reading of this port
    :raises NoAnswer: from the plan, when the modem no longer answers
    """
    talk = Conversation(snapshot.port)
    known = snapshot.active_sim
    modem = snapshot.modem
    dialect = choose(modem.manufacturer, modem.model, modem.firmware)
    if known is None:
        return True
    try:
        (state_row, *_) = dialect.ladder("sim_state")
        reading, answer = yield from talk.read("sim_state", state_row)
        state = word_state(reading.values[0]) if reading.sure else refusal_state(answer)
        if isinstance(state, SimState) and state is not known.state:
            return True
        if known.state not in _SETTLED or known.read.get("iccid") is not ReadState.OK:
            # Nothing readable before; a state that has not changed promises nothing new,
            # unless it was never told.
            return known.state in (SimState.BUSY, SimState.FAILURE)
        for rung in dialect.ladder("iccid"):
            reading, answer = yield from talk.read("iccid", rung)
            if reading.sure:
                break
    except OutOfStep:
        return True
    if not reading.sure:
        return True  # a card that answered before and does not now
    check = validate("iccid", reading.values[0])
    return not (check.normalized and known.iccid and same_card(check.normalized, known.iccid))


def sim_urc(line: str, snapshot: Snapshot) -> bool:
    """Tell whether an unsolicited line of this modem means: read the SIM anew."""
    modem = snapshot.modem
    return says_sim_changed(line, choose(modem.manufacturer, modem.model, modem.firmware))
