"""``modemagent provision station``, ``bays``: the machine with its sockets."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import click

from modemagent.cli.options import FOUND_WRONG, flag_option, json_option, value_option
from modemagent.cli.output import heading, plain, print_json, table
from modemagent.cli.provision.order_options import station_options, writing
from modemagent.discovery.modems import find_modems
from modemagent.discovery.sockets import find_socket
from modemagent.discovery.sysfs import scan
from modemagent.errors import UsageError
from modemagent.logs import open_log
from modemagent.provisioning.bench_file import DEFAULT_BENCH_FILE, BenchSettings, is_path
from modemagent.provisioning.hubs import hubs_of
from modemagent.provisioning.order import BenchOrder
from modemagent.provisioning.people import hashed_pin
from modemagent.provisioning.scanner_check import LabelCheck, SheetCheck, scan_all
from modemagent.provisioning.session import opened_station
from modemagent.provisioning.station import check_station
from modemagent.provisioning.station_record import save_check
from modemagent.provisioning.usb_devices import usb_devices

_POLL_S = 0.2


@click.command("station")
@station_options
@click.option("--pin", is_flag=True, help="Only print the hash of a PIN for bench.toml.")
@flag_option("--check-sheet", "Also scan the last page of the code sheet on each scanner.")
@flag_option("--test-label", "Also print a test label and scan it back.")
@json_option
def station_command(
    settings: BenchSettings,
    state_dir: Path,
    pin: bool,
    check_sheet: bool,
    test_label: bool,
    as_json: bool,
) -> int:
    """Check this station at the start of a shift; the result is kept for the next orders.

    \b
    modemagent provision station
    modemagent provision station --check-sheet --test-label

    Exits with 3 if something is wrong.
    """
    if pin:
        text = click.prompt("PIN", hide_input=True, confirmation_prompt=True, err=True)
        click.echo(hashed_pin(text))
        return 0
    nothing = BenchOrder("station", "")
    without = settings._replace(registry="none")
    with opened_station(nothing, without, state_dir, open_log("error")) as (printer, _):
        found = list(check_station(settings, state_dir, printer))
        label, is_printed = LabelCheck(settings.frames), False
        if test_label:
            if printer is None:
                raise UsageError("the station has no printer", hint="Name it in bench.toml.")
            is_printed = label.print(printer, settings.label_template)
    sources, say = settings.scanners or ("stdin",), partial(click.echo, err=True)
    if is_printed:
        scan_all(label, sources, say, open_log("error"))
    found += label.findings() if test_label else ()
    if check_sheet:
        sheet = SheetCheck(sources, settings.frames)
        found += scan_all(sheet, sources, say, open_log("error"))
    wrong = [one for one in found if one.problem]
    save_check(state_dir, "; ".join(one.problem for one in wrong))
    if as_json:
        print_json({"schema": 1, "checks": [one._asdict() for one in found]})
    else:
        rows = [
            (one.name, plain(one.problem or "ok"), plain(one.remedy or one.detail)) for one in found
        ]
        click.echo(table([tuple(map(heading, ("CHECK", "RESULT", ""))), *rows]))
    return FOUND_WRONG if wrong else 0


@click.group("bays")
def bays_group() -> None:
    """Show the sockets of the bays, or learn them."""


@bays_group.command("show")
@station_options
@json_option
def show_command(settings: BenchSettings, state_dir: Path, as_json: bool) -> None:
    """List the bays with their sockets and what is plugged into them."""
    devices = usb_devices()
    rows = []
    for bay, target in settings.bays.items():
        inside = [
            one for one in devices if one.socket == target or one.socket.startswith(f"{target}.")
        ]
        present = Path(target).exists() if target.startswith("/") else bool(inside)
        ids = ", ".join(f"{one.ids} {one.problem}".strip() for one in inside)
        rows.append((bay, target, ids or ("present" if present else "empty")))
    others = [one for one in devices if not any(
        one.socket == target or one.socket.startswith(f"{target}.")
        for target in settings.bays.values() if not is_path(target)
    )]  # fmt: skip
    if as_json:
        print_json(
            {
                "schema": 1,
                "bays": [dict(zip(("bay", "socket", "device"), row, strict=True)) for row in rows],
                "other_devices": [{"socket": one.socket, "ids": one.ids} for one in others],
            }
        )
        return
    heads = tuple(map(heading, ("BAY", "SOCKET", "DEVICE")))
    click.echo(table([heads, *[tuple(map(plain, row)) for row in rows]]))
    if others:
        click.echo("\nOther USB devices, which the bench never opens:")
        click.echo(table([(one.ids, one.socket) for one in others], indent=2))


@bays_group.command("learn")
@value_option("--count", "N", "End after this number of bays.", type=click.IntRange(1, 99))
@value_option(
    "--output", "FILE", "Write the tables [bays] and [hubs] to this new file; default: print.",
    type=click.Path(dir_okay=False, path_type=Path),
)  # fmt: skip
def learn_command(count: int | None, output: Path | None) -> None:
    """Number the sockets: plug one module into bay 1, then into bay 2, and so on.

    Sockets that are in use at the start are left out. Ctrl-C ends it.
    """
    if output is not None:
        if output.exists():
            hint = "Name another file, and copy the table [bays] from it."
            raise UsageError(f"{output} exists", hint=hint)
        with writing(output):
            output.parent.mkdir(parents=True, exist_ok=True)
            output.touch()  # now, not after the last module
            output.unlink()
    known = _sockets()
    learned: dict[str, str] = {}
    click.echo(f"{len(known)} sockets are in use. Plug a module into bay 01.", err=True)
    try:
        while count is None or len(learned) < count:
            time.sleep(_POLL_S)
            for socket in sorted(_sockets() - known):
                known.add(socket)
                number = f"{len(learned) + 1:02}"
                learned[number] = socket
                click.echo(f"\abay {number}: {socket}. Next: bay {len(learned) + 1:02}", err=True)
    except KeyboardInterrupt:
        click.echo("", err=True)
    text = _table("bays", learned) + "\n" + _table("hubs", hubs_of(learned.values()))
    if output is None:
        click.echo(text, nl=False)
        click.echo(f"Put this into {DEFAULT_BENCH_FILE}.", err=True)
    else:
        output.write_text(text, encoding="utf-8")


def _table(name: str, values: Mapping[str, str]) -> str:
    lines = (f"{json.dumps(key)} = {json.dumps(value)}\n" for key, value in values.items())
    return f"[{name}]\n{''.join(lines)}"


@bays_group.command("hubs")
@station_options
def hubs_command(settings: BenchSettings, state_dir: Path) -> None:
    """Print the table [hubs] of bench.toml: the hubs of the bays as they are now."""
    click.echo(_table("hubs", hubs_of(settings.bays.values())), nl=False)


def _sockets() -> set[str]:
    """Return the sockets of all modems that have a port."""
    found = (find_socket(modem.device_id) for modem in find_modems(scan()))
    return {socket for socket in found if socket is not None}
