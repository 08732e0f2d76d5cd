"""When a message is sent again: with growing delay and jitter, for three days."""

from __future__ import annotations

import random

#: Delay after each failed attempt, in seconds; after the last one, the last value again.
DELAYS_S = (5, 60, 300, 1800, 7200, 18_000, 36_000, 43_200)
LONGEST_MS = 3 * 86_400_000
_JITTER = 0.2
_MOST_RETRY_AFTER_S = 86_400


def delay_ms(failures: int, retry_after: str | None = None) -> int:
    """Return how long to wait after a number of failures in a row.

    :param retry_after: header of the response, in seconds; the longer wait counts
    """
    delay_s = DELAYS_S[min(failures, len(DELAYS_S)) - 1] * random.uniform(1, 1 + _JITTER)
    if retry_after is not None and retry_after.isascii() and retry_after.isdecimal():
        delay_s = max(delay_s, min(int(retry_after[:9]), _MOST_RETRY_AFTER_S))
    return round(delay_s * 1000)
