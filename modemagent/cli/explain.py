"""``modemagent explain``: answers, URCs and error numbers in words, without hardware."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from typing import IO

import click

from modemagent.at.fields import SIGILS
from modemagent.cli.options import json_option
from modemagent.cli.render import heading, one_line, plain
from modemagent.errors import UsageError

NOTHING_KNOWN = 1
#: No module's line is longer; what a stream holds beyond it is not looked at.
LINE_LIMIT = 4096


@click.command("explain")
@click.argument("texts", metavar="TEXT...", nargs=-1)
@click.option(
    "--command",
    "asked",
    metavar="LINE",
    default="",
    help="The command that was asked, to tell its answer from a URC.",
)
@json_option
@click.pass_context
def command(context: click.Context, texts: tuple[str, ...], asked: str, as_json: bool) -> None:
    """Say an answer line, a URC or an error number in words; - reads lines from stdin.

    \b
    modemagent explain '+CEREG: 3,3,,,,0,15'
    modemagent explain 'CME 13' 'EMM 15'

    Numbers are named by family: CME, CMS, MM, GMM, EMM, 5GMM, SM, ESM, 5GSM, SW. A
    command among the lines counts as asked for what follows it. Exit status 1 when nothing was
    known.
    """
    if not texts:
        raise UsageError("nothing to explain", hint="Try: modemagent explain '+CEREG: 2,3'")
    entries = (_entry(line, asked_for) for line, asked_for in _lines(texts, asked))
    lines, known = _print_json(entries) if as_json else _print(entries)
    if not lines:
        raise UsageError("no line to explain", hint="Try: modemagent explain '+CEREG: 2,3'")
    if not known:
        if not as_json:
            _complain(lines)
        context.exit(NOTHING_KNOWN)


def _lines(texts: tuple[str, ...], asked: str) -> Iterator[tuple[str, str]]:
    """Yield each line with the command it may answer: the last one that stood before it."""
    for text in texts:
        for line in _stream(sys.stdin.buffer) if text == "-" else text.splitlines():
            stripped = line.strip()
            if _is_command(stripped):
                asked = stripped
            elif stripped:
                yield line, asked


def _stream(source: IO[bytes]) -> Iterator[str]:
    while raw := source.readline(LINE_LIMIT):
        yield raw.decode("utf-8", "surrogateescape").strip()
        while len(raw) == LINE_LIMIT and not raw.endswith(b"\n"):
            raw = source.readline(LINE_LIMIT)


def _is_command(line: str) -> bool:
    """Tell ``AT+CSQ``, ``at``, ``ATI1`` from words that begin with AT."""
    if line[:2].upper() != "AT":
        return False
    rest = line[2:]
    return not rest or rest[0] in SIGILS or not rest[1:] or rest[1:].isdecimal()


def _entry(line: str, asked: str) -> dict[str, object]:
    from modemagent.explain import explain, explain_code

    said = explain(asked, line) or explain_code(line) or {}
    return {
        "line": line,
        "about": said.get("about"),
        "text": said.get("text"),
        "source": said.get("source"),
        "remedy": said.get("remedy"),
        "fields": said.get("fields", {}),
    }


def _print_json(entries: Iterable[dict[str, object]]) -> tuple[int, int]:
    import json

    lines = list(entries)
    if lines:
        click.echo(json.dumps({"schema": 1, "lines": lines}))
    return len(lines), sum(entry["text"] is not None for entry in lines)


def _print(entries: Iterable[dict[str, object]]) -> tuple[int, int]:
    """Print entry by entry, so that a log can be followed; return lines and known ones."""
    lines = known = 0
    for entry in entries:
        if lines:
            click.echo()
        lines += 1
        click.echo(heading(plain(str(entry["line"]))))
        if entry["text"] is None:
            click.echo("  not known")
            continue
        known += 1
        click.echo(f"  {plain(str(entry['about']))}: {plain(str(entry['text']))}")
        if entry["remedy"]:
            click.echo(f"  what to do: {entry['remedy']}")
        click.echo(f"  source: {entry['source']}")
        sys.stdout.flush()
    return lines, known


def _complain(count: int) -> None:
    what = "this is" if count == 1 else "none of these is"
    failure = UsageError(
        f"{what} no answer, URC or error number that modemagent knows",
        hint="Numbers need their family: modemagent explain 'EMM 15'",
    )
    click.echo(one_line(failure), err=True)
