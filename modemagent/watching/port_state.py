"""States of a supervised modem, the transitions between them, and the reason for the current one.

A broken port is a state with a reason that is shown to users, not a silent retry.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

from modemagent.errors import ModemAgentError, PortVanished


class PortState(StrEnum):
    """State of the port through which a modem is watched."""

    ABSENT = "absent"
    OPENING = "opening"
    IDENTIFYING = "identifying"
    WATCHING = "watching"
    STANDBY = "standby"
    BROKEN = "broken"
    STOPPED = "stopped"


_S = PortState
#: BROKEN and ABSENT are reachable from every state, because both have to be shown.
TRANSITIONS: dict[PortState, frozenset[PortState]] = {
    _S.ABSENT: frozenset({_S.OPENING, _S.BROKEN, _S.STOPPED}),
    _S.OPENING: frozenset({_S.IDENTIFYING, _S.STANDBY, _S.BROKEN, _S.ABSENT, _S.STOPPED}),
    # back to OPENING when ModemManager has started or stopped
    _S.IDENTIFYING: frozenset({_S.WATCHING, _S.OPENING, _S.BROKEN, _S.ABSENT, _S.STOPPED}),
    _S.WATCHING: frozenset({_S.OPENING, _S.BROKEN, _S.ABSENT, _S.STOPPED}),
    # the port is left to ModemManager
    _S.STANDBY: frozenset({_S.OPENING, _S.BROKEN, _S.ABSENT, _S.STOPPED}),
    _S.BROKEN: frozenset({_S.OPENING, _S.ABSENT, _S.STOPPED}),
    _S.STOPPED: frozenset(),
}


#: Error messages kept to recognize repetitions; several ports of a modem may fail in turn.
_MAX_LOGGED = 16
#: Delay after a failed session: initial value and maximum of the back-off.
_RETRY_S, _RETRY_MAX_S = 1.0, 30.0
#: Delay after the first loss of a port that still exists: a modem that resets is back soon.
_RETRY_AFTER_RESET_S = 0.1


@dataclass(slots=True)
class PortCondition:
    """State of one modem's port, with its reason and the time of the last change.

    :param message: the reason of the state as text; "" for none
    :param error: the failure that led to BROKEN
    :param since: ``time.monotonic`` seconds
    :param changed: called after each change of state
    """

    state: PortState = PortState.ABSENT
    message: str = ""
    error: ModemAgentError | None = None
    failures: int = 0
    since: float = field(default_factory=time.monotonic)
    changed: Callable[[], None] = lambda: None
    _logged: set[str] = field(default_factory=set)

    def enter(
        self, state: PortState, *, message: str = "", error: ModemAgentError | None = None
    ) -> None:
        """Change the state and discard the reason of the previous one.

        :raises ValueError: the table has no such transition
        """
        if state is not self.state:
            if state not in TRANSITIONS[self.state]:
                raise ValueError(f"a port cannot change from {self.state} to {state}")
            self.since = time.monotonic()
        self.state, self.message, self.error = state, message, error
        if state is PortState.WATCHING:
            self.failures = 0
            self._logged.clear()
        self.changed()

    def mark_broken(self, error: ModemAgentError) -> bool:
        """Change to BROKEN; return True if this error has not occurred since the last success."""
        is_new = error.message not in self._logged
        if len(self._logged) >= _MAX_LOGGED:
            self._logged.clear()
        self._logged.add(error.message)
        self.failures += 1
        self.enter(PortState.BROKEN, message=error.message, error=error)
        return is_new

    def retry_s(self) -> float:
        """Return the delay before the next attempt after a failure."""
        if isinstance(self.error, PortVanished) and self.failures == 1:
            return _RETRY_AFTER_RESET_S
        doublings = min(self.failures - 1, 10)
        return min(_RETRY_MAX_S, _RETRY_S * 2.0**doublings) * random.uniform(0.8, 1.2)

    @property
    def reason(self) -> str:
        """A stable code, the same as ``failed[].reason`` of ``identify``; "" without an error."""
        return getattr(self.error, "reason", "") or getattr(self.error, "code", "")

    @property
    def hint(self) -> str:
        return self.error.hint if self.error else ""

    def to_json(self) -> dict[str, object]:
        out: dict[str, object] = {
            "state": str(self.state),
            "since_s": round(time.monotonic() - self.since, 3),
        }
        if self.message:
            out["message"] = self.message
        if self.error:
            out |= {"reason": self.reason, "hint": self.hint, "failures": self.failures}
            if holder := self.error.to_json().get("holder"):
                out["holder"] = holder
        return out
