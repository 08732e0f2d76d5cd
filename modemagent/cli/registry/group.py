"""``modemagent registry``: server and queries of the central registry."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from modemagent.cli.options import value_option
from modemagent.cli.registry import (
    assets,
    audit,
    backup,
    cases,
    check,
    connectors,
    deadlines,
    eir,
    erase,
    export,
    findings,
    fleet,
    lists,
    orders,
    people,
    policy,
    policy_pairs,
    recalls,
    retention,
    rules,
    tokens,
    webhooks,
    windows,
    worker,
)
from modemagent.cli.registry.database import (
    database_options,
    database_url,
    opened_database,
)
from modemagent.cli.registry.server import (
    hold_back_option,
    keep_bodies_option,
    mail_of,
    outbound_options,
)
from modemagent.cli.registry.source import FILE
from modemagent.errors import SettingsError, UsageError

_SECRET_BYTES = 32
DEFAULT_LISTEN = "127.0.0.1:8470"
secret_option = value_option(
    "--secret-file",
    "FILE",
    "Key of ids and references for a new database, at least 32 bytes; default: random.",
    type=FILE,
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
@value_option(
    "--metrics-listen",
    "HOST:PORT",
    "Address of a listener for /metrics, /healthz and /readyz alone, without tokens.",
)
@value_option(
    "--eir-listen",
    "HOST:PORT",
    "Address of a listener for equipment status by 3GPP TS 29.511, without tokens.",
)
@value_option(
    "--eir-default",
    "STATUS",
    "Status of equipment that is on no list: unknown, permitted, tracked or prohibited.",
    type=click.Choice(("unknown", "permitted", "tracked", "prohibited")),
    default="unknown",
)
@value_option(
    "--trusted-proxy",
    "NET",
    "Network of reverse proxies whose X-Forwarded-For is used, such as 10.0.0.0/8; repeatable.",
    multiple=True,
)
@value_option(
    "--tls-cert", "FILE", "Certificate with its chain, PEM; requires --tls-key.", type=FILE
)
@value_option("--tls-key", "FILE", "Key of the certificate, PEM without password.", type=FILE)
@value_option(
    "--workers",
    "N",
    "Number of processes; more than one requires PostgreSQL.",
    type=click.IntRange(min=1, max=64),
    default=1,
)
@hold_back_option
@keep_bodies_option
@outbound_options
@secret_option
@database_options
def serve_command(
    listen: str,
    metrics_listen: str | None,
    eir_listen: str | None,
    eir_default: str,
    trusted_proxy: Sequence[str],
    tls_cert: Path | None,
    tls_key: Path | None,
    workers: int,
    hold_back: float,
    keep_bodies: int | None,
    public_url: str | None,
    webhook_network: Sequence[str],
    secret_file: Path | None,
    **where: Any,
) -> None:
    """Serve the registry and its pages until SIGTERM.

    \b
    modemagent registry serve --state-dir /srv/registry
    modemagent registry serve --listen 0.0.0.0:8470 --tls-cert chain.pem --tls-key key.pem

    Prints "listening on http://HOST:PORT" to stderr when ready. The pages are at this address; on
    loopback, a link to create the first administrator is printed also. Without --tls-cert,
    connections are not encrypted: use a reverse proxy with TLS for access from other machines. The
    certificate is loaded again when its files change, and on SIGHUP.
    """
    if (tls_cert is None) != (tls_key is None):
        raise UsageError(
            "--tls-cert and --tls-key must be given together",
            hint="Example: --tls-cert chain.pem --tls-key key.pem",
        )
    mail = mail_of(where, public_url)
    address = _address("--listen", listen)
    metrics_address = _address("--metrics-listen", metrics_listen) if metrics_listen else None
    eir_address = _address("--eir-listen", eir_listen) if eir_listen else None
    from modemagent.registry.api.addresses import parse_network
    from modemagent.registry.equipment.verdict import Status
    from modemagent.registry.server import ServerOptions, serve

    options = ServerOptions(
        listen=address,
        metrics_listen=metrics_address,
        eir_listen=eir_address,
        eir_default=None if eir_default == "unknown" else Status[eir_default.upper()],
        trusted_proxies=[parse_network(one) for one in trusted_proxy],
        certificate=tls_cert,
        key=tls_key,
        workers=workers,
        hold_back_s=hold_back,
        keep_bodies_days=keep_bodies,
        public_url=public_url,
        webhook_networks=[parse_network(one) for one in webhook_network],
        mail=mail,
        secret=_secret(secret_file),
    )
    serve(database_url(**where), options)


def _secret(path: Path | None) -> bytes | None:
    if path is None:
        return None
    secret = path.read_bytes().strip()
    if len(secret) < _SECRET_BYTES:
        raise UsageError(
            f"{path} must hold at least {_SECRET_BYTES} bytes",
            hint=f"Example: head -c 48 /dev/urandom | base64 > {path}",
        )
    return secret


@command.command("migrate")
@secret_option
@database_options
def migrate_command(secret_file: Path | None, **where: Any) -> None:
    """Create the database, or upgrade it to this version.

    "serve" does the same when it starts. A database of version 0.1.0 is taken over: its reports are
    read again, which can be interrupted and continues at the next start.
    """
    with opened_database(database_url(**where), _secret(secret_file)):
        pass


def _address(option: str, text: str) -> tuple[str, int]:
    host, colon, port = text.rpartition(":")
    if not colon or not port.isascii() or not port.isdecimal() or int(port) > 65535 or not host:
        raise SettingsError(
            f"{option} {text!r} is not HOST:PORT", hint=f"Example: {option} {DEFAULT_LISTEN}"
        )
    return host.removeprefix("[").removesuffix("]"), int(port)


for fleet_command in fleet.COMMANDS:
    command.add_command(fleet_command)
command.add_command(backup.backup_command)
command.add_command(backup.restore_command)
command.add_command(findings.group)
command.add_command(rules.group)
command.add_command(policy.group)
policy.group.add_command(policy_pairs.import_command)
policy.group.add_command(policy_pairs.export_command)
command.add_command(windows.group)
command.add_command(lists.group)
command.add_command(check.command)
command.add_command(assets.group)
command.add_command(orders.group)
command.add_command(cases.group)
command.add_command(recalls.group)
command.add_command(deadlines.group)
command.add_command(deadlines.site_command)
command.add_command(eir.group)
command.add_command(connectors.group)
command.add_command(tokens.group)
command.add_command(people.group)
command.add_command(webhooks.group)
command.add_command(worker.command)
command.add_command(audit.group)
command.add_command(erase.command)
command.add_command(export.command)
command.add_command(erase.vacuum_command)
command.add_command(retention.group)
