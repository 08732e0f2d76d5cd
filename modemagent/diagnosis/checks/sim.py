"""Checks of the SIM: inserted, unlocked, readable, valid."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from modemagent.at.pin_state import REMEDY
from modemagent.diagnosis.checks.modem import NOT_IDENTIFIED, worst_problem
from modemagent.diagnosis.checks.registration import is_without_network
from modemagent.diagnosis.checks.responses import all_decoded, error_code
from modemagent.diagnosis.facts import Decoded, Facts
from modemagent.diagnosis.finding import Finding, ok, skipped, warning, wrong
from modemagent.dialects.diagnostic_reads import ATTEMPTS, SLOTS
from modemagent.identity.sim_locks import describe_lock
from modemagent.identity.snapshot import Sim, SimState, Snapshot
from modemagent.modem.sim_state import PendingState, state_of, state_of_refusal

_NUMBERS = ("iccid", "imsi", "eid")
#: Every state but READY, LOCKED and those that need a code.
_STATES: Final[Mapping[str, tuple[str, str]]] = {
    "absent": (
        "no SIM card in the active slot, or the switch of its tray reports none",
        "Insert the SIM card the right way round, and close the tray until it clicks. If a SIM "
        "card is inserted, check the detection switch of the tray, and whether the modem has a "
        "second slot.",
    ),
    "no_profile": (
        "the eSIM has no enabled profile",
        "Download a profile of your operator to the eSIM and enable it; no SIM card is required.",
    ),
    "busy": (
        "the SIM is still starting",
        "Try again in half a minute. If it is still starting then, check that a SIM card is "
        "inserted the right way round, restart the modem, and try the SIM card in another device.",
    ),
    "failure": (
        "the SIM does not answer",
        "Insert it again the right way round. If it does not answer again, try it in another "
        "device, and another SIM card in this modem: that shows which of them is defective.",
    ),
    "off": (
        "the SIM is off together with the radio",
        "Switch the radio on with AT+CFUN=1 in a terminal program.",
    ),
    "unknown": (
        "the modem does not report the state of the SIM",
        "Check that a SIM card is inserted, restart the modem and try again.",
    ),
}
_CME_FAILURE, _CME_WRONG = 13, 15
#: nRF91: CME 13 for every SIM that cannot be used, whatever the reason.
_NORDIC_FAILURE: Final = (
    "no usable SIM: the slot is empty, the eSIM has no profile, or the SIM does not work",
    "Check that a SIM card is inserted the right way round. With an eSIM, download a profile to "
    "it. If there is one, try the SIM card in another device.",
)
_BLOCKED: Final = (
    "the SIM is blocked for good",
    "Replace the SIM card: wrong PUKs have disabled it. To be certain, insert it into a phone "
    "first, which shows whether the SIM card still accepts a PUK.",
)
_BLOCK = r"(?i)\+CPIN ?:(?!.*\bPIN1? ?BLOCK).*\bBLOCK"
_REJECTED: Final = (
    "the modem does not accept this SIM card (SIM wrong)",
    "Insert a SIM card of the operator that the modem is meant for: it may be locked to that one. "
    "If it accepts none, try this SIM card in another device.",
)
_REJECT = r"(?i)\+CPIN ?:.*\bWRONG\b"
_REMOVED: Final = (
    "the SIM card was removed while it was being read, or has lost contact",
    "Insert the SIM card again, and close the tray until it clicks. If it was not removed "
    "by hand, the tray or the holder is loose: fasten it, and run diagnose again.",
)
_NO_IMSI: Final = (
    "the SIM is ready, but has no readable IMSI, which every network requires",
    "Restart the modem. If the IMSI is still missing, the SIM card is damaged or holds no "
    "subscription: try it in another device, and ask the operator for another one.",
)
_STOPPED: Final = (
    "the SIM answered at first, but no longer does",
    "Run diagnose again. If it fails again, check that the tray is closed, restart the modem, and "
    "try another SIM card in this modem.",
)
#: Dialect to the command that switches to a slot: AT manuals of the makers. It is never sent.
_SLOT_COMMANDS: Final[Mapping[str, str]] = {
    "quectel": "AT+QUIMSLOT={slot}",
    "sierra": "AT!UIMS={index}",
    "simcom": "AT+SMSIMCFG=1,{slot}",
    "fibocom": "AT+GTDUALSIM={index}",
}
_MOST_SLOTS: Final = 4
#: States that end when the SIM has started.
_PASSING: Final = (SimState.ABSENT, SimState.BUSY, SimState.FAILURE, SimState.UNKNOWN)
#: With fewer attempts left than this, a wrong PIN may be the last one.
_FEW: Final = 3


def sim(facts: Facts) -> Finding:
    snapshot = facts.snapshot
    sim = snapshot.active_sim if snapshot else None
    if snapshot is None or sim is None:
        return skipped(NOT_IDENTIFIED)
    now = _state_now(facts)
    slots = _all_slots(facts, snapshot, sim)
    if sim.state is SimState.ABSENT and len(slots) > 1 and now is not SimState.READY:
        return wrong(*_empty_slot(snapshot, slots))
    if sim.state is SimState.READY:
        if now is SimState.ABSENT:
            return wrong(*_REMOVED)
        if now is PendingState.OFF_OR_FAILED:
            return wrong(*_STOPPED)
        if _has_no_subscription(facts):
            return wrong(*_NO_IMSI)
        return ok(f"ready, slot {sim.slot}" if len(snapshot.sims) > 1 else "ready")
    if sim.state is SimState.LOCKED:
        return wrong(describe_lock(sim.lock, sim.lock_code), REMEDY)
    if sim.state in _PASSING and now is SimState.READY:
        return warning(
            "the SIM was not ready at first, but is ready now",
            "Run diagnose again: the SIM or the modem has just started.",
        )
    if _is_blocked(facts, sim):
        return wrong(*_BLOCKED)
    left = _left(facts, "pin")
    if sim.state is SimState.PIN_REQUIRED and left != 0:
        return _pin_required(facts, left)
    if sim.state in (SimState.PIN_REQUIRED, SimState.PUK_REQUIRED):
        return _puk_required(facts, _left(facts, "puk"))
    return wrong(*_unusable(facts, sim))


def _all_slots(facts: Facts, snapshot: Snapshot, sim: Sim) -> tuple[Sim, ...]:
    """Return the slots; also those before the active one, if the modem reports only its number."""
    if len(snapshot.sims) > 1:
        return snapshot.sims
    for command in SLOTS.get(snapshot.dialect, ()):
        for found in all_decoded(facts, command):
            slot = found.fields.get("slot")
            if isinstance(slot, int) and 1 < slot <= _MOST_SLOTS:
                others = (Sim(slot=each, active=False) for each in range(1, slot))
                return (*others, sim._replace(slot=slot))
    return snapshot.sims


def _empty_slot(snapshot: Snapshot, slots: tuple[Sim, ...]) -> tuple[str, str]:
    """Return message and remedy of an empty active slot of a modem with several."""
    active = next(each.slot for each in slots if each.active)
    occupied = any(problem.code == "sim.wrong_slot" for problem in snapshot.problems)
    others = [each.slot for each in slots if not each.active and each.state is not SimState.ABSENT]
    if not others:
        return f"no SIM card in any of the {len(slots)} slots", _STATES["absent"][1]
    named = " or ".join(map(str, others))
    command = _SLOT_COMMANDS.get(snapshot.dialect, "")
    switch = command.format(slot=others[0], index=others[0] - 1) if command else "its command"
    move = f"move it to slot {active}, or switch the modem to slot {others[0]} with {switch}"
    if occupied:
        return (
            f"slot {active} is active and empty; a SIM card is in slot {named}",
            f"Use the SIM card in slot {named}: {move} in a terminal program.",
        )
    return (
        f"no SIM card in slot {active}, the active one of {len(slots)}",
        f"Check in which slot the SIM card is. If it is in slot {named}, {move} in a terminal "
        "program. If it is in the active slot, insert it the right way round, and check the "
        "detection switch of the tray.",
    )


def _unusable(facts: Facts, sim: Sim) -> tuple[str, str]:
    dialect = facts.snapshot.dialect if facts.snapshot else ""
    if dialect == "nordic" and sim.state in (SimState.FAILURE, SimState.UNKNOWN):
        return _NORDIC_FAILURE
    message, remedy = _STATES[sim.state]
    if sim.state == "no_profile" and sim.eid:
        remedy = f"Download a profile of your operator to EID {sim.eid}, and enable it."
    if sim.state is SimState.UNKNOWN and error_code(facts, "AT+CPIN?") == _CME_FAILURE:
        return _STATES["failure"]
    if sim.state is SimState.FAILURE and _is_rejected(facts):
        return _REJECTED
    return message, remedy


def _pin_required(facts: Facts, left: int | None) -> Finding:
    message = f"the SIM requires its PIN{_left_text(facts, 'pin')}"
    if left is not None and left < _FEW:
        return wrong(
            message,
            "Do not try a PIN that is not certain: a wrong one may block the SIM. Get the PIN from "
            "the operator, and disable it with the SIM card in a phone. modemagent never enters a "
            "PIN.",
        )
    return wrong(
        message,
        "Get the PIN, and enter it with the program that dials or disable it in a phone. Do not "
        "guess: each wrong PIN costs an attempt. modemagent never enters a PIN.",
    )


def _puk_required(facts: Facts, left: int | None) -> Finding:
    message = f"wrong PINs have blocked the SIM, which requires its PUK{_left_text(facts, 'puk')}"
    if left is not None and left < _FEW:
        return wrong(
            message,
            "Enter no PUK that is not certain: the last wrong one disables the SIM card for good. "
            "Ask the operator for the PUK that belongs to this ICCID, or for another SIM card.",
        )
    return wrong(
        message,
        "Get the PUK from the operator, and enter it in a phone; do not guess: ten wrong ones "
        "disable the SIM card for good.",
    )


def _state_now(facts: Facts) -> object:
    """Return the state that AT+CPIN? reports when it is sent again after the identification."""
    response = facts.responses.get("AT+CPIN?")
    if response is None:
        return None
    reported = list(all_decoded(facts, "AT+CPIN?", "+CPIN"))
    if reported:  # a URC may precede the response
        return state_of(str(reported[-1].fields.get("state")))
    return state_of_refusal(response)


def _has_no_subscription(facts: Facts) -> bool:
    """Return True if the IMSI is missing and no network is found, none having refused it."""
    problems = facts.snapshot.problems if facts.snapshot else ()
    return any(each.code == "imsi.missing" for each in problems) and is_without_network(facts)


def _is_rejected(facts: Facts) -> bool:
    lines = facts.responses["AT+CPIN?"].lines if "AT+CPIN?" in facts.responses else ()
    is_named = any(re.match(_REJECT, line) for line in lines)
    return is_named or error_code(facts, "AT+CPIN?") == _CME_WRONG


def _is_blocked(facts: Facts, sim: Sim) -> bool:
    response = facts.responses.get("AT+CPIN?")
    lines = response.lines if response is not None else ()
    is_blocked = any(re.match(_BLOCK, line) for line in lines)
    is_puk = sim.state is SimState.PUK_REQUIRED
    return is_blocked or (is_puk and _left(facts, "puk") == 0)


def _left_text(facts: Facts, code: str) -> str:
    left = _left(facts, code)
    if left is None:
        return ""
    return f" ({left} attempt{'' if left == 1 else 's'} left)"


def _left(facts: Facts, code: str) -> int | None:
    """Return the attempts left for the PIN or the PUK, None if the modem does not report them."""
    dialect = facts.snapshot.dialect if facts.snapshot else ""
    for found in all_decoded(facts, "AT+CPINR", f"+CPINR: SIM {code.upper()}"):
        if str(found.fields.get("code", "")).upper() == f"SIM {code.upper()}":
            left = found.fields.get("attempts_left")
            return left if isinstance(left, int) else None
    sim = facts.snapshot.active_sim if facts.snapshot else None
    required = "puk" if sim is not None and sim.state is SimState.PUK_REQUIRED else "pin"
    counts = [
        _count(each, code, required) for each in all_decoded(facts, ATTEMPTS.get(dialect, ""))
    ]
    return next((count for count in counts if count is not None), None)


def _count(found: Decoded, code: str, required: str) -> int | None:
    """Return the attempts in a line; one number without a code is for the code that is required."""
    left = found.fields.get(f"{code}_attempts_left")
    if left is None and str(found.fields.get("code", required)).lower() == code:
        left = found.fields.get("attempts_left")
    return left if isinstance(left, int) else None


def numbers(facts: Facts) -> Finding:
    sim = facts.snapshot.active_sim if facts.snapshot else None
    if facts.snapshot is None or sim is None:
        return skipped(NOT_IDENTIFIED)
    if sim.state not in (SimState.READY, SimState.UNKNOWN) and sim.iccid is None:
        return skipped("the SIM cannot be read in its present state")
    problems = [each for each in facts.snapshot.problems if each.field in _NUMBERS]
    known = [f"{name.upper()} {value}" for name in _NUMBERS if (value := getattr(sim, name))]
    return worst_problem(problems, ", ".join(known) or "none available")
