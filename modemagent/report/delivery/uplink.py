"""How the way to the registry is: the state that people and the watchdog are shown."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

#: A registry may ask for so long a wait; gateways do not go silent for a slip of its keyboard.
LONGEST_ASKED_S = 24 * 3600.0
#: The same when it is not known who asks: without TLS the answer may be anybody's on the way.
LONGEST_ASKED_UNAUTHENTICATED_S = 3600.0

Uniform = Callable[[float, float], float]


class UplinkState(StrEnum):
    """How the way to the registry is."""

    IDLE = "idle"
    SENDING = "sending"
    UNREACHABLE = "unreachable"
    REFUSED = "refused"
    OUTBOX_FAILED = "outbox_failed"
    WAITING_FOR_TIME = "waiting_for_time"


@dataclass(frozen=True, slots=True, kw_only=True)
class Uplink:
    """The state people are shown. Times are of ``time.monotonic``, in seconds.

    :param reason: why it is not well, in words; "" when it is
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
    attempts: int, *, base_s: float, cap_s: float, asked_s: float | None, uniform: Uniform
) -> float:
    """Return how long to wait after so many failed attempts in a row.

    :param asked_s: what the registry asked for (``Retry-After``), None when it said nothing. It
        can make the wait longer, never shorter: "at once" from a registry that fails is no wish
    """
    backoff_s = uniform(0.0, min(cap_s, base_s * 2 ** min(attempts - 1, 30)))
    if asked_s is None:
        return backoff_s
    # everybody was told the same number: come no earlier, and not all at once
    asked_s = min(asked_s, LONGEST_ASKED_S)
    return max(asked_s + uniform(0.0, asked_s), backoff_s)
