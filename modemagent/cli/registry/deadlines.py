"""``modemagent registry deadlines``: limits and duties of countries that come near."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import click

from modemagent.cli.file_argument import content_of, file_argument
from modemagent.cli.options import FOUND_WRONG, value_option
from modemagent.cli.output import plain, print_json
from modemagent.cli.registry.database import show_rows
from modemagent.cli.registry.lists import (
    all_pages,
    dry_run_option,
    guard_options,
    show_report,
    source_option,
)
from modemagent.cli.registry.source import (
    FILE,
    deadline_source,
    limit_option,
    list_source,
    source_options,
)
from modemagent.errors import UsageError

_COLUMNS = ("due_on", "imei", "gateway_id", "site", "country", "rule", "days", "limit_days",
            "ratio", "last_day")  # fmt: skip
_RULES = ("id", "country", "kind", "sim", "limit_days", "window", "window_days", "confidence",
          "as_of", "enabled", "origin")  # fmt: skip
_PUT = ("id", "country", "modems", "findings", "dry_run", "run")


@click.group("deadlines", invoke_without_command=True)
@value_option("--country", "CODE", "Only in this country, such as TR.")
@value_option("--site", "SITE", "Only at this site.")
@value_option("--modem", "REF", "Only this modem, by its ref.")
@value_option("--due-from", "DATE", "Only what is due on this date or later.")
@value_option("--due-before", "DATE", "Only what is due before this date.")
@limit_option
@source_options
def group(limit: int | None, as_json: bool, **options: Any) -> int:
    """List limits and registration duties of countries that come near, the first due first.

    \b
    modemagent registry deadlines --country TR --due-before 2027-02-01
    modemagent registry deadlines rules

    DUE_ON is when the limit is reached if the modem stays. The rules are not legal advice. Options
    before the name of a subcommand are those of the list. Exits with status 3 if a limit is
    reached.
    """
    if click.get_current_context().invoked_subcommand is not None:
        return 0
    names = ("country", "site", "modem", "due_from", "due_before")
    filters = {name: options.pop(name) for name in names}
    with deadline_source(**options) as source:
        found = all_pages(
            lambda size, after: source.deadlines(size, after, **filters), "deadlines", limit
        )
        if not found and filters["country"] is not None:
            known = sorted({one["country"] for one in source.regulations()["regulations"]})
            _check_country(filters["country"], known)
    show_rows({"deadlines": found}, found, _COLUMNS, as_json)
    if found and not as_json:
        rules = {one["rule"]: one for one in found}
        click.echo()
        for name, one in sorted(rules.items()):
            text = f"{name}: {one['text']} Confidence {one['confidence']}; source: {one['source']}"
            click.echo(plain(text))
        click.echo("\nThe days that were counted and the first report of each: add --json.")
    return FOUND_WRONG if any(one["reached"] for one in found) else 0


def _check_country(code: str, known: list[str]) -> None:
    """Refuse a country that no rule is about.

    :raises UsageError: no rule has it
    """
    if code.upper() not in known:
        raise UsageError(
            f"no rule is about the country {code!r}",
            hint=f"Countries with a rule: {', '.join(known)}.",
        )


@click.command("site", short_help="Set the site of a gateway.")
@click.argument("gateway", metavar="GATEWAY")
@click.argument("site", metavar="SITE", default="")
@source_options
def site_command(gateway: str, site: str, as_json: bool, **where: Any) -> None:
    """Set the SITE of a gateway, by its id or ref; without SITE, it has none.

    \b
    modemagent registry site gw-0042 "hall 4"

    Policies, announced work and deadlines are about sites.
    """
    with deadline_source(**where) as source:
        found = source.set_site(gateway, site or None)
    if found is None:
        raise UsageError(
            f"no gateway has the id {gateway}", hint="See: modemagent registry gateways"
        )
    show_rows(found, [found], ("gateway_id", "site"), as_json)


@group.command("rules")
@source_options
def rules(as_json: bool, **where: Any) -> None:
    """List the rules of countries; --json prints their texts and sources also."""
    with deadline_source(**where) as source:
        document = source.regulations()
    show_rows(document, document["regulations"], _RULES, as_json)


@group.command("add-rules", short_help="Add rules of your own.")
@click.argument("file", metavar="FILE", type=FILE)
@dry_run_option
@source_options
def add_rules(file: Path, dry_run: bool, as_json: bool, **where: Any) -> None:
    """Add the rules of a TOML file; one with the id of another rule replaces it.

    \b
    modemagent registry deadlines add-rules brazil.toml --dry-run

    Each rule is a table [[rule]] with its source and the date of the source; see docs/deadlines.md.
    """
    try:
        document = tomllib.loads(file.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{file} is not TOML: {error}", hint="See docs/deadlines.md.") from error
    found = document.get("rule")
    if not isinstance(found, list) or not found:
        raise UsageError(f"{file} has no rule", hint="Begin each rule with a line [[rule]].")
    with deadline_source(**where) as source:
        done = [source.put_regulation(one, dry_run=dry_run) for one in found]
    shown = [{**one, "findings": _levels(one["findings"])} for one in done]
    show_rows({"regulations": done}, shown, _PUT, as_json)
    if any(one["run"] for one in done):
        click.echo("Findings follow with the re-check: modemagent registry rules runs", err=True)


def _levels(findings: dict[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in findings.items()) or "none"


@group.command("remove-rule")
@click.argument("key", metavar="RULE")
@source_options
def remove_rule(key: str, as_json: bool, **where: Any) -> None:
    """Remove a rule of your own; a rule of the program with its id is in force again."""
    with deadline_source(**where) as source:
        if not source.remove_regulation(key):
            raise UsageError(
                f"no rule of your own has the id {key}",
                hint="See: modemagent registry deadlines rules",
            )
    if as_json:
        print_json({"removed": key})


@group.command("import", short_help="Import registrations with an authority.")
@file_argument
@value_option("--country", "CODE", "Country of the authority, if FILE has no column country.")
@dry_run_option
@source_option
@guard_options
@source_options
def import_command(
    file: Path, country: str | None, dry_run: bool, as_json: bool, source: str, skip: bool,
    force: bool, most_change: float, **where: Any,
) -> int:  # fmt: skip
    """Import the IMEIs that an authority has registered: their deadlines are settled.

    \b
    modemagent registry deadlines import dirbs.csv --country PK --dry-run

    FILE is CSV with a column imei; status, reference and date are read too. Exits with status 3 if
    it has errors; "registry lists undo" undoes an import. - is stdin.
    """
    content = content_of(file)
    with list_source(**where) as found:
        report = found.import_file(
            content, dry_run=dry_run, target="registrations", instead=False, source=source,
            skip=skip, force=force, most_change=most_change, country=country or "",
        )  # fmt: skip
    return show_report(report, dry_run, as_json)
