"""Checks of the SIM: inserted, unlocked, readable, valid."""

from __future__ import annotations

from collections.abc import Mapping

from modemagent.at.locks import REMEDY
from modemagent.diagnosis.checks.modem import NOT_IDENTIFIED, worst_problem
from modemagent.diagnosis.checks.responses import all_decoded
from modemagent.diagnosis.facts import Facts
from modemagent.diagnosis.finding import Finding, ok, skipped, warning, wrong
from modemagent.identity.locks import describe_lock
from modemagent.identity.snapshot import ReadState, SimState

_NUMBERS = ("iccid", "imsi", "eid")
#: Every state but READY and LOCKED.
_STATES: Mapping[SimState, tuple[str, str]] = {
    SimState.ABSENT: (
        "no SIM card in the active slot",
        "Insert one the right way round, and make sure that the tray is closed.",
    ),
    SimState.PIN_REQUIRED: (
        "the SIM requires its PIN",
        "Enter it with the program that dials, or disable the PIN in a phone; modemagent never "
        "enters one.",
    ),
    SimState.PUK_REQUIRED: (
        "the SIM is blocked after wrong PINs",
        "Get the PUK from the issuer of the SIM; ten wrong ones disable it for good.",
    ),
    SimState.BUSY: ("the SIM is still starting", "Try again in half a minute."),
    SimState.FAILURE: (
        "the SIM does not answer",
        "Clean its contacts and insert it again, or try it in another device.",
    ),
    SimState.OFF: (
        "the SIM is off together with the radio",
        "Switch the radio on with AT+CFUN=1 in a terminal program.",
    ),
    SimState.UNKNOWN: (
        "the modem does not report the state of the SIM",
        "Try again, or send AT+CPIN? with modemagent at.",
    ),
}


def sim(facts: Facts) -> Finding:
    snapshot = facts.snapshot
    sim = snapshot.active_sim if snapshot else None
    if snapshot is None or sim is None:
        return skipped(NOT_IDENTIFIED)
    if any(problem.code == "sim.wrong_slot" for problem in snapshot.problems):
        slots = " or ".join(str(each.slot) for each in snapshot.sims if not each.active)
        return wrong(
            f"slot {sim.slot} is active and empty; a SIM card is in slot {slots}",
            "Move the SIM card, or switch the slot with the command of the modem.",
        )
    if sim.state is SimState.READY:
        return ok(f"ready, slot {sim.slot}" if len(snapshot.sims) > 1 else "ready")
    if sim.state is SimState.LOCKED:
        return wrong(describe_lock(sim.lock, sim.lock_code), REMEDY)
    message, remedy = _STATES[sim.state]
    left = [found.text for found in all_decoded(facts, "AT+CPINR", "+CPINR: SIM")]
    if sim.state in (SimState.PIN_REQUIRED, SimState.PUK_REQUIRED) and left:
        message += f" ({'; '.join(left)})"
    return wrong(message, remedy)


def numbers(facts: Facts) -> Finding:
    sim = facts.snapshot.active_sim if facts.snapshot else None
    if facts.snapshot is None or sim is None:
        return skipped(NOT_IDENTIFIED)
    if sim.state not in (SimState.READY, SimState.UNKNOWN) and sim.iccid is None:
        return skipped("the SIM cannot be read in its present state")
    unread = [
        f"{name.upper()}: {sim.read[name]}"
        for name in ("iccid", "imsi")
        if sim.read.get(name) in (ReadState.FAILED, ReadState.TIMEOUT)
        and getattr(sim, f"{name}_raw") is None
    ]
    if unread and sim.state is SimState.READY:
        return warning(
            f"some numbers could not be read ({', '.join(unread)})",
            "Try again in a minute: a SIM that starts slowly provides its numbers late.",
        )
    problems = [each for each in facts.snapshot.problems if each.field in _NUMBERS]
    known = [f"{name.upper()} {value}" for name in _NUMBERS if (value := getattr(sim, name))]
    return worst_problem(problems, ", ".join(known) or "none available")
