"""``modemagent status``: ask the running daemon how it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import click

from modemagent.cli.agent import whose
from modemagent.cli.options import json_option
from modemagent.cli.render import heading, plain, table


@click.command()
@click.option("--state-dir", metavar="DIR", help="The agent's state directory.")
@json_option
@click.pass_context
def command(context: click.Context, state_dir: str | None, as_json: bool) -> None:
    """Show modems, their last reports, the outbox and the way to the registry."""
    from modemagent.control.client import ask

    status = with_holders(ask(whose(context, state_dir).state_dir, {"do": "status"}))
    if as_json:
        import json

        click.echo(json.dumps(status))
        return
    for line in _lines(status):
        click.echo(line)


def with_holders(status: dict[str, Any]) -> dict[str, Any]:
    """Say who holds a busy port where the agent can not see it and this user can.

    The agent's own user sees no processes of others (``ProtectProc`` in its unit); root does.
    """
    for modem in status["modems"]:
        holder = modem.get("holder") or {}
        if modem.get("reason") == "busy" and holder.get("pid") is None:
            from modemagent.channel.lock import busy, find_holder

            if found := find_holder(modem["port"]):
                error = busy(modem["port"], found)
                modem |= {"message": error.message, "hint": error.hint, "holder": found._asdict()}
    return status


def _lines(status: Mapping[str, Any]) -> Sequence[str]:
    lines = [
        f"{heading('gateway')}   {plain(str(status['gateway_id']))}",
        f"{heading('agent')}     {status['version']}, process {status['pid']}, "
        f"running {span(status['running_s'])}",
        f"{heading('registry')}  {_uplink(status['uplink'])}",
        f"{heading('outbox')}    {_outbox(status['outbox'])}",
    ]
    if trouble := status.get("settings", {}).get("error"):
        lines.append(plain(f"settings  {trouble}; the settings from before stay in force"))
    lines.append("")
    if not status["modems"]:
        lines.append("No port is being watched. modemagent list shows every port.")
        return lines
    rows = [["PORT", "STATE", "MODEM", "IMEI", "ICCID", "LAST REPORT"]]
    rows += [[plain(cell) for cell in _row(modem)] for modem in status["modems"]]
    lines.append(table(rows))
    for modem in status["modems"]:
        if modem.get("message"):
            hint = f" {modem['hint']}" if modem.get("hint") else ""
            lines.append(plain(f"{modem['port']}: {modem['message']}.{hint}"))
    return lines


def _row(modem: Mapping[str, Any]) -> list[str]:
    unit = modem.get("modem") or {}
    sim = next((sim for sim in modem.get("sims", ()) if sim["active"]), None) or {}
    state = modem["state"] + (f" ({modem['reason']})" if modem.get("reason") else "")
    last = modem.get("last_report")
    return [
        modem["port"],
        state,
        " ".join(filter(None, (unit.get("manufacturer"), unit.get("model")))) or "-",
        unit.get("imei") or "-",
        _card(sim),
        f"{last['reason']} {last['observed_at']}" if last else "-",
    ]


def _card(sim: Mapping[str, Any]) -> str:
    if sim.get("state") == "locked":
        return f"{sim.get('iccid') or '-'} (module locked)"
    return sim.get("iccid") or (f"SIM {sim['state']}" if sim else "-")


def _uplink(uplink: Mapping[str, Any]) -> str:
    if uplink["state"] == "off":
        return "none is set: reports stay in the outbox"
    words = f"{uplink['registry']}: "
    if not uplink["reason"]:
        last = uplink["last_success_ago_s"]
        words += "nothing sent yet" if last is None else f"well, last delivery {span(last)} ago"
        return plain(words)
    words += f"{uplink['reason']} (attempt {uplink['attempts']}"
    if uplink["next_attempt_in_s"] is not None:
        words += f", next in {span(uplink['next_attempt_in_s'])}"
    if uplink.get("retry_after_s") is not None:
        words += f", Retry-After {span(uplink['retry_after_s'])}"
    return plain(f"{words}). {uplink['hint'] or ''}".rstrip())


def _outbox(outbox: Mapping[str, Any]) -> str:
    words = "empty" if not outbox["waiting"] else f"{outbox['waiting']} waiting"
    if outbox["dead_letters"]:
        words += f", {outbox['dead_letters']} refused by the registry (modemagent outbox list)"
    if outbox["buffered"]:
        words += f", {outbox['buffered']} of them in memory only"
    if outbox["evicted"]:
        words += f", {outbox['evicted']} dropped for want of room"
    for name in outbox["quarantined"]:
        words += f"; damaged file set aside: {name}"
    if outbox["error"]:
        words += f"; {outbox['error']}"
    return plain(words)


def span(seconds: float) -> str:
    """Return a duration in the two largest units that say something.

    >>> span(4.2), span(3700), span(200000)
    ('4 s', '1 h 1 min', '2 d 7 h')
    """
    whole = int(seconds)
    days, hours, minutes = whole // 86400, whole // 3600 % 24, whole // 60 % 60
    if days:
        return f"{days} d {hours} h"
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {whole % 60} s" if minutes else f"{whole} s"
