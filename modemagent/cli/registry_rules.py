"""``modemagent registry rules``: the rules, and their evaluation for the whole fleet."""

from __future__ import annotations

from typing import Any

import click

from modemagent.cli.options import flag_option, json_option, value_option
from modemagent.cli.registry_database import (
    database_options,
    existing_database,
    opened_database,
    show_rows,
)
from modemagent.cli.registry_source import source, source_options
from modemagent.registry_client.client import rows

_RULE = ("name", "severity", "sentence")
_MATCHES = ("rule", "new", "resolved", "ratio")


@click.group("rules")
def group() -> None:
    """List the rules, or evaluate them for all modems and SIMs."""


@group.command("list")
@source_options
def list_command(as_json: bool, **where: Any) -> None:
    """List the rules: what each finding means, and how serious it is."""
    document = source(**where).get("rules") or {"rules": []}
    show_rows(document, rows(document, "rules", _RULE), _RULE, as_json)


@group.command("check", short_help="Evaluate the rules for the whole fleet.")
@flag_option("--dry-run", "Only count what would be found.")
@value_option(
    "--max-match-ratio",
    "R",
    "Write nothing if a rule has something new about a larger part of the modems or SIMs.",
    type=click.FloatRange(0, 1),
    default=0.05,
)
@json_option
@database_options
def check_command(dry_run: bool, max_match_ratio: float, as_json: bool, **where: Any) -> int:
    """Evaluate the rules for all modems and SIMs, on the machine of the registry.

    Reports are evaluated by themselves as they arrive. This is for what is known already: after an
    upgrade with other rules. The registry may be running.

    Exits with status 3 if --max-match-ratio was exceeded, so that nothing was written.
    """
    from modemagent.registry.store.recheck import recheck

    with opened_database(existing_database(**where)) as database:
        result = recheck(database, dry_run=dry_run, max_match_ratio=max_match_ratio)
    document = {**result._asdict(), "rules": [one._asdict() for one in result.rules]}
    found = [{**one, "ratio": f"{one['ratio']:.1%}"} for one in document["rules"]]
    show_rows(document, found, _MATCHES, as_json, none="No change.")
    if result.stopped_by:
        click.echo(
            f"Nothing was written: more than {max_match_ratio:.1%} of the fleet would have a new"
            f" finding of {', '.join(result.stopped_by)}. Check these rules, then repeat with"
            " --max-match-ratio 1.",
            err=True,
        )
        return 3
    return 0
