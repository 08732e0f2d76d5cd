"""Drops: how often each modem has lost its connection, or restarted, within ten minutes.

A modem whose supply voltage breaks down when it transmits is not removed: it disappears from the
bus and returns, or restarts on its UART, again and again. Each of these is a drop. Many of them are
a fault of power supply, cable or hub, and must not fill the outbox with reports.
"""

import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from modemagent.logs import Log
from modemagent.modem.start_up import is_start_up_urc
from modemagent.report.message import PortPlace
from modemagent.watching.places import baseline_key

#: Time over which drops are counted.
WINDOW_S: Final = 600.0
#: Number of drops within that time from which on they are a fault.
MANY: Final = 3
ADVICE: Final = "check power supply and cable"
#: Most drops that are counted; a UART without a modem can receive anything.
_MOST_COUNTED = 1000
#: Longest time after a drop in which the modem sends the start-up URCs that belong to it.
_STARTS_WITHIN_S = 30.0
#: Reports caused by drops of one modem within the window, from which on further ones have to wait.
_MANY_REPORTS = 5
#: Time since the last drop until such a report is due; it doubles with each report.
_CALM_S = 30.0


class Drops(NamedTuple):
    """The drops of one modem within the last ten minutes.

    :param within_s: time between the first and the last of them
    """

    place: PortPlace
    total: int
    within_s: float

    @property
    def fault(self) -> str:
        """What a technician has to know; "" as long as the drops are few."""
        if self.total < MANY:
            return ""
        return f"{self.total} drops in {max(1, round(self.within_s))} s: {ADVICE}"

    def to_json(self) -> dict[str, object]:
        return {
            "port": self.place.path,
            "port_id": self.place.id,
            "drops": self.total,
            "within_s": round(self.within_s, 1),
            "message": self.fault or None,
        }


@dataclass(slots=True)
class _History:
    """What happened to one modem within the last ten minutes.

    :param reports: times of the reports that drops have caused
    :param start: start-up URCs since the last drop
    :param peak: the most drops within any ten minutes since the last heartbeat
    """

    place: PortPlace
    drops: deque[float] = field(default_factory=lambda: deque(maxlen=_MOST_COUNTED))
    reports: deque[float] = field(default_factory=deque)
    start: set[str] = field(default_factory=set)
    peak: int = 0
    is_logged: bool = False

    def forget(self, before: float) -> None:
        for times in (self.drops, self.reports):
            while times and times[0] < before:
                times.popleft()
        self.is_logged = self.is_logged and bool(self.drops)

    def to_drops(self) -> Drops:
        within_s = self.drops[-1] - self.drops[0] if self.drops else 0.0
        return Drops(self.place, len(self.drops), within_s)


class DropCounter:
    """Counts the drops of each modem; a modem is recognized by its USB socket, else its path."""

    def __init__(self, log: Log, clock: Callable[[], float] = time.monotonic) -> None:
        self._log = log
        self._clock = clock
        self._histories: dict[str, _History] = {}

    def lost(self, place: PortPlace) -> None:
        """Count a modem that has disappeared."""
        self._count(place, set())

    def received(self, place: PortPlace, line: str) -> None:
        """Count a restart if this line of a watched modem shows one.

        Several lines follow a start, and those of a modem that has returned belong to a drop that
        is counted already: only a repeated line, or one long after a drop, shows a restart.
        """
        # +CFUN: 1 also follows a change of the functionality level
        if not is_start_up_urc(line) or line.startswith("+CFUN"):
            return
        history = self._history(place)
        last = history.drops[-1] if history.drops else float("-inf")
        if line in history.start or self._clock() - last > _STARTS_WITHIN_S:
            self._count(place, {line})
        else:
            history.start.add(line)

    def reported(self, place: PortPlace) -> None:
        """Note a report that would not have been made without a drop."""
        self._history(place).reports.append(self._clock())

    def may_report(self, place: PortPlace) -> bool:
        """Return False while a report that a drop causes has to wait for the end of the drops.

        If the modem returns before, there is nothing to report, as after a reset.
        """
        history = self._history(place)
        excess = len(history.reports) - _MANY_REPORTS
        if excess < 0 or not history.drops:
            return True
        return self._clock() - history.drops[-1] >= _CALM_S * (1 << excess)

    def of(self, place: PortPlace) -> Drops:
        """Return the drops of one modem."""
        return self._history(place).to_drops()

    def all(self) -> Iterator[Drops]:
        """Yield the drops of each modem that has had some."""
        self._forget()
        for _, history in sorted(self._histories.items()):
            if history.drops:
                yield history.to_drops()

    def take_peaks(self) -> dict[str, tuple[PortPlace, int]]:
        """Return the most drops within ten minutes since the last call, by key of the modem."""
        self._forget()
        peaks = {key: (each.place, each.peak) for key, each in self._histories.items() if each.peak}
        for history in self._histories.values():
            history.peak = 0
        return peaks

    def _count(self, place: PortPlace, start: set[str]) -> None:
        history = self._history(place)
        history.start = start
        history.drops.append(self._clock())
        history.peak = max(history.peak, len(history.drops))
        drops = history.to_drops()
        if drops.fault and not history.is_logged:
            history.is_logged = True
            self._log.warning(
                "modem_drops",
                port=place.path,
                drops=drops.total,
                within_s=round(drops.within_s, 1),
                hint="Check power supply, cable and USB hub.",
            )

    def _history(self, place: PortPlace) -> _History:
        history = self._histories.setdefault(baseline_key(place), _History(place))
        history.place = place
        history.forget(self._clock() - WINDOW_S)
        return history

    def _forget(self) -> None:
        for key, history in list(self._histories.items()):
            history.forget(self._clock() - WINDOW_S)
            if not (history.drops or history.reports or history.peak):
                del self._histories[key]
