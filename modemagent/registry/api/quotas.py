"""Quotas: requests at a time, and rates, for each token or client address, in bounded memory."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

from limits import RateLimitItem, parse
from limits.storage import Storage
from limits.strategies import FixedWindowRateLimiter

K = TypeVar("K", bound=Hashable)

MOST_KEYS = 4096  # of one table of rates, about 1 MiB

#: Per address. Tokens of 256 bits cannot be guessed: the limit is one on the work of the registry.
WRONG_TOKENS = parse("1200/minute")
MASKED_LOOKUPS = (parse("60/minute"), parse("1000/day"))  # per token


class Concurrency(Generic[K]):
    """Number of requests in progress by key; keys without requests take no memory."""

    def __init__(self, most: int) -> None:
        self.most = most
        self._counts: dict[K, int] = {}

    def acquire(self, key: K, most: int | None = None) -> bool:
        """Count a request; return False if the key has as many as allowed."""
        count = self._counts.get(key, 0)
        if count >= (self.most if most is None else most):
            return False
        self._counts[key] = count + 1
        return True

    def release(self, key: K) -> None:
        """End a request that was counted."""
        count = self._counts[key]
        if count == 1:
            del self._counts[key]
        else:
            self._counts[key] = count - 1


class Rates:
    """Requests by key within fixed windows of time."""

    def __init__(self, *rates: RateLimitItem) -> None:
        self._rates = rates
        self._limiter = FixedWindowRateLimiter(BoundedStorage())

    def hit(self, key: str, cost: int = 1) -> int | None:
        """Count a request; return the seconds after which to retry if it exceeds a rate.

        :param cost: how many requests it counts as
        """
        for rate in self._rates:
            if not self._limiter.hit(rate, key, cost=cost):
                return self._seconds_left(rate, key)
        return None

    def _seconds_left(self, rate: RateLimitItem, key: str) -> int:
        return max(1, int(self._limiter.get_window_stats(rate, key).reset_time - time.time()) + 1)


class BoundedStorage(Storage):
    """Counters of the ``limits`` library in memory, at most 4096; the oldest are forgotten.

    The library's own storage in memory grows without a limit and starts a thread for each request.
    """

    STORAGE_SCHEME = None  # not selected by a URL

    def __init__(self, most: int = MOST_KEYS) -> None:
        super().__init__()
        self._most = most
        self._counters: OrderedDict[str, tuple[int, float]] = OrderedDict()

    @property
    def base_exceptions(self) -> type[Exception]:
        return ValueError

    def incr(self, key: str, expiry: float, amount: int = 1) -> int:
        now = time.time()
        count, end = self._counters.get(key, (0, 0.0))
        if end <= now:
            count, end = 0, now + expiry
            self._counters.pop(key, None)
        self._counters[key] = count + amount, end
        if len(self._counters) > self._most:
            self._counters.popitem(last=False)
        return count + amount

    def get(self, key: str) -> int:
        count, end = self._counters.get(key, (0, 0.0))
        return count if end > time.time() else 0

    def get_expiry(self, key: str) -> float:
        return self._counters.get(key, (0, time.time()))[1]

    def check(self) -> bool:
        return True

    def reset(self) -> int:
        count = len(self._counters)
        self._counters.clear()
        return count

    def clear(self, key: str) -> None:
        self._counters.pop(key, None)


class MemoryBudget:
    """Bytes of request bodies that may be in memory at one time, for all requests together."""

    def __init__(self, most: int) -> None:
        self._left = most

    def take(self, size: int) -> bool:
        """Reserve memory; return False if there is not enough."""
        if size > self._left:
            return False
        self._left -= size
        return True

    def give_back(self, size: int) -> None:
        self._left += size
