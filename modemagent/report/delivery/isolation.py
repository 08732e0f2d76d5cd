"""Which reports to offer while a registry refuses a batch as a whole.

One report it can not read spoils a batch. The batch is halved until that report is alone; it is
set aside and the others go on. But a registry that refuses everything is at fault itself, and
would have the whole backlog set aside, report by report. So after some in a row, with none taken
in between, nothing more is set aside: each attempt, now with a wait before it, offers a single
report, and another one each time. Once one of them is taken the registry reads again, and what it
still refuses is bad.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum, auto

from modemagent.report.outbox.records import QueuedReport

#: So many reports in a row are set aside on the word of a registry that takes none.
BELIEVED_IN_A_ROW = 3


class Next(Enum):
    """What to do after a refusal."""

    OFFER_LESS = auto()
    SET_ASIDE = auto()
    REST = auto()


class RejectionIsolator:
    """Remembers what was refused since a report was last taken.

    :param most: the largest batch

    >>> narrowing, waiting = RejectionIsolator(4), [Stored(n, f"id{n}", b"") for n in range(4)]
    >>> batch = narrowing.batch(lambda limit: waiting[:limit])
    >>> len(batch), narrowing.refused(batch)
    (4, <Next.OFFER_LESS: 1>)
    >>> len(narrowing.batch(lambda limit: waiting[:limit]))
    2
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self.begin_anew()

    def begin_anew(self) -> None:
        """Forget everything, as for another registry."""
        self._limit = self._most
        self._set_aside = 0
        self._step_over = 0

    def batch(self, oldest: Callable[[int], list[QueuedReport]]) -> list[QueuedReport]:
        """Return what to offer next; ``oldest`` gives so many of the oldest reports."""
        if not self._step_over:
            return oldest(self._limit)
        reports = oldest(self._step_over + 1)
        if len(reports) <= self._step_over:
            self._step_over = 0
        return reports[self._step_over : self._step_over + 1]

    def taken(self) -> None:
        """Say that the registry has answered for a batch."""
        self._limit = min(self._most, self._limit * 2)
        self._set_aside = 0
        self._step_over = 0

    def refused(self, batch: list[QueuedReport]) -> Next:
        """Say that it would not have this batch."""
        if len(batch) > 1:
            self._limit = len(batch) // 2
            return Next.OFFER_LESS
        if self._set_aside < BELIEVED_IN_A_ROW:
            self._set_aside += 1
            self._limit = self._most
            return Next.SET_ASIDE
        self._limit = 1
        self._step_over = (self._step_over + 1) % self._most
        return Next.REST
