"""Commands that query the fleet: lookup, modems, SIMs, gateways, reports and events."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from modemagent.cli.options import flag_option
from modemagent.cli.registry.database import show_rows
from modemagent.cli.registry.history import (
    ShownState,
    as_of_option,
    change_text,
    known_at_option,
    refuse_filters,
    refuse_without_identifier,
    show_one,
    show_report,
    timeline_option,
)
from modemagent.cli.registry.source import FILTERS, limit_option, source, source_options
from modemagent.registry_client.client import entries, rows

_PAIR = ("imei", "slot", "iccid", "imsi", "link_state", "gateway_id", "port", "first_seen",
         "last_seen")  # fmt: skip


@click.command("lookup", short_help="Find any identifier.")
@click.argument("identifier", metavar="ID")
@source_options
def lookup_command(identifier: str, as_json: bool, **where: Any) -> int:
    """Find an IMEI, IMEISV, ICCID, IMSI, EID, serial number or gateway id.

    \b
    modemagent registry lookup 867698040000013
    modemagent registry lookup 8988303000000000010 --json
    modemagent registry lookup 0013

    Of 4 to 8 digits, the newest IMEIs and ICCIDs that end with them are listed too. Exits with
    status 4 if nothing matches in full.
    """
    document = source(**where).get("lookup", id=identifier) or {"matches": []}
    columns = ("kind", "id", "modem", "sim", "gateway", "last_seen")
    matches = rows(document, "matches", columns)
    candidates = [] if as_json else rows(document, "candidates", columns)
    if as_json or matches or not candidates:
        show_rows(document, matches, columns, as_json, none="No match.")
    if candidates:
        end = " (the newest; there are more)" if document.get("more_candidates") else ""
        click.echo(f"Numbers that end with {identifier}{end}:")
        show_rows(document, candidates, columns, as_json)
    return 0 if matches else 4


def _collection(
    name: str, metavar: str, columns: Sequence[str], summary: str, *filters: str, timeline: bool
) -> click.Command:
    def collection(
        identifier: str | None,
        limit: int | None,
        as_json: bool,
        as_of: str | None,
        known_at: str | None,
        timeline: bool = False,
        **where: Any,
    ) -> int:
        chosen = {one: value for one in filters if (value := where.pop(one)) is not None}
        if identifier is not None:
            refuse_filters([*chosen, *(["limit"] if limit is not None else ())])
            past = ShownState(as_of, known_at, timeline)
            return show_one(source(**where), name, identifier, past, as_json)
        refuse_without_identifier(as_of, known_at, timeline)
        found = list(entries(source(**where), name, most=limit, fields=columns, **chosen))
        show_rows({name: found}, found, columns, as_json)
        return 0

    collection.__doc__ = summary
    options = source_options(collection)
    if timeline:
        options = timeline_option(options)
    options = limit_option(as_of_option(known_at_option(options)))
    for one in reversed(filters):
        options = FILTERS[one](options)
    short = summary.partition("\n")[0]
    argument = click.argument("identifier", metavar=f"[{metavar}]", required=False)
    return click.command(name, short_help=short)(argument(options))


_modems = _collection(
    "modems",
    "IMEI",
    ("imei", "manufacturer", "model", "present", "gateway_id", "port", "link_state", "last_seen"),
    """List modems and their places, or show one.

    \b
    modemagent registry modems --gateway gw-0042
    modemagent registry modems 867698040000013 --timeline
    modemagent registry modems 867698040000013 --as-of 2026-03-03T12:00Z

    IMEI may also be the ref of a modem. Exits with status 4 if it has never been reported.
    """,
    "gateway",
    "link_state",
    timeline=True,
)
_sims = _collection(
    "sims",
    "ICCID",
    ("iccid", "imsi", "present", "imei", "slot", "gateway_id", "last_seen"),
    """List SIMs and the modems that hold them, or show one.

    \b
    modemagent registry sims 8988303000000000010 --timeline

    ICCID may also be the ref of a SIM. Exits with status 4 if it has never been reported.
    """,
    "gateway",
    "link_state",
    timeline=True,
)
_gateways = _collection(
    "gateways",
    "ID",
    ("gateway_id", "agent_version", "reports", "last_seen"),
    """List gateways and the times of their last reports, or show one with its modems.

    Exits with status 4 if the gateway has never reported.
    """,
    timeline=False,
)


@click.command("pairings", short_help="List the SIMs that are in a modem now.")
@FILTERS["link_state"]
@limit_option
@source_options
def pairings_command(
    link_state: str | None, limit: int | None, as_json: bool, **where: Any
) -> None:
    """List the pairs of modem and SIM: the SIMs that are in a modem now.

    \b
    modemagent registry pairings --link-state differed
    """
    chosen = {} if link_state is None else {"link_state": link_state}
    found = list(entries(source(**where), "pairings", most=limit, fields=_PAIR, **chosen))
    show_rows({"pairings": found}, found, _PAIR, as_json)


@click.command("report", short_help="Show a stored report with its evidence.")
@click.argument("key", metavar="KEY")
@source_options
def report_command(key: str, as_json: bool, **where: Any) -> int:
    """Show a stored report: what was read, and the responses of the modem.

    \b
    modemagent registry report gw-0042/5f2e/17

    KEY is GATEWAY/STREAM/SEQUENCE, as the other commands print it. Exits with status 4 if there is
    no report with this key.
    """
    return show_report(source(**where), key, as_json)


@click.command("events")
@limit_option
@flag_option("--newest-first", "Start with the newest.")
@source_options
def events_command(limit: int | None, newest_first: bool, as_json: bool, **where: Any) -> None:
    """List events, oldest first; with --limit, the newest ones."""
    order = "desc" if newest_first or limit is not None else "asc"
    fields = ("time", "type", "subject", "data")
    found = list(entries(source(**where), "events", most=limit, fields=fields, order=order))
    if limit is not None and not newest_first:
        found.reverse()
    changes = [{**one, "change": change_text(str(one["type"]), one["data"])} for one in found]
    show_rows({"events": found}, changes, ("time", "type", "subject", "change"), as_json)


COMMANDS = (
    lookup_command, _modems, _sims, _gateways, pairings_command, report_command, events_command,
)  # fmt: skip
