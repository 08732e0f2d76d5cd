"""When a report was made: its place in time, from a gateway whose clock may be wrong.

The order inside a stream is ``(boot_count, uptime_ms, sequence)`` and nothing overrules it. To
compare streams, each report is dated in this way:

1. its own ``observed_at``, when the gateway knew its clock to follow a time source;
2. else, when any report of the same boot was so dated: that one's start of boot plus uptime;
3. else its ``observed_at``, when that is not impossible (before this software existed, or after
   the moment by which it must have been made);
4. else that latest possible moment.

A clock more than :data:`FUTURE_MS` ahead of the registry's is not believed. Within a stream the
dates never run backwards: a report is never dated before one that precedes it.

The dates are a function of the *set* of reports (and of when each first arrived), not of the
order of arrival, so that the history made from them is too.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

FUTURE_MS = 5 * 60 * 1000
EARLIEST_MS = 1_704_067_200_000  # 2024-01-01: a clock before it was never set

StreamOrder = tuple[int, int, int]


class ClockReading(msgspec.Struct, frozen=True):
    """What one report says about time.

    :param order: boot_count, uptime_ms, sequence
    :param observed_ms: the gateway's wall clock, milliseconds since 1970 UTC
    :param latest_ms: the moment by which the report must have been made, by the registry's clock:
        its arrival, less the time it is known to have waited
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


class StreamClock(msgspec.Struct):
    """What is known of a stream's time after its last report.

    :param boot_start_ms: start of the boot by its first trusted clock, None before there is one
    :param latest_start_ms: the latest moment at which the boot can have begun
    :param guessed: a report of this boot was dated without a trusted clock
    """

    tail: StreamOrder = (-1, -1, -1)
    last_ms: int = 0
    boot_start_ms: int | None = None
    latest_start_ms: int | None = None
    guessed: bool = False

    def must_rewind(self, tick: ClockReading) -> bool:
        """Return whether this report changes the dates of reports that came before it."""
        if tick.order < self.tail:
            return True
        same_boot = tick.boot == self.tail[0]
        return same_boot and self.guessed and tick.trusted and self.boot_start_ms is None

    def advance(self, tick: ClockReading) -> int:
        """Date the next report of the stream; milliseconds since 1970 UTC."""
        if tick.boot != self.tail[0]:
            self.boot_start_ms, self.latest_start_ms, self.guessed = None, None, False
        start_ms = tick.latest_ms - tick.uptime_ms
        if self.latest_start_ms is not None:
            start_ms = min(start_ms, self.latest_start_ms)
        self.latest_start_ms = start_ms
        self.last_ms = max(self._date(tick, latest_ms=start_ms + tick.uptime_ms), self.last_ms)
        self.tail = tick.order
        return self.last_ms

    def _date(self, tick: ClockReading, *, latest_ms: int) -> int:
        if tick.trusted:
            if self.boot_start_ms is None:
                self.boot_start_ms = tick.observed_ms - tick.uptime_ms
            return tick.observed_ms
        self.guessed = True
        if self.boot_start_ms is not None:
            return min(self.boot_start_ms + tick.uptime_ms, latest_ms + FUTURE_MS)
        if EARLIEST_MS <= tick.observed_ms <= latest_ms + FUTURE_MS:
            return tick.observed_ms
        return latest_ms


def date_stream(ticks: Sequence[ClockReading]) -> tuple[list[int], StreamClock]:
    """Date all reports of a stream, given in stream order; also its clock after the last."""
    starts: dict[int, int] = {}
    for tick in ticks:
        if tick.trusted:
            starts.setdefault(tick.boot, tick.observed_ms - tick.uptime_ms)
    clock = StreamClock()
    dates = []
    for tick in ticks:
        if tick.boot != clock.tail[0]:
            clock.boot_start_ms, clock.latest_start_ms, clock.guessed = None, None, False
            clock.tail = (tick.boot, -1, -1)
        clock.boot_start_ms = starts.get(tick.boot)
        dates.append(clock.advance(tick))
    return dates, clock
