"""Acceptance of connections, a few in each turn of the event loop."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import Callable
from typing import Any

_AT_ONCE = 16
_AGAIN_AFTER_S = 1.0

log = logging.getLogger(__name__)


class Acceptor:
    """Accepts connections of a listening socket.

    uvloop accepts all that wait, up to the backlog, before it reads from the connections that there
    are: a client that opens thousands would delay all others by the time that they take.

    :param options: of TLS
    """

    def __init__(
        self,
        listener: socket.socket,
        protocol: Callable[[], asyncio.Protocol],
        options: dict[str, Any],
    ) -> None:
        self._listener = listener
        self._protocol = protocol
        self._options = options
        self._tasks: set[asyncio.Task[None]] = set()
        self._loop = asyncio.get_running_loop()

    def start(self) -> None:
        if self._listener.fileno() >= 0:
            self._listener.setblocking(False)
            self._loop.add_reader(self._listener, self._accept)

    def stop(self) -> None:
        self._loop.remove_reader(self._listener)

    def _accept(self) -> None:
        for _ in range(_AT_ONCE):
            try:
                accepted, _address = self._listener.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:  # no file descriptor is left
                log.error("no connection can be accepted: %s", error.strerror)
                self.stop()
                self._loop.call_later(_AGAIN_AFTER_S, self.start)
                return
            accepted.setblocking(False)
            task = self._loop.create_task(self._connect(accepted))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _connect(self, accepted: socket.socket) -> None:
        with contextlib.suppress(OSError):  # the client is gone, or its handshake failed
            await self._loop.connect_accepted_socket(self._protocol, accepted, **self._options)
