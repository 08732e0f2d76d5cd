"""Options that the servers and the workers of a registry share."""

from __future__ import annotations

import click

from modemagent.cli.options import value_option

hold_back_option = value_option(
    "--hold-back",
    "S",
    "Seconds for which an event waits for missing reports before it.",
    type=click.FloatRange(min=0),
    default=3600.0,
)
keep_bodies_option = value_option(
    "--keep-bodies",
    "DAYS",
    "Days for which the bodies of reports are kept; default: without limit.",
    type=click.IntRange(min=1),
)
webhook_option = value_option(
    "--webhook-network",
    "NET",
    "Network of private addresses that webhooks may have, such as 10.1.0.0/16; repeatable.",
    multiple=True,
)
