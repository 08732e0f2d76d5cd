"""``modemagent at``: reading AT lines, one by one or in a terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence

import click

from modemagent.at.steps import Command, Listen, Plan, Received, Response
from modemagent.cli.agent import AgentLocator, busy_with_hint, whose
from modemagent.cli.options import baud_option, json_option_of, root_option, state_dir_option
from modemagent.cli.ports import resolve_target
from modemagent.cli.render import one_line
from modemagent.cli.response_text import (
    print_answer,
    print_at_once,
    print_line,
    print_refused,
    to_json,
)
from modemagent.errors import (
    AgentDenied,
    LineRefused,
    ModemAgentError,
    NoAnswer,
    PortBusy,
    PortNotFound,
)

#: A terminal is left when its user leaves it; the channel wants some deadline.
_SESSION_S = 7 * 86400.0
_PROMPT = "at> "
_FAILED = 1
_LEAVE = ("exit", "quit", "bye")


@click.command("at")
@click.argument("port")
@click.argument("lines", metavar="[LINE]...", nargs=-1)
@json_option_of("Print one JSON document; of lines from a pipe one object a line.")
@click.option(
    "--timeout",
    "timeout_s",
    type=click.FloatRange(min=0.1, max=600),
    default=10.0,
    show_default=True,
    metavar="S",
    help="Seconds for each line.",
)
@baud_option
@root_option
@state_dir_option
@click.pass_context
def command(
    context: click.Context,
    port: str,
    lines: tuple[str, ...],
    as_json: bool,
    timeout_s: float,
    baud: int,
    root: str,
    state_dir: str | None,
) -> None:
    """Send AT lines that read, print the answers, decoded where known.

    \b
    modemagent at /dev/ttyUSB2 AT+CGSN 'AT+CPIN?'
    modemagent at /dev/ttyUSB2                 (a terminal with history and completion)
    modemagent at /dev/ttyUSB2 < lines.txt

    Only lines that read are sent; what could change a modem, a SIM card or a setting is refused.
    A port that the agent holds is asked through it. Exit status 1 when the modem refused a line,
    4 when it did not answer one, 2 when one was not sent.
    """
    for line in lines:
        _permit(line)

    from modemagent.channel.blocking import run_plans

    path = resolve_target(port, root).path
    limit_s = timeout_s * len(lines) + 5.0 if lines else _SESSION_S

    typing = not lines and sys.stdin.isatty()
    typed = _typed() if typing else _piped()  # what is left of it, when a session is begun anew
    tally = Tally()

    def plan() -> Plan[list[Response]]:
        if lines:
            return _ask_all(lines, timeout_s)
        return _session(typed, timeout_s, tally, as_json=as_json)

    result = run_plans({path: plan()}, timeout_s=limit_s, baud=baud)[path]
    if isinstance(result, PortBusy):
        agent = whose(context, state_dir)
        result = _through_agent(path, plan, agent, result, goes_on=typing)
    if isinstance(result, ModemAgentError):
        raise result
    if lines and as_json:
        import json

        answers = [to_json(answer) for answer in result]
        click.echo(json.dumps({"schema": 1, "port": path, "answers": answers}))
    elif lines:
        for answer in result:
            print_answer(answer, with_line=len(lines) > 1)
    if lines or typing:
        context.exit(_status(result))  # in a terminal that of the last line, as of a shell
    context.exit(tally.status)


def _through_agent(
    path: str,
    plan: Callable[[], Plan[list[Response]]],
    agent: AgentLocator,
    busy: PortBusy,
    *,
    goes_on: bool,
) -> list[Response] | ModemAgentError:
    """Ask through the agent of this machine, which may be who holds the port.

    :param goes_on: what goes wrong is said, and the next line may be typed
    """
    from modemagent.control.client import AgentError, ControlClient
    from modemagent.control.remote import run_through_agent

    try:
        call = ControlClient(agent.state_dir)
    except ModemAgentError as error:
        return busy_with_hint(busy, error)
    with call:
        try:
            if goes_on:  # before anything is typed: does it have this port, and is it open?
                run_through_agent(call, path, _ask_all((), 0.0))
            while True:
                try:
                    return run_through_agent(call, path, plan())
                except AgentError as error:
                    if not goes_on:
                        raise
                    click.echo(one_line(error), err=True)
        except AgentDenied as error:
            return busy_with_hint(busy, error)
        except AgentError as error:
            return busy_with_hint(busy, error) if error.reason == PortNotFound.reason else error


def _permit(line: str) -> None:
    from modemagent.dialects.allowlist import is_allowed

    if not is_allowed(line):
        raise LineRefused(
            f"{line!r} was not sent: it is not on the list of lines that only read",
            hint="modemagent never changes a modem, a SIM card or a setting; "
            "use a terminal program for that",
        )


def _ask_all(lines: Sequence[str], timeout_s: float) -> Plan[list[Response]]:
    yield Listen(0.0, 0.0)
    answers = []
    for line in lines:
        answer = yield Command(line, timeout_s)
        assert isinstance(answer, Response)  # noqa: S101 - narrowing: a driver answers an Ask so
        answers.append(answer)
    return answers


class Tally:
    """How the lines of a pipe ended; :attr:`status` is that of the worst."""

    def __init__(self) -> None:
        self._not_sent = False
        self._answered = 0

    def refused(self) -> None:
        self._not_sent = True

    def add(self, answer: Response) -> None:
        self._answered = max(self._answered, _status((answer,)))

    @property
    def status(self) -> int:
        return LineRefused.exit_status if self._not_sent else self._answered


def _session(
    lines: Iterator[str], timeout_s: float, tally: Tally, *, as_json: bool
) -> Plan[list[Response]]:
    """Hold the port while lines are typed; refused lines are explained and the session goes on."""
    answers: list[Response] = []
    for line in lines:
        heard = yield Listen(0.0, 0.0)
        if isinstance(heard, Received) and not as_json:
            for unasked in heard.lines:
                print_line(unasked, mark="*")
        try:
            _permit(line)
        except LineRefused as refused:
            tally.refused()
            print_refused(line, refused, as_json=as_json)
            continue
        answer = yield Command(line, timeout_s)
        if isinstance(answer, Response):
            answers = [answer]
            tally.add(answer)
            print_at_once(answer, as_json=as_json)
    return answers


def _piped() -> Iterator[str]:
    for line in sys.stdin:
        if line.strip():
            yield line.strip()


def _typed() -> Iterator[str]:
    """Yield lines from a person: history, completion of the lines that may be sent."""
    import readline

    from modemagent.dialects.allowlist import PERMITTED

    known = sorted(PERMITTED)

    def complete(text: str, state: int) -> str | None:
        fitting = [line for line in known if line.startswith(text.upper())]
        return fitting[state] if state < len(fitting) else None

    readline.set_completer_delims("")
    readline.set_completer(complete)
    readline.parse_and_bind("tab: complete")
    click.echo("Lines that read are sent. Tab completes, Ctrl-C clears, Ctrl-D leaves.", err=True)
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
        if line:
            yield line


def _status(answers: Sequence[Response]) -> int:
    if any(answer.timed_out for answer in answers):
        return NoAnswer.exit_status
    return 0 if all(answer.ok for answer in answers) else _FAILED
