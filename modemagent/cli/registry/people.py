"""``modemagent registry person``: create, list and revoke the accounts of people."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

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

ROLES = ("viewer", "operator", "auditor", "admin")
_ROLES_HELP = (
    "viewer: read, with identifiers masked; operator: also decide about findings; auditor: read "
    "everything in full; admin: everything."
)
_COLUMNS = ("name", "role", "full_ids", "state", "second_factor", "created", "revoked")


def _origin(_: click.Context, __: click.Parameter, value: str | None) -> str | None:
    if value is None:
        return None
    parts = urlsplit(value)
    is_origin = parts.scheme in ("http", "https") and parts.netloc and parts.path in ("", "/")
    if not is_origin or parts.query or parts.fragment:
        raise UsageError(
            f"--public-url {value!r} is not the origin of a URL",
            hint="Example: https://registry.example",
        )
    return f"{parts.scheme}://{parts.netloc}"


public_url_option = value_option(
    "--public-url",
    "URL",
    "Origin of the pages for browsers, if they connect through a reverse proxy.",
    callback=_origin,
)


@click.group("person", cls=ListingGroup)
def group() -> None:
    """Create, list and revoke the accounts of people."""


@group.command("create", short_help="Create an account and print its link once.")
@click.argument("name")
@click.option(
    "--role", type=click.Choice(ROLES), default="viewer", show_default=True, help=_ROLES_HELP
)
@flag_option("--full-ids", "Let a viewer or operator see full identifiers.")
@public_url_option
@database_options
def person_create(
    name: str, role: str, full_ids: bool, public_url: str | None, **where: Any
) -> None:
    """Create an account and print a link that sets its password.

    \b
    modemagent registry person create ann --role operator --full-ids

    The link is valid once, for 24 hours. It begins with the address at which the registry was
    served last, unless --public-url states another one. For a person with an account, it replaces
    the password and the role, removes the second factor, and ends all sessions.
    """
    from modemagent.registry.store.database.origin import openable, stored_origin
    from modemagent.registry.store.people.invitations import create_person
    from modemagent.registry.store.people.people import PersonRole, is_name

    if not is_name(name):
        raise UsageError(
            "a name has 1 to 64 of the characters a-z, 0-9 and . _ @ + -", hint="Example: ann"
        )
    with opened_database(database_url(**where)) as store:
        secret = create_person(store, name, PersonRole(role), full_ids=full_ids)
        with store.reading() as connection:
            origin = public_url or openable(stored_origin(connection))
    click.echo(f"{origin}/welcome/{secret}")


@group.command("list")
@json_option
@database_options
def person_list(as_json: bool, **where: Any) -> None:
    """List people, without their passwords."""
    from modemagent.registry.store.fleet.documents import to_rfc3339
    from modemagent.registry.store.people.people import all_people

    with opened_database(existing_database(**where)) as store, store.reading() as connection:
        people = all_people(connection)
    found = []
    for one in people:
        state = "active" if one.has_password else "invited"
        state = "revoked" if one.revoked_ms else state
        values = (one.name, str(one.role), one.full_ids, state, one.has_second_factor)
        times = (to_rfc3339(one.created_ms), to_rfc3339(one.revoked_ms))
        found.append(dict(zip(_COLUMNS, (*values, *times), strict=True)))
    show_rows({"people": found}, found, _COLUMNS, as_json)


@group.command("revoke")
@click.argument("name")
@database_options
def person_revoke(name: str, **where: Any) -> None:
    """Revoke an account and end its sessions at once; "create" gives access again."""
    from modemagent.registry.store.people.people import revoke_person

    with opened_database(existing_database(**where)) as store:
        if revoke_person(store, name):
            return
    raise UsageError(f"no person has the name {name}", hint="See: modemagent registry person list")
