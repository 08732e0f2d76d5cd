"""``modemagent status``: the status of the running daemon."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import click

from modemagent.access.agent import state_dir_of
from modemagent.channel.port_lock import busy, find_holder
from modemagent.cli.options import json_option, state_dir_option
from modemagent.cli.output import cell, heading, paragraph, plain, print_json, table
from modemagent.cli.port_options import locate_agent
from modemagent.control.client import ask
from modemagent.report.status import uplink_failure


@click.command()
@state_dir_option
@json_option
def command(state_dir: str | None, as_json: bool) -> None:
    """Show the status of the running daemon: modems, last reports, outbox, uplink."""
    status = with_holders(ask(state_dir_of(locate_agent(state_dir)), {"do": "status"}))
    if as_json:
        print_json(status)
    else:
        click.echo("\n".join(_lines(status)))


def with_holders(status: dict[str, Any]) -> dict[str, Any]:
    """Add the holder of a busy port if only this user can see it.

    The agent's user sees no processes of other users (``ProtectProc`` in its unit); root does.
    """
    for modem in status["modems"]:
        is_busy = modem.get("reason") == "busy"
        is_hidden = (modem.get("holder") or {}).get("pid") is None
        if is_busy and is_hidden and (found := find_holder(modem["port"])):
            error = busy(modem["port"], found)
            modem |= {"message": error.message, "hint": error.hint, "holder": found._asdict()}
    return status


def _lines(status: Mapping[str, Any]) -> Iterator[str]:
    running = duration(status["running_s"])
    yield f"{heading('gateway')}   {plain(str(status['gateway_id']))}"
    yield f"{heading('agent')}     {status['version']}, process {status['pid']}, running {running}"
    yield paragraph(f"{heading('registry')}  ", plain(_uplink(status["uplink"])))
    yield paragraph(f"{heading('outbox')}    ", plain(_outbox(status["outbox"])))
    if error := status.get("settings", {}).get("error"):
        text = f"{plain(error)}; the previous settings stay in effect"
        yield paragraph(f"{heading('settings')}  ", text)
    yield ""
    if not status["modems"]:
        yield "No port is watched. List all ports with modemagent list."
    else:
        yield table([("PORT", "STATE", "MODEM", "IMEI", "ICCID"), *map(_row, status["modems"])])
    for modem in status["modems"]:
        if last := modem.get("last_report"):
            yield plain(f"{modem['port']}: last report {last['reason']} {last['observed_at']}")
        if modem.get("message"):
            text = f"{modem['message']}. {modem.get('hint', '')}".rstrip()
            yield paragraph(f"{plain(modem['port'])}: ", plain(text))
        for problem in modem.get("problems", ()):
            if problem["code"].startswith("cross.") and problem["severity"] == "error":
                yield plain(f"{modem['port']}: {problem['message']} [{problem['code']}]")
    for drops in status.get("drops", ()):
        if drops["message"]:
            yield plain(f"{drops['port']}: {drops['message']}")


def _row(entry: Mapping[str, Any]) -> tuple[str, ...]:
    modem = entry.get("modem") or {}
    sim = next((sim for sim in entry.get("sims", ()) if sim["active"]), None) or {}
    name = " ".join(filter(None, (modem.get("manufacturer"), modem.get("model"))))
    iccid = sim.get("iccid") or (f"SIM {sim['state']}" if sim else None)
    return (*map(cell, (entry["port"], entry["state"], name or None, modem.get("imei"), iccid)),)


def _uplink(uplink: Mapping[str, Any]) -> str:
    if uplink["state"] == "off":
        return "not configured: reports stay in the outbox"
    if not uplink["reason"]:
        last = uplink["last_success_ago_s"]
        state = "nothing sent yet" if last is None else f"ok, sent {duration(last)} ago"
        return f"{uplink['registry']}: {state}"
    text = f"{uplink_failure(uplink)} (attempt {uplink['attempts']}"
    if uplink["next_attempt_in_s"] is not None:
        text += f", next in {duration(uplink['next_attempt_in_s'])}"
    if uplink.get("retry_after_s") is not None:
        text += f", Retry-After {duration(uplink['retry_after_s'])}"
    return f"{text}). {uplink['hint'] or ''}".rstrip()


def _outbox(outbox: Mapping[str, Any]) -> str:
    waiting = outbox["waiting"]
    text = f"{waiting} report{'' if waiting == 1 else 's'} queued" if waiting else "empty"
    if outbox["dead_letters"]:
        text += f", {outbox['dead_letters']} rejected by the registry (modemagent outbox list)"
    if outbox["buffered"]:
        text += f", {outbox['buffered']} of them in memory only"
    if outbox["evicted"]:
        text += f", {outbox['evicted']} evicted for lack of space"
    for name in outbox["quarantined"]:
        text += f"; damaged file quarantined: {name}"
    return f"{text}; {outbox['error']}" if outbox["error"] else text


def duration(seconds: float) -> str:
    """Return a duration in its two largest units.

    >>> duration(4.2), duration(3700), duration(200000)
    ('4 s', '1 h 1 min', '2 d 7 h')
    """
    whole = int(seconds)
    days, hours, minutes = whole // 86400, whole // 3600 % 24, whole // 60 % 60
    if days:
        return f"{days} d {hours} h"
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {whole % 60} s" if minutes else f"{whole} s"
