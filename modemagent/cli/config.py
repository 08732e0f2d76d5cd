"""``modemagent config``: is the settings file right, and what is in force?"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from modemagent.cli.options import json_option
from modemagent.cli.render import heading, plain, table
from modemagent.errors import IdentityError, ModemAgentError

if TYPE_CHECKING:
    from modemagent.settings import Mistake, Settings

FOUND_WRONG = IdentityError.exit_status


@click.group()
def command() -> None:
    """Check the settings file, and show what is in force."""


@command.command()
@click.argument("file", required=False)
@json_option
@click.pass_context
def check(context: click.Context, file: str | None, as_json: bool) -> None:
    """Name every mistake in the settings file with its line, its key and what to do.

    Without FILE it is the one named with --config, else /etc/modemagent/agent.toml.
    """
    from modemagent import settings

    path = Path(file) if file else (_chosen(context) or settings.DEFAULT_FILE)
    hint = "Check its name." if file else "Name another one: modemagent config check FILE."
    try:
        text = settings.read(path, hint=hint)
    except settings.FileRefused as refused:
        mistakes = refused.mistakes
    else:
        found, mistakes = settings.check(text)
        mistakes += _out_of_reach(found, text, {mistake.key for mistake in mistakes})
        mistakes = tuple(sorted(mistakes, key=lambda mistake: mistake.line))
    if as_json:
        import json

        listed = [mistake._asdict() for mistake in mistakes]
        click.echo(json.dumps({"schema": 1, "file": str(path), "mistakes": listed}))
    else:
        for mistake in mistakes:
            place = f"{path}:{mistake.line}" if mistake.line else f"{path}"
            click.echo(plain(f"{place}: {mistake.message}. {mistake.remedy}"))
        if not mistakes:
            click.echo(plain(f"{path}: no mistakes"))
    context.exit(FOUND_WRONG if mistakes else 0)


@command.command()
@json_option
@click.pass_context
def show(context: click.Context, as_json: bool) -> None:
    """Show every setting in force and where it comes from; passwords are not shown."""
    from modemagent.settings import KEYS, effective, unknown_in

    found = effective(_chosen(context))
    for variable, remedy in unknown_in(os.environ).items():
        click.echo(plain(f"modemagent: {variable} is no setting. {remedy}"), err=True)
    values = {key: _shown(getattr(found.settings, key)) for key in KEYS}
    if as_json:
        import json

        entries = {
            key: {"value": values[key], "from": origin.kind, "where": origin.where or None}
            for key, origin in found.origins.items()
        }
        click.echo(json.dumps({"schema": 1, "settings": entries}))
        return
    rows = [[heading(title) for title in ("KEY", "VALUE", "FROM")]]
    rows += [
        [key, plain(_written(values[key])), plain(" ".join(filter(None, found.origins[key])))]
        for key in KEYS
    ]
    click.echo(table(rows))


def _chosen(context: click.Context) -> Path | None:
    from modemagent.cli.run import chosen

    return chosen(context)[0]


def _out_of_reach(found: Settings, text: str, known: set[str]) -> tuple[Mistake, ...]:
    """Return the mistakes that only show outside the file: files not there, addresses no sink has.

    :param known: keys that are wrong already
    """
    from modemagent.settings import line_of
    from modemagent.settings.preflight import FILES, check_machine
    from modemagent.settings.toml_file import Mistake

    mistakes = list(check_machine(found))
    if found.registry and not known.intersection(("registry", "proxy", *FILES)):
        from modemagent.report.delivery.sinks import SinkOptions, open_sink

        files: dict[str, Any] = {key: file for key in FILES if (file := getattr(found, key))}
        if any(mistake.key in files for mistake in mistakes):
            files = {}
        try:
            open_sink(SinkOptions(url=found.registry, proxy=found.proxy, **files)).close()
        except ModemAgentError as error:
            key = next((k for k, f in files.items() if str(f) in error.message), "registry")
            mistakes.append(Mistake(key, 0, str(_shown(error.message)), error.hint))
    return tuple(mistake._replace(line=line_of(text, mistake.key)) for mistake in mistakes)


def _shown(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_shown(item) for item in value]
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, str):
        return re.sub(r"(://[^/@:\s]*):[^/@\s]*@", r"\1:***@", value)
    return value


def _written(value: Any) -> str:
    """Return a value as it would stand in the file; what is not set is a dash."""
    import json

    if value in (None, []):
        return "-"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return json.dumps(value, ensure_ascii=False)
