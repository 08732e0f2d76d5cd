"""What a watched port can be in, and which change of state is possible.

Broken is a state with a reason that people are shown, not a retry in silence.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

from modemagent.errors import ModemAgentError, PortError


class PortState(StrEnum):
    """Where a watched port stands."""

    ABSENT = "absent"
    OPENING = "opening"
    IDENTIFYING = "identifying"
    WATCHING = "watching"
    STANDBY = "standby"
    BROKEN = "broken"
    STOPPED = "stopped"


_S = PortState
#: Broken and absent are reached from everywhere: whatever happens has to be shown.
TRANSITIONS: dict[PortState, frozenset[PortState]] = {
    _S.ABSENT: frozenset({_S.OPENING, _S.BROKEN, _S.STOPPED}),
    _S.OPENING: frozenset({_S.IDENTIFYING, _S.STANDBY, _S.BROKEN, _S.ABSENT, _S.STOPPED}),
    # back to opening: another way to the modem, for ModemManager has come or gone
    _S.IDENTIFYING: frozenset(
        {_S.WATCHING, _S.OPENING, _S.STANDBY, _S.BROKEN, _S.ABSENT, _S.STOPPED}
    ),
    _S.WATCHING: frozenset({_S.OPENING, _S.BROKEN, _S.ABSENT, _S.STOPPED}),
    _S.STANDBY: frozenset({_S.OPENING, _S.BROKEN, _S.ABSENT, _S.STOPPED}),
    _S.BROKEN: frozenset({_S.OPENING, _S.ABSENT, _S.STOPPED}),
    _S.STOPPED: frozenset(),
}


@dataclass(slots=True)
class PortCondition:
    """The state of one port, why it is in it, and since when.

    :param reason: a stable word, as ``failed[].reason`` of ``identify``; "" when well
    :param since: ``time.monotonic`` seconds
    :param changed: called after each change of state
    """

    state: PortState = PortState.ABSENT
    reason: str = ""
    message: str = ""
    hint: str = ""
    holder: dict[str, object] | None = None
    failures: int = 0
    since: float = field(default_factory=time.monotonic)
    changed: Callable[[], None] | None = None

    def enter(self, state: PortState, *, message: str = "") -> None:
        """Go to another state, leaving the reason of the old one behind."""
        self._enter(state, message)
        if self.changed:
            self.changed()

    def _enter(self, state: PortState, message: str) -> None:
        if state is not self.state:
            if state not in TRANSITIONS[self.state]:
                raise ValueError(f"a port does not go from {self.state} to {state}")
            self.since = time.monotonic()
        self.state = state
        self.reason = self.hint = ""
        self.message = message
        self.holder = None
        if state is PortState.WATCHING:
            self.failures = 0

    def mark_broken(self, error: ModemAgentError) -> bool:
        """Go to BROKEN with the error as its reason; tell whether that reason is news."""
        reason = error.reason if isinstance(error, PortError) else error.code
        news = self.failures == 0 or error.message != self._told
        self._enter(PortState.BROKEN, error.message)
        self.reason, self.hint = reason, error.hint
        holder = error.to_json().get("holder")
        self.holder = holder if isinstance(holder, dict) else None
        self.failures += 1
        self._told = error.message
        if self.changed:
            self.changed()
        return news

    _told: str = ""

    def to_json(self) -> dict[str, object]:
        out: dict[str, object] = {
            "state": str(self.state),
            "since_s": round(time.monotonic() - self.since, 3),
        }
        if self.message:
            out["message"] = self.message
        if self.reason:
            out |= {"reason": self.reason, "hint": self.hint, "failures": self.failures}
        if self.holder:
            out["holder"] = self.holder
        return out
