"""``modemagent registry``: serve it, hand out its tokens, ask it.

Some lines above 300: one group of commands, each of a few lines.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from modemagent.cli.options import json_option
from modemagent.cli.render import plain, table
from modemagent.errors import RegistryStoreError, SettingsError, UsageError

if TYPE_CHECKING:
    from modemagent.registry.client import Source

F = TypeVar("F", bound=Callable[..., Any])

DEFAULT_LISTEN = "127.0.0.1:8470"
SCOPES = ("gateway", "read", "operate", "admin", "enroll")


def database_options(function: F) -> F:
    """Add ``--database`` and ``--state-dir``: where the registry keeps what it knows."""
    function = click.option(
        "--database", metavar="URL", help="Database, as sqlite:////path/registry.db."
    )(function)
    return click.option(
        "--state-dir",
        type=click.Path(file_okay=False, path_type=Path),
        metavar="DIR",
        help="Directory of registry.db, without --database.",
    )(function)


def source_options(function: F) -> F:
    """Add what a reading command needs: an API and its token, or the database."""
    function = click.option(
        "--token-file",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        metavar="FILE",
        help="Token for --url.",
    )(function)
    function = click.option("--url", metavar="URL", help="Ask a running registry over HTTP.")(
        function
    )
    return database_options(json_option(function))


@click.group("registry")
def command() -> None:
    """The central registry: where every modem and card is, and since when."""


@command.command("serve")
@click.option(
    "--listen",
    default=DEFAULT_LISTEN,
    show_default=True,
    metavar="HOST:PORT",
    help="Address to listen on; port 0 takes a free one.",
)
@database_options
def serve_command(listen: str, database: str | None, state_dir: Path | None) -> None:
    """Serve the registry until SIGTERM.

    \b
    modemagent registry serve --state-dir /srv/registry
    modemagent registry serve --listen 0.0.0.0:8470 --database sqlite:////srv/registry.db

    Prints "listening on http://HOST:PORT" to stderr when it is ready. It speaks plain HTTP:
    beyond this machine, put a proxy with TLS before it.
    """
    host, port = _address(listen)
    from modemagent.registry.server import serve

    serve(_url(database, state_dir), host, port)


@command.group("token")
def token_group() -> None:
    """Hand out, list and revoke tokens."""


@token_group.command("create")
@click.option("--scope", type=click.Choice(SCOPES), required=True, help="What it may do.")
@click.option("--gateway-id", metavar="ID", help="The gateway a gateway token is bound to.")
@click.option("--full-ids", is_flag=True, help="Show identifiers in full.")
@database_options
def token_create(
    scope: str,
    gateway_id: str | None,
    full_ids: bool,
    database: str | None,
    state_dir: Path | None,
) -> None:
    """Make a token and print it, once; only its hash is kept.

    \b
    modemagent registry token create --scope gateway --gateway-id gw-0042
    modemagent registry token create --scope read --full-ids
    """
    if (scope == "gateway") != (gateway_id is not None):
        raise UsageError(
            "a gateway token needs --gateway-id, and no other token takes it",
            hint="As in: --scope gateway --gateway-id gw-0042",
        )
    if full_ids and scope in ("gateway", "enroll"):
        raise UsageError(f"a token of scope {scope} reads nothing", hint="Leave out --full-ids")
    if gateway_id is not None and not (gateway_id.isprintable() and 0 < len(gateway_id) <= 256):
        raise UsageError("a gateway id has 1 to 256 printable characters")
    from modemagent.registry.store import tokens
    from modemagent.registry.store.engine import Database

    store = Database(_url(database, state_dir), guest=True)
    secret = tokens.create(store, tokens.Scope(scope), gateway_id=gateway_id, full_ids=full_ids)
    store.close()
    click.echo(secret)


@token_group.command("list")
@json_option
@database_options
def token_list(as_json: bool, database: str | None, state_dir: Path | None) -> None:
    """List tokens, without their secrets."""
    from modemagent.registry.store import tokens
    from modemagent.registry.store.engine import Database
    from modemagent.registry.store.reader import to_rfc3339

    store = Database(_existing(database, state_dir), guest=True)
    found = [
        {
            "number": token.number,
            "scope": str(token.scope),
            "gateway_id": token.gateway_id,
            "full_ids": token.full_ids,
            "created": to_rfc3339(token.created_ms),
            "last_used": to_rfc3339(token.used_ms),
            "revoked": to_rfc3339(token.revoked_ms),
        }
        for token in tokens.all_tokens(store)
    ]
    store.close()
    _show(
        {"tokens": found},
        found,
        ("number", "scope", "gateway_id", "full_ids", "created", "last_used", "revoked"),
        as_json,
    )


@token_group.command("revoke")
@click.argument("number", type=click.IntRange(min=1))
@database_options
def token_revoke(number: int, database: str | None, state_dir: Path | None) -> None:
    """End the life of a token, by its number in "token list"; it is refused from now on."""
    from modemagent.registry.store import tokens
    from modemagent.registry.store.engine import Database

    store = Database(_existing(database, state_dir), guest=True)
    known = tokens.revoke(store, number)
    store.close()
    if not known:
        raise UsageError(f"there is no token {number}", hint="See: modemagent registry token list")


@command.command("lookup")
@click.argument("identifier", metavar="ID")
@source_options
def lookup(identifier: str, as_json: bool, **where: Any) -> None:
    """Find an IMEI, IMEISV, ICCID, IMSI, EID, serial number or gateway id.

    \b
    modemagent registry lookup 867698040000013
    modemagent registry lookup 8988303000000000010 --json

    Exits with 4 when nobody ever reported it.
    """
    from modemagent.registry.client import rows

    document = _source(**where).get("lookup", id=identifier) or {"matches": []}
    columns = ("kind", "id", "modem", "sim", "gateway", "last_seen")
    matches = rows(document, "matches", columns)
    _show(document, matches, columns, as_json, none="Nobody ever reported that.")
    if not matches:
        click.get_current_context().exit(4)


def _collection(name: str, columns: Sequence[str], summary: str) -> None:
    def collection(limit: int | None, as_json: bool, **where: Any) -> None:
        from modemagent.registry.client import entries

        found = list(entries(_source(**where), name, most=limit, fields=columns))
        _show({name: found}, found, columns, as_json)

    collection.__doc__ = summary
    limited = click.option(
        "--limit", type=click.IntRange(min=1), metavar="N", help="At most N of them."
    )(source_options(collection))
    command.add_command(click.command(name)(limited))


_collection(
    "modems",
    ("imei", "manufacturer", "model", "present", "gateway_id", "port", "last_seen"),
    "List modems and where they are.",
)
_collection(
    "sims",
    ("iccid", "imsi", "present", "imei", "slot", "gateway_id", "last_seen"),
    "List cards and the modems that hold them.",
)
_collection(
    "gateways",
    ("gateway_id", "agent_version", "reports", "last_seen"),
    "List gateways and when they last reported.",
)


@command.command("events")
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="At most N of them.")
@click.option("--newest-first", is_flag=True, help="Begin with the newest.")
@source_options
def events(limit: int | None, newest_first: bool, as_json: bool, **where: Any) -> None:
    """List what happened, oldest first."""
    from modemagent.registry.client import entries

    order = "desc" if newest_first else "asc"
    fields = ("time", "type", "subject", "data")
    found = list(entries(_source(**where), "events", most=limit, fields=fields, order=order))
    rows = [{**one, "change": _change(str(one["type"]), one["data"])} for one in found]
    _show({"events": found}, rows, ("time", "type", "subject", "change"), as_json)


def _change(kind: str, data: object) -> str:
    """Say in a few words what changed, by the field that the kind of event is about."""
    fields = {
        "sim.swapped": ("iccid",),
        "sim.profile_switched": ("iccid",),
        "sim.imsi_switched": ("imsi",),
        "sim.removed": ("iccid",),
        "modem.swapped": ("imei",),
        "sim.moved": ("imei",),
    }.get(kind, ("gateway_id", "port"))

    def side(name: str) -> str:
        pair = data.get(name) if isinstance(data, dict) else None
        if not isinstance(pair, dict):
            return "-"
        return " ".join(str(pair[field]) for field in fields if pair.get(field))

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
        click.echo(json.dumps(document))
    elif not rows:
        click.echo(none, err=True)
    else:
        cells = [[_cell(row[name]) for name in columns] for row in rows]
        click.echo(table([[name.upper() for name in columns], *cells]))


def _cell(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return plain(str(value))


def _source(
    url: str | None, token_file: Path | None, database: str | None, state_dir: Path | None
) -> Source:
    from modemagent.registry.client import DatabaseSource, HttpSource

    if url is None:
        if token_file is not None:
            raise UsageError("--token-file goes with --url", hint="Add --url http://HOST:PORT")
        return DatabaseSource(_existing(database, state_dir))
    if database is not None:
        raise UsageError("--url and --database exclude each other", hint="Leave one of them out")
    if token_file is None:
        raise UsageError(
            "--url needs --token-file",
            hint="Make a token: modemagent registry token create --scope read --full-ids",
        )
    return HttpSource(url, token_file.read_text().strip())


def _url(database: str | None, state_dir: Path | None) -> str:
    if database is not None:
        return database
    from modemagent.registry.store.engine import default_url
    from modemagent.settings import DEFAULT_STATE_DIR

    return default_url(state_dir or DEFAULT_STATE_DIR)


def _existing(database: str | None, state_dir: Path | None) -> str:
    """Return the URL of a database that is there: a reading command makes none."""
    url = _url(database, state_dir)
    scheme, _, path = url.partition(":///")
    if scheme == "sqlite" and not Path(path).is_file():
        raise RegistryStoreError(
            f"there is no registry database {path}",
            hint="name the registry's --state-dir or --database, or ask it with --url",
        )
    return url


def _address(listen: str) -> tuple[str, int]:
    host, colon, port = listen.rpartition(":")
    if not colon or not port.isascii() or not port.isdecimal() or int(port) > 65535 or not host:
        raise SettingsError(
            f"--listen {listen!r} is no HOST:PORT", hint=f"As in: --listen {DEFAULT_LISTEN}"
        )
    return host.removeprefix("[").removesuffix("]"), int(port)
