"""``modemagent list``: the ports of this machine, by modem. Opens nothing, sends not one byte."""

from __future__ import annotations

from typing import NamedTuple

import click

from modemagent.cli.options import json_option, root_option
from modemagent.cli.render import heading, plain, table
from modemagent.discovery.candidate import Candidate


class PortHolder(NamedTuple):
    """Who has a port open."""

    pid: int | None
    name: str | None


@click.command("list")
@json_option
@root_option
def command(as_json: bool, root: str) -> None:
    """Show ports grouped by modem: path, stable id, driver, role, who holds it.

    \b
    modemagent list
    modemagent list --json

    Roles come from udev's rules and a table of USB ids; nothing is opened and nothing is sent.
    """
    from modemagent.cli.ports import seen

    candidates = seen(root)
    holders = {candidate.path: _holder(candidate.path) for candidate in candidates}
    if as_json:
        import json

        click.echo(json.dumps(_document(candidates, holders)))
        return
    if not candidates:
        click.echo("No ports. Is the modem powered, plugged in, and its driver loaded (lsusb)?")
        return
    for number, (modem_id, ports) in enumerate(_by_modem(candidates)):
        if number:
            click.echo()
        click.echo(heading(_title(modem_id, ports[0])))
        rows = [
            (c.path, c.port_id, c.driver or "-", str(c.role), _held(holders[c.path])) for c in ports
        ]
        click.echo(table(rows, indent=2))


def _by_modem(candidates: tuple[Candidate, ...]) -> list[tuple[str | None, list[Candidate]]]:
    groups: dict[str | None, list[Candidate]] = {}
    for candidate in candidates:
        groups.setdefault(candidate.modem_id, []).append(candidate)
    return list(groups.items())


def _document(candidates: tuple[Candidate, ...], holders: dict[str, PortHolder | None]) -> object:
    modems = []
    ports: list[object] = []
    for modem_id, group in _by_modem(candidates):
        shown = [
            {
                **candidate.to_json(),
                "holder": holder._asdict() if (holder := holders[candidate.path]) else None,
            }
            for candidate in group
        ]
        if modem_id is None:
            ports.extend(shown)
            continue
        first = group[0]
        modems.append(
            {
                "id": modem_id,
                "usb_vid": first.usb_vid,
                "usb_pid": first.usb_pid,
                "manufacturer": first.manufacturer,
                "product": first.product,
                "cellular": first.cellular,
                "ports": shown,
            }
        )
    return {"schema": 1, "modems": modems, "ports": ports}


def _title(modem_id: str | None, first: Candidate) -> str:
    if modem_id is None:
        return "other serial ports"
    ids = f"{first.usb_vid}:{first.usb_pid}" if first.usb_vid else ""
    name = " ".join(part for part in (first.manufacturer, first.product) if part)
    remark = "" if first.cellular else "(not a known cellular modem)"
    if first.is_recovery:
        remark = "(waits to be recovered or flashed: never written to)"
    words = [modem_id, ids, plain(name), remark]
    return "  ".join(word for word in words if word)


def _held(holder: PortHolder | None) -> str:
    if holder is None:
        return "free"
    pid = f" (pid {holder.pid})" if holder.pid is not None else ""
    return f"held by {plain(holder.name or 'another program')}{pid}"


def _holder(path: str) -> PortHolder | None:
    from modemagent.channel.lock import find_holder

    found = find_holder(path)
    return PortHolder(found.pid, found.name) if found is not None else None
