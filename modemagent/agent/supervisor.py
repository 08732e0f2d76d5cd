"""One supervised task a port, for as long as the settings, or what is known, call for it."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from modemagent.agent.lifecycle import PortState
from modemagent.agent.newsroom import Newsroom
from modemagent.agent.port import Claims, WatchedPort
from modemagent.agent.presence import Presence, is_remote, is_there
from modemagent.errors import PortNotFound
from modemagent.identity.snapshot import Snapshot
from modemagent.logs import Log
from modemagent.report import origin
from modemagent.report.message import PortPlace

if TYPE_CHECKING:
    from modemagent.settings import Settings

LOOK_EVERY_S = 0.5
# USB devices take their time after a boot; before this a missing one is not called removed
_COMING_UP_MS = 120_000


class Supervisor:
    """Looks what is there, starts and drops the tasks, and answers for all of them."""

    def __init__(self, settings: Settings, news: Newsroom, log: Log) -> None:
        self._settings = settings
        self._news = news
        self._log = log
        self._presence = Presence(settings)
        self._claims = Claims()
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self.ports: dict[str, WatchedPort] = {}

    async def run(self) -> None:
        """Watch until cancelled; then every port is closed when this returns."""
        heart = asyncio.create_task(self._beat())
        for port in self._settings.port:
            if not port.startswith(("usb:", "pci:", "tty:")):
                self._watch(PortPlace(path=port))
        for port in self._news.known_ports():
            # reported by an earlier run and gone since: its removal is still to be reported
            if not is_remote(port) and not is_there(port):
                self._watch(PortPlace(path=port))
        try:
            while True:
                self._look()
                await asyncio.sleep(LOOK_EVERY_S)
        finally:
            heart.cancel()
            for task in self._tasks.values():
                task.cancel()
            await asyncio.gather(heart, *self._tasks.values(), return_exceptions=True)

    def _look(self) -> None:
        there = self._presence.look()
        counts = origin.uptime_ms() > _COMING_UP_MS
        for port, place in there.items():
            if port not in self.ports:
                self._watch(place)
            self.ports[port].seen(place)
        for port in self.ports.keys() - there.keys():
            watched = self.ports[port]
            watched.not_seen(counts=counts)
            if (
                watched.condition.state is PortState.ABSENT
                and not self._presence.named(port)
                and self._news.known(port) is None
            ):
                self._drop(port)

    def _watch(self, place: PortPlace) -> None:
        watched = WatchedPort(
            place, settings=self._settings, news=self._news, claims=self._claims, log=self._log
        )
        self.ports[place.path] = watched
        self._tasks[place.path] = asyncio.create_task(watched.run(), name=f"port {place.path}")

    def _drop(self, port: str) -> None:
        del self.ports[port]
        self._tasks.pop(port).cancel()

    async def read_now(self, port: str) -> Snapshot:
        """Return a fresh reading of a watched port.

        :raises PortNotFound: the agent does not watch this port
        :raises PortError: it can not be read now
        """
        if port not in self.ports:
            raise PortNotFound(f"the agent does not watch {port}", port=port)
        return await self.ports[port].read_now()

    async def _beat(self) -> None:
        if not self._settings.heartbeat_interval:
            return
        while True:
            await asyncio.sleep(self._settings.heartbeat_interval)
            self._news.heartbeat(
                [
                    watched.place
                    for watched in self.ports.values()
                    if watched.condition.state is PortState.WATCHING
                ]
            )

    def to_json(self) -> list[dict[str, object]]:
        """Return what ``status`` shows of every port: its state, its reading, its last report."""
        out = []
        for port, watched in sorted(self.ports.items()):
            entry: dict[str, object] = {"port": port, "port_id": watched.place.id}
            entry |= watched.condition.to_json()
            if known := self._news.known(port):
                with contextlib.suppress(KeyError):
                    reading = known.to_json()
                    entry |= {key: reading[key] for key in _SHOWN}
            last = self._news.last.get(port)
            entry["last_report"] = last and {
                "sequence": last.sequence,
                "reason": str(last.reason),
                "observed_at": last.observed_at,
            }
            out.append(entry)
        return out


_SHOWN = ("dialect", "modem", "sims", "problems", "verdict")
