"""Pace of the frames of a terminal: four per second on average, at once after a quiet moment.

>>> pace = FramePace()
>>> [pace.drawn(5.0) for _ in range(5)]
[0.0, 0.0, 0.0, 0.25, 0.5]
>>> pace.drawn(60.0)
0.0
"""

from __future__ import annotations

from typing import Final

#: Mean time between two frames, and frames that may follow each other at once.
FRAME_S: Final = 0.25
_AT_ONCE: Final = 4


class FramePace:
    """Counts frames. A person who scans after a quiet moment does not wait for the next frame."""

    def __init__(self) -> None:
        #: when the frames drawn so far would end at the mean pace
        self._until = float("-inf")

    def drawn(self, now: float) -> float:
        """Count a frame and return the time until the next one may be drawn."""
        self._until = max(self._until, now) + FRAME_S
        return max(0.0, self._until - (_AT_ONCE - 1) * FRAME_S - now)
