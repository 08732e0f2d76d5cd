"""``modemagent identify``: read, validate and print identities."""

from collections.abc import Sequence
from typing import NamedTuple

import click

from modemagent.access.identify import AccessResult, identify_modems
from modemagent.access.options import AccessOptions
from modemagent.access.route import reason_of
from modemagent.cli.options import (
    EID_BY_APDU,
    FOUND_WRONG,
    WHOLE_COMMAND,
    flag_option,
    json_option,
    timeout_option,
    value_option,
)
from modemagent.cli.output import one_line, plain, print_json
from modemagent.cli.port_options import access_options, trace_options, via_option
from modemagent.cli.snapshot_text import (
    FIELDS,
    evidence_table,
    format_snapshot,
    missing_reason,
    value_of,
)
from modemagent.errors import DeadlinePassed, ModemAgentError, UsageError
from modemagent.identity.check import KINDS, validate
from modemagent.identity.problems import Verdict
from modemagent.identity.snapshot import Snapshot
from modemagent.modem.identify import Extras


class Difference(NamedTuple):
    """A field whose value is not the one of ``--expect``."""

    port: str
    field: str
    expected: str
    found: str | None


@click.command("identify")
@click.argument("ports", metavar="[PORT]...", nargs=-1)
@json_option
@value_option(
    "--field",
    "FIELD",
    "Print only this value; repeatable. Exit with status 3 if it could not be read.",
    "fields",
    multiple=True,
)
@value_option(
    "--expect",
    "FIELD=VALUE",
    "Exit with status 3 unless FIELD equals VALUE; repeatable.",
    multiple=True,
)
@flag_option("--evidence", "Show the command and response of each value.")
@flag_option("--network", "Also read operator and registration.")
@flag_option("--eid-by-apdu", EID_BY_APDU)
@via_option
@timeout_option(60.0, WHOLE_COMMAND)
@trace_options
@access_options
def command(
    ports: tuple[str, ...],
    as_json: bool,
    fields: tuple[str, ...],
    expect: tuple[str, ...],
    evidence: bool,
    network: bool,
    eid_by_apdu: bool,
    options: AccessOptions,
) -> int:
    """Read and validate the identity of modems and SIM cards. Without PORT, read every modem found.

    \b
    modemagent identify /dev/ttyUSB2
    modemagent identify usb:1-1.4 --field imei --field iccid

    PORT is a device path, socket://HOST:PORT, rfc2217://HOST:PORT, a stable id from
    modemagent list, imei:PREFIX, iccid:PREFIX, or auto if there is only one modem.
    """
    if fields and as_json:
        raise UsageError("--field and --json exclude each other", hint="Omit one of them.")
    for name in fields:
        _require_field(name)
    expected = [_expectation(text) for text in expect]
    result = identify_modems(ports, options, Extras(eid_by_apdu, network))
    differences = _differences(result.snapshots, expected)
    status = _status(result, differences)
    if as_json:
        _print_json(result, differences, options, evidence=evidence)
    else:
        if not fields:
            _print(result.snapshots, evidence=evidence)
        elif not _print_fields(result.snapshots, fields) and status == 0:
            status = FOUND_WRONG
        _print_failures(result, differences, options.timeout_s)
    return status


def _require_field(name: str) -> None:
    if name not in FIELDS:
        raise UsageError(f"unknown field {name!r}", hint=f"Known fields: {', '.join(FIELDS)}")


def _expectation(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise UsageError(
            f"no value in --expect {text}", hint="Write it as --expect imei=867698040000013."
        )
    _require_field(name)
    return name, value


def _differences(
    snapshots: Sequence[Snapshot], expected: Sequence[tuple[str, str]]
) -> list[Difference]:
    return [
        Difference(snapshot.port, name, value, found)
        for snapshot in snapshots
        for name, value in expected
        if (found := value_of(snapshot, name)) is None
        or found.casefold() != _normalized(name, value).casefold()
    ]


def _normalized(name: str, value: str) -> str:
    """Return a number as in a snapshot, so that ``8676 9804...`` from a label matches."""
    return (validate(name, value).normalized or value) if name in KINDS else value


def _status(result: AccessResult, differences: Sequence[Difference]) -> int:
    if differences or any(each.verdict is Verdict.ERROR for each in result.snapshots):
        return FOUND_WRONG
    if result.failed and (result.by_name or not result.snapshots):
        return result.failed[0][1].exit_status
    return DeadlinePassed.exit_status if result.stopped else 0


def _print_json(
    result: AccessResult,
    differences: Sequence[Difference],
    options: AccessOptions,
    *,
    evidence: bool,
) -> None:
    document: dict[str, object] = {
        "schema": 1,
        "modems": [
            snapshot.to_json(evidence=evidence)
            | options.speed_json(snapshot.port)
            | ({"stopped_after_s": options.timeout_s} if snapshot.port in result.stopped else {})
            for snapshot in result.snapshots
        ],
        "failed": [_failure(path, error) for path, error in result.failed],
    }
    if differences:
        document["differences"] = [difference._asdict() for difference in differences]
    if result.failed and not result.snapshots:
        document["error"] = result.failed[0][1].to_json()
    print_json(document)


def _failure(path: str, error: ModemAgentError) -> dict[str, object]:
    described = error.to_json()
    entry: dict[str, object] = {"port": path, "reason": reason_of(error)}
    shown = ("message", "hint", "holder")
    return entry | {key: described[key] for key in shown if key in described}


def _print(snapshots: Sequence[Snapshot], *, evidence: bool) -> None:
    texts = [
        format_snapshot(each) + (f"\n{evidence_table(each)}" if evidence else "")
        for each in snapshots
    ]
    if texts:
        click.echo("\n\n".join(texts))


def _print_fields(snapshots: Sequence[Snapshot], names: Sequence[str]) -> bool:
    """Print bare values, and on stderr why one is missing; return True if none is."""
    is_complete = True
    for snapshot in snapshots:
        port = f"{plain(snapshot.port)}: " if len(snapshots) > 1 else ""
        for name in names:
            value = value_of(snapshot, name)
            click.echo(plain(value) if value is not None else "")
            if value is None:
                is_complete = False
                click.echo(f"modemagent: {port}{missing_reason(snapshot, name)}", err=True)
    return is_complete


def _print_failures(
    result: AccessResult, differences: Sequence[Difference], timeout_s: float
) -> None:
    for path in sorted(result.stopped):
        click.echo(
            f"modemagent: {plain(path)}: stopped after {timeout_s:g} s, before every value was "
            "read. Increase --timeout.",
            err=True,
        )
    for path, error in result.failed:
        line = one_line(error)
        click.echo(line if path in line else f"{line} ({plain(path)})", err=True)
    for difference in differences:
        found = plain(difference.found) if difference.found is not None else "nothing"
        click.echo(
            f"modemagent: {plain(difference.port)}: expected {difference.field} "
            f"{plain(difference.expected)}, read {found}.",
            err=True,
        )
