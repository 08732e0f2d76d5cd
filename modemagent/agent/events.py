"""What happens in the daemon, told to whoever listens: ``watch``, the metrics.

An event has a name and a port; the names of what happens to modems and cards are the registry's.
Nothing is kept: without a listener an event costs a function call.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final, NamedTuple

from modemagent.identity.changes import changes
from modemagent.identity.snapshot import Snapshot
from modemagent.report.message import PortPlace

#: Every event there is, and what its ``data`` holds.
EVENTS: Final = {
    "modem.first_seen": "after: the IMEI",
    "modem.swapped": "before, after: the IMEIs",
    "modem.removed": "before: the IMEI",
    "sim.first_seen": "field, after, slot",
    "sim.swapped": "field, before, after, slot",
    "sim.profile_switched": "field, before, after, slot",
    "sim.imsi_switched": "field, before, after, slot",
    "sim.removed": "field, before, slot",
    "network.changed": "before, after: mcc, mnc, rat, registered, operator, provider",
    "port.state": "state; reason, message and hint where something is wrong",
    "port.read": "elapsed_s: a whole reading was made",
    "port.urc": "line: what the modem said unasked",
    "report.stored": "sequence, reason",
    "report.delivered": "count: so many reports were acknowledged",
    "watch.started": "ports: from now on these are watched; empty for all that come",
    "watch.missed": "count: events that were lost because they were not taken in time",
}


class Event(NamedTuple):
    """One thing that happened.

    :param at: RFC 3339, UTC, milliseconds
    """

    name: str
    at: str
    port: str | None
    port_id: str | None
    data: dict[str, object]

    def to_json(self) -> dict[str, object]:
        return {
            "schema": 1,
            "event": self.name,
            "at": self.at,
            "port": self.port,
            "port_id": self.port_id,
            "data": self.data,
        }


Listener = Callable[[Event], None]


class Events:
    """Tells each event to all listeners at once. Used in the loop's thread."""

    def __init__(self) -> None:
        self._listeners: dict[object, Listener] = {}

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Have a listener told from now on; call what is returned to end it.

        A listener returns at once and does not raise.
        """
        key = object()
        self._listeners[key] = listener
        return lambda: self._listeners.pop(key, None) and None

    def tell(self, name: str, place: PortPlace | None = None, **data: object) -> None:
        if not self._listeners:
            return
        path, port_id = (place.path, place.id) if place else (None, None)
        event = Event(name, now(), path, port_id, data)
        for listener in tuple(self._listeners.values()):
            listener(event)

    def tell_changes(self, place: PortPlace, before: Snapshot | None, after: Snapshot) -> None:
        """Tell what lies between two readings of one port."""
        if not self._listeners:
            return
        for change in changes(before, after):
            told = {"field": change.field, "before": change.before, "after": change.after}
            if change.slot is not None:
                told["slot"] = change.slot  # type: ignore[assignment]
            self.tell(change.kind, place, **told)
        known = before.network if before else None
        if after.network is not None and known != after.network:
            self.tell(
                "network.changed",
                place,
                before=known.to_json() if known else None,
                after=after.network.to_json(),
            )


def now() -> str:
    """Return this moment as events show it."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
