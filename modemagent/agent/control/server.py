"""Server of the control socket: JSON objects, one per line, each with its ``schema``.

The mode of the socket, 0660 and the group ``modemagent``, decides who may connect, and therefore
who may see full identifiers. Clients are served concurrently; one that is slow, dead or sends
invalid requests does not delay the others.
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
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from pathlib import Path
from typing import Any, Final

from modemagent.control.protocol import short_name
from modemagent.errors import AgentDenied, ModemAgentError, OutboxError, UsageError
from modemagent.logs import Log

SCHEMA: Final = 1
_GROUP: Final = "modemagent"
_MAX_REQUEST_BYTES: Final = 64 * 1024
_MAX_CLIENTS: Final = 64
#: Time for the first request of a client, for the next one if nothing is open for the client, and
#: for the client to read a response.
_FIRST_REQUEST_S, _NEXT_REQUEST_S, _SEND_S = 30.0, 600.0, 30.0

Request = Mapping[str, object]


class ClientGone(Exception):
    """The client has disconnected, or does not read the response."""


class ClientConnection:
    """One client, from its connection to its disconnection.

    :ivar idle_since: since when it waits for nothing and has nothing open, in monotonic seconds
    """

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self.idle_since: float | None = None
        self._writer = writer
        self._on_disconnect: list[Callable[[], Awaitable[None]]] = []

    async def send(self, message: Mapping[str, object]) -> None:
        """Send one object, and wait until the client has room for it.

        :raises ClientGone: it has disconnected, or does not read the response
        """
        if self._writer.is_closing():
            raise ClientGone
        self._writer.write(json.dumps({"schema": SCHEMA, **message}).encode() + b"\n")
        try:
            await asyncio.wait_for(self._writer.drain(), _SEND_S)
        except (OSError, TimeoutError):
            raise ClientGone from None

    def on_disconnect(self, action: Callable[[], Awaitable[None]]) -> None:
        """Run an action when the client disconnects; until then it counts as active."""
        self._on_disconnect.append(action)

    @property
    def has_open(self) -> bool:
        """True if something is open for the client, such as an AT terminal."""
        return bool(self._on_disconnect)

    def has_hung_up(self) -> bool:
        """Return True if the client has also closed its side for reading."""
        line: socket.socket = self._writer.get_extra_info("socket")
        if line.fileno() < 0:
            return True
        poll = select.poll()
        poll.register(line.fileno(), 0)  # a hang-up is always reported
        return bool(poll.poll(0))

    async def close(self) -> None:
        self._writer.close()  # sends what is left
        asyncio.get_running_loop().call_later(_SEND_S, self._writer.transport.abort)
        while self._on_disconnect:
            await self._on_disconnect.pop()()


Handler = Callable[[Request, ClientConnection], Coroutine[Any, Any, dict[str, object]]]


class ControlSocket:
    """Server of the control socket.

    :param handlers: the handler of each request, by its ``do``
    :param idle_s: time after which a client without a request and without anything open is closed
    """

    def __init__(
        self,
        path: Path,
        handlers: Mapping[str, Handler],
        log: Log,
        *,
        idle_s: float = _NEXT_REQUEST_S,
    ) -> None:
        self._path = path
        self._handlers = handlers
        self._log = log
        self._idle_s = idle_s
        self._server: asyncio.Server | None = None
        self._clients: dict[ClientConnection, asyncio.Task[None]] = {}

    async def open(self) -> None:
        """Listen.

        :raises OutboxError: the socket cannot be created in the state directory
        """
        # The lock of the state directory is held, so an existing socket is left from a crash.
        try:
            with short_name(self._path) as name:
                self._path.unlink(missing_ok=True)
                umask = os.umask(0o117)
                try:
                    self._server = await asyncio.start_unix_server(
                        self._on_connect, name, limit=_MAX_REQUEST_BYTES
                    )
                finally:
                    os.umask(umask)
        except OSError as error:
            raise OutboxError(
                f"cannot create the control socket {self._path}: {error.strerror}",
                hint="Check the permissions of this directory.",
            ) from None
        # without this group, or without the right to use it, only this user and root have access
        with contextlib.suppress(LookupError, OSError):
            os.chown(self._path, -1, grp.getgrnam(_GROUP).gr_gid)

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
        tasks = list(self._clients.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._path.unlink(missing_ok=True)

    # -- one client

    async def _on_connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        client, task = ClientConnection(writer), asyncio.current_task()
        assert task is not None  # noqa: S101 - narrowing: a coroutine runs in a task
        try:
            self._make_room()
            self._clients[client] = task
            await self._serve(client, reader)
        except ModemAgentError as error:
            with contextlib.suppress(ClientGone):
                await client.send({"error": error.to_json()})
        except (ClientGone, OSError, TimeoutError, asyncio.CancelledError):
            pass  # the client has disconnected or is idle, or the daemon ends
        finally:
            self._clients.pop(client, None)
            await client.close()

    def _make_room(self) -> None:
        """Close the client that has been idle longest if the limit is reached.

        :raises AgentDenied: no client is idle
        """
        if len(self._clients) < _MAX_CLIENTS:
            return
        idle = [(each.idle_since, each) for each in self._clients if each.idle_since is not None]
        if not idle:
            raise AgentDenied(
                f"{len(self._clients)} clients are connected to the agent already",
                hint="End some of them: terminals, watches, or requests that wait.",
            )
        _, longest = min(idle, key=lambda each: each[0])
        self._clients.pop(longest).cancel()

    async def _serve(self, client: ClientConnection, reader: asyncio.StreamReader) -> None:
        limit_s: float | None = _FIRST_REQUEST_S
        # The next line is read during a request, so that a disconnection is noticed.
        following = asyncio.ensure_future(reader.readline())
        try:
            while True:
                async with asyncio.timeout(limit_s):
                    line = await following
                if not line:
                    return
                client.idle_since = None
                following = asyncio.ensure_future(reader.readline())
                response = await self._unless_gone(self._answer(line, client), following, client)
                await client.send(response)
                limit_s = None if client.has_open else self._idle_s
                client.idle_since = None if client.has_open else time.monotonic()
        except ValueError:
            raise UsageError(f"a request holds at most {_MAX_REQUEST_BYTES} bytes") from None
        finally:
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)

    async def _unless_gone(
        self,
        answering: Coroutine[Any, Any, dict[str, object]],
        following: asyncio.Future[bytes],
        client: ClientConnection,
    ) -> dict[str, object]:
        """Return the response; stop working on it if the client disconnects.

        A client that has closed its side for writing only still gets its response: ``nc -U`` does
        so at the end of a pipe.
        """
        work = asyncio.ensure_future(answering)
        awaited: set[asyncio.Future[Any]] = {work, following}
        try:
            await asyncio.wait(awaited, return_when=asyncio.FIRST_COMPLETED)
            if not work.done() and client.has_hung_up():
                raise ClientGone
            return await work
        finally:
            work.cancel()
            await asyncio.gather(work, return_exceptions=True)

    async def _answer(self, line: bytes, client: ClientConnection) -> dict[str, object]:
        try:
            request = json.loads(line)
            name = request["do"]
            handler = self._handlers[name]
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            known = ", ".join(self._handlers)
            return {"error": UsageError("unknown request", hint=f"Known: {known}").to_json()}
        try:
            return await handler(request, client)
        except ModemAgentError as error:
            return {"error": error.to_json()}
        except ClientGone:
            raise
        except Exception as error:  # noqa: BLE001 - an internal error must not end the connection
            self._log.error("control_error", request=name, exc_info=True)
            text = f"internal error: {type(error).__name__}: {error}"
            return {"error": ModemAgentError(text, hint="See the agent's log.").to_json()}
