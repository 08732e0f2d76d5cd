"""Uplink: the state of the connection to the registry."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


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
