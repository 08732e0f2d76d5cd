"""Watching without a daemon: the same eyes on the ports, and nothing reported."""

from __future__ import annotations

from collections.abc import Mapping

from modemagent.identity.snapshot import Snapshot
from modemagent.logs import NullLog
from modemagent.report.message import PortPlace, Reason, Report
from modemagent.settings import Settings
from modemagent.watching.baseline import reason_for, update_baseline
from modemagent.watching.events import EventBus
from modemagent.watching.selection import seat_of
from modemagent.watching.supervisor import Supervisor


class EventOnlyConsumer:
    """Takes readings as the newsroom does, remembers them, and only tells what happened."""

    def __init__(self, events: EventBus) -> None:
        self.last: Mapping[str, Report] = {}
        self._events = events
        self._known: dict[str, Snapshot] = {}

    def known(self, place: PortPlace) -> Snapshot | None:
        return self._known.get(seat_of(place))

    def known_places(self) -> list[PortPlace]:
        return []

    def submit(
        self, place: PortPlace, reading: Snapshot, *, otherwise: Reason | None
    ) -> Reason | None:
        seat = seat_of(place)
        before = self._known.get(seat)
        self._known[seat] = update_baseline(before, reading)
        self._events.tell_changes(place, before, reading)
        return reason_for(before, reading) or otherwise

    def removed(self, place: PortPlace) -> bool:
        known = self._known.pop(seat_of(place), None)
        if known is None:
            return False
        self._events.emit("modem.removed", place, before=known.modem.imei)
        return True

    def heartbeat(self, ports: list[PortPlace]) -> None:
        """Nobody is to be told."""


async def watch_only(settings: Settings, events: EventBus) -> None:
    """Watch the ports of the settings until cancelled."""
    await Supervisor(settings, EventOnlyConsumer(events), NullLog(), events).run()
