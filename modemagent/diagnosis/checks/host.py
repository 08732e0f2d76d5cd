"""This machine: the agent, its way to the registry, what waits, the clock."""

from __future__ import annotations

from modemagent.diagnosis.facts import HostFacts
from modemagent.diagnosis.finding import Finding, note, ok, skipped, warning, wrong

#: 2026-01-01: no version of this program ran before.
_EARLIEST_S = 1_767_225_600
_NO_AGENT = "there is no agent to ask"


def agent(facts: HostFacts) -> Finding:
    if facts.status is None:
        return note(facts.why_no_agent, "on a gateway: systemctl status modemagent")
    modems = facts.status["modems"]
    watched = sum(modem["state"] == "watching" for modem in modems)
    words = f"runs, version {facts.status['version']}, {watched} of {len(modems)} modems watched"
    if watched < len(modems):
        return warning(words, "see modemagent status")
    return ok(words)


def registry(facts: HostFacts) -> Finding:
    if facts.status is None:
        return skipped(_NO_AGENT)
    uplink = facts.status["uplink"]
    if uplink["state"] == "off":
        return note(
            "no registry is set: reports stay on this machine", "set registry = in the settings"
        )
    if uplink["reason"]:
        return wrong(f"{uplink['registry']}: {uplink['reason']}", uplink["hint"] or "see the log")
    return ok(f"{uplink['registry']} takes what it is sent")


def outbox(facts: HostFacts) -> Finding:
    if facts.status is None:
        return skipped(_NO_AGENT)
    box = facts.status["outbox"]
    if box["error"]:
        return wrong(str(box["error"]), "make room on the disk, or see who may write to it")
    if box["quarantined"]:
        return warning(
            f"damaged files were set aside: {', '.join(box['damaged'])}",
            "keep them for support, then remove them; see the disk (dmesg)",
        )
    if box["dead_letters"]:
        return warning(
            f"the registry would not take {box['dead_letters']} reports",
            "see modemagent outbox list",
        )
    return ok(f"{box['waiting']} reports wait")


def clock(facts: HostFacts) -> Finding:
    if facts.clock_s < _EARLIEST_S:
        return wrong(
            "the clock of this machine is not set",
            "reports are dated by it and TLS fails: start a time service (chrony, timesyncd)",
        )
    if not facts.clock_synchronized:
        return note(
            "the clock is set, and nothing keeps it right", "start a time service, as chrony"
        )
    return ok("set and kept right")
