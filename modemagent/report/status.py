"""What people and scripts are shown of the outbox and the way to the registry."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from modemagent.report.delivery.courier import Courier
    from modemagent.report.outbox.outbox import DeadLetter, Outbox, QueuedReport


class OutboxView(Protocol):
    """An outbox one may look at, with the daemon or without."""

    def depth(self) -> tuple[int, int]: ...
    def batch(self, limit: int) -> list[QueuedReport]: ...
    def set_aside(self, limit: int = ...) -> list[DeadLetter]: ...
    def dropped(self) -> int: ...
    def damaged(self) -> list[str]: ...


def listing(shelf: OutboxView, limit: int) -> dict[str, object]:
    """Return the reports that wait, oldest first, and those the registry would not take."""
    waiting, set_aside = shelf.depth()
    return {
        "schema": 1,
        "waiting": waiting,
        "dead_letters": set_aside,
        "reports": [json.loads(stored.body) for stored in shelf.batch(limit)],
        "rejected_reports": [
            {
                "reason": dead.why,
                "rejected_at": dead.set_aside_at,
                "report": json.loads(dead.stored.body),
            }
            for dead in shelf.set_aside(limit)
        ],
        "evicted": shelf.dropped(),
        "quarantined": shelf.damaged(),
    }


def outbox_json(outbox: Outbox) -> dict[str, object]:
    """Return how the outbox is.

    ``buffered`` of those ``waiting`` are in memory only; ``evicted`` were given up for want of room
    since the outbox was made; ``quarantined`` are files that were set aside.
    """
    waiting, set_aside = outbox.depth()
    return {
        "waiting": waiting,
        "dead_letters": set_aside,
        "buffered": outbox.buffered(),
        "evicted": outbox.dropped(),
        "quarantined": outbox.damaged(),
        "error": outbox.trouble or None,
    }


def uplink_json(courier: Courier | None) -> dict[str, object]:
    """Return the state of the way to the registry; durations in seconds from now."""
    if courier is None:
        return {"state": "off", "registry": None, "reason": "no registry is set"}
    uplink, now = courier.uplink, time.monotonic()
    return {
        "state": str(uplink.state),
        "registry": courier.address,
        "reason": uplink.reason or None,
        "hint": uplink.hint or None,
        "attempts": uplink.attempts,
        "since_s": round(now - uplink.since, 1),
        "next_attempt_in_s": _in_s(uplink.next_attempt, now),
        "retry_after_s": uplink.retry_after_s,
        "last_success_ago_s": (
            None if uplink.last_success is None else round(now - uplink.last_success, 1)
        ),
        "delivered": uplink.delivered,
    }


def _in_s(moment: float | None, now: float) -> float | None:
    return None if moment is None else round(max(0.0, moment - now), 1)
