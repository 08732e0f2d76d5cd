"""Requests that the daemon handles on its control socket.

=================  =====================================================  ======================
``do``             parameters                                             response
=================  =====================================================  ======================
``status``                                                                as ``status --json``
``outbox.list``    ``limit``                                              as ``outbox list``
``outbox.flush``   ``timeout_s``                                          ``flushed``, ...
``identify``       ``port``; ``network``, ``eid_by_apdu``: read these     ``snapshot``
``at``             ``port``, ``line``, ``timeout_s``                      ``answer``
``unsolicited``    ``port``                                               ``lines`` since the last
                                                                          ``unsolicited``
``watch``          ``ports``: these only                                  events
=================  =====================================================  ======================

A response is one object; ``watch`` continues with one object for each event until the client
disconnects. An error is ``{"error": {"code", "exit", "message", "hint"}}``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from functools import partial

from modemagent.agent.control.at_session import AtSession
from modemagent.agent.control.server import ClientConnection, Handler, Request
from modemagent.channel.threads import run_in_thread
from modemagent.control import protocol
from modemagent.errors import RegistryRefused, RegistryUnreachable, SettingsError, UsageError
from modemagent.modem.identify import Extras
from modemagent.report.delivery.courier import Courier, UplinkState
from modemagent.report.outbox.outbox import Outbox
from modemagent.report.status import listing
from modemagent.watching.events import EventBus, ModemEvent, now
from modemagent.watching.port_state import PortState
from modemagent.watching.supervisor import Supervisor

_MAX_QUEUED_EVENTS = 1000


class Handlers:
    """The handlers and what they work on.

    :param status: returns the response to ``status``
    :param courier: returns the current courier, None without a registry
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
        self._sessions: dict[tuple[ClientConnection, str], AtSession] = {}
        self.table: Mapping[str, Handler] = {
            "status": self._show_status,
            "outbox.list": self._list_outbox,
            "outbox.flush": self._flush_outbox,
            "identify": self._identify,
            "at": self._at,
            "unsolicited": self._unsolicited,
            "watch": self._watch,
        }

    async def _show_status(self, _: Request, __: ClientConnection) -> dict[str, object]:
        return self._status()

    async def _list_outbox(self, request: Request, _: ClientConnection) -> dict[str, object]:
        limit = request.get("limit", 1000)
        if isinstance(limit, bool) or not isinstance(limit, int) or not 0 < limit <= 1_000_000:
            raise UsageError("limit must be between 1 and 1000000")
        return listing(self._outbox, limit)

    async def _flush_outbox(self, request: Request, _: ClientConnection) -> dict[str, object]:
        timeout_s = _seconds(request, "timeout_s", 30.0, most=86400.0)
        courier = self._courier()
        if courier is None:
            raise SettingsError("the agent has no registry", hint="Start it with --registry URL.")
        before, _dead = self._outbox.depth()
        uplink = await run_in_thread(lambda: courier.flush(timeout_s))
        waiting, dead_letters = self._outbox.depth()
        if uplink.state is UplinkState.REFUSED:
            raise RegistryRefused(uplink.reason, status=0, hint=uplink.hint)
        if uplink.reason or waiting:
            reason = uplink.reason or f"{waiting} reports still wait after {timeout_s:g} s"
            raise RegistryUnreachable(reason, hint=uplink.hint)
        return {"flushed": before, "waiting": waiting, "dead_letters": dead_letters}

    async def _identify(self, request: Request, _: ClientConnection) -> dict[str, object]:
        extras = Extras(bool(request.get("eid_by_apdu")), bool(request.get("network")))
        modem = self._supervisor.find(_text(request, "port"))
        reading = await modem.read_now(extras)
        return {"port": modem.port, "snapshot": reading.to_json(evidence=True)}

    # -- requests that keep state for a client

    async def _at(self, request: Request, client: ClientConnection) -> dict[str, object]:
        line = _text(request, "line")
        timeout_s = _seconds(request, "timeout_s", 10.0)
        session = await self._session(request, client)
        response = await session.send(line, timeout_s)
        return {"port": session.channel.port, "answer": protocol.to_json(response)}

    async def _unsolicited(self, request: Request, client: ClientConnection) -> dict[str, object]:
        session = await self._session(request, client)
        return {"port": session.channel.port, "lines": session.take_unsolicited()}

    async def _session(self, request: Request, client: ClientConnection) -> AtSession:
        channel = await self._supervisor.find(_text(request, "port")).channel()
        key = (client, channel.port)
        session = self._sessions.get(key)
        if session is None or session.channel is not channel:
            session = self._sessions[key] = AtSession(channel)
            unsubscribe = self._events.subscribe(session.listen)

            async def end(ended: AtSession) -> None:
                unsubscribe()
                self._sessions.pop(key, None)
                await ended.restore()

            client.on_disconnect(partial(end, session))
        return session

    async def _watch(self, request: Request, client: ClientConnection) -> dict[str, object]:
        names = request.get("ports") or []
        if not isinstance(names, list):
            raise UsageError("ports must be a list")
        ports = {self._supervisor.find(str(name)).port for name in names}
        queue: asyncio.Queue[ModemEvent] = asyncio.Queue()
        missed = 0

        def take(event: ModemEvent) -> None:
            nonlocal missed
            if ports and event.port is not None and event.port not in ports:
                return
            if queue.qsize() >= _MAX_QUEUED_EVENTS:
                missed += 1
            else:
                queue.put_nowait(event)

        unsubscribe = self._events.subscribe(take)
        try:
            watched: list[str] = sorted(ports or self._supervisor.modems)
            started = ModemEvent("watch.started", now(), None, None, {"ports": watched})
            await client.send(started.to_json())
            for port in sorted(ports):
                if error := self._error_of(port):
                    await client.send(error.to_json())
            while True:
                event = await queue.get()
                await client.send(event.to_json())
                if missed and queue.empty():
                    count, missed = missed, 0
                    lost = ModemEvent("watch.missed", event.at, None, None, {"count": count})
                    await client.send(lost.to_json())
        finally:
            unsubscribe()

    def _error_of(self, port: str) -> ModemEvent | None:
        """Return the state of a requested port as an event, if it has an error or is absent."""
        modem = self._supervisor.modems[port]
        data = modem.condition.to_json()
        if modem.condition.state is PortState.ABSENT:
            data.setdefault("message", "the port does not exist")
        if not data.get("message"):
            return None
        del data["since_s"]
        return ModemEvent("port.state", now(), port, modem.place.id, data)


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
