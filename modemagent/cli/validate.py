"""``modemagent validate``: check identity numbers without hardware."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from typing import IO, NamedTuple

import click

from modemagent.cli.options import FOUND_WRONG, flag_option, json_option, value_option
from modemagent.cli.output import plain, print_json, verdict_word
from modemagent.errors import ModemAgentError, UsageError
from modemagent.identity.check import KINDS, validate

#: Longer than any line with a number; the rest of a longer line is skipped.
LINE_LIMIT = 64 * 1024
_KNOWN = f"Known kinds: {', '.join(KINDS)}"
_INDENT = " " * 9


class Item(NamedTuple):
    """A number to check.

    :param line: line number in a file
    :param error: why the row of the file cannot be checked
    """

    kind: str
    text: str
    line: int | None = None
    error: str = ""


@click.command("validate")
@click.argument("kind", required=False)
@click.argument("values", metavar="VALUE...", nargs=-1)
@value_option(
    "--file",
    "CSV",
    "Check a file with columns kind and value, or one column of KIND; - is stdin. The kind in a "
    "row takes precedence.",
    "path",
)
@flag_option(
    "--jsonl", 'Read one {"kind", "input"} per line from stdin, write one verdict per line.'
)
@json_option
def command(
    kind: str | None, values: tuple[str, ...], path: str | None, jsonl: bool, as_json: bool
) -> int:
    """Check numbers: imei, imeisv, meid, imsi, iccid, eid. Exit status 3 if any is invalid.

    \b
    modemagent validate imei 867698040000013
    modemagent validate --file order.csv --json
    """
    if jsonl:
        if kind is not None or path is not None:
            raise UsageError(
                "--jsonl excludes KIND and --file",
                hint="Pass kind and input in each line of stdin.",
            )
        return _status(_stream(sys.stdin.buffer, sys.stdout.buffer))
    if kind is not None:
        kind = kind.lower()
        if kind not in KINDS:
            raise UsageError(f"unknown kind of number {kind!r}", hint=_KNOWN)
    if path is not None:
        items = _from_csv(path, kind, values)
    elif kind is not None and values:
        items = (Item(kind, value) for value in values)
    else:
        raise UsageError("nothing to check", hint="Try: modemagent validate imei 867698040000013")
    if as_json:
        return _status(_print_json(items, one=path is None and len(values) == 1))
    return _status(_print(items))


def _status(all_valid: bool) -> int:
    return 0 if all_valid else FOUND_WRONG


def _print(items: Iterable[Item]) -> bool:
    all_valid = True
    for item in items:
        place = f"  (line {item.line})" if item.line else ""
        if item.error:
            all_valid = False
            shown = plain(f"{item.kind} {item.text}".strip())
            click.echo(f"{verdict_word('error')}  {shown}{place}")
            click.echo(f"{_INDENT}error: {plain(item.error)}")
            continue
        check = validate(item.kind, item.text)
        all_valid &= check.valid
        if check.valid:
            shown = check.normalized or item.text
            original = "" if shown == item.text else f"  (from {plain(item.text)!r})"
            click.echo(f"{verdict_word('ok')}     {check.kind} {plain(shown)}{original}")
        else:
            click.echo(f"{verdict_word('error')}  {check.kind} {plain(item.text)}{place}")
        for problem in check.problems():
            click.echo(f"{_INDENT}{problem.severity}: {plain(problem.message)} [{problem.code}]")
        if check.valid and (parts := _parts(check.details)):
            click.echo(f"{_INDENT}{parts}")
    return all_valid


def _parts(details: Mapping[str, object]) -> str:
    return ", ".join(
        f"{name.replace('_', ' ')} {plain(str(value))}"
        for name, value in details.items()
        if isinstance(value, str | int) and not isinstance(value, bool)
    )


def _print_json(items: Iterable[Item], *, one: bool) -> bool:
    verdicts: list[dict[str, object]] = []
    for kind, text, line, error in items:
        verdict = _no_verdict(kind or None, text, error) if error else _verdict(kind, text)
        verdicts.append(verdict if line is None else {**verdict, "line": line})
    print_json(verdicts[0] if one else {"schema": 1, "verdicts": verdicts})
    return all(verdict["valid"] is True for verdict in verdicts)


def _from_csv(path: str, kind: str | None, values: tuple[str, ...]) -> Iterator[Item]:
    if values:
        raise UsageError("VALUE and --file exclude each other", hint="Omit one of them.")
    try:
        # Excel writes a byte order mark; bytes that are not UTF-8 must reach the verdict.
        with open(
            0 if path == "-" else path,
            encoding="utf-8-sig",
            errors="surrogateescape",
            newline="",
            closefd=path != "-",
        ) as file:
            yield from _rows(file, path, kind)
    except OSError as error:
        raise UsageError(
            f"{path} cannot be read: {error.strerror}", hint="Check its name and permissions."
        ) from error


def _rows(file: IO[str], path: str, kind: str | None) -> Iterator[Item]:
    first = file.readline()
    # Spreadsheets in many European countries separate by semicolons.
    delimiter = ";" if ";" in first and "," not in first else ","
    header = [cell.strip().lower() for cell in next(csv.reader([first], delimiter=delimiter), [])]
    columns, is_header = _columns(header, kind, path)
    try:
        reader = csv.reader(file, delimiter=delimiter)
        if not is_header and first:
            yield _row(next(csv.reader([first], delimiter=delimiter)), columns, kind, 1)
        for row in reader:
            if any(cell.strip() for cell in row):
                yield _row(row, columns, kind, reader.line_num + 1)
    except csv.Error as error:
        raise UsageError(
            f"{path} is not a CSV file: {error}", hint="Export it as CSV in UTF-8."
        ) from error


def _columns(header: list[str], kind: str | None, path: str) -> tuple[tuple[int, int], bool]:
    """Return the columns of kind and value, and True if the first line is a header."""
    value = next((i for i, name in enumerate(header) if name in ("value", "input", kind)), None)
    if "kind" in header and value is not None:
        return (header.index("kind"), value), True
    if kind is not None and value is not None:
        return (-1, value), True
    if len(header) >= 2 and header[0] in KINDS:
        return (0, 1), False
    if kind is not None:
        return (-1, 0), False
    raise UsageError(
        f"{path} has no columns kind and value",
        hint="Add the header line kind,value, or pass KIND for a file with one column.",
    )


def _row(row: list[str], columns: tuple[int, int], kind: str | None, line: int) -> Item:
    """Return the number of one row, of the row's own kind if it has one."""
    at_kind, at_value = columns
    own = row[at_kind].strip().lower() if 0 <= at_kind < len(row) else ""
    own = own or kind or ""
    if len(row) <= at_value:
        return Item(own, "", line, f"the row has {len(row)} columns, the value is missing")
    error = ""
    if own not in KINDS:
        what = f"unknown kind of number {own!r}" if own else "the kind is missing"
        error = f"{what}. {_KNOWN}"
    return Item(own, row[at_value], line, error)


def _stream(source: IO[bytes], sink: IO[bytes]) -> bool:
    """Check line by line, in constant memory."""
    all_valid = True
    while line := source.readline(LINE_LIMIT):
        if len(line) == LINE_LIMIT and not line.endswith(b"\n"):
            while (piece := source.readline(LINE_LIMIT)) and not piece.endswith(b"\n"):
                pass
            verdict = _no_verdict(None, None, f"the line is longer than {LINE_LIMIT} bytes")
        else:
            verdict = _line_verdict(line.decode("utf-8", "surrogateescape"))
        all_valid &= verdict["valid"] is True
        # ASCII only, so that lone surrogates and undecodable bytes of the input are kept.
        sink.write(json.dumps(verdict).encode("ascii") + b"\n")
        sink.flush()
    return all_valid


def _line_verdict(text: str) -> dict[str, object]:
    try:
        item = json.loads(text)
    except (ValueError, RecursionError):
        return _no_verdict(None, text.rstrip("\n"), "the line is not JSON")
    if not isinstance(item, dict):
        return _no_verdict(None, text.rstrip("\n"), 'the line is not an object {"kind", "input"}')
    kind, value = item.get("kind"), item.get("input")
    if not isinstance(kind, str) or kind not in KINDS:
        return _no_verdict(kind, value, f"the kind must be one of {', '.join(KINDS)}")
    if not isinstance(value, str):
        return _no_verdict(kind, value, "the input must be a string")
    try:
        return _verdict(kind, value)
    except ModemAgentError as error:
        return _no_verdict(kind, value, error.message)


def _verdict(kind: str, text: str) -> dict[str, object]:
    return dict(validate(kind, text).to_json())


def _no_verdict(kind: object, text: object, error: str) -> dict[str, object]:
    return {
        "kind": kind,
        "input": text,
        "valid": False,
        "normalized": None,
        "codes": [],
        "details": {},
        "error": error,
    }
