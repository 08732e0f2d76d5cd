"""``modemagent registry findings``: what the rules have found, and decisions about it."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import click

from modemagent.cli.options import value_option
from modemagent.cli.output import cell, plain, print_json, table
from modemagent.cli.registry.database import show_rows
from modemagent.cli.registry.history import change_text
from modemagent.cli.registry.source import FILTERS, limit_option, source, source_options
from modemagent.errors import RegistryRefused, UsageError
from modemagent.registry_client.client import Document, Source, entries

_COLUMNS = (
    "type", "severity", "grade", "state", "subject", "part", "first_seen", "first_report", "id",
)  # fmt: skip
_ALLOWED = {
    "by_policy": "yes, by the policy",
    "not_by_policy": "no, the policy does not allow the SIM",
    "announced": "yes, work was announced",
    "no_policy": "open: no policy that learns or enforces covered the modem",
}
_OF_REGISTRY = {"changed": "changed by later reports", "cause_gone": "resolved: cause gone"}
_REQUIRED = ("type", "severity", "grade", "subject", "first_seen", "first_report", "id")
_DURATION = re.compile(r"([1-9][0-9]{0,4})([dh])")


@click.group("findings", invoke_without_command=True)
@FILTERS["type"]
@FILTERS["severity"]
@FILTERS["gateway"]
@value_option("--modem", "IMEI", "Only about this modem, by its IMEI or ref.")
@limit_option
@source_options
def group(limit: int | None, as_json: bool, **options: Any) -> None:
    """List what the rules have found, or make a decision about a finding.

    \b
    modemagent registry findings --severity error
    modemagent registry findings --type sim.swapped --modem 867698040000013
    modemagent registry findings show ID
    modemagent registry findings authorise ID --reason "planned, ticket 4411"

    Options before the name of a subcommand are those of the list.
    """
    if click.get_current_context().invoked_subcommand is not None:
        return
    chosen = {name: options.pop(name) for name in ("type", "severity", "gateway", "modem")}
    filters = {name: value for name, value in chosen.items() if value is not None}
    registry = source(**options)
    found = list(entries(registry, "findings", most=limit, fields=_REQUIRED, **filters))
    if not found and chosen["type"] is not None:
        _check_type(registry, chosen["type"])
    rows = [{**dict.fromkeys(_COLUMNS), **one} for one in found]
    show_rows({"findings": found}, rows, _COLUMNS, as_json)


def _check_type(registry: Source, name: str) -> None:
    """Refuse a type that no rule of the registry has.

    :raises UsageError: there is no such rule
    """
    known = [str(one["name"]) for one in (registry.get("rules") or {}).get("rules", ())]
    if known and name not in known:
        raise UsageError(
            f"no finding has the type {name!r}", hint=f"Known types: {', '.join(known)}."
        )


@group.command("show")
@click.argument("finding_id", metavar="ID")
@source_options
def show_command(finding_id: str, as_json: bool, **where: Any) -> int:
    """Show a finding: the change and what was allowed then, what to do, and the decisions.

    Exits with status 4 if there is no such finding.
    """
    found = source(**where).get(f"findings/{finding_id}")
    if found is None:
        click.echo("No match.", err=True)
        return 4
    _show(found, as_json)
    return 0


def _decision(action: str, summary: str, *options: Callable[[Any], Any]) -> None:
    def decision(
        finding_id: str,
        reason: str,
        revision: int | None,
        as_json: bool,
        until: str | None = None,
        assignee: str | None = None,
        once: bool = False,
        **where: Any,
    ) -> int:
        body = {"reason": reason, "until": _time(until), "assignee": assignee, "once": once or None}
        body = {name: value for name, value in body.items() if value is not None}
        registry = source(**where)
        if revision is None:
            revision = _revision(registry, finding_id)
        found = None
        if revision is not None:
            found = registry.post(f"findings/{finding_id}/{action}", body, revision=revision)
        if found is None:
            click.echo("No match.", err=True)
            return 4
        _show(found, as_json)
        return 0

    decision.__doc__ = f"{summary}\n\nExits with status 4 if there is no such finding."
    made = source_options(decision)
    made = value_option(
        "--revision",
        "N",
        "Decide only if the finding has this revision; default: the one it has now.",
        type=click.IntRange(min=1),
    )(made)
    made = value_option("--reason", "TEXT", "Why; required.", required=True)(made)
    for option in options:
        made = option(made)
    group.command(action)(click.argument("finding_id", metavar="ID")(made))


_until = value_option(
    "--until",
    "WHEN",
    "When the finding is undecided again: 90d, 12h, or a UTC date such as 2027-01-31.",
    required=True,
)
_assignee = value_option(
    "--to", "NAME", "Who is to work on the finding.", "assignee", required=True
)  # fmt: skip
_once = click.option(
    "--once", is_flag=True, help="Allow the SIM only until another one is read in its slot."
)

_decision("acknowledge", "Acknowledge a finding until a time.", _until)
_decision("resolve", "Resolve a finding.")
_decision("suppress", "Suppress a finding until a time.", _until)
_decision("authorise", "Resolve a swap, move or switch that was planned.", _once)
_decision("assign", "Assign a finding to a person.", _assignee)
_decision("withdraw", "Take back what was decided about a finding, and what it allowed.")


def _revision(registry: Source, finding_id: str) -> int | None:
    found = registry.get(f"findings/{finding_id}")
    if found is None:
        return None
    revision = found.get("revision")
    if not isinstance(revision, int):
        raise RegistryRefused(
            "malformed response from the registry: the finding has no revision",
            status=200,
            hint="Check that the registry is not older than this program.",
        )
    return revision


def _show(found: Document, as_json: bool) -> None:
    if as_json:
        print_json(found)
        return
    names = ("id", *_COLUMNS[:-1], "until", "assignee", "revision", "sentence", "remedy")
    lines = [[name, cell(found.get(name))] for name in names if found.get(name)]
    click.echo(table([*lines, *_context(found)]))
    if found.get("history"):
        rows = [[cell(value) for value in row] for row in _history(found["history"])]
        click.echo("\n" + table([["TIME", "ACTOR", "DECISION", "REASON"], *rows]))
    click.echo()
    if report := found.get("first_report"):
        click.echo(plain(f"The report that shows it: modemagent registry report {report}"))
    if found.get("state") == "undecided":
        action = "authorise" if found.get("change") else "resolve"
        decide = f"modemagent registry findings {action} {found['id']} --reason TEXT"
        click.echo(plain(f"Decide: {decide}"))


def _history(made: Sequence[Document]) -> list[list[str]]:
    """Return the decisions; what late reports have changed in a row is one line."""
    rows: list[list[str]] = []
    count = 0
    for one in made:
        action = _OF_REGISTRY.get(one["action"], one["action"])
        if one["action"] == "changed" and count:
            rows.pop()
        count = count + 1 if one["action"] == "changed" else 0
        times = f", {count} times" if count > 1 else ""
        rows.append([one["time"], one["actor"], f"{action}{times}", one["reason"]])
    return rows


def _context(found: Document) -> list[list[str]]:
    """Return what a decision rests on: the change, and what was allowed at that time."""
    lines = []
    if found.get("change"):
        data = found["change"]["data"]
        lines.append(["change", cell(change_text(found["type"], data))])
        where = data["new"] or data["previous"] or {}
        if where.get("gateway_id"):
            lines.append(["where", cell(f"{where['gateway_id']} {where['port']}")])
    policy = found.get("policy")
    lines.append(
        ["policy", cell(f"{policy['name']} ({policy['mode']})" if policy else "none covers it")]
    )
    if found.get("allowed"):
        lines.append(["allowed then", _ALLOWED.get(str(found["allowed"]), "unknown")])
        if found["allowed"] != found.get("allowed_now"):
            lines.append(["allowed now", _ALLOWED.get(str(found.get("allowed_now")), "unknown")])
    if found.get("authorised"):
        once, ended = (found["authorised"].get(one) for one in ("once", "ended_at"))
        text = "once, until another SIM is read in the slot" if once else "from then on"
        lines.append(["authorised", cell(f"{text}; ended {ended}" if ended else text)])
    announced = [f"{one['name']}, {one['from']} to {one['to']}" for one in found.get("windows", ())]
    lines += [["announced work", cell(one)] for one in announced or ["none at that time"]]
    return lines


def _time(text: str | None) -> str | None:
    """Return the time of ``--until`` in RFC 3339."""
    if text is None:
        return None
    duration = _DURATION.fullmatch(text)
    try:
        if duration:
            hours = int(duration[1]) * (24 if duration[2] == "d" else 1)
            end = datetime.now(UTC) + timedelta(hours=hours)
        else:
            end = datetime.fromisoformat(text)
            end = (end if end.tzinfo else end.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise UsageError(
            f"--until {text!r} is neither a duration nor a date",
            hint="Examples: --until 90d, --until 12h, --until 2027-01-31",
        ) from error
    return end.isoformat(timespec="milliseconds").replace("+00:00", "Z")
