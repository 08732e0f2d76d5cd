"""``modemagent registry webhooks``: events and findings sent to other programs."""

from __future__ import annotations

from typing import Any

import click

from modemagent.cli.options import F, ListingGroup, flag_option, value_option
from modemagent.cli.output import cell, print_json, table
from modemagent.cli.registry.database import show_rows
from modemagent.cli.registry.lists import all_pages
from modemagent.cli.registry.source import limit_option, source_options, webhook_source
from modemagent.errors import UsageError

_COLUMNS = ("id", "name", "url", "types", "severity", "full_ids", "state", "waiting", "dead")
_MESSAGES = ("id", "type", "state", "attempts", "status", "error", "created_at", "next_attempt_at")
_webhook = click.argument("key", metavar="WEBHOOK")


def _fields(function: F) -> F:
    """Add the options with the fields of a webhook."""
    options = [
        value_option("--type", "TYPE", "Type, such as sim.swapped, finding.imei.prohibited, case.* "
                     "or *; repeatable; default: all.", "types", multiple=True),
        value_option("--severity", "LEVEL", "Least severity of findings; default: error.",
                     type=click.Choice(("error", "warning"))),
        flag_option("--full-ids/--masked", "Send numbers in full; default: masked.",
                    "full_ids", default=None),
    ]  # fmt: skip
    for one in reversed(options):
        function = one(function)
    return function


@click.group("webhooks", cls=ListingGroup)
def group() -> None:
    """Send events and findings to other programs, signed and as CloudEvents."""


@group.command("list")
@source_options
def list_command(as_json: bool, **where: Any) -> None:
    """List webhooks, with the numbers of messages that wait and that were given up."""
    with webhook_source(**where) as source:
        found = source.webhooks()
    rows = [{**one, **one["messages"], "types": " ".join(one["types"])}
            for one in found["webhooks"]]  # fmt: skip
    show_rows(found, rows, _COLUMNS, as_json)


@group.command("add", short_help="Add a webhook and print its secret once.")
@click.argument("name")
@click.argument("target", metavar="TARGET")
@_fields
@source_options
def add(
    name: str, target: str, types: tuple[str, ...], severity: str | None, full_ids: bool | None,
    as_json: bool, **where: Any,
) -> None:  # fmt: skip
    """Add a webhook at the URL TARGET and print its secret, which is not shown again.

    \b
    modemagent registry webhooks add tickets https://hooks.example/modems --type "finding.*"

    The receiver verifies the signature with the secret, by Standard Webhooks. It gets what happens
    from now on. Private addresses need "registry serve --webhook-network". A token needs the scope
    admin.
    """
    given = _given(types, severity, full_ids)
    with webhook_source(**where) as source:
        found = source.add({"name": name, "url": target, **given})
    if as_json:
        print_json(found)
    else:
        click.echo(found["secret"])
        click.echo(f"webhook {found['id']}; test it: modemagent registry webhooks test "
                   f"{found['id']}", err=True)  # fmt: skip


@group.command("set")
@_webhook
@value_option("--name", "NAME", "Its name.")
@value_option("--target", "URL", "Its URL.")
@_fields
@value_option("--state", "STATE", "active or disabled.",
              type=click.Choice(("active", "disabled")))  # fmt: skip
@source_options
def set_command(
    key: str, name: str | None, target: str | None, types: tuple[str, ...], severity: str | None,
    full_ids: bool | None, state: str | None, as_json: bool, **where: Any,
) -> None:  # fmt: skip
    """Change a webhook; activated again, it gets what has happened meanwhile."""
    fields = {"name": name, "url": target, "state": state}
    given = {one: value for one, value in fields.items() if value is not None}
    given |= _given(types, severity, full_ids)
    if not given:
        raise UsageError("nothing is to be changed", hint="Give a field.")
    with webhook_source(**where) as source:
        _show(_found(source.change(key, given)), as_json)


@group.command("secret")
@_webhook
@source_options
def secret(key: str, as_json: bool, **where: Any) -> None:
    """Replace the secret and print it; the old one also signs for 24 hours more."""
    with webhook_source(**where) as source:
        found = _found(source.replace_secret(key))
    if as_json:
        print_json(found)
    else:
        click.echo(found["secret"])


@group.command("delete")
@_webhook
@source_options
def delete(key: str, as_json: bool, **where: Any) -> None:
    """Delete a webhook with its messages."""
    with webhook_source(**where) as source:
        _found({} if source.remove(key) else None)
    if as_json:
        print_json({"deleted": key})


@group.command("test")
@_webhook
@source_options
def test(key: str, as_json: bool, **where: Any) -> None:
    """Send a test message; "messages" shows its result."""
    with webhook_source(**where) as source:
        found = _found(source.test(key))
    if as_json:
        print_json(found)
    else:
        click.echo(f"message {found['message']}")


@group.command("messages")
@_webhook
@value_option("--state", "STATE", "Only waiting, delivered or dead ones.",
              type=click.Choice(("waiting", "delivered", "dead")))  # fmt: skip
@limit_option
@source_options
def messages(key: str, state: str | None, limit: int | None, as_json: bool, **where: Any) -> None:
    """List the messages to a webhook, newest first."""
    with webhook_source(**where) as source:
        found = all_pages(
            lambda most, after: _found(source.messages(key, most, after, state)), "messages", limit
        )
    show_rows({"messages": found}, found, _MESSAGES, as_json)


@group.command("send-again")
@_webhook
@click.argument("message")
@source_options
def send_again(key: str, message: str, as_json: bool, **where: Any) -> None:
    """Send a message again that was delivered, or that was given up after three days."""
    with webhook_source(**where) as source:
        _found({} if source.send_again(key, message) else None)
    if as_json:
        print_json({"message": message})


def _given(types: tuple[str, ...], severity: str | None, full_ids: bool | None) -> dict[str, Any]:
    given = {"types": list(types) or None, "severity": severity, "full_ids": full_ids}
    return {name: value for name, value in given.items() if value is not None}


def _found(found: dict[str, Any] | None) -> dict[str, Any]:
    if found is None:
        raise UsageError("there is no such webhook or message",
                         hint="See: modemagent registry webhooks list")  # fmt: skip
    return found


def _show(found: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(found)
        return
    counts = found.pop("messages")
    rows = {**found, "types": " ".join(found["types"]), **counts}
    click.echo(table([[name, cell(value)] for name, value in rows.items()]))
