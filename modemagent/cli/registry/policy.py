"""``modemagent registry policy``: which SIMs modems may hold."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from modemagent.cli.file_argument import content_of, file_argument
from modemagent.cli.options import FOUND_WRONG, ListingGroup, value_option
from modemagent.cli.output import cell, print_json, table
from modemagent.cli.registry.database import show_rows
from modemagent.cli.registry.lists import all_pages
from modemagent.cli.registry.source import (
    id_argument,
    limit_option,
    policy_source,
    source_options,
)
from modemagent.errors import UsageError
from modemagent.registry_client.client import Document
from modemagent.registry_client.policies import PolicySource

MODES = ("observe", "learn", "enforce")
_SUMMARY = ("ref", "name", "mode", "revision", "covers", "sims", "pairs", "valid_from", "valid_to")
ref_argument = id_argument("ref", "REF", "P")
reason_option = value_option("--reason", "TEXT", "Why.", default="", show_default=False)
mode_option = value_option("--mode", "MODE", "observe, learn or enforce.",
                           type=click.Choice(MODES), default="observe")  # fmt: skip
revision_option = value_option(
    "--revision",
    "N",
    "Change the policy only if it has this revision; default: the one it has now.",
    type=click.IntRange(min=1),
)


@click.group("policy", cls=ListingGroup)
def group() -> None:
    """Show and change the policies: which SIMs modems may hold.

    REF is the ref of a policy as "policy list" prints it, or the IMEI of a modem that it names.
    """


@group.command("list")
@limit_option
@source_options
def list_command(limit: int | None, as_json: bool, **where: Any) -> None:
    """List policies."""
    with policy_source(**where) as source:
        found = all_pages(source.policies, "policies", limit)
    shown = [
        {**one, "covers": " ".join(f"{k}={v}" for k, v in one["covers"].items() if v)}
        for one in found
    ]
    show_rows({"policies": found}, shown, _SUMMARY, as_json)


@group.command("show")
@ref_argument
@source_options
def show(ref: str, as_json: bool, **where: Any) -> int:
    """Show a policy with its history. Exits with status 4 if there is none."""
    with policy_source(**where) as source:
        found = source.policy(ref)
    return _show(found, as_json)


@group.command("add", short_help="Add a policy.")
@click.argument("name", metavar="NAME")
@mode_option
@value_option("--imei", "IMEI", "Cover this modem; repeatable.", "imeis", multiple=True)
@value_option("--tac", "TAC", "Cover modems of this TAC; repeatable.", "tacs", multiple=True)
@value_option("--site", "SITE", "Cover modems at this site.")
@value_option("--model", "MODEL", "Cover modems of this model.")
@value_option("--order", "NUMBER", "Cover modems of this order.")
@value_option("--iccid", "ICCID", "Allow this SIM; repeatable.", "iccids", multiple=True)
@value_option("--iccid-prefix", "DIGITS", "Allow SIMs that begin with this; repeatable.",
              "iccid_prefixes", multiple=True)  # fmt: skip
@value_option("--imsi", "IMSI", "Allow the SIM with this IMSI; repeatable.", "imsis", multiple=True)
@value_option("--from", "DATE", "First day or time of validity.", "valid_from")
@value_option("--to", "DATE", "Last day or end of validity.", "valid_to")
@reason_option
@source_options
def add(name: str, as_json: bool, **given: Any) -> int:
    """Add a policy with the name NAME.

    \b
    modemagent registry policy add contract-17 --tac 86769804 --iccid-prefix 8988303
    modemagent registry policy add hall-4 --site hall-4 --mode learn

    Without SIMs, each slot learns the first SIM that is read in it.
    """
    where, content = _divided(given)
    covers = {one: content.pop(one) for one in ("imeis", "tacs", "site", "model", "order")}
    with policy_source(**where) as source:
        found = source.add({"name": name, "covers": covers, **content})
    return _show(found, as_json)


@group.command("set", short_help="Set the policy of one modem.")
@click.argument("modem", metavar="IMEI")
@value_option("--mode", "MODE", "observe, learn or enforce; default: as it is, of a new policy "
              "observe.", type=click.Choice(MODES))  # fmt: skip
@value_option("--iccid", "ICCID", "Allow this SIM; repeatable.", "iccids", multiple=True)
@value_option("--iccid-prefix", "DIGITS", "Allow SIMs that begin with this; repeatable.",
              "iccid_prefixes", multiple=True)  # fmt: skip
@value_option("--imsi", "IMSI", "Allow the SIM with this IMSI; repeatable.", "imsis", multiple=True)
@value_option("--from", "DATE", "First day or time of validity.", "valid_from")
@value_option("--to", "DATE", "Last day or end of validity.", "valid_to")
@reason_option
@revision_option
@source_options
def set_command(modem: str, revision: int | None, as_json: bool, **given: Any) -> int:
    """Set the policy of the modem with this IMEI, or with this ref.

    \b
    modemagent registry policy set 867698040000013 --iccid 8988303000000000010 --mode enforce
    """
    where, content = _divided(given)
    with policy_source(**where) as source:
        before, stated = source.policy(modem), revision
        if before is not None:
            stated = int(before["revision"]) if stated is None else stated
            content["mode"] = content["mode"] or before["mode"]
        content["mode"] = content["mode"] or "observe"
        found = source.put_modem(modem, stated, content)
    return _show(found, as_json)


@group.command("put", short_help="Replace what a policy states by a JSON file.")
@ref_argument
@file_argument
@revision_option
@source_options
def put(ref: str, file: Path, revision: int | None, as_json: bool, **where: Any) -> int:
    """Replace what a policy states by FILE: JSON as "policy show --json" prints it.

    - is stdin. Fields that only the registry sets are ignored.
    """
    try:
        given = json.loads(content_of(file))
    except ValueError as error:
        raise UsageError(f"{file} is not JSON", hint='See: "policy show --json".') from error
    fields = ("name", "mode", "covers", "iccids", "iccid_prefixes", "imsis", "pairs", "exceptions",
              "valid_from", "valid_to", "note", "reason")  # fmt: skip
    content = {name: given[name] for name in fields if name in given}
    with policy_source(**where) as source:
        found = _with_revision(source, ref, revision, lambda n: source.change(ref, n, content))
    return _show(found, as_json)


@group.command("apply", short_help="Set the mode of a policy.")
@ref_argument
@value_option("--mode", "MODE", "observe, learn or enforce.", type=click.Choice(MODES),
              default="enforce")  # fmt: skip
@value_option("--max-match-ratio", "R", "Limit of the re-check that follows; default: 0.05.",
              type=click.FloatRange(0, 1))  # fmt: skip
@reason_option
@revision_option
@source_options
def apply_command(
    ref: str, mode: str, max_match_ratio: float | None, reason: str, revision: int | None,
    as_json: bool, **where: Any,
) -> int:  # fmt: skip
    """Set the mode of a policy. See "rules runs": the re-check stops if it would find too much."""
    with policy_source(**where) as source:
        found = _with_revision(
            source, ref, revision, lambda n: source.apply(ref, n, mode, reason, max_match_ratio)
        )
    return _show(found, as_json)


@group.command("revert", short_help="Return to an earlier revision.")
@ref_argument
@click.argument("to", metavar="N", type=click.IntRange(min=1))
@reason_option
@revision_option
@source_options
def revert(
    ref: str, to: int, reason: str, revision: int | None, as_json: bool, **where: Any
) -> int:
    """Let a policy state again what it did in revision N."""
    with policy_source(**where) as source:
        found = _with_revision(source, ref, revision, lambda n: source.revert(ref, n, to, reason))
    return _show(found, as_json)


@group.command("delete")
@ref_argument
@reason_option
@revision_option
@source_options
def delete(ref: str, reason: str, revision: int | None, as_json: bool, **where: Any) -> int:
    """Delete a policy; its revisions are kept. Exits with status 4 if there is none."""
    with policy_source(**where) as source:
        found = _with_revision(
            source, ref, revision, lambda n: {} if source.delete(ref, n, reason) else None
        )
    if found is None:
        click.echo("No match.", err=True)
        return 4
    if as_json:
        print_json({"deleted": ref})
    return 0


@group.command("dry-run", short_help="Show what would happen if a policy were enforced.")
@ref_argument
@limit_option
@source_options
def dry_run(ref: str, limit: int | None, as_json: bool, **where: Any) -> int:
    """Show which modems would be armed, linked or differ if the policy were enforced.

    Exits with status 3 if modems would differ.
    """
    with policy_source(**where) as source:
        found = source.dry_run(ref, limit or 100)
    if found is None:
        click.echo("No match.", err=True)
        return 4
    rows = [
        {**one, "slots": " ".join(f"{each['slot']}:{each['iccid']}" for each in one["slots"])}
        for one in found["modems"]
    ]
    show_rows(found, rows, ("link_state", "imei", "slots"), as_json)
    if not as_json:
        counts = ", ".join(f"{count} {name}" for name, count in found["counts"].items())
        click.echo(f"{counts}, {found['unknown']} never reported", err=True)
    return FOUND_WRONG if found["counts"]["differed"] else 0


def _divided(given: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the options that select the registry, and the fields of a policy."""
    names = ("url", "token_file", "database", "state_dir")
    where = {name: given.pop(name) for name in names}
    return where, {
        name: list(value) if isinstance(value, tuple) else value for name, value in given.items()
    }


def _with_revision(
    source: PolicySource,
    ref: str,
    revision: int | None,
    work: Callable[[int], Document | None],
) -> Document | None:
    if revision is None:
        found = source.policy(ref)
        if found is None:
            return None
        revision = int(found["revision"])
    return work(revision)


def _show(found: Document | None, as_json: bool) -> int:
    if found is None:
        click.echo("No match.", err=True)
        return 4
    if as_json:
        print_json(found)
        return 0
    names = ("ref", "name", "mode", "revision", "valid_from", "valid_to", "note")
    rows = [[name, cell(found[name])] for name in names if found[name]]
    for name, value in found["covers"].items():
        if value:
            rows.append([name, " ".join(value) if isinstance(value, list) else str(value)])
    lists = ("iccids", "iccid_prefixes", "imsis", "pairs", "exceptions")
    rows += [[name, str(len(found[name]))] for name in lists if found[name]]
    rows += [["links", ", ".join(f"{n} {name}" for name, n in found["links"].items())]]
    click.echo(table(rows))
    for one in found["history"]:
        text = f"{one['time']}  {one['revision']}  {one['actor']}  {one['mode']}  {one['reason']}"
        click.echo(text.rstrip())
    return 0
