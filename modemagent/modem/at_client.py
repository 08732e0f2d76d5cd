"""Speaking with one port: waking it, asking, keeping question and answer in step.

Everything here is a plain generator of :mod:`modemagent.at.steps` steps. A late answer must
never be taken for the answer to the next question, so whatever may have gone out of step
(a deadline that passed, an answer about something else) is followed by drain and ``AT`` until
the dialogue is in step again, and what was read since the last proof is read once more.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping

from modemagent.at.lines import stream_kind
from modemagent.at.results import parse_final
from modemagent.at.steps import Command, Listen, Outcome, Received, Response, Step
from modemagent.dialects.model import WANTS, Attempt
from modemagent.errors import NoAnswer, NotAModem, ProtocolError
from modemagent.identity.evidence import Evidence, as_text
from modemagent.modem.interpret import Interpretation, interpret, parts_of

WAKE_STEP_S = 0.5
#: No sign of life for this long: mute. Long enough for a module that boots silently for 4 s.
WAKE_MUTE_S = 4.8
#: Signs of life but no clean OK: still booting. u-blox TOBY-L4 needs 20 s.
WAKE_BOOT_S = 25.0
_QUIET_S, _DRAIN_LIMIT_S = 0.2, 2.0
_RESYNC_TRIES = 6
_READINGS = 4
_IMPATIENT_S = 3.0
_UNCLEAN_ENOUGH = 6
_STRANGE_ENOUGH = 3
_BINARY_ENOUGH = 24
_HEARD_LIMIT = 65536
#: Wants that are often read from an answer that another want has already brought.
_COMPANIONS = frozenset(("eid", "serial_number", "imeisv"))


class Desynchronized(Exception):
    """An answer was surely not for its question; what was read since the last proof is void."""


class AtClient:
    """One port being talked to.

    :param port: as the user named it, for error messages
    :ivar commands: command lines sent so far
    :ivar elapsed_s: seconds spent in steps so far
    :ivar doubtful: something came in late or unasked; a bare answer needs a proof behind it
    :ivar echoing: the port repeats what it is sent, so that answers say what they answer
    :ivar unproven: bare answers were taken since the last one that said what it answers
    :ivar restore: session settings to put back, the newest last
    :ivar evidence: field to what it was last read from
    """

    def __init__(self, port: str) -> None:
        self.port = port
        self.commands = 0
        self.elapsed_s = 0.0
        self.doubtful = False
        self.echoing = False
        self.unproven = False
        self.restore: list[str] = []
        self.evidence: dict[str, Evidence] = {}
        self._joins = True
        self._answered_s: dict[str, float] = {}
        self._remembered: dict[str, Response] = {}
        self._silences = 0

    # -- single steps ---------------------------------------------------------------------

    def ask(self, line: str, timeout_s: float) -> Generator[Step, Outcome, Response]:
        """Send one line and return its answer, whatever it is."""
        self.commands += 1
        outcome = yield Command(line, timeout_s)
        if not isinstance(outcome, Response):
            raise ProtocolError("a question was not answered by an Answer")
        self.elapsed_s += outcome.elapsed_s
        self._answered_s[line] = self.elapsed_s
        if outcome.echoed:
            self.echoing = True
        return outcome

    def listen(self, quiet_s: float, limit_s: float) -> Generator[Step, Outcome, Received]:
        """Send nothing and return what came."""
        outcome = yield Listen(quiet_s, limit_s)
        if not isinstance(outcome, Received):
            raise ProtocolError("listening was not answered by a Heard")
        self.elapsed_s += outcome.elapsed_s
        return outcome

    # -- waking ---------------------------------------------------------------------------

    def probe(self, listen_s: float = 0.0) -> Generator[Step, Outcome, None]:
        """Listen first, then ask ``AT`` until a clean OK comes.

        :param listen_s: how long to listen; 0 hears only what is already waiting
        :raises NotAModem: what comes unasked is NMEA or binary; nothing was written if it was
            already coming, and no identity is asked for in any case
        :raises NoAnswer: no sign of life within 4.8 s, or no clean OK within 25 s
        """
        begun_s = self.elapsed_s
        waiting = yield from self.listen(listen_s, listen_s)
        heard = waiting.raw
        if heard:
            self.doubtful = True
            more = yield from self.listen(_QUIET_S, _DRAIN_LIMIT_S)
            self._refuse_strangers(heard + more.raw, "before anything was sent")
        heard = b""
        unclean = asked = 0
        while True:
            answer = yield from self.ask("AT", WAKE_STEP_S)
            asked += 1
            heard = (heard + answer.raw)[-_HEARD_LIMIT:]
            if answer.ok:
                is_numeric = answer.final is not None and answer.final.text.strip() == "0"
                if is_numeric and not self.restore:
                    yield from self.ask("ATV1", WAKE_STEP_S)
                    self.restore.append("ATV0")
                    continue
                if not answer.lines:
                    return
                # Text with the OK: a late answer, or a device that never keeps quiet.
                self.doubtful = True
                unclean += 1
                if unclean >= _UNCLEAN_ENOUGH:
                    return
                yield from self.listen(_QUIET_S, _DRAIN_LIMIT_S)
                continue
            spent = self.elapsed_s - begun_s
            if asked >= _STRANGE_ENOUGH:
                self._refuse_strangers(heard, "in answer to AT")
            if spent >= (WAKE_BOOT_S if heard.strip(b"\x00") else WAKE_MUTE_S) - 0.01:
                raise NoAnswer(
                    f"no answer to AT on {self.port}"
                    + (", only other bytes" if heard else f" in {WAKE_MUTE_S:.0f} s"),
                    port=self.port,
                    hint="check power, cable and baud rate, or try the device's other ports",
                )
            if heard:
                self.doubtful = True
            if not answer.timed_out:  # ERROR proves life; give it its time
                yield from self.listen(WAKE_STEP_S, WAKE_STEP_S)

    def _refuse_strangers(self, data: bytes, when: str) -> None:
        kind = ""
        if stream_kind(data) == "nmea":
            kind = "NMEA sentences (a GNSS receiver or a modem's GNSS port)"
        elif _is_binary(data):
            kind = "binary data (a diagnostic port, or the wrong baud rate)"
        if kind:
            raise NotAModem(
                f"{self.port} sends {kind} {when}",
                port=self.port,
                hint="this is no AT port: try the device's other ports",
            )

    def resync(self) -> Generator[Step, Outcome, None]:
        """Drain, then ``AT`` until one clean OK comes back.

        :raises NoAnswer: the port no longer answers
        """
        self.doubtful = True
        for _ in range(_RESYNC_TRIES):
            yield from self.listen(_QUIET_S, _DRAIN_LIMIT_S)
            answer = yield from self.ask("AT", WAKE_STEP_S)
            if answer.ok and not answer.lines:
                return
        raise NoAnswer(
            f"{self.port} stopped answering",
            port=self.port,
            hint="the modem may be restarting: try again in a minute",
        )

    # -- reading --------------------------------------------------------------------------

    def read(
        self, want: str, attempt: Attempt
    ) -> Generator[Step, Outcome, tuple[Interpretation, Response]]:
        """Make one attempt: ask, and ask again while the answer is not sure.

        :raises OutOfStep: the answer was about something else
        """
        reading, answer = yield from self._read(want, attempt)
        if answer.line in self._answered_s:
            self.record_evidence(want, attempt, answer)
        return reading, answer

    def _read(
        self, want: str, attempt: Attempt
    ) -> Generator[Step, Outcome, tuple[Interpretation, Response]]:
        timeout_s = attempt.timeout_s or WANTS[want]
        if self._silences:  # this modem stays mute on what it does not know
            timeout_s = min(timeout_s, _IMPATIENT_S)
        tally: dict[str, int] = {}
        known = self._remembered.get(attempt.command)
        if attempt.at_hand:
            answer = known or Response(attempt.command, (), None)
            return interpret(attempt, answer), answer
        reusable = want in _COMPANIONS or attempt.shape.startswith("ati_")
        if reusable and known is not None:
            return interpret(attempt, known), known
        for _ in range(_READINGS):
            answer = yield from self.ask(attempt.command, timeout_s)
            reading = interpret(attempt, answer)
            self._keep_step(answer, reading)
            if answer.timed_out:
                self._silences += not answer.lines
                yield from self.resync()
                if len(reading.values) == 1 and (reading.labelled or answer.echoed):
                    # No final result follows on some modems (wavecom-multiband, neoway-m590).
                    reading = reading._replace(sure=True)
            if reading.sure or not reading.values:
                self._remembered[attempt.command] = answer
                return reading, answer
            for value in reading.values:
                tally[value] = tally.get(value, 0) + 1
            agreed = [value for value, times in tally.items() if times >= 2]
            ahead = [value for value in agreed if tally[value] == max(tally.values())]
            if len(ahead) == 1:
                return reading._replace(values=(ahead[0],), sure=True), answer
        return reading._replace(sure=False), answer

    def read_joined(
        self, attempts: Mapping[str, Attempt]
    ) -> Generator[Step, Outcome, dict[str, str]]:
        """Ask for several wants in one line; return the values, all of them or none.

        Bare values are told apart by their order alone, so one line must fit each question and
        nothing else may have come; otherwise the caller asks one by one. A port that refuses one
        joined line is sent no other.

        :param attempts: want to its rung, in the order of the line
        """
        if not self._joins:
            return {}
        first, *rest = [attempt.command for attempt in attempts.values()]
        line = ";".join((first, *(command[2:] for command in rest)))
        timeout_s = max(rung.timeout_s or WANTS[want] for want, rung in attempts.items())
        answer = yield from self.ask(line, timeout_s)
        self._keep_step(answer, Interpretation())
        parts = parts_of(answer, [attempt.command for attempt in attempts.values()])
        readings = [
            interpret(rung, part) for rung, part in zip(attempts.values(), parts, strict=False)
        ]
        if not parts or not all(reading.sure for reading in readings):
            self._joins = answer.foreign != ()
            if answer.timed_out or (answer.ok and (self.doubtful or not answer.echoed)):
                yield from self.resync()
            return {}
        for (want, attempt), part, reading in zip(attempts.items(), parts, readings, strict=True):
            self._keep_step(part, reading)
            self._remembered[attempt.command] = part._replace(line=line)
            self.record_evidence(want, attempt, answer)
        return {want: reading.values[0] for want, reading in zip(attempts, readings, strict=True)}

    def record_evidence(self, field: str, attempt: Attempt, answer: Response) -> None:
        """Keep what a field was read from; the last answer stands."""
        at_ms = round(self._answered_s[answer.line] * 1000)
        self.evidence[field] = Evidence(
            field, answer.line, as_text(answer.raw), attempt.shape, at_ms
        )

    def _keep_step(self, answer: Response, reading: Interpretation) -> None:
        if not self.echoing and any(map(_closes_a_question, answer.strays)):
            # the real answer to an earlier question, which took somebody else's for its own
            raise Desynchronized(answer.line)
        if reading.labelled and reading.values:
            self.unproven = False
        elif answer.ok and not answer.echoed:
            self.unproven = True
        if reading.astray and (self.doubtful or not answer.echoed):
            raise Desynchronized(answer.line)
        if answer.timed_out or answer.foreign:
            self.doubtful = True

    def reset(self) -> None:
        """Nothing read so far may be used again."""
        self._remembered.clear()
        self.evidence.clear()
        self.unproven = False


def _closes_a_question(line: str) -> bool:
    final = parse_final(line)
    return final is not None and final.kind != "call"


def _is_binary(data: bytes) -> bool:
    """A glitch or two while a level settles is no binary talker."""
    return len(data) >= _BINARY_ENOUGH and stream_kind(data) == "binary"
