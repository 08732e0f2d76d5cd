"""What can be asked of the daemon over its control socket.

=================  ===========================================================  ==================
``do``             with                                                         answer
=================  ===========================================================  ==================
``status``                                                                      as ``status --json``
``outbox.list``    ``limit``                                                    as ``outbox list``
``outbox.flush``   ``timeout_s``                                                ``flushed``, ...
``identify``       ``port``; ``network``, ``eid_by_apdu``: read that as well    ``snapshot``
``at``             ``port``, ``line``, ``timeout_s``                            ``answer``
``heard``          ``port``: what it said unasked since the last ``heard``      ``lines``
``watch``          ``ports``: these alone                                       events
=================  ===========================================================  ==================

An answer is one object; ``watch`` goes on with one object an event until the client goes. A
failure is ``{"error": {"code", "exit", "message", "hint"}}``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from modemagent.agent.control.server import ClientConnection, Doer, Request, VisitDoer
from modemagent.channel.aside import run_in_thread
from modemagent.errors import RegistryRefused, RegistryUnreachable, SettingsError, UsageError
from modemagent.modem.identify import Extras
from modemagent.report.delivery.courier import UplinkState
from modemagent.report.outbox.outbox import Outbox
from modemagent.report.status import listing
from modemagent.watching.events import EventBus, ModemEvent, now
from modemagent.watching.lifecycle import PortState
from modemagent.watching.supervisor import Supervisor

if TYPE_CHECKING:
    from modemagent.agent.control.at_session import AtSession
    from modemagent.report.delivery.courier import Courier

_EVENTS_WAITING = 1000


class Handlers:
    """The table of requests and what each does.

    :param status: what ``status`` answers
    :param courier: the courier of the moment, None without a registry
    """

    def __init__(
        self,
        *,
        status: Callable[[], dict[str, object]],
        supervisor: Supervisor,
        outbox: Outbox,
        courier: Callable[[], Courier | None],
        events: EventBus,
    ) -> None:
        self._status = status
        self._supervisor = supervisor
        self._outbox = outbox
        self._courier = courier
        self._events = events
        self._guests: dict[tuple[ClientConnection, str], AtSession] = {}
        self.doers: Mapping[str, Doer] = {
            "status": self._tell_status,
            "outbox.list": self._outbox_list,
            "outbox.flush": self._outbox_flush,
            "identify": self._identify,
        }
        self.visits: Mapping[str, VisitDoer] = {
            "at": self._at,
            "unsolicited": self._what_was_heard,
            "watch": self._watch,
        }

    async def _tell_status(self, _: Request) -> dict[str, object]:
        return self._status()

    async def _outbox_list(self, request: Request) -> dict[str, object]:
        limit = request.get("limit", 1000)
        if isinstance(limit, bool) or not isinstance(limit, int) or not 0 < limit <= 1_000_000:
            raise UsageError("limit must be between 1 and 1000000")
        return listing(self._outbox, limit)

    async def _outbox_flush(self, request: Request) -> dict[str, object]:
        timeout_s = _seconds(request, "timeout_s", 30.0, most=86400.0)
        courier = self._courier()
        if courier is None:
            raise SettingsError("the agent has no registry", hint="Start it with --registry URL.")
        before, _ = self._outbox.depth()
        uplink = await run_in_thread(lambda: courier.flush(timeout_s))
        waiting, set_aside = self._outbox.depth()
        if uplink.state is UplinkState.REFUSED:
            raise RegistryRefused(uplink.reason, status=0, hint=uplink.hint)
        if uplink.reason or waiting:
            reason = uplink.reason or f"{waiting} reports still wait after {timeout_s:g} s"
            raise RegistryUnreachable(reason, hint=uplink.hint)
        return {"flushed": before, "waiting": waiting, "dead_letters": set_aside}

    async def _identify(self, request: Request) -> dict[str, object]:
        extras = Extras(bool(request.get("eid_by_apdu")), bool(request.get("network")))
        watched = self._supervisor.find(_text(request, "port"))
        reading = await watched.read_now(extras)
        return {"port": watched.port, "snapshot": reading.to_json(evidence=True)}

    # -- what lasts

    async def _at(self, request: Request, visit: ClientConnection) -> dict[str, object]:
        from modemagent.control import answers  # here and below: a daemon is rarely asked for lines

        line = _text(request, "line")
        timeout_s = _seconds(request, "timeout_s", 10.0)
        guest = await self._guest(request, visit)
        answer = await guest.ask(line, timeout_s)
        return {"port": guest.channel.port, "answer": answers.to_json(answer)}

    async def _what_was_heard(self, request: Request, visit: ClientConnection) -> dict[str, object]:
        guest = await self._guest(request, visit)
        return {"port": guest.channel.port, "lines": guest.heard()}

    async def _guest(self, request: Request, visit: ClientConnection) -> AtSession:
        from modemagent.agent.control.at_session import AtSession

        channel = await self._supervisor.find(_text(request, "port")).channel()
        place = (visit, channel.port)
        guest = self._guests.get(place)
        if guest is None or guest.channel is not channel:
            guest = self._guests[place] = AtSession(channel)
            visit.on_disconnect(self._farewell(place, guest, self._events.subscribe(guest.listen)))
        return guest

    def _farewell(
        self, place: tuple[ClientConnection, str], guest: AtSession, deafen: Callable[[], None]
    ) -> Callable[[], asyncio.Future[None]]:
        async def leave() -> None:
            deafen()
            self._guests.pop(place, None)
            await guest.leave()

        return lambda: asyncio.ensure_future(leave())

    async def _watch(self, request: Request, visit: ClientConnection) -> dict[str, object]:
        words = request.get("ports") or []
        if not isinstance(words, list):
            raise UsageError("ports must be a list")
        ports = {self._supervisor.find(str(word)).port for word in words}
        waiting: asyncio.Queue[ModemEvent] = asyncio.Queue()
        missed = 0

        def take(event: ModemEvent) -> None:
            nonlocal missed
            if ports and event.port is not None and event.port not in ports:
                return
            if waiting.qsize() >= _EVENTS_WAITING:
                missed += 1
            else:
                waiting.put_nowait(event)

        deafen = self._events.subscribe(take)
        try:
            watched: list[str] = sorted(ports or self._supervisor.ports)
            begun = ModemEvent("watch.started", now(), None, None, {"ports": watched})
            await visit.send(begun.to_json())
            for port in sorted(ports):
                if trouble := self._trouble(port):
                    await visit.send(trouble.to_json())
            while True:
                event = await waiting.get()
                await visit.send(event.to_json())
                if missed and waiting.empty():
                    count, missed = missed, 0
                    lost = ModemEvent("watch.missed", event.at, None, None, {"count": count})
                    await visit.send(lost.to_json())
        finally:
            deafen()

    def _trouble(self, port: str) -> ModemEvent | None:
        """Return the state of a port that was asked for and is not well, as an event."""
        watched = self._supervisor.ports[port]
        told = watched.condition.to_json()
        if watched.condition.state is PortState.ABSENT:
            told.setdefault("message", "the port is not there")
        if not told.get("message"):
            return None
        del told["since_s"]
        return ModemEvent("port.state", now(), port, watched.place.id, told)


def _text(request: Request, key: str) -> str:
    value = request.get(key)
    if not isinstance(value, str) or not value:
        raise UsageError(f"{key} must be a text")
    return value


def _seconds(request: Request, key: str, default: float, most: float = 600.0) -> float:
    value = request.get(key, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= most:
        raise UsageError(f"{key} must be a number of seconds up to {most:g}")
    return float(value)
