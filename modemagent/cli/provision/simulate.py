"""``modemagent provision simulate``: a tray of simulated modules and a scripted person."""

from __future__ import annotations

import click


@click.command("simulate")
def simulate_command() -> int:
    """Try the bench without hardware."""
    return 0
