"""Reading of the SIM in the slot in use: its state, then the numbers that the state allows."""

from __future__ import annotations

from collections.abc import Callable, Generator

from modemagent.at.fields import parse_information
from modemagent.at.pin_state import Lock
from modemagent.at.steps import Outcome, Response, Step
from modemagent.dialects.table_types import Attempt, Dialect
from modemagent.identity.snapshot import ReadState, SimState
from modemagent.modem.assess import SIM_FIELDS
from modemagent.modem.at_client import AtClient
from modemagent.modem.euicc import read_euicc
from modemagent.modem.interpret import Interpretation
from modemagent.modem.ladder import NEXT, AttemptVerdict, climb
from modemagent.modem.sim_events import is_ready_urc
from modemagent.modem.sim_numbers import OPEN, SimNumberReader
from modemagent.modem.sim_state import PendingState, state_of, state_of_refusal

_RETRY_S = 1.0
_TIMEOUT_S = 3.0
#: A bare ERROR lasts for two or three readings on nordic-nrf9160 and SIM800.
_MOST_REFUSALS = 5
#: Readings begun again because of SIM events.
_MOST_EVENTS = 3
#: How long to listen for a SIM that becomes ready right after the modem has called it bad.
_AFTERWARDS_S = 0.2
#: States in which no APDU is sent to the SIM.
_NO_SIM = (SimState.OFF, SimState.BUSY)
Reported = SimState | Lock | PendingState
Steps = Generator[Step, Outcome, None]


class SimReader(SimNumberReader):
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
        super().__init__(client, dialect, kind)
        self._on_wait = on_wait

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
            yield from self.read_numbers(imei)
            if self.interruption == "busy":
                if self._waited_enough(begun_s):
                    if self.lock is None:
                        self.state = SimState.BUSY
                    return
                yield from self._wait()
            elif self.interruption == "absent":
                if absent_since_s is None:
                    absent_since_s = self._client.elapsed_s
                elif (yield from self._is_final(absent_since_s)):
                    self.state = SimState.ABSENT
                    yield from self.read_numbers(imei)
                    return
                else:
                    self.state = SimState.BUSY
                    if self._waited_enough(begun_s):
                        return
                    yield from self._wait()
            elif self.interruption == "event":
                events += 1
                # An event that comes with every response does not begin anything.
                self.reads_on_events = events < _MOST_EVENTS
            else:
                return

    @property
    def is_readable(self) -> bool:
        """True if the numbers of the SIM should be readable in its state."""
        return self.state in OPEN

    def read_mnc_length(self) -> Steps:
        """Read the MNC length from EF_AD, for the few countries where the IMSI is ambiguous."""
        result = yield from climb(self._client, "mnc_length", self.ladder("mnc_length"))
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
        self.unknown.clear()
        self.interruption = ""
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
        return any(map(is_ready_urc, received.lines))

    # -- the state ------------------------------------------------------------------------

    def _read_state(self, begun_s: float, imei: str | None) -> Steps:
        """Read the state until it is settled, or the waiting time is over."""
        refusals = 0
        errors_enabled = False
        bad_since_s: float | None = None
        while True:
            state = yield from self._reported_state()
            if isinstance(state, Lock):
                self.set_locked(state)
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
                yield from self.read_number("imsi", reject=imei, most=most)
                if self.states.pop("imsi") is ReadState.OK:
                    self.state = SimState.READY
                    return
                yield from self.read_number("iccid", most=most)
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
        return not any(map(is_ready_urc, received.lines))

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

        yield from climb(self._client, "sim_state", self.ladder("sim_state"), judge)
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


def _first_number(response: Response, name: str) -> int | None:
    """Return the first field of the first line with this prefix."""
    lines = map(parse_information, response.lines)
    return next((line.integer(0) for line in lines if line.name == name), None)
