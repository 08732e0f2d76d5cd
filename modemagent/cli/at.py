"""``modemagent at``: read-only AT commands from arguments, a pipe or a terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

import click

from modemagent.access.options import AccessOptions
from modemagent.access.route import Reader, read_modems
from modemagent.access.target import resolve_target, single
from modemagent.at.steps import Command, Listen, Plan, Received, Response
from modemagent.cli.options import json_option_with, timeout_option
from modemagent.cli.output import one_line, print_json
from modemagent.cli.port_options import access_options, require_sendable, trace_options
from modemagent.cli.response_text import print_line, print_refused, print_response, to_json
from modemagent.dialects.allowlist import PERMITTED
from modemagent.errors import AgentError, LineRefused, ModemAgentError, NoAnswer
from modemagent.modem.speed_scan import SCAN_S

if TYPE_CHECKING:
    from modemagent.control.client import ControlClient

#: Deadline of a session, which its user ends; a channel requires one.
_SESSION_S = 7 * 86400.0
_OPENING_S = 5.0
_PROMPT = "at> "
_FAILED = 1
_LEAVE = ("exit", "quit", "bye")
_EXPLAIN = ("help", "?")
_HELP = """\
AT+CSQ           send a command, in upper or lower case, and explain the response
AT+CGMM;+CGSN    send several commands as one line
Tab              complete a command; press it twice to list the matches
Up, Down         show earlier commands
Ctrl-C           clear the line, or stop waiting for a response
quit, Ctrl-D     leave

A line after * was sent by the modem without a command.
Useful commands: ATI, AT+CPIN? (SIM), AT+CREG?;+CEREG? (registration), AT+COPS? (network), AT+CSQ
(signal), AT+CEER (last error). A line that could change something is not sent."""


@click.command("at")
@click.argument("port")
@click.argument("lines", metavar="[LINE]...", nargs=-1)
@json_option_with("Print one JSON document; for lines from a pipe, one object per line.")
@timeout_option(10.0, "Time limit for each command, in seconds.", most_s=600)
@trace_options
@access_options
def command(port: str, lines: tuple[str, ...], as_json: bool, options: AccessOptions) -> int:
    """Send read-only AT commands and print the responses with their meaning.

    \b
    modemagent at /dev/ttyUSB2 AT+CGSN 'AT+CPIN?'
    modemagent at /dev/ttyUSB2                 (a terminal with history and completion)
    modemagent at /dev/ttyUSB2 < lines.txt

    A command that could change a modem, a SIM card or a setting is not sent. If the agent holds the
    port, commands are sent through the agent. Exit status 1 if the modem rejected a command, 4 if
    it did not answer a command, 2 if a command was not sent.
    """
    for line in lines:
        require_sendable(line, port, options.baud)
    path = resolve_target(port, options).path
    timeout_s = options.timeout_s
    is_terminal = not lines and sys.stdin.isatty()
    # Shared by all plans: a session that starts again goes on with the next line.
    typed = _typed() if is_terminal else _piped()
    statuses: list[int] = []  # of the lines of a session

    def check(line: str) -> None:
        require_sendable(line, path, options.baud)

    def plan() -> Plan[list[Response]]:
        if lines:
            return _send_all(lines, timeout_s)
        return _session(typed, timeout_s, statuses, check, as_json=as_json)

    def agent(client: ControlClient, _: str) -> list[Response]:
        if is_terminal:  # before the first prompt: does the agent have this port open?
            client.run(path, _send_all((), timeout_s))
        while True:
            try:
                return client.run(path, plan())
            except AgentError as error:
                if not is_terminal:
                    raise
                click.echo(one_line(error), err=True)

    limit_s = timeout_s * len(lines) + _OPENING_S if lines else _SESSION_S
    if options.speeds is not None:
        limit_s += SCAN_S
    reader = Reader(lambda _: plan(), agent)
    [reached] = read_modems([single(path)], reader, options._replace(timeout_s=limit_s))
    result = reached.best.result
    if isinstance(result, ModemAgentError):
        raise result
    if lines and as_json:
        answers = [to_json(response) for response in result]
        print_json({"schema": 1, "port": path, "answers": answers, **options.speed_json(path)})
    elif lines:
        for response in result:
            print_response(response, as_json=False, with_line=len(lines) > 1)
    # In a terminal the status is that of the last command, as in a shell.
    return _status(result) if lines or is_terminal else _worst(statuses)


def _send_all(lines: Sequence[str], timeout_s: float) -> Plan[list[Response]]:
    yield Listen(0.0, 0.0)
    responses = []
    for line in lines:
        response = yield Command(line, timeout_s)
        assert isinstance(response, Response)  # noqa: S101 - the outcome of a Command
        responses.append(response)
    return responses


def _session(
    lines: Iterator[str],
    timeout_s: float,
    statuses: list[int],
    check: Callable[[str], None],
    *,
    as_json: bool,
) -> Plan[list[Response]]:
    """Send lines as they are typed; the session goes on after a line that is not allowed.

    :param check: raises :class:`LineRefused` for a line that is not allowed
    """
    responses: list[Response] = []
    for line in lines:
        received = yield Listen(0.0, 0.0)
        if isinstance(received, Received) and not as_json:
            for urc in received.lines:
                print_line(urc, mark="*")
        try:
            check(line)
        except LineRefused as refused:
            statuses.append(LineRefused.exit_status)
            print_refused(line, refused, as_json=as_json)
            continue
        response = yield Command(line, timeout_s, interruptible=sys.stdin.isatty())
        if isinstance(response, Response):
            responses = [response]
            statuses.append(_status(responses))
            print_response(response, as_json=as_json, limit_s=timeout_s)
    return responses


def _piped() -> Iterator[str]:
    yield from filter(None, map(str.strip, sys.stdin))


def _typed() -> Iterator[str]:
    """Yield lines from a terminal, with history and completion of the allowed commands."""
    import readline  # changes the terminal's settings when it is imported

    known = sorted(PERMITTED)

    def complete(text: str, state: int) -> str | None:
        matches = [line for line in known if line.startswith(text.upper())]
        return matches[state] if state < len(matches) else None

    readline.set_completer_delims("")
    readline.set_completer(complete)
    readline.parse_and_bind("tab: complete")
    click.echo(
        "Only read-only commands are sent. Tab completes, Ctrl-D quits, help lists the keys.",
        err=True,
    )
    while True:
        try:
            line = input(_PROMPT).strip()
        except KeyboardInterrupt:
            click.echo(err=True)
            continue
        except EOFError:
            click.echo(err=True)
            return
        if line.lower() in _LEAVE:
            return
        if line.lower() in _EXPLAIN:
            click.echo(_HELP, err=True)
        elif line:
            yield line


def _status(responses: Sequence[Response]) -> int:
    if any(response.timed_out for response in responses):
        return NoAnswer.exit_status
    return 0 if all(response.ok for response in responses) else _FAILED


def _worst(statuses: Sequence[int]) -> int:
    """Return the status of a pipe; a line that was not sent outranks the responses."""
    refused = LineRefused.exit_status
    return refused if refused in statuses else max(statuses, default=0)
