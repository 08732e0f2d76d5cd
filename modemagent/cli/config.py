"""``modemagent config``: check the settings file, show the settings in effect."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click

from modemagent.cli.options import FOUND_WRONG, global_options, json_option
from modemagent.cli.output import heading, plain, print_json, table
from modemagent.cli.settings_text import as_toml, printable, settings_document
from modemagent.errors import ModemAgentError
from modemagent.settings import (
    DEFAULT_FILE,
    KEYS,
    FileRefused,
    Mistake,
    Settings,
    effective,
    line_of,
    read,
    unknown_in,
)
from modemagent.settings import check as check_settings
from modemagent.settings.preflight import (
    FILES,
    check_machine,
    exposed_files,
    unencrypted_registry,
)


@click.group()
def command() -> None:
    """Check the settings file, and show the settings in effect."""


@command.command()
@click.argument("file", required=False)
@json_option
def check(file: str | None, as_json: bool) -> int:
    """Report every mistake in the settings file with its line, its key and the remedy.

    Without FILE, check the file of --config, else /etc/modemagent/agent.toml.
    """
    path = Path(file or global_options().config or DEFAULT_FILE)
    hint = "Check its name." if file else "Name another file: modemagent config check FILE."
    try:
        text = read(path, hint=hint)
    except FileRefused as refused:
        mistakes = refused.mistakes
    else:
        settings, mistakes = check_settings(text)
        mistakes += _machine_mistakes(settings, text, {mistake.key for mistake in mistakes})
        mistakes = tuple(sorted(mistakes, key=lambda mistake: mistake.line))
        for found in (*exposed_files(settings, path), *unencrypted_registry(settings)):
            click.echo(plain(f"modemagent: {found.message}. {found.remedy}"), err=True)
    if as_json:
        listed = [mistake._asdict() for mistake in mistakes]
        print_json({"schema": 1, "file": str(path), "mistakes": listed})
    else:
        for mistake in mistakes:
            place = f"{path}:{mistake.line}" if mistake.line else f"{path}"
            click.echo(plain(f"{place}: {mistake.message}. {mistake.remedy}"))
        if not mistakes:
            click.echo(plain(f"{path}: no mistakes"))
    return FOUND_WRONG if mistakes else 0


@command.command()
@json_option
def show(as_json: bool) -> None:
    """Show every setting in effect and its origin; passwords are masked."""
    found = effective(global_options().config)
    for variable, remedy in unknown_in(os.environ).items():
        click.echo(plain(f"modemagent: unknown setting {variable}. {remedy}"), err=True)
    values = {key: printable(getattr(found.settings, key)) for key in KEYS}
    if as_json:
        print_json(settings_document(found))
        return
    rows = [tuple(map(heading, ("KEY", "VALUE", "FROM")))]
    for key in KEYS:
        origin = " ".join(filter(None, found.origins[key]))
        rows.append((key, plain(as_toml(values[key])), plain(origin)))
    click.echo(table(rows))


def _machine_mistakes(settings: Settings, text: str, known: set[str]) -> tuple[Mistake, ...]:
    """Return the mistakes that depend on this machine: missing files, addresses without a sink.

    :param known: keys with a mistake already
    """
    mistakes = list(check_machine(settings))
    if settings.registry and not known.intersection(("registry", "proxy", *FILES)):
        files: dict[str, Any] = {key: file for key in FILES if (file := getattr(settings, key))}
        if any(mistake.key in files for mistake in mistakes):
            files = {}
        if (found := _sink_mistake(settings.registry, settings.proxy, files)) is not None:
            mistakes.append(found)
    return tuple(mistake._replace(line=line_of(text, mistake.key)) for mistake in mistakes)


def _sink_mistake(registry: str, proxy: str | None, files: dict[str, Any]) -> Mistake | None:
    """Return the mistake because of which no sink can be opened; nothing is sent."""
    # The command boundary: other commands about settings do not need the packages that send.
    from modemagent.report.delivery.sinks import open_sink
    from modemagent.report.delivery.sinks.contract import SinkOptions

    try:
        open_sink(SinkOptions(url=registry, proxy=proxy, **files)).close()
    except ModemAgentError as error:
        key = next((k for k, file in files.items() if str(file) in error.message), "registry")
        return Mistake(key, 0, str(printable(error.message)), error.hint)
    return None
