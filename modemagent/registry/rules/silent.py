"""A gateway that does not report."""

from __future__ import annotations

#: Longest silence in promised intervals.
INTERVALS = 3
#: Longest silence of a gateway that has promised no interval.
LONGEST_MS = 3 * 24 * 3_600_000


def silent_since(received_ms: int, heartbeat_ms: int | None, up_since_ms: int) -> int:
    """Return the time from which a gateway counts as silent.

    :param received_ms: receipt of its last report
    :param heartbeat_ms: the interval that it has promised; 0 or None: none
    :param up_since_ms: start of the time during which the registry could receive reports
    """
    patience_ms = INTERVALS * heartbeat_ms if heartbeat_ms else LONGEST_MS
    return max(received_ms, up_since_ms) + patience_ms
