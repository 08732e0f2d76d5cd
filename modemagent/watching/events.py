"""What happens in the daemon, told to whoever listens: ``watch``, the metrics.

An event has a name and a port; the names of what happens to modems and cards are the registry's.
Without a listener an event costs a function call, and nothing is kept.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final, NamedTuple

from modemagent.identity.changes import changes
from modemagent.identity.snapshot import ReadState, SimState, Snapshot
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
    "sim.inserted": "field, after, slot, state: the card that was removed is back; after is null "
    "for one that cannot be read because it waits for its PIN or the module is locked",
    "network.changed": "before, after: mcc, mnc, rat, registered, operator, provider",
    "port.state": "state; reason, message and hint where something is wrong",
    "port.read": "elapsed_s: a whole reading was made",
    "port.urc": "line: what the modem said unasked",
    "report.stored": "sequence, reason",
    "report.delivered": "count: so many reports were acknowledged",
    "watch.started": "ports: from now on these are watched; empty for all that come",
    "watch.missed": "count: events that were lost because they were not taken in time",
}


class ModemEvent(NamedTuple):
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


_NUMBERS: Final = ("iccid", "imsi")
_LOCKED: Final = (SimState.PIN_REQUIRED, SimState.PUK_REQUIRED, SimState.LOCKED)

Listener = Callable[[ModemEvent], None]


class EventBus:
    """Tells each event to all listeners at once. Used in the loop's thread."""

    def __init__(self) -> None:
        self._listeners: dict[object, Listener] = {}
        #: port and slot of cards that have been put in and not been read yet
        self._coming: set[tuple[str, int]] = set()

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Have a listener told from now on; call what is returned to end it.

        A listener returns at once and does not raise.
        """
        key = object()
        self._listeners[key] = listener

        def deafen() -> None:
            self._listeners.pop(key, None)
            if not self._listeners:
                self._coming.clear()

        return deafen

    def emit(self, name: str, place: PortPlace | None = None, **data: object) -> None:
        if not self._listeners:
            return
        path, port_id = (place.path, place.id) if place else (None, None)
        event = ModemEvent(name, now(), path, port_id, data)
        for listener in tuple(self._listeners.values()):
            listener(event)

    def tell_changes(self, place: PortPlace, before: Snapshot | None, after: Snapshot) -> None:
        """Tell what lies between two readings of one port."""
        if not self._listeners:
            return
        told_slots = set()
        for change in changes(before, after):
            told_slots.add(change.slot)
            told = {"field": change.field, "before": change.before, "after": change.after}
            if change.slot is not None:
                told["slot"] = change.slot  # type: ignore[assignment]
            self.emit(change.kind, place, **told)
        self._tell_inserted(place, before, after, told_slots)
        known = before.network if before else None
        if after.network is not None and known != after.network:
            self.emit(
                "network.changed",
                place,
                before=known.to_json() if known else None,
                after=after.network.to_json(),
            )

    def _tell_inserted(
        self, place: PortPlace, before: Snapshot | None, after: Snapshot, told: set[int | None]
    ) -> None:
        """Tell of a card that was removed and is back; one that starts slowly, when it is read.

        :param told: slots whose change has been told: a card never seen before, another card
        """
        known = {sim.slot: sim.state for sim in before.sims} if before else {}
        for sim in after.sims:
            seat = (place.path, sim.slot)
            if sim.state is SimState.ABSENT or sim.slot in told:
                self._coming.discard(seat)
                continue
            if known.get(sim.slot) is SimState.ABSENT:
                self._coming.add(seat)
            field = next((name for name in _NUMBERS if sim.read.get(name) is ReadState.OK), None)
            if seat in self._coming and (field is not None or sim.state in _LOCKED):
                self._coming.discard(seat)
                number = getattr(sim, field) if field else None
                self.emit(
                    "sim.inserted",
                    place,
                    field=field or "iccid",
                    after=number,
                    slot=sim.slot,
                    state=str(sim.state),
                )


def now() -> str:
    """Return this moment as events show it."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
