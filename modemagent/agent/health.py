"""Health checks that must pass before the systemd watchdog is fed.

A watchdog that is fed by a timer shows only that a timer runs. This one is fed when the parts that
do the work have made progress:

* the event loop: the checks run on it;
* the outbox: it has returned the number of queued reports. An outbox with an error (full disk)
  counts as responding, because a restart would not help and would lose the reports in memory;
* the courier: while reports wait and its next attempt is not scheduled for later, its state must
  change within :data:`COURIER_STUCK_S`;
* the ports: one that is overdue by :data:`PORT_STUCK_S` is stuck, because each of its steps has a
  much shorter deadline. Its session is restarted, and the other ports are not affected. Only if
  restarts have helped none of the ports does the check fail.

All times come from the monotonic clock, which stands still while the machine sleeps. After the
process was stopped for a long time everything appears overdue at once; a port is therefore stuck
only when two checks in a row find it overdue.
"""

import time
from collections import Counter
from collections.abc import Callable, Mapping
from typing import NamedTuple

from modemagent.errors import OutboxError
from modemagent.privacy.masking import mask_text
from modemagent.report.delivery.courier import Uplink
from modemagent.watching.port_state import PortState

PORT_STUCK_S = 300.0
COURIER_STUCK_S = 300.0

_NOT_PRESENT = (PortState.ABSENT, PortState.STOPPED)


class PortHealth(NamedTuple):
    """State of one port.

    :param due: latest time of its next step in monotonic seconds; None without a limit
    """

    state: PortState
    due: float | None


class HealthReport(NamedTuple):
    """Result of one check.

    :param error: why the daemon makes no progress; "" if it does
    :param stuck: ports that are stuck
    :param summary: one line for ``systemctl status``, without identifiers
    """

    error: str
    stuck: tuple[str, ...]
    summary: str


class HealthCheck:
    """Compares the state of the daemon's parts with their state at earlier checks.

    :param ports: returns the state of each port
    :param uplink: returns the state of the courier, None without a courier
    :param waiting: returns the number of queued reports; may raise :class:`OutboxError`
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
        self._courier_state: tuple[object, ...] = ()
        self._courier_moved = clock()
        self._overdue: dict[str, float] = {}
        self._stuck: frozenset[str] = frozenset()
        self._restarts: Counter[str] = Counter()

    def check(self) -> HealthReport:
        now = self._clock()
        present = {p: s for p, s in self._ports().items() if s.state not in _NOT_PRESENT}
        stuck, hopeless = self._check_ports(present, now)
        try:
            waiting: int | None = self._waiting()
        except OutboxError:
            waiting = None
        uplink = self._uplink()
        error = ""
        if present and len(hopeless) == len(present):
            error = f"no port has made progress for {PORT_STUCK_S:g} s"
        elif not self._courier_moves(uplink, waiting or 0, now):
            error = f"reports wait and the courier has not moved for {COURIER_STUCK_S:g} s"
        return HealthReport(error, stuck, _summary(present, stuck, waiting, uplink))

    def _check_ports(
        self, present: Mapping[str, PortHealth], now: float
    ) -> tuple[tuple[str, ...], frozenset[str]]:
        """Return the ports that are stuck, and those for which a restart has not helped."""
        overdue = {
            port: health.due
            for port, health in present.items()
            if health.due is not None and now - health.due > PORT_STUCK_S
        }
        stuck = frozenset(port for port, due in overdue.items() if self._overdue.get(port) == due)
        working = {
            port
            for port, health in present.items()
            if health.state is PortState.WATCHING and (health.due or now) >= now
        }
        still, self._stuck, self._overdue = stuck & self._stuck, stuck, overdue
        for port in self._restarts.keys() - (present.keys() - working):
            del self._restarts[port]
        self._restarts.update(stuck - still)
        in_vain = {port for port, count in self._restarts.items() if count > 1}
        return tuple(sorted(stuck)), still | in_vain

    def _courier_moves(self, uplink: Uplink | None, waiting: int, now: float) -> bool:
        if uplink is None:
            return True
        state = (uplink.state, uplink.delivered, uplink.attempts)
        is_scheduled = uplink.next_attempt is not None and now < uplink.next_attempt
        if not waiting or is_scheduled or state != self._courier_state:
            self._courier_state = state
            self._courier_moved = now
        return now - self._courier_moved <= COURIER_STUCK_S


def _summary(
    present: Mapping[str, PortHealth],
    stuck: tuple[str, ...],
    waiting: int | None,
    uplink: Uplink | None,
) -> str:
    watched = sum(health.state is PortState.WATCHING for health in present.values())
    parts = [f"{watched} of {len(present)} ports watched"]
    if stuck:
        parts.append(f"stuck: {' '.join(map(mask_text, stuck))}")
    parts.append("outbox error" if waiting is None else f"{waiting} reports waiting")
    parts.append(f"registry {uplink.state}" if uplink else "no registry set")
    return ", ".join(parts)
