"""The control socket: JSON both ways, one object a line, each with its ``schema``.

A request names what to ``do``; :mod:`modemagent.agent.control.handlers` lists the requests. Whoever
may open the socket may see full identifiers: it is for root, the agent's user and the group
``modemagent``. Clients are served side by side, each at its own cost: one that is slow, dead or
talks nonsense holds up nobody else, and one that has nothing to ask gives its place to others.
"""

from __future__ import annotations

import asyncio
import contextlib
import grp
import json
import os
import select
import socket
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

from modemagent.agent.control.clients import ClientSlot, ClientSlots, admit, peer_of
from modemagent.agent.control.intake import (
    FIRST_REQUEST_S,
    LONGEST_REQUEST,
    NEXT_REQUEST_S,
    LineReader,
)
from modemagent.control.address import short_name
from modemagent.errors import ModemAgentError, OutboxError, UsageError
from modemagent.logs import Log

SCHEMA = 1
_GROUP = "modemagent"
_TAKEN_WITHIN_S = 30.0

Request = Mapping[str, object]
Doer = Callable[[Request], Awaitable[dict[str, object]]]


class ClientGone(Exception):
    """The client has left, or does not take what it asked for."""


class ClientConnection:
    """One client from its coming to its going."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self._writer = writer
        self._leaving: list[Callable[[], Awaitable[None]]] = []

    async def send(self, message: Mapping[str, object]) -> None:
        """Send one object, and wait until the client has room for it.

        :raises ClientGone: it is there no more, or does not take what it asked for
        """
        if self._writer.is_closing():
            raise ClientGone
        self._writer.write(json.dumps({"schema": SCHEMA, **message}).encode() + b"\n")
        try:
            await asyncio.wait_for(self._writer.drain(), _TAKEN_WITHIN_S)
        except (OSError, TimeoutError):
            raise ClientGone from None

    def on_disconnect(self, act: Callable[[], Awaitable[None]]) -> None:
        """Have something done when the client goes."""
        self._leaving.append(act)

    @property
    def lasts(self) -> bool:
        """Something is open for this client, as a terminal is: it may take its time."""
        return bool(self._leaving)

    async def leave(self) -> None:
        while self._leaving:
            await self._leaving.pop()()


VisitDoer = Callable[[Request, ClientConnection], Awaitable[dict[str, object]]]


class ControlSocket:
    """Listens while the daemon runs.

    :param doers: what can be asked for
    :param visits: what can be asked for that lasts: it is given the client as well
    :param idle_s: after how long a client that asks nothing and holds nothing open is ended
    """

    def __init__(
        self,
        path: Path,
        doers: Mapping[str, Doer],
        log: Log,
        *,
        visits: Mapping[str, VisitDoer] | None = None,
        idle_s: float = NEXT_REQUEST_S,
    ) -> None:
        self._path = path
        self._doers = doers
        self._visits = visits or {}
        self._log = log
        self._idle_s = idle_s
        self._places = ClientSlots()
        self._server: asyncio.Server | None = None
        self._calls: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        # The state directory's lock is held, so a socket that is there is left from a crash.
        try:
            with short_name(self._path) as name:
                with contextlib.suppress(FileNotFoundError):
                    self._path.unlink()
                before = os.umask(0o117)
                try:
                    self._server = await asyncio.start_unix_server(
                        self._call, name, limit=LONGEST_REQUEST
                    )
                finally:
                    os.umask(before)
        except OSError as error:
            raise OutboxError(
                f"the control socket {self._path} can not be made: {error.strerror}",
                hint="Check who may write there.",
            ) from None
        # no such group, or not ours to give: then only this user and root may ask
        with contextlib.suppress(LookupError, OSError):
            os.chown(self._path, -1, grp.getgrnam(_GROUP).gr_gid)
        self._group = self._path.stat().st_gid

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
        for call in self._calls:
            call.cancel()
        await asyncio.gather(*self._calls, return_exceptions=True)
        with contextlib.suppress(OSError):
            self._path.unlink()

    # -- one client

    async def _call(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        this = asyncio.current_task()
        if this is not None:
            self._calls.add(this)
            this.add_done_callback(self._calls.discard)
        visit = ClientConnection(writer)
        intake = LineReader(reader)
        try:
            peer = peer_of(writer.get_extra_info("socket"))
            admit(peer, self._group)
            with self._places.taken_by(peer, this.cancel if this else writer.close) as place:
                await self._serve(place, intake, visit, writer)
        except ModemAgentError as error:
            with contextlib.suppress(ClientGone):
                await visit.send({"error": error.to_json()})
        except (ClientGone, TimeoutError, asyncio.CancelledError):
            pass  # a client that left or sleeps, or the daemon's own end
        finally:
            intake.close()
            writer.close()  # which still sends what is left, but not to one who never takes it
            asyncio.get_running_loop().call_later(_TAKEN_WITHIN_S, writer.transport.abort)
            await visit.leave()

    async def _serve(
        self,
        place: ClientSlot,
        intake: LineReader,
        visit: ClientConnection,
        writer: asyncio.StreamWriter,
    ) -> None:
        limit_s: float | None = FIRST_REQUEST_S
        while (line := await intake.line(limit_s)) is not None:
            place.idle_since = None
            answer = await self._unless_gone(self._answer(line, visit), intake, writer)
            await visit.send(answer)
            limit_s = None if visit.lasts else self._idle_s
            place.idle_since = None if visit.lasts else time.monotonic()

    async def _unless_gone(
        self,
        answering: Awaitable[dict[str, object]],
        intake: LineReader,
        writer: asyncio.StreamWriter,
    ) -> dict[str, object]:
        """Return the answer; when the client goes before it is there, stop working on it."""
        work = asyncio.ensure_future(answering)
        going = asyncio.ensure_future(intake.ended.wait())
        try:
            await asyncio.wait({work, going}, return_when=asyncio.FIRST_COMPLETED)
            if not work.done() and not _has_hung_up(writer.get_extra_info("socket")):
                # it will say no more and still listens, as "nc -U" at the end of a pipe
                await asyncio.wait({work})
            if not work.done():
                raise ClientGone
            return work.result()
        finally:
            for task in (work, going):
                task.cancel()
            await asyncio.gather(work, going, return_exceptions=True)

    async def _answer(
        self, line: bytes, visit: ClientConnection | None = None
    ) -> dict[str, object]:
        try:
            request = json.loads(line)
            name = request["do"]
            doer, long_doer = self._doers.get(name), self._visits.get(name)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            doer = long_doer = None
        if doer is None and (long_doer is None or visit is None):
            known = ", ".join((*self._doers, *self._visits))
            return {"error": UsageError("unknown request", hint=f"Known: {known}").to_json()}
        try:
            if doer is not None:
                return await doer(request)
            assert long_doer and visit  # noqa: S101 - narrowing: looked at above
            return await long_doer(request, visit)
        except ModemAgentError as error:
            return {"error": error.to_json()}
        except ClientGone:
            raise
        except Exception as fault:  # noqa: BLE001 - a fault of ours is an answer, not an end
            self._log.error("control_error", request=name, exc_info=True)
            said = f"a fault of modemagent: {type(fault).__name__}: {fault}"
            return {"error": ModemAgentError(said, hint="See the agent's log.").to_json()}


def _has_hung_up(line: socket.socket) -> bool:
    if line.fileno() < 0:
        return True  # found out while something was being sent to it
    poll = select.poll()
    poll.register(line.fileno(), 0)  # a hang-up is always told
    return bool(poll.poll(0))
