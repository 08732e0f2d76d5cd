"""``modemagent demo``: the whole system on this machine, without hardware."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp
from typing import Any

import click

from modemagent.cli.options import flag_option, json_option, timeout_option, value_option
from modemagent.cli.output import cell, heading, plain, print_json, table, verdict_word
from modemagent.cli.screen import live_screen
from modemagent.demo.processes import processes_in
from modemagent.demo.scenario import FleetRow, Scene
from modemagent.errors import UsageError
from modemagent.extras import install_command

_SWAP_WITHIN_S = 30.0
_SWAP_AFTER_S, _SWAP_EVERY_S = 6.0, 30.0
_REDRAW_EVERY_S = 1.0
#: How long the first link of the registry is valid.
_FIRST_LINK_S = 600.0
_EVENTS_SHOWN, _EVENTS_READ = 6, 200
_COLUMNS = ("MODEM", "MAKER", "MODEL", "IMEI", "ICCID", "SIM", "VERDICT", "WHY")
_NEEDED = ("argon2", "fastapi", "jinja2", "msgspec", "prometheus_client", "sqlalchemy", "uvicorn")


@click.command("demo")
@flag_option("--once", "Show every modem and one SIM swap, then exit.")
@value_option(
    "--modems",
    "N",
    "Number of simulated modems; by default 13, most of them well.",
    type=click.IntRange(1, 500),
)
@flag_option("--keep", "Keep the directory with state and logs, and print its path.")
@json_option
@timeout_option(90.0, "Time limit for --once, in seconds.")
def command(once: bool, modems: int | None, keep: bool, as_json: bool, timeout_s: float) -> int:
    """Start simulated modems, the registry and the daemon, and swap SIM cards.

    \b
    modemagent demo --once
    modemagent demo --modems 6          (until Ctrl-C; swaps a SIM card twice a minute)

    Without --once, the registry also gets the reports of 25 more gateways: a swapped SIM, a
    cloned IMEI, a silent gateway, a stolen modem. The last lines have the addresses of the
    pages, and a link that signs you in.

    Exits with 0 if the registry received a report of every simulated modem.
    """
    _require_registry()
    if as_json and not once:
        raise UsageError("--json requires --once", hint="Add --once.")

    with _folder(keep=keep) as folder, processes_in(folder) as processes:
        scene = Scene(processes, folder, modems, lambda text: click.echo(text, err=True))
        complete = _once(scene, timeout_s, as_json=as_json) if once else _live(scene)
    return 0 if complete else 1


def _require_registry() -> None:
    if any(find_spec(package) is None for package in _NEEDED):
        raise UsageError(
            "the demo requires the packages of the registry",
            hint=f"Install them with: {install_command('registry')}",
        )


@contextmanager
def _folder(*, keep: bool) -> Iterator[Path]:
    folder = Path(mkdtemp(prefix="modemagent-demo-"))
    try:
        yield folder
    finally:
        if keep:
            click.echo(f"kept: {folder}", err=True)
        else:
            rmtree(folder)


def _once(scene: Scene, timeout_s: float, *, as_json: bool) -> bool:
    missing = scene.wait_for_all(timeout_s)
    seconds = time.monotonic() - scene.started_at
    total = len(scene.ports)
    click.echo(f"{total - len(missing)} of {total} modems after {seconds:.1f} s", err=True)
    swap = None
    ready = (row for row in scene.rows() if row.state == "ready" and row.iccid)
    if (subject := next(ready, None)) is not None:
        click.echo(f"swapping the SIM card of {subject.name}", err=True)
        swapped_at = time.monotonic()
        scene.swap(subject.name)
        swap = scene.wait_for_swap(subject.port, _SWAP_WITHIN_S)
        click.echo(f"recorded after {time.monotonic() - swapped_at:.1f} s", err=True)
    rows = scene.rows()
    if as_json:
        document = {
            "schema": 1,
            "modems": list(map(asdict, rows)),
            "missing": missing,
            "seconds": round(seconds, 3),
            "swap": swap,
        }
        print_json(document)
    else:
        click.echo(_table(rows))
        if swap is not None:
            click.echo()
            click.echo(_event(swap))
        click.echo("The bench for a production line, simulated: modemagent provision simulate")
        for name in missing:
            click.echo(f"missing in the registry: {name} ({scene.ports[name]})", err=True)
    return not missing and swap is not None


def _live(scene: Scene) -> bool:
    """Redraw and swap until Ctrl-C, which ends the demo without an error."""
    try:
        click.echo("sending the reports of 25 more gateways", err=True)
        scene.tell_story()
        swap_at, turn = time.monotonic() + _SWAP_AFTER_S, 0
        with live_screen() as draw:
            while True:
                rows = scene.rows()
                own = {row.imei for row in rows}
                events = [one for one in scene.newest_events(_EVENTS_READ) if _imei(one) in own]
                shown = map(_event, events[:_EVENTS_SHOWN])
                draw("\n".join([_table(rows), "", *shown, "", *_story(scene)]))
                ready = [row for row in rows if row.state == "ready"]
                if ready and time.monotonic() >= swap_at:
                    scene.swap(ready[turn % len(ready)].name)
                    swap_at, turn = time.monotonic() + _SWAP_EVERY_S, turn + 1
                time.sleep(_REDRAW_EVERY_S)
    except KeyboardInterrupt:
        click.echo("stopping", err=True)
        click.echo("Next: modemagent provision simulate", err=True)
    return not scene.missing()


def _story(scene: Scene) -> list[str]:
    """Return what there is to see on the pages, and how to sign in."""
    lines = scene.story_lines()
    found = table([(heading("WHAT HAPPENED"), heading("PAGE")), *lines]).splitlines()
    return [
        *(found if lines else ()),
        "",
        f"All of it: {scene.url}",
        sign_in_line(scene),
    ]


def sign_in_line(scene: Scene) -> str:
    """Return how to sign in: the link of the registry, or a command once it has expired."""
    if time.monotonic() - scene.started_at < _FIRST_LINK_S:
        return f"Sign in, once within 10 minutes: {scene.first_link}"
    return f"Sign in with the link of: {scene.new_link}"


def _imei(event: dict[str, Any]) -> str | None:
    return ((event["data"]["new"] or event["data"]["previous"]) or {}).get("imei")


def _table(rows: list[FleetRow]) -> str:
    return table([tuple(map(heading, _COLUMNS)), *map(_cells, rows)])


def _cells(row: FleetRow) -> tuple[str, ...]:
    verdict = verdict_word(row.verdict) if row.verdict else "-"
    values = (row.name, row.manufacturer, row.model, row.imei, row.iccid, row.state)
    return (*map(cell, values), verdict, cell(row.why) if row.why else "")


def _event(event: dict[str, Any]) -> str:
    before, after = event["data"]["previous"] or {}, event["data"]["new"] or {}
    imei = after.get("imei") or before.get("imei") or ""
    text = f"{event['time'][11:19]}  {event['type']:<20} {imei}"
    if event["type"] == "sim.swapped":
        text += f"  {before.get('iccid')} -> {after.get('iccid')}"
    return plain(text)
