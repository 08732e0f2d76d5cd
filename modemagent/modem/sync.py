"""Synchronization between commands and responses: states and all transitions.

A late response must never be taken for the response to the next command. What may be out of step
is resynchronized (:meth:`modemagent.modem.at_client.AtClient.resync`), and everything read since
the last proof is read again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import Enum, auto

from modemagent.at.results import parse_final
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
    CAUTIOUS = auto()
    """An anomaly has occurred; every response used so far is proven."""
    DOUBTFUL = auto()
    """An anomaly has occurred; bare responses have been used since the last proof."""
    LOST = auto()
    """A response belongs to another command."""


class SyncEvent(Enum):
    """What one response, or the lack of one, says about synchronization."""

    PROOF = auto()
    """The value carries the prefix of its command."""
    BARE = auto()
    """OK, without prefix and without echo."""
    ANOMALY = auto()
    """Late or unexpected bytes, foreign lines, or a timeout."""
    ASTRAY = auto()
    """OK after the echo, but the lines are about something else."""
    MISMATCH = auto()
    """The same without an echo, or a final result that nothing waited for."""
    RESYNC = auto()
    """The input was drained and ``AT`` answered with a clean OK."""


_IN_SYNC, _UNPROVEN, _CAUTIOUS, _DOUBTFUL, _LOST = SyncState

TRANSITIONS: Mapping[SyncState, Mapping[SyncEvent, SyncState]] = {
    _IN_SYNC: {
        SyncEvent.PROOF: _IN_SYNC,
        SyncEvent.BARE: _UNPROVEN,
        SyncEvent.ANOMALY: _CAUTIOUS,
        SyncEvent.ASTRAY: _IN_SYNC,
        SyncEvent.MISMATCH: _LOST,
        SyncEvent.RESYNC: _IN_SYNC,
    },
    _UNPROVEN: {
        SyncEvent.PROOF: _IN_SYNC,
        SyncEvent.BARE: _UNPROVEN,
        SyncEvent.ANOMALY: _DOUBTFUL,
        SyncEvent.ASTRAY: _UNPROVEN,
        SyncEvent.MISMATCH: _LOST,
        SyncEvent.RESYNC: _UNPROVEN,
    },
    _CAUTIOUS: {
        SyncEvent.PROOF: _CAUTIOUS,
        SyncEvent.BARE: _DOUBTFUL,
        SyncEvent.ANOMALY: _CAUTIOUS,
        SyncEvent.ASTRAY: _LOST,
        SyncEvent.MISMATCH: _LOST,
        SyncEvent.RESYNC: _CAUTIOUS,
    },
    _DOUBTFUL: {
        SyncEvent.PROOF: _CAUTIOUS,
        SyncEvent.BARE: _DOUBTFUL,
        SyncEvent.ANOMALY: _DOUBTFUL,
        SyncEvent.ASTRAY: _LOST,
        SyncEvent.MISMATCH: _LOST,
        SyncEvent.RESYNC: _DOUBTFUL,
    },
    _LOST: dict.fromkeys(SyncEvent, _LOST) | {SyncEvent.RESYNC: _CAUTIOUS},
}


class Sync:
    """The synchronization of one port.

    :ivar state: the current state
    :ivar echoing: the port has echoed a command, so its responses can be attributed
    """

    def __init__(self) -> None:
        self.state = SyncState.IN_SYNC
        self.echoing = False

    @property
    def unproven(self) -> bool:
        """True if values have been used that no later response has proven."""
        return self.state in (_UNPROVEN, _DOUBTFUL, _LOST)

    @property
    def doubtful(self) -> bool:
        """True if an anomaly has occurred on this port."""
        return self.state in (_CAUTIOUS, _DOUBTFUL, _LOST)

    @property
    def needs_proof(self) -> bool:
        """True if the values used so far must be proven before they are reported."""
        return self.unproven and (self.doubtful or not self.echoing)

    def apply(self, event: SyncEvent) -> None:
        """Change the state by one event."""
        self.state = TRANSITIONS[self.state][event]

    def observe(self, response: Response, found: Interpretation) -> None:
        """Change the state by a response.

        :raises Desynchronized: the response belongs to another command
        """
        for event in self._events(response, found):
            self.apply(event)
            if self.state is SyncState.LOST:
                raise Desynchronized(response.line)

    def _events(self, response: Response, found: Interpretation) -> Iterator[SyncEvent]:
        if not self.echoing and any(map(_ends_a_command, response.strays)):
            # This is the real response to an earlier command, which got another one's instead.
            yield SyncEvent.MISMATCH
        if found.labelled and found.values:
            yield SyncEvent.PROOF
        elif response.ok and not response.echoed:
            yield SyncEvent.BARE
        if found.astray:
            yield SyncEvent.ASTRAY if response.echoed else SyncEvent.MISMATCH
        if response.timed_out or response.foreign:
            yield SyncEvent.ANOMALY


def _ends_a_command(line: str) -> bool:
    final = parse_final(line)
    return final is not None and final.kind != "call"
