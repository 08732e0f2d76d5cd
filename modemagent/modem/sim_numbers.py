"""Reading of the numbers that the state of a SIM allows: ICCID, IMSI and EID."""

from __future__ import annotations

from collections.abc import Generator
from typing import Literal

from modemagent.at.pin_state import CME_LOCKS, Lock
from modemagent.at.steps import Outcome, Response, Step
from modemagent.dialects.table_types import Attempt, Dialect
from modemagent.identity.snapshot import ReadState, SimState
from modemagent.modem.assess import RawSim
from modemagent.modem.at_client import AtClient
from modemagent.modem.interpret import Interpretation
from modemagent.modem.ladder import ACCEPTED, NEXT, AttemptVerdict, climb, read_joined
from modemagent.modem.sim_events import is_sim_event

_RETRY_S = 1.0
#: Readings of a ready SIM without any number: it is still starting.
_EMPTY_READINGS = 5
#: Readings with one of the two numbers; the modem may not have the other.
_HALF_READINGS = 4
#: Numbers of a ready SIM, read in one line if the firmware accepts it.
NUMBERS = ("imsi", "iccid")

_NEEDS_CODE = (SimState.PIN_REQUIRED, SimState.PUK_REQUIRED)
#: States in which the numbers should be readable.
OPEN = (SimState.READY, SimState.UNKNOWN)
#: States of a slot without numbers.
_EMPTY = (SimState.ABSENT, SimState.NO_PROFILE)
#: CME errors that stand for "no such command".
_UNSUPPORTED = (3, 4, 100)
_CME_ABSENT, _CME_BUSY = 10, 14

#: Why a reading has to begin again.
Interruption = Literal["", "event", "busy", "absent"]
Steps = Generator[Step, Outcome, None]


class SimNumberReader(RawSim):
    """Reader of the numbers of the SIM in the slot in use, in the state noted in it.

    :param kind: model and firmware, for attempts that only some models have
    :ivar interruption: why the reading has to begin again
    :ivar has_started: modem and SIM have had the time of a start-up, so the numbers are read once
    :ivar reads_on_events: a SIM event interrupts the reading
    """

    def __init__(self, client: AtClient, dialect: Dialect, kind: str = "") -> None:
        super().__init__()
        self._client = client
        self._dialect = dialect
        self._kind = kind
        self.interruption: Interruption = ""
        self.has_started = False
        self.reads_on_events = True

    def ladder(self, field: str) -> tuple[Attempt, ...]:
        """Return the attempts for one value of the SIM."""
        return self._dialect.ladder(field, self._kind)

    def set_locked(self, lock: Lock) -> None:
        """Note that the module accepts certain SIM cards only."""
        self.state = SimState.LOCKED
        self.lock = lock

    def read_numbers(self, imei: str | None) -> Steps:
        """Read the numbers that the state allows."""
        state = self.state
        if state in _EMPTY:
            self.values.clear()
            yield from self.read_number("eid")
            self.states.update(iccid=ReadState.ABSENT, imsi=ReadState.ABSENT)
            # Many modems report an eUICC without a profile as an empty slot.
            if "eid" in self.values:
                self.state = SimState.NO_PROFILE
            elif state is SimState.ABSENT:
                self.states["eid"] = ReadState.UNSUPPORTED
            return
        may_start = state is SimState.READY and not self.has_started
        for reading in range(_EMPTY_READINGS if may_start else 1):
            if reading >= _HALF_READINGS and self.values:
                break
            if reading:
                yield from self._client.listen(_RETRY_S, _RETRY_S)
            elif state is SimState.READY:
                yield from self._read_joined(imei)
            # The IMSI comes bare, the ICCID mostly with its prefix. Read last, it proves that
            # all responses before it were in step.
            if state in OPEN or state is SimState.LOCKED:
                yield from self.read_number("imsi", reject=imei)
            if not self.interruption:
                yield from self.read_number("iccid")
            if self.interruption or len(self.values) == len(NUMBERS):
                break
        if state in _NEEDS_CODE:
            self.states["imsi"] = ReadState.LOCKED
        elif self.lock is not None:
            # Every modem has AT+CIMI: a refusal is due to the lock.
            if self.states.get("imsi") in (ReadState.FAILED, ReadState.UNSUPPORTED):
                self.states["imsi"] = ReadState.LOCKED
        elif state not in OPEN:
            missing = ReadState.TIMEOUT if state is SimState.BUSY else ReadState.FAILED
            self.states["imsi"] = missing
            if "iccid" not in self.values:
                self.states["iccid"] = missing
        elif "imsi" in self.values:
            self.state = SimState.READY
        if not self.interruption:
            yield from self.read_number("eid")

    def _read_joined(self, imei: str | None) -> Steps:
        """Read both numbers in one line, if this dialect has one."""
        results = yield from read_joined(self._client, self._dialect, self._kind, NUMBERS)
        if imei not in (result.value for result in results.values()):
            for field, result in results.items():
                self.store(field, result)

    def read_number(
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

        ladder = self.ladder(field)[:most]
        self.store(field, (yield from climb(self._client, field, ladder, judge)))

    def _judge(
        self, field: str, found: Interpretation, response: Response, reject: str | None
    ) -> AttemptVerdict:
        if self.reads_on_events and any(
            is_sim_event(line, self._dialect) for line in response.foreign
        ):
            self.interruption = "event"
        if found.certain and found.values[0] != reject:
            return ACCEPTED
        final = response.final
        if final is None:
            return AttemptVerdict(ReadState.TIMEOUT)
        code = final.code if final.kind == "cme" else None
        if code in (_CME_ABSENT, _CME_BUSY) and field != "eid":
            # A further attempt cannot succeed; the state may have changed.
            self.interruption = "absent" if code == _CME_ABSENT else "busy"
            return AttemptVerdict(ReadState.FAILED, done=True)
        if code is not None and code in CME_LOCKS and self.state is SimState.UNKNOWN:
            self.set_locked(CME_LOCKS[code])
        if field == "eid" and response.ok and not found.values and found.malformed is None:
            # The modem reports that there is none.
            return AttemptVerdict(ReadState.ABSENT, done=True)
        if response.ok or (code is not None and code not in _UNSUPPORTED):
            return AttemptVerdict(ReadState.FAILED)
        return NEXT
