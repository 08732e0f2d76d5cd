"""AT responses for people, with their meaning, and as JSON."""

from __future__ import annotations

import sys

import click

from modemagent.at.steps import Response
from modemagent.cli.output import one_line, paragraph, plain, print_json
from modemagent.errors import LineRefused
from modemagent.explain import explain

_NO_RESULT = (
    "Some commands take minutes: increase --timeout. If the modem does not answer any command: "
    "modemagent diagnose PORT"
)


def print_response(
    response: Response, *, as_json: bool, with_line: bool = False, limit_s: float = 0.0
) -> None:
    """Print a response; URCs received in between are marked with a star.

    :param with_line: also print the command line
    :param limit_s: deadline of the command; the user ended the wait if it was shorter
    """
    if as_json:
        print_json(to_json(response))
        sys.stdout.flush()
        return
    if with_line:
        click.echo(click.style(plain(response.line), bold=True))
    for line in response.foreign:
        print_line(line, mark="*")
    for line in response.lines:
        print_line(line, response.line)
    if response.final is None and response.elapsed_s < limit_s:
        click.echo("cancelled: a late response is ignored", err=True)
    elif response.final is None:
        click.echo(f"no final result within {response.elapsed_s:.1f} s. {_NO_RESULT}", err=True)
    else:
        print_line(response.final.text, response.line)
    sys.stdout.flush()


def print_refused(line: str, refused: LineRefused, *, as_json: bool) -> None:
    """Report that a line of a session was not sent."""
    if as_json:
        print_json({"line": line, "error": refused.to_json()})
        sys.stdout.flush()
    else:
        click.echo(one_line(refused), err=True)


def meaning_of(command: str, line: str) -> dict[str, object] | None:
    """Return the explanation of a line, None if the line is unknown.

    :param command: the command line that was sent, ``""`` if it is not known
    """
    found = explain(command, line)
    if found is None:
        from modemagent.explain.identities import explain_identity

        found = explain_identity(command, line)
    return found


def print_line(line: str, command: str = "", mark: str = "") -> None:
    """Print one line of a modem with its meaning and remedy, if they are known."""
    explained = meaning_of(command, line)
    shown = f"{mark} {plain(line)}" if mark else plain(line)
    click.echo(f"{shown}    ({plain(str(explained['text']))})" if explained else shown)
    if explained and "remedy" in explained:
        click.echo(paragraph("    remedy: ", str(explained["remedy"])))


def to_json(response: Response) -> dict[str, object]:
    """Return a response as a JSON object, with the meaning of each line."""

    def decoded(line: str) -> dict[str, object]:
        return {"text": line, "explained": meaning_of(response.line, line)}

    return {
        "line": response.line,
        "lines": [decoded(line) for line in response.lines],
        "unsolicited": [decoded(line) for line in response.foreign],
        "final": None if response.final is None else decoded(response.final.text),
        "ok": response.ok,
        "elapsed_ms": round(response.elapsed_s * 1000),
        **({"hint": _NO_RESULT} if response.timed_out else {}),
    }
