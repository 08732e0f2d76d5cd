"""A strip of days: on which of the last days was a modem read?"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

DAYS = 90
_EPOCH = date(1970, 1, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class DayCell:
    """Days in a row that are alike; the strip is 90 units wide."""

    x: int
    width: int
    is_heard: bool
    title: str


@dataclass(frozen=True, slots=True)
class PresenceStrip:
    """The strip, and the same as words."""

    cells: list[DayCell]
    text: str


def strip_of(days: set[int], now: datetime) -> PresenceStrip:
    """Return the strip of days, which are counted from 1970.

    >>> strip_of({20_789, 20_788}, datetime(2026, 12, 2)).text
    'Read on 2 of the last 90 days, last on 2 Dec 2026'
    """
    today = (now.date() - _EPOCH).days
    first = today - DAYS + 1
    cells: list[DayCell] = []
    for at in range(DAYS):
        is_heard = first + at in days
        begin = at
        if cells and cells[-1].is_heard == is_heard:
            begin = cells.pop().x
        span = day_text(first + begin) + (f" to {day_text(first + at)}" if at > begin else "")
        title = f"{span}: {'read' if is_heard else 'not read'}"
        cells.append(DayCell(x=begin, width=at - begin + 1, is_heard=is_heard, title=title))
    count = sum(first <= one <= today for one in days)
    last = f", last on {day_text(max(days))}" if days else ""
    return PresenceStrip(cells, f"Read on {count} of the last {DAYS} days{last}")


def day_text(day: int) -> str:
    """Return a day, counted from 1970, as shown."""
    at = _EPOCH + timedelta(days=day)
    return f"{at.day} {at:%b %Y}"
