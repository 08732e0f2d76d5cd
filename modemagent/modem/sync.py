"""Synchronization between commands and responses: states and all transitions.

A late response must never be taken for the response to the next command. When commands and
responses may be out of step, the port is resynchronized
(:meth:`.conversation.Conversation.resync`), and everything read since the last proof is read again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import Enum, auto

from modemagent.at.results import ends_a_command
from modemagent.at.steps import Response
from modemagent.modem.interpret import Interpretation


class Desynchronized(Exception):
    """A response belongs to another command; everything read since the last proof is void."""


class SyncState(Enum):
    """The relation between the commands sent and the responses received."""

    IN_SYNC = auto()
    """Every response used so far is proven to belong to its command."""
    UNPROVEN = auto()
    """Bare responses have been used since the last proof."""
    PROVEN_AFTER_ANOMALY = auto()
    """An anomaly has occurred; every response used so far is proven."""
    DOUBTFUL = auto()
    """An anomaly has occurred; bare responses have been used since the last proof."""
    LOST = auto()
    """A response belongs to another command."""


class SyncEvent(Enum):
    """What one response, or the lack of one, says about synchronization."""

    PROOF = 0
    """The value carries the prefix of its command."""
    BARE = 1
    """OK, without prefix and without echo."""
    ANOMALY = 2
    """Late or unexpected bytes, unrelated lines, or a timeout."""
    OFF_TOPIC = 3
    """OK after the echo, but the lines are unrelated to the command."""
    MISMATCH = 4
    """Such unrelated lines without an echo, or a final result that no command was waiting for."""
    RESYNC = 5
    """The input was drained and ``AT`` answered with a clean OK."""


_SYNC, _UNPROVEN, _PROVEN, _DOUBTFUL, _LOST = SyncState

#: State to the next state at each event, in the order of the events.
TRANSITIONS: Mapping[SyncState, tuple[SyncState, ...]] = {
    # PROOF, BARE, ANOMALY, OFF_TOPIC, MISMATCH, RESYNC
    _SYNC: (_SYNC, _UNPROVEN, _PROVEN, _SYNC, _LOST, _SYNC),
    _UNPROVEN: (_SYNC, _UNPROVEN, _DOUBTFUL, _UNPROVEN, _LOST, _UNPROVEN),
    _PROVEN: (_PROVEN, _DOUBTFUL, _PROVEN, _LOST, _LOST, _PROVEN),
    _DOUBTFUL: (_PROVEN, _DOUBTFUL, _DOUBTFUL, _LOST, _LOST, _DOUBTFUL),
    _LOST: (_LOST, _LOST, _LOST, _LOST, _LOST, _PROVEN),
}


class SyncTracker:
    """The synchronization of one port.

    :ivar state: the current state
    :ivar echoing: the port has echoed a command, so responses can be attributed to commands
    """

    def __init__(self) -> None:
        self.state = SyncState.IN_SYNC
        self.echoing = False

    @property
    def has_unproven_values(self) -> bool:
        """True if values have been used that no later response has proven."""
        return self.state in (_UNPROVEN, _DOUBTFUL, _LOST)

    @property
    def had_anomaly(self) -> bool:
        """True if an anomaly has occurred on this port."""
        return self.state in (_PROVEN, _DOUBTFUL, _LOST)

    @property
    def needs_proof(self) -> bool:
        """True if the values used so far must be proven before they are reported."""
        return self.has_unproven_values and (self.had_anomaly or not self.echoing)

    def apply(self, event: SyncEvent) -> None:
        """Apply one event."""
        self.state = TRANSITIONS[self.state][event.value]

    def is_lost_after(self, response: Response, found: Interpretation) -> bool:
        """Return True if a response seems to belong to another command."""
        return self._state_after(response, found) is SyncState.LOST

    def observe(self, response: Response, found: Interpretation) -> None:
        """Apply the events that a response implies.

        :raises Desynchronized: the response belongs to another command
        """
        self.state = self._state_after(response, found)
        if self.state is SyncState.LOST:
            raise Desynchronized(response.line)

    def _state_after(self, response: Response, found: Interpretation) -> SyncState:
        state = self.state
        for event in self._events(response, found):
            state = TRANSITIONS[state][event.value]
        return state

    def _events(self, response: Response, found: Interpretation) -> Iterator[SyncEvent]:
        if not self.echoing and any(map(ends_a_command, response.strays)):
            # The late response to an earlier command, which was given another command's response.
            yield SyncEvent.MISMATCH
        if found.labelled and found.values:
            yield SyncEvent.PROOF
        elif response.ok and not response.echoed:
            yield SyncEvent.BARE
        if found.astray:
            yield SyncEvent.OFF_TOPIC if response.echoed else SyncEvent.MISMATCH
        if response.timed_out or response.foreign:
            yield SyncEvent.ANOMALY
