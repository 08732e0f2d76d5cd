"""``modemagent registry token``: create, list and revoke the tokens of a registry."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import click

from modemagent.cli.options import ListingGroup, flag_option, json_option, value_option
from modemagent.cli.registry.database import (
    database_options,
    database_url,
    existing_database,
    opened_database,
    show_rows,
)
from modemagent.errors import UsageError

SCOPES = ("gateway", "read", "operate", "audit", "admin", "enroll")
_SCOPES_HELP = (
    "gateway: send the reports of --gateway-id; enroll: create the token of a new gateway; read: "
    "query; operate: also change; audit: also read the audit; admin: all of these, and erase SIMs."
)
_DURATION = re.compile(r"([1-9][0-9]{0,4})([dh])")
_COLUMNS = ("number", "scope", "gateway_id", "full_ids", "created", "last_used", "revoked")
_MORE_COLUMNS = ("expires", "enrollment_blocked")


@click.group("token", cls=ListingGroup)
def group() -> None:
    """Create, list and revoke access tokens."""


@group.command("create", short_help="Create a token and print it once.")
@click.option("--scope", type=click.Choice(SCOPES), required=True, help=_SCOPES_HELP)
@value_option("--gateway-id", "ID", "Gateway that the token is bound to.")
@flag_option("--full-ids", "Let the token see full identifiers.")
@value_option(
    "--expires",
    "WHEN",
    "End of validity: 90d, 12h, or a UTC date such as 2027-01-31; default: none.",
)
@database_options
def token_create(
    scope: str, gateway_id: str | None, full_ids: bool, expires: str | None, **where: Any
) -> None:
    """Create a token and print it once; only its hash is stored.

    \b
    modemagent registry token create --scope gateway --gateway-id gw-0042
    modemagent registry token create --scope read --full-ids --expires 90d
    """
    if (scope == "gateway") != (gateway_id is not None):
        raise UsageError(
            "--gateway-id is required with --scope gateway and invalid with other scopes",
            hint="Example: --scope gateway --gateway-id gw-0042",
        )
    if full_ids and scope in ("gateway", "enroll"):
        raise UsageError(f"--full-ids has no effect with --scope {scope}", hint="Omit --full-ids.")
    expires_ms = None if expires is None else _expires_ms(expires)
    from modemagent.registry.store.people.tokens import Scope, create, is_gateway_id

    if gateway_id is not None and not is_gateway_id(gateway_id):
        raise UsageError(
            "--gateway-id must have 1 to 256 printable characters, none of them a slash"
        )
    with opened_database(database_url(**where)) as store:
        secret = create(
            store, Scope(scope), gateway_id=gateway_id, full_ids=full_ids, expires_ms=expires_ms
        )
    click.echo(secret)


@group.command("list")
@json_option
@database_options
def token_list(as_json: bool, **where: Any) -> None:
    """List tokens, without their secrets."""
    from modemagent.registry.store.fleet.documents import to_rfc3339
    from modemagent.registry.store.people.tokens import all_tokens

    found = []
    with opened_database(existing_database(**where)) as store:
        for token in all_tokens(store):
            times = (
                token.created_ms,
                token.used_ms,
                token.revoked_ms,
                token.expires_ms,
                token.enrolment_blocked_ms,
            )
            values = (token.number, str(token.scope), token.gateway_id, token.full_ids)
            columns = (*_COLUMNS, *_MORE_COLUMNS)
            found.append(dict(zip(columns, (*values, *map(to_rfc3339, times)), strict=True)))
    show_rows({"tokens": found}, found, (*_COLUMNS, "expires"), as_json)


@group.command("revoke")
@click.argument("number", type=click.IntRange(min=1))
@database_options
def token_revoke(number: int, **where: Any) -> None:
    """Revoke a token by its number in "token list".

    Revoking the token of a gateway also blocks the enrollment of that gateway, until
    "token allow-enrollment". A running registry refuses the token within a second.
    """
    from modemagent.registry.store.people.tokens import revoke

    with opened_database(existing_database(**where)) as store:
        token = revoke(store, number)
    if token is None:
        raise UsageError(
            f"no token has the number {number}", hint="See: modemagent registry token list"
        )
    if token.gateway_id is not None:
        click.echo(
            f"The enrollment of {token.gateway_id} is blocked. To allow it again:"
            f" modemagent registry token allow-enrollment {token.gateway_id}",
            err=True,
        )


@group.command("allow-enrollment")
@click.argument("gateway_id", metavar="GATEWAY")
@database_options
def allow_enrollment(gateway_id: str, **where: Any) -> None:
    """Let a gateway enroll again whose token was revoked."""
    from modemagent.registry.store.people.tokens import allow_enrollment as allow

    with opened_database(existing_database(**where)) as store:
        if allow(store, gateway_id):
            return
    raise UsageError(
        f"the enrollment of {gateway_id} is not blocked", hint="See: modemagent registry token list"
    )


def _expires_ms(text: str) -> int:
    """Return the end of validity in milliseconds since 1970 UTC."""
    now = datetime.now(UTC)
    duration = _DURATION.fullmatch(text)
    try:
        if duration:
            hours = int(duration[1]) * (24 if duration[2] == "d" else 1)
            end = now + timedelta(hours=hours)
        else:
            end = datetime.fromisoformat(text)
            end = end if end.tzinfo else end.replace(tzinfo=UTC)
    except (ValueError, OverflowError) as error:
        raise UsageError(
            f"--expires {text!r} is neither a duration nor a date",
            hint="Examples: --expires 90d, --expires 12h, --expires 2027-01-31",
        ) from error
    if end <= now:
        raise UsageError(f"--expires {text} is in the past", hint="Give a later date.")
    return int(end.timestamp() * 1000)
