"""Uplink: the state of the connection to the registry, and the wait after a failed attempt."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

#: Longest wait that a registry can demand; a typing error there must not silence its gateways.
MAX_RETRY_AFTER_S = 24 * 3600.0
#: The same without TLS, when anyone on the network path can forge the answer.
MAX_RETRY_AFTER_UNAUTHENTICATED_S = 3600.0

Uniform = Callable[[float, float], float]


class UplinkState(StrEnum):
    """State of the connection to the registry."""

    IDLE = "idle"
    SENDING = "sending"
    UNREACHABLE = "unreachable"
    REFUSED = "refused"
    OUTBOX_FAILED = "outbox_failed"
    WAITING_FOR_TIME = "waiting_for_time"


@dataclass(frozen=True, slots=True, kw_only=True)
class Uplink:
    """Snapshot of the connection. Times are of ``time.monotonic``, in seconds.

    :param reason: why delivery fails, as text; "" if it does not
    :param attempts: failed attempts in a row
    :param retry_after_s: ``Retry-After`` of the last answer, after its limit; None without one
    """

    state: UplinkState = UplinkState.IDLE
    reason: str = ""
    hint: str = ""
    attempts: int = 0
    next_attempt: float | None = None
    retry_after_s: float | None = None
    last_success: float | None = None
    since: float = 0.0
    delivered: int = 0


def pause_s(
    attempts: int,
    *,
    base_s: float,
    cap_s: float,
    retry_after_s: float | None,
    max_retry_after_s: float,
    uniform: Uniform,
) -> float:
    """Return the wait after failed attempts in a row: exponential back-off with full jitter.

    :param retry_after_s: the wait that the registry demands, None if it demands none. It can
        extend the wait but not shorten it: a failing registry that demands 0 is still spared
    :param max_retry_after_s: limit of that wait, jitter included
    """
    backoff_s = uniform(0.0, min(cap_s, base_s * 2 ** min(attempts - 1, 30)))
    if retry_after_s is None:
        return backoff_s
    # all gateways got the same number: none returns earlier, and not all at once
    earliest_s = min(retry_after_s, max_retry_after_s)
    return max(uniform(earliest_s, min(2 * earliest_s, max_retry_after_s)), backoff_s)
