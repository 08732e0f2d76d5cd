"""``modemagent registry worker``: background work beside the servers of a registry."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from modemagent.cli.registry_database import database_options, existing_database
from modemagent.cli.registry_server import (
    hold_back_option,
    keep_bodies_option,
    webhook_option,
)


@click.command("worker", short_help="Do background work beside the servers.")
@hold_back_option
@keep_bodies_option
@webhook_option
@database_options
def command(
    hold_back: float, keep_bodies: int | None, webhook_network: Sequence[str], **where: Any
) -> None:
    """Evaluate rules, run timers and send webhooks until SIGTERM, without listening.

    \b
    modemagent registry worker --database postgresql://registry@db.example/registry

    "serve" does the same beside its requests; workers add processes for it, and need PostgreSQL.
    Give the options that the servers have.
    """
    from modemagent.registry.api.addresses import parse_network
    from modemagent.registry.worker import WorkerOptions, work

    options = WorkerOptions(
        hold_back_s=hold_back,
        keep_bodies_days=keep_bodies,
        webhook_networks=[parse_network(one) for one in webhook_network],
    )
    work(existing_database(**where), options)
