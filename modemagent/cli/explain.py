"""``modemagent explain``: AT responses, URCs and error numbers in plain language."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import click

from modemagent.at.fields import SIGILS
from modemagent.cli.options import json_option, value_option
from modemagent.cli.output import heading, one_line, paragraph, plain, print_json
from modemagent.cli.response_text import meaning_of
from modemagent.cli.stdio import read_lines
from modemagent.errors import UsageError
from modemagent.explain import explain_code

NOTHING_KNOWN = 1
#: Longer than a line of any module; the rest of a longer line is skipped.
LINE_LIMIT = 4096
_EXAMPLE = "Try: modemagent explain '+CEREG: 2,3'"
_KEYS = ("about", "text", "source", "remedy")


@click.command("explain")
@click.argument("texts", metavar="TEXT...", nargs=-1)
@value_option(
    "--command",
    "LINE",
    "The command that was sent; without it, a line may be taken for a URC.",
    "at_command",
    default="",
    show_default=False,
)
@json_option
def command(texts: tuple[str, ...], at_command: str, as_json: bool) -> int:
    """Explain a response line, a URC or an error number; - reads lines from stdin.

    \b
    modemagent explain '+CEREG: 3,3,,,,0,15'
    modemagent explain 'CME 13' 'EMM 15'

    Write an error number after the name of its family: CME, CMS, MM, GMM, EMM, 5GMM, SM, ESM, 5GSM
    or SW. If one of the lines is an AT command, the lines after it are explained as its response.
    Exit status 1 if no line is recognized.
    """
    if not texts:
        raise UsageError("nothing to explain", hint=_EXAMPLE)
    entries: Iterable[dict[str, Any]] = (_entry(*line) for line in _lines(texts, at_command))
    if as_json:
        entries = list(entries)
    lines = known = 0
    for entry in entries:
        if not as_json:
            _print(entry, is_first=not lines)
        lines += 1
        known += entry["text"] is not None
    if not lines:
        raise UsageError("no line to explain", hint=_EXAMPLE)
    if as_json:
        print_json({"schema": 1, "lines": entries})
    elif known < lines and len(texts) > 1 and _entry(" ".join(texts), at_command)["text"]:
        hint = f"For one line, quote it: modemagent explain {shlex.quote(' '.join(texts))}"
        click.echo(one_line(UsageError("not every line is known", hint=hint)), err=True)
    elif not known:
        what = "not a known" if lines == 1 else "no line is a known"
        failure = UsageError(
            f"{what} response, URC or error number",
            hint="Write a number after its family: modemagent explain 'EMM 15'",
        )
        click.echo(one_line(failure), err=True)
    return 0 if known else NOTHING_KNOWN


def _lines(texts: Iterable[str], at_command: str) -> Iterator[tuple[str, str]]:
    """Yield each line with the command that it may answer: the last one before it."""
    for text in texts:
        for line in _stdin() if text == "-" else text.splitlines():
            stripped = line.strip()
            if _is_command(stripped):
                at_command = stripped
            elif stripped:
                yield line, at_command


def _stdin() -> Iterator[str]:
    return (line.strip() for line, _ in read_lines(sys.stdin.buffer, LINE_LIMIT))


def _is_command(line: str) -> bool:
    """Distinguish ``AT+CSQ``, ``at``, ``ATI1`` from words that begin with AT."""
    if line[:2].upper() != "AT":
        return False
    rest = line[2:]
    return not rest or rest[0] in SIGILS or not rest[1:] or rest[1:].isdecimal()


def _entry(line: str, at_command: str) -> dict[str, Any]:
    # Without a command a line is rather a code, and with one a value: the model "SM 95".
    found = None if at_command else explain_code(line)
    found = found or meaning_of(at_command, line) or explain_code(line) or {}
    known = {key: found.get(key) for key in _KEYS}
    return {"line": line, **known, "fields": found.get("fields", {})}


def _print(entry: Mapping[str, Any], *, is_first: bool) -> None:
    if not is_first:
        click.echo()
    click.echo(heading(plain(entry["line"])))
    if entry["text"] is None:
        click.echo("  not known")
        return
    click.echo(paragraph(f"  {plain(entry['about'])}: ", plain(entry["text"])))
    if entry["remedy"]:
        click.echo(paragraph("  remedy: ", entry["remedy"]))
    click.echo(paragraph("  source: ", entry["source"]))
    sys.stdout.flush()  # so that a log can be followed
