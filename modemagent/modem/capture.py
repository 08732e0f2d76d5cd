"""Asking a modem for everything that identifying it may ask for, and keeping every answer.

First the identification itself, looked over its shoulder; then every rung of its dialect that
was not needed, and other reads that tell a maker's ways. Nothing here is written down yet: the
answers hold real numbers until :mod:`modemagent.modem.transcribe` has replaced them.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from typing import NamedTuple

from modemagent.at.steps import Command, Outcome, Plan, Response, Step
from modemagent.at.urcs import is_urc
from modemagent.dialects.catalogue import choose
from modemagent.dialects.generic import DIALECT as GENERIC_DIALECT
from modemagent.dialects.model import WANTS
from modemagent.errors import DeadlinePassed, PortError
from modemagent.identity.snapshot import SimState, Snapshot
from modemagent.modem.at_client import AtClient
from modemagent.modem.identify import NO_EXTRAS, Extras, identify

#: Reads beside the ladders, for every modem: network and signal, settings, own commands.
FOR_ALL = (
    "ATI",
    "AT+GCAP",
    "AT+CMEE?",
    "AT+CFUN?",
    "AT+CSQ",
    "AT+CESQ",
    "AT+CREG?",
    "AT+CGREG?",
    "AT+CEREG?",
    "AT+C5GREG?",
    "AT+CGATT?",
    "AT+COPS?",
    "AT+CCLK?",
    "AT+CNUM",
    "AT+CEER",
    "AT+CRSM=176,12258,0,0,10",
    "AT+CRSM=176,28423,0,0,9",
    "AT+CRSM=176,28486,0,0,17",
    "AT+CGSN=?",
    "AT+GSN=?",
    "AT+CLAC",
)
#: Reads that only one maker's modems know.
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
#: The simulator's words for the condition of a recording (no word: card in and ready).
STATES: Mapping[SimState, str] = {
    SimState.ABSENT: "no sim",
    SimState.PIN_REQUIRED: "pin",
    SimState.PUK_REQUIRED: "puk",
    SimState.LOCKED: "module locked",
    SimState.BUSY: "sim busy",
    SimState.FAILURE: "sim failure",
    SimState.OFF: "after AT+CFUN=0",
}
_SLOW_S = 10.0
_IMPATIENT_S = 3.0  # once a modem has stayed silent, it does so on all it does not know
_TRIES = 3  # until an answer comes with nothing in between
_LAST_WORDS_S = 0.5

Progress = Callable[[str, int, int], None]


class Kept(NamedTuple):
    """One answer.

    :param cmee: the error format (``AT+CMEE``) this program had chosen, None for the modem's own
    """

    answer: Response
    cmee: int | None = None


class Recording(NamedTuple):
    """What came of one session.

    :param snapshot: what identification made of it
    :param answers: one for each line, in the order they were first asked
    :param urcs: what came unasked, each line once
    :param missing: lines that were not reached, when the session ended early
    :param why: what ended it, "" when it is complete
    """

    snapshot: Snapshot
    answers: tuple[Kept, ...]
    urcs: tuple[str, ...]
    missing: tuple[str, ...] = ()
    why: str = ""

    @property
    def state(self) -> str:
        """The condition of the card, as the simulator names it; "" for card in and ready."""
        sim = self.snapshot.active_sim
        return STATES.get(sim.state, "") if sim is not None else ""

    @property
    def echoes(self) -> bool:
        """The modem repeats what it is sent."""
        return any(kept.answer.echoed for kept in self.answers)


def record(
    port: str,
    *,
    more: Sequence[str] = (),
    extras: Extras = NO_EXTRAS,
    progress: Progress = lambda line, number, total: None,
) -> Plan[Recording]:
    """Ask everything once.

    :param port: as the user named it
    :param more: further lines; they must be on the allow-list
    :param progress: told of each line before it is sent, its number and how many are known of
    :returns: a plan for the recording; ended early by its deadline it holds what there is
    :raises NoAnswer, NotAModem: from the plan, as identification does
    """
    tape = _Tape(progress)
    snapshot = yield from tape.listening(identify(port, extras=extras))
    lines = [*_lines(snapshot), *more]
    talk = AtClient(port)
    missing, why = lines, tape.why
    try:
        if why:
            raise DeadlinePassed(why, port=port)
        yield from talk.probe()
        for number, line in enumerate(lines):
            missing = lines[number:]
            if not tape.has(line):
                progress(line, len(tape.kept) + 1, len(tape.kept) + len(missing))
                yield from _ask(talk, tape, line)
        missing = []
        heard = yield from talk.listen(_LAST_WORDS_S, _LAST_WORDS_S * 2)
        tape.overhear(heard.lines)
        while talk.restore:
            yield from talk.ask(talk.restore.pop(), _IMPATIENT_S)
    except PortError as ended:  # the deadline, a modem gone or fallen silent: keep what there is
        why = ended.message
    missing = [line for line in missing if not tape.has(line)]
    why = why if missing else ""
    return Recording(snapshot, tuple(tape.kept.values()), tuple(tape.urcs), tuple(missing), why)


def _lines(snapshot: Snapshot) -> Iterator[str]:
    """Yield each line worth asking, once."""
    modem = snapshot.modem
    dialect = choose(modem.manufacturer, modem.model, modem.firmware)
    ladders = [dialect.ladder(want) or GENERIC_DIALECT.ladder(want) for want in WANTS]
    rungs = [rung.command for ladder in ladders for rung in ladder if not rung.at_hand]
    yield from dict.fromkeys((*rungs, *FOR_DIALECT.get(dialect.name, ()), *FOR_ALL))


def _ask(talk: AtClient, tape: _Tape, line: str) -> Generator[Step, Outcome, None]:
    """Ask until the answer comes clean, and keep the best there is."""
    for _ in range(_TRIES):
        heard = yield from talk.listen(0.0, 0.0)
        tape.overhear(heard.lines)
        answer = yield from talk.ask(line, _IMPATIENT_S if tape.silent else _SLOW_S)
        tape.keep(answer)
        if answer.timed_out:
            yield from talk.resync()
            return
        if not answer.foreign:
            return


class _Tape:
    """Keeps the answers that pass by.

    :ivar kept: (line, error format) to the answer worth keeping
    :ivar silent: a line was met with silence
    :ivar why: the time ran out in the plan that was listened to
    """

    def __init__(self, progress: Progress) -> None:
        self.kept: dict[tuple[str, int | None], Kept] = {}
        self.urcs: dict[str, None] = {}
        self.silent = False
        self.why = ""
        self._progress = progress
        self._cmee: int | None = None

    def has(self, line: str) -> bool:
        return (line, None) in self.kept

    def listening(self, plan: Plan[Snapshot]) -> Plan[Snapshot]:
        """Drive another plan and keep what it is answered.

        Answers on a wire that was out of step even once may be shifted; then only those that
        say by their echo what they answer are kept, and the others are asked for again.
        """
        passed: list[tuple[Response, int | None]] = []
        outcome: Outcome | None = None
        try:
            while True:
                step = plan.send(outcome)  # type: ignore[arg-type]  # a generator begins with None
                if isinstance(step, Command):
                    self._progress(step.line, len(passed) + 1, 0)
                try:
                    outcome = yield step
                except DeadlinePassed as over:
                    self.why = over.message
                    plan.throw(over)
                    raise
                if isinstance(outcome, Response):
                    passed.append((outcome, self._cmee))
                    self.overhear(outcome.foreign)
                    self._follow(outcome)
                else:
                    self.overhear(outcome.lines)
        except StopIteration as done:
            snapshot: Snapshot = done.value
        finally:
            plan.close()
        in_step = not any(answer.foreign for answer, _ in passed)
        for answer, cmee in passed:
            mute = answer.timed_out and not answer.lines
            if not answer.foreign and (in_step or answer.echoed) and not (mute and not in_step):
                self.keep(answer, cmee)
        return snapshot

    def keep(self, answer: Response, cmee: int | None = None) -> None:
        """Keep an answer unless a better one is there."""
        self.overhear(answer.foreign)
        self.silent |= answer.timed_out and not answer.lines
        key = (answer.line, cmee)
        before = self.kept.get(key)
        if before is None or _worth(answer) >= _worth(before.answer):
            self.kept[key] = Kept(answer, cmee)

    def overhear(self, lines: Sequence[str]) -> None:
        """Keep what came unasked, if it is a known notice and no message or call."""
        for line in lines:
            if is_urc(line) and not line.upper().startswith(PRIVATE):
                self.urcs.setdefault(line)

    def _follow(self, answer: Response) -> None:
        """Note which error format the answers from here on are in."""
        head, _, number = answer.line.upper().partition("=")
        if head == "AT+CMEE" and number.isdigit() and answer.ok:
            chosen = int(number)
            self._cmee = None if self._cmee is not None and chosen == 0 else chosen


#: Messages and calls are other people's.
PRIVATE = (
    *("+CMT", "+CDS", "+CBM", "+CUSD", "+CUSATP"),
    *("+CLIP", "+CCWA", "+CRING", "RING", "+CSSI", "+CSSU"),
    *("+QIURC", "+UUSORD", "+CIPRXGET", "+RECEIVE"),
)


def _worth(answer: Response) -> int:
    """Closed, nothing in between: 3. A later answer of equal worth replaces an earlier one."""
    return (answer.final is not None) + 2 * (not answer.foreign)
