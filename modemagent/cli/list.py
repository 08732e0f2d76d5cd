"""``modemagent list``: the ports of this machine, grouped by modem, without opening them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import click

from modemagent.access.target import group_by_modem, scan_ports
from modemagent.channel.port_lock import Holder, find_holder
from modemagent.cli.options import json_option, scan_root_option
from modemagent.cli.output import heading, plain, print_json, table
from modemagent.discovery.candidate import Candidate

Holders = Mapping[str, Holder | None]


@click.command("list")
@json_option
@scan_root_option
def command(as_json: bool, root: str) -> None:
    """List ports grouped by modem: path, stable id, driver, role, holder.

    \b
    modemagent list
    modemagent list --json

    Roles come from udev rules and a table of USB ids. No port is opened, and nothing is sent.
    """
    candidates = scan_ports(root)
    holders = {candidate.path: find_holder(candidate.path) for candidate in candidates}
    if as_json:
        print_json(list_document(candidates, holders))
        return
    groups = group_by_modem(candidates)
    if not candidates:
        click.echo(
            "No ports found. Check the power, the cable and the driver of the modem (lsusb -t)."
        )
    for number, (modem_id, ports) in enumerate(groups.items()):
        if number:
            click.echo()
        click.echo(heading(_title(modem_id, ports[0])))
        rows = [
            (c.path, c.port_id, c.driver or "-", str(c.role), _holder(holders[c.path]))
            for c in ports
        ]
        click.echo(table(rows, indent=2))


def list_document(candidates: Sequence[Candidate], holders: Holders) -> dict[str, object]:
    """Return the ports as a JSON object."""
    groups = group_by_modem(candidates)
    others = groups.pop(None, [])
    return {
        "schema": 1,
        "modems": [_modem(modem_id, ports, holders) for modem_id, ports in groups.items()],
        "ports": _ports(others, holders),
    }


def _modem(modem_id: str | None, ports: Sequence[Candidate], holders: Holders) -> object:
    first = ports[0]
    return {
        "id": modem_id,
        "usb_vid": first.usb_vid,
        "usb_pid": first.usb_pid,
        "manufacturer": first.manufacturer,
        "product": first.product,
        "cellular": first.cellular,
        "ports": _ports(ports, holders),
    }


def _ports(candidates: Sequence[Candidate], holders: Holders) -> list[object]:
    return [
        {**each.to_json(), "holder": holder._asdict() if (holder := holders[each.path]) else None}
        for each in candidates
    ]


def _title(modem_id: str | None, first: Candidate) -> str:
    if modem_id is None:
        return "other serial ports"
    ids = f"{first.usb_vid}:{first.usb_pid}" if first.usb_vid else ""
    name = " ".join(filter(None, (first.manufacturer, first.product)))
    remark = "" if first.cellular else "(not a known cellular modem)"
    if first.is_recovery:
        remark = "(in recovery or flashing mode: never written to)"
    return "  ".join(filter(None, (modem_id, ids, plain(name), remark)))


def _holder(holder: Holder | None) -> str:
    if holder is None:
        return "free"
    pid = f" (pid {holder.pid})" if holder.pid is not None else ""
    return f"held by {plain(holder.name or 'another program')}{pid}"
