"""``modemagent validate``: check identity numbers without hardware."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain, starmap
from typing import IO, Any

import click

from modemagent.cli.options import FOUND_WRONG, flag_option, json_option, value_option
from modemagent.cli.output import paragraph, plain, print_json, verdict_word
from modemagent.cli.stdio import read_lines
from modemagent.errors import UsageError
from modemagent.identity.check import KINDS, validate
from modemagent.identity.damage import DAMAGES, repair
from modemagent.identity.problems import problem

#: Longer than any line with a number; the rest of a longer line is skipped.
LINE_LIMIT = 64 * 1024
_KNOWN = f"Known kinds: {', '.join(KINDS)}"
_INDENT = " " * 9


Verdict = dict[str, Any]


@click.command("validate")
@click.argument("kind", required=False)
@click.argument("values", metavar="VALUE...", nargs=-1)
@value_option(
    "--file",
    "CSV",
    "Check a CSV file with the columns kind and value, or with one column of numbers of KIND; - "
    "for stdin. The kind in a row overrides KIND.",
    "path",
)
@flag_option(
    "--jsonl", 'Read one {"kind", "input"} per line from stdin, and print one verdict per line.'
)
@json_option
def command(
    kind: str | None, values: tuple[str, ...], path: str | None, jsonl: bool, as_json: bool
) -> int:
    """Check numbers of the kind imei, imeisv, meid, imsi, iccid or eid. Exit status 3 if one of
    them is invalid.

    \b
    modemagent validate imei 867698040000013
    modemagent validate --file order.csv --json
    """
    if jsonl and (kind is not None or path is not None):
        raise UsageError(
            "--jsonl excludes KIND and --file", hint="Pass kind and input in each line of stdin."
        )
    if kind is not None:
        kind = kind.lower()
        if kind not in KINDS:
            raise UsageError(f"unknown kind of number {kind!r}", hint=_KNOWN)
    if jsonl:
        lines = read_lines(sys.stdin.buffer, LINE_LIMIT)
        verdicts: Iterable[Verdict] = starmap(_line_verdict, lines)
    elif path is not None:
        verdicts = _from_csv(path, kind, values)
    elif kind is not None and values:
        verdicts = (validate(kind, value).to_json() for value in values)
    else:
        raise UsageError("nothing to check", hint="Try: modemagent validate imei 867698040000013")
    if as_json and not jsonl:
        verdicts = list(verdicts)
        is_one = path is None and len(values) == 1
        print_json(verdicts[0] if is_one else {"schema": 1, "verdicts": verdicts})
    is_wrong = False
    for verdict in verdicts:
        if jsonl:
            print_json(verdict)
        elif not as_json:
            _print(verdict)
        is_wrong |= not verdict["valid"]
    return FOUND_WRONG if is_wrong else 0


def _print(verdict: Verdict) -> None:
    kind, text = verdict["kind"], verdict["input"]
    if verdict["valid"]:
        shown = verdict["normalized"] or text
        original = "" if shown == text else f"  (from {plain(text)!r})"
        click.echo(f"{verdict_word('ok')}     {kind} {plain(shown)}{original}")
    else:
        place = f"  (line {verdict['line']})" if "line" in verdict else ""
        shown = plain(f"{kind or ''} {text}".strip())
        click.echo(f"{verdict_word('error')}  {shown}{place}")
    if "error" in verdict:
        click.echo(paragraph(f"{_INDENT}error: ", plain(verdict["error"])))
    for code in verdict["codes"]:
        found = problem(code, kind)
        click.echo(paragraph(f"{_INDENT}{found.severity}: ", f"{plain(found.message)} [{code}]"))
    # a number that is valid may end in zeros
    if kind in KINDS and (damage := repair(kind, text.strip(), rounded=not verdict["valid"]).code):
        click.echo(paragraph(f"{_INDENT}hint: ", ". ".join(DAMAGES[damage])))
    if verdict["valid"] and (parts := _parts(verdict["details"])):
        click.echo(paragraph(_INDENT, parts))


def _parts(details: Mapping[str, object]) -> str:
    """Return the parts of a number; an international service has no country."""
    names = {name: name.replace("_", " ") for name in details}
    if details.get("country") == details.get("country_name"):
        names |= {"country_code": "calling code", "country": "assigned to"}
        names.pop("country_name", None)
    return ", ".join(
        f"{names[name]} {plain(str(value))}"
        for name, value in details.items()
        if name in names and isinstance(value, str | int) and not isinstance(value, bool)
    )


def _from_csv(path: str, kind: str | None, values: tuple[str, ...]) -> Iterator[Verdict]:
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


def _rows(file: IO[str], path: str, kind: str | None) -> Iterator[Verdict]:
    first = file.readline()
    # Spreadsheets in many European countries separate by semicolons.
    delimiter = ";" if ";" in first and "," not in first else ","
    reader = csv.reader(chain([first], file), delimiter=delimiter)
    try:
        header = next(reader)
        columns, is_header = _columns([cell.strip().lower() for cell in header], kind, path)
        for row in reader if is_header else chain([header], reader):
            if any(cell.strip() for cell in row):
                yield _row_verdict(row, columns, kind) | {"line": reader.line_num}
    except csv.Error as error:
        raise UsageError(
            f"{path} is not a CSV file: {error}", hint="Export it as CSV in UTF-8."
        ) from error


def _columns(header: list[str], kind: str | None, path: str) -> tuple[tuple[int, int], bool]:
    """Return the columns of kind and value, and True if the first line is a header."""
    value = next((i for i, name in enumerate(header) if name in ("value", "input", kind)), None)
    at_kind = header.index("kind") if "kind" in header else -1
    if value is not None and (at_kind >= 0 or kind is not None):
        return (at_kind, value), True
    if len(header) >= 2 and header[0] in KINDS:
        return (0, 1), False
    if kind is not None:
        return (-1, 0), False
    raise UsageError(
        f"{path} has no columns kind and value",
        hint="Add the header line kind,value, or pass KIND for a file with one column.",
    )


def _row_verdict(row: list[str], columns: tuple[int, int], kind: str | None) -> Verdict:
    """Check the number of one row, of the row's own kind if it has one."""
    at_kind, at_value = columns
    own = row[at_kind].strip().lower() if 0 <= at_kind < len(row) else ""
    own = own or kind or ""
    if len(row) <= at_value:
        error = "the value is missing"
        return _no_verdict(own or None, "", error)
    if own in KINDS:
        return validate(own, row[at_value]).to_json()
    what = f"unknown kind of number {own!r}" if own else "the kind is missing"
    return _no_verdict(own or None, row[at_value], f"{what}. {_KNOWN}")


def _line_verdict(text: str, is_cut: bool) -> Verdict:
    """Check the number of one line of JSON."""
    import json  # for --jsonl only

    if is_cut:
        return _no_verdict(None, None, f"the line is longer than {LINE_LIMIT} bytes")
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
    return validate(kind, value).to_json()


def _no_verdict(kind: object, text: object, error: str) -> Verdict:
    nothing: Verdict = {"valid": False, "normalized": None, "codes": [], "details": {}}
    return {"kind": kind, "input": text, **nothing, "error": error}
