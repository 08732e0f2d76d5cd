"""Recording of a modem's responses to every command that identification may send.

The identification itself is recorded first, then every attempt of the dialect that it did not
need, then further commands that show the maker's forms. The recording contains real numbers until
:mod:`modemagent.modem.transcribe` has replaced them.
"""

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from typing import NamedTuple

from modemagent.at.steps import Command, Outcome, Plan, Response, Step
from modemagent.at.urcs import is_urc
from modemagent.dialects.catalogue import choose
from modemagent.dialects.generic import DIALECT as GENERIC_DIALECT
from modemagent.dialects.table_types import VALUE_TIMEOUTS_S
from modemagent.discovery.age import modem_age_s
from modemagent.errors import DeadlinePassed, PortError
from modemagent.identity.snapshot import SimState, Snapshot
from modemagent.modem.at_client import AtClient
from modemagent.modem.identify import NO_EXTRAS, Extras, identify
from modemagent.modem.wake_up import probe

#: Further commands for every modem: network and signal, settings, supported commands.
FOR_ALL = (
    *("ATI", "AT+GCAP", "AT+CMEE?", "AT+CFUN?", "AT+CSQ", "AT+CESQ"),
    *("AT+CREG?", "AT+CGREG?", "AT+CEREG?", "AT+C5GREG?", "AT+CGATT?", "AT+COPS?"),
    *("AT+CCLK?", "AT+CNUM", "AT+CEER"),
    *("AT+CRSM=176,12258,0,0,10", "AT+CRSM=176,28423,0,0,9", "AT+CRSM=176,28486,0,0,17"),
    *("AT+CGSN=?", "AT+GSN=?", "AT+CLAC"),
)
#: Further commands for the modems of one maker.
FOR_DIALECT: Mapping[str, tuple[str, ...]] = {
    "quectel": ("AT+QINISTAT", "AT+QSIMSTAT?", "AT+QSIMDET?", "AT+QUIMSLOT?", "AT+QNWINFO"),
    "simcom": ("AT+CSMINS?", "AT+SMSIMCFG?", "AT+CPSI?", "AT+SIMCOMATI"),
    "telit": ("AT#QSS?",),
    "cinterion": ('AT^SIND="simstatus",2', "ATI1"),
    "sierra": ("AT!UIMS?", "ATI8", "ATI9"),
    "fibocom": ("AT+GTDUALSIM?", "AT+GTPKGVER?"),
    "meig": ("AT^SIMSLOT?", "AT+SIMCROSS?"),
    "huawei": ("AT^SIMSLOT?",),
    "luat": ("AT+SIMCROSS?",),
    "ublox": ("ATI9",),
}
#: The simulator's names of the states of a recording; "ready" has none.
STATES: Mapping[SimState, str] = {
    SimState.ABSENT: "no sim",
    SimState.NO_PROFILE: "no profile",
    SimState.PIN_REQUIRED: "pin",
    SimState.PUK_REQUIRED: "puk",
    SimState.LOCKED: "module locked",
    SimState.BUSY: "sim busy",
    SimState.FAILURE: "sim failure",
    SimState.OFF: "after AT+CFUN=0",
}
_SLOW_S = 10.0
#: Timeout once the modem has proven to be silent on commands it does not have.
_IMPATIENT_S = 3.0
#: Attempts to get a response without foreign lines.
_ATTEMPTS = 3
_FINAL_LISTEN_S = 0.5

Progress = Callable[[str, int, int], None]


class RecordedResponse(NamedTuple):
    """One response.

    :param cmee: the error format (``AT+CMEE``) set by this program, None for the modem's own
    """

    response: Response
    cmee: int | None = None


class Recording(NamedTuple):
    """The recording of one session.

    :param snapshot: the result of the identification
    :param responses: one for each line, in the order of their first sending
    :param urcs: unsolicited lines, each once
    :param missing: lines that were not sent, if the session ended early
    :param reason: why it ended early, ``""`` if it is complete
    """

    snapshot: Snapshot
    responses: tuple[RecordedResponse, ...]
    urcs: tuple[str, ...]
    missing: tuple[str, ...] = ()
    reason: str = ""

    @property
    def state(self) -> str:
        """The state of the SIM as the simulator names it, ``""`` if it is ready."""
        sim = self.snapshot.active_sim
        return STATES.get(sim.state, "") if sim is not None else ""

    @property
    def echoes(self) -> bool:
        """True if the modem echoes commands."""
        return any(kept.response.echoed for kept in self.responses)


def record(
    port: str,
    *,
    more: Sequence[str] = (),
    extras: Extras = NO_EXTRAS,
    progress: Progress = lambda line, number, total: None,
) -> Plan[Recording]:
    """Record the responses of one modem.

    :param port: as the user named it
    :param more: further lines, which must be on the allow-list
    :param progress: called before each line is sent with the line, its number and the total
    :returns: a plan for the recording; after the deadline it contains the responses so far
    :raises NoAnswer, NotAModem: from the plan, as in identification
    """
    tape = _Tape(progress)
    snapshot = yield from tape.record_plan(
        identify(port, extras=extras, age=lambda: modem_age_s(port))
    )
    lines = [*_lines(snapshot), *more]
    client = AtClient(port)
    missing, reason = lines, tape.reason
    try:
        if reason:
            raise DeadlinePassed(reason, port=port)
        yield from probe(client)
        for number, line in enumerate(lines):
            missing = lines[number:]
            if not tape.has(line):
                progress(line, len(tape.kept) + 1, len(tape.kept) + len(missing))
                yield from _record_line(client, tape, line)
        missing = []
        received = yield from client.listen(_FINAL_LISTEN_S, _FINAL_LISTEN_S * 2)
        tape.keep_urcs(received.lines)
        yield from client.restore_settings()
    except PortError as ended:  # deadline, removed or silent modem: keep the responses so far
        reason = ended.message
    missing = [line for line in missing if not tape.has(line)]
    reason = reason if missing else ""
    return Recording(snapshot, tuple(tape.kept.values()), tuple(tape.urcs), tuple(missing), reason)


def _lines(snapshot: Snapshot) -> Iterator[str]:
    """Yield the lines of a recording, each once."""
    modem = snapshot.modem
    dialect = choose(modem.manufacturer, modem.model, modem.firmware)
    ladders = [dialect.ladder(field) or GENERIC_DIALECT.ladder(field) for field in VALUE_TIMEOUTS_S]
    commands = [each.command for ladder in ladders for each in ladder if not each.only_if_cached]
    yield from dict.fromkeys((*commands, *FOR_DIALECT.get(dialect.name, ()), *FOR_ALL))


def _record_line(client: AtClient, tape: "_Tape", line: str) -> Generator[Step, Outcome, None]:
    """Send a line until its response has no foreign lines, and keep the best response."""
    for _ in range(_ATTEMPTS):
        received = yield from client.listen(0.0, 0.0)
        tape.keep_urcs(received.lines)
        response = yield from client.send(line, _IMPATIENT_S if tape.silent else _SLOW_S)
        tape.keep(response)
        if response.timed_out:
            yield from client.resync()
        if response.timed_out or not response.foreign:
            return


class _Tape:
    """The responses recorded so far.

    :ivar kept: line and error format to the best response
    :ivar silent: the modem has sent nothing in response to a line
    :ivar reason: why the recorded plan ended early
    """

    def __init__(self, progress: Progress) -> None:
        self.kept: dict[tuple[str, int | None], RecordedResponse] = {}
        self.urcs: dict[str, None] = {}
        self.silent = False
        self.reason = ""
        self._progress = progress
        self._cmee: int | None = None

    def has(self, line: str) -> bool:
        return (line, None) in self.kept

    def record_plan(self, plan: Plan[Snapshot]) -> Plan[Snapshot]:
        """Drive another plan and keep its responses.

        If foreign lines have been received, bare responses may be shifted. Then only those with
        an echo are kept, and the other lines are sent again.
        """
        passed: list[tuple[Response, int | None]] = []
        outcome: Outcome | None = None
        try:
            while True:
                step = plan.send(outcome)  # type: ignore[arg-type]  # the first value sent to a generator is None
                if isinstance(step, Command):
                    self._progress(step.line, len(passed) + 1, 0)
                try:
                    outcome = yield step
                except DeadlinePassed as over:
                    self.reason = over.message
                    plan.throw(over)
                    raise
                if isinstance(outcome, Response):
                    passed.append((outcome, self._cmee))
                    self.keep_urcs(outcome.foreign)
                    self._note_format(outcome)
                else:
                    self.keep_urcs(outcome.lines)
        except StopIteration as done:
            snapshot: Snapshot = done.value
        finally:
            plan.close()
        in_step = not any(response.foreign for response, _ in passed)
        for response, cmee in passed:
            silent = response.timed_out and not response.lines
            if in_step or (response.echoed and not response.foreign and not silent):
                self.keep(response, cmee)
        return snapshot

    def keep(self, response: Response, cmee: int | None = None) -> None:
        """Keep a response unless there is a better one for its line."""
        self.keep_urcs(response.foreign)
        self.silent |= response.timed_out and not response.lines
        key = (response.line, cmee)
        before = self.kept.get(key)
        if before is None or _rank(response) >= _rank(before.response):
            self.kept[key] = RecordedResponse(response, cmee)

    def keep_urcs(self, lines: Sequence[str]) -> None:
        """Keep known unsolicited lines, except messages and calls."""
        for line in lines:
            if is_urc(line) and not line.upper().startswith(PRIVATE):
                self.urcs.setdefault(line)

    def _note_format(self, response: Response) -> None:
        """Note the error format of the responses from here on."""
        head, _, number = response.line.upper().partition("=")
        if head == "AT+CMEE" and number.isdigit() and response.ok:
            chosen = int(number)
            self._cmee = None if self._cmee is not None and chosen == 0 else chosen


#: Prefixes of messages and calls, which are private.
PRIVATE = (
    *("+CMT", "+CDS", "+CBM", "+CUSD", "+CUSATP"),
    *("+CLIP", "+CCWA", "+CRING", "RING", "+CSSI", "+CSSU"),
    *("+QIURC", "+UUSORD", "+CIPRXGET", "+RECEIVE"),
)


def _rank(response: Response) -> int:
    """Return the rank of a response: 3 if it is complete and has no foreign lines."""
    return (response.final is not None) + 2 * (not response.foreign)
