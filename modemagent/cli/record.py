"""``modemagent record``: a transcript of a real modem that may be shown to anybody.

Above 300 lines: one command, from its options to the last line it says.
"""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from modemagent.channel.blocking import run_plans
from modemagent.cli.agent import AgentLocator, what_holds, whose
from modemagent.cli.options import (
    baud_option,
    json_option,
    root_option,
    state_dir_option,
    timeout_option,
)
from modemagent.cli.ports import BY_NUMBER, resolve_target
from modemagent.errors import (
    DeadlinePassed,
    LineRefused,
    ModemAgentError,
    PortBusy,
    TranscriptError,
    UsageError,
)
from modemagent.identity.problems import KINDS
from modemagent.modem.capture import Recording, record
from modemagent.modem.identify import Extras
from modemagent.modem.transcribe import Written, transcribe

if TYPE_CHECKING:
    from modemagent.at.transcript import Transcript

_FILE = "transcript.toml"


@click.command("record")
@click.argument("port")
@click.option(
    "-o",
    "--output",
    type=click.Path(),
    metavar="FILE",
    help="Write here; into a directory as VENDOR-MODEL/transcript.toml. Default: stdout.",
)
@click.option(
    "--add",
    type=click.Path(exists=True, path_type=Path),
    metavar="FILE",
    help="Append what this transcript does not hold: the same modem, in another state.",
)
@click.option("--force", is_flag=True, help="Overwrite a file; add a modem of another model.")
@click.option(
    "--command", "more", multiple=True, metavar="LINE", help="Also ask this line; repeatable."
)
@click.option(
    "--eid-by-apdu", is_flag=True, help="Also ask the card for its EID over a logical channel."
)
@json_option
@timeout_option(300.0)
@baud_option
@root_option
@state_dir_option
@click.pass_context
def command(
    context: click.Context,
    port: str,
    output: str | None,
    add: Path | None,
    force: bool,
    more: tuple[str, ...],
    eid_by_apdu: bool,
    as_json: bool,
    timeout_s: float,
    baud: int,
    root: str,
    state_dir: str | None,
) -> None:
    """Write a transcript of a modem, ready for simulate and for bug reports.

    \b
    modemagent record /dev/ttyUSB2 -o fixtures/transcripts/
    modemagent record /dev/ttyUSB2 --add fixtures/transcripts/acme-m1   (card out)

    Asks every line that identifying may ask, and reads of network and signal: only lines that
    read. IMEI, ICCID, IMSI, EID, serial and phone numbers, cells and addresses are replaced by
    synthetic ones, the same for the same. Still, look through the file before you share it.
    """
    if output is not None and add is not None:
        raise UsageError("give --output or --add, not both")
    if as_json and output is None and add is None:
        raise UsageError("--json needs a place for the transcript", hint="Add: -o FILE")
    _permit(more)
    earlier, add = _load(add)
    if output is not None and not _is_folder(output):
        _refuse_overwriting(Path(output), force=force)
    path = _path_of(port, root, baud, timeout_s, whose(context, state_dir))
    recording = _record(path, more, Extras(eid_by_apdu=eid_by_apdu), timeout_s, baud)
    if earlier is not None and not force:
        _refuse_other_model(earlier, recording)
    written = transcribe(recording, _header(recording, path, root), earlier=earlier)
    place = _save(written, output, add, force=force)
    if as_json:
        _print_json(recording, written, place)
    else:
        _report(recording, written, place)
    context.exit(DeadlinePassed.exit_status if recording.reason else 0)


# -- before a byte is sent


def _permit(lines: tuple[str, ...]) -> None:
    from modemagent.dialects.allowlist import is_allowed

    for line in lines:
        if not is_allowed(line):
            raise LineRefused(
                f"{line!r} was not sent: it is not on the list of lines that only read",
                hint="Nothing was recorded. Lines that only read are added in "
                "modemagent/dialects/allowlist.py",
            )


def _load(add: Path | None) -> tuple[Transcript | None, Path | None]:
    if add is None:
        return None, None
    from modemagent.at.transcript import load

    file = add / _FILE if add.is_dir() else add
    return load(file), file


def _is_folder(output: str) -> bool:
    return output.endswith("/") or Path(output).is_dir()


def _refuse_overwriting(file: Path, *, force: bool) -> None:
    if file.exists() and not force:
        raise UsageError(
            f"{file} is there already",
            hint="Add another state to it with --add, or overwrite it with --force",
        )
    if not file.parent.is_dir():
        raise UsageError(f"there is no directory {file.parent}", hint="Make it first")


def _path_of(word: str, root: str, baud: int, timeout_s: float, agent: AgentLocator) -> str:
    if word != "auto" and not word.startswith(BY_NUMBER):
        return resolve_target(word, root).path
    from modemagent.cli.reading import AccessOptions, read

    how = AccessOptions(timeout_s, time.monotonic() + timeout_s, baud, root, agent)
    return read([word], how).snapshots[0].port


def _record(
    path: str, more: tuple[str, ...], extras: Extras, timeout_s: float, baud: int
) -> Recording:
    progress = _show if sys.stderr.isatty() else _keep_quiet
    plan = record(path, more=more, extras=extras, progress=progress)
    result = run_plans({path: plan}, timeout_s=timeout_s, baud=baud)[path]
    if sys.stderr.isatty():
        click.echo("\r\x1b[K", nl=False, err=True)
    if isinstance(result, PortBusy) and what_holds(result) == "daemon":
        result.hint = (
            "It is modemagent's daemon, which hands out lines and not the bytes that a transcript "
            "is made of: stop it meanwhile (systemctl stop modemagent)"
        )
    if isinstance(result, ModemAgentError):
        raise result
    return result


def _keep_quiet(line: str, number: int, total: int) -> None:
    """Show nothing: nobody is watching."""


def _show(line: str, number: int, total: int) -> None:
    of = f" of {total}" if total else ""
    click.echo(f"\r\x1b[K{number}{of}  {line}", nl=False, err=True)


def _refuse_other_model(earlier: Transcript, recording: Recording) -> None:
    model = recording.snapshot.modem.model or "unknown"
    if earlier.model != model:
        raise UsageError(
            f"that transcript is of a {earlier.model}, this modem says {model}",
            hint="Record it into a file of its own, or use --force if it is the same module",
        )


# -- what is written


def _header(recording: Recording, path: str, root: str) -> dict[str, object]:
    from modemagent import __version__
    from modemagent.discovery.sysfs import describe

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


def _save(written: Written, output: str | None, add: Path | None, *, force: bool) -> Path | None:
    from modemagent.at.transcript import Transcript, dumps

    transcript = written.transcript
    try:
        if add is not None:
            # comments and order of the file stay: new tables go behind the old ones
            more = dumps(Transcript("", {}, transcript.exchanges, transcript.urcs))
            _write(add, add.read_text("utf-8") + more)
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
        _write(file, text)
    except OSError as error:
        raise TranscriptError(f"the transcript was not written: {error}") from error
    return file


def _write(file: Path, text: str) -> None:
    """Replace a file as a whole, so that none is ever half written."""
    fresh = file.with_name(f".{file.name}.new")
    fresh.write_text(text, encoding="utf-8")
    fresh.replace(file)


def _folder(transcript: Transcript) -> str:
    """Return ``quectel-eg25-g`` for the EG25-G of Quectel."""
    vendor = re.split(r"[\s,_-]", transcript.vendor)[0]
    model = re.sub(rf"^{re.escape(vendor)}[\s_-]+", "", transcript.model, flags=re.IGNORECASE)
    return re.sub(r"[^a-z0-9]+", "-", f"{vendor}-{model}".lower()).strip("-")


# -- what is said


def _print_json(recording: Recording, written: Written, place: Path | None) -> None:
    import json

    asked = [kept.response for kept in recording.responses]
    document = {
        "schema": 1,
        "port": recording.snapshot.port,
        "transcript": str(place),
        "state": recording.state,
        "dialect": recording.snapshot.dialect,
        "asked": len(asked),
        "answered": sum(answer.ok for answer in asked),
        "refused": sum(not answer.ok and not answer.timed_out for answer in asked),
        "silent": sum(answer.timed_out for answer in asked),
        "written": len(written.transcript.exchanges),
        "unsolicited": len(written.transcript.urcs),
        "replaced": dict(written.replaced),
        "commands": [answer.line for answer in asked],
        "missing": list(recording.missing),
        "incomplete": recording.reason or None,
    }
    click.echo(json.dumps(document))


def _report(recording: Recording, written: Written, place: Path | None) -> None:
    asked = [kept.response for kept in recording.responses]
    silent = sum(answer.timed_out for answer in asked)
    said = [
        f"{len(asked)} lines asked, {sum(answer.ok for answer in asked)} answered"
        + (f", {silent} met with silence" if silent else ""),
        f"state: {recording.state or 'card in and ready'}",
        "replaced: " + (_counted(written.replaced) or "nothing"),
    ]
    if place is not None:
        said.append(f"{len(written.transcript.exchanges)} answers written to {place}")
    click.echo("\n".join(said), err=True)
    if recording.reason:
        click.echo(
            f"modemagent: incomplete, {len(recording.missing)} lines were not asked: "
            f"{recording.reason}.",
            err=True,
        )


def _counted(replaced: Mapping[str, int]) -> str:
    """Say ``1 IMEI, 2 serial numbers`` of counts by kind."""
    said = []
    for kind, count in replaced.items():
        word = kind.upper() if kind in (*KINDS, "esn") else kind.replace("_", " ")
        said.append(f"{count} {word}" + ("s" if count > 1 else ""))
    return ", ".join(said)
