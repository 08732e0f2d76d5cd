"""Answers of a modem, for people with their meaning, and for machines."""

from __future__ import annotations

import sys

import click

from modemagent.at.steps import Response
from modemagent.cli.render import one_line, plain
from modemagent.errors import LineRefused

_NO_ANSWER = (
    "Some lines take minutes: raise --timeout. If it answers none: modemagent diagnose PORT"
)


def print_at_once(answer: Response, *, as_json: bool) -> None:
    """Print the answer of one line of a session."""
    if as_json:
        import json

        click.echo(json.dumps(to_json(answer)))
    else:
        print_answer(answer, with_line=False)
    sys.stdout.flush()


def print_refused(line: str, refused: LineRefused, *, as_json: bool) -> None:
    """Say that a line of a session was not sent."""
    if as_json:
        import json

        click.echo(json.dumps({"line": line, "error": refused.to_json()}))
        sys.stdout.flush()
    else:
        click.echo(one_line(refused), err=True)


def print_answer(answer: Response, *, with_line: bool) -> None:
    """Print an answer for people; what came unasked in between is marked with a star."""
    if with_line:
        click.echo(click.style(plain(answer.line), bold=True))
    for line in answer.foreign:
        print_line(line, mark="*")
    for line in answer.lines:
        print_line(line, answer.line)
    if answer.final is None:
        click.echo(f"no final result within {answer.elapsed_s:.1f} s. {_NO_ANSWER}", err=True)
    else:
        print_line(answer.final.text, answer.line)


def print_line(line: str, asked: str = "", mark: str = "") -> None:
    """Print one line of a modem with its meaning and remedy, where they are known."""
    from modemagent.explain import explain

    explained = explain(asked, line)
    said = f"{mark} {plain(line)}" if mark else plain(line)
    click.echo(f"{said}    ({plain(str(explained['text']))})" if explained else said)
    if explained and "remedy" in explained:
        click.echo(f"    what to do: {explained['remedy']}")


def to_json(answer: Response) -> dict[str, object]:
    """Return an answer as it is printed for machines."""
    from modemagent.explain import explain

    def decoded(line: str) -> dict[str, object]:
        return {"text": line, "explained": explain(answer.line, line)}

    return {
        "line": answer.line,
        "lines": [decoded(line) for line in answer.lines],
        "unsolicited": [decoded(line) for line in answer.foreign],
        "final": None if answer.final is None else decoded(answer.final.text),
        "ok": answer.ok,
        "elapsed_ms": round(answer.elapsed_s * 1000),
        **({"hint": _NO_ANSWER} if answer.timed_out else {}),
    }
