"""Climb a ladder: make its attempts in order until one reads a value.

All code that sends a modem several commands in turn uses this module; a judge decides what each
response means for the next attempt.
"""

from collections.abc import Callable, Generator, Iterable
from typing import NamedTuple

from modemagent.at.steps import Outcome, Response, Step
from modemagent.dialects.table_types import Attempt, Dialect
from modemagent.errors import NoAnswer
from modemagent.identity.snapshot import ReadState
from modemagent.modem.at_client import AtClient
from modemagent.modem.interpret import Interpretation
from modemagent.modem.start_up import is_refused_for_now

#: Values that every modem or SIM has. A refusal does not mean that there is none: many makers send
#: the same errors for a command that they do not have and for one that is not allowed yet.
REQUIRED = frozenset(("manufacturer", "model", "firmware", "imei", "iccid", "imsi"))
#: Number of unanswered lines after which :func:`read_lines` stops, and the limit for a line after
#: the second one.
_MAX_TIMEOUTS = 8
_SILENT_S = 1.5


class AttemptVerdict(NamedTuple):
    """What one attempt means for its ladder.

    :param state: state of the ladder after this attempt; None keeps the previous state
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
    :param malformed: a value in the right place that does not have the expected form
    :param attempt: the attempt that read the value
    :param refusal: how the modem refused a value that it must have, other than by not having the
        command
    :param is_ambiguous: values were received, but none was certain
    :param is_unknown: the modem has no command for a value that it must have, as far as its
        responses show: ERROR to every command, or a block without the key
    """

    state: ReadState
    value: str | None = None
    malformed: str | None = None
    attempt: Attempt | None = None
    refusal: Response | None = None
    is_ambiguous: bool = False
    is_unknown: bool = False


class ReadValues:
    """The values read so far.

    :ivar values: field name to its value
    :ivar malformed: field name to a value that does not have the expected form
    :ivar states: field name to its read state
    :ivar refusals: name of a required field to the response by which the modem refused it
    :ivar ambiguous: names of fields for which values were received, but no certain one
    :ivar unknown: names of required fields for which the modem seems to have no command
    """

    def __init__(self) -> None:
        self.values: dict[str, str] = {}
        self.malformed: dict[str, str] = {}
        self.states: dict[str, ReadState] = {}
        self.refusals: dict[str, Response] = {}
        self.ambiguous: set[str] = set()
        self.unknown: set[str] = set()

    def is_unknown(self, field: str) -> bool:
        """Return True if the modem answered every command for a field as an unknown one.

        A modem that has just started may do so for a command that it has.
        """
        read = (self.values, self.malformed, self.refusals)
        return field in self.unknown and not any(field in each for each in read)

    def is_open(self, field: str) -> bool:
        """Return True if another climb may read a field once the modem has started."""
        refusal = self.refusals.get(field)
        if refusal is None or field in self.malformed:
            return self.is_unknown(field)
        return is_refused_for_now(refusal)

    def store(self, field: str, result: LadderResult) -> None:
        """Store the result of one ladder."""
        self.states[field] = result.state
        if result.value is not None:
            self.values[field] = result.value
        if result.malformed is not None:
            self.malformed.setdefault(field, result.malformed)
        if result.value is not None:
            self.refusals.pop(field, None)
        elif result.refusal is not None:
            self.refusals[field] = result.refusal
        if result.is_ambiguous:
            self.ambiguous.add(field)
        if result.is_unknown:
            self.unknown.add(field)


def accept_certain(attempt: Attempt, found: Interpretation, response: Response) -> AttemptVerdict:
    """Accept a certain value; otherwise note a timeout or a failed attempt."""
    if found.certain:
        return ACCEPTED
    if response.timed_out:
        return AttemptVerdict(ReadState.TIMEOUT)
    failed = response.ok and (found.values or found.malformed is not None)
    return AttemptVerdict(ReadState.FAILED) if failed else NEXT


def climb(
    client: AtClient,
    field: str,
    ladder: Iterable[Attempt],
    judge: Judge = accept_certain,
    state: ReadState = ReadState.UNSUPPORTED,
) -> Generator[Step, Outcome, LadderResult]:
    """Make the attempts of one ladder until a verdict ends the ladder.

    :param state: the result if no attempt changes it
    :raises Desynchronized: a response belongs to another command
    """
    malformed: str | None = None
    refusal: Response | None = None
    is_ambiguous = has_error = False
    for attempt in ladder:
        found, response = yield from client.read(field, attempt)
        if attempt.only_if_cached and not found.values:
            continue
        verdict = judge(attempt, found, response)
        if verdict is ACCEPTED:
            return LadderResult(ReadState.OK, found.values[0], malformed, attempt)
        if verdict.ignored:
            continue
        malformed = malformed or found.malformed
        is_ambiguous = is_ambiguous or (bool(found.values) and not found.certain)
        state = verdict.state or state
        has_error = has_error or _is_error(response)
        is_known = verdict.state is not None or not _is_unknown(attempt, response)
        if (
            field in REQUIRED
            and is_known
            and not found.values
            and (refusal is None or refusal.timed_out)
        ):
            refusal = response
        if verdict.done:
            break
    if refusal is not None and state is ReadState.UNSUPPORTED:
        state = ReadState.FAILED
    return LadderResult(
        state,
        None,
        malformed,
        refusal=refusal,
        is_ambiguous=is_ambiguous,
        is_unknown=field in REQUIRED and has_error and state is ReadState.UNSUPPORTED,
    )


def _is_unknown(attempt: Attempt, response: Response) -> bool:
    """Return True if the modem does not have a command, or its block does not have the key."""
    is_block = response.ok and attempt.parser.startswith("ati_")
    return is_block or _is_error(response)


def _is_error(response: Response) -> bool:
    return response.final is not None and response.final.kind in ("error", "refused")


def read_joined(
    client: AtClient, dialect: Dialect, model_and_firmware: str, fields: tuple[str, ...]
) -> Generator[Step, Outcome, dict[str, LadderResult]]:
    """Read several values with one command line, if the firmware accepts such a line.

    The line consists of the first attempt for each value. A refused command ends the whole line.

    :param model_and_firmware: both separated by a space, as far as they are known
    :param fields: the values in the order of the line
    :returns: value to its result; {} if nothing was read
    """
    if not dialect.joined:
        return {}
    attempts = {field: dialect.ladder(field, model_and_firmware)[0] for field in fields}
    values = yield from client.read_joined(attempts)
    return {
        field: LadderResult(ReadState.OK, value, None, attempts[field])
        for field, value in values.items()
    }


def read_lines(
    client: AtClient, lines: Iterable[str], timeout_s: float
) -> Generator[Step, Outcome, dict[str, Response]]:
    """Send each line and return the responses; stop after several have gone unanswered.

    A modem that is silent for commands that it does not have is waited for no longer than
    :data:`_SILENT_S` once that is known.
    """
    responses: dict[str, Response] = {}
    timeouts = 0
    for line in lines:
        limit_s = min(timeout_s, _SILENT_S) if timeouts > 1 else timeout_s
        responses[line] = response = yield from client.send(line, limit_s)
        timeouts += response.timed_out
        if timeouts == _MAX_TIMEOUTS:
            break
        if response.timed_out:
            try:
                yield from client.resync()
            except NoAnswer:
                break
    return responses
