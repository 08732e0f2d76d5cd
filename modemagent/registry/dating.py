"""Dating of reports from gateways whose clock may be wrong.

The order in a stream is ``(boot_count, uptime_ms, sequence)``, and no clock overrules it. To
compare streams, each report gets a date by the first of these rules that applies:

1. its own ``observed_at`` if the clock of the gateway was synchronized;
2. if a report of the same boot was dated by rule 1: the start of the boot by that report, plus the
   uptime;
3. its ``observed_at`` unless that is impossible (before 2024, or after the latest possible time);
4. the latest possible time.

A clock more than :data:`FUTURE_MS` ahead of the registry's is not trusted. Dates in a stream never
run backwards: a report is never dated before the report that precedes it.

The dates depend on the *set* of reports and the time each was first received, not on the order of
arrival; neither does the history derived from them.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

FUTURE_MS = 5 * 60 * 1000
EARLIEST_MS = 1_704_067_200_000  # 2024-01-01: an earlier clock was never set

StreamOrder = tuple[int, int, int]


class ClockReading(msgspec.Struct, frozen=True):
    """The clocks of one report.

    :param order: boot_count, uptime_ms, sequence
    :param observed_ms: wall clock of the gateway, milliseconds since 1970 UTC
    :param latest_ms: latest time at which the report can have been made, by the registry's clock:
        the time of receipt minus the time it is known to have waited in the outbox
    """

    order: StreamOrder
    observed_ms: int
    latest_ms: int
    synchronized: bool

    @property
    def boot(self) -> int:
        return self.order[0]

    @property
    def uptime_ms(self) -> int:
        return self.order[1]

    @property
    def trusted(self) -> bool:
        return self.synchronized and EARLIEST_MS <= self.observed_ms <= self.latest_ms + FUTURE_MS


class StreamClock(msgspec.Struct, rename={"last_order": "tail"}):
    """State of the dating of a stream after its last report.

    :param boot_start_ms: start of the boot by its first trusted clock; None until there is one
    :param latest_start_ms: latest time at which the boot can have started
    :param guessed: a report of this boot was dated without a trusted clock
    """

    last_order: StreamOrder = (-1, -1, -1)
    last_ms: int = 0
    boot_start_ms: int | None = None
    latest_start_ms: int | None = None
    guessed: bool = False

    def must_rewind(self, reading: ClockReading) -> bool:
        """Return True if this report changes the dates of reports received earlier."""
        if reading.order < self.last_order:
            return True
        same_boot = reading.boot == self.last_order[0]
        return same_boot and self.guessed and reading.trusted and self.boot_start_ms is None

    def enter(self, boot: int) -> None:
        """Begin a boot, unless the last report was of the same boot."""
        if boot != self.last_order[0]:
            self.boot_start_ms, self.latest_start_ms, self.guessed = None, None, False
            self.last_order = (boot, -1, -1)

    def advance(self, reading: ClockReading) -> int:
        """Return the date of the next report of the stream in milliseconds since 1970 UTC."""
        self.enter(reading.boot)
        start_ms = reading.latest_ms - reading.uptime_ms
        if self.latest_start_ms is not None:
            start_ms = min(start_ms, self.latest_start_ms)
        self.latest_start_ms = start_ms
        self.last_ms = max(
            self._date(reading, latest_ms=start_ms + reading.uptime_ms), self.last_ms
        )
        self.last_order = reading.order
        return self.last_ms

    def _date(self, reading: ClockReading, *, latest_ms: int) -> int:
        if reading.trusted:
            if self.boot_start_ms is None:
                self.boot_start_ms = reading.observed_ms - reading.uptime_ms
            return reading.observed_ms
        self.guessed = True
        if self.boot_start_ms is not None:
            return min(self.boot_start_ms + reading.uptime_ms, latest_ms + FUTURE_MS)
        if EARLIEST_MS <= reading.observed_ms <= latest_ms + FUTURE_MS:
            return reading.observed_ms
        return latest_ms


def date_stream(readings: Sequence[ClockReading]) -> tuple[list[int], StreamClock]:
    """Return the dates of all reports of a stream, given in order, and its clock after the last."""
    starts: dict[int, int] = {}
    for reading in readings:
        if reading.trusted:
            starts.setdefault(reading.boot, reading.observed_ms - reading.uptime_ms)
    clock = StreamClock()
    dates = []
    for reading in readings:
        clock.enter(reading.boot)
        clock.boot_start_ms = starts.get(reading.boot)
        dates.append(clock.advance(reading))
    return dates, clock
