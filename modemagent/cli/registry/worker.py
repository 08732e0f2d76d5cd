"""``modemagent registry worker``: background work beside the servers of a registry."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from modemagent.cli.registry.database import database_options, existing_database
from modemagent.cli.registry.server import (
    hold_back_option,
    keep_bodies_option,
    mail_of,
    outbound_options,
)


@click.command("worker", short_help="Do background work beside the servers.")
@hold_back_option
@keep_bodies_option
@outbound_options
@database_options
def command(
    hold_back: float, keep_bodies: int | None, webhook_network: Sequence[str],
    public_url: str | None, **where: Any,
) -> None:  # fmt: skip
    """Evaluate rules, run timers and send webhooks until SIGTERM, without listening.

    \b
    modemagent registry worker --database postgresql://registry@db.example/registry

    "serve" does the same beside its requests; workers add processes for it, and need PostgreSQL.
    Give the options that the servers have.
    """
    from modemagent.registry.api.addresses import parse_network
    from modemagent.registry.worker import WorkerOptions, work

    mail = mail_of(where, public_url)
    options = WorkerOptions(
        hold_back_s=hold_back,
        keep_bodies_days=keep_bodies,
        webhook_networks=[parse_network(one) for one in webhook_network],
        mail=mail,
    )
    work(existing_database(**where), options)
