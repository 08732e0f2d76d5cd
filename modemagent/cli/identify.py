"""``modemagent identify``: read, validate, print."""

from __future__ import annotations

import time
from typing import NamedTuple

import click

from modemagent.cli.agent import whose
from modemagent.cli.fields import FIELDS, value_of
from modemagent.cli.options import (
    baud_option,
    json_option,
    root_option,
    state_dir_option,
    timeout_option,
)
from modemagent.cli.reading import AccessOptions, AccessResult, read, reason_of
from modemagent.cli.render import one_line, plain
from modemagent.errors import DeadlinePassed, IdentityError, ModemAgentError, UsageError
from modemagent.identity.problems import Verdict
from modemagent.identity.snapshot import Snapshot
from modemagent.modem.identify import Extras

FOUND_WRONG = IdentityError.exit_status


class Difference(NamedTuple):
    """A field that is not what ``--expect`` said."""

    port: str
    field: str
    expected: str
    found: str | None


@click.command("identify")
@click.argument("ports", metavar="[PORT]...", nargs=-1)
@json_option
@click.option(
    "--field",
    "fields",
    multiple=True,
    metavar="FIELD",
    help="Print this value alone; repeatable. Exit status 3 if one was not read; stderr says why.",
)
@click.option(
    "--expect", multiple=True, metavar="FIELD=VALUE", help="Exit status 3 if it is not so."
)
@click.option("--evidence", is_flag=True, help="Also say what each value was read from.")
@click.option("--network", is_flag=True, help="Also read operator and registration.")
@click.option(
    "--eid-by-apdu",
    is_flag=True,
    help="Ask the card for its EID where the modem has no command for it.",
)
@click.option(
    "--via",
    type=click.Choice(("auto", "port", "modemmanager")),
    default="auto",
    show_default=True,
    help="Read from the port, or what ModemManager knows; auto: that for a modem it holds.",
)
@timeout_option(30.0)
@baud_option
@root_option
@state_dir_option
@click.pass_context
def command(
    context: click.Context,
    ports: tuple[str, ...],
    as_json: bool,
    fields: tuple[str, ...],
    expect: tuple[str, ...],
    evidence: bool,
    network: bool,
    eid_by_apdu: bool,
    via: str,
    timeout_s: float,
    baud: int,
    root: str,
    state_dir: str | None,
) -> None:
    """Read and validate the identity of modems and SIM cards. No PORT: every modem found.

    \b
    modemagent identify /dev/ttyUSB2
    modemagent identify usb:1-1.4 --field imei --field iccid

    PORT is a device path, socket://HOST:PORT, rfc2217://HOST:PORT, a stable id from
    modemagent list, imei:PREFIX, iccid:PREFIX, or auto for the only modem there is.
    """
    if fields and as_json:
        raise UsageError("give --field or --json, not both")
    for name in fields:
        _known(name)
    wanted = [_expectation(text) for text in expect]
    extras = Extras(eid_by_apdu, network)
    agent = whose(context, state_dir)
    how = AccessOptions(timeout_s, time.monotonic() + timeout_s, baud, root, agent, extras, via)
    reading = read(ports, how)
    differences = _differences(reading.snapshots, wanted)
    status = _status(reading, differences)
    if as_json:
        _print_json(reading, differences, timeout_s, evidence=evidence)
    elif fields:
        if not _print_fields(reading.snapshots, fields) and status == 0:
            status = FOUND_WRONG
    else:
        _print(reading, evidence=evidence)
    if not as_json:
        _complain(reading, differences, timeout_s)
    context.exit(status)


def _known(name: str) -> str:
    if name not in FIELDS:
        raise UsageError(f"there is no field {name!r}", hint=f"Known are: {', '.join(FIELDS)}")
    return name


def _expectation(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise UsageError(
            f"--expect {text} says no value", hint="As in: --expect imei=867698040000013"
        )
    return _known(name), value


def _differences(snapshots: list[Snapshot], wanted: list[tuple[str, str]]) -> list[Difference]:
    return [
        Difference(snapshot.port, name, value, found)
        for snapshot in snapshots
        for name, value in wanted
        if (found := value_of(snapshot, name)) is None
        or found.casefold() != _normalized(name, value).casefold()
    ]


def _normalized(name: str, value: str) -> str:
    """Return a number as the snapshot spells it, so that ``8676 9804...`` from a label fits."""
    from modemagent.identity.check import KINDS, validate

    return (validate(name, value).normalized or value) if name in KINDS else value


def _status(reading: AccessResult, differences: list[Difference]) -> int:
    if differences or any(s.verdict is Verdict.ERROR for s in reading.snapshots):
        return FOUND_WRONG
    if reading.failed and (reading.by_name or not reading.snapshots):
        return reading.failed[0][1].exit_status
    return DeadlinePassed.exit_status if reading.stopped else 0


def _print_json(
    reading: AccessResult, differences: list[Difference], timeout_s: float, *, evidence: bool
) -> None:
    import json

    document: dict[str, object] = {
        "schema": 1,
        "modems": [
            snapshot.to_json(evidence=evidence)
            | ({"stopped_after_s": timeout_s} if snapshot.port in reading.stopped else {})
            for snapshot in reading.snapshots
        ],
        "failed": [_failure(path, error) for path, error in reading.failed],
    }
    if differences:
        document["differences"] = [difference._asdict() for difference in differences]
    if reading.failed and not reading.snapshots:
        document["error"] = reading.failed[0][1].to_json()
    click.echo(json.dumps(document))


def _failure(path: str, error: ModemAgentError) -> dict[str, object]:
    described = error.to_json()
    entry: dict[str, object] = {
        "port": path,
        "reason": reason_of(error),
        "message": error.message,
        "hint": error.hint,
    }
    if "holder" in described:
        entry["holder"] = described["holder"]
    return entry


def _print(reading: AccessResult, *, evidence: bool) -> None:
    from modemagent.cli.snapshot_text import evidence_table, format_snapshot

    for number, snapshot in enumerate(reading.snapshots):
        if number:
            click.echo()
        click.echo(format_snapshot(snapshot))
        if evidence:
            click.echo(evidence_table(snapshot))


def _print_fields(snapshots: list[Snapshot], names: tuple[str, ...]) -> bool:
    """Print bare values, and on stderr why one is missing; tell whether all were there."""
    complete = True
    for snapshot in snapshots:
        whose = f"{plain(snapshot.port)}: " if len(snapshots) > 1 else ""
        for name in names:
            value = value_of(snapshot, name)
            click.echo(plain(value) if value is not None else "")
            if value is None:
                from modemagent.cli.snapshot_text import why_missing

                complete = False
                click.echo(f"modemagent: {whose}{why_missing(snapshot, name)}", err=True)
    return complete


def _complain(reading: AccessResult, differences: list[Difference], timeout_s: float) -> None:
    for path in sorted(reading.stopped):
        click.echo(
            f"modemagent: {plain(path)} was stopped after {timeout_s:g} s, before everything was "
            "read. raise --timeout",
            err=True,
        )
    for path, error in reading.failed:
        line = one_line(error)
        click.echo(line if path in line else f"{line} ({plain(path)})", err=True)
    for difference in differences:
        found = plain(difference.found) if difference.found is not None else "nothing"
        click.echo(
            f"modemagent: {plain(difference.port)}: expected {difference.field} "
            f"{plain(difference.expected)}, read {found}.",
            err=True,
        )
