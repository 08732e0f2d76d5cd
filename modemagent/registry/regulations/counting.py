"""Days that a modem was used in a country, and the day on which a rule takes effect.

Days are counted from 1970 in UTC. A day counts once, however many readings and gateways it has.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from typing import NamedTuple

from modemagent.registry.regulations.regulation import Regulation

_EPOCH = date(1970, 1, 1)
#: Least ratio, and most days before the due day, of what is shown and found.
NOTED_RATIO, NOTED_DAYS = 50, 62


class DayCount(NamedTuple):
    """How far a modem is from the limit of a rule.

    :param days: days used, or days since the first use
    :param first_day: first day that counts
    :param last_day: last day of use
    :param due_day: when the limit is reached if the modem stays, or was reached; None: it is not in
        the country
    """

    days: int
    limit_days: int
    first_day: int
    last_day: int
    due_day: int | None

    @property
    def ratio(self) -> int:
        """Part of the limit that is used up, in per cent, at most 100."""
        return min(100, self.days * 100 // self.limit_days) if self.limit_days else 100

    def is_noted(self, today: int) -> bool:
        """Return True if half of the limit is used up, or the due day is near."""
        near = self.due_day is not None and self.due_day - today <= NOTED_DAYS
        return near or self.ratio >= NOTED_RATIO


def count_days(
    rule: Regulation, days: Iterable[int], today: int, *, is_present: bool
) -> DayCount | None:
    """Return the count for a rule; None: no day counts now.

    :param days: all days of use that the rule is about, in any order
    :param is_present: the modem is in the country by its last reading
    """
    used = sorted({day for day in days if day <= today})
    if not used:
        return None
    if rule.window == "rolling":
        return _rolling(rule, used, today, is_present=is_present)
    if rule.window == "year":
        return _in_year(rule, used, today, is_present=is_present)
    if not is_present:
        return None
    first = used[0]
    due = first + rule.limit_days
    return DayCount(today - first, rule.limit_days, first, used[-1], due)


def _rolling(
    rule: Regulation, used: Sequence[int], today: int, *, is_present: bool
) -> DayCount | None:
    limit, window = rule.limit_days, rule.window_days
    reached = _first_reached(used, limit, window, today - window + 1)
    if reached is not None:  # stays reached for one window, wherever the modem is
        first = used[bisect_left(used, reached - window + 1)]
        return DayCount(limit, limit, first, used[-1], reached)
    begin = bisect_left(used, today - window + 1)
    count = len(used) - begin
    if not count:
        return None
    due = None
    if is_present:
        ahead = [*used, *range(max(used[-1] + 1, today), today + limit + 1)]
        due = _first_reached(ahead, limit, window, today)
    return DayCount(count, limit, used[begin], used[-1], due)


def _first_reached(used: Sequence[int], limit: int, window: int, since: int) -> int | None:
    """Return the first day from ``since`` on at whose end the window before it is full."""
    for at in range(max(bisect_left(used, since), limit - 1), len(used)):
        if used[at] - used[at - limit + 1] < window:
            return used[at]
    return None


def _in_year(
    rule: Regulation, used: Sequence[int], today: int, *, is_present: bool
) -> DayCount | None:
    year = date_of(today).year
    begin, end = (day_of(date(one, 1, 1)) for one in (year, year + 1))
    mine = used[bisect_left(used, begin) : bisect_right(used, end - 1)]
    limit = rule.limit_days
    if len(mine) >= limit:
        return DayCount(limit, limit, mine[0], mine[-1], mine[limit - 1])
    due = None
    if is_present:
        due = today + limit - len(mine) - (today not in mine)
        if due >= end:
            due = end + limit - 1  # counted from the next year on
    if not mine:
        return None
    return DayCount(len(mine), limit, mine[0], mine[-1], due)


def date_of(day: int) -> date:
    """Return the date of a day.

    >>> date_of(20788).isoformat(), day_of(date(2026, 12, 1))
    ('2026-12-01', 20788)
    """
    return _EPOCH + timedelta(days=day)


def day_of(at: date) -> int:
    """Return a date as the number of days since 1970."""
    return (at - _EPOCH).days


def runs(days: Iterable[int]) -> list[tuple[int, int]]:
    """Return the first and the last day of each run of consecutive days.

    >>> runs([5, 1, 2, 3])
    [(1, 3), (5, 5)]
    """
    found: list[tuple[int, int]] = []
    for day in sorted(set(days)):
        if found and found[-1][1] == day - 1:
            found[-1] = found[-1][0], day
        else:
            found.append((day, day))
    return found
