"""``modemagent run``: the daemon."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from modemagent.cli.options import Globals

if TYPE_CHECKING:
    from modemagent.settings import Settings


@click.command()
@click.option("--port", multiple=True, metavar="PORT", help="Watch this port; repeatable.")
@click.option("--port-glob", multiple=True, metavar="PATTERN", help="Watch what matches.")
@click.option("--no-discovery", is_flag=True, help="Watch only what is named.")
@click.option("--registry", metavar="URL", help="Where reports go: https://, http:// or file://.")
@click.option("--token-file", metavar="FILE", help="File with the gateway's token.")
@click.option("--state-dir", metavar="DIR", help="Where the outbox lives.")
@click.option("--gateway-id", metavar="ID", help="Who reports; made from the machine id else.")
@click.option(
    "--via",
    type=click.Choice(("auto", "port")),
    help="auto: what ModemManager has is read through it [auto].",
)
@click.option("--baud", type=int, metavar="SPEED", help="Speed of serial lines.")
@click.option(
    "--poll-interval", type=float, metavar="SECONDS", help="Between looks at the card [60]."
)
@click.option(
    "--refresh-interval", type=float, metavar="SECONDS", help="Between full reports [86400]."
)
@click.option(
    "--heartbeat-interval", type=float, metavar="SECONDS", help="Between heartbeats; 0: none [0]."
)
@click.option(
    "--eid-by-apdu", is_flag=True, default=None, help="Ask cards for the EID if modems can not."
)
@click.pass_context
def command(context: click.Context, /, **given: Any) -> None:
    """Discover, identify, watch and report, until stopped.

    Every report is on disk before it is sent, and stays there until the registry has it. Settings
    come from /etc/modemagent/agent.toml; what is given here goes before.
    """
    from click.core import ParameterSource

    from modemagent.settings import load, unknown_in

    settings_file, level = chosen(context)
    # what comes from the environment is left to the settings, which take every key from there
    named = {
        key: value
        for key, value in given.items()
        if context.get_parameter_source(key) is ParameterSource.COMMANDLINE
    }
    if named.pop("no_discovery", False):
        named["discovery"] = False
    if "port" in named:
        named["port"] = tuple(map(_whole, named["port"]))

    def settings_now() -> Settings:
        return load(settings_file, named)

    settings = settings_now()
    if not (settings.discovery or settings.port or settings.port_glob):
        raise click.UsageError("with --no-discovery, name a port with --port or --port-glob")

    from modemagent.agent import daemon
    from modemagent.logs import open_log

    log = open_log(level, color=context.color)
    for variable, remedy in unknown_in(os.environ).items():
        log.warning("unknown_variable", variable=variable, hint=remedy)
    if (settings.registry or "").startswith("file:"):
        from modemagent.settings.preflight import check_machine

        for mistake in check_machine(settings):
            if mistake.key == "registry":  # what else is missing ends the start by itself
                log.warning("setting_unusable", reason=mistake.message, hint=mistake.remedy)
    daemon.main(settings, log, settings_now, log_wire=level == "debug")


def _whole(port: str) -> str:
    """Return a relative path of a port as the absolute one; a daemon's directory is no matter."""
    is_path = "/" in port and ":" not in port
    return str(Path(port).absolute()) if is_path else port


def chosen(context: click.Context) -> tuple[Path | None, str]:
    """Return the settings file and the log level that were named before the command."""
    named = context.obj if isinstance(context.obj, Globals) else Globals(None, None)
    return (Path(named.config) if named.config else None), named.log_level or "info"
