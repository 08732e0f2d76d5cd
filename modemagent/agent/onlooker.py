"""Watching without a daemon: the same eyes on the ports, and nothing reported."""

from __future__ import annotations

from collections.abc import Mapping

from modemagent.agent.events import Events
from modemagent.agent.known import merged, reason_for
from modemagent.agent.supervisor import Supervisor
from modemagent.identity.snapshot import Snapshot
from modemagent.logs import Silence
from modemagent.report.message import PortPlace, Reason, Report
from modemagent.settings import Settings


class Onlooker:
    """Takes readings as the newsroom does, remembers them, and only tells what happened."""

    def __init__(self, events: Events) -> None:
        self.last: Mapping[str, Report] = {}
        self._events = events
        self._known: dict[str, Snapshot] = {}
        self._places: dict[str, PortPlace] = {}

    def known(self, port: str) -> Snapshot | None:
        return self._known.get(port)

    def known_ports(self) -> list[str]:
        return []

    def tell(
        self, place: PortPlace, reading: Snapshot, *, otherwise: Reason | None
    ) -> Reason | None:
        before = self._known.get(place.path)
        self._known[place.path] = merged(before, reading)
        self._places[place.path] = place
        self._events.tell_changes(place, before, reading)
        return reason_for(before, reading) or otherwise

    def removed(self, port: str) -> bool:
        known = self._known.pop(port, None)
        if known is None:
            return False
        self._events.tell("modem.removed", self._places.pop(port), before=known.modem.imei)
        return True

    def heartbeat(self, ports: list[PortPlace]) -> None:
        """Nobody is to be told."""


async def look_on(settings: Settings, events: Events) -> None:
    """Watch the ports of the settings until cancelled."""
    await Supervisor(settings, Onlooker(events), Silence(), events).run()
