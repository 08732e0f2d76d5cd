"""Events of the bench as lines: for people (``--plain``) and for programs (``--json``)."""

from __future__ import annotations

import json
from typing import Any

import click

from modemagent.cli.output import plain
from modemagent.provisioning.runtime import Listener

_COLOURS = {"pass": "green", "waived": "magenta", "fail": "red", "hold": "yellow"}


def json_listener() -> Listener:
    """Return a listener that prints each event as a line of JSON."""

    def listen(event: str, at: str, fields: dict[str, Any]) -> None:
        click.echo(json.dumps({"schema": 1, "event": event, "at": at, **fields}))

    return listen


def silent_listener() -> Listener:
    """Return a listener that prints the summary only: a screen shows everything else."""

    def listen(event: str, at: str, fields: dict[str, Any]) -> None:
        if event in ("lot.finding", "order.closed"):
            click.echo(_line(event, fields, is_verbose=False))

    return listen


def plain_listener(*, is_verbose: bool = False) -> Listener:
    """Return a listener that prints what a person has to know."""

    def listen(event: str, at: str, fields: dict[str, Any]) -> None:
        line = _line(event, fields, is_verbose=is_verbose)
        if line is not None:
            click.echo(f"{at[11:19]}  {line}")

    return listen


def _line(event: str, fields: dict[str, Any], *, is_verbose: bool) -> str | None:
    match event:
        case "order.opened":
            text = f"order {plain(fields['order'])}: {fields['size']} units, {fields['rows']} rows"
            torn = fields["torn"]
            return f"{text}; an incomplete last record was moved away" if torn else text
        case "attempt.ended":
            return _verdict(fields)
        case "bay.state" if fields["state"] in ("scanning", "verifying"):
            return f"bay {fields['bay']}  SCAN    {fields['reason'] or ''}"
        case "bay.state" if fields["state"] == "done":
            return f"bay {fields['bay']}  DONE    {fields['imei'] or ''}  {fields['reason'] or ''}"
        case "bay.state" if is_verbose:
            return f"bay {fields['bay']}  {fields['state']:<7} {plain(fields['reason'] or '')}"
        case "station.hold":
            word = click.style("HOLD", fg=_COLOURS["hold"], bold=True)
            place = f"bay {fields['bay']}" if fields["bay"] else "station"
            remedy = f" {plain(fields['remedy'])}" if fields["remedy"] else ""
            return f"{place}  {word}    {plain(fields['reason'])}.{remedy}"
        case "label.sent":
            return f"bay {fields['bay']}  label {fields['number']} {fields['status']}"
        case "scan.read" if fields.get("refused"):
            what = f" ({plain(fields['what'])})" if fields.get("what") else ""
            remedy = f". {plain(fields['remedy'])}" if fields.get("remedy") else ""
            return f"scan {plain(fields['refused'])}{what}{remedy}"
        case "scan.read" if fields.get("result"):
            return f"scan: {fields['result']}"
        case "scan.read" if fields["tie"] == "value":
            return f"scan: the number of bay {fields['bay']} proves no label: scan its bay first"
        case "scan.stray":
            likely = f"; likely that of bay {fields['likely_bay']}" if fields["likely_bay"] else ""
            return f"scan of a label that belongs to no module here{likely}"
        case "waiver.given":
            return f"bay {fields['bay']}  {fields['step']} waived by {plain(fields['person'])}"
        case "person.changed":
            return f"operator {plain(fields['person'])}"
        case "station.checked":
            return f"station check: {plain(fields['problem'] or 'ok')}"
        case "lot.stopped" | "lot.released":
            lot = plain(f"lot {fields['lot']}" if fields["lot"] else "the order")
            what = "is stopped by" if event == "lot.stopped" else "goes on by decision of"
            return f"{lot} {what} {plain(fields['person'])}: {plain(fields['reason'])}"
        case "lot.finding":
            lot = f" {plain(fields['lot'])}" if fields["lot"] else ""
            units = "1 unit" if len(fields["runs"]) == 1 else f"{len(fields['runs'])} units"
            return f"lot{lot}: {fields['grade']}: {plain(fields['message'])} ({units})"
        case "act.refused":
            return f"refused: {plain(fields['message'])}"
        case "order.closed":
            return _closed(fields)
    return None


def _verdict(fields: dict[str, Any]) -> str | None:
    verdict = fields["verdict"]
    if verdict == "aborted":
        return f"bay {fields['bay']}  pulled out before a verdict" if not fields["reason"] else None
    word = click.style(f"{verdict.upper():<7}", fg=_COLOURS.get(verdict), bold=True)
    text = f"bay {fields['bay']}  {word}"
    if fields["failed"]:
        others = list(fields["failed"][1:])
        more = f" (also {', '.join(others)})" if others else ""
        reason = plain(fields["reason"] or "")
        return f"{text} {fields['failed'][0]}: {reason}{more}. {plain(fields['remedy'] or '')}"
    if fields["waived"]:
        return f"{text} waived: {', '.join(fields['waived'])}"
    return f"{text} row {fields['row']}" if fields["row"] else text


def _closed(fields: dict[str, Any]) -> str:
    yields = fields["first_pass_yield"]
    rate = f", first pass {yields * 100:.0f} %" if yields is not None else ""
    return (
        f"{fields['passed']} passed, {fields['waived']} waived, {fields['failed']} failed, "
        f"{fields['left']} left{rate}"
    )
