"""Delay after a failed delivery: exponential back-off, and the limits of ``Retry-After``."""

from __future__ import annotations

from collections.abc import Callable

#: Longest wait that a registry can demand; a typing error there must not silence its gateways.
MAX_RETRY_AFTER_S = 24 * 3600.0
#: The same without TLS, when anyone on the network path can forge the answer.
MAX_RETRY_AFTER_UNAUTHENTICATED_S = 3600.0

Uniform = Callable[[float, float], float]


def retry_delay_s(
    attempts: int,
    *,
    base_s: float,
    cap_s: float,
    retry_after_s: float | None,
    max_retry_after_s: float,
    uniform: Uniform,
) -> float:
    """Return the wait after failed attempts in a row: exponential back-off with full jitter.

    :param retry_after_s: the wait that the registry demands, within its limit; None if it demands
        none. It can extend the wait but not shorten it: a failing registry that demands 0 is still
        spared
    :param max_retry_after_s: limit of that wait, jitter included
    """
    backoff_s = uniform(0.0, min(cap_s, base_s * 2 ** min(attempts - 1, 30)))
    if retry_after_s is None:
        return backoff_s
    # all gateways got the same number: none returns earlier, and not all at once
    latest_s = min(2 * retry_after_s, max_retry_after_s)
    return max(uniform(retry_after_s, latest_s), backoff_s)
