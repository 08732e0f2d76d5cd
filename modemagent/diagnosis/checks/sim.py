"""The SIM card: there, open, readable."""

from __future__ import annotations

from collections.abc import Mapping

from modemagent.at.locks import REMEDY
from modemagent.diagnosis.checks.answer import said_all
from modemagent.diagnosis.checks.modem import judged
from modemagent.diagnosis.facts import Facts
from modemagent.diagnosis.finding import Finding, ok, skipped, warning, wrong
from modemagent.identity.locks import describe_lock
from modemagent.identity.snapshot import ReadState, SimState

_NUMBERS = ("iccid", "imsi", "eid")
#: Every state but READY and LOCKED.
_STATES: Mapping[SimState, tuple[str, str]] = {
    SimState.ABSENT: (
        "no card in the slot that is in use",
        "insert one, the right way round, and see that the tray is shut",
    ),
    SimState.PIN_REQUIRED: (
        "the card waits for its PIN",
        "enter it with the program that dials, or switch the PIN off in a phone; modemagent never "
        "enters one",
    ),
    SimState.PUK_REQUIRED: (
        "the card is blocked after wrong PINs",
        "ask the card's issuer for its PUK; ten wrong ones end the card",
    ),
    SimState.BUSY: ("the card is still starting", "ask again in half a minute"),
    SimState.FAILURE: (
        "the card does not answer",
        "clean its contacts and insert it again; try it in another device",
    ),
    SimState.OFF: (
        "the card is off with the radio",
        "switch the radio on: AT+CFUN=1 with a terminal program",
    ),
    SimState.UNKNOWN: ("the modem does not tell how the card is", "ask again; see modemagent at"),
}


def sim(facts: Facts) -> Finding:
    card = facts.snapshot.active_sim if facts.snapshot else None
    if facts.snapshot is None or card is None:
        return skipped("the modem was not read")
    if any(problem.code == "sim.wrong_slot" for problem in facts.snapshot.problems):
        slots = [str(each.slot) for each in facts.snapshot.sims if not each.active]
        return wrong(
            f"slot {card.slot} is in use and empty; a card is in slot {' or '.join(slots)}",
            "move the card, or switch the slot with the modem's own command",
        )
    if card.state is SimState.READY:
        return ok(f"ready, slot {card.slot}" if len(facts.snapshot.sims) > 1 else "ready")
    if card.state is SimState.LOCKED:
        return wrong(describe_lock(card.lock, card.lock_code), REMEDY)
    message, remedy = _STATES[card.state]
    left = [words.text for words in said_all(facts, "AT+CPINR", "+CPINR: SIM")]
    if card.state in (SimState.PIN_REQUIRED, SimState.PUK_REQUIRED) and left:
        message += f" ({'; '.join(left)})"
    return wrong(message, remedy)


def numbers(facts: Facts) -> Finding:
    card = facts.snapshot.active_sim if facts.snapshot else None
    if facts.snapshot is None or card is None:
        return skipped("the modem was not read")
    if card.state not in (SimState.READY, SimState.UNKNOWN) and card.iccid is None:
        return skipped("the card can not be read in its state")
    unread = [
        f"{name.upper()}: {card.read[name]}"
        for name in ("iccid", "imsi")
        if card.read.get(name) in (ReadState.FAILED, ReadState.TIMEOUT)
        and getattr(card, f"{name}_raw") is None
    ]
    if unread and card.state is SimState.READY:
        return warning(
            f"not everything could be read ({', '.join(unread)})",
            "ask again in a minute; a card that starts slowly gives its numbers late",
        )
    problems = [each for each in facts.snapshot.problems if each.field in _NUMBERS]
    told = [
        f"{name.upper()} {value}" for name in _NUMBERS if (value := getattr(card, name)) is not None
    ]
    return judged(problems, ", ".join(told) or "none was told")
