"""Does the daemon get on? What must hold before it gives systemd its sign of life.

A watchdog that is fed by a timer says that a timer runs. This one is fed when the parts that do
the work have moved:

* the event loop, by its mere turning: the question is asked on it;
* the outbox, by answering how much waits in it. One that says what is wrong with it (full disk)
  has answered: starting again would not help, and would lose what is kept in memory;
* the courier: while reports wait and it is not resting until a moment it has named, something
  of it must change within :data:`COURIER_STUCK_S`;
* the ports: a port that opens or identifies for longer than :data:`PORT_STUCK_S` is stuck, for all
  its steps have deadlines far below that. One stuck port is named and changes nothing for the
  others; only when every port that is there is stuck is nothing left that works.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import NamedTuple

from modemagent.agent.lifecycle import Condition, PortState
from modemagent.errors import OutboxError
from modemagent.report.courier import Uplink

PORT_STUCK_S = 300.0
COURIER_STUCK_S = 300.0

_BUSY = (PortState.OPENING, PortState.IDENTIFYING)
_NOT_THERE = (PortState.ABSENT, PortState.STOPPED)


class Look(NamedTuple):
    """How it stands at one moment.

    :param obstacle: why nothing moves any more; "" while it does
    :param stuck: the ports that are stuck
    :param summary: one line for ``systemctl status``; holds no identifier
    """

    obstacle: str
    stuck: tuple[str, ...]
    summary: str


class Progress:
    """Looks at the parts, and remembers of the courier what it last looked like.

    :param ports: the condition of each port that is watched
    :param uplink: the courier's state, None when there is no courier
    :param waiting: number of reports that wait; may raise :class:`OutboxError`
    """

    def __init__(
        self,
        *,
        ports: Callable[[], Mapping[str, Condition]],
        uplink: Callable[[], Uplink | None],
        waiting: Callable[[], int],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ports = ports
        self._uplink = uplink
        self._waiting = waiting
        self._clock = clock
        self._courier_was: tuple[object, ...] = ()
        self._courier_moved = clock()

    def look(self) -> Look:
        now = self._clock()
        there = {p: c for p, c in self._ports().items() if c.state not in _NOT_THERE}
        stuck = tuple(
            port
            for port, condition in sorted(there.items())
            if condition.state in _BUSY and now - condition.since > PORT_STUCK_S
        )
        try:
            waiting: int | None = self._waiting()
        except OutboxError:
            waiting = None
        uplink = self._uplink()
        obstacle = ""
        if there and len(stuck) == len(there):
            obstacle = f"every port has been stuck for {PORT_STUCK_S:g} s"
        elif not self._courier_moves(uplink, waiting or 0, now):
            obstacle = f"reports wait and the courier has not moved for {COURIER_STUCK_S:g} s"
        return Look(obstacle, stuck, _summary(there, stuck, waiting, uplink))

    def _courier_moves(self, uplink: Uplink | None, waiting: int, now: float) -> bool:
        if uplink is None:
            return True
        looks = (uplink.state, uplink.delivered, uplink.attempts)
        resting = uplink.next_attempt is not None and now < uplink.next_attempt
        if not waiting or resting or looks != self._courier_was:
            self._courier_was = looks
            self._courier_moved = now
        return now - self._courier_moved <= COURIER_STUCK_S


def _summary(
    there: Mapping[str, Condition],
    stuck: tuple[str, ...],
    waiting: int | None,
    uplink: Uplink | None,
) -> str:
    watched = sum(condition.state is PortState.WATCHING for condition in there.values())
    parts = [f"{watched} of {len(there)} ports watched"]
    if stuck:
        parts.append(f"stuck: {' '.join(stuck)}")
    parts.append("outbox in trouble" if waiting is None else f"{waiting} reports waiting")
    parts.append(f"registry {uplink.state}" if uplink else "no registry set")
    return ", ".join(parts)
