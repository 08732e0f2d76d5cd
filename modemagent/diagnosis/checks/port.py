"""Cable, driver, permission, role, holder, answer: from the plug to the first OK."""

from __future__ import annotations

from modemagent.diagnosis.facts import Facts
from modemagent.diagnosis.finding import Finding, note, ok, skipped, warning, wrong
from modemagent.discovery.candidate import Candidate, Role
from modemagent.errors import (
    DeadlinePassed,
    NoAnswer,
    NotAModem,
    PortBusy,
    PortDenied,
    PortNotFound,
    PortVanished,
)

_ROLES = {
    Role.DATA: "for data calls",
    Role.NMEA: "for positions (NMEA)",
    Role.DIAG: "for diagnosis",
}


def device(facts: Facts) -> Finding:
    failure, candidate = facts.failure, facts.candidate
    if isinstance(failure, PortNotFound):
        return wrong(failure.message, failure.hint or "see modemagent list; is it plugged in?")
    if isinstance(failure, PortVanished):
        return wrong(
            "the port went away in the middle",
            "the modem was pulled or started anew: look at its cable and its power; dmesg tells",
        )
    if candidate is None:
        return ok("there, and no hardware on a bus of this machine")
    words = [candidate.port_id]
    if candidate.usb_vid:
        words.append(f"USB {candidate.usb_vid}:{candidate.usb_pid}")
    words += [name for name in (candidate.manufacturer, candidate.product) if name]
    if candidate.driver:
        words.append(f"driver {candidate.driver}")
    return ok(", ".join(words))


def access(facts: Facts) -> Finding:
    if isinstance(facts.failure, PortDenied):
        return wrong(facts.failure.message, facts.failure.hint)
    if isinstance(facts.failure, PortNotFound):
        return skipped("there is no port")
    return ok("this user may use the port")


def holder(facts: Facts) -> Finding:
    failure = facts.failure
    if isinstance(failure, PortBusy):
        return wrong(failure.message, failure.hint or "stop it and ask again")
    if facts.way == "agent":
        return ok("modemagent's own daemon has the port, and was asked through it")
    if facts.way == "modemmanager":
        who = f" (pid {facts.holder.pid})" if facts.holder and facts.holder.pid else ""
        return note(
            f"ModemManager{who} has the modem and was asked; it does not tell everything",
            "to see more, share the modem: docs/neighbours.md",
        )
    if facts.holder is not None:
        name = facts.holder.name or "another program"
        return warning(
            f"{name} (pid {facts.holder.pid}) has the port open as well, without a lock",
            f"stop {name}: two readers take bytes away from each other",
        )
    if isinstance(failure, PortNotFound | PortDenied):
        return skipped("the port was not opened")
    return ok("nobody else has the port")


def role(facts: Facts) -> Finding:
    candidate = facts.candidate
    if candidate is None:
        return skipped("nothing says what this port is for")
    if candidate.role is Role.AT:
        return ok(f"an AT port: {candidate.why}")
    better = [each for each in facts.siblings if each.role is Role.AT]
    ask = f"ask {_path(better)} instead" if better else "try the device's other ports"
    if candidate.role in _ROLES:
        return wrong(f"this port is {_ROLES[candidate.role]}: {candidate.why}", ask)
    if facts.snapshot is not None:
        return note(f"no table knows this port, but it speaks AT ({candidate.why})")
    return note(f"what this port is for is not known: {candidate.why}", ask if better else "")


def _path(candidates: list[Candidate]) -> str:
    return min(candidates, key=lambda each: not each.secondary).path


def answers(facts: Facts) -> Finding:
    failure = facts.failure
    if isinstance(failure, NotAModem | NoAnswer | DeadlinePassed):
        return wrong(failure.message, failure.hint or "power, cable, baud rate, the other ports")
    if failure is not None or facts.snapshot is None:
        return skipped("nothing was asked")
    if facts.way == "modemmanager":
        return skipped("nothing was sent: ModemManager has the port")
    silent = [line for line, answer in facts.answers.items() if answer.timed_out]
    if silent:
        return warning(
            f"answers, but not to {', '.join(silent)} within 5 s",
            "the modem is busy or its firmware hangs: ask again; if it stays, restart the modem",
        )
    words = f"answers: {facts.snapshot.commands} lines in {facts.snapshot.elapsed_ms} ms"
    if facts.mute:
        return warning(
            f"{words}, while {', '.join(facts.mute)} of the same modem stayed mute",
            "use this port; a program may have left the other in data mode",
        )
    return ok(words)
