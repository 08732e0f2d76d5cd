"""``modemagent registry rules``: the rules, and their evaluation for the whole fleet."""

from __future__ import annotations

from typing import Any

import click

from modemagent.cli.options import FOUND_WRONG, ListingGroup, flag_option, value_option
from modemagent.cli.output import print_json
from modemagent.cli.registry.database import show_rows
from modemagent.cli.registry.lists import all_pages
from modemagent.cli.registry.source import limit_option, recheck_source, source, source_options
from modemagent.errors import UsageError
from modemagent.registry_client.client import Document, rows

_RULE = ("name", "severity", "sentence")
_MATCHES = ("rule", "new", "resolved", "ratio")
_RUN = ("id", "scope", "subject", "state", "affected", "done", "new", "resolved", "stopped_by",
        "requested_by", "created_at")  # fmt: skip
_STATES = ("finding", "counting", "writing", "stopped", "done", "counted", "superseded")


@click.group("rules", cls=ListingGroup)
def group() -> None:
    """List the rules, evaluate them for all modems and SIMs, and see what a change has found."""


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
@source_options
def check_command(dry_run: bool, max_match_ratio: float, as_json: bool, **where: Any) -> int:
    """Evaluate the rules for all modems and SIMs.

    Reports are evaluated by themselves as they arrive, and the fleet after a change of a list or of
    the TAC table and after an upgrade. The registry may be running.

    Exits with status 3 if --max-match-ratio was exceeded, so that nothing was written.
    """
    with recheck_source(**where) as found:
        run = found.start(dry_run=dry_run, max_match_ratio=max_match_ratio, wait=True)
    return _show(run, as_json)


@group.command("runs", short_help="List re-checks of the fleet, newest first.")
@value_option("--state", "STATE", "Only in this state, such as stopped.",
              type=click.Choice(_STATES))  # fmt: skip
@limit_option
@source_options
def runs_command(state: str | None, limit: int | None, as_json: bool, **where: Any) -> None:
    """List re-checks of what a change of a list, the TAC table or a rule is about, newest first.

    \b
    modemagent registry rules runs --state stopped
    modemagent registry rules confirm ID

    A run that would find something about more than 5 % of the fleet is stopped: nothing is written
    until it is confirmed.
    """
    with recheck_source(**where) as found:
        runs = all_pages(lambda most, after: found.runs(most, after, state), "runs", limit)
    shown = [
        {
            **one,
            "new": sum(each["new"] for each in one["rules"]),
            "resolved": sum(each["resolved"] for each in one["rules"]),
            "stopped_by": " ".join(one["stopped_by"]),
        }
        for one in runs
    ]
    show_rows({"runs": runs}, shown, _RUN, as_json)


@group.command("confirm", short_help="Confirm a stopped re-check.")
@click.argument("run", metavar="ID")
@source_options
def confirm_command(run: str, as_json: bool, **where: Any) -> int:
    """Let the stopped re-check with this id, as "rules runs" prints it, write what it has found."""
    with recheck_source(**where) as source:
        found = source.confirm(run, wait=True)
    if found is None:
        raise UsageError(
            f"no re-check has the id {run}", hint="See: modemagent registry rules runs"
        )
    return _show(found, as_json)


def _show(run: Document, as_json: bool) -> int:
    if as_json:
        print_json(run)
    else:
        found = [{**one, "ratio": f"{one['ratio']:.1%}"} for one in run["rules"]]
        show_rows(run, found, _MATCHES, as_json, none="No change.")
    if not run["stopped_by"]:
        return 0
    if run["state"] == "stopped":
        click.echo(
            f"Nothing was written: more than {run['max_match_ratio']:.1%} of the fleet would have"
            f" a new finding of {', '.join(run['stopped_by'])}. Check these rules, then"
            f" write it: modemagent registry rules confirm {run['id']}",
            err=True,
        )
    return FOUND_WRONG
