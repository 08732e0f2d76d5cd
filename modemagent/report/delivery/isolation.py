"""Isolation of the report because of which a registry refuses a whole batch.

The batch is halved until that report is alone; it becomes a dead letter and the others go on. But
a registry that refuses everything is itself at fault, and would turn the whole backlog into dead
letters. So after a few in a row, with none accepted in between, no further dead letter is made:
each attempt, after the usual wait, offers a single report, another one each time. Once one of them
is accepted, the registry works again, and what it still refuses is bad.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import Enum, auto
from typing import TypeVar

T = TypeVar("T")
#: Reports in a row that become dead letters while the registry accepts none.
MAX_DEAD_LETTERS_IN_A_ROW = 3


class NextStep(Enum):
    """What follows a refusal."""

    OFFER_LESS = auto()
    DEAD_LETTER = auto()
    WAIT = auto()


class RejectionIsolator:
    """Batch sizes since a report was last accepted.

    :param max_batch: the largest batch

    >>> queue = [object() for _ in range(4)]
    >>> isolator = RejectionIsolator(4)
    >>> batch = isolator.batch(lambda limit: queue[:limit])
    >>> len(batch), isolator.refused(batch)
    (4, <NextStep.OFFER_LESS: 1>)
    >>> len(isolator.batch(lambda limit: queue[:limit]))
    2
    """

    def __init__(self, max_batch: int) -> None:
        self._max_batch = max_batch
        self._limit = max_batch
        self._dead_letters = 0
        self._skip = 0

    def batch(self, oldest: Callable[[int], list[T]]) -> list[T]:
        """Return the reports to offer; ``oldest`` returns up to a number of the oldest ones."""
        if not self._skip:
            return oldest(self._limit)
        reports = oldest(self._skip + 1)
        if len(reports) <= self._skip:
            self._skip = 0
        return reports[self._skip : self._skip + 1]

    def accepted(self) -> None:
        """Note that the registry processed a batch."""
        self._limit = min(self._max_batch, self._limit * 2)
        self._dead_letters = 0
        self._skip = 0

    def refused(self, batch: Sequence[object]) -> NextStep:
        """Note that the registry refused a batch."""
        if len(batch) > 1:
            self._limit = len(batch) // 2
            return NextStep.OFFER_LESS
        if self._dead_letters < MAX_DEAD_LETTERS_IN_A_ROW:
            self._dead_letters += 1
            self._limit = self._max_batch
            return NextStep.DEAD_LETTER
        self._limit = 1
        self._skip = (self._skip + 1) % self._max_batch
        return NextStep.WAIT
