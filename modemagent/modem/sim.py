"""Reading of the SIM in the slot in use: its state, then the numbers that the state allows."""

from __future__ import annotations

import re
from collections.abc import Callable, Generator
from typing import Literal

from modemagent.at.fields import parse_information
from modemagent.at.sim_locks import CME_LOCKS, Lock
from modemagent.at.steps import Outcome, Response, Step
from modemagent.dialects.model import Attempt, Dialect
from modemagent.identity.snapshot import ReadState, SimState
from modemagent.modem.assess import SIM_FIELDS, RawSim
from modemagent.modem.at_client import AtClient
from modemagent.modem.euicc import read_euicc
from modemagent.modem.interpret import Interpretation
from modemagent.modem.ladder import ACCEPTED, NEXT, AttemptVerdict, climb, read_joined
from modemagent.modem.sim_state import PendingState, state_of, state_of_refusal

_RETRY_S = 1.0
_TIMEOUT_S = 3.0
#: A bare ERROR lasts for two or three readings on nordic-nrf9160 and SIM800.
_MOST_REFUSALS = 5
#: Readings of a ready SIM without any number: it is still starting.
_EMPTY_READINGS = 5
#: Readings with one of the two numbers; the modem may not have the other.
_HALF_READINGS = 4
#: Numbers of a ready SIM, read in one line if the firmware accepts it.
NUMBERS = ("imsi", "iccid")
#: Readings begun again because of SIM events.
_MOST_EVENTS = 3
#: How long to listen for a SIM that becomes ready right after the modem has called it bad.
_AFTERWARDS_S = 0.2
#: URCs of a SIM that has become ready: ``+CPIN: READY``, ``^SSIM READY``, ``SMS Ready``.
_READY_URC = re.compile(r"(?<!NOT )\bREADY\b", re.IGNORECASE)

_NEEDS_CODE = (SimState.PIN_REQUIRED, SimState.PUK_REQUIRED)
_OPEN = (SimState.READY, SimState.UNKNOWN)
#: States in which no APDU is sent to the SIM.
_NO_SIM = (SimState.OFF, SimState.BUSY)
#: States of a slot without numbers.
_EMPTY = (SimState.ABSENT, SimState.NO_PROFILE)
#: CME errors that stand for "no such command".
_UNSUPPORTED = (3, 4, 100)
_CME_ABSENT, _CME_BUSY = 10, 14

#: Why a reading has to begin again.
Interruption = Literal["", "event", "busy", "absent"]
Reported = SimState | Lock | PendingState
Steps = Generator[Step, Outcome, None]


class SimReader(RawSim):
    """Reader of the slot in use of one modem.

    :param kind: model and firmware, for attempts that only some models have
    :param on_wait: called once if the SIM is not ready and will be read again
    """

    def __init__(
        self,
        client: AtClient,
        dialect: Dialect,
        kind: str = "",
        *,
        on_wait: Callable[[], None] | None = None,
    ) -> None:
        super().__init__()
        self._client = client
        self._dialect = dialect
        self._kind = kind
        self._interruption: Interruption = ""
        self._on_wait = on_wait
        self._reads_on_events = True

    def read_all(self, *, imei: str | None) -> Steps:
        """Read state, ICCID, IMSI and EID.

        :param imei: rejected as an IMSI: a late response could make one of it
        """
        begun_s = self._client.elapsed_s
        events = 0
        absent_since_s: float | None = None
        while True:
            self._reset()
            yield from self._read_state(begun_s, imei)
            yield from self._read_numbers(imei)
            if self._interruption == "busy":
                if self._waited_enough(begun_s):
                    if self.lock is None:
                        self.state = SimState.BUSY
                    return
                yield from self._wait()
            elif self._interruption == "absent":
                if absent_since_s is None:
                    absent_since_s = self._client.elapsed_s
                elif (yield from self._is_final(absent_since_s)):
                    self.state = SimState.ABSENT
                    yield from self._read_numbers(imei)
                    return
                else:
                    self.state = SimState.BUSY
                    if self._waited_enough(begun_s):
                        return
                    yield from self._wait()
            elif self._interruption == "event":
                events += 1
                # An event that comes with every response does not begin anything.
                self._reads_on_events = events < _MOST_EVENTS
            else:
                return

    @property
    def is_refused(self) -> bool:
        """True if a SIM that should be readable refused a number that it may give later."""
        return self.state in _OPEN and any(map(self.is_open, NUMBERS))

    def read_mnc_length(self) -> Steps:
        """Read the MNC length from EF_AD, for the few countries where the IMSI is ambiguous."""
        result = yield from climb(self._client, "mnc_length", self._ladder("mnc_length"))
        if result.value is not None:
            self.mnc_length = int(result.value)

    def read_eid_by_apdu(self) -> Steps:
        """Read the EID from the SIM itself, if the modem did not report it."""
        if "eid" in self.values or self.state in _NO_SIM:
            return
        found = yield from read_euicc(self._client)
        self.euicc = found.kind
        self.states["eid"] = found.read
        if found.eid is not None:
            self.values["eid"] = found.eid
            if self.state in (SimState.ABSENT, SimState.FAILURE):
                self.state = SimState.NO_PROFILE

    def _reset(self) -> None:
        self.values.clear()
        self.malformed.clear()
        self.states.clear()
        self.refusals.clear()
        self.ambiguous.clear()
        self._interruption = ""
        self.lock = None
        self.blocked = False

    def _waited_enough(self, begun_s: float) -> bool:
        return self._client.elapsed_s - begun_s >= self._dialect.sim_wait_s

    def _wait(self) -> Generator[Step, Outcome, bool]:
        """Wait a second; report the delay the first time.

        :returns: True if the SIM has become ready
        """
        if self._on_wait is not None:
            for field in SIM_FIELDS:
                self.states.setdefault(field, ReadState.TIMEOUT)
            self._on_wait()
            self._on_wait = None
        received = yield from self._client.listen(_RETRY_S, _RETRY_S)
        return any(map(_READY_URC.search, received.lines))

    def _ladder(self, field: str) -> tuple[Attempt, ...]:
        return self._dialect.ladder(field, self._kind)

    # -- the state ------------------------------------------------------------------------

    def _read_state(self, begun_s: float, imei: str | None) -> Steps:
        """Read the state until it is settled, or the waiting time is over."""
        refusals = 0
        errors_enabled = False
        bad_since_s: float | None = None
        while True:
            state = yield from self._reported_state()
            if isinstance(state, Lock):
                self._set_locked(state)
                return
            if state is PendingState.OFF_OR_FAILED:
                state = yield from self._off_or_failed()
            if state is PendingState.BLOCKED:
                self.state, self.blocked = SimState.FAILURE, True
                return
            if isinstance(state, SimState):
                self.state = state
                if state not in (SimState.ABSENT, SimState.FAILURE):
                    return
                if bad_since_s is None:
                    bad_since_s = self._client.elapsed_s
                if (yield from self._is_final(bad_since_s)):
                    return
                self.state = SimState.BUSY
                if self._waited_enough(begun_s):
                    return
                if (yield from self._wait()):
                    bad_since_s = None
                continue
            self.state = SimState.UNKNOWN
            if state is PendingState.UNKNOWN:
                return
            if state is PendingState.REFUSED:
                if not errors_enabled:
                    errors_enabled = True
                    if (yield from self._enable_errors()):
                        continue
                # A readable IMSI means ready, a readable ICCID that waiting is useless. The
                # first time every attempt is made, later only the first.
                most = 1 if refusals else None
                yield from self._read_number("imsi", reject=imei, most=most)
                if self.states.pop("imsi") is ReadState.OK:
                    self.state = SimState.READY
                    return
                yield from self._read_number("iccid", most=most)
                if self.states.pop("iccid") is ReadState.OK or self.lock is not None:
                    return
                refusals += 1
                if refusals >= _MOST_REFUSALS:
                    return
            else:
                self.state = SimState.BUSY
                if self._waited_enough(begun_s):
                    return
            yield from self._wait()

    def _is_final(self, since_s: float) -> Generator[Step, Outcome, bool]:
        """Return True if a SIM that is called absent or failed is not just starting.

        :param since_s: when the modem called it so first
        """
        client, start_up_s = self._client, self._dialect.start_up_s
        if not client.start_up.is_over(client.elapsed_s, start_up_s, since_s=since_s):
            return False
        received = yield from client.listen(_AFTERWARDS_S, _AFTERWARDS_S)
        return not any(map(_READY_URC.search, received.lines))

    def _set_locked(self, lock: Lock) -> None:
        self.state = SimState.LOCKED
        self.lock = lock

    def _reported_state(self) -> Generator[Step, Outcome, Reported]:
        """Return the state that the modem reports."""
        first: Reported | None = None
        last: Reported = PendingState.UNKNOWN

        def judge(attempt: Attempt, found: Interpretation, response: Response) -> AttemptVerdict:
            nonlocal first, last
            if found.certain:
                last = state_of(found.values[0])
                return AttemptVerdict(done=True)
            # The numbers of a locked module can be read, so they cannot rule out its lock.
            states = [state_of(value) for value in found.values]
            if lock := next((each for each in states if isinstance(each, Lock)), None):
                last = lock
                return AttemptVerdict(done=True)
            # Several values: URC and response have the same prefix, and the URC repeats. The
            # state stays open and the numbers of the SIM decide.
            last = PendingState.UNKNOWN if found.values else state_of_refusal(response)
            if last not in (PendingState.REFUSED, PendingState.UNKNOWN):
                return AttemptVerdict(done=True)
            # The first attempt is the standard's own command; later ones can only settle the
            # state, not change what is pending.
            first = first or last
            last = first
            return NEXT

        yield from climb(self._client, "sim_state", self._ladder("sim_state"), judge)
        return last

    def _enable_errors(self) -> Generator[Step, Outcome, bool]:
        """Enable numeric errors if the modem sends none; note the setting to restore."""
        response = yield from self._client.send("AT+CMEE?", _TIMEOUT_S)
        if _first_number(response, "+CMEE") != 0:
            return False
        response = yield from self._client.send("AT+CMEE=1", _TIMEOUT_S)
        if response.ok:
            self._client.restore.append("AT+CMEE=0")
        return response.ok

    def _off_or_failed(self) -> Generator[Step, Outcome, SimState]:
        """Read AT+CFUN?: after CME 13 the SIM is off with levels 0 and 4, otherwise it failed."""
        response = yield from self._client.send("AT+CFUN?", _TIMEOUT_S)
        is_off = _first_number(response, "+CFUN") in (0, 4)
        return SimState.OFF if is_off else SimState.FAILURE

    # -- the numbers ----------------------------------------------------------------------

    def _read_numbers(self, imei: str | None) -> Steps:
        """Read the numbers that the state allows."""
        state = self.state
        if state in _EMPTY:
            self.values.clear()
            yield from self._read_number("eid")
            self.states.update(iccid=ReadState.ABSENT, imsi=ReadState.ABSENT)
            # Many modems report an eUICC without a profile as an empty slot.
            if "eid" in self.values:
                self.state = SimState.NO_PROFILE
            elif state is SimState.ABSENT:
                self.states["eid"] = ReadState.UNSUPPORTED
            return
        for reading in range(_EMPTY_READINGS if state is SimState.READY else 1):
            if reading >= _HALF_READINGS and self.values:
                break
            if reading:
                yield from self._client.listen(_RETRY_S, _RETRY_S)
            elif state is SimState.READY:
                yield from self._read_joined(imei)
            # The IMSI comes bare, the ICCID mostly with its prefix. Read last, it proves that
            # all responses before it were in step.
            if state in _OPEN or state is SimState.LOCKED:
                yield from self._read_number("imsi", reject=imei)
            if not self._interruption:
                yield from self._read_number("iccid")
            if self._interruption or len(self.values) == len(NUMBERS):
                break
        if state in _NEEDS_CODE:
            self.states["imsi"] = ReadState.LOCKED
        elif self.lock is not None:
            # Every modem has AT+CIMI: a refusal is due to the lock.
            if self.states.get("imsi") in (ReadState.FAILED, ReadState.UNSUPPORTED):
                self.states["imsi"] = ReadState.LOCKED
        elif state not in _OPEN:
            missing = ReadState.TIMEOUT if state is SimState.BUSY else ReadState.FAILED
            self.states["imsi"] = missing
            if "iccid" not in self.values:
                self.states["iccid"] = missing
        elif "imsi" in self.values:
            self.state = SimState.READY
        if not self._interruption:
            yield from self._read_number("eid")

    def _read_joined(self, imei: str | None) -> Steps:
        """Read both numbers in one line, if this dialect has one."""
        results = yield from read_joined(self._client, self._dialect, self._kind, NUMBERS)
        if imei not in (result.value for result in results.values()):
            for field, result in results.items():
                self.store(field, result)

    def _read_number(
        self, field: str, *, reject: str | None = None, most: int | None = None
    ) -> Steps:
        """Climb the ladder of one number, unless it is known.

        :param reject: a value that is certainly wrong
        :param most: maximum number of attempts
        """
        if field in self.values:
            self.states[field] = ReadState.OK
            return

        def judge(attempt: Attempt, found: Interpretation, response: Response) -> AttemptVerdict:
            return self._judge(field, found, response, reject)

        ladder = self._ladder(field)[:most]
        self.store(field, (yield from climb(self._client, field, ladder, judge)))

    def _judge(
        self, field: str, found: Interpretation, response: Response, reject: str | None
    ) -> AttemptVerdict:
        if self._reads_on_events and any(
            is_sim_event(line, self._dialect) for line in response.foreign
        ):
            self._interruption = "event"
        if found.certain and found.values[0] != reject:
            return ACCEPTED
        final = response.final
        if final is None:
            return AttemptVerdict(ReadState.TIMEOUT)
        code = final.code if final.kind == "cme" else None
        if code in (_CME_ABSENT, _CME_BUSY) and field != "eid":
            # A further attempt cannot succeed; the state may have changed.
            self._interruption = "absent" if code == _CME_ABSENT else "busy"
            return AttemptVerdict(ReadState.FAILED, done=True)
        if code is not None and code in CME_LOCKS and self.state is SimState.UNKNOWN:
            self._set_locked(CME_LOCKS[code])
        if field == "eid" and response.ok and not found.values and found.malformed is None:
            # The modem reports that there is none.
            return AttemptVerdict(ReadState.ABSENT, done=True)
        if response.ok or (code is not None and code not in _UNSUPPORTED):
            return AttemptVerdict(ReadState.FAILED)
        return NEXT


def _first_number(response: Response, name: str) -> int | None:
    """Return the first field of the first line with this prefix."""
    lines = map(parse_information, response.lines)
    return next((line.integer(0) for line in lines if line.name == name), None)


def is_sim_event(line: str, dialect: Dialect) -> bool:
    """Return True if a URC requires the SIM to be read again."""
    return any(re.match(pattern, line, re.IGNORECASE) for pattern in dialect.sim_urcs)
