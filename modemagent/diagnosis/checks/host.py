"""Checks of this machine: the agent, its uplink to the registry, the outbox, the clock."""

from __future__ import annotations

from modemagent.diagnosis.facts import HostFacts
from modemagent.diagnosis.finding import Finding, note, ok, skipped, warning, wrong
from modemagent.report.status import uplink_failure
from modemagent.settings.addresses import is_unencrypted

#: 2026-01-01, which is before the first release: an earlier time shows that the clock is not set.
_EARLIEST_S = 1_767_225_600
_SEE_LOGS = (
    "Reports are kept and sent again. See the log of the registry, then the log of the agent."
)
_NO_AGENT = "the agent is not running"


def agent(facts: HostFacts) -> Finding:
    if facts.status is None and facts.has_run:
        return warning(
            f"{facts.no_agent}, but one has run there",
            "Start it: systemctl start modemagent. If it stops again, see why: journalctl -u "
            "modemagent",
        )
    if facts.status is None:
        return note(facts.no_agent, "On a gateway, see: systemctl status modemagent")
    modems = facts.status["modems"]
    watched = sum(modem["state"] == "watching" for modem in modems)
    text = f"running, version {facts.status['version']}, {watched} of {len(modems)} modems watched"
    others = [
        f"{modem.get('port')} ({modem['state']})"
        for modem in modems
        if modem["state"] != "watching"
    ]
    if others:
        return warning(
            f"{text}; not watched: {', '.join(others)}",
            "See the reason for each port: modemagent status",
        )
    return ok(text)


def registry(facts: HostFacts) -> Finding:
    if facts.status is None:
        return skipped(_NO_AGENT)
    uplink = facts.status["uplink"]
    if uplink["state"] == "off":
        return note(
            "no registry is configured: reports stay on this machine",
            "Set registry in the settings of the agent.",
        )
    if uplink["reason"]:
        message = uplink_failure(uplink)
        return wrong(message, uplink["hint"] or _SEE_LOGS)
    # last_success starts again with each registry; delivered counts all since the agent started
    if uplink["last_success_ago_s"] is None or not uplink["delivered"]:
        return note(
            f"{uplink['registry']}: no report has been delivered yet",
            "Send the queued reports: modemagent outbox flush",
        )
    return ok(f"{uplink['registry']} accepts reports")


def encryption(facts: HostFacts) -> Finding:
    if facts.status is None:
        return skipped(_NO_AGENT)
    uplink = facts.status["uplink"]
    if uplink["state"] == "off":
        return skipped("no registry is configured")
    if is_unencrypted(uplink["registry"]):
        return warning(
            f"the token and identifiers are sent unencrypted to {uplink['registry']}",
            "Set registry to an address with https:// in the settings of the agent.",
        )
    return ok("nothing is sent unencrypted to another machine")


def files(facts: HostFacts) -> Finding:
    if facts.exposed:
        return warning(
            "; ".join(each.message for each in facts.exposed),
            " ".join(f"{each.remedy}." for each in facts.exposed),
        )
    return ok("settings and token are protected from other users")


def outbox(facts: HostFacts) -> Finding:
    if facts.status is None:
        return skipped(_NO_AGENT)
    box = facts.status["outbox"]
    if box["error"]:
        return wrong(
            str(box["error"]), "Free up disk space, and check that the agent can write to the disk."
        )
    if box["quarantined"]:
        return warning(
            f"damaged outbox files were quarantined: {', '.join(box['quarantined'])}",
            "Check the disk (dmesg). Keep the files for support, then remove them.",
        )
    if box.get("evicted"):
        return warning(
            f"lost for lack of space in the outbox: {_reports(box['evicted'])}",
            "Resolve the finding of the check registry, so that reports are delivered again. If "
            "outages of this length are common here, increase outbox_limit in the settings.",
        )
    if box["dead_letters"]:
        return warning(
            f"the registry rejected {_reports(box['dead_letters'])}",
            "See the reasons: modemagent outbox list",
        )
    return ok(f"{_reports(box['waiting'])} waiting")


def _reports(number: int) -> str:
    return f"{number} report{'' if number == 1 else 's'}"


def clock(facts: HostFacts) -> Finding:
    if facts.clock_s < _EARLIEST_S:
        return wrong(
            "the clock of this machine is not set",
            "Start a time service (chrony, systemd-timesyncd). Reports carry the time of this "
            "clock, and TLS fails with a wrong one.",
        )
    if not facts.clock_synchronized:
        return note(
            "the clock is set but not synchronized", "Start a time service, for example chrony."
        )
    return ok("synchronized")
