"""One supervised task a port, for as long as the settings, or what is known, call for it."""

from __future__ import annotations

import asyncio
import contextlib
import os
from typing import TYPE_CHECKING

from modemagent.errors import PortNotFound
from modemagent.logs import Log
from modemagent.report.message import PortPlace
from modemagent.watching.claims import Claims
from modemagent.watching.consumer import ReadingConsumer
from modemagent.watching.events import EventBus
from modemagent.watching.lifecycle import PortState
from modemagent.watching.modem_task import ModemTask
from modemagent.watching.modemmanager import ModemManagerArbiter
from modemagent.watching.removal import RemovalTimers
from modemagent.watching.rescan import SETTLES_S, SOON_S, RescanScheduler
from modemagent.watching.selection import STABLE_IDS, Selection, is_remote, seat_of
from modemagent.watching.session import AgentContext

if TYPE_CHECKING:
    from modemagent.channel.trace import Trace
    from modemagent.settings import Settings

#: After a look that failed by a fault of ours.
_LOOK_AGAIN_S = 2.0
#: After these another AT port of the same modem may do better.
_TRY_ANOTHER = ("no_answer", "not_a_modem", "busy", "permission")
_UNDER_WAY = (PortState.OPENING, PortState.IDENTIFYING)


class Supervisor:
    """Looks what is there, starts and drops the tasks, and answers for all of them."""

    def __init__(
        self,
        settings: Settings,
        news: ReadingConsumer,
        log: Log,
        events: EventBus,
        trace: Trace | None = None,
    ) -> None:
        self._settings = settings
        self._news = news
        self._log = log
        self._events = events
        self._trace = trace
        self._presence = Selection(settings)
        self._claims = Claims()
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._absences = RemovalTimers()
        self._neighbour: ModemManagerArbiter | None = None
        self._asking: asyncio.Task[None] | None = None
        #: modems that only ModemManager can read
        self._portless: dict[str, PortPlace] = {}
        #: ports that are to be opened in another way, and are not closed yet
        self._closing: frozenset[str] = frozenset()
        self._lookout = RescanScheduler(log, self._hear)
        self._fault = ""
        self._renewals = 0
        self.ports: dict[str, ModemTask] = {}

    async def run(self) -> None:
        """Watch until cancelled; then every port is closed when this returns."""
        self._heart = asyncio.create_task(self._beat())
        self._mind_neighbour()
        named = [port for port in self._settings.port if not port.startswith(STABLE_IDS)]
        for place in self._absences.expected(named, self._news.known_places()):
            self._watch(place)
        self._lookout.open()
        try:
            while True:
                self._lookout.look_begins()
                well = self._try_to_look()
                await self._lookout.wait(self._pause_s() if well else _LOOK_AGAIN_S)
        finally:
            self._lookout.close()
            tasks = [self._heart, *self._tasks.values()]
            if self._asking is not None:
                tasks.append(self._asking)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def _mind_neighbour(self) -> None:
        """Follow ModemManager, or no longer, as the settings say."""
        if self._asking is not None:
            self._asking.cancel()
        self._neighbour = self._asking = None
        self._portless = {}
        if self._settings.via != "port":
            self._neighbour = ModemManagerArbiter(self._log, changed=self._lookout.request)
            self._asking = asyncio.create_task(self._neighbour.run(), name="neighbour")

    def _hear(self) -> None:
        # a modem comes with many ports at once, a hub with many modems: one look for all
        if not self._presence.renewed:
            self._presence.renew()
            self._lookout.request_soon()

    def _pause_s(self) -> float:
        if self._presence.renewed:
            # it may go on not to fit what was found: a name that is something else than it says
            self._renewals += 1
            return min(SOON_S, SETTLES_S * 2.0 ** min(self._renewals - 1, 10))
        self._renewals = 0
        return SOON_S if self._absences else self._lookout.pause_s(self._presence.awaited)

    def _try_to_look(self) -> bool:
        """Look; a fault of ours is told once, and the ports that are watched stay watched."""
        try:
            self._look()
        except Exception as fault:  # noqa: BLE001 - the next look may be better
            if repr(fault) != self._fault:
                self._fault = repr(fault)
                self._log.error("rescan_error", exc_info=True)
            return False
        self._fault = ""
        return True

    def _look(self) -> None:
        self._tell_how_they_do(self._presence)
        there = self._presence.current_modems()
        if self._neighbour is not None and self._settings.discovery:
            self._portless = self._neighbour.portless(there.values())
            there |= self._portless
        self._lookout.saw(there)
        for port, place in there.items():
            if port not in self._closing:
                self._meet(port, place)
        seats = {seat_of(place) for place in there.values()}
        for port in self.ports.keys() - there.keys():
            watched = self.ports[port]
            elsewhere = seat_of(watched.place) in seats
            # what it spoke for may speak through another port from now on
            self._claims.drop(port)
            is_gone = not elsewhere and self._is_gone(watched.place, watched.was_read)
            watched.not_seen(counts=is_gone)
            gone = elsewhere or self._news.known(watched.place) is None
            if watched.condition.state is PortState.ABSENT and gone:
                self._absences.end(seat_of(watched.place))
                if not self._presence.named(port):
                    self._drop(port)
        for place, was_read in self._absences.displaced(seats):
            if self._is_gone(place, was_read):
                self._news.removed(place)
            if self._news.known(place) is None:
                self._absences.end(seat_of(place))
        for seat in seats:
            self._absences.end(seat)

    def _meet(self, port: str, place: PortPlace) -> None:
        """Take note of a port that is there."""
        watched = self.ports.get(port)
        if watched is not None and watched.place.id is not None:
            before = watched.place
            if place.id is None:
                place = before  # it is just going: its node outlives what sysfs says of it
            elif seat_of(before) != seat_of(place):
                # two modems were plugged in anew, and one has got the other's name
                self._drop(port)
                self._absences.displace(before, was_read=watched.was_read)
        if port not in self.ports:
            self._watch(place)
        self.ports[port].seen(place)

    def _tell_how_they_do(self, presence: Selection) -> None:
        states = {port: watched.condition.state for port, watched in self.ports.items()}
        for port, state in states.items():
            if state is PortState.BROKEN and self.ports[port].condition.reason in _TRY_ANOTHER:
                presence.demote(port)
        presence.prefer(
            doing_well=[port for port, state in states.items() if state is PortState.WATCHING],
            under_way=[port for port, state in states.items() if state in _UNDER_WAY],
        )

    def _is_gone(self, place: PortPlace, was_read: bool) -> bool:
        in_part = self._presence.sees(place)
        return self._absences.is_gone(place, was_read=was_read, in_part=in_part)

    def _watch(self, place: PortPlace) -> None:
        watched = ModemTask(
            place,
            settings=self._settings,
            around=AgentContext(
                self._news, self._claims, self._events, self._log, self._neighbour, self._trace
            ),
            may_open=place.path not in self._portless,
            stir=self._lookout.request,
        )
        self.ports[place.path] = watched
        self._tasks[place.path] = asyncio.create_task(watched.run(), name=f"port {place.path}")

    def _drop(self, port: str) -> asyncio.Task[None]:
        """Stop watching a port; the task that is returned ends when the port is closed."""
        del self.ports[port]
        task = self._tasks.pop(port)
        self._absences.end(port)
        task.cancel()
        self._claims.drop(port)
        return task

    async def follow(self, settings: Settings) -> None:
        """Go by other settings from now on.

        A port that both name stays open and hears nothing of it; one that is named no more is
        closed without being reported as removed; a new one is opened at the next look.
        """
        before, self._settings = self._settings, settings
        presence, self._presence = self._presence, Selection(settings)
        self._tell_how_they_do(self._presence)
        there = presence.current_modems().keys() | self._portless.keys()
        wanted = set(self._presence.current_modems())
        reopened = (before.baud, before.via) != (settings.baud, settings.via)
        if settings.via != "port" and settings.discovery:
            wanted |= self._portless.keys()
        if before.via != settings.via:
            self._mind_neighbour()
        elif not settings.discovery:
            self._portless = {}
        closing = {}
        for port in list(self.ports):
            left_out = port in there or presence.named(port)
            left_out = left_out and port not in wanted and not self._presence.named(port)
            if left_out or reopened:
                closing[port] = self._drop(port)
            else:
                self.ports[port].follow(settings)
            if left_out:
                self._log.info("port_skipped", port=port)
        self._closing = frozenset(closing)
        try:
            await asyncio.gather(*closing.values(), return_exceptions=True)
        finally:
            self._closing = frozenset()
        for port in settings.port:
            if port not in self.ports and not port.startswith(STABLE_IDS):
                self._watch(PortPlace(path=port))
        self._lookout.begin_anew()
        if before.heartbeat_interval != settings.heartbeat_interval:
            self._heart.cancel()
            self._heart = asyncio.create_task(self._beat())

    def find(self, word: str) -> ModemTask:
        """Return the watched port that is called so: by its path, another path to it, or its id.

        :raises PortNotFound: the agent does not watch this port
        """
        if word in self.ports:
            return self.ports[word]
        real = None if is_remote(word) else os.path.realpath(word)
        for port, watched in self.ports.items():
            if watched.place.id == word or (real and os.path.realpath(port) == real):
                return watched
        raise PortNotFound(
            f"the agent does not watch {word}", port=word, hint="See: modemagent status"
        )

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
            if known := self._news.known(watched.place):
                with contextlib.suppress(KeyError):
                    reading = known.to_json()
                    entry |= {key: reading[key] for key in _SHOWN}
            last = self._news.last.get(seat_of(watched.place))
            entry["last_report"] = last and {
                "sequence": last.sequence,
                "reason": str(last.reason),
                "observed_at": last.observed_at,
            }
            out.append(entry)
        return out


_SHOWN = ("dialect", "modem", "sims", "problems", "verdict")
