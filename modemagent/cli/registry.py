"""``modemagent registry``: server, tokens and queries of the central registry.

Longer than 300 lines: one group of commands, each of a few lines.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from modemagent.cli.options import F, flag_option, json_option, value_option
from modemagent.cli.output import cell, print_json, table
from modemagent.errors import RegistryStoreError, SettingsError, UsageError
from modemagent.registry_client.client import HttpSource, Source, entries, rows
from modemagent.settings import DEFAULT_STATE_DIR

if TYPE_CHECKING:
    from modemagent.registry.store.engine import Database

DEFAULT_LISTEN = "127.0.0.1:8470"
SCOPES = ("gateway", "read", "operate", "admin", "enroll")
_SCOPES_HELP = (
    "gateway: send the reports of --gateway-id; enroll: create the token of a new gateway; read: "
    "query; operate and admin: reserved, at present the same as read."
)
#: The field whose change an event is about; for any other event, the place.
_CHANGED = {
    "sim.swapped": ("iccid",),
    "sim.profile_switched": ("iccid",),
    "sim.imsi_switched": ("imsi",),
    "sim.removed": ("iccid",),
    "modem.swapped": ("imei",),
    "sim.moved": ("imei",),
}


def database_options(function: F) -> F:
    """Add ``--database`` and ``--state-dir``, which select the database."""
    database = value_option("--database", "URL", "Database, such as sqlite:////path/registry.db.")
    state_dir = value_option(
        "--state-dir",
        "DIR",
        "Directory of registry.db, unless --database is given.",
        type=click.Path(file_okay=False, path_type=Path),
    )
    return state_dir(database(function))


def source_options(function: F) -> F:
    """Add the options of a query: the API and a token, or the database."""
    file = click.Path(exists=True, dir_okay=False, path_type=Path)
    token_file = value_option("--token-file", "FILE", "Token for --url.", type=file)
    url = value_option("--url", "URL", "Query a running registry over HTTP.")
    return database_options(json_option(url(token_file(function))))


limit_option = value_option(
    "--limit", "N", "Maximum number of entries.", type=click.IntRange(min=1)
)


@click.group("registry")
def command() -> None:
    """Serve and query the central registry: where every modem and SIM is, and since when."""


@command.command("serve")
@value_option(
    "--listen",
    "HOST:PORT",
    "Address to listen on; port 0 selects a free port.",
    default=DEFAULT_LISTEN,
)
@database_options
def serve_command(listen: str, **where: Any) -> None:
    """Serve the registry until SIGTERM.

    \b
    modemagent registry serve --state-dir /srv/registry
    modemagent registry serve --listen 0.0.0.0:8470 --database sqlite:////srv/registry.db

    Prints "listening on http://HOST:PORT" to stderr when ready. Connections are not encrypted:
    use a reverse proxy with TLS for access from other machines.
    """
    host, port = _address(listen)
    from modemagent.registry.server import serve

    serve(_url(**where), host, port)


@command.group("token")
def token_group() -> None:
    """Create, list and revoke access tokens."""


@token_group.command("create", short_help="Create a token and print it once.")
@click.option("--scope", type=click.Choice(SCOPES), required=True, help=_SCOPES_HELP)
@value_option("--gateway-id", "ID", "Gateway that the token is bound to.")
@flag_option("--full-ids", "Let the token see full identifiers.")
@database_options
def token_create(scope: str, gateway_id: str | None, full_ids: bool, **where: Any) -> None:
    """Create a token and print it once; only its hash is stored.

    \b
    modemagent registry token create --scope gateway --gateway-id gw-0042
    modemagent registry token create --scope read --full-ids
    """
    if (scope == "gateway") != (gateway_id is not None):
        raise UsageError(
            "--gateway-id is required with --scope gateway and invalid with other scopes",
            hint="Example: --scope gateway --gateway-id gw-0042",
        )
    if full_ids and scope in ("gateway", "enroll"):
        raise UsageError(f"--full-ids has no effect with --scope {scope}", hint="Omit --full-ids.")
    if gateway_id is not None and not (gateway_id.isprintable() and 0 < len(gateway_id) <= 256):
        raise UsageError("--gateway-id must have 1 to 256 printable characters")
    from modemagent.registry.store.tokens import Scope, create

    with _opened(_url(**where)) as store:
        secret = create(store, Scope(scope), gateway_id=gateway_id, full_ids=full_ids)
    click.echo(secret)


@token_group.command("list")
@json_option
@database_options
def token_list(as_json: bool, **where: Any) -> None:
    """List tokens, without their secrets."""
    from modemagent.registry.store.documents import to_rfc3339
    from modemagent.registry.store.tokens import all_tokens

    columns = ("number", "scope", "gateway_id", "full_ids", "created", "last_used", "revoked")
    found = []
    with _opened(_existing(**where)) as store:
        for token in all_tokens(store):
            times = map(to_rfc3339, (token.created_ms, token.used_ms, token.revoked_ms))
            values = (token.number, str(token.scope), token.gateway_id, token.full_ids, *times)
            found.append(dict(zip(columns, values, strict=True)))
    _show({"tokens": found}, found, columns, as_json)


@token_group.command("revoke")
@click.argument("number", type=click.IntRange(min=1))
@database_options
def token_revoke(number: int, **where: Any) -> None:
    """Revoke a token by its number in "token list"."""
    from modemagent.registry.store.tokens import revoke

    with _opened(_existing(**where)) as store:
        if revoke(store, number):
            return
    raise UsageError(
        f"no token has the number {number}", hint="See: modemagent registry token list"
    )


@command.command("lookup", short_help="Find any identifier.")
@click.argument("identifier", metavar="ID")
@source_options
def lookup(identifier: str, as_json: bool, **where: Any) -> int:
    """Find an IMEI, IMEISV, ICCID, IMSI, EID, serial number or gateway id.

    \b
    modemagent registry lookup 867698040000013
    modemagent registry lookup 8988303000000000010 --json

    Exits with status 4 if nothing matches.
    """
    document = _source(**where).get("lookup", id=identifier) or {"matches": []}
    columns = ("kind", "id", "modem", "sim", "gateway", "last_seen")
    matches = rows(document, "matches", columns)
    _show(document, matches, columns, as_json, none="No match.")
    return 0 if matches else 4


def _collection(name: str, columns: Sequence[str], summary: str) -> None:
    def collection(limit: int | None, as_json: bool, **where: Any) -> None:
        found = list(entries(_source(**where), name, most=limit, fields=columns))
        _show({name: found}, found, columns, as_json)

    collection.__doc__ = summary
    command.command(name)(limit_option(source_options(collection)))


_collection(
    "modems",
    ("imei", "manufacturer", "model", "present", "gateway_id", "port", "last_seen"),
    "List modems and their places.",
)
_collection(
    "sims",
    ("iccid", "imsi", "present", "imei", "slot", "gateway_id", "last_seen"),
    "List SIMs and the modems that hold them.",
)
_collection(
    "gateways",
    ("gateway_id", "agent_version", "reports", "last_seen"),
    "List gateways and the times of their last reports.",
)


@command.command("events")
@limit_option
@flag_option("--newest-first", "Start with the newest.")
@source_options
def events(limit: int | None, newest_first: bool, as_json: bool, **where: Any) -> None:
    """List events, oldest first."""
    order = "desc" if newest_first else "asc"
    fields = ("time", "type", "subject", "data")
    found = list(entries(_source(**where), "events", most=limit, fields=fields, order=order))
    changes = [{**one, "change": _change(str(one["type"]), one["data"])} for one in found]
    _show({"events": found}, changes, ("time", "type", "subject", "change"), as_json)


def _change(kind: str, data: object) -> str:
    """Return the values before and after the change, of the fields that the event is about."""
    fields = _CHANGED.get(kind, ("gateway_id", "port"))

    def side(name: str) -> str:
        values = data.get(name) if isinstance(data, dict) else None
        if not isinstance(values, dict):
            return "-"
        return " ".join(str(values[field]) for field in fields if values.get(field))

    return f"{side('previous')} -> {side('new')}"


def _show(
    document: dict[str, Any],
    rows: Sequence[dict[str, Any]],
    columns: Sequence[str],
    as_json: bool,
    *,
    none: str = "None.",
) -> None:
    if as_json:
        print_json(document)
    elif not rows:
        click.echo(none, err=True)
    else:
        cells = [[cell(row[name]) for name in columns] for row in rows]
        click.echo(table([[name.upper() for name in columns], *cells]))


def _source(
    url: str | None, token_file: Path | None, database: str | None, state_dir: Path | None
) -> Source:
    if url is None:
        if token_file is not None:
            raise UsageError("--token-file requires --url", hint="Add --url http://HOST:PORT.")
        from modemagent.registry.database_source import DatabaseSource

        return DatabaseSource(_existing(database, state_dir))
    if database is not None:
        raise UsageError("--url and --database exclude each other", hint="Omit one of them.")
    if token_file is None:
        raise UsageError(
            "--url requires --token-file",
            hint="Create a token: modemagent registry token create --scope read --full-ids",
        )
    return HttpSource(url, token_file.read_text().strip())


def _opened(url: str) -> closing[Database]:
    """Return a database beside its server, to be closed at the end of the ``with`` block."""
    from modemagent.registry.store.engine import Database

    return closing(Database(url, guest=True))


def _url(database: str | None, state_dir: Path | None) -> str:
    if database is not None:
        return database
    from modemagent.registry.store.engine import default_url

    return default_url(state_dir or DEFAULT_STATE_DIR)


def _existing(database: str | None, state_dir: Path | None) -> str:
    """Return the URL of an existing database: a query must not create one."""
    url = _url(database, state_dir)
    scheme, _, path = url.partition(":///")
    if scheme == "sqlite" and not Path(path).is_file():
        raise RegistryStoreError(
            f"the registry database {path} does not exist",
            hint="Give the --state-dir or --database of the registry, or query it with --url.",
        )
    return url


def _address(listen: str) -> tuple[str, int]:
    host, colon, port = listen.rpartition(":")
    if not colon or not port.isascii() or not port.isdecimal() or int(port) > 65535 or not host:
        raise SettingsError(
            f"--listen {listen!r} is not HOST:PORT", hint=f"Example: --listen {DEFAULT_LISTEN}"
        )
    return host.removeprefix("[").removesuffix("]"), int(port)
