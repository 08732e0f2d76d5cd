"""State of the outbox and of the uplink, as JSON for ``status``, ``outbox list`` and metrics."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from modemagent.report.delivery.courier import Courier
    from modemagent.report.outbox.outbox import Outbox
    from modemagent.report.outbox.tables import OutboxReader


def listing(outbox: Outbox | OutboxReader, limit: int) -> dict[str, object]:
    """Return the waiting reports, oldest first, and the rejected ones, newest first."""
    waiting, dead_letters = outbox.depth()
    return {
        "schema": 1,
        "waiting": waiting,
        "dead_letters": dead_letters,
        "reports": [json.loads(queued.body) for queued in outbox.batch(limit)],
        "rejected_reports": [
            {
                "reason": dead.reason,
                "rejected_at": dead.rejected_at,
                "report": json.loads(dead.report.body),
            }
            for dead in outbox.dead_letters(limit)
        ],
        "evicted": outbox.evicted(),
        "quarantined": outbox.quarantined(),
    }


def outbox_json(outbox: Outbox) -> dict[str, object]:
    """Return the state of the outbox.

    ``buffered`` of those ``waiting`` are in memory only; ``evicted`` counts since the stream began;
    ``quarantined`` names damaged files.
    """
    waiting, dead_letters = outbox.depth()
    return {
        "waiting": waiting,
        "dead_letters": dead_letters,
        "buffered": outbox.buffered(),
        "evicted": outbox.evicted(),
        "quarantined": outbox.quarantined(),
        "error": outbox.error or None,
    }


def uplink_failure(uplink: Mapping[str, Any]) -> str:
    """Return why the uplink of a status fails, with the address of the registry once.

    >>> uplink_failure({"registry": "http://a:1", "reason": "http://a:1: connection refused"})
    'http://a:1: connection refused'
    >>> uplink_failure({"registry": "http://a:1", "reason": "refused: wrong token"})
    'http://a:1: refused: wrong token'
    """
    registry, reason = str(uplink["registry"]), str(uplink["reason"])
    return reason if reason.startswith(registry) else f"{registry}: {reason}"


def uplink_json(courier: Courier | None) -> dict[str, object]:
    """Return the state of the connection to the registry; durations in seconds from now."""
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
        "next_attempt_in_s": (
            None if uplink.next_attempt is None else round(max(0.0, uplink.next_attempt - now), 1)
        ),
        "retry_after_s": uplink.retry_after_s,
        "last_success_ago_s": (
            None if uplink.last_success is None else round(now - uplink.last_success, 1)
        ),
        "delivered": uplink.delivered,
    }
