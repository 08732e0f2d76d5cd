"""Unsolicited floods: NMEA sentences, binary frames, URCs, and a line that never ends."""

from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import cycle

from modemagent.simulator.faults import Faults
from modemagent.simulator.script import Script
from modemagent.simulator.transmit_queue import TransmitQueue

_NMEA = (
    b"$GPGGA,092725.00,4717.11399,N,00833.91590,E,1,08,1.01,499.6,M,48.0,M,,*5B\r\n",
    b"$GPRMC,,V,,,,,,,,,,N*53\r\n",
    b"$GPGSV,1,1,00*79\r\n",
    b"$GPVTG,,T,,M,,N,,K,N*2C\r\n",
)
_URCS = (b"\r\n+CREG: 1\r\n", b"\r\n+CSQ: 17,99\r\n", b"\r\n+CGREG: 2\r\n")
_ENDLESS = b"A" * 1024
_ENDLESS_STEP_S = 0.005


def _binary() -> Iterator[bytes]:
    while True:  # frames that end in 0x7E, as those of a diagnostic port
        yield bytes(random.randrange(256) for _ in range(48)) + b"\x7e"


class Floods:
    """The floods of one modem, each with its source of bytes and its interval."""

    def __init__(self, faults: Faults, script: Script) -> None:
        self._faults = faults
        self._script = script
        self._running: dict[str, tuple[float, float, Iterator[bytes]]] = {}

    def start(self, now: float) -> None:
        """Start the floods among the faults, and end all others."""
        urcs = tuple(urc.wire() for urc in self._script.urcs) or _URCS
        sources: dict[str, Iterator[bytes]] = {
            "nmea": cycle(_NMEA),
            "nmea-mixed": cycle(_NMEA),
            "binary": _binary(),
            "urc-flood": cycle(urcs),
        }
        self._running = {
            name: (now, max(0.0005, self._faults.number(name) / 1000), source)
            for name, source in sources.items()
            if name in self._faults
        }

    def start_endless_line(self, at: float) -> None:
        self._running.setdefault("endless", (at, _ENDLESS_STEP_S, cycle((_ENDLESS,))))

    def queue_due(self, queue: TransmitQueue, now: float) -> None:
        """Queue the bytes due by now; intervals missed while the process slept are skipped."""
        for name, (due, step, source) in self._running.items():
            if due <= now:
                queue.send(next(source), now)
                self._running[name] = (max(due + step, now), step, source)

    @property
    def wake_at(self) -> float | None:
        return min((due for due, _, _ in self._running.values()), default=None)
