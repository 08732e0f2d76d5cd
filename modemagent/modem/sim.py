"""The SIM part of an identification: its state first, then what the state lets be read."""

from __future__ import annotations

import re
from collections.abc import Callable, Generator
from typing import Literal

from modemagent.at.locks import CME_LOCKS, Lock
from modemagent.at.steps import Outcome, Response, Step
from modemagent.dialects.model import Attempt, Dialect
from modemagent.identity.locks import LockCode, LockKind
from modemagent.identity.snapshot import ReadState, SimState
from modemagent.modem.at_client import AtClient
from modemagent.modem.interpret import Interpretation
from modemagent.modem.sim_state import PendingState, refusal_state, word_state

_RETRY_S = 1.0
_REFUSALS = 5  # a bare ERROR lasts for two or three tries on nordic-nrf9160 and SIM800
_EMPTY_TRIES = 5  # ready, but nothing can be read: the card is still starting
_HALF_TRIES = 4  # one of the two numbers is there, the other may not be offered at all
_NUMBERS = 2  # ICCID and IMSI
_RESTARTS = 3  # SIM events in the middle of a reading

_NEEDS_CODE = (SimState.PIN_REQUIRED, SimState.PUK_REQUIRED)
_OPEN = (SimState.READY, SimState.UNKNOWN)
_NO_CARD = (SimState.ABSENT, SimState.OFF, SimState.FAILURE, SimState.BUSY)

#: Why a reading of the card has to begin again.
Upset = Literal["", "event", "busy", "absent"]
Steps = Generator[Step, Outcome, None]


class SimReader:
    """Reads the active slot of one modem.

    :ivar state: what the slot is in
    :ivar lock: which cards a locked module accepts, None when it does not name them
    :ivar lock_code: the code a locked module waits for, None for one that is not locked
    :ivar values: iccid, imsi, eid as far as they were read
    :ivar offered: what stood in their place but does not fit, as evidence
    :ivar read: how each reading ended
    :ivar mnc_length: from EF_AD, when it was asked for
    :ivar euicc: which architecture an eUICC follows, when it was asked itself

    :param kind: model and firmware, for the rows that are for some models only
    :param on_wait: called once when the card is not ready and will be asked again
    """

    def __init__(
        self,
        talk: AtClient,
        dialect: Dialect,
        kind: str = "",
        *,
        on_wait: Callable[[], None] | None = None,
    ) -> None:
        self.talk = talk
        self.dialect = dialect
        self.kind = kind
        self.state = SimState.UNKNOWN
        self.lock: LockKind | None = None
        self.lock_code: LockCode | None = None
        self.values: dict[str, str] = {}
        self.offered: dict[str, str] = {}
        self.read: dict[str, ReadState] = {}
        self.mnc_length: int | None = None
        self.euicc: str | None = None
        self._upset: Upset = ""
        self._on_wait = on_wait

    def read_all(self, *, imei: str | None) -> Steps:
        """Read state, ICCID, IMSI and EID.

        :param imei: refused as an IMSI, which a late answer could make of it
        """
        begun_s = self.talk.elapsed_s
        events = absences = 0
        while True:
            self._begin_anew()
            yield from self._read_state(begun_s, imei)
            yield from self._read_card(imei)
            if self._upset == "busy":
                if self.talk.elapsed_s - begun_s >= self.dialect.sim_wait_s:
                    if self.lock_code is None:
                        self.state = SimState.BUSY
                    return
                yield from self._wait()
            elif self._upset == "absent":
                absences += 1
                if absences > 1:
                    self.state = SimState.ABSENT
                    yield from self._read_card(imei)
                    return
            elif self._upset == "event" and events < _RESTARTS:
                events += 1
            else:
                return

    def _begin_anew(self) -> None:
        self.values.clear()
        self.offered.clear()
        self.read.clear()
        self._upset = ""
        self.lock = self.lock_code = None

    def read_mnc_length(self) -> Steps:
        """Ask EF_AD how long the MNC is, for the few countries where the IMSI leaves it open."""
        for attempt in self._ladder("mnc_length"):
            reading, _ = yield from self.talk.read("mnc_length", attempt)
            if reading.sure:
                self.mnc_length = int(reading.values[0])

    def read_eid_by_apdu(self) -> Steps:
        """Ask the card itself for its EID, where the modem did not tell it."""
        if "eid" in self.values or self.state in _NO_CARD:
            return
        from modemagent.modem.euicc import read_euicc

        found = yield from read_euicc(self.talk)
        self.euicc = found.kind
        self.read["eid"] = found.read
        if found.eid is not None:
            self.values["eid"] = found.eid

    def _wait(self) -> Steps:
        """Give the card a second; say once that it takes its time."""
        if self._on_wait is not None:
            for want in ("iccid", "imsi", "eid"):
                self.read.setdefault(want, ReadState.TIMEOUT)
            self._on_wait()
            self._on_wait = None
        yield from self.talk.listen(_RETRY_S, _RETRY_S)

    def _ladder(self, want: str) -> tuple[Attempt, ...]:
        return self.dialect.ladder(want, self.kind)

    # -- the state ------------------------------------------------------------------------

    def _read_state(self, begun_s: float, imei: str | None) -> Steps:
        """Ask until the state is settled or has been waited for long enough."""
        refusals = 0
        spoken_up = False
        while True:
            state = yield from self._ask_state()
            if isinstance(state, Lock):
                self._set_locked(state)
                return
            if isinstance(state, SimState):
                self.state = state
                return
            if state is PendingState.OFF_OR_FAILED:
                self.state = yield from self._off_or_failed()
                return
            self.state = SimState.UNKNOWN
            if state is PendingState.UNKNOWN:
                return
            if state is PendingState.REFUSED:
                if not spoken_up:
                    spoken_up = True
                    if (yield from self._speak_up()):
                        continue
                # The state is not told, but an IMSI that is told means ready, and an ICCID that
                # there is nothing to wait for. All rungs at first, then the likeliest.
                rungs = 1 if refusals else None
                if (yield from self._climb("imsi", rungs=rungs, refuse=imei)) is ReadState.OK:
                    self.state = SimState.READY
                    return
                if (yield from self._climb("iccid", rungs=rungs)) is ReadState.OK:
                    return
                if self.lock_code is not None:
                    return
                refusals += 1
                if refusals >= _REFUSALS:
                    return
            else:
                self.state = SimState.BUSY
                if self.talk.elapsed_s - begun_s >= self.dialect.sim_wait_s:
                    return
            yield from self._wait()

    def _set_locked(self, lock: Lock) -> None:
        self.state = SimState.LOCKED
        self.lock = LockKind(lock.kind) if lock.kind is not None else None
        self.lock_code = LockCode(lock.code)

    def _ask_state(self) -> Generator[Step, Outcome, SimState | Lock | PendingState]:
        said: SimState | Lock | PendingState | None = None
        for attempt in self._ladder("sim_state"):
            reading, answer = yield from self.talk.read("sim_state", attempt)
            if reading.sure:
                return word_state(reading.values[0])
            # The numbers of a locked module can be read: they cannot decide against its lock.
            states = [word_state(value) for value in reading.values]
            if lock := next((each for each in states if isinstance(each, Lock)), None):
                return lock
            # Several values: URC and answer share the prefix and the URC comes each time, so
            # the state stays open and the card's numbers decide.
            told = PendingState.UNKNOWN if reading.values else refusal_state(answer)
            if told not in (PendingState.REFUSED, PendingState.UNKNOWN):
                return told
            # the first rung is the standard's own; what a later one can not say changes nothing
            said = said or told
        return said or PendingState.UNKNOWN

    def _speak_up(self) -> Generator[Step, Outcome, bool]:
        """Turn numeric errors on where errors come without a reason; note what to put back."""
        answer = yield from self.talk.ask("AT+CMEE?", 3.0)
        said = next((line for line in answer.lines if "CMEE" in line.upper()), "")
        if not said.rstrip().endswith("0"):
            return False
        answer = yield from self.talk.ask("AT+CMEE=1", 3.0)
        if answer.ok:
            self.talk.restore.append("AT+CMEE=0")
        return answer.ok

    def _off_or_failed(self) -> Generator[Step, Outcome, SimState]:
        """CME 13 is said of a failed card and of one without power: CFUN 0 and 4 tell."""
        answer = yield from self.talk.ask("AT+CFUN?", 3.0)
        for line in answer.lines:
            if (match := re.match(r"\+CFUN\s?:+\s*(\d+)", line, re.IGNORECASE)) is not None:
                return SimState.OFF if match[1] in ("0", "4") else SimState.FAILURE
        return SimState.FAILURE

    # -- the card -------------------------------------------------------------------------

    def _read_card(self, imei: str | None) -> Steps:
        """Read the numbers that the state lets be read."""
        state = self.state
        if state is SimState.ABSENT:
            self.values.clear()
            self.read.update(iccid=ReadState.ABSENT, imsi=ReadState.ABSENT)
            self.read["eid"] = ReadState.UNSUPPORTED
            return
        for turn in range(_EMPTY_TRIES if state is SimState.READY else 1):
            if turn >= _HALF_TRIES and self.values:
                break
            if turn:
                yield from self.talk.listen(_RETRY_S, _RETRY_S)
            if turn == 0 and state is SimState.READY:
                yield from self._ask_joined(imei)
            # The IMSI comes bare, the ICCID mostly says what it is: asked for last, it proves
            # that all the answers before it were in step.
            if state in _OPEN or state is SimState.LOCKED:
                yield from self._read_number("imsi", refuse=imei)
            if not self._upset:
                yield from self._read_number("iccid")
            if self._upset or len(self.values) == _NUMBERS:
                break
        if state in _NEEDS_CODE:
            self.read["imsi"] = ReadState.LOCKED
        elif self.lock_code is not None:
            # Every modem has AT+CIMI: the lock is the reason for a refusal.
            if self.read.get("imsi") in (ReadState.FAILED, ReadState.UNSUPPORTED):
                self.read["imsi"] = ReadState.LOCKED
        elif state not in _OPEN:
            missing = ReadState.TIMEOUT if state is SimState.BUSY else ReadState.FAILED
            self.read["imsi"] = missing
            if "iccid" not in self.values:
                self.read["iccid"] = missing
        elif "imsi" in self.values:
            self.state = SimState.READY
        if not self._upset:
            self.read["eid"] = yield from self._climb("eid")

    def _ask_joined(self, imei: str | None) -> Steps:
        """Ask for both numbers in one line, where this dialect's modems take one."""
        join = next((each for each in self.dialect.joins if "iccid" in each.wants), None)
        if join is None or not re.search(join.models, self.kind, re.IGNORECASE):
            return
        values = yield from self.talk.read_joined(
            {want: self._ladder(want)[0] for want in join.wants}
        )
        if imei not in values.values():
            self.values.update(values)

    def _read_number(self, want: str, *, refuse: str | None = None) -> Steps:
        if want not in self.values:
            self.read[want] = yield from self._climb(want, refuse=refuse)
        else:
            self.read[want] = ReadState.OK

    def _climb(
        self, want: str, *, refuse: str | None = None, rungs: int | None = None
    ) -> Generator[Step, Outcome, ReadState]:
        """Try the rungs of one ladder until one value fits; say how it ended."""
        worst = ReadState.UNSUPPORTED
        for attempt in self._ladder(want)[:rungs]:
            reading, answer = yield from self.talk.read(want, attempt)
            if attempt.at_hand and not reading.values:
                continue
            self._watch(answer)
            if reading.sure and reading.values[0] != refuse:
                self.values[want] = reading.values[0]
                return ReadState.OK
            if reading.offered is not None:
                self.offered.setdefault(want, reading.offered)
            if answer.final is None:
                worst = ReadState.TIMEOUT
                continue
            code = answer.final.code if answer.final.kind == "cme" else None
            if code in (10, 14) and want != "eid":
                # The next rung can not know better; the state may.
                self._upset = "absent" if code == 10 else "busy"
                return ReadState.FAILED
            if code is not None and code in CME_LOCKS and self.state is SimState.UNKNOWN:
                self._set_locked(CME_LOCKS[code])
            if want == "eid" and _understood(answer, reading):
                return ReadState.ABSENT
            if answer.ok or (code is not None and code not in (3, 4, 100)):
                worst = ReadState.FAILED
        return worst

    def _watch(self, answer: Response) -> None:
        if any(says_sim_changed(line, self.dialect) for line in answer.foreign):
            self._upset = "event"


def _understood(answer: Response, reading: Interpretation) -> bool:
    """The question was answered, and there is no such number."""
    return answer.ok and not reading.values and reading.offered is None


def says_sim_changed(line: str, dialect: Dialect) -> bool:
    """Tell whether an unsolicited line means: read the SIM anew."""
    return any(re.match(pattern, line, re.IGNORECASE) for pattern in dialect.sim_urcs)
