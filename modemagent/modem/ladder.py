"""The ladder walker: attempts in order until one reads a value.

Everything that reads several commands in turn from a modem uses this module; what a response
means for the next attempt is decided by a judge.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from typing import NamedTuple

from modemagent.at.steps import Outcome, Response, Step
from modemagent.dialects.model import Attempt, Dialect
from modemagent.errors import NoAnswer
from modemagent.identity.snapshot import ReadState
from modemagent.modem.at_client import AtClient
from modemagent.modem.interpret import Interpretation
from modemagent.modem.start_up import is_refused_for_now

#: Values that every modem or SIM has. A refusal does not mean that there is none: many makers send
#: the same errors for a command that they do not have and for one that is not allowed yet.
REQUIRED = frozenset(("manufacturer", "model", "firmware", "imei", "iccid", "imsi"))
#: Unanswered lines after which :func:`read_lines` stops.
_MOST_TIMEOUTS = 2


class AttemptVerdict(NamedTuple):
    """What one attempt means for its ladder.

    :param state: how the ladder has gone so far; None leaves it as it is
    :param done: no further attempt is needed
    :param ignored: the response says nothing about this modem
    """

    state: ReadState | None = None
    done: bool = False
    ignored: bool = False


ACCEPTED = AttemptVerdict(ReadState.OK, done=True)
NEXT = AttemptVerdict()
IGNORED = AttemptVerdict(ignored=True)

Judge = Callable[[Attempt, Interpretation, Response], AttemptVerdict]


class LadderResult(NamedTuple):
    """How a ladder ended.

    :param value: the value, None if no attempt read one
    :param offered: a value in the right place that does not have the expected form
    :param attempt: the attempt that read the value
    :param refusal: how the modem refused a value that it must have, other than by not having the
        command
    """

    state: ReadState
    value: str | None = None
    offered: str | None = None
    attempt: Attempt | None = None
    refusal: Response | None = None


class Fields:
    """The values read so far.

    :ivar values: name of the field to its value
    :ivar offered: name to a value that does not have the expected form, as evidence
    :ivar read: name to how reading it ended
    :ivar refusals: name of a required field to the response by which the modem refused it
    """

    def __init__(self) -> None:
        self.values: dict[str, str] = {}
        self.offered: dict[str, str] = {}
        self.read: dict[str, ReadState] = {}
        self.refusals: dict[str, Response] = {}

    def is_open(self, want: str) -> bool:
        """Return True if another climb may read a field once the modem has started."""
        refusal = self.refusals.get(want)
        return refusal is not None and want not in self.offered and is_refused_for_now(refusal)

    def take(self, want: str, result: LadderResult) -> None:
        """Store the result of one ladder."""
        self.read[want] = result.state
        if result.value is not None:
            self.values[want] = result.value
        if result.offered is not None:
            self.offered.setdefault(want, result.offered)
        if result.value is not None:
            self.refusals.pop(want, None)
        elif result.refusal is not None:
            self.refusals[want] = result.refusal


def accept_certain(attempt: Attempt, found: Interpretation, response: Response) -> AttemptVerdict:
    """Accept a certain value; otherwise note a timeout or a failed attempt."""
    if found.certain:
        return ACCEPTED
    if response.timed_out:
        return AttemptVerdict(ReadState.TIMEOUT)
    failed = response.ok and (found.values or found.offered is not None)
    return AttemptVerdict(ReadState.FAILED) if failed else NEXT


def climb(
    client: AtClient,
    want: str,
    ladder: Iterable[Attempt],
    judge: Judge = accept_certain,
    state: ReadState = ReadState.UNSUPPORTED,
) -> Generator[Step, Outcome, LadderResult]:
    """Make the attempts of one ladder until the judge is done.

    :param state: the result if no attempt changes it
    :raises Desynchronized: a response belongs to another command
    """
    offered: str | None = None
    refusal: Response | None = None
    for attempt in ladder:
        found, response = yield from client.read(want, attempt)
        if attempt.at_hand and not found.values:
            continue
        verdict = judge(attempt, found, response)
        if verdict is ACCEPTED:
            return LadderResult(ReadState.OK, found.values[0], offered, attempt)
        if verdict.ignored:
            continue
        offered = offered or found.offered
        state = verdict.state or state
        is_known = verdict.state is not None or not _is_unknown(attempt, response)
        if want in REQUIRED and is_known and (refusal is None or refusal.timed_out):
            refusal = response
        if verdict.done:
            break
    if refusal is not None and state is ReadState.UNSUPPORTED:
        state = ReadState.FAILED
    return LadderResult(state, None, offered, refusal=refusal)


def _is_unknown(attempt: Attempt, response: Response) -> bool:
    """Return True if the modem does not have a command, or its block does not have the key."""
    final = response.final
    if final is None:
        return False
    return final.kind in ("error", "refused") or (final.ok and attempt.parser.startswith("ati_"))


def read_joined(
    client: AtClient, dialect: Dialect, kind: str, wants: tuple[str, ...]
) -> Generator[Step, Outcome, dict[str, LadderResult]]:
    """Read several values with one command line, if the firmware accepts such a line.

    The line consists of the first attempt for each value. A refused command ends the whole line.

    :param kind: model and firmware separated by a blank, as far as they are known
    :param wants: the values in the order of the line
    :returns: value to its result; {} if nothing was read
    """
    if not dialect.joined:
        return {}
    attempts = {want: dialect.ladder(want, kind)[0] for want in wants}
    values = yield from client.read_joined(attempts)
    return {
        want: LadderResult(ReadState.OK, value, None, attempts[want])
        for want, value in values.items()
    }


def read_lines(
    client: AtClient, lines: Iterable[str], timeout_s: float
) -> Generator[Step, Outcome, dict[str, Response]]:
    """Send each line and return the responses, until two lines have got none."""
    responses: dict[str, Response] = {}
    timeouts = 0
    for line in lines:
        responses[line] = response = yield from client.send(line, timeout_s)
        timeouts += response.timed_out
        if timeouts == _MOST_TIMEOUTS:
            break
        if response.timed_out:
            try:
                yield from client.resync()
            except NoAnswer:
                break
    return responses
