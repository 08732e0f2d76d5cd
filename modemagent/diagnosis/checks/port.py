"""Checks of the port: device, permission, holder, role, answer."""

from __future__ import annotations

from modemagent.diagnosis.checks.responses import decoded
from modemagent.diagnosis.facts import Facts
from modemagent.diagnosis.finding import Finding, note, ok, skipped, warning, wrong
from modemagent.diagnosis.managed import STATE
from modemagent.discovery.candidate import PURPOSES, Role
from modemagent.discovery.modems import best_at_port
from modemagent.errors import (
    DeadlinePassed,
    NoAnswer,
    NotAModem,
    PortBusy,
    PortDenied,
    PortNotFound,
    PortVanished,
)

STEADY_SUPPLY = (
    "Check the power supply first: a transmitting modem draws peaks of up to 2 A. Then try a "
    "shorter cable, and connect the modem directly or through a hub with its own power supply."
)
_NOT_OPENED = "the port was not opened"


def device(facts: Facts) -> Finding:
    failure, candidate = facts.failure, facts.candidate
    if facts.drops:
        return wrong(facts.drops, STEADY_SUPPLY)
    if isinstance(failure, PortNotFound):
        return wrong(
            failure.message,
            failure.hint or "Check that the modem is plugged in. List all ports: modemagent list",
        )
    if isinstance(failure, PortVanished):
        return wrong(
            "the port disappeared while it was open",
            "Check cable and power: the modem was unplugged or restarted. See dmesg.",
        )
    if facts.is_flashing and failure is not None:
        return wrong(failure.message, failure.hint)
    if candidate is None:
        return ok("exists; not a device on a bus of this machine")
    details = [candidate.port_id]
    if candidate.usb_vid:
        details.append(f"USB {candidate.usb_vid}:{candidate.usb_pid}")
    details += [name for name in (candidate.manufacturer, candidate.product) if name]
    if candidate.driver:
        details.append(f"driver {candidate.driver}")
    return ok(", ".join(details))


def access(facts: Facts) -> Finding:
    if isinstance(facts.failure, PortDenied):
        return wrong(facts.failure.message, facts.failure.hint)
    if isinstance(facts.failure, PortNotFound):
        return skipped("the port does not exist")
    if facts.is_refused:
        return skipped(_NOT_OPENED)
    return ok("this user may open the port")


def holder(facts: Facts) -> Finding:
    failure, other = facts.failure, facts.holder
    if isinstance(failure, PortBusy):
        return wrong(failure.message, failure.hint or "Stop that program and try again.")
    if isinstance(failure, PortNotFound | PortDenied):
        return skipped(_NOT_OPENED)
    if facts.route == "agent":
        return ok("held by the modemagent daemon, which was used to reach the modem")
    if facts.route == "modemmanager":
        pid = f" (pid {other.pid})" if other and other.pid else ""
        return note(
            f"held by ModemManager{pid}, which does not provide every value",
            "To read more, share the modem: docs/sharing-ports.md",
        )
    if other is not None:
        name = other.name or "another program"
        return warning(
            f"{name} (pid {other.pid}) has the port open as well, without a lock",
            f"Stop {name}: two programs that read one port lose bytes to each other.",
        )
    return ok("not held by another program")


def role(facts: Facts) -> Finding:
    candidate = facts.candidate
    if candidate is None:
        return skipped("no information about the purpose of this port")
    if candidate.role is Role.AT:
        return ok(f"an AT port: {candidate.why}")
    if facts.is_refused and facts.failure is not None:
        return wrong(facts.failure.message, facts.failure.hint)
    better = best_at_port(facts.siblings)
    remedy = f"Use {better.path} instead." if better else "Try the other ports of the device."
    if candidate.role in PURPOSES:
        return wrong(f"this port is {PURPOSES[candidate.role]}: {candidate.why}", remedy)
    if facts.snapshot is not None:
        return note(f"answers AT commands, although no table lists it ({candidate.why})")
    return note(f"the purpose of this port is unknown: {candidate.why}", remedy if better else "")


def _managed(facts: Facts) -> Finding:
    found = decoded(facts, STATE)
    if found is None:
        return skipped("no command was sent: ModemManager holds the port")
    text = f"state in ModemManager: {found.text}"
    if not found.fields["failed"]:
        return ok(text, found.line)
    if found.fields["is_sim"]:
        return note(text, evidence=found.line)
    return wrong(text, "Restart the modem. Its log: journalctl -u ModemManager", found.line)


def answers(facts: Facts) -> Finding:
    failure = facts.failure
    if facts.is_refused:
        return skipped("no command was sent: this port takes no AT commands")
    if failure is not None and (
        facts.route == "agent" or isinstance(failure, NotAModem | NoAnswer | DeadlinePassed)
    ):
        return wrong(
            failure.message,
            failure.hint or "Check power, cable and baud rate, or try another port of the device.",
        )
    if failure is not None or facts.snapshot is None:
        return skipped("no command was sent")
    if facts.route == "modemmanager":
        return _managed(facts)
    # Some modems send an information line without a final result: wavecom-multiband.
    silent = [
        line
        for line, response in facts.responses.items()
        if response.timed_out and not response.lines
    ]
    if silent and not facts.responses[[*facts.responses][-1]].timed_out:
        return note(
            f"answers, but not to {', '.join(silent)}, which this modem may not support",
        )
    if silent:
        return warning(
            f"answers, but not to {', '.join(silent)} within 5 s",
            "Try again: the modem may be busy. If this persists, restart the modem.",
        )
    text = f"{facts.snapshot.commands} commands answered in {facts.snapshot.elapsed_ms} ms"
    if facts.silent_ports:
        return warning(
            f"{text}; {', '.join(facts.silent_ports)} of the same modem did not answer",
            "Use this port: a program may have left the other one in data mode.",
        )
    return ok(text)
