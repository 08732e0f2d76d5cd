"""``modemagent run``: the daemon."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from modemagent.at import DEFAULT_BAUD
from modemagent.cli.options import (
    EID_BY_APDU,
    SPEED,
    flag_option,
    global_options,
    state_dir_option,
    value_option,
)
from modemagent.logs import open_log
from modemagent.settings import DEFAULT_FILE, Settings, load, unknown_in
from modemagent.settings.preflight import check_machine, exposed_files, unencrypted_registry


@click.command()
@value_option("--port", "PORT", "Watch this port; repeatable.", multiple=True)
@value_option("--port-glob", "PATTERN", "Watch matching ports; repeatable.", multiple=True)
@flag_option("--no-discovery", "Watch only the ports of --port and --port-glob.")
@value_option("--registry", "URL", "URL to send reports to: https, http or file.")
@value_option("--token-file", "FILE", "File with the gateway's token.")
@state_dir_option
@value_option("--gateway-id", "ID", "Id of this gateway; default: derived from the machine id.")
@click.option(
    "--via",
    type=click.Choice(("auto", "port")),
    help="auto: read modems held by ModemManager over D-Bus; port: do not use ModemManager. "
    "Default: auto.",
)
@value_option(
    "--baud",
    "N",
    f"Baud rate of UARTs; auto tries the common ones. Default: {DEFAULT_BAUD}.",
    type=SPEED,
)
@value_option("--poll-interval", "S", "Seconds between polls of a SIM. Default: 60.", type=float)
@value_option(
    "--refresh-interval", "S", "Seconds between full reports. Default: 86400.", type=float
)
@value_option(
    "--heartbeat-interval",
    "S",
    "Seconds between heartbeats; 0 for none. Default: 3600.",
    type=float,
)
@flag_option("--eid-by-apdu", EID_BY_APDU, default=None)
@click.pass_context
def command(context: click.Context, /, **given: Any) -> None:
    """Discover, identify, watch and report modems until stopped.

    Every report is on disk before it is sent, and stays there until the registry acknowledges it.
    Settings come from /etc/modemagent/agent.toml; options take precedence.
    """
    file, level = global_options().config, global_options().log_level or "info"
    # Variables of the environment are left to the settings, which read every key from there.
    options = {
        key: value
        for key, value in given.items()
        if context.get_parameter_source(key) is ParameterSource.COMMANDLINE
    }
    if options.pop("no_discovery", False):
        options["discovery"] = False
    if "port" in options:
        options["port"] = tuple(map(_absolute, options["port"]))

    def current_settings() -> Settings:
        return load(file, options)

    settings = current_settings()
    if not (settings.discovery or settings.port or settings.port_glob):
        raise click.UsageError("--no-discovery requires --port or --port-glob")

    # The command boundary: the help page does not need the packages of the daemon.
    from modemagent.agent import daemon

    log = open_log(level, color=context.color)
    for variable, remedy in unknown_in(os.environ).items():
        log.warning("unknown_variable", variable=variable, hint=remedy)
    for exposed in exposed_files(settings, Path(file or DEFAULT_FILE)):
        log.warning("file_exposed", reason=exposed.message, hint=exposed.remedy)
    for found in unencrypted_registry(settings):
        log.warning("registry_unencrypted", reason=found.message, hint=found.remedy)
    if (settings.registry or "").startswith("file:"):
        for mistake in check_machine(settings):
            if mistake.key == "registry":  # any other mistake ends the start
                log.warning("setting_unusable", reason=mistake.message, hint=mistake.remedy)
    daemon.main(settings, log, current_settings, log_wire=level == "debug")


def _absolute(port: str) -> str:
    """Return a relative path as an absolute one: the directory of a daemon may change."""
    is_path = "/" in port and ":" not in port
    return str(Path(port).absolute()) if is_path else port
