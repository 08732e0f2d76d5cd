"""``modemagent registry windows``: announced work at gateways, sites and modems."""

from __future__ import annotations

from typing import Any

import click

from modemagent.cli.options import ListingGroup, value_option
from modemagent.cli.output import print_json
from modemagent.cli.registry.database import show_rows
from modemagent.cli.registry.lists import all_pages
from modemagent.cli.registry.source import (
    id_argument,
    limit_option,
    policy_source,
    source_options,
)
from modemagent.errors import UsageError

_COLUMNS = ("id", "name", "from", "to", "gateways", "sites", "imeis", "reason", "announced_by")


@click.group("windows", cls=ListingGroup)
def group() -> None:
    """Announce work: until it ends, pairs that a policy does not allow are not findings."""


@group.command("list")
@limit_option
@source_options
def list_command(limit: int | None, as_json: bool, **where: Any) -> None:
    """List announced work, newest first."""
    with policy_source(**where) as source:
        found = all_pages(source.windows, "windows", limit)
    _show({"windows": found}, found, as_json)


@group.command("announce", short_help="Announce work.")
@click.argument("name", metavar="NAME")
@value_option("--to", "WHEN", "When the work ends at the latest: a date or time.", "end",
              required=True)  # fmt: skip
@value_option("--from", "WHEN", "When the work begins; default: now.", "begin")
@value_option("--gateway", "ID", "At this gateway; repeatable.", "gateways", multiple=True)
@value_option("--site", "SITE", "At this site; repeatable.", "sites", multiple=True)
@value_option("--imei", "IMEI", "At this modem; repeatable.", "imeis", multiple=True)
@value_option("--reason", "TEXT", "Why.", default="", show_default=False)
@source_options
def announce(
    name: str, end: str, begin: str | None, gateways: tuple[str, ...], sites: tuple[str, ...],
    imeis: tuple[str, ...], reason: str, as_json: bool, **where: Any,
) -> None:  # fmt: skip
    """Announce work at gateways, sites or modems, which ends by itself.

    \b
    modemagent registry windows announce "SIM replacement" --site hall-4 --to 2026-12-05
    """
    given = {
        "name": name, "from": begin, "to": end, "gateways": list(gateways), "sites": list(sites),
        "imeis": list(imeis), "reason": reason,
    }  # fmt: skip
    with policy_source(**where) as source:
        found = source.announce(given)
    _show(found, [found], as_json)


@group.command("close")
@id_argument("window", "ID", "W")
@source_options
def close(window: str, as_json: bool, **where: Any) -> None:
    """End the announced work with this id now."""
    with policy_source(**where) as source:
        done = source.close_window(window)
    if not done:
        raise UsageError(
            f"no announced work has the id {window}" if done is None else "the work is over",
            hint="See: modemagent registry windows list",
        )
    if as_json:
        print_json({"closed": window})


def _show(document: dict[str, Any], found: list[dict[str, Any]], as_json: bool) -> None:
    shown = [
        {**one, **{name: " ".join(one[name]) for name in ("gateways", "sites", "imeis")}}
        for one in found
    ]
    show_rows(document, shown, _COLUMNS, as_json)
