"""Does the daemon get on? What must hold before it gives systemd its sign of life.

A watchdog that is fed by a timer says that a timer runs. This one is fed when the parts that do
the work have moved:

* the event loop, by its mere turning: the question is asked on it;
* the outbox, by answering how much waits in it. One that says what is wrong with it (full disk)
  has answered: starting again would not help, and would lose what is kept in memory;
* the courier: while reports wait and it is not resting until a moment it has named, something
  of it must change within :data:`COURIER_STUCK_S`;
* the ports: one that opens or identifies, or that should have looked at its modem again, and has
  made no step for :data:`PORT_STUCK_S`, is stuck, for all its steps have deadlines far below that.
  It is named and begun anew, and nothing changes for the others. Only when that has helped none
  of the ports that are there is nothing left that works.

All of it goes by the monotonic clock, which stands still while the machine sleeps. After a process
was stopped for long everything looks late at once; so a port is stuck when it is found late twice.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping
from typing import NamedTuple

from modemagent.errors import OutboxError
from modemagent.privacy.masking import mask_text
from modemagent.report.delivery.courier import Uplink
from modemagent.watching.lifecycle import PortState

PORT_STUCK_S = 300.0
COURIER_STUCK_S = 300.0

_NOT_THERE = (PortState.ABSENT, PortState.STOPPED)


class PortHealth(NamedTuple):
    """How it stands with one port.

    :param due: when it should have taken its next step, in monotonic seconds; None for any time
    """

    state: PortState
    due: float | None


class HealthReport(NamedTuple):
    """How it stands at one moment.

    :param obstacle: why nothing moves any more; "" while it does
    :param stuck: the ports that are stuck
    :param summary: one line for ``systemctl status``; holds no identifier
    """

    obstacle: str
    stuck: tuple[str, ...]
    summary: str


class HealthCheck:
    """Looks at the parts, and remembers of the courier what it last looked like.

    :param ports: how it stands with each port
    :param uplink: the courier's state, None when there is no courier
    :param waiting: number of reports that wait; may raise :class:`OutboxError`
    """

    def __init__(
        self,
        *,
        ports: Callable[[], Mapping[str, PortHealth]],
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
        self._late: dict[str, float] = {}
        self._stuck: frozenset[str] = frozenset()
        self._begun_anew: Counter[str] = Counter()

    def look(self) -> HealthReport:
        now = self._clock()
        there = {p: s for p, s in self._ports().items() if s.state not in _NOT_THERE}
        stuck, hopeless = self._judge(there, now)
        try:
            waiting: int | None = self._waiting()
        except OutboxError:
            waiting = None
        uplink = self._uplink()
        obstacle = ""
        if there and len(hopeless) == len(there):
            obstacle = f"no port has made a step for {PORT_STUCK_S:g} s"
        elif not self._courier_moves(uplink, waiting or 0, now):
            obstacle = f"reports wait and the courier has not moved for {COURIER_STUCK_S:g} s"
        return HealthReport(obstacle, stuck, _summary(there, stuck, waiting, uplink))

    def _judge(
        self, there: Mapping[str, PortHealth], now: float
    ) -> tuple[tuple[str, ...], frozenset[str]]:
        """Return the ports that are stuck, and those for which beginning anew did not help."""
        late = {
            port: standing.due
            for port, standing in there.items()
            if standing.due is not None and now - standing.due > PORT_STUCK_S
        }
        stuck = frozenset(port for port, due in late.items() if self._late.get(port) == due)
        well = {
            port
            for port, standing in there.items()
            if standing.state is PortState.WATCHING and (standing.due or now) >= now
        }
        still, self._stuck, self._late = stuck & self._stuck, stuck, late
        for port in self._begun_anew.keys() - (there.keys() - well):
            del self._begun_anew[port]
        self._begun_anew.update(stuck - still)
        in_vain = {port for port, count in self._begun_anew.items() if count > 1}
        return tuple(sorted(stuck)), still | in_vain

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
    there: Mapping[str, PortHealth],
    stuck: tuple[str, ...],
    waiting: int | None,
    uplink: Uplink | None,
) -> str:
    watched = sum(standing.state is PortState.WATCHING for standing in there.values())
    parts = [f"{watched} of {len(there)} ports watched"]
    if stuck:
        parts.append(f"stuck: {' '.join(map(mask_text, stuck))}")
    parts.append("outbox in trouble" if waiting is None else f"{waiting} reports waiting")
    parts.append(f"registry {uplink.state}" if uplink else "no registry set")
    return ", ".join(parts)
