"""``modemagent record``: a transcript of a real modem, without real identifiers."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from modemagent import __version__
from modemagent.access.agent import holder_kind
from modemagent.access.identify import find_target
from modemagent.access.options import AccessOptions
from modemagent.access.route import Reader, read_modems
from modemagent.access.target import ModemTarget
from modemagent.at.transcript import Transcript, dumps, load
from modemagent.cli.options import (
    WHOLE_COMMAND,
    flag_option,
    json_option,
    timeout_option,
    value_option,
)
from modemagent.cli.output import print_json
from modemagent.cli.port_options import access_options, require_sendable, trace_options
from modemagent.discovery.sysfs import describe
from modemagent.errors import (
    DeadlinePassed,
    ModemAgentError,
    PortBusy,
    TranscriptError,
    UsageError,
)
from modemagent.identity.problems import KINDS
from modemagent.modem.capture import Recording, record
from modemagent.modem.identify import Extras
from modemagent.modem.transcribe import Written, transcribe

_FILE = "transcript.toml"


@click.command("record")
@click.argument("port")
@value_option(
    "-o",
    "FILE",
    "File to write; for a directory, VENDOR-MODEL/transcript.toml in it. Default: stdout.",
    "--output",
    type=click.Path(),
)
@value_option(
    "--add",
    "FILE",
    "Add to this transcript, which shows the same modem in another state.",
    type=click.Path(exists=True, path_type=Path),
)
@flag_option("--force", "Overwrite an existing file, or add to the transcript of another model.")
@value_option("--command", "LINE", "Also send this command; repeatable.", "more", multiple=True)
@flag_option("--eid-by-apdu", "Also read the EID from the SIM itself.")
@json_option
@timeout_option(300.0, WHOLE_COMMAND)
@trace_options
@access_options
def command(
    port: str,
    output: str | None,
    add: Path | None,
    force: bool,
    more: tuple[str, ...],
    eid_by_apdu: bool,
    as_json: bool,
    options: AccessOptions,
) -> int:
    """Record a transcript of a modem, for simulate and for bug reports.

    \b
    modemagent record /dev/ttyUSB2 -o fixtures/transcripts/
    modemagent record /dev/ttyUSB2 --add fixtures/transcripts/acme-m1   (SIM removed)

    Sends every command that identify may send, and commands that read the network and the signal;
    all of them are read-only. IMEI, ICCID, IMSI, EID, serial numbers, phone numbers, cells and
    addresses are replaced with synthetic values; a value that occurs again gets the same
    replacement. Review the file before you publish it.
    """
    if output is not None and add is not None:
        raise UsageError("--output and --add exclude each other", hint="Omit one of them.")
    if as_json and output is None and add is None:
        raise UsageError("--json requires a file for the transcript", hint="Add -o FILE.")
    for line in more:
        require_sendable(line, port, options.baud)
    if add is not None and add.is_dir():
        add /= _FILE
    earlier = load(add) if add is not None else None
    if output is not None and not _is_folder(output):
        _refuse_overwriting(Path(output), force=force)
    target = find_target(port, options)
    recording = _record(target, more, Extras(eid_by_apdu=eid_by_apdu), options)
    model = recording.snapshot.modem.model or "unknown"
    if earlier is not None and not force and earlier.model != model:
        raise UsageError(
            f"the transcript is of model {earlier.model}, this modem is of model {model}",
            hint="Record it into another file, or use --force if it is the same module.",
        )
    header = _header(recording, target.path, options.root)
    written = transcribe(recording, header, earlier=earlier)
    try:
        file = _save(written.transcript, output, add, force=force)
    except OSError as error:
        raise TranscriptError(
            f"the transcript could not be written: {error}", hint="Write to another file with -o."
        ) from error
    summary = _summary(recording, written, file)
    if as_json:
        print_json(summary | options.speed_json(target.path))
    else:
        _print(summary)
    return DeadlinePassed.exit_status if recording.reason else 0


def _is_folder(output: str) -> bool:
    return output.endswith("/") or Path(output).is_dir()


def _refuse_overwriting(file: Path, *, force: bool) -> None:
    if file.exists() and not force:
        raise UsageError(
            f"{file} exists",
            hint="Add another state to it with --add, or overwrite it with --force.",
        )
    if not file.parent.is_dir():
        raise UsageError(f"the directory {file.parent} does not exist", hint="Create it first.")


def _record(
    target: ModemTarget, more: tuple[str, ...], extras: Extras, options: AccessOptions
) -> Recording:
    is_live = sys.stderr.isatty() and options.trace is None

    def progress(line: str, number: int, total: int) -> None:
        if is_live:
            of = f" of {total}" if total else ""
            click.echo(f"\r\x1b[K{number}{of}  {line}", nl=False, err=True)

    # Neither the agent nor ModemManager provides the bytes that a transcript consists of.
    reader = Reader(lambda port: record(port.path, more=more, extras=extras, progress=progress))
    [reached] = read_modems([target], reader, options)
    if is_live:
        click.echo("\r\x1b[K", nl=False, err=True)
    result = reached.best.result
    if isinstance(result, PortBusy) and holder_kind(result) == "daemon":
        result.hint = (
            "Stop the modemagent daemon while you record (systemctl stop modemagent): it provides "
            "lines, not the bytes of a transcript."
        )
    if isinstance(result, ModemAgentError):
        raise result
    return result


def _header(recording: Recording, path: str, root: str) -> dict[str, object]:
    known = None if "://" in path else describe(path, Path(root))
    interface = known.interface if known is not None else None
    today = time.strftime("%Y-%m-%d")
    notes = [f"recorded by modemagent {__version__} on {today}"]
    if recording.snapshot.modem.firmware:
        notes.append(f"firmware {recording.snapshot.modem.firmware}")
    if recording.reason:
        notes.append(f"incomplete: {recording.reason}".replace(path, "the port"))
    return {
        "usb_vid": (known.usb_vid if known else None) or "",
        "usb_pid": (known.usb_pid if known else None) or "",
        "at_interface": f"{interface:02x}" if interface is not None else "not USB",
        "source": f"trace of a module, {today[:7]}",
        "notes": "; ".join(notes),
    }


def _save(
    transcript: Transcript, output: str | None, add: Path | None, *, force: bool
) -> Path | None:
    if add is not None:
        # Comments and order of the file are kept: new tables follow the old ones.
        more = dumps(Transcript("", {}, transcript.exchanges, transcript.urcs))
        _replace(add, add.read_text("utf-8") + more)
        return add
    text = dumps(transcript)
    if output is None:
        click.echo(text, nl=False)
        return None
    file = Path(output)
    if _is_folder(output):
        file = file / _folder(transcript) / _FILE
        file.parent.mkdir(parents=True, exist_ok=True)
    _refuse_overwriting(file, force=force)
    _replace(file, text)
    return file


def _replace(file: Path, text: str) -> None:
    """Replace a file as a whole, so that it is never half written."""
    new = file.with_name(f".{file.name}.new")
    new.write_text(text, encoding="utf-8")
    new.replace(file)


def _folder(transcript: Transcript) -> str:
    """Return ``quectel-eg25-g`` for the EG25-G of Quectel."""
    vendor = re.split(r"[\s,_-]", transcript.vendor)[0]
    model = re.sub(rf"^{re.escape(vendor)}[\s_-]+", "", transcript.model, flags=re.IGNORECASE)
    return re.sub(r"[^a-z0-9]+", "-", f"{vendor}-{model}".lower()).strip("-")


def _summary(recording: Recording, written: Written, file: Path | None) -> dict[str, Any]:
    responses = [kept.response for kept in recording.responses]
    return {
        "schema": 1,
        "port": recording.snapshot.port,
        "transcript": str(file) if file is not None else None,
        "state": recording.state,
        "dialect": recording.snapshot.dialect,
        "asked": len(responses),
        "answered": sum(response.ok for response in responses),
        "refused": sum(not each.ok and not each.timed_out for each in responses),
        "silent": sum(response.timed_out for response in responses),
        "written": len(written.transcript.exchanges),
        "unsolicited": len(written.transcript.urcs),
        "replaced": dict(written.replaced),
        "commands": [response.line for response in responses],
        "missing": list(recording.missing),
        "incomplete": recording.reason or None,
    }


def _print(summary: Mapping[str, Any]) -> None:
    silent = f", {summary['silent']} without an answer" if summary["silent"] else ""
    click.echo(
        f"{summary['asked']} commands sent, {summary['answered']} successful{silent}", err=True
    )
    click.echo(f"state: {summary['state'] or 'SIM ready'}", err=True)
    click.echo(f"replaced: {_counts(summary['replaced']) or 'nothing'}", err=True)
    if summary["transcript"]:
        click.echo(f"{summary['written']} responses written to {summary['transcript']}", err=True)
    if reason := summary["incomplete"]:
        missing = len(summary["missing"])
        click.echo(f"modemagent: incomplete, {missing} commands not sent: {reason}.", err=True)


def _counts(replaced: Mapping[str, int]) -> str:
    """Return ``1 IMEI, 2 serial numbers`` for counts by kind."""
    parts = []
    for kind, count in replaced.items():
        name = kind.upper() if kind in (*KINDS, "esn") else kind.replace("_", " ")
        parts.append(f"{count} {name}" + ("s" if count > 1 else ""))
    return ", ".join(parts)
