"""``modemagent validate``: check identity numbers without hardware."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import IO, NamedTuple

import click

from modemagent.cli.options import json_option
from modemagent.cli.render import plain, verdict_word
from modemagent.errors import IdentityError, ModemAgentError, UsageError
from modemagent.identity.check import KINDS, validate

FOUND_WRONG = IdentityError.exit_status
#: A longer line of a stream is no identity question; the rest of it is skipped unread.
LINE_LIMIT = 64 * 1024


class Asked(NamedTuple):
    """One question: a kind and the text to judge.

    :param line: its place in a file
    :param refused: why there is no verdict on this row of the file
    """

    kind: str
    text: str
    line: int | None = None
    refused: str = ""


@click.command("validate")
@click.argument("kind", required=False)
@click.argument("values", metavar="VALUE...", nargs=-1)
@click.option(
    "--file",
    "path",
    metavar="CSV",
    help="Check a file: columns kind and value, or one column when KIND is given; a row's own kind "
    "goes before KIND. - is stdin.",
)
@click.option(
    "--jsonl",
    is_flag=True,
    help='Read one {"kind", "input"} a line from stdin, write one verdict a line.',
)
@json_option
def command(
    kind: str | None, values: tuple[str, ...], path: str | None, jsonl: bool, as_json: bool
) -> None:
    """Check numbers: imei, imeisv, meid, imsi, iccid, eid. Exit status 3 when any is wrong.

    \b
    modemagent validate imei 867698040000013
    modemagent validate --file order.csv --json
    """
    if jsonl:
        if kind is not None or path is not None:
            raise UsageError("--jsonl takes kind and input from each line of stdin")
        _leave(_stream(sys.stdin.buffer, sys.stdout.buffer))
    if kind is not None:
        kind = _known(kind)
    if path is not None:
        asked = _from_csv(path, kind, values)
    elif kind is not None and values:
        asked = (Asked(kind, value) for value in values)
    else:
        raise UsageError("nothing to check", hint="Try: modemagent validate imei 867698040000013")
    _leave(_print_json(asked, one=path is None and len(values) == 1) if as_json else _print(asked))


def _leave(all_valid: bool) -> None:
    click.get_current_context().exit(0 if all_valid else FOUND_WRONG)


def _known(kind: str) -> str:
    if kind.lower() not in KINDS:
        raise UsageError(
            f"there is no kind of number {kind!r}", hint=f"Known are: {', '.join(KINDS)}"
        )
    return kind.lower()


def _print(asked: Iterable[Asked]) -> bool:
    all_valid = True
    for question in asked:
        if question.refused:
            all_valid = False
            shown = plain(f"{question.kind} {question.text}".strip())
            click.echo(f"{verdict_word('error')}  {shown}  (line {question.line})")
            click.echo(f"         error: {plain(question.refused)}")
            continue
        check = validate(question.kind, question.text)
        all_valid &= check.valid
        word = verdict_word("ok" if check.valid else "error")
        if check.valid:
            shown = check.normalized or question.text
            extra = "" if shown == question.text else f"  (from {plain(question.text)!r})"
            click.echo(f"{word}     {check.kind} {plain(shown)}{extra}")
        else:
            place = f"  (line {question.line})" if question.line else ""
            click.echo(f"{word}  {check.kind} {plain(question.text)}{place}")
        for problem in check.problems():
            click.echo(f"         {problem.severity}: {plain(problem.message)} [{problem.code}]")
        if check.valid and (parts := _parts(check.details)):
            click.echo(f"         {parts}")
    return all_valid


def _parts(details: Mapping[str, object]) -> str:
    return ", ".join(
        f"{name.replace('_', ' ')} {plain(str(value))}"
        for name, value in details.items()
        if isinstance(value, str | int) and not isinstance(value, bool)
    )


def _print_json(asked: Iterable[Asked], *, one: bool) -> bool:
    import json

    all_valid, verdicts = True, []
    for question in asked:
        if question.refused:
            verdict = _no_verdict(question.kind or None, question.text, question.refused)
        else:
            verdict = dict(validate(question.kind, question.text).to_json())
        all_valid &= verdict["valid"] is True
        verdicts.append(verdict if question.line is None else {**verdict, "line": question.line})
    document = verdicts[0] if one else {"schema": 1, "verdicts": verdicts}
    click.echo(json.dumps(document))
    return all_valid


def _from_csv(path: str, kind: str | None, values: tuple[str, ...]) -> Iterator[Asked]:
    if values:
        raise UsageError("give values or --file, not both")
    try:
        # Excel writes a byte order mark; bytes that are no UTF-8 must reach the verdict.
        with open(
            0 if path == "-" else path,
            encoding="utf-8-sig",
            errors="surrogateescape",
            newline="",
            closefd=path != "-",
        ) as file:
            yield from _rows(file, path, kind)
    except OSError as refused:
        raise UsageError(f"{path} can not be read: {refused.strerror}") from refused


def _rows(file: IO[str], path: str, kind: str | None) -> Iterator[Asked]:
    import csv

    first = file.readline()
    # Spreadsheets of half of Europe separate by semicolons.
    delimiter = ";" if ";" in first and "," not in first else ","
    header = [cell.strip().lower() for cell in next(csv.reader([first], delimiter=delimiter), [])]
    columns, headed = _columns(header, kind, path)
    try:
        reader = csv.reader(file, delimiter=delimiter)
        if not headed and first:
            yield _row(next(csv.reader([first], delimiter=delimiter)), columns, kind, 1)
        for row in reader:
            if any(cell.strip() for cell in row):
                yield _row(row, columns, kind, reader.line_num + 1)
    except csv.Error as broken:
        raise UsageError(f"{path} is no CSV file: {broken}") from broken


def _columns(header: list[str], kind: str | None, path: str) -> tuple[tuple[int, int], bool]:
    """Return the places of kind and value, and whether the first line was a header."""
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
        hint="Give a header line kind,value, or the KIND for a file of one column",
    )


def _row(row: list[str], columns: tuple[int, int], kind: str | None, line: int) -> Asked:
    """Return the question of one row: of its own kind, where it says one, else of the one given."""
    at_kind, at_value = columns
    own = row[at_kind].strip() if 0 <= at_kind < len(row) else ""
    own = own.lower() or kind or ""
    if len(row) <= at_value:
        return Asked(own, "", line, f"the row has {len(row)} columns, the value is missing")
    if own not in KINDS:
        wrong = f"there is no kind of number {own!r}" if own else "the kind is missing"
        return Asked(own, row[at_value], line, f"{wrong}. Known are: {', '.join(KINDS)}")
    return Asked(own, row[at_value], line)


def _stream(source: IO[bytes], sink: IO[bytes]) -> bool:
    """Answer line by line: one question in, one verdict out, nothing kept."""
    import json

    encode = json.JSONEncoder().encode
    all_valid = True
    while line := source.readline(LINE_LIMIT):
        if len(line) == LINE_LIMIT and not line.endswith(b"\n"):
            _skip_rest(source)
            verdict = _no_verdict(None, None, f"the line is longer than {LINE_LIMIT} bytes")
        else:
            verdict = _answer(line, json.loads)
        all_valid &= verdict["valid"] is True
        # ASCII only, so that lone surrogates and undecodable bytes of the input survive.
        sink.write(encode(verdict).encode("ascii") + b"\n")
        sink.flush()
    return all_valid


def _answer(line: bytes, loads: Callable[[str], object]) -> dict[str, object]:
    text = line.decode("utf-8", "surrogateescape")
    try:
        question = loads(text)
    except (ValueError, RecursionError):
        return _no_verdict(None, text.rstrip("\n"), "the line is no JSON")
    if not isinstance(question, dict):
        return _no_verdict(None, text.rstrip("\n"), 'the line is no object {"kind", "input"}')
    kind, value = question.get("kind"), question.get("input")
    if not isinstance(kind, str) or kind not in KINDS:
        return _no_verdict(kind, value, f"the kind must be one of {', '.join(KINDS)}")
    if not isinstance(value, str):
        return _no_verdict(kind, value, "the input must be a string")
    try:
        return dict(validate(kind, value).to_json())
    except ModemAgentError as refused:
        return _no_verdict(kind, value, refused.message)


def _no_verdict(kind: object, text: object, why: str) -> dict[str, object]:
    return {
        "kind": kind,
        "input": text,
        "valid": False,
        "normalized": None,
        "codes": [],
        "details": {},
        "error": why,
    }


def _skip_rest(source: IO[bytes]) -> None:
    while (piece := source.readline(LINE_LIMIT)) and not piece.endswith(b"\n"):
        pass
