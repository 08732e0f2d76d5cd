"""Events of the daemon, for ``watch`` and the metrics.

An event has a name and a port; events of modems and SIMs have the names that the registry uses.
Events are not stored: without a listener, emitting one costs a function call.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final, NamedTuple

from modemagent.identity.changes import changes
from modemagent.identity.snapshot import ReadState, SimState, Snapshot
from modemagent.report.message import PortPlace

#: All events, with the keys of their ``data``.
EVENTS: Final = {
    "modem.first_seen": "after: the IMEI",
    "modem.swapped": "before, after: the IMEIs",
    "modem.removed": "before: the IMEI",
    "sim.first_seen": "field, after, slot",
    "sim.swapped": "field, before, after, slot",
    "sim.profile_switched": "field, before, after, slot",
    "sim.imsi_switched": "field, before, after, slot",
    "sim.removed": "field, before, slot",
    "sim.inserted": "field, after, slot, state: the removed SIM is back; after is null if the SIM "
    "cannot be read because it requires its PIN or the module is locked",
    "network.changed": "before, after: mcc, mnc, rat, registered, operator, provider, "
    "registration, reject_cause",
    "port.state": "state; reason, message and hint of an error",
    "port.read": "elapsed_s: duration of a complete reading",
    "port.urc": "line: an unsolicited line",
    "report.stored": "sequence, reason",
    "report.delivered": "count: number of acknowledged reports",
    "watch.started": "ports: the ports whose events follow; empty for all",
    "watch.missed": "count: events that were lost because the client was too slow",
}


class ModemEvent(NamedTuple):
    """One event.

    :param at: time, RFC 3339, UTC, with milliseconds
    """

    name: str
    at: str
    port: str | None
    port_id: str | None
    data: dict[str, object]

    def to_json(self) -> dict[str, object]:
        document = self._asdict()
        return {"schema": 1, "event": document.pop("name"), **document}


_NUMBERS: Final = ("iccid", "imsi")
_LOCKED: Final = (SimState.PIN_REQUIRED, SimState.PUK_REQUIRED, SimState.LOCKED)

Listener = Callable[[ModemEvent], None]


class EventBus:
    """Delivers each event to all listeners. To be used in the thread of the event loop only."""

    def __init__(self) -> None:
        self._listeners: dict[object, Listener] = {}
        #: path and slot of SIMs that have been inserted and not been read yet
        self._inserted: set[tuple[str, int]] = set()

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Add a listener; call the returned function to remove it.

        A listener must return at once and must not raise.
        """
        key = object()
        self._listeners[key] = listener

        def unsubscribe() -> None:
            self._listeners.pop(key, None)
            if not self._listeners:
                self._inserted.clear()

        return unsubscribe

    def emit(self, name: str, place: PortPlace | None = None, **data: object) -> None:
        if not self._listeners:
            return
        path, port_id = (place.path, place.id) if place else (None, None)
        event = ModemEvent(name, now(), path, port_id, data)
        for listener in tuple(self._listeners.values()):
            listener(event)

    def emit_changes(self, place: PortPlace, before: Snapshot | None, after: Snapshot) -> None:
        """Emit the changes between two readings of one modem."""
        if not self._listeners:
            return
        changed_slots = set()
        for change in changes(before, after):
            changed_slots.add(change.slot)
            data: dict[str, object] = {
                "field": change.field, "before": change.before, "after": change.after
            }  # fmt: skip
            if change.slot is not None:
                data["slot"] = change.slot
            self.emit(change.kind, place, **data)
        self._emit_inserted(place, before, after, changed_slots)
        network = before.network if before else None
        if after.network is not None and network != after.network:
            self.emit(
                "network.changed",
                place,
                before=network.to_json() if network else None,
                after=after.network.to_json(),
            )

    def _emit_inserted(
        self, place: PortPlace, before: Snapshot | None, after: Snapshot, changed: set[int | None]
    ) -> None:
        """Emit the return of a removed SIM, as soon as the SIM can be read.

        :param changed: slots whose change has been emitted as a new or another SIM
        """
        states = {sim.slot: sim.state for sim in before.sims} if before else {}
        for sim in after.sims:
            slot = (place.path, sim.slot)
            if sim.state is SimState.ABSENT or sim.slot in changed:
                self._inserted.discard(slot)
                continue
            if states.get(sim.slot) is SimState.ABSENT:
                self._inserted.add(slot)
            field = next((name for name in _NUMBERS if sim.read.get(name) is ReadState.OK), None)
            if slot in self._inserted and (field is not None or sim.state in _LOCKED):
                self._inserted.discard(slot)
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
    """Return the current time in the format of events."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
